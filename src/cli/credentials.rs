//! How the configuration authenticates with the provider.

use crate::config::Twilio;
use crate::gateways::twilio::client::Auth;

/// What requests to the provider are authenticated with.
pub(super) fn auth_of(t: &Twilio) -> Auth {
    match &t.api_key {
        Some((sid, secret)) => Auth::ApiKey { sid: sid.clone(), secret: secret.clone() },
        None => Auth::Token(t.auth_token.clone()),
    }
}
