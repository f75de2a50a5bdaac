use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::json;
use tower::ServiceExt as _;

use crate::engine::Scope;
use crate::engine::duties::TABLE;
use crate::http::Surface;
use crate::http::routes::router;

use super::helpers::*;

async fn healthy(plan: Plan) -> (Shop, serde_json::Value) {
    let shop = shop_with(Plan { gateway: Some(Provider::NeverAnswers), ..plan });
    let document = until("a scheduler that has passed", async || {
        let answered = shop.get("/health").await;
        if answered.status == StatusCode::OK { Ok(answered.json()) } else { Err(answered.text) }
    });
    let document = document.await;
    (shop, document)
}

#[tokio::test]
async fn health_is_earned_and_has_its_shape() {
    let (shop, document) = healthy(Plan::default()).await;
    assert_eq!(document["status"], "ok", "{document}");
    assert_eq!((&document["service"], &document["mode"]), (&json!("dispatchctl"), &json!("test")));
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    assert!(document["uptimeSeconds"].is_u64() && document["timestamp"].is_string());
    assert_eq!(document["role"], "engine");
    let duties = document["duties"].as_array().expect("duties");
    let named: Vec<&str> = duties.iter().filter_map(|d| d["name"].as_str()).collect();
    // No sink is configured: there is none to deliver to.
    let table = TABLE.iter().filter(|line| line.is_of(&Scope::All)).map(|line| line.name);
    assert_eq!(named, table.collect::<Vec<_>>());
    let scheduler = duties.iter().find(|d| d["name"] == "scheduler").expect("there");
    assert!(scheduler["lastPassAgoMs"].as_u64().is_some_and(|ms| ms < 5_000), "{scheduler}");
    assert_eq!((&scheduler["lastError"], &scheduler["restarts"]), (&serde_json::Value::Null, &json!(0)), "{scheduler}");
    let names: Vec<&str> = document["metrics"].as_object().expect("metrics").keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "activeRetries",
            "pendingDispatches",
            "overdueFollowUps",
            "unknownOutcomes",
            "awaitingFinalStatus",
            "consecutiveFailures",
            "failedLastHour",
            "outboxDepth",
            "outboxOldestSeconds",
            "lastTickAgoMs",
            "openAlerts",
            "openBreakers",
            "clockOffsetMs",
            "refusedCallbacks",
            "refusedOwnCallbacks"
        ]
    );
    assert!(document["metrics"]["lastTickAgoMs"].as_u64().is_some_and(|ms| ms < 5_000), "{document}");
    let ok = |name: &str| json!({ "name": name, "status": "ok" });
    let nobody = "last_resort.notify is empty: a call that nobody takes is given up with an alert alone";
    let fixtures = json!({ "name": "people", "status": "ok", "detail": nobody });
    assert_eq!(document["checks"], json!([ok("store"), ok("scheduler"), ok("twilio"), fixtures]), "said, not degraded");
    assert!(shop.state.works().await);
    assert_eq!(shop.get("/readyz").await.status, StatusCode::OK);
    assert_eq!(shop.get("/livez").await.json(), json!({ "status": "ok", "mode": "test" }));
    assert_eq!(shop.get("/nope").await.json()["mode"], "test", "problems say it too");
}

