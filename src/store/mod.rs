//! The store: every fact that must outlive the process. A method is a transaction; an answer is given after COMMIT.
//!
//! [`Store`] is the sum of small traits by purpose, so that whoever needs lists asks for [`Queues`] or [`Views`] alone:
//!
//! | trait | owns |
//! |---|---|
//! | [`Ledger`] | calls and all that happens to them: the one write path |
//! | [`Queues`] | what waits for the engine's loops |
//! | [`Views`] | what people look at |
//! | [`Outbox`] | what other systems are still to be told |
//! | [`Control`] | what the processes on one store tell each other |
//! | [`Overrides`] | exceptions to who is on call, and who was |
//! | [`Calendars`] | calendars that say who is on call, and feeds of who is |
//! | [`Boards`] | the office's page: what it shows in one read, and who may sign in to it |
//! | [`RollCalls`] | who was asked whether they are on call |
//! | [`AlertTexts`] | texts that tell owners of alerts |
//! | [`Prune`] | what goes after a time |
//! | [`Upkeep`] | the file, where the store is one |

mod alert_receipts;
mod alert_texts;
mod alerts;
mod board;
mod calendars;
mod commits;
#[cfg(test)]
mod contract;
mod control;
mod error;
mod gate;
mod lease;
mod ledger;
mod migrate;
mod mirror;
mod open;
mod outbox;
mod overrides;
mod peeked;
mod place;
mod postgres;
mod prune;
mod queues;
mod reports;
mod roll_calls;
mod rows;
mod send_queues;
mod server;
mod sql;
mod sqlite;
mod tables;
mod upkeep;
mod views;
mod writer;

use async_trait::async_trait;

pub use alert_receipts::AlertReceipt;
pub use alert_texts::AlertTexts;
pub use alerts::{AlertTask, Delivered, NotDelivered, SinkLine, SinkState};
pub use board::{BoardLink, BoardQuery, BoardRows, Boards};
pub use calendars::{CalendarOutcome, CalendarRead, CalendarState, Calendars, Feed, FeedOf, KeptCalendar, Renew};
pub use commits::{COMMIT_BOUNDS, CommitFigures};
pub use control::{
    Control, EngineBeat, EngineRow, HistoryDoubt, KeptProviderClock, ListProgress, Request, SyncedBusiness,
    SyncedContact, SyncedContacts,
};
pub use error::{NotAdmitted, StoreError};
#[cfg(test)]
pub(crate) use gate::Hooks;
#[cfg(feature = "drills")]
pub(crate) use lease::LEASE_TAKEN;
pub use lease::{Holder, Lease, LeaseError, Works, host_name};
pub use ledger::{CallStory, Committed, Decide, Ledger, LogLine};
pub use migrate::migrate;
pub use mirror::{
    CallTask, EventFilter, EventLine, EventTask, MirrorDelivered, MirrorFigures, MirrorKey, MirrorOutbox, MirrorTask,
};
#[cfg(test)]
pub(crate) use open::open_between;
pub use open::{check, exists, holder, open, open_calls, peek, restore, room};
pub use outbox::{Outbox, OutboxLine};
pub use overrides::{DutyChange, KeptHolder, Overrides};
pub use peeked::Peeked;
pub use place::{Location, PostgresUrl, StoreMode, StoreSettings};
#[cfg(feature = "drills")]
pub use postgres::drill_schema::{DrillSchema, ServerSocket};
pub use prune::{OtherTable, Prunable, Prune, PruneSlice, Pruned, Pruner, SliceLimit, ToPrune, UnloggedPruning};
pub use queues::{Listened, ListenedPlace, Pollable, Queues, Searchable, Sendable, WaitingPhoneCall};
pub use reports::{ReportMail, ReportState, Reports};
pub use roll_calls::RollCalls;
pub use send_queues::{SendQueue, SendQueueKey, SendQueuePosition};
pub use server::ServerState;
pub(crate) use sqlite::corrupt;
#[cfg(test)]
pub(crate) use sqlite::{bulk, manual_edits, page_damage};
pub use upkeep::{Backup, Counted, Overwrite, Place, Restored, Room, Upkeep};
pub use views::{
    AlertLine, Backlog, CallFilter, CallLine, CheckedPart, CountedCall, CountedEntry, DueLine, FailureLine, Figures,
    HourOfTexts, KnownAs, LogFilter, OptOutLine, Unreadable, Views,
};

/// Durable state behind everything: what a backend gives. All methods are safe to cancel: a write that was handed over is done or
/// not done as a whole.
#[async_trait]
pub trait Store:
    Ledger + Queues + Views + Outbox + Control + Reports + Overrides + Calendars + RollCalls + AlertTexts + Boards + Prune
{
    /// The upkeep of a store that is a file of this machine; `None`: somebody else keeps it.
    fn upkeep(&self) -> Option<&dyn Upkeep>;
    /// Whether what is open is still in its place: cheap enough for every call that is accepted.
    fn place(&self) -> Place {
        self.upkeep().map_or(Place::Here, Upkeep::place)
    }
    /// How the transactions of this process have ended, since it opened the store.
    fn commits(&self) -> CommitFigures;
    /// What the server of the store says of itself; `None`: the store is a file.
    async fn server(&self) -> Result<Option<ServerState>, StoreError> {
        Ok(None)
    }
    /// The version of its schema.
    async fn schema(&self) -> Result<i64, StoreError>;
    /// Takes no more changes, and waits until those that were handed over are committed and answered. Later changes are
    /// [`StoreError::Closed`]; reads still work. May be called again.
    async fn close(&self) -> Result<(), StoreError>;
}
