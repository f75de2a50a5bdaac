//! A mirror that lagged: what people and our own texts say decides whether a call still runs.

use super::books::{Books, hears_nothing_new, ingested, listed, planned, rebuilt};
use crate::domain::call::CallStatus;
use crate::engine::rebuild::evidence::{CallStatusEvidence, is_of_an_alert, kind_of, said};
use crate::engine::rebuild::plan::PlannedAction;
use crate::testing::{World, fixtures, mins, secs};

use crate::domain::attempt::AttemptKind as K;

/// A call that Sam and Ana were told of, and the books as they were then.
async fn both_notified(w: &mut World) -> Books {
    w.dispatch("normal").await;
    w.receipt(1, "delivered", None).await;
    w.advance(mins(8)).await;
    assert!(w.attempts().await.iter().any(|a| a.contains("ana")), "Ana was told too");
    Books::of(&w.state().await)
}

#[tokio::test]
async fn a_reply_that_the_mirror_never_heard_of_ends_the_ladder() {
    for (label, word, named) in
        [("named", "1 ", true), ("bare", "1", false), ("by word", "mine", false), ("done", "done", false)]
    {
        for answered in [true, false] {
            let mut w = World::new().await;
            let books = both_notified(&mut w).await;
            let reference = w.state().await.call.reference.clone();
            let text = if named { format!("{word}{reference}") } else { word.to_owned() };
            if answered {
                ingested(&mut w, "sam", &text).await;
            } else {
                listed(&mut w, "sam", &text, None);
            }
            w.away(mins(1));
            w.lose_the_disk().await;
            let plan = rebuilt(&w, &books).await;
            let (status, want) = if word == "done" {
                (CallStatus::Resolved, PlannedAction::Resolved)
            } else {
                (CallStatus::Acknowledged, PlannedAction::Acknowledged)
            };
            assert_eq!((plan.rows[0].what, w.status().await), (want, status), "{label} {answered}: {:?}", plan.rows[0]);
            if status == CallStatus::Acknowledged {
                let holder = w.state().await.call.holder.map(|h| h.as_str().to_owned());
                assert_eq!(holder.as_deref(), Some("sam"), "{label}");
                assert!(w.has_alert("rebuilt:").await, "{label}: a person may know better");
            }
            let before = w.sms.ledger().len();
            w.advance(mins(60)).await;
            assert_eq!(w.sms.ledger().len(), before, "{label}: nobody is told of it");
            if answered {
                assert!(hears_nothing_new(&w).await, "{label}: it was answered");
            }
        }
    }
}

#[tokio::test]
async fn a_bare_word_that_may_mean_another_call_counts_for_neither() {
    let mut w = World::new().await;
    let mut books = both_notified(&mut w).await;
    let first = w.id();
    w.dispatch("high").await;
    let second = w.id();
    books.write(&w.call(&second).await);
    w.advance(secs(5)).await;
    listed(&mut w, "sam", "1", None);
    let plan = planned(&w, &books).await;
    assert!(plan.rows.is_empty(), "both are in the store");
    w.lose_the_disk().await;
    let plan = rebuilt(&w, &books).await;
    for row in &plan.rows {
        assert_eq!(row.what, PlannedAction::GoesOn, "{row:?}");
        assert!(row.lost.iter().any(|l| l.contains("counts for neither")), "{row:?}");
    }
    assert_eq!((plan.rows.len(), &plan.rows[0].call, &plan.rows[1].call), (2, &first, &second));

    // The same word with an answer of ours that names the second: it is that one's.
    let mut w = World::new().await;
    let mut books = both_notified(&mut w).await;
    w.dispatch("high").await;
    let second = w.state().await;
    books.write(&second);
    w.advance(secs(5)).await;
    listed(&mut w, "sam", "1", Some(&format!("{} is yours. 1 Elm St.", second.call.reference)));
    w.lose_the_disk().await;
    let plan = rebuilt(&w, &books).await;
    assert_eq!(
        [plan.rows[0].what, plan.rows[1].what],
        [PlannedAction::GoesOn, PlannedAction::Acknowledged],
        "{plan:?}"
    );
}

