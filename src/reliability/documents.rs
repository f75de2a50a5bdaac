//! What the ledger, the stories of calls and the overview say, as they are read.

use serde_json::Value;

use crate::domain::Timestamp;

/// A text field; empty where there is none.
pub(super) fn text<'a>(v: &'a Value, key: &str) -> &'a str {
    v.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A list; empty where there is none.
pub(super) fn list<'a>(v: &'a Value, key: &str) -> &'a [Value] {
    v.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The texts that came by the provider's API, oldest first.
pub(super) fn texts(ledger: &Value) -> impl Iterator<Item = &Value> {
    list(ledger, "messages").iter().filter(|m| text(m, "direction") == "outbound-api")
}

/// The mails that the relay took, oldest first.
pub(super) fn mails(ledger: &Value) -> &[Value] {
    list(ledger, "mails")
}

/// The phone calls that the provider accepted, oldest first.
pub(super) fn phone_calls(ledger: &Value) -> &[Value] {
    list(ledger, "calls")
}

/// The phone calls of an attempt: by its callback's path, or by the SID that the store has.
pub(super) fn phone_calls_of<'a>(ledger: &'a Value, attempt: &Value) -> Vec<&'a Value> {
    let (id, sid) = (text(attempt, "attemptId"), text(attempt, "sid"));
    let is_its = |c: &&Value| match text(c, "attemptFromCallback") {
        "" => !sid.is_empty() && text(c, "sid") == sid,
        named => named == id,
    };
    phone_calls(ledger).iter().filter(is_its).collect()
}

/// A time in a document.
pub(super) fn time(v: &Value, key: &str) -> Option<Timestamp> {
    v.get(key).and_then(Value::as_str).and_then(|t| t.parse().ok())
}

/// What there is in the end.
pub(super) struct Seen {
    /// The provider's word.
    pub(super) ledger: Value,
    /// The store's.
    pub(super) stories: Vec<Value>,
    /// What `status` shows.
    pub(super) overview: Value,
}

/// How many creates were asked for, refused ones too.
pub(super) fn creates(ledger: &Value) -> u64 {
    ledger.get("requests").and_then(|r| r.get("create")).and_then(Value::as_u64).unwrap_or(0)
}

/// Attempts whose outcome is unknown although the provider has their message.
pub(super) fn not_found_out(ledger: &Value, stories: &[Value]) -> Vec<String> {
    let unknown = stories.iter().flat_map(|s| list(s, "attempts")).filter(|a| text(a, "attemptState") == "unknown");
    let there = |reference: &str| texts(ledger).any(|m| text(m, "body").split(' ').next() == Some(reference));
    let rang = |a: &&Value| there(text(a, "reference")) || !phone_calls_of(ledger, a).is_empty();
    unknown.filter(rang).map(|a| text(a, "reference").to_owned()).collect()
}

/// Whether a key fits a pattern in which `*` stands for anything.
pub(super) fn fits(pattern: &str, key: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == key,
        Some((start, rest)) => {
            let Some(tail) = key.strip_prefix(start) else { return false };
            (0..=tail.len()).filter(|i| tail.is_char_boundary(*i)).any(|i| fits(rest, tail.get(i..).unwrap_or("")))
        }
    }
}

/// Attempts that wait or are on their way.
pub(super) fn under_way(stories: &[Value]) -> usize {
    let waits = |a: &&Value| matches!(text(a, "attemptState"), "scheduled" | "sending" | "retrying");
    stories.iter().flat_map(|s| list(s, "attempts")).filter(waits).count()
}

/// Keys of the open alerts.
pub(super) fn alert_keys(overview: &Value) -> Vec<String> {
    list(overview, "alerts").iter().map(|a| text(a, "key").to_owned()).collect()
}
