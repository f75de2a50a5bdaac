//! Who is on call over the API, and exceptions to it.

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::config::TokenScope;

use super::helpers::*;

const TAKE: &str = r#"{"role":"primary","kind":"take","contact":"Ana Lund","until":"+8h","note":"swap"}"#;

async fn holders(shop: &Shop) -> Value {
    let got = shop.get("/api/oncall?role=primary").await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text);
    got.json()["holders"].clone()
}

#[tokio::test]
async fn an_exception_is_made_once_shows_whom_it_changes_and_is_withdrawn() {
    let shop = shop();
    assert_eq!(holders(&shop).await, json!([{ "contact": "sam", "until": null, "why": "team" }]));
    let keyed = [LOCAL, JSON, ("idempotency-key", "swap-1")];
    let made = shop.ask("POST", "/api/oncall/overrides", &keyed, TAKE).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let (document, again) = (made.json(), shop.ask("POST", "/api/oncall/overrides", &keyed, TAKE).await);
    assert_eq!((again.status, &again.json()["override"]), (StatusCode::OK, &document["override"]));
    let change = &document["changes"][0];
    assert_eq!((&change["before"], &change["after"]), (&json!(["sam"]), &json!(["ana"])), "{document}");
    let id = document["override"]["id"].as_str().expect("an id").to_owned();
    let now = holders(&shop).await;
    assert_eq!((&now[0]["contact"], &now[0]["until"]), (&json!("ana"), &document["override"]["until"]));
    assert_eq!(now[0]["why"], format!("override {id} (take)"));
    for (was, other) in [("take", "add"), ("+8h", "+9h"), ("\"until\"", "\"from\":\"+1h\",\"until\""), ("swap", "")] {
        let differs = shop.ask("POST", "/api/oncall/overrides", &keyed, TAKE.replace(was, other)).await;
        assert_eq!(differs.status, StatusCode::CONFLICT, "{other}: {}", differs.text);
    }
    let unread = shop.ask("POST", "/api/oncall/overrides", &keyed, TAKE.replace("Ana Lund", "nobody known")).await;
    assert_eq!(unread.status, StatusCode::CONFLICT, "the key is looked up first: {}", unread.text);
    let shifts = shop.get("/api/oncall/shifts?role=primary").await.json();
    let spans = shifts["spans"].as_array().expect("spans");
    let who: Vec<&Value> = spans.iter().map(|s| &s["holders"][0]["contact"]).collect();
    assert_eq!(who, ["ana", "sam"], "{shifts}");
    assert_eq!(spans[0]["until"], spans[1]["from"]);
    let path = format!("/api/oncall/overrides/{id}/withdraw");
    for changed in [true, false] {
        let gone = shop.ask("POST", &path, &[LOCAL], Body::empty()).await;
        assert_eq!((gone.status, &gone.json()["changed"]), (StatusCode::OK, &json!(changed)), "{}", gone.text);
    }
    assert_eq!(holders(&shop).await[0]["contact"], "sam");
    let all = shop.get("/api/oncall/overrides").await.json();
    assert!(all["overrides"][0]["withdrawnAt"].is_string(), "{all}");
}

#[tokio::test]
async fn what_is_wrong_with_an_exception_is_named_and_nothing_is_changed() {
    let shop = shop();
    let before = shop.rows();
    for (body, field) in [
        ("{", None),
        ("[]", None),
        (r#"{"role":"primary","kind":"take","contact":"ana","until":"+8h","who":"x"}"#, None),
        (r#"{"role":"primary","kind":"swap","contact":"ana","until":"+8h"}"#, Some("kind")),
        (r#"{"role":"primary","contact":"ana","until":"+8h"}"#, Some("kind")),
        (r#"{"role":"primary","kind":"take","until":"+8h"}"#, Some("contact")),
        (r#"{"role":"primary","kind":"take","contact":"kim","until":"+8h"}"#, Some("contact")),
        (r#"{"role":"primary","kind":"take","contact":"ana"}"#, Some("until")),
        (r#"{"role":"primary","kind":"take","contact":"ana","until":"noon"}"#, Some("until")),
        (r#"{"role":"primary","kind":"take","contact":"ana","until":"2020-01-01T00:00:00Z"}"#, Some("until")),
        (r#"{"role":"primary","kind":"take","contact":"ana","from":"+9h","until":"+99d"}"#, Some("until")),
        (
            r#"{"role":"primary","kind":"take","contact":"ana","from":"2999-01-02T00:00:00Z","until":"2999-01-01T00:00:00Z"}"#,
            Some("until"),
        ),
        (r#"{"role":"primary","kind":"take","contact":"ana","from":"5","until":"+8h"}"#, Some("from")),
        (r#"{"rotation":"night","kind":"take","contact":"ana","until":"+8h"}"#, Some("rotation")),
        (r#"{"kind":"take","contact":"ana","until":"+8h"}"#, Some("rotation")),
        (r#"{"role":"primary","kind":"take","contact":"ana","until":"+8h","by":"engine"}"#, Some("by")),
        (r#"{"role":"primary","kind":5,"contact":"ana","until":"+8h"}"#, Some("kind")),
    ] {
        let got = shop.post_json("/api/oncall/overrides", body.to_owned()).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{body}: {}", got.text);
        assert_eq!(got.json()["field"].as_str(), field, "{body}: {}", got.text);
    }
    for path in
        ["/api/oncall?at=noon", "/api/oncall?line=%2B18005550199x", "/api/oncall?who=sam", "/api/oncall/shifts?from=x"]
    {
        let got = shop.get(path).await;
        assert!(got.status == StatusCode::BAD_REQUEST || path.contains("line="), "{path}: {}", got.text);
    }
    for id in ["x", "ovr_00000000000000000000000000000000"] {
        let got = shop.ask("POST", &format!("/api/oncall/overrides/{id}/withdraw"), &[LOCAL], Body::empty()).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{id}");
    }
    assert_eq!(shop.rows(), before);
}

#[tokio::test]
async fn exceptions_need_the_scope_operate_and_reading_them_the_scope_read() {
    let tokens = vec![
        token("eyes", "secret-read", TokenScope::Read),
        token("intake", "secret-dispatch", TokenScope::Dispatch),
        token("desk", "secret-operate", TokenScope::Operate),
    ];
    let shop = shop_with(Plan { tokens, ..Plan::default() });
    for (token, read, write) in [("secret-read", 200, 403), ("secret-dispatch", 403, 403), ("secret-operate", 200, 201)]
    {
        let bearer = format!("Bearer {token}");
        let headers = [LOCAL, JSON, ("authorization", bearer.as_str())];
        let got = shop.ask("GET", "/api/oncall", &headers, Body::empty()).await;
        assert_eq!(got.status.as_u16(), read, "{token}: {}", got.text);
        let got = shop.ask("POST", "/api/oncall/overrides", &headers, TAKE).await;
        assert_eq!(got.status.as_u16(), write, "{token}: {}", got.text);
    }
}
