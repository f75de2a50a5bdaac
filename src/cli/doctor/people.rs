//! People whom the ladder names and who take no texts.

use crate::domain::phone::masked;
use crate::store::Views;

use super::super::app::App;
use super::finding::{Findings, bounded};

pub(super) async fn check(app: &App, store: Option<&dyn Views>) -> Findings {
    const NAME: &str = "opted out";
    let mut f = Findings::of("people");
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
