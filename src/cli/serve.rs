//! `serve`: the engine with the webhook listener.
//!
//! Order: lock, local recovery (store only), listeners, then the loops. SIGTERM finishes what is in flight; SIGHUP reads
//! contacts, policies and tokens again and keeps the old ones if the new file is wrong.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use url::Url;

use crate::config::{self, Config, MirrorPace, Mode, Part};
use crate::domain::types::Actor;
use crate::engine::adopt::Adopter;
use crate::engine::apply::Core;
use crate::engine::duty::Duty;
use crate::engine::event_webhooks::{self, EventTarget};
use crate::engine::heartbeat::HeartbeatDuty;
use crate::engine::mirror::Mirror;
use crate::engine::oncall::table::{self as override_table, OverrideTable};
use crate::engine::supervisor::Supervisor;
use crate::engine::synced_contacts::{self, ContactSync};
use crate::engine::{Engine, Scope, duties, start, store_file};
use crate::gateways::event_webhook::SignedWebhook;
use crate::gateways::heartbeat::HeartbeatUrl;
use crate::gateways::mirror::Lane;
use crate::http;
use crate::store::{Control, Holder, Lease, LeaseError};

use super::app::App;
use super::call_lists;
use super::exit::ExitStatus;
use super::output::Output;
use super::reload::Reload;
use super::report::CliError;
use super::signals;

/// How to serve.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen, e.g. 127.0.0.1:3000
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

impl Args {
    pub(crate) fn overrides(&self) -> Vec<(String, String)> {
        self.listen.iter().map(|l| ("server.listen".to_owned(), l.clone())).collect()
    }
}

/// How long a start waits for a command that holds the lock beyond its longest request: it hands over between two POSTs.
const HANDOVER_GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn run(_args: Args, mut app: App, out: &mut Output) -> Result<ExitStatus, CliError> {
    out.outlast_its_reader();
    signals::size_limits_are_errors();
    app.config.check(&[Part::Twilio, Part::Airtable, Part::Server, Part::Alerts, Part::Mail, Part::Calendars])?;
    warn_of(&app.config);
    let store = app.store_of_engine().await?;
    let lock = take_lock(&app, &*store).await?;
    let sandbox = app.sandbox_if_needed(out).await?;
    let listener = http::bind(app.config.server.listen).await.map_err(port_error)?;
    let public = match app.config.server.public_listen {
        Some(addr) => Some(http::bind(addr).await.map_err(port_error)?),
        None => None,
    };
    let address =
        listener.local_addr().map_err(|e| CliError::new(ExitStatus::Usage, "the listener has no address").cause(e))?;
    let own_url = format!("http://{address}");
    if app.config.mode == Mode::Test && app.config.server.public_url.is_none() {
        app.config.server.public_url = Url::parse(&own_url).ok();
    }
    if let (Some(sandbox), Some(url)) = (&sandbox, &app.config.server.public_url) {
        let inbound = format!("{}/webhooks/twilio/sms-inbound", url.as_str().trim_end_matches('/'));
        if let Err(e) = sandbox.set_inbound_url(Some(inbound)) {
            warn!(error = %e, "the sandbox cannot post replies here");
        }
    }
    put_in_force(&mut app, &*store).await?;
    let core = app.core(store.clone());
    super::reload::say_file(&core, app.broken.as_ref()).await?;
    app.make_links(&core).await?;
    let engine = app.engine(core.clone(), app.gateway()?, Scope::All)?;
    let supervisor = Supervisor::new(engine.clone());
    engine.file_watch.holds(lock.clone());
    assign_airtable(&app, &engine, &supervisor).await?;
    super::calendars::assign(&app, &engine, &supervisor).await?;
    super::oncall::warn_of_gaps(&core).await?;
    assign_heartbeat(&app, &engine, &supervisor)?;
    assign_reports(&app, &engine, &supervisor);
    assign_events(&app, &engine, &supervisor).await?;
    call_lists::assign(&app, &engine, &supervisor)?;
    call_lists::say(&app);
    start::recover_local(&engine, "serve", Some(own_url.clone())).await?;
    let state = http_state(&app, core.clone(), engine.clone(), &own_url);
    if let Err(e) = state.begin_counting().await {
        warn!(error = %e, "metrics: the log cannot be read; counting begins with the first scrape");
    }
    let stop = CancellationToken::new();
    tokio::spawn(http::keep_refusal_alerts(state.clone(), stop.clone()));
    // Before anybody can see that it runs: from then on it is stopped and told to read again, never killed by these.
    let (stop_asked, hangup) = (signals::stop_asked(), signal(SignalKind::hangup()).ok());
    let mut servers = vec![tokio::spawn(http::serve(listener, http::Surface::Full, state.clone(), stop.clone()))];
    if let Some(public) = public {
        servers.push(tokio::spawn(http::serve(public, http::Surface::PublicOnly, state.clone(), stop.clone())));
    }
    say_started(&app, &own_url, out);
    let engine_stop = CancellationToken::new();
    let running = tokio::spawn(supervisor.clone().run(engine_stop.clone()));
    // What the start demanded tokens for goes on to demand them.
    let is_exposed = app.config.server.is_exposed();
    let reload = Reload {
        started: app.config.clone(),
        app,
        engine: engine.clone(),
        supervisor: supervisor.clone(),
        state: state.clone(),
        is_exposed,
    };
    tokio::spawn(reload.run(hangup, stop.clone()));
    tokio::spawn(watchdog(core, state, stop.clone()));
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let result = until_stopped(running, stop_asked, &engine_stop).await;
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    stop.cancel();
    for s in servers {
        let _ = s.await;
    }
    store_file::last_copy(&engine).await;
    let closed = store.close().await;
    drop(lock);
    if let Some(s) = sandbox {
        s.shutdown().await;
    }
    info!("stopped");
    result?;
    closed?;
    Ok(ExitStatus::Done)
}

