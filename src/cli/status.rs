//! `status`: the overview, or the whole story of one call; once, or drawn anew whenever it changes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::domain::Timestamp;
use crate::domain::call::CallStatus;
use crate::domain::codes;
use crate::domain::codes::Class;
use crate::domain::types::CallId;
use crate::engine::apply::Core;
use crate::engine::json;
use crate::engine::next_step::{next_step, who};
use crate::store::Holder;
use crate::store::{
    AlertLine, CallFilter, CallLine, CallStory, DueLine, EngineRow, FailureLine, Figures, OptOutLine, SinkLine,
    Unreadable,
};

use super::alerts::{alert_document, sink_document, sinks_table};
use super::app::{App, NoStore};
use super::decide::call_named;
use super::engine::{Engine, Rest, stand_by};
use super::exit::ExitStatus;
use super::follow_up::line_json;
use super::open_calls;
use super::output::{Output, Table};
use super::parse::Since;
use super::refresh::refresh;
use super::report::CliError;
use super::status_watch;
use super::timeline;
use super::watch::{Wakeup, Watcher};

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One call: its id, a message SID or a reference
    call: Option<String>,
    /// Show every change until interrupted, or until nobody is looked for any more
    #[arg(long, short)]
    watch: bool,
    /// Ask the provider about the call's messages first
    #[arg(long, requires = "call")]
    refresh: bool,
    /// Calls in these states: a status, `open` or `all` [default: open]
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = states, conflicts_with = "call")]
    state: Vec<States>,
    /// Calls accepted since: a duration (90s, 2h) ago, or an RFC 3339 time
    #[arg(long, value_name = "DURATION|TIME", value_parser = super::parse::since, conflicts_with = "call")]
    since: Option<Since>,
    /// At most so many calls
    #[arg(long, value_name = "N", value_parser = super::parse::limit, default_value = "20", conflicts_with = "call")]
    limit: usize,
}

/// One word of `--state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum States {
    Open,
    All,
    One(CallStatus),
}

fn states(text: &str) -> Result<States, String> {
    match text.trim().to_ascii_uppercase().as_str() {
        "OPEN" => Ok(States::Open),
        "ALL" => Ok(States::All),
        word => CallStatus::from_word(word).map(States::One).ok_or_else(|| {
            let all: Vec<&str> = CallStatus::ALL.iter().map(|s| s.as_str()).collect();
            format!("the states are {}, open and all", all.join(", "))
        }),
    }
}

fn chosen(states: &[States]) -> Vec<CallStatus> {
    let is_chosen = |s: &CallStatus| {
        states.iter().any(|w| match w {
            States::Open => s.is_open(),
            States::All => true,
            States::One(one) => one == s,
        })
    };
    let open = |s: &CallStatus| states.is_empty() && s.is_open();
    CallStatus::ALL.iter().copied().filter(|s| is_chosen(s) || open(s)).collect()
}

/// So many open calls are weighed against each other; of more, the newest.
const OPEN_MAX: usize = 5_000;
/// Follow-ups that the overview names.
const NEXT_DUE: usize = 5;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// An engine that dies commits nothing: a watcher looks again after this.
pub(super) const LOOK_AT_MOST: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: Args, mut app: App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let core = app.core(app.store(NoStore::Refuse).await?);
    let Some(text) = &args.call else { return overview(&args, &app, &core, out).await };
    let call = call_named(core.store.as_ref(), text).await?;
    if args.refresh {
        refresh(&mut app, &core, &call, out).await?;
    }
    if args.watch && out.is_drawn() {
        let watched = WatchedCalls { args: &args, since: None };
        return Box::pin(status_watch::run(watched, Some(call), &app, &core, out)).await;
    }
    if args.watch {
        return watch_story(&call, &app, &core, out).await;
    }
    let story = core.store.story(&call).await?.ok_or_else(|| CliError::no_call(text))?;
    let waits = story.state.attempts.iter().any(|a| a.state.is_waiting());
    let rest = app.relied_on(waits || story.state.call.status == CallStatus::Dispatching, &*core.store, out).await?;
    show_story(&story, &app, out);
    let Rest::Silent(engine) = rest else { return Ok(ExitStatus::Done) };
    out.note(&engine.said());
    Ok(answered(Some(&engine), out))
}

