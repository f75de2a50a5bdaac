//! Claims attempts that wait, sends each once, and applies the answer.
//!
//! Two transactions around one POST: the intent is committed first, the outcome after. A crash between the two leaves the
//! claim of an engine that is gone, which the next start reads as an unknown outcome.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tracing::{debug, error, warn};

use crate::domain::Timestamp;
use crate::domain::attempt::{Attempt, AttemptKind, Channel, Priority};
use crate::domain::breaker::{self, Breaker, Route, RouteQuery};
use crate::domain::change::{Answer, ToSend};
use crate::domain::event::{Event, SendOutcome};
use crate::domain::types::{Actor, AttemptId, CallId};
use crate::failpoint::{self, Safeguard};
use crate::gateways::{Callback, MessageBody, Submission};
use crate::store::{SendQueueKey, SendQueuePosition, Sendable, StoreError};

use super::mailing;
use super::placing;
use super::rate::{PHONE_CALLS, Rates};
use super::send_queues;
use super::submit::{again_at, not_within_the_term, submitted};
use super::wake::WakeSignal;
use super::{Engine, Scope, others_go_on};

/// How many POSTs may be under way at once.
const IN_FLIGHT_MAX: usize = 256;
/// An attempt that cannot be decided (our bug, or an unreadable row) is set aside for this long; the others go on.
const SET_QUARANTINED: Duration = Duration::from_secs(30);
/// Whether a claim was made whose commit had no answer is asked again after this, and then less often.
const UNSURE_FIRST: Duration = Duration::from_millis(50);
const UNSURE_MAX: Duration = Duration::from_millis(500);
/// What is left of a permit when a claim is made.
const CLAIMED_BEFORE: Duration = Duration::from_secs(1);
/// What is left of it when a request is handed to its provider's client, which looks once more.
pub const SENT_BEFORE: Duration = Duration::from_millis(200);
/// How soon a permit that is nearly over is looked at again.
const RENEWAL_LOOK: Duration = Duration::from_millis(100);
/// How soon it is looked again whether what the store lost is found out; the end of that rings.
const HELD_LOOK: Duration = Duration::from_secs(1);
/// How soon it is looked again whether the replies of the time before the start were read.
const FIRST_READ_LOOK: Duration = Duration::from_millis(100);
/// How many mails may be under way at once: a relay that hangs keeps no text waiting.
const MAILS_IN_FLIGHT_MAX: usize = 16;

/// How often claims that nobody works on are looked for.
pub const SWEPT_EVERY: Duration = Duration::from_secs(2);
/// Claims that one such look settles.
const SWEPT_MAX: usize = 500;

/// Attempts that a task of this process works on.
type Busy = Arc<Mutex<HashSet<AttemptId>>>;

/// Attempts that are set aside, and until when.
type Quarantined = Arc<Mutex<HashMap<AttemptId, Timestamp>>>;

/// The sending side of an engine.
pub struct Dispatcher {
    engine: Arc<Engine>,
    permits: Arc<Semaphore>,
    mail_permits: Arc<Semaphore>,
    rates: Arc<Mutex<Rates>>,
    busy: Busy,
    quarantined: Quarantined,
    tasks: TaskTracker,
}

