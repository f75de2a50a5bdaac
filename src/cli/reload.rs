//! What a running `serve` takes over: its own configuration at SIGHUP, and settings that another process puts in force.
//!
//! A wrong file changes nothing. What is taken over is in the store first, so that every process decides by it at once and a
//! restart goes on with it.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{self, Config, ConfigErrors, ConfigProblem, Part};
use crate::domain::alert::{AlertChange, AlertKind, SinkTarget};
use crate::domain::event::Event;
use crate::domain::settings::{NewSettings, SettingsNumber, SettingsRow};
use crate::domain::types::Actor;
use crate::engine::apply::Core;
use crate::engine::beside::{BesideLoop, LoopBeat, SETTINGS};
use crate::engine::in_force::Decides;
use crate::engine::rest::REST_MAX;
use crate::engine::supervisor::Supervisor;
use crate::engine::wake::WakeSignal;
use crate::engine::{Scope, duties, outbox, start};
use crate::http::HttpState;
use crate::store::Lease;

use super::app::{App, operator, rules};
use super::assign;
use super::brought;
use super::replica::{Term, ThisProcess};
use super::report::CliError;
use super::rotation::{self, Trial, Tried};
use super::settings_file;
use super::trials::{Kept, Trials};

/// How often to look whether another process put settings in force.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Settings in force that this process cannot carry out are tried again after this.
const TRIED_AGAIN: Duration = Duration::from_secs(5);

/// So are new secrets that nobody answered for.
const SECRETS_AGAIN: Duration = Duration::from_secs(30);
const GIVEN_UP: &str = "other settings are in force since the signal: those go on, what was read then is given up; reload (SIGHUP) to put it in force";

/// What a reload reaches.
pub(super) struct Reload {
    /// As this process was set up last.
    pub(super) app: App,
    pub(super) core: Arc<Core>,
    /// Settings in force that this process cannot carry out are tried again then, by the boot clock. Nobody waits for that: whoever
    /// becomes the engine needs what is here.
    pub(super) not_before: Option<Duration>,
    /// When all that is in force was known here, and of which version of the store.
    pub(super) followed: Option<(Duration, u64)>,
    /// A configuration whose new secrets nobody answered for.
    pub(super) untried: Option<Untried>,
    /// One whose new secrets are being tried.
    pub(super) trials: Kept<Waits>,
    /// The own configuration is known to be wrong: settings of others that are taken over are no end of that.
    pub(super) own_is_wrong: bool,
    /// It was said that settings in force cannot be carried out here.
    pub(super) said_of_others: bool,
    /// The engine of the term that it is in, and where it tells of its store.
    pub(super) this_process: ThisProcess,
    pub(super) state: Arc<HttpState>,
    /// The listeners that run may be reached from elsewhere: what the start demanded tokens for goes on to demand them.
    pub(super) is_exposed: bool,
    /// What this process is called among several that share a store; `None`: it is alone.
    pub(super) replica: Option<String>,
    /// What the own configuration decides, as it was read last: where several share a store, it may not be what is in force.
    pub(super) own: serde_json::Value,
    /// What this process began with: what only a restart applies is compared with it.
    pub(super) started: Config,
}

/// What waits until somebody can say whether its secrets are right: what was read then, whatever its file says since.
pub(super) struct Untried {
    waits: Waits,
    /// Tried again then, by the boot clock.
    at: Duration,
}

/// A configuration whose new secrets are being tried.
#[derive(Clone)]
pub(super) struct Waits {
    new: Box<Config>,
    /// What was in force when it was read: where that is other settings by now, they go on.
    over: Option<SettingsNumber>,
    which: Which,
}

/// What is put in force once the secrets are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// All that was read at a signal.
    All,
    /// The secrets alone: the settings are another process's, and count already.
    Secrets,
}

/// What is to be asked of others, and what waits for it.
type Asked = (Waits, Trial);

/// Why new secrets are not taken over.
struct Untaken {
    problem: ConfigProblem,
    /// Nobody answered: it may be tried again.
    may_change: bool,
}

impl Reload {
    /// What [`Reload::run`] is seen as.
    pub(super) const LOOP: BesideLoop = BesideLoop::usual(SETTINGS, LOOK_EVERY);

