//! Who is to be asked now: pure, from the directory and the moment alone.

use std::time::Duration;

use crate::domain::oncall::OverrideScope;
use crate::domain::oncall::holders::{Holder, Why};
use crate::domain::oncall::instant::{add_days, instant, local};
use crate::domain::oncall::outlook::{LineRole, duties};
use crate::domain::oncall::roll_call::{RollCall, RollCallTime};
use crate::domain::oncall::rotation::{Rotation, RotationId};
use crate::domain::phone::PhoneNumber;
use crate::domain::standalone_text::Reader;
use crate::domain::team::{BACKUP, Directory, PRIMARY, TeamEntry, TeamRole, TeamWho};
use crate::domain::types::{ContactId, Role, Timestamp};

const OWNER: &str = "owner";
/// Shifts that begin later than this are nobody's roll call yet: a time before their begin is 24 h at most, and one of the day before
/// comes less than two days ahead.
const REACH: Duration = Duration::from_secs(48 * 3_600);
/// Shifts of one rotation that are looked at; more in two days are no shifts.
const SHIFTS_MAX: usize = 500;
/// Edges of a rotation's hours that are passed to find when it is held next.
const EDGES_MAX: usize = 32;

/// A roll call that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRollCall {
    pub rotation: RotationId,
    pub line: Option<String>,
    pub role: Role,
    pub contact: ContactId,
    pub name: String,
    pub phone: PhoneNumber,
    /// When the shift begins.
    pub from: Timestamp,
    /// Until when the holder has the duty.
    pub until: Timestamp,
}

/// Everybody who begins a shift and whose time to be asked has come, whether or not they were asked before. Where nobody looked at
/// that time, they are due as long as the shift lasts.
pub fn due(directory: &Directory, at: RollCallTime, now: Timestamp) -> Vec<NewRollCall> {
    let duties = duties(directory);
    let mut all: Vec<NewRollCall> = Vec::new();
    for rotation in &directory.rotations {
        for (from, until) in shifts(directory, rotation, now) {
            let Some(asked_at) = latest_time(rotation, at, (from, until), now) else { continue };
            for new in beginners(directory, &duties, rotation, (from, until), asked_at, now) {
                if !all.iter().any(|a| (&a.rotation, &a.contact, a.from) == (&new.rotation, &new.contact, new.from)) {
                    all.push(new);
                }
            }
        }
    }
    all
}

/// The present turns and those that a time before their begin may reach, of the list or of the calendar's events.
fn shifts(directory: &Directory, rotation: &Rotation, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    if let Some(calendar) = directory.calendars.get(&rotation.id) {
        let near = calendar.all().iter().take_while(|e| e.from <= now.plus(REACH));
        let named = near.filter(|e| e.who.is_ok() && e.until > now).map(|e| (e.from, e.until));
        return named.take(SHIFTS_MAX).collect();
    }
    let mut all = Vec::new();
    let mut at = now;
    for _ in 0..SHIFTS_MAX {
        let shift = rotation.shift_at(at);
        let next = shift.as_ref().map(|s| s.until).or_else(|| rotation.next_boundary(at));
        all.extend(shift.map(|s| (s.from, s.until)));
        match next.filter(|next| *next > at && *next <= now.plus(REACH)) {
            Some(next) => at = next,
            None => break,
        }
    }
    all
}

/// The latest time of this shift that has come at which its holders are asked. Of a time of day there is one each day, so that who
/// takes over in the middle is asked at the next one; a shift that ends before that of its first day is asked for the day before.
fn latest_time(
    rotation: &Rotation,
    at: RollCallTime,
    (from, until): (Timestamp, Timestamp),
    now: Timestamp,
) -> Option<Timestamp> {
    match at {
        RollCallTime::Before(before) => Some(from.minus(before)).filter(|at| *at <= now),
        RollCallTime::At(time) => {
            let first = local(from, &rotation.zone)?.date();
            let today = local(now.min(until), &rotation.zone)?.date();
            let of = |date| instant(date, time, &rotation.zone);
            let days = [0, -1].into_iter().filter_map(|n| add_days(today, n)).filter(|date| *date >= first);
            let of_the_shift = days.filter_map(of).find(|at| *at <= now && *at < until);
            of_the_shift.or_else(|| {
                let comes_too_late = of(first).is_some_and(|at| at >= until);
                add_days(first, -1).filter(|_| comes_too_late).and_then(of).filter(|at| *at <= now)
            })
        }
    }
}

