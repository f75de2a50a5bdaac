//! What loops and people read: orders, limits, and who is left out.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::cases::shown;
use super::fixtures::*;
use crate::domain::alert::AlertChange;
use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::breaker::{Breaker, Evidence, Probe};
use crate::domain::call::{CallState, CallStatus};
use crate::domain::change::{BreakerChange, Change};
use crate::domain::event::Load;
use crate::domain::hours::Hours;
use crate::domain::types::{Actor, CallId, ErrorCode};
use crate::store::{
    Backlog, CallFilter, EngineBeat, EngineRow, Figures, Store, SyncedBusiness, SyncedContact, SyncedContacts,
};
use crate::testing::alert_key;

pub(super) fn texts(ids: &[CallId]) -> Vec<&str> {
    ids.iter().map(CallId::as_str).collect()
}

pub(super) async fn put_all(store: &dyn Store, states: Vec<CallState>) {
    for state in states {
        put(store, state).await.expect("put");
    }
}

pub(crate) fn closed(mut state: CallState, status: CallStatus) -> CallState {
    (state.call.status, state.call.wake_at) = (status, None);
    state
}

pub(super) fn woken(name: &str, wake: i64) -> CallState {
    let mut state = call(name, at(0));
    state.call.wake_at = Some(at(wake));
    state
}

pub(crate) async fn requests_are_answered_once(store: &dyn Store) {
    let actor = Actor("jo".into());
    let first = store.post_request("refresh", json!({ "call": "c" }), &actor, at(1)).await.expect("post");
    let second = store.post_request("yield", json!(null), &actor, at(2)).await.expect("post");
    assert!(second > first);
    let open = store.open_requests().await.expect("read");
    assert_eq!(
        open.iter().map(|r| (r.id, r.kind.as_str(), r.at)).collect::<Vec<_>>(),
        [(first, "refresh", at(1)), (second, "yield", at(2))]
    );
    assert_eq!((&open[0].payload, &open[0].actor, &open[0].result), (&json!({ "call": "c" }), &actor, &None));
    store.answer_request(first, json!(null), at(3)).await.expect("answer");
    store.answer_request(first, json!("late"), at(4)).await.expect("answering twice changes nothing");
    let answered = store.request(first).await.expect("read").expect("there");
    assert_eq!(answered.result, Some(json!(null)));
    assert_eq!(store.open_requests().await.expect("read").len(), 1);
    let third = store.post_request("refresh", json!(null), &actor, at(86_400 + 2)).await.expect("post");
    assert_eq!(store.request(first).await.expect("read"), None, "a day is long enough");
    assert!(store.request(second).await.expect("read").is_some());
    store.answer_request(third, json!(null), at(86_400 + 3)).await.expect("answer");
    assert_eq!(store.request(99).await.expect("read"), None);
    store.answer_request(99, json!(1), at(5)).await.expect("nobody asked");
}

pub(crate) async fn engines_leave_word_of_a_clean_stop(store: &dyn Store) {
    assert_eq!(store.engine().await.expect("read"), None);
    let row = |n: i64| EngineRow {
        id: format!("e{n}"),
        role: "serve".into(),
        pid: 4_000_000_000,
        started_at: at(n),
        stopped_at: None,
        listen: Some("127.0.0.1:0".into()),
        beat: (n > 100).then(|| EngineBeat { boot_id: "b".into(), boot: Duration::from_millis(7), at: at(n) }),
    };
    for n in 0..110 {
        store.engine_started(&row(n)).await.expect("started");
    }
    assert_eq!(store.engine().await.expect("read"), Some(row(109)));
    let beat = EngineBeat { boot_id: "c".into(), boot: Duration::from_millis(9), at: at(150) };
    store.engine_heartbeat("e109", &beat).await.expect("beats");
    store.engine_heartbeat("e0", &beat).await.expect("forgotten");
    assert_eq!(store.engine().await.expect("read"), Some(EngineRow { beat: Some(beat), ..row(109) }));
    store.engine_stopped("e109", at(200)).await.expect("stopped");
    store.engine_stopped("e109", at(300)).await.expect("twice");
    store.engine_stopped("e0", at(300)).await.expect("forgotten");
    let newest = store.engine().await.expect("read").expect("there");
    assert_eq!((newest.id.as_str(), newest.stopped_at), ("e109", Some(at(200))));
    let others = store.version_of_others().await.expect("version");
    let before = store.version().await.expect("version");
    store.post_request("refresh", json!(null), &Actor::engine(), at(1)).await.expect("post");
    assert_ne!(store.version().await.expect("version"), before, "our own commits are seen");
    assert_eq!(store.version_of_others().await.expect("version"), others, "and are nobody else's");
    let quiet = store.version().await.expect("version");
    assert_eq!(store.version().await.expect("version"), quiet, "nothing happened");
    assert!(store.probe(at(1)).await.expect("probe") < Duration::from_secs(60));
    if store.upkeep().is_none() {
        assert_eq!(store.version().await.expect("version"), quiet, "a server is tried without news for others");
    }
    if let Some(upkeep) = store.upkeep() {
        upkeep.checkpoint().await.expect("checkpoint");
    }
}

