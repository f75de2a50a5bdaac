//! The ground moves: a second engine by another name, the store's file removed, replaced, moved away and back under `serve`.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::{fs, thread};

use dispatchctl::testkit::{Clock as _, SystemClock};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::process::{Process, report};
use crate::support::stage::{ANA, SAM, Stage, attempts, emergency};
use crate::support::wait::until;
use crate::support::{Run, http};

const BRISK: &str = r#"
[policies.brisk]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "3s", notify = ["backup"] } ]
exhaust_after = "1h"
"#;

/// A command on the store by this name, in test mode.
fn by_name(stage: &Stage, name: &str, args: &[&str]) -> Run {
    let store = stage.shop.path(name).display().to_string();
    stage.shop.run_as_is(&[&["--test-mode", "--store", &store], args].concat())
}

fn health(stage: &Stage) -> (u16, Value) {
    let answer = http::json(stage.at(), "GET", "/health", None).expect("an answer");
    (answer.status, answer.json())
}

fn post(stage: &Stage, call: &str) -> (u16, Value) {
    let answer = stage.post("/api/dispatch/manual", &emergency(call, "brisk")).expect("an answer");
    (answer.status, answer.json())
}

/// How long until health says that the file is not in its place, in ms.
fn seen_after(stage: &Stage, what: &str) -> u128 {
    let clock = SystemClock::new();
    let detail = until("health fails", || {
        let (status, document) = health(stage);
        (status == 503).then(|| document["checks"][0]["detail"].as_str().unwrap_or_default().to_owned())
    });
    let ms = clock.boot().as_millis();
    assert!(detail.contains(what), "{detail}");
    ms
}

fn alert(stage: &Stage) -> Value {
    let shown = |document: Value| {
        let checks = document["checks"].as_array().cloned().unwrap_or_default();
        checks.into_iter().find(|c| c["name"] == "alerts")
    };
    until("the alert", || shown(health(stage).1))
}

fn copies(stage: &Stage) -> Vec<PathBuf> {
    let names = fs::read_dir(stage.shop.path("")).expect("read").map(|e| e.expect("an entry").path());
    names.filter(|p| p.to_string_lossy().contains(".rescued-")).collect()
}

fn stop(mut serve: Process) -> (Option<i32>, String) {
    serve.signal("TERM");
    let code = serve.exit_code();
    (code, serve.stderr())
}

#[test]
fn no_second_engine_gets_in_by_a_link_or_after_the_lock_file_was_removed() {
    let stage = Stage::new(BRISK);
    let serve = stage.serve();
    symlink(stage.shop.path("shop.db"), stage.shop.path("soft.db")).expect("a link");
    let mut calls = 0;
    let mut dispatch = || {
        for _ in 0..4 {
            calls += 1;
            stage.dispatch(&format!("c{calls}"), "normal");
        }
    };
    dispatch();
    for (label, name) in [("a symbolic link", "soft.db"), ("a hard link", "hard.db"), ("no lock file", "shop.db")] {
        match label {
            "a hard link" => fs::hard_link(stage.shop.path("shop.db"), stage.shop.path("hard.db")).expect("a link"),
            "no lock file" => fs::remove_file(stage.shop.path("shop.db.lock")).expect("removed"),
            _ => {}
        }
        let clock = SystemClock::new();
        let run = by_name(&stage, name, &["serve", "--listen", "127.0.0.1:0"]);
        let ms = clock.boot().as_millis();
        assert_eq!(run.code, 6, "{label}: {run:?}");
        if label != "a hard link" {
            assert!(run.stderr.contains(&format!("`serve`, process {}", serve.process.id())), "{label}: {run:?}");
        }
        report(&format!("{label}: refused after {ms} ms"));
        dispatch();
    }
    // A command by the hard link would write a log of its own.
    for args in [&["status"][..], &["send", "--call-id", "x", "--issue", "y"], &["ack", "c1"]] {
        let run = by_name(&stage, "hard.db", args);
        assert!(run.code == 6 && run.stderr.contains("another name of a file"), "{args:?}: {run:?}");
    }
    assert!(!stage.shop.path("hard.db-wal").exists());
    assert!(by_name(&stage, "soft.db", &["ack", "c1"]).code == 0, "a symbolic link leads to the same log");
    until("the lock file is made again", || {
        let text = fs::read_to_string(stage.shop.path("shop.db.lock")).unwrap_or_default();
        (text == format!("serve {}\n", serve.process.id())).then_some(())
    });
    assert_eq!(stage.judge().len(), 16, "every call that was accepted is there");
    serve.process.kill();
    let serve = stage.serve();
    assert_eq!(stage.judge().len(), 16, "and after a kill");
    drop(serve);
}

