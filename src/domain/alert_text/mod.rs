//! Alerts by text: a sink of kind `sms` has each message told to the owners by texts of their own ([`event`]: what can happen to one,
//! [`decide`]: what becomes of it, [`fate`]: whether a message is told).
//!
//! Such a text belongs to no call, also where its alert is about one: it moves no ladder, and what answers it is in
//! [`crate::domain::reply`]. One message is one row an owner, so that a message that is handed over again, by whatever engine, texts
//! nobody again; a further row of the same message is made only where the one before it surely did not arrive.

pub(crate) mod decide;
pub(crate) mod event;
pub(crate) mod fate;
mod wording;

pub use wording::names_held;

use super::alert::{AlertKey, AlertKind, Until};
use super::standalone_text::StandaloneText;
use super::team::{Contact, Directory};
use super::types::{CallId, CallRef, Timestamp};

/// One alert of a message: in which state it is told, and how it is named beside others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextedAlert {
    pub key: AlertKey,
    /// Since when this state waits for the sink, and its version: together they name it.
    pub since: Timestamp,
    pub version: i64,
    /// Its call, or its key.
    pub name: String,
    /// This text does not tell of it any more: it is over, was seen, or a newer message tells of it.
    pub is_dropped: bool,
}

/// One message of a sink, to be told by text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertMessageToText {
    /// The same for the same alerts in the same state.
    pub id: String,
    /// The sink's name.
    pub sink: String,
    /// What it tells of: raised alerts or over ones, never both.
    pub alerts: Vec<TextedAlert>,
    pub is_over: bool,
    /// Since when the first of them is raised.
    pub raised_since: Timestamp,
    /// The call that it is about, where it is about one.
    pub call: Option<CallId>,
    /// That of the call.
    pub call_reference: Option<CallRef>,
    /// What happened, where it tells of one alert. It is cut to what one segment holds.
    pub words: String,
}

/// One text to one owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertText {
    /// The message's id.
    pub message: String,
    pub sink: String,
    /// Of the message: see [`AlertText::mark`].
    pub reference: CallRef,
    pub alerts: Vec<TextedAlert>,
    pub is_over: bool,
    pub call: Option<CallId>,
    pub call_reference: Option<CallRef>,
    /// What happened, as it was when the message was made; empty where it told of several alerts.
    pub words: String,
    pub text: StandaloneText,
}

impl AlertText {
    /// What its body opens with: `9XQT-01`. The zero tells it from the reference of an attempt, which counts from 1 without one;
    /// no template comes before it.
    pub fn mark(&self) -> String {
        format!("{}-0{}", self.reference, self.text.number)
    }

    /// The alerts that it still tells of.
    pub fn told(&self) -> impl Iterator<Item = &TextedAlert> + Clone {
        self.alerts.iter().filter(|a| !a.is_dropped)
    }

    pub fn tells_of(&self, key: &AlertKey) -> bool {
        self.told().any(|a| &a.key == key)
    }

    /// Whether it is about this call and went to this phone, or may have.
    pub fn told_of(&self, call: &CallId, phone: &str) -> bool {
        self.call.as_ref() == Some(call) && self.text.phone.e164() == phone && self.text.may_have_arrived()
    }

    /// The call that `1` takes where it answers this text; `None`: `1` says that the alert was seen.
    pub fn call_to_take(&self) -> Option<&CallId> {
        let mut told = self.told();
        let is_taken = told.next().is_some_and(|a| a.key.kind().until() == Until::Taken);
        self.call.as_ref().filter(|_| is_taken && told.next().is_none() && !self.is_over)
    }
}

/// Whether a token opens a text of an alert: see [`AlertText::mark`].
pub fn is_mark(token: &str) -> bool {
    token.split_once('-').is_some_and(|(reference, number)| {
        let digits = number.strip_prefix('0').unwrap_or_default();
        reference.parse::<CallRef>().is_ok() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Whether an alert of this kind says how texts and sinks do: who stands in for a sink that is told by text says it at once.
pub const fn is_about_telling(kind: AlertKind) -> bool {
    matches!(
        kind,
        AlertKind::Breaker
            | AlertKind::NoSender
            | AlertKind::SinkFailing
            | AlertKind::SinkPlace
            | AlertKind::OwnerUntold
    )
}

/// Whether a text may tell this owner of it: none says that texts or sinks do not go, and nobody is told by text of their own words
/// or that they are not reached. A phone that answers by itself would be told of its own answers for ever.
pub fn is_for(key: &AlertKey, owner: &Contact, directory: &Directory) -> bool {
    let subject = key.subject().strip_suffix(AlertKey::NO_PHONE_CALLS).unwrap_or(key.subject());
    let is = |id: &str| subject.strip_suffix(id).is_some_and(|rest| rest.is_empty() || rest.ends_with(':'));
    // Of contacts with one phone the first is said to have written.
    let is_theirs = || {
        let writer = directory.by_phone(owner.phone.e164());
        is(owner.id.as_str()) || is(owner.phone.e164()) || writer.is_some_and(|w| is(w.id.as_str()))
    };
    match key.kind() {
        AlertKind::Breaker | AlertKind::NoSender | AlertKind::SinkFailing | AlertKind::SinkPlace => false,
        AlertKind::UnreadReply | AlertKind::AutoResponder | AlertKind::OptedOut | AlertKind::OwnerUntold => {
            !is_theirs()
        }
        _ => true,
    }
}

/// Whether a text may tell any owner of it. Where no owner is known it may: that is said where it is to go.
pub fn is_for_some_owner(key: &AlertKey, directory: &Directory) -> bool {
    directory.alert_owners().next().is_none() || directory.alert_owners().any(|owner| is_for(key, owner, directory))
}
