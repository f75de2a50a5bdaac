//! The rows of a live test, from what was seen. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::EventFields;
use crate::domain::body::find_references;
use crate::domain::phone::masked;
use crate::domain::types::Timestamp;

use super::super::check::{Judgement, judge};
use super::super::documents::{list, text, time};
use super::super::outcome::{Check, Measures, Outcome};
use super::plan::{Credentials, LivePlan, MirrorTarget};
use super::watch::{LIST_MAX, Sightings};

/// A follow-up may fire this late.
const LATE_MAX_MS: i64 = 2_000;
/// The promise of 5 s, and the second between two looks.
const EVENT_WITHIN_MS: i64 = 6_000;
/// Why a row proves nothing with test credentials.
const NOTHING_SENT: &str =
    "Twilio's test credentials: nothing is sent, kept, listed or called back, so nothing is proven";

/// Everything that was seen of the test.
pub(super) struct LiveRow<'a> {
    pub(super) plan: &'a LivePlan,
    /// The story of the call whose engine lives on; `None`: it was never accepted.
    pub(super) steady: Option<&'a Value>,
    /// The same of the call whose engine is killed.
    pub(super) killed: Option<&'a Value>,
    pub(super) sightings: &'a Sightings,
    pub(super) killed_at: Option<Timestamp>,
    pub(super) recovery_ms: &'a [i64],
    /// Airtable's names of an event's fields, where it is looked at.
    pub(super) names: Option<&'a EventFields>,
    /// What kept either part from being played to its end.
    pub(super) steady_error: Option<&'a str>,
    pub(super) killed_error: Option<&'a str>,
    /// The calls whose acceptance was answered with success.
    pub(super) accepted: &'a [String],
    pub(super) started_at: Timestamp,
}

/// All rows, in order.
pub(super) fn all(seen: &LiveRow<'_>) -> Vec<Outcome> {
    vec![accepted(seen), delivered(seen), follow_up(seen), restart(seen), events(seen), lag(seen), ledger(seen)]
}

pub(super) fn row(name: &str, title: &str, fault: &str) -> Outcome {
    Outcome {
        name: name.into(),
        file: name.into(),
        title: title.into(),
        fault: fault.into(),
        checks: Vec::new(),
        judged: Judgement::default(),
        measures: Measures::default(),
        took_ms: 0,
        time: "policy",
        log_tail: Vec::new(),
        faults: std::collections::BTreeMap::new(),
        kills: std::collections::BTreeMap::new(),
        standstill_ms: None,
        skipped: None,
    }
}

/// A part that was not played to its end says why, once, and is broken.
fn unplayed(o: &mut Outcome, what: &str, error: Option<&str>) {
    if let Some(e) = error {
        o.checks.push(Check::of(what, false, e));
    }
}

fn attempts(story: Option<&Value>, step: i64) -> Vec<&Value> {
    let all = story.map(|s| list(s, "attempts")).unwrap_or_default();
    all.iter().filter(|a| a.get("step").and_then(Value::as_i64) == Some(step) && text(a, "kind") == "notice").collect()
}

fn to(a: &Value) -> String {
    masked(text(a, "to"))
}

/// Where an attempt stands, in the provider's own words where there are any.
fn stands(a: &Value) -> String {
    let state = text(a, "attemptState");
    let status = text(a, "status");
    let error = a.get("error").unwrap_or(&Value::Null);
    let code = error.get("code").and_then(Value::as_i64).map(|c| format!(", code {c}")).unwrap_or_default();
    let words = text(error, "message");
    let words = if words.is_empty() { String::new() } else { format!(": {words}") };
    if status.is_empty() { format!("{state}{code}{words}") } else { format!("{status} ({state}){code}{words}") }
}

fn has_sid(a: &Value) -> bool {
    !text(a, "sid").is_empty()
}

/// When the provider's answer to an attempt's create was recorded.
pub(super) fn answered_at(story: &Value, a: &Value) -> Option<Timestamp> {
    let own = |e: &&Value| text(e, "attemptId") == text(a, "attemptId");
    let known = |e: &&Value| matches!(text(e, "kind"), "attempt.submitted" | "attempt.delivered" | "attempt.failed");
    list(story, "log").iter().filter(own).find(known).and_then(|e| time(e, "at"))
}

