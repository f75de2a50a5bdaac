//! What must wake somebody is told again until a person has seen it, and a sink that fails is told of at the others.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::alert::{AlertChange, AlertKey, AlertKind, Severity, SinkTarget};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::engine::sink::Sink;
use crate::testing::{World, office};

use super::outbox::{Mood, RecordingSink, deliver, engine_with, raise, resolve};

const EVERY: Duration = Duration::from_secs(30 * 60);

fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

fn repeating(name: &str, fallback_for: Option<&str>, sink: &Arc<RecordingSink>) -> Arc<Sink> {
    let mut made = Sink::new(name, fallback_for.map(str::to_owned), sink.clone());
    made.repeat = Some(EVERY);
    Arc::new(made)
}

async fn see(w: &World, key: &AlertKey) {
    let change = AlertChange::Acknowledge { key: key.clone(), by: Actor("Ana".into()), raised_by: None };
    w.apply(Event::Alert(change), "Ana").await;
}

fn times(sink: &RecordingSink, key: &AlertKey, over: bool) -> usize {
    sink.delivered().iter().filter(|(k, o)| *k == key.to_string() && *o == over).count()
}

#[tokio::test]
async fn a_page_is_told_again_until_somebody_has_seen_it_and_a_notice_is_not() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine_with(&w, vec![repeating(&office().name, None, &sink)]);
    let (page, notice) = (AlertKind::NoSender.into(), AlertKind::Backup.into());
    raise(&w, &page).await;
    raise(&w, &notice).await;
    let again = deliver(&engine).await.expect("it is told again");
    assert_eq!(again, w.now().plus(EVERY));
    w.clock.pass(minutes(29));
    deliver(&engine).await;
    assert_eq!(times(&sink, &page, false), 1, "not before its time");
    for n in 2..=4 {
        w.clock.pass(minutes(31));
        deliver(&engine).await;
        assert_eq!((times(&sink, &page, false), times(&sink, &notice, false)), (n, 1));
    }
    let mut ids = sink.ids();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each time it is another message");
    see(&w, &page).await;
    w.clock.pass(minutes(300));
    assert_eq!(deliver(&engine).await, None, "nothing is to come");
    assert_eq!(times(&sink, &page, false), 4);
    resolve(&w, &page).await;
    deliver(&engine).await;
    assert_eq!(times(&sink, &page, true), 1, "its end is told");
    raise(&w, &page).await;
    deliver(&engine).await;
    w.clock.pass(minutes(31));
    deliver(&engine).await;
    assert_eq!(times(&sink, &page, false), 6, "raised anew it was seen by nobody");
}

#[tokio::test]
async fn a_page_that_waits_and_was_seen_meanwhile_wakes_nobody_again() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine_with(&w, vec![repeating(&office().name, None, &sink)]);
    let page = AlertKind::NoSender.into();
    raise(&w, &page).await;
    deliver(&engine).await;
    sink.is(Mood::Dead);
    w.clock.pass(minutes(31));
    deliver(&engine).await;
    see(&w, &page).await;
    sink.is(Mood::Well);
    w.clock.pass(minutes(10));
    deliver(&engine).await;
    assert_eq!(times(&sink, &page, false), 1, "it was told once, and seen");
    resolve(&w, &page).await;
    deliver(&engine).await;
    assert_eq!(times(&sink, &page, true), 1, "its end is told");
}

#[tokio::test]
async fn a_try_whose_answer_is_lost_is_made_again_under_the_same_id() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine_with(&w, vec![repeating(&office().name, None, &sink)]);
    sink.is(Mood::Mute);
    raise(&w, &AlertKind::NoSender.into()).await;
    deliver(&engine).await;
    sink.is(Mood::Well);
    w.clock.pass(minutes(1));
    deliver(&engine).await;
    let ids = sink.ids();
    assert_eq!((ids.len(), ids.first()), (2, ids.last()), "{ids:?}");
    resolve(&w, &AlertKind::NoSender.into()).await;
    deliver(&engine).await;
    assert_ne!(sink.ids().last(), ids.last(), "its end is another message");
}

#[tokio::test]
async fn a_sink_that_fails_is_told_of_at_the_others_and_so_is_its_end() {
    let target = |name: &str| SinkTarget { name: name.into(), min: Severity::Notice };
    let failing = AlertKind::SinkFailing.about("push");
    for (mood, soon) in [(Mood::Refuses, true), (Mood::Dead, false)] {
        let w = World::with_sinks(vec![target("push"), target("mail")]).await;
        let (push, mail) = (Arc::new(RecordingSink::default()), Arc::new(RecordingSink::default()));
        let engine = engine_with(&w, vec![repeating("push", None, &push), repeating("mail", None, &mail)]);
        push.is(mood.clone());
        raise(&w, &AlertKind::Backup.into()).await;
        for _ in 0..8 {
            deliver(&engine).await;
            w.clock.pass(Duration::from_secs(15));
        }
        assert_eq!(times(&mail, &failing, false), usize::from(soon), "{mood:?}");
        for _ in 0..8 {
            deliver(&engine).await;
            w.clock.pass(minutes(1));
        }
        deliver(&engine).await;
        assert_eq!(times(&mail, &failing, false), 1, "{mood:?}: once");
        assert_eq!(times(&mail, &AlertKind::Backup.into(), false), 1, "it is held up by nobody");
        push.is(Mood::Well);
        w.clock.pass(minutes(6));
        deliver(&engine).await;
        deliver(&engine).await;
        assert_eq!(times(&mail, &failing, true), 1, "{mood:?}");
        assert_eq!(times(&push, &failing, true), 0, "its own trouble is no news to it once it is over");
        assert!(engine.core.store.alerts().await.expect("read").iter().all(|a| a.key != failing));
    }
}

