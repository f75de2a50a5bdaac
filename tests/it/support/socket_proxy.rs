//! A way to a PostgreSQL server that the test can stop: a Unix socket of its own, whose bytes go on to the server's or stay where they
//! are, as in a network that is cut.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::postgres_server::said_aloud;

/// The name of a server's socket in its directory.
const SOCKET: &str = ".s.PGSQL.5432";
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(crate) struct SocketProxy {
    dir: TempDir,
    stalls: Arc<AtomicBool>,
}

impl SocketProxy {
    /// To the server of this URL; `None`, said aloud: it is not reached by a socket of this machine.
    pub(crate) fn to(url: &str) -> Option<Self> {
        if !url.contains("host=/") {
            said_aloud("its way cannot be cut");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("dcway").tempdir_in("/tmp").expect("a directory");
        let listener = UnixListener::bind(dir.path().join(SOCKET)).expect("a socket");
        let (server, stalls) = (PathBuf::from(host(url)).join(SOCKET), Arc::new(AtomicBool::new(false)));
        let stalled = stalls.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(upstream) = UnixStream::connect(&server) else { continue };
                for (from, to) in [(&client, &upstream), (&upstream, &client)] {
                    let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                    let stalled = stalled.clone();
                    std::thread::spawn(move || pass_on(from, to, &stalled));
                }
            }
        });
        Some(Self { dir, stalls })
    }

    /// The same database by this way.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(host(url), &self.dir.path().display().to_string())
    }

    /// From now on nothing goes through, either way; or all of it, what waits first.
    pub(crate) fn stall(&self, stalls: bool) {
        self.stalls.store(stalls, Ordering::SeqCst);
    }
}

fn host(url: &str) -> &str {
    let from = url.split_once("host=").expect("a socket's directory").1;
    from.split('&').next().unwrap_or_default()
}

fn pass_on(mut from: UnixStream, mut to: UnixStream, stalled: &AtomicBool) {
    let mut bytes = [0; 8_192];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        while stalled.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK_EVERY);
        }
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
