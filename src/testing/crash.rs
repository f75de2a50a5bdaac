//! A process that dies at a commit of the test's choice: what comes after is never answered.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::domain::event::Load;
use crate::domain::types::{AttemptId, CallId, MessageSid};
use crate::store::{Hooks, StoreError};

/// When to die, by the number of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// Lives on.
    Never,
    /// Right after this write was committed: nobody hears of it, nothing follows.
    After(u64),
    /// Where the write after this one would begin: what the commit led to in the outside world has happened.
    BeforeTheOneAfter(u64),
}

/// What a process may do with its store, and how long.
pub(crate) struct Crash {
    death: Mutex<Death>,
    writes: AtomicU64,
    sealed: AtomicBool,
    refused: Mutex<Refused>,
    dead: watch::Sender<bool>,
}

/// What the store does not take.
#[derive(Default)]
struct Refused {
    attempts: HashSet<AttemptId>,
    replies: HashSet<MessageSid>,
    calls: HashSet<CallId>,
    /// Attempts of which it does not take that the provider has a message.
    messages: HashSet<AttemptId>,
    /// Attempts that are recorded no more, and how many may still become so.
    stuck: HashSet<AttemptId>,
    to_be_stuck: usize,
}

impl Crash {
    /// One that lives on.
    pub(crate) fn new() -> Arc<Self> {
        let (death, writes, sealed) = (Mutex::new(Death::Never), AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Self { death, writes, sealed, refused: Mutex::default(), dead: watch::Sender::new(false) })
    }

    fn not_taken(&self) -> MutexGuard<'_, Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every change that is about one of these is refused, as a decision that cannot be would be; `None`: no more.
    pub(crate) fn refuse(&self, attempts: impl IntoIterator<Item = AttemptId>) {
        self.not_taken().attempts = attempts.into_iter().collect();
    }

    /// Every decision about one of these texts is refused; `[]`: no more.
    pub(crate) fn refuse_replies(&self, texts: impl IntoIterator<Item = MessageSid>) {
        self.not_taken().replies = texts.into_iter().collect();
    }

    /// Every step and every decision of one of these calls is refused; `[]`: no more.
    pub(crate) fn refuse_calls(&self, calls: impl IntoIterator<Item = CallId>) {
        self.not_taken().calls = calls.into_iter().collect();
    }

    /// That the provider has taken a message of one of these is refused, and nothing else; `[]`: no more.
    pub(crate) fn refuse_messages(&self, attempts: impl IntoIterator<Item = AttemptId>) {
        self.not_taken().messages = attempts.into_iter().collect();
    }

    /// The next `n` attempts whose messages the provider took meet a damaged page when that is to be stored, for ever.
    pub(crate) fn corrupt_outcomes(&self, n: usize) {
        self.not_taken().to_be_stuck = n;
    }

    /// It dies then; writes are counted from now on.
    pub(crate) fn dies(&self, death: Death) {
        self.writes.store(0, Ordering::SeqCst);
        *self.death.lock().unwrap_or_else(PoisonError::into_inner) = death;
    }

    /// How many writes were committed.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// The process ends here.
    pub(crate) fn kill(&self) {
        self.dead.send_replace(true);
    }

    /// Returns when the process has died.
    pub(crate) async fn died(&self) {
        let gone = self.dead.subscribe().wait_for(|dead| *dead).await.map(|d| *d);
        assert!(gone.is_ok(), "the process has its switch for as long as it lives");
    }

    async fn kill_here(&self) {
        self.kill();
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl Hooks for Crash {
    async fn before_read(&self) {
        if *self.dead.borrow() {
            std::future::pending::<()>().await;
        }
    }

    async fn before_write(&self) {
        self.before_read().await;
        if self.sealed.load(Ordering::SeqCst) {
            self.kill_here().await;
        }
    }

    async fn after_commit(&self) {
        let many = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let death = *self.death.lock().unwrap_or_else(PoisonError::into_inner);
        match death {
            Death::After(n) if many >= n => self.kill_here().await,
            Death::BeforeTheOneAfter(n) if many >= n => self.sealed.store(true, Ordering::SeqCst),
            _ => self.before_read().await,
        }
    }

    fn refused(&self, load: &Load) -> Option<StoreError> {
        if let Load::WithBusy { of, .. } | Load::WithSpent { of, .. } = load {
            return self.refused(of);
        }
        let mut not = self.not_taken();
        let says_so = || "a test says so".to_owned();
        match load {
            Load::Attempt(id) | Load::Claim(id) if not.attempts.contains(id) => {
                Some(StoreError::Refused { what: says_so() })
            }
            Load::Reply { sid, .. } if not.replies.contains(sid) => Some(StoreError::Refused { what: says_so() }),
            Load::Call(id) if not.calls.contains(id) => Some(StoreError::Refused { what: says_so() }),
            Load::Message { attempt: Some(id), .. } if not.messages.contains(id) => {
                Some(StoreError::Refused { what: says_so() })
            }
            Load::Message { attempt: Some(id), .. } => {
                if not.to_be_stuck > 0 && not.stuck.insert(*id) {
                    not.to_be_stuck -= 1;
                }
                not.stuck.contains(id).then(|| StoreError::Corrupt { what: says_so(), call: None })
            }
            _ => None,
        }
    }
}
