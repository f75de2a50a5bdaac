//! The in-process world of the tests: the real store, core and engine between a clock that is moved by hand and a provider
//! that does what a script says. Never sleeps, opens no port.

pub(crate) mod base;
pub(crate) mod clock;
pub(crate) mod crash;
pub(crate) mod gateway;
pub(crate) mod harness;

pub(crate) mod fixtures;
pub(crate) mod phones;
pub(crate) mod postgres;
pub(crate) mod postgres_server;
#[cfg(feature = "drills")]
mod properties;
pub(crate) mod relay;
pub(crate) mod replies;
mod simulation;
pub(crate) mod steady;
pub(crate) mod story;
pub(crate) mod world;

use std::path::Path;
use std::time::Duration;

use crate::domain::alert::{AlertKey, Severity, SinkTarget};
use crate::store::{StoreMode, StoreSettings};

pub(crate) use gateway::Reaction;
pub(crate) use world::World;

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) const fn mins(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

/// An alert's key by its text.
pub(crate) fn alert_key(text: &str) -> AlertKey {
    text.parse().expect("an alert's key")
}

/// How tests use a store at this place: it is made where it is not there, and has a mirror and the office.
pub(crate) fn store_at(path: &Path) -> StoreSettings {
    let alert_sinks = vec![office()];
    StoreSettings { create: true, mirror: true, alert_sinks, backups: 7, ..StoreSettings::of(path, StoreMode::Test) }
}

/// The sink of the tests' stores: told of everything.
pub(crate) fn office() -> SinkTarget {
    SinkTarget { name: "office".into(), min: Severity::Notice }
}
