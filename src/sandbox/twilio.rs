//! Twilio over HTTP: who may ask, what may be asked, and the reading half of Messages (fetch, list).
//!
//! Strict where Twilio is silent: an unknown or repeated parameter, a wrong path, method or content type is refused with
//! code 20001 and recorded as a violation, because the real service ignores a typo and sends without, say, callbacks.
//! Source: `facts/twilio.md` §1 to §3.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use wiremock::Request;

use super::answer::Response;
use super::armed::Subject;
use super::faults::{Fault, FaultKind, On};
use super::messages::{Content, Listed, Message};
use super::state::Shared;
use super::wire::{PREFIX, Params, TwilioRefusal, not_found, refuse, refused_by, resource, respond, shown};
use super::{account, change, create, voice};
use crate::clock::Clock as _;
use crate::domain::Timestamp;

const FORM: &str = "application/x-www-form-urlencoded";
/// The largest request body that is read.
const BODY_MAX: usize = 64 * 1024;

/// Answers a request to the API.
pub(super) fn answer(shared: &Arc<Shared>, request: &Request) -> Response {
    match route(shared, request) {
        Ok(answer) => answer,
        Err(refusal) => {
            if refusal.violation {
                let path: String = request.url.path().chars().take(256).collect();
                shared.violation(format!("{} {path}", request.method), refusal.message.clone());
            }
            Response::Send(refuse(shared, &refusal))
        }
    }
}

fn route(shared: &Arc<Shared>, request: &Request) -> Result<Response, TwilioRefusal> {
    let path = request.url.path();
    let method = request.method.as_str();
    if let ("GET", Some(sid)) = (method, path.strip_prefix("/v1/Services/")) {
        authorize(shared, request)?;
        return account::service(shared, sid);
    }
    let query = request.url.query().unwrap_or("");
    match (method, path) {
        ("GET", "/v1/DialingPermissions/Countries") => {
            authorize(shared, request)?;
            return account::countries(shared, query);
        }
        ("GET", "/v1/CustomerProfiles") => {
            authorize(shared, request)?;
            return account::profiles(shared, query);
        }
        _ => {}
    }
    let Some(rest) = path.strip_prefix(PREFIX) else {
        return Err(TwilioRefusal::strict(format!("there is nothing at {}", shown(path))));
    };
    authorize(shared, request)?;
    let Some(rest) = rest.strip_prefix(shared.account_sid.as_str()) else {
        return Err(not_found(path));
    };
    match (method, rest) {
        ("POST", "/Messages.json") => {
            is_form(request)?;
            create::create(shared, &request.body)
        }
        ("POST", _) if let Some(sid) = message_sid(rest) => {
            is_form(request)?;
            change::update(shared, path, sid, &request.body)
        }
        ("DELETE", _) if let Some(sid) = message_sid(rest) => change::delete(shared, path, sid),
        ("GET", ".json") => Ok(account::account(shared)),
        ("GET", "/IncomingPhoneNumbers.json") => account::numbers(shared, path, request.url.query().unwrap_or("")),
        (_, _) if rest.starts_with("/Calls") => calls(shared, request, path, rest),
        ("GET", "/Messages.json") => list(shared, path, request.url.query().unwrap_or("")),
        ("GET", _) if message_sid(rest).is_some() => {
            fetch(shared, path, message_sid(rest).unwrap_or(""), request.url.query().unwrap_or(""))
        }
        _ => Err(TwilioRefusal::strict(format!("{method} {} is not offered here", shown(rest)))),
    }
}

/// Everything about phone calls.
fn calls(shared: &Arc<Shared>, request: &Request, path: &str, rest: &str) -> Result<Response, TwilioRefusal> {
    let query = request.url.query().unwrap_or("");
    let method = request.method.as_str();
    match (method, rest, call_sid(rest)) {
        ("POST", "/Calls.json", _) => {
            is_form(request)?;
            voice::create(shared, &request.body)
        }
        ("GET", "/Calls.json", _) => voice::list(shared, path, query),
        ("GET", _, Some((sid, ""))) => voice::fetch(shared, path, sid, query),
        ("GET", _, Some((sid, "/Notifications"))) => voice::notifications(shared, path, sid, query),
        ("POST", _, Some((sid, ""))) => {
            is_form(request)?;
            voice::change(shared, path, sid, &request.body)
        }
        _ => Err(TwilioRefusal::strict(format!("{method} {} is not offered here", shown(rest)))),
    }
}

/// The SID in a call's path, and what follows it.
fn call_sid(rest: &str) -> Option<(&str, &str)> {
    let (sid, below) = rest.strip_prefix("/Calls/")?.strip_suffix(".json")?.split_at_checked(34)?;
    (sid.starts_with("CA") && sid.bytes().all(|b| b.is_ascii_alphanumeric())).then_some((sid, below))
}

