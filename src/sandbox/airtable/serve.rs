//! Who may ask, what a fault makes of it, and what is done: whole or not at all.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wiremock::Request;

use super::base::{Change, Field, Permission, READ_RECORDS, Schema, WRITE_RECORDS};
use super::base_admin::{self, BaseAdminAction};
use super::call::{AirtableAnswer, Call};
use super::kept::Airtable;
use super::limits::{AirtableRequest, AirtableRequests};
use super::refusal::{AirtableRefusal, AirtableReply};
use super::{list, records, schema};
use crate::clock::Clock as _;
use crate::sandbox::answer::Response;
use crate::sandbox::armed::Subject;
use crate::sandbox::faults::{Fault, FaultKind, On, chance};
use crate::sandbox::ledger::LineRef;
use crate::sandbox::state::{SandboxState, Shared};

const BODY_MAX: usize = 2 * 1024 * 1024;
/// The longest URL that is read; a longer list goes through `listRecords`.
const URL_MAX: usize = 16_000;
/// Late answers without a delay of their own come after this: later than any sensible client waits.
const LATE: Duration = Duration::from_secs(30);

/// Answers a request under `/v0/`.
pub(in crate::sandbox) fn answer(shared: &Arc<Shared>, request: &Request) -> Response {
    let at = shared.clock.now();
    let path: String = request.url.path().chars().take(256).collect();
    let mut state = shared.state();
    let call = Call::of(request);
    if let Some(token) = &shared.airtable_judge
        && bearer(request) == Some(token)
    {
        return Response::Send(judged(shared, &mut state, &call).template());
    }
    let reply = decide(shared, &mut state, &call, request);
    let (method, status) = (call.method, reply.as_ref().map(|r| r.status));
    state.airtable.requests.note(AirtableRequest { at, method, path, status });
    match reply {
        Some(reply) => Response::Send(reply.template()),
        None => Response::Drop,
    }
}

fn bearer(request: &Request) -> Option<&str> {
    let given = request.headers.get("authorization").and_then(|v| v.to_str().ok());
    given.and_then(|v| v.strip_prefix("Bearer ")).map(str::trim)
}

/// A judge's look: the records as they are, whatever is armed.
fn judged(shared: &Shared, state: &mut SandboxState, call: &Call) -> AirtableReply {
    let done = match call.on() {
        on @ On::AirtableRead => route(shared, &mut state.airtable, call, on, &[]),
        _ => Err(AirtableRefusal::no_permission()),
    };
    done.map_or_else(|refusal| refusal.reply(), |done| AirtableReply::json(200, &done.body))
}

/// What becomes of a request; nothing: the connection is dropped.
fn decide(shared: &Shared, state: &mut SandboxState, call: &Call, request: &Request) -> Option<AirtableReply> {
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
            return Some(AirtableReply { retry_after: f.retry_after, ..AirtableRefusal::by(f, on).reply() });
        }
        Some(f) if f.kind == FaultKind::Hidden500 => {
            if chance(f.coin.unwrap_or(0.5), &shared.ids) {
                let _ = carry_out(shared, state, call, on, subject);
            }
            return Some(AirtableRefusal::silent(500, "SERVER_ERROR").reply());
        }
        _ => {}
    }
    let done = carry_out(shared, state, call, on, subject);
    let mut reply = done.map_or_else(|refusal| refusal.reply(), |body| AirtableReply::json(200, &body));
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

fn may_ask(shared: &Shared, call: &Call, request: &Request, keeps_pace: bool) -> Result<(), AirtableRefusal> {
    if bearer(request) != Some(shared.secrets().airtable_token.as_str()) {
        return Err(AirtableRefusal::new(401, "AUTHENTICATION_REQUIRED", "Authentication required"));
    }
    if !keeps_pace {
        return Err(AirtableRefusal::too_many());
    }
    if call.body.len() > BODY_MAX {
        return Err(AirtableRefusal::silent(413, "REQUEST_BODY_TOO_LARGE"));
    }
    if request.url.as_str().len() > URL_MAX {
        return Err(AirtableRefusal::silent(414, "REQUEST_URI_TOO_LONG"));
    }
    Ok(())
}

