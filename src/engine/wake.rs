//! "Look again" hints between loops and to those who watch a call. A lost hint costs a moment: the store is asked all the same.
//! A hint is never data, but for the watchers of a call: they get the state that was committed and need not read it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::domain::call::CallState;
use crate::domain::types::CallId;

/// One bell a signal, and one for each call that is watched.
#[derive(Debug, Default)]
pub struct Wake {
    bells: [Notify; WakeSignal::COUNT],
    calls: Mutex<HashMap<CallId, Arc<Watched>>>,
}

/// A call that somebody watches.
#[derive(Debug, Default)]
struct Watched {
    notify: Notify,
    newest: Mutex<Newest>,
}

/// The newest state that was committed since the call is watched.
#[derive(Debug, Default)]
struct Newest {
    /// See [`crate::store::Committed::number`].
    number: u64,
    /// `None`: the store knows more.
    state: Option<CallState>,
}

impl Watched {
    fn newest(&self) -> std::sync::MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    /// Whoever ends phone calls: rung when one needs nobody any more.
    Ringing,
    /// Those who deliver alerts, all of them.
    Alerts,
    /// Those who tell receivers of event webhooks, all of them.
    Events,
    /// Whoever watches who is on call: rung when an exception was made.
    OnCall,
    /// Whoever sends roll calls: rung when a text of one waits.
    RollCall,
    /// Whoever sends texts of alerts: rung when one waits.
    AlertText,
    /// Whoever looks what other processes have committed.
    Others,
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
            WakeSignal::Alerts | WakeSignal::Events => self.signal(signal).notify_waiters(),
            signal => self.signal(signal).notify_one(),
        }
    }

    /// Tells those who watch this call what was committed; `number` says in which order, for commits are told in any.
    pub fn changed(&self, state: &CallState, number: u64) {
        if let Some(watched) = self.watched().get(&state.call.id) {
            let mut newest = watched.newest();
            if number > newest.number {
                *newest = Newest { number, state: Some(state.clone()) };
            }
            watched.notify.notify_waiters();
        }
    }

    /// Rings every loop and tells everybody who watches: another process committed something.
    pub fn all(&self) {
        for b in [
            WakeSignal::Due,
            WakeSignal::Send,
            WakeSignal::Poll,
            WakeSignal::Ringing,
            WakeSignal::Reply,
            WakeSignal::OnCall,
            WakeSignal::RollCall,
            WakeSignal::AlertText,
            WakeSignal::Mirror,
            WakeSignal::Alerts,
            WakeSignal::Events,
        ] {
            self.notify(b);
        }
        for watched in self.watched().values() {
            watched.newest().state = None;
            watched.notify.notify_waiters();
        }
    }

    /// A future that is armed once enabled: arm it before looking, so that a hint in between is not lost.
    pub fn notified(&self, signal: WakeSignal) -> Notified<'_> {
        self.signal(signal).notified()
    }

    /// Watches one call for as long as the value lives.
    pub fn watch(&self, call: &CallId) -> CallWatch<'_> {
        let watched = self.watched().entry(call.clone()).or_default().clone();
        CallWatch { wake: self, call: call.clone(), watched }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, HashMap<CallId, Arc<Watched>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody watches a call.
#[derive(Debug)]
pub struct CallWatch<'a> {
    wake: &'a Wake,
    call: CallId,
    watched: Arc<Watched>,
}

impl CallWatch<'_> {
    /// Which call it is.
    pub fn call(&self) -> &CallId {
        &self.call
    }

    /// A future that ends when the call changes from now on: take it before looking.
    pub fn armed(&self) -> std::pin::Pin<Box<Notified<'_>>> {
        let mut armed = Box::pin(self.watched.notify.notified());
        armed.as_mut().enable();
        armed
    }

    /// The call as it was committed last, where this process committed it since it is watched; otherwise the store knows.
    pub fn committed(&self) -> Option<CallState> {
        self.watched.newest().state.clone()
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
    use crate::testing::fixtures;

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
        wake.changed(&fixtures::call_state("a"), 1);
        armed.await;
    }

    #[test]
    fn a_watcher_has_the_newest_commit_whichever_is_told_last_and_none_once_others_commit() {
        let (wake, call) = (Wake::default(), "a".parse::<CallId>().expect("id"));
        let state = |round| {
            let mut state = fixtures::call_state("a");
            state.call.round = round;
            state
        };
        wake.changed(&state(1), 1);
        let watch = wake.watch(&call);
        let round = || watch.committed().map(|s| s.call.round);
        assert_eq!(round(), None, "what was committed before is in the store");
        let told = [(4, Some(4)), (3, Some(4)), (6, Some(6)), (5, Some(6))];
        for (n, newest) in told {
            wake.changed(&state(n), u64::from(n));
            assert_eq!(round(), newest, "after {n}");
        }
        wake.all();
        assert_eq!(round(), None, "another process may have changed it");
        wake.changed(&state(5), 5);
        assert_eq!(round(), None, "older than what others may have changed");
        wake.changed(&state(7), 7);
        assert_eq!(round(), Some(7));
    }
}
