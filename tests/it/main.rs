//! The integration tests: one binary.

mod completions;
mod tidy;
