use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::http::{BindError, KeptListener, Surface, bind, serve, serve_kept};

use super::helpers::*;

struct Listening {
    shop: Shop,
    addr: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn listening(plan: Plan) -> Listening {
    let shop = shop_with(plan);
    let listener = bind(([127, 0, 0, 1], 0).into()).await.expect("a listener");
    let addr = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(listener, Surface::Full, shop.state.clone(), stop.clone()));
    Listening { shop, addr, stop, task }
}

fn short(s: &mut crate::http::HttpSettings) {
    s.limits.head = Duration::from_millis(150);
    s.limits.body = Duration::from_millis(150);
    s.limits.write_stall = Duration::from_millis(150);
    s.limits.drain = Duration::from_millis(300);
}

fn quick() -> Plan {
    Plan { tweak: Some(short), ..Plan::default() }
}

/// Everything until the other side closes; a reset is an end too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut all)).await;
    assert!(read.is_ok(), "the connection was never closed; got {:?}", String::from_utf8_lossy(&all));
    String::from_utf8_lossy(&all).into_owned()
}

/// Sends a byte now and then until the other side closes.
async fn trickled(addr: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let trickle = async {
        let (mut all, mut part) = (Vec::new(), [0u8; 1024]);
        loop {
            match tokio::time::timeout(Duration::from_millis(20), stream.read(&mut part)).await {
                Ok(Ok(0) | Err(_)) => return all,
                Ok(Ok(n)) => all.extend_from_slice(&part[..n]),
                Err(_) if stream.write_all(b"x").await.is_err() => return all,
                Err(_) => {}
            }
        }
    };
    let all = tokio::time::timeout(Duration::from_secs(10), trickle).await.expect("cut in time");
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn slow_and_half_sent_requests_are_cut() {
    let l = listening(quick()).await;
    let before = l.shop.rows();
    let mut silent = TcpStream::connect(l.addr).await.expect("a connection");
    rest(&mut silent).await;
    let mut idle = TcpStream::connect(l.addr).await.expect("a connection");
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let got = rest(&mut idle).await;
    assert!(got.starts_with("HTTP/1.1 200"), "kept alive, then cut: {got}");
    for (label, head) in [
        ("a head that never ends", "GET /livez HTTP/1.1\r\nhost: localhost\r\nx-slow: "),
        ("a request line that never ends", "GET /"),
    ] {
        let got = trickled(l.addr, head).await;
        assert!(got.is_empty() || got.starts_with("HTTP/1.1 4"), "{label}: {got}");
    }
    let dispatch = "POST /api/dispatch/manual HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let got = trickled(l.addr, &format!("{dispatch}content-length: 60000\r\n\r\n{{")).await;
    assert!(got.starts_with("HTTP/1.1 408") && got.contains("application/problem+json"), "{got}");
    let webhook = "POST /webhooks/twilio/sms-status HTTP/1.1\r\nhost: x\r\nx-twilio-signature: AAAA\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let mut stream = TcpStream::connect(l.addr).await.expect("a connection");
    stream.write_all(format!("{webhook}transfer-encoding: chunked\r\n\r\n5\r\nMessa").as_bytes()).await.expect("sent");
    let got = rest(&mut stream).await;
    assert!(got.starts_with("HTTP/1.1 408"), "{got}");
    assert_eq!(l.shop.rows(), before);
}

#[tokio::test]
async fn what_is_not_http_or_too_much_of_it_is_refused() {
    let l = listening(quick()).await;
    let before = l.shop.rows();
    let long = format!("GET /livez HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(40_000));
    let many = format!("GET /livez HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500));
    let two_lengths = "POST /api/dispatch/manual HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ";
    let lying = format!(
        "POST /api/dispatch/manual HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        u64::MAX
    );
    for (label, sent, want) in [
        ("noise", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "400"),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
        ("a long head", long.as_str(), "431"),
        ("many headers", many.as_str(), "431"),
        ("two lengths", two_lengths, "400"),
        ("a huge length", lying.as_str(), "4"),
    ] {
        let mut stream = TcpStream::connect(l.addr).await.expect("a connection");
        stream.write_all(sent.as_bytes()).await.expect("sent");
        let got = rest(&mut stream).await;
        assert!(got.is_empty() || got.starts_with(&format!("HTTP/1.1 {want}")), "{label}: {got}");
        assert!(!got.contains("HTTP/1.1 2"), "{label}: {got}");
    }
    assert_eq!(l.shop.rows(), before);
    assert!(l.shop.get("/livez").await.status.is_success(), "it goes on");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let l = listening(quick()).await;
    let mut stream = TcpStream::connect(l.addr).await.expect("a connection");
    let head = "POST /api/dispatch/manual HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2097153\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let got = rest(&mut stream).await;
    assert!(got.starts_with("HTTP/1.1 413") && got.contains("requestId"), "{got}");
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_cut() {
    let (ours, theirs) = tokio::io::duplex(64);
    let mut limited = crate::http::stall::StallLimited::new(ours, Duration::from_millis(50));
    let written = tokio::time::timeout(Duration::from_secs(10), limited.write_all(&[0; 1024])).await;
    let error = written.expect("an end").expect_err("cut");
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    drop(theirs);
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let l = listening(Plan {
        tweak: Some(|s| {
            short(s);
            s.limits.connections = 1;
        }),
        ..Plan::default()
    })
    .await;
    let _idle = TcpStream::connect(l.addr).await.expect("a connection");
    let mut second = TcpStream::connect(l.addr).await.expect("queued");
    second.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
    let got = rest(&mut second).await;
    assert!(got.starts_with("HTTP/1.1 200"), "served once the idle one was cut: {got}");
}

#[tokio::test]
async fn connections_of_a_loop_that_died_count_and_are_waited_for_at_a_stop() {
    let shop = shop_with(Plan {
        tweak: Some(|s| {
            s.limits.connections = 1;
            s.limits.head = Duration::from_secs(3600);
            s.limits.drain = Duration::from_secs(60);
        }),
        ..Plan::default()
    });
    let listener = bind(([127, 0, 0, 1], 0).into()).await.expect("a listener");
    let addr = listener.local_addr().expect("an address");
    let (kept, stop) = (KeptListener::of(listener), CancellationToken::new());
    let run = || tokio::spawn(serve_kept(kept.clone(), Surface::Full, shop.state.clone(), None, stop.clone()));
    let first = run();
    let mut early = TcpStream::connect(addr).await.expect("a connection");
    early.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n").await.expect("half a request");
    until("the first connection is accepted", async || match kept.open_connections() {
        1 => Ok(()),
        n => Err(format!("{n} are open")),
    })
    .await;
    first.abort();
    assert!(first.await.is_err(), "the loop died");
    let second = run();
    let mut late = TcpStream::connect(addr).await.expect("queued");
    late.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut byte = [0u8; 1];
    let answered = tokio::time::timeout(Duration::from_millis(300), late.read(&mut byte)).await;
    assert!(answered.is_err(), "the one seat is taken by the connection of the loop before");
    stop.cancel();
    let waited = tokio::time::timeout(Duration::from_millis(300), async {
        while !second.is_finished() {
            tokio::task::yield_now().await
        }
    })
    .await;
    assert!(waited.is_err(), "a request under way is waited for");
    early.write_all(b"connection: close\r\n\r\n").await.expect("the rest");
    assert!(rest(&mut early).await.starts_with("HTTP/1.1 200"), "and is answered");
    tokio::time::timeout(Duration::from_secs(10), second).await.expect("stopped").expect("no panic");
}

#[tokio::test]
async fn a_stop_lets_a_request_under_way_finish_and_answers_a_waiting_dispatch() {
    let l = listening(Plan {
        gateway: Some(Provider::NeverAnswers),
        tweak: Some(|s| s.limits.dispatch_wait = Duration::from_secs(3600)),
        ..Plan::default()
    })
    .await;
    let mut stream = TcpStream::connect(l.addr).await.expect("a connection");
    let head = "POST /api/dispatch/manual HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{CALL}", CALL.len()).as_bytes()).await.expect("sent");
    until("the call on disk", async || {
        let found = l.shop.store.call(&"test_123".parse().expect("an id")).await;
        if matches!(found, Ok(Some(_))) { Ok(()) } else { Err("none".into()) }
    })
    .await;
    l.stop.cancel();
    let got = rest(&mut stream).await;
    assert!(got.starts_with("HTTP/1.1 202"), "{got}");
    tokio::time::timeout(Duration::from_secs(10), l.task).await.expect("stopped in time").expect("no panic");
    assert!(TcpStream::connect(l.addr).await.is_err(), "nobody listens any more");
    assert!(!l.shop.state.works().await, "what stops is not ready");
}

#[tokio::test]
async fn a_stop_cuts_what_does_not_end() {
    let l = listening(Plan {
        tweak: Some(|s| {
            short(s);
            s.limits.body = Duration::from_secs(3600);
        }),
        ..Plan::default()
    })
    .await;
    let mut stream = TcpStream::connect(l.addr).await.expect("a connection");
    let head = "POST /api/dispatch/manual HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut go_on = [0u8; 12];
    stream.read_exact(&mut go_on).await.expect("the body is awaited");
    assert_eq!(&go_on, b"HTTP/1.1 100");
    l.stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), l.task).await.expect("stopped in time").expect("no panic");
    rest(&mut stream).await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_stops_nothing() {
    let l = listening(Plan {
        gateway: Some(Provider::Accepts),
        tweak: Some(|s| s.limits.dispatch_wait = Duration::from_secs(3600)),
        ..Plan::default()
    })
    .await;
    let mut stream = TcpStream::connect(l.addr).await.expect("a connection");
    let head = "POST /api/dispatch/manual HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{CALL}", CALL.len()).as_bytes()).await.expect("sent");
    drop(stream);
    until("the text that was accepted", async || {
        let found = l.shop.store.call(&"test_123".parse().expect("an id")).await;
        let sent = found.ok().flatten().is_some_and(|c| c.attempts.iter().any(|a| a.sid.is_some()));
        if sent { Ok(()) } else { Err("no text yet".into()) }
    })
    .await;
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = bind(([127, 0, 0, 1], 0).into()).await.expect("a listener");
    let addr = first.local_addr().expect("an address");
    let error = bind(addr).await.expect_err("in use");
    assert!(matches!(error, BindError::InUse { .. }));
    assert_eq!(error.to_string(), format!("the address {addr} is in use"));
}

#[tokio::test]
async fn a_panic_is_a_problem_document_and_the_rest_goes_on() {
    let shop = shop();
    let routes = axum::Router::new()
        .route("/panic", axum::routing::get(async || -> &'static str { panic!("+19495550101 secret") }))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(crate::http::problem::after_panic))
        .layer(axum::middleware::from_fn_with_state(shop.state.clone(), crate::http::request::finish));
    let mut shop = shop;
    shop.router = routes;
    let answered = shop.get("/panic").await;
    assert_eq!(answered.status.as_u16(), 500);
    assert!(!answered.text.contains("secret") && answered.json()["requestId"].is_string(), "{}", answered.text);
}
