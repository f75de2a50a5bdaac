//! `store check`, `store migrate --to URL`: what is about the store as a whole.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::config::{self, StoreLocation};
use crate::store::{self, StoreSettings};

use super::app::{App, NoStore};
use super::exit::ExitStatus;
use super::location::location_of;
use super::output::{Output, Table};
use super::report::CliError;

/// Rows that are named.
const NAMED: usize = 100;

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Read every row, and name those that cannot be read
    Check,
    /// Copy the store from its file into an empty PostgreSQL database, compare both, and leave the file behind
    Migrate {
        /// The database, as `store.url` names it later; its password: store.password_file or DISPATCHCTL_STORE__PASSWORD
        #[arg(long, value_name = "URL")]
        to: String,
    },
}

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    match args.what {
        StoreCommand::Check => check(app, out).await,
        StoreCommand::Migrate { to } => migrate(&to, app, out).await,
    }
}

async fn check(app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let (schema, found) = (store.schema().await?, store.unreadable(NAMED).await?);
    if out.is_json() {
        let rows: Vec<Value> = found.iter().map(|u| json!({ "row": u.row, "why": u.why })).collect();
        out.document(
            &json!({ "store": app.location().to_string(), "schema": schema, "unreadable": rows, "mode": out.mode() }),
        );
    } else if found.is_empty() {
        out.chat(&format!("{}, schema {schema}: every row can be read", app.location()));
    } else {
        let mut t = Table::new(&["ROW", "WHY"]);
        for u in &found {
            t.row([u.row.clone(), u.why.clone()]);
        }
        out.table(&t);
    }
    Ok(if found.is_empty() { ExitStatus::Done } else { ExitStatus::No })
}

async fn migrate(to: &str, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let (place, _) = config::place(&config::Sources { flag_store: Some(to.to_owned()), ..app.sources.clone() })?;
    if !matches!(place, StoreLocation::Postgres(_)) {
        return Err(CliError::new(ExitStatus::Usage, "--to names no PostgreSQL database; nothing was changed")
            .hint("give --to postgres://user@host/database"));
    }
    if !matches!(app.config.store, StoreLocation::Sqlite(_)) {
        return Err(CliError::new(ExitStatus::Usage, "the store is not in a file; nothing was changed")
            .hint("name the file with --store sqlite:PATH"));
    }
    let opened = app.store(NoStore::Refuse).await?;
    let _engine = opened.take_lease("store migrate").await?;
    if let Some(row) = opened.unreadable(1).await?.first() {
        let what = format!("{} cannot be read: {}; nothing was changed", row.row, row.why);
        return Err(
            CliError::new(ExitStatus::Store, what).hint("see all with `dispatchctl store check`, and mend them first")
        );
    }
    let mode = app.config.mode;
    let from = StoreSettings::of(app.location(), super::app::store_mode(mode));
    let to = StoreSettings::of(location_of(&place), super::app::store_mode(mode));
    let place = to.location.clone();
    let moved = tokio::task::spawn_blocking(move || store::migrate(&from, &to)).await;
    let moved = moved.map_err(|e| CliError::new(ExitStatus::Bug, "moving the store ended badly").cause(e))??;
    if out.is_json() {
        out.document(&json!({ "from": app.location().to_string(), "to": place.to_string(), "tables": moved.tables,
            "rows": moved.rows, "wasCopied": moved.was_copied, "mode": out.mode() }));
    } else {
        let how = if moved.was_copied { "had been copied before and is compared" } else { "are copied and compared" };
        out.chat(&format!("{} rows of {} tables {how}: the store is {place} now", moved.rows, moved.tables));
        out.note("set store.url to it everywhere, then start `dispatchctl serve`; the file opens no more");
    }
    Ok(ExitStatus::Done)
}
