//! What the listeners of a process share, and the way of their events to the write path.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::auth::TokenBook;
use super::board::kept::Board;
use super::metrics::counters::Counters;
use super::metrics::oncall::KeptGaps;
use super::metrics::webhooks::WebhookCounts;
use super::problem::Problem;
use super::refusals::Refusals;
use super::request_ids::RequestIds;
use super::snapshot::HealthCache;
use crate::config::{Intake, Network, Token};
use crate::domain::change::Answer;
use crate::domain::event::{Event, NewCall, Report};
use crate::domain::types::Actor;
use crate::engine::Engine;
use crate::engine::apply::Core;
use crate::engine::beside::{BesideLoop, LoopBeat, REFUSALS};
use crate::engine::duty::ESSENTIAL_MAX;
use crate::engine::in_force::InForce;
use crate::engine::intake::IntakeError;
use crate::failpoint::Safeguard;
use crate::gateways::twilio::signature::SignatureChecker;

/// The largest body that is read, in bytes; a dispatch may be larger.
pub const BODY_MAX: usize = 64 * 1024;
/// The largest body of a dispatch, in bytes: a voice agent sends the whole transcript along.
pub const DISPATCH_BODY_MAX: usize = 2 * 1024 * 1024;
/// How many dispatches of more than [`BODY_MAX`] bytes are read at once.
const LARGE_BODIES: usize = 8;
/// How many feeds of who is on call are made at once.
const FEEDS: usize = 2;
/// How many questions about who is on call over a long time are worked on at once.
const ONCALL_WORK: usize = 2;

/// What the listeners are made of.
pub struct HttpDeps {
    /// The write path.
    pub core: Arc<Core>,
    /// The engine of this process, whose health is shown; without one the scheduler counts as failing.
    pub engine: Option<Arc<Engine>>,
    /// The configured part.
    pub settings: HttpSettings,
    /// For `/api`; may be replaced later. With none, only this machine is let in.
    pub tokens: Vec<Token>,
    /// The voice agents' platforms whose reports are taken; may be replaced later.
    pub intake: Intake,
}

/// The configured part of the listeners.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// `live` or `test`, as every document says it.
    pub mode: &'static str,
    /// What a callback's signature is computed over: the configured URL, else the listener's own address. Without one no
    /// callback is valid.
    pub public_url: Option<Url>,
    /// The host of the public URL as it was written: its capitals are signed.
    pub public_host: Option<String>,
    /// Whether messages carry a callback; health says where they do not.
    pub callbacks: bool,
    /// Ours; callbacks that name another account are refused. Empty: no provider is configured.
    pub account_sid: String,
    /// Either of these signs callbacks; may be replaced later. With none, no callback is ever valid.
    pub signature_tokens: Vec<SecretString>,
    /// Whether the mirror is configured: health shows it.
    pub airtable: bool,
    /// Whether several processes may serve the store: who is not the engine stands by.
    pub is_shared: bool,
    /// The office's page.
    pub board: BoardSettings,
    /// The bounds.
    pub limits: HttpLimits,
}

/// The office's page, as it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BoardSettings {
    pub is_enabled: bool,
    /// What stands before every path where a proxy serves us below one: `/dispatch`; empty: nothing.
    pub base_path: String,
    /// Whose word on where a request came from is taken.
    pub trusted_proxies: Vec<Network>,
}

impl HttpSettings {
    /// With no provider, no callbacks, no mirror and the usual bounds.
    pub fn new(mode: &'static str) -> Self {
        Self {
            mode,
            public_url: None,
            public_host: None,
            callbacks: false,
            account_sid: String::new(),
            signature_tokens: Vec::new(),
            airtable: false,
            is_shared: false,
            board: BoardSettings::default(),
            limits: HttpLimits::default(),
        }
    }
}

/// What one client can take of us.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// For a whole request head; also how long an idle connection is kept.
    pub head: Duration,
    /// For a whole body.
    pub body: Duration,
    /// How long a client may take nothing of an answer.
    pub write_stall: Duration,
    /// How long a dispatch waits for its first attempt's outcome.
    pub dispatch_wait: Duration,
    /// How many dispatches wait at once; more are answered without waiting.
    pub dispatch_waiters: usize,
    /// How long requests under way may take to finish after a stop.
    pub drain: Duration,
    /// Connections of one listener at once; more wait to be accepted.
    pub connections: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            write_stall: Duration::from_secs(10),
            dispatch_wait: Duration::from_secs(10),
            dispatch_waiters: 256,
            // With the engine's own grace, a stop takes no longer than one request to the provider and 2 s.
            drain: Duration::from_millis(1_500),
            connections: 1024,
        }
    }
}

