//! Wrong files, flags, stores, ports and clients: a clear error with its exit code, and nothing half-written.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use dispatchctl::testkit::Stopwatch;
use serde_json::json;

use crate::support::process::report;
use crate::support::stage::{Stage, emergency, seconds};
use crate::support::{Run, Shop, http};

/// A live configuration whose provider is a port of this machine where nobody listens.
const LIVE: &str = r#"
[twilio]
account_sid = "AC00000000000000000000000000000001"
from = "+15005550006"
base_url = "http://127.0.0.1:9"
[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
role = "primary"
"#;

/// The store is not there, or holds no call and no word of one.
fn nothing_recorded(shop: &Shop, label: &str) {
    if !shop.path("shop.db").is_file() {
        return;
    }
    let calls = shop.expect(0, &["status", "--state", "all", "-o", "json"]).json();
    assert_eq!(calls["calls"], json!([]), "{label}");
}

fn says(run: &Run, code: i32, words: &[&str], label: &str) {
    assert_eq!(run.code, code, "{label}: {run:?}");
    for word in words {
        assert!(run.stderr.contains(word), "{label}: {word:?} is missing: {run:?}");
    }
    assert!(!run.stderr.contains("panicked"), "{label}: {run:?}");
}

const SEND: &[&str] = &["send", "--call-id", "c1", "--issue", "Burst pipe", "--level", "normal"];
const SERVE: &[&str] = &["serve", "--listen", "127.0.0.1:0"];

#[test]
fn a_wrong_configuration_is_named_by_file_line_and_key() {
    let contact = "\n[[contacts]]\nid = \"sam\"\nname = \"Sam Ortiz\"\nrole = \"primary\"\n";
    let cases: &[(&str, String, &[&str])] = &[
        (
            "a phone",
            format!("{contact}phone = \"949 555 0101\"\n"),
            &["dispatchctl.toml:6", "contacts[0].phone", "+19495550101"],
        ),
        (
            "a key",
            format!("[server]\nlisten_on = \"127.0.0.1:0\"{contact}phone = \"+19495550101\"\n"),
            &["dispatchctl.toml:2", "server.listen_on", "did you mean `server.listen`"],
        ),
        (
            "several at once",
            format!("nmae = \"Acme\"{contact}phone = \"0101\"\n"),
            &["dispatchctl.toml:1", "`name`", "dispatchctl.toml:6", "contacts[0].phone", "2 problems"],
        ),
        ("no TOML", "name = \n".to_owned(), &["dispatchctl.toml:1", "TOML"]),
    ];
    for (label, config, words) in cases {
        let shop = Shop::with_config(config);
        for args in [SEND, SERVE] {
            says(&shop.run(args), 2, words, label);
        }
        assert!(!shop.path("shop.db").exists(), "{label}: no store is made");
    }
    let shop = Shop::new();
    says(&shop.run_as_is(&["--config", "absent.toml", "status"]), 2, &["absent.toml"], "a file that is not there");
}

#[test]
fn a_call_that_cannot_be_dispatched_is_not_recorded() {
    let shop = Shop::new();
    let file = |name: &str, content: &[u8]| {
        std::fs::write(shop.path(name), content).expect("a file");
        name.to_owned()
    };
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let json_cases: &[(&str, String, &[&str])] = &[
        ("no JSON", file("a.json", b"{\"callId\":"), &["a.json", "is no JSON", "callData"]),
        ("empty", file("b.json", b""), &["b.json", "is no JSON"]),
        ("not text", file("c.json", b"\xff\xfe\x00"), &["c.json", "cannot be read"]),
        ("a list", file("d.json", b"[]"), &["cannot be dispatched", "object"]),
        ("callData is a text", file("e.json", b"{\"callId\":\"c1\",\"callData\":\"x\"}"), &["callData"]),
        ("a number as text", file("f.json", b"{\"callData\":{\"issueSummary\":7}}"), &["issueSummary"]),
        ("a level", file("g.json", b"{\"callData\":{\"emergencyLevel\":\"purple\"}}"), &["--level", "normal"]),
        ("an id", file("h.json", b"{\"callId\":\"a b\\u0007\",\"callData\":{}}"), &["callId"]),
        ("nested", file("i.json", deep.as_bytes()), &["i.json", "is no JSON"]),
        ("too long", file("j.json", &vec![b' '; 70_000]), &["larger than 65536"]),
        ("a directory", ".".to_owned(), &["cannot be read"]),
        ("absent", "absent.json".to_owned(), &["absent.json", "cannot be read"]),
    ];
    for (label, name, words) in json_cases {
        says(&shop.run(&["send", "--json", name]), 2, words, label);
        nothing_recorded(&shop, label);
    }
    let flags: &[(&[&str], &[&str])] = &[
        (&["send", "--level", "purple"], &["--level", "brisk, high, normal"]),
        (&["send", "--contact", "nobody"], &["--contact", "sam, ana"]),
        (&["send", "--only"], &["--contact"]),
        (&["send", "--timeout", "soon"], &["--timeout"]),
        (&["send", "--call-id", &"x".repeat(129)], &["--call-id"]),
    ];
    for (args, words) in flags {
        says(&shop.run(args), 2, words, &format!("{args:?}"));
        nothing_recorded(&shop, &format!("{args:?}"));
    }
}

#[test]
fn a_store_that_cannot_be_used_is_refused_and_left_as_it_is() {
    let shop = Shop::new();
    std::fs::create_dir(shop.path("dir.db")).expect("a directory");
    std::fs::write(shop.path("notes.db"), "Sam: call the landlord\n".repeat(400)).expect("a file");
    std::fs::write(shop.path("short.db"), "Sam").expect("a file");
    let at = |name: &str| format!("sqlite:{}", shop.path(name).display());
    let cases = [
        ("a directory", at("dir.db")),
        ("not a database", at("notes.db")),
        ("a few bytes", at("short.db")),
        ("below a file", at("notes.db/shop.db")),
        // Nobody can make a file there, whoever they are.
        ("where nothing can be written", "sqlite:/proc/dispatchctl.db".to_owned()),
    ];
    for (label, url) in &cases {
        for args in [SEND, SERVE] {
            let run = shop.run_as_is(&[&["--test-mode", "--store", url], args].concat());
            says(&run, 6, &["error:", "hint:"], label);
        }
    }
    assert_eq!(std::fs::read_to_string(shop.path("notes.db")).expect("text"), "Sam: call the landlord\n".repeat(400));
    assert_eq!(std::fs::read_to_string(shop.path("short.db")).expect("text"), "Sam");
    assert!(shop.path("dir.db").read_dir().expect("a directory").next().is_none());
}

#[test]
fn a_store_of_the_other_mode_is_refused_by_every_command() {
    let mut shop = Shop::with_config(LIVE);
    shop.set("TWILIO_AUTH_TOKEN", "sample-auth-token");
    shop.expect(0, &["send", "--call-id", "drill", "--issue", "Burst pipe", "--level", "normal"]);
    let before = shop.expect(0, &["log", "-o", "json"]).json();
    let store = shop.store();
    for args in [SEND, SERVE, &["status"], &["ack", "drill"], &["log"], &["follow-up", "run", "--all-due"]] {
        let live = shop.run_as_is(&[&["--store", &store], args].concat());
        says(&live, 6, &["stamped test", "hint"], &format!("{args:?}"));
    }
    assert_eq!(shop.expect(0, &["log", "-o", "json"]).json(), before, "the drill's store is as it was");
}

#[test]
fn live_without_credentials_and_a_drill_that_would_leave_the_machine_are_refused() {
    let mut shop = Shop::with_config(LIVE);
    let url = shop.store();
    for args in [SEND, SERVE] {
        let run = shop.run_as_is(&[&["--store", &url], args].concat());
        says(&run, 2, &["twilio.auth_token", "TWILIO_AUTH_TOKEN"], &format!("live without a token: {args:?}"));
    }
    assert!(!shop.path("shop.db").exists() || calls_of(&shop, &url) == json!([]), "nothing was recorded");

    shop.set("DISPATCHCTL_TWILIO__BASE_URL", "https://api.twilio.com");
    shop.set("DISPATCHCTL_STORE__URL", format!("sqlite:{}", shop.path("drill.db").display()));
    for args in [SEND, SERVE, &["config", "show"]] {
        let run = shop.run_as_is(&[&["--test-mode"], args].concat());
        says(&run, 2, &["twilio.base_url", "DISPATCHCTL_TWILIO__BASE_URL", "loopback"], &format!("a drill: {args:?}"));
    }
    assert!(!shop.path("drill.db").exists());
}

/// The calls of a live store.
fn calls_of(shop: &Shop, url: &str) -> serde_json::Value {
    let run = shop.run_as_is(&["--store", url, "status", "--state", "all", "-o", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    run.json()["calls"].clone()
}

#[test]
fn a_port_in_use_is_said_and_nothing_is_begun() {
    let shop = Shop::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let run = shop.run(&["serve", "--listen", &address]);
    says(&run, 2, &[&address, "in use", "--listen"], "the engine's port");
    nothing_recorded(&shop, "the engine's port");
    let run = shop.run(&["sandbox", "--listen", &address, "--ledger", "ledger.ndjson"]);
    says(&run, 2, &["in use", "--listen"], "the sandbox's port");
    // The lock was given back: the same store is served elsewhere.
    let mut serve = shop.start(&["-o", "json", "serve", "--listen", "127.0.0.1:0"]);
    assert!(serve.stdout_lines().next().is_some_and(|l| l.contains("listen")));
    drop(serve);
    // Something that is no sandbox has its place.
    let mut shop = Shop::new();
    shop.set("DISPATCHCTL_SANDBOX__LISTEN", address);
    says(&shop.run(SEND), 2, &["sandbox", "DISPATCHCTL_SANDBOX__LISTEN"], "another program at the sandbox's port");
    nothing_recorded(&shop, "another program at the sandbox's port");
    drop(taken);
}

#[test]
fn the_api_takes_known_tokens_with_the_right_scope() {
    let stage = Stage::new(
        r#"
[[server.tokens]]
name = "intake"
token = "intake-token-for-tests"
scope = "dispatch"
[[server.tokens]]
name = "wall"
token = "wall-token-for-tests"
scope = "read"
"#,
    );
    let serve = stage.serve();
    let call = emergency("c1", "normal").to_string();
    let post = |token: Option<&str>, path: &str, body: &str| {
        let bearer = token.map(|t| format!("Bearer {t}"));
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(bearer.as_deref().map(|b| ("Authorization", b)));
        http::request(stage.at(), "POST", path, &headers, body).expect("an answer")
    };
    let dispatch = "/api/dispatch/manual";
    let none = http::request(stage.at(), "GET", "/api/calls", &[], "").expect("an answer");
    assert_eq!(none.status, 401, "{none:?}");
    for (label, token, status) in [
        ("none", None, 401),
        ("wrong", Some("intake-token-for-test"), 401),
        ("empty", Some(""), 401),
        ("the scope is too small", Some("wall-token-for-tests"), 403),
    ] {
        let answer = post(token, dispatch, &call);
        assert_eq!(answer.status, status, "{label}: {answer:?}");
        assert!(!answer.body.contains("token-for-test"), "{label}: a secret is told: {answer:?}");
    }
    let calls = stage.shop.expect(0, &["status", "--state", "all", "-o", "json"]).json();
    assert_eq!(calls["calls"], json!([]), "nothing was recorded");
    assert_eq!(stage.ledger().creates(), 0);

    assert_eq!(post(Some("intake-token-for-tests"), dispatch, &call).status, 201);
    let denied = post(Some("intake-token-for-tests"), "/api/calls/c1/cancel", "{}");
    assert_eq!(denied.status, 403, "{denied:?}");
    let call = stage.shop.expect(0, &["status", "c1", "-o", "json"]).json();
    assert_eq!((&call["status"], &call["createdBy"]), (&json!("DISPATCHING"), &json!("intake")));
    assert!(!serve.process.stderr().contains("token-for-test"), "a secret is in the log");
}

#[test]
fn hostile_requests_are_refused_and_slow_ones_are_cut() {
    let stage = Stage::new("");
    let serve = stage.serve();
    let at = stage.at();
    let long = format!("{{\"callId\":\"c1\",\"pad\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let json = ("Content-Type", "application/json");
    for (label, headers, body, status) in [
        ("no JSON", vec![json], "{", 400),
        ("a list", vec![json], "[]", 400),
        ("an id that is a number", vec![json], "{\"callId\":7,\"callData\":{}}", 400),
        ("another type", vec![("Content-Type", "text/plain")], "{}", 415),
        ("no type", vec![], "{}", 415),
        ("too long", vec![json], long.as_str(), 413),
        ("through a proxy", vec![json, ("X-Forwarded-For", "203.0.113.7")], "{}", 401),
    ] {
        let answer = http::request(at, "POST", "/api/dispatch/manual", &headers, body).expect("an answer");
        assert_eq!(answer.status, status, "{label}: {answer:?}");
    }
    let slow: &[(&str, &str)] = &[
        ("half a head", "POST /api/dispatch/manual HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Ty"),
        (
            "half a body",
            "POST /api/dispatch/manual HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{\"callId\":",
        ),
        ("nothing", ""),
    ];
    std::thread::scope(|scope| {
        for (label, start) in slow {
            scope.spawn(move || {
                let took = cut_after(at, start);
                report(&format!("{label}: cut after {took} ms"));
                assert!((1..=12_000).contains(&took), "{label}: cut after {took} ms");
            });
        }
        // Beside them everybody else is served.
        stage.dispatch("c1", "normal");
        stage.delivered("c1", 1);
    });
    assert_eq!(stage.judge().len(), 1, "none of them left a call");
    assert!(!serve.process.stderr().contains("panicked"), "{}", serve.process.stderr());
}

/// How long a client that stops in the middle is kept, in milliseconds.
fn cut_after(at: SocketAddr, start: &str) -> u128 {
    let mut peer = TcpStream::connect(at).expect("a connection");
    peer.set_read_timeout(Some(seconds(20))).expect("a timeout");
    peer.write_all(start.as_bytes()).expect("sent");
    let watch = Stopwatch::start();
    let mut rest = Vec::new();
    // An answer may come (408) before the end; a reset is an end too.
    match peer.read_to_end(&mut rest) {
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => panic!("it was kept for 20 s"),
        _ => watch.passed().as_millis(),
    }
}

#[test]
fn no_secret_or_whole_number_is_in_a_log() {
    let stage = Stage::new("");
    let serve = stage.serve();
    stage.dispatch("c1", "normal");
    stage.delivered("c1", 1);
    let forged = http::request(
        stage.at(),
        "POST",
        "/webhooks/twilio/sms-inbound",
        &[("Content-Type", "application/x-www-form-urlencoded"), ("X-Twilio-Signature", "x")],
        "From=%2B19495550101&Body=1",
    );
    assert_eq!(forged.expect("an answer").status, 403);
    let log = serve.process.stderr();
    for secret in ["9495550101", "9495550150", "Burst pipe", "Oak St", dispatchctl::testkit::SANDBOX_AUTH_TOKEN] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
    assert!(Path::new(&stage.shop.path("shop.db")).is_file());
}
