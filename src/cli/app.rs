//! The wiring of what commands share, once.

use std::sync::{Arc, OnceLock};

use crate::clock::{Clock, SystemClock};
use crate::config::{self, AIRTABLE_RATE_MAX, Config, Mode, SinkFormat, Sources, Twilio};
use crate::domain::UnknownPolicy;
use crate::domain::event::Rules;
use crate::domain::types::Actor;
use crate::engine::apply::Core;
use crate::engine::listener::{EVERY_WITH_WEBHOOK, EVERY_WITHOUT};
use crate::engine::lock::{EngineLock, Holder};
use crate::engine::roster::merge::merge;
use crate::engine::{Bounds, Engine, Scope, outbox};
use crate::gateways::airtable::{AirtableClient, AirtableSettings};
use crate::gateways::alerts::{TextFormat, WebhookSink};
use crate::gateways::twilio::client::{Auth, TwilioClient, TwilioSettings};
use crate::gateways::{MirrorGateway, SmsGateway};
use crate::ids::Ids;
use crate::sandbox::{Sandbox, SandboxConfig, SandboxError, Whose};
use crate::store::RosterCopy;
use crate::store::sqlite::{OpenOptions, SqliteStore, StoreMode};
use crate::telemetry;

use super::args::Global;
use super::output::Output;
use super::report::{CliError, ExitStatus};

/// What a command works with.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) sources: Sources,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<Ids>,
    /// The copy of contacts that is part of `config.directory`, for a command that reads none itself.
    pub(crate) roster: Option<RosterCopy>,
    base: OnceLock<Arc<dyn MirrorGateway>>,
}

/// What the sandbox's base may be asked within a second where a test store's settings ask for more than Airtable allows.
const TEST_LIMIT: u32 = 50;
/// When a command without a listener first asks about its messages.
const POLL_SOON: std::time::Duration = std::time::Duration::from_secs(1);

/// Whether a store that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is made.
    Create,
    /// It is an error that says how one comes to be.
    Refuse,
}

impl App {
    /// Reads the configuration and starts logging.
    pub(crate) fn load(
        global: &Global,
        usual: telemetry::Usual,
        flags: Vec<(String, String)>,
        out: &mut Output,
    ) -> Result<Self, CliError> {
        telemetry::start(usual, global.verbose, global.log_format == super::args::LogFormat::Json);
        let sources = Sources::from_process(global.config.clone(), global.store.clone(), global.test_mode, flags);
        // What is wrong with the configuration is told in the mode that was asked for, too.
        if sources.asks_for_test_mode() {
            out.set_mode(Mode::Test.as_str());
        }
        let mut config = config::load(&sources)?;
        out.set_mode(config.mode.as_str());
        super::drill::prepare(&sources, &mut config)?;
        Ok(Self {
            config,
            sources,
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(Ids::random()),
            roster: None,
            base: OnceLock::new(),
        })
    }

