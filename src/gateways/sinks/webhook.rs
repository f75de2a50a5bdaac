//! The webhook sink: one POST a message, in the words of whoever reads it, signed where a secret is given.
//!
//! A signature is that of Standard Webhooks (`facts/operations.md` §4): its id is the message's, the same at every try.

use async_trait::async_trait;
use reqwest::header::CONTENT_TYPE;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::words::TextFormat;
use super::{TIMEOUT, ask, chat, pagerduty, status_of};
use crate::gateways::event_webhook::signed;
use crate::gateways::exchange;
use crate::gateways::{AlertMessage, AlertSink, SinkError, Taken};

/// Whose documents a webhook writes.
#[derive(Debug, Clone)]
pub enum WebhookFormat {
    /// Slack's text with fields for programs, and what takes those.
    Slack,
    /// The same with a text that is not Slack's.
    Plain,
    Teams,
    Discord,
    /// By this routing key.
    PagerDuty(SecretString),
}

/// Posts alerts to one URL.
pub struct WebhookSink {
    client: reqwest::Client,
    url: Url,
    format: WebhookFormat,
    keys: Vec<Vec<u8>>,
    mode: &'static str,
}

impl WebhookSink {
    /// A sink; `keys`: the bytes of the secrets that sign, the newest first, or none; `mode` is what its documents say (`live`
    /// or `test`).
    ///
    /// # Errors
    /// Why no client can be made.
    pub fn new(url: Url, format: WebhookFormat, keys: Vec<Vec<u8>>, mode: &'static str) -> Result<Self, String> {
        let clients = exchange::clients(&url, TIMEOUT / 2, TIMEOUT).map_err(|e| e.without_url().to_string())?;
        Ok(Self { client: clients.writes, url, format, keys, mode })
    }

    fn document(&self, message: &AlertMessage) -> Option<Value> {
        match &self.format {
            WebhookFormat::Slack => chat::plain(message, TextFormat::Slack, self.mode),
            WebhookFormat::Plain => chat::plain(message, TextFormat::Plain, self.mode),
            WebhookFormat::Teams => Some(chat::teams(message, self.mode)),
            WebhookFormat::Discord => Some(chat::discord(message, self.mode)),
            WebhookFormat::PagerDuty(key) => pagerduty::event(message, key, self.mode),
        }
    }
}

#[async_trait]
impl AlertSink for WebhookSink {
    async fn deliver(&self, message: &AlertMessage) -> Result<Taken, SinkError> {
        let Some(document) = self.document(message) else { return Ok(String::new().into()) };
        let body = document.to_string();
        let mut request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        if !self.keys.is_empty() {
            request = signed(request, &self.keys, &message.id, message.at, &body);
        }
        let answer = ask(request.body(body)).await?;
        Ok(status_of(answer.as_ref()).into())
    }

    fn holds(&self, message: &AlertMessage) -> usize {
        match &self.format {
            WebhookFormat::Slack | WebhookFormat::Plain => chat::plain_holds(message, self.mode),
            WebhookFormat::Teams => chat::teams_holds(message, self.mode),
            WebhookFormat::Discord => chat::discord_holds(message, self.mode),
            WebhookFormat::PagerDuty(_) => 1,
        }
    }

    fn groups_itself(&self) -> bool {
        matches!(self.format, WebhookFormat::PagerDuty(_))
    }
}

