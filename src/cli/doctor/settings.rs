//! The configuration: where it came from, what is missing in it, what works and is probably not meant.

use std::time::Duration;

use crate::config::{Mode, Part, empty_roles, no_last_resort};
use crate::domain::count::counted_usize;
use crate::domain::oncall::warnings::warnings;
use crate::engine::oncall::gap_said;

use super::super::app::App;
use super::finding::Findings;

/// An unknown outcome is looked for at least so long (`facts/twilio.md` §4: the provider may still accept for some 26 s).
const SETTLE_ADVISED: Duration = Duration::from_secs(45);
/// How many gaps are named one by one.
const GAPS_SAID: usize = 10;
/// Credentials whose place is told.
const CREDENTIALS: &[&str] = &[
    "twilio.account_sid",
    "twilio.auth_token",
    "twilio.auth_token_previous",
    "twilio.api_key",
    "twilio.api_secret",
    "airtable.token",
    "airtable.base_id",
    "intake.retell.api_key",
    "intake.vapi.secret",
    "intake.vapi.hmac_secret",
    "intake.vapi.api_key",
];
/// What the configuration warns of and this page says in words of its own.
const OWN_WORDS: &[&str] =
    &["server.public_url ", "alerts.sinks ", "delivery.settle is under", "policy ", "no contacts ", "last_resort."];

pub(super) fn check(app: &App) -> Findings {
    let mut f = Findings::of("config");
    let c = &app.config;
    match &c.file {
        Some(file) => f.ok("file", file.display().to_string()),
        None => f.ok("file", "none was found: environment and defaults"),
    }
    if c.mode == Mode::Test {
        f.ok(
            "mode",
            format!(
                "test: nothing leaves this machine, replaced of the file: {}",
                counted_usize(c.replaced.len(), "setting")
            ),
        );
    }
    for key in CREDENTIALS {
        if let Some(origin) = c.origins.get(*key) {
            f.ok(*key, format!("from {origin}"));
        }
    }
    for part in [Part::Twilio, Part::Airtable, Part::Server, Part::Alerts, Part::Mail, Part::Calendars] {
        for problem in c.check(&[part]).err().map(|e| e.0).unwrap_or_default() {
            let name = if problem.key.is_empty() { "secrets".to_owned() } else { problem.key.clone() };
            f.fail(
                name,
                problem.to_string(),
                "set it in the file, in the environment, or as a file with the key's _file twin",
            );
        }
    }
    people(app, &mut f);
    reach(app, &mut f);
    let rest = c.warnings.iter().filter(|w| !OWN_WORDS.iter().any(|own| w.starts_with(own)));
    for warning in rest {
        f.warn("warning", warning.clone(), "see what is in force with `dispatchctl config show`");
    }
    f
}

fn people(app: &App, f: &mut Findings) {
    let directory = &app.config.directory;
    let has_table = app.config.airtable.as_ref().is_some_and(|a| a.tables.contacts.is_some());
    if directory.contacts.is_empty() {
        let what = "nobody can be told of a call";
        if has_table {
            f.warn("people", format!("{what}: Airtable's contacts were not read yet"), "start `dispatchctl serve`");
        } else {
            f.fail("people", what, "name technicians in [[contacts]], or their table in airtable.tables.contacts");
        }
        return;
    }
    let empty = empty_roles(directory);
    for role in &empty {
        let next = if has_table {
            "give somebody that role in [[contacts]] or in Airtable's table of contacts (read by a running `serve`)"
        } else {
            "give somebody that role in [[contacts]] or in the line's team, or take it out of the policy"
        };
        f.warn("people", role.said.clone(), next);
    }
    match no_last_resort(directory) {
        Some(what) => f.warn("last_resort", what, "name a contact who answers for the night in [last_resort] notify"),
        None => {
            let names: Vec<&str> = directory.last_resort().map(|c| c.name.as_str()).collect();
            if names.is_empty() {
                f.warn("last_resort", "no contact of last_resort.notify is known", "give somebody such an id");
            } else {
                f.ok("last_resort", names.join(", "));
            }
        }
    }
    on_call(app, f);
    if empty.is_empty() {
        let from = app.synced_contacts_age().map(|age| format!(", {age}")).unwrap_or_default();
        f.ok(
            "people",
            format!("{}; every role of every policy is held{from}", counted_usize(directory.contacts.len(), "contact")),
        );
    }
}

/// Gaps ahead, and what is probably not meant. Opted-out holders are found by `oncall check`.
fn on_call(app: &App, f: &mut Findings) {
    let (directory, now, ahead) = (&app.config.directory, app.clock.now(), app.config.oncall.look_ahead);
    let gaps = crate::engine::oncall::reach::gaps_between(directory, now, now.plus(ahead), &[]);
    for gap in gaps.iter().take(GAPS_SAID) {
        let next = "cover it with `dispatchctl oncall override`, or with a fallback entry in the team";
        f.warn("on-call", gap_said(directory, gap, now.plus(ahead)), next);
    }
    if gaps.len() > GAPS_SAID {
        f.warn("on-call", format!("{} more gaps", gaps.len() - GAPS_SAID), "see `dispatchctl oncall check`");
    }
    let said = warnings(directory, now, now.plus(ahead));
    let is_fine = gaps.is_empty() && said.is_empty() && !directory.rotations.is_empty();
    for warning in said {
        f.warn("on-call", warning, "see `dispatchctl oncall check`, and correct the rotation in the configuration");
    }
    if is_fine {
        let days = ahead.as_secs() / 86_400;
        f.ok("on-call", format!("{} rotations; no gap in the next {days} days", directory.rotations.len()));
    }
}

fn reach(app: &App, f: &mut Findings) {
    let c = &app.config;
    let unreachable = c.warnings.iter().find(|w| w.starts_with("server.public_url "));
    match &c.server.public_url {
        Some(url) if unreachable.is_some() => {
            let what = unreachable.cloned().unwrap_or_default();
            f.warn("server.public_url", what, format!("set it to what Twilio can call over the internet, not {url}"));
        }
        Some(url) => f.ok("server.public_url", url.to_string()),
        None if c.mode == Mode::Test => f.skip("server.public_url", "`serve` takes its own address in test mode"),
        None => f.warn(
            "server.public_url",
            "not set: messages carry no callback, delivery and replies are learnt by asking Twilio alone",
            "set it to the URL under which Twilio reaches this machine, and Twilio's inbound webhook to it",
        ),
    }
    if c.server.is_exposed() && c.server.tokens.is_empty() {
        f.fail("server.tokens", "the API can be reached from elsewhere and asks for no token", "add [[server.tokens]]");
    } else if c.server.tokens.is_empty() {
        f.ok("server.tokens", "none, and none is needed: the API is reachable from this machine alone");
    } else {
        f.ok("server.tokens", format!("{} configured", c.server.tokens.len()));
    }
    let settle = c.delivery.settle;
    if settle < SETTLE_ADVISED {
        f.warn(
            "delivery.settle",
            format!("{} s: an unknown outcome may be decided before Twilio shows what it accepted", settle.as_secs()),
            format!("make it {} s or more", SETTLE_ADVISED.as_secs()),
        );
    } else {
        f.ok("delivery.settle", format!("{} s", settle.as_secs()));
    }
}
