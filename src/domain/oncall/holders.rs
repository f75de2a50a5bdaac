//! Who holds a role at a moment, and why. In this order (`facts/oncall.md` §2):
//!
//! 1. The newest `take` in force wins.
//! 2. A calendar's event, else the list. Whoever is away is passed over for the next of the list who is not; the count of turns is
//!    untouched.
//! 3. Those who were added hold it too.
//! 4. Where that is nobody: the team's fallback entries.
//! 5. Still nobody: a gap.
//!
//! A `take` or `add` whose contact says later that they are away is none. An exception to a rotation counts only while the
//! rotation's duty is held, by its hours. Pure, and the same in every process that has the same directory.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::calendar::CalendarShift;
use super::overrides::{DutyOverride, OverrideId, OverrideKind, OverrideScope, OverridesInForce};
use super::rotation::{Rotation, RotationId};
use crate::domain::attempt::Recipient;
use crate::domain::team::{BACKUP, Contact, Directory, Line, PRIMARY, TeamEntry, TeamRole, TeamWho};
use crate::domain::types::{ContactId, Role, Timestamp};

/// Somebody who holds a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder<'a> {
    pub contact: &'a Contact,
    pub why: Why,
}

impl Holder<'_> {
    /// As a text goes to them, with why.
    pub fn recipient(&self, directory: &Directory) -> Recipient {
        let why = (self.why != Why::Team).then(|| self.why.describe(directory));
        Recipient { why, ..self.contact.recipient() }
    }
}

/// Why somebody holds a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The line's team names them, or their own role where there is no team.
    Team,
    /// It is their turn.
    Rotation {
        rotation: RotationId,
        /// Their turn, or that of who is away.
        from: Timestamp,
        until: Timestamp,
        /// Those whose turn it is or would be next, and who are away.
        passed_over: Vec<ContactId>,
    },
    /// An exception names them.
    Override { id: OverrideId, kind: OverrideKind },
    /// An event of the rotation's calendar names them.
    Event { rotation: RotationId, event: String, from: Timestamp, until: Timestamp },
    /// Nobody else holds it.
    Fallback,
}

impl Why {
    /// In a few words, with the times of the rotation's own clock.
    pub fn describe(&self, directory: &Directory) -> String {
        let clock = |rotation: &RotationId, from: Timestamp, until: Timestamp| {
            let zone = directory.rotation(rotation).map_or(TimeZone::UTC, |r| r.zone.clone());
            format!("{} to {}", shown(from, &zone), shown(until, &zone))
        };
        match self {
            Self::Team => "team".to_owned(),
            Self::Rotation { rotation, from, until, passed_over } => {
                let away: Vec<&str> = passed_over.iter().map(ContactId::as_str).collect();
                let away = if away.is_empty() { String::new() } else { format!("; {} away", away.join(", ")) };
                format!("rotation {rotation}, {}{away}", clock(rotation, *from, *until))
            }
            Self::Override { id, kind } => format!("override {id} ({kind})"),
            Self::Event { rotation, event, from, until } => {
                format!("calendar of {rotation}, event {event}, {}", clock(rotation, *from, *until))
            }
            Self::Fallback => "fallback: nobody else holds it".to_owned(),
        }
    }
}

/// `2026-10-26 08:00-07:00`: a moment by the clock of a zone.
pub fn shown(at: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(moment) => moment.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M%:z").to_string(),
        Err(_) => at.rfc3339(),
    }
}

/// All who hold this role on this line at this moment, each once, in the team's order.
pub(in crate::domain) fn holders<'a>(
    directory: &'a Directory,
    line: &Line,
    role: &Role,
    at: Timestamp,
) -> Vec<Holder<'a>> {
    let asked = Asked { directory, at, in_force: OverridesInForce::of(&directory.overrides, at) };
    let scope = OverrideScope::Role { line: line.number.clone(), role: role.clone() };
    let mut found = Found::default();
    match asked.take(&[&scope]) {
        Some(take) => found.add(take),
        None => asked.of_team(line, role, &scope, &mut found),
    }
    for added in asked.adds(&[&scope]) {
        found.add(added);
    }
    if found.0.is_empty() {
        asked.fallback(line, role, &scope, &mut found);
    }
    found.0
}

