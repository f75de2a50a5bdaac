//! What keeps an engine that has lost its lease from deciding and from sending: each is taken away once. Left out aloud where there is
//! no PostgreSQL.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::fault_injection::SAFEGUARDS_OFF;
use crate::support::http;
use crate::support::postgres_server::{TestServer, test_server};
use crate::support::process::Process;
use crate::support::socket_proxy::SocketProxy;
use crate::support::stage::{Stage, emergency, free_port, text};
use crate::support::wait::{now, until, until_time};

/// What a check saw; `Ok` where the promise holds.
type Seen = Result<String, String>;

const ROUNDS: usize = 4;
/// A client asks for its connection again 1, 3 and 7 s after it asked first.
const CONNECTED_WITHIN: Duration = Duration::from_secs(9);
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(crate) fn without_server(off: Option<&str>) -> Seen {
    match off {
        None => Ok("left out: there is no PostgreSQL here".into()),
        Some(_) => Err("left out: there is no PostgreSQL here".into()),
    }
}

fn serve(stage: &Stage, off: Option<&str>) -> Process {
    let listen = stage.at().to_string();
    let mut command = stage.shop.command(&["-o", "json", "serve", "--listen", &listen]);
    command.envs(off.map(|guard| (SAFEGUARDS_OFF, guard)));
    let process = Process::start(&mut command, &stage.shop.path(""), &stage.next_name());
    until("it is the engine", || is_engine(stage).then_some(()));
    process
}

fn is_engine(stage: &Stage) -> bool {
    http::json(stage.at(), "GET", "/readyz", None).is_ok_and(|a| text(&a.json(), "role") == "leader")
}

fn dispatched(stage: &Stage, call: &str) {
    let answer = http::json(stage.at(), "POST", "/api/dispatch/manual", Some(&emergency(call, "normal")));
    assert!(answer.is_ok_and(|a| matches!(a.status, 201 | 202)), "{call} is not accepted");
}

/// The lease is another's, and this engine does not know yet: a text that is claimed all the same may be claimed twice.
pub(crate) fn fence(off: Option<&str>) -> Seen {
    let Some(server) = test_server() else { return without_server(off) };
    let url = server.schema();
    let stage = Stage::on_server("", url.clone());
    let _serve = serve(&stage, off);
    for round in 0..ROUNDS {
        let call = format!("c{round}");
        server.psql(&url, "UPDATE engine SET holder = 'eng_other', beat = 0 WHERE slot = 1");
        let seen = std::thread::scope(|scope| {
            let client = scope.spawn(|| dispatched(&stage, &call));
            let end = now().plus(Duration::from_millis(1_500));
            let mut sent = false;
            while now() < end {
                sent |= texts(&stage) > round;
                std::thread::sleep(LOOK_EVERY);
            }
            client.join().expect("accepted");
            sent
        });
        if seen {
            return Err("an engine whose lease was another's claimed and sent a text".into());
        }
        // Nobody renews the other's: it is taken over, and the call goes on.
        until("its text has left", || (texts(&stage) > round).then_some(()));
        if off.is_none() {
            return Ok("nothing left before the lease was had again".into());
        }
    }
    Ok("nothing left while the lease was another's".into())
}

fn texts(stage: &Stage) -> usize {
    stage.ledger().texts().len()
}

/// The lease may have ended while the connection to the provider was opened.
pub(crate) fn permit(off: Option<&str>) -> Seen {
    let Some(server) = test_server() else { return without_server(off) };
    let url = server.schema();
    let Some(way) = SocketProxy::to(&url) else { return without_server(off) };
    let mut stage = Stage::on_server("", way.url(&url));
    let provider = Gate::to(stage.sandbox_at());
    for (name, value) in [
        ("SANDBOX__LISTEN", provider.at.to_string()),
        ("TWILIO__CONNECT_TIMEOUT", "12s".into()),
        ("TWILIO__REQUEST_TIMEOUT", "14s".into()),
    ] {
        stage.shop.set(&format!("DISPATCHCTL_{name}"), value);
    }
    let _serve = serve(&stage, off);
    let _full = provider.close();
    let client = std::thread::spawn({
        let at = stage.at();
        move || drop(http::json(at, "POST", "/api/dispatch/manual", Some(&emergency("c1", "normal"))))
    });
    until("its text is claimed", || (sending(server, &url) == "1").then_some(()));
    let given_up = now().plus(CONNECTED_WITHIN);
    // No renewal is answered any more: the permit ends within 3 s.
    way.stall(true);
    until_time(now().plus(Duration::from_millis(3_500)));
    provider.open();
    while provider.posts() == 0 && now() < given_up {
        std::thread::sleep(LOOK_EVERY);
    }
    let sent = provider.posts();
    way.stall(false);
    client.join().expect("no panic");
    match sent {
        0 => Ok("nothing was written to the connection that came too late".into()),
        n => Err(format!("{n} POST(s) began after the lease could have ended")),
    }
}

fn sending(server: &TestServer, url: &str) -> String {
    server.psql(url, "SELECT count(*) FROM attempts WHERE state = 'sending'")
}

/// The way to the provider. While it is closed, no connection is opened: its queue is full.
struct Gate {
    at: SocketAddr,
    open: Arc<AtomicBool>,
    posts: Arc<AtomicUsize>,
}

impl Gate {
    fn to(provider: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", free_port())).expect("a port");
        let at = listener.local_addr().expect("an address");
        let gate = Self { at, open: Arc::new(AtomicBool::new(true)), posts: Arc::default() };
        let (open, posts) = (gate.open.clone(), gate.posts.clone());
        std::thread::spawn(move || {
            loop {
                while !open.load(Ordering::SeqCst) {
                    std::thread::sleep(LOOK_EVERY);
                }
                let Ok((client, _)) = listener.accept() else { return };
                let posts = posts.clone();
                std::thread::spawn(move || pass_on(client, provider, &posts));
            }
        });
        gate
    }

    /// Nothing is accepted any more, and its queue is filled: what is kept must live until it is opened.
    fn close(&self) -> Vec<TcpStream> {
        self.open.store(false, Ordering::SeqCst);
        // The one that is waited for already is still accepted.
        let mut full: Vec<TcpStream> = TcpStream::connect(self.at).into_iter().collect();
        std::thread::sleep(Duration::from_millis(50));
        while let Ok(one) = TcpStream::connect_timeout(&self.at, Duration::from_millis(300)) {
            full.push(one);
        }
        self.posts.store(0, Ordering::SeqCst);
        full
    }

    fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    fn posts(&self) -> usize {
        self.posts.load(Ordering::SeqCst)
    }
}

fn pass_on(mut client: TcpStream, provider: SocketAddr, posts: &AtomicUsize) {
    let mut bytes = [0; 16_384];
    let n = client.read(&mut bytes).unwrap_or(0);
    if n == 0 {
        return;
    }
    if bytes.starts_with(b"POST ") {
        posts.fetch_add(1, Ordering::SeqCst);
    }
    let Ok(mut upstream) = TcpStream::connect(provider) else { return };
    if upstream.write_all(&bytes[..n]).is_err() {
        return;
    }
    let (Ok(mut back), Ok(mut answers)) = (client.try_clone(), upstream.try_clone()) else { return };
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(std::net::Shutdown::Both);
    });
    let _ = std::io::copy(&mut client, &mut upstream);
    let _ = upstream.shutdown(std::net::Shutdown::Write);
}
