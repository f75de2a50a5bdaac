//! No phone call without a verdict: what a platform lists is compared with what was accepted.
//!
//! Each listed call is a call of ours, or was hung up by the rules of the settings, or is over for [`OVER_FOR`] and nobody reported
//! it: then a person is paged, with the number to call back. The entry in the log is what keeps a restart from alarming twice.
//! How far a list was compared is stored, and behind that moment it is read again for an [`OVERLAP`], as calls are listed late. It
//! never passes a phone call that has no verdict yet, so after a crash, an outage of the list or a night without an engine nothing
//! is left out. Source: `facts/intake.md` §5.

pub(crate) mod fallback;
mod said;
mod seen;
mod verdict;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use crate::config::CallListSource;
use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::call::Call;
use crate::domain::event::Event;
use crate::domain::phone_call::{START_APART, are_two};
use crate::domain::types::{Actor, CallId};
use crate::failpoint;
use crate::gateways::GatewayError;
use crate::gateways::phone_calls::{ListedPhoneCall, ListedPhoneCalls, PhoneCallList};
use crate::store::{CallFilter, CallLine, KnownAs, ListProgress, StoreError};

use super::apply::Core;
use super::duty::Passed;
use super::intake::reports::platform_call_id;

pub use self::seen::seen;
use self::verdict::Verdict;

/// A phone call that is over for so long is reported, or nobody will report it.
pub const OVER_FOR: Duration = Duration::from_secs(90);
/// So far behind what was compared a list is read again.
const OVERLAP: Duration = Duration::from_secs(3_600);
/// Clocks differ: what began a little later by the platform's clock is listed too.
const AHEAD: Duration = Duration::from_secs(300);
/// A phone call that goes on for longer is taken for one that is over.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);
/// How far back a list is read at most, after an engine that was away for long.
const BACK_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// A list that fails so often in a row alarms; one that refuses us does so at once.
const FAILURES: u32 = 3;
/// The longest that a platform may ask us to stay away.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);
/// Calls that are looked through for one that is of a phone call.
const CALLS_MAX: usize = 20_000;

/// See the module.
pub struct CallListWatch {
    core: Arc<Core>,
    list: Arc<dyn PhoneCallList>,
    of: CallListSource,
    failures: Mutex<u32>,
}

/// Phone calls without a verdict.
struct Undecided {
    /// When the first of them began.
    began: Option<Timestamp>,
    /// When the next of them is to be decided.
    due: Option<Timestamp>,
}

impl CallListWatch {
    /// Asks nothing yet.
    pub fn new(core: Arc<Core>, list: Arc<dyn PhoneCallList>, of: CallListSource) -> Self {
        Self { core, list, of, failures: Mutex::default() }
    }

