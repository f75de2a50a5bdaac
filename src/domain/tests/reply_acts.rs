//! One reply, and all that its decision is shown: what its writer got, said before, holds and takes no texts from.

use std::cell::Cell;

use uuid::Uuid;

use super::one_call::{contact, raised};
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::alert_text::{AlertText, TextedAlert};
use crate::domain::answers::{PastAnswer, PastReply, Prompt};
use crate::domain::attempt::{AttemptKind, AttemptState, Channel, Recipient};
use crate::domain::call::{CallState, CallStatus as S};
use crate::domain::change::{Change, OptOutChange};
use crate::domain::event::{Event, InboundRow, InboundText, Loaded};
use crate::domain::log::LogKind;
use crate::domain::oncall::roll_call::{RollCall, RollCallId, RollCallState};
use crate::domain::rules::Rules;
use crate::domain::standalone_text::{Reader, StandaloneKind, StandaloneText};
use crate::domain::step::step;
use crate::domain::team::Directory;
use crate::domain::types::{Actor, AttemptId, Timestamp};
use crate::domain::voice::NO_PHONE_CALLS;
use crate::testing::fixtures::{self, SENDER};
use crate::testing::harness::{deciding, inbound, sid};
use crate::testing::world::START;
use crate::testing::{mins, secs};

/// Bo was told, and is no contact any more.
const BO: &str = "+19495550160";
const SOMEBODY: &str = "+19495550161";
/// Another number of ours, and a service.
pub(super) const OTHER_SENDER: &str = "+15557122661";
pub(super) const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";

/// What a reply meets. Calls are told at `START`; it is ten minutes later.
pub(super) struct Night {
    pub(super) loaded: Loaded,
    pub(super) directory: Directory,
    pub(super) rules: Rules,
    pub(super) now: Timestamp,
}

impl Night {
    pub(super) fn new() -> Self {
        let (directory, rules) = (fixtures::directory(), fixtures::rules());
        Self { loaded: Loaded::default(), directory, rules, now: START.plus(mins(10)) }
    }

    /// A call with this code looks for somebody; these were told, and no step follows.
    pub(super) fn tell(&mut self, code: &str, people: &[&str]) -> &mut CallState {
        let mut state = fixtures::call_state(&format!("c-{code}"));
        state.call.reference = code.parse().expect("a reference");
        (state.attempts, state.notices) = (Vec::new(), Vec::new());
        (state.call.attempts, state.call.next_step) = (0, 9);
        for who in people {
            add(&mut state, AttemptKind::Notice, who, AttemptState::Submitted);
        }
        self.loaded.calls.insert(0, state);
        self.loaded.calls.first_mut().expect("it was just put there")
    }

    pub(super) fn hear(&self, text: InboundText) -> Change {
        let ids = Cell::new(1_u128 << 100);
        let by = (self.now, &self.directory, &self.rules);
        let heard = Event::Inbound(text);
        deciding(by, &ids, Actor::engine(), |ctx| step(&self.loaded, &heard, ctx)).expect("a decision")
    }

    /// The call with this code, as it is then.
    pub(super) fn after<'a>(&'a self, change: &'a Change, code: &str) -> &'a CallState {
        let mut all = change.calls.iter().chain(&self.loaded.calls);
        all.find(|c| c.call.reference.as_str() == code).expect("the call")
    }
}

fn recipient(who: &str) -> Recipient {
    let known = fixtures::directory().contacts.into_iter().find(|c| c.id.as_str() == who);
    let bo = || Recipient::by_text("bo".parse().expect("an id"), "Bo Tran".into(), BO.parse().expect("a phone"));
    known.map_or_else(bo, |c| c.recipient())
}

/// One more text of this call: it left at `START`, or it waits under the next step.
pub(super) fn add(state: &mut CallState, kind: AttemptKind, who: &str, to: AttemptState) {
    let number = state.call.attempts + 1;
    state.call.attempts = number;
    let of_the_call = state.call.reference.as_str().bytes().fold(0, |n, b| n * 256 + u128::from(b));
    let mut a = fixtures::attempt(state.call.id.as_str(), number);
    a.id = AttemptId::from_uuid(Uuid::from_u128(of_the_call * 1_000 + u128::from(number)));
    (a.kind, a.step, a.recipient, a.state) = (kind, u32::from(to.is_waiting()), recipient(who), to);
    if to.may_have_arrived() {
        (a.sent_at, a.provider_at) = (Some(START), Some(START));
        (a.sender, a.sid) = (SENDER.parse().ok(), Some(sid(number)));
    }
    state.notices.extend(a.notice());
    state.attempts.push(a);
}

