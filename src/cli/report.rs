//! The only place that turns an error into words: what happened and to what, the causes, a hint that can be run.

use serde_json::{Value, json};

use crate::config::ConfigErrors;
use crate::domain::types::CallId;
use crate::engine::intake::IntakeError;
use crate::store::{LeaseError, NotAdmitted, StoreError};

use super::exit::ExitStatus;
use super::output::Output;

/// Begins the hint of what was asked to record something.
const NOTHING_RECORDED: &str = "nothing was recorded; ";

/// What went wrong, for a person and for a program.
#[derive(Debug)]
pub(crate) struct CliError {
    /// What the process ends with.
    pub(crate) status: ExitStatus,
    /// What happened, and to what.
    pub(crate) what: String,
    /// Why, outermost first.
    pub(crate) causes: Vec<String>,
    /// What helps: a command or a setting.
    pub(crate) hint: Option<String>,
    /// Members of the problem object besides the standard ones.
    pub(crate) extra: Option<Box<Value>>,
}

impl CliError {
    /// An error without causes.
    pub(crate) fn new(status: ExitStatus, what: impl Into<String>) -> Self {
        Self { status, what: what.into(), causes: Vec::new(), hint: None, extra: None }
    }

    /// Adds what helps.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds why.
    #[must_use]
    pub(crate) fn cause(mut self, cause: impl std::fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds members of the problem object.
    #[must_use]
    pub(crate) fn with(mut self, extra: Value) -> Self {
        self.extra = Some(Box::new(extra));
        self
    }

    /// No such call.
    pub(crate) fn no_call(text: &str) -> Self {
        let shown = crate::domain::phone::masked(text);
        Self::new(ExitStatus::NotFound, format!("there is no call, message or reference {shown:?}"))
            .hint("see what there is with `dispatchctl status`")
    }

    /// Of a call that was to be recorded. Where nobody knows whether it is, the same command without an id would make a second call.
    pub(super) fn of_accepting(error: StoreError, has_id: bool) -> Self {
        let is_unsure = matches!(error, StoreError::Unsure { .. });
        let e = Self::from(error);
        if !is_unsure || has_id {
            return e;
        }
        Self { status: ExitStatus::Unknown, ..e }.hint(
            "the call may be recorded: look for it with `dispatchctl status` before you run this again; with --call-id the same command is harmless",
        )
    }

    /// Of a call that is recorded: what fails behind its commit takes nothing back.
    #[must_use]
    pub(super) fn behind_its_commit(self, call: &CallId) -> Self {
        if self.status != ExitStatus::Store {
            return self;
        }
        let what = format!("call {call} is recorded; what becomes of it cannot be seen: {}", self.what);
        let hint = format!("do not run it again; it goes on while an engine runs: see `dispatchctl status {call}`");
        Self { status: ExitStatus::Pending, what, ..self }.hint(hint).with(json!({ "callId": call }))
    }

    /// What helps whoever only looked: nothing was to be recorded.
    pub(super) fn hint_of_a_look(&self) -> Option<String> {
        self.hint.as_deref().map(|hint| hint.strip_prefix(NOTHING_RECORDED).unwrap_or(hint).to_owned())
    }

    pub(super) fn from_chain(status: ExitStatus, error: &dyn std::error::Error) -> Self {
        let mut e = Self::new(status, error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            e.causes.push(cause.to_string());
            source = cause.source();
        }
        e
    }
}

/// Whether the system keeps this user away.
fn is_denied(source: &(dyn std::error::Error + 'static)) -> bool {
    source.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied)
}

/// What helps where a server lets this user not in, by the code of its answer (PostgreSQL's appendix "Error Codes").
fn hint_of_admission(code: &str) -> Option<&'static str> {
    Some(match code {
        "3D000" => {
            "nothing was recorded; there is no such database on that server: make it (`CREATE DATABASE dispatchctl OWNER dispatch`), or \
             correct its name in store.url (`dispatchctl config show`)"
        }
        "42501" => {
            "nothing was recorded; this role may not connect to the database: `GRANT CONNECT ON DATABASE dispatchctl TO dispatch`, or name \
             another role or database in store.url (`dispatchctl config show`)"
        }
        "28P01" => {
            "nothing was recorded; the role's password is another one, or there is no such role: see store.password_file and the user in \
             store.url with `dispatchctl config show`"
        }
        "28000" => {
            "nothing was recorded; the server does not let this role in from here: see that it exists and may log in (`CREATE ROLE dispatch \
             LOGIN`), and what the server's pg_hba.conf says of it"
        }
        "3F000" => {
            "nothing was recorded; see the search_path of this role and the schema in store.url (`dispatchctl help postgres`)"
        }
        _ => return None,
    })
}

