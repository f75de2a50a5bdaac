//! A store that dies at a commit of the test's choice, as a process does: what comes after is never answered.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::watch;

use crate::domain::alert::AlertKey;
use crate::domain::breaker::Breaker;
use crate::domain::call::CallState;
use crate::domain::change::Answer;
use crate::domain::event::{InboundText, Load, News};
use crate::domain::log::LogEntry;
use crate::domain::settings::{Basis, NewSettings, SettingsRow};
use crate::domain::types::{Actor, AttemptId, CallId, CallRef, MessageSid};
use crate::domain::{PhoneNumber, Timestamp};
use crate::store::{
    AlertLine, AlertOutbox, AlertTask, CallFilter, CallLine, CallStory, CallTask, Clocks, Decide, DueLine, EngineBeat,
    EngineRow, EventFilter, EventLine, EventTask, FailureLine, Figures, KeptProviderClock, LaneKey, LanePlace,
    Listened, ListenedPlace, LogFilter, LogLine, MirrorFigures, MirrorKey, MirrorOutbox, MirrorTold, NotDelivered,
    OptOutLine, OutboxLine, ParkedLine, Place, Pollable, Replies, Request, RosterCopy, Searchable, Sendable, SinkState,
    SqliteStore, Store, StoreError, Unreadable,
};

mod outboxes;

/// When to die, by the number of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// Lives on.
    Never,
    /// Right after this write was committed: nobody hears of it, nothing follows.
    After(u64),
    /// Where the write after this one would begin: what the commit led to in the outside world has happened.
    BeforeTheOneAfter(u64),
}

/// See the module.
pub(crate) struct Mortal {
    inner: SqliteStore,
    death: Death,
    writes: AtomicU64,
    sealed: AtomicBool,
    refused: Mutex<HashSet<AttemptId>>,
    refused_replies: Mutex<HashSet<MessageSid>>,
    /// Attempts that are recorded no more, and how many may still become so.
    stuck: Mutex<(HashSet<AttemptId>, usize)>,
    dead: watch::Sender<bool>,
}

impl Mortal {
    pub(crate) fn new(inner: SqliteStore, death: Death) -> Arc<Self> {
        let (writes, sealed) = (AtomicU64::new(0), AtomicBool::new(false));
        let (refused, dead) = (Mutex::default(), watch::Sender::new(false));
        let refused_replies = Mutex::default();
        Arc::new(Self { inner, death, writes, sealed, refused, refused_replies, stuck: Mutex::default(), dead })
    }

    /// Every change that is about one of these is refused, as a decision that cannot be would be; `None`: no more.
    pub(crate) fn refuse(&self, attempts: impl IntoIterator<Item = AttemptId>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = attempts.into_iter().collect();
    }

    /// Every decision about one of these texts is refused; `[]`: no more.
    pub(crate) fn refuse_replies(&self, texts: impl IntoIterator<Item = MessageSid>) {
        *self.refused_replies.lock().unwrap_or_else(PoisonError::into_inner) = texts.into_iter().collect();
    }

