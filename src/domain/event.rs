//! Everything that can happen, and what a decision is shown. What it returns is in [`super::change`].
//!
//! Each entry (`cli/`, `http/`, a loop of `engine/`) makes an [`Event`] and gives it to `engine/apply.rs`; nothing else changes a call.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::alert::{AlertChange, AlertKey, AlertKind};
use super::alert_text::AlertText;
use super::alert_text::event::AlertTextEvent;
use super::answers::{AnsweredBefore, PastAnswer, PastReply, Prompt};
use super::attempt::AttemptKind;
use super::breaker::Breaker;
use super::call::{CallData, CallState, CallVersion, Override};
use super::change::PhoneCallChange;
use super::codes::ErrorClass;
use super::log::LogKind;
use super::oncall::RotationId;
use super::oncall::roll_call::{RollCall, RollCallId};
pub use super::outcome::SendOutcome;
use super::phone::PhoneNumber;
use super::phone_call::PhoneCall;
pub use super::phone_call::{BlockedPhoneCall, OpenPhoneCall};
use super::policy::Policy;
use super::receipt::MessageStatus;
use super::roll_call::event::RollCallEvent;
use super::settings::{Basis, SettingsNumber};
use super::similar::Similar;
use super::types::{Actor, AttemptId, CallId, CallRef, ContactId, ErrorCode, MessageSid, Sender, Timestamp};

/// A call that somebody hands to us: checked, with its ladder chosen.
#[derive(Debug, Clone)]
pub struct NewCall {
    /// The caller's id, or one of ours.
    pub id: CallId,
    /// Given in place of an id.
    pub idempotency_key: Option<String>,
    /// See [`super::call::Call::fingerprint`].
    pub fingerprint: String,
    /// What it runs as.
    pub level: String,
    /// Why it runs as another level than the one that was given, half a sentence.
    pub level_why: Option<String>,
    /// Nobody is woken: it waits for the morning.
    pub deferred: bool,
    /// The ladder; of a deferred one, that of the level to which it is raised where none is named.
    pub policy: Arc<Policy>,
    /// The settings that it was taken from; `None`: a process's own.
    pub settings: Option<SettingsNumber>,
    /// What the caller said.
    pub data: CallData,
    /// Replaces roles.
    pub overridden: Option<Override>,
    /// What was odd about the paperwork and did not stop the dispatch: each raises an alert (kind, text).
    pub warnings: Vec<(AlertKind, String)>,
}

/// How a voice agent's platform told of a phone call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose, as the story names it: `retell`.
    pub source: String,
    /// What came, in that platform's words: `call_analyzed`.
    pub event: String,
    /// A better report is to come: nobody is told before that came or this has passed. `None`: told at once.
    pub hold: Option<Duration>,
}

impl Report {
    /// What makes the same report the same, with the fingerprint of what it says.
    pub fn key(&self, fingerprint: &str) -> String {
        format!("{} {} {fingerprint}", self.source, self.event)
    }
}

/// Something that makes no call and that the log keeps.
#[derive(Debug, Clone)]
pub struct Note {
    /// The call that it is about, whether or not there is one.
    pub call: Option<CallId>,
    pub kind: LogKind,
    /// One sentence for a person; phones masked.
    pub message: String,
    /// What is kept of it.
    pub data: Value,
    /// Raised with it.
    pub alert: Option<(AlertKey, String)>,
    /// The phone call that it is about: no call is made of it, and of what else tells of it none either.
    pub phone: Option<PhoneCall>,
    /// Over with it.
    pub over: Option<AlertKey>,
}

/// A phone call that ended, by Twilio's own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedPhoneCall {
    /// The id that a call of it would have.
    pub id: CallId,
    pub phone: PhoneCall,
    /// What was heard in it.
    pub words: Option<String>,
}

/// How news of a message came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A delivery receipt.
    Receipt,
    /// We asked for the message.
    Fetch,
    /// We found it in the list.
    List,
}

impl Source {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Fetch => "fetch",
            Self::List => "list",
        }
    }
}

