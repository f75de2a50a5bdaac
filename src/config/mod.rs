//! Configuration: flags, environment, `.env`, file and defaults become one checked [`Config`].
//!
//! [`load`] finds everything that is wrong in one pass, each problem with its file and line, key and accepted form. It never
//! shows a secret, neither in an error nor in `Debug` nor in [`show`]. Secrets that one command needs and another does not
//! are asked for by that command ([`Config::twilio_required`] and its kin): a missing one stops nobody else.
//! In test mode what the file points at is replaced by places on this machine, and what a flag or an environment variable
//! points at must be on it. Every default is in `default.toml`, which is read as the weakest layer.
//!
//! Where the store holds settings, [`load_under`] makes the [`Config`] from those and from what the process brings itself.

mod airtable;
mod airtable_types;
mod airtable_values;
mod airtable_words;
mod alerts;
mod board;
mod board_types;
mod calendar_types;
mod calendars;
mod check;
mod delivery;
mod env;
mod event_types;
mod events;
mod file;
mod followthrough;
mod forms;
mod in_force;
pub(crate) mod intake;
mod intake_lists;
mod intake_types;
mod known;
mod levels;
mod limits;
mod load;
mod network;
mod oncall;
mod origin;
mod people;
mod presets;
#[cfg(feature = "drills")]
pub(crate) mod properties;
mod proxies;
mod raw;
mod read;
mod replies;
mod report;
mod report_types;
mod rotations;
mod secret_url;
mod secrets;
mod server;
mod show;
mod sink_types;
mod sinks;
mod smtp;
pub(crate) mod spend;
mod store;
mod store_server;
mod store_types;
mod test_mode;
#[cfg(test)]
mod tests;
mod twilio;
mod types;
mod voice;
mod voice_types;

pub use airtable_types::*;
pub use airtable_words::{AVAILABLE, AWAY, AirtableValues, DEFERRED, DISPATCHING_TOLD, EXHAUSTED_UNTOLD, ValueMap};
pub use alerts::WAKES_NOBODY;
pub use calendar_types::{CalendarAt, CalendarPlace};
pub use env::{Sources, no_color, notify_socket, unknown_time_zone, user_name};
pub use event_types::key_of;
pub use forms::duration;
pub use in_force::{differences, sinks_of};
pub use intake_types::{
    CallListPlace, CallListSource, CustomSource, FieldPaths, Intake, ListCondition, ListRule, ListTest, RetellSource,
    VapiSource,
};
pub use load::{DEFAULTS, completed, load, load_document, load_under, load_under_without_file, place};
pub use network::Network;
pub use origin::{ConfigErrors, ConfigProblem};
pub use people::{EmptyRole, empty_roles, no_last_resort, unstaffed_roles};
pub use presets::names as preset_names;
pub use report_types::MailedReports;
pub use secret_url::SecretUrl;
pub use sink_types::{Sink, SinkFormat, SinkPlace, SinkSecret};
pub use store::retention_of;
pub use store_types::{StoreLocation, StoreServer};
pub use types::*;