impl From<StoreError> for CliError {
    fn from(e: StoreError) -> Self {
        let (status, hint) = match &e {
            StoreError::OtherMode { wanted, .. } if wanted == "live" => (
                ExitStatus::Store,
                Some("a live store and a test store are never mixed: add --test-mode, or choose another with --store"),
            ),
            StoreError::OtherMode { .. } => (
                ExitStatus::Store,
                Some(
                    "a live store and a test store are never mixed: leave out --test-mode / TEST_MODE, or choose another with --store",
                ),
            ),
            // What to do is part of what it says.
            StoreError::WrongFile { .. } => (ExitStatus::Store, None),
            StoreError::Exists { .. } => {
                (ExitStatus::Usage, Some("choose another place, or say that it may go with --force"))
            }
            StoreError::Newer { .. } => (ExitStatus::Store, Some("use the newer dispatchctl that made it")),
            StoreError::Open { source, .. } if is_denied(source.as_ref()) => (
                ExitStatus::Store,
                Some(
                    "this user may not read it: run the command as the user of `dispatchctl serve`, or as a member of the group that the store belongs to",
                ),
            ),
            StoreError::Open { path, source } if path.to_string_lossy().starts_with("postgres") => (
                ExitStatus::Store,
                source.downcast_ref::<NotAdmitted>().and_then(|said| hint_of_admission(&said.code)).or(Some(
                    "nothing was recorded; see store.url, its user's password (store.password_file) and certificates (store.tls_ca_file) with `dispatchctl config show`, and what the server's log says",
                )),
            ),
            StoreError::Open { .. } => {
                (ExitStatus::Store, Some("check the path with `dispatchctl config show`, and its permissions"))
            }
            StoreError::Full { .. } => (
                ExitStatus::Store,
                Some("nothing was recorded; free space on the store's disk, or let this user write to its file and directory"),
            ),
            StoreError::Denied { .. } => (
                ExitStatus::Store,
                Some(
                    "nothing was recorded; give this role the rights: USAGE on the schema, with CREATE where it is to make the tables, SELECT, INSERT, UPDATE and DELETE on all \
                     of them, USAGE on all sequences; see `dispatchctl help postgres`",
                ),
            ),
            StoreError::Corrupt { .. } => (
                ExitStatus::Store,
                Some(
                    "nothing was changed; see what is damaged with `dispatchctl recover --dry-run`, which names every row, and mend it or take a copy from before",
                ),
            ),
            StoreError::Broken { .. } => (
                ExitStatus::Store,
                Some("the disk failed a write: look at it (dmesg, SMART) before `dispatchctl serve` is started again"),
            ),
            StoreError::Busy => (ExitStatus::Store, Some("another process kept the store busy; run it again")),
            StoreError::Refused { .. } => (ExitStatus::Bug, None),
            StoreError::Unreachable { .. } => (
                ExitStatus::Store,
                Some("nothing was recorded; see that the server of `store.url` runs, and run it again"),
            ),
            StoreError::ReadOnly { .. } => (
                ExitStatus::Store,
                Some(
                    "nothing was recorded; that server follows another one (a standby), or default_transaction_read_only is set for the role or the \
                     database: name the server that takes writes in store.url, or set it back (`ALTER ROLE dispatch RESET \
                     default_transaction_read_only`)",
                ),
            ),
            StoreError::Fenced => {
                (ExitStatus::Store, Some("another engine works on the store now, and goes on with it"))
            }
            StoreError::Unsure { .. } => (ExitStatus::Store, Some("run it again: the same command is harmless")),
            _ => (ExitStatus::Store, None),
        };
        let mut out = Self::from_chain(status, &e);
        out.hint = hint.map(str::to_owned);
        out
    }
}

impl From<ConfigErrors> for CliError {
    fn from(e: ConfigErrors) -> Self {
        let n = e.0.len();
        let mut out = Self::new(
            ExitStatus::Usage,
            if n == 1 {
                "the configuration has a problem".to_owned()
            } else {
                format!("the configuration has {n} problems")
            },
        );
        out.causes = e.0.iter().map(ToString::to_string).collect();
        out.hint("correct each in the place that it names; `dispatchctl config show` then tells what is in force")
    }
}

impl From<LeaseError> for CliError {
    fn from(e: LeaseError) -> Self {
        let hint = match &e {
            LeaseError::Held(_) => {
                "one engine works on a store; see it with `dispatchctl status`, or choose another store with --store"
            }
            LeaseError::Io { .. } => "check the directory of the store and its permissions",
            LeaseError::Store(_) => "nobody knows who the engine is now: run it again",
        };
        Self::from_chain(ExitStatus::Store, &e).hint(hint)
    }
}

