//! The wiring of what commands share, once.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use crate::clock::{Clock, Permit, SystemClock};
use crate::config::{self, AIRTABLE_RATE_MAX, Config, ConfigErrors, Mode, Part, Sources, Twilio};
use crate::domain::UnknownPolicy;
use crate::domain::oncall::DutyOverride;
use crate::domain::rules::Rules;
use crate::domain::settings::SettingsRow;
use crate::domain::team::Directory;
use crate::engine::apply::Core;
use crate::engine::in_force::{Decides, InForce, Interpreter};
use crate::engine::links::Links;
use crate::engine::listener::{EVERY_WITH_WEBHOOK, EVERY_WITHOUT};
use crate::engine::oncall::kept::KeptCalendars;
use crate::engine::synced_contacts::merge::merge;
use crate::engine::{Bounds, Engine, Scope};
use crate::gateways::airtable::{AirtableClient, AirtableSettings};
use crate::gateways::smtp::SmtpRelay;
use crate::gateways::twilio::client::{Auth, Credentials, TwilioClient, TwilioSettings};
use crate::gateways::{MailGateway, MirrorGateway, NoTexts, SmsGateway, VoiceGateway};
use crate::ids::Ids;
use crate::store::{
    self, Holder, Lease, Location, Peeked, Store, StoreError, StoreMode, StoreSettings, SyncedContacts,
};
use crate::telemetry;

use super::credentials::auth_of;
use super::exit::ExitStatus;
use super::global::{ConfigNeed, Global, LogFormat};
use super::location::location_of;
use super::output::Output;
use super::report::CliError;

pub(crate) use super::operator::{check_by, operator};

/// What a command works with.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) sources: Sources,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<Ids>,
    /// The settings in force in the store, as of this command's start; `None`: there are none, or no store.
    pub(crate) settings: Option<SettingsRow>,
    /// Whose settings decide here.
    pub(crate) whose: DecidedBy,
    /// Contacts and lines as the settings have them, without those of another system.
    pub(crate) configured: Directory,
    /// The copy of contacts that is part of `config.directory`, for a command that reads none itself.
    pub(crate) synced_contacts: Option<SyncedContacts>,
    /// Exceptions to who is on call, as the store had them when this command began; and their last change.
    pub(crate) overrides: Vec<DutyOverride>,
    overrides_changed: Option<i64>,
    /// What calendars say of who is on call, as the store had it when this command began; and its last change.
    pub(crate) calendars: KeptCalendars,
    calendars_changed: Option<i64>,
    /// Why this process's own configuration cannot be used, where the settings in force stand in for it.
    pub(crate) broken: Option<ConfigErrors>,
    base: OnceLock<Arc<dyn MirrorGateway>>,
    /// What all clients of the provider authenticate with, over every reload.
    credentials: Arc<OnceLock<Credentials>>,
    /// The lease by which this process is the engine, while whoever has taken it keeps it.
    lease: Option<Weak<dyn Lease>>,
    /// Until when it may begin a send by it.
    permit: Permit,
}

/// What the sandbox's base may be asked within a second where a test store's settings ask for more than Airtable allows.
const TEST_LIMIT: u32 = 50;
/// When a command without a listener first asks about its messages.
const POLL_SOON: std::time::Duration = std::time::Duration::from_secs(1);

/// The longest that a request takes where there is no provider of texts: a mail's conversation.
const WITHOUT_PROVIDER: Duration = Duration::from_secs(30);

/// Whose settings decide in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecidedBy {
    /// Those in force in the store.
    InForce,
    /// Its own: the store has none yet, or the command is about its own.
    Own,
}

/// How many differing keys one line names.
const DIFFERENCES_NAMED: usize = 5;

/// Whether a store that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoStore {
    /// It is made.
    Create,
    /// It is an error that says how one comes to be.
    Refuse,
}