/// Does what is asked, whole or not at all, with the fields that a fault takes away out of sight.
fn carry_out(
    shared: &Shared,
    state: &mut SandboxState,
    call: &Call,
    on: On,
    subject: Subject<'_>,
) -> Result<Value, AirtableRefusal> {
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
fn commit(state: &mut SandboxState, change: Change) -> Result<(), AirtableRefusal> {
    if change == Change::default() {
        return Ok(());
    }
    state.ledger.append(&LineRef::Airtable(&change)).map_err(|e| {
        tracing::error!(error = %e, "the sandbox's ledger cannot be written: the base was not changed");
        AirtableRefusal::new(500, "SERVER_ERROR", "the sandbox cannot write its ledger")
    })?;
    state.airtable.base.apply(change);
    Ok(())
}

/// A field that is out of sight: its table's id, its place, itself.
type Hidden = Vec<(String, usize, Field)>;

/// Takes the fields out of the schema. A primary field stays: no base can lose it.
fn hide(schema: &mut Schema, faults: &[Fault]) -> Hidden {
    let mut hidden = Hidden::new();
    for fault in faults {
        for table in &mut schema.tables {
            let other = |t: &String| *t != table.name && *t != table.id;
            let named = |f: &Field| fault.field.as_deref().is_some_and(|n| n == f.name || n == f.id);
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
) -> Result<AirtableAnswer, AirtableRefusal> {
    let Airtable { base, iterators, .. } = airtable;
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    if let ["meta", rest @ ..] = segments.as_slice() {
        return schema::answer(shared, base, rest, call);
    }
    let (&[id, table], rest) = segments.split_first_chunk::<2>().ok_or_else(AirtableRefusal::not_found)?;
    if id != shared.airtable_base || base.schema.permission == Permission::None {
        return Err(AirtableRefusal::no_model());
    }
    let writes = on == On::AirtableWrite;
    schema::scope(&base.schema, if writes { WRITE_RECORDS } else { READ_RECORDS })?;
    let table = base.schema.table(table).ok_or_else(AirtableRefusal::no_model)?;
    if writes && base.schema.permission < Permission::Edit {
        return Err(AirtableRefusal::no_permission());
    }
    match (call.method.as_str(), rest) {
        ("GET", []) | ("POST", ["listRecords"]) => list::list(shared, base, iterators, table, call),
        ("GET", [id]) => records::get(base, table, id, call),
        ("POST", []) => records::write(shared, base, table, None, call, poisons),
        ("PATCH" | "PUT", []) => records::write(shared, base, table, None, call, poisons),
        ("PATCH" | "PUT", [id]) => records::write(shared, base, table, Some(id), call, poisons),
        ("DELETE", []) => records::delete(base, table, None, call),
        ("DELETE", [id]) => records::delete(base, table, Some(id), call),
        _ => Err(AirtableRefusal::not_found()),
    }
}

/// Does something by hand; what is told of it, e.g. the id of what was made.
///
/// # Errors
/// What is wrong with it; nothing was changed.
pub(in crate::sandbox) fn by_hand(shared: &Shared, action: BaseAdminAction) -> Result<Value, String> {
    let mut state = shared.state();
    match &action {
        BaseAdminAction::Reset => {
            state.airtable.rate.reset();
            state.airtable.iterators.expire();
            state.airtable.requests = AirtableRequests::default();
        }
        BaseAdminAction::ExpireOffsets => state.airtable.iterators.expire(),
        BaseAdminAction::EndPause => state.airtable.rate.reset(),
        _ => {}
    }
    let said = |r: AirtableRefusal| format!("{}: {}", r.kind, r.message.unwrap_or_default());
    let (change, result) = base_admin::change(shared, &state.airtable.base, action).map_err(said)?;
    commit(&mut state, change).map_err(said)?;
    Ok(result)
}
