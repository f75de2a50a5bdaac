//! The office's page beside the work: how long a page takes at 10,000 open calls, what 32 open pages cost in memory, and what they do to
//! callbacks. Each open page hears of changes by its stream and loads itself again, at most once a second, as its script does.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{ACCOUNT, Arrival, Conn, Serve, Stage, find, ms, print_quantiles, thread};

const OPEN: usize = 10_000;
const PAGES: usize = 32;
/// Callbacks a second, and over how many connections: what a shop with many lines has at its worst, not what the machine can take.
const RATE: f64 = 200.0;
const LINES: usize = 8;
/// Stretches with and without pages take turns, short ones, so that what else the machine and its disk do hits both alike.
const STRETCHES: usize = 40;

pub(super) fn run() {
    let stage = Stage::new("1h", "1h");
    let serve = stage.serve();
    stage.create(&serve, OPEN, "normal", None);
    let sent = stage.peer.wait_for(OPEN);
    pages(&serve);
    let before = serve.memory().own;
    {
        let open = Pages::open(&serve);
        thread::sleep(Duration::from_secs(2));
        let after = serve.memory().own;
        println!("{PAGES} open pages: {:.2} MiB more ({} loads by then)", after - before, open.loads());
    }
    let (mut without, mut with): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let (mut worst_without, mut worst_with): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut loads = 0;
    for n in 0..STRETCHES {
        // Every fortieth, so that each stretch changes something that the page shows.
        let of: Vec<&Arrival> = sent.iter().skip(n).step_by(STRETCHES).collect();
        let open = (n % 2 == 1).then(|| Pages::open(&serve));
        if let Some(open) = &open {
            // They are open then: what opening them costs is what a page costs, see above.
            while open.loads() < PAGES {
                thread::sleep(Duration::from_millis(10));
            }
        }
        let mut times = paced(&serve, &of);
        let p99 = quantile(&mut times, 99);
        let (all, worst) =
            if open.is_some() { (&mut with, &mut worst_with) } else { (&mut without, &mut worst_without) };
        all.extend(times);
        worst.push(p99);
        loads += open.map_or(0, |open| open.loads() - PAGES);
    }
    println!("callbacks at {RATE} a second over {LINES} connections, {OPEN} open calls:");
    print_quantiles("  without pages", "ms", &mut without);
    print_quantiles(
        &format!("  beside {PAGES} open pages, which loaded themselves again {loads} times"),
        "ms",
        &mut with,
    );
    println!("  p99 with and without: {:.3}", quantile(&mut with, 99) / quantile(&mut without, 99));
    let (a, b) = (quantile(&mut worst_without, 50), quantile(&mut worst_with, 50));
    println!("  each stretch's own p99, in the middle: {a:.2} ms without, {b:.2} ms with ({:.3})", b / a);
}

/// So many in a hundred are not above it.
fn quantile(all: &mut [f64], percent: usize) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get((all.len().saturating_sub(1)) * percent / 100).copied().unwrap_or(f64::NAN)
}

/// One page after another, each of rows that are read anew.
fn pages(serve: &Serve) {
    let mut conn = Conn::open(serve.addr);
    let request = format!("GET /board HTTP/1.1\r\nhost: {}\r\n\r\n", serve.addr);
    let mut times: Vec<f64> = Vec::new();
    let mut bytes = 0;
    for _ in 0..40 {
        thread::sleep(Duration::from_millis(250));
        // A commit in between: what was kept is not given again.
        let (status, answer) = serve.dispatch(&format!(r#"{{"callData":{{"issueSummary":"{}"}}}}"#, times.len()));
        assert!(status == 201 || status == 202, "{status} {answer}");
        let at = Instant::now();
        let (status, page) = conn.ask(request.as_bytes());
        times.push(ms(at.elapsed()));
        assert_eq!(status, 200, "{page}");
        bytes = page.len();
    }
    print_quantiles(&format!("the page at {OPEN} open calls, {bytes} bytes"), "ms", &mut times);
}

/// Sends a `delivered` for each at [`RATE`]; how long each took, in milliseconds.
fn paced(serve: &Serve, of: &[&Arrival]) -> Vec<f64> {
    let requests: Vec<Vec<u8>> = of.iter().map(|a| serve.signed(&path(a), &form(a))).collect();
    let next = AtomicUsize::new(0);
    let all: Mutex<Vec<f64>> = Mutex::default();
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..LINES {
            scope.spawn(|| {
                let mut conn = Conn::open(serve.addr);
                let mut times = Vec::new();
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(request) = requests.get(i) else { break };
                    let at = began + Duration::from_secs_f64(i as f64 / RATE);
                    thread::sleep(at.saturating_duration_since(Instant::now()));
                    let sent = Instant::now();
                    let (status, answer) = conn.ask(request);
                    times.push(ms(sent.elapsed()));
                    assert_eq!(status, 204, "{answer}");
                }
                all.lock().expect("lock").extend(times);
            });
        }
    });
    all.into_inner().expect("lock")
}

fn path(a: &Arrival) -> String {
    format!("/webhooks/twilio/sms-status/{}", a.attempt)
}

fn form(a: &Arrival) -> Vec<(&'static str, String)> {
    vec![
        ("MessageSid", a.sid.clone()),
        ("MessageStatus", "delivered".to_owned()),
        ("SmsSid", a.sid.clone()),
        ("SmsStatus", "delivered".to_owned()),
        ("AccountSid", ACCOUNT.to_owned()),
        ("From", "+15005550006".to_owned()),
        ("To", "+19495550101".to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
    ]
}

/// Open pages, as long as it is kept.
struct Pages {
    over: std::sync::Arc<AtomicBool>,
    loads: std::sync::Arc<AtomicUsize>,
    all: Vec<thread::JoinHandle<()>>,
}

impl Pages {
    fn open(serve: &Serve) -> Self {
        let (over, loads) = (std::sync::Arc::new(AtomicBool::new(false)), std::sync::Arc::new(AtomicUsize::new(0)));
        let one = |_| {
            let (addr, over, loads) = (serve.addr, over.clone(), loads.clone());
            thread::spawn(move || page(addr, &over, &loads))
        };
        let all = (0..PAGES).map(one).collect();
        Self { over, loads, all }
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::Relaxed)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for page in self.all.drain(..) {
            let _ = page.join();
        }
    }
}

/// Hears its stream, and loads itself where something has changed.
fn page(addr: SocketAddr, over: &AtomicBool, loads: &AtomicUsize) {
    let mut stream = TcpStream::connect(addr).expect("connects");
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("timeout");
    let ask = format!("GET /board/events HTTP/1.1\r\nhost: {addr}\r\naccept: text/event-stream\r\n\r\n");
    stream.write_all(ask.as_bytes()).expect("written");
    let part = format!("GET /board?part=main HTTP/1.1\r\nhost: {addr}\r\n\r\n");
    let mut conn = Conn::open(addr);
    let (mut chunk, mut is_due, mut loaded) = ([0; 4_096], true, None::<Instant>);
    while !over.load(Ordering::Relaxed) {
        match stream.read(&mut chunk) {
            Ok(0) => panic!("the stream ended"),
            Ok(n) => is_due |= find(&chunk[..n], b"event: change").is_some(),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(e) => panic!("the stream: {e}"),
        }
        if is_due && loaded.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
            let (status, answer) = conn.ask(part.as_bytes());
            assert_eq!(status, 200, "{answer}");
            loads.fetch_add(1, Ordering::Relaxed);
            (is_due, loaded) = (false, Some(Instant::now()));
        }
    }
}
