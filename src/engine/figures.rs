//! Reads the figures of a time from the store alone: beside an engine and without one. See `domain/figures.rs`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::domain::Timestamp;
use crate::domain::figures::{Figures, Surroundings, on_call_time};
use crate::domain::log::LogKind;
use crate::domain::night::{self, NightCall};
use crate::domain::oncall::outlook::duties;
use crate::domain::team::Directory;
use crate::domain::types::ContactId;
use crate::store::{LogFilter, Store, StoreError};

use super::night::{Period, read};
use super::oncall::past::{kept, spans_of};

/// Entries of the log read at a time.
const PAGE: usize = 2_000;

/// A time as people read it.
#[derive(Debug, Clone)]
pub struct TimeReport {
    /// In the order of the list, with every call that waits to be rung back, however old.
    pub calls: Vec<NightCall>,
    /// Of the calls that were accepted in the time.
    pub figures: Figures,
}

/// The calls of a time and their figures, as they stand at `now`.
///
/// # Errors
/// [`StoreError`].
pub async fn of_period(
    store: &dyn Store,
    directory: &Directory,
    period: Period,
    now: Timestamp,
) -> Result<TimeReport, StoreError> {
    let calls = read(store, directory, period).await?;
    let of_it = |c: &&NightCall| c.is_within(period.of(c.zone.as_deref()));
    let counted: Vec<NightCall> = calls.iter().filter(of_it).cloned().collect();
    let around = surroundings(store, directory, period, now).await?;
    let figures = Figures::of(&counted, &around, now);
    Ok(TimeReport { calls, figures })
}

async fn surroundings(
    store: &dyn Store,
    directory: &Directory,
    period: Period,
    now: Timestamp,
) -> Result<Surroundings, StoreError> {
    let mut stretches: BTreeMap<ContactId, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
    let mut gaps: BTreeSet<Date> = BTreeSet::new();
    for duty in duties(directory) {
        let zone = directory.zone(duty.line);
        let (from, until) = period.of(zone);
        let until = until.min(now);
        if from >= until {
            continue;
        }
        let number = duty.line.number.as_deref();
        let kept = kept(store, number, &duty.role, (from, until), now).await?;
        let is_held = directory.is_ever_held(duty.line, &duty.role);
        for span in spans_of(directory, (duty.line, &duty.role), (from, until), now, &kept) {
            if span.holders.is_empty() && is_held {
                gaps.extend(evenings(span.from, span.until, zone));
            }
            for contact in span.holders.iter().filter_map(|h| h.contact.parse::<ContactId>().ok()) {
                stretches.entry(contact).or_default().push((span.from, span.until));
            }
        }
    }
    let named = |(id, stretches): (ContactId, Vec<(Timestamp, Timestamp)>)| {
        let name = directory.contact(&id).map_or_else(|| id.to_string(), |c| c.name.clone());
        (id, on_call_time(name, stretches))
    };
    let (from, until) = period.of(directory.zone(&directory.default_line));
    let alerts = alerts(store, from, until).await?;
    Ok(Surroundings { on_call: stretches.into_iter().map(named).collect(), gaps, alerts })
}

/// The nights that a stretch of time touches, by their evenings.
fn evenings(from: Timestamp, until: Timestamp, zone: Option<&str>) -> BTreeSet<Date> {
    let last = night::evening_of(Timestamp::from_millis(until.as_millis().saturating_sub(1)), zone);
    let mut all = BTreeSet::new();
    let mut evening = night::evening_of(from, zone);
    while evening <= last {
        all.insert(evening);
        let Ok(next) = evening.tomorrow() else { break };
        evening = next;
    }
    all
}

/// How many alerts were raised, each key once.
async fn alerts(store: &dyn Store, from: Timestamp, until: Timestamp) -> Result<u64, StoreError> {
    let mut filter = LogFilter { since: Some(from), limit: PAGE, ..LogFilter::default() };
    let mut keys: BTreeSet<String> = BTreeSet::new();
    loop {
        let page = store.log(&filter).await?;
        let raised = page.iter().filter(|l| l.entry.kind == LogKind::AlertRaised && l.entry.at < until);
        keys.extend(raised.filter_map(|l| l.entry.data.get("key")).map(ToString::to_string));
        match page.last() {
            Some(last) if page.len() >= PAGE && last.entry.at < until => filter.after = last.seq,
            _ => return Ok(u64::try_from(keys.len()).unwrap_or(u64::MAX)),
        }
    }
}
