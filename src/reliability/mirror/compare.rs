//! The whole of the shop's record against the whole of the store: pure. It shares the names of the fields with the program
//! that is judged, and nothing else: what each cell must hold is said here once more, from the documents that people read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::Airtable;

use super::super::documents::{list, text, time};
use crate::domain::Timestamp;

/// The shop's rows against the store, in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rows {
    /// Rows that the store says there must be: one an attempt, one a call.
    pub compared: usize,
    /// Of these, there is none.
    pub missing: usize,
    /// Of these, there are several.
    pub twins: usize,
    /// Of these, a cell says something else.
    pub differing: usize,
    /// Events that name an attempt which the store does not have.
    pub unexpected: usize,
    /// Rows that are none of ours: events without an id, calls of somebody else. No fault.
    pub foreign: usize,
}

impl Rows {
    /// How many break the promise.
    pub fn wrong(&self) -> usize {
        self.missing + self.twins + self.differing + self.unexpected
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.compared += other.compared;
        self.missing += other.missing;
        self.twins += other.twins;
        self.differing += other.differing;
        self.unexpected += other.unexpected;
        self.foreign += other.foreign;
    }

    /// The faults by name.
    pub fn faults(&self) -> [(&'static str, usize); 4] {
        [
            ("missing", self.missing),
            ("twins", self.twins),
            ("differing", self.differing),
            ("unexpected", self.unexpected),
        ]
    }

    /// As in the report.
    pub fn json(&self) -> Value {
        json!({
            "rows": self.compared, "missing": self.missing, "twins": self.twins, "differing": self.differing,
            "unexpected": self.unexpected, "foreign": self.foreign,
        })
    }

    /// In one line, without how sure that is.
    pub fn said(&self) -> String {
        let [_, rest @ ..] = self.faults();
        let rest: String = rest.iter().map(|(word, n)| format!(", {n} {word}")).collect();
        format!("Airtable: {} of {} rows missing{rest}", self.missing, self.compared)
    }
}

/// Figures, and what is wrong, one sentence each.
#[derive(Debug, Default)]
pub(in super::super) struct Compared {
    pub(in super::super) rows: Rows,
    pub(in super::super) wrong: Vec<String>,
}

/// What a cell must hold.
#[derive(Debug, PartialEq)]
enum ComparedCell {
    Empty,
    Text(String),
    Whole(i64),
    Moment(Timestamp),
    /// Anything but nothing.
    Some,
}

impl ComparedCell {
    fn text(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text.to_owned()) }
    }

    fn moment(v: &Value, key: &str) -> Self {
        time(v, key).map_or(Self::Empty, Self::Moment)
    }

    fn is(&self, found: &Value) -> bool {
        let nothing = matches!(found, Value::Null) || found.as_str().is_some_and(|t| t.trim().is_empty());
        match self {
            Self::Empty => nothing,
            Self::Some => !nothing,
            Self::Text(t) => shown(found).trim_end() == t.trim_end(),
            Self::Whole(n) => shown(found).parse::<f64>().is_ok_and(|f| f.to_string() == n.to_string()),
            Self::Moment(at) => found.as_str().and_then(|t| t.parse().ok()) == Some(*at),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Empty => "nothing".into(),
            Self::Some => "a sentence".into(),
            Self::Text(t) => t.clone(),
            Self::Whole(n) => n.to_string(),
            Self::Moment(at) => at.to_string(),
        }
    }
}

