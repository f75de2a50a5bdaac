//! Alerts by text never end in silence: what waits waits by itself and is said by the stand-in, what nobody knows of counts as not told,
//! and each owner's fate is seen.

use std::sync::Arc;

use crate::domain::alert::{AlertChange, AlertKind, Severity, SinkTarget};
use crate::domain::attempt::AttemptState;
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::engine::alert_texts::AlertTextDuty;
use crate::engine::dispatcher::Dispatcher;
use crate::engine::outbox;
use crate::engine::sink::Sink;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

use super::alert_texts::{SINK, is_failing, raise, resolve, sent, setup, tell, tell_by, text_sink, texts};
use super::outbox::RecordingSink;

/// An owner's texts, and an office that is told of what they do not tell.
struct Shop {
    w: World,
    heard: Arc<RecordingSink>,
    office: Arc<Sink>,
}

impl Shop {
    async fn new(mut plan: Setup) -> Self {
        plan.sinks.push(SinkTarget { name: "office".into(), min: Severity::Notice });
        let w = World::with(plan).await;
        let heard = Arc::new(RecordingSink::default());
        let office = Arc::new(Sink::new("office", Some(SINK.into()), heard.clone()));
        w.process.engine.set_sinks(vec![text_sink(), office.clone()]);
        Self { w, heard, office }
    }

    /// Both sinks do what they can at this moment.
    async fn tell(&self) {
        tell(&self.w).await;
        tell_by(&self.w, &self.office).await;
    }

    /// Keys that the office was told of.
    fn heard(&self) -> Vec<String> {
        self.heard.delivered().into_iter().map(|(key, _)| key).collect()
    }

    fn sent_of(&self, words: &str) -> usize {
        sent(&self.w).iter().filter(|b| b.contains(words)).count()
    }
}

fn two_owners() -> Setup {
    let mut plan = setup();
    plan.directory.alert_owners.push("ana".parse().expect("id"));
    plan
}

fn held(minutes: u64) -> Reaction {
    Reaction::NotSent { retry_after: Some(mins(minutes)) }
}

async fn see(w: &World, kind: AlertKind) {
    w.apply(
        Event::Alert(AlertChange::Acknowledge { key: kind.into(), by: Actor("Mia".into()), raised_by: None }),
        "mia",
    )
    .await;
}

#[tokio::test]
async fn one_message_that_waits_stops_no_other_and_the_stand_in_says_it_after_a_minute() {
    let shop = Shop::new(setup()).await;
    shop.w.sms.next(held(4));
    raise(&shop.w, AlertKind::Store.into(), None, "the store takes no writes").await;
    shop.tell().await;
    raise(&shop.w, AlertKind::Backup.into(), None, "no copy can be made").await;
    shop.tell().await;
    assert_eq!((shop.sent_of("no copy"), shop.sent_of("takes no writes")), (1, 0), "{:?}", sent(&shop.w));
    assert_eq!(shop.heard(), [""; 0], "it is not late yet");
    shop.w.advance(secs(61)).await;
    shop.tell().await;
    assert_eq!(shop.heard(), ["store"], "the stand-in says what waits, and nothing else");
    assert!(is_failing(&shop.w).await);
    // What is raised meanwhile goes by text, at once.
    raise(&shop.w, AlertKind::Clock.about("1"), None, "the clock was set").await;
    shop.tell().await;
    assert_eq!((shop.sent_of("the clock was set"), shop.heard().len()), (1, 1));
    shop.w.advance(mins(5)).await;
    shop.tell().await;
    assert_eq!(shop.sent_of("takes no writes"), 1, "it goes once, when it can: {:?}", sent(&shop.w));
    assert!(!is_failing(&shop.w).await);
}