    /// The next `n` attempts whose messages the provider took meet a damaged page when that is to be stored, for ever.
    pub(crate) fn corrupt_outcomes(&self, n: usize) {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner).1 = n;
    }

    fn is_stuck(&self, load: &Load) -> bool {
        let Load::Message { attempt: Some(id), .. } = load else { return false };
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        if stuck.1 > 0 && stuck.0.insert(*id) {
            stuck.1 -= 1;
        }
        stuck.0.contains(id)
    }

    /// How many writes were committed.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// The process ends here.
    pub(crate) fn kill(&self) {
        self.dead.send_replace(true);
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// Returns when the process has died.
    pub(crate) async fn died(&self) {
        let gone = self.dead.subscribe().wait_for(|dead| *dead).await.map(|d| *d);
        assert!(gone.is_ok(), "the store lives as long as its sender");
    }

    async fn alive(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    async fn before_write(&self) {
        self.alive().await;
        if self.sealed.load(Ordering::SeqCst) {
            self.kill();
            std::future::pending::<()>().await;
        }
    }

    async fn after_write(&self) {
        let many = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        match self.death {
            Death::After(n) if many >= n => {
                self.kill();
                std::future::pending::<()>().await;
            }
            Death::BeforeTheOneAfter(n) if many >= n => self.sealed.store(true, Ordering::SeqCst),
            _ => self.alive().await,
        }
    }
}

#[async_trait]
impl Store for Mortal {
    async fn transact(&self, load: Load, phones: Vec<PhoneNumber>, decide: Decide) -> Result<Answer, StoreError> {
        self.before_write().await;
        let is_refused = |id| self.refused.lock().unwrap_or_else(PoisonError::into_inner).contains(&id);
        let is_refused_reply = |sid| self.refused_replies.lock().unwrap_or_else(PoisonError::into_inner).contains(sid);
        if matches!(&load, Load::Attempt(id) if is_refused(*id))
            || matches!(&load, Load::Reply { sid, .. } if is_refused_reply(sid))
        {
            return Err(StoreError::Refused { what: "a test says so".into() });
        }
        if self.is_stuck(&load) {
            return Err(StoreError::Corrupt { what: "a test says so".into(), call: None });
        }
        let done = self.inner.transact(load, phones, decide).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn story(&self, call: &CallId) -> Result<Option<CallStory>, StoreError> {
        self.alive().await;
        self.inner.story(call).await
    }
    async fn call(&self, call: &CallId) -> Result<Option<CallState>, StoreError> {
        self.alive().await;
        self.inner.call(call).await
    }
    async fn call_by_key(&self, key: &str) -> Result<Option<CallId>, StoreError> {
        self.alive().await;
        self.inner.call_by_key(key).await
    }
    async fn call_by_sid(&self, sid: &MessageSid) -> Result<Option<CallId>, StoreError> {
        self.alive().await;
        self.inner.call_by_sid(sid).await
    }
    async fn call_by_reference(&self, reference: &CallRef) -> Result<Option<CallId>, StoreError> {
        self.alive().await;
        self.inner.call_by_reference(reference).await
    }
    async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallLine>, StoreError> {
        self.alive().await;
        self.inner.calls(filter).await
    }
    async fn log(&self, filter: &LogFilter) -> Result<Vec<LogLine>, StoreError> {
        self.alive().await;
        self.inner.log(filter).await
    }
    async fn append_log(&self, entries: Vec<LogEntry>) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.append_log(entries).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.alive().await;
        self.inner.due(now, limit).await
    }
    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.alive().await;
        self.inner.next_wake(after).await
    }
    async fn next_wakes(&self, limit: usize) -> Result<Vec<(CallId, Timestamp)>, StoreError> {
        self.alive().await;
        self.inner.next_wakes(limit).await
    }
    async fn due_lines(&self, limit: usize) -> Result<Vec<DueLine>, StoreError> {
        self.alive().await;
        self.inner.due_lines(limit).await
    }
    async fn lanes(&self, after: Option<&LaneKey>, limit: usize) -> Result<Vec<LaneKey>, StoreError> {
        self.alive().await;
        self.inner.lanes(after, limit).await
    }
    async fn sendable(
        &self,
        now: Timestamp,
        places: &[LanePlace],
        limit: usize,
    ) -> Result<Vec<Vec<Sendable>>, StoreError> {
        self.alive().await;
        self.inner.sendable(now, places, limit).await
    }
    async fn next_sendable(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.alive().await;
        self.inner.next_sendable(after).await
    }
    async fn claims_of_others(&self, engine: &str, limit: usize) -> Result<Vec<AttemptId>, StoreError> {
        self.alive().await;
        self.inner.claims_of_others(engine, limit).await
    }
    async fn claims_of(&self, engine: &str, limit: usize) -> Result<Vec<AttemptId>, StoreError> {
        self.alive().await;
        self.inner.claims_of(engine, limit).await
    }
    async fn pollable(&self, now: Timestamp, limit: usize) -> Result<Vec<Pollable>, StoreError> {
        self.alive().await;
        self.inner.pollable(now, limit).await
    }
    async fn next_poll(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.alive().await;
        self.inner.next_poll(after).await
    }
    async fn open_outcomes(&self, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.alive().await;
        self.inner.open_outcomes(limit).await
    }
    async fn searchable(&self, now: Timestamp, limit: usize) -> Result<Vec<Searchable>, StoreError> {
        self.alive().await;
        self.inner.searchable(now, limit).await
    }
    async fn next_search(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.alive().await;
        self.inner.next_search(after).await
    }
    async fn stranded(&self, quiet_since: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.alive().await;
        self.inner.stranded(quiet_since, limit).await
    }
    async fn untold(&self, before: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.alive().await;
        self.inner.untold(before, limit).await
    }
    async fn kept_receipts(&self, limit: usize) -> Result<Vec<(CallId, News)>, StoreError> {
        self.alive().await;
        self.inner.kept_receipts(limit).await
    }
    async fn stuck_outbox(&self, before: Timestamp) -> Result<Vec<OutboxLine>, StoreError> {
        self.alive().await;
        self.inner.stuck_outbox(before).await
    }
    async fn hurry_outbox(&self, now: Timestamp) -> Result<(), StoreError> {
        self.alive().await;
        self.inner.hurry_outbox(now).await
    }
    fn left_out(&self) -> Vec<Unreadable> {
        self.inner.left_out()
    }
    async fn unreadable(&self, limit: usize) -> Result<Vec<Unreadable>, StoreError> {
        self.alive().await;
        self.inner.unreadable(limit).await
    }
    async fn look_through(&self, every: Duration) -> Result<(), StoreError> {
        self.alive().await;
        self.inner.look_through(every).await
    }
    async fn figures(&self, now: Timestamp) -> Result<Figures, StoreError> {
        self.alive().await;
        self.inner.figures(now).await
    }
    async fn failures(&self, since: Timestamp) -> Result<Vec<FailureLine>, StoreError> {
        self.alive().await;
        self.inner.failures(since).await
    }
    async fn alerts(&self) -> Result<Vec<AlertLine>, StoreError> {
        self.alive().await;
        self.inner.alerts().await
    }
    async fn breakers(&self) -> Result<Vec<Breaker>, StoreError> {
        self.inner.breakers().await
    }

    async fn opt_outs(&self) -> Result<Vec<OptOutLine>, StoreError> {
        self.alive().await;
        self.inner.opt_outs().await
    }
    async fn settings(&self) -> Result<Option<SettingsRow>, StoreError> {
        self.alive().await;
        self.inner.settings().await
    }
    async fn put_settings(&self, new: &NewSettings) -> Result<SettingsRow, StoreError> {
        self.before_write().await;
        let done = self.inner.put_settings(new).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn basis(&self) -> Result<Basis, StoreError> {
        self.alive().await;
        self.inner.basis().await
    }
    async fn roster(&self) -> Result<Option<RosterCopy>, StoreError> {
        self.alive().await;
        self.inner.roster().await
    }
    async fn keep_roster(&self, copy: Option<&RosterCopy>) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.keep_roster(copy).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn post_request(&self, kind: &str, payload: Value, actor: &Actor, now: Timestamp) -> Result<i64, StoreError> {
        self.before_write().await;
        let done = self.inner.post_request(kind, payload, actor, now).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn open_requests(&self) -> Result<Vec<Request>, StoreError> {
        self.alive().await;
        self.inner.open_requests().await
    }
    async fn answer_request(&self, id: i64, result: Value, now: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.answer_request(id, result, now).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn request(&self, id: i64) -> Result<Option<Request>, StoreError> {
        self.alive().await;
        self.inner.request(id).await
    }
    async fn engine(&self) -> Result<Option<EngineRow>, StoreError> {
        self.alive().await;
        self.inner.engine().await
    }
    async fn engine_started(&self, row: &EngineRow) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.engine_started(row).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn engine_beats(&self, id: &str, beat: &EngineBeat) -> Result<(), StoreError> {
        // No write that a story counts: it comes by the clock, and nothing rests on it.
        self.alive().await;
        self.inner.engine_beats(id, beat).await
    }
    async fn engine_stopped(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.engine_stopped(id, at).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn probe(&self, now: Timestamp) -> Result<Duration, StoreError> {
        self.before_write().await;
        let done = self.inner.probe(now).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn version_of_others(&self) -> Result<u64, StoreError> {
        self.alive().await;
        self.inner.version_of_others().await
    }
    async fn version(&self) -> Result<u64, StoreError> {
        self.alive().await;
        self.inner.version().await
    }
    fn place(&self) -> Place {
        self.inner.place()
    }
    async fn rescue(&self, lost: Timestamp) -> Result<PathBuf, StoreError> {
        self.alive().await;
        self.inner.rescue(lost).await
    }
    fn place_is_held(&self) -> bool {
        self.inner.place_is_held()
    }
    async fn checkpoint(&self) -> Result<(), StoreError> {
        self.alive().await;
        self.inner.checkpoint().await
    }
}

#[async_trait]
impl Clocks for Mortal {
    async fn clock_stepped(&self, by_ms: i64, fresh_since: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.clock_stepped(by_ms, fresh_since, now).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn provider_clock(&self) -> Result<Option<KeptProviderClock>, StoreError> {
        self.alive().await;
        self.inner.provider_clock().await
    }
    async fn keep_provider_clock(&self, clock: &KeptProviderClock) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.keep_provider_clock(clock).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
}

#[async_trait]
impl MirrorOutbox for Mortal {
    async fn mirror_events_due(&self, now: Timestamp, limit: usize) -> Result<Vec<EventTask>, StoreError> {
        self.alive().await;
        self.inner.mirror_events_due(now, limit).await
    }
    async fn mirror_calls_due(&self, now: Timestamp, limit: usize) -> Result<Vec<CallTask>, StoreError> {
        self.alive().await;
        self.inner.mirror_calls_due(now, limit).await
    }
    async fn next_mirror(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.alive().await;
        self.inner.next_mirror(after).await
    }
    async fn mirror_told(&self, told: Vec<MirrorTold>, now: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.mirror_told(told, now).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn mirror_not_told(&self, keys: Vec<MirrorKey>, again_at: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.mirror_not_told(keys, again_at).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn mirror_wait(&self, keys: Vec<MirrorKey>, until: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.mirror_wait(keys, until).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn mirror_park(
        &self,
        key: &MirrorKey,
        version: Option<i64>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.mirror_park(key, version, why, now).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn mirror_parked(&self, limit: usize) -> Result<Vec<ParkedLine>, StoreError> {
        self.alive().await;
        self.inner.mirror_parked(limit).await
    }
    async fn mirror_hurry(&self, now: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.mirror_hurry(now).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn mirror_again(&self, keys: Vec<MirrorKey>, now: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.mirror_again(keys, now).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn mirror_is_busy_with(&self, keys: Vec<MirrorKey>) -> Result<bool, StoreError> {
        self.alive().await;
        self.inner.mirror_is_busy_with(keys).await
    }
    async fn mirror_events_unproven(&self, now: Timestamp, limit: usize) -> Result<Vec<EventTask>, StoreError> {
        self.alive().await;
        self.inner.mirror_events_unproven(now, limit).await
    }
    async fn mirror_calls_unproven(&self, now: Timestamp, limit: usize) -> Result<Vec<CallTask>, StoreError> {
        self.alive().await;
        self.inner.mirror_calls_unproven(now, limit).await
    }
    async fn mirror_proven(&self, writes: Vec<(MirrorKey, i64)>, now: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.mirror_proven(writes, now).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn mirror_missed(&self, key: &MirrorKey, write: i64, again_at: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.mirror_missed(key, write, again_at).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn mirror_rewrite(&self, key: &MirrorKey, write: i64, now: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.mirror_rewrite(key, write, now).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn mirror_forget_record(&self, key: &MirrorKey) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.mirror_forget_record(key).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn mirror_figures(&self) -> Result<MirrorFigures, StoreError> {
        self.alive().await;
        self.inner.mirror_figures().await
    }
    async fn mirror_events(&self, filter: &EventFilter) -> Result<Vec<EventLine>, StoreError> {
        self.alive().await;
        self.inner.mirror_events(filter).await
    }
    async fn mirror_events_count(&self, filter: &EventFilter) -> Result<u64, StoreError> {
        self.alive().await;
        self.inner.mirror_events_count(filter).await
    }
}
