//! Texts of alerts: which owner gets one, what follows a lost one, and whether a message counts as told.

use std::cell::Cell;
use std::time::Duration;

use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::alert_text::event::AlertTextEvent;
use crate::domain::alert_text::fate::{Verdict, verdict};
use crate::domain::alert_text::{AlertMessageToText, AlertText, TextedAlert};
use crate::domain::attempt::AttemptState as S;
use crate::domain::change::{Answer, Change};
use crate::domain::event::{Event, Loaded, Source};
use crate::domain::rules::Rules;
use crate::domain::standalone_text::{Reader, StandaloneKind, StandaloneText};
use crate::domain::step::step;
use crate::domain::team::Directory;
use crate::domain::types::{Actor, AttemptId, Timestamp};
use crate::testing::harness::{accepted, deciding, update};
use crate::testing::world::START;
use crate::testing::{fixtures, mins, secs};

/// The handset could not be reached: it may pass.
const MAY_PASS: u32 = 30_003;
/// There is no such number.
const FOR_GOOD: u32 = 21_211;

fn texted(key: AlertKey) -> TextedAlert {
    TextedAlert { key, since: START, version: 1, name: "c".into(), is_dropped: false }
}

/// What the sink `owner` hands over.
fn message(id: &str, key: AlertKey) -> AlertMessageToText {
    AlertMessageToText {
        id: id.into(),
        sink: "owner".into(),
        alerts: vec![texted(key)],
        is_over: false,
        raised_since: START,
        call: None,
        call_reference: None,
        words: "look at it".into(),
    }
}

/// The texts of all messages, and the owners.
struct Texts {
    loaded: Loaded,
    directory: Directory,
    rules: Rules,
    now: Timestamp,
    ids: Cell<u128>,
}

impl Texts {
    /// These have alerts by text.
    fn to(owners: &[&str]) -> Self {
        let mut directory = fixtures::directory();
        directory.alert_owners = owners.iter().map(|id| id.parse().expect("a contact")).collect();
        let loaded = Loaded { free_reference: "9XQT".parse().ok(), ..Loaded::default() };
        Self { loaded, directory, rules: fixtures::rules(), now: START, ids: Cell::new(100) }
    }

    fn apply(&mut self, event: &Event) -> Change {
        let by = (self.now, &self.directory, &self.rules);
        let decided = deciding(by, &self.ids, Actor("engine".into()), |ctx| step(&self.loaded, event, ctx));
        let change = decided.expect("a decision");
        for text in &change.alert_texts {
            match self.loaded.alert_texts.iter_mut().find(|t| t.text.id == text.text.id) {
                Some(there) => *there = text.clone(),
                None => self.loaded.alert_texts.push(text.clone()),
            }
        }
        change
    }

    /// The texts that are made where this is handed over.
    fn made_of(&mut self, message: &AlertMessageToText) -> Vec<AlertText> {
        let known: Vec<AttemptId> = self.loaded.alert_texts.iter().map(|t| t.text.id).collect();
        let change = self.apply(&of(AlertTextEvent::Make(message.clone())));
        change.alert_texts.into_iter().filter(|t| !known.contains(&t.text.id)).collect()
    }

    /// The same, and where they are by now.
    fn has(&mut self, message: &AlertMessageToText, state: S) -> Vec<AttemptId> {
        let made: Vec<AttemptId> = self.made_of(message).iter().map(|t| t.text.id).collect();
        for id in &made {
            let now = self.now;
            let text = &mut self.of_text(*id).text;
            text.state = state;
            text.sent_at = text.may_have_arrived().then_some(now);
        }
        made
    }

    fn of_text(&mut self, id: AttemptId) -> &mut AlertText {
        self.loaded.alert_texts.iter_mut().find(|t| t.text.id == id).expect("a text")
    }

    fn first(&mut self) -> &mut AlertText {
        self.loaded.alert_texts.first_mut().expect("a text")
    }

    fn claim(&mut self, id: AttemptId) -> Change {
        self.apply(&of(AlertTextEvent::Claim { text: id, engine: "e".into(), provider_after: None }))
    }

