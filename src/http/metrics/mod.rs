//! `GET /metrics`: what a monitor watches, in the text format of Prometheus. Read from the store when it is asked for; nothing in it
//! names a person, a phone, a call or a text. On the full listener alone, by whoever may read everything.

pub(super) mod counters;
pub(super) mod names;
pub(super) mod oncall;
mod text;
pub(super) mod webhooks;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tracing::warn;

use crate::config::TokenScope;
use crate::domain::Timestamp;
use crate::domain::alert::AlertKind;
use crate::domain::breaker::{ACCOUNT, VOICE_ACCOUNT};
use crate::domain::mail::RELAY;
use crate::domain::team::Directory;
use crate::domain::types::Sender;
use crate::store::{AlertLine, Backlog, COMMIT_BOUNDS, CommitFigures, Figures, SinkLine, StoreError};

use self::counters::Counters;
use self::text::{Exposition, FamilyType, Histogram, MEDIA_TYPE, OTHER, as_f64, millis, moment};
use super::ops::{duties, look};
use super::problem::Problem;
use super::state::HttpState;

impl HttpState {
    /// What is written to the log from now on is counted, also before the first scrape.
    ///
    /// # Errors
    /// [`StoreError`]: the first scrape begins to count.
    pub async fn begin_counting(&self) -> Result<(), StoreError> {
        self.counters.lock().await.begin(self.core.store.as_ref()).await
    }
}

/// See the module. 403 for who may read only its own calls.
pub(super) async fn show(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    if state.tokens.check(&parts, TokenScope::Read)?.reads_only().is_some() {
        return Err(Problem::new(StatusCode::FORBIDDEN, "This token may not read metrics."));
    }
    let snapshot = look(&state).await?;
    let mut e = Exposition::default();
    of_this_process(&state, &mut e);
    if snapshot.replicas.is_some() || !state.settings.is_shared {
        let help = "How many `serve` are on a store that several share, this one among them; 1 on a file.";
        e.single("replicas", FamilyType::Gauge, help, as_f64(snapshot.replicas.unwrap_or(1)));
    }
    of_webhooks(&state, &mut e);
    of_commits(&state.core.store.commits(), &mut e);
    if let Some(figures) = &snapshot.figures {
        of_the_store(figures, &mut e);
    }
    match state.core.store.alerts().await {
        Ok(alerts) => of_alerts(&alerts, &mut e),
        Err(e) => warn!(error = %e, "metrics: alerts cannot be read"),
    }
    match state.core.store.sink_lines().await {
        Ok(sinks) => of_sinks(&sinks, &mut e),
        Err(e) => warn!(error = %e, "metrics: the sinks of alerts cannot be read"),
    }
    oncall::show(&state.core, &state.gaps, &mut e).await;
    of_breakers(&state, &mut e).await;
    let mut counters = state.counters.lock().await;
    if let Err(e) = counters.read(state.core.store.as_ref(), &state.core.directory()).await {
        warn!(error = %e, "metrics: the log cannot be read");
    }
    of_the_log(&counters, &mut e);
    let headers = [(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::OK, headers, e.text()).into_response())
}

fn of_this_process(state: &HttpState, e: &mut Exposition) {
    let clock = &state.core.clock;
    let (now, boot) = (clock.now(), clock.boot());
    let seconds = |at: Timestamp| millis(at.as_millis());
    let info = vec![("version", env!("CARGO_PKG_VERSION").to_owned()), ("mode", state.settings.mode.to_owned())];
    e.family("build_info", FamilyType::Gauge, "Which program this is; always 1.", [(info, 1.0)]);
    e.of_process(
        "process_start_time_seconds",
        "When this process began to serve, in seconds since 1970.",
        seconds(now.minus(boot.saturating_sub(state.started))),
    );
    let Some(engine) = &state.engine() else { return };
    let last = engine.heartbeats.since_essential(boot).map_or(0.0, |ago| seconds(now.minus(ago)));
    let help = "When those who fire and send had last passed, in seconds since 1970; 0 before the first pass.";
    e.single("scheduler_last_pass_timestamp_seconds", FamilyType::Gauge, help, last);
    let lines = duties(state);
    let passed = lines.iter().map(|duty| {
        let at = duty.since_pass.map_or(0.0, |ago| seconds(now.minus(ago)));
        (vec![("duty", duty.name.clone())], at)
    });
    let help = "When each duty of the engine, and each loop beside it, had last passed, in seconds since 1970; 0 before its first pass.";
    e.family("duty_last_pass_timestamp_seconds", FamilyType::Gauge, help, passed);
    let restarts = lines.iter().map(|duty| (vec![("duty", duty.name.clone())], as_f64(duty.restarts)));
    e.family("duty_restarts_total", FamilyType::Counter, "How often a duty died and was begun anew.", restarts);
    let help =
        "When the dead-man's switch last took a sign of life, in seconds since 1970; 0: never, or there is none.";
    e.single("heartbeat_last_success_timestamp_seconds", FamilyType::Gauge, help, moment(engine.heartbeat.taken_at()));
}