pub(crate) async fn deferred_calls_that_nobody_has_seen_are_found(store: &dyn Store) {
    let deferred = |name: &str, wake: Option<i64>| {
        let mut state = closed(call(name, at(0)), CallStatus::Deferred);
        state.call.wake_at = wake.map(at);
        state
    };
    let all =
        vec![deferred("later", Some(9)), deferred("due", Some(5)), deferred("seen", None), deferred("first", Some(1))];
    put_all(store, all).await;
    put_all(store, vec![woken("dispatching", 1)]).await;
    assert_eq!(texts(&store.not_seen(at(5), 9).await.expect("read")), ["first", "due"]);
    assert_eq!(texts(&store.not_seen(at(99), 1).await.expect("read")), ["first"]);
    assert_eq!(texts(&store.due(at(99), 9).await.expect("read")), ["dispatching"], "no ladder of theirs is due");
}

pub(crate) async fn calls_whose_holder_is_to_be_asked_are_found_and_go_back_with_the_clock(store: &dyn Store) {
    let taken = |name: &str, ask: Option<i64>, asked: Option<i64>| {
        let mut state = closed(call(name, at(0)), CallStatus::Acknowledged);
        (state.call.ask_at, state.call.asked_at) = (ask.map(at), asked.map(at));
        state
    };
    let all = vec![
        taken("later", Some(90), None),
        taken("silent", Some(50), Some(40)),
        taken("never", None, Some(1)),
        taken("first", Some(20), None),
    ];
    put_all(store, all).await;
    assert_eq!(texts(&store.to_ask(at(50), 9).await.expect("read")), ["first", "silent"]);
    assert_eq!(texts(&store.to_ask(at(99), 1).await.expect("read")), ["first"]);
    store.clock_stepped(-10_000, at(50), at(50)).await.expect("stepped");
    let call = store.call(&id("silent")).await.expect("read").expect("there").call;
    assert_eq!((call.ask_at, call.asked_at), (Some(at(40)), Some(at(30))));
}

pub(crate) async fn calls_that_nobody_heard_of_are_found(store: &dyn Store) {
    let mut notified_call = call("told", at(0));
    notified_call.call.notified_at = Some(at(1));
    let mut accepted = call("accepted", at(0));
    put_in(&mut accepted.attempts[0], AttemptState::Submitted, 1, at(1));
    let mut failed = call("failed", at(1));
    put_in(&mut failed.attempts[0], AttemptState::Failed, 1, at(1));
    let taken = closed(call("taken", at(0)), CallStatus::Exhausted);
    put_all(store, vec![notified_call, accepted, taken, call("late", at(9)), call("quiet", at(2)), failed]).await;
    assert_eq!(texts(&store.unnotified(at(5), 9).await.expect("read")), ["failed", "quiet"]);
    assert_eq!(texts(&store.unnotified(at(99), 1).await.expect("read")), ["failed"]);
    assert_eq!(texts(&store.unnotified(at(2), 9).await.expect("read")), ["failed"], "accepted before, not at");
    let raised = || Change {
        alerts: vec![AlertChange::Raise { key: alert_key("untold:failed"), call: None, message: "nobody".into() }],
        ..Change::default()
    };
    store.transact(Load::Nothing, Vec::new(), Arc::new(move |_| Ok(raised()))).await.expect("raised");
    assert_eq!(texts(&store.unnotified(at(99), 1).await.expect("read")), ["quiet"], "one that is known hides nobody");
}

