//! The load: requests over keep-alive connections, each timed; and the figures printed of them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many connections a load opens.
pub(crate) const CONNECTIONS: usize = 64;

pub(crate) struct Run {
    pub(crate) rate: f64,
    pub(crate) times: Vec<f64>,
}

impl Run {
    pub(crate) fn print(&self, label: &str) {
        let mut times = self.times.clone();
        println!("{label}: {:.0} a second at {CONNECTIONS} connections", self.rate);
        print_quantiles("  latency", "ms", &mut times);
    }
}

/// Sends every request once over keep-alive connections and demands this status.
pub(crate) fn drive(addr: SocketAddr, requests: Vec<Vec<u8>>, wanted: u16) -> Run {
    let next = AtomicUsize::new(0);
    let all: Mutex<Vec<f64>> = Mutex::default();
    let at = Instant::now();
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut conn = Conn::open(addr);
                let mut times = Vec::new();
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let sent = Instant::now();
                    let (status, answer) = conn.ask(request);
                    times.push(ms(sent.elapsed()));
                    assert_eq!(status, wanted, "{answer}");
                }
                all.lock().expect("lock").extend(times);
            });
        }
    });
    let rate = requests.len() as f64 / at.elapsed().as_secs_f64();
    Run { rate, times: all.into_inner().expect("lock") }
}

pub(crate) struct Conn {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Conn {
    pub(crate) fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("connects");
        stream.set_nodelay(true).expect("nodelay");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("timeout");
        Self { stream, buffer: Vec::with_capacity(4096) }
    }

    pub(crate) fn ask(&mut self, request: &[u8]) -> (u16, String) {
        self.stream.write_all(request).expect("written");
        self.buffer.clear();
        let mut chunk = [0; 4096];
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).to_lowercase();
                let status: u16 = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("status");
                let length = content_length(&head);
                if self.buffer.len() >= end + 4 + length {
                    return (status, String::from_utf8_lossy(&self.buffer[end + 4..end + 4 + length]).into_owned());
                }
            }
            let n = self.stream.read(&mut chunk).expect("an answer");
            assert!(n > 0, "closed without an answer");
            self.buffer.extend_from_slice(&chunk[..n]);
        }
    }
}

pub(crate) fn content_length(head: &str) -> usize {
    head.lines().find_map(|l| l.strip_prefix("content-length:")).and_then(|v| v.trim().parse().ok()).unwrap_or(0)
}

pub(crate) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}

pub(crate) fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}

pub(crate) fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, ms)
}

pub(crate) fn print_quantiles(label: &str, unit: &str, values: &mut [f64]) {
    values.sort_by(f64::total_cmp);
    let q = |p: f64| values.get(((values.len() as f64 - 1.0) * p).round() as usize).copied().unwrap_or(f64::NAN);
    println!(
        "{label}: p50 {:.2} {unit}, p99 {:.2} {unit}, max {:.2} {unit} (n = {})",
        q(0.5),
        q(0.99),
        q(1.0),
        values.len()
    );
}
