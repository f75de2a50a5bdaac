//! A provider of phone calls that does what a script says and keeps a ledger of the calls that it placed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::clock::ManualClock;
use super::gateway::Reaction;
use super::world::World;
use crate::clock::Clock as _;
use crate::domain::change::{Answer, Speech};
use crate::domain::codes::NO_CODE;
use crate::domain::event::{Event, PhoneTurn, Source, StatusUpdate};
use crate::domain::types::{AttemptId, ErrorCode, MessageSid};
use crate::domain::voice::script::TwimlSource;
use crate::domain::voice::status::PhoneCallStatus;
use crate::domain::{MessageStatus, Timestamp};
use crate::gateways::{
    Callback, EndPhoneCall, GatewayError, PhoneCallFilter, PhoneCallListing, PhoneCallRecord, PhoneCallRequest,
    VoiceGateway,
};

/// One phone call that was truly placed.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) attempt: AttemptId,
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) sid: MessageSid,
    pub(crate) script: TwimlSource,
    pub(crate) callback: Callback,
    pub(crate) status: PhoneCallStatus,
    pub(crate) at: Timestamp,
    pub(crate) told_to_end: Vec<EndPhoneCall>,
}

#[derive(Default)]
struct State {
    script: VecDeque<Reaction>,
    otherwise: Option<Reaction>,
    fetch: Option<Reaction>,
    list: Option<Reaction>,
    end: Option<Reaction>,
    posts: Vec<AttemptId>,
    ledger: Vec<Placed>,
    lag: Duration,
    queue: Duration,
}

/// See the module.
pub(crate) struct ScriptedPhones {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
}

impl ScriptedPhones {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next POST meets this.
    pub(crate) fn next(&self, reaction: Reaction) {
        self.lock().script.push_back(reaction);
    }

    /// Every POST without a script meets this.
    pub(crate) fn otherwise(&self, reaction: Reaction) {
        self.lock().otherwise = Some(reaction);
    }

    /// Every question meets this; `Accept` answers from the ledger.
    pub(crate) fn on_fetch(&self, reaction: Reaction) {
        self.lock().fetch = Some(reaction);
    }

    /// Every list meets this; `Accept` answers from the ledger.
    pub(crate) fn on_list(&self, reaction: Reaction) {
        self.lock().list = Some(reaction);
    }

    /// Every request to end a phone call meets this; `UnknownButAccepted` does it and loses the answer.
    pub(crate) fn on_end(&self, reaction: Reaction) {
        self.lock().end = Some(reaction);
    }

    /// A phone call is in the list only so long after it was placed.
    pub(crate) fn list_lags(&self, lag: Duration) {
        self.lock().lag = lag;
    }

    /// The answers to the next POSTs say that the phone call waits for so long.
    pub(crate) fn queues_for(&self, time: Duration) {
        self.lock().queue = time;
    }

    /// All that was placed, in order.
    pub(crate) fn ledger(&self) -> Vec<Placed> {
        self.lock().ledger.clone()
    }

    /// Every POST, accepted or not.
    pub(crate) fn posts(&self) -> usize {
        self.lock().posts.len()
    }

    /// The phone call goes on at the provider.
    pub(crate) fn set_status(&self, attempt: AttemptId, word: &str) {
        let status = PhoneCallStatus::from_word(word).expect("a word");
        for c in self.lock().ledger.iter_mut().filter(|c| c.attempt == attempt) {
            c.status = status;
        }
    }

    fn accept(&self, call: &PhoneCallRequest) -> PhoneCallRecord {
        let at = Timestamp::from_millis(self.clock.now().as_millis().div_euclid(1_000) * 1_000);
        let mut s = self.lock();
        let sid = format!("CA{:032x}", s.ledger.len() + 1).parse().expect("a SID");
        let placed = Placed {
            attempt: call.attempt,
            to: call.to.e164().to_owned(),
            from: call.from.e164().to_owned(),
            sid,
            script: call.script.clone(),
            callback: call.callback,
            status: PhoneCallStatus::Queued,
            at,
            told_to_end: Vec::new(),
        };
        s.ledger.push(placed.clone());
        PhoneCallRecord { queue_time: Some(s.queue), ..record(&placed) }
    }
}

fn record(c: &Placed) -> PhoneCallRecord {
    PhoneCallRecord {
        sid: c.sid.clone(),
        status: c.status,
        to: c.to.clone(),
        from: c.from.clone(),
        direction: "outbound-api".into(),
        created_at: Some(c.at),
        queue_time: Some(Duration::ZERO),
    }
}

fn error_of(reaction: &Reaction) -> Option<GatewayError> {
    match reaction {
        Reaction::Accept | Reaction::AcceptLate | Reaction::Panic => None,
        Reaction::Refuse { http, code } => {
            Some(GatewayError::Refused { http: *http, code: code.map(ErrorCode), message: "no".into() })
        }
        Reaction::NotSent { retry_after } => {
            Some(GatewayError::Retryable { why: "connection refused".into(), retry_after: *retry_after })
        }
        Reaction::UnknownButAccepted | Reaction::UnknownNotAccepted => {
            Some(GatewayError::Unknown { why: "the connection was reset".into() })
        }
    }
}

