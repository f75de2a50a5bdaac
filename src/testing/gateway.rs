//! A provider that does what a script says and keeps a ledger of what it accepted: the judge of "lost" and "doubled".

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use super::clock::ManualClock;
use crate::clock::Clock as _;
use crate::domain::types::{AttemptId, ErrorCode, MessageSid};
use crate::domain::{ClockOffset, MessageStatus, ProviderClock, Timestamp};
use crate::gateways::{
    Callback, GatewayError, ListFilter, Listing, MessageBody, MessageRecord, SmsGateway, Submission,
};

/// What the provider does with one POST.
#[derive(Debug, Clone)]
pub(crate) enum Reaction {
    /// Takes it and says so.
    Accept,
    /// Says no.
    Refuse { http: u16, code: Option<u32> },
    /// Cannot be reached: surely not done.
    NotSent { retry_after: Option<Duration> },
    /// Takes it; the answer is lost.
    UnknownButAccepted,
    /// Does not take it; nobody can tell.
    UnknownNotAccepted,
    /// Takes it, and the task that sent it panics.
    Panic,
    /// Takes it and answers only after [`ScriptedGateway::release`].
    AcceptLate,
}

impl Reaction {
    pub(crate) const fn refuse(http: u16, code: u32) -> Self {
        Self::Refuse { http, code: Some(code) }
    }

    pub(crate) const fn away() -> Self {
        Self::NotSent { retry_after: None }
    }
}

/// One message that was truly accepted.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) attempt: AttemptId,
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) body: String,
    pub(crate) sid: MessageSid,
    pub(crate) callback: Callback,
    pub(crate) status: MessageStatus,
    pub(crate) code: Option<ErrorCode>,
    /// When, by the boot clock.
    pub(crate) up: Duration,
    /// By its own clock.
    pub(crate) made: Timestamp,
}

/// A moment by a clock that is so far ahead, in whole seconds.
fn seconds(at: Timestamp, apart_ms: i64) -> Timestamp {
    Timestamp::from_millis((at.as_millis() + apart_ms).div_euclid(1_000) * 1_000)
}

#[derive(Default)]
struct State {
    script: VecDeque<Reaction>,
    by_phone: HashMap<String, Reaction>,
    otherwise: Option<Reaction>,
    fetch: Option<Reaction>,
    posts: Vec<AttemptId>,
    ledger: Vec<Accepted>,
    fetches: usize,
    list: Option<Reaction>,
    lists: usize,
    lag: Duration,
    prefix: &'static str,
    planted: Vec<MessageRecord>,
    /// Its clock less ours.
    apart_ms: i64,
    deleted: Vec<MessageSid>,
}

/// See the module.
pub(crate) struct ScriptedGateway {
    clock: Arc<ManualClock>,
    /// Where its own clock began, and our boot clock then: nobody steps either.
    began: (Timestamp, Duration),
    state: Mutex<State>,
    held: Notify,
    accepted: watch::Sender<usize>,
}

