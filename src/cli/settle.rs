//! `settle ATTEMPT`: a person decides an unknown outcome.
//!
//! One commit on the store, with or without an engine; a running engine sees it within 250 ms. Said twice says so and changes
//! nothing.

use serde_json::json;

use crate::domain::Settlement;
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState};
use crate::domain::call::CallState;
use crate::domain::change::Answer;
use crate::domain::event::Event;
use crate::domain::types::{AttemptId, MessageSid};
use crate::engine::json;
use crate::store::Ledger;

use super::app::{App, NoStore, operator};
use super::engine::Rest;
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::recipient::{to, will_be};
use super::report::CliError;

/// Which attempt, what became of it, and in whose name.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The attempt: its id (att_...) or the reference in its text (7K3Q-2)
    attempt: String,
    #[command(flatten)]
    how: SettleChoice,
    /// In whose name [default: the user of this system]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why, for the log
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Args {
    pub(crate) fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }
}

/// What became of it: one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct SettleChoice {
    /// The provider has it: this is its message; its status is followed from now on
    #[arg(long, value_name = "SID")]
    sent: Option<MessageSid>,
    /// The provider does not have it: somebody else is told now, where a step names one
    #[arg(long)]
    not_sent: bool,
    /// The provider does not have it: send it once more now, if the call still wants it
    #[arg(long)]
    resend: bool,
}

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let how = match args.how.sent {
        Some(sid) => Settlement::Sent(sid),
        None if args.how.resend => Settlement::Resend,
        None => Settlement::NotSent,
    };
    if !matches!(how, Settlement::Sent(_)) {
        // Whom the ladder goes on with is decided here.
        app.people_required()?;
    }
    let store = app.store(NoStore::Refuse).await?;
    let attempt = named(store.as_ref(), args.attempt.trim()).await?;
    let by = operator(args.by.as_deref());
    let note = args.note.as_deref().map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned);
    let event = Event::Settle { attempt, how, seen: None, by: by.clone(), note };
    let (state, changed) = match app.core(store.clone()).apply(event, by).await? {
        Answer::Changed(state) => (state, true),
        Answer::Already(state) => (state, false),
        Answer::NotAllowed(state, why) => return Err(not_allowed(&state, attempt, &why)),
        Answer::NotFound => return Err(no_attempt(&args.attempt)),
        _ => return Err(CliError::new(ExitStatus::Bug, "the outcome was neither settled nor refused")),
    };
    let Some(a) = state.attempt(attempt) else {
        return Err(CliError::new(ExitStatus::Bug, "what was settled is not in its call"));
    };
    let waits = state.attempts.iter().any(|a| a.state.is_waiting());
    let rest = app.relied_on(changed && (waits || a.state == AttemptState::Submitted), &*store, out).await?;
    report(&state, a, changed, &rest, out);
    Ok(rest.say("texts and statuses", out))
}

/// The attempt that an argument means: by its id, or by its call's reference and its number.
async fn named(store: &dyn Ledger, text: &str) -> Result<AttemptId, CliError> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    if let Some((code, number)) = text.split_once('-')
        && let (Ok(reference), Ok(number)) = (code.parse(), number.parse::<u32>())
    {
        let call = store.call_by_reference(&reference).await?;
        let state = match call {
            Some(id) => store.call(&id).await?,
            None => None,
        };
        let found = state.and_then(|s| s.attempts.iter().find(|a| a.number == number).map(|a| a.id));
        return found.ok_or_else(|| no_attempt(text));
    }
    let Some(call) = json::find(store, text).await? else { return Err(no_attempt(text)) };
    let e = CliError::new(ExitStatus::Usage, format!("{call} is a call: name the attempt"));
    let state = store.call(&call).await?;
    let unknown: Vec<String> = state
        .iter()
        .flat_map(|s| {
            s.attempts.iter().filter(|a| a.state == AttemptState::Unknown).map(|a| a.reference(&s.call.reference))
        })
        .collect();
    Err(e.hint(match unknown.as_slice() {
        [] => "none of its attempts is unknown".to_owned(),
        some => format!("unknown there: {}", some.join(", ")),
    }))
}

fn no_attempt(text: &str) -> CliError {
    let shown = crate::domain::phone::masked(text);
    CliError::new(ExitStatus::NotFound, format!("there is no attempt {shown:?}"))
        .hint("an attempt is named by its id (att_...) or the reference in its text, like 7K3Q-2; see `dispatchctl status CALL`")
}

fn not_allowed(state: &CallState, attempt: AttemptId, why: &str) -> CliError {
    let call = &state.call;
    let reference = state.attempt(attempt).map(|a| a.reference(&call.reference)).unwrap_or_default();
    CliError::new(ExitStatus::No, format!("attempt {reference} of call {} was not settled", call.id))
        .cause(why)
        .hint(format!("see its story with `dispatchctl status {}`", call.id))
        .with(json!({ "callId": call.id, "attemptId": attempt, "callStatus": call.status }))
}

fn report(state: &CallState, a: &Attempt, changed: bool, rest: &Rest, out: &mut Output) {
    let call = &state.call;
    let reference = a.reference(&call.reference);
    if out.is_json() {
        let mut doc = json::attempt(call, a);
        if let Some(map) = doc.as_object_mut() {
            map.insert("callId".into(), json!(call.id));
            map.insert("changed".into(), json!(changed));
            map.insert("mode".into(), json!(out.mode()));
        }
        rest.add_to(&mut doc);
        out.document(&doc);
        return;
    }
    if out.is_csv() {
        let mut table = Table::new(&["CALL", "ATTEMPT", "REF", "STATE", "SID", "CHANGED"]);
        let sid = a.sid.as_ref().map(|s| s.as_str().to_owned()).unwrap_or_default();
        table.row([call.id.to_string(), a.id.to_string(), reference, a.state.to_string(), sid, changed.to_string()]);
        out.table(&table);
        return;
    }
    out.mode_line();
    let already = if changed { "" } else { " already" };
    let sid = a.sid.as_ref().map(|s| format!(" as {s}")).unwrap_or_default();
    out.paragraph(&format!("{} ({reference}) to {} is{already} {}{sid}", call.id, a.recipient.name, a.state));
    if changed {
        for next in state.attempts.iter().filter(|n| n.state.is_waiting() && n.kind == AttemptKind::Notice) {
            out.line(&format!("  {} {} (attempt {})", to(&next.recipient), will_be(next.channel), next.number));
        }
    }
}
