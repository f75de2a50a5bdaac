//! What was said of a call, case by case: whose word counts, for which call, and what it makes of the call.

use super::hand_made::{
    FIRST, Line, OTHER, SECOND, THIRD, Way::Answered, Way::Told, Way::Wrote, at, call, event, id, message, messages,
    of_one, planned, snapshot,
};
use crate::domain::MessageStatus;
use crate::domain::attempt::AttemptKind;
use crate::domain::call::ExclusionReason;
use crate::domain::types::CallRef;
use crate::engine::rebuild::EventRow;
use crate::engine::rebuild::evidence::{CallStatusEvidence, is_repeat, kind_of, notice_text, said};
use crate::engine::rebuild::plan::PlanRow;
use crate::engine::rebuild::plan::PlannedAction::{self, Acknowledged, Cancelled, GoesOn, Resolved};
use crate::gateways::MessageRecord;

/// An answer that says nothing of any call.
const THANKS: &str = "Thank you.";

fn holder(row: &PlanRow) -> Option<&str> {
    row.import.state.call.holder.as_ref().map(|h| h.as_str())
}

fn passed(row: &PlanRow) -> Vec<&str> {
    let out = row.import.state.call.excluded.iter().filter(|o| o.why == ExclusionReason::Passed);
    out.map(|o| o.contact.as_str()).collect()
}

#[test]
fn a_word_counts_for_the_call_that_it_can_mean_and_only_from_those_who_may_say_it() {
    const BY_HAND: &str = "+19495550188";
    // Who was told, who writes what, what we answer; what becomes of the call, who has it, how many replies concern it.
    type Case<'a> = (&'a str, &'a str, &'a str, &'a str, PlannedAction, Option<&'a str>, usize);
    let cases: &[Case<'_>] = &[
        ("sam", "sam", "1", "", Acknowledged, Some("sam"), 1),
        ("sam", "sam", "1", "7K3Q is yours. 1 Elm St.", Acknowledged, Some("sam"), 1),
        ("sam", "sam", "1", "Which call? 7K3Q or 8M4R", GoesOn, None, 0),
        ("sam", "sam", "1 7K3Q", "Which call? 7K3Q or 8M4R", GoesOn, None, 0),
        ("sam", "sam", "1 8M4R", "", GoesOn, None, 0),
        ("sam", "sam", "1 all", "", Acknowledged, Some("sam"), 1),
        ("sam", "sam", "2 all", "", GoesOn, None, 0),
        ("sam", "sam", "ok", "", Acknowledged, Some("sam"), 1),
        ("sam", "sam", "thanks", "", GoesOn, None, 0),
        ("sam", "sam", "hello", "", GoesOn, None, 0),
        ("sam", "sam", "done", "", Resolved, None, 1),
        // A name: his own says nothing more, another's may mean that it is the other who does it.
        ("sam", "sam", "1, Sam", "", Acknowledged, Some("sam"), 1),
        ("sam", "sam", "done, Ana helped", "", GoesOn, None, 0),
        // Ana was not told of it: she must name it. Nobody knows the third.
        ("sam", "ana", "1", "", GoesOn, None, 0),
        ("sam", "ana", "1 7K3Q", "", Acknowledged, Some("ana"), 1),
        ("sam", "+19495550177", "1 7K3Q", "", GoesOn, None, 0),
        (BY_HAND, BY_HAND, "1", "", Acknowledged, Some(BY_HAND), 1),
    ];
    for &(told, writer, text, answer, what, has_it, replies) in cases {
        let mut lines: Vec<Line<'_>> = vec![(Told, told, 0, FIRST), (Wrote, writer, 100, text)];
        if !answer.is_empty() {
            lines.push((Answered, writer, 101, answer));
        }
        let plan = planned(&of_one(Vec::new(), &lines));
        let row = plan.rows.first().expect("a row");
        let is = (row.what, holder(row), row.found.replies);
        assert_eq!(is, (what, has_it, replies), "{told} was told, {writer} wrote {text:?}, answered {answer:?}");
    }
}