/// One status that the provider reported for a message.
#[derive(Debug, Clone)]
pub struct StatusUpdate {
    /// From the callback's path; the strongest link.
    pub attempt: Option<AttemptId>,
    /// The message.
    pub sid: MessageSid,
    pub status: MessageStatus,
    /// With failed ones.
    pub code: Option<ErrorCode>,
    /// What that code asks for.
    pub error_class: ErrorClass,
    /// How it came.
    pub source: Source,
    /// When the provider made the message, by its own clock; a receipt does not say.
    pub provider_at: Option<Timestamp>,
}

/// A text from a person.
#[derive(Debug, Clone)]
pub struct InboundText {
    /// Its SID: a repeated one is answered as before and changes nothing.
    pub sid: MessageSid,
    /// Who wrote.
    pub from: String,
    /// The sender that it was written to.
    pub to: String,
    /// As written.
    pub body: String,
    /// Twilio handled the opt-out word itself and has replied already.
    pub provider_replied: bool,
    /// When the provider got it, by its own clock, where that is known (the list).
    pub at: Option<Timestamp>,
    /// The same moment by our clock, as far as the two are known to differ.
    pub at_ours: Option<Timestamp>,
    /// It was read from the provider's list: no TwiML can answer it, a text does.
    pub listed: bool,
    /// It came by webhook at this moment and has waited in the store; `at` is what the provider says now, `None` where it could
    /// not be read. A text answers it.
    pub waited_since: Option<Timestamp>,
}

impl InboundText {
    /// Whether the webhook that brought it is answered already, so that a text of its own must answer.
    pub const fn is_answered_by_text(&self) -> bool {
        self.listed || self.waited_since.is_some()
    }
}

/// An inbound text as it is kept.
#[derive(Debug, Clone)]
pub struct InboundRow {
    /// What came.
    pub text: InboundText,
    /// The call it was applied to.
    pub call: Option<CallId>,
    pub understood: String,
    /// The text that answered it; empty for silence.
    pub answer: String,
    /// What that asks.
    pub prompt: Option<Prompt>,
    /// The attempt that carries it; `None`: the webhook's TwiML.
    pub answered_by: Option<AttemptId>,
    /// Nothing is decided yet: it waits for the time at which it was written.
    pub waits: bool,
    /// When it came.
    pub at: Timestamp,
}

/// Who reads a note at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteTo {
    /// Nobody: it stands in the story.
    Story,
    /// Whoever has the call, else everybody who was told of it and did not pass, by text.
    People,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The call is taken, on behalf of this contact where one is named.
    Acknowledge {
        /// Who holds it now.
        holder: Option<ContactId>,
    },
    /// Done.
    Resolve,
    /// Withdrawn.
    Cancel,
    /// Look for somebody again, with everybody.
    Reopen,
    /// A deferred call is woken to this level; `None`: that of its ladder.
    Raise {
        /// As a person named it.
        level: Option<String>,
    },
    /// A person has seen a deferred call.
    Seen,
    /// A person writes into the story of a call, whatever its state; the words are the decision's note.
    Note(NoteTo),
    /// Fire what is due or next now (`follow-up run`).
    FireNow,
    /// Fire this step (from 0) of the round now, with what the ladder had before it (`follow-up run --step`).
    FireStep { step: u32 },
    /// No further follow-ups (`follow-up cancel`).
    Mute,
    /// The same, where the call is still as whoever decides saw it; else nothing is done.
    AsSeen { version: CallVersion, what: Box<Decision> },
}

/// What a person knows of a text whose outcome is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The provider accepted it: this is its message.
    Sent(MessageSid),
    /// The provider does not have it.
    NotSent,
    /// The provider does not have it, and it is to be sent once more now.
    Resend,
}

/// One call as it was found elsewhere.
#[derive(Debug, Clone)]
pub struct Import {
    /// The call with its notices and attempts, under the ids, numbers and messages that they had.
    pub state: CallState,
    /// Whether its reference is a fresh one.
    pub reference: Reference,
    /// Replies that were heard and answered before: they are not heard a second time.
    pub ingested: Vec<InboundRow>,
    /// How it was rebuilt, one sentence for a person.
    pub how: String,
    /// What could not be rebuilt, and what is not certain.
    pub lost: Vec<String>,
    /// What is odd about its paperwork: each raises an alert (kind, text).
    pub warnings: Vec<(AlertKind, String)>,
}