#[tokio::test]
async fn a_stand_in_hears_repetitions_only_while_the_first_fails() {
    let target = |name: &str| SinkTarget { name: name.into(), min: Severity::Notice };
    let w = World::with_sinks(vec![target("push"), target("mail")]).await;
    let (push, mail) = (Arc::new(RecordingSink::default()), Arc::new(RecordingSink::default()));
    let engine = engine_with(&w, vec![repeating("push", None, &push), repeating("mail", Some("push"), &mail)]);
    let page: AlertKey = AlertKind::NoSender.into();
    push.is(Mood::Dead);
    raise(&w, &page).await;
    for _ in 0..8 {
        deliver(&engine).await;
        w.clock.pass(Duration::from_secs(15));
    }
    assert_eq!((times(&push, &page, false), times(&mail, &page, false)), (0, 1), "it stands in");
    push.is(Mood::Well);
    w.clock.pass(minutes(6));
    deliver(&engine).await;
    assert_eq!(times(&push, &page, false), 1);
    for _ in 0..3 {
        w.clock.pass(minutes(31));
        deliver(&engine).await;
        deliver(&engine).await;
    }
    assert_eq!((times(&push, &page, false), times(&mail, &page, false)), (4, 1), "the first alone");
}

#[tokio::test]
async fn a_stand_in_that_was_never_told_hears_the_repeats_of_a_sink_that_died_later() {
    let target = |name: &str| SinkTarget { name: name.into(), min: Severity::Notice };
    let names = ["push", "mail", "bell"];
    let w = World::with_sinks(names.map(target).to_vec()).await;
    let [push, mail, bell]: [Arc<RecordingSink>; 3] = std::array::from_fn(|_| Arc::new(RecordingSink::default()));
    let sinks = vec![
        repeating("push", None, &push),
        repeating("mail", Some("push"), &mail),
        repeating("bell", Some("mail"), &bell),
    ];
    let engine = engine_with(&w, sinks);
    let (page, seen): (AlertKey, AlertKey) = (AlertKind::NoSender.into(), AlertKind::Store.into());
    raise(&w, &page).await;
    raise(&w, &seen).await;
    deliver(&engine).await;
    deliver(&engine).await;
    assert_eq!((times(&push, &page, false), times(&mail, &page, false)), (1, 0));
    push.is(Mood::Dead);
    bell.is(Mood::Dead);
    w.clock.pass(minutes(30));
    deliver(&engine).await;
    see(&w, &seen).await;
    for _ in 0..8 {
        deliver(&engine).await;
        w.clock.pass(Duration::from_secs(15));
    }
    assert_eq!((times(&mail, &page, false), times(&mail, &seen, false)), (1, 0), "what nobody has seen");
    for n in 2..=4 {
        w.clock.pass(minutes(31));
        deliver(&engine).await;
        w.clock.pass(minutes(2));
        deliver(&engine).await;
        assert_eq!(times(&mail, &page, false), n, "by its own times, and not by those of the first as well");
    }
    assert_eq!(times(&bell, &page, false), 0, "who stands in for a stand-in that is well says nothing");
    mail.is(Mood::Dead);
    bell.is(Mood::Well);
    for _ in 0..12 {
        w.clock.pass(minutes(5));
        deliver(&engine).await;
    }
    assert!(times(&bell, &page, false) >= 1, "and now it does");
}

#[tokio::test]
async fn a_sink_that_rests_for_long_keeps_no_stand_in_from_saying_it() {
    let target = |name: &str| SinkTarget { name: name.into(), min: Severity::Notice };
    let w = World::with_sinks(vec![target("push"), target("mail")]).await;
    let (push, mail) = (Arc::new(RecordingSink::default()), Arc::new(RecordingSink::default()));
    let engine = engine_with(&w, vec![repeating("push", None, &push), repeating("mail", Some("push"), &mail)]);
    let page: AlertKey = AlertKind::NoSender.into();
    raise(&w, &page).await;
    deliver(&engine).await;
    w.clock.pass(minutes(20));
    push.is(Mood::Busy(minutes(60)));
    raise(&w, &AlertKind::Backup.into()).await;
    for _ in 0..12 {
        deliver(&engine).await;
        w.clock.pass(minutes(1));
    }
    assert_eq!((push.ids().len(), times(&mail, &page, false)), (2, 1), "its time has come meanwhile");
}

#[tokio::test]
async fn what_was_told_before_repeats_existed_is_repeated_from_the_next_start_on() {
    let mut w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    // Told under settings, or by a version, that know no time at which it is told again.
    let once = Arc::new(Sink::new(office().name, None, sink.clone()));
    let (page, seen, notice) = (AlertKind::NoSender.into(), AlertKind::Store.into(), AlertKind::Backup.into());
    let engine = engine_with(&w, vec![once]);
    for key in [&page, &seen, &notice] {
        raise(&w, key).await;
    }
    deliver(&engine).await;
    see(&w, &seen).await;
    w.clock.pass(minutes(300));
    assert_eq!(deliver(&engine).await, None);
    for n in 2..=3 {
        w.restart().await;
        let engine = engine_with(&w, vec![repeating(&office().name, None, &sink)]);
        deliver(&engine).await;
        assert_eq!(times(&sink, &page, false), n);
        w.clock.pass(minutes(31));
    }
    assert_eq!((times(&sink, &seen, false), times(&sink, &notice, false)), (1, 1));
}
