//! The whole story of one call as text: who was told what, when, by whom it was taken.

use crate::domain::Timestamp;
use crate::domain::call::{Call, CallStatus, ExclusionReason};
use crate::domain::phone::masked;
use crate::domain::team::Directory;
use crate::engine::next_step::coming;
use crate::store::{CallStory, LogLine};

use super::app::App;
use super::decide::holder_name;
use super::durations::{offset, relative};
use super::log::reported;
use super::output::{Output, Table};
use super::recipient::to;

/// What the engine does with a call next, in words; `None` where nothing is to come.
pub(super) fn what_is_next(call: &Call, directory: &Directory, now: Timestamp, out: &Output) -> Option<String> {
    coming(call, directory, |at| format!("{}, at {}", relative(at, now), out.time(at)))
}

/// The columns of the name before each line of [`header`], and the space behind it.
pub(super) const NAME: usize = 11;

/// What stands above the timeline, one line each.
pub(super) fn header(story: &CallStory, app: &App, now: Timestamp, out: &Output) -> Vec<String> {
    let (call, data) = (&story.state.call, &story.state.call.data);
    let (line, unlisted) = app.config.directory.line(data.twilio_to_number.as_deref());
    let mut rows: Vec<(&str, String)> = vec![
        ("call", call.id.to_string()),
        ("reference", call.reference.to_string()),
        ("status", out.emphasis(good(call.status), call.status.as_str())),
        ("level", call.level.clone()),
    ];
    let dialled = data.twilio_to_number.as_deref().map(masked);
    rows.push((
        "line",
        match dialled {
            Some(n) if unlisted => format!("{} ({n}, not a configured line)", line.name),
            Some(n) => format!("{} ({n})", line.name),
            None => line.name.clone(),
        },
    ));
    let caller: Vec<&str> = [&data.caller_name, &data.caller_phone].into_iter().filter_map(|v| v.as_deref()).collect();
    let caller = Some(caller.join(", ")).filter(|c| !c.is_empty());
    for (name, value) in [("caller", caller), ("address", data.address.clone()), ("issue", data.issue_summary.clone())]
    {
        rows.extend(value.map(|v| (name, v)));
    }
    rows.push(("accepted", format!("{} by {}", out.time(call.accepted_at), call.created_by.0)));
    if let Some(closed) = call.closed_at.map(|at| out.time(at)) {
        rows.push(match holder_name(&story.state, app) {
            Some(name) => ("holder", format!("{name}, since {closed}")),
            // Taken in the name of somebody who is no contact: it is not closed yet.
            None if call.status.is_open() => ("since", closed),
            None => ("closed", closed),
        });
    }
    for o in &call.excluded {
        let who = app.config.directory.contact(&o.contact).map_or_else(|| o.contact.to_string(), |c| c.name.clone());
        rows.push((
            "out",
            match o.why {
                ExclusionReason::Passed => format!("{who} passed"),
                ExclusionReason::Failed => match o.channel {
                    Some(channel) => format!("{who} cannot be reached by {}", channel.noun()),
                    None => format!("{who} cannot be reached"),
                },
            },
        ));
    }
    rows.extend(what_is_next(call, &app.config.directory, now, out).map(|n| ("next", n)));
    rows.into_iter().map(|(name, value)| format!("{name:<10} {}", value.replace('\n', " "))).collect()
}

pub(super) fn good(status: CallStatus) -> Option<bool> {
    match status {
        CallStatus::Acknowledged | CallStatus::Resolved => Some(true),
        CallStatus::Exhausted => Some(false),
        CallStatus::Dispatching | CallStatus::Deferred | CallStatus::Cancelled => None,
    }
}

/// One an entry: when, how long after acceptance and who, as the head of what.
pub(super) fn entries(log: &[LogLine], accepted: Timestamp, out: &Output) -> Vec<(String, String)> {
    let width = log.iter().map(|l| l.entry.actor.0.chars().count()).max().unwrap_or(0).clamp(6, 24);
    log.iter()
        .map(|l| {
            let after = offset(l.entry.at.since(accepted));
            let head = format!("{}  {after:>10}  {:<width$}  ", out.time(l.entry.at), l.entry.actor.0);
            (head, reported(l))
        })
        .collect()
}

/// The attempts of a call.
pub(super) fn attempts(story: &CallStory, out: &Output) -> Table {
    let mut t = Table::new(&["REF", "KIND", "BY", "TO", "STATE", "STATUS", "SENT", "SID", "RESULT"])
        .may_leave_out(&["SID", "KIND", "SENT"]);
    for a in &story.state.attempts {
        let code = a.error_code.map(|c| format!(" (code {c})")).unwrap_or_default();
        t.row([
            a.reference(&story.state.call.reference),
            a.kind.to_string(),
            a.channel.noun().to_owned(),
            to(&a.recipient),
            a.state.to_string(),
            a.message_status.as_ref().map(ToString::to_string).unwrap_or_default(),
            a.sent_at.map(|at| out.time(at)).unwrap_or_default(),
            a.sid.as_ref().map(ToString::to_string).unwrap_or_default(),
            format!("{}{code}", a.result),
        ]);
    }
    t
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::cli::output::Color;
    use crate::domain::log::{LogEntry, LogKind};
    use crate::domain::types::Actor;

    fn out() -> Output {
        Output::new(None, false, Color::Never, true, true)
    }

    fn entry(at: Timestamp, actor: &str, message: &str, data: Value) -> LogLine {
        let entry = LogEntry {
            kind: LogKind::StepFired,
            at,
            call: None,
            attempt: None,
            actor: Actor(actor.into()),
            message: message.into(),
            data,
        };
        LogLine { seq: 1, entry }
    }

    #[test]
    fn an_entry_says_when_how_long_after_who_and_what() {
        let accepted = Timestamp::from_millis(1_795_313_040_000);
        let log = [
            entry(accepted, "engine", "step 1 fired: telling Sam Ortiz", Value::Null),
            entry(
                accepted.plus(Duration::from_secs(120)),
                "dana (root)",
                "acknowledged",
                json!({ "note": "by phone" }),
            ),
        ];
        let all = entries(&log, accepted, &out());
        let lines: Vec<String> = all.into_iter().map(|(head, what)| format!("{head}{what}")).collect();
        assert_eq!(
            lines,
            [
                "2026-11-22T02:04:00.000Z       +0.0s  engine       step 1 fired: telling Sam Ortiz",
                "2026-11-22T02:06:00.000Z      +2m00s  dana (root)  acknowledged (by phone)",
            ]
        );
    }
}
