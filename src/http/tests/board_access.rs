//! Who gets in to the office's page, who is slowed down, and what a token that may only look is shown of numbers in people's words.

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use crate::http::auth::Peer;

use super::board::{OWN, desk, signed_in};
use super::helpers::*;

impl Shop {
    async fn sign_in_from(&self, peer: IpAddr, forwarded: &[&str], token: &str) -> Answered {
        let mut request = Request::builder().method("POST").uri("/board/sign-in");
        for (name, value) in [LOCAL, FORM, OWN].into_iter().chain(forwarded.iter().map(|f| ("x-forwarded-for", *f))) {
            request = request.header(name, value);
        }
        let request = request.extension(Peer(peer)).body(Body::from(format!("token={token}"))).expect("a request");
        self.answer(request).await
    }
}

/// Behind proxies of a network, and on this machine.
fn proxied() -> Plan {
    Plan {
        tweak: Some(|s| {
            s.board.is_enabled = true;
            s.board.trusted_proxies = ["10.0.0.0/8", "127.0.0.1"].map(|p| p.parse().expect("a network")).to_vec();
        }),
        ..desk()
    }
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[tokio::test]
async fn a_thousand_wrong_sign_ins_raise_one_alert_and_keep_nobody_out_who_has_a_session_or_a_right_token() {
    let shop = shop_with(proxied());
    let cookie = signed_in(&shop, "secret-operate").await;
    let mut seen = std::collections::BTreeMap::new();
    for n in 0..1_000 {
        // A quarter of them from where the owner is.
        let from = if n % 4 == 0 { "192.0.2.250".to_owned() } else { format!("192.0.2.{}", n % 200) };
        let got = shop.sign_in_from(HERE, &[&from], &format!("guess-{n}")).await;
        if got.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(got.header("retry-after").parse::<u64>().is_ok_and(|s| s > 0), "{:?}", got.headers);
        }
        *seen.entry(got.status.as_u16()).or_insert(0) += 1;
        if n % 100 == 99 {
            assert_eq!(shop.board("/board", &cookie).await.status, StatusCode::OK, "after {n}");
            for from in ["192.0.2.250", "198.51.100.7"] {
                let got = shop.sign_in_from(HERE, &[from], "secret-operate").await;
                assert_eq!(got.status, StatusCode::SEE_OTHER, "after {n}, from {from}: {}", got.text);
            }
        }
    }
    assert_eq!(seen.keys().collect::<Vec<_>>(), [&401, &429], "{seen:?}");
    assert!(seen[&401] <= 120, "{seen:?}");
    let alerts = shop.open_alerts().await;
    assert_eq!(alerts.iter().filter(|k| k.as_str() == "board-sign-ins").count(), 1, "{alerts:?}");
}

#[tokio::test]
async fn wrong_sign_ins_are_counted_by_whom_a_trusted_proxy_names_last() {
    let many = async |peer: &str, forwarded: fn(u32) -> Vec<String>| {
        let shop = shop_with(proxied());
        let mut last = StatusCode::OK;
        for n in 0..6 {
            let lines = forwarded(n);
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            last = shop.sign_in_from(ip(peer), &lines, "guess").await.status;
        }
        last
    };
    // Each by another whom the proxy names: nobody is slowed down.
    assert_eq!(many("10.0.0.7", |n| vec![format!("192.0.2.{n}")]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(many("::ffff:10.0.0.7", |n| vec![format!("192.0.2.{n}:4711")]).await, StatusCode::UNAUTHORIZED);
    // Two proxies one behind the other, on one line or on two.
    assert_eq!(many("10.0.0.7", |n| vec![format!("192.0.2.{n}, 10.9.9.9")]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(many("10.0.0.7", |n| vec![format!("192.0.2.{n}"), "10.9.9.9".into()]).await, StatusCode::UNAUTHORIZED);
    // What a stranger writes before the proxy's own word is not read, and a stranger's own header neither.
    assert_eq!(many("10.0.0.7", |n| vec![format!("192.0.2.{n}, 192.0.2.9")]).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(many("10.0.0.7", |n| vec![format!("192.0.2.{n}, nonsense")]).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(many("203.0.113.9", |n| vec![format!("192.0.2.{n}")]).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(many("203.0.113.9", |_| Vec::new()).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn who_only_looks_is_shown_no_whole_number_in_anybodys_words() {
    let shop = shop_with(desk());
    let words = |text: &str| format!("{text}: ring (949) 555-0177 or +1 949\u{2011}555\u{2011}0178, else 555-0179");
    let body = json!({ "callId": "c1", "callData": { "callerPhone": "949.555.0150 ext 4", "callerName": words("name"),
        "emergencyLevel": "normal", "issueSummary": words("issue"), "address": words("address") } });
    let bearer = ("authorization", "Bearer secret-dispatch");
    let got = shop.ask("POST", "/api/dispatch/manual", &[LOCAL, JSON, bearer], body.to_string()).await;
    assert!(got.status.is_success(), "{}", got.text);
    shop.accepted("c1").await;
    let cookie = signed_in(&shop, "secret-operate").await;
    let form = format!("v={}&note={}", shop.version("c1").await, "his+wife+has+949-555-0177");
    let got = shop.press("/board/calls/c1/resolve", &cookie, &form).await;
    assert_eq!(got.status, StatusCode::SEE_OTHER, "{}", got.text);
    let more = body.to_string().replace("\"c1\"", "\"c2\"");
    let got = shop.ask("POST", "/api/dispatch/manual", &[LOCAL, JSON, bearer], more).await;
    assert!(got.status.is_success(), "{}", got.text);
    shop.accepted("c2").await;
    let eyes = signed_in(&shop, "secret-read").await;
    for path in ["/board", "/board?part=main", "/board/closed", "/board/calls/c1", "/board/calls/c2"] {
        let got = shop.board(path, &eyes).await;
        assert_eq!(got.status, StatusCode::OK, "{path}");
        for number in ["555-0177", "555\u{2011}0178", "555-0179", "555.0150", "0101<", "5550101"] {
            assert!(!got.text.contains(number), "{path} shows {number}: {}", got.text);
        }
        assert!(got.text.contains("•••0177"), "{path}: {}", got.text);
        assert!(!got.text.contains("his wife"), "{path}: what a person wrote of it");
        let whole = shop.board(path, &cookie).await.text;
        assert!(whole.contains("(949) 555-0177") || path == "/board/closed", "{path}: {whole}");
    }
    let got = shop.ask("GET", "/api/board", &[LOCAL, ("authorization", "Bearer secret-read")], Body::empty()).await;
    assert!(!got.text.contains("555-01") && got.text.contains("•••0177"), "{}", got.text);
}