#[tokio::test]
async fn a_message_that_waits_is_kept_apart_from_what_is_grouped_next() {
    let shop = Shop::new(setup()).await;
    shop.w.sms.next(held(3));
    let key = |n: usize| AlertKind::Exhausted.about(format!("call_{n}"));
    raise(&shop.w, key(0), None, "nobody took it").await;
    shop.tell().await;
    for n in 1..9 {
        raise(&shop.w, key(n), None, "nobody took it").await;
    }
    for _ in 0..6 {
        shop.tell().await;
        shop.w.advance(secs(40)).await;
    }
    shop.tell().await;
    let all = texts(&shop.w).await;
    for n in 0..9 {
        let of = all.iter().filter(|t| t.text.sid.is_some() && t.tells_of(&key(n)));
        assert_eq!(of.count(), 1, "{n}: {:?}", sent(&shop.w));
    }
    assert!(all.iter().all(|t| !t.tells_of(&key(0)) || t.alerts.len() == 1), "{all:?}");
}

#[tokio::test]
async fn a_text_of_which_nobody_knows_tells_nobody_until_it_is_found() {
    for reaction in [Reaction::UnknownNotAccepted, Reaction::UnknownButAccepted] {
        let is_there = matches!(reaction, Reaction::UnknownButAccepted);
        let shop = Shop::new(setup()).await;
        shop.w.sms.on_list(Reaction::away());
        shop.w.sms.next(reaction);
        raise(&shop.w, AlertKind::Store.into(), None, "the store takes no writes").await;
        shop.tell().await;
        assert_eq!(shop.heard(), [""; 0], "it is looked for");
        shop.w.advance(secs(61)).await;
        shop.tell().await;
        assert_eq!((shop.heard(), is_failing(&shop.w).await), (vec!["store".to_owned()], true), "{is_there}");
        shop.w.sms.on_list(Reaction::Accept);
        shop.w.advance(mins(10)).await;
        shop.tell().await;
        assert_eq!(is_failing(&shop.w).await, !is_there, "what is found is told");
        let of_store = shop.heard().iter().filter(|key| *key == "store").count();
        assert_eq!((shop.w.sms.posts().len(), of_store), (1, 1), "nothing is sent twice");
    }
}

#[tokio::test]
async fn a_page_whose_text_nobody_knows_of_is_told_again_as_one_that_was_told_is() {
    let w = World::with(setup()).await;
    let mut sink = Sink::new(SINK, None, Arc::new(crate::gateways::sinks::text::TextSink));
    sink.repeat = Some(mins(30));
    w.sms.next(Reaction::UnknownNotAccepted);
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    for _ in 0..33 {
        tell_by(&w, &sink).await;
        w.advance(mins(1)).await;
    }
    assert_eq!((w.sms.posts().len(), sent(&w).len()), (2, 1), "{:?}", texts(&w).await);
}

#[tokio::test]
async fn a_text_that_waited_for_a_day_goes_as_long_as_its_alert_stands() {
    let shop = Shop::new(setup()).await;
    shop.w.sms.otherwise(Reaction::away());
    raise(&shop.w, AlertKind::Store.into(), None, "the store takes no writes").await;
    shop.tell().await;
    shop.w.away(mins(25 * 60));
    shop.w.sms.forget_script();
    shop.tell().await;
    shop.w.advance(mins(2)).await;
    shop.tell().await;
    assert_eq!(shop.sent_of("takes no writes"), 1, "{:?}", texts(&shop.w).await);
}

