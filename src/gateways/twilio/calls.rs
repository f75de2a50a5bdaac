//! Phone calls: one POST that may make one ring, the reads that find out what became of it, and the change that ends it.
//!
//! The promises are those of [`super::client`]: nothing is repeated here, and a failure's meaning is never better than what is known.
//! Only parameters that the API lists are sent: it takes unknown ones in silence. Source: `facts/twilio-voice.md` §1, §6, §7.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use tracing::debug;
use url::Url;

use super::client::TwilioClient;
use super::wire::{Page, document, object, plain, text, time};
use crate::domain::types::{ErrorCode, MessageSid, Timestamp};
use crate::domain::voice::script::TwimlSource;
use crate::domain::voice::status::PhoneCallStatus;
use crate::gateways::{
    Callback, EndPhoneCall, GatewayError, PhoneCallFilter, PhoneCallListing, PhoneCallRecord, PhoneCallRequest,
    VoiceGateway,
};

/// Twilio's bounds of `Timeout`, in seconds; it rings up to 5 s longer.
const RING_SECONDS: (u64, u64) = (5, 600);
/// The longest phone call, in seconds: three turns of our words take less.
const TIME_LIMIT_SECONDS: u64 = 180;
/// What a call goes through, and is told of: each is a witness of its SID.
const EVENTS: [&str; 4] = ["initiated", "ringing", "answered", "completed"];
const PAGE_SIZE_MAX: usize = 1_000;
/// The phone call is over: there is nothing left to change.
const OVER: ErrorCode = ErrorCode(21_220);
/// The URL of what is said cannot be used: what this client says itself where there is none.
const NO_URL: ErrorCode = ErrorCode(21_205);

#[async_trait]
impl VoiceGateway for TwilioClient {
    async fn place(&self, call: &PhoneCallRequest) -> Result<PhoneCallRecord, GatewayError> {
        let Some(form) = form(self, call) else {
            let message = "no public URL is configured".to_owned();
            return Err(GatewayError::Refused { http: 400, code: Some(NO_URL), message });
        };
        let outcome = self.create(&["Calls.json"], &form, record).await;
        match &outcome {
            Ok(record) => {
                self.made(record.created_at);
                debug!(attempt.id = %call.attempt, call.sid = %record.sid, "phone call placed");
            }
            Err(error) => {
                debug!(attempt.id = %call.attempt, outcome = %error, "phone call not placed, as far as is known")
            }
        }
        outcome
    }

    async fn fetch(&self, sid: &MessageSid) -> Result<PhoneCallRecord, GatewayError> {
        let url = self.url(&["Calls", &format!("{sid}.json")]);
        let record = self.read(url, |body| record(body).filter(|record| record.sid == *sid)).await?;
        self.made(record.created_at);
        Ok(record)
    }

    async fn list(&self, filter: &PhoneCallFilter) -> Result<PhoneCallListing, GatewayError> {
        if filter.limit == 0 {
            return Ok(PhoneCallListing { phone_calls: Vec::new(), complete: false });
        }
        // No StartTime: it is empty while a phone call waits in the queue.
        let mut url = self.url(&["Calls.json"]);
        let size = filter.limit.min(PAGE_SIZE_MAX).to_string();
        let query = [("To", filter.to.as_str()), ("From", &filter.from), ("PageSize", &size)];
        url.query_pairs_mut().extend_pairs(query);
        let (phone_calls, complete) = self.pages::<PhoneCallPage>(url, filter.not_before, filter.limit).await?;
        Ok(PhoneCallListing { phone_calls, complete })
    }

    async fn end(&self, sid: &MessageSid, how: &EndPhoneCall) -> Result<(), GatewayError> {
        let form = match how {
            EndPhoneCall::Cancel => ("Status", "canceled".to_owned()),
            EndPhoneCall::Redirect(twiml) => ("Twiml", twiml.as_str().to_owned()),
        };
        match self.change(&["Calls", &format!("{sid}.json")], &[form]).await {
            Err(GatewayError::Refused { code: Some(OVER), .. }) => Ok(()),
            other => other,
        }
    }
}

