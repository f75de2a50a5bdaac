//! The provider's requests in a phone call: signed, answered in words, and never with less than what is durable.

use axum::http::StatusCode;

use crate::domain::MessageStatus;
use crate::domain::alert::AlertKind;
use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::domain::codes::NO_CODE;
use crate::domain::event::{Event, SendOutcome};
use crate::domain::types::Actor;

use super::helpers::*;

fn form(sid: &str, more: &str) -> String {
    format!(
        "CallSid={sid}&AccountSid={ACCOUNT}&CallStatus=in-progress&Direction=outbound-api&From=%2B15557122661&To=%2B19495550101{more}"
    )
}

fn call_sid(n: u32) -> String {
    format!("CA{n:032x}")
}

/// A shop whose call test_123 rings Sam; the id of its attempt.
async fn shop_that_rings() -> (Shop, String) {
    let shop = shop();
    let mut directory = (*shop.core.directory()).clone();
    directory.voice_from = "+15557122661".parse().ok();
    for step in &mut directory.default_line.policies.get_mut("normal").expect("the policy").steps {
        step.channel = Channel::Voice;
    }
    shop.core.set_directory(directory.into());
    shop.post_json("/api/dispatch/manual", CALL).await;
    let a = shop.call("test_123").await.attempts[0].clone();
    assert_eq!(a.channel, Channel::Voice);
    let claim = Event::Claim { attempt: a.id, engine: "eng".into(), provider_after: None };
    let claimed = shop.core.apply(claim, Actor::engine()).await.expect("claimed");
    assert!(matches!(claimed, Answer::Send(_)), "{claimed:?}");
    let outcome = SendOutcome::Accepted {
        sid: call_sid(1).parse().expect("a SID"),
        status: MessageStatus::from_word("queued"),
        code: None,
        error_class: NO_CODE,
        provider_at: None,
        queued_for: std::time::Duration::ZERO,
    };
    shop.core.apply(Event::Sent { attempt: a.id, by: None, outcome }, Actor::engine()).await.expect("sent");
    (shop, a.id.to_string())
}

#[tokio::test]
async fn a_phone_call_is_told_the_job_and_a_key_takes_it_once() {
    let (shop, id) = shop_that_rings().await;
    let asked = shop.signed(&format!("/webhooks/twilio/voice/{id}/1"), &form(&call_sid(1), "")).await;
    assert_eq!(
        (asked.status, asked.header("content-type")),
        (StatusCode::OK, "text/xml; charset=utf-8"),
        "{}",
        asked.text
    );
    let action = format!("action=\"{PUBLIC_URL}/webhooks/twilio/voice-key/{id}/1#rc=3&amp;rp=all\"");
    assert!(asked.text.contains(&action) && asked.text.contains("Burst pipe"), "{}", asked.text);
    assert_eq!(shop.call("test_123").await.call.status, CallStatus::Dispatching);
    let again = shop.signed(&format!("/webhooks/twilio/voice/{id}/1"), &form(&call_sid(1), "")).await;
    assert_eq!(again.text, asked.text);
    let key = format!("/webhooks/twilio/voice-key/{id}/1");
    for _ in 0..2 {
        let taken = shop.signed(&key, &form(&call_sid(1), "&Digits=1&msg=Gather+End")).await;
        assert!(taken.status == StatusCode::OK && taken.text.contains("You have the job."), "{}", taken.text);
    }
    let ended = form(&call_sid(1), "&SipResponseCode=200&CallDuration=31").replace("in-progress", "completed");
    let told = shop.signed(&format!("/webhooks/twilio/voice-status/{id}"), &ended).await;
    assert_eq!((told.status, told.text.as_str()), (StatusCode::NO_CONTENT, ""));
    let state = shop.call("test_123").await;
    assert_eq!((state.call.status, state.attempts[0].state), (CallStatus::Acknowledged, AttemptState::Delivered));
    assert_eq!(state.call.holder.map(|h| h.as_str().to_owned()).as_deref(), Some("sam"));
}

