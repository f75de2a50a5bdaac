//! Phone calls as data: statuses, classes of errors and ends, what is spoken. Source: `facts/twilio-voice.md`.

/// What an opt-out of phone calls is kept under, in the place of a sender. No sender can be called so: those of letters and
/// digits hold no colon.
pub const NO_PHONE_CALLS: &str = "voice:any";

pub mod classes;
#[cfg(feature = "drills")]
pub(crate) mod properties;
pub mod script;
pub mod status;
