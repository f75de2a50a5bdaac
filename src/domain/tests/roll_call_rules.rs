//! Roll calls: who is asked for which shift, what an answer does and until when, and what becomes of the texts.

use std::cell::Cell;

use jiff::tz::TimeZone;

use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::attempt::AttemptState as S;
use crate::domain::change::{Answer, Change};
use crate::domain::event::{Event, Loaded, Source};
use crate::domain::oncall::roll_call::{RollCall, RollCallId, RollCallState as R, RollCallTime};
use crate::domain::oncall::{
    CalendarShift, CalendarShifts, DutyOverride, MemberList, OverrideId, OverrideKind, OverrideScope, Rotation,
};
use crate::domain::roll_call::answer::{confirm, refuse};
use crate::domain::roll_call::event::RollCallEvent;
use crate::domain::roll_call::is_of_a_roll_call;
use crate::domain::roll_call::plan::{NewRollCall, due};
use crate::domain::rules::Rules;
use crate::domain::standalone_text::{Reader, StandaloneKind, StandaloneText};
use crate::domain::step::step;
use crate::domain::team::{Directory, TeamEntry, TeamWho};
use crate::domain::types::{Actor, AttemptId, Timestamp};
use crate::domain::work::Ctx;
use crate::testing::harness::{accepted, deciding, update};
use crate::testing::{fixtures, mins, secs};

/// Ana's week, and half past four on its first day in Los Angeles.
const FROM: &str = "2026-10-26T15:00:00Z";
const UNTIL: &str = "2026-11-02T16:00:00Z";
const ASKED: &str = "2026-10-26T23:30:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// Weeks of Sam and Ana, from Mondays at eight.
fn weekly(id: &str) -> Rotation {
    let member = |name: &str| vec![name.parse().expect("a contact")];
    Rotation {
        id: id.parse().expect("a rotation"),
        zone: TimeZone::get("America/Los_Angeles").expect("a zone"),
        handoff: jiff::civil::time(8, 0, 0, 0),
        period_days: 7,
        lists: vec![MemberList {
            starts: "2026-10-05".parse().expect("a date"),
            members: vec![member("sam"), member("ana")],
        }],
        days: None,
        hours: None,
        calendar: None,
    }
}

/// One of the team: a rotation.
fn in_turn(id: &str, role: &str) -> TeamEntry {
    let who = TeamWho::Rotation(id.parse().expect("a rotation"));
    TeamEntry { who, ..always("sam", role) }
}

fn always(who: &str, role: &str) -> TeamEntry {
    TeamEntry::of(who.parse().expect("a contact"), role.parse().expect("a role"))
}

/// The rotation `night` is primary, Olga is backup.
fn directory() -> Directory {
    let mut directory = fixtures::directory();
    directory.rotations = vec![weekly("night")];
    directory.default_line.team = Some(vec![in_turn("night", "primary"), always("olga", "backup")]);
    directory
}

/// This contact holds the rotation in place of whoever's turn it is.
fn taken_over(rotation: &str, who: &str, from: Timestamp, until: Timestamp) -> DutyOverride {
    DutyOverride {
        id: OverrideId::from_uuid(uuid::Uuid::from_u128(1)),
        scope: OverrideScope::Rotation(rotation.parse().expect("a rotation")),
        kind: OverrideKind::Take,
        contact: who.parse().expect("a contact"),
        from,
        until,
        note: String::new(),
        by: "mia".into(),
        made_at: at(FROM),
        source: None,
        asked: None,
        withdrawn: None,
    }
}

fn rol(n: u128) -> RollCallId {
    RollCallId::from_uuid(uuid::Uuid::from_u128(n))
}

/// Ana's, asked at half past four.
fn asked() -> RollCall {
    RollCall {
        id: rol(7),
        rotation: "night".parse().expect("a rotation"),
        line: None,
        role: "primary".parse().expect("a role"),
        contact: "ana".parse().expect("a contact"),
        name: "Ana Reyes".into(),
        phone: fixtures::phone("ana").parse().expect("a phone"),
        from: at(FROM),
        until: at(UNTIL),
        reference: "9XQT".parse().expect("a reference"),
        state: R::Asked,
        made_at: at(ASKED),
        wake_at: Some(at(ASKED).plus(mins(15))),
        decided_at: None,
        why: String::new(),
        texts: Vec::new(),
    }
}

/// A text of it, to the one of the people whom it is for.
fn with_text(of: &mut RollCall, kind: StandaloneKind, state: S) -> AttemptId {
    let who = if kind == StandaloneKind::Ask { "ana" } else { "olga" };
    let directory = fixtures::directory();
    let reader = directory.contacts.iter().find(|c| c.id.as_str() == who).map(Reader::of).expect("one of the people");
    let number = u32::try_from(of.texts.len()).expect("few texts") + 1;
    let id = AttemptId::from_uuid(uuid::Uuid::from_u128(u128::from(number)));
    let mut text = StandaloneText::new(id, number, kind, reader, at(ASKED));
    text.state = state;
    of.texts.push(text);
    id
}

