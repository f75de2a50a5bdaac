//! A fault in a loop of a real `serve`: health, the alerts and systemd's watchdog follow the loops' progress, not the process's life.

use std::os::unix::net::UnixDatagram;

use serde_json::{Value, json};

use crate::support::http;
use crate::support::stage::Stage;
use crate::support::wait::until;

/// A stage whose `serve` has this planted in it, and what it says to systemd.
fn stage(fault: &str) -> (Stage, UnixDatagram) {
    let mut stage = Stage::new("");
    let socket = stage.shop.path("notify.sock");
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    systemd.set_nonblocking(true).expect("it does not wait");
    stage.shop.set("NOTIFY_SOCKET", socket.display().to_string());
    stage.shop.set("WATCHDOG_USEC", "1500000");
    if !fault.is_empty() {
        stage.shop.set("DISPATCHCTL_FAILPOINT", fault);
    }
    (stage, systemd)
}

/// Everything that was said to systemd since the last look.
fn said(systemd: &UnixDatagram) -> Vec<String> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n) = systemd.recv(&mut buffer) {
        all.push(String::from_utf8_lossy(&buffer[..n]).into_owned());
    }
    all
}

fn is_fed(said: &[String]) -> bool {
    said.iter().any(|s| s.contains("WATCHDOG=1"))
}

fn alerts(stage: &Stage) -> Vec<String> {
    // The fault is for `serve`: this command runs no loop.
    let document = stage.shop.expect(0, &["alerts", "-o", "json"]).json();
    let all = document["alerts"].as_array().expect("alerts").iter();
    all.map(|a| a["key"].as_str().unwrap_or_default().to_owned()).collect()
}

fn health(stage: &Stage) -> (u16, Value) {
    let answer = http::json(stage.at(), "GET", "/health", None).expect("an answer");
    (answer.status, answer.json())
}

#[test]
fn a_sound_engine_feeds_the_watchdog() {
    let (stage, systemd) = stage("");
    let _serve = stage.serve();
    until("the watchdog is fed", || is_fed(&said(&systemd)).then_some(()));
    let (status, document) = health(&stage);
    assert_eq!(status, 200, "{document:#}");
    let duties = document["duties"].as_array().expect("duties");
    assert!(duties.iter().all(|d| d["isStill"] == json!(false)), "{duties:#?}");
}

#[test]
fn what_fires_or_sends_and_hangs_or_dies_again_and_again_is_failing_pages_and_starves_the_watchdog() {
    for (fault, key) in
        [("duty:scheduler:hang", "engine-still:scheduler"), ("duty:dispatcher:panics", "engine-still:dispatcher")]
    {
        let (stage, systemd) = stage(fault);
        let _serve = stage.serve();
        until(&format!("{fault}: the page"), || alerts(&stage).iter().any(|k| k == key).then_some(()));
        let (status, document) = health(&stage);
        assert_eq!((status, &document["status"]), (503, &json!("failing")), "{fault}: {document:#}");
        assert!(!is_fed(&said(&systemd)), "{fault}: systemd starts it again");
        // A call is taken all the same: it goes on after the restart.
        let answer =
            stage.post("/api/dispatch/manual", &json!({ "callId": "c1", "issueSummary": "Leak" })).expect("an answer");
        assert!(matches!(answer.status, 201 | 202), "{fault}: {answer:?}");
    }
}

#[test]
fn a_loop_beside_them_that_dies_once_is_a_notice_and_calls_go_on() {
    let (stage, systemd) = stage("duty:watch:panic");
    let _serve = stage.serve();
    until("the notice", || alerts(&stage).iter().any(|k| k == "duty-died:watch").then_some(()));
    let (status, document) = health(&stage);
    assert_eq!((status, &document["status"]), (200, &json!("degraded")), "{document:#}");
    let watch =
        document["duties"].as_array().and_then(|d| d.iter().find(|d| d["name"] == "watch")).expect("it is there");
    assert_eq!((&watch["restarts"], &watch["isStill"]), (&json!(1), &json!(false)), "{watch}");
    until("the watchdog is fed", || is_fed(&said(&systemd)).then_some(()));
    stage.dispatch("c1", "normal");
    stage.delivered("c1", 1);
}
