//! `test-reliability`: the drills, judged by the provider's ledger.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::{Clock as _, Stopwatch, SystemClock};
use crate::config::{self, Sources, StoreLocation};
use crate::failpoint::Orders;
use crate::ids::Ids;
use crate::reliability::PASSWORD;
use crate::reliability::replicas::ReplicaStorm;
use crate::reliability::report::{IN_AIRTABLE, Report, compare, verdict};
use crate::reliability::{self, DrillDir, DrillEnv, Outcome, Scenario, ScenarioErrors, percentile};
use crate::store::{Location, PostgresUrl};
use crate::telemetry;

use super::super::exit::ExitStatus;
use super::super::global::{Global, LogFormat};
use super::super::location::location_of;
use super::super::output::{Output, Table};
use super::super::report::CliError;
use super::terminal;
use super::test_reliability_live::LiveArgs;

/// What is played, and where the results go.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show the scenarios and play none
    #[arg(long)]
    list: bool,
    /// Only this scenario, by name, or a file of your own; can be repeated
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Vec<String>,
    /// A storm of so many kills under load, a fault with each, in place of the scenarios
    #[arg(long, value_name = "N", conflicts_with = "scenario", value_parser = clap::value_parser!(u16).range(1..=2000))]
    storm: Option<u16>,
    /// So many calls in the storm [default: ten a kill]
    #[arg(long, value_name = "N", requires = "storm", value_parser = clap::value_parser!(u16).range(1..=20_000))]
    dispatches: Option<u16>,
    /// A storm over so many replicas of one store, whose engine is killed, stopped and cut off; the store: --store postgres://...
    #[arg(long, value_name = "N", requires = "storm", conflicts_with = "save", value_parser = clap::value_parser!(u16).range(2..=9))]
    replicas: Option<u16>,
    /// Keep the storm as a scenario file
    #[arg(long, value_name = "FILE", requires = "storm")]
    save: Option<PathBuf>,
    /// Keep what was asked, answered and accepted in the storm as JSON lines, for a judge that knows nothing of this program
    #[arg(long, value_name = "FILE", requires = "storm")]
    history: Option<PathBuf>,
    /// Decides every chance [default: 1; a storm draws one]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// So many scenarios side by side [default: three a processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    #[command(flatten)]
    results: Results,
    /// Play without these guards, to see that something breaks
    #[arg(long, value_name = "GUARD", value_delimiter = ',', hide = true)]
    guards_off: Vec<String>,
    /// Keep the directory of the run and print where it is
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    live: LiveArgs,
}

/// Where the results go besides stdout, and what they are compared with.
#[derive(Debug, clap::Args)]
pub(super) struct Results {
    /// Also write the results for a build server
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Also write the results as one page for a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Compare with the results of an earlier run (-o json)
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
}

impl Results {
    /// Reads the earlier run and tries the files: a place that cannot be written is known before an hour of drills, not after.
    pub(super) fn prepare(&self) -> Result<Option<serde_json::Value>, CliError> {
        let earlier = self.baseline.as_deref().map(read_report).transpose()?;
        for file in self.junit.iter().chain(&self.html) {
            writable(file)?;
        }
        Ok(earlier)
    }

    /// Compares, writes and says; the exit code.
    pub(super) fn deliver(
        &self,
        mut report: Report,
        earlier: Option<&serde_json::Value>,
        out: &mut Output,
    ) -> Result<ExitStatus, CliError> {
        if let Some(earlier) = earlier {
            let found = compare(earlier, &report.json()).map_err(|e| baseline_error(self.baseline.as_deref(), &e))?;
            report.baseline = Some(found);
        }
        if let Some(file) = &self.junit {
            let text = reliability::junit::document(&report)
                .map_err(|e| CliError::new(ExitStatus::Bug, "the results cannot be written as JUnit").cause(e))?;
            write(file, &text)?;
        }
        if let Some(file) = &self.html {
            let page = reliability::html::page(&report)
                .map_err(|e| CliError::new(ExitStatus::Bug, "the results cannot be written as a page").cause(e))?;
            write(file, &page)?;
        }
        say(&report, out);
        Ok(if report.held() { ExitStatus::Done } else { ExitStatus::No })
    }
}

/// How many of the engine's last words are shown of a scenario that broke.
const TAIL: usize = 8;

