use super::*;
use crate::config::BaseMaps;
use crate::domain::MessageStatus;
use crate::domain::attempt::Recipient;
use crate::domain::types::{ErrorCode, Timestamp};
use crate::engine::layout::{Layouts, LinkBook, OPTIONAL};
use crate::gateways::airtable::Fields;
use crate::testing::{base, fixtures};

fn reference() -> CallRef {
    "7K3Q".parse().expect("a reference")
}

fn layouts(maps: impl FnOnce(&mut BaseMaps)) -> Layouts {
    let mut all = base::maps();
    maps(&mut all);
    Layouts::unread(&all)
}

fn event_of(layouts: &Layouts, a: &Attempt) -> Fields {
    layouts.events.encode(&event(a, &reference(), false), &LinkBook::default()).fields
}

#[test]
fn each_state_of_an_attempt_has_its_row() {
    use AttemptState as S;
    let names = layouts(|_| {});
    let mut a = fixtures::attempt("c1", 2);
    for (state, sid, word, result, status, sentence) in [
        (S::Sending, false, None, "", "sending", "Is being sent to Sam Ortiz."),
        (S::Unknown, false, None, "", "unknown", "It is being found out whether it was sent to Sam Ortiz."),
        (S::Submitted, true, Some(MessageStatus::Sent), "", "sent", "Accepted by the provider for Sam Ortiz."),
        (S::Delivered, true, Some(MessageStatus::Delivered), "", "delivered", "Delivered to Sam Ortiz."),
        (S::Failed, false, None, "no such number.", "failed", "Not delivered to Sam Ortiz: no such number."),
        (S::Skipped, false, None, "superseded", "skipped", "Not sent to Sam Ortiz: superseded."),
    ] {
        a.state = state;
        a.sid = sid.then(|| format!("SM{:032x}", 7).parse().expect("sid"));
        (a.message_status, a.result) = (word, result.to_owned());
        let row = event_of(&names, &a);
        assert_eq!(row.get("Delivery Status").as_text(), Some(status), "{state}");
        assert_eq!(row.get("Result").as_text(), Some(sentence), "{state}");
        assert_eq!(row.get("Message SID").is_empty(), !sid, "{state}");
    }
    a.error_code = Some(ErrorCode(30_006));
    a.sent_at = Some(Timestamp::from_millis(5));
    let row = event_of(&names, &a);
    assert_eq!(row.get("Event ID").as_text(), Some(a.id.to_string().as_str()));
    assert_eq!((row.get("Call ID").as_text(), row.get("Method").as_text()), (Some("c1"), Some("SMS")));
    assert_eq!(row.get("Sent At").as_time(), a.sent_at);
    assert_eq!((row.get("Attempt Number").as_whole(), row.get("Error Code").as_text()), (Some(2), Some("30006")));
    assert_eq!((row.get("Reference").as_text(), row.get("To").as_text()), (Some("7K3Q-2"), Some("+19495550101")));
    assert_eq!((row.get("Step").as_whole(), row.get("Round").as_whole()), (Some(2), Some(1)));
    a.kind = AttemptKind::StandDown;
    let row = event_of(&names, &a);
    assert_eq!(row.get("Result").as_text(), Some("Stand-down: not sent to Sam Ortiz: superseded."));
}

#[test]
fn what_the_base_does_not_have_is_left_out_and_every_field_has_its_cell() {
    let a = fixtures::attempt("c1", 1);
    let all = layouts(|m| {
        for (n, name) in [&mut m.events.call, &mut m.events.acknowledged, &mut m.calls.business].into_iter().enumerate()
        {
            *name = format!("Field {n}");
        }
    });
    assert_eq!(event_of(&all, &a).iter().count(), all.events.names().count(), "every field has its cell");
    let state = fixtures::call_state("c1");
    let whole = all.calls.encode(&new_call(&state, &Business::default()), &LinkBook::default()).fields;
    assert_eq!(whole.iter().count(), all.calls.names().count());
    let without = layouts(|m| m.events.to.clear());
    let row = event_of(&without, &a);
    assert_eq!(row.iter().count(), event_of(&layouts(|_| {}), &a).iter().count() - 1);
    let known: Vec<&str> = all.events.names().chain(all.calls.names()).map(|(ours, _)| ours).collect();
    assert!(OPTIONAL.iter().all(|o| known.contains(o)), "{OPTIONAL:?}");
}

#[test]
fn a_sentence_carries_the_reference_where_no_field_does() {
    let a = fixtures::attempt("c1", 2);
    let without = layouts(|m| m.events.reference.clear());
    let row = event_of(&without, &a);
    let said = row.get("Result").as_text().expect("a sentence").to_owned();
    assert!(said.ends_with(" [7K3Q-2]"), "{said}");
    let record = crate::gateways::mirror::Record { id: "rec1".parse().expect("id"), created_at: None, fields: row };
    assert_eq!(without.events.tag(&record), Some((reference(), Some(2))));
    assert!(!without.events.sentence(&record).contains('['), "a person's words are read without it");
}

