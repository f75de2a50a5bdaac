//! Which call a person's word means, when nobody can tell, and what they are asked then: one rule a table.

use super::one_call::{contact, raised};
use super::reply_acts::{
    Night, OTHER_SENDER, SERVICE, add, alert_text, asked, by_list, by_webhook, row, said, taken_by,
};
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::alert_text::AlertText;
use crate::domain::answers::{PastAnswer, Prompt};
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState};
use crate::domain::call::{CallState, CallStatus as S};
use crate::domain::change::Change;
use crate::domain::event::InboundText;
use crate::domain::log::LogKind;
use crate::domain::types::{CallId, Timestamp};
use crate::testing::fixtures::{self, SENDER};
use crate::testing::secs;
use crate::testing::world::START;

/// Calls are told at 0, and it is 600 where nothing else is said.
fn at(second: u64) -> Timestamp {
    START.plus(secs(second))
}

fn id(code: &str) -> CallId {
    format!("c-{code}").parse().expect("an id")
}

fn newest(night: &mut Night) -> &mut CallState {
    night.loaded.calls.first_mut().expect("a call")
}

fn last_text(state: &mut CallState) -> &mut Attempt {
    state.attempts.last_mut().expect("a text")
}

/// The last text of this call left then.
fn left(state: &mut CallState, then: Timestamp) {
    let a = last_text(state);
    (a.sent_at, a.provider_at) = (Some(then), Some(then));
}

/// One more text of this call left then.
fn sent(state: &mut CallState, kind: AttemptKind, who: &str, then: Timestamp) {
    add(state, kind, who, AttemptState::Submitted);
    left(state, then);
}

/// We answered then about this call, and asked nothing.
fn answered(code: &str, then: Timestamp) -> PastAnswer {
    PastAnswer { call: Some(id(code)), prompt: None, ..asked(Prompt::Help, then) }
}

fn exhausted(state: &mut CallState) {
    (state.call.status, state.call.wake_at, state.call.closed_at) = (S::Exhausted, None, Some(at(120)));
}

/// Sam took it, and was asked then whether it goes on.
fn asked_of_sam(state: &mut CallState, then: Timestamp) {
    taken_by("sam", state);
    state.call.asked_at = Some(then);
    sent(state, AttemptKind::Question, "sam", then);
}

fn at_level_high(state: &mut CallState) {
    state.call.policy = fixtures::policy("high", &[(secs(0), &["primary"])]).into();
}

/// The calls that it leaves taken.
fn took(change: &Change) -> Vec<&str> {
    let taken = change.calls.iter().filter(|c| c.call.status == S::Acknowledged);
    taken.map(|c| c.call.reference.as_str()).collect()
}

#[test]
fn a_soft_word_of_the_second_of_a_text_is_asked_about_only_where_a_text_of_something_else_preceded_it() {
    for (label, later, written, taken) in [
        ("another call was told in that second", Some("4M8X"), 60, None),
        ("another call was told the second before", Some("4M8X"), 61, Some("4M8X")),
        ("the same call was told again in that second", Some("7K3Q"), 60, Some("7K3Q")),
        ("the only text left in that second", None, 0, Some("7K3Q")),
    ] {
        let mut night = Night::new();
        let first = night.tell("7K3Q", &["sam"]);
        if later == Some("7K3Q") {
            sent(first, AttemptKind::Notice, "sam", at(60));
        } else if let Some(code) = later {
            left(night.tell(code, &["sam"]), at(60));
        }
        let change = night.hear(by_list("sam", "ok", at(written)));
        assert_eq!(took(&change), Vec::from_iter(taken), "{label}");
        assert_eq!(row(&change).prompt, taken.is_none().then_some(Prompt::OneOrTwo), "{label}");
    }
}

/// Sam was told of a younger call by this sender.
fn told_by(night: &mut Night, sender: &str) {
    let state = night.tell("4M8X", &["sam"]);
    left(state, at(60));
    last_text(state).sender = sender.parse().ok();
}

/// A text of its own answered Sam about his call, and asked this.
fn answered_by_text(night: &mut Night, prompt: Option<Prompt>) {
    let state = newest(night);
    sent(state, AttemptKind::Answer, "sam", at(60));
    let by = Some(last_text(state).id);
    night.loaded.answers.push(PastAnswer { by, prompt, ..asked(Prompt::Help, at(60)) });
}

