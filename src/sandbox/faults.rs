//! What can go wrong on demand: armed at run time, drawn from the sandbox's seed, counted.

use serde::{Deserialize, Serialize};

use super::messages::{MessageOutcome, Status};
use super::voice::PhoneStatus;
use crate::ids::Ids;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Answers `status` (503) and `code`, with `retryAfter`; nothing is accepted.
    Refuse,
    /// The answer comes `delayMs` late; a create is accepted at once.
    Delay,
    /// Accepted, then the connection is closed without a byte.
    DropAfterAccept,
    /// The connection is closed without a byte, nothing is accepted.
    DropBeforeAccept,
    /// Answers 500, and has accepted it with the probability `coin` (0.5).
    #[serde(rename = "hidden_500")]
    Hidden500,
    /// Accepted at once, answered after `delayMs` (30 s).
    AnswerLate,
    /// The callback is never made.
    WithholdCallbacks,
    /// The callback is made twice.
    DuplicateCallbacks,
    /// The callback is made after the one that follows it.
    ReorderCallbacks,
    /// The callback is made `delayMs` late.
    DelayCallbacks,
    /// A list shows a message only when it is `delayMs` old.
    ListLag,
    /// Every request to the service is dropped without a byte, for `delayMs` from now where given.
    Away,
    /// The message ends in `outcome` with `errorCode`.
    Outcome,
    /// Airtable: the JSON of the answer breaks off at byte `at` (its half); what was asked is done.
    Truncate,
    /// Airtable: the base does not know `field` (of `table`, else of every table); a primary field is never missing.
    FieldMissing,
    /// Airtable: a write in which `field` gets `value` (anything, where absent) is refused whole, 422.
    Poison,
    /// The wire: the answer ends at byte `at` (0), and the connection with it. With `forward: false` it is the request
    /// that is cut there, and the service never sees it.
    Cut,
    /// The wire: the answer comes in pieces of `at` bytes (1), `delayMs` (10) apart.
    Trickle,
    /// The wire: a reset in place of the answer, or after its first `at` bytes.
    Reset,
    /// The wire: the request is taken, nothing ever comes back.
    HalfOpen,
    /// The wire: `at` (256) bytes of noise in place of the answer.
    Garbage,
    /// The wire: the answer claims to be `by` (10) bytes longer than it is, or shorter where that is negative.
    WrongLength,
}

impl FaultKind {
    /// All that happen to the bytes, in front of the service.
    pub(super) const WIRE: &[Self] =
        &[Self::Cut, Self::Trickle, Self::Reset, Self::HalfOpen, Self::Garbage, Self::WrongLength];

    /// Whether it happens to the bytes, in front of the service.
    pub fn is_wire(self) -> bool {
        Self::WIRE.contains(&self)
    }

    /// Whether only Airtable's requests can be hit.
    fn is_airtable(self) -> bool {
        matches!(self, Self::Truncate | Self::FieldMissing | Self::Poison)
    }
}

/// The form of an Airtable refusal; all of them have been seen (`facts/airtable.md` §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// `{"error":{"type":…,"message":…}}`
    Object,
    /// `{"error":"…"}`
    Text,
    /// `{"errors":[{"error":…,"message":…}]}`
    List,
    /// A page for people, no JSON.
    Html,
}

/// Which requests a fault concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    /// Creating a message (the default).
    Create,
    /// Fetching one.
    Fetch,
    /// Listing.
    List,
    /// All of these, of messages and of phone calls.
    Any,
    /// Everything about phone calls: requests, status callbacks, TwiML and keys.
    Call,
    /// Placing a phone call.
    #[serde(rename = "call_create")]
    CallCreate,
    /// Fetching one.
    #[serde(rename = "call_fetch")]
    CallFetch,
    /// Listing them.
    #[serde(rename = "call_list")]
    CallList,
    /// Ending or redirecting one.
    #[serde(rename = "call_change")]
    CallChange,
    /// The status callbacks of one.
    #[serde(rename = "call_event")]
    CallEvent,
    /// The requests for TwiML of one, keys included.
    #[serde(rename = "call_twiml")]
    CallTwiml,
    /// Every request to Airtable.
    Airtable,
    /// Reading Airtable's records.
    #[serde(rename = "airtable_read")]
    AirtableRead,
    /// Writing them.
    #[serde(rename = "airtable_write")]
    AirtableWrite,
    /// Airtable's meta API.
    #[serde(rename = "airtable_meta")]
    AirtableMeta,
}

impl On {
    /// Whether it is about phone calls alone.
    pub(super) fn is_call(self) -> bool {
        matches!(
            self,
            Self::Call
                | Self::CallCreate
                | Self::CallFetch
                | Self::CallList
                | Self::CallChange
                | Self::CallEvent
                | Self::CallTwiml
        )
    }

    pub(super) fn is_airtable(self) -> bool {
        matches!(self, Self::Airtable | Self::AirtableRead | Self::AirtableWrite | Self::AirtableMeta)
    }
}

/// How a message is made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeWord {
    /// It arrives after all: an exception from a wider fault armed after it.
    Delivered,
    /// The carrier says no.
    Undelivered,
    /// Twilio could not send it.
    Failed,
    /// No word comes after `sent`.
    Sent,
}