#[tokio::test]
async fn what_is_not_of_this_phone_call_is_answered_in_words_and_changes_nothing() {
    let (shop, id) = shop_that_rings().await;
    let before = shop.call("test_123").await;
    let unknown = "att_0123456789abcdef0123456789abcdef";
    for (label, path, form) in [
        ("another phone call", format!("/webhooks/twilio/voice-key/{id}/1"), form(&call_sid(2), "&Digits=1")),
        ("an unknown attempt", format!("/webhooks/twilio/voice-key/{unknown}/1"), form(&call_sid(3), "&Digits=1")),
        ("no attempt", "/webhooks/twilio/voice-key/att_1/1".to_owned(), form(&call_sid(3), "&Digits=1")),
        ("an unknown attempt's words", format!("/webhooks/twilio/voice/{unknown}/1"), form(&call_sid(3), "")),
        ("somebody rings back", "/webhooks/twilio/voice-inbound".to_owned(), form(&call_sid(4), "")),
    ] {
        let answered = shop.signed(&path, &form).await;
        assert_eq!(answered.status, StatusCode::OK, "{label}: {}", answered.text);
        assert!(answered.text.contains("<Hangup/>") && !answered.text.contains("Burst"), "{label}: {}", answered.text);
        assert_eq!(shop.call("test_123").await.call, before.call, "{label}");
        assert!(!answered.text.contains("needs nobody"), "{label}: {}", answered.text);
    }
    let alerts = shop.core.store.alerts().await.expect("read");
    let unknown = alerts.iter().filter(|a| a.key.kind() == AlertKind::KeyNotKnown).count();
    assert_eq!(unknown, 2, "one for each phone call in which a key was pressed: {alerts:?}");
    for digits in ["0", "5", "%23", "11", "x", ""] {
        let path = format!("/webhooks/twilio/voice-key/{id}/1");
        let answered = shop.signed(&path, &form(&call_sid(1), &format!("&Digits={digits}"))).await;
        assert!(answered.text.contains(&format!("/voice-key/{id}/2#")), "{digits}: {}", answered.text);
    }
    let state = shop.call("test_123").await;
    assert_eq!((state.call.status, state.call.holder), (CallStatus::Dispatching, None));
}

#[tokio::test]
async fn a_key_without_a_signature_or_a_form_is_refused() {
    let (shop, id) = shop_that_rings().await;
    let key = format!("/webhooks/twilio/voice-key/{id}/1");
    let good = form(&call_sid(1), "&Digits=1");
    let forged = shop.ask("POST", &key, &[FORM, ("x-twilio-signature", "AAAA")], good.clone()).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let of_another_turn = sign(&format!("{PUBLIC_URL}/webhooks/twilio/voice-key/{id}/2"), &good);
    let moved = shop.ask("POST", &key, &[FORM, ("x-twilio-signature", &of_another_turn)], good.clone()).await;
    assert_eq!(moved.status, StatusCode::FORBIDDEN);
    let with_port =
        sign(&format!("{PUBLIC_URL}:443/webhooks/twilio/voice-key/{id}/1"), &form(&call_sid(1), "&Digits=9"));
    let ported =
        shop.ask("POST", &key, &[FORM, ("x-twilio-signature", &with_port)], form(&call_sid(1), "&Digits=9")).await;
    assert_eq!(ported.status, StatusCode::OK, "the port forms of texts hold here too");
    for (label, method, kind, body, want) in
        [("JSON", "POST", "application/json", "{}".to_owned(), 415), ("GET", "GET", FORM.1, good.clone(), 405)]
    {
        let answered = shop.ask(method, &key, &[("content-type", kind)], body).await;
        assert_eq!(answered.status.as_u16(), want, "{label}");
    }
    for (label, body) in [
        ("no CallSid", good.replace(&call_sid(1), "")),
        ("a message's", good.replace("CA", "SM")),
        ("two digits", format!("{good}&Digits=2")),
        ("another account", good.replace(ACCOUNT, "ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")),
    ] {
        assert_eq!(shop.signed(&key, &body).await.status, StatusCode::BAD_REQUEST, "{label}");
    }
    for path in [
        "/webhooks/twilio/voice-key/",
        &format!("{key}/2"),
        &format!("/webhooks/twilio/voice-key/{id}/x"),
        "/webhooks/twilio/voice-status/a/b",
    ] {
        assert_eq!(shop.signed(path, &good).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(shop.call("test_123").await.call.status, CallStatus::Dispatching);
}
