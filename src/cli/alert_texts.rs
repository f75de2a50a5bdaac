//! Alerts by text: those that went out, and whether one can go out at all.
//!
//! A try by hand is made by this process, as the canary of `doctor` is: one POST an owner, no callback, no reference, kept nowhere. The
//! engine's own texts are rows of the store.

use serde_json::{Value, json};

use crate::config::Config;
use crate::domain::alert_text::AlertText;
use crate::domain::body::segments;
use crate::domain::codes::name_of;
use crate::domain::team::Contact;
use crate::domain::types::{AttemptId, Sender};
use crate::gateways::{Callback, GatewayError, MessageBody, SmsGateway, Submission};
use crate::store::Views;

use super::app::App;
use super::doctor::looking_for_somebody;

/// The most characters of the name of whoever tries.
const NAME_MAX: usize = 40;

/// One text to each owner; what the provider said of them.
///
/// # Errors
/// Why one of them was not taken, or none was sent.
pub(super) async fn try_by_text(who: &str, app: &App) -> Result<String, String> {
    let config = &app.config;
    let owners: Vec<&Contact> = config.directory.alert_owners().collect();
    let Some(from) = sender(config) else { return Err("nothing is configured that texts are sent from".to_owned()) };
    if owners.is_empty() {
        return Err("alerts.owners names nobody who is known".to_owned());
    }
    let store = app
        .store_if_there()
        .await
        .map_err(|e| format!("not sent: whether a call is open cannot be seen: {}", e.what))?;
    if let Some(call) = looking_for_somebody(Ok(store.as_deref().map(|s| s as &dyn Views))).await? {
        return Err(format!(
            "not sent: the call {call} looks for somebody, and a reply to a test could be taken for its answer"
        ));
    }
    let gateway = app.gateway().map_err(|e| e.what)?;
    let mut said = Vec::new();
    for owner in owners {
        said.push(one(who, owner, from, &*gateway, app).await?);
    }
    Ok(said.join("; "))
}

fn sender(config: &Config) -> Option<&Sender> {
    let senders = config.directory.from.iter().chain(&config.directory.fallback);
    senders.into_iter().next().filter(|_| config.texts)
}

async fn one(who: &str, owner: &Contact, from: &Sender, gateway: &dyn SmsGateway, app: &App) -> Result<String, String> {
    let id = AttemptId::from_uuid(app.ids.uuid(app.clock.now()));
    let body = words(who);
    debug_assert_eq!(segments(&body), 1);
    let text = Submission {
        attempt: id,
        to: owner.phone.clone(),
        from: from.clone(),
        body: MessageBody(body),
        validity: app.config.validity,
        callback: Callback::Without,
    };
    let to = &owner.id;
    match gateway.submit(&text).await {
        Ok(record) => Ok(format!("the text to {to} is {}", record.status)),
        Err(GatewayError::Refused { http, code, message }) => {
            let words = code.map(|c| format!(" {c}, {}", name_of(c))).unwrap_or_default();
            Err(format!("the text to {to} was refused (HTTP {http}){words}: {message}"))
        }
        Err(GatewayError::Retryable { why, .. }) => Err(format!("the text to {to} was not sent: {why}")),
        Err(GatewayError::Unknown { why }) => Err(format!("nobody knows whether the text to {to} was sent: {why}")),
    }
}

fn words(who: &str) -> String {
    let who: String = who.chars().filter(char::is_ascii_graphic).take(NAME_MAX).collect();
    format!("dispatchctl: {who} tries whether alerts arrive. Nothing is to be done, please do not reply.")
}

/// A text of an alert, for documents; in the shape of a call's attempts.
pub(super) fn document(of: &AlertText) -> Value {
    let t = &of.text;
    json!({ "attemptId": t.id, "reference": of.mark(), "attemptState": t.state, "kind": t.kind,
        "sink": of.sink, "callId": of.call, "contact": t.contact, "to": t.phone, "sid": t.sid, "status": t.message_status,
        "createdAt": t.created_at, "sentAt": t.sent_at, "result": t.result })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_is_one_segment_whoever_tries() {
        for who in ["owner", "Zo\u{eb} \u{1f600}", &"x".repeat(400)] {
            assert_eq!(segments(&words(who)), 1, "{who}");
        }
    }
}
