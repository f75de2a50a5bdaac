//! The drills themselves: what they expect can fail, what is wrong in a file is named, and nothing is left behind.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::checker::check::check;
use crate::checker::history::History;
use crate::support::Shop;
use crate::support::process::Process;
use crate::support::wait::until;

/// A shop whose temporary directory is its own, so that what a drill leaves behind is seen.
fn shop() -> (Shop, PathBuf) {
    let mut shop = Shop::new();
    let temp = shop.path("temp");
    std::fs::create_dir(&temp).expect("a directory");
    shop.set("TMPDIR", temp.display().to_string());
    (shop, temp)
}

fn left_behind(temp: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(temp).expect("readable");
    entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// Plays these files, of which the drill itself bounds the time; the exit code and the document.
fn play_files(shop: &Shop, temp: &std::path::Path, files: &[String]) -> (i32, Value) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dispatchctl"));
    command.args(["test-reliability", "-o", "json"]).current_dir(shop.path("")).env_clear().env("TMPDIR", temp);
    command.args(files.iter().flat_map(|f| ["--scenario", f.as_str()]));
    let out = command.output().expect("the program runs");
    assert_eq!(left_behind(temp), Vec::<String>::new(), "nothing is left: {out:?}");
    let report = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {out:?}"));
    (out.status.code().unwrap_or(-1), report)
}

/// Plays a file of this text.
fn play(text: &str) -> (i32, Value) {
    let (shop, temp) = shop();
    std::fs::write(shop.path("own.toml"), text).expect("a scenario");
    play_files(&shop, &temp, &["./own.toml".to_owned()])
}

const WELL: &str = r#"
title = "A call is told"
fault = "none"
[[when]]
dispatch = "c1"
[[when]]
wait = { call = "c1", attempt = 1, is = "delivered" }
"#;

#[test]
fn each_kind_of_expectation_can_fail() {
    // All in one scenario: each must be red, and the true ones beside them green.
    let wrong = r#"
[then]
texts = { sam = 2, ana = 0 }
answers = { sam = 1 }
order = ["ana"]
creates = 7
alerts = ["nothing-of-the-kind:*"]
says = ["words that nobody says"]
never_says = ["serve started"]
call_count = 3
unknown = 1
health = { activeRetries = 9 }
swept = true
[then.crowd]
told = 9
found_out = 3
[then.calls.c1]
senders = ["+15005550001"]
status = "EXHAUSTED"
holder = "ana"
round = 4
attempts = ["failed"]
contacts = ["ana"]
kinds = ["answer"]
codes = [30003]
says = ["words that no log has"]
[then.calls.c1.log]
"attempt.delivered" = 2
[then.calls.c9]
status = "DISPATCHING"
[[then.times]]
call = "c1"
attempt = 1
after = "30s"
[[then.times]]
call = "c1"
attempt = 1
from = "thaw"
"#;
    let (code, report) = play(&format!("{WELL}{wrong}"));
    assert_eq!((code, &report["verdict"]), (1, &json!("broken")), "{report:#}");
    let checks = report["scenarios"][0]["checks"].as_array().expect("checks");
    let held: Vec<&str> =
        checks.iter().filter(|c| c["held"] == true).map(|c| c["what"].as_str().expect("text")).collect();
    assert_eq!(held, ["0 texts to ana"], "{report:#}");
    assert_eq!(checks.len(), 27, "{checks:#?}");
    assert_eq!(report["scenarios"][0]["judged"]["wrong"], json!([]), "the judge has nothing to say");
    assert_eq!((&report["counts"]["broken"], &report["mode"]), (&json!(1), &json!("test")));
}

#[test]
fn what_is_true_of_a_call_holds() {
    let right = r#"
[then]
texts = { sam = 1 }
order = ["sam"]
alerts = []
[then.calls.c1]
attempts = ["submitted|delivered"]
[[then.times]]
call = "c1"
attempt = 1
within = "20s"
"#;
    let (code, report) = play(&format!("{WELL}{right}"));
    assert_eq!((code, &report["verdict"]), (0, &json!("held")), "{report:#}");
    assert_eq!(report["counts"]["texts"], 1);
    assert_eq!(report["bounds"][0]["upper95"], 0.95, "one call proves little");
}

