//! `recover --from-airtable`: rebuilds running calls from the shop's base and the provider's lists, after a lost disk or when
//! another system is replaced. Prints the plan, asks for the word that nobody else runs them, imports call by call, and does
//! what is due. Run again it finds those calls in the store and leaves them alone.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::config::Part;
use crate::domain::count::counted_usize;
use crate::engine::rebuild::{self, Base, BaseReader, BaseSnapshot, Carried, ReadError, RebuildPlan};
use crate::engine::recovery;
use crate::engine::synced_contacts::merge::merge;
use crate::engine::synced_contacts::{ContactSource, EVERY};
use crate::gateways::mirror::RefusalScope;
use crate::gateways::{GatewayError, MirrorError, SmsGateway};
use crate::store::{Ledger, Store, SyncedContacts};

use super::app::{App, NoStore, operator};
use super::exit::ExitStatus;
use super::output::{Output, Table, spinner};
use super::recover::{Args, CarriedOut, carry_out};
use super::report::CliError;

/// How often the base is asked again where it could not answer.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(args: &Args, mut app: App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let asks = !args.dry_run && !args.yes;
    if asks && !std::io::stdin().is_terminal() {
        return Err(CliError::new(
            ExitStatus::Usage,
            "nobody can be asked whether another engine or an old system still runs these calls; nothing was done",
        )
        .hint("see the plan with --dry-run, stop the other system, then say so with --yes"));
    }
    app.config.check(&[Part::Twilio, Part::Airtable])?;
    let sandbox = app.sandbox_if_needed(out).await?;
    let result = with_providers(args, &mut app, out).await;
    if let Some(s) = sandbox {
        s.shutdown().await;
    }
    result
}

async fn with_providers(args: &Args, app: &mut App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let base = base(app)?;
    people(app, &base, out).await;
    if !args.dry_run {
        app.people_required()?;
    }
    let store = app.store_if_there().await?;
    let snapshot = read(app, &base, store.as_deref(), args.older_than, out).await?;
    let plan = rebuild::plan(&snapshot, &app.ids);
    if !out.is_json() {
        show(&plan, out);
    }
    if args.dry_run || plan.rows.is_empty() {
        say(&plan, None, None, out);
        return Ok(status(&plan, None));
    }
    if !args.yes && !asked(&plan, out).await? {
        out.chat("nothing was done");
        say(&plan, None, None, out);
        return Ok(ExitStatus::No);
    }
    let store = match store {
        Some(store) => store,
        None => app.store(NoStore::Create).await?,
    };
    if let (Some(copy), None) = (&app.synced_contacts, store.synced_contacts().await?) {
        // Calls are rebuilt for these people: every other process decides by them too.
        store.keep_synced_contacts(Some(copy)).await?;
    }
    let core = app.core_that_polls(store);
    let carried = rebuild::carry_out(&core, &plan, &operator(None)).await?;
    // Receipts that came for these attempts meanwhile join them.
    let local = recovery::StoreSnapshot::take(&core, app.living_holder().await.is_some()).await?;
    recovery::settle_store(&core, &local, &operator(None)).await?;
    let done = carry_out(app, &core, out).await?;
    say(&plan, Some(&carried), Some(done), out);
    Ok(if done == CarriedOut::BySilent { ExitStatus::Pending } else { status(&plan, Some(&carried)) })
}

/// The people whom the base names, where a lost disk took the copy of them with it: without them nobody is known to have been
/// told. What cannot be read is said by whoever needs it.
async fn people(app: &mut App, base: &Base, out: &Output) {
    let source = app.config.airtable.as_ref().and_then(|a| ContactSource::of(a, EVERY));
    let Some(source) = source.filter(|_| app.synced_contacts.is_none()) else { return };
    match source.list(&*base.mirror).await {
        Ok(listed) if listed.is_complete() => {
            let (reading, lines) = listed.read(&app.configured, None);
            let read_at = app.clock.now();
            let copy = SyncedContacts { source: source.table, read_at, contacts: reading.contacts, businesses: lines };
            app.config.directory = merge(&app.configured, &copy.contacts, &copy.businesses).directory;
            app.synced_contacts = Some(copy);
        }
        Ok(_) => out.note(&format!("the people of {} could not be read whole", source.table)),
        Err(e) => out.note(&format!("the people of {} cannot be read: {e}", source.table)),
    }
}

