//! A sandbox, an engine and an HTTP client as three processes, on one temporary directory.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use dispatchctl::testkit::Timestamp;
use dispatchctl::testkit::judge;
use serde_json::{Value, json};

use super::Shop;
use super::http::{self, Answer};
use super::process::{Process, report};
use super::wait::{later_ms, now, until};

pub(crate) const SAM: &str = "+19495550101";
pub(crate) const ANA: &str = "+19495550102";
pub(crate) const LEE: &str = "+19495550103";

/// The three processes' common ground. Fields are dropped in order: the sandbox ends before its directory goes.
pub(crate) struct Stage {
    sandbox: Process,
    sandbox_at: SocketAddr,
    at: SocketAddr,
    starts: AtomicU32,
    pub(crate) shop: Shop,
}

/// A running engine.
pub(crate) struct Serve {
    pub(crate) process: Process,
    /// When its listener first answered.
    pub(crate) ready_at: Timestamp,
}

impl Stage {
    /// Starts the sandbox; `policies` is more of the configuration.
    pub(crate) fn new(policies: &str) -> Self {
        Self::in_shop(Shop::with_config(&format!("{}\n{policies}", dispatchctl::testkit::PEOPLE)))
    }

    /// The same on a store in a database of this URL.
    pub(crate) fn on_server(policies: &str, url: String) -> Self {
        let mut shop = Shop::with_config(&format!("{}\n{policies}", dispatchctl::testkit::PEOPLE));
        shop.move_to(url);
        Self::in_shop(shop)
    }

    fn in_shop(mut shop: Shop) -> Self {
        let ledger = shop.path("ledger.ndjson").display().to_string();
        let dir = shop.path("");
        let args = ["sandbox", "-o", "json", "--listen", "127.0.0.1:0", "--ledger", &ledger, "--pace-ms", "30"];
        let mut sandbox = Process::start(&mut shop.command(&args), &dir, "sandbox");
        let url = sandbox.first_line()["baseUrl"].as_str().expect("a URL").to_owned();
        let sandbox_at = url.trim_start_matches("http://").parse().expect("an address");
        shop.set("DISPATCHCTL_SANDBOX__LISTEN", format!("{sandbox_at}"));
        let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let stage = Self { sandbox, sandbox_at, at, starts: AtomicU32::new(0), shop };
        let inbound = format!("http://{at}/webhooks/twilio/sms-inbound");
        stage.control("POST", "settings", &json!({ "inboundUrl": inbound }));
        stage
    }

    /// Starts the engine, always at the same address, and waits until it answers.
    pub(crate) fn serve(&self) -> Serve {
        let serve = self.try_serve();
        until("the listener", || http::json(self.at, "GET", "/livez", None).ok().filter(|a| a.status == 200));
        Serve { process: serve, ready_at: now() }
    }

    /// Starts the engine and waits for nothing.
    pub(crate) fn try_serve(&self) -> Process {
        let listen = self.at.to_string();
        self.start(&["-o", "json", "serve", "--listen", &listen])
    }

    /// Starts any command beside the test, its output in files.
    pub(crate) fn start(&self, args: &[&str]) -> Process {
        Process::start(&mut self.shop.command(args), &self.shop.path(""), &self.next_name())
    }

    /// A name for a process's output.
    pub(crate) fn next_name(&self) -> String {
        format!("process-{}", self.starts.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Where the provider listens.
    pub(crate) fn sandbox_at(&self) -> SocketAddr {
        self.sandbox_at
    }

    /// Requests go to the process that listens here from now on.
    pub(crate) fn turn_to(&mut self, at: SocketAddr) {
        self.at = at;
    }

    /// Where the engine listens.
    pub(crate) fn at(&self) -> SocketAddr {
        self.at
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = http::json(self.at, "GET", path, None).expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> std::io::Result<Answer> {
        http::json(self.at, "POST", path, Some(body))
    }

    /// Hands a call over; a success.
    pub(crate) fn dispatch(&self, call: &str, level: &str) -> Value {
        let answer = self.post("/api/dispatch/manual", &emergency(call, level)).expect("an answer");
        assert!(matches!(answer.status, 201 | 202), "{call}: {answer:?}");
        answer.json()
    }

    /// The whole story of a call.
    pub(crate) fn call(&self, call: &str) -> Value {
        self.get(&format!("/api/calls/{call}"))
    }

    /// The story, once it is so.
    pub(crate) fn until_call(&self, call: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(&format!("{call}: {what}"), || {
                last = self.call(call);
                is(&last).then(|| last.clone())
            })
        }));
        found.unwrap_or_else(|e| {
            report(&format!("last seen: {last:#}"));
            std::panic::resume_unwind(e)
        })
    }

    /// The story, once the attempt of this number was delivered.
    pub(crate) fn delivered(&self, call: &str, number: usize) -> Value {
        self.until_call(call, &format!("attempt {number} is delivered"), |c| state(c, number) == "delivered")
    }