#[async_trait]
impl VoiceGateway for ScriptedPhones {
    async fn place(&self, call: &PhoneCallRequest) -> Result<PhoneCallRecord, GatewayError> {
        let reaction = {
            let mut s = self.lock();
            s.posts.push(call.attempt);
            s.script.pop_front().or_else(|| s.otherwise.clone()).unwrap_or(Reaction::Accept)
        };
        let placed = matches!(reaction, Reaction::Accept | Reaction::UnknownButAccepted).then(|| self.accept(call));
        match (error_of(&reaction), placed) {
            (Some(e), _) => Err(e),
            (None, placed) => Ok(placed.expect("accepted")),
        }
    }

    async fn fetch(&self, sid: &MessageSid) -> Result<PhoneCallRecord, GatewayError> {
        let s = self.lock();
        if let Some(e) = s.fetch.as_ref().and_then(error_of) {
            return Err(e);
        }
        let found = s.ledger.iter().find(|c| &c.sid == sid).map(record);
        found.ok_or(GatewayError::Refused { http: 404, code: Some(ErrorCode(20404)), message: "no".into() })
    }

    async fn list(&self, filter: &PhoneCallFilter) -> Result<PhoneCallListing, GatewayError> {
        let now = self.clock.now();
        let s = self.lock();
        if let Some(e) = s.list.as_ref().and_then(error_of) {
            return Err(e);
        }
        let fits = |c: &&Placed| c.to == filter.to && c.from == filter.from && c.at.plus(s.lag) <= now;
        let phone_calls = s.ledger.iter().rev().filter(fits).take(filter.limit).map(record).collect();
        Ok(PhoneCallListing { phone_calls, complete: true })
    }

    async fn end(&self, sid: &MessageSid, how: &EndPhoneCall) -> Result<(), GatewayError> {
        let mut s = self.lock();
        let reaction = s.end.clone().unwrap_or(Reaction::Accept);
        let done = matches!(reaction, Reaction::Accept | Reaction::UnknownButAccepted);
        if let Some(c) = s.ledger.iter_mut().find(|c| &c.sid == sid) {
            c.told_to_end.push(how.clone());
            match how {
                EndPhoneCall::Cancel if done && c.status.rank() < PhoneCallStatus::InProgress.rank() => {
                    c.status = PhoneCallStatus::Canceled;
                }
                EndPhoneCall::Redirect(_) if done && c.status == PhoneCallStatus::InProgress => {
                    c.status = PhoneCallStatus::Completed;
                }
                _ => {}
            }
        }
        error_of(&reaction).map_or(Ok(()), Err)
    }
}

impl World {
    /// The provider says how the phone call of the last call's attempt goes, on the attempt's own URL; the engine does what follows.
    pub(crate) async fn phone(&self, number: u32, word: &str, sip: Option<u32>) {
        let a = self.attempt(number).await;
        self.voice.set_status(a.id, word);
        let sid = self.sid_of(number).await;
        let update = StatusUpdate {
            attempt: Some(a.id),
            sid,
            status: MessageStatus::from_word(word),
            code: sip.map(ErrorCode),
            error_class: NO_CODE,
            source: Source::Receipt,
            provider_at: None,
        };
        self.apply(Event::StatusUpdate(update), "twilio").await;
        self.settle().await;
    }

    async fn sid_of(&self, number: u32) -> MessageSid {
        let id = self.attempt(number).await.id;
        self.voice.ledger().into_iter().find(|c| c.attempt == id).expect("it was placed").sid
    }

    pub(crate) async fn turn(&self, number: u32, turn: u32) -> PhoneTurn {
        let attempt = self.attempt(number).await.id;
        PhoneTurn { attempt, sid: self.sid_of(number).await, turn, by_machine: false }
    }

    /// The phone is picked up, or a turn passed without a key: what is said.
    pub(crate) async fn asks(&self, number: u32, turn: u32) -> Speech {
        let at = self.turn(number, turn).await;
        if turn == 1 {
            self.voice.set_status(at.attempt, "in-progress");
        }
        let said = spoken(self.apply(Event::Asked(at), "twilio").await);
        self.settle().await;
        said
    }

    /// A key is pressed in that phone call: what is said.
    pub(crate) async fn presses(&self, number: u32, turn: u32, digits: &str) -> Speech {
        let turn = self.turn(number, turn).await;
        self.key(turn, digits).await
    }

    pub(crate) async fn key(&self, turn: PhoneTurn, digits: &str) -> Speech {
        let said = spoken(self.apply(Event::Key { turn, digits: digits.to_owned() }, "twilio").await);
        self.settle().await;
        said
    }
}

pub(crate) fn spoken(answer: Answer) -> Speech {
    match answer {
        Answer::Speak(speech) => *speech,
        other => panic!("a phone call is answered in words: {other:?}"),
    }
}