pub(crate) async fn run(args: &Args, global: &Global, out: &mut Output) -> Result<ExitStatus, CliError> {
    if args.live.live {
        let live = super::test_reliability_live::run(&args.live, &args.results, args.keep, global, out);
        return Box::pin(live).await;
    }
    telemetry::start(telemetry::Usual::Warn, global.verbose, global.log_format == LogFormat::Json);
    out.set_mode("test");
    let clock = SystemClock::new();
    let watch = Stopwatch::start();
    let drawn = || Ids::random().below(1_000_000);
    let seed = args.seed.unwrap_or_else(|| if args.storm.is_some() { drawn() } else { 1 });
    let storm = args.storm.map(|n| reliability::storm(usize::from(n), calls_of(args, n), seed));
    let storm = storm.filter(|_| args.replicas.is_none());
    let scenarios = match &storm {
        None if args.replicas.is_some() => Vec::new(),
        Some(storm) => vec![reliability::read("storm.toml", &storm.text).map_err(wrong_scenario)?],
        None => chosen(args)?,
    };
    if args.list {
        return Ok(show_list(&scenarios, out));
    }
    let earlier = args.results.prepare()?;
    args.history.as_deref().map(writable).transpose()?;
    if let (Some(file), Some(storm)) = (&args.save, &storm) {
        write(file, &storm.text)?;
    }
    let server = server(global)?;
    if args.replicas.is_some() && server.is_none() {
        return Err(CliError::new(ExitStatus::Usage, "several replicas share no file").hint(
            "name a PostgreSQL database in which drills may make schemas: --store postgres://user@host/database",
        ));
    }
    let drill_env = drill_env(seed, args, server, &clock, out)?;
    reliability::check_settings(&scenarios, &drill_env).map_err(wrong_scenario)?;
    let started_at = clock.now();
    let outcomes = tokio::select! {
        outcomes = play(args, &scenarios, &drill_env, out) => outcomes,
        () = terminal::stop_asked() => {
            return Err(CliError::new(ExitStatus::Interrupted, "interrupted; nothing of the drills is left running"));
        }
    };
    let report = Report {
        suite: if args.storm.is_some() { "storm" } else { "sandbox" },
        mode: "test",
        started_at,
        took_ms: i64::try_from(watch.passed().as_millis()).unwrap_or(0),
        seed,
        repeat: repeat_command(args, seed),
        outcomes,
        notes: storm.iter().map(storm_note).collect(),
        baseline: None,
    };
    args.results.deliver(report, earlier.as_ref(), out)
}

fn chosen(args: &Args) -> Result<Vec<Scenario>, CliError> {
    if args.scenario.is_empty() {
        return reliability::all().map_err(wrong_scenario);
    }
    let (mut scenarios, mut problems) = (Vec::new(), Vec::new());
    for name in &args.scenario {
        match reliability::find(name) {
            Ok(s) => scenarios.push(s),
            Err(e) => problems.extend(e.0),
        }
    }
    if problems.is_empty() { Ok(scenarios) } else { Err(wrong_scenario(ScenarioErrors(problems))) }
}

fn wrong_scenario(e: ScenarioErrors) -> CliError {
    let mut error = CliError::new(ExitStatus::Usage, "a scenario cannot be played");
    error.causes = e.0;
    error
        .hint("see the scenarios with `dispatchctl test-reliability --list`; the source has them in fixtures/scenarios")
}

fn show_list(scenarios: &[Scenario], out: &mut Output) -> ExitStatus {
    if out.is_json() {
        let all = scenarios.iter().map(|s| serde_json::json!({ "name": s.name, "title": s.title, "fault": s.fault }));
        out.document(&serde_json::json!({ "scenarios": all.collect::<Vec<_>>() }));
        return ExitStatus::Done;
    }
    let mut t = Table::new(&["SCENARIO", "FAULT", "SHOWS"]);
    for s in scenarios {
        t.row([s.name.clone(), s.fault.clone(), s.title.clone()]);
    }
    out.table(&t);
    ExitStatus::Done
}

fn calls_of(args: &Args, kills: u16) -> usize {
    args.dispatches.map_or(usize::from(kills) * reliability::CALLS_A_KILL, usize::from)
}

fn drill_env(
    seed: u64,
    args: &Args,
    server: Option<PostgresUrl>,
    clock: &SystemClock,
    out: &Output,
) -> Result<Arc<DrillEnv>, CliError> {
    Orders::parse(None, Some(args.guards_off.iter().map(String::as_str)))
        .map_err(|e| CliError::new(ExitStatus::Usage, "these guards cannot be taken away").cause(e))?;
    let guards_off = args.guards_off.clone();
    let program = std::env::current_exe()
        .map_err(|e| CliError::new(ExitStatus::Bug, "this program does not find itself").cause(e))?;
    let name = format!("dispatchctl-drill-{}", Ids::random().uuid(clock.now()).simple());
    let mut drill_dir = DrillDir::new(&std::env::temp_dir(), &name).map_err(|e| {
        CliError::new(ExitStatus::Usage, "the drills have no place to write")
            .cause(e)
            .hint("name a directory that you may write with TMPDIR=/path")
    })?;
    if args.keep {
        drill_dir.keep();
        out.note(&format!("kept: {}", drill_dir.path().display()));
    }
    Ok(Arc::new(DrillEnv { program, drill_dir, seed, guards_off, server, history: args.history.clone() }))
}

