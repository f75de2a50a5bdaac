//! Retell's list: `POST /v3/list-calls`. Source: `facts/intake.md` §2.

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::api::Api;
use super::items::{millis, text, without};
use super::{ListedPhoneCall, ListedPhoneCalls, PAGES_MAX, PhoneCallList, again, too_many};
use crate::domain::Timestamp;
use crate::domain::phone_call::{PhoneCall, is_sid};
use crate::gateways::GatewayError;

/// The most that the platform gives at once.
const PAGE: u32 = 1000;
/// Statuses of a call that goes on. Any other one is of a call that is over.
const GOES_ON: &[&str] = &["registered", "ongoing"];
const LONG: &[&str] = &["transcript_object", "transcript_with_tool_calls", "call_cost", "public_log_url"];

/// The phone calls of one Retell account.
pub struct RetellCalls {
    api: Api,
}

impl RetellCalls {
    /// Asks nothing.
    ///
    /// # Errors
    /// Why no client can be made.
    pub fn new(base_url: Url, api_key: SecretString) -> Result<Self, String> {
        Ok(Self { api: Api::new(base_url, api_key)? })
    }
}

#[async_trait]
impl PhoneCallList for RetellCalls {
    async fn between(&self, from: Timestamp, to: Timestamp) -> Result<ListedPhoneCalls, GatewayError> {
        let mut listing = ListedPhoneCalls::default();
        let mut key: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut body = json!({
                "filter_criteria": {
                    "direction": { "type": "enum", "op": "in", "value": ["inbound"] },
                    "start_timestamp": { "type": "range", "op": "bt", "value": [from.as_millis(), to.as_millis()] },
                },
                "sort_order": "ascending",
                "limit": PAGE,
            });
            if let (Some(map), Some(key)) = (body.as_object_mut(), &key) {
                map.insert("pagination_key".to_owned(), json!(key));
            }
            let answer = self.api.ask(self.api.client.post(self.api.url(&["v3", "list-calls"])).json(&body)).await?;
            let items = answer.get("items").and_then(Value::as_array).ok_or_else(|| again("the answer is no list"))?;
            for item in items {
                match listed(item) {
                    Some(Some(call)) if !listing.calls.iter().any(|c| c.call.id == call.call.id) => {
                        listing.calls.push(call);
                    }
                    Some(_) => {}
                    None => listing.unread += 1,
                }
            }
            if answer.get("has_more").and_then(Value::as_bool) != Some(true) {
                return Ok(listing);
            }
            let next = text(&answer, "/pagination_key").filter(|next| key.as_ref() != Some(next));
            key = Some(next.ok_or_else(|| again("the list goes on and does not say where"))?);
        }
        Err(too_many())
    }
}

/// `None`: it cannot be read; inside: it is no phone call that came in.
pub(super) fn listed(item: &Value) -> Option<Option<ListedPhoneCall>> {
    let id = text(item, "/call_id")?;
    let outbound = text(item, "/direction").is_some_and(|d| d == "outbound");
    if outbound || text(item, "/call_type").is_some_and(|t| t == "web_call") {
        return Some(None);
    }
    let status = text(item, "/call_status").unwrap_or_default();
    let ended_at = millis(item, "/end_timestamp");
    Some(Some(ListedPhoneCall {
        is_over: ended_at.is_some() || !GOES_ON.contains(&status.as_str()),
        call: PhoneCall {
            id,
            sid: text(item, "/telephony_identifier/twilio_call_sid").filter(|sid| is_sid(sid)),
            line: text(item, "/to_number"),
            caller: text(item, "/from_number"),
            started_at: millis(item, "/start_timestamp"),
            ended_at,
        },
        reason: text(item, "/disconnection_reason").unwrap_or(status),
        document: without(item.clone(), LONG),
    }))
}