#[tokio::test]
async fn an_owner_who_is_refused_beside_another_who_is_told_is_said() {
    for is_opted_out in [false, true] {
        let mut shop = Shop::new(two_owners()).await;
        if is_opted_out {
            shop.w.reply("ana", "STOP").await;
            resolve(&shop.w, AlertKind::OptedOut.about("ana")).await;
        } else {
            shop.w.sms.always_to(fixtures::phone("ana"), Reaction::refuse(400, 21_211));
        }
        raise(&shop.w, AlertKind::Store.into(), None, "the store takes no writes").await;
        shop.tell().await;
        shop.w.tech("olga").expect_sms("the store takes no writes");
        assert!(shop.w.has_alert("owner-untold:ana").await, "{:?}", shop.w.alerts().await);
        assert!(!shop.w.has_alert("owner-untold:olga").await && !is_failing(&shop.w).await);
        assert_eq!(shop.heard(), ["owner-untold:ana"], "the stand-in says it too");
        shop.w.tech("olga").expect_sms("Ana Reyes was not told of an alert by text");
        // Nobody is told by text that they get no texts, and nothing comes of it for ever.
        let posts = shop.w.sms.posts().len();
        for _ in 0..5 {
            shop.w.advance(mins(1)).await;
            shop.tell().await;
        }
        assert_eq!(shop.w.sms.posts().len(), posts);
        if is_opted_out {
            shop.w.reply("ana", "START").await;
        }
        shop.w.sms.forget_script();
        raise(&shop.w, AlertKind::Backup.into(), None, "no copy can be made").await;
        shop.tell().await;
        let to_ana = shop.w.sms.ledger().into_iter().rfind(|m| m.to == fixtures::phone("ana")).expect("a text");
        shop.w.update_of(&to_ana, "delivered", None).await;
        assert!(!shop.w.has_alert("owner-untold").await, "{:?}", shop.w.alerts().await);
    }
}

#[tokio::test]
async fn whoever_is_told_after_a_failure_that_passes_is_told_and_the_failure_of_all_tries_is_said() {
    let shop = Shop::new(two_owners()).await;
    shop.w.sms.always_to(fixtures::phone("ana"), Reaction::refuse(400, 30_003));
    raise(&shop.w, AlertKind::Store.into(), None, "the store takes no writes").await;
    shop.tell().await;
    assert!(!shop.w.has_alert("owner-untold").await, "it is tried again");
    shop.w.advance(mins(5)).await;
    shop.tell().await;
    let to_ana = texts(&shop.w).await.into_iter().filter(|t| t.text.contact.as_str() == "ana" && !t.is_over);
    let of_store = to_ana.filter(|t| t.tells_of(&AlertKind::Store.into())).count();
    assert_eq!(of_store, 3, "three tries");
    assert!(shop.w.has_alert("owner-untold:ana").await, "{:?}", shop.w.alerts().await);
}

#[tokio::test]
async fn an_alert_of_which_nothing_is_said_is_told_by_what_its_kind_says() {
    let w = World::with(setup()).await;
    raise(&w, AlertKind::Store.into(), None, " ").await;
    tell(&w).await;
    w.tech("olga").expect_sms(" ALERT: The store takes no writes: store Reply 1 ");
}

#[tokio::test]
async fn new_words_of_an_alert_that_was_seen_are_told() {
    for kind in [AlertKind::UnreadReply, AlertKind::Store] {
        let shop = Shop::new(setup()).await;
        raise(&shop.w, kind.into(), None, "first words").await;
        shop.tell().await;
        shop.w.advance(secs(5)).await;
        see(&shop.w, kind).await;
        shop.w.advance(secs(5)).await;
        shop.tell().await;
        assert_eq!(sent(&shop.w).len(), 1);
        let again = AlertChange::Again { key: kind.into(), message: "second words".into() };
        shop.w.apply(Event::Alert(again), "engine").await;
        shop.tell().await;
        assert_eq!((shop.sent_of("first words"), shop.sent_of("second words")), (1, 1), "{:?}", sent(&shop.w));
        // What was seen before its text left is not sent.
        shop.w.sms.next(held(1));
        shop.w.advance(secs(5)).await;
        let again = AlertChange::Again { key: kind.into(), message: "third words".into() };
        shop.w.apply(Event::Alert(again), "engine").await;
        shop.tell().await;
        let again = AlertChange::Again { key: kind.into(), message: "fourth words".into() };
        shop.w.apply(Event::Alert(again), "engine").await;
        shop.tell().await;
        shop.w.advance(mins(3)).await;
        shop.tell().await;
        assert_eq!((shop.sent_of("third words"), shop.sent_of("fourth words")), (0, 1), "the newest alone");
    }
}

