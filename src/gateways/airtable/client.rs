//! The Airtable client: each method is one request, but for lists, which follow their pages.
//!
//! It retries nothing, follows no redirect and never writes over a pooled connection that may be stale. It keeps no state
//! but the pace of its base, which all clones share. A failure's meaning is never better than what is known: a write whose
//! answer did not come whole is `Unknown`, and so is one that makes records and is answered with a 502 or a bare 503, which
//! are documented as safe to repeat but not as not done: a repeat beside one that is still under way makes twins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::RequestBuilder;
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tracing::debug;
use url::Url;

use super::errors::{ErrorBody, Op, refusal};
use super::pace::{PER_WINDOW, Pace};
use super::schema::{BaseSchema, FieldSchema, NewField, NewTable, TableSchema, is_field_id};
use super::{Cell, Fields, wire};
use crate::clock::Clock;
use crate::domain::types::Timestamp;
use crate::gateways::exchange::{Clients, Failure, clients, exchange};
use crate::gateways::mirror::{
    Keys, Lane, MirrorError, MirrorGateway, PAGE_MAX, Query, ROWS_MAX, Record, RecordChange, RecordId, RecordList,
    Refusal, RefusalScope, Typecast, Upserted, Whoami,
};
use crate::ids::Ids;

/// A page holds up to 100 records, each of which may hold long texts.
const PAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Ten records, a schema, an error.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The provider takes 16,000 characters; its own client changes to POST here, which leaves room for what rewrites URLs.
const URL_CHARS_MAX: usize = 15_000;
/// A list that goes on for longer is cut short and said to be incomplete: more than the largest base has.
const PAGES_MAX: usize = 2_000;
/// How often a list is begun before a lost place is reported.
const LISTS_MAX: usize = 3;
const BASES_PAGES_MAX: usize = 20;
/// The documented rest after a 429, and what is added by chance so that several processes do not come back together.
const REST: Duration = Duration::from_secs(30);
const REST_JITTER_MS: u64 = 3_000;
/// The longest rest that a `Retry-After` is believed for: beyond it, asking again tells more.
const REST_ASKED_MAX: Duration = Duration::from_secs(300);

/// What a client needs to know; checked by config.
#[derive(Debug, Clone)]
pub struct AirtableSettings {
    /// A personal access token.
    pub token: SecretString,
    /// `app…`.
    pub base_id: String,
    /// `https://api.airtable.com`, or a sandbox's address. A path in it is kept.
    pub base_url: Url,
    /// At most [`AirtableSettings::limit`].
    pub requests_per_second: f64,
    /// The base's limit within a second: 5, but for a stand-in on this machine.
    pub limit: u32,
    /// For DNS, TCP and TLS together. Taken as at most `request_timeout`.
    pub connect_timeout: Duration,
    /// For a whole request, its answer's body included; the wait for a turn is not in it.
    pub request_timeout: Duration,
}

impl AirtableSettings {
    /// With the usual timeouts: 5 s for a connection, 30 s for a request, which is what the provider takes before it gives
    /// up itself.
    pub fn new(token: SecretString, base_id: String, base_url: Url, requests_per_second: f64) -> Self {
        let (connect_timeout, request_timeout) = (Duration::from_secs(5), Duration::from_secs(30));
        let limit = PER_WINDOW;
        Self { token, base_id, base_url, requests_per_second, limit, connect_timeout, request_timeout }
    }
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Paths cannot be put behind the base URL.
    #[error("base_url is not an http or https URL with a host")]
    Url,
    /// The base's id cannot stand in a path.
    #[error("the base's id is not one")]
    BaseId,
    /// The token cannot stand in a header: a line end or another control character is in it.
    #[error("the token holds characters that no token has")]
    Token(#[source] InvalidHeaderValue),
    /// The HTTP client or its TLS could not be set up.
    #[error("the HTTP client could not be set up")]
    Http(#[source] reqwest::Error),
}

struct SharedClient {
    settings: AirtableSettings,
    authorization: HeaderValue,
    /// Opens a connection for each request: none is ever found dead by a write.
    writes: reqwest::Client,
    /// Keeps connections: a read may be repeated, so a dead one costs nothing.
    reads: reqwest::Client,
    pace: Pace,
    ids: Arc<Ids>,
    requests: AtomicU64,
}

/// A client for one base. Cheap to clone; clones share the base's pace.
#[derive(Clone)]
pub struct AirtableClient {
    shared: Arc<SharedClient>,
    lane: Lane,
}

impl std::fmt::Debug for AirtableClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AirtableClient").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl AirtableClient {
    /// Sets up the HTTP clients; connects to nothing. Waits in the live lane.
    ///
    /// # Errors
    /// Where the URL cannot carry a path, the token no header, or the machine's certificate store cannot be read.
    pub fn new(settings: AirtableSettings, clock: Arc<dyn Clock>, ids: Arc<Ids>) -> Result<Self, ClientError> {
        // An error says that a provider is installed already, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = &settings.base_url;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.cannot_be_a_base() {
            return Err(ClientError::Url);
        }
        if segment(&settings.base_id).is_none() {
            return Err(ClientError::BaseId);
        }
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {}", settings.token.expose_secret())).map_err(ClientError::Token)?;
        authorization.set_sensitive(true);
        let Clients { writes, reads } = clients(&settings.base_url, settings.connect_timeout, settings.request_timeout)
            .map_err(ClientError::Http)?;
        let pace = Pace::new(clock, settings.requests_per_second, settings.limit);
        let shared = SharedClient { settings, authorization, writes, reads, pace, ids, requests: AtomicU64::new(0) };
        Ok(Self { shared: Arc::new(shared), lane: Lane::Live })
    }

