//! Plays histories, cuts down what breaks, and says how it is played again.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::chance::{Chance, Source};
use super::world::World;

/// How often a broken one is played to cut it down.
const SHRINKS_MAX: usize = 4_000;

pub(crate) struct Played {
    pub(crate) broken: Option<String>,
    pub(crate) steps: usize,
    pub(crate) drawn: Vec<u32>,
    pub(crate) trace: Vec<String>,
}

pub(crate) fn play(source: &Source, traced: bool) -> Played {
    let mut world = World::draw(Chance::new(source), traced);
    let broken = match catch_unwind(AssertUnwindSafe(|| world.play())) {
        Ok(played) => played.err(),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Some(format!("a panic: {}", said.unwrap_or_default()))
        }
    };
    let World { chance, trace, steps, .. } = world;
    Played { broken, steps, drawn: chance.drawn(), trace: trace.unwrap_or_default() }
}

/// The kind of what broke: its words without numbers, so that shrinking does not go over to another fault.
fn kind(broken: &str) -> String {
    broken.split(|c: char| c.is_ascii_digit()).collect::<Vec<_>>().join("#")
}

/// A shorter tape that breaks in the same way.
fn shrink(mut tape: Vec<u32>, broken: &str) -> Vec<u32> {
    let wanted = kind(broken);
    let breaks = |tape: &[u32]| {
        let played = play(&Source::Tape(tape.to_vec()), false);
        played.broken.is_some_and(|b| kind(&b) == wanted)
    };
    let (mut tries, mut size) = (0, tape.len() / 2);
    while size > 0 && tries < SHRINKS_MAX {
        let (mut at, mut any) = (0, false);
        while at < tape.len() && tries < SHRINKS_MAX {
            let end = (at + size).min(tape.len());
            let mut cut = tape.clone();
            cut.drain(at..end);
            let mut zero = tape.clone();
            zero[at..end].fill(0);
            tries += 2;
            if breaks(&cut) {
                (tape, any) = (cut, true);
            } else if zero != tape && breaks(&zero) {
                (tape, any) = (zero, true);
                at = end;
            } else {
                at = end;
            }
        }
        if !any || size > 1 {
            size /= 2;
        }
    }
    while tape.last() == Some(&0) {
        tape.pop();
    }
    tape
}

/// What is said of a history that broke: the shortest one of its kind, told, and the command that plays it again.
pub(crate) fn report(source: &Source, played: Played) -> String {
    let broken = played.broken.unwrap_or_default();
    let tape = shrink(played.drawn, &broken);
    let small = Source::Tape(tape);
    let told = play(&small, true);
    format!(
        "history {source} breaks: {broken}\ncut down: {}\n{}\nagain: DISPATCHCTL_HISTORY={small} cargo test --lib simulation::tests::one -- --nocapture --ignored\n",
        told.broken.unwrap_or_default(),
        told.trace.join("\n"),
    )
}

/// What came of many.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) played: usize,
    pub(crate) steps: usize,
    /// What broke, by its kind: how often, after how many histories first, and the report of the first.
    pub(crate) broken: BTreeMap<String, (usize, usize, String)>,
}

/// Plays these; the first of each kind that breaks is cut down. Ends after so many kinds.
pub(crate) fn histories(seeds: impl Iterator<Item = u64>, kinds_max: usize) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let source = Source::Seed(seed);
        let one = play(&source, false);
        tally.played += 1;
        tally.steps += one.steps;
        let Some(broken) = &one.broken else { continue };
        let kind = kind(broken);
        match tally.broken.get_mut(&kind) {
            Some((times, ..)) => *times += 1,
            None => {
                let (after, report) = (tally.played, report(&source, one));
                tally.broken.insert(kind, (1, after, report));
            }
        }
        if tally.broken.len() >= kinds_max {
            break;
        }
    }
    tally
}

/// So many histories, on every processor.
pub(crate) fn many(from: u64, count: u64, kinds_max: usize) -> Tally {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get) as u64;
    std::thread::scope(|scope| {
        let of = |core| scope.spawn(move || histories((from + core..from + count).step_by(cores as usize), kinds_max));
        let running: Vec<_> = (0..cores).map(of).collect();
        let mut all = Tally::default();
        for one in running {
            let one = one.join().expect("no panic");
            all.played += one.played;
            all.steps += one.steps;
            for (kind, (times, after, report)) in one.broken {
                let known = all.broken.entry(kind).or_insert((0, after, report));
                known.0 += times;
            }
        }
        all
    })
}

impl Tally {
    /// What broke, for whoever reads it; empty where nothing did.
    pub(crate) fn told(&self) -> String {
        let one = |(kind, (times, after, report)): (&String, &(usize, usize, String))| {
            format!("{times} times, first after {after} histories: {kind}\n{report}\n")
        };
        self.broken.iter().map(one).collect()
    }
}
