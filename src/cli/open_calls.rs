//! Calls as the overview lists them: which need a person most, and what is said of each.

use crate::domain::attempt::AttemptState;
use crate::domain::urgency::Urgency;
use crate::store::CallLine;

use super::app::App;
use super::durations::{relative, span};
use super::output::{Output, Table};
use super::timeline;
use crate::engine::next_step::next_step;

fn urgency(line: &CallLine) -> Urgency {
    Urgency::of(&line.call, line.last_state.as_deref().and_then(AttemptState::from_word))
}

/// The worst first, of the same the oldest; what is over, the newest.
pub(super) fn worst_first(calls: &mut [CallLine]) {
    calls.sort_by_key(|line| {
        let accepted = line.call.accepted_at.as_millis();
        (urgency(line), if line.call.status.is_open() { accepted } else { accepted.saturating_neg() })
    });
}

/// One row a call.
pub(super) fn table(calls: &[CallLine], app: &App, out: &Output) -> Table {
    const COLUMNS: [&str; 12] =
        ["REF", "STATUS", "AGE", "ISSUE", "HOLDER", "LAST TOLD", "BY", "STATE", "NEXT", "LEVEL", "ACCEPTED", "CALL"];
    let mut t = Table::new(&COLUMNS).may_leave_out(&["ACCEPTED", "CALL", "LEVEL", "BY", "STATE", "LAST TOLD", "ISSUE"]);
    let now = app.clock.now();
    for l in calls {
        let call = &l.call;
        let next = call.wake_at.map(|at| {
            format!("{} {}, {}", next_step(call, &app.config.directory), relative(at, now), out.clock(at, now))
        });
        let holder = call
            .holder
            .as_ref()
            .map(|id| app.config.directory.contact(id).map_or_else(|| id.to_string(), |c| c.name.clone()));
        t.row([
            call.reference.to_string(),
            out.emphasis(timeline::good(call.status), call.status.as_str()),
            span(now.since(call.accepted_at)),
            call.data.issue_summary.clone().unwrap_or_default(),
            holder.unwrap_or_default(),
            l.last_contact.clone().unwrap_or_default(),
            l.last_channel.map(|c| c.noun().to_owned()).unwrap_or_default(),
            l.last_state.clone().unwrap_or_default(),
            next.unwrap_or_default(),
            call.level.clone(),
            out.time(call.accepted_at),
            call.id.to_string(),
        ]);
    }
    t
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::CallStatus;

    #[test]
    fn the_worst_call_is_first_and_of_the_same_the_oldest() {
        let line = |name: &str, status: CallStatus, last: AttemptState, age: u64| {
            let mut call = crate::testing::fixtures::call_state(name).call;
            call.status = status;
            call.accepted_at = crate::testing::world::START.minus(crate::testing::mins(age));
            call.notified_at = (last != AttemptState::Sending).then_some(call.accepted_at);
            CallLine { call, last_contact: None, last_state: Some(last.as_str().to_owned()), last_channel: None }
        };
        use AttemptState as A;
        use CallStatus as S;
        let mut all = vec![
            line("over-old", S::Resolved, A::Delivered, 90),
            line("over-new", S::Cancelled, A::Delivered, 80),
            line("waits", S::Deferred, A::Delivered, 70),
            line("taken", S::Acknowledged, A::Delivered, 60),
            line("looks-new", S::Dispatching, A::Delivered, 1),
            line("looks-old", S::Dispatching, A::Submitted, 50),
            line("failed", S::Dispatching, A::Failed, 2),
            line("unknown", S::Dispatching, A::Unknown, 3),
            line("exhausted", S::Exhausted, A::Delivered, 4),
            line("untold-new", S::Dispatching, A::Sending, 5),
            line("untold-old", S::Dispatching, A::Sending, 6),
        ];
        worst_first(&mut all);
        let names: Vec<&str> = all.iter().map(|l| l.call.id.as_str()).collect();
        let want = [
            "untold-old",
            "untold-new",
            "exhausted",
            "unknown",
            "failed",
            "looks-old",
            "looks-new",
            "taken",
            "waits",
            "over-new",
            "over-old",
        ];
        assert_eq!(names, want);
    }
}