/// Those who hold a role, by whom to ask first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldersInOrder<'a> {
    pub first: Vec<Holder<'a>>,
    /// On a job, while others of the same role are not.
    pub last: Vec<Holder<'a>>,
}

/// Holders of one role, those on a job behind those who are not; where all of them are, it makes no difference.
pub(in crate::domain) fn in_order<'a>(all: Vec<Holder<'a>>, busy: &BTreeSet<ContactId>) -> HoldersInOrder<'a> {
    let (last, first): (Vec<_>, Vec<_>) = all.into_iter().partition(|h| busy.contains(&h.contact.id));
    if first.is_empty() { HoldersInOrder { first: last, last: first } } else { HoldersInOrder { first, last } }
}

/// Each contact once, for the first reason.
#[derive(Default)]
struct Found<'a>(Vec<Holder<'a>>);

impl<'a> Found<'a> {
    fn add(&mut self, holder: Holder<'a>) {
        if !self.0.iter().any(|h| h.contact.id == holder.contact.id) {
            self.0.push(holder);
        }
    }
}

/// One question: of this directory, at this moment.
struct Asked<'a> {
    directory: &'a Directory,
    at: Timestamp,
    in_force: OverridesInForce<'a>,
}

impl<'a> Asked<'a> {
    fn of_team(&self, line: &Line, role: &Role, scope: &OverrideScope, found: &mut Found<'a>) {
        let same = |name: &str| name.eq_ignore_ascii_case(role.as_str());
        let Some(team) = self.directory.team(line) else {
            let own = self.directory.contacts.iter().filter(|c| c.role.as_ref().is_some_and(|r| same(r.as_str())));
            for contact in own.filter(|c| !self.in_force.is_away(&c.id, scope)) {
                found.add(Holder { contact, why: Why::Team });
            }
            return;
        };
        let zone = self.zone_of(line, team);
        let entries = || team.iter().filter(|e| !e.fallback && self.is_on(e, zone.as_ref()));
        // Of those who are asked by place, the lowest who is there is the primary.
        let place = |e: &TeamEntry| match (&e.role, &e.who) {
            (TeamRole::Ranked(place), TeamWho::Contact(id)) => {
                (self.directory.contact(id).is_some() && !self.in_force.is_away(id, scope)).then_some(*place)
            }
            _ => None,
        };
        let first = entries().filter_map(place).min();
        for entry in entries() {
            let holds = match &entry.role {
                TeamRole::Named(name) => same(name.as_str()),
                TeamRole::Ranked(place) if Some(*place) == first => same(PRIMARY),
                TeamRole::Ranked(_) => same(BACKUP),
            };
            if holds {
                self.of_entry(entry, scope, found);
            }
        }
    }

    fn of_entry(&self, entry: &TeamEntry, scope: &OverrideScope, found: &mut Found<'a>) {
        match &entry.who {
            TeamWho::Contact(id) => {
                let here = self.directory.contact(id).filter(|_| !self.in_force.is_away(id, scope));
                if let Some(contact) = here {
                    found.add(Holder { contact, why: Why::Team });
                }
            }
            TeamWho::Rotation(id) => {
                if let Some(rotation) = self.directory.rotation(id) {
                    self.of_rotation(rotation, scope, found);
                }
            }
        }
    }

    fn fallback(&self, line: &Line, role: &Role, scope: &OverrideScope, found: &mut Found<'a>) {
        let Some(team) = self.directory.team(line) else { return };
        let zone = self.zone_of(line, team);
        let same =
            |e: &&TeamEntry| matches!(&e.role, TeamRole::Named(r) if r.as_str().eq_ignore_ascii_case(role.as_str()));
        for entry in team.iter().filter(|e| e.fallback && self.is_on(e, zone.as_ref())).filter(same) {
            let mut of_it = Found::default();
            self.of_entry(entry, scope, &mut of_it);
            for holder in of_it.0 {
                found.add(Holder { why: Why::Fallback, ..holder });
            }
        }
    }

