//! The reports of voice agents' platforms over the routes: who is let in, one call a phone call, and answers after the commit.

use axum::http::StatusCode;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use super::helpers::*;
use crate::config::intake::sample;
use crate::domain::log::LogKind;
use crate::http::state::DISPATCH_BODY_MAX;

const RETELL: &str = "/webhooks/retell/call-ended";
const FUNCTION: &str = "/webhooks/retell/function";
const VAPI: &str = "/webhooks/vapi";
const DESK: &str = "/webhooks/intake/desk";
const CALL_ID: &str = "retell:call_4f1c9a7be2d34c11a05f6d7e8b90c123";
const BEARER: (&str, &str) = ("authorization", "Bearer invented-vapi-token");

fn agents(gateway: Option<Provider>) -> Shop {
    shop_with(Plan { intake: sample(), gateway, ..Plan::default() })
}

fn fixture(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/intake").join(name);
    serde_json::from_slice(&std::fs::read(path).expect("a fixture")).expect("JSON")
}

fn hmac(key: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect()
}

impl Shop {
    /// As Retell posts it, signed at this moment and `ago_ms` before it.
    async fn retell(&self, path: &str, body: &[u8], ago_ms: i64) -> Answered {
        let at = (self.core.clock.now().as_millis() - ago_ms).to_string();
        let digest = hmac("key_test_0123456789", &[body, at.as_bytes()]);
        let signature = format!("v={at},d={digest}");
        self.ask("POST", path, &[JSON, ("x-retell-signature", &signature)], body.to_vec()).await
    }

    async fn vapi(&self, body: &Value) -> Answered {
        self.ask("POST", VAPI, &[JSON, BEARER], body.to_string()).await
    }

    async fn reported(&self, id: &str) -> usize {
        let story = self.store.story(&id.parse().expect("an id")).await.expect("a store").expect("a story");
        story.log.iter().filter(|l| l.entry.kind == LogKind::CallReported).count()
    }
}

