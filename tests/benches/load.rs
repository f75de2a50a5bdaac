//! Speed and memory of the release binary on this machine: `cargo bench --bench load [-- backup|board|receipts|lateness|burst|start|mirror|backlog|voice|calendar|idle|replies|help]`.
//!
//! The engine is the real binary as a process of its own; the provider is a bare loopback peer of this harness, which costs
//! next to nothing; client, engine and peer share the machine's cores. Nothing leaves the machine, everything ends by itself.
//! With `DISPATCHCTL_BENCH_STORE=postgres://…` the stores are in that database, each in a schema of its own, which stays.
//! With `DISPATCHCTL_BENCH_BINARY=FILE` another build is measured: that of an older commit, say, in turns with this one.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints figures and reads real clocks"
)]

mod backup;
mod board;
mod calendar;
mod client;
mod mirror;
mod peer;
mod voice;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;

use client::{CONNECTIONS, Conn, drive, find, ms, now_ms, print_quantiles};
use peer::{Arrival, Peer};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const TOKEN: &str = "bench-auth-token";

/// When each call's follow-up is due, by reference.
type Dues = Arc<Mutex<HashMap<String, i64>>>;

fn main() {
    let which: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wants = |name: &str| which.is_empty() || which.iter().any(|w| w == name);
    println!("{} cores; client, engine and peer share them", thread::available_parallelism().map_or(0, usize::from));
    if wants("calendar") {
        calendar::run();
    }
    if wants("backup") {
        backup::run();
    }
    if wants("board") {
        board::run();
    }
    if wants("help") {
        help();
    }
    if wants("replies") {
        replies();
    }
    if wants("idle") {
        idle();
    }
    if wants("receipts") {
        receipts();
    }
    if wants("lateness") {
        for pending in [10_000, 100_000] {
            lateness(pending);
        }
    }
    if wants("burst") {
        burst();
    }
    if wants("start") {
        start();
    }
    if wants("mirror") {
        mirror::run();
    }
    if wants("backlog") {
        mirror::backlog();
    }
    if wants("voice") {
        voice::run();
    }
}

fn binary() -> PathBuf {
    std::env::var_os("DISPATCHCTL_BENCH_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_dispatchctl").into(), PathBuf::from)
}

/// `dispatchctl --help`, whole process.
fn help() {
    let mut times: Vec<f64> = (0..41)
        .map(|_| {
            let at = Instant::now();
            let done = Command::new(binary()).arg("--help").stdout(Stdio::null()).status().expect("runs");
            assert!(done.success());
            ms(at.elapsed())
        })
        .collect();
    print_quantiles("--help", "ms", &mut times);
}

/// What one text says by itself: the table that operators have, and the longest texts that the provider passes on.
fn replies() {
    use dispatchctl::testkit::{Lexicon, read};
    let lexicon = Lexicon::default();
    let table = csv::Reader::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/replies.csv"));
    let rows = table.expect("the table of replies").into_records();
    let table: Vec<String> = rows.filter_map(|row| row.ok()?.get(1).map(str::to_owned)).collect();
    let long = "ok 1, on the way, ".repeat(90);
    let foreign = "１，路上、👍 ".repeat(200);
    let sets = [("of the table", table), ("of 1,600 characters", vec![long]), ("of 1,600 foreign ones", vec![foreign])];
    for (label, texts) in sets {
        let (rounds, at) = (20_000 / texts.len(), Instant::now());
        for text in std::iter::repeat_n(&texts, rounds).flatten() {
            std::hint::black_box(read(std::hint::black_box(text), "Sam Ortiz", &lexicon));
        }
        let each = at.elapsed().as_secs_f64() * 1e6 / (rounds * texts.len()) as f64;
        println!("replies {label}: {each:.2} us a reading");
    }
}

/// An engine with an empty store and nothing to do.
fn idle() {
    let stage = Stage::new("0s", "1h");
    let serve = stage.serve();
    thread::sleep(Duration::from_secs(3));
    let cpu = serve.cpu_ticks();
    thread::sleep(Duration::from_secs(5));
    println!("idle: {:.1} MiB resident, {:.2} % of a core", serve.rss_mib(), (serve.cpu_ticks() - cpu) as f64 / 5.0);
}

