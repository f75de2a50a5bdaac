//! What is noted of a phone call that no call was made of.

use serde_json::json;

use crate::config::ListRule;
use crate::domain::Timestamp;
use crate::domain::alert::AlertKind;
use crate::domain::event::Note;
use crate::domain::log::LogKind;
use crate::domain::phone::masked;
use crate::domain::phone::spelling::plain_number;
use crate::domain::phone_call::dialable;
use crate::domain::types::CallId;
use crate::gateways::phone_calls::ListedPhoneCall;

pub(super) fn hung_up(id: CallId, source: &str, listed: &ListedPhoneCall, rule: &ListRule) -> Note {
    let message = format!(
        "a phone call from {} was hung up ({}): {source} lists it, nobody reported it, nobody is told",
        masked(&caller(listed)),
        rule.text
    );
    Note {
        data: data(source, listed),
        call: Some(id),
        kind: LogKind::CallUnheard,
        message,
        alert: None,
        phone: Some(listed.call.clone()),
        over: None,
    }
}

/// The alert has the number: whoever reads it must call back.
pub(super) fn missed(id: CallId, source: &str, listed: &ListedPhoneCall) -> Note {
    let caller = caller(listed);
    let number = listed.call.caller.as_deref();
    let is_number = number.is_some_and(|n| dialable(n).is_some());
    let to = listed.call.line.as_deref().map(|line| format!(" to {}", plain_number(line))).unwrap_or_default();
    let ended = listed.call.ended_at.map(|at| format!(" at {}", minute(at))).unwrap_or_default();
    let why = if listed.reason.is_empty() { String::new() } else { format!(" ({})", listed.reason) };
    let over = if listed.is_over { format!("ended{ended}{why}") } else { "has gone on for hours".to_owned() };
    let line = listed.call.line.as_deref().filter(|line| dialable(line).is_some()).map(plain_number);
    let mut flags = if is_number { format!(" --caller {caller}") } else { String::new() };
    flags.extend(line.map(|line| format!(" --to-number {line}")));
    let next = if is_number {
        format!("call {caller} back now")
    } else {
        format!("the number is withheld: listen to the recording at {source} now")
    };
    let what = format!(
        "a phone call from {caller}{to} {over} and {source} sent no report of it: nobody was told. Do this: {next}; if it is an emergency, `dispatchctl send --call-id {id}{flags} --issue ...`, if not, `dispatchctl seen {id}`; then see with `dispatchctl doctor` why no report came"
    );
    Note {
        data: data(source, listed),
        kind: LogKind::CallMissed,
        message: format!(
            "a phone call from {} {over} and {source} sent no report of it: nobody was told",
            masked(&caller)
        ),
        alert: Some((AlertKind::CallMissed.about(&id), what)),
        phone: None,
        over: None,
        call: Some(id),
    }
}

fn caller(listed: &ListedPhoneCall) -> String {
    let given = listed.call.caller.as_deref().map(plain_number).filter(|text| !text.is_empty());
    given.unwrap_or_else(|| "a number that is not known".to_owned())
}

fn data(source: &str, listed: &ListedPhoneCall) -> serde_json::Value {
    let call = &listed.call;
    json!({
        "source": source,
        "platformCallId": call.id,
        "twilioCallSid": call.sid,
        "callerPhone": call.caller,
        "twilioToNumber": call.line,
        "startedAt": call.started_at,
        "endedAt": call.ended_at,
        "reason": listed.reason,
    })
}

/// Of UTC, to the minute.
fn minute(at: Timestamp) -> String {
    let text = at.rfc3339();
    format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " "))
}
