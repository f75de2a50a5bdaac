//! What Twilio says and is asked, in its own form: parameters, refusals, messages. Source: `facts/twilio.md` §2.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::faults::Fault;
use super::messages::{Content, Direction, Message, segments};
use super::state::Shared;
use crate::domain::Timestamp;

/// Where an account's resources are.
pub(super) const PREFIX: &str = "/2010-04-01/Accounts/";

/// An error answer: HTTP status, Twilio's code, its text.
pub(super) struct TwilioRefusal {
    pub(super) status: u16,
    pub(super) code: u32,
    pub(super) message: String,
    /// Whether the real service would not have refused it: then it is recorded.
    pub(super) violation: bool,
}

impl TwilioRefusal {
    /// As the real service refuses.
    pub(super) fn new(status: u16, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), violation: false }
    }

    /// As only the sandbox refuses.
    pub(super) fn strict(message: impl Into<String>) -> Self {
        Self { status: 400, code: 20001, message: message.into(), violation: true }
    }
}

/// The parameters of a query or a form, each name known and given once.
pub(super) struct Params(pub(super) Vec<(String, String)>);

impl Params {
    /// Refuses names that are in neither list, and a second value for one that is not in `many`.
    pub(super) fn parse(raw: &[u8], once: &[&str], many: &[&str]) -> Result<Self, TwilioRefusal> {
        let mut seen: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(raw) {
            let (single, repeatable) = (once.contains(&name.as_ref()), many.contains(&name.as_ref()));
            if !single && !repeatable {
                return Err(TwilioRefusal::strict(format!("unknown parameter '{}'", shown(&name))));
            }
            if single && seen.iter().any(|(n, _)| *n == name) {
                return Err(TwilioRefusal::strict(format!("parameter '{name}' is given twice")));
            }
            seen.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(seen))
    }

    /// Whether `name` is given, empty or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    /// Every value of `name`, in order; empty ones are absent.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// The value of `name`; an empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }
}

/// At most 256 visible characters of a name that a stranger chose.
pub(super) fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(256).collect()
}

pub(super) fn not_found(path: &str) -> TwilioRefusal {
    TwilioRefusal::new(404, 20404, format!("The requested resource {} was not found", shown(path)))
}

/// The answer to what is refused (`facts/twilio.md` §2, recorded error answers).
pub(super) fn refuse(shared: &Shared, refusal: &TwilioRefusal) -> ResponseTemplate {
    let mut body = json!({
        "code": refusal.code,
        "message": refusal.message,
        "more_info": format!("https://www.twilio.com/docs/errors/{}", refusal.code),
        "status": refusal.status,
    });
    let unknown_caller = refusal.status == 401;
    if unknown_caller && let Some(fields) = body.as_object_mut() {
        fields.insert("detail".into(), "Your AccountSid or AuthToken was incorrect.".into());
    }
    let answer = respond(shared, refusal.status, &body);
    if unknown_caller { answer.insert_header("WWW-Authenticate", "Basic realm=\"Twilio API\"") } else { answer }
}

/// A JSON answer with the headers that the real one has.
pub(super) fn respond(shared: &Shared, status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("Twilio-Request-Id", shared.sid("RQ").as_str())
        .insert_header("Twilio-Concurrent-Requests", "1")
        .set_body_raw(body.to_string().into_bytes(), "application/json;charset=utf-8")
}

/// The refusal that a fault asks for.
pub(super) fn refused_by(shared: &Shared, fault: &Fault) -> ResponseTemplate {
    let status = fault.status.unwrap_or(503);
    let code = fault.code.unwrap_or(match status {
        429 => 20429,
        503 => 20503,
        _ => 20500,
    });
    let message = match code {
        20429 => "Too Many Requests",
        20503 => "Service is unavailable",
        20500 => "An internal server error has occurred",
        _ => "Refused by the sandbox",
    };
    let answer = refuse(shared, &TwilioRefusal::new(status, code, message));
    match fault.retry_after {
        Some(seconds) => answer.insert_header("Retry-After", seconds.to_string().as_str()),
        None => answer,
    }
}

/// A message as the API shows it (`facts/twilio.md` §2, the answer's fields).
pub(super) fn resource(shared: &Shared, m: &Message) -> Value {
    let uri = format!("{PREFIX}{}/Messages/{}", shared.account_sid, m.sid);
    let unsent = m.from.is_none();
    let priced = m.sent.is_some() && m.direction != Direction::Inbound;
    json!({
        "account_sid": shared.account_sid,
        "api_version": "2010-04-01",
        "body": if m.content == Content::Whole { m.body.as_str() } else { "" },
        "date_created": rfc2822(m.theirs(m.created)),
        "date_sent": m.sent.map(|t| rfc2822(m.theirs(t))),
        "date_updated": rfc2822(m.theirs(m.updated)),
        "direction": m.direction.as_str(),
        "error_code": m.error_code,
        "error_message": m.error_code.map(|_| "The message was not delivered"),
        "from": m.from,
        "messaging_service_sid": m.service,
        "num_media": "0",
        "num_segments": if unsent { "0".to_owned() } else { segments(&m.body).to_string() },
        "price": priced.then_some("-0.00750"),
        "price_unit": "USD",
        "sid": m.sid,
        "status": m.status.as_str(),
        "subresource_uris": { "media": format!("{uri}/Media.json"), "feedback": format!("{uri}/Feedback.json") },
        "to": m.to,
        "uri": format!("{uri}.json"),
    })
}

/// `Fri, 24 May 2019 17:44:46 +0000`.
pub(super) fn rfc2822(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map(|t| t.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string())
        .unwrap_or_default()
}

/// `Fri, 24 May 2019 17:44:46 GMT`, as an HTTP `Date` is written.
pub(super) fn http_date(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map(|t| t.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}
