//! `[oncall]` as decisions and duties use it.

use std::time::Duration;

use jiff::civil::Time;

/// How far ahead is looked, and when who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCallRules {
    /// Gaps are looked for this far ahead.
    pub look_ahead: Duration,
    /// How long before its begin a gap is alerted and alerted again, the longest first.
    pub gap_warning: Vec<Duration>,
    /// When a new holder is asked for a sign; `None`: never.
    pub roll_call: Option<RollCallTime>,
    /// How long is waited for it, each time.
    pub roll_call_reply: Duration,
}

/// When the roll call of a shift is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollCallTime {
    /// At this local time of the shift's first day.
    At(Time),
    /// So long before the shift begins.
    Before(Duration),
}

impl Default for OnCallRules {
    fn default() -> Self {
        let hour = |n: u64| Duration::from_secs(n * 3600);
        Self {
            look_ahead: hour(14 * 24),
            gap_warning: vec![hour(72), hour(12), hour(1)],
            roll_call: None,
            roll_call_reply: Duration::from_secs(900),
        }
    }
}
