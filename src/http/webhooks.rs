//! The provider's webhooks: delivery receipts and replies.
//!
//! Signature over the public URL and the raw path and query, strict shapes, apply, and an answer only after the commit: what
//! could not be made durable is answered 503, so that the provider brings it again. A duplicate is answered like the first.
//! Source: `facts/twilio.md` §6 to §8.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tracing::warn;

use crate::domain::event::{Answer, Event, InboundText, News, Source};
use crate::domain::phone::masked;
use crate::domain::types::{Actor, AttemptId};
use crate::gateways::twilio::codes;
use crate::gateways::twilio::wire::{FormError, InboundSms, StatusCallback};

use crate::killpoint::{self, Guard};

use super::HttpState;
use super::problem::Problem;
use super::request::{body, form, media_type};

const SIGNATURE: &str = "x-twilio-signature";
/// A refused callback is told of at most this often; the others are counted.
const TELL_EVERY_MS: i64 = 10_000;

/// A delivery receipt that names its message alone.
pub(super) async fn status(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    receipt(&state, request, None).await
}

/// A delivery receipt on the attempt's own URL.
pub(super) async fn status_of(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    // An id is plain characters: one that is escaped is none of ours.
    let last = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    receipt(&state, request, Some(&last)).await
}

async fn receipt(state: &HttpState, request: Request, attempt: Option<&str>) -> Result<Response, Problem> {
    let pairs = signed_form(state, request).await?;
    let attempt: Option<AttemptId> = attempt
        .map(str::parse)
        .transpose()
        .map_err(|_| Problem::new(StatusCode::NOT_FOUND, "There is no such attempt. Nothing was recorded."))?;
    let callback = StatusCallback::parse(&pairs, account(state)).map_err(wrong_shape)?;
    let news = News {
        attempt,
        sid: callback.sid,
        status: callback.status,
        code: callback.error_code,
        asks: codes::classify(callback.error_code),
        source: Source::Receipt,
        provider_at: None,
    };
    killpoint::hit("receipt.before-commit");
    state.apply(Event::News(news), Actor::provider()).await?;
    killpoint::hit("receipt.committed");
    // Twilio logs an empty 200 as an error; 204 is what it takes.
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A contact's reply; answered in TwiML.
pub(super) async fn inbound(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    let pairs = signed_form(&state, request).await?;
    let sms = InboundSms::parse(&pairs, account(&state)).map_err(wrong_shape)?;
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
    };
    let writer = Actor(masked(&text.from));
    killpoint::hit("reply.before-commit");
    let answer = state.apply(Event::Inbound(text), writer).await?;
    killpoint::hit("reply.committed");
    let reply = if let Answer::Reply(reply) = answer { reply } else { String::new() };
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], twiml(&reply)).into_response())
}

fn account(state: &HttpState) -> &str {
    &state.settings.account_sid
}

fn wrong_shape(e: FormError) -> Problem {
    Problem::bad_request(format!("{e}. Nothing was recorded."))
}

/// The decoded form of a request that truly comes from the provider.
async fn signed_form(state: &HttpState, request: Request) -> Result<Vec<(String, String)>, Problem> {
    let (parts, raw) = request.into_parts();
    media_type(&parts.headers, "application/x-www-form-urlencoded")?;
    let signature = one_signature(&parts).ok_or_else(|| refuse(state, "without exactly one signature"))?.to_owned();
    let raw = body(state, raw).await?;
    let pairs = form(&raw).map_err(|why| Problem::bad_request(format!("The form cannot be read: {why}.")))?;
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    let url = state.settings.public_url.as_ref();
    let valid = url.is_some_and(|url| state.signature.verify(url, path, &pairs, &signature));
    if valid || Guard::Signature.is_off() {
        Ok(pairs)
    } else {
        Err(refuse(state, "with a signature that is not valid"))
    }
}

fn one_signature(parts: &Parts) -> Option<&str> {
    let mut all = parts.headers.get_all(SIGNATURE).iter();
    let (Some(one), None) = (all.next(), all.next()) else { return None };
    HeaderValue::to_str(one).ok()
}

/// Counts it, and tells of it now and then: anybody can make them by the thousand.
fn refuse(state: &HttpState, how: &'static str) -> Problem {
    let count = state.refused_callbacks.fetch_add(1, Ordering::Relaxed) + 1;
    let now = i64::try_from(state.core.clock.boot().as_millis()).unwrap_or(i64::MAX);
    let told = state.refusal_told_at.load(Ordering::Relaxed);
    let due = told == i64::MIN || now.saturating_sub(told) >= TELL_EVERY_MS;
    if due && state.refusal_told_at.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        warn!(
            refused = count,
            "a callback {how} was refused; if the provider sent it, check the auth token and public_url"
        );
    }
    Problem::new(StatusCode::FORBIDDEN, "The request's signature is not valid. Nothing was recorded.")
        .kind("signature", "The signature is not valid")
}

/// An answer as TwiML; silence is an empty document.
fn twiml(reply: &str) -> String {
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
