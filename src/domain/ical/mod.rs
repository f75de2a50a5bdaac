//! Calendars (iCal, RFC 5545): the part that rotas use, as occurrences with a beginning and an end (`facts/oncall.md` §5).
//!
//! A calendar is unfolded ([`lines`]), cut into events and zones ([`components`]), read with the clocks that it names ([`event`],
//! [`zones`], [`observances`]) and counted out within a window ([`expand`], [`dates`], [`rule`]). What an event says beside that
//! part refuses the event by name; nothing is guessed, and no bytes make it panic.
//!
//! An event that ends at 06:00 ends at 06:00, also in the night in which the clock is changed: the end is read as people read it,
//! where RFC 5545 §3.8.5.3 keeps the exact length. A DURATION is as long as it says: days by the calendar, hours exact.

mod components;
mod dates;
mod event;
mod expand;
pub(crate) mod feed;
pub(crate) mod kept;
mod lines;
mod observances;
#[cfg(test)]
mod oracle_tests;
pub(crate) mod overlay;
pub(crate) mod people;
#[cfg(feature = "drills")]
pub(crate) mod properties;
mod reading;
mod rule;
mod shifts;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_rules;
mod types;
mod value;
mod zones;

pub use people::People;
pub use reading::read;
pub use shifts::shifts;
pub use types::{BYTES_MAX, Place, Reading, Refused, Window};