/// What somebody does to the row of c1, and what is said of it. No command and no engine mends it: that one is killed.
const MANUAL_EDITS: &[(&str, &str)] = &[
    ("do = \"delete_record\", id = \"{row c1 1}\"", "1 of 1 rows missing"),
    ("do = \"duplicate_record\", id = \"{row c1 1}\"", "1 twins"),
    (
        "do = \"edit_record\", id = \"{row c1 1}\", fields = { To = \"+19495550109\" }",
        "To is +19495550109, not +19495550101",
    ),
    ("do = \"add_record\", fields = { \"Event ID\" = \"att_of_nobody\" }", "an event names att_of_nobody"),
    ("do = \"add_record\", fields = { Result = \"Called Sam myself\" }", ""),
];

#[test]
fn whatever_is_wrong_in_airtable_breaks_a_scenario_that_has_it_compared() {
    let (shop, temp) = shop();
    let mut files = Vec::new();
    for (i, (action, _)) in MANUAL_EDITS.iter().enumerate() {
        let text = format!(
            "{WELL}[[when]]\nwait = {{ mirror = \"equal\" }}\n[[when]]\nkill = \"engine\"\n\
             [[when]]\nairtable = {{ table = \"Dispatch Events\", {action} }}\n\
             [then]\nmirror = \"equal\"\nmirror_within = \"500ms\"\n[given.config.airtable]\nverify = \"all\"\n"
        );
        std::fs::create_dir(shop.path(&i.to_string())).expect("a directory");
        std::fs::write(shop.path(&format!("{i}/own.toml")), text).expect("a scenario");
        files.push(format!("{i}/own.toml"));
    }
    let (code, report) = play_files(&shop, &temp, &files);
    assert_eq!(code, 1, "{report:#}");
    for (i, (action, want)) in MANUAL_EDITS.iter().enumerate() {
        let s = &report["scenarios"][i];
        let broken = s["checks"].as_array().expect("checks").iter().find(|c| c["held"] == false).map(Value::to_string);
        let rows = &s["judged"]["airtable"];
        let wrong: u64 = ["missing", "twins", "differing", "unexpected"].iter().filter_map(|w| rows[w].as_u64()).sum();
        match *want {
            "" => {
                assert_eq!((broken, wrong, &rows["foreign"]), (None, 0, &json!(1)), "{action}: a row of the shop's own")
            }
            want => {
                assert!(broken.is_some_and(|b| b.contains(want)), "{action}: {want}: {s:#}");
                assert_eq!(wrong, 1, "{action}: {rows}");
            }
        }
    }
    let bound = &report["bounds"][3];
    assert_eq!((&bound["what"], &bound["found"], &bound["of"]), (&json!("wrong in Airtable"), &json!(4), &json!(5)));
}

#[test]
fn what_a_file_says_of_airtable_is_checked() {
    let (shop, _) = shop();
    let text = r#"
title = "x"
fault = "x"
[[when]]
airtable = { do = "shred_record", table = "Calls" }
[[when]]
disk = "gone"
[[when]]
wait = { mirror = "same" }
[[when]]
wait = { call = "c1", row = 3 }
[then]
mirror = "nearly"
"#;
    std::fs::write(shop.path("own.toml"), text).expect("a scenario");
    let run = shop.run_as_is(&["test-reliability", "--scenario", "own.toml"]);
    for want in [
        "own.toml:5: when[0].airtable: \"shred_record\" is not one",
        "own.toml:7: when[1].disk: \"gone\" is not one; expected \"lost\"",
        "own.toml:9: when[2].wait.mirror: \"same\" is not one; expected \"equal\"",
        "own.toml:11: when[3].wait.row: is an integer",
        "then.mirror: is expected, and no base is given",
        "own.toml:13: then.mirror: \"nearly\" is not one; expected \"equal\": Airtable has every attempt",
    ] {
        assert!(run.code == 2 && run.stderr.contains(want), "{want}: {}", run.stderr);
    }
    std::fs::write(shop.path("own.toml"), format!("{WELL}[then]\nmirror_within = \"1s\"\n")).expect("a scenario");
    let run = shop.run_as_is(&["test-reliability", "--scenario", "own.toml"]);
    assert!(run.code == 2 && run.stderr.contains("then.mirror_within: goes with mirror"), "{}", run.stderr);
}

