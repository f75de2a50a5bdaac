//! Pushover: a push to one user or group. What must wake somebody rings again and again until somebody acknowledges it on the
//! phone; its receipt says so, and cancels it. The token and the user's key are secrets.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::words::{TextFormat, cut};
use super::{TIMEOUT, ask};
use crate::domain::alert::SinkReceipt;
use crate::gateways::exchange;
use crate::gateways::{AlertMessage, AlertSink, ReceiptAnswer, SinkError, Taken};

/// Characters at Pushover; bytes are never fewer.
const MESSAGE_MAX: usize = 1_024;
const TITLE_MAX: usize = 250;
/// The longest name of a device that is shown.
const DEVICE_MAX: usize = 25;
/// How long a receipt is read after it should have expired: its clock is not ours.
const EXPIRY_GRACE: Duration = Duration::from_secs(60);

/// Whom Pushover tells, and as whom we ask.
pub struct PushoverUser {
    pub token: SecretString,
    /// A user's key, or a group's.
    pub user: SecretString,
}

/// How a message rings that must wake somebody.
#[derive(Debug, Clone, Copy)]
pub struct Ringing {
    /// The pause between two rings: 30 s or more.
    pub retry: Duration,
    /// It rings no longer: 3 h at most.
    pub expire: Duration,
}

/// Pushes alerts to one user or group.
pub struct PushoverSink {
    client: reqwest::Client,
    base: Url,
    who: PushoverUser,
    ringing: Ringing,
    mode: &'static str,
}

impl PushoverSink {
    /// `base`: the service's, or that of a stand-in on this machine.
    ///
    /// # Errors
    /// Why no client can be made.
    pub fn new(base: &Url, who: PushoverUser, ringing: Ringing, mode: &'static str) -> Result<Self, String> {
        let clients = exchange::clients(base, TIMEOUT / 2, TIMEOUT).map_err(|e| e.without_url().to_string())?;
        Ok(Self { client: clients.writes, base: base.clone(), who, ringing, mode })
    }

    fn url(&self, tail: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().push("1").extend(tail);
        }
        url
    }

    fn form(&self, message: &AlertMessage) -> Vec<(&'static str, String)> {
        let plain = |text: &str| TextFormat::Plain.escape(text);
        let mut form = vec![
            ("token", self.who.token.expose_secret().to_owned()),
            ("user", self.who.user.expose_secret().to_owned()),
            ("title", plain(&message.title(self.mode, TITLE_MAX))),
            ("message", plain(&message.line(self.mode, MESSAGE_MAX))),
        ];
        // 2 rings until somebody acknowledges it, 0 rings once, -1 does not ring.
        let priority = match (message.wakes(), message.is_over()) {
            (true, _) => "2",
            (false, false) => "0",
            (false, true) => "-1",
        };
        form.push(("priority", priority.to_owned()));
        if message.wakes() {
            form.push(("retry", self.ringing.retry.as_secs().to_string()));
            form.push(("expire", self.ringing.expire.as_secs().to_string()));
        }
        form
    }
}

/// The document of an answer in which Pushover says that it did what it was asked for.
async fn answer(request: RequestBuilder) -> Result<Value, SinkError> {
    let body = ask(request).await?.map(|a| a.body).unwrap_or_default();
    let document = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    if document.get("status").and_then(Value::as_i64) == Some(1) {
        return Ok(document);
    }
    // Another program at that address takes anything.
    let why = "it answered without the status 1: is its url that of Pushover?".to_owned();
    Err(SinkError { why, surely: false, for_good: true, retry_after: None })
}

/// A receipt as it is stored and put into a path.
fn receipt_of(document: &Value) -> Option<String> {
    let id = document.get("receipt").and_then(Value::as_str)?;
    let is_one = !id.is_empty() && id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric());
    is_one.then(|| id.to_owned())
}

#[async_trait]
impl AlertSink for PushoverSink {
    async fn deliver(&self, message: &AlertMessage) -> Result<Taken, SinkError> {
        let request = self.client.post(self.url(&["messages.json"])).form(&self.form(message));
        let document = answer(request).await?;
        let expires_at = message.at.plus(self.ringing.expire + EXPIRY_GRACE);
        let receipt = receipt_of(&document).filter(|_| message.wakes()).map(|id| SinkReceipt { id, expires_at });
        let said = if receipt.is_some() { "it rings" } else { "status 1" };
        Ok(Taken { said: said.to_owned(), receipt })
    }

    fn holds(&self, message: &AlertMessage) -> usize {
        message.holds(self.mode, |line| line.len() <= MESSAGE_MAX)
    }

    fn gives_receipts(&self) -> bool {
        true
    }

    async fn read_receipt(&self, receipt: &str) -> Result<ReceiptAnswer, SinkError> {
        let request = self.client.get(self.url(&["receipts", &format!("{receipt}.json")]));
        let document = answer(request.query(&[("token", self.who.token.expose_secret())])).await?;
        let is_set = |name: &str| document.get(name).and_then(Value::as_i64) == Some(1);
        if is_set("acknowledged") {
            let device = document.get("acknowledged_by_device").and_then(Value::as_str);
            let device = device.map(|d| cut(&TextFormat::Plain.escape(d.trim()), DEVICE_MAX)).filter(|d| !d.is_empty());
            return Ok(ReceiptAnswer::Acknowledged { device });
        }
        Ok(if is_set("expired") { ReceiptAnswer::Expired } else { ReceiptAnswer::Waits })
    }

