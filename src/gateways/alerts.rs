//! The webhook sink for alerts: one POST an alert, Slack-compatible text and structured fields.
//!
//! At least once: a POST whose answer was lost is made again, and the key in it makes the second one harmless. The URL may hold
//! a secret and is never shown. No retries here: the outbox keeps what was not told.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use url::Url;

use super::{AlertNotice, AlertSink};

/// The longest that one POST takes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Posts alerts to one URL.
pub struct WebhookSink {
    client: reqwest::Client,
    url: Url,
    mode: &'static str,
}

impl WebhookSink {
    /// A sink; `mode` is what its documents say (`live` or `test`).
    ///
    /// # Errors
    /// Why no client can be made.
    pub fn new(url: Url, mode: &'static str) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT / 2)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .map_err(|e| e.without_url().to_string())?;
        Ok(Self { client, url, mode })
    }
}

#[async_trait]
impl AlertSink for WebhookSink {
    async fn tell(&self, n: &AlertNotice) -> Result<(), String> {
        let state = if n.resolved_at.is_some() { "resolved" } else { "raised" };
        let word = if n.resolved_at.is_some() { "resolved" } else { "ALERT" };
        let test = if self.mode == "test" { "TEST MODE " } else { "" };
        let document = json!({
            "text": format!("{test}dispatchctl {word}: {}", n.message),
            "key": n.key,
            "state": state,
            "message": n.message,
            "callId": n.call,
            "raisedAt": n.raised_at,
            "resolvedAt": n.resolved_at,
            "mode": self.mode,
            "service": "dispatchctl",
        });
        let sent = self.client.post(self.url.clone()).json(&document).send().await;
        let answer = sent.map_err(|e| e.without_url().to_string())?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("it answered HTTP {}", answer.status().as_u16()))
        }
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_partial_json, method};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::alert::AlertKind;

    fn notice() -> AlertNotice {
        AlertNotice {
            key: AlertKind::OptedOut.about("+19495550101"),
            call: "test_123".parse().ok(),
            message: "nobody has been told".into(),
            raised_at: Timestamp::from_millis(1_795_313_040_000),
            resolved_at: None,
        }
    }

    fn sink(server: &MockServer) -> WebhookSink {
        let _ = rustls::crypto::ring::default_provider().install_default();
        WebhookSink::new(format!("{}/secret-path", server.uri()).parse().expect("url"), "test").expect("a client")
    }

    #[tokio::test]
    async fn an_alert_is_told_in_words_and_fields_with_numbers_masked() {
        let server = MockServer::start().await;
        let said = json!({ "key": "opted-out:+1949•••0101", "state": "raised", "callId": "test_123", "mode": "test",
                           "text": "TEST MODE dispatchctl ALERT: nobody has been told", "resolvedAt": null });
        let once =
            Mock::given(method("POST")).and(body_partial_json(said)).respond_with(ResponseTemplate::new(204)).expect(1);
        once.mount(&server).await;
        assert_eq!(sink(&server).tell(&notice()).await, Ok(()));
    }

    #[tokio::test]
    async fn what_is_not_heard_is_said_without_the_url() {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(500)).mount(&server).await;
        let sink = sink(&server);
        assert_eq!(sink.tell(&notice()).await, Err("it answered HTTP 500".into()));
        drop(server);
        let dead = WebhookSink::new("http://127.0.0.1:9/secret-path".parse().expect("url"), "live").expect("a client");
        let why = dead.tell(&notice()).await.expect_err("nobody listens");
        assert!(!why.contains("secret-path"), "{why}");
    }
}
