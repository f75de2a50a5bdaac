//! Where the store is, from the words of the configuration to those of the store.

use crate::config::StoreLocation;
use crate::store::Location;

pub(crate) fn location_of(said: &StoreLocation) -> Location {
    match said {
        StoreLocation::Sqlite(path) => Location::File(path.clone()),
        StoreLocation::Postgres(server) => Location::Postgres(server.url.clone()),
    }
}