impl Dispatcher {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        let rates = Rates::new(engine.bounds().messages_per_second);
        Self {
            engine,
            permits: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            mail_permits: Arc::new(Semaphore::new(MAILS_IN_FLIGHT_MAX)),
            rates: Arc::new(Mutex::new(rates)),
            busy: Arc::default(),
            quarantined: Quarantined::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Starts what may go now; returns when to look again at the latest (`None`: when something changes).
    ///
    /// # Errors
    /// [`StoreError`] where the store could not be read.
    pub async fn pass(&self) -> Result<Option<Timestamp>, StoreError> {
        let (store, clock) = (&self.engine.core.store, &self.engine.core.clock);
        let now = clock.now();
        if !self.engine.may_send(CLAIMED_BEFORE) {
            // The lease is renewed every second, or it ends.
            return Ok(Some(now.plus(RENEWAL_LOOK)));
        }
        let mut breakers = store.breakers().await?;
        lock(&self.quarantined).retain(|_, until| *until > now);
        let bounds = self.engine.bounds();
        lock(&self.rates).set(bounds.messages_per_second, bounds.phone_calls_per_second);
        let mut started = Started { boot: clock.boot(), ..Started::default() };
        // Of a command that is the engine for one call: when its own texts may go, whatever others wait for.
        let mut own = None;
        match &self.engine.scope {
            Scope::All => self.start_send_queues(&mut breakers, now, &mut started).await?,
            Scope::Only(call) => {
                let (items, later) = self.of_call(call, now).await?;
                own = later;
                self.start_all(send_queues::fair(vec![items], &[0]), &mut breakers, now, &mut started);
            }
        }
        if started.full {
            // A finished send rings the bell.
            return Ok(None);
        }
        let rate = started.wait.map(|w| now.plus(w)).into_iter().chain(started.probe_at).min();
        let next = match &self.engine.scope {
            Scope::All => store.next_sendable(now).await?,
            Scope::Only(_) => own,
        };
        let quarantined = lock(&self.quarantined).values().min().copied();
        // What waits for the first read of replies goes when that has taken too long, which nothing rings for.
        let first_read = self.engine.missed_replies_wait().then(|| now.plus(FIRST_READ_LOOK));
        Ok([rate, next, quarantined, first_read].into_iter().flatten().min())
    }

    /// Looks into every lane that may send: all that waits with one priority before the next one, a page of each lane at a time,
    /// and on in it until nothing is left or its sender takes no more. So neither another lane's backlog nor what is set aside
    /// hides anything.
    async fn start_send_queues(
        &self,
        breakers: &mut [Breaker],
        now: Timestamp,
        all: &mut Started,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let keys = self.engine.core.store.send_queues(after.as_ref(), send_queues::READ).await?;
            after = keys.last().filter(|_| keys.len() >= send_queues::READ).cloned();
            let open = keys.into_iter().filter(|k| self.may_go(k, breakers, all));
            let open: Vec<SendQueuePosition> = open.map(SendQueuePosition::from).collect();
            // One read for the first pages of all: mostly there is nothing more.
            let limit = send_queues::page(open.len());
            let mut pages = match open.is_empty() {
                true => Vec::new(),
                false => self.engine.core.store.sendable(now, &open, limit).await?,
            };
            for same in open.chunk_by(|a, b| a.key.priority == b.key.priority) {
                let rest = pages.split_off(same.len().min(pages.len()));
                let first = (std::mem::replace(&mut pages, rest), limit);
                self.start_some(same.to_vec(), first, breakers, now, all).await?;
                if all.full {
                    return Ok(());
                }
            }
            if after.is_none() || !self.others_may_wait(&all.held) {
                return Ok(());
            }
        }
    }

    /// Lanes of one priority, with their first pages and how long these may be.
    async fn start_some(
        &self,
        mut open: Vec<SendQueuePosition>,
        (mut pages, mut limit): (Vec<Vec<Sendable>>, usize),
        breakers: &mut [Breaker],
        now: Timestamp,
        all: &mut Started,
    ) -> Result<(), StoreError> {
        loop {
            let on: Vec<_> = pages.iter().map(|p| send_queues::next_page(p, limit)).collect();
            let groups = send_queues::by_sender(&open, &self.engine.core.directory());
            let kept = self.start_all(send_queues::fair(pages, &groups), breakers, now, all);
            let places = open.into_iter().zip(on).enumerate().filter(|(queue, _)| !kept.contains(queue));
            open = places
                .filter_map(|(_, (place, on))| on.map(|at| SendQueuePosition { after: Some(at), ..place }))
                .collect();
            if all.full || open.is_empty() {
                return Ok(());
            }
            limit = send_queues::page(open.len());
            pages = self.engine.core.store.sendable(now, &open, limit).await?;
        }
    }

