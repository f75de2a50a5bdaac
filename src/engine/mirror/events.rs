//! Dispatch events: written by upsert on their id, read back by one filter. In a base without a field for that id they are
//! looked for by their content before they are made, and from then on written by their record.

use std::collections::BTreeMap;

use tracing::{debug, warn};

use super::encode::EncodeError;
use super::find::{Wanted, find_events};
use super::outcome::{Ready, TableNext, WriteMethod, look_again, record};
use super::rows::event_id;
use super::state::MirrorTable;
use super::{GATHER, Mirror, READ_BACK_MAX};
use crate::config::Verify;
use crate::domain::attempt::Attempt;
use crate::domain::types::CallRef;
use crate::engine::layout::Layouts;
use crate::failpoint::{self, Safeguard};
use crate::gateways::MirrorError;
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
        let Some(layouts) = self.layouts().await? else { return Ok(true) };
        let Some(mut ready) = self.ready_events(&layouts, &due).await? else { return Ok(true) };
        let is_keyed = layouts.events.name("event_id").is_some();
        if is_keyed && self.is_doubted(ready.iter().map(|r| &r.task.key)) {
            let Some(left) = self.not_there_yet(&layouts, &due, ready).await? else { return Ok(true) };
            ready = left;
        }
        if !is_keyed && !self.find_by_content(&layouts, &due, &mut ready).await? {
            return Ok(true);
        }
        // A row that was made while the base had no field for our ids is not found by its id.
        let keyed_since = self.state().keyed_since;
        let is_old = |id: &MirrorKey| {
            let made = due.iter().find(|e| e.task.key == *id).map(|e| e.attempt.created_at);
            !is_keyed || made.is_some_and(|made| keyed_since.is_some_and(|since| made < since))
        };
        let (by_record, others): (Vec<Ready>, Vec<Ready>) =
            ready.into_iter().partition(|r| record(&r.task).is_some() && is_old(&r.task.key));
        let new = if is_keyed { WriteMethod::Upsert } else { WriteMethod::Create };
        for (how, rows) in [(WriteMethod::Change, by_record), (new, others)] {
            if self.deliver(MirrorTable::Events, how, rows).await? == TableNext::Stop {
                break;
            }
        }
        Ok(true)
    }

    /// `None`: the base does not say what links mean.
    async fn ready_events(&self, layouts: &Layouts, due: &[EventTask]) -> Result<Option<Vec<Ready>>, StoreError> {
        let events: Vec<(&Attempt, &CallRef)> = due.iter().map(|e| (&e.attempt, &e.reference)).collect();
        let encoded = match self.encode_events(layouts, &events).await {
            Ok(encoded) => encoded,
            Err(EncodeError::Store(e)) => return Err(e),
            Err(EncodeError::Mirror(e)) => {
                self.went_wrong(MirrorTable::Events, &e).await?;
                return Ok(None);
            }
        };
        let read_back = |e: &EventTask| match self.settings.verify {
            Verify::All => true,
            Verify::First => e.attempt.number == 1,
            Verify::None => false,
        };
        let ready = due.iter().zip(encoded).map(|(e, encoded)| Ready {
            task: e.task.clone(),
            fields: encoded.fields,
            read_back: read_back(e),
        });
        Ok(Some(ready.collect()))
    }

    /// Gives rows without a record the one that is theirs in a base that has no field for our ids. False: it does not say.
    async fn find_by_content(
        &self,
        layouts: &Layouts,
        due: &[EventTask],
        ready: &mut Vec<Ready>,
    ) -> Result<bool, StoreError> {
        let unknown: Vec<&EventTask> = due.iter().filter(|e| record(&e.task).is_none()).collect();
        let found = match self.events_by_content(layouts, &unknown).await {
            Ok(found) => found,
            Err(error) => {
                self.failed(MirrorTable::Events, ready, &error).await?;
                return Ok(false);
            }
        };
        let mut twins = Vec::new();
        for row in ready.iter_mut() {
            match found.get(&id_of(&row.task.key)).map(Vec::as_slice).unwrap_or_default() {
                [] => {}
                [one] => row.task.record = Some(one.id.to_string()),
                several => twins.push((row.task.key.clone(), row.task.version, several.len())),
            }
        }
        for (key, version, n) in &twins {
            let why = twins_said(*n);
            self.core.store.mirror_park(key, Some(*version), &why, self.now()).await?;
        }
        ready.retain(|r| twins.iter().all(|(key, ..)| *key != r.task.key));
        Ok(true)
    }

    async fn events_by_content(
        &self,
        layouts: &Layouts,
        events: &[&EventTask],
    ) -> Result<BTreeMap<String, Vec<Record>>, MirrorError> {
        let wanted: Vec<Wanted<'_>> =
            events.iter().map(|e| Wanted { attempt: &e.attempt, reference: &e.reference }).collect();
        let links = self.links.lock().await;
        find_events(&*self.gateway, layouts, &links, &wanted).await
    }

    /// Of rows that a lost request may have written, those that are not in the base as they are now. `None`: it does not say.
    async fn not_there_yet(
        &self,
        layouts: &Layouts,
        due: &[EventTask],
        ready: Vec<Ready>,
    ) -> Result<Option<Vec<Ready>>, StoreError> {
        let all: Vec<&EventTask> = due.iter().collect();
        let found = match self.events_now(layouts, &all).await {
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

    /// What the base has of these.
    async fn events_now(
        &self,
        layouts: &Layouts,
        events: &[&EventTask],
    ) -> Result<BTreeMap<String, Vec<Record>>, MirrorError> {
        let layout = &layouts.events;
        let Some(key) = layout.name("event_id") else { return self.events_by_content(layouts, events).await };
        let fields: Vec<&str> = layout.names().map(|(_, n)| n).collect();
        let ids: Vec<String> = events.iter().map(|e| event_id(&e.attempt)).collect();
        self.gateway.by_key(&layout.table, key, &ids, &fields).await
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
        let Some(layouts) = self.layouts().await? else { return Ok(true) };
        let Some(expected) = self.ready_events(&layouts, &written).await? else { return Ok(true) };
        let all: Vec<&EventTask> = written.iter().collect();
        let found = match self.events_now(&layouts, &all).await {
            Ok(found) => found,
            Err(error) => {
                self.went_wrong(MirrorTable::Events, &error).await?;
                return Ok(true);
            }
        };
        let mut proven = Vec::new();
        for e in &expected {
            match found.get(&id_of(&e.task.key)).map(Vec::as_slice).unwrap_or_default() {
                [] => self.not_kept(&e.task, MISSES_MAX, "it is not there").await?,
                [one] => {
                    let differing = differences(&e.fields, &one.fields);
                    if differing.is_empty() {
                        proven.push((e.task.key.clone(), e.task.version));
                    } else {
                        let said: Vec<String> = differing.iter().map(ToString::to_string).collect();
                        self.not_kept(&e.task, DIFFERS_MAX, &said.join("; ")).await?;
                    }
                }
                twins => {
                    let why = twins_said(twins.len());
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

/// Why a row with twins is left alone.
pub(super) fn twins_said(n: usize) -> String {
    format!("{n} records have its key; `dispatchctl verify-events --repair` mends it")
}
