//! Which record a link means: looked up once by what people call it, kept, and found again where it was deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::config::BaseMaps;
use crate::domain::Timestamp;
use crate::gateways::airtable::{Fields, TableSchema, folded};
use crate::gateways::mirror::{Query, Record, RecordId};
use crate::gateways::{MirrorError, MirrorGateway};

/// Somebody who was not found is looked for again after this.
const AGAIN: Duration = Duration::from_secs(60);
/// Who was found is looked up anew after this, as people rename and replace rows.
const FRESH: Duration = Duration::from_secs(3_600);
/// Calls whose records are kept; a night has fewer.
const CALLS_MAX: usize = 2_000;

/// A row of another table, by what it is found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// By its id.
    Call(String),
    /// By the number, else by the name.
    Contact { name: String, phone: String },
    /// By the number that was dialled, else by the name; else the only one there is.
    Business { name: String, number: String },
}

impl Target {
    /// For a person; the number masked.
    pub fn said(&self) -> String {
        match self {
            Self::Call(id) => format!("call {id}"),
            Self::Contact { name, phone } if phone.is_empty() => name.clone(),
            Self::Contact { name, phone } => format!("{name} ({})", crate::domain::phone::masked(phone)),
            Self::Business { name, .. } => name.clone(),
        }
    }
}

/// One who can be linked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    record: RecordId,
    name: String,
    /// Digits alone.
    numbers: Vec<String>,
}

/// A table read whole.
#[derive(Debug, Clone, Default)]
struct Directory {
    read_at: Option<Timestamp>,
    entries: Vec<Entry>,
}

/// What is known of the records that links mean.
#[derive(Debug, Clone, Default)]
pub struct LinkBook {
    calls: BTreeMap<String, RecordId>,
    contacts: Directory,
    businesses: Directory,
}

/// The tables that links lead to, as far as any field of ours is a link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkTables {
    /// Its name, and the base's name of the call's id.
    pub calls: Option<(String, String)>,
    /// Its name, and the base's names of what a contact is found by.
    pub contacts: Option<(String, Vec<String>)>,
    /// The same of businesses.
    pub businesses: Option<(String, Vec<String>)>,
}

impl LinkTables {
    /// The tables by their ids: of calls, of the roster, of businesses.
    pub(super) fn of(tables: &[TableSchema], maps: &BaseMaps, ids: [Option<&str>; 3]) -> Self {
        let find = |id: Option<&str>| id.and_then(|id| tables.iter().find(|t| t.id == id));
        let names = |table: &TableSchema, wanted: &[&str]| -> Vec<String> {
            wanted.iter().map(|n| table.field(n).map_or_else(String::new, |f| f.name.clone())).collect()
        };
        let [calls, contacts, businesses] = ids.map(find);
        let (c, b) = (&maps.contacts, &maps.businesses);
        Self {
            calls: calls.and_then(|t| Some((t.name.clone(), t.field(&maps.calls.call_id)?.name.clone()))),
            contacts: contacts.map(|t| (t.name.clone(), names(t, &[&c.name, &c.phone]))),
            businesses: businesses.map(|t| {
                let wanted = [&b.name, &b.numbers, &b.phone].map(String::as_str);
                let given: Vec<&str> = wanted.into_iter().filter(|name| !name.is_empty()).collect();
                (t.name.clone(), names(t, &given))
            }),
        }
    }
}

impl LinkBook {
    /// Looks up those of these that are not known. Safe to repeat; what is not found is asked for again, people once a minute.
    ///
    /// # Errors
    /// [`MirrorError`]: the base does not say; nothing is known then that was not known before.
    pub async fn learn(
        &mut self,
        gateway: &dyn MirrorGateway,
        tables: &LinkTables,
        targets: &BTreeSet<Target>,
        now: Timestamp,
    ) -> Result<(), MirrorError> {
        if let Some((table, key)) = &tables.calls {
            let unknown: Vec<String> = targets
                .iter()
                .filter_map(|t| if let Target::Call(id) = t { Some(id) } else { None })
                .filter(|id| !self.calls.contains_key(*id))
                .cloned()
                .collect();
            if !unknown.is_empty() {
                let found = gateway.by_key(table, key, &unknown, &[key.as_str()]).await?;
                if self.calls.len() > CALLS_MAX {
                    self.calls.clear();
                }
                // Of several the oldest is intake's.
                let first = |(id, all): (String, Vec<Record>)| Some((id, all.into_iter().next()?.id));
                self.calls.extend(found.into_iter().filter_map(first));
            }
        }
        let (contacts, businesses): (Vec<&Target>, Vec<&Target>) =
            targets.iter().filter(|t| !matches!(t, Target::Call(_))).partition(|t| matches!(t, Target::Contact { .. }));
        for (table, wanted, place) in
            [(&tables.contacts, contacts, Place::Contacts), (&tables.businesses, businesses, Place::Businesses)]
        {
            let Some((table, names)) = table else { continue };
            if wanted.is_empty() || !self.is_stale(place, &wanted, now) {
                continue;
            }
            let wanted = names.iter().filter(|n| !n.is_empty()).cloned();
            let listed = gateway.list(&Query::of(table).fields(wanted.collect::<Vec<_>>())).await?;
            if !listed.complete {
                let why = format!("some records of {table} could not be read");
                return Err(MirrorError::Retryable { why, retry_after: None });
            }
            let entries = listed.records.iter().map(|r| entry(r, names)).collect();
            *self.place(place) = Directory { read_at: Some(now), entries };
        }
        Ok(())
    }