#[test]
fn a_store_with_two_names_is_used_by_the_one_that_its_engine_used() {
    let stage = Stage::new("");
    let serve = stage.serve();
    stage.dispatch("c1", "normal");
    assert_eq!(stop(serve.process).0, Some(0));
    fs::hard_link(stage.shop.path("shop.db"), stage.shop.path("hard.db")).expect("a link");
    let run = by_name(&stage, "hard.db", &["status"]);
    assert!(run.code == 6 && run.stderr.contains("shop.db"), "{run:?}");
    stage.shop.expect(0, &["status", "c1"]);
    let serve = stage.serve();
    stage.dispatch("c2", "normal");
    assert_eq!(stage.judge().len(), 2);
    serve.process.kill();
    assert_eq!(by_name(&stage, "hard.db", &["serve", "--listen", "127.0.0.1:0"]).code, 6);
    stage.shop.expect(0, &["status", "c2"]);
}

#[test]
fn commands_that_come_and_go_leave_the_engine_its_log() {
    let stage = Stage::new("");
    let _serve = stage.serve();
    let log = || fs::metadata(stage.shop.path("shop.db-wal")).map(|m| m.ino());
    stage.dispatch("c0", "normal");
    let before = log().expect("a log");
    for n in 0..5 {
        // The last one to leave a store takes its log away: with its locks gone, the engine would count for nobody.
        stage.shop.expect(0, &["status"]);
        assert_eq!(log().expect("a log"), before, "{n}");
    }
}

#[test]
fn a_store_removed_under_serve_accepts_nothing_more_and_loses_nothing() {
    let stage = Stage::new(BRISK);
    let serve = stage.serve();
    assert_eq!(post(&stage, "c1").0, 201);
    // Opened to a group after it was made.
    fs::set_permissions(stage.shop.path("shop.db"), fs::Permissions::from_mode(0o660)).expect("set");
    fs::remove_file(stage.shop.path("shop.db")).expect("removed");
    let (status, problem) = post(&stage, "c2");
    assert_eq!((status, &problem["type"]), (503, &json!("urn:dispatchctl:problem:store-file")), "{problem:#}");
    let ms = seen_after(&stage, "is gone");
    report(&format!("removed: failing after {ms} ms"));
    let ack = stage.post("/api/calls/c1/ack", &json!({ "by": "Dana" })).expect("an answer");
    assert_eq!(ack.status, 503, "{ack:?}");
    assert_eq!(alert(&stage)["detail"], "1 open");
    // No command makes a fresh store in its place.
    for args in [&["send", "--call-id", "x", "--issue", "y"][..], &["status"], &["serve", "--listen", "127.0.0.1:0"]] {
        let run = stage.shop.run(args);
        assert!(run.code == 6 && run.stderr.contains("no longer here"), "{args:?}: {run:?}");
    }
    assert!(!stage.shop.path("shop.db").exists());
    // What was accepted goes on, and what people answer is taken.
    until("the follow-up", || (stage.ledger().texts_to(ANA).len() == 1).then_some(()));
    stage.reply(ANA, "1");
    stage.until_call("c1", "is taken", |c| c["status"] == "ACKNOWLEDGED");
    let (code, said) = stop(serve.process);
    assert_eq!(code, Some(0), "{said}");
    let copy = copies(&stage);
    assert_eq!(copy.len(), 1, "{copy:?}");
    assert_eq!(fs::metadata(&copy[0]).expect("there").permissions().mode() & 0o777, 0o660);
    let words = Connection::open(&copy[0]).expect("opens");
    let status: String = words.query_row("SELECT status FROM calls", [], |r| r.get(0)).expect("the call");
    assert_eq!(status, "ACKNOWLEDGED", "the last copy has all");
    drop(words);
    // The next start takes it.
    let _serve = stage.serve();
    assert_eq!(stage.call("c1")["status"], "ACKNOWLEDGED");
    assert_eq!((copies(&stage).len(), post(&stage, "c2").0), (0, 201));
    until("the alert is over", || (health(&stage).0 == 200).then_some(()));
    assert_eq!(stage.judge().len(), 2);
    // Sam: both calls, and that he need not go.
    assert_eq!((stage.ledger().texts_to(SAM).len(), attempts(&stage.call("c1")).len()), (3, 3));
}

