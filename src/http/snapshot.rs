//! What the last look at the store said: health is asked more often than the disk.

use std::time::Duration;

use crate::store::{Figures, Holder};

/// What a look at the store said.
#[derive(Debug, Clone)]
pub(super) struct HealthCache {
    /// Boot clock.
    pub(super) at: Duration,
    pub(super) writable: bool,
    pub(super) figures: Option<Figures>,
    /// Who is the engine, whether it gives signs of life or not.
    pub(super) leader: Option<Holder>,
    /// How many `serve` are on a store that several share; `None`: it is one process's, or nobody knows.
    pub(super) replicas: Option<u64>,
}
