//! What comes late, twice or of a stranger's message: it changes what it still says something of, and nothing else.

use crate::domain::AlertKind;
use crate::domain::alert::AlertKey;
use crate::domain::attempt::AttemptState;
use crate::domain::change::Answer;
use crate::domain::event::{Event, SendOutcome, Source};
use crate::domain::log::{self, LogKind};
use crate::domain::types::{AttemptId, MessageSid};
use crate::testing::harness::{CoreHarness, accepted, sid, update};
use crate::testing::secs;

/// Sam was told twice of a call; both texts are accepted.
fn notified_twice() -> CoreHarness {
    let mut harness = CoreHarness::new();
    let call = harness.dispatch("c", "normal");
    harness.send_all();
    harness.now = harness.now.plus(secs(120));
    harness.apply(Event::Wake { call });
    harness.send_all();
    assert_eq!(harness.call().attempts.len(), 2);
    harness
}

fn receipt(harness: &mut CoreHarness, number: u32, word: &str, code: Option<u32>) {
    let attempt = harness.attempt(number).id;
    harness.apply(Event::StatusUpdate(update(Some(attempt), number, word, code, Source::Receipt)));
}

fn alarming(harness: &CoreHarness) -> Vec<AlertKind> {
    harness.alerts.keys().map(AlertKey::kind).collect()
}

#[test]
fn a_late_failure_of_an_earlier_text_changes_nothing_for_whom_a_later_one_reached() {
    for code in [Some(30005), Some(21610), Some(30003), Some(30007), Some(30008), Some(30034), Some(30002), None] {
        let mut harness = notified_twice();
        receipt(&mut harness, 2, "delivered", None);
        receipt(&mut harness, 1, "undelivered", code);
        assert_eq!(harness.attempt(1).state, AttemptState::Failed, "{code:?}: it is told as it is");
        assert_eq!(harness.attempt(1).error_code.map(|c| c.0), code);
        assert!(harness.call().call.excluded.is_empty(), "{code:?}: his phone works");
        assert_eq!(harness.call().attempts.len(), 2, "{code:?}: nobody else is told for it");
        assert_eq!(alarming(&harness), [], "{code:?}");
        // The next step names the backup, the one after it both.
        for _ in 0..2 {
            harness.now = harness.now.plus(secs(600));
            let call = harness.call().call.id.clone();
            harness.apply(Event::Wake { call });
            harness.send_all();
        }
        let to_sam = harness.call().attempts.iter().filter(|a| a.recipient.contact.as_str() == "sam").count();
        assert_eq!(to_sam, 3, "{code:?}: he keeps his later steps");
    }
}

#[test]
fn a_number_that_failed_for_good_is_good_again_once_a_later_text_reached_it() {
    let mut harness = notified_twice();
    receipt(&mut harness, 1, "undelivered", Some(30005));
    assert_eq!(harness.call().call.excluded.len(), 1);
    receipt(&mut harness, 2, "delivered", None);
    assert!(harness.call().call.excluded.is_empty(), "in whatever order the two are told");
    // The other way round, the failure is the newer fact.
    for words in [["1 delivered", "2 undelivered"], ["2 undelivered", "1 delivered"]] {
        let mut harness = notified_twice();
        for said in words {
            let (number, word) = said.split_once(' ').expect("two words");
            let code = (word == "undelivered").then_some(30005);
            receipt(&mut harness, number.parse().expect("a number"), word, code);
        }
        assert_eq!(harness.call().call.excluded.len(), 1, "{words:?}");
    }
}

#[test]
fn an_answer_to_the_create_that_says_failed_is_classed_by_its_code() {
    type Check = fn(&CoreHarness) -> bool;
    let all: [(u32, &str, Check); 3] = [
        (30005, "he is out and the backup is told", |d| {
            d.call().call.is_out(&"sam".parse().expect("id")) && d.attempt(2).recipient.contact.as_str() == "ana"
        }),
        (30034, "the sender's breaker is open", |d| alarming(d).contains(&AlertKind::Breaker)),
        (30003, "he is told again", |d| {
            d.attempt(2).recipient.contact.as_str() == "sam" && d.attempt(2).repeats == Some(d.attempt(1).id)
        }),
    ];
    for (code, label, holds) in all {
        for word in ["failed", "undelivered"] {
            let mut harness = CoreHarness::new();
            harness.dispatch("c", "normal");
            let attempt = harness.attempt(1).id;
            harness.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None });
            harness.apply(Event::Sent { attempt, by: None, outcome: accepted(1, word, Some(code)) });
            let a = harness.attempt(1);
            assert_eq!((a.state, a.error_code.map(|c| c.0)), (AttemptState::Failed, Some(code)), "{code} {word}");
            assert!(holds(&harness), "{code} {word}: {label}: {:?}", harness.log);
        }
    }
}

