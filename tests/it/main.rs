//! The integration tests: one binary.

mod bad_input;
mod cli_operator;
mod cli_send;
mod completions;
mod concurrency;
mod crash;
mod guards;
mod main_job;
mod send;
mod support;
mod sweep;
mod sweep_arming;
mod sweep_blocked;
mod sweep_scenes;
mod tidy;
