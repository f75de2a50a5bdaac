//! Replies that are read from the provider's list: whose, in which order, how far back.

use crate::domain::MessageStatus;
use crate::domain::call::CallStatus;
use crate::engine::listener::Listener;
use crate::gateways::{MessageBody, MessageRecord};
use crate::testing::fixtures::{self, policy};
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, mins, secs};

fn said(n: u64, who: &str, text: &str, w: &World) -> MessageRecord {
    MessageRecord {
        sid: format!("SM{:032x}", 0xfeed_0000 + n).parse().expect("a SID"),
        status: MessageStatus::Other("received".into()),
        error_code: None,
        to: fixtures::SENDER.into(),
        from: Some(fixtures::phone(who).into()),
        service: None,
        body: MessageBody(text.into()),
        direction: "inbound".into(),
        created_at: Some(w.now()),
    }
}

async fn listen(w: &World, listener: &Listener) {
    listener.pass().await.expect("read");
    w.settle().await;
}

/// A shop of that many technicians, each of whom a call tells alone.
fn bulk(fixtures: u32) -> Setup {
    let mut directory = fixtures::directory_with(policy("one", &[(secs(0), &["primary"])]));
    let sam = directory.contacts.remove(0);
    directory.contacts = (0..fixtures)
        .map(|n| {
            let mut c = sam.clone();
            c.id = format!("t{n}").parse().expect("id");
            c.phone = format!("+1949555{:04}", 1_000 + n).parse().expect("phone");
            c
        })
        .collect();
    Setup { directory, ..Setup::default() }
}

#[tokio::test]
async fn the_51st_phone_is_asked_too_and_the_newest_in_every_pass() {
    const PEOPLE: u32 = 120;
    let mut w = World::with(bulk(PEOPLE)).await;
    w.dispatch("one").await;
    assert_eq!(w.attempts().await.len(), PEOPLE as usize);
    let oldest = w.attempt(1).await.recipient.phone;
    let listener = Listener::new(w.process.engine.clone());
    w.sms.plant(said(1, oldest.e164(), "1", &w));
    let mut passes = 0;
    while w.status().await == CallStatus::Dispatching {
        passes += 1;
        assert!(passes <= 6, "never asked");
        let before = w.sms.lists();
        listen(&w, &listener).await;
        assert!(w.sms.lists() - before <= 50, "a pass is bounded");
    }
    assert!(passes >= 2, "not everybody fits into one pass");
    assert_eq!(w.state().await.call.holder.map(|h| h.to_string()).as_deref(), Some("t0"));
}

#[tokio::test]
async fn who_said_it_first_takes_the_call_whoever_is_read_first() {
    let both = policy("both", &[(secs(0), &["primary", "backup"])]);
    let mut w = World::with(Setup { directory: fixtures::directory_with(both), ..Setup::default() }).await;
    for (first, second) in [("sam", "ana"), ("ana", "sam")] {
        w.dispatch("both").await;
        let listener = Listener::new(w.process.engine.clone());
        let reference = w.state().await.call.reference;
        w.advance(secs(5)).await;
        let n = w.sms.lists() as u64 * 10;
        let early = said(n + 1, first, &format!("1 {reference}"), &w);
        w.advance(secs(5)).await;
        let late = said(n + 2, second, &format!("1 {reference}"), &w);
        w.sms.plant(late);
        w.sms.plant(early);
        listen(&w, &listener).await;
        assert_eq!(w.state().await.call.holder.map(|h| h.to_string()).as_deref(), Some(first));
    }
}

#[tokio::test]
async fn a_text_that_was_heard_is_read_and_nothing_is_written() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.sms.plant(said(1, "sam", "hello?", &w));
    listen(&w, &Listener::new(w.process.engine.clone())).await;
    let before = w.process.crash.writes();
    for _ in 0..3 {
        // As after a restart: nothing is remembered.
        listen(&w, &Listener::new(w.process.engine.clone())).await;
    }
    assert_eq!(w.process.crash.writes(), before);
}

#[tokio::test]
async fn calls_acknowledged_long_ago_are_let_go_and_an_answer_given_while_nobody_listened_is_not() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.reply("sam", "1").await;
    let listener = Listener::new(w.process.engine.clone());
    for (after, asked) in [(0, true), (23 * 60, true), (2 * 60, false)] {
        w.away(mins(after));
        listener.pass().await.expect("read");
        let before = w.sms.lists();
        listener.pass().await.expect("read");
        assert_eq!(w.sms.lists() > before, asked, "{after} min later");
    }
    // Another is taken, and then nobody listens for three days, in which he hands it back.
    w.dispatch("normal").await;
    w.reply("sam", "1").await;
    listener.pass().await.expect("read");
    w.away(mins(3 * 24 * 60));
    w.sms.plant(said(9, "sam", &format!("2 {}", w.state().await.call.reference), &w));
    listen(&w, &Listener::new(w.process.engine.clone())).await;
    assert_eq!(w.status().await, CallStatus::Dispatching, "heard after the start");
}

#[tokio::test]
async fn a_list_that_cannot_be_read_lets_nobody_go_and_is_read_on_where_it_broke_off() {
    let mut w = World::with(bulk(80)).await;
    w.dispatch("one").await;
    let listener = Listener::new(w.process.engine.clone());
    listener.pass().await.expect("read");
    w.sms.on_list(Reaction::away());
    listener.pass().await.expect("passed");
    assert_eq!(w.process.core.store.replies_read().await.expect("read"), None, "not everybody was read");
    w.sms.on_list(Reaction::Accept);
    for _ in 0..3 {
        listener.pass().await.expect("read");
    }
    assert!(w.process.core.store.replies_read().await.expect("read").is_some());
}
