//! Waits until something is so: looks again and again, for so long as the scenario allows, and says in the end what was seen.

use std::time::Duration;

use serde_json::Value;

use super::condition::Condition;
use super::documents::{alert_keys, creates, fits, list, not_found_out, phone_calls, text, texts, time, under_way};
use super::mirror::{self, manual_edit};

use super::sinks;
use super::world::{LOOK_EVERY, World};

/// A step that is due within this time is waited for where everything is to come to rest.
const STEP_SOON: Duration = Duration::from_secs(60);

/// In a few words, for whoever reads what failed.
pub(super) fn condition_name(c: &Condition) -> String {
    match c {
        Condition::Attempt { call, attempt, states } => {
            format!("attempt {attempt} of {call} is {}", states.join(" or "))
        }
        Condition::AllAttempts { calls, states } => {
            format!("every attempt of {calls} calls is {}", states.join(" or "))
        }
        Condition::Status { call, status } => format!("{call} is {status}"),
        Condition::Log { call, kind, times } => format!("{call} has {times} × {kind} in its log"),
        Condition::Creates { creates: n } => format!("{n} messages were asked for"),
        Condition::Texts { texts: n } => format!("{n} texts were accepted"),
        Condition::Phone { states, times, .. } => format!("phone call {times} is {}", states.join(" or ")),
        Condition::Says { words, .. } => format!("{words:?} is said"),
        Condition::Alert { alert: key } => format!("an alert {key} is open"),
        Condition::NoAlert { alert: key } => format!("no alert {key} is open"),
        Condition::Callback { status, times } => format!("{times} × callback {status} answered"),
        Condition::Page { path, answer } => format!("{path} answers {answer}"),
        Condition::Told { key, state, by, times } => {
            let who = by.as_deref().unwrap_or("the sink");
            format!("{who} is told {key} {state}, {times} of it")
        }
        Condition::Ended { .. } => "the engine has ended".into(),
        Condition::DiedAt { point } => format!("the engine has died at {point}"),
        Condition::Rest { .. } => "everything comes to rest".into(),
        Condition::Mirror { .. } => "Airtable is equal to the store, proven".into(),
        Condition::Row { call, attempt, word } => match attempt {
            Some(n) => format!("the row of attempt {n} of {call} says {word:?}"),
            None => format!("the row of {call} says {word:?}"),
        },
    }
}

pub(super) async fn wait(condition: &Condition, within: Duration, world: &mut World) -> Result<(), String> {
    let deadline = world.now().plus(within);
    loop {
        let seen = match is_so(condition, world).await {
            Ok(None) => return Ok(()),
            Ok(Some(seen)) => seen,
            Err(e) => e,
        };
        if matches!(condition, Condition::Attempt { .. } | Condition::Status { .. } | Condition::Log { .. })
            && let Some(engine) = world.engine.as_mut()
            && let Some(code) = engine.ended()
        {
            let words = engine.last_words();
            return Err(format!("the engine has ended with exit {code}: {words}"));
        }
        if world.now() > deadline {
            return Err(seen);
        }
        // Asking for alerts is a process of its own; rest is seen by reading every call.
        let every = match condition {
            Condition::Alert { .. } | Condition::NoAlert { .. } => 5,
            Condition::Mirror { .. } | Condition::Row { .. } => 5,
            Condition::Rest { .. } => 15,
            Condition::Page { .. } => 5,
            _ => 1,
        };
        world.pause(LOOK_EVERY * every).await;
    }
}