#[tokio::test]
async fn first_notices_go_first_however_long_the_text_of_an_alert_waits() {
    let mut plan = setup();
    plan.messages_per_second = 0.5;
    let mut w = World::with(plan).await;
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    for _ in 0..50 {
        w.begin("normal").await;
    }
    outbox::pass(&w.process.engine, &text_sink()).await.expect("store");
    w.advance(secs(80)).await;
    let (all, of_alerts) = (w.sms.ledger().len(), sent(&w).len());
    assert!(all >= 30 && of_alerts == 0, "{of_alerts} of {all}");
    w.advance(secs(80)).await;
    assert_eq!(sent(&w).len(), 1, "behind them it does not wait for reminders without end");
    let bodies: Vec<String> = w.sms.ledger().into_iter().map(|m| m.body).collect();
    let place = bodies.iter().position(|b| b.contains("the store takes no writes")).expect("it went");
    assert!(place >= 50, "{place}");
}

#[tokio::test]
async fn the_end_is_told_to_those_who_were_told_also_where_the_text_had_waited() {
    let shop = Shop::new(two_owners()).await;
    shop.w.sms.always_to(fixtures::phone("ana"), Reaction::refuse(400, 21_211));
    shop.w.sms.always_to(fixtures::phone("olga"), held(2));
    raise(&shop.w, AlertKind::Store.into(), None, "the store takes no writes").await;
    shop.tell().await;
    shop.w.advance(secs(61)).await;
    shop.tell().await;
    assert!(is_failing(&shop.w).await);
    // It goes, and its alert is over before the sink looks.
    shop.w.sms.forget_script();
    shop.w.advance(mins(3)).await;
    assert_eq!(shop.sent_of(" ALERT: the store takes no writes"), 1, "{:?}", sent(&shop.w));
    resolve(&shop.w, AlertKind::Store.into()).await;
    shop.tell().await;
    let ends: Vec<_> =
        texts(&shop.w).await.into_iter().filter(|t| t.is_over && t.tells_of(&AlertKind::Store.into())).collect();
    assert_eq!(ends.iter().map(|t| t.text.contact.as_str()).collect::<Vec<_>>(), ["olga"], "to whom was told");
    assert_eq!(ends[0].text.state, AttemptState::Submitted);
    assert_eq!(shop.sent_of(" OVER: the store takes no writes"), 1, "{:?}", sent(&shop.w));
}

#[tokio::test]
async fn what_ended_while_its_text_waited_is_not_told_beside_what_stands() {
    let shop = Shop::new(setup()).await;
    let key = |n: usize| AlertKind::Exhausted.about(format!("call_{n}"));
    shop.w.sms.otherwise(held(1));
    for n in 0..6 {
        raise(&shop.w, key(n), None, "nobody took it").await;
    }
    shop.tell().await;
    resolve(&shop.w, key(2)).await;
    shop.tell().await;
    shop.w.sms.forget_script();
    shop.w.advance(mins(3)).await;
    shop.tell().await;
    let all = sent(&shop.w);
    let named = |n: usize| all.iter().filter(|b| b.contains(&format!("call_{n}"))).count();
    assert_eq!((0..6).map(named).collect::<Vec<_>>(), [1, 1, 0, 1, 1, 1], "{all:?}");
    assert!(all.iter().all(|b| !b.contains("OVER")), "{all:?}");
}

#[tokio::test]
async fn owners_with_one_phone_are_one_reader() {
    let mut plan = two_owners();
    let phone: crate::domain::PhoneNumber = fixtures::phone("olga").parse().expect("phone");
    plan.directory.contacts.iter_mut().filter(|c| c.id.as_str() == "ana").for_each(|c| c.phone = phone.clone());
    let w = World::with(plan).await;
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    tell(&w).await;
    assert_eq!(sent(&w).len(), 1, "{:?}", sent(&w));
}