fn show_story(story: &CallStory, app: &App, out: &mut Output) {
    if out.is_json() {
        out.document(&json::story(story, out.mode()));
    } else if out.is_csv() {
        out.table(&super::log::table(&story.log, out));
    } else {
        out.mode_line();
        for line in timeline::header(story, app, app.clock.now(), out) {
            let (name, value) = line.split_at_checked(timeline::NAME).unwrap_or((line.as_str(), ""));
            out.hanging(name, value);
        }
        out.line("");
        for (head, what) in timeline::entries(&story.log, story.state.call.accepted_at, out) {
            out.hanging(&head, &what);
        }
        if !story.state.attempts.is_empty() {
            out.line("");
            out.part(&timeline::attempts(story, out));
        }
    }
}

/// On a terminal the story is drawn anew; a pipe gets the new entries, JSON the document once more on one line.
async fn watch_story(call: &CallId, app: &App, core: &Arc<Core>, out: &mut Output) -> Result<ExitStatus, CliError> {
    let mut watcher = Watcher::start(core.store.clone(), core.clock.clone()).await?;
    let mut shown: Option<CallStory> = None;
    let mut silent = false;
    loop {
        let story = core.store.story(call).await?.ok_or_else(|| CliError::no_call(call.as_str()))?;
        let same = shown.as_ref().is_some_and(|s| s.state == story.state && s.log.len() == story.log.len());
        if !same {
            draw_story(shown.as_ref(), &story, app, out);
        }
        if story.state.call.status != CallStatus::Dispatching {
            return Ok(ExitStatus::Done);
        }
        shown = Some(story);
        let beside = app.engine_at_once(&*core.store).await?.filter(|e| e.is_silent_for_long());
        say_change(&mut silent, beside.as_ref(), out);
        if out.is_lost() {
            return Ok(ExitStatus::Done);
        }
        if watcher.next(LOOK_AT_MOST).await? == Wakeup::Interrupted {
            return Ok(ExitStatus::Interrupted);
        }
    }
}

fn draw_story(before: Option<&CallStory>, story: &CallStory, app: &App, out: &mut Output) {
    if out.is_json() {
        out.object_line(&json::story(story, out.mode()));
        return;
    }
    if let (Some(before), false) = (before, out.is_terminal()) {
        let seen = before.log.last().map_or(0, |l| l.seq);
        let new: Vec<_> = story.log.iter().filter(|l| l.seq > seen).cloned().collect();
        if out.is_csv() {
            let rows: Vec<Vec<String>> = new.iter().map(|l| super::log::cells(l, out)).collect();
            out.more_csv(&rows);
        } else {
            for (head, what) in timeline::entries(&new, story.state.call.accepted_at, out) {
                out.hanging(&head, &what);
            }
        }
        return;
    }
    if before.is_some() {
        out.redraw();
    }
    show_story(story, app, out);
}

/// All that the overview shows, read once.
#[derive(PartialEq)]
pub(super) struct Overview {
    holder: Option<Holder>,
    /// How many `serve` are on a store that several share.
    replicas: Option<u64>,
    /// Whether it works; its signs of life are no news.
    beside: Option<Engine>,
    engine: Option<EngineRow>,
    figures: Figures,
    pub(super) calls: Vec<CallLine>,
    /// What is said where not all calls are shown.
    pub(super) cut: Option<String>,
    due: Vec<DueLine>,
    /// Whether more follow-ups are to come than are shown.
    more_due: bool,
    failures: Vec<FailureLine>,
    pub(super) alerts: Vec<AlertLine>,
    sinks: Vec<SinkLine>,
    opt_outs: Vec<OptOutLine>,
    skipped_rows: Vec<Unreadable>,
}

