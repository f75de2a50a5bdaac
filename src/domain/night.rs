//! The list of a night: every call of it as the office reads it in the morning, those that wait to be rung back first.
//!
//! A night runs from 17:00 to 17:00 by the clock of the call's line, so each call is in exactly one (`facts/board.md` §7).

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use super::call::{CallState, CallStatus};
use super::call_facts::{CallFacts, Reached};
use super::levels;
use super::log::{LogEntry, LogKind};
use super::team::Directory;
use super::types::Timestamp;

/// When one night ends and the next begins.
const CHANGE: Time = Time::constant(17, 0, 0, 0);

/// Where a call stands, in the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Left for the morning, and nobody has seen it: its caller is to be rung back.
    RingBack,
    /// Nobody took it.
    Exhausted,
    /// It looks for somebody still.
    Open,
    /// Somebody has it.
    Taken,
    /// Left for the morning, and a person has seen it.
    Seen,
    Resolved,
    Cancelled,
}

impl Standing {
    /// Of this call.
    pub const fn of(status: CallStatus, is_seen: bool) -> Self {
        match (status, is_seen) {
            (CallStatus::Deferred, false) => Self::RingBack,
            (CallStatus::Deferred, true) => Self::Seen,
            (CallStatus::Exhausted, _) => Self::Exhausted,
            (CallStatus::Dispatching, _) => Self::Open,
            (CallStatus::Acknowledged, _) => Self::Taken,
            (CallStatus::Resolved, _) => Self::Resolved,
            (CallStatus::Cancelled, _) => Self::Cancelled,
        }
    }

    /// As people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RingBack => "ring back",
            Self::Exhausted => "exhausted",
            Self::Open => "open",
            Self::Taken => "taken",
            Self::Seen => "seen",
            Self::Resolved => "resolved",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One call of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct NightCall {
    pub standing: Standing,
    /// The call, its notices and attempts.
    pub state: CallState,
    /// The line's name.
    pub line: String,
    /// The line's time zone; `None`: UTC.
    pub zone: Option<String>,
    /// Who left it for the morning, or what did.
    pub deferred_by: Option<String>,
    /// When somebody was first told of it, and how: as the figures count it, else when the provider or a relay took what was sent.
    pub told: Option<(Timestamp, ToldBy)>,
    /// When somebody took it first.
    pub taken_at: Option<Timestamp>,
    /// Who holds it, or held it last.
    pub taken_by: Option<String>,
    /// What is measured of it.
    pub facts: CallFacts,
}

/// How somebody was told, by what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldBy {
    /// Its delivery is confirmed.
    Text,
    /// A provider or carrier took it, and nobody says that it was delivered.
    TextUnconfirmed,
    /// It was answered by a key.
    PhoneCall,
    /// A relay took it.
    Mail,
}

impl ToldBy {
    /// For a cell.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextUnconfirmed => "text, not confirmed",
            Self::PhoneCall => "phone call",
            Self::Mail => "mail",
        }
    }

    /// By this channel.
    pub const fn channel(self) -> Channel {
        match self {
            Self::Text | Self::TextUnconfirmed => Channel::Sms,
            Self::PhoneCall => Channel::Voice,
            Self::Mail => Channel::Email,
        }
    }
}

fn told(state: &CallState, facts: &CallFacts) -> Option<(Timestamp, ToldBy)> {
    let accepted_at = state.call.accepted_at;
    match (facts.told, facts.told_by) {
        (Some((after, Reached::Confirmed)), Some(Channel::Voice)) => Some((accepted_at.plus(after), ToldBy::PhoneCall)),
        (Some((after, Reached::Confirmed)), _) => Some((accepted_at.plus(after), ToldBy::Text)),
        (Some((after, Reached::Unconfirmed)), _) => Some((accepted_at.plus(after), ToldBy::TextUnconfirmed)),
        (None, _) => {
            let by = match state.told_by()? {
                Channel::Sms => match first_delivered_text(state) {
                    Some(at) => return Some((at, ToldBy::Text)),
                    None => ToldBy::TextUnconfirmed,
                },
                Channel::Voice => ToldBy::PhoneCall,
                Channel::Email => ToldBy::Mail,
            };
            Some((state.call.notified_at?, by))
        }
    }
}

