//! Drills: scenarios and storms against the real program as a child process, judged by the provider's ledger.
//!
//! A scenario is a file that an operator can read and write ([`scenario`]): what is given, what happens when, what must be
//! true then. The engine under test is `dispatchctl serve` itself, on a temporary store; the sandbox plays the provider in
//! this process and keeps the ledger; the judge ([`check`]) holds that ledger against the store. Time passes by short waits
//! in the policies and, where a scenario asks for it, by the engine's clock being set apart; the report says which.
//!
//! Whatever ends a drill (its end, an error, a panic, Ctrl-C), children, ports and directories end with it.

mod action;
mod await_state;
mod builtin;
pub(crate) mod check;
mod condition;
mod crowd;
mod documents;
mod drill_dir;
mod expect;
mod file;
mod fill;
mod history;
pub(crate) mod html;
mod intake;
pub(crate) mod junit;
mod lines;
pub(crate) mod live;
mod mirror;
mod outcome;
mod parse;
mod plots;
mod process;
pub mod replicas;
pub(crate) mod report;
mod runner;
mod scenario;
mod settings;
mod sinks;
mod spared;
mod store_trouble;
mod store_words;
mod storm;
mod then;
mod trouble;
mod values;
mod world;

use std::path::Path;
use std::sync::Arc;

pub use builtin::builtin;
pub use drill_dir::DrillDir;
pub use file::ScenarioErrors;
pub use outcome::{Outcome, percentile};
pub use runner::play;
pub use scenario::Scenario;
pub use settings::PEOPLE;
pub use storm::{CALLS_A_KILL, Storm, storm};
pub(crate) use world::free_port;
pub use world::{DrillEnv, PASSWORD};

use futures_util::StreamExt as _;

/// A scenario by its name, or from a file where the text names one.
///
/// # Errors
/// There is no such scenario or file, or everything that is wrong in it.
pub fn find(name: &str) -> Result<Scenario, ScenarioErrors> {
    if let Some((file, text)) = builtin().iter().find(|(file, _)| stem(file) == name) {
        return parse::scenario(file, text).map(|s| Scenario { by: s.name.clone(), ..s });
    }
    let is_file = name.ends_with(".toml") || name.contains('/');
    if !is_file {
        let near = builtin().iter().map(|(file, _)| (strsim::damerau_levenshtein(stem(file), name), stem(file))).min();
        let near = near.filter(|(d, _)| *d <= 4).map(|(_, n)| format!("; did you mean {n}?")).unwrap_or_default();
        let said = format!("there is no scenario {name}{near} (a file's name ends in .toml)");
        return Err(ScenarioErrors(vec![said]));
    }
    match std::fs::read_to_string(name) {
        Ok(text) => parse::scenario(name, &text),
        Err(e) => Err(ScenarioErrors(vec![format!("the scenario file {name} cannot be read: {e}")])),
    }
}

/// A scenario from its text; `file` names it in messages.
///
/// # Errors
/// Everything that is wrong in it.
pub fn read(file: &str, text: &str) -> Result<Scenario, ScenarioErrors> {
    parse::scenario(file, text)
}

/// All scenarios that are compiled in.
///
/// # Errors
/// What is wrong in one of them: a bug of ours.
pub fn all() -> Result<Vec<Scenario>, ScenarioErrors> {
    let (mut scenarios, mut problems) = (Vec::new(), Vec::new());
    for (file, text) in builtin() {
        match parse::scenario(file, text) {
            Ok(s) => scenarios.push(Scenario { by: s.name.clone(), ..s }),
            Err(e) => problems.extend(e.0),
        }
    }
    if problems.is_empty() { Ok(scenarios) } else { Err(ScenarioErrors(problems)) }
}

/// The name of each scenario that is compiled in, and what it shows.
pub fn titles() -> Vec<(String, String)> {
    all().unwrap_or_default().into_iter().map(|s| (s.name, s.title)).collect()
}

fn stem(file: &str) -> &str {
    Path::new(file).file_stem().and_then(|s| s.to_str()).unwrap_or(file)
}

/// Checks the settings that scenarios bring, before anything is started.
///
/// # Errors
/// Everything that is wrong, with file and line.
pub fn check_settings(scenarios: &[Scenario], drill_env: &DrillEnv) -> Result<(), ScenarioErrors> {
    let mut problems = Vec::new();
    for scenario in scenarios {
        let drill_dir = DrillDir::new(drill_env.drill_dir.path(), "settings").map_err(|e| ScenarioErrors(vec![e]))?;
        if let Err(found) = settings::settings_of(scenario, drill_dir.path()) {
            problems.extend(found);
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(ScenarioErrors(problems)) }
}

/// Scenarios of so many calls are played one after the other: what they take in memory would add up.
const CROWD: usize = 500;

/// Plays scenarios, so many side by side, the slow ones first; `done` hears of each as it ends. The outcomes come in the
/// order of the scenarios. Dropping the future ends everything.
pub async fn play_all(
    scenarios: &[Scenario],
    drill_env: Arc<DrillEnv>,
    side_by_side: usize,
    mut done: impl FnMut(&Outcome),
) -> Vec<Outcome> {
    let mut order: Vec<usize> = (0..scenarios.len()).collect();
    order.sort_by_key(|i| scenarios.get(*i).is_none_or(|s| !s.slow));
    let plays = |order: Vec<usize>| {
        let drill_env = drill_env.clone();
        futures_util::stream::iter(order.into_iter().filter_map(|i| Some((i, scenarios.get(i)?)))).map(
            move |(i, scenario)| {
                let drill_env = drill_env.clone();
                let dir = format!("{i}-{}", scenario.name);
                async move { (i, Box::pin(play(scenario, drill_env, &dir)).await) }
            },
        )
    };
    let is_crowd = |i: &usize| scenarios.get(*i).is_some_and(|s| s.calls() >= CROWD);
    let (crowds, others): (Vec<usize>, Vec<usize>) = order.into_iter().partition(is_crowd);
    let beside = side_by_side.saturating_sub(usize::from(!crowds.is_empty())).max(1);
    let (crowds, others) = (plays(crowds).buffered(1), plays(others).buffer_unordered(beside));
    let mut playing = if side_by_side > 1 {
        futures_util::stream::select(crowds, others).left_stream()
    } else {
        crowds.chain(others).right_stream()
    };
    let mut outcomes = Vec::new();
    while let Some((i, outcome)) = playing.next().await {
        done(&outcome);
        outcomes.push((i, outcome));
    }
    outcomes.sort_by_key(|(i, _)| *i);
    outcomes.into_iter().map(|(_, o)| o).collect()
}
