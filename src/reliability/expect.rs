//! Holds what was seen in the end against what the scenario expects.

use std::collections::BTreeMap;

use serde_json::Value;

use super::crowd;
use crate::domain::Timestamp;

use super::documents::{Seen, alert_keys, creates, fits, list, mails, not_found_out, phone_calls, text, texts, time};
use super::mirror;
use super::outcome::Check;
use super::sinks;
use super::then::{CallThen, From, Then, TimeThen};
use super::world::World;

/// Every expectation with what was seen.
pub(super) async fn all(then: &Then, seen: &Seen, world: &mut World) -> Vec<Check> {
    let mut checks = Vec::new();
    let names = world.phone_names().clone();
    by_contact("texts", "outbound-api", &then.texts, seen, &names, &mut checks);
    by_contact("answers", "outbound-reply", &then.answers, seen, &names, &mut checks);
    for (who, n) in &then.mails {
        let to = format!("{who}@example.com");
        let found = mails(&seen.ledger).iter().filter(|m| text(m, "to") == to).count();
        let held = u64::try_from(found).is_ok_and(|f| f == *n);
        checks.push(Check::of(format!("{n} mails to {who}"), held, found.to_string()));
    }
    for (who, n) in &then.phone_calls {
        let phone = names.get(who).map_or("", String::as_str);
        let found = phone_calls(&seen.ledger).iter().filter(|c| text(c, "to") == phone).count();
        let held = u64::try_from(found).is_ok_and(|f| f == *n);
        checks.push(Check::of(format!("{n} phone calls to {who}"), held, found.to_string()));
    }
    if let Some(wanted) = &then.phone_statuses {
        let found: Vec<&str> = phone_calls(&seen.ledger).iter().map(|c| text(c, "status")).collect();
        checks.push(Check::of(format!("phone calls ended: {}", wanted.join(", ")), found == *wanted, found.join(", ")));
    }
    if then.one_phone_call_at_a_time {
        let both: Vec<&str> = at_once(phone_calls(&seen.ledger));
        checks.push(Check::of("one phone call at a time to each phone", both.is_empty(), both.join(", ")));
    }
    for words in &then.spoken {
        let all = phone_calls(&seen.ledger).iter().flat_map(|c| list(c, "said")).filter_map(Value::as_str);
        let all: Vec<&str> = all.collect();
        let held = all.iter().any(|said| said.contains(words.as_str()));
        checks.push(Check::of(format!("somebody hears {words:?}"), held, all.join(" | ")));
    }
    if let Some(order) = &then.order {
        let name = |phone: &str| names.iter().find(|(_, p)| *p == phone).map_or(phone.to_owned(), |(n, _)| n.clone());
        let found: Vec<String> = texts(&seen.ledger).map(|m| name(text(m, "to"))).collect();
        checks.push(Check::of(format!("texts in this order: {}", order.join(", ")), found == *order, found.join(", ")));
    }
    if let Some(n) = then.creates {
        let found = creates(&seen.ledger);
        checks.push(Check::of(format!("{n} messages were asked for"), found == n, found.to_string()));
    }
    if let Some(patterns) = &then.alerts {
        checks.push(alerts(patterns, &alert_keys(&seen.overview)));
    }
    checks.extend(sinks::checks(&then.sinks, world).await);
    let log = world.log();
    for words in &then.says {
        checks.push(Check::of(format!("the engine says {words:?}"), log.contains(words.as_str()), "it does not"));
    }
    for words in &then.never_says {
        checks.push(Check::of(format!("the engine never says {words:?}"), !log.contains(words.as_str()), "it does"));
    }
    if let Some(n) = then.call_count {
        checks.push(Check::of(format!("{n} calls"), seen.stories.len() == n, seen.stories.len().to_string()));
    }
    if let Some(n) = then.unknown {
        let all = seen.stories.iter().flat_map(|s| list(s, "attempts"));
        let found = all.filter(|a| text(a, "attemptState") == "unknown").count();
        checks.push(Check::of(format!("{n} outcomes stay unknown"), found == n, found.to_string()));
    }
    if then.found_out {
        let hidden = not_found_out(&seen.ledger, &seen.stories);
        let what = "no outcome stays unknown whose message the provider has";
        checks.push(Check::of(what, hidden.is_empty(), hidden.join(", ")));
    }
    for (id, expected) in &then.calls {
        match seen.stories.iter().find(|s| text(s, "callId") == id) {
            Some(story) => call(id, expected, story, &mut checks),
            None => checks.push(Check::of(format!("there is a call {id}"), false, "there is none")),
        }
    }
    for t in &then.times {
        checks.push(moment(t, seen, world));
    }
    if !then.health.is_empty() {
        health(then, world, &mut checks).await;
    }
    if then.swept {
        checks.push(crowd::swept(world).await);
    }
    if let Some(expected) = &then.crowd {
        checks.extend(crowd::checks(expected, seen));
    }
    checks.extend(then.airtable_429s_max.map(|most| mirror::throttled(most, world)));
    if !then.airtable.is_empty() {
        checks.extend(mirror::checks(&then.airtable, seen, world).await);
    }
    checks
}

