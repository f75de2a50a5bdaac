//! `[oncall]` as decisions and duties use it.

use std::time::Duration;

use super::roll_call::RollCallTime;

/// How far ahead is looked, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCallRules {
    /// Gaps are looked for this far ahead.
    pub look_ahead: Duration,
    /// How long before its begin a gap is alerted and alerted again, the longest first.
    pub gap_warning: Vec<Duration>,
    /// The same emergency again within this becomes part of the call that runs; zero: never.
    pub merge_within: Duration,
    /// Who is on a job is asked last.
    pub busy_last: bool,
    /// When whoever begins a shift is asked whether they hold it; `None`: nobody is.
    pub roll_call: Option<RollCallTime>,
    /// How long an answer is waited for, each of two times.
    pub roll_call_reply: Duration,
}

impl Default for OnCallRules {
    fn default() -> Self {
        let hour = |n: u64| Duration::from_secs(n * 3600);
        Self {
            look_ahead: hour(14 * 24),
            gap_warning: vec![hour(72), hour(12), hour(1)],
            merge_within: Duration::ZERO,
            busy_last: false,
            roll_call: None,
            roll_call_reply: Duration::from_secs(15 * 60),
        }
    }
}
