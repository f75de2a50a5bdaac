//! What was told to the sandbox as a sink of alerts.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

/// Messages that are kept at most.
const KEPT_MAX: usize = 1_000;

/// What was told to the sandbox, oldest first.
#[derive(Debug, Default)]
pub(super) struct Sinks {
    pub(super) kept: VecDeque<Value>,
    /// When the slow one took its last message, by the clock that nobody can step.
    pub(super) taken: Option<Duration>,
    pub(super) refused: u64,
}

impl Sinks {
    /// All of it, as the control shows it.
    pub(super) fn shown(&self) -> Value {
        json!({ "alerts": self.kept, "refused": self.refused })
    }

    /// Keeps a message; the oldest goes where there are too many.
    pub(super) fn keep(&mut self, message: Value) {
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(message);
    }
}
