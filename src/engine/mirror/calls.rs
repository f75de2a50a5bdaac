//! Calls: their status by record id. A row that intake makes is found by the call's id and waited for before one is made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::encode::{EncodeError, Part};
use super::events::REWRITES_MAX;
use super::outcome::{Ready, TableNext, WriteMethod, record};
use super::state::MirrorTable;
use super::{GATHER, Mirror, READ_BACK_MAX};
use crate::config::Verify;
use crate::domain::Timestamp;
use crate::domain::alert::AlertKind;
use crate::domain::call::CallState;
use crate::domain::types::CallId;
use crate::engine::layout::Layouts;
use crate::failpoint::Safeguard;
use crate::gateways::MirrorError;
use crate::gateways::airtable::{Formula, differences};
use crate::gateways::mirror::{Query, ROWS_MAX, Record, RecordId};
use crate::store::{CallTask, MirrorKey, StoreError};

/// Calls of one pass: found by one request, written by few.
const CALLS_MAX: usize = 30;
/// Intake's own row is waited for until a call is this old.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// How often it is looked for meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Looks at a write that shows something else.
const DIFFERS_MAX: u32 = 2;

impl Mirror {
    /// Writes what is due; whether there was anything.
    pub(super) async fn write_calls(&self) -> Result<bool, StoreError> {
        let now = self.now();
        if self.state().is_held(MirrorTable::Calls, now) {
            return Ok(false);
        }
        let mut due = self.core.store.mirror_calls_due(now.minus(GATHER), CALLS_MAX).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let Some(layouts) = self.layouts().await? else { return Ok(true) };
        let Some(key) = layouts.calls.name("call_id").map(str::to_owned) else {
            return self.without_key().await.map(|()| true);
        };
        let unknown: BTreeSet<MirrorKey> =
            due.iter().filter(|c| record(&c.task).is_none()).map(|c| c.task.key.clone()).collect();
        if !self.find_records(&layouts, &key, &mut due).await? {
            return Ok(true);
        }
        let read_back = self.settings.verify == Verify::All;
        let is_due = |c: &CallTask| record(&c.task).is_some() || c.state.call.accepted_at.plus(GRACE) <= now;
        let (due, early): (Vec<CallTask>, Vec<CallTask>) = due.into_iter().partition(is_due);
        let waits = early.into_iter().map(|c| (c.task.key, c.state.call.accepted_at.plus(GRACE)));
        self.tell_events_of(&layouts, &due, &unknown).await?;
        let part = |c: &CallTask| if record(&c.task).is_some() { Part::Kept } else { Part::Whole };
        let parts: Vec<(&CallState, Part)> = due.iter().map(|c| (&c.state, part(c))).collect();
        let encoded = match self.encode_calls(&layouts, &parts).await {
            Ok(encoded) => encoded,
            Err(EncodeError::Store(e)) => return Err(e),
            Err(EncodeError::Mirror(e)) => {
                self.went_wrong(MirrorTable::Calls, &e).await?;
                return Ok(true);
            }
        };
        let (mut changed, mut new) = (Vec::new(), Vec::new());
        for (call, encoded) in due.iter().zip(encoded) {
            let row = Ready { task: call.task.clone(), fields: encoded.fields, read_back };
            if part(call) == Part::Kept { changed.push(row) } else { new.push(row) }
        }
        for (key, grace) in waits {
            self.core.store.mirror_wait(vec![key], now.plus(LOOK_EVERY).min(grace)).await?;
        }
        for (how, rows) in [(WriteMethod::Change, changed), (WriteMethod::Create, new)] {
            for some in rows.chunks(ROWS_MAX) {
                if self.deliver(MirrorTable::Calls, how, some.to_vec()).await? == TableNext::Stop {
                    return Ok(true);
                }
            }
        }
        Ok(true)
    }

    /// Without the id of a call no row can be found, and none is made: all of them wait.
    async fn without_key(&self) -> Result<(), StoreError> {
        let name = &self.settings.maps.calls.call_id;
        let what = format!(
            "Airtable's table `{}` does not have `{name}`, which its rows are found by: they wait; see `dispatchctl doctor`",
            self.table_name(MirrorTable::Calls)
        );
        self.alarm(AlertKind::MirrorField.about(MirrorTable::Calls.as_str()), &what).await?;
        self.state().of(MirrorTable::Calls).trouble = Some(what);
        self.pause(MirrorTable::Calls, None, Duration::ZERO);
        Ok(())
    }

    /// Events that are linked to calls, or say whose they are, are told again where that is news. Before the calls' own rows,
    /// so that a crash between the two repeats it.
    async fn tell_events_of(
        &self,
        layouts: &Layouts,
        due: &[CallTask],
        unknown: &BTreeSet<MirrorKey>,
    ) -> Result<(), StoreError> {
        if layouts.events.is_link("call") {
            let keys: Vec<MirrorKey> = {
                let mut state = self.state();
                // What an engine before this one wrote may be without.
                let lacks = |c: &&CallTask, unlinked: &mut BTreeSet<CallId>| {
                    unlinked.remove(&c.state.call.id) || c.state.call.accepted_at < self.started_at
                };
                let new: Vec<&CallTask> = due.iter().filter(|c| unknown.contains(&c.task.key)).collect();
                let new = new.into_iter().filter(|c| lacks(c, &mut state.unlinked));
                new.flat_map(|c| c.state.attempts.iter().map(|a| MirrorKey::Attempt(a.id))).collect()
            };
            if !keys.is_empty() {
                self.core.store.mirror_again(keys, self.now()).await?;
            }
        }
        if layouts.events.name("acknowledged").is_some() {
            let states: Vec<&CallState> = due.iter().map(|c| &c.state).collect();
            self.tell_holders(&states).await?;
        }
        Ok(())
    }

