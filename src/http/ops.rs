//! `/health`, `/livez`, `/readyz`: earned by a real write and a real pass, and looked up at most once a second, so that
//! whoever polls them cannot load the disk.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use tracing::warn;

use crate::config::{WAKES_NOBODY, empty_roles, no_last_resort};
use crate::domain::ClockOffset;
use crate::domain::count::counted;
use crate::domain::provider_clock::OFFSET_ALARM;
use crate::engine::duty::{ESSENTIAL_MAX, Rank};
use crate::engine::heartbeats::DutyLine;
use crate::engine::still::stand_still;
use crate::store::Figures;

use super::problem::Problem;
use super::request::json as json_answer;
use super::snapshot::HealthCache;
use super::state::HttpState;

/// How long what was found out is shown.
const FRESH: Duration = Duration::from_secs(1);
/// A store that takes longer is not well.
const PROBE_MAX: Duration = Duration::from_secs(2);
/// A due step that is still waiting after this long is late.
const LATE: Duration = Duration::from_secs(30);
/// A leader that was not seen for longer is none.
const LEADER_SILENT: Duration = Duration::from_secs(10);
/// What waits for the mirror for longer than this is worth a look.
const MIRROR_LATE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum HealthStatus {
    Ok,
    Degraded,
    Failing,
}

impl HealthStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
        }
    }
}

struct Check {
    name: &'static str,
    status: HealthStatus,
    detail: Option<String>,
}

impl Check {
    fn new(name: &'static str, status: HealthStatus, detail: impl Into<String>) -> Self {
        Self { name, status, detail: Some(detail.into()) }
    }

    fn ok(name: &'static str) -> Self {
        Self { name, status: HealthStatus::Ok, detail: None }
    }

    fn document(&self) -> Value {
        let mut document = json!({ "name": self.name, "status": self.status.as_str() });
        if let (Some(map), Some(detail)) = (document.as_object_mut(), &self.detail) {
            map.insert("detail".into(), detail.as_str().into());
        }
        document
    }
}

/// The process answers.
pub(super) async fn live(State(state): State<Arc<HttpState>>) -> Response {
    json_answer(StatusCode::OK, &json!({ "status": "ok", "mode": state.settings.mode }))
}

/// The store takes writes and the scheduler runs.
pub(super) async fn ready(State(state): State<Arc<HttpState>>) -> Result<Response, Problem> {
    let snapshot = look(&state).await?;
    let checks = essential(&state, &snapshot);
    let ready = all_work(&state, &checks);
    let (code, word) = if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "failing") };
    let checks: Vec<Value> = checks.iter().map(Check::document).collect();
    let mut document = json!({ "status": word, "mode": state.settings.mode, "checks": checks });
    if let (true, Some(map)) = (state.settings.is_shared, document.as_object_mut()) {
        map.insert("role".into(), role(&state).into());
        map.insert("leader".into(), leader_document(&snapshot));
    }
    Ok(json_answer(code, &document))
}

impl HttpState {
    /// Whether this process need not be restarted. On a file: the store takes writes and the scheduler runs, at most a second old: what
    /// `/readyz` says, but for the place of the store's file, which a restart would not mend: it would end what is still open. On a
    /// server that several share: it lives, and no loop of it hangs; that the server is away would end every replica at once, and none
    /// of them can mend it.
    pub async fn works(self: &Arc<Self>) -> bool {
        if beside_trouble(self).is_some() {
            return false;
        }
        if self.settings.is_shared {
            return !self.has_hanging_loops();
        }
        let checks = |snapshot: &HealthCache| [store(snapshot), engine(self, snapshot)];
        look(self).await.is_ok_and(|snapshot| all_work(self, &checks(&snapshot)))
    }
}

fn essential(state: &HttpState, snapshot: &HealthCache) -> [Check; 2] {
    [store_in_place(state, snapshot), engine(state, snapshot)]
}

/// A listener that stops takes no new work.
fn all_work(state: &HttpState, checks: &[Check]) -> bool {
    checks.iter().all(|c| c.status != HealthStatus::Failing) && !state.closing.is_cancelled()
}

