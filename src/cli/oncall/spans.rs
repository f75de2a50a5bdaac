//! `oncall --from --until`: who holds the roles of a line, span by span.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::oncall::holders::shown;
use crate::domain::oncall::timeline::spans;
use crate::domain::oncall::typed::Typed;
use crate::domain::team::{Directory, Line};
use crate::domain::types::{ParseError, Role};
use crate::engine::oncall::{json as shapes, zone_of_line};

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

pub(super) fn show(
    directory: &Directory,
    line: &Line,
    roles: &[Role],
    (from, until): (Timestamp, Timestamp),
    out: &mut Output,
) {
    if out.is_json() {
        let of = |role: &Role| -> Vec<Value> {
            shapes::spans(directory, line.number.as_deref(), role, &spans(directory, line, role, from, until))
        };
        let all: Vec<Value> = roles.iter().flat_map(of).collect();
        let (number, name) = (&line.number, &line.name);
        out.document(&json!({ "line": number, "lineName": name, "from": from, "until": until, "spans": all }));
        return;
    }
    let zone: TimeZone = zone_of_line(directory, line.number.as_deref());
    let mut t = Table::new(&["FROM", "UNTIL", "ROLE", "CONTACT", "WHY"]);
    for role in roles {
        for span in spans(directory, line, role, from, until) {
            let row = |who: String, why: String| {
                [shown(span.from, &zone), shown(span.until, &zone), role.to_string(), who, why]
            };
            for holder in &span.holders {
                t.row(row(holder.contact.id.to_string(), holder.why.describe(directory)));
            }
            if span.holders.is_empty() {
                t.row(row("nobody".to_owned(), "a gap".to_owned()));
            }
        }
    }
    out.table(&t);
}
