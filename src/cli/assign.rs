//! What the settings give an engine to do besides its own duties: at its start, and again when they change.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::config::{self, Config, MailedReports, MirrorPace};
use crate::engine::adopt::Adopter;
use crate::engine::apply::Core;
use crate::engine::duty::Duty;
use crate::engine::event_webhooks::{self, EventTarget};
use crate::engine::heartbeat::HeartbeatDuty;
use crate::engine::mirror::Mirror;
use crate::engine::oncall::table::{self as override_table, OverrideTable};
use crate::engine::supervisor::Supervisor;
use crate::engine::synced_contacts::{self, ContactSync};
use crate::engine::{Engine, duties};
use crate::gateways::event_webhook::SignedWebhook;
use crate::gateways::heartbeat::HeartbeatUrl;
use crate::gateways::mirror::Lane;

use super::app::App;
use super::exit::ExitStatus;
use super::report::CliError;

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
            let fail_url = h.fail_url.as_ref().map(|url| url.expose().clone());
            let url = HeartbeatUrl::new(h.url.expose().clone(), fail_url)
                .map_err(|e| CliError::new(ExitStatus::Usage, "the heartbeat cannot be sent").cause(e))?;
            duties::heartbeat(HeartbeatDuty::new(engine.clone(), Arc::new(url), h.every))
        }
        None => Vec::new(),
    };
    supervisor.assign(duties::HEARTBEAT, heartbeat);
    Ok(())
}

/// Reports by mail, where any are configured.
pub(super) fn assign_reports(app: &App, engine: &Arc<Engine>, supervisor: &Arc<Supervisor>) {
    let mailed = app.config.reports.clone().map(|mailed| MailedReports { board: app.config.board_url(), ..mailed });
    supervisor.assign(duties::REPORTS, mailed.map_or_else(Vec::new, |mailed| duties::reports(engine, mailed)));
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

/// What a start and a reload warn of.
pub(super) fn warn_of(config: &Config) {
    for said in config.replaced.iter().chain(&config.warnings) {
        warn!("{said}");
    }
    if config.alerts.sinks.is_empty() {
        warn!("no alert sink is configured: alerts show in `dispatchctl status` and /health alone");
    }
}
