//! Feeds of who is on call: by their secret alone, without a phone number.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use url::Url;

use super::helpers::*;
use crate::store::{Feed, FeedOf, Renew};

async fn ask(shop: &Shop, method: Method, path: &str) -> Answered {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    shop.answer(request).await
}

#[tokio::test]
async fn a_feed_is_read_by_its_secret_until_it_is_made_anew() {
    let shop = shop_with(Plan {
        tweak: Some(|s| s.public_url = Url::parse("https://dispatch.example.com/shop").ok()),
        ..Plan::default()
    });
    let feed = |n: &str| Feed {
        of: FeedOf::Contact("sam".parse().expect("id")),
        secret: n.repeat(64),
        made_at: shop.core.clock.now(),
    };
    shop.core.store.make_feed(&feed("a"), Renew::No, "kim").await.expect("made");
    let path = |n: &str| format!("/oncall/{}.ics", n.repeat(64));
    let read = ask(&shop, Method::GET, &path("a")).await;
    assert_eq!((read.status, read.header("content-type")), (StatusCode::OK, "text/calendar; charset=utf-8"));
    assert!(read.text.contains("BEGIN:VEVENT") && read.text.contains("SUMMARY:On call: primary"), "{}", read.text);
    assert!(read.text.contains("X-WR-CALNAME:On call: Sam Ortiz"), "{}", read.text);
    for hidden in ["+1949", "949555", "tel:"] {
        assert!(!read.text.contains(hidden), "{hidden} in {}", read.text);
    }
    assert_eq!(ask(&shop, Method::HEAD, &path("a")).await.status, StatusCode::OK);
    assert_eq!(ask(&shop, Method::GET, &format!("/shop{}", path("a"))).await.status, StatusCode::OK, "with its path");
    assert_eq!(ask(&shop, Method::POST, &path("a")).await.status, StatusCode::METHOD_NOT_ALLOWED);
    for (label, none) in [
        ("another secret", path("b")),
        ("no secret", "/oncall/.ics".into()),
        ("a short one", "/oncall/aaaa.ics".into()),
        ("without its end", format!("/oncall/{}", "a".repeat(64))),
        ("a path below", format!("/oncall/x/{}.ics", "a".repeat(64))),
        ("no text", "/oncall/%ff%00.ics".into()),
        ("sql", format!("/oncall/{}.ics", "'%20OR%201=1--".repeat(5))),
    ] {
        assert_eq!(ask(&shop, Method::GET, &none).await.status, StatusCode::NOT_FOUND, "{label}");
    }
    shop.core.store.make_feed(&feed("c"), Renew::Yes, "kim").await.expect("made anew");
    assert_eq!(ask(&shop, Method::GET, &path("a")).await.status, StatusCode::NOT_FOUND, "the old one");
    assert_eq!(ask(&shop, Method::GET, &path("c")).await.status, StatusCode::OK);
    let gone = Feed { of: FeedOf::Contact("nobody".parse().expect("id")), secret: "d".repeat(64), ..feed("d") };
    shop.core.store.make_feed(&gone, Renew::No, "kim").await.expect("made");
    assert_eq!(ask(&shop, Method::GET, &path("d")).await.status, StatusCode::NOT_FOUND, "of nobody any more");
}
