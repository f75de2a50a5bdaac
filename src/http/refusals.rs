//! What was refused and a person must hear of: the provider's callbacks, dispatches for want of a token, and reports of voice
//! agents' platforms for want of a proof.
//!
//! Counting is a few instructions, whatever floods in. Alerts say it, and [`Refusals::keep`] writes them, away from every request:
//! one each, raised at most once in ten minutes. Only callbacks that name our account count towards the first: a stranger's
//! noise alarms nobody. It ends with the first good callback, the other with the first dispatch that is let in after ten
//! minutes without a refused one. After a restart the counts begin anew; an alert that was raised before ends in the same way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::domain::AlertKind;
use crate::domain::alert::{AlertChange, AlertKey};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::engine::apply::Core;
use crate::engine::beside::LoopBeat;

/// So many of our account's, within [`WINDOW`] and none good since, are an alarm.
const MANY: usize = 3;
const WINDOW: Duration = Duration::from_secs(600);
/// An alert that ended is not raised again sooner: whoever forges callbacks between good ones rings nobody's phone for each.
const RAISE_PAUSE: Duration = Duration::from_secs(600);
/// The longest between two looks, though nothing changes.
pub(super) const REST_MAX: Duration = Duration::from_secs(30);
/// After a write that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// A refused callback is logged at most this often; the others are counted.
const LOG_EVERY_MS: i64 = 10_000;

/// Why a callback was refused, as a log line and an alert say it behind "with".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WebhookRefusal {
    /// None, or several.
    NoSignature,
    /// It does not sign this.
    WrongSignature,
    /// Nothing is served there.
    UnknownPath,
    /// Only POST is.
    WrongMethod,
    /// Signed, and not of the form that it must have.
    WrongShape,
}

impl WebhookRefusal {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NoSignature => "without exactly one signature",
            Self::WrongSignature => "with a signature that is not valid",
            Self::UnknownPath => "at a path that is none of ours",
            Self::WrongMethod => "with another method than POST",
            Self::WrongShape => "with fields that are missing or wrong",
        }
    }
}

/// What is to be true of one alert, and what is known to be stored of it.
#[derive(Debug, Default)]
struct Alarm {
    /// What it says, while it is on.
    on: Option<String>,
    /// Its end was seen in this process: an alert of the process before may be ended too.
    is_over: bool,
    /// `None`: not known.
    stored: Option<bool>,
    /// By the boot clock.
    raised_at: Option<Duration>,
}

/// What has to be written now.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Raise(String),
    Resolve,
}

impl Alarm {
    fn due(&self, boot: Duration) -> Option<Due> {
        match &self.on {
            Some(message) if self.stored != Some(true) => {
                let rested = self.raised_at.is_none_or(|at| boot.saturating_sub(at) >= RAISE_PAUSE);
                rested.then(|| Due::Raise(message.clone()))
            }
            None if self.is_over && self.stored != Some(false) => Some(Due::Resolve),
            Some(_) | None => None,
        }
    }

    fn written(&mut self, due: &Due, boot: Duration) {
        self.stored = Some(matches!(due, Due::Raise(_)));
        if matches!(due, Due::Raise(_)) {
            self.raised_at = Some(boot);
        }
    }

    /// Whether this changes what has to be written.
    fn end(&mut self) -> bool {
        let news = self.on.take().is_some() || !self.is_over;
        self.is_over = true;
        news
    }
}

/// The callbacks of our account.
#[derive(Debug, Default)]
struct Callbacks {
    /// When the last few were refused, none good since; by the boot clock.
    recent: VecDeque<Duration>,
    alarm: Alarm,
}

impl Callbacks {
    /// Whether this changes what has to be written.
    fn refused(&mut self, how: WebhookRefusal, boot: Duration) -> bool {
        self.recent.push_back(boot);
        while self.recent.len() > MANY || self.recent.front().is_some_and(|first| boot.saturating_sub(*first) > WINDOW)
        {
            self.recent.pop_front();
        }
        if self.recent.len() < MANY || self.alarm.on.is_some() {
            return false;
        }
        self.alarm.on = Some(format!(
            "Twilio's callbacks are refused: {MANY} of our account within 10 minutes and none good since, the last {}. Receipts and \
             replies are found by asking alone, late: compare twilio.auth_token and server.public_url with Twilio's console, \
             correct the configuration, and send SIGHUP to serve",
            how.as_str()
        ));
        true
    }

    fn good(&mut self) -> bool {
        self.recent.clear();
        self.alarm.end()
    }
}

/// Dispatches that were refused for want of a token, or reports of one source for want of a proof: each may be an emergency.
#[derive(Debug, Default)]
struct Dispatches {
    last: Option<Duration>,
    alarm: Alarm,
}

impl Dispatches {
    fn refused(&mut self, boot: Duration, message: impl FnOnce() -> String) -> bool {
        self.last = Some(boot);
        if self.alarm.on.is_some() {
            return false;
        }
        self.alarm.on = Some(message());
        true
    }

