//! What a night, a week or any time was like, in figures. What is measured of each call is in [`super::call_facts`].
//!
//! A call belongs to the time in which it was accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::Date;

use super::call_facts::{CallFacts, Reached, count};
use super::night::{self, NightCall};
use super::types::{ContactId, Timestamp};

/// How a set of durations is spread, by nearest rank: the value of which so many in a hundred are not larger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    pub count: u64,
    pub median: Option<Duration>,
    /// Nine of ten are not longer.
    pub ninety: Option<Duration>,
    pub worst: Option<Duration>,
}

impl Spread {
    /// Of these.
    pub fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let rank = |percent: usize| {
            let place = (all.len() * percent).div_ceil(100).saturating_sub(1);
            all.get(place).copied()
        };
        Self { count: count(all.iter()), median: rank(50), ninety: rank(90), worst: all.last().copied() }
    }
}

/// When one technician was on call in a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnCallTime {
    pub name: String,
    /// Stretches without a break, whatever the roles.
    pub shifts: u64,
    pub time: Duration,
}

/// Merges stretches of one technician that touch or overlap: how many there are, and how long they are together.
pub fn on_call_time(name: String, mut stretches: Vec<(Timestamp, Timestamp)>) -> OnCallTime {
    stretches.sort_unstable();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, until) in stretches.into_iter().filter(|(from, until)| from < until) {
        match merged.last_mut().filter(|last| from <= last.1) {
            Some(last) => last.1 = last.1.max(until),
            None => merged.push((from, until)),
        }
    }
    let time = merged.iter().map(|(from, until)| until.since(*from)).sum();
    OnCallTime { name, shifts: count(merged.iter()), time }
}

/// What is known of a time besides its calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    pub on_call: BTreeMap<ContactId, OnCallTime>,
    /// Nights, by their evening, in which nobody held a role that a policy names, for a time.
    pub gaps: BTreeSet<Date>,
    /// Alerts that were raised, whatever they were about.
    pub alerts: u64,
}

/// One technician in a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TechnicianFigures {
    pub contact: String,
    pub name: String,
    pub shifts: u64,
    pub on_call: Duration,
    pub notices: u64,
    pub taken: u64,
    pub answer: Spread,
    pub passes: u64,
    pub failed: u64,
}

/// One night of a time, as far as the time has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NightFigures {
    pub evening: Date,
    pub calls: u64,
    pub taken: u64,
    pub unanswered: u64,
    pub has_gap: bool,
}

/// The figures of a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    pub calls: u64,
    pub told: Spread,
    /// Of those told: by a text whose carrier confirms nothing.
    pub unconfirmed: u64,
    pub taken: Spread,
    pub unanswered: u64,
    /// Of those: its ladder ended.
    pub exhausted: u64,
    /// Left for the morning.
    pub left: u64,
    /// Neither RESOLVED nor CANCELLED yet.
    pub open: u64,
    pub texts: u64,
    pub segments: u64,
    pub unknowns: u64,
    pub doubles: u64,
    pub alerts: u64,
    pub nights_with_gaps: u64,
    /// Those with a call or a gap, in order.
    pub nights: Vec<NightFigures>,
    /// Whoever was on call or was told, by name.
    pub technicians: Vec<TechnicianFigures>,
}

impl Figures {
    /// Of the calls of a time, as they stand at `now`.
    pub fn of(calls: &[NightCall], around: &Surroundings, now: Timestamp) -> Self {
        let sum = |of: fn(&CallFacts) -> u64| calls.iter().map(|c| of(&c.facts)).sum::<u64>();
        let is_unanswered = |c: &&NightCall| c.facts.is_unanswered(now.since(c.state.call.accepted_at)) == Some(true);
        let told: Vec<(Duration, Reached)> = calls.iter().filter_map(|c| c.facts.told).collect();
        let is_open = |c: &&NightCall| c.state.call.status.is_open();
        Self {
            calls: count(calls.iter()),
            unconfirmed: count(told.iter().filter(|(_, how)| *how == Reached::Unconfirmed)),
            told: Spread::of(told.into_iter().map(|(after, _)| after).collect()),
            taken: Spread::of(calls.iter().filter_map(|c| c.facts.taken).collect()),
            unanswered: count(calls.iter().filter(is_unanswered)),
            exhausted: count(calls.iter().filter(|c| c.facts.is_exhausted)),
            left: count(calls.iter().filter(|c| c.facts.is_left)),
            open: count(calls.iter().filter(is_open)),
            texts: sum(|f| f.texts),
            segments: sum(|f| f.segments),
            unknowns: sum(|f| f.unknowns),
            doubles: sum(|f| f.doubles),
            alerts: around.alerts,
            nights_with_gaps: count(around.gaps.iter()),
            nights: nights(calls, around, is_unanswered),
            technicians: technicians(calls, around),
        }
    }
}

fn nights(
    calls: &[NightCall],
    around: &Surroundings,
    is_unanswered: impl Fn(&&NightCall) -> bool,
) -> Vec<NightFigures> {
    let evening = |c: &NightCall| night::evening_of(c.state.call.accepted_at, c.zone.as_deref());
    let evenings: BTreeSet<Date> = calls.iter().map(evening).chain(around.gaps.iter().copied()).collect();
    let one = |date: Date| {
        let of_it: Vec<&NightCall> = calls.iter().filter(|c| evening(c) == date).collect();
        NightFigures {
            evening: date,
            calls: count(of_it.iter()),
            taken: count(of_it.iter().filter(|c| c.facts.taken.is_some())),
            unanswered: count(of_it.iter().copied().filter(|c| is_unanswered(c))),
            has_gap: around.gaps.contains(&date),
        }
    };
    evenings.into_iter().map(one).collect()
}

fn technicians(calls: &[NightCall], around: &Surroundings) -> Vec<TechnicianFigures> {
    let mut all: BTreeMap<&ContactId, (TechnicianFigures, Vec<Duration>)> = BTreeMap::new();
    for (id, on_call) in &around.on_call {
        let (t, _) = all.entry(id).or_default();
        (t.name, t.shifts, t.on_call) = (on_call.name.clone(), on_call.shifts, on_call.time);
    }
    for (id, person) in calls.iter().flat_map(|c| &c.facts.people) {
        let (t, answers) = all.entry(id).or_default();
        if t.name.is_empty() {
            t.name.clone_from(&person.name);
        }
        t.notices += person.notices;
        t.taken += person.taken;
        t.passes += person.passes;
        t.failed += person.failed;
        answers.extend(&person.answers);
    }
    let one = |(id, (t, answers)): (&ContactId, (TechnicianFigures, Vec<Duration>))| TechnicianFigures {
        contact: id.to_string(),
        answer: Spread::of(answers),
        ..t
    };
    let mut all: Vec<TechnicianFigures> = all.into_iter().map(one).collect();
    all.sort_by(|a, b| (&a.name, &a.contact).cmp(&(&b.name, &b.contact)));
    all
}
