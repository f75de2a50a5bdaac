//! A copy of a store that a person asks for, and back: nothing is lost by it, and nobody is texted twice.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::process::report;
use crate::support::stage::{Stage, attempts, emergency, text};
use crate::support::wait::until;
use crate::support::{Run, Shop, http};

const LADDERS: &str = r#"
[policies.twice]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "6s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
"#;
const CALLS: usize = 100;

fn path(shop: &Shop, name: &str) -> String {
    shop.path(name).display().to_string()
}

fn says(run: &Run, code: i32, words: &[&str]) {
    assert_eq!(run.code, code, "{run:?}");
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} is missing: {run:?}");
    }
}

/// A store with calls that nobody works on.
fn shop_with(calls: &[&str]) -> Shop {
    let shop = Shop::new();
    calls.iter().for_each(|call| drop(shop.send(call, &[])));
    shop
}

fn calls_in(shop: &Shop, store: &str) -> Vec<String> {
    let run = shop.run_as_is(&["--test-mode", "--store", store, "-o", "json", "log", "--limit", "100000"]);
    let log = run.json();
    let of = |e: &Value| (e["kind"] == "call.accepted").then(|| text(e, "callId").to_owned());
    let mut all: Vec<String> = log["entries"].as_array().expect("entries").iter().filter_map(of).collect();
    all.sort();
    all
}

#[test]
fn a_copy_that_was_made_while_a_hundred_calls_ran_texts_nobody_twice_where_it_is_restored() {
    let mut stage = Stage::new(LADDERS);
    for (name, value) in [
        ("TWILIO__MESSAGES_PER_SECOND", "0"),
        ("TWILIO__REQUEST_TIMEOUT", "1s"),
        ("TWILIO__CONNECT_TIMEOUT", "1s"),
        ("DELIVERY__SETTLE", "1500ms"),
        ("DELIVERY__POLL_AFTER", "1s"),
    ] {
        stage.shop.set(&format!("DISPATCHCTL_{name}"), value);
    }
    let serve = stage.serve();
    std::thread::scope(|scope| {
        for lane in 0..8 {
            let stage = &stage;
            scope.spawn(move || {
                for n in (lane..CALLS).step_by(8) {
                    let answer = stage.post("/api/dispatch/manual", &emergency(&format!("c{n}"), "twice"));
                    assert!(matches!(answer.expect("an answer").status, 201 | 202));
                }
            });
        }
    });
    let copy = path(&stage.shop, "copy.db");
    let made = stage.shop.expect(0, &["-o", "json", "store", "backup", &copy]).json();
    assert_eq!((&made["calls"], &made["open"]), (&json!(CALLS), &json!(CALLS)), "{made:#}");
    let sent_then = stage.ledger().texts().len();
    // The night goes on: reminders leave that the copy knows nothing of.
    until("every call has its reminder", || (stage.ledger().texts().len() >= 2 * CALLS).then_some(()));
    serve.process.kill();
    let before = stage.ledger().texts().len();
    // The machine is lost; the copy comes to another place.
    let elsewhere = path(&stage.shop, "elsewhere/new.db");
    stage.shop.move_to(format!("sqlite:{elsewhere}"));
    let restored = stage.shop.expect(0, &["-o", "json", "store", "restore", &copy]).json();
    assert_eq!((&restored["calls"], &restored["kept"]), (&json!(CALLS), &Value::Null), "{restored:#}");
    let doubt = stage.shop.expect(0, &["-o", "json", "store", "check"]).json();
    assert!(text(&doubt["historyInDoubt"], "why").contains("restored from a copy"), "{doubt:#}");
    let recovered = stage.shop.expect(0, &["-o", "json", "recover"]).json();
    assert_eq!(recovered["plan"][0]["finding"], "history in doubt", "{recovered:#}");
    let check = stage.shop.expect(0, &["-o", "json", "store", "check"]).json();
    assert_eq!(check["historyInDoubt"], Value::Null, "{check:#}");
    let _serve = stage.serve();
    let stories = stage.judge();
    let after = stage.ledger().texts().len();
    let texts: usize = stories.iter().map(|c| attempts(c).len()).sum();
    report(&format!(
        "{CALLS} calls: {sent_then} texts when the copy was made, {before} when the disk was lost, {after} in the end, {texts} attempts known"
    ));
    assert_eq!((stories.len(), after, texts), (CALLS, 2 * CALLS, 2 * CALLS));
}

