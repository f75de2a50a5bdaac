//! `[[rotations]]`: who takes turns, from when on, and when one hands over to the next.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::calendar_types::CalendarAt;
use super::calendars::calendar;
use super::known::{Known, unknown_contact, why};
use super::raw::Value;
use super::read::{Found, Reader, Section};
use crate::domain::hours::{self, HOURS_FORM, Hours};
use crate::domain::oncall::{MemberList, Rotation, RotationId};
use crate::domain::team::{Line, TeamWho};
use crate::domain::types::ContactId;

const ID_FORM: &str = "1 to 64 visible characters without spaces, like \"night\"";
const TIME_FORM: &str = "a time of the wall clock, like \"08:00\"";
const EVERY_FORM: &str = "whole days or weeks, like \"1w\" or \"3d\", at least a day";
const DATE_FORM: &str = "a date in quotes, like \"2026-10-05\"";
const DAY_FORM: &str = "days of the week, like [\"mon\", \"tue\"]";
const MEMBERS_FORM: &str =
    "the ids of contacts in order, like [\"sam\", \"ana\"]; [\"sam\", \"joe\"] in place of one: together";
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// The longest turn.
const EVERY_MAX_DAYS: u32 = 366;

/// A rotation whose zone may still be that of a line.
pub(super) struct Draft {
    rotation: Rotation,
    /// Its own zone, where it names one.
    zone: Option<TimeZone>,
    key: String,
    origin: Option<super::origin::Origin>,
    calendars: Vec<CalendarAt>,
}

/// Reads all of them; those that are wrong are told and left out, but for their ids.
pub(super) fn rotations(r: &mut Reader, root: &mut Section, known: Known<'_>) -> (Vec<Draft>, Vec<RotationId>) {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut ids: Vec<RotationId> = Vec::new();
    for s in r.sections(root, "rotations").unwrap_or_default() {
        let (id, draft) = rotation(r, s, known, &ids);
        ids.extend(id);
        drafts.extend(draft);
    }
    (drafts, ids)
}

fn rotation(
    r: &mut Reader,
    mut s: Section,
    known: Known<'_>,
    others: &[RotationId],
) -> (Option<RotationId>, Option<Draft>) {
    let reported_before = r.problems.len();
    let id = r.parsed(&mut s, "id", ID_FORM, |s| s.parse::<RotationId>().map_err(why), ToString::to_string);
    r.require(&s, "id", id.is_some(), ID_FORM);
    if let Some(id) = &id
        && others.iter().any(|other| other.as_str().eq_ignore_ascii_case(id.value.as_str()))
    {
        r.wrong(id.origin.clone(), &id.key, format!("{} is another rotation's id", id.value), "an id of its own");
    }
    let zone = super::people::time_zone(r, &mut s).and_then(|name| TimeZone::get(&name).ok());
    let handoff = r.parsed(&mut s, "handoff", TIME_FORM, clock, shown_time);
    let calendar = calendar(r, &mut s, id.as_ref().map(|f| &f.value), known);
    if let Some(calendar) = calendar {
        let hours = hours(r, &mut s);
        let (key, origin) = (s.key("time_zone"), s.origin.clone());
        r.finish(s);
        let id_value = id.as_ref().map(|f| f.value.clone());
        let (Some(id), true) = (id, r.problems.len() == reported_before) else { return (id_value, None) };
        let rotation = Rotation {
            id: id.value,
            zone: zone.clone().unwrap_or(TimeZone::UTC),
            // Whole days of a calendar go from handoff to handoff; as calendars show them where none is said.
            handoff: handoff.map_or(Time::midnight(), |f| f.value),
            period_days: 1,
            lists: Vec::new(),
            days: None,
            hours,
            calendar: Some(calendar.rules),
        };
        return (id_value, Some(Draft { rotation, zone, key, origin, calendars: calendar.places }));
    }
    r.require(&s, "handoff", handoff.is_some(), TIME_FORM);
    let every = r.parsed(&mut s, "every", EVERY_FORM, every, |days| format!("{days}d"));
    r.require(&s, "every", every.is_some(), EVERY_FORM);
    let days = days(r, &mut s);
    if let (Some((_, key, origin)), Some(every)) = (&days, &every)
        && every.value != 1
    {
        r.wrong(origin.clone(), key, "goes with every = \"1d\" alone", "every = \"1d\", or no days");
    }
    let first = list(r, &mut s, known);
    let lists = lists(r, &mut s, first, known);
    let hours = hours(r, &mut s);
    let (key, origin) = (s.key("time_zone"), s.origin.clone());
    r.finish(s);
    let id_value = id.as_ref().map(|f| f.value.clone());
    let (Some(id), Some(handoff), Some(every), true) = (id, handoff, every, r.problems.len() == reported_before) else {
        return (id_value, None);
    };
    let rotation = Rotation {
        id: id.value,
        zone: zone.clone().unwrap_or(TimeZone::UTC),
        handoff: handoff.value,
        period_days: every.value,
        lists,
        days: days.map(|(days, ..)| days),
        hours,
        calendar: None,
    };
    (id_value, Some(Draft { rotation, zone, key, origin, calendars: Vec::new() }))
}

