//! What a page loads besides itself: a style, a script, an icon. Each is embedded and named by its hash, so it is loaded once.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::super::problem::Problem;

pub(super) const STYLE: &str = include_str!("board.css");
pub(super) const SCRIPT: &str = include_str!("board.js");
pub(super) const ICON: &str = include_str!("icon.svg");

struct Asset {
    name: String,
    kind: &'static str,
    content: String,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        asset("css", "text/css; charset=utf-8", STYLE),
        asset("js", "text/javascript; charset=utf-8", SCRIPT),
        asset("svg", "image/svg+xml", ICON),
    ]
});

fn asset(ending: &str, kind: &'static str, content: &'static str) -> Asset {
    let content = compact(content);
    let hash: String = Sha256::digest(&content).iter().take(6).map(|b| format!("{b:02x}")).collect();
    Asset { name: format!("a.{hash}.{ending}"), kind, content }
}

/// Without indentation and the lines that are comments: a page that is opened at two in the night waits for what is used.
fn compact(source: &str) -> String {
    let lines = source.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Where they are.
#[derive(Debug, Serialize)]
pub(super) struct Hrefs {
    style: String,
    script: String,
    icon: String,
}

/// Under this path.
pub(super) fn hrefs(base: &str) -> Hrefs {
    let [style, script, icon] = LazyLock::force(&ASSETS);
    let of = |a: &Asset| format!("{base}/board/{}", a.name);
    Hrefs { style: of(style), script: of(script), icon: of(icon) }
}

/// `GET /board/{asset}`: to everybody, as they tell nothing.
pub(super) async fn show(name: Result<Path<String>, PathRejection>) -> Response {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    let Some(found) = ASSETS.iter().find(|a| a.name == name) else {
        return Problem::new(StatusCode::NOT_FOUND, "There is nothing at this path.").into_response();
    };
    const HEADERS: [(HeaderName, &str); 2] =
        [(header::CACHE_CONTROL, "public, max-age=31536000, immutable"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    ([(header::CONTENT_TYPE, found.kind)], HEADERS, found.content.as_str()).into_response()
}
