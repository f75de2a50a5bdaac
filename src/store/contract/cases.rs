//! What a transaction promises: it loads what it says, writes all or nothing, and leaves its neighbours alone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::fixtures::*;
use crate::domain::alert::AlertChange;
use crate::domain::attempt::AttemptState;
use crate::domain::call::CallStatus;
use crate::domain::change::{Answer, Change, OptOutChange};
use crate::domain::event::{InboundRow, InboundText, Load, Loaded};
use crate::domain::log::LogKind;
use crate::domain::types::CallRef;
use crate::store::{Decide, LogFilter, Store, StoreError};
use crate::testing::alert_key;

/// What a load shows.
pub(crate) async fn shown(store: &dyn Store, load: Load) -> Loaded {
    let seen = Arc::new(Mutex::new(Loaded::default()));
    let copy = Arc::clone(&seen);
    let look: Decide = Arc::new(move |loaded| {
        *copy.lock().expect("lock") = loaded.clone();
        Ok(Change::default())
    });
    store.transact(load, vec!["+18005550100".parse().expect("phone")], look).await.expect("load");
    std::mem::take(&mut *seen.lock().expect("lock"))
}

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.calls.iter().map(|c| c.call.id.as_str()).collect()
}

fn reference(text: &str) -> CallRef {
    text.parse().expect("reference")
}

pub(crate) async fn a_call_with_every_field_comes_back_as_it_was(store: &dyn Store) {
    let full = full_call("full");
    put(store, full.clone()).await.expect("put");
    assert_eq!(stored(store, "full").await, full);
    assert_eq!(shown(store, Load::Call(id("full"))).await.calls, vec![full.clone()]);
    assert_eq!(store.story(&id("full")).await.expect("read").expect("there").state, full);
    // And by an update of every field that may change.
    put(store, call("plain", at(0))).await.expect("put");
    let wanted = {
        let mut wanted = full_call("plain");
        wanted.call.idempotency_key = None;
        let early = wanted.notices.remove(0);
        wanted.notices.push(early);
        wanted.attempts[1].sid = Some(sid(78));
        wanted
    };
    let to = wanted.clone();
    edit(store, "plain", move |s| *s = to.clone()).await.expect("edit");
    assert_eq!(stored(store, "plain").await, wanted);
    assert!(store.call(&id("other")).await.expect("read").is_none());
    assert!(store.story(&id("other")).await.expect("read").is_none());
}

pub(crate) async fn each_load_shows_what_it_says(store: &dyn Store) {
    let mut a = call("a", at(0));
    a.call.idempotency_key = Some("key".into());
    put_in(&mut a.attempts[0], AttemptState::Submitted, 1, at(1));
    put(store, a.clone()).await.expect("put");
    let mut b = call("b", at(5));
    b.call.reference = reference("2222");
    put(store, b).await.expect("put");

    let (first, unknown) = (attempt_id("a", 1), attempt_id("zzz", 1));
    let new = |name: &str, key: Option<&str>| Load::New {
        id: id(name),
        also: Vec::new(),
        phone: None,
        idempotency_key: key.map(Into::into),
        report: None,
        similar: None,
        references: vec![reference("7K3Q"), reference("2222"), reference("3333")],
        used_since: at(3),
    };
    let table: Vec<(&str, Load, &[&str])> = vec![
        ("call", Load::Call(id("a")), &["a"]),
        ("no such call", Load::Call(id("x")), &[]),
        ("attempt", Load::Attempt(first), &["a"]),
        ("no such attempt", Load::Attempt(unknown), &[]),
        ("message by attempt", Load::Message { attempt: Some(first), sid: sid(9), said: None }, &["a"]),
        ("message by sid", Load::Message { attempt: None, sid: sid(1), said: None }, &["a"]),
        ("message by sid, attempt unknown", Load::Message { attempt: Some(unknown), sid: sid(1), said: None }, &["a"]),
        ("unknown message", Load::Message { attempt: None, sid: sid(9), said: None }, &[]),
        ("new", new("x", None), &[]),
        ("new, id exists", new("a", None), &["a"]),
        ("new, key exists", new("x", Some("key")), &["a"]),
        ("new, both exist in one", new("a", Some("key")), &["a"]),
        ("new, both exist in two", new("b", Some("key")), &["b", "a"]),
        ("nothing", Load::Nothing, &[]),
    ];
    for (label, load, wanted) in table {
        let loaded = shown(store, load.clone()).await;
        assert_eq!(names(&loaded), wanted, "{label}");
        // 7K3Q was used before the moment, 2222 after it.
        let free = matches!(load, Load::New { .. }).then(|| reference("7K3Q"));
        assert_eq!(loaded.free_reference, free, "{label}");
    }
    let mut late = new("x", None);
    if let Load::New { used_since, .. } = &mut late {
        *used_since = at(0);
    }
    assert_eq!(shown(store, late).await.free_reference, Some(reference("3333")), "both in use");

    assert_eq!(store.call_by_key("key").await.expect("read"), Some(id("a")));
    assert_eq!(store.call_by_key("other").await.expect("read"), None);
    assert_eq!(store.call_by_sid(&sid(1)).await.expect("read"), Some(id("a")));
    assert_eq!(store.call_by_sid(&sid(2)).await.expect("read"), None);
    assert_eq!(store.call_by_reference(&reference("2222")).await.expect("read"), Some(id("b")));
    put(store, call("newer", at(50))).await.expect("put");
    assert_eq!(store.call_by_reference(&reference("7K3Q")).await.expect("read"), Some(id("newer")), "the newest");
}