#[test]
fn of_two_calls_a_word_takes_the_one_that_it_names_or_all_and_a_soft_one_the_last_that_was_told() {
    for (text, one, two) in [
        ("1", GoesOn, GoesOn),
        ("1 7K3Q", Acknowledged, GoesOn),
        ("1 8M4R", GoesOn, Acknowledged),
        ("1 all", Acknowledged, Acknowledged),
        ("ok", GoesOn, Acknowledged),
        ("ok 7K3Q", GoesOn, GoesOn),
    ] {
        let lines = [(Told, "sam", 0, FIRST), (Told, "sam", 50, OTHER), (Wrote, "sam", 100, text)];
        let plan = planned(&snapshot(vec![call("one", "7K3Q"), call("two", "8M4R")], messages(&lines)));
        let what: Vec<_> = plan.rows.iter().map(|r| r.what).collect();
        assert_eq!(what, [one, two], "{text:?}: {:?}", plan.rows);
    }
}

#[test]
fn a_soft_word_takes_a_call_only_where_its_notice_was_the_last_text_before_it() {
    const SERVICE: &str = "MG00000000000000000000000000000001";
    let first = || message(1, (Told, "sam", 0, FIRST));
    let other = || message(2, (Told, "sam", 50, OTHER));
    let ok = || message(3, (Wrote, "sam", 100, "ok"));
    let service = || Some(SERVICE.to_owned());
    let elsewhere = || MessageRecord { to: "+19495550199".to_owned(), ..ok() };
    let failed = MessageRecord { status: MessageStatus::Undelivered, ..other() };
    let later = MessageRecord { created_at: Some(at(101)), ..other() };
    let at_once = MessageRecord { created_at: Some(at(0)), ..other() };
    let cases = [
        ("it is the only one", vec![first(), ok()], Acknowledged),
        ("another call's came later", vec![first(), other(), ok()], GoesOn),
        ("another call's came in the same second", vec![first(), at_once, ok()], GoesOn),
        ("another call's did not arrive", vec![first(), failed, ok()], Acknowledged),
        ("another call's came after the word", vec![first(), later, ok()], Acknowledged),
        (
            "another call's went to somebody else",
            vec![first(), message(2, (Told, "ana", 50, OTHER)), ok()],
            Acknowledged,
        ),
        (
            "an answer came later",
            vec![first(), message(2, (Answered, "sam", 50, "Noted: 8M4R goes on.")), ok()],
            GoesOn,
        ),
        ("it was written to another number of ours", vec![first(), elsewhere()], GoesOn),
        (
            "that number is one of the service's that the notice went by",
            vec![MessageRecord { service: service(), ..first() }, elsewhere()],
            Acknowledged,
        ),
        (
            "it was written to a service",
            vec![first(), MessageRecord { service: service(), ..elsewhere() }],
            Acknowledged,
        ),
        ("its writer got none", vec![first(), message(3, (Wrote, "ana", 100, "ok 7K3Q"))], GoesOn),
    ];
    for (label, list, what) in cases {
        let plan = planned(&snapshot(vec![call("one", "7K3Q")], list));
        assert_eq!(plan.rows[0].what, what, "{label}: {:?}", plan.rows[0]);
    }
}