/// What a write must be to be one.
fn is_form(request: &Request) -> Result<(), TwilioRefusal> {
    let kind = request.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("");
    if kind.split(';').next().is_none_or(|k| !k.trim().eq_ignore_ascii_case(FORM)) {
        return Err(TwilioRefusal::strict(format!("content type is not {FORM}")));
    }
    if request.url.query().is_some_and(|q| !q.is_empty()) {
        return Err(TwilioRefusal::strict("parameters of a write belong into the form, not into the query"));
    }
    if request.body.len() > BODY_MAX {
        return Err(TwilioRefusal::new(413, 20413, "the request is too large"));
    }
    Ok(())
}

fn message_sid(rest: &str) -> Option<&str> {
    rest.strip_prefix("/Messages/")
        .and_then(|r| r.strip_suffix(".json"))
        .filter(|s| s.len() == 34 && s.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn authorize(shared: &Shared, request: &Request) -> Result<(), TwilioRefusal> {
    let given = request
        .headers
        .get("authorization")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Basic "))
        .and_then(|v| base64::engine::general_purpose::STANDARD.decode(v.trim()).ok())
        .and_then(|v| String::from_utf8(v).ok());
    let secrets = shared.secrets();
    let known = given.as_deref().and_then(|g| g.split_once(':')).is_some_and(|(user, password)| {
        (user == shared.account_sid && password == secrets.auth_token)
            || secrets.api_key.as_ref().is_some_and(|(key, secret)| user == key && password == secret)
    });
    if known { Ok(()) } else { Err(TwilioRefusal::new(401, 20003, "Authenticate")) }
}

pub(super) const READ_FAULTS: &[FaultKind] = &[
    FaultKind::Away,
    FaultKind::Refuse,
    FaultKind::Delay,
    FaultKind::AnswerLate,
    FaultKind::DropBeforeAccept,
    FaultKind::DropAfterAccept,
    FaultKind::Hidden500,
];

/// Answers a reading request, with whatever fault is due on it.
pub(super) fn read_answer(shared: &Shared, fault: Option<&Fault>, body: &Value) -> Response {
    let Some(fault) = fault else { return Response::Send(respond(shared, 200, body)) };
    match fault.kind {
        FaultKind::Refuse => Response::Send(refused_by(shared, fault)),
        FaultKind::Hidden500 => {
            Response::Send(refuse(shared, &TwilioRefusal::new(500, 20500, "An internal server error has occurred")))
        }
        FaultKind::Delay | FaultKind::AnswerLate => Response::Send(
            respond(shared, 200, body).set_delay(Duration::from_millis(fault.delay_ms.unwrap_or(30_000))),
        ),
        _ => Response::Drop,
    }
}

fn fetch(shared: &Shared, path: &str, sid: &str, query: &str) -> Result<Response, TwilioRefusal> {
    Params::parse(query.as_bytes(), &[], &[])?;
    let (fault, body) = {
        let mut state = shared.state();
        state.counts.fetch += 1;
        let body = state.messages.shown(sid).map(|m| (resource(shared, m), m.to.clone(), m.from.clone()));
        let (to, from) = body.as_ref().map_or((None, None), |(_, to, from)| (Some(to.as_str()), from.as_deref()));
        let subject = Subject { on: Some(On::Fetch), to, from, status: None, ..Subject::default() };
        (state.faults.hit(READ_FAULTS, subject, &shared.ids), body.map(|(json, _, _)| json))
    };
    match (body, &fault) {
        (None, None) => Err(not_found(path)),
        (body, fault) => Ok(read_answer(shared, fault.as_ref(), &body.unwrap_or(Value::Null))),
    }
}

/// What a list asks for.
struct Filter<'a> {
    to: Option<&'a str>,
    from: Option<&'a str>,
    on_or_after: Option<Timestamp>,
    on_or_before: Option<Timestamp>,
    size: usize,
    page: usize,
    /// The SID of the last message of the page before.
    after: Option<&'a str>,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl<'a> Filter<'a> {
    fn parse(params: &'a Params) -> Result<Self, TwilioRefusal> {
        let number = |name: &str, default: usize, least: usize, most: usize| match params.get(name) {
            None => Ok(default),
            Some(v) => v
                .parse()
                .ok()
                .filter(|n| (least..=most).contains(n))
                .ok_or_else(|| TwilioRefusal::strict(format!("{name} is a number from {least} to {most}"))),
        };
        let (mut on_or_after, mut on_or_before) = (None, None);
        for (name, start, end) in [("DateSent", true, true), ("DateSent>", true, false), ("DateSent<", false, true)] {
            let Some(text) = params.get(name) else { continue };
            let (first, last) = moment(text)
                .ok_or_else(|| TwilioRefusal::strict(format!("{name} is YYYY-MM-DD or an ISO date-time, GMT")))?;
            on_or_after = if start { Some(first) } else { on_or_after };
            on_or_before = if end { Some(last) } else { on_or_before };
        }
        let after = params.get("PageToken").map(|t| t.strip_prefix("PA").unwrap_or(""));
        if after.is_some_and(|t| message_sid(&format!("/Messages/{t}.json")).is_none()) {
            return Err(TwilioRefusal::strict("PageToken is not one that was given out"));
        }
        Ok(Self {
            to: params.get("To"),
            from: params.get("From"),
            on_or_after,
            on_or_before,
            size: number("PageSize", 50, 1, 1000)?,
            page: number("Page", 0, 0, 1_000_000)?,
            after,
        })
    }

    fn takes(&self, m: &Message) -> bool {
        let dated = self.on_or_after.is_some() || self.on_or_before.is_some();
        let left =
            m.sent.map(|t| Timestamp::from_millis(m.theirs(t).as_millis().div_euclid(1000).saturating_mul(1000)));
        match left {
            None => !dated,
            Some(t) => self.on_or_after.is_none_or(|a| t >= a) && self.on_or_before.is_none_or(|b| t <= b),
        }
    }
}

/// The first and last moment that a date or date-time names.
pub(super) fn moment(text: &str) -> Option<(Timestamp, Timestamp)> {
    if let Ok(day) = text.parse::<jiff::civil::Date>()
        && text.len() == 10
    {
        let start = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        let start = Timestamp::from_millis(start.as_millisecond());
        return Some((start, start.plus(DAY).minus(Duration::from_millis(1))));
    }
    let at: Timestamp = text.parse().ok()?;
    Some((at, at))
}

fn list(shared: &Shared, path: &str, query: &str) -> Result<Response, TwilioRefusal> {
    const NAMES: &[&str] = &["To", "From", "DateSent", "DateSent>", "DateSent<", "PageSize", "Page", "PageToken"];
    let params = Params::parse(query.as_bytes(), NAMES, &[])?;
    let filter = Filter::parse(&params)?;
    let now = shared.clock.now();
    let mut state = shared.state();
    state.counts.list += 1;
    let subject = Subject { on: Some(On::List), to: filter.to, from: filter.from, status: None, ..Subject::default() };
    let fault = state.faults.hit(READ_FAULTS, subject, &shared.ids);
    let lag = state.faults.hit(&[FaultKind::ListLag], subject, &shared.ids);
    let hidden = |m: &Message| {
        lag.as_ref().is_some_and(|l| {
            l.to.as_ref().is_none_or(|t| *t == m.to)
                && now.since(m.created) < Duration::from_millis(l.delay_ms.unwrap_or(0))
        })
    };
    let skip = if filter.after.is_some() { 0 } else { filter.page.saturating_mul(filter.size) };
    let mut found: Vec<&Message> = state
        .messages
        .newest(filter.to, filter.from, filter.after)
        .filter(|m| m.content != Content::Deleted && filter.takes(m) && !hidden(m))
        .skip(skip)
        .take(filter.size.saturating_add(1))
        .collect();
    let more = found.len() > filter.size;
    found.truncate(filter.size);
    let last = found.last().filter(|_| more).map(|m| m.sid.clone());
    let items: Vec<Value> = found.iter().map(|m| resource(shared, m)).collect();
    let had: Vec<String> = found.iter().map(|m| m.sid.clone()).collect();
    let hid: Vec<String> = match &lag {
        Some(_) => {
            state.messages.newest(filter.to, filter.from, None).filter(|m| hidden(m)).map(|m| m.sid.clone()).collect()
        }
        None => Vec::new(),
    };
    if fault.is_some() {
        state.note_vain_list(now);
    } else {
        had.iter().for_each(|sid| state.messages.note_listed(sid, now, Listed::Had));
        hid.iter().for_each(|sid| state.messages.note_listed(sid, now, Listed::Hid));
    }
    drop(state);
    let at = (filter.size, filter.page);
    let body = page_links(path, query, &params, at, "messages", items, last);
    Ok(read_answer(shared, fault.as_ref(), &body))
}

/// One page of a list under `name`, with relative links to its neighbours; `at`: items of a page, and which page.
pub(super) fn page_links(
    path: &str,
    query: &str,
    params: &Params,
    at: (usize, usize),
    name: &str,
    items: Vec<Value>,
    last: Option<String>,
) -> Value {
    let (size, page) = at;
    let link = |page: usize, token: Option<String>| {
        let mut q = form_urlencoded::Serializer::new(String::new());
        for (name, value) in params.0.iter().filter(|(n, _)| !matches!(n.as_str(), "PageSize" | "Page" | "PageToken")) {
            q.append_pair(name, value);
        }
        q.append_pair("PageSize", &size.to_string()).append_pair("Page", &page.to_string());
        if let Some(token) = token {
            q.append_pair("PageToken", &token);
        }
        format!("{path}?{}", q.finish())
    };
    let start = page.saturating_mul(size);
    let mut body = json!({
        "first_page_uri": link(0, None),
        "end": start.saturating_add(items.len()).saturating_sub(1),
        "previous_page_uri": page.checked_sub(1).map(|p| link(p, None)),
        "uri": if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") },
        "page_size": size,
        "start": start,
        "next_page_uri": last.map(|sid| link(page.saturating_add(1), Some(format!("PA{sid}")))),
        "page": page,
    });
    if let Some(body) = body.as_object_mut() {
        body.insert(name.to_owned(), Value::Array(items));
    }
    body
}
