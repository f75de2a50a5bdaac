//! `/metrics`: who may read it, that its text is of the format, and that what happens moves its figures.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use axum::body::Body;
use axum::http::StatusCode;

use crate::config::TokenScope;
use crate::domain::alert::AlertKind;

use super::helpers::*;

/// Samples by their name with its labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

/// Each family once, its help and its type before its samples, the whole ended by a line feed.
fn assert_format(text: &str) {
    assert!(text.ends_with('\n') && !text.contains("\n\n"), "{text}");
    let (mut family, mut seen) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap_or_default().to_owned();
            assert!(!seen.contains(&family), "{family} twice");
            seen.push(family.clone());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert!(name == family && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        } else {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let of = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(name == family || of == family, "{line} stands in {family}");
        }
    }
}

#[tokio::test]
async fn it_is_for_who_may_read_everything() {
    let shop = shop_with(Plan {
        tokens: vec![
            token("desk", "secret-read", TokenScope::Read),
            token("intake", "secret-dispatch", TokenScope::Dispatch),
        ],
        ..Plan::default()
    });
    assert_eq!(shop.get("/metrics").await.status, StatusCode::UNAUTHORIZED);
    for (secret, status) in [("secret-dispatch", StatusCode::FORBIDDEN), ("secret-read", StatusCode::OK)] {
        let answer =
            shop.ask("GET", "/metrics", &[("authorization", &format!("Bearer {secret}"))], Body::empty()).await;
        assert_eq!(answer.status, status, "{secret}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_happens_moves_its_figures_and_names_nobody() {
    let shop = shop_with(Plan { gateway: Some(Provider::NeverAnswers), ..Plan::default() });
    shop.state.begin_counting().await.expect("counts");
    let before = shop.get("/metrics").await;
    assert_eq!(before.status, StatusCode::OK, "{}", before.text);
    assert_format(&before.text);
    let served: Vec<&str> = before.text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let mut listed: Vec<&str> = crate::http::METRICS.iter().map(|(name, _)| *name).collect();
    for name in &served {
        assert!(listed.contains(name), "the manual does not name {name}");
    }
    // What is of the engine is served where there is one.
    listed.retain(|name| !served.contains(name) && !name.contains("_last_pass_") && !name.contains("duty_restarts"));
    assert_eq!(listed, ["dispatchctl_webhooks_refused_total"; 0], "and nothing that is not served");
    let was = samples(&before.text);
    let scheduled = "dispatchctl_attempts_total{kind=\"notice\",state=\"scheduled\"}";
    let open = "dispatchctl_calls_open{state=\"DISPATCHING\"}";
    assert_eq!((was[scheduled], was[open]), (0.0, 0.0), "each is there from the start");
    assert_eq!(was["dispatchctl_build_info{version=\"0.1.0\",mode=\"test\"}"], 1.0);
    for kind in AlertKind::ALL {
        let of = format!("dispatchctl_alerts_firing{{alert=\"{}\"", kind.word());
        assert!(was.keys().any(|name| name.starts_with(&of)), "{of}");
    }
    let answer = shop.post_json("/api/dispatch/manual", CALL).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    // What is known of the store is a second old at most.
    let after = until("a call that is open", async || {
        let answered = shop.get("/metrics").await;
        if samples(&answered.text)[open] == 1.0 { Ok(answered.text) } else { Err(answered.text) }
    });
    let after = after.await;
    assert_format(&after);
    let is = samples(&after);
    assert_eq!(is[scheduled], 1.0, "{}", after);
    let accepted: f64 =
        is.iter().filter(|(n, _)| n.starts_with("dispatchctl_calls_accepted_total{")).map(|(_, v)| v).sum();
    assert_eq!(accepted, 1.0, "{}", after);
    let again = samples(&shop.get("/metrics").await.text);
    assert_eq!(again[scheduled], 1.0, "nothing is counted twice");
    for secret in ["+19495550150", "9495550150", "Burst pipe", "test_123"] {
        assert!(!after.contains(secret), "{secret}");
    }
    checked_by_promtool(&after);
}

/// The judge of the format, where it is installed.
#[expect(clippy::print_stderr, reason = "what a test leaves out is said aloud")]
fn checked_by_promtool(text: &str) {
    let started =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut promtool) = started else {
        eprintln!("left out: promtool is not installed (Debian's package prometheus)");
        return;
    };
    promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("written");
    let done = promtool.wait_with_output().expect("ended");
    assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
}