pub(crate) async fn a_reply_sees_the_newest_fifty_open_calls_and_those_it_names(store: &dyn Store) {
    for n in 0..60_u32 {
        let name = format!("c{n:02}");
        let mut state = call(&name, at(0));
        put_in(&mut state.attempts[0], AttemptState::Submitted, n, at(i64::from(n)));
        put(store, state).await.expect("put");
    }
    // Told twice, taken, closed, of somebody else, not yet sent.
    edit(store, "c05", |s| {
        let mut again = attempt("c05", 2, "sam", at(1));
        put_in(&mut again, AttemptState::Submitted, 500, at(100));
        s.call.attempts = 2;
        s.notices.extend(again.notice());
        s.attempts.push(again);
    })
    .await
    .expect("edit");
    edit(store, "c58", |s| (s.call.status, s.call.wake_at) = (CallStatus::Acknowledged, None)).await.expect("edit");
    edit(store, "c59", |s| (s.call.status, s.call.wake_at) = (CallStatus::Resolved, None)).await.expect("edit");
    let mut other = call("other", at(0));
    other.attempts[0].recipient = recipient("sam", "+18005550100");
    put_in(&mut other.attempts[0], AttemptState::Submitted, 900, at(200));
    put(store, other).await.expect("put");
    put(store, call("waiting", at(0))).await.expect("put");
    let mut closed = call("closed", at(0));
    closed.call.reference = reference("9999");
    (closed.call.status, closed.call.wake_at) = (CallStatus::Cancelled, None);
    put_in(&mut closed.attempts[0], AttemptState::Delivered, 901, at(300));
    put(store, closed).await.expect("put");

    let reply = |references: Vec<CallRef>| Load::Reply {
        from: "+19495550101".into(),
        sid: sid(1_000),
        references,
        changed_since: super::fixtures::at(0),
    };
    let loaded = shown(store, reply(vec![])).await;
    let mut wanted = vec!["c05".to_owned()];
    // c58 is taken: fifty others still look for somebody.
    wanted.extend((0..58).rev().filter(|n| *n != 5).map(|n| format!("c{n:02}")).take(49));
    wanted.extend(["closed".to_owned(), "c59".to_owned()]);
    assert_eq!(names(&loaded), wanted);
    assert_eq!(loaded.answered_before, None);
    let mut long_ago = call("long-ago", at(0));
    long_ago.call.reference = reference("8888");
    (long_ago.call.status, long_ago.call.wake_at) = (CallStatus::Cancelled, None);
    put(store, long_ago).await.expect("put");
    let named = shown(store, reply(vec![reference("9999"), reference("8888")])).await;
    assert_eq!(named.calls.len(), 53);
    assert_eq!(names(&named).last(), Some(&"long-ago"), "a closed call that is named is shown");
    let stranger = Load::Reply {
        from: "+12025550123".into(),
        sid: sid(1_001),
        references: vec![],
        changed_since: super::fixtures::at(0),
    };
    assert!(shown(store, stranger).await.calls.is_empty());
}

