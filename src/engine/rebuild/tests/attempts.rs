//! What one row or message becomes: its kind, its number, its step, how it stands, and whom a word counts for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::hand_made;
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Priority};
use crate::domain::codes::Class;
use crate::domain::types::{AttemptId, CallId, ErrorCode, MessageSid};
use crate::domain::{ClockOffset, MessageStatus, PhoneNumber, Timestamp};
use crate::engine::rebuild::plan::PlannedAction;
use crate::engine::rebuild::{BaseSnapshot, CallRow, EventRow, PlanRow, plan};
use crate::gateways::{MessageBody, MessageRecord};
use crate::ids::Ids;
use crate::testing::fixtures::{SENDER, phone};
use crate::testing::world::START;
use crate::testing::{mins, secs};

fn call_id() -> CallId {
    "c".parse().expect("an id")
}

fn call(level: &str) -> CallRow {
    CallRow {
        level: Some(level.to_owned()),
        accepted_at: Some(START.minus(mins(20))),
        ..hand_made::call(call_id().as_str(), "7K3Q")
    }
}

fn id(n: u32) -> AttemptId {
    AttemptId::from_uuid(uuid::Uuid::from_u128(u128::from(n)))
}

fn sid(n: u32) -> MessageSid {
    format!("SM{n:032x}").parse().expect("a SID")
}

/// Our row of a text that arrived, without a step.
fn event(n: u32, who: &str, at: Timestamp) -> EventRow {
    EventRow {
        attempt: Some(id(n)),
        sent_at: Some(at),
        contact: Some(who.to_owned()),
        reference: None,
        step: None,
        ..hand_made::event(n, who, 0)
    }
}

fn row(n: u32, who: &str) -> EventRow {
    event(n, who, START.minus(mins(10)).plus(secs(u64::from(n))))
}

/// The same with this word for how it stands, and no message in the row.
fn without_sid(status: &str) -> EventRow {
    EventRow { status: status.to_owned(), sid: None, ..row(1, "sam") }
}

/// A text of ours as the provider lists it.
fn listed(n: u32, who: &str, body: &str, at: Timestamp) -> MessageRecord {
    MessageRecord {
        sid: sid(n),
        status: MessageStatus::Sent,
        error_code: None,
        to: phone(who).to_owned(),
        from: Some(SENDER.to_owned()),
        service: None,
        body: MessageBody(body.to_owned()),
        direction: "outbound-api".to_owned(),
        created_at: Some(at),
    }
}

/// A text of a person.
fn reply(who: &str, body: &str, at: Timestamp) -> MessageRecord {
    MessageRecord {
        to: SENDER.to_owned(),
        from: Some(phone(who).to_owned()),
        direction: "inbound".to_owned(),
        status: MessageStatus::from_word("received"),
        ..listed(0xbeef, who, body, at)
    }
}

fn snapshot(call: CallRow, events: Vec<EventRow>, messages: Vec<MessageRecord>) -> BaseSnapshot {
    BaseSnapshot {
        now: START,
        events: BTreeMap::from([(call_id(), events)]),
        ..hand_made::snapshot(vec![call], messages)
    }
}

fn planned(snapshot: &BaseSnapshot) -> PlanRow {
    let mut whole = plan(snapshot, &Ids::seeded(1));
    assert_eq!(whole.rows.len(), 1, "{:?}", whole.problems);
    whole.rows.remove(0)
}

fn rebuilt(events: Vec<EventRow>, messages: Vec<MessageRecord>) -> PlanRow {
    planned(&snapshot(call("normal"), events, messages))
}

/// The attempt of the only row.
fn attempt(event: EventRow) -> Attempt {
    let mut attempts = rebuilt(vec![event], Vec::new()).import.state.attempts;
    assert_eq!(attempts.len(), 1);
    attempts.remove(0)
}

