//! Exceptions to who is on call that the office keeps in a table of Airtable's: read whole, made, and withdrawn.
//!
//! A row makes one exception and says in its `Result` what became of it. A row that is changed makes another one in place of its
//! first. A row that cannot be read changes nothing and alerts; one that is gone or empty withdraws its exception after two whole
//! readings without it. What a person has withdrawn is not made again by the same row. After a crash the next reading finds by its record
//! what a row has made. Only the engine's duty runs this.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tracing::{debug, warn};

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::event::Event;
use crate::domain::oncall::{DutyOverride, OverrideId, OverrideKind};
use crate::domain::types::Actor;
use crate::engine::apply::Core;
use crate::engine::synced_contacts::rows;
use crate::engine::wake::WakeSignal;
use crate::gateways::airtable::{Cell, Fields, TableSchema};
use crate::gateways::mirror::{MirrorError, MirrorGateway, Query, ROWS_MAX, Record, RecordChange, RecordId, Typecast};
use crate::store::StoreError;

use super::making::{OverrideRequest, read};

/// How often the table is read, where its plan does not count requests.
pub const EVERY: Duration = Duration::from_secs(60);
/// In whose name rows make and withdraw.
const BY: &str = "airtable";
/// Whole readings without a row that withdraw its exception.
const MISSES: u8 = 2;
/// A table that cannot be asked alerts after this long.
const AWAY_ALERTS: Duration = Duration::from_secs(3600);
/// Rows of one reading that alert; the log names the rest.
const ROWS_NAMED: usize = 50;
/// The columns that are read, by their names without regard to case and blanks.
const COLUMNS: [&str; 6] = ["Rotation", "Technician", "Kind", "From", "Until", "Note"];
/// The column in which a row says what became of it.
const RESULT: &str = "Result";

/// The columns of such a table, and whether a row says nothing without it.
pub fn columns() -> impl Iterator<Item = (&'static str, bool)> {
    let needed = |name| matches!(name, "Rotation" | "Technician" | "Until");
    COLUMNS.into_iter().chain([RESULT]).map(move |name| (name, needed(name)))
}

/// See the module. One a process.
pub struct OverrideTable {
    core: Arc<Core>,
    mirror: Arc<dyn MirrorGateway>,
    table: String,
    every: Duration,
    seen: Mutex<Seen>,
}

/// Of the readings before; a restart begins anew.
#[derive(Default)]
struct Seen {
    /// Whole readings in a row without the row of an exception.
    misses: BTreeMap<OverrideId, u8>,
    failing_since: Option<Timestamp>,
}

/// A row as it is written, by the names of its columns without regard to case and blanks.
struct Row<'a> {
    record: &'a Record,
    asked: Result<OverrideRequest, String>,
    /// What it says, as a short hash: another one is another exception.
    hash: String,
}

impl Row<'_> {
    /// It names nobody and no rotation: somebody is about to write it, or has emptied it.
    fn is_empty(&self) -> bool {
        matches!(&self.asked, Err(why) if why.is_empty())
    }
}

impl OverrideTable {
    pub fn new(core: Arc<Core>, mirror: Arc<dyn MirrorGateway>, table: String, every: Duration) -> Arc<Self> {
        Arc::new(Self { core, mirror, table, every, seen: Mutex::default() })
    }

    /// How often the table is read.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// One reading; when the next one is.
    ///
    /// # Errors
    /// [`StoreError`]: what was made stands, the rest is read again.
    pub async fn pass(&self) -> Result<Timestamp, StoreError> {
        match self.mirror.list(&Query::of(self.table.as_str())).await {
            Ok(listed) if listed.complete => {
                self.seen().failing_since = None;
                self.resolve(&AlertKind::OnCallTable.into()).await?;
                self.listed(&listed.records).await?;
            }
            Ok(_) => debug!(table = self.table, "the table of exceptions was not read whole"),
            Err(e) => self.failed(&e).await?,
        }
        Ok(self.core.clock.now().plus(self.every))
    }

    async fn listed(&self, records: &[Record]) -> Result<(), StoreError> {
        if self.core.store.basis().await? != self.core.in_force().basis {
            self.core.refresh().await?;
        }
        let now = self.core.clock.now();
        // Also those that are over: a row whose work is done makes nothing again.
        let known = self.core.store.overrides(Timestamp::from_millis(0)).await?;
        let mut results: Vec<(&Record, String)> = Vec::new();
        let mut wrong: Vec<(&Record, String)> = Vec::new();
        let mut filled: BTreeSet<&RecordId> = BTreeSet::new();
        for record in records {
            let row = self.row(record);
            if !row.is_empty() {
                filled.insert(&record.id);
            }
            match self.take(&row, &known, now).await? {
                Some(Ok(result)) => results.push((record, result)),
                Some(Err(why)) => {
                    results.push((record, format!("not understood, nothing was changed: {why}")));
                    wrong.push((record, why));
                }
                None => {}
            }
        }
        self.withdraw_missing(&filled, &known, now).await?;
        self.say_rows(&wrong).await?;
        self.core.wake.notify(WakeSignal::OnCall);
        self.write_results(&results).await;
        Ok(())
    }

