//! The one write path: load, decide, commit, then ring the bells.
//!
//! After `Ok` the change is durable; after an error nothing of it is. Every process that changes a call goes through here,
//! with or without an engine of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tracing::{debug, error, info, warn};

use crate::clock::{Clock, ClocksSeen};
use crate::domain::alert::AlertChange;
use crate::domain::authority::Authority;
use crate::domain::call::CallState;
use crate::domain::change::{Answer, Change};
use crate::domain::event::{Event, Load, Loaded, NewCall, Report};
use crate::domain::log::LogKind;
use crate::domain::outgoing::OutgoingKind;
use crate::domain::phone_call::PhoneCall;
use crate::domain::rules::Rules;
use crate::domain::step::step;
use crate::domain::team::Directory;
use crate::domain::types::{Actor, AttemptId, CallId};
use crate::domain::work::Ctx;
use crate::domain::{PhoneNumber, ProviderClock, Timestamp};
use crate::ids::Ids;
use crate::store::{Committed, Lease, Store, StoreError, SyncedContacts};

use super::heartbeats::Heartbeats;
use super::in_force::{self, InForce, Interpreter};
use super::links::Links;
use super::loads::{load_for, other_ids, phones_of};
use super::rest::StoreVersion;
use super::safeguards;
use super::shown;
use super::wake::{Wake, WakeSignal};

/// Exceptions to who is on call that ended longer ago are history.
const OVERRIDES_KEPT: Duration = Duration::from_secs(35 * 24 * 3600);
/// Settings that change faster than they can be read are nobody's: whoever asked may try again.
const REFRESHES_MAX: usize = 5;
/// The scheduler looks this often by itself: only what is due earlier needs a hint.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// What every writer shares.
#[derive(Clone)]
pub struct Core {
    /// The durable state. In an engine's term it takes what the term's holder decides, and nothing after the term.
    pub store: Arc<dyn Store>,
    /// The same for evidence, which is taken from anybody.
    evidence: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub ids: Arc<Ids>,
    /// Hints to the loops.
    pub wake: Arc<Wake>,
    in_force: Arc<RwLock<Arc<InForce>>>,
    interpreter: Option<Interpreter>,
    links: Arc<RwLock<Option<Arc<Links>>>>,
    provider_clock: Arc<Mutex<ProviderClock>>,
    refused: Arc<AtomicU64>,
    /// Whether anybody commits.
    pub version: Arc<StoreVersion>,
    /// When an engine of the store was last known to see the clock's steps.
    pub clocks_seen: Arc<ClocksSeen>,
    /// The loops of this process that are no duties of an engine: see [`super::beside`].
    pub beside: Arc<Heartbeats>,
}

