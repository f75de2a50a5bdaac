//! A person's note, texted: to whoever the call concerns now.

use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event, NoteTo};
use crate::domain::types::Actor;
use crate::testing::{World, mins};

#[tokio::test]
async fn a_note_by_text_goes_to_the_holder_and_to_nobody_where_nobody_reads() {
    let mut w = World::new().await;
    let note = |w: &World, words: &str| Event::Decide {
        call: w.id(),
        what: Decision::Note(NoteTo::People),
        by: Actor("mia".into()),
        note: Some(words.to_owned()),
    };
    w.dispatch("normal").await;
    w.tech("sam").expect_sms("Burst pipe");
    assert!(matches!(w.apply(note(&w, "the dog bites"), "mia").await, Answer::Changed(_)));
    w.settle().await;
    w.tech("sam").expect_sms("Note from mia: the dog bites");
    w.tech("ana").expect_nothing();
    w.advance(mins(7)).await;
    w.tech("sam").expect_sms("Burst pipe");
    w.tech("ana").expect_sms("Burst pipe");
    w.reply("ana", "1").await;
    w.tech("sam").expect_sms("Ana Reyes");
    assert!(matches!(w.apply(note(&w, "gate code 77"), "mia").await, Answer::Changed(_)));
    w.settle().await;
    w.tech("ana").expect_sms("gate code 77");
    w.tech("sam").expect_nothing();
    assert!(w.log_text().await.contains("a note by mia, by text"));
    w.decide(Decision::Resolve).await;
    let Answer::NotAllowed(_, why) = w.apply(note(&w, "too late"), "mia").await else { panic!("nobody reads it") };
    assert!(why.contains("nobody reads texts of this call now"), "{why}");
    assert!(!w.log_text().await.contains("too late"));
}