pub(crate) async fn only_the_difference_is_written_and_new_attempts_come_after_moved_ones(store: &dyn Store) {
    put(store, call("c", at(0))).await.expect("put");
    // In one change: the open attempt closes and another of the same notice opens, in whatever order they are listed.
    edit(store, "c", |s| {
        let mut next = attempt("c", 2, "sam", at(2));
        next.step = 0;
        next.repeats = Some(s.attempts[0].id);
        put_in(&mut s.attempts[0], AttemptState::Failed, 0, at(1));
        s.call.attempts = 2;
        s.call.notified_at = Some(at(2));
        s.attempts.insert(0, next);
    })
    .await
    .expect("edit");
    let after = stored(store, "c").await;
    assert_eq!(
        after.attempts.iter().map(|a| (a.number, a.state)).collect::<Vec<_>>(),
        [(1, AttemptState::Failed), (2, AttemptState::Scheduled)]
    );
    assert_eq!(after.call.notified_at, Some(at(2)));
    // What is returned as it was loaded writes nothing, and answers all the same.
    let same: Decide = Arc::new(|loaded| {
        let state = loaded.calls.first().cloned().ok_or("none")?;
        Ok(Change { calls: vec![state.clone()], answer: Answer::Already(Box::new(state)), ..Change::default() })
    });
    let committed = store.transact(Load::Call(id("c")), Vec::new(), same).await.expect("same");
    assert!(matches!(committed.change.answer, Answer::Already(state) if *state == after));
    assert_eq!(stored(store, "c").await, after);
}

pub(crate) async fn a_refused_decision_writes_nothing(store: &dyn Store) {
    let refuse: Decide = Arc::new(|_| Err("our bug".into()));
    let got = store.transact(Load::Nothing, Vec::new(), refuse).await;
    assert!(matches!(&got, Err(StoreError::Refused { what }) if what == "our bug"), "{got:?}");
    // The last part of a change fails: nothing of its first parts stays.
    put(store, call("there", at(0))).await.expect("put");
    let change = || Change {
        calls: vec![call("new", at(0))],
        log: vec![entry(None, at(1), "lost")],
        alerts: vec![AlertChange::Raise { key: alert_key("store"), call: None, message: "m".into() }],
        opt_outs: vec![OptOutChange::Out { phone: "+19495550101".into(), sender: String::new() }],
        receipts: vec![receipt(update(1, None), Some(attempt_id("nobody", 1)), at(1))],
        ..Change::default()
    };
    let got = store.transact(Load::Nothing, Vec::new(), always(change)).await;
    assert!(format!("{got:?}").to_uppercase().contains("FOREIGN KEY"), "{got:?}");
    assert!(store.call(&id("new")).await.expect("read").is_none());
    assert!(store.log(&LogFilter { limit: 9, ..LogFilter::default() }).await.expect("read").is_empty());
    assert!(store.alerts().await.expect("read").is_empty() && store.opt_outs().await.expect("read").is_empty());
}

pub(crate) async fn five_hundred_at_once_with_a_fifth_failing_or_panicking(store: &dyn Store) {
    let changes = (0..500_u32).map(|n| async move {
        let name = format!("c{n:03}");
        let state = call(&name, at(i64::from(n)));
        let decide: Decide = Arc::new(move |_| {
            let mut change = Change {
                calls: vec![state.clone()],
                log: vec![entry(Some(state.call.id.as_str()), at(1), "accepted")],
                answer: Answer::Created(Box::new(state.clone())),
                ..Change::default()
            };
            match n % 15 {
                0 => Err("refused".to_owned()),
                5 => panic!("a decision that panics on purpose"),
                10 => {
                    // Fails late, after part of it is written.
                    change.calls[0].attempts[0].finished_at = Some(at(0));
                    Ok(change)
                }
                _ => Ok(change),
            }
        });
        (n, store.transact(Load::Call(id(&name)), Vec::new(), decide).await.map(|c| c.change.answer))
    });
    let outcomes = futures_util::future::join_all(changes).await;
    let mut there = BTreeSet::new();
    for (n, outcome) in outcomes {
        match outcome {
            Ok(Answer::Created(state)) => assert!(there.insert(state.call.id.as_str().to_owned()), "{n} twice"),
            Err(StoreError::Refused { .. }) => assert_eq!(n % 5, 0, "{n} was refused"),
            other => panic!("{n}: {other:?}"),
        }
    }
    assert_eq!(there.len(), 400);
    for n in 0..500 {
        let name = format!("c{n:03}");
        let story = store.story(&id(&name)).await.expect("read");
        assert_eq!(story.is_some(), there.contains(&name), "{name}");
        assert_eq!(story.map_or(1, |s| s.log.len()), 1, "{name}");
    }
}

