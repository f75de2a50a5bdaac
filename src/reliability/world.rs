//! One scenario's world: a directory, a sandbox in this process, the engine as a child, and what was seen of them. All of it
//! ends with the value: children first, then the sandbox, then the directory.

mod armed_faults;
mod mails;
mod phones;
mod record;
mod replicas;
mod requests;
mod stories;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::clock::{Clock as _, SystemClock};
use crate::config::Airtable;
use crate::domain::Timestamp;
use crate::sandbox::{Person, Sandbox, SandboxConfig};
use crate::store::{DrillSchema, Location, PostgresUrl};

use super::action::Edit;
use super::documents::text;
use super::drill_dir::DrillDir;
use super::history::{Asked, History};
use super::process::{Process, Signal};
use super::scenario::{Given, Scenario, Script};
use super::settings::{self, STORE, environment, settings_of, zone_with_summer_at};
use super::trouble::{SKIPPED, Trouble};

/// The longest that a start of the engine may take.
const START_MAX: Duration = Duration::from_secs(30);
/// The longest that an engine that starts may take to say that it lives, before it is asked again.
const LIVES_MAX: Duration = Duration::from_secs(2);
/// The lease of an engine that was killed ends within this.
const LEASE_ENDS_WITHIN: Duration = Duration::from_secs(6);
/// A standby has looked at the lease by so long after its start.
const FIRST_LOOK_WITHIN: Duration = Duration::from_millis(1_500);
/// The longest that one request to the engine may take: it may stand still meanwhile.
const REQUEST_MAX: Duration = Duration::from_secs(60);
/// Opens the sandbox's lists for the judge.
pub(super) const JUDGE: &str = "patJudge.looks-and-touches-nothing";
/// Between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The longest that a command may take.
const COMMAND_MAX: Duration = Duration::from_secs(60);

/// The password of the server that the stores of drills are on, as every command reads it.
pub const PASSWORD: &str = "DISPATCHCTL_STORE__PASSWORD";

/// What all scenarios of a run share.
#[derive(Debug)]
pub struct DrillEnv {
    /// The program under test.
    pub program: PathBuf,
    /// Where everything is written.
    pub drill_dir: DrillDir,
    /// Decides every chance.
    pub seed: u64,
    /// Guards that every engine is without: then something must break.
    pub guards_off: Vec<String>,
    /// The server whose database the stores are in, each in a schema of its own; `None`: each is a file in its drill's directory.
    pub server: Option<PostgresUrl>,
    /// Where the history of a storm is written, see [`super::history`].
    pub history: Option<PathBuf>,
}

/// What became of a start.
enum Started {
    Answers,
    /// It ended, with this exit code.
    Ended(i32),
}

/// See the module. Fields are dropped in order.
pub(super) struct World {
    pub(super) engine: Option<Process>,
    pub(super) beside: BTreeMap<String, Process>,
    requests: JoinSet<(String, Option<u16>)>,
    sandbox: Option<Sandbox>,
    sandbox_at: SocketAddr,
    drill_dir: DrillDir,
    /// Where the store is, where that is no file.
    schema: Option<DrillSchema>,
    client: reqwest::Client,
    drill_env: Arc<DrillEnv>,
    given: Given,
    at: SocketAddr,
    clock: SystemClock,
    starts: u32,
    commands: u32,
    shells: u32,
    logs: Vec<PathBuf>,
    armed_faults: armed_faults::ArmedFaults,
    /// Calls whose acceptance was answered with success.
    pub(super) accepted: BTreeSet<String>,
    /// What was handed over, and how it was answered.
    pub(super) asked: Asked,
    /// When the newest engine first answered.
    pub(super) ready_at: Option<Timestamp>,
    /// When its process was started.
    pub(super) started_at: Option<Timestamp>,
    /// When it was continued.
    pub(super) thawed_at: Option<Timestamp>,
    /// Times without a working engine.
    down: Vec<(Timestamp, Timestamp)>,
    down_since: Option<Timestamp>,
    /// From the start of a process to its first answer, in milliseconds; restarts alone.
    pub(super) recovery_ms: Vec<i64>,
    /// Whether a clock was set apart.
    pub(super) clock_moved: bool,
    /// By how much, in milliseconds.
    pub(super) clock_ms: i64,
    /// The base as the engine is told of it.
    airtable: Option<Airtable>,
    /// The newest reply of each number, to be delivered again.
    replies: BTreeMap<String, String>,
    /// What is wrong with the store.
    pub(super) trouble: Trouble,
    /// The time zone of the place.
    zone: Option<String>,
}

