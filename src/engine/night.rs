//! Reads the calls of a night from the store alone: beside an engine and without one. See `domain/night.rs`.

use std::collections::HashSet;

use jiff::civil::Date;

use crate::domain::Timestamp;
use crate::domain::call::CallStatus;
use crate::domain::night::{self, NightCall};
use crate::domain::team::Directory;
use crate::domain::types::CallId;
use crate::store::{CallFilter, Store, StoreError};

/// Calls read at a time.
const PAGE: usize = 500;

/// Which calls are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Of the night of this evening, each call by the clock of its line.
    Night(Date),
    /// Accepted from then until before then.
    Between(Timestamp, Timestamp),
}

impl Period {
    pub(super) fn of(self, zone: Option<&str>) -> (Timestamp, Timestamp) {
        match self {
            Self::Night(evening) => night::night_of(evening, zone),
            Self::Between(from, until) => (from, until),
        }
    }

    /// From the first moment that it has on any line.
    fn first(self, directory: &Directory) -> Timestamp {
        let lines = std::iter::once(&directory.default_line).chain(&directory.lines);
        let all = lines.map(|line| self.of(directory.zone(line)).0);
        all.min().unwrap_or(Timestamp::from_millis(0))
    }
}

/// Its calls in the order of the list, with every call that waits to be rung back and came before its end, however old.
///
/// # Errors
/// [`StoreError`].
pub async fn read(store: &dyn Store, directory: &Directory, period: Period) -> Result<Vec<NightCall>, StoreError> {
    let since = Some(period.first(directory));
    let of_it = CallFilter { since, limit: PAGE, ..CallFilter::default() };
    let asleep = CallFilter { statuses: vec![CallStatus::Deferred], limit: PAGE, ..CallFilter::default() };
    let mut calls: Vec<NightCall> = Vec::new();
    let mut known: HashSet<CallId> = HashSet::new();
    for mut filter in [of_it, asleep] {
        loop {
            let page = store.calls(&filter).await?;
            for line in &page {
                if !known.insert(line.call.id.clone()) {
                    continue;
                }
                let Some(story) = store.story(&line.call.id).await? else { continue };
                let call = NightCall::of(story.state, story.log.iter().map(|l| &l.entry), directory);
                let (from, until) = period.of(call.zone.as_deref());
                let from = if call.standing == night::Standing::RingBack { Timestamp::from_millis(0) } else { from };
                if call.is_within((from, until)) {
                    calls.push(call);
                }
            }
            match page.last() {
                Some(last) if page.len() >= PAGE => filter.before = Some(last.call.id.clone()),
                _ => break,
            }
        }
    }
    night::sort(&mut calls);
    Ok(calls)
}
