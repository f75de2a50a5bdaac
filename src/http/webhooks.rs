//! The provider's webhooks: delivery receipts and replies.
//!
//! Signature over the public URL and the raw path and query, strict shapes, apply, and an answer only after the commit: what
//! could not be made durable is answered 503, so that the provider brings it again. A duplicate is answered like the first.
//! What is refused is counted; see [`super::refusals`].
//! Source: `facts/twilio.md` §6 to §8.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::Sha256;
use tracing::warn;

use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::change::Answer;
use crate::domain::codes;
use crate::domain::event::{EndedPhoneCall, Event, InboundText, Note, Source, StatusUpdate};
use crate::domain::log::LogKind;
use crate::domain::phone::masked;
use crate::domain::types::{Actor, AttemptId};
use crate::engine::intake::reports::platform_call_id;
use crate::gateways::twilio::call_ended::CallCallback;
use crate::gateways::twilio::voice_form::VoiceForm;
use crate::gateways::twilio::wire::{FormError, InboundSms, StatusCallback};

use crate::failpoint::{self, Safeguard};

use super::feed;
use super::intake::{self, Way};
use super::links;
use super::metrics::webhooks::Endpoint;
use super::problem::Problem;
use super::refusals::WebhookRefusal;
use super::request::{body, form, json as json_answer, media_type};
use super::state::HttpState;
use super::voice::{self, VoiceWebhook};

const SIGNATURE: &str = "x-twilio-signature";
const FORM: &str = "application/x-www-form-urlencoded";
const STATUS: &str = "/webhooks/twilio/sms-status";
const INBOUND: &str = "/webhooks/twilio/sms-inbound";
/// As systems before this one named it.
const INBOUND_BEFORE: &str = "/webhooks/twilio/sms";
/// What Twilio posts of phone calls to our numbers.
const CALL: &str = "/webhooks/twilio/status-callback";
/// Where `doctor` makes a signed call through the public URL.
pub const PROBE: &str = "/webhooks/probe";

