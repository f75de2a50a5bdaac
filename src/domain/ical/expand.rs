//! The occurrences of a calendar's events within a window.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;

use super::dates::{self, Budget, Go};
use super::event::{Added, End, Event, NotUnderstood, Removed, When};
use super::rule::{Rule, Until};
use super::types::{About, Occurrence, Place, Refused, Unreadable, Window};

/// The most occurrences of a calendar within the window.
const OCCURRENCES_MAX: usize = 10_000;
/// The most days that are looked at for them.
const DAYS_MAX: u64 = 4_000_000;

/// Events by UID: the series, and what stands in place of single occurrences of it.
#[derive(Default)]
struct Series {
    whole: Option<Event>,
    /// By the moment of the occurrence.
    single: BTreeMap<jiff::Timestamp, Event>,
    removed: Removed,
    /// Part of it is not understood, and nobody knows which occurrences that is about.
    refused: bool,
}

/// An event that is not understood.
pub(super) enum Left {
    /// A person hears of it.
    Said(NotUnderstood),
    /// It was over before the window.
    Over(NotUnderstood),
}

/// What is left out, and why.
#[derive(Default)]
pub(super) struct Expanded {
    pub occurrences: Vec<Occurrence>,
    pub refused: Vec<Refused>,
}

/// # Errors
/// More occurrences than are read, or rules that cost too much.
pub(super) fn expand(events: Vec<Result<Event, Left>>, place: &Place, window: Window) -> Result<Expanded, Unreadable> {
    let mut expanded = Expanded::default();
    let mut all: HashMap<String, Series> = HashMap::new();
    for event in events {
        match event {
            Ok(event) => {
                let series = all.entry(event.about.uid.clone()).or_default();
                if let Some(lost) = series.take(event, place) {
                    expanded.refuse(&lost.about, "another event has the same UID and SEQUENCE".into());
                }
            }
            Err(left) => {
                let (event, is_said) = match left {
                    Left::Said(event) => (event, true),
                    Left::Over(event) => (event, false),
                };
                let series = all.entry(event.about.uid.clone()).or_default();
                match &event.in_place_of {
                    Some(when) => series.removed.add(when, place),
                    None => series.refused = true,
                }
                if is_said {
                    expanded.refuse(&event.about, event.why);
                }
            }
        }
    }
    let mut out = Out { place, window, budget: Budget(DAYS_MAX), found: Vec::new(), refused: Vec::new() };
    for series in all.into_values().filter(|s| !s.refused) {
        series.write(&mut out)?;
    }
    expanded.occurrences = out.found;
    out.refused.sort_by(|a, b| a.uid.cmp(&b.uid));
    expanded.refused.append(&mut out.refused);
    let key = |o: &Occurrence| (o.from, o.until);
    expanded.occurrences.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.about.uid.cmp(&b.about.uid)));
    Ok(expanded)
}

impl Expanded {
    fn refuse(&mut self, about: &About, why: String) {
        self.refused.push(Refused { uid: about.uid.clone(), title: about.title.clone(), why });
    }
}

impl Series {
    /// Of two with one key the higher SEQUENCE wins. Returned is the one that does not count, though nothing says that it is older.
    fn take(&mut self, event: Event, place: &Place) -> Option<Event> {
        let Some(when) = &event.in_place_of else {
            let (kept, lost) = newer(self.whole.take(), event);
            self.whole = Some(kept);
            return lost;
        };
        self.removed.add(when, place);
        let at = when.instant(place)?;
        let (kept, lost) = newer(self.single.remove(&at), event);
        self.single.insert(at, kept);
        lost
    }

    fn write(self, out: &mut Out<'_>) -> Result<(), Unreadable> {
        let Self { whole, single, removed, .. } = self;
        // A series that is cancelled takes what was moved of it along.
        if whole.as_ref().is_some_and(|w| w.cancelled) {
            return Ok(());
        }
        if let Some(whole) = whole {
            out.series(&whole, &removed)?;
        }
        for event in single.into_values().filter(|e| !e.cancelled) {
            out.series(&event, &Removed::default())?;
        }
        Ok(())
    }
}

/// The one that counts, and the other where it says something else and is not older.
fn newer(first: Option<Event>, second: Event) -> (Event, Option<Event>) {
    let Some(first) = first else { return (second, None) };
    let same = first.start == second.start && first.end == second.end && first.rule == second.rule;
    match first.sequence.cmp(&second.sequence) {
        Ordering::Greater => (first, None),
        Ordering::Less => (second, None),
        Ordering::Equal => (second, (!same).then_some(first)),
    }
}

