//! Calls: their status by record id. A row that intake makes is found by the call's id and waited for before one is made.

use std::collections::BTreeMap;
use std::time::Duration;

use super::events::REWRITES_MAX;
use super::outcome::{Ready, TableNext, WriteMethod, record};
use super::state::MirrorTable;
use super::{GATHER, Mirror, READ_BACK_MAX, rows};
use crate::config::Verify;
use crate::domain::Timestamp;
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
        if !self.find_records(&mut due).await? {
            return Ok(true);
        }
        let missing = self.missing(MirrorTable::Calls);
        let read_back = self.settings.verify == Verify::All;
        let (mut changed, mut new, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        for CallTask { task, state } in due {
            if record(&task).is_some() {
                let fields = rows::call(&self.settings.calls, &state, &missing);
                changed.push(Ready { task, fields, read_back });
            } else if state.call.accepted_at.plus(GRACE) <= now {
                let fields = rows::new_call(&self.settings.calls, &state, &missing);
                new.push(Ready { task, fields, read_back });
            } else {
                waits.push((task.key, state.call.accepted_at.plus(GRACE)));
            }
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

    /// Finds the records of calls that none is known of, by one request. False: the base does not say.
    async fn find_records(&self, due: &mut [CallTask]) -> Result<bool, StoreError> {
        let unknown = |c: &&mut CallTask| record(&c.task).is_none();
        let ids: Vec<String> = due.iter_mut().filter(unknown).map(|c| c.state.call.id.as_str().to_owned()).collect();
        if ids.is_empty() {
            return Ok(true);
        }
        let key = self.settings.calls.call_id.as_str();
        let found = match self.gateway.by_key(self.table_name(MirrorTable::Calls), key, &ids, &[key]).await {
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
        let found = match self.calls_by_record(&written).await {
            Ok(found) => found,
            Err(error) => {
                self.went_wrong(MirrorTable::Calls, &error).await?;
                return Ok(true);
            }
        };
        let missing = self.missing(MirrorTable::Calls);
        let mut proven: Vec<(MirrorKey, i64)> = Vec::new();
        for CallTask { task, state } in &written {
            let expected = rows::call(&self.settings.calls, state, &missing);
            match record(task).and_then(|id| found.get(&id).cloned()) {
                None => {
                    self.lost_record(task, now).await?;
                }
                Some(one) => {
                    let differing = differences(&expected, &one.fields);
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

    async fn calls_by_record(&self, written: &[CallTask]) -> Result<BTreeMap<RecordId, Record>, MirrorError> {
        let ids: Vec<RecordId> = written.iter().filter_map(|c| record(&c.task)).collect();
        let missing = self.missing(MirrorTable::Calls);
        let names = self.settings.calls.pairs();
        let fields = names.into_iter().map(|(_, n)| n).filter(|n| !missing.contains(*n)).map(str::to_owned);
        let query = Query::of(self.table_name(MirrorTable::Calls))
            .filter(Formula::is_record(&ids))
            .fields(fields.collect::<Vec<_>>());
        let listed = self.gateway.list(&query).await?;
        if !listed.complete {
            let why = "some records of the answer could not be read".to_owned();
            return Err(MirrorError::Retryable { why, retry_after: None });
        }
        Ok(listed.records.into_iter().map(|r| (r.id.clone(), r)).collect())
    }
}