impl App {
    /// Reads the configuration and starts logging.
    pub(crate) async fn load(
        global: &Global,
        usual: telemetry::Usual,
        flags: Vec<(String, String)>,
        wanted: ConfigNeed,
        out: &mut Output,
    ) -> Result<Self, CliError> {
        telemetry::start(usual, global.verbose, global.log_format == LogFormat::Json);
        let sources = Sources::from_process(global.config.clone(), global.store.clone(), global.test_mode, flags);
        // What is wrong with the configuration is told in the mode that was asked for, too.
        if sources.asks_for_test_mode() {
            out.set_mode(Mode::Test.as_str());
        }
        let (place, mode) = config::place(&sources)?;
        out.set_mode(mode.as_str());
        let wanted = super::fault_injection::wanted(&sources, mode, wanted);
        let peeked = store::peek(StoreSettings::of(location_of(&place), store_mode(mode))).await;
        let (Peeked { settings, contacts, overrides, calendars, basis }, unread) = match peeked {
            Ok(peeked) => (peeked, None),
            Err(e) => (Peeked::default(), Some(e)),
        };
        let (mut config, whose, broken) = match (choose(&sources, wanted, settings.as_ref()), unread) {
            (Ok(chosen), unread) => {
                if let Some(why) = unread {
                    out.note(&format!("the settings in force cannot be read, so this command's own decide: {why}"));
                }
                chosen
            }
            // Its own may lack what those in force say: what is wrong is that they cannot be read.
            (Err(_), Some(e)) if wanted == ConfigNeed::InForce => return Err(e.into()),
            (Err(wrong), _) => return Err(wrong.into()),
        };
        super::fault_injection::prepare(&sources, &mut config)?;
        let configured = config.directory.clone();
        let synced_contacts = contacts;
        if let Some(copy) = &synced_contacts {
            config.directory = merge(&configured, &copy.contacts, &copy.businesses).directory;
        }
        let of_now = overrides.iter().filter(|o| o.withdrawn.is_none());
        config.directory.overrides = of_now.cloned().collect();
        let clock = SystemClock::new();
        let mut calendars = KeptCalendars::of(calendars, clock.now());
        calendars.lay(&mut config.directory);
        let app = Self {
            config,
            sources,
            clock: Arc::new(clock),
            ids: Arc::new(Ids::random()),
            settings,
            whose,
            configured,
            synced_contacts,
            overrides,
            overrides_changed: basis.overrides,
            calendars,
            calendars_changed: basis.calendars,
            broken,
            base: OnceLock::new(),
            credentials: Arc::default(),
            lease: None,
            permit: Permit::endless(),
        };
        app.say_whose(wanted, out).await?;
        Ok(app)
    }

    /// One line where this process's own settings differ from those that decide; with `--settings own` every difference, before
    /// anything is done under them.
    async fn say_whose(&self, wanted: ConfigNeed, out: &Output) -> Result<(), CliError> {
        let Some(row) = &self.settings else { return Ok(()) };
        let own = &self.config.documents;
        let differ = config::differences(&own.decides, &config::completed(row));
        let who = || format!("settings {} of {} (by {}, {})", row.number, row.at, row.actor.0, row.role);
        match wanted {
            ConfigNeed::InForce => {
                let wrong = self.broken.as_ref().and_then(|e| e.0.first());
                if let Some(problem) = wrong.or(self.config.unread.as_ref()) {
                    out.note(&format!(
                        "the {} decide; this configuration is wrong and brings nothing: {problem}",
                        who()
                    ));
                } else if own.gives && !differ.is_empty() {
                    let file =
                        self.config.file.as_ref().map_or_else(|| "the environment".into(), |f| f.display().to_string());
                    out.note(&format!("the {} decide; {file} differs in {}", who(), named(&differ)));
                }
            }
            ConfigNeed::OwnForOnce => {
                if let Some(holder) = self.holder().await {
                    let why = format!("`{}`, process {}, works on this store", holder.role, holder.pid);
                    return Err(CliError::new(ExitStatus::Store, "--settings own is refused while an engine lives")
                        .cause(why)
                        .hint(
                            "leave it out, or make these settings the ones in force with `dispatchctl config apply`",
                        ));
                }
                out.note(&format!("this command alone decides by its own settings, not by the {}", who()));
                for key in &differ {
                    out.note(&format!("  differs: {key}"));
                }
            }
            ConfigNeed::Own | ConfigNeed::OwnToPutInForce => {}
        }
        Ok(())
    }

