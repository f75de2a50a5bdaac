//! Airtable's Web API v0: the only place that knows its words, limits and errors. Source: `facts/airtable.md`.
//!
//! One [`AirtableClient`] a process and base, cloned or seen through [`MirrorGateway`](super::MirrorGateway): the rate limit
//! is counted in it. The outbox takes it as it is; whoever reads a lot takes `in_queue(Lane::Bulk)`.
//!
//! **The outbox** writes rows by key, and reads what it wrote:
//!
//! ```text
//! let rows = [Fields::new().with("Event ID", "att_…").with("Sent At", intent.at).with("Error Code", code)];
//! match mirror.upsert("Dispatch Events", &["Event ID"], &rows, Typecast::Off).await {
//!     Ok(_) => {
//!         let found = mirror.by_key("Dispatch Events", "Event ID", &keys, &[]).await?;   // absent: again in some seconds
//!         differences(&rows[0], &found["att_…"][0].fields)                               // empty: kept as given
//!     }
//!     Err(MirrorError::Refused(r)) => match r.scope { Scope::Row | Scope::Request => /* one by one; park */, … },
//!     Err(MirrorError::Unknown { .. }) => /* by_key first, then repeat what is not there */,
//!     Err(other) => /* each variant says what to do */,
//! }
//! ```
//!
//! **verify-events** compares in the bulk lane: `by_key` in chunks for what we have, and for what we don't
//! `list(&Query::of(events).filter(Formula::after("Sent At", since)))`; more than one record under a key are twins, the
//! oldest first; `delete` takes the others.
//!
//! **recover --from-airtable**, **contacts and adopted calls** list: `list(&Query::of("Calls").filter(Formula::equals("Status",
//! "DISPATCHING")))`, and take cells by `as_text`, `as_time`, `as_whole`. Only a list that is `complete` proves an absence.
//!
//! **doctor** goes `whoami` → `bases` → `tables`, asks [`TableSchema::field`] and [`FieldSchema::takes`],
//! and makes what is missing with `create_field` and `create_table`.

mod cells;
pub(crate) mod client;
mod errors;
mod formula;
mod pace;
#[cfg(feature = "drills")]
pub(crate) mod properties;
mod schema;
mod wire;
mod words;

pub use cells::{Cell, FieldDifference, Fields, differences};
pub use client::{AirtableClient, AirtableSettings};
pub use formula::Formula;
pub use schema::{BaseSchema, FieldForm, FieldSchema, NewField, NewTable, TableSchema, folded, is_field_id};