/// Those that fail late make the batch run again: of every change one run is committed, and that one is reported.
pub(crate) async fn a_change_that_was_decided_again_is_reported_as_it_was_committed(store: &dyn Store) {
    let runs_max = Arc::new(AtomicU32::new(0));
    let changes = (0..60_u32).map(|n| {
        let (name, runs_max) = (format!("c{n:03}"), Arc::clone(&runs_max));
        let (state, runs) = (call(&name, at(i64::from(n))), AtomicU32::new(0));
        let decide: Decide = Arc::new(move |_| {
            let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
            runs_max.fetch_max(run, Ordering::Relaxed);
            let mut change = Change {
                calls: vec![state.clone()],
                log: vec![entry(Some(state.call.id.as_str()), at(1), &format!("run {run}"))],
                ..Change::default()
            };
            if n % 10 == 9 {
                change.calls[0].attempts[0].finished_at = Some(at(0));
            }
            Ok(change)
        });
        async move { (n, store.transact(Load::Call(id(&name)), Vec::new(), decide).await) }
    });
    let mut numbers = BTreeSet::new();
    for (n, outcome) in futures_util::future::join_all(changes).await {
        let Ok(committed) = outcome else {
            assert_eq!(n % 10, 9, "{n}");
            continue;
        };
        let story = store.story(&id(&format!("c{n:03}"))).await.expect("read").expect("there");
        let stored: Vec<_> = story.log.into_iter().map(|line| line.entry).collect();
        assert_eq!((committed.change.log, committed.change.calls), (stored, vec![story.state]), "{n}");
        assert!(numbers.insert(committed.number), "{n} has a number of its own");
    }
    assert_eq!(numbers.len(), 54);
    assert!(runs_max.load(Ordering::Relaxed) > 1, "a batch ran again");
}

pub(crate) async fn receipts_wait_for_their_message_and_are_joined_once(store: &dyn Store) {
    let kept = |update: crate::domain::event::StatusUpdate| {
        always(move || Change { receipts: vec![receipt(update.clone(), None, at(1))], ..Change::default() })
    };
    put(store, call("c", at(0))).await.expect("put");
    let first = attempt_id("c", 1);
    for update in [update(1, None), update(2, Some(first)), update(3, Some(attempt_id("nobody", 1)))] {
        store.transact(Load::Nothing, Vec::new(), kept(update)).await.expect("kept");
    }
    let sids = |l: &Loaded| l.orphans.iter().map(|n| n.sid.clone()).collect::<Vec<_>>();
    let by_sid = shown(store, Load::Message { attempt: None, sid: sid(1), said: None }).await;
    assert_eq!(sids(&by_sid), [sid(1)]);
    let by_attempt = shown(store, Load::Attempt(first)).await;
    assert_eq!(sids(&by_attempt), [sid(2)], "named in the path of the callback");
    assert_eq!(by_attempt.orphans[0].attempt, Some(first));
    assert_eq!(
        sids(&shown(store, Load::Message { attempt: Some(first), sid: sid(1), said: None }).await),
        [sid(1), sid(2)]
    );
    // The answer to the POST brings the SID; the decision sees what waited for it.
    let joined: Decide = Arc::new(move |loaded| {
        assert_eq!(loaded.orphans.len(), 2);
        let mut state = loaded.calls.first().cloned().ok_or("none")?;
        put_in(&mut state.attempts[0], AttemptState::Delivered, 1, at(2));
        Ok(Change { calls: vec![state], ..Change::default() })
    });
    store
        .transact(Load::Message { attempt: Some(first), sid: sid(1), said: None }, Vec::new(), joined)
        .await
        .expect("joined");
    assert!(
        shown(store, Load::Message { attempt: Some(first), sid: sid(1), said: None }).await.orphans.is_empty(),
        "only once"
    );
    let more = always(move || Change {
        receipts: vec![receipt(update(1, Some(first)), Some(first), at(3))],
        ..Change::default()
    });
    store.transact(Load::Nothing, Vec::new(), more).await.expect("receipt");
    let receipts = store.story(&id("c")).await.expect("read").expect("there").receipts;
    let seen: Vec<_> = receipts.iter().map(|r| (r.update.sid.clone(), r.joined, r.effect, r.at)).collect();
    assert_eq!(
        seen,
        [
            (sid(1), Some(first), "orphan", at(1)),
            (sid(2), Some(first), "orphan", at(1)),
            (sid(1), Some(first), "moved", at(3))
        ]
    );
    assert_eq!(
        sids(&shown(store, Load::Message { attempt: None, sid: sid(3), said: None }).await),
        [sid(3)],
        "that one still waits"
    );
}

