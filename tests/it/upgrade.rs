//! A store of the schema before this one, with calls under way, is opened by the program of today.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::fault_injection::my_turn;
use crate::support::old_store;
use crate::support::stage::{ANA, LEE, SAM, Stage, emergency, state, text};
use crate::support::wait::until;

const LADDERS: &str = r#"
[policies.steady]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "8s", notify = ["backup"] } ]
exhaust_after = "1h"
[policies.short]
steps = [ { wait = "0s", notify = ["owner"] } ]
exhaust_after = "2500ms"
"#;

#[test]
fn a_store_of_version_2_goes_on_where_it_was_and_takes_the_settings_of_the_first_serve() {
    let _turn = my_turn();
    let mut stage = Stage::new(LADDERS);
    for (name, value) in
        [("TWILIO__REQUEST_TIMEOUT", "1s"), ("TWILIO__CONNECT_TIMEOUT", "1s"), ("DELIVERY__SETTLE", "1h")]
    {
        stage.shop.set(&format!("DISPATCHCTL_{name}"), value);
    }
    let before = stage.serve();
    for (call, level) in [("taken", "steady"), ("goes-on", "steady"), ("ends", "short")] {
        stage.dispatch(call, level);
        stage.delivered(call, 1);
    }
    stage.shop.expect(0, &["ack", "taken", "--for", "sam"]);
    stage.until_call("ends", "it is over", |c| text(c, "status") == "EXHAUSTED");
    stage.fault(&json!([{ "kind": "drop_after_accept", "times": 1 }, { "kind": "list_lag", "delayMs": 3_600_000 },
        { "kind": "withhold_callbacks" }]));
    std::thread::scope(|scope| {
        scope.spawn(|| stage.post("/api/dispatch/manual", &emergency("unknown", "normal")));
        stage.until_call_is_there("unknown", |c| state(c, 1) == "unknown");
        before.process.kill();
    });
    old_store::make(&stage, 2);

    let place = format!("http://{}/_sandbox/alerts", stage.sandbox_at());
    stage.shop.set("DISPATCHCTL_DRILL_SINK", format!("well={place}/well slow={place}/slow"));
    let serve = stage.serve();
    assert_eq!(stage.shop.backups("-v2").len(), 1, "a copy of what was");
    stage.clear_faults();
    let status = stage.shop.expect(0, &["status", "-o", "json"]).json();
    assert_eq!((&status["settings"]["number"], text(&status["settings"], "by")), (&json!(1), "serve"), "{status}");

    assert!(stage.ledger().texts_to(ANA).is_empty(), "its follow-up is still to come");
    // What was under way: the follow-up comes, the unknown outcome is found out, and a reply counts.
    stage.delivered("goes-on", 2);
    let unknown = stage.call("unknown");
    let ledger = stage.ledger();
    let sid = ledger.of(&unknown, 1).first().map(|m| text(m, "sid").to_owned()).expect("the provider has it");
    stage.shop.expect(0, &["settle", text(&unknown["attempts"][0], "attemptId"), "--sent", &sid]);
    stage.until_call("unknown", "it is found out", |c| matches!(state(c, 1), "submitted" | "delivered"));
    let taken = stage.call("taken");
    assert_eq!((text(&taken, "status"), &taken["settings"]), ("ACKNOWLEDGED", &Value::Null), "{taken}");
    stage.reply(SAM, &format!("done {}", text(&taken, "reference")));
    stage.until_call("taken", "it is done", |c| text(c, "status") == "RESOLVED");

    // What was raised is told at every sink, once.
    let told = |name: &str| {
        let all = stage.control("GET", "alerts", &Value::Null)["alerts"].as_array().cloned().unwrap_or_default();
        all.iter().filter(|a| a["sink"] == name && a["key"] == "exhausted:ends" && a["state"] == "raised").count()
    };
    let both = || (told("well") == 1 && told("slow") == 1).then_some(());
    until("both sinks are told", both);

    // And what comes is by the settings that are in force now.
    stage.dispatch("new", "short");
    assert_eq!(stage.delivered("new", 1)["settings"], 1);
    let ledger = stage.ledger();
    assert_eq!((ledger.texts_to(ANA).len(), ledger.texts_to(LEE).len()), (1, 2));
    stage.judge();
    both().expect("still once");
    serve.process.kill();

    // The way back: the copy that the upgrade made takes the store's place, and what was there is kept.
    let copy = stage.shop.backups("-v2").pop().expect("a copy");
    let copy = copy.to_str().expect("plain");
    let back = stage.shop.expect(0, &["-o", "json", "store", "restore", copy, "--force"]).json();
    assert_eq!((&back["schema"], &back["calls"]), (&json!(2), &json!(4)), "{back:#}");
    assert!(std::path::Path::new(text(&back, "kept")).exists(), "{back:#}");
    stage.shop.expect(0, &["store", "check"]);
}

#[test]
fn a_command_beside_an_engine_of_an_older_schema_names_both_and_touches_nothing() {
    let stage = Stage::new(LADDERS);
    let serve = stage.serve();
    stage.dispatch("c", "steady");
    serve.process.kill();
    old_store::make(&stage, 2);
    let path = stage.shop.path("shop.db");
    // What an engine of that version holds: the store open, the lock file, and from some version on the file itself.
    let engine = Connection::open(&path).expect("opens");
    let version = || engine.pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0)).expect("read");
    engine.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).expect("a log");
    assert_eq!(version(), 2);
    let migrations = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sqlite/migrations"));
    let known = format!("this program knows {}", migrations.expect("a directory").count());
    let open = |path| std::fs::File::options().read(true).write(true).create(true).truncate(false).open(path);
    let note = open(stage.shop.path("shop.db.lock")).expect("opens");
    note.try_lock().expect("free");
    let file = open(path.clone()).expect("opens");
    for locks_the_file in [false, true] {
        if locks_the_file {
            file.try_lock().expect("free");
        }
        for args in [&["status"][..], &["log"], &["ack", "c", "--by", "Pat"], &["serve"]] {
            let said = stage.shop.expect(6, args).stderr;
            let names_both = said.contains("schema 2") && said.contains(&known);
            assert!(names_both && said.contains("engine of that version"), "{locks_the_file}, {args:?}: {said}");
        }
    }
    assert_eq!(version(), 2, "nothing was migrated");
    assert_eq!(stage.shop.backups("-v2"), Vec::<std::path::PathBuf>::new());
}