#[test]
fn a_bare_word_takes_a_call_only_where_its_writer_had_been_told_of_it() {
    let at = START.minus(mins(5));
    let sam = || row(1, "sam");
    let ana = |sent_at| event(2, "ana", sent_at);
    let cases: [(&str, &str, Vec<EventRow>, PlannedAction); 4] = [
        ("told before", "sam", vec![sam()], PlannedAction::Acknowledged),
        ("told before, as another was", "ana", vec![sam(), ana(at.minus(secs(30)))], PlannedAction::Acknowledged),
        ("never told", "ana", vec![sam()], PlannedAction::GoesOn),
        ("told half a minute later", "ana", vec![sam(), ana(at.plus(secs(30)))], PlannedAction::GoesOn),
    ];
    for (label, who, events, want) in cases {
        let row = rebuilt(events, vec![reply(who, "1", at)]);
        assert_eq!(row.what, want, "{label}: {row:?}");
    }
}

#[test]
fn a_word_counts_from_whoever_may_have_read_a_text_however_it_ended() {
    let failed = || EventRow { status: "undelivered".to_owned(), ..row(1, "sam") };
    let cases = [
        ("the carrier said no", failed(), PlannedAction::Acknowledged),
        ("nobody knows whether it left", without_sid("unknown"), PlannedAction::Acknowledged),
        ("the provider refused it", without_sid("failed"), PlannedAction::GoesOn),
        ("it was never sent", without_sid("skipped"), PlannedAction::GoesOn),
    ];
    for (label, event, want) in cases {
        let row = rebuilt(vec![event], vec![reply("sam", "1", START.minus(mins(5)))]);
        assert_eq!(row.what, want, "{label}: {row:?}");
    }
}

#[test]
fn a_text_that_no_row_tells_of_was_sent_when_its_message_was_made_by_our_clock() {
    let made = START.minus(mins(3));
    for (offset, want) in [
        (None, made),
        (Some(ClockOffset { least_ms: 5_000, most_ms: 5_000 }), made.plus(secs(5))),
        (Some(ClockOffset { least_ms: -5_000, most_ms: -5_000 }), made.minus(secs(5))),
    ] {
        let text = listed(1, "sam", "7K3Q-1 Acme Plumbing: Burst pipe. Reply 1 to take it", made);
        let row = planned(&BaseSnapshot { offset, ..snapshot(call("normal"), Vec::new(), vec![text]) });
        let times = |a: &Attempt| (a.created_at, a.sent_at, a.provider_at);
        let all: Vec<_> = row.import.state.attempts.iter().map(times).collect();
        assert_eq!(all, [(want, Some(want), Some(made))], "{offset:?}");
    }
}

#[test]
fn a_message_that_an_attempt_of_the_store_has_is_no_second_attempts() {
    let text = || listed(1, "sam", "7K3Q-1 Acme Plumbing: Burst pipe. Reply 1 to take it", START.minus(mins(3)));
    let without_row = || snapshot(call("normal"), Vec::new(), vec![text()]);
    let with_row = || snapshot(call("normal"), vec![without_sid("unknown")], vec![text()]);
    let sids = |snapshot: &BaseSnapshot| {
        planned(snapshot).import.state.attempts.into_iter().map(|a| a.sid).collect::<Vec<_>>()
    };
    assert_eq!(sids(&without_row()), [Some(sid(1))]);
    assert_eq!(sids(&with_row()), [Some(sid(1))]);
    let linked = || BTreeSet::from([sid(1)]);
    assert!(sids(&BaseSnapshot { linked: linked(), ..without_row() }).is_empty());
    assert_eq!(sids(&BaseSnapshot { linked: linked(), ..with_row() }), [None], "what its row tells of stays");
}

