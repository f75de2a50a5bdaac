//! A history that is doctored in one way is found out in that way; one that is clean is clean; what is no history is an error.

use serde_json::{Value, json};

use crate::check::check;
use crate::history::{History, millis};

fn attempt(reference: &str, kind: &str, step: i64, to: &str) -> Value {
    json!({ "reference": reference, "attemptKind": kind, "state": "delivered", "to": to, "round": 1, "step": step,
        "contact": to, "repeats": null, "createdAt": "2026-01-01T02:00:00.000Z" })
}

fn text(sid: &str, at: &str, reference: &str, to: &str) -> Value {
    json!({ "kind": "text", "sid": sid, "at": format!("2026-01-01T02:{at}Z"), "to": to, "body": format!("{reference} Acme: leak") })
}

const SAM: &str = "+19495550101";
const ANA: &str = "+19495550102";

/// Two calls: one is told, reminded, passed on and taken back; of the other the answer to the client was lost.
fn clean() -> Vec<Value> {
    let step = |step: i64, due: &str| json!({ "round": 1, "step": step, "due": format!("2026-01-01T02:{due}Z"), "at": format!("2026-01-01T02:{due}Z") });
    let attempts = [
        attempt("7K3Q-1", "notice", 1, SAM),
        attempt("7K3Q-2", "notice", 2, SAM),
        attempt("7K3Q-3", "notice", 3, ANA),
        attempt("7K3Q-4", "stand-down", 1, SAM),
    ];
    vec![
        json!({ "kind": "history", "version": 1, "name": "storm", "seed": 7, "lateAfterMs": 30_000 }),
        json!({ "kind": "down", "from": "2026-01-01T02:02:00Z", "to": "2026-01-01T02:03:00Z" }),
        json!({ "kind": "asked", "call": "c1", "at": "2026-01-01T02:00:00Z", "answeredAt": "2026-01-01T02:00:01Z", "answer": 202 }),
        json!({ "kind": "asked", "call": "c2", "at": "2026-01-01T02:00:02Z", "answeredAt": "2026-01-01T02:00:03Z", "answer": null }),
        text("SM1", "00:01.250", "7K3Q-1", SAM),
        text("SM2", "03:10", "7K3Q-2", SAM),
        text("SM3", "05:00", "7K3Q-3", ANA),
        text("SM4", "06:00", "7K3Q-4", SAM),
        text("SM5", "00:04", "8M4R-1", SAM),
        json!({ "kind": "call", "call": "c1", "reference": "7K3Q", "status": "ACKNOWLEDGED", "attempts": attempts,
            "steps": [step(1, "00:00"), step(2, "02:00"), step(3, "05:00")], "doubted": [] }),
        json!({ "kind": "call", "call": "c2", "reference": "8M4R", "status": "DISPATCHING",
            "attempts": [attempt("8M4R-1", "notice", 1, SAM)], "steps": [step(1, "00:03")], "doubted": [] }),
        json!({ "kind": "end", "lines": 12 }),
    ]
}

fn file(lines: &[Value]) -> String {
    lines.iter().map(|l| format!("{l}\n")).collect()
}

/// The history, after it was doctored; the last line counts again.
fn doctored(change: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut lines = clean();
    change(&mut lines);
    let last = lines.len();
    lines[last - 1]["lines"] = json!(last);
    file(&lines)
}

type Doctor = Box<dyn FnOnce(&mut Vec<Value>)>;

#[track_caller]
fn wrongs(file: &str) -> Vec<(&'static str, String)> {
    check(&History::parse(file.as_bytes()).expect("a history")).wrongs
}

#[test]
fn a_clean_history_is_clean() {
    assert_eq!(wrongs(&file(&clean())), []);
}

