//! dispatchctl: a dispatch that was accepted is never lost, a follow-up fires on time, "sent" is never taken for "delivered".

pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod engine;
pub mod gateways;
pub mod http;
pub mod ids;
pub mod killpoint;
#[cfg(feature = "drills")]
pub mod reliability;
#[cfg(feature = "drills")]
pub mod sandbox;
pub mod store;
pub mod telemetry;
#[cfg(test)]
mod testing;
