//! The pace that the base allows, the count of all requests, and the list iterators that expire.
//!
//! Source: `facts/airtable.md` §3 (offsets), §5 (5 a second and base, then 30 s of 429).

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use crate::domain::Timestamp;

/// How many requests are remembered with their times.
const REMEMBERED_MAX: usize = 10_000;
/// How many iterators live at once; the oldest goes first.
const ITERATORS_MAX: usize = 1_000;
const SECOND: Duration = Duration::from_secs(1);

/// One request as the judge sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AirtableRequest {
    /// When it came.
    pub at: Timestamp,
    /// `GET`, `POST`, …
    pub method: String,
    /// Without the query.
    pub path: String,
    /// What it was answered; none where the connection was dropped.
    pub status: Option<u16>,
}

/// All requests since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AirtableRequests {
    /// How many came, refused ones included.
    pub total: u64,
    /// How many were answered 429.
    pub too_many: u64,
    /// The most that came within one second.
    pub max_per_second: usize,
    /// The newest 10,000, oldest first.
    pub newest: VecDeque<AirtableRequest>,
}

impl AirtableRequests {
    pub(super) fn note(&mut self, request: AirtableRequest) {
        self.total += 1;
        self.too_many += u64::from(request.status == Some(429));
        if self.newest.len() >= REMEMBERED_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(request);
    }
}

/// The rate limit of the base. Times are of the clock that nobody can step.
pub(in crate::sandbox) struct Rate {
    /// 0: no limit.
    pub(in crate::sandbox) per_second: usize,
    /// How long all are refused after one too many.
    pub(in crate::sandbox) pause: Duration,
    recent: VecDeque<Duration>,
    refused_until: Duration,
}

impl Rate {
    pub(super) fn new(pause: Duration) -> Self {
        Self { per_second: 5, pause, recent: VecDeque::new(), refused_until: Duration::ZERO }
    }

    /// Counts a request; how many came within the second that ends with it, and whether it may pass. Those that are
    /// refused count too: whether a client that keeps trying gets out is not documented, and here it does not.
    pub(super) fn take(&mut self, now: Duration) -> (usize, bool) {
        while self.recent.front().is_some_and(|t| now.saturating_sub(*t) >= SECOND) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        let came = self.recent.len();
        if self.per_second == 0 {
            return (came, true);
        }
        if now < self.refused_until {
            return (came, false);
        }
        if came > self.per_second {
            self.refused_until = now.saturating_add(self.pause);
            return (came, false);
        }
        (came, true)
    }

    /// Forgets what came and what is refused.
    pub(super) fn reset(&mut self) {
        self.recent.clear();
        self.refused_until = Duration::ZERO;
    }
}

/// Where a list goes on.
struct ListPage {
    made: Duration,
    /// Table and everything that was asked for.
    of: String,
    skip: usize,
}

/// The offsets that were given out.
pub(in crate::sandbox) struct Iterators {
    /// How long one can be used.
    pub(in crate::sandbox) live: Duration,
    open: HashMap<String, ListPage>,
    order: VecDeque<String>,
}

impl Default for Iterators {
    fn default() -> Self {
        Self { live: Duration::from_secs(600), open: HashMap::new(), order: VecDeque::new() }
    }
}

impl Iterators {
    pub(super) fn open(&mut self, offset: String, of: String, skip: usize, now: Duration) {
        if self.order.len() >= ITERATORS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.open.remove(&oldest);
        }
        self.order.push_back(offset.clone());
        self.open.insert(offset, ListPage { made: now, of, skip });
    }

    /// How many records the pages before held; `None` where the offset is spent, or belongs to another list.
    pub(super) fn skip(&self, offset: &str, of: &str, now: Duration) -> Option<usize> {
        let found = self.open.get(offset)?;
        (found.of == of && now.saturating_sub(found.made) < self.live).then_some(found.skip)
    }

    /// All offsets are stale from now on.
    pub(super) fn expire(&mut self) {
        self.open.clear();
        self.order.clear();
    }
}
