//! The real engine beside the sandbox's base: what happened is there, proven, and a comparison sees whatever is not.

use std::time::Duration;

use dispatchctl::testkit::store::{self, MirrorFigures, StoreMode, StoreSettings};
use serde_json::{Value, json};

use crate::support::Shop;
use crate::support::stage::{Stage, state, text};
use crate::support::wait::{later_ms, now, time, until, until_time};

/// The base of the sandbox, with room for commands beside the engine.
pub(crate) const AIRTABLE: &str = r#"
[airtable]
requests_per_second = 3
"#;
const LADDERS: &str = r#"
[policies.once]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
"#;
const EVENTS: &str = "Dispatch Events";

impl Stage {
    /// The rows of a table of the base.
    pub(crate) fn base_rows(&self, table: &str) -> Vec<Value> {
        self.base()["rows"][table].as_array().cloned().unwrap_or_default()
    }

    fn base(&self) -> Value {
        self.control("GET", "airtable", &Value::Null)
    }

    /// The rows of an event.
    pub(crate) fn rows_of(&self, event: &str) -> Vec<Value> {
        self.base_rows(EVENTS).into_iter().filter(|r| r["fields"]["Event ID"] == event).collect()
    }

    /// Does something by hand.
    pub(crate) fn by_hand(&self, action: &Value) -> Value {
        self.control("POST", "airtable", action)
    }

    /// The mirror's figures, from the store.
    pub(crate) fn mirror_figures(&self) -> MirrorFigures {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let settings = StoreSettings::of(self.shop.path("shop.db").as_path(), StoreMode::Test);
        let _in = runtime.enter();
        let store = store::open(settings).expect("the store");
        runtime.block_on(store.mirror_figures()).expect("read")
    }

    /// Waits until the base has the event so, and nothing is unproven.
    pub(crate) fn until_proven(&self, event: &str, word: &str) -> Value {
        until(&format!("{event} is {word} in the base, proven"), || {
            let rows = self.rows_of(event);
            let is_so = rows.len() == 1 && rows[0]["fields"]["Delivery Status"] == word;
            (is_so && self.mirror_figures().unverified == 0).then(|| rows[0].clone())
        })
    }

    fn verify(&self, code: i32, more: &[&str]) -> Value {
        self.shop.expect(code, &[&["verify-events", "-o", "json"], more].concat()).json()
    }
}

fn stage() -> Stage {
    Stage::new(&format!("{AIRTABLE}\n{LADDERS}"))
}

fn event_of(call: &Value) -> String {
    text(&call["attempts"][0], "attemptId").to_owned()
}

fn kinds(report: &Value) -> Vec<(String, String)> {
    let all = report["findings"].as_array().cloned().unwrap_or_default();
    let mut kinds: Vec<_> = all.iter().map(|f| (text(f, "kind").to_owned(), text(f, "callId").to_owned())).collect();
    kinds.sort();
    kinds
}

#[test]
fn an_event_is_in_the_base_and_proven_within_five_seconds_and_the_rate_is_kept() {
    let stage = stage();
    let _serve = stage.serve();
    stage.dispatch("c1", "once");
    let call = stage.delivered("c1", 1);
    let event = event_of(&call);
    let row = stage.until_proven(&event, "delivered");
    let took = later_ms(now(), time(&call["acceptedAt"]));
    assert!(took < 5_000, "{took} ms after it was accepted");
    let fields = &row["fields"];
    assert_eq!((text(fields, "Call ID"), text(fields, "Method"), text(fields, "Contact")), ("c1", "SMS", "Sam Ortiz"));
    assert_eq!(text(fields, "Message SID"), text(&call["attempts"][0], "sid"));
    assert_eq!((fields["Attempt Number"].as_i64(), fields["Step"].as_i64()), (Some(1), Some(1)));
    assert_eq!(text(fields, "Result"), "Delivered to Sam Ortiz.");
    for n in 2..8 {
        stage.dispatch(&format!("c{n}"), "once");
    }
    until("all are there, proven", || {
        let rows = stage.base_rows(EVENTS);
        let all = rows.len() == 7 && rows.iter().all(|r| r["fields"]["Delivery Status"] == "delivered");
        (all && stage.mirror_figures().unverified == 0).then_some(())
    });
    let requests = &stage.base()["requests"];
    assert!(requests["maxPerSecond"].as_u64().is_some_and(|n| n <= 5), "{requests}");
    assert_eq!(requests["tooMany"], 0);
    let airtable = stage.get("/health")["checks"][3].clone();
    assert_eq!(airtable, json!({ "name": "airtable", "status": "ok" }));
    assert_eq!(stage.verify(0, &[])["equal"], 7);
}

