//! Plays a scenario: one action after the other, then what is expected, then the judge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::action::{Action, Dispatch, UntilState};
use super::await_state::{condition_name, wait};
use super::check::judge;
use super::documents::{Seen, creates, text, texts, time, under_way};
use super::expect;
use super::fill::filled;
use super::mirror::{self, manual_edit};
use super::outcome::{Check, Measures, Outcome, by_fault};
use super::process::Signal;
use super::scenario::Scenario;
use super::store_trouble;
use super::then::MIRROR_WITHIN;
use super::trouble::SKIPPED;
use super::world::{DrillEnv, LOOK_EVERY, World};
use crate::clock::StandstillWatch;

/// How Rust tells of a panic, on stderr and where a log says it again.
const PANIC: &str = "panicked at";
const NO_PANIC: &str = "nothing panics";
/// The longest that attempts may take to come to rest after the last action.
const REST_MAX: Duration = Duration::from_secs(30);

/// So often a scenario is played whose bounds of time are missed on a machine that stands still.
const PLAYS: u32 = 3;
/// Scenarios leave a second between what is due and what is late.
const STOOD_STILL: Duration = Duration::from_millis(500);

/// Plays one scenario. What goes wrong on the way is a check that did not hold; nothing is left behind.
///
/// Where its bounds are missed while the machine stands still it is played again: that says nothing of the engine. What is lost,
/// doubled or not expected stays so.
pub async fn play(scenario: &Scenario, drill_env: Arc<DrillEnv>, drill_dir: &str) -> Outcome {
    let mut standstill_ms = None;
    let mut plays = 1;
    loop {
        let watch = StandstillWatch::start();
        let outcome = Box::pin(play_once(scenario, drill_env.clone(), &format!("{drill_dir}-{plays}"))).await;
        let still = watch.longest();
        if plays == PLAYS || !says_nothing_of_us(&outcome, still) {
            return Outcome { standstill_ms, ..outcome };
        }
        standstill_ms = i64::try_from(still.as_millis()).ok();
        plays += 1;
    }
}

fn says_nothing_of_us(outcome: &Outcome, still: Duration) -> bool {
    let panicked = outcome.checks.iter().any(|c| c.what == NO_PANIC && !c.held);
    !outcome.held() && !panicked && outcome.judged.wrongs().is_empty() && still >= STOOD_STILL
}

async fn play_once(scenario: &Scenario, drill_env: Arc<DrillEnv>, drill_dir: &str) -> Outcome {
    let watch = crate::clock::Stopwatch::start();
    let mut outcome = Outcome {
        name: scenario.name.clone(),
        file: scenario.by.clone(),
        title: scenario.title.clone(),
        fault: scenario.fault.clone(),
        checks: Vec::new(),
        judged: super::check::Judgement::default(),
        measures: Measures::default(),
        took_ms: 0,
        time: "policy",
        log_tail: Vec::new(),
        skipped: None,
        faults: BTreeMap::new(),
        kills: BTreeMap::new(),
        standstill_ms: None,
    };
    if let Some(why) = scenario.given.of_a_file.as_ref().filter(|_| drill_env.server.is_some()) {
        outcome.skipped = Some(why.clone());
        return outcome;
    }
    match tokio::time::timeout(scenario.timeout, World::open(scenario, drill_env, drill_dir)).await {
        Ok(Ok(mut world)) => {
            let played = tokio::time::timeout(scenario.timeout, through(scenario, &mut world, &mut outcome)).await;
            if played.is_err() {
                let what = format!("the scenario ends within {} s", scenario.timeout.as_secs());
                outcome.checks.push(Check::of(what, false, ""));
            }
            let log = world.log();
            if let Some(line) = log.lines().find(|l| l.contains(PANIC)) {
                outcome.checks.push(Check::of(NO_PANIC, false, line));
            }
            if !outcome.held() {
                outcome.log_tail = log.lines().rev().take(20).map(str::to_owned).collect();
                outcome.log_tail.reverse();
            }
            outcome.kills.clone_from(world.kills());
            if world.clock_moved {
                outcome.time = "policy and clock";
            }
            world.close().await;
        }
        Ok(Err(e)) => outcome.checks.push(Check::of("the scenario can begin", false, e)),
        Err(_) => outcome.checks.push(Check::of("the scenario can begin", false, "nothing answered in time")),
    }
    outcome.took_ms = i64::try_from(watch.passed().as_millis()).unwrap_or(0);
    outcome
}

