//! The integration tests: one binary.

mod bad_input;
mod bad_store;
mod bad_store_disk;
mod breaker;
mod cli_operator;
mod cli_send;
mod completions;
mod concurrency;
mod crash;
mod guards;
mod main_job;
mod mirror;
mod recover;
mod sandbox;
mod send;
mod settle;
mod storm;
mod support;
mod sweep;
mod sweep_arming;
mod sweep_blocked;
mod sweep_scenes;
mod tidy;
