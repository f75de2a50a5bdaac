//! What voice agents' platforms post, as they post it, read into a call: Retell, Vapi, and any other JSON by its paths.
//!
//! Pure: bytes in, a [`Reading`] out; who sent them was proven before. Nothing that a platform writes is refused here: what cannot be
//! read is [`Reading::Unread`], and a person hears of it. Source: `facts/intake.md`.

mod caller;
mod custom;
mod fields;
mod paths;
mod reading;
mod retell;
#[cfg(test)]
mod tests;
mod unreported;
mod vapi;

pub(super) use caller::caller;
pub(in crate::engine) use paths::at as text_at;
pub use reading::{Reading, Reported, Tool, Unheard, Wants, digest, platform_call_id};
pub use unreported::unreported;

use super::json::{self, Document};
use crate::config::{CustomSource, RetellSource, VapiSource};

/// The body of Retell's webhook.
pub fn retell(raw: &[u8], source: &RetellSource) -> Reading {
    read(raw, |document| retell::webhook(document, source, raw))
}

/// The body of Retell's custom function.
pub fn retell_function(raw: &[u8], source: &RetellSource) -> Reading {
    read(raw, |document| retell::function(document, source, raw))
}

/// The body of Vapi's messages.
pub fn vapi(raw: &[u8], source: &VapiSource) -> Reading {
    read(raw, |document| vapi::message(document, source, raw))
}

/// The body of any other platform.
pub fn custom(raw: &[u8], name: &str, source: &CustomSource) -> Reading {
    read(raw, |document| custom::report(document, name, source, raw))
}

fn read(raw: &[u8], reading: impl FnOnce(&Document) -> Reading) -> Reading {
    match json::read(raw) {
        Err(why) => Reading::Unread(format!("it is not JSON: {why}")),
        Ok(document) if !document.value.is_object() => Reading::Unread("it is no JSON object".to_owned()),
        Ok(document) => reading(&document),
    }
}