/// What only a person can mend is an answer of "no".
fn status(plan: &RebuildPlan, carried: Option<&Carried>) -> ExitStatus {
    let refused = carried.is_some_and(|c| !c.refused.is_empty());
    if plan.problems.is_empty() && !refused { ExitStatus::Done } else { ExitStatus::No }
}

/// The shop's base as the configuration names it.
///
/// # Errors
/// Exit 2 where there is none.
pub(super) fn base(app: &App) -> Result<Base, CliError> {
    let (Some(a), Some(mirror)) = (&app.config.airtable, app.mirror()?) else {
        return Err(CliError::new(ExitStatus::Usage, "no Airtable base is configured to rebuild calls from")
            .hint("set airtable.token and airtable.base_id, or AIRTABLE_API_KEY and AIRTABLE_BASE_ID"));
    };
    Ok(Base { mirror, maps: Arc::new(a.maps()) })
}

/// Reads; where the base could not answer, again.
async fn read(
    app: &App,
    base: &Base,
    store: Option<&dyn Store>,
    older_than: Duration,
    out: &Output,
) -> Result<BaseSnapshot, CliError> {
    let sms: Arc<dyn SmsGateway> = app.gateway()?;
    let bar = spinner(out, "reading Airtable and the provider's lists");
    let mut tries = 0;
    let read = loop {
        let reader = BaseReader {
            store: store.map(|s| s as &dyn Ledger),
            directory: Arc::new(app.config.directory.clone()),
            lexicon: app.config.replies.clone(),
            now: app.clock.now(),
            older_than,
        };
        match rebuild::read(reader, base, sms.as_ref()).await {
            Err(e) if passes(&e) && tries < TRIES => {
                tries += 1;
                bar.set_message(format!("{e}; again"));
                app.clock.sleep_until(app.clock.now().plus(PAUSE)).await;
            }
            other => break other,
        }
    };
    bar.finish_and_clear();
    read.map_err(unread)
}

/// Whether to ask once more may help.
fn passes(e: &ReadError) -> bool {
    match e {
        ReadError::Incomplete { .. } => true,
        ReadError::Mirror(e) => {
            matches!(e, MirrorError::RateLimited { .. } | MirrorError::Retryable { .. } | MirrorError::IteratorGone)
        }
        ReadError::Sms(e) => matches!(e, GatewayError::Retryable { .. } | GatewayError::Unknown { .. }),
        ReadError::Store(_) | ReadError::NoField { .. } => false,
    }
}

fn unread(e: ReadError) -> CliError {
    let (status, hint) = match &e {
        ReadError::Store(_) => {
            return match e {
                ReadError::Store(e) => e.into(),
                e => CliError::from_chain(ExitStatus::Store, &e),
            };
        }
        ReadError::Mirror(MirrorError::Refused(r)) => match r.scope {
            RefusalScope::Field(_) => (
                ExitStatus::Usage,
                "name the field as the base has it under [airtable.fields.calls] or [airtable.fields.events]",
            ),
            _ => (ExitStatus::Refused, "check the token, its base and scopes, and the names under [airtable.tables]"),
        },
        ReadError::Mirror(MirrorError::NotFound { .. }) => {
            (ExitStatus::Refused, "check airtable.base_id and the names under [airtable.tables]")
        }
        ReadError::Sms(GatewayError::Refused { .. }) => {
            (ExitStatus::Refused, "check the Twilio credentials: without its list of messages, texts could be doubled")
        }
        _ => (ExitStatus::Unreachable, "nothing was recorded or sent: safe to run again"),
    };
    CliError::from_chain(status, &e).hint(hint)
}