    /// Who holds this rotation now, whoever is away from the role left out.
    fn of_rotation(&self, rotation: &'a Rotation, role_scope: &OverrideScope, found: &mut Found<'a>) {
        if !rotation.is_on(self.at) {
            return;
        }
        let scope = OverrideScope::Rotation(rotation.id.clone());
        let is_away = |id: &ContactId| self.in_force.is_away(id, &scope) || self.in_force.is_away(id, role_scope);
        let scopes = [&scope, role_scope];
        match self.take(&scopes) {
            Some(take) => found.add(take),
            None => self.in_turn(rotation, &is_away).into_iter().for_each(|holder| found.add(holder)),
        }
        for added in self.adds(&scopes) {
            found.add(added);
        }
    }

    fn in_turn(&self, rotation: &'a Rotation, is_away: &dyn Fn(&ContactId) -> bool) -> Vec<Holder<'a>> {
        let events = self.directory.calendars.get(&rotation.id).map(|c| c.at(self.at)).unwrap_or_default();
        let by_event: Vec<Holder<'a>> = events.iter().flat_map(|e| self.of_event(rotation, e, is_away)).collect();
        // A text that is nobody's name is a gap of a calendar; a list under it goes on.
        if !by_event.is_empty() {
            return by_event;
        }
        let Some(shift) = rotation.shift_at(self.at) else { return Vec::new() };
        let mut passed_over = Vec::new();
        let turns = shift.list.iter().cycle().skip(shift.index).take(shift.list.len());
        for members in turns {
            let known = members.iter().filter_map(|id| self.directory.contact(id));
            let here: Vec<&Contact> = known.filter(|c| !is_away(&c.id)).collect();
            if !here.is_empty() {
                let (from, until, rotation) = (shift.from, shift.until, &rotation.id);
                let why = Why::Rotation { rotation: rotation.clone(), from, until, passed_over };
                return here.into_iter().map(|contact| Holder { contact, why: why.clone() }).collect();
            }
            passed_over.extend(members.iter().cloned());
        }
        Vec::new()
    }

    fn of_event(
        &self,
        rotation: &Rotation,
        event: &CalendarShift,
        is_away: &dyn Fn(&ContactId) -> bool,
    ) -> Vec<Holder<'a>> {
        let who = event.who.as_ref().map(Vec::as_slice).unwrap_or_default();
        let here = who.iter().filter_map(|id| self.directory.contact(id)).filter(|c| !is_away(&c.id));
        let why = || Why::Event {
            rotation: rotation.id.clone(),
            event: event.event.clone(),
            from: event.from,
            until: event.until,
        };
        here.map(|contact| Holder { contact, why: why() }).collect()
    }

    fn take(&self, scopes: &[&OverrideScope]) -> Option<Holder<'a>> {
        self.in_force.newest_take(scopes, |id| self.directory.contact(id).is_some()).and_then(|o| self.by(o))
    }

    fn adds(&self, scopes: &[&OverrideScope]) -> Vec<Holder<'a>> {
        let all = self.in_force.adds(scopes, |id| self.directory.contact(id).is_some());
        all.into_iter().filter_map(|o| self.by(o)).collect()
    }

    fn by(&self, o: &DutyOverride) -> Option<Holder<'a>> {
        let contact = self.directory.contact(&o.contact)?;
        Some(Holder { contact, why: Why::Override { id: o.id.clone(), kind: o.kind } })
    }

    /// The clock of the team's hours, where there are any.
    fn zone_of(&self, line: &Line, team: &[TeamEntry]) -> Option<TimeZone> {
        team.iter().any(|e| e.hours.is_some()).then(|| TimeZone::get(self.directory.zone(line)?).ok()).flatten()
    }

    fn is_on(&self, entry: &TeamEntry, zone: Option<&TimeZone>) -> bool {
        let in_hours = match (&entry.hours, zone) {
            (Some(hours), Some(zone)) => hours.contain(self.at, zone),
            _ => true,
        };
        !entry.off && in_hours
    }
}
