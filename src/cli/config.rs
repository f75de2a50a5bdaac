//! `config show`: the effective settings and where each came from, secrets masked.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::config;

use super::app::App;
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
    Show,
}

pub(crate) fn run(args: &Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let What::Show = args.what;
    let rows = config::show(&app.config);
    if out.is_json() {
        let settings: Vec<Value> =
            rows.iter().map(|r| json!({ "key": r.key, "value": r.value, "origin": r.origin.to_string() })).collect();
        let file = app.config.file.as_ref().map(|f| f.display().to_string());
        out.document(&json!({ "file": file, "settings": settings, "warnings": app.config.warnings, "replaced": app.config.replaced }));
        return Ok(ExitStatus::Done);
    }
    let mut table = Table::new(&["KEY", "VALUE", "FROM"]);
    for r in rows {
        table.row([r.key, r.value, r.origin.to_string()]);
    }
    out.table(&table);
    for w in &app.config.warnings {
        out.chat(&format!("warning: {w}"));
    }
    Ok(ExitStatus::Done)
}
