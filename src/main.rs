//! Calls [`dispatchctl::run`] and returns its exit code.

use std::process::ExitCode;

/// What connections and bodies held goes back to the system: glibc's own keeps what it freed in small pieces. Its settings are in
/// `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    dispatchctl::run(std::env::args_os())
}