    /// The provider takes it as the message of this number.
    fn sends(&mut self, id: AttemptId, number: u32) {
        let claimed = self.claim(id).answer;
        assert!(matches!(claimed, Answer::SendStandalone(_)), "{claimed:?}");
        self.apply(&of(AlertTextEvent::Sent { text: id, outcome: accepted(number, "queued", None) }));
    }

    /// The provider reports on it.
    fn word(&mut self, id: AttemptId, number: u32, word: &str, code: Option<u32>) -> Change {
        self.apply(&Event::StatusUpdate(update(Some(id), number, word, code, Source::Receipt)))
    }
}

fn of(what: AlertTextEvent) -> Event {
    Event::AlertText(Box::new(what))
}

fn raised(change: &Change) -> Vec<AlertKey> {
    let key = |a: &AlertChange| if let AlertChange::Raise { key, .. } = a { Some(key.clone()) } else { None };
    change.alerts.iter().filter_map(key).collect()
}

fn resolved(change: &Change) -> Vec<AlertKey> {
    let key = |a: &AlertChange| if let AlertChange::Resolve { key } = a { Some(key.clone()) } else { None };
    change.alerts.iter().filter_map(key).collect()
}

#[test]
fn what_waits_is_dropped_for_a_newer_message_of_its_own_sink_alone() {
    for (sink, state) in [("owner", S::Cancelled), ("office", S::Scheduled)] {
        let mut texts = Texts::to(&["olga"]);
        let old = texts.has(&message("m1", AlertKind::Exhausted.about("c")), S::Scheduled);
        texts.now = START.plus(secs(5));
        let newer = AlertMessageToText { sink: sink.into(), ..message("m2", AlertKind::Exhausted.about("c")) };
        assert_eq!(texts.made_of(&newer).len(), 1, "{sink}");
        assert_eq!(texts.of_text(old[0]).text.state, state, "{sink}");
    }
}

#[test]
fn a_message_that_is_handed_over_again_takes_nothing_from_a_newer_one() {
    for apart in [secs(0), secs(5)] {
        let mut texts = Texts::to(&["olga"]);
        let old = message("m1", AlertKind::Exhausted.about("c"));
        texts.has(&old, S::Submitted);
        texts.now = START.plus(apart);
        let newer = texts.has(&message("m2", AlertKind::Exhausted.about("c")), S::Scheduled);
        texts.now = START.plus(secs(60));
        assert!(texts.made_of(&old).is_empty(), "nobody is texted twice of one message");
        assert_eq!(texts.of_text(newer[0]).text.state, S::Scheduled, "made {apart:?} later");
    }
}

#[test]
fn that_an_alert_is_over_is_told_to_those_alone_who_were_told_of_it() {
    for (state, about, is_told) in [
        (S::Delivered, "c", true),
        (S::Unknown, "c", true),
        (S::Skipped, "c", false),
        (S::Failed, "c", false),
        (S::Delivered, "d", false),
    ] {
        let mut texts = Texts::to(&["olga"]);
        texts.has(&message("m1", AlertKind::Exhausted.about("c")), state);
        let over = AlertMessageToText { is_over: true, ..message("m2", AlertKind::Exhausted.about(about)) };
        assert_eq!(texts.made_of(&over).len(), usize::from(is_told), "the text of c is {state}, {about} is over");
    }
}

#[test]
fn what_was_lost_to_a_phone_goes_to_their_next_one_or_once_it_takes_texts_again() {
    // What became of it; whether she has another phone since; whether the old one takes texts; whether one more goes.
    for (state, has_another, takes_texts, is_made) in [
        (S::Failed, false, true, false),
        (S::Failed, true, true, true),
        (S::Skipped, false, false, false),
        (S::Skipped, false, true, true),
        (S::Skipped, true, false, true),
        (S::Cancelled, true, true, false),
        (S::Submitted, true, true, false),
    ] {
        let mut texts = Texts::to(&["olga"]);
        let told = message("m1", AlertKind::Exhausted.about("c"));
        texts.has(&told, state);
        if has_another {
            let own = texts.directory.contacts.iter_mut().filter(|c| c.id.as_str() == "olga");
            own.for_each(|olga| olga.phone = "+19495550109".parse().expect("a phone"));
        }
        if !takes_texts {
            texts.loaded.opted_out.insert((fixtures::phone("olga").to_owned(), String::new()));
        }
        let case = format!("{state}, another phone: {has_another}, takes texts: {takes_texts}");
        assert_eq!(texts.made_of(&told).len(), usize::from(is_made), "{case}");
    }
}

