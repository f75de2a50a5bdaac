//! Dispatch events: written by upsert on their id, read back by one filter.

use std::collections::BTreeMap;

use tracing::{debug, warn};

use super::outcome::{Ready, TableNext, WriteMethod, look_again};
use super::state::MirrorTable;
use super::{GATHER, Mirror, READ_BACK_MAX, rows};
use crate::config::Verify;
use crate::failpoint::{self, Safeguard};
use crate::gateways::airtable::differences;
use crate::gateways::mirror::{ROWS_MAX, Record, RecordId};
use crate::store::{EventTask, MirrorKey, StoreError};

/// A row that failed so often goes alone.
const TRIES_TOGETHER: u32 = 5;
/// Looks for a write that is not to be seen, over some seconds.
const MISSES_MAX: u32 = 4;
/// Looks at a write that shows something else.
const DIFFERS_MAX: u32 = 1;
/// Writes in a row that were not kept, before a row is given up.
pub(super) const REWRITES_MAX: u32 = 3;

impl Mirror {
    /// Writes one request of what is due; whether there was anything.
    pub(super) async fn write_events(&self) -> Result<bool, StoreError> {
        let now = self.now();
        if self.state().is_held(MirrorTable::Events, now) {
            return Ok(false);
        }
        let mut due = self.core.store.mirror_events_due(now.minus(GATHER), ROWS_MAX).await?;
        if due.first().is_some_and(|first| first.task.tries >= TRIES_TOGETHER) {
            due.truncate(1);
        }
        if due.is_empty() {
            return Ok(false);
        }
        failpoint::hit("mirror.claimed");
        let missing = self.missing(MirrorTable::Events);
        let mut ready: Vec<Ready> = due.iter().map(|e| self.ready_event(e, &missing)).collect();
        if self.is_doubted(ready.iter().map(|r| &r.task.key)) {
            let Some(left) = self.not_there_yet(ready).await? else { return Ok(true) };
            ready = left;
        }
        self.deliver(MirrorTable::Events, WriteMethod::Upsert, ready).await?;
        Ok(true)
    }

    fn ready_event(&self, e: &EventTask, missing: &rows::MissingFields) -> Ready {
        let read_back = match self.settings.verify {
            Verify::All => true,
            Verify::First => e.attempt.number == 1,
            Verify::None => false,
        };
        let fields = rows::event(&self.settings.events, &e.attempt, &e.reference, missing);
        Ready { task: e.task.clone(), fields, read_back }
    }

    /// Of rows that a lost request may have written, those that are not in the base as they are now. `None`: it does not say.
    async fn not_there_yet(&self, ready: Vec<Ready>) -> Result<Option<Vec<Ready>>, StoreError> {
        let keys: Vec<&MirrorKey> = ready.iter().map(|r| &r.task.key).collect();
        let found = match self.events_by_key(&keys).await {
            Ok(found) => found,
            Err(error) => {
                // The rows stay in doubt.
                let then = self.failed(MirrorTable::Events, &ready, &error).await?;
                debug_assert_eq!(then, TableNext::Stop);
                return Ok(None);
            }
        };
        let (mut there, mut records, mut left) = (Vec::new(), Vec::<RecordId>::new(), Vec::new());
        for row in ready {
            match found.get(&id_of(&row.task.key)).map(Vec::as_slice) {
                Some([one]) if differences(&row.fields, &one.fields).is_empty() => {
                    records.push(one.id.clone());
                    there.push(row);
                }
                _ => left.push(row),
            }
        }
        if !there.is_empty() {
            debug!(rows = there.len(), "what a lost request had to write is there");
            self.note_delivered(&there, &records).await?;
        }
        // They are known by now, whatever comes of the write.
        self.state().doubted.get_or_insert_default();
        Ok(Some(left))
    }

