//! Invented calls and people.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::domain::MessageStatus;
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel, NoticeKey, Priority, Recipient};
use crate::domain::call::{Call, CallData, CallState, CallStatus, ExclusionReason, Out, Override};
use crate::domain::change::{Change, ReceiptRow};
use crate::domain::event::{Load, Source, StatusUpdate};
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::policy::{Policy, Step};
use crate::domain::types::{Actor, AttemptId, CallId, ErrorCode, MessageSid, Timestamp};
use crate::store::{Committed, Decide, Store, StoreError};
use crate::testing::fixtures;

/// A moment of the story, `seconds` after it begins.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_313_040_000 + seconds * 1_000)
}

pub(crate) fn id(name: &str) -> CallId {
    name.parse().expect("call id")
}

pub(crate) fn sid(n: u32) -> MessageSid {
    format!("SM{n:032x}").parse().expect("sid")
}

pub(crate) fn attempt_id(call: &str, number: u32) -> AttemptId {
    let hash = call.bytes().fold(7_u128, |h, b| h.wrapping_mul(1_000_003) ^ u128::from(b));
    AttemptId::from_uuid(Uuid::from_u128(hash.wrapping_mul(4_096).wrapping_add(u128::from(number))))
}

pub(crate) fn recipient(contact: &str, phone: &str) -> Recipient {
    Recipient::by_text(contact.parse().expect("contact"), contact.to_uppercase(), phone.parse().expect("phone"))
}

pub(crate) fn policy() -> Policy {
    let step = |s| Step {
        wait: Duration::from_secs(s),
        notify: vec!["primary".parse().expect("role")],
        channel: crate::domain::attempt::Channel::Sms,
    };
    Policy {
        name: "normal".into(),
        steps: vec![step(0), step(120)],
        repeat: 0,
        repeat_wait: Duration::from_secs(600),
        exhaust_after: Duration::from_secs(600),
        defer_by_reply: None,
        quiet: None,
    }
}

/// A call accepted at `accepted`, its first notice (to sam) waiting to be sent, due again two minutes later.
pub(crate) fn call(name: &str, accepted: Timestamp) -> CallState {
    let first = attempt(name, 1, "sam", accepted);
    let call = Call {
        id: id(name),
        reference: "7K3Q".parse().expect("reference"),
        status: CallStatus::Dispatching,
        round: 1,
        level: "normal".into(),
        policy: policy().into(),
        data: CallData::default(),
        fingerprint: "f".into(),
        idempotency_key: None,
        overridden: None,
        created_by: Actor("intake".into()),
        accepted_at: accepted,
        next_step: 1,
        wake_at: Some(accepted.plus(Duration::from_secs(120))),
        attempts: 1,
        holder: None,
        excluded: Vec::new(),
        notified_at: None,
        closed_at: None,
        deferred_from: None,
        muted: false,
        held_until: None,
        ask_at: None,
        asked_at: None,
        settings: None,
    };
    CallState { call, notices: first.notice().into_iter().collect(), attempts: vec![first] }
}

/// A notice of step `number - 1` that waits to be sent.
pub(crate) fn attempt(call: &str, number: u32, contact: &str, created: Timestamp) -> Attempt {
    Attempt {
        id: attempt_id(call, number),
        recipient: recipient(contact, "+19495550101"),
        created_at: created,
        not_before: created,
        ..fixtures::attempt(call, number)
    }
}

/// Puts an attempt into a state with all that the state asks for.
pub(crate) fn put_in(a: &mut Attempt, state: AttemptState, message: u32, when: Timestamp) {
    use AttemptState as S;
    a.state = state;
    a.claimed_by = (state == S::Sending).then(|| "engine-1".into());
    a.finished_at = state.is_final().then_some(when);
    if !matches!(state, S::Scheduled | S::Skipped | S::Cancelled) {
        a.sender = Some("+15005550006".parse().expect("sender"));
        a.sent_at = Some(when);
        a.body = "7K3Q-1 burst pipe".into();
        a.segments = 1;
    }
    if matches!(state, S::Submitted | S::Delivered) {
        a.sid = Some(sid(message));
        a.message_status = Some(MessageStatus::Queued);
    }
}

