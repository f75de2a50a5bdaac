//! People whom the ladder names and who take no texts.

use crate::domain::count::counted;
use crate::domain::phone::masked;
use crate::store::Views;

use super::super::app::App;
use super::finding::{Findings, bounded};
use crate::config::spend::outside;

pub(super) async fn check(app: &App, store: Option<&dyn Views>) -> Findings {
    const NAME: &str = "opted out";
    let mut f = Findings::of("people");
    limits(app, &mut f);
    let Some(store) = store else {
        f.skip(NAME, "no store, so nobody has opted out");
        return f;
    };
    let Some(Ok(all)) = bounded(app, store.opt_outs()).await else {
        f.skip(NAME, "the store could not be asked");
        return f;
    };
    let mut is_well = true;
    for contact in &app.config.directory.contacts {
        let theirs: Vec<_> = all.iter().filter(|o| o.phone == contact.phone.e164()).collect();
        let Some(first) = theirs.iter().map(|o| o.since).min() else { continue };
        is_well = false;
        let from = theirs.iter().any(|o| !o.sender.is_empty());
        let from = if from { " of a sender of ours" } else { "" };
        let what = format!("{} takes no texts{from} since {first}", contact.name);
        let next = format!(
            "let them text START to the number, then run `dispatchctl contacts clear {}`; until then their steps tell nobody",
            contact.id
        );
        f.warn(NAME, what, next);
    }
    let strangers = all.iter().filter(|o| app.config.directory.by_phone(&o.phone).is_none());
    let strangers: Vec<String> = strangers.map(|o| masked(&o.phone)).collect();
    if is_well {
        let others = if strangers.is_empty() { String::new() } else { format!(" ({} of no contact)", strangers.len()) };
        f.ok(NAME, format!("no contact{others}"));
    }
    f
}

/// What `[limits]` says, and whom it concerns.
fn limits(app: &App, f: &mut Findings) {
    const NAME: &str = "limits";
    let limits = &app.config.limits;
    let bound = |n: u32, of: &str| {
        if n == 0 { format!("any number of texts {of}") } else { format!("{} an hour {of}", counted(n.into(), "text")) }
    };
    let outside = outside(limits, &app.config.directory);
    for what in &outside {
        f.warn(
            NAME,
            what.clone(),
            "name their country in limits.countries, or give them a number of one that is named",
        );
    }
    if outside.is_empty() {
        let countries: Vec<String> = limits.countries.iter().map(|code| format!("+{code}")).collect();
        let countries = if countries.is_empty() { "all countries".to_owned() } else { countries.join(", ") };
        f.ok(
            NAME,
            format!(
                "{}, {}, {countries}; more than that holds reminders, never a first text",
                bound(limits.per_contact_per_hour, "to a contact"),
                bound(limits.messages_per_hour, "in all")
            ),
        );
    }
}