/// A port that nothing listens on, below those that the system gives to clients, so that it stays free over a restart.
pub(crate) fn free_port() -> Result<u16, String> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Drills that start one after the other have ids one after the other: their ports are kept far apart, as a port is taken
    // only some time after it was found free.
    let start = u16::try_from(std::process::id().wrapping_mul(197) % 12_000).unwrap_or(0);
    (0..12_000)
        .map(|_| 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| "no free port between 20000 and 32000 on this machine".to_owned())
}

impl World {
    /// Starts the sandbox and, unless the scenario says otherwise, the engine.
    pub(super) async fn open(scenario: &Scenario, drill_env: Arc<DrillEnv>, name: &str) -> Result<Self, String> {
        let drill_dir = drill_env.drill_dir.within(name)?;
        let config = settings_of(scenario, drill_dir.path()).map_err(|e| e.join("\n"))?;
        let twilio = config.twilio.as_ref();
        let mut sandbox = SandboxConfig::new(drill_dir.path().join("ledger.ndjson"));
        if let Some(t) = twilio {
            sandbox.account_sid.clone_from(&t.account_sid);
            sandbox.auth_token = t.auth_token.expose_secret().to_owned();
        }
        sandbox.pace = scenario.given.pace;
        sandbox.call_second = scenario.given.call_second;
        sandbox.tcp_faults = scenario.given.tcp_peer || scenario.corrupts_the_wire();
        sandbox.seed = drill_env.seed;
        sandbox.airtable_judge = Some(JUDGE.to_owned());
        if let Some(a) = &config.airtable {
            sandbox.airtable_token = a.token.expose_secret().to_owned();
            sandbox.airtable_base.clone_from(&a.base_id);
        }
        sandbox.people = (scenario.given.people.iter())
            .map(|p| Person {
                phone: p.phone.clone(),
                script: p.replies.iter().map(Script::reply).collect(),
                calls: p.calls.clone(),
            })
            .collect();
        let sandbox = Sandbox::start(sandbox).await.map_err(|e| format!("the sandbox cannot be started: {e}"))?;
        let at = match scenario.given.listen {
            Some(at) => at,
            None => SocketAddr::from(([127, 0, 0, 1], free_port()?)),
        };
        sandbox
            .set_inbound_url(Some(format!("http://{at}/webhooks/twilio/sms-inbound")))
            .map_err(|e| format!("the sandbox cannot post replies: {e}"))?;
        for fault in scenario.given.faults.clone() {
            sandbox.add_fault(fault).map_err(|e| format!("{}: given.faults: {e}", scenario.file))?;
        }
        let schema = match drill_env.server.clone() {
            None => None,
            Some(server) => {
                let name = format!("{}_{name}", std::process::id());
                let made = tokio::task::spawn_blocking(move || DrillSchema::make(&server, &name)).await;
                Some(made.map_err(|e| e.to_string())?.map_err(|e| format!("the drill has no schema: {e}"))?)
            }
        };
        let client = reqwest::Client::builder().no_proxy().timeout(REQUEST_MAX).pool_max_idle_per_host(0).build();
        let armed_faults = armed_faults::ArmedFaults::without(&drill_env.guards_off);
        let mut world = Self {
            engine: None,
            beside: BTreeMap::new(),
            requests: JoinSet::new(),
            sandbox_at: sandbox.addr(),
            sandbox: Some(sandbox),
            drill_dir,
            schema,
            client: client.map_err(|e| format!("no HTTP client: {e}"))?,
            drill_env,
            given: scenario.given.clone(),
            at,
            clock: SystemClock::new(),
            starts: 0,
            commands: 0,
            shells: 0,
            logs: Vec::new(),
            armed_faults,
            accepted: BTreeSet::new(),
            asked: Asked::default(),
            started_at: None,
            ready_at: None,
            thawed_at: None,
            down: Vec::new(),
            down_since: None,
            recovery_ms: Vec::new(),
            clock_moved: false,
            clock_ms: 0,
            airtable: config.airtable,
            replies: BTreeMap::new(),
            trouble: Trouble::default(),
            zone: scenario.given.summer_in.and_then(|d| zone_with_summer_at(SystemClock::new().now().plus(d))),
        };
        if let Some(n) = scenario.given.airtable_per_second {
            world.control("POST", "settings", &json!({ "airtablePerSecond": n })).await?;
        }
        if scenario.given.engine {
            world.start().await?;
        }
        Ok(world)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) async fn pause(&self, d: Duration) {
        self.clock.sleep_until(self.clock.now().plus(d)).await;
    }

