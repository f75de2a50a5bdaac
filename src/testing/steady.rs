//! Bounds of time, on a machine that may stand still.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::clock::StandstillWatch;

const TRIES: u32 = 6;
/// The bounds of a lease are seconds, those of its handover one.
const STOOD_STILL: Duration = Duration::from_millis(300);

/// Plays a test whose bounds are those of a machine that runs. Where it fails and the machine stood still meanwhile, it says nothing of
/// us, and is played again.
#[expect(clippy::print_stderr, reason = "whoever reads the run is to know")]
pub async fn while_the_machine_runs(test: impl AsyncFn()) {
    for tries in 1.. {
        let watch = StandstillWatch::start();
        let Err(panic) = AssertUnwindSafe(test()).catch_unwind().await else { return };
        let still = watch.longest();
        if still < STOOD_STILL || tries == TRIES {
            resume_unwind(panic);
        }
        eprintln!("played again: the machine stood still for {still:?}");
    }
}

#[tokio::test]
async fn what_fails_on_a_machine_that_runs_fails() {
    let played = AtomicU32::new(0);
    let test = async || {
        played.fetch_add(1, Ordering::Relaxed);
        panic!("as planned");
    };
    let failed = AssertUnwindSafe(while_the_machine_runs(test)).catch_unwind().await;
    assert!(failed.is_err() && (1..=TRIES).contains(&played.load(Ordering::Relaxed)));
}
