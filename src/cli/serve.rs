//! `serve`: the engine with the webhook listener.
//!
//! Order: lock, local recovery (store only), listeners, then the loops. SIGTERM finishes what is in flight; SIGHUP reads
//! contacts, policies and tokens again and keeps the old ones if the new file is wrong.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use url::Url;

use crate::config::{Mode, Part};
use crate::domain::types::Actor;
use crate::engine::apply::Core;
use crate::engine::beside::{BesideLoop, HTTP, HTTP_PUBLIC, LoopBeat, WATCHDOG, keep_running};
use crate::engine::still;
use crate::engine::store_alarm;
use crate::http;
use crate::ids;
use crate::store::{self, Control, Holder, Lease, LeaseError, Store, StoreError};

use super::app::App;
use super::assign;
use super::call_lists;
use super::exit::ExitStatus;
use super::output::Output;
use super::reload::Reload;
use super::replica::{self, Terms, ThisProcess};
use super::report::CliError;
use super::service_manager::{tell, tell_surely};
use super::signals;
use super::trials::Kept;

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

/// What feeds the watchdog asks the store: so long it may wait for it.
const WATCHDOG_STILL: Duration = Duration::from_secs(60);
/// A server that is away is tried again after this.
const SERVER_TRIED_AGAIN: Duration = Duration::from_secs(2);
/// The service manager waits so much longer for the start, said anew with each try: one takes up to 5 s for each host.
const START_EXTENDED: Duration = Duration::from_secs(60);
/// How long a start waits for a command that holds the lock beyond its longest request: it hands over between two POSTs.
const HANDOVER_GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn run(_args: Args, mut app: App, out: &mut Output) -> Result<ExitStatus, CliError> {
    out.outlast_its_reader();
    signals::size_limits_are_errors();
    if app.settings.is_some()
        && let Some(lost) = app.config.shut_unreadable_tokens(ids::secret().into())
    {
        // As a file with a typo: it is alerted, and the settings in force stand in for it.
        app.broken.get_or_insert(lost);
    }
    app.config.check(&[Part::Twilio, Part::Airtable, Part::Server, Part::Alerts, Part::Mail, Part::Calendars])?;
    assign::warn_of(&app.config);
    let (store, waiting) = store_once_there(&app).await?;
    let lease = take_lock(&app, &*store).await?;
    let sandbox = app.sandbox_if_needed(out).await?;
    let (listener, public) = listeners(&app, waiting).await.map_err(port_error)?;
    let address =
        listener.local_addr().map_err(|e| CliError::new(ExitStatus::Usage, "the listener has no address").cause(e))?;
    let own_url = format!("http://{address}");
    if app.config.mode == Mode::Test && app.config.server.public_url.is_none() {
        app.config.server.public_url = Url::parse(&own_url).ok();
    }
    if let Some(url) = app.config.server.public_url.clone() {
        let inbound = format!("{}/webhooks/twilio/sms-inbound", url.as_str().trim_end_matches('/'));
        app.receive_replies_at(sandbox.as_ref(), inbound).await;
    }
    let own = app.config.documents.decides.clone();
    let replica = app.location().is_shared().then(|| format!("{} at {address}", store::host_name()));
    // A further replica changes nothing of what is in force.
    let followed = match lease {
        Some(_) => None,
        None => replica::follow_in_force(&mut app, &*store).await?,
    };
    if followed.is_none() {
        put_in_force(&mut app, &*store).await?;
    }
    let core = app.core(store.clone());
    super::settings_file::say(&core, replica.as_deref(), app.broken.as_ref()).await?;
    app.make_links(&core).await?;
    super::oncall::warn_of_gaps(&core).await?;
    call_lists::say(&app);
    let state = http_state(&app, core.clone(), &own_url);
    if let Err(e) = state.begin_counting().await {
        warn!(error = %e, "metrics: the log cannot be read; counting begins with the first scrape");
    }
    state.set_settings_differ(followed.unwrap_or_default());
    // What the start demanded tokens for goes on to demand them.
    let is_exposed = app.config.server.is_exposed();
    let this_process = ThisProcess::default();
    this_process.set_sinks(app.sinks()?);
    let own_is_wrong = app.broken.is_some();
    let reload = Reload {
        started: app.config.clone(),
        app,
        core: core.clone(),
        not_before: None,
        followed: None,
        untried: None,
        trials: Kept::default(),
        own_is_wrong,
        said_of_others: false,
        replica: replica.clone(),
        own,
        this_process: this_process.clone(),
        state: state.clone(),
        is_exposed,
    };
    let reload = Arc::new(Mutex::new(reload));
    let mut terms = Terms::new(core.clone(), reload.clone(), own_url.clone()).await;
    match lease {
        Some(lease) => terms.begin(lease).await?,
        None => info!("another `serve` is the engine: this one stands by"),
    }
    let stop = CancellationToken::new();
    keep_beside(&core, http::REFUSAL_ALERTS, &stop, &state, |state, beat, stop| async move {
        http::keep_refusal_alerts(state, Some(beat), stop).await;
    });
    keep_beside(&core, still::WATCH, &stop, &state, |state, beat, stop| async move {
        let core = state.core.clone();
        still::keep(core, move || state.engine(), beat, stop).await;
    });
    // Before anybody can see that it runs: from then on it is stopped and told to read again, never killed by these.
    let (stop_asked, hangup) = (signals::stop_asked(), signal(SignalKind::hangup()).ok());
    let asked = CancellationToken::new();
    let fires = asked.clone();
    tokio::spawn(async move {
        stop_asked.await;
        fires.cancel();
    });
    let listens = |which, listener, surface| {
        let listener = http::KeptListener::of(listener);
        keep_beside(&core, which, &stop, &state, move |state, beat, stop| {
            http::serve_kept(listener.clone(), surface, state, Some(beat), stop)
        })
    };
    let mut servers = vec![listens(BesideLoop::essential(HTTP), listener, http::Surface::Full)];
    if let Some(public) = public {
        servers.push(listens(BesideLoop::essential(HTTP_PUBLIC), public, http::Surface::PublicOnly));
    }
    say_started(&reload.lock().await.app, &own_url, out);
    let hangup = Arc::new(Mutex::new(hangup));
    keep_beside(&core, Reload::LOOP, &stop, &state, move |state, beat, stop| {
        Reload::run(reload.clone(), state.core.clone(), hangup.clone(), beat, stop)
    });
    if let Some(every) = sd_notify::watchdog_enabled() {
        let which = BesideLoop::usual(WATCHDOG, every).still_after(every.max(WATCHDOG_STILL));
        keep_beside(&core, which, &stop, &state, move |state, beat, stop| watchdog(every, state, beat, stop));
    }
    if let Some(replica) = replica {
        let place = Arc::new(this_process);
        keep_beside(&core, store_alarm::SHARED_WATCH, &stop, &state, move |state, beat, stop| {
            store_alarm::watch_shared(state.core.clone(), place.clone(), replica.clone(), beat, stop)
        });
    }
    tell_surely(&[NotifyState::Ready], &*core.clock).await;
    let result = terms.run(asked).await;
    tell(&[NotifyState::Stopping]);
    stop.cancel();
    for s in servers {
        let _ = s.await;
    }
    terms.last_copy().await;
    let closed = store.close().await;
    drop(terms);
    if let Some(s) = sandbox {
        s.shutdown().await;
    }
    info!("stopped");
    result?;
    closed?;
    Ok(ExitStatus::Done)
}