impl ScriptedGateway {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Self {
        let began = (clock.now(), clock.boot());
        Self { clock, began, state: Mutex::default(), held: Notify::new(), accepted: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next POST that is not to a phone with a reaction of its own meets this.
    pub(crate) fn next(&self, reaction: Reaction) {
        self.lock().script.push_back(reaction);
    }

    /// Every POST to this phone meets this.
    pub(crate) fn always_to(&self, phone: &str, reaction: Reaction) {
        self.lock().by_phone.insert(phone.to_owned(), reaction);
    }

    /// Every POST without a script meets this.
    pub(crate) fn otherwise(&self, reaction: Reaction) {
        self.lock().otherwise = Some(reaction);
    }

    /// Every POST from now on is accepted.
    pub(crate) fn forget_script(&self) {
        let mut s = self.lock();
        s.script.clear();
        s.by_phone.clear();
        s.otherwise = None;
    }

    /// Every question meets this; `Accept` answers from the ledger, `AcceptLate` too, after [`ScriptedGateway::release`].
    pub(crate) fn on_fetch(&self, reaction: Reaction) {
        self.lock().fetch = Some(reaction);
    }

    /// Every list meets this; `Accept` answers from the ledger.
    pub(crate) fn on_list(&self, reaction: Reaction) {
        self.lock().list = Some(reaction);
    }

    /// A message is in the list only so long after it was accepted.
    pub(crate) fn list_lags(&self, lag: Duration) {
        self.lock().lag = lag;
    }

    /// The account is a trial: every text is prefixed.
    pub(crate) fn trial(&self) {
        self.lock().prefix = "Sent from your Twilio trial account - ";
    }

    /// A message that is none of ours, or not as we made it, is in the list.
    pub(crate) fn plant(&self, record: MessageRecord) {
        self.lock().planted.push(record);
    }

    /// Its clock is so far ahead of ours from now on.
    pub(crate) fn set_apart(&self, ms: i64) {
        self.lock().apart_ms = ms;
    }

    /// Now, by its own clock, in whole seconds.
    pub(crate) fn now(&self) -> Timestamp {
        seconds(self.true_now(), self.lock().apart_ms)
    }

    /// Now, by a clock that nobody steps.
    fn true_now(&self) -> Timestamp {
        self.began.0.plus(self.clock.boot().saturating_sub(self.began.1))
    }

    /// A message was deleted there.
    pub(crate) fn delete(&self, sid: &MessageSid) {
        self.lock().deleted.push(sid.clone());
    }

    /// Somebody texts: it is in the list alone.
    pub(crate) fn text_from(&self, phone: &str, to: &str, body: &str) -> MessageSid {
        let at = self.now();
        let mut s = self.lock();
        let sid: MessageSid = format!("SM{:032x}", 0xabcd_0000_u64 + s.planted.len() as u64).parse().expect("a SID");
        s.planted.push(MessageRecord {
            sid: sid.clone(),
            status: MessageStatus::from_word("received"),
            error_code: None,
            to: to.to_owned(),
            from: Some(phone.to_owned()),
            service: None,
            body: MessageBody(body.to_owned()),
            direction: "inbound".into(),
            created_at: Some(at),
        });
        sid
    }

    /// How often the list was read.
    pub(crate) fn lists(&self) -> usize {
        self.lock().lists
    }

    /// Answers every POST that was held.
    pub(crate) fn release(&self) {
        self.held.notify_waiters();
    }

    /// All that was accepted, in order.
    pub(crate) fn ledger(&self) -> Vec<Accepted> {
        self.lock().ledger.clone()
    }

    /// Every POST, accepted or not.
    pub(crate) fn posts(&self) -> Vec<AttemptId> {
        self.lock().posts.clone()
    }

    /// How often it was asked about a message.
    pub(crate) fn fetches(&self) -> usize {
        self.lock().fetches
    }

    /// Waits until so many messages were accepted in all.
    pub(crate) async fn accepted(&self, many: usize) {
        let seen = self.accepted.subscribe().wait_for(|n| *n >= many).await.map(|n| *n);
        assert!(seen.is_ok(), "the gateway lives");
    }

    /// The message goes on at the provider.
    pub(crate) fn set_status(&self, attempt: AttemptId, status: &MessageStatus, code: Option<ErrorCode>) {
        for m in self.lock().ledger.iter_mut().filter(|m| m.attempt == attempt) {
            (m.status, m.code) = (status.clone(), code);
        }
    }

    fn reaction(&self, to: &str) -> Reaction {
        let mut s = self.lock();
        if let Some(own) = s.by_phone.get(to) {
            return own.clone();
        }
        s.script.pop_front().or_else(|| s.otherwise.clone()).unwrap_or(Reaction::Accept)
    }

    fn accept(&self, m: &Submission) -> MessageRecord {
        let mut s = self.lock();
        let sid = format!("SM{:032x}", s.ledger.len() + 1);
        let made = seconds(self.true_now(), s.apart_ms);
        s.ledger.push(Accepted {
            attempt: m.attempt,
            to: m.to.e164().to_owned(),
            from: m.from.as_str().to_owned(),
            body: m.body.0.clone(),
            sid: sid.parse().expect("a SID"),
            callback: m.callback,
            status: MessageStatus::Queued,
            code: None,
            up: self.clock.boot(),
            made,
        });
        let record = s.ledger.last().map(|m| record(m, s.prefix)).expect("just pushed");
        self.accepted.send_replace(s.ledger.len());
        record
    }
}

/// With a messaging service, no sender is chosen yet; times are whole seconds.
fn record(m: &Accepted, prefix: &str) -> MessageRecord {
    let service = m.from.starts_with("MG");
    MessageRecord {
        sid: m.sid.clone(),
        status: m.status.clone(),
        error_code: m.code,
        to: m.to.clone(),
        from: (!service).then(|| m.from.clone()),
        service: service.then(|| m.from.clone()),
        body: MessageBody(format!("{prefix}{}", m.body)),
        direction: "outbound-api".into(),
        created_at: Some(m.made),
    }
}

fn refused(http: u16, code: Option<u32>) -> GatewayError {
    GatewayError::Refused { http, code: code.map(ErrorCode), message: "no".into() }
}

fn unknown() -> GatewayError {
    GatewayError::Unknown { why: "the connection was reset".into() }
}

#[async_trait]
impl SmsGateway for ScriptedGateway {
    async fn submit(&self, m: &Submission) -> Result<MessageRecord, GatewayError> {
        let reaction = self.reaction(m.to.e164());
        self.lock().posts.push(m.attempt);
        match reaction {
            Reaction::Accept => Ok(self.accept(m)),
            Reaction::Panic => {
                self.accept(m);
                panic!("planted");
            }
            Reaction::AcceptLate => {
                let released = self.held.notified();
                tokio::pin!(released);
                released.as_mut().enable();
                let record = self.accept(m);
                released.await;
                Ok(record)
            }
            Reaction::Refuse { http, code } => Err(refused(http, code)),
            Reaction::NotSent { retry_after } => {
                Err(GatewayError::Retryable { why: "connection refused".into(), retry_after })
            }
            Reaction::UnknownButAccepted => {
                self.accept(m);
                Err(unknown())
            }
            Reaction::UnknownNotAccepted => Err(unknown()),
        }
    }

