//! What the records of the contacts' table mean. Nothing is guessed: what is not clear is left out, with words for a person.

use std::collections::BTreeSet;

use crate::config::ContactFields;
use crate::domain::PhoneNumber;
use crate::domain::phone::masked;
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
    fields: &ContactFields,
    file: &Directory,
    before: Option<&SyncedContacts>,
) -> RosterReading {
    let mut records: Vec<&Record> = records.iter().collect();
    // The table's own order is arbitrary.
    records.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    let mut reading = RosterReading::default();
    let mut ids = BTreeSet::new();
    let mut rows: Vec<SyncedContact> =
        records.into_iter().filter_map(|record| row(record, fields, &mut reading.wrong)).collect();
    // Who is told has the first choice of an id: a row that replaces one that is off takes its place in the teams.
    rows.sort_by_key(|row| !row.active);
    for row in rows {
        let wrong = |why: &str| Wrong { record: row.record.clone(), name: row.name.clone(), why: why.to_owned() };
        if let Some(phone) = row.phone.as_ref().filter(|_| row.active) {
            let twin = |c: &&SyncedContact| c.active && c.phone.as_ref() == Some(phone);
            if let Some(twin) = reading.contacts.iter().find(twin) {
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
fn row(record: &Record, fields: &ContactFields, wrong: &mut Vec<Wrong>) -> Option<SyncedContact> {
    let cell = |name: &str| record.fields.get(name);
    let name: String = text(cell(&fields.name)).chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    let id = record.id.as_str().to_owned();
    let mut say = |why: String| wrong.push(Wrong { record: id.clone(), name: name.clone(), why });
    let phone = cell(&fields.phone);
    if name.is_empty() && phone.is_empty() {
        return None;
    }
    let active = match active(fields, cell(&fields.active)) {
        Ok(active) => active,
        Err(shown) => {
            say(format!("{} is {shown}, neither yes nor no; it is left out: use a checkbox", fields.active));
            return None;
        }
    };
    let phone = match number(phone) {
        Ok(phone) => Some(phone),
        Err(_) if !active => None,
        Err(why) => {
            say(format!("{} {why}; it is left out and not told: write it like +19495550101", fields.phone));
            return None;
        }
    };
    let role = match role(cell(&fields.role)) {
        Ok(role) => role,
        Err((role, why)) => {
            if active {
                say(format!("{} {why}", fields.role));
            }
            role
        }
    };
    // Replaced by the caller.
    let contact = record_id(&id)?;
    let name = if name.is_empty() { id.clone() } else { name };
    Some(SyncedContact { record: id, id: contact, name, phone, role, active })
}

fn record_id(record: &str) -> Option<ContactId> {
    record.parse().ok()
}

/// A text without blanks around it, also out of a list of one.
fn text(cell: &Cell) -> &str {
    match cell {
        Cell::Text(text) => text.trim(),
        Cell::Other(value) => match value.as_array().map(Vec::as_slice) {
            Some([one]) => one.as_str().unwrap_or_default().trim(),
            _ => "",
        },
        _ => "",
    }
}

/// A checkbox that is not set has no cell at all.
fn active(fields: &ContactFields, cell: &Cell) -> Result<bool, String> {
    if fields.active.is_empty() {
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

/// A phone that can be texted. Blanks and the signs that people put between digits are taken out of a number that says its
/// country; a number without one is not completed.
fn number(cell: &Cell) -> Result<PhoneNumber, String> {
    let text = text(cell);
    if text.is_empty() {
        return Err(if cell.is_empty() { "is empty".to_owned() } else { "is not a text".to_owned() });
    }
    if !text.starts_with('+') {
        return Err("says no country (it does not begin with +)".to_owned());
    }
    let between = |c: &char| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '-' | '\u{2011}' | '.' | '(' | ')' | '/');
    let plain: String = text.chars().filter(between).collect();
    plain.parse().map_err(|_| "is no phone number that can be texted".to_owned())
}

/// Its role; where there are several, the first, and what to say of it.
fn role(cell: &Cell) -> Result<Option<Role>, (Option<Role>, String)> {
    let parsed = |text: &str| text.parse::<Role>().ok();
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
    let free = |id: &ContactId| !taken.contains(&id.as_str().to_lowercase());
    let before = before.and_then(|c| c.contacts.iter().find(|c| c.record == row.record)).map(|c| c.id.clone());
    let same_phone = file.contacts.iter().find(|c| row.phone.as_ref() == Some(&c.phone)).map(|c| c.id.clone());
    let same_name =
        file.contacts.iter().find(|c| c.name.to_lowercase() == row.name.to_lowercase()).map(|c| c.id.clone());
    let named = slug(&row.name).parse().ok();
    let known = [same_phone, before, same_name, named].into_iter().flatten().find(free);
    known.unwrap_or_else(|| row.id.clone())
}

/// `Kim Lee` → `kim-lee`.
fn slug(name: &str) -> String {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    words.join("-")
}
