//! The table of replies, acted on: what each does with no open call, with one, with two, after a stand-down and after "Which call?".
//!
//! `DISPATCHCTL_WRITE_TABLE=1` writes what is found into the table, for somebody to read.

use std::collections::BTreeMap;

use crate::domain::answers::Prompt;
use crate::domain::call::{CallState, CallStatus as S};
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event};
use crate::domain::types::Actor;
use crate::testing::harness::{CoreHarness, accepted};
use crate::testing::mins;
use crate::testing::replies::{TABLE, unescaped};

/// The columns of the reader stand before.
const FIRST: usize = 5;
/// The references of the two calls; the first is the one that the table's replies name.
const CODES: [&str; 2] = ["7K3Q", "4M8X"];

type Scene = (&'static str, fn() -> CoreHarness);
const SCENES: [Scene; 5] = [
    ("no call", CoreHarness::new),
    ("one call", || notified(1)),
    ("two calls", || notified(2)),
    ("after a stand-down", after_a_stand_down),
    ("after \"Which call?\"", after_which_call),
];

/// Sam was told of so many calls, five minutes apart, and has had the last text for five minutes.
fn notified(calls: usize) -> CoreHarness {
    let mut harness = CoreHarness::new();
    for (n, code) in CODES.iter().take(calls).enumerate() {
        harness.dispatch(&format!("c{n}"), "normal");
        harness.calls[n].call.reference = code.parse().expect("a reference");
        send(&mut harness);
        harness.now = harness.now.plus(mins(5));
    }
    harness
}

/// Every text has its own message, whatever its call.
fn send(harness: &mut CoreHarness) {
    let of = |c: &CallState| c.attempts.iter().filter(|a| a.state.is_waiting()).map(|a| a.id).collect::<Vec<_>>();
    let waiting: Vec<_> = harness.calls.iter().flat_map(of).collect();
    for attempt in waiting {
        let claim = Event::Claim { attempt, engine: "e".into(), provider_after: None };
        if matches!(harness.apply(claim), Answer::Send(_)) {
            let sent = harness.calls.iter().flat_map(|c| &c.attempts).filter(|a| a.sid.is_some()).count();
            let outcome = accepted(u32::try_from(sent).expect("few") + 1, "queued", None);
            harness.apply(Event::Sent { attempt, by: None, outcome });
        }
    }
}

/// The first call looks for somebody; the second was called off, and Sam was told that.
fn after_a_stand_down() -> CoreHarness {
    let mut harness = notified(2);
    let call = harness.calls[1].call.id.clone();
    harness.apply(Event::Decide { call, what: Decision::Cancel, by: Actor("mia".into()), note: None });
    send(&mut harness);
    harness.now = harness.now.plus(mins(5));
    harness
}

fn after_which_call() -> CoreHarness {
    let mut harness = notified(2);
    assert!(harness.reply(90, "sam", "1").starts_with("Which call?"));
    harness.now = harness.now.plus(mins(2));
    harness
}

fn did(before: &CallState, after: &CallState) -> Option<String> {
    let code = &after.call.reference;
    match (before.call.status, after.call.status) {
        (S::Dispatching, S::Acknowledged) => Some(format!("takes {code}")),
        (S::Dispatching, S::Resolved) => Some(format!("closes {code}")),
        (S::Dispatching, S::Deferred) => Some(format!("defers {code}")),
        (S::Dispatching, S::Dispatching) if before.call.excluded != after.call.excluded => {
            Some(format!("passes {code}"))
        }
        (from, to) => (from != to).then(|| format!("{code} is {to}")),
    }
}

/// What a reply of Sam's does here, in a word or two.
fn effect(scene: fn() -> CoreHarness, text: &str) -> String {
    let mut harness = scene();
    let before = harness.calls.clone();
    let answer = harness.reply(91, "sam", text);
    let row = harness.inbound.last().expect("it is kept");
    assert!(!row.waits, "{text:?}: nothing happened within the last minute");
    let moved: Vec<String> = before.iter().zip(&harness.calls).filter_map(|(b, a)| did(b, a)).collect();
    let what = match row.prompt {
        _ if !moved.is_empty() => moved.join(" and "),
        Some(Prompt::WhichToTake | Prompt::WhichToPass | Prompt::WhichIsDone | Prompt::WhichCanWait) => {
            "asks which".to_owned()
        }
        Some(Prompt::OneOrTwo | Prompt::Help) => "asks".to_owned(),
        None if answer.is_empty() => "nothing".to_owned(),
        None => "says how it stands".to_owned(),
    };
    let is_shown = harness.alerts.keys().any(|key| key.to_string().starts_with("unread-reply"));
    if is_shown { format!("{what}; a person reads it") } else { what }
}

#[test]
fn each_reply_of_the_table_does_what_it_says_there() {
    let mut table = csv::Reader::from_path(TABLE).expect("the table");
    let head: Vec<String> = table.headers().expect("a head").iter().take(FIRST).map(str::to_owned).collect();
    let rows: Vec<csv::StringRecord> = table.records().map(|r| r.expect("a row")).collect();
    let mut wrong = Vec::new();
    let mut found = vec![head.into_iter().chain(SCENES.map(|(name, _)| name.to_owned())).collect::<Vec<String>>()];
    for row in &rows {
        let text = unescaped(&row[1]);
        let mut line: Vec<String> = row.iter().take(FIRST).map(str::to_owned).collect();
        for (n, (name, scene)) in SCENES.iter().enumerate() {
            let effect = effect(*scene, &text);
            if row.get(FIRST + n) != Some(effect.as_str()) {
                wrong.push(format!("{:?}, {name}: {effect:?}, not {:?}", &row[1], row.get(FIRST + n)));
            }
            line.push(effect);
        }
        found.push(line);
    }
    if std::env::var_os("DISPATCHCTL_WRITE_TABLE").is_some() {
        let mut file = csv::Writer::from_path(TABLE).expect("writable");
        found.iter().for_each(|line| file.write_record(line).expect("written"));
        return file.flush().expect("written");
    }
    assert!(wrong.is_empty(), "{} cells of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// What holds of every row, whatever the table says.
#[test]
fn no_soft_word_moves_another_call_than_that_of_the_last_text_and_nothing_else_takes_one() {
    let mut table = csv::Reader::from_path(TABLE).expect("the table");
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for row in table.records() {
        let row = row.expect("a row");
        let (text, says) = (unescaped(&row[1]), row[2].to_owned());
        *seen.entry(says.clone()).or_default() += 1;
        for (name, scene) in SCENES {
            let effect = effect(scene, &text);
            let takes = effect.contains("takes ");
            match says.as_str() {
                "soft" => {
                    assert!(name == "one call" || !effect.contains(CODES[0]), "{text:?}, {name}: {effect}");
                    assert!(name != "after a stand-down" || !takes, "{text:?}, {name}: {effect}");
                }
                "other" | "quoted" | "opt-in" => assert!(!takes, "{text:?}, {name}: {effect}"),
                _ => {}
            }
            assert!(!text.contains('?') || !takes, "{text:?}, {name}: {effect}");
        }
    }
    assert!(seen.get("soft").is_some_and(|n| *n > 5) && seen.get("other").is_some_and(|n| *n > 5), "{seen:?}");
}