    async fn cancel_receipt(&self, receipt: &str) -> Result<(), SinkError> {
        let request = self.client.post(self.url(&["receipts", receipt, "cancel.json"]));
        answer(request.form(&[("token", self.who.token.expose_secret())])).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use wiremock::matchers::{method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::domain::alert::AlertKind;
    use crate::gateways::sinks::webhook::sample;

    const RECEIPT: &str = "rLqVuqTRh62UzxtmqiaLzQmVcPgiCy";

    fn sink(base: &str) -> PushoverSink {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let secret = |text: &str| SecretString::from(text.to_owned());
        let who = PushoverUser { token: secret("a-secret-token"), user: secret("u-secret-user") };
        let ringing = Ringing { retry: Duration::from_secs(60), expire: Duration::from_secs(3_600) };
        PushoverSink::new(&base.parse().expect("url"), who, ringing, "live").expect("a client")
    }

    async fn answers(server: &MockServer, verb: &str, at: &str, body: Value) {
        server.reset().await;
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(server).await;
    }

    #[tokio::test]
    async fn what_wakes_rings_until_it_is_acknowledged_and_the_rest_says_so_once() {
        let server = MockServer::start().await;
        let mut page = sample();
        page.notices[0].key = AlertKind::Exhausted.about("test_123");
        let (notice, mut over) = (sample(), page.clone());
        over.notices[0].resolved_at = Some(over.at);
        for (message, priority, ring) in [(&page, "2", true), (&notice, "0", false), (&over, "-1", false)] {
            answers(&server, "POST", "/1/messages.json", json!({ "status": 1, "receipt": RECEIPT })).await;
            let taken = sink(&server.uri()).deliver(message).await.expect("taken");
            let expires_at = message.at.plus(Duration::from_secs(3_660));
            assert_eq!(taken.receipt, ring.then(|| SinkReceipt { id: RECEIPT.to_owned(), expires_at }));
            let asked = server.received_requests().await.expect("kept").pop().expect("one");
            let form: BTreeMap<String, String> = url::form_urlencoded::parse(&asked.body).into_owned().collect();
            let of = |name: &str| form.get(name).map(String::as_str);
            assert_eq!(
                (of("token"), of("user"), of("priority")),
                (Some("a-secret-token"), Some("u-secret-user"), Some(priority))
            );
            assert_eq!((of("retry"), of("expire")), if ring { (Some("60"), Some("3600")) } else { (None, None) });
            assert!(of("title").is_some_and(|t| t.contains("7K3Q")) && of("message").is_some_and(|m| m.len() <= 1_024));
        }
    }

    #[tokio::test]
    async fn a_receipt_says_who_acknowledged_that_it_waits_and_that_it_expired() {
        let server = MockServer::start().await;
        let at = format!("/1/receipts/{RECEIPT}.json");
        let acknowledged = |device: Option<&str>| ReceiptAnswer::Acknowledged { device: device.map(str::to_owned) };
        for (body, want) in [
            (json!({ "status": 1, "acknowledged": 0, "expired": 0 }), ReceiptAnswer::Waits),
            (
                json!({ "status": 1, "acknowledged": 1, "expired": 1, "acknowledged_by": "u", "acknowledged_by_device": "owners-phone" }),
                acknowledged(Some("owners-phone")),
            ),
            (json!({ "status": 1, "acknowledged": 1 }), acknowledged(None)),
            (json!({ "status": 1, "acknowledged": 0, "expired": 1 }), ReceiptAnswer::Expired),
        ] {
            answers(&server, "GET", &at, body.clone()).await;
            assert_eq!(sink(&server.uri()).read_receipt(RECEIPT).await, Ok(want), "{body}");
        }
        server.reset().await;
        let asked = Mock::given(method("GET")).and(query_param("token", "a-secret-token"));
        asked.respond_with(ResponseTemplate::new(404).set_body_json(json!({ "status": 0 }))).mount(&server).await;
        let error = sink(&server.uri()).read_receipt(RECEIPT).await.expect_err("nobody knows it");
        assert!(error.for_good && !error.why.contains("secret"), "{error:?}");
        answers(&server, "POST", &format!("/1/receipts/{RECEIPT}/cancel.json"), json!({ "status": 1 })).await;
        assert_eq!(sink(&server.uri()).cancel_receipt(RECEIPT).await, Ok(()));
    }

    #[tokio::test]
    async fn what_is_no_pushover_or_refuses_or_is_away_shows_no_secret() {
        let server = MockServer::start().await;
        for (answer, surely, for_good) in [
            (ResponseTemplate::new(200).set_body_string("<html>"), false, true),
            (
                ResponseTemplate::new(400).set_body_json(json!({ "status": 0, "errors": ["user key is invalid"] })),
                true,
                true,
            ),
            (ResponseTemplate::new(429), true, false),
            (ResponseTemplate::new(502), false, false),
        ] {
            server.reset().await;
            Mock::given(method("POST")).respond_with(answer).mount(&server).await;
            let error = sink(&server.uri()).deliver(&sample()).await.expect_err("not taken");
            assert_eq!((error.surely, error.for_good), (surely, for_good), "{error:?}");
            assert!(!error.why.contains("secret"), "{error:?}");
        }
        let odd = json!({ "receipt": "../../1/messages" });
        assert_eq!(receipt_of(&odd), None, "it goes into a path");
    }
}
