//! The lists of phone calls that are compared with what was reported: their clients, their duties, and what a start says of them.

use std::sync::Arc;

use tracing::{info, warn};

use crate::config::{CallListPlace, CallListSource};
use crate::domain::team::Directory;
use crate::engine::phone_calls::CallListWatch;
use crate::engine::supervisor::Supervisor;
use crate::engine::{Engine, duties};
use crate::gateways::phone_calls::{ListedNumbers, PhoneCallList, RetellCalls, TwilioCalls, VapiCalls};

use super::app::App;
use super::exit::ExitStatus;
use super::report::CliError;

/// A list, and the client that reads it.
pub(super) type CallList = (CallListSource, Arc<dyn PhoneCallList>);

impl App {
    /// Those that are configured.
    ///
    /// # Errors
    /// Exit 2: no client can be made of an address, or Twilio's credentials are missing.
    pub(super) fn call_lists(&self, numbers: &ListedNumbers) -> Result<Vec<CallList>, CliError> {
        self.config.intake.lists.iter().map(|source| Ok((source.clone(), self.call_list(source, numbers)?))).collect()
    }

    fn call_list(&self, source: &CallListSource, numbers: &ListedNumbers) -> Result<Arc<dyn PhoneCallList>, CliError> {
        let failed = |why: String| {
            CliError::new(ExitStatus::Usage, format!("the list of phone calls of {} cannot be read", source.source()))
                .cause(why)
        };
        Ok(match &source.place {
            CallListPlace::Retell { base_url, api_key } => {
                Arc::new(RetellCalls::new(base_url.clone(), api_key.clone()).map_err(failed)?)
            }
            CallListPlace::Vapi { base_url, api_key } => {
                Arc::new(VapiCalls::new(base_url.clone(), api_key.clone()).map_err(failed)?)
            }
            CallListPlace::Twilio => Arc::new(TwilioCalls::new(self.twilio()?, numbers.clone())),
        })
    }
}

/// The numbers that customers dial: those of the lines; without lines the sender's, where it is a number.
pub(super) fn numbers(directory: &Directory) -> Vec<String> {
    let lines: Vec<String> = directory.lines.iter().filter_map(|line| line.number.clone()).collect();
    let from = directory.from.iter().map(|from| from.as_str().to_owned()).filter(|from| from.starts_with('+'));
    if lines.is_empty() { from.collect() } else { lines }
}

/// The lists of these settings are compared from now on, and no others.
pub(super) fn assign(app: &App, engine: &Arc<Engine>, supervisor: &Arc<Supervisor>) -> Result<(), CliError> {
    let core = engine.core.clone();
    let numbers: ListedNumbers = Arc::new(move || numbers(&core.directory()));
    let watches = app
        .call_lists(&numbers)?
        .into_iter()
        .map(|(source, list)| CallListWatch::new(engine.core.clone(), list, source));
    supervisor.assign(duties::CALL_LISTS, duties::call_lists(watches.collect()));
    Ok(())
}

/// Says which lists are compared, or what nobody sees without one.
pub(super) fn say(app: &App) {
    let intake = &app.config.intake;
    for list in &intake.lists {
        info!(every_s = list.every.as_secs(), "phone calls are compared with the list of {}", list.source());
        if matches!(list.place, CallListPlace::Twilio) && numbers(&app.config.directory).is_empty() {
            warn!("intake.twilio.list is on and no line has a number: none of its calls is compared");
        }
    }
    if intake.lists.is_empty() {
        let what = "no list of phone calls is compared: a call that its platform does not report is seen by nobody";
        if intake.retell.is_some() || intake.vapi.is_some() {
            warn!("{what}; see intake.retell.list")
        } else {
            info!("{what}")
        }
    }
}
