//! Log lines on stderr: a message readable alone and fields to query. Never a text, a secret or a whole phone number.

use tracing_subscriber::EnvFilter;

/// Starts logging once; later calls change nothing. `verbose`: 0 warnings and what calls go through, 1 debug, 2 everything.
pub fn start(verbose: u8, json: bool) {
    let own = match verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_new(format!("warn,dispatchctl={own}")).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second start (tests) is no fault.
    let _ = if json { builder.json().flatten_event(true).try_init() } else { builder.with_ansi(false).try_init() };
}
