//! The bounds that decisions use, as the settings in force give them.

use std::sync::Arc;
use std::time::Duration;

use super::oncall::OnCallRules;
use super::reply::Lexicon;

/// What is done about an unknown outcome that was not found out in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownPolicy {
    /// Once more, marked as a repeat.
    Resend,
    /// Left to the next step; where none follows, a person is told.
    Hold,
}

/// The bounds that decisions use; from the configuration.
#[derive(Debug, Clone)]
pub struct Rules {
    /// When a message that is not final is asked about first.
    pub poll_after: Duration,
    /// No final status by then: an alert.
    pub status_timeout: Duration,
    /// Stand-downs are dropped after this.
    pub validity: Duration,
    /// How long an unknown outcome is looked for before its policy decides, from the POST's start.
    pub settle: Duration,
    /// For a first notice.
    pub unknown_first: UnknownPolicy,
    /// For a reminder.
    pub unknown_follow_up: UnknownPolicy,
    /// Texts made for a notice because an earlier one failed in a way that may pass.
    pub resend_limit: u32,
    /// Before each of them.
    pub resend_pause: Duration,
    /// Whether stand-downs are made.
    pub stand_down: bool,
    /// A follow-up that fires later than this after its time raises an alert.
    pub late_follow_up: Duration,
    /// When deferred calls must have been seen, by the clock of their line.
    pub morning: jiff::civil::Time,
    /// Gaps ahead.
    pub oncall: OnCallRules,
    /// Calls whose holder says nothing.
    pub followthrough: FollowthroughRules,
    /// How many texts may go out, and where to.
    pub limits: super::limits::SpendLimits,
    /// How long calls that are over keep what they say of people; `None`: for ever.
    pub retention: Option<Duration>,
    /// Whether texts say that they are a test.
    pub test_mode: bool,
    /// The words that answer a text.
    pub lexicon: Arc<Lexicon>,
    /// What a drill has taken away.
    pub off: super::safeguards::SafeguardsOff,
}

/// `[followthrough]` as decisions use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowthroughRules {
    /// The holder is asked this long after they took the call, or said that it goes on; `None`: never.
    pub ask_after: Option<Duration>,
    /// Without a word this long after the question a person is alarmed.
    pub reopen_after: Duration,
    /// What is done then with the call.
    pub silent: SilentHolder,
}

/// What is done with a call whose holder says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilentHolder {
    /// It stays theirs: a person decides.
    Keeps,
    /// A new round looks for somebody.
    Loses,
}

impl Default for FollowthroughRules {
    fn default() -> Self {
        Self { ask_after: None, reopen_after: Duration::from_secs(15 * 60), silent: SilentHolder::Keeps }
    }
}
