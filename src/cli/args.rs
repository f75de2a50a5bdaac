//! The clap tree. What a command's own flags mean stands beside its code.

use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};

use crate::telemetry::Usual;

use super::output::{Color, Format};
use super::{completions, config, demo, sandbox, send, serve};

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
    /// See it all on a temporary store: a lost answer, a kill -9, the follow-up on time
    Demo(demo::Args),
    /// Run the fake Twilio, for your own integration tests
    Sandbox(sandbox::Args),
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

/// A duration as the configuration writes it: `90s`, `2m`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::config::duration(text)
}