    /// Finds the records of calls that none is known of, by one request. False: the base does not say.
    async fn find_records(&self, layouts: &Layouts, key: &str, due: &mut [CallTask]) -> Result<bool, StoreError> {
        let unknown = |c: &&mut CallTask| record(&c.task).is_none();
        let ids: Vec<String> = due.iter_mut().filter(unknown).map(|c| c.state.call.id.as_str().to_owned()).collect();
        if ids.is_empty() {
            return Ok(true);
        }
        let found = match self.gateway.by_key(&layouts.calls.table, key, &ids, &[key]).await {
            Ok(found) => found,
            Err(error) => {
                let until = self.went_wrong(MirrorTable::Calls, &error).await?;
                if matches!(error, MirrorError::Retryable { .. } | MirrorError::IteratorGone) {
                    let keys = due.iter().map(|c| c.task.key.clone()).collect();
                    self.core.store.mirror_failed(keys, until).await?;
                }
                return Ok(false);
            }
        };
        for call in due.iter_mut().filter(unknown) {
            // Of several the oldest is intake's.
            let one = found.get(call.state.call.id.as_str()).and_then(|all| all.first());
            call.task.record = one.map(|r| r.id.to_string());
        }
        Ok(true)
    }

    /// Reads back what was written; whether there was anything.
    pub(super) async fn read_back_calls(&self) -> Result<bool, StoreError> {
        let now = self.now();
        if self.state().is_held(MirrorTable::Calls, now) {
            return Ok(false);
        }
        let written = self.core.store.mirror_calls_unproven(now, READ_BACK_MAX).await?;
        if written.is_empty() {
            return Ok(false);
        }
        if Safeguard::ReadBack.is_off() {
            let all = written.into_iter().map(|c| (c.task.key, c.task.version)).collect();
            self.core.store.mirror_proven(all, now).await?;
            return Ok(true);
        }
        let Some(layouts) = self.layouts().await? else { return Ok(true) };
        let parts: Vec<(&CallState, Part)> = written.iter().map(|c| (&c.state, Part::Kept)).collect();
        let read = match self.encode_calls(&layouts, &parts).await {
            Ok(expected) => self.calls_by_record(&layouts, &written).await.map(|found| (expected, found)),
            Err(EncodeError::Store(e)) => return Err(e),
            Err(EncodeError::Mirror(e)) => Err(e),
        };
        let (expected, found) = match read {
            Ok(read) => read,
            Err(error) => {
                self.went_wrong(MirrorTable::Calls, &error).await?;
                return Ok(true);
            }
        };
        let mut proven: Vec<(MirrorKey, i64)> = Vec::new();
        for (CallTask { task, .. }, expected) in written.iter().zip(expected) {
            match record(task).and_then(|id| found.get(&id).cloned()) {
                None => {
                    self.lost_record(task, now).await?;
                }
                Some(one) => {
                    let differing = differences(&expected.fields, &one.fields);
                    if differing.is_empty() {
                        proven.push((task.key.clone(), task.version));
                    } else {
                        let said: Vec<String> = differing.iter().map(ToString::to_string).collect();
                        self.not_kept(task, DIFFERS_MAX, &said.join("; ")).await?;
                    }
                }
            }
        }
        self.proven(MirrorTable::Calls, proven).await?;
        Ok(true)
    }

    /// The record is not to be seen; once it is to be written again, it is looked for anew.
    async fn lost_record(&self, task: &crate::store::MirrorTask, now: Timestamp) -> Result<(), StoreError> {
        if task.rewrites < REWRITES_MAX && super::outcome::look_again(now, task.tries, DIFFERS_MAX).is_none() {
            self.core.store.mirror_forget_record(&task.key).await?;
        }
        self.not_kept(task, DIFFERS_MAX, "its record is not there").await
    }

    async fn calls_by_record(
        &self,
        layouts: &Layouts,
        written: &[CallTask],
    ) -> Result<BTreeMap<RecordId, Record>, MirrorError> {
        let ids: Vec<RecordId> = written.iter().filter_map(|c| record(&c.task)).collect();
        let fields: Vec<&str> = layouts.calls.names().map(|(_, name)| name).collect();
        let query = Query::of(&layouts.calls.table).filter(Formula::is_record(&ids)).fields(fields);
        let listed = self.gateway.list(&query).await?;
        if !listed.complete {
            let why = "some records of the answer could not be read".to_owned();
            return Err(MirrorError::Retryable { why, retry_after: None });
        }
        Ok(listed.records.into_iter().map(|r| (r.id.clone(), r)).collect())
    }
}
