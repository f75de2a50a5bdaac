//! Phone calls as data: statuses, classes of errors and ends, what is spoken. Source: `facts/twilio-voice.md`.

pub mod classes;
pub mod script;
pub mod status;
