//! What is being tried before it counts, kept beside the loop that has it tried: a loop that ends badly takes the asking with it, and not
//! what was asked for. Nothing of it outlives the process, whose next start reads all anew.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use super::rotation::Tried;

/// Where what is being tried is kept.
pub(super) struct Kept<W>(Arc<Mutex<Option<W>>>);

impl<W> Clone for Kept<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W> Default for Kept<W> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<W> Kept<W> {
    fn put(&self, what: Option<W>) -> Option<W> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), what)
    }
}

/// One trial at a time; a new one takes the place of the one before.
pub(super) struct Trials<W> {
    kept: Kept<W>,
    running: JoinSet<Tried>,
}

impl<W: Clone> Trials<W> {
    /// A loop begins; and what the loop before it was having tried, where that ended badly in the middle.
    pub(super) fn over(kept: Kept<W>) -> (Self, Option<W>) {
        let left = kept.put(None);
        (Self { kept, running: JoinSet::new() }, left)
    }

    pub(super) fn begin(&mut self, what: W, trial: impl Future<Output = Tried> + Send + 'static) {
        self.running = JoinSet::new();
        drop(self.kept.put(Some(what)));
        self.running.spawn(trial);
    }

    /// What is being tried now.
    pub(super) fn current(&self) -> Option<W> {
        self.kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nothing of it counts any more.
    pub(super) fn give_up(&mut self) {
        self.running = JoinSet::new();
        drop(self.kept.put(None));
    }

    /// What was tried, and what became of it; it is kept until [`Trials::give_up`] or the next trial. `None`: nothing is being tried.
    /// Cancel-safe.
    pub(super) async fn ended(&mut self) -> Option<(W, Tried)> {
        let tried = self.running.join_next().await?;
        let tried = tried.unwrap_or_else(|e| Tried::Unanswered(format!("the trial of new secrets ended badly: {e}")));
        Some((self.current()?, tried))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_loop_was_having_tried_when_it_died_is_given_to_the_next_one() {
        let kept = Kept::<&str>::default();
        for hangs in [true, false] {
            let of = kept.clone();
            let died = tokio::spawn(async move {
                let (mut trials, left) = Trials::over(of);
                assert_eq!(left, None);
                trials.begin("a new token", async move {
                    if hangs {
                        std::future::pending::<()>().await;
                    }
                    Tried::Taken
                });
                if !hangs {
                    assert_eq!(trials.ended().await, Some(("a new token", Tried::Taken)));
                }
                std::panic::resume_unwind(Box::new("a fault of the loop"));
            });
            assert!(died.await.is_err());
            let (mut trials, left) = Trials::over(kept.clone());
            assert_eq!(left, Some("a new token"), "hangs: {hangs}");
            assert!(trials.ended().await.is_none() && trials.current().is_none(), "it is this loop's to begin");
        }
        let (mut trials, _) = Trials::over(kept.clone());
        trials.begin("another", async { Tried::Taken });
        trials.give_up();
        drop(trials);
        assert_eq!(Trials::over(kept).1, None, "what is over is not tried again");
    }
}