#[test]
fn an_action_that_cannot_be_done_fails_the_scenario_and_says_where() {
    let cases = [
        (
            "[[when]]\nwait = { call = \"c1\", attempt = 9, is = \"delivered\" }\nwithin = \"300ms\"\n",
            "attempt 9 of c1",
        ),
        ("[[when]]\nstart = \"engine\"\n", "runs already"),
        ("[[when]]\nrun = [\"ack\", \"c9\"]\nexit = 0\n", "exit 3"),
        ("[[when]]\nrun = [\"status\"]\nsays = [\"no such words\"]\n", "it does not say"),
        ("[[when]]\nend = \"nobody\"\n", "nothing named nobody was started"),
        ("[[when]]\nstore = \"damaged\"\n", "only while no engine runs"),
        ("[[when]]\nstore = \"released\"\n", "nobody holds it"),
        ("[[when]]\nrun = [\"ack\", \"c1\", \"--for\", \"sam\"]\nunchanged = true\n", "it changed something"),
        ("[[when]]\nwait = { page = \"/livez\", answer = 404 }\nwithin = \"300ms\"\n", "it answers 200"),
        ("[[when]]\nwait = { told = \"store\", is = \"raised\" }\nwithin = \"300ms\"\n", "it was told []"),
        ("[[when]]\nforge = \"/webhooks/twilio/sms-status/{attempt c9 1}\"\n", "there is no call c9"),
        (
            "[[when]]\nforge = \"/webhooks/twilio/sms-status\"\nform = { MessageStatus = \"sent\" }\nanswer = 204\n",
            "403, not 204",
        ),
        ("[[when]]\nrequest = \"/livez\"\nanswer = 404\n", "it answered 200"),
        ("[[when]]\ndisk = \"lost\"\n", "only while no engine runs"),
        (
            "[[when]]\nairtable = { do = \"delete_record\", table = \"Calls\", id = \"recNone\" }\n",
            "ROW_DOES_NOT_EXIST",
        ),
        ("[[when]]\nwait = { call = \"c1\", row = \"x\" }\nwithin = \"300ms\"\n", "no [given.config.airtable]"),
        ("[[when]]\nkill = \"engine\"\n[[when]]\nkill = \"engine\"\n", "no engine runs"),
    ];
    // Side by side in one run: each file is a scenario of its own.
    let (shop, temp) = shop();
    let mut files = Vec::new();
    for (i, (action, _)) in cases.iter().enumerate() {
        std::fs::create_dir(shop.path(&i.to_string())).expect("a directory");
        std::fs::write(shop.path(&format!("{i}/own.toml")), format!("{WELL}{action}")).expect("a scenario");
        files.push(format!("{i}/own.toml"));
    }
    let (code, report) = play_files(&shop, &temp, &files);
    assert_eq!(code, 1, "{report:#}");
    for (i, (action, want)) in cases.iter().enumerate() {
        let s = &report["scenarios"][i];
        let check = s["checks"][0]["what"].to_string() + &s["checks"][0]["seen"].to_string();
        let line = if i == cases.len() - 1 { 10 } else { 8 };
        assert!(s["verdict"] == "broken" && check.contains(want), "{action}: {check}");
        assert!(check.contains(&format!("{i}/own.toml:{line}: ")), "{action}: {check}");
        assert!(s["repeat"].as_str().is_some_and(|r| r.ends_with(&format!("--scenario {i}/own.toml"))), "{s}");
    }
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_line_and_key_all_at_once() {
    let (shop, temp) = shop();
    let text = r#"
titel = "x"
fault = 3
[given]
pace = "soon"
faults = [ { kind = "refuse", satus = 500 } ]
[given.config.delivery]
setle = "45s"
[[when]]
dispatch = "c1"
start = "engine"
[[when]]
wait = { call = "c1", attempt = 1, is = "deliverd" }
[[when]]
reply = "1"
from = "smam"
[[when]]
[then]
texts = { bob = 1 }
[then.calls.c1]
status = "DISPATCHNG"
"#;
    std::fs::write(shop.path("own.toml"), text).expect("a scenario");
    let run = shop.run_as_is(&["test-reliability", "--scenario", "own.toml"]);
    assert_eq!(run.code, 2, "{run:?}");
    for want in [
        "own.toml:1: title: is missing",
        "own.toml:2: titel: is not known here; did you mean `title`?",
        "own.toml:3: fault: is an integer",
        "own.toml:5: given.pace: \"soon\" is not one",
        "own.toml:6: given.faults[0].satus: is not known here; did you mean `status`?",
        "own.toml:9: when[0]: has dispatch and start; expected exactly one of",
        "own.toml:13: when[1].wait.is: \"deliverd\" is no state",
        "own.toml:16: when[2].from: \"smam\" is not one; did you mean \"sam\"?",
        "own.toml:17: when[3]: has no action",
        "then.texts.bob: is no contact; expected one of ana, lee, sam",
        "own.toml:21: then.calls.c1.status: \"DISPATCHNG\" is not one; did you mean \"DISPATCHING\"?",
    ] {
        assert!(run.stderr.contains(want), "{want}: {}", run.stderr);
    }
    // Settings are checked as the engine would check them, and told by their place in this file.
    let text = format!(
        "{WELL}[given.config.delivery]\nsetle = \"45s\"\n[[given.config.contacts]]\nid = \"sam\"\nphone = \"555\"\n"
    );
    std::fs::write(shop.path("own.toml"), text).expect("a scenario");
    let run = shop.run_as_is(&["test-reliability", "--scenario", "own.toml"]);
    assert_eq!((run.code, left_behind(&temp)), (2, Vec::new()), "{run:?}");
    for want in [
        "own.toml:9: given.config.delivery.setle",
        "did you mean `delivery.settle`?",
        "own.toml:12: given.config.contacts[0].phone",
    ] {
        assert!(run.stderr.contains(want), "{want}: {}", run.stderr);
    }
}

#[test]
fn what_cannot_be_played_is_told_clearly() {
    let (mut shop, temp) = shop();
    std::fs::write(shop.path("broken.toml"), "title = \"x\nfault").expect("a file");
    for (args, want) in [
        (vec!["--scenario", "send-verifed"], "there is no scenario send-verifed; did you mean send-verified?"),
        (vec!["--scenario", "nowhere.toml"], "the scenario file nowhere.toml cannot be read"),
        (vec!["--scenario", "broken.toml"], "broken.toml:2: not valid TOML"),
        (vec!["--storm", "5", "--scenario", "send-verified"], "cannot be used with"),
        (vec!["--save", "x.toml"], "--storm"),
        (vec!["--history", "x.ndjson"], "--storm"),
        (vec!["--storm", "1", "--history", "/nowhere/x"], "cannot be written to /nowhere/x"),
        (vec!["--baseline", "nowhere.json"], "the earlier results in nowhere.json cannot be used"),
        (vec!["--baseline", "broken.toml"], "the earlier results in broken.toml cannot be used"),
        (vec!["--scenario", "send-verified", "--junit", "/nowhere/x.xml"], "cannot be written to /nowhere/x.xml"),
    ] {
        let run = shop.run_as_is(&[&["test-reliability"], args.as_slice()].concat());
        assert_eq!(run.code, 2, "{args:?}: {run:?}");
        assert!(run.stderr.contains(want), "{args:?}: {run:?}");
    }
    assert_eq!(left_behind(&temp), Vec::<String>::new());
    shop.set("TMPDIR", "/proc/self/nowhere");
    let run = shop.run_as_is(&["test-reliability", "--scenario", "send-verified"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("/proc/self/nowhere") && run.stderr.contains("TMPDIR"), "{run:?}");
}

#[test]
fn an_engine_that_cannot_start_and_a_port_that_is_taken_are_told_with_the_engines_own_words() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("an address");
    let (code, report) = play(&format!("{WELL}[given]\nlisten = \"{at}\"\n"));
    let check = report["scenarios"][0]["checks"][0].to_string();
    assert!(code == 1 && check.contains(&at.port().to_string()) && check.contains("exit 2"), "{check}");
    let (code, report) =
        play(&format!("{WELL}[given]\nenv = {{ DISPATCHCTL_TWILIO__BASE_URL = \"https://api.twilio.com\" }}\n"));
    let check = report["scenarios"][0]["checks"][0].to_string();
    assert!(
        code == 1 && check.contains("ended with exit 2 at its start") && check.contains("points off this machine"),
        "{check}"
    );
}

/// Processes of the program that run now with this directory in their arguments.
fn children(temp: &std::path::Path) -> BTreeSet<String> {
    let words = temp.display().to_string();
    let all = std::fs::read_dir("/proc").expect("a list of processes").filter_map(Result::ok);
    let names =
        all.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let line = |pid: &String| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    names.filter(|pid| line(pid).contains(&words)).collect()
}

#[test]
fn an_interrupted_run_leaves_no_process_and_no_file() {
    let (shop, temp) = shop();
    let long = format!("{WELL}[[when]]\npause = \"60s\"\n");
    std::fs::write(shop.path("own.toml"), long).expect("a scenario");
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dispatchctl"));
        command.args(["test-reliability", "--scenario", "own.toml"]).current_dir(shop.path(""));
        command.env_clear().env("TMPDIR", &temp);
        let mut run = Process::start(&mut command, &shop.path(""), &format!("run-{signal}"));
        until("its engine runs", || (!children(&temp).is_empty()).then_some(()));
        run.signal(signal);
        assert_eq!(run.exit_code(), Some(130), "{}", run.stderr());
        until("its children have ended", || children(&temp).is_empty().then_some(()));
        assert_eq!(left_behind(&temp), Vec::<String>::new());
    }
}

