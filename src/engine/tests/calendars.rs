//! Calendars that say who is on call: what replaces what is kept, what alerts, and who is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::oncall::{directory, holder};
use crate::domain::ical::Refused;
use crate::domain::oncall::{CalendarPart, CalendarRules, OverrideId, OverrideKind, OverrideScope};
use crate::domain::team::Directory;
use crate::engine::oncall::calendars::{
    CalendarAddress, CalendarReader, forget_alerts_of_others, refused_said, source_id,
};
use crate::engine::oncall::watch::OnCallWatch;
use crate::gateways::calendar::{CalendarSource, Fetched};
use crate::store::{CalendarOutcome, CalendarRead};
use crate::testing::world::{START, Setup};
use crate::testing::{World, mins};

const HOUR: Duration = Duration::from_secs(3_600);

/// Gives what it was told to, in order, and is what it was where nothing is left.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Result<Fetched, String>>>,
    asked: Mutex<Vec<Option<String>>>,
}

#[async_trait]
impl CalendarSource for Script {
    async fn fetch(&self, etag: Option<&str>) -> Result<Fetched, String> {
        self.asked.lock().expect("not poisoned").push(etag.map(str::to_owned));
        self.answers.lock().expect("not poisoned").pop_front().unwrap_or(Ok(Fetched::Same))
    }
}

/// The rotation of [`directory`], by a calendar.
fn by_calendar(has_overrides: bool) -> Directory {
    let mut d = directory();
    let people = BTreeMap::from([("Night shift".to_owned(), "olga".parse().expect("id"))]);
    d.rotations[0].lists.clear();
    d.rotations[0].calendar = Some(CalendarRules { people, has_overrides });
    d
}

/// Events of whole hours from the start of the world on.
fn calendar(events: &[(&str, u32, u32)]) -> Vec<u8> {
    let at = |hour: u32| {
        let at = jiff::Timestamp::from_millisecond(START.plus(HOUR * hour).as_millis()).expect("a time");
        at.strftime("%Y%m%dT%H%M%SZ").to_string()
    };
    let event = |(n, (who, from, until)): (usize, &(&str, u32, u32))| {
        let (from, until) = (at(*from), at(*until));
        format!("BEGIN:VEVENT\r\nUID:{n}-{from}\r\nSUMMARY:{who}\r\nDTSTART:{from}\r\nDTEND:{until}\r\nEND:VEVENT\r\n")
    };
    let events: String = events.iter().enumerate().map(event).collect();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n").into_bytes()
}

fn text(bytes: Vec<u8>, etag: &str) -> Result<Fetched, String> {
    Ok(Fetched::Text { bytes, etag: Some(etag.to_owned()) })
}

struct Scene {
    w: World,
    script: Arc<Script>,
    reader: Arc<CalendarReader>,
}

impl Scene {
    async fn new() -> Self {
        let w = World::with(Setup { directory: by_calendar(false), ..Setup::default() }).await;
        let script = Arc::<Script>::default();
        let reader = Self::reader(&w, &script, "a");
        Self { w, script, reader }
    }

    fn reader(w: &World, script: &Arc<Script>, place: &str) -> Arc<CalendarReader> {
        let address = CalendarAddress { id: source_id(place), source: script.clone() };
        CalendarReader::new(w.process.core.clone(), "night".parse().expect("id"), CalendarPart::Events, Some(address))
    }

    /// One reading that gives this.
    async fn reads(&self, answer: Result<Fetched, String>) {
        self.script.answers.lock().expect("not poisoned").push_back(answer);
        self.reader.pass().await.expect("read");
    }

    async fn alerts(&self) -> Vec<String> {
        let all = self.w.process.store.alerts().await.expect("alerts");
        let ours = all.into_iter().filter(|a| a.key.to_string().starts_with("oncall-"));
        ours.filter(|a| !a.key.to_string().starts_with("oncall-changed"))
            .map(|a| format!("{} {}", a.key, a.message))
            .collect()
    }
}

fn weeks(who: &[&str]) -> Vec<u8> {
    let events: Vec<(&str, u32, u32)> = who.iter().zip(0..).map(|(who, n)| (*who, n * 168, (n + 1) * 168)).collect();
    calendar(&events)
}

