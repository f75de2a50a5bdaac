//! A lost disk: the real binary rebuilds what ran from the shop's base and the provider's list, and doubles nothing. And calls
//! that another system puts into the base are taken over by a running engine.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::process::report;
use crate::support::stage::{ANA, SAM, Stage, attempts, entries, seconds, state, text};
use crate::support::wait::{time, until, until_time};

/// An hour to the second step; after the disk is lost, a second.
const BEFORE: &str = r#"
[policies.brisk]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] }, { wait = "1h", notify = ["owner"] } ]
exhaust_after = "1h"
"#;

/// What is told of a call to the base, when the disk is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// All of it.
    Running,
    /// The answer of the provider is not in its row.
    RowBehind,
    /// It has no event yet.
    NoRow,
    /// All of it; its next step is an hour away.
    NotDue,
    /// Taken by a reply that the base has not heard of.
    TakenUnseen,
    /// Done, by a reply that the base has not heard of.
    DoneUnseen,
    /// Taken, and the base knows.
    Taken,
    /// Closed, and the base knows.
    Closed,
}

const CALLS: &[(Kind, usize)] = &[
    (Kind::Running, 10),
    (Kind::RowBehind, 8),
    (Kind::NoRow, 4),
    (Kind::NotDue, 13),
    (Kind::TakenUnseen, 5),
    (Kind::DoneUnseen, 3),
    (Kind::Taken, 4),
    (Kind::Closed, 3),
];

fn add(stage: &Stage, table: &str, fields: &Value) {
    stage.control("POST", "airtable", &json!({ "do": "add_record", "table": table, "fields": fields }));
}

/// The rows of a call, as the base was told of it.
fn mirrored(stage: &Stage, story: &Value, kind: Kind) {
    let data = &story["callData"];
    let status = match kind {
        Kind::TakenUnseen | Kind::DoneUnseen => "DISPATCHING",
        _ => text(story, "status"),
    };
    let mut call = json!({
        "Call ID": story["callId"], "Status": status, "Caller Phone": data["callerPhone"],
        "Emergency Level": data["emergencyLevel"], "Issue Summary": data["issueSummary"], "Caller Name": data["callerName"],
        "Address": data["address"], "Reference": story["reference"], "Accepted At": story["acceptedAt"],
    });
    if kind == Kind::NotDue {
        call["Next Follow-Up At"] = story["nextFollowUpAt"].clone();
    }
    add(stage, "Calls", &call);
    for a in attempts(story).iter().filter(|_| kind != Kind::NoRow) {
        let mut event = json!({
            "Event ID": a["attemptId"], "Call ID": story["callId"], "Method": "SMS", "Sent At": a["sentAt"],
            "Delivery Status": a["status"], "Attempt Number": a["attemptNumber"], "Message SID": a["sid"], "To": a["to"],
            "Contact": a["contactName"], "Reference": a["reference"], "Step": a["step"], "Round": a["round"],
        });
        if kind == Kind::RowBehind {
            event["Delivery Status"] = json!("sending");
            event["Message SID"] = Value::Null;
        }
        add(stage, "Dispatch Events", &event);
    }
}

/// Every call, told, and some of them taken or closed; what the engine knew of each.
fn lived(stage: &Stage) -> BTreeMap<String, (Kind, Value)> {
    let mut all = BTreeMap::new();
    for (kind, many) in CALLS {
        for n in 0..*many {
            let id = format!("{kind:?}-{n}").to_lowercase();
            stage.dispatch(&id, if *kind == Kind::NotDue { "normal" } else { "brisk" });
            all.insert(id, *kind);
        }
    }
    let mut stories = BTreeMap::new();
    for (id, kind) in all {
        let story = stage.delivered(&id, 1);
        let reference = text(&story, "reference");
        let story = match kind {
            Kind::TakenUnseen => {
                stage.reply(SAM, &format!("1 {reference}"));
                stage.until_call(&id, "is taken", |c| text(c, "status") == "ACKNOWLEDGED")
            }
            Kind::DoneUnseen => {
                stage.reply(SAM, &format!("{reference} done"));
                stage.until_call(&id, "is done", |c| text(c, "status") == "RESOLVED")
            }
            Kind::Taken | Kind::Closed => {
                let taken = kind == Kind::Taken;
                let body = if taken { json!({ "by": "dana", "contact": "sam" }) } else { json!({ "by": "dana" }) };
                let answer = stage.post(&format!("/api/calls/{id}/{}", if taken { "ack" } else { "resolve" }), &body);
                assert_eq!(answer.expect("an answer").status, 200, "{id}");
                stage.call(&id)
            }
            _ => story,
        };
        stories.insert(id, (kind, story));
    }
    stories
}