#[test]
fn a_soft_word_answers_the_last_text_that_reached_its_writer_by_the_number_that_he_wrote_to() {
    type Case = (&'static str, fn(&mut Night), Option<&'static str>, Option<Prompt>);
    let cases: [Case; 5] = [
        ("another number of ours told of a younger call", |n| told_by(n, OTHER_SENDER), None, Some(Prompt::OneOrTwo)),
        ("its messaging service did", |n| told_by(n, SERVICE), Some("4M8X"), None),
        (
            "that text failed",
            |n| {
                told_by(n, SENDER);
                last_text(newest(n)).state = AttemptState::Failed;
            },
            Some("7K3Q"),
            None,
        ),
        ("he was asked by text", |n| answered_by_text(n, Some(Prompt::Help)), None, Some(Prompt::OneOrTwo)),
        ("he was answered by text", |n| answered_by_text(n, None), None, None),
    ];
    for (label, then, taken, asks) in cases {
        let mut night = Night::new();
        night.tell("7K3Q", &["sam"]);
        then(&mut night);
        let change = night.hear(by_webhook("sam", "ok"));
        assert_eq!(took(&change), Vec::from_iter(taken), "{label}");
        assert_eq!(row(&change).prompt, asks, "{label}");
    }
}

#[test]
fn done_is_said_of_the_call_that_its_writer_holds_though_he_was_told_of_another() {
    let mut night = Night::new();
    taken_by("sam", night.tell("7K3Q", &["sam"]));
    night.tell("4M8X", &["sam"]);
    let change = night.hear(by_webhook("sam", "done"));
    assert_eq!(night.after(&change, "7K3Q").call.status, S::Resolved);
    assert_eq!(night.after(&change, "4M8X").call.status, S::Dispatching, "nobody has finished that");
}

#[test]
fn done_behind_what_we_said_of_another_call_is_asked_about_and_of_that_very_call_closes_it() {
    for (body, said_of, status, asks) in [
        ("done", "7K3Q", S::Resolved, None),
        ("done", "4M8X", S::Dispatching, Some(Prompt::WhichIsDone)),
        ("1", "4M8X", S::Acknowledged, None),
    ] {
        let mut night = Night::new();
        night.tell("7K3Q", &["sam"]);
        night.loaded.answers.push(answered(said_of, at(300)));
        let change = night.hear(by_webhook("sam", body));
        assert_eq!(night.after(&change, "7K3Q").call.status, status, "{body} behind {said_of}");
        assert_eq!(row(&change).prompt, asks, "{body} behind {said_of}");
    }
}

#[test]
fn a_late_word_that_may_mean_a_call_that_another_has_taken_since_moves_no_younger_one() {
    for (body, asks) in [
        ("1", Prompt::WhichToTake),
        ("2", Prompt::WhichToPass),
        ("done", Prompt::WhichIsDone),
        ("3", Prompt::WhichCanWait),
    ] {
        let mut night = Night::new();
        taken_by("ana", night.tell("7K3Q", &["sam", "ana"]));
        night.tell("4M8X", &["sam"]);
        let change = night.hear(by_list("sam", body, at(30)));
        assert_eq!(row(&change).prompt, Some(asks), "{body}");
        let other = night.after(&change, "4M8X");
        assert_eq!((other.call.status, other.call.excluded.len()), (S::Dispatching, 0), "{body}");
    }
}

#[test]
fn a_late_1_that_meant_two_calls_asks_nothing_where_its_writer_has_both_by_now() {
    let mut night = Night::new();
    for code in ["7K3Q", "4M8X"] {
        taken_by("sam", night.tell(code, &["sam"]));
    }
    let change = night.hear(by_list("sam", "1", at(30)));
    assert_eq!(row(&change).prompt, None);
    assert!(row(&change).answer.contains("already yours"), "{}", row(&change).answer);
}