async fn through(scenario: &Scenario, world: &mut World, outcome: &mut Outcome) {
    for step in &scenario.when {
        if let Err(e) = act(&step.action, world).await {
            if let Some(why) = e.strip_prefix(SKIPPED) {
                outcome.skipped = Some(why.to_owned());
                break;
            }
            let what = format!("{}:{}: {}", scenario.file, step.line, name_of(&step.action));
            outcome.checks.push(Check::of(what, false, e));
            break;
        }
    }
    if outcome.checks.is_empty() {
        world.answers().await;
    }
    if let Some(code) = world.ended_by_itself() {
        outcome.checks.push(Check::of(
            "the engine lives until it is ended",
            false,
            format!("it ended with exit {code}"),
        ));
    }
    match look(scenario, world).await {
        Ok(seen) => {
            // What was not played to its end is judged, and not held to its expectations.
            let cut_short = !outcome.checks.is_empty() || outcome.skipped.is_some();
            if !cut_short {
                outcome.checks.extend(expect::all(&scenario.then, &seen, world).await);
            }
            if let Err(e) = world.keep_history(&outcome.name, &seen.ledger, &seen.stories) {
                outcome.checks.push(Check::of("the history is kept", false, e));
            }
            outcome.judged = judge(&seen.ledger, &seen.stories, world.accepted.iter().map(String::as_str));
            if scenario.then.mirror && !cut_short {
                let within = scenario.then.mirror_within.unwrap_or(MIRROR_WITHIN);
                let (check, rows) = mirror::whole(within, world).await;
                outcome.checks.push(check);
                outcome.judged.rows = rows;
            }
            outcome.faults = by_fault(&outcome.judged.came, &scenario.fault, world.faults_hit());
            outcome.measures = if world.clock_moved {
                Measures { recovery: world.recovery_ms.clone(), ..Measures::default() }
            } else {
                Measures::of(&seen.ledger, &seen.stories, &world.downtimes(), &world.recovery_ms)
            };
        }
        Err(e) => outcome.checks.push(Check::of("the ledger and the store can be read in the end", false, e)),
    }
}

/// Waits until nothing is under way, then reads the store and the ledger.
async fn look(scenario: &Scenario, world: &mut World) -> Result<Seen, String> {
    let deadline = world.now().plus(REST_MAX);
    let named: Vec<String> = scenario.then.calls.keys().cloned().collect();
    loop {
        let before = texts(&world.ledger()?).count();
        let stories = world.stories(&named).await?;
        let under_way = under_way(&stories);
        let rests = under_way == 0 || scenario.then.restless || !world.engine_runs();
        if rests {
            let ledger = world.ledger()?;
            // A text that left between the two looks is in one of them alone: both again.
            if texts(&ledger).count() == before {
                return Ok(Seen { ledger, stories, overview: world.overview().await? });
            }
        }
        if world.now() > deadline {
            return Err(format!(
                "{under_way} attempts are still under way, or texts still leave, after {} s",
                REST_MAX.as_secs()
            ));
        }
        world.pause(LOOK_EVERY).await;
    }
}

