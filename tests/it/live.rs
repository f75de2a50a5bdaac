//! The live test against a second sandbox that plays the real provider: everything but the carriers.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::process::Process;
use crate::support::stage::free_port;
use crate::support::wait::until;
use crate::support::{Run, Shop, http};

const PHONE: &str = "+19495550101";
const OTHER: &str = "+19495550102";
const TOKEN: &str = "token-that-is-never-shown";

/// A shop whose provider is a sandbox, and which is live. Fields are dropped in order.
struct Provider {
    _process: Process,
    at: SocketAddr,
    shop: Shop,
    temp: PathBuf,
}

/// Nobody of the shop may ever be texted by a drill: its own contact is not among the test numbers.
fn shop_config(base: &str, more: &str) -> String {
    format!(
        r#"
name = "Acme Plumbing"
[twilio]
account_sid = "AC00000000000000000000000000000001"
from = "+15005550006"
messages_per_second = 0
base_url = "{base}"
[store]
url = "sqlite:shop-of-production.db"
[[contacts]]
id = "sam"
phone = "{OTHER}"
role = "primary"
[delivery]
poll_after = "1s"
status_timeout = "8s"
{more}
"#
    )
}

impl Provider {
    fn start(numbers: &[&str], more: &str) -> Self {
        let mut shop = Shop::with_config(&shop_config("http://127.0.0.1:9", ""));
        shop.set("TWILIO_AUTH_TOKEN", TOKEN);
        let temp = shop.path("temp");
        std::fs::create_dir(&temp).expect("a directory");
        shop.set("TMPDIR", temp.display().to_string());
        let ledger = shop.path("ledger.ndjson").display().to_string();
        let args = ["sandbox", "-o", "json", "--listen", "127.0.0.1:0", "--ledger", &ledger, "--pace-ms", "30"];
        let mut process = Process::start(&mut shop.command(&args), &shop.path(""), "provider");
        let base = process.first_line()["baseUrl"].as_str().expect("a URL").to_owned();
        let at = base.trim_start_matches("http://").parse().expect("an address");
        let numbers: Vec<String> = numbers.iter().map(|n| format!("\"{n}\"")).collect();
        let tests = format!("[test]\nnumbers = [{}]\n", numbers.join(", "));
        shop.write_config(&shop_config(&base, &format!("{tests}{}", more.replace("BASE", &base))));
        Self { _process: process, at, shop, temp }
    }

    fn fault(&self, fault: &Value) {
        let answer = http::json(self.at, "POST", "/_sandbox/faults", Some(fault)).expect("answers");
        assert_eq!(answer.status, 201, "{fault}: {answer:?}");
    }

    /// Everything that the provider took.
    fn texts(&self) -> Vec<Value> {
        let ledger = http::json(self.at, "GET", "/_sandbox/ledger", None).expect("answers").json();
        ledger["messages"].as_array().cloned().unwrap_or_default()
    }

    fn live(&self, more: &[&str]) -> Run {
        self.shop.run_as_is(&[&["test-reliability", "--live", "--t1", "5s"], more].concat())
    }

    /// Nothing is left on the disk, and the shop's own store was not touched.
    fn left_nothing(&self) {
        let left: Vec<_> = std::fs::read_dir(&self.temp).expect("readable").collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(!self.shop.path("shop-of-production.db").exists(), "the shop's store");
    }
}

fn verdicts(report: &Value) -> Vec<(String, String)> {
    let rows = report["scenarios"].as_array().expect("rows");
    let word = |s: &Value| s.as_str().unwrap_or_default().to_owned();
    rows.iter().map(|r| (word(&r["name"]), word(&r["verdict"]))).collect()
}

fn only(report: &Value, verdict: &str) -> Vec<String> {
    verdicts(report).into_iter().filter(|(_, v)| v == verdict).map(|(n, _)| n).collect()
}

fn notes(report: &Value) -> String {
    report["notes"].to_string()
}

