//! Mail: who needs it, whether the relay takes us, and who cannot be reached by it.

use crate::domain::Timestamp;
use crate::domain::attempt::Channel;
use crate::domain::team::Directory;

use super::super::app::App;
use super::finding::{Findings, bounded, too_long};

pub(super) async fn check(app: &App) -> Findings {
    let mut f = Findings::of("mail");
    let directory = &app.config.directory;
    let Some(from) = &directory.mail_from else {
        f.skip("relay", "no mail is sent ([smtp] is not configured)");
        return f;
    };
    match app.relay() {
        Ok(Some(relay)) => match bounded(app, relay.check()).await {
            Some(Ok(())) => {
                f.ok("relay", format!("it takes us as {from}; whether it may send in that name, SPF and DKIM say"))
            }
            Some(Err(e)) => f.fail(
                "relay",
                e.to_string(),
                "correct smtp.url; several providers want a password of its own for an app",
            ),
            None => f.fail("relay", too_long(), "see whether this machine may reach the relay's port"),
        },
        Ok(None) => f.fail("relay", "smtp.url is missing or cannot be read here", "set smtp.url or smtp.url_file"),
        Err(e) => f.fail("relay", e.what, "correct smtp.url"),
    }
    let without = unreachable(directory, app.clock.now());
    if !without.is_empty() {
        let what = format!("no mail address: {}", without.join(", "));
        f.warn("contacts", what, "give each an email in [[contacts]]: a step by mail finds them no other way");
    }
    if app.config.server.public_url.is_none() {
        f.warn("link", "mails carry no link to take a call", "set server.public_url");
    }
    f
}

/// Contacts without an address who hold a role now that a step tells by mail.
fn unreachable(directory: &Directory, now: Timestamp) -> Vec<String> {
    let lines = std::iter::once(&directory.default_line).chain(&directory.lines);
    let mut names: Vec<String> = Vec::new();
    for line in lines {
        let ladders = line.policies.values().chain(directory.default_line.policies.values());
        let by_mail = ladders.flat_map(|p| &p.steps).filter(|s| s.channel == Channel::Email);
        let held = by_mail.flat_map(|s| &s.notify).flat_map(|role| directory.holders(line, role, now));
        names.extend(held.map(|h| h.contact).filter(|c| c.email.is_none()).map(|c| c.name.clone()));
    }
    names.sort();
    names.dedup();
    names
}
