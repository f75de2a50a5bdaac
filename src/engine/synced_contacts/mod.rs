//! Contacts, and lines, that live in tables of Airtable's: read, kept, merged with those of the configuration.
//!
//! [`rows`] and [`businesses`] say what the tables' records mean, [`merge`] and [`teams`] what the directory becomes, all pure;
//! [`ContactSync`] reads, keeps the last
//! good copy in the store and puts the directory in force. A table that cannot be read, is empty or is broken changes nothing:
//! the last good copy stands, also over a restart, and a person is alerted. A row that is wrong is left out and said once.

#[cfg(test)]
mod business_tests;
pub(crate) mod businesses;
pub(crate) mod merge;
pub(crate) mod rows;
mod teams;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{debug, info, warn};

use crate::config::{Airtable, EmptyRole};
use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::event::Event;
use crate::domain::team::Directory;
use crate::domain::types::Actor;
use crate::gateways::airtable::TableSchema;
use crate::gateways::mirror::{MirrorError, MirrorGateway, Query, RecordList};
use crate::store::{StoreError, SyncedBusiness, SyncedContacts};

use super::apply::Core;
use super::in_force::InForce;
use businesses::BusinessLayout;
use merge::merge;
use rows::{RosterLayout, RosterReading, Wrong, read};

/// How often the table is read, where its plan does not count requests.
pub const EVERY: Duration = Duration::from_secs(60);
/// The longest that one reading takes, the wait for a turn under the base's rate limit included.
const READ_MAX: Duration = Duration::from_secs(120);
/// A table that cannot be asked alerts after this long: its copy stands meanwhile.
const AWAY_ALERTS: Duration = Duration::from_secs(3600);
/// Where there is no copy at all, after this.
const AWAY_ALERTS_WITHOUT_COPY: Duration = Duration::from_secs(120);
/// Rows of one reading that alert; the log names the rest.
const ROWS_MAX: usize = 50;

/// Where contacts, and lines, are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactSource {
    /// The table's name or id.
    pub table: String,
    pub layout: RosterLayout,
    /// The table of businesses and what it holds, where lines are read too.
    pub businesses: Option<(String, BusinessLayout)>,
    pub every: Duration,
}

impl ContactSource {
    /// As this configuration names it; `None`: contacts are not read from a table.
    pub fn of(airtable: &Airtable, every: Duration) -> Option<Self> {
        let (fields, values) = (airtable.contacts.clone(), airtable.values.clone());
        let layout = BusinessLayout { fields: airtable.businesses.clone(), values: values.clone() };
        let businesses = airtable.tables.businesses.clone().map(|table| (table, layout));
        let table = airtable.tables.contacts.clone()?;
        Some(Self { table, layout: RosterLayout { fields, values }, businesses, every })
    }

    /// As the base names its fields, by its schema, without those that it has none of; and what these are, for people.
    fn found_in(&self, tables: &[TableSchema]) -> (Self, Vec<String>) {
        let mut lacks = Vec::new();
        let mut found = self.clone();
        lacks.extend(keep_those_of(tables, &self.table, found.layout.fields.pairs_mut(), &["name", "phone", "active"]));
        if let Some((table, layout)) = &mut found.businesses {
            lacks.extend(keep_those_of(tables, table, layout.fields.pairs_mut(), &["name"]));
        }
        (found, lacks)
    }

    /// Both tables, read whole. Fields are found without regard to case and blanks, and those that the base has none of are not
    /// asked for; a token that may not read the schema asks for the names as they are configured.
    ///
    /// # Errors
    /// [`MirrorError`] of the first that cannot be read.
    pub async fn list(&self, mirror: &dyn MirrorGateway) -> Result<Listed, MirrorError> {
        let (source, lacks) = match mirror.tables().await {
            Ok(tables) => self.found_in(&tables),
            Err(_) => (self.clone(), Vec::new()),
        };
        let contacts = mirror.list(&source.query()).await?;
        let businesses = match source.query_of_businesses() {
            Some(query) => Some(mirror.list(&query).await?),
            None => None,
        };
        Ok(Listed { source, contacts, businesses, lacks })
    }

