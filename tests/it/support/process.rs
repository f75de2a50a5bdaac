//! The real binary beside the test: started with its output in files, signalled by its id, ended with the test.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::wait::until;

/// A child; killed, by its own id, when the test is over or panics.
pub(crate) struct Process {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    ended: bool,
}

impl Process {
    /// Starts it, its output in `NAME.out` and `NAME.err`.
    pub(crate) fn start(command: &mut Command, dir: &std::path::Path, name: &str) -> Self {
        let (out, err) = (dir.join(format!("{name}.out")), dir.join(format!("{name}.err")));
        let file = |path: &PathBuf| Stdio::from(std::fs::File::create(path).expect("an output file"));
        let child = command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err)).spawn();
        Self { child: child.expect("the program starts"), out, err, ended: false }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub(crate) fn stdout(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap_or_default()
    }

    /// What it has said so far.
    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(&self.err).unwrap_or_default()
    }

    /// The first line of its stdout, a JSON object, once it is there.
    pub(crate) fn first_line(&mut self) -> Value {
        let text = until("its first line", || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("it ended with {status} at its start: {}", self.stderr());
            }
            self.stdout().split_once('\n').map(|(line, _)| line.to_owned())
        });
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// Waits until its stderr holds these words.
    pub(crate) fn says(&self, words: &str) {
        until(&format!("the words {words:?}"), || self.stderr().contains(words).then_some(()));
    }

    /// Sends a signal: `KILL`, `TERM`, `INT`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill runs");
        assert!(status.success(), "kill -{name} {id}");
    }

    /// kill -9, and gone when this returns.
    pub(crate) fn kill(mut self) -> String {
        self.signal("KILL");
        let status = self.child.wait().expect("it ends");
        self.ended = true;
        assert_eq!(status.signal(), Some(9), "it had ended before: {}", self.stderr());
        self.stderr()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        let status = self.child.try_wait().expect("a child");
        self.ended |= status.is_some();
        status
    }

    /// Its exit code, once it ends by itself.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let status = until("its end", || self.child.try_wait().expect("a child"));
        self.ended = true;
        status.code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            report(&format!("--- {}\n{}{}", self.err.display(), self.stdout(), self.stderr()));
        }
    }
}

/// A figure or a log for whoever reads the test's output.
#[expect(clippy::print_stderr, reason = "shown by the test runner where it is asked for, or where a test fails")]
pub(crate) fn report(text: &str) {
    eprintln!("{text}");
}