type Running = tokio::task::JoinHandle<Result<(), crate::store::StoreError>>;

/// Runs until the system asks to stop, or the engine must.
async fn until_stopped(
    mut running: Running,
    asked: impl Future<Output = ()>,
    stop: &CancellationToken,
) -> Result<(), CliError> {
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = asked => {
            info!("stopping: what is in flight may finish");
            stop.cancel();
            running.await
        }
    };
    match ended {
        Ok(result) => result.map_err(CliError::from),
        Err(e) => Err(CliError::new(ExitStatus::Bug, "the engine ended badly").cause(e)),
    }
}

fn port_error(e: http::BindError) -> CliError {
    let error = CliError::new(ExitStatus::Usage, e.to_string())
        .hint("choose another address with --listen, server.listen or server.public_listen");
    match std::error::Error::source(&e) {
        Some(cause) => error.cause(cause),
        None => error,
    }
}

/// What this engine does with the shop's base: its record, its contacts, its calls; nothing where none is configured.
pub(super) async fn assign_airtable(
    app: &App,
    engine: &Arc<Engine>,
    supervisor: &Arc<Supervisor>,
) -> Result<(), CliError> {
    let core = &engine.core;
    let contacts = synced_contacts(app, core).await?.map_or_else(Vec::new, |r| duties::contacts(&r));
    supervisor.assign(duties::CONTACTS, contacts);
    supervisor.assign(duties::OVERRIDES, exceptions(app, core)?);
    let adopter = match app.config.airtable.as_ref().and_then(|a| a.adopt_every) {
        Some(every) => duties::adopt(Adopter::new(core.clone(), super::rebuild::base(app)?, every)),
        None => Vec::new(),
    };
    supervisor.assign(duties::ADOPT, adopter);
    let mirror = match (app.mirror()?, &app.config.airtable) {
        (Some(gateway), Some(airtable)) => duties::mirror(engine, Mirror::new(core.clone(), gateway, airtable.into())),
        _ => Vec::new(),
    };
    supervisor.assign(duties::MIRROR, mirror);
    Ok(())
}

/// The reader of the table of exceptions to who is on call, where there is one.
fn exceptions(app: &App, core: &Arc<Core>) -> Result<Vec<Duty>, CliError> {
    let Some(airtable) = app.config.airtable.as_ref() else { return Ok(Vec::new()) };
    let (Some(table), Some(mirror)) = (&airtable.tables.overrides, app.mirror()?) else { return Ok(Vec::new()) };
    let every = match airtable.mirror {
        MirrorPace::Batched(every) => every.max(override_table::EVERY),
        _ => override_table::EVERY,
    };
    let table = OverrideTable::new(core.clone(), mirror.in_queue(Lane::Bulk), table.clone(), every);
    Ok(duties::overrides(&table))
}

