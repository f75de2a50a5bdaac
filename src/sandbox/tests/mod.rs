//! The sandbox from outside: over HTTP, as its clients see it.

mod agents;
mod airtable;
mod airtable_faults;
mod api;
mod callbacks;
mod clients;
mod faults;
mod formulas;
mod identity;
mod people;
mod shapes;
mod tcp;
mod voice;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::config::{DEFAULT_ACCOUNT_SID, DEFAULT_AIRTABLE_BASE, DEFAULT_AIRTABLE_TOKEN, DEFAULT_AUTH_TOKEN};
use super::{LedgerEntry, Sandbox, SandboxConfig};
use crate::clock::{Clock as _, Stopwatch, SystemClock};

pub(super) const SAM: &str = "+19495550101";
pub(super) const BO: &str = "+19495550102";
pub(super) const FROM: &str = "+15005550006";

/// A sandbox on a temporary ledger, and a client of it.
pub(super) struct Bench {
    pub(super) sandbox: Sandbox,
    pub(super) client: reqwest::Client,
    pub(super) dir: tempfile::TempDir,
}

pub(super) type Form<'a> = [(&'a str, &'a str)];

impl Bench {
    pub(super) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let mut config = SandboxConfig::new(dir.path().join("ledger.ndjson"));
        config.pace = Duration::from_millis(5);
        change(&mut config);
        let sandbox = Sandbox::start(config).await.expect("starts");
        Self { sandbox, client: super::target::client().expect("client"), dir }
    }

    pub(super) fn url(&self, rest: &str) -> String {
        if rest.starts_with('/')
            && (rest.starts_with("/_sandbox") || rest.starts_with("/2010") || rest.starts_with("/v0/"))
        {
            return format!("{}{rest}", self.sandbox.base_url());
        }
        format!("{}/2010-04-01/Accounts/{DEFAULT_ACCOUNT_SID}{rest}", self.sandbox.base_url())
    }

    pub(super) async fn create(&self, form: &Form<'_>) -> (u16, Value) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let answer = self
            .client
            .post(self.url("/Messages.json"))
            .basic_auth(DEFAULT_ACCOUNT_SID, Some(DEFAULT_AUTH_TOKEN))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .expect("answers");
        let request_id = answer.headers().get("twilio-request-id").and_then(|v| v.to_str().ok()).unwrap_or("");
        assert!(request_id.len() == 34 && request_id.starts_with("RQ"), "{request_id:?}");
        (answer.status().as_u16(), answer.json().await.expect("json"))
    }

    /// A text that must be accepted; its SID.
    pub(super) async fn text(&self, to: &str, body: &str, callback: Option<&str>) -> String {
        let mut form = vec![("To", to), ("From", FROM), ("Body", body)];
        form.extend(callback.map(|c| ("StatusCallback", c)));
        let (status, answer) = self.create(&form).await;
        assert_eq!(status, 201, "{answer}");
        answer["sid"].as_str().expect("sid").to_owned()
    }

    pub(super) async fn get(&self, rest: &str) -> (u16, Value) {
        let request = self.client.get(self.url(rest)).basic_auth(DEFAULT_ACCOUNT_SID, Some(DEFAULT_AUTH_TOKEN));
        let answer = request.send().await.expect("answers");
        (answer.status().as_u16(), answer.json().await.expect("json"))
    }

    pub(super) async fn control(&self, what: &str, body: Value) -> (u16, Value) {
        let url = self.url(&format!("/_sandbox/{what}"));
        let answer = self.client.post(url).body(body.to_string()).send().await.expect("answers");
        (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.expect("body")).unwrap_or(Value::Null))
    }

    /// A request to the Airtable API with the right token; `path` begins after the base's id.
    pub(super) async fn airtable(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = self.url(&format!("/v0/{DEFAULT_AIRTABLE_BASE}/{path}"));
        let (status, body) = self.raw_airtable(method, &url, &body).await.expect("answers");
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// As [`Bench::airtable`], by whole URL and with whatever comes back.
    pub(super) async fn raw_airtable(&self, method: &str, url: &str, body: &Value) -> reqwest::Result<(u16, Vec<u8>)> {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, url).bearer_auth(DEFAULT_AIRTABLE_TOKEN);
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
    }

    /// As many requests a second as a test likes.
    pub(super) async fn unhurried(self) -> Self {
        assert_eq!(self.control("settings", serde_json::json!({ "airtablePerSecond": 0 })).await.0, 200);
        self
    }

    /// What a person does to the base; what is told of it.
    pub(super) fn base_admin(&self, action: Value) -> Value {
        let action = serde_json::from_value(action).expect("an action");
        self.sandbox.airtable_edits(action).expect("can be done")
    }

    pub(super) fn entry(&self, sid: &str) -> LedgerEntry {
        self.sandbox.ledger().into_iter().find(|e| e.sid == sid).expect("in the ledger")
    }
}

