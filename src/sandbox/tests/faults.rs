//! Every fault, seen from the client's side of the wire.

use std::io::{Read as _, Write as _};

use serde_json::json;

use super::*;
use crate::sandbox::messages::Status;

/// Sends a create by hand; every byte that comes back until the connection ends.
async fn raw_create(b: &Bench, body: &'static str) -> Vec<u8> {
    use base64::Engine as _;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{DEFAULT_ACCOUNT_SID}:{DEFAULT_AUTH_TOKEN}"));
    let request = format!(
        "POST /2010-04-01/Accounts/{DEFAULT_ACCOUNT_SID}/Messages.json HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {auth}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let addr = b.sandbox.addr();
    let read = move || {
        let mut stream = std::net::TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(request.as_bytes())?;
        let mut got = Vec::new();
        match stream.read_to_end(&mut got) {
            Err(e) if e.kind() != std::io::ErrorKind::ConnectionReset => Err(e),
            _ => Ok(got),
        }
    };
    tokio::task::spawn_blocking(read).await.expect("runs").expect("the connection ends")
}

#[tokio::test]
async fn a_dropped_connection_carries_no_byte_and_only_one_kind_accepts() {
    for (kind, accepted) in [("drop_after_accept", 1), ("drop_before_accept", 0), ("away", 0)] {
        let b = Bench::start().await;
        b.control("faults", json!({ "kind": kind })).await;
        let got = raw_create(&b, "To=%2B19495550101&From=%2B15005550006&Body=x").await;
        assert_eq!(got, b"", "{kind}");
        assert_eq!(b.sandbox.ledger().len(), accepted, "{kind}");
        b.sandbox.clear_faults();
        assert_eq!(b.get("/Messages.json").await.1["messages"].as_array().map(Vec::len), Some(accepted), "{kind}");
    }
}

#[tokio::test]
async fn a_dropped_message_is_delivered_and_told_all_the_same() {
    let (b, hook) = (Bench::start().await, Webhook::start(&[]).await);
    b.control("faults", json!({ "kind": "drop_after_accept", "times": 1 })).await;
    let url = format!("{}/s", hook.base);
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("To", SAM), ("From", FROM), ("Body", "x"), ("StatusCallback", &url)])
        .finish();
    let sent = b
        .client
        .post(b.url("/Messages.json"))
        .basic_auth(DEFAULT_ACCOUNT_SID, Some(DEFAULT_AUTH_TOKEN))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await;
    assert!(sent.is_err());
    hook.wait_for(2).await;
    assert_eq!(hook.statuses(), ["sent", "delivered"]);
}

#[tokio::test]
async fn a_refusal_says_what_it_was_told_to_and_accepts_nothing() {
    let b = Bench::start().await;
    b.control(
        "faults",
        json!([
            { "kind": "refuse", "status": 429, "code": 20429, "retryAfter": 7, "to": SAM, "times": 2 },
            { "kind": "refuse", "on": "list", "times": 1 },
        ]),
    )
    .await;
    b.text(BO, "another number", None).await;
    let good = [("To", SAM), ("From", FROM), ("Body", "x")];
    for _ in 0..2 {
        let (status, body) = b.create(&good).await;
        assert_eq!((status, &body["code"]), (429, &20429.into()));
    }
    assert_eq!(b.create(&good).await.0, 201);
    let (status, body) = b.get("/Messages.json").await;
    assert_eq!((status, &body["code"]), (503, &20503.into()));
    assert_eq!(b.get("/Messages.json").await.0, 200);
    let (_, faults) = b.get("/_sandbox/faults").await;
    assert_eq!((&faults["faults"][0]["fired"], &faults["faults"][0]["retryAfter"]), (&2.into(), &7.into()));
    assert_eq!(b.client.delete(b.url("/_sandbox/faults")).send().await.expect("answers").status(), 204);
    assert_eq!(b.get("/_sandbox/faults").await.1, json!({ "faults": [] }));
}

#[tokio::test]
async fn every_and_share_pick_by_count_and_by_seed() {
    let b = Bench::start().await;
    b.control("faults", json!({ "kind": "refuse", "every": 3 })).await;
    let good = [("To", SAM), ("From", FROM), ("Body", "x")];
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(b.create(&good).await.0);
    }
    assert_eq!(statuses, [201, 201, 503, 201, 201, 503]);
    let mut runs = Vec::new();
    for _ in 0..2 {
        let b = Bench::with(|c| c.seed = 42).await;
        b.control("faults", json!({ "kind": "hidden_500", "coin": 0.5 })).await;
        for _ in 0..40 {
            assert_eq!(b.create(&good).await.0, 500);
        }
        runs.push(b.sandbox.ledger().len());
    }
    assert!((5..36).contains(&runs[0]), "{runs:?}");
    assert_eq!(runs[0], runs[1], "a seed repeats a run");
}

