//! A phone call and its requests, in Twilio's own form. Source: `facts/twilio-voice.md` §1 and §3.

use serde_json::{Value, json};

use super::call::{PhoneStatus, VoiceCall};
use crate::domain::Timestamp;
use crate::sandbox::state::Shared;
use crate::sandbox::wire::{PREFIX, rfc2822};

/// A call as the API shows it.
pub(super) fn resource(shared: &Shared, c: &VoiceCall) -> Value {
    let uri = format!("{PREFIX}{}/Calls/{}", shared.account_sid, c.sid);
    let date = |at: Option<Timestamp>| at.map(|t| rfc2822(c.theirs(t)));
    json!({
        "account_sid": shared.account_sid,
        "annotation": null,
        "answered_by": null,
        "api_version": "2010-04-01",
        "caller_name": "",
        "date_created": rfc2822(c.theirs(c.created)),
        "date_updated": rfc2822(c.theirs(c.updated)),
        "direction": "outbound-api",
        "duration": c.seconds().map(|s| s.to_string()),
        "end_time": date(c.ended.filter(|_| c.status.is_final())),
        "forwarded_from": null,
        "from": c.from,
        "from_formatted": c.from,
        "group_sid": null,
        "parent_call_sid": null,
        "phone_number_sid": format!("PN{:0>32}", c.from.trim_start_matches('+')),
        "price": null,
        "price_unit": "USD",
        "queue_time": c.queue_ms.to_string(),
        "sid": c.sid,
        "start_time": date(c.initiated),
        "status": c.status.as_listed(),
        "subresource_uris": {
            "notifications": format!("{uri}/Notifications.json"),
            "events": format!("{uri}/Events.json"),
            "recordings": format!("{uri}/Recordings.json"),
        },
        "to": c.to,
        "to_formatted": c.to,
        "trunk_sid": null,
        "uri": format!("{uri}.json"),
    })
}

/// What every request about a call tells.
pub(super) fn base_form(shared: &Shared, c: &VoiceCall) -> Vec<(String, String)> {
    [
        ("CallSid", c.sid.as_str()),
        ("AccountSid", &shared.account_sid),
        ("From", &c.from),
        ("To", &c.to),
        ("Caller", &c.from),
        ("Called", &c.to),
        ("Direction", "outbound-api"),
        ("ApiVersion", "2010-04-01"),
        ("CallStatus", c.status.as_str()),
        ("FromCountry", "US"),
        ("ToCountry", "US"),
        ("ToCity", ""),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()))
    .into()
}

/// The form of a status callback.
pub(super) fn status_form(
    shared: &Shared,
    c: &VoiceCall,
    sequence: u32,
    answered_by: Option<&str>,
) -> Vec<(String, String)> {
    let mut form = base_form(shared, c);
    let mut add = |name: &str, value: String| form.push((name.to_owned(), value));
    add("Timestamp", rfc2822(c.theirs(c.updated)));
    add("CallbackSource", "call-progress-events".into());
    add("SequenceNumber", sequence.to_string());
    if matches!(c.status, PhoneStatus::Ringing | PhoneStatus::InProgress) {
        add("StirStatus", "B".into());
    }
    if c.status.is_final() {
        let seconds = c.seconds().unwrap_or(0);
        add("CallDuration", seconds.to_string());
        add("Duration", seconds.div_ceil(60).to_string());
        if let Some(sip) = c.sip {
            add("SipResponseCode", sip.to_string());
        }
    }
    if let Some(by) = answered_by.filter(|_| c.answered.is_some()) {
        add("AnsweredBy", by.to_owned());
    }
    form
}
