//! Airtable's Web API over HTTP: one base, its records and its schema, as the official clients use them.
//!
//! A request is counted, may be dropped or refused by a fault, must carry the token, must keep the pace, and is then done
//! whole or not at all: what it changes is a line of the ledger file before it is true in memory, and true in memory before
//! the answer leaves. So a killed sandbox starts again with the same records.
//!
//! Strict where the real service is silent or unknown: a parameter or a key that is not documented is refused with 422.
//! Source: `facts/airtable.md`.

mod base;
mod cells;
mod evaluate;
mod formula;
mod limits;
mod list;
mod records;
mod schema;
mod staff;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};
use wiremock::{Request, ResponseTemplate};

pub(super) use base::Change;
pub use base::{FieldType, Permission};
pub use limits::{AirtableRequest, AirtableRequests};
pub use staff::StaffAction;

use super::faults::{Fault, FaultKind, On, Shape, Subject, chance};
use super::ledger::LineRef;
use super::server::Answer;
use super::state::{Shared, State};
use crate::clock::Clock as _;
use crate::domain::Timestamp;
use base::{Base, READ_RECORDS, Schema, WRITE_RECORDS, new_id};

/// The one view that each table has.
const VIEW: &str = "Grid view";
const BODY_MAX: usize = 2 * 1024 * 1024;
/// The longest URL that is read; a longer list goes through `listRecords`.
const URL_MAX: usize = 16_000;
/// Late answers without a delay of their own come after this: later than any sensible client waits.
const LATE: Duration = Duration::from_secs(30);

/// Everything of the base that changes.
pub(super) struct Airtable {
    base: Base,
    pub(super) rate: limits::Rate,
    pub(super) iterators: limits::Iterators,
    requests: AirtableRequests,
}

impl Airtable {
    /// The tables of a shop that has changed nothing. The seed decides the order of lists that ask for none.
    pub(super) fn new(seed: u64, pause: Duration) -> Self {
        Self {
            base: Base::new(seed),
            rate: limits::Rate::new(pause),
            iterators: limits::Iterators::default(),
            requests: AirtableRequests::default(),
        }
    }

    /// Repeats a change of an earlier life.
    pub(super) fn reload(&mut self, change: Change) {
        self.base.apply(change);
    }

    /// All requests since the start.
    pub(super) fn requests(&self) -> &AirtableRequests {
        &self.requests
    }

    /// The rows of a table named by name or id, in the order in which they were made.
    pub(super) fn rows(&self, table: &str) -> Vec<AirtableRow> {
        let Some(table) = self.base.schema.table(table) else { return Vec::new() };
        let mut rows: Vec<_> = self.base.records(&table.id).collect();
        rows.sort_by_key(|r| r.number);
        rows.into_iter()
            .map(|r| AirtableRow {
                id: r.id.clone(),
                created: r.created,
                modified: r.modified,
                fields: table.fields.iter().filter_map(|f| Some((f.name.clone(), r.cell(f)?))).collect(),
            })
            .collect()
    }

    /// Base, rows and requests, for `GET /_sandbox/airtable`.
    pub(super) fn shown(&self) -> Value {
        let rows: Map<String, Value> =
            self.base.schema.tables.iter().map(|t| (t.name.clone(), json!(self.rows(&t.name)))).collect();
        json!({ "schema": self.base.schema, "rows": rows, "requests": self.requests })
    }
}

/// A row as the shop sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AirtableRow {
    /// `rec` and 14 letters or digits.
    pub id: String,
    /// The base's own.
    pub created: Timestamp,
    /// When a cell was last written.
    pub modified: Timestamp,
    /// By field name; empties are absent.
    pub fields: Map<String, Value>,
}

/// An error answer.
#[derive(Debug)]
struct Refusal {
    status: u16,
    kind: String,
    message: Option<String>,
    shape: Shape,
    /// The fault that is to blame.
    by: Option<u64>,
}

impl Refusal {
    fn new(status: u16, kind: &str, message: impl Into<String>) -> Self {
        Self { status, kind: kind.to_owned(), message: Some(message.into()), shape: Shape::Object, by: None }
    }

