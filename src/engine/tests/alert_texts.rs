//! Alerts by text: an owner is texted once for each, whatever dies or is lost, and never takes a call by politeness.

use std::sync::Arc;

use crate::domain::alert::{AlertChange, AlertKey, AlertKind, Severity, SinkTarget};
use crate::domain::alert_text::AlertText;
use crate::domain::attempt::AttemptState;
use crate::domain::body::segments;
use crate::domain::call::CallStatus;
use crate::domain::event::Event;
use crate::domain::types::CallId;
use crate::engine::outbox;
use crate::engine::rebuild::is_of_an_alert;
use crate::engine::sink::Sink;
use crate::gateways::sinks::text::TextSink;
use crate::testing::crash::Death;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

use super::outbox::RecordingSink;

pub(super) const SINK: &str = "owner";

pub(super) fn setup() -> Setup {
    let mut directory = fixtures::directory();
    directory.alert_owners = vec!["olga".parse().expect("id")];
    let sinks = vec![SinkTarget { name: SINK.into(), min: Severity::Notice }];
    Setup { directory, sinks, ..Setup::default() }
}

pub(super) fn text_sink() -> Arc<Sink> {
    Arc::new(Sink::new(SINK, None, Arc::new(TextSink)))
}

pub(super) async fn raise(w: &World, key: AlertKey, call: Option<&CallId>, message: &str) {
    let change = AlertChange::Raise { key, call: call.cloned(), message: message.into() };
    w.apply(Event::Alert(change), "engine").await;
}

pub(super) async fn resolve(w: &World, key: AlertKey) {
    w.apply(Event::Alert(AlertChange::Resolve { key }), "engine").await;
}

/// The sink and those who send its texts work until both are done with this moment.
pub(super) async fn tell_by(w: &World, sink: &Sink) {
    for _ in 0..20 {
        outbox::pass(&w.process.engine, sink).await.expect("store");
        w.settle().await;
    }
}

pub(super) async fn tell(w: &World) {
    tell_by(w, &text_sink()).await;
}

/// Bodies of texts of alerts that the provider has.
pub(super) fn sent(w: &World) -> Vec<String> {
    w.sms.ledger().into_iter().map(|m| m.body).filter(|b| is_of_an_alert(b)).collect()
}

pub(super) async fn texts(w: &World) -> Vec<AlertText> {
    w.process.store.alert_texts(crate::domain::Timestamp::default(), 100).await.expect("read")
}

pub(super) async fn is_failing(w: &World) -> bool {
    w.process.store.sink_state(SINK, w.now()).await.expect("read").failing_since.is_some()
}

#[tokio::test]
async fn an_owner_is_told_once_in_one_segment_and_ok_takes_nothing_while_1_does() {
    let mut w = World::with(setup()).await;
    let call = w.dispatch("normal").await;
    w.tech("sam").expect_sms("Burst pipe");
    let reference = w.state().await.call.reference.to_string();
    let words =
        format!("nobody has taken call {call}: {}", "the ladder is over and everybody was told \u{2014} ".repeat(9));
    raise(&w, AlertKind::Exhausted.about(&call), Some(&call), &words).await;
    tell(&w).await;
    let text = w.tech("olga").expect_sms("nobody has taken call");
    assert!(text.contains(&format!(" ALERT {reference}: ")), "{text}");
    assert!(text.ends_with(&format!(".. Reply 1 {reference} to take it.")), "{text}");
    assert_eq!(segments(&text), 1, "{text}");
    tell(&w).await;
    w.expect_silence();
    assert!(!is_failing(&w).await);
    for soft in ["ok", "yes", "\u{1f44d}"] {
        let said = w.reply("olga", soft).await;
        assert!(said.contains(&format!("Reply 1 to take {reference}")), "{said}");
        assert_eq!(w.status().await, CallStatus::Dispatching, "{soft}");
    }
    let said = w.reply("olga", "1").await;
    assert!(said.starts_with(&format!("{reference} is yours")), "{said}");
    assert_eq!(w.status().await, CallStatus::Acknowledged);
    let log = w.log_of(None).await + &w.log_text().await;
    assert!(log.contains("alert.texted"), "{log}");
}

#[tokio::test]
async fn an_owner_answers_with_the_reference_of_the_text_or_of_the_call() {
    for by_call in [true, false] {
        let mut w = World::with(setup()).await;
        let call = w.dispatch("normal").await;
        raise(&w, AlertKind::Exhausted.about(&call), Some(&call), "nobody took it").await;
        tell(&w).await;
        let own = texts(&w).await[0].reference.to_string();
        let of_call = w.state().await.call.reference.to_string();
        assert_ne!(own, of_call);
        let said = w.reply("olga", &format!("1 {}", if by_call { &of_call } else { &own })).await;
        assert!(said.starts_with(&format!("{of_call} is yours")), "{said}");
    }
    // One that is about no call is seen, and not repeated.
    let mut w = World::with(setup()).await;
    raise(&w, AlertKind::StoreFile.into(), None, "the store is gone").await;
    tell(&w).await;
    let own = texts(&w).await[0].reference.to_string();
    w.tech("olga").expect_sms(&format!("Reply 1 {own} once you have seen it."));
    assert_eq!(w.reply("olga", &format!("1 {own}")).await, format!("Noted: {own} is not repeated."));
    let alerts = w.process.store.alerts().await.expect("read");
    assert!(alerts.iter().any(|a| a.key == AlertKind::StoreFile.into() && a.acknowledged.is_some()), "{alerts:?}");
}

