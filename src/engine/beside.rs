//! Loops of a serving process that are no duties of its engine: they run for as long as it serves, whether it is the engine or stands
//! by. Each has a beat, as a duty has one: health shows it, [`super::still`] raises its alerts, and what is essential withholds the
//! signs of life.
//!
//! One that panics is started again, as the supervisor does with a duty; what it held in memory alone is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::apply::Core;
use super::duty::{ESSENTIAL_MAX, PASS_MAX, Rank};
use super::heartbeats::Beat;
use crate::failpoint;

/// As the supervisor's.
const RESTART_FIRST: Duration = Duration::from_secs(1);
const RESTART_MAX: Duration = Duration::from_secs(30);

/// What takes connections.
pub const HTTP: &str = "http";
/// What takes those of the public listener.
pub const HTTP_PUBLIC: &str = "http-public";
/// What raises alerts of duties that stand still.
pub const DUTY_WATCH: &str = "duty-watch";
/// What raises alerts of requests that are refused.
pub const REFUSALS: &str = "refusals";
/// What reads the configuration again.
pub const SETTINGS: &str = "settings";
/// What feeds the service manager's watchdog.
pub const WATCHDOG: &str = "watchdog";
/// What watches a store that several share.
pub const SHARED_STORE: &str = "shared-store";

/// One loop, as it reports of itself.
pub struct LoopBeat {
    core: Arc<Core>,
    beat: Arc<Beat>,
    /// How many rounds have begun since the loop was started.
    rounds: Arc<AtomicU64>,
}

impl LoopBeat {
    /// A round begins: the one before has ended well. Before the first none has: one that dies in every round stays one that dies.
    pub async fn round(&self) {
        failpoint::in_duty(self.beat.name()).await;
        let boot = self.core.clock.boot();
        match self.rounds.fetch_add(1, Ordering::Relaxed) {
            0 => self.beat.began(boot),
            _ => self.beat.passed(boot),
        }
    }
}

/// What is known of such a loop.
#[derive(Debug, Clone, Copy)]
pub struct BesideLoop {
    pub name: &'static str,
    rank: Rank,
    still_max: Duration,
}

impl BesideLoop {
    /// Calls go on without it; a round takes no longer than this and [`PASS_MAX`].
    pub const fn usual(name: &'static str, pause_max: Duration) -> Self {
        Self { name, rank: Rank::Other, still_max: Duration::from_secs(pause_max.as_secs() + PASS_MAX.as_secs()) }
    }

    /// Without it the promise is broken.
    pub const fn essential(name: &'static str) -> Self {
        Self { name, rank: Rank::Essential, still_max: ESSENTIAL_MAX }
    }

    /// It stands still when no round has begun for longer than this.
    #[must_use]
    pub const fn still_after(self, still_max: Duration) -> Self {
        Self { still_max, ..self }
    }
}

/// Runs this loop until it ends, or until `stop`; one that panics is made anew.
pub fn keep_running<F: Future<Output = ()> + Send + 'static>(
    core: &Arc<Core>,
    which: BesideLoop,
    stop: &CancellationToken,
    make: impl Fn(LoopBeat) -> F + Send + 'static,
) -> JoinHandle<()> {
    let (core, stop) = (core.clone(), stop.clone());
    let beat = core.beside.enlist_one(which.name, which.rank, which.still_max, core.clock.boot());
    tokio::spawn(async move {
        let mut ended_badly = 0u32;
        loop {
            let rounds = Arc::<AtomicU64>::default();
            let of = LoopBeat { core: core.clone(), beat: beat.clone(), rounds: rounds.clone() };
            let Err(e) = tokio::spawn(make(of)).await else { return };
            if stop.is_cancelled() {
                return;
            }
            error!(r#loop = which.name, error = %e, "a loop ended badly and is started again");
            ended_badly = if rounds.load(Ordering::Relaxed) > 1 { 1 } else { ended_badly + 1 };
            beat.restarted(core.clock.boot());
            let pause = RESTART_FIRST.saturating_mul(1 << (ended_badly - 1).min(8)).min(RESTART_MAX);
            tokio::select! {
                () = core.clock.sleep_until(core.clock.now().plus(pause)) => {}
                () = stop.cancelled() => return,
            }
        }
    })
}
