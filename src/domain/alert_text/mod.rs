//! Alerts by text: a sink of kind `sms` has each message told to the owners by texts of their own ([`event`]: what can happen to one,
//! [`decide`]: what becomes of it).
//!
//! Such a text belongs to no call, also where its alert is about one: it moves no ladder, and what answers it is in
//! [`crate::domain::reply`]. One message is one row an owner, so that a message that is handed over again, by whatever engine, texts
//! nobody again; a further row of the same message is made only where the one before it surely did not arrive.

pub(crate) mod decide;
pub(crate) mod event;
mod wording;

pub use wording::is_of_an_alert;

use super::alert::AlertKey;
use super::standalone_text::StandaloneText;
use super::types::{CallId, CallRef};

/// One message of a sink, to be told by text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertMessageToText {
    /// The same for the same alerts in the same state.
    pub id: String,
    /// The sink's name.
    pub sink: String,
    /// What it tells of: raised alerts or over ones, never both.
    pub alerts: Vec<AlertKey>,
    pub is_over: bool,
    /// The call that it is about, where it is about one.
    pub call: Option<CallId>,
    /// That of the call.
    pub call_reference: Option<CallRef>,
    /// What happened. It is cut to what one segment holds.
    pub words: String,
}

/// One text to one owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertText {
    /// The message's id.
    pub message: String,
    pub sink: String,
    /// Of the message: with the text's number it is the reference that its body carries.
    pub reference: CallRef,
    pub alerts: Vec<AlertKey>,
    pub is_over: bool,
    pub call: Option<CallId>,
    pub call_reference: Option<CallRef>,
    /// What happened, as it was when the message was made.
    pub words: String,
    pub text: StandaloneText,
}

impl AlertText {
    /// Whether it is about this call and went to this phone, or may have.
    pub fn told_of(&self, call: &CallId, phone: &str) -> bool {
        self.call.as_ref() == Some(call) && self.text.phone.e164() == phone && self.text.may_have_arrived()
    }
}
