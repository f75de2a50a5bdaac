//! Texts of alerts: what an answer to one means, and whom one may tell; and which alerts end with their call.

use crate::domain::alert::{AlertKey, AlertKind};
use crate::domain::alert_text::{AlertText, TextedAlert, is_for};
use crate::domain::attempt::AttemptState;
use crate::domain::standalone_text::{Reader, StandaloneKind, StandaloneText};
use crate::domain::team::Contact;
use crate::domain::types::{AttemptId, CallId};
use crate::testing::fixtures;
use crate::testing::harness::sid;
use crate::testing::world::START;

fn olga() -> Contact {
    let olga = fixtures::directory().contacts.into_iter().find(|c| c.id.as_str() == "olga");
    olga.expect("the owner")
}

fn texted(key: AlertKey) -> TextedAlert {
    TextedAlert { key, since: START, version: 1, name: "c".into(), is_dropped: false }
}

/// That nobody took the call `c`, to Olga.
fn to_olga() -> AlertText {
    let id = AttemptId::from_uuid(uuid::Uuid::from_u128(1));
    AlertText {
        message: "m".into(),
        sink: "owner".into(),
        reference: "9XQT".parse().expect("a reference"),
        alerts: vec![texted(AlertKind::Exhausted.about("c"))],
        is_over: false,
        call: "c".parse().ok(),
        call_reference: "7K3Q".parse().ok(),
        words: "nobody took it".into(),
        text: StandaloneText::new(id, 1, StandaloneKind::Alert, Reader::of(&olga()), START),
    }
}

#[test]
fn a_phone_knows_of_a_call_by_an_alert_where_the_text_to_it_may_have_arrived() {
    type Case = (&'static str, fn(&mut AlertText), bool);
    let cases: [Case; 7] = [
        ("the provider has it", |_| {}, true),
        ("nobody knows whether it was sent", |t| t.text.state = AttemptState::Unknown, true),
        (
            "it failed after the provider had it",
            |t| (t.text.state, t.text.sid) = (AttemptState::Failed, Some(sid(1))),
            true,
        ),
        ("it waits", |t| t.text.state = AttemptState::Scheduled, false),
        ("it went to somebody else", |t| t.text.phone = fixtures::phone("ana").parse().expect("a phone"), false),
        ("it is about another call", |t| t.call = "d".parse().ok(), false),
        ("it is about no call", |t| t.call = None, false),
    ];
    let call: CallId = "c".parse().expect("an id");
    for (label, change, knows) in cases {
        let mut text = to_olga();
        text.text.state = AttemptState::Submitted;
        change(&mut text);
        assert_eq!(text.told_of(&call, fixtures::phone("olga")), knows, "{label}");
    }
}

#[test]
fn one_takes_the_call_where_the_text_tells_of_one_alert_that_ends_once_it_is_taken() {
    type Case = (&'static str, fn(&mut AlertText), bool);
    let cases: [Case; 7] = [
        ("nobody took the call", |_| {}, true),
        ("it tells of another alert too", |t| t.alerts.push(texted(AlertKind::Unnotified.about("d"))), false),
        (
            "the other one is told elsewhere",
            |t| t.alerts.push(TextedAlert { is_dropped: true, ..texted(AlertKind::Unnotified.about("d")) }),
            true,
        ),
        ("nothing is left of it", |t| t.alerts[0].is_dropped = true, false),
        ("it is over", |t| t.is_over = true, false),
        ("its holder is silent", |t| t.alerts = vec![texted(AlertKind::TakenSilent.about("c"))], false),
        ("it is about no call", |t| t.call = None, false),
    ];
    let call: CallId = "c".parse().expect("an id");
    for (label, change, takes) in cases {
        let mut text = to_olga();
        change(&mut text);
        assert_eq!(text.call_to_take(), takes.then_some(&call), "{label}");
    }
}

#[test]
fn no_owner_is_told_by_text_of_their_own_words_or_that_they_are_not_reached() {
    use AlertKind as K;
    let olga = olga();
    let mut directory = fixtures::directory();
    // Of those with one phone the first is said to have written.
    let desk = Contact { id: "desk".parse().expect("a contact"), name: "Desk".into(), ..olga.clone() };
    directory.contacts.insert(0, desk);
    let number = fixtures::phone("olga");
    for (label, key, may_be_told) in [
        ("what came from her phone", K::UnreadReply.about("c:desk"), false),
        ("a text to her was lost", K::OwnerUntold.about("olga"), false),
        ("her phone answers by itself", K::AutoResponder.about(number), false),
        ("what her number wrote about a call", K::UnreadReply.about(format!("c:{number}")), false),
        ("she takes no texts", K::OptedOut.about("olga"), false),
        ("she takes no phone calls", AlertKey::of_no_phone_calls("olga"), false),
        ("somebody else takes none", AlertKey::of_no_phone_calls("sam"), true),
        ("another's words", K::UnreadReply.about("c:sam"), true),
        ("whose name ends as hers does", K::UnreadReply.about("c:hoolga"), true),
        ("a text to another owner was lost", K::OwnerUntold.about("sam"), true),
        ("a call that is named as she is", K::Exhausted.about("olga"), true),
        ("texts do not go at all", K::Breaker.about("account"), false),
    ] {
        assert_eq!(is_for(&key, &olga, &directory), may_be_told, "{label}");
    }
}

#[test]
fn an_alert_ends_with_its_call_unless_it_is_about_more_than_that_call() {
    use AlertKind as K;
    for (kind, ends) in [
        (K::Exhausted, true),
        (K::UnknownOutcome, true),
        (K::Failed, true),
        (K::HolderOptedOut, true),
        (K::SecondMessage, true),
        // A person's answer or phone, a sender: they matter for the next call too.
        (K::UndecidedReply, false),
        (K::OptedOut, false),
        (K::NoFinalStatus, false),
        (K::Breaker, false),
    ] {
        assert_eq!(kind.ends_with_its_call(), ends, "{kind:?}");
    }
}
