//! Bounds of time, on a machine that may stand still.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use dispatchctl::testkit::StandstillWatch;

const TRIES: u32 = 6;
/// The bounds of a lease are seconds, those of its handover one.
const STOOD_STILL: Duration = Duration::from_millis(300);

/// Plays a test whose bounds are those of a machine that runs. Where it fails and the machine stood still meanwhile, it says nothing of
/// us, and is played again.
pub(crate) fn while_the_machine_runs(test: impl Fn()) {
    for tries in 1.. {
        let watch = StandstillWatch::start();
        let Err(panic) = catch_unwind(AssertUnwindSafe(&test)) else { return };
        let still = watch.longest();
        if still < STOOD_STILL || tries == TRIES {
            resume_unwind(panic);
        }
        super::process::report(&format!("played again: the machine stood still for {still:?}"));
    }
}