    /// All of the contacts, of the fields that we know.
    fn query(&self) -> Query {
        let names = self.layout.fields.pairs().into_iter().map(|(_, name)| name);
        Query::of(self.table.as_str()).fields(names)
    }

    /// All of the businesses, where they are read.
    fn query_of_businesses(&self) -> Option<Query> {
        let (table, layout) = self.businesses.as_ref()?;
        Some(Query::of(table.as_str()).fields(layout.fields.pairs().into_iter().map(|(_, name)| name)))
    }
}

/// Makes names those that the base writes, by its schema, and forgets those that it has none of, but for `needed` ones, so that the
/// base itself says what is wrong. Returns what was forgotten.
fn keep_those_of(
    tables: &[TableSchema],
    table: &str,
    names: Vec<(&'static str, &mut String)>,
    needed: &[&str],
) -> Vec<String> {
    let Some(schema) = TableSchema::find(tables, table) else { return Vec::new() };
    let mut lacks = Vec::new();
    for (ours, name) in names.into_iter().filter(|(_, name)| !name.is_empty()) {
        match schema.field(name) {
            Some(field) if field.id == *name => {}
            Some(field) => name.clone_from(&field.name),
            None if needed.contains(&ours) => {}
            None => lacks.push(format!("{table}: the field `{}`", std::mem::take(name))),
        }
    }
    lacks
}

/// The records of both tables, as they were read.
#[derive(Debug, Clone)]
pub struct Listed {
    /// With the fields that the base has.
    source: ContactSource,
    pub contacts: RecordList,
    /// `None`: they are not read.
    pub businesses: Option<RecordList>,
    /// Fields that the base has none of, one each.
    pub lacks: Vec<String>,
}

impl Listed {
    /// What the records come to.
    pub fn read(&self, file: &Directory, before: Option<&SyncedContacts>) -> (RosterReading, Vec<SyncedBusiness>) {
        let mut reading = read(&self.contacts.records, &self.source.layout, file, before);
        let mut lines = Vec::new();
        if let (Some(list), Some((_, layout))) = (&self.businesses, &self.source.businesses) {
            let before = before.map_or(&[][..], |c| c.businesses.as_slice());
            let wrong;
            (lines, wrong) = businesses::read(&list.records, layout, file.country(), before);
            reading.wrong.extend(wrong);
        }
        (reading, lines)
    }

    /// Whether both were read whole.
    pub fn is_complete(&self) -> bool {
        self.contacts.complete && self.businesses.as_ref().is_none_or(|b| b.complete)
    }
}

/// What a reading came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncOutcome {
    /// It is the copy from now on.
    Taken,
    /// The copy before it stands.
    Kept,
}

/// See the module. One a process.
pub struct ContactSync {
    core: Arc<Core>,
    mirror: Arc<dyn MirrorGateway>,
    source: ContactSource,
    failing_since: Mutex<Option<Timestamp>>,
}

impl ContactSync {
    /// Over the settings and contacts that the core has.
    pub fn new(core: Arc<Core>, mirror: Arc<dyn MirrorGateway>, source: ContactSource) -> Arc<Self> {
        Arc::new(Self { core, mirror, source, failing_since: Mutex::default() })
    }

    /// How often the table is read.
    pub fn every(&self) -> Duration {
        self.source.every
    }

    /// When the table is to be read again, where nobody asks for it before.
    pub fn next(&self) -> Timestamp {
        self.core.clock.now().plus(self.source.every)
    }

