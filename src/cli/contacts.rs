//! `contacts list`, `contacts clear ID`, `contacts card`: who can be told, who has opted out, and whom they are told by.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::domain::attempt::Channel;
use crate::domain::event::Event;
use crate::domain::phone::masked;
use crate::domain::team::{Contact, Directory, TeamRole};
use crate::domain::voice::NO_PHONE_CALLS;
use crate::store::{OptOutLine, SyncedContacts};

use super::app::{App, NoStore, operator};
use super::card;
use super::decide::there_are;
use super::durations::span;
use super::engine::Rest;
use super::exit::ExitStatus;
use super::oncall::opt_outs;
use super::output::{Output, Table};
use super::report::CliError;

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: ContactsCommand,
}

impl Args {
    pub(crate) fn by(&self) -> Option<&str> {
        match &self.what {
            ContactsCommand::Clear { by, .. } => by.as_deref(),
            ContactsCommand::List | ContactsCommand::Card(_) => None,
        }
    }
}

#[derive(Debug, Subcommand)]
enum ContactsCommand {
    /// Show every contact with its roles, and who has opted out
    List,
    /// Clear an opt-out in our books, once the contact has texted START
    Clear {
        /// The contact's id, or an opted-out number
        #[arg(value_name = "ID|NUMBER")]
        id: String,
        /// In whose name [default: the user of this system]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Write a contact card of the numbers that we text and call from: saved, the phone rings at night
    Card(card::Args),
}

impl App {
    /// How old the contacts from Airtable are; `None`: there are none.
    pub(crate) fn synced_contacts_age(&self) -> Option<String> {
        let copy = self.synced_contacts.as_ref()?;
        let age = span(self.clock.now().since(copy.read_at));
        Some(format!("with the contacts of Airtable's table {}, read {age} ago", copy.source))
    }

    /// The same for documents: null where there are none.
    pub(crate) fn synced_contacts_document(&self) -> Value {
        let age = |copy: &SyncedContacts| self.clock.now().since(copy.read_at).as_secs();
        let document = |copy: &SyncedContacts| json!({ "table": copy.source, "readAt": copy.read_at, "ageSeconds": age(copy), "contacts": copy.contacts.len() });
        self.synced_contacts.as_ref().map_or(Value::Null, document)
    }
}

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    match args.what {
        ContactsCommand::List => list(app, out).await,
        ContactsCommand::Card(args) => card::run(&args, app, out),
        ContactsCommand::Clear { id, by } => clear(id.trim(), by.as_deref(), app, out).await,
    }
}

async fn list(app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let directory = &app.config.directory;
    let opt_outs = opt_outs(app).await?;
    // An opt-out of a number that no contact has any more is shown all the same.
    let strangers: Vec<&OptOutLine> = opt_outs.iter().filter(|o| directory.by_phone(&o.phone).is_none()).collect();
    if out.is_json() {
        let contacts: Vec<Value> = directory
            .contacts
            .iter()
            .map(|c| json!({ "id": c.id, "name": c.name, "phone": c.phone, "roles": roles(directory, c), "optedOut": opted_out_json(&opt_outs, c.phone.e164()) }))
            .collect();
        let others: Vec<Value> = strangers
            .iter()
            .map(|o| json!({ "phone": o.phone, "sender": sender(o), "channel": channel(o), "since": o.since }))
            .collect();
        out.document(
            &json!({ "contacts": contacts, "otherOptOuts": others, "roster": app.synced_contacts_document() }),
        );
        return Ok(ExitStatus::Done);
    }
    let mut t = Table::new(&["ID", "NAME", "PHONE", "ROLES", "OPTED OUT"]);
    for c in &directory.contacts {
        let opted: Vec<String> =
            opt_outs.iter().filter(|o| o.phone == c.phone.e164()).map(|o| opted_out_text(o, out)).collect();
        let roles = roles(directory, c).join("; ");
        t.row([c.id.to_string(), c.name.clone(), c.phone.to_string(), roles, opted.join("; ")]);
    }
    for o in strangers {
        let phone = masked(&o.phone);
        t.row([String::new(), "no contact".into(), phone, String::new(), opted_out_text(o, out)]);
    }
    out.table(&t);
    if let Some(age) = app.synced_contacts_age() {
        out.chat(&age);
    }
    Ok(ExitStatus::Done)
}

