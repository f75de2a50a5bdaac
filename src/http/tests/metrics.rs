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

/// A scrape, held against the format.
async fn scraped(shop: &Shop) -> BTreeMap<String, f64> {
    let answered = shop.get("/metrics").await;
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    assert_format(&answered.text);
    samples(&answered.text)
}

#[tokio::test]
async fn what_is_posted_is_counted_by_the_kind_of_its_path_and_by_what_became_of_it() {
    let sources = crate::config::intake::sample();
    let shop = shop_with(Plan { intake: sources, ..Plan::default() });
    let sid = sid(1);
    let receipt = format!("MessageSid={sid}&MessageStatus=sent&AccountSid={ACCOUNT}");
    let forged = [FORM, ("x-twilio-signature", "AAAA")];
    let of = |endpoint: &str, result: &str| {
        format!("dispatchctl_webhooks_total{{endpoint=\"{endpoint}\",result=\"{result}\"}}")
    };
    let was = scraped(&shop).await;
    assert!(was.iter().filter(|(name, _)| name.starts_with("dispatchctl_webhooks_total")).all(|(_, n)| *n == 0.0));
    let before = was.len();
    shop.signed("/webhooks/twilio/sms-status", &receipt).await;
    shop.ask("POST", "/webhooks/twilio/sms-status", &forged, receipt.clone()).await;
    shop.ask("POST", "/webhooks/twilio/sms-inbound", &forged, "a=b").await;
    shop.ask("POST", "/webhooks/twilio/voice/att_1/1", &forged, "a=b").await;
    shop.ask("POST", "/webhooks/twilio/status-callback", &forged, "a=b").await;
    shop.ask("POST", "/webhooks/retell/call-ended", &[JSON], "{}").await;
    shop.ask("POST", "/webhooks/vapi", &[JSON], "{}").await;
    shop.ask("POST", "/webhooks/intake/desk", &[JSON], "{}").await;
    shop.ask("POST", "/webhooks/twilio/sms-status", &forged, vec![b'a'; 80 * 1024]).await;
    // A scan makes no series.
    for n in 0..20 {
        shop.ask("POST", &format!("/webhooks/{n}/.env"), &forged, "a=b").await;
    }
    let is = scraped(&shop).await;
    for (endpoint, result, n) in [
        ("sms-status", "taken", 1.0),
        ("sms-status", "refused", 1.0),
        ("sms-status", "cut", 1.0),
        ("sms-inbound", "refused", 1.0),
        ("voice", "refused", 1.0),
        ("status-callback", "refused", 1.0),
        ("retell", "refused", 1.0),
        ("vapi", "refused", 1.0),
        ("intake", "refused", 1.0),
        ("other", "refused", 20.0),
        ("probe", "taken", 0.0),
    ] {
        assert_eq!(is[&of(endpoint, result)], n, "{endpoint} {result}");
    }
    assert_eq!(is.len(), before, "no further series");
}

#[tokio::test]
async fn a_webhook_that_the_store_cannot_keep_is_counted_as_unavailable() {
    let shop = shop_with(Plan { busy_timeout: Some(std::time::Duration::from_millis(50)), ..Plan::default() });
    let other = rusqlite::Connection::open(shop.file()).expect("a connection");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let sid = sid(1);
    let form = format!("MessageSid={sid}&MessageStatus=sent&AccountSid={ACCOUNT}");
    let answered = shop.signed("/webhooks/twilio/sms-status", &form).await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answered.text);
    other.execute_batch("ROLLBACK").expect("no lock");
    let is = scraped(&shop).await;
    assert_eq!(is["dispatchctl_webhooks_total{endpoint=\"sms-status\",result=\"unavailable\"}"], 1.0);
    assert!(is["dispatchctl_store_commits_failed_total"] >= 1.0, "its transaction never began");
}

