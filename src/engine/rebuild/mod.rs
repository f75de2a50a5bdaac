//! Rebuilds calls that run from the shop's records and the provider's lists: after a lost disk, and when another system is
//! replaced.
//!
//! [`read`] takes a [`BaseSnapshot`] of *Calls*, *Dispatch Events* and the provider's messages; [`plan()`] is pure and says for
//! every call what was found, what will be done and why, and what could not be rebuilt; [`carry_out`] imports each call in a
//! transaction of its own. From then on they are calls like any other: what is due fires, what is unknown is found out, late
//! receipts join the attempts, whose ids they name. An id that is in the store already is left alone, so a second run, or one
//! after a crash in the middle, does only what is left.
//!
//! What it relies on: [`super::adopt`] and `recover --from-airtable` are its callers; rows without an attempt's id are another
//! system's: they tell that somebody was texted, and are no attempts of ours.

mod attempts;
mod base;
mod carry;
mod evidence;
mod plan;
mod problem;
mod read;
mod rowless;
pub(crate) mod rows;
mod snapshot;
#[cfg(test)]
mod tests;
mod words;

pub use base::{Base, ReadError};
pub use carry::{Carried, carry_out};
#[cfg(test)]
pub(super) use evidence::is_of_an_alert;
pub(super) use evidence::{is_repeat, kind_of, opens_with_reference};
pub(crate) use plan::new_call;
pub use plan::{PlanRow, RebuildPlan, plan};
pub use problem::RowProblem;
pub use read::{BaseReader, read, read_rows};
pub use rows::{CallRow, EventRow};
pub use snapshot::{BaseSnapshot, OLDER_THAN};
