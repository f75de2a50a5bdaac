//! The drills' own commands, and the sandbox that other commands start in test mode.

mod demo;
mod reply;
mod sandbox;
mod stand_in;
mod terminal;
mod test_reliability;
mod test_reliability_live;

pub(super) use stand_in::Sandbox;

use super::exit::ExitStatus;
use super::global::Global;
use super::output::Output;
use super::report::CliError;

/// Commands of a build with drills.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// See it all on a temporary store: a lost answer, a kill -9, the follow-up on time
    Demo(demo::Args),
    /// Run the fake Twilio, for your own integration tests
    Sandbox(sandbox::Args),
    /// Play the faults of the trade against this program, and count what was lost or doubled
    TestReliability(test_reliability::Args),
}

/// None of them needs a configuration.
pub(super) async fn run(command: &Command, global: &Global, out: &mut Output) -> Result<ExitStatus, CliError> {
    match command {
        Command::Demo(args) => demo::run(args, out).await,
        Command::Sandbox(args) => sandbox::run(args, global, out).await,
        Command::TestReliability(args) => test_reliability::run(args, global, out).await,
    }
}