/// Who holds the rotation from the first moment on at which it is held at or after the time of the roll call, and still does.
fn beginners(
    directory: &Directory,
    duties: &[LineRole<'_>],
    rotation: &Rotation,
    shift: (Timestamp, Timestamp),
    asked_at: Timestamp,
    now: Timestamp,
) -> Vec<NewRollCall> {
    let Some(begin) = held_from(rotation, shift.0.max(asked_at), shift.1) else { return Vec::new() };
    let mut all = Vec::new();
    for duty in duties.iter().filter(|d| uses(directory, d, &rotation.id)) {
        for holder in directory.holders(duty.line, &duty.role, begin) {
            if !is_of(directory, &holder, rotation, duty)
                || !still_holds(directory, rotation, &holder.contact.id, shift, now)
            {
                continue;
            }
            let until = match &holder.why {
                Why::Override { id, .. } => {
                    let made = directory.overrides.iter().find(|o| &o.id == id);
                    made.map_or(shift.1, |o| o.until.min(shift.1))
                }
                _ => shift.1,
            };
            if until <= now {
                // They hold it by another exception now, from whose begin they would be asked.
                continue;
            }
            all.push(NewRollCall {
                rotation: rotation.id.clone(),
                line: duty.line.number.clone(),
                role: duty.role.clone(),
                contact: holder.contact.id.clone(),
                name: holder.contact.name.clone(),
                phone: holder.contact.phone.clone(),
                from: shift.0,
                until,
            });
        }
    }
    all
}

/// Whether this contact holds the rotation at its next held moment of the shift.
pub(super) fn still_holds(
    directory: &Directory,
    rotation: &Rotation,
    contact: &ContactId,
    shift: (Timestamp, Timestamp),
    now: Timestamp,
) -> bool {
    let Some(at) = held_from(rotation, shift.0.max(now), shift.1) else { return false };
    let all = duties(directory);
    let mut using = all.iter().filter(|d| uses(directory, d, &rotation.id));
    using.any(|d| directory.holders(d.line, &d.role, at).iter().any(|h| &h.contact.id == contact))
}

/// The first moment from `at` on at which the rotation is held by its hours.
fn held_from(rotation: &Rotation, at: Timestamp, until: Timestamp) -> Option<Timestamp> {
    let mut at = at;
    for _ in 0..EDGES_MAX {
        if at >= until {
            return None;
        }
        if rotation.is_on(at) {
            return Some(at);
        }
        at = rotation.hours.as_ref()?.next_edge(at, &rotation.zone)?;
    }
    None
}

fn uses(directory: &Directory, duty: &LineRole<'_>, rotation: &RotationId) -> bool {
    let team = directory.team(duty.line).unwrap_or_default();
    let role = |e: &TeamEntry| match &e.role {
        TeamRole::Named(name) => name.as_str().eq_ignore_ascii_case(duty.role.as_str()),
        TeamRole::Ranked(_) => [PRIMARY, BACKUP].iter().any(|name| name.eq_ignore_ascii_case(duty.role.as_str())),
    };
    team.iter().any(|e| !e.fallback && role(e) && matches!(&e.who, TeamWho::Rotation(id) if id == rotation))
}

/// Whether they hold the duty by this rotation, or by an exception to it.
fn is_of(directory: &Directory, holder: &Holder<'_>, rotation: &Rotation, duty: &LineRole<'_>) -> bool {
    match &holder.why {
        Why::Rotation { rotation: id, .. } | Why::Event { rotation: id, .. } => id == &rotation.id,
        Why::Override { id, .. } => {
            let own = OverrideScope::Rotation(rotation.id.clone());
            let role = OverrideScope::Role { line: duty.line.number.clone(), role: duty.role.clone() };
            directory.overrides.iter().any(|o| &o.id == id && (o.reaches(&own) || o.reaches(&role)))
        }
        Why::Team | Why::Fallback => false,
    }
}

/// The owner and the backup of the line, each once, without the one who was asked.
pub(super) fn others(directory: &Directory, of: &RollCall, now: Timestamp) -> Vec<Reader> {
    let (line, _) = directory.line(of.line.as_deref());
    let mut all: Vec<Reader> = Vec::new();
    for role in [OWNER, BACKUP].into_iter().filter_map(|role| role.parse::<Role>().ok()) {
        for holder in directory.holders(line, &role, now) {
            let c = holder.contact;
            let is_known = c.phone == of.phone || all.iter().any(|r| r.phone == c.phone);
            if !is_known {
                all.push(Reader::of(c));
            }
        }
    }
    all
}