impl Core {
    /// Wires a write path under a process's own settings, until it meets others in the store.
    #[cfg(test)]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        directory: Arc<Directory>,
        rules: Rules,
    ) -> Self {
        Self::under(store, clock, ids, InForce::own(directory, rules), None)
    }

    /// How many changes the store could not write so far: a new one hurries its alarm.
    pub fn refusals(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whoever could not reach the store says so: its alarm need not wait for the next look.
    pub fn store_failed(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.wake.notify(WakeSignal::Store);
    }

    /// Wires a write path under what is in force; `interpreter` reads other settings that come to be.
    pub fn under(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        in_force: InForce,
        interpreter: Option<Interpreter>,
    ) -> Self {
        Self {
            evidence: store.clone(),
            store,
            clock,
            ids,
            wake: Arc::default(),
            in_force: Arc::new(RwLock::new(Arc::new(in_force))),
            interpreter,
            provider_clock: Arc::default(),
            links: Arc::default(),
            refused: Arc::default(),
            version: Arc::default(),
            clocks_seen: Arc::default(),
            beside: Arc::default(),
        }
    }

    /// The same write path for whoever holds this lease: what it decides is committed only while the lease is held.
    pub fn in_term(self: &Arc<Self>, lease: &dyn Lease) -> Arc<Self> {
        match self.evidence.under(lease) {
            Some(store) => Arc::new(Self { store, ..Self::clone(self) }),
            None => self.clone(),
        }
    }

    /// For whoever brings nothing that has happened, but decides by what it has read: all of it counts only within its term.
    pub fn deciding(&self) -> Arc<Self> {
        Arc::new(Self { evidence: self.store.clone(), ..self.clone() })
    }

    /// Where this event is written.
    fn store_of(&self, event: &Event) -> Result<&Arc<dyn Store>, StoreError> {
        match event.authority() {
            Authority::Anybody => Ok(&self.evidence),
            Authority::Engine if !self.store.decides() => Err(StoreError::Fenced),
            Authority::Engine | Authority::Decision => Ok(&self.store),
        }
    }

    /// What makes and reads the links by which a call is taken; `None`: there is no public URL.
    pub fn links(&self) -> Option<Arc<Links>> {
        self.links.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Links are made so from now on.
    pub fn set_links(&self, links: Option<Arc<Links>>) {
        *self.links.write().unwrap_or_else(PoisonError::into_inner) = links;
    }

    /// What decisions are made under.
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who can be told.
    pub fn directory(&self) -> Arc<Directory> {
        self.in_force().directory.clone()
    }

    /// The bounds.
    pub fn rules(&self) -> Rules {
        self.in_force().rules.clone()
    }

    /// Decisions from now on are made under this.
    pub fn put_in_force(&self, in_force: InForce) {
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(in_force);
    }

    /// Decisions from now on are made under what `change` makes of what is in force. It may read calendars: others go on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Closed`]: this process ends.
    pub async fn change_in_force(
        &self,
        change: impl FnOnce(InForce) -> InForce + Send + 'static,
    ) -> Result<(), StoreError> {
        let held = self.in_force();
        let changed = tokio::task::spawn_blocking(move || change(InForce::clone(&held))).await;
        // Who has put another in force meanwhile is not lost: each decision compares with the store.
        self.put_in_force(changed.map_err(|_| StoreError::Closed)?);
        Ok(())
    }

    /// The contacts of another system were read and kept in the store: they count from now on.
    ///
    /// # Errors
    /// As [`Core::change_in_force`].
    pub async fn put_contacts(&self, contacts: Option<SyncedContacts>) -> Result<(), StoreError> {
        self.change_in_force(move |held| held.with_contacts(contacts)).await
    }

    /// What is known of the provider's clock, from this process's answers or else from the store.
    pub fn provider_clock(&self) -> ProviderClock {
        *self.provider_clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`Core::provider_clock`].
    pub(super) fn set_provider_clock(&self, clock: ProviderClock) {
        *self.provider_clock.lock().unwrap_or_else(PoisonError::into_inner) = clock;
    }

    /// Replaces the directory; decisions from now on use the new one.
    #[cfg(test)]
    pub(crate) fn set_directory(&self, directory: Arc<Directory>) {
        let mut held = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(InForce { configured: directory.clone(), directory, ..InForce::clone(&held) });
    }

    /// Reads what is in force in the store, where that is not what this process has.
    ///
    /// # Errors
    /// [`StoreError`]: what was read before stays.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let held = self.in_force();
        let now = self.clock.now();
        let moment = in_force::Moment { now, after: now.minus(OVERRIDES_KEPT) };
        let now = in_force::read(self.store.as_ref(), &held, moment, self.interpreter.as_ref()).await?;
        self.put_in_force(now);
        Ok(())
    }

    /// Decides an event and makes it durable. Safe to call again with the same event: what has happened is not repeated.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was written. [`StoreError::Refused`] is our own bug, logged here.
    pub async fn apply(&self, event: Event, actor: Actor) -> Result<Answer, StoreError> {
        let event = Arc::new(event);
        for _ in 0..REFRESHES_MAX {
            match self.apply_under(self.in_force(), &event, &actor).await? {
                Answer::Outdated => self.refresh().await?,
                answer => return Ok(answer),
            }
        }
        Err(StoreError::Busy)
    }

    /// Accepts the call that `make` makes under what is in force, and makes it anew where that has changed meanwhile: its ladder
    /// is that of the settings that it is accepted under.
    ///
    /// # Errors
    /// As [`Core::apply`]; inside, what `make` says.
    pub async fn accept<E>(
        &self,
        make: impl Fn(&InForce) -> Result<NewCall, E>,
        actor: Actor,
    ) -> Result<Result<Answer, E>, StoreError> {
        self.accept_as(make, |new| Event::Accept(Box::new(new)), actor).await
    }

    /// As [`Core::accept`], for what a voice agent's platform reports: the call is made, or the report joins it.
    ///
    /// # Errors
    /// As [`Core::accept`].
    pub async fn report<E>(
        &self,
        make: impl Fn(&InForce) -> Result<NewCall, E>,
        report: Report,
        actor: Actor,
    ) -> Result<Result<Answer, E>, StoreError> {
        self.accept_as(make, |new| Event::Report(Box::new(new), report.clone()), actor).await
    }

    async fn accept_as<E>(
        &self,
        make: impl Fn(&InForce) -> Result<NewCall, E>,
        event: impl Fn(NewCall) -> Event,
        actor: Actor,
    ) -> Result<Result<Answer, E>, StoreError> {
        for _ in 0..REFRESHES_MAX {
            let held = self.in_force();
            let new = match make(&held) {
                Ok(new) => NewCall { settings: held.settings, ..new },
                Err(e) => return Ok(Err(e)),
            };
            match self.apply_under(held, &Arc::new(event(new)), &actor).await? {
                Answer::Outdated => self.refresh().await?,
                answer => return Ok(Ok(answer)),
            }
        }
        Err(StoreError::Busy)
    }

    async fn apply_under(&self, held: Arc<InForce>, event: &Arc<Event>, actor: &Actor) -> Result<Answer, StoreError> {
        let now = self.clock.now();
        let (load, phones, decide) = self.decision(now, held, event, actor);
        let done = self.store_of(event)?.transact(load, phones, Arc::new(decide)).await;
        match &done {
            Ok(committed) => {
                log_committed(&committed.change);
                self.hint(committed, now);
            }
            Err(StoreError::Refused { what }) => error!(what, "a decision was refused: a bug; the rest goes on"),
            // Whoever asked is refused at once; so is the alarm not to wait for the next look at the store.
            Err(
                StoreError::Full { .. }
                | StoreError::Denied { .. }
                | StoreError::Busy
                | StoreError::Unreachable { .. }
                | StoreError::ReadOnly { .. }
                | StoreError::Unsure { .. },
            ) => self.store_failed(),
            Err(_) => {}
        }
        done.map(|committed| committed.change.answer)
    }

    /// What an event would be answered, with nothing stored: `None` where nobody can say. For a drill, and for whoever is asked first.
    pub(crate) async fn answer_unstored(&self, event: Event, actor: Actor) -> Option<Answer> {
        let (load, phones, decide) = self.decision(self.clock.now(), self.in_force(), &Arc::new(event), &actor);
        let seen: Arc<Mutex<Option<Answer>>> = Arc::default();
        let refuse = {
            let seen = seen.clone();
            move |loaded: &Loaded| -> Result<Change, String> {
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(decide(loaded)?.answer);
                Err("nothing of it is stored".to_owned())
            }
        };
        let kept = self.store.transact(load, phones, Arc::new(refuse)).await;
        debug_assert!(kept.is_err(), "nothing is stored");
        seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What an event needs to be loaded, whose opt-outs, and the decision over it.
    fn decision(
        &self,
        now: Timestamp,
        held: Arc<InForce>,
        event: &Arc<Event>,
        actor: &Actor,
    ) -> (Load, Vec<PhoneNumber>, impl Fn(&Loaded) -> Result<Change, String> + Send + Sync + 'static) {
        let directory = held.directory.clone();
        let load = load_for(&self.ids, event, &held.rules, now);
        let load = shown::with_counts(load, event, &held.rules, now);
        let phones = phones_of(event, &directory);
        let (ids, rules) = (self.ids.clone(), safeguards::rules_in_force(&held.rules));
        let (event, actor, links) = (Arc::clone(event), actor.clone(), self.links());
        let decide = move |loaded: &Loaded| -> Result<Change, String> {
            if loaded.basis != held.basis {
                return Ok(Change { answer: Answer::Outdated, ..Change::default() });
            }
            let new_id = || AttemptId::from_uuid(ids.uuid(now));
            let link = |attempt| links.as_ref().map(|l| l.of(attempt));
            let ctx =
                Ctx { now, directory: &directory, rules: &rules, new_id: &new_id, link: &link, actor: actor.clone() };
            step(loaded, &event, &ctx).map_err(|e| e.to_string())
        };
        (load, phones, decide)
    }

    /// Rings only those whom the change concerns: most changes concern nobody but who asked.
    fn hint(&self, committed: &Committed, now: Timestamp) {
        let change = &committed.change;
        let has = |kinds: &[LogKind]| change.log.iter().any(|e| kinds.contains(&e.kind));
        if has(&[LogKind::AttemptScheduled, LogKind::AttemptRetrying]) {
            self.wake.notify(WakeSignal::Send);
        }
        if change.calls.iter().filter_map(|c| c.call.wake_at).any(|at| at <= now.plus(LOOKS_EVERY)) {
            self.wake.notify(WakeSignal::Due);
        }
        if has(&[LogKind::BreakerClosed]) {
            self.wake.notify(WakeSignal::Send);
            self.wake.notify(WakeSignal::Due);
        }
        if has(&[LogKind::AttemptEnding]) {
            self.wake.notify(WakeSignal::Ringing);
        }
        if has(&[LogKind::MessageConflict]) {
            self.wake.notify(WakeSignal::Poll);
        }
        if change.inbound.as_ref().is_some_and(|row| row.waits) {
            self.wake.notify(WakeSignal::Reply);
        }
        if !change.alerts.is_empty() {
            self.wake.notify(WakeSignal::Alerts);
        }
        if change.log.iter().any(|e| OutgoingKind::of(e).is_some()) {
            self.wake.notify(WakeSignal::Events);
        }
        if change.roll_calls.iter().any(|r| r.texts.iter().any(|t| t.state.is_waiting())) {
            self.wake.notify(WakeSignal::RollCall);
        }
        if change.alert_texts.iter().any(|t| t.text.state.is_waiting()) {
            self.wake.notify(WakeSignal::AlertText);
        }
        if change.alert_texts.iter().any(|t| !t.text.state.is_waiting()) {
            // Its sink waits for what becomes of it.
            self.wake.notify(WakeSignal::Alerts);
        }
        if !change.calls.is_empty() {
            self.wake.notify(WakeSignal::Mirror);
        }
        for state in &change.calls {
            self.wake.changed(state, committed.number);
        }
    }

    /// The call of a phone call that goes on or has ended, whichever way it came.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn call_of(&self, id: &CallId, phone: &PhoneCall) -> Result<Option<CallState>, StoreError> {
        let ended_at = phone.ended_at.or_else(|| phone.started_at.map(|_| self.clock.now()));
        let phone = PhoneCall { ended_at, ..phone.clone() };
        let own = self.store.call(id).await?;
        if own.is_some() {
            return Ok(own);
        }
        match self.store.call_of_phone_call(id, &other_ids(id), &phone).await? {
            Some(call) => self.store.call(&call).await,
            None => Ok(None),
        }
    }
}

