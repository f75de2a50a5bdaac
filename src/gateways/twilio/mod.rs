//! Twilio Programmable Messaging (API `2010-04-01`): the only place that knows its words, codes and signatures.

pub mod account;
pub mod client;
pub mod signature;
pub mod wire;

pub use account::{AccountSeen, NumberSeen, ServiceSeen};
pub use client::{Auth, ClientError, TwilioClient, TwilioSettings};
pub use signature::SignatureChecker;
pub use wire::{FormError, InboundSms, OptOut, Party, StatusCallback};