/// What is posted; `None` where our own words are to be asked for and we have no address.
fn form(client: &TwilioClient, call: &PhoneCallRequest) -> Option<Vec<(&'static str, String)>> {
    let attempt = call.attempt.to_string();
    let (least, most) = RING_SECONDS;
    let post = || "POST".to_owned();
    let mut form = vec![("To", call.to.e164().to_owned()), ("From", call.from.e164().to_owned())];
    match &call.script {
        TwimlSource::Asked => {
            let url: String = client.webhook(&["voice", &attempt, "1"]).map(Url::into)?;
            form.extend([("Url", url.clone()), ("Method", post()), ("FallbackUrl", url), ("FallbackMethod", post())]);
        }
        TwimlSource::Spoken(twiml) => form.push(("Twiml", twiml.as_str().to_owned())),
    }
    let callback = match call.callback {
        Callback::Wanted => client.webhook(&["voice-status", &attempt]),
        Callback::Without => None,
    };
    if let Some(url) = callback {
        form.extend([("StatusCallback", url.into()), ("StatusCallbackMethod", post())]);
        form.extend(EVENTS.map(|event| ("StatusCallbackEvent", event.to_owned())));
    }
    form.push(("Timeout", call.ring_for.as_secs().clamp(least, most).to_string()));
    form.push(("TimeLimit", TIME_LIMIT_SECONDS.to_string()));
    Some(form)
}

/// A phone call as a create answer, a fetch or a list item shows it; numbers come as numbers or as text.
#[derive(Deserialize)]
struct PhoneCallWire {
    #[serde(default, deserialize_with = "text")]
    sid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    status: Option<String>,
    #[serde(default, deserialize_with = "text")]
    to: Option<String>,
    #[serde(default, deserialize_with = "text")]
    from: Option<String>,
    #[serde(default, deserialize_with = "text")]
    direction: Option<String>,
    #[serde(default, deserialize_with = "text")]
    date_created: Option<String>,
    #[serde(default, deserialize_with = "text")]
    queue_time: Option<String>,
}

impl PhoneCallWire {
    /// `None` where the SID is not that of a phone call; it exists, whatever else is odd: an unknown word moves nothing.
    fn into_record(self) -> Option<PhoneCallRecord> {
        let number = |text: Option<String>| text?.parse::<u64>().ok();
        Some(PhoneCallRecord {
            sid: self.sid?.parse().ok().filter(MessageSid::is_of_a_phone_call)?,
            status: PhoneCallStatus::from_word(&self.status.unwrap_or_default()).unwrap_or(PhoneCallStatus::Queued),
            to: self.to.unwrap_or_default(),
            from: self.from.unwrap_or_default(),
            direction: self.direction.unwrap_or_default(),
            created_at: self.date_created.as_deref().and_then(time),
            queue_time: number(self.queue_time).map(Duration::from_millis),
        })
    }
}

pub(super) fn record(body: &[u8]) -> Option<PhoneCallRecord> {
    document::<PhoneCallWire>(body)?.into_record()
}

/// One page of the list of phone calls.
#[derive(Deserialize)]
pub(super) struct PhoneCallPage {
    /// Required: an answer without it is no list, which is not the same as an empty one.
    calls: Vec<Value>,
    next_page_uri: Option<Value>,
}

impl Page for PhoneCallPage {
    type Record = PhoneCallRecord;

    fn into_items(self) -> (Vec<Option<PhoneCallRecord>>, Option<String>) {
        let one = |item| object::<PhoneCallWire>(item)?.into_record();
        (self.calls.into_iter().map(one).collect(), self.next_page_uri.as_ref().and_then(plain))
    }

    fn made_at(record: &PhoneCallRecord) -> Option<Timestamp> {
        record.created_at
    }
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