fn ids(doc: &Value, key: &str) -> BTreeSet<String> {
    doc[key].as_array().expect("a list").iter().map(|r| text(r, "callId").to_owned()).collect()
}

#[test]
fn fifty_calls_whose_disk_is_lost_go_on_and_nothing_is_doubled() {
    let stage = Stage::new(BEFORE);
    let serve = stage.serve();
    let lived = lived(&stage);
    serve.process.kill();
    let before = stage.ledger();
    for (kind, story) in lived.values() {
        mirrored(&stage, story, *kind);
    }
    for file in ["shop.db", "shop.db-wal", "shop.db-shm"] {
        let _ = std::fs::remove_file(stage.shop.path(file));
    }
    let config = std::fs::read_to_string(stage.shop.path("dispatchctl.toml")).expect("read");
    let brisk = config.replacen(
        r#"{ wait = "1h", notify = ["backup"] }, { wait = "1h", notify = ["owner"] }"#,
        r#"{ wait = "1s", notify = ["backup"] }, { wait = "1h", notify = ["owner"] }"#,
        1,
    );
    assert_ne!(brisk, config);
    stage.shop.write_config(&format!("{brisk}\n[airtable]\nverify = \"all\"\n"));

    let unasked = stage.shop.expect(2, &["recover", "--from-airtable"]);
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    let args = ["recover", "--from-airtable", "--older-than", "1s", "-o", "json"];
    let dry = stage.shop.expect(0, &[&args[..], &["--dry-run"]].concat()).json();
    let gone: BTreeSet<String> =
        lived.iter().filter(|(_, (k, _))| !matches!(k, Kind::Taken | Kind::Closed)).map(|(id, _)| id.clone()).collect();
    assert_eq!((ids(&dry, "plan"), &dry["carriedOut"]), (gone.clone(), &Value::Null), "{dry:#}");
    assert!(!stage.shop.path("shop.db").exists(), "a plan makes no store");
    assert_eq!(stage.ledger().creates(), before.creates(), "and sends nothing");
    let shown = stage.shop.expect(0, &["recover", "--from-airtable", "--dry-run"]).stdout;
    assert!(shown.contains("imported as ACKNOWLEDGED") && shown.contains("never reached Airtable"), "{shown}");

    let done = stage.shop.expect(0, &[&args[..], &["--yes"]].concat()).json();
    assert_eq!((ids(&done, "plan"), &done["carriedOut"]), (gone.clone(), &json!("here")), "{done:#}");
    assert_eq!(done["imported"].as_array().map(Vec::len), Some(gone.len()), "{done:#}");
    let again = stage.shop.expect(0, &[&args[..], &["--yes"]].concat()).json();
    assert_eq!(
        (ids(&again, "plan").len(), again["leftAlone"].as_array().map(Vec::len)),
        (0, Some(gone.len())),
        "{again:#}"
    );

    let _serve = stage.serve();
    let stories = until("nothing is under way", || {
        let stories = stage.stories();
        let waits = |a: &Value| matches!(text(a, "attemptState"), "scheduled" | "sending" | "retrying");
        stories.iter().all(|c| !attempts(c).iter().any(waits)).then_some(stories)
    });
    let ledger = stage.ledger();
    // What the base knew as taken or closed is not in this store; its texts are.
    let left =
        |(k, s): &(Kind, Value)| matches!(k, Kind::Taken | Kind::Closed).then(|| text(s, "reference").to_owned());
    let left: Vec<String> = lived.values().filter_map(left).collect();
    let mut wrong = ledger.wrongs(&stories);
    let of_others = |w: &str| left.iter().any(|r| w.starts_with(&format!("unexpected: {r}-")));
    // An attempt that had no row in the base has a new id: its message was sent under the one that is lost.
    let renamed = |w: &str| w.starts_with("unexpected: norow-") && w.contains("names attempt");
    wrong.retain(|w| !of_others(w) && !renamed(w));
    assert!(wrong.is_empty(), "{wrong:#?}");
    for story in &stories {
        let id = text(story, "callId");
        let (kind, was) = &lived[id];
        let first = &attempts(story)[0];
        if *kind != Kind::NoRow {
            assert_eq!(first["attemptId"], attempts(was)[0]["attemptId"], "{id}");
        }
        assert_eq!((&first["sid"], &story["reference"]), (&attempts(was)[0]["sid"], &was["reference"]), "{id}");
        let want = match kind {
            Kind::TakenUnseen => ("ACKNOWLEDGED", 1),
            Kind::DoneUnseen => ("RESOLVED", 1),
            Kind::NotDue => ("DISPATCHING", 1),
            _ => ("DISPATCHING", 2),
        };
        assert_eq!((text(story, "status"), attempts(story).len()), want, "{id}: {story:#}");
        assert_eq!(entries(story, "call.imported").len(), 1, "{id}: its log says how it was rebuilt");
        if *kind == Kind::NotDue {
            assert_eq!(story["nextFollowUpAt"], was["nextFollowUpAt"], "{id}");
        }
    }
    let texts = |phone: &str| ledger.texts_to(phone).len();
    assert_eq!((texts(SAM), texts(ANA)), (before.texts_to(SAM).len(), 22), "each overdue step once, nobody else");
}