#[test]
fn a_bare_word_counts_for_neither_while_another_call_was_open_for_its_writer() {
    let other = (Told, "sam", 50, OTHER);
    let cases: &[(&str, &[Line<'_>], PlannedAction)] = &[
        ("open", &[other], GoesOn),
        ("closed", &[other, (Answered, "sam", 60, "8M4R is closed. Thank you.")], Acknowledged),
        ("taken", &[other, (Answered, "sam", 60, "8M4R it was taken by Ana Reyes.")], Acknowledged),
        ("passed, which may be taken back", &[other, (Answered, "sam", 60, "Noted: 8M4R goes on.")], GoesOn),
        ("closed, as somebody else was told", &[other, (Answered, "ana", 60, "8M4R is closed. Thank you.")], GoesOn),
        ("open, and a third is closed", &[other, (Answered, "sam", 60, "9XQT is closed. Thank you.")], GoesOn),
        ("somebody else's", &[(Told, "ana", 50, OTHER)], Acknowledged),
        ("of later", &[(Told, "sam", 150, OTHER)], Acknowledged),
    ];
    for &(label, lines, what) in cases {
        let mut all = vec![(Told, "sam", 0, FIRST), (Wrote, "sam", 100, "1")];
        all.extend_from_slice(lines);
        let plan = planned(&of_one(Vec::new(), &all));
        let row = plan.rows.first().expect("a row");
        let is_said = row.lost.iter().any(|l| l.contains("counts for neither"));
        assert_eq!((row.what, is_said), (what, what == GoesOn), "the other call is {label}: {row:?}");
    }
}

#[test]
fn what_is_said_in_turn_makes_the_call_what_it_is() {
    const TAKEN: &str = "7K3Q-3 Acme Plumbing: This call has been taken. You need not go. Thank you.";
    const OLGAS: &str = "7K3Q-3 Acme Plumbing: Olga Lind has taken this call. You need not go. Thank you.";
    const OFF: &str = "7K3Q-3 Acme Plumbing: This call was called off. You need not go. Thank you.";
    const OVER: &str = "7K3Q-3 Acme Plumbing: This call is resolved. You need not go. Thank you.";
    const WAITS: &str = "7K3Q-3 Acme Plumbing: This call waits for the morning. You need not go. Thank you.";
    const YOURS: &str = "7K3Q is yours. 1 Elm St.";
    let takes = (Wrote, "sam", 100, "1");
    // What was said after both were told; what it is now, who has it, who passed, since when nobody is told any more.
    type Now<'a> = (PlannedAction, Option<&'a str>, &'a [&'a str], Option<u64>);
    let cases: &[(&[Line<'_>], Now<'_>)] = &[
        // Replies: the first who takes it has it, and it is theirs alone to hand back or to close.
        (&[takes, (Wrote, "ana", 110, "1")], (Acknowledged, Some("sam"), &[], Some(100))),
        (&[takes, (Wrote, "sam", 110, "2"), (Answered, "sam", 111, THANKS)], (GoesOn, None, &["sam"], None)),
        (
            &[takes, (Wrote, "ana", 110, "2"), (Answered, "ana", 111, THANKS)],
            (Acknowledged, Some("sam"), &[], Some(100)),
        ),
        (&[takes, (Wrote, "ana", 110, "done")], (Acknowledged, Some("sam"), &[], Some(100))),
        (&[takes, (Wrote, "sam", 110, "done")], (Resolved, None, &[], Some(110))),
        (&[(Wrote, "ana", 100, "2"), (Answered, "ana", 101, THANKS)], (GoesOn, None, &["ana"], None)),
        (
            &[(Wrote, "ana", 100, "2"), (Answered, "ana", 101, THANKS), (Wrote, "sam", 200, "1")],
            (Acknowledged, Some("sam"), &["ana"], Some(200)),
        ),
        // Our own texts say as much, where no reply is listed.
        (&[(Answered, "sam", 100, YOURS)], (Acknowledged, Some("sam"), &[], Some(100))),
        (&[(Answered, "sam", 100, YOURS), (Told, "ana", 105, TAKEN)], (Acknowledged, Some("sam"), &[], Some(100))),
        (
            &[(Answered, "sam", 100, YOURS), (Answered, "sam", 200, "7K3Q is handed back.")],
            (GoesOn, None, &["sam"], None),
        ),
        (&[(Answered, "ana", 100, "7K3Q is handed back.")], (GoesOn, None, &[], None)),
        (&[(Answered, "sam", 100, "8M4R is yours. 2 Oak St.")], (GoesOn, None, &[], None)),
        (&[(Told, "ana", 105, TAKEN)], (Acknowledged, None, &[], Some(105))),
        (&[(Told, "ana", 105, OLGAS)], (Acknowledged, Some("olga"), &[], Some(105))),
        (&[(Told, "ana", 105, OVER)], (Resolved, None, &[], Some(105))),
        (&[(Told, "ana", 105, WAITS)], (GoesOn, None, &[], None)),
        (&[(Told, "ana", 105, OFF)], (Cancelled, None, &[], Some(105))),
        (&[(Told, "ana", 105, OFF), (Answered, "sam", 110, YOURS)], (Cancelled, None, &[], Some(105))),
        // A notice may be under way for a minute; one after that went out as the call was opened again.
        (&[takes, (Told, "olga", 160, THIRD)], (Acknowledged, Some("sam"), &[], Some(100))),
        (&[takes, (Told, "olga", 161, THIRD)], (GoesOn, None, &[], None)),
    ];
    for &(lines, (what, has_it, out, closed_at)) in cases {
        let mut all = vec![(Told, "sam", 0, FIRST), (Told, "ana", 5, SECOND)];
        all.extend_from_slice(lines);
        let plan = planned(&of_one(Vec::new(), &all));
        let row = plan.rows.first().expect("a row");
        let is = (row.what, holder(row), passed(row), row.import.state.call.closed_at);
        assert_eq!(is, (what, has_it, out.to_vec(), closed_at.map(at)), "{lines:?}");
    }
}

#[test]
fn an_answer_belongs_to_the_reply_that_it_followed_and_what_none_followed_is_heard_again() {
    const NOTED: &str = "7K3Q-2 Noted: 7K3Q goes on.";
    let wrote = |when| (Wrote, "sam", when, "hello");
    type Case<'a> = (&'a str, &'a [Line<'a>], &'a [(u64, &'a str)]);
    let cases: &[Case<'_>] = &[
        ("at once", &[wrote(10), (Answered, "sam", 11, "A")], &[(10, "A")]),
        ("never", &[wrote(10)], &[]),
        ("the newest before it", &[wrote(10), wrote(20), (Answered, "sam", 21, "A")], &[(20, "A")]),
        (
            "each has its own",
            &[wrote(10), wrote(20), (Answered, "sam", 21, "A"), (Answered, "sam", 22, "B")],
            &[(10, "B"), (20, "A")],
        ),
        ("a minute is at once", &[wrote(10), wrote(40), (Answered, "sam", 100, "A")], &[(40, "A")]),
        ("late: the oldest that has none", &[wrote(10), wrote(20), (Answered, "sam", 100, "A")], &[(10, "A")]),
        (
            "late: both in turn",
            &[wrote(10), wrote(20), (Answered, "sam", 100, "A"), (Answered, "sam", 101, "B")],
            &[(10, "A"), (20, "B")],
        ),
        ("before it was written", &[(Answered, "sam", 5, "A"), wrote(10)], &[]),
        ("somebody else's", &[wrote(10), (Answered, "ana", 11, "A")], &[]),
        ("beside another writer", &[wrote(10), (Wrote, "ana", 15, "hello"), (Answered, "sam", 16, "A")], &[(10, "A")]),
        ("a notice is no answer", &[wrote(10), (Told, "sam", 12, OTHER)], &[]),
        ("a text of its own may be one", &[wrote(10), (Told, "sam", 12, NOTED)], &[(10, NOTED)]),
        ("what the provider is told is heard again", &[(Wrote, "sam", 10, "STOP"), (Answered, "sam", 11, "A")], &[]),
    ];
    for &(label, lines, want) in cases {
        let mut all = vec![(Told, "sam", 0, FIRST)];
        all.extend_from_slice(lines);
        let plan = planned(&of_one(Vec::new(), &all));
        let heard: Vec<_> = plan.rows[0].import.ingested.iter().map(|h| (h.text.at, h.answer.as_str())).collect();
        let want: Vec<_> = want.iter().map(|(when, answer)| (Some(at(*when)), *answer)).collect();
        assert_eq!(heard, want, "{label}");
    }
}

