//! What the records of the contacts' table mean. Nothing is guessed: what is not clear is left out, with words for a person.

use std::collections::BTreeSet;

use crate::config::{AVAILABLE, AWAY, AirtableValues, ContactFields};
use crate::domain::PhoneNumber;
use crate::domain::hours::Hours;
use crate::domain::mail::MailAddress;
use crate::domain::phone::masked;
use crate::domain::phone::spelling::Spelling;
use crate::domain::team::Directory;
use crate::domain::types::{ContactId, Role};
use crate::gateways::airtable::Cell;
use crate::gateways::mirror::Record;
use crate::store::{SyncedContact, SyncedContacts};

/// The longest name and role that are kept.
const NAME_CHARS_MAX: usize = 64;
/// What people write into a text where a checkbox would be.
const YES: &[&str] = &["yes", "y", "true", "active", "on", "1"];
const NO: &[&str] = &["no", "n", "false", "inactive", "off", "0"];

/// What is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Its record id.
    pub record: String,
    /// Its name; empty where it has none.
    pub name: String,
    /// What is wrong, what follows and what to do: without the row.
    pub why: String,
}

impl Wrong {
    /// The row, for a person.
    pub fn row(&self) -> String {
        if self.name.is_empty() { format!("row {}", self.record) } else { format!("row {:?}", masked(&self.name)) }
    }
}

/// How the shop's table says what a contact is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RosterLayout {
    /// Its fields.
    pub fields: ContactFields,
    /// Its words.
    pub values: AirtableValues,
}

impl RosterLayout {
    /// Whether rows are memberships: of one person there may be several.
    fn says_who_works_where(&self) -> bool {
        !self.fields.business.is_empty() || !self.fields.priority.is_empty()
    }
}

/// What the records came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RosterReading {
    /// What can be used, active or not: oldest first.
    pub contacts: Vec<SyncedContact>,
    /// What cannot, or not wholly.
    pub wrong: Vec<Wrong>,
}

/// Reads records. `before`: the copy that stands, whose ids stay with their records.
pub fn read(
    records: &[Record],
    layout: &RosterLayout,
    file: &Directory,
    before: Option<&SyncedContacts>,
) -> RosterReading {
    let mut records: Vec<&Record> = records.iter().collect();
    // The table's own order is arbitrary.
    records.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    let mut reading = RosterReading::default();
    let mut ids = BTreeSet::new();
    let mut rows: Vec<SyncedContact> =
        records.into_iter().filter_map(|record| row(record, layout, file.country(), &mut reading.wrong)).collect();
    // Who is told has the first choice of an id: a row that replaces one that is off takes its place in the teams.
    rows.sort_by_key(|row| !row.active);
    for row in rows {
        let wrong = |why: &str| Wrong { record: row.record.clone(), name: row.name.clone(), why: why.to_owned() };
        if let Some(phone) = row.phone.as_ref().filter(|_| row.active) {
            let twin = |c: &&SyncedContact| c.active && !c.again && c.phone.as_ref() == Some(phone);
            let found = reading.contacts.iter().find(twin).cloned();
            if let Some(twin) = found.as_ref().filter(|_| layout.says_who_works_where()) {
                // One person, in another business or with another place.
                reading.contacts.push(SyncedContact { id: twin.id.clone(), again: true, ..row });
                continue;
            }
            if let Some(twin) = found {
                let why = format!("it has the phone of {:?} too and is left out: one row a phone", masked(&twin.name));
                reading.wrong.push(wrong(&why));
                continue;
            }
            if senders(file).any(|s| s == phone.e164()) {
                reading
                    .wrong
                    .push(wrong("its phone is the number that our texts come from; it is left out: correct it"));
                continue;
            }
        }
        let id = id(&row, file, before, &ids);
        ids.insert(id.as_str().to_lowercase());
        reading.contacts.push(SyncedContact { id, ..row });
    }
    reading
}