#[test]
fn a_copy_is_a_store_of_its_own_private_counted_and_never_over_what_is_there() {
    let shop = shop_with(&["a", "b"]);
    let (copy, store) = (path(&shop, "copy.db"), path(&shop, "shop.db"));
    let made = shop.expect(0, &["-o", "json", "store", "backup", &copy]).json();
    assert_eq!((&made["calls"], &made["rows"]["calls"]), (&json!(2), &json!(2)), "{made:#}");
    assert_eq!(made["bytes"].as_u64(), Some(fs::metadata(&copy).expect("there").len()));
    assert_eq!(fs::metadata(&copy).expect("there").permissions().mode() & 0o777, 0o600);
    assert!(!shop.path("copy.db.part").exists());
    assert_eq!(calls_in(&shop, &copy), ["a", "b"]);
    let was = fs::read(&copy).expect("read");
    says(&shop.expect(2, &["store", "backup", &copy]), 2, &["there is a file at", "--force"]);
    assert_eq!(fs::read(&copy).expect("read"), was, "as it was");
    shop.send("c", &[]);
    shop.expect(0, &["store", "backup", &copy, "--force"]);
    assert_eq!(calls_in(&shop, &copy), ["a", "b", "c"]);
    for wrong in [&store, &format!("{store}-wal"), &format!("{store}.backup-mine"), &path(&shop, "")] {
        let run = shop.run(&["store", "backup", wrong, "--force"]);
        assert_eq!(run.code, 2, "{wrong}: {run:?}");
    }
    std::os::unix::fs::symlink(&store, shop.path("link.db")).expect("link");
    says(&shop.expect(2, &["store", "backup", &path(&shop, "link.db"), "--force"]), 2, &["the store itself"]);
    let nowhere = path(&shop, "none/copy.db");
    says(&shop.expect(1, &["store", "backup", &nowhere]), 1, &["no copy was written", "the store is not touched"]);
    assert_eq!(calls_in(&shop, &store), ["a", "b", "c"]);
}

#[test]
fn a_store_that_is_there_or_that_an_engine_works_on_is_not_restored_over_unless_it_is_kept() {
    let stage = Stage::new("");
    let serve = stage.serve();
    stage.dispatch("old", "normal");
    stage.delivered("old", 1);
    let shop = &stage.shop;
    let (copy, store) = (path(shop, "copy.db"), path(shop, "shop.db"));
    shop.expect(0, &["store", "backup", &copy]);
    stage.dispatch("newer", "normal");
    stage.delivered("newer", 1);
    says(
        &shop.expect(6, &["store", "restore", &copy, "--force"]),
        6,
        &["held by another engine", "stop `dispatchctl serve`"],
    );
    stage.dispatch("newest", "normal");
    stage.delivered("newest", 1);
    says(&shop.expect(6, &["store", "restore", &store]), 6, &["held by another engine"]);
    serve.process.kill();
    says(&shop.expect(2, &["store", "restore", &copy]), 2, &["there is a file at", "--force"]);
    assert_eq!(calls_in(shop, &store), ["newer", "newest", "old"], "as it was");
    let restored = shop.expect(0, &["-o", "json", "store", "restore", &copy, "--force"]).json();
    assert_eq!(calls_in(shop, &store), ["old"]);
    let kept = text(&restored, "kept").to_owned();
    assert_eq!(fs::metadata(&kept).expect("kept").permissions().mode() & 0o777, 0o600);
    assert_eq!(calls_in(shop, &kept), ["newer", "newest", "old"], "nothing is lost");
    assert!(!Path::new(&format!("{store}.restoring.part")).exists());
    // The engine finds what the copy lacks, and says which texts are of calls that it knows nothing of.
    let _serve = stage.serve();
    until("the doubt is over", || {
        let alerts = stage.get("/health").to_string();
        (!alerts.contains("history-in-doubt") && shop.run(&["alerts"]).stdout.contains("history-lost")).then_some(())
    });
    assert_eq!(stage.ledger().texts().len(), 3, "nobody is texted again");
}

