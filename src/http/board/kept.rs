//! What the page keeps between two requests. All of it may be lost: a restart begins anew.

use std::sync::{Arc, Mutex as PlainMutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::domain::Timestamp;
use crate::domain::team::Directory;
use crate::store::BoardRows;

use super::duties::OnCallView;
use super::store_look::StoreLook;
use super::throttle::Throttle;

/// So many pages are kept live at once; more look by themselves.
const STREAMS_MAX: usize = 32;

/// See above.
pub(in crate::http) struct Board {
    /// Signs sessions; from the store.
    pub(super) key: OnceCell<[u8; 32]>,
    pub(super) rows: Mutex<Option<KeptRows>>,
    pub(super) duties: Mutex<Option<KeptDuties>>,
    /// The part that changes, as it was made last, for whoever may decide and for whoever may only look.
    pub(super) parts: PlainMutex<[Option<KeptPart>; 2]>,
    pub(super) throttle: Throttle,
    pub(super) store_look: StoreLook,
    pub(super) streams: Arc<Semaphore>,
    pub(super) hints: Hints,
}

impl Board {
    pub(in crate::http) fn new() -> Self {
        Self {
            key: OnceCell::new(),
            rows: Mutex::default(),
            duties: Mutex::default(),
            parts: PlainMutex::default(),
            throttle: Throttle::default(),
            store_look: StoreLook::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            hints: Hints::new(),
        }
    }

    /// No part that was made before is given again.
    pub(super) fn parts_are_old(&self) {
        *self.parts.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
    }
}

/// What was read of the store last.
#[derive(Clone)]
pub(super) struct KeptRows {
    /// Boot clock.
    pub(super) at: Duration,
    /// The number of the store's commit that it is of, or of an earlier one.
    pub(super) version: u64,
    /// Another whenever the page shows something else: a sign of life of the engine is a commit, and no news.
    pub(super) number: u64,
    /// Somebody decided since: it is read anew.
    pub(super) is_old: bool,
    pub(super) rows: Arc<BoardRows>,
    pub(super) night_from: Timestamp,
}

/// Who is on call, as it was computed last.
pub(super) struct KeptDuties {
    pub(super) at: Duration,
    pub(super) of: Arc<Directory>,
    pub(super) view: Arc<OnCallView>,
}

/// The part that changes, of one read of the store: many pages that hear of one change cost one making of it.
#[derive(Clone)]
pub(super) struct KeptPart {
    /// Boot clock.
    pub(super) at: Duration,
    pub(super) of: Arc<BoardRows>,
    pub(super) html: Arc<str>,
    pub(super) tag: String,
}

/// What streams are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::http) struct Hint {
    /// Of what the page shows: see [`KeptRows::number`].
    pub(in crate::http) number: u64,
    pub(super) verdict: String,
}

/// The watcher of commits, while somebody looks.
pub(super) struct Hints {
    pub(super) sender: watch::Sender<Hint>,
    task: PlainMutex<Option<JoinHandle<()>>>,
}

impl Hints {
    fn new() -> Self {
        Self { sender: watch::Sender::new(Hint::default()), task: PlainMutex::default() }
    }

    /// The hints from now on; `begin` starts the one who gives them, where nobody does.
    pub(super) fn subscribe(&self, begin: impl FnOnce() -> JoinHandle<()>) -> watch::Receiver<Hint> {
        let receiver = self.sender.subscribe();
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(begin());
        }
        receiver
    }
}
