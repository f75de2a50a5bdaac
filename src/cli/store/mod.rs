//! `store check`, `backup`, `restore`, `prune`, `migrate`: what is about the store as a whole.

mod check;
mod copies;
mod migrate;
mod prune;

use std::path::PathBuf;

use clap::Subcommand;

use super::app::App;
use super::exit::ExitStatus;
use super::output::Output;
use super::report::CliError;

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Read every row, and name what cannot be read, breaks a rule or belongs to nothing
    Check,
    /// Copy the whole store to a file while the engine runs, opened and counted before it has its name
    Backup {
        /// Where the copy is written; only its owner may read it
        file: PathBuf,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Put a copy in the store's place: no engine may run, and what was there is kept under another name
    Restore {
        /// The copy: one of `store backup`, or of those that `serve` makes every day
        file: PathBuf,
        /// Replace a store that is there
        #[arg(long)]
        force: bool,
    },
    /// Take names, numbers, addresses and texts of calls that are over out of the store; counts, times and ids stay
    Prune(prune::Args),
    /// Copy the store from its file into an empty PostgreSQL database, compare both, and leave the file behind
    Migrate {
        /// The database, as `store.url` names it later; its password: store.password_file or DISPATCHCTL_STORE__PASSWORD
        #[arg(long, value_name = "URL")]
        to: String,
    },
}

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    match args.what {
        StoreCommand::Check => check::run(app, out).await,
        StoreCommand::Backup { file, force } => copies::backup(&file, copies::over(force), app, out).await,
        StoreCommand::Restore { file, force } => copies::restore(file, copies::over(force), app, out).await,
        StoreCommand::Prune(args) => prune::run(args, app, out).await,
        StoreCommand::Migrate { to } => migrate::run(&to, app, out).await,
    }
}