    /// Without a message.
    fn silent(status: u16, kind: &str) -> Self {
        Self { status, kind: kind.to_owned(), message: None, shape: Shape::Object, by: None }
    }

    fn not_found() -> Self {
        Self { shape: Shape::Text, ..Self::silent(404, "NOT_FOUND") }
    }

    fn record_not_found() -> Self {
        Self::new(404, "MODEL_ID_NOT_FOUND", "Record not found")
    }

    fn row_does_not_exist(id: &str) -> Self {
        Self::new(422, "ROW_DOES_NOT_EXIST", format!("Record ID {id} does not exist in this table"))
    }

    /// No access, or no such thing: deliberately one answer.
    fn no_model() -> Self {
        let text = "Invalid permissions, or the requested model was not found. Check that both your user and your token \
                    have the required permissions, and that the model names and/or ids are correct.";
        Self::new(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", text)
    }

    fn no_permission() -> Self {
        Self::new(403, "INVALID_PERMISSIONS", "You are not permitted to perform this operation")
    }

    fn unknown_field(name: &str) -> Self {
        Self::new(422, "UNKNOWN_FIELD_NAME", format!("Unknown field name: \"{name}\""))
    }

    fn unknown_request(what: &str) -> Self {
        let text = format!("Invalid request: parameter validation failed. Check your request data. ({what})");
        Self::new(422, "INVALID_REQUEST_UNKNOWN", text)
    }

    fn records(new: bool) -> Self {
        let ids = if new { "" } else { " an \"id\" ID field and" };
        let text = format!(
            "You must provide an array of up to 10 record objects, each with{ids} a \"fields\" object for cell values."
        );
        Self::new(422, "INVALID_RECORDS", text)
    }

    fn too_many() -> Self {
        let text = "Rate limit exceeded. Please try again later";
        Self { shape: Shape::List, ..Self::new(429, "RATE_LIMIT_REACHED", text) }
    }

    /// What a fault asks for.
    fn by(fault: &Fault, on: On) -> Self {
        let status = fault.status.unwrap_or(503);
        let mut refusal = match status {
            401 => Self::new(401, "AUTHENTICATION_REQUIRED", "Authentication required"),
            403 if on == On::AirtableWrite => Self::no_permission(),
            403 => Self::no_model(),
            404 => Self::not_found(),
            422 => Self::unknown_request("refused by the sandbox"),
            429 => Self::too_many(),
            502 => Self { shape: Shape::Html, ..Self::silent(502, "BAD_GATEWAY") },
            503 => Self::new(503, "RETRIABLE_ERROR", "The server could not process your request in time."),
            _ => Self::silent(status, "SERVER_ERROR"),
        };
        if let Some(kind) = &fault.error_type {
            refusal.kind.clone_from(kind);
            refusal.message = None;
        }
        refusal.message = fault.message.clone().or(refusal.message);
        refusal.shape = fault.shape.unwrap_or(refusal.shape);
        refusal
    }

    fn reply(&self) -> Reply {
        let (kind, message) = (&self.kind, &self.message);
        let body = match (self.shape, message) {
            (Shape::Html, _) => {
                let page = format!("<html><head><title>{}</title></head><body>nginx</body></html>", self.status);
                return Reply {
                    status: self.status,
                    html: true,
                    body: page.into_bytes(),
                    wait: None,
                    retry_after: None,
                };
            }
            (Shape::Text, _) => json!({ "error": kind }),
            (Shape::Object, Some(m)) => json!({ "error": { "type": kind, "message": m } }),
            (Shape::Object, None) => json!({ "error": { "type": kind } }),
            (Shape::List, m) => json!({ "errors": [{ "error": kind, "message": m }] }),
        };
        Reply::json(self.status, &body)
    }
}

/// A request that was done, or will be once its change is in the journal.
struct Done {
    body: Value,
    change: Option<Change>,
}

impl Done {
    fn read(body: Value) -> Self {
        Self { body, change: None }
    }
}

/// A request, decoded.
struct Call {
    method: String,
    /// After `/v0/`, empty ones left out.
    segments: Vec<String>,
    query: Vec<(String, String)>,
    json: bool,
    body: Vec<u8>,
}

impl Call {
    fn of(request: &Request) -> Self {
        let path = request.url.path().strip_prefix("/v0/").unwrap_or("");
        let kind = request.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("");
        Self {
            method: request.method.to_string(),
            segments: path.split('/').filter(|s| !s.is_empty()).map(decoded).collect(),
            query: request.url.query_pairs().into_owned().collect(),
            json: kind.to_ascii_lowercase().contains("json"),
            body: request.body.clone(),
        }
    }

