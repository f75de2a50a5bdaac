//! Rows to the base, and what its answer makes of them: told, split, parked, or left to wait.

use tracing::warn;

use super::Mirror;
use super::events::twins_said;
use super::state::MirrorTable;
use crate::domain::Timestamp;
use crate::failpoint;
use crate::gateways::MirrorError;
use crate::gateways::airtable::Fields;
use crate::gateways::mirror::{RecordChange, RecordId, Refusal, RefusalScope, Typecast};
use crate::store::{MirrorDelivered, MirrorKey, MirrorTask, StoreError};

/// The provider's words for a value that a field does not take: perhaps it is another field than it was.
const OF_THE_SCHEMA: &[&str] = &["INVALID_MULTIPLE_CHOICE_OPTIONS", "INVALID_VALUE_FOR_COLUMN"];
/// The provider's word for a record that is not there, the row's own or one that it links.
const NO_SUCH_RECORD: &str = "ROW_DOES_NOT_EXIST";
/// A base that contradicts itself about a linked record is not believed for ever.
const LINKS_TRIES_MAX: u32 = 4;

/// Before a record that is not there is looked for by its key.
const FIND_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

/// A row that is ready to be written.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub(super) task: MirrorTask,
    pub(super) fields: Fields,
    pub(super) read_back: bool,
}

/// How rows reach the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteMethod {
    /// By upsert on the field of this name.
    Upsert,
    /// By their records.
    Change,
    /// As new records, which nothing finds by its key.
    Create,
}

/// Whether a table can be worked on further in this pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableNext {
    GoOn,
    Stop,
}

impl Mirror {
    /// Writes rows, one by one where together they are refused. Rows that could not be written wait as the failure demands.
    pub(super) async fn deliver(
        &self,
        table: MirrorTable,
        how: WriteMethod,
        rows: Vec<Ready>,
    ) -> Result<TableNext, StoreError> {
        if rows.is_empty() {
            return Ok(TableNext::GoOn);
        }
        match self.put(table, how, &rows).await {
            Ok(records) => {
                self.delivered(table, &rows, records).await?;
                Ok(TableNext::GoOn)
            }
            Err(error) if rows.len() > 1 && may_be_one_row(&error) => {
                warn!(table = table.as_str(), rows = rows.len(), error = %error, "rows are refused together: one by one");
                for row in &rows {
                    match self.put(table, how, std::slice::from_ref(row)).await {
                        Ok(records) => self.delivered(table, std::slice::from_ref(row), records).await?,
                        Err(error) => {
                            if self.refused(table, row, &error).await? == TableNext::Stop {
                                return Ok(TableNext::Stop);
                            }
                        }
                    }
                }
                Ok(TableNext::GoOn)
            }
            Err(error) if rows.len() == 1 && may_be_one_row(&error) => match rows.first() {
                Some(row) => self.refused(table, row, &error).await,
                None => Ok(TableNext::GoOn),
            },
            Err(error) => self.failed(table, &rows, &error).await,
        }
    }

    async fn put(&self, table: MirrorTable, how: WriteMethod, rows: &[Ready]) -> Result<Vec<RecordId>, MirrorError> {
        let (name, key) = self.names_of(table);
        let (name, typecast) = (name.as_str(), Typecast::Off);
        let fields = || rows.iter().map(|r| r.fields.clone()).collect::<Vec<_>>();
        let records = match how {
            WriteMethod::Upsert => self.gateway.upsert(name, &[key.as_str()], &fields(), typecast).await?.records,
            WriteMethod::Create => self.gateway.create(name, &fields(), typecast).await?,
            WriteMethod::Change => {
                let changes: Vec<RecordChange> = rows
                    .iter()
                    .filter_map(|r| Some(RecordChange { id: record(&r.task)?, fields: r.fields.clone() }))
                    .collect();
                self.gateway.update(name, &changes, typecast).await?
            }
        };
        Ok(records.into_iter().map(|r| r.id).collect())
    }

