//! What every run of the tests plays, and what is played by hand.

#![expect(clippy::print_stdout, reason = "by hand: a history is told, many are counted")]

use super::chance::Source;
use super::runner::{histories, many, play, report};
use crate::clock::Stopwatch;

/// Histories that broke once.
const CORPUS: &str = include_str!("corpus.txt");

fn of_env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

#[test]
fn histories_of_the_corpus_hold() {
    let lines = CORPUS.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    for line in lines {
        let source: Source = line.split_whitespace().next().unwrap_or_default().parse().expect("a seed or a tape");
        let played = play(&source, false);
        assert!(played.broken.is_none(), "{}", report(&source, played));
    }
}

#[test]
fn three_hundred_histories_hold() {
    let all = histories(1..=300, 3);
    assert!(all.broken.is_empty(), "{}", all.told());
    assert!(all.steps / all.played > 10, "something happens in a history: {} steps of {}", all.steps, all.played);
}

#[test]
fn the_same_seed_is_the_same_history_and_its_tape_too() {
    for seed in [1, 7, 4711] {
        let first = play(&Source::Seed(seed), true);
        let again = play(&Source::Seed(seed), true);
        assert_eq!(first.trace, again.trace);
        assert_eq!(first.trace, play(&Source::Tape(first.drawn), true).trace);
    }
}

#[test]
#[ignore = "by hand: plays the history of DISPATCHCTL_HISTORY and tells it"]
fn one() {
    let source: Source = of_env("DISPATCHCTL_HISTORY").expect("DISPATCHCTL_HISTORY=SEED").parse().expect("a seed");
    let played = play(&source, true);
    println!("{}\n{} steps", played.trace.join("\n"), played.steps);
    assert_eq!(played.broken, None);
}

#[test]
#[ignore = "by hand: DISPATCHCTL_HISTORIES of them, from DISPATCHCTL_HISTORY on, on every processor"]
fn many_histories() {
    let number = |name, usual| of_env(name).map_or(usual, |v| v.parse::<u64>().expect("a number"));
    let (count, from) = (number("DISPATCHCTL_HISTORIES", 100_000), number("DISPATCHCTL_HISTORY", 1));
    let watch = Stopwatch::start();
    let all = many(from, count, 3);
    let took = watch.passed();
    let a_minute = all.played as f64 * 60.0 / took.as_secs_f64();
    println!("{} histories, {} steps in {took:.1?}: {a_minute:.0} histories a minute", all.played, all.steps);
    assert!(all.broken.is_empty(), "{}", all.told());
}
