//! Breakers of senders: whose they are, what makes one stricter, what closes one, and what waits for one.

use super::one_call::{OneCall, contact, open_breaker};
use crate::domain::attempt::{AttemptKind, AttemptState, Channel};
use crate::domain::breaker::{ACCOUNT, Breaker, Evidence, Probe, Route, VOICE_ACCOUNT, key_of};
use crate::domain::change::{BreakerChange, Change};
use crate::domain::codes::{Class, ErrorClass};
use crate::domain::event::Loaded;
use crate::domain::trip::{self, SenderFailure, Tried};
use crate::domain::types::{AttemptId, ContactId, Sender, Timestamp};
use crate::domain::{MessageStatus, Verdict};
use crate::testing::world::START;
use crate::testing::{fixtures, mins, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

/// Who waits for a breaker, and whether all of them were tried.
type Held = Option<(Vec<ContactId>, Tried)>;

const STAND_IN: &str = "+19495550120";

fn at(second: u64) -> Timestamp {
    START.plus(secs(second))
}

/// An open breaker that was opened at that second, and is probed a minute after that.
fn open(sender: &str, second: u64) -> Breaker {
    open_breaker(sender, at(second), at(second + 60))
}

/// Sam is named at once.
fn one() -> OneCall {
    OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]))
}

#[test]
fn a_probe_and_an_end_are_of_one_breaker_alone() {
    let both = || vec![open(fixtures::SENDER, 0), open(STAND_IN, 0)];
    let sender = || fixtures::SENDER.to_owned();
    let known = |change: BreakerChange| -> Vec<(u32, Timestamp, Option<Timestamp>)> {
        let all = trip::changed(both(), &[change], at(90));
        all.iter().map(|b| (b.probes, b.probe_at, b.closed_at)).collect()
    };
    let untouched = (0, at(60), None);
    let probed = BreakerChange::Probed { sender: sender(), probe_at: at(150) };
    assert_eq!(known(probed), [(1, at(150), None), untouched]);
    assert_eq!(known(BreakerChange::Close { sender: sender() }), [(0, at(60), Some(at(90))), untouched]);
}

#[test]
fn a_stand_in_sends_unless_its_reader_has_opted_out_of_it_and_the_own_sender_is_not_left_out_for_that() {
    let by = |sender: &str| -> Option<String> { Some(sender.to_owned()) };
    // Whether the own sender's breaker is open, of which sender Sam wants nothing → by which it goes; `None`: it waits.
    for (is_open, opted_out, want) in [
        (false, None, by(fixtures::SENDER)),
        (true, None, by(STAND_IN)),
        (true, Some(STAND_IN), None),
        (true, Some(""), None),
        (true, Some(fixtures::SENDER), by(STAND_IN)),
        (false, Some(STAND_IN), by(fixtures::SENDER)),
        (false, Some(fixtures::SENDER), by(fixtures::SENDER)),
    ] {
        let mut one = one();
        one.directory.fallback = vec![STAND_IN.parse().expect("a sender")];
        one.notice(0, "sam", AttemptState::Scheduled);
        one.loaded.breakers = Vec::from_iter(is_open.then(|| open(fixtures::SENDER, 0)));
        let phone = fixtures::phone("sam").to_owned();
        one.loaded.opted_out = opted_out.map(|sender: &str| (phone, sender.to_owned())).into_iter().collect();
        let route = one.work(|w| trip::route_of(w, &w.state.attempts[0]));
        let sender = match route.expect("there are senders") {
            Route::Send { sender, .. } => Some(sender.as_str().to_owned()),
            Route::Hold { .. } => None,
        };
        assert_eq!(sender, want, "{is_open} {opted_out:?}");
    }
}

#[test]
fn what_was_sent_is_held_by_the_breaker_of_its_sender_or_of_its_account_and_by_no_other() {
    let closed = Breaker { closed_at: Some(at(30)), ..open(fixtures::SENDER, 0) };
    for (label, breaker, want) in [
        ("its sender's", open(fixtures::SENDER, 0), true),
        ("the account's", open(ACCOUNT, 0), true),
        ("another sender's", open(STAND_IN, 0), false),
        ("that of phone calls by the same number", open(&key_of(Channel::Voice, fixtures::SENDER), 0), false),
        ("that of all phone calls", open(VOICE_ACCOUNT, 0), false),
        ("its sender's, which has closed", closed, false),
    ] {
        let mut one = one();
        one.notice(0, "sam", AttemptState::Submitted);
        one.loaded.breakers = vec![breaker];
        assert_eq!(one.work(|w| trip::holds(w, &w.state.attempts[0])), want, "{label}");
    }
}

