//! Airtable's Web API over HTTP: one base, its records and its schema, as the official clients use them.
//!
//! A request is counted, may be dropped or refused by a fault, must carry the token, must keep the pace, and is then done
//! whole or not at all: what it changes is a line of the ledger file before it is true in memory, and true in memory before
//! the answer leaves. So a killed sandbox starts again with the same records.
//!
//! Strict where the real service is silent or unknown: a parameter or a key that is not documented is refused with 422.
//! Source: `facts/airtable.md`.

mod base;
mod base_admin;
mod call;
mod cells;
mod evaluate;
mod formula;
mod kept;
mod limits;
mod list;
mod new_id;
mod records;
mod refusal;
mod schema;
mod serve;
mod shapes;

pub(super) use base::Change;
pub use base_admin::BaseAdminAction;
pub(super) use kept::Airtable;
pub use kept::AirtableRow;
pub use limits::AirtableRequests;
pub(super) use serve::{answer, by_hand};
pub use shapes::BaseShape;
