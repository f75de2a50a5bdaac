//! The integration tests: one binary.

mod cli_operator;
mod completions;
mod support;
mod tidy;