    pub(super) async fn until(&self, at: Timestamp) {
        self.clock.sleep_until(at).await;
    }

    /// The program, on this world's store and settings.
    pub(super) fn command(&self, args: &[String]) -> Command {
        let store = match &self.schema {
            Some(schema) => schema.argument().to_owned(),
            None => format!("sqlite:{}", self.drill_dir.path().join(STORE).display()),
        };
        self.command_on(&store, args)
    }

    pub(super) fn command_on(&self, store: &str, args: &[String]) -> Command {
        let mut command = Command::new(&self.drill_env.program);
        command
            .args(["--test-mode", "--utc", "--config", settings::FILE, "--store"])
            .arg(store)
            .args(args)
            .env_clear()
            .envs(std::env::var(PASSWORD).ok().map(|password| (PASSWORD, password)))
            .env("HOME", self.drill_dir.path())
            .env("USER", "drill")
            .env("PATH", "/usr/bin:/bin")
            .env("DISPATCHCTL_SANDBOX__LISTEN", self.sandbox_at.to_string())
            .envs(self.relay_of_mails())
            .envs(environment(&self.given, self.sandbox_at, self.zone.as_deref()))
            .envs(self.given.env.iter().map(|(k, v)| (k, v)))
            .current_dir(self.drill_dir.path());
        command
    }

    /// Where the store is.
    pub(super) fn location(&self) -> Location {
        match &self.schema {
            Some(schema) => Location::Postgres(schema.url.clone()),
            None => Location::File(self.drill_dir.path().join(STORE)),
        }
    }

    /// The store's file.
    ///
    /// # Errors
    /// What is skipped: it is in none.
    pub(super) fn store_file(&self) -> Result<PathBuf, String> {
        match &self.schema {
            Some(_) => Err(format!("{SKIPPED}it is about a store in a file")),
            None => Ok(self.drill_dir.path().join(STORE)),
        }
    }

    /// Starts the engine and waits until it answers.
    pub(super) async fn start(&mut self) -> Result<(), String> {
        match self.start_once().await? {
            Started::Answers => Ok(()),
            Started::Ended(code) => {
                let words = self.newest_log();
                let last: Vec<&str> = words.lines().rev().filter(|l| !l.trim().is_empty()).take(4).collect();
                let said = last.into_iter().rev().collect::<Vec<_>>().join(" | ");
                Err(format!("the engine ended with exit {code} at its start: {said}"))
            }
        }
    }

    /// Whether somebody who lives is the engine: on a server whoever was killed a moment ago still counts as it for a while.
    async fn has_an_engine(&self, since: Timestamp) -> bool {
        let waited = self.now().since(since);
        if self.schema.is_none() || waited > LEASE_ENDS_WITHIN {
            return true;
        }
        let Ok(Ok(ready)) = tokio::time::timeout(LIVES_MAX, self.get("/readyz")).await else { return false };
        let beat = ready["leader"]["beatAgoMs"].as_u64().map(Duration::from_millis);
        // A standby counts from when it first saw a beat, which may be a dead engine's last one: a younger one has come since.
        text(&ready, "role") == "leader" || beat.is_some_and(|ago| ago + FIRST_LOOK_WITHIN < waited)
    }