    /// Whether it is worth while to read a lane: with all breakers closed all of it goes by one sender, and that may have no slot.
    fn may_go(&self, key: &SendQueueKey, breakers: &[Breaker], all: &mut Started) -> bool {
        if self.engine.reminders_wait() && key.priority != Priority::First {
            return false;
        }
        if breakers.iter().any(Breaker::is_open) {
            return true;
        }
        let directory = self.engine.core.directory();
        let sender = send_queues::first_sender(&key.queue, &directory);
        match lock(&self.rates).ready(&sender, all.boot) {
            Ok(()) => true,
            Err(wait) => {
                all.keep(sender, wait);
                false
            }
        }
    }

    /// The texts of one call that may go now, and when the next of the others may.
    async fn of_call(&self, call: &CallId, now: Timestamp) -> Result<(Vec<Sendable>, Option<Timestamp>), StoreError> {
        let Some(state) = self.engine.core.store.call(call).await? else { return Ok((Vec::new(), None)) };
        let waiting = || state.attempts.iter().filter(|a| a.state.is_waiting());
        let items = waiting().filter(|a| a.not_before <= now).map(|a| Sendable {
            attempt: a.id,
            call: call.clone(),
            dialled: state.call.data.twilio_to_number.clone(),
            priority: a.priority,
            kind: a.kind,
            own: a.own_sender().cloned(),
            channel: a.channel,
            created_at: a.created_at,
        });
        Ok((items.collect(), waiting().map(|a| a.not_before).filter(|at| *at > now).min()))
    }

    /// Whether a sender whose rate is not used up may have texts further down: with one sender there is nothing to look for.
    fn others_may_wait(&self, held: &HashSet<String>) -> bool {
        let directory = self.engine.core.directory();
        let senders = directory.lines.iter().filter_map(|l| l.from.as_ref()).chain(&directory.from);
        let mut all = senders.chain(&directory.default_line.from).chain(&directory.fallback);
        held.is_empty() || all.any(|s| !held.contains(s.as_str()))
    }

    /// What the breakers hold back stays where it is; the claim decides the same again, in its transaction. The lanes, by their
    /// numbers, of which no more can go now: their sender has no slot, or a breaker holds them.
    fn start_all(
        &self,
        items: Vec<(usize, Sendable)>,
        breakers: &mut [Breaker],
        now: Timestamp,
        done: &mut Started,
    ) -> HashSet<usize> {
        let directory = self.engine.core.directory();
        let (reminders_wait, holds) = (self.engine.reminders_wait(), self.engine.holds());
        let mut kept: HashSet<usize> = HashSet::new();
        for (queue, item) in items {
            if kept.contains(&queue) {
                continue;
            }
            let skip = lock(&self.busy).contains(&item.attempt) || lock(&self.quarantined).contains_key(&item.attempt);
            if skip || (reminders_wait && item.priority != Priority::First) {
                continue;
            }
            if holds.holds_back(item.created_at) {
                done.probe_at = done.probe_at.into_iter().chain([now.plus(HELD_LOOK)]).min();
                continue;
            }
            let is_mail = item.channel == Channel::Email;
            let places = if is_mail { &self.mail_permits } else { &self.permits };
            let Ok(permit) = places.clone().try_acquire_owned() else {
                if is_mail {
                    // A mail that ends rings the bell.
                    kept.insert(queue);
                    continue;
                }
                done.full = true;
                return kept;
            };
            let query = RouteQuery { kind: item.kind, priority: item.priority, channel: item.channel };
            let senders = breaker::senders(&directory, item.dialled.as_deref(), item.own.as_ref(), item.channel);
            let (sender, probes) = match breaker::route(breakers, &senders, query, now) {
                Some(Route::Send { probes, .. }) if item.channel == Channel::Voice => (PHONE_CALLS.to_owned(), probes),
                Some(Route::Send { sender, probes }) => (sender.as_str().to_owned(), probes),
                // What probes nothing is put off by its claim.
                Some(Route::Hold { .. }) if item.kind != AttemptKind::Notice => (String::new(), Vec::new()),
                Some(Route::Hold { until }) => {
                    done.held.extend(senders.first().map(|s| s.as_str().to_owned()));
                    done.probe_at = done.probe_at.into_iter().chain([until]).filter(|at| *at > now).min();
                    kept.insert(queue);
                    continue;
                }
                None => (String::new(), Vec::new()),
            };
            if let Err(wait) = lock(&self.rates).take(&sender, done.boot) {
                done.keep(sender, wait);
                kept.insert(queue);
                continue;
            }
            // One probe a breaker.
            for b in breakers.iter_mut().filter(|b| probes.contains(&b.sender)) {
                b.probe_at = breaker::next_probe(now);
            }
            let Some(work) = InHand::on(item.attempt, &self.busy) else { continue };
            let one = One {
                engine: self.engine.clone(),
                rates: self.rates.clone(),
                quarantined: self.quarantined.clone(),
                sender,
            };
            let permits = places.clone();
            self.tasks.spawn(async move {
                let mut permit = Some(permit);
                let sent = one.run(item.attempt, &mut permit).await;
                drop(work);
                // Others may wait for this place, or for the slot that was not used.
                let waited_for = permits.available_permits() == 0 || !sent;
                drop(permit);
                if waited_for {
                    one.engine.core.wake.notify(WakeSignal::Send);
                }
            });
        }
        kept
    }