#[test]
fn scenarios_are_listed_and_results_are_written_and_compared() {
    let (shop, _) = shop();
    let list = shop.run_as_is(&["test-reliability", "--list", "-o", "json"]).json();
    let names: Vec<&str> =
        list["scenarios"].as_array().expect("a list").iter().filter_map(|s| s["name"].as_str()).collect();
    assert!(names.len() >= 40 && names.contains(&"restart-recovery"), "{names:?}");
    let junit = shop.path("junit.xml").display().to_string();
    let args = ["test-reliability", "--scenario", "send-verified", "-o", "json", "--junit", &junit];
    let run = shop.run_as_is(&args);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(std::fs::read_to_string(&junit).expect("a file").contains("failures=\"0\""));
    std::fs::write(shop.path("earlier.json"), &run.stdout).expect("a file");
    let run = shop.run_as_is(&[
        "test-reliability",
        "--scenario",
        "send-verified",
        "-o",
        "json",
        "--baseline",
        "earlier.json",
    ]);
    let found = &run.json()["baseline"];
    assert_eq!((run.code, &found["broken"], &found["new"]), (0, &json!([]), &json!([])), "{found}");
    let table = shop.run_as_is(&["test-reliability", "--scenario", "send-verified"]);
    for want in ["TEST MODE", "send-verified", "held", "lost 0 of 1 calls", "1 of 1 scenarios held"] {
        assert!(table.stdout.contains(want), "{want}: {table:?}");
    }
}

