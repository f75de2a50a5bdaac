//! One of the outside who is told of alerts, with what it was told while the store took no writes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::debug;

use crate::gateways::AlertSink;
use crate::store::{AlertTask, Delivered};

use super::apply::Core;

/// One of the outside who is told of alerts.
pub struct Sink {
    /// Unique in the configuration.
    pub name: String,
    /// It stands in for this one, and is used only while that fails.
    pub fallback_for: Option<String>,
    /// How it is told.
    pub gateway: Arc<dyn AlertSink>,
    /// How often it is told again of what must wake somebody and nobody has seen; `None`: once is enough.
    pub repeat: Option<Duration>,
    /// Whether it can wake somebody, and not by the provider of texts.
    pub wakes: bool,
    /// What it was told while the store took no writes.
    unrecorded: Mutex<Vec<(Vec<AlertTask>, Delivered)>>,
}

impl Sink {
    /// A sink that wakes, and is told once.
    pub fn new(name: impl Into<String>, fallback_for: Option<String>, gateway: Arc<dyn AlertSink>) -> Self {
        Self { name: name.into(), fallback_for, gateway, repeat: None, wakes: true, unrecorded: Mutex::default() }
    }

    fn unrecorded(&self) -> Vec<(Vec<AlertTask>, Delivered)> {
        self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records what was delivered and could not be recorded then; what still cannot be stays.
    pub(super) async fn record(&self, core: &Core) {
        for delivery in self.unrecorded() {
            if let Err(e) = core.store.alerts_delivered(&self.name, delivery.0.clone(), delivery.1.clone()).await {
                debug!(sink = self.name, error = %e, "what a sink was told cannot be recorded yet");
                return;
            }
            let mut all = self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|d| *d != delivery);
        }
    }

    /// Whether it was told something that the store has not recorded yet.
    pub(super) fn has_unrecorded(&self) -> bool {
        !self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(super) fn was_delivered(&self, task: &AlertTask) -> bool {
        let all = self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().flat_map(|d| &d.0).any(|t| t.line.key == task.line.key && t.version == task.version)
    }

    /// It was told these, which the store could not record.
    pub(super) fn keep_unrecorded(&self, tasks: Vec<AlertTask>, how: Delivered) {
        self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner).push((tasks, how));
    }
}
