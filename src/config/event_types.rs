//! Receivers of event webhooks, as the rest of the program sees them.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::secret_url::SecretUrl;
use crate::domain::outgoing::OutgoingKind;

/// Before the base64 of a secret.
const SECRET_PREFIX: &str = "whsec_";

/// A receiver of event webhooks.
#[derive(Debug, Clone)]
pub struct EventWebhook {
    /// What it goes by: how far it was told is kept under this name.
    pub name: String,
    pub url: SecretUrl,
    /// The key that signs, as it is written: `whsec_` and base64.
    pub secret: SecretString,
    /// The one before, while it is changed: both sign.
    pub secret_previous: Option<SecretString>,
    /// What it is told of; empty: everything.
    pub kinds: BTreeSet<OutgoingKind>,
}

impl PartialEq for EventWebhook {
    fn eq(&self, other: &Self) -> bool {
        let secret = |w: &Self| {
            let previous = w.secret_previous.as_ref().map(|s| s.expose_secret().to_owned());
            (w.secret.expose_secret().to_owned(), previous)
        };
        (&self.name, &self.url, &self.kinds) == (&other.name, &other.url, &other.kinds) && secret(self) == secret(other)
    }
}

/// The bytes of a secret; `None`: it is not written as one.
pub fn key_of(secret: &SecretString) -> Option<Vec<u8>> {
    let text = secret.expose_secret().strip_prefix(SECRET_PREFIX)?;
    let key = BASE64_STANDARD.decode(text).ok()?;
    (24..=64).contains(&key.len()).then_some(key)
}
