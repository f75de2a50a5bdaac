//! The integration tests: one binary.

mod bad_input;
mod breaker;
mod cli_operator;
mod cli_send;
mod completions;
mod concurrency;
mod crash;
mod main_job;
mod recover;
mod reliability;
mod send;
mod settle;
mod storm;
mod support;
mod tidy;