pub(crate) async fn an_inbound_text_is_kept_once_and_answered_as_before(store: &dyn Store) {
    put(store, call("c", at(0))).await.expect("put");
    let row = || InboundRow {
        text: InboundText {
            listed: false,
            waited_since: None,
            sid: sid(1),
            from: "+19495550101".into(),
            to: "+15005550006".into(),
            body: "1".into(),
            provider_replied: false,
            at: Some(at(1)),
            at_ours: None,
        },
        call: Some(id("c")),
        understood: "acknowledge".into(),
        answer: "It is yours.".into(),
        prompt: None,
        answered_by: None,
        waits: false,
        at: at(2),
    };
    let keep = always(move || Change { inbound: Some(row()), ..Change::default() });
    let load = Load::Reply {
        from: "+19495550101".into(),
        sid: sid(1),
        references: vec![],
        changed_since: super::fixtures::at(0),
    };
    store.transact(load.clone(), Vec::new(), Arc::clone(&keep)).await.expect("kept");
    assert_eq!(
        shown(store, load.clone()).await.answered_before.map(|b| (b.answer, b.waits)),
        Some(("It is yours.".into(), false))
    );
    let again = store.transact(load, Vec::new(), keep).await;
    let again = format!("{again:?}");
    assert!(again.contains("inbound.sid") || again.contains("inbound_pkey"), "twice: {again:?}");
}

pub(crate) async fn alerts_are_raised_and_resolved_once(store: &dyn Store) {
    let change = |alerts: Vec<AlertChange>, when: i64| {
        always(move || Change {
            alerts: alerts.clone(),
            log: vec![entry(None, at(when), "cause")],
            ..Change::default()
        })
    };
    let raise =
        |key: &str, message: &str| AlertChange::Raise { key: alert_key(key), call: None, message: message.into() };
    let resolve = |key: &str| AlertChange::Resolve { key: alert_key(key) };
    let steps = [
        (1, vec![resolve("store")]),
        (2, vec![raise("store", "first"), raise("store", "second"), raise("no-sender", "other")]),
        (3, vec![raise("store", "third"), raise("opted-out:+19495550101", "number")]),
    ];
    for (when, alerts) in steps {
        store.transact(Load::Nothing, Vec::new(), change(alerts, when)).await.expect("alerts");
    }
    let open = store.alerts().await.expect("read");
    let seen: Vec<_> = open.iter().map(|a| (a.key.to_string(), a.message.as_str(), a.raised_at)).collect();
    let seen: Vec<_> = seen.iter().map(|(key, message, at)| (key.as_str(), *message, *at)).collect();
    let by_number = ("opted-out:+19495550101", "number", at(3));
    assert_eq!(seen, [("no-sender", "other", at(2)), ("store", "first", at(2)), by_number]);
    for when in [4, 5] {
        store.transact(Load::Nothing, Vec::new(), change(vec![resolve("store")], when)).await.expect("resolve");
    }
    assert_eq!(store.alerts().await.expect("read").len(), 2);
    store.transact(Load::Nothing, Vec::new(), change(vec![raise("store", "anew")], 6)).await.expect("raise");
    let log = store.log(&LogFilter { limit: 99, ..LogFilter::default() }).await.expect("read");
    let entries: Vec<_> = log
        .iter()
        .filter(|l| matches!(l.entry.kind, LogKind::AlertRaised | LogKind::AlertResolved))
        .map(|l| (l.entry.kind, l.entry.data["key"].as_str().expect("key"), l.entry.message.as_str(), l.entry.at))
        .collect();
    assert_eq!(
        entries,
        [
            (LogKind::AlertRaised, "store", "first", at(2)),
            (LogKind::AlertRaised, "no-sender", "other", at(2)),
            (LogKind::AlertRaised, "opted-out:+1949•••0101", "number", at(3)),
            (LogKind::AlertResolved, "store", "over: first", at(4)),
            (LogKind::AlertRaised, "store", "anew", at(6)),
        ]
    );
}