    async fn events_by_key(
        &self,
        keys: &[&MirrorKey],
    ) -> Result<BTreeMap<String, Vec<Record>>, crate::gateways::MirrorError> {
        let missing = self.missing(MirrorTable::Events);
        let names = &self.settings.events;
        let fields: Vec<&str> = names.pairs().into_iter().map(|(_, n)| n).filter(|n| !missing.contains(*n)).collect();
        let ids: Vec<String> = keys.iter().map(|k| id_of(k)).collect();
        self.gateway.by_key(self.table_name(MirrorTable::Events), &names.event_id, &ids, &fields).await
    }

    /// Reads back what was written, by one filter; whether there was anything.
    pub(super) async fn read_back_events(&self) -> Result<bool, StoreError> {
        let now = self.now();
        if self.state().is_held(MirrorTable::Events, now) {
            return Ok(false);
        }
        let written = self.core.store.mirror_events_unproven(now, READ_BACK_MAX).await?;
        if written.is_empty() {
            return Ok(false);
        }
        failpoint::hit("mirror.told");
        if Safeguard::ReadBack.is_off() {
            let all = written.into_iter().map(|e| (e.task.key, e.task.version)).collect();
            self.core.store.mirror_proven(all, now).await?;
            return Ok(true);
        }
        let keys: Vec<&MirrorKey> = written.iter().map(|e| &e.task.key).collect();
        let found = match self.events_by_key(&keys).await {
            Ok(found) => found,
            Err(error) => {
                self.went_wrong(MirrorTable::Events, &error).await?;
                return Ok(true);
            }
        };
        let missing = self.missing(MirrorTable::Events);
        let mut proven = Vec::new();
        for e in &written {
            let expected = rows::event(&self.settings.events, &e.attempt, &e.reference, &missing);
            match found.get(&id_of(&e.task.key)).map(Vec::as_slice).unwrap_or_default() {
                [] => self.not_kept(&e.task, MISSES_MAX, "it is not there").await?,
                [one] => {
                    let differing = differences(&expected, &one.fields);
                    if differing.is_empty() {
                        proven.push((e.task.key.clone(), e.task.version));
                    } else {
                        let said: Vec<String> = differing.iter().map(ToString::to_string).collect();
                        self.not_kept(&e.task, DIFFERS_MAX, &said.join("; ")).await?;
                    }
                }
                twins => {
                    let n = twins.len();
                    let why = format!("{n} records have its key; `dispatchctl verify-events --repair` mends it");
                    self.core.store.mirror_park(&e.task.key, None, &why, now).await?;
                }
            }
        }
        self.proven(MirrorTable::Events, proven).await?;
        Ok(true)
    }

    /// These are in the base as they should be, by its own word.
    pub(super) async fn proven(&self, table: MirrorTable, writes: Vec<(MirrorKey, i64)>) -> Result<(), StoreError> {
        if !writes.is_empty() {
            hit_verified();
            self.core.store.mirror_proven(writes, self.now()).await?;
        }
        self.went_well(table).await
    }

    /// A write is not to be seen as it was: looked at again, then written again, then given up.
    pub(super) async fn not_kept(
        &self,
        task: &crate::store::MirrorTask,
        looks: u32,
        why: &str,
    ) -> Result<(), StoreError> {
        let (now, store) = (self.now(), &self.core.store);
        if let Some(again) = look_again(now, task.tries, looks) {
            return store.mirror_missed(&task.key, task.version, again).await;
        }
        if task.rewrites >= REWRITES_MAX {
            let why = format!("the base does not keep what it is given: {why}");
            warn!(key = %task.key, why, "a row is given up");
            return store.mirror_park(&task.key, None, &why, now).await;
        }
        warn!(key = %task.key, why, "the base has not kept a row: it is written again");
        store.mirror_rewrite(&task.key, task.version, now).await
    }
}

fn hit_verified() {
    failpoint::hit("mirror.verified");
}

/// What an event is found by.
fn id_of(key: &MirrorKey) -> String {
    match key {
        MirrorKey::Attempt(id) => id.to_string(),
        MirrorKey::Call(id) => id.to_string(),
    }
}
