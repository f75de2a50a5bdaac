//! Airtable's faults, seen from the client's side of the wire.

use serde_json::json;

use super::*;

fn row(key: &str) -> Value {
    json!({ "fields": { "Event ID": key } })
}

async fn bench() -> Bench {
    Bench::start().await.unhurried().await
}

#[tokio::test]
async fn a_refusal_has_the_status_type_and_shape_that_it_was_told() {
    let b = bench().await;
    for (fault, status, shown) in [
        (
            json!({ "status": 503 }),
            503,
            json!({ "error": { "type": "RETRIABLE_ERROR", "message": "The server could not process your request in time." } }),
        ),
        (
            json!({ "status": 429 }),
            429,
            json!({ "errors": [{ "error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later" }] }),
        ),
        (
            json!({ "status": 429, "type": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": "month", "shape": "list" }),
            429,
            json!({ "errors": [{ "error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": "month" }] }),
        ),
        (
            json!({ "status": 403 }),
            403,
            json!({ "error": { "type": "INVALID_PERMISSIONS", "message": "You are not permitted to perform this operation" } }),
        ),
        (json!({ "status": 404 }), 404, json!({ "error": "NOT_FOUND" })),
        (json!({ "status": 500 }), 500, json!({ "error": { "type": "SERVER_ERROR" } })),
        (json!({ "status": 502 }), 502, Value::Null),
    ] {
        b.sandbox.clear_faults();
        let mut fault = fault;
        fault["kind"] = "refuse".into();
        fault["on"] = "airtable_write".into();
        fault["times"] = 1.into();
        assert_eq!(b.control("faults", fault.clone()).await.0, 201, "{fault}");
        assert_eq!(b.airtable("GET", "Dispatch%20Events", Value::Null).await.0, 200, "reading is spared: {fault}");
        assert_eq!(b.airtable("POST", "Dispatch%20Events", row("x")).await, (status, shown), "{fault}");
        assert!(b.sandbox.airtable_rows("Dispatch Events").is_empty(), "{fault}");
    }
    b.control("faults", json!({ "kind": "refuse", "on": "airtable", "status": 429, "retryAfter": 7 })).await;
    let url = b.url("/v0/meta/whoami");
    let answer = b.client.get(url).bearer_auth(DEFAULT_AIRTABLE_TOKEN).send().await.expect("answers");
    assert_eq!(answer.headers().get("retry-after").and_then(|v| v.to_str().ok()), Some("7"));
    b.text(SAM, "Twilio is spared", None).await;
}

#[tokio::test]
async fn a_dropped_answer_leaves_the_write_and_a_dropped_request_does_not() {
    for (kind, written) in [("drop_after_accept", 1), ("drop_before_accept", 0), ("away", 0)] {
        let b = bench().await;
        b.control("faults", json!({ "kind": kind, "on": "airtable_write", "times": 1 })).await;
        let url = b.url(&format!("/v0/{DEFAULT_AIRTABLE_BASE}/Dispatch%20Events"));
        assert!(b.raw_airtable("POST", &url, &row("x")).await.is_err(), "{kind}");
        assert_eq!(b.sandbox.airtable_rows("Dispatch Events").len(), written, "{kind}");
        assert_eq!(b.airtable("POST", "Dispatch%20Events", row("y")).await.0, 200, "{kind} has passed");
    }
}

#[tokio::test]
async fn one_service_away_leaves_the_other() {
    let b = bench().await;
    b.control("faults", json!({ "kind": "away", "on": "airtable" })).await;
    b.text(SAM, "x", None).await;
    let url = b.url(&format!("/v0/{DEFAULT_AIRTABLE_BASE}/Calls"));
    assert!(b.raw_airtable("GET", &url, &Value::Null).await.is_err());
    b.sandbox.clear_faults();
    b.control("faults", json!({ "kind": "away" })).await;
    assert_eq!(b.airtable("GET", "Calls", Value::Null).await.0, 200);
    let list = b.client.get(b.url("/Messages.json")).basic_auth(DEFAULT_ACCOUNT_SID, Some(DEFAULT_AUTH_TOKEN));
    assert!(list.send().await.is_err());
}

#[tokio::test]
async fn a_fault_with_an_end_ends() {
    let b = bench().await;
    b.control("faults", json!({ "kind": "refuse", "on": "airtable", "status": 503, "forMs": 40 })).await;
    let watch = Stopwatch::start();
    while b.airtable("GET", "Calls", Value::Null).await.0 != 200 {
        assert!(watch.passed() < Duration::from_secs(10), "still refused");
    }
    assert!(watch.passed() >= Duration::from_millis(20), "was refused for a while");
}

#[tokio::test]
async fn a_poisoned_row_refuses_its_batch_alone() {
    let b = bench().await;
    let poison = json!({ "kind": "poison", "field": "Event ID", "value": "bad", "times": 2 });
    b.control("faults", poison).await;
    let both = json!({ "records": [row("good"), row("bad")] });
    let (status, answer) = b.airtable("POST", "Dispatch%20Events", both.clone()).await;
    assert_eq!((status, &answer["error"]["type"]), (422, &json!("INVALID_VALUE_FOR_COLUMN")));
    assert!(b.sandbox.airtable_rows("Dispatch Events").is_empty());
    assert_eq!(b.airtable("POST", "Dispatch%20Events", row("good")).await.0, 200, "does not use it up");
    assert_eq!(b.airtable("POST", "Dispatch%20Events", row("bad")).await.0, 422);
    assert_eq!(b.airtable("POST", "Dispatch%20Events", both).await.0, 200, "twice was asked for");
}

#[tokio::test]
async fn a_missing_field_is_unknown_everywhere_and_comes_back_with_its_cells() {
    let b = bench().await;
    let cells = json!({ "fields": { "Event ID": "x", "Contact": "Sam" } });
    b.airtable("POST", "Dispatch%20Events", cells.clone()).await;
    b.control("faults", json!({ "kind": "field_missing", "field": "Contact", "table": "Dispatch Events" })).await;
    let (status, answer) = b.airtable("POST", "Dispatch%20Events", cells.clone()).await;
    assert_eq!((status, &answer["error"]["type"]), (422, &json!("UNKNOWN_FIELD_NAME")));
    let (_, list) = b.airtable("GET", "Dispatch%20Events", Value::Null).await;
    assert_eq!(list["records"][0]["fields"], json!({ "Event ID": "x" }));
    let tables = b.url(&format!("/v0/meta/bases/{DEFAULT_AIRTABLE_BASE}/tables"));
    let (_, schema) = b.raw_airtable("GET", &tables, &Value::Null).await.expect("answers");
    let schema: Value = serde_json::from_slice(&schema).expect("json");
    assert_eq!(schema["tables"][0]["fields"].as_array().map(Vec::len), Some(13));
    // A change of the schema while it is out of sight does not lose it.
    let extra = json!({ "name": "Extra", "fields": [{ "name": "Name", "type": "singleLineText" }] });
    assert_eq!(b.raw_airtable("POST", &tables, &extra).await.expect("answers").0, 200);
    b.sandbox.clear_faults();
    assert_eq!(b.airtable("POST", "Dispatch%20Events", cells).await.0, 200);
    assert_eq!(b.sandbox.airtable_rows("Dispatch Events")[0].fields["Contact"], "Sam");
}

#[tokio::test]
async fn a_truncated_answer_is_whole_http_and_broken_json() {
    let b = bench().await;
    b.control("faults", json!({ "kind": "truncate", "on": "airtable_write", "times": 1 })).await;
    let url = b.url(&format!("/v0/{DEFAULT_AIRTABLE_BASE}/Dispatch%20Events"));
    let (status, body) = b.raw_airtable("POST", &url, &row("x")).await.expect("answers");
    assert!(status == 200 && body.starts_with(b"{") && serde_json::from_slice::<Value>(&body).is_err());
    assert_eq!(b.sandbox.airtable_rows("Dispatch Events").len(), 1, "it was written");
}

#[tokio::test]
async fn a_fault_that_cannot_work_is_named() {
    let b = bench().await;
    for (fault, word) in [
        (json!({ "kind": "poison" }), "field"),
        (json!({ "kind": "poison", "field": "x", "every": 2 }), "every"),
        (json!({ "kind": "truncate", "on": "create" }), "on"),
        (json!({ "kind": "refuse", "path": "/v0" }), "path"),
        (json!({ "kind": "refuse", "on": "airtable", "to": SAM }), "to"),
        (json!({ "kind": "cut", "at": 1 }), "--tcp-faults"),
    ] {
        let (status, answer) = b.control("faults", fault.clone()).await;
        assert!(status == 400 && answer["error"].as_str().is_some_and(|e| e.contains(word)), "{fault}: {answer}");
    }
}

#[tokio::test]
async fn a_judge_reads_past_every_fault_and_the_rate_and_can_change_nothing() {
    let b = Bench::with(|c| c.airtable_judge = Some("patJudge.x".into())).await;
    assert_eq!(b.airtable("POST", "Dispatch%20Events", row("x")).await.0, 200);
    for fault in [json!({ "kind": "away", "on": "airtable" }), json!({ "kind": "field_missing", "field": "Call ID" })] {
        assert_eq!(b.control("faults", fault.clone()).await.0, 201, "{fault}");
    }
    let ask = async |method: reqwest::Method, token: &str| {
        let url = b.url(&format!("/v0/{DEFAULT_AIRTABLE_BASE}/Dispatch%20Events"));
        b.client.request(method, url).bearer_auth(token).send().await.map(|a| a.status().as_u16())
    };
    for _ in 0..20 {
        assert_eq!(ask(reqwest::Method::GET, "patJudge.x").await.ok(), Some(200));
    }
    for method in [reqwest::Method::POST, reqwest::Method::PATCH, reqwest::Method::DELETE] {
        assert_eq!(ask(method.clone(), "patJudge.x").await.ok(), Some(403), "{method}");
    }
    let requests = b.sandbox.airtable_requests();
    assert_eq!((requests.total, requests.max_per_second), (1, 1), "and nobody counts it");
    assert!(ask(reqwest::Method::GET, DEFAULT_AIRTABLE_TOKEN).await.is_err(), "others see the base away");
    b.sandbox.clear_faults();
    assert_eq!(ask(reqwest::Method::GET, "patJudge.y").await.ok(), Some(401));
}
