//! The process dies at every commit of a story, once right after it and once where the next one would begin; another goes on.

use crate::domain::attempt::{AttemptKind, AttemptState};
use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::testing::crash::Death;
use crate::testing::story::intake;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, secs};

/// What happens in the outside world, one thing after another; each is safe to do again where it was not answered.
const CHAPTERS: usize = 6;

async fn chapter(w: &mut World, n: usize) {
    match n {
        0 => {
            let answer = w.accept(intake("call_1", "normal")).await;
            assert!(matches!(answer, Answer::Created(_) | Answer::Exists(_)), "{answer:?}");
            w.last = "call_1".parse().ok();
        }
        1 => drop(w.settle().await),
        2 => {
            if let Some(m) = w.sms.ledger().first().cloned() {
                w.update(Some(1), &m.sid, "delivered", None).await;
            }
        }
        // Ana's step: Sam was silent.
        3 => w.advance(secs(421)).await,
        4 => {
            w.reply_as(&format!("SM{:032x}", 0xfeed), "ana", "1").await;
        }
        _ => drop(w.settle().await),
    }
}

/// The story to its end, with a restart where the process died; whether it did.
async fn deliver(death: Death) -> (World, bool) {
    let mut w = World::dying(Setup::default(), death).await;
    let mut died = false;
    for n in 0..CHAPTERS {
        let crash = w.process.crash.clone();
        let done = tokio::select! {
            biased;
            () = chapter(&mut w, n) => true,
            () = crash.died() => false,
        };
        if !done {
            assert!(!died, "{death:?}: a process dies once");
            died = true;
            w.restart().await;
            chapter(&mut w, n).await;
        }
    }
    w.advance(secs(1)).await;
    (w, died)
}

async fn check(w: &World, label: &str) {
    let state = w.state().await;
    assert_eq!(state.call.status, CallStatus::Acknowledged, "{label}");
    assert_eq!(state.call.holder.as_ref().map(|h| h.as_str()), Some("ana"), "{label}");
    let ledger = w.sms.ledger();
    for a in &state.attempts {
        let accepted = ledger.iter().filter(|m| m.attempt == a.id).count();
        assert!(accepted <= 1, "{label}: attempt {} was sent {accepted} times", a.number);
        assert!(w.sms.posts().iter().filter(|p| **p == a.id).count() <= 1, "{label}: attempt {} POSTs", a.number);
        assert_ne!(a.state, AttemptState::Sending, "{label}: nobody's claim is left");
        if accepted == 0 && a.kind == AttemptKind::Notice {
            assert!(
                matches!(a.state, AttemptState::Unknown | AttemptState::Cancelled | AttemptState::Skipped),
                "{label}: attempt {} is {} and never was",
                a.number,
                a.state
            );
        }
    }
    for m in &ledger {
        assert!(state.attempt(m.attempt).is_some(), "{label}: an unexpected message");
    }
    let notices = |who: &str| {
        ledger
            .iter()
            .filter(|m| m.to == fixtures::phone(who))
            .filter(|m| state.attempt(m.attempt).is_some_and(|a| a.kind == AttemptKind::Notice))
            .count()
    };
    // Sam's first notice and his follow-up, Ana's; each may be lost to a visible unknown, none may be doubled.
    let unknown = |who: &str| {
        let is = |a: &&crate::domain::attempt::Attempt| {
            a.recipient.contact.as_str() == who && a.state == AttemptState::Unknown
        };
        state.attempts.iter().filter(is).count()
    };
    for (who, most) in [("sam", 2), ("ana", 1)] {
        assert!(notices(who) <= most, "{label}: {who} has {} notices", notices(who));
        assert!(notices(who) + unknown(who) >= 1, "{label}: {who} was told or it is shown: {:?}", w.attempts().await);
    }
    let stood_down = state.attempts.iter().filter(|a| a.kind == AttemptKind::StandDown).count();
    assert_eq!(stood_down, 1, "{label}: Sam is stood down once");
    assert!(w.process.store.claims_of_others("x", 10).await.expect("read").is_empty(), "{label}");
}