#[test]
fn a_code_that_comes_later_than_its_status_is_kept_and_says_what_it_says() {
    for (code, out, breaker) in [(30005, true, false), (30034, false, true), (30003, false, false)] {
        for source in [Source::Receipt, Source::Fetch] {
            let mut harness = CoreHarness::new();
            harness.dispatch("c", "normal");
            harness.send_all();
            receipt(&mut harness, 1, "failed", None);
            let attempt = harness.attempt(1).id;
            let before = harness.call().attempts.len();
            harness.apply(Event::StatusUpdate(update(Some(attempt), 1, "failed", Some(code), source)));
            let a = harness.attempt(1);
            assert_eq!(a.error_code.map(|c| c.0), Some(code), "{code} by {source:?}");
            assert_eq!(a.class, Some(crate::domain::codes::classify(a.error_code).class));
            assert_eq!(harness.call().call.is_out(&"sam".parse().expect("id")), out, "{code} by {source:?}");
            let open = alarming(&harness).contains(&AlertKind::Breaker);
            assert_eq!(open, breaker, "{code} by {source:?}");
            assert_eq!(harness.call().attempts.len(), before, "{code}: the ladder has gone on already");
            // The first code that came stays.
            harness.apply(Event::StatusUpdate(update(Some(attempt), 1, "undelivered", Some(30008), source)));
            assert_eq!(harness.attempt(1).error_code.map(|c| c.0), Some(code));
        }
    }
}

#[test]
fn a_receipt_that_is_replayed_adds_no_row_and_asks_nothing_twice() {
    let mut harness = notified_twice();
    let stranger = Event::StatusUpdate(update(None, 77, "delivered", None, Source::Receipt));
    for said in [&["sent"][..], &["sent", "delivered"], &["delivered", "undelivered"]] {
        for word in said {
            receipt(&mut harness, 1, word, None);
        }
        harness.apply(stranger.clone());
        let (rows, entries, calls) = (harness.receipts.len(), harness.log.len(), harness.calls.clone());
        for _ in 0..50 {
            for word in said {
                receipt(&mut harness, 1, word, None);
            }
            harness.apply(stranger.clone());
        }
        assert_eq!((harness.receipts.len(), harness.log.len()), (rows, entries), "{said:?}");
        assert_eq!(harness.calls, calls, "{said:?}");
    }
    // A contradiction that a fetch has settled is not asked again for an old word.
    let attempt = harness.attempt(1).id;
    harness.apply(Event::StatusUpdate(update(Some(attempt), 1, "delivered", None, Source::Fetch)));
    assert!(!harness.attempt(1).conflict);
    receipt(&mut harness, 1, "undelivered", None);
    assert!(!harness.attempt(1).conflict, "it was heard before");
}

#[test]
fn a_message_that_is_anothers_leaves_the_outcome_unknown() {
    let mut harness = CoreHarness::new();
    harness.dispatch("a", "normal");
    harness.dispatch("b", "normal");
    let ids: Vec<AttemptId> = harness.calls.iter().map(|c| c.attempts[0].id).collect();
    for attempt in &ids {
        harness.apply(Event::Claim { attempt: *attempt, engine: "e".into(), provider_after: None });
        harness.apply(Event::Sent { attempt: *attempt, by: None, outcome: accepted(1, "queued", None) });
    }
    let (a, b) = (&harness.calls[0].attempts[0], &harness.calls[1].attempts[0]);
    assert_eq!((a.state, a.sid.as_ref()), (AttemptState::Submitted, Some(&sid(1))));
    assert_eq!((b.state, b.sid.as_ref()), (AttemptState::Unknown, None), "whether it was sent is found out");
    assert!(b.poll_at.is_some(), "it is looked for");
    assert!(alarming(&harness).contains(&AlertKind::SecondMessage), "and a person is told");
    // Its own message is found in the list, or tells of itself.
    harness.apply(Event::StatusUpdate(update(Some(ids[1]), 2, "sent", None, Source::List)));
    assert_eq!(harness.calls[1].attempts[0].sid, Some(sid(2)));
}

