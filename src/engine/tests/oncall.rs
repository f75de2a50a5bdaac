//! Who is on call while the engine works: a duty that passes on, exceptions, gaps ahead, and what is kept of it.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind, Severity};
use crate::domain::call::CallStatus;
use crate::domain::event::Event;
use crate::domain::oncall::{DutyOverride, MemberList, OverrideId, OverrideKind, OverrideScope, Rotation};
use crate::domain::team::{Directory, TeamEntry, TeamWho};
use crate::domain::types::Actor;
use crate::engine::oncall::past;
use crate::engine::oncall::watch::OnCallWatch;
use crate::testing::fixtures;
use crate::testing::world::{START, Setup};
use crate::testing::{Reaction, World, mins, secs};

/// Sam and Ana in turn, handing over every day at 02:05 UTC, five minutes after the start; Olga is the owner.
pub(super) fn directory() -> Directory {
    let id = |name: &str| name.parse().expect("id");
    let mut d = fixtures::directory();
    d.rotations = vec![Rotation {
        id: "night".parse().expect("id"),
        zone: TimeZone::UTC,
        handoff: jiff::civil::time(2, 5, 0, 0),
        period_days: 1,
        lists: vec![MemberList {
            starts: "2026-11-21".parse().expect("date"),
            members: vec![vec![id("sam")], vec![id("ana")]],
        }],
        days: None,
        hours: None,
        calendar: None,
    }];
    let role = |name: &str| name.parse().expect("role");
    let night =
        TeamEntry { who: TeamWho::Rotation("night".parse().expect("id")), ..TeamEntry::of(id("sam"), role("primary")) };
    let owner = |name| TeamEntry::of(id("olga"), role(name));
    d.default_line.team = Some(vec![night, owner("backup"), owner("owner")]);
    d
}

/// Who is the primary now, by what is in the store.
pub(super) async fn holder(w: &World) -> String {
    w.process.core.refresh().await.expect("read");
    let d = w.process.core.directory();
    let all = d.holders(&d.default_line, &"primary".parse().expect("role"), w.now());
    all.iter().map(|h| h.contact.id.to_string()).collect::<Vec<_>>().join("+")
}

async fn world() -> World {
    World::with(Setup { directory: directory(), ..Setup::default() }).await
}

fn exception(n: u128, kind: OverrideKind, who: &str, from: Timestamp, until: Timestamp) -> DutyOverride {
    DutyOverride {
        id: OverrideId::from_uuid(uuid::Uuid::from_u128(n)),
        scope: OverrideScope::Rotation("night".parse().expect("id")),
        kind,
        contact: who.parse().expect("id"),
        from,
        until,
        note: String::new(),
        by: "office".into(),
        made_at: from,
        source: None,
        asked: None,
        withdrawn: None,
    }
}

#[tokio::test]
async fn a_reminder_behind_the_handoff_is_a_first_notice_of_the_new_holder_and_the_old_ones_answer_still_counts() {
    let mut w = world().await;
    w.away(mins(4));
    w.dispatch("normal").await;
    w.tech("sam").expect_sms("Burst pipe");
    assert!(w.attempt(1).await.recipient.why.is_some_and(|why| why.starts_with("rotation night, 2026-11-21 02:05")));
    w.advance(mins(2)).await;
    let text = w.tech("ana").expect_sms("Acme Plumbing: Burst pipe");
    assert!(!text.contains("Reminder"), "hers is a first notice: {text}");
    w.tech("sam").expect_nothing();
    assert!(w.log_text().await.contains("follow-up to Ana Reyes (rotation night, 2026-11-22 02:05"));
    w.reply("sam", "1").await;
    assert_eq!(w.status().await, CallStatus::Acknowledged);
    w.advance(secs(30)).await;
    w.tech("ana").expect_sms("Sam Ortiz");
}

