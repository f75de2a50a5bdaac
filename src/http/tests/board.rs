//! The office's page without a browser: who sees it, what it says, what its forms do.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::Value;

use crate::config::TokenScope;
use crate::domain::attempt::{AttemptKind, AttemptState};
use crate::domain::call::{CallStatus, CallVersion};
use crate::store::BoardLink;

use super::helpers::*;

pub(super) const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

pub(super) fn desk() -> Plan {
    let tokens = vec![
        token("eyes", "secret-read", TokenScope::Read),
        token("intake", "secret-dispatch", TokenScope::Dispatch),
        token("ana", "secret-operate", TokenScope::Operate),
    ];
    Plan { tokens, gateway: Some(Provider::Accepts), tweak: Some(|s| s.board.is_enabled = true), ..Plan::default() }
}

/// Without a token, as on a developer's machine.
pub(super) fn open() -> Plan {
    Plan { gateway: Some(Provider::Accepts), tweak: Some(|s| s.board.is_enabled = true), ..Plan::default() }
}

pub(super) async fn signed_in(shop: &Shop, secret: &str) -> String {
    let got = shop.ask("POST", "/board/sign-in", &[LOCAL, FORM, OWN], format!("token={secret}")).await;
    assert_eq!(got.status, StatusCode::SEE_OTHER, "{}", got.text);
    assert_eq!(got.header("location"), "/board");
    got.header("set-cookie").split(';').next().expect("a cookie").to_owned()
}

impl Shop {
    pub(super) async fn board(&self, path: &str, cookie: &str) -> Answered {
        self.ask("GET", path, &[LOCAL, ("cookie", cookie)], Body::empty()).await
    }

    pub(super) async fn press(&self, path: &str, cookie: &str, form: &str) -> Answered {
        self.ask("POST", path, &[LOCAL, FORM, OWN, ("cookie", cookie)], form.to_owned()).await
    }

    pub(super) async fn dispatch(&self, token: &str, id: &str, issue: &str) {
        let bearer = format!("Bearer {token}");
        let body = serde_json::json!({ "callId": id, "callData": { "callerPhone": "+19495550150", "callerName": issue,
            "emergencyLevel": "normal", "issueSummary": issue, "address": issue } });
        let got = self
            .ask("POST", "/api/dispatch/manual", &[LOCAL, JSON, ("authorization", &bearer)], body.to_string())
            .await;
        assert!(got.status.is_success(), "{}", got.text);
    }

    pub(super) async fn version(&self, id: &str) -> String {
        serde_json::to_value(CallVersion::of(&self.call(id).await.call))
            .expect("JSON")
            .as_str()
            .expect("text")
            .to_owned()
    }

    pub(super) async fn accepted(&self, id: &str) {
        until("its text is accepted", async || {
            let call = self.call(id).await;
            let is_out = call.attempts.iter().any(|a| a.state == AttemptState::Submitted);
            if is_out { Ok(()) } else { Err(format!("{:?}", call.attempts)) }
        })
        .await;
    }
}

