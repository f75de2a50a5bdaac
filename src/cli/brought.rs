//! What a process brings itself (secrets and addresses), compared over a reload: each is the same, counts from now on, or needs a
//! restart. Never a value.

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Config;

/// When a changed one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    Now,
    AfterARestart,
}

/// One sentence for each.
pub(super) fn changes(before: &Config, after: &Config) -> Vec<String> {
    let (a, b) = (all(before), all(after));
    let sentence = |(key, counts, value): &(&str, Counts, String)| {
        let was = b.iter().find(|(k, ..)| k == key).map(|(.., v)| v);
        let said = match (was == Some(value), counts) {
            (true, _) => "is the same",
            (false, Counts::Now) => "has changed and counts from now on",
            (false, Counts::AfterARestart) => "has changed and needs a restart",
        };
        format!("{key} {said}")
    };
    a.iter()
        .filter(|(key, _, value)| !value.is_empty() || b.iter().any(|(k, _, v)| k == key && !v.is_empty()))
        .map(sentence)
        .collect()
}

fn all(c: &Config) -> Vec<(&'static str, Counts, String)> {
    let secret = |s: &SecretString| s.expose_secret().to_owned();
    let twilio = c.twilio.as_ref();
    let tokens: Vec<String> =
        c.server.tokens.iter().map(|t| format!("{} {:?} {}", t.name, t.scope, secret(&t.token))).collect();
    let sinks: Vec<String> = c.alerts.sinks.iter().map(|s| s.url.expose().to_string()).collect();
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
        ("server.listen", Counts::AfterARestart, c.server.listen.to_string()),
        ("server.public_listen", Counts::AfterARestart, text(c.server.public_listen.map(|a| a.to_string()))),
        ("server.public_url", Counts::AfterARestart, text(c.server.public_url.as_ref().map(ToString::to_string))),
        ("alerts.sinks urls", Counts::Now, sinks.join(" ")),
        ("heartbeat.url", Counts::Now, text(c.heartbeat.as_ref().map(|h| h.url.expose().to_string()))),
    ]
}
