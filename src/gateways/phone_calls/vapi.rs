//! Vapi's list: `GET /call`, a bare array, the newest first and paged by time. Source: `facts/intake.md` §4.

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::api::Api;
use super::items::{iso, text, without};
use super::{ListedPhoneCall, ListedPhoneCalls, PAGES_MAX, PhoneCallList, again, too_many};
use crate::domain::Timestamp;
use crate::domain::phone_call::{PhoneCall, is_sid};
use crate::gateways::GatewayError;

/// So many are asked for at once; the platform's own most is not known for sure.
const PAGE: usize = 100;
/// Statuses of a call that goes on.
const GOES_ON: &[&str] = &["scheduled", "queued", "ringing", "in-progress", "forwarding"];
const LONG: &[&str] =
    &["messages", "transcript", "costs", "costBreakdown", "artifact", "assistant", "assistantOverrides", "squad"];

/// The phone calls of one Vapi organisation.
pub struct VapiCalls {
    api: Api,
}

impl VapiCalls {
    /// Asks nothing.
    ///
    /// # Errors
    /// Why no client can be made.
    pub fn new(base_url: Url, api_key: SecretString) -> Result<Self, String> {
        Ok(Self { api: Api::new(base_url, api_key)? })
    }

    fn page_url(&self, from: Timestamp, to: Timestamp) -> Url {
        let mut url = self.api.url(&["call"]);
        url.query_pairs_mut()
            .append_pair("limit", &PAGE.to_string())
            .append_pair("createdAtGe", &from.rfc3339())
            .append_pair("createdAtLe", &to.rfc3339());
        url
    }
}

#[async_trait]
impl PhoneCallList for VapiCalls {
    /// A page that brings nothing new is the last one, whatever its length.
    async fn between(&self, from: Timestamp, to: Timestamp) -> Result<ListedPhoneCalls, GatewayError> {
        let (mut listing, mut seen) = (ListedPhoneCalls::default(), std::collections::BTreeSet::new());
        let mut until = to;
        for _ in 0..PAGES_MAX {
            let answer = self.api.ask(self.api.client.get(self.page_url(from, until))).await?;
            let items = answer.as_array().ok_or_else(|| again("the answer is no list"))?;
            let mut is_new = false;
            for item in items {
                let Some(id) = text(item, "/id") else {
                    listing.unread += 1;
                    continue;
                };
                until = until.min(iso(item, "/createdAt").unwrap_or(until));
                if seen.insert(id.clone()) {
                    is_new = true;
                    listing.calls.extend(listed(id, item));
                }
            }
            if items.len() < PAGE {
                return Ok(listing);
            }
            if !is_new {
                return Err(again("more calls were made in one moment than the list shows"));
            }
        }
        Err(too_many())
    }
}

/// Nothing where it is no phone call that came in.
pub(super) fn listed(id: String, item: &Value) -> Option<ListedPhoneCall> {
    let kind = text(item, "/type").unwrap_or_default().to_lowercase();
    if kind.contains("web") || kind.contains("outbound") {
        return None;
    }
    let status = text(item, "/status").unwrap_or_default();
    let ended_at = iso(item, "/endedAt");
    let line = ["/phoneNumber/number", "/phoneNumber/twilioPhoneNumber"].iter().find_map(|at| text(item, at));
    Some(ListedPhoneCall {
        is_over: ended_at.is_some() || !GOES_ON.contains(&status.as_str()),
        call: PhoneCall {
            id,
            sid: text(item, "/phoneCallProviderId").filter(|sid| is_sid(sid)),
            line,
            caller: text(item, "/customer/number").or_else(|| text(item, "/customer/sipUri")),
            started_at: iso(item, "/startedAt").or_else(|| iso(item, "/createdAt")),
            ended_at,
        },
        reason: text(item, "/endedReason").unwrap_or(status),
        document: without(item.clone(), LONG),
    })
}
