//! The same emergency again, from the same caller and line, is one call; what may be another one is its own.

use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event};
use crate::domain::types::{Actor, CallId};
use crate::engine::intake::Intake;
use crate::testing::story::intake;
use crate::testing::world::Setup;
use crate::testing::{World, mins, secs};

const CALLER: &str = "(949) 555-0142";

fn merging() -> Setup {
    let mut setup = Setup::default();
    setup.rules.oncall.merge_within = mins(10);
    setup
}

fn flood(id: &str, issue: &str) -> Intake {
    let mut given = intake(id, "normal");
    given.data.caller_phone = Some(CALLER.to_owned());
    given.data.issue_summary = Some(issue.to_owned());
    given
}

impl World {
    async fn joined(&self, given: &Intake) -> Option<String> {
        match self.accept(given.clone()).await {
            Answer::Created(_) => None,
            Answer::Exists(call) => Some(call.call.id.to_string()),
            other => panic!("{other:?}"),
        }
    }

    async fn finds(&self, id: &str) -> Option<CallId> {
        crate::engine::json::find(self.process.store.as_ref(), id).await.expect("read")
    }
}

#[tokio::test]
async fn a_caller_who_rings_again_is_part_of_the_call_and_whoever_was_told_reads_the_new_words() {
    let w = World::with(merging()).await;
    assert_eq!(w.joined(&flood("c1", "Water in the cellar")).await, None);
    w.settle().await;
    w.tech("sam").expect_sms("Water in the cellar");
    w.advance(secs(60)).await;
    let again = flood("c2", "Now the ceiling too");
    assert_eq!(w.joined(&again).await.as_deref(), Some("c1"));
    w.settle().await;
    w.tech("sam").expect_sms("Now the ceiling too");
    assert_eq!(w.joined(&again).await.as_deref(), Some("c1"), "the same request again");
    w.settle().await;
    w.tech("sam").expect_nothing();
    assert_eq!(w.finds("c2").await.map(|id| id.to_string()).as_deref(), Some("c1"));
    w.advance(mins(2)).await;
    let reminder = w.tech("sam").expect_sms("Now the ceiling too");
    assert!(reminder.contains("Water in the cellar"), "{reminder}");
}

#[tokio::test]
async fn what_may_be_another_emergency_is_a_call_of_its_own() {
    type Change = fn(&mut Intake);
    let others: [(&str, Change); 6] = [
        ("another caller", |g| g.data.caller_phone = Some("+19495550143".into())),
        ("a withheld number", |g| g.data.caller_phone = Some("anonymous".into())),
        ("another address", |g| g.data.address = Some("9 Elm St".into())),
        ("a higher level", |g| g.data.emergency_level = Some("high".into())),
        ("a contact of its own", |g| g.data.contact = Some("ana".into())),
        ("another line", |g| g.data.twilio_to_number = Some("+18005550100".into())),
    ];
    for (label, change) in others {
        let mut setup = merging();
        let line =
            crate::domain::team::Line { number: Some("+18005550100".into()), ..setup.directory.default_line.clone() };
        setup.directory.lines.push(line);
        let w = World::with(setup).await;
        let mut first = flood("c1", "Water");
        first.data.address = Some("12 Oak St".into());
        assert_eq!(w.joined(&first).await, None);
        let mut second = first.clone();
        second.call_id = Some("c2".into());
        change(&mut second);
        assert_eq!(w.joined(&second).await, None, "{label}");
        let mut third = first.clone();
        third.call_id = Some("c3".into());
        third.data.address = Some("12, oak st.".into());
        assert_eq!(w.joined(&third).await.as_deref(), Some("c1"), "{label}: what is alike still joins");
    }
}

#[tokio::test]
async fn a_withheld_number_never_joins_another_withheld_one() {
    let w = World::with(merging()).await;
    for (id, caller) in [("c1", "anonymous"), ("c2", "anonymous"), ("c3", "266696687"), ("c4", "")] {
        let mut given = flood(id, "Water");
        given.data.caller_phone = Some(caller.to_owned()).filter(|c| !c.is_empty());
        given.data.address = Some("12 Oak St".into());
        assert_eq!(w.joined(&given).await, None, "{id}: an equal address alone joins nothing");
    }
}

#[tokio::test]
async fn it_is_off_by_default_ends_with_its_time_and_with_the_call() {
    let w = World::new().await;
    assert_eq!((w.joined(&flood("c1", "Water")).await, w.joined(&flood("c2", "Water")).await), (None, None));

    let w = World::with(merging()).await;
    assert_eq!(w.joined(&flood("c1", "Water")).await, None);
    w.advance(mins(10)).await;
    assert_eq!(w.joined(&flood("c2", "Water")).await.as_deref(), Some("c1"), "ten minutes later to the second");
    w.advance(secs(1)).await;
    assert_eq!(w.joined(&flood("c3", "Water")).await, None, "its time is over");

    let w = World::with(merging()).await;
    assert_eq!(w.joined(&flood("c1", "Water")).await, None);
    let (call, by) = ("c1".parse().expect("an id"), Actor("desk".into()));
    let done = Event::Decide { call, what: Decision::Resolve, by, note: None };
    assert!(matches!(w.apply(done, "desk").await, Answer::Changed(_)));
    assert_eq!(w.joined(&flood("c2", "Water")).await, None, "what is done is done");
}

#[tokio::test]
async fn the_holder_of_a_taken_call_reads_the_new_words() {
    let mut w = World::with(merging()).await;
    assert_eq!(w.joined(&flood("c1", "Water in the cellar")).await, None);
    w.settle().await;
    w.tech("sam").expect_sms("Water in the cellar");
    assert!(w.reply("sam", "1").await.contains("yours"));
    assert_eq!(w.joined(&flood("c2", "The gate code is 77")).await.as_deref(), Some("c1"));
    w.settle().await;
    w.tech("sam").expect_sms("The gate code is 77");
}

#[tokio::test]
async fn a_request_with_a_key_alone_joins_once() {
    let w = World::with(merging()).await;
    assert_eq!(w.joined(&flood("c1", "Water in the cellar")).await, None);
    w.settle().await;
    w.tech("sam").expect_sms("Water in the cellar");
    let keyed = Intake { call_id: None, idempotency_key: Some("form-7".into()), ..flood("c2", "Now the ceiling too") };
    for _ in 0..2 {
        assert_eq!(w.joined(&keyed).await.as_deref(), Some("c1"));
        w.settle().await;
    }
    w.tech("sam").expect_sms("Now the ceiling too");
    w.tech("sam").expect_nothing();
}
