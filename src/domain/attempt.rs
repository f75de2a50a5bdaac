//! An attempt: at most one POST that may have reached the provider, and its transition table.
//!
//! ```text
//! scheduled → sending · skipped · cancelled
//! sending   → submitted · delivered · failed · retrying (surely not sent) · unknown
//! retrying  → sending · failed · skipped · cancelled
//! unknown   → submitted · delivered · failed        (late evidence included; without any it stays, visible)
//! submitted → delivered · failed
//! ```
//! `delivered`, `failed`, `skipped` and `cancelled` are final. A second, different final word of the provider is settled by
//! one fetch, whose word stands: the only way out of a final state, and it has its own event.

use serde::{Deserialize, Serialize};

use super::codes::Class;
use super::mail::MailAddress;
use super::phone::PhoneNumber;
use super::receipt::{MessageStatus, Verdict};
use super::types::{AttemptId, CallId, CallRef, ContactId, ErrorCode, MessageSid, Sender, Timestamp};
use super::voice::classes::SipCode;

macro_rules! words {
    ($(#[$m:meta])* $name:ident { $($(#[$vm:meta])* $v:ident = $w:literal),+ $(,)? }) => {
        $(#[$m])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vm])* #[serde(rename = $w)] $v),+ }
        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$v),+];
            /// The word that is stored and shown.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$v => $w),+ } }
            /// Reads the stored word; an unknown one is `None`, never a default.
            pub fn from_word(w: &str) -> Option<Self> { match w { $($w => Some(Self::$v),)+ _ => None } }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}
pub(crate) use words;

words! {
    AttemptState {
        /// Waits for its turn.
        Scheduled = "scheduled",
        /// Its intent is stored; the POST may be under way.
        Sending = "sending",
        /// The POST surely did not happen; it is tried again.
        Retrying = "retrying",
        /// It is not known whether the provider accepted it.
        Unknown = "unknown",
        /// The provider accepted it; not final yet.
        Submitted = "submitted",
        /// Final: it arrived.
        Delivered = "delivered",
        /// Final: it did not.
        Failed = "failed",
        /// Final: superseded, opted out, nobody to tell.
        Skipped = "skipped",
        /// Final: the call closed before it left.
        Cancelled = "cancelled",
    }
}

words! {
    /// Why a notice is sent once more. Closed: it is counted.
    ResendReason {
        /// Nobody knows whether it was sent, and the policy says so.
        Unknown = "unknown",
        /// It failed in a way that may pass.
        Failed = "failed",
        /// It was refused for its words.
        Words = "words",
        /// Its sender failed.
        Sender = "sender",
        /// A person says so.
        ByHand = "by-hand",
    }
}

impl AttemptState {
    /// No event but a settled conflict leaves this state.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Skipped | Self::Cancelled)
    }

    /// Waits to be sent.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Scheduled | Self::Retrying)
    }

    /// A text that was accepted or may have been: it can reach its reader, or has.
    pub const fn may_have_arrived(self) -> bool {
        matches!(self, Self::Sending | Self::Unknown | Self::Submitted | Self::Delivered)
    }
}

words! {
    AttemptKind {
        /// Tells a contact of the call.
        Notice = "notice",
        /// Tells a contact that the call is taken or closed.
        StandDown = "stand-down",
        /// Answers a reply that was read from the provider's list.
        Answer = "answer",
        /// Tells what has changed of a call to a contact who knows it.
        Update = "update",
        /// Asks whoever took the call whether it goes on.
        Question = "question",
    }
}

words! {
    /// How a notice travels.
    #[derive(Default)]
    Channel {
        /// A text message.
        #[default]
        Sms = "sms",
        /// A mail, by the shop's relay.
        Email = "email",
        /// A phone call that asks for a key.
        Voice = "voice",
    }
}

words! {
    /// What goes first when a sender's rate is short.
    Priority {
        /// The first text to a contact for a call.
        First = "first",
        /// A later one, or an answer.
        Reminder = "reminder",
        /// The rest.
        StandDown = "stand-down",
    }
}