/// The document of health.
pub(super) async fn health(State(state): State<Arc<HttpState>>) -> Result<Response, Problem> {
    let snapshot = look(&state).await?;
    let checks = checks(&state, &snapshot);
    let status = checks.iter().map(|c| c.status).max().unwrap_or(HealthStatus::Failing);
    let code = if status == HealthStatus::Failing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let uptime = state.core.clock.boot().saturating_sub(state.started);
    let mut document = json!({
        "status": status.as_str(),
        "timestamp": state.core.clock.now(),
        "service": "dispatchctl",
        "version": env!("CARGO_PKG_VERSION"),
        "mode": state.settings.mode,
        "role": role(&state),
        "uptimeSeconds": uptime.as_secs(),
        "metrics": metrics(&state, &snapshot),
        "checks": checks.iter().map(Check::document).collect::<Vec<_>>(),
        "duties": duties(&state).iter().map(duty_document).collect::<Vec<_>>(),
    });
    if let (true, Some(map)) = (state.settings.is_shared, document.as_object_mut()) {
        map.insert("leader".into(), leader_document(&snapshot));
        map.insert("replicas".into(), snapshot.replicas.into());
    }
    Ok(json_answer(code, &document))
}

/// What each duty of the engine, and each loop beside it, reports of itself now.
pub(super) fn duties(state: &HttpState) -> Vec<DutyLine> {
    let boot = state.core.clock.boot();
    let mut lines = state.engine().map(|e| e.heartbeats.lines(boot)).unwrap_or_default();
    lines.extend(state.core.beside.lines(boot));
    lines
}

/// The loops beside the engine's duties that stand still and are essential.
fn beside_trouble(state: &HttpState) -> Option<String> {
    let lines = state.core.beside.lines(state.core.clock.boot());
    let still = |l: &&DutyLine| l.rank == Rank::Essential && (l.is_still || l.is_dying);
    let names: Vec<&str> = lines.iter().filter(still).map(|l| l.name.as_str()).collect();
    stand_still(&names)
}

fn duty_document(duty: &DutyLine) -> Value {
    let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    json!({
        "name": duty.name,
        "lastPassAgoMs": duty.since_pass.map(ms),
        "lastError": duty.last_error.as_ref().map(|(_, why)| why),
        "lastErrorAgoMs": duty.last_error.as_ref().map(|(ago, _)| ms(*ago)),
        "restarts": duty.restarts,
        "isStill": duty.is_still || duty.is_dying,
    })
}

fn metrics(state: &HttpState, snapshot: &HealthCache) -> Value {
    let now = state.core.clock.now();
    let f = snapshot.figures.clone().unwrap_or_default();
    let (refused, refused_own) = state.refusals.counts();
    let tick = since_tick(state).map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    json!({
        "activeRetries": f.active_retries,
        "pendingDispatches": f.pending_dispatches,
        "overdueFollowUps": f.overdue,
        "unknownOutcomes": f.unknown_outcomes,
        "awaitingFinalStatus": f.awaiting_final,
        "consecutiveFailures": f.consecutive_failures,
        "failedLastHour": f.failed_last_hour,
        "outboxDepth": f.outbox_depth,
        "outboxOldestSeconds": f.outbox_oldest.map_or(0, |at| now.since(at).as_secs()),
        "lastTickAgoMs": tick,
        "openAlerts": f.alerts,
        "openBreakers": f.open_breakers,
        "clockOffsetMs": clock_offset(state).map(ClockOffset::ms),
        "refusedCallbacks": refused,
        "refusedOwnCallbacks": refused_own,
    })
}