/// A phone call that ended sooner was hung up.
const HUNG_UP: Duration = Duration::from_secs(4);

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
enum Webhook<'a> {
    /// A delivery receipt that names its message alone, or on the attempt's own URL.
    Status(Option<&'a str>),
    /// A person's reply.
    Inbound,
    /// A phone call to one of our numbers has ended.
    PhoneCall,
    /// Something of a phone call of ours.
    Voice(VoiceWebhook<'a>),
    /// A set-up is checked: nothing is recorded or counted.
    Probe,
}

/// A callback that is not served, and why.
struct Refused(WebhookRefusal, Problem);

/// Whatever no other route serves: the webhooks, with or without the path of `public_url` and with or without a slash at the
/// end, as proxies and consoles differ. What is refused under `/webhooks` is counted, and alarms where it names our account.
pub(super) async fn called(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    let (parts, raw) = request.into_parts();
    let path = parts.uri.path();
    if let Some(token) = at_either(path, prefix(&state), links::token_at) {
        return match parts.method {
            Method::GET | Method::HEAD => links::shown(&state, token).await,
            Method::POST => links::taken(&state, token, parts.uri.query()).await,
            _ => Err(wrong_method()),
        };
    }
    if let Some(secret) = at_either(path, prefix(&state), feed::secret_at) {
        return match parts.method {
            Method::GET | Method::HEAD => feed::shown(&state, secret).await,
            _ => Err(wrong_method()),
        };
    }
    if !path.split('/').any(|part| part == "webhooks") {
        return Err(Problem::new(StatusCode::NOT_FOUND, "There is nothing at this path."));
    }
    let endpoint = endpoint_at(path, prefix(&state));
    let answered = posted(&state, &parts, raw).await;
    let status = match &answered {
        Ok(response) => response.status(),
        Err(problem) => problem.status(),
    };
    state.webhooks.answered(endpoint, status);
    answered
}

/// What metrics call a path.
fn endpoint_at(path: &str, prefix: &str) -> Endpoint {
    if let Some(way) = at_either(path, prefix, Way::at) {
        return match way {
            Way::Retell | Way::RetellFunction => Endpoint::Retell,
            Way::Vapi => Endpoint::Vapi,
            Way::Custom(_) => Endpoint::Intake,
        };
    }
    match at_either(path, prefix, webhook_at) {
        Some(Webhook::Status(_)) => Endpoint::SmsStatus,
        Some(Webhook::Inbound) => Endpoint::SmsInbound,
        Some(Webhook::PhoneCall) => Endpoint::CallStatus,
        Some(Webhook::Voice(_)) => Endpoint::Voice,
        Some(Webhook::Probe) => Endpoint::Probe,
        None => Endpoint::Other,
    }
}

async fn posted(state: &Arc<HttpState>, parts: &Parts, raw: Body) -> Result<Response, Problem> {
    let path = parts.uri.path();
    if let Some(way) = at_either(path, prefix(state), Way::at) {
        return intake::called(state, parts, raw, way).await;
    }
    let mut named = None;
    let answered = served(state, parts, raw, &mut named).await?;
    answered.map_err(|Refused(how, problem)| {
        // Whoever checks a set-up sees the answer, and must not set off the alarm that the check is to spare.
        if path.trim_end_matches('/').ends_with(PROBE) {
            return problem;
        }
        let is_own = named.is_some_and(|account| !account.is_empty() && account == self::account(state));
        state.refusals.refused_callback(how, is_own, state.core.clock.boot());
        problem
    })
}

/// `named` is the account that the request names, where it could be read. The outer error is no refusal: what is too large or
/// too slow may be anybody's, and what the store cannot take is not refused.
async fn served(
    state: &HttpState,
    parts: &Parts,
    raw: Body,
    named: &mut Option<String>,
) -> Result<Result<Response, Refused>, Problem> {
    let path = parts.uri.path();
    let wanted = at_either(path, prefix(state), webhook_at);
    if parts.method != Method::POST {
        *named = parts.uri.query().and_then(|query| form(query.as_bytes()).ok()).and_then(|pairs| account_of(&pairs));
        return Ok(Err(match wanted {
            Some(_) => Refused(WebhookRefusal::WrongMethod, wrong_method()),
            None => Refused(WebhookRefusal::UnknownPath, nothing_here()),
        }));
    }
    media_type(&parts.headers, FORM)?;
    let raw = body(state, raw).await?;
    let pairs = form(&raw).map_err(|why| Problem::bad_request(format!("The form cannot be read: {why}.")))?;
    *named = account_of(&pairs);
    let Some(wanted) = wanted else { return Ok(Err(Refused(WebhookRefusal::UnknownPath, nothing_here()))) };
    let unguarded = matches!(wanted, Webhook::Voice(VoiceWebhook::Key(..))) && Safeguard::KeySignature.is_off();
    if let Err(refused) = signed(state, parts, &pairs)
        && !unguarded
    {
        return Ok(Err(refused));
    }
    match wanted {
        Webhook::Status(attempt) => receipt(state, &pairs, attempt).await,
        Webhook::Inbound => inbound(state, &pairs).await,
        Webhook::PhoneCall => phone_call(state, &pairs).await,
        Webhook::Voice(wanted) => voice(state, &pairs, wanted).await,
        Webhook::Probe => Ok(probed(state, &pairs)),
    }
}

/// The path of `public_url`, without a slash at its end.
fn prefix(state: &HttpState) -> &str {
    state.settings.public_url.as_ref().map_or("", |url| url.path().trim_end_matches('/'))
}

/// What is at a path, if anything is, with or without the prefix before it.
fn at_either<'a, T>(path: &'a str, prefix: &str, at: impl Fn(&'a str) -> Option<T>) -> Option<T> {
    let stripped = path.strip_prefix(prefix).filter(|rest| rest.starts_with('/'));
    stripped.and_then(&at).or_else(|| at(path))
}

fn webhook_at(path: &str) -> Option<Webhook<'_>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    match path {
        STATUS => Some(Webhook::Status(None)),
        INBOUND | INBOUND_BEFORE => Some(Webhook::Inbound),
        CALL => Some(Webhook::PhoneCall),
        PROBE => Some(Webhook::Probe),
        _ if let Some(voice) = voice::webhook_at(path) => Some(Webhook::Voice(voice)),
        _ => {
            let attempt = path.strip_prefix(STATUS)?.strip_prefix('/')?;
            (!attempt.contains('/')).then_some(Webhook::Status(Some(attempt)))
        }
    }
}

