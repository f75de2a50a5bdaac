//! Every route with every method and every token, and the description of them.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::Value;

use crate::config::TokenScope;
use crate::http::api::route::{Access, Part, Route, Verb};
use crate::http::api::table::{ROUTES, WEBHOOKS};
use crate::http::{board, routes};

use super::helpers::*;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Who asks: their token, and its scope where it is known.
const ASKERS: [(&str, Option<&str>, Option<TokenScope>); 5] = [
    ("nobody", None, None),
    ("a wrong token", Some("secret-wrong"), None),
    ("read", Some("secret-read"), Some(TokenScope::Read)),
    ("dispatch", Some("secret-dispatch"), Some(TokenScope::Dispatch)),
    ("operate", Some("secret-operate"), Some(TokenScope::Operate)),
];

/// What whoever may ask is answered where the request has no body and the names in the path are invented. A route that is missing here
/// fails the test: it is to be thought about.
const TO_WHO_MAY: &[(&str, &str, u16)] = &[
    ("get", "/livez", 200),
    ("get", "/l/{token}", 404),
    ("post", "/l/{token}", 404),
    ("get", "/oncall/{file}", 404),
    ("post", "/api/dispatch/manual", 415),
    ("get", "/api/dispatch/status/{id}", 404),
    ("get", "/api/calls", 200),
    ("get", "/api/calls/{id}", 404),
    ("post", "/api/calls/{id}/ack", 404),
    ("post", "/api/calls/{id}/resolve", 404),
    ("post", "/api/calls/{id}/cancel", 404),
    ("post", "/api/calls/{id}/reopen", 404),
    ("post", "/api/calls/{id}/raise", 404),
    ("post", "/api/calls/{id}/seen", 404),
    ("post", "/api/calls/{id}/note", 400),
    ("get", "/api/oncall", 200),
    ("get", "/api/oncall/shifts", 200),
    ("get", "/api/oncall/overrides", 200),
    ("post", "/api/oncall/overrides", 415),
    ("post", "/api/oncall/overrides/{id}/withdraw", 404),
    ("get", "/api/log", 200),
    ("get", "/api/board", 200),
    ("get", "/metrics", 200),
    ("get", "/openapi.json", 200),
    ("get", "/health", 503),
    ("get", "/readyz", 503),
    // The page: a token is nothing to it, whoever has not signed in is shown where.
    ("get", "/board", 303),
    ("get", "/board/", 303),
    ("get", "/board/closed", 303),
    ("get", "/board/events", 401),
    ("get", "/board/sign-in", 200),
    ("post", "/board/sign-in", 403),
    ("post", "/board/sign-out", 403),
    ("get", "/board/link/{token}", 404),
    ("post", "/board/link/{token}", 403),
    ("get", "/board/oncall", 303),
    ("post", "/board/oncall", 403),
    ("get", "/board/calls/{id}", 303),
    ("get", "/board/calls/{id}/{action}", 303),
    ("post", "/board/calls/{id}/{action}", 403),
    ("get", "/board/{asset}", 404),
];

fn all() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().chain(board::ROUTES)
}

fn guarded() -> Shop {
    shop_with(Plan {
        tokens: vec![
            token("desk", "secret-read", TokenScope::Read),
            token("intake", "secret-dispatch", TokenScope::Dispatch),
            token("boss", "secret-operate", TokenScope::Operate),
        ],
        tweak: Some(|s| s.board.is_enabled = true),
        ..Plan::default()
    })
}

fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "invented" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// What this route answers to whoever asks so.
fn expected(route: &Route, scope: Option<TokenScope>) -> u16 {
    let to_who_may = || {
        let line = TO_WHO_MAY.iter().find(|(verb, path, _)| *verb == route.verb.as_str() && *path == route.path);
        line.unwrap_or_else(|| panic!("{} {} is not thought about", route.verb.as_str(), route.path)).2
    };
    let (needed, only_own) = match route.access {
        Access::Open | Access::Secret | Access::Session => return to_who_may(),
        Access::Token(needed) => (needed, false),
        Access::Everything => (TokenScope::Read, true),
    };
    match scope {
        None => 401,
        Some(scope) if scope < needed || (only_own && scope == TokenScope::Dispatch) => 403,
        // The whole log is for whoever reads everything.
        Some(TokenScope::Dispatch) if route.path == "/api/log" => 403,
        Some(_) => to_who_may(),
    }
}