/// What the provider, or whoever speaks for it, can say of the two attempts of two calls.
fn sayings(ids: [AttemptId; 2]) -> Vec<Event> {
    let mut all = Vec::new();
    for attempt in ids {
        let outcomes = [
            accepted(1, "queued", None),
            accepted(2, "failed", Some(30005)),
            SendOutcome::Unknown { why: "reset".into() },
            SendOutcome::Refused { code: None, error_class: crate::domain::codes::NO_CODE, why: "no".into() },
        ];
        all.extend(outcomes.map(|outcome| Event::Sent { attempt, by: None, outcome }));
        for message in [1, 2] {
            for (word, code) in [("sent", None), ("delivered", None), ("failed", None), ("failed", Some(30005))] {
                all.push(Event::StatusUpdate(update(Some(attempt), message, word, code, Source::Receipt)));
            }
            all.push(Event::StatusUpdate(update(Some(attempt), message, "sent", None, Source::List)));
        }
    }
    for message in [1, 2] {
        all.push(Event::StatusUpdate(update(None, message, "delivered", None, Source::Receipt)));
    }
    all
}

#[test]
fn nothing_that_the_provider_says_is_refused_whatever_message_it_names() {
    let mut begin = CoreHarness::new();
    begin.dispatch("a", "normal");
    begin.dispatch("b", "normal");
    let ids = [begin.calls[0].attempts[0].id, begin.calls[1].attempts[0].id];
    for attempt in ids {
        assert!(matches!(
            begin.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None }),
            Answer::Send(_)
        ));
    }
    let all = sayings(ids);
    let mut seen = 0;
    walk(&begin, &all, &mut Vec::new(), &mut seen);
    assert!(seen > 10_000, "{seen}");
}

/// Every sequence of three; a POST has one outcome.
fn walk(harness: &CoreHarness, all: &[Event], said: &mut Vec<usize>, seen: &mut u32) {
    *seen += 1;
    if said.len() == 3 {
        return;
    }
    for (n, event) in all.iter().enumerate() {
        let of = |e: &Event| if let Event::Sent { attempt, .. } = e { Some(*attempt) } else { None };
        if of(event).is_some() && said.iter().any(|s| of(&all[*s]) == of(event)) {
            continue;
        }
        let mut next = harness.clone();
        said.push(n);
        let done = next.try_apply(event.clone());
        assert!(done.is_ok(), "{:?}: {done:?}", said.iter().map(|s| &all[*s]).collect::<Vec<_>>());
        let messages: Vec<&MessageSid> =
            next.calls.iter().flat_map(|c| &c.attempts).filter_map(|a| a.sid.as_ref()).collect();
        assert!(messages.len() < 2 || messages[0] != messages[1], "one message is one attempt's: {said:?}");
        walk(&next, all, said, seen);
        said.pop();
    }
}

#[test]
fn a_text_that_turns_up_after_it_was_decided_is_marked_as_late_and_its_repeat_says_why() {
    let late = |harness: &CoreHarness, kind: LogKind| {
        let entries = harness.log.iter().filter(|e| e.kind == kind);
        entries.map(|e| e.data.get(log::LATE).is_some_and(|l| l == true)).collect::<Vec<_>>()
    };
    for word in ["sent", "delivered"] {
        let mut harness = CoreHarness::new();
        harness.dispatch("c", "normal");
        let attempt = harness.attempt(1).id;
        harness.apply(Event::Claim { attempt, engine: "e1".into(), provider_after: None });
        harness.apply(Event::Sent { attempt, by: None, outcome: SendOutcome::Unknown { why: "reset".into() } });
        while harness.attempt(1).decided_at.is_none() {
            let at = harness.attempt(1).poll_at.expect("it is searched for");
            harness.now = harness.now.max(at).plus(secs(1));
            harness.apply(Event::Searched { attempt, complete: true, began_at: harness.now });
        }
        let why: Vec<_> = harness.log.iter().filter_map(|e| e.data.get(log::RESEND).cloned()).collect();
        assert_eq!(why, ["unknown"], "{word}");
        receipt(&mut harness, 1, word, None);
        let kind = if word == "sent" { LogKind::AttemptSubmitted } else { LogKind::AttemptDelivered };
        assert_eq!(late(&harness, kind), [true], "{word}");
    }
    // Found out before anything was decided: that is what the search is for.
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    let attempt = harness.attempt(1).id;
    harness.apply(Event::Claim { attempt, engine: "e1".into(), provider_after: None });
    harness.apply(Event::Sent { attempt, by: None, outcome: SendOutcome::Unknown { why: "reset".into() } });
    receipt(&mut harness, 1, "sent", None);
    assert_eq!(late(&harness, LogKind::AttemptSubmitted), [false]);
}