    /// One reading.
    ///
    /// # Errors
    /// [`StoreError`]: what was read may be in force all the same, and is read again.
    pub async fn pass(&self) -> Result<SyncOutcome, StoreError> {
        let give_up = self.core.clock.sleep_until(self.core.clock.now().plus(READ_MAX));
        let listed = tokio::select! {
            listed = self.source.list(&*self.mirror) => listed,
            () = give_up => {
                let why = format!("no answer within {} s", READ_MAX.as_secs());
                Err(MirrorError::Retryable { why, retry_after: None })
            }
        };
        match listed {
            Ok(listed) => self.listed(&listed).await,
            Err(e) => {
                self.failed(&e).await?;
                Ok(SyncOutcome::Kept)
            }
        }
    }

    async fn listed(&self, listed: &Listed) -> Result<SyncOutcome, StoreError> {
        *self.failing_since() = None;
        let held = self.core.in_force();
        let (file, before) = (held.configured.clone(), held.contacts.clone());
        let (mut reading, lines) = listed.read(&file, before.as_ref());
        if let Err(why) =
            acceptable(&reading, listed.businesses.as_ref().map(|_| lines.as_slice()), listed.is_complete(), &held)
        {
            let message =
                format!("the table {} {why}: {}; look at it in Airtable", self.source.table, stands(before.as_ref()));
            self.raise(AlertKind::ContactsKept, message).await?;
            // Rows that are wrong are said only of a reading that counts, or a broken table would alert row by row.
            return Ok(SyncOutcome::Kept);
        }
        let copy = SyncedContacts {
            source: self.source.table.clone(),
            read_at: self.core.clock.now(),
            contacts: std::mem::take(&mut reading.contacts),
            businesses: lines,
        };
        let merged = merge(&file, &copy.contacts, &copy.businesses);
        reading.wrong.extend(merged.wrong);
        // In the store first: every other process decides by what is there.
        self.core.store.keep_synced_contacts(Some(&copy)).await?;
        self.put_in_force(copy).await?;
        self.resolve(&AlertKind::ContactsTable.into()).await?;
        self.resolve(&AlertKind::ContactsKept.into()).await?;
        self.say_rows(&reading.wrong).await?;
        Ok(SyncOutcome::Taken)
    }

    async fn failed(&self, error: &MirrorError) -> Result<(), StoreError> {
        let now = self.core.clock.now();
        let since = *self.failing_since().get_or_insert(now);
        let copy = self.core.in_force().contacts.clone();
        debug!(error = %error, "the contacts cannot be read from the table; the copy stands");
        let by_itself =
            !matches!(error, MirrorError::Refused(_) | MirrorError::Billing { .. } | MirrorError::NotFound { .. });
        let patience = if copy.is_some() { AWAY_ALERTS } else { AWAY_ALERTS_WITHOUT_COPY };
        if by_itself && now.since(since) < patience {
            return Ok(());
        }
        let message = format!(
            "contacts cannot be read from the table {}: {error}; {}; see what is wrong with `dispatchctl doctor`",
            self.source.table,
            stands(copy.as_ref())
        );
        self.raise(AlertKind::ContactsTable, message).await
    }

    /// One alert a row, told again in new words where they change, over when the row is right or gone.
    async fn say_rows(&self, wrong: &[Wrong]) -> Result<(), StoreError> {
        let mut keys = BTreeSet::new();
        for w in wrong {
            let key = AlertKind::ContactsRow.about(&w.record);
            if keys.len() >= ROWS_MAX {
                warn!(table = self.source.table, "{}", w.why);
                continue;
            }
            let message = format!("{} of the table {}: {}", w.row(), self.source.table, w.why);
            if keys.insert(key.clone()) {
                self.raise(key, message).await?;
            }
        }
        for alert in self.core.store.alerts().await? {
            if alert.key.kind() == AlertKind::ContactsRow && !keys.contains(&alert.key) {
                self.resolve(&alert.key).await?;
            }
        }
        Ok(())
    }

