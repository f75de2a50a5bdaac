//! What the operating system asks of a running command.

use tokio::signal::unix::{SignalKind, signal};

/// Returns when the process is asked to stop (SIGTERM, SIGINT).
pub(crate) async fn stop_asked() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        // Without handlers the default ones end the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
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
