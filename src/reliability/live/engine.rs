//! The engine under test: the real `serve` as a child on a temporary live store. Killed, and its directory gone, with the
//! value. It is in a process group of its own, so that Ctrl-C in a terminal reaches the drill alone, which then ends it.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{Clock as _, SystemClock};
use crate::domain::Timestamp;

use super::super::documents::text;
use super::super::drill_dir::DrillDir;
use super::super::process::Process;
use super::super::process::Signal;

/// The longest that a start may take.
const START_MAX: Duration = Duration::from_secs(30);
/// The longest that an ordered end may take: a request under way may finish.
const STOP_MAX: Duration = Duration::from_secs(20);
const REQUEST_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How it is started, each time alike.
pub(super) struct Start {
    pub(super) program: PathBuf,
    pub(super) settings: String,
    /// Secrets among them: for the child's environment alone.
    pub(super) env: Vec<(String, String)>,
    pub(super) listen: Option<SocketAddr>,
    pub(super) token: String,
}

/// See the module. Fields are dropped in order.
pub(super) struct LiveEngine {
    process: Option<Process>,
    drill_dir: DrillDir,
    start: Start,
    client: reqwest::Client,
    at: Option<SocketAddr>,
    starts: u32,
    clock: SystemClock,
    /// From the start after a kill to the first answer.
    pub(super) recovery_ms: Vec<i64>,
}

impl LiveEngine {
    pub(super) fn new(drill_dir: DrillDir, start: Start) -> Result<Self, String> {
        let file = drill_dir.path().join("dispatchctl.toml");
        std::fs::write(&file, &start.settings).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
        let client = reqwest::Client::builder().no_proxy().timeout(REQUEST_MAX).pool_max_idle_per_host(0).build();
        let client = client.map_err(|e| format!("no HTTP client: {e}"))?;
        let clock = SystemClock::new();
        Ok(Self { process: None, drill_dir, start, client, at: None, starts: 0, clock, recovery_ms: Vec::new() })
    }

    /// Where the store of the test is.
    fn store(&self) -> String {
        format!("sqlite:{}", self.drill_dir.path().join("live-drill.db").display())
    }

    /// Starts it and waits until it answers.
    pub(super) async fn start(&mut self) -> Result<(), String> {
        self.starts += 1;
        let name = format!("engine-{}", self.starts);
        let listen = self.start.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let mut command = Command::new(&self.start.program);
        command
            .args(["--utc", "--config", "dispatchctl.toml", "--store", &self.store(), "-o", "json", "serve"])
            .args(["--listen", &listen.to_string()])
            .env_clear()
            .env("HOME", self.drill_dir.path())
            .env("USER", "live-drill")
            .env("PATH", "/usr/bin:/bin")
            .envs(self.start.env.iter().map(|(k, v)| (k, v)))
            .current_dir(self.drill_dir.path())
            .process_group(0);
        let from = self.clock.now();
        let mut process = Process::start(&mut command, self.drill_dir.path(), &name)?;
        self.at = loop {
            let said = process.stdout();
            if let Some((line, _)) = said.split_once('\n') {
                let doc: Value = serde_json::from_str(line).unwrap_or(Value::Null);
                break Some(address(text(&doc, "listen")).ok_or("the engine does not say where it listens")?);
            }
            if let Some(code) = process.ended() {
                return Err(format!("the engine ended with exit {code} at its start: {}", process.last_words()));
            }
            if self.clock.now().since(from) > START_MAX {
                return Err(format!("the engine did not start within {} s", START_MAX.as_secs()));
            }
            self.pause(LOOK_EVERY).await;
        };
        self.process = Some(process);
        self.get("/livez").await?;
        if self.starts > 1 {
            self.recovery_ms.push(self.clock.now().as_millis() - from.as_millis());
        }
        Ok(())
    }