#[tokio::test]
async fn each_page_whose_text_never_arrives_is_said_by_the_stand_in() {
    let shop = Shop::new(setup()).await;
    for (n, key) in
        [AlertKind::Store.into(), AlertKind::StoreFile.into(), AlertKind::Clock.about("1")].into_iter().enumerate()
    {
        raise(&shop.w, key.clone(), None, "look at it").await;
        shop.tell().await;
        assert!(!shop.heard().contains(&key.to_string()), "the provider has it: {:?}", shop.heard());
        let text = shop.w.sms.ledger().last().cloned().expect("a text");
        shop.w.update_of(&text, "undelivered", Some(30_006)).await;
        shop.tell().await;
        assert!(shop.heard().contains(&key.to_string()), "{n}: {:?}", shop.heard());
        assert_eq!(shop.sent_of("look at it"), n + 1, "no text goes to that phone again at once: {:?}", sent(&shop.w));
        shop.w.advance(mins(2)).await;
    }
}

#[tokio::test]
async fn a_group_that_failed_for_good_takes_nothing_from_a_newer_message_that_waits() {
    let shop = Shop::new(setup()).await;
    shop.w.sms.next(Reaction::refuse(400, 21_610));
    let key = AlertKind::Store.into();
    raise(&shop.w, key, None, "the store takes no writes").await;
    shop.tell().await;
    resolve(&shop.w, AlertKind::Store.into()).await;
    shop.w.advance(secs(1)).await;
    shop.w.sms.otherwise(held(3));
    raise(&shop.w, AlertKind::Store.into(), None, "the store takes no writes again").await;
    for _ in 0..6 {
        shop.tell().await;
        shop.w.advance(secs(15)).await;
    }
    let waiting = texts(&shop.w).await.into_iter().filter(|t| t.text.state.is_waiting()).count();
    assert_eq!(waiting, 1, "{:?}", texts(&shop.w).await);
    assert!(shop.heard().contains(&"store".to_owned()), "{:?}", shop.heard());
}

#[tokio::test]
async fn a_sink_whose_texts_wait_fails_after_a_minute_and_is_said_to_after_five() {
    let w = World::with(setup()).await;
    let sink = text_sink();
    w.sms.otherwise(held(30));
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    outbox::pass(&w.process.engine, &sink).await.expect("store");
    let mut at = 0;
    for (when, fails, is_said) in [(59, false, false), (61, true, false), (290, true, false), (320, true, true)] {
        w.advance(secs(when - at)).await;
        at = when;
        outbox::pass(&w.process.engine, &sink).await.expect("store");
        let is = (is_failing(&w).await, w.has_alert("sink-failing:owner").await);
        assert_eq!(is, (fails, is_said), "after {when} s");
    }
}

#[tokio::test]
async fn words_that_change_again_and_again_begin_no_time_anew() {
    let shop = Shop::new(setup()).await;
    shop.w.sms.otherwise(held(30));
    raise(&shop.w, AlertKind::Store.into(), None, "words").await;
    shop.tell().await;
    for n in 1..=3 {
        shop.w.advance(secs(20)).await;
        let again = AlertChange::Again { key: AlertKind::Store.into(), message: format!("other words {n}") };
        shop.w.apply(Event::Alert(again), "engine").await;
        shop.tell().await;
    }
    assert_eq!(shop.heard(), [""; 0], "the newest words have a moment to leave");
    shop.w.advance(secs(11)).await;
    shop.tell().await;
    assert_eq!(shop.heard(), ["store"], "nobody was told of it for a minute");
}

#[tokio::test]
async fn of_an_end_that_can_be_told_to_nobody_nothing_more_comes() {
    let w = World::with(setup()).await;
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    tell(&w).await;
    assert_eq!(w.process.store.alerts_waiting(SINK).await.expect("read"), [], "the sink was told");
    w.sms.otherwise(Reaction::refuse(400, 21_211));
    resolve(&w, AlertKind::Store.into()).await;
    tell(&w).await;
    w.advance(mins(3)).await;
    tell(&w).await;
    let waits = w.process.store.alerts_waiting(SINK).await.expect("read");
    assert!(waits.iter().all(|of| of.key != AlertKind::Store.into()), "{waits:?}");
    assert_eq!((w.sms.posts().len(), is_failing(&w).await), (2, false), "that they cannot be told is said by itself");
}

