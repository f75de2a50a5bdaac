//! ntfy: a push to whoever has subscribed to a topic. The topic's name is a secret; its server may want a token as well.
//!
//! JSON rather than headers, as those are not UTF-8. A message over 4,096 bytes would become an attachment: it is cut.

use async_trait::async_trait;
use reqwest::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::words::TextFormat;
use super::{TIMEOUT, ask};
use crate::gateways::exchange;
use crate::gateways::{AlertMessage, AlertSink, SinkError, Taken};

const MESSAGE_MAX: usize = 4_000;
const TITLE_MAX: usize = 250;

/// Publishes alerts to one topic.
pub struct NtfySink {
    client: reqwest::Client,
    server: Url,
    topic: String,
    token: Option<SecretString>,
    mode: &'static str,
}

impl NtfySink {
    /// `url`: the server's with the topic as its last part.
    ///
    /// # Errors
    /// What is wrong with it, without it.
    pub fn new(url: &Url, token: Option<SecretString>, mode: &'static str) -> Result<Self, String> {
        let topic = url.path_segments().and_then(|mut parts| parts.rfind(|part| !part.is_empty()));
        let topic = topic.ok_or("its url names no topic: https://ntfy.sh/TOPIC")?.to_owned();
        let mut server = url.clone();
        if let Ok(mut parts) = server.path_segments_mut() {
            parts.pop_if_empty().pop().push("");
        }
        let clients = exchange::clients(url, TIMEOUT / 2, TIMEOUT).map_err(|e| e.without_url().to_string())?;
        Ok(Self { client: clients.writes, server, topic, token, mode })
    }

    fn document(&self, message: &AlertMessage) -> Value {
        // 5 rings long and through silence, 3 rings as any message does, 2 does not ring.
        let (priority, tag) = match (message.wakes(), message.is_over()) {
            (true, _) => (5, "rotating_light"),
            (false, false) => (3, "warning"),
            (false, true) => (2, "white_check_mark"),
        };
        json!({
            "topic": self.topic,
            "title": TextFormat::Plain.escape(&message.title(self.mode, TITLE_MAX)),
            "message": TextFormat::Plain.escape(&message.line(self.mode, MESSAGE_MAX)),
            "priority": priority,
            "tags": [tag],
        })
    }
}

#[async_trait]
impl AlertSink for NtfySink {
    async fn deliver(&self, message: &AlertMessage) -> Result<Taken, SinkError> {
        let mut request = self.client.post(self.server.clone()).json(&self.document(message));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose_secret()));
        }
        let answer = ask(request).await?;
        let body = answer.map(|a| a.body).unwrap_or_default();
        let document = serde_json::from_slice::<Value>(&body).unwrap_or_default();
        match document.get("id").and_then(Value::as_str) {
            Some(id) => {
                let id: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
                Ok(format!("message {id}").into())
            }
            // Another program at that address takes anything.
            None => {
                let why = "it answered without a message's id: is its url that of ntfy?".to_owned();
                Err(SinkError { why, surely: false, for_good: true, retry_after: None })
            }
        }
    }

    fn holds(&self, message: &AlertMessage) -> usize {
        message.holds(self.mode, |line| line.len() <= MESSAGE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_partial_json, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::domain::alert::AlertKind;
    use crate::gateways::sinks::webhook::sample;

    fn sink(url: &str) -> NtfySink {
        let _ = rustls::crypto::ring::default_provider().install_default();
        NtfySink::new(&url.parse().expect("url"), Some("tk_secret".to_owned().into()), "live").expect("a client")
    }

    #[tokio::test]
    async fn a_page_rings_through_silence_a_notice_does_not_and_an_end_is_quiet() {
        let mut message = sample();
        message.notices[0].message = "ä".repeat(3_000);
        for (kind, over, priority) in
            [(AlertKind::Exhausted, false, 5), (AlertKind::Failed, false, 3), (AlertKind::Exhausted, true, 2)]
        {
            let server = MockServer::start().await;
            let want = json!({ "topic": "secret-topic", "priority": priority });
            Mock::given(method("POST"))
                .and(path("/sub/"))
                .and(header("authorization", "Bearer tk_secret"))
                .and(body_partial_json(want))
                .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "id": "sPs71M8A2T" })))
                .expect(1)
                .mount(&server)
                .await;
            message.notices[0].key = kind.about("test_123");
            message.notices[0].resolved_at = over.then_some(message.at);
            let sink = sink(&format!("{}/sub/secret-topic/", server.uri()));
            assert_eq!(sink.deliver(&message).await, Ok("message sPs71M8A2T".to_owned().into()));
            let asked = server.received_requests().await.expect("kept").pop().expect("one");
            let document: Value = asked.body_json().expect("JSON");
            let text = document["message"].as_str().expect("a text");
            assert!(text.len() <= 4_096 && text.contains("7K3Q"), "{text}");
            assert!(document["title"].as_str().is_some_and(|t| t.contains("7K3Q")), "{document}");
        }
    }

    #[tokio::test]
    async fn what_is_no_ntfy_or_refuses_or_is_away_took_nothing_and_shows_no_secret() {
        let server = MockServer::start().await;
        for (answer, surely, wait) in [
            (ResponseTemplate::new(200).set_body_string("<html>welcome</html>"), false, None),
            (ResponseTemplate::new(403).set_body_string("{}"), true, None),
            (ResponseTemplate::new(429).insert_header("Retry-After", "9"), true, Some(9)),
            (ResponseTemplate::new(507), false, None),
        ] {
            server.reset().await;
            Mock::given(method("POST")).respond_with(answer).mount(&server).await;
            let error =
                sink(&format!("{}/secret-topic", server.uri())).deliver(&sample()).await.expect_err("not taken");
            assert_eq!((error.surely, error.retry_after.map(|d| d.as_secs())), (surely, wait), "{error:?}");
            assert!(!error.why.contains("secret"), "{error:?}");
        }
        let error = sink("http://127.0.0.1:9/secret-topic").deliver(&sample()).await.expect_err("nobody listens");
        assert!(error.surely && !error.why.contains("secret"), "{error:?}");
        let url = "https://ntfy.sh/".parse().expect("url");
        assert!(NtfySink::new(&url, None, "live").is_err_and(|why| why.contains("TOPIC")));
    }
}
