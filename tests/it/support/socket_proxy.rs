//! A way to a PostgreSQL server that the test can stop: a Unix socket of its own, whose bytes go on to the server's or stay where they
//! are, as in a network that is cut.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::postgres_server::said_aloud;

/// The name of a server's socket in its directory.
const SOCKET: &str = ".s.PGSQL.5432";
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(crate) struct SocketProxy {
    dir: TempDir,
    gate: Arc<Gate>,
}

struct Gate {
    stalls: AtomicBool,
    /// What is held is passed on no more.
    is_cut: AtomicBool,
    /// How much has gone to the server, and after how much nothing does.
    passed: AtomicUsize,
    passes_max: usize,
}

impl SocketProxy {
    /// To the server of this URL; `None`, said aloud: it is not reached by a socket of this machine.
    pub(crate) fn to(url: &str) -> Option<Self> {
        Self::that_stalls_after(usize::MAX, url)
    }

    /// As [`SocketProxy::to`]; once so much has gone to the server, nothing goes through any more, its answer to the last of it first.
    pub(crate) fn that_stalls_after(passes_max: usize, url: &str) -> Option<Self> {
        if !url.contains("host=/") {
            said_aloud("its way cannot be cut");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("dcway").tempdir_in("/tmp").expect("a directory");
        let listener = UnixListener::bind(dir.path().join(SOCKET)).expect("a socket");
        let (server, gate) = (
            PathBuf::from(host(url)).join(SOCKET),
            Arc::new(Gate {
                stalls: AtomicBool::new(passes_max == 0),
                is_cut: AtomicBool::new(false),
                passed: AtomicUsize::new(0),
                passes_max,
            }),
        );
        let stalled = gate.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(upstream) = UnixStream::connect(&server) else { continue };
                for (from, to, is_to_server) in [(&client, &upstream, true), (&upstream, &client, false)] {
                    let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                    let stalled = stalled.clone();
                    std::thread::spawn(move || pass_on(from, to, &stalled, is_to_server));
                }
            }
        });
        Some(Self { dir, gate })
    }

    /// The same database by this way.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(host(url), &self.dir.path().display().to_string())
    }

    /// From now on nothing goes through, either way; or all of it, what waits first.
    pub(crate) fn stall(&self, stalls: bool) {
        self.gate.stalls.store(stalls, Ordering::SeqCst);
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.gate.stalls.load(Ordering::SeqCst)
    }

    /// How often something went to the server.
    pub(crate) fn passed(&self) -> usize {
        self.gate.passed.load(Ordering::SeqCst)
    }

    /// What is held never arrives, and both ends hear that the way is gone.
    pub(crate) fn cut(&self) {
        self.gate.is_cut.store(true, Ordering::SeqCst);
    }
}

fn host(url: &str) -> &str {
    let from = url.split_once("host=").expect("a socket's directory").1;
    from.split('&').next().unwrap_or_default()
}

fn pass_on(mut from: UnixStream, mut to: UnixStream, gate: &Gate, is_to_server: bool) {
    let mut bytes = [0; 8_192];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        while gate.stalls.load(Ordering::SeqCst) && !gate.is_cut.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK_EVERY);
        }
        if gate.is_cut.load(Ordering::SeqCst) {
            break;
        }
        // Before it goes: its answer must not be faster.
        if is_to_server && gate.passed.fetch_add(1, Ordering::SeqCst) + 1 == gate.passes_max {
            gate.stalls.store(true, Ordering::SeqCst);
        }
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
    let _ = from.shutdown(std::net::Shutdown::Both);
}