    /// Own claims that nobody works on any more (the task that sent ended badly) become unknown outcomes: found out before that
    /// notice is sent again, as those of an engine that is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self) -> Result<Option<Timestamp>, StoreError> {
        let claims = self.own_claims().await?;
        let is_at_work = !claims.is_empty();
        for id in claims {
            // From here on no task begins with it; what one was at before that is in the store.
            let Some(_work) = InHand::on(id, &self.busy) else { continue };
            if self.own_claims().await?.contains(&id) {
                error!(attempt.id = %id, "a task that sent ended badly: its outcome is unknown and is looked for");
                let outcome =
                    SendOutcome::Unknown { why: "the task that sent it ended before its answer was stored".into() };
                let event = Event::Sent { attempt: id, by: Some(self.engine.id.clone()), outcome };
                others_go_on(self.engine.core.apply(event, Actor::engine()).await.map(drop))?;
            }
        }
        Ok(is_at_work.then(|| self.engine.core.clock.now().plus(SWEPT_EVERY)))
    }

    async fn own_claims(&self) -> Result<Vec<AttemptId>, StoreError> {
        self.engine.core.store.claims_of(&self.engine.id, SWEPT_MAX).await
    }

    /// Whether this attempt cannot be decided for now: the others go on.
    pub(super) fn is_set_aside(&self, attempt: AttemptId) -> bool {
        lock(&self.quarantined).contains_key(&attempt)
    }

    /// Who sends for this line as long as everything works.
    pub(super) fn sender_of(&self, dialled: Option<&str>) -> String {
        let directory = self.engine.core.directory();
        let senders = breaker::senders(&directory, dialled, None, Channel::Sms);
        senders.first().map(|s| s.as_str().to_owned()).unwrap_or_default()
    }

    /// Takes one slot of a sender's rate, for what is no attempt of a call: it is settled with [`Dispatcher::settle_slot`].
    ///
    /// # Errors
    /// The time to wait.
    pub(super) fn take_slot(&self, sender: &str) -> Result<(), Duration> {
        lock(&self.rates).take(sender, self.engine.core.clock.boot())
    }

    /// So many segments went out in the end.
    pub(super) fn settle_slot(&self, sender: &str, segments: u32) {
        lock(&self.rates).settle(sender, segments);
    }

    /// One POST and what became of it, for what is no attempt of a call; `tries`: how many surely did not happen before.
    pub(super) async fn submitted(&self, message: &Submission, tries: u32) -> SendOutcome {
        let again_at = |asked| again_at(&self.engine, tries, Priority::StandDown, asked);
        submitted(&self.engine, message, again_at).await
    }

    /// Waits until nothing is in flight.
    pub async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }

    /// Waits until each task is done or has given up its place, as one does whose outcome cannot be stored and is tried again.
    #[cfg(test)]
    pub(crate) async fn places_free(&self) {
        let all = u32::try_from(IN_FLIGHT_MAX).expect("few");
        drop(self.permits.acquire_many(all).await.expect("open"));
    }
}

