//! What the duties report of themselves: a beat each, by the clock that nobody can step. For health, the watchdog, and the
//! engine's own beat.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::Timestamp;
use crate::failpoint;

use super::duty::{Duty, Rank};

/// A duty that ended badly so often in a row does not get over it by itself.
const DYING: u64 = 3;
/// No pass yet.
const NEVER: u64 = u64::MAX;

/// The beats of every duty of an engine.
#[derive(Debug, Default)]
pub struct Heartbeats {
    duties: Mutex<BTreeMap<&'static str, Vec<Arc<Beat>>>>,
}

/// When the dead-man's switch last took a sign of life: for metrics.
#[derive(Debug, Default)]
pub struct HeartbeatRecord(AtomicI64);

impl HeartbeatRecord {
    pub(super) fn taken(&self, at: Timestamp) {
        self.0.store(at.as_millis(), Ordering::Relaxed);
    }

    /// `None`: never in this process, or there is none.
    pub fn taken_at(&self) -> Option<Timestamp> {
        let at = self.0.load(Ordering::Relaxed);
        (at != 0).then(|| Timestamp::from_millis(at))
    }
}

/// What one duty reports.
#[derive(Debug)]
pub struct Beat {
    name: String,
    rank: Rank,
    still_max: Duration,
    started: Duration,
    passed_at: AtomicU64,
    /// When it last did anything at all, well or badly.
    moved_at: AtomicU64,
    failing: AtomicBool,
    restarts: AtomicU64,
    /// Restarts since its last good pass.
    died: AtomicU64,
    error: Mutex<Option<(Duration, String)>>,
}

/// A duty as health shows it; times by the boot clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyLine {
    pub name: String,
    /// What it means when it stands still.
    pub rank: Rank,
    /// How long ago its last good pass ended; `None`: there was none yet.
    pub since_pass: Option<Duration>,
    /// Whether that is too long.
    pub is_still: bool,
    /// How long ago it last failed, and why.
    pub last_error: Option<(Duration, String)>,
    /// How often it was started again after it ended badly.
    pub restarts: u64,
    /// Whether it ends badly again and again, without a good pass between.
    pub is_dying: bool,
}

impl Heartbeats {
    /// The beats of this group's duties from now on, in their order.
    pub(super) fn enlist(&self, group: &'static str, duties: &[Arc<Duty>], boot: Duration) -> Vec<Arc<Beat>> {
        let heartbeats: Vec<Arc<Beat>> = duties.iter().map(|d| Arc::new(Beat::new(d, boot))).collect();
        self.duties().insert(group, heartbeats.clone());
        heartbeats
    }

    /// The beat of one loop that is no duty from now on.
    pub(super) fn enlist_one(&self, name: &'static str, rank: Rank, still_max: Duration, boot: Duration) -> Arc<Beat> {
        let beat = Arc::new(Beat::of(name.to_owned(), rank, still_max, boot));
        self.duties().insert(name, vec![beat.clone()]);
        beat
    }

    /// Every duty, by group, as it stands at this time of the boot clock.
    pub fn lines(&self, boot: Duration) -> Vec<DutyLine> {
        self.all().iter().map(|b| b.line(boot)).collect()
    }

    /// How long ago the essential duty passed that has waited longest: those who wait care for whichever stands still. `None`
    /// before the first pass of each.
    pub fn since_essential(&self, boot: Duration) -> Option<Duration> {
        let mut longest = None;
        for beat in self.all().iter().filter(|b| b.rank == Rank::Essential) {
            longest = longest.max(Some(beat.since_pass(boot)?));
        }
        longest
    }

    /// A long pass of this duty got on.
    pub(super) fn moved(&self, name: &str, boot: Duration) {
        self.all().iter().filter(|b| b.name == name).for_each(|b| b.moved(boot));
    }

    /// How long ago the essential duty did anything at all that has stood still longest: a store that refuses what it asks, or a pass
    /// that has much to do, is no loop that hangs. `None` before each has moved.
    pub fn since_essential_moved(&self, boot: Duration) -> Option<Duration> {
        let mut longest = None;
        for beat in self.all().iter().filter(|b| b.rank == Rank::Essential) {
            let at = beat.moved_at.load(Ordering::Relaxed);
            let ago = (at != NEVER).then(|| boot.saturating_sub(Duration::from_millis(at)))?;
            longest = longest.max(Some(ago));
        }
        longest
    }

    /// Whether the last pass of any duty failed: mostly the store's fault.
    pub fn any_failing(&self) -> bool {
        self.all().iter().any(|b| b.failing.load(Ordering::Relaxed))
    }

    fn duties(&self) -> MutexGuard<'_, BTreeMap<&'static str, Vec<Arc<Beat>>>> {
        self.duties.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<Arc<Beat>> {
        self.duties().values().flatten().cloned().collect()
    }
}

impl Beat {
    fn new(duty: &Duty, boot: Duration) -> Self {
        Self::of(duty.name().to_owned(), duty.rank(), duty.still_max(), boot)
    }

    fn of(name: String, rank: Rank, still_max: Duration, boot: Duration) -> Self {
        Self {
            name,
            rank,
            still_max,
            started: boot,
            passed_at: AtomicU64::new(NEVER),
            moved_at: AtomicU64::new(NEVER),
            failing: AtomicBool::new(false),
            restarts: AtomicU64::new(0),
            died: AtomicU64::new(0),
            error: Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A pass ended well.
    pub(super) fn passed(&self, boot: Duration) {
        self.passed_at.store(millis(boot), Ordering::Relaxed);
        self.moved(boot);
        self.failing.store(false, Ordering::Relaxed);
        self.died.store(0, Ordering::Relaxed);
    }

    /// It moves, and nothing has ended well yet: what died before still counts.
    pub(super) fn began(&self, boot: Duration) {
        self.passed_at.store(millis(boot), Ordering::Relaxed);
        self.moved(boot);
    }

    /// A pass failed. The words are shown to anybody: no value of a call is in them.
    pub(super) fn failed(&self, boot: Duration, why: String) {
        self.moved(boot);
        self.failing.store(true, Ordering::Relaxed);
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some((boot, why));
    }

    /// It lives: a pass has ended, or has got on.
    fn moved(&self, boot: Duration) {
        self.moved_at.store(millis(boot), Ordering::Relaxed);
    }

    /// It ended badly and is started again.
    pub(super) fn restarted(&self, boot: Duration) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
        self.died.fetch_add(1, Ordering::Relaxed);
        self.failed(boot, "it ended badly and was started again: see the log".into());
    }

    /// How long ago its last good pass ended.
    pub(super) fn since_pass(&self, boot: Duration) -> Option<Duration> {
        let at = self.passed_at.load(Ordering::Relaxed);
        (at != NEVER).then(|| boot.saturating_sub(Duration::from_millis(at)))
    }

    fn line(&self, boot: Duration) -> DutyLine {
        let since_pass = self.since_pass(boot);
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let still_max = failpoint::still_max(&self.name).unwrap_or(self.still_max);
        DutyLine {
            name: self.name.clone(),
            rank: self.rank,
            since_pass,
            is_still: since_pass.unwrap_or_else(|| boot.saturating_sub(self.started)) > still_max,
            last_error: error.map(|(at, why)| (boot.saturating_sub(at), why)),
            restarts: self.restarts.load(Ordering::Relaxed),
            is_dying: self.died.load(Ordering::Relaxed) >= DYING,
        }
    }
}

fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(NEVER - 1)
}