fn accepted(seen: &LiveRow<'_>) -> Outcome {
    let mut o =
        row("live-accepted", "The provider takes the credentials, the sender, the numbers and the texts", "none");
    unplayed(&mut o, "the test can be played", seen.steady_error.filter(|_| attempts(seen.steady, 1).is_empty()));
    let told = attempts(seen.steady, 1);
    for a in &told {
        o.checks.push(Check::of(format!("the text to {} is taken", to(a)), has_sid(a), stands(a)));
        if let Some((made, at)) = time(a, "createdAt").zip(seen.steady.and_then(|s| answered_at(s, a))) {
            o.measures.accepted.push(at.as_millis() - made.as_millis());
        }
    }
    o.checks.push(same_count("every number is told", told.len(), seen.plan.numbers.len()));
    o
}

fn same_count(what: &str, found: usize, wanted: usize) -> Check {
    Check::of(what, found == wanted, format!("{found} of {wanted}"))
}

/// By which way an attempt's last status was learnt.
fn way(story: &Value, a: &Value) -> &'static str {
    let own = |r: &&Value| text(r, "attemptId") == text(a, "attemptId") && text(r, "status") == text(a, "status");
    match list(story, "receipts").iter().rev().find(own).map(|r| text(r, "by")) {
        Some("receipt") => "by callback",
        Some(_) => "by polling",
        None => "with the answer",
    }
}

fn delivered(seen: &LiveRow<'_>) -> Outcome {
    let mut o = row("live-delivered", "A text is followed to what became of it", "none");
    if seen.plan.credentials == Credentials::Test {
        o.skipped = Some(NOTHING_SENT.into());
        return o;
    }
    let Some(story) = seen.steady else {
        unplayed(&mut o, "a call is dispatched", Some(seen.steady_error.unwrap_or("it was not")));
        return o;
    };
    for a in attempts(seen.steady, 1) {
        let arrived = text(a, "attemptState") == "delivered";
        let what = if arrived {
            format!("the text to {} is delivered, learnt {}", to(a), way(story, a))
        } else {
            format!("the text to {} is delivered", to(a))
        };
        let rests = matches!(text(a, "attemptState"), "failed" | "skipped" | "cancelled");
        let still =
            format!("still {} after {} s; some carriers never confirm", stands(a), seen.plan.final_within.as_secs());
        o.checks.push(Check::of(what, arrived, if rests { stands(a) } else { still }));
        if let Some((made, at)) = time(a, "createdAt").zip(time(a, "finishedAt")).filter(|_| arrived) {
            o.measures.delivered.push(at.as_millis() - made.as_millis());
        }
    }
    o.checks.push(same_count("every number is told", attempts(seen.steady, 1).len(), seen.plan.numbers.len()));
    o
}

/// When the first follow-up was due and when it fired.
fn fired(story: &Value) -> (Option<Timestamp>, Option<Timestamp>, usize) {
    let fired: Vec<&Value> = list(story, "log").iter().filter(|e| text(e, "kind") == "step.fired").collect();
    let due = fired.first().and_then(|e| e.get("data")).and_then(|d| time(d, "nextDue"));
    (due, fired.get(1).and_then(|e| time(e, "at")), fired.len())
}

/// The follow-up of a call: on time, once each.
fn follow_up_checks(story: &Value, people: usize, o: &mut Outcome) {
    let (due, at, times) = fired(story);
    let late = due.zip(at).map(|(due, at)| at.as_millis() - due.as_millis());
    let why_not = match text(story, "status") {
        "ACKNOWLEDGED" => {
            "somebody took the call by an answer, so nothing follows: play it again and answer nothing".into()
        }
        status => format!("it did not fire; the call is {status}"),
    };
    if late.is_some_and(|ms| ms < 0) && list(story, "log").iter().any(|e| text(e, "kind") == "step.escalated") {
        o.skipped =
            Some("the first text failed, so the ladder moved at once, as it must: T1 itself was not seen".into());
    } else {
        let seen = late.map_or(why_not, |ms| format!("{ms} ms after its time"));
        let on_time = late.is_some_and(|ms| (0..=LATE_MAX_MS).contains(&ms));
        o.checks.push(Check::of(format!("the follow-up fires at T1, at most {LATE_MAX_MS} ms late"), on_time, seen));
    }
    o.measures.late.extend(late.filter(|ms| *ms >= 0));
    let again = attempts(Some(story), 2);
    let mut whom: BTreeSet<&str> = BTreeSet::new();
    for a in &again {
        whom.insert(text(a, "contact"));
        o.checks.push(Check::of(format!("the follow-up to {} is taken", to(a)), has_sid(a), stands(a)));
    }
    o.checks.push(Check::of(
        "everybody is told again, once",
        again.len() == people && whom.len() == people && times == 2,
        format!("{} follow-ups to {} people in {times} steps", again.len(), whom.len()),
    ));
}