async fn receipt(
    state: &HttpState,
    pairs: &[(String, String)],
    attempt: Option<&str>,
) -> Result<Result<Response, Refused>, Problem> {
    // An id is plain characters: one that is escaped is none of ours.
    let attempt: Option<AttemptId> = match attempt.map(str::parse).transpose() {
        Ok(attempt) => attempt,
        Err(_) => {
            let detail = "There is no such attempt. Nothing was recorded.";
            return Ok(Err(Refused(WebhookRefusal::UnknownPath, Problem::new(StatusCode::NOT_FOUND, detail))));
        }
    };
    let callback = match StatusCallback::parse(pairs, account(state)) {
        Ok(callback) => callback,
        Err(e) => return Ok(Err(wrong_shape(&e))),
    };
    state.refusals.good_callback();
    let update = StatusUpdate {
        attempt,
        sid: callback.sid,
        status: callback.status,
        code: callback.error_code,
        error_class: codes::classify(callback.error_code),
        source: Source::Receipt,
        provider_at: None,
    };
    failpoint::hit("receipt.before-commit");
    state.apply(Event::StatusUpdate(update), Actor::provider()).await?;
    failpoint::hit("receipt.committed");
    // Twilio logs an empty 200 as an error; 204 is what it takes.
    Ok(Ok(StatusCode::NO_CONTENT.into_response()))
}

/// A phone call of ours: what is to be said, what was pressed, how it goes.
async fn voice(
    state: &HttpState,
    pairs: &[(String, String)],
    wanted: VoiceWebhook<'_>,
) -> Result<Result<Response, Refused>, Problem> {
    let form = match VoiceForm::parse(pairs, account(state)) {
        Ok(form) => form,
        Err(e) => return Ok(Err(wrong_shape(&e))),
    };
    state.refusals.good_callback();
    voice::answer(state, form, wanted).await.map(Ok)
}

/// A phone call to one of our numbers is over: its platform may still report it.
async fn phone_call(state: &HttpState, pairs: &[(String, String)]) -> Result<Result<Response, Refused>, Problem> {
    let callback = match CallCallback::parse(pairs, account(state), state.core.clock.now()) {
        Ok(callback) => callback,
        Err(e) => return Ok(Err(wrong_shape(&e))),
    };
    state.refusals.good_callback();
    if let Some(event) = callback.is_completed_inbound.then(|| ended(callback)) {
        state.apply(event, Actor::provider()).await?;
    }
    Ok(Ok(StatusCode::NO_CONTENT.into_response()))
}

/// Whoever hung up at once and said nothing is waited for no longer.
fn ended(callback: CallCallback) -> Event {
    let CallCallback { phone, took, words, .. } = callback;
    let id = platform_call_id("twilio", &phone.id);
    if words.is_some() || took.is_none_or(|took| took >= HUNG_UP) {
        return Event::PhoneCallEnded(Box::new(EndedPhoneCall { id, phone, words }));
    }
    let from = phone.caller.as_deref().map_or_else(|| "a number that is not known".to_owned(), masked);
    Event::Note(Box::new(Note {
        call: Some(id),
        kind: LogKind::CallUnheard,
        message: format!("a phone call from {from} was hung up at once: nobody is told"),
        data: json!({ "twilioCallSid": phone.sid, "callerPhone": phone.caller, "twilioToNumber": phone.line }),
        alert: None,
        phone: Some(phone),
        over: None,
    }))
}