/// A call in which no field has its usual value.
pub(crate) fn full_call(name: &str) -> CallState {
    let mut state = call(name, at(0));
    let c = &mut state.call;
    c.status = CallStatus::Dispatching;
    c.round = 2;
    c.level = "high".into();
    Arc::make_mut(&mut c.policy).repeat = 3;
    c.data = CallData {
        caller_phone: Some("anonymous".into()),
        emergency_level: Some("HIGH".into()),
        issue_summary: Some("burst pipe, \"cellar\" ✓ O'Hara".into()),
        twilio_to_number: Some("+18005550100".into()),
        caller_name: Some("Jo".into()),
        address: Some("1 Elm St".into()),
        contact: Some("sam".into()),
        body: Some("Own words".into()),
        extra: json!({ "x": [1, null, { "y": "z" }] }).as_object().cloned().expect("object"),
    };
    c.fingerprint = "abc".into();
    c.idempotency_key = Some(format!("key-{name}"));
    c.overridden = Some(Override { recipient: recipient("+18005550100", "+18005550100"), only: true });
    c.next_step = 7;
    c.attempts = 3;
    c.holder = Some("sam".parse().expect("contact"));
    c.excluded = vec![
        Out { contact: "bo".parse().expect("contact"), why: ExclusionReason::Passed, channel: None },
        Out { contact: "al".parse().expect("contact"), why: ExclusionReason::Failed, channel: Some(Channel::Sms) },
    ];
    c.notified_at = Some(at(3));
    c.closed_at = Some(at(4));
    c.muted = true;
    let mut second = attempt(name, 2, "bo", at(6));
    put_in(&mut second, AttemptState::Failed, 0, at(7));
    second.sid = Some(sid(77));
    second.priority = Priority::Reminder;
    second.expires_at = Some(at(8));
    second.tries = 4;
    second.callback = false;
    second.message_status = Some(MessageStatus::Other("zzz".into()));
    second.error_code = Some(ErrorCode(30_006));
    second.result = "landline".into();
    second.repeats = Some(attempt_id(name, 1));
    second.decided_at = Some(at(9));
    second.poll_at = Some(at(10));
    second.polls = 2;
    second.conflict = true;
    second.not_before = at(11);
    let mut third = attempt(name, 3, "bo", at(12));
    third.kind = AttemptKind::StandDown;
    third.priority = Priority::StandDown;
    third.step = 0;
    // Made before the others: notices keep the order in which they were made, not that of their keys.
    state.notices.insert(0, NoticeKey { round: 2, step: 9, contact: "zoe".parse().expect("contact") });
    state.notices.extend(second.notice());
    state.attempts.extend([second, third]);
    state
}

pub(crate) fn entry(call: Option<&str>, when: Timestamp, message: &str) -> LogEntry {
    LogEntry {
        kind: LogKind::Engine,
        at: when,
        call: call.map(id),
        attempt: None,
        actor: Actor::engine(),
        message: message.into(),
        data: serde_json::Value::Null,
    }
}

pub(crate) fn update(message: u32, named: Option<AttemptId>) -> StatusUpdate {
    StatusUpdate {
        attempt: named,
        sid: sid(message),
        status: MessageStatus::Delivered,
        code: None,
        error_class: crate::domain::codes::NO_CODE,
        source: Source::Receipt,
        provider_at: None,
    }
}

pub(crate) fn receipt(update: StatusUpdate, joined: Option<AttemptId>, when: Timestamp) -> ReceiptRow {
    let effect = if joined.is_some() { "moved" } else { "orphan" };
    ReceiptRow { update, joined, effect, at: when }
}

/// A decision that makes this change, whatever it is shown.
pub(crate) fn always(make: impl Fn() -> Change + Send + Sync + 'static) -> Decide {
    Arc::new(move |_| Ok(make()))
}

/// Saves a state as it is.
pub(crate) async fn put(store: &dyn Store, state: CallState) -> Result<Committed, StoreError> {
    let load = Load::Call(state.call.id.clone());
    store.transact(load, Vec::new(), always(move || Change { calls: vec![state.clone()], ..Change::default() })).await
}

/// Loads a call, changes it and saves it.
pub(crate) async fn edit(
    store: &dyn Store,
    name: &str,
    change: impl Fn(&mut CallState) + Send + Sync + 'static,
) -> Result<Committed, StoreError> {
    let decide: Decide = Arc::new(move |loaded| {
        let mut state = loaded.calls.first().cloned().ok_or("no such call")?;
        change(&mut state);
        Ok(Change { calls: vec![state], ..Change::default() })
    });
    store.transact(Load::Call(id(name)), Vec::new(), decide).await
}

/// The call as it is stored.
pub(crate) async fn stored(store: &dyn Store, name: &str) -> CallState {
    store.call(&id(name)).await.expect("read").expect("stored")
}
