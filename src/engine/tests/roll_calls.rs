//! Whoever begins a shift is asked whether they hold it: answered, not answered, with an emergency in between, and every death.

use super::oncall::directory;
use crate::domain::attempt::AttemptState;
use crate::domain::call::CallStatus;
use crate::domain::oncall::roll_call::{RollCall, RollCallState, RollCallTime};
use crate::domain::oncall::{DutyOverride, OverrideId, OverrideKind, OverrideScope};
use crate::testing::crash::Death;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

fn setup() -> Setup {
    let mut rules = fixtures::rules();
    rules.oncall.roll_call = Some(RollCallTime::Before(mins(2)));
    Setup { directory: directory(), rules, ..Setup::default() }
}

/// 02:02: the last moment at which nobody has been asked of Ana's shift, which begins at 02:05. Sam, whose shift ends then, has.
async fn world() -> World {
    let mut w = World::with(setup()).await;
    w.settle().await;
    w.tech("sam").expect_sms("Sam Ortiz, you are on call (night) until Sun 22 Nov 02:05. Reply 1 to confirm, 2 if");
    assert!(w.reply("sam", "1").await.starts_with("Thank you: you are on call (night) until"));
    w.advance(mins(2)).await;
    w.expect_silence();
    w
}

async fn of(w: &World, who: &str) -> RollCall {
    let all = w.process.store.roll_calls(w.now()).await.expect("read");
    all.into_iter().rev().find(|r| r.contact.as_str() == who).expect("a roll call")
}

/// Ana is asked; the reference of her roll call.
async fn asked(w: &mut World) -> String {
    w.advance(mins(1)).await;
    let text =
        w.tech("ana").expect_sms("Ana Reyes, you are on call (night) from Sun 22 Nov 02:05 until Mon 23 Nov 02:05.");
    let reference = of(w, "ana").await.reference.to_string();
    assert!(text.starts_with(&format!("{reference}-1 Acme Plumbing: ")), "{text}");
    reference
}

#[tokio::test]
async fn whoever_begins_a_shift_is_asked_at_its_time_and_1_confirms_it_once() {
    let mut w = world().await;
    asked(&mut w).await;
    w.advance(mins(10)).await;
    w.expect_silence();
    let said = w.reply("ana", "1").await;
    assert_eq!(said, "Thank you: you are on call (night) until Mon 23 Nov 02:05.");
    assert_eq!(w.reply("ana", "1").await, said, "said again it changes nothing");
    w.restart().await;
    w.advance(mins(60)).await;
    w.expect_silence();
    assert_eq!(of(&w, "ana").await.state, RollCallState::Confirmed);
    assert!(!w.has_alert("roll-call").await);
    let log = w.log_of(None).await;
    assert!(log.contains("Ana Reyes confirmed being on call for night"), "{log}");
    assert_eq!(log.matches("oncall.roll_call_answered").count(), 2, "Sam and Ana: {log}");
}

#[tokio::test]
async fn without_an_answer_they_are_asked_again_and_then_the_owner_hears_of_it_before_an_emergency_does() {
    let mut w = world().await;
    let reference = asked(&mut w).await;
    w.advance(mins(14)).await;
    w.expect_silence();
    w.advance(mins(1)).await;
    w.tech("ana").expect_sms("Roll call again. Ana Reyes, you are on call (night) until");
    w.advance(mins(14)).await;
    w.expect_silence();
    assert!(!w.has_alert("roll-call").await);
    w.advance(mins(1)).await;
    let told =
        w.tech("olga").expect_sms("Ana Reyes is on call (night) until Mon 23 Nov 02:05 and has not confirmed it");
    assert!(told.starts_with(&format!("{reference}-3 ")) && told.contains("no answer to two texts"), "{told}");
    assert!(w.has_alert("roll-call:rol_").await);
    assert_eq!(of(&w, "ana").await.state, RollCallState::Silent);
    w.advance(mins(120)).await;
    w.expect_silence();
    w.dispatch("normal").await;
    w.tech("ana").expect_sms("Burst pipe");
    w.advance(mins(1)).await;
    // The emergency was the last text: a bare 1 is its own.
    w.reply("ana", "1").await;
    assert_eq!(w.status().await, CallStatus::Acknowledged);
    assert_eq!(of(&w, "ana").await.state, RollCallState::Silent);
    let said = w.reply("ana", &format!("1 {reference}")).await;
    assert!(said.starts_with("Thank you"), "{said}");
    assert!(!w.has_alert("roll-call").await, "a late answer counts");
}

