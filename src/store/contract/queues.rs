//! What waits for the engine's loops: in which order it comes, and how it is paged.

use super::cases::shown;
use super::fixtures::*;
use super::lists::{closed, put_all, texts, woken};
use crate::domain::attempt::{AttemptKind, AttemptState, Priority};
use crate::domain::call::CallStatus;
use crate::domain::event::Load;
use crate::domain::types::{Sender, Timestamp};
use crate::store::{SendQueue, SendQueueKey, SendQueuePosition, Store};

pub(crate) async fn due_calls_come_earliest_first(store: &dyn Store) {
    assert_eq!(store.next_wake(Timestamp::from_millis(i64::MIN)).await.expect("read"), None);
    let taken = closed(call("taken", at(0)), CallStatus::Acknowledged);
    put_all(store, vec![woken("b", 20), woken("a", 10), woken("c", 30), taken]).await;
    let due = |now: i64, limit: usize| async move { store.due(at(now), limit).await.expect("read") };
    assert_eq!(texts(&due(20, 9).await), ["a", "b"], "at or before now");
    assert_eq!(texts(&due(99, 2).await), ["a", "b"]);
    assert!(due(9, 9).await.is_empty());
    assert_eq!(store.next_wake(Timestamp::from_millis(i64::MIN)).await.expect("read"), Some(at(10)));
    let lines = store.due_lines(2).await.expect("read");
    let seen: Vec<_> = lines.iter().map(|l| (l.call.id.as_str(), l.due)).collect();
    assert_eq!(seen, [("a", at(10)), ("b", at(20))]);
    let wakes = store.next_wakes(2).await.expect("read");
    assert_eq!(wakes, lines.iter().map(|l| (l.call.id.clone(), l.due)).collect::<Vec<_>>());
}

pub(crate) async fn sendable_attempts_come_by_priority_then_age(store: &dyn Store) {
    assert_eq!(store.next_sendable(at(0)).await.expect("read"), None);
    let waiting = |name: &str, priority: Priority, created: i64, not_before: i64| {
        let mut state = call(name, at(0));
        state.call.data.twilio_to_number = (name == "b").then(|| "+18005550100".into());
        state.attempts[0].priority = priority;
        (state.attempts[0].created_at, state.attempts[0].not_before) = (at(created), at(not_before));
        state
    };
    let mut retrying = waiting("r", Priority::Reminder, 2, 8);
    put_in(&mut retrying.attempts[0], AttemptState::Retrying, 0, at(1));
    let mut sending = waiting("s", Priority::First, 0, 0);
    put_in(&mut sending.attempts[0], AttemptState::Sending, 0, at(1));
    put_all(
        store,
        vec![
            waiting("d", Priority::StandDown, 0, 0),
            waiting("b", Priority::First, 6, 6),
            waiting("a", Priority::First, 5, 5),
            waiting("later", Priority::First, 1, 50),
            retrying,
            sending,
        ],
    )
    .await;
    let found = store.sendable_of_all(at(10), 9).await.expect("read");
    let seen: Vec<_> = found.iter().map(|s| (s.call.as_str(), s.priority)).collect();
    assert_eq!(
        seen,
        [("a", Priority::First), ("b", Priority::First), ("r", Priority::Reminder), ("d", Priority::StandDown)]
    );
    assert_eq!(found[0].attempt, attempt_id("a", 1));
    assert_eq!((found[0].dialled.as_deref(), found[1].dialled.as_deref()), (None, Some("+18005550100")));
    assert_eq!((found[0].created_at, found[2].created_at), (at(5), at(2)));
    assert_eq!(store.sendable_of_all(at(10), 1).await.expect("read").len(), 1);
    assert_eq!(store.sendable_of_all(at(50), 1).await.expect("read")[0].call.as_str(), "later");
    for (after, wanted) in [(0, Some(at(5))), (6, Some(at(8))), (10, Some(at(50))), (50, None)] {
        assert_eq!(store.next_sendable(at(after)).await.expect("read"), wanted, "after {after}");
    }
}

pub(crate) async fn a_text_with_u_0000_is_kept_and_hides_nothing_beside_it(store: &dyn Store) {
    let mut state = call("odd", at(0));
    state.call.data.twilio_to_number = Some("+18005550100".into());
    state.call.data.issue_summary = Some("Burst\0 pipe".into());
    state.call.data.caller_name = Some("\0".into());
    let mut beside = call("beside", at(1));
    beside.call.data.twilio_to_number = Some("+18005550101".into());
    put_all(store, vec![state.clone(), beside]).await;
    let found = store.sendable_of_all(at(99), 9).await.expect("read");
    let seen: Vec<_> = found.iter().map(|s| (s.call.as_str(), s.dialled.as_deref())).collect();
    assert_eq!(seen, [("odd", Some("+18005550100")), ("beside", Some("+18005550101"))]);
    store.append_log(vec![entry(Some("odd"), at(1), "said\0aloud")]).await.expect("log");
    let log = store.log(&crate::store::LogFilter { limit: 9, ..Default::default() }).await.expect("read");
    let said = log.last().map(|line| line.entry.message.replace('\0', "\u{fffd}"));
    assert_eq!(said.as_deref(), Some("said\u{fffd}aloud"));
    assert_eq!(stored(store, "odd").await.call.data.issue_summary.as_deref(), Some("Burst\0 pipe"));
}

