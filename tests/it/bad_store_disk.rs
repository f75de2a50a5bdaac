//! A disk that takes no more, a store that somebody holds, files that may not be written, versions that are not ours: what could
//! not be made durable is refused, nothing is half-written, and it works again when the disk does.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::process::Process;
use crate::support::stage::{SAM, Stage, attempts, emergency, state};
use crate::support::wait::until;
use crate::support::{Run, Shop, http};

fn raw(shop: &Shop) -> Connection {
    let conn = Connection::open(shop.path("shop.db")).expect("opens");
    conn.busy_timeout(Duration::from_secs(10)).expect("timeout");
    conn
}

fn says(run: &Run, code: i32, words: &[&str], label: &str) {
    assert_eq!(run.code, code, "{label}: {run:?}");
    for word in words {
        assert!(run.stderr.contains(word), "{label}: {word:?} is missing: {run:?}");
    }
    assert!(!run.stderr.contains("panicked"), "{label}: {run:?}");
}

/// The same program; what it says goes through a pipe, which has no size.
fn through_a_shell(inner: &Command) -> Command {
    let mut command = Command::new("sh");
    let script = "mkfifo said; cat said > said.log & exec \"$0\" \"$@\" 2> said";
    command.args(["-c", script]).arg(inner.get_program()).args(inner.get_args());
    command.env_clear().current_dir(inner.get_current_dir().expect("a directory"));
    command.envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))));
    command
}

/// How large a file this process may write, from now on.
fn limit_writes(process: &Process, bytes: &str) {
    let id = process.id().to_string();
    let done = Command::new("prlimit").args(["--pid", &id, &format!("--fsize={bytes}:unlimited")]).status();
    assert!(done.expect("prlimit runs").success());
}

fn post(stage: &Stage, call: &str) -> (u16, Value) {
    let answer = stage.post("/api/dispatch/manual", &emergency(call, "normal")).expect("an answer");
    (answer.status, answer.json())
}

#[test]
fn a_disk_that_fills_up_under_an_engine_refuses_and_recovers() {
    // The sandbox's callbacks that come meanwhile are refused; statuses are asked for soon after.
    let stage = Stage::new("[delivery]\npoll_after = \"1s\"");
    let listen = stage.at().to_string();
    let command = stage.shop.command(&["-o", "json", "serve", "--listen", &listen]);
    let serve = Process::start(&mut through_a_shell(&command), &stage.shop.path(""), "limited");
    until("the listener", || http::json(stage.at(), "GET", "/readyz", None).ok().filter(|a| a.status == 200));
    stage.dispatch("before", "normal");
    stage.delivered("before", 1);
    // One text is on its way while the disk fills up: its intent is stored, its outcome cannot be.
    stage.fault(&json!([{ "kind": "delay", "delayMs": 2_000, "times": 1 }]));
    let flying = post_beside(&stage, "flying");
    until("it is there", || http::json(stage.at(), "GET", "/api/calls/flying", None).ok().filter(|a| a.status == 200));
    until("its intent", || (state(&stage.call("flying"), 1) == "sending").then_some(()));

    limit_writes(&serve, "0");
    for n in 0..3 {
        let (status, problem) = post(&stage, &format!("refused-{n}"));
        assert_eq!((status, &problem["title"]), (503, &json!("The store cannot write")), "{problem:#}");
    }
    until("health says so", || http::json(stage.at(), "GET", "/health", None).ok().filter(|a| a.status == 503));
    let refused = http::json(stage.at(), "GET", "/api/calls/refused-0", None).expect("an answer");
    assert_eq!(refused.status, 404, "nothing is half-written: {refused:?}");
    let said = || fs::read_to_string(stage.shop.path("said.log")).unwrap_or_default();
    let waits = || said().contains("cannot be stored yet; trying again").then_some(());
    until("an outcome waits", waits);
    assert_eq!(stage.ledger().texts().len(), 2, "no text without an intent: {:#}", stage.ledger().0);

    limit_writes(&serve, "unlimited");
    until("health again", || http::json(stage.at(), "GET", "/health", None).ok().filter(|a| a.status == 200));
    for n in 0..3 {
        assert_eq!(post(&stage, &format!("refused-{n}")).0, 201);
    }
    assert!(matches!(flying.join().expect("no panic"), 201 | 202));
    stage.delivered("flying", 1);
    assert_eq!(attempts(&stage.call("flying")).len(), 1, "its outcome was kept, not lost: nothing is sent again");
    assert_eq!(stage.judge().len(), 5);
    assert_eq!(stage.ledger().texts_to(SAM).len(), 5);
    let check: String = raw(&stage.shop).query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("check");
    assert_eq!(check, "ok");
}

