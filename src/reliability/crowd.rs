//! What is expected of many calls at once: who is told before whom, and how fast; and that a fault went through all of a message.

use serde_json::Value;

use crate::domain::Timestamp;

use super::check::judge;
use super::documents::{Seen, list, text, texts, time};
use super::outcome::Check;
use super::then::CrowdThen;
use super::world::World;

/// When it was made, when it left, and when the provider accepted it.
#[derive(Debug, Clone, Copy)]
struct CrowdText {
    made: Timestamp,
    left: Timestamp,
    accepted: Timestamp,
    first: bool,
}

/// Every text that was accepted, in that order; the first of a call to a contact is a first notice.
fn accepted(seen: &Seen) -> Vec<CrowdText> {
    let by_sid: std::collections::HashMap<&str, &Value> = texts(&seen.ledger).map(|m| (text(m, "sid"), m)).collect();
    let mut all = Vec::new();
    for story in &seen.stories {
        let mut told = std::collections::BTreeSet::new();
        for a in list(story, "attempts") {
            let message = by_sid.get(text(a, "sid")).and_then(|m| time(m, "createdAt"));
            let (Some(made), Some(left), Some(accepted)) = (time(a, "createdAt"), time(a, "sentAt"), message) else {
                continue;
            };
            all.push(CrowdText { made, left, accepted, first: told.insert(text(a, "contact")) });
        }
    }
    all.sort_by_key(|t| t.accepted);
    all
}

/// The rate is looked at over each of these.
const WINDOWS_S: [u8; 3] = [1, 3, 6];

/// The most of these times, which are in order, that lie within so many milliseconds.
fn most_within(times: &[i64], ms: i64) -> usize {
    let mut from = 0;
    let mut most = 0;
    for (i, t) in times.iter().enumerate() {
        while times.get(from).is_some_and(|first| *first <= t - ms) {
            from += 1;
        }
        most = most.max(i + 1 - from);
    }
    most
}

/// Every expectation with what was seen.
pub(super) fn checks(expected: &CrowdThen, seen: &Seen) -> Vec<Check> {
    let all = accepted(seen);
    let mut checks = Vec::new();
    if let Some(slack) = expected.reminders_wait_after {
        let least = expected.overtaken;
        let firsts: Vec<&CrowdText> = all.iter().filter(|t| t.first).collect();
        let (mut wrong, mut overtaken) = (0, 0);
        for reminder in all.iter().filter(|t| !t.first) {
            // A first notice that had been waiting for so long when this one left, and left so long after it: two that are on
            // their way at the same time are in no order.
            let waits = |f: &&&CrowdText| f.left > reminder.left.plus(slack) && f.made.plus(slack) < reminder.left;
            wrong += usize::from(firsts.iter().any(|f| waits(&f)));
            overtaken += usize::from(firsts.iter().any(|f| f.made > reminder.made && f.left < reminder.left));
        }
        let what = format!("no reminder leaves while a first notice has waited for {} ms", slack.as_millis());
        checks.push(Check::of(what, wrong == 0, format!("{wrong} did")));
        let what = format!("{least} reminders or more were overtaken by first notices");
        checks.push(Check::of(what, overtaken >= least, overtaken.to_string()));
    }
    if let Some(rate) = expected.per_second {
        let times: Vec<i64> = all.iter().map(|t| t.accepted.as_millis()).collect();
        for seconds in WINDOWS_S {
            // What was not used of the second before may follow at once; and what left evenly may arrive in a heap.
            let most = rate * (usize::from(seconds) + 1) * 11 / 10;
            let worst = most_within(&times, i64::from(seconds) * 1_000);
            let what = format!("{rate} texts a second: at most {most} in any {seconds} s");
            checks.push(Check::of(what, worst <= most, worst.to_string()));
        }
    }
    if let Some(n) = expected.found_out {
        let found = judge(&seen.ledger, &seen.stories, []).found_out;
        checks.push(Check::of(
            format!("{n} outcomes or more were unknown and were found out"),
            found >= n,
            found.to_string(),
        ));
    }
    for contact in &expected.came_to {
        let open = seen.stories.iter().filter(|s| text(s, "status") == "DISPATCHING");
        let (with, without): (Vec<&Value>, Vec<&Value>) =
            open.partition(|s| list(s, "attempts").iter().any(|a| text(a, "contact") == contact));
        let what = format!("of every open call the ladder has come to {contact}");
        let named: Vec<&str> = without.iter().take(5).map(|s| text(s, "callId")).collect();
        let held = without.is_empty() && !with.is_empty();
        checks.push(Check::of(what, held, format!("not of {}: {}", without.len(), named.join(", "))));
    }
    if let Some(n) = expected.told {
        let told = |s: &&Value| {
            let had = |a: &Value| matches!(text(a, "attemptState"), "submitted" | "delivered");
            list(s, "attempts").iter().any(had)
        };
        let found = seen.stories.iter().filter(told).count();
        checks.push(Check::of(format!("{n} calls or more were told"), found >= n, found.to_string()));
    }
    checks
}