    /// The table, and the field that rows are found by, as the base has them.
    fn names_of(&self, table: MirrorTable) -> (String, String) {
        let known = self.state().layouts.clone();
        let layout = known.as_ref().map(|l| match table {
            MirrorTable::Events => (&l.events, "event_id"),
            MirrorTable::Calls => (&l.calls, "call_id"),
        });
        let name = layout.map_or_else(|| self.table_name(table).to_owned(), |(l, _)| l.table.clone());
        let key = layout.and_then(|(l, key)| l.name(key)).unwrap_or(&self.settings.maps.events.event_id).to_owned();
        (name, key)
    }

    /// The base took these.
    async fn delivered(&self, table: MirrorTable, rows: &[Ready], records: Vec<RecordId>) -> Result<(), StoreError> {
        failpoint::hit("mirror.written");
        self.note_delivered(rows, &records).await?;
        self.went_well(table).await
    }

    /// These are in the base as they should be, as far as its answer says.
    pub(super) async fn note_delivered(&self, rows: &[Ready], records: &[RecordId]) -> Result<(), StoreError> {
        let now = self.now();
        // An answer of another length names nobody's record for sure.
        let ids: Vec<Option<String>> = if records.len() == rows.len() {
            records.iter().map(|id| Some(id.to_string())).collect()
        } else {
            vec![None; rows.len()]
        };
        let delivered = rows.iter().zip(ids).map(|(row, record)| MirrorDelivered {
            key: row.task.key.clone(),
            version: row.task.version,
            since: row.task.since,
            record,
            verify_at: row.read_back.then_some(now),
        });
        self.core.store.mirror_delivered(delivered.collect(), now).await?;
        self.confirm(rows.iter().map(|r| &r.task.key));
        Ok(())
    }

    /// One row alone was refused.
    async fn refused(&self, table: MirrorTable, row: &Ready, error: &MirrorError) -> Result<TableNext, StoreError> {
        let now = self.now();
        let key = &row.task.key;
        match error {
            // A row that a link means was deleted: links are looked up anew, once.
            MirrorError::NotFound { kind: Some(kind) } | MirrorError::Refused(Refusal { kind: Some(kind), .. })
                if kind == NO_SUCH_RECORD && row.fields.has_links() && row.task.tries < LINKS_TRIES_MAX =>
            {
                warn!(key = %key, "a record that the row names is not there: it is looked up anew");
                self.links.lock().await.forget();
                if matches!(error, MirrorError::NotFound { .. }) {
                    self.core.store.mirror_forget_record(key).await?;
                }
                self.core.store.mirror_failed(vec![key.clone()], now).await?;
                Ok(TableNext::GoOn)
            }
            MirrorError::NotFound { .. } => {
                // By its key it is found, or made; a base that contradicts itself is asked ever more rarely.
                let pause = FIND_AGAIN.saturating_mul(1 << row.task.tries.min(8));
                self.core.store.mirror_forget_record(key).await?;
                self.core.store.mirror_failed(vec![key.clone()], now.plus(pause)).await?;
                Ok(TableNext::GoOn)
            }
            MirrorError::Refused(Refusal { kind: Some(kind), .. })
                if OF_THE_SCHEMA.contains(&kind.as_str()) && self.has_changed().await? =>
            {
                warn!(table = table.as_str(), "the base's fields have changed: rows are written as they are now");
                self.core.store.mirror_failed(vec![key.clone()], now).await?;
                Ok(TableNext::Stop)
            }
            MirrorError::Refused(Refusal {
                scope: RefusalScope::Row | RefusalScope::Request | RefusalScope::AlreadyThere,
                ..
            })
            | MirrorError::TooBig => {
                let twins = self.twins(table, key).await;
                let why = match twins {
                    Some(n) if n > 1 => twins_said(n),
                    _ => error.to_string(),
                };
                warn!(key = %key, why, "a row is refused for what it holds: parked");
                self.core.store.mirror_park(key, Some(row.task.version), &why, now).await?;
                self.state().looked_at = None;
                Ok(TableNext::GoOn)
            }
            other => self.failed(table, std::slice::from_ref(row), other).await,
        }
    }

    /// How many records of the base have the key of an event; `None` where that is not known.
    async fn twins(&self, table: MirrorTable, key: &MirrorKey) -> Option<usize> {
        let MirrorKey::Attempt(id) = key else { return None };
        let ((name, field), id) = (self.names_of(table), id.to_string());
        let found = self.gateway.by_key(&name, &field, std::slice::from_ref(&id), &[field.as_str()]).await;
        found.ok().map(|found| found.get(&id).map_or(0, Vec::len))
    }