    async fn raise(&self, key: impl Into<AlertKey>, message: String) -> Result<(), StoreError> {
        let key = key.into();
        let raised = self.core.store.alerts().await?.into_iter().find(|a| a.key == key);
        let change = match raised {
            Some(alert) if alert.message == message => return Ok(()),
            Some(_) => AlertChange::Again { key, message },
            None => AlertChange::Raise { key, call: None, message },
        };
        self.core.apply(Event::Alert(change), Actor::engine()).await.map(drop)
    }

    async fn resolve(&self, key: &AlertKey) -> Result<(), StoreError> {
        if self.core.store.alerts().await?.iter().any(|a| &a.key == key) {
            let change = AlertChange::Resolve { key: key.clone() };
            self.core.apply(Event::Alert(change), Actor::engine()).await?;
        }
        Ok(())
    }

    async fn put_in_force(&self, copy: SyncedContacts) -> Result<(), StoreError> {
        let before = self.core.directory();
        let kept = merge(&self.core.in_force().configured, &copy.contacts, &copy.businesses).kept;
        self.core.put_contacts(Some(copy)).await?;
        let now = self.core.directory();
        if *before == *now {
            return Ok(());
        }
        info!(table = self.source.table, contacts = now.contacts.len(), "who can be told has changed");
        for said in crate::config::empty_roles(&now).into_iter().map(|role| role.said).chain(kept) {
            warn!("{said}");
        }
        Ok(())
    }

    fn failing_since(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.failing_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a reading may take the place of the copy. It may not where it is not whole, where nothing in it can be used, where
/// half of the rows of the copy are gone, or where it leaves nobody at all, or nobody in a role that a policy names and that
/// somebody holds now on that line: a clean-up of a table must not empty the ladder at night.
fn acceptable(
    reading: &RosterReading,
    lines: Option<&[SyncedBusiness]>,
    complete: bool,
    held: &InForce,
) -> Result<(), String> {
    if !complete {
        return Err("could not be read whole".to_owned());
    }
    if reading.contacts.is_empty() {
        let why = if reading.wrong.is_empty() { "is empty" } else { "has no row that can be used" };
        return Err(why.to_owned());
    }
    let copy = held.contacts.as_ref();
    let before = copy.map_or(0, |c| c.contacts.len());
    if reading.contacts.len().saturating_mul(2) < before {
        return Err(format!("has {} rows that can be used, under half of the {before} before", reading.contacts.len()));
    }
    let open = |all: &[SyncedBusiness]| all.iter().filter(|b| b.active).count();
    let before = copy.map_or(0, |c| open(&c.businesses));
    // Where the settings read no businesses any more, none are expected.
    if let Some(now) = lines.map(open).filter(|now| now.saturating_mul(2) < before) {
        return Err(format!("goes with a table of {now} active businesses, under half of the {before} before"));
    }
    let after = merge(&held.configured, &reading.contacts, lines.unwrap_or_default()).directory;
    if after.contacts.is_empty() {
        return Err("would leave nobody who can be told".to_owned());
    }
    if held.directory.contacts.is_empty() {
        // Somebody is better than nobody.
        return Ok(());
    }
    // Hours and leave are taken as they come: what is kept from happening is that a clean-up leaves nobody.
    let empty = crate::config::unstaffed_roles(&held.directory);
    let lines_before = &held.directory.lines;
    // A line that is new is not made worse by what it lacks.
    let is_old = |role: &EmptyRole| role.line.is_none() || lines_before.iter().any(|l| l.number == role.line);
    let is_new =
        |role: &EmptyRole| !empty.iter().any(|e| (&e.line, &e.level, &e.role) == (&role.line, &role.level, &role.role));
    match crate::config::unstaffed_roles(&after).into_iter().find(|role| is_old(role) && is_new(role)) {
        Some(role) => Err(format!("would leave a role empty ({})", role.said)),
        None => Ok(()),
    }
}

fn stands(copy: Option<&SyncedContacts>) -> String {
    match copy {
        Some(copy) => format!("the contacts read from it at {} stand", copy.read_at),
        None => "the contacts of the configuration alone are told".to_owned(),
    }
}