/// The receivers of event webhooks, as far as each was told; before anything can happen that a new one is to be told of.
pub(super) async fn assign_events(
    app: &App,
    engine: &Arc<Engine>,
    supervisor: &Arc<Supervisor>,
) -> Result<(), CliError> {
    let names: Vec<String> = app.config.events.iter().map(|e| e.name.clone()).collect();
    engine.core.store.begin_event_cursors(&names).await?;
    event_webhooks::forget_alerts_of_others(&engine.core, &names).await?;
    let mut targets = Vec::new();
    for webhook in &app.config.events {
        let secrets = std::iter::once(&webhook.secret).chain(&webhook.secret_previous);
        let receiver = SignedWebhook::new(webhook.url.expose().clone(), secrets.filter_map(config::key_of).collect())
            .map_err(|e| {
            CliError::new(ExitStatus::Usage, format!("{} cannot be told of events", webhook.name)).cause(e)
        })?;
        let kinds = webhook.kinds.clone();
        let wants = Box::new(move |kind| kinds.is_empty() || kinds.contains(&kind));
        targets.push(EventTarget::new(webhook.name.clone(), wants, Arc::new(receiver)));
    }
    supervisor.assign(duties::EVENTS, duties::events(engine, targets));
    Ok(())
}

/// The dead-man's switch, where one is configured.
pub(super) fn assign_heartbeat(app: &App, engine: &Arc<Engine>, supervisor: &Arc<Supervisor>) -> Result<(), CliError> {
    let heartbeat = match &app.config.heartbeat {
        Some(h) => {
            let url = HeartbeatUrl::new(h.url.expose().clone())
                .map_err(|e| CliError::new(ExitStatus::Usage, "the heartbeat cannot be sent").cause(e))?;
            duties::heartbeat(HeartbeatDuty::new(engine.clone(), Arc::new(url), h.every))
        }
        None => Vec::new(),
    };
    supervisor.assign(duties::HEARTBEAT, heartbeat);
    Ok(())
}

/// The list of the morning by mail, where one is configured.
pub(super) fn assign_reports(app: &App, engine: &Arc<Engine>, supervisor: &Arc<Supervisor>) {
    let daily = app.config.daily.clone();
    supervisor.assign(duties::REPORTS, daily.map_or_else(Vec::new, |daily| duties::reports(engine, daily)));
}

/// Where a start that has nobody to tell waits this long for the first reading of Airtable's contacts.
const FIRST_CONTACTS: Duration = Duration::from_secs(5);

/// The reader of Airtable's contacts, with the last good copy in force; `None`: there is no such table.
async fn synced_contacts(app: &App, core: &Arc<Core>) -> Result<Option<Arc<ContactSync>>, CliError> {
    let airtable = app.config.airtable.as_ref();
    let every = match airtable.map(|a| a.mirror) {
        // A plan that counts its requests.
        Some(MirrorPace::Batched(every)) => every.max(synced_contacts::EVERY),
        _ => synced_contacts::EVERY,
    };
    let Some(source) = airtable.and_then(|a| synced_contacts::ContactSource::of(a, every)) else {
        // It was configured once, perhaps: its contacts are told no more.
        if !matches!(core.store.synced_contacts().await, Ok(None)) {
            core.store.keep_synced_contacts(None).await?;
            core.put_contacts(None).await?;
        }
        return Ok(None);
    };
    let Some(mirror) = app.mirror()? else { return Ok(None) };
    let synced_contacts = ContactSync::new(core.clone(), mirror.in_queue(Lane::Bulk), source);
    if let Some(copy) = &core.in_force().contacts {
        info!(table = copy.source, read_at = %copy.read_at, contacts = copy.contacts.len(), "contacts of the last good copy");
    }
    if core.directory().contacts.is_empty() {
        // Whatever is due would find nobody and end.
        let first = core.clock.sleep_until(core.clock.now().plus(FIRST_CONTACTS));
        tokio::select! {
            read = synced_contacts.pass() => {
                read?;
            }
            () = first => warn!("no contacts are configured, and none could be read from Airtable yet"),
        }
    }
    Ok(Some(synced_contacts))
}

