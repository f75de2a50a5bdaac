//! The pure core: no tokio, SQL, HTTP, clock or randomness. What it needs of them comes as an argument.
//!
//! Call: new → `DISPATCHING`; `DISPATCHING` → `ACKNOWLEDGED` · `RESOLVED` · `CANCELLED` · `EXHAUSTED`; see [`call`].
//! Attempt: `scheduled` → `sending` → `submitted` → `delivered` · `failed`, with `retrying` and `unknown` beside; see [`attempt`].

pub(crate) mod alert;
pub(crate) mod answers;
pub(crate) mod attempt;
pub(crate) mod authority;
pub(crate) mod body;
pub(crate) mod breaker;
pub(crate) mod bulk;
mod by_hand;
pub(crate) mod call;
pub(crate) mod change;
pub(crate) mod codes;
pub(crate) mod database;
mod decide;
mod deferred;
pub(crate) mod dial;
pub(crate) mod event;
mod failure;
pub(crate) mod followthrough;
pub(crate) mod hours;
pub(crate) mod ical;
mod import;
mod ladder;
mod ladder_end;
pub(crate) mod levels;
pub(crate) mod log;
pub(crate) mod mail;
pub(crate) mod masking;
pub(crate) mod merge;
pub(crate) mod night;
pub(crate) mod night_mail;
pub(crate) mod oncall;
pub(crate) mod outcome;
pub(crate) mod outgoing;
pub(crate) mod phone;
pub(crate) mod phone_call;
pub(crate) mod policy;
pub(crate) mod provider_clock;
pub(crate) mod quiet;
mod raise_untold;
pub(crate) mod receipt;
pub(crate) mod reply;
pub(crate) mod report;
mod resend;
pub(crate) mod roll_call;
pub(crate) mod rules;
pub(crate) mod safeguards;
mod sending;
mod sequence;
pub(crate) mod settings;
mod settle;
mod sids;
pub(crate) mod similar;
mod status_update;
pub(crate) mod step;
pub(crate) mod team;
#[cfg(test)]
mod tests;
pub(crate) mod trip;
pub(crate) mod types;
mod update;
pub(crate) mod voice;
mod wording;
pub(crate) mod work;

pub use alert::{AlertKey, AlertKind};
pub use codes::{Class, Special};
pub use event::Settlement;
pub use ladder_end::ANSWERED_WITHIN;
pub use phone::PhoneNumber;
pub use provider_clock::{ClockOffset, ProviderClock};
pub use receipt::{MessageStatus, Verdict};
pub use rules::UnknownPolicy;
pub use sequence::missed_steps;
pub use types::Timestamp;