/// Delivery receipts are many and quiet.
fn is_shown(kind: LogKind) -> bool {
    let is_quiet = matches!(
        kind,
        LogKind::AttemptSubmitted | LogKind::AttemptDelivered | LogKind::AttemptSending | LogKind::MessageStatus
    );
    !is_quiet || tracing::enabled!(tracing::Level::DEBUG)
}

/// After the commit: the log's entries as log lines.
fn log_committed(change: &Change) {
    for e in change.log.iter().filter(|e| is_shown(e.kind)) {
        let call = e.call.as_ref().map(ToString::to_string).unwrap_or_default();
        let attempt = e.attempt.map(|a| a.to_string()).unwrap_or_default();
        match e.kind {
            LogKind::AttemptSubmitted
            | LogKind::AttemptDelivered
            | LogKind::AttemptSending
            | LogKind::MessageStatus => {
                debug!(
                    call.id = call,
                    attempt.id = attempt,
                    actor = e.actor.0,
                    kind = e.kind.as_str(),
                    "{}",
                    e.message
                );
            }
            LogKind::AttemptFailed
            | LogKind::AttemptUnknown
            | LogKind::BreakerOpened
            | LogKind::CallExhausted
            | LogKind::StepSkipped => {
                warn!(call.id = call, attempt.id = attempt, actor = e.actor.0, kind = e.kind.as_str(), "{}", e.message);
            }
            _ => {
                info!(call.id = call, attempt.id = attempt, actor = e.actor.0, kind = e.kind.as_str(), "{}", e.message)
            }
        }
    }
    for a in &change.alerts {
        if let AlertChange::Raise { key, message, .. } | AlertChange::Again { key, message } = a {
            match key.kind() {
                kind if kind.quotes_a_person() => error!(alert = key.masked(), "alert: {}", kind.title()),
                _ => error!(alert = key.masked(), "alert: {message}"),
            }
        }
    }
}