pub(crate) async fn stranded_calls_are_those_that_nothing_will_look_at(store: &dyn Store) {
    const YEAR: i64 = 365 * 86_400;
    let far = |name: &str, state: AttemptState| {
        let mut far = woken(name, YEAR);
        put_in(&mut far.attempts[0], state, 1_000 + u32::try_from(name.len()).expect("small"), at(1));
        far
    };
    let mut slow = far("slow", AttemptState::Failed);
    Arc::make_mut(&mut slow.call.policy).exhaust_after = Duration::from_secs(2 * 365 * 86_400);
    let mut decided = far("decided", AttemptState::Unknown);
    decided.attempts[0].decided_at = Some(at(2));
    let mut soon = far("soon", AttemptState::Failed);
    soon.call.wake_at = Some(at(600));
    put_all(
        store,
        vec![
            far("lost", AttemptState::Failed),
            far("delivered", AttemptState::Delivered),
            far("waits", AttemptState::Scheduled),
            far("flies", AttemptState::Sending),
            far("unknown", AttemptState::Unknown),
            far("spoken", AttemptState::Failed),
            decided,
            slow,
            soon,
        ],
    )
    .await;
    store
        .append_log(vec![entry(Some("lost"), at(1), "old"), entry(Some("spoken"), at(500), "new")])
        .await
        .expect("log");
    let mut found = store.stranded(at(300), 9).await.expect("read");
    found.sort();
    assert_eq!(texts(&found), ["decided", "delivered", "lost"]);
    assert_eq!(store.stranded(at(300), 1).await.expect("read").len(), 1);
    assert_eq!(store.figures(at(600)).await.expect("read").pending_dispatches, 3);
}

pub(crate) async fn lists_of_calls_are_newest_first(store: &dyn Store) {
    let mut two = call("b", at(2));
    let mut second = attempt("b", 2, "bo", at(3));
    (second.channel, second.recipient.channel) = (Channel::Voice, Channel::Voice);
    put_in(&mut second, AttemptState::Submitted, 7, at(3));
    two.call.attempts = 2;
    two.notices.extend(second.notice());
    two.attempts.push(second);
    let mut bare = closed(call("c", at(3)), CallStatus::Resolved);
    (bare.attempts, bare.notices) = (Vec::new(), Vec::new());
    put_all(store, vec![two, call("a", at(1)), bare]).await;
    let list = |statuses: Vec<CallStatus>, since: Option<i64>, limit: usize| async move {
        let filter = CallFilter { statuses, since: since.map(at), limit, ..CallFilter::default() };
        store.calls(&filter).await.expect("read")
    };
    let lines = list(vec![], None, 9).await;
    let seen: Vec<_> =
        lines.iter().map(|l| (l.call.id.as_str(), l.last_contact.as_deref(), l.last_state.as_deref())).collect();
    assert_eq!(seen, [("c", None, None), ("b", Some("BO"), Some("submitted")), ("a", Some("SAM"), Some("scheduled"))]);
    assert_eq!(lines[2].call, stored(store, "a").await.call);
    let by: Vec<_> = lines.iter().map(|l| l.last_channel).collect();
    assert_eq!(by, [None, Some(Channel::Voice), Some(Channel::Sms)], "of the newest notice");
    let names = |lines: Vec<crate::store::CallLine>| {
        lines.into_iter().map(|l| l.call.id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(list(vec![CallStatus::Dispatching], None, 9).await), ["b", "a"]);
    assert_eq!(names(list(vec![CallStatus::Resolved, CallStatus::Dispatching], None, 2).await), ["c", "b"]);
    assert_eq!(names(list(vec![], Some(2), 9).await), ["c", "b"], "at or after");
    assert!(list(vec![CallStatus::Cancelled], None, 9).await.is_empty());
}

pub(crate) async fn lists_of_calls_go_on_page_by_page(store: &dyn Store) {
    // Several at one moment, of two statuses: a page may end between any of them.
    let made: Vec<CallState> = (0..7)
        .map(|n| {
            let one = call(&format!("c{n}"), at(100 + n / 3));
            if n % 2 == 0 { closed(one, CallStatus::Resolved) } else { one }
        })
        .collect();
    put_all(store, made).await;
    for limit in 1..=8 {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let filter = CallFilter { before, limit, ..CallFilter::default() };
            let page = store.calls(&filter).await.expect("read");
            seen.extend(page.iter().map(|l| l.call.id.as_str().to_owned()));
            before = page.last().map(|l| l.call.id.clone());
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["c6", "c5", "c4", "c3", "c2", "c1", "c0"], "pages of {limit}");
    }
    let unknown = CallFilter { before: Some(id("nobody")), limit: 9, ..CallFilter::default() };
    assert!(store.calls(&unknown).await.expect("read").is_empty());
}

