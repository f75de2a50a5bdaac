//! The handles under `/_sandbox/`: ledger, faults, people, replies, forged callbacks, voice agents and the Airtable base by hand. JSON in, JSON out, no password:
//! it listens on loopback and holds nobody's data.
//!
//! `reply` and `forge` answer with what the webhook answered, so the sandbox serves nothing else meanwhile (16 s at most):
//! wiremock hands out one answer at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use super::account_faults::AccountFaults;
use super::agents;
use super::airtable::{self, BaseAdminAction};
use super::answer::Response;
use super::callbacks::{self, Posted};
use super::faults::Fault;
use super::identity;
use super::ledger::LedgerEntry;
use super::people::{self, ReplyNow};
use super::person::Person;
use super::relay::RelayDoes;
use super::sinks;
use super::state::Shared;
use super::target::Target;
use super::voice::{self, CallEntry, PhoneScript};
use crate::clock::Clock as _;

/// The largest request body that is read.
const BODY_MAX: usize = 1024 * 1024;
/// The furthest that the provider's clock is set apart: a year.
const APART_MS_MAX: u64 = 366 * 24 * 3_600 * 1_000;

/// Answers a request under `/_sandbox/`.
pub(super) fn answer(shared: &Arc<Shared>, request: &Request) -> Response {
    if let Some(answer) = Some(request).filter(|r| is_alert(r)).and_then(|r| sinks::answer(shared, r)) {
        return Response::Send(answer);
    }
    let (status, body) = match route(shared, request) {
        Ok(done) => done,
        Err((status, problem)) => (status, json!({ "error": problem })),
    };
    let answer = ResponseTemplate::new(status);
    Response::Send(if body.is_null() {
        answer
    } else {
        answer.set_body_raw(body.to_string().into_bytes(), "application/json")
    })
}

fn is_alert(request: &Request) -> bool {
    request.method.as_str() == "POST" && request.body.len() <= BODY_MAX && request.url.path().starts_with(sinks::PATH)
}

type ControlAnswer = Result<(u16, Value), (u16, String)>;

fn route(shared: &Arc<Shared>, request: &Request) -> ControlAnswer {
    if request.body.len() > BODY_MAX {
        return Err((413, format!("a body is at most {BODY_MAX} bytes long")));
    }
    match (request.method.as_str(), request.url.path()) {
        ("GET", "/_sandbox/health") => Ok((200, json!({ "status": "ok", "service": "dispatchctl-sandbox" }))),
        ("GET", "/_sandbox/identity") => identity(shared, request),
        ("GET", "/_sandbox/ledger") => Ok((200, ledger(shared))),
        ("GET", "/_sandbox/faults") => Ok((200, json!({ "faults": shared.state().faults.list() }))),
        ("POST", "/_sandbox/faults") => add_faults(shared, request),
        ("DELETE", "/_sandbox/faults") => {
            shared.state().faults.clear();
            Ok((204, Value::Null))
        }
        ("POST", "/_sandbox/people") => set_people(shared, request),
        ("POST", "/_sandbox/reply") => reply(shared, request),
        ("POST", "/_sandbox/key") => {
            let own = shared.clone();
            let asked = parse(request)?;
            voice::press_now(&own, asked).map(|done| (200, done)).map_err(|e| (409, e))
        }
        ("POST", "/_sandbox/hang-up") => {
            voice::hang_up_now(shared, &parse(request)?).map(|done| (200, done)).map_err(|e| (409, e))
        }
        ("POST", "/_sandbox/forge") => forge(shared, request),
        ("GET", "/_sandbox/airtable") => Ok((200, shared.state().airtable.shown())),
        ("POST", "/_sandbox/airtable") => by_hand(shared, request),
        ("GET", "/_sandbox/mails") => Ok((200, shared.state().relay.shown())),
        ("POST", "/_sandbox/relay") => relay(shared, request),
        ("GET", "/_sandbox/agents") => Ok((200, shared.state().agents.shown())),
        ("POST", "/_sandbox/agents") => {
            agents::act(shared, &request.body).map(|done| (200, done)).map_err(|e| (400, e))
        }
        ("GET", "/_sandbox/alerts") => Ok((200, shared.state().sinks.shown())),
        ("POST", "/_sandbox/settings") => settings(shared, request),
        (method, path) => Err((404, format!("{method} {path} is not one of the sandbox's controls"))),
    }
}