#[tokio::test]
async fn every_route_answers_every_method_and_every_token_as_its_line_says() {
    let shop = guarded();
    let paths: BTreeSet<&str> = all().map(|route| route.path).collect();
    let mut asked = 0;
    for path in paths {
        for method in METHODS {
            let verb = match method {
                "GET" | "HEAD" => Some(Verb::Get),
                "POST" => Some(Verb::Post),
                _ => None,
            };
            let route = all().find(|r| r.path == path && Some(r.verb) == verb);
            for (who, secret, scope) in ASKERS {
                let bearer = secret.map(|s| format!("Bearer {s}"));
                let headers: Vec<(&str, &str)> = bearer.iter().map(|b| ("authorization", b.as_str())).collect();
                let answered = shop.ask(method, &filled(path), &headers, Body::empty()).await;
                let want = route.map_or(405, |route| expected(route, scope));
                let label = format!("{method} {path} by {who}");
                assert_eq!(answered.status.as_u16(), want, "{label}: {}", answered.text);
                if want == 405 {
                    assert!(!answered.header("allow").is_empty(), "{label}: it says which there are");
                }
                if want == 401 && !path.starts_with("/board") {
                    assert!(answered.header("www-authenticate").starts_with("Bearer"), "{label}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 1_000, "{asked}");
    let lines: BTreeSet<(&str, &str)> = all().map(|r| (r.verb.as_str(), r.path)).collect();
    assert_eq!(lines.len(), TO_WHO_MAY.len(), "a line of the test is of no route");
}

#[tokio::test]
async fn the_second_listener_serves_what_is_public_and_nothing_else() {
    let mut shop = guarded();
    shop.router = routes::router(crate::http::Surface::PublicOnly, shop.state.clone());
    for route in all() {
        let method = route.verb.as_str().to_uppercase();
        let bearer = [("authorization", "Bearer secret-operate")];
        let answered = shop.ask(&method, &filled(route.path), &bearer, Body::empty()).await;
        let want = match route.part {
            Part::Public => expected(route, Some(TokenScope::Operate)),
            Part::Full | Part::Board => 404,
        };
        assert_eq!(answered.status.as_u16(), want, "{method} {}: {}", route.path, answered.text);
    }
}

#[tokio::test]
async fn without_the_page_none_of_its_paths_is_there() {
    let shop = shop();
    for route in board::ROUTES {
        let method = route.verb.as_str().to_uppercase();
        let answered = shop.ask(&method, &filled(route.path), &[LOCAL], Body::empty()).await;
        assert_eq!(answered.status, StatusCode::NOT_FOUND, "{method} {}", route.path);
    }
}

/// Each webhook of the list is one of those that are found, and each that the sources name is in the list.
#[tokio::test]
async fn every_webhook_is_listed_and_every_listed_one_is_there() {
    let shop = shop_with(Plan { intake: crate::config::intake::sample(), ..Plan::default() });
    let forged = [FORM, ("x-twilio-signature", "AAAA")];
    for webhook in WEBHOOKS {
        let path = filled(webhook.path).replace("/intake/invented", "/intake/desk").replace("invented/invented", "a/1");
        let answered = shop.ask("POST", &path, &forged, "a=b").await;
        let is_refused = [401, 403].contains(&answered.status.as_u16());
        assert!(is_refused, "{path}: {} {}", answered.status, answered.text);
        let answered = shop.ask("GET", &path, &[], Body::empty()).await;
        assert_eq!(answered.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answered.header("allow"), "POST", "{path}");
    }
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut named = BTreeSet::new();
    for file in ["webhooks.rs", "voice.rs", "intake/way.rs"] {
        let text = std::fs::read_to_string(sources.join(file)).expect("a source");
        let consts = text.lines().filter(|l| l.contains("const "));
        let literals = consts.filter_map(|l| l.split("\"/webhooks/").nth(1)?.split('"').next());
        named.extend(literals.map(|rest| format!("/webhooks/{}", rest.trim_end_matches('/'))));
    }
    assert!(named.len() > 10, "{named:?}");
    for path in named {
        let is_listed = WEBHOOKS.iter().any(|w| w.path == path || w.path.starts_with(&format!("{path}/")));
        assert!(is_listed, "{path} is not described");
    }
}

/// Each `$ref` leads somewhere, each name in a path is a parameter, and no two operations have one name.
#[tokio::test]
async fn the_description_holds_together_and_says_what_is_answered() {
    let shop = guarded();
    let answered = shop.get("/openapi.json").await;
    assert_eq!(answered.status, StatusCode::OK, "nobody needs a token");
    let document = answered.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (verb, operation) in methods.as_object().expect("methods") {
            let id = operation["operationId"].as_str().expect("a name").to_owned();
            assert_eq!(names.insert(id.clone(), path), None, "{id} twice");
            let parameters = operation["parameters"].as_array().expect("parameters");
            let in_path = parameters.iter().filter(|p| p["in"] == "path").count();
            assert_eq!(in_path, path.matches('{').count(), "{verb} {path}");
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{verb} {path}");
        }
    }
    let mut refs = Vec::new();
    refs_of(&document, &mut refs);
    assert!(refs.len() > 50, "{}", refs.len());
    for path in refs {
        assert!(document.pointer(path.trim_start_matches('#')).is_some(), "{path} leads nowhere");
    }
    // What a route answers whoever may ask is among what the description says of it, and of its type.
    for route in ROUTES.iter().filter(|r| !r.summary.is_empty()) {
        let want = expected(route, Some(TokenScope::Operate));
        let method = route.verb.as_str().to_uppercase();
        let bearer = [("authorization", "Bearer secret-operate")];
        let answered = shop.ask(&method, &filled(route.path), &bearer, Body::empty()).await;
        let described = &document["paths"][route.path][route.verb.as_str()]["responses"][want.to_string()];
        let media = answered.header("content-type").split(';').next().unwrap_or_default().to_owned();
        assert!(described["content"].get(&media).is_some(), "{method} {}: {want} {media}: {described}", route.path);
    }
    for name in ["secret-read", "Acme", "9495550101", "Sam Ortiz"] {
        assert!(!answered.text.contains(name), "{name}");
    }
}

fn refs_of<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            into.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|v| refs_of(v, into));
        }
        Value::Array(all) => all.iter().for_each(|v| refs_of(v, into)),
        _ => {}
    }
}
