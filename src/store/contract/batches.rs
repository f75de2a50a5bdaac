//! Changes that are made at once: each sees what those before it have written, as if it had been made alone.

use std::sync::Arc;

use futures_util::future::join_all;

use super::fixtures::*;
use crate::domain::MessageStatus;
use crate::domain::attempt::AttemptState;
use crate::domain::change::{Change, Effect, OptOutChange};
use crate::domain::event::{Load, Loaded, StatusUpdate};
use crate::domain::types::CallRef;
use crate::store::{Decide, LogFilter, Store};

/// As many calls; each is changed by several.
const CALLS: u32 = 24;

fn name(n: u32) -> String {
    format!("call-{n}")
}

/// One more try of the call's first attempt, and a word in the log; `also`: what else there is to it.
fn tried(n: u32, also: impl Fn(&Loaded, &mut Change) + Send + Sync + 'static) -> Decide {
    Arc::new(move |loaded| {
        let state = loaded.calls.iter().find(|c| c.call.id.as_str() == name(n));
        let mut state = state.cloned().ok_or("no such call")?;
        let first = state.attempts.first_mut().ok_or("no attempt")?;
        first.tries += 1;
        let said = format!("try {}", first.tries);
        let attempt = first.id;
        let mut change = Change {
            effects: vec![Effect::MirrorAttempt(attempt), Effect::MirrorCall(state.call.id.clone())],
            calls: vec![state],
            log: vec![entry(Some(&name(n)), at(9), &said)],
            ..Change::default()
        };
        also(loaded, &mut change);
        Ok(change)
    })
}

pub(crate) async fn changes_that_are_made_at_once_see_those_before_them(store: &dyn Store) {
    join_all((0..CALLS).map(|n| put(store, call(&name(n), at(0))))).await;
    let mut changes: Vec<(Load, Decide)> = Vec::new();
    for n in 0..CALLS {
        let attempt = attempt_id(&name(n), 1);
        let said = Some((MessageStatus::Delivered, None));
        let receipt_of = move |loaded: &Loaded, change: &mut Change| {
            // One that is known is not kept again.
            if !loaded.replayed {
                change.receipts.push(receipt(update(n, Some(attempt)), Some(attempt), at(5)));
            }
        };
        let by_message = Load::Message { attempt: Some(attempt), sid: sid(n), said };
        let unknown = Load::Message { attempt: None, sid: sid(n), said: None };
        changes.push((Load::Claim(attempt), tried(n, |_, _| ())));
        changes.push((Load::Attempt(attempt), tried(n, |_, _| ())));
        // The message's receipt comes before anybody knows the message.
        changes.push((
            unknown,
            always(move || {
                let sent = StatusUpdate { status: MessageStatus::Sent, ..update(n, None) };
                Change { receipts: vec![receipt(sent, None, at(4))], ..Change::default() }
            }),
        ));
        changes.push((
            by_message.clone(),
            tried(n, move |loaded, change| {
                assert_eq!(loaded.orphans.len(), 1, "what waited is shown");
                put_in(&mut change.calls[0].attempts[0], AttemptState::Submitted, n, at(5));
            }),
        ));
        for _ in 0..2 {
            changes.push((by_message.clone(), tried(n, receipt_of)));
        }
        changes.push((Load::Call(id(&name(n))), tried(n, |_, _| ())));
    }
    // All first ones, then all second ones: neighbours are of different calls; then each call's own beside each other.
    let in_turns = (0..7).flat_map(|turn| changes.iter().skip(turn).step_by(7));
    let opt_out = || Change {
        opt_outs: vec![OptOutChange::Out { phone: "+19495550101".into(), sender: "+15005550006".into() }],
        ..Change::default()
    };
    let sees_it = |wanted: usize| -> Decide {
        Arc::new(move |loaded| {
            if loaded.opted_out.len() == wanted { Ok(Change::default()) } else { Err("not what was written".into()) }
        })
    };
    let last = Load::Attempt(attempt_id(&name(0), 1));
    let new = |name: &str| Load::New {
        id: id(name),
        also: Vec::new(),
        phone: None,
        idempotency_key: None,
        report: None,
        similar: None,
        references: ["2222", "3333"].map(|r| r.parse::<CallRef>().expect("reference")).into(),
        used_since: at(-1),
    };
    // The second takes another reference, and is not made where it is there.
    let made = |name: &'static str| -> Decide {
        Arc::new(move |loaded| {
            if !loaded.calls.is_empty() {
                return Ok(Change::default());
            }
            let mut state = call(name, at(0));
            state.call.reference = loaded.free_reference.clone().ok_or("none is free")?;
            Ok(Change { calls: vec![state], ..Change::default() })
        })
    };
    let all = in_turns.cloned().chain([
        (last.clone(), sees_it(0)),
        (Load::Nothing, always(opt_out)),
        (last, sees_it(1)),
        (new("new-1"), made("new-1")),
        (new("new-1"), made("new-1")),
        (new("new-2"), made("new-2")),
    ]);
    let done = join_all(all.map(|(load, decide)| store.transact(load, Vec::new(), decide))).await;
    for (place, done) in done.into_iter().enumerate() {
        done.unwrap_or_else(|e| panic!("change {place}: {e}"));
    }
    for n in 0..CALLS {
        let story = store.story(&id(&name(n))).await.expect("read").expect("there");
        assert_eq!(story.state.attempts[0].tries, 6, "no change was lost");
        let said: Vec<&str> = story.log.iter().map(|line| line.entry.message.as_str()).collect();
        assert_eq!(said, ["try 1", "try 2", "try 3", "try 4", "try 5", "try 6"], "in their order");
        let receipts: Vec<bool> = story.receipts.iter().map(|r| r.effect == "moved").collect();
        assert_eq!(receipts, [false, true], "one that waited, and one of the two that were the same");
        assert_eq!(story.state.attempts[0].sid, Some(sid(n)));
    }
    assert_eq!(stored(store, "new-1").await.call.reference.as_str(), "2222");
    assert_eq!(stored(store, "new-2").await.call.reference.as_str(), "3333");
    let log = store.log(&LogFilter { limit: 1_000, ..LogFilter::default() }).await.expect("read");
    assert!(log.windows(2).all(|two| two[0].seq < two[1].seq));
}

