//! The stories that the engine must tell rightly, each over the real store, between a clock and a provider of the test's own.

mod alerts;
mod breaker;
mod breaker_odd;
mod clocks;
mod crash;
mod damage;
mod duties;
mod failures;
mod heartbeat;
mod histories;
mod ladder;
mod lanes;
mod last_resort;
mod listener;
mod mirror;
mod outbox;
mod provider_clock;
mod receipts;
mod replies;
mod resends;
mod sending;
mod settle;
mod store_alarm;
mod store_file;
mod two_calls;
mod unknown;
