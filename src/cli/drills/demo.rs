//! `demo`: one command, nothing configured. A real second process is the engine, a real HTTP listener hears the callbacks, a
//! sandbox is the provider, and its ledger judges what happened. On a temporary store; nothing leaves the machine.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::clock::{Clock, SystemClock};
use crate::config::{SANDBOX_ACCOUNT_SID, SANDBOX_AUTH_TOKEN};
use crate::domain::Timestamp;
use crate::ids::Ids;
use crate::reliability::free_port;
use crate::sandbox::{Direction, Fault, FaultKind, LedgerEntry, Person, Reply, Sandbox, SandboxConfig};

use super::super::exit::ExitStatus;
use super::super::output::{Output, Table};
use super::super::report::CliError;
use super::super::signals;

/// What the demo may change.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Keep the temporary directory and print where it is
    #[arg(long)]
    keep: bool,
}

const SAM: &str = "+19495550101";
const ANA: &str = "+19495550102";
/// The waits of the demo's ladder: long enough for a kill and a restart between two steps.
const T1: Duration = Duration::from_secs(5);
const T2: Duration = Duration::from_secs(4);
/// The longest that any single thing is waited for.
const PATIENCE: Duration = Duration::from_secs(12);
const CALL: &str = "demo-flooded-basement";

const CONFIG: &str = r#"
name = "Acme Plumbing"
[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
role = "primary"
[[contacts]]
id = "ana"
name = "Ana Li"
phone = "+19495550102"
role = "backup"
[twilio]
messages_per_second = 0
[policies.normal]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "5s", notify = ["primary"] }, { wait = "4s", notify = ["backup"] } ]
exhaust_after = "1m"
"#;

pub(crate) async fn run(args: &Args, out: &mut Output) -> Result<ExitStatus, CliError> {
    out.set_mode("test");
    let clock = SystemClock::new();
    let dir = std::env::temp_dir().join(format!("dispatchctl-demo-{}", Ids::random().uuid(clock.now()).simple()));
    std::fs::create_dir_all(&dir).map_err(|e| failed("the temporary directory cannot be made").cause(e))?;
    let result = tokio::select! {
        result = report(&dir, &clock, out) => result,
        () = signals::interrupted() => Err(CliError::new(ExitStatus::Interrupted, "interrupted; the temporary store is removed")),
    };
    if args.keep {
        out.note(&format!("kept: {}", dir.display()));
    } else {
        let _ = std::fs::remove_dir_all(&dir);
    }
    result
}

fn failed(what: &str) -> CliError {
    CliError::new(ExitStatus::No, format!("the demo could not go on: {what}"))
}

async fn report(dir: &Path, clock: &SystemClock, out: &mut Output) -> Result<ExitStatus, CliError> {
    let started = clock.now();
    let sandbox = start_sandbox(dir).await?;
    // The engine must come back at the same address after its restart.
    let port = free_port().map_err(|e| failed(&e))?;
    let stage = Stage { dir: dir.to_path_buf(), port, sandbox: sandbox.base_url(), client: client()? };
    let inbound = format!("{}/webhooks/twilio/sms-inbound", stage.url());
    sandbox.set_inbound_url(Some(inbound)).map_err(|e| failed("the sandbox takes no address for replies").cause(e))?;
    let mut story = DemoStory { out, clock, started };
    story.head();

    let mut serve = stage.serve().await?;
    story.say("a sandbox plays the provider, `dispatchctl serve` is a process of its own");
    sandbox.add_fault(drop_one_answer()).map_err(|e| failed("the fault cannot be set").cause(e))?;
    story.say("the provider will accept the first text and drop the connection before it answers");
    let body = json!({ "callId": CALL, "callData": { "callerPhone": "+19495550150", "issueSummary": "water through the ceiling",
        "address": "12 Oak St", "callerName": "Kim Doe", "emergencyLevel": "normal" } });
    let answer = stage.post("/api/dispatch/manual", &body).await?;
    story.say(&format!("a call comes in by the API: {} {}", text(&answer, "callId"), text(&answer, "reference")));

    let call = stage.until(clock, "the first text is found out", |c| attempt_state(c, 0) == Some("delivered")).await?;
    let accepted: Timestamp = text(&call, "acceptedAt").parse().map_err(|e| failed("the call has no time").cause(e))?;
    let was_unknown = log_has(&call, "attempt.unknown");
    story.say(if was_unknown {
        "its answer was lost: outcome unknown, not sent again; the receipt on the attempt's own URL settled it: delivered"
    } else {
        "the receipt overtook the lost answer: delivered, not sent again"
    });
    serve.kill().await.map_err(|e| failed("the engine could not be killed").cause(e))?;
    story.say("kill -9 of the engine; Sam has not answered");
    serve = stage.serve().await?;
    story.say("the engine runs again, with the same store");

    let call = stage.until(clock, "the follow-up", |c| attempt_state(c, 1) == Some("delivered")).await?;
    story.say(&format!("Retry attempt 2 to Sam, {}", lateness(&call, 1, accepted.plus(T1))));
    let call = stage.until(clock, "the backup", |c| attempt_state(c, 2).is_some_and(|s| s != "scheduled")).await?;
    story.say(&format!("still silence: Ana, the backup, is told, {}", lateness(&call, 2, accepted.plus(T1).plus(T2))));
    stage.until(clock, "the acknowledgement", |c| text(c, "status") == "ACKNOWLEDGED").await?;
    story.say("Ana replies 1: the call is hers, the sequence stops");
    stage.until(clock, "the stand-down", |c| attempt_state(c, 3) == Some("delivered")).await?;
    story.say("Sam is stood down");

    story.out.line("");
    stage.print_timeline(story.out).await?;
    let call = stage.call().await?;
    stop(&mut serve).await;
    let verdict = judge(&sandbox.ledger(), &call);
    let took = clock.now().since(started).as_secs_f64();
    sandbox.shutdown().await;
    Ok(verdict.report(took, out))
}