#[test]
fn a_store_moved_away_and_back_is_as_before() {
    let stage = Stage::new(BRISK);
    let serve = stage.serve();
    stage.dispatch("c1", "normal");
    let (here, away) = (stage.shop.path("shop.db"), stage.shop.path("away.db"));
    fs::rename(&here, &away).expect("moved");
    seen_after(&stage, "is gone");
    assert_eq!(by_name(&stage, "away.db", &["status"]).code, 6, "its log is not there");
    fs::rename(&away, &here).expect("moved");
    until("health again", || (health(&stage).1["status"] == "ok").then_some(()));
    assert_eq!(post(&stage, "c2").0, 201);
    assert_eq!(stage.judge().len(), 2);
    // A log alone that is gone is no less.
    fs::remove_file(stage.shop.path("shop.db-wal")).expect("removed");
    assert_eq!(post(&stage, "c3").0, 503);
    drop(serve);
}

#[test]
fn a_store_replaced_under_serve_is_left_alone_and_its_own_calls_go_on() {
    let stage = Stage::new(BRISK);
    let mut serve = stage.serve();
    assert_eq!(post(&stage, "c1").0, 201);
    // Another store, of a shop that has none of these calls.
    let other = stage.shop.path("other.db");
    assert_eq!(by_name(&stage, "other.db", &["send", "--call-id", "o1", "--issue", "x", "--wait", "none"]).code, 0);
    fs::rename(&other, stage.shop.path("shop.db")).expect("replaced");
    let bytes = fs::read(stage.shop.path("shop.db")).expect("read");
    assert_eq!(post(&stage, "c2").0, 503);
    let ms = seen_after(&stage, "another file");
    report(&format!("replaced: failing after {ms} ms"));
    let run = stage.shop.run(&["send", "--call-id", "x", "--issue", "y"]);
    assert!(run.code == 6 && run.stderr.contains("another file"), "{run:?}");
    until("the follow-up", || (stage.ledger().texts_to(ANA).len() == 1).then_some(()));
    until("a copy", || (!copies(&stage).is_empty()).then_some(()));
    until("the lost file's log has no name any more", || (!stage.shop.path("shop.db-wal").exists()).then_some(()));
    assert!(fs::read(stage.shop.path("shop.db")).expect("read") == bytes, "the new file is nobody's to write");
    // Another engine that gets hold of the new file ends this one.
    fs::remove_file(stage.shop.path("shop.db.lock")).expect("removed");
    let second = thread::scope(|scope| {
        let second = stage.start(&["-o", "json", "serve", "--listen", "127.0.0.1:0"]);
        let ended = scope.spawn(|| serve.process.exit_code());
        assert_eq!(ended.join().expect("ended"), Some(6), "the first one stops");
        second
    });
    let names = Connection::open(copies(&stage).pop().expect("a copy")).expect("opens");
    let made: i64 =
        names.query_row("SELECT count(*) FROM attempts WHERE call_id = 'c1'", [], |r| r.get(0)).expect("read");
    assert_eq!(made, 2, "what it had is in the copy");
    drop(names);
    let check: String = Connection::open(stage.shop.path("shop.db"))
        .and_then(|c| c.query_row("PRAGMA integrity_check", [], |r| r.get(0)))
        .expect("checked");
    assert_eq!(check, "ok");
    drop(second);
}