#[test]
fn a_comparison_finds_each_kind_of_fault_and_a_repair_mends_all_but_what_is_not_ours() {
    let stage = stage();
    let serve = stage.serve();
    let calls = ["gone", "edited", "twin", "well"];
    for call in calls {
        // Intake's own row: nobody waits for it.
        let fields = json!({ "Call ID": call, "Status": "DISPATCHING" });
        stage.by_hand(&json!({ "do": "add_record", "table": "Calls", "fields": fields }));
        stage.dispatch(call, "once");
    }
    let rows = calls.map(|call| stage.until_proven(&event_of(&stage.delivered(call, 1)), "delivered"));
    let id = |n: usize| text(&rows[n], "id").to_owned();
    assert_eq!(kinds(&stage.verify(0, &[])), []);
    let break_it = || {
        stage.by_hand(&json!({ "do": "delete_record", "table": EVENTS, "id": id(0) }));
        let fields = json!({ "Delivery Status": "failed" });
        stage.by_hand(&json!({ "do": "edit_record", "table": EVENTS, "id": id(1), "fields": fields }));
        stage.by_hand(&json!({ "do": "duplicate_record", "table": EVENTS, "id": id(2) }));
    };
    break_it();
    let foreign = json!({ "Call ID": "by hand", "Result": "Called Sam from my own phone" });
    stage.by_hand(&json!({ "do": "add_record", "table": EVENTS, "fields": foreign }));

    let report = stage.verify(1, &[]);
    let pair = |kind: &str, call: &str| (kind.to_owned(), call.to_owned());
    let all = [pair("different", "edited"), pair("foreign", "by hand"), pair("missing", "gone"), pair("twin", "twin")];
    assert_eq!(kinds(&report), all);
    assert_eq!((&report["compared"], &report["equal"]), (&json!(4), &json!(1)));
    let edited = report["findings"].as_array().and_then(|a| a.iter().find(|f| f["kind"] == "different")).cloned();
    let field = &edited.expect("found")["fields"][0];
    assert_eq!(
        (text(field, "field"), text(field, "expected"), text(field, "actual")),
        ("Delivery Status", "`delivered`", "`failed`")
    );
    assert_eq!(kinds(&stage.verify(1, &["--call", "edited"])), [pair("different", "edited")]);
    assert_eq!(kinds(&stage.verify(0, &["--call", "well"])), []);
    assert_eq!(kinds(&stage.verify(0, &["--since", "2036-11-22T00:00:00Z"])), [pair("foreign", "by hand")]);
    let table = stage.shop.expect(1, &["verify-events"]).stdout;
    for word in ["missing", "different", "twin", "foreign", "--repair", "4 dispatch events compared: 1 equal, 3 not"] {
        assert!(table.contains(word), "{word}: {table}");
    }

    let repaired = stage.verify(0, &["--repair"]);
    assert_eq!((kinds(&repaired).len(), &repaired["remaining"]), (4, &json!([])));
    assert_eq!(kinds(&stage.verify(0, &[])), [pair("foreign", "by hand")]);
    let twin = stage.rows_of(text(&rows[2]["fields"], "Event ID"));
    assert_eq!((twin.len(), text(&twin[0], "id").to_owned()), (1, id(2)), "the oldest stays");
    assert_eq!(stage.base_rows(EVENTS).len(), 5, "what is foreign is left alone");

    // The same with no engine: the command is it for that long.
    serve.process.kill();
    let gone = stage.rows_of(text(&rows[0]["fields"], "Event ID"));
    stage.by_hand(&json!({ "do": "delete_record", "table": EVENTS, "id": gone[0]["id"] }));
    stage.by_hand(&json!({ "do": "duplicate_record", "table": EVENTS, "id": id(2) }));
    assert_eq!(kinds(&stage.verify(1, &[])).len(), 3);
    assert_eq!(stage.verify(0, &["--repair"])["remaining"], json!([]));
    assert_eq!(kinds(&stage.verify(0, &[])), [pair("foreign", "by hand")]);
    let _serve = stage.serve();
    assert_eq!(state(&stage.call("gone"), 1), "delivered");
}