#[tokio::test]
async fn the_page_is_there_only_where_it_is_enabled_and_never_on_the_public_listener() {
    let shop = shop();
    assert_eq!(shop.get("/board").await.status, StatusCode::NOT_FOUND);
    let shop = shop_with(open());
    assert_eq!(shop.get("/board").await.status, StatusCode::OK);
    let public = crate::http::routes::router(crate::http::Surface::PublicOnly, shop.state.clone());
    let mut shop = shop_with(open());
    shop.router = public;
    for path in ["/board", "/board/sign-in", "/api/board"] {
        assert_eq!(shop.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_document_says_what_the_page_says_and_hides_numbers_from_who_only_looks() {
    let shop = shop_with(desk());
    shop.dispatch("secret-dispatch", "c/1", "Burst pipe").await;
    shop.accepted("c/1").await;
    for (secret, status, phone, actions) in [
        ("secret-read", 200, "+1949•••0150", 0),
        ("secret-operate", 200, "+19495550150", 4),
        ("secret-dispatch", 403, "", 0),
        ("no-such", 401, "", 0),
    ] {
        let bearer = format!("Bearer {secret}");
        let got = shop.ask("GET", "/api/board", &[LOCAL, ("authorization", &bearer)], Body::empty()).await;
        assert_eq!(got.status.as_u16(), status, "{secret}: {}", got.text);
        if status == 200 {
            let v = got.json();
            let call = &v["open"][0];
            assert_eq!(call["callerPhone"], phone, "{secret}");
            assert_eq!(call["actions"].as_array().map(Vec::len), Some(actions), "{secret}: {call}");
            assert_eq!(call["urgency"], "dispatching", "{call}");
            assert_eq!(call["told"][0]["name"], "Sam Ortiz");
            assert_eq!(call["next"]["names"][0], "Sam Ortiz", "{call}");
            assert_eq!(v["verdict"]["sentence"], "1 open, looking for somebody.", "{v}");
            assert_eq!(v["onCall"]["duties"][0]["holders"][0]["name"], "Sam Ortiz");
            assert_eq!(v["night"]["calls"], 1);
        }
    }
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_led_to_the_form_and_back() {
    let shop = shop_with(desk());
    shop.dispatch("secret-dispatch", "c/1", "Burst pipe").await;
    for (path, to) in [
        ("/board", "/board/sign-in?next=%2Fboard"),
        ("/board/calls/c%2F1", "/board/sign-in?next=%2Fboard%2Fcalls%2Fc%252F1"),
        ("/board?pause=1", "/board/sign-in?next=%2Fboard%3Fpause%3D1"),
        ("/board/closed?before=a%2Fb", "/board/sign-in?next=%2Fboard%2Fclosed%3Fbefore%3Da%252Fb"),
        (
            "/board/calls/c%2F1/settle?attempt=a&b",
            "/board/sign-in?next=%2Fboard%2Fcalls%2Fc%252F1%2Fsettle%3Fattempt%3Da%26b",
        ),
    ] {
        let got = shop.get(path).await;
        assert_eq!((got.status, got.header("location")), (StatusCode::SEE_OTHER, to));
    }
    for path in ["/board?part=main", "/board/events"] {
        assert_eq!(shop.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let page = shop.get("/board/sign-in?next=%2Fboard%2Fcalls%2Fc%252F1").await;
    assert!(page.text.contains("value=\"&#x2f;board&#x2f;calls&#x2f;c%2F1\""), "{}", page.text);
    let form = "token=secret-operate&next=%2Fboard%2Fcalls%2Fc%252F1";
    let got = shop.ask("POST", "/board/sign-in", &[LOCAL, FORM, OWN], form).await;
    assert_eq!(got.header("location"), "/board/calls/c%2F1", "{}", got.text);
    let cookie = got.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let call = shop.board(got.header("location"), &cookie).await;
    assert!(call.status == StatusCode::OK && call.text.contains("Burst pipe"), "{}", call.text);
    let out = shop.press("/board/sign-out", &cookie, "").await;
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{:?}", out.headers);
    let dispatch = shop.ask("POST", "/board/sign-in", &[LOCAL, FORM, OWN], "token=secret-dispatch").await;
    assert_eq!(dispatch.status, StatusCode::FORBIDDEN, "{}", dispatch.text);
    assert_eq!(dispatch.header("set-cookie"), "");
}

#[tokio::test]
async fn every_page_has_the_headers_and_nothing_inline() {
    let shop = shop_with(desk());
    let cookie = signed_in(&shop, "secret-operate").await;
    shop.dispatch("secret-dispatch", "c1", "Burst pipe").await;
    shop.accepted("c1").await;
    let attempt = shop.call("c1").await.attempts[0].id;
    for path in [
        "/board",
        "/board?part=main",
        "/board/closed",
        "/board/oncall",
        "/board/calls/c1",
        "/board/calls/c1/cancel",
        "/board/calls/c1/take",
        "/board/calls/c1/take-for",
        "/board/calls/c1/resolve",
        &format!("/board/calls/c1/settle?attempt={attempt}"),
        "/board/calls/none",
        "/board/calls/c1/explode",
        "/board/sign-in",
    ] {
        let got = shop.board(path, &cookie).await;
        assert_ne!(got.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}: {}", got.text);
        let policy = got.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(got.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(got.header("cache-control"), "no-store", "{path}");
        assert_eq!(got.header("x-content-type-options"), "nosniff", "{path}");
        for bad in ["style=", "onclick", "<script>", "javascript:"] {
            assert!(!got.text.contains(bad), "{path}: {bad}");
        }
    }
    let page = shop.board("/board", &cookie).await.text;
    for (ending, kind, most) in
        [(".css", "text/css", 12 * 1024), (".js", "text/javascript", 4 * 1024), (".svg", "image/svg", 1024)]
    {
        let hrefs: Vec<&str> = page.split('"').filter(|s| s.ends_with(ending)).collect();
        let href = hrefs.first().unwrap_or_else(|| panic!("{ending}: {page}")).replace("&#x2f;", "/");
        let got = shop.get(&href).await;
        assert!(got.status == StatusCode::OK && got.text.len() <= most, "{href}: {} bytes", got.text.len());
        assert!(got.header("content-type").starts_with(kind), "{href}");
        assert!(got.header("cache-control").contains("immutable"));
    }
    assert_eq!(shop.get("/board/a.0.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn hostile_words_in_every_field_stay_words() {
    let shop = shop_with(open());
    let hostile = format!("<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}{}", "x".repeat(1_600));
    shop.dispatch("", "x\"><script>", &hostile).await;
    shop.accepted("x\"><script>").await;
    for path in ["/board", "/board/calls/x%22%3E%3Cscript%3E", "/board/calls/x%22%3E%3Cscript%3E/cancel"] {
        let got = shop.get(path).await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text);
        assert!(!got.text.contains("<script>") && !got.text.contains("<img"), "{path}");
        assert!(got.text.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;"), "{path}");
    }
}

#[tokio::test]
async fn a_form_of_another_page_changes_nothing() {
    let shop = shop_with(desk());
    let cookie = signed_in(&shop, "secret-operate").await;
    shop.dispatch("secret-dispatch", "c1", "Burst pipe").await;
    shop.accepted("c1").await;
    let form = format!("v={}", shop.version("c1").await);
    for header in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("accept", "*/*"),
    ] {
        for path in ["/board/calls/c1/take", "/board/oncall", "/board/sign-out", "/board/sign-in"] {
            let got = shop.ask("POST", path, &[LOCAL, FORM, header, ("cookie", &cookie)], form.clone()).await;
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{path} {header:?}: {}", got.text);
        }
    }
    assert_eq!(shop.call("c1").await.call.status, CallStatus::Dispatching);
    assert!(shop.store.overrides(shop.core.clock.now()).await.expect("a store").is_empty());
    let own = shop
        .ask(
            "POST",
            "/board/calls/c1/take",
            &[LOCAL, FORM, ("origin", "http://localhost:3000"), ("cookie", &cookie)],
            form,
        )
        .await;
    assert_eq!(own.status, StatusCode::SEE_OTHER, "{}", own.text);
}

#[tokio::test]
async fn who_only_looks_decides_nothing() {
    let shop = shop_with(desk());
    let cookie = signed_in(&shop, "secret-read").await;
    shop.dispatch("secret-dispatch", "c1", "Burst pipe").await;
    shop.accepted("c1").await;
    let page = shop.board("/board", &cookie).await;
    assert!(!page.text.contains("I take it") && !page.text.contains("5550150"), "{}", page.text);
    for (path, form) in [("/board/calls/c1/take", "v=x"), ("/board/oncall", "who=ana")] {
        assert_eq!(shop.press(path, &cookie, form).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(shop.board("/board/calls/c1/cancel", &cookie).await.status, StatusCode::FORBIDDEN);
    assert_eq!(shop.call("c1").await.call.status, CallStatus::Dispatching);
}

#[tokio::test]
async fn a_call_is_taken_by_who_signed_in_and_an_old_form_does_nothing() {
    let shop = shop_with(desk());
    let cookie = signed_in(&shop, "secret-operate").await;
    shop.dispatch("secret-dispatch", "c1", "Burst pipe").await;
    shop.accepted("c1").await;
    let old = format!("v={}", shop.version("c1").await);
    let got = shop.press("/board/calls/c1/take", &cookie, &old).await;
    assert_eq!(got.header("location"), "/board/calls/c1?said=take", "{}", got.text);
    let call = shop.call("c1").await.call;
    assert_eq!((call.status, call.holder.as_ref().map(|h| h.as_str())), (CallStatus::Acknowledged, Some("ana")));
    assert!(shop.board("/board/calls/c1?said=take", &cookie).await.text.contains("The ladder has stopped"));
    // Pressed twice: it is so already.
    let again = shop.press("/board/calls/c1/take", &cookie, &old).await;
    assert_eq!(again.header("location"), "/board/calls/c1?said=already", "{}", again.text);
    // What was decided before somebody took it.
    for action in ["cancel", "resolve", "take-for"] {
        let got = shop.press(&format!("/board/calls/c1/{action}"), &cookie, &format!("{old}&contact=sam")).await;
        assert_eq!(got.status, StatusCode::CONFLICT, "{action}: {}", got.text);
        assert!(got.text.contains("has changed since") && got.text.contains("taken by"), "{action}: {}", got.text);
    }
    assert_eq!(shop.version("c1").await, "1-ACKNOWLEDGED-ana");
    for form in ["", "v="] {
        let got = shop.press("/board/calls/c1/resolve", &cookie, form).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{form:?}: {}", got.text);
    }
    // Handed back, closed, and then it is final.
    for (action, status) in [("reopen", CallStatus::Dispatching), ("resolve", CallStatus::Resolved)] {
        let form = format!("v={}&note=by+phone", shop.version("c1").await);
        let got = shop.press(&format!("/board/calls/c1/{action}"), &cookie, &form).await;
        assert_eq!(got.status, StatusCode::SEE_OTHER, "{action}: {}", got.text);
        assert_eq!(shop.call("c1").await.call.status, status, "{action}");
    }
    // A tab that is opened again says nothing that is not so any more.
    let later = shop.board("/board/calls/c1?said=take", &cookie).await.text;
    assert!(!later.contains("The ladder has stopped"), "{later}");
    let page = shop.board("/board/calls/c1", &cookie).await.text;
    assert!(!page.contains("class=\"acts\"") && page.contains("by phone"), "{page}");
    let board = shop.board("/board", &cookie).await.text;
    assert!(board.contains("Nothing open.") && board.contains("resolved"), "{board}");
}

#[tokio::test]
async fn before_somebody_is_texted_the_page_says_who() {
    let shop = shop_with(desk());
    let cookie = signed_in(&shop, "secret-operate").await;
    shop.dispatch("secret-dispatch", "c1", "Burst pipe").await;
    shop.accepted("c1").await;
    let before = shop.call("c1").await;
    let got = shop.board("/board/calls/c1/cancel", &cookie).await;
    assert!(got.text.contains("These people get a text") && got.text.contains("Sam Ortiz"), "{}", got.text);
    assert!(got.text.contains("is told that it is over") && !got.text.contains("5550101"), "{}", got.text);
    assert_eq!(shop.call("c1").await, before, "asking stores nothing");
    let people = shop.board("/board/calls/c1/take-for", &cookie).await.text;
    assert!(people.contains("Ana Lund") && people.contains("Sam Ortiz"), "{people}");
    let form = format!("v={}&contact=sam", shop.version("c1").await);
    assert_eq!(shop.press("/board/calls/c1/take-for", &cookie, &form).await.status, StatusCode::SEE_OTHER);
    let got = shop.board("/board/calls/c1/reopen", &cookie).await;
    assert!(got.text.contains("Hand it back?") && got.text.contains("is told of it"), "{}", got.text);
    let got = shop.board("/board/calls/c1/raise", &cookie).await;
    assert!(got.text.contains("It cannot be done"), "{}", got.text);
    let wrong = format!("v={}&contact=nobody", shop.version("c1").await);
    assert_eq!(shop.press("/board/calls/c1/take-for", &cookie, &wrong).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_text_of_which_nobody_knows_is_settled_by_a_person() {
    let shop = shop_with(Plan { gateway: Some(Provider::NeverAnswers), ..desk() });
    let cookie = signed_in(&shop, "secret-operate").await;
    shop.dispatch("secret-dispatch", "c1", "Burst pipe").await;
    let attempt = until("its text is on the way", async || {
        let call = shop.call("c1").await;
        let found = call.attempts.iter().find(|a| a.state == AttemptState::Sending);
        found.map(|a| a.id).ok_or_else(|| format!("{:?}", call.attempts))
    })
    .await;
    let got = shop.board(&format!("/board/calls/c1/settle?attempt={attempt}"), &cookie).await;
    assert!(got.text.contains("not unknown"), "{}", got.text);
    let lost = crate::domain::event::Event::Sent {
        attempt,
        by: None,
        outcome: crate::domain::event::SendOutcome::Unknown { why: "no answer".into() },
    };
    shop.core.apply(lost, crate::domain::types::Actor::engine()).await.expect("a store");
    let board = shop.board("/board", &cookie).await.text;
    assert!(board.contains("say what became of it") && board.contains("unknown: neither sent nor not"), "{board}");
    let page = shop.board(&format!("/board/calls/c1/settle?attempt={attempt}"), &cookie).await.text;
    assert!(page.contains("It was not sent"), "{page}");
    let v = shop.version("c1").await;
    assert!(page.contains(&format!("name=\"v\" value=\"{v}\"")), "{page}");
    for (v, status) in [("", StatusCode::BAD_REQUEST), ("1-ACKNOWLEDGED-sam", StatusCode::CONFLICT)] {
        let form = format!("attempt={attempt}&how=not-sent&v={v}");
        let got = shop.press("/board/calls/c1/settle", &cookie, &form).await;
        assert_eq!(got.status, status, "{v:?}: {}", got.text);
        let state = shop.call("c1").await.attempt(attempt).map(|a| a.state);
        assert_eq!(state, Some(AttemptState::Unknown), "{v:?}: nothing was done");
    }
    for (form, status) in [
        ("how=sent&sid=SMx", StatusCode::BAD_REQUEST),
        ("how=burn", StatusCode::BAD_REQUEST),
        ("how=not-sent", StatusCode::SEE_OTHER),
        ("how=not-sent", StatusCode::SEE_OTHER),
        ("how=sent&sid=SM00000000000000000000000000000001", StatusCode::CONFLICT),
    ] {
        let got = shop.press("/board/calls/c1/settle", &cookie, &format!("attempt={attempt}&v={v}&{form}")).await;
        assert_eq!(got.status, status, "{form}: {}", got.text);
    }
    let call = shop.call("c1").await;
    assert_eq!(call.attempt(attempt).map(|a| (a.state, a.kind)), Some((AttemptState::Failed, AttemptKind::Notice)));
}

#[tokio::test]
async fn somebody_stands_in_tonight_once_however_often_it_is_pressed() {
    let shop = shop_with(desk());
    let cookie = signed_in(&shop, "secret-operate").await;
    let page = shop.board("/board/oncall", &cookie).await.text;
    assert!(page.contains("Make the swap") && page.contains("primary of Acme Plumbing"), "{page}");
    let form = "key=k1&who=ana&what=role%2F%2Fprimary&from=now&until=%2B8h&note=swap";
    for _ in 0..2 {
        let got = shop.press("/board/oncall", &cookie, form).await;
        assert_eq!(got.header("location"), "/board/oncall?said=made", "{}", got.text);
    }
    let all = shop.store.overrides(shop.core.clock.now()).await.expect("a store");
    assert_eq!((all.len(), all[0].by.as_str(), all[0].contact.as_str()), (1, "ana", "ana"));
    // The same form with somebody else in it is another swap, and is not passed over as made.
    let other = shop.press("/board/oncall", &cookie, &form.replace("who=ana", "who=sam")).await;
    assert!(other.status == StatusCode::BAD_REQUEST && other.text.contains("Nothing was changed"), "{}", other.text);
    let board = shop.board("/board", &cookie).await.text;
    assert!(board.contains("Ana Lund</b> until"), "{board}");
    for (form, says) in [
        ("who=kim&what=role%2F%2Fprimary&until=%2B8h", "there is no contact"),
        ("who=ana&what=role%2F%2Fprimary&until=noon", "one of"),
        ("who=ana&what=&until=%2B8h", "names no rotation and no role"),
    ] {
        let got = shop.press("/board/oncall", &cookie, form).await;
        assert!(got.status == StatusCode::BAD_REQUEST && got.text.contains(says), "{form}: {}", got.text);
    }
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_survives_another_listener() {
    let shop = shop_with(desk());
    let cookie = signed_in(&shop, "secret-operate").await;
    assert_eq!(shop.board("/board", &cookie).await.status, StatusCode::OK);
    // A restart: another state over the same store.
    let again = crate::http::HttpState::new(crate::http::HttpDeps {
        core: shop.core.clone(),
        engine: None,
        settings: shop.state.settings.clone(),
        tokens: desk().tokens,
        intake: crate::config::Intake::default(),
    });
    let mut restarted = shop_with(desk());
    restarted.router = crate::http::routes::router(crate::http::Surface::Full, again);
    assert_eq!(restarted.board("/board", &cookie).await.status, StatusCode::OK);
    shop.state.set_tokens(vec![token("ana", "another-secret", TokenScope::Operate)]);
    assert_eq!(shop.board("/board", &cookie).await.status, StatusCode::SEE_OTHER);
    shop.state.set_tokens(vec![token("ana", "secret-operate", TokenScope::Read)]);
    let page = shop.board("/board", &cookie).await;
    assert!(page.status == StatusCode::OK && page.text.contains("may look, not decide"), "{}", page.text);
    let forged = format!("{cookie}x");
    assert_eq!(shop.board("/board", &forged).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_link_signs_in_once_and_looking_at_it_uses_nothing_up() {
    let shop = shop_with(desk());
    let now = shop.core.clock.now();
    let link = |secret: &str, minutes: u64| BoardLink {
        digest: sha256(secret),
        name: "ana".into(),
        until: now.plus(Duration::from_secs(60 * minutes)),
    };
    shop.store.keep_board_link(&link("l1", 15), now).await.expect("kept");
    for _ in 0..3 {
        let page = shop.get("/board/link/l1").await;
        assert!(page.status == StatusCode::OK && page.text.contains("Sign in as"), "{}", page.text);
    }
    let forged = shop.ask("POST", "/board/link/l1", &[LOCAL, FORM, ("sec-fetch-site", "cross-site")], "").await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let got = shop.ask("POST", "/board/link/l1", &[LOCAL, FORM, OWN], "").await;
    assert_eq!(got.header("location"), "/board", "{}", got.text);
    let cookie = got.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    assert_eq!(shop.board("/board", &cookie).await.status, StatusCode::OK);
    for method in ["GET", "POST"] {
        let got = shop.ask(method, "/board/link/l1", &[LOCAL, FORM, OWN], "").await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{method}: it was used");
    }
    shop.store.keep_board_link(&link("l2", 0), now).await.expect("kept");
    assert_eq!(shop.get("/board/link/l2").await.status, StatusCode::NOT_FOUND, "it is over");
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

#[tokio::test]
async fn without_a_token_this_machine_alone_sees_the_page_and_only_in_a_test() {
    let shop = shop_with(open());
    let page = shop.get("/board").await;
    assert!(page.text.contains("TEST MODE") && !page.text.contains("Sign out"), "{}", page.text);
    let proxied = shop.ask("GET", "/board", &[LOCAL, ("x-forwarded-for", "192.0.2.1")], Body::empty()).await;
    assert_eq!(proxied.status, StatusCode::UNAUTHORIZED);
    let rebound = shop.ask("GET", "/board", &[("host", "evil.example")], Body::empty()).await;
    assert_eq!(rebound.status, StatusCode::UNAUTHORIZED);
    let live = Plan {
        tweak: Some(|s| {
            s.board.is_enabled = true;
            s.mode = "live";
        }),
        ..Plan::default()
    };
    let got = shop_with(live).get("/board").await;
    assert!(got.status == StatusCode::UNAUTHORIZED && got.text.contains("server.tokens"), "{}", got.text);
}

#[tokio::test]
async fn below_a_path_every_link_has_it_whether_or_not_the_proxy_takes_it_off() {
    let plan = Plan {
        tweak: Some(|s| {
            s.board.is_enabled = true;
            s.board.base_path = "/office".into();
        }),
        ..desk()
    };
    let shop = shop_with(plan);
    let cookie = signed_in_at(&shop, "/office").await;
    shop.dispatch("secret-dispatch", "c1", "Burst pipe").await;
    for prefix in ["", "/office"] {
        let page = shop.board(&format!("{prefix}/board"), &cookie).await;
        assert_eq!(page.status, StatusCode::OK, "{prefix}");
        for attribute in ["href=\"", "action=\"", "src=\""] {
            for to in page.text.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()) {
                let to = to.replace("&#x2f;", "/");
                let is_own = to.starts_with("/office/board")
                    || to.starts_with("tel:")
                    || to.starts_with("https://www.google.com/maps");
                assert!(is_own, "{prefix}: {attribute}{to}");
            }
        }
    }
    assert_eq!(shop.get("/office/board").await.header("location"), "/office/board/sign-in?next=%2Fboard");
}

async fn signed_in_at(shop: &Shop, base: &str) -> String {
    let path = format!("{base}/board/sign-in");
    let got = shop.ask("POST", &path, &[LOCAL, FORM, OWN], "token=secret-operate").await;
    assert_eq!(got.header("location"), format!("{base}/board"), "{}", got.text);
    got.header("set-cookie").split(';').next().expect("a cookie").to_owned()
}

#[tokio::test]
async fn the_page_is_short_and_its_part_is_known_by_its_tag() {
    let shop = shop_with(open());
    for n in 0..60 {
        shop.dispatch("", &format!("c{n}"), "Burst pipe in the basement, water is rising").await;
    }
    let v: Value = shop.get("/api/board").await.json();
    assert_eq!((v["open"].as_array().map(Vec::len), &v["moreOpen"]), (Some(50), &Value::from(10)), "{}", v["verdict"]);
    let page = shop.get("/board").await;
    assert!(page.text.contains("and 10 more"));
    assert_eq!((page.text.matches("<article").count(), page.text.matches("ago</span></a></li>").count()), (20, 30));
    // 20 calls whole and 30 in a line each: with style, script and icon under 60 KB.
    assert!(page.text.len() < 45 * 1024, "{} bytes for 50 calls", page.text.len());
}

/// Somebody looked the moment before, and nothing comes after this one change that would tell of it.
#[tokio::test]
async fn a_change_right_after_a_look_is_told_and_not_taken_for_told() {
    use crate::http::board::events::look;
    let shop = shop_with(open());
    let (_, before) = look(&shop.state).await;
    shop.dispatch("", "c1", "Burst pipe").await;
    loop {
        let (of, hint) = look(&shop.state).await;
        if of == Some(shop.store.version().await.expect("a version")) {
            assert_ne!(hint.number, before.number, "it counts as told");
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_begins_with_what_the_page_shows_tells_of_the_next_and_ends_at_a_stop() {
    use futures_util::StreamExt as _;
    use tower::ServiceExt as _;
    let shop = shop_with(open());
    let page = shop.get("/board").await.text;
    let shown = page.split("data-n=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a number").to_owned();
    let request = || {
        let peer = crate::http::auth::Peer(std::net::Ipv4Addr::LOCALHOST.into());
        axum::http::Request::get("/board/events").header("host", "localhost:3000").extension(peer).body(Body::empty())
    };
    let mut streams = Vec::new();
    for n in 0..33 {
        let got = shop.router.clone().oneshot(request().expect("a request")).await.expect("an answer");
        let want = if n < 32 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        assert_eq!(got.status(), want, "{n}");
        streams.push(got.into_body().into_data_stream());
    }
    streams.truncate(32);
    let stream = &mut streams[0];
    let mut next = async || {
        let found = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("in time");
        found.map(|data| String::from_utf8(data.expect("whole").to_vec()).expect("text"))
    };
    let first = next().await.expect("a beat");
    assert!(first.contains("event: beat") && first.contains("retry: 3000"), "{first}");
    assert!(first.contains(&format!("data: {shown}\n")), "{first} {shown}");
    shop.dispatch("", "c1", "Burst pipe").await;
    loop {
        let told = next().await.expect("a change");
        if told.contains("event: change") && !told.contains(&format!("data: {shown}\n")) {
            break;
        }
    }
    shop.state.closing.cancel();
    tokio::time::timeout(Duration::from_secs(2), async { while next().await.is_some() {} }).await.expect("it ends");
}