#[test]
fn of_what_others_wrote_six_texts_an_hour_go_to_one_owner_and_the_next_waits() {
    use AlertKind::{Exhausted, UnreadReply};
    type Case = (&'static str, fn(&mut Texts, &mut AlertMessageToText), bool);
    let cases: [Case; 8] = [
        ("six went to her", |_, _| {}, true),
        ("one of them went to Ana", |t, _| t.first().text.contact = "ana".parse().expect("a contact"), false),
        ("one of them told that it is over", |t, _| t.first().is_over = true, false),
        ("one of them told of a call", |t, _| t.first().alerts = vec![texted(Exhausted.about("c"))], false),
        ("one of them did not go", |t, _| t.first().text.state = S::Skipped, false),
        ("it is about a call", |_, m| m.alerts = vec![texted(Exhausted.about("c"))], false),
        (
            "it tells that one is over",
            |_, m| (m.is_over, m.alerts) = (true, vec![texted(UnreadReply.about("c0:sam"))]),
            false,
        ),
        ("the first went an hour ago", |t, _| t.now = START.plus(mins(60)), false),
    ];
    for (label, otherwise, waits) in cases {
        let mut texts = Texts::to(&["olga"]);
        for n in 0..6 {
            texts.now = START.plus(mins(n));
            texts.has(&message(&format!("m{n}"), UnreadReply.about(format!("c{n}:sam"))), S::Submitted);
        }
        texts.now = START.plus(mins(30));
        let mut next = message("next", UnreadReply.about("c9:sam"));
        otherwise(&mut texts, &mut next);
        let made = texts.made_of(&next);
        let [one] = made.as_slice() else { panic!("{label}: {made:?}") };
        let at = if waits { START.plus(mins(60)) } else { texts.now };
        assert_eq!((one.text.not_before, one.text.result.is_empty()), (at, !waits), "{label}");
    }
}

#[test]
fn a_text_goes_only_while_it_waits_and_once_its_time_has_come() {
    for (state, not_before, goes) in [
        (S::Scheduled, START.plus(secs(1)), false),
        (S::Scheduled, START, true),
        (S::Retrying, START.minus(secs(1)), true),
        (S::Submitted, START, false),
    ] {
        let mut texts = Texts::to(&["olga"]);
        let id = texts.has(&message("m1", AlertKind::Exhausted.about("c")), state)[0];
        texts.of_text(id).text.not_before = not_before;
        match texts.claim(id).answer {
            Answer::SendStandalone(_) => assert!(goes, "{state}, {not_before}"),
            Answer::NotSent(why) => assert!(!goes && !why.is_empty(), "{state}, {not_before}: {why}"),
            other => panic!("no answer to a claim: {other:?}"),
        }
        let now = texts.of_text(id).text.state;
        assert_eq!(now, if goes { S::Sending } else { state }, "{not_before}");
    }
}

#[test]
fn a_delivered_text_says_that_its_sink_works_and_that_its_owner_is_reached() {
    let (sink, owner) = (AlertKind::SinkFailing.about("owner"), AlertKind::OwnerUntold.about("olga"));
    for (told, want) in [
        (AlertKind::Exhausted.about("c"), vec![sink.clone(), owner]),
        // One that tells of another owner is beside that book.
        (AlertKind::OwnerUntold.about("ana"), vec![sink]),
    ] {
        let mut texts = Texts::to(&["olga"]);
        let id = texts.has(&message("m1", told.clone()), S::Scheduled)[0];
        texts.sends(id, 1);
        assert_eq!(texts.of_text(id).text.state, S::Submitted, "{told}");
        let change = texts.word(id, 1, "delivered", None);
        assert_eq!((texts.of_text(id).text.state, resolved(&change)), (S::Delivered, want), "{told}");
    }
}

#[test]
fn the_other_sinks_hear_of_a_lost_text_that_may_count_as_told_where_nobody_else_has_it() {
    type Case = (&'static str, fn(&mut Texts, AttemptId, AttemptId), bool);
    let cases: [Case; 5] = [
        ("the provider had it", |t, olga, _| t.sends(olga, 1), true),
        ("nobody knew whether it was sent", |t, olga, _| t.of_text(olga).text.state = S::Unknown, true),
        ("the provider had not answered yet", |t, olga, _| t.of_text(olga).text.state = S::Sending, false),
        (
            "Ana has one of the message",
            |t, olga, ana| {
                t.sends(olga, 1);
                t.of_text(ana).text.state = S::Submitted;
            },
            false,
        ),
        (
            "Ana has one of another message",
            |t, olga, ana| {
                t.sends(olga, 1);
                let mut other = t.of_text(ana).clone();
                (other.message, other.text.state) = ("m0".into(), S::Delivered);
                other.text.id = AttemptId::from_uuid(uuid::Uuid::from_u128(1));
                t.loaded.alert_texts.push(other);
            },
            true,
        ),
    ];
    for (label, otherwise, hear) in cases {
        let mut texts = Texts::to(&["olga", "ana"]);
        let made = texts.has(&message("m1", AlertKind::Exhausted.about("c")), S::Scheduled);
        otherwise(&mut texts, made[0], made[1]);
        let change = texts.word(made[0], 1, "undelivered", Some(MAY_PASS));
        assert_eq!(texts.of_text(made[0]).text.state, S::Failed, "{label}");
        assert_eq!(raised(&change).contains(&AlertKind::SinkFailing.about("owner")), hear, "{label}");
        let untold = change.alerts.iter().any(|a| matches!(a, AlertChange::Untold { .. }));
        assert_eq!(untold, hear, "{label}: its alerts wait again");
    }
}

#[test]
fn a_text_that_may_arrive_later_goes_three_times_ever_further_apart_and_then_it_is_said() {
    let mut texts = Texts::to(&["olga", "ana"]);
    let mut id = texts.has(&message("m1", AlertKind::Exhausted.about("c")), S::Scheduled)[0];
    for (number, pause) in [(1, Some(secs(20))), (2, Some(secs(40))), (3, None)] {
        texts.sends(id, number);
        let change = texts.word(id, number, "undelivered", Some(MAY_PASS));
        let next: Vec<&AlertText> = change.alert_texts.iter().filter(|t| t.text.state.is_waiting()).collect();
        let said = raised(&change).contains(&AlertKind::OwnerUntold.about("olga"));
        let at = next.first().map(|t| (t.text.contact.as_str(), t.text.not_before));
        assert_eq!(at, pause.map(|p| ("olga", texts.now.plus(p))), "after {number}");
        assert_eq!(said, pause.is_none(), "after {number}");
        if let Some(next) = next.first() {
            (id, texts.now) = (next.text.id, next.text.not_before);
        }
    }
}

#[test]
fn a_lost_text_that_says_that_an_owner_is_not_reached_says_nothing_more_of_its_own_reader() {
    for (told, is_said) in [(AlertKind::Exhausted.about("c"), true), (AlertKind::OwnerUntold.about("ana"), false)] {
        let mut texts = Texts::to(&["olga"]);
        let id = texts.has(&message("m1", told.clone()), S::Scheduled)[0];
        texts.sends(id, 1);
        let change = texts.word(id, 1, "undelivered", Some(FOR_GOOD));
        assert_eq!(raised(&change).contains(&AlertKind::OwnerUntold.about("olga")), is_said, "{told}");
    }
}

/// A text to one of the people.
fn row((who, number, state): (&str, u32, S)) -> AlertText {
    let directory = fixtures::directory();
    let reader = directory.contacts.iter().find(|c| c.id.as_str() == who).map(Reader::of).expect("one of the people");
    let id = AttemptId::from_uuid(uuid::Uuid::from_u128(u128::from(number)));
    let mut text = StandaloneText::new(id, number, StandaloneKind::Alert, reader, START);
    (text.state, text.result) = (state, "no such number".into());
    let told = message("m", AlertKind::Exhausted.about("c"));
    AlertText {
        message: told.id,
        sink: told.sink,
        reference: "9XQT".parse().expect("a reference"),
        alerts: told.alerts,
        is_over: false,
        call: None,
        call_reference: None,
        words: told.words,
        text,
    }
}

#[test]
fn a_message_is_told_where_the_newest_text_to_any_owner_is_with_the_provider() {
    const PATIENCE: Duration = Duration::from_secs(120);
    let (early, late) = (START.plus(PATIENCE - Duration::from_millis(1)), START.plus(PATIENCE));
    // The texts, when it is judged; what it is, and what is said of it.
    let told = ("told", vec!["Olga Lind", "Ana Reyes"]);
    let lost = ("not told, for good", vec!["Olga Lind", "no such number"]);
    for (texts, now, (want, said)) in [
        (vec![("olga", 1, S::Failed), ("ana", 2, S::Submitted), ("olga", 3, S::Delivered)], late, told.clone()),
        (vec![("olga", 3, S::Delivered), ("ana", 2, S::Submitted), ("olga", 1, S::Failed)], late, told),
        (vec![("olga", 1, S::Submitted), ("olga", 2, S::Failed)], START, lost.clone()),
        (vec![("olga", 1, S::Skipped), ("ana", 2, S::Cancelled)], START, lost),
        (vec![("olga", 1, S::Failed), ("ana", 2, S::Scheduled)], early, ("waits", vec![])),
        (vec![("olga", 1, S::Failed), ("ana", 2, S::Scheduled)], late, ("not told", vec!["Ana Reyes", "Olga Lind"])),
        (vec![("olga", 1, S::Sending)], early, ("waits", vec![])),
        (vec![("olga", 1, S::Unknown)], early, ("waits", vec![])),
        (vec![("olga", 1, S::Unknown)], late, ("not told", vec!["Olga Lind"])),
        (vec![("olga", 1, S::Cancelled)], late, ("not needed", vec![])),
    ] {
        let rows: Vec<AlertText> = texts.iter().copied().map(row).collect();
        let (is, why) = match verdict(&rows, now, PATIENCE) {
            Verdict::Told(why) => ("told", why),
            Verdict::Waits => ("waits", String::new()),
            Verdict::NotNeeded => ("not needed", String::new()),
            Verdict::NotTold { why, is_for_good: true } => ("not told, for good", why),
            Verdict::NotTold { why, is_for_good: false } => ("not told", why),
        };
        assert_eq!(is, want, "{texts:?}: {why}");
        assert!(said.iter().all(|part| why.contains(part)), "{texts:?}: {why}");
    }
}

#[test]
fn a_text_asks_for_a_word_where_the_call_can_be_taken_or_somebody_must_look() {
    let of_the_call: fn(&mut AlertText) = |t| (t.call, t.call_reference) = ("c".parse().ok(), "7K3Q".parse().ok());
    let of_none: fn(&mut AlertText) = |_| {};
    let over: fn(&mut AlertText) = |t| t.is_over = true;
    for (key, otherwise, ending) in [
        (AlertKind::Exhausted.about("c"), of_the_call, Some(" Reply 1 7K3Q to take it.")),
        (AlertKind::OnCallGapNear.about("l"), of_none, Some(" Reply 1 9XQT once you have seen it.")),
        (AlertKind::OnCallGapNear.about("l"), over, None),
        (AlertKind::OnCallGap.about("l"), of_none, None),
    ] {
        let mut texts = Texts::to(&["olga"]);
        let id = texts.has(&message("m1", key.clone()), S::Scheduled)[0];
        otherwise(texts.of_text(id));
        let Answer::SendStandalone(sent) = texts.claim(id).answer else { panic!("{key}: it is not sent") };
        let body = sent.text.body;
        assert!(body.starts_with("9XQT-01 ") && body.contains("look at it"), "{body}");
        match ending {
            Some(ending) => assert!(body.ends_with(ending), "{key}: {body}"),
            None => assert!(!body.contains("Reply"), "{key}: {body}"),
        }
    }
}
