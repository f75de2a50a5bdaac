//! The lines and teams that the tables of businesses and contacts make. Pure.
//!
//! - One active business is the shop: its team, name, zone and words are those of every number, whatever the configuration
//!   calls the shop.
//! - Of several, each has a line a number. Whoever calls another number is answered by the people of all of them: nobody knows
//!   whom the call is for, and somebody must be told.
//! - Who works for none of them in particular works for the one business; where there are several, it is named and works for none:
//!   a link that was lost must not send people to others' customers.
//! - A line of the configuration keeps what it says, and takes the rest from the business with its number.
//! - Where nobody of a team is asked by place, its owner is the primary; an owner with the lowest place of all is asked first, as
//!   well as in the end.

use crate::domain::team::{BACKUP, Directory, Line, OWNER, PRIMARY, TeamEntry, TeamRole, TeamWho};
use crate::domain::types::{ContactId, Role};
use crate::store::{SyncedBusiness, SyncedContact};

use super::rows::Wrong;

/// A contact of a table, by what it is called here.
pub(super) struct Member<'a> {
    pub(super) contact: ContactId,
    pub(super) row: &'a SyncedContact,
}

/// Lays lines and teams over the directory. `others`: contacts of the configuration that no row names. Without any business,
/// links are not judged: their table is not read.
pub(super) fn lay(
    directory: &mut Directory,
    businesses: &[SyncedBusiness],
    members: &[Member<'_>],
    others: &[TeamEntry],
    wrong: &mut Vec<Wrong>,
) {
    let active: Vec<&SyncedBusiness> = businesses.iter().filter(|b| b.active).collect();
    judge_members(directory, businesses, &active, members, wrong);
    let several = active.len() > 1;
    let of = |business: &SyncedBusiness| {
        let its = members.iter().filter(|m| works_for(m.row, business, several));
        team(its, others)
    };
    match active.as_slice() {
        [] if members.iter().any(|m| m.row.priority.is_some() || m.row.backup) => {
            directory.default_line.team = Some(team(members.iter(), others));
        }
        [] => {}
        [one] => {
            let shop = &mut directory.default_line;
            shop.name.clone_from(&one.name);
            shop.time_zone = one.time_zone.clone().or(shop.time_zone.take());
            fill(shop, one, of(one));
            // Where numbers are told apart, its own are listed.
            if !directory.lines.is_empty() || businesses.len() > 1 {
                for number in &one.numbers {
                    lay_line(directory, number, one, of(one));
                }
            }
        }
        several => {
            for business in several {
                if business.numbers.is_empty() {
                    let why = "it has no number, so that no call is known to be for it: calls to a number that nobody has are \
                               told to the people of all businesses";
                    let (record, name) = (business.record.clone(), business.name.clone());
                    wrong.push(Wrong { record, name, why: why.to_owned() });
                }
                for number in &business.numbers {
                    lay_line(directory, number, business, of(business));
                }
            }
            let anybody = members.iter().filter(|m| several.iter().any(|b| works_for(m.row, b, true)));
            directory.default_line.team.get_or_insert(team(anybody, others));
        }
    }
}

/// Names rows that are in no team, or whose hours nobody can read.
fn judge_members(
    directory: &Directory,
    businesses: &[SyncedBusiness],
    active: &[&SyncedBusiness],
    members: &[Member<'_>],
    wrong: &mut Vec<Wrong>,
) {
    let several = active.len() > 1;
    for member in members {
        let row = member.row;
        let mut say = |why: String| wrong.push(Wrong { record: row.record.clone(), name: row.name.clone(), why });
        let gone = |id: &&String| !businesses.iter().any(|b| b.record == **id);
        if !businesses.is_empty() && row.businesses.iter().any(|id| gone(&id)) {
            say("it works for a business that is not there: correct the link".to_owned());
        } else if several && row.businesses.is_empty() {
            say("it works for no business, so that it is told of no call: link it to its own".to_owned());
        } else if let Some(business) = active.iter().find(|b| linked(row, b, several) && !works_for(row, b, several)) {
            let trades = (row.trade.as_deref().unwrap_or_default(), business.trade.as_deref().unwrap_or_default());
            say(format!(
                "it is of the trade {:?} and {} of {:?}, so that it is not told of its calls",
                trades.0, business.name, trades.1
            ));
        }
        let no_clock = directory.default_line.time_zone.is_none()
            && (active.is_empty() || active.iter().any(|b| works_for(row, b, several) && b.time_zone.is_none()));
        if row.hours.is_some() && no_clock {
            say("it has hours, and no time zone says by which clock; it counts as always on duty: set time_zone"
                .to_owned());
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

fn linked(row: &SyncedContact, business: &SyncedBusiness, several: bool) -> bool {
    row.businesses.contains(&business.record) || (row.businesses.is_empty() && !several)
}

fn works_for(row: &SyncedContact, business: &SyncedBusiness, several: bool) -> bool {
    let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
    let trade = match (&row.trade, &business.trade) {
        (Some(own), Some(of)) => same(own, of),
        _ => true,
    };
    linked(row, business, several) && trade
}

fn is_named(entry: &TeamEntry, role: &str) -> bool {
    matches!(&entry.role, TeamRole::Named(own) if own.as_str().eq_ignore_ascii_case(role))
}

fn team<'a>(members: impl Iterator<Item = &'a Member<'a>>, others: &[TeamEntry]) -> Vec<TeamEntry> {
    let members: Vec<&Member<'_>> = members.collect();
    let mut entries: Vec<TeamEntry> = members.iter().map(|m| entry(m)).collect();
    let place = |e: &TeamEntry| if let TeamRole::Ranked(place) = e.role { Some(place) } else { None };
    let first = entries.iter().filter_map(place).min();
    for owner in members.iter().filter(|m| is_named(&entry(m), OWNER)) {
        if let Some(own) = owner.row.priority.filter(|own| first.is_none_or(|first| *own < first)) {
            entries.push(TeamEntry { role: TeamRole::Ranked(own), ..entry(owner) });
        }
    }
    // By place, and of one place as the table has them; then those with roles of their own.
    entries.sort_by_key(|e| place(e).map_or((true, 0), |place| (false, place)));
    entries.extend(others.iter().cloned());
    let asked_first = |e: &TeamEntry| place(e).is_some() || is_named(e, PRIMARY);
    if !entries.iter().any(asked_first)
        && let Ok(primary) = PRIMARY.parse::<Role>()
    {
        let owners: Vec<TeamEntry> = entries.iter().filter(|e| is_named(e, OWNER)).cloned().collect();
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
    let who = TeamWho::Contact(member.contact.clone());
    TeamEntry { who, role, hours: row.hours.clone(), off: row.away, fallback: false }
}