fn of_webhooks(state: &HttpState, e: &mut Exposition) {
    let all = state.webhooks.all().map(|(endpoint, result, n)| {
        (vec![("endpoint", endpoint.to_owned()), ("result", result.to_owned())], as_f64(n))
    });
    let help = "What others posted to /webhooks, and how it was answered: taken (and durable), refused, cut (too large or too \
                slow), unavailable (it comes again).";
    e.family("webhooks_total", FamilyType::Counter, help, all);
    let (refused, refused_own) = state.refusals.counts();
    let of = |whose: &str| vec![("account", whose.to_owned())];
    e.family(
        "webhooks_refused_total",
        FamilyType::Counter,
        "Callbacks that were refused, of our own account and of others.",
        [(of("ours"), as_f64(refused_own)), (of("others"), as_f64(refused.saturating_sub(refused_own)))],
    );
}

fn of_commits(c: &CommitFigures, e: &mut Exposition) {
    let help = "Changes that were committed, many of them together.";
    e.single("store_changes_total", FamilyType::Counter, help, as_f64(c.changes));
    let help = "Transactions of the store's writer that were not committed.";
    e.single("store_commits_failed_total", FamilyType::Counter, help, as_f64(c.failed));
    let took = Histogram::of(COMMIT_BOUNDS, c.within.to_vec(), c.commits, c.seconds);
    e.histogram("store_commit_seconds", "How long each commit took: the disk, or the server.", &took);
}

/// Which senders are not used, by their place in the configuration: a number is no label.
async fn of_breakers(state: &HttpState, e: &mut Exposition) {
    let breakers = match state.core.store.breakers().await {
        Ok(breakers) => breakers,
        Err(e) => {
            warn!(error = %e, "metrics: the breakers cannot be read");
            return;
        }
    };
    let places = places(&state.core.directory());
    let is_open = |sender: &str| breakers.iter().any(|b| b.sender == sender && b.is_open());
    let others = breakers.iter().filter(|b| b.is_open() && !places.iter().any(|(_, s)| *s == b.sender)).count();
    let known = places.iter().map(|(place, sender)| (place.clone(), u64::from(is_open(sender))));
    let all = known.chain(std::iter::once((OTHER.to_owned(), u64::try_from(others).unwrap_or(u64::MAX))));
    let samples = all.map(|(place, open)| (vec![("sender", place)], as_f64(open)));
    let help = "Whether a sender is not used because it fails, by its place in the configuration.";
    e.family("breaker_open", FamilyType::Gauge, help, samples);
}

/// What each sender of the configuration is called, and what its breaker is.
fn places(directory: &Directory) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = vec![
        ("account".into(), ACCOUNT.into()),
        ("voice account".into(), VOICE_ACCOUNT.into()),
        ("mail relay".into(), RELAY.into()),
    ];
    let mut add = |place: String, sender: Option<&Sender>| {
        let Some(sender) = sender.map(Sender::as_str) else { return };
        if !all.iter().any(|(_, known)| known == sender) {
            all.push((place, sender.to_owned()));
        }
    };
    add("from".into(), directory.from.as_ref());
    for (at, sender) in directory.fallback.iter().enumerate() {
        add(format!("fallback {}", at + 1), Some(sender));
    }
    for (at, line) in directory.lines.iter().enumerate() {
        add(format!("line {}", at + 1), line.from.as_ref());
    }
    all
}

fn of_the_store(f: &Figures, e: &mut Exposition) {
    use FamilyType::Gauge;
    let open = f.open_by_status.iter().map(|(status, n)| (vec![("state", status.to_string())], as_f64(*n)));
    e.family("calls_open", Gauge, "Calls that are neither RESOLVED nor CANCELLED, by state.", open);
    for (name, help, value) in [
        (
            "calls_without_next_step",
            "Calls that look for somebody and wait for nothing: always 0.",
            f.pending_dispatches,
        ),
        ("attempts_unknown", "Sends of which it is not known whether the provider accepted them.", f.unknown_outcomes),
        ("attempts_awaiting_final_status", "Messages without a final status.", f.awaiting_final),
        ("attempts_waiting", "Attempts that could be sent now.", f.sendable),
        ("attempts_failed_in_a_row", "Attempts that failed since the last one was accepted.", f.consecutive_failures),
        ("breakers_open", "Senders that are not used because they fail.", f.open_breakers),
    ] {
        e.single(name, Gauge, help, as_f64(value));
    }
    let oldest = f.oldest_due.map_or(0.0, |at| millis(at.as_millis()));
    let help = "When the oldest step that waits was due, in seconds since 1970; 0 where none waits.";
    e.single("follow_up_oldest_due_timestamp_seconds", Gauge, help, oldest);
    let targets = [("airtable", f.mirror_backlog), ("alerts", f.alert_backlog)];
    let of = |target: &str| vec![("target", target.to_owned())];
    let pending = targets.iter().map(|(target, b): &(&str, Backlog)| (of(target), as_f64(b.depth)));
    e.family("outbox_pending", Gauge, "What another system has still to be told.", pending);
    let since = targets.iter().map(|(target, b)| (of(target), b.oldest.map_or(0.0, |at| millis(at.as_millis()))));
    let help = "Since when the oldest of it waits, in seconds since 1970; 0 where nothing waits.";
    e.family("outbox_oldest_timestamp_seconds", Gauge, help, since);
}

