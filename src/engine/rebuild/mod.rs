//! Rebuilds calls that run from the shop's records and the provider's lists: after a lost disk, and when another system is
//! replaced.
//!
//! [`read`] takes a [`Snapshot`] of *Calls*, *Dispatch Events* and the provider's messages; [`plan()`] is pure and says for
//! every call what was found, what will be done and why, and what could not be rebuilt; [`carry_out`] imports each call in a
//! transaction of its own. From then on they are calls like any other: what is due fires, what is unknown is found out, late
//! receipts join the attempts, whose ids they name. An id that is in the store already is left alone, so a second run, or one
//! after a crash in the middle, does only what is left.
//!
//! What it relies on: [`super::adopt`] and `recover --from-airtable` are its callers; rows without an attempt's id are another
//! system's: they tell that somebody was texted, and are no attempts of ours.

mod attempts;
mod carry;
mod evidence;
mod plan;
mod read;
mod rowless;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::reply::Lexicon;
use crate::domain::team::Directory;
use crate::domain::types::{CallId, CallRef, MessageSid};
use crate::domain::{ClockOffset, Timestamp};
use crate::gateways::MessageRecord;

pub use carry::{Carried, carry_out};
pub(crate) use plan::new_call;
pub use plan::{Found, Plan, Problem, Row, What, plan};
pub use read::{Base, ReadError, Reader, read, read_rows};
use rows::DISPATCHING;
pub use rows::{CallRow, EventRow};

/// Calls whose last dispatch event is older than this go on at once, unless told otherwise.
pub const OLDER_THAN: Duration = Duration::from_secs(300);

/// What the plan is made from.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// How far our clock is ahead of the provider's, by its answers.
    pub offset: Option<ClockOffset>,
    /// When it was taken.
    pub now: Timestamp,
    /// Rows of *Calls* that are DISPATCHING, and what stands for those that a call lacks, in no order.
    pub calls: Vec<CallRow>,
    /// What other rows with the same call id say, by that id: status words.
    pub twins: BTreeMap<CallId, Vec<String>>,
    /// Rows of *Dispatch Events*, by call.
    pub events: BTreeMap<CallId, Vec<EventRow>>,
    /// The provider's messages to and from those who may be concerned, each once, in no order.
    pub messages: Vec<MessageRecord>,
    /// Whose messages could not be listed to the end; masked.
    pub cut_short: Vec<String>,
    /// References that the store or a dispatch event of the last day has.
    pub booked_references: BTreeSet<CallRef>,
    /// Messages that a dispatch event of the last day has.
    pub booked_sids: BTreeSet<MessageSid>,
    /// Calls that the store has.
    pub known: BTreeSet<CallId>,
    /// Messages that are linked to attempts of calls in the store.
    pub linked: BTreeSet<MessageSid>,
    /// Who can be told.
    pub directory: Arc<Directory>,
    /// The words that answer a text.
    pub lexicon: Arc<Lexicon>,
    /// See [`OLDER_THAN`].
    pub older_than: Duration,
}
