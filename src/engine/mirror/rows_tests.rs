use super::*;
use crate::config::BaseMaps;
use crate::domain::MessageStatus;
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