    pub fn source(&self) -> &'static str {
        self.of.source()
    }

    pub fn every(&self) -> Duration {
        self.of.every
    }

    /// Compares once; returns when to look again.
    ///
    /// # Errors
    /// [`StoreError`]; what was decided by then is stored, and the next pass goes on from there.
    pub async fn pass(&self) -> Passed {
        let now = self.core.clock.now();
        let progress = self.progress(now).await?;
        let from = progress.since.max(progress.until.minus(OVERLAP)).max(now.minus(BACK_MAX));
        let listing = match self.list.between(from, now.plus(AHEAD)).await {
            Ok(listing) => listing,
            Err(error) => return self.failed(&error).await,
        };
        let is_whole = listing.unread == 0;
        let unread = (!is_whole).then(|| format!("{} of its calls cannot be read", listing.unread));
        self.say(unread.as_deref()).await?;
        let undecided = self.decide(listing, progress.since, now).await?;
        self.end_alarms().await?;
        failpoint::hit("call-list.compared");
        if is_whole {
            let until = undecided.began.unwrap_or(now).min(now).max(progress.until);
            self.core.store.keep_list_progress(self.source(), ListProgress { until, ..progress }).await?;
        }
        let usual = now.plus(self.of.every);
        Ok(Some(undecided.due.filter(|at| *at > now).map_or(usual, |at| usual.min(at))))
    }

    /// How far it was compared. A list that is read for the first time begins now; with calls of ours in the store, before that:
    /// the store may be rebuilt, and what came meanwhile is nobody's. A clock that was ahead for a while leaves moments that are to
    /// come: from now on it is compared as if they were now.
    async fn progress(&self, now: Timestamp) -> Result<ListProgress, StoreError> {
        if let Some(kept) = self.core.store.list_progress(self.source()).await? {
            let past = ListProgress { since: kept.since.min(now), until: kept.until.min(now) };
            if past != kept {
                self.core.store.keep_list_progress(self.source(), past).await?;
                warn!(source = self.source(), "the list of phone calls was compared by a clock that was ahead");
            }
            return Ok(past);
        }
        let some = CallFilter { limit: 1, ..CallFilter::default() };
        let is_new = self.core.store.calls(&some).await?.is_empty();
        let since = if is_new { now } else { now.minus(OVERLAP) };
        let progress = ListProgress { since, until: since };
        self.core.store.keep_list_progress(self.source(), progress).await?;
        info!(source = self.source(), %since, "the list of phone calls is compared from here on");
        Ok(progress)
    }

    /// Gives each phone call its verdict; what has none yet.
    async fn decide(
        &self,
        listing: ListedPhoneCalls,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Undecided, StoreError> {
        let began = |c: &ListedPhoneCall| c.call.started_at.or(c.call.ended_at).unwrap_or(now);
        let calls: Vec<ListedPhoneCall> = listing.calls.into_iter().filter(|c| began(c) >= since).collect();
        let ids = calls.iter().map(|c| self.id(c)).collect();
        let known = self.core.store.known_phone_calls(ids).await?;
        let with = |wanted: KnownAs| calls.iter().zip(&known).filter(move |(_, k)| **k == wanted).map(|(c, _)| c);
        let is_due =
            |c: &&ListedPhoneCall| verdict::over_since(c, LONGEST, now).is_some_and(|at| now.since(at) >= OVER_FOR);
        let (due, early): (Vec<&ListedPhoneCall>, Vec<&ListedPhoneCall>) = with(KnownAs::Nothing).partition(is_due);
        let alarmed = self.alarmed().await?;
        let alarmed: Vec<&ListedPhoneCall> = with(KnownAs::Missed).filter(|c| alarmed.contains(&self.id(c))).collect();
        let others = self.accepted_since(due.iter().chain(&alarmed).map(|c| began(c)).min()).await?;
        for listed in due {
            let verdict = match self.is_told(listed, &others).await? {
                true => Verdict::Told,
                false => verdict::by_rules(listed, &self.of.hung_up),
            };
            self.note(listed, verdict).await?;
        }
        for listed in alarmed {
            // It came by another way after all.
            if self.is_told(listed, &others).await? {
                self.end_alarm(AlertKind::CallMissed.about(self.id(listed))).await?;
            }
        }
        let due = |c: &&&ListedPhoneCall| Some(verdict::over_since(c, LONGEST, now)?.plus(OVER_FOR));
        let due = early.iter().filter_map(|c| due(&c)).min();
        Ok(Undecided { began: early.iter().map(|c| began(c)).min(), due })
    }

    async fn accepted_since(&self, earliest: Option<Timestamp>) -> Result<Vec<CallLine>, StoreError> {
        let Some(earliest) = earliest else { return Ok(Vec::new()) };
        let since = Some(earliest.minus(START_APART));
        self.core.store.calls(&CallFilter { since, limit: CALLS_MAX, ..CallFilter::default() }).await
    }

    /// Whether it was told of by another way, or a call that was accepted meanwhile is of it.
    async fn is_told(&self, listed: &ListedPhoneCall, others: &[CallLine]) -> Result<bool, StoreError> {
        let id = self.id(listed);
        let is_it = |call: &Call| !are_two(id.as_str(), call.id.as_str()) && listed.call.is_of(call);
        if others.iter().any(|line| is_it(&line.call)) {
            return Ok(true);
        }
        Ok(self.core.store.told_of(&id, &listed.call).await?.is_some())
    }

    fn id(&self, listed: &ListedPhoneCall) -> CallId {
        platform_call_id(self.source(), &listed.call.id)
    }

    /// One that came by another way is nothing to note.
    async fn note(&self, listed: &ListedPhoneCall, verdict: Verdict<'_>) -> Result<(), StoreError> {
        let id = self.id(listed);
        let note = match verdict {
            Verdict::Told => return Ok(()),
            Verdict::HungUp(rule) => said::hung_up(id, self.source(), listed, rule),
            Verdict::Missed => said::missed(id, self.source(), listed),
        };
        self.core.apply(Event::Note(Box::new(note)), Actor::engine()).await?;
        failpoint::hit("call-list.noted");
        Ok(())
    }

    /// A phone call that was alarmed and is a call by now: its report came late, or a person dispatched it.
    async fn end_alarms(&self) -> Result<(), StoreError> {
        let alarmed = self.alarmed().await?;
        let known = self.core.store.known_phone_calls(alarmed.clone()).await?;
        for (id, _) in alarmed.into_iter().zip(known).filter(|(_, known)| *known == KnownAs::Call) {
            self.end_alarm(AlertKind::CallMissed.about(id)).await?;
        }
        Ok(())
    }

    async fn end_alarm(&self, key: AlertKey) -> Result<(), StoreError> {
        self.core.apply(Event::Alert(AlertChange::Resolve { key }), Actor::engine()).await.map(drop)
    }

    /// The phone calls of this list that are alarmed.
    async fn alarmed(&self) -> Result<Vec<CallId>, StoreError> {
        let prefix = format!("{}:", self.source());
        let is_own = |key: &AlertKey| key.kind() == AlertKind::CallMissed && key.subject().starts_with(&prefix);
        let open = self.core.store.alerts().await?;
        Ok(open.iter().filter(|a| is_own(&a.key)).filter_map(|a| a.key.subject().parse().ok()).collect())
    }

    /// Nothing is lost: what it would have shown is asked for again.
    async fn failed(&self, error: &GatewayError) -> Passed {
        let now = self.core.clock.now();
        let many = {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            *failures += 1;
            *failures
        };
        if many == 1 {
            warn!(source = self.source(), "the list of phone calls cannot be read: {error}");
        }
        if many >= FAILURES || matches!(error, GatewayError::Refused { .. }) {
            self.raise(&error.to_string()).await?;
        }
        let asked = match error {
            GatewayError::Retryable { retry_after, .. } => retry_after.unwrap_or_default().min(RETRY_AFTER_MAX),
            _ => Duration::ZERO,
        };
        Ok(Some(now.plus(self.of.every.max(asked))))
    }

    /// After an answer: what is wrong with it, or that nothing is any more.
    async fn say(&self, wrong: Option<&str>) -> Result<(), StoreError> {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner) = 0;
        if let Some(why) = wrong {
            return self.raise(why).await;
        }
        let key = AlertKind::CallList.about(self.source());
        if self.core.store.alerts().await?.iter().any(|a| a.key == key) {
            self.core.apply(Event::Alert(AlertChange::Resolve { key }), Actor::engine()).await?;
        }
        Ok(())
    }

    async fn raise(&self, why: &str) -> Result<(), StoreError> {
        let source = self.source();
        let message = format!(
            "the list of phone calls of {source} cannot be read ({why}): a call that is not reported is seen by nobody until it can be; see `dispatchctl doctor`"
        );
        let change = AlertChange::Raise { key: AlertKind::CallList.about(source), call: None, message };
        self.core.apply(Event::Alert(change), Actor::engine()).await.map(drop)
    }
}
