//! Exceptions as people ask for them: read by names and typed times, with what they cover and whom they change.

use std::time::Duration;

use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use crate::domain::Timestamp;
use crate::domain::oncall::outlook::{Difference, differences};
use crate::domain::oncall::typed::Typed;
use crate::domain::oncall::{DutyOverride, OverrideId, OverrideKind, OverrideScope, Rotation, RotationId};
use crate::domain::team::{Directory, Line};
use crate::domain::types::{ContactId, Role};

/// The longest exception.
pub const LONGEST: Duration = Duration::from_secs(90 * 86_400);
/// The most shifts that are named as covered.
const SHIFTS_MAX: usize = 200;

/// An exception as somebody asks for it: names and times as they were typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideRequest {
    pub rotation: Option<String>,
    /// With a role: the number of a line; `None`: numbers that are not listed.
    pub line: Option<String>,
    pub role: Option<String>,
    pub kind: OverrideKind,
    pub contact: String,
    /// `None`: now.
    pub from: Option<String>,
    pub until: String,
    pub note: String,
    /// What it came from, so that it is made once.
    pub source: Option<String>,
}

impl OverrideRequest {
    /// Its words as a short hash, whoever asks and whatever they mean today: another hash is another exception.
    pub fn hash(&self) -> String {
        let word = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), |t| format!("+{}", t.trim()));
        let words = [
            word(&self.rotation),
            word(&self.line),
            word(&self.role),
            self.kind.as_str().to_owned(),
            self.contact.trim().to_owned(),
            word(&self.from),
            self.until.trim().to_owned(),
            self.note.trim().to_owned(),
        ];
        Sha256::digest(words.join("\u{1f}")).iter().take(16).map(|b| format!("{b:02x}")).collect()
    }
}

/// Why an exception is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct OverrideRefused {
    /// Which part of it is wrong: `rotation`, `contact`, `until`…
    pub field: &'static str,
    pub what: String,
    /// What would be right.
    pub hint: String,
}

fn refused(field: &'static str, what: impl Into<String>, hint: impl Into<String>) -> OverrideRefused {
    OverrideRefused { field, what: what.into(), hint: hint.into() }
}

/// Makes of what was asked for an exception that can be kept.
///
/// # Errors
/// The first part that is wrong.
pub fn read(
    directory: &Directory,
    asked: &OverrideRequest,
    id: OverrideId,
    by: &str,
    now: Timestamp,
) -> Result<DutyOverride, OverrideRefused> {
    let (scope, rotation, line) = scope(directory, asked)?;
    let contact = contact(directory, &asked.contact)?;
    let zone = rotation.map(|r| r.zone.clone()).or_else(|| {
        let name = line.map_or(directory.default_line.time_zone.as_deref(), |l| directory.zone(l))?;
        TimeZone::get(name).ok()
    });
    let zone = zone.or_else(|| directory.rotations.first().map(|r| r.zone.clone())).unwrap_or(TimeZone::UTC);
    let calendar = rotation.and_then(|r| directory.calendars.get(&r.id));
    let typed = Typed { zone: &zone, rotation, calendar, now };
    let form = "one of ".to_owned() + crate::domain::oncall::typed::TIME_FORM;
    let typed_from = asked.from.as_deref().map_or(Ok(now), |text| typed.from(text));
    // What has passed cannot be changed any more.
    let from = typed_from.map_err(|e| refused("from", e.why, &form))?.max(now);
    let until = typed.until(&asked.until, from).map_err(|e| refused("until", e.why, &form))?;
    let shown = |at| crate::domain::oncall::holders::shown(at, &zone);
    if until <= now {
        return Err(refused("until", format!("it ends at {}, which has passed", shown(until)), "an end in the future"));
    }
    if until <= from {
        let what = format!("it would end at {}, before it begins at {}", shown(until), shown(from));
        return Err(refused("until", what, "an end after its begin"));
    }
    if until.since(from) > LONGEST {
        let what = format!("{} to {} is more than 90 days", shown(from), shown(until));
        return Err(refused("until", what, "90 days at most; for longer change the rotation"));
    }
    let note: String = asked.note.chars().filter(|c| !c.is_control()).take(500).collect();
    Ok(DutyOverride {
        id,
        scope,
        kind: asked.kind,
        contact,
        from,
        until,
        note,
        by: by.to_owned(),
        made_at: now,
        source: asked.source.clone(),
        asked: Some(asked.hash()),
        withdrawn: None,
    })
}

type Meant<'a> = (OverrideScope, Option<&'a Rotation>, Option<&'a Line>);

