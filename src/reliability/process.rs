//! A child of the drill: the real program, its output in files, signalled by its id. It is gone, and waited for, when the
//! value is dropped, whatever ended the drill.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, kill_process};

/// What an engine is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGKILL.
    Kill,
    /// SIGTERM, and its end is waited for.
    Stop,
    /// SIGSTOP.
    Freeze,
    /// SIGCONT.
    Thaw,
    /// SIGHUP.
    Reload,
}

/// A running, or ended, child.
pub(super) struct Process {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    ended: Option<i32>,
}

impl Process {
    /// Starts it, its output in `NAME.out` and `NAME.err` of this directory.
    pub(super) fn start(command: &mut Command, dir: &Path, name: &str) -> Result<Self, String> {
        let (out, err) = (dir.join(format!("{name}.out")), dir.join(format!("{name}.err")));
        let file = |path: &PathBuf| {
            std::fs::File::create(path).map(Stdio::from).map_err(|e| format!("cannot write {}: {e}", path.display()))
        };
        command.stdin(Stdio::null()).stdout(file(&out)?).stderr(file(&err)?);
        let child = command.spawn().map_err(|e| format!("this program cannot be started again: {e}"))?;
        Ok(Self { child, out, err, ended: None })
    }

    /// Its id.
    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What it has printed so far.
    pub(super) fn stdout(&self) -> String {
        read(&self.out)
    }

    /// What it has said so far.
    pub(super) fn stderr(&self) -> String {
        read(&self.err)
    }

    /// The last words of its log, for an error.
    pub(super) fn last_words(&self) -> String {
        let text = self.stderr();
        let mut last: Vec<&str> = text.lines().rev().filter(|l| !l.trim().is_empty()).take(4).collect();
        last.reverse();
        if last.is_empty() { "it said nothing".into() } else { last.join(" | ") }
    }

    /// Its exit code once it has ended; a signal's number, negated, where one ended it.
    pub(super) fn ended(&mut self) -> Option<i32> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten().map(code);
        }
        self.ended
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), String> {
        let kind = match signal {
            Signal::Kill => rustix::process::Signal::KILL,
            Signal::Stop => rustix::process::Signal::TERM,
            Signal::Freeze => rustix::process::Signal::STOP,
            Signal::Thaw => rustix::process::Signal::CONT,
            Signal::Reload => rustix::process::Signal::HUP,
        };
        if self.ended.is_some() {
            return Err(format!("the engine has ended before: {}", self.last_words()));
        }
        let pid = self.pid();
        kill_process(pid, kind).map_err(|e| format!("process {pid:?} cannot be signalled: {e}"))
    }

    /// Ends it with SIGKILL and returns when it is gone.
    pub(super) fn kill(&mut self) -> i32 {
        if self.ended().is_none() {
            let _ = self.child.kill();
            self.ended = self.child.wait().ok().map(code);
        }
        self.ended.unwrap_or(-9)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|s| -s)).unwrap_or(-1)
}

fn read(path: &Path) -> String {
    std::fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
}