    /// Until `stop`.
    pub(super) async fn run(
        shared: Arc<Mutex<Self>>,
        core: Arc<Core>,
        hangup: Arc<Mutex<Option<Signal>>>,
        beat: LoopBeat,
        stop: CancellationToken,
    ) {
        let mut hangup = hangup.lock().await;
        // Nobody who needs what is here waits for an other side that hangs. What a loop that died was having tried is tried again.
        let kept = shared.lock().await.trials.clone();
        let (mut trials, left) = Trials::over(kept);
        let mut to_try = match left {
            Some(waits) => Box::pin(shared.lock().await.begin_trial(waits)).await,
            None => None,
        };
        loop {
            if let Some((of, trial)) = to_try.take() {
                if of.which == Which::Secrets && trials.current().is_some_and(|w: Waits| w.which == Which::All) {
                    warn!("{GIVEN_UP}");
                }
                trials.begin(of, trial.run());
            }
            beat.round().await;
            let asked = async {
                match &mut *hangup {
                    Some(hangup) => {
                        hangup.recv().await;
                    }
                    None => std::future::pending().await,
                }
            };
            to_try = tokio::select! {
                () = stop.cancelled() => return,
                () = asked => {
                    // Whatever waited, this stands in for it.
                    trials.give_up();
                    let mut this = shared.lock().await;
                    Box::pin(this.own()).await
                },
                Some((waits, tried)) = trials.ended() => {
                    Box::pin(shared.lock().await.judge(waits, tried)).await;
                    trials.give_up();
                    None
                },
                () = core.clock.sleep_until(core.clock.now().plus(LOOK_EVERY)) => {
                    let mut this = shared.lock().await;
                    // A trial under way is let end first.
                    match this.untried.take_if(|u| trials.current().is_none() && core.clock.boot() >= u.at) {
                        Some(untried) => Box::pin(this.begin_trial(untried.waits)).await,
                        None => Box::pin(this.follow()).await,
                    }
                }
            };
        }
    }

    /// This process is the engine from now on, as far as it can be before its loops run: what engines that are gone have left is
    /// settled in the store.
    pub(super) async fn begin(&mut self, lease: &Arc<dyn Lease>, own_url: &str) -> Result<Term, CliError> {
        self.app.holds(lease);
        let engine = self.app.engine(self.core.clone(), self.app.gateway()?, Scope::All)?;
        let supervisor = Supervisor::new(engine.clone());
        let watched = Arc::downgrade(&engine);
        lease.only_while(Box::new(move || watched.upgrade().is_some_and(|engine| engine.works())));
        engine.file_watch.holds(lease.clone());
        assign::assign_airtable(&self.app, &engine, &supervisor).await?;
        super::calendars::assign(&self.app, &engine, &supervisor).await?;
        assign::assign_heartbeat(&self.app, &engine, &supervisor)?;
        assign::assign_reports(&self.app, &engine, &supervisor);
        assign::assign_events(&self.app, &engine, &supervisor).await?;
        super::call_lists::assign(&self.app, &engine, &supervisor)?;
        start::recover_local(&engine, "serve", Some(own_url.to_owned())).await?;
        self.this_process.set_engine(Some((engine.clone(), supervisor.clone())));
        self.state.set_engine(Some(engine.clone()));
        Ok(Term { lease: lease.clone(), engine, supervisor })
    }

    /// The configuration is read again and put in force, at once where no secret is new.
    async fn own(&mut self) -> Option<Asked> {
        // Whatever waited, this stands in for it.
        self.untried = None;
        let over = match self.core.store.basis().await {
            Ok(basis) => basis.settings,
            Err(e) => {
                error!(error = %e, "what is in force cannot be read, it stays");
                return None;
            }
        };
        let read = reloaded(&self.app.sources, self.is_exposed);
        let new = match read.and_then(|new| with_fault_injection(&self.app.sources, new)).and_then(whole) {
            Ok(new) => new,
            Err(e) => {
                error!("the new configuration is wrong, the settings and secrets in force stay: {e}");
                self.own_is_wrong = true;
                self.said(Some(&e)).await;
                return None;
            }
        };
        self.begin_trial(Waits { new: Box::new(new), over, which: Which::All }).await
    }

