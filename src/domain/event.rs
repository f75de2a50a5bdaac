//! Everything that can happen, what a decision is shown, and what it returns.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::UnknownPolicy;
use super::alert::{AlertKey, AlertKind, Until};
use super::attempt::Attempt;
use super::breaker::Breaker;
use super::call::{CallData, CallState, Override};
use super::error_class::Class;
use super::policy::Policy;
use super::receipt::MessageStatus;
use super::reply::Lexicon;
use super::settings::{Basis, SettingsNumber};
use super::settle::Settlement;
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
    /// The ladder.
    pub policy: Policy,
    /// The settings that it was taken from; `None`: a process's own.
    pub settings: Option<SettingsNumber>,
    /// What the caller said.
    pub data: CallData,
    /// Replaces roles.
    pub overridden: Option<Override>,
    /// What was odd about the paperwork and did not stop the dispatch: each raises an alert (kind, text).
    pub oddities: Vec<(AlertKind, String)>,
}

pub use super::answers::{AnsweredBefore, PastAnswer, Prompt};
/// What an error code asks for: the table of codes is the gateway's, its reading the domain's.
pub use super::error_class::Classified as Asks;
pub use super::log::{LogEntry, LogKind};

/// No code, or none that means anything here.
pub const NO_CODE: Asks = Asks { class: Class::UnknownCode, special: None };

/// What became of one POST.
#[derive(Debug, Clone)]
pub enum SendOutcome {
    /// The provider has it.
    Accepted {
        /// Its SID.
        sid: MessageSid,
        /// The status of the answer.
        status: MessageStatus,
        /// With a status that says that it failed already.
        code: Option<ErrorCode>,
        /// What that code asks for.
        asks: Asks,
        /// When the provider made it, by its own clock.
        provider_at: Option<Timestamp>,
    },
    /// It said no.
    Refused {
        /// Its code.
        code: Option<ErrorCode>,
        /// What that code asks for.
        asks: Asks,
        /// For a person.
        why: String,
    },
    /// The callback URL was refused (21609): once more without one.
    BadCallback,
    /// Surely not done.
    NotSent {
        /// For a person.
        why: String,
        /// When to try again.
        again_at: Timestamp,
    },
    /// May be done.
    Unknown {
        /// For a person.
        why: String,
    },
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
pub struct News {
    /// From the callback's path; the strongest link.
    pub attempt: Option<AttemptId>,
    /// The message.
    pub sid: MessageSid,
    /// Its status.
    pub status: MessageStatus,
    /// With failed ones.
    pub code: Option<ErrorCode>,
    /// What that code asks for.
    pub asks: Asks,
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
    /// Fire what is due or next now (`follow-up run`).
    FireNow,
    /// No further follow-ups (`follow-up cancel`).
    Mute,
}

/// Everything that can happen.
#[derive(Debug, Clone)]
pub enum Event {
    /// A call is handed to us.
    Accept(Box<NewCall>),
    /// A call's wake time has come.
    Wake {
        /// Which.
        call: CallId,
    },
    /// An engine wants to send this attempt.
    Claim {
        /// Which.
        attempt: AttemptId,
        /// The engine.
        engine: String,
        /// The newest moment of the provider's clock that is known: its message will not be older.
        provider_after: Option<Timestamp>,
    },
    /// What became of a POST.
    Sent {
        /// Which.
        attempt: AttemptId,
        /// What became of it.
        outcome: SendOutcome,
    },
    /// The engine that had claimed it is gone: sent or not, nobody knows.
    EngineGone {
        /// Which.
        attempt: AttemptId,
        /// The engine that looks; a claim of its own is left alone.
        engine: String,
    },
    /// The provider reported on a message.
    News(News),
    /// The provider's list was searched for an unknown outcome, in vain.
    Searched {
        /// Which.
        attempt: AttemptId,
        /// The list was read to the end of what matters.
        complete: bool,
        /// When the search began.
        began_at: Timestamp,
    },
    /// We asked for a message's status in vain; ask again at this time (`None`: give up).
    Polled {
        /// Which.
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
        /// Which call.
        call: CallId,
        /// What.
        what: Decision,
        /// In whose name.
        by: Actor,
        /// Why.
        note: Option<String>,
    },
    /// A person decided an unknown outcome.
    Settle {
        /// Which.
        attempt: AttemptId,
        /// What they know of it.
        how: Settlement,
        /// In whose name.
        by: Actor,
        /// Why.
        note: Option<String>,
    },
    /// Something that belongs to no call's own decisions is alarming, or is over.
    Alert(AlertChange),
    /// Something happened to the breaker of a sender outside of any call.
    Breaker {
        /// Whose: a sender, or [`super::breaker::ACCOUNT`].
        sender: String,
        /// What.
        what: BreakerNews,
    },
    /// A call comes whole from elsewhere.
    Import(Box<super::import::Import>),
    /// Nobody has been told of this call for too long.
    Untold {
        /// Which.
        call: CallId,
    },
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
pub enum BreakerNews {
    /// A person closed it.
    ClosedByHand,
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
    /// The call with this id.
    Call(CallId),
    /// The call of this attempt.
    Attempt(AttemptId),
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
        /// The id.
        id: CallId,
        /// The key.
        idempotency_key: Option<String>,
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
    /// (phone, sender) pairs that are opted out, of the phones that were asked for and those of the loaded calls.
    pub opted_out: BTreeSet<(String, String)>,
    /// The breakers of all senders, open and closed.
    pub breakers: Vec<Breaker>,
    /// For [`Load::Reply`]: what became of this text when it came first.
    pub answered_before: Option<AnsweredBefore>,
    /// For [`Load::Reply`]: the answers to this phone's texts, newest first; a bounded number.
    pub answers: Vec<PastAnswer>,
    /// For [`Load::Reply`]: what this phone said before, as far as it says something or waits; newest first, a bounded number.
    pub said: Vec<PastReply>,
    /// For [`Load::Message`] and [`Load::Attempt`]: receipts kept earlier that name this attempt's message and found no attempt.
    pub orphans: Vec<News>,
    /// For [`Load::Message`]: the very same receipt is kept and joined already.
    pub replayed: bool,
}

/// An alert is raised or is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertChange {
    /// A person must look. Raising what is raised already changes nothing.
    Raise {
        /// One alert a key.
        key: AlertKey,
        /// The call it is about.
        call: Option<CallId>,
        /// What happened and what to do.
        message: String,
    },
    /// It stays, and is told again in these words. In the words that stand, or where it is not raised, this changes nothing.
    Again {
        /// Its key.
        key: AlertKey,
        /// For how long by now.
        message: String,
    },
    /// It is over. Resolving what is not raised changes nothing.
    Resolve {
        /// Its key.
        key: AlertKey,
    },
    /// All that was raised about this call and does not outlast this is over.
    ResolveAll {
        /// Which call.
        call: CallId,
        /// What has come.
        at: Until,
    },
}

/// A reply of a phone that came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastReply {
    /// Its SID.
    pub sid: MessageSid,
    /// When it came, by our clock.
    pub at: Timestamp,
    /// When it was written, by the provider's clock, where that was read.
    pub written: Option<Timestamp>,
    /// The call that it was about.
    pub call: Option<CallId>,
    /// What it was understood as.
    pub understood: String,
    /// What its answer asked.
    pub prompt: Option<Prompt>,
    /// It is not decided yet.
    pub waits: bool,
}