    /// The body, which must be an object.
    fn object(&self) -> Result<Map<String, Value>, Refusal> {
        if !self.json {
            let text = "Could not find the request's fields: its content type is not application/json";
            return Err(Refusal::new(422, "INVALID_REQUEST_MISSING_FIELDS", text));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(body)) => Ok(body),
            _ => Err(Refusal::new(400, "BAD_REQUEST", "Could not parse request body")),
        }
    }

    fn on(&self) -> On {
        match (self.method.as_str(), self.segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice()) {
            (_, ["meta", ..]) => On::AirtableMeta,
            ("GET", _) | ("POST", [_, _, "listRecords"]) => On::AirtableRead,
            _ => On::AirtableWrite,
        }
    }

    /// The base that it is about.
    fn base(&self) -> Option<&str> {
        match self.segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["meta", "bases", base, ..] => Some(base),
            ["meta", ..] => None,
            [base, ..] => Some(base),
            [] => None,
        }
    }
}

/// A path segment without its percent signs; a plus stays one.
fn decoded(segment: &str) -> String {
    let escaped = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(escaped.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// What is sent.
struct Reply {
    status: u16,
    html: bool,
    body: Vec<u8>,
    wait: Option<Duration>,
    retry_after: Option<u32>,
}

impl Reply {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, html: false, body: body.to_string().into_bytes(), wait: None, retry_after: None }
    }

    fn template(self) -> ResponseTemplate {
        let kind = if self.html { "text/html" } else { "application/json; charset=utf-8" };
        let mut template = ResponseTemplate::new(self.status).set_body_raw(self.body, kind);
        if let Some(seconds) = self.retry_after {
            template = template.insert_header("Retry-After", seconds.to_string().as_str());
        }
        match self.wait {
            Some(wait) => template.set_delay(wait),
            None => template,
        }
    }
}

/// Answers a request under `/v0/`.
pub(super) fn answer(shared: &Arc<Shared>, request: &Request) -> Answer {
    let at = shared.clock.now();
    let path: String = request.url.path().chars().take(256).collect();
    let mut state = shared.state();
    let call = Call::of(request);
    if let Some(token) = &shared.airtable_judge
        && bearer(request) == Some(token)
    {
        return Answer::Send(judged(shared, &mut state, &call).template());
    }
    let reply = decide(shared, &mut state, &call, request);
    let (method, status) = (call.method, reply.as_ref().map(|r| r.status));
    state.airtable.requests.note(AirtableRequest { at, method, path, status });
    match reply {
        Some(reply) => Answer::Send(reply.template()),
        None => Answer::Drop,
    }
}

fn bearer(request: &Request) -> Option<&str> {
    let given = request.headers.get("authorization").and_then(|v| v.to_str().ok());
    given.and_then(|v| v.strip_prefix("Bearer ")).map(str::trim)
}

/// A judge's look: the records as they are, whatever is armed.
fn judged(shared: &Shared, state: &mut State, call: &Call) -> Reply {
    let done = match call.on() {
        on @ On::AirtableRead => route(shared, &mut state.airtable, call, on, &[]),
        _ => Err(Refusal::no_permission()),
    };
    done.map_or_else(|refusal| refusal.reply(), |done| Reply::json(200, &done.body))
}

