//! A store with rows that cannot be: everybody else is served, the rotten ones are named once and wait for a person.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::stage::{ANA, SECOND_MS, Stage, attempts, text};
use crate::support::wait::{later_ms, time, until};
use crate::support::{Run, Shop};

const LADDERS: &str = r#"
[policies.brisk]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "12s", notify = ["backup"] } ]
exhaust_after = "1h"
"#;

/// The file, without the guards that the schema puts on it.
fn unguarded(shop: &Shop) -> Connection {
    let conn = Connection::open(shop.path("shop.db")).expect("opens");
    conn.busy_timeout(Duration::from_secs(10)).expect("timeout");
    conn.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF").expect("unguarded");
    conn
}

/// What is done to a call, and whether it can be read after it.
const ROTS: &[(&str, &str, Rotten)] = &[
    ("policy-no-json", "UPDATE calls SET policy = '{' WHERE id = ?1", Rotten::Unreadable),
    ("data-no-json", "UPDATE calls SET data = 'x' WHERE id = ?1", Rotten::Unreadable),
    ("outs-no-list", "UPDATE calls SET outs = '{}' WHERE id = ?1", Rotten::Unreadable),
    ("status-unknown", "UPDATE calls SET status = 'LOST' WHERE id = ?1", Rotten::Unreadable),
    ("round-negative", "UPDATE attempts SET round = -1 WHERE call_id = ?1", Rotten::Unreadable),
    ("step-negative", "UPDATE calls SET next_step = -1 WHERE id = ?1", Rotten::Unreadable),
    ("reference-strange", "UPDATE calls SET reference = '??' WHERE id = ?1", Rotten::Unreadable),
    ("state-unknown", "UPDATE attempts SET state = 'lost' WHERE call_id = ?1", Rotten::Unreadable),
    ("phone-none", "UPDATE attempts SET phone = 'nobody' WHERE call_id = ?1", Rotten::Unreadable),
    ("uuid-short", "UPDATE attempts SET id = x'00' WHERE call_id = ?1", Rotten::Unreadable),
    ("message-strange", "UPDATE attempts SET sid = 'short', poll_at = 0 WHERE call_id = ?1", Rotten::Unreadable),
    ("priority-unknown", "UPDATE attempts SET priority = 9 WHERE call_id = ?1", Rotten::Unreadable),
    (
        "claimed-and-rotten",
        "UPDATE attempts SET state = 'sending', claimed_by = 'gone', finished_at = NULL, phone = 'nobody', poll_at = NULL
         WHERE call_id = ?1",
        Rotten::Unreadable,
    ),
    (
        "unknown-and-rotten",
        "UPDATE attempts SET state = 'unknown', sid = NULL, poll_at = 0, finished_at = NULL, contact = ' ' WHERE call_id = ?1",
        Rotten::Unreadable,
    ),
    (
        "waiting-and-rotten",
        "UPDATE attempts SET state = 'scheduled', not_before = 0, priority = 0, finished_at = NULL, kind = 'zz'
         WHERE call_id = ?1",
        Rotten::Unreadable,
    ),
    (
        "waiting-without-paper",
        "UPDATE attempts SET state = 'scheduled', not_before = 0, priority = 0, finished_at = NULL WHERE call_id = ?1;
         UPDATE calls SET data = '{\"twilioToNumber\":' WHERE id = ?1",
        Rotten::Unreadable,
    ),
    ("due-and-rotten", "UPDATE calls SET wake_at = 5, policy = '[]' WHERE id = ?1", Rotten::Unreadable),
    (
        "untold-and-rotten",
        "UPDATE attempts SET state = 'failed' WHERE call_id = ?1;
         UPDATE calls SET told_at = NULL, accepted_at = 5, policy = '[]' WHERE id = ?1",
        Rotten::Unreadable,
    ),
    ("never-woken", "UPDATE calls SET wake_at = NULL WHERE id = ?1", Rotten::Stranded),
    ("woken-after-the-end", "UPDATE calls SET wake_at = 9223372036854775807 WHERE id = ?1", Rotten::No),
    ("woken-before-the-beginning", "UPDATE calls SET wake_at = -9223372036854775808 WHERE id = ?1", Rotten::No),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rotten {
    Unreadable,
    Stranded,
    No,
}

/// Rows beside calls, and attempts of a call that does not exist.
const STRAYS: &str = "
INSERT INTO requests (kind, payload, actor, at) VALUES ('refresh', '{', 'jo', 5);
INSERT INTO alerts (key, call_id, message, raised_at) VALUES ('k', 'a b', 'm', 5);
INSERT INTO outbox (sink, key, version, since, attempts, next_at) VALUES ('alerts', 'k', 1, 5, 0, 5);
INSERT INTO log (kind, at, actor, message, data) VALUES ('nonsense', 5, 'jo', 'm', '{');
INSERT INTO engines (id, role, pid, started_at) VALUES ('e', 'serve', -1, 5);
CREATE TEMP TABLE one AS SELECT * FROM attempts WHERE call_id = 'good';
UPDATE one SET id = randomblob(16), call_id = 'ghost', sid = NULL, finished_at = NULL, message_status = NULL;
INSERT INTO attempts (id, call_id, number, kind, channel, provider, round, step, contact, name, phone, sender, state, priority,
    body, segments, created_at, not_before, sent_at, claimed_by, tries, callback, sid, poll_at, result, polls, conflict, call_open)
SELECT x.id, 'ghost', x.n, kind, channel, provider, round, x.n, contact, name, phone, sender, x.state, 0, body, segments, 0, 0, 5,
    x.claim, tries, callback, x.sid, x.poll, result, polls, conflict, 1
FROM one, (SELECT 0 AS n, randomblob(16) AS id, 'scheduled' AS state, NULL AS claim, NULL AS sid, NULL AS poll
    UNION ALL SELECT 1, randomblob(16), 'sending', 'gone', NULL, NULL
    UNION ALL SELECT 2, randomblob(16), 'unknown', NULL, NULL, 5
    UNION ALL SELECT 3, randomblob(16), 'submitted', NULL, 'SM00000000000000000000000000000abc', 5) x;
";

fn make_rotten(shop: &Shop) {
    let conn = unguarded(shop);
    // The guards of the schema are triggers too.
    let triggers: Vec<(String, String)> = {
        let mut all = conn.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").expect("sql");
        let rows = all.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).expect("rows");
        rows.collect::<Result<_, _>>().expect("rows")
    };
    triggers.iter().for_each(|(name, _)| conn.execute_batch(&format!("DROP TRIGGER {name}")).expect("dropped"));
    for (call, sql, _) in ROTS {
        for one in sql.split(';') {
            assert_eq!(conn.execute(one, [call]).expect(sql), 1, "{call}");
        }
    }
    conn.execute_batch(STRAYS).expect("strays");
    triggers.iter().for_each(|(_, sql)| conn.execute_batch(sql).expect("made again"));
}

