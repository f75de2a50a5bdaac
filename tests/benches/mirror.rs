//! The mirror under load: how soon a dispatch is proven in the base, how fast a crowd drains, and what a base that hangs costs
//! a dispatch. The base is the sandbox's, as a process of its own.

use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use super::{BufReader, Conn, Stage, ms, print_quantiles, thread};

const RATE: f64 = 4.5;

/// All three.
pub(super) fn run() {
    steady();
    burst();
    hanging();
}

/// What 100,000 waiting rows cost in memory: while the base is away, after a restart, and while they go out.
pub(super) fn backlog() {
    const CALLS: usize = 50_000;
    let mut stage = Stage::new("1h", "4h");
    let base = Base::start(&stage);
    stage.extra.clone_from(&base.env);
    base.control("POST", "faults", r#"[{ "kind": "away", "on": "airtable" }]"#);
    let mut serve = stage.serve();
    let before = serve.memory();
    stage.create(&serve, CALLS, "low", None);
    stage.peer.wait_for(CALLS);
    let waiting = Connection::open(stage.dir.join("bench.db")).expect("the store");
    let waiting = waiting.query_row("SELECT count(*) FROM outbox WHERE sink = 'mirror'", [], |r| r.get::<_, i64>(0));
    println!("mirror: {} rows wait while the base is away", waiting.expect("a count"));
    println!("  memory before: {before}; after accepting {CALLS} calls: {}", serve.memory());
    serve.kill();
    let serve = stage.serve();
    thread::sleep(Duration::from_secs(10));
    println!("  after a restart: {}", serve.memory());
    base.control("DELETE", "faults", "");
    until_proven(&stage, 500, Duration::from_secs(360));
    println!("  while they go out: {}", serve.memory());
    drop(serve);
}

struct Base {
    child: Child,
    addr: std::net::SocketAddr,
    env: Vec<(String, String)>,
}

impl Drop for Base {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Base {
    fn start(stage: &Stage) -> Self {
        let mut child = Command::new(super::binary())
            .args(["--test-mode", "sandbox", "-o", "json", "--listen", "127.0.0.1:0", "--ledger"])
            .arg(stage.dir.join("base.ndjson"))
            .current_dir(&stage.dir)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(stage.dir.join("base.log")).expect("log"))
            .spawn()
            .expect("the sandbox starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let said: Value = serde_json::from_str(&line).expect("JSON");
        let text = |key: &str| said[key].as_str().expect("a text").to_owned();
        let url = text("baseUrl");
        let env = [
            ("TOKEN", text("airtableToken")),
            ("BASE_ID", text("airtableBase")),
            ("BASE_URL", url.clone()),
            ("REQUESTS_PER_SECOND", RATE.to_string()),
        ];
        let env = env.into_iter().map(|(k, v)| (format!("DISPATCHCTL_AIRTABLE__{k}"), v)).collect();
        Self { child, addr: url.trim_start_matches("http://").parse().expect("an address"), env }
    }

    fn control(&self, method: &str, path: &str, body: &str) -> Value {
        let request = format!(
            "{method} /_sandbox/{path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, answer) = Conn::open(self.addr).ask(request.as_bytes());
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or(Value::Null)
    }

    /// (all, the most in a second, refused for their number)
    fn requests(&self) -> (u64, u64, u64) {
        let r = self.control("GET", "airtable", "")["requests"].clone();
        let n = |key: &str| r[key].as_u64().expect("a count");
        (n("total"), n("maxPerSecond"), n("tooMany"))
    }
}

/// How long each proven dispatch event lacked its proof, in seconds.
fn proofs(stage: &Stage) -> Vec<f64> {
    let db = Connection::open(stage.dir.join("bench.db")).expect("the store");
    let mut q = db
        .prepare("SELECT verified_at - since FROM mirror WHERE key < 'b' AND verified_at IS NOT NULL")
        .expect("a statement");
    let all = q.query_map([], |r| r.get::<_, i64>(0)).expect("read");
    all.map(|ms| ms.expect("a number") as f64 / 1000.0).collect()
}

fn until_proven(stage: &Stage, many: usize, bound: Duration) -> f64 {
    let at = Instant::now();
    while proofs(stage).len() < many {
        assert!(at.elapsed() < bound, "{} of {many} are proven", proofs(stage).len());
        thread::sleep(Duration::from_millis(100));
    }
    at.elapsed().as_secs_f64()
}

/// Two dispatches a second for two minutes.
fn steady() {
    let mut stage = Stage::new("1h", "4h");
    let base = Base::start(&stage);
    stage.extra.clone_from(&base.env);
    let serve = stage.serve();
    let memory = serve.rss_mib();
    let at = Instant::now();
    for n in 0..240_u32 {
        thread::sleep((at + Duration::from_millis(500) * n).saturating_duration_since(Instant::now()));
        // A connection each: an idle one is closed.
        dispatch(&mut Conn::open(serve.addr), &format!("steady-{n}"));
    }
    until_proven(&stage, 240, Duration::from_secs(20));
    let mut took = proofs(&stage);
    let late = took.iter().filter(|s| **s > 5.0).count();
    print_quantiles("mirror: 2 dispatches a second, event proven after", "s", &mut took);
    let (all, most, refused) = base.requests();
    println!("  {late} of 240 later than 5 s; {all} requests, at most {most} in a second, {refused} refused for it");
    println!("  {:.1} MiB resident before, {:.1} after", memory, serve.rss_mib());
    assert!(most <= 5 && refused == 0, "the rate is kept");
    drop(serve);
}

/// Hands one call over; how long that took.
fn dispatch(conn: &mut Conn, id: &str) -> Duration {
    let body = format!(
        r#"{{"callId":"{id}","callData":{{"callerPhone":"+19495550150","issueSummary":"water","emergencyLevel":"low"}}}}"#
    );
    let request = format!(
        "POST /api/dispatch/manual HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let at = Instant::now();
    let (status, answer) = conn.ask(request.as_bytes());
    assert!(status == 201 || status == 202, "{status} {answer}");
    at.elapsed()
}

/// 500 at once.
fn burst() {
    let mut stage = Stage::new("1h", "4h");
    let base = Base::start(&stage);
    stage.extra.clone_from(&base.env);
    let serve = stage.serve();
    let at = Instant::now();
    let (before, ..) = base.requests();
    stage.create(&serve, 500, "low", None);
    until_proven(&stage, 500, Duration::from_secs(120));
    let took = at.elapsed().as_secs_f64();
    let (after, most, refused) = base.requests();
    let allowed = (after - before) as f64 / RATE;
    println!(
        "mirror: a burst of 500 is proven after {took:.1} s; its {} requests take {allowed:.1} s at {RATE} a second ({:+.0} %); at most {most} in a second, {refused} refused",
        after - before,
        (took / allowed - 1.0) * 100.0
    );
    drop(serve);
}

/// Dispatches while the base is well, and while it takes requests and never answers; in turns, as the machine has moods.
fn hanging() {
    let mut stage = Stage::new("1h", "4h");
    let base = Base::start(&stage);
    stage.extra.clone_from(&base.env);
    let serve = stage.serve();
    let (mut well, mut hung) = (Vec::new(), Vec::new());
    for round in 0..6 {
        let hangs = round % 2 == 1;
        // One that has idled is closed.
        let mut conn = Conn::open(serve.addr);
        if hangs {
            base.control("POST", "faults", r#"[{ "kind": "delay", "on": "airtable", "delayMs": 120000 }]"#);
        } else {
            base.control("DELETE", "faults", "");
        }
        thread::sleep(Duration::from_secs(1));
        for n in 0..250 {
            let took = ms(dispatch(&mut conn, &format!("hang-{round}-{n}")));
            if hangs {
                hung.push(took)
            } else {
                well.push(took)
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
    print_quantiles("mirror: a dispatch while the base is well", "ms", &mut well);
    print_quantiles("mirror: a dispatch while the base hangs", "ms", &mut hung);
    drop(serve);
}
