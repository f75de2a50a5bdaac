//! Where the store is, from the words of the configuration to those of the store.

use secrecy::ExposeSecret as _;

use crate::config::{PasswordSource, StoreLocation, StoreTls};
use crate::store::{Location, Password, PostgresUrl, Tls};

pub(crate) fn location_of(said: &StoreLocation) -> Location {
    match said {
        StoreLocation::Sqlite(path) => Location::File(path.clone()),
        StoreLocation::Postgres(server) => {
            let password = match &server.password {
                None => Password::None,
                Some(PasswordSource::Given(secret)) => Password::Text(secret.expose_secret().to_owned()),
                Some(PasswordSource::File(path)) => Password::File(path.clone()),
            };
            let tls = match server.tls {
                StoreTls::Never => Tls::Never,
                StoreTls::Offered => Tls::Offered,
                StoreTls::Required => Tls::Required,
            };
            let url = PostgresUrl::new(&server.url).with_password(password);
            Location::Postgres(url.with_tls(tls, server.tls_ca_file.clone()))
        }
    }
}
