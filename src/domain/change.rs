//! What a decision returns: the store writes all of a [`Change`] in the transaction that loaded its input, or nothing of it.
//!
//! What comes in is in [`super::event`]. `domain/step.rs` makes a change, `engine/apply.rs` hands it to the store.

use super::alert::AlertChange;
use super::alert_text::AlertText;
use super::attempt::Attempt;
use super::breaker::Breaker;
use super::call::CallState;
use super::event::{InboundRow, StatusUpdate};
use super::log::LogEntry;
use super::oncall::roll_call::RollCall;
use super::phone_call::PhoneCall;
use super::standalone_text::StandaloneToSend;
use super::types::{AttemptId, CallId, MessageSid, Sender, Timestamp};

/// What a decision returns; the store writes it all in the transaction that loaded its input, or nothing.
#[derive(Debug, Default)]
pub struct Change {
    /// New states of calls: changed ones and new ones. The store compares them with what it loaded and writes the difference.
    pub calls: Vec<CallState>,
    /// Appended in order.
    pub log: Vec<LogEntry>,
    /// Raised and resolved.
    pub alerts: Vec<AlertChange>,
    /// Kept.
    pub receipts: Vec<ReceiptRow>,
    /// Kept.
    pub inbound: Option<InboundRow>,
    /// Kept as heard before, where they are not.
    pub ingested: Vec<InboundRow>,
    /// Kept.
    pub opt_outs: Vec<OptOutChange>,
    /// Opened, probed and closed.
    pub breakers: Vec<BreakerChange>,
    /// New states of roll calls, whole.
    pub roll_calls: Vec<RollCall>,
    /// New states of texts of alerts, whole.
    pub alert_texts: Vec<AlertText>,
    /// What is known of phone calls.
    pub phone_calls: Vec<PhoneCallChange>,
    /// To other systems.
    pub effects: Vec<Effect>,
    /// For whoever asked.
    pub answer: Answer,
    /// When it was decided.
    pub at: Option<Timestamp>,
}

/// A receipt as it is kept, with what it did.
#[derive(Debug, Clone)]
pub struct ReceiptRow {
    /// What came.
    pub update: StatusUpdate,
    /// The attempt it was joined to; `None`: kept and joined later.
    pub joined: Option<AttemptId>,
    /// `moved`, `stale`, `conflict` or `orphan`.
    pub effect: &'static str,
    /// When it came.
    pub at: Timestamp,
}

/// A change to the book of opt-outs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptOutChange {
    /// This number takes no texts from this sender (empty: from any).
    Out {
        /// The contact's number.
        phone: String,
        /// Our sender.
        sender: String,
    },
    /// It takes them again.
    In {
        /// The contact's number.
        phone: String,
        /// Our sender; `None`: every one.
        sender: Option<String>,
    },
}

/// A change to the breaker of a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakerChange {
    /// It is open, with all that is known of it.
    Open(Breaker),
    /// A probe goes; the next one may at this time.
    Probed {
        sender: String,
        /// See above.
        probe_at: Timestamp,
    },
    /// It is closed: deferred steps of all calls are looked at again at once.
    Close { sender: String },
}

/// What is known of a phone call, by the id that its first report has or would have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneCallChange {
    /// This call is of it; `None`: no call was made, as nobody was heard in it.
    Told { id: CallId, phone: PhoneCall, call: Option<CallId> },
    /// It is over, and a report of it is waited for until then; `words`: what was heard. Where it is
    /// known and no call was made of it, words alone are added, and are waited with.
    Waits { id: CallId, phone: PhoneCall, until: Timestamp, words: Option<String> },
}

/// What another system must be told of; the newest state of a row stands for those before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The dispatch event of this attempt.
    MirrorAttempt(AttemptId),
    /// The status of this call.
    MirrorCall(CallId),
}

/// What whoever asked is told, after the commit.
#[derive(Debug, Default, Clone)]
pub enum Answer {
    /// Done; nothing to say.
    #[default]
    Done,
    /// A new call was made.
    Created(Box<CallState>),
    /// The same call exists: nothing was done.
    Exists(Box<CallState>),
    /// The id exists with other data: nothing was done.
    Differs(Box<CallState>),
    /// The call after the change.
    Changed(Box<CallState>),
    Already(Box<CallState>),
    /// This transition does not exist; the call as it is, and why.
    NotAllowed(Box<CallState>, String),
    /// There is no such call or attempt.
    NotFound,
    /// The intent is stored: send this now, once.
    Send(Box<ToSend>),
    NotSent(String),
    /// The intent of a text that belongs to no call is stored: send this now, once.
    SendStandalone(Box<StandaloneToSend>),
    /// The texts of a message of alerts, those too that were made before.
    AlertTexts(Vec<AlertText>),
    /// TwiML: the text to answer with; empty for silence.
    Reply(String),
    /// What is said in a phone call now.
    Speak(Box<Speech>),
    /// End this phone call so.
    End {
        sid: MessageSid,
        how: HowToEnd,
    },
    /// Nothing was decided: other settings or contacts are in force than whoever asked has read.
    Outdated,
}

/// What is said in a phone call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speech {
    /// The job and the keys, for this time.
    Job {
        turn: u32,
        job: SpokenJob,
    },
    /// The provider took whoever pressed 1 for a machine: it is to be pressed again.
    Confirm {
        turn: u32,
    },
    /// The job is theirs. Where no text tells of it, it is read once more.
    Yours(Option<SpokenJob>),
    /// Somebody else has it; the name, where there is one.
    Taken(Option<String>),
    Passed,
    /// It waits for the morning.
    CanWait,
    /// It may not wait for the morning, at this level: the job and the keys again.
    MayNotWait {
        turn: u32,
        job: SpokenJob,
    },
    /// No key was pressed; whether texts tell of the job too.
    NoKey {
        has_texts: bool,
    },
    /// The call needs nobody any more.
    Over,
    /// Nothing is known here of this phone call: nobody may hear from it that a job needs nobody.
    NotKnown,
}

/// What is read of a call; every part is data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpokenJob {
    /// The line's name.
    pub business: String,
    pub level: String,
    /// The call's code, `7K3Q`.
    pub reference: String,
    pub issue: String,
    pub address: String,
    /// Whether texts tell of it too.
    pub has_texts: bool,
    pub test_mode: bool,
}

/// How a phone call is ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HowToEnd {
    /// It is queued or rings: it stops.
    Cancel,
    /// Somebody listens: they are told so, and it ends.
    Say(Speech),
}

/// What a claim allows, once.
#[derive(Debug, Clone)]
pub struct ToSend {
    /// The attempt with its intent.
    pub attempt: Attempt,
    /// Who sends.
    pub sender: Sender,
}
