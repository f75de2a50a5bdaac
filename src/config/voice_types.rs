//! `[voice]` as checked values.

use std::time::Duration;

/// What `[voice]` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    /// Phone calls of the whole account in a second.
    pub per_second: f64,
    /// How long a phone rings, in whole seconds.
    pub timeout: Duration,
}