#[tokio::test]
async fn a_platform_that_is_not_configured_has_no_path() {
    let shop = shop();
    for path in [RETELL, FUNCTION, VAPI, DESK, "/webhooks/intake/nobody"] {
        let answered = shop.ask("POST", path, &[JSON, BEARER], "{}").await;
        assert_eq!(answered.status, StatusCode::NOT_FOUND, "{path}: {}", answered.text);
    }
    let on = agents(None);
    assert_eq!(on.ask("POST", "/webhooks/intake/nobody", &[JSON, BEARER], "{}").await.status, StatusCode::NOT_FOUND);
    let got = on.ask("GET", RETELL, &[], "").await;
    assert_eq!((got.status, got.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
}

#[tokio::test]
async fn a_report_is_a_call_and_the_same_again_changes_nothing() {
    let shop = agents(None);
    let body = fixture("retell-call-analyzed.json").to_string();
    let first = shop.retell(RETELL, body.as_bytes(), 0).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert_eq!((&first.json()["callId"], &first.json()["created"]), (&json!(CALL_ID), &json!(true)));
    assert!(!first.text.contains("5550"), "no number goes back to the platform: {}", first.text);
    let call = shop.call(CALL_ID).await;
    assert_eq!((call.call.created_by.0.as_str(), call.attempts.len()), ("retell webhook", 1));
    let rows = shop.rows();
    // Signed anew, as a retry may be, and behind the prefix's slash.
    for (path, ago) in [(RETELL, 0), (RETELL, 60_000), ("/webhooks/retell/call-ended/", 0)] {
        let again = shop.retell(path, body.as_bytes(), ago).await;
        assert_eq!((again.status, &again.json()["created"]), (StatusCode::OK, &json!(false)), "{}", again.text);
    }
    assert_eq!(shop.rows(), rows);
    let ended = fixture("retell-call-ended.json").to_string();
    assert_eq!(shop.retell(RETELL, ended.as_bytes(), 0).await.json()["created"], json!(false), "in any order");
    assert_eq!((shop.call(CALL_ID).await.attempts.len(), shop.reported(CALL_ID).await), (1, 2));
    assert_eq!(shop.open_alerts().await, Vec::<String>::new());
}

#[tokio::test]
async fn twice_in_the_same_moment_is_one_call() {
    let shop = agents(None);
    let body = fixture("retell-call-analyzed.json").to_string();
    let answers = futures_util::future::join_all((0..8).map(|n| shop.retell(RETELL, body.as_bytes(), n))).await;
    let created = answers.iter().filter(|a| a.json()["created"] == json!(true)).count();
    assert_eq!((created, answers.iter().filter(|a| a.status == StatusCode::OK).count()), (1, 8));
    assert_eq!((shop.call(CALL_ID).await.attempts.len(), shop.reported(CALL_ID).await), (1, 1));
}

#[tokio::test]
async fn the_end_of_a_call_is_on_disk_and_waits_for_its_analysis() {
    let shop = agents(None);
    let ended = fixture("retell-call-ended.json").to_string();
    assert_eq!(shop.retell(RETELL, ended.as_bytes(), 0).await.json()["created"], json!(true));
    assert_eq!(shop.call(CALL_ID).await.attempts.len(), 0);
    let analyzed = fixture("retell-call-analyzed.json").to_string();
    assert_eq!(shop.retell(RETELL, analyzed.as_bytes(), 0).await.json()["created"], json!(false));
    let call = shop.call(CALL_ID).await;
    assert_eq!(call.attempts.len(), 1);
    assert_eq!(call.call.data.address.as_deref(), Some("12 Oak Street, Irvine"));
}

#[tokio::test]
async fn what_proves_nothing_is_refused_counted_and_pages() {
    let shop = agents(None);
    let body = fixture("retell-call-analyzed.json").to_string();
    let rows = shop.rows();
    let refused = [
        shop.ask("POST", RETELL, &[JSON], body.clone()).await,
        shop.ask("POST", RETELL, &[JSON, ("x-retell-signature", "v=1795600000000,d=00")], body.clone()).await,
        shop.ask("POST", FUNCTION, &[JSON, ("x-twilio-signature", "x")], body.clone()).await,
        shop.ask("POST", VAPI, &[JSON], body.clone()).await,
        shop.ask("POST", VAPI, &[JSON, ("x-vapi-signature", "invented-vapi-token")], body.clone()).await,
        shop.ask("POST", DESK, &[JSON, BEARER], body.clone()).await,
        // Whoever offers no proof sends no body, however large.
        shop.ask("POST", VAPI, &[JSON], "x".repeat(DISPATCH_BODY_MAX)).await,
    ];
    for answered in refused {
        assert_eq!(answered.status, StatusCode::UNAUTHORIZED, "{}", answered.text);
    }
    assert_eq!((shop.rows(), shop.state.refusals.counts()), (rows, (7, 0)));
    let stop = CancellationToken::new();
    let keeper = tokio::spawn(crate::http::keep_refusal_alerts(shop.state.clone(), None, stop.clone()));
    let want = ["reports-refused:desk", "reports-refused:retell", "reports-refused:vapi"];
    until("the alerts", async || {
        let mut alerts = shop.open_alerts().await;
        alerts.sort();
        if alerts == want { Ok(()) } else { Err(format!("{alerts:?}")) }
    })
    .await;
    stop.cancel();
    keeper.await.expect("the keeper ends");
}

#[tokio::test]
async fn yesterdays_signature_is_let_in_and_said() {
    let shop = agents(None);
    let body = fixture("retell-call-analyzed.json").to_string();
    let answered = shop.retell(RETELL, body.as_bytes(), 86_400_000).await;
    assert_eq!((answered.status, &answered.json()["created"]), (StatusCode::OK, &json!(true)));
    let alerts = shop.store.alerts().await.expect("a store");
    assert!(alerts.iter().any(|a| a.message.contains("86400 s off this machine's clock")), "{alerts:?}");
    // Of a call that is known it says nothing new.
    let rows = shop.rows();
    assert_eq!(shop.retell(RETELL, body.as_bytes(), 86_400_000).await.json()["created"], json!(false));
    assert_eq!(shop.rows(), rows);
}

#[tokio::test]
async fn what_is_signed_and_cannot_be_read_is_kept_and_pages() {
    let shop = agents(None);
    for body in [&b"{\"event\":\"call_analyzed\",\"call\":{\"transcript\":\"gas sm"[..], b"\xff\xfe\x00", b"{}"] {
        let answered = shop.retell(RETELL, body, 0).await;
        assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    }
    let log = shop.store.log(&crate::store::LogFilter { limit: 20, ..Default::default() }).await.expect("a log");
    let kept: Vec<_> = log.iter().filter(|l| l.entry.kind == LogKind::ReportUnread).collect();
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().any(|l| l.entry.data["raw"].as_str().is_some_and(|raw| raw.contains("gas sm"))));
    assert!(kept.iter().all(|l| !l.entry.message.contains("gas sm")), "a person's words stand in no line");
    assert_eq!(shop.open_alerts().await.iter().filter(|a| a.starts_with("report-unread:")).count(), 3);
}

#[tokio::test]
async fn other_events_are_nothing_and_silence_wakes_nobody() {
    let shop = agents(None);
    let rows = shop.rows();
    for change in ["/event", "/call/call_type"] {
        let mut body = fixture("retell-call-analyzed.json");
        *body.pointer_mut(change).expect("there") = json!("web_call");
        assert_eq!(
            shop.retell(RETELL, body.to_string().as_bytes(), 0).await.status,
            StatusCode::NO_CONTENT,
            "{change}"
        );
    }
    assert_eq!(shop.rows(), rows);
    let mut silent = fixture("retell-call-analyzed.json");
    silent["call"]["transcript"] = "".into();
    silent["call"]["call_analysis"] = json!({});
    silent["call"]["disconnection_reason"] = "concurrency_limit_reached".into();
    assert_eq!(shop.retell(RETELL, silent.to_string().as_bytes(), 0).await.status, StatusCode::OK);
    assert_eq!(shop.rows()["calls"], 0);
    assert_eq!(shop.open_alerts().await, [format!("unheard:{CALL_ID}")]);
}

#[tokio::test]
async fn a_function_dispatches_and_a_second_one_asks_how_it_stands() {
    let shop = agents(Some(Provider::Accepts));
    let mut body = fixture("retell-function.json");
    let first = shop.retell(FUNCTION, body.to_string().as_bytes(), 0).await;
    let said = first.json()["result"].as_str().map(str::to_owned).unwrap_or_default();
    assert!(first.status == StatusCode::OK && !said.contains('\n') && !said.contains("on the way"), "{}", first.text);
    body["name"] = "dispatch_status".into();
    until("the text", async || {
        let said = shop.retell(FUNCTION, body.to_string().as_bytes(), 0).await.text;
        if said.contains("has been notified") { Ok(()) } else { Err(said) }
    })
    .await;
    // Its report comes second: the same call, one text.
    let report = fixture("retell-call-analyzed.json").to_string();
    assert_eq!(shop.retell(RETELL, report.as_bytes(), 0).await.json()["created"], json!(false));
    let ack = format!("/api/calls/{CALL_ID}/ack");
    assert_eq!(shop.post_json(&ack, json!({"by": "mia", "contact": "sam"}).to_string()).await.status, StatusCode::OK);
    let taken = shop.retell(FUNCTION, body.to_string().as_bytes(), 0).await.text;
    assert!(taken.contains("has taken it"), "{taken}");
    assert_eq!(shop.call(CALL_ID).await.attempts.len(), 1);
}

#[tokio::test]
async fn vapis_tools_are_answered_one_by_one_and_its_report_joins() {
    let shop = agents(None);
    let answered = shop.vapi(&fixture("vapi-tool-calls.json")).await;
    let results = answered.json()["results"].clone();
    assert_eq!(answered.status, StatusCode::OK);
    let named: Vec<_> = results.as_array().expect("a list").iter().map(|r| (&r["toolCallId"], &r["name"])).collect();
    assert_eq!(
        named,
        [(&json!("call_a1"), &json!("dispatch_technician")), (&json!("call_a2"), &json!("dispatch_status"))]
    );
    assert!(
        results[0]["result"].as_str().is_some_and(|r| r.contains("being notified") && !r.contains('\n')),
        "{results}"
    );
    let report = shop.vapi(&fixture("vapi-end-of-call-report.json")).await;
    assert_eq!((report.status, &report.json()["created"]), (StatusCode::OK, &json!(false)));
    let id = "vapi:3f0c2f1e-0000-4000-8000-000000000001";
    assert_eq!((shop.call(id).await.attempts.len(), shop.reported(id).await), (1, 2));
    let asked = json!({"message": {"type": "tool-calls", "call": {"id": "other"},
        "toolCallList": [{"id": "t", "name": "get_status", "parameters": {}}]}});
    assert!(shop.vapi(&asked).await.text.contains("Nothing has been dispatched"));
}

#[tokio::test]
async fn without_its_store_it_is_503_and_vapis_tool_says_it_in_words() {
    let busy_timeout = Some(std::time::Duration::from_millis(50));
    let shop = shop_with(Plan { intake: sample(), busy_timeout, ..Plan::default() });
    let conn = rusqlite::Connection::open(shop.file()).expect("a connection");
    conn.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let body = fixture("retell-call-analyzed.json").to_string();
    let answered = shop.retell(RETELL, body.as_bytes(), 0).await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answered.text);
    let tools = shop.vapi(&fixture("vapi-tool-calls.json")).await;
    assert_eq!(tools.status, StatusCode::OK);
    assert!(tools.json()["results"][0]["error"].as_str().is_some_and(|e| e.contains("could not be recorded")));
    conn.execute_batch("ROLLBACK").expect("unlocked");
    assert_eq!(shop.retell(RETELL, body.as_bytes(), 0).await.json()["created"], json!(true));
}