#[tokio::test]
async fn a_word_before_its_text_or_from_a_stranger_means_nothing() {
    let mut w = World::new().await;
    listed(&mut w, "sam", "1", None);
    w.advance(secs(30)).await;
    let books = both_notified(&mut w).await;
    listed(&mut w, "+19495550177", "1", None);
    w.lose_the_disk().await;
    let plan = rebuilt(&w, &books).await;
    assert_eq!((plan.rows[0].what, plan.rows[0].found.replies), (PlannedAction::GoesOn, 0), "{:?}", plan.rows[0]);
}

#[tokio::test]
async fn a_stand_down_says_who_has_it() {
    let mut w = World::new().await;
    let books = both_notified(&mut w).await;
    // Taken by an operator in Sam's name: no reply, no row; Ana's stand-down is in the provider's list.
    w.decide(crate::domain::event::Decision::Acknowledge { holder: "sam".parse().ok() }).await;
    w.advance(secs(5)).await;
    let texts = w.sms.ledger();
    assert!(texts.iter().any(|m| m.to == fixtures::phone("ana") && kind_of(&m.body) == K::StandDown), "{texts:?}");
    w.lose_the_disk().await;
    let plan = rebuilt(&w, &books).await;
    let holder = w.state().await.call.holder.map(|h| h.as_str().to_owned());
    assert_eq!(
        (plan.rows[0].what, holder.as_deref()),
        (PlannedAction::Acknowledged, Some("sam")),
        "{:?}",
        plan.rows[0]
    );
    let kinds: Vec<_> = w.state().await.attempts.iter().map(|a| a.kind).filter(|k| *k == K::StandDown).collect();
    assert_eq!(kinds.len(), 1, "the stand-down is an attempt of the call, as it was");
}

#[tokio::test]
async fn whoever_has_a_rebuilt_call_is_asked_whether_it_goes_on() {
    let mut setup = crate::testing::world::Setup::default();
    let asked = crate::domain::rules::FollowthroughRules { ask_after: Some(mins(45)), ..Default::default() };
    setup.rules.followthrough = asked;
    let mut w = World::with(setup).await;
    let books = both_notified(&mut w).await;
    w.decide(crate::domain::event::Decision::Acknowledge { holder: "sam".parse().ok() }).await;
    w.advance(secs(5)).await;
    w.lose_the_disk().await;
    rebuilt(&w, &books).await;
    let call = w.state().await.call;
    assert_eq!((call.holder.is_some(), call.ask_at), (true, Some(w.now().plus(mins(45)))));
}

#[tokio::test]
async fn an_operators_word_that_reached_nobody_cannot_be_known_and_the_plan_says_so() {
    let one: &[_] = &[(secs(0), &["primary"][..]), (mins(60), &["backup"])];
    let slow = fixtures::directory_with(fixtures::policy("slow", one));
    let mut w = World::with(crate::testing::world::Setup { directory: slow, ..Default::default() }).await;
    w.dispatch("slow").await;
    let books = Books::of(&w.state().await);
    w.decide(crate::domain::event::Decision::Acknowledge { holder: "sam".parse().ok() }).await;
    w.lose_the_disk().await;
    let plan = rebuilt(&w, &books).await;
    assert_eq!(plan.rows[0].what, PlannedAction::GoesOn);
    assert!(plan.notes.iter().any(|n| n.contains("what an operator decided")), "{:?}", plan.notes);
}

#[tokio::test]
async fn a_call_that_was_opened_again_goes_on_whatever_was_said_before() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.receipt(1, "delivered", None).await;
    w.advance(secs(20)).await;
    ingested(&mut w, "sam", "1").await;
    w.advance(mins(3)).await;
    w.decide(crate::domain::event::Decision::Reopen).await;
    w.advance(secs(5)).await;
    let before = w.state().await;
    let books = Books::of(&before);
    w.lose_the_disk().await;
    let plan = rebuilt(&w, &books).await;
    let after = w.state().await;
    assert_eq!((plan.rows[0].what, after.call.round), (PlannedAction::GoesOn, 2), "{:?}", plan.rows[0]);
    assert_eq!((after.call.next_step, &after.call.excluded), (before.call.next_step, &before.call.excluded));
    assert!(plan.rows[0].lost.iter().any(|l| l.contains("opened again")), "{:?}", plan.rows[0]);
}

