//! `oncall --from --until`: who holds the roles of a line, span by span.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::oncall::holders::shown;
use crate::domain::oncall::typed::Typed;
use crate::domain::team::{Directory, Line};
use crate::domain::types::{ParseError, Role};
use crate::engine::oncall::past::{DutySource, DutySpan, kept, spans_json, spans_of};
use crate::engine::oncall::zone_of_line;

use super::super::app::App;
use super::super::exit::ExitStatus;
use super::super::output::{Output, Table};
use super::super::report::CliError;

/// What is shown where no end is given.
const WEEK: std::time::Duration = std::time::Duration::from_secs(7 * 86_400);
/// The longest stretch.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(366 * 86_400);

/// A stretch of time as it was typed, by the clock of the line.
///
/// # Errors
/// Exit 2: what cannot be read, an end before its begin, or more than a year.
pub(super) fn stretch(
    directory: &Directory,
    line: &Line,
    typed: (Option<&str>, Option<&str>),
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), CliError> {
    let zone = zone_of_line(directory, line.number.as_deref());
    let by = Typed { zone: &zone, rotation: None, calendar: None, now };
    let wrong = |flag: &str, e: ParseError| CliError::new(ExitStatus::Usage, format!("{} ({flag})", e.why));
    let from = typed.0.map_or(Ok(now), |text| by.from(text)).map_err(|e| wrong("--from", e))?;
    let until = typed.1.map_or(Ok(from.plus(WEEK)), |text| by.until(text, from)).map_err(|e| wrong("--until", e))?;
    if until <= from || until.since(from) > LONGEST {
        return Err(CliError::new(ExitStatus::Usage, "the end is not after its begin, or more than a year behind it"));
    }
    Ok((from, until))
}

/// The spans of each role: as they were kept where that has passed at `now`, else computed. `now` is one with what was taken for
/// it: a moment later, what is asked of this moment would be the past, as an engine that is gone by now kept it.
pub(super) async fn of(
    app: &App,
    line: &Line,
    roles: &[Role],
    (from, until): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Vec<Vec<DutySpan>>, CliError> {
    let store = app.store_if_there().await?;
    let mut all = Vec::new();
    for role in roles {
        let kept = match &store {
            Some(store) => kept(store.as_ref(), line.number.as_deref(), role, (from, until), now).await?,
            None => Vec::new(),
        };
        all.push(spans_of(&app.config.directory, (line, role), (from, until), now, &kept));
    }
    Ok(all)
}

pub(super) async fn show(
    app: &App,
    line: &Line,
    roles: &[Role],
    (from, until): (Timestamp, Timestamp),
    now: Timestamp,
    out: &mut Output,
) -> Result<(), CliError> {
    let of = of(app, line, roles, (from, until), now).await?;
    if out.is_json() {
        let all = roles.iter().zip(&of).flat_map(|(role, of)| spans_json(line.number.as_deref(), role, of));
        let all: Vec<Value> = all.collect();
        let (number, name) = (&line.number, &line.name);
        out.document(&json!({ "line": number, "lineName": name, "from": from, "until": until, "spans": all }));
        return Ok(());
    }
    let zone: TimeZone = zone_of_line(&app.config.directory, line.number.as_deref());
    let mut t = Table::new(&["FROM", "UNTIL", "ROLE", "CONTACT", "WHY"]);
    for (role, of) in roles.iter().zip(&of) {
        for span in of {
            // What has passed and was not kept is only what is configured now.
            let is_guessed = span.source == DutySource::Computed && span.from < now;
            let guessed = if is_guessed { "; computed, nothing was kept of it" } else { "" };
            let row = |who: String, why: &str| {
                let times = [shown(span.from, &zone), shown(span.until, &zone)];
                times.into_iter().chain([role.to_string(), who, format!("{why}{guessed}")])
            };
            for holder in &span.holders {
                t.row(row(holder.contact.clone(), &holder.why));
            }
            if span.holders.is_empty() {
                t.row(row("nobody".to_owned(), "a gap"));
            }
        }
    }
    out.table(&t);
    Ok(())
}