    /// The same; it may end before it answers.
    async fn start_once(&mut self) -> Result<Started, String> {
        if self.engine.as_mut().is_some_and(|e| e.ended().is_none()) {
            return Err("an engine runs already".into());
        }
        if let Some(code) = self.ended_by_itself() {
            return Err(format!("the engine had ended by itself before, with exit {code}"));
        }
        self.starts += 1;
        let name = format!("engine-{}", self.starts);
        let args = ["-o", "json", "serve", "--listen", &self.at.to_string()].map(str::to_owned);
        let mut command = self.command(&args);
        command.envs(self.armed_faults.environment());
        let from = self.now();
        self.logs.push(self.drill_dir.path().join(format!("{name}.err")));
        self.engine = Some(self.trouble.start(&mut command, self.drill_dir.path(), &name)?);
        loop {
            // Its own word comes first: whoever else answers at that address is not the engine.
            let says_so = self.engine.as_ref().is_some_and(|e| e.stdout().contains('\n'));
            // Whoever else has its port may take the question and never answer.
            let answers = says_so && matches!(tokio::time::timeout(LIVES_MAX, self.get("/livez")).await, Ok(Ok(_)));
            if answers && self.has_an_engine(from).await {
                break;
            }
            let now = self.now();
            let engine = self.engine.as_mut().ok_or("no engine")?;
            if let Some(code) = engine.ended() {
                self.engine = None;
                self.down_since = self.down_since.or(Some(now));
                return Ok(Started::Ended(code));
            }
            if now.since(from) > START_MAX {
                return Err(format!(
                    "the engine did not answer within {} s: {}",
                    START_MAX.as_secs(),
                    engine.last_words()
                ));
            }
            self.pause(Duration::from_millis(10)).await;
        }
        let now = self.now();
        (self.started_at, self.ready_at) = (Some(from), Some(now));
        if self.starts > 1 {
            self.recovery_ms.push(now.as_millis() - from.as_millis());
        }
        if let Some(since) = self.down_since.take() {
            self.down.push((since, now));
        }
        Ok(Started::Answers)
    }