/// Which paths a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Everything.
    Full,
    /// `/webhooks`, `/l/…`, `/oncall/….ics` and `/livez` alone.
    PublicOnly,
}

/// What the requests share.
pub struct HttpState {
    pub core: Arc<Core>,
    engine: RwLock<Option<Arc<Engine>>>,
    /// When that was said last, by the boot clock.
    term_began: RwLock<Duration>,
    pub(super) settings: HttpSettings,
    pub(super) signature: RwLock<Arc<SignatureChecker>>,
    pub(super) tokens: TokenBook,
    intake: RwLock<Arc<Intake>>,
    pub(super) started: Duration,
    pub(super) request_ids: RequestIds,
    pub(super) refusals: Refusals,
    pub(super) dispatch_waiters: Semaphore,
    pub(super) large_bodies: Semaphore,
    /// Apart from those of dispatches: before its body is read, nobody knows whose a report is.
    pub(super) large_reports: Semaphore,
    /// Feeds of who is on call that are made at once; the others wait.
    pub(super) feeds: Semaphore,
    /// Questions about who is on call over a long time that are worked on at once.
    pub(super) oncall_work: Arc<Semaphore>,
    pub(super) snapshot: Mutex<Option<HealthCache>>,
    /// What the office's page keeps between two requests.
    pub(super) board: Board,
    /// What `/metrics` keeps between two scrapes.
    pub(super) counters: Mutex<Counters>,
    pub(super) gaps: Mutex<Option<KeptGaps>>,
    /// How what others post was answered.
    pub(super) webhooks: WebhookCounts,
    pub(super) closing: CancellationToken,
    /// In what the own configuration differs from the settings in force, where several processes share a store.
    settings_differ: RwLock<Vec<String>>,
    /// Terms of this process that are over and whose loops do not end.
    hanging_terms: AtomicUsize,
}

impl HttpState {
    /// Wires the state of all listeners of one process.
    pub fn new(deps: HttpDeps) -> Arc<Self> {
        let HttpDeps { core, engine, mut settings, tokens, intake } = deps;
        Arc::new(Self {
            signature: checker(std::mem::take(&mut settings.signature_tokens)),
            tokens: TokenBook::new(&tokens),
            intake: RwLock::new(Arc::new(intake)),
            started: core.clock.boot(),
            request_ids: RequestIds::new(&core),
            refusals: Refusals::new(),
            dispatch_waiters: Semaphore::new(settings.limits.dispatch_waiters.min(Semaphore::MAX_PERMITS)),
            large_bodies: Semaphore::new(LARGE_BODIES),
            large_reports: Semaphore::new(LARGE_BODIES),
            feeds: Semaphore::new(FEEDS),
            oncall_work: Arc::new(Semaphore::new(ONCALL_WORK)),
            snapshot: Mutex::new(None),
            board: Board::new(),
            counters: Mutex::new(Counters::new()),
            gaps: Mutex::new(None),
            webhooks: WebhookCounts::default(),
            closing: CancellationToken::new(),
            settings_differ: RwLock::default(),
            hanging_terms: AtomicUsize::new(0),
            settings,
            core,
            engine: RwLock::new(engine),
            term_began: RwLock::default(),
        })
    }

