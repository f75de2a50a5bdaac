//! A shop in a temporary directory, and the real binary run in it.

pub(crate) mod failover;
pub(crate) mod fault_injection;
pub(crate) mod http;
pub(crate) mod old_store;
#[path = "../../../src/testing/postgres_server.rs"]
pub(crate) mod postgres_server;
pub(crate) mod process;
pub(crate) mod replicas;
pub(crate) mod socket_proxy;
pub(crate) mod stage;
pub(crate) mod steady;
pub(crate) mod wait;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// The longest that a single command may take: a test that hangs fails instead.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(180);

/// Sam is told first, Ana after him; nobody is an owner. Statuses are asked for at once, as no listener takes receipts.
const CONFIG: &str = r#"
name = "Acme Plumbing"

[twilio]
account_sid = "AC00000000000000000000000000000001"
auth_token = "sample-auth-token"
from = "+15005550006"

[delivery]
poll_after = "100ms"

[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
role = "primary"

[[contacts]]
id = "ana"
name = "Ana Reyes"
phone = "+19495550102"
role = "backup"

[policies.normal]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"

[policies.high]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1h", notify = ["owner"] } ]

[policies.brisk]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "4s", notify = ["backup"] } ]
exhaust_after = "1h"

[[lines]]
number = "+18005550100"
name = "Acme Lifts"
team = [ { contact = "ana", role = "primary" }, { contact = "sam", role = "backup" } ]
"#;

/// A configuration and a store of one test.
pub(crate) struct Shop {
    dir: TempDir,
    extra: Vec<(String, String)>,
    /// In a database of a server.
    on_server: Option<String>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The one JSON document of stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self::with_config(CONFIG)
    }

    /// With this configuration in place of the usual one.
    pub(crate) fn with_config(text: &str) -> Self {
        let shop = Self { dir: tempfile::tempdir().expect("temp dir"), extra: Vec::new(), on_server: None };
        shop.write_config(text);
        shop
    }

    /// Replaces the configuration.
    pub(crate) fn write_config(&self, text: &str) {
        std::fs::write(self.path("dispatchctl.toml"), text).expect("config");
    }

    /// An environment variable of every command from now on.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.extra.push((name.to_owned(), value.into()));
    }

    /// The program with these arguments, on the shop's store in test mode, not yet started.
    pub(crate) fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dispatchctl"));
        command.args([&["--test-mode", "--store", &self.store()], args].concat()).current_dir(self.dir.path());
        command.env_clear().envs(environment(self.dir.path())).envs(self.extra.clone());
        command
    }

    /// A place in the shop's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Copies of the store whose names end so, oldest first.
    pub(crate) fn backups(&self, end: &str) -> Vec<PathBuf> {
        let names = std::fs::read_dir(self.path("")).expect("a directory").map(|e| e.expect("an entry").path());
        let is = |p: &PathBuf| p.to_string_lossy().contains(".db.backup-") && p.to_string_lossy().ends_with(end);
        let mut found: Vec<PathBuf> = names.filter(is).collect();
        found.sort();
        found
    }

    /// Puts lines ahead of the configuration.
    pub(crate) fn prepend_config(&self, text: &str) {
        std::fs::write(self.path("dispatchctl.toml"), format!("{text}\n{CONFIG}")).expect("config");
    }

    /// Runs the program in test mode on the shop's store.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let store = self.store();
        self.run_as_is(&[&["--test-mode", "--store", &store], args].concat())
    }

    /// Runs the program with these arguments alone.
    pub(crate) fn run_as_is(&self, args: &[&str]) -> Run {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_dispatchctl"));
        command.args(args).current_dir(self.dir.path()).env_clear().envs(environment(self.dir.path()));
        command.envs(self.extra.clone());
        let out = command.timeout(COMMAND_TIMEOUT).output().expect("the program runs");
        Run {
            code: out.status.code().unwrap_or(-1),
            stdout: String::from_utf8(out.stdout).expect("UTF-8"),
            stderr: String::from_utf8(out.stderr).expect("UTF-8"),
        }
    }

    /// As [`Shop::run`], with a stderr on which every write fails; its exit code.
    pub(crate) fn run_unheard(&self, args: &[&str]) -> Option<i32> {
        let mut command = self.plain(args);
        command.stdout(Stdio::null()).stderr(full()).status().expect("the program runs").code()
    }

    /// As [`Shop::run`], with a stdout on which every write fails; its exit code and what it said on stderr.
    pub(crate) fn run_unread(&self, args: &[&str]) -> (Option<i32>, String) {
        let out = self.plain(args).stdout(full()).stderr(Stdio::piped()).spawn().expect("the program runs");
        let out = out.wait_with_output().expect("it ends");
        (out.status.code(), String::from_utf8(out.stderr).expect("UTF-8"))
    }

    fn plain(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dispatchctl"));
        command.args([&["--test-mode", "--store", &self.store()], args].concat()).current_dir(self.dir.path());
        command.env_clear().envs(environment(self.dir.path())).stdin(Stdio::null());
        command
    }

    /// Adds lines to the end of the configuration.
    pub(crate) fn append_config(&self, text: &str) {
        std::fs::write(self.path("dispatchctl.toml"), format!("{CONFIG}\n{text}")).expect("config");
    }

    /// Runs it, and expects this exit code.
    pub(crate) fn expect(&self, code: i32, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, code, "{args:?}: {run:?}");
        run
    }

    /// Starts it beside the test.
    pub(crate) fn start(&self, args: &[&str]) -> Beside {
        let store = self.store();
        let child = std::process::Command::new(env!("CARGO_BIN_EXE_dispatchctl"))
            .args([&["--test-mode", "--store", &store], args].concat())
            .current_dir(self.dir.path())
            .env_clear()
            .envs(environment(self.dir.path()))
            .envs(self.extra.clone())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        Beside { child }
    }

    /// Dispatches a call and waits until the provider has its first text; at level normal, where `more` names no other.
    pub(crate) fn send(&self, call: &str, more: &[&str]) -> Run {
        let level: &[&str] = if more.contains(&"--level") { &[] } else { &["--level", "normal"] };
        self.expect(
            0,
            &[&["send", "--call-id", call, "--issue", "Burst pipe", "--caller", "+19495550150"], level, more].concat(),
        )
    }

    /// On a store in a database of this URL.
    pub(crate) fn on_server(url: String) -> Self {
        Self { on_server: Some(url), ..Self::new() }
    }

    /// From now on on a store in a database of this URL.
    pub(crate) fn move_to(&mut self, url: String) {
        self.on_server = Some(url);
    }

    pub(crate) fn store(&self) -> String {
        if let Some(url) = &self.on_server {
            return url.clone();
        }
        format!("sqlite:{}", self.path("shop.db").display())
    }
}

