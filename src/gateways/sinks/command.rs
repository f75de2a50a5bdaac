//! A command of the operator's own: run once a message, without a shell, with the message as JSON on its standard input and in
//! short in `DISPATCHCTL_ALERT_…`. Exit 0: delivered.
//!
//! It has its own process group, which is ended with it: at the deadline, when it ends and leaves others behind, and when the
//! engine stops. It gets none of our own variables, which may hold secrets.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::chat;
use super::words::{TextFormat, cut};
use crate::gateways::{AlertMessage, AlertSink, SinkError, Taken};

/// The longest that a command may run.
const DEADLINE: Duration = Duration::from_secs(30);
/// How much of what it says is read; the rest is thrown away, so that it never waits for us to read.
const SAID_MAX: usize = 4 * 1024;
/// How much of it is shown.
const SHOWN_MAX: usize = 200;
/// How long what it said is waited for once it has ended: somebody outside of its group may hold the pipe.
const SAID_WAIT: Duration = Duration::from_secs(1);
/// One variable of the environment holds this much of the text.
const TEXT_MAX: usize = 4_000;
/// Variables that are ours, or by which systemd means us.
const OURS: [&str; 9] = [
    "DISPATCHCTL_",
    "TWILIO_",
    "AIRTABLE_",
    "NOTIFY_SOCKET",
    "WATCHDOG_",
    "LISTEN_FD",
    "LISTEN_PID",
    "CREDENTIALS_DIRECTORY",
    "PGPASS",
];

/// Runs one command a message.
pub struct CommandSink {
    program: String,
    arguments: Vec<String>,
    deadline: Duration,
    mode: &'static str,
}

impl CommandSink {
    /// `command`: a program, by its path or found in `PATH`, and its arguments.
    ///
    /// # Errors
    /// It names no program.
    pub fn new(command: &[String], mode: &'static str) -> Result<Self, String> {
        let (program, arguments) = command.split_first().ok_or("it names no program")?;
        Ok(Self { program: program.clone(), arguments: arguments.to_vec(), deadline: DEADLINE, mode })
    }

    fn command(&self, message: &AlertMessage) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_none_or(|n| OURS.iter().any(|ours| n.starts_with(ours))) {
                command.env_remove(name);
            }
        }
        let only = message.only();
        let of = |text: Option<String>| text.unwrap_or_default();
        let kind = message.kind();
        for (name, value) in [
            ("ID", message.id.clone()),
            ("KEY", message.key()),
            ("KIND", of(kind.map(|k| k.name()))),
            ("SEVERITY", of(kind.map(|k| k.severity().as_str().to_owned()))),
            ("STATE", if message.is_over() { "resolved" } else { "raised" }.to_owned()),
            ("TEXT", TextFormat::Plain.escape(&message.line(self.mode, TEXT_MAX))),
            ("CALL_ID", of(only.and_then(|n| n.call.as_ref()).map(ToString::to_string))),
            ("REFERENCE", of(only.and_then(|n| n.reference.as_ref()).map(ToString::to_string))),
            ("COUNT", message.notices.len().to_string()),
            ("MODE", self.mode.to_owned()),
        ] {
            command.env(format!("DISPATCHCTL_ALERT_{name}"), value.replace('\0', ""));
        }
        command
    }
}