#[tokio::test]
async fn what_is_said_of_a_silent_holder_is_over_once_another_holds_it_or_the_shift_has_ended() {
    let mut w = world().await;
    asked(&mut w).await;
    w.advance(mins(1)).await;
    w.reply("ana", "2").await;
    w.tech("olga").expect_sms("they answered 2");
    assert!(w.has_alert("roll-call").await);
    let taken = take("olga", &w, mins(60));
    w.process.store.make_override(&taken).await.expect("made");
    w.advance(secs(10)).await;
    assert!(!w.has_alert("roll-call").await, "the office has seen to it");
    assert_eq!(of(&w, "ana").await.state, RollCallState::Over);

    let mut w = world().await;
    asked(&mut w).await;
    w.advance(mins(1)).await;
    w.reply("ana", "2").await;
    w.away(mins(24 * 60 + 5));
    w.settle().await;
    assert!(!w.has_alert("roll-call").await, "the shift is over");
}

#[tokio::test]
async fn whoever_has_the_shift_again_after_a_swap_that_was_withdrawn_is_asked_anew_and_twice_at_most() {
    let mut w = world().await;
    asked(&mut w).await;
    let taken = take("olga", &w, mins(600));
    w.process.store.make_override(&taken).await.expect("made");
    w.advance(secs(10)).await;
    assert_eq!(of(&w, "ana").await.state, RollCallState::Over);
    w.tech("olga").expect_sms("you are on call (night)");
    w.process.store.withdraw_override(&taken.id, "office", w.now()).await.expect("withdrawn");
    w.advance(mins(1)).await;
    let text = w.tech("ana").expect_sms("Ana Reyes, you are on call (night)");
    assert!(!text.contains("Roll call again"), "{text}");
    w.restart().await;
    w.advance(mins(13)).await;
    w.expect_silence();
    w.advance(mins(2)).await;
    w.tech("ana").expect_sms("Roll call again.");
    assert!(w.reply("ana", "1").await.starts_with("Thank you"));
    assert_eq!(of(&w, "ana").await.state, RollCallState::Confirmed);
}

#[tokio::test]
async fn a_failure_of_the_sender_opens_its_breaker_before_an_emergency_finds_it() {
    let mut w = world().await;
    asked(&mut w).await;
    let sent = w.sms.ledger().last().cloned().expect("a text");
    w.update_of(&sent, "undelivered", Some(30_034)).await;
    w.settle().await;
    assert!(w.has_alert("breaker:").await, "{:?}", w.alerts().await);
    assert!(w.has_alert("roll-call").await);
    assert!(w.log_of(None).await.contains("of the roll call of Ana Reyes failed"));
}

#[tokio::test]
async fn a_2_alerts_at_once_and_changes_no_holder() {
    let mut w = world().await;
    asked(&mut w).await;
    w.advance(mins(1)).await;
    let said = w.reply("ana", "2").await;
    assert!(said.starts_with("Noted: the office is told."), "{said}");
    assert!(w.has_alert("roll-call").await);
    w.tech("olga").expect_sms("they answered 2");
    assert_eq!(of(&w, "ana").await.state, RollCallState::Refused);
    w.advance(mins(40)).await;
    w.expect_silence();
    w.dispatch("normal").await;
    w.tech("ana").expect_sms("Burst pipe");
}

#[tokio::test]
async fn an_emergency_in_between_and_a_roll_call_never_take_each_others_answer() {
    let mut w = world().await;
    w.advance(secs(30)).await;
    w.process.core.set_directory(std::sync::Arc::new(everybody_is_ana()));
    let call = w.dispatch("normal").await;
    w.tech("ana").expect_sms("Burst pipe");
    let reference = {
        w.advance(secs(30)).await;
        w.tech("ana").expect_sms("you are on call (night)");
        of(&w, "ana").await.reference.to_string()
    };
    w.advance(secs(61)).await;
    let said = w.reply("ana", "1").await;
    assert!(
        said.starts_with("Which call?") && said.contains(&format!("1 {reference} answers the roll call")),
        "{said}"
    );
    assert_eq!((w.status().await, of(&w, "ana").await.state), (CallStatus::Dispatching, RollCallState::Asked));
    assert!(w.reply("ana", &reference).await.starts_with("Thank you"), "the code completes the word");
    assert_eq!((w.status().await, of(&w, "ana").await.state), (CallStatus::Dispatching, RollCallState::Confirmed));
    w.reply("ana", "1").await;
    assert_eq!(w.call(&call).await.call.status, CallStatus::Acknowledged, "what was said already is not meant again");
}