/// What becomes of a request; nothing: the connection is dropped.
fn decide(shared: &Shared, state: &mut State, call: &Call, request: &Request) -> Option<Reply> {
    let on = call.on();
    let of_base = call.base() == Some(shared.airtable_base.as_str());
    let keeps_pace = !of_base || {
        let (came, passes) = state.airtable.rate.take(shared.clock.boot());
        let most = &mut state.airtable.requests.max_per_second;
        *most = came.max(*most);
        passes
    };
    let subject =
        Subject { on: Some(on), method: Some(&call.method), path: Some(request.url.path()), ..Subject::default() };
    if state.faults.hit(&[FaultKind::Away, FaultKind::DropBeforeAccept], subject, &shared.ids).is_some() {
        return None;
    }
    if let Err(refusal) = may_ask(shared, call, request, keeps_pace) {
        return Some(refusal.reply());
    }
    const KINDS: &[FaultKind] = &[
        FaultKind::Refuse,
        FaultKind::DropAfterAccept,
        FaultKind::Hidden500,
        FaultKind::AnswerLate,
        FaultKind::Delay,
        FaultKind::Truncate,
    ];
    let fault = state.faults.hit(KINDS, subject, &shared.ids);
    match &fault {
        Some(f) if f.kind == FaultKind::Refuse => {
            return Some(Reply { retry_after: f.retry_after, ..Refusal::by(f, on).reply() });
        }
        Some(f) if f.kind == FaultKind::Hidden500 => {
            if chance(f.coin.unwrap_or(0.5), &shared.ids) {
                let _ = carry_out(shared, state, call, on, subject);
            }
            return Some(Refusal::silent(500, "SERVER_ERROR").reply());
        }
        _ => {}
    }
    let done = carry_out(shared, state, call, on, subject);
    let mut reply = done.map_or_else(|refusal| refusal.reply(), |body| Reply::json(200, &body));
    let Some(fault) = fault else { return Some(reply) };
    match fault.kind {
        FaultKind::DropAfterAccept => return None,
        FaultKind::Truncate => {
            let half = reply.body.len() / 2;
            reply.body.truncate(fault.at.and_then(|n| usize::try_from(n).ok()).unwrap_or(half));
        }
        _ => reply.wait = Some(fault.delay_ms.map_or(LATE, Duration::from_millis)),
    }
    Some(reply)
}

fn may_ask(shared: &Shared, call: &Call, request: &Request, keeps_pace: bool) -> Result<(), Refusal> {
    if bearer(request) != Some(shared.airtable_token.as_str()) {
        return Err(Refusal::new(401, "AUTHENTICATION_REQUIRED", "Authentication required"));
    }
    if !keeps_pace {
        return Err(Refusal::too_many());
    }
    if call.body.len() > BODY_MAX {
        return Err(Refusal::silent(413, "REQUEST_BODY_TOO_LARGE"));
    }
    if request.url.as_str().len() > URL_MAX {
        return Err(Refusal::silent(414, "REQUEST_URI_TOO_LONG"));
    }
    Ok(())
}

/// Does what is asked, whole or not at all, with the fields that a fault takes away out of sight.
fn carry_out(shared: &Shared, state: &mut State, call: &Call, on: On, subject: Subject<'_>) -> Result<Value, Refusal> {
    let missing = state.faults.hit_all(FaultKind::FieldMissing, subject, &shared.ids);
    let poisons = if on == On::AirtableWrite { state.faults.standing(FaultKind::Poison, subject) } else { Vec::new() };
    let hidden = hide(&mut state.airtable.base.schema, &missing);
    let done = route(shared, &mut state.airtable, call, on, &poisons);
    show_again(&mut state.airtable.base.schema, &hidden);
    let done = match done {
        Ok(done) => done,
        Err(refusal) => {
            if let Some(id) = refusal.by {
                state.faults.count(id);
            }
            return Err(refusal);
        }
    };
    if let Some(mut change) = done.change {
        if let Some(schema) = &mut change.schema {
            show_again(schema, &hidden);
        }
        commit(state, change)?;
    }
    Ok(done.body)
}

