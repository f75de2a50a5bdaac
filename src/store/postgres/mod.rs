//! The store in a PostgreSQL database, which several processes of several machines may share: a writer that commits what waits
//! together, readers beside it. Statements are in [`super::tables`], the schema is in `migrations/`.
//!
//! All write transactions of all processes run one after the other: each takes one lock of the database first, and lets it go with
//! its commit. So an entry of the log is seen before any with a later number, and nothing waits for rows that another holds. After a
//! crash of a process, of the server or of the way between them, a change that was answered is whole, and any other is whole or
//! absent; where the answer to a commit was lost, [`StoreError::Unsure`](super::StoreError::Unsure) says so.

#[cfg(test)]
mod access_tests;
mod asking;
mod connect;
mod connection;
#[cfg(test)]
mod cost_tests;
mod database;
mod dialect;
#[cfg(feature = "drills")]
pub mod drill_schema;
mod errors;
mod hints;
mod history;
#[cfg(test)]
mod history_tests;
mod import;
#[cfg(test)]
mod import_tests;
mod lease;
#[cfg(test)]
mod lease_tests;
mod many;
mod open;
#[cfg(test)]
mod outage_tests;
mod own_commits;
mod pipeline;
mod pooler;
mod readers;
mod schema_names;
mod sqlstate;
mod state;
mod statement;
mod store;
#[cfg(test)]
mod tests;
mod tls;
mod transaction;
mod values;
mod versions;
#[cfg(test)]
mod versions_tests;

pub(super) use self::connection::PgConnection;
pub(super) use self::import::ServerImport;
pub(super) use self::open::{can_be_made, exists, holder, open_calls, peek};
pub(super) use self::pipeline::Touches;
pub(super) use self::statement::PgStatement;
pub(super) use self::store::PostgresStore;
pub(super) use self::values::value_of;