    /// What becomes of a row, for its `Result`; `None`: it is empty, or over.
    async fn take(
        &self,
        row: &Row<'_>,
        known: &[DutyOverride],
        now: Timestamp,
    ) -> Result<Option<Result<String, String>>, StoreError> {
        let prefix = format!("{BY}:{}:", row.record.id);
        let mine = || known.iter().filter(|o| o.source.as_ref().is_some_and(|s| s.starts_with(&prefix)));
        let same =
            |o: &&DutyOverride| o.source.as_ref().is_some_and(|s| s.starts_with(&format!("{prefix}{}:", row.hash)));
        if let Some(made) = mine().filter(|o| o.withdrawn.is_none()).find(same) {
            // What the row said before may be left by a crash between the two.
            self.withdraw_others(mine(), Some(&made.id), now).await?;
            return Ok((made.until > now).then(|| Ok(format!("in force: {}", made.id))));
        }
        let by_person = |o: &&DutyOverride| o.withdrawn.as_ref().is_some_and(|(_, by)| by != BY);
        if let Some(gone) = mine().filter(same).find(by_person) {
            self.withdraw_others(mine(), None, now).await?;
            let by = gone.withdrawn.as_ref().map_or("", |(_, by)| by.as_str());
            return Ok(Some(Ok(format!("withdrawn by {by}: {}", gone.id))));
        }
        let asked = match &row.asked {
            Ok(asked) => asked,
            Err(why) if why.is_empty() => return Ok(None),
            Err(why) => return Ok(Some(Err(why.clone()))),
        };
        let source = Some(format!("{prefix}{}:{}", row.hash, now.as_millis()));
        let asked = OverrideRequest { source, ..asked.clone() };
        let id = OverrideId::from_uuid(self.core.ids.uuid(now));
        let new = match read(&self.core.directory(), &asked, id, BY, now) {
            Ok(new) => new,
            // What is over has done its work.
            Err(e) if e.field == "until" && is_past(&asked.until, now) => return Ok(None),
            Err(e) => return Ok(Some(Err(format!("{}: {}; {}", e.field, e.what, e.hint)))),
        };
        self.core.store.make_override(&new).await?;
        self.withdraw_others(mine(), None, now).await?;
        Ok(Some(Ok(format!("in force: {}", new.id))))
    }

