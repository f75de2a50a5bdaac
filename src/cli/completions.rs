//! `completions SHELL`. The same files are committed in `completions/`; a test keeps them current.

use clap_complete::Shell;

use super::args::command;
use super::exit::ExitStatus;
use super::output::Output;
use super::report::CliError;

/// Which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<ExitStatus, CliError> {
    let mut buffer = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "dispatchctl", &mut buffer);
    let text =
        String::from_utf8(buffer).map_err(|e| CliError::new(ExitStatus::Bug, "completions are not text").cause(e))?;
    out.raw(text.trim_end());
    Ok(ExitStatus::Done)
}