/// In a few words, for whoever reads what failed.
fn name_of(action: &Action) -> String {
    match action {
        Action::Dispatch(d) => format!("dispatch {}", d.call),
        Action::Wait { wait: c, within } => format!("{} within {:.1} s", condition_name(c), within.as_secs_f64()),
        Action::Pause { .. } => "pause".into(),
        Action::Until { until } => format!("until a time of {}", until.call),
        Action::Reply { body, .. } => format!("reply {body:?}"),
        Action::Kill { at: Some(point), .. } => format!("kill at {point}"),
        Action::Kill { .. } => "kill the engine".into(),
        Action::Stop { .. } => "stop the engine".into(),
        Action::Freeze { .. } => "freeze the engine".into(),
        Action::Thaw { .. } => "thaw the engine".into(),
        Action::Reload { .. } => "reload the engine".into(),
        Action::Start { dies_at: Some(point), .. } => format!("start the engine, which dies at {point}"),
        Action::Start { .. } => "start the engine".into(),
        Action::Run { args, config: Some(_), .. } => format!("run `{}` in another shell", args.join(" ")),
        Action::Run { args, .. } => format!("run `{}`", args.join(" ")),
        Action::End { name, .. } => format!("end of {name}"),
        Action::Faults { .. } => "arm faults".into(),
        Action::Relay { does, .. } => format!("the relay: {does}"),
        Action::Press { digits, .. } => format!("press {digits}"),
        Action::HangUp { .. } => "hang up".into(),
        Action::Link { method, of, .. } => format!("{method} the link of {of}"),
        Action::ClearFaults { .. } => "clear faults".into(),
        Action::Forge { path, .. } => format!("forge {path}"),
        Action::Request { method, path, .. } => format!("{method} {path}"),
        Action::Clock { ms } => format!("set the clock apart by {ms} ms"),
        Action::ProviderClock { ms } => format!("set the provider's clock apart by {ms} ms"),
        Action::KillAt { point } => format!("arm {point}"),
        Action::GuardsOff { guards } => format!("guards off: {}", guards.join(", ")),
        Action::Store { trouble, call } => format!("the store: {}", trouble.told(call.as_deref())),
        Action::Airtable { action: what } => format!("by hand in Airtable: {}", text(what, "do")),
        Action::Agent { what, .. } => format!(
            "{} of {}",
            what.get("do").and_then(Value::as_str).unwrap_or_default(),
            what.get("platform").and_then(Value::as_str).unwrap_or_default()
        ),
        Action::Disk { .. } => "lose the disk".into(),
        Action::Settings { .. } => "edit the engine's configuration file".into(),
    }
}

