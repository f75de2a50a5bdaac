//! Says of the history of a storm what was lost, doubled, late or out of order: `cargo run --example checker -- FILE`.
//!
//! It knows nothing of dispatchctl but the file that `dispatchctl test-reliability --storm N --history FILE` writes (its lines are
//! described in `src/reliability/history.rs`): what clients asked and were answered, what the provider accepted, what the service says
//! of each call. Exit code: 0 where every promise held, 1 where one broke, 2 where the file cannot be read as a history.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, whose word is what it prints")]

mod check;
mod history;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

const USAGE: &str =
    "usage: checker FILE\n\nFILE is what `dispatchctl test-reliability --storm N --history FILE` has written";

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let [file] = args.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let read = std::fs::read(file).map_err(|e| format!("cannot be read: {e}"));
    match read.and_then(|bytes| history::History::parse(&bytes)) {
        Ok(history) => {
            let found = check::check(&history);
            println!("{found}");
            if found.wrongs.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(e) => {
            eprintln!("{}: {e}", file.display());
            ExitCode::from(2)
        }
    }
}