#[test]
fn with_callbacks_everything_is_verified_and_only_the_test_number_is_texted() {
    let port = free_port();
    let public = format!("[server]\npublic_url = \"http://127.0.0.1:{port}\"\nlisten = \"127.0.0.1:1\"\n");
    let provider = Provider::start(&[PHONE], &public);
    let listen = format!("127.0.0.1:{port}");
    let html = provider.shop.path("report.html").display().to_string();
    let junit = provider.shop.path("report.xml").display().to_string();
    let run = provider.live(&["--yes", "-o", "json", "--listen", &listen, "--html", &html, "--junit", &junit]);
    assert_eq!(run.code, 0, "{run:?}");
    let report = run.json();
    assert_eq!(only(&report, "skipped"), ["live-event"], "no Airtable is configured: {report:#}");
    assert_eq!((only(&report, "held").len(), &report["mode"]), (6, &json!("live")));
    assert!(notes(&report).contains("by callback for 4, by polling for 0"), "{}", report["notes"]);
    let texts = provider.texts();
    assert_eq!(texts.len(), 4, "{texts:#?}");
    for t in &texts {
        assert_eq!(t["to"], PHONE);
        assert!(t["body"].as_str().is_some_and(|b| b.contains("DRILL, no emergency. Acme Plumbing")), "{t}");
    }
    for want in ["4 texts", "an estimate: 4 segments", "UNVERIFIED", PHONE, "heard at 127.0.0.1"] {
        assert!(run.stderr.contains(want), "{want}: {}", run.stderr);
    }
    assert_eq!((&report["counts"]["lost"], &report["counts"]["doubled"]), (&json!(0), &json!(0)));
    assert_eq!((&report["measures"]["listLagMs"]["n"], &report["measures"]["recoveryMs"]["n"]), (&json!(4), &json!(1)));
    let html = std::fs::read_to_string(&html).expect("a page");
    let junit = std::fs::read_to_string(&junit).expect("a file");
    assert!(html.contains("Live: real texts were sent.") && html.contains("Lag of the provider"), "{html}");
    assert!(junit.contains("failures=\"0\"") && junit.contains("skipped=\"1\""), "{junit}");
    for said in [&run.stdout, &run.stderr, &html, &junit] {
        assert!(!said.contains(TOKEN) && !said.contains(OTHER), "{said}");
    }
    provider.left_nothing();
}

#[test]
fn where_it_is_asked_for_the_test_number_is_rung_and_nobody_else_and_the_cost_is_said_before() {
    let port = free_port();
    let more = format!(
        "[server]\npublic_url = \"http://127.0.0.1:{port}\"\n[voice]\nfrom = \"+15005550006\"\ntimeout = \"20s\"\n"
    );
    let provider = Provider::start(&[PHONE], &more);
    let rings = json!([{ "phone": PHONE, "calls": [{ "does": "human", "ringS": 0.2, "keys": [{ "afterS": 0.3, "digits": "1" }] }] }]);
    let answer = http::json(provider.at, "POST", "/_sandbox/people", Some(&rings)).expect("answers");
    assert_eq!(answer.status, 200, "{answer:?}");
    let listen = format!("127.0.0.1:{port}");
    let args = ["--yes", "-o", "json", "--listen", &listen, "--voice", "--price-per-minute", "0.02"];
    let run = provider.live(&args);
    assert_eq!(run.code, 0, "{run:?}");
    let report = run.json();
    assert!(only(&report, "held").contains(&"live-voice".to_owned()), "{report:#}");
    let ledger = http::json(provider.at, "GET", "/_sandbox/ledger", None).expect("answers").json();
    let rung = ledger["calls"].as_array().expect("phone calls");
    assert_eq!(rung.len(), 1, "{rung:#?}");
    assert_eq!((&rung[0]["to"], &rung[0]["status"]), (&json!(PHONE), &json!("completed")));
    assert_eq!(provider.texts().len(), 4, "no text more than without");
    for want in ["at most 2 × 3 started minutes", "0.1200 US$", "as given by --price-per-minute"] {
        assert!(run.stderr.contains(want), "{want}: {}", run.stderr);
    }
    // Without being asked for, none.
    assert!(!report["repeat"].is_null() && report["repeat"].to_string().contains("--voice"), "{}", report["repeat"]);
    provider.left_nothing();
}

