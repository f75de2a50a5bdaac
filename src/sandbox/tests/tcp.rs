//! The peer in front: every byte at which an answer can break, and what the provider has of it.

use std::io::{Read as _, Write as _};

use serde_json::json;

use super::*;

async fn bench() -> Bench {
    Bench::with(|c| c.tcp_faults = true).await
}

const TEXT: &Form<'static> = &[("To", SAM), ("From", FROM), ("Body", "7K3Q-1 leak")];

/// A create as a client makes it: the whole answer, or why there is none.
async fn create(b: &Bench) -> reqwest::Result<(u16, Vec<u8>)> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(TEXT).finish();
    let request = b.client.post(b.url("/Messages.json")).basic_auth(DEFAULT_ACCOUNT_SID, Some(DEFAULT_AUTH_TOKEN));
    // As the request by hand says it too, so that both answers are equally long.
    let request = request.header("connection", "close").header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(body).send().await?;
    Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
}

/// All bytes of the answer to a create, by hand; the error that ended them, if one did.
async fn raw(b: &Bench) -> (Vec<u8>, Option<std::io::ErrorKind>) {
    use base64::Engine as _;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{DEFAULT_ACCOUNT_SID}:{DEFAULT_AUTH_TOKEN}"));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(TEXT).finish();
    let request = format!(
        "POST /2010-04-01/Accounts/{DEFAULT_ACCOUNT_SID}/Messages.json HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {auth}\r\n\
         Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let addr = b.sandbox.addr();
    let read = move || {
        let mut stream = std::net::TcpStream::connect(addr).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let mut got = Vec::new();
        let ended = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut got));
        (got, ended.err().map(|e| e.kind()))
    };
    tokio::task::spawn_blocking(read).await.expect("runs")
}

#[tokio::test]
async fn nothing_is_changed_where_no_fault_hits() {
    let b = bench().await;
    let (whole, error) = raw(&b).await;
    assert!(error.is_none() && whole.starts_with(b"HTTP/1.1 201 Created\r\n"), "{error:?}");
    b.text(SAM, "through the peer", None).await;
    let (_, list) = b.get("/Messages.json").await;
    assert_eq!(list["messages"].as_array().map(Vec::len), Some(2));
    // Two requests on one connection, the second body in chunks.
    let request = "GET /_sandbox/health HTTP/1.1\r\nHost: x\r\n\r\n\
         POST /_sandbox/settings HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\n{\"pac\r\n9;x=y\r\neMs\": 7 }\r\n0\r\n\r\n";
    let addr = b.sandbox.addr();
    let read = move || {
        let mut stream = std::net::TcpStream::connect(addr).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("writes");
        let mut got = String::new();
        stream.read_to_string(&mut got).map(|_| got)
    };
    let got = tokio::task::spawn_blocking(read).await.expect("runs").expect("answers");
    assert_eq!(got.matches("HTTP/1.1 200 OK").count(), 2, "{got}");
    assert!(got.contains("\"paceMs\":7"), "{got}");
}

/// Asks for the list and leaves: at once, or when the answer is there and unread.
async fn ask_and_leave(b: &Bench, waits: bool) {
    use base64::Engine as _;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{DEFAULT_ACCOUNT_SID}:{DEFAULT_AUTH_TOKEN}"));
    let path = format!("/2010-04-01/Accounts/{DEFAULT_ACCOUNT_SID}/Messages.json");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {auth}\r\n\r\n");
    let addr = b.sandbox.addr();
    let leave = move || {
        let mut stream = std::net::TcpStream::connect(addr).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("writes");
        if waits {
            assert!(stream.peek(&mut [0u8; 1]).expect("an answer") > 0);
        }
    };
    tokio::task::spawn_blocking(leave).await.expect("runs");
}

#[tokio::test]
async fn a_list_whose_asker_leaves_before_it_is_read_was_asked_for_in_vain() {
    let b = bench().await;
    b.text(SAM, "7K3Q-1 leak", None).await;
    let vain = async || b.get("/_sandbox/ledger").await.1["vainLists"].as_array().map_or(0, Vec::len);
    let clock = SystemClock::new();
    for (n, waits) in [true, false].into_iter().enumerate() {
        let (_, list) = b.get("/Messages.json").await;
        assert_eq!((list["messages"].as_array().map(Vec::len), vain().await), (Some(1), n), "that one was read");
        ask_and_leave(&b, waits).await;
        let watch = Stopwatch::start();
        while vain().await == n && watch.passed() < Duration::from_secs(10) {
            clock.sleep_until(clock.now().plus(Duration::from_millis(2))).await;
        }
        assert_eq!(vain().await, n + 1, "left with the answer there: {waits}");
    }
}

