//! `oncall feed`: the address at which the calendars of people read who is on call.
//!
//! The address is a secret: it is printed to whoever may read the store, and stands in no log. A new one makes the old one nobody's.

use serde_json::{Value, json};

use crate::ids;
use crate::store::{Feed, FeedOf, Renew};

use super::super::app::{App, NoStore, operator};
use super::super::decide::there_are;
use super::super::exit::ExitStatus;
use super::super::output::{Output, Table};
use super::super::report::CliError;

/// Whose feed.
#[derive(Debug, clap::Args)]
pub(crate) struct FeedArgs {
    /// A rotation or a contact [default: list the feeds that there are]
    #[arg(value_name = "ROTATION|CONTACT")]
    of: Option<String>,
    /// Make a new address: the one of before shows nothing any more
    #[arg(long, requires = "of")]
    renew: bool,
    /// In whose name [default: the user of this system]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl FeedArgs {
    pub(super) fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }
}

pub(super) async fn run(args: FeedArgs, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let Some(name) = &args.of else { return list(app, out).await };
    let of = meant(app, name.trim())?;
    let store = app.store(NoStore::Refuse).await?;
    let renew = if args.renew { Renew::Yes } else { Renew::No };
    let new = Feed { of, secret: ids::secret(), made_at: app.clock.now() };
    let feed = store.make_feed(&new, renew, &operator(args.by.as_deref()).0).await?;
    if out.is_json() {
        out.document(&document(app, &feed));
    } else {
        out.line(&url(app, &feed));
        if app.config.server.public_url.is_none() {
            out.note("server.public_url is not set: this address is read from this machine alone");
        }
        out.note("whoever knows this address reads it; a new one: --renew");
    }
    Ok(ExitStatus::Done)
}

/// A rotation, else a contact; `rotation:night` and `contact:sam` where both have the name.
fn meant(app: &App, name: &str) -> Result<FeedOf, CliError> {
    let directory = &app.config.directory;
    let rotation = |name: &str| directory.rotations.iter().find(|r| r.id.as_str().eq_ignore_ascii_case(name.trim()));
    let contact = |name: &str| directory.contact_named(name);
    let (rotation, contact) = match name.split_once(':') {
        Some(("rotation", name)) => (rotation(name), None),
        Some(("contact", name)) => (None, contact(name)),
        _ => (rotation(name), contact(name)),
    };
    match (rotation, contact) {
        (Some(rotation), None) => Ok(FeedOf::Rotation(rotation.id.clone())),
        (None, Some(contact)) => Ok(FeedOf::Contact(contact.id.clone())),
        (Some(_), Some(_)) => Err(CliError::new(ExitStatus::Usage, format!("{name:?} is a rotation and a contact"))
            .hint(format!("say rotation:{name} or contact:{name}"))),
        (None, None) => {
            let shown = crate::domain::phone::masked(name);
            let rotations = there_are("rotations", directory.rotations.iter().map(|r| r.id.as_str()));
            let contacts = there_are("contacts", directory.contacts.iter().map(|c| c.id.as_str()));
            Err(CliError::new(ExitStatus::Usage, format!("{shown:?} is no rotation and no contact"))
                .hint(format!("{rotations}; {contacts}")))
        }
    }
}

fn url(app: &App, feed: &Feed) -> String {
    let server = &app.config.server;
    let own = || format!("http://{}", server.listen);
    let base = server.public_url.as_ref().map_or_else(own, |url| url.as_str().trim_end_matches('/').to_owned());
    format!("{base}/oncall/{}.ics", feed.secret)
}

fn document(app: &App, feed: &Feed) -> Value {
    json!({ "kind": feed.of.kind(), "name": feed.of.name(), "url": url(app, feed), "madeAt": feed.made_at })
}

async fn list(app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let feeds = match app.store_if_there().await? {
        Some(store) => store.feeds().await?,
        None => Vec::new(),
    };
    if out.is_json() {
        let all: Vec<Value> = feeds.iter().map(|feed| document(app, feed)).collect();
        out.document(&json!({ "feeds": all }));
        return Ok(ExitStatus::Done);
    }
    let mut t = Table::new(&["OF", "NAME", "MADE", "URL"]);
    for feed in &feeds {
        t.row([feed.of.kind().to_owned(), feed.of.name().to_owned(), out.time(feed.made_at), url(app, feed)]);
    }
    out.table(&t);
    if feeds.is_empty() && !out.is_csv() {
        out.note("there is no feed yet: `dispatchctl oncall feed ROTATION` or CONTACT makes one");
    }
    Ok(ExitStatus::Done)
}
