//! A small shop, its listeners, and what a client needs to talk to them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine as _;
use hmac::{Hmac, Mac as _};
use http_body_util::BodyExt as _;
use serde_json::Value;
use sha1::Sha1;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::clock::SystemClock;
use crate::config::{Token, TokenScope};
use crate::domain::call::CallState;
use crate::domain::policy::{Policy, Step};
use crate::domain::rules::Rules;
use crate::domain::team::{Contact, Directory, Line, Templates};
use crate::domain::types::{ErrorCode, MessageSid};
use crate::domain::{MessageStatus, UnknownPolicy};
use crate::engine::apply::Core;
use crate::engine::supervisor::Supervisor;
use crate::engine::{Bounds, Engine, Scope as EngineScope};
use crate::gateways::{GatewayError, ListFilter, Listing, MessageBody, MessageRecord, SmsGateway, Submission};
use crate::http::auth::Peer;
use crate::http::routes::router;
use crate::http::{HttpDeps, HttpSettings, HttpState, Surface};
use crate::ids::Ids;
use crate::store::{self, Store, StoreSettings};
use tokio_util::sync::CancellationToken;

pub(super) const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(super) const AUTH_TOKEN: &str = "invented-auth-token";
pub(super) const PUBLIC_URL: &str = "https://dispatch.example.com";
pub(super) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
pub(super) const JSON: (&str, &str) = ("content-type", "application/json");
pub(super) const LOCAL: (&str, &str) = ("host", "localhost:3000");
pub(super) const CALL: &str = r#"{"callId":"test_123","callData":{"callerPhone":"+19495550150","emergencyLevel":"normal","issueSummary":"Burst pipe"}}"#;

/// Names and values.
pub(super) type Headers<'a> = &'a [(&'a str, &'a str)];

pub(super) struct Shop {
    pub(super) dir: TempDir,
    pub(super) store: Arc<dyn Store>,
    pub(super) core: Arc<Core>,
    pub(super) state: Arc<HttpState>,
    pub(super) router: Router,
    pub(super) stop: CancellationToken,
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// How a shop differs from the plain one.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) tokens: Vec<Token>,
    pub(super) gateway: Option<Provider>,
    pub(super) intake: crate::config::Intake,
    pub(super) busy_timeout: Option<Duration>,
    pub(super) tweak: Option<fn(&mut HttpSettings)>,
}

pub(super) fn token(name: &str, secret: &str, scope: TokenScope) -> Token {
    Token { name: name.into(), token: secret.to_owned().into(), scope }
}

pub(super) fn shop() -> Shop {
    shop_with(Plan::default())
}

pub(super) fn shop_with(plan: Plan) -> Shop {
    let dir = TempDir::new().expect("a temporary directory");
    let usual = crate::testing::store_at(&dir.path().join("dispatchctl.db"));
    let busy_timeout = plan.busy_timeout.unwrap_or(usual.busy_timeout);
    let store = store::open(StoreSettings { busy_timeout, ..usual }).expect("a store");
    let rules = Rules {
        retention: None,
        poll_after: Duration::from_secs(30),
        status_timeout: Duration::from_secs(300),
        validity: Duration::from_secs(600),
        settle: Duration::from_secs(60),
        unknown_first: UnknownPolicy::Resend,
        unknown_follow_up: UnknownPolicy::Hold,
        resend_limit: 2,
        resend_pause: Duration::from_secs(20),
        stand_down: true,
        late_follow_up: Duration::from_secs(30),
        followthrough: crate::domain::rules::FollowthroughRules::default(),
        limits: crate::domain::limits::SpendLimits::default(),
        oncall: crate::domain::oncall::OnCallRules::default(),
        test_mode: true,
        morning: jiff::civil::time(8, 0, 0, 0),
        lexicon: std::sync::Arc::default(),
        off: crate::domain::safeguards::SafeguardsOff::default(),
    };
    let clock = Arc::new(SystemClock::new());
    let core = Arc::new(Core::new(store.clone(), clock, Arc::new(Ids::seeded(7)), Arc::new(directory()), rules));
    let stop = CancellationToken::new();
    let engine = plan.gateway.map(|p| engine(core.clone(), p, &stop));
    let mut settings = HttpSettings {
        public_url: PUBLIC_URL.parse().ok(),
        callbacks: true,
        account_sid: ACCOUNT.into(),
        signature_tokens: vec![AUTH_TOKEN.to_owned().into()],
        ..HttpSettings::new("test")
    };
    settings.limits.dispatch_wait = Duration::from_millis(50);
    if let Some(tweak) = plan.tweak {
        tweak(&mut settings);
    }
    let state =
        HttpState::new(HttpDeps { core: core.clone(), engine, settings, tokens: plan.tokens, intake: plan.intake });
    Shop { dir, store, core, router: router(Surface::Full, state.clone()), state, stop }
}

