//! "Look again" hints between loops. Never data: a lost hint costs a moment, the store is asked all the same.

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// One bell a loop.
#[derive(Debug, Default)]
pub struct Wake {
    due: Notify,
    send: Notify,
    poll: Notify,
    changed: Notify,
    never: Notify,
}

/// Which loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bell {
    /// The scheduler.
    Due,
    /// The dispatcher.
    Send,
    /// The poller.
    Poll,
    /// Whoever watches calls (a waiting request, `send --wait`): every waiter hears it.
    Changed,
    /// Never rings: for loops that only the clock wakes.
    Never,
}

impl Wake {
    fn bell(&self, bell: Bell) -> &Notify {
        match bell {
            Bell::Due => &self.due,
            Bell::Send => &self.send,
            Bell::Poll => &self.poll,
            Bell::Changed => &self.changed,
            Bell::Never => &self.never,
        }
    }

    /// Rings every bell: something was committed.
    pub fn all(&self) {
        for b in [Bell::Due, Bell::Send, Bell::Poll] {
            self.bell(b).notify_one();
        }
        self.changed.notify_waiters();
    }

    /// A future that is armed once enabled: arm it before looking, so that a hint in between is not lost.
    pub fn heard(&self, bell: Bell) -> Notified<'_> {
        self.bell(bell).notified()
    }
}