#[tokio::test]
async fn a_calendar_says_who_is_told_and_why_and_what_it_changes_is_said_once() {
    let mut s = Scene::new().await;
    let watch = OnCallWatch::new(s.w.process.engine.clone());
    watch.pass().await.expect("looked");
    assert_eq!(holder(&s.w).await, "", "none was read yet");
    s.reads(text(calendar(&[("Sam Ortiz", 0, 1), ("Night shift", 1, 12)]), "1")).await;
    assert_eq!(holder(&s.w).await, "sam");
    s.w.dispatch("normal").await;
    s.w.tech("sam").expect_sms("Burst pipe");
    let why = s.w.attempt(1).await.recipient.why.expect("why");
    assert!(why.starts_with("calendar of night, event 0-2026"), "{why}");
    s.w.away(HOUR);
    assert_eq!(holder(&s.w).await, "olga", "by calendar_people");
    watch.pass().await.expect("looked");
    s.reads(text(calendar(&[("Sam Ortiz", 0, 1), ("Ana Reyes", 1, 12)]), "2")).await;
    assert_eq!(holder(&s.w).await, "ana");
    let changed =
        async |s: &Scene| s.w.log_of(None).await.matches("who is on call in the next 14 days has changed").count();
    let before = changed(&s).await;
    watch.pass().await.expect("looked");
    assert_eq!(changed(&s).await, before + 1);
    for _ in 0..3 {
        s.reads(Ok(Fetched::Same)).await;
        watch.pass().await.expect("looked");
    }
    assert_eq!(changed(&s).await, before + 1, "once");
    let log = s.w.log_of(None).await;
    assert!(log.contains("oncall.changed") && log.contains("oncall.calendar"), "{log}");
    assert_eq!(s.script.asked.lock().expect("not poisoned").last().cloned().flatten().as_deref(), Some("2"));
    // A restart goes on with what is kept, whether or not its place answers.
    s.w.restart().await;
    assert_eq!(holder(&s.w).await, "ana");
}

