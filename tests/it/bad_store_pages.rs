//! A store of the version before this one, and one whose pages are damaged under a running engine: whoever waits is told.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::support::old_store;
use crate::support::stage::{Stage, text};
use crate::support::wait::until;
use crate::support::{Shop, http};

const CALLS: usize = 12;

fn raw(shop: &Shop) -> Connection {
    let conn = Connection::open(shop.path("shop.db")).expect("opens");
    conn.busy_timeout(Duration::from_secs(10)).expect("timeout");
    conn
}

/// An engine with texts that wait: the provider cannot be reached.
fn waiting(stage: &Stage) {
    stage.fault(&json!([{ "kind": "refuse", "status": 429, "code": 20429 }]));
    // Together: each waits a while for what becomes of its first text.
    thread::scope(|scope| {
        for n in 0..CALLS {
            scope.spawn(move || stage.dispatch(&format!("c{n:02}"), "normal"));
        }
    });
}

fn all_told_once(stage: &Stage) {
    for n in 0..CALLS {
        stage.delivered(&format!("c{n:02}"), 1);
    }
    stage.judge();
    assert_eq!(stage.ledger().texts().len(), CALLS, "each once");
}

#[test]
fn a_store_of_version_1_is_copied_and_migrated_and_what_waits_in_it_is_told() {
    let stage = Stage::new("");
    let serve = stage.serve();
    waiting(&stage);
    serve.process.kill();
    old_store::make(&stage, 1);
    stage.clear_faults();
    let _serve = stage.serve();
    all_told_once(&stage);
    let copy = Connection::open(&stage.shop.backups("-v1")[0]).expect("a copy");
    let kept: u32 = copy.query_row("SELECT count(*) FROM calls", [], |r| r.get(0)).expect("whole");
    let version: i64 = copy.pragma_query_value(None, "user_version", |r| r.get(0)).expect("version");
    assert_eq!((kept as usize, version), (CALLS, 1));
}

#[test]
fn a_page_of_the_send_list_that_is_damaged_under_a_running_engine_is_said_with_a_copy_that_lacks_nothing() {
    let stage = Stage::new("");
    let serve = stage.serve();
    waiting(&stage);
    let page = until("the log is in the file", || {
        let conn = raw(&stage.shop);
        let left: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get(0)).ok()?;
        let page =
            "SELECT pageno FROM dbstat WHERE name = 'attempts_waiting' AND pagetype = 'leaf' ORDER BY path LIMIT 1";
        (left == 0).then(|| conn.query_row(page, [], |r| r.get::<_, u32>(0)).expect("a page"))
    });
    let mut file = fs::OpenOptions::new().write(true).open(stage.shop.path("shop.db")).expect("opens");
    file.seek(SeekFrom::Start(u64::from(page - 1) * 4096)).expect("there");
    file.write_all(&[0xff; 4096]).and_then(|()| file.sync_all()).expect("damaged");
    stage.clear_faults();
    serve.process.says("index attempts_waiting");
    until("health says so", || {
        let health = http::json(stage.at(), "GET", "/health", None).ok()?;
        (health.json()["status"] != "ok").then_some(())
    });
    let status = until("a person is told", || {
        let status = stage.shop.run(&["status", "-o", "json"]).json();
        let keys = |s: &serde_json::Value| s["alerts"].as_array().cloned().unwrap_or_default();
        keys(&status).iter().any(|a| text(a, "key").starts_with("unreadable:the index ")).then_some(status)
    });
    let copy = stage.shop.backups("Z").pop().expect("a copy");
    assert!(status.to_string().contains(&format!("put the newest good copy, {}", copy.display())), "{status:#}");
    // What the alert says.
    serve.process.kill();
    for end in ["", "-wal", "-shm"] {
        let _ = fs::rename(stage.shop.path(&format!("shop.db{end}")), stage.shop.path(&format!("damaged.db{end}")));
    }
    fs::rename(copy, stage.shop.path("shop.db")).expect("in place");
    let _serve = stage.serve();
    all_told_once(&stage);
}