/// When the first text of any round was delivered: the figures are of the first round alone.
fn first_delivered_text(state: &CallState) -> Option<Timestamp> {
    let is_one =
        |a: &&Attempt| a.kind == AttemptKind::Notice && a.channel == Channel::Sms && a.state == AttemptState::Delivered;
    state.attempts.iter().filter(is_one).filter_map(|a| a.finished_at).min()
}

impl NightCall {
    /// Of a call with its log, oldest entry first.
    pub fn of<'a>(state: CallState, log: impl Iterator<Item = &'a LogEntry>, directory: &Directory) -> Self {
        let log: Vec<&LogEntry> = log.collect();
        let facts = CallFacts::of(&state, &log, directory);
        let deferred = log.iter().rfind(|e| e.kind == LogKind::CallDeferred);
        let deferred_by = deferred.map(|entry| {
            let name = entry.data.get("contactName").and_then(|n| n.as_str());
            name.map_or_else(|| format!("level {}", state.call.level), str::to_owned)
        });
        let (line, _) = directory.line(state.call.data.twilio_to_number.as_deref());
        let is_seen = state.call.wake_at.is_none();
        let by_name = |holder| {
            let told = state.attempts.iter().find(|a| &a.recipient.contact == holder);
            let told = told.map(|a| a.recipient.name.clone());
            told.or_else(|| directory.contact(holder).map(|c| c.name.clone())).unwrap_or_else(|| holder.to_string())
        };
        let office = || (state.call.status == CallStatus::Acknowledged).then(|| "the office".to_owned());
        Self {
            standing: Standing::of(state.call.status, is_seen),
            line: line.name.clone(),
            zone: directory.zone(line).map(str::to_owned),
            deferred_by: deferred_by.filter(|_| state.call.status == CallStatus::Deferred),
            told: told(&state, &facts),
            taken_at: facts.taken_at,
            facts,
            taken_by: state.call.holder.as_ref().map(by_name).or_else(office),
            state,
        }
    }

    /// Whether it was accepted in that time: at `from` or later, and before `until`.
    pub fn is_within(&self, (from, until): (Timestamp, Timestamp)) -> bool {
        (from..until).contains(&self.state.call.accepted_at)
    }
}

/// In the order of the list: by standing, then as they came.
pub fn sort(calls: &mut [NightCall]) {
    calls.sort_by_key(|c| (c.standing, c.state.call.accepted_at));
}

