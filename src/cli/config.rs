//! `config show`: the effective settings and where each came from, secrets masked. `config apply`: makes this file's settings the
//! ones in force in the store, for every process that works on it.

use std::collections::{BTreeMap, BTreeSet};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::config::{self, Config, Part};
use crate::domain::settings::{NewSettings, SettingsRow};
use crate::store;

use super::app::{App, NoStore, operator};
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::report::CliError;

/// What to do with the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
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
        ConfigCommand::Show { diff: false } => Ok(show(app, out)),
        ConfigCommand::Show { diff: true } => diff(app, out).await,
        ConfigCommand::Apply => apply(app, out).await,
    }
}

fn show(app: &App, out: &mut Output) -> ExitStatus {
    let rows = app.config.shown();
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
        let rows: Vec<_> = config.shown().into_iter().filter(|r| r.key == key || r.key.starts_with(&prefix)).collect();
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
    let differ = config::differences(&app.config.documents.decides, &config::completed(row));
    Ok(differ
        .into_iter()
        .map(|key| Difference { here: shown(&app.config, &key), in_force: shown(&stored, &key), key })
        .collect())
}

/// The columns of a narrow terminal.
const WIDTH: usize = 80;
/// Those before a value.
const INDENT: usize = 12;

/// The same differences value by value: of a table that differs in one value, that one alone.
fn leaves<'a>(app: &App, row: &SettingsRow, keys: impl Iterator<Item = &'a str>) -> Result<Vec<Difference>, CliError> {
    let stored = config::load_under(&app.sources, row)?;
    let below = |config: &Config, key: &str| -> BTreeMap<String, String> {
        let prefix = format!("{key}.");
        let rows = config.shown().into_iter().filter(|r| r.key == key || r.key.starts_with(&prefix));
        rows.map(|r| (r.key, r.value)).collect()
    };
    let none = || "(none)".to_owned();
    let mut all = Vec::new();
    for key in keys {
        let (here, there) = (below(&app.config, key), below(&stored, key));
        let names: BTreeSet<&String> = here.keys().chain(there.keys()).collect();
        let value = |of: &BTreeMap<String, String>, name: &str| of.get(name).cloned().unwrap_or_else(none);
        let before = all.len();
        for name in names.into_iter().filter(|n| here.get(*n) != there.get(*n)) {
            all.push(Difference { key: name.clone(), here: value(&here, name), in_force: value(&there, name) });
        }
        if all.len() == before {
            // The two values differ although their shown forms are equal, as masked secrets are.
            all.push(Difference { key: key.to_owned(), here: value(&here, key), in_force: value(&there, key) });
        }
    }
    Ok(all)
}

/// A text in lines of at most so many characters, broken at blanks where there are any.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').flat_map(|w| pieces(w, width)) {
        let Some(last) = lines.last_mut() else { continue };
        let room = width.saturating_sub(last.chars().count());
        if last.is_empty() {
            last.push_str(&word);
        } else if word.chars().count() < room {
            last.push(' ');
            last.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

/// A word that is longer than a line, in parts that are not.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let all: Vec<char> = word.chars().collect();
    if all.is_empty() { vec![String::new()] } else { all.chunks(width.max(1)).map(|c| c.iter().collect()).collect() }
}

async fn diff(app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let Some(row) = &app.settings else {
        store::exists(app.location()).await?;
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
    if out.is_csv() {
        let mut table = Table::new(&["KEY", "HERE", "IN FORCE"]);
        for d in &found {
            table.row([d.key.clone(), d.here.clone(), d.in_force.clone()]);
        }
        out.table(&table);
    } else if !found.is_empty() {
        out.mode_line();
        for d in leaves(app, row, found.iter().map(|d| d.key.as_str()))? {
            out.line(&d.key);
            for (label, value) in [("here", &d.here), ("in force", &d.in_force)] {
                for (n, part) in wrapped(value, WIDTH - INDENT).into_iter().enumerate() {
                    let label = if n == 0 { label } else { "" };
                    out.line(&format!("  {label:<10}{part}"));
                }
            }
        }
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
    let store = app.store(NoStore::Create).await?;
    let row = store.put_settings(&new).await?;
    let changed = before != Some(row.number);
    if out.is_json() {
        out.document(&json!({ "inForce": document(&row), "changed": changed, "mode": app.config.mode.as_str() }));
        return Ok(ExitStatus::Done);
    }
    out.mode_line();
    let already = if changed { "" } else { " already" };
    out.paragraph(&format!(
        "settings {} are{already} in force (since {}, by {}, {})",
        row.number, row.at, row.actor.0, row.role
    ));
    if changed && app.holder().await.is_none() {
        out.chat("no engine runs; every command and the next `dispatchctl serve` begin under them, and serve then puts its own file's in force");
    }
    Ok(ExitStatus::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_wrapped_and_nothing_of_it_is_lost() {
        let text = format!("a=1 b={} c=\u{e9}{} d", "x".repeat(150), "y".repeat(67));
        let lines = wrapped(&text, 68);
        assert!(lines.iter().all(|l| l.chars().count() <= 68), "{lines:?}");
        let without = |t: &str| t.chars().filter(|c| *c != ' ').collect::<String>();
        assert_eq!(without(&lines.concat()), without(&text));
        assert_eq!((wrapped("", 68), wrapped("off", 68)), (vec![String::new()], vec!["off".to_owned()]));
    }
}