pub(crate) async fn figures_count_what_is(store: &dyn Store) {
    let nothing = store.figures(at(0)).await.expect("read");
    let open_by_status = CallStatus::ALL.iter().filter(|s| s.is_open()).map(|s| (*s, 0)).collect();
    assert_eq!(nothing, Figures { open_by_status, ..Figures::default() });
    let with = |name: &str, state: AttemptState, n: u32, when: i64| {
        let mut c = closed(call(name, at(0)), CallStatus::Acknowledged);
        put_in(&mut c.attempts[0], state, n, at(when));
        c
    };
    let mut muted = woken("muted", 9_000);
    muted.call.muted = true;
    put_in(&mut muted.attempts[0], AttemptState::Submitted, 1, at(4_000));
    let mut ended = woken("ended", 9_000);
    ended.call.next_step = 2;
    put_in(&mut ended.attempts[0], AttemptState::Unknown, 0, at(2));
    let mut failed = with("x", AttemptState::Failed, 0, 4_500);
    failed.attempts[0].error_code = Some(ErrorCode(30_003));
    failed.attempts[0].result = "unreachable".into();
    let mut failed_too = with("y", AttemptState::Failed, 0, 4_600);
    failed_too.attempts[0].error_code = Some(ErrorCode(30_003));
    failed_too.attempts[0].result = "unreachable again".into();
    put_all(
        store,
        vec![
            woken("overdue", 4_990),
            woken("late", 4_999),
            muted,
            ended,
            with("old", AttemptState::Failed, 0, 100),
            failed,
            failed_too,
            with("z", AttemptState::Delivered, 2, 4_400),
            closed(call("gone", at(0)), CallStatus::Cancelled),
        ],
    )
    .await;
    let alert = always(|| Change {
        alerts: vec![AlertChange::Raise { key: alert_key("store"), call: None, message: "m".into() }],
        ..Change::default()
    });
    store.transact(Load::Nothing, Vec::new(), alert).await.expect("alert");
    let mut figures = store.figures(at(5_000)).await.expect("read");
    // Those depend on how the store was opened.
    let all_backlog = Backlog { depth: figures.outbox_depth, oldest: figures.outbox_oldest };
    (figures.outbox_depth, figures.outbox_oldest) = (0, None);
    assert_eq!(figures.mirror_backlog.and(figures.alert_backlog), all_backlog, "of both together");
    (figures.mirror_backlog, figures.alert_backlog) = Default::default();
    let by_status = std::mem::take(&mut figures.open_by_status);
    assert_eq!(by_status.iter().map(|(_, n)| n).sum::<u64>(), 8, "{by_status:?}");
    assert!(by_status.iter().all(|(status, _)| status.is_open()), "{by_status:?}");
    assert_eq!(
        figures,
        Figures {
            open_breakers: 0,
            open_calls: 8,
            active_retries: 2,
            follow_ups: 4,
            pending_dispatches: 0,
            overdue: 1,
            oldest_due: Some(at(4_990)),
            unknown_outcomes: 1,
            awaiting_final: 1,
            failed_last_hour: 2,
            consecutive_failures: 2,
            outbox_depth: 0,
            outbox_oldest: None,
            alerts: 1,
            sendable: 3,
            ..Figures::default()
        }
    );
    let listed = store.due_lines(9).await.expect("read");
    assert_eq!(listed.len(), 4, "one definition: of those without a step and of those that were cancelled too");
    let failures = store.failures(at(4_000)).await.expect("read");
    assert_eq!(failures.len(), 1, "the old one is left out");
    let seen = (failures[0].code, failures[0].count, failures[0].last_at, failures[0].result.as_str());
    assert_eq!(seen, (Some(ErrorCode(30_003)), 2, at(4_600), "unreachable again"));
    assert_eq!(store.failures(at(0)).await.expect("read").len(), 2);
}

