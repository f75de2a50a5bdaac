//! The webhook sink for alerts: one POST a message, with a text for people and the same as fields.
//!
//! At least once: a POST whose answer was lost is made again, and the keys in it make the second one harmless. The URL may hold
//! a secret and is never shown. No retries here: the outbox keeps what was not delivered.

use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use url::Url;

use super::exchange::{self, Failure};
use super::{AlertNotice, AlertSink, SinkError};
use crate::domain::alert::{over, what_to_do};

/// The longest that one POST takes.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The part of an answer that is read.
const ANSWER_MAX: usize = 16 * 1024;

/// Whose words a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextFormat {
    /// Slack's, and what takes its documents: no mention, link or markup comes of what a caller said.
    #[default]
    Slack,
    /// As it is, without what a screen or terminal would act on.
    Plain,
}

/// Posts alerts to one URL.
pub struct WebhookSink {
    client: reqwest::Client,
    url: Url,
    format: TextFormat,
    mode: &'static str,
}

impl WebhookSink {
    /// A sink; `mode` is what its documents say (`live` or `test`).
    ///
    /// # Errors
    /// Why no client can be made.
    pub fn new(url: Url, format: TextFormat, mode: &'static str) -> Result<Self, String> {
        let clients = exchange::clients(&url, TIMEOUT / 2, TIMEOUT).map_err(|e| e.without_url().to_string())?;
        Ok(Self { client: clients.writes, url, format, mode })
    }

    fn document(&self, notices: &[AlertNotice]) -> Option<Value> {
        let first = notices.first()?;
        let (kind, over) = (first.key.kind(), first.resolved_at.is_some());
        let one = notices.len() == 1;
        let message = if one { said(first) } else { grouped(notices) };
        let key = if one { first.key.masked() } else { format!("{}:*", kind.word()) };
        let words = if one { words(first) } else { message.clone() };
        let test = if self.mode == "test" { "TEST MODE " } else { "" };
        let word = if over { "" } else { "ALERT: " };
        let raised = notices.iter().map(|n| n.raised_at).min();
        let resolved = notices.iter().filter_map(|n| n.resolved_at).max();
        Some(json!({
            "text": self.format.escape(&format!("{test}dispatchctl {word}{words}")),
            "kind": kind.name(),
            "severity": kind.severity().as_str(),
            "key": key,
            "state": if over { "resolved" } else { "raised" },
            "message": message,
            "callId": if one { json!(first.call) } else { Value::Null },
            "reference": if one { json!(first.reference) } else { Value::Null },
            "raisedAt": raised,
            "resolvedAt": resolved,
            "count": notices.len(),
            "alerts": notices.iter().map(fields).collect::<Vec<_>>(),
            "mode": self.mode,
            "service": "dispatchctl",
        }))
    }
}

fn fields(n: &AlertNotice) -> Value {
    json!({
        "key": n.key,
        "message": said(n),
        "callId": n.call,
        "reference": n.reference,
        "raisedAt": n.raised_at,
        "resolvedAt": n.resolved_at,
    })
}

/// What happened; where it is over, that it is.
fn said(n: &AlertNotice) -> String {
    if n.resolved_at.is_some() { over(&n.message) } else { n.message.clone() }
}

/// One alert: what happened, which call, what to do.
fn words(n: &AlertNotice) -> String {
    let mut text = said(n);
    let Some(call) = &n.call else { return text };
    let named = n.reference.as_ref().map_or_else(|| call.to_string(), |r| format!("{call}, {r}"));
    let _ = write!(text, " [{named}]");
    if n.resolved_at.is_none() {
        let _ = write!(text, "; {}", what_to_do(n.key.kind(), call));
    }
    text
}

/// Many of one kind: how many of what, and each by its call and reference.
fn grouped(notices: &[AlertNotice]) -> String {
    let each = notices.iter().map(|n| match (&n.call, &n.reference) {
        (Some(call), Some(reference)) => format!("{call} ({reference})"),
        (Some(call), None) => call.to_string(),
        (None, _) => n.key.masked(),
    });
    let title = notices.first().map(|n| n.key.kind().title()).unwrap_or_default();
    let text = format!("{} times: {title}: {}", notices.len(), each.collect::<Vec<_>>().join(", "));
    // A message names alerts that all are raised, or all are over.
    if notices.iter().any(|n| n.resolved_at.is_some()) {
        over(&text)
    } else {
        format!("{text}; see `dispatchctl status`")
    }
}

impl TextFormat {
    /// The text as its receiver may read it: caller's words are words there, whatever they hold.
    pub fn escape(self, text: &str) -> String {
        let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_format(*c));
        if self == Self::Plain {
            return clean.collect();
        }
        let mut out = String::with_capacity(text.len());
        for c in clean {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                // Nothing is mentioned, and no address becomes a link: both are broken by a space of no width.
                '@' => out.push_str("@\u{200b}"),
                '/' if out.ends_with('/') => out.push_str("\u{200b}/"),
                '.' if out.to_ascii_lowercase().ends_with("www") => out.push_str("\u{200b}."),
                c => out.push(c),
            }
        }
        out
    }
}

