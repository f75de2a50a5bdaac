//! What a plan makes of what was found: where the ladder goes on, who is out, what nobody knows of, which rows count.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::books::Books;
use super::hand_made::{
    FIRST, Line, OTHER, SECOND, Way::Answered, Way::Told, Way::Wrote, at, call, event, id, message, of_one, old_event,
    planned, sid, snapshot,
};
use crate::config::{BaseMaps, ValueMap};
use crate::domain::attempt::Channel;
use crate::domain::call::ExclusionReason::{self, Failed, Passed};
use crate::domain::team::Line as TeamLine;
use crate::domain::types::ErrorCode;
use crate::engine::layout::Layouts;
use crate::engine::rebuild::plan::PlannedAction::{Ends, GoesOn, Waits};
use crate::engine::rebuild::rows::{DEFERRED, DISPATCHING};
use crate::engine::rebuild::{
    Base, BaseReader, BaseSnapshot, CallRow, EventRow, OLDER_THAN, read_rows, rowless, words,
};
use crate::gateways::MessageRecord;
use crate::gateways::airtable::Fields;
use crate::testing::{base, fixtures, mins};

const BY_HAND: &str = "+19495550188";

/// The row of a text that did not arrive.
fn failed(n: u32, who: &str, code: u32) -> EventRow {
    EventRow { status: "undelivered".to_owned(), error_code: Some(ErrorCode(code)), ..event(n, who, u64::from(n)) }
}

