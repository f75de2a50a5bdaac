//! What became of a listed phone call, as far as the list itself says.

use std::time::Duration;

use crate::config::{ListCondition, ListRule, ListTest};
use crate::domain::Timestamp;
use crate::engine::intake::reports::text_at;
use crate::gateways::phone_calls::ListedPhoneCall;

/// The path that every item has: how long the phone call took.
const SECONDS: &str = "seconds";

/// What became of a phone call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict<'a> {
    /// It was told of.
    Told,
    /// No report is expected of it, by this rule.
    HungUp(&'a ListRule),
    /// Nobody reported it.
    Missed,
}

/// Since when it is over; one that goes on for `longest` counts as over then.
pub(super) fn over_since(listed: &ListedPhoneCall, longest: Duration, now: Timestamp) -> Option<Timestamp> {
    let started = listed.call.started_at;
    if listed.is_over {
        // Without an end the start is the best that is known: it alarms early rather than never.
        return Some(listed.call.ended_at.or(started).unwrap_or(now.minus(longest)));
    }
    started.map(|at| at.plus(longest)).filter(|end| *end <= now)
}

/// By the rules alone.
pub(super) fn by_rules<'a>(listed: &ListedPhoneCall, rules: &'a [ListRule]) -> Verdict<'a> {
    let holds = |rule: &&ListRule| rule.conditions.iter().all(|condition| holds(listed, condition));
    rules.iter().find(holds).map_or(Verdict::Missed, Verdict::HungUp)
}

fn holds(listed: &ListedPhoneCall, condition: &ListCondition) -> bool {
    let said = if condition.path == SECONDS { seconds(listed) } else { text_at(&listed.document, &condition.path) };
    let Some(said) = said else { return false };
    match &condition.holds {
        ListTest::Is(texts) => texts.iter().any(|text| text.eq_ignore_ascii_case(&said)),
        ListTest::Below(number) => said.parse::<f64>().is_ok_and(|n| n < *number),
    }
}

fn seconds(listed: &ListedPhoneCall) -> Option<String> {
    let (start, end) = (listed.call.started_at?, listed.call.ended_at?);
    (end >= start).then(|| format!("{}", end.since(start).as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::intake;
    use crate::domain::phone_call::PhoneCall;

    fn listed(document: Value, seconds: Option<i64>) -> ListedPhoneCall {
        let at = |s: i64| Timestamp::from_millis(1_795_312_800_000 + 1_000 * s);
        let call = PhoneCall { started_at: Some(at(0)), ended_at: seconds.map(at), ..PhoneCall::default() };
        ListedPhoneCall { call, is_over: true, reason: String::new(), document }
    }

    #[test]
    fn by_the_usual_rules_a_caller_who_leaves_at_once_hung_up_and_nobody_else_did() {
        let rules = intake::usual_rules();
        let hangup = || json!({ "disconnection_reason": "user_hangup" });
        for (label, source, document, seconds, hung_up) in [
            ("at once", "retell", hangup(), Some(7), true),
            ("after a while", "retell", hangup(), Some(8), false),
            ("nobody knows when", "retell", hangup(), None, false),
            ("turned away", "retell", json!({ "disconnection_reason": "concurrency_limit_reached" }), Some(0), false),
            ("at once", "vapi", json!({ "endedReason": "customer-ended-call" }), Some(3), true),
            ("an error", "vapi", json!({ "endedReason": "pipeline-error-openai" }), Some(3), false),
            ("before it was answered", "twilio", json!({ "status": "canceled" }), Some(30), true),
            ("at once", "twilio", json!({ "status": "completed" }), Some(3), true),
            ("busy", "twilio", json!({ "status": "busy" }), Some(0), false),
            ("no answer", "twilio", json!({ "status": "no-answer" }), Some(30), false),
            ("no status", "twilio", json!({}), Some(1), false),
        ] {
            let found = by_rules(&listed(document, seconds), &rules[source]);
            assert_eq!(matches!(found, Verdict::HungUp(_)), hung_up, "{source}: {label}");
        }
    }

    #[test]
    fn a_phone_call_is_over_by_its_end_by_its_start_or_after_the_longest_time() {
        let longest = Duration::from_secs(100);
        let call = listed(Value::Null, Some(50));
        let start = call.call.started_at.expect("a start");
        let s = |n: u64| start.plus(Duration::from_secs(n));
        assert_eq!(over_since(&call, longest, s(60)), Some(s(50)));
        let endless = ListedPhoneCall { call: PhoneCall { ended_at: None, ..call.call.clone() }, ..call.clone() };
        assert_eq!(over_since(&endless, longest, s(60)), Some(start));
        let goes_on = ListedPhoneCall { is_over: false, ..endless.clone() };
        assert_eq!((over_since(&goes_on, longest, s(99)), over_since(&goes_on, longest, s(100))), (None, Some(s(100))));
        let timeless = ListedPhoneCall { call: PhoneCall { started_at: None, ..endless.call.clone() }, ..endless };
        assert_eq!(over_since(&timeless, longest, s(200)), Some(s(100)));
    }
}