async fn act(action: &Action, world: &mut World) -> Result<(), String> {
    match action {
        Action::Dispatch(d) => dispatch(d, world).await,
        Action::Wait { wait: condition, within } => wait(condition, *within, world).await,
        Action::Pause { pause: d } => {
            world.pause(*d).await;
            Ok(())
        }
        Action::Until { until: UntilState { call, after } } => {
            let story = world.story(call).await?.ok_or_else(|| format!("there is no call {call}"))?;
            let accepted = time(&story, "acceptedAt").ok_or("the call has no time")?;
            world.until(accepted.plus(*after)).await;
            Ok(())
        }
        Action::Reply { from, body, again, answer, if_possible } => {
            let body = match filled(body, world).await {
                Ok(body) => body,
                // Nobody answers a text that was never made.
                Err(_) if *if_possible => return Ok(()),
                Err(e) => return Err(e),
            };
            let status = world.reply(from, &body, *again).await?;
            same("the webhook's answer", answer.as_ref(), &status)
        }
        Action::Relay { does, times } => world.relay_does(does, *times).await,
        Action::Press { digits, from, forged, twice } => world.press(from, digits, (*forged, *twice)).await,
        Action::HangUp { who } => world.hang_up(who).await,
        Action::Link { method, of, answer, says } => {
            let (status, page) = world.link(method, of).await?;
            same("the answer of the link", answer.as_ref(), &i64::from(status))?;
            match says.iter().find(|words| !page.contains(words.as_str())) {
                Some(words) => Err(format!("the page does not say {words:?}: {page}")),
                None => Ok(()),
            }
        }
        Action::Kill { at: Some(point), within, .. } => world.kill_at(point, *within).await,
        Action::Kill { .. } => world.signal(Signal::Kill).await,
        Action::Stop { .. } => world.signal(Signal::Stop).await,
        Action::Freeze { .. } => world.signal(Signal::Freeze).await,
        Action::Thaw { .. } => world.signal(Signal::Thaw).await,
        Action::Reload { .. } => world.signal(Signal::Reload).await,
        Action::Start { dies_at: Some(point), if_possible, .. } => world.start_dying(point, !if_possible).await,
        Action::Start { .. } => world.start().await,
        Action::Run { args: given, exit, says, beside, unchanged, config } => {
            let mut args = Vec::new();
            for arg in given {
                args.push(filled(arg, world).await?);
            }
            let command = match config {
                Some(config) => world.shell(&args, config)?,
                None => world.command(&args),
            };
            match beside {
                Some(name) => world.run_beside(name, command),
                None => {
                    let before = if *unchanged { Some(everything(world).await?) } else { None };
                    let (code, out, err) = world.run_this(command, &args.join(" ")).await?;
                    ended(code, &format!("{out}{err}"), *exit, says)?;
                    match before {
                        Some(before) if everything(world).await? != before => Err("it changed something".into()),
                        _ => Ok(()),
                    }
                }
            }
        }
        Action::End { name, exit, says } => {
            let mut process = world.beside.remove(name).ok_or_else(|| format!("nothing named {name} was started"))?;
            let code = world.end_of(&mut process, name).await?;
            ended(code, &format!("{}{}", process.stdout(), process.stderr()), *exit, says)
        }
        Action::Faults { faults } => {
            for fault in faults.clone() {
                world.sandbox()?.add_fault(fault).map_err(|e| e.to_string())?;
            }
            Ok(())
        }
        Action::ClearFaults { .. } => {
            world.sandbox()?.clear_faults();
            Ok(())
        }
        Action::Forge { .. } => forge(action, world).await,
        Action::Request { method, path, body, kind, answers } => {
            let path = filled(path, world).await?;
            let (status, said) = world.ask(method, &path, kind, body.clone()).await?;
            if answers.is_empty() || answers.contains(&i64::from(status)) {
                Ok(())
            } else {
                Err(format!("it answered {status}: {}", said.chars().take(300).collect::<String>()))
            }
        }
        Action::Clock { ms } => {
            world.clock_moved = true;
            world.clock_ms = *ms;
            world.fault_injection(json!({ "clockOffsetMs": ms })).await
        }
        Action::ProviderClock { ms } => {
            world.sandbox()?.set_clock_apart(*ms);
            Ok(())
        }
        Action::KillAt { point } => world.arm(point).await,
        Action::GuardsOff { guards } => world.guards_off(guards).await,
        Action::Store { trouble, call } => store_trouble::make(*trouble, call.as_deref(), world).await,
        Action::Airtable { action: what } => manual_edit::act(what, world).await,
        Action::Agent { what, answers } => agent(what, answers, world).await,
        Action::Disk { .. } => manual_edit::lose_disk(world),
        Action::Settings { edit } => world.edit(edit),
    }
}

fn same<T: PartialEq + std::fmt::Display>(what: &str, wanted: Option<&T>, found: &T) -> Result<(), String> {
    match wanted {
        Some(wanted) if wanted != found => Err(format!("{what} is {found}, not {wanted}")),
        _ => Ok(()),
    }
}

fn ended(code: i32, said: &str, exit: Option<i32>, says: &[String]) -> Result<(), String> {
    let shown = || said.chars().take(600).collect::<String>();
    if exit.is_some_and(|e| e != code) {
        return Err(format!("it ended with exit {code}: {}", shown()));
    }
    match says.iter().find(|w| !said.contains(w.as_str())) {
        Some(words) => Err(format!("it does not say {words:?}: {}", shown())),
        None => Ok(()),
    }
}

/// What a command that only looks leaves as it is: the stories of all calls, the whole log, what the provider was asked.
async fn everything(world: &mut World) -> Result<(Vec<Value>, String, u64, usize), String> {
    let (stories, ledger) = (world.stories(&[]).await?, world.ledger()?);
    let (_, log, _) = world.run(&["log", "-o", "json"].map(str::to_owned)).await?;
    Ok((stories, log, creates(&ledger), texts(&ledger).count()))
}

