//! Contacts that live in a table of Airtable's: read, kept, merged with those of the configuration.
//!
//! [`rows`] says what a table's records mean, [`merge`] what the directory becomes, both pure; [`Roster`] reads, keeps the last
//! good copy in the store and puts the directory in force. A table that cannot be read, is empty or is broken changes nothing:
//! the last good copy stands, also over a restart, and a person is alerted. A row that is wrong is left out and said once.

pub mod merge;
pub mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{debug, info, warn};

use crate::config::ContactFields;
use crate::domain::Timestamp;
use crate::domain::alert::{AlertKey, AlertKind};
use crate::domain::event::{AlertChange, Event};
use crate::domain::team::Directory;
use crate::domain::types::Actor;
use crate::gateways::mirror::{MirrorError, MirrorGateway, Query, RecordList};
use crate::store::{RosterCopy, StoreError};

use super::apply::Core;
use super::wake::Bell;
use merge::merge;
use rows::{Reading, Wrong, read};

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
pub struct Source {
    /// The table's name or id.
    pub table: String,
    /// Its fields.
    pub fields: ContactFields,
    /// How often.
    pub every: Duration,
}

impl Source {
    /// All of the table, of the fields that we know.
    pub fn query(&self) -> Query {
        let names = self.fields.pairs().into_iter().map(|(_, name)| name).filter(|n| !n.is_empty());
        Query::of(self.table.as_str()).fields(names)
    }
}

/// What a reading came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is the copy from now on.
    Taken,
    /// The copy before it stands.
    Kept,
}

struct State {
    file: Arc<Directory>,
    copy: Option<RosterCopy>,
    failing_since: Option<Timestamp>,
}

/// See the module. One a process.
pub struct Roster {
    core: Arc<Core>,
    mirror: Arc<dyn MirrorGateway>,
    source: Source,
    state: Mutex<State>,
}

impl Roster {
    /// Over the directory that the core has: that of the configuration.
    pub fn new(core: Arc<Core>, mirror: Arc<dyn MirrorGateway>, source: Source) -> Arc<Self> {
        let state = State { file: core.directory(), copy: None, failing_since: None };
        Arc::new(Self { core, mirror, source, state: Mutex::new(state) })
    }

    /// Puts the stored copy in force; whether there is one.
    ///
    /// # Errors
    /// [`StoreError`]. A copy that cannot be read is none: the next reading replaces it.
    pub async fn load(&self) -> Result<bool, StoreError> {
        let copy = match self.core.store.roster().await {
            Err(e @ StoreError::Corrupt { .. }) => {
                warn!(error = %e, "the copy of the contacts cannot be read; the table will be read anew");
                None
            }
            other => other?,
        };
        let Some(copy) = copy else { return Ok(false) };
        info!(table = copy.source, read_at = %copy.read_at, contacts = copy.contacts.len(), "contacts of the last good copy");
        self.state().copy = Some(copy);
        self.put_in_force();
        Ok(true)
    }

    /// The configuration was read again; so is the table, soon.
    pub fn set_file(&self, file: Arc<Directory>) {
        self.state().file = file;
        self.put_in_force();
        self.core.wake.ring(Bell::Roster);
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
    pub async fn pass(&self) -> Result<Outcome, StoreError> {
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
                Ok(Outcome::Kept)
            }
        }
    }

    async fn listed(&self, list: &RecordList) -> Result<Outcome, StoreError> {
        let (file, before) = {
            let mut state = self.state();
            state.failing_since = None;
            (state.file.clone(), state.copy.clone())
        };
        let mut reading = read(&list.records, &self.source.fields, &file, before.as_ref());
        if let Err(why) = acceptable(&reading, list.complete, &file) {
            let message =
                format!("the table {} {why}: {}; look at it in Airtable", self.source.table, stands(before.as_ref()));
            self.raise(AlertKind::ContactsTable, message).await?;
            // Rows that are wrong are said only of a reading that counts, or a broken table would alert row by row.
            return Ok(Outcome::Kept);
        }
        let copy = RosterCopy {
            source: self.source.table.clone(),
            read_at: self.core.clock.now(),
            contacts: std::mem::take(&mut reading.contacts),
        };
        let merged = merge(&file, &copy.contacts);
        reading.wrong.extend(merged.wrong);
        self.state().copy = Some(copy.clone());
        self.put_in_force();
        self.core.store.keep_roster(Some(&copy)).await?;
        self.resolve(&AlertKind::ContactsTable.into()).await?;
        self.say_rows(&reading.wrong).await?;
        Ok(Outcome::Taken)
    }

    async fn failed(&self, error: &MirrorError) -> Result<(), StoreError> {
        let now = self.core.clock.now();
        let (since, copy) = {
            let mut state = self.state();
            (*state.failing_since.get_or_insert(now), state.copy.clone())
        };
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

    fn put_in_force(&self) {
        let state = self.state();
        let contacts = state.copy.as_ref().map_or(&[][..], |c| c.contacts.as_slice());
        let merged = merge(&state.file, contacts);
        if *self.core.directory() == merged.directory {
            return;
        }
        info!(table = self.source.table, contacts = merged.directory.contacts.len(), "who can be told has changed");
        for role in crate::config::empty_roles(&merged.directory) {
            warn!("{role}");
        }
        for kept in &merged.kept {
            warn!("{kept}");
        }
        self.core.set_directory(Arc::new(merged.directory));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a reading may take the place of the copy: one that is not whole, in which nothing can be used, or after which
/// nobody at all would be told, may not.
fn acceptable(reading: &Reading, complete: bool, file: &Directory) -> Result<(), &'static str> {
    if !complete {
        return Err("could not be read whole");
    }
    if reading.contacts.is_empty() {
        return Err(if reading.wrong.is_empty() { "is empty" } else { "has no row that can be used" });
    }
    if merge(file, &reading.contacts).directory.contacts.is_empty() {
        return Err("would leave nobody who can be told");
    }
    Ok(())
}

fn stands(copy: Option<&RosterCopy>) -> String {
    match copy {
        Some(copy) => format!("the contacts read from it at {} stand", copy.read_at),
        None => "the contacts of the configuration alone are told".to_owned(),
    }
}
