//! `store check`: looks through the whole store, and changes nothing.

use serde_json::{Value, json};

use crate::cli::app::{App, NoStore};
use crate::cli::exit::ExitStatus;
use crate::cli::output::{Output, Table, spinner};
use crate::cli::report::CliError;
use crate::store::{CheckedPart, HistoryDoubt};

/// Rows that each part names.
const NAMED: usize = 100;

pub(super) async fn run(app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let bar = spinner(out, "reading the whole store");
    let (schema, parts) = (store.schema().await?, store.checked(NAMED).await?);
    let doubt = store.history_doubt().await?;
    bar.finish_and_clear();
    let wrong = parts.iter().any(|p| !p.wrong.is_empty());
    if out.is_json() {
        out.document(&json!({
            "store": app.location().to_string(),
            "schema": schema,
            "parts": parts.iter().map(part).collect::<Vec<_>>(),
            "unreadable": parts.iter().flat_map(rows).collect::<Vec<_>>(),
            "historyInDoubt": doubt.as_ref().map(|d| json!({ "since": d.newest, "why": d.why })),
            "mode": out.mode(),
        }));
    } else {
        let mut t = Table::new(&["PART", "LOOKED AT", "FOUND", "WHY"]);
        for p in &parts {
            let looked = format!("{} {}", p.looked_at, p.unit);
            if p.wrong.is_empty() {
                t.row([p.part.to_owned(), looked.clone(), "well".into(), String::new()]);
            }
            for u in &p.wrong {
                t.row([p.part.to_owned(), looked.clone(), u.row.clone(), u.why.clone()]);
            }
        }
        out.table(&t);
        say(app, schema, wrong, doubt.as_ref(), out);
    }
    Ok(if wrong { ExitStatus::No } else { ExitStatus::Done })
}

fn say(app: &App, schema: i64, wrong: bool, doubt: Option<&HistoryDoubt>, out: &Output) {
    if let Some(d) = doubt {
        let what = format!(
            "the story after {} may be incomplete ({}): the engine finds out with the provider before it sends; see `dispatchctl recover`",
            out.time(d.newest),
            d.why
        );
        out.note(&what);
    }
    if wrong {
        out.note(
            "nothing was changed; what an index or an orphan is, `dispatchctl serve` mends at its start; for the rest see \
             `dispatchctl store restore FILE`",
        );
    } else {
        out.chat(&format!("{}, schema {schema}: every row can be read", app.location()));
    }
}

fn part(p: &CheckedPart) -> Value {
    json!({ "part": p.part, "lookedAt": p.looked_at, "unit": p.unit, "found": rows(p).collect::<Vec<_>>() })
}

fn rows(p: &CheckedPart) -> impl Iterator<Item = Value> {
    p.wrong.iter().map(|u| json!({ "row": u.row, "why": u.why, "callId": u.call, "part": p.part }))
}