#[test]
fn a_call_that_was_handed_back_begins_a_new_round_at_once_unless_that_round_told_somebody() {
    // A follow-up of before the hand-back says nothing of the new round.
    let with_time = |mut snapshot: BaseSnapshot| {
        snapshot.calls[0].next_follow_up_at = Some(at(250));
        snapshot
    };
    let back: &[Line<'_>] = &[
        (Told, "sam", 0, FIRST),
        (Answered, "sam", 100, "7K3Q is yours."),
        (Answered, "sam", 200, "7K3Q is handed back."),
    ];
    // Ana's notice was under way when Sam took it.
    let under_way: &[Line<'_>] = &[
        (Told, "sam", 0, FIRST),
        (Answered, "sam", 100, "7K3Q is yours."),
        (Told, "ana", 101, SECOND),
        (Answered, "sam", 102, "7K3Q is handed back."),
    ];
    let round_2 = vec![event(1, "sam", 0), EventRow { round: Some(2), ..event(2, "ana", 203) }];
    let told: &[Line<'_>] = &[(Answered, "sam", 150, "7K3Q is yours."), (Answered, "sam", 200, "7K3Q is handed back.")];
    for (label, snapshot, want) in [
        ("nobody was told since", with_time(of_one(Vec::new(), back)), (2, 0, Some(at(200)))),
        ("a text was under way", of_one(Vec::new(), under_way), (2, 0, Some(at(102)))),
        ("its first step is done", of_one(round_2, told), (2, 1, Some(at(323)))),
    ] {
        let plan = planned(&snapshot);
        let (row, call) = (&plan.rows[0], &plan.rows[0].import.state.call);
        assert_eq!((call.round, call.next_step, row.at), want, "{label}: {row:?}");
        let out: Vec<_> = call.excluded.iter().map(|o| (o.contact.as_str(), o.why)).collect();
        assert_eq!((row.what, out), (GoesOn, vec![("sam", Passed)]), "{label}");
    }
}

#[test]
fn the_ladder_goes_on_behind_the_last_step_of_its_round_and_ends_behind_the_last_resort() {
    let step = |n, round, step, when| EventRow { round: Some(round), step: Some(step), ..event(n, "sam", when) };
    for (label, rows, what, want) in [
        ("the first step", vec![step(1, 1, 1, 0)], GoesOn, (1, 1, Some(at(120)))),
        ("the last step", vec![step(1, 1, 4, 0)], Ends, (1, 4, Some(at(600)))),
        ("the last resort", vec![step(1, 1, 5, 0)], Ends, (1, 5, Some(at(600)))),
        ("a step that no ladder has", vec![step(1, 1, 40, 0)], Ends, (1, 4, Some(at(600)))),
        ("a step whose text went again", vec![step(1, 1, 1, 0), step(2, 1, 1, 60)], GoesOn, (1, 1, Some(at(120)))),
        ("the same step of two rounds", vec![step(1, 1, 1, 0), step(2, 2, 1, 100)], GoesOn, (2, 1, Some(at(220)))),
        ("an early step of a later round", vec![step(1, 1, 3, 0), step(2, 2, 1, 100)], GoesOn, (2, 1, Some(at(220)))),
    ] {
        let plan = planned(&of_one(rows, &[]));
        let (row, call) = (&plan.rows[0], &plan.rows[0].import.state.call);
        assert_eq!((row.what, (call.round, call.next_step, row.at)), (what, want), "{label}: {row:?}");
    }
}

#[test]
fn a_follow_up_time_of_the_row_counts_where_it_is_later_than_the_last_step_and_near_what_is_due() {
    // Told at 0; the next step is due two minutes later.
    for (cell, want) in [(None, 120), (Some(110), 110), (Some(125), 125), (Some(0), 120), (Some(3_720), 3_720)] {
        let mut snapshot = of_one(vec![event(1, "sam", 0)], &[]);
        snapshot.calls[0].next_follow_up_at = cell.map(at);
        assert_eq!(planned(&snapshot).rows[0].at, Some(at(want)), "{cell:?}");
    }
    let mut snapshot = of_one(vec![event(1, "sam", 0)], &[]);
    snapshot.calls[0].next_follow_up_at = Some(at(3_721));
    assert_eq!(planned(&snapshot).rows[0].at, Some(at(120)), "that far off it was not ours");
}

#[test]
fn somebody_was_told_when_the_first_notice_left_that_did_not_fail() {
    let stand_down = EventRow { result: "Stand-down: delivered to Sam Ortiz.".to_owned(), ..event(1, "sam", 0) };
    let unknown = EventRow { status: "unknown".to_owned(), sid: None, ..event(1, "sam", 0) };
    let sent = EventRow { status: "sent".to_owned(), ..event(1, "sam", 0) };
    for (label, rows, told) in [
        ("none", Vec::new(), None),
        ("one that failed", vec![failed(1, "sam", 30_003)], None),
        ("one of which nobody knows", vec![unknown], None),
        ("a stand-down alone", vec![stand_down], None),
        ("one under way", vec![sent], Some(0)),
        ("one that failed and one that arrived", vec![failed(1, "sam", 30_003), event(2, "ana", 20)], Some(20)),
        ("two", vec![event(1, "ana", 20), event(2, "sam", 10)], Some(10)),
    ] {
        let plan = planned(&of_one(rows, &[]));
        assert_eq!(plan.rows[0].import.state.call.notified_at, told.map(at), "{label}: {:?}", plan.rows[0]);
    }
}

#[test]
fn out_is_who_passed_and_whose_number_failed_for_good_in_this_round_each_once() {
    let sms = Some(Channel::Sms);
    let passes: &[Line<'_>] = &[(Answered, "sam", 100, "Noted: 7K3Q goes on.")];
    let later = EventRow { round: Some(2), ..event(2, "ana", 60) };
    type Out<'a> = Vec<(&'a str, ExclusionReason, Option<Channel>)>;
    let cases: [(&str, Vec<EventRow>, &[Line<'_>], Out<'_>); 7] = [
        ("a number that is none", vec![failed(1, "sam", 30_005)], &[], vec![("sam", Failed, sms)]),
        ("a phone that is off", vec![failed(1, "sam", 30_003)], &[], vec![]),
        ("twice", vec![failed(1, "sam", 30_005), failed(2, "sam", 30_005)], &[], vec![("sam", Failed, sms)]),
        (
            "two people",
            vec![failed(1, "sam", 30_005), failed(2, "ana", 30_005)],
            &[],
            vec![("sam", Failed, sms), ("ana", Failed, sms)],
        ),
        ("in the round before", vec![failed(1, "sam", 30_005), later], &[], vec![]),
        ("who passed", vec![event(1, "sam", 0)], passes, vec![("sam", Passed, None)]),
        ("who passed too", vec![failed(1, "sam", 30_005)], passes, vec![("sam", Passed, None)]),
    ];
    for (label, rows, lines, want) in cases {
        let plan = planned(&of_one(rows, lines));
        let call = &plan.rows[0].import.state.call;
        let out: Out<'_> = call.excluded.iter().map(|o| (o.contact.as_str(), o.why, o.channel)).collect();
        assert_eq!(out, want, "{label}");
    }
}

#[test]
fn a_number_given_by_hand_is_the_only_one_to_tell_where_it_alone_was_told_in_several_steps() {
    let at_step = |n, who, step| EventRow { step: Some(step), ..event(n, who, u64::from(n)) };
    let stand_down = EventRow { result: "Stand-down: delivered to Sam Ortiz.".to_owned(), ..event(2, "sam", 60) };
    for (label, rows, want) in [
        ("once", vec![event(1, BY_HAND, 0)], Some((BY_HAND, false))),
        ("its text went again", vec![event(1, BY_HAND, 0), event(2, BY_HAND, 60)], Some((BY_HAND, false))),
        ("in two steps", vec![event(1, BY_HAND, 0), at_step(2, BY_HAND, 2)], Some((BY_HAND, true))),
        (
            "in two rounds",
            vec![event(1, BY_HAND, 0), EventRow { round: Some(2), ..event(2, BY_HAND, 60) }],
            Some((BY_HAND, true)),
        ),
        ("then Sam was told", vec![event(1, BY_HAND, 0), at_step(2, "sam", 2)], None),
        ("then Sam was stood down", vec![event(1, BY_HAND, 0), stand_down], Some((BY_HAND, false))),
        ("a configured number", vec![event(1, "sam", 0), at_step(2, "sam", 2)], None),
    ] {
        let plan = planned(&of_one(rows, &[]));
        let overridden = plan.rows[0].import.state.call.overridden.as_ref();
        assert_eq!(overridden.map(|o| (o.recipient.phone.e164(), o.only)), want, "{label}");
    }
}

#[test]
fn whom_a_row_names_is_told_first_unless_the_row_is_ours_which_names_whom_we_told_last() {
    let unreferenced = || EventRow { reference: None, ..event(1, "sam", 0) };
    for (label, reference, rows, want) in [
        ("another system's row", "", Vec::new(), Some("ana")),
        ("one that it told of", "", vec![old_event(0)], Some("ana")),
        ("one with our reference", "7K3Q", Vec::new(), None),
        ("one with an event of ours", "", vec![unreferenced()], None),
    ] {
        let row = CallRow { contact: Some("ana".to_owned()), ..call("one", reference) };
        let mut snapshot = snapshot(vec![row], Vec::new());
        snapshot.events.insert(id("one"), rows);
        let plan = planned(&snapshot);
        let overridden = plan.rows[0].import.state.call.overridden.as_ref();
        assert_eq!(overridden.map(|o| o.recipient.contact.as_str()), want, "{label}");
    }
}

#[test]
fn a_call_that_waits_for_the_morning_waits_on_only_where_nobody_was_told() {
    let told: &[Line<'_>] = &[(Told, "sam", 0, FIRST)];
    let cases: [(&str, Vec<EventRow>, &[Line<'_>], _, &str); 3] = [
        ("nobody was told", Vec::new(), &[], Waits, "morning"),
        ("Sam was told", Vec::new(), told, GoesOn, "normal"),
        ("another system told somebody", vec![old_event(0)], &[], GoesOn, "normal"),
    ];
    for (label, rows, lines, what, level) in cases {
        let mut snapshot = of_one(rows, lines);
        snapshot.calls[0].status = DEFERRED.to_owned();
        let plan = planned(&snapshot);
        assert_eq!((plan.rows[0].what, plan.rows[0].import.state.call.level.as_str()), (what, level), "{label}");
    }
}

#[test]
fn a_notice_of_ours_that_no_record_tells_of_is_named_for_a_day_and_nothing_else_is() {
    const SERVICE: &str = "MG00000000000000000000000000000001";
    const OFF: &str = "8M4R-2 Acme Plumbing: This call was called off. You need not go. Thank you.";
    let text = || message(1, (Told, "sam", 0, OTHER));
    let from = |sender: &str| MessageRecord { from: Some(sender.to_owned()), ..text() };
    let by_service = MessageRecord { from: None, service: Some(SERVICE.to_owned()), ..text() };
    let inbound = MessageRecord { direction: "inbound".to_owned(), ..text() };
    let of = |list| snapshot(Vec::new(), vec![list]);
    let mut senders = fixtures::directory();
    senders.fallback = vec![SERVICE.parse().expect("a sender")];
    senders.lines = vec![TeamLine { from: "+19495550170".parse().ok(), ..fixtures::directory().default_line }];
    let senders = Arc::new(senders);
    let with_senders = |list| BaseSnapshot { directory: senders.clone(), ..of(list) };
    let mut booked = of(text());
    booked.booked_sids.insert(sid(1));
    let mut linked = of(text());
    linked.linked.insert(sid(1));
    let mut referenced = of(text());
    referenced.booked_references.insert("8M4R".parse().expect("a reference"));
    let day = mins(24 * 60);
    for (label, snapshot, named) in [
        ("our sender's", of(text()), 1),
        ("a line's", with_senders(from("+19495550170")), 1),
        ("a service's", with_senders(by_service), 1),
        ("of another user of the account", of(from("+19495550170")), 0),
        ("written to us", of(inbound), 0),
        ("a stand-down", of(message(1, (Told, "sam", 0, OFF))), 0),
        ("a day old", BaseSnapshot { now: at(0).plus(day), ..of(text()) }, 1),
        ("older", BaseSnapshot { now: at(1).plus(day), ..of(text()) }, 0),
        ("its event is there", booked, 0),
        ("the store has it", linked, 0),
        ("its reference is known", referenced, 0),
        ("its call has a row", BaseSnapshot { calls: vec![call("two", "8M4R")], ..of(text()) }, 0),
        ("another call has a row", BaseSnapshot { calls: vec![call("one", "7K3Q")], ..of(text()) }, 1),
    ] {
        let problems = rowless::strays(&snapshot);
        assert_eq!(problems.len(), named, "{label}: {problems:?}");
        assert!(problems.iter().all(|p| p.what.contains("8M4R") && p.help.contains("No heat")), "{problems:?}");
    }
    // A call without a reference in its row has it from the text of its event: that text is no stray, another is.
    let mut found = snapshot(vec![call("one", "")], vec![message(1, (Told, "sam", 0, FIRST))]);
    found.events.insert(id("one"), vec![EventRow { reference: None, ..event(1, "sam", 0) }]);
    assert_eq!(planned(&found).problems, []);
    found.messages.push(message(2, (Told, "ana", 5, OTHER)));
    let problems = planned(&found).problems;
    assert!(problems.len() == 1 && problems[0].what.contains("8M4R"), "{problems:?}");
}

#[test]
fn what_a_call_without_a_row_is_about_says_its_own_first_text() {
    let row = |reference| CallRow { is_missing: true, issue: None, ..call("one", reference) };
    let list = vec![
        message(9, (Told, "sam", 0, OTHER)),
        message(8, (Wrote, "sam", 2, "7K3Q-1 Acme Plumbing: what was that?")),
        message(1, (Told, "sam", 5, FIRST)),
        message(7, (Told, "sam", 60, "7K3Q-2 Acme Plumbing: It is worse. Reply 1 to take it, 2 to pass.")),
    ];
    let mut all = snapshot(Vec::new(), list);
    let said = rowless::with_text(&all, &row("7K3Q"), &id("one"));
    assert_eq!((said.issue.as_deref(), said.dialled), (Some("Burst pipe."), None), "by its reference");
    all.events.insert(id("one"), vec![EventRow { reference: None, ..event(1, "sam", 5) }]);
    let said = rowless::with_text(&all, &row(""), &id("one"));
    assert_eq!(said.issue.as_deref(), Some("Burst pipe."), "by the message of its event");
}

#[test]
fn the_plan_says_whose_messages_are_not_known_to_the_end_and_shows_what_it_found() {
    let mut snapshot = of_one(Vec::new(), &[(Told, "sam", 0, FIRST), (Wrote, "sam", 100, "1")]);
    let cut = |s: &BaseSnapshot| planned(s).notes.iter().filter(|n| n.contains("could be listed")).count();
    assert_eq!(cut(&snapshot), 0);
    snapshot.cut_short.push("+1949•••0101".to_owned());
    assert_eq!(cut(&snapshot), 1);
    snapshot.calls.push(CallRow { id: Err("its Call ID is empty".to_owned()), ..call("none", "") });
    let plan = planned(&snapshot);
    let (row, problem) = (plan.rows[0].json(), plan.problems[0].json());
    let shown =
        [&row["callId"], &row["reference"], &row["outcome"], &row["found"]["messages"], &row["found"]["replies"]];
    assert_eq!(json!(shown), json!(["one", "7K3Q", "acknowledged", 1, 1]));
    assert!(row["action"].as_str().is_some_and(|a| a.contains("Sam Ortiz replied that it is theirs")), "{row}");
    assert_eq!(json!([problem["record"], problem["callId"]]), json!(["recCallnone", null]));
}

fn map(words: &[(&str, &str)]) -> ValueMap {
    words.iter().map(|(ours, theirs)| (*ours, vec![(*theirs).to_owned()])).collect()
}

fn mapped(change: impl FnOnce(&mut BaseMaps)) -> BaseMaps {
    let mut maps = base::maps();
    change(&mut maps);
    maps
}

#[test]
fn a_word_of_the_base_is_taken_for_that_of_ours_which_forgets_no_call() {
    let maps = mapped(|m| {
        m.values.status = map(&[
            ("DISPATCHING", "Open"),
            ("dispatching_told", "Open"),
            ("DEFERRED", "Later"),
            ("EXHAUSTED", "Open"),
            ("RESOLVED", "Later"),
        ]);
        m.values.emergency_level = map(&[("high", "P1")]);
        m.values.method = map(&[("sms", "Contacted"), ("voice", "Rung")]);
        m.values.delivery_status =
            map(&[("submitted", "Gone"), ("delivered", "Gone"), ("failed_30034", "Blocked"), ("failed", "Lost")]);
    });
    let (plain, own) = (Layouts::unread(&base::maps()), Layouts::unread(&maps));
    for (theirs, ours, also) in [
        ("Open", DISPATCHING, vec!["EXHAUSTED"]),
        ("Later", DEFERRED, vec!["RESOLVED"]),
        ("CANCELLED", "CANCELLED", vec![]),
        ("Paid", "Paid", vec![]),
    ] {
        assert_eq!(words::status(&own.calls, theirs), (ours.to_owned(), also), "{theirs}");
    }
    assert_eq!(words::running(&plain.calls), [DISPATCHING, DEFERRED], "a base without that word is not asked for it");
    assert_eq!(words::running(&own.calls), ["Open", "Later"]);
    assert_eq!(words::level(&own.calls, "P1".to_owned()), "high");
    assert_eq!(words::level(&own.calls, "P2".to_owned()), "P2");
    for (layouts, word, by_phone) in
        [(&plain, "Voice", true), (&plain, "SMS", false), (&own, "Rung", true), (&own, "Contacted", false)]
    {
        assert_eq!(words::is_phone_call(&layouts.events, word), by_phone, "{word}");
    }
    for (theirs, ours, code) in [
        ("delivered", "delivered", None),
        ("UNKNOWN", "unknown", None),
        ("SKIPPED", "skipped", None),
        ("", "", None),
        ("teleported", "teleported", None),
        ("Lost", "failed", None),
        ("Blocked", "failed", Some(30_034)),
        // Whether it arrived is asked for.
        ("Gone", "sent", None),
    ] {
        assert_eq!(words::delivery(&own.events, theirs), (ours.to_owned(), code), "{theirs:?}");
    }
}

#[tokio::test]
async fn a_word_that_may_mean_something_else_is_believed_of_a_young_row_alone() {
    let maps = mapped(|m| {
        m.values.status =
            map(&[("DISPATCHING", "Open"), ("ACKNOWLEDGED", "Open"), ("DEFERRED", "Later"), ("RESOLVED", "Later")]);
    });
    let (day, week, instant) = (mins(24 * 60), mins(7 * 24 * 60), Duration::from_millis(1));
    // Its word and level, its age, and what it is taken over as, where it is.
    let rows: [(&str, &str, Duration, Option<&str>); 7] = [
        ("Open", "normal", day, Some(DISPATCHING)),
        ("Open", "morning", mins(5), Some(DISPATCHING)),
        ("Open", "normal", day + instant, None),
        ("Open", "high", week, None),
        ("Later", "morning", week, Some(DEFERRED)),
        ("Later", "morning", week + instant, None),
        // One that need not wait for the morning was resolved.
        ("Later", "normal", mins(5), None),
    ];
    let read = async |rows: &[(&str, &str, Duration, Option<&str>)]| {
        let mut books = Books::default();
        for (n, (word, level, age, _)) in rows.iter().enumerate() {
            let row = Fields::new()
                .with("Call ID", format!("call_{n}"))
                .with("Status", *word)
                .with("Caller Phone", "+19495550150")
                .with("Emergency Level", *level)
                .with("Accepted At", at(0).minus(*age));
            books.add_call(row);
        }
        let base = Base { mirror: Arc::new(books), maps: Arc::new(maps.clone()) };
        let reader = BaseReader {
            store: None,
            directory: Arc::new(fixtures::directory()),
            lexicon: Arc::default(),
            now: at(0),
            older_than: OLDER_THAN,
        };
        read_rows(reader, &base).await.expect("read")
    };
    let found = read(&rows).await;
    for (n, (word, level, age, want)) in rows.into_iter().enumerate() {
        let call = id(&format!("call_{n}"));
        let taken = found.calls.iter().find(|c| c.id.as_ref() == Ok(&call)).map(|c| c.status.as_str());
        assert_eq!(taken, want, "{word}, {level}, {age:?} old");
    }
    let notes: Vec<bool> = found.notes.iter().map(|n| n.starts_with("2 rows of Calls")).collect();
    assert_eq!(notes, [true, true], "each kind is counted: {:?}", found.notes);
    assert_eq!(read(&rows[..1]).await.notes, Vec::<String>::new(), "nothing was left alone");
}