fn engine(core: Arc<Core>, provider: Provider, stop: &CancellationToken) -> Arc<Engine> {
    let bounds = Bounds {
        listen_every: Duration::from_secs(60),
        messages_per_second: 0.0,
        phone_calls_per_second: 0.0,
        ring_for: Duration::from_secs(20),
        validity: Duration::from_secs(600),
        request_timeout: Duration::from_secs(15),
        poll_after: Duration::from_secs(30),
        consecutive_failures: 3,
    };
    let sms = Arc::new(Stub { provider, next: AtomicU32::new(1) });
    let engine = Engine::new(core, sms, Vec::new(), "eng_test".into(), EngineScope::All, bounds);
    tokio::spawn(Supervisor::new(engine.clone()).run(stop.clone()));
    engine
}

fn directory() -> Directory {
    let contact = |id: &str, name: &str, phone: &str, role: &str| Contact {
        email: None,
        id: id.parse().expect("an id"),
        name: name.into(),
        phone: phone.parse().expect("a phone"),
        role: role.parse().ok(),
    };
    let step = |minutes: u64, role: &str| Step {
        channel: crate::domain::attempt::Channel::Sms,
        wait: Duration::from_secs(60 * minutes),
        notify: vec![role.parse().expect("a role")],
    };
    let policy = Policy {
        name: "normal".into(),
        steps: vec![step(0, "primary"), step(2, "primary"), step(5, "backup")],
        repeat: 0,
        repeat_wait: Duration::from_secs(600),
        exhaust_after: Duration::from_secs(600),
        defer_by_reply: None,
        quiet: None,
    };
    let default_line = Line {
        number: None,
        name: "Acme Plumbing".into(),
        team: None,
        from: None,
        policies: BTreeMap::from([("normal".to_owned(), policy)]),
        templates: Templates::default(),
        time_zone: None,
        keywords: Vec::new(),
    };
    Directory {
        contacts: vec![
            contact("sam", "Sam Ortiz", "+19495550101", "primary"),
            contact("ana", "Ana Lund", "+19495550102", "backup"),
        ],
        default_line,
        lines: Vec::new(),
        from: "+15005550006".parse().ok(),
        fallback: Vec::new(),
        mail_from: None,
        voice_from: None,
        last_resort: Vec::new(),
        alert_owners: Vec::new(),
        levels: crate::domain::levels::Levels::default(),
        rotations: Vec::new(),
        overrides: Vec::new(),
        calendars: BTreeMap::new(),
    }
}

/// What the provider does with a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Provider {
    Accepts,
    Refuses,
    /// The sender is at fault.
    RefusesSender,
    NeverAnswers,
}

struct Stub {
    provider: Provider,
    next: AtomicU32,
}