/// What can happen to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEvent {
    /// Its intent is committed; one POST follows.
    SendStarted,
    /// The POST surely did not reach the provider; try again.
    SurelyNotSent,
    /// No answer, or none that can be read.
    OutcomeUnknown,
    /// The provider has it (response, receipt, poll or search: one rule).
    ProviderHasIt,
    /// The provider gave its final word, by whatever way.
    ProviderSaid(Verdict),
    /// The provider refused it for good, or we gave up before it left.
    Refused,
    /// No longer wanted: superseded, opted out, nobody to tell.
    Skip,
    /// The call closed before it left.
    Cancel,
    /// A fetch settled which of two different finals is true.
    ConflictSettled(Verdict),
}

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The attempt is now in this state.
    To(AttemptState),
    /// It stays where it is: late or repeated news, recorded and harmless.
    Stale,
    /// A different final word than the one that stands: ask the provider once.
    Conflict,
}

/// An event that cannot happen in a state: our bug, never the outside's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an attempt that is {at} cannot see {event:?}")]
pub struct IllegalMove {
    /// The state it was in.
    pub at: AttemptState,
    /// What came.
    pub event: AttemptEvent,
}

impl AttemptState {
    /// The transition table, total: what it does not list is an error.
    ///
    /// Evidence from the provider is never illegal. Where it finds an attempt that we believed unsent (`scheduled` or
    /// `retrying`: a store restored from a copy, or a provider that did process what it said it had not), it moves as if the
    /// POST had been claimed, which the table allows by way of `sending`.
    ///
    /// # Errors
    /// [`IllegalMove`] for an event of our own that does not fit.
    pub const fn on(self, event: AttemptEvent) -> Result<Move, IllegalMove> {
        use AttemptEvent as E;
        use AttemptState as S;
        Ok(match (self, event) {
            (S::Scheduled | S::Retrying, E::SendStarted) => Move::To(S::Sending),
            (S::Scheduled | S::Retrying, E::Skip) => Move::To(S::Skipped),
            (S::Scheduled | S::Retrying, E::Cancel) => Move::To(S::Cancelled),
            (S::Retrying | S::Sending, E::Refused) => Move::To(S::Failed),
            (S::Sending, E::SurelyNotSent) => Move::To(S::Retrying),
            (S::Sending, E::OutcomeUnknown) => Move::To(S::Unknown),
            (S::Scheduled | S::Retrying | S::Sending | S::Unknown, E::ProviderHasIt) => Move::To(S::Submitted),
            (S::Scheduled | S::Retrying | S::Sending | S::Unknown | S::Submitted, E::ProviderSaid(v)) => {
                Move::To(of(v))
            }
            (S::Delivered, E::ProviderSaid(Verdict::Failed)) | (S::Failed, E::ProviderSaid(Verdict::Delivered)) => {
                Move::Conflict
            }
            (S::Delivered | S::Failed, E::ConflictSettled(v)) => Move::To(of(v)),
            // The answer to a POST may come after the receipt, the search or the fetch that settled it already.
            (S::Submitted | S::Delivered | S::Failed, E::SurelyNotSent | E::OutcomeUnknown | E::Refused)
            | (S::Unknown, E::OutcomeUnknown)
            | (S::Submitted | S::Delivered | S::Failed | S::Skipped | S::Cancelled, E::ProviderHasIt)
            | (S::Delivered | S::Failed | S::Skipped | S::Cancelled, E::ProviderSaid(_)) => Move::Stale,
            // A late 4xx settles what a crash or a cut had left open: it was not accepted.
            (S::Unknown, E::Refused) => Move::To(S::Failed),
            (at, event) => return Err(IllegalMove { at, event }),
        })
    }
}

const fn of(v: Verdict) -> AttemptState {
    match v {
        Verdict::Delivered => AttemptState::Delivered,
        Verdict::Failed => AttemptState::Failed,
    }
}

/// What is known of a phone call besides its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PhoneTrace {
    /// Its carrier's code for how it ended; it may come later than the end.
    pub sip: Option<SipCode>,
    /// A phone rang, as far as the provider says.
    pub rang: bool,
    /// The provider asked us what to say.
    pub asked: bool,
}