/// Somebody takes the night from now on.
fn take(who: &str, w: &World, length: std::time::Duration) -> DutyOverride {
    DutyOverride {
        id: OverrideId::from_uuid(uuid::Uuid::from_u128(1)),
        scope: OverrideScope::Rotation("night".parse().expect("id")),
        kind: OverrideKind::Take,
        contact: who.parse().expect("id"),
        from: w.now(),
        until: w.now().plus(length),
        note: String::new(),
        by: "office".into(),
        made_at: w.now(),
        source: None,
        asked: None,
        withdrawn: None,
    }
}

/// The rotation is Ana's alone.
fn everybody_is_ana() -> crate::domain::team::Directory {
    let mut d = directory();
    d.rotations[0].lists[0].members = vec![vec!["ana".parse().expect("id")]];
    d
}

#[tokio::test]
async fn a_call_that_nobody_took_is_not_taken_by_the_answer_to_a_roll_call() {
    let mut rules = fixtures::rules();
    rules.oncall.roll_call = Some(RollCallTime::At(jiff::civil::time(5, 0, 0, 0)));
    let mut w = World::with(Setup { directory: directory(), rules, ..Setup::default() }).await;
    w.settle().await;
    w.tech("sam").expect_sms("you are on call");
    w.reply("sam", "1").await;
    w.advance(mins(10)).await;
    w.dispatch("normal").await;
    w.tech("ana").expect_sms("Burst pipe");
    w.advance(mins(150)).await;
    assert_eq!(w.status().await, CallStatus::Exhausted);
    w.advance(mins(30)).await;
    let texts: Vec<String> = w.sms.ledger().into_iter().map(|m| m.body).collect();
    assert!(texts.last().expect("texts").contains("Ana Reyes, you are on call"), "{texts:?}");
    assert!(w.reply("ana", "1").await.starts_with("Thank you: you are on call"));
    assert_eq!(w.status().await, CallStatus::Exhausted);
}

#[tokio::test]
async fn a_soft_word_confirms_nothing_and_is_asked_for_1() {
    let mut w = world().await;
    let reference = asked(&mut w).await;
    w.advance(mins(2)).await;
    assert_eq!(
        w.reply("ana", "ok").await,
        format!("Reply 1 {reference} to confirm that you are on call, 2 {reference} if you cannot.")
    );
    assert_eq!(of(&w, "ana").await.state, RollCallState::Asked);
    assert!(w.reply("ana", "1").await.starts_with("Thank you"), "our question about it does not hide it");
}

#[tokio::test]
async fn one_who_takes_no_texts_is_trouble_at_once() {
    let mut w = world().await;
    w.reply("ana", "STOP").await;
    w.advance(mins(1)).await;
    w.tech("ana").expect_nothing();
    w.tech("olga").expect_sms("opted out of texts");
    assert_eq!(of(&w, "ana").await.state, RollCallState::Failed);
    assert!(w.has_alert("roll-call").await);

    let mut w = world().await;
    asked(&mut w).await;
    w.advance(mins(1)).await;
    w.reply("ana", "STOP").await;
    w.tech("olga").expect_sms("opted out of texts");
    assert_eq!(of(&w, "ana").await.state, RollCallState::Refused);
}

#[tokio::test]
async fn a_text_that_fails_is_trouble_at_once_and_one_that_cannot_leave_is_in_the_end() {
    let mut w = world().await;
    asked(&mut w).await;
    let sent = w.sms.ledger().last().cloned().expect("a text");
    w.update_of(&sent, "undelivered", Some(30003)).await;
    w.settle().await;
    w.tech("olga").expect_sms("the text to them failed");
    assert!(w.has_alert("roll-call").await);

    let w = world().await;
    w.sms.otherwise(Reaction::away());
    w.advance(mins(29)).await;
    assert!(!w.has_alert("roll-call").await);
    w.advance(mins(3)).await;
    assert!(w.has_alert("roll-call").await);
    assert_eq!(of(&w, "ana").await.state, RollCallState::Failed);
}