    /// What the provider truly accepted.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger(self.control("GET", "ledger", &Value::Null))
    }

    /// Arms faults.
    pub(crate) fn fault(&self, faults: &Value) {
        self.control("POST", "faults", faults);
    }

    pub(crate) fn clear_faults(&self) {
        let answer = http::json(self.sandbox_at, "DELETE", "/_sandbox/faults", None).expect("an answer");
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    /// A technician's text, posted as the provider does; what the webhook answered.
    pub(crate) fn reply(&self, from: &str, body: &str) -> Value {
        self.control("POST", "reply", &json!({ "from": from, "body": body }))
    }

    /// One of the sandbox's controls.
    pub(crate) fn control(&self, method: &str, name: &str, body: &Value) -> Value {
        let path = format!("/_sandbox/{name}");
        let answer = http::json(self.sandbox_at, method, &path, Some(body).filter(|b| !b.is_null()));
        let answer = answer.unwrap_or_else(|e| panic!("{method} {path}: {e}: {}", self.sandbox.stderr()));
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        answer.json()
    }

    /// The stories of all calls, by the API.
    pub(crate) fn stories(&self) -> Vec<Value> {
        let (mut stories, mut before) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/api/calls?limit=1000&before={before}"));
            let calls = page["calls"].as_array().expect("a list");
            stories.extend(calls.iter().map(|c| self.call(text(c, "callId"))));
            match page["next"].as_str() {
                Some(next) => before = next.to_owned(),
                None => return stories,
            }
        }
    }

    /// Waits until nothing is under way, then holds the ledger against the store: nothing lost, nothing
    /// doubled, nothing unexpected, and nothing on the wire that the provider does not know.
    pub(crate) fn judge(&self) -> Vec<Value> {
        let stories = until("nothing is under way", || {
            let stories = self.stories();
            let waits = |a: &Value| matches!(text(a, "attemptState"), "scheduled" | "sending" | "retrying");
            stories.iter().all(|c| !attempts(c).iter().any(waits)).then_some(stories)
        });
        let wrong = self.ledger().wrongs(&stories);
        assert!(wrong.is_empty(), "{wrong:#?}");
        stories
    }
}

/// A body for the API.
pub(crate) fn emergency(call: &str, level: &str) -> Value {
    json!({ "callId": call, "callData": { "callerPhone": "+19495550150", "issueSummary": "Burst pipe",
        "address": "12 Oak St", "callerName": "Kim Doe", "emergencyLevel": level } })
}

/// A text field; empty where there is none.
pub(crate) fn text<'a>(v: &'a Value, key: &str) -> &'a str {
    v[key].as_str().unwrap_or_default()
}

pub(crate) fn attempts(call: &Value) -> &[Value] {
    call["attempts"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The state of the attempt of this number; empty where there is none.
pub(crate) fn state(call: &Value, number: usize) -> &str {
    attempts(call).iter().find(|a| a["attemptNumber"] == number).map(|a| text(a, "attemptState")).unwrap_or_default()
}

/// The log entries of this kind.
pub(crate) fn entries<'a>(call: &'a Value, kind: &str) -> Vec<&'a Value> {
    let log = call["log"].as_array().map(Vec::as_slice).unwrap_or_default();
    log.iter().filter(|e| e["kind"] == kind).collect()
}

/// The sandbox's word.
pub(crate) struct Ledger(pub(crate) Value);

impl Ledger {
    /// What came by the API, oldest first.
    pub(crate) fn texts(&self) -> Vec<&Value> {
        let all = self.0["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(|m| m["direction"] == "outbound-api").collect()
    }

    /// What one phone was texted.
    pub(crate) fn texts_to(&self, phone: &str) -> Vec<&Value> {
        self.texts().into_iter().filter(|m| m["to"] == phone).collect()
    }

    /// What carries the reference of this attempt.
    pub(crate) fn of(&self, call: &Value, number: usize) -> Vec<&Value> {
        let start = format!("{}-{number} ", text(call, "reference"));
        self.texts().into_iter().filter(|m| text(m, "body").starts_with(&start)).collect()
    }

    /// How many creates were asked for, refused ones too.
    pub(crate) fn creates(&self) -> u64 {
        self.0["requests"]["create"].as_u64().expect("a count")
    }

    /// What is wrong; empty where all promises hold.
    pub(crate) fn wrongs(&self, stories: &[Value]) -> Vec<String> {
        judge(&self.0, stories, []).wrongs()
    }
}

impl Serve {
    /// How long after the listener answered the provider had this message, in milliseconds; told to whoever reads.
    pub(crate) fn resumed_after_ms(&self, message: &Value) -> i64 {
        let ms = later_ms(super::wait::time(&message["createdAt"]), self.ready_at);
        report(&format!("the follow-up was accepted {ms} ms after the listener answered"));
        ms
    }
}

/// A port that nothing listens on, below those that the system gives to clients, so that it stays free over a restart.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 8_000).unwrap_or(0);
    (0..4_000)
        .map(|_| 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// A second, in the ledger's unit.
pub(crate) const SECOND_MS: i64 = 1_000;
/// Short for the bounds of tests.
pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
