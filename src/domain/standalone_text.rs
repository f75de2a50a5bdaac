//! A text of ours that belongs to no call: of a roll call, or of an alert. It has the states of an attempt and the same rules: the
//! intent is stored before the POST, at most one POST may have reached the provider, and an unknown outcome is found out.
//!
//! What a text is for is decided by its owner ([`crate::domain::roll_call`], [`crate::domain::alert_text`]); what happens to each is in
//! [`crate::domain::standalone_send`].

use super::attempt::{AttemptState, words};
use super::phone::PhoneNumber;
use super::receipt::MessageStatus;
use super::team::Contact;
use super::types::{AttemptId, ContactId, ErrorCode, MessageSid, Sender, Timestamp};

words! {
    /// What such a text is for.
    StandaloneKind {
        /// It asks its reader whether they are on call.
        Ask = "roll-call",
        /// It tells a person that they must look.
        Alert = "alert",
    }
}

/// Whom a text goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    pub contact: ContactId,
    pub name: String,
    pub phone: PhoneNumber,
}

impl Reader {
    pub fn of(contact: &Contact) -> Self {
        Self { contact: contact.id.clone(), name: contact.name.clone(), phone: contact.phone.clone() }
    }
}

/// One text: at most one POST that may have reached the provider, by the states of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandaloneText {
    /// Rides in the callback URL.
    pub id: AttemptId,
    /// Counts from 1; part of the reference in the text.
    pub number: u32,
    pub kind: StandaloneKind,
    pub contact: ContactId,
    pub name: String,
    pub phone: PhoneNumber,
    /// Decided in the claim.
    pub sender: Option<Sender>,
    pub state: AttemptState,
    /// Rendered in the claim: the intent. Empty until then.
    pub body: String,
    pub segments: u32,
    pub created_at: Timestamp,
    /// Not to be sent before this moment.
    pub not_before: Timestamp,
    /// POSTs that surely did not happen.
    pub tries: u32,
    /// The engine that claimed it and has not reported back; set exactly while `sending`.
    pub claimed_by: Option<String>,
    /// When its latest intent was committed.
    pub sent_at: Option<Timestamp>,
    /// See [`crate::domain::attempt::Attempt::provider_after`].
    pub provider_after: Option<Timestamp>,
    /// When the provider made it, by the provider's clock.
    pub provider_at: Option<Timestamp>,
    /// Whether to ask for receipts.
    pub callback: bool,
    pub sid: Option<MessageSid>,
    pub message_status: Option<MessageStatus>,
    pub error_code: Option<ErrorCode>,
    /// One sentence for a person: why it ended as it did.
    pub result: String,
    /// When the provider is asked about it, or its list is searched for it; `None`: not any more.
    pub poll_at: Option<Timestamp>,
    pub polls: u32,
}

/// What a claim of such a text allows, once.
#[derive(Debug, Clone)]
pub struct StandaloneToSend {
    /// The text with its intent.
    pub text: StandaloneText,
    /// Who sends.
    pub sender: Sender,
}

impl StandaloneText {
    /// One that waits to be sent.
    pub fn new(id: AttemptId, number: u32, kind: StandaloneKind, to: Reader, now: Timestamp) -> Self {
        Self {
            id,
            number,
            kind,
            contact: to.contact,
            name: to.name,
            phone: to.phone,
            sender: None,
            state: AttemptState::Scheduled,
            body: String::new(),
            segments: 0,
            created_at: now,
            not_before: now,
            tries: 0,
            claimed_by: None,
            sent_at: None,
            provider_after: None,
            provider_at: None,
            callback: true,
            sid: None,
            message_status: None,
            error_code: None,
            result: String::new(),
            poll_at: None,
            polls: 0,
        }
    }

    /// It is not sent any more, and why.
    pub fn skip(&mut self, why: &str) {
        self.state = AttemptState::Skipped;
        why.clone_into(&mut self.result);
    }

    /// Nothing of it is to be told any more, and why.
    pub fn cancel(&mut self, why: &str) {
        self.state = AttemptState::Cancelled;
        why.clone_into(&mut self.result);
    }

    /// It waits to be sent, it is sent, or what became of it is still to be found out.
    pub fn is_open(&self) -> bool {
        self.state.is_waiting() || self.state == AttemptState::Sending || self.poll_at.is_some()
    }

    /// The provider may have it, or has had it.
    pub fn may_have_arrived(&self) -> bool {
        self.state.may_have_arrived() || self.sid.is_some()
    }
}
