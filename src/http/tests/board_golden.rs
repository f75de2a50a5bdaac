//! The office's pages as they are written, over a week that is the same each time: `fixtures/board`. After a wanted change, run the test
//! with `INSTA_UPDATE=always` and read the difference.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::helpers::LOCAL;
use crate::engine::tests::report_week::{all_have_passed, seeded};
use crate::http::auth::Peer;
use crate::http::routes::router;
use crate::http::{HttpDeps, HttpSettings, HttpState, Surface};
use crate::testing::{Reaction, World, mins};

/// The calls of a week, taken, exhausted, waiting for the morning and still open; then one whose text may or may not have been sent, and
/// one of hostile words.
async fn stocked() -> World {
    let mut w = seeded().await;
    w.sms.always_to("+19495550101", Reaction::UnknownNotAccepted);
    w.dispatch("normal").await;
    let mut hostile = crate::testing::story::intake("a/b<script>", "normal");
    hostile.data.issue_summary = Some("\"><img src=x onerror=alert(1)> & 'so' {{ 7*7 }}".into());
    hostile.data.caller_name = Some("\u{202e}<b>Maria</b>".into());
    hostile.data.address = Some("12 Harbor St, \"Unit\" <4>".into());
    w.accept(hostile).await;
    w.advance(mins(1)).await;
    crate::engine::morning::pass(&w.process.engine).await.expect("looked");
    all_have_passed(&w);
    w
}

/// A page names its style, script and icon by their hashes, which are not what is looked at.
fn without_hashes(page: &str) -> String {
    const NAMED: &str = "board&#x2f;a.";
    let mut parts = page.split(NAMED);
    let mut said = parts.next().unwrap_or_default().to_owned();
    let mut named = 0;
    for part in parts {
        let (hash, rest) = part.split_at(12);
        assert!(hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash} is no hash");
        let _ = write!(said, "{NAMED}HASH{rest}");
        named += 1;
    }
    assert!((2..=3).contains(&named), "{named} assets");
    said
}

#[tokio::test]
async fn pages_are_written_as_they_were() {
    let w = stocked().await;
    let mut settings = HttpSettings::new("test");
    settings.board.is_enabled = true;
    let (core, engine) = (w.process.core.clone(), Some(w.process.engine.clone()));
    let state = HttpState::new(HttpDeps {
        core,
        engine,
        settings,
        tokens: Vec::new(),
        intake: crate::config::Intake::default(),
    });
    let router = router(Surface::Full, state);
    let mut golden = insta::Settings::clone_current();
    golden.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/board"));
    golden.set_prepend_module_to_snapshot(false);
    golden.set_omit_expression(true);
    for (name, path) in [
        ("board", "/board"),
        ("closed", "/board/closed"),
        ("oncall", "/board/oncall"),
        ("call-exhausted", "/board/calls/call_5"),
        ("call-hostile", "/board/calls/a%2Fb%3Cscript%3E"),
        ("cancel", "/board/calls/a%2Fb%3Cscript%3E/cancel"),
        ("document", "/api/board"),
    ] {
        let request = Request::get(path).header(LOCAL.0, LOCAL.1).extension(Peer(Ipv4Addr::LOCALHOST.into()));
        let response =
            router.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let page = String::from_utf8(body.collect().await.expect("a body").to_bytes().to_vec()).expect("text");
        assert_eq!(parts.status, StatusCode::OK, "{path}: {page}");
        let page = match serde_json::from_str::<serde_json::Value>(&page) {
            Ok(document) => serde_json::to_string_pretty(&document).expect("JSON"),
            Err(_) => without_hashes(&page),
        };
        golden.bind(|| insta::assert_snapshot!(name, page));
    }
}
