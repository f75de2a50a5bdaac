//! How our rows stand in the shop's base: what each of our names is there, a text, a select with its own words, a link, a
//! checkbox, or nothing. Learned from the base's schema and the configuration; the mirror writes and reads back by it, and
//! `verify-events`, the rebuild and the adoption read by it.
//!
//! [`Layouts::read`] asks the base. A [`Layout`] is pure: it turns a [`Row`] of ours into the cells of the base, and the
//! base's words into ours. What the base cannot hold is left out and named as a [`Lack`]: no row waits for it, no select gets
//! an option and no roster a row. [`LinkBook`] knows which record a link means.

mod columns;
mod links;
mod read;
mod row;
mod table;
#[cfg(test)]
mod tests;

pub use columns::{Column, Holds, Lack, holds};
pub use links::{LinkBook, Target};
pub use row::{Given, Row};
pub use table::{Encoded, Layout, Layouts};

/// Our names of the fields that a base may be without: no alert tells of them.
pub const OPTIONAL: &[&str] =
    &["to", "contact", "reference", "step", "round", "caller_name", "address", "accepted_at", "next_follow_up_at"];