#[test]
fn another_row_of_the_call_says_what_became_of_it() {
    for (word, what) in
        [("ACKNOWLEDGED", Acknowledged), ("RESOLVED", Resolved), ("CANCELLED", Cancelled), ("EXHAUSTED", GoesOn)]
    {
        let mut snapshot = of_one(Vec::new(), &[(Told, "sam", 0, FIRST)]);
        snapshot.twins.insert(id("one"), vec![word.to_owned()]);
        assert_eq!(planned(&snapshot).rows[0].what, what, "{word}");
    }
}

#[test]
fn an_event_that_the_base_calls_acknowledged_takes_the_call_unless_it_was_closed_or_handed_back() {
    const OVER: &str = "7K3Q is closed. Thank you.";
    let taken = |contact: Option<&str>| EventRow {
        contact: contact.map(str::to_owned),
        acknowledged: true,
        ..event(2, "ana", 20)
    };
    let back: &[Line<'_>] = &[(Answered, "ana", 100, "7K3Q is yours."), (Answered, "ana", 110, "7K3Q is handed back.")];
    type Case<'a> = (&'a str, EventRow, &'a [Line<'a>], PlannedAction, Option<&'a str>);
    let cases: [Case<'_>; 6] = [
        ("by Ana", taken(Some("Ana Reyes")), &[], Acknowledged, Some("ana")),
        ("by one of whom no text tells", taken(Some("Olga Lind")), &[], Acknowledged, Some("olga")),
        ("by nobody whom it names", taken(None), &[], Acknowledged, None),
        ("and it is closed", taken(Some("Ana Reyes")), &[(Answered, "sam", 100, OVER)], Resolved, None),
        ("and it was handed back", taken(Some("Ana Reyes")), back, GoesOn, None),
        ("by nobody", event(2, "ana", 20), &[], GoesOn, None),
    ];
    for (label, row, lines, what, has_it) in cases {
        let plan = planned(&of_one(vec![event(1, "sam", 0), row], lines));
        assert_eq!((plan.rows[0].what, holder(&plan.rows[0])), (what, has_it), "acknowledged {label}");
    }
    // Where the word in Calls may mean that somebody has it, it is said that none does.
    for also in [vec![], vec!["ACKNOWLEDGED"]] {
        let mut snapshot = of_one(vec![event(1, "sam", 0)], &[]);
        let may_be = !also.is_empty();
        snapshot.calls[0].also = also;
        let plan = planned(&snapshot);
        let is_said = plan.rows[0].lost.iter().any(|l| l.contains("no event is acknowledged"));
        assert_eq!((plan.rows[0].what, is_said), (GoesOn, may_be));
    }
}