/// One alert, for tests.
#[cfg(test)]
pub(super) fn sample() -> AlertMessage {
    use crate::domain::Timestamp;
    let raised_at = Timestamp::from_millis(1_795_313_040_000);
    let notice = crate::gateways::AlertNotice {
        key: crate::domain::alert::AlertKind::OptedOut.about("+19495550101"),
        call: "test_123".parse().ok(),
        reference: "7K3Q".parse().ok(),
        accepted_at: None,
        issue: None,
        message: "nobody has been told".into(),
        raised_at,
        resolved_at: None,
    };
    AlertMessage { id: "alert_7".into(), at: raised_at, notices: vec![notice] }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use wiremock::matchers::{body_partial_json, method};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::config::key_of;
    use crate::domain::Timestamp;
    use crate::domain::alert::AlertKind;
    use crate::gateways::AlertNotice;
    use crate::gateways::event_webhook::signature;

    fn made(url: &str, format: WebhookFormat, keys: Vec<Vec<u8>>, mode: &'static str) -> WebhookSink {
        let _ = rustls::crypto::ring::default_provider().install_default();
        WebhookSink::new(url.parse().expect("url"), format, keys, mode).expect("a client")
    }

    fn sink(server: &MockServer) -> WebhookSink {
        made(&format!("{}/secret-path", server.uri()), WebhookFormat::Slack, Vec::new(), "test")
    }

    fn plain() -> WebhookSink {
        made("http://127.0.0.1:9/", WebhookFormat::Plain, Vec::new(), "live")
    }

    #[tokio::test]
    async fn an_alert_is_told_in_words_and_fields_with_numbers_masked() {
        let server = MockServer::start().await;
        let said = json!({ "kind": "opted-out", "severity": "notice", "key": "opted-out:+1949•••0101", "state": "raised",
                           "callId": "test_123", "reference": "7K3Q", "mode": "test", "count": 1, "resolvedAt": null,
                           "id": "alert_7",
                           "text": "TEST MODE dispatchctl ALERT: nobody has been told [test_123, 7K3Q]; see `dispatchctl status test_123`" });
        let once =
            Mock::given(method("POST")).and(body_partial_json(said)).respond_with(ResponseTemplate::new(204)).expect(1);
        once.mount(&server).await;
        assert_eq!(sink(&server).deliver(&sample()).await, Ok("HTTP 204".to_owned().into()));
        let asked = server.received_requests().await.expect("kept").pop().expect("one");
        assert!(asked.headers.get("webhook-signature").is_none(), "it signs nothing without a secret");
    }

    #[test]
    fn a_group_names_every_call_with_its_reference() {
        let many: Vec<AlertNotice> = (0..50)
            .map(|n| AlertNotice {
                key: AlertKind::Unnotified.about(format!("c{n}")),
                call: format!("c{n}").parse().ok(),
                ..sample().notices.remove(0)
            })
            .collect();
        let document = plain().document(&AlertMessage { notices: many, ..sample() }).expect("a document");
        let text = document["text"].as_str().expect("text");
        assert!(text.starts_with("dispatchctl ALERT: 50 times: Nobody has been told of a DISPATCHING call: c0 (7K3Q)"));
        assert!((0..50).all(|n| text.contains(&format!("c{n} (7K3Q)"))), "{text}");
        assert_eq!((document["count"].as_u64(), document["alerts"].as_array().map(Vec::len)), (Some(50), Some(50)));
        assert_eq!(
            (&document["key"], &document["kind"], &document["callId"]),
            (&json!("untold:*"), &json!("untold"), &Value::Null)
        );
    }

    #[test]
    fn an_alert_that_is_over_is_told_in_words_of_its_own() {
        let mut over = sample();
        over.notices[0].resolved_at = Some(Timestamp::from_millis(1_795_313_100_000));
        let one = plain().document(&over).expect("a document");
        assert_eq!(one["text"], "dispatchctl over: nobody has been told [test_123, 7K3Q]");
        assert_eq!((&one["message"], &one["state"]), (&json!("over: nobody has been told"), &json!("resolved")));
        assert_eq!(one["alerts"][0]["message"], "over: nobody has been told");
        over.notices.push(over.notices[0].clone());
        let many = plain().document(&over).expect("a document");
        assert_eq!(
            many["text"],
            "dispatchctl over: 2 times: A contact takes no texts of ours: test_123 (7K3Q), test_123 (7K3Q)"
        );
    }

    #[tokio::test]
    async fn a_message_is_signed_by_every_secret_under_the_same_id_at_every_try() {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(503)).expect(2).mount(&server).await;
        let keys: Vec<Vec<u8>> = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
            .map(|secret| key_of(&secret.to_owned().into()).expect("a key"))
            .to_vec();
        let sink = made(&server.uri(), WebhookFormat::Plain, keys.clone(), "live");
        let mut message = sample();
        for _ in 0..2 {
            assert!(sink.deliver(&message).await.is_err());
            message.at = message.at.plus(Duration::from_secs(30));
        }
        let asked = server.received_requests().await.expect("kept");
        let mut times = Vec::new();
        for request in &asked {
            let header = |name: &str| request.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
            assert_eq!(header("webhook-id"), "alert_7");
            let at: i64 = header("webhook-timestamp").parse().expect("seconds");
            let body = std::str::from_utf8(&request.body).expect("text");
            let want: Vec<String> = keys.iter().map(|key| signature(key, "alert_7", at, body)).collect();
            assert_eq!(header("webhook-signature"), want.join(" "));
            times.push(at);
        }
        assert_eq!(times, [1_795_313_040, 1_795_313_070]);
    }

    #[tokio::test]
    async fn each_chat_and_pagerduty_get_documents_of_their_own() {
        let hostile = "<@here> [click](https://evil.example) *bold*";
        let mut message = sample();
        message.notices[0].message = hostile.to_owned();
        for (format, pointer, want) in [
            (
                WebhookFormat::Teams,
                "/attachments/0/content/body/0/text",
                "ALERT:  @here  (click)(https:/ /evil.example)",
            ),
            (WebhookFormat::Discord, "/content", "ALERT:  @here  (click)(https:/ /evil.example)"),
            (WebhookFormat::PagerDuty("R0UT".to_owned().into()), "/payload/summary", hostile),
        ] {
            let server = MockServer::start().await;
            Mock::given(method("POST")).respond_with(ResponseTemplate::new(202)).mount(&server).await;
            let sink = made(&server.uri(), format.clone(), Vec::new(), "live");
            assert_eq!(sink.deliver(&message).await, Ok("HTTP 202".to_owned().into()), "{format:?}");
            assert_eq!(sink.groups_itself(), matches!(format, WebhookFormat::PagerDuty(_)));
            let asked = server.received_requests().await.expect("kept").pop().expect("one");
            let document: Value = asked.body_json().expect("JSON");
            let said = document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            assert!(said.contains(want) && said.contains("7K3Q"), "{format:?}: {said}");
        }
        let discord = made("http://127.0.0.1:9/", WebhookFormat::Discord, Vec::new(), "live");
        message.notices[0].message = "x//".repeat(4_000);
        let document = discord.document(&message).expect("a document");
        assert!(document["content"].as_str().is_some_and(|c| c.len() <= 2_000));
        assert_eq!(document["allowed_mentions"], json!({ "parse": [] }));
    }

    #[tokio::test]
    async fn what_is_not_taken_is_said_without_the_url_and_with_what_it_means() {
        let server = MockServer::start().await;
        let answers = [
            (500, None, false, None),
            (429, Some("7"), true, Some(7)),
            (404, None, true, None),
            (302, None, false, None),
            (503, Some("2"), false, Some(2)),
        ];
        for (status, header, surely, wait) in answers {
            server.reset().await;
            let mut answer = ResponseTemplate::new(status);
            if let Some(value) = header {
                answer = answer.insert_header("Retry-After", value);
            }
            Mock::given(method("POST")).respond_with(answer).mount(&server).await;
            let error = sink(&server).deliver(&sample()).await.expect_err("not taken");
            let want = SinkError {
                why: format!("it answered HTTP {status}"),
                surely,
                for_good: status == 404,
                retry_after: wait.map(Duration::from_secs),
            };
            assert_eq!(error, want);
        }
        drop(server);
        let dead = made("http://127.0.0.1:9/secret-path", WebhookFormat::Plain, Vec::new(), "live");
        let error = dead.deliver(&sample()).await.expect_err("nobody listens");
        assert!(error.surely && !error.why.contains("secret-path"), "{error:?}");
    }

    /// A peer that speaks no TLS stands for a certificate that nobody can trust: the handshake ends before the request.
    #[tokio::test]
    async fn a_connection_without_trusted_tls_is_surely_not_told_and_says_no_secret() {
        let server = MockServer::start().await;
        let port = server.address().port();
        let sink = made(&format!("https://127.0.0.1:{port}/secret-path"), WebhookFormat::Plain, Vec::new(), "live");
        let error = sink.deliver(&sample()).await.expect_err("no TLS");
        assert!(error.surely && !error.why.contains("secret-path"), "{error:?}");
        assert!(server.received_requests().await.expect("kept").is_empty());
    }
}