/// The server that `--store` names: the stores of the drills are made in its database. A file is no place for those of many.
fn server(global: &Global) -> Result<Option<PostgresUrl>, CliError> {
    let Some(text) = global.store.clone() else { return Ok(None) };
    let cwd = std::env::current_dir().unwrap_or_default();
    let password = std::env::var(PASSWORD).ok().map(|password| (PASSWORD.to_owned(), password));
    let env = password.into_iter().collect();
    let sources = Sources { flag_store: Some(text), flag_test_mode: true, env, cwd, ..Sources::default() };
    match config::place(&sources)?.0 {
        StoreLocation::Sqlite(_) => {
            Err(CliError::new(ExitStatus::Usage, "each drill has a file of its own for its store")
                .hint("leave --store out, or name a PostgreSQL database in which each drill may make a schema"))
        }
        place @ StoreLocation::Postgres(_) => match location_of(&place) {
            Location::Postgres(url) => Ok(Some(url)),
            Location::File(_) => Ok(None),
        },
    }
}

async fn play(args: &Args, scenarios: &[Scenario], drill_env: &Arc<DrillEnv>, out: &Output) -> Vec<Outcome> {
    if let (Some(replicas), Some(faults)) = (args.replicas, args.storm) {
        let storm = ReplicaStorm {
            replicas: usize::from(replicas),
            faults: usize::from(faults),
            calls: calls_of(args, faults),
        };
        return vec![Box::pin(reliability::replicas::play(storm, drill_env.clone(), |line| out.chat(line))).await];
    }
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let side_by_side = args.jobs.map_or(cores * 3, usize::from);
    let bar = terminal::counter(out, scenarios.len());
    let (mut done, mut broken) = (0, 0);
    let outcomes = reliability::play_all(scenarios, drill_env.clone(), side_by_side, |o| {
        done += 1;
        broken += usize::from(!o.held());
        let line =
            format!("{:>3}/{} {} {} ({:.1} s)", done, scenarios.len(), verdict(o.held()), o.name, seconds(o.took_ms));
        if bar.is_hidden() {
            out.chat(&line);
        } else {
            bar.set_message(format!("{broken} broken; last: {}", o.name));
            bar.inc(1);
        }
    })
    .await;
    bar.finish_and_clear();
    outcomes
}

fn seconds(ms: i64) -> f64 {
    f64::from(i32::try_from(ms).unwrap_or(i32::MAX)) / 1_000.0
}

fn repeat_command(args: &Args, seed: u64) -> String {
    let chosen: Vec<String> = args.scenario.iter().map(|s| format!(" --scenario {s}")).collect();
    let storm = args.storm.map(|n| format!(" --storm {n} --dispatches {}", calls_of(args, n))).unwrap_or_default();
    let replicas = args.replicas.map(|n| format!(" --replicas {n}")).unwrap_or_default();
    let off =
        if args.guards_off.is_empty() { String::new() } else { format!(" --guards-off {}", args.guards_off.join(",")) };
    format!("dispatchctl test-reliability{storm}{replicas} --seed {seed}{}{off}", chosen.concat())
}

fn storm_note(storm: &reliability::Storm) -> String {
    let kinds: Vec<String> = storm.kinds.iter().map(|(kind, n)| format!("{n} × {kind}")).collect();
    format!("faults of the storm: {}", kinds.join(", "))
}

