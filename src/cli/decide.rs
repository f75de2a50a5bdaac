//! `ack`, `resolve`, `cancel`, `reopen`, `seen`, `note`: a person decides about a call.
//!
//! The decision is one commit on the store, with or without an engine; a running engine sees it within 250 ms. Done twice
//! says so and changes nothing.

use serde_json::json;

use crate::domain::attempt::AttemptKind;
use crate::domain::call::{Call, CallState, CallStatus};
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event, NoteTo};
use crate::domain::types::{CallId, ContactId};
use crate::engine::apply::Core;
use crate::engine::{json, phone_calls};
use crate::store::Ledger;

use super::app::{App, NoStore, operator};
use super::engine::Rest;
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::recipient::{to, will_be};
use super::report::CliError;

/// A longer note is a document of its own.
const NOTE_CHARACTERS_MAX: usize = 1_000;
/// The same for one that is texted: about three segments.
const TEXTED_NOTE_CHARACTERS_MAX: usize = 480;

/// Which call, and in whose name.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The call: its id, a message SID or a reference
    call: String,
    /// In whose name [default: the user of this system]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why, for the log
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Args {
    fn note(&self) -> Option<String> {
        self.note.as_deref().map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned)
    }

    pub(crate) fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }
}

/// As [`Args`], and for whom.
#[derive(Debug, clap::Args)]
pub(crate) struct AckArgs {
    #[command(flatten)]
    common: Args,
    /// Take it on behalf of this contact, who is then the holder
    #[arg(long = "for", value_name = "CONTACT")]
    holder: Option<String>,
}

impl AckArgs {
    pub(crate) fn by(&self) -> Option<&str> {
        self.common.by()
    }
}

/// As [`Args`], and to which level.
#[derive(Debug, clap::Args)]
pub(crate) struct RaiseArgs {
    #[command(flatten)]
    common: Args,
    /// The level whose ladder begins [default: normal]
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
}

impl RaiseArgs {
    pub(crate) fn by(&self) -> Option<&str> {
        self.common.by()
    }
}

/// A line for the story of a call.
#[derive(Debug, clap::Args)]
pub(crate) struct NoteArgs {
    /// The call: its id, a message SID or a reference
    call: String,
    /// What to write
    #[arg(value_name = "TEXT")]
    words: String,
    /// Also text it to whoever has the call, else to everybody who was told of it and did not pass
    #[arg(long)]
    text: bool,
    /// In whose name [default: the user of this system]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl NoteArgs {
    pub(crate) fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }
}

/// The call that an argument means: a call id, a message SID or a reference, in that order.
///
/// # Errors
/// Exit 3 where there is none.
pub(super) async fn call_named(store: &dyn Ledger, text: &str) -> Result<CallId, CliError> {
    json::find(store, text.trim()).await?.ok_or_else(|| CliError::no_call(text))
}

pub(crate) async fn acknowledge(args: AckArgs, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let call = call_named(store.as_ref(), &args.common.call).await?;
    let holder = match &args.holder {
        Some(text) => Some(holder(store.as_ref(), &call, text, app).await?),
        None => None,
    };
    commit(Decision::Acknowledge { holder }, call, &args.common, &app.core(store), app, out).await
}

pub(crate) async fn raise(args: RaiseArgs, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    run(Decision::Raise { level: args.level }, args.common, app, out).await
}

pub(crate) async fn run(what: Decision, args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let call = call_named(store.as_ref(), &args.call).await?;
    commit(what, call, &args, &app.core(store), app, out).await
}

/// Writes into the story of a call, open or not.
pub(crate) async fn note(args: NoteArgs, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let to = if args.text { NoteTo::People } else { NoteTo::Story };
    let args = Args { call: args.call, by: args.by, note: Some(args.words) };
    let Some(text) = args.note() else {
        return Err(CliError::new(ExitStatus::Usage, "there is nothing to write: TEXT is empty"));
    };
    let max = if to == NoteTo::People { TEXTED_NOTE_CHARACTERS_MAX } else { NOTE_CHARACTERS_MAX };
    if text.chars().count() > max {
        let why = format!("the note is longer than {max} characters");
        return Err(CliError::new(ExitStatus::Usage, why));
    }
    run(Decision::Note(to), args, app, out).await
}

