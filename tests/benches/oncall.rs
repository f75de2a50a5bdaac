//! How long the question takes who holds a role, with 20 rotations and 200 exceptions. `cargo bench --bench oncall`.

#![expect(clippy::print_stdout, reason = "a benchmark prints figures")]

use std::hint::black_box;
use std::time::Duration;

use dispatchctl::testkit::{SampleDuties, Stopwatch};

/// What one question may take.
const AT_MOST: Duration = Duration::from_micros(5);
const ROUNDS: u32 = 200_000;

fn main() {
    for (in_team, counts) in [(1, true), (20, false)] {
        let duties = SampleDuties::new(20, in_team, 200).expect("a sample");
        let watch = Stopwatch::start();
        for _ in 0..ROUNDS {
            black_box(black_box(&duties).ask());
        }
        let each = watch.passed() / ROUNDS;
        println!("holders, 20 rotations, {in_team} of them in the team, 200 exceptions: {each:?}");
        assert!(!counts || each < AT_MOST, "{each:?} is not under {AT_MOST:?}");
    }
}