#[tokio::test]
async fn a_lost_answer_is_found_in_the_list_and_nothing_is_sent_twice() {
    for reaction in [Reaction::UnknownButAccepted, Reaction::UnknownNotAccepted] {
        let mut w = world().await;
        w.sms.next(reaction.clone());
        w.advance(secs(60)).await;
        let state = of(&w, "ana").await.texts[0].state;
        assert_eq!(state, AttemptState::Unknown, "{reaction:?}");
        w.advance(mins(2)).await;
        let found = matches!(reaction, Reaction::UnknownButAccepted);
        let asks = w.sms.ledger().iter().filter(|m| m.body.contains("Ana Reyes, you are")).count();
        assert_eq!(asks, usize::from(found), "{reaction:?}");
        assert_eq!(of(&w, "ana").await.texts[0].sid.is_some(), found, "{reaction:?}");
        w.advance(mins(13)).await;
        let asks = w.sms.ledger().iter().filter(|m| m.body.contains("Ana Reyes, you are")).count();
        assert_eq!(asks, usize::from(found) + 1, "{reaction:?}: asked again at its time");
        assert!(w.reply("ana", "1").await.starts_with("Thank you"));
    }
}

#[tokio::test]
async fn whoever_did_not_run_at_its_time_asks_late_and_once() {
    let mut w = world().await;
    w.away(mins(120));
    w.restart().await;
    w.settle().await;
    w.tech("ana").expect_sms("Ana Reyes, you are on call (night) until Mon 23 Nov 02:05.");
    for _ in 0..2 {
        w.restart().await;
        w.advance(mins(1)).await;
        w.expect_silence();
    }
    w.away(mins(120));
    w.restart().await;
    w.settle().await;
    w.tech("ana").expect_sms("Roll call again.");
    w.away(mins(24 * 60));
    w.settle().await;
    w.tech("ana").expect_nothing();
    w.tech("sam").expect_sms("Sam Ortiz, you are on call");
    assert!(!w.has_alert("roll-call").await, "the shift is over, nobody has to answer for it");
}

#[tokio::test]
async fn whoever_takes_the_shift_over_is_asked_in_place_of_the_list() {
    let mut w = world().await;
    let taken = take("olga", &w, mins(60));
    w.process.store.make_override(&taken).await.expect("made");
    w.advance(mins(2)).await;
    w.tech("olga").expect_sms("Olga Lind, you are on call (night)");
    w.tech("ana").expect_nothing();
    // Taken back before an answer: nobody has to answer for it any more, and whoever holds it now is asked.
    w.process.store.withdraw_override(&taken.id, "office", w.now()).await.expect("withdrawn");
    w.advance(mins(16)).await;
    assert_eq!(of(&w, "olga").await.state, RollCallState::Over);
    w.tech("olga").expect_nothing();
    w.tech("ana").expect_sms("Ana Reyes, you are on call (night)");
    assert!(w.reply("ana", "1").await.starts_with("Thank you"));
}

#[tokio::test]
async fn whoever_prolongs_an_exception_is_asked_of_the_time_that_goes_on() {
    let mut w = world().await;
    asked(&mut w).await;
    let first = take("olga", &w, mins(60));
    let second = DutyOverride {
        id: OverrideId::from_uuid(uuid::Uuid::from_u128(2)),
        from: first.until,
        until: first.until.plus(mins(120)),
        ..first.clone()
    };
    for exception in [&first, &second] {
        w.process.store.make_override(exception).await.expect("made");
    }
    // Past the end of the first one: nothing is done again and again, and she was asked at most for each.
    for _ in 0..90 {
        w.advance(mins(1)).await;
    }
    let asks = w.sms.ledger().iter().filter(|m| m.body.contains("Olga Lind, you are on call")).count();
    assert!((1..=4).contains(&asks), "{asks}");
    let log = w.log_of(None).await;
    assert!(log.matches("roll call of Olga").count() <= 4, "{log}");
}