fn follow_up(seen: &LiveRow<'_>) -> Outcome {
    let mut o = row("live-follow-up", "The follow-up goes out at T1", "none");
    unplayed(&mut o, "the call is played to its end", seen.steady_error);
    if let Some(story) = seen.steady {
        follow_up_checks(story, seen.plan.numbers.len(), &mut o);
    } else if o.checks.is_empty() {
        o.checks.push(Check::of("a call is dispatched", false, "it was not"));
    }
    o
}

fn restart(seen: &LiveRow<'_>) -> Outcome {
    let mut o = row("live-restart", "The follow-up survives kill -9 and a restart, and goes out once", "kill -9");
    unplayed(&mut o, "the engine is killed, starts again and goes on", seen.killed_error);
    let Some(story) = seen.killed else {
        if o.checks.is_empty() {
            o.checks.push(Check::of("a call is dispatched", false, "it was not"));
        }
        return o;
    };
    let (due, _, _) = fired(story);
    let between = seen.killed_at.zip(due).is_some_and(|(at, due)| at < due) && !seen.recovery_ms.is_empty();
    let ms = seen.recovery_ms.first().map(|ms| format!(" ({ms} ms until it answered)")).unwrap_or_default();
    let what = format!("the engine was killed between the text and its follow-up, and started again{ms}");
    o.checks.push(Check::of(what, between, "it was not"));
    o.measures.recovery.extend(seen.recovery_ms);
    follow_up_checks(story, 1, &mut o);
    if seen.plan.credentials == Credentials::Real {
        for a in attempts(Some(story), 2).into_iter().filter(|a| has_sid(a)) {
            let n = messages(seen).iter().filter(|m| text(m, "body") == text(a, "reference")).count();
            o.checks.push(Check::of("the provider has one message of it", n == 1, format!("{n}")));
        }
    }
    o
}

fn stories<'a>(seen: &LiveRow<'a>) -> Vec<&'a Value> {
    [seen.steady, seen.killed].into_iter().flatten().collect()
}

fn events(seen: &LiveRow<'_>) -> Outcome {
    let mut o = row("live-event", "The dispatch event is in Airtable within 5 s", "none");
    if let MirrorTarget::Skipped(why) = seen.plan.mirror {
        o.skipped = Some(why.into());
        return o;
    }
    for story in stories(seen) {
        for a in list(story, "attempts") {
            let (id, made) = (text(a, "attemptId"), time(a, "createdAt"));
            let what = format!("the event of {} is there within 5 s, once", text(a, "reference"));
            let error = seen.sightings.mirror_error.clone();
            let check = match (seen.sightings.events.get(id), made) {
                (Some(e), Some(made)) => {
                    let (ms, n) = (e.at.as_millis() - made.as_millis(), e.records.len());
                    Check::of(what, ms <= EVENT_WITHIN_MS && n == 1, format!("{n} rows, seen after {ms} ms"))
                }
                _ => Check::of(what, false, error.unwrap_or_else(|| "no row has its Event ID".into())),
            };
            o.checks.push(check);
            o.checks.push(still_there(seen, a));
        }
    }
    if o.checks.is_empty() {
        o.checks.push(Check::of("an attempt is made", false, "none was"));
    }
    o
}

/// What was there in time is there in the end too, once, and says what became of the text.
fn still_there(seen: &LiveRow<'_>, a: &Value) -> Check {
    let what = format!("the event of {} is there in the end, once, and as it is", text(a, "reference"));
    let (Some(all), Some(names)) = (&seen.sightings.last, seen.names) else {
        let error = seen.sightings.mirror_error.clone();
        return Check::of(what, false, error.unwrap_or_else(|| "Airtable was not read in the end".into()));
    };
    let records = all.get(text(a, "attemptId")).map(Vec::as_slice).unwrap_or_default();
    let [one] = records else { return Check::of(what, false, format!("{} rows", records.len())) };
    let cell = |name: &str| one.fields.get(name).as_text().unwrap_or_default().to_owned();
    let (sid, word) = (cell(&names.message_sid), cell(&names.delivery_status));
    // What is not final may have moved on between the two looks.
    let is_final = matches!(text(a, "attemptState"), "delivered" | "failed" | "skipped" | "cancelled");
    let ours = if text(a, "status").is_empty() { text(a, "attemptState") } else { text(a, "status") };
    let same = sid == text(a, "sid") && (!is_final || word == ours);
    Check::of(what, same, format!("it says {word:?} of {sid:?}, not {ours:?} of {:?}", text(a, "sid")))
}

