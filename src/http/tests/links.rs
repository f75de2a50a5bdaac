//! The link by which a contact takes a call: opening it changes nothing, its button does.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use url::Url;

use super::helpers::*;
use crate::domain::call::CallStatus;
use crate::engine::links::Links;

fn linked() -> Shop {
    let shop = shop_with(Plan {
        gateway: Some(Provider::Accepts),
        tweak: Some(|s| s.limits.dispatch_wait = Duration::from_secs(10)),
        ..Plan::default()
    });
    let base = Url::parse("https://dispatch.example.com").expect("a URL");
    shop.core.set_links(Some(Arc::new(Links::new(&base, [7; 32]))));
    shop
}

/// The path of the link of a call's first attempt.
async fn path(shop: &Shop, call: &str) -> String {
    let attempt = shop.call(call).await.attempts[0].id;
    let link = shop.core.links().expect("links").of(attempt);
    link.strip_prefix("https://dispatch.example.com").expect("its base").to_owned()
}

async fn ask(shop: &Shop, method: Method, path: &str) -> Answered {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    shop.answer(request).await
}

#[tokio::test]
async fn whoever_opens_a_link_changes_nothing_and_its_button_takes_the_call() {
    let shop = linked();
    shop.post_json("/api/dispatch/manual", CALL).await;
    let path = path(&shop, "test_123").await;
    let before = shop.call("test_123").await;
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let answered = ask(&shop, method.clone(), &path).await;
        assert_eq!(answered.status, StatusCode::OK, "{method}");
        assert!(answered.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!((answered.header("cache-control"), answered.header("referrer-policy")), ("no-store", "no-referrer"));
        if method == Method::GET {
            assert_eq!(answered.text.matches("<button>").count(), 1, "{}", answered.text);
            assert!(
                answered.text.contains("<form method=\"post\" action=\"?round=1\">")
                    && answered.text.contains("Sam Ortiz")
            );
        }
    }
    assert_eq!(shop.call("test_123").await, before, "a scanner changed nothing");
    let taken = ask(&shop, Method::POST, &format!("{path}?round=1")).await;
    assert!(taken.status == StatusCode::OK && taken.text.contains("is yours"), "{}", taken.text);
    let state = shop.call("test_123").await;
    assert_eq!(
        (state.call.status, state.call.holder.as_ref().map(|h| h.as_str())),
        (CallStatus::Acknowledged, Some("sam"))
    );
    let again = ask(&shop, Method::POST, &format!("{path}?round=1")).await;
    assert!(again.status == StatusCode::OK && !again.text.contains("<button>"), "{}", again.text);
    for method in [Method::PUT, Method::DELETE] {
        assert_eq!(ask(&shop, method, &path).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn a_link_under_a_public_url_with_a_path_is_served_with_it_and_without() {
    let shop = shop_with(Plan {
        gateway: Some(Provider::Accepts),
        tweak: Some(|s| {
            s.public_url = Url::parse("https://example.com/dispatch").ok();
            s.limits.dispatch_wait = Duration::from_secs(10);
        }),
        ..Plan::default()
    });
    let base = Url::parse("https://dispatch.example.com").expect("a URL");
    shop.core.set_links(Some(Arc::new(Links::new(&base, [7; 32]))));
    shop.post_json("/api/dispatch/manual", CALL).await;
    let path = path(&shop, "test_123").await;
    for path in [path.clone(), format!("/dispatch{path}"), format!("/dispatch{path}/")] {
        let answered = ask(&shop, Method::GET, &path).await;
        assert!(answered.status == StatusCode::OK && answered.text.contains("<button>"), "{path}: {}", answered.text);
    }
    assert_eq!(ask(&shop, Method::GET, &format!("/other{path}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(&shop, Method::PUT, &format!("/dispatch{path}")).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let taken = ask(&shop, Method::POST, &format!("/dispatch{path}?round=1")).await;
    assert!(taken.text.contains("is yours"), "{}", taken.text);
}

#[tokio::test]
async fn a_button_that_is_sent_again_does_not_take_a_call_that_was_handed_back() {
    let shop = linked();
    shop.post_json("/api/dispatch/manual", CALL).await;
    let path = path(&shop, "test_123").await;
    let pressed = format!("{path}?round=1");
    ask(&shop, Method::POST, &pressed).await;
    assert_eq!(shop.call("test_123").await.call.status, CallStatus::Acknowledged);
    shop.post_json("/api/calls/test_123/reopen", "{}").await;
    for stale in [pressed.as_str(), path.as_str()] {
        let again = ask(&shop, Method::POST, stale).await;
        assert!(again.text.contains("press again") && again.text.contains("action=\"?round=2\""), "{}", again.text);
        assert_eq!(shop.call("test_123").await.call.status, CallStatus::Dispatching, "{stale}");
    }
    ask(&shop, Method::POST, &format!("{path}?round=2")).await;
    assert_eq!(shop.call("test_123").await.call.status, CallStatus::Acknowledged);
}

#[tokio::test]
async fn a_link_is_over_with_its_call_and_nobody_is_told_why() {
    let shop = linked();
    shop.post_json("/api/dispatch/manual", CALL).await;
    let path = path(&shop, "test_123").await;
    let token = path.strip_prefix("/l/").expect("a token").to_owned();
    let flipped = format!("/l/{}{}", &token[..37], if token.ends_with('A') { 'B' } else { 'A' });
    for bad in ["/l/x", "/l/..%2f", &flipped, &format!("{path}A")] {
        for method in [Method::GET, Method::POST] {
            let answered = ask(&shop, method, bad).await;
            assert_eq!(answered.status, StatusCode::NOT_FOUND, "{bad}");
            assert!(answered.text.contains("This link is over"), "{bad}: {}", answered.text);
        }
    }
    assert_eq!(shop.call("test_123").await.call.status, CallStatus::Dispatching);
    shop.post_json("/api/calls/test_123/resolve", "{}").await;
    assert_eq!(shop.call("test_123").await.call.status, CallStatus::Resolved);
    for method in [Method::GET, Method::POST] {
        assert_eq!(ask(&shop, method, &path).await.status, StatusCode::NOT_FOUND);
    }
    shop.core.set_links(None);
    assert_eq!(ask(&shop, Method::GET, &path).await.status, StatusCode::NOT_FOUND);
}
