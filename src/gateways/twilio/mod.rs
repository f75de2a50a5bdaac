//! Twilio Programmable Messaging (API `2010-04-01`): the only place that knows its words, codes and signatures.

pub(crate) mod account;
pub(crate) mod call_ended;
mod calls;
pub(crate) mod client;
mod permissions;
#[cfg(feature = "drills")]
pub(crate) mod properties;
pub(crate) mod signature;
pub(crate) mod voice_form;
pub(crate) mod wire;

pub use account::{AccountSeen, NumberSeen, ServiceSeen};
pub use client::TwilioClient;
pub use permissions::CountrySeen;