    /// What waits for an engine besides follow-ups, for a sentence that says so: only `serve` keeps the shop's record.
    pub(crate) fn and_rows(&self) -> &'static str {
        if self.config.mirrors { " and Airtable's rows" } else { "" }
    }

    /// Opens the store for who is about to be its engine, or makes it; damaged indexes are healed first.
    /// Inside: why it cannot be opened.
    pub(crate) async fn store_of_engine(&self) -> Result<Result<Arc<dyn Store>, StoreError>, CliError> {
        Self::opened(StoreSettings { heals: true, ..self.store_settings(NoStore::Create) }).await
    }

    /// Opens the store; blocking work is done off the runtime's threads.
    pub(crate) async fn store(&self, missing: NoStore) -> Result<Arc<dyn Store>, CliError> {
        let location = self.location();
        if missing == NoStore::Refuse && !store::exists(location.clone()).await? {
            store::check(location.clone()).await?;
            return Err(CliError::new(ExitStatus::Store, format!("there is no store at {location}"))
                .hint("`dispatchctl serve` or the first `dispatchctl send` makes it; another place: --store"));
        }
        Ok(Self::opened(self.store_settings(missing)).await??)
    }

    async fn opened(settings: StoreSettings) -> Result<Result<Arc<dyn Store>, StoreError>, CliError> {
        let opened = tokio::task::spawn_blocking(move || store::open(settings)).await;
        opened.map_err(|e| CliError::new(ExitStatus::Bug, "opening the store ended badly").cause(e))
    }

    /// The same; none where there is none yet. Where an engine has lost it, that is what there is to say.
    pub(crate) async fn store_if_there(&self) -> Result<Option<Arc<dyn Store>>, CliError> {
        let location = self.location();
        if store::exists(location.clone()).await? {
            return self.store(NoStore::Refuse).await.map(Some);
        }
        store::check(location).await?;
        Ok(None)
    }

    /// Where the store is.
    pub(crate) fn location(&self) -> Location {
        location_of(&self.config.store)
    }

    fn store_settings(&self, missing: NoStore) -> StoreSettings {
        StoreSettings {
            create: missing == NoStore::Create,
            mirror: self.config.mirrors,
            alert_sinks: self.config.sink_targets(),
            backups: self.config.backups,
            ..StoreSettings::of(self.location(), store_mode(self.config.mode))
        }
    }

    /// The shop's base, where one is configured: one client a process, because the base's rate is kept in it.
    pub(crate) fn mirror(&self) -> Result<Option<Arc<dyn MirrorGateway>>, CliError> {
        if let Some(made) = self.base.get() {
            return Ok(Some(made.clone()));
        }
        let Some(client) = self.mirror_of(&self.config)? else { return Ok(None) };
        Ok(Some(self.base.get_or_init(|| client).clone()))
    }

    /// A client of its own for the base of this configuration.
    pub(super) fn mirror_of(&self, config: &Config) -> Result<Option<Arc<dyn MirrorGateway>>, CliError> {
        let Some(a) = config.airtable_required()? else { return Ok(None) };
        let mut settings =
            AirtableSettings::new(a.token.clone(), a.base_id.clone(), a.base_url.clone(), a.requests_per_second);
        if config.mode == Mode::Test && a.requests_per_second > AIRTABLE_RATE_MAX {
            // The sandbox was told to allow it: a drill with thousands of rows.
            settings.limit = TEST_LIMIT;
        }
        let client = AirtableClient::new(settings, self.clock.clone(), self.ids.clone())
            .map_err(|e| CliError::new(ExitStatus::Usage, "the client for Airtable cannot be made").cause(e))?;
        Ok(Some(Arc::new(client)))
    }

    /// This process's own settings were put in force.
    pub(crate) fn now_in_force(&mut self, row: SettingsRow) {
        (self.settings, self.whose) = (Some(row), DecidedBy::InForce);
    }

    /// The write path over this store.
    pub(crate) fn core(&self, store: Arc<dyn Store>) -> Arc<Core> {
        self.core_with(store, |rules| rules)
    }

    /// The write path of a command that may have to be the engine for its own call: without a listener it polls, and sooner.
    pub(crate) fn core_that_polls(&self, store: Arc<dyn Store>) -> Arc<Core> {
        self.core_with(store, |rules| Rules { poll_after: rules.poll_after.min(POLL_SOON), ..rules })
    }

    fn core_with(&self, store: Arc<dyn Store>, adjust: fn(Rules) -> Rules) -> Arc<Core> {
        let own = InForce::own(Arc::new(self.configured.clone()), adjust(rules(&self.config)));
        let settings = self.settings.as_ref().filter(|_| self.whose == DecidedBy::InForce);
        let held = match settings {
            Some(row) => {
                let decides = Decides { directory: self.configured.clone(), rules: own.rules.clone() };
                own.with_settings(Some(row), decides)
            }
            None => own,
        };
        let held = held.with_contacts(self.synced_contacts.clone());
        let held = held.with_overrides(self.overrides.clone(), self.overrides_changed);
        let held = held.with_calendars(self.calendars.clone(), self.calendars_changed);
        // Who was told to decide by its own is not led back to those that the store holds.
        let follows = self.whose == DecidedBy::InForce || self.settings.is_none();
        let interpreter = follows.then(|| self.interpreter(adjust));
        Arc::new(Core::under(store, self.clock.clone(), self.ids.clone(), held, interpreter))
    }

    /// What other settings, once they are in force, mean for this process.
    fn interpreter(&self, adjust: fn(Rules) -> Rules) -> Interpreter {
        let sources = self.sources.clone();
        Arc::new(move |row| {
            let config = config::load_document(&sources, row).map_err(|e| e.to_string())?;
            let rules = adjust(rules(&config));
            Ok(Decides { directory: config.directory, rules })
        })
    }

    /// The provider's client.
    pub(crate) fn gateway(&self) -> Result<Arc<dyn SmsGateway>, CliError> {
        if !self.config.texts {
            return Ok(Arc::new(NoTexts));
        }
        Ok(Arc::new(self.twilio()?))
    }

    /// The relay of mails, where one is configured.
    pub(crate) fn relay(&self) -> Result<Option<Arc<dyn MailGateway>>, CliError> {
        let (Some(url), Some(from)) = (&self.config.smtp, &self.config.directory.mail_from) else { return Ok(None) };
        let relay = SmtpRelay::new(url.expose(), from.clone())
            .map_err(|what| CliError::new(ExitStatus::Usage, format!("smtp.url {what}")))?;
        Ok(Some(Arc::new(relay.within(self.permit.clone()))))
    }

    /// The provider of phone calls, where there is a number to ring from.
    pub(crate) fn phones(&self) -> Result<Option<Arc<dyn VoiceGateway>>, CliError> {
        if self.config.directory.voice_from.is_none() || !self.config.texts {
            return Ok(None);
        }
        Ok(Some(Arc::new(self.twilio()?)))
    }

    /// Links by which calls are taken are made from now on, where there is a public URL under which they are served.
    pub(crate) async fn make_links(&self, core: &Core) -> Result<(), CliError> {
        if let Some(url) = &self.config.server.public_url {
            let key = core.store.link_key(Ids::key()).await?;
            core.set_links(Some(Arc::new(Links::new(url, key))));
        }
        Ok(())
    }

    /// What this process needs to tell anybody.
    ///
    /// # Errors
    /// What is missing or unreadable. Exit code 2.
    pub(crate) fn providers_required(&self) -> Result<(), CliError> {
        self.config.check(&[Part::Mail])?;
        if self.config.texts {
            self.config.twilio_required()?;
        }
        Ok(())
    }

    /// The longest that one request takes.
    pub(crate) fn request_timeout(&self) -> Duration {
        self.config.twilio.as_ref().map_or(WITHOUT_PROVIDER, |t| t.request_timeout)
    }

    /// The longest that a send takes which an engine finishes before it stops.
    pub(crate) fn longest_send(&self) -> Duration {
        let mail = self.config.smtp.as_ref().map(|_| crate::gateways::MAIL_MAX).unwrap_or_default();
        self.request_timeout().max(mail)
    }

    /// The provider's client, for questions about the account itself.
    pub(crate) fn twilio(&self) -> Result<TwilioClient, CliError> {
        let t = self.config.twilio_required()?;
        let credentials = self.credentials.get_or_init(|| auth_of(t).into()).clone();
        self.twilio_as(t, credentials)
    }

    /// The same, authenticated by the account's auth token also where requests use an API key.
    pub(crate) fn twilio_by_token(&self) -> Result<TwilioClient, CliError> {
        let t = self.config.twilio_required()?;
        self.twilio_as(t, Auth::Token(t.auth_token.clone()).into())
    }

    /// A client of its own that authenticates as this configuration says, to try whether it may.
    pub(super) fn twilio_tried(&self, t: &Twilio, auth: Auth) -> Result<TwilioClient, CliError> {
        self.twilio_as(t, auth.into())
    }

    /// Every client of this process authenticates so from now on.
    pub(super) fn put_credentials(&self, t: &Twilio) {
        self.credentials.get_or_init(|| auth_of(t).into()).put(auth_of(t));
    }

    fn twilio_as(&self, t: &Twilio, auth: Credentials) -> Result<TwilioClient, CliError> {
        let settings = TwilioSettings {
            account_sid: t.account_sid.clone(),
            auth,
            base_url: t.base_url.clone(),
            connect_timeout: t.connect_timeout,
            request_timeout: t.request_timeout,
            public_url: self.config.server.public_url.clone(),
            permit: self.permit.clone(),
        };
        TwilioClient::new(settings)
            .map_err(|e| CliError::new(ExitStatus::Usage, "the client for the provider cannot be made").cause(e))
    }

    /// This process holds this lease: the engine that is made next is of its term, and no client made from here on begins a send
    /// after it.
    pub(crate) fn holds(&mut self, lease: &Arc<dyn Lease>) {
        self.lease = Some(Arc::downgrade(lease));
        self.permit = lease.permit();
    }

    /// An engine; whoever runs it holds the lock.
    pub(crate) fn engine(
        &self,
        core: Arc<Core>,
        sms: Arc<dyn SmsGateway>,
        scope: Scope,
    ) -> Result<Arc<Engine>, CliError> {
        let bounds = self.bounds(&core)?;
        let lease = self.lease.as_ref().and_then(Weak::upgrade);
        let term = lease.as_ref().and_then(|lease| lease.term().map(str::to_owned));
        let id = term.unwrap_or_else(|| format!("eng_{}", self.ids.uuid(self.clock.now()).simple()));
        let core = lease.map_or_else(|| core.clone(), |lease| core.in_term(&*lease));
        let sinks = self.sinks()?;
        let engine = Engine::new(core, sms, sinks, id, scope, bounds);
        engine.begins_within(self.permit.clone());
        engine.set_mail(self.relay()?);
        engine.set_voice(self.phones()?);
        Ok(engine)
    }

    /// The bounds of an engine's loops.
    pub(crate) fn bounds(&self, core: &Core) -> Result<Bounds, CliError> {
        self.providers_required()?;
        Ok(Bounds {
            messages_per_second: self.config.twilio.as_ref().map_or(1.0, |t| t.messages_per_second),
            phone_calls_per_second: self.config.voice.per_second,
            ring_for: self.config.voice.timeout,
            validity: self.config.validity,
            request_timeout: self.request_timeout(),
            poll_after: core.rules().poll_after,
            listen_every: if self.config.server.public_url.is_some() { EVERY_WITH_WEBHOOK } else { EVERY_WITHOUT },
            consecutive_failures: self.config.alerts.consecutive_failures,
        })
    }

    /// The same process under another configuration, with clients of its own.
    pub(crate) fn with(&self, config: Config, settings: SettingsRow) -> Self {
        Self {
            configured: config.directory.clone(),
            config,
            sources: self.sources.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            settings: Some(settings),
            whose: DecidedBy::InForce,
            synced_contacts: self.synced_contacts.clone(),
            overrides: self.overrides.clone(),
            overrides_changed: self.overrides_changed,
            calendars: self.calendars.clone(),
            calendars_changed: self.calendars_changed,
            broken: None,
            base: OnceLock::new(),
            credentials: Arc::clone(&self.credentials),
            lease: self.lease.clone(),
            permit: self.permit.clone(),
        }
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
    pub(crate) async fn holder(&self) -> Option<Holder> {
        store::holder(self.location()).await
    }

    /// Whether the provider is the sandbox: test mode does not name another one on this machine.
    pub(crate) fn needs_sandbox(&self) -> bool {
        let wanted = Some(self.config.sandbox_listen.port());
        let elsewhere = self.config.twilio.as_ref().is_some_and(|t| t.base_url.port_or_known_default() != wanted);
        self.config.mode == Mode::Test && !elsewhere
    }
}