    /// What a row made before and does not say any more.
    async fn withdraw_others<'o>(
        &self,
        mine: impl Iterator<Item = &'o DutyOverride>,
        but: Option<&OverrideId>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for old in mine.filter(|o| o.withdrawn.is_none() && o.until > now && Some(&o.id) != but) {
            self.core.store.withdraw_override(&old.id, BY, now).await?;
        }
        Ok(())
    }

    /// Withdraws what a row has made that is not there any more, or was emptied by hand.
    async fn withdraw_missing(
        &self,
        filled: &BTreeSet<&RecordId>,
        known: &[DutyOverride],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let is_there = |o: &DutyOverride| {
            let record = o.source.as_deref().and_then(|s| s.strip_prefix(BY)?.strip_prefix(':')?.split(':').next());
            record.is_none_or(|record| filled.iter().any(|id| id.as_str() == record))
        };
        let mut gone = Vec::new();
        {
            let mut seen = self.seen();
            seen.misses.retain(|id, _| known.iter().any(|o| &o.id == id && !is_there(o)));
            for o in known.iter().filter(|o| o.withdrawn.is_none() && o.until > now && !is_there(o)) {
                let misses = seen.misses.entry(o.id.clone()).or_default();
                *misses = misses.saturating_add(1);
                if *misses >= MISSES {
                    gone.push(o.id.clone());
                }
            }
        }
        for id in gone {
            self.core.store.withdraw_override(&id, BY, now).await?;
        }
        Ok(())
    }

    fn row<'a>(&self, record: &'a Record) -> Row<'a> {
        let text = |name: &str| {
            let found = record.fields.iter().find(|(field, _)| folded(field) == folded(name));
            found.map_or_else(String::new, |(_, cell)| match cell.as_time() {
                Some(at) => at.rfc3339(),
                None => rows::text(cell).to_owned(),
            })
        };
        let all: Vec<String> = COLUMNS.iter().map(|name| text(name)).collect();
        let hash: String = Sha256::digest(all.join("\u{1f}")).iter().take(6).map(|b| format!("{b:02x}")).collect();
        let [rotation, technician, kind, from, until, note] = all.as_slice() else {
            return Row { record, asked: Err(String::new()), hash };
        };
        let filled = |text: &String| Some(text.clone()).filter(|t| !t.is_empty());
        let asked = if rotation.is_empty() && technician.is_empty() {
            // Somebody is about to write it.
            Err(String::new())
        } else {
            let kind = if kind.is_empty() { Ok(OverrideKind::Take) } else { kind.parse::<OverrideKind>() };
            match kind {
                Err(e) => Err(format!("Kind: {}", e.why)),
                Ok(_) if technician.is_empty() => Err("Technician: is empty".to_owned()),
                Ok(_) if until.is_empty() => Err("Until: is empty".to_owned()),
                Ok(kind) => Ok(OverrideRequest {
                    rotation: filled(rotation),
                    line: None,
                    role: None,
                    kind,
                    contact: self.contact(technician),
                    from: filled(from),
                    until: until.clone(),
                    note: note.clone(),
                    source: None,
                }),
            }
        };
        Row { record, asked, hash }
    }

    /// A link to the table of contacts holds a record; everything else is a name.
    fn contact(&self, technician: &str) -> String {
        let held = self.core.in_force();
        let linked = held.contacts.as_ref().and_then(|all| all.contacts.iter().find(|c| c.record == technician));
        linked.map_or_else(|| technician.to_owned(), |c| c.id.to_string())
    }

    /// Written where it is not there yet; a failure is tried again with the next reading.
    async fn write_results(&self, results: &[(&Record, String)]) {
        let schema = self.mirror.tables().await.unwrap_or_default();
        let field = match TableSchema::find(&schema, &self.table) {
            Some(table) => table.field(RESULT).map(|f| f.name.clone()),
            // A token that may not read the schema may write the column all the same.
            None => Some(RESULT.to_owned()),
        };
        let Some(field) = field else { return };
        let is_new =
            |(record, result): &&(&Record, String)| record.fields.get(&field).as_text() != Some(result.as_str());
        let changes: Vec<RecordChange> = results
            .iter()
            .filter(is_new)
            .map(|(record, result)| RecordChange {
                id: record.id.clone(),
                fields: Fields::new().with(field.clone(), Cell::text(result.clone())),
            })
            .collect();
        for some in changes.chunks(ROWS_MAX) {
            if let Err(e) = self.mirror.update(&self.table, some, Typecast::Off).await {
                debug!(error = %e, "what became of exceptions cannot be written to their table");
            }
        }
    }

    async fn failed(&self, error: &MirrorError) -> Result<(), StoreError> {
        let now = self.core.clock.now();
        let since = *self.seen().failing_since.get_or_insert(now);
        let by_itself =
            !matches!(error, MirrorError::Refused(_) | MirrorError::Billing { .. } | MirrorError::NotFound { .. });
        if by_itself && now.since(since) < AWAY_ALERTS {
            return Ok(());
        }
        let message = format!(
            "exceptions to who is on call cannot be read from the table {}: {error}; those that were made stand",
            self.table
        );
        self.raise(AlertKind::OnCallTable.into(), message).await
    }

    /// One alert a row, over when it is right or gone.
    async fn say_rows(&self, wrong: &[(&Record, String)]) -> Result<(), StoreError> {
        let mut keys = BTreeSet::new();
        for (record, why) in wrong {
            let key = AlertKind::OnCallRow.about(&record.id);
            if keys.len() >= ROWS_NAMED {
                warn!(table = self.table, "{why}");
                continue;
            }
            keys.insert(key.clone());
            let message = format!("the row {} of the table {} changes nothing: {why}", record.id, self.table);
            self.raise(key, message).await?;
        }
        for alert in self.core.store.alerts().await? {
            if alert.key.kind() == AlertKind::OnCallRow && !keys.contains(&alert.key) {
                self.resolve(&alert.key).await?;
            }
        }
        Ok(())
    }

    async fn raise(&self, key: AlertKey, message: String) -> Result<(), StoreError> {
        super::watch::raise(&self.core, key, message).await
    }

    async fn resolve(&self, key: &AlertKey) -> Result<(), StoreError> {
        if self.core.store.alerts().await?.iter().any(|a| &a.key == key) {
            let change = AlertChange::Resolve { key: key.clone() };
            self.core.apply(Event::Alert(change), Actor::engine()).await?;
        }
        Ok(())
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an end is a moment that has passed.
fn is_past(until: &str, now: Timestamp) -> bool {
    until.parse::<Timestamp>().is_ok_and(|until| until <= now)
}

fn folded(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}