    async fn fetch(&self, sid: &MessageSid) -> Result<MessageRecord, GatewayError> {
        let late = {
            let mut s = self.lock();
            s.fetches += 1;
            matches!(s.fetch, Some(Reaction::AcceptLate))
        };
        if late {
            self.held.notified().await;
        }
        let s = self.lock();
        match s.fetch.clone().unwrap_or(Reaction::Accept) {
            Reaction::Accept | Reaction::AcceptLate => s
                .ledger
                .iter()
                .find(|m| &m.sid == sid && !s.deleted.contains(sid))
                .map(|m| record(m, s.prefix))
                .or_else(|| s.planted.iter().find(|m| &m.sid == sid && !s.deleted.contains(sid)).cloned())
                .ok_or_else(|| refused(404, Some(20404))),
            Reaction::Refuse { http, code } => Err(refused(http, code)),
            Reaction::NotSent { retry_after } => {
                Err(GatewayError::Retryable { why: "connection refused".into(), retry_after })
            }
            Reaction::UnknownButAccepted | Reaction::UnknownNotAccepted | Reaction::Panic => Err(unknown()),
        }
    }

    async fn list(&self, filter: &ListFilter) -> Result<Listing, GatewayError> {
        let up = self.clock.boot();
        let mut s = self.lock();
        s.lists += 1;
        match s.list.clone().unwrap_or(Reaction::Accept) {
            Reaction::Accept | Reaction::AcceptLate => {}
            Reaction::Refuse { http, code } => return Err(refused(http, code)),
            Reaction::NotSent { retry_after } => {
                return Err(GatewayError::Retryable { why: "connection refused".into(), retry_after });
            }
            Reaction::UnknownButAccepted | Reaction::UnknownNotAccepted | Reaction::Panic => return Err(unknown()),
        }
        let seen = s
            .ledger
            .iter()
            .rev()
            .filter(|m| m.up + s.lag <= up && !s.deleted.contains(&m.sid))
            .map(|m| record(m, s.prefix));
        let fits = |m: &MessageRecord| {
            filter.to.as_ref().is_none_or(|to| to == &m.to)
                && (filter.from.is_none() || filter.from == m.from)
                && filter.not_before.zip(m.created_at).is_none_or(|(bound, made)| seconds(bound, 0) <= made)
        };
        let messages: Vec<_> = s.planted.iter().cloned().chain(seen).filter(fits).take(filter.limit).collect();
        let complete = messages.len() < filter.limit;
        Ok(Listing { messages, complete })
    }

    fn clock(&self) -> ProviderClock {
        let s = self.lock();
        let ahead = self.clock.now().as_millis() - self.true_now().as_millis() - s.apart_ms;
        let offset = ClockOffset { least_ms: ahead - 500, most_ms: ahead + 499 };
        let known = !s.posts.is_empty() || s.lists > 0;
        ProviderClock { offset: known.then_some(offset), newest_message: s.ledger.iter().map(|m| m.made).max() }
    }
}