pub(crate) async fn breakers_open_and_close_and_wake_what_they_deferred(store: &dyn Store) {
    let breaker = Breaker {
        sender: "+15005550006".into(),
        opened_at: at(10),
        closed_at: None,
        evidence: Evidence::Receipt,
        probe: Probe::Notice,
        code: Some(ErrorCode(30034)),
        why: "not registered".into(),
        probe_at: at(70),
        probes: 0,
    };
    let account = Breaker { sender: "*".into(), evidence: Evidence::Answer, probe: Probe::List, ..breaker.clone() };
    let mut deferred = call("deferred", at(0));
    (deferred.call.wake_at, deferred.call.deferred_from) = (Some(at(90)), Some(at(20)));
    put(store, deferred).await.expect("put");
    let mut plain = call("plain", at(0));
    plain.call.wake_at = Some(at(95));
    put(store, plain).await.expect("put");
    let change = |moment: i64, breakers: Vec<BreakerChange>| {
        let decide = always(move || Change { breakers: breakers.clone(), at: Some(at(moment)), ..Change::default() });
        store.transact(Load::Nothing, Vec::new(), decide)
    };
    let open = |b: &Breaker| BreakerChange::Open(b.clone());
    change(10, vec![open(&breaker), open(&account)]).await.expect("opened");
    assert_eq!(store.breakers().await.expect("read"), [account.clone(), breaker.clone()]);
    assert_eq!(shown(store, Load::Nothing).await.breakers.len(), 2, "every decision sees them");
    assert_eq!(store.figures(at(11)).await.expect("read").open_breakers, 2);
    change(70, vec![BreakerChange::Probed { sender: breaker.sender.clone(), probe_at: at(130) }])
        .await
        .expect("probed");
    let probed = Breaker { probe_at: at(130), probes: 1, ..breaker.clone() };
    assert_eq!(store.breakers().await.expect("read"), [account.clone(), probed.clone()]);
    store.clock_stepped(-5_000, at(70), at(70)).await.expect("shifted");
    let state = store.call(&id("deferred")).await.expect("read").expect("there");
    assert_eq!((state.call.wake_at, state.call.deferred_from), (Some(at(85)), Some(at(15))), "with the clock");
    assert_eq!(store.breakers().await.expect("read")[1].probe_at, at(125), "with the clock");
    change(80, vec![BreakerChange::Close { sender: breaker.sender.clone() }]).await.expect("closed");
    let all = store.breakers().await.expect("read");
    assert_eq!((all[0].closed_at, all[1].closed_at), (None, Some(at(80))));
    let wakes = |c: &'static str| async move { store.call(&id(c)).await.expect("read").expect("there").call.wake_at };
    assert_eq!((wakes("deferred").await, wakes("plain").await), (Some(at(80)), Some(at(90))), "what waited looks now");
    // Open again: the same row, as new.
    change(90, vec![open(&breaker)]).await.expect("opened");
    assert_eq!(store.breakers().await.expect("read")[1], breaker);
}

pub(crate) async fn a_copy_of_contacts_is_replaced_whole_and_forgotten(store: &dyn Store) {
    let contact = |record: &str, phone: Option<&str>| SyncedContact {
        record: record.into(),
        id: record.to_lowercase().parse().expect("id"),
        name: "Ida Sørensen, \"the plumber\"".into(),
        phone: phone.map(|p| p.parse().expect("phone")),
        email: Some("ida@example.com".parse().expect("an address")),
        role: "primary".parse().ok(),
        active: phone.is_some(),
        businesses: vec!["recB1".into()],
        priority: Some(2),
        backup: true,
        trade: Some("HVAC".into()),
        away: true,
        hours: Hours::read(["17:00-08:00", "sat-sun 08:00-17:00"]).ok(),
        again: true,
    };
    let business = SyncedBusiness {
        record: "recB1".into(),
        name: "Sørensen & Sons".into(),
        numbers: vec!["+18005550100".into()],
        time_zone: Some("America/Denver".into()),
        trade: None,
        keywords: vec!["no heat".into()],
        active: true,
    };
    assert_eq!(store.synced_contacts().await.expect("read"), None);
    let first = SyncedContacts {
        source: "On-Call".into(),
        read_at: at(1),
        contacts: vec![contact("recA", Some("+19495550101"))],
        businesses: vec![business],
    };
    store.keep_synced_contacts(Some(&first)).await.expect("kept");
    assert_eq!(store.synced_contacts().await.expect("read"), Some(first.clone()));
    let second =
        SyncedContacts { read_at: at(2), contacts: vec![contact("recB", None)], businesses: Vec::new(), ..first };
    store.keep_synced_contacts(Some(&second)).await.expect("kept");
    assert_eq!(store.synced_contacts().await.expect("read"), Some(second));
    store.keep_synced_contacts(None).await.expect("forgotten");
    assert_eq!(store.synced_contacts().await.expect("read"), None);
}