/// Durable delivery receipts: signature, state machine, commit with FULL sync, 204. Each moves its message one status on.
fn receipts() {
    let stage = Stage::new("0s", "1h");
    let serve = stage.serve();
    let at = Instant::now();
    stage.create(&serve, 20_000, "normal", None);
    let sent = stage.peer.wait_for(20_000);
    println!(
        "dispatches accepted and told, {CONNECTIONS} at once: {:.0} a second",
        20_000.0 / at.elapsed().as_secs_f64()
    );
    let before = serve.rss_mib();
    let path = |a: &Arrival| format!("/webhooks/twilio/sms-status/{}", a.attempt);
    let form = |a: &Arrival, status: &str, account: &str| {
        vec![
            ("MessageSid", a.sid.clone()),
            ("MessageStatus", status.to_owned()),
            ("SmsSid", a.sid.clone()),
            ("SmsStatus", status.to_owned()),
            ("AccountSid", account.to_owned()),
            ("From", "+15005550006".to_owned()),
            ("To", "+19495550101".to_owned()),
            ("ApiVersion", "2010-04-01".to_owned()),
        ]
    };
    let mut rounds: Vec<(f64, f64)> = Vec::new();
    // The same listener, signature and parsing without the store: an account that is not ours is refused just before it.
    let foreign = "ACffffffffffffffffffffffffffffffff";
    let ceiling = |label: &str| {
        let requests: Vec<Vec<u8>> = sent.iter().map(|a| serve.signed(&path(a), &form(a, "sent", foreign))).collect();
        let run = drive(serve.addr, requests, 400);
        run.print(label);
        run.rate
    };
    for status in ["sent", "delivered"] {
        let without = ceiling("no store");
        let requests: Vec<Vec<u8>> = sent.iter().map(|a| serve.signed(&path(a), &form(a, status, ACCOUNT))).collect();
        let cpu = serve.cpu_ticks();
        let run = drive(serve.addr, requests, 204);
        run.print(&format!("durable receipts ({status})"));
        // A tick is 10 ms; unlike the rate, this hardly depends on what else the machine does.
        println!("  engine: {:.0} us of CPU each", (serve.cpu_ticks() - cpu) as f64 * 10_000.0 / sent.len() as f64);
        rounds.push((run.rate, without));
    }
    for (rate, without) in rounds {
        println!("  share of the listener without a store: {:.2}", rate / without);
    }
    println!("  memory: {before:.1} MiB before, {:.1} MiB after", serve.rss_mib());
}

/// Follow-ups at 100 a second among `pending` sequences: arrival at the peer less the due time.
fn lateness(pending: usize) {
    let stage = Stage::new("25s", "1h");
    let serve = stage.serve();
    let at = Instant::now();
    stage.create(&serve, pending, "low", None);
    println!("{pending} pending sequences accepted and first told in {:.1} s", at.elapsed().as_secs_f64());
    stage.peer.wait_for(pending);
    let rss = serve.rss_mib();
    let due = Dues::default();
    stage.peer.forget();
    stage.create(&serve, 2_000, "normal", Some((100.0, due.clone())));
    // Two texts a call: the first at once, the follow-up at its time.
    let arrivals = stage.peer.wait_for(4_000);
    let due = due.lock().expect("lock");
    let mut late: Vec<f64> = arrivals
        .iter()
        .filter(|a| a.reference.ends_with("-2"))
        .filter_map(|a| due.get(a.reference.trim_end_matches("-2")).map(|d| a.at_ms - *d as f64))
        .collect();
    assert_eq!(late.len(), 2_000, "a follow-up is missing");
    print_quantiles(&format!("lateness with {pending} pending"), "ms", &mut late);
    println!("  memory: {rss:.1} MiB");
}

/// 10,000 follow-ups due at one instant (the engine was down when their time came), and the peer's own rate.
fn burst() {
    let stage = Stage::new("1s", "1h");
    let mut serve = stage.serve();
    let own = stage.peer_rate();
    stage.peer.forget();
    stage.create(&serve, 10_000, "slow", None);
    stage.peer.wait_for(10_000);
    serve.kill();
    stage.peer.forget();
    println!("waiting until all 10,000 are due");
    thread::sleep(Duration::from_secs(20));
    let at = Instant::now();
    let started = now_ms();
    let serve = stage.serve();
    let arrivals = stage.peer.wait_for(10_000);
    let first = arrivals.iter().map(|a| a.at_ms).fold(f64::MAX, f64::min);
    let last = arrivals.iter().map(|a| a.at_ms).fold(0.0, f64::max);
    println!(
        "10,000 due at once: first at the peer {:.0} ms after exec, all after {:.0} ms, {:.0} a second; the peer's own rate {own:.0} a second; {:.1} MiB",
        first - started,
        ms(at.elapsed()),
        10_000.0 / ((last - first) / 1000.0),
        serve.rss_mib()
    );
}

