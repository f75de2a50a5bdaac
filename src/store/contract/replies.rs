//! Whose replies are read, and which were heard.

use super::fixtures::*;
use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallState, CallStatus};
use crate::domain::types::Timestamp;
use crate::store::{Listened, Store};

const PHONES: [&str; 4] = ["+19495550111", "+19495550112", "+19495550113", "+19495550114"];

/// A call of which this phone was told at `notified`, and which left DISPATCHING at `left`.
async fn notified(store: &dyn Store, name: &str, phone: &str, notified: i64, left: Option<(CallStatus, i64)>) {
    let mut state: CallState = call(name, at(notified));
    for a in &mut state.attempts {
        a.recipient = recipient("sam", phone);
        put_in(a, AttemptState::Submitted, u32::try_from(notified).expect("small"), at(notified));
    }
    if let Some((status, when)) = left {
        (state.call.status, state.call.wake_at, state.call.closed_at) = (status, None, Some(at(when)));
    }
    put(store, state).await.expect("put");
}

async fn shown(store: &dyn Store, since: i64, after: Option<&Listened>, limit: usize) -> Vec<Listened> {
    let after = after.map(Listened::place);
    store.listened(at(since), after.as_ref(), limit).await.expect("read")
}

fn phones(all: &[Listened]) -> Vec<&str> {
    all.iter().map(|l| l.phone.e164()).collect()
}

pub(crate) async fn those_told_last_come_first_page_by_page_and_what_was_taken_long_ago_is_let_go(store: &dyn Store) {
    assert_eq!(shown(store, 0, None, 9).await, []);
    notified(store, "a", PHONES[0], 10, None).await;
    notified(store, "b", PHONES[1], 20, Some((CallStatus::Acknowledged, 25))).await;
    notified(store, "c", PHONES[2], 30, Some((CallStatus::Exhausted, 35))).await;
    notified(store, "d", PHONES[3], 40, Some((CallStatus::Resolved, 45))).await;
    notified(store, "e", PHONES[0], 50, None).await;
    let all = shown(store, 0, None, 9).await;
    assert_eq!(phones(&all), [PHONES[0], PHONES[2], PHONES[1]], "a closed call is nobody's");
    assert_eq!((all[0].sent_since, all[0].notified_last), (at(10), at(50)), "from the first call that counts");
    assert_eq!(phones(&shown(store, 26, None, 9).await), [PHONES[0], PHONES[2]], "taken before that");
    assert_eq!(phones(&shown(store, 36, None, 9).await), [PHONES[0]], "a call that looks for somebody is never let go");
    let first = shown(store, 0, None, 2).await;
    assert_eq!(phones(&first), [PHONES[0], PHONES[2]]);
    assert_eq!(phones(&shown(store, 0, first.last(), 2).await), [PHONES[1]], "the next page");
    // One who is told again between two pages is on the first one.
    notified(store, "f", PHONES[1], 60, None).await;
    assert_eq!(phones(&shown(store, 0, None, 1).await), [PHONES[1]]);
    assert_eq!(shown(store, 0, first.last(), 2).await, []);
}

pub(crate) async fn what_was_heard_is_known_and_how_far_it_was_read(store: &dyn Store) {
    assert_eq!(store.known_messages(&[sid(1)]).await.expect("read"), []);
    let change = always(|| crate::domain::change::Change { inbound: Some(inbound(1)), ..Default::default() });
    store.transact(crate::domain::event::Load::Nothing, Vec::new(), change).await.expect("kept");
    assert_eq!(store.known_messages(&[sid(2), sid(1), sid(3)]).await.expect("read"), [sid(1)]);
    assert_eq!(store.replies_read().await.expect("read"), None);
    for when in [at(5), at(9), Timestamp::from_millis(0)] {
        store.keep_replies_read(when).await.expect("kept");
        assert_eq!(store.replies_read().await.expect("read"), Some(when));
    }
}

fn inbound(n: u32) -> crate::domain::event::InboundRow {
    use crate::domain::event::{InboundRow, InboundText};
    let text = InboundText {
        sid: sid(n),
        from: PHONES[0].into(),
        to: "+15005550006".into(),
        body: "1".into(),
        provider_replied: false,
        at: None,
        at_ours: None,
        listed: true,
        waited_since: None,
    };
    InboundRow {
        text,
        call: None,
        understood: "take".into(),
        answer: String::new(),
        prompt: None,
        answered_by: None,
        waits: false,
        at: at(1),
    }
}