fn read_report(file: &Path) -> Result<serde_json::Value, CliError> {
    let text = std::fs::read_to_string(file).map_err(|e| baseline_error(Some(file), &e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| baseline_error(Some(file), &e.to_string()))
}

fn baseline_error(file: Option<&Path>, why: &str) -> CliError {
    let name = file.map(|f| f.display().to_string()).unwrap_or_default();
    CliError::new(ExitStatus::Usage, format!("the earlier results in {name} cannot be used"))
        .cause(why)
        .hint("make them with `dispatchctl test-reliability -o json > FILE`")
}

/// Whether a results file can be written at all.
fn writable(file: &Path) -> Result<(), CliError> {
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(file);
    opened.map(drop).map_err(|e| cannot_write(file, &e))
}

fn write(file: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(file, text).map_err(|e| cannot_write(file, &e))
}

fn cannot_write(file: &Path, e: &std::io::Error) -> CliError {
    CliError::new(ExitStatus::Usage, format!("the results cannot be written to {}", file.display())).cause(e)
}

fn say(report: &Report, out: &mut Output) {
    if out.is_json() {
        out.document(&report.json());
        return;
    }
    let mut t = Table::new(&["SCENARIO", "FAULT", "VERDICT", "TEXTS", "UNKNOWN", "TIME", "TOOK"]);
    for o in &report.outcomes {
        let good = (o.skipped.is_none() || !o.held()).then(|| o.held());
        let word = if out.is_csv() { o.verdict().to_owned() } else { out.emphasis(good, o.verdict()) };
        t.row([
            o.name.clone(),
            o.fault.clone(),
            word,
            o.judged.texts.to_string(),
            o.judged.unknown.to_string(),
            o.time.to_owned(),
            format!("{:.1} s", seconds(o.took_ms)),
        ]);
    }
    out.table(&t);
    if out.is_csv() {
        return;
    }
    if report.suite == "storm" {
        say_faults(report, out);
    }
    for o in report.outcomes.iter().filter(|o| !o.held()) {
        say_broken(o, &report.again(o), out);
    }
    for o in report.outcomes.iter().filter(|o| o.held()) {
        if let Some(why) = &o.skipped {
            out.line(&format!("{} is skipped: {why}", o.name));
        }
    }
    for o in &report.outcomes {
        if let Some(ms) = o.standstill_ms {
            out.line(&format!("{} was played again: before, the machine stood still for {:.1} s", o.name, seconds(ms)));
        }
    }
    out.line("");
    let (j, m) = (report.judged(), report.measures());
    for b in report.bounds() {
        let said = match b.what {
            IN_AIRTABLE => j.rows.said(),
            what => format!("{what} {} of {} {}", b.found, b.of, b.unit),
        };
        out.line(&format!("{said} (95 % bound: at most {:.2} %)", b.upper * 100.0));
    }
    out.line(&format!("unknown, and shown as such: {}; found out after a fault: {}", j.unknown, j.found_out));
    for (what, figures) in [
        ("send to accepted", &m.accepted),
        ("send to delivered", &m.delivered),
        ("follow-up late", &m.late),
        ("recovery", &m.recovery),
        ("lag of the provider's list", &m.list_lag),
    ] {
        if let (Some(p50), Some(p95), Some(max)) =
            (percentile(figures, 50), percentile(figures, 95), percentile(figures, 100))
        {
            out.line(&format!(
                "{what}: median {p50} ms, 95 % within {p95} ms, at most {max} ms ({} figures)",
                figures.len()
            ));
        }
    }
    say_baseline(report, out);
    for note in &report.notes {
        out.line(note);
    }
    let skipped = report.count("skipped");
    let skipped = if skipped == 0 { String::new() } else { format!(" ({skipped} skipped)") };
    let words = format!(
        "{} of {} scenarios held{skipped}, in {:.1} s, seed {}",
        report.count("held"),
        report.outcomes.len(),
        seconds(report.took_ms),
        report.seed
    );
    let words = out.emphasis(Some(report.held()), &words);
    out.line(&words);
}

/// A storm is one scenario: what came of its calls is told by the faults that hit them.
fn say_faults(report: &Report, out: &mut Output) {
    let mut t = Table::new(&["CALLS UNDER", "OK", "RECOVERED", "UNKNOWN", "LOST", "DOUBLED", "UNEXPECTED"]);
    for (fault, tally) in report.faults() {
        t.row(std::iter::once(fault).chain(tally.columns().map(|(_, n)| n.to_string())));
    }
    out.line("");
    out.table(&t);
    let kills: Vec<String> = report.kills().iter().map(|(drill_dir, n)| format!("{n} × {drill_dir}")).collect();
    out.line(&format!("kills: {}", kills.join(", ")));
}

fn say_broken(o: &Outcome, again: &str, out: &mut Output) {
    out.line("");
    let head = out.emphasis(Some(false), &format!("{} broke: {}", o.name, o.title));
    out.line(&head);
    for wrong in o.broken() {
        out.line(&format!("  {wrong}"));
    }
    for line in o.log_tail.iter().rev().take(TAIL).rev() {
        out.line(&format!("  | {line}"));
    }
    out.line(&format!("  again: {again}"));
}

fn say_baseline(report: &Report, out: &mut Output) {
    let Some(found) = &report.baseline else { return };
    let lists = [("broken since", "broken"), ("mended since", "mended"), ("new", "new"), ("not played now", "missing")];
    for (what, key) in lists {
        let names: Vec<&str> =
            found.get(key).and_then(|l| l.as_array()).into_iter().flatten().filter_map(|n| n.as_str()).collect();
        if !names.is_empty() {
            out.line(&format!("compared with the earlier run, {what}: {}", names.join(", ")));
        }
    }
    for (what, key) in [("slower", "slower"), ("faster", "faster")] {
        for f in found.get(key).and_then(|l| l.as_array()).into_iter().flatten() {
            let text =
                |k: &str| f.get(k).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).unwrap_or_default();
            out.line(&format!(
                "compared with the earlier run, {what}: {} {} was {} ms, is {} ms",
                text("what"),
                text("share"),
                text("was"),
                text("is")
            ));
        }
    }
}