/// One fault, as `POST /_sandbox/faults` takes it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// On which requests; `away` concerns all of the service (Twilio, unless this names Airtable).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<On>,
    /// HTTP status of a refusal, 200 to 599.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Twilio's code in a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// Seconds for a refusal's `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// How late, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Only messages to this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Only messages from this sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Only a phone call's callbacks of this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_status: Option<PhoneStatus>,
    /// Only callbacks of this status; `received` means a technician's reply, which is spared otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_status: Option<Status>,
    /// How often; until cleared where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Only each n-th that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Only with this probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// `hidden_500`: how probably it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coin: Option<f64>,
    /// `outcome`: how it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeWord>,
    /// `outcome`: with which code (30008 where absent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
    /// Airtable and the wire: only requests with this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Airtable and the wire: only requests whose path, as sent, begins like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// It disarms itself after this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// Airtable: `type` of a refusal, else the usual one of its status.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// Airtable: text of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Airtable: form of a refusal, else the usual one of its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// `field_missing`: in this table only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// `field_missing`, `poison`: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// `poison`: with which value, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The wire and `truncate`: at which byte, or how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// `wrong_length`: by how many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<i64>,
    /// The wire: whether the service gets the request (true).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<bool>,
    /// `cut`, `reset`: with each use `at` is by so many bytes further on, until it has come to the end once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
}

impl Fault {
    /// A fault that hits every time until cleared.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            on: None,
            status: None,
            code: None,
            retry_after: None,
            delay_ms: None,
            to: None,
            from: None,
            message_status: None,
            call_status: None,
            times: None,
            every: None,
            share: None,
            coin: None,
            outcome: None,
            error_code: None,
            method: None,
            path: None,
            for_ms: None,
            error_type: None,
            message: None,
            shape: None,
            table: None,
            field: None,
            value: None,
            at: None,
            by: None,
            forward: None,
            step: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let chance = |name: &str, p: Option<f64>| match p {
            Some(p) if !(0.0..=1.0).contains(&p) => Err(format!("{name} is a probability from 0 to 1")),
            _ => Ok(()),
        };
        chance("share", self.share)?;
        chance("coin", self.coin)?;
        if self.status.is_some_and(|s| !(200..=599).contains(&s)) {
            return Err("status is from 200 to 599".into());
        }
        if self.every == Some(0) {
            return Err("every is 1 or more".into());
        }
        let needs_delay = matches!(self.kind, FaultKind::Delay | FaultKind::DelayCallbacks | FaultKind::ListLag);
        if needs_delay && self.delay_ms.is_none() {
            return Err("delayMs is missing".into());
        }
        if self.kind == FaultKind::Outcome && self.outcome.is_none() {
            return Err("outcome is missing: delivered, undelivered, failed or sent".into());
        }
        self.check_new()
    }

    /// What belongs to Airtable or to the wire alone.
    fn check_new(&self) -> Result<(), String> {
        let (wire, airtable) = (self.kind.is_wire(), self.is_airtable());
        if (wire || self.kind.is_airtable()) && self.on.is_some_and(|on| wire || !on.is_airtable()) {
            return Err("on does not go with this kind".into());
        }
        if !wire && !airtable && (self.method.is_some() || self.path.is_some()) {
            return Err("method and path go with a fault of the wire or of Airtable".into());
        }
        if (wire || airtable) && (self.to.is_some() || self.from.is_some()) {
            return Err("to and from go with Twilio's faults".into());
        }
        if self.call_status.is_some() && !self.on.is_some_and(On::is_call) {
            return Err("callStatus goes with a fault on calls".into());
        }
        if self.kind == FaultKind::Outcome && self.on.is_some_and(On::is_call) {
            return Err("how a call ends is said by who picks up: people".into());
        }
        if matches!(self.kind, FaultKind::FieldMissing | FaultKind::Poison) && self.field.is_none() {
            return Err("field is missing".into());
        }
        if self.kind == FaultKind::Poison && (self.every.is_some() || self.share.is_some()) {
            return Err("every and share do not go with poison: it hits each write that matches".into());
        }
        if self.step == Some(0) || (self.step.is_some() && !matches!(self.kind, FaultKind::Cut | FaultKind::Reset)) {
            return Err("step is 1 or more and goes with cut and reset".into());
        }
        let needs_answer = matches!(self.kind, FaultKind::Trickle | FaultKind::WrongLength);
        if needs_answer && self.forward == Some(false) {
            return Err("without forward there is no answer to corrupt".into());
        }
        Ok(())
    }

    /// Whether it hits Airtable's requests.
    pub(super) fn is_airtable(&self) -> bool {
        self.kind.is_airtable() || self.on.is_some_and(On::is_airtable)
    }

    /// How long it stays armed.
    pub(super) fn lives_ms(&self) -> Option<u64> {
        let away = (self.kind == FaultKind::Away).then_some(self.delay_ms).flatten();
        self.for_ms.or(away)
    }

    /// How a message hit by this one ends.
    pub(super) fn ends_in(&self) -> MessageOutcome {
        let code = self.error_code.unwrap_or(30008);
        match self.outcome {
            Some(OutcomeWord::Undelivered) => MessageOutcome::Undelivered(code),
            Some(OutcomeWord::Failed) => MessageOutcome::Failed(code),
            Some(OutcomeWord::Sent) => MessageOutcome::Sent,
            Some(OutcomeWord::Delivered) | None => MessageOutcome::Delivered,
        }
    }
}

/// True with the probability `p`, decided by the seed.
pub(super) fn chance(p: f64, ids: &Ids) -> bool {
    const STEPS: u32 = 1 << 24;
    let drawn = u32::try_from(ids.below(u64::from(STEPS))).unwrap_or(0);
    f64::from(drawn) < p * f64::from(STEPS)
}