#[tokio::test]
async fn an_emergency_goes_before_a_roll_call() {
    let mut plan = setup();
    plan.directory = everybody_is_ana();
    let mut w = World::with(plan).await;
    let bodies = |w: &World| w.sms.ledger().into_iter().map(|m| m.body).collect::<Vec<_>>();
    w.begin("normal").await;
    w.process.roll_calls.pass().await.expect("looked");
    assert_eq!(bodies(&w), [""; 0], "a text of an emergency waits");
    w.process.dispatcher.pass().await.expect("sent");
    w.process.dispatcher.drained().await;
    w.process.roll_calls.pass().await.expect("looked");
    let all = bodies(&w);
    assert!(all[0].contains("Burst pipe") && all[1].contains("you are on call"), "{all:?}");
    // A text that cannot leave holds it up for a minute, no longer.
    w.sms.otherwise(Reaction::away());
    w.advance(mins(4)).await;
    w.begin("high").await;
    w.advance(mins(2)).await;
    let waiting = of(&w, "ana").await.texts;
    assert!(waiting[0].tries > 0, "{waiting:?}");
}

#[tokio::test]
async fn nobody_is_asked_where_it_is_off() {
    let w = World::with(Setup { directory: directory(), ..Setup::default() }).await;
    w.process.roll_calls.pass().await.expect("looked");
    w.advance(mins(10)).await;
    w.process.roll_calls.pass().await.expect("looked");
    w.expect_silence();
    assert_eq!(w.process.store.roll_calls(w.now()).await.expect("read"), []);
}

/// What happens, one thing after another; each is safe to do again.
async fn chapter(w: &mut World, n: usize) {
    match n {
        0 => drop(w.settle().await),
        1 => w.advance(secs(70)).await,
        2 => {
            w.reply_as(&format!("SM{:032x}", 0xfeed), "ana", "2").await;
        }
        _ => w.advance(secs(10)).await,
    }
}

#[tokio::test]
async fn a_death_at_any_commit_loses_no_question_and_asks_none_twice() {
    let mut k = 0;
    loop {
        k += 1;
        let mut hit = false;
        for death in [Death::After(k), Death::BeforeTheOneAfter(k)] {
            let mut plan = setup();
            plan.directory = everybody_is_ana();
            // Her shift lasts to the morning: she is asked late, and again in a minute.
            plan.directory.rotations[0].handoff = jiff::civil::time(6, 0, 0, 0);
            plan.rules.oncall.roll_call_reply = mins(1);
            // A question to the provider each half minute would only make the story longer.
            plan.rules.poll_after = mins(60);
            let mut w = World::dying(plan, death).await;
            let mut died = false;
            for n in 0..4 {
                let crash = w.process.crash.clone();
                let done = tokio::select! {
                    biased;
                    () = chapter(&mut w, n) => true,
                    () = crash.died() => false,
                };
                if !done {
                    died = true;
                    w.restart().await;
                    chapter(&mut w, n).await;
                }
            }
            hit |= died;
            // Found out, whatever was lost: a minute is enough for the list.
            w.advance(mins(1)).await;
            let all = w.process.store.roll_calls(w.now()).await.expect("read");
            let texts: Vec<String> = w.sms.ledger().into_iter().map(|m| m.body).collect();
            for r in &all {
                for t in &r.texts {
                    let reference = r.reference.attempt(t.number);
                    let n = texts.iter().filter(|b| b.starts_with(&format!("{reference} "))).count();
                    assert!(n <= 1, "{death:?}: {reference} went {n} times");
                    assert!(n == 1 || t.sid.is_none(), "{death:?}: {reference}");
                }
            }
            assert_eq!(all.iter().filter(|r| r.state == RollCallState::Refused).count(), 1, "{death:?}: {all:?}");
            assert_eq!(all.iter().filter(|r| r.until > w.now()).count(), 1, "{death:?}: one for a shift: {all:?}");
            assert_eq!(all.iter().flat_map(RollCall::asks).count(), 2, "{death:?}: {all:?}");
            assert!(w.has_alert("roll-call").await, "{death:?}");
            // One that had not left when its engine died is unknown for good, and shows.
            let of_olga = all.iter().flat_map(|r| &r.texts).find(|t| t.contact.as_str() == "olga").expect("a text");
            let is_sent = texts.iter().any(|b| b.contains("has not confirmed it"));
            assert!(is_sent || of_olga.state == AttemptState::Unknown, "{death:?}: {texts:?}");
        }
        if !hit {
            break;
        }
    }
    assert!(k > 6, "{k} commits");
}
