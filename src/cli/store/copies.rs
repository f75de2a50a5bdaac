//! `store backup FILE`, `store restore FILE`: a copy of a store in a file, and back.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::cli::app::{App, NoStore, store_mode};
use crate::cli::exit::ExitStatus;
use crate::cli::output::{Output, Table, spinner};
use crate::cli::report::CliError;
use crate::store::{self, Counted, LeaseError, Location, Overwrite, StoreError, StoreSettings};

pub(super) const fn over(force: bool) -> Overwrite {
    if force { Overwrite::Replace } else { Overwrite::Refuse }
}

pub(super) async fn backup(file: &Path, over: Overwrite, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    refuse_a_server(app)?;
    let store = app.store(NoStore::Refuse).await?;
    let Some(upkeep) = store.upkeep() else { return Err(of_a_server(&app.location())) };
    let bar = spinner(out, "copying the store");
    let made = upkeep.copy_to(file, over).await;
    bar.finish_and_clear();
    let counted = made.map_err(|e| not_copied(e, file))?;
    if out.is_json() {
        let store = app.location().to_string();
        out.document(&document(&counted, json!({ "store": store, "file": file.display().to_string() })));
        return Ok(ExitStatus::Done);
    }
    let mut t = Table::new(&["FILE", "BYTES", "SCHEMA", "CALLS", "OPEN", "NEWEST ENTRY"]);
    t.row(cells(file, &counted, out));
    out.table(&t);
    out.chat(&format!(
        "opened and counted; `dispatchctl store restore {}` puts it in a store's place; it holds people's names and numbers",
        file.display()
    ));
    Ok(ExitStatus::Done)
}

pub(super) async fn restore(
    file: PathBuf,
    over: Overwrite,
    app: &App,
    out: &mut Output,
) -> Result<ExitStatus, CliError> {
    refuse_a_server(app)?;
    let bar = spinner(out, "restoring the store");
    let settings = StoreSettings::of(app.location(), store_mode(app.config.mode));
    let done = store::restore(settings, file.clone(), over).await;
    bar.finish_and_clear();
    let restored = done.map_err(|e| not_restored(e, app))?;
    let kept = restored.kept.map(|k| k.display().to_string());
    let place = app.location().to_string();
    if out.is_json() {
        let more = json!({ "store": place, "file": file.display().to_string(), "kept": kept });
        out.document(&document(&restored.counted, more));
        return Ok(ExitStatus::Done);
    }
    let mut t = Table::new(&["FILE", "BYTES", "SCHEMA", "CALLS", "OPEN", "NEWEST ENTRY"]);
    t.row(cells(&file, &restored.counted, out));
    out.table(&t);
    let kept = kept.map_or_else(String::new, |k| {
        format!("; what was there before is kept as {k}, and holds people's names and numbers")
    });
    out.chat(&format!("the store {place} is the one of this copy now{kept}"));
    out.note(
        "what was written after its newest entry is not in it: the engine asks the provider before it sends again; next: \
         `dispatchctl recover`, or start `dispatchctl serve`; calls that came later are rebuilt by `dispatchctl recover --from-airtable`",
    );
    Ok(ExitStatus::Done)
}

fn cells(file: &Path, c: &Counted, out: &Output) -> [String; 6] {
    [
        file.display().to_string(),
        c.size.to_string(),
        c.schema.to_string(),
        c.calls.to_string(),
        c.open.to_string(),
        c.newest.map_or_else(String::new, |t| out.time(t)),
    ]
}

fn document(c: &Counted, more: Value) -> Value {
    let rows: Map<String, Value> = c.rows.iter().map(|(table, n)| (table.clone(), Value::from(*n))).collect();
    let mut all = more;
    let counted = json!({ "bytes": c.size, "schema": c.schema, "calls": c.calls, "open": c.open, "newestEntry": c.newest, "rows": rows });
    if let (Some(all), Some(counted)) = (all.as_object_mut(), counted.as_object()) {
        all.extend(counted.clone());
    }
    all
}

fn refuse_a_server(app: &App) -> Result<(), CliError> {
    let place = app.location();
    if place.is_shared() { Err(of_a_server(&place)) } else { Ok(()) }
}

/// What copies a store in a database.
fn of_a_server(place: &Location) -> CliError {
    CliError::new(ExitStatus::Usage, "the store is in a database, which its server's own tools copy; nothing was done")
        .cause("a copy by this program would not be of one moment with what the server itself recovers to")
        .hint(format!(
            "`pg_dump --format=custom --file=FILE '{place}'` copies it beside running engines, and `pg_restore --single-transaction \
             --no-owner --dbname='{place}' FILE` brings it back into an empty database; or take base backups with the write-ahead log \
             (pg_basebackup). The first start on what was restored asks the provider what it lacks before it sends"
        ))
}

fn not_copied(e: StoreError, file: &Path) -> CliError {
    match e {
        StoreError::Exists { .. } | StoreError::WrongFile { .. } => {
            let hint = "name another place; --force replaces a file that is there";
            CliError { status: ExitStatus::Usage, ..CliError::from(e) }.hint(hint)
        }
        StoreError::Full { .. } => {
            let what = format!("no copy was written to {}", file.display());
            let cause = e.to_string();
            CliError::new(ExitStatus::No, what)
                .cause(cause)
                .hint("the store is not touched; make room there, or name another place")
        }
        e => e.into(),
    }
}

fn not_restored(e: LeaseError, app: &App) -> CliError {
    match e {
        LeaseError::Store(e @ StoreError::Exists { .. }) => CliError { status: ExitStatus::Usage, ..CliError::from(e) }
            .hint(
                "nothing was changed; --force puts the copy in its place, and keeps what is there under another name",
            ),
        LeaseError::Store(e @ StoreError::Full { .. }) => CliError::from(e)
            .hint(format!("nothing was changed; make room beside {}, and run it again", app.location())),
        LeaseError::Store(e @ StoreError::Corrupt { .. }) => {
            CliError::from(e).hint("nothing was changed: this copy is not whole; take another one")
        }
        LeaseError::Store(e @ StoreError::Busy) => CliError::from(e)
            .hint("nothing was changed: another command has the store open; end it, and run this again"),
        LeaseError::Store(e) => e.into(),
        e @ LeaseError::Held(_) => {
            CliError::from(e).hint("nothing was changed; stop `dispatchctl serve` first, then run this again")
        }
        e => e.into(),
    }
}