/// The group of a command that runs: ended when this is dropped, be it by a pass that is dropped with it.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    fn of(child: Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { child, id }
    }

    /// Waits until the command itself has ended, and keeps its number: until it is asked for its status nobody else gets it.
    async fn ended(&self) -> Result<(), String> {
        let id = self.id.ok_or("it has no number")?;
        let wait = move || waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        match tokio::task::spawn_blocking(wait).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(e)) => Err(e.to_string()),
            Err(e) => Err(e.to_string()),
        }
    }

    /// Ends all of it, whoever of it still runs.
    fn end(&mut self) {
        if let Some(id) = self.id.take() {
            // None of it may be left: that is well.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }

    async fn status(mut self) -> Result<ExitStatus, String> {
        self.end();
        self.child.wait().await.map_err(|e| e.to_string())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads a pipe to its end and keeps the beginning.
fn read(pipe: Option<impl AsyncRead + Send + Unpin + 'static>) -> JoinHandle<Vec<u8>> {
    tokio::spawn(async move {
        let mut kept = Vec::new();
        let Some(mut pipe) = pipe else { return kept };
        let mut chunk = [0; 1024];
        while let Ok(n @ 1..) = pipe.read(&mut chunk).await {
            let room = SAID_MAX.saturating_sub(kept.len());
            kept.extend_from_slice(chunk.get(..n.min(room)).unwrap_or_default());
        }
        kept
    })
}

/// The first line of what was said, as a person may see it.
async fn said(mut reader: JoinHandle<Vec<u8>>) -> String {
    let text = match tokio::time::timeout(SAID_WAIT, &mut reader).await {
        Ok(Ok(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Ok(Err(_)) => String::new(),
        Err(_) => {
            reader.abort();
            String::new()
        }
    };
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    cut(&TextFormat::Plain.escape(line), SHOWN_MAX)
}

#[async_trait]
impl AlertSink for CommandSink {
    async fn deliver(&self, message: &AlertMessage) -> Result<Taken, SinkError> {
        let error = |why: String, surely| SinkError { why, surely, for_good: surely, retry_after: None };
        let document = chat::plain(message, TextFormat::Plain, self.mode).unwrap_or_default().to_string();
        let mut child = self.command(message).spawn().map_err(|e| error(format!("it cannot be run: {e}"), true))?;
        let (stdin, out, err) = (child.stdin.take(), read(child.stdout.take()), read(child.stderr.take()));
        let group = Group::of(child);
        let writer = tokio::spawn(async move {
            // One that does not read it has its reasons.
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(document.as_bytes()).await;
            }
        });
        let ended = tokio::time::timeout(self.deadline, group.ended()).await;
        let status = group.status().await;
        writer.abort();
        let (out, err) = (said(out).await, said(err).await);
        let shown = [err, out].into_iter().find(|s| !s.is_empty()).map(|s| format!(": {s}")).unwrap_or_default();
        match (ended, status) {
            (Err(_), _) => {
                let why =
                    format!("it did not end in {} s and was ended with all that it began", self.deadline.as_secs());
                Err(error(format!("{why}{shown}"), false))
            }
            (Ok(Err(why)), _) | (Ok(Ok(())), Err(why)) => {
                Err(error(format!("nobody knows how it ended: {why}"), false))
            }
            (Ok(Ok(())), Ok(status)) if status.success() => Ok(format!("exit 0{shown}").into()),
            (Ok(Ok(())), Ok(status)) => Err(error(format!("it ended with {status}{shown}"), false)),
        }
    }

    fn holds(&self, message: &AlertMessage) -> usize {
        message.holds(self.mode, |line| line.len() <= TEXT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::sinks::webhook::sample;

    fn shell(script: &str) -> CommandSink {
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        CommandSink::new(&command, "live").expect("a program")
    }

    fn is_running(id: &str) -> bool {
        // One that has ended and was not yet waited for by anybody counts as ended.
        let status = std::fs::read_to_string(format!("/proc/{}/stat", id.trim()));
        status.is_ok_and(|s| !s.contains(") Z ") && !s.contains(") X "))
    }

    async fn until_ended(id: &str) {
        for _ in 0..2_000 {
            if !is_running(id) {
                return;
            }
            tokio::task::yield_now().await;
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("process {id} still runs");
    }

    #[tokio::test]
    async fn a_command_gets_the_message_on_its_input_and_in_its_environment() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (input, vars) = (dir.path().join("in"), dir.path().join("env"));
        let script = format!("cat > {}; env > {}; echo rang twice", input.display(), vars.display());
        assert_eq!(shell(&script).deliver(&sample()).await, Ok("exit 0: rang twice".to_owned().into()));
        let document: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(input).expect("written")).expect("JSON");
        assert_eq!((&document["callId"], &document["id"]), (&"test_123".into(), &"alert_7".into()));
        let vars = std::fs::read_to_string(vars).expect("written");
        for want in
            ["DISPATCHCTL_ALERT_REFERENCE=7K3Q\n", "DISPATCHCTL_ALERT_STATE=raised\n", "DISPATCHCTL_ALERT_ID=alert_7\n"]
        {
            assert!(vars.contains(want), "{want} in\n{vars}");
        }
        assert!(!vars.contains("5550101"), "{vars}");
        assert!(!vars.lines().any(|l| l.starts_with("TWILIO_") || l.starts_with("NOTIFY_SOCKET")), "{vars}");
    }

    #[tokio::test]
    async fn a_command_that_fails_or_is_missing_says_why() {
        let failed = shell("echo no modem >&2; exit 3").deliver(&sample()).await.expect_err("exit 3");
        assert!(failed.why.contains("exit status: 3: no modem") && !failed.surely, "{failed:?}");
        let killed = shell("kill -9 $$").deliver(&sample()).await.expect_err("a signal");
        assert!(killed.why.contains("signal: 9"), "{killed:?}");
        let missing = CommandSink::new(&["/no/such/program".to_owned()], "live").expect("a name");
        let missing = missing.deliver(&sample()).await.expect_err("missing");
        assert!(missing.why.contains("cannot be run") && missing.surely, "{missing:?}");
        assert!(CommandSink::new(&[], "live").is_err());
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended_with_its_children() {
        let dir = tempfile::tempdir().expect("temp dir");
        let ids = dir.path().join("ids");
        let script = format!("trap '' TERM; sleep 600 & echo $$ $! > {}; wait", ids.display());
        let mut sink = shell(&script);
        sink.deadline = Duration::from_secs(1);
        let hung = sink.deliver(&sample()).await.expect_err("it hangs");
        assert!(hung.why.contains("did not end in 1 s") && !hung.surely, "{hung:?}");
        let ids = std::fs::read_to_string(ids).expect("written");
        assert_eq!(ids.split_whitespace().count(), 2);
        for id in ids.split_whitespace() {
            until_ended(id).await;
        }
    }

    #[tokio::test]
    async fn a_command_that_leaves_a_child_behind_is_no_hang_and_the_child_is_ended() {
        let dir = tempfile::tempdir().expect("temp dir");
        let id = dir.path().join("id");
        // The child holds the pipes of what is said.
        let script = format!("sleep 600 & echo $! > {}; echo done", id.display());
        assert_eq!(shell(&script).deliver(&sample()).await, Ok("exit 0: done".to_owned().into()));
        until_ended(&std::fs::read_to_string(id).expect("written")).await;
    }

    #[tokio::test]
    async fn a_command_that_talks_without_end_or_never_reads_holds_nobody() {
        let loud = shell("head -c 1000000 /dev/zero | tr '\\0' x; exit 0").deliver(&sample()).await;
        assert!(loud.as_ref().is_ok_and(|s| s.said.len() <= 210), "{loud:?}");
        let mut many = sample();
        many.notices = vec![many.notices[0].clone(); 2_000];
        assert_eq!(shell("exit 0").deliver(&many).await, Ok("exit 0".to_owned().into()), "more than a pipe holds");
    }

    #[tokio::test]
    async fn an_engine_that_stops_ends_the_command_of_its_pass() {
        let dir = tempfile::tempdir().expect("temp dir");
        let id = dir.path().join("id");
        let script = format!("sleep 600 & echo $! > {}.new; mv {0}.new {0}; wait", id.display());
        let sink = shell(&script);
        let pass = tokio::spawn(async move { sink.deliver(&sample()).await });
        let mut written = std::fs::read_to_string(&id);
        for _ in 0..5_000 {
            if written.is_ok() {
                break;
            }
            tokio::task::yield_now().await;
            std::thread::sleep(Duration::from_millis(1));
            written = std::fs::read_to_string(&id);
        }
        pass.abort();
        let _ = pass.await;
        until_ended(&written.expect("it began")).await;
    }
}