#[tokio::test]
async fn at_every_commit_nothing_is_lost_and_nothing_is_doubled() {
    let mut hit = 0;
    for k in 1..200 {
        let (w, after) = deliver(Death::After(k)).await;
        check(&w, &format!("died right after commit {k}")).await;
        let (w, before) = deliver(Death::BeforeTheOneAfter(k)).await;
        check(&w, &format!("died before commit {}", k + 1)).await;
        if !after && !before {
            assert!(hit > 15, "the story has only {hit} commits");
            return;
        }
        hit = k;
    }
    panic!("the story has no end");
}

#[tokio::test]
async fn a_crash_between_the_intent_and_the_outcome_is_an_unknown_outcome() {
    for (label, reaction, ledger) in [("accepted", Reaction::AcceptLate, 1), ("not yet", Reaction::Accept, 0)] {
        let late = ledger == 1;
        // The writes of a dispatch: the call, the intent, the outcome.
        let death = if late { Death::Never } else { Death::After(2) };
        let mut w = World::dying(Setup::default(), death).await;
        w.sms.next(reaction);
        w.begin("normal").await;
        w.process.dispatcher.pass().await.expect("started");
        if late {
            w.sms.accepted(1).await
        } else {
            w.process.crash.died().await
        }
        w.restart().await;
        w.sms.release();
        w.settle().await;
        assert_eq!(w.attempts().await, ["1 sam unknown"], "{label}");
        assert_eq!((w.sms.ledger().len(), w.sms.posts().len()), (ledger, ledger), "{label}: not sent again");
        assert!(w.log_of(None).await.contains("the last stop was not clean"), "{label}");
        if late {
            w.receipt(1, "delivered", None).await;
            assert_eq!(w.attempts().await, ["1 sam delivered"]);
        }
        w.advance(secs(120)).await;
        let then: &[&str] = if late { &["2 sam submitted"] } else { &["2 sam submitted", "3 sam submitted"] };
        assert_eq!(w.attempts().await[1..], *then, "{label}: what was not sent is, and the follow-up fires on time");
    }
}

#[tokio::test]
async fn a_follow_up_that_came_due_while_nobody_ran_is_named_and_fires_once() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.away(secs(180));
    w.restart().await;
    assert!(w.log_text().await.contains("Recovering lost retry"));
    w.settle().await;
    w.restart().await;
    w.settle().await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam submitted"]);
    assert_eq!(w.wakes_at().await, Some(420), "one missed step keeps its arithmetic");
}

#[tokio::test]
async fn after_a_clean_stop_a_call_is_named_only_where_it_came_due_meanwhile() {
    for (label, away, is_named) in [("a handover at once", 1, false), ("an hour without an engine", 3600, true)] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        let (id, now) = (w.process.engine.id.clone(), w.now());
        w.process.store.engine_stopped(&id, now).await.expect("stopped");
        w.away(secs(away));
        w.restart().await;
        assert!(w.log_of(None).await.contains("the last stop was clean"), "{label}");
        let named = "Recovering lost retry: it came due while no engine ran";
        assert_eq!(w.log_text().await.contains(named), is_named, "{label}");
    }
}

/// A first notice whose answer is lost, found or not, and what follows, up to the answer of whoever was told.
async fn lost_chapter(w: &mut World, n: usize) {
    match n {
        0 => {
            w.accept(intake("call_1", "normal")).await;
            w.last = "call_1".parse().ok();
        }
        1 => drop(w.settle().await),
        // Searches, the decision, the repeat.
        2 => w.advance(secs(75)).await,
        // The repeat, or the first text, fails in a way that may pass; it is sent again.
        3 => {
            if let Some(m) = w.sms.ledger().last().cloned() {
                w.update_of(&m, "undelivered", Some(30003)).await;
            }
        }
        4 => w.advance(secs(24)).await,
        5 => {
            w.reply_as(&format!("SM{:032x}", 0xfeed), "sam", "1").await;
        }
        _ => w.advance(secs(30)).await,
    }
}