/// The list and its dated changes, in the order of their dates.
fn lists(r: &mut Reader, s: &mut Section, first: Option<MemberList>, known: Known<'_>) -> Vec<MemberList> {
    let mut lists: Vec<MemberList> = first.into_iter().collect();
    for mut change in r.sections(s, "changes").unwrap_or_default() {
        let key = change.key("starts");
        let origin = change.origin.clone();
        let list = list(r, &mut change, known);
        r.finish(change);
        let Some(list) = list else { continue };
        if lists.last().is_some_and(|before| list.starts <= before.starts) {
            r.wrong(origin, &key, "is not after the date before it", "changes in the order of their dates");
        }
        lists.push(list);
    }
    lists
}

/// `starts` and `members` of a rotation or of a change.
fn list(r: &mut Reader, s: &mut Section, known: Known<'_>) -> Option<MemberList> {
    let parse = |text: &str| text.trim().parse::<Date>().map_err(|_| "is not a date".to_owned());
    let starts = r.parsed(s, "starts", DATE_FORM, parse, ToString::to_string);
    r.require(s, "starts", starts.is_some(), DATE_FORM);
    let members = members(r, s, known);
    r.require(s, "members", members.is_some(), MEMBERS_FORM);
    Some(MemberList { starts: starts?.value, members: members? })
}