    fn let_in(&mut self, boot: Duration) -> bool {
        let quiet = self.last.is_none_or(|at| boot.saturating_sub(at) >= WINDOW);
        quiet && self.alarm.end()
    }
}

fn dispatch_refused() -> String {
    "a dispatch was refused for want of a token: an emergency may be told to nobody. Give whoever posts to \
     /api/dispatch/manual a token of [[server.tokens]] with scope dispatch, and see in its own log what it posted"
        .to_owned()
}

fn report_refused(source: &str, how: WebhookRefusal) -> String {
    let place = if matches!(source, "retell" | "vapi") { source.to_owned() } else { format!("custom.{source}") };
    format!(
        "a report of {source} {} was refused: an emergency may be told to nobody. Compare the secret of [intake.{place}] with \
         the platform's console, see there that every webhook carries it, and which phone calls ended since",
        how.as_str()
    )
}

/// The counts of one process.
pub(super) struct Refusals {
    total: AtomicU64,
    own: AtomicU64,
    /// Boot clock, ms.
    logged_at: AtomicI64,
    callbacks: Mutex<Callbacks>,
    dispatches: Mutex<Dispatches>,
    /// By their sources.
    reports: Mutex<BTreeMap<String, Dispatches>>,
    changed: Notify,
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self {
            total: AtomicU64::new(0),
            own: AtomicU64::new(0),
            logged_at: AtomicI64::new(i64::MIN),
            callbacks: Mutex::default(),
            dispatches: Mutex::default(),
            reports: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// A callback was refused; `is_own`: it names our account.
    pub(super) fn refused_callback(&self, how: WebhookRefusal, is_own: bool, boot: Duration) {
        let count = self.total.fetch_add(1, Ordering::Relaxed) + 1;
        if is_own {
            self.own.fetch_add(1, Ordering::Relaxed);
            self.notify(locked(&self.callbacks).refused(how, boot));
        }
        if self.may_log(boot) {
            let how = how.as_str();
            warn!(
                refused = count,
                own = is_own,
                "a callback {how} was refused; if the provider sent it, check the auth token and public_url"
            );
        }
    }

    fn may_log(&self, boot: Duration) -> bool {
        let now = i64::try_from(boot.as_millis()).unwrap_or(i64::MAX);
        let last = self.logged_at.load(Ordering::Relaxed);
        let due = last == i64::MIN || now.saturating_sub(last) >= LOG_EVERY_MS;
        due && self.logged_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// A callback was rightly signed and read.
    pub(super) fn good_callback(&self) {
        self.notify(locked(&self.callbacks).good());
    }

    /// A dispatch was refused for want of a token that may dispatch.
    pub(super) fn refused_dispatch(&self, boot: Duration) {
        self.notify(locked(&self.dispatches).refused(boot, dispatch_refused));
    }

    /// A report of a configured source was refused.
    pub(super) fn refused_report(&self, source: &str, how: WebhookRefusal, boot: Duration) {
        let count = self.total.fetch_add(1, Ordering::Relaxed) + 1;
        let news =
            locked(&self.reports).entry(source.to_owned()).or_default().refused(boot, || report_refused(source, how));
        self.notify(news);
        if self.may_log(boot) {
            warn!(refused = count, source, "a report {} was refused; compare its secret", how.as_str());
        }
    }

    /// A report of this source proved itself.
    pub(super) fn report_let_in(&self, source: &str, boot: Duration) {
        let news = locked(&self.reports).entry(source.to_owned()).or_default().let_in(boot);
        self.notify(news);
    }

    pub(super) fn dispatch_let_in(&self, boot: Duration) {
        self.notify(locked(&self.dispatches).let_in(boot));
    }

    /// All that were refused, and those of them that name our account.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.total.load(Ordering::Relaxed), self.own.load(Ordering::Relaxed))
    }

    /// What is wrong with the callbacks of our account now.
    pub(super) fn trouble(&self) -> Option<String> {
        locked(&self.callbacks).alarm.on.clone()
    }

    fn notify(&self, news: bool) {
        if news {
            self.changed.notify_one();
        }
    }

    /// Keeps the alerts as they should be until `stop`. What a write that fails would have said is said by the next.
    pub(super) async fn keep(&self, core: &Core, beat: Option<LoopBeat>, stop: CancellationToken) {
        loop {
            if let Some(beat) = &beat {
                beat.round().await;
            }
            // Armed before looking: what changes between the look and the wait is not missed.
            let changed = self.changed.notified();
            let again = self.pass(core).await;
            let later = core.clock.sleep_until(core.clock.now().plus(again.unwrap_or(REST_MAX)));
            tokio::select! {
                () = stop.cancelled() => return,
                () = changed => {}
                () = later => {}
            }
        }
    }

    /// Writes what is due; when to look again, though nothing changes.
    async fn pass(&self, core: &Core) -> Option<Duration> {
        let boot = core.clock.boot();
        let callbacks = || locked(&self.callbacks);
        let dispatches = || locked(&self.dispatches);
        let due = callbacks().alarm.due(boot);
        if let Some(due) = due {
            if !write(core, AlertKind::WebhooksRefused.into(), &due).await {
                return Some(RETRY_PAUSE);
            }
            callbacks().alarm.written(&due, boot);
        }
        let due = dispatches().alarm.due(boot);
        if let Some(due) = due {
            if !write(core, AlertKind::DispatchRefused.into(), &due).await {
                return Some(RETRY_PAUSE);
            }
            dispatches().alarm.written(&due, boot);
        }
        let reports: Vec<(String, Due)> = {
            let all = locked(&self.reports);
            all.iter().filter_map(|(source, of)| Some((source.clone(), of.alarm.due(boot)?))).collect()
        };
        for (source, due) in reports {
            if !write(core, AlertKind::ReportsRefused.about(&source), &due).await {
                return Some(RETRY_PAUSE);
            }
            if let Some(of) = locked(&self.reports).get_mut(&source) {
                of.alarm.written(&due, boot);
            }
        }
        let waits = |alarm: &Alarm| alarm.on.is_some() && alarm.stored != Some(true);
        let report_waits = locked(&self.reports).values().any(|of| waits(&of.alarm));
        (waits(&callbacks().alarm) || waits(&dispatches().alarm) || report_waits).then_some(RAISE_PAUSE / 10)
    }
}

async fn write(core: &Core, key: AlertKey, due: &Due) -> bool {
    let change = match due {
        Due::Raise(message) => AlertChange::Raise { key: key.clone(), call: None, message: message.clone() },
        Due::Resolve => AlertChange::Resolve { key: key.clone() },
    };
    let done = core.apply(Event::Alert(change), Actor::engine()).await;
    if let Err(e) = &done {
        warn!(error = %e, alert.key = key.masked(), "an alert could not be written; it is tried again");
    }
    done.is_ok()
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn three_refused_in_ten_minutes_with_none_good_since_are_an_alarm_that_the_first_good_one_ends() {
        // (second, refused or good, alarm afterwards)
        let story: &[(u64, bool, bool)] = &[
            (0, true, false),
            (1, true, false),
            (2, false, false), // good: the count begins anew
            (3, true, false),
            (4, true, false),
            (604, true, false), // the one at 3 is too old
            (605, true, false),
            (606, true, true),
            (5_000, true, true), // nothing but a good one ends it
            (5_001, false, false),
            (5_002, true, false),
        ];
        let mut callbacks = Callbacks::default();
        for (at, refused, alarm) in story {
            if *refused {
                callbacks.refused(WebhookRefusal::WrongSignature, s(*at));
            } else {
                callbacks.good();
            }
            assert_eq!(callbacks.alarm.on.is_some(), *alarm, "at {at}");
            assert!(callbacks.recent.len() <= MANY, "at {at}");
        }
    }

    #[test]
    fn an_alert_is_raised_once_and_not_again_for_each_good_one_between_forged_ones() {
        let mut callbacks = Callbacks::default();
        let mut written = Vec::new();
        for second in 0..1_800_u64 {
            let boot = s(second);
            // Three forged ones and a good one each second.
            for _ in 0..3 {
                callbacks.refused(WebhookRefusal::WrongSignature, boot);
                written.extend(callbacks.alarm.due(boot).inspect(|due| callbacks.alarm.written(due, boot)));
            }
            callbacks.good();
            written.extend(callbacks.alarm.due(boot).inspect(|due| callbacks.alarm.written(due, boot)));
        }
        let raised = written.iter().filter(|due| matches!(due, Due::Raise(_))).count();
        assert_eq!((raised, written.len()), (3, 6), "one in ten minutes, each resolved");
    }

    #[test]
    fn an_alert_of_the_process_before_ends_with_the_first_good_one_too() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.due(s(0)), None, "nothing was seen yet");
        assert!(alarm.end());
        assert_eq!(alarm.due(s(0)), Some(Due::Resolve));
        alarm.written(&Due::Resolve, s(0));
        assert!(!alarm.end() && alarm.due(s(1)).is_none(), "the next good ones change nothing");
    }

    #[test]
    fn a_refused_dispatch_alarms_until_one_is_let_in_after_ten_quiet_minutes() {
        let mut dispatches = Dispatches::default();
        assert!(dispatches.refused(s(0), dispatch_refused) && !dispatches.refused(s(1), dispatch_refused));
        assert!(!dispatches.let_in(s(2)), "another client's token is no cure");
        assert!(dispatches.alarm.on.is_some());
        assert!(dispatches.let_in(s(601)));
        assert!(dispatches.alarm.on.is_none());
    }
}
