//! The mirror as the engine sees it: records of the shop's base, and what a failure obliges the outbox to do.
//!
//! Nothing here retries and nothing here remembers: a write that must not be lost is an outbox row, and after a crash the
//! row is what counts. What a method promises is that a failure's meaning is never better than what is known.
//! Implemented by [`AirtableClient`](super::airtable::AirtableClient), whose module shows how it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::airtable::{BaseSchema, Cell, FieldSchema, Fields, Formula, NewField, NewTable, TableSchema};
use crate::domain::types::{ParseError, Timestamp};

/// The most rows of one write, and ids of one delete.
pub const ROWS_MAX: usize = 10;
/// The most records of a list's page.
pub const PAGE_MAX: usize = 100;
/// Keys asked for by one request of [`MirrorGateway::by_key`].
const KEYS_PER_REQUEST: usize = 50;

/// The id of a record (`rec…`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(String);

impl RecordId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RecordId {
    type Err = ParseError;

    /// `rec` and letters or digits: 14 of them today, which nothing here relies on.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let tail = s.strip_prefix("rec").unwrap_or_default();
        let ok = (1..=64).contains(&tail.len()) && tail.bytes().all(|b| b.is_ascii_alphanumeric());
        if ok { Ok(Self(s.to_owned())) } else { Err(ParseError::new("record id", "must be rec and letters or digits")) }
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One record as the base has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its id.
    pub id: RecordId,
    /// When the base made it; `None` where the answer does not say it readably.
    pub created_at: Option<Timestamp>,
    /// Its cells; empty ones are left out by the provider.
    pub fields: Fields,
}

/// New cells of one record; those not named stay.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordChange {
    /// Which record.
    pub id: RecordId,
    /// The cells to be set; an empty one is cleared.
    pub fields: Fields,
}

/// What an upsert did.
#[derive(Debug, Clone, PartialEq)]
pub struct Upserted {
    /// The records after it, in the order of the rows sent. Not a read-back: read again to prove what is kept.
    pub records: Vec<Record>,
    /// Those of them that it made.
    pub created: BTreeSet<RecordId>,
    /// Those of them that were there.
    pub updated: BTreeSet<RecordId>,
}

/// Whether the base may turn values into what its fields hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Typecast {
    /// A value of a wrong type is refused, so that a mistake is seen.
    #[default]
    Off,
    /// Numeric texts become numbers, and a select gets the option that it lacks.
    On,
}

/// How an answer names its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keys {
    /// By their names, which change when somebody renames them.
    #[default]
    Names,
    /// By their ids (`fld…`).
    Ids,
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

/// Which way a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Least first.
    Ascending,
    /// Greatest first.
    Descending,
}

/// Which records of one table to list. All of them, with all fields, in no order, unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Name or id.
    pub table: String,
    /// Which records; `None`: all.
    pub filter: Option<Formula>,
    /// Which fields, by name or by id; none named: all.
    pub fields: Vec<String>,
    /// Without it the order is arbitrary.
    pub sort: Vec<(String, Direction)>,
    /// At most so many records, over all pages.
    pub max_records: Option<usize>,
    /// Records a page, taken as 1 to [`PAGE_MAX`].
    pub page_size: usize,
    /// How the answer names its fields; where all that are named above are ids, it does so by ids anyway.
    pub keys: Keys,
}

impl Query {
    /// Everything of a table.
    pub fn of(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            filter: None,
            fields: Vec::new(),
            sort: Vec::new(),
            max_records: None,
            page_size: PAGE_MAX,
            keys: Keys::Names,
        }
    }

    /// Only records for which the formula is true.
    #[must_use]
    pub fn filter(mut self, filter: Formula) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Only these fields.
    #[must_use]
    pub fn fields<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Sorted by one more field.
    #[must_use]
    pub fn sort_by(mut self, field: impl Into<String>, direction: Direction) -> Self {
        self.sort.push((field.into(), direction));
        self
    }

    /// At most so many.
    #[must_use]
    pub fn at_most(mut self, records: usize) -> Self {
        self.max_records = Some(records);
        self
    }

    /// So many a page.
    #[must_use]
    pub fn pages_of(mut self, records: usize) -> Self {
        self.page_size = records;
        self
    }

    /// Answered with field ids as keys.
    #[must_use]
    pub fn by_field_id(mut self) -> Self {
        self.keys = Keys::Ids;
        self
    }
}

