//! The integration tests: one binary.

mod bad_input;
mod cli_operator;
mod cli_send;
mod completions;
mod concurrency;
mod crash;
mod main_job;
mod reliability;
mod send;
mod support;
mod tidy;