/// Writes a change into the journal, then makes it true.
fn commit(state: &mut State, change: Change) -> Result<(), Refusal> {
    if change == Change::default() {
        return Ok(());
    }
    state.ledger.append(&LineRef::Airtable(&change)).map_err(|e| {
        tracing::error!(error = %e, "the sandbox's ledger cannot be written: the base was not changed");
        Refusal::new(500, "SERVER_ERROR", "the sandbox cannot write its ledger")
    })?;
    state.airtable.base.apply(change);
    Ok(())
}

/// A field that is out of sight: its table's id, its place, itself.
type Hidden = Vec<(String, usize, base::Field)>;

/// Takes the fields out of the schema. A primary field stays: no base can lose it.
fn hide(schema: &mut Schema, faults: &[Fault]) -> Hidden {
    let mut hidden = Hidden::new();
    for fault in faults {
        for table in &mut schema.tables {
            let other = |t: &String| *t != table.name && *t != table.id;
            let named = |f: &base::Field| fault.field.as_deref().is_some_and(|n| n == f.name || n == f.id);
            if fault.table.as_ref().is_some_and(other) {
                continue;
            }
            let at = table.fields.iter().position(|f| named(f) && f.id != table.primary_field_id);
            if let Some(at) = at {
                hidden.push((table.id.clone(), at, table.fields.remove(at)));
            }
        }
    }
    hidden
}

fn show_again(schema: &mut Schema, hidden: &Hidden) {
    for (table, at, field) in hidden.iter().rev() {
        if let Some(table) = schema.tables.iter_mut().find(|t| t.id == *table) {
            table.fields.insert((*at).min(table.fields.len()), field.clone());
        }
    }
}

fn route(
    shared: &Shared,
    airtable: &mut Airtable,
    call: &Call,
    on: On,
    poisons: &[(u64, Fault)],
) -> Result<Done, Refusal> {
    let Airtable { base, iterators, .. } = airtable;
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    if let ["meta", rest @ ..] = segments.as_slice() {
        return schema::answer(shared, base, rest, call);
    }
    let (&[id, table], rest) = segments.split_first_chunk::<2>().ok_or_else(Refusal::not_found)?;
    if id != shared.airtable_base || base.schema.permission == Permission::None {
        return Err(Refusal::no_model());
    }
    let writes = on == On::AirtableWrite;
    schema::scope(&base.schema, if writes { WRITE_RECORDS } else { READ_RECORDS })?;
    let table = base.schema.table(table).ok_or_else(Refusal::no_model)?;
    if writes && base.schema.permission < Permission::Edit {
        return Err(Refusal::no_permission());
    }
    match (call.method.as_str(), rest) {
        ("GET", []) | ("POST", ["listRecords"]) => list::list(shared, base, iterators, table, call),
        ("GET", [id]) => records::get(base, table, id, call),
        ("POST", []) => records::write(shared, base, table, None, call, poisons),
        ("PATCH" | "PUT", []) => records::write(shared, base, table, None, call, poisons),
        ("PATCH" | "PUT", [id]) => records::write(shared, base, table, Some(id), call, poisons),
        ("DELETE", []) => records::delete(base, table, None, call),
        ("DELETE", [id]) => records::delete(base, table, Some(id), call),
        _ => Err(Refusal::not_found()),
    }
}

/// Does something by hand; what is told of it, e.g. the id of what was made.
///
/// # Errors
/// What is wrong with it; nothing was changed.
pub(super) fn by_hand(shared: &Shared, action: StaffAction) -> Result<Value, String> {
    let mut state = shared.state();
    match &action {
        StaffAction::Reset => {
            state.airtable.rate.reset();
            state.airtable.iterators.expire();
            state.airtable.requests = AirtableRequests::default();
        }
        StaffAction::ExpireOffsets => state.airtable.iterators.expire(),
        StaffAction::EndPause => state.airtable.rate.reset(),
        _ => {}
    }
    let said = |r: Refusal| format!("{}: {}", r.kind, r.message.unwrap_or_default());
    let (change, told) = staff::change(shared, &state.airtable.base, action).map_err(said)?;
    commit(&mut state, change).map_err(said)?;
    Ok(told)
}
