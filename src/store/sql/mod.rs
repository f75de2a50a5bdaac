//! Statements and rows, whatever database answers: what the shared code of a store is written against.
//!
//! A statement is text with `?1`, `?2`… for its values. A value is a whole number, a text, bytes, or nothing: what the domain's
//! types are stored as, see [`super::rows`]. Nothing here knows a table. After a crash there is nothing to know: each use is part
//! of a transaction of its caller's.

mod connection;
mod value;

pub(super) use connection::{Connection, For, PrefetchRead, Row, Statement};
pub(super) use value::{OwnedValue, Param, Params, Value, params};