impl Overview {
    /// Whether the engine works, and what is said of it, without colours.
    pub(super) fn engine_said(&self, app: &App, out: &Output) -> (bool, String) {
        let works = self.holder.is_some() && !self.beside.as_ref().is_some_and(Engine::is_silent);
        (works, console::strip_ansi_codes(&engine_line(self, app, out)).into_owned())
    }

    /// The figures in one line.
    pub(super) fn figures_said(&self) -> String {
        figures_line(&self.figures)
    }
}

/// Which calls a watcher looks at.
pub(super) struct WatchedCalls<'a> {
    args: &'a Args,
    since: Option<Timestamp>,
}

impl WatchedCalls<'_> {
    /// Everything, as it is now.
    pub(super) async fn read(&self, app: &App, core: &Core) -> Result<Overview, CliError> {
        read(self.args, self.since, app, core).await
    }
}

async fn read(args: &Args, since: Option<Timestamp>, app: &App, core: &Core) -> Result<Overview, CliError> {
    let (store, now) = (&core.store, core.clock.now());
    let (open, closed): (Vec<CallStatus>, Vec<CallStatus>) = chosen(&args.state).into_iter().partition(|s| s.is_open());
    let of = |statuses: Vec<CallStatus>, limit| CallFilter { statuses, since, limit, ..CallFilter::default() };
    let mut calls = Vec::new();
    for (statuses, limit) in [(open, OPEN_MAX.max(args.limit)), (closed, args.limit)] {
        if !statuses.is_empty() {
            calls.extend(store.calls(&of(statuses, limit.saturating_add(1))).await?);
        }
    }
    open_calls::worst_first(&mut calls);
    // On a server: also one that gives no sign of life, until another has taken its work over.
    let mut holder = if app.location().is_shared() { store.lease_holder().await? } else { app.holder().await };
    let mut engine = store.engine().await?;
    let mut beside = Engine::now(holder.clone(), engine.as_ref(), &*app.clock);
    // What changes with every look is no news to who watches.
    for holder in holder.iter_mut().chain(beside.as_mut().map(|e| &mut e.holder)).filter(|_| args.watch) {
        holder.silent_for = None;
    }
    if let Some(row) = &mut engine {
        row.beat = None;
    }
    let mut o = Overview {
        holder,
        replicas: store.replicas().await.ok().flatten(),
        beside: beside.map(|e| if args.watch && !e.is_silent_for_long() { e.as_working() } else { e }),
        engine,
        figures: store.figures(now).await?,
        calls,
        cut: None,
        due: store.due_lines(NEXT_DUE + 1).await?,
        more_due: false,
        failures: store.failures(now.minus(DAY)).await?,
        alerts: store.alerts().await?,
        sinks: store.sink_lines().await?,
        opt_outs: store.opt_outs().await?,
        skipped_rows: Vec::new(),
    };
    o.skipped_rows = store.skipped_rows();
    if o.calls.len() > args.limit {
        let read = o.calls.len();
        o.calls.truncate(args.limit);
        let more = read.saturating_sub(args.limit);
        let all_open = args.state.is_empty() && since.is_none();
        o.cut = Some(match (all_open, o.figures.open_calls) {
            (true, total) => {
                let more = total.max(u64::try_from(read).unwrap_or(u64::MAX)).saturating_sub(args.limit as u64);
                format!("and {more} more: --limit {} shows all", more.saturating_add(args.limit as u64))
            }
            (false, _) => format!("and at least {more} more: --limit shows them"),
        });
    }
    o.more_due = o.due.len() > NEXT_DUE;
    o.due.truncate(NEXT_DUE);
    Ok(o)
}