/// Nothing of the machine's own settings; a sandbox on a port of its own.
fn environment(dir: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("HOME", dir.display().to_string()),
        ("USER", "dana".into()),
        ("DISPATCHCTL_SANDBOX__LISTEN", "127.0.0.1:0".into()),
    ]
}

/// A process beside the test; killed with it.
pub(crate) struct Beside {
    child: Child,
}

impl Beside {
    /// Lines of its stdout as they come.
    pub(crate) fn stdout_lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let pipe = self.child.stdout.take().expect("stdout is taken once");
        BufReader::new(pipe).lines().map(|l| l.expect("UTF-8"))
    }

    /// Reads its stderr until a line has these words.
    pub(crate) fn wait_for_stderr(&mut self, words: &str) {
        let pipe = self.child.stderr.take().expect("stderr is taken once");
        let mut lines = BufReader::new(pipe).lines().map(|l| l.expect("UTF-8"));
        let mut seen = Vec::new();
        let found = lines.by_ref().any(|l| {
            let found = l.contains(words);
            seen.push(l);
            found
        });
        assert!(found, "it ended without saying {words:?}: {seen:?}");
        // The rest is read, or a full pipe would hold it up.
        std::thread::spawn(move || lines.for_each(drop));
    }

    /// As Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let pid = self.child.id().to_string();
        let status = std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill runs");
        assert!(status.success());
    }

    /// Its exit code.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn full() -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device that is always full")
}