/// The result of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordList {
    /// Each record once. Paging is no snapshot: confirm with [`MirrorGateway::by_key`] or [`MirrorGateway::get`] that a
    /// record is missing before anything is made in its place.
    pub records: Vec<Record>,
    /// False where some item could not be read, or there were more pages than are ever followed.
    pub complete: bool,
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whoami {
    /// `usr…`.
    pub user_id: String,
    /// What the token may do; empty where the provider does not say, as for a personal access token.
    pub scopes: Vec<String>,
}

/// What a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A value of one row: send the rows one by one, park the one that is refused, go on with the others.
    Row,
    /// The request as such, or an upsert that found twins of its key. Send the rows one by one; for a single row look for
    /// twins by key ([`MirrorGateway::by_key`]), else park it and alert.
    Request,
    /// A field that the table does not have (any more): all rows with it are refused alike, so park none, alert with the
    /// name, read the schema again. The name is one of those sent; `None` where the answer names none of them.
    Field(Option<String>),
    /// The table, base or record is not there, or the token may not: deliberately one answer. Alert, pause, keep the outbox.
    Access,
    /// The token is missing, wrong or revoked: alert, pause, keep the outbox.
    Auth,
    /// What was to be made is there already: read the schema again and take it as done.
    AlreadyThere,
}

/// A request that the provider refused, or that was never sent because it could only be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status; `None`: not even sent.
    pub http: Option<u16>,
    /// The provider's word, such as `INVALID_VALUE_FOR_COLUMN`.
    pub kind: Option<String>,
    /// For a person; without cell contents.
    pub message: String,
    /// What it is about.
    pub scope: Scope,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.http, &self.kind) {
            (Some(http), Some(kind)) => write!(f, "HTTP {http}, {kind}")?,
            (Some(http), None) => write!(f, "HTTP {http}")?,
            (None, _) => f.write_str("not sent")?,
        }
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

/// Why a request to the mirror did not succeed: each variant is one thing to do. Never holds the token or a cell's contents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// Not done and never will be: see [`Scope`].
    #[error("the mirror refused the request ({0})")]
    Refused(Refusal),
    /// Not done; the whole base rests until then. Just ask again: every request waits for it by itself.
    #[error("the mirror's rate limit is reached: all requests wait until {until}")]
    RateLimited {
        /// 30 s and some jitter from the answer.
        until: Timestamp,
    },
    /// Not done; the month's requests are used up. One alert, try hourly or by hand, keep the outbox: no retry loop.
    #[error("the mirror's requests of this month are used up (HTTP {http})")]
    Billing {
        /// The HTTP status.
        http: u16,
    },
    /// Surely not done, or (a read, a change by record id) harmless to repeat as it stands: again after a backoff.
    #[error("the mirror could not be asked: {why}")]
    Retryable {
        /// What happened.
        why: String,
        /// How long the provider asked us to wait.
        retry_after: Option<Duration>,
    },
    /// May be done or not: read by key before it is repeated, or two records may stand for one row.
    #[error("the mirror's outcome is unknown: {why}")]
    Unknown {
        /// What happened.
        why: String,
        /// How long the provider asked us to wait.
        retry_after: Option<Duration>,
    },
    /// Not done; more than one request may hold: split it; a single row: park it.
    #[error("the mirror says that the request is too big (HTTP 413)")]
    TooBig,
    /// A list lost its place again and again, also from the start: list later, or with a narrower filter.
    #[error("the mirror lost the list's place each time")]
    IteratorGone,
    /// A record named by id is not there: forget the id and upsert by key. Of a batch, others may be there.
    #[error("the mirror has no such record{}", kind.as_ref().map(|k| format!(" ({k})")).unwrap_or_default())]
    NotFound {
        /// The provider's word.
        kind: Option<String>,
    },
}

impl MirrorError {
    /// A request that was not sent because it could only be refused.
    pub(super) fn not_sent(message: impl Into<String>) -> Self {
        Self::Refused(Refusal { http: None, kind: None, message: message.into(), scope: Scope::Request })
    }
}

/// The shop's base. No method retries a write; every method waits for its turn under the base's rate limit, which may be
/// half a minute after a 429. Dropping a future before it is done is safe; of a write under way it leaves the outcome unknown.
///
/// Tables and fields may be given by name or by id (`tbl…`, `fld…`); within one request all fields alike. Where they are
/// ids, answers use ids as well.
#[async_trait]
pub trait MirrorGateway: Send + Sync {
    /// The same base under the same rate limit, waiting in this lane.
    fn in_lane(&self, lane: Lane) -> Arc<dyn MirrorGateway>;

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

    /// One record; `None` where the provider says that it is not there.
    async fn get(&self, table: &str, id: &RecordId, keys: Keys) -> Result<Option<Record>, MirrorError>;

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
