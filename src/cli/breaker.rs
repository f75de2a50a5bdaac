//! `breaker list`, `breaker close SENDER`: senders that are not used because they fail, and a person who knows better.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::domain::breaker::{ACCOUNT, Breaker, VOICE_ACCOUNT, shown};
use crate::domain::change::Answer;
use crate::domain::event::{BreakerEvent, Event};

use super::app::{App, NoStore, operator};
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::report::CliError;

/// What people write for the breaker of the whole account.
const ACCOUNT_WORD: &str = "account";
/// And for that of its phone calls.
const VOICE_ACCOUNT_WORD: &str = "voice:account";

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: BreakerCommand,
}

impl Args {
    pub(crate) fn by(&self) -> Option<&str> {
        match &self.what {
            BreakerCommand::Close { by, .. } => by.as_deref(),
            BreakerCommand::List => None,
        }
    }
}

#[derive(Debug, Subcommand)]
enum BreakerCommand {
    /// Show every sender whose breaker is open, or was
    List,
    /// Use a sender again: notices that wait for it go at once, other texts within a minute
    Close {
        /// The sender, `account` for the breaker of all texts, or `voice:account` for that of all phone calls
        #[arg(value_name = "SENDER|account")]
        sender: String,
        /// In whose name [default: the user of this system]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    match args.what {
        BreakerCommand::List => list(app, out).await,
        BreakerCommand::Close { sender, by } => close(sender.trim(), by.as_deref(), app, out).await,
    }
}

async fn list(app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let breakers = app.store(NoStore::Refuse).await?.breakers().await?;
    if out.is_json() {
        let all: Vec<Value> = breakers.iter().map(document).collect();
        out.document(&json!({ "breakers": all }));
        return Ok(ExitStatus::Done);
    }
    let mut t = Table::new(&["SENDER", "STATE", "SINCE", "PROBES", "NEXT PROBE", "WHY"]);
    for b in &breakers {
        let next = if b.is_open() { out.time(b.probe_at) } else { String::new() };
        let since = out.time(b.closed_at.unwrap_or(b.opened_at));
        t.row([name(b).to_owned(), state(b).to_owned(), since, b.probes.to_string(), next, b.why.clone()]);
    }
    out.table_or(&t, "no breaker of any sender was ever open: every sender is used");
    Ok(ExitStatus::Done)
}

pub(super) fn name(b: &Breaker) -> &str {
    word_of(&b.sender)
}

fn word_of(sender: &str) -> &str {
    match sender {
        ACCOUNT => ACCOUNT_WORD,
        VOICE_ACCOUNT => VOICE_ACCOUNT_WORD,
        sender => sender,
    }
}

/// What is meant by what a person wrote.
fn meant(asked: &str) -> &str {
    [ACCOUNT, VOICE_ACCOUNT].into_iter().find(|s| asked.eq_ignore_ascii_case(word_of(s))).unwrap_or(asked)
}

fn state(b: &Breaker) -> &'static str {
    if b.is_open() { "open" } else { "closed" }
}

fn document(b: &Breaker) -> Value {
    json!({
        "sender": name(b), "state": state(b), "openedAt": b.opened_at, "closedAt": b.closed_at, "errorCode": b.code,
        "evidence": b.evidence, "probe": b.probe, "probes": b.probes,
        "nextProbeAt": b.is_open().then_some(b.probe_at), "why": b.why,
    })
}

async fn close(asked: &str, by: Option<&str>, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let known = store.breakers().await?;
    let sender = meant(asked);
    if !known.iter().any(|b| b.sender == sender) {
        return Err(CliError::new(ExitStatus::NotFound, format!("no breaker of {} was ever open", shown(sender)))
            .hint(match known.is_empty() {
                true => "none of any sender was: `dispatchctl breaker list`".to_owned(),
                false => format!("there were those of {}", known.iter().map(name).collect::<Vec<_>>().join(", ")),
            }));
    }
    let event = Event::Breaker { sender: sender.to_owned(), what: BreakerEvent::ClosedByPerson };
    let closed = !matches!(app.core(store.clone()).apply(event, operator(by)).await?, Answer::NotFound);
    let rest = app.relied_on(closed, &*store, out).await?;
    if out.is_json() {
        let mut doc = json!({ "sender": word_of(sender), "closed": closed });
        rest.add_to(&mut doc);
        out.document(&doc);
    } else {
        out.mode_line();
        let text = if closed {
            "is closed: each notice that waits goes at once, other texts within a minute"
        } else {
            "is closed already: nothing was done"
        };
        out.paragraph(&format!("the breaker of {} {text}", shown(sender)));
    }
    Ok(rest.say("texts", out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_has_one_word_for_texts_and_one_for_phone_calls() {
        for (asked, sender) in [
            ("account", ACCOUNT),
            ("Account", ACCOUNT),
            ("voice:account", VOICE_ACCOUNT),
            (ACCOUNT, ACCOUNT),
            (VOICE_ACCOUNT, VOICE_ACCOUNT),
            ("voice:+15005550011", "voice:+15005550011"),
        ] {
            assert_eq!(meant(asked), sender, "{asked}");
            assert_eq!(meant(word_of(sender)), sender, "what is listed can be closed");
        }
    }
}