/// Every fault of the wire that goes through a message has come to its end.
pub(super) async fn swept(world: &World) -> Check {
    let what = "every byte of a message was hit once, by each fault with a step";
    let faults = match world.control("GET", "faults", &Value::Null).await {
        Ok(faults) => faults,
        Err(e) => return Check::of(what, false, e),
    };
    let stepping: Vec<&Value> = list(&faults, "faults").iter().filter(|f| f.get("step").is_some()).collect();
    let held = !stepping.is_empty() && stepping.iter().all(|f| f.get("swept").is_some_and(|s| *s == true));
    let seen: Vec<String> = stepping
        .iter()
        .map(|f| format!("{} hits of {}", f.get("fired").unwrap_or(&Value::Null), text(f, "kind")))
        .collect();
    Check::of(what, held, seen.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Calls with a first notice each, and a reminder where there is a second pair: made and accepted at so many milliseconds.
    fn seen(calls: &[&[(i64, i64)]]) -> Seen {
        let at = |ms: i64| Timestamp::from_millis(1_795_313_040_000 + ms).to_string();
        let (mut messages, mut stories) = (Vec::new(), Vec::new());
        for (c, pairs) in calls.iter().enumerate() {
            let mut attempts = Vec::new();
            for (n, (made, accepted)) in pairs.iter().enumerate() {
                let sid = format!("SM{c}-{n}");
                messages.push(json!({ "direction": "outbound-api", "sid": sid, "createdAt": at(*accepted) }));
                attempts.push(json!({ "sid": sid, "contact": "sam", "createdAt": at(*made), "sentAt": at(*accepted),
                    "attemptState": "delivered" }));
            }
            stories.push(json!({ "callId": format!("c{c}"), "status": "DISPATCHING", "attempts": attempts }));
        }
        Seen { ledger: json!({ "messages": messages }), stories, overview: Value::Null }
    }

    fn held(expected: &CrowdThen, calls: &[&[(i64, i64)]]) -> Vec<bool> {
        checks(expected, &seen(calls)).iter().map(|c| c.held).collect()
    }

    #[test]
    fn a_crowd_is_held_to_its_order_its_rate_and_its_size() {
        let slack = Some(std::time::Duration::from_millis(100));
        let order = CrowdThen { reminders_wait_after: slack, overtaken: 1, ..CrowdThen::default() };
        assert_eq!(held(&order, &[&[(0, 10), (20, 500)], &[(30, 40)]]), [true, true], "overtaken");
        assert_eq!(held(&order, &[&[(0, 10), (20, 25)], &[(30, 40)]]), [true, false], "nobody was in the way");
        assert_eq!(held(&order, &[&[(0, 10), (20, 500)], &[(30, 601)]]), [false, false], "the first one waits");
        assert_eq!(held(&order, &[&[(0, 10), (20, 500)], &[(30, 599)]]), [true, false], "both are on their way");
        assert_eq!(held(&order, &[&[(0, 10), (20, 500)], &[(450, 600)], &[(30, 40)]]), [true, true], "not for long");
        let rate = |n| CrowdThen { per_second: Some(n), ..CrowdThen::default() };
        let three: &[&[(i64, i64)]] = &[&[(0, 0)], &[(0, 500)], &[(0, 999)]];
        assert_eq!(held(&rate(2), three), [true, true, true]);
        assert_eq!(held(&rate(1), three), [false, true, true], "three within a second, and two might be");
        assert_eq!((most_within(&[0, 500, 999], 1_000), most_within(&[0, 500, 1_000], 1_000)), (3, 2));
        let found = |n| CrowdThen { found_out: Some(n), ..CrowdThen::default() };
        assert_eq!((held(&found(0), three), held(&found(1), three)), (vec![true], vec![false]));
        let told = |n| CrowdThen { told: Some(n), ..CrowdThen::default() };
        assert_eq!((held(&told(3), three), held(&told(4), three)), (vec![true], vec![false]));
        let to = |who: &str| CrowdThen { came_to: vec![who.into()], ..CrowdThen::default() };
        assert_eq!((held(&to("sam"), three), held(&to("ana"), three)), (vec![true], vec![false]));
        assert_eq!(held(&to("sam"), &[]), [false], "of nobody it proves nothing");
    }
}
