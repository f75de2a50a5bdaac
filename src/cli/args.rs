//! The clap tree. What a command's own flags mean stands beside its code.

use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};

use crate::domain::Timestamp;
use crate::telemetry::Usual;

use super::app::Wanted;
#[cfg(feature = "drills")]
use super::drills;
use super::output::{Color, Format};
use super::{
    breaker, completions, config, contacts, decide, doctor, follow_up, log, oncall, recover, send, serve, settle,
    status, verify_events,
};

/// Emergency dispatch by SMS that cannot lose a message or a follow-up.
#[derive(Debug, Parser)]
#[command(name = "dispatchctl", version, about, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Configuration file
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    /// Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Form of results [default: table]
    #[arg(long, short = 'o', global = true, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// Print results only
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// More words in the log (-vv: even more)
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Form of log lines on stderr
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Nothing leaves the machine: sandbox, test store, free ports
    #[arg(long, global = true)]
    pub(crate) test_mode: bool,
    /// Show times in UTC
    #[arg(long, global = true)]
    pub(crate) utc: bool,
    /// Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)
    #[arg(long, global = true, value_name = "WHOSE", default_value = "in-force")]
    pub(crate) settings: SettingsOf,
}

/// Whose settings decide in a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SettingsOf {
    /// Those that the engine put into the store.
    InForce,
    /// Those of this command's own file and environment.
    Own,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Dispatch a call and watch it go out
    Send(send::Args),
    /// Run the engine with the webhook listener
    Serve(serve::Args),
    /// Show the engine and the open calls, or the whole story of one call
    Status(status::Args),
    /// Take a call, in your own name or on a technician's behalf
    Ack(decide::AckArgs),
    /// Say that a call is done
    Resolve(decide::Args),
    /// Withdraw a call
    Cancel(decide::Args),
    /// Look for somebody again, with everybody
    Reopen(decide::Args),
    /// Say what became of a text whose outcome is unknown
    Settle(settle::Args),
    /// Compare every dispatch event with Airtable by reading back, and mend it
    VerifyEvents(verify_events::Args),
    /// Show what is due, fire it by hand, or stop it
    FollowUp(follow_up::Args),
    /// After a restart: find what should run and does not, and see to it
    Recover(recover::Args),
    /// Show senders that are not used because they fail, and use one again
    Breaker(breaker::Args),
    /// Show who can be told, and clear an opt-out
    Contacts(contacts::Args),
    /// Show who would be told, for a line and level
    Oncall(oncall::Args),
    /// Read the log, follow it, or export it
    Log(log::Args),
    /// Check configuration, store, clock, Twilio and Airtable, and say what to do
    Doctor(doctor::Args),
    #[cfg(feature = "drills")]
    #[command(flatten)]
    Drills(drills::Command),
    /// Show the settings and where each came from
    Config(config::Args),
    /// Print a shell's completion file
    Completions(completions::Args),
}

impl Command {
    /// How much its log says without `-v`.
    pub(crate) fn usual_log(&self) -> Usual {
        match self {
            Self::Serve(_) => Usual::Info,
            _ => Usual::Warn,
        }
    }

    /// Whether it decides or shows who is told, without reading Airtable itself.
    /// Whose settings it works by, where `given` is what `--settings` says.
    pub(crate) fn wanted_settings(&self, given: SettingsOf) -> Wanted {
        match self {
            Self::Serve(_) => Wanted::OwnToPutInForce,
            // These look at a process's own.
            Self::Config(_) | Self::Doctor(_) => Wanted::Own,
            _ if given == SettingsOf::Own => Wanted::OwnForOnce,
            _ => Wanted::InForce,
        }
    }

    /// What `--by` says, where a command takes it.
    pub(crate) fn by(&self) -> Option<&str> {
        match self {
            Self::Ack(args) => args.by(),
            Self::Resolve(args) | Self::Cancel(args) | Self::Reopen(args) => args.by(),
            Self::Settle(args) => args.by(),
            Self::FollowUp(args) => args.by(),
            Self::Breaker(args) => args.by(),
            Self::Contacts(args) => args.by(),
            _ => None,
        }
    }

    /// Settings that a command's own flags stand for: (key, value).
    pub(crate) fn overrides(&self) -> Vec<(String, String)> {
        match self {
            Self::Serve(args) => args.overrides(),
            _ => Vec::new(),
        }
    }
}

/// The whole tree, for completion files and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

/// A moment in the past, as a flag says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// So long ago.
    Ago(std::time::Duration),
    /// Then.
    At(Timestamp),
}

impl Since {
    /// The moment that is meant, seen from `now`.
    pub(crate) fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(d) => now.minus(d),
            Self::At(t) => t,
        }
    }
}

/// Reads `90s`, `2h` (so long ago) or an RFC 3339 time.
pub(crate) fn since(text: &str) -> Result<Since, String> {
    if let Ok(d) = duration(text) {
        return Ok(Since::Ago(d));
    }
    time(text)
        .map(Since::At)
        .map_err(|_| "a duration like 90s or 2h, or a time like 2026-11-22T02:04:00Z, is wanted".to_owned())
}

/// Reads an RFC 3339 time with an offset.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "a time with an offset like 2026-11-22T02:04:00Z is wanted".to_owned())
}

/// A duration as the configuration writes it: `90s`, `2m`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::config::duration(text)
}

/// How many lines a list has at most.
pub(crate) fn limit(text: &str) -> Result<usize, String> {
    text.trim().parse().ok().filter(|n| *n > 0).ok_or_else(|| "a whole number from 1 on is wanted".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn since_is_a_duration_or_a_moment_and_nothing_else() {
        let now = Timestamp::from_millis(1_795_313_040_000);
        let moment = |text: &str| since(text).map(|s| s.moment(now));
        assert_eq!(moment("90s"), Ok(now.minus(Duration::from_secs(90))));
        assert_eq!(moment("1h30m"), Ok(now.minus(Duration::from_secs(5_400))));
        assert_eq!(moment("2026-11-22T02:04:00Z"), Ok(now));
        assert_eq!(moment("2026-11-21T18:04:00-08:00"), Ok(now));
        for bad in ["", "yesterday", "90", "-5m", "2026-11-22", "2026-11-22T02:04:00", "400d"] {
            let e = moment(bad).expect_err(bad);
            assert!(e.contains("90s") && e.contains("2026-11-22T02:04:00Z"), "{bad}: {e}");
        }
    }

    #[test]
    fn the_tree_is_sound() {
        command().debug_assert();
    }
}