/// One decision about roll calls.
struct Roll {
    loaded: Loaded,
    directory: Directory,
    rules: Rules,
    now: Timestamp,
    ids: Cell<u128>,
}

impl Roll {
    fn new(there: Vec<RollCall>) -> Self {
        let loaded = Loaded { free_reference: "7K3Q".parse().ok(), roll_calls: there, ..Loaded::default() };
        Self { loaded, directory: directory(), rules: fixtures::rules(), now: at(ASKED), ids: Cell::new(100) }
    }

    fn with<T>(&self, decide: impl FnOnce(&Ctx<'_>) -> T) -> T {
        deciding((self.now, &self.directory, &self.rules), &self.ids, Actor("engine".into()), decide)
    }

    fn apply(&mut self, event: &Event) -> Change {
        let change = self.with(|ctx| step(&self.loaded, event, ctx)).expect("a decision");
        for of in &change.roll_calls {
            self.loaded.roll_calls.retain(|r| r.id != of.id);
            self.loaded.roll_calls.push(of.clone());
        }
        change
    }

    fn on(&mut self, what: RollCallEvent) -> Change {
        self.apply(&Event::RollCall(Box::new(what)))
    }

    fn claim(&mut self, text: AttemptId) -> Answer {
        self.on(RollCallEvent::Claim { text, engine: "e".into(), provider_after: None }).answer
    }

    /// The only roll call.
    fn only(&self) -> &RollCall {
        self.loaded.roll_calls.first().expect("a roll call")
    }

    fn states(&self) -> Vec<S> {
        self.only().texts.iter().map(|t| t.state).collect()
    }
}

#[test]
fn whoever_was_asked_for_a_shift_is_not_asked_for_it_again_and_nobody_is_passed_over_for_another() {
    type Case = (&'static str, fn(&mut RollCall), Option<u128>);
    // What is there; the roll call that asks Ana now.
    let cases: [Case; 9] = [
        ("she was asked for it", |_| {}, None),
        ("she confirmed it", |r| r.state = R::Confirmed, None),
        ("a reload has moved it", |r| r.from = at(FROM).minus(mins(30)), None),
        ("Sam was asked", |r| r.contact = "sam".parse().expect("a contact"), Some(8)),
        ("she was asked for another rotation", |r| r.rotation = "day".parse().expect("a rotation"), Some(8)),
        ("her last shift ended as this one began", |r| r.until = at(FROM), Some(8)),
        ("hers was over, as another held it", |r| r.state = R::Over, Some(7)),
        ("one of another begin was over", |r| (r.from, r.state) = (at(FROM).minus(mins(30)), R::Over), Some(8)),
        ("Sam's was over", |r| (r.contact, r.state) = ("sam".parse().expect("a contact"), R::Over), Some(8)),
    ];
    for (label, otherwise, asks) in cases {
        let mut there = asked();
        let new = NewRollCall {
            rotation: there.rotation.clone(),
            line: None,
            role: there.role.clone(),
            contact: there.contact.clone(),
            name: there.name.clone(),
            phone: there.phone.clone(),
            from: there.from,
            until: there.until,
        };
        otherwise(&mut there);
        let mut roll = Roll::new(vec![there]);
        let change = roll.on(RollCallEvent::Make { new, id: rol(8) });
        let made: Vec<_> = change.roll_calls.iter().map(|r| (r.id.clone(), r.contact.as_str(), r.state)).collect();
        let want: Vec<_> = asks.into_iter().map(|n| (rol(n), "ana", R::Asked)).collect();
        assert_eq!(made, want, "{label}");
        let to: Vec<_> = change.roll_calls.iter().flat_map(|r| &r.texts).map(|t| t.contact.as_str()).collect();
        assert_eq!(to, vec!["ana"; made.len()], "{label}");
    }
}

#[test]
fn nobody_is_asked_a_second_time_before_the_time_for_it_has_come() {
    for (wait, texts) in [(secs(1), 1), (secs(0), 2)] {
        let mut of = asked();
        with_text(&mut of, StandaloneKind::Ask, S::Delivered);
        of.wake_at = Some(at(ASKED).plus(wait));
        let mut roll = Roll::new(vec![of]);
        let change = roll.on(RollCallEvent::Due { id: rol(7) });
        assert_eq!((change.roll_calls.len(), roll.states().len()), (texts - 1, texts), "{wait:?} before it");
    }
}

#[test]
fn an_answer_counts_while_the_shift_lasts_and_once() {
    // The word, where the roll call is, and when it is answered; where it is then, and whether that is news.
    for (says_yes, was, now, want, is_news) in [
        (true, R::Asked, ASKED, R::Confirmed, true),
        (true, R::Silent, ASKED, R::Confirmed, true),
        (true, R::Refused, ASKED, R::Confirmed, true),
        (true, R::Confirmed, ASKED, R::Confirmed, false),
        (true, R::Over, ASKED, R::Over, false),
        (true, R::Asked, UNTIL, R::Asked, false),
        (false, R::Asked, ASKED, R::Refused, true),
        (false, R::Confirmed, ASKED, R::Refused, true),
        (false, R::Refused, ASKED, R::Refused, false),
        (false, R::Over, ASKED, R::Over, false),
        (false, R::Asked, UNTIL, R::Asked, false),
    ] {
        let mut roll = Roll::new(Vec::new());
        roll.now = at(now);
        let (mut of, mut change, by) = (asked(), Change::default(), Actor("ana".into()));
        of.state = was;
        let said = roll.with(|ctx| match says_yes {
            true => confirm(&mut of, &by, ctx, &mut change),
            false => refuse(&mut of, "they say so", &by, ctx, &mut change),
        });
        let case = format!("1: {says_yes}, {was} at {now}");
        let alarms = is_news && (was.is_trouble() || want.is_trouble());
        let found = (of.state, !change.log.is_empty(), !change.alerts.is_empty());
        assert_eq!(found, (want, is_news, alarms), "{case}");
        assert_eq!(said.contains("is over"), was == R::Over, "{case}: {said}");
    }
}

#[test]
fn a_refusal_stops_the_questions_that_wait_and_nothing_else() {
    let mut of = asked();
    for (kind, state) in [
        (StandaloneKind::Ask, S::Delivered),
        (StandaloneKind::Ask, S::Scheduled),
        (StandaloneKind::Alert, S::Scheduled),
        (StandaloneKind::Alert, S::Submitted),
    ] {
        with_text(&mut of, kind, state);
    }
    of.state = R::Silent;
    let (roll, mut change, by) = (Roll::new(Vec::new()), Change::default(), Actor("ana".into()));
    roll.with(|ctx| refuse(&mut of, "they say so", &by, ctx, &mut change));
    let states: Vec<S> = of.texts.iter().map(|t| t.state).collect();
    assert_eq!(states, [S::Delivered, S::Skipped, S::Scheduled, S::Submitted]);
}

#[test]
fn a_text_goes_while_it_is_wanted_and_once_its_time_has_come() {
    use StandaloneKind::{Alert, Ask};
    // The text, where it is, where its roll call is, now, how long the text's time has come; where the text is then.
    for (kind, state, of_it, now, earlier, want) in [
        (Ask, S::Scheduled, R::Asked, ASKED, 0, S::Sending),
        (Ask, S::Scheduled, R::Asked, ASKED, 1, S::Sending),
        (Ask, S::Scheduled, R::Asked, ASKED, -1, S::Scheduled),
        (Ask, S::Submitted, R::Asked, ASKED, 0, S::Submitted),
        (Ask, S::Scheduled, R::Confirmed, ASKED, 0, S::Skipped),
        (Ask, S::Scheduled, R::Asked, UNTIL, 0, S::Skipped),
        (Alert, S::Scheduled, R::Silent, ASKED, 0, S::Sending),
        (Alert, S::Scheduled, R::Confirmed, ASKED, 0, S::Skipped),
        (Alert, S::Scheduled, R::Silent, UNTIL, 0, S::Skipped),
    ] {
        let mut of = asked();
        of.state = of_it;
        let text = with_text(&mut of, kind, state);
        of.texts[0].not_before = Timestamp::from_millis(at(now).as_millis() - earlier);
        let mut roll = Roll::new(vec![of]);
        roll.now = at(now);
        let case = format!("{kind} {state} of one that is {of_it} at {now}, {earlier}");
        match roll.claim(text) {
            Answer::SendStandalone(sent) => {
                assert_eq!(want, S::Sending, "{case}");
                assert!(is_of_a_roll_call(&sent.text.body), "{case}: {}", sent.text.body);
            }
            Answer::NotSent(why) => assert!(want != S::Sending && !why.is_empty(), "{case}: {why}"),
            other => panic!("no answer to a claim: {other:?}"),
        }
        assert_eq!(roll.states(), [want], "{case}");
    }
    assert!(!is_of_a_roll_call("7K3Q-1 Acme: no heat, 12 Oak St. Reply 1 to take it, 2 to pass."));
}

#[test]
fn a_lost_text_alarms_where_it_asked_and_no_answer_came_by_another_way() {
    use StandaloneKind::{Alert, Ask};
    for (kind, was, want) in
        [(Ask, R::Asked, R::Failed), (Ask, R::Confirmed, R::Confirmed), (Alert, R::Silent, R::Silent)]
    {
        let mut of = asked();
        let text = with_text(&mut of, kind, S::Sending);
        of.state = was;
        let mut roll = Roll::new(vec![of]);
        roll.on(RollCallEvent::Sent { text, outcome: accepted(1, "queued", None) });
        assert_eq!(roll.states(), [S::Submitted], "{kind}, {was}");
        let lost = update(Some(text), 1, "undelivered", Some(30_006), Source::Receipt);
        let change = roll.apply(&Event::StatusUpdate(lost));
        assert_eq!((roll.only().state, roll.states()[0]), (want, S::Failed), "{kind}, {was}");
        let raised = change.alerts.iter().find_map(|a| match a {
            AlertChange::Raise { key, message, .. } if *key == AlertKind::RollCall.about(rol(7)) => Some(message),
            _ => None,
        });
        assert_eq!(raised.is_some(), want != was, "{kind}, {was}");
        if let Some(words) = raised {
            for part in ["Ana Reyes", "night", "the text to them failed"] {
                assert!(words.contains(part), "{words}");
            }
        }
    }
}

/// Who is due at this moment, of which rotation, and until when.
fn who(directory: &Directory, time: RollCallTime, now: Timestamp) -> Vec<String> {
    let all = due(directory, time, now);
    let mut all: Vec<String> = all.iter().map(|n| format!("{} {} {}", n.rotation, n.contact, n.until)).collect();
    all.sort_unstable();
    all
}

#[test]
fn who_holds_a_shift_by_an_exception_is_asked_and_whoever_handed_it_over_is_not() {
    let half_past_four = RollCallTime::At(jiff::civil::time(16, 30, 0, 0));
    let (from, until, now) = (at(FROM), at(UNTIL), at(ASKED));
    let noon = now.plus(mins(20 * 60));
    let (later, past_it) = (now.plus(mins(60)), until.plus(mins(5)));
    // From when until when Sam holds it in her place, and when it is looked at; who is asked, until when they hold it.
    for (taken, at, want) in [
        (None, now, Some(("ana", until))),
        (Some((from, noon)), now, Some(("sam", noon))),
        (Some((from, past_it)), now, Some(("sam", until))),
        (Some((now.plus(mins(30)), until)), later, None),
    ] {
        let mut directory = directory();
        directory.overrides = taken.into_iter().map(|(from, until)| taken_over("night", "sam", from, until)).collect();
        let want: Vec<String> = want.into_iter().map(|(who, until)| format!("night {who} {until}")).collect();
        assert_eq!(who(&directory, half_past_four, at), want, "taken over: {taken:?}");
    }
}

#[test]
fn whoever_holds_the_role_by_another_way_than_the_rotation_is_not_asked_for_its_shift() {
    let half_past_four = RollCallTime::At(jiff::civil::time(16, 30, 0, 0));
    let (from, until, now) = (at(FROM), at(UNTIL), at(ASKED));
    let mut beside = directory();
    beside.default_line.team = Some(vec![in_turn("night", "primary"), always("olga", "primary")]);
    assert_eq!(who(&beside, half_past_four, now), [format!("night ana {until}")], "Olga always holds it");
    // Two rotations of one role; Olga has taken over the turn of one.
    let mut two = directory();
    two.rotations.push(weekly("day"));
    two.default_line.team = Some(vec![in_turn("night", "primary"), in_turn("day", "primary")]);
    two.overrides = vec![taken_over("day", "olga", from, until)];
    let want = [format!("day olga {until}"), format!("night ana {until}")];
    assert_eq!(who(&two, half_past_four, now), want);
}

#[test]
fn an_event_that_names_nobody_is_no_shift_of_whoever_is_on_duty_beside_it() {
    let mut directory = directory();
    directory.rotations[0].lists.clear();
    let (from, until) = (at("2026-10-27T07:00:00Z"), at("2026-10-27T19:00:00Z"));
    let event = |who: Result<&str, &str>, from, until| CalendarShift {
        from,
        until,
        who: who.map(|id| vec![id.parse().expect("a contact")]).map_err(str::to_owned),
        event: "e".into(),
    };
    let all = vec![event(Ok("sam"), from, until), event(Err("Dentist"), from.plus(mins(60)), until.minus(mins(60)))];
    directory.calendars.insert("night".parse().expect("a rotation"), CalendarShifts::new(all));
    let asked = due(&directory, RollCallTime::Before(mins(30)), from.plus(mins(90)));
    let asked: Vec<_> = asked.iter().map(|n| (n.contact.as_str(), n.from, n.until)).collect();
    assert_eq!(asked, [("sam", from, until)]);
}