/// A call that was left for the morning, or an alert about what no call was made of.
pub(crate) async fn seen(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let core = app.core(store);
    if let Some(call) = json::find(&*core.store, args.call.trim()).await? {
        return commit(Decision::Seen, call, &args, &core, app, out).await;
    }
    let by = operator(args.by.as_deref());
    let Some(alert) = phone_calls::seen(&core, args.call.trim(), by, args.note()).await? else {
        return Err(CliError::no_call(&args.call)
            .hint("an alert about a phone call or a report of this id is not raised, or is over already"));
    };
    let rest = app.relied_on(true, &*core.store, out).await?;
    if out.is_json() {
        let mut doc = json!({ "alert": alert.to_string(), "seen": true, "mode": out.mode() });
        rest.add_to(&mut doc);
        out.document(&doc);
    } else if out.is_csv() {
        let mut table = Table::new(&["ALERT", "SEEN"]);
        table.row([alert.to_string(), "true".to_owned()]);
        out.table(&table);
    } else {
        out.mode_line();
        out.paragraph(&format!("{} was looked into: its alert is over", args.call.trim()));
    }
    Ok(rest.say("the word that the alert is over", out))
}

/// The contact that `--for` names: by id or phone, configured or told of this call.
async fn holder(store: &dyn Ledger, call: &CallId, text: &str, app: &App) -> Result<ContactId, CliError> {
    let asked = text.trim();
    let contacts = &app.config.directory.contacts;
    if let Some(c) = app.config.directory.contact_named(asked) {
        return Ok(c.id.clone());
    }
    let recipients = store.call(call).await?.map(|s| s.attempts).unwrap_or_default();
    let recipients = recipients.into_iter().map(|a| a.recipient);
    if let Some(r) = recipients.into_iter().find(|r| r.contact.as_str() == asked || r.phone.e164() == asked) {
        return Ok(r.contact);
    }
    let shown = crate::domain::phone::masked(asked);
    Err(CliError::new(ExitStatus::Usage, format!("there is no contact {shown:?} (--for)"))
        .hint(there_are("contacts", contacts.iter().map(|c| c.id.as_str()))))
}

/// `there are contacts sam, ana`, or that there are none.
pub(super) fn there_are<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { format!("no {what} are configured") } else { format!("the {what} are {}", names.join(", ")) }
}

async fn commit(
    what: Decision,
    call: CallId,
    args: &Args,
    core: &Core,
    app: &App,
    out: &mut Output,
) -> Result<ExitStatus, CliError> {
    let by = operator(args.by.as_deref());
    let event = Event::Decide { call: call.clone(), what: what.clone(), by: by.clone(), note: args.note() };
    match core.apply(event, by).await? {
        Answer::Changed(state) => {
            let waits = state.attempts.iter().any(|a| a.state.is_waiting());
            let leaves_work = !matches!(what, Decision::Note(NoteTo::Story))
                && (waits || state.call.status == CallStatus::Dispatching);
            let rest = app.relied_on(leaves_work, &*core.store, out).await?;
            let done = if matches!(what, Decision::Note(NoteTo::Story)) { Decided::Noted } else { Decided::Now };
            report(&state, done, &rest, app, out);
            Ok(rest.say(&format!("texts, follow-ups{}", app.and_rows()), out))
        }
        Answer::Already(state) => {
            report(&state, Decided::Before, &Rest::Nothing, app, out);
            Ok(ExitStatus::Done)
        }
        Answer::NotAllowed(state, why) => Err(not_allowed(&what, &state.call, &why)),
        Answer::NotFound => Err(CliError::no_call(call.as_str())),
        _ => Err(CliError::new(ExitStatus::Bug, "the decision was neither made nor refused")),
    }
}

/// Whether the decision changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decided {
    Now,
    Noted,
    Before,
}

