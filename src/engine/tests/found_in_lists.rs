//! What is taken for ours in the provider's lists, what is left behind a full batch, and when a list counts.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::unknown::{NOT_SENT, SENT, lost, slow};
use crate::clock::Clock as _;
use crate::domain::types::MessageSid;
use crate::domain::{MessageStatus, ProviderClock};
use crate::engine::poller::Poller;
use crate::engine::reconciler::Reconciler;
use crate::engine::{Engine, Scope, waiting};
use crate::gateways::{GatewayError, ListFilter, Listing, MessageBody, MessageRecord, SmsGateway, Submission};
use crate::store::manual_edits;
use crate::testing::clock::ManualClock;
use crate::testing::gateway::ScriptedGateway;
use crate::testing::replies::quiet;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

/// A copy of the store as it is now.
async fn copied(w: &World) -> PathBuf {
    let made = w.process.store.upkeep().expect("a file").back_up(w.now()).await;
    made.expect("a copy").path
}

/// What is said of a store that has lost something.
async fn said_of_the_loss(w: &World) -> Option<String> {
    let alerts = w.process.store.alerts().await.expect("read");
    alerts.into_iter().find(|a| a.key.to_string().starts_with("history-lost:")).map(|a| a.message)
}

fn sid(n: u32) -> String {
    format!("SM{:032x}", 0xfeed_2000_u64 + u64::from(n))
}

/// A text to Sam by this number or service, as the list shows it.
fn outbound(from: Option<&str>, service: Option<&str>, body: &str, w: &World) -> MessageRecord {
    MessageRecord {
        sid: sid(99).parse().expect("a SID"),
        status: MessageStatus::from_word("sent"),
        error_code: None,
        to: fixtures::phone("sam").into(),
        from: from.map(str::to_owned),
        service: service.map(str::to_owned),
        body: MessageBody(body.into()),
        direction: "outbound-api".into(),
        created_at: Some(w.sms.now()),
    }
}

/// A text of Sam's, written now.
fn inbound(n: u32, body: &str, w: &World) -> MessageRecord {
    MessageRecord {
        sid: sid(n).parse().expect("a SID"),
        status: MessageStatus::Other("received".into()),
        to: fixtures::SENDER.into(),
        direction: "inbound".into(),
        ..outbound(Some(fixtures::phone("sam")), None, body, w)
    }
}

#[tokio::test]
async fn a_list_counts_half_a_minute_after_the_doubt_began_and_after_another_doubt_anew() {
    for doubted_again in [false, true] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        let copy = copied(&w).await;
        w.restore(&copy).await;
        if doubted_again {
            w.advance(secs(20)).await;
            manual_edits::doubt_history(&w.file(), w.now().as_millis());
        }
        w.advance(secs(29)).await;
        assert!(w.process.engine.history.is_in_doubt(), "again: {doubted_again}");
        w.advance(secs(1)).await;
        assert!(!w.process.engine.history.is_in_doubt(), "again: {doubted_again}");
    }
}

#[tokio::test]
async fn a_person_is_told_of_a_list_that_cannot_be_read_for_ten_seconds_and_of_its_end() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let copy = copied(&w).await;
    w.sms.on_list(Reaction::away());
    w.restore(&copy).await;
    w.advance(secs(9)).await;
    assert!(!w.has_alert("history-in-doubt").await, "it may be over in a moment");
    w.advance(secs(1)).await;
    assert!(w.has_alert("history-in-doubt").await);
    w.sms.on_list(Reaction::Accept);
    w.advance(secs(30)).await;
    assert!(!w.process.engine.history.is_in_doubt());
    assert!(!w.has_alert("history-in-doubt").await, "the list was read: there is nothing to do for a person");
    assert_eq!(said_of_the_loss(&w).await, None, "nothing was lost");
}

#[tokio::test]
async fn what_was_lost_is_said_with_what_is_back_apart_from_what_is_gone() {
    for is_known in [true, false] {
        let mut w = World::new().await;
        let before_the_call = if is_known { None } else { Some(copied(&w).await) };
        w.dispatch("normal").await;
        let reference = w.state().await.call.reference.to_string();
        let copy = match before_the_call {
            Some(copy) => copy,
            None => copied(&w).await,
        };
        if is_known {
            w.advance(secs(121)).await;
        }
        w.restore(&copy).await;
        w.advance(secs(60)).await;
        let said = said_of_the_loss(&w).await.expect("said");
        let back = format!("1 text of calls {reference} were found with the provider");
        let gone = format!("not here any more: {reference}");
        assert_eq!((said.contains(&back), said.contains(&gone)), (is_known, !is_known), "{said}");
        assert_eq!(said.contains("were found with the provider"), is_known, "{said}");
        assert!(!said.contains("could not be read whole"), "{said}");
    }
}