    /// Not for any row's content: all of them wait.
    pub(super) async fn failed(
        &self,
        table: MirrorTable,
        rows: &[Ready],
        error: &MirrorError,
    ) -> Result<TableNext, StoreError> {
        let until = self.went_wrong(table, error).await?;
        if let MirrorError::Unknown { .. } = error {
            self.mark_uncertain(rows.iter().map(|r| &r.task.key));
        }
        // These go behind the others, lest what the base chokes on stands in front for ever.
        let moves = matches!(
            error,
            MirrorError::Unknown { .. }
                | MirrorError::Retryable { .. }
                | MirrorError::TooBig
                | MirrorError::IteratorGone
        );
        if moves {
            let keys = rows.iter().map(|r| r.task.key.clone()).collect();
            self.core.store.mirror_failed(keys, until).await?;
        }
        Ok(TableNext::Stop)
    }

    fn mark_uncertain<'a>(&self, keys: impl Iterator<Item = &'a MirrorKey>) {
        let mut state = self.state();
        state.doubted.get_or_insert_default().extend(keys.map(ToString::to_string));
    }

    fn confirm<'a>(&self, keys: impl Iterator<Item = &'a MirrorKey>) {
        let mut state = self.state();
        let doubted = state.doubted.get_or_insert_default();
        for key in keys {
            doubted.remove(&key.to_string());
        }
    }

    /// Whether one of these may have been written by a request that nobody saw the end of. The first rows after a start may:
    /// the engine before may have died over them.
    pub(super) fn is_doubted<'a>(&self, mut keys: impl Iterator<Item = &'a MirrorKey>) -> bool {
        match &self.state().doubted {
            None => true,
            Some(doubted) => !doubted.is_empty() && keys.any(|k| doubted.contains(&k.to_string())),
        }
    }
}

/// The record that a task names.
pub(super) fn record(task: &MirrorTask) -> Option<RecordId> {
    task.record.as_deref()?.parse().ok()
}

/// A refusal that may be the fault of one row alone.
fn may_be_one_row(error: &MirrorError) -> bool {
    match error {
        MirrorError::Refused(r) => {
            matches!(r.scope, RefusalScope::Row | RefusalScope::Request | RefusalScope::AlreadyThere)
        }
        MirrorError::TooBig | MirrorError::NotFound { .. } => true,
        _ => false,
    }
}

/// When a look in vain is repeated; `None`: it was one too many.
pub(super) fn look_again(now: Timestamp, tries: u32, most: u32) -> Option<Timestamp> {
    (tries < most).then(|| now.plus(std::time::Duration::from_millis(500) * (tries + 1)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::world::START;

    #[test]
    fn a_look_in_vain_is_repeated_ever_later_and_only_so_often() {
        let ms = |n| Some(START.plus(Duration::from_millis(n)));
        let looks: Vec<Option<Timestamp>> = (0..5).map(|tries| look_again(START, tries, 4)).collect();
        assert_eq!(looks, [ms(500), ms(1_000), ms(1_500), ms(2_000), None]);
    }

    #[test]
    fn rows_go_one_by_one_exactly_where_one_of_them_alone_may_be_at_fault() {
        let refused =
            |scope| MirrorError::Refused(Refusal { http: Some(422), kind: None, message: String::new(), scope });
        for (error, may_be) in [
            (refused(RefusalScope::Row), true),
            (refused(RefusalScope::Request), true),
            (refused(RefusalScope::AlreadyThere), true),
            (refused(RefusalScope::Field(None)), false),
            (refused(RefusalScope::Access), false),
            (refused(RefusalScope::Auth), false),
            (MirrorError::TooBig, true),
            (MirrorError::NotFound { kind: None }, true),
            (MirrorError::RateLimited { until: START }, false),
            (MirrorError::Billing { http: 429 }, false),
            (MirrorError::Retryable { why: "away".into(), retry_after: None }, false),
            (MirrorError::Unknown { why: "no answer".into(), retry_after: None }, false),
            (MirrorError::IteratorGone, false),
        ] {
            assert_eq!(may_be_one_row(&error), may_be, "{error}");
        }
    }
}
