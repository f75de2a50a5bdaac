//! The description of the API, written from the table of routes.

use serde_json::{Map, Value, json};

use super::route::{Access, Body, Route, Verb, WebhookRoute};
use crate::config::TokenScope;

/// What requests and answers hold, by name.
const SCHEMAS: &str = include_str!("schemas.json");
const PROBLEM: &str = "application/problem+json";

/// The description of the routes that say what they are. `base`: what stands before each path where a proxy serves us below one.
pub(in crate::http) fn of(routes: &[Route], webhooks: &[WebhookRoute], base: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut add = |path: &str, verb: &str, operation: Value| {
        if let Some(methods) = paths.entry(path).or_insert_with(|| json!({})).as_object_mut() {
            methods.insert(verb.to_owned(), operation);
        }
    };
    for route in routes.iter().filter(|r| !r.summary.is_empty()) {
        add(route.path, route.verb.as_str(), operation(route));
    }
    for webhook in webhooks {
        add(webhook.path, Verb::Post.as_str(), of_webhook(webhook));
    }
    let schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "dispatchctl",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Emergency dispatch by SMS that cannot lose a message or a follow-up",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": if base.is_empty() { "/" } else { base } }],
        "tags": [
            { "name": "api", "description": "With a bearer token of [[server.tokens]]; without any configured, from this machine alone." },
            { "name": "supervision", "description": "For monitors and supervisors." },
            { "name": "webhooks", "description": "What providers and platforms post to us, each signed in its own way." },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "Scopes: read, dispatch (also hands calls over), operate (also decides)." },
                "signature": { "type": "apiKey", "in": "header", "name": "X-Twilio-Signature" },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut answers = Map::new();
    for status in route.gives.0 {
        answers.insert(status.to_string(), answer(meaning(*status), Some(route.gives.1)));
    }
    let from_access: &[u16] = match route.access {
        Access::Token(_) | Access::Everything => &[401, 403],
        Access::Open | Access::Secret | Access::Session => &[],
    };
    let bad: &[u16] = if route.query.is_empty() && route.takes.is_none() { &[] } else { &[400] };
    for status in from_access.iter().chain(bad).chain(route.also) {
        answers.entry(status.to_string()).or_insert_with(|| answer(meaning(*status), None));
    }
    let scope = match route.access {
        Access::Token(TokenScope::Dispatch) => Some("dispatch"),
        Access::Token(TokenScope::Operate) => Some("operate"),
        Access::Token(TokenScope::Read) => Some("read"),
        Access::Everything => Some("read, and not dispatch"),
        _ => None,
    };
    let mut parameters = path_parameters(route.path);
    parameters.extend(route.query.iter().map(|(name, what)| {
        json!({ "name": name, "in": "query", "required": false, "description": what, "schema": { "type": "string" } })
    }));
    let is_api = route.path.starts_with("/api");
    let mut all = json!({
        "summary": route.summary,
        "operationId": name_of(route.verb, route.path),
        "tags": [if is_api { "api" } else { "supervision" }],
        "parameters": parameters,
        "responses": answers,
        "security": match scope { Some(_) => json!([{ "token": [] }]), None => json!([]) },
    });
    if let Some(map) = all.as_object_mut() {
        if let Some(scope) = scope {
            map.insert("x-scope".into(), scope.into());
        }
        if let Some(takes) = route.takes {
            map.insert("requestBody".into(), request_body(takes));
        }
    }
    all
}

fn of_webhook(webhook: &WebhookRoute) -> Value {
    let (status, gives) = webhook.gives;
    let mut answers = Map::new();
    answers.insert(status.to_string(), answer(meaning(status), Some(gives)));
    for status in [400, 401, 403, 404, 413, 415, 503] {
        answers.insert(status.to_string(), answer(meaning(status), None));
    }
    json!({
        "summary": webhook.summary,
        "operationId": name_of(Verb::Post, webhook.path),
        "tags": ["webhooks"],
        "parameters": path_parameters(webhook.path),
        "requestBody": request_body(webhook.takes),
        "responses": answers,
        "security": [{ "signature": [] }],
    })
}

fn answer(description: &str, holds: Option<Body>) -> Value {
    let content = match holds {
        None => json!({ PROBLEM: { "schema": { "$ref": "#/components/schemas/Problem" } } }),
        Some(body) => content(body),
    };
    json!({ "description": description, "content": content })
}

fn request_body(body: Body) -> Value {
    json!({ "required": !matches!(body, Body::MaybeJson(_)), "content": content(body) })
}

fn content(body: Body) -> Value {
    match body {
        Body::Json(schema) | Body::MaybeJson(schema) => {
            json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } })
        }
        Body::Form => json!({ "application/x-www-form-urlencoded": { "schema": { "type": "object" } } }),
        Body::Text(media) => json!({ media: { "schema": { "type": "string" } } }),
    }
}

/// The names in braces.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })).collect()
}

/// A name that programs which are made of the description give their function.
fn name_of(verb: Verb, path: &str) -> String {
    let mut name = verb.as_str().to_owned();
    for part in path.split(['/', '-', '.', '_', '{', '}']).filter(|part| !part.is_empty()) {
        let mut letters = part.chars();
        name.extend(letters.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(letters));
    }
    name
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => "Done",
        201 => "Made",
        202 => "Taken; its outcome is not known yet",
        204 => "Taken, and durable",
        400 => "Something in the request is wrong; nothing was recorded",
        401 => "No token that is known, or no valid proof",
        403 => "The token's scope is too small, or the signature is not valid",
        404 => "There is no such thing",
        409 => "It does not go with what is there; nothing was done",
        410 => "It is over",
        413 => "The body is too large",
        415 => "The body is of another type",
        503 => "Not recorded, or not ready: the same request again is harmless",
        _ => "See the problem document",
    }
}