/// A text with a call's reference, as the provider lists it.
#[derive(Debug, Clone)]
pub struct FoundText {
    /// Whose reference it carries.
    pub call: CallId,
    /// The number behind the reference.
    pub number: u32,
    pub kind: AttemptKind,
    /// It says itself that an earlier one may have come.
    pub is_repeat: bool,
    /// Where it went.
    pub to: PhoneNumber,
    /// By what; `None`: the provider does not say.
    pub sender: Option<Sender>,
    pub body: String,
    pub sid: MessageSid,
    pub status: MessageStatus,
    /// With failed ones.
    pub code: Option<ErrorCode>,
    /// What that code asks for.
    pub error_class: ErrorClass,
    /// When the provider made it, by its own clock.
    pub provider_at: Option<Timestamp>,
    /// The same moment by our clock.
    pub at: Timestamp,
}

/// Where the reference of an imported call comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Texts that are out carry it: it stays, whatever else has it.
    Kept,
    /// Nobody has read it yet: a free one takes its place where it is taken.
    Fresh,
}

impl Import {
    /// References to choose from, the wanted one first.
    pub fn references(&self, more: impl Iterator<Item = CallRef>) -> Vec<CallRef> {
        std::iter::once(self.state.call.reference.clone()).chain(more).collect()
    }
}

/// Where a phone call is, as the provider's request says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneTurn {
    pub attempt: AttemptId,
    pub sid: MessageSid,
    /// How often the job was read, this time included; in the path, so that a request that comes again is answered the same.
    pub turn: u32,
    /// The provider took whoever picked up for a machine.
    pub by_machine: bool,
}

/// Everything that can happen.
#[derive(Debug, Clone)]
pub enum Event {
    /// A call is handed to us.
    Accept(Box<NewCall>),
    /// A voice agent's platform tells of a phone call: the first report makes the call, what comes later joins it.
    Report(Box<NewCall>, Report),
    /// Something that makes no call is kept in the log.
    Note(Box<Note>),
    /// A phone call has ended, which its platform may still report: that is waited for.
    PhoneCallEnded(Box<EndedPhoneCall>),
    /// What became of a phone call that waited for its report.
    PhoneCall(Box<PhoneCallChange>),
    /// A call's wake time has come.
    Wake { call: CallId },
    /// An engine wants to send this attempt.
    Claim {
        attempt: AttemptId,
        engine: String,
        /// The newest moment of the provider's clock that is known: its message will not be older.
        provider_after: Option<Timestamp>,
    },
    /// An engine asks for its own claim again, whose commit had no answer: was it made? Whoever asks has sent nothing by it. Changes
    /// nothing.
    ClaimAgain { attempt: AttemptId, engine: String },
    /// What became of a POST.
    Sent {
        attempt: AttemptId,
        /// The engine that sent, where it is known. That it did not send says nothing of a claim of another.
        by: Option<String>,
        /// What became of it.
        outcome: SendOutcome,
    },
    /// The engine that had claimed it is gone: sent or not, nobody knows.
    EngineGone {
        attempt: AttemptId,
        /// The engine that looks; a claim of its own is left alone.
        engine: String,
    },
    /// The provider reported on a message.
    StatusUpdate(StatusUpdate),
    /// The provider asks what is to be said in a phone call: it was picked up, or nobody pressed a key in the turn before.
    Asked(PhoneTurn),
    /// A key was pressed in a phone call.
    Key {
        turn: PhoneTurn,
        /// As the provider heard them.
        digits: String,
    },
    /// A phone call that needs nobody any more, or was never dialled, is to be ended now, if that is still so.
    EndPhoneCall { attempt: AttemptId },
    /// The provider's list was searched for an unknown outcome, in vain.
    Searched {
        attempt: AttemptId,
        /// The list was read to the end of what matters.
        complete: bool,
        /// When the search began.
        began_at: Timestamp,
    },
    /// We asked for a message's status in vain; ask again at this time (`None`: give up).
    Polled {
        attempt: AttemptId,
        /// When to ask again.
        again_at: Option<Timestamp>,
    },
    /// The provider has the message no more: it was deleted there, and no status of it will come.
    Gone {
        /// Which attempt's.
        attempt: AttemptId,
    },
    /// A person wrote.
    Inbound(InboundText),
    /// A person decided.
    Decide {
        call: CallId,
        what: Decision,
        /// In whose name.
        by: Actor,
        note: Option<String>,
    },
    /// A person decided an unknown outcome.
    Settle {
        attempt: AttemptId,
        /// What they know of it.
        how: Settlement,
        /// The call as they saw it, where that is known: nothing is done where it has changed since.
        seen: Option<CallVersion>,
        /// In whose name.
        by: Actor,
        note: Option<String>,
    },
    /// Something that belongs to no call's own decisions is alarming, or is over.
    Alert(AlertChange),
    /// Something happened to the breaker of a sender outside of any call.
    Breaker {
        /// Whose: a sender, or [`super::breaker::ACCOUNT`].
        sender: String,
        what: BreakerEvent,
    },
    /// A call comes whole from elsewhere.
    Import(Box<Import>),
    /// The provider has a text of a call that its story lacks.
    Found(Box<FoundText>),
    /// Nobody has been told of this call for too long.
    Unnotified { call: CallId },
    /// Mails alone tell of this call, and nobody has answered for too long.
    Unanswered { call: CallId },
    /// Something about a roll call.
    RollCall(Box<RollCallEvent>),
    /// Of an alert that is told by text.
    AlertText(Box<AlertTextEvent>),
    /// An operator lifts an opt-out in our books (the contact texted START, or the provider's console says so).
    ClearOptOut {
        /// The contact's number.
        phone: String,
        /// In whose name.
        by: Actor,
    },
}