#[tokio::test]
async fn a_lost_answer_is_found_in_the_list_and_nothing_is_sent_twice() {
    for reaction in [Reaction::UnknownButAccepted, Reaction::UnknownNotAccepted] {
        let w = World::with(setup()).await;
        w.sms.next(reaction.clone());
        raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
        tell(&w).await;
        assert_eq!(texts(&w).await[0].text.state, AttemptState::Unknown, "{reaction:?}");
        w.advance(mins(2)).await;
        tell(&w).await;
        let found = matches!(reaction, Reaction::UnknownButAccepted);
        assert_eq!(sent(&w).len(), usize::from(found), "{reaction:?}");
        assert_eq!(texts(&w).await[0].text.sid.is_some(), found, "{reaction:?}");
        assert_eq!(texts(&w).await.len(), 1, "{reaction:?}");
    }
}

#[tokio::test]
async fn what_says_that_texts_or_sinks_do_not_go_is_told_by_no_text_but_by_the_stand_in() {
    let mut plan = setup();
    plan.sinks.push(SinkTarget { name: "office".into(), min: Severity::Notice });
    let w = World::with(plan).await;
    let heard = Arc::new(RecordingSink::default());
    let stand_in = Arc::new(Sink::new("office", Some(SINK.into()), heard.clone()));
    w.process.engine.set_sinks(vec![text_sink(), stand_in.clone()]);
    let kinds = [AlertKind::Breaker, AlertKind::NoSender, AlertKind::SinkFailing, AlertKind::SinkPlace];
    for kind in kinds {
        raise(&w, kind.about("x"), None, "it does not go").await;
    }
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    tell(&w).await;
    tell_by(&w, &stand_in).await;
    assert_eq!(sent(&w).len(), 1, "{:?}", sent(&w));
    assert!(sent(&w)[0].contains("the store takes no writes"));
    let keys: Vec<String> = heard.delivered().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), kinds.len(), "{keys:?}");
    assert!(!keys.contains(&"store".to_owned()), "the text told of it: {keys:?}");
}

#[tokio::test]
async fn a_text_of_an_emergency_goes_before_one_of_an_alert() {
    let mut w = World::with(setup()).await;
    w.begin("normal").await;
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    outbox::pass(&w.process.engine, &text_sink()).await.expect("store");
    w.process.alert_texts.pass().await.expect("looked");
    assert_eq!(w.sms.ledger().len(), 0, "a text of an emergency waits");
    assert!(!is_failing(&w).await, "that it waits is no failure");
    w.process.dispatcher.pass().await.expect("sent");
    w.process.dispatcher.drained().await;
    w.process.alert_texts.pass().await.expect("looked");
    let all: Vec<String> = w.sms.ledger().into_iter().map(|m| m.body).collect();
    assert!(all[0].contains("Burst pipe") && is_of_an_alert(&all[1]), "{all:?}");
}

#[tokio::test]
async fn while_no_sender_works_it_waits_the_sink_fails_and_then_it_goes_once() {
    let mut w = World::with(setup()).await;
    w.dispatch("normal").await;
    w.sms.otherwise(Reaction::refuse(401, 20_003));
    w.advance(mins(2)).await;
    assert!(w.has_alert("breaker:").await, "{:?}", w.alerts().await);
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    // For a minute it gives way to the texts of calls, which wait too.
    tell(&w).await;
    w.advance(mins(2)).await;
    tell(&w).await;
    assert!(is_failing(&w).await, "a stand-in is to tell of it");
    assert_eq!(sent(&w).len(), 0);
    w.sms.forget_script();
    for _ in 0..10 {
        w.advance(mins(1)).await;
        tell(&w).await;
    }
    let of_store = sent(&w).iter().filter(|b| b.contains("the store takes no writes")).count();
    assert_eq!(of_store, 1, "{:?}", sent(&w));
    assert!(!is_failing(&w).await);
}

#[tokio::test]
async fn what_is_over_or_seen_before_its_text_left_is_not_sent_and_neither_is_its_end() {
    let w = World::with(setup()).await;
    w.sms.otherwise(Reaction::away());
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    tell(&w).await;
    resolve(&w, AlertKind::Store.into()).await;
    w.sms.forget_script();
    for _ in 0..5 {
        w.advance(mins(2)).await;
        tell(&w).await;
    }
    assert_eq!(sent(&w), [""; 0], "{:?}", texts(&w).await);
    // Whoever was told is told of the end.
    raise(&w, AlertKind::Backup.into(), None, "no copy can be made").await;
    tell(&w).await;
    resolve(&w, AlertKind::Backup.into()).await;
    tell(&w).await;
    let all = sent(&w);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[1].contains(" OVER: no copy can be made") && !all[1].contains("Reply"), "{all:?}");
}

