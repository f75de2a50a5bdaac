//! What is ahead: gaps, and what two directories say differently.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::timeline::{HeldSpan, by_contacts, spans};
use crate::domain::team::{Contact, Directory, Line, TeamWho};
use crate::domain::types::{ContactId, Role, Timestamp};

/// Nothing is looked for further ahead than this, where nothing else is said.
pub const AHEAD: Duration = Duration::from_secs(62 * 86_400);

/// A role of a line that a policy names.
#[derive(Debug, Clone)]
pub struct LineRole<'a> {
    pub line: &'a Line,
    pub role: Role,
}

/// Every role that a policy of a line names, each once, the lines in their order. The defaults, for numbers that are not
/// listed, come last.
pub fn duties(directory: &Directory) -> Vec<LineRole<'_>> {
    let mut all: Vec<LineRole<'_>> = Vec::new();
    for line in directory.lines.iter().chain(std::iter::once(&directory.default_line)) {
        let defaults = directory.default_line.policies.iter().filter(|(name, _)| !line.policies.contains_key(*name));
        let policies = line.policies.values().chain(defaults.map(|(_, policy)| policy));
        let of_line = all.len();
        for role in policies.flat_map(|p| &p.steps).flat_map(|s| &s.notify) {
            let known = all.iter().skip(of_line).any(|d| d.role.as_str().eq_ignore_ascii_case(role.as_str()));
            if !known {
                all.push(LineRole { line, role: role.clone() });
            }
        }
    }
    all
}

/// A time at which nobody who can be told holds a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The number of its line; `None`: numbers that are not listed.
    pub line: Option<String>,
    pub role: Role,
    pub from: Timestamp,
    /// Its end, or that of the time that was looked at.
    pub until: Timestamp,
    /// Who holds it and cannot be told.
    pub unreachable: Vec<String>,
    /// What a calendar says of it that is nobody's name.
    pub texts: Vec<String>,
}

impl Gap {
    /// Why nobody is told then.
    pub fn why(&self) -> String {
        let unreachable = (!self.unreachable.is_empty())
            .then(|| format!("{} cannot be told: opted out", self.unreachable.join(", ")));
        let texts = (!self.texts.is_empty()).then(|| {
            let quoted: Vec<String> = self.texts.iter().map(|text| format!("{text:?}")).collect();
            format!("the calendar says {}, which is no contact", quoted.join(", "))
        });
        let all: Vec<String> = unreachable.into_iter().chain(texts).collect();
        if all.is_empty() { "nobody holds it".to_owned() } else { all.join("; ") }
    }
}

/// The gaps of all roles that somebody holds at some time, by their begin. A role that nobody ever holds is no gap but a fault
/// of the settings, which is told of elsewhere. A calendar without any event is one that says nobody.
pub fn gaps(
    directory: &Directory,
    from: Timestamp,
    until: Timestamp,
    is_reachable: &dyn Fn(&LineRole<'_>, &Contact) -> bool,
) -> Vec<Gap> {
    let mut all = Vec::new();
    for duty in duties(directory).iter().filter(|d| directory.is_ever_held(d.line, &d.role)) {
        all.extend(gaps_of(directory, duty, from, until, is_reachable));
    }
    all.sort_by(|a, b| (a.from, &a.line, a.role.as_str()).cmp(&(b.from, &b.line, b.role.as_str())));
    all
}

fn gaps_of(
    directory: &Directory,
    duty: &LineRole<'_>,
    from: Timestamp,
    until: Timestamp,
    is_reachable: &dyn Fn(&LineRole<'_>, &Contact) -> bool,
) -> Vec<Gap> {
    let mut all: Vec<Gap> = Vec::new();
    for span in by_contacts(spans(directory, duty.line, &duty.role, from, until)) {
        if span.holders.iter().any(|h| is_reachable(duty, h.contact)) {
            continue;
        }
        let unreachable = span.holders.iter().map(|h| h.contact.name.clone()).collect();
        match all.last_mut() {
            Some(last) if last.until == span.from => {
                last.until = span.until;
                last.unreachable.extend(unreachable);
            }
            _ => all.push(Gap {
                line: duty.line.number.clone(),
                role: duty.role.clone(),
                from: span.from,
                until: span.until,
                unreachable,
                texts: Vec::new(),
            }),
        }
    }
    for gap in &mut all {
        gap.texts = texts(directory, duty.line, gap.from, gap.until);
        gap.unreachable.sort();
        gap.unreachable.dedup();
    }
    all
}

/// What the calendars of a line's rotations say in this time that is nobody's name.
fn texts(directory: &Directory, line: &Line, from: Timestamp, until: Timestamp) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for entry in directory.team(line).unwrap_or_default() {
        let TeamWho::Rotation(id) = &entry.who else { continue };
        let events = directory.calendars.get(id).into_iter().flat_map(|c| c.all());
        for text in events.filter(|e| e.from < until && from < e.until).filter_map(|e| e.who.as_ref().err()) {
            if !found.contains(text) {
                found.push(text.clone());
            }
        }
    }
    found
}

/// A time at which two directories name others for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub line: Option<String>,
    pub role: Role,
    pub from: Timestamp,
    pub until: Timestamp,
    pub before: Vec<ContactId>,
    pub after: Vec<ContactId>,
}

/// A stretch of time with who holds a role in it; half open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub from: Timestamp,
    pub until: Timestamp,
    pub contacts: Vec<ContactId>,
}

/// Who holds a role of a line, span by span.
pub fn held(directory: &Directory, line: &Line, role: &Role, from: Timestamp, until: Timestamp) -> Vec<Held> {
    let of =
        |s: HeldSpan<'_>| Held { from: s.from, until: s.until, contacts: s.contacts().into_iter().cloned().collect() };
    spans(directory, line, role, from, until).into_iter().map(of).collect()
}

/// Where two directories differ in a stretch of time, role by role of `after`.
pub fn differences(before: &Directory, after: &Directory, from: Timestamp, until: Timestamp) -> Vec<Difference> {
    let mut all: Vec<Difference> = Vec::new();
    for duty in duties(after) {
        let (line, role) = (duty.line, &duty.role);
        let old = held(before, before.line(line.number.as_deref()).0, role, from, until);
        let new = held(after, line, role, from, until);
        all.extend(compared(&duty, &old, &new, until));
    }
    all
}

/// Where two lists of who holds a role differ, until a moment.
pub fn compared(duty: &LineRole<'_>, old: &[Held], new: &[Held], until: Timestamp) -> Vec<Difference> {
    let mut all: Vec<Difference> = Vec::new();
    let mut edges: Vec<Timestamp> = old.iter().chain(new).map(|s| s.from).filter(|edge| *edge < until).collect();
    edges.sort_unstable();
    edges.dedup();
    let ends = edges.iter().skip(1).copied().chain(std::iter::once(until));
    for (begin, end) in edges.iter().copied().zip(ends) {
        let at = |spans: &[Held]| {
            spans.iter().find(|s| s.from <= begin && begin < s.until).map(|s| s.contacts.clone()).unwrap_or_default()
        };
        let (was, is) = (at(old), at(new));
        match all.last_mut() {
            _ if was == is => {}
            Some(last) if last.until == begin && last.before == was && last.after == is => last.until = end,
            _ => all.push(Difference {
                line: duty.line.number.clone(),
                role: duty.role.clone(),
                from: begin,
                until: end,
                before: was,
                after: is,
            }),
        }
    }
    all
}