/// The texts of these lanes that may go at `now`, by the names of their calls.
async fn pages(store: &dyn Store, now: i64, places: &[SendQueuePosition], limit: usize) -> Vec<Vec<String>> {
    let pages = store.sendable(at(now), places, limit).await.expect("read");
    pages.iter().map(|p| p.iter().map(|s| s.call.to_string()).collect()).collect()
}

pub(crate) async fn what_waits_is_read_lane_by_lane_and_page_by_page(store: &dyn Store) {
    assert!(store.send_queues(None, 9).await.expect("read").is_empty());
    let own = "+15005550009".parse().expect("a sender");
    let made = |name: &str, dialled: Option<&str>, priority: Priority, created: i64| {
        let mut state = call(name, at(0));
        state.call.data.twilio_to_number = dialled.map(str::to_owned);
        state.attempts[0].priority = priority;
        (state.attempts[0].created_at, state.attempts[0].not_before) = (at(created), at(created));
        state
    };
    let (here, there) = (Some("+18005550100"), Some("+18005550101"));
    let mut answer = made("answer", here, Priority::Reminder, 1);
    let mut another = answer.attempts[0].clone();
    (another.id, another.number, another.kind) = (attempt_id("answer", 2), 2, AttemptKind::Answer);
    another.sender = Some(own);
    answer.call.attempts = 2;
    answer.attempts.push(another);
    let mut sent = made("sent", Some("+18005550102"), Priority::First, 1);
    put_in(&mut sent.attempts[0], AttemptState::Submitted, 1, at(2));
    put_all(
        store,
        vec![
            answer,
            sent,
            made("h3", here, Priority::First, 3),
            made("h1", here, Priority::First, 1),
            made("h2", here, Priority::First, 2),
            made("later", here, Priority::First, 50),
            made("t1", there, Priority::First, 5),
            made("t2", there, Priority::StandDown, 1),
            made("d1", None, Priority::First, 9),
            made(
                "odd",
                Some("no number at all, and far too long for one; whoever sent it meant well, but 64 is enough"),
                Priority::First,
                9,
            ),
        ],
    )
    .await;
    let key = |dialled: Option<&str>, own: Option<&Sender>, priority: Priority| SendQueueKey {
        priority,
        queue: SendQueue::new(dialled, own),
    };
    let own: Sender = "+15005550009".parse().expect("a sender");
    let odd = "no number at all, and far too long for one; whoever sent it mean";
    let wanted = [
        key(None, None, Priority::First),
        key(here, None, Priority::First),
        key(there, None, Priority::First),
        key(Some(odd), None, Priority::First),
        key(Some("+18005550100"), Some(&own), Priority::Reminder),
        key(here, None, Priority::Reminder),
        key(there, None, Priority::StandDown),
    ];
    let mut all = store.send_queues(None, 9).await.expect("read");
    assert!(all.is_sorted_by_key(|k| k.priority), "{all:?}");
    let mut paged = Vec::new();
    while let Some(next) = store.send_queues(paged.last(), 1).await.expect("read").pop() {
        paged.push(next);
    }
    assert_eq!(paged, all, "one by one, and nothing that is sent");
    all.sort();
    let mut sorted = wanted.to_vec();
    sorted.sort();
    assert_eq!(all, sorted);

    let place = |key: &SendQueueKey| SendQueuePosition::from(key.clone());
    let both = [place(&wanted[2]), place(&wanted[1])];
    assert_eq!(pages(store, 10, &both, 9).await, [vec!["t1"], vec!["h1", "h2", "h3"]], "each for itself, oldest first");
    assert_eq!(pages(store, 10, &both, 2).await, [vec!["t1"], vec!["h1", "h2"]], "at most so many of each");
    let behind = SendQueuePosition { after: Some((at(2), attempt_id("h2", 1))), ..place(&wanted[1]) };
    assert_eq!(pages(store, 10, std::slice::from_ref(&behind), 9).await, [["h3"]]);
    assert_eq!(pages(store, 60, &[behind], 9).await, [["h3", "later"]]);
    assert_eq!(pages(store, 10, &[place(&wanted[4]), place(&wanted[5])], 9).await, [["answer"], ["answer"]]);
    let answers = store.sendable(at(10), &[place(&wanted[4])], 9).await.expect("read");
    assert_eq!((answers[0][0].kind, answers[0][0].own.as_ref()), (AttemptKind::Answer, Some(&own)));

    // An answer that went by a stand-in waits again for that one; a line that was put right is the line from then on.
    edit(store, "answer", |s| s.attempts[1].sender = "+15005550008".parse().ok()).await.expect("changed");
    let other: Sender = "+15005550008".parse().expect("a sender");
    let moved = place(&key(here, Some(&other), Priority::Reminder));
    assert_eq!(pages(store, 10, &[place(&wanted[4]), moved], 9).await, [vec![], vec!["answer"]]);
    edit(store, "h2", |s| s.call.data.twilio_to_number = Some("+18005550101".into())).await.expect("changed");
    assert_eq!(pages(store, 10, &both, 9).await, [vec!["h2", "t1"], vec!["h1", "h3"]]);
}