#[tokio::test]
async fn a_number_that_is_refused_for_good_is_not_texted_again_and_the_sink_fails() {
    let w = World::with(setup()).await;
    w.sms.otherwise(Reaction::refuse(400, 21_211));
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    for _ in 0..20 {
        tell(&w).await;
        w.advance(mins(1)).await;
    }
    assert_eq!(w.sms.posts().len(), 1, "one POST");
    assert!(is_failing(&w).await && w.has_alert("sink-failing:owner").await, "{:?}", w.alerts().await);
}

#[tokio::test]
async fn one_that_fails_after_it_was_accepted_is_said_to_the_other_sinks_until_one_arrives() {
    let w = World::with(setup()).await;
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    tell(&w).await;
    let first = w.sms.ledger().last().cloned().expect("a text");
    w.update_of(&first, "undelivered", Some(30_003)).await;
    let of_message: Vec<_> = texts(&w).await.into_iter().map(|t| (t.text.number, t.text.state)).collect();
    assert_eq!(of_message, [(2, AttemptState::Scheduled), (1, AttemptState::Failed)], "it is tried again");
    assert!(w.has_alert("sink-failing:owner").await, "{:?}", w.alerts().await);
    raise(&w, AlertKind::Backup.into(), None, "no copy can be made").await;
    tell(&w).await;
    let second = w.sms.ledger().last().cloned().expect("a text");
    assert_ne!(first.sid, second.sid);
    w.update_of(&second, "delivered", None).await;
    assert!(!w.has_alert("sink-failing").await, "{:?}", w.alerts().await);
}

#[tokio::test]
async fn a_crowd_of_alerts_is_few_texts_that_name_no_alert_twice() {
    let mut w = World::with(setup()).await;
    let mut calls = Vec::new();
    for _ in 0..12 {
        calls.push(w.begin("normal").await);
    }
    w.settle().await;
    for call in &calls {
        raise(&w, AlertKind::Exhausted.about(call), Some(call), "nobody took it").await;
    }
    for _ in 0..10 {
        tell(&w).await;
        w.advance(secs(61)).await;
    }
    let all = sent(&w);
    assert!(all.iter().all(|b| segments(b) == 1), "{all:?}");
    for call in &calls {
        let key = AlertKind::Exhausted.about(call);
        let of = texts(&w).await.into_iter().filter(|t| t.tells_of(&key) && t.text.sid.is_some() && !t.is_over);
        assert_eq!(of.count(), 1, "{call}: {all:?}");
    }
}

async fn chapter(w: &World, n: usize) {
    match n {
        0 => raise(w, AlertKind::Exhausted.about("c1"), None, "nobody took it").await,
        1 => tell(w).await,
        2 => resolve(w, AlertKind::Exhausted.about("c1")).await,
        _ => tell(w).await,
    }
}

#[tokio::test]
async fn a_death_at_any_commit_loses_no_alert_and_texts_none_twice() {
    let mut k = 0;
    loop {
        k += 1;
        let mut hit = false;
        for death in [Death::After(k), Death::BeforeTheOneAfter(k)] {
            let mut plan = setup();
            // A question to the provider each half minute would only make the story longer.
            plan.rules.poll_after = mins(60);
            let mut w = World::dying(plan, death).await;
            let mut died = false;
            for n in 0..4 {
                let crash = w.process.crash.clone();
                let done = tokio::select! {
                    biased;
                    () = chapter(&w, n) => true,
                    () = crash.died() => false,
                };
                if !done {
                    died = true;
                    w.restart().await;
                    chapter(&w, n).await;
                }
            }
            hit |= died;
            w.advance(mins(1)).await;
            tell(&w).await;
            let (all, rows) = (sent(&w), texts(&w).await);
            for of in &rows {
                let reference = of.mark();
                let n = all.iter().filter(|b| b.starts_with(&format!("{reference} "))).count();
                assert!(n == 1 || (n == 0 && of.text.sid.is_none()), "{death:?}: {reference} went {n} times");
            }
            let raised = all.iter().filter(|b| b.contains("ALERT: nobody took it")).count();
            // One that had not left when its engine died is unknown for good, and shows.
            let unknown = rows.iter().filter(|t| !t.is_over && t.text.state == AttemptState::Unknown).count();
            assert_eq!(raised + unknown, 1, "{death:?}: {all:?} {rows:?}");
            assert!(all.len() <= 2, "{death:?}: {all:?}");
        }
        if !hit {
            break;
        }
    }
    assert!(k > 6, "{k} commits");
}
