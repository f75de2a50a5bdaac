//! The lines and teams that the tables of businesses and contacts make. Pure.
//!
//! - One active business is the shop: its team, name, zone and words are those of every number, whatever the configuration
//!   calls the shop.
//! - Of several, each has a line a number. Who works for none of them in particular works for all.
//! - A line of the configuration keeps what it says, and takes the rest from the business with its number.
//! - Where nobody of a team is asked by place, its owner is the primary: somebody is told.

use crate::domain::team::{BACKUP, Directory, Line, PRIMARY, TeamEntry, TeamRole};
use crate::domain::types::{ContactId, Role};
use crate::store::{SyncedBusiness, SyncedContact};

use super::rows::Wrong;

/// A contact of a table, by what it is called here.
pub(super) struct Member<'a> {
    pub(super) contact: ContactId,
    pub(super) row: &'a SyncedContact,
}

/// Lays lines and teams over the directory. `others`: contacts of the configuration that no row names.
pub(super) fn lay(
    directory: &mut Directory,
    businesses: &[SyncedBusiness],
    members: &[Member<'_>],
    others: &[TeamEntry],
    wrong: &mut Vec<Wrong>,
) {
    let mut say = |record: &str, name: &str, why: &str| {
        wrong.push(Wrong { record: record.to_owned(), name: name.to_owned(), why: why.to_owned() });
    };
    for member in members {
        if member.row.businesses.iter().any(|id| !businesses.iter().any(|b| &b.record == id)) {
            say(&member.row.record, &member.row.name, "it works for a business that is not there: correct the link");
        }
        let hours_of = |b: &&SyncedBusiness| works_for(member.row, b) && b.time_zone.is_none();
        let no_clock = directory.default_line.time_zone.is_none()
            && (businesses.is_empty() || businesses.iter().filter(|b| b.active).any(|b| hours_of(&b)));
        if member.row.hours.is_some() && no_clock {
            let why = "it has hours, and no time zone says by which clock; it counts as always on duty: set time_zone";
            say(&member.row.record, &member.row.name, why);
        }
    }
    let active: Vec<&SyncedBusiness> = businesses.iter().filter(|b| b.active).collect();
    match active.as_slice() {
        [] if members.iter().any(|m| m.row.priority.is_some() || m.row.backup) => {
            directory.default_line.team = Some(team(members.iter(), others));
        }
        [] => {}
        [one] => {
            let entries = team(members.iter().filter(|m| works_for(m.row, one)), others);
            let shop = &mut directory.default_line;
            shop.name.clone_from(&one.name);
            shop.time_zone = one.time_zone.clone().or(shop.time_zone.take());
            fill(shop, one, entries);
        }
        several => {
            for business in several {
                let entries = team(members.iter().filter(|m| works_for(m.row, business)), others);
                if business.numbers.is_empty() {
                    let why = "it has no number, so that no call is known to be for it: the shop's own team is told";
                    say(&business.record, &business.name, why);
                }
                for number in &business.numbers {
                    lay_line(directory, number, business, entries.clone());
                }
            }
        }
    }
}

fn lay_line(directory: &mut Directory, number: &str, business: &SyncedBusiness, team: Vec<TeamEntry>) {
    if let Some(own) = directory.lines.iter_mut().find(|l| l.number.as_deref() == Some(number)) {
        fill(own, business, team);
        return;
    }
    directory.lines.push(Line {
        number: Some(number.to_owned()),
        name: business.name.clone(),
        team: Some(team),
        from: None,
        policies: std::collections::BTreeMap::new(),
        templates: crate::domain::team::Templates::default(),
        time_zone: business.time_zone.clone(),
        keywords: business.keywords.clone(),
    });
}

/// What the line does not say itself.
fn fill(line: &mut Line, business: &SyncedBusiness, team: Vec<TeamEntry>) {
    if line.name.is_empty() {
        line.name.clone_from(&business.name);
    }
    line.team.get_or_insert(team);
    line.time_zone = line.time_zone.take().or_else(|| business.time_zone.clone());
    for word in &business.keywords {
        if !line.keywords.contains(word) {
            line.keywords.push(word.clone());
        }
    }
}

fn works_for(row: &SyncedContact, business: &SyncedBusiness) -> bool {
    let linked = row.businesses.is_empty() || row.businesses.contains(&business.record);
    let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
    let trade = match (&row.trade, &business.trade) {
        (Some(own), Some(of)) => same(own, of),
        _ => true,
    };
    linked && trade
}

fn team<'a>(members: impl Iterator<Item = &'a Member<'a>>, others: &[TeamEntry]) -> Vec<TeamEntry> {
    let mut entries: Vec<TeamEntry> = members.map(entry).collect();
    // By place, and of one place as the table has them; then those with roles of their own.
    entries.sort_by_key(|e| if let TeamRole::Ranked(place) = e.role { (false, place) } else { (true, 0) });
    entries.extend(others.iter().cloned());
    let named =
        |e: &TeamEntry, role: &str| matches!(&e.role, TeamRole::Named(own) if own.as_str().eq_ignore_ascii_case(role));
    let asked_first = |e: &TeamEntry| matches!(e.role, TeamRole::Ranked(_)) || named(e, PRIMARY);
    if !entries.iter().any(asked_first)
        && let Ok(primary) = PRIMARY.parse::<Role>()
    {
        let owners: Vec<TeamEntry> = entries.iter().filter(|e| named(e, "owner")).cloned().collect();
        entries.extend(owners.into_iter().map(|e| TeamEntry { role: TeamRole::Named(primary.clone()), ..e }));
    }
    entries
}

fn entry(member: &Member<'_>) -> TeamEntry {
    let row = member.row;
    let role = match (&row.role, BACKUP.parse::<Role>()) {
        (Some(role), _) => TeamRole::Named(role.clone()),
        (None, Ok(backup)) if row.backup => TeamRole::Named(backup),
        _ => TeamRole::Ranked(row.priority.unwrap_or(u32::MAX)),
    };
    TeamEntry { contact: member.contact.clone(), role, hours: row.hours.clone(), off: row.away }
}
