//! The clap tree. What a command's own flags mean stands beside its code.

use clap::{CommandFactory, Parser, Subcommand};

use crate::telemetry::Usual;

#[cfg(feature = "drills")]
use super::drills;
use super::global::{ConfigNeed, Global, SettingsOf};
use super::{
    alerts, board, breaker, completions, config, contacts, decide, doctor, follow_up, init, log, manual, night, oncall,
    recover, send, serve, settle, status, store, verify_events,
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
    /// Wake somebody for a call that was left for the morning
    Raise(decide::RaiseArgs),
    /// Tick off a call that was left for the morning, or the alert about a phone call that nobody reported: a person has seen it
    Seen(decide::Args),
    /// Write a line into the story of a call
    Note(decide::NoteArgs),
    /// Say what became of a text whose outcome is unknown
    Settle(settle::Args),
    /// Compare every dispatch event with Airtable by reading back, and mend it
    VerifyEvents(verify_events::Args),
    /// Show what is due, fire it by hand, or stop it
    FollowUp(follow_up::Args),
    /// After a restart: find what should run and does not, and see to it
    Recover(recover::Args),
    /// Show what a person must look at, say that somebody has, or try the sinks
    Alerts(alerts::Args),
    /// Show senders that are not used because they fail, and use one again
    Breaker(breaker::Args),
    /// Sign somebody in to the office's page
    Board(board::Args),
    /// Show who can be told, and clear an opt-out
    Contacts(contacts::Args),
    /// Show who would be told, for a line and level
    Oncall(oncall::Args),
    /// List the calls of a night, those that wait to be rung back first
    Report(night::Args),
    /// Read the log, follow it, or export it
    Log(log::Args),
    /// Read the whole store, or move it to a PostgreSQL server
    Store(store::Args),
    /// Check configuration, store, clock, Twilio and Airtable, and say what to do
    Doctor(doctor::Args),
    #[cfg(feature = "drills")]
    #[command(flatten)]
    Drills(drills::Command),
    /// Write a commented configuration, made for the shop's own base where it has one
    Init(init::Args),
    /// Show the settings and where each came from
    Config(config::Args),
    /// Print a shell's completion file
    Completions(completions::Args),
    /// Explain a topic (exit-codes, configuration, symptoms, upgrade...) or a command
    Help(manual::HelpArgs),
    /// Write the manual's pages
    Man(manual::ManArgs),
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
    pub(crate) fn wanted_settings(&self, given: SettingsOf) -> ConfigNeed {
        match self {
            Self::Serve(_) => ConfigNeed::OwnToPutInForce,
            // These look at a process's own.
            Self::Config(_) | Self::Doctor(_) | Self::Init(_) => ConfigNeed::Own,
            _ if given == SettingsOf::Own => ConfigNeed::OwnForOnce,
            _ => ConfigNeed::InForce,
        }
    }

    /// What `--by` says, where a command takes it.
    pub(crate) fn by(&self) -> Option<&str> {
        match self {
            Self::Ack(args) => args.by(),
            Self::Resolve(args) | Self::Cancel(args) | Self::Reopen(args) | Self::Seen(args) => args.by(),
            Self::Raise(args) => args.by(),
            Self::Note(args) => args.by(),
            Self::Settle(args) => args.by(),
            Self::FollowUp(args) => args.by(),
            Self::Alerts(args) => args.by(),
            Self::Breaker(args) => args.by(),
            Self::Contacts(args) => args.by(),
            Self::Oncall(args) => args.by(),
            _ => None,
        }
    }

    /// Settings that a command's own flags stand for: (key, value).
    pub(crate) fn overrides(&self) -> Vec<(String, String)> {
        match self {
            Self::Serve(args) => args.overrides(),
            Self::Init(args) => args.overrides(),
            _ => Vec::new(),
        }
    }
}

/// The whole tree, for completion files and tests.
pub fn command() -> clap::Command {
    super::examples::with_examples(Cli::command())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound() {
        command().debug_assert();
    }
}