    /// The same base and pace in another lane.
    #[must_use]
    pub fn with_queue(&self, lane: Lane) -> Self {
        Self { shared: Arc::clone(&self.shared), lane }
    }

    /// `{base_url}/v0/{…}`, each part encoded by itself.
    fn url(&self, parts: &[&str]) -> Result<Url, MirrorError> {
        let mut url = self.shared.settings.base_url.clone();
        let mut path = url.path().trim_end_matches('/').to_owned();
        for part in std::iter::once(&"v0").chain(parts) {
            let Some(part) = segment(part) else {
                return Err(MirrorError::not_sent(
                    "a table without a name, or named `.` or `..`, has no URL: use its id",
                ));
            };
            path.push('/');
            path.push_str(&part);
        }
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        Ok(url)
    }

    fn records_url(&self, table: &str, tail: &[&str]) -> Result<Url, MirrorError> {
        let mut parts = vec![self.shared.settings.base_id.as_str(), table];
        parts.extend(tail);
        self.url(&parts)
    }

    /// Waits for a turn, asks, and reads the answer with `read`, which says `None` of what is not the asked-for document.
    async fn ask<T>(
        &self,
        op: Op,
        request: RequestBuilder,
        said: &ErrorBody<'_>,
        bytes_max: usize,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, MirrorError> {
        let shared = &self.shared;
        let request = request.header(reqwest::header::AUTHORIZATION, shared.authorization.clone());
        let permit = shared.pace.turn(self.lane).await;
        shared.requests.fetch_add(1, Ordering::Relaxed);
        let exchanged = exchange(request, bytes_max).await;
        let outcome = match exchanged {
            Err(failure) => Err(failed(op, failure, bytes_max)),
            Ok(answer) if answer.status.is_success() => read(&answer.body).ok_or_else(|| {
                uncertain(op, format!("HTTP {} with an answer that could not be read", answer.status.as_u16()))
            }),
            Ok(answer) => {
                let error = wire::error(&answer.body);
                let rest = |asked: Option<Duration>| {
                    let jitter = Duration::from_millis(shared.ids.below(REST_JITTER_MS));
                    shared.pace.rest(REST.max(asked.unwrap_or_default().min(REST_ASKED_MAX)) + jitter)
                };
                Err(refusal(op, answer.status.as_u16(), &error, answer.retry_after, said, rest))
            }
        };
        // After the rest that it may have brought about, or the next in line would slip out between.
        drop(permit);
        match &outcome {
            Ok(_) => debug!(?op, "the mirror answered"),
            Err(error) => debug!(?op, outcome = %error, "the mirror did not do what was asked, as far as is known"),
        }
        outcome
    }

    async fn all_pages(&self, query: &Query, keys: Keys) -> Result<RecordList, MirrorError> {
        let most = query.max_records.unwrap_or(usize::MAX);
        let mut list = RecordList { records: Vec::new(), complete: true };
        let mut places: BTreeMap<RecordId, usize> = BTreeMap::new();
        let mut offsets: BTreeSet<String> = BTreeSet::new();
        let mut offset: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = self.page(query, keys, offset.as_deref()).await?;
            list.complete &= page.odd == 0;
            for record in page.records {
                if let Some(seen) = places.get(&record.id).and_then(|at| list.records.get_mut(*at)) {
                    // Seen twice as it changed meanwhile: the later is the newer.
                    *seen = record;
                } else if list.records.len() < most {
                    places.insert(record.id.clone(), list.records.len());
                    list.records.push(record);
                }
            }
            let Some(next) = page.offset else { return Ok(list) };
            if list.records.len() >= most {
                return Ok(list);
            }
            if !offsets.insert(next.clone()) {
                // It goes in circles, so this place is no place.
                return Err(MirrorError::IteratorGone);
            }
            offset = Some(next);
        }
        list.complete = false;
        Ok(list)
    }