/// What can happen to a breaker outside of any call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerEvent {
    ClosedByPerson,
    /// The provider gave a list of messages: it takes the credentials.
    Listed,
    /// It did not.
    ListRefused,
    /// No line and no fallback names its sender any more.
    Unused,
}

/// What a transaction loads before it decides.
#[derive(Debug, Clone)]
pub enum Load {
    /// The same, and who is on a job: those who took a call at this moment or later and hold it.
    WithBusy {
        of: Box<Load>,
        since: Timestamp,
    },
    /// The same, and of a claim of a text whether as many went out since this moment as are allowed; 0: it is not counted.
    WithSpent {
        of: Box<Load>,
        since: Timestamp,
        per_contact: u32,
        all: u32,
    },
    /// The call with this id.
    Call(CallId),
    /// The call of this attempt.
    Attempt(AttemptId),
    /// The same, and of a phone call those that are under way to the same number.
    Claim(AttemptId),
    /// The call of this attempt, and the call that the message with this SID is linked to, where that is another; and receipts
    /// of that SID that found no attempt.
    Message {
        /// From the callback's path.
        attempt: Option<AttemptId>,
        /// The message.
        sid: MessageSid,
        /// The receipt that came: whether the very same one is kept already.
        said: Option<(MessageStatus, Option<ErrorCode>)>,
    },
    /// For a new call: the one that has its id or its idempotency key already, and the first of these references that is free.
    New {
        id: CallId,
        /// Other ids of the same: with the platform's prefix, or without.
        also: Vec<CallId>,
        /// The phone call that it is of: the call that was made of that by another way is loaded.
        phone: Option<PhoneCall>,
        idempotency_key: Option<String>,
        /// The report that came, by its key: whether the call has it already.
        report: Option<String>,
        /// Open calls that it may be the same emergency as.
        similar: Option<Similar>,
        /// Candidates.
        references: Vec<CallRef>,
        /// References used since this moment are taken.
        used_since: Timestamp,
    },
    /// For a reply: the calls that concern this phone (open ones with a text to it, newest first, the closed ones of the texts
    /// that left for it last, and those with one of these references whatever their status), what it was answered last, and
    /// what became of the inbound text with this SID if it was seen before.
    Reply {
        /// Who wrote.
        from: String,
        /// The text.
        sid: MessageSid,
        /// Named in it.
        references: Vec<CallRef>,
        /// Closed calls that changed since this moment are shown, whatever other texts have left since.
        changed_since: Timestamp,
    },
    /// For a new roll call: those of this contact for this rotation, and a free reference.
    NewRollCall {
        rotation: RotationId,
        contact: ContactId,
        /// Candidates.
        references: Vec<CallRef>,
        /// References used since this moment are taken.
        used_since: Timestamp,
    },
    RollCall(RollCallId),
    /// The roll call of this text.
    RollCallText(AttemptId),
    /// For a message that a sink hands over: its texts, those of the sink that tell of the same alerts, its newest, and a free
    /// reference.
    NewAlertText {
        message: String,
        sink: String,
        alerts: Vec<AlertKey>,
        /// Since when the first of the alerts is raised.
        raised_since: Timestamp,
        /// What is newer than this is among the newest.
        recent_since: Timestamp,
        /// Candidates.
        references: Vec<CallRef>,
        /// References used since this moment are taken.
        used_since: Timestamp,
    },
    /// The message of this text of an alert, and which of the text's alerts need no telling any more.
    AlertText(AttemptId),
    /// Whether anything is known of this phone call.
    PhoneCall {
        id: CallId,
        phone: PhoneCall,
    },
    /// Nothing but the opt-outs.
    Nothing,
}