async fn overview(args: &Args, app: &App, core: &Arc<Core>, out: &mut Output) -> Result<ExitStatus, CliError> {
    let since = args.since.map(|s| s.moment(core.clock.now()));
    if !args.watch {
        let beside = app.engine_beside(&*core.store, out).await?;
        let o = Overview { beside, ..read(args, since, app, core).await? };
        if out.is_json() {
            out.document(&document(&o, app, out));
        } else {
            show(&o, app, out);
        }
        return Ok(answered(o.beside.as_ref(), out));
    }
    if out.is_drawn() {
        return Box::pin(status_watch::run(WatchedCalls { args, since }, None, app, core, out)).await;
    }
    let mut watcher = Watcher::start(core.store.clone(), core.clock.clone()).await?;
    let mut shown: Option<Overview> = None;
    let mut said: Vec<String> = Vec::new();
    loop {
        let o = read(args, since, app, core).await?;
        if shown.as_ref() != Some(&o) {
            if out.is_json() {
                out.object_line(&document(&o, app, out));
            } else {
                said = show_changed(&said, &o, app, out);
            }
            shown = Some(o);
        }
        if out.is_lost() {
            return Ok(ExitStatus::Done);
        }
        if watcher.next(LOOK_AT_MOST).await? == Wakeup::Interrupted {
            return Ok(ExitStatus::Interrupted);
        }
    }
}

/// What is shown now, of which the lines that were not shown before are written: whoever reads a pipe or a log has the rest already.
fn show_changed(before: &[String], o: &Overview, app: &App, out: &mut Output) -> Vec<String> {
    let text = out.captured(|out| show(o, app, out));
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in lines.iter().filter(|l| !before.contains(l)) {
        out.raw(line);
    }
    lines
}

/// What a watcher says of the engine whenever that changes: that it does not answer, and that it works again.
fn say_change(before: &mut bool, silent: Option<&Engine>, out: &Output) {
    match (silent, *before) {
        (Some(engine), false) => {
            out.note(&format!("warning: {}", engine.said()));
            out.note(&format!("hint: {}", engine.hint()));
        }
        (None, true) => out.note("the engine answers again"),
        _ => {}
    }
    *before = silent.is_some();
}

/// A look at a store whose engine does not answer is an answer of "no".
fn answered(beside: Option<&Engine>, out: &Output) -> ExitStatus {
    match beside.filter(|e| e.is_silent()) {
        None => ExitStatus::Done,
        Some(engine) => {
            out.note(&format!("hint: {}", engine.hint()));
            ExitStatus::No
        }
    }
}

/// The row of the engine that holds the lock now.
fn row_of<'a>(o: &'a Overview, holder: &Holder) -> Option<&'a EngineRow> {
    o.engine.as_ref().filter(|e| e.pid == holder.pid && e.stopped_at.is_none())
}

fn document(o: &Overview, app: &App, out: &Output) -> Value {
    let now = app.clock.now();
    let engine = o.holder.as_ref().map(|h| {
        let row = row_of(o, h);
        let how = o.beside.as_ref().map(Engine::document).unwrap_or_default();
        let mut doc = json!({ "role": h.role, "pid": h.pid, "state": how.get("state"), "silentMs": how.get("silentMs"), "id": row.map(|r| &r.id), "since": row.map(|r| r.started_at), "listen": row.and_then(|r| r.listen.as_deref()) });
        for key in ["host", "beatAgoMs"] {
            if let (Some(value), Some(map)) = (how.get(key), doc.as_object_mut()) {
                map.insert(key.into(), value.clone());
            }
        }
        doc
    });
    let failures = o.failures.iter().map(|f| {
        json!({ "code": f.code, "class": class_word(codes::class_of(f.code)), "name": f.code.map(codes::name_of), "count": f.count, "lastAt": f.last_at, "result": f.result })
    });
    let alerts = o.alerts.iter().map(alert_document);
    let due = o.due.iter().map(|d| line_json(d, &who(&d.call, d.due, &o.opt_outs, &app.config.directory), now));
    let mut doc = Map::new();
    doc.insert("engine".into(), json!(engine));
    if let Some(replicas) = o.replicas {
        doc.insert("replicas".into(), replicas.into());
    }
    doc.insert("settings".into(), json!(app.settings.as_ref().map(super::config::document)));
    doc.insert("figures".into(), figures(&o.figures));
    doc.insert("moreCalls".into(), json!(o.cut.is_some()));
    doc.insert("calls".into(), o.calls.iter().map(|l| json::line(l, out.mode())).collect());
    doc.insert("due".into(), due.collect());
    doc.insert("failures".into(), failures.collect());
    doc.insert("alerts".into(), alerts.collect());
    doc.insert("sinks".into(), o.sinks.iter().map(sink_document).collect());
    if !o.skipped_rows.is_empty() {
        let rows = o.skipped_rows.iter().map(|u| json!({ "row": u.row, "callId": u.call, "why": u.why }));
        doc.insert("unreadable".into(), rows.collect());
    }
    Value::Object(doc)
}

