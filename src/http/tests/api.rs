use axum::body::Body;
use axum::http::{Request, StatusCode, Version};
use serde_json::json;

use crate::config::TokenScope;
use crate::domain::call::CallStatus;
use crate::http::auth::Peer;

use super::helpers::*;

async fn with_call() -> Shop {
    let shop = shop();
    assert_eq!(shop.post_json("/api/dispatch/manual", CALL).await.status, StatusCode::ACCEPTED);
    shop
}

#[tokio::test]
async fn a_call_is_found_by_id_and_reference_and_listed() {
    let shop = with_call().await;
    let story = shop.get("/api/calls/test_123").await;
    assert_eq!(story.status, StatusCode::OK);
    let document = story.json();
    assert_eq!((&document["status"], &document["mode"]), (&json!("DISPATCHING"), &json!("test")));
    assert!(document["attempts"].as_array().is_some_and(|a| a.len() == 1));
    assert!(document["log"].as_array().is_some_and(|l| !l.is_empty()));
    let reference = document["reference"].as_str().expect("a reference");
    assert_eq!(shop.get(&format!("/api/calls/{reference}")).await.json()["callId"], "test_123");
    for (query, want) in [
        ("", 1),
        ("?status=DISPATCHING", 1),
        ("?status=resolved,dispatching&limit=1", 1),
        ("?status=RESOLVED", 0),
        ("?since=2020-01-01T00:00:00Z", 1),
        ("?since=2999-01-01T00:00:00%2B01:00&limit=", 0),
    ] {
        let listed = shop.get(&format!("/api/calls{query}")).await;
        assert_eq!(listed.status, StatusCode::OK, "{query}: {}", listed.text);
        assert_eq!(listed.json()["calls"].as_array().map(Vec::len), Some(want), "{query}");
    }
    let page = shop.get("/api/calls?limit=1").await.json();
    assert_eq!(page["next"], "test_123");
    let after = shop.get("/api/calls?limit=1&before=test_123").await.json();
    assert_eq!((&after["calls"], &after["next"]), (&json!([]), &json!(null)));
    assert_eq!(shop.get("/api/calls?before=nobody").await.status, StatusCode::NOT_FOUND);
    assert_eq!(story.header("cache-control"), "no-store");
}

#[tokio::test]
async fn hostile_queries_are_refused_with_the_name_of_what_is_wrong() {
    let shop = with_call().await;
    for (path, want, field) in [
        ("/api/calls?status=OPEN", 400, Some("status")),
        ("/api/calls?since=yesterday", 400, Some("since")),
        ("/api/calls?limit=0", 400, Some("limit")),
        ("/api/calls?limit=1001", 400, Some("limit")),
        ("/api/calls?limit=-1", 400, Some("limit")),
        ("/api/calls?limit=99999999999999999999999", 400, Some("limit")),
        ("/api/calls?limit=1&limit=2", 400, Some("limit")),
        ("/api/calls?statsu=OPEN", 400, None),
        ("/api/calls?status=%zz", 400, None),
        ("/api/calls?status=%ff", 400, None),
        ("/api/calls/%ff", 400, None),
        ("/api/calls/nobody", 404, None),
        ("/api/calls/..%2f..%2fetc%2fpasswd", 404, None),
        ("/api/calls/'%20OR%201=1", 404, None),
        ("/api/calls/", 404, None),
        ("/api/log?after=x", 400, Some("after")),
        ("/api/log?call=nobody", 404, None),
        ("/api", 404, None),
        ("/", 404, None),
        ("//api/calls", 404, None),
    ] {
        let answered = shop.get(path).await;
        assert_eq!(answered.status.as_u16(), want, "{path}: {}", answered.text);
        assert_eq!(answered.json()["field"].as_str(), field, "{path}");
    }
    for (path, allow) in [("/api/calls", "GET,HEAD"), ("/api/calls/test_123/ack", "POST"), ("/health", "GET,HEAD")] {
        let answered = shop.ask("DELETE", path, &[LOCAL], Body::empty()).await;
        assert_eq!((answered.status, answered.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, allow), "{path}");
    }
}

