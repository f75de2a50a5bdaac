//! The engine dies while a text is under way, no callback ever comes and the list shows nothing in time: what no client can
//! know is then the policy's to decide, and no more than the policy says leaves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::support::fault_injection::{FAILPOINT, died_at, my_turn};
use crate::support::process::report;
use crate::support::stage::{Stage, attempts, emergency, entries, seconds, text};
use crate::support::wait::until;
use crate::sweep::rounds;

/// The points that leave a claim behind, and how many of its text the provider then has.
const POINTS: &[(&str, usize)] =
    &[("intent.committed", 0), ("post.under-way", 1), ("post.answered", 1), ("outcome.before-commit", 1)];
const LADDERS: &str = r#"
[policies.alone]
steps = [ { wait = "0s", notify = ["primary"] } ]
exhaust_after = "1h"
"#;

/// What became of the calls at one point, under one policy.
#[derive(Debug, Default)]
struct Row {
    kills: usize,
    unknown: usize,
    repeats: usize,
    extra: usize,
    alerts: usize,
    wrong: Vec<String>,
}

#[test]
fn with_callbacks_blocked_and_a_list_that_lags_the_policy_alone_repeats_a_text_and_once() {
    let _turn = my_turn();
    let jobs: Vec<(&str, usize, &str)> =
        POINTS.iter().flat_map(|(p, sent)| ["resend", "hold"].map(|policy| (*p, *sent, policy))).collect();
    let rows: Mutex<Vec<(usize, Row)>> = Mutex::default();
    std::thread::scope(|scope| {
        for (n, (point, sent, policy)) in jobs.iter().enumerate() {
            let rows = &rows;
            scope.spawn(move || {
                let row = play(point, *sent, policy);
                rows.lock().unwrap_or_else(PoisonError::into_inner).push((n, row));
            });
        }
    });
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|(n, _)| *n);
    let mut table = format!(
        "{:<24}{:<8}{:>6}{:>9}{:>9}{:>7}{:>8}\n",
        "point", "policy", "kills", "unknown", "repeats", "extra", "alerts"
    );
    let mut wrong = Vec::new();
    for (n, r) in &rows {
        let Some((point, _, policy)) = jobs.get(*n) else { continue };
        table.push_str(&format!(
            "{point:<24}{policy:<8}{:>6}{:>9}{:>9}{:>7}{:>8}\n",
            r.kills, r.unknown, r.repeats, r.extra, r.alerts
        ));
        wrong.extend(r.wrong.iter().map(|w| format!("{point} ({policy}): {w}")));
    }
    report(&table);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(rows.len(), jobs.len());
}

fn play(point: &str, sent: usize, policy: &str) -> Row {
    let mut stage = Stage::new(LADDERS);
    for (name, value) in [
        ("TWILIO__REQUEST_TIMEOUT", "1s"),
        ("TWILIO__CONNECT_TIMEOUT", "1s"),
        ("DELIVERY__SETTLE", "1200ms"),
        ("DELIVERY__UNKNOWN_FIRST", policy),
    ] {
        stage.shop.set(&format!("DISPATCHCTL_{name}"), value);
    }
    let delay = if point == "post.under-way" { 400 } else { 0 };
    stage.fault(&json!([{ "kind": "withhold_callbacks" }, { "kind": "list_lag", "delayMs": 3_600_000 },
        { "kind": "delay", "delayMs": delay }]));
    let stage = Arc::new(stage);
    let mut row = Row::default();
    let mut calls = Vec::new();
    for n in 0..rounds() {
        let mut process = stage.start_armed(&[(FAILPOINT, point)]);
        calls.push(format!("c{n}"));
        if stage.ready_or_dead(&mut process) {
            let (stage, call) = (stage.clone(), format!("c{n}"));
            std::thread::spawn(move || drop(stage.post("/api/dispatch/manual", &emergency(&call, "alone"))));
        }
        assert!(died_at(&mut process, point, seconds(8)), "{point} was never reached: {}", process.stderr());
        row.kills += 1;
    }
    let _serve = stage.serve_armed(&[]);
    for call in &calls {
        let again = stage.post("/api/dispatch/manual", &emergency(call, "alone")).expect("an answer");
        assert!(matches!(again.status, 200..=202), "{again:?}");
    }
    let decided = |c: &Value| {
        let notes = entries(c, "attempt.unknown");
        let is = |a: &Value| notes.iter().any(|e| e["attemptId"] == a["attemptId"] && is_decided(e));
        attempts(c).iter().all(|a| match text(a, "attemptState") {
            "unknown" => is(a),
            state => matches!(state, "submitted" | "delivered" | "failed" | "skipped" | "cancelled"),
        })
    };
    let stories = until("everything is decided", || Some(stage.stories()).filter(|all| all.iter().all(decided)));
    check(&stage, &stories, sent, policy, &mut row);
    row
}

fn is_decided(entry: &Value) -> bool {
    text(entry, "message").contains("stays unknown")
}

fn check(stage: &Stage, stories: &[Value], sent: usize, policy: &str, row: &mut Row) {
    let ledger = stage.ledger();
    row.wrong.extend(ledger.wrongs(stories));
    let mut by_call: BTreeMap<String, usize> = BTreeMap::new();
    for m in ledger.texts() {
        let reference = text(m, "body").split(['-', ' ']).next().unwrap_or_default();
        *by_call.entry(reference.to_owned()).or_default() += 1;
    }
    for call in stories {
        let id = text(call, "callId");
        let all = attempts(call);
        let unknown: Vec<&Value> = all.iter().filter(|a| text(a, "attemptState") == "unknown").collect();
        let repeats: Vec<&Value> = all.iter().filter(|a| !a["repeats"].is_null()).collect();
        let messages = by_call.get(text(call, "reference")).copied().unwrap_or(0);
        let alerts =
            entries(call, "alert.raised").iter().filter(|e| text(&e["data"], "key").starts_with("unknown:")).count();
        row.unknown += unknown.len();
        row.repeats += repeats.len();
        row.extra += messages.saturating_sub(1);
        row.alerts += alerts;
        let Some(first) = unknown.first() else {
            // A later start died before this one's text was claimed: it was sent by the last.
            continue;
        };
        let mut must = |holds: bool, what: &str| {
            if !holds {
                row.wrong
                    .push(format!("{id}: {what}: {messages} messages, {} repeats, {alerts} alerts", repeats.len()));
            }
        };
        if policy == "hold" {
            must(repeats.is_empty() && messages == sent, "what is held is not sent again");
            must(alerts == 1, "an operator is told of what is held");
            continue;
        }
        must(repeats.len() == 1 && messages <= 2, "one more text at most for what is not known");
        let marked = repeats.iter().all(|r| {
            let said = format!("repeats attempt {}", first["attemptNumber"]);
            let logged = entries(call, "attempt.scheduled")
                .iter()
                .any(|e| e["attemptId"] == r["attemptId"] && text(e, "message").contains(&said));
            let number = usize::try_from(r["attemptNumber"].as_u64().unwrap_or(0)).unwrap_or(0);
            let written = ledger.of(call, number).iter().all(|m| text(m, "body").contains("(repeat)"));
            r["repeats"] == first["attemptId"] && logged && written
        });
        must(marked, "a repeat names what it repeats: in its attempt, in the log and in its text");
    }
}
