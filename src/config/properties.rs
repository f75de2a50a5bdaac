//! What holds of every configuration file; and the shop that other properties are about.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::load::load_text;
use super::origin::Origin;
use super::{Config, ConfigErrors, Sources, completed, differences, load_document};
use crate::domain::settings::{SettingsNumber, SettingsRow};
use crate::domain::types::{Actor, Timestamp};

/// A file of this name is in no directory: only the text counts.
const FILE: &str = "dispatchctl.toml";
const NOWHERE: &str = "/nowhere/dispatchctl";
/// Keys whose value is a secret wherever they stand.
const SECRETS: &[&str] = &[
    "auth_token",
    "auth_token_previous",
    "api_secret",
    "token",
    "password",
    "secret",
    "secret_previous",
    "hmac_secret",
];
/// A shorter secret may be a word of a message.
const SECRET_CHARS_MIN: usize = 12;

/// A shop with two lines, rotations and every kind of intake; all of it is invented.
const SHOP: &str = r#"
[server]
public_url = "https://dispatch.example.com"
[[server.tokens]]
name = "intake"
token = "invented-intake-token"
scope = "dispatch"
[twilio]
account_sid = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
auth_token = "0123456789abcdef0123456789abcdef"
from = "+15005550006"
[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
role = "primary"
[[contacts]]
id = "ana"
name = "Ana Reyes"
phone = "+19495550102"
role = "backup"
[[lines]]
number = "+18005550100"
name = "Acme Plumbing"
[[lines]]
number = "+18005550199"
name = "Acme Lifts"
[[rotations]]
id = "night"
time_zone = "America/Los_Angeles"
handoff = "08:00"
every = "1w"
starts = "2026-10-05"
members = ["sam", "ana"]
[intake.retell]
api_key = "key_test_0123456789"
[intake.vapi]
secret = "invented-vapi-token"
hmac_secret = "invented-vapi-hmac"
[intake.custom.desk]
token = "invented-desk-token"
hmac_secret = "invented-desk-hmac"
[intake.custom.desk.fields]
caller_phone = ["caller.phone"]
issue_summary = ["Call regarding"]
twilio_to_number = ["Number called"]
emergency_level = ["priority", "urgent"]
caller_name = ["caller.name"]
address = ["location"]
"#;

/// The shop that properties of other modules are about.
pub(crate) fn shop() -> &'static Config {
    static READ: OnceLock<Config> = OnceLock::new();
    READ.get_or_init(|| load_text(&sources(false), FILE.into(), SHOP).unwrap_or_else(|e| panic!("{e}")))
}

fn sources(test_mode: bool) -> Sources {
    let cwd = PathBuf::from(NOWHERE);
    let env = vec![("HOME".to_owned(), NOWHERE.to_owned())];
    Sources { system_config: cwd.join("config.toml"), cwd, env, flag_test_mode: test_mode, ..Sources::default() }
}

/// A file is a configuration, or each thing that is wrong with it is told in a line that names its key. No secret is told. What is
/// accepted is the same when the store gives it back.
pub(crate) fn configuration(raw: &[u8]) {
    // What is no UTF-8 is no file of ours, and a device that a key names may never end.
    let Some(text) = std::str::from_utf8(raw).ok().filter(|text| !text.contains("/dev/")) else { return };
    for test_mode in [false, true] {
        let sources = sources(test_mode);
        let read = load_text(&sources, FILE.into(), text);
        match &read {
            Err(errors) => is_told(errors, text),
            Ok(config) => is_kept(config, &sources, text),
        }
        let again = load_text(&sources, FILE.into(), text);
        assert_eq!(read.err(), again.err());
    }
}

fn is_told(errors: &ConfigErrors, text: &str) {
    assert!(!errors.0.is_empty(), "refused without a word");
    let lines = text.matches('\n').count() + 1;
    for problem in &errors.0 {
        let of_the_file = problem.what.starts_with("not valid TOML");
        assert!(of_the_file || !problem.key.is_empty(), "it names no key: {problem}");
        if let Some(Origin::File(_, line)) = problem.at {
            assert!((1..=lines).contains(&line), "line {line} of {lines}: {problem}");
        }
        let told = problem.to_string();
        assert!(!told.chars().any(char::is_control), "it is told in one line: {told:?}");
    }
    hides_secrets(&errors.to_string(), text);
}

fn is_kept(config: &Config, sources: &Sources, text: &str) {
    for row in config.shown() {
        hides_secrets(&row.value, text);
    }
    hides_secrets(&format!("{config:?}"), text);
    let decides = config.documents.decides.to_string();
    hides_secrets(&decides, text);
    hides_secrets(&config.documents.places.to_string(), text);
    // As a store keeps it, and another process reads it.
    let row = SettingsRow {
        number: SettingsNumber(1),
        document: serde_json::from_str(&decides).expect("JSON"),
        places: config.documents.places.clone(),
        actor: Actor::engine(),
        role: "serve".to_owned(),
        at: Timestamp::default(),
    };
    let differ = differences(&config.documents.decides, &completed(&row));
    assert!(differ.is_empty(), "it comes back otherwise: {differ:?}");
    let under = load_document(sources, &row).unwrap_or_else(|e| panic!("what was accepted cannot be read again: {e}"));
    assert_eq!(under.directory, config.directory, "whom it tells");
    assert_eq!(format!("{:?}", under.delivery), format!("{:?}", config.delivery));
    assert_eq!((under.mode, under.texts, under.validity), (config.mode, config.texts, config.validity));
}

fn hides_secrets(shown: &str, text: &str) {
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim().rsplit('.').next().unwrap_or_default();
        let value = value.trim().strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or_default();
        let is_plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let is_one = SECRETS.contains(&name) && value.len() >= SECRET_CHARS_MIN && is_plain;
        // One that the file says elsewhere too may be shown as what it is there.
        if is_one && text.matches(value).count() == 1 {
            assert!(!shown.contains(value), "{name} is shown: {shown}");
        }
    }
}