    /// What is to be asked before it counts; where nothing is, it counts from now on.
    async fn begin_trial(&mut self, waits: Waits) -> Option<Asked> {
        let used = rotation::as_used(&self.app.config, (*waits.new).clone());
        match Trial::of(&self.app, &used) {
            Ok(trial) if trial.is_empty() => self.judge(waits, Tried::Taken).await,
            Ok(trial) => return Some((waits, trial)),
            Err(refused) => self.judge(waits, refused).await,
        }
        None
    }

    /// New secrets were tried. What is refused is said; what nobody answers for waits. Where other settings are in force than before,
    /// those go on.
    async fn judge(&mut self, waits: Waits, tried: Tried) {
        let at = self.core.clock.boot() + SECRETS_AGAIN;
        if let Some(Untaken { problem, may_change }) = untaken(waits.which, tried) {
            error!("{problem}");
            match waits.which {
                Which::All => self.own_is_wrong = !may_change,
                Which::Secrets => self.said_of_others = true,
            }
            if may_change {
                self.untried = Some(Untried { waits, at });
            }
            return self.said(Some(&ConfigErrors(vec![problem]))).await;
        }
        match self.core.store.basis().await {
            Ok(basis) if basis.settings == waits.over => match waits.which {
                Which::All => Box::pin(self.put_in_force(*waits.new)).await,
                Which::Secrets => Box::pin(self.take_secrets(*waits.new)).await,
            },
            Ok(_) if waits.which == Which::Secrets => {}
            Ok(_) => {
                warn!("{GIVEN_UP}");
                self.said(None).await;
            }
            Err(e) => {
                warn!(error = %e, "it cannot be seen whether other settings are in force: it is tried again");
                self.untried = Some(Untried { waits, at });
            }
        }
    }

    /// The secrets of a configuration whose settings count already.
    async fn take_secrets(&mut self, new: Config) {
        let Some(row) = self.app.settings.clone() else { return };
        let (over, used) = (Some(row.number), rotation::as_used(&self.app.config, new.clone()));
        if !Box::pin(self.take_over(row, used)).await {
            let waits = Waits { new: Box::new(new), over, which: Which::Secrets };
            self.untried = Some(Untried { waits, at: self.core.clock.boot() + SECRETS_AGAIN });
            return;
        }
        info!("new secrets are taken by their other side, and count");
        self.over_for_others().await;
    }

    /// Nothing is wrong with settings of others any more.
    async fn over_for_others(&mut self) {
        if std::mem::take(&mut self.said_of_others) && !self.own_is_wrong && self.untried.is_none() {
            self.said(None).await;
        }
    }

    async fn put_in_force(&mut self, new: Config) {
        let core = &self.core;
        let settings = NewSettings {
            document: new.documents.decides.clone(),
            places: Some(new.documents.places.clone()),
            targets: new.targets(),
            actor: operator(None),
            role: "serve".to_owned(),
            at: core.clock.now(),
        };
        let row = match core.store.put_settings(&settings).await {
            Ok(row) => row,
            Err(e) => return error!(error = %e, "the new settings cannot be put in force, the old ones stay"),
        };
        let said = brought::changes(&self.started, &self.app.config, &new);
        let new = rotation::as_used(&self.app.config, new);
        self.state.set_tokens(new.server.tokens.clone());
        for (said, applied) in said {
            match applied {
                brought::Applied::Whole => info!("{said}"),
                brought::Applied::AfterARestart => warn!("{said}"),
            }
        }
        assign::warn_of(&new);
        self.own = new.documents.decides.clone();
        self.take_over(row, new).await;
        // The contacts' table is read again with the file.
        self.core.wake.notify(WakeSignal::ContactSync);
        (self.own_is_wrong, self.said_of_others) = (false, false);
        self.said(None).await;
        info!("settings and tokens were read again");
    }

