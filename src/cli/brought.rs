//! What a process brings itself (secrets and addresses), compared over a reload: each is the same, counts from now on, or needs a
//! restart. Never a value.

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Config, Mode, StoreLocation};
use crate::domain::database::Password;

use super::rotation;

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
    let mut after = after.clone();
    if after.mode == Mode::Test && after.server.public_url.is_none() {
        // Its own address, which no file names.
        after.server.public_url.clone_from(&started.server.public_url);
    }
    let after = &after;
    // The secrets of another account count together with it.
    let is_elsewhere =
        matches!((&started.twilio, &after.twilio), (Some(was), Some(is)) if rotation::is_elsewhere(was, is));
    let sentence = |((start, before), after): ((Brought, Brought), Brought)| {
        let (key, counts, is) = after;
        let counts = if is_elsewhere && key.starts_with("twilio.") { Counts::AfterARestart } else { counts };
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
    let proxies: Vec<String> = c.server.trusted_proxies.iter().map(ToString::to_string).collect();
    let text = |v: Option<String>| v.unwrap_or_default();
    let server = match &c.store {
        StoreLocation::Postgres(server) => Some(server),
        StoreLocation::Sqlite(_) => None,
    };
    let given = match server.map(|s| s.url.password()) {
        Some(Password::Text(text)) => text.clone(),
        Some(Password::File(path)) => format!("in {}", path.display()),
        Some(Password::None) | None => String::new(),
    };
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
            Counts::Now,
            text(twilio.map(|t| t.api_key.as_ref().map_or_else(|| secret(&t.auth_token), |(_, s)| secret(s)))),
        ),
        ("twilio.account_sid", Counts::AfterARestart, text(twilio.map(|t| t.account_sid.clone()))),
        ("twilio.base_url", Counts::AfterARestart, text(twilio.map(|t| t.base_url.to_string()))),
        ("airtable.token", Counts::Now, text(c.airtable.as_ref().map(|a| secret(&a.token)))),
        ("airtable.base_url", Counts::AfterARestart, text(c.airtable.as_ref().map(|a| a.base_url.to_string()))),
        ("store.url", Counts::AfterARestart, server.map_or_else(String::new, |s| s.url.to_string())),
        ("store.password", Counts::AfterARestart, given),
        // Each connection reads it anew.
        (
            "the file of store.password_file",
            Counts::Now,
            text(server.and_then(|s| s.password_seen.as_ref()).map(secret)),
        ),
        ("store.backups", Counts::AfterARestart, c.backups.to_string()),
        ("server.listen", Counts::AfterARestart, c.server.listen.to_string()),
        ("server.public_listen", Counts::AfterARestart, text(c.server.public_listen.map(|a| a.to_string()))),
        ("server.base_path", Counts::AfterARestart, c.server.base_path.clone()),
        ("server.trusted_proxies", Counts::AfterARestart, proxies.join(" ")),
        ("board.enabled", Counts::AfterARestart, c.board.is_enabled.to_string()),
        ("server.public_url", Counts::AfterARestart, text(c.server.public_url.as_ref().map(ToString::to_string))),
        ("alerts.sinks urls", Counts::Now, sinks.join(" ")),
        ("rotations calendars", Counts::Now, calendars.join(" ")),
        ("smtp.url", Counts::Now, text(c.smtp.as_ref().map(|url| url.expose().to_string()))),
        ("heartbeat.url", Counts::Now, text(c.heartbeat.as_ref().map(|h| h.url.expose().to_string()))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Sources};

    #[test]
    fn a_new_password_of_the_store_in_its_file_is_said_and_nothing_of_it() {
        let dir = tempfile::tempdir().expect("temp dir");
        let file = dir.path().join("dispatchctl.toml");
        let text = "[store]\nurl = \"postgres://sam@localhost/shop\"\npassword_file = \"pw\"\n";
        std::fs::write(&file, text).expect("written");
        let sources = Sources { flag_config: Some(file.clone()), cwd: dir.path().to_path_buf(), ..Sources::default() };
        let read = |password: &str| {
            std::fs::write(dir.path().join("pw"), password).expect("written");
            config::load(&sources).expect("a configuration")
        };
        let (first, second) = (read("canary-1"), read("canary-2"));
        let said = |before: &Config, after: &Config| {
            let all = changes(&first, before, after);
            assert!(all.iter().all(|(said, _)| !said.contains("canary")), "{all:?}");
            let found = all.into_iter().find(|(said, _)| said.starts_with("the file of store.password_file"));
            found.expect("it is said")
        };
        assert_eq!(said(&first, &first).0, "the file of store.password_file is the same");
        let (words, applied) = said(&first, &second);
        assert_eq!(words, "the file of store.password_file has changed and counts from now on");
        assert_eq!(applied, Applied::Whole);
        std::fs::write(&file, text.replace("\"pw\"", "\"other\"")).expect("written");
        let elsewhere = config::load(&sources).expect("a configuration");
        let all = changes(&first, &second, &elsewhere);
        assert!(
            all.iter().any(|(said, _)| said.starts_with("store.password has changed and needs a restart")),
            "{all:?}"
        );
    }
}
