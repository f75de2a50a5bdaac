//! Who runs a command, as the log names them.

use crate::config;
use crate::domain::types::Actor;

use super::exit::ExitStatus;
use super::report::CliError;

/// Who runs this command, for the log: the name the operating system knows, or what `--by` says.
pub(crate) fn operator(by: Option<&str>) -> Actor {
    let os = config::user_name().unwrap_or_else(|| "operator".into());
    // A user of this system may have any name; the log's own are not for him.
    let os = if Actor::is_reserved(&os, []) { format!("user {os}") } else { os };
    match by.map(str::trim).filter(|b| !b.is_empty()) {
        Some(name) if name != os => Actor(format!("{name} ({os})")),
        _ => Actor(os),
    }
}

/// `--by` names a person.
///
/// # Errors
/// Exit 2 where the log gives that name to the engine, a provider or a token; nothing was done.
pub(crate) fn check_by(by: Option<&str>, tokens: &[config::Token]) -> Result<(), CliError> {
    let taken = by.is_some_and(|by| Actor::is_reserved(by, tokens.iter().map(|t| t.name.as_str())));
    if !taken {
        return Ok(());
    }
    let what = format!("--by {:?} is how the log names the engine, a provider or a token", by.unwrap_or_default());
    Err(CliError::new(ExitStatus::Usage, what).hint("give a person's name; nothing was done"))
}