#[test]
fn a_call_without_a_reference_gets_none_that_a_text_in_sight_carries() {
    let unnamed = || CallRow { reference: None, ..call("normal") };
    let free = planned(&snapshot(unnamed(), Vec::new(), Vec::new())).reference;
    let text = listed(1, "+19495550188", &format!("{free}-1 Acme Plumbing: No heat."), START.minus(mins(3)));
    let row = planned(&snapshot(unnamed(), Vec::new(), vec![text]));
    assert_ne!(row.reference, free);
    assert!(row.import.state.attempts.is_empty(), "another call's text is not its own");
}

#[test]
fn of_twins_the_row_that_knows_most_counts_whichever_comes_first() {
    let more = || row(1, "sam");
    let less = || without_sid("sent");
    for (label, events) in [("less, more", vec![less(), more()]), ("more, less", vec![more(), less()])] {
        let attempts = rebuilt(events, Vec::new()).import.state.attempts;
        let stand: Vec<_> = attempts.into_iter().map(|a| (a.state, a.sid)).collect();
        assert_eq!(stand, [(AttemptState::Delivered, Some(sid(1)))], "{label}");
    }
}

#[test]
fn every_attempt_has_a_number_of_its_own_and_those_without_one_follow_in_the_order_of_time() {
    let numbered = |n, number, after| EventRow { number, ..event(n, "sam", START.minus(mins(10)).plus(secs(after))) };
    let events = vec![numbered(1, Some(1), 0), numbered(2, Some(1), 10), numbered(3, None, 30), numbered(4, None, 20)];
    let state = rebuilt(events, Vec::new()).import.state;
    let numbers: Vec<_> = state.attempts.iter().map(|a| (a.id, a.number)).collect();
    assert_eq!(numbers, [(id(1), 1), (id(2), 2), (id(4), 3), (id(3), 4)]);
    assert_eq!(state.call.attempts, 4, "the next one is the fifth");
}

#[test]
fn where_the_text_is_not_listed_the_sentence_of_its_row_says_what_it_was_and_notices_alone_move_the_ladder() {
    // Sam was told in the first step; the row to Ana is one of the third.
    for (sentence, kind, notices, next) in [
        ("Delivered to Ana Reyes.", AttemptKind::Notice, 2, 3),
        ("Stand-down: delivered to Ana Reyes.", AttemptKind::StandDown, 1, 1),
        ("Answer: delivered to Ana Reyes.", AttemptKind::Answer, 1, 1),
        ("Update: delivered to Ana Reyes.", AttemptKind::Update, 1, 1),
        ("Question: delivered to Ana Reyes.", AttemptKind::Question, 1, 1),
    ] {
        let first = EventRow { step: Some(1), ..row(1, "sam") };
        let second = EventRow { step: Some(3), result: sentence.to_owned(), ..row(2, "ana") };
        let state = rebuilt(vec![first, second], Vec::new()).import.state;
        let kinds: Vec<_> = state.attempts.iter().map(|a| a.kind).collect();
        assert_eq!(kinds, [AttemptKind::Notice, kind], "{sentence}");
        assert_eq!((state.notices.len(), state.call.next_step), (notices, next), "{sentence}");
    }
}

#[test]
fn the_first_notice_to_each_person_is_the_one_that_goes_first() {
    let of = |n, who, step, sentence: &str| EventRow { step: Some(step), result: sentence.to_owned(), ..row(n, who) };
    let events = vec![
        of(1, "sam", 1, ""),
        of(2, "sam", 2, ""),
        of(3, "ana", 3, ""),
        of(4, "ana", 3, "Stand-down: delivered to Ana Reyes."),
        of(5, "sam", 3, "Answer: delivered to Sam Ortiz."),
    ];
    let attempts = rebuilt(events, Vec::new()).import.state.attempts;
    let priorities: Vec<_> = attempts.iter().map(|a| a.priority).collect();
    let want = [Priority::First, Priority::Reminder, Priority::First, Priority::StandDown, Priority::Reminder];
    assert_eq!(priorities, want);
}