/// A start on a store that holds many open sequences, of which one follow-up came due while no engine ran: how soon the engine
/// is ready, how soon that follow-up is at the provider, and what the sequences cost in memory, freshly started and after all
/// of them were accepted by one process.
fn start() {
    let mut empty = None;
    for pending in [0, 10_000, 100_000] {
        let stage = Stage::new("10s", "1h");
        let mut serve = stage.serve();
        stage.create(&serve, pending, "low", None);
        stage.peer.wait_for(pending);
        let accepted = serve.memory();
        // The last to be accepted is the first to be due.
        stage.peer.forget();
        stage.create(&serve, 1, "normal", None);
        stage.peer.wait_for(1);
        serve.kill();
        stage.peer.forget();
        thread::sleep(Duration::from_secs(11));
        let (at, started) = (Instant::now(), now_ms());
        let serve = stage.serve();
        let listening = ms(at.elapsed());
        let probe = format!("GET /readyz HTTP/1.1\r\nhost: {}\r\n\r\n", serve.addr);
        let mut conn = Conn::open(serve.addr);
        while conn.ask(probe.as_bytes()).0 != 200 {
            assert!(at.elapsed() < Duration::from_secs(60), "never ready");
            thread::sleep(Duration::from_millis(1));
        }
        let ready = ms(at.elapsed());
        let first = stage.peer.wait_for(1)[0].at_ms - started;
        println!(
            "start with {pending} open sequences: listening after {listening:.0} ms, ready after {ready:.0} ms, the overdue follow-up at the peer after {first:.0} ms"
        );
        thread::sleep(Duration::from_secs(8));
        let restarted = serve.memory();
        let (accepted_0, restarted_0) = *empty.get_or_insert((accepted, restarted));
        let each = |now: Memory, then: Memory| (now.resident - then.resident) * 1024.0 * 1024.0 / pending.max(1) as f64;
        println!("  memory after accepting them: {accepted}, {:.0} bytes a sequence", each(accepted, accepted_0));
        println!("  memory after the restart: {restarted}, {:.0} bytes a sequence", each(restarted, restarted_0));
    }
}

// --- the stage -------------------------------------------------------------------------------------------------------

/// A file, or a schema of its own in the database that `DISPATCHCTL_BENCH_STORE` names, made by `psql`.
fn store(dir: &Path, n: usize) -> String {
    let Ok(url) = std::env::var("DISPATCHCTL_BENCH_STORE") else {
        return format!("sqlite:{}", dir.join("bench.db").display());
    };
    let schema = format!("bench_{}_{n}", std::process::id());
    let made =
        Command::new("psql").args([&url, "-qc", &format!("CREATE SCHEMA {schema}")]).status().expect("psql runs");
    assert!(made.success(), "a schema in the database");
    let more = if url.contains('?') { '&' } else { '?' };
    format!("{url}{more}options=-csearch_path%3D{schema}")
}