/// The word that nobody else runs these calls.
async fn asked(plan: &RebuildPlan, out: &Output) -> Result<bool, CliError> {
    let n = plan.rows.len();
    out.note(&format!(
        "{} to take over. Two systems on one call text people twice: every other engine and the old system must be stopped.",
        counted_usize(n, "call")
    ));
    let answer = tokio::task::spawn_blocking(|| {
        let mut err = std::io::stderr();
        let _ = write!(err, "No other system runs these calls? Type yes: ");
        let _ = err.flush();
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let line = answer.await.map_err(|e| CliError::new(ExitStatus::Bug, "the question ended badly").cause(e))?;
    Ok(line.is_ok_and(|l| l.trim().eq_ignore_ascii_case("yes")))
}

fn show(plan: &RebuildPlan, out: &mut Output) {
    let mut t = Table::new(&["CALL", "REFERENCE", "FOUND", "OUTCOME", "AT", "WILL BE DONE", "NOT REBUILT"]);
    for r in &plan.rows {
        let f = r.found;
        let old = if f.old_events > 0 { format!(", {} old", f.old_events) } else { String::new() };
        let found = format!(
            "{}{old}, {}, {}",
            counted_usize(f.events, "event"),
            counted_usize(f.messages, "message"),
            if f.replies == 1 { "1 reply".to_owned() } else { format!("{} replies", f.replies) }
        );
        t.row([
            r.call.to_string(),
            r.reference.to_string(),
            found,
            r.what.as_str().into(),
            r.at.map(|at| out.time(at)).unwrap_or_default(),
            r.action.clone(),
            r.lost.join("; "),
        ]);
    }
    out.table(&t);
    if out.is_csv() {
        return;
    }
    for note in &plan.notes {
        out.paragraph(&format!("note: {note}"));
    }
    for p in &plan.problems {
        out.paragraph(&format!("row {}: {}; {}", p.record, p.what, p.help));
    }
    match plan.left_alone.len() {
        0 => {}
        1 => out.line("1 call is in the store already: left alone"),
        n => out.paragraph(&format!("{n} calls are in the store already: left alone")),
    }
}

fn say(plan: &RebuildPlan, carried: Option<&Carried>, done: Option<CarriedOut>, out: &mut Output) {
    if out.is_json() {
        let refused = carried.map(|c| {
            let all = c.refused.iter().map(|(call, why)| json!({ "callId": call, "why": why }));
            all.collect::<Vec<_>>()
        });
        out.document(&json!({
            "plan": plan.rows.iter().map(rebuild::PlanRow::json).collect::<Vec<_>>(),
            "problems": plan.problems.iter().map(rebuild::RowProblem::json).collect::<Vec<_>>(),
            "leftAlone": plan.left_alone,
            "notes": plan.notes,
            "imported": carried.map(|c| &c.imported),
            "refused": refused,
            "carriedOut": done.map(CarriedOut::as_str),
        }));
        return;
    }
    if out.is_csv() {
        return;
    }
    for (call, why) in carried.map(|c| c.refused.as_slice()).unwrap_or_default() {
        out.paragraph(&format!("call {call} was not imported: {why}"));
    }
    let n = match carried.map_or(0, |c| c.imported.len()) {
        1 => "1 call was".to_owned(),
        n => format!("{n} calls were"),
    };
    match (plan.rows.is_empty(), done) {
        (true, _) => out.line("nothing to rebuild"),
        (false, None) => out.line("nothing was done; --yes carries it out once no other system runs these calls"),
        (false, Some(CarriedOut::BySilent)) => {
            out.paragraph(&format!("{n} imported; nothing is sent: the engine does not answer"));
        }
        (false, Some(CarriedOut::ByEngine)) => {
            out.paragraph(&format!("{n} imported; the engine that runs goes on with them"))
        }
        (false, Some(CarriedOut::Here)) => {
            out.paragraph(&format!(
                "{n} imported and what was due is done; start `dispatchctl serve` now: what follows fires there"
            ));
        }
        (false, Some(CarriedOut::InPart)) => {
            out.paragraph(&format!("{n} imported; start `dispatchctl serve` now: it goes on with what is left"));
        }
    }
}
