//! Flags of every command, and whose settings they ask for.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::output::{Color, Format};

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Configuration file
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    /// Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Form of results [default: table]
    #[arg(long, short = 'o', global = true, help_heading = "Options of every command", value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// Print results only
    #[arg(long, short, global = true, help_heading = "Options of every command")]
    pub(crate) quiet: bool,
    /// More words in the log (-vv: even more)
    #[arg(long, short, global = true, help_heading = "Options of every command", action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colour
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Form of log lines on stderr
    #[arg(
        long,
        global = true,
        help_heading = "Options of every command",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
    /// Nothing leaves the machine: sandbox, test store, free ports
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub(crate) test_mode: bool,
    /// Show times in UTC
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub(crate) utc: bool,
    /// Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)
    #[arg(
        long,
        global = true,
        help_heading = "Options of every command",
        value_name = "WHOSE",
        default_value = "in-force"
    )]
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

/// Which settings a command wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigNeed {
    /// Those in force; where there are none, its own.
    InForce,
    /// Its own, which `--settings own` asks for; refused while an engine lives.
    OwnForOnce,
    /// Its own: the command is about them.
    Own,
    /// Its own; where they are wrong, those in force with the places that were kept.
    OwnToPutInForce,
}
