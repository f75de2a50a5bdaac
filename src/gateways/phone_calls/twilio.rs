//! Twilio's list of the calls to our lines: `GET …/Calls.json`. Source: `facts/intake.md` §5.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::items::text;
use super::{ListedPhoneCall, ListedPhoneCalls, PhoneCallList};
use crate::domain::Timestamp;
use crate::domain::phone_call::PhoneCall;
use crate::gateways::GatewayError;
use crate::gateways::twilio::client::TwilioClient;
use crate::gateways::twilio::wire;

/// Directions of a call that came in; the list has no filter of them.
const INBOUND: &[&str] = &["inbound", "trunking-originating"];
/// Statuses of a call that goes on.
const GOES_ON: &[&str] = &["queued", "initiated", "ringing", "in-progress"];
/// Whether the list filters by the time of day is not known: it is asked by the day, with one before it for other zones.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Whose calls are listed: numbers of the account in E.164, as they are at the moment.
pub type ListedNumbers = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// The calls to these numbers of one Twilio account.
pub struct TwilioCalls {
    client: TwilioClient,
    numbers: ListedNumbers,
}

impl TwilioCalls {
    /// Asks nothing.
    pub fn new(client: TwilioClient, numbers: ListedNumbers) -> Self {
        Self { client, numbers }
    }
}

#[async_trait]
impl PhoneCallList for TwilioCalls {
    async fn between(&self, from: Timestamp, to: Timestamp) -> Result<ListedPhoneCalls, GatewayError> {
        let mut listing = ListedPhoneCalls::default();
        let since = from.minus(DAY).rfc3339();
        let day = since.get(..10).unwrap_or_default();
        for number in (self.numbers)() {
            for item in self.client.calls(&number, day).await? {
                match listed(&item) {
                    Some(Some(call)) if is_between(&call.call, from, to) => listing.calls.push(call),
                    Some(_) => {}
                    None => listing.unread += 1,
                }
            }
        }
        Ok(listing)
    }
}

/// One that names no start may have begun at any time.
fn is_between(call: &PhoneCall, from: Timestamp, to: Timestamp) -> bool {
    call.started_at.is_none_or(|at| (from..=to).contains(&at))
}

/// `None`: it cannot be read; inside: it is no call that came in.
pub(super) fn listed(item: &Value) -> Option<Option<ListedPhoneCall>> {
    let sid = text(item, "/sid")?;
    let direction = text(item, "/direction").unwrap_or_default();
    if !INBOUND.contains(&direction.as_str()) {
        return Some(None);
    }
    let time = |at: &str| text(item, at).as_deref().and_then(wire::time);
    let status = text(item, "/status").unwrap_or_default();
    let ended_at = time("/end_time");
    Some(Some(ListedPhoneCall {
        is_over: ended_at.is_some() || !GOES_ON.contains(&status.as_str()),
        call: PhoneCall {
            id: sid.clone(),
            sid: Some(sid),
            line: text(item, "/to"),
            caller: text(item, "/from"),
            started_at: time("/start_time").or_else(|| time("/date_created")),
            ended_at,
        },
        reason: status,
        document: item.clone(),
    }))
}