impl From<IntakeError> for CliError {
    fn from(e: IntakeError) -> Self {
        let flag = match &e {
            IntakeError::Field { field, .. } => match *field {
                "emergencyLevel" => " (--level)",
                "contact" => " (--contact)",
                "callId" => " (--call-id)",
                "twilioToNumber" => " (--to-number)",
                _ => "",
            },
            IntakeError::Shape(_) => "",
        };
        Self::new(ExitStatus::Usage, format!("the call cannot be dispatched: {e}{flag}"))
            .hint("`dispatchctl send --help` shows what is accepted")
    }
}

/// Prints an error: words on stderr, and with `-o json` one problem object on stdout.
pub(crate) fn report(error: &CliError, out: &mut Output) -> ExitStatus {
    let mut text = format!("error: {}\n", error.what);
    for cause in &error.causes {
        text.push_str(&format!("  cause: {cause}\n"));
    }
    if let Some(hint) = &error.hint {
        text.push_str(&format!("  hint: {hint}\n"));
    }
    out.note(text.trim_end());
    if out.is_json() {
        problem(error, out);
    }
    error.status
}

/// The problem object of a line that could not be understood; its words are on stderr already, whole.
pub(crate) fn problem_of_usage(e: &clap::Error, out: &mut Output) {
    let text = e.to_string();
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    let what = lines.next().unwrap_or_default();
    let mut error = CliError::new(ExitStatus::Usage, what.strip_prefix("error: ").unwrap_or(what));
    error.causes =
        lines.take_while(|l| !l.starts_with("Usage:") && !l.starts_with("For more")).map(str::to_owned).collect();
    problem(&error.hint("`dispatchctl --help`, or a command's own --help, shows what is understood"), out);
}

fn problem(error: &CliError, out: &mut Output) {
    let mut doc = json!({
        "type": "about:blank",
        "title": error.what,
        "detail": error.causes.join("; "),
        "exit": error.status as i32,
        "hint": error.hint,
        "mode": out.mode(),
    });
    if let (Some(map), Some(extra)) = (doc.as_object_mut(), error.extra.as_deref().and_then(Value::as_object)) {
        map.extend(extra.clone());
    }
    out.document(&doc);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_refuses_has_a_hint_of_its_own_by_its_code() {
        for (code, words) in [
            ("3D000", "CREATE DATABASE"),
            ("42501", "GRANT CONNECT"),
            ("28P01", "store.password_file"),
            ("28000", "pg_hba.conf"),
            ("3F000", "search_path"),
            ("0P000", "store.tls_ca_file"),
        ] {
            let source = NotAdmitted { code: code.into(), what: "db1: no".into() };
            let e = CliError::from(StoreError::Open { path: "postgres://u@db1/d".into(), source: source.into() });
            let hint = e.hint.clone().unwrap_or_default();
            assert!(hint.starts_with(NOTHING_RECORDED) && hint.contains(words), "{code}: {hint}");
            assert_eq!(e.causes, ["db1: no"], "{code}");
            let look = e.hint_of_a_look().unwrap_or_default();
            assert!(!look.contains("nothing was recorded") && look.contains(words), "{code}: {look}");
        }
        for (e, words, others) in [
            (StoreError::Denied { what: "no".into() }, "SELECT, INSERT, UPDATE and DELETE", "disk"),
            (StoreError::ReadOnly { what: "no".into() }, "default_transaction_read_only", "runs"),
            (StoreError::Full { what: "no".into() }, "disk", "GRANT"),
        ] {
            let hint = CliError::from(e).hint.unwrap_or_default();
            assert!(hint.contains(words) && !hint.contains(others), "{hint}");
        }
    }

    #[test]
    fn nobody_is_told_to_run_again_what_would_make_a_second_call() {
        let unsure = || StoreError::Unsure { what: "the connection ended".into() };
        let said = |e: &CliError| (e.status, e.hint.clone().unwrap_or_default());
        let (status, hint) = said(&CliError::of_accepting(unsure(), false));
        assert!(status == ExitStatus::Unknown && hint.contains("look for it"), "{hint}");
        let (status, hint) = said(&CliError::of_accepting(unsure(), true));
        assert!(status == ExitStatus::Store && hint.contains("harmless"), "{hint}");
        assert_eq!(CliError::of_accepting(StoreError::Busy, false).status, ExitStatus::Store);
        let call: CallId = "c1".parse().expect("an id");
        let late =
            CliError::from(StoreError::Unreachable { what: "the connection ended".into() }).behind_its_commit(&call);
        let (status, hint) = said(&late);
        assert!(status == ExitStatus::Pending && hint.contains("do not run it again"), "{hint}");
        assert!(late.what.contains("call c1 is recorded") && !hint.contains("nothing was recorded"), "{late:?}");
        assert_eq!(CliError::no_call("c2").behind_its_commit(&call).status, ExitStatus::NotFound);
    }
}