/// Who is told: kept as they were when the attempt was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Recipient {
    /// Its id in the configuration, or the number itself.
    pub contact: ContactId,
    /// As people say it.
    pub name: String,
    /// Where the text goes, and who it is that answers, however they were told.
    pub phone: PhoneNumber,
    /// How they are told.
    #[serde(default, skip_serializing_if = "Channel::is_sms")]
    pub channel: Channel,
    /// Where a mail goes; present exactly with that channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<MailAddress>,
    /// Why they hold the role that is told, as it was then: whose turn it is, or which exception names them. `None`: they were
    /// named themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Channel {
    /// Whether it is a text.
    pub const fn is_sms(&self) -> bool {
        matches!(self, Self::Sms)
    }

    /// What travels, for people.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Sms => "text",
            Self::Email => "mail",
            Self::Voice => "phone call",
        }
    }

    /// Who carries it.
    pub const fn provider(self) -> &'static str {
        match self {
            Self::Sms | Self::Voice => "twilio",
            Self::Email => "smtp",
        }
    }
}

impl Recipient {
    /// Told by text.
    pub fn by_text(contact: ContactId, name: String, phone: PhoneNumber) -> Self {
        Self { contact, name, phone, channel: Channel::Sms, email: None, why: None }
    }

    /// The same, told by text.
    pub fn told_by_text(self) -> Self {
        Self { channel: Channel::Sms, email: None, ..self }
    }
}

/// The notice that an attempt serves: unique in the store together with its call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoticeKey {
    /// Hand-back and reopen open a new round; the first is 1.
    pub round: u32,
    /// Index in the flattened ladder, from 0.
    pub step: u32,
    /// Who is to be told once.
    pub contact: ContactId,
}

/// One try at one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Rides in the callback URL.
    pub id: AttemptId,
    pub call: CallId,
    /// Counts the call's attempts from 1; part of the reference in the text.
    pub number: u32,
    pub kind: AttemptKind,
    /// How it travels.
    pub channel: Channel,
    /// Who carries it: `twilio`, `smtp`.
    pub provider: String,
    /// The round and step it belongs to (a stand-down: those of the text it takes back).
    pub round: u32,
    /// See [`NoticeKey::step`].
    pub step: u32,
    /// Who is told.
    pub recipient: Recipient,
    /// Decided in the claim.
    pub sender: Option<Sender>,
    pub state: AttemptState,
    /// What goes first.
    pub priority: Priority,
    /// Rendered in the claim: the intent. Empty until then.
    pub body: String,
    /// SMS segments of `body`; 1 of what is no text.
    pub segments: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Not to be sent before this moment (a pause before a retry or a resend).
    pub not_before: Timestamp,
    /// When the step was due whose text it is; `None` for a first notice, for what no step fired and for a resend. What left late is
    /// judged against it, when the text is claimed.
    pub due_at: Option<Timestamp>,
    /// Not wanted after this moment: a stand-down is dropped unsent, a phone call that is under way is ended.
    pub expires_at: Option<Timestamp>,
    /// The engine that claimed it and has not reported back; set exactly while `sending`.
    pub claimed_by: Option<String>,
    /// When its latest intent was committed.
    pub sent_at: Option<Timestamp>,
    /// How far our clock was stepped since then, in milliseconds, while the outcome was open; see [`Attempt::sent_at_now`].
    pub clock_steps_ms: i64,
    /// When the provider made its message, by the provider's own clock, in whole seconds: compared with that clock alone.
    pub provider_at: Option<Timestamp>,
    /// The newest moment of the provider's clock that was known before the POST: its message is not older.
    pub provider_after: Option<Timestamp>,
    /// How many POSTs of it surely did not happen.
    pub tries: u32,
    /// Whether to ask for receipts: false once the provider refused our URL.
    pub callback: bool,
    /// The provider's message, or its phone call.
    pub sid: Option<MessageSid>,
    /// The provider's latest word, for phone calls too: see [`super::voice::status`].
    pub message_status: Option<MessageStatus>,
    /// The provider's code, where it failed.
    pub error_code: Option<ErrorCode>,
    /// What kind of failure it ended in; present only where it failed.
    pub class: Option<Class>,
    /// One sentence for a person: why it ended as it did.
    pub result: String,
    /// What its reader wrote since it was made, for the shop's base; of a phone call, the key that decided.
    pub replied: String,
    /// The attempt that this one repeats.
    pub repeats: Option<AttemptId>,
    /// When it became final; set exactly when it is.
    pub finished_at: Option<Timestamp>,
    /// For an unknown outcome: when its policy has decided (it no longer counts as open then).
    pub decided_at: Option<Timestamp>,
    /// When to ask the provider for its status; `None` when it need not be asked.
    pub poll_at: Option<Timestamp>,
    /// How often it was asked.
    pub polls: u32,
    /// Two different finals came; the next fetch settles it.
    pub conflict: bool,
    /// Of a phone call.
    pub trace: PhoneTrace,
}