fn scope<'a>(directory: &'a Directory, asked: &OverrideRequest) -> Result<Meant<'a>, OverrideRefused> {
    if let Some(name) = &asked.rotation {
        let wanted = name.trim();
        let found = directory.rotations.iter().find(|r| r.id.as_str().eq_ignore_ascii_case(wanted));
        let Some(rotation) = found else {
            let names = directory.rotations.iter().map(|r| r.id.as_str());
            return Err(refused("rotation", format!("there is no rotation {wanted:?}"), there_are("rotations", names)));
        };
        if asked.role.is_some() || asked.line.is_some() {
            return Err(refused("rotation", "a rotation and a role are both named", "one of both"));
        }
        return Ok((OverrideScope::Rotation(rotation.id.clone()), Some(rotation), None));
    }
    let Some(role) = &asked.role else {
        if asked.kind != OverrideKind::Away {
            let names = directory.rotations.iter().map(|r| r.id.as_str());
            return Err(refused("rotation", "it names no rotation and no role", there_are("rotations", names)));
        }
        return Ok((OverrideScope::Everywhere, None, None));
    };
    let role: Role =
        role.parse().map_err(|e: crate::domain::types::ParseError| refused("role", e.to_string(), "a role"))?;
    let (line, unlisted) = directory.line(asked.line.as_deref());
    if unlisted {
        let lines = directory.lines.iter().filter_map(|l| l.number.as_deref());
        return Err(refused("line", "this number is no configured line", there_are("lines", lines)));
    }
    Ok((OverrideScope::Role { line: line.number.clone(), role }, None, Some(line)))
}

fn contact(directory: &Directory, name: &str) -> Result<ContactId, OverrideRefused> {
    match directory.contact_named(name) {
        Some(contact) => Ok(contact.id.clone()),
        None => {
            let shown = crate::domain::phone::masked(name.trim());
            let names = directory.contacts.iter().map(|c| c.id.as_str());
            Err(refused("contact", format!("there is no contact {shown:?}"), there_are("contacts", names)))
        }
    }
}

/// `there are the rotations night, day`.
fn there_are<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.take(30).collect();
    if names.is_empty() { format!("there are no {what}") } else { format!("there are the {what} {}", names.join(", ")) }
}

/// A shift that an exception covers, wholly or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredShift {
    pub rotation: RotationId,
    pub from: Timestamp,
    pub until: Timestamp,
    pub members: Vec<ContactId>,
}

/// What an exception, or its end, comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub covers: Vec<CoveredShift>,
    /// Who holds what before and after. Empty: nobody is told differently.
    pub changes: Vec<Difference>,
}

/// What changes by this exception, from now on.
pub fn effect(directory: &Directory, of: &DutyOverride, now: Timestamp) -> Effect {
    let others = directory.overrides.iter().filter(|o| o.id != of.id).cloned();
    let without = Directory { overrides: others.collect(), ..directory.clone() };
    let mut with = without.clone();
    with.overrides.push(DutyOverride { withdrawn: None, ..of.clone() });
    let from = of.from.max(now);
    let changes = differences(&without, &with, from, of.until.max(from));
    Effect { covers: covered(directory, of), changes }
}

/// The same, of its withdrawal.
pub fn effect_of_withdrawal(directory: &Directory, of: &DutyOverride, now: Timestamp) -> Effect {
    let made = effect(directory, of, now);
    let back = |d: Difference| Difference { before: d.after, after: d.before, ..d };
    Effect { changes: made.changes.into_iter().map(back).collect(), ..made }
}

fn covered(directory: &Directory, of: &DutyOverride) -> Vec<CoveredShift> {
    let is_meant = |rotation: &&Rotation| match &of.scope {
        OverrideScope::Rotation(id) => &rotation.id == id,
        OverrideScope::Everywhere => rotation.all_members().any(|id| id == &of.contact),
        OverrideScope::Role { .. } => false,
    };
    let mut all = Vec::new();
    let by_calendar = directory.rotations.iter().filter(|r| match &of.scope {
        OverrideScope::Rotation(id) => &r.id == id,
        scope => *scope == OverrideScope::Everywhere,
    });
    for rotation in by_calendar {
        let events = directory.calendars.get(&rotation.id).into_iter().flat_map(|c| c.all());
        let mine = |members: &[ContactId]| of.scope != OverrideScope::Everywhere || members.contains(&of.contact);
        for event in events.filter(|e| e.from < of.until && of.from < e.until) {
            let members = event.who.clone().unwrap_or_default();
            if mine(&members) && all.len() < SHIFTS_MAX {
                all.push(CoveredShift { rotation: rotation.id.clone(), from: event.from, until: event.until, members });
            }
        }
    }
    for rotation in directory.rotations.iter().filter(is_meant) {
        let mut at = of.from;
        while at < of.until && all.len() < SHIFTS_MAX {
            let shift = rotation.shift_at(at);
            let Some(next) = shift.as_ref().map(|s| s.until).or_else(|| rotation.next_boundary(at)) else { break };
            let mine = |s: &crate::domain::oncall::Shift<'_>| {
                of.scope != OverrideScope::Everywhere || s.members.contains(&of.contact)
            };
            if let Some(shift) = shift.filter(mine) {
                let (from, until, members) = (shift.from, shift.until, shift.members.to_vec());
                all.push(CoveredShift { rotation: rotation.id.clone(), from, until, members });
            }
            at = next;
        }
    }
    all
}
