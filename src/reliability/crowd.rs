//! What is expected of many calls at once: who is told before whom, and how fast; and that a fault went through all of a message.

use serde_json::Value;

use crate::domain::Timestamp;

use super::check::{list, text, texts};
use super::expect::Seen;
use super::outcome::{Check, time};
use super::reader::{Reader, Section};
use super::world::World;

/// What is expected of a crowd. What is absent is not looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct CrowdThen {
    /// No reminder was accepted while a first notice had waited for this many milliseconds, and so many first notices at least
    /// overtook reminders that were made before them.
    pub(super) overtake: Option<(i64, usize)>,
    /// No second saw more texts than this.
    pub(super) per_second: Option<usize>,
    /// So many calls at least have a first notice that was accepted.
    pub(super) told: Option<usize>,
}

/// Reads `crowd` of `[then]`.
pub(super) fn read(r: &mut Reader, s: &mut Section) -> Option<CrowdThen> {
    let mut c = r.section(s, "crowd")?;
    let within = r.duration(&mut c, "reminders_wait_after").and_then(|d| i64::try_from(d.as_millis()).ok());
    let overtaken = r.count(&mut c, "overtaken").unwrap_or(0);
    let crowd = CrowdThen {
        overtake: within.map(|w| (w, overtaken)),
        per_second: r.count(&mut c, "per_second"),
        told: r.count(&mut c, "told"),
    };
    r.finish(c);
    Some(crowd)
}

/// When it was made, and when the provider accepted it.
#[derive(Debug, Clone, Copy)]
struct Text {
    made: Timestamp,
    accepted: Timestamp,
    first: bool,
}

/// Every text that was accepted, in that order; the first of a call to a contact is a first notice.
fn accepted(seen: &Seen) -> Vec<Text> {
    let by_sid: std::collections::HashMap<&str, &Value> = texts(&seen.ledger).map(|m| (text(m, "sid"), m)).collect();
    let mut all = Vec::new();
    for story in &seen.stories {
        let mut told = std::collections::BTreeSet::new();
        for a in list(story, "attempts") {
            let message = by_sid.get(text(a, "sid")).and_then(|m| time(m, "createdAt"));
            let (Some(made), Some(accepted)) = (time(a, "createdAt"), message) else { continue };
            all.push(Text { made, accepted, first: told.insert(text(a, "contact")) });
        }
    }
    all.sort_by_key(|t| t.accepted);
    all
}

/// Every expectation with what was seen.
pub(super) fn checks(expected: &CrowdThen, seen: &Seen) -> Vec<Check> {
    let all = accepted(seen);
    let mut checks = Vec::new();
    if let Some((slack, least)) = expected.overtake {
        let firsts: Vec<&Text> = all.iter().filter(|t| t.first).collect();
        let (mut wrong, mut overtaken) = (0, 0);
        for reminder in all.iter().filter(|t| !t.first) {
            // A first notice that had been waiting for so long when this one was accepted, and was accepted after it.
            let waits = |f: &&&Text| {
                f.accepted > reminder.accepted && f.made.as_millis() + slack < reminder.accepted.as_millis()
            };
            wrong += usize::from(firsts.iter().any(|f| waits(&f)));
            overtaken += usize::from(firsts.iter().any(|f| f.made > reminder.made && f.accepted < reminder.accepted));
        }
        let what = format!("no reminder leaves while a first notice has waited for {slack} ms");
        checks.push(Check::of(what, wrong == 0, format!("{wrong} did")));
        let what = format!("first notices overtook {least} reminders or more");
        checks.push(Check::of(what, overtaken >= least, overtaken.to_string()));
    }
    if let Some(most) = expected.per_second {
        let times: Vec<i64> = all.iter().map(|t| t.accepted.as_millis()).collect();
        let worst = (0..times.len())
            .filter_map(|i| times.get(i).map(|from| times.iter().skip(i).take_while(|t| **t < from + 1_000).count()))
            .max()
            .unwrap_or(0);
        checks.push(Check::of(format!("at most {most} texts in any second"), worst <= most, worst.to_string()));
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
                attempts
                    .push(json!({ "sid": sid, "contact": "sam", "createdAt": at(*made), "attemptState": "delivered" }));
            }
            stories.push(json!({ "callId": format!("c{c}"), "attempts": attempts }));
        }
        Seen { ledger: json!({ "messages": messages }), stories, overview: Value::Null }
    }

    fn held(expected: &CrowdThen, calls: &[&[(i64, i64)]]) -> Vec<bool> {
        checks(expected, &seen(calls)).iter().map(|c| c.held).collect()
    }

    #[test]
    fn a_crowd_is_held_to_its_order_its_rate_and_its_size() {
        let order = CrowdThen { overtake: Some((100, 1)), ..CrowdThen::default() };
        assert_eq!(held(&order, &[&[(0, 10), (20, 500)], &[(30, 40)]]), [true, true], "overtaken");
        assert_eq!(held(&order, &[&[(0, 10), (20, 25)], &[(30, 40)]]), [true, false], "nobody was in the way");
        assert_eq!(held(&order, &[&[(0, 10), (20, 500)], &[(30, 600)]]), [false, false], "the first one waits");
        assert_eq!(held(&order, &[&[(0, 10), (20, 500)], &[(450, 600)], &[(30, 40)]]), [true, true], "not for long");
        let rate = |n| CrowdThen { per_second: Some(n), ..CrowdThen::default() };
        let three: &[&[(i64, i64)]] = &[&[(0, 0)], &[(0, 500)], &[(0, 1_000)]];
        assert_eq!((held(&rate(2), three), held(&rate(1), three)), (vec![true], vec![false]));
        let told = |n| CrowdThen { told: Some(n), ..CrowdThen::default() };
        assert_eq!((held(&told(3), three), held(&told(4), three)), (vec![true], vec![false]));
    }
}