#[test]
fn calls_of_another_system_are_taken_over_by_a_running_engine_once() {
    let stage = Stage::new("[airtable]\nadopt_every = \"500ms\"\n");
    stage.fault(&json!([{ "kind": "refuse", "on": "airtable_read", "status": 503, "times": 2 }]));
    add(
        &stage,
        "Calls",
        &json!({ "Call ID": "theirs-1", "Status": "DISPATCHING", "Caller Phone": "withheld",
        "Emergency Level": "normal", "Issue Summary": "Burst pipe" }),
    );
    add(&stage, "Calls", &json!({ "Status": "DISPATCHING", "Issue Summary": "A row without an id" }));
    let _serve = stage.serve();
    let known = || stage.get("/api/calls?limit=100")["calls"].as_array().map_or(0, Vec::len);
    until("it is taken over", || (known() == 1).then_some(()));
    let story = stage.delivered("theirs-1", 1);
    assert_eq!((text(&story, "createdBy"), state(&story, 1)), ("airtable", "delivered"));
    let asked = || stage.control("GET", "airtable", &Value::Null)["requests"]["total"].as_u64().unwrap_or_default();
    let from = asked();
    until("it has looked several times more", || (asked() >= from + 4).then_some(()));
    assert_eq!((known(), stage.ledger().texts().len()), (1, 1), "once");
    let alerts = stage.shop.expect(0, &["status", "-o", "json"]).json().to_string();
    assert_eq!(alerts.matches("its Call ID is empty").count(), 1, "{alerts}");
}

/// A disk that is lost this long after a dispatch that intake has made no row of; what `recover` said and did.
fn lost_after(after: u64) -> String {
    let stage = Stage::new(&format!("{}\n{BEFORE}", crate::mirror::AIRTABLE));
    let serve = stage.serve();
    stage.dispatch("c1", "brisk");
    let story = stage.delivered("c1", 1);
    let (accepted, reference) = (time(&story["acceptedAt"]), text(&story, "reference").to_owned());
    until_time(accepted.plus(seconds(after)));
    serve.process.kill();
    for file in ["shop.db", "shop.db-wal", "shop.db-shm"] {
        let _ = std::fs::remove_file(stage.shop.path(file));
    }
    let has = |table: &str| stage.base_rows(table).len();
    let (events, calls) = (has("Dispatch Events"), has("Calls"));
    let run = stage.shop.run(&["recover", "--from-airtable", "--older-than", "1s", "-o", "json", "--yes"]);
    let said = run.json();
    let named = said["problems"].as_array().map_or(0, Vec::len);
    if events == 0 {
        assert_eq!((run.code, named), (1, 1), "{after} s: {said:#}");
        assert!(text(&said["problems"][0], "what").contains(&reference), "{said:#}");
    } else {
        assert_eq!((run.code, ids(&said, "plan").len(), named), (0, 1, 0), "{after} s: {said:#}");
        let _serve = stage.serve();
        let story = stage.call("c1");
        assert_eq!(
            (text(&story, "status"), text(&story, "reference")),
            ("DISPATCHING", reference.as_str()),
            "{story:#}"
        );
        assert_eq!(stage.judge().len(), 1);
    }
    assert_eq!(stage.ledger().texts_to(SAM).len(), 1, "{after} s: he is not told again");
    let plan = ids(&said, "plan").len();
    format!(
        "lost after {after} s: {events} events, {calls} rows of calls: exit {}, {plan} rebuilt, {named} named",
        run.code
    )
}

#[test]
fn a_disk_that_is_lost_soon_after_a_dispatch_loses_no_call_unseen() {
    let seen: Vec<String> = std::thread::scope(|scope| {
        let all: Vec<_> = [0, 1, 8, 29, 31].map(|after| scope.spawn(move || lost_after(after))).into();
        all.into_iter().map(|one| one.join().expect("no panic")).collect()
    });
    report(&seen.join("\n"));
}