#[tokio::test]
async fn commits_and_what_shares_them_are_counted() {
    let shop = shop();
    let was = scraped(&shop).await;
    let posts = (0..20).map(|n| {
        let body = format!("{{\"callId\":\"c{n}\",\"issueSummary\":\"Leak\"}}");
        let shop = &shop;
        async move { shop.post_json("/api/dispatch/manual", body).await.status }
    });
    let answered = futures_util::future::join_all(posts).await;
    assert!(answered.iter().all(StatusCode::is_success), "{answered:?}");
    let is = scraped(&shop).await;
    let grew = |name: &str| is[name] - was[name];
    let (commits, changes) = (grew("dispatchctl_store_commit_seconds_count"), grew("dispatchctl_store_changes_total"));
    assert!(changes >= 20.0 && commits >= 1.0 && commits <= changes, "{commits} commits of {changes} changes");
    assert!(
        is["dispatchctl_store_commit_seconds_bucket{le=\"+Inf\"}"]
            >= is["dispatchctl_store_commit_seconds_bucket{le=\"0.001\"}"]
    );
    assert!(grew("dispatchctl_store_commit_seconds_sum") > 0.0);
}

#[tokio::test]
async fn a_resend_is_counted_by_why_and_a_breaker_by_its_senders_place() {
    let shop = shop_with(Plan {
        gateway: Some(Provider::Accepts),
        tweak: Some(|s| s.limits.dispatch_wait = std::time::Duration::from_secs(10)),
        ..Plan::default()
    });
    shop.state.begin_counting().await.expect("counts");
    let was = scraped(&shop).await;
    for why in ["unknown", "failed", "words", "sender", "by-hand"] {
        assert_eq!(was[&format!("dispatchctl_resends_total{{why=\"{why}\"}}")], 0.0);
    }
    assert_eq!(was["dispatchctl_attempts_found_late_total"], 0.0);
    shop.post_json("/api/dispatch/manual", CALL).await;
    let sid = sid(1);
    let form = format!("MessageSid={sid}&MessageStatus=undelivered&ErrorCode=30008&AccountSid={ACCOUNT}");
    let answered = shop.signed("/webhooks/twilio/sms-status", &form).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT);
    let is = scraped(&shop).await;
    assert_eq!(is["dispatchctl_resends_total{why=\"failed\"}"], 1.0);

    let shop = shop_with(Plan { gateway: Some(Provider::RefusesSender), ..Plan::default() });
    let was = scraped(&shop).await;
    for place in ["account", "from", "other"] {
        assert_eq!(was[&format!("dispatchctl_breaker_open{{sender=\"{place}\"}}")], 0.0, "{place}");
    }
    shop.post_json("/api/dispatch/manual", CALL).await;
    until("an open breaker", async || {
        let is = scraped(&shop).await;
        if is["dispatchctl_breaker_open{sender=\"from\"}"] == 1.0 { Ok(()) } else { Err(format!("{is:?}")) }
    })
    .await;
}

#[tokio::test]
async fn who_cannot_be_told_leaves_a_gap_that_has_begun() {
    let (holders, gap) = (
        "dispatchctl_oncall_holders{line=\"not listed\",role=\"primary\"}",
        "dispatchctl_oncall_next_gap_timestamp_seconds{line=\"not listed\",role=\"primary\"}",
    );
    let well = scraped(&shop()).await;
    assert_eq!((well[holders], well[gap]), (1.0, 0.0));
    let shop = shop();
    let sid = sid(7);
    let form = format!(
        "MessageSid={sid}&AccountSid={ACCOUNT}&From=%2B19495550101&To=%2B15005550006&Body=STOP&NumMedia=0&OptOutType=STOP"
    );
    assert_eq!(shop.signed("/webhooks/twilio/sms-inbound", &form).await.status, StatusCode::OK);
    let is = scraped(&shop).await;
    let now = shop.core.clock.now().as_millis() as f64 / 1000.0;
    assert!(is[gap] > now - 60.0 && is[gap] <= now, "{} at {now}", is[gap]);
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