fn report(state: &CallState, done: Decided, rest: &Rest, app: &App, out: &mut Output) {
    let call = &state.call;
    if out.is_json() {
        let mut doc = json::call(call, out.mode());
        if let Some(map) = doc.as_object_mut() {
            map.insert("changed".into(), json!(done != Decided::Before));
        }
        rest.add_to(&mut doc);
        out.document(&doc);
    } else if out.is_csv() {
        let mut table = Table::new(&["CALL", "REF", "STATUS", "HOLDER", "CHANGED"]);
        let holder = call.holder.as_ref().map(ToString::to_string).unwrap_or_default();
        let changed = (done != Decided::Before).to_string();
        table.row([call.id.to_string(), call.reference.to_string(), call.status.to_string(), holder, changed]);
        out.table(&table);
    } else {
        out.mode_line();
        let already = if done == Decided::Before { " already" } else { "" };
        let who = holder_name(state, app).map(|n| format!(", {n} has it")).unwrap_or_default();
        let noted = if done == Decided::Noted { ": the note stands in its story" } else { "" };
        out.paragraph(&format!("{} ({}) is{already} {}{who}{noted}", call.id, call.reference, call.status));
        if done == Decided::Now {
            say_texts(state, out);
        }
    }
}

/// Whose texts are on their way because of the decision.
fn say_texts(state: &CallState, out: &mut Output) {
    for a in state.attempts.iter().filter(|a| a.state.is_waiting()) {
        let what = match a.kind {
            AttemptKind::Notice => will_be(a.channel),
            AttemptKind::StandDown => "will be stood down",
            AttemptKind::Answer => "will be answered",
            AttemptKind::Update => "will be told what has changed",
            AttemptKind::Question => "will be asked whether it goes on",
        };
        out.line(&format!("  {} {what} (attempt {})", to(&a.recipient), a.number));
    }
}

/// The name of whoever holds the call.
pub(super) fn holder_name(state: &CallState, app: &App) -> Option<String> {
    let id = state.call.holder.as_ref()?;
    let recipients = || state.attempts.iter().find(|a| &a.recipient.contact == id).map(|a| a.recipient.name.clone());
    let known = app.config.directory.contact(id).map(|c| c.name.clone());
    Some(known.or_else(recipients).unwrap_or_else(|| id.to_string()))
}

/// This transition does not exist: says which there are.
pub(super) fn not_allowed(what: &Decision, call: &Call, why: &str) -> CliError {
    let word = match what {
        Decision::Acknowledge { .. } => "acknowledged",
        Decision::Resolve => "resolved",
        Decision::Cancel => "cancelled",
        Decision::Reopen => "reopened",
        Decision::Raise { .. } => "raised",
        Decision::Seen => "ticked off as seen: it is not deferred",
        Decision::FireNow | Decision::FireStep { .. } => "followed up",
        Decision::Mute => "kept from follow-ups",
        Decision::Note(_) => "written into",
        Decision::AsSeen { .. } => "decided as it was seen",
    };
    let commands: Vec<String> = [
        (CallStatus::Acknowledged, "ack"),
        (CallStatus::Resolved, "resolve"),
        (CallStatus::Cancelled, "cancel"),
        (CallStatus::Dispatching, if call.status == CallStatus::Deferred { "raise" } else { "reopen" }),
    ]
    .into_iter()
    .filter(|(to, _)| call.status.may_become(*to))
    .map(|(_, command)| format!("`dispatchctl {command} {}`", call.id))
    .collect();
    let hint = if commands.is_empty() {
        format!("{} is final: nothing follows it; a new emergency is a new call", call.status)
    } else {
        format!("from {} there are {}", call.status, commands.join(", "))
    };
    let e = CliError::new(ExitStatus::No, format!("call {} is {} and cannot be {word}", call.id, call.status));
    let plain = format!("the call is {}", call.status);
    let e = if why == plain { e } else { e.cause(why) };
    e.hint(hint).with(json!({ "callId": call.id, "callStatus": call.status }))
}
