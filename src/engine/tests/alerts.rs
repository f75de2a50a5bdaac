//! Alerts end when what they tell of is over, and are told again while it is not.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::MessageStatus;
use crate::domain::change::Answer;
use crate::domain::event::Decision;
use crate::domain::team::Line;
use crate::store::LogFilter;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs, story};

const HOUR: u64 = 3_600;

/// Messages of open alerts that start so.
async fn messages(w: &World, start: &str) -> Vec<String> {
    let open = w.process.store.alerts().await.expect("read");
    open.into_iter().filter(|a| a.key.to_string().starts_with(start)).map(|a| a.message).collect()
}

/// How often an alert with this key was raised or told again.
async fn deliveries(w: &World, key: &str) -> usize {
    let log = w.process.store.log(&LogFilter { limit: 10_000, ..LogFilter::default() }).await.expect("read");
    log.iter().filter(|l| l.entry.kind.as_str() == "alert.raised" && l.entry.data["key"] == key).count()
}

/// A day passes for whoever only watches: the calls are closed, nothing else is due.
async fn watched(w: &World, d: Duration) {
    w.away(d);
    w.watch().await;
}

#[tokio::test]
async fn that_nobody_was_told_is_told_again_every_ten_minutes_and_by_no_restart() {
    let mut w = World::new().await;
    w.sms.otherwise(Reaction::away());
    w.dispatch("normal").await;
    let at = |minutes: usize, w: &World| {
        let begun = crate::testing::world::START.plus(secs(61)).plus(mins(u64::try_from(minutes).expect("few")));
        w.away(begun.since(w.now()));
    };
    for (minute, times) in [(0, 1), (9, 1), (10, 2), (11, 2), (19, 2), (20, 3)] {
        at(minute, &w);
        w.watch().await;
        w.watch().await;
        assert_eq!(deliveries(&w, "untold:call_1").await, times, "{minute} min after it was raised");
    }
    assert!(messages(&w, "untold:").await[0].contains("20 min after the first alarm"));
    w.restart().await;
    w.watch().await;
    assert_eq!(deliveries(&w, "untold:call_1").await, 3, "a restart repeats none");
    at(67, &w);
    w.restart().await;
    w.watch().await;
    w.watch().await;
    assert_eq!(deliveries(&w, "untold:call_1").await, 4, "of those that were missed, the newest is told");
    assert!(messages(&w, "untold:").await[0].contains("60 min"));
    w.sms.forget_script();
    w.advance(mins(1)).await;
    w.watch().await;
    assert_eq!(messages(&w, "untold:").await, [""; 0], "somebody was told");
    watched(&w, mins(30)).await;
    assert_eq!(deliveries(&w, "untold:call_1").await, 4);
}

#[tokio::test]
async fn a_refused_callback_url_alarms_until_a_message_is_accepted_with_one() {
    let mut w = World::new().await;
    w.sms.next(Reaction::refuse(400, 21609));
    w.dispatch("normal").await;
    assert!(w.has_alert("callback-url").await, "the message without one says nothing of it");
    w.sms.next(Reaction::UnknownButAccepted);
    w.dispatch("normal").await;
    assert!(w.has_alert("callback-url").await, "nor does one whose answer was lost");
    w.dispatch("normal").await;
    assert!(!w.has_alert("callback-url").await);
}

fn line(number: Option<&str>, notice: Option<&str>) -> Line {
    let mut line = Line { number: number.map(str::to_owned), ..fixtures::directory().default_line };
    line.templates.notice = notice.map(str::to_owned);
    line
}

const LISTED: &str = "+18005550100";

async fn dial(w: &World, id: &str, number: &str) {
    let mut intake = story::intake(id, "normal");
    intake.data.twilio_to_number = Some(number.into());
    assert!(matches!(w.accept(intake).await, Answer::Created(_)));
    w.settle().await;
}

#[tokio::test]
async fn a_template_that_fails_alarms_until_it_is_used_again() {
    let mut setup = Setup::default();
    setup.directory.lines =
        vec![line(Some(LISTED), Some("{{ a.b.c }}")), line(Some("+18005550101"), Some("{{ issue }}"))];
    let broken = setup.directory.clone();
    let w = World::with(setup).await;
    dial(&w, "a", LISTED).await;
    assert_eq!(w.alerts().await, [format!("template:{LISTED}:notice")]);
    dial(&w, "b", "+18005550101").await;
    w.advance(mins(2)).await;
    let reminded = w.sms.ledger().iter().filter(|m| m.body.contains("Reminder")).count();
    assert_eq!(reminded, 2, "reminders are made by another template");
    assert_eq!(w.alerts().await, [format!("template:{LISTED}:notice")], "and that of another line is another");
    let mut repaired = broken;
    repaired.lines[0].templates.notice = Some("{{ issue }}!".into());
    w.process.core.set_directory(Arc::new(repaired));
    dial(&w, "c", LISTED).await;
    assert_eq!(w.alerts().await, [""; 0]);
}

