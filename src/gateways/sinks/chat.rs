//! What chats take: the documents of Slack and what reads them, Teams and Discord.

use serde_json::{Value, json};

use super::words::{TextFormat, said};
use crate::gateways::{AlertMessage, AlertNotice};

/// Slack cuts a text behind this many characters.
const SLACK_MAX: usize = 20_000;
const TEAMS_MAX: usize = 16_000;
/// Characters; bytes are never fewer.
const DISCORD_MAX: usize = 2_000;

/// A text that Slack shows, and the same as fields for programs.
pub(super) fn plain(message: &AlertMessage, format: TextFormat, mode: &str) -> Option<Value> {
    let kind = message.kind()?;
    let one = message.only();
    let over = message.is_over();
    Some(json!({
        "text": format.escape(&message.line(mode, SLACK_MAX)),
        "id": message.id,
        "kind": kind.name(),
        "severity": kind.severity().as_str(),
        "key": message.key(),
        "state": if over { "resolved" } else { "raised" },
        "message": message.happened(),
        "callId": one.and_then(|n| n.call.as_ref()),
        "reference": one.and_then(|n| n.reference.as_ref()),
        "acceptedAt": one.and_then(|n| n.accepted_at),
        "issue": one.and_then(super::words::issue),
        "raisedAt": message.notices.iter().map(|n| n.raised_at).min(),
        "resolvedAt": message.notices.iter().filter_map(|n| n.resolved_at).max(),
        "count": message.notices.len(),
        "alerts": message.notices.iter().map(fields).collect::<Vec<_>>(),
        "mode": mode,
        "service": "dispatchctl",
    }))
}

pub(super) fn fields(n: &AlertNotice) -> Value {
    json!({
        "key": n.key,
        "message": said(n),
        "callId": n.call,
        "reference": n.reference,
        "raisedAt": n.raised_at,
        "resolvedAt": n.resolved_at,
    })
}

/// A card as a Workflows URL of Teams takes it; its text is markdown, so what would be markup is taken out.
pub(super) fn teams(message: &AlertMessage, mode: &str) -> Value {
    let block = |text: String| json!({ "type": "TextBlock", "text": text, "wrap": true });
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [block(without_markup(&message.line(mode, TEAMS_MAX)))],
            },
        }],
    })
}

/// A message of Discord that mentions nobody.
pub(super) fn discord(message: &AlertMessage, mode: &str) -> Value {
    let content = without_markup(&message.line(mode, DISCORD_MAX));
    json!({ "content": super::words::cut(&content, DISCORD_MAX), "allowed_mentions": { "parse": [] } })
}

/// See [`crate::gateways::AlertSink::holds`].
pub(super) fn plain_holds(message: &AlertMessage, mode: &str) -> usize {
    message.holds(mode, |line| line.len() <= SLACK_MAX)
}

/// See [`crate::gateways::AlertSink::holds`].
pub(super) fn teams_holds(message: &AlertMessage, mode: &str) -> usize {
    message.holds(mode, |line| line.len() <= TEAMS_MAX)
}

/// See [`crate::gateways::AlertSink::holds`].
pub(super) fn discord_holds(message: &AlertMessage, mode: &str) -> usize {
    message.holds(mode, |line| without_markup(line).len() <= DISCORD_MAX)
}

/// No link, mention or emphasis comes of what a caller said; the commands of our own words stay readable.
fn without_markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in TextFormat::Plain.escape(text).chars() {
        match c {
            '[' => out.push('('),
            ']' => out.push(')'),
            '<' | '>' | '*' | '~' | '|' | '\\' => out.push(' '),
            '/' if out.ends_with('/') => out.push_str(" /"),
            c => out.push(c),
        }
    }
    out
}
