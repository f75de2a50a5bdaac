//! The mirror as the engine sees it: records of the shop's base, and what a failure obliges the outbox to do.
//!
//! Nothing here retries and nothing here remembers: a write that must not be lost is an outbox row, and after a crash the
//! row is what counts. What a method promises is that a failure's meaning is never better than what is known.
//! Implemented by [`AirtableClient`](super::airtable::AirtableClient), whose module shows how it is used.

mod failure;
mod query;
mod record;

pub use failure::{MirrorError, Refusal, RefusalScope};
pub use query::{Keys, PAGE_MAX, Query, RecordList};
pub use record::{Record, RecordChange, RecordId, Upserted};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use super::airtable::{BaseSchema, Cell, FieldSchema, Fields, Formula, NewField, NewTable, TableSchema};
use crate::domain::types::Timestamp;

/// The most rows of one write, and ids of one delete.
pub const ROWS_MAX: usize = 10;
/// Keys asked for by one request of [`MirrorGateway::by_key`].
const KEYS_PER_REQUEST: usize = 50;

/// Whether the base may turn values into what its fields hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Typecast {
    /// A value of a wrong type is refused, so that a mistake is seen.
    #[default]
    Off,
    /// Numeric texts become numbers, and a select gets the option that it lacks.
    On,
}

/// Who waits for a turn under the base's rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lane {
    /// The outbox: goes first, but for one turn in four while the other lane waits.
    #[default]
    Live,
    /// Whoever reads a lot: verification, recovery, doctor.
    Bulk,
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whoami {
    /// `usr…`.
    pub user_id: String,
    /// What the token may do; empty where the provider does not say, as for a personal access token.
    pub scopes: Vec<String>,
}

/// The shop's base. No method retries a write; every method waits for its turn under the base's rate limit, which may be
/// half a minute after a 429. Dropping a future before it is done is safe; of a write under way it leaves the outcome unknown.
///
/// Tables and fields may be given by name or by id (`tbl…`, `fld…`); within one request all fields alike. Where they are
/// ids, answers use ids as well.
#[async_trait]
pub trait MirrorGateway: Send + Sync {
    /// The same base under the same rate limit, waiting in this lane.
    fn in_queue(&self, lane: Lane) -> Arc<dyn MirrorGateway>;

    /// Requests sent by this process so far, whatever became of them: plans have so many a month.
    fn requests(&self) -> u64;

    /// Until when the base rests after a 429; `None`: it does not.
    fn resting_until(&self) -> Option<Timestamp>;

    /// Makes or changes up to [`ROWS_MAX`] rows, found by 1 to 3 fields that every row has and that are not empty. Safe to
    /// repeat, one writer a key, once a lost answer was looked for. With no rows nothing is asked.
    async fn upsert(
        &self,
        table: &str,
        merge_on: &[&str],
        rows: &[Fields],
        typecast: Typecast,
    ) -> Result<Upserted, MirrorError>;

    /// Makes up to [`ROWS_MAX`] records, answered in the same order. Never safe to repeat after [`MirrorError::Unknown`].
    async fn create(&self, table: &str, rows: &[Fields], typecast: Typecast) -> Result<Vec<Record>, MirrorError>;

    /// Changes up to [`ROWS_MAX`] records, answered in the same order.
    async fn update(
        &self,
        table: &str,
        changes: &[RecordChange],
        typecast: Typecast,
    ) -> Result<Vec<Record>, MirrorError>;

    /// Deletes up to [`ROWS_MAX`] records and says which of them the provider confirms.
    async fn delete(&self, table: &str, ids: &[RecordId]) -> Result<BTreeSet<RecordId>, MirrorError>;

    /// All pages of a list, each record once, as it was last seen.
    async fn list(&self, query: &Query) -> Result<RecordList, MirrorError>;

    /// Whose token it is: the cheapest check of one.
    async fn whoami(&self) -> Result<Whoami, MirrorError>;

    /// The bases that the token lists.
    async fn bases(&self) -> Result<Vec<BaseSchema>, MirrorError>;

    /// The base's tables with their fields.
    async fn tables(&self) -> Result<Vec<TableSchema>, MirrorError>;

    /// Adds a field to a table, named by its id.
    async fn create_field(&self, table_id: &str, field: &NewField) -> Result<FieldSchema, MirrorError>;

    /// Adds a table; its first field becomes the primary one.
    async fn create_table(&self, table: &NewTable) -> Result<TableSchema, MirrorError>;

    /// The records whose `key` is one of these texts, compared again here as texts are; of twins the oldest first. What is
    /// not in the answer was not there. Fields: `key` is always among them; none named means all.
    ///
    /// # Errors
    /// As a list, and `Retryable` where some record could not be read: absence is never told from half an answer.
    async fn by_key(
        &self,
        table: &str,
        key: &str,
        values: &[String],
        fields: &[&str],
    ) -> Result<BTreeMap<String, Vec<Record>>, MirrorError> {
        let wanted: BTreeSet<&String> = values.iter().filter(|v| !v.is_empty()).collect();
        let wanted: Vec<&String> = wanted.into_iter().collect();
        let mut found: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for some in wanted.chunks(KEYS_PER_REQUEST) {
            let mut query = Query::of(table).filter(Formula::is_one_of(key, some.iter().map(|v| v.as_str())));
            if !fields.is_empty() {
                let others = fields.iter().copied().filter(|f| *f != key);
                query = query.fields(std::iter::once(key).chain(others));
            }
            if super::airtable::is_field_id(key) {
                query = query.by_field_id();
            }
            let listed = self.list(&query).await?;
            if !listed.complete {
                let why = "some records of the answer could not be read".to_owned();
                return Err(MirrorError::Retryable { why, retry_after: None });
            }
            for record in listed.records {
                let same = |v: &&&String| Cell::text(v.as_str()).is_kept_as(record.fields.get(key));
                if let Some(value) = some.iter().find(same) {
                    found.entry((*value).clone()).or_default().push(record);
                }
            }
        }
        for twins in found.values_mut() {
            twins.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        }
        Ok(found)
    }
}
