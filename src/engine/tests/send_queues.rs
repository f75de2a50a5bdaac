//! What waits for one sender hides nothing of another's, and is sent whoever the sender has become meanwhile.

use std::collections::BTreeMap;

use crate::domain::attempt::{AttemptState, Priority};
use crate::domain::event::Decision;
use crate::domain::team::{Directory, Line};
use crate::domain::types::CallId;
use crate::store::{bulk, manual_edits};
use crate::testing::story::intake;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

const OTHER: &str = "+15005550007";
const THIRD: &str = "+15005550008";
const LINE: &str = "+18005550100";

fn line(number: &str, from: Option<&str>, like: &Directory) -> Line {
    Line {
        number: Some(number.to_owned()),
        from: from.map(|f| f.parse().expect("a sender")),
        policies: BTreeMap::new(),
        ..like.default_line.clone()
    }
}

/// One line with a sender of its own beside the default.
fn two_senders(messages_per_second: f64) -> Setup {
    let mut setup = Setup { messages_per_second, ..Setup::default() };
    setup.directory.lines = vec![line(LINE, Some(OTHER), &setup.directory)];
    setup
}

impl World {
    /// A customer of that line calls; nothing is sent yet.
    async fn begin_on(&mut self, dialled: &str) -> CallId {
        self.calls += 1;
        let mut intake = intake(&format!("call_{}", self.calls), "normal");
        intake.data.twilio_to_number = Some(dialled.to_owned());
        let id: CallId = intake.call_id.as_deref().expect("named").parse().expect("an id");
        self.accept(intake).await;
        self.last = Some(id.clone());
        id
    }

    async fn state_of(&self, call: &CallId) -> AttemptState {
        self.call(call).await.attempts[0].state
    }

    /// How many messages went by each sender.
    fn by_sender(&self) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for m in self.sms.ledger() {
            *all.entry(m.from).or_default() += 1;
        }
        all
    }
}

#[tokio::test]
async fn twenty_thousand_texts_of_one_sender_hide_no_text_of_another() {
    let mut w = World::with(two_senders(1.0)).await;
    w.begin("normal").await;
    bulk::of(&w.file(), "call_1", 20_000);
    w.away(secs(1));
    let behind = w.begin_on(LINE).await;
    let reminded = w.begin_on(LINE).await;
    w.settle().await;
    assert_eq!(w.state_of(&behind).await, AttemptState::Submitted, "its sender was free");
    assert_eq!(w.by_sender(), BTreeMap::from([(fixtures::SENDER.to_owned(), 1), (OTHER.to_owned(), 1)]));
    w.advance(secs(1)).await;
    assert_eq!(w.state_of(&reminded).await, AttemptState::Submitted);
    w.advance(secs(5)).await;
    let sent = w.by_sender();
    assert_eq!(sent.get(OTHER), Some(&2));
    assert!((6..=8).contains(&sent[fixtures::SENDER]), "the long one goes on at its own rate: {sent:?}");
}

#[tokio::test]
async fn a_backlog_without_a_rate_leaves_the_others_their_turn() {
    let mut w = World::with(two_senders(0.0)).await;
    w.begin("normal").await;
    bulk::of(&w.file(), "call_1", 600);
    w.away(secs(1));
    let behind = w.begin_on(LINE).await;
    w.process.dispatcher.pass().await.expect("one pass");
    w.process.dispatcher.drained().await;
    let sent = w.sms.ledger().len();
    assert!(sent < 400, "not all of them fit into one pass: {sent}");
    assert_eq!(w.state_of(&behind).await, AttemptState::Submitted, "its turn came all the same");
    w.settle().await;
    assert_eq!(w.sms.ledger().len(), 602);
}

#[tokio::test]
async fn what_cannot_be_claimed_hides_nothing_behind_it_in_its_own_lane() {
    let mut w = World::new().await;
    w.begin("normal").await;
    bulk::of(&w.file(), "call_1", 700);
    let rotten = w.process.store.sendable_of_all(w.now(), 999).await.expect("read");
    assert_eq!(rotten.len(), 701);
    w.process.crash.refuse(rotten.into_iter().map(|s| s.attempt));
    w.away(secs(1));
    let behind = w.begin("normal").await;
    // As many as may be under way are tried in one pass.
    for _ in 0..4 {
        w.settle().await;
    }
    assert_eq!(w.state_of(&behind).await, AttemptState::Submitted, "701 set aside are in nobody's way");
    assert_eq!(w.sms.ledger().len(), 1);
}

#[tokio::test]
async fn first_notices_of_every_lane_go_before_any_reminder() {
    let mut w = World::with(two_senders(0.0)).await;
    let told = w.dispatch("normal").await;
    w.sms.otherwise(Reaction::away());
    w.last = Some(told.clone());
    w.decide(Decision::FireNow).await;
    w.away(secs(1));
    bulk::of(&w.file(), "call_1", 10);
    let (here, there) = (w.begin("normal").await, w.begin_on(LINE).await);
    w.sms.forget_script();
    let before = w.sms.posts().len();
    w.away(mins(1));
    w.process.dispatcher.pass().await.expect("one pass");
    w.process.dispatcher.drained().await;
    let first: Vec<_> = w.sms.posts().split_off(before).into_iter().take(2).collect();
    for call in [here, there] {
        let a = w.call(&call).await.attempts[0].clone();
        assert_eq!(a.priority, Priority::First);
        assert!(first.contains(&a.id), "{call} went after a reminder");
    }
}

