//! A feed of who is on call, for the calendars of people: of a rotation or of a contact (`facts/oncall.md` §5 *Feed*).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::ical::feed::{FeedShift, feed};
use crate::domain::masking::masked_within;
use crate::domain::oncall::outlook::duties;
use crate::domain::oncall::timeline::{by_contacts, spans};
use crate::domain::oncall::{OverrideScope, Rotation};
use crate::domain::team::{Contact, Directory, PRIMARY, TeamEntry, TeamRole, TeamWho};
use crate::domain::types::Role;
use crate::store::FeedOf;

const DAY: Duration = Duration::from_secs(86_400);
/// What is over longer is left out.
const BACK_DAYS: u32 = 15;
const AHEAD_DAYS: u32 = 180;
/// Spans are counted from a day that stays for so long, so that one that began before it stays the same event.
const EPOCH_DAYS: i64 = 90;
/// The most events of a feed.
const EVENTS_MAX: usize = 5_000;

/// The text of a feed as of this moment; `None`: there is no such rotation or contact any more. No phone number is in it.
pub fn text(directory: &Directory, of: &FeedOf, now: Timestamp) -> Option<String> {
    let (name, shifts) = match of {
        FeedOf::Rotation(id) => {
            let rotation = directory.rotation(id)?;
            (format!("On call: {id}"), of_rotation(directory, rotation, now))
        }
        FeedOf::Contact(id) => {
            let contact = directory.contact(id)?;
            (format!("On call: {}", contact.name), of_contact(directory, contact, now))
        }
    };
    let mut shifts: Vec<FeedShift> = shifts.into_iter().filter(|s| s.until > now.minus(DAY * BACK_DAYS)).collect();
    shifts.sort_by(|a, b| (a.from, &a.of).cmp(&(b.from, &b.of)));
    shifts.truncate(EVENTS_MAX);
    for shift in &mut shifts {
        shift.title = masked_within(&shift.title);
    }
    Some(feed(&masked_within(&name), &shifts, now))
}

fn stretch(now: Timestamp) -> (Timestamp, Timestamp) {
    let epoch = EPOCH_DAYS * 86_400_000;
    let back = now.minus(DAY * BACK_DAYS).as_millis();
    (Timestamp::from_millis(back - back.rem_euclid(epoch)), now.plus(DAY * AHEAD_DAYS))
}

/// Whose turn it is, exceptions to the rotation applied: as a line has it that asks this rotation alone.
fn of_rotation(directory: &Directory, rotation: &Rotation, now: Timestamp) -> Vec<FeedShift> {
    let Ok(role) = PRIMARY.parse::<Role>() else { return Vec::new() };
    let entry = TeamEntry {
        who: TeamWho::Rotation(rotation.id.clone()),
        role: TeamRole::Named(role.clone()),
        hours: None,
        off: false,
        fallback: false,
    };
    let mut alone = directory.clone();
    alone.default_line.team = Some(vec![entry]);
    alone.lines.clear();
    alone.overrides.retain(|o| !matches!(o.scope, OverrideScope::Role { .. }));
    let (from, until) = stretch(now);
    let all = by_contacts(spans(&alone, &alone.default_line, &role, from, until));
    let shift = |s: &crate::domain::oncall::timeline::HeldSpan<'_>| {
        // The same people are named in the same order, whoever took whose turn.
        let names: BTreeSet<&str> = s.holders.iter().map(|h| h.contact.name.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        (!names.is_empty()).then(|| FeedShift {
            of: format!("rotation {}", rotation.id),
            from: s.from,
            until: s.until,
            title: format!("{} ({})", names.join(", "), rotation.id),
        })
    };
    all.iter().filter_map(shift).collect()
}

/// Every role that they hold on any line.
fn of_contact(directory: &Directory, contact: &Contact, now: Timestamp) -> Vec<FeedShift> {
    let (from, until) = stretch(now);
    let mut all: Vec<FeedShift> = Vec::new();
    for duty in duties(directory) {
        let line = duty.line.number.as_deref().unwrap_or("default");
        let of = format!("contact {} {line} {}", contact.id, duty.role.as_str().to_lowercase());
        let place = if duty.line.name.is_empty() { String::new() } else { format!(", {}", duty.line.name) };
        let of_duty = all.len();
        for span in spans(directory, duty.line, &duty.role, from, until) {
            if !span.holders.iter().any(|h| h.contact.id == contact.id) {
                continue;
            }
            match all.get_mut(of_duty..).and_then(|new| new.last_mut()) {
                Some(last) if last.until == span.from => last.until = span.until,
                _ => all.push(FeedShift {
                    of: of.clone(),
                    from: span.from,
                    until: span.until,
                    title: format!("On call: {}{place}", duty.role),
                }),
            }
        }
    }
    all
}