/// A receipt as it is kept, with what it did.
#[derive(Debug, Clone)]
pub struct ReceiptRow {
    /// What came.
    pub news: News,
    /// The attempt it was joined to; `None`: kept and joined later.
    pub joined: Option<AttemptId>,
    /// `moved`, `stale`, `conflict` or `orphan`.
    pub effect: &'static str,
    /// When it came.
    pub at: Timestamp,
}

/// An inbound text as it is kept.
#[derive(Debug, Clone)]
pub struct InboundRow {
    /// What came.
    pub text: InboundText,
    /// The call it was applied to.
    pub call: Option<CallId>,
    /// What it was understood as.
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
        /// Whose.
        sender: String,
        /// See above.
        probe_at: Timestamp,
    },
    /// It is closed: deferred steps of all calls are looked at again at once.
    Close {
        /// Whose.
        sender: String,
    },
}

/// What another system must be told of; the newest state of a row stands for those before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The dispatch event of this attempt.
    MirrorAttempt(AttemptId),
    /// The status of this call.
    MirrorCall(CallId),
}

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
    pub heard: Vec<InboundRow>,
    /// Kept.
    pub opt_outs: Vec<OptOutChange>,
    /// Opened, probed and closed.
    pub breakers: Vec<BreakerChange>,
    /// To other systems.
    pub effects: Vec<Effect>,
    /// For whoever asked.
    pub answer: Answer,
    /// When it was decided.
    pub at: Option<Timestamp>,
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
    /// It was so already.
    Already(Box<CallState>),
    /// This transition does not exist; the call as it is, and why.
    NotAllowed(Box<CallState>, String),
    /// There is no such call or attempt.
    NotFound,
    /// The intent is stored: send this now, once.
    Send(Box<ToSend>),
    /// Not to be sent; why.
    NotSent(String),
    /// TwiML: the text to answer with; empty for silence.
    Reply(String),
    /// Nothing was decided: other settings or contacts are in force than whoever asked has read.
    Outdated,
}

/// What a claim allows, once.
#[derive(Debug, Clone)]
pub struct ToSend {
    /// The attempt with its intent.
    pub attempt: Attempt,
    /// Who sends.
    pub sender: Sender,
}

/// The bounds that decisions use; from the configuration.
#[derive(Debug, Clone)]
pub struct Rules {
    /// When a message that is not final is asked about first.
    pub poll_after: Duration,
    /// No final status by then: an alert.
    pub status_timeout: Duration,
    /// Stand-downs are dropped after this.
    pub validity: Duration,
    /// How long an unknown outcome is looked for before its policy decides, from the POST's start.
    pub settle: Duration,
    /// For a first notice.
    pub unknown_first: UnknownPolicy,
    /// For a reminder.
    pub unknown_follow_up: UnknownPolicy,
    /// Texts made for a notice because an earlier one failed in a way that may pass.
    pub resend_limit: u32,
    /// Before each of them.
    pub resend_pause: Duration,
    /// Whether stand-downs are made.
    pub stand_down: bool,
    /// A follow-up that fires later than this after its time raises an alert.
    pub late_follow_up: Duration,
    /// Whether texts say that they are a test.
    pub test_mode: bool,
    /// The words that answer a text.
    pub lexicon: Arc<Lexicon>,
    /// What a drill has taken away.
    pub off: super::guards::GuardsOff,
}