fn checks(state: &HttpState, snapshot: &HealthCache) -> Vec<Check> {
    let mut checks = vec![store_in_place(state, snapshot), engine(state, snapshot), twilio(state, snapshot)];
    let figures = snapshot.figures.as_ref();
    if state.settings.airtable {
        checks.push(airtable(state, figures));
    }
    if let Some(offset) = clock_offset(state) {
        checks.push(if offset.is_over(OFFSET_ALARM) {
            Check::new("clock", HealthStatus::Degraded, offset.shown())
        } else {
            Check::ok("clock")
        });
    }
    checks.push(fixtures(state));
    checks.extend(sinks(state));
    checks.extend(replicas(snapshot));
    let differ = state.settings_differ();
    if !differ.is_empty() {
        let said =
            format!("the configuration of this replica is not the one in force: it differs in {}", differ.join(", "));
        checks.push(Check::new("settings", HealthStatus::Degraded, said));
    }
    if let Some(still) = beside_trouble(state) {
        checks.push(Check::new(
            "beside",
            HealthStatus::Failing,
            format!("{still}: the service manager restarts this process"),
        ));
    }
    if state.has_hanging_loops() {
        checks.push(Check::new(
            "loops",
            HealthStatus::Degraded,
            "loops of an earlier term do not end: restart this process",
        ));
    }
    checks.extend(standing_still(&duties(state)));
    if let Some(trouble) = state.refusals.trouble() {
        checks.push(Check::new("webhooks", HealthStatus::Degraded, trouble));
    }
    if let Some(open) = figures.map(|f| f.alerts).filter(|n| *n > 0) {
        checks.push(Check::new("alerts", HealthStatus::Degraded, format!("{open} open")));
    }
    checks
}

const ALONE: &str = "nobody stands by: where this process ends, nobody takes its work over";

/// No sink of alerts, or none that wakes anybody while the provider of texts is away: said, and no trouble of the moment.
fn sinks(state: &HttpState) -> Option<Check> {
    let sinks = state.engine()?.sinks();
    if state.settings.mode == "test" && sinks.is_empty() {
        // A drill has none.
        return None;
    }
    let said = match sinks.as_slice() {
        [] => "no alert sink is configured: nobody is told when a person must act",
        all if !all.iter().any(|s| s.wakes) => WAKES_NOBODY,
        _ => return Some(Check::ok("sinks")),
    };
    Some(Check::new("sinks", HealthStatus::Ok, said))
}

/// Nobody would take over: said, and no trouble of the moment.
fn replicas(snapshot: &HealthCache) -> Option<Check> {
    match snapshot.replicas? {
        0 | 1 => Some(Check::new("replicas", HealthStatus::Ok, ALONE)),
        _ => Some(Check::ok("replicas")),
    }
}

/// Roles that nobody holds and a last resort that nobody is: said, and no trouble of the moment.
fn fixtures(state: &HttpState) -> Check {
    let directory = state.core.directory();
    let said: Vec<String> =
        empty_roles(&directory).into_iter().map(|role| role.said).chain(no_last_resort(&directory)).collect();
    if said.is_empty() { Check::ok("people") } else { Check::new("people", HealthStatus::Ok, said.join("; ")) }
}

/// Duties that have not passed for too long; the essential ones are the scheduler's check.
fn standing_still(duties: &[DutyLine]) -> Option<Check> {
    let still: Vec<&str> = duties
        .iter()
        .filter(|d| (d.is_still || d.is_dying) && d.rank == Rank::Other)
        .map(|d| d.name.as_str())
        .collect();
    stand_still(&still).map(|said| Check::new("duties", HealthStatus::Degraded, said))
}

/// Rows that wait for long, that were given up or are not proven, and what the base itself says.
fn airtable(state: &HttpState, figures: Option<&Figures>) -> Check {
    let now = state.core.clock.now();
    let mirror = state.engine().map(|e| e.mirror()).unwrap_or_default();
    let oldest = figures.and_then(|f| f.outbox_oldest).map(|at| now.since(at));
    let mut said = Vec::new();
    if let Some(waits) = oldest.filter(|waits| *waits > MIRROR_LATE + mirror.patience) {
        said.push(format!("rows wait, the oldest for {} s", waits.as_secs()));
    }
    if let Some(until) = mirror.billing_until {
        said.push(format!("the month's requests are used up, tried again at {until}"));
    } else if let Some(until) = mirror.resting_until {
        said.push(format!("requests rest until {until}"));
    }
    if mirror.parked > 0 {
        let were = if mirror.parked == 1 { "was" } else { "were" };
        said.push(format!("{} {were} given up: see `dispatchctl verify-events`", counted(mirror.parked, "row")));
    }
    said.extend(mirror.trouble);
    if said.is_empty() {
        return Check::ok("airtable");
    }
    if mirror.unverified > 0 {
        let are = if mirror.unverified == 1 { "is" } else { "are" };
        said.push(format!("{} {are} not read back", counted(mirror.unverified, "row")));
    }
    Check::new("airtable", HealthStatus::Degraded, said.join("; "))
}