#[test]
fn where_no_callback_comes_polling_is_said_and_a_list_that_lags_is_measured() {
    let port = free_port();
    let public = format!("[server]\npublic_url = \"http://127.0.0.1:{port}\"\n");
    let provider = Provider::start(&[PHONE], &public);
    provider.fault(&json!({ "kind": "withhold_callbacks" }));
    provider.fault(&json!({ "kind": "list_lag", "delayMs": 3_000 }));
    let listen = format!("127.0.0.1:{port}");
    let run = provider.live(&["--yes", "-o", "json", "--listen", &listen]);
    assert_eq!(run.code, 0, "{run:?}");
    let report = run.json();
    assert!(notes(&report).contains("by callback for 0, by polling for 4"), "{}", report["notes"]);
    assert!(notes(&report).contains("no callback came through"), "{}", report["notes"]);
    let lag = report["measures"]["listLagMs"]["p50"].as_i64().expect("a figure");
    assert!((2_500..20_000).contains(&lag), "{lag}");
    provider.left_nothing();
}

#[test]
fn an_undelivered_text_and_an_airtable_that_is_away_are_red_and_nothing_is_sent_again() {
    let airtable = "[airtable]\nbase_id = \"appSandbox0000000\"\nbase_url = \"BASE\"\n";
    let mut provider = Provider::start(&[PHONE], airtable);
    provider.shop.set("AIRTABLE_API_KEY", "patSandbox.sandbox-airtable-token");
    provider.fault(&json!({ "kind": "outcome", "outcome": "undelivered", "errorCode": 30008, "times": 1 }));
    provider.fault(&json!({ "kind": "away", "on": "airtable" }));
    let run = provider.live(&["--yes", "-o", "json"]);
    assert_eq!(run.code, 1, "{run:?}");
    let report = run.json();
    assert_eq!(only(&report, "broken"), ["live-delivered", "live-event"], "{report:#}");
    assert_eq!(only(&report, "skipped"), ["live-follow-up"], "the failure moved the ladder before T1");
    let checks = report["scenarios"].to_string();
    assert!(checks.contains("undelivered (failed), code 30008"), "{checks}");
    assert!(notes(&report).contains("no callback could come: server.public_url is not set"), "{}", report["notes"]);
    assert_eq!(provider.texts().len(), 4, "a failed text is not sent again");
    provider.left_nothing();
}

const AIRTABLE: &str = "[airtable]\nbase_id = \"appSandbox0000000\"\nbase_url = \"BASE\"\n";

fn with_airtable() -> Provider {
    let mut provider = Provider::start(&[PHONE], AIRTABLE);
    provider.shop.set("AIRTABLE_API_KEY", "patSandbox.sandbox-airtable-token");
    provider
}

impl Provider {
    /// The base's rows and the requests that it got.
    fn base(&self) -> Value {
        http::json(self.at, "GET", "/_sandbox/airtable", None).expect("answers").json()
    }

    fn events(&self) -> Vec<Value> {
        self.base()["rows"]["Dispatch Events"].as_array().cloned().unwrap_or_default()
    }
}

