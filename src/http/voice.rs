//! The provider's requests in a phone call of ours: what is to be said, which key was pressed, how it goes.
//!
//! Whoever listens hears silence until the answer, so nothing outside is asked for it: commit, then answer. What is not known, not
//! of this phone call, or over is answered in words: the provider would say "an application error" in place of a refusal. A commit
//! that fails is answered 503; the provider asks again by its overrides (`facts/twilio-voice.md` §3).

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tracing::info;

use crate::domain::MessageStatus;
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::change::{Answer, Speech};
use crate::domain::codes::NO_CODE;
use crate::domain::event::{Event, PhoneTurn, Source, StatusUpdate};
use crate::domain::types::{Actor, AttemptId, MessageSid};
use crate::domain::voice::script;
use crate::failpoint;
use crate::gateways::twilio::voice_form::VoiceForm;

use super::problem::Problem;
use super::state::HttpState;

const ASKED: &str = "/webhooks/twilio/voice/";
const KEY: &str = "/webhooks/twilio/voice-key/";
const STATUS: &str = "/webhooks/twilio/voice-status/";
/// Somebody rings a number of ours back.
const INBOUND: &str = "/webhooks/twilio/voice-inbound";

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum VoiceWebhook<'a> {
    Asked(&'a str, u32),
    Key(&'a str, u32),
    Status(&'a str),
    RungBack,
}

/// What is at this path.
pub(super) fn webhook_at(path: &str) -> Option<VoiceWebhook<'_>> {
    if path == INBOUND {
        return Some(VoiceWebhook::RungBack);
    }
    if let Some(attempt) = path.strip_prefix(STATUS) {
        return (!attempt.contains('/')).then_some(VoiceWebhook::Status(attempt));
    }
    let split = |before: &str| path.strip_prefix(before).map(|p| p.split_once('/').unwrap_or((p, "1")));
    let number = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    match (split(KEY), split(ASKED)) {
        (Some((attempt, turn)), _) => Some(VoiceWebhook::Key(attempt, number(turn)?)),
        (_, Some((attempt, turn))) => Some(VoiceWebhook::Asked(attempt, number(turn)?)),
        _ => None,
    }
}

/// Answers a request that is signed; the inner error is its shape.
pub(super) async fn answer(state: &HttpState, form: VoiceForm, wanted: VoiceWebhook<'_>) -> Result<Response, Problem> {
    match wanted {
        VoiceWebhook::RungBack => Ok(twiml(script::rung_back())),
        VoiceWebhook::Status(attempt) => status(state, form, attempt.parse().ok()).await,
        VoiceWebhook::Asked(attempt, turn) => {
            let Ok(attempt) = attempt.parse() else { return Ok(said(state, None, &Speech::NotKnown)) };
            let at = PhoneTurn { attempt, sid: form.sid, turn, by_machine: form.by_machine };
            failpoint::hit("asked.before-commit");
            let answer = state.apply(Event::Asked(at), Actor::provider()).await?;
            failpoint::hit("asked.committed");
            Ok(in_words(state, attempt, answer))
        }
        VoiceWebhook::Key(attempt, turn) => {
            let sid = form.sid.clone();
            let Ok(attempt) = attempt.parse() else { return pressed_unknown(state, &sid).await };
            let at = PhoneTurn { attempt, sid: form.sid, turn, by_machine: form.by_machine };
            failpoint::hit("key.before-commit");
            let event = Event::Key { turn: at, digits: form.digits.unwrap_or_default() };
            let answer = state.apply(event, Actor::provider()).await?;
            failpoint::hit("key.committed");
            match &answer {
                Answer::Speak(speech) if **speech != Speech::NotKnown => Ok(in_words(state, attempt, answer)),
                _ => pressed_unknown(state, &sid).await,
            }
        }
    }
}

async fn status(state: &HttpState, form: VoiceForm, attempt: Option<AttemptId>) -> Result<Response, Problem> {
    let update = StatusUpdate {
        attempt,
        sid: form.sid,
        status: MessageStatus::from_word(&form.status),
        code: form.sip,
        error_class: NO_CODE,
        source: Source::Receipt,
        provider_at: None,
    };
    failpoint::hit("phone-status.before-commit");
    state.apply(Event::StatusUpdate(update), Actor::provider()).await?;
    failpoint::hit("phone-status.committed");
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn in_words(state: &HttpState, attempt: AttemptId, answer: Answer) -> Response {
    match answer {
        Answer::Speak(speech) => said(state, Some(attempt), &speech),
        _ => {
            info!(attempt.id = %attempt, "a phone call asks about an attempt that is not known here");
            said(state, None, &Speech::NotKnown)
        }
    }
}

/// Whoever pressed the key may believe that the job is theirs: a person must ask.
async fn pressed_unknown(state: &HttpState, sid: &MessageSid) -> Result<Response, Problem> {
    let what = format!(
        "somebody pressed a key in the phone call {sid}, which is not known here, and was told so: the store may have been restored, or the provider placed one twice; see in the provider's console whom it rang, ask them, then `dispatchctl seen {sid}`"
    );
    let change = AlertChange::Raise { key: AlertKind::KeyNotKnown.about(sid), call: None, message: what };
    state.apply(Event::Alert(change), Actor::provider()).await?;
    Ok(said(state, None, &Speech::NotKnown))
}

/// What is said, with the addresses that the provider asks next.
fn said(state: &HttpState, attempt: Option<AttemptId>, speech: &Speech) -> Response {
    let base = state.settings.public_url.as_ref().map_or("", |url| url.as_str()).trim_end_matches('/');
    let addresses =
        attempt.map(|id| script::Addresses { next: format!("{base}{ASKED}{id}/"), key: format!("{base}{KEY}{id}/") });
    twiml(script::say(speech, addresses.as_ref()))
}

fn twiml(document: script::Twiml) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], document.as_str().to_owned()).into_response()
}