    pub(super) async fn pause(&self, d: Duration) {
        self.clock.sleep_until(self.clock.now().plus(d)).await;
    }

    pub(super) async fn until(&self, at: Timestamp) {
        self.clock.sleep_until(at).await;
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// SIGKILL, and gone when this returns.
    pub(super) fn kill(&mut self) -> Result<(), String> {
        let mut process = self.process.take().ok_or("no engine runs")?;
        match process.ended() {
            Some(code) => Err(format!("the engine had ended before, with exit {code}: {}", process.last_words())),
            None => {
                process.kill();
                Ok(())
            }
        }
    }

    /// SIGTERM, and gone when this returns, killed where it does not end.
    pub(super) async fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let asked = self.clock.now();
        if process.signal(Signal::Stop).is_ok() {
            while process.ended().is_none() && self.clock.now().since(asked) < STOP_MAX {
                self.pause(LOOK_EVERY).await;
            }
        }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<(u16, Value), String> {
        let at = self.at.ok_or("no engine runs")?;
        let method: reqwest::Method = method.parse().map_err(|_| format!("{method} is no method"))?;
        let mut request = self.client.request(method, format!("http://{at}{path}")).bearer_auth(&self.start.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(|_| format!("the engine does not answer {path}"))?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.unwrap_or(Value::Null)))
    }

    async fn get(&self, path: &str) -> Result<Value, String> {
        match self.ask("GET", path, None).await? {
            (200, doc) => Ok(doc),
            (status, _) => Err(format!("{path} answered {status}")),
        }
    }

    /// Hands a call over.
    pub(super) async fn dispatch(&self, call: &str, level: &str, words: &str) -> Result<(), String> {
        let data = json!({ "emergencyLevel": level, "body": words, "issueSummary": words });
        let (status, answer) =
            self.ask("POST", "/api/dispatch/manual", Some(json!({ "callId": call, "callData": data }))).await?;
        if matches!(status, 201 | 202) {
            return Ok(());
        }
        Err(format!("the engine answered {status} to the dispatch: {}", text(&answer, "detail")))
    }

    /// The whole story of a call; `None`: there is no such call.
    pub(super) async fn story(&self, call: &str) -> Result<Option<Value>, String> {
        match self.ask("GET", &format!("/api/calls/{call}"), None).await? {
            (200, doc) => Ok(Some(doc)),
            (404, _) => Ok(None),
            (status, _) => Err(format!("/api/calls/{call} answered {status}")),
        }
    }

    /// Withdraws a call, so that nothing follows, here or in the shop's records.
    pub(super) async fn cancel(&self, call: &str) -> Result<(), String> {
        let note = json!({ "by": "live-drill", "note": "the live test is over" });
        self.ask("POST", &format!("/api/calls/{call}/cancel"), Some(note)).await.map(drop)
    }

    /// How much has not reached other systems yet.
    pub(super) async fn outbox_depth(&self) -> Result<i64, String> {
        let health = self.get("/health").await?;
        Ok(health.get("metrics").and_then(|m| m.get("outboxDepth")).and_then(Value::as_i64).unwrap_or(0))
    }

    /// The last lines that the engines of this test said.
    pub(super) fn log_tail(&self) -> Vec<String> {
        let name = |n: u32| self.drill_dir.path().join(format!("engine-{n}.err"));
        let texts = (1..=self.starts).map(|n| std::fs::read(name(n)).unwrap_or_default());
        let all: String = texts.map(|b| String::from_utf8_lossy(&b).into_owned()).collect();
        let mut last: Vec<String> = all.lines().rev().take(20).map(str::to_owned).collect();
        last.reverse();
        last
    }
}

/// The address of a URL; one that means every interface is asked on this machine.
fn address(url: &str) -> Option<SocketAddr> {
    let mut at: SocketAddr = url.strip_prefix("http://")?.parse().ok()?;
    if at.ip().is_unspecified() {
        at.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Some(at)
}