#[tokio::test]
async fn what_is_no_calendar_leaves_what_is_kept_and_alerts_after_a_day() {
    let s = Scene::new().await;
    s.reads(Err("it answered HTTP 503".into())).await;
    let first = s.alerts().await;
    assert!(
        first.len() == 1 && first[0].contains("none was read before") && first[0].contains("HTTP 503"),
        "{first:?}"
    );
    s.reads(text(weeks(&["sam", "ana", "sam", "ana"]), "1")).await;
    assert_eq!((holder(&s.w).await.as_str(), s.alerts().await), ("sam", Vec::new()));
    let bad: [Result<Fetched, String>; 7] = [
        Err("it answered HTTP 500".into()),
        Err("no answer in time".into()),
        Err("it is larger than 5 MiB".into()),
        text(Vec::new(), "2"),
        text(b"<html>Sign in</html>".to_vec(), "3"),
        text(b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n".to_vec(), "4"),
        text(vec![0xff; 64], "5"),
    ];
    for answer in bad {
        let label = format!("{answer:?}");
        s.reads(answer).await;
        assert_eq!((holder(&s.w).await.as_str(), s.alerts().await), ("sam", Vec::new()), "{label}");
        let states = s.w.process.store.calendar_states().await.expect("read");
        assert!(states[0].failing.is_some() && states[0].etag.as_deref() == Some("1"), "{label}: {states:?}");
    }
    s.w.away(HOUR * 25);
    s.reads(Err("it answered HTTP 404".into())).await;
    let stale = s.alerts().await;
    assert!(stale.len() == 1 && stale[0].contains("for 24 h") && stale[0].contains("HTTP 404"), "{stale:?}");
    s.reads(Err("no answer in time".into())).await;
    assert_eq!(s.alerts().await, stale, "other words for the same fault are no news");
    s.reads(Ok(Fetched::Same)).await;
    assert_eq!((holder(&s.w).await.as_str(), s.alerts().await), ("sam", Vec::new()), "what it was is what it is");
}

#[tokio::test]
async fn a_calendar_that_lost_most_of_its_shifts_waits_until_a_person_accepts_it() {
    let mut s = Scene::new().await;
    s.reads(text(weeks(&["sam", "ana", "sam", "ana", "sam", "ana"]), "1")).await;
    s.reads(text(calendar(&[("Ana Reyes", 0, 168), ("Sam Ortiz", 168, 336)]), "2")).await;
    assert_eq!(holder(&s.w).await, "sam", "the one of before stands");
    let said = s.alerts().await;
    assert!(said.len() == 1 && said[0].contains("2 coming shifts where it had 6"), "{said:?}");
    assert!(said[0].contains("`dispatchctl oncall accept-calendar night`"), "{said:?}");
    s.reads(Ok(Fetched::Same)).await;
    assert_eq!((holder(&s.w).await.as_str(), s.alerts().await), ("sam", said), "said once");
    s.w.restart().await;
    s.reader = Scene::reader(&s.w, &s.script, "a");
    let accepted = s.w.process.store.accept_calendars(&"night".parse().expect("id"), "kim", s.w.now()).await;
    assert_eq!(accepted.expect("done"), [CalendarPart::Events]);
    assert_eq!(holder(&s.w).await, "ana", "at once");
    s.reads(Ok(Fetched::Same)).await;
    assert_eq!((holder(&s.w).await.as_str(), s.alerts().await), ("ana", Vec::new()));
    assert_eq!(s.script.asked.lock().expect("not poisoned").last().cloned().flatten().as_deref(), Some("2"));

    // Time takes the shifts of the one that is kept: a small one has half of the rest some day.
    s.reads(text(calendar(&[("Sam Ortiz", 0, 168)]), "3")).await;
    assert_eq!(holder(&s.w).await, "sam", "one of two is half");
    s.reads(text(weeks(&["sam", "ana", "sam", "ana", "sam", "ana"]), "4")).await;
    s.reads(text(calendar(&[("Olga Lind", 0, 2_000)]), "5")).await;
    assert_eq!(holder(&s.w).await, "sam");
    s.w.away(HOUR * 168 * 4);
    s.reads(Ok(Fetched::Same)).await;
    assert_eq!((holder(&s.w).await.as_str(), s.alerts().await), ("olga", Vec::new()), "one of two that are left");
}

#[tokio::test]
async fn another_place_is_another_calendar_and_is_not_asked_for_a_version_of_the_first() {
    let mut s = Scene::new().await;
    s.reads(text(weeks(&["sam", "ana", "sam", "ana"]), "1")).await;
    s.reader = Scene::reader(&s.w, &s.script, "b");
    s.reads(text(calendar(&[("Ana Reyes", 0, 168)]), "1")).await;
    assert_eq!(holder(&s.w).await, "ana", "whoever configures another one means it");
    assert_eq!(s.script.asked.lock().expect("not poisoned").last(), Some(&None));
}

#[tokio::test]
async fn another_place_that_is_empty_changes_nobody_and_waits_until_it_has_any_shift() {
    let mut s = Scene::new().await;
    s.reads(text(weeks(&["sam", "ana", "sam", "ana"]), "1")).await;
    s.reader = Scene::reader(&s.w, &s.script, "b");
    s.reads(text(calendar(&[]), "1")).await;
    assert_eq!(holder(&s.w).await, "sam");
    let said = s.alerts().await;
    assert!(said.len() == 1 && said[0].contains("of another place and has no coming shifts"), "{said:?}");
    s.reads(Ok(Fetched::Same)).await;
    assert_eq!(holder(&s.w).await, "sam", "also once it was read before");
    s.reads(text(calendar(&[("Ana Reyes", 0, 168)]), "2")).await;
    assert_eq!((holder(&s.w).await.as_str(), s.alerts().await), ("ana", Vec::new()));
}

#[tokio::test]
async fn a_calendar_that_waits_keeps_its_reason_and_a_place_that_is_dead_is_said() {
    let s = Scene::new().await;
    s.reads(text(weeks(&["sam", "ana", "sam", "ana"]), "1")).await;
    s.reads(text(calendar(&[]), "2")).await;
    s.reads(Err("it answered HTTP 503".into())).await;
    let said = s.alerts().await;
    assert!(said.len() == 1 && said[0].contains("0 coming shifts") && !said[0].contains("503"), "{said:?}");
    s.w.away(HOUR * 24);
    s.reads(Err("it answered HTTP 503".into())).await;
    let said = s.alerts().await;
    assert!(said.len() == 1 && said[0].contains("503") && said[0].contains("0 coming shifts"), "{said:?}");
    s.reads(Ok(Fetched::Same)).await;
    let said = s.alerts().await;
    assert!(said.len() == 1 && !said[0].contains("503") && said[0].contains("0 coming shifts"), "{said:?}");
}

#[tokio::test]
async fn what_is_not_understood_and_who_is_nobody_is_said_by_its_text() {
    let s = Scene::new().await;
    let odd = "BEGIN:VEVENT\r\nUID:9\r\nSUMMARY:Sam's hours\r\nDTSTART;TZID=Nowhere:20261122T080000\r\nDTEND;TZID=Nowhere:20261122T200000\r\nEND:VEVENT\r\nEND:VCALENDAR";
    let with = |events: &[(&str, u32, u32)]| {
        String::from_utf8(calendar(events)).expect("text").replace("END:VCALENDAR", odd).into_bytes()
    };
    s.reads(text(with(&[("Samm", 1, 12), ("Ana Reyes", 12, 200)]), "1")).await;
    let said = s.alerts().await;
    assert!(said.len() == 1 && said[0].contains("\"Sam's hours\"") && said[0].contains("Nowhere"), "{said:?}");
    OnCallWatch::new(s.w.process.engine.clone()).pass().await.expect("looked");
    let gaps: Vec<String> = s.w.process.store.alerts().await.expect("alerts").into_iter().map(|a| a.message).collect();
    assert!(gaps.iter().any(|m| m.contains("the calendar says \"Samm\", which is no contact")), "{gaps:?}");
    s.reads(text(calendar(&[("Sam Ortiz", 1, 12), ("Ana Reyes", 12, 200)]), "2")).await;
    assert_eq!(s.alerts().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_calendar_of_overrides_wins_and_an_exception_wins_over_both() {
    let w = World::with(Setup { directory: by_calendar(true), ..Setup::default() }).await;
    let keep = async |part, text: Vec<u8>| {
        let outcome = CalendarOutcome::Taken { text, etag: None, said: Some("read".into()) };
        let rotation = "night".parse().expect("id");
        let read = CalendarRead { rotation, part, source: "a".into(), at: START, outcome };
        w.process.store.keep_calendar(&read).await.expect("kept");
    };
    keep(CalendarPart::Events, calendar(&[("Sam Ortiz", 0, 48)])).await;
    assert_eq!(holder(&w).await, "sam");
    keep(CalendarPart::Overrides, calendar(&[("Ana Reyes", 0, 2)])).await;
    assert_eq!(holder(&w).await, "ana");
    let taken = crate::domain::oncall::DutyOverride {
        id: OverrideId::from_uuid(uuid::Uuid::from_u128(1)),
        scope: OverrideScope::Rotation("night".parse().expect("id")),
        kind: OverrideKind::Take,
        contact: "olga".parse().expect("id"),
        from: w.now(),
        until: w.now().plus(HOUR),
        note: String::new(),
        by: "office".into(),
        made_at: w.now(),
        source: None,
        asked: None,
        withdrawn: None,
    };
    w.process.store.make_override(&taken).await.expect("made");
    assert_eq!(holder(&w).await, "olga");
    w.away(HOUR);
    assert_eq!(holder(&w).await, "ana");
    w.away(HOUR);
    assert_eq!(holder(&w).await, "sam");
}

#[tokio::test]
async fn a_process_without_a_place_says_so_and_alerts_of_calendars_that_are_gone_end() {
    let s = Scene::new().await;
    s.reads(text(weeks(&["sam", "ana"]), "1")).await;
    let core = s.w.process.core.clone();
    let blind = CalendarReader::new(core.clone(), "night".parse().expect("id"), CalendarPart::Events, None);
    blind.pass().await.expect("looked");
    let said = s.alerts().await;
    assert!(said.len() == 1 && said[0].contains("no place for it") && said[0].contains("SIGHUP"), "{said:?}");
    assert_eq!(holder(&s.w).await, "sam");
    forget_alerts_of_others(&core, &[]).await.expect("forgotten");
    assert_eq!(s.alerts().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_window_moves_along_with_the_days() {
    let s = Scene::new().await;
    let first = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Sam Ortiz\r\nDTSTART;VALUE=DATE:20261101\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    s.reads(text(first.as_bytes().to_vec(), "1")).await;
    assert_eq!(holder(&s.w).await, "sam");
    let last = |s: &Scene| {
        let directory = s.w.process.core.directory();
        let all = directory.calendars.values().next().expect("a calendar").all().to_vec();
        all.last().map(|e| e.until).unwrap_or_default()
    };
    let before = last(&s);
    s.w.away(HOUR * 24 * 10 + mins(5));
    s.reads(Ok(Fetched::Same)).await;
    assert_eq!(last(&s).since(before), HOUR * 24 * 10);
    assert_eq!(holder(&s.w).await, "sam");
}

#[tokio::test]
async fn what_was_read_counts_for_the_next_decision_without_another_look() {
    let s = Scene::new().await;
    s.reads(text(weeks(&["sam", "ana"]), "1")).await;
    let d = s.w.process.core.directory();
    let all = d.holders(&d.default_line, &"primary".parse().expect("role"), s.w.now());
    assert_eq!(all.iter().map(|h| h.contact.id.as_str()).collect::<Vec<_>>(), ["sam"]);
}

#[tokio::test]
async fn two_calendars_of_a_rotation_are_judged_and_alert_each_by_itself() {
    let w = World::with(Setup { directory: by_calendar(true), ..Setup::default() }).await;
    let events = Arc::<Script>::default();
    let mut s = Scene { reader: Scene::reader(&w, &events, "a"), script: events, w };
    s.reads(text(weeks(&["sam", "ana", "sam", "ana", "sam", "ana"]), "1")).await;
    s.script = Arc::default();
    let address = CalendarAddress { id: source_id("b"), source: s.script.clone() };
    let core = s.w.process.core.clone();
    s.reader = CalendarReader::new(core.clone(), "night".parse().expect("id"), CalendarPart::Overrides, Some(address));
    s.reads(Err("it answered HTTP 503".into())).await;
    let said = s.alerts().await;
    assert!(said.len() == 1 && said[0].contains("calendar_overrides of night cannot be read"), "{said:?}");
    forget_alerts_of_others(&core, std::slice::from_ref(&s.reader)).await.expect("looked");
    assert_eq!(s.alerts().await, said, "of a calendar that the settings name it stands");
    assert_eq!(holder(&s.w).await, "sam");
    s.reads(text(calendar(&[("Ana Reyes", 0, 2)]), "1")).await;
    assert_eq!((holder(&s.w).await.as_str(), s.alerts().await), ("ana", Vec::new()));
    s.reads(text(calendar(&[("Olga Lind", 0, 2)]), "2")).await;
    assert_eq!((holder(&s.w).await.as_str(), s.alerts().await), ("olga", Vec::new()), "one of its one, not of six");
}

#[test]
fn ten_events_that_are_not_understood_are_named_and_further_ones_counted() {
    let event = |n: usize| Refused { uid: format!("event-{n}"), title: String::new(), why: "odd".into() };
    let said = |count: usize| refused_said(&(0..count).map(event).collect::<Vec<_>>());
    assert!(said(10).ends_with("\"event-9\" (odd)"), "{}", said(10));
    assert!(said(12).ends_with("\"event-9\" (odd); and 2 more"), "{}", said(12));
    let titled = Refused { title: "Kim +19495550104".into(), ..event(1) };
    let said = refused_said(&[titled]);
    assert!(said.starts_with("\"Kim ") && !said.contains("555"), "by its title, without the number: {said}");
}
