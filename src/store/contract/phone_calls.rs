//! Phone calls: what joins which call, and what waits for a report.

use super::cases::shown;
use super::fixtures::*;
use crate::domain::change::{Change, PhoneCallChange};
use crate::domain::event::{Load, Loaded};
use crate::domain::phone_call::PhoneCall;
use crate::domain::types::CallId;
use crate::store::{KnownAs, Store};

const LINE: &str = "+18005550100";
const CALLER: &str = "+19495550142";

fn phone(sid: Option<&str>, caller: Option<&str>, started: i64) -> PhoneCall {
    PhoneCall {
        id: String::new(),
        sid: sid.map(str::to_owned),
        line: Some(LINE.to_owned()),
        caller: caller.map(str::to_owned),
        started_at: Some(at(started)),
        ended_at: None,
    }
}

async fn keep(store: &dyn Store, change: PhoneCallChange) {
    let decide =
        move |_: &Loaded| Ok(Change { phone_calls: vec![change.clone()], at: Some(at(0)), ..Change::default() });
    store.transact(Load::Nothing, Vec::new(), std::sync::Arc::new(decide)).await.expect("kept");
}

async fn told(store: &dyn Store, name: &str, call: Option<&str>, phone: PhoneCall) {
    keep(store, PhoneCallChange::Told { id: id(name), phone, call: call.map(id) }).await;
}

async fn joined(store: &dyn Store, name: &str, also: &[&str], phone: Option<PhoneCall>) -> Vec<CallId> {
    let load = Load::New {
        id: id(name),
        also: also.iter().map(|n| id(n)).collect(),
        phone,
        idempotency_key: None,
        report: None,
        similar: None,
        references: vec!["7K3Q".parse().expect("a reference")],
        used_since: at(3),
    };
    shown(store, load).await.calls.into_iter().map(|c| c.call.id).collect()
}

pub(crate) async fn a_phone_call_is_found_by_its_ids_then_by_sid_then_by_caller_and_start(store: &dyn Store) {
    for name in ["a", "b", "plain"] {
        put(store, call(name, at(0))).await.expect("put");
    }
    told(store, "retell:a", Some("a"), phone(Some("CA00000000000000000000000000000001"), Some(CALLER), 1_000)).await;
    told(store, "vapi:b", Some("b"), phone(None, Some("(949) 555-0143"), 5_000)).await;
    told(store, "retell:silent", None, phone(Some("CA00000000000000000000000000000009"), Some("+19495550144"), 9_000))
        .await;
    let far = || Some(phone(None, None, 0));
    for (label, name, also, phone, want) in [
        ("its own row", "retell:a", vec![], far(), vec!["a"]),
        ("an id without its prefix", "retell:plain", vec!["plain"], far(), vec!["plain"]),
        ("an id with a prefix", "b", vec!["retell:b", "vapi:b"], None, vec!["b"]),
        ("the SID", "vapi:x", vec![], Some(phone(Some("CA00000000000000000000000000000001"), None, 99_000)), vec!["a"]),
        (
            "another SID at the same time",
            "vapi:x",
            vec![],
            Some(phone(Some("CA00000000000000000000000000000002"), Some(CALLER), 1_000)),
            vec![],
        ),
        ("caller and start", "vapi:x", vec![], Some(phone(None, Some(CALLER), 1_090)), vec!["a"]),
        ("91 s apart", "vapi:x", vec![], Some(phone(None, Some(CALLER), 1_091)), vec![]),
        ("a number without its country", "x", vec![], Some(phone(None, Some("+19495550143"), 4_910)), vec!["b"]),
        ("another caller", "x", vec![], Some(phone(None, Some("+19495550149"), 5_000)), vec![]),
        ("withheld", "x", vec![], Some(phone(None, Some("anonymous"), 5_000)), vec![]),
        (
            "nobody was heard in it",
            "x",
            vec![],
            Some(phone(Some("CA00000000000000000000000000000009"), None, 9_000)),
            vec![],
        ),
    ] {
        let want: Vec<CallId> = want.into_iter().map(id).collect();
        assert_eq!(joined(store, name, &also, phone).await, want, "{label}");
    }
    let other_line = PhoneCall { line: Some("+18005550199".to_owned()), ..phone(None, Some(CALLER), 1_000) };
    assert_eq!(joined(store, "x", &[], Some(other_line)).await, [], "another line");
    let ids = ["retell:a", "a", "retell:silent"].map(id).to_vec();
    let known = store.known_phone_calls(ids).await.expect("read");
    assert_eq!(known, [KnownAs::Call, KnownAs::Call, KnownAs::Nothing]);
}

