//! `[twilio]`: the provider, its credentials and senders.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;

use super::forms::{is_loopback, show_duration};
use super::limits::{SHORTEST, within};
use super::origin::{Layer, Origin};
use super::people::{SENDER_FORM, place, sender};
use super::read::{Found, Reader, Section};
use super::secrets::{is_unreadable, need};
use super::test_mode::TestMode;
use super::types::{Part, SANDBOX_ACCOUNT_SID, SANDBOX_AUTH_TOKEN, SANDBOX_FROM, Twilio, sandbox_url};
use crate::domain::types::Sender;

/// The provider's bounds of `ValidityPeriod`, in seconds (`facts/twilio.md` §2).
const VALIDITY: std::ops::RangeInclusive<u64> = 1..=36_000;

/// The rates that a sender may have, in segments a second: at the lowest one text goes in 100 s.
const RATE_MIN: f64 = 0.01;
const RATE_MAX: f64 = 1_000.0;
/// A stop waits for a request under way; the provider's own limit is near 26 s (`facts/twilio.md` §4).
const REQUEST_MAX: Duration = Duration::from_secs(120);

/// What `[twilio]` says.
pub(super) struct TwilioSection {
    /// `None` where credentials are missing.
    pub(super) twilio: Option<Twilio>,
    /// The sender where a line names none. This and the rest decide, whatever credentials this process can read.
    pub(super) from: Option<Found<Sender>>,
    pub(super) fallback_from: Vec<Sender>,
    pub(super) validity: Duration,
    /// Other bounds depend on it.
    pub(super) request_timeout: Option<Found<Duration>>,
}

/// Reads `[twilio]`. What is missing is deferred to the commands that need it; in test mode the sandbox stands in.
pub(super) fn twilio(r: &mut Reader, root: &mut Section, test: &mut TestMode, sandbox: SocketAddr) -> TwilioSection {
    let mut s = r.section(root, "twilio");
    let at = s.origin.clone().filter(|_| s.is_given());
    let sid = sid(r, &mut s, "account_sid", "AC");
    let auth_token = r.secret(&mut s, "auth_token", Part::Twilio).map(|f| f.value);
    let auth_token_previous = r.secret(&mut s, "auth_token_previous", Part::Twilio).map(|f| f.value);
    let api_key = api_key(r, &mut s, at.clone());
    let from = twilio_sender(r, &mut s);
    let fallback_from = fallback_from(r, &mut s, from.as_ref());
    let base_url = r.url(&mut s, "base_url");
    let here = sandbox_url(sandbox);
    let base_url = test.local(r, "twilio.base_url", base_url, is_loopback, Some((here.clone(), here.to_string())));
    let messages_per_second = messages_per_second(r, &mut s);
    let connect_timeout = within(r, &mut s, "connect_timeout", SHORTEST..=REQUEST_MAX);
    let request_timeout = within(r, &mut s, "request_timeout", SHORTEST..=REQUEST_MAX);
    let validity = validity(r, &mut s);
    r.finish(s);
    if let (Some(connect), Some(request)) = (&connect_timeout, &request_timeout)
        && connect.value > request.value
    {
        let form = format!("at most twilio.request_timeout ({})", show_duration(request.value));
        r.wrong(connect.origin.clone(), &connect.key, "is longer than the whole request may take", &form);
    }
    let (sid, auth_token, from) = if test.on { stand_ins(r, sid, auth_token, from) } else { (sid, auth_token, from) };
    for (there, key, form) in [
        (sid.is_some(), "twilio.account_sid", "AC and 32 hex digits, also from TWILIO_ACCOUNT_SID"),
        (auth_token.is_some(), "twilio.auth_token", "the account's auth token, also from TWILIO_AUTH_TOKEN"),
        (from.is_some(), "twilio.from", "a sender (or twilio.messaging_service_sid), also from TWILIO_PHONE_NUMBER"),
    ] {
        if !there {
            need(r, Part::Twilio, at.clone(), key, form);
        }
    }
    let twilio = sid.zip(auth_token).map(|(account_sid, auth_token)| Twilio {
        account_sid,
        auth_token,
        auth_token_previous,
        api_key,
        sender: from.as_ref().map(|f| f.value.clone()),
        base_url: base_url.map_or(here, |f| f.value),
        messages_per_second,
        connect_timeout: connect_timeout.map(|f| f.value).unwrap_or_default(),
        request_timeout: request_timeout.as_ref().map(|f| f.value).unwrap_or_default(),
        validity,
    });
    TwilioSection { twilio, from, fallback_from, validity, request_timeout }
}