#[test]
fn a_call_that_nobody_took_counts_unless_one_that_looks_for_somebody_was_told_later() {
    type Case = (&'static str, fn(&mut Night), &'static [&'static str], Option<Prompt>);
    let cases: [Case; 4] = [
        ("no other was told", |_| {}, &["7K3Q"], None),
        (
            "one was told at the same moment",
            |n| {
                n.tell("4M8X", &["sam"]);
            },
            &[],
            Some(Prompt::WhichToTake),
        ),
        ("one was told later", |n| left(n.tell("4M8X", &["sam"]), at(60)), &["4M8X"], None),
        (
            "the one that was told later is Ana's",
            |n| {
                let other = n.tell("4M8X", &["ana", "sam"]);
                left(other, at(60));
                taken_by("ana", other);
            },
            &["7K3Q"],
            None,
        ),
    ];
    for (label, then, taken, asks) in cases {
        let mut night = Night::new();
        exhausted(night.tell("7K3Q", &["sam"]));
        then(&mut night);
        let change = night.hear(by_webhook("sam", "1"));
        assert_eq!(took(&change), taken, "{label}");
        assert_eq!(row(&change).prompt, asks, "{label}");
    }
}

#[test]
fn the_text_of_an_alert_tells_of_its_call_as_a_notice_does() {
    let mut night = Night::new();
    night.tell("4M8X", &["sam"]);
    let nobodys = night.tell("7K3Q", &["sam"]);
    exhausted(nobodys);
    left(nobodys, at(180));
    let mut text = AlertText { call: Some(id("4M8X")), ..alert_text("sam") };
    text.alerts[0].key = AlertKind::Exhausted.about("c-4M8X");
    night.loaded.alert_texts.push(text);
    let change = night.hear(by_webhook("sam", "1"));
    assert_eq!(took(&change), ["4M8X"], "{}", row(&change).answer);
}

#[test]
fn a_1_behind_the_question_whether_a_call_goes_on_may_mean_another_that_was_told_before_it() {
    for (told, taken, asks) in [(300, None, Some(Prompt::WhichToTake)), (500, Some("4M8X"), None)] {
        let mut night = Night::new();
        asked_of_sam(night.tell("7K3Q", &["sam"]), at(480));
        left(night.tell("4M8X", &["sam"]), at(told));
        let change = night.hear(by_webhook("sam", "1"));
        assert_eq!(row(&change).prompt, asks, "told at {told}");
        let is_taken = night.after(&change, "4M8X").call.status == S::Acknowledged;
        assert_eq!(is_taken, taken.is_some(), "told at {told}");
        assert_eq!(night.after(&change, "7K3Q").call.asked_at, Some(at(480)), "told at {told}: the question stands");
    }
}

#[test]
fn only_a_question_that_reached_the_holder_and_is_unanswered_is_answered_by_1() {
    type Case = (&'static str, fn(&mut CallState), InboundText, &'static str);
    let now = || by_webhook("sam", "1");
    let cases: [Case; 5] = [
        ("it stands", |_| {}, now(), "goes on"),
        ("it is answered", |c| c.call.asked_at = None, now(), "already theirs"),
        ("it failed", |c| last_text(c).state = AttemptState::Failed, now(), "already theirs"),
        ("the word is older", |_| {}, by_list("sam", "1", at(300)), "already theirs"),
        ("another writes", |_| {}, by_webhook("ana", "1"), "taken by another"),
    ];
    for (label, then, text, understood) in cases {
        let mut night = Night::new();
        let state = night.tell("7K3Q", &["ana", "sam"]);
        asked_of_sam(state, at(480));
        then(state);
        assert_eq!(row(&night.hear(text)).understood, understood, "{label}");
    }
}

fn told_of_two(night: &mut Night) {
    night.tell("7K3Q", &["sam"]);
    left(night.tell("4M8X", &["sam"]), at(580));
}

/// Ana took a call that both were told of, at that second.
fn taken_by_ana(night: &mut Night, code: &str, then: Timestamp) {
    let state = night.tell(code, &["ana", "sam"]);
    taken_by("ana", state);
    state.call.closed_at = Some(then);
}

#[test]
fn a_word_waits_for_its_time_where_it_would_do_something_else_a_minute_ago_and_else_does_not() {
    type Case = (&'static str, fn(&mut Night), &'static [&'static str], bool);
    let cases: [Case; 7] = [
        ("a second call was told", told_of_two, &["1", "2", "3", "done"], true),
        (
            "a second call was told, and neither may wait",
            |n| {
                told_of_two(n);
                n.loaded.calls.iter_mut().for_each(at_level_high);
            },
            &["3"],
            false,
        ),
        ("Ana took the call", |n| taken_by_ana(n, "7K3Q", at(580)), &["1", "2", "3", "done"], false),
        (
            "Ana took another than the one that nobody took",
            |n| {
                exhausted(n.tell("7K3Q", &["sam"]));
                taken_by_ana(n, "4M8X", at(590));
                left(newest(n), at(585));
            },
            &["2"],
            false,
        ),
        ("he was asked whether it goes on", |n| asked_of_sam(n.tell("7K3Q", &["sam"]), at(580)), &["1"], true),
        (
            "he was stood down from another",
            |n| {
                n.tell("7K3Q", &["sam"]);
                let other = n.tell("4M8X", &["ana"]);
                taken_by("ana", other);
                sent(other, AttemptKind::StandDown, "sam", at(580));
            },
            &["done"],
            true,
        ),
        (
            "he was told more of the call that he was given, and before of another",
            |n| {
                taken_by_ana(n, "4M8X", at(60));
                left(newest(n), at(300));
                let his = n.tell("7K3Q", &["sam"]);
                taken_by("sam", his);
                sent(his, AttemptKind::Update, "sam", at(580));
            },
            &["2"],
            true,
        ),
    ];
    for (label, happened, bodies, waits) in cases {
        for body in bodies {
            let mut night = Night::new();
            happened(&mut night);
            let change = night.hear(by_webhook("sam", body));
            assert_eq!(row(&change).waits, waits, "{body}, and twenty seconds before {label}");
        }
    }
}

#[test]
fn a_word_close_behind_the_end_of_a_call_is_asked_about_where_nobody_knows_how_the_clocks_differ() {
    for (label, now, came, end, asks) in [
        ("it is listed half a minute behind the end", 600, None, 570, Some(Prompt::OneOrTwo)),
        ("it is listed ten minutes behind it", 600, None, 0, Some(Prompt::OneOrTwo)),
        ("it is listed later than that", 601, None, 0, None),
        ("it came a minute behind it", 600, Some(400), 340, Some(Prompt::OneOrTwo)),
        ("it came later than that", 600, Some(400), 339, None),
        ("it came before the end", 600, Some(400), 410, Some(Prompt::WhichToTake)),
    ] {
        let mut night = Night::new();
        night.now = at(now);
        night.tell("7K3Q", &["sam"]);
        taken_by_ana(&mut night, "4M8X", at(end));
        let (listed, waited_since) = (came.is_none(), came.map(at));
        let text = InboundText { at: Some(at(390)), listed, waited_since, ..by_webhook("sam", "1") };
        let change = night.hear(text);
        assert_eq!(row(&change).prompt, asks, "{label}");
        let is_taken = night.after(&change, "7K3Q").call.status == S::Acknowledged;
        assert_eq!(is_taken, asks.is_none(), "{label}");
    }
}

#[test]
fn our_answer_that_a_call_is_his_says_that_its_writer_took_it_himself() {
    type Case = (&'static str, fn(&mut Night), bool);
    let cases: [Case; 5] = [
        ("it was answered as he took it", |n| n.loaded.answers.push(answered("7K3Q", at(60))), true),
        ("it was answered later", |n| n.loaded.answers.push(answered("7K3Q", at(61))), true),
        ("what was answered before", |n| n.loaded.answers.push(answered("7K3Q", at(20))), false),
        ("what was answered of another call", |n| n.loaded.answers.push(answered("4M8X", at(61))), false),
        ("what he was told of it", |n| sent(newest(n), AttemptKind::Update, "sam", at(120)), false),
    ];
    for (label, then, is_handed_back) in cases {
        let mut night = Night::new();
        taken_by("sam", night.tell("7K3Q", &["sam", "ana"]));
        then(&mut night);
        let change = night.hear(by_list("sam", "2 7K3Q", at(30)));
        let is_his = night.after(&change, "7K3Q").call.holder == Some(contact("sam"));
        assert_eq!(is_his, !is_handed_back, "{label}: he wrote before it was his");
        assert_eq!(row(&change).prompt, (!is_handed_back).then_some(Prompt::WhichToPass), "{label}");
    }
}

#[test]
fn whoever_wrote_before_he_was_told_is_asked_about_the_call_by_its_code() {
    let mut night = Night::new();
    left(night.tell("7K3Q", &["sam"]), at(300));
    let change = night.hear(by_list("sam", "1", at(30)));
    assert_eq!(row(&change).prompt, Some(Prompt::OneOrTwo));
    assert!(row(&change).answer.starts_with("Reply 1 to take 7K3Q"), "{}", row(&change).answer);
    assert_eq!(night.after(&change, "7K3Q").call.status, S::Dispatching);
}

#[test]
fn a_code_alone_completes_the_word_for_ten_minutes() {
    for (now, taken) in [(660, Some("7K3Q")), (661, None)] {
        let mut night = Night::new();
        night.now = at(now);
        for code in ["7K3Q", "4M8X"] {
            night.tell(code, &["sam"]);
        }
        night.loaded.answers.push(asked(Prompt::WhichToTake, at(60)));
        let change = night.hear(by_webhook("sam", "7K3Q"));
        assert_eq!(took(&change), Vec::from_iter(taken), "at {now}, asked at 60");
    }
}

#[test]
fn whoever_was_asked_three_times_is_asked_again_once_a_word_is_understood_or_a_notice_goes_to_them() {
    type Case = (&'static str, fn(&mut Night), bool);
    let cases: [Case; 7] = [
        ("nothing", |_| {}, false),
        ("a notice to him", |n| sent(newest(n), AttemptKind::Notice, "sam", at(300)), true),
        ("a notice to another", |n| sent(newest(n), AttemptKind::Notice, "ana", at(300)), false),
        ("a stand-down to him", |n| sent(newest(n), AttemptKind::StandDown, "sam", at(300)), false),
        ("a word", |n| n.loaded.said.push(said("a polite word", None, at(300), None)), true),
        ("words that are no answer", |n| n.loaded.said.push(said("not understood", None, at(300), None)), false),
        (
            "a word that was asked about",
            |n| {
                let mut late = said("passed too late", Some("7K3Q"), at(300), None);
                late.prompt = Some(Prompt::WhichToPass);
                n.loaded.said.push(late);
            },
            false,
        ),
    ];
    for (label, then, is_asked) in cases {
        let mut night = Night::new();
        night.tell("7K3Q", &["sam"]);
        night.loaded.answers = [180, 120, 60].map(|n| asked(Prompt::Help, at(n))).to_vec();
        then(&mut night);
        let change = night.hear(by_webhook("sam", "help"));
        assert_eq!(!row(&change).answer.is_empty(), is_asked, "{label}");
    }
}

#[test]
fn the_alert_that_a_phone_answers_by_itself_is_over_with_a_word_that_is_understood() {
    for (body, was_answered, is_over) in
        [("1", false, true), ("ok", true, true), ("STOP", false, true), ("zorqx", false, false)]
    {
        let mut night = Night::new();
        night.tell("7K3Q", &["sam"]);
        night.loaded.answers = [180, 120, 60].map(|n| asked(Prompt::Help, at(n))).to_vec();
        if was_answered {
            night.loaded.answers.insert(0, answered("7K3Q", at(300)));
        }
        let change = night.hear(by_webhook("sam", body));
        let key = AlertKind::AutoResponder.about("sam");
        let found = change.alerts.iter().any(|a| matches!(a, AlertChange::Resolve { key: over } if *over == key));
        assert_eq!(found, is_over, "{body}");
    }
}

#[test]
fn words_that_are_no_answer_are_asked_for_what_their_writer_can_say() {
    type Case = (&'static str, fn(&mut CallState), &'static str);
    let cases: [Case; 6] = [
        ("it may wait", |_| {}, " Reply 1 to take 7K3Q, 2 to pass, 3 if it can wait."),
        ("its level may not", at_level_high, " Reply 1 to take 7K3Q, 2 to pass."),
        ("nobody took it", exhausted, " Reply 1 to take 7K3Q, 2 to pass."),
        ("he has it", |c| taken_by("sam", c), " Reply DONE 7K3Q when finished, 2 7K3Q to hand it back."),
        (
            "he was asked about it",
            |c| asked_of_sam(c, at(300)),
            " Reply 1 if 7K3Q goes on, DONE 7K3Q when finished, 2 7K3Q to hand it back.",
        ),
        ("another has it", |c| taken_by("ana", c), " With several calls add the code, like 1 7K3Q."),
    ];
    for (label, then, says) in cases {
        let mut night = Night::new();
        then(night.tell("7K3Q", &["sam", "ana"]));
        let change = night.hear(by_webhook("sam", "zorqx"));
        assert!(row(&change).answer.ends_with(says), "{label}: {}", row(&change).answer);
    }
}

#[test]
fn whoever_names_a_call_in_words_that_are_no_answer_is_asked_with_its_code() {
    for (body, he_has_the_first, says) in [
        ("zorqx 7K3Q", false, "like 1 7K3Q, or 2 and the code to pass."),
        ("zorqx 4M8X", false, "like 1 4M8X, or 2 and the code to pass."),
        ("zorqx 7K3Q", true, "Reply DONE 7K3Q when finished, 2 7K3Q to hand it back."),
        ("zorqx 4M8X", true, "Reply 1 to take 4M8X, 2 to pass, 3 if it can wait."),
    ] {
        let mut night = Night::new();
        let first = night.tell("7K3Q", &["sam"]);
        if he_has_the_first {
            taken_by("sam", first);
        }
        night.tell("4M8X", &["sam"]);
        let change = night.hear(by_webhook("sam", body));
        assert!(row(&change).answer.ends_with(says), "{body}: {}", row(&change).answer);
    }
}

#[test]
fn words_that_are_no_answer_are_shown_with_the_call_that_they_name_else_with_that_of_the_last_text() {
    for (body, about) in [("zorqx", "c-7K3Q:sam"), ("zorqx 4M8X", "c-4M8X:sam")] {
        let mut night = Night::new();
        sent(night.tell("7K3Q", &["sam"]), AttemptKind::Notice, "sam", at(300));
        night.tell("4M8X", &["sam"]);
        let change = night.hear(by_webhook("sam", body));
        let shown: Vec<_> = raised(&change.alerts).into_iter().map(|(key, _)| key).collect();
        assert_eq!(shown, [AlertKind::UnreadReply.about(about)], "{body}");
    }
}

#[test]
fn so_much_of_long_words_is_shown_as_fits_and_only_what_is_cut_says_so() {
    for (length, end) in [(320, "z\"; a person should read it"), (321, "z...\"; a person should read it")] {
        let mut night = Night::new();
        night.tell("7K3Q", &["sam"]);
        let change = night.hear(by_webhook("sam", &"z".repeat(length)));
        let shown = raised(&change.alerts);
        assert!(shown.iter().any(|(_, words)| words.ends_with(end)), "{length}: {shown:?}");
    }
}

#[test]
fn words_stand_in_the_base_with_the_last_text_that_their_writer_got() {
    let mut night = Night::new();
    let state = night.tell("7K3Q", &["sam", "ana"]);
    add(state, AttemptKind::Notice, "sam", AttemptState::Scheduled);
    let change = night.hear(by_webhook("sam", "zorqx"));
    let state = night.after(&change, "7K3Q");
    let shown: Vec<&str> = state.attempts.iter().map(|a| a.replied.as_str()).collect();
    assert_eq!(shown, ["\"zorqx\"", "", ""]);
}

#[test]
fn words_about_no_call_stand_in_the_story_of_each_open_one_that_their_writer_was_told_of_and_in_no_other() {
    let mut night = Night::new();
    night.tell("7K3Q", &["sam"]);
    night.tell("4M8X", &["ana"]);
    let over = night.tell("9P2W", &["sam"]);
    (over.call.status, over.call.wake_at, over.call.closed_at) = (S::Resolved, None, Some(at(60)));
    let change = night.hear(by_webhook("sam", "zorqx"));
    let entries = change.log.iter().filter(|e| e.kind == LogKind::ReplyReceived);
    let stories: Vec<Option<CallId>> = entries.map(|e| e.call.clone()).collect();
    assert_eq!(stories, [Some(id("7K3Q"))]);
}

#[test]
fn the_story_says_by_name_who_passed() {
    let mut night = Night::new();
    night.tell("7K3Q", &["sam", "ana"]);
    let change = night.hear(by_webhook("ana", "2"));
    let entry = change.log.iter().find(|e| e.kind == LogKind::ContactPassed).expect("it is in the story");
    assert_eq!(entry.message, "Ana Reyes passed");
}
