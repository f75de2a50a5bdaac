//! Log lines on stderr: a message readable alone and fields to query. Never a text, a secret or a whole phone number.

use tracing_subscriber::EnvFilter;

/// How much is said without `-v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usual {
    /// A daemon tells what its calls go through.
    Info,
    /// A command has its own words.
    Warn,
}

/// Starts logging once; later calls change nothing. `verbose`: one step more for each.
pub fn start(usual: Usual, verbose: u8, json: bool) {
    let steps = ["warn", "info", "debug", "trace"];
    let from = usize::from(usual == Usual::Info);
    let own = steps.get(from + usize::from(verbose)).unwrap_or(&"trace");
    let filter = EnvFilter::try_new(format!("warn,dispatchctl={own}")).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // By default a line that cannot be written is told of by `eprintln!`, which panics on the same closed pipe or full disk.
    let builder = builder.log_internal_errors(false);
    // A second start (tests) is no fault.
    let _ = if json { builder.json().flatten_event(true).try_init() } else { builder.with_ansi(false).try_init() };
}