#[test]
fn what_was_doctored_by_hand_is_found_out() {
    let cases: Vec<(&str, &str, &str, Doctor)> = vec![
        (
            "lost",
            "c1 was accepted, and nobody knows it",
            "the call is gone",
            Box::new(|l| {
                l.remove(9);
                l.drain(4..8);
            }),
        ),
        ("lost", "7K3Q-3 is delivered, and there is no text", "a text is gone", Box::new(|l| drop(l.remove(6)))),
        (
            "lost",
            "c2: nobody was told",
            "nothing was tried",
            Box::new(|l| {
                l[10]["attempts"] = json!([]);
                l.remove(8);
            }),
        ),
        (
            "doubled",
            "7K3Q-1 has 2 texts",
            "a text twice",
            Box::new(|l| {
                l.insert(5, text("SM9", "00:02", "7K3Q-1", SAM));
            }),
        ),
        (
            "doubled",
            "7K3Q-2 tells",
            "a step twice",
            Box::new(|l| {
                l[9]["attempts"][1]["step"] = json!(1);
                l[5]["at"] = json!("2026-01-01T02:00:05Z");
            }),
        ),
        (
            "doubled",
            "7K3Q-2 repeats 7K3Q-1",
            "a repeat for nothing",
            Box::new(|l| l[9]["attempts"][1]["repeats"] = json!("7K3Q-1")),
        ),
        (
            "late",
            "7K3Q-3 left 31000 ms",
            "it left late",
            Box::new(|l| {
                l[6]["at"] = json!("2026-01-01T02:05:31Z");
            }),
        ),
        ("late", "7K3Q-2 left 70000 ms", "nothing was down", Box::new(|l| drop(l.remove(1)))),
        (
            "out of order",
            "7K3Q-1 left before the call",
            "before it was asked",
            Box::new(|l| {
                l[4]["at"] = json!("2026-01-01T01:59:59Z");
            }),
        ),
        (
            "out of order",
            "7K3Q-2 left before 7K3Q-1",
            "the reminder first",
            Box::new(|l| {
                l[5]["at"] = json!("2026-01-01T02:00:01Z");
            }),
        ),
        (
            "out of order",
            "7K3Q-4 left before 7K3Q-2",
            "taken back before it was told",
            Box::new(|l| {
                l[7]["at"] = json!("2026-01-01T02:03:00Z");
            }),
        ),
        (
            "unexpected",
            "9ZZZ-1",
            "a text of nobody",
            Box::new(|l| {
                l.insert(5, text("SM9", "00:02", "9ZZZ-1", SAM));
            }),
        ),
        (
            "unexpected",
            "7K3Q-3 is skipped, and there is a text",
            "it left after all",
            Box::new(|l| l[9]["attempts"][2]["state"] = json!("skipped")),
        ),
        ("unexpected", "7K3Q-3 went to another phone", "to somebody else", Box::new(|l| l[6]["to"] = json!(SAM))),
        ("unexpected", "SM1 is accepted twice", "a SID twice", Box::new(|l| l[5]["sid"] = json!("SM1"))),
    ];
    for (kind, said, label, change) in cases {
        let found = wrongs(&doctored(change));
        assert!(found.len() == 1 && found[0].0 == kind && found[0].1.contains(said), "{label}: {found:?}");
    }
}

#[test]
fn a_repeat_of_what_was_in_doubt_is_no_second_text() {
    let found = wrongs(&doctored(|l| {
        l[9]["attempts"][1]["repeats"] = json!("7K3Q-1");
        l[9]["doubted"] = json!(["7K3Q-1"]);
    }));
    assert_eq!(found, []);
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_no_history() {
    let whole = file(&clean());
    // The newline behind the last line says nothing.
    for at in 0..whole.len() - 1 {
        let cut = History::parse(&whole.as_bytes()[..at]);
        assert!(cut.is_err(), "cut off at byte {at}: {cut:?}");
    }
    let first_two: String = whole.lines().take(2).map(|l| format!("{l}\n")).collect();
    assert_eq!(
        History::parse(first_two.as_bytes()).unwrap_err(),
        "is cut off: line 2 is the last and is not of kind \"end\""
    );
}

#[test]
fn a_hostile_file_is_told_what_is_wrong_with_it() {
    let deep = format!("{}\n", "[".repeat(100_000));
    let long = format!("{{\"kind\":\"{}\"}}\n", "x".repeat(5 << 20));
    let with = |n: usize, key: &str, value: Value| doctored(|l| l[n][key] = value);
    for (file, want) in [
        (String::new(), "is empty"),
        ("\u{0}".into(), "line 1: is no JSON"),
        ("[]\n".into(), "line 1: is no object"),
        ("{}\n".into(), "line 1: \"kind\" is no string"),
        (deep, "line 1: is no JSON: recursion limit"),
        (long, "line 1: is longer than"),
        ("{\"kind\":\"end\",\"lines\":1}\n".into(), "line 1: the first line alone"),
        (with(0, "version", json!(2)), "line 1: version 2 is not known"),
        (with(4, "kind", json!("sms")), "line 5: \"sms\" is no kind of line"),
        (with(4, "at", json!("yesterday")), "line 5: \"at\" is no time in UTC: \"yesterday\""),
        (with(4, "at", json!("99999999999-01-01T00:00:00Z")), "line 5: \"at\" is no time"),
        (with(4, "to", json!(7)), "line 5: \"to\" is no string"),
        (with(2, "answer", json!("yes")), "line 3: \"answer\" is no whole number"),
        (with(9, "attempts", json!([1])), "line 10: \"attempts\" holds something else than objects"),
        (with(9, "doubted", json!([1])), "line 10: \"doubted\" holds"),
        (format!("{}{{\"kind\":\"end\",\"lines\":13}}\n", file(&clean())), "line 13: comes after the end"),
        (
            doctored(|l| drop(l.remove(5))).replace("\"lines\":11", "\"lines\":12"),
            "line 11: says that there are 12 lines",
        ),
    ] {
        let error = History::parse(file.as_bytes()).expect_err(want);
        assert!(error.contains(want), "{error:?} is not {want:?}");
    }
    assert!(History::parse(b"\xff\xfe").unwrap_err().contains("is not UTF-8 from byte 0 on"));
}

#[test]
fn times_are_read_to_the_millisecond() {
    for (text, want) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2026-03-01T12:30:45.250Z", Some(1_772_368_245_250)),
        ("2024-02-29T00:00:00.000Z", Some(1_709_164_800_000)),
        ("2026-01-01T00:00:00", None),
        ("2026-01-01T00:00:00+01:00", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-01-01T24:00:00Z", None),
        ("2026-01-01T00:00:-1Z", None),
    ] {
        assert_eq!(millis(text), want, "{text}");
    }
}