fn figures(f: &Figures) -> Value {
    json!({
        "openCalls": f.open_calls,
        "activeRetries": f.active_retries,
        "followUpsToCome": f.follow_ups,
        "pendingDispatches": f.pending_dispatches,
        "overdueFollowUps": f.overdue,
        "oldestDueAt": f.oldest_due,
        "unknownOutcomes": f.unknown_outcomes,
        "awaitingFinalStatus": f.awaiting_final,
        "failedLastHour": f.failed_last_hour,
        "consecutiveFailures": f.consecutive_failures,
        "waitingToBeSent": f.sendable,
        "outboxDepth": f.outbox_depth,
        "outboxOldestAt": f.outbox_oldest,
        "openBreakers": f.open_breakers,
        "alerts": f.alerts,
    })
}

fn show(o: &Overview, app: &App, out: &mut Output) {
    let calls = open_calls::table(&o.calls, app, out);
    if out.is_csv() {
        out.table(&calls);
        o.cut.iter().for_each(|cut| out.note(cut));
        return;
    }
    out.mode_line();
    let engine = engine_line(o, app, out);
    out.paragraph(&engine);
    out.paragraph(&figures_line(&o.figures));
    let empty = format!("no calls of these states: {}", "`dispatchctl status --state all` shows every one");
    if let Some(row) = &app.settings {
        let by = if row.actor.0 == "engine" { String::new() } else { format!(" ({})", row.actor.0) };
        out.paragraph(&format!("settings {} in force since {}, by {}{by}", row.number, out.time(row.at), row.role));
    }
    section("alerts", &alerts_table(o, app.clock.now(), out), None, out);
    section("sinks of alerts", &sinks_table(&o.sinks, app.clock.now(), out), None, out);
    section("cannot be read: see `dispatchctl recover --dry-run`", &left_out_table(o), None, out);
    section("calls", &calls, Some(&empty), out);
    if let Some(cut) = &o.cut {
        out.line(cut);
    }
    section("due next", &due_table(o, app, out), None, out);
    if o.more_due {
        out.paragraph(&format!("the first {NEXT_DUE} shown: `dispatchctl follow-up list` shows more"));
    }
    section("failures of the last 24 h", &failures_table(o, app.clock.now(), out), None, out);
}

fn section(title: &str, table: &Table, if_empty: Option<&str>, out: &mut Output) {
    if table.rows.is_empty() {
        if let Some(text) = if_empty {
            out.line(&format!("\n{text}"));
        }
        return;
    }
    out.line(&format!("\n{title}"));
    out.part(table);
}