/// This process's settings become the ones in force; where its file is wrong, those in the store stay so.
async fn put_in_force(app: &mut App, store: &dyn Control) -> Result<(), CliError> {
    if let Some(wrong) = &app.broken {
        error!("this configuration is wrong, the settings in force in the store stand in for it: {wrong}");
        return Ok(());
    }
    let new = super::config::new_settings(app, "serve")?;
    let before = app.settings.as_ref().map(|s| s.number);
    let row = store.put_settings(&new).await?;
    if before != Some(row.number) {
        info!(settings = row.number.0, "the settings of this configuration are in force");
    }
    app.now_in_force(row);
    Ok(())
}

/// The lock at once; from a command that holds it, after it handed over; from another `serve`, never.
async fn take_lock(app: &App, store: &dyn Control) -> Result<Arc<dyn Lease>, CliError> {
    let wait = app.longest_send() + HANDOVER_GRACE;
    let deadline = app.clock.now().plus(wait);
    let (mut asked, mut seen) = (false, 0);
    loop {
        let held = match store.take_lease("serve").await {
            Ok(lock) => return Ok(lock),
            Err(LeaseError::Held(None)) => last_engine(store).await,
            Err(LeaseError::Held(held)) => held,
            Err(e) => return Err(e.into()),
        };
        // A command that only looks who holds the lock holds it for that moment, beside the name of who had it last.
        seen += 1;
        let by_serve = held.as_ref().is_some_and(|h| h.role == "serve");
        if (by_serve && seen > 2) || app.clock.now() > deadline {
            return Err(LeaseError::Held(held).into());
        }
        if !asked && !by_serve {
            asked = true;
            info!("another command holds the engine lock: asking for it");
            let me = json!({ "pid": std::process::id() });
            store.post_request("yield", me, &Actor::engine(), app.clock.now()).await?;
        }
        app.clock.sleep_until(app.clock.now().plus(Duration::from_millis(50))).await;
    }
}

/// Who holds the lock where its lock file does not say: the store has the last engine that began.
async fn last_engine(store: &dyn Control) -> Option<Holder> {
    let row = store.engine().await.ok().flatten().filter(|row| row.stopped_at.is_none())?;
    Some(Holder { role: row.role, pid: row.pid })
}

fn http_state(app: &App, core: Arc<Core>, engine: Arc<Engine>, own_url: &str) -> Arc<http::HttpState> {
    let twilio = app.config.twilio.as_ref();
    let mut tokens = Vec::new();
    if let Some(t) = twilio {
        tokens.push(t.auth_token.clone());
        tokens.extend(t.auth_token_previous.clone());
    }
    http::HttpState::new(http::HttpDeps {
        core,
        engine: Some(engine),
        settings: http::HttpSettings {
            public_url: app.config.server.public_url.clone().or_else(|| Url::parse(own_url).ok()),
            public_host: app.config.server.public_host.clone(),
            callbacks: app.config.server.public_url.is_some(),
            account_sid: twilio.map(|t| t.account_sid.clone()).unwrap_or_default(),
            signature_tokens: tokens,
            airtable: app.config.airtable.is_some(),
            ..http::HttpSettings::new(app.config.mode.as_str())
        },
        tokens: app.config.server.tokens.clone(),
        intake: app.config.intake.clone(),
    })
}

/// What a start and a reload warn of.
pub(super) fn warn_of(config: &Config) {
    for said in config.replaced.iter().chain(&config.warnings) {
        warn!("{said}");
    }
    if config.alerts.sinks.is_empty() {
        warn!("no alert sink is configured: alerts show in `dispatchctl status` and /health alone");
    }
}

fn say_started(app: &App, own_url: &str, out: &mut Output) {
    let public = app.config.server.public_url.as_ref().map(ToString::to_string);
    if out.is_json() {
        out.object_line(&json!({ "listen": own_url, "publicUrl": public, "store": app.location().to_string(), "pid": std::process::id() }));
    } else {
        out.mode_line();
        out.line(&format!("listening on {own_url}"));
    }
}

/// systemd's watchdog is fed only while the engine is truly healthy.
async fn watchdog(core: Arc<Core>, state: Arc<http::HttpState>, stop: CancellationToken) {
    let Some(every) = sd_notify::watchdog_enabled() else { return };
    loop {
        let next = core.clock.now().plus(every / 3);
        tokio::select! {
            () = stop.cancelled() => return,
            () = core.clock.sleep_until(next) => {}
        }
        if state.works().await {
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
    }
}
