//! What a process brings itself (secrets and addresses), compared over a reload: each is the same, counts from now on, or needs a
//! restart. Never a value.

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Config;

/// How much of a reload was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    Whole,
    AfterARestart,
}

/// When a changed one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    Now,
    AfterARestart,
}

/// One sentence for each. What only a restart applies is compared with what the process `started` with, however often it was
/// read again since; the rest with what was in force `before`.
pub(super) fn changes(started: &Config, before: &Config, after: &Config) -> Vec<(String, Applied)> {
    let sentence = |((start, before), after): ((Brought, Brought), Brought)| {
        let (key, counts, is) = after;
        let was = if counts == Counts::Now { before.2 } else { start.2 };
        let (said, applied) = match (was == is, counts) {
            (true, _) => ("is the same", Applied::Whole),
            (false, Counts::Now) => ("has changed and counts from now on", Applied::Whole),
            (false, Counts::AfterARestart) => {
                ("has changed and needs a restart: the old one is used", Applied::AfterARestart)
            }
        };
        let is_there = !was.is_empty() || !is.is_empty();
        is_there.then(|| (format!("{key} {said}"), applied))
    };
    all(started).into_iter().zip(all(before)).zip(all(after)).filter_map(sentence).collect()
}

/// A key, when a changed one counts, and its value, for comparing alone.
type Brought = (&'static str, Counts, String);

/// Always the same keys in the same order.
fn all(c: &Config) -> Vec<Brought> {
    let secret = |s: &SecretString| s.expose_secret().to_owned();
    let twilio = c.twilio.as_ref();
    let tokens: Vec<String> =
        c.server.tokens.iter().map(|t| format!("{} {:?} {}", t.name, t.scope, secret(&t.token))).collect();
    let sinks: Vec<String> = c.alerts.sinks.iter().map(|s| s.place.compared()).collect();
    let calendars: Vec<String> =
        c.calendars.iter().map(|at| format!("{} {} {}", at.rotation, at.part, at.place.expose())).collect();
    let text = |v: Option<String>| v.unwrap_or_default();
    vec![
        ("server.tokens", Counts::Now, tokens.join(" ")),
        ("twilio.auth_token of signatures", Counts::Now, text(twilio.map(|t| secret(&t.auth_token)))),
        (
            "twilio.auth_token_previous",
            Counts::Now,
            text(twilio.and_then(|t| t.auth_token_previous.as_ref()).map(secret)),
        ),
        (
            "twilio.auth_token or api_secret of requests",
            Counts::AfterARestart,
            text(twilio.map(|t| t.api_key.as_ref().map_or_else(|| secret(&t.auth_token), |(_, s)| secret(s)))),
        ),
        ("twilio.account_sid", Counts::AfterARestart, text(twilio.map(|t| t.account_sid.clone()))),
        ("twilio.base_url", Counts::AfterARestart, text(twilio.map(|t| t.base_url.to_string()))),
        ("airtable.token", Counts::AfterARestart, text(c.airtable.as_ref().map(|a| secret(&a.token)))),
        ("airtable.base_url", Counts::AfterARestart, text(c.airtable.as_ref().map(|a| a.base_url.to_string()))),
        ("store.backups", Counts::AfterARestart, c.backups.to_string()),
        ("server.listen", Counts::AfterARestart, c.server.listen.to_string()),
        ("server.public_listen", Counts::AfterARestart, text(c.server.public_listen.map(|a| a.to_string()))),
        ("server.public_url", Counts::AfterARestart, text(c.server.public_url.as_ref().map(ToString::to_string))),
        ("alerts.sinks urls", Counts::Now, sinks.join(" ")),
        ("rotations calendars", Counts::Now, calendars.join(" ")),
        ("smtp.url", Counts::Now, text(c.smtp.as_ref().map(|url| url.expose().to_string()))),
        ("heartbeat.url", Counts::Now, text(c.heartbeat.as_ref().map(|h| h.url.expose().to_string()))),
    ]
}