/// Phone calls that began before an earlier one to the same phone had ended.
fn at_once(calls: &[Value]) -> Vec<&str> {
    let goes_on = |before: &Value, call: &Value| {
        let same = ["to", "from"].iter().all(|key| text(before, key) == text(call, key));
        let (ended, began) = (time(before, "endedAt"), time(call, "createdAt"));
        same && ended.zip(began).is_none_or(|(ended, began)| began < ended)
    };
    let earlier = |i: usize| calls.get(..i).unwrap_or_default();
    let second = calls.iter().enumerate().filter(|(i, c)| earlier(*i).iter().any(|b| goes_on(b, c)));
    second.map(|(_, c)| text(c, "sid")).collect()
}

fn by_contact(
    what: &str,
    direction: &str,
    counts: &[(String, u64)],
    seen: &Seen,
    names: &BTreeMap<String, String>,
    checks: &mut Vec<Check>,
) {
    for (who, n) in counts {
        let phone = names.get(who).map_or("", String::as_str);
        let to_them = |m: &&Value| text(m, "direction") == direction && text(m, "to") == phone;
        let found = list(&seen.ledger, "messages").iter().filter(to_them).count();
        let held = u64::try_from(found).is_ok_and(|f| f == *n);
        checks.push(Check::of(format!("{n} {what} to {who}"), held, found.to_string()));
    }
}

/// Each open alert fits a pattern, and each pattern an open alert.
fn alerts(patterns: &[String], keys: &[String]) -> Check {
    let what = if patterns.is_empty() {
        "no alert is open".to_owned()
    } else {
        format!("these alerts are open and no others: {}", patterns.join(", "))
    };
    let held = keys.iter().all(|k| patterns.iter().any(|p| fits(p, k)))
        && patterns.iter().all(|p| keys.iter().any(|k| fits(p, k)));
    Check::of(what, held, keys.join(", "))
}

fn call(id: &str, expected: &CallThen, story: &Value, checks: &mut Vec<Check>) {
    let attempts = list(story, "attempts");
    let mut same = |what: &str, wanted: Option<String>, found: String| {
        if let Some(wanted) = wanted {
            checks.push(Check::of(format!("{id}: {what} {wanted}"), wanted == found, found));
        }
    };
    same("is", expected.status.clone(), text(story, "status").to_owned());
    same("is held by", expected.holder.clone(), text(story, "holder").to_owned());
    let round = story.get("round").and_then(Value::as_i64).unwrap_or(0);
    same("is in round", expected.round.map(|r| r.to_string()), round.to_string());
    let of = |key: &str| attempts.iter().map(|a| text(a, key)).collect::<Vec<_>>().join(", ");
    let joined = |list: &Option<Vec<String>>| list.as_ref().map(|l| l.join(", "));
    same("attempts went to", joined(&expected.contacts), of("contact"));
    same("messages are", joined(&expected.statuses), of("status"));
    same("attempts are of kind", joined(&expected.kinds), of("kind"));
    same("attempts went by", joined(&expected.senders), of("sender"));
    let code = |a: &Value| a.get("error").and_then(|e| e.get("code")).and_then(Value::as_i64).unwrap_or(0);
    let codes = attempts.iter().map(|a| code(a).to_string()).collect::<Vec<_>>().join(", ");
    let wanted = expected.codes.as_ref().map(|l| l.iter().map(i64::to_string).collect::<Vec<_>>().join(", "));
    same("attempts have the codes", wanted, codes);
    if let Some(states) = &expected.attempts {
        let found: Vec<&str> = attempts.iter().map(|a| text(a, "attemptState")).collect();
        let fits = |(wanted, is): (&String, &&str)| wanted.split('|').any(|w| w == *is);
        let held = found.len() == states.len() && states.iter().zip(&found).all(fits);
        checks.push(Check::of(format!("{id}: attempts are {}", states.join(", ")), held, found.join(", ")));
    }
    let log = list(story, "log");
    for (kind, n) in &expected.log {
        let found = log.iter().filter(|e| text(e, "kind") == kind).count();
        let held = u64::try_from(found).is_ok_and(|f| f == *n);
        checks.push(Check::of(format!("{id}: {n} × {kind} in the log"), held, found.to_string()));
    }
    for words in &expected.says {
        let held = log.iter().any(|e| text(e, "message").contains(words.as_str()));
        let seen: Vec<&str> = log.iter().map(|e| text(e, "message")).collect();
        checks.push(Check::of(format!("{id}: the log says {words:?}"), held, seen.join(" | ")));
    }
}

