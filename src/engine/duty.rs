//! A duty: one loop of the engine, as data. A pass and how it is waited for; the [supervisor](super::supervisor) does the rest.
//!
//! A pass takes no input, does a bounded amount of what the store says is due, is idempotent, and answers when to look again at
//! the latest. So the path after a restart is the only path. A new duty is one file and one line in [`super::duties::TABLE`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::domain::Timestamp;
use crate::store::StoreError;

use super::wake::WakeSignal;

/// What a pass answers: when to look again, `None` for "when there is a signal, or after the longest pause".
pub type Passed = Result<Option<Timestamp>, StoreError>;

/// A duty with nothing to do looks again after this all the same, and shows that it lives.
pub const IDLE_MAX: Duration = Duration::from_secs(1);
/// An essential duty that has not passed for longer stands still: health is `failing`, and the engine's beat stops.
pub const ESSENTIAL_MAX: Duration = Duration::from_secs(5);
/// How much longer than its longest pause a pass of another duty may take before health is `degraded`.
pub const PASS_MAX: Duration = Duration::from_secs(300);

/// What a stop does to a pass under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtStop {
    /// Waits for its end: it may send, or has told half of something.
    Finished,
    /// Drops it: it only asks somebody outside, and asks again after the next start.
    Dropped,
    /// Waits for its end where other duties take its place, and drops it where the engine ends: it tells somebody outside, whom
    /// a second telling costs sleep, and whose slow answer keeps no engine from ending.
    DroppedAtTheEnd,
}

/// What it means when a duty stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// The promise is broken: health is `failing`.
    Essential,
    /// Calls go on: health is `degraded`.
    Other,
}

/// How a duty is waited for, and what it means when it stands still.
#[derive(Debug, Clone, Copy)]
pub struct DutyLimits {
    signal: WakeSignal,
    pause_max: Duration,
    at_stop: AtStop,
    rank: Rank,
    still_max: Option<Duration>,
    rests: bool,
}

impl DutyLimits {
    /// No signal wakes it, a pass comes at least every [`IDLE_MAX`], a stop waits for its pass.
    pub const fn usual() -> Self {
        Self {
            signal: WakeSignal::Never,
            pause_max: IDLE_MAX,
            at_stop: AtStop::Finished,
            rank: Rank::Other,
            still_max: None,
            rests: false,
        }
    }

    /// Looks again at once when there is this signal.
    #[must_use]
    pub const fn on(self, signal: WakeSignal) -> Self {
        Self { signal, ..self }
    }

    /// The longest pause between two passes.
    #[must_use]
    pub const fn every(self, pause_max: Duration) -> Self {
        Self { pause_max, ..self }
    }

    /// It only asks: a stop drops its pass.
    #[must_use]
    pub const fn only_asks(self) -> Self {
        Self { at_stop: AtStop::Dropped, ..self }
    }

    /// It tells somebody outside: a replacement waits for its pass, the engine's end drops it.
    #[must_use]
    pub const fn only_delivers(self) -> Self {
        Self { at_stop: AtStop::DroppedAtTheEnd, ..self }
    }

    /// What it does follows from the store and from the time that its passes answer: while nobody commits, none comes before that
    /// time but one every [`super::rest::REST_MAX`].
    #[must_use]
    pub const fn rests(self) -> Self {
        Self { rests: true, ..self }
    }

    /// Without it the promise is broken.
    #[must_use]
    pub const fn essential(self) -> Self {
        Self { rank: Rank::Essential, still_max: Some(ESSENTIAL_MAX), ..self }
    }

    /// It stands still when it has not passed for longer than this.
    #[must_use]
    pub const fn still_after(self, still_max: Duration) -> Self {
        Self { still_max: Some(still_max), ..self }
    }
}

/// What a duty does.
pub struct DutyWork {
    pass: Box<dyn Fn() -> BoxFuture<'static, Passed> + Send + Sync>,
    drain: Option<Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>>,
}

impl DutyWork {
    /// These passes.
    pub fn of<T: Send + Sync + 'static>(of: &Arc<T>, pass: fn(Arc<T>) -> BoxFuture<'static, Passed>) -> Self {
        let of = of.clone();
        Self { pass: Box::new(move || pass(of.clone())), drain: None }
    }

    /// After a stop, what the passes have begun is waited for by this, for a while.
    #[must_use]
    pub fn drained_by<T: Send + Sync + 'static>(
        self,
        of: &Arc<T>,
        drain: fn(Arc<T>) -> BoxFuture<'static, ()>,
    ) -> Self {
        let of = of.clone();
        Self { drain: Some(Box::new(move || drain(of.clone()))), ..self }
    }
}

/// See the module.
pub struct Duty {
    name: Cow<'static, str>,
    limits: DutyLimits,
    work: DutyWork,
}

impl Duty {
    /// Work under a name, within limits.
    pub fn new(name: impl Into<Cow<'static, str>>, limits: DutyLimits, work: DutyWork) -> Self {
        Self { name: name.into(), limits, work }
    }

    /// Its name, one of a kind in an engine: for health and logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What wakes it.
    pub fn signal(&self) -> WakeSignal {
        self.limits.signal
    }

    /// The longest pause between two passes.
    pub fn pause_max(&self) -> Duration {
        self.limits.pause_max
    }

    /// What a stop does to a pass under way.
    pub fn at_stop(&self) -> AtStop {
        self.limits.at_stop
    }

    /// Whether it rests while nobody commits.
    pub fn rests(&self) -> bool {
        self.limits.rests
    }

    /// What it means when it stands still.
    pub fn rank(&self) -> Rank {
        self.limits.rank
    }

    /// After this time without a pass it stands still.
    pub fn still_max(&self) -> Duration {
        self.limits.still_max.unwrap_or(self.limits.pause_max + PASS_MAX)
    }

    pub fn pass(&self) -> BoxFuture<'static, Passed> {
        (self.work.pass)()
    }

    /// Returns when what its passes have begun is over.
    pub async fn drained(&self) {
        if let Some(drain) = &self.work.drain {
            drain().await;
        }
    }
}