/// Hands a call over and waits for the answer elsewhere.
fn post_beside(stage: &Stage, call: &str) -> std::thread::JoinHandle<u16> {
    let (at, body) = (stage.at(), emergency(call, "normal"));
    std::thread::spawn(move || http::json(at, "POST", "/api/dispatch/manual", Some(&body)).expect("an answer").status)
}

#[test]
fn a_full_disk_refuses_a_command_before_anything_is_sent() {
    let shop = Shop::new();
    shop.send("before", &[]);
    let before = shop.expect(0, &["log", "-o", "json"]).json();
    let inner = shop.command(&["send", "--call-id", "c1", "--issue", "Burst pipe", "--level", "normal"]);
    // Large enough for what is there, too small for one more page.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec prlimit --fsize=100:unlimited \"$0\" \"$@\""]);
    command.arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?)))).current_dir(shop.path(""));
    let out = command.output().expect("runs");
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(6), "{said}");
    assert!(said.contains("error:") && said.contains("hint:") && !said.contains("panicked"), "{said}");
    assert_eq!(shop.expect(0, &["log", "-o", "json"]).json(), before, "nothing was recorded");
    shop.expect(0, &["send", "--call-id", "c1", "--issue", "Burst pipe", "--level", "normal"]);
}

#[test]
fn a_store_that_another_process_holds_is_waited_for_then_refused_and_works_again() {
    let stage = Stage::new("");
    let serve = stage.serve();
    let other = raw(&stage.shop);
    other.execute_batch("BEGIN IMMEDIATE").expect("held");
    let (status, problem) = post(&stage, "c1");
    assert_eq!((status, problem["detail"].as_str().is_some_and(|d| d.contains("busy"))), (503, true), "{problem:#}");
    let run = stage.shop.run(&["send", "--call-id", "c2", "--issue", "Burst pipe", "--level", "normal"]);
    says(&run, 6, &["the store is busy", "hint", "run it again"], "a command");
    // Looking needs no lock; that the engine can do nothing meanwhile is said.
    let run = stage.shop.run(&["status"]);
    assert!(run.code == 1 && run.stdout.contains("the engine has not answered"), "{run:?}");
    assert_eq!(stage.ledger().creates(), 0);
    other.execute_batch("ROLLBACK").expect("let go");
    assert_eq!(post(&stage, "c1").0, 201);
    until("the engine shows that it works", || (stage.shop.run(&["status"]).code == 0).then_some(()));
    stage.shop.send("c2", &[]);
    assert_eq!(stage.judge().len(), 2);
    assert!(!serve.process.stderr().contains("panicked"));
}

#[test]
fn a_store_of_another_version_is_refused_with_what_helps_and_left_as_it_is() {
    let shop = Shop::new();
    shop.send("c1", &[]);
    let table: &[(&str, &[&str])] = &[
        ("99", &["has schema 99", "hint", "newer dispatchctl"]),
        ("0", &["not a store of dispatchctl", "hint"]),
        ("-1", &["error:", "hint"]),
    ];
    let was: i64 = raw(&shop).pragma_query_value(None, "user_version", |r| r.get(0)).expect("version");
    for (version, words) in table {
        raw(&shop)
            .execute_batch(&format!("PRAGMA user_version = {version}; PRAGMA wal_checkpoint(TRUNCATE)"))
            .expect("set");
        let before = fs::read(shop.path("shop.db")).expect("read");
        for args in [
            &["send", "--call-id", "c2", "--issue", "x"][..],
            &["serve", "--listen", "127.0.0.1:0"],
            &["status"],
            &["recover"],
        ] {
            says(&shop.run(args), 6, words, &format!("version {version}: {args:?}"));
        }
        assert!(fs::read(shop.path("shop.db")).expect("read") == before, "version {version}: changed");
    }
    raw(&shop).execute_batch(&format!("PRAGMA user_version = {was}")).expect("set");
    shop.expect(0, &["status", "c1"]);
}