impl Attempt {
    /// The reference in its text, `7K3Q-2`.
    pub fn reference(&self, call: &CallRef) -> String {
        call.attempt(self.number)
    }

    /// When its latest intent was committed, by our clock as it is now: what has passed since is true whatever was stepped.
    pub fn sent_at_now(&self) -> Option<Timestamp> {
        self.sent_at.map(|at| Timestamp::from_millis(at.as_millis().saturating_add(self.clock_steps_ms)))
    }

    /// What it surely goes by: an answer by the number that was written to, a mail by the relay.
    pub fn own_sender(&self) -> Option<&Sender> {
        self.sender.as_ref().filter(|_| self.kind == AttemptKind::Answer || self.channel == Channel::Email)
    }

    /// Whether its provider has taken it: it has a message, or a relay has the mail.
    pub fn was_taken(&self) -> bool {
        self.sid.is_some() || (self.channel == Channel::Email && self.state == AttemptState::Submitted)
    }

    /// Whether a phone rang by it, as far as the provider says.
    pub fn rang(&self) -> bool {
        self.channel == Channel::Voice && (self.state == AttemptState::Delivered || self.trace.rang)
    }

    /// Whether its reader was told or tried, or may have been.
    pub fn may_have_told(&self) -> bool {
        self.state.may_have_arrived() || self.rang()
    }

    /// Whether it is a phone call that may be under way: claimed, accepted and not over, or not known and not decided.
    pub fn is_open_phone_call(&self) -> bool {
        self.channel == Channel::Voice
            && match self.state {
                AttemptState::Sending | AttemptState::Submitted => true,
                AttemptState::Unknown => self.decided_at.is_none(),
                _ => false,
            }
    }

    /// Whether it is a phone call that was picked up and goes on.
    pub fn is_being_spoken(&self) -> bool {
        self.channel == Channel::Voice
            && self.state == AttemptState::Submitted
            && self.message_status.as_ref().is_some_and(|s| s.as_str() == "in-progress")
    }

    /// Its notice, where it serves one.
    pub fn notice(&self) -> Option<NoticeKey> {
        (self.kind == AttemptKind::Notice).then(|| NoticeKey {
            round: self.round,
            step: self.step,
            contact: self.recipient.contact.clone(),
        })
    }