fn shown(v: &Value) -> String {
    match v {
        Value::Null => "nothing".into(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

/// What an attempt's row must hold, by our name of the field.
fn event_cell(call: &str, a: &Value, field: &str) -> ComparedCell {
    let whole = |key: &str| a.get(key).and_then(Value::as_i64).map_or(ComparedCell::Empty, ComparedCell::Whole);
    match field {
        "event_id" => ComparedCell::text(text(a, "attemptId")),
        "call_id" => ComparedCell::text(call),
        "method" if text(a, "channel").is_empty() => ComparedCell::text("SMS"),
        "method" if text(a, "channel") == "voice" => ComparedCell::text("Voice"),
        "method" => ComparedCell::text(&text(a, "channel").to_uppercase()),
        "sent_at" => ComparedCell::moment(a, "sentAt"),
        // The provider's word once it has the message, else ours.
        "delivery_status" if !text(a, "sid").is_empty() && !text(a, "status").is_empty() => {
            ComparedCell::text(text(a, "status"))
        }
        "delivery_status" => ComparedCell::text(text(a, "attemptState")),
        "attempt_number" => whole("attemptNumber"),
        "message_sid" => ComparedCell::text(text(a, "sid")),
        "error_code" => {
            let code = a.get("error").and_then(|e| e.get("code")).and_then(Value::as_i64);
            code.map_or(ComparedCell::Empty, |n| ComparedCell::Text(n.to_string()))
        }
        "to" => ComparedCell::text(text(a, "to")),
        "contact" => ComparedCell::text(text(a, "contactName")),
        "reference" => ComparedCell::text(text(a, "reference")),
        "step" => whole("step"),
        "round" => whole("round"),
        _ => ComparedCell::Some,
    }
}

/// What a call's row must hold.
fn call_cell(story: &Value, field: &str) -> ComparedCell {
    let data = |key: &str| ComparedCell::text(story.get("callData").map_or("", |d| text(d, key)));
    match field {
        "call_id" => ComparedCell::text(text(story, "callId")),
        "status" => ComparedCell::text(text(story, "status")),
        "caller_phone" => data("callerPhone"),
        "emergency_level" => match data("emergencyLevel") {
            ComparedCell::Empty => ComparedCell::text(text(story, "level")),
            given => given,
        },
        "issue_summary" => data("issueSummary"),
        "caller_name" => data("callerName"),
        "address" => data("address"),
        "twilio_to_number" => data("twilioToNumber"),
        "on_call_contact" => ComparedCell::text(&on_call(story)),
        "reference" => ComparedCell::text(text(story, "reference")),
        "accepted_at" => ComparedCell::moment(story, "acceptedAt"),
        _ => ComparedCell::moment(story, "nextFollowUpAt"),
    }
}

/// Who took it, else who was told last.
fn on_call(story: &Value) -> String {
    let notices = || list(story, "attempts").iter().rev().filter(|a| text(a, "kind") == "notice");
    let holder = text(story, "holder");
    let name = |a: &Value| text(a, "contactName").to_owned();
    match holder {
        "" => notices().next().map(name).unwrap_or_default(),
        id => notices().find(|a| text(a, "contact") == id).map_or_else(|| id.to_owned(), name),
    }
}

/// The records of a table by the value of their key; those without one apart. A record is one however often it was listed.
fn by_key<'a>(records: &'a [Value], key: &str) -> (BTreeMap<&'a str, Vec<&'a Value>>, usize) {
    let once: BTreeMap<&str, &Value> = records.iter().map(|r| (text(r, "id"), r)).collect();
    let (mut found, mut without): (BTreeMap<&str, Vec<&Value>>, usize) = (BTreeMap::new(), 0);
    for record in once.into_values() {
        match record.get("fields").map_or("", |f| text(f, key)) {
            "" => without += 1,
            id => found.entry(id).or_default().push(record),
        }
    }
    (found, without)
}

/// Looks at the one row of an id.
fn row(found: &mut Compared, what: &str, records: &[&Value], cells: impl Iterator<Item = (String, ComparedCell)>) {
    found.rows.compared += 1;
    match records {
        [] => {
            found.rows.missing += 1;
            found.wrong.push(format!("{what} has no row"));
        }
        [record] => {
            let fields = record.get("fields").unwrap_or(&Value::Null);
            let value = |name: &str| fields.get(name).unwrap_or(&Value::Null);
            let differing: Vec<String> = cells
                .filter(|(name, cell)| !cell.is(value(name)))
                .map(|(name, cell)| format!("{name} is {}, not {}", shown(value(&name)), cell.shown()))
                .collect();
            if !differing.is_empty() {
                found.rows.differing += 1;
                found.wrong.push(format!("{what}: {}", differing.join(", ")));
            }
        }
        several => {
            found.rows.twins += 1;
            found.wrong.push(format!("{what} has {} rows", several.len()));
        }
    }
}

/// Holds the records of both tables against the stories of all calls. `needs_row`: whether a call must have a row by now.
pub(in super::super) fn compare(
    names: &Airtable,
    stories: &[Value],
    events: &[Value],
    calls: &[Value],
    needs_row: impl Fn(&Value) -> bool,
) -> Compared {
    let mut found = Compared::default();
    let (mut events, without) = by_key(events, &names.events.event_id);
    found.rows.foreign += without;
    let (mut calls, without) = by_key(calls, &names.calls.call_id);
    found.rows.foreign += without;
    for story in stories {
        let id = text(story, "callId");
        for a in list(story, "attempts") {
            let records = events.remove(text(a, "attemptId")).unwrap_or_default();
            // An attempt that waits for its turn has a row once it leaves, or once it will not.
            if records.is_empty() && text(a, "sentAt").is_empty() && text(a, "finishedAt").is_empty() {
                continue;
            }
            let cells = names.events.pairs().into_iter().map(|(ours, n)| (n.to_owned(), event_cell(id, a, ours)));
            row(&mut found, &format!("the event of {} ({id})", text(a, "reference")), &records, cells);
        }
        let records = calls.remove(id).unwrap_or_default();
        if !records.is_empty() || needs_row(story) {
            let cells = names.calls.pairs().into_iter().map(|(ours, n)| (n.to_owned(), call_cell(story, ours)));
            row(&mut found, &format!("the call {id}"), &records, cells);
        }
    }
    for (id, records) in events {
        found.rows.unexpected += records.len();
        found.wrong.push(format!("an event names {id}, which the store does not have"));
    }
    found.rows.foreign += calls.values().map(Vec::len).sum::<usize>();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Airtable {
        let dir = tempfile::tempdir().expect("temp dir");
        let file = dir.path().join("dispatchctl.toml");
        std::fs::write(&file, "[airtable]\nverify = \"all\"\n").expect("written");
        let sources = crate::config::Sources {
            flag_config: Some(file),
            flag_store: Some(dir.path().join("drill.db").display().to_string()),
            flag_test_mode: true,
            cwd: dir.path().to_path_buf(),
            ..crate::config::Sources::default()
        };
        crate::config::load(&sources).unwrap_or_else(|e| panic!("{e}")).airtable.expect("a base")
    }

    fn story() -> Value {
        json!({ "callId": "c1", "status": "DISPATCHING", "reference": "7K3Q", "level": "normal",
            "acceptedAt": "2026-11-22T02:00:00.000Z", "nextFollowUpAt": "2026-11-22T02:02:00.000Z",
            "callData": { "callerPhone": "+19495550150", "issueSummary": "Burst pipe", "address": "12 Oak St" },
            "attempts": [{ "attemptId": "att_1", "attemptState": "delivered", "status": "delivered", "sid": "SM1", "kind": "notice",
                "attemptNumber": 1, "to": "+19495550101", "contact": "sam", "contactName": "Sam Ortiz", "reference": "7K3Q-1",
                "step": 1, "round": 1, "sentAt": "2026-11-22T02:00:00.010Z", "error": null }] })
    }

    fn event() -> Value {
        json!({ "id": "rec1", "fields": { "Event ID": "att_1", "Call ID": "c1", "Method": "SMS",
            "Sent At": "2026-11-22T02:00:00.010Z", "Delivery Status": "delivered", "Attempt Number": 1, "Message SID": "SM1",
            "Result": "Delivered to Sam Ortiz.", "To": "+19495550101", "Contact": "Sam Ortiz", "Reference": "7K3Q-1",
            "Step": 1, "Round": 1.0 } })
    }

    fn call() -> Value {
        json!({ "id": "rec2", "fields": { "Call ID": "c1", "Status": "DISPATCHING", "Caller Phone": "+19495550150",
            "Emergency Level": "normal", "Issue Summary": "Burst pipe", "Address": "12 Oak St", "On-Call Contact": "Sam Ortiz",
            "Reference": "7K3Q", "Accepted At": "2026-11-22T02:00:00Z", "Next Follow-Up At": "2026-11-22T02:02:00.000Z" } })
    }

    fn with(mut record: Value, id: &str, field: &str, value: Value) -> Value {
        record["id"] = id.into();
        record["fields"][field] = value;
        record
    }

    #[test]
    fn each_kind_of_fault_is_seen_and_nothing_else_is_one() {
        let names = names();
        let look = |events: &[Value], calls: &[Value]| {
            let found = compare(&names, &[story()], events, calls, |_| true);
            let r = found.rows;
            ([r.compared, r.missing, r.twins, r.differing, r.unexpected, r.foreign], found.wrong.join("; "))
        };
        let all = [event()];
        assert_eq!(look(&all, &[call()]), ([2, 0, 0, 0, 0, 0], String::new()));
        assert_eq!(look(&[event(), event()], &[call()]).0, [2, 0, 0, 0, 0, 0], "a record that is listed twice is one");
        assert_eq!(look(&[], &[]).0, [2, 2, 0, 0, 0, 0]);
        let twin = with(event(), "rec9", "Step", json!(1));
        assert_eq!(look(&[event(), twin], &[call(), with(call(), "rec8", "Status", json!("x"))]).0, [2, 0, 2, 0, 0, 0]);
        let stray = with(event(), "rec9", "Event ID", json!("att_9"));
        assert_eq!(look(&[event(), stray], &[call()]).0, [2, 0, 0, 0, 1, 0]);
        let theirs = json!({ "id": "rec7", "fields": { "Result": "Called Sam from my own phone" } });
        assert_eq!(look(&[event(), theirs], &[call(), with(call(), "rec8", "Call ID", json!("c9"))]).0[4..], [0, 2]);
        for (field, value) in [
            ("Call ID", json!("c2")),
            ("Delivery Status", json!("sent")),
            ("Attempt Number", json!(2)),
            ("Message SID", Value::Null),
            ("Error Code", json!("30006")),
            ("To", json!("+19495550102")),
            ("Contact", json!("Ana Reyes")),
            ("Sent At", json!("2026-11-22T02:00:01.010Z")),
            ("Result", json!("")),
            ("Round", Value::Null),
        ] {
            let (figures, said) = look(&[with(event(), "rec1", field, value)], &[call()]);
            assert!(figures == [2, 0, 0, 1, 0, 0] && said.contains(field), "{field}: {figures:?} {said}");
        }
        for field in ["Status", "On-Call Contact", "Next Follow-Up At", "Issue Summary"] {
            let (figures, said) = look(&all, &[with(call(), "rec2", field, json!("x"))]);
            assert!(figures == [2, 0, 0, 1, 0, 0] && said.contains(field), "{field}: {figures:?} {said}");
        }
        let mut waits = story();
        waits["attempts"][0]["sentAt"] = Value::Null;
        let waits = compare(&names, &[waits], &[], &[call()], |_| true);
        assert_eq!((waits.rows.compared, waits.rows.wrong()), (1, 0), "an attempt that has not left");
        let young = compare(&names, &[story()], &all, &[], |_| false);
        assert_eq!((young.rows.compared, young.rows.wrong()), (1, 0), "a call that needs no row yet");
    }

    #[test]
    fn the_figures_are_said_in_one_line_and_add_up() {
        let mut rows = Rows { compared: 10, missing: 1, twins: 2, differing: 3, unexpected: 4, foreign: 5 };
        assert_eq!(rows.said(), "Airtable: 1 of 10 rows missing, 2 twins, 3 differing, 4 unexpected");
        rows.add(&rows.clone());
        assert_eq!((rows.compared, rows.wrong(), rows.foreign), (20, 20, 10));
    }
}
