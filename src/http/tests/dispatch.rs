use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::helpers::*;
use crate::domain::attempt::AttemptState;
use crate::http::state::DISPATCH_BODY_MAX;

const PATH: &str = "/api/dispatch/manual";

fn patient(provider: Provider) -> Plan {
    Plan {
        gateway: Some(provider),
        tweak: Some(|s| s.limits.dispatch_wait = Duration::from_secs(10)),
        ..Plan::default()
    }
}

#[tokio::test]
async fn an_accepted_call_is_on_disk_and_its_outcome_is_told_when_known() {
    let shop = shop_with(patient(Provider::Accepts));
    let answered = shop.post_json(PATH, CALL).await;
    assert_eq!(answered.status, StatusCode::CREATED, "{}", answered.text);
    assert_eq!(answered.header("location"), "/api/calls/test_123");
    let document = answered.json();
    assert_eq!(
        (&document["callId"], &document["created"], &document["mode"]),
        (&json!("test_123"), &json!(true), &json!("test"))
    );
    let sms = &document["channels"]["sms"];
    assert_eq!(
        (&sms["success"], &sms["sid"], &sms["attemptState"]),
        (&json!(true), &json!(sid(1)), &json!("submitted"))
    );
    assert_eq!(shop.call("test_123").await.attempts[0].state, AttemptState::Submitted);
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_an_outcome_too() {
    let shop = shop_with(patient(Provider::Refuses));
    let answered = shop.post_json(PATH, CALL).await;
    assert_eq!(answered.status, StatusCode::CREATED, "{}", answered.text);
    assert_eq!(answered.json()["channels"]["sms"]["success"], json!(false));
}

#[tokio::test]
async fn an_outcome_that_does_not_come_in_time_leaves_an_accepted_call() {
    let shop = shop_with(Plan { gateway: Some(Provider::NeverAnswers), ..Plan::default() });
    let answered = shop.post_json(PATH, CALL).await;
    assert_eq!(answered.status, StatusCode::ACCEPTED);
    assert_eq!(answered.json()["channels"]["sms"]["success"], Value::Null);
    let full = shop_with(Plan {
        tweak: Some(|s| {
            s.limits.dispatch_waiters = 0;
            s.limits.dispatch_wait = Duration::from_secs(3600);
        }),
        ..patient(Provider::NeverAnswers)
    });
    assert_eq!(full.post_json(PATH, CALL).await.status, StatusCode::ACCEPTED, "no seat to wait in: not waited for");
}

#[tokio::test]
async fn a_text_that_waits_for_its_sender_is_not_waited_for() {
    // Less than the minute until a probe may go.
    let long: fn(&mut crate::http::HttpSettings) = |s| s.limits.dispatch_wait = Duration::from_secs(45);
    let shop = shop_with(Plan { tweak: Some(long), ..patient(Provider::RefusesSender) });
    let refused = shop.post_json(PATH, CALL).await;
    assert_eq!(refused.json()["channels"]["sms"]["error"]["code"], json!(21606), "{}", refused.text);
    let answered =
        tokio::time::timeout(Duration::from_secs(30), shop.post_json(PATH, CALL.replace("test_123", "test_2")));
    let answered = answered.await.expect("an answer long before the wait is over");
    assert_eq!(answered.status, StatusCode::ACCEPTED, "{}", answered.text);
    assert_eq!(answered.json()["channels"]["sms"]["attemptState"], "scheduled", "{}", answered.text);
}

#[tokio::test]
async fn the_same_again_sends_nothing_and_other_data_is_a_conflict() {
    let shop = shop_with(patient(Provider::Accepts));
    assert_eq!(shop.post_json(PATH, CALL).await.status, StatusCode::CREATED);
    let first = shop.call("test_123").await;
    let with_more = r#"{"callData":{"callId":"test_123","issueSummary":" Burst pipe ","emergencyLevel":"NORMAL","callerPhone":"+19495550150","unheard":1}}"#;
    for (label, body) in [("the same", CALL), ("written otherwise, with a field nobody knows", with_more)] {
        let again = shop.post_json(PATH, body.to_owned()).await;
        assert_eq!(again.status, StatusCode::OK, "{label}: {}", again.text);
        assert_eq!(again.json()["created"], json!(false), "{label}");
        assert_eq!(again.header("location"), "/api/calls/test_123", "{label}");
    }
    let other = shop.post_json(PATH, CALL.replace("Burst pipe", "No heating")).await;
    assert_eq!((other.status, &other.json()["callId"]), (StatusCode::CONFLICT, &json!("test_123")));
    assert_eq!(other.json()["type"], "urn:dispatchctl:problem:call-differs");
    assert_eq!(shop.call("test_123").await, first);
}

#[tokio::test]
async fn an_idempotency_key_stands_in_for_a_call_id() {
    let shop = shop();
    let body = r#"{"callData":{"issueSummary":"Lift stuck"}}"#;
    let ask = async |key: &str| shop.ask("POST", PATH, &[LOCAL, JSON, ("idempotency-key", key)], body).await;
    let (one, again, two) = (ask("k-1").await, ask("k-1").await, ask("k-2").await);
    assert_eq!((one.status, again.status, two.status), (StatusCode::ACCEPTED, StatusCode::OK, StatusCode::ACCEPTED));
    let id = |a: &Answered| a.json()["callId"].as_str().unwrap_or_default().to_owned();
    assert!(id(&one).starts_with("call_") && id(&one) == id(&again) && id(&one) != id(&two));
    let neither = (shop.post_json(PATH, body).await, shop.post_json(PATH, body).await);
    assert_ne!(id(&neither.0), id(&neither.1), "without either, each is a call of its own");
}

#[tokio::test]
async fn hostile_dispatches_are_refused_and_leave_no_trace() {
    let shop = shop();
    let before = shop.rows();
    let long_id = format!(r#"{{"callId":"{}","callData":{{}}}}"#, "x".repeat(129));
    let deep = "[".repeat(5_000);
    let start = r#"{"callData":{"issueSummary":""#;
    let big = format!(r#"{start}{}"}}}}"#, "x".repeat(DISPATCH_BODY_MAX + 1 - start.len() - 3));
    assert_eq!(big.len(), DISPATCH_BODY_MAX + 1);
    for (label, body, want, field) in [
        ("empty", "", 400, None),
        ("not JSON", "{", 400, None),
        ("deep", deep.as_str(), 400, None),
        ("an array", "[]", 400, None),
        ("cut short", r#"{"callData":{"issueSummary":"No heat"#, 400, None),
        ("a number for an id", r#"{"callId":5,"callData":{}}"#, 400, Some("callId")),
        ("a space in the id", r#"{"callId":"a b","callData":{}}"#, 400, Some("callId")),
        ("an empty id", r#"{"callId":"","callData":{}}"#, 400, Some("callId")),
        ("a long id", long_id.as_str(), 400, Some("callId")),
        ("two ids", r#"{"callId":"a","callData":{"callId":"b"}}"#, 400, Some("callId")),
        ("an id that nobody sees", "{\"callId\":\"a\u{200b}\",\"callData\":{}}", 400, Some("callId")),
        ("half a character in the id", r#"{"callId":"a\ud83d","callData":{}}"#, 400, Some("callId")),
        ("an id twice", r#"{"callId":"a","callId":"b","callData":{}}"#, 400, Some("callId")),
        ("too large", big.as_str(), 413, None),
    ] {
        let answered = shop.post_json(PATH, body.to_owned()).await;
        assert_eq!(answered.status.as_u16(), want, "{label}: {}", answered.text);
        assert_eq!(answered.json()["field"].as_str(), field, "{label}");
        assert_eq!(shop.rows(), before, "{label}");
    }
    let raw: [(&str, Headers, &[u8], u16); 5] = [
        ("no type", &[LOCAL], CALL.as_bytes(), 415),
        ("a form", &[LOCAL, FORM], CALL.as_bytes(), 415),
        ("two types", &[LOCAL, JSON, JSON], CALL.as_bytes(), 415),
        ("two keys", &[LOCAL, JSON, ("idempotency-key", "a"), ("idempotency-key", "b")], CALL.as_bytes(), 400),
        ("an empty key", &[LOCAL, JSON, ("idempotency-key", "")], b"{\"callData\":{}}", 400),
    ];
    for (label, headers, body, want) in raw {
        let answered = shop.ask("POST", PATH, headers, body.to_vec()).await;
        assert_eq!(answered.status.as_u16(), want, "{label}: {}", answered.text);
        assert_eq!(shop.rows(), before, "{label}");
    }
    let got = shop.ask("GET", PATH, &[LOCAL], Body::empty()).await;
    assert_eq!((got.status, got.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
}

#[tokio::test]
async fn odd_paperwork_is_dispatched_with_an_alert() {
    let shop = shop();
    let body = r#"{"callId":"odd/1?é","callData":{"emergencyLevel":"apocalyptic","callerPhone":"withheld","contact":"nobody"}}"#;
    let answered = shop.post_json(PATH, body).await;
    assert_eq!(answered.status, StatusCode::ACCEPTED, "{}", answered.text);
    let location = answered.header("location").to_owned();
    assert_eq!(location, "/api/calls/odd%2F1%3F%C3%A9");
    assert_eq!(shop.get(&location).await.json()["callId"], "odd/1?é");
    let alerts = shop.core.store.alerts().await.expect("a store");
    let alert_keys: Vec<String> = alerts.iter().map(|a| a.key.to_string()).collect();
    assert_eq!(alert_keys, ["paperwork:odd/1?é"], "one alert names both: {alerts:?}");
}

#[tokio::test]
async fn a_dispatch_of_up_to_two_mebibytes_is_taken_and_what_is_shortened_is_named() {
    let shop = shop_with(patient(Provider::Accepts));
    let unknown = json!({"callId": "a", "issueSummary": "No heat", "transcript": "x".repeat(1_000_000)}).to_string();
    let issue = json!({"callId": "b", "callData": {"issueSummary": "x".repeat(70_000)}}).to_string();
    let head = r#"{"callId":"c","issueSummary":"No heat","pad":""#;
    let whole = format!(r#"{head}{}"}}"#, "x".repeat(DISPATCH_BODY_MAX - head.len() - 2));
    for (id, body, says) in [
        ("a", unknown, "transcript has 1000002 characters: the first 4000 are kept"),
        ("b", issue, "issueSummary has 70000 characters: the first 4000 are kept"),
        ("c", whole, "pad has"),
    ] {
        let answered = shop.post_json(PATH, body.clone()).await;
        assert_eq!(answered.status, StatusCode::CREATED, "{id}: {}", answered.text);
        let alerts = shop.core.store.alerts().await.expect("a store");
        let of: Vec<&str> = alerts.iter().filter(|a| a.key.subject() == id).map(|a| a.message.as_str()).collect();
        assert!(of.len() == 1 && of[0].contains(says), "{id}: {of:?}");
        assert!(serde_json::to_string(&shop.call(id).await.call.data).expect("JSON").len() < 20_000, "{id}");
        assert_eq!(shop.post_json(PATH, body).await.status, StatusCode::OK, "{id}: the same again");
    }
}

#[tokio::test]
async fn a_call_whose_id_holds_what_nobody_sees_is_found_by_the_same_request_again() {
    let shop = shop();
    let body = |id: &str| json!({"callId": id, "callData": {"issueSummary": "No heat"}}).to_string();
    let id = "a\u{200b}";
    assert_eq!(shop.post_json(PATH, body(id)).await.status, StatusCode::BAD_REQUEST, "a new one is refused");
    // As a version without this rule accepted it.
    let document = crate::engine::intake::json::read(body(id).as_bytes()).expect("JSON");
    let lenient = crate::engine::intake::Validation::Lenient;
    let mut before = crate::engine::intake::from_json(&document, lenient).expect("read");
    before.id_exists = true;
    let core = shop.core.clone();
    let make = move |held: &crate::engine::in_force::InForce| {
        crate::engine::intake::new_call(before.clone(), &held.directory, lenient, &core.ids, core.clock.now())
    };
    let made = shop.core.accept(make, crate::domain::types::Actor("test".into())).await.expect("a store");
    assert!(made.is_ok());
    let again = shop.post_json(PATH, body(id)).await;
    assert_eq!((again.status, again.json()["callId"].as_str()), (StatusCode::OK, Some(id)), "{}", again.text);
    assert_eq!(shop.post_json(PATH, body(id).replace("heat", "water")).await.status, StatusCode::CONFLICT);
}