/// A call as the API takes it.
pub(super) fn body(call: &str, level: &str, data: &[(String, String)]) -> Value {
    let mut inner = json!({ "callerPhone": "+19495550150", "issueSummary": "Burst pipe", "address": "12 Oak St",
        "callerName": "Kim Doe", "emergencyLevel": level });
    for (name, value) in data {
        if let Some(map) = inner.as_object_mut() {
            map.insert(name.clone(), Value::from(value.as_str()));
        }
    }
    json!({ "callId": call, "callData": inner })
}

async fn dispatch(d: &Dispatch, world: &mut World) -> Result<(), String> {
    let name = |n: usize| if d.times == 1 { d.call.clone() } else { format!("{}{n}", d.call) };
    if let Some(fault) = &d.under {
        world.count_under(fault, (1..=d.times).map(name));
    }
    let bodies: Vec<Value> = (1..=d.times).map(|n| body(&name(n), &d.level, &d.data)).collect();
    if d.beside {
        world.post_beside(bodies, d.clients);
        return Ok(());
    }
    let fine = |status: u16| {
        if d.answers.is_empty() { matches!(status, 201 | 202) } else { d.answers.contains(&i64::from(status)) }
    };
    if d.clients > 1 {
        world.post_beside(bodies, d.clients);
        let answers = world.answers().await;
        return match answers.iter().find(|(_, status)| !status.is_some_and(fine)) {
            Some((id, status)) => Err(format!("{id} was answered {status:?}")),
            None => Ok(()),
        };
    }
    for body in bodies {
        let status = world.post_call(&body).await?;
        if !fine(status) {
            return Err(format!("{} was answered {status}", text(&body, "callId")));
        }
    }
    Ok(())
}

async fn forge(action: &Action, world: &mut World) -> Result<(), String> {
    let Action::Forge { path, form, signed, signature, answer } = action else { return Ok(()) };
    let mut filled_form = serde_json::Map::new();
    for (name, value) in form {
        filled_form.insert(name.clone(), Value::from(filled(value, world).await?));
    }
    let path = filled(path, world).await?;
    let url = world.url(&path);
    let ask = json!({ "url": url, "form": filled_form, "sign": signed, "signature": signature });
    let said = world.control("POST", "forge", &ask).await?;
    same("its answer", answer.as_ref(), &said.get("httpStatus").and_then(Value::as_i64).unwrap_or(0))
}

/// A platform's word; a report that is answered with a call counts as accepted.
async fn agent(what: &Map<String, Value>, answers: &[i64], world: &mut World) -> Result<(), String> {
    let mut ask = what.clone();
    if ask.get("do").and_then(Value::as_str) == Some("report") {
        ask.insert("at".to_owned(), Value::from(world.url("")));
    }
    let said = world.control("POST", "agents", &Value::Object(ask)).await?;
    let answered = said.pointer("/done/0/answers").and_then(Value::as_array).cloned().unwrap_or_default();
    for answer in answered {
        let status = answer.get("httpStatus").and_then(Value::as_i64).unwrap_or(0);
        let is_fine = if answers.is_empty() { (200..300).contains(&status) } else { answers.contains(&status) };
        if !is_fine {
            return Err(format!("the report was answered {status}: {}", text(&answer, "body")));
        }
        let body: Value = serde_json::from_str(text(&answer, "body")).unwrap_or_default();
        if let Some(id) = body.get("callId").and_then(Value::as_str) {
            world.accepted.insert(id.to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn only_a_missed_bound_on_a_machine_that_stood_still_is_played_again() {
        let outcome = |held: bool| report(held).outcomes.remove(0);
        let long = Duration::from_secs(5);
        assert!(says_nothing_of_us(&outcome(false), long));
        assert!(!says_nothing_of_us(&outcome(true), long), "it held");
        assert!(!says_nothing_of_us(&outcome(false), Duration::from_millis(100)), "the machine ran");
        let mut lost = outcome(false);
        lost.judged.lost.push("c1 is lost".into());
        assert!(!says_nothing_of_us(&lost, long), "what is lost stays so");
        let mut panicked = outcome(false);
        panicked.checks.push(Check::of(NO_PANIC, false, "panicked at"));
        assert!(!says_nothing_of_us(&panicked, long), "no clock makes anything panic");
    }
}
