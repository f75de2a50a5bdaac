//! The protocol of a send as a small model, searched whole: claim, permit, POST, answer, search, resend, takeover.
//!
//! The model uses nothing of the product, so that an error in the product's own words cannot hide one in its design. It compiles
//! alone: `rustc --edition 2024 --test -O tests/it/model/mod.rs`. [`search`] is the breadth-first search, [`sending`] the model with
//! its guards, [`tests`] what holds with all of them and what is found without each.

#![expect(clippy::print_stdout, reason = "what was searched, and each counterexample, is read by whoever runs it")]

mod search;
mod sending;
mod tests;