/// What a decision is shown.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The settings and contacts that are in force in this transaction.
    pub basis: Basis,
    /// As asked for, see [`Load`].
    pub calls: Vec<CallState>,
    /// For [`Load::New`].
    pub free_reference: Option<CallRef>,
    /// For [`Load::New`]: open calls of the same caller, where no call is there yet.
    pub similar: Vec<CallState>,
    /// For loads of roll calls, those; for [`Load::Message`] that of the message, where no call has it; for [`Load::Reply`] the
    /// newest of which this phone got a text.
    pub roll_calls: Vec<RollCall>,
    /// For loads of alerts' texts, those, oldest first, with the others of their messages; for [`Load::Message`] the same, where
    /// nothing else has that message; for [`Load::Reply`] the newest to this phone, and those whose references it names.
    pub alert_texts: Vec<AlertText>,
    /// For [`Load::AlertText`]: its alerts that are over, or that somebody has seen since the text was made; of a text that says
    /// that they are over those that are raised again.
    pub settled_alerts: BTreeSet<AlertKey>,
    /// (phone, sender) pairs that are opted out, of the phones that were asked for and those of the loaded calls.
    pub opted_out: BTreeSet<(String, String)>,
    /// For [`Load::WithBusy`]: whoever holds a call that they took since then.
    pub busy: BTreeSet<ContactId>,
    /// For [`Load::WithSpent`].
    pub spent: super::limits::Spent,
    /// The breakers of all senders, open and closed.
    pub breakers: Vec<Breaker>,
    /// For [`Load::Reply`]: what became of this text when it came first.
    pub answered_before: Option<AnsweredBefore>,
    /// For [`Load::Reply`]: the answers to this phone's texts, newest first; a bounded number.
    pub answers: Vec<PastAnswer>,
    /// For [`Load::Reply`]: what this phone said before, as far as it says something or waits; newest first, a bounded number.
    pub said: Vec<PastReply>,
    /// For [`Load::Message`] and [`Load::Attempt`]: receipts kept earlier that name this attempt's message and found no attempt.
    pub orphans: Vec<StatusUpdate>,
    /// For [`Load::Claim`] of a phone call: those to the same number that may be under way, of whatever call.
    pub phone_calls: Vec<OpenPhoneCall>,
    /// For [`Load::Message`] and [`Load::Attempt`] of a phone call: the newest that were refused on their way, of whatever call.
    pub blocked_phone_calls: Vec<BlockedPhoneCall>,
    /// For [`Load::Message`]: the very same receipt is kept and joined already. For [`Load::New`]: so is the report. For
    /// [`Load::PhoneCall`]: it was told of.
    pub replayed: bool,
}