/// The file is looked for at once, not as of the last look at the store.
fn store_in_place(state: &HttpState, snapshot: &HealthCache) -> Check {
    let place = state.core.store.place();
    let Some(what) = place.trouble() else { return store(snapshot) };
    let copy = state.engine().and_then(|e| e.file_watch.copy());
    let copy =
        copy.map_or_else(|| "there is no copy yet".to_owned(), |at| format!("a copy is kept at {}", at.display()));
    Check::new("store", HealthStatus::Failing, format!("{what}; {copy}"))
}

fn store(snapshot: &HealthCache) -> Check {
    match (snapshot.writable, &snapshot.figures) {
        (false, _) => Check::new("store", HealthStatus::Failing, "it does not take writes"),
        (true, None) => Check::new("store", HealthStatus::Failing, "it cannot be read"),
        (true, Some(_)) => Check::ok("store"),
    }
}

/// What this process does for the store.
fn role(state: &HttpState) -> Option<&'static str> {
    match (state.engine(), state.settings.is_shared) {
        (Some(_), false) => Some("engine"),
        (Some(_), true) => Some("leader"),
        (None, true) => Some("standby"),
        (None, false) => None,
    }
}

/// Who holds the lease of a store that several share.
fn leader_document(snapshot: &HealthCache) -> Value {
    let Some(h) = snapshot.leader.as_ref().filter(|h| h.host.is_some()) else { return Value::Null };
    let ago = h.silent_for.map(|ago| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX));
    json!({ "role": h.role, "host": h.host, "pid": h.pid, "beatAgoMs": ago })
}

/// Whether somebody does the engine's work: here, or seen from here.
fn engine(state: &HttpState, snapshot: &HealthCache) -> Check {
    const NAME: &str = "engine";
    if !state.settings.is_shared {
        return scheduler(state, snapshot);
    }
    let leader = snapshot.leader.as_ref();
    let silent = leader.and_then(|h| h.silent_for).filter(|ago| *ago > LEADER_SILENT);
    match (state.engine(), leader, silent) {
        (_, Some(h), Some(ago)) => {
            Check::new(NAME, HealthStatus::Degraded, format!("no sign of life of {h} for {} s", ago.as_secs()))
        }
        (Some(_), ..) if state.has_just_become_engine() => Check::new(NAME, HealthStatus::Ok, "begins its work"),
        (Some(_), ..) => scheduler(state, snapshot),
        (None, Some(h), None) => Check::new(NAME, HealthStatus::Ok, format!("stands by: {h} is the engine")),
        (None, None, _) => Check::new(NAME, HealthStatus::Degraded, "no process is the engine"),
    }
}

/// Why nothing follows up now, for people; `None`: somebody does the engine's work.
pub(super) async fn engine_trouble(state: &HttpState) -> Option<String> {
    if let (true, None) = (state.settings.is_shared, state.engine()) {
        let leader = tokio::time::timeout(PROBE_MAX, state.core.store.lease_holder()).await;
        let leader = leader.ok().and_then(Result::ok).flatten();
        return match leader {
            None => Some("no process is the engine".to_owned()),
            Some(h) => h
                .silent_for
                .filter(|ago| *ago > LEADER_SILENT)
                .map(|ago| format!("no sign of life of {h} for {} s", ago.as_secs())),
        };
    }
    match since_tick(state) {
        None => Some("it has not begun".to_owned()),
        Some(ago) if ago > ESSENTIAL_MAX => Some(format!("its last pass was {} s ago", ago.as_secs())),
        Some(_) => None,
    }
}