/// In test mode the sandbox's own, for whatever is not configured. A token that is named and cannot be read has none.
fn stand_ins(
    r: &mut Reader,
    sid: Option<String>,
    auth_token: Option<SecretString>,
    from: Option<Found<Sender>>,
) -> (Option<String>, Option<SecretString>, Option<Found<Sender>>) {
    if sid.is_none() {
        r.show("twilio.account_sid", SANDBOX_ACCOUNT_SID, &Origin::TestMode);
    }
    let auth_token = match auth_token {
        None if is_unreadable(r, "twilio.auth_token") => None,
        None => {
            r.show("twilio.auth_token", super::secret_url::MASK, &Origin::TestMode);
            Some(SANDBOX_AUTH_TOKEN.into())
        }
        given => given,
    };
    let from = from.or_else(|| {
        let value: Sender = SANDBOX_FROM.parse().ok()?;
        let key = "twilio.from".to_owned();
        r.show(&key, value.to_string(), &Origin::TestMode);
        Some(Found { value, key, origin: Origin::TestMode, layer: Layer::Default })
    });
    let sid = sid.unwrap_or_else(|| SANDBOX_ACCOUNT_SID.to_owned());
    (Some(sid), auth_token, from)
}

/// Two capitals and 32 hex digits (`facts/twilio.md` §1).
fn sid(r: &mut Reader, s: &mut Section, name: &str, prefix: &str) -> Option<String> {
    let form = format!("{prefix} and 32 hex digits");
    let parse = |s: &str| {
        let hex = s.strip_prefix(prefix).is_some_and(|t| t.len() == 32 && t.bytes().all(|b| b.is_ascii_hexdigit()));
        if hex { Ok(s.to_owned()) } else { Err(format!("is not a SID of the kind {prefix}")) }
    };
    r.parsed(s, name, &form, parse, |s: &String| s.clone()).map(|f| f.value)
}

fn api_key(r: &mut Reader, s: &mut Section, at: Option<Origin>) -> Option<(String, SecretString)> {
    let key = sid(r, s, "api_key", "SK");
    let secret = r.secret(s, "api_secret", Part::Twilio);
    match (key, secret) {
        (Some(key), Some(secret)) => Some((key, secret.value)),
        (Some(_), None) => {
            let form = "the secret of twilio.api_key, also from TWILIO_API_SECRET";
            need(r, Part::Twilio, at, "twilio.api_secret", form);
            None
        }
        (None, Some(secret)) if !r.problems.iter().any(|p| p.key == "twilio.api_key") => {
            r.wrong(secret.origin, &secret.key, "is given without twilio.api_key", "both, or neither");
            None
        }
        (None, _) => None,
    }
}

fn twilio_sender(r: &mut Reader, s: &mut Section) -> Option<Found<Sender>> {
    let from = sender(r, s, "from");
    let service = sid(r, s, "messaging_service_sid", "MG").and_then(|sid| sid.parse::<Sender>().ok());
    let Some(service) = service else { return from };
    let key = s.key("messaging_service_sid");
    let origin = r.rows.iter().find(|row| row.key == key).map_or(Origin::Default, |row| row.origin.clone());
    if let Some(from) = &from {
        let what = format!("is given, and {} too", place(&from.origin, &from.key));
        r.wrong(origin.clone(), &key, what, "one of the two");
    }
    Some(Found { value: service, key, origin, layer: Layer::Default })
}

fn fallback_from(r: &mut Reader, s: &mut Section, first: Option<&Found<Sender>>) -> Vec<Sender> {
    let parse = |s: &str| s.parse::<Sender>().map_err(|_| "is not a sender".to_owned());
    let found = r.list(s, "fallback_from", SENDER_FORM, parse, ToString::to_string).unwrap_or_default();
    let mut out: Vec<Sender> = Vec::new();
    for f in found {
        if out.contains(&f.value) || first.is_some_and(|first| first.value == f.value) {
            r.wrong(f.origin, &f.key, "is named before", "each sender once");
        } else {
            out.push(f.value);
        }
    }
    out
}

fn messages_per_second(r: &mut Reader, s: &mut Section) -> f64 {
    let Some(found) = r.number(s, "messages_per_second", 0.0..=RATE_MAX) else { return 1.0 };
    if found.value > 0.0 && found.value < RATE_MIN {
        let form = format!("0 (unlimited), or a number from {RATE_MIN} to {RATE_MAX}");
        r.wrong(found.origin, &found.key, "is so low that nobody would be told", &form);
        return 1.0;
    }
    found.value
}

fn validity(r: &mut Reader, s: &mut Section) -> Duration {
    let Some(found) = r.duration(s, "validity") else { return Duration::ZERO };
    if found.value.subsec_nanos() != 0 || !VALIDITY.contains(&found.value.as_secs()) {
        r.wrong(found.origin, &found.key, "is out of range", "whole seconds from \"1s\" to \"10h\"");
    }
    found.value
}