    /// What the newest engine has said.
    fn newest_log(&self) -> String {
        let read = self.logs.last().map(|p| std::fs::read(p).unwrap_or_default()).unwrap_or_default();
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Sends the engine a signal; a stop waits for its end, whose exit code must be 0.
    pub(super) async fn signal(&mut self, signal: Signal) -> Result<(), String> {
        let now = self.now();
        let Some(engine) = self.engine.as_mut() else { return Err("no engine runs".into()) };
        if let Some(code) = engine.ended() {
            return Err(format!("the engine had ended before, with exit {code}: {}", engine.last_words()));
        }
        match signal {
            Signal::Kill => {
                engine.kill();
                self.engine = None;
                self.killed_plainly();
            }
            Signal::Stop => {
                engine.signal(signal)?;
                let code = self.engine_end(Duration::from_secs(30)).await?;
                if code != 0 {
                    return Err(format!("the engine ended with exit {code} when it was asked to stop"));
                }
                return Ok(());
            }
            Signal::Freeze | Signal::Thaw | Signal::Reload => engine.signal(signal)?,
        }
        self.armed_faults.stands = signal == Signal::Freeze;
        match signal {
            Signal::Kill | Signal::Freeze => self.down_since = self.down_since.or(Some(now)),
            Signal::Thaw => {
                self.thawed_at = Some(now);
                if let Some(since) = self.down_since.take() {
                    self.down.push((since, now));
                }
            }
            Signal::Stop | Signal::Reload => {}
        }
        Ok(())
    }

    /// Waits until the engine has ended; its exit code.
    pub(super) async fn engine_end(&mut self, within: Duration) -> Result<i32, String> {
        let deadline = self.now().plus(within);
        loop {
            let now = self.now();
            let Some(engine) = self.engine.as_mut() else { return Err("no engine runs".into()) };
            if let Some(code) = engine.ended() {
                self.engine = None;
                self.down_since = self.down_since.or(Some(now));
                return Ok(code);
            }
            if now > deadline {
                return Err(format!("the engine did not end within {} s", within.as_secs()));
            }
            self.pause(LOOK_EVERY).await;
        }
    }

    /// The exit code of an engine that nobody ended.
    pub(super) fn ended_by_itself(&mut self) -> Option<i32> {
        self.engine.as_mut().and_then(Process::ended)
    }

    /// Whether the engine can be asked.
    pub(super) fn engine_runs(&mut self) -> bool {
        self.engine.as_mut().is_some_and(|e| e.ended().is_none())
    }

    /// Runs a command to its end: its exit code and all that it said.
    pub(super) async fn run(&mut self, args: &[String]) -> Result<(i32, String, String), String> {
        self.run_this(self.command(args), &args.join(" ")).await
    }

    /// The program in another shell, of another user: a directory with this file alone. The guards that are off are off in it too.
    pub(super) fn shell(&mut self, args: &[String], config: &Map<String, Value>) -> Result<Command, String> {
        self.shells += 1;
        let dir = self.drill_dir.path().join(format!("shell-{}", self.shells));
        settings::shell(config, &dir)?;
        let mut command = self.command(args);
        command.current_dir(&dir).env("HOME", &dir).env("USER", "dana").envs(self.armed_faults.guards());
        Ok(command)
    }

    /// Edits the engine's configuration file.
    pub(super) fn edit(&mut self, edit: &Edit) -> Result<(), String> {
        settings::edit(edit, &mut self.given.config, self.drill_dir.path())
    }

    /// Runs a command to its end, as [`World::run`] does.
    pub(super) async fn run_this(&mut self, mut command: Command, what: &str) -> Result<(i32, String, String), String> {
        self.commands += 1;
        let name = format!("command-{}", self.commands);
        let mut process = self.trouble.start(&mut command, self.drill_dir.path(), &name)?;
        let code = self.end_of(&mut process, what).await?;
        Ok((code, process.stdout(), process.stderr()))
    }

    /// Starts a command beside everything else.
    pub(super) fn run_beside(&mut self, name: &str, mut command: Command) -> Result<(), String> {
        let process = self.trouble.start(&mut command, self.drill_dir.path(), &format!("beside-{name}"))?;
        match self.beside.insert(name.to_owned(), process) {
            Some(_) => Err(format!("\"{name}\" was started before")),
            None => Ok(()),
        }
    }

    /// Waits for the end of a command.
    pub(super) async fn end_of(&self, process: &mut Process, what: &str) -> Result<i32, String> {
        let deadline = self.now().plus(COMMAND_MAX);
        loop {
            if let Some(code) = process.ended() {
                return Ok(code);
            }
            if self.now() > deadline {
                return Err(format!("`{what}` did not end within {} s", COMMAND_MAX.as_secs()));
            }
            self.pause(LOOK_EVERY).await;
        }
    }

    /// All that the engines of this world have said.
    pub(super) fn log(&self) -> String {
        let texts = self.logs.iter().map(|p| std::fs::read(p).unwrap_or_default());
        texts.map(|b| String::from_utf8_lossy(&b).into_owned()).collect()
    }

    /// Times without a working engine, one that goes on included.
    pub(super) fn downtimes(&self) -> Vec<(Timestamp, Timestamp)> {
        let open = self.down_since.map(|since| (since, self.now()));
        self.down.iter().copied().chain(open).collect()
    }

    /// Writes the history of what was seen, where one is asked for.
    pub(super) fn keep_history(&self, name: &str, ledger: &Value, stories: &[Value]) -> Result<(), String> {
        let Some(file) = &self.drill_env.history else { return Ok(()) };
        let (down, seed) = (self.downtimes(), self.drill_env.seed);
        History { name, seed, down: &down, asked: &self.asked, ledger, stories }.write(file)
    }

    /// Ends everything, in order, and waits for it.
    pub(super) async fn close(mut self) {
        self.requests.abort_all();
        self.engine = None;
        self.beside.clear();
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.shutdown().await;
        }
        if let Some(schema) = self.schema.take().filter(|_| !self.drill_env.drill_dir.is_kept()) {
            // Where it cannot be, it is in nobody's way.
            let _ = tokio::task::spawn_blocking(move || schema.remove()).await;
        }
    }

    /// These calls are counted under a fault, and under the next death.
    pub(super) fn count_under(&mut self, fault: &str, calls: impl Iterator<Item = String>) {
        self.armed_faults.under(fault, calls);
    }

    /// Keys of the settings that the scenario brings, for messages.
    pub(super) fn phone_names(&self) -> &BTreeMap<String, String> {
        &self.given.phones
    }
}

/// The error at the end of the chain: the one that says something.
fn innermost(e: &dyn std::error::Error) -> String {
    let mut e = e;
    while let Some(source) = e.source() {
        e = source;
    }
    e.to_string()
}
