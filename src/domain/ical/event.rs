//! One VEVENT with its clock. What of it is not understood refuses it, by name.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::components::RawEvent;
use super::dates;
use super::lines::{Property, text};
use super::rule::{Rule, short};
use super::types::{About, Place};
use super::value::{self, Length, Moment};
use super::zones::Zones;
use crate::domain::oncall::instant;

/// The most additional or removed times of one event.
const TIMES_MAX: usize = 10_000;

/// When something begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum When {
    /// A whole day of the rotation.
    Day(Date),
    /// A time of a clock.
    At(DateTime, TimeZone),
}

impl When {
    /// A whole day begins at its handoff; a time is read as RFC 5545 §3.3.5 says: of a repeated one the first, one that is left
    /// out is moved on.
    pub(super) fn instant(&self, place: &Place) -> Option<jiff::Timestamp> {
        match self {
            Self::Day(date) => {
                let at = instant::instant(*date, place.handoff, &place.zone)?;
                jiff::Timestamp::from_millisecond(at.as_millis()).ok()
            }
            Self::At(local, zone) => zone.to_ambiguous_timestamp(*local).compatible().ok(),
        }
    }

    pub(super) fn date(&self) -> Date {
        match self {
            Self::Day(date) => *date,
            Self::At(local, _) => local.date(),
        }
    }

    /// The same time of another day.
    pub(super) fn on(&self, date: Date) -> Self {
        match self {
            Self::Day(_) => Self::Day(date),
            Self::At(local, zone) => Self::At(date.to_datetime(local.time()), zone.clone()),
        }
    }
}

/// How an event ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    /// So many days after its beginning.
    Days(i64),
    /// So much later as the same clock shows it: as people read it, also over a change of the clock.
    Wall(jiff::SignedDuration),
    /// After a length.
    After(Length),
    /// At this moment: of something that happens once.
    Instant(jiff::Timestamp),
}

impl End {
    /// `None`: beyond the years that can be counted.
    pub(super) fn of(&self, start: &When, place: &Place) -> Option<jiff::Timestamp> {
        let later = |days: i64| Some(start.on(dates::plus(start.date(), days)?));
        match (self, start) {
            (Self::Instant(at), _) => Some(*at),
            (Self::Days(days), _) => later(*days)?.instant(place),
            (Self::Wall(length), When::At(local, zone)) => {
                When::At(local.checked_add(*length).ok()?, zone.clone()).instant(place)
            }
            (Self::Wall(length), When::Day(_)) => later(days_of(*length))?.instant(place),
            (Self::After(length), _) => {
                let at = later(length.days)?.instant(place)?;
                at.checked_add(jiff::SignedDuration::from_secs(length.seconds)).ok()
            }
        }
    }

    /// No fewer days than it lasts.
    pub(super) fn days_at_most(&self) -> i64 {
        match self {
            Self::Days(days) => *days,
            Self::Wall(length) => days_of(*length),
            Self::After(length) => length.days + length.seconds / 86_400 + 1,
            Self::Instant(_) => 0,
        }
    }
}

/// A beginning that is added, with an end of its own or that of the event.
#[derive(Debug, Clone)]
pub(super) struct Added {
    pub start: When,
    pub end: Option<End>,
}

/// Beginnings that are taken out.
#[derive(Debug, Clone, Default)]
pub(super) struct Removed {
    instants: HashSet<jiff::Timestamp>,
    /// Given as a day: whatever begins on it.
    days: HashSet<Date>,
    /// The days of those given as a time, for what lasts whole days: by the rotation's clock where the time is UTC.
    dates: HashSet<Date>,
}

impl Removed {
    pub(super) fn add(&mut self, when: &When, place: &Place) {
        match when {
            When::Day(day) => drop(self.days.insert(*day)),
            When::At(local, zone) => {
                let at = when.instant(place);
                self.dates.insert(day_of(*local, zone, at, place));
                self.instants.extend(at);
            }
        }
    }