struct Stage {
    dir: PathBuf,
    peer: Peer,
    store: String,
    /// More of the engine's environment.
    extra: Vec<(String, String)>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("kept: {}", self.dir.display());
            return;
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Stage {
    fn new(t1: &str, long: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("dispatchctl-bench-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("temp dir");
        let peer = Peer::start();
        let config = format!(
            r#"
name = "Bench"
[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
role = "primary"
[twilio]
account_sid = "{ACCOUNT}"
auth_token = "{TOKEN}"
from = "+15005550006"
messages_per_second = 0
[delivery]
poll_after = "1h"
[policies.normal]
steps = [ {{ wait = "0s", notify = ["primary"] }}, {{ wait = "{t1}", notify = ["primary"] }} ]
exhaust_after = "{long}"
[policies.low]
steps = [ {{ wait = "0s", notify = ["primary"] }}, {{ wait = "{long}", notify = ["primary"] }} ]
exhaust_after = "{long}"
[policies.slow]
steps = [ {{ wait = "0s", notify = ["primary"] }}, {{ wait = "15s", notify = ["primary"] }} ]
exhaust_after = "{long}"
"#
        );
        std::fs::write(dir.join("dispatchctl.toml"), config).expect("config");
        let store = store(&dir, n);
        Self { dir, peer, store, extra: Vec::new() }
    }

    fn serve(&self) -> Serve {
        let mut child = Command::new(binary())
            .args(["--test-mode", "-o", "json", "--config"])
            .arg(self.dir.join("dispatchctl.toml"))
            .arg("--store")
            .arg(&self.store)
            .arg("serve")
            .env_clear()
            .env("DISPATCHCTL_TWILIO__BASE_URL", format!("http://{}", self.peer.addr))
            .env("DISPATCHCTL_TWILIO__ACCOUNT_SID", ACCOUNT)
            .env("DISPATCHCTL_TWILIO__AUTH_TOKEN", TOKEN)
            .env("DISPATCHCTL_TWILIO__MESSAGES_PER_SECOND", "0")
            .env("DISPATCHCTL_SANDBOX__LISTEN", "127.0.0.1:0")
            .envs(self.extra.clone())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(self.dir.join("serve.log")).expect("log"))
            .spawn()
            .expect("serve starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|e| {
            panic!(
                "serve said {line:?} ({e}): {}",
                std::fs::read_to_string(self.dir.join("serve.log")).unwrap_or_default()
            )
        });
        let url = said["listen"].as_str().expect("listen").to_owned();
        let addr = url.trim_start_matches("http://").parse().expect("address");
        Serve { child, url, addr }
    }

    /// Dispatches `n` calls by the API; paced, and their due times noted, where asked.
    fn create(&self, serve: &Serve, n: usize, level: &str, paced: Option<(f64, Dues)>) {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let next = AtomicUsize::new(0);
        let started = Instant::now();
        thread::scope(|scope| {
            for _ in 0..CONNECTIONS.min(n) {
                scope.spawn(|| {
                    let mut conn = Conn::open(serve.addr);
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        if i >= n {
                            return;
                        }
                        if let Some((rate, _)) = &paced {
                            let at = started + Duration::from_secs_f64(i as f64 / rate);
                            thread::sleep(at.saturating_duration_since(Instant::now()));
                        }
                        let id = SERIAL.fetch_add(1, Ordering::Relaxed);
                        let body = format!(
                            r#"{{"callId":"bench-{id}","callData":{{"callerPhone":"+19495550150","issueSummary":"water","emergencyLevel":"{level}"}}}}"#
                        );
                        let (status, answer) = conn.ask(&serve.dispatch_request(&body));
                        assert!(status == 201 || status == 202, "{status} {answer}");
                        if let Some((_, due)) = &paced {
                            let v: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
                            let at = v["nextFollowUpAt"].as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok()).expect("due");
                            let reference = v["reference"].as_str().expect("reference").to_owned();
                            due.lock().expect("lock").insert(reference, at.as_millisecond());
                        }
                    }
                });
            }
        });
    }

    /// How many creates a second the peer itself answers, asked as the engine asks: a connection each.
    fn peer_rate(&self) -> f64 {
        let addr = self.peer.addr;
        let body = "To=%2B19495550101&From=%2B15005550006&Body=7K3Q-1+x&StatusCallback=http%3A%2F%2F127.0.0.1%2Fatt_0";
        let request = format!(
            "POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let at = Instant::now();
        let left = AtomicUsize::new(10_000);
        thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| {
                    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                        let (status, _) = Conn::open(addr).ask(request.as_bytes());
                        assert_eq!(status, 201);
                    }
                });
            }
        });
        10_000.0 / at.elapsed().as_secs_f64()
    }
}

struct Serve {
    child: Child,
    url: String,
    addr: SocketAddr,
}

impl Drop for Serve {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Serve {
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn dispatch_request(&self, body: &str) -> Vec<u8> {
        let head = "content-type: application/json";
        let (addr, length) = (self.addr, body.len());
        format!(
            "POST /api/dispatch/manual HTTP/1.1\r\nhost: {addr}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into()
    }

    fn dispatch(&self, body: &str) -> (u16, String) {
        Conn::open(self.addr).ask(&self.dispatch_request(body))
    }

    fn rss_mib(&self) -> f64 {
        self.memory().resident
    }

    fn memory(&self) -> Memory {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let mib = |name: &str| {
            let kib = text
                .lines()
                .find_map(|l| l.strip_prefix(name))
                .and_then(|l| l.trim().split(' ').next()?.parse::<f64>().ok());
            kib.unwrap_or(0.0) / 1024.0
        };
        Memory { resident: mib("VmRSS:"), own: mib("RssAnon:"), peak: mib("VmHWM:") }
    }

    fn cpu_ticks(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let after = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>();
        [11, 12].iter().filter_map(|i| after.get(*i)?.parse::<u64>().ok()).sum()
    }

    /// A callback as the provider signs it (its Security page): URL, then each parameter sorted by name.
    fn signed(&self, path: &str, form: &[(&str, String)]) -> Vec<u8> {
        let mut sorted: Vec<_> = form.iter().collect();
        sorted.sort_by_key(|(k, _)| *k);
        let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).expect("any key");
        mac.update(format!("{}{path}", self.url).as_bytes());
        for (k, v) in sorted {
            mac.update(k.as_bytes());
            mac.update(v.as_bytes());
        }
        let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\nx-twilio-signature: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
            self.addr,
            body.len()
        )
        .into_bytes()
    }
}

/// Of a process, in MiB.
#[derive(Clone, Copy)]
struct Memory {
    resident: f64,
    /// The part of it that is no file's.
    own: f64,
    peak: f64,
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} MiB resident ({:.1} MiB of no file, peak {:.1} MiB)", self.resident, self.own, self.peak)
    }
}
