//! An event webhook: one signed POST an event (Standard Webhooks, `facts/operations.md` §4).
//!
//! At least once: a POST whose answer was lost is made again under the same id, by which its receiver knows it. The URL may hold a
//! secret and is never shown. No redirects and no retries here: how far a receiver was told is kept in the store.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use reqwest::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, StatusCode};
use sha2::Sha256;
use url::Url;

use super::exchange::{self, Failure};
use super::{EventPost, EventReceiver, EventRefusal};
use crate::domain::Timestamp;

/// The longest that one POST takes.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The part of an answer that is read.
const ANSWER_MAX: usize = 16 * 1024;

/// Posts events to one URL.
pub struct SignedWebhook {
    client: reqwest::Client,
    url: Url,
    keys: Vec<Vec<u8>>,
}

impl SignedWebhook {
    /// Connects to nothing. `keys`: the bytes of the secrets that sign, the newest first.
    ///
    /// # Errors
    /// Why no client can be made.
    pub fn new(url: Url, keys: Vec<Vec<u8>>) -> Result<Self, String> {
        let clients = exchange::clients(&url, TIMEOUT / 2, TIMEOUT).map_err(|e| e.without_url().to_string())?;
        Ok(Self { client: clients.writes, url, keys })
    }
}

/// `v1,` and the base64 of the HMAC-SHA256 of id, time and body.
pub fn signature(key: &[u8], id: &str, unix_seconds: i64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{unix_seconds}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// The headers that sign this body: `id` is the same at every try, `at` is the time of this one.
pub(super) fn signed(request: RequestBuilder, keys: &[Vec<u8>], id: &str, at: Timestamp, body: &str) -> RequestBuilder {
    let seconds = at.as_millis().div_euclid(1000);
    let signatures: Vec<String> = keys.iter().map(|key| signature(key, id, seconds, body)).collect();
    request
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signatures.join(" "))
}

#[async_trait]
impl EventReceiver for SignedWebhook {
    async fn deliver(&self, post: &EventPost) -> Result<(), EventRefusal> {
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        let request = signed(request, &self.keys, &post.id, post.at, &post.body).body(post.body.clone());
        match exchange::exchange(request, ANSWER_MAX).await {
            Ok(answer) => judged(answer.status, answer.retry_after),
            // The status says enough.
            Err(Failure::TooLong(status)) => judged(status, None),
            Err(Failure::Before(why) | Failure::After(why)) => {
                Err(EventRefusal { why, of_this_event: false, retry_after: None })
            }
        }
    }
}

fn judged(status: StatusCode, retry_after: Option<Duration>) -> Result<(), EventRefusal> {
    if status.is_success() {
        return Ok(());
    }
    let of_this_event = matches!(status.as_u16(), 400 | 409 | 413 | 415 | 422);
    Err(EventRefusal { why: format!("it answered HTTP {}", status.as_u16()), of_this_event, retry_after })
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::method;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::config::key_of;

    /// The vectors of `facts/operations.md` §4.
    #[test]
    fn an_event_is_signed_as_standard_webhooks_say() {
        for (secret, id, at, body, want) in [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ] {
            let key = key_of(&secret.to_owned().into()).expect("a key");
            assert_eq!(signature(&key, id, at, body), want, "{id}");
        }
        for secret in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_short", "whsec_%%%", "whsec_"] {
            assert_eq!(key_of(&secret.to_owned().into()), None, "{secret}");
        }
    }

    #[tokio::test]
    async fn an_answer_says_whether_the_receiver_or_the_event_is_at_fault() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = MockServer::start().await;
        let post = EventPost { id: "evt_7".into(), at: Timestamp::from_millis(1_614_265_330_900), body: "{}".into() };
        let webhook =
            SignedWebhook::new(server.uri().parse().expect("url"), vec![vec![7; 32], vec![8; 32]]).expect("a client");
        for (status, fault) in
            [(200, None), (204, None), (302, Some(false)), (401, Some(false)), (422, Some(true)), (503, Some(false))]
        {
            server.reset().await;
            Mock::given(method("POST")).respond_with(ResponseTemplate::new(status)).expect(1).mount(&server).await;
            let refused = webhook.deliver(&post).await.err().map(|e| e.of_this_event);
            assert_eq!(refused, fault, "{status}");
            let asked = server.received_requests().await.expect("kept").pop().expect("one");
            let header =
                |name: &str| asked.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
            let sent = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
            let signed = [7, 8].map(|key| signature(&[key; 32], "evt_7", 1_614_265_330, "{}")).join(" ");
            assert_eq!(sent, ("evt_7".to_owned(), "1614265330".to_owned(), signed));
        }
    }
}