fn engine_line(o: &Overview, app: &App, out: &Output) -> String {
    if let Some(h) = &o.holder {
        let row = row_of(o, h);
        let since = row.map(|r| format!(" since {}", out.time(r.started_at))).unwrap_or_default();
        let listen = row.and_then(|r| r.listen.as_deref()).map(|l| format!(", at {l}")).unwrap_or_default();
        if let Some(silent) = o.beside.as_ref().filter(|e| e.is_silent()) {
            return format!("warning: {}{since}{listen}", out.emphasis(Some(false), &silent.said()));
        }
        let host = h.host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
        let others = o.replicas.map(|n| format!(", {}", stand_by(n))).unwrap_or_default();
        return format!(
            "engine: {}, process {}{host}{since}{listen}{others}",
            out.emphasis(Some(true), &h.role),
            h.pid
        );
    }
    let last = match &o.engine {
        Some(e) if e.stopped_at.is_none() => format!(" (`{}`, process {}, did not stop cleanly)", e.role, e.pid),
        _ => String::new(),
    };
    let text = format!("no engine runs: follow-ups{} wait; start `dispatchctl serve`", app.and_rows());
    format!("warning: {}{last}", out.emphasis(Some(false), &text))
}

/// In order of worth: where there is room for one line alone, it says what a person must look at.
fn figures_line(f: &Figures) -> String {
    let parts = [
        ("open calls", f.open_calls),
        ("alerts", f.alerts),
        ("unknown outcomes", f.unknown_outcomes),
        ("failed in the last hour", f.failed_last_hour),
        ("overdue", f.overdue),
        ("waiting to be sent", f.sendable),
        ("awaiting a final status", f.awaiting_final),
        ("follow-ups to come", f.follow_ups),
    ];
    parts.iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(" · ")
}

fn alerts_table(o: &Overview, now: Timestamp, out: &Output) -> Table {
    let mut t = Table::new(&["SINCE", "CALL", "ALERT"]);
    for a in &o.alerts {
        let call = a.call.as_ref().map(ToString::to_string).unwrap_or_default();
        t.row([out.clock(a.raised_at, now), call, out.emphasis(Some(false), &a.message)]);
    }
    t
}

fn left_out_table(o: &Overview) -> Table {
    let mut t = Table::new(&["WHAT", "WHY"]);
    for u in &o.skipped_rows {
        t.row([u.row.clone(), u.why.clone()]);
    }
    t
}

fn due_table(o: &Overview, app: &App, out: &Output) -> Table {
    let mut t = Table::new(&["DUE", "REF", "NEXT", "WHO", "CALL"]).may_leave_out(&["CALL"]);
    for d in &o.due {
        let who = who(&d.call, d.due, &o.opt_outs, &app.config.directory).text();
        t.row([
            out.clock(d.due, app.clock.now()),
            d.call.reference.to_string(),
            next_step(&d.call, &app.config.directory),
            who,
            d.call.id.to_string(),
        ]);
    }
    t
}

fn failures_table(o: &Overview, now: Timestamp, out: &Output) -> Table {
    let mut t = Table::new(&["CLASS", "CODE", "MEANS", "COUNT", "LAST"]);
    for f in &o.failures {
        t.row([
            class_word(codes::class_of(f.code)).to_owned(),
            f.code.map(|c| c.to_string()).unwrap_or_default(),
            f.code.map_or_else(|| f.result.clone(), |c| codes::name_of(c).to_owned()),
            f.count.to_string(),
            out.clock(f.last_at, now),
        ]);
    }
    t
}

/// An error class in a word, by what it is about.
const fn class_word(class: Class) -> &'static str {
    match class {
        Class::Transient => "transient",
        Class::NumberPermanent => "number",
        Class::Account => "account",
        Class::Sender => "sender",
        Class::PairOrContent => "pair or content",
        Class::OurRequest => "our request",
        Class::Ambiguous => "ambiguous",
        Class::Informational => "informational",
        Class::UnknownCode => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_without_regard_to_case_and_the_rest_is_named() {
        let read = |text: &str| states(text).map(|s| chosen(&[s]).len());
        for (text, n) in [("open", 4), ("ALL", 6), ("acknowledged", 1), (" Exhausted ", 1)] {
            assert_eq!(read(text), Ok(n), "{text}");
        }
        let e = read("done").expect_err("no such state");
        assert!(e.contains("DISPATCHING") && e.contains("all"), "{e}");
        assert_eq!(chosen(&[]), chosen(&[States::Open]));
    }
}
