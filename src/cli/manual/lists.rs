//! Topics that list what is defined elsewhere.

use crate::domain::alert::{AlertKind, Severity};
use crate::domain::attempt::AttemptState;
use crate::domain::call::CallStatus;

use super::configuration::folded;

/// What each state of a call means.
const CALL: &[(CallStatus, &str)] = &[
    (CallStatus::Dispatching, "Somebody is looked for; it always has a time at which the engine looks at it again."),
    (CallStatus::Acknowledged, "Somebody has it."),
    (CallStatus::Deferred, "It can wait until the morning: no ladder runs, a person must have seen it by then."),
    (CallStatus::Exhausted, "Nobody took it: alerted, and still open. `ack`, `resolve`, `cancel` or `reopen` it."),
    (CallStatus::Resolved, "Done. Final."),
    (CallStatus::Cancelled, "Withdrawn. Final."),
];
const ATTEMPT: &[(AttemptState, &str)] = &[
    (AttemptState::Scheduled, "It waits for its time, its turn or its sender."),
    (AttemptState::Sending, "Its intent is stored; the request may have left."),
    (AttemptState::Retrying, "It surely did not happen, and is tried again."),
    (
        AttemptState::Unknown,
        "Nobody knows yet whether the provider has it: found out before that notice is sent again.",
    ),
    (AttemptState::Submitted, "The provider has it."),
    (AttemptState::Delivered, "It arrived. Final."),
    (AttemptState::Failed, "It did not arrive. Final; the ladder goes on at once."),
    (AttemptState::Skipped, "It was not wanted any more, or there is nobody to tell. Final."),
    (AttemptState::Cancelled, "The call was over before it left. Final."),
];

/// A list of samples that the tests of the sandbox play, one a line.
const FAULTS: &str = include_str!("../../../fixtures/sandbox/faults.json");
const FAULT_WIDTH: usize = 78;

pub(super) fn states() -> String {
    let mut text = "A call is in one of these states:\n\n".to_owned();
    for (state, means) in CALL {
        text.push_str(&format!("  {}\n{}", state.as_str(), folded(means, "      ")));
    }
    text.push_str("\nEach attempt (one text, mail or phone call to one contact) is in one of these:\n\n");
    for (state, means) in ATTEMPT {
        text.push_str(&format!("  {}\n{}", state.as_str(), folded(means, "      ")));
    }
    text
}

pub(super) fn alerts() -> String {
    let mut text = "Alerts go to [[alerts.sinks]] and show in `dispatchctl alerts`. `page` wakes\n\
        somebody; `notice` can wait for the morning. `dispatchctl alerts ack KEY` stops\n\
        the repeats. The key of an alert is its kind, and behind a colon what it is\nabout.\n"
        .to_owned();
    for severity in [Severity::Page, Severity::Notice] {
        text.push_str(&format!("\n{}\n", severity.as_str()));
        for kind in AlertKind::ALL.iter().filter(|k| k.severity() == severity) {
            text.push_str(&format!("  {}\n{}", kind.word(), folded(kind.title(), "      ")));
        }
    }
    text
}

pub(super) fn metrics() -> String {
    let mut text = "GET /metrics, in the text format of Prometheus, for a token that may read.\n\
        Counters begin anew with each process. `dispatchctl init --prometheus` writes\nalert rules and a dashboard.\n\n"
        .to_owned();
    for (name, means) in crate::http::METRICS {
        text.push_str(&format!("  {name}\n{}", folded(means, "      ")));
    }
    text
}

/// The page about tests, and behind it what the sandbox can be told to do wrong.
pub(super) fn testing() -> String {
    let mut text = include_str!("topics/testing.txt").to_owned();
    text.push_str("\nEVERY FAULT\nA sample of each, for `/_sandbox/faults`, which takes one or a list of them:\n\n");
    for line in FAULTS.lines().map(str::trim).filter(|l| l.starts_with('{')) {
        let mut width = 0;
        for pair in line.trim_end_matches(',').split_inclusive(", ") {
            // Between two keys, never inside of a text.
            if width == 0 || width + pair.len() > FAULT_WIDTH {
                text.truncate(text.trim_end_matches(' ').len());
                text.push_str(if width == 0 { "  " } else { "\n    " });
                width = 4;
            }
            text.push_str(pair);
            width += pair.len();
        }
        text.push('\n');
    }
    text
}

#[cfg(feature = "drills")]
pub(super) fn scenarios() -> String {
    let mut text = "`dispatchctl test-reliability` plays each of these against the sandbox, and\n\
        judges by what the provider truly took. `--scenario NAME` plays one.\n\n"
        .to_owned();
    for (name, title) in crate::reliability::titles() {
        text.push_str(&format!("  {name}\n{}", folded(&title, "      ")));
    }
    text
}

#[cfg(not(feature = "drills"))]
pub(super) fn scenarios() -> String {
    "This program is built without its drills: it has no sandbox and plays no\nscenarios.\n\n\
     Build it with them:\n\n  cargo install --path . --locked\n"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_shown_as_it_can_be_posted() {
        let samples: Vec<serde_json::Value> = serde_json::from_str(FAULTS).expect("JSON");
        let page = testing();
        let shown = page.split("\nEVERY FAULT\n").nth(1).expect("its part");
        let (_, shown) = shown.split_once("\n\n").expect("the samples");
        let read: Result<Vec<serde_json::Value>, _> = serde_json::Deserializer::from_str(shown).into_iter().collect();
        assert_eq!(read.expect("JSON"), samples);
    }

    #[test]
    fn every_state_is_explained() {
        assert_eq!(CALL.len(), CallStatus::ALL.len());
        assert_eq!(ATTEMPT.len(), AttemptState::ALL.len());
        for kind in AlertKind::ALL {
            assert!(alerts().contains(&format!("\n  {}\n", kind.word())), "{kind:?}");
        }
    }
}