#[test]
fn a_call_shows_who_took_it_or_who_was_told_last() {
    let names = layouts(|_| {});
    let book = LinkBook::default();
    let mut state = fixtures::call_state("c1");
    let row = |state: &CallState| names.calls.encode(&call(state), &book).fields;
    assert_eq!(row(&state).get("Status").as_text(), Some("DISPATCHING"));
    assert_eq!(row(&state).get("On-Call Contact").as_text(), Some("Sam Ortiz"));
    assert!(row(&state).get("Issue Summary").is_empty(), "that is intake's to say");
    assert_eq!(row(&state).get("Next Follow-Up At").as_time(), state.call.wake_at);
    let whole = names.calls.encode(&new_call(&state, &Business::default()), &book).fields;
    assert_eq!(whole.iter().count(), names.calls.names().count());
    assert_eq!(whole.get("Emergency Level").as_text(), Some("normal"));
    state.call.holder = Some("bo".parse().expect("contact"));
    assert_eq!(row(&state).get("On-Call Contact").as_text(), Some("bo"));
    assert_eq!(acknowledged(&state), None, "nobody was told by that name");
    state.call.holder = Some("sam".parse().expect("contact"));
    assert_eq!(row(&state).get("On-Call Contact").as_text(), Some("Sam Ortiz"));
    assert!(acknowledged(&state).is_some());
}

/// The map of a field's words: one word of the base's for each of ours.
fn words(pairs: &[(&str, &str)]) -> crate::config::ValueMap {
    pairs.iter().map(|(ours, theirs)| (*ours, vec![(*theirs).to_owned()])).collect()
}

fn to(who: &str, name: &str, number: u32, kind: AttemptKind) -> Attempt {
    let phone = fixtures::phone(who).parse().expect("a phone");
    let recipient = Recipient::by_text(who.parse().expect("a contact"), name.into(), phone);
    Attempt { recipient, kind, ..fixtures::attempt("c1", number) }
}

#[test]
fn a_base_that_tells_whether_somebody_was_told_has_its_own_words_for_it() {
    use CallStatus as S;
    let names = layouts(|m| {
        m.values.status = words(&[
            ("dispatching", "New"),
            (DISPATCHING_TOLD, "Dispatched"),
            ("exhausted", "DISPATCHED_NO_ACK"),
            (EXHAUSTED_UNTOLD, "UNASSIGNED"),
        ]);
    });
    let mut state = fixtures::call_state("c1");
    let told = Some(state.call.accepted_at);
    for (status, notified_at, word) in [
        (S::Dispatching, None, "New"),
        (S::Dispatching, told, "Dispatched"),
        (S::Exhausted, None, "UNASSIGNED"),
        (S::Exhausted, told, "DISPATCHED_NO_ACK"),
    ] {
        (state.call.status, state.call.notified_at) = (status, notified_at);
        let row = names.calls.encode(&call(&state), &LinkBook::default()).fields;
        assert_eq!(row.get("Status").as_text(), Some(word));
    }
}

#[test]
fn a_providers_word_stands_before_what_it_comes_to_and_never_for_ours_of_the_same_letters() {
    use {AttemptState as S, MessageStatus as M};
    let names = layouts(|m| {
        m.values.delivery_status = words(&[
            ("sending", "WAITING"),
            ("queued", "QUEUED"),
            ("submitted", "SENT"),
            ("delivered", "DELIVERED"),
            ("failed", "FAILED"),
            ("failed_30034", "BLOCKED_A2P_30034"),
        ]);
    });
    let mut a = fixtures::attempt("c1", 1);
    for (state, word, code, theirs) in [
        (S::Sending, None, None, "WAITING"),
        (S::Submitted, Some(M::Sending), None, "SENT"),
        (S::Submitted, Some(M::Queued), None, "QUEUED"),
        (S::Submitted, Some(M::Sent), None, "SENT"),
        (S::Delivered, Some(M::Read), None, "DELIVERED"),
        (S::Failed, Some(M::Undelivered), Some(30_003), "FAILED"),
        (S::Failed, Some(M::Undelivered), Some(30_034), "BLOCKED_A2P_30034"),
    ] {
        a.sid = word.is_some().then(|| format!("SM{:032x}", 7).parse().expect("sid"));
        (a.state, a.message_status, a.error_code) = (state, word, code.map(ErrorCode));
        assert_eq!(event_of(&names, &a).get("Delivery Status").as_text(), Some(theirs), "{:?}", a.message_status);
    }
}