#[tokio::test]
async fn a_text_whose_intent_the_copy_has_is_an_unknown_outcome_and_no_loss() {
    let mut w = World::new().await;
    w.sms.next(SENT);
    w.dispatch("normal").await;
    assert_eq!(w.attempts().await, ["1 sam unknown"]);
    let copy = copied(&w).await;
    w.restore(&copy).await;
    w.advance(secs(40)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    assert_eq!((said_of_the_loss(&w).await, w.sms.posts().len()), (None, 1));
}

#[tokio::test]
async fn a_text_of_another_user_of_the_account_is_no_text_that_was_lost() {
    let (ours, theirs) = (format!("MG{:032x}", 5), format!("MG{:032x}", 9));
    let other = "+15005550007";
    for (label, from, service, is_ours) in [
        ("another number", Some(other), None, false),
        ("another service", Some(other), Some(theirs.as_str()), false),
        ("another service that has chosen no number yet", None, Some(theirs.as_str()), false),
        ("our number", Some(fixtures::SENDER), None, true),
        ("our service", Some(other), Some(ours.as_str()), true),
    ] {
        let mut directory = fixtures::directory();
        directory.from = ours.parse().ok();
        directory.fallback = vec![fixtures::SENDER.parse().expect("a sender")];
        let mut w = World::with(Setup { directory, ..Setup::default() }).await;
        w.dispatch("normal").await;
        let copy = copied(&w).await;
        w.sms.plant(outbound(from, service, "9Z9Z-1 Burst pipe", &w));
        w.restore(&copy).await;
        w.advance(secs(31)).await;
        let said = said_of_the_loss(&w).await;
        assert_eq!(said.is_some_and(|said| said.contains("9Z9Z")), is_ours, "{label}");
    }
}

#[tokio::test]
async fn messages_behind_a_full_batch_are_asked_about_at_once() {
    let mut w = World::with(slow()).await;
    for _ in 0..17 {
        w.begin("slow").await;
    }
    w.settle().await;
    w.away(mins(2));
    let poller = &w.process.poller;
    let next = poller.pass().await.expect("asked");
    assert_eq!((w.sms.fetches(), next), (16, Some(w.now())));
    let next = poller.pass().await.expect("asked").expect("they are asked about again");
    assert_eq!((w.sms.fetches(), next > w.now()), (17, true), "all of them have their time again");
}

#[tokio::test]
async fn unknown_outcomes_behind_a_full_batch_are_looked_for_at_once() {
    let mut w = World::with(slow()).await;
    w.sms.otherwise(NOT_SENT);
    for _ in 0..65 {
        w.begin("slow").await;
    }
    w.settle().await;
    w.away(secs(5));
    let left = async || w.process.store.searchable(w.now(), 100).await.expect("read").len();
    assert_eq!(left().await, 65);
    let next = w.process.reconciler.pass().await.expect("looked");
    assert_eq!((left().await, next, w.sms.lists()), (1, Some(w.now()), 1), "one list serves all of one number");
    let next = w.process.reconciler.pass().await.expect("looked").expect("they are looked for again");
    assert_eq!((left().await, next > w.now(), w.sms.lists()), (0, true, 2));
}

#[tokio::test]
async fn a_command_asks_about_its_own_message_when_its_time_has_come() {
    let mut w = World::with(slow()).await;
    let own = w.dispatch("slow").await;
    let poller = Poller::new(w.process.only(&own));
    let due = w.attempt(1).await.poll_at.expect("a time");
    assert_eq!((poller.pass().await.expect("looked"), w.sms.fetches()), (Some(due), 0));
    w.away(due.since(w.now()));
    let next = poller.pass().await.expect("asked").expect("it is asked about again");
    assert_eq!((w.sms.fetches(), next > w.now()), (1, true));
}

/// Somebody sets our clock an hour forward while the provider's list is read.
struct ClockSetMeanwhile {
    sms: Arc<ScriptedGateway>,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl SmsGateway for ClockSetMeanwhile {
    async fn submit(&self, message: &Submission) -> Result<MessageRecord, GatewayError> {
        self.sms.submit(message).await
    }

    async fn fetch(&self, sid: &MessageSid) -> Result<MessageRecord, GatewayError> {
        self.sms.fetch(sid).await
    }

    async fn list(&self, filter: &ListFilter) -> Result<Listing, GatewayError> {
        self.clock.set_wall(self.clock.now().plus(mins(60)));
        self.sms.list(filter).await
    }

    fn clock(&self) -> ProviderClock {
        self.sms.clock()
    }
}

#[tokio::test]
async fn a_search_in_vain_during_which_our_clock_was_set_decides_nothing() {
    let w = lost(slow(), "slow", NOT_SENT).await;
    w.away(secs(5));
    let sms = ClockSetMeanwhile { sms: w.sms.clone(), clock: w.clock.clone() };
    let (core, bounds) = (w.process.core.clone(), w.process.engine.bounds());
    let engine = Engine::new(core, Arc::new(sms), Vec::new(), "serve".to_owned(), Scope::All, bounds);
    Reconciler::new(engine).pass().await.expect("looked");
    assert_eq!((w.attempts().await, w.sms.lists()), (vec!["1 sam unknown".to_owned()], 1));
    assert_eq!(w.attempt(1).await.decided_at, None, "it was out for five seconds, not for an hour");
}

#[tokio::test]
async fn replies_that_wait_behind_a_full_batch_are_decided_at_once_and_none_are_looked_for_without_a_signal() {
    let mut w = quiet().await;
    w.dispatch("still").await;
    w.advance(secs(90)).await;
    w.dispatch("still").await;
    w.advance(secs(10)).await;
    let pass = async || waiting::pass(&w.process.engine).await.expect("a pass");
    assert_eq!(pass().await, None, "nothing waits");
    for n in 0..17 {
        w.sms.plant(inbound(n, "ok", &w));
        assert_eq!(w.reply_as(&sid(n), "sam", "ok").await, "", "it waits");
    }
    let left = async || w.process.store.waiting_replies(99).await.expect("read").len();
    assert_eq!((pass().await, left().await), (Some(w.now()), 1));
    assert_eq!((pass().await, left().await), (Some(w.now().plus(waiting::EVERY)), 0));
    assert_eq!(pass().await, None);
}