#[tokio::test]
async fn a_text_that_wakes_somebody_goes_before_an_older_one_that_does_not() {
    let w = World::with(setup()).await;
    let events = AlertKind::EventsUntold.about("books");
    for (key, words) in [(events, "a receiver is behind"), (AlertKind::Store.into(), "no writes")] {
        raise(&w, key, None, words).await;
        outbox::pass(&w.process.engine, &text_sink()).await.expect("store");
        w.away(secs(1));
    }
    assert_eq!((texts(&w).await.len(), sent(&w).len()), (2, 0), "both wait");
    w.process.alert_texts.pass().await.expect("sent");
    let first = sent(&w);
    assert!(first.len() == 1 && first[0].contains("no writes"), "{first:?}");
}

/// One dispatcher for the texts of calls and those of alerts, as an engine has it.
fn shared(w: &World) -> (Arc<Dispatcher>, AlertTextDuty) {
    let engine = w.process.engine.clone();
    let dispatcher = Arc::new(Dispatcher::new(engine.clone()));
    (dispatcher.clone(), AlertTextDuty::new(engine, dispatcher))
}

async fn send_by(dispatcher: &Dispatcher) {
    dispatcher.pass().await.expect("looked");
    dispatcher.drained().await;
}

#[tokio::test]
async fn texts_of_calls_and_of_alerts_share_the_rate_of_their_sender() {
    let mut w = World::with(Setup { messages_per_second: 1.0, ..setup() }).await;
    let (dispatcher, duty) = shared(&w);
    let hand_over = async |w: &World| {
        outbox::pass(&w.process.engine, &text_sink()).await.expect("store");
    };
    w.begin("normal").await;
    send_by(&dispatcher).await;
    let used = u64::from(w.attempt(1).await.segments);
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    hand_over(&w).await;
    let next = duty.pass().await.expect("looked").expect("a time");
    assert_eq!((next, sent(&w).len()), (w.now().plus(secs(used)), 0), "the slots are used");
    w.away(secs(used));
    duty.pass().await.expect("sent");
    assert_eq!(sent(&w).len(), 1);
    w.begin("normal").await;
    send_by(&dispatcher).await;
    assert_eq!(w.sms.ledger().len(), 2, "this slot is used too");
    w.away(secs(1));
    send_by(&dispatcher).await;
    assert_eq!(w.sms.ledger().len(), 3);
    // The slot of a text that is not wanted any more is given back.
    w.away(secs(10));
    raise(&w, AlertKind::Backup.into(), None, "no copy can be made").await;
    hand_over(&w).await;
    resolve(&w, AlertKind::Backup.into()).await;
    duty.pass().await.expect("looked");
    w.begin("normal").await;
    send_by(&dispatcher).await;
    assert_eq!((w.sms.ledger().len(), sent(&w).len()), (4, 1));
}

#[tokio::test]
async fn a_first_notice_that_cannot_be_claimed_holds_up_no_text_of_an_alert() {
    for is_rotten in [true, false] {
        let mut w = World::with(setup()).await;
        let (dispatcher, duty) = shared(&w);
        w.begin("normal").await;
        let id = w.attempt(1).await.id;
        w.process.crash.refuse(is_rotten.then_some(id));
        raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
        outbox::pass(&w.process.engine, &text_sink()).await.expect("store");
        w.away(secs(61));
        if is_rotten {
            send_by(&dispatcher).await;
        }
        duty.pass().await.expect("looked");
        assert_eq!(sent(&w).len(), usize::from(is_rotten), "one that can go goes first: {is_rotten}");
    }
}