#[test]
fn a_call_is_acknowledged_on_the_newest_notice_of_its_holder_and_shows_who_was_told_last() {
    let names = layouts(|_| {});
    let mut state = fixtures::call_state("c1");
    let sam = |number, kind| to("sam", "Sam Ortiz", number, kind);
    state.attempts = vec![
        sam(1, AttemptKind::Notice),
        sam(2, AttemptKind::Notice),
        to("ana", "Ana Reyes", 3, AttemptKind::Notice),
        sam(4, AttemptKind::Answer),
    ];
    let shown = |state: &CallState| {
        let row = names.calls.encode(&call(state), &LinkBook::default()).fields;
        row.get("On-Call Contact").as_text().map(str::to_owned)
    };
    assert_eq!((acknowledged(&state), shown(&state).as_deref()), (None, Some("Ana Reyes")), "an answer tells nobody");
    state.call.holder = Some("sam".parse().expect("a contact"));
    assert_eq!(acknowledged(&state), Some(state.attempts[1].id));
    assert_eq!(shown(&state).as_deref(), Some("Sam Ortiz"));
    state.call.holder = Some("ana".parse().expect("a contact"));
    assert_eq!(acknowledged(&state), Some(state.attempts[2].id));
}

#[test]
fn a_number_that_was_given_by_hand_is_nobodys_row() {
    let mut a = fixtures::attempt("c1", 1);
    let sam = Target::Contact { name: "Sam Ortiz".into(), phone: "+19495550101".into() };
    assert_eq!(contact(&a), Some(sam));
    a.recipient.name = a.recipient.phone.to_string();
    assert_eq!(contact(&a), None);
}

#[test]
fn a_phone_call_is_told_as_one_and_only_a_key_is_an_answer() {
    use AttemptState as S;
    let names = layouts(|_| {});
    let mut a = fixtures::attempt("c1", 1);
    (a.channel, a.replied) = (Channel::Voice, "1".to_owned());
    let decided = Some(a.created_at);
    for (state, decided_at, why, sentence) in [
        (S::Scheduled, None, "", "The phone of Sam Ortiz is to be rung."),
        (S::Sending, None, "in a moment", "The phone of Sam Ortiz is being rung."),
        (S::Unknown, None, "", "It is being found out whether the phone of Sam Ortiz was rung."),
        (S::Unknown, decided, "", "Nobody knows whether the phone of Sam Ortiz was rung."),
        (S::Submitted, None, "in a moment", "A phone call to Sam Ortiz is under way."),
        (S::Delivered, None, "", "Answered by Sam Ortiz with key 1."),
        (S::Failed, None, "busy.", "Not answered by Sam Ortiz: busy."),
        (S::Skipped, None, "quiet hours", "Sam Ortiz was not rung: quiet hours."),
        (S::Cancelled, None, "", "Sam Ortiz was not rung, as the call closed."),
    ] {
        (a.state, a.decided_at, a.result) = (state, decided_at, why.to_owned());
        let row = event_of(&names, &a);
        assert_eq!(row.get("Result").as_text(), Some(sentence), "{state}");
        assert_eq!(row.get("Method").as_text(), Some("Voice"));
    }
}

#[test]
fn a_text_of_which_nobody_will_know_more_says_so_and_one_on_its_way_has_no_reason() {
    let names = layouts(|_| {});
    let mut a = fixtures::attempt("c1", 1);
    let said = |a: &Attempt| event_of(&names, a).get("Result").as_text().map(str::to_owned);
    (a.state, a.decided_at) = (AttemptState::Unknown, Some(a.created_at));
    assert_eq!(said(&a).as_deref(), Some("Nobody knows whether it was sent to Sam Ortiz."));
    (a.decided_at, a.result) = (None, "no answer".to_owned());
    for (state, sentence) in [
        (AttemptState::Sending, "Is being sent to Sam Ortiz."),
        (AttemptState::Submitted, "Accepted by the provider for Sam Ortiz."),
        (AttemptState::Delivered, "Delivered to Sam Ortiz."),
        (AttemptState::Failed, "Not delivered to Sam Ortiz: no answer."),
    ] {
        a.state = state;
        assert_eq!(said(&a).as_deref(), Some(sentence));
    }
}

#[test]
fn what_is_kept_current_of_a_call_is_what_is_compared() {
    let state = fixtures::call_state("c1");
    let whole = new_call(&state, &Business::default());
    let kept = call(&state);
    for (ours, _) in &whole.cells {
        assert_eq!(is_kept(ours), kept.cells.iter().any(|(o, _)| o == ours), "{ours}");
    }
    assert!(is_kept("status") && !is_kept("issue_summary"), "what the caller said is intake's own");
}
