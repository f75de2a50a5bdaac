//! Whether the replies that were missed have been read: reminders that are overdue wait for that, shortly.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long overdue reminders wait for the replies that were missed.
pub const FIRST_READ_WAIT: Duration = Duration::from_secs(3);

/// Whether the replies that were missed, before a start or while the store took no writes, have been read.
#[derive(Debug, Default)]
pub struct FirstRead(Mutex<Missed>);

#[derive(Debug, Default, Clone, Copy)]
struct Missed {
    /// Grows with every refused reply: a read that began before it does not count.
    refused: u64,
    /// The store has not been seen to write since: nothing can be heard yet.
    stalled: bool,
    /// Since when it is waited for; `None`: since the start.
    since: Option<Duration>,
    read: bool,
}

impl FirstRead {
    fn with<T>(&self, work: impl FnOnce(&mut Missed) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Which read begins now, for [`FirstRead::set`].
    pub fn begin(&self) -> u64 {
        self.with(|m| m.refused)
    }

    /// That read is over: it counts unless a reply was refused meanwhile.
    pub fn set(&self, begun: u64) {
        self.with(|m| m.read |= m.refused == begun && !m.stalled);
    }

    /// Whether what was missed has been read.
    pub fn is_done(&self) -> bool {
        self.with(|m| m.read)
    }

    /// A reply could not be stored: it stands in the provider's list alone.
    pub fn reply_refused(&self) {
        self.with(|m| *m = Missed { refused: m.refused + 1, stalled: true, since: None, read: false });
    }

    /// The store takes writes: whether a refused reply is to be read now.
    pub fn store_writes(&self, boot: Duration) -> bool {
        self.with(|m| {
            let missed = m.stalled;
            if missed {
                (m.stalled, m.since) = (false, Some(boot));
            }
            missed
        })
    }

    /// Whether reminders still wait for it, at this time of the boot clock.
    pub fn is_awaited(&self, started: Duration, boot: Duration) -> bool {
        self.with(|m| !m.read && (m.stalled || boot.saturating_sub(m.since.unwrap_or(started)) < FIRST_READ_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_wait_for_a_read_that_began_after_the_store_wrote_again_and_not_for_ever() {
        let at = Duration::from_secs;
        let gate = FirstRead::default();
        assert!(gate.is_awaited(at(10), at(12)) && !gate.is_awaited(at(10), at(13)), "a start");
        gate.set(gate.begin());
        assert!(!gate.is_awaited(at(10), at(10)));
        let before = gate.begin();
        gate.reply_refused();
        gate.set(before);
        gate.set(gate.begin());
        assert!(gate.is_awaited(at(10), at(1_000)), "nothing can be heard while nothing can be stored");
        assert!(gate.store_writes(at(1_000)) && !gate.store_writes(at(1_001)));
        assert!(gate.is_awaited(at(10), at(1_002)) && !gate.is_awaited(at(10), at(1_003)));
        gate.set(before);
        assert!(gate.is_awaited(at(10), at(1_002)), "a read from before it");
        gate.set(gate.begin());
        assert!(!gate.is_awaited(at(10), at(1_002)));
    }
}
