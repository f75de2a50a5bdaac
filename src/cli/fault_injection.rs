//! What the environment asks of a drill: checked with the configuration, armed when the store is opened, refused in live mode.

use crate::config::{Config, Mode, SecretUrl, Sink, SinkFormat, SinkPlace, Sources};
use crate::domain::alert::Severity;
use crate::failpoint::{self, Orders, Safeguard};

use super::exit::ExitStatus;
use super::global::ConfigNeed;
use super::report::CliError;

/// Checks what is asked for and hands it on; the store arms it, where it is stamped test.
///
/// # Errors
/// Exit 2: a name that does not exist, or live mode. Nothing is armed.
pub(super) fn prepare(sources: &Sources, config: &mut Config) -> Result<(), CliError> {
    let asked = sources.fault_injection();
    let orders = Orders::parse(asked.failpoint, asked.safeguards_off.map(|all| all.split(',')));
    let orders = orders.map_err(|e| refused("the drill that the environment asks for cannot be").cause(e))?;
    if orders.is_empty() && asked.sink.is_none() {
        return Ok(());
    }
    if config.mode == Mode::Live {
        return Err(refused("the environment arms a drill, and this is live mode: nothing was done"));
    }
    add_sinks(sources, config)?;
    failpoint::want(orders);
    Ok(())
}

/// The settings that a command is given: its own where a drill has taken away the guard that gives it those in force.
pub(super) fn wanted(sources: &Sources, mode: Mode, wanted: ConfigNeed) -> ConfigNeed {
    let orders = Orders::parse(None, sources.fault_injection().safeguards_off.map(|all| all.split(',')));
    let is_off = mode == Mode::Test && orders.is_ok_and(|o| o.takes_away(Safeguard::SettingsInForce));
    if is_off && wanted == ConfigNeed::InForce { ConfigNeed::Own } else { wanted }
}

/// The sinks that the environment of a drill names; a configuration that is read again has them too.
///
/// # Errors
/// Exit 2: a URL that is not on this machine.
pub(super) fn add_sinks(sources: &Sources, config: &mut Config) -> Result<(), CliError> {
    match sources.fault_injection().sink {
        Some(text) if config.mode == Mode::Test => {
            config.alerts.sinks.extend(sinks(text)?);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// One URL, or several sinks as `NAME=URL` with spaces between.
fn sinks(text: &str) -> Result<Vec<Sink>, CliError> {
    let one = |text: &str| {
        let named = text.split_once('=').filter(|(name, _)| !name.contains(':'));
        let (name, url) = named.unwrap_or(("drill", text));
        let url = SecretUrl::of_fault_injection(url)
            .ok_or_else(|| refused("DISPATCHCTL_DRILL_SINK is not an http URL on this machine"))?;
        let place = SinkPlace::Webhook { url, format: SinkFormat::Plain, signs: Vec::new(), token: None };
        Ok(Sink { name: name.to_owned(), min: Severity::Notice, fallback_for: None, repeat: None, place })
    };
    text.split_whitespace().map(one).collect()
}

fn refused(what: &str) -> CliError {
    CliError::new(ExitStatus::Usage, what).hint(
        "leave out DISPATCHCTL_FAILPOINT, DISPATCHCTL_SAFEGUARDS_OFF and DISPATCHCTL_DRILL_SINK, or use --test-mode and a test store",
    )
}
