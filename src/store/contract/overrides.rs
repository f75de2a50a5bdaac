//! Exceptions to who is on call, and who was on call.

use super::fixtures::at;
use crate::domain::oncall::{DutyOverride, OverrideId, OverrideKind, OverrideScope};
use crate::domain::types::Role;
use crate::store::{DutyChange, KeptHolder, LogFilter, Store};

pub(crate) fn exception(n: u128, from: i64, until: i64) -> DutyOverride {
    DutyOverride {
        id: OverrideId::from_uuid(uuid::Uuid::from_u128(n)),
        scope: OverrideScope::Rotation("night".parse().expect("id")),
        kind: OverrideKind::Take,
        contact: "ana".parse().expect("id"),
        from: at(from),
        until: at(until),
        note: "swap".into(),
        by: "office".into(),
        made_at: at(from),
        source: None,
        asked: None,
        withdrawn: None,
    }
}

pub(crate) async fn one_is_made_once_and_withdrawn_once_and_every_change_is_seen(store: &dyn Store) {
    let basis = async || store.basis().await.expect("basis").overrides;
    assert_eq!(basis().await, None);
    let role = OverrideScope::Role { line: None, role: "Primary".parse().expect("role") };
    let line = OverrideScope::Role { line: Some("+18005550100".into()), role: "backup".parse().expect("role") };
    let all = [
        DutyOverride { source: Some("airtable:rec1".into()), ..exception(1, 0, 10) },
        DutyOverride { scope: role, kind: OverrideKind::Add, ..exception(2, 1, 20) },
        DutyOverride { scope: line, ..exception(3, 2, 30) },
        DutyOverride { scope: OverrideScope::Everywhere, kind: OverrideKind::Away, ..exception(4, 3, 40) },
    ];
    let mut seen = None;
    for one in &all {
        assert_eq!(store.make_override(one).await.expect("made"), (one.clone(), true));
        let now = basis().await;
        assert!(now > seen, "{now:?}");
        seen = now;
    }
    assert_eq!(store.overrides(at(0)).await.expect("read"), all);
    assert_eq!(store.overrides(at(10)).await.expect("read"), all[1..], "over at its end");
    let again = DutyOverride { id: exception(9, 0, 1).id, ..all[0].clone() };
    assert_eq!(store.make_override(&again).await.expect("read"), (all[0].clone(), false));
    assert_eq!(basis().await, seen, "nothing was changed");
    let gone = DutyOverride { withdrawn: Some((at(5), "desk".into())), ..all[1].clone() };
    let done = store.withdraw_override(&gone.id, "desk", at(5)).await.expect("withdrawn");
    assert_eq!(done, Some((gone.clone(), true)));
    assert!(basis().await > seen);
    let twice = store.withdraw_override(&gone.id, "sam", at(6)).await.expect("read");
    assert_eq!(twice, Some((gone.clone(), false)), "who did it first");
    assert_eq!(store.override_by_id(&gone.id).await.expect("read"), Some(gone));
    assert_eq!(store.withdraw_override(&exception(9, 0, 1).id, "x", at(7)).await.expect("read"), None);
    let log = store.log(&LogFilter { limit: 100, ..LogFilter::default() }).await.expect("log");
    let kinds: Vec<&str> = log.iter().map(|l| l.entry.kind.as_str()).filter(|k| k.starts_with("oncall.")).collect();
    assert_eq!(kinds, [&["oncall.override"; 4][..], &["oncall.withdrawn"]].concat());
}

pub(crate) async fn the_same_words_within_a_minute_are_one_exception(store: &dyn Store) {
    let typed = |n: u128, made: i64, asked: &str| {
        let (made_at, until) = (at(made), at(made).plus(std::time::Duration::from_secs(8 * 3600)));
        DutyOverride { made_at, from: made_at, until, asked: Some(asked.into()), ..exception(n, 0, 1) }
    };
    let make = async |o: DutyOverride| store.make_override(&o).await.expect("made");
    let first = typed(1, 0, "x");
    assert_eq!(make(first.clone()).await, (first.clone(), true));
    assert_eq!(make(typed(2, 59, "x")).await, (first.clone(), false), "typed twice");
    assert!(make(typed(3, 59, "y")).await.1, "other words");
    assert!(make(DutyOverride { by: "desk".into(), ..typed(4, 59, "x") }).await.1, "another person");
    assert!(make(DutyOverride { source: Some("k".into()), ..typed(5, 59, "x") }).await.1, "another way");
    assert_eq!(store.override_by_source("k").await.expect("read").map(|o| o.id), Some(typed(5, 0, "").id));
    assert!(make(typed(6, 61, "x")).await.1, "a minute later it is meant");
    store.withdraw_override(&typed(6, 0, "").id, "desk", at(62)).await.expect("withdrawn");
    assert!(make(typed(7, 63, "x")).await.1, "what was withdrawn is made again");
}

pub(crate) async fn who_held_a_role_is_read_by_its_moment_and_never_changed(store: &dyn Store) {
    let role: Role = "Primary".parse().expect("role");
    let holder = |who: &str| KeptHolder { contact: who.into(), name: who.to_uppercase(), why: "team".into() };
    let change = |since: i64, who: &[&str]| DutyChange {
        line: None,
        role: role.clone(),
        since: at(since),
        holders: who.iter().map(|w| holder(w)).collect(),
    };
    let read = async |moment: i64| store.duty_before(None, &role, at(moment)).await.expect("read");
    assert_eq!(read(5).await, None);
    let (first, second) = (change(5, &["sam"]), change(9, &[]));
    store.keep_duty_changes(&[first.clone(), second.clone()], at(10)).await.expect("kept");
    store.keep_duty_changes(&[change(9, &["ana"])], at(11)).await.expect("kept");
    assert_eq!((read(4).await, read(5).await, read(8).await), (None, Some(first.clone()), Some(first)));
    let between = async |from: i64, until: i64| {
        let all = store.duty_changes(None, &role, at(from), at(until)).await.expect("read");
        all.into_iter().map(|c| c.since).collect::<Vec<_>>()
    };
    assert_eq!(between(4, 99).await, [at(5), at(9)]);
    assert_eq!(between(6, 99).await, [at(5), at(9)], "what was in force at the begin is there");
    assert_eq!((between(6, 9).await, between(1, 5).await), (vec![at(5)], vec![]));
    assert_eq!((read(9).await, read(99).await), (Some(second.clone()), Some(second)), "the first stays");
    let other = store.duty_before(Some("+18005550100"), &role, at(99)).await.expect("read");
    assert_eq!(other, None, "of another line");
    let log = store.log(&LogFilter { limit: 100, ..LogFilter::default() }).await.expect("log");
    let said: Vec<&str> = log.iter().map(|l| l.entry.message.as_str()).filter(|m| m.contains("in place of")).collect();
    assert_eq!(said, ["Primary: nobody in place of sam"], "what is first kept is no change");
}
