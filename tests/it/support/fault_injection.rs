//! Drills: an engine that is armed at its start or while it runs, its death at a kill point, a sink that hears alerts.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dispatchctl::testkit::Actor;
use dispatchctl::testkit::store::{self, StoreMode, StoreSettings};
use serde_json::{Value, json};

use super::http;
use super::process::Process;
use super::stage::Stage;
use super::wait::{now, until, until_within};

/// Tests that start dozens of processes go one after another, beside the others.
static BULK: Mutex<()> = Mutex::new(());

/// Waits for this test's turn.
pub(crate) fn my_turn() -> MutexGuard<'static, ()> {
    BULK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a start is armed with.
pub(crate) const FAILPOINT: &str = "DISPATCHCTL_FAILPOINT";
/// The guards that a start is without.
pub(crate) const SAFEGUARDS_OFF: &str = "DISPATCHCTL_SAFEGUARDS_OFF";

impl Stage {
    /// Starts an engine with more environment and waits for nothing.
    pub(crate) fn start_armed(&self, env: &[(&str, &str)]) -> Process {
        let listen = self.at().to_string();
        let mut command = self.shop.command(&["-o", "json", "serve", "--listen", &listen]);
        command.envs(env.iter().copied());
        Process::start(&mut command, &self.shop.path(""), &self.next_name())
    }

    /// The same, and waits until it answers.
    pub(crate) fn serve_armed(&self, env: &[(&str, &str)]) -> Process {
        let mut process = self.start_armed(env);
        assert!(self.ready_or_dead(&mut process), "it ended at its start: {}", process.stderr());
        process
    }

    /// Waits until it answers, or is dead; whether it answers.
    pub(crate) fn ready_or_dead(&self, process: &mut Process) -> bool {
        until("the listener, or its death", || {
            if process.ended().is_some() { Some(false) } else { self.answers().then_some(true) }
        })
    }

    fn answers(&self) -> bool {
        http::json(self.at(), "GET", "/livez", None).is_ok_and(|a| a.status == 200)
    }

    /// Asks the running engine for a drill; what it answered.
    pub(crate) fn fault_injection(&self, payload: Value) -> Value {
        fault_injection_in(&self.shop.path("shop.db"), StoreMode::Test, payload)
    }

    /// The same for an engine that may die of it before it can answer.
    pub(crate) fn drilled_or_dead(&self, process: &mut Process, payload: Value) {
        let dead = || process.ended().map(|_| json!({ "armed": true }));
        let answer = ask(&self.shop.path("shop.db"), StoreMode::Test, payload, dead);
        assert_eq!(answer["armed"], true, "{answer}");
    }

    /// The same, carried out.
    pub(crate) fn drilled(&self, payload: Value) {
        let answer = self.fault_injection(payload);
        assert_eq!(answer["armed"], true, "{answer}");
    }
}

/// Asks the engine of this store for a drill; what it answered.
pub(crate) fn fault_injection_in(path: &Path, mode: StoreMode, payload: Value) -> Value {
    ask(path, mode, payload, || None)
}

fn ask(path: &Path, mode: StoreMode, payload: Value, mut dead: impl FnMut() -> Option<Value>) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _in = runtime.enter();
    let store = store::open(StoreSettings::of(path, mode)).expect("the store");
    let asker = Actor("drill".into());
    let ask = store.post_request("drill", payload, &asker, now());
    let id = runtime.block_on(ask).expect("asked");
    until("the drill's answer", || {
        runtime.block_on(store.request(id)).expect("read").and_then(|r| r.result).or_else(&mut dead)
    })
}

/// Whether it died at this point within the time. Another end fails the test.
pub(crate) fn died_at(process: &mut Process, point: &str, bound: Duration) -> bool {
    let ended =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| until_within(bound, "its death", || process.ended())));
    let Ok(status) = ended else { return false };
    assert_eq!(status.signal(), Some(9), "{point}: it ended otherwise: {status}: {}", process.stderr());
    let said = process.stderr();
    assert!(said.contains(&format!("the armed kill point {point} is reached")), "{point}: it died elsewhere: {said}");
    true
}

/// A sink of alerts on this machine: the keys that it was told of.
pub(crate) struct Sink {
    pub(crate) url: String,
    heard: Arc<Mutex<BTreeSet<String>>>,
    ids: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    /// Listens until the test is over.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/alerts", listener.local_addr().expect("an address"));
        let heard: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let ids: Arc<Mutex<Vec<String>>> = Arc::default();
        let (keep, keep_ids) = (heard.clone(), ids.clone());
        std::thread::spawn(move || {
            for mut peer in listener.incoming().flatten() {
                if let Some(alert) = document(&peer) {
                    let id = alert["id"].as_str().unwrap_or_default().to_owned();
                    keep_ids.lock().unwrap_or_else(PoisonError::into_inner).push(id);
                    let all = alert["alerts"].as_array().cloned().unwrap_or_default();
                    let keys = all.iter().filter_map(|a| a["key"].as_str()).map(str::to_owned);
                    keep.lock().unwrap_or_else(PoisonError::into_inner).extend(keys);
                    let _ = peer.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
                }
            }
        });
        Self { url, heard, ids }
    }

    /// The ids of its messages, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn heard(&self) -> BTreeSet<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The JSON body of one POST.
fn document(peer: &std::net::TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(peer);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
