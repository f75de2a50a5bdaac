//! What recovery would do, as a plan: pure over a snapshot, so that it can be printed before it is carried out and tested with
//! odd cases. Carrying it out is nothing but the engine's ordinary work, so it is idempotent and safe beside a running one.

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallState, CallStatus};
use crate::domain::missed_steps;
use crate::domain::types::CallId;
use crate::store::Unreadable;

/// What recovery looks at.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// DISPATCHING calls whose time is past, and calls with an attempt whose outcome is open, each once.
    pub calls: Vec<CallState>,
    /// Calls that nothing would look at again.
    pub stranded: Vec<CallId>,
    /// What cannot be read, whether it is due or not.
    pub unreadable: Vec<Unreadable>,
    /// Whether an engine runs: claims are its own then, not a dead one's.
    pub engine_runs: bool,
}

/// What is wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Its first notice was never made.
    NeverTold,
    /// Follow-ups came due and did not fire.
    Overdue,
    /// Its ladder is over and its time has passed.
    EndOverdue,
    /// A text waits to be sent.
    Unsent,
    /// An engine claimed a text and is gone.
    ClaimOfDeadEngine,
    /// It is not known whether a text was accepted.
    UnknownOutcome,
    /// Nothing would look at it again.
    Stranded,
    /// It cannot be read.
    Unreadable,
}

impl Finding {
    /// In a few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverTold => "never told",
            Self::Overdue => "overdue follow-up",
            Self::EndOverdue => "end of the ladder",
            Self::Unsent => "text not sent yet",
            Self::ClaimOfDeadEngine => "send cut off by a crash",
            Self::UnknownOutcome => "outcome unknown",
            Self::Stranded => "nothing would look at it",
            Self::Unreadable => "cannot be read",
        }
    }
}

/// One line of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which call; `None`: what was found belongs to none that has a readable id.
    pub call: Option<CallId>,
    /// What is wrong.
    pub finding: Finding,
    /// Since when.
    pub since: Option<Timestamp>,
    /// How many steps were missed.
    pub missed: usize,
    /// What will be done, and why so.
    pub action: String,
}

/// The plan, worst first as far as a caller would notice: who was never told, what is overdue, what is not known.
pub fn plan(snapshot: &Snapshot, now: Timestamp) -> Vec<Row> {
    let mut rows: Vec<Row> = snapshot.calls.iter().flat_map(|c| of_call(c, snapshot.engine_runs, now)).collect();
    rows.extend(snapshot.stranded.iter().map(|call| Row {
        call: Some(call.clone()),
        finding: Finding::Stranded,
        since: None,
        missed: 0,
        action: "a person must look: take it by hand".into(),
    }));
    rows.extend(snapshot.unreadable.iter().map(|u| Row {
        call: u.call.clone(),
        finding: Finding::Unreadable,
        since: None,
        missed: 0,
        action: format!("a person must look, nothing is sent for it: {}: {}", u.row, u.why),
    }));
    rows.sort_by_key(|r| r.finding as u8);
    rows
}

fn of_call(state: &CallState, engine_runs: bool, now: Timestamp) -> Vec<Row> {
    let call = &state.call;
    let mut rows = Vec::new();
    let mut add = |finding, since, missed, action: String| {
        rows.push(Row { call: Some(call.id.clone()), finding, since, missed, action })
    };
    let missed = missed_steps(call, now);
    if call.status == CallStatus::Dispatching && call.wake_at.is_some_and(|at| at <= now) {
        match missed.as_slice() {
            [] => add(
                Finding::EndOverdue,
                call.wake_at,
                0,
                "EXHAUSTED with an alert, unless an answer is found first".into(),
            ),
            [0] if state.attempts.is_empty() => {
                add(Finding::NeverTold, Some(call.accepted_at), 1, "the first notice goes out now".into());
            }
            [step] => add(Finding::Overdue, call.wake_at, 1, format!("step {} fires now, once", step + 1)),
            [.., last] => {
                let text = format!(
                    "everyone whom the missed steps name is told once, under step {}; what follows counts from now",
                    last + 1
                );
                add(Finding::Overdue, call.wake_at, missed.len(), text);
            }
        }
    }
    for a in &state.attempts {
        match a.state {
            AttemptState::Sending if !engine_runs => add(
                Finding::ClaimOfDeadEngine,
                a.sent_at,
                0,
                format!("attempt {} becomes an unknown outcome and is looked for in the provider's list", a.number),
            ),
            AttemptState::Unknown if a.decided_at.is_none() => add(
                Finding::UnknownOutcome,
                a.sent_at,
                0,
                format!(
                    "attempt {} is looked for in the provider's list; not sent again before its policy decides",
                    a.number
                ),
            ),
            AttemptState::Scheduled | AttemptState::Retrying if a.not_before <= now => {
                add(
                    Finding::Unsent,
                    Some(a.created_at),
                    0,
                    format!("attempt {} to {} is sent now if it is still wanted", a.number, a.recipient.name),
                );
            }
            _ => {}
        }
    }
    rows
}

impl Row {
    /// As a JSON document.
    pub fn json(&self) -> Value {
        json!({ "callId": self.call, "finding": self.finding.as_str(), "since": self.since, "missedSteps": self.missed, "action": self.action })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::World;

    async fn of_world(w: &World, engine_runs: bool) -> Vec<(Finding, usize)> {
        let snapshot = Snapshot { calls: vec![w.state().await], engine_runs, ..Snapshot::default() };
        plan(&snapshot, w.now()).into_iter().map(|r| (r.finding, r.missed)).collect()
    }

    #[tokio::test]
    async fn the_plan_names_what_is_wrong_and_nothing_else() {
        let mut w = World::new().await;
        w.begin("normal").await;
        assert_eq!(of_world(&w, true).await, [(Finding::Unsent, 0)], "accepted, not sent yet");
        w.settle().await;
        assert_eq!(of_world(&w, true).await, [], "nothing is wrong");
        w.away(Duration::from_secs(150));
        assert_eq!(of_world(&w, false).await, [(Finding::Overdue, 1)], "one step");
        w.away(Duration::from_secs(600));
        assert_eq!(of_world(&w, false).await, [(Finding::Overdue, 2)], "several steps");
        w.away(Duration::from_secs(36_000));
        assert_eq!(of_world(&w, false).await, [(Finding::Overdue, 3)], "the whole ladder");
        w.settle().await;
        assert_eq!(of_world(&w, false).await, [], "carried out by the engine's ordinary work");
    }

    #[test]
    fn an_empty_snapshot_is_an_empty_plan_and_a_stranded_call_is_for_a_person() {
        assert_eq!(plan(&Snapshot::default(), Timestamp::default()), []);
        let snapshot = Snapshot { stranded: vec!["a".parse().expect("id")], ..Snapshot::default() };
        let rows = plan(&snapshot, Timestamp::default());
        assert!(matches!(rows.as_slice(), [r] if r.finding == Finding::Stranded && r.action.contains("person")));
    }
}