    async fn page(&self, query: &Query, keys: Keys, offset: Option<&str>) -> Result<wire::Page, MirrorError> {
        let size = PAGE_MAX.min(query.max_records.unwrap_or(PAGE_MAX).max(1));
        let mut url = self.records_url(&query.table, &[])?;
        url.query_pairs_mut().extend_pairs(wire::list_pairs(query, size, keys, offset));
        let request = if url.as_str().len() > URL_CHARS_MAX {
            let body = wire::list_body(query, size, keys, offset);
            self.shared.reads.post(self.records_url(&query.table, &["listRecords"])?).json(&body)
        } else {
            self.shared.reads.get(url)
        };
        let mut names = vec![query.table.as_str()];
        names.extend(query.fields.iter().map(String::as_str));
        // Between the quotes of the filter are values.
        let values = query.filter.as_ref().map(|f| f.as_str().split('\'').map(str::to_owned).collect());
        let said = ErrorBody { names, contents: values.unwrap_or_default() };
        self.ask(Op::Read, request, &said, PAGE_BYTES_MAX, wire::page).await
    }

    /// A request of the meta API that reads.
    async fn meta<T>(
        &self,
        parts: &[&str],
        offset: Option<&str>,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, MirrorError> {
        let mut url = self.url(parts)?;
        if let Some(offset) = offset {
            url.query_pairs_mut().append_pair("offset", offset);
        }
        self.ask(Op::Read, self.shared.reads.get(url), &ErrorBody::default(), ANSWER_BYTES_MAX, read).await
    }

    /// A request of the meta API that makes a table or a field.
    async fn make<T: serde::de::DeserializeOwned>(
        &self,
        parts: &[&str],
        names: Vec<&str>,
        body: &Value,
    ) -> Result<T, MirrorError> {
        let request = self.shared.writes.post(self.url(parts)?).json(body);
        let said = ErrorBody { names, contents: Vec::new() };
        self.ask(Op::Make, request, &said, ANSWER_BYTES_MAX, |body| serde_json::from_slice(body).ok()).await
    }
}

#[async_trait]
impl MirrorGateway for AirtableClient {
    fn in_queue(&self, lane: Lane) -> Arc<dyn MirrorGateway> {
        Arc::new(self.with_queue(lane))
    }

    fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    fn resting_until(&self) -> Option<Timestamp> {
        self.shared.pace.resting_until()
    }

    async fn upsert(
        &self,
        table: &str,
        merge_on: &[&str],
        rows: &[Fields],
        typecast: Typecast,
    ) -> Result<Upserted, MirrorError> {
        check_count(rows.len())?;
        check_merge(merge_on, rows)?;
        let keys = keys_of(rows.iter().flat_map(|row| row.iter().map(|(field, _)| field)))?;
        if rows.is_empty() {
            return Ok(Upserted { records: Vec::new(), created: BTreeSet::new(), updated: BTreeSet::new() });
        }
        let body = wire::rows_body(rows, merge_on, typecast, keys);
        let request = self.shared.writes.patch(self.records_url(table, &[])?).json(&body);
        let read = |body: &[u8]| wire::written(body, rows.len());
        let written = self.ask(Op::Make, request, &said(table, rows.iter()), ANSWER_BYTES_MAX, read).await?;
        Ok(Upserted {
            records: in_order(rows, merge_on, written.records),
            created: written.created.into_iter().collect(),
            updated: written.updated.into_iter().collect(),
        })
    }