/// What it is, the directory from then on, and how many messages go by whom.
type Change = (&'static str, Directory, &'static [(&'static str, usize)]);

/// Everybody is told whatever the configuration becomes while texts wait, here by a restart or by a reload.
#[tokio::test]
async fn texts_that_wait_go_by_whoever_sends_for_their_line_now() {
    let base = two_senders(0.0).directory;
    let with = |lines: Vec<Line>| Directory { lines, ..base.clone() };
    let changes: Vec<Change> = vec![
        ("nothing", base.clone(), &[(fixtures::SENDER, 2), (OTHER, 1)]),
        (
            "another sender of the line",
            with(vec![line(LINE, Some(THIRD), &base)]),
            &[(fixtures::SENDER, 2), (THIRD, 1)],
        ),
        ("the line is gone", with(Vec::new()), &[(fixtures::SENDER, 3)]),
        ("the line has the default sender", with(vec![line(LINE, None, &base)]), &[(fixtures::SENDER, 3)]),
        (
            "an unlisted number is listed",
            with(vec![line(LINE, Some(OTHER), &base), line("+18005550199", Some(THIRD), &base)]),
            &[(fixtures::SENDER, 1), (OTHER, 1), (THIRD, 1)],
        ),
        (
            "senders change places",
            Directory { from: OTHER.parse().ok(), ..with(vec![line(LINE, Some(fixtures::SENDER), &base)]) },
            &[(OTHER, 2), (fixtures::SENDER, 1)],
        ),
    ];
    for restart in [true, false] {
        for (label, directory, wanted) in &changes {
            let mut w = World::with(two_senders(0.0)).await;
            w.sms.otherwise(Reaction::away());
            w.begin("normal").await;
            w.begin_on(LINE).await;
            w.begin_on("+18005550199").await;
            w.settle().await;
            w.sms.forget_script();
            if restart {
                w.setup.directory = directory.clone();
                w.restart().await;
            } else {
                w.process.core.set_directory(directory.clone().into());
            }
            w.advance(mins(1)).await;
            let wanted: BTreeMap<String, usize> = wanted.iter().map(|(s, n)| ((*s).to_owned(), *n)).collect();
            assert_eq!(w.by_sender(), wanted, "{label}, restart: {restart}");
            assert!(
                w.process.store.send_queues(None, 9).await.expect("read").is_empty(),
                "{label}: something still waits"
            );
        }
    }
}

#[tokio::test]
async fn a_stand_in_serves_both_lanes_and_nobody_stays_behind_when_the_breaker_closes() {
    let mut setup = two_senders(1.0);
    setup.directory.fallback = vec![THIRD.parse().expect("a sender")];
    let mut w = World::with(setup).await;
    w.sms.next(Reaction::refuse(400, 21606));
    w.begin_on(LINE).await;
    w.settle().await;
    assert_eq!(w.process.store.breakers().await.expect("read")[0].sender, OTHER);
    for _ in 0..5 {
        w.begin_on(LINE).await;
        w.begin("normal").await;
    }
    w.advance(secs(20)).await;
    let sent = w.by_sender();
    assert_eq!((sent.get(fixtures::SENDER), sent.get(THIRD)), (Some(&5), Some(&6)), "{sent:?}");
    // More than the stand-in sends in a minute; a reminder probes, the breaker closes, the line's own sender goes on.
    for _ in 0..70 {
        w.begin_on(LINE).await;
    }
    w.advance(mins(3)).await;
    let left = w.process.store.sendable_of_all(w.now(), 999).await.expect("read");
    assert!(left.iter().all(|s| s.priority != Priority::First), "{left:?}");
    assert!(w.by_sender().get(OTHER).is_some_and(|n| *n > 0), "{:?}", w.by_sender());
    w.advance(mins(4)).await;
    for n in 1..=w.calls {
        let state = w.call(&format!("call_{n}").parse().expect("an id")).await;
        assert!(state.attempts.iter().any(|a| a.state == AttemptState::Submitted), "call_{n} was told by nobody");
    }
}

#[tokio::test]
async fn a_thousand_lanes_of_one_sender_hide_no_lane_of_another() {
    let mut w = World::with(two_senders(1.0)).await;
    w.begin("normal").await;
    bulk::of(&w.file(), "call_1", 1_100);
    // As if a number of its own was dialled for each: all of them go by the default sender, and are listed first.
    manual_edits::spread_send_queues(&w.file());
    w.away(secs(1));
    let behind = w.begin_on(LINE).await;
    w.process.dispatcher.pass().await.expect("one pass");
    w.process.dispatcher.drained().await;
    assert_eq!(w.state_of(&behind).await, AttemptState::Submitted, "its sender was free");
    assert_eq!(w.by_sender(), BTreeMap::from([(fixtures::SENDER.to_owned(), 1), (OTHER.to_owned(), 1)]));
}