    /// A sink that the settings name and this process has no place for hears nothing: that is an alarm of its own.
    async fn say_sinks(&self, named: &[SinkTarget]) {
        let core = &self.core;
        let Some((engine, _)) = self.this_process.engine() else { return };
        let here = engine.sinks();
        let is_here = |sink: &SinkTarget| here.iter().any(|s| s.name == sink.name);
        let mut changes: Vec<AlertChange> = Vec::new();
        for sink in named.iter().filter(|s| !is_here(s)) {
            let message = format!(
                "the settings in force name the alert sink {}, and this engine has no url for it: nothing is delivered to it; give it one under that name and reload",
                sink.name
            );
            changes.push(AlertChange::Raise { key: AlertKind::SinkPlace.about(&sink.name), call: None, message });
        }
        for alert in core.store.alerts().await.unwrap_or_default() {
            let is_over = |s: &SinkTarget| alert.key == AlertKind::SinkPlace.about(&s.name) && !is_here(s);
            if alert.key.kind() == AlertKind::SinkPlace && !named.iter().any(is_over) {
                changes.push(AlertChange::Resolve { key: alert.key });
            }
        }
        for change in changes {
            if let Err(e) = core.apply(Event::Alert(change), Actor::engine()).await {
                warn!(error = %e, "a sink without a place could not be recorded");
            }
        }
    }

    /// To the sinks of the new settings; what waits for those that are gone is handed over.
    async fn deliver_alerts_anew(&self) -> Result<(), CliError> {
        let Some((engine, supervisor)) = self.this_process.engine() else { return Ok(()) };
        engine.set_sinks(self.app.sinks()?);
        outbox::start(&engine).await?;
        supervisor.assign(duties::ALERTS, duties::alerts(&engine));
        Ok(())
    }

    async fn said(&self, wrong: Option<&ConfigErrors>) {
        if let Err(e) = settings_file::say(&self.core, self.replica.as_deref(), wrong).await {
            warn!(error = %e, "the state of the configuration file could not be recorded");
        }
    }

    /// Says in what the own configuration, as its file is now, is not what is in force. A file that is wrong is as it was read last.
    fn compare(&mut self, row: &SettingsRow) {
        if let Ok(read) = config::load(&self.app.sources) {
            self.own = read.documents.decides;
        }
        self.state.set_settings_differ(config::differences(&self.own, &config::completed(row)));
    }

    /// Settings that another process put in force. They count at once, under the secrets that this process uses; a new secret that its
    /// files hold by now is tried after that.
    async fn follow(&mut self) -> Option<Asked> {
        let core = self.core.clone();
        if self.not_before.is_some_and(|at| core.clock.boot() < at) {
            return None;
        }
        self.not_before = None;
        if self.state.differs_in_settings()
            && let Some(row) = self.app.settings.clone()
        {
            // A file that was corrected meanwhile needs no signal: it says what counts already.
            self.compare(&row);
        }
        // While nobody commits, what is in force is what it was.
        let (boot, version) = (core.clock.boot(), core.version.known(core.clock.boot()));
        let is_known = self.followed.is_some_and(|(at, since)| {
            boot.saturating_sub(at) < REST_MAX && core.version.stands_still(Some(since), boot)
        });
        if is_known {
            return None;
        }
        let known = self.app.settings.as_ref().map(|s| s.number);
        match core.store.basis().await {
            Ok(basis) if basis.settings != known => {}
            Ok(basis) => {
                // Contacts and exceptions that another process has read or changed: who stands by shows them too.
                let refreshed = if basis == core.in_force().basis { Ok(()) } else { core.refresh().await };
                match refreshed {
                    Ok(()) => self.followed = version.map(|version| (boot, version)),
                    Err(e) => warn!(error = %e, "what is in force cannot be read anew"),
                }
                return None;
            }
            Err(e) => {
                warn!(error = %e, "it cannot be seen whether other settings are in force");
                return None;
            }
        }
        match core.store.settings().await {
            Ok(Some(row)) => {
                match config::load_under(&self.app.sources, &row)
                    .and_then(|new| with_fault_injection(&self.app.sources, new))
                {
                    Ok(new) => {
                        let (number, settings) = (row.number, rotation::with_secrets_of(&self.app.config, new.clone()));
                        let settings = rotation::as_used(&self.app.config, settings);
                        Box::pin(self.take_over(row, settings)).await;
                        if self.app.settings.as_ref().is_none_or(|s| s.number != number) {
                            return None;
                        }
                        let waits = Waits { new: Box::new(new), over: Some(number), which: Which::Secrets };
                        return self.begin_trial_of_secrets(waits).await;
                    }
                    Err(e) => {
                        // Decisions are made under them all the same; what this process brings is looked at again.
                        error!(settings = row.number.0, "the settings in force cannot be carried out here: {e}");
                        self.said_of_others = true;
                        self.said(Some(&e)).await;
                        self.not_before = Some(core.clock.boot() + TRIED_AGAIN);
                    }
                }
            }
            Ok(None) => {}
            Err(e) => warn!(error = %e, "the settings in force cannot be read"),
        }
        None
    }

