//! Reading phone calls back: one, a list with its pages, and what went wrong in one.

use std::time::Duration;

use serde_json::{Value, json};

use super::call::VoiceCall;
use super::resource::resource;
use crate::clock::Clock as _;
use crate::domain::Timestamp;
use crate::sandbox::agents;
use crate::sandbox::answer::Response;
use crate::sandbox::armed::Subject;
use crate::sandbox::faults::{FaultKind, On};
use crate::sandbox::state::Shared;
use crate::sandbox::twilio::{READ_FAULTS, moment, page_links, read_answer};
use crate::sandbox::wire::{Params, TwilioRefusal, not_found, respond, rfc2822};

/// `GET …/Calls/{Sid}.json`.
pub(in crate::sandbox) fn fetch(
    shared: &Shared,
    path: &str,
    sid: &str,
    query: &str,
) -> Result<Response, TwilioRefusal> {
    Params::parse(query.as_bytes(), &[], &[])?;
    let mut state = shared.state();
    state.counts.call_fetch += 1;
    let found = state.calls.get(sid).cloned();
    let (to, from) = found.as_ref().map_or((None, None), |c| (Some(c.to.as_str()), Some(c.from.as_str())));
    let subject = Subject { on: Some(On::CallFetch), to, from, ..Subject::default() };
    let fault = state.faults.hit(READ_FAULTS, subject, &shared.ids);
    drop(state);
    match (found, &fault) {
        (None, None) => Err(not_found(path)),
        (found, fault) => {
            let body = found.map_or(Value::Null, |c| resource(shared, &c));
            Ok(read_answer(shared, fault.as_ref(), &body))
        }
    }
}

/// `GET …/Calls/{Sid}/Notifications.json`.
pub(in crate::sandbox) fn notifications(
    shared: &Shared,
    path: &str,
    sid: &str,
    query: &str,
) -> Result<Response, TwilioRefusal> {
    Params::parse(query.as_bytes(), &["Log", "MessageDate", "PageSize", "Page", "PageToken"], &[])?;
    let found = shared.state().calls.get(sid).cloned().ok_or_else(|| not_found(path))?;
    let notes: Vec<Value> = found
        .faults
        .iter()
        .map(|f| {
            json!({
                "account_sid": shared.account_sid, "call_sid": sid, "api_version": "2010-04-01", "log": "0",
                "error_code": f.code.to_string(), "message_text": f.message, "request_url": f.url,
                "request_method": "POST", "message_date": rfc2822(found.theirs(f.at)),
                "date_created": rfc2822(found.theirs(f.at)), "date_updated": rfc2822(found.theirs(f.at)),
                "more_info": format!("https://www.twilio.com/docs/errors/{}", f.code), "sid": shared.sid("NO"), "uri": path,
            })
        })
        .collect();
    let end = notes.len().saturating_sub(1);
    let body = json!({
        "notifications": notes, "page": 0, "page_size": 50, "start": 0, "end": end, "uri": path,
        "first_page_uri": path, "next_page_uri": null, "previous_page_uri": null,
    });
    Ok(Response::Send(respond(shared, 200, &body)))
}

const NAMES: &[&str] = &[
    "To",
    "From",
    "Status",
    "ParentCallSid",
    "StartTime",
    "StartTime>",
    "StartTime<",
    "EndTime",
    "EndTime>",
    "EndTime<",
    "PageSize",
    "Page",
    "PageToken",
];

/// One end of a call, and the moments between which it is asked for.
#[derive(Default)]
struct Between {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Between {
    fn parse(params: &Params, name: &str) -> Result<Self, TwilioRefusal> {
        let mut between = Self::default();
        for (sign, start, end) in [("", true, true), (">", true, false), ("<", false, true)] {
            let Some(text) = params.get(&format!("{name}{sign}")) else { continue };
            let (first, last) =
                moment(text).ok_or_else(|| TwilioRefusal::strict(format!("{name}{sign} is YYYY-MM-DD, GMT")))?;
            between.first = if start { Some(first) } else { between.first };
            between.last = if end { Some(last) } else { between.last };
        }
        Ok(between)
    }