pub(crate) async fn messages_are_asked_about_in_time_order(store: &dyn Store) {
    let polled = |name: &str, n: u32, poll: i64| {
        let mut state = call(name, at(0));
        put_in(&mut state.attempts[0], AttemptState::Submitted, n, at(2));
        (state.attempts[0].poll_at, state.attempts[0].polls) = (Some(at(poll)), n);
        state
    };
    let mut unknown = call("unknown", at(0));
    put_in(&mut unknown.attempts[0], AttemptState::Unknown, 0, at(2));
    unknown.attempts[0].poll_at = Some(at(1));
    put_all(store, vec![polled("b", 2, 20), polled("a", 1, 10), polled("c", 3, 30), unknown]).await;
    let found = store.pollable(at(20), 9).await.expect("read");
    let seen: Vec<_> = found.iter().map(|p| (p.attempt, p.sid.clone(), p.polls, p.sent_at)).collect();
    assert_eq!(seen, [(attempt_id("a", 1), sid(1), 1, at(2)), (attempt_id("b", 1), sid(2), 2, at(2))]);
    assert_eq!(store.pollable(at(99), 1).await.expect("read").len(), 1);
    assert_eq!(
        store.next_poll(Timestamp::from_millis(i64::MIN)).await.expect("read"),
        Some(at(10)),
        "without a message there is nothing to ask about"
    );
}

pub(crate) async fn claims_of_other_engines_are_found(store: &dyn Store) {
    for (name, engine) in [("a", "old"), ("b", "older"), ("c", "mine")] {
        let mut state = call(name, at(0));
        put_in(&mut state.attempts[0], AttemptState::Sending, 0, at(1));
        state.attempts[0].claimed_by = Some(engine.into());
        put(store, state).await.expect("put");
    }
    let mut found = store.claims_of_others("mine", 9).await.expect("read");
    found.sort();
    let mut wanted = vec![attempt_id("a", 1), attempt_id("b", 1)];
    wanted.sort();
    assert_eq!(found, wanted);
    assert_eq!(store.claims_of_others("nobody", 2).await.expect("read").len(), 2);
    assert_eq!(store.claims_of("mine", 9).await.expect("read"), [attempt_id("c", 1)]);
    assert_eq!(store.claims_of("nobody", 9).await.expect("read"), []);
}

pub(crate) async fn texts_of_which_none_is_accepted_fill_the_bound_of_an_hour_too(store: &dyn Store) {
    let mut asks = call("asks", at(0));
    asks.attempts[0].priority = Priority::Reminder;
    put(store, asks).await.expect("put");
    let spent = |all: u32| async move {
        let of = Box::new(Load::Claim(attempt_id("asks", 1)));
        shown(store, Load::WithSpent { of, since: at(0), per_contact: 0, all }).await.spent.all
    };
    assert_eq!(spent(1).await, None);
    let out = [("s", AttemptState::Sending), ("u", AttemptState::Unknown), ("f", AttemptState::Failed)];
    for (n, (name, state)) in (1..).zip(out) {
        let mut one = call(name, at(0));
        put_in(&mut one.attempts[0], state, n, at(5));
        one.attempts[0].sid = (state == AttemptState::Failed).then(|| sid(n));
        put(store, one).await.expect("put");
        assert_eq!(spent(n).await, Some(at(60)), "{name}: a minute from now");
        assert_eq!(spent(n + 1).await, None, "{name}");
    }
    // Where one was accepted, it is known when its hour is over.
    let mut accepted = call("a", at(0));
    put_in(&mut accepted.attempts[0], AttemptState::Submitted, 9, at(7));
    put(store, accepted).await.expect("put");
    for (all, oldest) in [(5, None), (4, Some(at(7))), (3, Some(at(7)))] {
        assert_eq!(spent(all).await, oldest, "{all}");
    }
}