/// The configuration that a command works by, whose settings those are, and why its own could not be used.
fn choose(
    sources: &Sources,
    wanted: ConfigNeed,
    settings: Option<&SettingsRow>,
) -> Result<(Config, DecidedBy, Option<ConfigErrors>), ConfigErrors> {
    match (wanted, settings) {
        (ConfigNeed::InForce, Some(row)) => match config::load_under(sources, row) {
            Ok(config) => Ok((config, DecidedBy::InForce, None)),
            // What a command needs besides, it asks for; a fault of its file elsewhere is no reason to keep an operator out.
            // Nor is one of its environment.
            Err(wrong) => {
                match config::load_under_without_file(sources, row).or_else(|_| config::load_document(sources, row)) {
                    Ok(config) => Ok((config, DecidedBy::InForce, Some(wrong))),
                    Err(_) => Err(wrong),
                }
            }
        },
        (ConfigNeed::OwnToPutInForce, Some(row)) => match config::load(sources) {
            Ok(own) => Ok((own, DecidedBy::Own, None)),
            Err(mut wrong) => {
                let stand_in = config::load_under_without_file(sources, row);
                let all = [Part::Twilio, Part::Airtable, Part::Server, Part::Alerts, Part::Mail, Part::Calendars];
                match stand_in.and_then(|config| config.check(&all).map(|()| config)) {
                    Ok(config) => Ok((config, DecidedBy::InForce, Some(wrong))),
                    // Without the secrets that the file alone held there is no way to go on: its own faults are told first.
                    Err(missing) => {
                        wrong.0.extend(missing.0);
                        Err(wrong)
                    }
                }
            }
        },
        _ => Ok((config::load(sources)?, DecidedBy::Own, None)),
    }
}