#[tokio::test]
async fn a_late_answer_is_accepted_at_once() {
    let b = Bench::start().await;
    b.control("faults", json!({ "kind": "answer_late", "delayMs": 3_600_000, "times": 1 })).await;
    let good = [("To", SAM), ("From", FROM), ("Body", "x")];
    tokio::select! {
        answer = b.create(&good) => panic!("answered {answer:?}"),
        () = until("accepted", || (b.sandbox.ledger().len() == 1).then_some(())) => {}
    }
    b.control("faults", json!({ "kind": "delay", "delayMs": 80 })).await;
    let watch = Stopwatch::start();
    assert_eq!(b.create(&good).await.0, 201);
    assert!(watch.passed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn callbacks_are_withheld_doubled_swapped_and_delayed() {
    for (fault, statuses) in [
        (json!({ "kind": "withhold_callbacks", "messageStatus": "sent" }), vec!["delivered"]),
        (json!({ "kind": "duplicate_callbacks", "times": 1 }), vec!["sent", "sent", "delivered"]),
        (json!({ "kind": "reorder_callbacks", "times": 1 }), vec!["delivered", "sent"]),
        (json!({ "kind": "delay_callbacks", "delayMs": 300, "messageStatus": "sent" }), vec!["delivered", "sent"]),
    ] {
        let (b, hook) = (Bench::start().await, Webhook::start(&[]).await);
        assert_eq!(b.control("faults", fault.clone()).await.0, 201, "{fault}");
        b.text(SAM, "x", Some(&format!("{}/s", hook.base))).await;
        hook.wait_for(statuses.len()).await;
        assert_eq!(hook.statuses(), statuses, "{fault}");
    }
}

#[tokio::test]
async fn a_lagging_list_hides_what_is_new_and_a_fetch_does_not() {
    let b = Bench::start().await;
    b.control("faults", json!({ "kind": "list_lag", "delayMs": 3_600_000, "to": SAM })).await;
    let hidden = b.text(SAM, "x", None).await;
    let shown = b.text(BO, "x", None).await;
    let (_, list) = b.get("/Messages.json").await;
    assert_eq!((list["messages"].as_array().map(Vec::len), &list["messages"][0]["sid"]), (Some(1), &shown.into()));
    assert_eq!(b.get("/Messages.json?To=%2B19495550101").await.1["messages"], json!([]));
    assert_eq!(b.get(&format!("/Messages/{hidden}.json")).await.0, 200);
}

#[tokio::test]
async fn a_message_ends_as_it_is_told_to() {
    for (outcome, code, end) in [
        ("undelivered", Some(30003), Status::Undelivered),
        ("failed", Some(30007), Status::Failed),
        ("sent", None, Status::Sent),
    ] {
        let b = Bench::start().await;
        b.control("faults", json!({ "kind": "outcome", "to": SAM, "outcome": outcome, "errorCode": code })).await;
        let (hit, spared) = (b.text(SAM, "x", None).await, b.text(BO, "y", None).await);
        until("the other is delivered", || (b.entry(&spared).status == Status::Delivered).then_some(())).await;
        until(outcome, || (b.entry(&hit).status == end).then_some(())).await;
        assert_eq!(b.entry(&hit).error_code, code);
        let (_, m) = b.get(&format!("/Messages/{hit}.json")).await;
        assert_eq!(m["error_code"].as_u64(), code.map(u64::from), "an integer");
    }
}

#[tokio::test]
async fn away_ends_by_itself() {
    let b = Bench::start().await;
    b.control("faults", json!({ "kind": "away", "delayMs": 30 })).await;
    let watch = Stopwatch::start();
    loop {
        let answer = b
            .client
            .get(b.url("/Messages.json"))
            .basic_auth(DEFAULT_ACCOUNT_SID, Some(DEFAULT_AUTH_TOKEN))
            .send()
            .await;
        if answer.is_ok_and(|a| a.status() == 200) {
            return;
        }
        assert!(watch.passed() < Duration::from_secs(10), "still away");
    }
}

#[tokio::test]
async fn the_sample_shows_every_kind_and_arms() {
    let sample: serde_json::Value =
        serde_json::from_str(include_str!("../../../fixtures/sandbox/faults.json")).expect("json");
    let b = Bench::with(|c| c.tcp_faults = true).await;
    let (status, answer) = b.control("faults", sample.clone()).await;
    let all = sample.as_array().expect("a list");
    assert_eq!((status, answer["ids"].as_array().map(Vec::len)), (201, Some(all.len())), "{answer}");
    let kinds: std::collections::BTreeSet<_> = all.iter().filter_map(|f| f["kind"].as_str()).collect();
    assert_eq!(kinds.len(), 22, "{kinds:?}");
    assert_eq!(b.get("/_sandbox/faults").await.1["faults"][3]["kind"], "drop_after_accept");
}