    /// The engine of this process, where it is one.
    pub fn engine(&self) -> Option<Arc<Engine>> {
        self.engine.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// This process is the engine from now on, or stands by.
    pub fn set_engine(&self, engine: Option<Arc<Engine>>) {
        *self.term_began.write().unwrap_or_else(PoisonError::into_inner) = self.core.clock.boot();
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = engine;
    }

    /// Whether it became the engine so lately that nothing of its work need be done yet: those who ask whether it takes requests are
    /// not sent away for that.
    pub(super) fn has_just_become_engine(&self) -> bool {
        let began = *self.term_began.read().unwrap_or_else(PoisonError::into_inner);
        let boot = self.core.clock.boot();
        let has_passed = self.engine().is_some_and(|e| e.heartbeats.since_essential(boot).is_some());
        !has_passed && boot.saturating_sub(began) <= ESSENTIAL_MAX
    }

    /// In what the own configuration of this replica differs from the settings in force: health says so.
    pub fn set_settings_differ(&self, keys: Vec<String>) {
        *self.settings_differ.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Whether the configuration of this replica is not the one in force.
    pub fn differs_in_settings(&self) -> bool {
        !self.settings_differ.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(super) fn settings_differ(&self) -> Vec<String> {
        self.settings_differ.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The loops of a term that is over do not end, or have ended after all.
    pub fn loops_hang(&self, hang: bool) {
        match hang {
            true => self.hanging_terms.fetch_add(1, Ordering::Relaxed),
            false => self.hanging_terms.fetch_sub(1, Ordering::Relaxed),
        };
    }

    /// Whether loops of this process hang that nobody waits for any more: only a restart ends them.
    pub(super) fn has_hanging_loops(&self) -> bool {
        self.hanging_terms.load(Ordering::Relaxed) > 0
    }

    /// Replaces the bearer tokens (SIGHUP); requests from now on are checked against these.
    pub fn set_tokens(&self, tokens: Vec<Token>) {
        self.tokens.replace(&tokens);
    }

    /// Replaces the tokens that sign callbacks (SIGHUP); callbacks from now on are checked against these.
    pub fn set_signing_tokens(&self, tokens: Vec<SecretString>) {
        let new = Arc::new(SignatureChecker::new(tokens));
        *self.signature.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// Replaces the platforms whose reports are taken; reports from now on are read by these.
    pub fn set_intake(&self, intake: Intake) {
        *self.intake.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(intake);
    }

    pub(super) fn intake(&self) -> Arc<Intake> {
        self.intake.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn signature(&self) -> Arc<SignatureChecker> {
        self.signature.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a person's decision, unless the store's file is gone from its place: evidence of what happened
    /// is taken all the same, new work is not.
    pub(super) async fn decide(&self, event: Event, actor: Actor) -> Result<Answer, Problem> {
        self.takes_new_work()?;
        self.apply(event, actor).await
    }

    fn takes_new_work(&self) -> Result<(), Problem> {
        match self.core.store.place().trouble() {
            Some(what) if !Safeguard::StoreFile.is_off() => Err(Problem::store_file(what)),
            _ => Ok(()),
        }
    }

    /// Accepts the call that `make` makes; as [`HttpState::decide`].
    pub(super) async fn accept(
        &self,
        make: impl Fn(&InForce) -> Result<NewCall, IntakeError> + Send + Sync + 'static,
        actor: Actor,
    ) -> Result<Result<Answer, IntakeError>, Problem> {
        self.takes_new_work()?;
        let core = self.core.clone();
        let done = tokio::spawn(async move { core.accept(make, actor).await }).await;
        done.map_err(|e| Problem::internal(&e))?.map_err(|e| Problem::store(&e))
    }

    /// Takes the report of a phone call that `make` reads; as [`HttpState::accept`].
    pub(super) async fn report(
        &self,
        make: impl Fn(&InForce) -> Result<NewCall, IntakeError> + Send + Sync + 'static,
        report: Report,
        actor: Actor,
    ) -> Result<Result<Answer, IntakeError>, Problem> {
        self.takes_new_work()?;
        let core = self.core.clone();
        let done = tokio::spawn(async move { core.report(make, report, actor).await }).await;
        done.map_err(|e| Problem::internal(&e))?.map_err(|e| Problem::store(&e))
    }

    /// Applies an event in a task of its own: a caller who hangs up stops neither the commit nor what follows it.
    pub(super) async fn apply(&self, event: Event, actor: Actor) -> Result<Answer, Problem> {
        let core = self.core.clone();
        let is_reply = matches!(event, Event::Inbound(_));
        let done = tokio::spawn(async move { core.apply(event, actor).await }).await;
        let done = done.map_err(|e| Problem::internal(&e))?;
        if let (true, Err(_), Some(engine)) = (is_reply, &done, self.engine()) {
            // The provider posts it once: from now on it is in its list alone.
            engine.first_read.reply_refused();
        }
        done.map_err(|e| Problem::store(&e))
    }
}

fn checker(tokens: Vec<SecretString>) -> RwLock<Arc<SignatureChecker>> {
    RwLock::new(Arc::new(SignatureChecker::new(tokens)))
}

/// What keeps the alerts of refused requests.
pub const REFUSAL_ALERTS: BesideLoop = BesideLoop::usual(REFUSALS, super::refusals::REST_MAX);

/// Keeps the alerts of refused requests as they should be until `stop`.
pub async fn keep_refusal_alerts(state: Arc<HttpState>, beat: Option<LoopBeat>, stop: CancellationToken) {
    state.refusals.keep(&state.core, beat, stop).await;
}