/// How many there are of each standing, in the order of the list: `2 to ring back, 1 exhausted`.
pub fn in_words(calls: &[NightCall]) -> String {
    let all = [
        Standing::RingBack,
        Standing::Exhausted,
        Standing::Open,
        Standing::Taken,
        Standing::Seen,
        Standing::Resolved,
        Standing::Cancelled,
    ];
    let count = |s: Standing| calls.iter().filter(|c| c.standing == s).count();
    let said = all.into_iter().map(|s| (s, count(s))).filter(|(_, n)| *n > 0).map(|(s, n)| match s {
        Standing::RingBack => format!("{n} to ring back"),
        other => format!("{n} {}", other.as_str()),
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() { "no calls".to_owned() } else { said.join(", ") }
}

/// The evening of the night that `now` lies in, by the clock of this zone; an unknown zone, or none, is UTC.
pub fn evening_of(now: Timestamp, zone: Option<&str>) -> Date {
    let zone = levels::zone_named(zone);
    let Ok(at) = jiff::Timestamp::from_millisecond(now.as_millis()) else { return Date::ZERO };
    let local = at.to_zoned(zone).datetime();
    let today = local.date();
    if local.time() >= CHANGE { today } else { today.yesterday().unwrap_or(today) }
}

/// From when until when the night of this evening lasts, by the clock of this zone.
pub fn night_of(evening: Date, zone: Option<&str>) -> (Timestamp, Timestamp) {
    let zone = levels::zone_named(zone);
    let at = |date: Date| moment(date, CHANGE, &zone);
    (at(evening), at(evening.tomorrow().unwrap_or(evening)))
}

/// That time of that day. In the hour that a summer time skips, the next moment that exists.
pub fn moment(date: Date, time: Time, zone: &TimeZone) -> Timestamp {
    let at = zone.to_ambiguous_zoned(date.to_datetime(time)).compatible();
    at.map_or(Timestamp::from_millis(0), |at| Timestamp::from_millis(at.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::testing::fixtures;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_night_runs_from_five_to_five_by_the_lines_clock_whatever_the_summer_time_does() {
        let zone = Some("America/Los_Angeles");
        for (now, evening) in [
            ("2026-11-28T00:59:59Z", "2026-11-26"),
            ("2026-11-28T01:00:00Z", "2026-11-27"),
            ("2026-11-28T16:00:00Z", "2026-11-27"),
        ] {
            assert_eq!(evening_of(at(now), zone).to_string(), evening, "{now}");
        }
        for (evening, hours) in [("2026-11-27", 24), ("2026-10-31", 25), ("2026-03-07", 23)] {
            let (from, until) = night_of(evening.parse().expect("a date"), zone);
            assert_eq!(until.since(from), Duration::from_secs(hours * 3_600), "{evening}");
            assert_eq!(evening_of(from, zone).to_string(), evening);
            assert_ne!(evening_of(until, zone).to_string(), evening);
        }
        assert_eq!(evening_of(at("2026-11-28T18:00:00Z"), Some("No/Such")).to_string(), "2026-11-28");
    }

    fn call(id: &str, status: CallStatus, minute: u64) -> CallState {
        let mut state = fixtures::call_state(id);
        state.call.status = status;
        state.call.accepted_at = state.call.accepted_at.plus(Duration::from_secs(60 * minute));
        state
    }

    #[test]
    fn those_to_be_rung_back_come_first_with_who_left_them() {
        let directory = fixtures::directory();
        let list = |state: CallState, log: &[LogEntry]| NightCall::of(state, log.iter(), &directory);
        let entry = |kind, data| LogEntry {
            kind,
            at: at("2026-11-22T02:05:00Z"),
            call: None,
            attempt: None,
            actor: crate::domain::types::Actor::engine(),
            message: String::new(),
            data,
        };
        let mut seen = call("seen", CallStatus::Deferred, 0);
        seen.call.wake_at = None;
        let mut held = call("held", CallStatus::Acknowledged, 1);
        held.call.holder = "ana".parse().ok();
        let by_sam = entry(LogKind::CallDeferred, json!({ "contactName": "Sam Ortiz" }));
        let mut calls = vec![
            list(call("done", CallStatus::Resolved, 0), &[]),
            list(held, &[entry(LogKind::CallAcknowledged, json!(null))]),
            list(seen, &[]),
            list(call("late", CallStatus::Deferred, 9), &[by_sam]),
            list(call("nobody", CallStatus::Exhausted, 5), &[]),
            list(call("drip", CallStatus::Deferred, 3), &[entry(LogKind::CallDeferred, json!({}))]),
            list(call("runs", CallStatus::Dispatching, 3), &[]),
        ];
        sort(&mut calls);
        let order: Vec<&str> = calls.iter().map(|c| c.state.call.id.as_str()).collect();
        assert_eq!(order, ["drip", "late", "nobody", "runs", "held", "seen", "done"]);
        assert_eq!(calls[1].deferred_by.as_deref(), Some("Sam Ortiz"));
        assert_eq!(calls[0].deferred_by.as_deref(), Some("level normal"));
        assert_eq!(calls[4].taken_by.as_deref(), Some("Ana Reyes"));
        assert_eq!(calls[4].taken_at, Some(at("2026-11-22T02:05:00Z")));
        assert_eq!(in_words(&calls), "2 to ring back, 1 exhausted, 1 open, 1 taken, 1 seen, 1 resolved");
        assert_eq!(in_words(&[]), "no calls");
    }

    #[test]
    fn a_text_of_a_later_round_that_was_delivered_is_confirmed() {
        let mut state = call("again", CallStatus::Dispatching, 0);
        state.call.round = 2;
        state.attempts[0].state = AttemptState::Failed;
        let mut later = fixtures::attempt("again", 2);
        (later.round, later.state) = (2, AttemptState::Submitted);
        state.attempts.push(later);
        let accepted_at = state.call.accepted_at;
        let after = |secs| accepted_at.plus(Duration::from_secs(secs));
        state.call.notified_at = Some(after(600));
        let directory = fixtures::directory();
        let told = |state: &CallState| NightCall::of(state.clone(), [].iter(), &directory).told;
        assert_eq!(told(&state), Some((after(600), ToldBy::TextUnconfirmed)));
        (state.attempts[1].state, state.attempts[1].finished_at) = (AttemptState::Delivered, Some(after(604)));
        assert_eq!(told(&state), Some((after(604), ToldBy::Text)));
    }
}
