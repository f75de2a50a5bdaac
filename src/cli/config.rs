//! `config show`: the effective settings and where each came from, secrets masked. `config apply`: makes this file's settings the
//! ones in force in the store, for every process that works on it.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::config::{self, Config, Part};
use crate::domain::settings::{NewSettings, SettingsRow};
use crate::store::Store as _;
use crate::store::sqlite::file::is_there;

use super::app::{App, Missing, operator};
use super::output::{Output, Table};
use super::report::{CliError, ExitStatus};

/// What to do with the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print every setting with its origin
    Show {
        /// Print what differs between this configuration and the settings in force in the store
        #[arg(long)]
        diff: bool,
    },
    /// Put this configuration's settings in force in the store; a running engine follows at once
    Apply,
}

pub(crate) async fn run(args: &Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    match args.what {
        What::Show { diff: false } => Ok(show(app, out)),
        What::Show { diff: true } => diff(app, out),
        What::Apply => apply(app, out).await,
    }
}

fn show(app: &App, out: &mut Output) -> ExitStatus {
    let rows = config::show(&app.config);
    if out.is_json() {
        let settings: Vec<Value> =
            rows.iter().map(|r| json!({ "key": r.key, "value": r.value, "origin": r.origin.to_string() })).collect();
        let file = app.config.file.as_ref().map(|f| f.display().to_string());
        out.document(&json!({ "file": file, "settings": settings, "warnings": app.config.warnings,
            "replaced": app.config.replaced, "inForce": app.settings.as_ref().map(document) }));
        return ExitStatus::Done;
    }
    let mut table = Table::new(&["KEY", "VALUE", "FROM"]);
    for r in rows {
        table.row([r.key, r.value, r.origin.to_string()]);
    }
    out.table(&table);
    for w in &app.config.warnings {
        out.chat(&format!("warning: {w}"));
    }
    ExitStatus::Done
}

/// The settings in force, for documents: which, since when, by whom.
pub(super) fn document(row: &SettingsRow) -> Value {
    json!({ "number": row.number.0, "since": row.at, "actor": row.actor.0, "by": row.role })
}

/// One key in which this configuration differs from the settings in force.
struct Difference {
    key: String,
    here: String,
    in_force: String,
}

fn differences(app: &App, row: &SettingsRow) -> Result<Vec<Difference>, CliError> {
    let stored = config::load_under(&app.sources, row)?;
    let shown = |config: &Config, key: &str| {
        let prefix = format!("{key}.");
        let rows: Vec<_> =
            config::show(config).into_iter().filter(|r| r.key == key || r.key.starts_with(&prefix)).collect();
        match rows.as_slice() {
            [] => "(none)".to_owned(),
            [one] if one.key == key => one.value.clone(),
            many => many
                .iter()
                .map(|r| format!("{}={}", r.key.trim_start_matches(&prefix), r.value))
                .collect::<Vec<_>>()
                .join(" "),
        }
    };
    let differ = config::differences(&app.config.documents.decides, &row.document);
    Ok(differ
        .into_iter()
        .map(|key| Difference { here: shown(&app.config, &key), in_force: shown(&stored, &key), key })
        .collect())
}

fn diff(app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let Some(row) = &app.settings else {
        is_there(app.config.store.path())?;
        let e = CliError::new(ExitStatus::NotFound, "the store holds no settings yet");
        return Err(
            e.hint("`dispatchctl serve` puts its own in force at its start, `dispatchctl config apply` this file's")
        );
    };
    let found = differences(app, row)?;
    if out.is_json() {
        let all: Vec<Value> =
            found.iter().map(|d| json!({ "key": d.key, "here": d.here, "inForce": d.in_force })).collect();
        out.document(&json!({ "inForce": document(row), "differences": all }));
        return Ok(ExitStatus::Done);
    }
    let mut table = Table::new(&["KEY", "HERE", "IN FORCE"]);
    for d in &found {
        table.row([d.key.clone(), d.here.clone(), d.in_force.clone()]);
    }
    if out.is_csv() || !found.is_empty() {
        out.table(&table);
    }
    let count = match found.len() {
        0 => "nothing differs".to_owned(),
        1 => "1 key differs".to_owned(),
        n => format!("{n} keys differ"),
    };
    out.chat(&format!("{count} from settings {} (since {}, by {}, {})", row.number, row.at, row.actor.0, row.role));
    Ok(ExitStatus::Done)
}

/// The settings of a configuration, to be put in force.
///
/// # Errors
/// Exit 2: a sink that has no name and whose place cannot be read here could not be told from another.
pub(super) fn new_settings(app: &App, role: &str) -> Result<NewSettings, CliError> {
    if app.config.documents.nameless_sinks() > 0 {
        app.config.check(&[Part::Alerts])?;
    }
    Ok(NewSettings {
        document: app.config.documents.decides.clone(),
        // Addresses and secrets are an engine's own: only its start and its reload keep them.
        places: (role == "serve").then(|| app.config.documents.places.clone()),
        targets: app.config.targets(),
        actor: operator(None),
        role: role.to_owned(),
        at: app.clock.now(),
    })
}

/// A file of contacts and policies alone, or one of secrets alone, is not the settings of a shop that has them all.
fn refuse_to_empty(app: &App, row: &SettingsRow) -> Result<(), CliError> {
    let stored = config::load_document(&app.sources, row)?;
    let lacks = [
        ("contacts", !stored.directory.contacts.is_empty() && app.config.directory.contacts.is_empty()),
        ("a sender (twilio.from)", stored.directory.from.is_some() && app.config.directory.from.is_none()),
    ];
    match lacks.iter().find(|(_, lacks)| *lacks) {
        None => Ok(()),
        Some((what, _)) => Err(CliError::new(
            ExitStatus::Usage,
            format!("this configuration has no {what}, and the settings in force have: nothing was changed"),
        )
        .hint("`dispatchctl config show --diff` shows what would change; apply the engine's own file, whole")),
    }
}

async fn apply(app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let new = new_settings(app, "config apply")?;
    if let Some(row) = &app.settings {
        refuse_to_empty(app, row)?;
        for d in differences(app, row)? {
            out.chat(&format!("  {}: {} -> {}", d.key, d.in_force, d.here));
        }
    }
    for warning in &app.config.warnings {
        out.chat(&format!("warning: {warning}"));
    }
    let before = app.settings.as_ref().map(|s| s.number);
    let store = app.store(Missing::Create).await?;
    let row = store.put_settings(&new).await?;
    let changed = before != Some(row.number);
    if out.is_json() {
        out.document(&json!({ "inForce": document(&row), "changed": changed, "mode": app.config.mode.as_str() }));
        return Ok(ExitStatus::Done);
    }
    out.mode_line();
    let already = if changed { "" } else { " already" };
    out.line(&format!(
        "settings {} are{already} in force (since {}, by {}, {})",
        row.number, row.at, row.actor.0, row.role
    ));
    if changed && app.holder().is_none() {
        out.chat("no engine runs; every command and the next `dispatchctl serve` begin under them, and serve then puts its own file's in force");
    }
    Ok(ExitStatus::Done)
}