    /// Whether what begins then is taken out. `at` is the moment of `when`.
    pub(super) fn has(&self, when: &When, at: jiff::Timestamp) -> bool {
        self.days.contains(&when.date())
            || match when {
                When::Day(day) => self.dates.contains(day),
                When::At(..) => self.instants.contains(&at),
            }
    }
}

/// The day that a time means where whole days are named by times. Programs write the midnight of the calendar's own clock in UTC, so
/// it is the day there; midnight itself in UTC is a day that was never converted.
fn day_of(local: DateTime, zone: &TimeZone, at: Option<jiff::Timestamp>, place: &Place) -> Date {
    match at {
        Some(at) if *zone == TimeZone::UTC && local.time() != Time::midnight() => place.zone.to_datetime(at).date(),
        _ => local.date(),
    }
}

/// An event that is understood.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub about: Arc<About>,
    pub sequence: i64,
    /// Which occurrence of its series this is in place of.
    pub in_place_of: Option<When>,
    pub cancelled: bool,
    pub start: When,
    /// `None`: it has no length.
    pub end: Option<End>,
    pub rule: Option<Rule>,
    pub added: Vec<Added>,
    pub removed: Removed,
}

/// An event that is not understood.
#[derive(Debug)]
pub(super) struct NotUnderstood {
    pub about: Arc<About>,
    pub why: String,
    /// The one occurrence that it is about; `None`: all of its series.
    pub in_place_of: Option<When>,
}

/// A day that an event which cannot be read is surely over by; `None`: it may go on. What lasts or repeats is given a month.
pub(super) fn over_by(raw: &RawEvent<'_>) -> Option<Date> {
    let properties = raw.properties.as_slice();
    let has = |name: &str| properties.iter().any(|p| p.is(name));
    let day = |name: &str| {
        let days = properties.iter().filter(|p| p.is(name)).filter_map(|p| leading_day(p.value));
        days.max()
    };
    if has("RDATE") || has("EXRULE") {
        return None;
    }
    let rules = || properties.iter().filter(|p| p.is("RRULE"));
    let until = |rule: &Property<'_>| {
        let mut parts = rule.value.split(';').filter_map(|part| part.split_once('='));
        parts.find(|(name, _)| name.trim().eq_ignore_ascii_case("UNTIL")).and_then(|(_, day)| leading_day(day))
    };
    let untils: Vec<Option<Date>> = rules().map(until).collect();
    let repeats_until = untils.iter().copied().collect::<Option<Vec<Date>>>()?.into_iter().max();
    let last = day("DTSTART")?.max(day("DTEND").unwrap_or(Date::MIN)).max(repeats_until.unwrap_or(Date::MIN));
    let is_plain = has("DTEND") && repeats_until.is_none();
    dates::plus(last, if is_plain { 2 } else { 31 })
}

/// `20261122` at the front of a date or a time.
fn leading_day(text: &str) -> Option<Date> {
    let digits = text.trim().get(..8).filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i16>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// What one calendar's events are read with.
pub(super) struct Reader<'a> {
    pub zones: Zones,
    pub place: &'a Place,
    /// The clock of times that name none.
    pub floating: TimeZone,
}