#[test]
fn a_storm_is_played_kept_and_can_be_played_again() {
    let (shop, temp) = shop();
    let run = shop.run_as_is(&[
        "test-reliability",
        "--storm",
        "2",
        "--dispatches",
        "12",
        "--seed",
        "5",
        "--save",
        "kept.toml",
        "--history",
        "seen.ndjson",
        "-o",
        "json",
    ]);
    assert_eq!((run.code, left_behind(&temp)), (0, Vec::new()), "{run:?}");
    let seen = History::parse(&std::fs::read(shop.path("seen.ndjson")).expect("a history")).expect("a whole one");
    let found = check(&seen);
    assert!(found.wrongs.is_empty() && seen.asked.len() >= 12 && seen.texts.len() >= 8, "{found}");
    let report = run.json();
    assert_eq!((&report["suite"], &report["seed"]), (&json!("storm"), &json!(5)));
    assert_eq!(report["repeat"], "dispatchctl test-reliability --storm 2 --dispatches 12 --seed 5");
    assert!(report["counts"]["texts"].as_u64().is_some_and(|n| n >= 8), "{}", report["counts"]);
    assert_eq!(
        report["kills"].as_object().map(|k| k.values().filter_map(Value::as_u64).sum()),
        Some(2_u64),
        "{}",
        report["kills"]
    );
    let rows = report["faults"].as_array().cloned().unwrap_or_default();
    assert!(
        rows.len() >= 2 && rows.iter().all(|r| r["lost"] == 0 && r["doubled"] == 0 && r["unexpected"] == 0),
        "{rows:?}"
    );
    let rows = &report["counts"]["airtable"];
    let all = ["calls", "attempts"].iter().filter_map(|k| report["counts"][k].as_u64()).sum::<u64>();
    assert_eq!((rows["rows"].as_u64(), all >= 20), (Some(all), true), "each attempt and each call has its row: {rows}");
    assert_eq!((&report["bounds"][3]["what"], &report["bounds"][3]["found"]), (&json!("wrong in Airtable"), &json!(0)));
    let listed = shop.run_as_is(&["test-reliability", "--scenario", "kept.toml", "--list", "-o", "json"]).json();
    assert_eq!(listed["scenarios"][0]["fault"], "storm of 2, seed 5");
}