pub(crate) async fn opt_outs_are_kept_by_phone_and_sender(store: &dyn Store) {
    let (sam, bo) = ("+19495550101", "+18005550100");
    let out = |phone: &str, sender: &str| OptOutChange::Out { phone: phone.into(), sender: sender.into() };
    let back =
        |phone: &str, sender: Option<&str>| OptOutChange::In { phone: phone.into(), sender: sender.map(Into::into) };
    let pair = |phone: &str, sender: &str| (phone.to_owned(), sender.to_owned());
    put(store, call("c", at(0))).await.expect("put");
    let table = [
        (
            "two",
            vec![out(sam, "+15005550006"), out(sam, ""), out(bo, "A")],
            vec![pair(bo, "A"), pair(sam, ""), pair(sam, "+15005550006")],
        ),
        ("again", vec![out(sam, "")], vec![pair(bo, "A"), pair(sam, ""), pair(sam, "+15005550006")]),
        ("one back", vec![back(sam, Some(""))], vec![pair(bo, "A"), pair(sam, "+15005550006")]),
        ("all back", vec![out(sam, "B"), back(sam, None)], vec![pair(bo, "A")]),
    ];
    for (label, changes, wanted) in table {
        let decide = always(move || Change {
            opt_outs: changes.clone(),
            log: vec![entry(None, at(1), "opt-out")],
            ..Change::default()
        });
        store.transact(Load::Nothing, Vec::new(), decide).await.expect(label);
        let lines = store.opt_outs().await.expect(label);
        assert!(lines.iter().all(|l| l.since == at(1)), "{label}");
        let lines: Vec<_> = lines.into_iter().map(|l| (l.phone, l.sender)).collect();
        assert_eq!(lines, wanted, "{label}");
        // Sam is in the loaded call, bo is asked for by name.
        let loaded = shown(store, Load::Call(id("c"))).await;
        assert_eq!(loaded.opted_out.into_iter().collect::<Vec<_>>(), wanted, "{label}");
        let nobody = shown(store, Load::Nothing).await.opted_out;
        assert_eq!(nobody.into_iter().collect::<Vec<_>>(), [pair(bo, "A")], "{label}: only who was asked for");
    }
}

pub(crate) async fn the_log_is_read_by_cursor_call_and_time(store: &dyn Store) {
    let mut with_data = entry(Some("a"), at(2), "two");
    with_data.data = json!({ "n": 2, "list": [1, 2] });
    let entries =
        vec![entry(Some("a"), at(1), "one"), with_data, entry(Some("b"), at(3), "three"), entry(None, at(4), "four")];
    store.append_log(entries.clone()).await.expect("append");
    let read = |filter: LogFilter| async move {
        let lines = store.log(&filter).await.expect("read");
        assert!(lines.windows(2).all(|w| w[0].seq < w[1].seq));
        lines.into_iter().map(|l| l.entry).collect::<Vec<_>>()
    };
    let all = LogFilter { limit: 99, ..LogFilter::default() };
    assert_eq!(read(all.clone()).await, entries);
    assert_eq!(read(LogFilter { call: Some(id("a")), ..all.clone() }).await, entries[..2]);
    assert_eq!(read(LogFilter { since: Some(at(3)), ..all.clone() }).await, entries[2..]);
    assert_eq!(read(LogFilter { limit: 1, ..all.clone() }).await, entries[..1]);
    let third = store.log(&all).await.expect("read")[2].seq;
    assert_eq!(read(LogFilter { after: third, ..all.clone() }).await, entries[3..]);
    let newest = |filter: LogFilter| async move {
        let lines = store.newest_log(&filter).await.expect("read");
        assert!(lines.windows(2).all(|w| w[0].seq < w[1].seq));
        lines.into_iter().map(|l| l.entry).collect::<Vec<_>>()
    };
    assert_eq!(newest(all.clone()).await, entries);
    assert_eq!(newest(LogFilter { limit: 2, ..all.clone() }).await, entries[2..], "the last of them, oldest first");
    assert_eq!(newest(LogFilter { limit: 1, call: Some(id("a")), ..all.clone() }).await, entries[1..2]);
    assert_eq!(newest(LogFilter { since: Some(at(3)), limit: 9, ..all.clone() }).await, entries[2..]);
    assert_eq!(newest(LogFilter { after: third, ..all.clone() }).await, entries[3..]);
    assert!(read(LogFilter { after: i64::MAX, ..all }).await.is_empty());
}