fn members(r: &mut Reader, s: &mut Section, known: Known<'_>) -> Option<Vec<Vec<ContactId>>> {
    let key = s.key("members");
    let node = r.take(s, "members")?;
    let (origin, layer) = (node.origin.clone(), node.layer);
    let Value::List(items) = node.value else {
        r.wrong(origin, &key, format!("is {}", node.value.kind()), MEMBERS_FORM);
        return None;
    };
    let mut turns = Vec::new();
    for (place, item) in items.into_iter().enumerate() {
        let key = format!("{key}[{place}]");
        let together = match item.value {
            Value::List(several) => several,
            _ => vec![item],
        };
        let mut turn = Vec::new();
        for node in together {
            let read = match &node.value {
                Value::Text(text) => text.parse::<ContactId>().map_err(why),
                other => Err(format!("is {}", other.kind())),
            };
            match read {
                Ok(value) => {
                    let found = Found { value, key: key.clone(), origin: node.origin, layer };
                    if !known.has(&found.value) {
                        unknown_contact(r, &found, known.ids);
                    }
                    turn.push(found.value);
                }
                Err(what) => r.wrong(node.origin, &key, what, MEMBERS_FORM),
            }
        }
        if turn.is_empty() {
            r.wrong(origin.clone(), &key, "names nobody", MEMBERS_FORM);
        }
        turns.push(turn);
    }
    let shown: Vec<String> =
        turns.iter().map(|turn| turn.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")).collect();
    r.show(&key, shown.join(", "), &origin);
    if turns.is_empty() {
        r.wrong(origin, &key, "is empty", MEMBERS_FORM);
    }
    Some(turns)
}

fn hours(r: &mut Reader, s: &mut Section) -> Option<Hours> {
    let key = s.key("hours");
    let span = |s: &str| Hours::read([s]).map(|_| s.to_owned()).map_err(why);
    let found = r.list(s, "hours", HOURS_FORM, span, Clone::clone)?;
    let origin = found.first().map(|f| f.origin.clone());
    let hours = Hours::read(found.iter().map(|f| f.value.as_str())).ok()?;
    if let Some((one, other)) = hours.overlap() {
        let what = match one == other {
            true => format!("{one} runs into itself"),
            false => format!("{one} and {other} overlap"),
        };
        r.wrong(origin, &key, what, "hours that have no time in common");
    }
    Some(hours)
}

type Days = ([bool; 7], String, super::origin::Origin);

fn days(r: &mut Reader, s: &mut Section) -> Option<Days> {
    let key = s.key("days");
    let parse = |text: &str| {
        let word = text.trim().to_lowercase();
        DAYS.iter().position(|day| *day == word).ok_or_else(|| "is no day of the week".to_owned())
    };
    let shown = |day: &usize| DAYS.get(*day).copied().unwrap_or_default().to_owned();
    let found = r.list(s, "days", DAY_FORM, parse, shown)?;
    let origin = found.first().map(|f| f.origin.clone())?;
    let mut days = [false; 7];
    for day in &found {
        if let Some(on) = days.get_mut(day.value) {
            *on = true;
        }
    }
    Some((days, key, origin))
}

/// `08:00`; the end of a day is the beginning of the next, and is written so.
fn clock(text: &str) -> Result<Time, String> {
    hours::time(text).ok_or_else(|| "is no time of day".to_owned())
}

fn shown_time(time: &Time) -> String {
    time.strftime("%H:%M").to_string()
}

/// `3d`, `1w`: in days.
fn every(text: &str) -> Result<u32, String> {
    let text = text.trim().to_lowercase();
    let read = |end: char, days: u32| {
        let number = text.strip_suffix(end)?.parse::<u32>().ok()?;
        number.checked_mul(days).filter(|days| (1..=EVERY_MAX_DAYS).contains(days))
    };
    read('d', 1).or_else(|| read('w', 7)).ok_or_else(|| "is not whole days or weeks, of a year at most".to_owned())
}

/// Where the calendars of these rotations are.
pub(super) fn calendars(drafts: &[Draft]) -> Vec<CalendarAt> {
    drafts.iter().flat_map(|draft| draft.calendars.clone()).collect()
}

/// Gives each rotation without a zone that of the first line that uses it, else the shop's.
pub(super) fn settle_zones(r: &mut Reader, drafts: Vec<Draft>, default: &Line, lines: &[Line]) -> Vec<Rotation> {
    let mut all = Vec::new();
    for mut draft in drafts {
        let names = |line: &&Line| {
            let is = |who: &TeamWho| matches!(who, TeamWho::Rotation(id) if *id == draft.rotation.id);
            line.team.iter().flatten().any(|e| is(&e.who))
        };
        let mut users = lines.iter().filter(names).peekable();
        if users.peek().is_none() {
            r.warnings.push(format!("the rotation {} is in no line's team: it holds nothing", draft.rotation.id));
        }
        let mut zones = users.filter_map(|l| l.time_zone.as_deref());
        let first = zones.next();
        if draft.zone.is_none() && zones.any(|zone| Some(zone) != first) {
            let what = "is missing, and the lines that use it have several";
            r.wrong(draft.origin.clone(), &draft.key, what, super::people::ZONE_FORM);
            continue;
        }
        let by_line = || first.or(default.time_zone.as_deref()).and_then(|name| TimeZone::get(name).ok());
        match draft.zone.take().or_else(by_line) {
            Some(zone) => all.push(Rotation { zone, ..draft.rotation }),
            None => {
                let what =
                    "is missing: neither the rotation, nor its line, nor the shop says by which clock it hands over";
                r.wrong(draft.origin, &draft.key, what, super::people::ZONE_FORM);
            }
        }
    }
    all
}
