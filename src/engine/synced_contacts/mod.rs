//! Contacts that live in a table of Airtable's: read, kept, merged with those of the configuration.
//!
//! [`rows`] says what a table's records mean, [`merge`] what the directory becomes, both pure; [`ContactSync`] reads, keeps the last
//! good copy in the store and puts the directory in force. A table that cannot be read, is empty or is broken changes nothing:
//! the last good copy stands, also over a restart, and a person is alerted. A row that is wrong is left out and said once.

pub(crate) mod merge;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{debug, info, warn};

use crate::config::ContactFields;
use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::gateways::mirror::{MirrorError, MirrorGateway, Query, RecordList};
use crate::store::{StoreError, SyncedContacts};

use super::apply::Core;
use super::in_force::InForce;
use merge::merge;
use rows::{RosterReading, Wrong, read};

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

/// Where contacts are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactSource {
    /// The table's name or id.
    pub table: String,
    pub fields: ContactFields,
    pub every: Duration,
}

impl ContactSource {
    /// All of the table, of the fields that we know.
    pub fn query(&self) -> Query {
        let names = self.fields.pairs().into_iter().map(|(_, name)| name).filter(|n| !n.is_empty());
        Query::of(self.table.as_str()).fields(names)
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
        let query = self.source.query();
        let listed = tokio::select! {
            listed = self.mirror.list(&query) => listed,
            () = give_up => {
                let why = format!("no answer within {} s", READ_MAX.as_secs());
                Err(MirrorError::Retryable { why, retry_after: None })
            }
        };
        match listed {
            Ok(list) => self.listed(&list).await,
            Err(e) => {
                self.failed(&e).await?;
                Ok(SyncOutcome::Kept)
            }
        }
    }

    async fn listed(&self, list: &RecordList) -> Result<SyncOutcome, StoreError> {
        *self.failing_since() = None;
        let held = self.core.in_force();
        let (file, before) = (held.configured.clone(), held.contacts.clone());
        let mut reading = read(&list.records, &self.source.fields, &file, before.as_ref());
        if let Err(why) = acceptable(&reading, list.complete, &held) {
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
        };
        let merged = merge(&file, &copy.contacts);
        reading.wrong.extend(merged.wrong);
        // In the store first: every other process decides by what is there.
        self.core.store.keep_synced_contacts(Some(&copy)).await?;
        self.put_in_force(copy);
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

    fn put_in_force(&self, copy: SyncedContacts) {
        let before = self.core.directory();
        let kept = merge(&self.core.in_force().configured, &copy.contacts).kept;
        self.core.put_contacts(Some(copy));
        let now = self.core.directory();
        if *before == *now {
            return;
        }
        info!(table = self.source.table, contacts = now.contacts.len(), "who can be told has changed");
        for said in crate::config::empty_roles(&now).iter().chain(&kept) {
            warn!("{said}");
        }
    }

    fn failing_since(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.failing_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a reading may take the place of the copy. It may not where it is not whole, where nothing in it can be used, where
/// half of the rows of the copy are gone, or where it leaves nobody at all, or nobody in a role that a policy names and that
/// somebody holds now: a clean-up of the table must not empty the ladder at night.
fn acceptable(reading: &RosterReading, complete: bool, held: &InForce) -> Result<(), String> {
    if !complete {
        return Err("could not be read whole".to_owned());
    }
    if reading.contacts.is_empty() {
        let why = if reading.wrong.is_empty() { "is empty" } else { "has no row that can be used" };
        return Err(why.to_owned());
    }
    let before = held.contacts.as_ref().map_or(0, |c| c.contacts.len());
    if reading.contacts.len().saturating_mul(2) < before {
        return Err(format!("has {} rows that can be used, under half of the {before} before", reading.contacts.len()));
    }
    let after = merge(&held.configured, &reading.contacts).directory;
    if after.contacts.is_empty() {
        return Err("would leave nobody who can be told".to_owned());
    }
    if held.directory.contacts.is_empty() {
        // Somebody is better than nobody.
        return Ok(());
    }
    let empty = crate::config::empty_roles(&held.directory);
    match crate::config::empty_roles(&after).into_iter().find(|role| !empty.contains(role)) {
        Some(role) => Err(format!("would leave a role empty ({role})")),
        None => Ok(()),
    }
}

fn stands(copy: Option<&SyncedContacts>) -> String {
    match copy {
        Some(copy) => format!("the contacts read from it at {} stand", copy.read_at),
        None => "the contacts of the configuration alone are told".to_owned(),
    }
}