    async fn create(&self, table: &str, rows: &[Fields], typecast: Typecast) -> Result<Vec<Record>, MirrorError> {
        check_count(rows.len())?;
        let keys = keys_of(rows.iter().flat_map(|row| row.iter().map(|(field, _)| field)))?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let body = wire::rows_body(rows, &[], typecast, keys);
        let request = self.shared.writes.post(self.records_url(table, &[])?).json(&body);
        let read = |body: &[u8]| wire::written(body, rows.len());
        Ok(self.ask(Op::Make, request, &said(table, rows.iter()), ANSWER_BYTES_MAX, read).await?.records)
    }

    async fn update(
        &self,
        table: &str,
        changes: &[RecordChange],
        typecast: Typecast,
    ) -> Result<Vec<Record>, MirrorError> {
        check_count(changes.len())?;
        let keys = keys_of(changes.iter().flat_map(|c| c.fields.iter().map(|(field, _)| field)))?;
        let named: BTreeSet<&RecordId> = changes.iter().map(|c| &c.id).collect();
        if named.len() < changes.len() {
            return Err(MirrorError::not_sent("one record is to be changed twice by one request"));
        }
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let body = wire::changes_body(changes, typecast, keys);
        let request = self.shared.writes.patch(self.records_url(table, &[])?).json(&body);
        let read = |body: &[u8]| {
            let written = wire::written(body, changes.len())?.records;
            changes.iter().map(|c| written.iter().find(|r| r.id == c.id).cloned()).collect::<Option<Vec<Record>>>()
        };
        let said = said(table, changes.iter().map(|c| &c.fields));
        self.ask(Op::Change, request, &said, ANSWER_BYTES_MAX, read).await
    }

    async fn delete(&self, table: &str, ids: &[RecordId]) -> Result<BTreeSet<RecordId>, MirrorError> {
        check_count(ids.len())?;
        let mut url = self.records_url(table, &[])?;
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        url.query_pairs_mut().extend_pairs(ids.iter().map(|id| ("records[]", id.as_str())));
        let request = self.shared.writes.delete(url);
        let said = ErrorBody { names: vec![table], contents: Vec::new() };
        let deleted = self.ask(Op::Change, request, &said, ANSWER_BYTES_MAX, wire::deleted).await?;
        Ok(deleted.into_iter().filter(|id| ids.contains(id)).collect())
    }

    async fn list(&self, query: &Query) -> Result<RecordList, MirrorError> {
        let keys = match keys_of(query.fields.iter().map(String::as_str))? {
            Keys::Ids => Keys::Ids,
            Keys::Names => query.keys,
        };
        if query.max_records == Some(0) {
            return Ok(RecordList { records: Vec::new(), complete: true });
        }
        for _ in 0..LISTS_MAX {
            match self.all_pages(query, keys).await {
                Err(MirrorError::IteratorGone) => debug!("the list's place is gone: from the start"),
                other => return other,
            }
        }
        Err(MirrorError::IteratorGone)
    }

    async fn whoami(&self) -> Result<Whoami, MirrorError> {
        self.meta(&["meta", "whoami"], None, wire::whoami).await
    }

    async fn bases(&self) -> Result<Vec<BaseSchema>, MirrorError> {
        let (mut bases, mut offset) = (Vec::<BaseSchema>::new(), None::<String>);
        for _ in 0..BASES_PAGES_MAX {
            let read = |body: &[u8]| wire::listed::<BaseSchema>(body, "bases");
            let (some, next) = self.meta(&["meta", "bases"], offset.as_deref(), read).await?;
            bases.extend(some.into_iter().filter(|b| bases.iter().all(|seen| seen.id != b.id)).collect::<Vec<_>>());
            let Some(next) = next else { break };
            offset = Some(next);
        }
        Ok(bases)
    }

    async fn tables(&self) -> Result<Vec<TableSchema>, MirrorError> {
        let parts = ["meta", "bases", self.shared.settings.base_id.as_str(), "tables"];
        Ok(self.meta(&parts, None, |body| wire::listed(body, "tables")).await?.0)
    }

    async fn create_field(&self, table_id: &str, field: &NewField) -> Result<FieldSchema, MirrorError> {
        let parts = ["meta", "bases", self.shared.settings.base_id.as_str(), "tables", table_id, "fields"];
        self.make(&parts, vec![table_id, field.name()], &field.written()).await
    }