/// They took it a minute after it was told.
pub(super) fn taken_by(who: &str, state: &mut CallState) {
    (state.call.status, state.call.wake_at) = (S::Acknowledged, None);
    (state.call.holder, state.call.closed_at) = (who.parse().ok(), Some(START.plus(mins(1))));
}

pub(super) fn by_webhook(who: &str, body: &str) -> InboundText {
    inbound(0xbeef, fixtures::phone(who), body)
}

/// It was written then, by both clocks, and is read from the provider's list now.
pub(super) fn by_list(who: &str, body: &str, at: Timestamp) -> InboundText {
    InboundText { at: Some(at), at_ours: Some(at), listed: true, ..by_webhook(who, body) }
}

pub(super) fn row(change: &Change) -> &InboundRow {
    change.inbound.as_ref().expect("it is kept")
}

/// What its writer said before, about the call with this code.
pub(super) fn said(understood: &str, code: Option<&str>, at: Timestamp, written: Option<Timestamp>) -> PastReply {
    PastReply {
        sid: sid(0xf00d),
        at,
        written,
        call: code.map(|code| format!("c-{code}").parse().expect("an id")),
        understood: understood.to_owned(),
        prompt: None,
        waits: false,
    }
}

pub(super) fn asked(prompt: Prompt, at: Timestamp) -> PastAnswer {
    PastAnswer { at, sender: SENDER.to_owned(), call: None, prompt: Some(prompt), by: None }
}

/// A text that belongs to no call, five minutes after `START`.
fn standalone(kind: StandaloneKind, phone: &str) -> StandaloneText {
    let at = START.plus(mins(5));
    let to = Reader {
        contact: "bo".parse().expect("an id"),
        name: "Bo Tran".into(),
        phone: fixtures::phone(phone).parse().expect("a phone"),
    };
    let mut text = StandaloneText::new(AttemptId::from_uuid(Uuid::from_u128(7)), 1, kind, to, at);
    (text.state, text.sid, text.sender) = (AttemptState::Submitted, Some(sid(77)), SENDER.parse().ok());
    (text.sent_at, text.provider_at) = (Some(at), Some(at));
    text
}

/// An alert that asks nobody to take a call.
fn alert() -> AlertKey {
    AlertKind::Failed.about("c")
}

pub(super) fn alert_text(phone: &str) -> AlertText {
    AlertText {
        message: "m".into(),
        sink: "owner".into(),
        reference: "9XQT".parse().expect("a reference"),
        alerts: vec![TextedAlert { key: alert(), since: START, version: 1, name: "c".into(), is_dropped: false }],
        is_over: false,
        call: None,
        call_reference: None,
        words: "a text failed".into(),
        text: standalone(StandaloneKind::Alert, phone),
    }
}

fn roll_call_of_bo() -> RollCall {
    RollCall {
        id: RollCallId::from_uuid(Uuid::from_u128(1)),
        rotation: "weekly".parse().expect("a rotation"),
        line: None,
        role: "primary".parse().expect("a role"),
        contact: "bo".parse().expect("an id"),
        name: "Bo Tran".into(),
        phone: BO.parse().expect("a phone"),
        from: START,
        until: START.plus(mins(600)),
        reference: "8M4R".parse().expect("a reference"),
        state: RollCallState::Asked,
        made_at: START,
        wake_at: None,
        decided_at: None,
        why: String::new(),
        texts: vec![standalone(StandaloneKind::Ask, BO)],
    }
}