    /// Reads the roster, where links lead to one: for whoever reads links back.
    ///
    /// # Errors
    /// As [`LinkBook::learn`].
    pub async fn learn_contacts(
        &mut self,
        gateway: &dyn MirrorGateway,
        tables: &LinkTables,
        now: Timestamp,
    ) -> Result<(), MirrorError> {
        let anybody = Target::Contact { name: String::new(), phone: String::new() };
        self.learn(gateway, tables, &BTreeSet::from([anybody]), now).await
    }

    fn is_stale(&mut self, place: Place, wanted: &[&Target], now: Timestamp) -> bool {
        let all_there = wanted.iter().all(|t| self.find(t).is_some());
        let Some(read_at) = self.place(place).read_at else { return true };
        let age = now.since(read_at);
        age > FRESH || (!all_there && age > AGAIN) || read_at > now
    }

    fn place(&mut self, place: Place) -> &mut Directory {
        match place {
            Place::Contacts => &mut self.contacts,
            Place::Businesses => &mut self.businesses,
        }
    }

    /// The record that is meant; `None`: none that is known, or nobody can say which of several.
    pub fn find(&self, target: &Target) -> Option<&RecordId> {
        match target {
            Target::Call(id) => self.calls.get(id),
            Target::Contact { name, phone } => one(&self.contacts.entries, phone, name),
            Target::Business { name, number } => {
                let entries = &self.businesses.entries;
                let only = || entries.first().filter(|_| entries.len() == 1).map(|e| &e.record);
                one(entries, number, name).or_else(only)
            }
        }
    }

    /// Who a record of the roster is: name and number, as they stand there.
    pub fn contact(&self, record: &str) -> Option<(&str, &str)> {
        let entry = self.contacts.entries.iter().find(|e| e.record.as_str() == record)?;
        Some((entry.name.as_str(), entry.numbers.first().map_or("", String::as_str)))
    }

    /// The base says that a record is not there: everything is looked up anew.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Contacts,
    Businesses,
}

fn entry(record: &Record, names: &[String]) -> Entry {
    let text = |name: Option<&String>| name.and_then(|n| Some(cell(&record.fields, n)?.to_owned())).unwrap_or_default();
    let numbers = names.iter().skip(1).map(|n| text(Some(n)));
    Entry {
        record: record.id.clone(),
        name: text(names.first()),
        numbers: numbers
            .flat_map(|t| t.split([',', ';', '\n']).map(digits).collect::<Vec<_>>())
            .filter(|n| !n.is_empty())
            .collect(),
    }
}

fn cell<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).as_text()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The same number, with or without its country code.
fn same_number(a: &str, b: &str) -> bool {
    const LOCAL: usize = 10;
    let tail = |t: &str| t.len().checked_sub(LOCAL).and_then(|at| t.get(at..)).map(str::to_owned);
    a == b || (tail(a).is_some() && tail(a) == tail(b))
}

/// The one with this number, else with this name. Of several with the number the one with the name too.
fn one<'a>(entries: &'a [Entry], number: &str, name: &str) -> Option<&'a RecordId> {
    let number = digits(number);
    let is_named = |e: &&Entry| !name.is_empty() && folded(&e.name) == folded(name);
    let by_number: Vec<&Entry> =
        entries.iter().filter(|e| !number.is_empty() && e.numbers.iter().any(|n| same_number(n, &number))).collect();
    let found: Vec<&Entry> = match by_number.as_slice() {
        [] => entries.iter().filter(is_named).collect(),
        [_] => by_number,
        several => several.iter().copied().filter(is_named).collect(),
    };
    match found.as_slice() {
        [one] => Some(&one.record),
        _ => None,
    }
}
