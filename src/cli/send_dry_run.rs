//! `send --dry-run`: who would be told what and when, with the segments. Nothing is written or sent.

use serde_json::{Value, json};

use crate::domain::body;
use crate::domain::event::NewCall;

use super::app::App;
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::report::CliError;

/// Prints the steps of a call that is not accepted.
pub(super) fn dry_run(new: &NewCall, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let directory = &app.config.directory;
    let (line, _) = directory.line(new.data.twilio_to_number.as_deref());
    let now = app.clock.now();
    let (mut due, mut told, mut number) = (now, Vec::new(), 0u32);
    let mut rows = Vec::new();
    for step in 0..new.policy.total_steps() {
        due = due.plus(new.policy.wait_before(step));
        for r in crate::engine::intake::recipients(new, directory, line, step, due) {
            number += 1;
            let first = !told.contains(&r.contact);
            told.push(r.contact.clone());
            let rendered = preview(new, line, directory, &r.name, number, first, app);
            rows.push((step + 1, due, r, rendered));
        }
    }
    let after = new.policy.wait_before(new.policy.total_steps());
    let mut exhausts = due.plus(after);
    let resort = new.policy.total_steps() + 1;
    if !directory.last_resort.is_empty() {
        for c in directory.last_resort() {
            number += 1;
            let recipient = c.recipient();
            let rendered = preview(new, line, directory, &c.name, number, !told.contains(&c.id), app);
            rows.push((resort, exhausts, recipient, rendered));
        }
        exhausts = exhausts.plus(after);
    }
    if out.is_json() {
        let steps: Vec<Value> = rows
            .iter()
            .map(|(step, due, r, b)| json!({ "step": step, "lastResort": *step == resort, "dueAt": due, "contact": r.contact.as_str(), "to": r.phone.e164(), "segments": b.segments, "body": b.body }))
            .collect();
        out.document(&json!({ "dryRun": true, "level": new.level, "steps": steps, "exhaustsAt": exhausts }));
        return Ok(ExitStatus::Done);
    }
    let mut t = Table::new(&["STEP", "WHEN", "WHO", "PHONE", "SEGMENTS", "TEXT"]);
    for (step, due, r, b) in rows {
        let step = if step == resort { "last resort".to_owned() } else { step.to_string() };
        t.row([step, out.time(due), r.name, r.phone.to_string(), b.segments.to_string(), b.body]);
    }
    out.table(&t);
    if !out.is_csv() {
        out.line(&format!(
            "level {}; without an answer EXHAUSTED at {}; nothing was sent",
            new.level,
            out.time(exhausts)
        ));
    }
    Ok(ExitStatus::Done)
}

fn preview(
    new: &NewCall,
    line: &crate::domain::team::Line,
    directory: &crate::domain::team::Directory,
    name: &str,
    number: u32,
    first: bool,
    app: &App,
) -> body::Rendered {
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let template = if first { directory.notice_template(line) } else { directory.reminder_template(line) };
    let input = body::RenderInput {
        template,
        own_words: new.data.body.as_deref(),
        kind: if first { body::TextKind::First } else { body::TextKind::Reminder },
        reference: &format!("2222-{number}"),
        repeat_of: None,
        business: &line.name,
        contact_name: name,
        issue: &text(&new.data.issue_summary),
        address: &text(&new.data.address),
        caller_name: &text(&new.data.caller_name),
        caller_phone: &text(&new.data.caller_phone),
        level: &new.level,
        link: "",
        test_mode: app.config.mode == crate::config::Mode::Test,
    };
    body::render(&input).unwrap_or(body::Rendered { body: String::new(), segments: 0, fell_back: None })
}
