//! What a decision is shown: whose message it is, which calls a reply may mean, which phone calls are under way.

use super::cases::shown;
use super::fixtures::*;
use super::lists::closed;
use crate::domain::MessageStatus;
use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::call::{CallState, CallStatus};
use crate::domain::change::Change;
use crate::domain::event::{Load, Loaded, StatusUpdate};
use crate::domain::types::AttemptId;
use crate::domain::voice::classes::SipCode;
use crate::store::Store;

const SAM: &str = "+19495550101";
const ANA: &str = "+19495550102";

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.calls.iter().map(|c| c.call.id.as_str()).collect()
}

/// What is loaded; the calls that are shown, the receipts that wait for them, and whether the very same one is kept.
type Row = (&'static str, Load, &'static [&'static str], &'static [u32], bool);

pub(crate) async fn a_message_is_that_of_the_attempt_it_names_else_of_the_one_with_its_sid(store: &dyn Store) {
    let mut a = call("a", at(0));
    let mut again = attempt("a", 2, "bo", at(2));
    put_in(&mut a.attempts[0], AttemptState::Submitted, 1, at(1));
    put_in(&mut again, AttemptState::Submitted, 2, at(2));
    a.call.attempts = 2;
    a.notices.extend(again.notice());
    a.attempts.push(again);
    put(store, a).await.expect("put");
    let mut b = call("b", at(0));
    put_in(&mut b.attempts[0], AttemptState::Submitted, 3, at(3));
    put(store, b).await.expect("put");
    let (first, second) = (attempt_id("a", 1), attempt_id("a", 2));
    // One receipt is joined. Of each attempt two wait: one by the SID, one by the name and another SID.
    let sent = |n: u32| StatusUpdate { status: MessageStatus::Sent, ..update(n, None) };
    let kept = always(move || Change {
        receipts: vec![
            receipt(update(1, Some(first)), Some(first), at(4)),
            receipt(sent(1), None, at(4)),
            receipt(update(11, Some(first)), None, at(4)),
            receipt(sent(2), None, at(4)),
            receipt(update(12, Some(second)), None, at(4)),
        ],
        ..Change::default()
    });
    store.transact(Load::Nothing, Vec::new(), kept).await.expect("kept");

    let said = |attempt: Option<AttemptId>, n: u32| Load::Message {
        attempt,
        sid: sid(n),
        said: Some((MessageStatus::Delivered, None)),
    };
    let nobody = Some(attempt_id("nobody", 1));
    let table: Vec<Row> = vec![
        ("by name and SID", said(Some(first), 1), &["a"], &[1, 11], true),
        ("by the SID", said(None, 1), &["a"], &[1, 11], true),
        ("by the SID, an unknown name", said(nobody, 1), &["a"], &[1, 11], true),
        ("of the other attempt, by name and SID", said(Some(second), 2), &["a"], &[2, 12], false),
        ("of the other attempt, by the SID", said(None, 2), &["a"], &[2, 12], false),
        ("the attempt alone", Load::Attempt(first), &["a"], &[1, 11], false),
        ("the other attempt alone", Load::Attempt(second), &["a"], &[2, 12], false),
        ("by the name, the SID is another call's", said(Some(first), 3), &["a", "b"], &[11], false),
    ];
    for (label, load, calls, waiting, replayed) in table {
        let loaded = shown(store, load).await;
        assert_eq!(names(&loaded), calls, "{label}");
        let found: Vec<_> = loaded.orphans.iter().map(|o| o.sid.clone()).collect();
        assert_eq!(found, waiting.iter().map(|n| sid(*n)).collect::<Vec<_>>(), "{label}: what waits for it");
        assert_eq!(loaded.replayed, replayed, "{label}: whether the very same receipt is kept");
    }
}

/// A call that was closed at this second, and of which Sam got texts at these.
async fn over(store: &dyn Store, name: &str, sent: &[u32], closed_at: i64) {
    let mut state = closed(call(name, at(0)), CallStatus::Resolved);
    state.call.closed_at = Some(at(closed_at));
    for (number, _) in (2..).zip(sent.iter().skip(1)) {
        let again = attempt(name, number, "sam", at(0));
        state.call.attempts = number;
        state.notices.extend(again.notice());
        state.attempts.push(again);
    }
    for (a, n) in state.attempts.iter_mut().zip(sent) {
        put_in(a, AttemptState::Delivered, *n, at(i64::from(*n)));
    }
    put(store, state).await.expect("put");
}

/// The calls that a reply of Sam may mean; those that were closed since second 1000 were closed lately.
async fn meant(store: &dyn Store) -> Vec<String> {
    let load = Load::Reply { from: SAM.into(), sid: sid(9_000), references: Vec::new(), changed_since: at(1_000) };
    names(&shown(store, load).await).into_iter().map(str::to_owned).collect()
}

pub(crate) async fn a_reply_sees_fifty_calls_that_were_closed_lately_and_four_closed_before(store: &dyn Store) {
    for n in 1..=5_u32 {
        over(store, &format!("old-{n}"), &[10 * n], 100).await;
    }
    over(store, "old-6", &[60, 65], 100).await;
    assert_eq!(meant(store).await, ["old-6", "old-5", "old-4", "old-3"], "the newest four, each once");

    let mut open = call("open", at(0));
    put_in(&mut open.attempts[0], AttemptState::Submitted, 1, at(1));
    put(store, open).await.expect("put");
    over(store, "early", &[2], 2_000).await;
    assert_eq!(
        meant(store).await,
        ["open", "old-6", "old-5", "old-4", "old-3", "early"],
        "open ones take no place of closed ones, and a late close is seen whatever texts have left since"
    );

    for n in 0..55_u32 {
        over(store, &format!("late-{n:02}"), &[200 + n], 2_000).await;
    }
    let lately = (5..55).rev().map(|n| format!("late-{n:02}"));
    let wanted: Vec<String> = std::iter::once("open".to_owned()).chain(lately).collect();
    assert_eq!(meant(store).await, wanted, "fifty, those of the newest texts");
}

/// A phone call to this number.
fn voice(name: &str, phone: &str, state: AttemptState, n: u32) -> CallState {
    let mut made = call(name, at(0));
    let a = &mut made.attempts[0];
    a.recipient = recipient("sam", phone);
    (a.channel, a.recipient.channel) = (Channel::Voice, Channel::Voice);
    put_in(a, state, n, at(i64::from(n)));
    made
}

pub(crate) async fn a_phone_call_sees_those_to_its_number_and_those_that_were_refused(store: &dyn Store) {
    put(store, voice("asks", SAM, AttemptState::Scheduled, 0)).await.expect("put");
    put(store, voice("rings", SAM, AttemptState::Submitted, 1)).await.expect("put");
    put(store, voice("elsewhere", ANA, AttemptState::Submitted, 2)).await.expect("put");
    let mut refused = voice("refused", ANA, AttemptState::Failed, 3);
    refused.attempts[0].trace.sip = Some(SipCode(603));
    put(store, refused).await.expect("put");
    let mut text = call("text", at(0));
    put_in(&mut text.attempts[0], AttemptState::Submitted, 4, at(4));
    put(store, text).await.expect("put");
    put(store, call("next-text", at(0))).await.expect("put");

    let first = |name: &str| attempt_id(name, 1);
    for (label, name, rings) in [
        ("another rings there", "asks", vec![first("rings")]),
        ("it rings there itself", "rings", vec![]),
        ("a text rings nobody", "next-text", vec![]),
    ] {
        let open = shown(store, Load::Claim(first(name))).await.phone_calls;
        assert_eq!(open.iter().map(|p| p.attempt).collect::<Vec<_>>(), rings, "{label}");
        assert!(
            open.iter().all(|p| p.to == SAM && p.from == "+15005550006" && p.sent_at == at(1)),
            "{label}: {open:?}"
        );
    }
    let message = |attempt, n: u32| Load::Message { attempt, sid: sid(n), said: None };
    for (label, load, blocked) in [
        ("a phone call", Load::Attempt(first("asks")), vec![first("refused")]),
        ("its message, by name", message(Some(first("rings")), 1), vec![first("refused")]),
        ("its message, by the SID", message(None, 1), vec![first("refused")]),
        ("a text", Load::Attempt(first("text")), vec![]),
        ("the message of a text", message(None, 4), vec![]),
        ("a message of nobody", message(None, 99), vec![]),
    ] {
        let found = shown(store, load).await.blocked_phone_calls;
        assert_eq!(found.iter().map(|p| p.attempt).collect::<Vec<_>>(), blocked, "{label}");
    }
}
