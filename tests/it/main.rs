//! The integration tests: one binary.

mod cli_operator;
mod cli_send;
mod completions;
mod support;
mod tidy;