/// One record as a contact whose id is still to be found; `None`: an empty line, or one that is wrong.
fn row(record: &Record, layout: &RosterLayout, country: Option<&str>, wrong: &mut Vec<Wrong>) -> Option<SyncedContact> {
    let fields = &layout.fields;
    let cell = |name: &str| record.fields.get(name);
    let name: String = text(cell(&fields.name)).chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    let id = record.id.as_str().to_owned();
    let mut say = |why: String| wrong.push(Wrong { record: id.clone(), name: name.clone(), why });
    let phone = cell(&fields.phone);
    if name.is_empty() && phone.is_empty() {
        return None;
    }
    let active = match is_active(&fields.active, cell(&fields.active)) {
        Ok(active) => active,
        Err(shown) => {
            say(format!("{} is {shown}, neither yes nor no; it is left out: use a checkbox", fields.active));
            return None;
        }
    };
    let phone = match number(phone, country) {
        Ok(phone) => Some(phone),
        Err(_) if !active => None,
        Err(why) => {
            say(format!("{} {why}; it is left out and not told: write it like +19495550101", fields.phone));
            return None;
        }
    };
    let mut say_of_active = |why: String| {
        if active {
            say(why)
        }
    };
    let by_priority = !fields.priority.is_empty();
    let role = match role(cell(&fields.role), layout, by_priority) {
        Ok(role) => role,
        Err((role, why)) => {
            say_of_active(format!("{} {why}", fields.role));
            role
        }
    };
    let (backup, priority) = (given(&fields.backup, record), given(&fields.priority, record));
    let backup = backup.is_some_and(|cell| is_active("backup", cell).unwrap_or(false));
    let priority = match priority.map(|cell| (cell.as_whole().map(u32::try_from), cell)) {
        Some((Some(Ok(place)), _)) => Some(place),
        Some((_, cell)) if !cell.is_empty() => {
            say_of_active(format!(
                "{} is {}; it is asked after all others: use 1, 2, 3",
                fields.priority,
                cell.shown()
            ));
            None
        }
        Some(_) if role.is_none() && !backup => {
            say_of_active(format!("{} is empty; it is asked after all others: use 1, 2, 3", fields.priority));
            None
        }
        _ => None,
    };
    let hours = hours(record, fields).unwrap_or_else(|why| {
        say_of_active(why);
        None
    });
    let away = away(record, layout).unwrap_or_else(|why| {
        say_of_active(why);
        false
    });
    let email = email(record, fields).unwrap_or_else(|why| {
        say_of_active(why);
        None
    });
    let trade = given(&fields.trade, record).map(text).filter(|t| !t.is_empty() && !t.eq_ignore_ascii_case("all"));
    let trade = trade.map(str::to_owned);
    let businesses = given(&fields.business, record).map_or_else(Vec::new, links);
    // Replaced by the caller.
    let contact = record_id(&id)?;
    let name = if name.is_empty() { id.clone() } else { name };
    Some(SyncedContact {
        record: id,
        id: contact,
        name,
        phone,
        email,
        role,
        active,
        businesses,
        priority,
        backup,
        trade,
        away,
        hours,
        again: false,
    })
}

/// The cell of a field that the base may have none of.
fn given<'a>(name: &str, record: &'a Record) -> Option<&'a Cell> {
    (!name.is_empty()).then(|| record.fields.get(name))
}

/// Where its mails go. Without a readable address it is told by text alone.
fn email(record: &Record, fields: &ContactFields) -> Result<Option<MailAddress>, String> {
    let address = given(&fields.email, record).map(text).unwrap_or_default();
    if address.is_empty() {
        return Ok(None);
    }
    let wrong =
        |_| format!("{} is no mail address; it is told by text alone: write it like sam@example.com", fields.email);
    address.parse().map(Some).map_err(wrong)
}

/// The records that a link names.
fn links(cell: &Cell) -> Vec<String> {
    let Cell::Other(value) = cell else { return Vec::new() };
    value.as_array().into_iter().flatten().filter_map(|id| id.as_str()).map(str::to_owned).collect()
}