#[test]
fn each_of_our_texts_says_what_it_says_and_a_callers_words_say_nothing() {
    use CallStatusEvidence as Says;
    let about = |says: Says| -> Option<(Option<CallRef>, Says)> { Some(("7K3Q".parse().ok(), says)) };
    for (body, want) in [
        ("7K3Q is yours. 1 Elm St.", about(Says::Yours)),
        ("7K3Q is already yours.", about(Says::Yours)),
        ("7K3Q: is still yours.", about(Says::Yours)),
        ("7K3Q still looked for somebody: it is yours now.", about(Says::Yours)),
        ("7K3Q goes back to the others.", about(Says::HandedBack)),
        ("7K3Q is handed back.", about(Says::HandedBack)),
        ("7K3Q is closed (cancelled).", about(Says::Cancelled)),
        ("7K3Q is closed (resolved).", about(Says::Resolved)),
        ("7K3Q is closed. Thank you.", about(Says::Resolved)),
        ("7K3Q it was taken by Ana Reyes.", about(Says::TakenBy("Ana Reyes".to_owned()))),
        ("Noted: 7K3Q goes on.", about(Says::Passed)),
        ("Yours now: 7K3Q, 8M4R.", Some((None, Says::Nothing))),
        ("Which call? 7K3Q or 8M4R", Some((None, Says::Nothing))),
        ("7K3Q was late.", None),
        (THANKS, None),
    ] {
        assert_eq!(said(body), want, "{body}");
    }
    let called_off = "7K3Q-1 Acme Plumbing: a neighbour says: This call was called off. Please look.";
    assert_eq!((said(called_off), kind_of(called_off)), (None, AttemptKind::Notice));

    for (body, is) in [
        ("7K3Q-2 (repeat) Acme Plumbing: Burst pipe.", true),
        ("7K3Q-2 TEST MODE (repeat) Acme Plumbing: Burst pipe.", true),
        ("Sent from your Twilio trial account - 7K3Q-2 (repeat) Acme Plumbing: Burst pipe.", true),
        ("7K3Q-2 Acme Plumbing: Burst pipe.", false),
        ("7K3Q-2 Acme Plumbing: Burst pipe in the kitchen, the tenant wrote (repeat) twice.", false),
    ] {
        assert_eq!(is_repeat(body), is, "{body}");
    }
    assert_eq!(notice_text(FIRST), Some("Acme Plumbing: Burst pipe."));
    assert_eq!(notice_text("7K3Q-1 Reply 1 to take it, 2 to pass."), None, "it says nothing");
}