    /// A call without this end is hidden where anything is asked.
    fn takes(&self, at: Option<Timestamp>) -> bool {
        match at {
            None => self.first.is_none() && self.last.is_none(),
            Some(at) => self.first.is_none_or(|f| at >= f) && self.last.is_none_or(|l| at <= l),
        }
    }
}

/// `GET …/Calls.json`: our own calls and those that were made to us, the newest first.
pub(in crate::sandbox) fn list(shared: &Shared, path: &str, query: &str) -> Result<Response, TwilioRefusal> {
    let params = Params::parse(query.as_bytes(), NAMES, &[])?;
    let number = |name: &str, usual: usize, least: usize, most: usize| match params.get(name) {
        None => Ok(usual),
        Some(v) => v
            .parse()
            .ok()
            .filter(|n| (least..=most).contains(n))
            .ok_or_else(|| TwilioRefusal::strict(format!("{name} is a number from {least} to {most}"))),
    };
    let (size, page) = (number("PageSize", 50, 1, 1000)?, number("Page", 0, 0, 1_000_000)?);
    let (started, ended) = (Between::parse(&params, "StartTime")?, Between::parse(&params, "EndTime")?);
    if let Some(refused) = agents::calls_refused(shared) {
        return Ok(refused);
    }
    let now = shared.clock.now();
    let mut state = shared.state();
    state.counts.call_list += 1;
    let (to, from) = (params.get("To"), params.get("From"));
    let subject = Subject { on: Some(On::CallList), to, from, ..Subject::default() };
    let fault = state.faults.hit(READ_FAULTS, subject, &shared.ids);
    let lag = state.faults.hit(&[FaultKind::ListLag], subject, &shared.ids);
    let hidden = |c: &VoiceCall| {
        lag.as_ref().is_some_and(|l| {
            l.to.as_ref().is_none_or(|t| *t == c.to)
                && now.since(c.created) < Duration::from_millis(l.delay_ms.unwrap_or(0))
        })
    };
    let asked = |c: &VoiceCall| {
        to.is_none_or(|t| c.to == t)
            && from.is_none_or(|f| c.from == f)
            && params.get("Status").is_none_or(|s| c.status.as_listed() == s)
            && !params.has("ParentCallSid")
            && started.takes(c.initiated.map(|t| c.theirs(t)))
            && ended.takes(c.ended.map(|t| c.theirs(t)))
    };
    let mut found: Vec<(Timestamp, String, Value)> = agents::inbound_calls(&state, &params)
        .into_iter()
        .filter(|(at, _, _)| started.takes(Some(*at)))
        .chain(
            state
                .calls
                .iter()
                .filter(|c| asked(c) && !hidden(c))
                .map(|c| (c.created, c.sid.clone(), resource(shared, c))),
        )
        .collect();
    let hid: Vec<String> = state.calls.iter().filter(|c| asked(c) && hidden(c)).map(|c| c.sid.clone()).collect();
    // Of those of one millisecond the one that was made last comes first.
    found.reverse();
    found.sort_by_key(|(at, _, _)| std::cmp::Reverse(*at));
    let skip = match params.get("PageToken").map(|t| t.strip_prefix("PA").unwrap_or(t)) {
        Some(token) => found
            .iter()
            .position(|(_, sid, _)| sid == token)
            .ok_or_else(|| TwilioRefusal::strict("PageToken is not one that was given out"))?
            .saturating_add(1),
        None => page.saturating_mul(size),
    };
    let more = found.len() > skip.saturating_add(size);
    let shown: Vec<_> = found.into_iter().skip(skip).take(size).collect();
    if fault.is_none() {
        shown.iter().for_each(|(_, sid, _)| state.calls.note_listed(sid, now, true));
        hid.iter().for_each(|sid| state.calls.note_listed(sid, now, false));
    }
    drop(state);
    let last = shown.last().filter(|_| more).map(|(_, sid, _)| sid.clone());
    let items: Vec<Value> = shown.into_iter().map(|(_, _, item)| item).collect();
    let body = page_links(path, query, &params, (size, page), "calls", items, last);
    Ok(read_answer(shared, fault.as_ref(), &body))
}