async fn start_sandbox(dir: &Path) -> Result<Sandbox, CliError> {
    let mut config = SandboxConfig::new(dir.join("ledger.ndjson"));
    config.account_sid = SANDBOX_ACCOUNT_SID.into();
    config.auth_token = SANDBOX_AUTH_TOKEN.into();
    config.pace = Duration::from_millis(150);
    let reply = Reply { after_texts: 1, delay_ms: 400, body: "1".into() };
    config.people = vec![Person { phone: ANA.into(), script: vec![reply], calls: Vec::new() }];
    Sandbox::start(config).await.map_err(|e| failed("the sandbox cannot be started").cause(e))
}

fn drop_one_answer() -> Fault {
    let mut fault = Fault::new(FaultKind::DropAfterAccept);
    fault.times = Some(1);
    fault
}

fn client() -> Result<reqwest::Client, CliError> {
    let built = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    built.map_err(|e| failed("no HTTP client").cause(e))
}

struct DemoStory<'a> {
    out: &'a mut Output,
    clock: &'a SystemClock,
    started: Timestamp,
}

impl DemoStory<'_> {
    fn head(&mut self) {
        if !self.out.is_json() && !self.out.is_csv() {
            self.out.mode_line();
        }
    }

    fn say(&mut self, what: &str) {
        let at = self.clock.now().since(self.started).as_secs_f64();
        if !self.out.is_json() && !self.out.is_csv() {
            self.out.line(&format!("{at:6.2} s  {what}"));
        }
    }
}

struct Stage {
    dir: PathBuf,
    port: u16,
    sandbox: String,
    client: reqwest::Client,
}

impl Stage {
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// This very program, knowing nothing but the demo's own settings.
    fn command(&self, args: &[&str]) -> Result<Command, CliError> {
        let exe = std::env::current_exe().map_err(|e| failed("this program does not find itself").cause(e))?;
        let config = self.dir.join("dispatchctl.toml");
        std::fs::write(&config, CONFIG).map_err(|e| failed("the settings cannot be written").cause(e))?;
        let mut command = Command::new(exe);
        command
            .args(["--test-mode", "--utc", "--config"])
            .arg(&config)
            .arg("--store")
            .arg(format!("sqlite:{}", self.dir.join("demo.db").display()))
            .args(args)
            .env_clear()
            .env("DISPATCHCTL_SANDBOX__LISTEN", self.sandbox.trim_start_matches("http://"))
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }

    /// Starts the engine and waits until it listens.
    async fn serve(&self) -> Result<Child, CliError> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.join("serve.log"));
        let log = log.map_err(|e| failed("no log file").cause(e))?;
        let listen = format!("127.0.0.1:{}", self.port);
        let mut child = self
            .command(&["-o", "json", "serve", "--listen", &listen])?
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|e| failed("the engine cannot be started").cause(e))?;
        let stdout = child.stdout.take().ok_or_else(|| failed("the engine says nothing"))?;
        let mut lines = BufReader::new(stdout).lines();
        match tokio::time::timeout(PATIENCE, lines.next_line()).await {
            Ok(Ok(Some(_))) => Ok(child),
            _ => {
                let log = std::fs::read_to_string(self.dir.join("serve.log")).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(3).collect();
                Err(failed("the engine does not listen").cause(last.join(" | ")))
            }
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        let sent = self.client.post(format!("{}{path}", self.url())).json(body).send().await;
        let answer = sent.map_err(|e| failed("the API does not answer").cause(e))?;
        answer.json().await.map_err(|e| failed("the API's answer is no JSON").cause(e))
    }

    async fn call(&self) -> Result<Value, CliError> {
        let sent = self.client.get(format!("{}/api/calls/{CALL}", self.url())).send().await;
        let answer = sent.map_err(|e| failed("the API does not answer").cause(e))?;
        answer.json().await.map_err(|e| failed("the API's answer is no JSON").cause(e))
    }

    /// Waits for a state of the call, bounded.
    async fn until(&self, clock: &SystemClock, what: &str, is: impl Fn(&Value) -> bool) -> Result<Value, CliError> {
        let deadline = clock.now().plus(PATIENCE);
        loop {
            let call = self.call().await?;
            if is(&call) {
                return Ok(call);
            }
            if clock.now() > deadline {
                return Err(failed(&format!("{what} did not come within {} s", PATIENCE.as_secs()))
                    .cause(text(&call, "status")));
            }
            clock.sleep_until(clock.now().plus(Duration::from_millis(25))).await;
        }
    }

    async fn print_timeline(&self, out: &mut Output) -> Result<(), CliError> {
        let done =
            self.command(&["status", CALL])?.output().await.map_err(|e| failed("`status` cannot be run").cause(e))?;
        if !out.is_json() && !out.is_csv() {
            out.line(String::from_utf8_lossy(&done.stdout).trim_end());
        }
        if done.status.success() {
            Ok(())
        } else {
            Err(failed("`status` failed").cause(String::from_utf8_lossy(&done.stderr).trim()))
        }
    }
}

/// SIGTERM would do as well; the story is over and its store is thrown away.
async fn stop(child: &mut Child) {
    let _ = child.kill().await;
}

fn text<'a>(v: &'a Value, key: &str) -> &'a str {
    v.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn attempt_state(call: &Value, index: usize) -> Option<&str> {
    call.get("attempts")?.get(index)?.get("attemptState")?.as_str()
}

fn log_has(call: &Value, kind: &str) -> bool {
    call.get("log").and_then(Value::as_array).is_some_and(|l| l.iter().any(|e| text(e, "kind") == kind))
}

fn lateness(call: &Value, index: usize, due: Timestamp) -> String {
    let sent = call.get("attempts").and_then(|a| a.get(index)).and_then(|a| a.get("sentAt")).and_then(Value::as_str);
    match sent.and_then(|s| s.parse::<Timestamp>().ok()) {
        Some(at) => format!("{} ms after its time", at.since(due).as_millis()),
        None => "at a time that is not known".into(),
    }
}

/// What the provider truly accepted against what the store says.
struct DemoVerdict {
    messages: usize,
    lost: usize,
    doubled: usize,
    unexpected: usize,
}

/// Lost: an accepted call with neither a message nor a visible state. Doubled: more texts to a phone than notices;
/// unexpected, a message without an attempt.
fn judge(ledger: &[LedgerEntry], call: &Value) -> DemoVerdict {
    let out: Vec<&LedgerEntry> = ledger.iter().filter(|m| m.direction == Direction::OutboundApi).collect();
    let attempts = call.get("attempts").and_then(Value::as_array).cloned().unwrap_or_default();
    let of = |reference: &str| out.iter().filter(|m| m.body.starts_with(&format!("{reference} "))).count();
    let counts: Vec<usize> = attempts.iter().map(|a| of(text(a, "reference"))).collect();
    let arrived = |a: &Value| matches!(text(a, "attemptState"), "submitted" | "delivered");
    let lost =
        attempts.iter().zip(&counts).filter(|(a, n)| arrived(a) && **n == 0).count() + usize::from(attempts.is_empty());
    let doubled = counts.iter().map(|n| n.saturating_sub(1)).sum();
    let linked: usize = counts.iter().sum();
    let to_nobody = out.iter().filter(|m| m.to != SAM && m.to != ANA).count();
    DemoVerdict { messages: out.len(), lost, doubled, unexpected: out.len().saturating_sub(linked) + to_nobody }
}

impl DemoVerdict {
    fn report(&self, took: f64, out: &mut Output) -> ExitStatus {
        let good = self.lost == 0 && self.doubled == 0 && self.unexpected == 0;
        if out.is_json() {
            out.document(&json!({ "messages": self.messages, "lost": self.lost, "doubled": self.doubled, "unexpected": self.unexpected, "seconds": took }));
        } else if out.is_csv() {
            let mut t = Table::new(&["messages", "lost", "doubled", "unexpected", "seconds"]);
            t.row([
                self.messages.to_string(),
                self.lost.to_string(),
                self.doubled.to_string(),
                self.unexpected.to_string(),
                format!("{took:.1}"),
            ]);
            out.table(&t);
        } else {
            out.line(&format!(
                "ledger: {} texts accepted by the provider, {} lost, {} doubled, {} unexpected ({took:.1} s)",
                self.messages, self.lost, self.doubled, self.unexpected
            ));
        }
        if good { ExitStatus::Done } else { ExitStatus::No }
    }
}