/// When a text was accepted, counted from something.
fn moment(t: &TimeThen, seen: &Seen, world: &World) -> Check {
    let ms = |d: std::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    let (after, within) = (ms(t.after), ms(t.within));
    let word = match t.from {
        From::Accepted => "after the call was accepted".to_owned(),
        From::Restart => "after the engine answered again".to_owned(),
        From::Thaw => "after the engine was continued".to_owned(),
        From::Attempt(n) => format!("after attempt {n}"),
    };
    let what = format!("{}: attempt {} was accepted from {after} to {} ms {word}", t.call, t.attempt, after + within);
    let story = seen.stories.iter().find(|s| text(s, "callId") == t.call);
    let at = |number: usize| {
        let a = story.and_then(|s| list(s, "attempts").get(number.checked_sub(1)?))?;
        let message = texts(&seen.ledger).find(|m| text(m, "sid") == text(a, "sid"))?;
        time(message, "createdAt")
    };
    let from = match t.from {
        From::Accepted => story.and_then(|s| time(s, "acceptedAt")),
        From::Restart => since(world, false),
        From::Thaw => since(world, true),
        From::Attempt(n) => at(n),
    };
    match (from, at(t.attempt)) {
        (Some(from), Some(at)) => {
            let found = at.as_millis() - from.as_millis();
            // The engine may work before anybody has seen that it does, and not before it is there.
            let early = after == 0 && t.from == From::Restart && world.started_at.is_some_and(|start| at >= start);
            let held = found <= after + within && (found >= after || early);
            Check::of(what, held, format!("{found} ms"))
        }
        _ => Check::of(what, false, "there is no such text, or nothing to count from"),
    }
}

/// When the engine last began to work, for expectations about times.
fn since(world: &World, thaw: bool) -> Option<Timestamp> {
    if thaw { world.thawed_at } else { world.ready_at }
}

/// Health is looked up at most once a second, so that it may have to be waited for.
async fn health(then: &Then, world: &mut World, checks: &mut Vec<Check>) {
    let deadline = world.now().plus(std::time::Duration::from_secs(5));
    loop {
        let health = world.get("/health").await.unwrap_or(Value::Null);
        let found = |key: &str| health.get("metrics").and_then(|m| m.get(key)).and_then(Value::as_u64);
        let now: Vec<Check> = then
            .health
            .iter()
            .map(|(key, n)| {
                Check::of(format!("health: {key} is {n}"), found(key) == Some(*n), format!("{:?}", found(key)))
            })
            .collect();
        if now.iter().all(|c| c.held) || world.now() > deadline {
            checks.extend(now);
            return;
        }
        world.pause(std::time::Duration::from_millis(200)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_what_its_stars_allow() {
        for (pattern, key, want) in [
            ("exhausted:c1", "exhausted:c1", true),
            ("exhausted:c1", "exhausted:c12", false),
            ("failed:*", "failed:c1:sam", true),
            ("*:c1:*", "failed:c1:sam", true),
            ("*:c2:*", "failed:c1:sam", false),
            ("*", "", true),
            ("a*b", "ab", true),
            ("a*b", "abc", false),
        ] {
            assert_eq!(fits(pattern, key), want, "{pattern} {key}");
        }
        let keys = |list: &[&str]| list.iter().map(|k| (*k).to_owned()).collect::<Vec<_>>();
        assert!(alerts(&keys(&["a:*"]), &keys(&["a:1", "a:2"])).held);
        assert!(!alerts(&keys(&["a:*"]), &keys(&["a:1", "b:2"])).held, "one that was not expected");
        assert!(!alerts(&keys(&["a:*", "b"]), &keys(&["a:1"])).held, "one that is missing");
        assert!(alerts(&[], &[]).held && !alerts(&[], &keys(&["a"])).held);
    }
}