#[test]
fn a_call_without_its_row_or_with_another_status_is_found_and_mended() {
    let stage = stage();
    let _serve = stage.serve();
    for call in ["gone", "edited"] {
        let fields = json!({ "Call ID": call, "Status": "DISPATCHING" });
        stage.by_hand(&json!({ "do": "add_record", "table": "Calls", "fields": fields }));
        stage.dispatch(call, "once");
    }
    let mut last = now();
    for call in ["gone", "edited"] {
        let story = stage.delivered(call, 1);
        stage.until_proven(&event_of(&story), "delivered");
        last = time(&story["acceptedAt"]).max(last);
    }
    let report = stage.verify(0, &[]);
    assert_eq!((&report["callsCompared"], &report["callsEqual"]), (&json!(2), &json!(2)), "{report:#}");
    let row_of = |call: &str| {
        let rows = stage.base_rows("Calls").into_iter();
        rows.filter(|r| r["fields"]["Call ID"] == call).collect::<Vec<_>>()
    };
    let id = |call: &str| row_of(call)[0]["id"].clone();
    let fields = json!({ "Status": "RESOLVED" });
    stage.by_hand(&json!({ "do": "edit_record", "table": "Calls", "id": id("edited"), "fields": fields }));
    stage.by_hand(&json!({ "do": "delete_record", "table": "Calls", "id": id("gone") }));
    // A row that intake may still make is not missing.
    until_time(last.plus(Duration::from_secs(36)));
    let report = stage.verify(1, &[]);
    let pair = |kind: &str, call: &str| (kind.to_owned(), call.to_owned());
    assert_eq!(kinds(&report), [pair("different", "edited"), pair("missing", "gone")], "{report:#}");
    assert!(report["findings"].as_array().is_some_and(|all| all.iter().all(|f| f["table"] == "calls")), "{report:#}");
    let shown = stage.shop.expect(1, &["verify-events", "--call", "gone"]).stdout;
    assert!(shown.contains("Calls has no row of this call") && shown.contains("1 call compared: 0 equal"), "{shown}");
    assert_eq!(stage.verify(0, &["--repair"])["remaining"], json!([]));
    for call in ["gone", "edited"] {
        let rows = row_of(call);
        assert_eq!((rows.len(), text(&rows[0]["fields"], "Status")), (1, "DISPATCHING"), "{call}");
    }
}

#[test]
fn a_base_that_is_away_holds_up_no_dispatch_and_catches_up() {
    let stage = stage();
    stage.fault(&json!([{ "kind": "away", "on": "airtable" }]));
    let _serve = stage.serve();
    stage.dispatch("c1", "once");
    let event = event_of(&stage.delivered("c1", 1));
    until("health says what the base says", || {
        let checks = stage.get("/health")["checks"].clone();
        (checks[3]["status"] == "degraded").then_some(())
    });
    assert_eq!(stage.base_rows(EVENTS).len(), 0);
    assert!(stage.mirror_figures().waiting > 0);
    stage.clear_faults();
    until("it catches up", || (stage.rows_of(&event).len() == 1).then_some(()));
    stage.until_proven(&event, "delivered");
}

#[test]
fn without_a_base_there_is_nothing_to_compare_with_and_the_way_to_one_is_said() {
    let shop = Shop::new();
    shop.send("c1", &[]);
    let run = shop.expect(2, &["verify-events"]);
    assert!(run.stderr.contains("no Airtable base is configured") && run.stderr.contains("[airtable]"), "{run:?}");
}

#[test]
fn a_base_with_the_required_columns_alone_is_equal() {
    let stage = stage();
    for (table, fields) in [
        (EVENTS, &["To", "Contact", "Reference", "Step", "Round"][..]),
        ("Calls", &["Caller Name", "Address", "Reference", "Accepted At", "Next Follow-Up At"]),
    ] {
        for field in fields {
            stage.by_hand(&json!({ "do": "drop_field", "table": table, "field": field }));
        }
    }
    let _serve = stage.serve();
    stage.dispatch("c1", "once");
    let call = stage.delivered("c1", 1);
    stage.until_proven(&event_of(&call), "delivered");
    // Its row in Calls is the intake's to make; the engine makes it where nobody has after half a minute.
    until("its row in Calls", || (stage.verify(0, &[])["callsEqual"] == 1).then_some(()));
    for more in [&[][..], &["--call", "c1"], &["--repair"]] {
        let seen = stage.verify(0, more);
        assert_eq!((&seen["equal"], &seen["callsEqual"]), (&json!(1), &json!(1)), "{more:?}: {seen:#}");
        let skipped_rows = ["Accepted At", "Contact", "Next Follow-Up At", "Reference", "Round", "Step", "To"];
        assert_eq!(seen["leftOut"], json!(skipped_rows), "{more:?}: {seen:#}");
    }
}
