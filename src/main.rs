//! Calls [`dispatchctl::run`] and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    dispatchctl::run(std::env::args_os())
}