fn lag(seen: &LiveRow<'_>) -> Outcome {
    let mut o = row("live-list-lag", "How long after a create the provider's list has the message", "none");
    if seen.plan.credentials == Credentials::Test {
        o.skipped = Some(NOTHING_SENT.into());
        return o;
    }
    for (sid, answered) in &seen.sightings.messages {
        let lag = seen.sightings.listed.get(sid).map(|at| (at.as_millis() - answered.as_millis()).max(0));
        o.measures.list_lag.extend(lag);
        let shown = lag.map(|ms| format!(", after {ms} ms")).unwrap_or_default();
        let error = seen.sightings.list_error.clone().unwrap_or_else(|| "it is not in it".into());
        let what = format!("{sid} is in the list within {} s{shown}", LIST_MAX.as_secs());
        let in_time = lag.is_some_and(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)) <= LIST_MAX);
        o.checks.push(Check::of(what, in_time, error));
    }
    if o.checks.is_empty() {
        o.checks.push(Check::of("the provider took a text", false, "it took none"));
    }
    o
}

/// The messages of this test in the provider's list, as the judge reads a ledger: the reference stands for the text, which a
/// trial account puts its own words before.
fn messages(seen: &LiveRow<'_>) -> Vec<Value> {
    let ours: BTreeSet<&str> = stories(seen).iter().map(|s| text(s, "reference")).collect();
    let mut out = Vec::new();
    for m in seen.sightings.found.values().filter(|m| m.direction == "outbound-api") {
        let first = find_references(&m.body.0).into_iter().find_map(|(call, n)| n.map(|n| (call, n)));
        let Some((call, n)) = first.filter(|(call, _)| ours.contains(call.as_str())) else { continue };
        out.push(json!({ "direction": "outbound-api", "sid": m.sid, "to": m.to, "body": call.attempt(n) }));
    }
    out
}

/// Texts of this account to the test numbers since the start that are none of this test's.
pub(super) fn others(seen: &LiveRow<'_>) -> usize {
    let since = seen.sightings.offset.map_or(seen.started_at, |offset| offset.to_theirs(seen.started_at));
    let since = Timestamp::from_millis(since.as_millis().div_euclid(1_000) * 1_000);
    let recent = |m: &&crate::gateways::MessageRecord| {
        m.direction.starts_with("outbound") && m.created_at.is_some_and(|at| at >= since)
    };
    let ours = messages(seen);
    let ours: BTreeSet<&str> = ours.iter().map(|m| text(m, "sid")).collect();
    seen.sightings.found.iter().filter(|(sid, m)| recent(m) && !ours.contains(sid.as_str())).count()
}

fn ledger(seen: &LiveRow<'_>) -> Outcome {
    let mut o =
        row("live-ledger", "The provider's list against the store: nothing lost, doubled or unexpected", "none");
    if seen.plan.credentials == Credentials::Test {
        o.skipped = Some(NOTHING_SENT.into());
        return o;
    }
    let error = seen.sightings.list_error.clone();
    o.checks.push(Check::of("the list is read to its end", error.is_none(), error.unwrap_or_default()));
    let told: Vec<Value> = stories(seen).into_iter().cloned().collect();
    let ledger = json!({ "messages": messages(seen) });
    o.judged = judge(&ledger, &told, seen.accepted.iter().map(String::as_str));
    o.checks.push(Check::of("a call was accepted", !seen.accepted.is_empty(), "none was"));
    o
}

/// What was sent, one line a text; numbers in full, as they are the operator's own.
pub(super) fn sent<'a>(stories: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let mut out = Vec::new();
    for story in stories {
        for a in list(story, "attempts").iter().filter(|a| !text(a, "sentAt").is_empty() || has_sid(a)) {
            let sid = if has_sid(a) { text(a, "sid") } else { "no SID" };
            out.push(format!("{} to {}: {}, {sid}", text(a, "reference"), text(a, "to"), stands(a)));
        }
    }
    out
}

/// By which ways what became of the texts was learnt, for the report's notes.
pub(super) fn ways(seen: &LiveRow<'_>) -> Option<String> {
    if seen.plan.credentials == Credentials::Test {
        return None;
    }
    let mut counts = (0, 0);
    for story in stories(seen) {
        for a in list(story, "attempts").iter().filter(|a| has_sid(a)) {
            match way(story, a) {
                "by callback" => counts.0 += 1,
                _ => counts.1 += 1,
            }
        }
    }
    let why = match (&seen.plan.public_url, counts.0) {
        (None, _) => format!("; no callback could come: {}", seen.plan.polling_because),
        (Some(url), 0) => format!("; no callback came through {url}"),
        (Some(_), _) => String::new(),
    };
    Some(format!("what became of the texts was learnt by callback for {}, by polling for {}{why}", counts.0, counts.1))
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