impl Reader<'_> {
    /// # Errors
    /// What of it is not understood.
    pub(super) fn read(&mut self, raw: &RawEvent<'_>, number: usize) -> Result<Event, NotUnderstood> {
        let properties = raw.properties.as_slice();
        let about = Arc::new(about(properties, number));
        let one = |name: &str| properties.iter().find(|p| p.is(name));
        let in_place_of = match one("RECURRENCE-ID").map(|p| (p, self.when(p))) {
            None => None,
            Some((p, Ok(when))) if !p.param("RANGE").is_some_and(|r| r.eq_ignore_ascii_case("THISANDFUTURE")) => {
                Some(when)
            }
            Some((_, Ok(_))) => {
                let why = "RECURRENCE-ID with RANGE=THISANDFUTURE is not read".to_owned();
                return Err(NotUnderstood { about, why, in_place_of: None });
            }
            Some((_, Err(why))) => return Err(NotUnderstood { about, why, in_place_of: None }),
        };
        let wrong = |why: String| NotUnderstood { about: about.clone(), why, in_place_of: in_place_of.clone() };
        if let Some(line) = raw.unclosed {
            return Err(wrong(format!("the quotes of the line {:?} are not closed", short(line))));
        }
        let cancelled = one("STATUS").is_some_and(|p| p.value.trim().eq_ignore_ascii_case("CANCELLED"));
        let start = match one("DTSTART") {
            Some(p) => self.when(p).map_err(wrong)?,
            // What is cancelled may leave out when it was.
            None if cancelled => in_place_of.clone().unwrap_or(When::Day(Date::ZERO)),
            None => return Err(wrong("DTSTART is missing".to_owned())),
        };
        let end = if cancelled { None } else { self.end(properties, &start).map_err(wrong)? };
        let rule = if cancelled { None } else { rule(properties).map_err(wrong)? };
        if rule.is_some() && in_place_of.is_some() {
            return Err(wrong("RECURRENCE-ID and RRULE in one event".to_owned()));
        }
        let repeated = rule.is_some() || one("RDATE").is_some();
        let end = match (end, &start) {
            (Some(End::Instant(at)), When::At(local, zone)) if repeated => {
                Some(on_the_wall(*local, zone.to_datetime(at)).map_err(wrong)?)
            }
            (end, _) => end,
        };
        let mut event = Event {
            sequence: one("SEQUENCE").and_then(|p| p.value.trim().parse().ok()).unwrap_or(0),
            about: about.clone(),
            in_place_of: in_place_of.clone(),
            cancelled,
            start,
            end,
            rule,
            added: Vec::new(),
            removed: Removed::default(),
        };
        if !cancelled {
            self.times(properties, &mut event).map_err(wrong)?;
        }
        Ok(event)
    }

    /// RDATE and EXDATE.
    fn times(&mut self, properties: &[Property<'_>], event: &mut Event) -> Result<(), String> {
        let mut left = TIMES_MAX;
        for property in properties.iter().filter(|p| p.is("RDATE") || p.is("EXDATE")) {
            for text in property.value.split(',').filter(|t| !t.trim().is_empty()) {
                left = left.checked_sub(1).ok_or_else(|| format!("more than {TIMES_MAX} RDATE and EXDATE"))?;
                let (first, rest) = text.split_once('/').map_or((text, None), |(first, rest)| (first, Some(rest)));
                let start = self.moment_of(property, first)?;
                if property.is("EXDATE") {
                    event.removed.add(&start, self.place);
                    continue;
                }
                if matches!(start, When::Day(_)) != matches!(event.start, When::Day(_)) {
                    return Err("DTSTART is a day and RDATE a time, or the other way round".into());
                }
                let end = match rest {
                    None => None,
                    Some(rest) => Some(match value::length(rest) {
                        Some(length) => End::After(length),
                        None => {
                            let end = self.moment_of(property, rest)?;
                            End::Instant(end.instant(self.place).ok_or("an RDATE lies beyond all years")?)
                        }
                    }),
                };
                event.added.push(Added { start, end });
            }
        }
        Ok(())
    }

    fn when(&mut self, property: &Property<'_>) -> Result<When, String> {
        self.moment_of(property, property.value)
    }

    fn moment_of(&mut self, property: &Property<'_>, text: &str) -> Result<When, String> {
        let unread = || format!("{} {:?} is no date or time", short(property.name), short(text));
        match value::moment(text).ok_or_else(unread)? {
            Moment::Day(day) => Ok(When::Day(day)),
            Moment::Utc(at) => Ok(When::At(TimeZone::UTC.to_datetime(at), TimeZone::UTC)),
            Moment::Local(local) => {
                let zone = match property.param("TZID").filter(|name| !name.is_empty()) {
                    None => self.floating.clone(),
                    Some(name) => {
                        let unknown = || format!("the time zone {:?} is not known", short(name));
                        self.zones.named(name).ok_or_else(unknown)?
                    }
                };
                Ok(When::At(local, zone))
            }
        }
    }

    fn end(&mut self, properties: &[Property<'_>], start: &When) -> Result<Option<End>, String> {
        let one = |name: &str| properties.iter().find(|p| p.is(name));
        if let Some(p) = one("DTEND") {
            let end = self.when(p)?;
            return match (start, &end) {
                (When::Day(first), When::Day(last)) => {
                    let days = i64::from(first.until(*last).map(|s| s.get_days()).unwrap_or(-1));
                    // A day that ends on itself is one day.
                    if days < 0 { Err("DTEND is before DTSTART".into()) } else { Ok(Some(End::Days(days.max(1)))) }
                }
                (When::At(from, zone), When::At(until, of_end)) if zone == of_end => match from.cmp(until) {
                    Ordering::Equal => Ok(None),
                    Ordering::Less => on_the_wall(*from, *until).map(Some),
                    Ordering::Greater => Err("DTEND is before DTSTART".into()),
                },
                (When::At(..), When::At(..)) => match (start.instant(self.place), end.instant(self.place)) {
                    (Some(from), Some(until)) if until == from => Ok(None),
                    (Some(from), Some(until)) if from < until => Ok(Some(End::Instant(until))),
                    _ => Err("DTEND is before DTSTART".into()),
                },
                _ => Err("DTSTART is a day and DTEND a time, or the other way round".into()),
            };
        }
        let Some(p) = one("DURATION") else {
            return Ok(matches!(start, When::Day(_)).then_some(End::Days(1)));
        };
        let unread = || format!("DURATION {:?} is not understood", short(p.value));
        let length = value::length(p.value).ok_or_else(unread)?;
        match start {
            When::Day(_) if length.seconds != 0 => Err("a DURATION of hours with a DTSTART that is a day".into()),
            When::Day(_) => Ok(Some(End::Days(length.days.max(1)))),
            When::At(..) => Ok((length != Length::default()).then_some(End::After(length))),
        }
    }
}

/// The days that it takes part of at most, but for the first.
fn days_of(length: jiff::SignedDuration) -> i64 {
    length.as_secs() / 86_400 + 1
}

/// The end of something, by the clock of its beginning.
fn on_the_wall(start: DateTime, end: DateTime) -> Result<End, String> {
    let length = end.duration_since(start);
    if (0..=3_660 * 86_400).contains(&length.as_secs()) {
        Ok(End::Wall(length))
    } else {
        Err("DTEND is over ten years after DTSTART".into())
    }
}

fn rule(properties: &[Property<'_>]) -> Result<Option<Rule>, String> {
    if properties.iter().any(|p| p.is("EXRULE")) {
        return Err("EXRULE is not read".into());
    }
    let mut rules = properties.iter().filter(|p| p.is("RRULE"));
    let first = rules.next().map(|p| Rule::read(p.value)).transpose()?;
    if rules.next().is_some() { Err("several RRULE in one event".into()) } else { Ok(first) }
}

fn about(properties: &[Property<'_>], number: usize) -> About {
    let one = |name: &str| properties.iter().find(|p| p.is(name)).map(|p| text(p.value)).unwrap_or_default();
    let uid = Some(one("UID")).filter(|uid| !uid.is_empty());
    let attendees = properties.iter().filter(|p| p.is("ATTENDEE"));
    // Who has declined is not on duty.
    let attendees = attendees.filter(|p| !p.param("PARTSTAT").is_some_and(|s| s.eq_ignore_ascii_case("DECLINED")));
    let names = attendees.map(|p| (p.value.trim().to_owned(), p.param("CN").unwrap_or_default().to_owned()));
    About {
        uid: uid.unwrap_or_else(|| format!("event {number} of the calendar, without UID")),
        title: one("SUMMARY"),
        attendees: names.take(100).collect(),
    }
}