#[tokio::test]
async fn a_notice_that_has_not_left_goes_to_the_holder_at_the_claim() {
    let mut w = world().await;
    w.away(mins(4));
    w.sms.next(Reaction::away());
    w.begin("normal").await;
    w.settle().await;
    assert_eq!(w.attempts().await, ["1 sam retrying"]);
    w.away(mins(1));
    w.settle().await;
    w.tech("ana").expect_sms("Burst pipe");
    w.tech("sam").expect_nothing();
    assert_eq!(w.attempts().await, ["1 sam skipped", "2 ana submitted"]);
    assert!(w.log_text().await.contains("Sam Ortiz is not on call any more: Ana Reyes is told"));
}

#[tokio::test]
async fn a_notice_stays_with_its_contact_where_nobody_holds_the_duty_any_more() {
    let mut d = directory();
    d.rotations[0].hours = crate::domain::hours::Hours::read(["00:00-02:05"]).ok();
    let mut w = World::with(Setup { directory: d, ..Setup::default() }).await;
    w.away(mins(4));
    w.sms.next(Reaction::away());
    w.begin("normal").await;
    w.settle().await;
    w.away(mins(1));
    w.settle().await;
    w.tech("sam").expect_sms("Burst pipe");
}

#[tokio::test]
async fn an_exception_of_another_process_counts_for_the_next_notice_and_its_withdrawal_too() {
    let mut w = world().await;
    w.dispatch("normal").await;
    w.tech("sam").expect_sms("Burst pipe");
    let taken = exception(1, OverrideKind::Take, "olga", w.now(), w.now().plus(mins(60)));
    // Another handle: what a command commits.
    let other = crate::store::open(crate::testing::store_at(&w.path())).expect("a store");
    assert!(other.make_override(&taken).await.expect("made").1);
    w.advance(mins(2)).await;
    w.tech("olga").expect_sms("Burst pipe");
    w.tech("sam").expect_nothing();
    let why = w.attempt(2).await.recipient.why.expect("why");
    assert_eq!(why, format!("override {} (take)", taken.id));
    assert!(w.log_text().await.contains(&why), "the story says why");
    w.dispatch("normal").await;
    w.tech("olga").expect_sms("Burst pipe");
    assert!(other.withdraw_override(&taken.id, "office", w.now()).await.expect("withdrawn").expect("there").1);
    w.dispatch("normal").await;
    w.tech("sam").expect_sms("Burst pipe");
    let log = w.log_of(None).await;
    assert!(log.contains("olga take rotation night") && log.contains("of olga withdrawn"), "{log}");
}

#[tokio::test]
async fn what_was_taken_back_before_its_notice_left_is_as_if_it_had_never_been() {
    let mut w = world().await;
    let taken = exception(1, OverrideKind::Take, "olga", w.now(), w.now().plus(mins(60)));
    let store = w.process.store.clone();
    store.make_override(&taken).await.expect("made");
    w.sms.next(Reaction::away());
    w.begin("normal").await;
    w.settle().await;
    assert_eq!(w.attempts().await, ["1 olga retrying"]);
    store.withdraw_override(&taken.id, "office", w.now()).await.expect("withdrawn");
    w.away(secs(30));
    w.settle().await;
    w.tech("sam").expect_sms("Burst pipe");
    w.tech("olga").expect_nothing();
}

async fn gaps(w: &World) -> Vec<(String, String)> {
    let all = w.process.store.alerts().await.expect("alerts");
    let gaps = all.into_iter().filter(|a| a.key.to_string().starts_with("oncall_gap"));
    gaps.map(|a| (a.key.to_string(), a.message)).collect()
}