#[tokio::test]
async fn an_unlisted_line_alarms_until_it_is_listed_or_its_call_is_closed() {
    let mut setup = Setup::default();
    setup.directory.lines = vec![line(Some(LISTED), None)];
    let mut w = World::with(setup.clone()).await;
    dial(&w, "a", "+18005550199").await;
    w.last = Some("a".parse().expect("an id"));
    w.decide(Decision::Acknowledge { holder: None }).await;
    w.watch().await;
    assert_eq!(w.alerts().await, ["unlisted-line:+18005550199"]);
    w.decide(Decision::Resolve).await;
    assert_eq!(w.alerts().await, [""; 0], "closed");
    dial(&w, "b", "+18005550199").await;
    assert_eq!(w.alerts().await, ["unlisted-line:+18005550199"], "and it is still unlisted");
    setup.directory.lines.push(line(Some("+18005550199"), None));
    w.process.core.set_directory(Arc::new(setup.directory));
    w.watch().await;
    assert_eq!(w.alerts().await, [""; 0], "listed");
}

/// A call about which each of the three was raised.
async fn odd() -> World {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let second = format!("SM{:032x}", 0xabc).parse().expect("a SID");
    w.update(Some(1), &second, "sent", None).await;
    w.sms.on_fetch(Reaction::away());
    w.receipt(1, "delivered", None).await;
    w.receipt(1, "failed", Some(30003)).await;
    w.advance(secs(119)).await;
    w.sms.otherwise(Reaction::away());
    w.advance(secs(5)).await;
    w.decide(Decision::Acknowledge { holder: None }).await;
    assert_eq!(w.attempts().await[..2], ["1 sam delivered", "2 sam cancelled"]);
    let third = format!("SM{:032x}", 0xabd).parse().expect("a SID");
    w.update(Some(2), &third, "sent", None).await;
    w
}

const ODD: [&str; 3] = ["second-message:", "conflict:", "unexpected:"];

#[tokio::test]
async fn what_a_person_must_look_at_alarms_until_they_close_the_call() {
    for close in [Decision::Resolve, Decision::Cancel] {
        let w = odd().await;
        w.watch().await;
        for kind in ODD {
            assert!(w.has_alert(kind).await, "{kind}: {:?}", w.alerts().await);
        }
        w.decide(close.clone()).await;
        assert_eq!(w.alerts().await, [""; 0], "{close:?}");
    }
}

#[tokio::test]
async fn what_is_raised_about_a_closed_call_ends_after_a_day_and_of_an_open_one_not() {
    let mut w = odd().await;
    let open = w.alerts().await;
    watched(&w, secs(25 * HOUR)).await;
    assert_eq!(w.alerts().await, open, "the call is open");
    w.dispatch("normal").await;
    w.sms.forget_script();
    w.dispatch("normal").await;
    w.decide(Decision::Resolve).await;
    let id = w.attempt(1).await.id;
    let sid = w.attempt(1).await.sid.expect("sent");
    w.sms.set_status(id, &MessageStatus::Failed, None);
    w.update(Some(1), &sid, "failed", Some(30003)).await;
    assert!(w.has_alert("failed:call_3").await);
    watched(&w, secs(24 * HOUR - 1)).await;
    assert!(w.has_alert("failed:call_3").await);
    watched(&w, secs(1)).await;
    assert!(!w.has_alert("failed:call_3").await);
}

#[tokio::test]
async fn steps_that_found_nobody_are_calmed_however_many_rounds_there_were() {
    let hole = fixtures::policy("hole", &[(secs(0), &["primary"]), (mins(1), &["nobody"]), (mins(1), &["backup"])]);
    let mut w = World::with(Setup { directory: fixtures::directory_with(hole), ..Setup::default() }).await;
    w.dispatch("hole").await;
    for _ in 0..3 {
        w.advance(mins(1)).await;
        assert!(w.has_alert("nobody:call_1:").await);
        let writes = w.process.crash.writes();
        w.decide(Decision::Acknowledge { holder: None }).await;
        assert!(!w.has_alert("nobody:").await);
        assert!(w.process.crash.writes() > writes);
        w.decide(Decision::Reopen).await;
    }
    // Another call's are its own.
    w.advance(mins(1)).await;
    w.dispatch("hole").await;
    w.advance(mins(1)).await;
    assert_eq!(messages(&w, "nobody:").await.len(), 2);
    w.decide(Decision::Resolve).await;
    assert!(w.has_alert("nobody:call_1:4:2").await && !w.has_alert("nobody:call_2").await);
}
