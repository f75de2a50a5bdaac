//! What a drill has to do with its terminal: progress, and the end.

use std::io::IsTerminal as _;

use tokio::signal::unix::{SignalKind, signal};

use super::super::output::Output;
use super::super::signals;

/// Ends when the process is asked to stop, also by a terminal that is closed (SIGHUP) or quits it (SIGQUIT): the engines of a
/// drill must not outlive it. From the call on: a signal between the call and the first wait is kept.
pub(super) fn stop_asked() -> impl Future<Output = ()> + Send {
    let handlers = (signal(SignalKind::hangup()), signal(SignalKind::quit()));
    let stop = signals::stop_asked();
    async move {
        let (Ok(mut hup), Ok(mut quit)) = handlers else {
            return stop.await;
        };
        tokio::select! {
            _ = hup.recv() => {}
            _ = quit.recv() => {}
            () = stop => {}
        }
    }
}

/// Progress on a terminal for so many pieces of work; nothing in a pipe or with `--quiet`.
pub(super) fn counter(out: &Output, pieces: usize) -> indicatif::ProgressBar {
    if out.is_quiet() || !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new(u64::try_from(pieces).unwrap_or(0));
    if let Ok(style) = indicatif::ProgressStyle::with_template("{spinner} {pos}/{len} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}
