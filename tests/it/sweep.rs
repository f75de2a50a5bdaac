//! The engine dies at every kill point there is, for first notices and reminders alike, and starts again: nothing is lost,
//! doubled or unexpected. Those of phone calls are played by scenarios. Once each; `DISPATCHCTL_SWEEP=100` makes it a hundred each, side by side.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use dispatchctl::testkit::Stopwatch;
use dispatchctl::testkit::failpoint;

use crate::support::fault_injection::my_turn;
use crate::support::process::report;
use crate::sweep_scenes::{Job, Scene};

/// How many engines are killed side by side; they mostly wait.
const LANES: usize = 8;

/// What became of the rounds at one point.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) kills: usize,
    /// Notices that the provider has once and the store knows of.
    pub(crate) recovered: usize,
    /// Of which nobody can know, shown as that.
    pub(crate) unknown: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) unexpected: usize,
    pub(crate) wrong: Vec<String>,
}

/// How many deaths at each point.
pub(crate) fn rounds() -> usize {
    std::env::var("DISPATCHCTL_SWEEP").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// Every point with every kind of text that it can befall, the slow ones first.
fn jobs(rounds: usize) -> Vec<Job> {
    let only = std::env::var("DISPATCHCTL_SWEEP_POINT").unwrap_or_default();
    let points = failpoint::POINTS.iter().map(|(p, _)| *p).filter(|p| p.contains(&only));
    let mut jobs: Vec<Job> = points
        .flat_map(|point| {
            let kinds = Scene::of(point).kinds();
            let each = rounds.div_ceil(kinds.len().max(1));
            kinds.iter().map(move |kind| Job { point, kind: *kind, rounds: each })
        })
        .collect();
    jobs.sort_by_key(|j| std::cmp::Reverse(Scene::of(j.point).weight()));
    jobs
}

#[test]
fn at_every_kill_point_nothing_is_lost_and_nothing_is_doubled() {
    let _turn = my_turn();
    let watch = Stopwatch::start();
    let jobs = jobs(rounds());
    let queue = Mutex::new(jobs.iter().rev().cloned().collect::<Vec<_>>());
    let done: Mutex<Vec<(Job, Result<Row, String>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                while let Some(job) = { queue.lock().unwrap_or_else(PoisonError::into_inner).pop() } {
                    let row = std::panic::catch_unwind(|| job.run()).map_err(|e| words(&*e));
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((job, row));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let place = |j: &Job| (failpoint::POINTS.iter().position(|(p, _)| *p == j.point), j.kind);
    done.sort_by_key(|(job, _)| place(job));
    let mut table = format!(
        "{:<26}{:<10}{:>6}{:>11}{:>9}{:>6}{:>9}{:>12}\n",
        "point", "text", "kills", "recovered", "unknown", "lost", "doubled", "unexpected"
    );
    let mut wrong = Vec::new();
    for (job, row) in &done {
        let name = format!("{:<26}{:<10}", job.point, job.kind.as_str());
        match row {
            Err(e) => {
                table.push_str(&format!("{name}  {}\n", e.lines().next().unwrap_or_default()));
                wrong.push(format!("{} ({}): {e}", job.point, job.kind.as_str()));
            }
            Ok(r) => {
                table.push_str(&format!(
                    "{name}{:>6}{:>11}{:>9}{:>6}{:>9}{:>12}\n",
                    r.kills, r.recovered, r.unknown, r.lost, r.doubled, r.unexpected
                ));
                wrong.extend(r.wrong.iter().map(|w| format!("{} ({}): {w}", job.point, job.kind.as_str())));
                if r.kills < job.rounds {
                    wrong.push(format!("{}: {} kills of {}", job.point, r.kills, job.rounds));
                }
            }
        }
    }
    report(&format!("{table}{} kills in {} s", kills(&done), watch.passed().as_secs()));
    assert!(wrong.is_empty(), "{wrong:#?}");
    let seen: BTreeSet<&str> = done.iter().map(|(j, _)| j.point).collect();
    assert!(!seen.is_empty());
}

fn kills(done: &[(Job, Result<Row, String>)]) -> usize {
    done.iter().filter_map(|(_, r)| r.as_ref().ok()).map(|r| r.kills).sum()
}

fn words(e: &(dyn std::any::Any + Send)) -> String {
    e.downcast_ref::<String>().cloned().or(e.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default()
}

/// Each point stands in the code once, and the code has no other.
#[test]
fn the_list_of_kill_points_is_that_of_the_code() {
    fn walk(dir: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).expect("src is readable") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("failpoint.rs") {
                let text = std::fs::read_to_string(&path).expect("readable");
                for call in ["failpoint::hit(\"", "failpoint::hit_during(\""] {
                    let names =
                        text.match_indices(call).filter_map(|(at, c)| text.get(at + c.len()..)?.split('"').next());
                    found.extend(names.map(str::to_owned));
                }
            }
        }
    }
    let mut found = Vec::new();
    walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.sort_unstable();
    let mut listed: Vec<&str> = failpoint::POINTS.iter().map(|(p, _)| *p).collect();
    listed.sort_unstable();
    assert_eq!(found, listed);
    assert!(listed.len() >= 16);
    for point in listed {
        if Scene::of(point) != Scene::PhoneCall {
            assert!(!Scene::of(point).kinds().is_empty(), "{point} is played for no text");
            continue;
        }
        let file = format!("fixtures/scenarios/phone-kill-{}.toml", point.replace('.', "-"));
        let scenario = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&file));
        let kills = scenario.expect(&file).contains(&format!("kill_at = \"{point}\""));
        assert!(kills, "{file} does not kill at {point}");
    }
}
