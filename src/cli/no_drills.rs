//! What stands in for the drills in a build without them: no command, and no sandbox.

use clap::error::{ContextKind, ContextValue};

use super::app::App;
use super::exit::ExitStatus;
use super::output::Output;
use super::report::CliError;

/// Commands of a build with drills.
const COMMANDS: &[&str] = &["demo", "sandbox", "test-reliability"];

/// Says that a command of the drills is missing here, rather than which other command it resembles.
pub(super) fn explain(mut e: clap::Error) -> clap::Error {
    let missing = matches!(e.get(ContextKind::InvalidSubcommand), Some(ContextValue::String(name)) if COMMANDS.contains(&name.as_str()));
    if missing {
        e.remove(ContextKind::SuggestedSubcommand);
        let tip = "this build has no drills: use one with the feature `drills`";
        e.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    e
}

/// There is none in this build.
pub(super) enum Sandbox {}

impl Sandbox {
    pub(super) async fn shutdown(self) {
        match self {}
    }
}

impl App {
    /// Nobody plays technicians in this build.
    pub(super) async fn receive_replies_at(&self, _sandbox: Option<&Sandbox>, _url: String) {}

    /// Nothing, where the configuration does without a sandbox.
    ///
    /// # Errors
    /// Exit 2 where it needs one.
    pub(super) async fn sandbox_if_needed(&mut self, _out: &Output) -> Result<Option<Sandbox>, CliError> {
        if !self.needs_sandbox() {
            return Ok(None);
        }
        Err(CliError::new(ExitStatus::Usage, "test mode needs a sandbox, and this build has no drills").hint(
            "use a build with the feature `drills`, or name a stand-in on this machine with DISPATCHCTL_TWILIO__BASE_URL",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::command;
    use super::*;

    #[test]
    fn a_command_of_the_drills_is_said_to_be_missing() {
        for name in COMMANDS {
            let e = explain(command().try_get_matches_from(["dispatchctl", name]).expect_err("not here"));
            assert!(e.to_string().contains("this build has no drills"), "{name}: {e}");
            assert_eq!(e.exit_code(), 2, "{name}");
        }
        let e = explain(command().try_get_matches_from(["dispatchctl", "statsu"]).expect_err("mistyped"));
        assert!(e.to_string().contains("'status'") && !e.to_string().contains("drills"), "{e}");
    }
}