#[test]
fn what_is_no_copy_of_such_a_store_is_refused_and_nothing_changes() {
    let shop = shop_with(&["a"]);
    let (copy, store) = (path(&shop, "copy.db"), path(&shop, "shop.db"));
    shop.expect(0, &["store", "backup", &copy]);
    let before = fs::read(&store).expect("read");
    fs::write(shop.path("text"), "no store at all, and long enough to be looked at as one\n".repeat(40)).expect("made");
    let changed = |name: &str, change: &dyn Fn(&Path)| {
        fs::copy(&copy, shop.path(name)).expect("copied");
        change(&shop.path(name));
        path(&shop, name)
    };
    let sql = |sql: &'static str| {
        move |p: &Path| rusqlite::Connection::open(p).expect("opens").execute_batch(sql).expect(sql)
    };
    let torn = changed("torn.db", &|p| {
        let bytes = fs::read(p).expect("read");
        fs::write(p, &bytes[..bytes.len() / 2]).expect("written");
    });
    let newer = changed("newer.db", &sql("PRAGMA user_version = 99"));
    let live = changed("live.db", &sql("UPDATE meta SET value = 'live' WHERE key = 'mode'"));
    for (file, says) in [
        (path(&shop, "none.db"), "no such file"),
        (path(&shop, "text"), "cannot be opened"),
        (torn, "the store holds something that cannot be"),
        (newer, "schema 99"),
        (live, "stamped live"),
        (store.clone(), "the store itself"),
    ] {
        let run = shop.run(&["store", "restore", &file, "--force"]);
        assert!(run.code == 6 && run.stderr.contains(says), "{file}: {run:?}");
    }
    assert_eq!(calls_in(&shop, &store), ["a"]);
    assert_eq!(fs::read(&store).expect("read").len(), before.len());
    let left: Vec<_> = fs::read_dir(shop.path("")).expect("read").map(|e| e.expect("entry").file_name()).collect();
    assert!(
        !left.iter().any(|n| n.to_string_lossy().contains(".part") || n.to_string_lossy().contains("replaced")),
        "{left:?}"
    );
}

#[test]
fn a_damaged_store_gives_way_to_a_copy_and_is_kept() {
    let shop = shop_with(&["a"]);
    let (copy, store) = (path(&shop, "copy.db"), path(&shop, "shop.db"));
    shop.expect(0, &["store", "backup", &copy]);
    let mut bytes = fs::read(&store).expect("read");
    bytes[..100].fill(0xff);
    fs::write(&store, &bytes).expect("written");
    shop.expect(6, &["status"]);
    let restored = shop.expect(0, &["-o", "json", "store", "restore", &copy, "--force"]).json();
    let kept = text(&restored, "kept");
    assert_eq!(fs::read(kept).expect("kept"), bytes);
    assert_eq!(calls_in(&shop, &store), ["a"]);
}

#[test]
fn on_a_disk_that_is_full_no_copy_is_left_and_no_store_is_touched() {
    let shop = shop_with(&["a", "b"]);
    let (copy, store) = (path(&shop, "copy.db"), path(&shop, "shop.db"));
    shop.expect(0, &["store", "backup", &copy]);
    let full = |args: &[&str]| {
        let inner = shop.command(args);
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec prlimit --fsize=65536:unlimited \"$0\" \"$@\""]);
        command.arg(inner.get_program()).args(inner.get_args()).env_clear().current_dir(shop.path(""));
        command.envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))));
        let out = command.output().expect("runs");
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let other = path(&shop, "other.db");
    let (code, said) = full(&["store", "backup", &other]);
    assert!(code == Some(1) && said.contains("no copy was written") && said.contains("hint:"), "{code:?} {said}");
    assert!(!shop.path("other.db").exists() && !shop.path("other.db.part").exists());
    let was = fs::read(&copy).expect("read");
    let (code, said) = full(&["store", "backup", &copy, "--force"]);
    assert_eq!((code, fs::read(&copy).expect("read")), (Some(1), was), "{said}");
    let (code, said) = full(&["store", "restore", &copy, "--force"]);
    assert!(code == Some(6) && said.contains("nothing was changed"), "{code:?} {said}");
    assert_eq!(calls_in(&shop, &store), ["a", "b"]);
    assert!(!shop.path("shop.db.restoring.part").exists());
}

#[test]
fn a_store_on_a_server_names_what_copies_it() {
    let Some(server) = crate::support::postgres_server::test_server() else { return };
    let shop = Shop::on_server(server.schema());
    shop.run(&["send", "--issue", "x", "--timeout", "1ms"]);
    for args in [&["store", "backup", "copy.db"], &["store", "restore", "copy.db"]] {
        says(&shop.expect(2, args), 2, &["pg_dump", "pg_restore", "pg_basebackup"]);
    }
    let check = shop.expect(0, &["-o", "json", "store", "check"]).json();
    assert!(check["parts"].as_array().is_some_and(|p| p.len() == 5), "{check:#}");
}

#[test]
fn it_answers_http_meanwhile() {
    let stage = Stage::new("");
    let _serve = stage.serve();
    let copy = path(&stage.shop, "copy.db");
    let mut backup = stage.start(&["store", "backup", &copy]);
    let answer =
        http::json(stage.at(), "POST", "/api/dispatch/manual", Some(&emergency("c", "normal"))).expect("an answer");
    assert!(matches!(answer.status, 201 | 202), "{answer:?}");
    assert_eq!(backup.exit_code(), Some(0), "{}", backup.stderr());
}