#[test]
fn an_attempt_repeats_the_one_before_it_that_was_made_for_the_same_notice() {
    let of = |n, step, status: &str| EventRow { step: Some(step), status: status.to_owned(), ..row(n, "sam") };
    let events = vec![of(1, 1, "undelivered"), of(2, 1, "delivered"), of(3, 2, "delivered")];
    let state = rebuilt(events, Vec::new()).import.state;
    let repeats: Vec<_> = state.attempts.iter().map(|a| a.repeats).collect();
    assert_eq!(repeats, [None, Some(id(1)), None]);
    assert_eq!(state.notices.len(), 2, "a notice counts once, however many attempts it took");
}

#[test]
fn a_step_that_no_row_tells_is_the_next_that_names_the_contact_and_a_repeat_stays_where_it_was() {
    let failed = |event: EventRow| EventRow { status: "undelivered".to_owned(), ..event };
    let at_third = |event: EventRow| EventRow { step: Some(3), ..event };
    let answer = |event: EventRow| EventRow { result: "Answer: not delivered to Sam Ortiz.".to_owned(), ..event };
    let text = |n: u32, words: &str| {
        listed(
            n,
            "sam",
            &format!("7K3Q-{n} {words}Acme Plumbing: Burst pipe. Reply 1 to take it"),
            START.minus(mins(2)),
        )
    };
    /// What it is, the rows, the messages, and the numbers of the attempts.
    type Case = (&'static str, Vec<EventRow>, Vec<MessageRecord>, Vec<u32>);
    let cases: Vec<Case> = vec![
        ("the first step that names her", vec![row(1, "sam"), row(2, "ana")], vec![], vec![0, 2]),
        ("told again", vec![row(1, "sam"), row(2, "sam")], vec![], vec![0, 1]),
        ("told again by a text alone", vec![row(1, "sam")], vec![text(2, "")], vec![0, 1]),
        ("the first failed", vec![failed(row(1, "sam")), row(2, "sam")], vec![], vec![0, 0]),
        ("it says that it repeats", vec![row(1, "sam")], vec![text(2, "(repeat) ")], vec![0, 0]),
        (
            "the last to him failed, and the last of all did not",
            vec![at_third(failed(row(1, "sam"))), at_third(row(2, "ana"))],
            vec![text(3, "")],
            vec![2, 2, 2],
        ),
        (
            "an answer stands where the ladder was, and its failure repeats no notice",
            vec![row(1, "sam"), answer(failed(row(2, "sam"))), row(3, "sam")],
            vec![],
            vec![0, 0, 1],
        ),
    ];
    for (label, events, messages, want) in cases {
        let row = planned(&snapshot(call("high"), events, messages));
        let steps: Vec<u32> = row.import.state.attempts.iter().map(|a| a.step).collect();
        assert_eq!(steps, want, "{label}: {row:?}");
    }
}

#[test]
fn what_is_open_is_asked_about_once_the_call_is_old_enough_and_nothing_else_is() {
    const THREE_DAYS: Duration = mins(72 * 60);
    let ago = |d: Duration| START.minus(d);
    for (status, at, want) in [
        ("sent", ago(mins(10)), Some(START)),
        ("sent", ago(mins(1)), Some(START.plus(mins(4)))),
        // A row from the future is not waited for.
        ("sent", START.plus(mins(60)), Some(START.plus(mins(5)))),
        ("delivered", ago(mins(10)), None),
        ("undelivered", ago(mins(10)), None),
        // No receipt comes any more.
        ("sent", ago(THREE_DAYS - secs(1)), Some(START)),
        ("sent", ago(THREE_DAYS), None),
    ] {
        let a = attempt(EventRow { status: status.to_owned(), ..event(1, "sam", at) });
        assert_eq!(a.poll_at, want, "{status} at {at}");
    }
    assert_eq!(attempt(without_sid("unknown")).poll_at, Some(START), "it is looked for");
}

#[test]
fn what_the_provider_had_taken_is_never_sent_again_without_its_message_and_what_may_not_have_left_is_open() {
    let taken = (AttemptState::Unknown, true);
    let open = (AttemptState::Unknown, false);
    for (word, want) in [
        ("submitted", taken),
        ("delivered", taken),
        ("queued", taken),
        ("sent", taken),
        ("accepted", taken),
        ("scheduled", open),
        ("sending", open),
        ("Sending", open),
        ("retrying", open),
        ("unknown", open),
        ("teleported", open),
        ("", open),
        ("failed", (AttemptState::Failed, false)),
        ("skipped", (AttemptState::Skipped, false)),
        ("cancelled", (AttemptState::Cancelled, false)),
    ] {
        let a = attempt(without_sid(word));
        assert_eq!((a.state, a.decided_at.is_some()), want, "{word:?}");
    }
}

#[test]
fn the_final_word_of_a_row_stands_and_a_failure_that_only_the_provider_knows_is_still_news() {
    let text = || listed(1, "sam", "7K3Q-1 Acme Plumbing: Burst pipe. Reply 1 to take it", START.minus(mins(10)));
    for (ours, theirs, want) in [
        ("delivered", "sent", AttemptState::Delivered),
        ("read", "sent", AttemptState::Delivered),
        ("undelivered", "sent", AttemptState::Failed),
        ("undelivered", "delivered", AttemptState::Failed),
        ("failed", "sent", AttemptState::Failed),
        ("queued", "sent", AttemptState::Submitted),
        ("sent", "delivered", AttemptState::Delivered),
        ("sent", "undelivered", AttemptState::Submitted),
    ] {
        let message = MessageRecord { status: MessageStatus::from_word(theirs), ..text() };
        let event = EventRow { status: ours.to_owned(), ..row(1, "sam") };
        let states: Vec<_> =
            rebuilt(vec![event], vec![message]).import.state.attempts.iter().map(|a| a.state).collect();
        assert_eq!(states, [want], "{ours} in the row, {theirs} in the list");
    }
}

#[test]
fn a_phone_call_failed_as_its_code_says_and_without_one_as_it_ended_and_no_phone_rings_again_that_cannot() {
    for (status, code, want) in [
        ("failed", Some(13223), Class::NumberPermanent),
        ("failed", None, Class::Ambiguous),
        ("busy", None, Class::Transient),
        ("busy", Some(10005), Class::Account),
    ] {
        let event = EventRow {
            status: status.to_owned(),
            sid: format!("CA{:032x}", 1).parse().ok(),
            error_code: code.map(ErrorCode),
            by_phone: true,
            ..row(1, "sam")
        };
        let state = rebuilt(vec![event], Vec::new()).import.state;
        let a = &state.attempts[0];
        assert_eq!((a.state, a.class), (AttemptState::Failed, Some(want)), "{status} {code:?}");
        let out: Vec<_> = state.call.excluded.iter().map(|o| o.channel).collect();
        let rings_again = want != Class::NumberPermanent;
        assert_eq!(out.is_empty(), rings_again, "{status} {code:?}: {out:?}");
    }
}

#[test]
fn who_is_not_configured_keeps_the_name_of_the_row_and_a_bare_number_is_shown_masked() {
    let number = "+19495550188";
    let masked = number.parse::<PhoneNumber>().expect("a number").to_string();
    assert_ne!(masked, number);
    for (cell, contact, name) in [
        (Some("joe"), "joe", "joe"),
        (Some(number), number, masked.as_str()),
        (Some(masked.as_str()), number, masked.as_str()),
        (None, number, masked.as_str()),
    ] {
        let event = EventRow { contact: cell.map(str::to_owned), ..row(1, number) };
        let to = attempt(event).recipient;
        assert_eq!((to.contact.as_str(), to.name.as_str()), (contact, name), "{cell:?}");
        assert_eq!(to.phone.e164(), number, "{cell:?}");
    }
}
