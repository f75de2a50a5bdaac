use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::json;

use crate::domain::attempt::AttemptState;
use crate::domain::call::CallStatus;
use crate::domain::event::Source;

use super::helpers::*;

const STATUS: &str = "/webhooks/twilio/sms-status";
const INBOUND: &str = "/webhooks/twilio/sms-inbound";

fn receipt(n: u32, word: &str) -> String {
    let sid = sid(n);
    format!("MessageSid={sid}&MessageStatus={word}&AccountSid={ACCOUNT}&To=%2B19495550101&From=%2B15005550006")
}

fn reply(n: u32, from: &str, text: &str) -> String {
    let body: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let sid = sid(n);
    format!("MessageSid={sid}&AccountSid={ACCOUNT}&From={from}&To=%2B15005550006&Body={body}&NumMedia=0")
}

const SAM: &str = "%2B19495550101";

/// A shop whose call test_123 has told sam; the path of its first attempt's receipts.
async fn shop_with_text() -> (Shop, String) {
    let shop = shop_with(Plan {
        gateway: Some(Provider::Accepts),
        tweak: Some(|s| s.limits.dispatch_wait = Duration::from_secs(10)),
        ..Plan::default()
    });
    let answered = shop.post_json("/api/dispatch/manual", CALL).await;
    assert_eq!(answered.status, StatusCode::CREATED, "{}", answered.text);
    let path = format!("{STATUS}/{}", shop.call("test_123").await.attempts[0].id);
    (shop, path)
}

