//! The lanes of the send list: what waits is kept apart by what picks its sender, so that nobody's backlog hides another's.
//!
//! A lane is made of facts that never change: the dialled number, and the number that was written to where the text answers
//! somebody. Which sender that means today is for the directory and the breakers to say, anew at each look; so neither another
//! configuration nor a breaker moves a text from one lane to another, and none can be left behind in a lane that nobody reads.

use crate::domain::attempt::Priority;
use crate::domain::types::{AttemptId, Sender, Timestamp};

/// How much of a dialled number tells lanes apart, in characters: more than any number has, and a bound for what callers send.
const DIALLED_MAX: usize = 64;
/// Never part of a sender.
const BETWEEN: char = '|';
/// Never a sender: it is longer than a name may be, and no number.
const PHONE_CALLS: &str = "all phone calls";

/// What picks the sender of a text. Any text is a lane; one that we did not write is that of no line, whose sender is the default.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SendQueue(String);

impl SendQueue {
    /// Of a text of a call to `dialled`; `own`: the number that was written to, of an answer.
    pub fn new(dialled: Option<&str>, own: Option<&Sender>) -> Self {
        let own = own.map(Sender::as_str).unwrap_or_default();
        let dialled: String = dialled.unwrap_or_default().chars().take(DIALLED_MAX).collect();
        Self(format!("{own}{BETWEEN}{dialled}"))
    }

    /// Of every phone call: the provider's rate is that of the account, whatever number they come from.
    pub fn of_phone_calls() -> Self {
        Self(format!("{PHONE_CALLS}{BETWEEN}"))
    }

    /// Whether phone calls wait in it.
    pub fn is_of_phone_calls(&self) -> bool {
        self.0.strip_suffix(BETWEEN) == Some(PHONE_CALLS)
    }

    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The dialled number.
    pub fn dialled(&self) -> Option<&str> {
        self.0.split_once(BETWEEN).map(|(_, dialled)| dialled).filter(|d| !d.is_empty())
    }

    /// The number that was written to.
    pub fn own(&self) -> Option<Sender> {
        self.0.split_once(BETWEEN).and_then(|(own, _)| own.parse().ok())
    }
}

/// The texts of one priority in a lane: as long as no breaker is open, all of them go by one sender.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SendQueueKey {
    /// First notices of every lane come before the reminders of any.
    pub priority: Priority,
    /// The lane.
    pub queue: SendQueue,
}

/// Where to read on in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendQueuePosition {
    pub key: SendQueueKey,
    /// Only texts that are younger than this one.
    pub after: Option<(Timestamp, AttemptId)>,
}

impl From<SendQueueKey> for SendQueuePosition {
    fn from(key: SendQueueKey) -> Self {
        Self { key, after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_says_what_it_was_made_of_and_anything_else_is_the_default() {
        let own: Sender = "Acme Inc".parse().expect("a sender");
        for (dialled, own) in [
            (None, None),
            (Some("+18005550100"), None),
            (Some("+18005550100"), Some(&own)),
            (None, Some(&own)),
            (Some("a|b | c"), Some(&own)),
        ] {
            let queue = SendQueue::from_stored(SendQueue::new(dialled, own).as_str().to_owned());
            assert_eq!((queue.dialled(), queue.own().as_ref()), (dialled, own), "{queue:?}");
        }
        assert_eq!(SendQueue::new(Some(""), None), SendQueue::new(None, None), "no number is none");
        let long = SendQueue::new(Some(&"é".repeat(1_000)), None);
        assert_eq!(long.dialled().map(|d| d.chars().count()), Some(DIALLED_MAX));
        for strange in ["", "nonsense", "|", "no such sender at all|"] {
            let queue = SendQueue::from_stored(strange.to_owned());
            assert_eq!((queue.dialled(), queue.own()), (None, None), "{strange:?}");
        }
    }
}