#[tokio::test]
async fn any_other_platform_posts_what_it_has() {
    let shop = agents(None);
    let body = fixture("answering-service.json").to_string();
    let signature = hmac("invented-desk-hmac", &[body.as_bytes()]);
    let signed = shop.ask("POST", DESK, &[("x-signature", &signature)], body.clone()).await;
    assert_eq!(signed.status, StatusCode::OK, "{}", signed.text);
    let by_token = ("authorization", "Bearer invented-desk-token");
    assert_eq!(shop.ask("POST", DESK, &[JSON, by_token], body).await.json()["created"], json!(false));
    let call = shop.call("desk:TK-2026-0142").await;
    assert_eq!(call.call.data.issue_summary.as_deref(), Some("Sewage in the basement"));
}

#[tokio::test]
async fn a_report_may_be_as_large_as_a_transcript() {
    let shop = agents(None);
    let mut body = fixture("retell-call-analyzed.json");
    body["call"]["transcript_object"] = json!([{"role": "user", "content": "x".repeat(DISPATCH_BODY_MAX - 8_192)}]);
    assert_eq!(shop.retell(RETELL, body.to_string().as_bytes(), 0).await.status, StatusCode::OK);
    let large = "x".repeat(DISPATCH_BODY_MAX + 1);
    assert_eq!(shop.retell(RETELL, large.as_bytes(), 0).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn random_bodies_are_never_our_fault() {
    use rand::{RngExt as _, SeedableRng as _};
    let shop = agents(None);
    let mut chance = rand::rngs::StdRng::seed_from_u64(11);
    let whole: Vec<Vec<u8>> =
        ["retell-call-ended.json", "retell-function.json", "vapi-tool-calls.json", "answering-service.json"]
            .map(|name| fixture(name).to_string().into_bytes())
            .to_vec();
    for round in 0..200 {
        let mut body = whole[round % whole.len()].clone();
        for _ in 0..chance.random_range(0..6) {
            let at = chance.random_range(0..body.len());
            body[at] = chance.random();
        }
        body.truncate(chance.random_range(0..=body.len()));
        let answers = [
            shop.retell(RETELL, &body, 0).await,
            shop.retell(FUNCTION, &body, 0).await,
            shop.ask("POST", VAPI, &[BEARER], body.clone()).await,
            shop.ask("POST", DESK, &[("authorization", "Bearer invented-desk-token")], body.clone()).await,
        ];
        for answered in answers {
            assert!(answered.status.is_success(), "{}: {:?}", answered.status, String::from_utf8_lossy(&body));
        }
    }
}
