//! The one sentence that the board begins with: is anybody waiting?

use std::time::Duration;

use serde::Serialize;

use crate::domain::call::CallStatus;
use crate::domain::levels::zone_named;
use crate::domain::urgency::Urgency;

use super::facts::Facts;
use super::night_view::NightView;
use super::words::{clock, length, plural};

/// From the first hour of the day to the hour in which the next night begins.
const MORNING: std::ops::Range<i8> = 5..17;

/// The sentence, and how bad it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Verdict {
    pub(super) sentence: String,
    /// `bad`: a person must act now. `warn`: a person should look. `busy`: the engine looks for somebody, or will. `good`: nobody waits.
    pub(super) tone: &'static str,
}

/// What the store says in one sentence.
pub(super) fn verdict(facts: &Facts<'_>, night: &NightView) -> Verdict {
    let rows = facts.rows;
    let of = |status| rows.figures.open_by_status.iter().find(|(s, _)| *s == status).map_or(0, |(_, n)| *n);
    let (dispatching, exhausted) = (of(CallStatus::Dispatching), of(CallStatus::Exhausted));
    let (taken, deferred) = (of(CallStatus::Acknowledged), of(CallStatus::Deferred));
    let open = dispatching.saturating_add(exhausted).saturating_add(taken);
    let told_nobody = rows.nobody_told;
    let held = rows.held;
    let looking = dispatching.saturating_sub(told_nobody).saturating_sub(held);
    let age = |urgency: Urgency| -> Option<Duration> {
        let of_class = rows.open.iter().filter(|s| Urgency::of(&s.call, None) == urgency);
        of_class.map(|s| facts.now.since(s.call.accepted_at)).max()
    };
    let mut parts = Vec::new();
    if told_nobody > 0 {
        let waited = age(Urgency::NobodyTold).map(|d| format!(" for {}", length(d))).unwrap_or_default();
        parts.push(if open == 1 {
            format!("nobody told{waited}")
        } else {
            format!("{told_nobody} told to nobody{waited}")
        });
    }
    let counted = |n: u64, several: &str, alone: &str| match n {
        0 => None,
        1 if open == 1 => Some(alone.to_owned()),
        n if n == open => Some(format!("all {several}")),
        n => Some(format!("{n} {several}")),
    };
    parts.extend(counted(exhausted, "taken by nobody", "nobody took it"));
    parts.extend(counted(looking, "looking for somebody", "looking for somebody"));
    parts.extend(counted(held, "held by quiet hours", &held_alone(facts)));
    parts.extend(counted(taken, "taken", "taken"));
    let unknown = rows.figures.unknown_outcomes;
    if unknown > 0 {
        parts.push(format!("{} unknown", plural(unknown, "text", "texts")));
    }
    let mut sentence = match open {
        0 => "Nothing open.".to_owned(),
        n => format!("{n} open, {}.", parts.join(", ")),
    };
    if deferred > 0 {
        sentence.push_str(&format!(" {deferred} to ring back."));
    }
    if open == 0 {
        sentence.push(' ');
        sentence.push_str(&of_the_night(night, night_word(facts)));
    }
    if facts.engine_trouble.is_some() {
        sentence.insert_str(0, "ENGINE NOT RUNNING. ");
    }
    if facts.store_trouble.is_some() {
        sentence.insert_str(0, "THE STORE TAKES NO WRITES. ");
    }
    let is_broken = facts.engine_trouble.is_some() || facts.store_trouble.is_some();
    let tone = if is_broken || told_nobody > 0 || exhausted > 0 {
        "bad"
    } else if unknown > 0 || deferred > 0 || rows.figures.open_breakers > 0 {
        "warn"
    } else if looking > 0 || held > 0 {
        "busy"
    } else {
        "good"
    };
    Verdict { sentence, tone }
}

/// The one open call is one that quiet hours hold.
fn held_alone(facts: &Facts<'_>) -> String {
    let until = facts.rows.open.iter().find_map(|s| s.call.held());
    let zone = zone_named(facts.directory.zone(&facts.directory.default_line));
    until.map_or_else(
        || "held by quiet hours".to_owned(),
        |at| format!("held by quiet hours until {}", clock(at, facts.now, &zone)),
    )
}

/// By day it is the last night that the figures are of.
fn night_word(facts: &Facts<'_>) -> &'static str {
    let zone = zone_named(facts.directory.zone(&facts.directory.default_line));
    let local = jiff::Timestamp::from_millisecond(facts.now.as_millis()).map(|at| at.to_zoned(zone).hour());
    if local.is_ok_and(|hour| MORNING.contains(&hour)) { "last night" } else { "tonight" }
}

fn of_the_night(night: &NightView, word: &str) -> String {
    let calls = plural(night.calls, "call", "calls");
    match night.calls {
        0 => format!("No calls {word}."),
        n if n > night.counted => format!("{calls} {word}."),
        1 if night.taken_calls == 1 => format!("1 call {word}, taken."),
        _ if night.taken_calls == night.counted => format!("{calls} {word}, all taken."),
        _ if night.taken_calls == 0 => format!("{calls} {word}, none taken."),
        _ => format!("{calls} {word}, {} taken.", night.taken_calls),
    }
}