/// From when to when it is on duty; `None`: always.
fn hours(record: &Record, fields: &ContactFields) -> Result<Option<Hours>, String> {
    let cell = |name: &str| given(name, record).map(text).unwrap_or_default().to_owned();
    let (start, end) = (cell(&fields.start_time), cell(&fields.end_time));
    if start.is_empty() && end.is_empty() {
        return Ok(None);
    }
    match (clock_time(&start), clock_time(&end)) {
        (Some(start), Some(end)) => Ok(Some(Hours::daily(start, end))),
        _ => Err(format!(
            "{} and {} are {start:?} and {end:?}, no two times; it counts as always on duty: write them like 18:00",
            fields.start_time, fields.end_time
        )),
    }
}

/// `18:00`, `6:00 pm`, `6pm`.
fn clock_time(text: &str) -> Option<jiff::civil::Time> {
    let plain: String = text.to_lowercase().chars().filter(|c| !c.is_whitespace() && *c != '.').collect();
    let half = |later: bool, rest: &str| {
        let whole = if rest.contains(':') { rest.to_owned() } else { format!("{rest}:00") };
        let time = crate::domain::hours::time(&whole).filter(|t| (1..=12).contains(&t.hour()))?;
        jiff::civil::Time::new(time.hour() % 12 + if later { 12 } else { 0 }, time.minute(), 0, 0).ok()
    };
    match (plain.strip_suffix("pm"), plain.strip_suffix("am")) {
        (Some(rest), _) => half(true, rest),
        (_, Some(rest)) => half(false, rest),
        _ => crate::domain::hours::time(&plain),
    }
}

/// Whether it is not to be asked for now. A word that nobody has mapped keeps nobody from being told.
fn away(record: &Record, layout: &RosterLayout) -> Result<bool, String> {
    let name = &layout.fields.availability;
    let word = given(name, record).map(text).unwrap_or_default();
    if word.is_empty() {
        return Ok(false);
    }
    let map = &layout.values.availability;
    match map.meant(word) {
        Some(AWAY) => Ok(true),
        Some(AVAILABLE) => Ok(false),
        _ => Err(format!(
            "{name} is {word:?}, which is neither available nor away; it counts as available: name the word in airtable.values.contacts.availability"
        )),
    }
}

fn record_id(record: &str) -> Option<ContactId> {
    record.parse().ok()
}

/// A text without blanks around it, also out of a list of one.
pub(crate) fn text(cell: &Cell) -> &str {
    match cell {
        Cell::Text(text) => text.trim(),
        Cell::Other(value) => match value.as_array().map(Vec::as_slice) {
            Some([one]) => one.as_str().unwrap_or_default().trim(),
            _ => "",
        },
        _ => "",
    }
}

/// A checkbox that is not set has no cell at all; without a field everything is active.
pub(super) fn is_active(field: &str, cell: &Cell) -> Result<bool, String> {
    if field.is_empty() {
        return Ok(true);
    }
    let word = match cell {
        Cell::Flag(flag) => return Ok(*flag),
        cell if cell.is_empty() => return Ok(false),
        Cell::Number(n) => n.to_string(),
        cell => text(cell).to_lowercase(),
    };
    let is = |words: &[&str]| words.contains(&word.as_str());
    if is(YES) {
        Ok(true)
    } else if is(NO) {
        Ok(false)
    } else {
        Err(cell.shown())
    }
}

/// A number, however it is written, completed with the country where it says none; `None`: it is none, or lacks its area.
pub(super) fn whole_number(text: &str, country: Option<&str>) -> Option<PhoneNumber> {
    let phone = Spelling::read(text)?.phone(country)?;
    let digits = phone.e164().len() - 1;
    // `555-0104` says no area: completed, it would be somebody else's or nobody's.
    let whole = if country == Some("1") { digits == 11 } else { digits >= 10 };
    (whole || text.trim().starts_with('+')).then_some(phone)
}