async fn deliver_lost(death: Death, reaction: &Reaction, lag: u64) -> (World, bool) {
    let mut w = World::dying(Setup::default(), death).await;
    w.sms.next(reaction.clone());
    w.sms.list_lags(secs(lag));
    let mut died = false;
    for n in 0..7 {
        let crash = w.process.crash.clone();
        let done = tokio::select! {
            biased;
            () = lost_chapter(&mut w, n) => true,
            () = crash.died() => false,
        };
        if !done {
            assert!(!died, "{death:?}: a process dies once");
            died = true;
            if n > 0 {
                // The crash takes the place of the answer that would have been lost.
                w.sms.forget_script();
            }
            w.restart().await;
            lost_chapter(&mut w, n).await;
        }
    }
    (w, died)
}

async fn check_lost(w: &World, label: &str) {
    let (state, ledger) = (w.state().await, w.sms.ledger());
    let shown = w.attempts().await;
    assert_eq!(state.call.status, CallStatus::Acknowledged, "{label}: {shown:?}");
    for a in state.attempts.iter().filter(|a| a.kind == AttemptKind::Notice) {
        let posts = w.sms.posts().iter().filter(|p| **p == a.id).count();
        assert!(posts <= 1, "{label}: attempt {} has {posts} POSTs", a.number);
        assert!(!a.state.is_waiting() && a.state != AttemptState::Sending, "{label}: {shown:?}");
        let Some(repeated) = a.repeats.and_then(|r| state.attempt(r)) else { continue };
        let allowed = repeated.state == AttemptState::Failed || repeated.decided_at.is_some();
        assert!(allowed, "{label}: attempt {} repeats {} {}", a.number, repeated.number, repeated.state);
        let same = state.attempts.iter().filter(|b| b.repeats == a.repeats).count();
        assert_eq!(same, 1, "{label}: attempt {} is repeated once", repeated.number);
    }
    let steps: std::collections::BTreeSet<u32> = state.notices.iter().map(|n| n.step).collect();
    for step in steps {
        let of_step = |n: &&crate::domain::attempt::Attempt| n.kind == AttemptKind::Notice && n.step == step;
        let repeats = state
            .attempts
            .iter()
            .filter(of_step)
            .filter(|a| a.repeats.and_then(|r| state.attempt(r)).is_some_and(|r| r.decided_at.is_some()));
        assert!(repeats.count() <= 1, "{label}: the policy repeats once a notice: {shown:?}");
    }
    let texts_to_sam = ledger.iter().filter(|m| m.to == fixtures::phone("sam")).count();
    assert!(texts_to_sam >= 1, "{label}: he was told: {shown:?}");
    for m in &ledger {
        assert!(state.attempt(m.attempt).is_some(), "{label}: an unexpected message");
    }
}

#[tokio::test]
async fn at_every_commit_of_a_search_and_a_resend_nothing_is_lost_and_nothing_is_doubled() {
    for (about, reaction, lag) in [
        ("found", Reaction::UnknownButAccepted, 20),
        ("found too late", Reaction::UnknownButAccepted, 500),
        ("never there", Reaction::UnknownNotAccepted, 0),
    ] {
        let mut hit = 0;
        for k in 1..200 {
            let (w, after) = deliver_lost(Death::After(k), &reaction, lag).await;
            check_lost(&w, &format!("{about}: died right after commit {k}")).await;
            let (w, before) = deliver_lost(Death::BeforeTheOneAfter(k), &reaction, lag).await;
            check_lost(&w, &format!("{about}: died before commit {}", k + 1)).await;
            if !after && !before {
                break;
            }
            hit = k;
        }
        assert!((12..199).contains(&hit), "{about}: the story has {hit} commits");
    }
}