#[tokio::test]
async fn a_cut_at_any_byte_is_a_failure_or_the_whole_answer_and_one_message() {
    let b = bench().await;
    let (whole, _) = raw(&b).await;
    let length = whole.len();
    assert!(length > 800, "{length}");
    let before = b.sandbox.ledger().len();
    for k in 0..=length {
        b.sandbox.clear_faults();
        let fault = json!({ "kind": "cut", "at": k, "method": "POST", "path": "/2010-04-01/", "times": 1 });
        let fault = serde_json::from_value(fault).expect("a fault");
        b.sandbox.add_fault(fault).expect("arms");
        match create(&b).await {
            Err(_) => assert!(k < length, "whole, and yet a failure, at {k} of {length}"),
            Ok((status, body)) => {
                let message: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
                assert!(k >= length && status == 201, "cut at {k} of {length}, taken for {status}");
                assert_eq!(message["body"], "7K3Q-1 leak");
            }
        }
        assert_eq!(b.sandbox.ledger().len(), before + k + 1, "exactly one message for {k}");
    }
}

#[tokio::test]
async fn a_fault_with_a_step_hits_every_byte_once_and_then_no_more() {
    let b = bench().await;
    let length = raw(&b).await.0.len();
    for kind in ["cut", "reset"] {
        b.sandbox.clear_faults();
        let from = length - 5;
        let fault = json!({ "kind": kind, "at": from, "step": 2, "method": "POST", "path": "/2010-04-01/" });
        assert_eq!(b.control("faults", fault).await.0, 201);
        for (i, want) in [from, from + 2, from + 4, length, length].into_iter().enumerate() {
            let (got, _) = raw(&b).await;
            // What is reset may be lost on its way as well.
            let held = if kind == "cut" { got.len() == want } else { got.len() <= want };
            assert!(held, "{kind}: use {i} gave {} of {want} bytes", got.len());
        }
        let armed = b.get("/_sandbox/faults").await.1["faults"][0].clone();
        assert_eq!((&armed["fired"], &armed["swept"]), (&json!(4), &json!(true)), "{armed}");
    }
    b.sandbox.clear_faults();
    // The request as well: the last of it is not cut, and yet never handed on.
    let before = b.sandbox.ledger().len();
    let fault = json!({ "kind": "cut", "step": 100, "forward": false, "method": "POST", "path": "/2010-04-01/" });
    assert_eq!(b.control("faults", fault).await.0, 201);
    let armed = async || b.get("/_sandbox/faults").await.1["faults"][0].clone();
    while armed().await.get("swept").is_none() {
        assert!(create(&b).await.is_err() && armed().await["fired"].as_u64().is_some_and(|n| n < 20));
    }
    assert_eq!(b.sandbox.ledger().len(), before);
    assert!(create(&b).await.is_ok());
    for wrong in [json!({ "kind": "cut", "step": 0 }), json!({ "kind": "garbage", "step": 1 })] {
        assert_eq!(b.control("faults", wrong.clone()).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn what_is_not_forwarded_is_not_accepted() {
    let b = bench().await;
    let faults = [
        json!({ "kind": "cut", "at": 0 }),
        json!({ "kind": "cut", "at": 40 }),
        json!({ "kind": "cut", "at": 100_000 }),
        json!({ "kind": "reset" }),
        json!({ "kind": "garbage" }),
    ];
    for forward in [false, true] {
        for fault in &faults {
            let mut fault = fault.clone();
            fault["forward"] = forward.into();
            b.sandbox.clear_faults();
            let before = b.sandbox.ledger().len();
            assert_eq!(b.control("faults", fault.clone()).await.0, 201, "{fault}");
            let complete = forward && fault["at"] == 100_000;
            assert_eq!(create(&b).await.is_ok(), complete, "{fault}");
            assert_eq!(b.sandbox.ledger().len() - before, usize::from(forward), "{fault}");
            // The controls are never hit.
            assert_eq!(b.get("/_sandbox/faults").await.1["faults"][0]["fired"], 1, "{fault}");
        }
    }
}

#[tokio::test]
async fn a_reset_is_one_and_a_cut_is_an_end() {
    let b = bench().await;
    b.control("faults", json!({ "kind": "reset", "times": 1 })).await;
    assert_eq!(raw(&b).await.1, Some(std::io::ErrorKind::ConnectionReset));
    b.control("faults", json!({ "kind": "cut", "at": 30, "times": 1 })).await;
    let (got, error) = raw(&b).await;
    assert_eq!((got.len(), error), (30, None));
    b.control("faults", json!({ "kind": "garbage", "at": 300, "times": 1 })).await;
    let (got, _) = raw(&b).await;
    assert!(got.len() == 300 && !got.starts_with(b"HTTP/"), "{}", got.len());
}

#[tokio::test]
async fn a_trickle_is_whole_and_slow_and_a_half_open_connection_never_answers() {
    let b = bench().await;
    let (whole, _) = raw(&b).await;
    b.control("faults", json!({ "kind": "trickle", "at": 100, "delayMs": 20, "times": 1 })).await;
    let clock = SystemClock::new();
    let watch = Stopwatch::start();
    let (got, error) = raw(&b).await;
    assert_eq!((got.len(), error), (whole.len(), None));
    let pieces = u64::try_from(whole.len() / 100).expect("small");
    assert!(watch.passed() >= Duration::from_millis(20 * pieces), "{:?}", watch.passed());
    for forward in [true, false] {
        let before = b.sandbox.ledger().len();
        b.control("faults", json!({ "kind": "half_open", "forward": forward, "times": 1 })).await;
        let asked = watch.passed();
        let patience = async {
            while watch.passed() < asked + Duration::from_millis(300) {
                clock.sleep_until(clock.now().plus(Duration::from_millis(20))).await;
            }
        };
        tokio::select! {
            answer = create(&b) => panic!("answered {answer:?}"),
            () = patience => {}
        }
        assert_eq!(b.sandbox.ledger().len() - before, usize::from(forward));
    }
    assert_eq!(create(&b).await.expect("answers").0, 201);
}

#[tokio::test]
async fn a_wrong_length_is_no_whole_answer() {
    let b = bench().await;
    for by in [10, -10] {
        b.control("faults", json!({ "kind": "wrong_length", "by": by, "times": 1 })).await;
        let answer = create(&b).await;
        let broken = answer.as_ref().map_or(true, |(_, body)| serde_json::from_slice::<Value>(body).is_err());
        assert!(broken, "{by}: {answer:?}");
    }
    assert_eq!(b.sandbox.ledger().len(), 2, "both were accepted");
}

#[tokio::test]
async fn a_rule_names_method_path_and_turn() {
    let b = bench().await;
    b.control("settings", json!({ "airtablePerSecond": 0 })).await;
    b.control("faults", json!({ "kind": "cut", "method": "get", "path": "/v0/", "every": 2 })).await;
    let url = b.url(&format!("/v0/{DEFAULT_AIRTABLE_BASE}/Calls"));
    let mut seen = Vec::new();
    for _ in 0..4 {
        assert_eq!(create(&b).await.expect("answers").0, 201);
        seen.push(b.raw_airtable("GET", &url, &Value::Null).await.is_ok());
    }
    assert_eq!(seen, [true, false, true, false]);
    assert_eq!(b.sandbox.airtable_requests().total, 4, "a cut answer was asked for all the same");
}

#[tokio::test]
async fn bad_http_ends_the_connection_and_nothing_else() {
    let b = bench().await;
    let addr = b.sandbox.addr();
    for bytes in [
        b"\r\n\r\n".to_vec(),
        b"POST /x HTTP/1.1\r\nContent-Length: many\r\n\r\n".to_vec(),
        b"POST /x HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n".to_vec(),
        b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_vec(),
        vec![0xff; 100_000],
    ] {
        let read = move || {
            let mut stream = std::net::TcpStream::connect(addr).expect("connects");
            stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
            let _ = stream.write_all(&bytes);
            let mut got = Vec::new();
            stream.read_to_end(&mut got).map_err(|e| e.kind())
        };
        let ended = tokio::task::spawn_blocking(read).await.expect("runs");
        assert!(!matches!(ended, Err(std::io::ErrorKind::WouldBlock)), "the connection stays open");
    }
    assert_eq!(create(&b).await.expect("answers").0, 201);
}