fn unreadable() -> impl Iterator<Item = &'static str> {
    ROTS.iter().filter(|(_, _, r)| *r == Rotten::Unreadable).map(|(call, _, _)| *call)
}

#[test]
fn one_rotten_call_keeps_nobody_from_being_served() {
    let stage = Stage::new(LADDERS);
    let serve = stage.serve();
    for (call, _, _) in ROTS {
        stage.dispatch(call, "normal");
    }
    for (call, _, _) in ROTS {
        stage.delivered(call, 1);
    }
    let good = stage.dispatch("good", "brisk");
    stage.delivered("good", 1);
    serve.process.kill();
    make_rotten(&stage.shop);

    let serve = stage.serve();
    stage.dispatch("new", "normal");
    stage.delivered("new", 1);
    let due = time(&good["nextFollowUpAt"]);
    let told = stage.delivered("good", 2);
    let ledger = stage.ledger();
    let late = later_ms(time(&ledger.of(&told, 2)[0]["createdAt"]), due);
    assert!(late <= SECOND_MS, "the follow-up of a good call came {late} ms late");
    assert_eq!(ledger.of(&told, 2)[0]["to"], json!(ANA));
    // A reply is heard for the good ones, with rotten ones told to the same phone.
    let answer = stage.reply(ANA, &format!("1 {}", text(&good, "reference")));
    stage.until_call("good", "it is taken", |c| c["status"] == "ACKNOWLEDGED");
    assert!(!answer.to_string().contains("error"), "{answer}");

    let health = stage.get("/health");
    assert_eq!(health["status"], "degraded", "{health:#}");
    assert_eq!(health["checks"][0], json!({ "name": "store", "status": "ok" }));
    assert_eq!(stage.get("/readyz")["status"], "ok");
    assert_eq!(stage.get("/api/calls?limit=1000")["calls"].as_array().map(|c| c.len() >= 4), Some(true));

    let raised = until("an alert for each of those that are in the way", || {
        let status = stage.shop.expect(0, &["status", "-o", "json"]).json();
        let keys: Vec<String> = texts(&status["alerts"], "key");
        ["claimed-and-rotten", "unknown-and-rotten", "waiting-without-paper", "due-and-rotten", "untold-and-rotten"]
            .iter()
            .all(|c| keys.contains(&format!("unreadable:call {c}")))
            .then_some(status)
    });
    let shown = texts(&raised["calls"], "callId");
    assert!(shown.contains(&"good".to_owned()) && shown.contains(&"new".to_owned()), "{shown:?}");
    assert!(texts(&raised["unreadable"], "callId").contains(&"policy-no-json".to_owned()), "{raised:#}");
    assert!(texts(&raised["alerts"], "key").contains(&"stranded:never-woken".to_owned()), "{raised:#}");
    says_once(&serve.process.stderr());
    named_by_the_plan(&stage);
    commands_serve_the_others(&stage);

    repaired(&stage);
    drop(serve);
    let run = stage.shop.send("alone", &[]);
    assert!(run.stdout.contains("alone"), "{run:?}");
    // First texts of all; the follow-ups of two good ones and of the mended one; a stand-down; and `new`, `beside`, `good`, `alone`.
    assert_eq!(stage.ledger().texts().len(), ROTS.len() + 8, "a rotten or stray text went out, or a good one was lost");
}