/// The bounds of decisions, by the settings alone.
pub(super) fn rules(config: &Config) -> Rules {
    let d = &config.delivery;
    Rules {
        poll_after: d.poll_after,
        status_timeout: d.status_timeout,
        validity: config.validity,
        settle: d.settle,
        unknown_first: policy(d.unknown_first),
        unknown_follow_up: policy(d.unknown_follow_up),
        resend_limit: d.resend_limit,
        resend_pause: d.resend_pause,
        stand_down: d.stand_down,
        late_follow_up: config.alerts.late_follow_up,
        test_mode: config.mode == Mode::Test,
        oncall: config.oncall.clone(),
        followthrough: config.followthrough.clone(),
        limits: config.limits.clone(),
        retention: config.retention,
        morning: config.morning,
        lexicon: config.replies.clone(),
        off: crate::domain::safeguards::SafeguardsOff::default(),
    }
}

fn named(keys: &[String]) -> String {
    let shown = keys.iter().take(DIFFERENCES_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match keys.len().saturating_sub(DIFFERENCES_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more: see `dispatchctl config show --diff`"),
    }
}

pub(super) fn store_mode(mode: Mode) -> StoreMode {
    match mode {
        Mode::Live => StoreMode::Live,
        Mode::Test => StoreMode::Test,
    }
}

fn policy(p: config::UnknownPolicy) -> UnknownPolicy {
    match p {
        config::UnknownPolicy::Resend => UnknownPolicy::Resend,
        config::UnknownPolicy::Hold => UnknownPolicy::Hold,
    }
}