/// What answers in the place of the listeners while the store is waited for: the first is that of [`http::Surface::Full`].
type Answering = Vec<http::Waiting>;

/// The listeners, that of webhooks alone behind the other where there is one.
async fn listeners(app: &App, waiting: Answering) -> Result<(TcpListener, Option<TcpListener>), http::BindError> {
    let mut waiting = waiting.into_iter();
    let listener = match waiting.next() {
        Some(waiting) => waiting.end().await?,
        None => http::bind(app.config.server.listen).await?,
    };
    let public = match (waiting.next(), app.config.server.public_listen) {
        (Some(waiting), _) => Some(waiting.end().await?),
        (None, Some(addr)) => Some(http::bind(addr).await?),
        (None, None) => None,
    };
    Ok((listener, public))
}

/// Opens the store. A server that cannot be reached is waited for: whatever starts this process again and again would give up
/// before it is back. Whoever asks meanwhile is answered.
async fn store_once_there(app: &App) -> Result<(Arc<dyn Store>, Answering), CliError> {
    let mut said = false;
    let mut answering = Vec::new();
    loop {
        let away = match app.store_of_engine().await? {
            Ok(store) => return Ok((store, answering)),
            Err(e @ (StoreError::Unreachable { .. } | StoreError::ReadOnly { .. })) => e,
            // After its restart everybody comes at once.
            Err(e @ (StoreError::Busy | StoreError::Unsure { .. })) if app.location().is_shared() => e,
            Err(e) => return Err(e.into()),
        };
        if said {
            debug!(error = %away, "the store's server cannot be used yet");
        } else if matches!(away, StoreError::ReadOnly { .. }) {
            warn!(error = %away, "the store's server takes no writes: it is waited for");
        } else {
            warn!(error = %away, "the store's server cannot be reached: it is waited for");
            let server = &app.config.server;
            for addr in [Some(server.listen), server.public_listen].into_iter().flatten() {
                answering.push(http::Waiting::begin(addr, app.config.mode.as_str()).await.map_err(port_error)?);
            }
        }
        said = true;
        tell(&[
            NotifyState::Status("waiting for the store's server"),
            NotifyState::ExtendTimeoutUsec(u32::try_from(START_EXTENDED.as_micros()).unwrap_or(u32::MAX)),
        ]);
        let pause = app.ids.jittered(SERVER_TRIED_AGAIN);
        app.clock.sleep_until(app.clock.now().plus(pause)).await;
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

/// The lock at once; from a command that holds it, after it handed over; from another `serve`, never: on a store that several share
/// there is none then, and this one stands by.
async fn take_lock(app: &App, store: &dyn Control) -> Result<Option<Arc<dyn Lease>>, CliError> {
    let wait = app.longest_send() + HANDOVER_GRACE;
    let deadline = app.clock.now().plus(wait);
    let (mut asked, mut seen) = (false, 0);
    loop {
        let held = match store.take_lease("serve").await {
            Ok(lock) => return Ok(Some(lock)),
            Err(LeaseError::Held(None)) => last_engine(store).await,
            Err(LeaseError::Held(held)) => held,
            Err(e) => return Err(e.into()),
        };
        // A command that only looks who holds the lock holds it for that moment, beside the name of who had it last.
        seen += 1;
        let by_serve = held.as_ref().is_some_and(|h| h.role == "serve");
        if by_serve && app.location().is_shared() {
            return Ok(None);
        }
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
    Some(Holder::of_this_machine(row.role, row.pid))
}

fn http_state(app: &App, core: Arc<Core>, own_url: &str) -> Arc<http::HttpState> {
    let twilio = app.config.twilio.as_ref();
    let mut tokens = Vec::new();
    if let Some(t) = twilio {
        tokens.push(t.auth_token.clone());
        tokens.extend(t.auth_token_previous.clone());
    }
    http::HttpState::new(http::HttpDeps {
        core,
        engine: None,
        settings: http::HttpSettings {
            public_url: app.config.server.public_url.clone().or_else(|| Url::parse(own_url).ok()),
            public_host: app.config.server.public_host.clone(),
            callbacks: app.config.server.public_url.is_some(),
            account_sid: twilio.map(|t| t.account_sid.clone()).unwrap_or_default(),
            signature_tokens: tokens,
            airtable: app.config.airtable.is_some(),
            is_shared: app.location().is_shared(),
            board: http::BoardSettings {
                is_enabled: app.config.board.is_enabled,
                base_path: app.config.server.base_path.clone(),
                trusted_proxies: app.config.server.trusted_proxies.clone(),
            },
            ..http::HttpSettings::new(app.config.mode.as_str())
        },
        tokens: app.config.server.tokens.clone(),
        intake: app.config.intake.clone(),
    })
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

/// Starts a loop of this process that is no duty of its engine.
fn keep_beside<F: Future<Output = ()> + Send + 'static>(
    core: &Arc<Core>,
    which: BesideLoop,
    stop: &CancellationToken,
    state: &Arc<http::HttpState>,
    make: impl Fn(Arc<http::HttpState>, LoopBeat, CancellationToken) -> F + Send + 'static,
) -> JoinHandle<()> {
    let (state, stops) = (state.clone(), stop.clone());
    keep_running(core, which, stop, move |beat| make(state.clone(), beat, stops.clone()))
}

/// systemd's watchdog is fed only while the engine is truly healthy.
async fn watchdog(every: Duration, state: Arc<http::HttpState>, beat: LoopBeat, stop: CancellationToken) {
    let clock = state.core.clock.clone();
    loop {
        beat.round().await;
        let next = clock.now().plus(every / 3);
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(next) => {}
        }
        if state.works().await {
            tell(&[NotifyState::Watchdog]);
        }
    }
}