#[test]
fn a_file_or_directory_that_may_not_be_written_is_refused_and_left_as_it_is() {
    let shop = Shop::new();
    shop.send("c1", &[]);
    let before = fs::read(shop.path("shop.db")).expect("read");
    let mode =
        |path: &str, mode: u32| fs::set_permissions(shop.path(path), fs::Permissions::from_mode(mode)).expect(path);
    for (label, file, dir) in [("the file", 0o444, 0o777), ("the directory and the file", 0o444, 0o555)] {
        mode("shop.db", file);
        mode("", dir);
        for args in [&["send", "--call-id", "c2", "--issue", "x"][..], &["serve", "--listen", "127.0.0.1:0"]] {
            let out = as_nobody(&shop.command(args)).output().expect("runs");
            let said = String::from_utf8_lossy(&out.stderr);
            assert_eq!(out.status.code(), Some(6), "{label}: {args:?}: {said}");
            assert!(said.contains("error:") && said.contains("hint:") && !said.contains("panicked"), "{label}: {said}");
        }
        mode("", 0o755);
        mode("shop.db", 0o644);
        assert!(fs::read(shop.path("shop.db")).expect("read") == before, "{label}: changed");
    }
    shop.expect(0, &["send", "--call-id", "c2", "--issue", "Burst pipe", "--level", "normal"]);
}

#[test]
fn a_store_that_this_user_may_not_look_at_is_not_taken_for_absent() {
    let shop = Shop::new();
    shop.send("c1", &[]);
    let mode =
        |path: &str, mode: u32| fs::set_permissions(shop.path(path), fs::Permissions::from_mode(mode)).expect(path);
    let deep = shop.path("deep");
    fs::create_dir(&deep).expect("made");
    fs::copy(shop.path("shop.db"), deep.join("shop.db")).expect("copied");
    let store = format!("sqlite:{}", deep.join("shop.db").display());
    mode("", 0o777);
    for (label, dir, file) in [("the directory", 0o700, 0o644), ("the file", 0o755, 0o600)] {
        mode("deep", dir);
        mode("deep/shop.db", file);
        for args in [
            &["status"][..],
            &["status", "c1"],
            &["ack", "c1"],
            &["resolve", "c1"],
            &["log"],
            &["oncall"],
            &["follow-up", "list"],
            &["follow-up", "run", "--missed"],
            &["recover", "--dry-run"],
            &["breaker", "list"],
            &["contacts", "list"],
            &["config", "show", "--diff"],
            &["config", "apply"],
            &["send", "--issue", "x"],
            &["serve", "--listen", "127.0.0.1:0"],
        ] {
            let out = as_nobody(&elsewhere(&shop, &store, args)).output().expect("runs");
            let said = String::from_utf8_lossy(&out.stderr);
            assert_eq!(out.status.code(), Some(6), "{label}: {args:?}: {said}");
            for words in ["cannot be opened", "Permission denied", "as the user of `dispatchctl serve`"] {
                assert!(said.contains(words), "{label}: {args:?}: {words}: {said}");
            }
            assert!(!said.contains("there is no store") && !said.contains("holds no settings"), "{label}: {said}");
        }
        let out = as_nobody(&elsewhere(&shop, &store, &["doctor"])).output().expect("runs");
        let said = String::from_utf8_lossy(&out.stdout);
        assert_eq!(out.status.code(), Some(1), "{label}: {said}");
        assert!(said.lines().any(|l| l.starts_with("fail  store open") && l.contains("Permission denied")), "{said}");
    }
}

/// The program of this shop on another store.
fn elsewhere(shop: &Shop, store: &str, args: &[&str]) -> Command {
    let usual = shop.command(&[]);
    let mut command = Command::new(usual.get_program());
    command.args([&["--test-mode", "--store", store], args].concat()).current_dir(shop.path("")).env_clear();
    command.envs(usual.get_envs().filter_map(|(k, v)| Some((k, v?))));
    command
}

/// Where the tests run as root, whom nothing is forbidden: as somebody else.
fn as_nobody(inner: &Command) -> Command {
    let root = fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let mut command = if root {
        let mut c = Command::new("setpriv");
        c.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(inner.get_program());
        c
    } else {
        Command::new(inner.get_program())
    };
    command.args(inner.get_args()).env_clear().current_dir(inner.get_current_dir().expect("a directory"));
    command.envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))));
    command
}