/// Guards, each with a scenario that must miss it, and words of what it has to say.
const SAFEGUARDS: &[(&str, &str, &[&str])] = &[
    ("intent-commit", "recover-a-cut-off-send", &["it does not say \"send cut off by a crash\"", "text not sent yet"]),
    ("look-before-resend", "answer-lost-and-no-receipt", &["attempt 1 of c1 is submitted or delivered", "unknown"]),
    ("monotone-receipts", "status-moves-only-forward", &["c1: messages are delivered", "sending"]),
    (
        "read-back",
        "airtable-read-back",
        &["Airtable has every attempt and call once", "Contact is Nobody, not Sam Ortiz"],
    ),
    ("reply-dedup", "reply-replayed-after-a-hand-back", &["c1: is DISPATCHING", "ACKNOWLEDGED"]),
    ("settings-in-force", "settings-of-another-shell", &["2 texts to ana", "seen: 0"]),
    ("signature", "callback-forged", &["answer"]),
];

#[test]
fn without_a_guard_a_scenario_breaks_and_says_what_was_promised_and_what_was_seen() {
    std::thread::scope(|scope| {
        for (safeguard, scenario, words) in SAFEGUARDS {
            scope.spawn(move || {
                let (shop, temp) = shop();
                let run = shop.run_as_is(&[
                    "test-reliability",
                    "--guards-off",
                    safeguard,
                    "--scenario",
                    scenario,
                    "-o",
                    "json",
                ]);
                assert_eq!((run.code, left_behind(&temp)), (1, Vec::new()), "{safeguard}: {scenario} held: {run:?}");
                let report = run.json();
                assert!(
                    report["repeat"].as_str().is_some_and(|r| r.contains(&format!("--guards-off {safeguard}"))),
                    "{report}"
                );
                let checks = report["scenarios"][0]["checks"].as_array().cloned().unwrap_or_default();
                let broken: Vec<String> = (checks.iter().filter(|c| c["held"] == false))
                    .map(|c| {
                        format!("{}; seen: {}", c["what"].as_str().unwrap_or(""), c["seen"].as_str().unwrap_or(""))
                    })
                    .collect();
                let told = |line: &String| words.iter().all(|w| line.contains(w)) && !line.ends_with("seen: ");
                assert!(broken.iter().any(told), "{safeguard}: {words:?} are not said: {broken:#?}");
            });
        }
    });
    let (shop, _) = shop();
    let run = shop.run_as_is(&["test-reliability", "--guards-off", "locks", "--scenario", "send-verified"]);
    assert!(run.code == 2 && run.stderr.contains("engine-lock"), "{run:?}");
}
