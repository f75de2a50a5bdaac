//! Events of PagerDuty (Events API v2): one event an alert, which PagerDuty itself groups by its key.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::chat::fields;
use super::words::issue;
use crate::domain::alert::Severity;
use crate::gateways::{AlertMessage, AlertNotice};

const KEY_MAX: usize = 255;
const SUMMARY_MAX: usize = 1_024;

/// The document that triggers or resolves; `None`: the message names nothing. Of several alerts the first: see
/// [`crate::gateways::AlertSink::groups_itself`].
pub(super) fn event(message: &AlertMessage, routing_key: &SecretString, mode: &str) -> Option<Value> {
    let n = message.notices.first()?;
    let action = if n.resolved_at.is_some() { "resolve" } else { "trigger" };
    let severity = if n.key.kind().severity() == Severity::Page { "critical" } else { "warning" };
    let mut details = fields(n);
    if let (Some(map), Some(issue)) = (details.as_object_mut(), issue(n)) {
        map.insert("issue".to_owned(), issue.into());
    }
    Some(json!({
        "routing_key": routing_key.expose_secret(),
        "event_action": action,
        "dedup_key": dedup_key(n),
        "payload": {
            "summary": message.line(mode, SUMMARY_MAX),
            "source": "dispatchctl",
            "severity": severity,
            "timestamp": n.raised_at,
            "class": n.key.kind().name(),
            "custom_details": details,
        },
    }))
}

/// The alert's key; where a number in it is masked, or it is too long, a hash tells two of them apart.
fn dedup_key(n: &AlertNotice) -> String {
    let (whole, masked) = (n.key.to_string(), n.key.masked());
    if whole == masked && whole.len() <= KEY_MAX {
        return whole;
    }
    let hash: String = Sha256::digest(whole.as_bytes()).iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("{}:{hash}", n.key.kind().word())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::AlertKind;
    use crate::gateways::sinks::webhook::sample;

    #[test]
    fn an_alert_keeps_its_key_from_trigger_to_resolve_and_shows_no_number() {
        let key = SecretString::from("R0UT1NG".to_owned());
        let mut message = sample();
        let raised = event(&message, &key, "live").expect("an event");
        message.notices[0].resolved_at = Some(message.at);
        let over = event(&message, &key, "live").expect("an event");
        assert_eq!((&raised["event_action"], &over["event_action"]), (&json!("trigger"), &json!("resolve")));
        assert_eq!(raised["dedup_key"], over["dedup_key"]);
        assert_eq!(raised["payload"]["severity"], "warning");
        assert!(!raised.to_string().contains("5550101"), "{raised}");
        message.notices[0].key = AlertKind::OptedOut.about("+19495560101");
        let other = event(&message, &key, "live").expect("an event");
        assert_ne!(raised["dedup_key"], other["dedup_key"], "numbers that look alike once masked");
        message.notices[0].key = AlertKind::Exhausted.about("c".repeat(128));
        let page = event(&message, &key, "live").expect("an event");
        assert_eq!(page["payload"]["severity"], "critical");
        message.notices[0].key = AlertKind::Exhausted.about("c".repeat(400));
        let long = event(&message, &key, "live").expect("an event");
        assert!(long["dedup_key"].as_str().is_some_and(|k| k.len() <= KEY_MAX));
    }
}