/// Waits until `seen` says something, 10 s at most.
pub(super) async fn until<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let clock = SystemClock::new();
    let watch = Stopwatch::start();
    while watch.passed() < Duration::from_secs(10) {
        if let Some(found) = seen() {
            return found;
        }
        clock.sleep_until(clock.now().plus(Duration::from_millis(2))).await;
    }
    panic!("did not come to pass: {what}");
}

/// A request that a webhook got.
#[derive(Debug, Clone)]
pub(super) struct ReceivedCallback {
    pub(super) path_and_query: String,
    pub(super) headers: axum::http::HeaderMap,
    pub(super) form: Vec<(String, String)>,
}

impl ReceivedCallback {
    pub(super) fn field(&self, name: &str) -> &str {
        self.form.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("")
    }
}

/// A webhook that remembers; it answers from `answers` first, then 204.
#[derive(Clone)]
pub(super) struct Webhook {
    pub(super) base: String,
    received: Arc<Mutex<Vec<ReceivedCallback>>>,
    answers: Arc<Mutex<Vec<(u16, &'static str)>>>,
    /// By the beginning of the path; looked at first.
    by_path: Vec<(&'static str, &'static str)>,
}

impl Webhook {
    pub(super) async fn start(answers: &[(u16, &'static str)]) -> Self {
        Self::begin(answers, &[]).await
    }

    /// Answers 200 and a document to paths that begin like this, 204 to others.
    pub(super) async fn by_path(documents: &[(&'static str, &'static str)]) -> Self {
        Self::begin(&[], documents).await
    }

    async fn begin(answers: &[(u16, &'static str)], by_path: &[(&'static str, &'static str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let base = format!("http://{}", listener.local_addr().expect("address"));
        let answers = Arc::new(Mutex::new(answers.iter().rev().copied().collect()));
        let webhook = Self { base, received: Arc::default(), answers, by_path: by_path.to_vec() };
        let own = webhook.clone();
        let app = axum::Router::new().fallback(move |request: axum::extract::Request| own.clone().receive(request));
        tokio::spawn(async move { axum::serve(listener, app).await });
        webhook
    }

    async fn receive(
        self,
        request: axum::extract::Request,
    ) -> (axum::http::StatusCode, [(&'static str, &'static str); 1], &'static str) {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let raw = axum::body::to_bytes(body, 1 << 20).await.expect("body");
        self.received.lock().unwrap_or_else(PoisonError::into_inner).push(ReceivedCallback {
            path_and_query: parts.uri.to_string(),
            headers: parts.headers,
            form: form_urlencoded::parse(&raw).into_owned().collect(),
        });
        let document = self.by_path.iter().find(|(begin, _)| path.starts_with(begin));
        let document = document.map(|(_, document)| (200, *document));
        let queued = || self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (status, body) = document.or_else(queued).unwrap_or((204, ""));
        (axum::http::StatusCode::from_u16(status).expect("status"), [("content-type", "text/xml")], body)
    }

    pub(super) fn received(&self) -> Vec<ReceivedCallback> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn statuses(&self) -> Vec<String> {
        self.received().iter().map(|h| h.field("MessageStatus").to_owned()).collect()
    }

    pub(super) async fn wait_for(&self, n: usize) -> Vec<ReceivedCallback> {
        until(&format!("{n} callbacks"), || Some(self.received()).filter(|h| h.len() >= n)).await
    }
}