/// A phone that can be texted, however it is written. A number without its country is completed only with one that all of the
/// shop's own numbers share.
fn number(cell: &Cell, country: Option<&str>) -> Result<PhoneNumber, String> {
    let text = text(cell);
    if text.is_empty() {
        return Err(if cell.is_empty() { "is empty".to_owned() } else { "is not a text".to_owned() });
    }
    if !text.starts_with('+') && country.is_none() {
        return Err("says no country (it does not begin with +)".to_owned());
    }
    whole_number(text, country).ok_or_else(|| "is no phone number that can be texted".to_owned())
}

/// Its role; where there are several, the first, and what to say of it.
fn role(cell: &Cell, layout: &RosterLayout, by_priority: bool) -> Result<Option<Role>, (Option<Role>, String)> {
    let map = &layout.values.role;
    // Where places say who is asked, only the words that are mapped are roles: the others are jobs.
    let parsed = |text: &str| match map.meant(text) {
        Some(ours) => ours.parse::<Role>().ok(),
        None if by_priority => None,
        None => text.parse::<Role>().ok(),
    };
    if let Cell::Other(value) = cell
        && let Some([first, _, ..]) = value.as_array().map(Vec::as_slice)
    {
        let first = first.as_str().and_then(parsed);
        let shown = first.as_ref().map_or_else(|| "none of them".to_owned(), ToString::to_string);
        return Err((first, format!("names several roles; {shown} counts: name one, and use teams of lines for more")));
    }
    match text(cell) {
        "" if cell.is_empty() => Ok(None),
        "" => Err((None, "is not a text; it counts as no role".to_owned())),
        text => match parsed(text) {
            Some(role) => Ok(Some(role)),
            None if by_priority => Ok(None),
            None => Err((None, "is no role; it counts as none: use one word like primary".to_owned())),
        },
    }
}

/// Every number that texts come from.
fn senders(file: &Directory) -> impl Iterator<Item = &str> {
    let lines = file.lines.iter().filter_map(|l| l.from.as_ref());
    file.from.iter().chain(&file.fallback).chain(lines).map(crate::domain::types::Sender::as_str)
}

/// What a row's contact is called: as before, else as the contact of the configuration that it is, else after its name, and
/// where that is taken or nothing, by its record. An id stays with its record: who is told of a running call stays the same
/// person when somebody corrects a name.
fn id(row: &SyncedContact, file: &Directory, before: Option<&SyncedContacts>, taken: &BTreeSet<String>) -> ContactId {
    let known = |c: &&SyncedContact| c.record == row.record;
    let of_others = before.map_or(&[][..], |c| c.contacts.as_slice()).iter().filter(|c| c.record != row.record);
    let of_others: BTreeSet<String> = of_others.map(|c| c.id.as_str().to_lowercase()).collect();
    let free = |id: &ContactId| !taken.contains(&id.as_str().to_lowercase());
    let unclaimed = |id: &ContactId| !of_others.contains(&id.as_str().to_lowercase());
    let before = before.and_then(|c| c.contacts.iter().find(known)).map(|c| c.id.clone());
    let same_phone = file.contacts.iter().find(|c| row.phone.as_ref() == Some(&c.phone)).map(|c| c.id.clone());
    let same_name =
        file.contacts.iter().find(|c| c.name.to_lowercase() == row.name.to_lowercase()).map(|c| c.id.clone());
    let named = slug(&row.name).parse().ok();
    // A name is no proof: the id of another record is not taken for it.
    let by_name = [same_name, named].into_iter().flatten().filter(unclaimed);
    let found = [same_phone, before].into_iter().flatten().chain(by_name).find(free);
    found.unwrap_or_else(|| row.id.clone())
}

/// `Kim Lee` → `kim-lee`.
fn slug(name: &str) -> String {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    words.join("-")
}
