//! Who holds a role over a stretch of time: spans in which nothing changes, found by boundaries, not minute by minute.

use jiff::tz::TimeZone;

use super::holders::Holder;
use super::overrides::OverrideScope;
use crate::domain::team::{Directory, Line, TeamWho};
use crate::domain::types::{ContactId, Role, Timestamp};

/// A stretch of time with the same holders for the same reasons. Half open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSpan<'a> {
    pub from: Timestamp,
    pub until: Timestamp,
    /// Empty: a gap.
    pub holders: Vec<Holder<'a>>,
}

impl HeldSpan<'_> {
    /// The ids of its holders, in order.
    pub fn contacts(&self) -> Vec<&ContactId> {
        self.holders.iter().map(|h| &h.contact.id).collect()
    }
}

/// The spans of a role on a line between two moments, without a hole between them.
pub fn spans<'a>(
    directory: &'a Directory,
    line: &Line,
    role: &Role,
    from: Timestamp,
    until: Timestamp,
) -> Vec<HeldSpan<'a>> {
    let mut all: Vec<HeldSpan<'a>> = Vec::new();
    let boundaries = Boundaries::of(directory, line, role);
    let mut at = from;
    while at < until {
        let next = boundaries.next(at).map_or(until, |next| next.min(until));
        let holders = directory.holders(line, role, at);
        match all.last_mut() {
            Some(last) if last.holders == holders => last.until = next,
            _ => all.push(HeldSpan { from: at, until: next, holders }),
        }
        at = next;
    }
    all
}

/// The same with neighbours joined that have the same contacts, whatever the reasons.
pub fn by_contacts(spans: Vec<HeldSpan<'_>>) -> Vec<HeldSpan<'_>> {
    let mut all: Vec<HeldSpan<'_>> = Vec::new();
    for span in spans {
        match all.last_mut() {
            Some(last) if last.contacts() == span.contacts() => last.until = span.until,
            _ => all.push(span),
        }
    }
    all
}

/// Whatever can change who holds a role of a line.
struct Boundaries<'a> {
    directory: &'a Directory,
    line: &'a Line,
    role: &'a Role,
    zone: Option<TimeZone>,
}

impl<'a> Boundaries<'a> {
    fn of(directory: &'a Directory, line: &'a Line, role: &'a Role) -> Self {
        let zone = directory.zone(line).and_then(|name| TimeZone::get(name).ok());
        Self { directory, line, role, zone }
    }

    /// The first moment after this one at which somebody else may hold it. `None`: nothing changes any more.
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let team = self.directory.team(self.line).unwrap_or_default();
        let hours = team.iter().filter_map(|e| e.hours.as_ref()?.next_edge(after, self.zone.as_ref()?));
        let rotations = || {
            team.iter().filter_map(|e| match &e.who {
                TeamWho::Rotation(id) => self.directory.rotation(id),
                TeamWho::Contact(_) => None,
            })
        };
        let turns = rotations().filter_map(|r| r.next_boundary(after));
        let events = rotations().filter_map(|r| self.directory.calendars.get(&r.id)?.next_boundary(after));
        let role = OverrideScope::Role { line: self.line.number.clone(), role: self.role.clone() };
        let is_ours = |scope: &OverrideScope| match scope {
            OverrideScope::Rotation(id) => rotations().any(|r| &r.id == id),
            OverrideScope::Everywhere => true,
            OverrideScope::Role { .. } => false,
        };
        let ours = self.directory.overrides.iter().filter(|o| o.withdrawn.is_none());
        let ours = ours.filter(|o| o.reaches(&role) || is_ours(&o.scope));
        let edges = ours.flat_map(|o| [o.from, o.until]).filter(|edge| *edge > after);
        hours.chain(turns).chain(events).chain(edges).min()
    }
}