fn texts(list: &Value, key: &str) -> Vec<String> {
    list.as_array().map(|l| l.iter().map(|v| text(v, key).to_owned()).collect()).unwrap_or_default()
}

/// Said, and not over and over.
fn says_once(log: &str) {
    for call in unreadable() {
        let said = log.lines().filter(|l| l.contains(&format!("call {call} cannot be read and is left out"))).count();
        assert!(said <= 1, "{call}: said {said} times");
    }
    // By the scan of the whole file or by the scheduler, whichever comes first.
    let named = |l: &str| l.contains("call due-and-rotten ") && l.contains("calls.policy");
    assert!(log.lines().any(named), "{log}");
    let (all, trouble) = (log.lines().count(), log.lines().filter(|l| l.contains("trying again")).count());
    assert!(all < 400 && trouble < 20, "a flood: {all} lines, {trouble} of a pass that failed\n{log}");
    assert!(!log.contains("panicked"), "{log}");
}

fn named_by_the_plan(stage: &Stage) {
    let run = stage.shop.expect(1, &["recover", "--dry-run", "-o", "json"]);
    let plan = run.json()["plan"].clone();
    let of = |finding: &str| {
        let rows = plan.as_array().expect("a plan").iter().filter(|r| r["finding"] == finding).cloned();
        Value::Array(rows.collect())
    };
    let named = texts(&of("cannot be read"), "callId");
    for call in unreadable() {
        assert!(named.contains(&call.to_owned()), "{call} is not named: {plan:#}");
    }
    let strays = texts(&of("cannot be read"), "action");
    assert_eq!(strays.iter().filter(|a| a.contains("belongs to no call")).count(), 4, "{strays:#?}");
    assert!(texts(&of("nothing would look at it"), "callId").contains(&"never-woken".to_owned()), "{plan:#}");
}

fn commands_serve_the_others(stage: &Stage) {
    let shop = &stage.shop;
    let rotten = shop.run(&["status", "policy-no-json"]);
    says(&rotten, 6, &["calls.policy", "call policy-no-json", "recover --dry-run"]);
    let posted = stage.post("/api/calls/policy-no-json/ack", &json!({ "by": "dana" })).expect("an answer");
    assert_eq!(posted.status, 500, "{posted:?}");
    let log = shop.expect(0, &["log", "-o", "json"]);
    assert!(log.stderr.contains("of log cannot be read"), "{log:?}");
    let due = shop.expect(0, &["follow-up", "list", "-o", "json"]).json();
    assert!(texts(&due["followUps"], "callId").contains(&"new".to_owned()), "{due:#}");
    shop.send("beside", &[]);
}

/// Once somebody has mended it, the call goes on by itself and its alert ends.
fn repaired(stage: &Stage) {
    unguarded(&stage.shop)
        .execute_batch(
            "UPDATE calls SET policy = (SELECT policy FROM calls WHERE id = 'good') WHERE id = 'due-and-rotten'",
        )
        .expect("mended");
    stage.until_call("due-and-rotten", "its follow-up is made", |c| attempts(c).len() >= 2);
    until("its alert is over", || {
        let status = stage.shop.expect(0, &["status", "-o", "json"]).json();
        (!texts(&status["alerts"], "key").contains(&"unreadable:call due-and-rotten".to_owned())).then_some(())
    });
}

fn says(run: &Run, code: i32, words: &[&str]) {
    assert_eq!(run.code, code, "{run:?}");
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} is missing: {run:?}");
    }
}