/// Its own role, and those on lines with a team.
fn roles(directory: &Directory, contact: &Contact) -> Vec<String> {
    let mut roles = Vec::new();
    if directory.default_line.team.is_none() {
        roles.extend(contact.role.as_ref().map(ToString::to_string));
    }
    for line in std::iter::once(&directory.default_line).chain(&directory.lines) {
        for entry in line.team.iter().flatten().filter(|e| e.contact() == Some(&contact.id)) {
            let role = match &entry.role {
                TeamRole::Named(role) => role.to_string(),
                TeamRole::Ranked(place) => format!("place {place}"),
            };
            let hours = entry.hours.as_ref().map(|h| format!(" {h}")).unwrap_or_default();
            let off = if entry.off { " (away)" } else { "" };
            let role = format!("{role} on {}{hours}{off}", line.name);
            // A business with several numbers has a line for each.
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
    }
    roles
}

fn sender(o: &OptOutLine) -> Option<&str> {
    Some(o.sender.as_str()).filter(|s| !s.is_empty() && *s != NO_PHONE_CALLS)
}

fn channel(o: &OptOutLine) -> Channel {
    if o.sender == NO_PHONE_CALLS { Channel::Voice } else { Channel::Sms }
}

fn opted_out_json(opt_outs: &[OptOutLine], phone: &str) -> Vec<Value> {
    let of = opt_outs.iter().filter(|o| o.phone == phone);
    of.map(|o| json!({ "sender": sender(o), "channel": channel(o), "since": o.since })).collect()
}

fn opted_out_text(o: &OptOutLine, out: &Output) -> String {
    if channel(o) == Channel::Voice {
        return format!("phone calls since {}", out.time(o.since));
    }
    let from = sender(o).map_or_else(|| "from every sender".to_owned(), |s| format!("from {}", masked(s)));
    format!("{from} since {}", out.time(o.since))
}

async fn clear(asked: &str, by: Option<&str>, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let opt_outs = store.opt_outs().await?;
    let directory = &app.config.directory;
    let contact = directory.contacts.iter().find(|c| c.id.as_str() == asked || c.phone.e164() == asked);
    let phone = match contact {
        Some(c) => c.phone.e164().to_owned(),
        None if opt_outs.iter().any(|o| o.phone == asked) => asked.to_owned(),
        None => {
            return Err(CliError::new(ExitStatus::NotFound, format!("there is no contact {:?}", masked(asked)))
                .hint(there_are("contacts", directory.contacts.iter().map(|c| c.id.as_str()))));
        }
    };
    let was = opt_outs.iter().any(|o| o.phone == phone);
    if was {
        let by = operator(by);
        app.core(store.clone()).apply(Event::ClearOptOut { phone: phone.clone(), by: by.clone() }, by).await?;
    }
    let rest = app.relied_on(was, &*store, out).await?;
    let name = contact.map_or_else(|| masked(&phone), |c| c.name.clone());
    if out.is_json() {
        let id = contact.map(|c| c.id.as_str());
        let mut doc = json!({ "contact": id, "phone": phone, "cleared": was });
        rest.add_to(&mut doc);
        out.document(&doc);
    } else if out.is_csv() {
        let mut t = Table::new(&["CONTACT", "PHONE", "CLEARED"]);
        t.row([contact.map(|c| c.id.to_string()).unwrap_or_default(), masked(&phone), was.to_string()]);
        out.table(&t);
    } else {
        out.mode_line();
        let text = if was { "opt-out is cleared: texts go out again" } else { "has not opted out: nothing to clear" };
        out.paragraph(&format!("{name} {text}"));
    }
    if was {
        out.note("the provider's own block is lifted only by that person texting START to the sender");
    }
    // Nothing waits for an engine by this alone.
    Ok(if rest == Rest::NoEngine { ExitStatus::Done } else { rest.say("texts", out) })
}
