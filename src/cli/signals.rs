//! What the operating system asks of a running command.

use tokio::signal::unix::{SignalKind, signal};

/// Ends when the process is asked to stop (SIGTERM, SIGINT), from the call on: a signal between the call and the first wait is
/// kept.
pub(crate) fn stop_asked() -> impl Future<Output = ()> + Send {
    let handlers = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut term), Ok(mut int)) = handlers else {
            // Without handlers the default ones end the process.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }
}

/// From now on a write beyond the size that the system allows a file (`ulimit -f`, systemd's `LimitFSIZE`) is an error like a
/// full disk, and not the end of the process.
pub(crate) fn size_limits_are_errors() {
    // A handler, once there, stays; the listener need not.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

/// Returns when the user interrupts (SIGINT).
pub(crate) async fn interrupted() {
    match signal(SignalKind::interrupt()) {
        Ok(mut int) => {
            int.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