#[tokio::test]
async fn a_problem_has_its_document() {
    let shop = shop();
    let answered = shop.get("/api/calls/nobody").await;
    assert_eq!(answered.header("content-type"), "application/problem+json");
    let document = answered.json();
    assert_eq!(document["type"], "urn:dispatchctl:problem:no-such-call");
    assert_eq!(document["title"], "There is no such call");
    assert_eq!(document["status"], 404);
    assert!(document["detail"].is_string());
    assert_eq!(document["requestId"], answered.header("x-request-id"));
    let plain = shop.get("/nowhere").await.json();
    assert_eq!((&plain["type"], &plain["title"]), (&json!("about:blank"), &json!("Not Found")));
    assert_ne!(plain["requestId"], document["requestId"]);
}

#[tokio::test]
async fn people_decide_and_a_decision_made_twice_says_so() {
    let shop = with_call().await;
    let post =
        async |verb: &str, body: &'static str| shop.post_json(&format!("/api/calls/test_123/{verb}"), body).await;
    for (label, verb, body, want, status, already) in [
        ("an unknown contact", "ack", r#"{"contact":"nobody"}"#, 400, "DISPATCHING", None),
        ("a contact that is none", "ack", r#"{"contact":"a b"}"#, 400, "DISPATCHING", None),
        ("sam takes it", "ack", r#"{"by":"Kim","note":"by phone","contact":"sam"}"#, 200, "ACKNOWLEDGED", Some(false)),
        ("again", "ack", r#"{"by":"Kim","contact":"sam"}"#, 200, "ACKNOWLEDGED", Some(true)),
        ("ana cannot", "ack", r#"{"contact":"ana"}"#, 409, "ACKNOWLEDGED", None),
        ("only ack takes a contact", "resolve", r#"{"contact":"sam"}"#, 400, "ACKNOWLEDGED", None),
        ("looked for again", "reopen", "{}", 200, "DISPATCHING", Some(false)),
        ("withdrawn", "cancel", r#"{"note":null}"#, 200, "CANCELLED", Some(false)),
        ("again", "cancel", r#"{}"#, 200, "CANCELLED", Some(true)),
        ("final", "resolve", r#"{}"#, 409, "CANCELLED", None),
        ("final", "reopen", r#"{}"#, 409, "CANCELLED", None),
        (
            "a note, whatever its state",
            "note",
            r#"{"by":"Kim","note":"the key is under the mat"}"#,
            200,
            "CANCELLED",
            Some(false),
        ),
        ("a note without words", "note", r#"{"note":" "}"#, 400, "CANCELLED", None),
        ("a text that nobody would read", "note", r#"{"note":"x","text":true}"#, 409, "CANCELLED", None),
        ("whether it is texted is a yes or a no", "note", r#"{"note":"x","text":"yes"}"#, 400, "CANCELLED", None),
        ("only a note is texted", "ack", r#"{"text":true}"#, 400, "CANCELLED", None),
    ] {
        let answered = post(verb, body).await;
        assert_eq!(answered.status.as_u16(), want, "{label}: {}", answered.text);
        let document = answered.json();
        assert_eq!(document["already"].as_bool(), already, "{label}");
        if want == 409 {
            assert_eq!((&document["callStatus"], &document["callId"]), (&json!(status), &json!("test_123")), "{label}");
        }
        assert_eq!(shop.call("test_123").await.call.status.as_str(), status, "{label}");
    }
    let log = shop.get("/api/log?call=test_123").await.json();
    let took = log["entries"].as_array().and_then(|e| e.iter().find(|e| e["kind"] == "call.acknowledged")).cloned();
    assert_eq!(took.expect("an entry")["actor"], "Kim");
    let noted = log["entries"].as_array().and_then(|e| e.iter().find(|e| e["kind"] == "call.noted")).cloned();
    let noted = noted.expect("a note");
    assert_eq!((&noted["actor"], &noted["data"]["note"]), (&json!("Kim"), &json!("the key is under the mat")));
    assert_eq!(post("ack", "{}").await.status, StatusCode::CONFLICT);
    assert_eq!(shop.post_json("/api/calls/nobody/ack", "{}").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn hostile_decisions_change_nothing() {
    let shop = with_call().await;
    let before = shop.rows();
    let long_note = format!(r#"{{"note":"{}"}}"#, "x".repeat(1_001));
    let path = "/api/calls/test_123/cancel";
    for (label, body, want) in [
        ("not JSON", "{", 400),
        ("an array", "[]", 400),
        ("a field that nobody knows", r#"{"reason":"x"}"#, 400),
        ("a number", r#"{"by":5}"#, 400),
        ("a line break in a name", r#"{"by":"a\nb"}"#, 400),
        ("a control character", "{\"note\":\"a\\u0000\"}", 400),
        ("a long note", long_note.as_str(), 400),
    ] {
        assert_eq!(shop.post_json(path, body.to_owned()).await.status.as_u16(), want, "{label}");
    }
    for (label, headers, body) in [
        ("a form", vec![LOCAL, FORM], ""),
        ("text", vec![LOCAL, ("content-type", "text/plain")], "{}"),
        ("no type", vec![LOCAL], "{}"),
    ] {
        assert_eq!(shop.ask("POST", path, &headers, body).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{label}");
    }
    assert_eq!(shop.rows(), before);
    assert_eq!(shop.call("test_123").await.call.status, CallStatus::Dispatching);
    assert_eq!(
        shop.ask("POST", path, &[LOCAL], Body::empty()).await.status,
        StatusCode::OK,
        "the body may be left out"
    );
}

#[tokio::test]
async fn the_log_is_paged_by_cursor() {
    let shop = with_call().await;
    let whole = shop.get("/api/log").await.json();
    let entries = whole["entries"].as_array().expect("entries").clone();
    assert!(entries.len() >= 2, "{entries:?}");
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = shop.get(&format!("/api/log?after={after}&limit=1")).await.json();
        let next = page["next"].as_i64().expect("a cursor");
        let Some(entry) = page["entries"].as_array().and_then(|e| e.first()) else {
            assert_eq!(next, after, "an empty page stays where it is");
            break;
        };
        seen.push(entry.clone());
        after = next;
    }
    assert_eq!(seen, entries);
}

#[tokio::test]
async fn tokens_open_what_their_scope_says() {
    let shop = shop_with(Plan {
        tokens: vec![
            token("eyes", "secret-read", TokenScope::Read),
            token("intake", "secret-dispatch", TokenScope::Dispatch),
            token("desk", "secret-operate", TokenScope::Operate),
        ],
        ..Plan::default()
    });
    let (read, write, decide) = ("/api/calls", "/api/dispatch/manual", "/api/calls/test_123/ack");
    for (label, header, want) in [
        ("read", "Bearer secret-read", [200, 403, 403]),
        ("dispatch", "Bearer secret-dispatch", [200, 202, 403]),
        ("operate", "bearer secret-operate", [200, 200, 200]),
        ("unknown", "Bearer secret-", [401, 401, 401]),
        ("longer", "Bearer secret-operate2", [401, 401, 401]),
        ("empty", "Bearer ", [401, 401, 401]),
        ("basic", "Basic c2VjcmV0LXJlYWQ=", [401, 401, 401]),
        ("no scheme", "secret-operate", [401, 401, 401]),
        ("nothing", "", [401, 401, 401]),
    ] {
        // No loopback Host is needed where there are tokens.
        let auth = ("authorization", header);
        let got = [
            shop.ask("GET", read, &[auth], Body::empty()).await,
            shop.ask("POST", write, &[auth, JSON], CALL).await,
            shop.ask("POST", decide, &[auth, JSON], r#"{"by":"Kim"}"#).await,
        ];
        assert_eq!(got.each_ref().map(|a| a.status.as_u16()), want, "{label}");
        for a in got.iter().filter(|a| a.status == StatusCode::UNAUTHORIZED) {
            assert!(a.header("www-authenticate").starts_with("Bearer"), "{label}");
            assert!(!a.text.contains("secret"), "{label}");
        }
    }
    let twice = [("authorization", "Bearer secret-read"), ("authorization", "Bearer secret-operate")];
    assert_eq!(shop.ask("GET", read, &twice, Body::empty()).await.status, StatusCode::UNAUTHORIZED, "two headers");
    let call = shop.call("test_123").await;
    assert_eq!(call.call.created_by.0, "intake");
    let entry = shop.ask("GET", "/api/log", &[("authorization", "Bearer secret-read")], Body::empty()).await.json();
    assert!(entry.to_string().contains("desk (Kim)"), "{entry}");
    shop.state.set_tokens(vec![token("new", "secret-new", TokenScope::Read)]);
    for (header, want) in [("Bearer secret-operate", 401), ("Bearer secret-new", 200)] {
        let got = shop.ask("GET", read, &[("authorization", header)], Body::empty()).await;
        assert_eq!(got.status.as_u16(), want, "after a reload: {header}");
    }
}

#[tokio::test]
async fn a_token_that_only_hands_calls_over_reads_those_and_no_others() {
    let shop = shop_with(Plan {
        tokens: vec![
            token("intake", "secret-one", TokenScope::Dispatch),
            token("other", "secret-two", TokenScope::Dispatch),
            token("eyes", "secret-read", TokenScope::Read),
        ],
        ..Plan::default()
    });
    let auth = |secret: &'static str| ("authorization", secret);
    let (one, two, eyes) = (auth("Bearer secret-one"), auth("Bearer secret-two"), auth("Bearer secret-read"));
    assert_eq!(shop.ask("POST", "/api/dispatch/manual", &[one, JSON], CALL).await.status.as_u16(), 202);
    for (label, path, by_one, by_two, by_eyes) in [
        ("the story", "/api/calls/test_123", 200, 404, 200),
        ("its log", "/api/log?call=test_123", 200, 404, 200),
        ("the log of all", "/api/log", 403, 403, 200),
        ("the page behind it", "/api/calls?before=test_123", 200, 404, 200),
    ] {
        for (who, want) in [(one, by_one), (two, by_two), (eyes, by_eyes)] {
            let got = shop.ask("GET", path, &[who], Body::empty()).await;
            assert_eq!(got.status.as_u16(), want, "{label}: {}: {}", who.1, got.text);
        }
    }
    for (who, want) in [(one, 1), (two, 0), (eyes, 1)] {
        let list = shop.ask("GET", "/api/calls", &[who], Body::empty()).await.json();
        assert_eq!(list["calls"].as_array().map(Vec::len), Some(want), "{}: {list}", who.1);
    }
}

#[tokio::test]
async fn without_tokens_only_this_machine_itself_is_let_in() {
    let shop = shop();
    let before = shop.rows();
    let refused: [(&str, &str, Headers); 21] = [
        ("no Host", "/api/calls", &[]),
        ("an empty Host", "/api/calls", &[("host", "")]),
        ("a name that was pointed here", "/api/calls", &[("host", "evil.example.com")]),
        ("this machine's address in the network", "/api/calls", &[("host", "192.168.1.5:3000")]),
        ("every address", "/api/calls", &[("host", "0.0.0.0:3000")]),
        ("IPv6 without its brackets", "/api/calls", &[("host", "::1")]),
        ("two Hosts", "/api/calls", &[LOCAL, LOCAL]),
        ("another name in the request line", "http://evil.example.com/api/calls", &[LOCAL]),
        ("a proxy", "/api/calls", &[LOCAL, ("x-forwarded-for", "203.0.113.9")]),
        ("a proxy that says nothing in it", "/api/calls", &[LOCAL, ("X-Forwarded-For", "")]),
        ("a proxy that tells of the host", "/api/calls", &[LOCAL, ("x-forwarded-host", "localhost")]),
        ("a proxy that tells of anything", "/api/calls", &[LOCAL, ("x-forwarded-anything", "1")]),
        ("a proxy of the standard", "/api/calls", &[LOCAL, ("forwarded", "for=203.0.113.9")]),
        ("nginx", "/api/calls", &[LOCAL, ("x-real-ip", "203.0.113.9")]),
        ("nginx, https told", "/api/calls", &[LOCAL, ("x-scheme", "https")]),
        ("a gateway", "/api/calls", &[LOCAL, ("via", "1.1 proxy")]),
        ("a tunnel", "/api/calls", &[LOCAL, ("cf-ray", "0123456789")]),
        ("another tunnel", "/api/calls", &[LOCAL, ("Tailscale-User-Login", "kim@example.com")]),
        ("a network of caches", "/api/calls", &[LOCAL, ("cdn-loop", "example")]),
        ("another page", "/api/calls", &[LOCAL, ("origin", "https://evil.example.com")]),
        ("a page without an origin", "/api/calls", &[LOCAL, ("origin", "null")]),
    ];
    for (label, path, headers) in refused {
        let got = shop.ask("GET", path, headers, Body::empty()).await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED, "{label}");
        assert!(
            got.text.contains("[[server.tokens]]") && got.header("www-authenticate").starts_with("Bearer"),
            "{label}"
        );
        let got = shop.ask("POST", "/api/dispatch/manual", &[headers, &[JSON]].concat(), CALL).await;
        assert!(path.starts_with("http") || got.status == StatusCode::UNAUTHORIZED, "{label}: {}", got.status);
    }
    let called: i64 = shop.rows().get("calls").copied().unwrap_or_default();
    // The one whose request line was at fault is local in the second request.
    assert_eq!(called, before.get("calls").copied().unwrap_or_default() + 1);
    for host in ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "127.8.9.1", "[::1]:3000", "[::1]"] {
        let headers = [("host", host), ("origin", &*format!("http://{host}"))];
        let got = shop.ask("GET", "/api/calls", &headers, Body::empty()).await;
        assert_eq!(got.status, StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn without_tokens_a_proxy_that_adds_nothing_and_another_machine_are_refused() {
    let shop = shop();
    let peer = |ip: &str| Some(Peer(ip.parse().expect("an address")));
    for (label, version, peer, want) in [
        ("this machine", Version::HTTP_11, peer("127.0.0.1"), 200),
        ("this machine by IPv6", Version::HTTP_11, peer("::1"), 200),
        ("this machine by IPv4 in IPv6", Version::HTTP_11, peer("::ffff:127.0.0.1"), 200),
        ("nginx's plain proxy_pass", Version::HTTP_10, peer("127.0.0.1"), 401),
        ("older still", Version::HTTP_09, peer("127.0.0.1"), 401),
        ("another machine", Version::HTTP_11, peer("192.168.1.9"), 401),
        ("another machine by IPv4 in IPv6", Version::HTTP_11, peer("::ffff:192.168.1.9"), 401),
        ("a peer that nobody knows", Version::HTTP_11, None, 401),
    ] {
        let mut request = Request::get("/api/calls").version(version).header("host", "127.0.0.1:3000");
        if let Some(peer) = peer {
            request = request.extension(peer);
        }
        let got = shop.answer(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(got.status.as_u16(), want, "{label}: {}", got.text);
    }
    // Webhooks and health are open to proxies.
    let request = Request::get("/health").version(Version::HTTP_10).body(Body::empty()).expect("a request");
    assert_ne!(shop.answer(request).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nobody_names_himself_the_engine_or_a_token() {
    let open = with_call().await;
    let guarded =
        shop_with(Plan { tokens: vec![token("desk", "secret-operate", TokenScope::Operate)], ..Plan::default() });
    let auth = ("authorization", "Bearer secret-operate");
    assert_eq!(guarded.ask("POST", "/api/dispatch/manual", &[auth, JSON], CALL).await.status, StatusCode::ACCEPTED);
    for by in ["engine", "Engine", " ENGINE ", "engine (night)", "twilio", "api", "+1949•••0101"] {
        let body = json!({ "by": by }).to_string();
        for shop in [&open, &guarded] {
            let got = shop.ask("POST", "/api/calls/test_123/ack", &[LOCAL, auth, JSON], body.clone()).await;
            assert_eq!((got.status, got.json()["field"].as_str()), (StatusCode::BAD_REQUEST, Some("by")), "{by:?}");
            assert_eq!(shop.call("test_123").await.call.status, CallStatus::Dispatching, "{by:?}");
        }
    }
    let body = r#"{"by":"Desk (Kim)"}"#;
    let got = guarded.ask("POST", "/api/calls/test_123/ack", &[auth, JSON], body).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST, "a token's name");
    let got = guarded.ask("POST", "/api/calls/test_123/ack", &[auth, JSON], r#"{"by":"Kim (desk)"}"#).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text);
}

#[tokio::test]
async fn a_dispatch_refused_for_want_of_a_token_is_an_alert() {
    let shop = shop_with(Plan {
        tokens: vec![
            token("eyes", "secret-read", TokenScope::Read),
            token("intake", "secret-dispatch", TokenScope::Dispatch),
        ],
        ..Plan::default()
    });
    tokio::spawn(crate::http::keep_refusal_alerts(shop.state.clone(), None, shop.stop.clone()));
    assert_eq!(shop.ask("GET", "/api/calls", &[], Body::empty()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(shop.open_alerts().await, Vec::<String>::new(), "only a dispatch is an emergency");
    for (label, header, want) in
        [("none", "", 401), ("unknown", "Bearer secret", 401), ("of a smaller scope", "Bearer secret-read", 403)]
    {
        let got = shop.ask("POST", "/api/dispatch/manual", &[("authorization", header), JSON], CALL).await;
        assert_eq!(got.status.as_u16(), want, "{label}");
    }
    until("the alert", async || {
        let open = shop.open_alerts().await;
        if open == ["dispatch-refused"] { Ok(()) } else { Err(format!("{open:?}")) }
    })
    .await;
}