    /// As [`Reload::begin_trial`], where the settings count already.
    async fn begin_trial_of_secrets(&mut self, waits: Waits) -> Option<Asked> {
        let used = rotation::as_used(&self.app.config, (*waits.new).clone());
        if matches!(Trial::of(&self.app, &used), Ok(trial) if trial.is_empty()) {
            self.over_for_others().await;
            return None;
        }
        self.begin_trial(waits).await
    }

    /// Decisions, bounds and what is done with the base go by these from now on. Whether they do: else all is as it was.
    async fn take_over(&mut self, row: SettingsRow, new: Config) -> bool {
        let core = self.core.clone();
        let decides = Decides { directory: new.directory.clone(), rules: rules(&new) };
        let of = row.clone();
        if let Err(e) = core.change_in_force(move |held| held.with_settings(Some(&of), decides)).await {
            error!(settings = row.number.0, error = %e, "the settings in force are not put in force here");
            return false;
        }
        if let Some(t) = &new.twilio {
            let signing = [Some(t.auth_token.clone()), t.auth_token_previous.clone()];
            self.state.set_signing_tokens(signing.into_iter().flatten().collect());
        }
        self.state.set_intake(new.intake.clone());
        if self.replica.is_some() {
            self.compare(&row);
        }
        info!(settings = row.number.0, actor = row.actor.0, role = row.role, "these settings are in force");
        let before = self.app.settings.as_ref().and_then(|s| s.document.get("airtable").cloned());
        let same_base =
            before.as_ref() == row.document.get("airtable") && !rotation::has_other_base_token(&self.app.config, &new);
        let named = config::sinks_of(&row.document);
        let same_sinks = self.app.config.alerts.sinks == new.alerts.sinks;
        let same_events = self.app.config.events == new.events;
        if let Some(t) = &new.twilio {
            self.app.put_credentials(t);
        }
        self.app = self.app.with(new, row);
        if !same_sinks {
            match self.app.sinks() {
                Ok(sinks) => self.this_process.set_sinks(sinks),
                Err(e) => warn!(error = %e.what, "that the store takes no writes is told to the sinks of before"),
            }
        }
        // What a standby does later, it does by these.
        let Some((engine, supervisor)) = self.this_process.engine() else {
            core.wake.all();
            return true;
        };
        match self.app.bounds(&core) {
            Ok(bounds) => engine.set_bounds(bounds),
            Err(e) => warn!(error = %e.what, "the bounds of the engine stay"),
        }
        match self.app.relay() {
            Ok(relay) => engine.set_mail(relay),
            Err(e) => warn!(error = %e.what, "mails go by the relay of before"),
        }
        match self.app.phones() {
            Ok(provider) => engine.set_voice(provider),
            Err(e) => warn!(error = %e.what, "phones are rung by the provider of before"),
        }
        if !same_base && let Err(e) = assign::assign_airtable(&self.app, &engine, &supervisor).await {
            error!(error = %e.what, causes = ?e.causes, "what is done with Airtable goes on as before: it cannot be set up anew");
        }
        if let Err(e) = super::calendars::assign(&self.app, &engine, &supervisor).await {
            error!(error = %e.what, "calendars of who is on call are read as before");
        }
        // Those that are as they were go on undisturbed.
        if !same_sinks && let Err(e) = self.deliver_alerts_anew().await {
            error!(error = %e.what, "alerts are delivered as before");
        }
        self.say_sinks(&named).await;
        if !same_events && let Err(e) = assign::assign_events(&self.app, &engine, &supervisor).await {
            error!(error = %e.what, "events are told as before");
        }
        if let Err(e) = assign::assign_heartbeat(&self.app, &engine, &supervisor) {
            error!(error = %e.what, "the heartbeat goes on as before");
        }
        assign::assign_reports(&self.app, &engine, &supervisor);
        if let Err(e) = super::call_lists::assign(&self.app, &engine, &supervisor) {
            error!(error = %e.what, "the lists of phone calls are compared as before");
        }
        core.wake.all();
        true
    }
}

