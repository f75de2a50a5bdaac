//! The pure core: no tokio, SQL, HTTP, clock or randomness. What it needs of them comes as an argument.
//!
//! Call: new → `DISPATCHING`; `DISPATCHING` → `ACKNOWLEDGED` · `RESOLVED` · `CANCELLED` · `EXHAUSTED`; see [`call`].
//! Attempt: `scheduled` → `sending` → `submitted` → `delivered` · `failed`, with `retrying` and `unknown` beside; see [`attempt`].

pub mod alert;
pub mod answers;
pub mod attempt;
pub mod body;
pub mod breaker;
pub mod bulk;
pub mod call;
pub mod change;
pub mod codes;
mod decide;
pub mod event;
mod failure;
mod import;
mod ladder;
mod ladder_end;
pub mod log;
pub mod masking;
pub mod phone;
pub mod policy;
pub mod provider_clock;
pub mod receipt;
pub mod reply;
mod resend;
pub mod rules;
pub mod safeguards;
mod sending;
mod sequence;
pub mod settings;
mod settle;
mod status_update;
pub mod step;
pub mod team;
#[cfg(test)]
mod tests;
pub(crate) mod trip;
pub mod types;
mod wording;
pub mod work;

pub use alert::{AlertKey, AlertKind, Severity};
pub use codes::{Class, ErrorClass, Special};
pub use event::Settlement;
pub use phone::PhoneNumber;
pub use provider_clock::{ClockOffset, ProviderClock};
pub use receipt::{MessageStatus, Verdict};
pub use rules::UnknownPolicy;
pub use sequence::missed_steps;
pub use types::Timestamp;
