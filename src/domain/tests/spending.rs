//! Bounds on texts: what is a mere reminder, and what is the first text that reaches somebody.

use crate::domain::attempt::{AttemptKind, AttemptState, Channel};
use crate::domain::call::CallState;
use crate::domain::event::{Event, Source};
use crate::domain::limits::SpendLimits;
use crate::testing::harness::{CoreHarness, update};
use crate::testing::{fixtures, mins, secs};

#[test]
fn only_who_was_told_by_an_earlier_text_of_the_round_to_the_same_number_is_reminded() {
    type Case = (&'static str, fn(&mut CallState), bool);
    let cases: [Case; 6] = [
        ("a text that arrived", |_| {}, false),
        (
            "a text to a number of before",
            |c| c.attempts[0].recipient.phone = "+19495550177".parse().expect("one"),
            true,
        ),
        ("a mail", |c| c.attempts[0].channel = Channel::Email, true),
        ("an answer", |c| c.attempts[0].kind = AttemptKind::Answer, true),
        ("a text of the round before", |c| c.attempts[0].round = 0, true),
        ("a text to somebody else", |c| c.attempts[0].recipient.contact = "ana".parse().expect("an id"), true),
    ];
    for (label, change, goes) in cases {
        let mut h = CoreHarness::new();
        let twice =
            fixtures::policy("twice", &[(secs(0), &["primary"]), (mins(1), &["primary"]), (mins(9), &["backup"])]);
        h.directory = fixtures::directory_with(twice);
        h.rules.limits = SpendLimits { countries: ["44".to_owned()].into(), ..SpendLimits::default() };
        let call = h.dispatch("c", "twice");
        h.send_all();
        let first = h.attempt(1).id;
        h.apply(Event::StatusUpdate(update(Some(first), 1, "delivered", None, Source::Receipt)));
        change(&mut h.calls[0]);
        h.now = h.now.plus(secs(61));
        h.apply(Event::Wake { call });
        h.send_all();
        let state = h.attempt(2).state;
        assert_eq!(state == AttemptState::Submitted, goes, "{label}: {state}");
        assert!(goes || state == AttemptState::Skipped, "{label}: {state}");
    }
}