#[tokio::test]
async fn a_gap_alerts_three_days_ahead_and_again_as_it_comes_nearer_until_it_is_covered() {
    let w = world().await;
    let watch = OnCallWatch::new(w.process.engine.clone());
    let (from, until) =
        (START.plus(Duration::from_secs(5 * 86_400)), START.plus(Duration::from_secs(5 * 86_400 + 3_600)));
    for (n, who) in [(1, "sam"), (2, "ana")] {
        let away =
            DutyOverride { scope: OverrideScope::Everywhere, ..exception(n, OverrideKind::Away, who, from, until) };
        w.process.store.make_override(&DutyOverride { made_at: START, ..away }).await.expect("made");
    }
    let look = async || {
        watch.pass().await.expect("looked");
        gaps(&w).await
    };
    assert_eq!(look().await, [], "five days ahead is for start, doctor and the check");
    w.away(Duration::from_secs(2 * 86_400 + 60));
    let first = look().await;
    assert_eq!(first[0].0, format!("oncall_gap:default:primary:{}", from.rfc3339()));
    assert!(first[0].1.contains("it begins within 72 h") && first[0].1.contains("nobody holds it"), "{first:?}");
    w.away(mins(30));
    assert_eq!(look().await, first, "not again before the next warning");
    w.away(Duration::from_secs(60 * 3_600));
    // From here on it wakes somebody: a sink that takes pages alone hears of it, and the notice is not said again.
    let near = look().await;
    assert_eq!((near.len(), &near[0]), (2, &first[0]), "{near:?}");
    assert_eq!(near[1].0, format!("oncall_gap_near:default:primary:{}", from.rfc3339()));
    assert!(near[1].1.contains("it begins within 12 h"), "{near:?}");
    assert_eq!(AlertKind::OnCallGapNear.severity(), Severity::Page);
    w.away(Duration::from_secs(11 * 3_600));
    assert!(look().await[1].1.contains("it begins within 1 h"));
    let cover = exception(3, OverrideKind::Take, "olga", w.now(), until);
    w.process.store.make_override(&cover).await.expect("made");
    assert_eq!(look().await, [], "covered");
    assert!(w.log_of(None).await.contains("alert.resolved"));
    w.away(mins(30));
    assert_eq!(look().await, []);
}

#[tokio::test]
async fn a_gap_that_stands_is_one_alert_however_often_it_is_looked_at() {
    let w = world().await;
    let watch = OnCallWatch::new(w.process.engine.clone());
    let (from, until) = (START.minus(Duration::from_secs(30 * 86_400)), START.plus(Duration::from_secs(30 * 86_400)));
    for (n, who) in [(1, "sam"), (2, "ana")] {
        let away =
            DutyOverride { scope: OverrideScope::Everywhere, ..exception(n, OverrideKind::Away, who, from, until) };
        w.process.store.make_override(&DutyOverride { made_at: from, ..away }).await.expect("made");
    }
    for _ in 0..3 {
        watch.pass().await.expect("looked");
        let standing = gaps(&w).await;
        assert_eq!(standing.len(), 1);
        assert_eq!(standing[0].0, "oncall_gap_near:default:primary:standing");
        w.away(mins(2));
    }
    let raised = w.log_of(None).await.matches("oncall_gap_near:default:primary").count();
    assert!(raised <= 1, "said once: {raised}");
}

#[tokio::test]
async fn who_held_a_role_is_kept_with_the_moment_and_not_written_again() {
    let mut w = world().await;
    let role = "primary".parse().expect("role");
    let before = async |w: &World, at: Timestamp| {
        let kept = w.process.store.duty_before(None, &role, at).await.expect("read").expect("kept");
        (kept.holders.iter().map(|h| h.contact.clone()).collect::<Vec<_>>().join("+"), kept.since)
    };
    let watch = OnCallWatch::new(w.process.engine.clone());
    watch.pass().await.expect("looked");
    let handoff = START.plus(mins(5));
    assert_eq!(before(&w, w.now()).await, ("sam".into(), w.now()), "what nobody looked at is not told of");
    w.away(mins(6));
    watch.pass().await.expect("looked");
    assert_eq!(before(&w, w.now()).await, ("ana".into(), handoff), "the handoff, not the look");
    let made_at = w.now();
    let taken = exception(1, OverrideKind::Take, "olga", made_at, made_at.plus(mins(10)));
    w.process.store.make_override(&taken).await.expect("made");
    watch.pass().await.expect("looked");
    assert_eq!(before(&w, made_at).await, ("olga".into(), made_at));
    let log = w.log_of(None).await;
    assert!(log.contains("oncall.changed") && log.contains("primary: olga in place of ana"), "{log}");
    // Another engine finds what is kept, and what happened while none lived.
    w.away(mins(30));
    w.restart().await;
    let watch = OnCallWatch::new(w.process.engine.clone());
    watch.pass().await.expect("looked");
    assert_eq!(before(&w, w.now()).await, ("ana".into(), taken.until));
    assert_eq!(before(&w, handoff.plus(secs(1))).await, ("ana".into(), handoff), "the past stays as it was");
}

