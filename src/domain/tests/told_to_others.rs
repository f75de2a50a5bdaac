//! What other systems are told of by an event, and what stays between us.

use serde_json::{Value, json};

use crate::domain::log::{LogEntry, LogKind};
use crate::domain::outgoing::{HANDED_BACK, LATE_CODE, OutgoingKind};
use crate::domain::types::Actor;
use crate::testing::world::START;

fn entry(kind: LogKind, data: Value) -> LogEntry {
    LogEntry {
        kind,
        at: START,
        call: "c".parse().ok(),
        attempt: None,
        actor: Actor::engine(),
        message: String::new(),
        data,
    }
}

/// What stands for an entry without anything special in its data.
fn plainly(kind: LogKind) -> Option<OutgoingKind> {
    use LogKind as L;
    use OutgoingKind as O;
    let table = [
        (L::CallAccepted, O::Accepted),
        (L::CallImported, O::Accepted),
        (L::AttemptSubmitted, O::Told),
        (L::AttemptDelivered, O::Delivered),
        (L::AttemptFailed, O::Failed),
        (L::CallAcknowledged, O::Taken),
        (L::ContactPassed, O::Passed),
        (L::CallReopened, O::Reopened),
        (L::CallExhausted, O::Exhausted),
        (L::CallDeferred, O::Deferred),
        (L::CallRaised, O::Raised),
        (L::CallSeen, O::Seen),
        (L::CallResolved, O::Resolved),
        (L::CallCancelled, O::Cancelled),
        (L::CallNoted, O::Note),
    ];
    table.iter().find(|(known, _)| *known == kind).map(|(_, told)| *told)
}

#[test]
fn of_all_that_happens_to_a_call_fifteen_things_are_told_to_others_and_of_what_is_of_no_call_nothing() {
    for kind in LogKind::ALL {
        let of_a_call = entry(*kind, json!({ "step": 1 }));
        assert_eq!(OutgoingKind::of(&of_a_call), plainly(*kind), "{kind}");
        let of_none = LogEntry { call: None, ..of_a_call };
        assert_eq!(OutgoingKind::of(&of_none), None, "{kind}");
    }
}

#[test]
fn a_failure_is_told_once_and_a_call_that_is_handed_back_is_told_apart_from_one_that_is_opened_again() {
    use OutgoingKind as O;
    for (kind, data, want) in [
        (LogKind::AttemptFailed, json!({ "code": 30_003 }), Some(O::Failed)),
        (LogKind::AttemptFailed, json!({ "code": 30_003, "dropped": "nothing follows" }), None),
        (LogKind::AttemptFailed, json!({ LATE_CODE: 30_003 }), None),
        (LogKind::CallReopened, Value::Null, Some(O::Reopened)),
        (LogKind::CallReopened, json!({ HANDED_BACK: true }), Some(O::HandedBack)),
        (LogKind::CallReopened, json!({ HANDED_BACK: false }), Some(O::Reopened)),
    ] {
        assert_eq!(OutgoingKind::of(&entry(kind, data.clone())), want, "{kind} {data}");
    }
}
