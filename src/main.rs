//! Calls [`dispatchctl::cli::run`] and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    dispatchctl::cli::run(std::env::args_os())
}