/// What a pass came to.
#[derive(Default)]
struct Started {
    /// One moment for the whole pass: a slot that comes free during it is not a reminder's while a first notice waits.
    boot: Duration,
    held: HashSet<String>,
    full: bool,
    wait: Option<Duration>,
    probe_at: Option<Timestamp>,
}

impl Started {
    /// This sender has no slot for so long.
    fn keep(&mut self, sender: String, wait: Duration) {
        self.held.insert(sender);
        self.wait = Some(self.wait.map_or(wait, |w| w.min(wait)));
    }
}

/// Somebody works on an attempt for as long as this lives, however it ends: nobody else begins with it meanwhile.
struct InHand {
    id: AttemptId,
    busy: Busy,
}

impl InHand {
    /// `None` where somebody works on it already.
    fn on(id: AttemptId, busy: &Busy) -> Option<Self> {
        lock(busy).insert(id).then(|| Self { id, busy: busy.clone() })
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        lock(&self.busy).remove(&self.id);
    }
}

/// The life of one attempt's POST.
struct One {
    engine: Arc<Engine>,
    rates: Arc<Mutex<Rates>>,
    quarantined: Quarantined,
    sender: String,
}

impl One {
    /// Whether anything was sent.
    async fn run(&self, id: AttemptId, place: &mut Option<OwnedSemaphorePermit>) -> bool {
        let segments = match self.claim(id).await {
            Some(send) => {
                let segments = send.attempt.segments;
                let outcome = match self.engine.may_send(SENT_BEFORE) {
                    true => self.submit(&send).await,
                    false => not_within_the_term(self.engine.core.clock.now()),
                };
                self.intent_after_all(id).await;
                self.record(id, outcome, place).await;
                segments
            }
            None => 0,
        };
        lock(&self.rates).settle(&self.sender, segments);
        segments > 0
    }

    async fn claim(&self, id: AttemptId) -> Option<ToSend> {
        if !self.engine.may_send(CLAIMED_BEFORE) {
            return None;
        }
        if Safeguard::IntentCommit.is_off() {
            return self.engine.core.claim_unstored(id, &self.engine.id).await;
        }
        failpoint::hit("intent.before-commit");
        let provider_after = self.engine.newest_message();
        let event = Event::Claim { attempt: id, engine: self.engine.id.clone(), provider_after };
        match self.engine.core.apply(event, Actor::engine()).await {
            Ok(Answer::Send(send)) => {
                failpoint::hit("intent.committed");
                Some(*send)
            }
            Ok(_) => None,
            Err(StoreError::Unsure { .. }) => self.claimed_after_all(id).await,
            // Its own fault: tried again now and then, in nobody's way.
            Err(e @ (StoreError::Refused { .. } | StoreError::Corrupt { .. })) => {
                error!(attempt.id = %id, error = %e, "an attempt cannot be claimed; set aside, the others go on");
                lock(&self.quarantined).insert(id, self.engine.core.clock.now().plus(SET_QUARANTINED));
                None
            }
            Err(e) => {
                warn!(attempt.id = %id, error = %e, "an attempt could not be claimed; it stays where it is");
                self.pause(Duration::from_millis(500)).await;
                None
            }
        }
    }

