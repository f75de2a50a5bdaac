//! `store migrate --to URL`: from the store's file into an empty PostgreSQL database.

use serde_json::json;

use crate::cli::app::{App, NoStore, store_mode};
use crate::cli::exit::ExitStatus;
use crate::cli::location::location_of;
use crate::cli::output::Output;
use crate::cli::report::CliError;
use crate::config::{self, StoreLocation};
use crate::store::{self, StoreSettings};

pub(super) async fn run(to: &str, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
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
    let from = StoreSettings::of(app.location(), store_mode(mode));
    let to = StoreSettings::of(location_of(&place), store_mode(mode));
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
