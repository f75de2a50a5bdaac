//! Who is on call, for people and over time: exceptions as they are asked for, what they change, and the documents that show it.
//!
//! What decides is [`crate::domain::oncall`]; commands and the listener share what is here.

pub(crate) mod json;
pub(crate) mod making;