#[async_trait]
impl SmsGateway for Stub {
    async fn submit(&self, message: &Submission) -> Result<MessageRecord, GatewayError> {
        match self.provider {
            Provider::Accepts => Ok(MessageRecord {
                sid: sid(self.next.fetch_add(1, Ordering::Relaxed)),
                status: MessageStatus::Queued,
                error_code: None,
                to: message.to.e164().into(),
                from: None,
                service: None,
                body: MessageBody(String::new()),
                direction: "outbound-api".into(),
                created_at: None,
            }),
            Provider::Refuses => Err(GatewayError::Refused { http: 400, code: None, message: "no".into() }),
            Provider::RefusesSender => {
                Err(GatewayError::Refused { http: 400, code: Some(ErrorCode(21_606)), message: "no".into() })
            }
            Provider::NeverAnswers => std::future::pending().await,
        }
    }

    async fn fetch(&self, _: &MessageSid) -> Result<MessageRecord, GatewayError> {
        Err(GatewayError::Unknown { why: "not asked for".into() })
    }

    async fn list(&self, _: &ListFilter) -> Result<Listing, GatewayError> {
        Ok(Listing { messages: Vec::new(), complete: true })
    }
}

pub(super) fn sid(n: u32) -> MessageSid {
    format!("SM{n:032x}").parse().expect("a SID")
}

/// An answer, read whole.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answered {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {:?}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}

impl Shop {
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.extension(Peer(Ipv4Addr::LOCALHOST.into())).body(body.into()).expect("a request");
        self.answer(request).await
    }

    /// A request as it is, from wherever it says.
    pub(super) async fn answer(&self, request: Request<Body>) -> Answered {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Answered { status: parts.status, headers: parts.headers, text }
    }

    pub(super) async fn get(&self, path: &str) -> Answered {
        self.ask("GET", path, &[LOCAL], Body::empty()).await
    }

    pub(super) async fn post_json(&self, path: &str, body: impl Into<Body>) -> Answered {
        self.ask("POST", path, &[LOCAL, JSON], body).await
    }

    /// As the provider posts it, rightly signed.
    pub(super) async fn signed(&self, path: &str, form: &str) -> Answered {
        let signature = sign(&format!("{PUBLIC_URL}{path}"), form);
        self.ask("POST", path, &[FORM, ("x-twilio-signature", &signature)], form.to_owned()).await
    }

    pub(super) async fn call(&self, id: &str) -> CallState {
        let id = id.parse().expect("a call id");
        self.store.call(&id).await.expect("a store").expect("the call")
    }

    /// How many rows each table holds: what is the same before and after left no trace.
    pub(super) fn rows(&self) -> BTreeMap<String, i64> {
        let conn = rusqlite::Connection::open(self.file()).expect("a connection");
        let mut tables = conn.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").expect("a statement");
        let names: Vec<String> =
            tables.query_map([], |r| r.get(0)).expect("tables").map(|n| n.expect("a name")).collect();
        let count = |name: &str| {
            conn.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |r| r.get(0)).expect("a count")
        };
        names.into_iter().map(|n| (n.clone(), count(&n))).collect()
    }

    /// The keys of the alerts that are open.
    pub(super) async fn open_alerts(&self) -> Vec<String> {
        let alerts = self.store.alerts().await.expect("a store");
        alerts.into_iter().map(|a| a.key.to_string()).collect()
    }

    pub(super) fn file(&self) -> PathBuf {
        self.dir.path().join("dispatchctl.db")
    }
}

/// The signature as the provider computes it; pairs are given encoded.
pub(super) fn sign(url: &str, form: &str) -> String {
    let mut pairs: Vec<(String, String)> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    pairs.sort();
    let mut mac = Hmac::<Sha1>::new_from_slice(AUTH_TOKEN.as_bytes()).expect("a key");
    mac.update(url.as_bytes());
    for (name, value) in pairs {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

/// Looks until it is so; says what was seen last where it never is.
pub(super) async fn until<T: std::fmt::Debug>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let mut last = String::new();
    let found = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            match look().await {
                Ok(found) => return found,
                Err(seen) => last = seen,
            }
            tokio::task::yield_now().await;
        }
    });
    let found = found.await.ok();
    found.unwrap_or_else(|| panic!("{what} never came; last seen: {last}"))
}