    /// What waits for an engine besides follow-ups, for a sentence that says so: only `serve` keeps the shop's record.
    pub(crate) fn and_rows(&self) -> &'static str {
        if self.config.airtable.is_some() { " and Airtable's rows" } else { "" }
    }

    /// Opens the store; blocking work is done off the runtime's threads.
    pub(crate) async fn store(&self, missing: Missing) -> Result<Arc<SqliteStore>, CliError> {
        let path = self.config.store.path().to_path_buf();
        if missing == Missing::Refuse && !path.exists() {
            return Err(CliError::new(ExitStatus::Store, format!("there is no store at {}", path.display()))
                .hint("`dispatchctl serve` or the first `dispatchctl send` makes it; another place: --store"));
        }
        let options = self.options(missing);
        let opened = tokio::task::spawn_blocking(move || SqliteStore::open(options)).await;
        let store = opened.map_err(|e| CliError::new(ExitStatus::Bug, "opening the store ended badly").cause(e))??;
        Ok(Arc::new(store))
    }

    fn options(&self, missing: Missing) -> OpenOptions {
        OpenOptions {
            mode: match self.config.mode {
                Mode::Live => StoreMode::Live,
                Mode::Test => StoreMode::Test,
            },
            create: missing == Missing::Create,
            mirror: self.config.airtable.is_some(),
            alert_sinks: self.config.alerts.targets(),
            path: self.config.store.path().to_path_buf(),
            busy_timeout: std::time::Duration::from_secs(5),
        }
    }

    /// Adds the contacts that the engine last read from Airtable to those of the configuration. A store that is not there, or
    /// that this command will not be able to open either, adds none: the command itself says so where it needs one.
    pub(crate) async fn add_roster(&mut self) {
        let options = self.options(Missing::Refuse);
        let found = tokio::task::spawn_blocking(move || SqliteStore::peek_roster(&options)).await;
        if let Some(copy) = found.ok().flatten() {
            self.config.directory = merge(&self.config.directory, &copy.contacts).directory;
            self.roster = Some(copy);
        }
    }

    /// How old the contacts from Airtable are; `None`: there are none.
    pub(crate) fn roster_age(&self) -> Option<String> {
        let copy = self.roster.as_ref()?;
        let age = super::timeline::span(self.clock.now().since(copy.read_at));
        Some(format!("with the contacts of Airtable's table {}, read {age} ago", copy.source))
    }

    /// The same for documents: null where there are none.
    pub(crate) fn roster_document(&self) -> serde_json::Value {
        let age = |copy: &RosterCopy| self.clock.now().since(copy.read_at).as_secs();
        let document = |copy: &RosterCopy| serde_json::json!({ "table": copy.source, "readAt": copy.read_at, "ageSeconds": age(copy), "contacts": copy.contacts.len() });
        self.roster.as_ref().map_or(serde_json::Value::Null, document)
    }

    /// The shop's base, where one is configured: one client a process, because the base's rate is kept in it.
    pub(crate) fn mirror(&self) -> Result<Option<Arc<dyn MirrorGateway>>, CliError> {
        if let Some(made) = self.base.get() {
            return Ok(Some(made.clone()));
        }
        let Some(a) = self.config.airtable_required()? else { return Ok(None) };
        let mut settings =
            AirtableSettings::new(a.token.clone(), a.base_id.clone(), a.base_url.clone(), a.requests_per_second);
        if self.config.mode == Mode::Test && a.requests_per_second > AIRTABLE_RATE_MAX {
            // The sandbox was told to allow it: a drill with thousands of rows.
            settings.limit = TEST_LIMIT;
        }
        let client = AirtableClient::new(settings, self.clock.clone(), self.ids.clone())
            .map_err(|e| CliError::new(ExitStatus::Usage, "the client for Airtable cannot be made").cause(e))?;
        Ok(Some(self.base.get_or_init(|| Arc::new(client)).clone()))
    }

    /// The write path over this store.
    pub(crate) fn core(&self, store: Arc<SqliteStore>) -> Arc<Core> {
        self.core_with(store, self.rules())
    }

    /// The write path of a command that may have to be the engine for its own call: without a listener it polls, and sooner.
    pub(crate) fn core_that_polls(&self, store: Arc<SqliteStore>) -> Arc<Core> {
        let rules = self.rules();
        self.core_with(store, Rules { poll_after: rules.poll_after.min(POLL_SOON), ..rules })
    }

    fn core_with(&self, store: Arc<SqliteStore>, rules: Rules) -> Arc<Core> {
        let directory = Arc::new(self.config.directory.clone());
        Arc::new(Core::new(store, self.clock.clone(), self.ids.clone(), directory, rules))
    }

    fn rules(&self) -> Rules {
        let d = &self.config.delivery;
        Rules {
            poll_after: d.poll_after,
            status_timeout: d.status_timeout,
            validity: self.config.twilio.as_ref().map_or(std::time::Duration::from_secs(600), |t| t.validity),
            settle: d.settle,
            unknown_first: policy(d.unknown_first),
            unknown_follow_up: policy(d.unknown_follow_up),
            resend_limit: d.resend_limit,
            resend_pause: d.resend_pause,
            stand_down: d.stand_down,
            late_follow_up: self.config.alerts.late_follow_up,
            test_mode: self.config.mode == Mode::Test,
            off: crate::domain::guards::GuardsOff::default(),
        }
    }

    /// The provider's client.
    pub(crate) fn gateway(&self) -> Result<Arc<dyn SmsGateway>, CliError> {
        Ok(Arc::new(self.twilio()?))
    }

    /// The provider's client, for questions about the account itself.
    pub(crate) fn twilio(&self) -> Result<TwilioClient, CliError> {
        let t = self.config.twilio_required()?;
        let auth = match &t.api_key {
            Some((sid, secret)) => Auth::ApiKey { sid: sid.clone(), secret: secret.clone() },
            None => Auth::Token(t.auth_token.clone()),
        };
        self.twilio_as(t, auth)
    }

    /// The same, authenticated by the account's auth token also where requests use an API key.
    pub(crate) fn twilio_by_token(&self) -> Result<TwilioClient, CliError> {
        let t = self.config.twilio_required()?;
        self.twilio_as(t, Auth::Token(t.auth_token.clone()))
    }

    fn twilio_as(&self, t: &Twilio, auth: Auth) -> Result<TwilioClient, CliError> {
        let settings = TwilioSettings {
            account_sid: t.account_sid.clone(),
            auth,
            base_url: t.base_url.clone(),
            connect_timeout: t.connect_timeout,
            request_timeout: t.request_timeout,
            public_url: self.config.server.public_url.clone(),
        };
        TwilioClient::new(settings)
            .map_err(|e| CliError::new(ExitStatus::Usage, "the client for the provider cannot be made").cause(e))
    }

    /// An engine; whoever runs it holds the lock.
    pub(crate) fn engine(
        &self,
        core: Arc<Core>,
        sms: Arc<dyn SmsGateway>,
        scope: Scope,
    ) -> Result<Arc<Engine>, CliError> {
        let t: &Twilio = self.config.twilio_required()?;
        let bounds = Bounds {
            messages_per_second: t.messages_per_second,
            validity: t.validity,
            request_timeout: t.request_timeout,
            poll_after: core.rules.poll_after,
            listen_every: if self.config.server.public_url.is_some() { EVERY_WITH_WEBHOOK } else { EVERY_WITHOUT },
            consecutive_failures: self.config.alerts.consecutive_failures,
        };
        let id = format!("eng_{}", self.ids.uuid(self.clock.now()).simple());
        let sinks = self.sinks()?;
        Ok(Engine::new(core, sms, sinks, id, scope, bounds))
    }

    fn sinks(&self) -> Result<Vec<Arc<outbox::Sink>>, CliError> {
        let made = self.config.alerts.sinks.iter().map(|sink| {
            let format = match sink.format {
                SinkFormat::Slack => TextFormat::Slack,
                SinkFormat::Plain => TextFormat::Plain,
            };
            let made = WebhookSink::new(sink.url.expose().clone(), format, self.config.mode.as_str());
            let made = made.map_err(|e| CliError::new(ExitStatus::Usage, "an alert sink cannot be used").cause(e))?;
            Ok(Arc::new(outbox::Sink::new(sink.name.clone(), sink.fallback_for.clone(), Arc::new(made))))
        });
        made.collect()
    }

    /// Whoever fires a step decides whom it names by this process's own settings: without any contacts it would find nobody,
    /// and end the call.
    ///
    /// # Errors
    /// Exit 2; nothing was changed.
    pub(crate) fn people_required(&self) -> Result<(), CliError> {
        if !self.config.directory.contacts.is_empty() {
            return Ok(());
        }
        let file =
            self.config.file.as_ref().map_or_else(|| "no file was found".to_owned(), |f| f.display().to_string());
        Err(CliError::new(
            ExitStatus::Usage,
            "no contacts are configured here, so nobody would be told; nothing was changed",
        )
        .cause(format!("configuration: {file}"))
        .hint("name the engine's own configuration with --config or DISPATCHCTL_CONFIG"))
    }

    /// Who holds this store's engine lock now.
    pub(crate) fn holder(&self) -> Option<Holder> {
        EngineLock::holder(self.config.store.path())
    }

    /// In test mode the provider is the sandbox: the one that answers at the configured address, or one of our own for this
    /// command's life. Live: nothing.
    pub(crate) async fn sandbox_if_needed(&mut self, out: &Output) -> Result<Option<Sandbox>, CliError> {
        if self.config.mode == Mode::Live {
            return Ok(None);
        }
        let wanted = self.config.sandbox_listen;
        if self.config.twilio.as_ref().is_some_and(|t| t.base_url.port_or_known_default() != Some(wanted.port())) {
            // A flag or the environment names another provider on this machine.
            return Ok(None);
        }
        let ours = self.sandbox_config(wanted);
        if let Some(dir) = self.config.store.path().parent() {
            let _ = std::fs::create_dir_all(dir);
        }
        match Sandbox::start(ours.clone()).await {
            Ok(sandbox) => {
                self.config.point_at_sandbox(sandbox.addr());
                out.chat(&format!("sandbox started at {}", sandbox.base_url()));
                Ok(Some(sandbox))
            }
            Err(e @ SandboxError::PortInUse { .. }) => match self.whose_sandbox(wanted, &ours).await {
                Whose::Ours => {
                    out.chat(&format!("using the sandbox at http://{wanted}"));
                    Ok(None)
                }
                // Without credentials there is nothing to know us by, and nothing that could be asked of it.
                Whose::Strangers if self.config.twilio.is_none() => Ok(None),
                Whose::Strangers => Err(strangers_sandbox(wanted, &ours.account_sid)),
                Whose::NoSandbox => Err(CliError::new(ExitStatus::Usage, "the sandbox cannot be started").cause(e).hint(
                    "something else answers there: choose another address with DISPATCHCTL_SANDBOX__LISTEN=127.0.0.1:0",
                )),
            },
            Err(e) => Err(CliError::new(ExitStatus::Usage, "the sandbox cannot be started").cause(e)),
        }
    }

    async fn whose_sandbox(&self, at: std::net::SocketAddr, ours: &SandboxConfig) -> Whose {
        let nonce = || self.ids.uuid(self.clock.now()).simple().to_string();
        crate::sandbox::whose(at, ours, self.config.airtable.is_some(), &(nonce() + &nonce())).await
    }

    fn sandbox_config(&self, listen: std::net::SocketAddr) -> SandboxConfig {
        let mut config = SandboxConfig::new(self.config.store.path().with_extension("sandbox.ndjson"));
        config.listen = listen;
        if let Some(t) = &self.config.twilio {
            use secrecy::ExposeSecret as _;
            config.account_sid.clone_from(&t.account_sid);
            config.auth_token = t.auth_token.expose_secret().to_owned();
            config.api_key = t.api_key.as_ref().map(|(sid, secret)| (sid.clone(), secret.expose_secret().to_owned()));
        }
        if let Some(a) = &self.config.airtable {
            config.airtable_token = secrecy::ExposeSecret::expose_secret(&a.token).to_owned();
            config.airtable_base.clone_from(&a.base_id);
        }
        config
    }
}