/// Proves to whoever knows the signing token, and signed with it, that this listener knows it too.
fn probed(state: &HttpState, pairs: &[(String, String)]) -> Result<Response, Refused> {
    let nonce = pairs.iter().find(|(name, _)| name == "Nonce").map(|(_, value)| value.as_str());
    let token = state.signature().first().cloned();
    let (Some(nonce), Some(token)) = (nonce, token) else {
        return Err(Refused(
            WebhookRefusal::WrongShape,
            Problem::bad_request("Nonce: is missing.").member("field", "Nonce"),
        ));
    };
    let document =
        json!({ "service": "dispatchctl", "mode": state.settings.mode, "proof": probe_proof(&token, nonce) });
    Ok(json_answer(StatusCode::OK, &document))
}

/// What [`PROBE`] answers to a nonce: an HMAC that signs nothing else.
pub fn probe_proof(token: &SecretString, nonce: &str) -> String {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.expose_secret().as_bytes()) else { return String::new() };
    mac.update(format!("dispatchctl-probe\n{nonce}").as_bytes());
    mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect()
}

/// A contact's reply; answered in TwiML.
async fn inbound(state: &HttpState, pairs: &[(String, String)]) -> Result<Result<Response, Refused>, Problem> {
    let sms = match InboundSms::parse(pairs, account(state)) {
        Ok(sms) => sms,
        Err(e) => return Ok(Err(wrong_shape(&e))),
    };
    state.refusals.good_callback();
    let text = InboundText {
        sid: sms.sid,
        from: sms.from.as_str().to_owned(),
        // With a messaging service the block is the service's, whichever of its numbers was written to.
        to: sms.service.unwrap_or_else(|| sms.to.as_str().to_owned()),
        body: sms.body.0,
        provider_replied: sms.opt_out.is_some(),
        at: None,
        at_ours: None,
        listed: false,
        waited_since: None,
    };
    let writer = Actor(masked(&text.from));
    failpoint::hit("reply.before-commit");
    let answer = state.apply(Event::Inbound(text), writer).await?;
    failpoint::hit("reply.committed");
    if !sms.odd.is_empty() {
        odd_webhook(state, &sms.odd).await;
    }
    let reply = if let Answer::Reply(reply) = answer { reply } else { String::new() };
    Ok(Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], twiml(&reply)).into_response()))
}

/// The text counts, and a person hears that the provider's form was not as it should be. Where that cannot be recorded the next one
/// says it: the text itself is.
async fn odd_webhook(state: &HttpState, odd: &[&str]) {
    let odd = odd.join(", ");
    let message = format!(
        "a text came in with {odd} missing or unknown: it was read by its words; look at it under the provider's console"
    );
    let key = AlertKind::WebhookOdd.about(&odd);
    let raised = state.apply(Event::Alert(AlertChange::Raise { key, call: None, message }), Actor::engine()).await;
    if raised.is_err() {
        warn!(parameters = odd, "a text came in with odd parameters, and its alert could not be recorded");
    }
}

fn account(state: &HttpState) -> &str {
    &state.settings.account_sid
}

fn account_of(pairs: &[(String, String)]) -> Option<String> {
    pairs.iter().find(|(name, _)| name == "AccountSid").map(|(_, value)| value.clone())
}

fn wrong_shape(e: &FormError) -> Refused {
    Refused(WebhookRefusal::WrongShape, Problem::bad_request(format!("{e}. Nothing was recorded.")))
}

fn nothing_here() -> Problem {
    let detail = format!(
        "There is no webhook at this path; there are {STATUS}, {INBOUND}, {CALL} and those of phone calls (voice, voice-key, voice-status, voice-inbound). Nothing was recorded."
    );
    Problem::new(StatusCode::NOT_FOUND, detail)
}

fn wrong_method() -> Problem {
    let detail = "A webhook takes POST alone: set it so in Twilio's console. Nothing was recorded.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).header(header::ALLOW, HeaderValue::from_static("POST"))
}