    /// Whether it still stands for its notice: no other attempt of that notice may be made.
    pub fn is_open(&self) -> bool {
        match self.state {
            AttemptState::Scheduled | AttemptState::Sending | AttemptState::Retrying => true,
            AttemptState::Unknown => self.decided_at.is_none(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &[AttemptEvent] = &[
        AttemptEvent::SendStarted,
        AttemptEvent::SurelyNotSent,
        AttemptEvent::OutcomeUnknown,
        AttemptEvent::ProviderHasIt,
        AttemptEvent::ProviderSaid(Verdict::Delivered),
        AttemptEvent::ProviderSaid(Verdict::Failed),
        AttemptEvent::Refused,
        AttemptEvent::Skip,
        AttemptEvent::Cancel,
    ];

    /// The table of the module's page, with the way through `sending` that evidence takes written out.
    fn allowed(from: AttemptState, to: AttemptState, event: AttemptEvent) -> bool {
        use AttemptState as S;
        let direct: &[S] = match from {
            S::Scheduled => &[S::Sending, S::Skipped, S::Cancelled],
            S::Sending => &[S::Submitted, S::Delivered, S::Failed, S::Retrying, S::Unknown],
            S::Retrying => &[S::Sending, S::Failed, S::Skipped, S::Cancelled],
            S::Unknown => &[S::Submitted, S::Delivered, S::Failed],
            S::Submitted => &[S::Delivered, S::Failed],
            _ => &[],
        };
        let evidence = matches!(event, AttemptEvent::ProviderHasIt | AttemptEvent::ProviderSaid(_));
        direct.contains(&to)
            || (evidence && direct.contains(&S::Sending) && matches!(to, S::Submitted | S::Delivered | S::Failed))
    }

    #[test]
    fn every_move_is_one_that_the_table_allows() {
        let mut moves = 0;
        for from in AttemptState::ALL {
            for event in EVENTS {
                match from.on(*event) {
                    Ok(Move::To(to)) => {
                        moves += 1;
                        assert!(allowed(*from, to, *event), "{from} → {to} by {event:?}");
                    }
                    Ok(Move::Conflict) => {
                        assert!(matches!(from, AttemptState::Delivered | AttemptState::Failed), "{from} {event:?}");
                    }
                    Ok(Move::Stale) | Err(_) => {}
                }
            }
        }
        assert_eq!(moves, 25, "a changed table needs a changed test");
    }

    #[test]
    fn every_state_of_the_table_is_reached_and_finals_stay() {
        use AttemptState as S;
        for (from, to) in [
            (S::Scheduled, S::Sending),
            (S::Scheduled, S::Skipped),
            (S::Scheduled, S::Cancelled),
            (S::Sending, S::Submitted),
            (S::Sending, S::Delivered),
            (S::Sending, S::Failed),
            (S::Sending, S::Retrying),
            (S::Sending, S::Unknown),
            (S::Retrying, S::Sending),
            (S::Retrying, S::Failed),
            (S::Retrying, S::Skipped),
            (S::Retrying, S::Cancelled),
            (S::Unknown, S::Submitted),
            (S::Unknown, S::Delivered),
            (S::Unknown, S::Failed),
            (S::Submitted, S::Delivered),
            (S::Submitted, S::Failed),
        ] {
            assert!(EVENTS.iter().any(|e| from.on(*e) == Ok(Move::To(to))), "{from} → {to} is missing");
        }
        for state in AttemptState::ALL.iter().filter(|s| s.is_final()) {
            for event in EVENTS {
                assert!(!matches!(state.on(*event), Ok(Move::To(_))), "{state} left by {event:?}");
            }
        }
    }

    #[test]
    fn every_event_sequence_to_length_six_ends_in_a_known_state_and_finals_hold() {
        fn walk(state: AttemptState, depth: u32, seen: &mut u64) {
            *seen += 1;
            if depth == 0 {
                return;
            }
            for event in EVENTS {
                match state.on(*event) {
                    Ok(Move::To(next)) => {
                        assert!(!state.is_final(), "{state} is final");
                        walk(next, depth - 1, seen);
                    }
                    Ok(Move::Stale | Move::Conflict) => walk(state, depth - 1, seen),
                    Err(e) => {
                        assert!(
                            !matches!(event, AttemptEvent::ProviderHasIt | AttemptEvent::ProviderSaid(_)),
                            "evidence is never illegal: {e}"
                        );
                    }
                }
            }
        }
        let mut seen = 0;
        walk(AttemptState::Scheduled, 6, &mut seen);
        assert!(seen > 10_000, "{seen}");
    }

    #[test]
    fn words_read_back() {
        for s in AttemptState::ALL {
            assert_eq!(AttemptState::from_word(s.as_str()), Some(*s));
        }
        assert_eq!(AttemptState::from_word("sended"), None);
    }
}
