//! What a plan is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::rows::{CallRow, EventRow};
use crate::domain::reply::Lexicon;
use crate::domain::team::Directory;
use crate::domain::types::{CallId, CallRef, MessageSid};
use crate::domain::{ClockOffset, Timestamp};
use crate::gateways::MessageRecord;

/// Calls whose last dispatch event is older than this go on at once, unless told otherwise.
pub const OLDER_THAN: Duration = Duration::from_secs(300);

/// What the plan is made from.
#[derive(Debug, Clone)]
pub struct BaseSnapshot {
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
    /// Rows that were left alone, and why.
    pub notes: Vec<String>,
}