/// What is found so far.
struct Out<'a> {
    place: &'a Place,
    window: Window,
    budget: Budget,
    found: Vec<Occurrence>,
    refused: Vec<Refused>,
}

impl Out<'_> {
    fn series(&mut self, event: &Event, moved: &Removed) -> Result<(), Unreadable> {
        let mut begun = Begun { event, moved, seen: Vec::new(), empty: None, endless: None };
        match &event.rule {
            None => self.one(&mut begun, &event.start, event.end)?,
            Some(rule) => self.by_rule(&mut begun, rule)?,
        }
        for Added { start, end } in &event.added {
            self.one(&mut begun, start, end.or(event.end))?;
        }
        if let Some(day) = begun.empty {
            let why = format!("its occurrence of {day} lies in an hour that the clock leaves out: it lasts no time");
            self.refused.push(Refused { uid: event.about.uid.clone(), title: event.about.title.clone(), why });
        }
        if let Some(day) = begun.endless {
            let why = format!("that of {day} has no DTEND and no DURATION, or ends when it begins: it lasts no time");
            self.refused.push(Refused { uid: event.about.uid.clone(), title: event.about.title.clone(), why });
        }
        Ok(())
    }

    fn by_rule(&mut self, begun: &mut Begun<'_>, rule: &Rule) -> Result<(), Unreadable> {
        let event = begun.event;
        let lasts = event.end.as_ref().map_or(0, End::days_at_most);
        let (first, last) = self.window.days();
        let first = dates::plus(first, -lasts).unwrap_or(Date::MIN);
        let place = self.place;
        let mut budget = std::mem::replace(&mut self.budget, Budget(0));
        let mut too_many = Ok(());
        let walked = dates::each_day(rule, event.start.date(), first, last, &mut budget, |day| {
            let start = event.start.on(day);
            if rule.until.is_some_and(|until| is_after(&start, until, place)) {
                return Go::Stop;
            }
            if day >= first {
                too_many = self.one(begun, &start, event.end);
            }
            if too_many.is_ok() { Go::On } else { Go::Stop }
        });
        self.budget = budget;
        walked.map_err(|_| Unreadable::TooManyOccurrences)?;
        too_many
    }

    /// One occurrence, if it is in the window and was not taken out.
    fn one(&mut self, begun: &mut Begun<'_>, start: &When, end: Option<End>) -> Result<(), Unreadable> {
        let Some(at) = start.instant(self.place) else { return Ok(()) };
        if begun.moved.has(start, at) || begun.event.removed.has(start, at) {
            return Ok(());
        }
        if end.is_none() && at >= self.window.from && at < self.window.until {
            begun.endless.get_or_insert(start.date());
        }
        let Some(until) = end.and_then(|end| end.of(start, self.place)) else { return Ok(()) };
        if until <= self.window.from || at >= self.window.until {
            return Ok(());
        }
        if until <= at {
            begun.empty.get_or_insert(start.date());
            return Ok(());
        }
        if !begun.event.added.is_empty() {
            if begun.seen.contains(&at) {
                return Ok(());
            }
            begun.seen.push(at);
        }
        if self.found.len() >= OCCURRENCES_MAX {
            return Err(Unreadable::TooManyOccurrences);
        }
        self.found.push(Occurrence { from: at, until, about: Arc::clone(&begun.event.about) });
        Ok(())
    }
}

/// A series that is being written.
struct Begun<'a> {
    event: &'a Event,
    /// Occurrences that another event is in place of.
    moved: &'a Removed,
    /// Those that are written, where a beginning may be named twice.
    seen: Vec<jiff::Timestamp>,
    /// The first day of an occurrence that lasts no time.
    empty: Option<Date>,
    /// The first day of one without an end (RFC 5545 §3.6.1: it ends when it begins).
    endless: Option<Date>,
}

/// Whether a rule with this end is over before this beginning.
fn is_after(start: &When, until: Until, place: &Place) -> bool {
    match (until, start) {
        (Until::Day(day), _) => start.date() > day,
        (Until::Local(until), When::At(local, _)) => *local > until,
        (Until::Local(until), When::Day(day)) => *day > until.date(),
        (Until::Instant(until), When::At(..)) => start.instant(place).is_none_or(|at| at > until),
        // By the day that it is at the place.
        (Until::Instant(until), When::Day(day)) => *day > place.zone.to_datetime(until).date(),
    }
}
