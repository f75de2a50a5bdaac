//! Rows that cannot be read: left out of the lists of work, so that the others are served; said once, and kept for an alert.
//!
//! A call that turned out unreadable is not tried again for a while that grows: it is neither forgotten nor in anybody's way,
//! and once somebody has mended it, it comes back by itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::error;

use crate::clock::{Clock as _, SystemClock};
use crate::store::{StoreError, Unreadable};

/// An unreadable call is looked at again after this, then after twice as long, and so on.
const PAUSE_FIRST: Duration = Duration::from_secs(30);
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// How many rows are remembered: with more, the file is not worth much anyway.
const KNOWN_MAX: usize = 10_000;

/// What is known to be unreadable, shared by all connections of a handle.
#[derive(Clone)]
pub(in crate::store) struct Damage {
    known: Arc<Mutex<BTreeMap<String, KnownDamage>>>,
    any: Arc<AtomicBool>,
    /// The file itself was found damaged since it was last looked through.
    alarmed: Arc<AtomicBool>,
    clock: SystemClock,
}

struct KnownDamage {
    row: Unreadable,
    until: Duration,
    pause: Duration,
}

impl Damage {
    pub(in crate::store) fn new() -> Self {
        Self { known: Arc::default(), any: Arc::default(), alarmed: Arc::default(), clock: SystemClock::new() }
    }

    /// Remembers what is nobody's own, and says so the first time; then somebody is to look through the file soon, for where
    /// it is damaged.
    pub(in crate::store) fn note_place(&self, row: &str, why: &str) {
        let is_new = !self.known.lock().unwrap_or_else(PoisonError::into_inner).contains_key(row);
        self.note(row, None, why);
        if is_new {
            self.alarm();
        }
    }

    /// Remembers a row, and says so the first time. `row` names it for a person, `call` is whose it is.
    pub(in crate::store) fn note(&self, row: &str, call: Option<&str>, why: &str) {
        let key = call.unwrap_or(row);
        let now = self.clock.boot();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(k) = known.get_mut(key) {
            // Told by somebody who looked before it was left out: no reason to leave it out for longer.
            if now >= k.until {
                k.pause = (k.pause * 2).min(PAUSE_MAX);
                k.until = now + k.pause;
            }
            return;
        }
        if known.len() >= KNOWN_MAX {
            return;
        }
        error!(call.id = call.unwrap_or_default(), "{row} cannot be read and is left out, the others go on: {why}");
        let row = Unreadable {
            row: row.to_owned(),
            call: call.and_then(|c| c.parse().ok()),
            why: why.to_owned(),
            repaired: false,
        };
        known.insert(key.to_owned(), KnownDamage { row, until: now + PAUSE_FIRST, pause: PAUSE_FIRST });
        self.any.store(true, Ordering::Release);
    }

    /// Remembers what a look through everything found; says so the first time.
    pub(in crate::store) fn found(&self, row: Unreadable) {
        let key = row.call.as_ref().map_or_else(|| row.row.clone(), |c| c.as_str().to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX || known.contains_key(&key) {
            return;
        }
        error!("{} is damaged: {}", row.row, row.why);
        known.insert(key, KnownDamage { row, until: Duration::ZERO, pause: PAUSE_FIRST });
        self.any.store(true, Ordering::Release);
    }

    /// The file is to be looked through soon.
    fn alarm(&self) {
        self.alarmed.store(true, Ordering::Release);
    }

    /// Whether it was to be; now somebody does.
    pub(in crate::store) fn take_alarm(&self) -> bool {
        self.alarmed.swap(false, Ordering::AcqRel)
    }

    /// Remembers whose row an error was about; one that is nobody's is the file's, and concerns all.
    pub(in crate::store) fn note_error(&self, error: &StoreError) {
        match error {
            StoreError::Corrupt { what, call: Some(call) } => self.note(&format!("call {call}"), Some(call), what),
            StoreError::Corrupt { what, call: None } => {
                self.note_place("the file", what);
            }
            _ => {}
        }
    }

    /// Whether this call was unreadable a moment ago.
    pub(in crate::store) fn leaves_out(&self, call: &str) -> bool {
        self.any.load(Ordering::Acquire)
            && self
                .known
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(call)
                .is_some_and(|k| self.clock.boot() < k.until)
    }

    /// The call could be read whole: whatever was wrong is mended.
    pub(in crate::store) fn forget(&self, call: &str) {
        if self.any.load(Ordering::Acquire) {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(call);
        }
    }

    /// All of them; what is wrong with the file itself comes first, for whoever reads no further.
    pub(in crate::store) fn rows(&self) -> Vec<Unreadable> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows: Vec<Unreadable> = known.values().map(|k| k.row.clone()).collect();
        rows.sort_by_key(|u| u.call.is_some() || !u.row.starts_with("the "));
        rows
    }
}
