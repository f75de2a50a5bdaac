//! The provider of the benchmark: a bare loopback peer that notes what arrives and costs next to nothing.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{content_length, find, now_ms};

#[derive(Clone)]
pub(crate) struct Arrival {
    pub(crate) attempt: String,
    pub(crate) sid: String,
    pub(crate) reference: String,
    pub(crate) at_ms: f64,
}

pub(crate) struct Peer {
    pub(crate) addr: SocketAddr,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

impl Peer {
    pub(crate) fn start() -> Self {
        let arrivals: Arc<Mutex<Vec<Arrival>>> = Arc::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
        listener.set_nonblocking(true).expect("nonblocking");
        let addr = listener.local_addr().expect("address");
        let seen = arrivals.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("listener");
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    tokio::spawn(answer(stream, seen.clone()));
                }
            });
        });
        Self { addr, arrivals }
    }

    pub(crate) fn forget(&self) {
        self.arrivals.lock().expect("lock").clear();
    }

    /// Waits until so many phones were rung.
    pub(crate) fn wait_for_phone_calls(&self, n: usize) -> Vec<Arrival> {
        let deadline = Instant::now() + Duration::from_secs(180);
        loop {
            let rung = self.arrivals.lock().expect("lock").clone();
            let phones: std::collections::HashSet<&str> = rung.iter().map(|a| a.reference.as_str()).collect();
            if rung.len() >= n {
                assert!(rung.len() == n && phones.len() == n, "{} phone calls to {} phones", rung.len(), phones.len());
                return rung;
            }
            assert!(Instant::now() < deadline, "{} of {n} phones were rung", rung.len());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn wait_for(&self, n: usize) -> Vec<Arrival> {
        let deadline = Instant::now() + Duration::from_secs(180);
        loop {
            let seen = self.arrivals.lock().expect("lock").len();
            if seen >= n {
                let all = self.arrivals.lock().expect("lock").clone();
                let mut count: HashMap<&str, usize> = HashMap::new();
                all.iter().for_each(|a| *count.entry(&a.reference).or_default() += 1);
                let twice: Vec<_> = count.iter().filter(|(_, c)| **c > 1).collect();
                let unasked: Vec<_> = all.iter().map(|a| &a.reference).filter(|r| !r.ends_with("-1")).take(3).collect();
                assert!(
                    seen == n && twice.is_empty(),
                    "{seen} texts, {n} asked for; twice: {twice:?}, others: {unasked:?}"
                );
                return all;
            }
            assert!(Instant::now() < deadline, "{seen} of {n} texts arrived");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Answers one create as the provider does and notes when it came.
async fn answer(mut stream: tokio::net::TcpStream, seen: Arc<Mutex<Vec<Arrival>>>) {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    let mut buffer = Vec::with_capacity(2048);
    let mut chunk = [0; 2048];
    loop {
        let Ok(n) = stream.read(&mut chunk).await else { return };
        if n == 0 {
            return;
        }
        buffer.extend_from_slice(&chunk[..n]);
        let Some(end) = find(&buffer, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
        if buffer.len() >= end + 4 + content_length(&head) {
            let at_ms = now_ms();
            let mut arrival = Arrival { attempt: String::new(), sid: String::new(), reference: String::new(), at_ms };
            // A phone call carries no reference: its phone is what tells it apart.
            let phone_call = head.contains("/calls.json");
            for (k, v) in form_urlencoded::parse(&buffer[end + 4..]) {
                match &*k {
                    "To" if phone_call => arrival.reference = v.into_owned(),
                    "StatusCallback" => {
                        let path = v.split('#').next().unwrap_or_default();
                        arrival.attempt = path.rsplit('/').next().unwrap_or_default().to_owned();
                    }
                    "Body" => arrival.reference = v.split(' ').next().unwrap_or_default().to_owned(),
                    _ => {}
                }
            }
            let create = head.starts_with("post ");
            let kind = if phone_call { "CA" } else { "SM" };
            arrival.sid = format!("{kind}{:032x}", SERIAL.fetch_add(1, Ordering::Relaxed));
            let body = format!(
                r#"{{"sid":"{}","status":"queued","error_code":null,"to":"+19495550101","from":"+15005550006","body":"","direction":"outbound-api"}}"#,
                arrival.sid
            );
            // Questions (a list of replies) are no texts.
            if create {
                seen.lock().expect("lock").push(arrival);
            }
            let text = format!(
                "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(text.as_bytes()).await;
            return;
        }
    }
}