/// Characters that turn or hide text: bidirectional controls, and those of no width.
const fn is_format(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[async_trait]
impl AlertSink for WebhookSink {
    async fn deliver(&self, notices: &[AlertNotice]) -> Result<(), SinkError> {
        let Some(document) = self.document(notices) else { return Ok(()) };
        let request = self.client.post(self.url.clone()).json(&document);
        let (status, retry_after) = match exchange::exchange(request, ANSWER_MAX).await {
            Ok(answer) => (answer.status, answer.retry_after),
            // It answered, and at length: what it says is its own affair.
            Err(Failure::TooLong(status)) => (status, None),
            Err(Failure::Before(why)) => return Err(SinkError { why, surely: true, retry_after: None }),
            Err(Failure::After(why)) => return Err(SinkError { why, surely: false, retry_after: None }),
        };
        if status.is_success() {
            return Ok(());
        }
        let why = format!("it answered HTTP {}", status.as_u16());
        Err(SinkError { why, surely: status.is_client_error(), retry_after })
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
            reference: "7K3Q".parse().ok(),
            message: "nobody has been told".into(),
            raised_at: Timestamp::from_millis(1_795_313_040_000),
            resolved_at: None,
        }
    }

    fn sink(server: &MockServer) -> WebhookSink {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("{}/secret-path", server.uri()).parse().expect("url");
        WebhookSink::new(url, TextFormat::Slack, "test").expect("a client")
    }

    #[tokio::test]
    async fn an_alert_is_told_in_words_and_fields_with_numbers_masked() {
        let server = MockServer::start().await;
        let said = json!({ "kind": "opted-out", "severity": "notice", "key": "opted-out:+1949•••0101", "state": "raised",
                           "callId": "test_123", "reference": "7K3Q", "mode": "test", "count": 1, "resolvedAt": null,
                           "text": "TEST MODE dispatchctl ALERT: nobody has been told [test_123, 7K3Q]; see `dispatchctl status test_123`" });
        let once =
            Mock::given(method("POST")).and(body_partial_json(said)).respond_with(ResponseTemplate::new(204)).expect(1);
        once.mount(&server).await;
        assert_eq!(sink(&server).deliver(&[notice()]).await, Ok(()));
    }

    #[test]
    fn a_group_names_every_call_with_its_reference() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sink = WebhookSink::new("http://127.0.0.1:9/".parse().expect("url"), TextFormat::Plain, "live");
        let many: Vec<AlertNotice> = (0..50)
            .map(|n| AlertNotice {
                key: AlertKind::Unnotified.about(format!("c{n}")),
                call: format!("c{n}").parse().ok(),
                ..notice()
            })
            .collect();
        let document = sink.expect("a client").document(&many).expect("a document");
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
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = "http://127.0.0.1:9/".parse().expect("url");
        let sink = WebhookSink::new(url, TextFormat::Plain, "live").expect("a client");
        let over = AlertNotice { resolved_at: Some(Timestamp::from_millis(1_795_313_100_000)), ..notice() };
        let one = sink.document(std::slice::from_ref(&over)).expect("a document");
        assert_eq!(one["text"], "dispatchctl over: nobody has been told [test_123, 7K3Q]");
        assert_eq!((&one["message"], &one["state"]), (&json!("over: nobody has been told"), &json!("resolved")));
        assert_eq!(one["alerts"][0]["message"], "over: nobody has been told");
        let many = sink.document(&[over.clone(), over]).expect("a document");
        assert_eq!(
            many["text"],
            "dispatchctl over: 2 times: A contact takes no texts of ours: test_123 (7K3Q), test_123 (7K3Q)"
        );
    }

    #[test]
    fn what_a_caller_said_is_neither_a_mention_nor_a_link_nor_markup() {
        let hostile = "level \"<!channel> <https://evil.example|click> & @here http://evil.example www.evil.example\"";
        let slack = TextFormat::Slack.escape(hostile);
        for never in ["<", ">", "@here", "://", "www.", "& "] {
            assert!(!slack.contains(never), "{never}: {slack}");
        }
        assert!(slack.contains("&lt;!channel&gt;") && slack.contains("&amp; "), "{slack}");
        let turned = "a\u{202e}b\u{7}c\nd\u{2066}e\u{200b}f\u{1b}[31m";
        assert_eq!(TextFormat::Plain.escape(turned), "ab c def [31m");
        assert_eq!(TextFormat::Plain.escape("<b> & @x // http://a.example"), "<b> & @x // http://a.example");
        assert_eq!(
            TextFormat::Slack.escape("set `twilio.from`, 6.5 s"),
            "set `twilio.from`, 6.5 s",
            "our own words stay"
        );
    }

    #[tokio::test]
    async fn what_is_not_taken_is_said_without_the_url_and_with_what_it_means() {
        let server = MockServer::start().await;
        let answers = [
            (500, None, false, None),
            (429, Some("7"), true, Some(7)),
            (404, None, true, None),
            (503, Some("2"), false, Some(2)),
        ];
        for (status, header, surely, wait) in answers {
            server.reset().await;
            let mut answer = ResponseTemplate::new(status);
            if let Some(value) = header {
                answer = answer.insert_header("Retry-After", value);
            }
            Mock::given(method("POST")).respond_with(answer).mount(&server).await;
            let error = sink(&server).deliver(&[notice()]).await.expect_err("not taken");
            let want = SinkError {
                why: format!("it answered HTTP {status}"),
                surely,
                retry_after: wait.map(Duration::from_secs),
            };
            assert_eq!(error, want);
        }
        drop(server);
        let url = "http://127.0.0.1:9/secret-path".parse().expect("url");
        let dead = WebhookSink::new(url, TextFormat::Plain, "live").expect("a client");
        let error = dead.deliver(&[notice()]).await.expect_err("nobody listens");
        assert!(error.surely && !error.why.contains("secret-path"), "{error:?}");
    }
}
