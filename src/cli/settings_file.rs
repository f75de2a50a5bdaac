//! The alert of a configuration file that is wrong while settings in force stand in for it.

use crate::config::ConfigErrors;
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::engine::apply::Core;
use crate::store::StoreError;

/// Raises that the own configuration is wrong and the settings in force stand in for it; or says that this is over. `replica`: which of
/// several it is whose file is meant.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn say(core: &Core, replica: Option<&str>, wrong: Option<&ConfigErrors>) -> Result<(), StoreError> {
    let key = replica.map_or_else(|| AlertKind::SettingsFile.into(), |name| AlertKind::SettingsFile.about(name));
    let change = match wrong {
        Some(wrong) => {
            let first = wrong.0.first().map(ToString::to_string).unwrap_or_default();
            let number = core.in_force().basis.settings.map(|n| format!(" {n}")).unwrap_or_default();
            let whose = replica.map(|name| format!(" of {name}")).unwrap_or_default();
            let message = format!(
                "the configuration{whose} is wrong: {first}; the settings in force{number} stand in for it: correct it, then reload (SIGHUP)"
            );
            AlertChange::Raise { key, call: None, message }
        }
        None => AlertChange::Resolve { key },
    };
    core.apply(Event::Alert(change), Actor::engine()).await.map(drop)
}