#[test]
fn whoever_got_any_text_of_ours_is_known_and_nobody_else_is() {
    type Case = (&'static str, fn(&mut Night));
    let cases: [Case; 3] = [
        ("a notice", |n| {
            n.tell("7K3Q", &["bo"]);
        }),
        ("a roll call", |n| n.loaded.roll_calls.push(roll_call_of_bo())),
        ("an alert", |n| n.loaded.alert_texts.push(alert_text(BO))),
    ];
    for (label, got) in cases {
        let mut night = Night::new();
        got(&mut night);
        let understood = |who: &str| row(&night.hear(by_webhook(who, "hello there"))).understood.clone();
        assert_ne!(understood(BO), "unknown number", "{label}");
        assert_eq!(understood(SOMEBODY), "unknown number", "{label} to another");
    }
}

#[test]
fn a_stop_of_an_unknown_number_is_kept_and_nothing_else_that_it_writes_is_one() {
    let night = Night::new();
    let out = OptOutChange::Out { phone: SOMEBODY.to_owned(), sender: SENDER.to_owned() };
    assert_eq!(night.hear(by_webhook(SOMEBODY, "STOP")).opt_outs, [out]);
    for body in ["hello there", "START", "1"] {
        assert!(night.hear(by_webhook(SOMEBODY, body)).opt_outs.is_empty(), "{body}");
    }
}

#[test]
fn a_reply_of_one_who_is_no_contact_any_more_stands_under_the_name_that_he_was_told_by() {
    let mut night = Night::new();
    night.tell("7K3Q", &["sam", "bo"]);
    let change = night.hear(by_webhook(BO, "hello there"));
    let entry = change.log.iter().find(|e| e.kind == LogKind::ReplyReceived).expect("it is in the story");
    assert!(entry.message.starts_with("Bo Tran replied"), "{}", entry.message);
}

#[test]
fn start_lifts_the_block_of_that_sender_and_none_of_another_number_or_of_phone_calls() {
    for (block, to, is_lifted) in [
        (SENDER, SENDER, true),
        ("", SENDER, true),
        (SERVICE, SENDER, true),
        (OTHER_SENDER, SERVICE, true),
        (OTHER_SENDER, SENDER, false),
        (NO_PHONE_CALLS, SENDER, false),
        (NO_PHONE_CALLS, SERVICE, false),
    ] {
        let mut night = Night::new();
        let phone = fixtures::phone("sam").to_owned();
        night.loaded.opted_out.insert((phone.clone(), block.to_owned()));
        let change = night.hear(InboundText { to: to.to_owned(), ..by_webhook("sam", "START") });
        let back = OptOutChange::In { phone, sender: Some(block.to_owned()) };
        assert_eq!(change.opt_outs, Vec::from_iter(is_lifted.then_some(back)), "{block:?}, written to {to}");
        let is_told = change.log.iter().any(|e| e.kind == LogKind::OptedIn);
        assert_eq!(is_told, is_lifted, "the story of {block:?}, written to {to}");
    }
}

#[test]
fn what_the_provider_has_answered_itself_is_answered_and_alarmed_about_by_nobody_else() {
    let mut night = Night::new();
    night.tell("7K3Q", &["sam"]);
    for body in ["HELP", "ayuda", "7K3Q"] {
        let change = night.hear(InboundText { provider_replied: true, ..by_webhook("sam", body) });
        assert_eq!(row(&change).understood, "answered by the provider", "{body}");
        assert_eq!(row(&change).prompt, None, "{body}");
        assert!(raised(&change.alerts).is_empty(), "{body}");
    }
}

#[test]
fn words_that_name_somebody_else_behind_a_done_close_nothing() {
    for (body, want) in [("done, Ana has the keys", S::Dispatching), ("done, Sam has the keys", S::Resolved)] {
        let mut night = Night::new();
        night.tell("7K3Q", &["sam"]);
        let change = night.hear(by_webhook("sam", body));
        assert_eq!(night.after(&change, "7K3Q").call.status, want, "{body}");
        let is_shown = raised(&change.alerts).iter().any(|(key, _)| key.kind() == AlertKind::UnreadReply);
        assert_eq!(is_shown, want == S::Dispatching, "{body}");
    }
}

#[test]
fn a_late_word_that_meant_one_of_several_calls_says_who_has_them_where_all_are_taken() {
    let mut night = Night::new();
    for code in ["7K3Q", "4M8X"] {
        taken_by("sam", night.tell(code, &["sam", "ana"]));
    }
    let change = night.hear(by_list("ana", "1", START.plus(secs(30))));
    assert!(row(&change).answer.contains("taken by Sam Ortiz"), "{}", row(&change).answer);
    assert_eq!(row(&change).prompt, None, "there is nothing left to choose");
    for code in ["7K3Q", "4M8X"] {
        assert_eq!(night.after(&change, code).call.holder, Some(contact("sam")), "{code}");
    }
}

#[test]
fn a_soft_word_of_the_holder_about_the_call_that_is_theirs_is_politeness() {
    for body in ["ok", "thanks", "\u{1f44d}"] {
        let mut night = Night::new();
        taken_by("sam", night.tell("7K3Q", &["sam"]));
        let change = night.hear(by_webhook("sam", body));
        assert_eq!((row(&change).understood.as_str(), row(&change).answer.as_str()), ("a polite word", ""), "{body}");
    }
}

#[test]
fn one_all_right_behind_the_text_of_another_call_waits_for_when_it_was_written() {
    let mut night = Night::new();
    night.tell("7K3Q", &["sam"]);
    let late = START.plus(secs(580));
    let second = &mut night.tell("4M8X", &["sam"]).attempts[0];
    (second.sent_at, second.provider_at) = (Some(late), Some(late));
    let change = night.hear(by_webhook("sam", "1 all"));
    assert!(row(&change).waits, "it may have been written before the second text");
    assert_eq!(night.after(&change, "7K3Q").call.status, S::Dispatching);
    night.now = night.now.plus(mins(2));
    let change = night.hear(by_webhook("sam", "1 all"));
    assert_eq!(row(&change).understood, "took every call");
    for code in ["7K3Q", "4M8X"] {
        assert_eq!(night.after(&change, code).call.status, S::Acknowledged, "{code}");
    }
}

#[test]
fn somebody_is_alarmed_where_whoever_takes_a_call_gets_no_texts() {
    for (who, sender, body, is_alarm) in [
        ("sam", SENDER, "1", true),
        ("sam", "", "1", true),
        ("sam", NO_PHONE_CALLS, "1", false),
        ("ana", SENDER, "1", false),
        ("sam", SENDER, "2", false),
        ("sam", SENDER, "done", false),
    ] {
        let mut night = Night::new();
        night.tell("7K3Q", &["sam", "ana"]);
        night.loaded.opted_out.insert((fixtures::phone(who).to_owned(), sender.to_owned()));
        let change = night.hear(by_webhook("sam", body));
        let key = AlertKind::HolderOptedOut.about("c-7K3Q");
        let found = raised(&change.alerts).iter().any(|(k, _)| *k == key);
        assert_eq!(found, is_alarm, "{who} is opted out of {sender:?}, Sam says {body:?}");
    }
}

#[test]
fn three_puts_off_no_call_that_is_taken_and_says_whose_it_is() {
    for (who, says) in [("sam", "already yours"), ("ana", "taken by Sam Ortiz")] {
        let mut night = Night::new();
        taken_by("sam", night.tell("7K3Q", &["sam", "ana"]));
        let change = night.hear(by_webhook(who, "3 7K3Q"));
        assert!(row(&change).answer.contains(says), "{who}: {}", row(&change).answer);
        assert_eq!(night.after(&change, "7K3Q").call.status, S::Acknowledged, "{who}");
    }
}

#[test]
fn whoever_passes_hears_that_it_goes_on_only_where_somebody_is_still_to_be_told() {
    for (label, waits, says) in [
        ("nothing waits", None, "stays with the others who were told"),
        ("an answer to Ana waits", Some(AttemptKind::Answer), "stays with the others who were told"),
        ("a notice to Ana waits", Some(AttemptKind::Notice), "goes on to the next"),
    ] {
        let mut night = Night::new();
        let state = night.tell("7K3Q", &["sam", "ana"]);
        if let Some(kind) = waits {
            add(state, kind, "ana", AttemptState::Scheduled);
        }
        let change = night.hear(by_webhook("sam", "2"));
        assert!(row(&change).answer.contains(says), "{label}: {}", row(&change).answer);
    }
}

#[test]
fn a_pass_takes_back_what_waits_for_whoever_passed_and_nothing_of_the_others() {
    let mut night = Night::new();
    let state = night.tell("7K3Q", &["sam"]);
    add(state, AttemptKind::Notice, "sam", AttemptState::Scheduled);
    add(state, AttemptKind::Notice, "ana", AttemptState::Scheduled);
    let change = night.hear(by_webhook("sam", "2"));
    let call = night.after(&change, "7K3Q");
    let states: Vec<AttemptState> = call.attempts.iter().map(|a| a.state).collect();
    assert_eq!(states, [AttemptState::Submitted, AttemptState::Skipped, AttemptState::Scheduled]);
}

#[test]
fn a_reference_means_the_alert_that_has_it_unless_a_call_that_came_later_has_it_too() {
    for (code, is_the_alert) in [("4M8X", true), ("9XQT", false)] {
        let mut night = Night::new();
        night.loaded.alert_texts.push(alert_text("olga"));
        night.tell(code, &["olga"]).call.accepted_at = START.plus(mins(8));
        let change = night.hear(by_webhook("olga", "1 9XQT"));
        let seen = |a: &AlertChange| matches!(a, AlertChange::Acknowledge { key, .. } if *key == alert());
        assert_eq!(change.alerts.iter().any(seen), is_the_alert, "beside the call {code}");
        let is_taken = night.after(&change, code).call.status == S::Acknowledged;
        assert_eq!(is_taken, !is_the_alert, "beside the call {code}");
    }
}

#[test]
fn behind_an_alert_that_asks_for_nobody_a_bare_word_means_it_only_where_it_can_be_seen() {
    let mut night = Night::new();
    taken_by("olga", night.tell("4M8X", &["olga"]));
    night.loaded.alert_texts.push(alert_text("olga"));
    let change = night.hear(by_webhook("olga", "2"));
    assert_eq!(row(&change).prompt, Some(Prompt::WhichToPass), "whether her call is handed back: no alert is");
    assert_eq!(night.after(&change, "4M8X").call.status, S::Acknowledged);

    for (is_over, understood) in [(false, "has seen an alert"), (true, "no call")] {
        let mut night = Night::new();
        night.loaded.alert_texts.push(AlertText { is_over, ..alert_text("olga") });
        assert_eq!(row(&night.hear(by_webhook("olga", "1"))).understood, understood, "over: {is_over}");
    }
}

#[test]
fn whoever_was_asked_three_times_is_asked_again_once_an_alert_goes_to_them() {
    type Case = (&'static str, fn(&mut AlertText), bool);
    let cases: [Case; 4] = [
        ("an alert", |_| {}, true),
        ("the end of one", |t| t.is_over = true, false),
        ("what somebody wrote", |t| t.alerts[0].key = AlertKind::UnreadReply.about("c:sam"), false),
        ("to another", |t| t.text.phone = fixtures::phone("ana").parse().expect("a phone"), false),
    ];
    for (label, change, is_asked) in cases {
        let mut night = Night::new();
        night.loaded.answers = [3, 2, 1].map(|n| asked(Prompt::Help, START.plus(mins(n)))).to_vec();
        let silent = night.hear(by_webhook("olga", "help"));
        assert_eq!(row(&silent).answer, "", "{label}: before it");
        let mut text = alert_text("olga");
        change(&mut text);
        night.loaded.alert_texts.push(text);
        let heard = night.hear(by_webhook("olga", "help"));
        assert_eq!(!row(&heard).answer.is_empty(), is_asked, "{label}");
        let is_alarm = raised(&heard.alerts).iter().any(|(key, _)| key.kind() == AlertKind::AutoResponder);
        assert_eq!(is_alarm, !is_asked, "{label}");
    }
}

#[test]
fn a_word_moves_nothing_where_its_writer_has_surely_said_something_of_the_call_since() {
    let at = |n: u64| START.plus(secs(n));
    for (label, written, came, is_older) in [
        ("written a second before", Some(at(29)), at(40), false),
        ("of the same second: nobody knows which is older", Some(at(30)), at(40), false),
        ("written a second later", Some(at(31)), at(40), true),
        ("came as long after as the clocks may be wrong", None, at(33), false),
        ("came later than that", None, at(34), true),
    ] {
        let mut night = Night::new();
        night.tell("7K3Q", &["sam"]);
        night.loaded.said.push(said("passed", Some("7K3Q"), came, written));
        let change = night.hear(by_list("sam", "1", at(30)));
        let is_taken = night.after(&change, "7K3Q").call.status == S::Acknowledged;
        assert_eq!(is_taken, !is_older, "{label}");
        assert_eq!(row(&change).understood == "older than what they said since", is_older, "{label}");
    }
}

#[test]
fn no_calls_counts_though_its_writer_said_something_else_since() {
    let (at, since) = (START.plus(mins(5)), START.plus(mins(6)));
    for (understood, counts) in [("took the call", true), ("a polite word", true), ("phone calls again", false)] {
        let mut night = Night::new();
        night.loaded.said.push(said(understood, Some("7K3Q"), since, Some(since)));
        let change = night.hear(by_list("sam", "NO CALLS", at));
        let out = OptOutChange::Out { phone: fixtures::phone("sam").to_owned(), sender: NO_PHONE_CALLS.to_owned() };
        assert_eq!(change.opt_outs, Vec::from_iter(counts.then_some(out)), "{understood}");
    }
}

#[test]
fn a_pass_written_before_its_writer_got_the_call_hands_it_back_only_where_he_took_it_by_a_reply() {
    let before = START.plus(secs(20));
    for (understood, code, is_handed_back) in
        [("took the call", "4M8X", false), ("passed", "7K3Q", false), ("took the call", "7K3Q", true)]
    {
        let mut night = Night::new();
        taken_by("sam", night.tell("7K3Q", &["sam", "ana"]));
        night.loaded.said.push(said(understood, Some(code), before, Some(before)));
        let change = night.hear(by_list("sam", "2 7K3Q", START.plus(secs(30))));
        let is_his = night.after(&change, "7K3Q").call.holder == Some(contact("sam"));
        assert_eq!(is_his, !is_handed_back, "{understood} {code}");
        let asks = (!is_handed_back).then_some(Prompt::WhichToPass);
        assert_eq!(row(&change).prompt, asks, "{understood} {code}");
    }
}

#[test]
fn a_code_alone_completes_what_was_asked_last_and_nothing_that_its_writer_left_since() {
    let at = |n: u64| START.plus(mins(n));
    let now = by_webhook("sam", "7K3Q");
    let listed = by_list("sam", "7K3Q", at(7));
    let waited = InboundText { listed: false, waited_since: Some(at(7)), ..listed.clone() };
    let polite = |n: u64, written: Option<u64>| said("a polite word", None, at(n), written.map(at));
    let which = PastReply { prompt: Some(Prompt::WhichToTake), ..said("which call", None, at(5), None) };
    let waiting = PastReply { waits: true, ..polite(6, None) };
    for (label, text, before, is_taken) in [
        ("nothing was said since", &now, None, true),
        ("the word itself", &now, Some(which), true),
        ("something else since", &now, Some(polite(6, None)), false),
        ("something else, written before it", &listed, Some(polite(6, Some(6))), false),
        ("something else, written after it", &listed, Some(polite(8, Some(8))), true),
        ("what is not decided yet", &waited, Some(waiting), true),
    ] {
        let mut night = Night::new();
        for code in ["7K3Q", "4M8X"] {
            night.tell(code, &["sam"]);
        }
        night.loaded.answers.push(asked(Prompt::WhichToTake, at(5)));
        night.loaded.said.extend(before);
        let change = night.hear(text.clone());
        assert_eq!(night.after(&change, "7K3Q").call.status == S::Acknowledged, is_taken, "{label}");
        assert_eq!(night.after(&change, "4M8X").call.status, S::Dispatching, "{label}");
    }
}

#[test]
fn a_no_of_one_whose_number_had_failed_is_kept_and_means_the_call_of_which_a_text_reached_him() {
    let mut night = Night::new();
    let other = night.tell("4M8X", &["sam"]);
    other.attempts[0].state = AttemptState::Failed;
    other.call.exclude_failed(&contact("sam"), Channel::Sms);
    let state = night.tell("7K3Q", &["sam", "sam", "ana"]);
    state.attempts[0].state = AttemptState::Failed;
    state.call.exclude_failed(&contact("sam"), Channel::Sms);
    let change = night.hear(by_webhook("sam", "2"));
    assert_eq!(row(&change).understood, "passed");
    let has_passed = |code| night.after(&change, code).call.has_passed(&contact("sam"));
    assert_eq!((has_passed("7K3Q"), has_passed("4M8X")), (true, false));
    let said = change.log.iter().filter(|e| e.kind == LogKind::ContactPassed).count();
    assert_eq!(said, 1, "{:?}", change.log);
}