fn scheduler(state: &HttpState, snapshot: &HealthCache) -> Check {
    const NAME: &str = "scheduler";
    let now = state.core.clock.now();
    let late = snapshot.figures.as_ref().and_then(|f| f.oldest_due).map(|due| now.since(due)).filter(|d| *d > LATE);
    let pending = snapshot.figures.as_ref().map_or(0, |f| f.pending_dispatches);
    match since_tick(state) {
        None => Check::new(NAME, HealthStatus::Failing, "no pass yet"),
        Some(ago) if ago > ESSENTIAL_MAX => {
            Check::new(NAME, HealthStatus::Failing, format!("the last pass was {} s ago", ago.as_secs()))
        }
        Some(_) if late.is_some() => Check::new(NAME, HealthStatus::Degraded, "follow-ups are late"),
        Some(_) if pending > 0 => Check::new(NAME, HealthStatus::Degraded, "calls wait for nothing"),
        Some(_) => Check::ok(NAME),
    }
}

fn twilio(state: &HttpState, snapshot: &HealthCache) -> Check {
    let shut = snapshot.figures.as_ref().map_or(0, |f| f.open_breakers);
    if shut > 0 {
        Check::new(
            "twilio",
            HealthStatus::Degraded,
            format!("{} open: see `dispatchctl breaker list`", counted(shut, "breaker")),
        )
    } else if state.settings.account_sid.is_empty() {
        Check::new("twilio", HealthStatus::Degraded, "not configured: nothing can be sent")
    } else if !state.settings.callbacks {
        Check::new("twilio", HealthStatus::Degraded, "no callbacks: polling only")
    } else {
        Check::ok("twilio")
    }
}

/// How far our clock is ahead of the provider's; `None` before anything was measured.
fn clock_offset(state: &HttpState) -> Option<ClockOffset> {
    match state.engine() {
        Some(engine) => engine.provider_offset(),
        None => state.core.provider_clock().offset,
    }
}

/// How long ago those passed who fire and who send, whichever waits longer; `None` before their first pass, or without an engine.
fn since_tick(state: &HttpState) -> Option<Duration> {
    state.engine()?.heartbeats.since_essential(state.core.clock.boot())
}

/// What is known of the store, at most [`FRESH`] old. The look is a task of its own: a client that hangs up at once cannot
/// cause one after another.
pub(super) async fn look(state: &Arc<HttpState>) -> Result<HealthCache, Problem> {
    let state = state.clone();
    let looked = tokio::spawn(async move {
        let mut kept = state.snapshot.lock().await;
        let clock = &state.core.clock;
        if let Some(known) = kept.as_ref().filter(|s| clock.boot().saturating_sub(s.at) < FRESH) {
            return known.clone();
        }
        let writable = match tokio::time::timeout(PROBE_MAX, state.core.store.probe(clock.now())).await {
            Ok(Ok(_)) => true,
            Ok(Err(e)) => {
                warn!(error = %e, "health: the store does not take writes");
                false
            }
            Err(_) => {
                warn!("health: the store does not answer");
                false
            }
        };
        let store = &state.core.store;
        let (figures, leader, replicas) = tokio::join!(
            tokio::time::timeout(PROBE_MAX, store.figures(clock.now())),
            tokio::time::timeout(PROBE_MAX, store.lease_holder()),
            tokio::time::timeout(PROBE_MAX, store.replicas()),
        );
        let figures = figures.ok().and_then(|f| f.inspect_err(|e| warn!(error = %e, "health: no figures")).ok());
        let leader = leader.ok().and_then(Result::ok).flatten();
        let replicas = replicas.ok().and_then(Result::ok).flatten();
        let found = HealthCache { at: clock.boot(), writable, figures, leader, replicas };
        *kept = Some(found.clone());
        found
    });
    looked.await.map_err(|e| Problem::internal(&e))
}