#[test]
fn an_open_breaker_asks_for_a_delivery_once_a_message_failed_that_was_accepted_and_never_for_less() {
    use Evidence::{Answer, Receipt};
    for (opened_by, failure, want) in
        [(Answer, Answer, None), (Answer, Receipt, Some(Receipt)), (Receipt, Answer, None), (Receipt, Receipt, None)]
    {
        let known = Breaker { evidence: opened_by, ..open(fixtures::SENDER, 0) };
        let loaded = Loaded { breakers: vec![known.clone()], ..Loaded::default() };
        let of = SenderFailure {
            key: fixtures::SENDER.to_owned(),
            code: None,
            sent_at: at(60),
            asks: ErrorClass { class: Class::Sender, special: None },
            evidence: failure,
            text: "failed",
        };
        let mut change = Change::default();
        trip::open_beside(&loaded, &of, at(90), &mut change);
        let stricter = want.map(|evidence| BreakerChange::Open(Breaker { evidence, ..known.clone() }));
        assert_eq!(change.breakers, Vec::from_iter(stricter), "{opened_by} {failure}");
        assert!(change.alerts.is_empty() && change.log.is_empty(), "{opened_by} {failure}: it was open before");
    }
}

/// The breakers that close by that word on the message of a text that was sent then, said so many seconds after that.
fn closed_by(breakers: &[Breaker], (sent, after): (u64, u64), word: &str) -> Vec<String> {
    let mut one = one();
    one.notice(0, "sam", AttemptState::Submitted).sent_at = Some(at(sent));
    one.loaded.breakers = breakers.to_vec();
    one.now = at(sent + after);
    let (id, status) = (one.attempt(1).id, MessageStatus::from_word(word));
    one.work(|w| {
        trip::ingested(w, id, &status).expect("a decision");
        closes(&w.change)
    })
}

fn closes(change: &Change) -> Vec<String> {
    let mut all = Vec::new();
    for change in &change.breakers {
        if let BreakerChange::Close { sender } = change {
            all.push(sender.clone());
        }
    }
    all
}

#[test]
fn a_probe_closes_what_a_refusal_opened_by_being_accepted_and_what_a_failed_message_opened_by_arriving() {
    use Evidence::{Answer, Receipt};
    let long = mins(5).as_secs();
    for (evidence, word, after, want) in [
        (Answer, "queued", 2, true),
        (Answer, "sent", 2, true),
        (Answer, "delivered", 2, true),
        (Answer, "failed", 2, false),
        (Answer, "undelivered", 2, false),
        (Receipt, "queued", 2, false),
        (Receipt, "sent", 2, false),
        (Receipt, "sent", long - 1, false),
        (Receipt, "sent", long, true),
        (Receipt, "queued", long, false),
        (Receipt, "delivered", 2, true),
        (Receipt, "read", 2, true),
        (Receipt, "failed", 2, false),
    ] {
        let breaker = Breaker { evidence, ..open(fixtures::SENDER, 0) };
        let closed = closed_by(&[breaker], (60, after), word);
        assert_eq!(closed == [fixtures::SENDER], want, "{evidence} {word} {after}: {closed:?}");
    }
}

#[test]
fn a_text_that_arrives_closes_the_open_breakers_that_it_went_as_a_probe_of_and_no_other() {
    let own = || open(fixtures::SENDER, 10);
    for (label, breaker, sent, want) in [
        ("its sender's", own(), 11, true),
        ("the account's", open(ACCOUNT, 10), 11, true),
        ("it left as the breaker opened, before that had any probe", own(), 10, false),
        ("it left before the breaker opened", own(), 9, false),
        ("another sender's", open(STAND_IN, 10), 11, false),
        ("one that a list of messages probes", Breaker { probe: Probe::List, ..own() }, 11, false),
        ("one that has closed", Breaker { closed_at: Some(at(11)), ..own() }, 12, false),
    ] {
        let key = breaker.sender.clone();
        let closed = closed_by(&[breaker], (sent, 5), "delivered");
        assert_eq!(closed, Vec::from_iter(want.then_some(key)), "{label}");
    }
    let both = closed_by(&[own(), open(STAND_IN, 10), open(ACCOUNT, 10)], (11, 5), "delivered");
    assert_eq!(both, [fixtures::SENDER, ACCOUNT]);
}