fn parse<T: DeserializeOwned>(request: &Request) -> Result<T, (u16, String)> {
    serde_json::from_slice(&request.body).map_err(|e| (400, e.to_string()))
}

/// One, or a list of them.
fn one_or_many<T: DeserializeOwned>(request: &Request) -> Result<Vec<T>, (u16, String)> {
    let body: Value = parse(request)?;
    let items = match body {
        Value::Array(items) => items,
        one => vec![one],
    };
    items.into_iter().map(|i| serde_json::from_value(i).map_err(|e| (400, e.to_string()))).collect()
}

fn identity(shared: &Shared, request: &Request) -> ControlAnswer {
    let proofs = identity::proofs(shared, request.url.query().unwrap_or_default()).map_err(|e| (400, e))?;
    Ok((200, json!(proofs)))
}

fn ledger(shared: &Shared) -> Value {
    let mut all = texts(shared);
    let callbacks = json!(shared.state().callbacks);
    if let Some(map) = all.as_object_mut() {
        map.insert("callbacks".into(), callbacks);
    }
    all
}

/// The ledger without its callbacks.
pub(super) fn texts(shared: &Shared) -> Value {
    let state = shared.state();
    json!({
        "messages": state.messages.iter().map(LedgerEntry::from).collect::<Vec<_>>(),
        "calls": state.calls.iter().map(CallEntry::from).collect::<Vec<_>>(),
        "mails": state.relay.mails(),
        "vainLists": state.vain_lists,
        "since": shared.started,
        "violations": state.violations,
        "violationsTotal": state.violations_total,
        "requests": state.counts,
    })
}

