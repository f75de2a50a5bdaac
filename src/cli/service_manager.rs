//! What is said to the service manager (systemd, `sd_notify`): never waits for it. A manager that does not read has a full socket, and
//! a plain send would stand still there, with the thread that does it.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

use crate::clock::Clock;
use crate::config::notify_socket;

/// What must be heard is tried for so long, this often.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// Says this, unless the manager's socket is full: then it is not said. Without a manager nothing is.
pub(super) fn tell(states: &[NotifyState<'_>]) {
    if let Some(Err(e)) = notify_socket().map(|socket| send(&socket, states)) {
        debug!(error = %e, "the service manager was not told");
    }
}

/// Says what must be heard; while the manager's socket is full it is tried again, for two seconds.
pub(super) async fn tell_surely(states: &[NotifyState<'_>], clock: &dyn Clock) {
    let Some(socket) = notify_socket() else { return };
    for _ in 0..TRIES {
        match send(&socket, states) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                clock.sleep_until(clock.now().plus(PAUSE)).await;
            }
            Err(e) => return debug!(error = %e, "the service manager was not told"),
            Ok(()) => return,
        }
    }
    debug!("the service manager was not told: its socket is full");
}

/// One datagram, without waiting.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] where the socket is full.
fn send(socket: &OsStr, states: &[NotifyState<'_>]) -> io::Result<()> {
    let mut text = String::new();
    for state in states {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{state}");
    }
    let to = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let from = UnixDatagram::unbound()?;
    from.set_nonblocking(true)?;
    from.send_to_addr(text.as_bytes(), &to).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_that_does_not_read_holds_up_nobody() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).expect("bound");
        manager.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        let tell = |states: &[NotifyState<'_>]| send(path.as_os_str(), states);
        // Enough for any queue: with a send that waits this would stand still for ever.
        let full = (0..100_000).find_map(|_| tell(&[NotifyState::Watchdog]).err()).expect("its socket is full");
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        let mut read = [0; 64];
        let n = manager.recv(&mut read).expect("one");
        assert_eq!(&read[..n], b"WATCHDOG=1\n");
        tell(&[NotifyState::Ready, NotifyState::Status("2 open")]).expect("there is room again");
        drop(manager);
        tell(&[NotifyState::Ready]).expect_err("nobody is there");
    }
}