    /// The commit of a claim had no answer. Where it is there, it is this POST's, which has not begun: nobody else works on the attempt
    /// meanwhile. By then the term may be over, which the caller looks at.
    async fn claimed_after_all(&self, id: AttemptId) -> Option<ToSend> {
        let mut pause = UNSURE_FIRST;
        loop {
            let again = Event::ClaimAgain { attempt: id, engine: self.engine.id.clone() };
            match self.engine.core.apply(again, Actor::engine()).await {
                Ok(Answer::Send(send)) => {
                    warn!(attempt.id = %id, "the claim of an attempt had no answer and was made: it is sent");
                    return Some(*send);
                }
                Ok(_)
                | Err(
                    StoreError::Refused { .. }
                    | StoreError::Corrupt { .. }
                    | StoreError::Closed
                    | StoreError::Broken { .. },
                ) => {
                    return None;
                }
                Err(e) => {
                    debug!(attempt.id = %id, error = %e, "whether an attempt is claimed cannot be seen yet");
                    self.pause(pause).await;
                    pause = (pause * 2).min(UNSURE_MAX);
                }
            }
        }
    }

    /// In a drill the intent is stored once the POST is over.
    async fn intent_after_all(&self, id: AttemptId) {
        if Safeguard::IntentCommit.is_off() {
            let event = Event::Claim { attempt: id, engine: self.engine.id.clone(), provider_after: None };
            drop(self.engine.core.apply(event, Actor::engine()).await);
        }
    }

    async fn submit(&self, send: &ToSend) -> SendOutcome {
        let a = &send.attempt;
        if let Some(to) = &a.recipient.email {
            return mailing::submit(&self.engine, a, to, |asked| self.again_at(a, asked)).await;
        }
        if a.channel == Channel::Voice {
            return placing::place(&self.engine, send, |asked| self.again_at(a, asked)).await;
        }
        let message = Submission {
            attempt: a.id,
            to: a.recipient.phone.clone(),
            from: send.sender.clone(),
            body: MessageBody(a.body.clone()),
            validity: self.engine.bounds().validity,
            callback: if a.callback { Callback::Wanted } else { Callback::Without },
        };
        submitted(&self.engine, &message, |asked| self.again_at(a, asked)).await
    }

    /// When a try that surely did not happen is made again; `asked`: how long the provider asked us to wait.
    fn again_at(&self, a: &Attempt, asked: Duration) -> Timestamp {
        again_at(&self.engine, a.tries, a.priority, asked)
    }

    /// What became of the POST must not be lost while this process lives: tried until the store takes it. Where the file is
    /// damaged there, that may be never: the place is others' from then on.
    async fn record(&self, id: AttemptId, mut outcome: SendOutcome, place: &mut Option<OwnedSemaphorePermit>) {
        let mut pause = Duration::from_millis(100);
        failpoint::hit("outcome.before-commit");
        loop {
            let event = Event::Sent { attempt: id, by: Some(self.engine.id.clone()), outcome: outcome.clone() };
            match self.engine.core.apply(event, Actor::engine()).await {
                Ok(_) => return failpoint::hit("outcome.committed"),
                // Our own bug: the attempt must not stay under way for as long as this engine lives.
                Err(StoreError::Refused { .. }) if !matches!(outcome, SendOutcome::Unknown { .. }) => {
                    outcome = SendOutcome::Unknown { why: "its outcome was refused by the store".into() };
                }
                Err(StoreError::Refused { .. } | StoreError::Closed | StoreError::Broken { .. }) => return,
                Err(e) => {
                    if matches!(e, StoreError::Corrupt { .. }) && place.take().is_some() {
                        self.engine.core.wake.notify(WakeSignal::Send);
                    }
                    error!(attempt.id = %id, error = %e, "the outcome of a send cannot be stored yet; trying again");
                    self.pause(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
            }
        }
    }

    async fn pause(&self, d: Duration) {
        let clock = &self.engine.core.clock;
        clock.sleep_until(clock.now().plus(d)).await;
    }
}

fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}