/// `None` where it is so; else what is seen.
async fn is_so(condition: &Condition, world: &mut World) -> Result<Option<String>, String> {
    let told = |so: bool, seen: String| Ok((!so).then_some(seen));
    match condition {
        Condition::Attempt { call, attempt, states } => {
            let Some(story) = world.story(call).await? else { return Ok(Some(format!("there is no call {call}"))) };
            let all: Vec<&str> = list(&story, "attempts").iter().map(|a| text(a, "attemptState")).collect();
            let state = attempt.checked_sub(1).and_then(|i| all.get(i)).copied().unwrap_or("not there");
            told(states.iter().any(|s| s == state), format!("attempt {attempt} is {state}; attempts: {all:?}"))
        }
        Condition::AllAttempts { calls, states } => {
            let stories = world.stories(&[]).await?;
            let of = |s: &Value| text(s, "attemptState").to_owned();
            let all: Vec<String> = stories.iter().flat_map(|s| list(s, "attempts")).map(of).collect();
            let so = stories.len() == *calls && !all.is_empty() && all.iter().all(|s| states.contains(s));
            told(so, format!("{} calls, attempts {all:?}", stories.len()))
        }
        Condition::Status { call, status } => {
            let Some(story) = world.story(call).await? else { return Ok(Some(format!("there is no call {call}"))) };
            told(text(&story, "status") == status, format!("it is {}", text(&story, "status")))
        }
        Condition::Log { call, kind, times } => {
            let Some(story) = world.story(call).await? else { return Ok(Some(format!("there is no call {call}"))) };
            let n = list(&story, "log").iter().filter(|e| text(e, "kind") == kind).count();
            told(n >= *times, format!("{n} of them"))
        }
        Condition::Creates { creates: n } => {
            let ledger = world.ledger()?;
            let found = creates(&ledger);
            told(found >= *n, format!("{found} were"))
        }
        Condition::Texts { texts: n } => {
            let found = texts(&world.ledger()?).count();
            told(found >= *n, format!("{found} were"))
        }
        Condition::Phone { phone, states, times } => {
            let ledger = world.ledger()?;
            let all: Vec<&str> =
                phone_calls(&ledger).iter().filter(|c| text(c, "to") == phone).map(|c| text(c, "status")).collect();
            let so = all.len() >= *times && all.last().is_some_and(|at| states.iter().any(|s| s == at));
            told(so, format!("calls to it: {all:?}"))
        }
        Condition::Says { who, words } => {
            let log = match who {
                Some(name) => {
                    let process = world.beside.get(name).ok_or_else(|| format!("nothing named {name} was started"))?;
                    format!("{}{}", process.stdout(), process.stderr())
                }
                None => world.log(),
            };
            told(log.contains(words.as_str()), "it is not said".into())
        }
        Condition::Alert { alert: pattern } => {
            let keys = alert_keys(&world.overview().await?);
            told(keys.iter().any(|k| fits(pattern, k)), format!("open alerts: {keys:?}"))
        }
        Condition::NoAlert { alert: pattern } => {
            let keys = alert_keys(&world.overview().await?);
            told(!keys.iter().any(|k| fits(pattern, k)), format!("open alerts: {keys:?}"))
        }
        Condition::Callback { status, times } => {
            let ledger = world.callbacks().await?;
            let answered =
                |c: &&Value| text(c, "status") == status && c.get("httpStatus").is_some_and(Value::is_number);
            let n = list(&ledger, "callbacks").iter().filter(answered).count();
            told(n >= *times, format!("{n} were"))
        }
        Condition::Rest { .. } => {
            let (stories, ledger) = (world.stories(&[]).await?, world.ledger()?);
            let soon = world.now().plus(STEP_SOON);
            let due = |s: &&Value| time(s, "nextFollowUpAt").is_some_and(|at| at < soon);
            let waits = under_way(&stories) + stories.iter().filter(due).count();
            let hidden = not_found_out(&ledger, &stories);
            told(waits == 0 && hidden.is_empty(), format!("{waits} under way, not found out: {}", hidden.join(", ")))
        }
        Condition::Page { path, answer } => {
            let (status, said) = world.ask("GET", path, "", None).await?;
            told(
                i64::from(status) == *answer,
                format!("it answers {status}: {}", said.chars().take(300).collect::<String>()),
            )
        }
        Condition::Told { key, state, by, times } => {
            let heard = world.control("GET", "alerts", &Value::Null).await?;
            let all = sinks::keys(&heard, by.as_deref(), state);
            let fitting = all.iter().filter(|k| fits(key, k)).count();
            let some: Vec<&String> = all.iter().take(20).collect();
            told(fitting >= *times, format!("{fitting} fit; it was told {some:?}"))
        }
        Condition::Mirror { .. } => {
            let (found, unproven) = mirror::look(world).await?;
            let so = found.rows.wrong() == 0 && found.rows.compared > 0 && unproven == 0;
            told(so, mirror::told(&found, unproven))
        }
        Condition::Row { call, attempt, word } => {
            let found = manual_edit::word(call, *attempt, world).await?;
            told(found == *word, format!("it says {found:?}"))
        }
        Condition::DiedAt { point } => world.dead_at(point).await,
        Condition::Ended { .. } => {
            let engine = world.engine.as_mut();
            if engine.is_none_or(|e| e.ended().is_none()) {
                return Ok(Some("it runs".into()));
            }
            world.engine_end(Duration::ZERO).await?;
            Ok(None)
        }
    }
}