#[test]
fn what_never_left_proves_nothing_of_a_sender() {
    let mut one = one();
    one.notice(0, "sam", AttemptState::Scheduled);
    one.loaded.breakers = vec![open(fixtures::SENDER, 0)];
    let id: AttemptId = one.attempt(1).id;
    let closed = one.work(|w| {
        trip::proven(w, id, None, Some(Verdict::Delivered)).expect("a decision");
        closes(&w.change)
    });
    assert_eq!(closed, Vec::<String>::new());
}

/// The breaker of the shop's sender is open from second 100 on. A text to Sam failed as its probe, and his repeat waits.
fn tried_in_vain() -> OneCall {
    let mut one = one();
    one.loaded.breakers = vec![open(fixtures::SENDER, 100)];
    let failed = one.notice(0, "sam", AttemptState::Failed);
    (failed.sent_at, failed.class) = (Some(at(160)), Some(Class::Sender));
    let failed = failed.id;
    one.notice(0, "sam", AttemptState::Scheduled).repeats = Some(failed);
    one.now = at(170);
    one
}

#[test]
fn what_waits_for_a_breaker_are_notices_of_the_round_and_all_was_tried_where_each_failed_as_its_probe() {
    use AttemptState as S;
    let sam = || Some((vec![contact("sam")], Tried::All));
    let untried = || Some((vec![contact("sam")], Tried::NotAll));
    let table: [(&str, Otherwise, Held); 15] = [
        ("it failed as the probe", |_| {}, sam()),
        ("for what is the account's", |o| o.state.attempts[0].class = Some(Class::Account), sam()),
        ("for what is the number's", |o| o.state.attempts[0].class = Some(Class::NumberPermanent), untried()),
        ("it left as the breaker opened", |o| o.state.attempts[0].sent_at = Some(at(100)), untried()),
        ("it left before the breaker opened", |o| o.state.attempts[0].sent_at = Some(at(50)), untried()),
        (
            "it left after a breaker of phone calls opened, and before that of texts",
            |o| {
                o.state.attempts[0].sent_at = Some(at(50));
                o.loaded.breakers.push(open(VOICE_ACCOUNT, 0));
            },
            untried(),
        ),
        (
            "it left after a breaker of texts opened that has closed, and before the one that is open",
            |o| {
                o.state.attempts[0].sent_at = Some(at(50));
                o.loaded.breakers.push(Breaker { closed_at: Some(at(20)), ..open(STAND_IN, 0) });
            },
            untried(),
        ),
        ("what waits repeats nothing", |o| o.state.attempts[1].repeats = None, untried()),
        (
            "somebody else waits too, and was not tried",
            |o| {
                o.notice(0, "ana", S::Scheduled);
            },
            Some((vec![contact("sam"), contact("ana")], Tried::NotAll)),
        ),
        ("an answer waits beside it", |o| o.notice(0, "ana", S::Scheduled).kind = AttemptKind::Answer, sam()),
        ("a notice of the round before waits beside it", |o| o.notice(0, "ana", S::Scheduled).round = 0, sam()),
        (
            "a mail waits beside it",
            |o| {
                o.notice_by(Channel::Email, 0, "ana", S::Scheduled);
            },
            sam(),
        ),
        (
            "somebody else was told",
            |o| {
                o.notice(0, "ana", S::Submitted);
            },
            sam(),
        ),
        ("nothing waits", |o| o.state.attempts[1].state = S::Skipped, None),
        ("another sender works", |o| o.directory.fallback = Vec::from_iter(STAND_IN.parse::<Sender>()), None),
    ];
    for (label, otherwise, want) in table {
        let mut one = tried_in_vain();
        otherwise(&mut one);
        assert_eq!(one.work(|w| trip::held(w, Channel::Sms)), want, "{label}");
    }
}