/// Each of two that come together reads the call by another of its names: none works on what the other has replaced.
pub(crate) async fn changes_that_name_one_call_in_different_ways_see_each_other(store: &dyn Store) {
    let sent = |n: u32| {
        let mut state = call(&name(n), at(0));
        put_in(&mut state.attempts[0], AttemptState::Submitted, n, at(1));
        state
    };
    join_all((0..CALLS).map(|n| put(store, sent(n)))).await;
    let by_sid = |n: u32| Load::Message { attempt: None, sid: sid(n), said: None };
    let by_attempt = |n: u32| Load::Claim(attempt_id(&name(n), 1));
    let by_id = |n: u32| Load::New {
        id: id(&name(n)),
        also: Vec::new(),
        phone: None,
        idempotency_key: None,
        report: None,
        similar: None,
        references: Vec::new(),
        used_since: at(0),
    };
    let step = |_: &Loaded, change: &mut Change| change.calls[0].call.next_step += 1;
    let pairs: [Vec<(u32, Load)>; 2] = [
        (0..CALLS).flat_map(|n| [(n, by_sid(n)), (n, by_attempt(n))]).collect(),
        (0..CALLS).flat_map(|n| [(n, by_sid(n)), (n, by_id(n))]).collect(),
    ];
    for pair in pairs {
        let done = join_all(pair.into_iter().map(|(n, load)| store.transact(load, Vec::new(), tried(n, step)))).await;
        for (place, done) in done.into_iter().enumerate() {
            done.unwrap_or_else(|e| panic!("change {place}: {e}"));
        }
    }
    for n in 0..CALLS {
        let story = store.story(&id(&name(n))).await.expect("read").expect("there");
        assert_eq!((story.state.attempts[0].tries, story.state.call.next_step), (4, 5), "no change was lost");
        let said: Vec<&str> = story.log.iter().map(|line| line.entry.message.as_str()).collect();
        assert_eq!(said, ["try 1", "try 2", "try 3", "try 4"], "in their order");
    }
}
