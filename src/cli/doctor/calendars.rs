//! Calendars that say who is on call: each can be fetched, is a calendar, and names people who are contacts.

use tokio::time::timeout;

use crate::domain::ical::{People, Place, Window, read, shifts};
use crate::domain::oncall::Rotation;
use crate::engine::oncall::calendars::refused_said;
use crate::gateways::calendar::Fetched;

use super::super::app::App;
use super::super::oncall::calendar_reports;
use super::finding::{CHECK_MAX, Findings};

/// Texts that are nobody's name, that one line names.
const TEXTS_NAMED: usize = 5;

/// Nothing is kept of what is read.
pub(super) async fn check(app: &App) -> Findings {
    let mut f = Findings::of("on-call");
    for (rotation, part) in app.named_calendars() {
        let name = format!("{} of {rotation}", part.key());
        let address = match app.calendar_address(&rotation, part) {
            Ok(Some(address)) => address,
            Ok(None) => {
                f.warn(
                    name,
                    "the settings name it, and no place for it is known here",
                    "see `dispatchctl config show`",
                );
                continue;
            }
            Err(e) => {
                f.fail(name, e.what, "correct it in the configuration");
                continue;
            }
        };
        let fetched = timeout(CHECK_MAX, address.source.fetch(None)).await;
        let text = match fetched.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(Fetched::Text { bytes, .. }) => bytes,
            Ok(Fetched::Same) => continue,
            Err(why) => {
                f.fail(name, format!("it cannot be read: {why}"), "open the address in a browser, and renew it there");
                continue;
            }
        };
        if let Some(rotation) = app.config.directory.rotation(&rotation) {
            calendar(app, rotation, name, &text, &mut f);
        }
    }
    kept(app, &mut f).await;
    f
}

fn calendar(app: &App, rotation: &Rotation, name: String, text: &[u8], f: &mut Findings) {
    let now = app.clock.now();
    let reading = match read(text, &Place::of(rotation), Window::coming(now)) {
        Ok(reading) => reading,
        Err(why) => {
            return f.fail(name, format!("{why}"), "give the address that ends in .ics, as its program exports it");
        }
    };
    let named = rotation.calendar.as_ref().map(|rules| rules.people.clone()).unwrap_or_default();
    let all = shifts(&reading, &People { contacts: &app.config.directory.contacts, named: &named });
    let mut unknown: Vec<String> = Vec::new();
    for text in all.all().iter().filter_map(|s| s.who.as_ref().err()) {
        let text = format!("{text:?}");
        if !unknown.contains(&text) && unknown.len() < TEXTS_NAMED {
            unknown.push(text);
        }
    }
    if !unknown.is_empty() {
        let next = "correct the title there, or name whom it means in calendar_people";
        f.warn(name.clone(), format!("{} is no contact: a gap", unknown.join(", ")), next);
    }
    if !reading.refused.is_empty() {
        let what = format!("events are left out: {}", refused_said(&reading.refused));
        f.warn(name.clone(), what, "write these events anew in simpler terms");
    }
    match all.all().len() {
        0 => f.warn(name, "it can be read and has no coming shift", "write the coming shifts into it"),
        n => f.ok(name, format!("it can be read: {n} coming shifts")),
    }
}

/// What the engine made of them.
async fn kept(app: &App, f: &mut Findings) {
    let Ok(reports) = calendar_reports(app).await else { return };
    for report in reports {
        for warning in report.warnings(app.clock.now()) {
            let next = "the engine reads it every 5 minutes; see `dispatchctl oncall check`";
            f.warn(format!("{} of {}", report.part.key(), report.rotation), warning, next);
        }
    }
}