#[tokio::test]
async fn health_counts_what_is_there_and_needs_no_token() {
    let shop = shop_with(Plan {
        tokens: vec![token("desk", "secret-operate", crate::config::TokenScope::Operate)],
        gateway: Some(Provider::NeverAnswers),
        ..Plan::default()
    });
    let auth = ("authorization", "Bearer secret-operate");
    let odd = CALL.replace("normal", "apocalyptic");
    assert_eq!(shop.ask("POST", "/api/dispatch/manual", &[auth, JSON], odd).await.status, StatusCode::ACCEPTED);
    let document = until("the figures of one call", async || {
        let answered = shop.ask("GET", "/health", &[], Body::empty()).await;
        let document = answered.json();
        if document["metrics"]["activeRetries"] == 1 { Ok(document) } else { Err(answered.text) }
    });
    let document = document.await;
    assert_eq!(document["metrics"]["openAlerts"], 1, "{document}");
    assert_eq!(document["status"], "degraded", "{document}");
    let text = document.to_string();
    for hidden in ["+1949555", "secret", "Burst", AUTH_TOKEN] {
        assert!(!text.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn polling_alone_and_no_provider_are_degraded() {
    let (_shop, document) = healthy(Plan { tweak: Some(|s| s.callbacks = false), ..Plan::default() }).await;
    assert_eq!(document["status"], "degraded");
    let check = json!({ "name": "twilio", "status": "degraded", "detail": "no callbacks: polling only" });
    assert_eq!(document["checks"][2], check);
    let mirrored = Plan { tweak: Some(|s| (s.account_sid, s.airtable) = (String::new(), true)), ..Plan::default() };
    let (_shop, document) = healthy(mirrored).await;
    assert_eq!(document["checks"][2]["detail"], "not configured: nothing can be sent");
    assert_eq!(document["checks"][3], json!({ "name": "airtable", "status": "ok" }));
}

#[tokio::test]
async fn no_scheduler_or_no_store_is_failing() {
    let alone = shop();
    let answered = alone.get("/health").await;
    assert_eq!((answered.status, &answered.json()["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("failing")));
    assert_eq!(answered.json()["metrics"]["lastTickAgoMs"], serde_json::Value::Null);
    assert_eq!(alone.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!alone.state.works().await);
    let (broken, _) = healthy(Plan { busy_timeout: Some(Duration::from_millis(20)), ..Plan::default() }).await;
    let held = rusqlite::Connection::open(broken.file()).expect("a connection");
    held.busy_timeout(Duration::from_secs(5)).expect("a timeout");
    held.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let seen = until("a store that takes no writes", async || {
        let answered = broken.get("/health").await;
        if answered.status == StatusCode::SERVICE_UNAVAILABLE { Ok(answered.json()) } else { Err(answered.text) }
    });
    assert_eq!(seen.await["checks"][0]["detail"], "it does not take writes");
    assert_eq!(broken.get("/livez").await.status, StatusCode::OK, "the process lives");
    drop(held);
    until("a store that takes writes again", async || {
        let answered = broken.get("/readyz").await;
        if answered.status == StatusCode::OK { Ok(()) } else { Err(answered.text) }
    })
    .await;
}

#[tokio::test]
async fn polling_health_does_not_load_the_store() {
    let shop = shop();
    let before = shop.store.version().await.expect("a version");
    let asked = futures_util::future::join_all((0..200).map(|_| shop.get("/health"))).await;
    assert_eq!(asked.len(), 200);
    let looked = shop.state.snapshot.lock().await.clone().expect("a look");
    let after = shop.store.version().await.expect("a version");
    assert_ne!(before, after, "it was a real write");
    shop.get("/readyz").await;
    let again = shop.state.snapshot.lock().await.clone().expect("a look");
    let fresh = shop.core.clock.boot().saturating_sub(looked.at) < Duration::from_secs(1);
    assert!(!fresh || looked.at == again.at, "one look serves all for a second");
}

#[tokio::test]
async fn the_public_surface_has_webhooks_and_livez_alone() {
    let shop = shop();
    let public = router(Surface::PublicOnly, shop.state.clone());
    for (method, path, want) in [
        ("GET", "/livez", 200),
        ("POST", "/webhooks/twilio/sms-status", 415),
        ("POST", "/webhooks/twilio/sms-inbound", 415),
        ("GET", "/health", 404),
        ("GET", "/readyz", 404),
        ("GET", "/api/calls", 404),
        ("POST", "/api/dispatch/manual", 404),
    ] {
        let request = axum::http::Request::builder().method(method).uri(path).header("host", "localhost");
        let response =
            public.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer");
        assert_eq!(response.status().as_u16(), want, "{method} {path}");
    }
}

#[tokio::test]
async fn dead_loops_are_not_ready_however_the_clock_was_set_back() {
    let w = crate::testing::World::new().await;
    let (core, engine) = (w.process.core.clone(), w.process.engine.clone());
    let settings = crate::http::HttpSettings::new("test");
    let deps = crate::http::HttpDeps {
        core,
        engine: Some(engine),
        settings,
        tokens: Vec::new(),
        intake: crate::config::Intake::default(),
    };
    let state = crate::http::HttpState::new(deps);
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(w.process.supervisor.clone().run(stop.clone()));
    until("loops that have passed", async || {
        w.clock.pass(Duration::from_millis(1_001));
        if state.works().await { Ok(()) } else { Err("not ready".to_owned()) }
    })
    .await;
    stop.cancel();
    running.await.expect("no panic").expect("a clean stop");
    let now = crate::clock::Clock::now(&*w.clock);
    w.clock.set_wall(now.minus(Duration::from_secs(3_600)));
    w.clock.pass(Duration::from_secs(6));
    assert!(!state.works().await, "what feeds the watchdog goes by the boot clock");
}