#[tokio::test]
async fn what_a_reload_changes_of_the_next_days_is_said_once() {
    let w = world().await;
    let watch = OnCallWatch::new(w.process.engine.clone());
    watch.pass().await.expect("looked");
    let mut other = directory();
    other.rotations[0].lists[0].members.reverse();
    w.process.core.set_directory(std::sync::Arc::new(other));
    watch.pass().await.expect("looked");
    watch.pass().await.expect("looked");
    let said: Vec<String> = w.alerts().await.into_iter().filter(|a| a.contains("oncall-changed")).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    let all = w.process.store.alerts().await.expect("alerts");
    let message = &all.iter().find(|a| a.key.to_string().starts_with("oncall-changed")).expect("one").message;
    assert!(
        message.contains("primary from 2026-11-22 02:00+00:00") && message.contains("ana in place of sam"),
        "{message}"
    );
}

#[tokio::test]
async fn the_past_is_read_as_it_was_kept_and_the_rest_is_computed_and_says_so() {
    let w = world().await;
    let watch = OnCallWatch::new(w.process.engine.clone());
    watch.pass().await.expect("looked");
    w.away(mins(6));
    watch.pass().await.expect("looked");
    // Had the rotation always been this one, Ana would have been first.
    let mut other = directory();
    other.rotations[0].lists[0].members.reverse();
    let (role, now) = ("primary".parse().expect("role"), w.now());
    let of = async |from: Timestamp, until: Timestamp| {
        let kept = past::kept(w.process.store.as_ref(), None, &role, (from, until), now).await.expect("read");
        past::spans_of(&other, (&other.default_line, &role), (from, until), now, &kept)
    };
    let handoff = START.plus(mins(5));
    let spans = of(START.minus(mins(10)), now.plus(mins(10))).await;
    let shown: Vec<_> = spans.iter().map(|s| (s.from, s.holders[0].contact.as_str(), s.source.as_str())).collect();
    let want = [
        (START.minus(mins(10)), "ana", "computed"),
        (START, "sam", "log"),
        (handoff, "ana", "log"),
        (now, "sam", "computed"),
    ];
    assert_eq!(shown, want);
    assert!(spans.windows(2).all(|pair| pair[0].until == pair[1].from), "no hole: {spans:?}");
    let look = past::outlook_of(&of(START.plus(mins(1)), past::looked_until(START, now)).await);
    assert_eq!(
        (look.source.as_str(), look.holders[0].0.contact.as_str(), look.holders[0].1),
        ("log", "sam", Some(handoff))
    );
    let next = look.next.expect("Ana");
    assert_eq!((next.holders[0].contact.as_str(), next.from, next.until), ("ana", handoff, now));
    // Under the same rotation the present shift goes on: it is one span.
    let kept = past::kept(w.process.store.as_ref(), None, &role, (handoff, now), now).await.expect("read");
    let same = directory();
    let spans = past::spans_of(&same, (&same.default_line, &role), (handoff, now.plus(mins(60))), now, &kept);
    assert_eq!((spans.len(), spans[0].until), (1, now.plus(mins(60))), "{spans:?}");
    let ahead = past::outlook_of(&past::spans_of(
        &same,
        (&same.default_line, &role),
        (now, past::looked_until(now, now)),
        now,
        &[],
    ));
    assert_eq!(ahead.holders[0].1, Some(handoff.plus(mins(24 * 60))));
    assert_eq!(ahead.next.map(|n| n.until), Some(handoff.plus(mins(2 * 24 * 60))));
}

