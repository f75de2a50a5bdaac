//! A store of the version before this one, and one whose pages are damaged under a running engine: whoever waits is told,
//! and a restart heals the indexes.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::support::old_store;
use crate::support::stage::{Stage, attempts, text};
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
        // A kill between a claim and its answer leaves the first attempt unknown: the next one tells them.
        stage.until_call(&format!("c{n:02}"), "its notice is delivered", |c| {
            attempts(c).iter().any(|a| a["attemptState"] == "delivered")
        });
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

/// A whole page of this index is overwritten under the running engine.
fn damage_a_page(shop: &Shop, index: &str) {
    let page = until("the log is in the file", || {
        let conn = raw(shop);
        let left: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get(0)).ok()?;
        let page = "SELECT pageno FROM dbstat WHERE name = ?1 AND pagetype = 'leaf' ORDER BY path LIMIT 1";
        (left == 0).then(|| conn.query_row(page, [index], |r| r.get::<_, u32>(0)).expect("a page"))
    });
    let mut file = fs::OpenOptions::new().write(true).open(shop.path("shop.db")).expect("opens");
    file.seek(SeekFrom::Start(u64::from(page - 1) * 4096)).expect("there");
    file.write_all(&[0xff; 4096]).and_then(|()| file.sync_all()).expect("damaged");
}

/// The alert about an index, once its message says this.
fn alert_says(stage: &Stage, index: &str, words: &str) -> String {
    let key = format!("unreadable:the index {index}");
    until(&format!("the alert says {words:?}"), || {
        let status = stage.shop.run(&["status", "-o", "json"]).json();
        let alerts = status["alerts"].as_array().cloned().unwrap_or_default();
        let found = alerts.iter().find(|a| text(a, "key") == key)?;
        Some(text(found, "message").to_owned()).filter(|message| message.contains(words))
    })
}

fn damaged_files(shop: &Shop) -> Vec<std::path::PathBuf> {
    let all = fs::read_dir(shop.path("")).expect("dir").map(|e| e.expect("entry").path());
    all.filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("shop.db.damaged-"))).collect()
}

#[test]
fn a_page_of_the_send_list_that_is_damaged_under_a_running_engine_is_said_and_a_restart_heals_it() {
    let stage = Stage::new("");
    let serve = stage.serve();
    waiting(&stage);
    damage_a_page(&stage.shop, "attempts_waiting");
    stage.clear_faults();
    serve.process.says("index attempts_waiting");
    until("health says so", || {
        let health = http::json(stage.at(), "GET", "/health", None).ok()?;
        (health.json()["status"] != "ok").then_some(())
    });
    alert_says(&stage, "attempts_waiting", "restart `serve`");
    let copy = stage.shop.backups("Z").pop().expect("a copy with new indexes");
    let rows: u32 = Connection::open(copy)
        .and_then(|c| c.query_row("SELECT count(*) FROM calls", [], |r| r.get(0)))
        .expect("whole");
    assert_eq!(rows as usize, CALLS);
    serve.process.kill();
    assert_eq!(damaged_files(&stage.shop), Vec::<std::path::PathBuf>::new());
    let _serve = stage.serve();
    all_told_once(&stage);
    let kept = damaged_files(&stage.shop);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(fs::metadata(&kept[0]).expect("there").permissions().mode() & 0o777, 0o600);
    let said = alert_says(&stage, "attempts_waiting", "no row is missing");
    assert!(said.contains(&kept[0].display().to_string()) && !said.contains("a person must look"), "{said}");
    let whole: String = raw(&stage.shop).query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("checked");
    assert_eq!(whole, "ok");
}