/// Its ledger is not ours to judge by, and its settings not ours to change.
fn strangers_sandbox(at: std::net::SocketAddr, account: &str) -> CliError {
    CliError::new(ExitStatus::Usage, format!("the sandbox at http://{at} is not this configuration's"))
        .cause(format!("it does not prove that it knows the account {account} with its secrets"))
        .hint("choose another address with DISPATCHCTL_SANDBOX__LISTEN=127.0.0.1:4011, or start that sandbox with this configuration")
}

fn policy(p: config::UnknownPolicy) -> UnknownPolicy {
    match p {
        config::UnknownPolicy::Resend => UnknownPolicy::Resend,
        config::UnknownPolicy::Hold => UnknownPolicy::Hold,
    }
}

/// Who runs this command, for the log: the name the operating system knows, or what `--by` says.
pub(crate) fn operator(by: Option<&str>) -> Actor {
    let os = config::user_name().unwrap_or_else(|| "operator".into());
    // A user of this system may have any name; the log's own are not for him.
    let os = if Actor::is_reserved(&os, []) { format!("user {os}") } else { os };
    match by.map(str::trim).filter(|b| !b.is_empty()) {
        Some(name) if name != os => Actor(format!("{name} ({os})")),
        _ => Actor(os),
    }
}

/// `--by` names a person.
///
/// # Errors
/// Exit 2 where the log gives that name to the engine, a provider or a token; nothing was done.
pub(crate) fn check_by(by: Option<&str>, tokens: &[config::Token]) -> Result<(), CliError> {
    let taken = by.is_some_and(|by| Actor::is_reserved(by, tokens.iter().map(|t| t.name.as_str())));
    if !taken {
        return Ok(());
    }
    let what = format!("--by {:?} is how the log names the engine, a provider or a token", by.unwrap_or_default());
    Err(CliError::new(ExitStatus::Usage, what).hint("give a person's name; nothing was done"))
}
