//! New secrets are tried before they count: one that the other side refuses changes nothing, and the old one goes on.
//!
//! Nothing is kept: a secret that was taken over and is lost with the process is read again from its file by the next start.

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Config, Twilio};
use crate::gateways::mirror::MirrorError;
use crate::gateways::twilio::client::Auth;
use crate::gateways::{GatewayError, ListFilter, SmsGateway as _};

use super::app::App;
use super::credentials::auth_of;

/// What a new secret was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tried {
    /// Every one that is new is taken by its other side.
    Taken,
    /// One is refused: which, and in whose words.
    Refused(String),
    /// Nobody can say now; to be tried again.
    Unanswered(String),
}

/// Tries each secret of `new` that `app` does not use yet.
pub(super) async fn tried(app: &App, new: &Config) -> Tried {
    let old = &app.config;
    if let (Some(was), Some(is)) = (&old.twilio, &new.twilio)
        && was.account_sid == is.account_sid
        && was.base_url == is.base_url
    {
        if !same_auth(&auth_of(was), &auth_of(is)) {
            match twilio(app, is, auth_of(is), "the new secret of [twilio]").await {
                Tried::Taken => {}
                other => return other,
            }
        }
        // Beside an API key the token signs webhooks alone; a wrong one would refuse every receipt and every reply.
        if is.api_key.is_some() && !same(&was.auth_token, &is.auth_token) {
            match twilio(app, is, Auth::Token(is.auth_token.clone()), "the new twilio.auth_token").await {
                Tried::Taken => {}
                other => return other,
            }
        }
    }
    if let (Some(was), Some(is)) = (&old.airtable, &new.airtable)
        && !same(&was.token, &is.token)
    {
        return airtable(app, new).await;
    }
    Tried::Taken
}

/// Whether the base's token is another one.
pub(super) fn has_other_base_token(was: &Config, is: &Config) -> bool {
    matches!((&was.airtable, &is.airtable), (Some(was), Some(is)) if !same(&was.token, &is.token))
}

fn same(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}

fn same_auth(a: &Auth, b: &Auth) -> bool {
    match (a, b) {
        (Auth::Token(a), Auth::Token(b)) => same(a, b),
        (Auth::ApiKey { sid: a, secret: x }, Auth::ApiKey { sid: b, secret: y }) => a == b && same(x, y),
        _ => false,
    }
}

/// A list of one message: it costs nothing and needs what a send needs.
async fn twilio(app: &App, t: &Twilio, auth: Auth, what: &str) -> Tried {
    let client = match app.twilio_tried(t, auth) {
        Ok(client) => client,
        Err(e) => return Tried::Refused(format!("{what}: {}", e.what)),
    };
    match client.list(&ListFilter { limit: 1, ..ListFilter::default() }).await {
        Ok(_) => Tried::Taken,
        Err(GatewayError::Refused { code, message, .. }) => {
            let code = code.map_or_else(String::new, |c| format!(" (code {})", c.0));
            Tried::Refused(format!("{what}: the provider refuses it{code}: {message}"))
        }
        Err(e) => Tried::Unanswered(format!("{what}: {e}")),
    }
}

async fn airtable(app: &App, new: &Config) -> Tried {
    const WHAT: &str = "the new airtable.token";
    let base = match app.mirror_of(new) {
        Ok(Some(base)) => base,
        Ok(None) => return Tried::Taken,
        Err(e) => return Tried::Refused(format!("{WHAT}: {}", e.what)),
    };
    match base.whoami().await {
        Ok(_) => Tried::Taken,
        Err(e @ MirrorError::Refused(_)) => Tried::Refused(format!("{WHAT}: Airtable refuses it: {e}")),
        Err(e) => Tried::Unanswered(format!("{WHAT}: {e}")),
    }
}
