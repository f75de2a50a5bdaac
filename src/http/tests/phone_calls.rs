//! Twilio's word that a phone call has ended, and the shapes and names of the system before this one.

use axum::http::StatusCode;
use serde_json::json;

use super::helpers::*;

const ENDED: &str = "/webhooks/twilio/status-callback";
const MANUAL: &str = "/api/dispatch/manual";

fn form(n: u32, more: &str) -> String {
    format!(
        "CallSid=CA{n:032x}&AccountSid={ACCOUNT}&CallStatus=completed&Direction=inbound&From=%2B19495550142&To=%2B18005550100{more}"
    )
}

#[tokio::test]
async fn the_end_of_an_inbound_call_waits_on_disk_for_its_report() {
    let shop = shop();
    let ended = form(1, "&CallDuration=62&TranscriptionText=the+pipe+has+burst");
    for _ in 0..2 {
        let answered = shop.signed(ENDED, &ended).await;
        assert_eq!((answered.status, answered.text.as_str()), (StatusCode::NO_CONTENT, ""));
    }
    let due = shop.store.next_phone_call().await.expect("read").expect("it waits");
    let left = due.since(shop.core.clock.now()).as_secs();
    assert!((170..=180).contains(&left), "{left}");
    let waiting = shop.store.phone_calls_due(due, 9).await.expect("read");
    assert_eq!((waiting.len(), waiting[0].words.as_deref()), (1, Some("the pipe has burst")));
    let log = shop.get("/api/log").await;
    assert_eq!(log.text.matches("it is dispatched").count(), 1, "{}", log.text);
    let rows = shop.rows();
    for (label, form) in [
        ("another status", form(2, "").replace("completed", "ringing")),
        ("a call of ours", form(3, "").replace("inbound", "outbound-api")),
    ] {
        assert_eq!(shop.signed(ENDED, &form).await.status, StatusCode::NO_CONTENT, "{label}");
        assert_eq!(shop.rows(), rows, "{label}");
    }
    let unsigned = shop.ask("POST", ENDED, &[FORM], form(4, "")).await;
    assert_eq!(unsigned.status, StatusCode::FORBIDDEN);
    let odd = shop.signed(ENDED, &form(5, "&CallSid=CA1")).await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST, "{}", odd.text);
    assert_eq!(shop.rows(), rows);
    assert_eq!(shop.signed(ENDED, &form(6, "&CallDuration=3")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        shop.store.phone_calls_due(due.plus(std::time::Duration::from_secs(999)), 9).await.expect("read").len(),
        1
    );
    assert!(shop.get("/api/log").await.text.contains("hung up at once"));
}

#[tokio::test]
async fn an_intake_of_before_is_read_by_its_names_and_answered_in_its_shape() {
    let shop = shop();
    let body = json!({ "call_id": "zap-1", "from": "+19495550142", "callback_number": "this number", "urgency": "HIGH",
        "issue": "No heat", "to_number": "+18005550100" });
    let answered = shop.post_json(&format!("{MANUAL}?shape=v2"), body.to_string()).await;
    assert!(answered.status.is_success(), "{}", answered.text);
    let document = answered.json();
    assert_eq!((&document["success"], &document["result"]["success"]), (&json!(true), &json!(true)));
    assert_eq!((&document["callId"], &document["result"]["callId"]), (&json!("zap-1"), &json!("zap-1")));
    assert_eq!(document["result"]["status"], document["status"]);
    let call = shop.call("zap-1").await.call;
    let data = &call.data;
    assert_eq!((data.emergency_level.as_deref(), data.issue_summary.as_deref()), (Some("HIGH"), Some("No heat")));
    assert_eq!(call.data.caller_phone.as_deref(), Some("+19495550142"));
    assert_eq!(call.data.twilio_to_number.as_deref(), Some("+18005550100"));
    // A name of theirs beside ours is a field like others, whatever it holds.
    for (body, id) in [
        (json!({ "callId": "a-1", "callData": { "call_id": "other", "issue": "No heat" } }), "a-1"),
        (json!({ "callId": "a-2", "call_id": { "x": 1 }, "issue": "No heat" }), "a-2"),
        (json!({ "callId": null, "call_id": 12345, "issue": "No heat" }), "12345"),
    ] {
        let answered = shop.post_json(MANUAL, body.to_string()).await;
        assert_eq!((answered.status.is_success(), &answered.json()["callId"]), (true, &json!(id)), "{}", answered.text);
    }
    let blank = shop.post_json(MANUAL, json!({ "call_id": " ", "issue": "No heat" }).to_string()).await;
    assert!(blank.status.is_success(), "{}", blank.text);
    let shown = shop.get("/api/dispatch/status/a-1").await;
    assert_eq!((shown.status, &shown.json()["callId"]), (StatusCode::OK, &json!("a-1")), "the route of before");
    let refused = shop.post_json(&format!("{MANUAL}?shape=v2"), "[").await;
    assert_eq!((refused.status, &refused.json()["success"]), (StatusCode::BAD_REQUEST, &json!(false)));
    let plain = shop.post_json(MANUAL, body.to_string()).await.json();
    assert!(plain.get("success").is_none() && plain.get("result").is_none(), "{plain}");
}