    async fn create_table(&self, table: &NewTable) -> Result<TableSchema, MirrorError> {
        if table.fields.is_empty() {
            return Err(MirrorError::not_sent("a table has at least one field"));
        }
        let parts = ["meta", "bases", self.shared.settings.base_id.as_str(), "tables"];
        let names = std::iter::once(table.name.as_str()).chain(table.fields.iter().map(NewField::name)).collect();
        self.make(&parts, names, &table.written()).await
    }
}

/// A part of a path, percent-encoded; `None` for what a URL cannot hold as one.
fn segment(part: &str) -> Option<String> {
    let encoded: String = url::form_urlencoded::byte_serialize(part.as_bytes()).collect();
    // A plus that is meant comes as %2B.
    (!matches!(part, "" | "." | "..")).then(|| encoded.replace('+', "%20"))
}

/// What remains of a request whose answer did not come or could not be read.
fn uncertain(op: Op, why: String) -> MirrorError {
    match op {
        Op::Read => MirrorError::Retryable { why, retry_after: None },
        Op::Change | Op::Make => MirrorError::Unknown { why, retry_after: None },
    }
}

fn failed(op: Op, failure: Failure, bytes_max: usize) -> MirrorError {
    match failure {
        Failure::Before(why) => MirrorError::Retryable { why, retry_after: None },
        Failure::After(why) => uncertain(op, why),
        // The same again would be as long.
        Failure::TooLong(status) if status.is_success() && op == Op::Read => {
            let message = format!("the answer is over {bytes_max} bytes: ask for fewer fields or smaller pages");
            MirrorError::Refused(Refusal {
                http: Some(status.as_u16()),
                kind: None,
                message,
                scope: RefusalScope::Request,
            })
        }
        Failure::TooLong(status) => {
            uncertain(op, format!("HTTP {} with an answer over {bytes_max} bytes", status.as_u16()))
        }
    }
}

fn check_count(rows: usize) -> Result<(), MirrorError> {
    if rows <= ROWS_MAX {
        Ok(())
    } else {
        Err(MirrorError::not_sent(format!("{rows} rows, at most {ROWS_MAX} a request")))
    }
}

/// An empty key matches nothing and would make a record each time; a key twice in one request would make twins.
fn check_merge(merge_on: &[&str], rows: &[Fields]) -> Result<(), MirrorError> {
    if !(1..=3).contains(&merge_on.len()) {
        return Err(MirrorError::not_sent("an upsert merges on 1 to 3 fields"));
    }
    for (n, row) in rows.iter().enumerate() {
        if let Some(field) = merge_on.iter().find(|field| row.get(field).is_empty()) {
            return Err(MirrorError::not_sent(format!("row {} has no `{field}`, which it is to be found by", n + 1)));
        }
        let same = |other: &Fields| merge_on.iter().all(|field| row.get(field).is_kept_as(other.get(field)));
        if rows.iter().take(n).any(same) {
            return Err(MirrorError::not_sent(format!("row {} has the key of another row of the request", n + 1)));
        }
    }
    Ok(())
}

/// How the answer should name the fields that these name.
fn keys_of<'a>(fields: impl Iterator<Item = &'a str>) -> Result<Keys, MirrorError> {
    let mut seen = (false, false);
    for field in fields {
        if is_field_id(field) { seen.0 = true } else { seen.1 = true }
    }
    match seen {
        // The answer names all fields in one way, so what was asked in the other would seem to be empty.
        (true, true) => Err(MirrorError::not_sent("some fields are named by id and some by name: name all in one way")),
        (true, false) => Ok(Keys::Ids),
        (false, _) => Ok(Keys::Names),
    }
}

fn said<'a>(table: &'a str, rows: impl Iterator<Item = &'a Fields>) -> ErrorBody<'a> {
    let mut said = ErrorBody { names: vec![table], contents: Vec::new() };
    for (field, cell) in rows.flat_map(Fields::iter) {
        said.names.push(field);
        if let Cell::Text(text) = cell {
            said.contents.push(text.clone());
        }
    }
    said
}

/// The answer's records by their keys, so that they are the rows'. Where a key is not found, as the base keeps it otherwise,
/// the documented order is what there is.
fn in_order(rows: &[Fields], merge_on: &[&str], records: Vec<Record>) -> Vec<Record> {
    let is_of = |row: &Fields, r: &Record| merge_on.iter().all(|f| row.get(f).is_kept_as(r.fields.get(f)));
    let ordered: Option<Vec<Record>> = rows.iter().map(|row| records.iter().find(|r| is_of(row, r)).cloned()).collect();
    ordered.unwrap_or(records)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod outcomes;