pub(crate) async fn a_report_joins_the_call_that_the_api_made_of_its_phone_call(store: &dyn Store) {
    for (name, accepted, caller) in [("own", 60, CALLER), ("retell:other", 60, "+19495550143")] {
        let mut state = call(name, at(accepted));
        state.call.data.twilio_to_number = Some("(800) 555-0100".to_owned());
        state.call.data.caller_phone = Some(caller.to_owned());
        put(store, state).await.expect("put");
    }
    let rang = |caller, from, to| Some(PhoneCall { ended_at: Some(at(to)), ..phone(None, Some(caller), from) });
    for (label, name, phone, want) in [
        ("accepted during it", "retell:x", rang(CALLER, 0, 120), vec!["own"]),
        ("90 s before it", "retell:x", rang(CALLER, 150, 160), vec!["own"]),
        ("earlier", "retell:x", rang(CALLER, 151, 160), vec![]),
        ("two of one source", "retell:x", rang("+19495550143", 0, 120), vec![]),
        ("two of the API", "x", rang(CALLER, 0, 120), vec![]),
        ("without a start", "retell:x", Some(PhoneCall { started_at: None, ..phone(None, Some(CALLER), 0) }), vec![]),
        ("another caller", "retell:x", rang("+19495550149", 0, 120), vec![]),
    ] {
        let want: Vec<CallId> = want.into_iter().map(id).collect();
        assert_eq!(joined(store, name, &[], phone.clone()).await, want, "{label}");
        let found = store.call_of_phone_call(&id(name), &[], &phone.expect("a phone call")).await.expect("read");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), want, "{label}, asked");
    }
}

pub(crate) async fn a_phone_call_waits_until_it_is_told_of(store: &dyn Store) {
    put(store, call("a", at(0))).await.expect("put");
    assert_eq!(store.next_phone_call().await.expect("read"), None);
    let waits = |name: &str, due: i64| PhoneCallChange::Waits {
        id: id(name),
        phone: phone(Some(name), Some(CALLER), 1_000),
        until: at(due),
        words: Some("the pipe has burst".to_owned()),
    };
    for (name, due) in [("twilio:2", 300), ("twilio:1", 200), ("twilio:2", 100)] {
        keep(store, waits(name, due)).await;
    }
    let due = |n: i64| async move { store.phone_calls_due(at(n), 9).await.expect("read") };
    assert_eq!(due(199).await, []);
    let first = due(200).await.remove(0);
    assert_eq!((first.id, first.words.as_deref()), (id("twilio:1"), Some("the pipe has burst")));
    assert_eq!((first.phone.started_at, first.phone.caller.as_deref()), (Some(at(1_000)), Some(CALLER)));
    assert_eq!(store.next_phone_call().await.expect("read"), Some(at(200)));
    assert_eq!(joined(store, "x", &[], Some(phone(Some("twilio:1"), None, 0))).await, [], "one that waits is no call");
    assert_eq!(store.told_of(&id("x"), &phone(Some("twilio:1"), None, 0)).await.expect("read"), None);
    told(store, "twilio:1", Some("a"), phone(None, None, 0)).await;
    let found = store.told_of(&id("x"), &phone(Some("twilio:1"), None, 0)).await.expect("read");
    assert_eq!(found, Some(Some(id("a"))), "its SID stays");
    keep(store, waits("twilio:1", 900)).await;
    assert_eq!(due(999).await.into_iter().map(|w| w.id).collect::<Vec<_>>(), [id("twilio:2")], "it waits no more");
    told(store, "twilio:2", None, phone(None, None, 0)).await;
    assert_eq!(due(999).await, []);
    assert_eq!(store.told_of(&id("x"), &phone(Some("twilio:2"), None, 0)).await.expect("read"), Some(None));
}

pub(crate) async fn one_in_which_nobody_was_heard_is_not_a_later_one(store: &dyn Store) {
    told(store, "retell:silent", None, phone(None, Some(CALLER), 1_000)).await;
    for (label, source, started, want) in [
        ("the same, by another clock", "twilio:x", 1_001, Some(None)),
        ("the same, which rang before", "twilio:x", 990, Some(None)),
        ("rung again", "twilio:x", 1_010, None),
        ("another of the same source", "retell:x", 1_000, None),
    ] {
        let found = store.told_of(&id(source), &phone(None, Some(CALLER), started)).await.expect("read");
        assert_eq!(found, want, "{label}");
    }
}
