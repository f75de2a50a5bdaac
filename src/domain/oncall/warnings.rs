//! What works and is probably not meant, in rotations and teams: said at start, by doctor and by `oncall check`.

use std::collections::BTreeSet;

use jiff::tz::AmbiguousOffset;

use super::calendar::CalendarShift;
use super::holders::shown;
use super::instant::{add_days, local};
use super::outlook::duties;
use super::rotation::Rotation;
use super::timeline::{HeldSpan, spans};
use crate::domain::team::{BACKUP, Directory, PRIMARY};
use crate::domain::types::{ContactId, Timestamp};

/// The most texts of a calendar that are named.
const TEXTS_SAID: usize = 10;

/// One sentence each.
pub fn warnings(directory: &Directory, from: Timestamp, until: Timestamp) -> Vec<String> {
    let mut all = Vec::new();
    for rotation in &directory.rotations {
        all.extend(of_rotation(directory, rotation, from));
    }
    for rotation in &directory.rotations {
        all.extend(unknown_texts(directory, rotation, from, until));
    }
    all.extend(one_person_for_both(directory, from, until));
    all
}

fn of_rotation(directory: &Directory, rotation: &Rotation, now: Timestamp) -> Vec<String> {
    let id = &rotation.id;
    let mut all = Vec::new();
    let unknown: BTreeSet<&ContactId> =
        rotation.all_members().filter(|member| directory.contact(member).is_none()).collect();
    for member in unknown {
        all.push(format!(
            "the rotation {id} names {member}, who is no contact: their turns are passed over to the next"
        ));
    }
    if let Some(first) = rotation.lists.first().filter(|_| rotation.shift_at(now).is_none())
        && local(now, &rotation.zone).is_some_and(|here| first.starts > here.date())
    {
        all.push(format!("the rotation {id} begins only on {}: until then nobody holds it", first.starts));
    }
    if let Some(list) = rotation.lists.last().filter(|list| list.members.len() > 2) {
        let turns = |who: &ContactId| list.members.iter().filter(|turn| turn.contains(who)).count();
        let members: BTreeSet<&ContactId> = list.members.iter().flatten().collect();
        for member in members.into_iter().filter(|member| turns(member) * 2 > list.members.len()) {
            all.push(format!("{member} has over half of the turns of the rotation {id}"));
        }
    }
    if let Some(date) = odd_handoff(rotation, now) {
        all.push(format!(
            "the handoff of the rotation {id} at {} falls into a change of the clock on {date}: that shift is longer or shorter",
            rotation.handoff.strftime("%H:%M")
        ));
    }
    all
}

/// What its calendar says of the time ahead that is nobody's name, each text once: whether or not somebody else holds it then.
fn unknown_texts(directory: &Directory, rotation: &Rotation, from: Timestamp, until: Timestamp) -> Vec<String> {
    let events = directory.calendars.get(&rotation.id).into_iter().flat_map(|c| c.all());
    let mut texts: Vec<&str> = Vec::new();
    let mut all = Vec::new();
    for event in events.filter(|e| e.from < until && from < e.until) {
        let Err(text) = &event.who else { continue };
        if texts.contains(&text.as_str()) || texts.len() == TEXTS_SAID {
            continue;
        }
        texts.push(text);
        let (at, id) = (shown(event.from, &rotation.zone), &rotation.id);
        all.push(format!("the calendar of the rotation {id} says {text:?} from {at} on, which is no contact"));
    }
    all
}

/// The first day of the next year on which the clock shows the handoff twice or never.
fn odd_handoff(rotation: &Rotation, now: Timestamp) -> Option<jiff::civil::Date> {
    let today = local(now, &rotation.zone)?.date();
    let days = (0..366).filter_map(|n| add_days(today, n));
    let mut days = days.filter(|_| !rotation.lists.is_empty());
    days.find(|day| {
        let ambiguous = rotation.zone.to_ambiguous_timestamp(day.to_datetime(rotation.handoff));
        !matches!(ambiguous.offset(), AmbiguousOffset::Unambiguous { .. })
    })
}

/// Lines on which the backup is the primary at some time: asked again, nobody else hears of it.
fn one_person_for_both(directory: &Directory, from: Timestamp, until: Timestamp) -> Vec<String> {
    let mut all = Vec::new();
    let is = |role: &str, name: &str| role.eq_ignore_ascii_case(name);
    for primary in duties(directory).iter().filter(|d| is(d.role.as_str(), PRIMARY)) {
        let Ok(backup) = BACKUP.parse() else { continue };
        let first = spans(directory, primary.line, &primary.role, from, until);
        let second = spans(directory, primary.line, &backup, from, until);
        // The backup may change within a span of the primary: each pair that overlaps is looked at.
        let both = first.iter().find_map(|one| {
            let meets = second.iter().filter(|two| one.from < two.until && two.from < one.until);
            let same = |two: &&HeldSpan<'_>| {
                let (one, two) = (one.contacts(), two.contacts());
                !two.is_empty() && two.iter().all(|id| one.contains(id))
            };
            let two = meets.into_iter().find(same)?;
            let names: Vec<String> = two.contacts().iter().map(ToString::to_string).collect();
            Some((one.from.max(two.from), names.join(", ")))
        });
        if let Some((at, who)) = both {
            let line = primary.line.number.as_deref().unwrap_or("numbers that are not listed");
            all.push(format!("{who} is primary and backup of {line} at once, first at {}", at.rfc3339()));
        }
    }
    all
}

/// The next handoffs of a rotation, with who begins; of one that goes by a calendar, its next events.
pub fn handoffs(
    directory: &Directory,
    rotation: &Rotation,
    from: Timestamp,
    count: usize,
) -> Vec<(Timestamp, Vec<ContactId>)> {
    if let Some(calendar) = directory.calendars.get(&rotation.id) {
        let who = |e: &CalendarShift| (e.from, e.who.clone().unwrap_or_default());
        return calendar.all().iter().filter(|e| e.from > from).take(count).map(who).collect();
    }
    let mut all = Vec::new();
    let mut at = from;
    // A turn of one day has a year of days without one before it, at most.
    for _ in 0..400 {
        let next = match rotation.shift_at(at) {
            Some(shift) => shift.until,
            None => match rotation.lists.first().filter(|_| rotation.days.is_none()) {
                Some(first) => match super::instant::instant(first.starts, rotation.handoff, &rotation.zone) {
                    Some(start) if start > at => start,
                    _ => break,
                },
                None => match rotation.next_boundary(at) {
                    Some(next) => next,
                    None => break,
                },
            },
        };
        if let Some(shift) = rotation.shift_at(next) {
            all.push((next, shift.members.to_vec()));
        }
        if all.len() == count {
            break;
        }
        at = next;
    }
    all
}
