//! `status --watch` on a terminal: what the screen is given, and what its keys do.

use std::sync::Arc;

use console::strip_ansi_codes;

use crate::domain::alert::Severity;
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event, NoteTo};
use crate::domain::types::CallId;
use crate::engine::apply::Core;
use crate::engine::next_step::next_step;
use crate::store::{CallLine, CallStory};

use super::app::{App, operator};
use super::durations::{relative, span};
use super::exit::ExitStatus;
use super::log::reported;
use super::output::Output;
use super::report::CliError;
use super::screen::{Action, Alert, Entry, Input, Row, Screen, Shown, Story, Terminal};
use super::signals;
use super::status::{Overview, WatchedCalls};
use super::timeline;
use super::watch::{Wakeup, Watcher};

/// Draws the screen until the person in front of it leaves; `only`: the story of this call is opened first.
///
/// # Errors
/// The store cannot be read, or the terminal is none that can be drawn on.
pub(super) async fn run(
    watched: WatchedCalls<'_>,
    only: Option<CallId>,
    app: &App,
    core: &Arc<Core>,
    out: &Output,
) -> Result<ExitStatus, CliError> {
    let stop = signals::stop_asked();
    tokio::pin!(stop);
    let mut watcher = Watcher::start(core.store.clone(), core.clock.clone()).await?;
    let mut screen = Screen::default();
    screen.show(shown(&watched.read(app, core).await?, app, out));
    if let Some(call) = only {
        open(&mut screen, call.as_str(), app, core, out).await?;
    }
    let mut terminal = Terminal::take(out.has_color())
        .map_err(|e| CliError::new(ExitStatus::Usage, "this terminal cannot be drawn on").cause(e))?;
    loop {
        terminal.draw(&screen).map_err(|e| CliError::new(ExitStatus::No, "the terminal is gone").cause(e))?;
        tokio::select! {
            // As SIGINT does: what was recorded stays.
            () = &mut stop => return Ok(ExitStatus::Interrupted),
            wakeup = watcher.next(super::status::LOOK_AT_MOST) => {
                if wakeup? == Wakeup::Interrupted {
                    return Ok(ExitStatus::Interrupted);
                }
                screen.show(shown(&watched.read(app, core).await?, app, out));
                if let Some(call) = screen.opened().map(str::to_owned) {
                    open(&mut screen, &call, app, core, out).await?;
                }
            }
            input = terminal.input() => match input {
                Input::Lost => return Ok(ExitStatus::No),
                Input::Resized => {}
                Input::Key(key) => match screen.press(key) {
                    Action::Nothing => {}
                    Action::Quit { is_interrupt: true } => return Ok(ExitStatus::Interrupted),
                    Action::Quit { is_interrupt: false } => return Ok(ExitStatus::Done),
                    Action::Open(call) => open(&mut screen, &call, app, core, out).await?,
                    Action::Acknowledge(call) => {
                        let said = decide(&call, Decision::Acknowledge { holder: None }, None, core).await;
                        screen.say(said);
                    }
                    Action::Note(call, text) => {
                        let said = decide(&call, Decision::Note(NoteTo::Story), Some(text), core).await;
                        screen.say(said);
                    }
                },
            },
        }
    }
}

async fn open(screen: &mut Screen, call: &str, app: &App, core: &Arc<Core>, out: &Output) -> Result<(), CliError> {
    let Ok(id) = call.parse::<CallId>() else { return Ok(()) };
    match core.store.story(&id).await? {
        Some(story) => screen.open(story_of(&story, app, out)),
        None => screen.say(format!("call {call} is not there any more")),
    }
    Ok(())
}

/// What became of a decision, in a word. One that could not be stored ends nothing: the person sees it and tries again.
async fn decide(call: &str, what: Decision, note: Option<String>, core: &Core) -> String {
    let Ok(id) = call.parse::<CallId>() else { return "that call's id cannot be read".to_owned() };
    let by = operator(None);
    let is_note = matches!(what, Decision::Note(_));
    let event = Event::Decide { call: id, what, by: by.clone(), note };
    match core.apply(event, by.clone()).await {
        Ok(Answer::Changed(state)) if is_note => format!("{}: the note stands in its story", state.call.reference),
        Ok(Answer::Changed(state)) => format!("{} is {}: {} has it", state.call.reference, state.call.status, by.0),
        Ok(Answer::Already(state)) => format!("{} is {} already", state.call.reference, state.call.status),
        Ok(Answer::NotAllowed(_, why)) => format!("not possible: {why}"),
        Ok(_) => "there is no such call".to_owned(),
        Err(e) => format!("nothing was recorded: {e}"),
    }
}

fn shown(o: &Overview, app: &App, out: &Output) -> Shown {
    let now = app.clock.now();
    let (works, engine) = o.engine_said(app, out);
    let alert = |a: &crate::store::AlertLine| Alert {
        wakes: a.key.kind().severity() == Severity::Page,
        since: out.clock(a.raised_at, now),
        text: match &a.acknowledged {
            Some((_, by)) => format!("(seen by {}) {}", by.0, a.message),
            None => a.message.clone(),
        },
    };
    Shown {
        is_test: out.mode() == "test",
        engine: (works, engine),
        figures: o.figures_said(),
        alerts: o.alerts.iter().map(alert).collect(),
        rows: o.calls.iter().map(|line| row(line, app, out)).collect(),
        cut: o.cut.clone(),
    }
}

fn row(line: &CallLine, app: &App, out: &Output) -> Row {
    let (call, now) = (&line.call, app.clock.now());
    let holder = call
        .holder
        .as_ref()
        .map(|id| app.config.directory.contact(id).map_or_else(|| id.to_string(), |c| c.name.clone()));
    let next = call
        .wake_at
        .map(|at| format!("{} {}, {}", next_step(call, &app.config.directory), relative(at, now), out.clock(at, now)));
    Row {
        call: call.id.to_string(),
        reference: call.reference.to_string(),
        status: call.status.as_str().to_owned(),
        is_good: timeline::good(call.status),
        age: span(now.since(call.accepted_at)),
        issue: call.data.issue_summary.clone().unwrap_or_default(),
        holder: holder.unwrap_or_default(),
        last_told: line.last_contact.clone().unwrap_or_default(),
        next: next.unwrap_or_default(),
    }
}

fn story_of(story: &CallStory, app: &App, out: &Output) -> Story {
    let now = app.clock.now();
    let entry = |l: &crate::store::LogLine| Entry {
        at: out.clock(l.entry.at, now),
        who: l.entry.actor.0.clone(),
        what: reported(l),
    };
    Story {
        call: story.state.call.id.to_string(),
        reference: story.state.call.reference.to_string(),
        header: timeline::header(story, app, now, out).iter().map(|l| strip_ansi_codes(l).into_owned()).collect(),
        entries: story.log.iter().map(entry).collect(),
    }
}