#[test]
fn every_event_is_found_in_the_shops_airtable_in_time_and_is_there_in_the_end() {
    let provider = with_airtable();
    let run = provider.live(&["--yes", "-o", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let report = run.json();
    assert_eq!((only(&report, "held").len(), only(&report, "skipped")), (7, Vec::new()), "{report:#}");
    let row = report["scenarios"].as_array().and_then(|s| s.iter().find(|s| s["name"] == "live-event")).cloned();
    let checks = row.expect("a row")["checks"].as_array().cloned().unwrap_or_default();
    let said = |words: &str| checks.iter().filter(|c| c["what"].as_str().is_some_and(|w| w.contains(words))).count();
    assert_eq!(
        (said("is there within 5 s, once"), said("is there in the end, once, and as it is")),
        (4, 4),
        "{checks:?}"
    );
    let events = provider.events();
    let sids: Vec<&Value> = events.iter().map(|r| &r["fields"]["Message SID"]).collect();
    assert!(sids.len() == 4 && provider.texts().iter().all(|t| sids.contains(&&t["sid"])), "{events:#?}");
    assert_eq!(provider.base()["requests"]["tooMany"], 0, "the engine and who looks on share the base's pace");
    assert!(run.stderr.contains("rows of two cancelled calls"), "{}", run.stderr);
    provider.left_nothing();
}

#[test]
fn an_event_that_comes_late_is_red() {
    let provider = with_airtable();
    provider.fault(&json!({ "kind": "refuse", "on": "airtable_write", "status": 503, "retryAfter": 9, "times": 1 }));
    let run = provider.live(&["--yes", "-o", "json"]);
    assert_eq!(run.code, 1, "{run:?}");
    let report = run.json();
    assert_eq!(only(&report, "broken"), ["live-event"], "{report:#}");
    let checks = report["scenarios"].to_string();
    assert!(checks.contains("1 rows, seen after "), "late, and it came: {checks}");
    provider.left_nothing();
}

#[test]
fn an_event_that_somebody_deletes_is_red() {
    let provider = with_airtable();
    let run = std::thread::scope(|scope| {
        let run = scope.spawn(|| provider.live(&["--yes", "-o", "json"]));
        // Each time that it is there: reading back brings it again for some times.
        while !run.is_finished() {
            let rows = provider.events();
            let all = rows.iter().filter(|r| r["fields"]["Delivery Status"] == "delivered").count() == 4;
            for id in rows.iter().skip(3).map(|r| &r["id"]).filter(|_| all) {
                let action = json!({ "do": "delete_record", "table": "Dispatch Events", "id": id });
                let answer = http::json(provider.at, "POST", "/_sandbox/airtable", Some(&action)).expect("answers");
                assert_eq!(answer.status, 200, "{answer:?}");
            }
        }
        run.join().expect("it ran")
    });
    assert_eq!(run.code, 1, "{run:?}");
    let report = run.json();
    assert_eq!(only(&report, "broken"), ["live-event"], "{report:#}");
    let checks = report["scenarios"].to_string();
    assert!(checks.contains("0 rows"), "{checks}");
    provider.left_nothing();
}

#[test]
fn test_credentials_are_told_and_what_they_cannot_prove_is_skipped() {
    let provider = Provider::start(&[PHONE], "");
    for on in ["list", "fetch"] {
        provider.fault(&json!({ "kind": "refuse", "on": on, "status": 403, "code": 20_008 }));
    }
    let run = provider.live(&["--yes", "-o", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let report = run.json();
    assert_eq!(only(&report, "held"), ["live-accepted", "live-follow-up", "live-restart"], "{report:#}");
    assert_eq!(only(&report, "skipped"), ["live-delivered", "live-event", "live-list-lag", "live-ledger"]);
    assert!(report["scenarios"][1]["skipped"].as_str().is_some_and(|w| w.contains("nothing is proven")));
    assert!(run.stderr.contains("test credentials, nothing is sent"), "{}", run.stderr);
    provider.left_nothing();
}

#[test]
fn what_may_not_be_played_is_refused_before_anything_is_sent() {
    let with = |numbers: &[&str]| Provider::start(numbers, "");
    let provider = with(&[PHONE, OTHER]);
    let yes = ["--yes"];
    for (args, want) in [
        (vec![], "nobody can be asked here"),
        (vec!["--yes", "--max-messages", "5"], "needs 6 texts and at most 5 are allowed"),
        (vec!["--yes", "--t1", "1s"], "cannot be used multiple times"),
        (vec!["--yes", "--storm", "2"], "cannot be used with"),
        (vec!["--yes", "--price-per-segment", "11"], "a price in US dollars"),
        (vec!["--yes", "--test-mode"], "cannot be played in TEST MODE"),
        (vec!["--yes", "--html", "/nowhere/x.html"], "cannot be written to /nowhere/x.html"),
    ] {
        let run = provider.live(&args);
        assert_eq!(run.code, 2, "{args:?}: {run:?}");
        assert!(run.stderr.contains(want), "{args:?}: {run:?}");
    }
    let plan = provider.live(&[]).stderr;
    assert!(plan.contains("6 texts") && plan.contains("--yes"), "the plan is shown before the refusal: {plan}");
    let run = provider.shop.run_as_is(&["test-reliability", "--yes"]);
    assert!(run.code == 2 && run.stderr.contains("--live"), "{run:?}");
    let text = std::fs::read_to_string(provider.shop.path("dispatchctl.toml")).expect("a file");
    for (from, to, want) in [
        ("numbers = [\"+19495550101\", \"+19495550102\"]", "numbers = []", "no numbers are named"),
        ("numbers = [\"+19495550101\"", "numbers = [\"949 555 0101\"", "E.164"),
        ("account_sid = \"AC00000000000000000000000000000001\"\n", "", "account_sid"),
        ("from = \"+15005550006\"\n", "", "twilio.from"),
    ] {
        assert!(text.contains(from), "{from}: {text}");
        provider.shop.write_config(&text.replace(from, to));
        let run = provider.live(&yes);
        assert_eq!(run.code, 2, "{to}: {run:?}");
        assert!(run.stderr.contains(want), "{to}: {run:?}");
    }
    provider.shop.write_config(&text);
    provider.fault(&json!({ "kind": "refuse", "on": "list", "status": 401, "code": 20_003, "times": 1 }));
    let run = provider.live(&yes);
    assert!(run.code == 4 && run.stderr.contains("refuses these credentials"), "{run:?}");
    assert_eq!(provider.texts(), Vec::<Value>::new());
    provider.left_nothing();
}

/// Processes of the program that run now with this directory in their arguments.
fn children(temp: &std::path::Path) -> usize {
    let words = temp.display().to_string();
    let all = std::fs::read_dir("/proc").expect("a list of processes").filter_map(Result::ok);
    let line = |e: std::fs::DirEntry| std::fs::read_to_string(e.path().join("cmdline")).unwrap_or_default();
    all.filter(|e| e.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
        .map(line)
        .filter(|l| l.contains(&words))
        .count()
}

#[test]
fn an_interrupted_live_test_says_what_was_sent_and_leaves_nothing() {
    let provider = Provider::start(&[PHONE], "");
    let mut command = provider.shop.command(&[]);
    command = {
        let mut plain = std::process::Command::new(command.get_program());
        plain.args(["test-reliability", "--live", "--yes", "--t1", "60s"]).current_dir(provider.shop.path(""));
        plain.env_clear().envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        plain
    };
    let mut run = Process::start(&mut command, &provider.shop.path(""), "live");
    until("the first text", || (!provider.texts().is_empty()).then_some(()));
    until("its engine", || (children(&provider.temp) > 0).then_some(()));
    run.signal("INT");
    assert_eq!(run.exit_code(), Some(130), "{}", run.stderr());
    assert!(run.stderr().contains("interrupted: 1 text was sent; the calls are withdrawn"), "{}", run.stderr());
    assert!(run.stderr().contains(PHONE), "{}", run.stderr());
    assert_eq!((children(&provider.temp), provider.texts().len()), (0, 1));
    provider.left_nothing();
}