#[tokio::test]
async fn hostile_callbacks_are_refused_and_leave_no_trace() {
    let shop = shop();
    let before = shop.rows();
    let good = receipt(1, "delivered");
    let unknown_attempt = "/webhooks/twilio/sms-status/att_0123";
    let big = format!("{good}&X={}", "a".repeat(70_000));
    let twice = format!("{good}&MessageSid={}", sid(2));
    let foreign = good.replace(ACCOUNT, "ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    let no_status = format!("MessageSid={}&AccountSid={ACCOUNT}", sid(1));
    let encoded = "/webhooks/twilio/sms-status/att%5F0123456789abcdef0123456789abcdef";
    for (label, path, form, want) in [
        ("no form", STATUS, "", 400),
        ("no status", STATUS, no_status.as_str(), 400),
        ("not a SID", STATUS, "MessageSid=SM1&MessageStatus=sent", 400),
        ("two SIDs", STATUS, twice.as_str(), 400),
        ("another account", STATUS, foreign.as_str(), 400),
        ("an error code that is none", STATUS, &format!("{good}&ErrorCode=3x"), 400),
        ("a broken escape", STATUS, &format!("{good}&X=%zz"), 400),
        ("half an escape", STATUS, &format!("{good}&X=%a"), 400),
        ("not UTF-8", STATUS, &format!("{good}&X=%ff"), 400),
        ("no attempt id", unknown_attempt, good.as_str(), 404),
        ("an escaped attempt id", encoded, good.as_str(), 404),
        ("too large", STATUS, big.as_str(), 413),
        ("a reply without a sender", INBOUND, &format!("MessageSid={}&To=%2B15005550006&Body=1", sid(3)), 400),
        ("no such path", "/webhooks/twilio/sms-statuses", good.as_str(), 404),
        ("a prefix that is none", "/pre/webhooks/twilio/sms-status", good.as_str(), 404),
        ("no such webhook", "/webhooks/twilio/voice", good.as_str(), 404),
    ] {
        let answered = shop.signed(path, form).await;
        assert_eq!(answered.status.as_u16(), want, "{label}: {}", answered.text);
        assert_eq!(answered.header("content-type"), "application/problem+json", "{label}");
        assert!(!answered.text.contains("+1949555"), "{label}: no number is repeated");
        assert_eq!(shop.rows(), before, "{label}");
    }
    for (label, method, content_type, want) in [
        ("GET", "GET", FORM.1, 405),
        ("PUT", "PUT", FORM.1, 405),
        ("JSON", "POST", "application/json", 415),
        ("a type that looks like it", "POST", "application/x-www-form-urlencoded2", 415),
    ] {
        let answered = shop.ask(method, STATUS, &[("content-type", content_type)], good.clone()).await;
        assert_eq!(answered.status.as_u16(), want, "{label}");
        assert_eq!(shop.rows(), before, "{label}");
    }
    let untyped = shop.ask("POST", STATUS, &[], good.clone()).await;
    assert_eq!(untyped.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn only_one_valid_signature_over_the_public_url_is_let_in() {
    let shop = shop();
    let before = shop.rows();
    let form = receipt(1, "delivered");
    let good = sign(&format!("{PUBLIC_URL}{STATUS}"), &form);
    let elsewhere = sign(&format!("https://other.example.com{STATUS}"), &form);
    let other_form = sign(&format!("{PUBLIC_URL}{STATUS}"), &receipt(1, "failed"));
    let other_path = sign(&format!("{PUBLIC_URL}{INBOUND}"), &form);
    let header = "x-twilio-signature";
    let forged: &[(&str, &[(&str, &str)])] = &[
        ("none", &[FORM]),
        ("empty", &[FORM, (header, "")]),
        ("not base64", &[FORM, (header, "!!!")]),
        ("of another host", &[FORM, (header, &elsewhere)]),
        ("of the Host header", &[FORM, ("host", "other.example.com"), (header, &elsewhere)]),
        ("of another form", &[FORM, (header, &other_form)]),
        ("of another path", &[FORM, (header, &other_path)]),
        ("two, the first valid", &[FORM, (header, &good), (header, "AAAA")]),
        ("two, the second valid", &[FORM, (header, "AAAA"), (header, &good)]),
        ("the same twice", &[FORM, (header, &good), (header, &good)]),
    ];
    for (label, headers) in forged {
        let answered = shop.ask("POST", STATUS, headers, form.clone()).await;
        assert_eq!(answered.status, StatusCode::FORBIDDEN, "{label}");
        assert_eq!(answered.json()["type"], "urn:dispatchctl:problem:signature", "{label}");
        assert_eq!(shop.rows(), before, "{label}");
    }
    let metrics = shop.get("/health").await.json()["metrics"].clone();
    assert_eq!(metrics["refusedCallbacks"], json!(forged.len()));
    assert_eq!(metrics["refusedOwnCallbacks"], json!(forged.len()), "they name our account");
    let with_query = format!("{STATUS}?a=b%20c");
    assert_eq!(
        shop.signed(&with_query, &form).await.status,
        StatusCode::NO_CONTENT,
        "a query is signed as it was sent"
    );
    assert_eq!(shop.signed(STATUS, &form).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_receipt_moves_its_attempt_once_however_often_it_comes() {
    let (shop, path) = shop_with_text().await;
    let answered = shop.signed(&path, &receipt(1, "delivered")).await;
    assert_eq!((answered.status, answered.text.as_str()), (StatusCode::NO_CONTENT, ""));
    assert!(answered.header("content-type").is_empty() && answered.header("x-request-id").starts_with("req_"));
    let delivered = shop.call("test_123").await;
    assert_eq!(delivered.attempts[0].state, AttemptState::Delivered);
    for (label, form) in [
        ("replayed", receipt(1, "delivered")),
        ("late", receipt(1, "sent")),
        ("a word that nobody knows", receipt(1, "teleported")),
        ("by SID", receipt(1, "delivered")),
    ] {
        let path = if label == "by SID" { STATUS } else { path.as_str() };
        assert_eq!(shop.signed(path, &form).await.status, StatusCode::NO_CONTENT, "{label}");
        assert_eq!(shop.call("test_123").await, delivered, "{label}");
    }
}

#[tokio::test]
async fn a_receipt_for_something_unknown_is_kept() {
    let shop = shop();
    let before = shop.rows();
    let path = format!("{STATUS}/att_0123456789abcdef0123456789abcdef");
    assert_eq!(shop.signed(&path, &receipt(9, "failed")).await.status, StatusCode::NO_CONTENT);
    let after = shop.rows();
    let sum = |rows: &std::collections::BTreeMap<String, i64>| rows.values().sum::<i64>();
    assert_eq!(sum(&after), sum(&before) + 1, "{before:?} {after:?}");
}

#[tokio::test]
async fn a_reply_takes_the_call_and_is_answered_alike_when_it_comes_again() {
    let (shop, _) = shop_with_text().await;
    let first = shop.signed(INBOUND, &reply(50, SAM, "1")).await;
    assert_eq!((first.status, first.header("content-type")), (StatusCode::OK, "text/xml; charset=utf-8"));
    assert!(first.text.starts_with("<?xml") && first.text.contains("<Response><Message>"), "{}", first.text);
    let taken = shop.call("test_123").await;
    assert_eq!(taken.call.status, CallStatus::Acknowledged);
    assert_eq!(taken.call.holder.as_ref().map(|h| h.as_str()), Some("sam"));
    let again = shop.signed(INBOUND, &reply(50, SAM, "1")).await;
    assert_eq!((again.status, again.text), (StatusCode::OK, first.text));
    assert_eq!(shop.call("test_123").await, taken);
    let stranger = shop.signed(INBOUND, &reply(51, "%2B19495550199", "1")).await;
    assert_eq!(stranger.text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>");
}

#[tokio::test]
async fn a_reply_of_an_odd_form_is_read_by_its_words_and_alarms() {
    let (shop, _) = shop_with_text().await;
    let bare = format!("MessageSid={}&From={SAM}&To=%2B15005550006", sid(3));
    assert_eq!(shop.signed(INBOUND, &bare).await.status, StatusCode::OK, "without a text");
    assert!(shop.open_alerts().await.contains(&"webhook-odd:Body".to_owned()));
    let paused = format!("{bare}&Body=STOP&OptOutType=PAUSE").replace(sid(3).as_str(), sid(4).as_str());
    assert_eq!(shop.signed(INBOUND, &paused).await.status, StatusCode::OK, "an unknown type of opt-out");
    let alerts = shop.open_alerts().await;
    assert!(alerts.contains(&"webhook-odd:OptOutType".to_owned()), "{alerts:?}");
    assert!(alerts.iter().any(|a| a.starts_with("opted-out:")), "STOP is heard by its word: {alerts:?}");
}

#[tokio::test]
async fn a_store_that_cannot_commit_is_answered_so_that_the_provider_comes_again() {
    let shop = shop_with(Plan { busy_timeout: Some(Duration::from_millis(30)), ..Plan::default() });
    let before = shop.rows();
    let held = rusqlite::Connection::open(shop.file()).expect("a connection");
    held.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    for (label, path, form) in [("receipt", STATUS, receipt(1, "sent")), ("reply", INBOUND, reply(2, SAM, "1"))] {
        let answered = shop.signed(path, &form).await;
        assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE, "{label}: {}", answered.text);
        assert!(!answered.header("retry-after").is_empty(), "{label}");
        assert_eq!(answered.json()["type"], "urn:dispatchctl:problem:store-unavailable", "{label}");
    }
    let refused = shop.post_json("/api/dispatch/manual", CALL).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "no false success: {}", refused.text);
    held.execute_batch("ROLLBACK").expect("released");
    assert_eq!(shop.rows(), before);
    assert_eq!(shop.signed(STATUS, &receipt(1, "sent")).await.status, StatusCode::NO_CONTENT, "it comes again");
    shop.store.close().await.expect("closed");
    let late = shop.signed(STATUS, &receipt(1, "delivered")).await;
    assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE, "a store that is closing");
}

#[tokio::test]
async fn a_receipt_is_answered_only_after_its_commit() {
    let (shop, path) = shop_with_text().await;
    let held = rusqlite::Connection::open(shop.file()).expect("a connection");
    held.busy_timeout(Duration::from_secs(5)).expect("a timeout");
    held.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let form = receipt(1, "delivered");
    let answer = shop.signed(&path, &form);
    tokio::pin!(answer);
    // While nothing can be committed there is no answer, however often others are answered meanwhile.
    for _ in 0..50 {
        tokio::select! {
            biased;
            early = answer.as_mut() => panic!("answered before the commit: {}", early.status),
            other = shop.ask("GET", "/livez", &[], Body::empty()) => assert_eq!(other.status, StatusCode::OK),
        }
    }
    assert_eq!(shop.call("test_123").await.attempts[0].state, AttemptState::Submitted);
    held.execute_batch("COMMIT").expect("released");
    assert_eq!(answer.await.status, StatusCode::NO_CONTENT);
    let story = shop.store.story(&"test_123".parse().expect("an id")).await.expect("a store").expect("the call");
    assert_eq!(story.state.attempts[0].state, AttemptState::Delivered);
    assert!(story.receipts.iter().any(|r| r.update.source == Source::Receipt));
}

#[tokio::test]
async fn a_webhook_is_served_with_and_without_the_prefix_the_slash_and_the_capitals() {
    let public = "https://dispatch.example.com/pre";
    let shop = shop_with(Plan {
        tweak: Some(|s| s.public_url = "https://dispatch.example.com/pre".parse().ok()),
        ..Plan::default()
    });
    let form = receipt(1, "delivered");
    let written = "https://Dispatch.Example.com/pre";
    let host = ("host", "Dispatch.Example.com:443");
    let of_proxy = ("x-forwarded-host", "Dispatch.Example.com");
    let slash = format!("{STATUS}/");
    let (kept, kept_slash) = (format!("/pre{STATUS}"), format!("/pre{slash}"));
    let cases: &[(&str, String, &str, Headers, u16)] = &[
        ("stripped by the proxy", format!("{public}{STATUS}"), STATUS, &[], 204),
        ("as it came", format!("{public}{STATUS}"), &kept, &[], 204),
        ("a slash at the end", format!("{public}{slash}"), &slash, &[], 204),
        ("a slash that the proxy took", format!("{public}{slash}"), &kept, &[], 204),
        ("a slash that the proxy added", format!("{public}{STATUS}"), &kept_slash, &[], 204),
        ("a port that the provider signed", format!("https://dispatch.example.com:443/pre{STATUS}"), &kept, &[], 204),
        ("capitals in the console", format!("{written}{STATUS}"), &kept, &[host], 204),
        (
            "capitals that a proxy tells of",
            format!("{written}{STATUS}"),
            STATUS,
            &[("host", "127.0.0.1"), of_proxy],
            204,
        ),
        ("capitals that nobody tells of", format!("{written}{STATUS}"), &kept, &[], 403),
        ("without the prefix in what was signed", format!("{PUBLIC_URL}{STATUS}"), STATUS, &[], 403),
        (
            "the host of the request",
            format!("https://evil.example/pre{STATUS}"),
            &kept,
            &[("host", "evil.example")],
            403,
        ),
        ("another prefix", format!("{PUBLIC_URL}/prefix{STATUS}"), "/prefix/webhooks/twilio/sms-status", &[], 404),
    ];
    for (label, url, path, headers, want) in cases {
        let signature = sign(url, &form);
        let headers = [&[FORM, ("x-twilio-signature", &signature)], *headers].concat();
        let answered = shop.ask("POST", path, &headers, form.clone()).await;
        assert_eq!(answered.status.as_u16(), *want, "{label}: {}", answered.text);
    }
    let as_written =
        shop_with(Plan { tweak: Some(|s| s.public_host = Some("Dispatch.Example.com".into())), ..Plan::default() });
    let signature = sign(&format!("https://Dispatch.Example.com{STATUS}"), &form);
    let headers = [FORM, ("x-twilio-signature", &signature), ("host", "127.0.0.1:3000")];
    let answered = as_written.ask("POST", STATUS, &headers, form.clone()).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT, "capitals of the configuration");
}

#[tokio::test]
async fn callbacks_of_our_account_that_are_refused_are_an_alarm_until_a_good_one_comes() {
    let shop = shop();
    tokio::spawn(crate::http::keep_refusal_alerts(shop.state.clone(), None, shop.stop.clone()));
    let form = receipt(1, "delivered");
    let stranger = form.replace(ACCOUNT, "ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    let health = async || shop.get("/health").await.json();
    let webhooks = async || {
        let document = health().await;
        let checks = document["checks"].as_array().expect("checks").clone();
        checks.into_iter().find(|c| c["name"] == "webhooks")
    };
    for _ in 0..5 {
        let answered = shop.ask("POST", STATUS, &[FORM, ("x-twilio-signature", "AAAA")], stranger.clone()).await;
        assert_eq!(answered.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(webhooks().await, None, "a stranger's noise");
    // A token that was rotated, a prefix that the proxy keeps, a number whose webhook is called by GET: each is refused.
    let get = format!("{INBOUND}?AccountSid={ACCOUNT}&Body=1");
    for (method, path, want) in
        [("POST", STATUS, 403), ("POST", "/pre/webhooks/twilio/sms-inbound", 404), ("GET", &get, 405)]
    {
        assert_eq!(webhooks().await, None, "not before the third: {path}");
        let body = if method == "POST" { form.clone() } else { String::new() };
        let answered = shop.ask(method, path, &[FORM, ("x-twilio-signature", "AAAA")], body).await;
        assert_eq!(answered.status.as_u16(), want, "{path}");
    }
    let check = webhooks().await.expect("a check");
    assert_eq!(check["status"], "degraded", "{check}");
    assert!(check["detail"].as_str().is_some_and(|d| d.contains("auth_token") && d.contains("SIGHUP")), "{check}");
    let metrics = health().await["metrics"].clone();
    assert_eq!((&metrics["refusedCallbacks"], &metrics["refusedOwnCallbacks"]), (&json!(8), &json!(3)));
    let alerts = async |want: &[&str]| {
        until("the alerts", async || {
            let open = shop.open_alerts().await;
            if open == want { Ok(()) } else { Err(format!("{open:?}")) }
        })
        .await;
    };
    alerts(&["webhooks-refused"]).await;
    assert_eq!(shop.signed(STATUS, &form).await.status, StatusCode::NO_CONTENT);
    assert_eq!(webhooks().await, None);
    alerts(&[]).await;
}

#[tokio::test]
async fn a_set_up_is_checked_by_a_signed_call_that_leaves_no_trace() {
    let shop = shop();
    let before = shop.rows();
    let form = format!("AccountSid={ACCOUNT}&Nonce=0123456789abcdef");
    let answered = shop.signed(crate::http::PROBE, &form).await;
    let proof = crate::http::probe_proof(&AUTH_TOKEN.to_owned().into(), "0123456789abcdef");
    assert_eq!((answered.status, &answered.json()["proof"]), (StatusCode::OK, &json!(proof)), "{}", answered.text);
    for _ in 0..4 {
        let answered =
            shop.ask("POST", crate::http::PROBE, &[FORM, ("x-twilio-signature", "AAAA")], form.clone()).await;
        assert_eq!(answered.status, StatusCode::FORBIDDEN);
    }
    let answered = shop.signed(crate::http::PROBE, &format!("AccountSid={ACCOUNT}")).await;
    assert_eq!(answered.status, StatusCode::BAD_REQUEST);
    assert_eq!(shop.rows(), before);
    let health = shop.get("/health").await.json();
    assert_eq!(health["metrics"]["refusedCallbacks"], 0, "whoever checks sees it");
}

#[tokio::test]
async fn signing_tokens_are_replaced_while_it_runs() {
    let shop = shop();
    let form = receipt(1, "delivered");
    shop.state.set_signing_tokens(vec!["another-token".to_owned().into()]);
    assert_eq!(shop.signed(STATUS, &form).await.status, StatusCode::FORBIDDEN);
    shop.state.set_signing_tokens(vec!["another-token".to_owned().into(), AUTH_TOKEN.to_owned().into()]);
    assert_eq!(shop.signed(STATUS, &form).await.status, StatusCode::NO_CONTENT, "both while rotating");
}