/// Why new secrets are not taken over, and what goes on.
fn untaken(which: Which, tried: Tried) -> Option<Untaken> {
    let stays = match which {
        Which::All => "the old ones go on, and so do the settings of before",
        Which::Secrets => "the old ones go on under the new settings",
    };
    let (what, may_change) = match tried {
        Tried::Taken => return None,
        Tried::Refused(what) => (format!("{what}; {stays}"), false),
        Tried::Unanswered(what) => {
            let what = format!("{what}; nobody can say whether it is right: {stays}, it is tried again every 30 s");
            (what, true)
        }
    };
    let form = "secrets that their other side takes".to_owned();
    let problem = ConfigProblem { at: None, key: "secrets".to_owned(), what, form, meant: None };
    Some(Untaken { problem, may_change })
}

/// A secret that cannot be read now is not one that is given up: the old ones stay.
fn whole(new: Config) -> Result<Config, ConfigErrors> {
    new.check(&[Part::Twilio, Part::Airtable, Part::Server, Part::Alerts, Part::Mail, Part::Calendars]).map(|()| new)
}

/// With the sinks of the drill that this process runs in, if it does: their URLs were checked at its start.
pub(super) fn with_fault_injection(sources: &config::Sources, mut new: Config) -> Result<Config, ConfigErrors> {
    match super::fault_injection::add_sinks(sources, &mut new) {
        Ok(()) => Ok(new),
        Err(_) => Err(ConfigErrors(Vec::new())),
    }
}

/// The new configuration, if it can take the place of the old one. Listeners stay as they are: tokens that cannot be read, or are left
/// out together with an address that is only in force from the next start, must not open a running API to everybody.
fn reloaded(sources: &config::Sources, is_exposed: bool) -> Result<config::Config, config::ConfigErrors> {
    let new = config::load(sources)?;
    new.check(&[Part::Server])?;
    if is_exposed && new.server.tokens.is_empty() {
        return Err(config::ConfigErrors(vec![ConfigProblem {
            at: None,
            key: "server.tokens".into(),
            what: "none is configured, and the running listener or its public_url is not on this machine".into(),
            form: "[[server.tokens]], or a restart".into(),
            meant: None,
        }]));
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_never_leaves_an_exposed_api_without_tokens() {
        let dir = tempfile::tempdir().expect("temp dir");
        let file = dir.path().join("dispatchctl.toml");
        let sources = config::Sources {
            flag_config: Some(file.clone()),
            flag_store: Some(dir.path().join("a.db").display().to_string()),
            cwd: dir.path().to_path_buf(),
            ..config::Sources::default()
        };
        std::fs::write(dir.path().join("token"), "a-token-of-twenty-characters").expect("written");
        let tokens =
            |file: &str| format!("[[server.tokens]]\nname = \"a\"\ntoken_file = \"{file}\"\nscope = \"read\"\n");
        for (label, text, is_exposed, works) in [
            ("tokens that are there", tokens("token"), true, true),
            ("a token file that cannot be read, exposed", tokens("gone"), true, false),
            ("a token file that cannot be read, on this machine", tokens("gone"), false, false),
            ("no tokens any more, exposed", "[server]\nlisten = \"127.0.0.1:3000\"\n".to_owned(), true, false),
            ("no tokens any more, on this machine", String::new(), false, true),
        ] {
            std::fs::write(&file, text).expect("written");
            assert_eq!(reloaded(&sources, is_exposed).is_ok(), works, "{label}");
        }
    }
}