#[tokio::test]
async fn what_was_kept_is_not_rewritten_by_another_directory() {
    let w = world().await;
    let watch = OnCallWatch::new(w.process.engine.clone());
    watch.pass().await.expect("looked");
    let before = async |at: Timestamp| {
        let role = "primary".parse().expect("role");
        let kept = w.process.store.duty_before(None, &role, at).await.expect("read").expect("kept");
        (kept.holders[0].contact.clone(), kept.since)
    };
    w.away(mins(2));
    // By this rotation Ana has held it since yesterday.
    let mut other = directory();
    other.rotations[0].lists[0].members.reverse();
    w.process.core.set_directory(std::sync::Arc::new(other));
    watch.pass().await.expect("looked");
    assert_eq!(before(w.now()).await, ("ana".into(), w.now()), "from the change on, not from her shift's begin");
    assert_eq!(before(START.plus(mins(1))).await, ("sam".into(), START), "the past stays as it was");
}

#[tokio::test]
async fn what_an_edit_before_a_restart_changes_of_the_next_days_is_said_once_too() {
    let mut w = world().await;
    let changed = async |w: &World| w.alerts().await.into_iter().filter(|a| a.contains("oncall-changed")).count();
    let look = async |w: &World| OnCallWatch::new(w.process.engine.clone()).pass().await.map(|_| ()).expect("looked");
    look(&w).await;
    w.away(mins(3 * 60));
    w.restart().await;
    look(&w).await;
    assert_eq!(changed(&w).await, 0, "nothing was changed: a handoff is no news");
    let mut other = directory();
    other.rotations[0].lists[0].members.reverse();
    w.setup.directory = other.clone();
    w.restart().await;
    for _ in 0..2 {
        look(&w).await;
        assert_eq!(changed(&w).await, 1);
        w.restart().await;
    }
    // Its engine died between the notice and what is kept of it.
    let old = serde_json::to_string(&crate::engine::oncall::ahead::Ahead::of(
        &directory(),
        w.now().minus(mins(1)),
        Duration::from_secs(14 * 86_400),
    ));
    w.process.store.keep_ahead(&old.expect("a document")).await.expect("kept");
    look(&w).await;
    assert_eq!(changed(&w).await, 2, "another change");
    w.process
        .store
        .keep_ahead(
            &serde_json::to_string(&crate::engine::oncall::ahead::Ahead::of(
                &directory(),
                w.now().minus(mins(1)),
                Duration::from_secs(14 * 86_400),
            ))
            .expect("a document"),
        )
        .await
        .expect("kept");
    w.restart().await;
    look(&w).await;
    assert_eq!(changed(&w).await, 2, "said already");
}

#[tokio::test]
async fn an_alert_of_a_gap_is_over_at_the_moment_its_gap_ends_and_alerts_of_other_things_stand() {
    let w = world().await;
    let watch = OnCallWatch::new(w.process.engine.clone());
    for (n, who) in [(1, "sam"), (2, "ana")] {
        let away = exception(n, OverrideKind::Away, who, START, START.plus(mins(90)));
        let away = DutyOverride { scope: OverrideScope::Everywhere, ..away };
        w.process.store.make_override(&away).await.expect("made");
    }
    let (key, message) = (AlertKey::from(AlertKind::ContactsKept), "the table is empty".to_owned());
    let other = Event::Alert(AlertChange::Raise { key: key.clone(), call: None, message });
    w.process.core.apply(other, Actor::engine()).await.expect("raised");
    watch.pass().await.expect("looked");
    assert_eq!(gaps(&w).await.len(), 1);
    w.away(mins(90));
    watch.pass().await.expect("looked");
    assert_eq!(gaps(&w).await, []);
    assert!(w.process.store.alerts().await.expect("alerts").iter().any(|a| a.key == key));
}

#[tokio::test]
async fn the_next_look_is_at_the_handoff_and_keeps_the_new_holder_at_that_very_moment() {
    let w = world().await;
    let watch = OnCallWatch::new(w.process.engine.clone());
    let handoff = START.plus(mins(5));
    w.away(mins(4) + secs(30));
    assert_eq!(watch.pass().await.expect("looked"), Some(handoff));
    w.away(secs(30));
    let next = watch.pass().await.expect("looked");
    assert!(next.is_some_and(|next| next > handoff), "{next:?}");
    let role = "primary".parse().expect("role");
    let kept = w.process.store.duty_before(None, &role, handoff).await.expect("read").expect("kept");
    assert_eq!((kept.holders[0].contact.as_str(), kept.since), ("ana", handoff));
}
