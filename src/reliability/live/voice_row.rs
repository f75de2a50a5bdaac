//! The row of the phone calls of a live test: what is known of each, held against the provider. Pure.

use serde_json::Value;

use super::super::documents::{list, text};
use super::super::outcome::{Check, Outcome};
use super::rows;

/// Attempts by phone.
fn rung(story: &Value) -> impl Iterator<Item = &Value> {
    list(story, "attempts").iter().filter(|a| text(a, "channel") == "voice")
}

/// What the provider has of a call that was rung, as it was asked in the end: by SID, its word for where it stands.
pub(super) type Found = std::collections::BTreeMap<String, Result<String, String>>;

/// The row of the phone calls to so many numbers. `story`: of their call; `error`: why they were not played to their end.
pub(super) fn row(numbers: usize, story: Option<&Value>, found: &Found, error: Option<&str>) -> Outcome {
    let mut o = rows::row("live-voice", "A phone rings, and what became of it is known", "none");
    if let Some(e) = error {
        o.checks.push(Check::of("the phone calls are played to their end", false, e));
    }
    let Some(story) = story else {
        if o.checks.is_empty() {
            o.checks.push(Check::of("a call is dispatched", false, "it was not"));
        }
        return o;
    };
    let was_taken = text(story, "status") == "ACKNOWLEDGED";
    for a in rung(story) {
        let (to, sid) = (crate::domain::phone::masked(text(a, "to")), text(a, "sid"));
        let (state, result) = (text(a, "attemptState"), text(a, "result"));
        // Whoever pressed 1 ends those of the others, placed or not.
        let ended_by_a_key = was_taken && matches!(state, "skipped" | "cancelled");
        o.checks.push(Check::of(format!("the phone call to {to} is placed"), !sid.is_empty() || ended_by_a_key, state));
        let is_over = matches!(state, "delivered" | "failed" | "skipped" | "cancelled");
        o.checks.push(Check::of(format!("what became of it is known: {state} {result}"), is_over, state));
        if sid.is_empty() {
            continue;
        }
        let is_there = found.get(sid);
        let said = match is_there {
            Some(Ok(status)) => status.clone(),
            Some(Err(e)) => e.clone(),
            None => "it was not asked".into(),
        };
        // A phone call that could not be connected rang nobody; one that was withdrawn, where a key took the job.
        let rang = matches!(is_there, Some(Ok(s)) if matches!(s.as_str(), "completed" | "no-answer" | "busy"))
            || (was_taken && said == "canceled");
        o.checks.push(Check::of(format!("the provider rang it, and it is over: {said}"), rang, said));
    }
    let first = rung(story).filter(|a| a.get("repeats").is_none_or(Value::is_null)).count();
    let enough = first == numbers || (was_taken && first > 0);
    o.checks.push(Check::of("every number is rung", enough, format!("{first} of {numbers}")));
    o
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_phone_call_of_which_nothing_is_known_is_red_and_one_that_a_key_ended_is_not() {
        let rung = |to: &str, sid: &str, state: &str| json!({ "channel": "voice", "to": to, "sid": sid, "attemptState": state, "repeats": null });
        let (first, second) = ("+19495550101", "+19495550102");
        let found: Found = [("CA1".to_owned(), Ok("completed".to_owned()))].into();
        let judged = |status: &str, attempts: Vec<Value>, error: Option<&str>| {
            let story = json!({ "status": status, "attempts": attempts });
            row(2, Some(&story), &found, error).held()
        };
        let answered = || rung(first, "CA1", "delivered");
        assert!(judged("ACKNOWLEDGED", vec![answered(), rung(second, "", "cancelled")], None));
        assert!(!judged("DISPATCHING", vec![answered()], None), "the other was not rung");
        assert!(!judged("ACKNOWLEDGED", vec![rung(first, "CA1", "submitted")], None), "not over");
        assert!(!judged("ACKNOWLEDGED", vec![rung(first, "CA2", "delivered")], None), "the provider does not have it");
        assert!(!judged("ACKNOWLEDGED", vec![answered()], Some("it ended early")));
        let failed: Found = [("CA1".to_owned(), Ok("failed".to_owned()))].into();
        let story = json!({ "status": "DISPATCHING", "attempts": [rung(first, "CA1", "failed")] });
        assert!(!row(1, Some(&story), &failed, None).held(), "no phone rang");
        assert!(!row(2, None, &found, None).held());
    }
}
