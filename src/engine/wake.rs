//! "Look again" hints between loops and to those who watch a call. Never data: a lost hint costs a moment, the store is asked
//! all the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::domain::types::CallId;

/// One bell a signal, and one for each call that is watched.
#[derive(Debug, Default)]
pub struct Wake {
    bells: [Notify; WakeSignal::COUNT],
    calls: Mutex<HashMap<CallId, Arc<Notify>>>,
}

/// Which loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeSignal {
    /// The scheduler.
    Due,
    /// The dispatcher.
    Send,
    /// The poller.
    Poll,
    Mirror,
    /// The reader of contacts: rung when the configuration was read again, by nobody's commit.
    ContactSync,
    /// The alarm of the store: rung when a change was refused because it could not be written.
    Store,
    /// The listener: rung when the store takes writes again after a reply was refused.
    Listen,
    /// The replies that wait: rung when one was stored.
    Reply,
    /// Those who deliver alerts, all of them.
    Alerts,
    /// Never rings: for loops that only the clock wakes. The last one.
    Never,
}

impl WakeSignal {
    const COUNT: usize = Self::Never as usize + 1;
}

impl Wake {
    fn signal(&self, signal: WakeSignal) -> &Notify {
        &self.bells[signal as usize]
    }

    /// Rings one loop.
    pub fn notify(&self, signal: WakeSignal) {
        match signal {
            // There is one loop a sink, and each is armed before it looks.
            WakeSignal::Alerts => self.signal(signal).notify_waiters(),
            signal => self.signal(signal).notify_one(),
        }
    }

    /// Tells those who watch this call.
    pub fn changed(&self, call: &CallId) {
        if let Some(n) = self.watched().get(call) {
            n.notify_waiters();
        }
    }

    /// Rings every loop and tells everybody who watches: another process committed something.
    pub fn all(&self) {
        for b in [WakeSignal::Due, WakeSignal::Send, WakeSignal::Poll, WakeSignal::Mirror, WakeSignal::Alerts] {
            self.notify(b);
        }
        for n in self.watched().values() {
            n.notify_waiters();
        }
    }

    /// A future that is armed once enabled: arm it before looking, so that a hint in between is not lost.
    pub fn notified(&self, signal: WakeSignal) -> Notified<'_> {
        self.signal(signal).notified()
    }

    /// Watches one call for as long as the value lives.
    pub fn watch(&self, call: &CallId) -> CallWatch<'_> {
        let notify = self.watched().entry(call.clone()).or_default().clone();
        CallWatch { wake: self, call: call.clone(), notify }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, HashMap<CallId, Arc<Notify>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody watches a call.
#[derive(Debug)]
pub struct CallWatch<'a> {
    wake: &'a Wake,
    call: CallId,
    notify: Arc<Notify>,
}

impl CallWatch<'_> {
    /// A future that ends when the call changes from now on: take it before looking.
    pub fn armed(&self) -> std::pin::Pin<Box<Notified<'_>>> {
        let mut armed = Box::pin(self.notify.notified());
        armed.as_mut().enable();
        armed
    }
}

impl Drop for CallWatch<'_> {
    fn drop(&mut self) {
        let mut watched = self.wake.watched();
        // Ours and the book's: nobody else watches.
        if watched.get(&self.call).is_some_and(|n| Arc::strong_count(n) == 2) {
            watched.remove(&self.call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watched_call_is_forgotten_with_its_last_watcher() {
        let (wake, call) = (Wake::default(), "a".parse::<CallId>().expect("id"));
        let (one, two) = (wake.watch(&call), wake.watch(&call));
        drop(one);
        assert_eq!(wake.watched().len(), 1);
        drop(two);
        assert_eq!(wake.watched().len(), 0);
    }

    #[tokio::test]
    async fn a_hint_between_arming_and_waiting_is_not_lost() {
        let (wake, call) = (Wake::default(), "a".parse::<CallId>().expect("id"));
        let watch = wake.watch(&call);
        let armed = watch.armed();
        wake.changed(&call);
        armed.await;
    }
}
