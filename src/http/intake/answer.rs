//! What a platform and its agent are told: one line, from the state of the call alone, and nothing that is not so.

use serde_json::{Value, json};

use super::way::Way;
use crate::domain::call::{CallState, CallStatus};

pub(super) const NOT_RECORDED: &str =
    "The emergency could not be recorded just now. Try once more; then ask the caller to call again.";

/// After a report.
pub(super) fn report(call: &CallState, created: bool, mode: &str) -> Value {
    let call = &call.call;
    json!({ "callId": call.id, "reference": call.reference, "status": call.status, "created": created, "mode": mode })
}

/// How a call stands, for an agent to say. Nobody is ever "on the way".
pub(super) fn state(call: Option<&CallState>) -> String {
    let Some(state) = call else { return "Nothing has been dispatched for this phone call yet.".to_owned() };
    let said = match (state.call.status, state.call.notified_at) {
        (CallStatus::Acknowledged, _) => "The on-call technician has taken it.",
        (CallStatus::Resolved, _) => "It has been dealt with.",
        (CallStatus::Cancelled, _) => "It was called off.",
        (CallStatus::Deferred, _) => "It is recorded for the morning; nobody is woken.",
        (_, Some(_)) if state.told_by_mail_alone() => {
            "It is recorded and an email to the on-call technician is out; nobody has been reached yet."
        }
        (_, Some(_)) => "The on-call technician has been notified.",
        (CallStatus::Dispatching, None) if state.call.held().is_some() => {
            "It is recorded; the on-call technician is told when quiet hours end."
        }
        (CallStatus::Exhausted, None) => "It is recorded; nobody has been reached yet.",
        (_, None) => "It is recorded and the on-call technician is being notified; nobody has been reached yet.",
    };
    format!("{said} The reference is {}.", state.call.reference)
}

/// What one use of a tool is answered.
pub(super) struct Said {
    /// The platform's id of it.
    pub(super) id: String,
    pub(super) name: String,
    /// A line with the call that it is about, or what went wrong.
    pub(super) line: Result<(String, Option<CallState>), String>,
}

/// Each tool's answer, in order. Retell uses one tool at a time.
pub(super) fn tools(way: Way<'_>, results: Vec<Said>) -> Value {
    if way != Way::Vapi {
        let Some(said) = results.into_iter().next() else { return json!({}) };
        return match said.line {
            Ok((line, call)) => json!({
                "result": line,
                "callId": call.as_ref().map(|c| &c.call.id),
                "reference": call.as_ref().map(|c| &c.call.reference),
                "status": call.as_ref().map(|c| c.call.status),
            }),
            Err(line) => json!({ "error": line }),
        };
    }
    let one = |said: Said| match said.line {
        Ok((line, _)) => json!({ "name": said.name, "toolCallId": said.id, "result": line }),
        Err(line) => json!({ "name": said.name, "toolCallId": said.id, "error": line }),
    };
    json!({ "results": results.into_iter().map(one).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::attempt::{AttemptState, Channel};
    use crate::testing::fixtures;

    #[test]
    fn a_mail_alone_is_not_said_to_have_notified_anybody() {
        let mut call = fixtures::call_state("c");
        call.call.notified_at = Some(Timestamp::default());
        call.attempts.iter_mut().for_each(|a| (a.channel, a.state) = (Channel::Email, AttemptState::Submitted));
        let said = state(Some(&call));
        assert!(said.contains("nobody has been reached yet") && !said.contains("notified"), "{said}");
    }
}
