//! What is stored and how it is read, for whichever database: the statements, and each of the store's traits over [`Database`].
//!
//! A statement is in the dialect that all of them take, see [`super::sql`]. The hot path's are in `sql.rs`, others beside the reads
//! that make them. After a crash at any point a database holds every change that was answered and no part of another.

mod alert_receipts;
mod alert_texts;
mod alerts;
mod board;
mod calendars;
mod check;
mod control;
mod counted;
mod damage;
mod database;
mod engines;
mod event_cursors;
mod figures;
#[cfg(test)]
pub(super) mod hot;
mod keys;
mod ledger;
mod load;
mod mirror;
mod orphans;
mod outbox;
mod overrides;
mod phone_calls;
mod policies;
mod prefetch;
mod prune;
mod prune_count;
mod prune_others;
mod prune_sql;
mod queues;
mod reads;
mod replies;
mod reports;
mod ringing;
mod roll_calls;
mod save;
mod send_queues;
mod settings;
mod spent;
mod sql;
mod standalone;
mod synced_contacts;
mod update;
mod views;
mod work_list;

pub(super) use damage::Damage;
pub(super) use database::{CommonState, Database};
pub(super) use prefetch::prefetch;
pub(super) use reads::open_calls;
pub(super) use settings::peeked;