fn add_faults(shared: &Arc<Shared>, request: &Request) -> ControlAnswer {
    let faults: Vec<Fault> = one_or_many(request)?;
    let ids: Result<Vec<u64>, String> = faults.into_iter().map(|f| shared.add_fault(f)).collect();
    Ok((201, json!({ "ids": ids.map_err(|e| (400, e))? })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RelayNow {
    does: RelayDoes,
    times: Option<usize>,
}

fn relay(shared: &Shared, request: &Request) -> ControlAnswer {
    let RelayNow { does, times } = parse(request)?;
    shared.state().relay.set(does, times);
    Ok((204, Value::Null))
}

fn set_people(shared: &Shared, request: &Request) -> ControlAnswer {
    let people: Vec<Person> = one_or_many(request)?;
    people.iter().flat_map(|p| &p.calls).try_for_each(PhoneScript::check).map_err(|e| (400, e))?;
    let mut state = shared.state();
    for person in people {
        state.people.insert(person.phone.clone(), person);
    }
    Ok((200, json!({ "people": state.people.len() })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    #[serde(default, deserialize_with = "given")]
    inbound_url: Option<Option<String>>,
    /// Where a `serve` that starts takes replies; one that was chosen stands.
    served_at: Option<String>,
    pace_ms: Option<u64>,
    /// How long a second of a phone call takes.
    call_second_ms: Option<u64>,
    /// How many phone calls leave the queue in a second; 0: any number.
    calls_per_second: Option<u32>,
    /// What is wrong with the account.
    account: Option<AccountFaults>,
    /// The provider's clock less the machine's.
    clock_apart_ms: Option<i64>,
    /// Airtable: how long everything is refused after one request too many.
    airtable_pause_ms: Option<u64>,
    /// Airtable: requests a second; 0 takes any number.
    airtable_per_second: Option<usize>,
    /// Airtable: how long an offset can be used.
    airtable_offset_ms: Option<u64>,
    /// Another secret from now on: the one of before is refused at once.
    auth_token: Option<String>,
    /// The same, of the API key.
    api_secret: Option<String>,
    airtable_token: Option<String>,
}

/// Tells an explicit null (no webhook any more) from an absent field.
fn given<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(d).map(Some)
}

fn settings(shared: &Shared, request: &Request) -> ControlAnswer {
    let settings: Settings = parse(request)?;
    if let Some(url) = settings.inbound_url {
        shared.set_inbound_url(url).map_err(|e| (400, e))?;
    }
    shared.rotate(|secrets| {
        if let Some(token) = settings.auth_token {
            secrets.auth_token = token;
        }
        if let (Some(secret), Some(key)) = (settings.api_secret, &mut secrets.api_key) {
            key.1 = secret;
        }
        if let Some(token) = settings.airtable_token {
            secrets.airtable_token = token;
        }
    });
    if let Some(url) = settings.served_at.filter(|_| !shared.state().is_inbound_chosen) {
        shared.set_inbound_url(Some(url)).map_err(|e| (400, e))?;
        shared.state().is_inbound_chosen = false;
    }
    let mut state = shared.state();
    if let Some(ms) = settings.pace_ms {
        state.pace = Duration::from_millis(ms);
    }
    if let Some(ms) = settings.call_second_ms {
        state.call_second = Duration::from_millis(ms.clamp(1, 60_000));
    }
    if let Some(n) = settings.calls_per_second {
        state.calls_per_second = n;
    }
    if let Some(account) = settings.account {
        state.account = account;
    }
    if let Some(ms) = settings.clock_apart_ms {
        if ms.unsigned_abs() > APART_MS_MAX {
            return Err((400, format!("clockApartMs: at most {APART_MS_MAX} either way")));
        }
        state.apart_ms = ms;
    }
    if let Some(ms) = settings.airtable_pause_ms {
        state.airtable.rate.pause = Duration::from_millis(ms);
    }
    if let Some(n) = settings.airtable_per_second {
        state.airtable.rate.per_second = n;
    }
    if let Some(ms) = settings.airtable_offset_ms {
        state.airtable.iterators.live = Duration::from_millis(ms);
    }
    let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    let outcome = json!({
        "inboundUrl": state.inbound_url,
        "paceMs": ms(state.pace),
        "callSecondMs": ms(state.call_second),
        "callsPerSecond": state.calls_per_second,
        "clockApartMs": state.apart_ms,
        "airtablePauseMs": ms(state.airtable.rate.pause),
        "airtablePerSecond": state.airtable.rate.per_second,
        "airtableOffsetMs": ms(state.airtable.iterators.live),
    });
    Ok((200, outcome))
}

/// Actions are done in order, up to the first that cannot be.
fn by_hand(shared: &Shared, request: &Request) -> ControlAnswer {
    let actions: Vec<BaseAdminAction> = one_or_many(request)?;
    let mut outcome = Vec::with_capacity(actions.len());
    for action in actions {
        outcome.push(airtable::by_hand(shared, action).map_err(|e| (400, e))?);
    }
    Ok((200, json!({ "done": outcome })))
}

fn reply(shared: &Arc<Shared>, request: &Request) -> ControlAnswer {
    let message = people::reply_now(shared, parse::<ReplyNow>(request)?).map_err(|e| (400, e))?;
    let (sid, body) = (message.sid.clone(), message.body.clone());
    let own = shared.clone();
    let posted = wait(shared, async move { people::deliver(&own, &message).await })?;
    Ok((200, json!({ "sid": sid, "sent": body, "httpStatus": posted.http_status, "body": posted.body })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Forge {
    url: String,
    form: BTreeMap<String, String>,
    /// Sent as it is; without it there is no signature header.
    signature: Option<String>,
    /// Signs it with the real token: a true callback that tells a false or late story.
    #[serde(default)]
    sign: bool,
}

fn forge(shared: &Arc<Shared>, request: &Request) -> ControlAnswer {
    let forge: Forge = parse(request)?;
    let target = Target::parse(&forge.url).map_err(|e| (400, format!("url: {e}")))?;
    if !target.is_loopback() {
        return Err((400, "url: the sandbox calls loopback addresses only".into()));
    }
    let form: Vec<(String, String)> = forge.form.into_iter().collect();
    let signature = if forge.sign {
        Some(callbacks::sign(&shared.secrets().auth_token, target.signed_url(), &form))
    } else {
        forge.signature.filter(|s| s.bytes().all(|b| b.is_ascii_graphic()))
    };
    let own = shared.clone();
    let token = shared.ids.uuid(shared.clock.now()).to_string();
    let posted = wait(shared, async move {
        callbacks::post_once(&own, &target, &form, signature.as_deref(), &token, Duration::from_secs(15)).await
    })?;
    Ok((200, json!({ "httpStatus": posted.http_status, "body": posted.body })))
}

/// Waits for a webhook's answer.
fn wait(shared: &Shared, work: impl Future<Output = Posted> + Send + 'static) -> Result<Posted, (u16, String)> {
    callbacks::waited(shared, work).ok_or_else(|| (504, "the webhook did not answer within 16 s".into()))
}