#[tokio::test]
async fn a_pass_that_nobody_answered_is_heard_by_the_engine_and_moves_the_ladder() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.receipt(1, "delivered", None).await;
    let books = Books::of(&w.state().await);
    w.advance(secs(10)).await;
    listed(&mut w, "sam", "2", None);
    w.lose_the_disk().await;
    let plan = rebuilt(&w, &books).await;
    assert!(plan.rows[0].lost.iter().any(|l| l.contains("passed at")), "{:?}", plan.rows[0]);
    assert!(!hears_nothing_new(&w).await, "he is answered, and Ana is told");
    assert!(w.attempts().await.iter().any(|a| a.contains("ana")), "{:?}", w.attempts().await);
}

#[tokio::test]
async fn another_row_of_the_call_that_says_it_is_taken_is_believed() {
    let mut w = World::new().await;
    let mut books = both_notified(&mut w).await;
    let mut twin = books.calls[0].fields.clone();
    twin.set("Status", "ACKNOWLEDGED");
    books.add_call(twin);
    w.lose_the_disk().await;
    let plan = rebuilt(&w, &books).await;
    assert_eq!((plan.rows.len(), plan.rows[0].what), (1, PlannedAction::Acknowledged), "{plan:?}");
}

#[tokio::test]
async fn every_text_of_ours_is_known_for_what_it_is() {
    let mut w = World::new().await;
    both_notified(&mut w).await;
    let reference = w.state().await.call.reference;
    let mut answers = Vec::new();
    for (who, text) in [("ana", "2"), ("sam", "hello"), ("sam", "1"), ("sam", "1"), ("ana", "1"), ("sam", "2")] {
        let answer = w.reply(who, text).await;
        answers.push((text, said(&answer), kind_of(&answer)));
        w.advance(secs(2)).await;
    }
    let of = |s: CallStatusEvidence| Some((Some(reference.clone()), s));
    let want = [
        of(CallStatusEvidence::Passed),
        Some((None, CallStatusEvidence::Nothing)),
        of(CallStatusEvidence::Yours),
        of(CallStatusEvidence::Yours),
        of(CallStatusEvidence::TakenBy("Sam Ortiz".into())),
        of(CallStatusEvidence::HandedBack),
    ];
    for ((text, got, kind), want) in answers.iter().zip(want) {
        assert_eq!((got, *kind), (&want, K::Answer), "{text}");
    }
    for m in w.sms.ledger() {
        let by_wording = if m.body.contains("You need not go") { K::StandDown } else { K::Notice };
        assert_eq!(kind_of(&m.body), by_wording, "{}", m.body);
    }
    for (body, want) in [
        ("7K3Q-1 Acme: the sign says 7K3Q is yours. Reply 1 to take it, 2 to pass.", K::Notice),
        ("7K3Q-1 Acme: This call is resolved. You need not go. Thank you. Reply 1 to take it, 2 to pass.", K::Notice),
        ("7K3Q-3 TEST MODE Acme: This call was called off. 1 Elm St. You need not go. Thank you.", K::StandDown),
        (
            "Sent from your Twilio trial account - 7K3Q-3 Acme: Ana Reyes has taken this call. You need not go. Thank you.",
            K::StandDown,
        ),
        ("7K3Q-4 7K3Q is closed. Thank you.", K::Answer),
    ] {
        assert_eq!(kind_of(body), want, "{body}");
    }
}

#[test]
fn a_text_of_an_alert_is_known_by_the_mark_that_it_opens_with_and_by_nothing_else() {
    for (body, want) in [
        ("9XQT-01 ALERT: the store takes no writes", true),
        ("9XQT-012 OVER 7K3Q: nobody took it", true),
        ("Sent from your Twilio trial account - 9XQT-01 ALERT: x", true),
        ("9XQT-01 whatever it says", true),
        ("9XQT-1 ALERT: a template of an operator", false),
        ("9XQT-10 ALERT 7K3Q: another", false),
        ("9XQT-0 ALERT: x", false),
        ("ALERT 9XQT-01: x", false),
        ("9XQT-0a ALERT: x", false),
        ("9XQ1-01 ALERT: x", false),
        ("", false),
    ] {
        assert_eq!(is_of_an_alert(body), want, "{body}");
    }
}