fn of_alerts(alerts: &[AlertLine], e: &mut Exposition) {
    let of = |kind: &AlertKind| alerts.iter().filter(|a| a.key.kind() == *kind).count();
    let firing = AlertKind::ALL.iter().map(|kind| {
        let labels = vec![("alert", kind.word().to_owned()), ("severity", kind.severity().as_str().to_owned())];
        (labels, as_f64(u64::try_from(of(kind)).unwrap_or(u64::MAX)))
    });
    e.family("alerts_firing", FamilyType::Gauge, "Alerts that are in force, by kind.", firing);
}

fn of_sinks(sinks: &[SinkLine], e: &mut Exposition) {
    use FamilyType::{Counter, Gauge};
    let of = |s: &SinkLine| vec![("sink", s.name.clone())];
    let deliveries = sinks.iter().flat_map(|s| {
        [("delivered", s.delivered), ("failed", s.failed)].map(|(result, n)| {
            let mut labels = of(s);
            labels.push(("result", result.to_owned()));
            (labels, as_f64(n))
        })
    });
    e.family(
        "alert_deliveries_total",
        Counter,
        "Messages to each sink of alerts since the store was made.",
        deliveries,
    );
    let last = sinks.iter().map(|s| (of(s), moment(s.delivered_at)));
    let help = "When each sink last took a message, in seconds since 1970; 0: never.";
    e.family("alert_sink_last_delivery_timestamp_seconds", Gauge, help, last);
    let failing = sinks.iter().map(|s| (of(s), moment(s.failing_since)));
    let help = "Since when a sink takes nothing although it is asked, in seconds since 1970; 0: it does not fail.";
    e.family("alert_sink_failing_since_timestamp_seconds", Gauge, help, failing);
    let waiting = sinks.iter().map(|s| (of(s), as_f64(s.waiting)));
    e.family("alert_sink_waiting", Gauge, "Alerts that wait for each sink.", waiting);
}

fn of_the_log(c: &Counters, e: &mut Exposition) {
    use FamilyType::Counter;
    let accepted = c
        .accepted
        .iter()
        .map(|((line, level), n)| (vec![("line", line.clone()), ("level", level.clone())], as_f64(*n)));
    e.family("calls_accepted_total", Counter, "Calls that were accepted since this process began.", accepted);
    let attempts = c
        .attempts
        .iter()
        .map(|((kind, state), n)| (vec![("kind", (*kind).to_owned()), ("state", (*state).to_owned())], as_f64(*n)));
    e.family("attempts_total", Counter, "Attempts that came to a state, by kind.", attempts);
    let failures = c
        .failures
        .iter()
        .map(|((class, code), n)| (vec![("class", class.to_string()), ("code", code.clone())], as_f64(*n)));
    e.family(
        "attempt_failures_total",
        Counter,
        "Attempts that failed, by the provider's code and its class.",
        failures,
    );
    e.single(
        "notices_doubled_total",
        Counter,
        "Notices that went out twice: the answer to a text was lost, and it was found to have been accepted after it was repeated.",
        as_f64(c.doubled),
    );
    let resends = c.resends.iter().map(|(why, n)| (vec![("why", (*why).to_owned())], as_f64(*n)));
    e.family("resends_total", Counter, "Notices that were sent once more, by why.", resends);
    let help = "Texts that had reached the provider after all, found out after they had been taken for not sent: what came late, also of a process whose term was over.";
    e.single("attempts_found_late_total", Counter, help, as_f64(c.late));
    let help = "Calls that lost what they said of people before every receiver of event webhooks was told of them.";
    e.single("calls_pruned_untold_total", Counter, help, as_f64(c.pruned_untold));
    e.single("reminders_held_total", Counter, "Reminders that had to wait for [limits].", as_f64(c.held));
    e.histogram("time_to_told_seconds", "From the acceptance of a call to its first accepted text.", &c.told);
    e.histogram("time_to_taken_seconds", "From the acceptance of a call until somebody took it.", &c.taken);
    e.histogram("follow_up_lateness_seconds", "From the due time of a follow-up to its firing.", &c.lateness);
}