/// Whether the form truly comes from the provider. What a client says its host is decides nothing but capitals: a host that
/// is ours otherwise may have been written so in the provider's console.
fn signed(state: &HttpState, parts: &Parts, pairs: &[(String, String)]) -> Result<(), Refused> {
    let refused = |how| {
        let detail = "The request's signature is not valid. Nothing was recorded.";
        Refused(how, Problem::new(StatusCode::FORBIDDEN, detail).kind("signature", "The signature is not valid"))
    };
    let signature = one_signature(parts).ok_or_else(|| refused(WebhookRefusal::NoSignature))?;
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    let mut spellings: Vec<&str> = state.settings.public_host.iter().map(String::as_str).collect();
    spellings.extend(["host", "x-forwarded-host"].iter().filter_map(|name| spelled(&parts.headers, name)));
    let checker = state.signature();
    let url = state.settings.public_url.as_ref();
    let valid = url.is_some_and(|url| checker.verify_spelled(url.as_str(), &spellings, path, pairs, signature));
    if valid || Safeguard::Signature.is_off() { Ok(()) } else { Err(refused(WebhookRefusal::WrongSignature)) }
}

fn spelled<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn one_signature(parts: &Parts) -> Option<&str> {
    let mut all = parts.headers.get_all(SIGNATURE).iter();
    let (Some(one), None) = (all.next(), all.next()) else { return None };
    HeaderValue::to_str(one).ok()
}

/// An answer as TwiML; silence is an empty document.
pub(super) fn twiml(reply: &str) -> String {
    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    if reply.is_empty() {
        return format!("{HEAD}<Response/>");
    }
    let mut text = String::with_capacity(reply.len() + 16);
    for c in reply.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&apos;"),
            // What XML 1.0 cannot hold in any form.
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r') => {}
            c => text.push(c),
        }
    }
    format!("{HEAD}<Response><Message>{text}</Message></Response>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_found_with_and_without_the_prefix_and_the_slash() {
        let status = |attempt| Some(Webhook::Status(attempt));
        for (prefix, path, want) in [
            ("", STATUS, status(None)),
            ("", INBOUND, Some(Webhook::Inbound)),
            ("", "/webhooks/twilio/sms-inbound/", Some(Webhook::Inbound)),
            ("", "/webhooks/twilio/sms-inbound//", None),
            ("", "/webhooks/twilio/sms-status/att_1", status(Some("att_1"))),
            ("", "/webhooks/twilio/sms-status/att_1/", status(Some("att_1"))),
            ("", "/webhooks/twilio/sms-status/att_1/2", None),
            ("", "/webhooks/twilio/sms-statuses", None),
            ("", "/pre/webhooks/twilio/sms-inbound", None),
            ("/pre", "/pre/webhooks/twilio/sms-inbound", Some(Webhook::Inbound)),
            ("/pre", INBOUND, Some(Webhook::Inbound)),
            ("/pre", "/pre/pre/webhooks/twilio/sms-inbound", None),
            ("/pre", "/prefix/webhooks/twilio/sms-inbound", None),
            ("/webhooks", INBOUND, Some(Webhook::Inbound)),
            ("/webhooks", "/webhooks/webhooks/twilio/sms-inbound", Some(Webhook::Inbound)),
        ] {
            assert_eq!(at_either(path, prefix, webhook_at), want, "{prefix:?} {path:?}");
        }
    }

    #[test]
    fn an_answer_is_well_formed_whatever_it_holds() {
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
        for (reply, want) in [
            ("", "<Response/>"),
            ("Taken.", "<Response><Message>Taken.</Message></Response>"),
            ("a<b>&\"'c", "<Response><Message>a&lt;b&gt;&amp;&quot;&apos;c</Message></Response>"),
            ("a\u{0}\u{8}\nb\u{ffff}", "<Response><Message>a\nb</Message></Response>"),
            ("</Message>", "<Response><Message>&lt;/Message&gt;</Message></Response>"),
        ] {
            assert_eq!(twiml(reply), format!("{head}{want}"), "{reply:?}");
        }
    }
}
