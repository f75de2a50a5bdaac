//! Who was on call: as it was kept at the time, and computed where nothing was.
//!
//! What has passed is read and not computed anew: the rotation may have been another one then. From now on, and before the first
//! that was kept, it is computed from what is in force, and says so.

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::oncall::outlook::AHEAD;
use crate::domain::oncall::timeline::spans;
use crate::domain::team::{Directory, Line};
use crate::domain::types::Role;
use crate::store::{DutyChange, Store, StoreError};

/// Where a span comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DutySource {
    /// It was kept at the time.
    Log,
    /// From what is in force now.
    Computed,
}

impl DutySource {
    /// As documents say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Computed => "computed",
        }
    }
}

/// Somebody who held a role, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyHolder {
    pub contact: String,
    pub why: String,
}

/// A stretch of time with the same holders. Half open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutySpan {
    pub from: Timestamp,
    pub until: Timestamp,
    /// Empty: nobody.
    pub holders: Vec<DutyHolder>,
    pub source: DutySource,
}

impl DutySpan {
    fn contacts(&self) -> Vec<&str> {
        self.holders.iter().map(|h| h.contact.as_str()).collect()
    }
}

/// What was kept of a role between two moments: the change that was in force at the first, and those after it. Nothing of a time
/// that is to come.
///
/// # Errors
/// [`StoreError`]: it cannot be read.
pub async fn kept(
    store: &dyn Store,
    line: Option<&str>,
    role: &Role,
    (from, until): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Vec<DutyChange>, StoreError> {
    if from >= now {
        return Ok(Vec::new());
    }
    store.duty_changes(line, role, from, until.min(now)).await
}

/// Every span of a role of a line between two moments, without a hole between them; `kept`: what [`kept`] says of them. It can be
/// much work: off the threads that serve others.
pub fn spans_of(
    directory: &Directory,
    (line, role): (&Line, &Role),
    (from, until): (Timestamp, Timestamp),
    now: Timestamp,
    kept: &[DutyChange],
) -> Vec<DutySpan> {
    let computed = |from: Timestamp, until: Timestamp| -> Vec<DutySpan> {
        let of = spans(directory, line, role, from, until);
        let holder = |h: &crate::domain::oncall::Holder<'_>| DutyHolder {
            contact: h.contact.id.to_string(),
            why: h.why.describe(directory),
        };
        let span = |s: &crate::domain::oncall::timeline::HeldSpan<'_>| DutySpan {
            from: s.from,
            until: s.until,
            holders: s.holders.iter().map(holder).collect(),
            source: DutySource::Computed,
        };
        of.iter().map(span).collect()
    };
    let past = until.min(now);
    let Some(first) = kept.first().filter(|_| from < past) else { return computed(from, until) };
    let mut all = if first.since > from { computed(from, first.since.min(past)) } else { Vec::new() };
    for (at, change) in kept.iter().enumerate() {
        let end = kept.get(at + 1).map_or(past, |next| next.since.min(past));
        let begin = change.since.max(from);
        if begin < end {
            let holder = |h: &crate::store::KeptHolder| DutyHolder { contact: h.contact.clone(), why: h.why.clone() };
            let holders = change.holders.iter().map(holder).collect();
            all.push(DutySpan { from: begin, until: end, holders, source: DutySource::Log });
        }
    }
    for span in computed(past, until) {
        match all.last_mut() {
            // The present shift goes on: it is one.
            Some(last) if last.until == span.from && span.from == now && last.contacts() == span.contacts() => {
                last.until = span.until;
            }
            _ => all.push(span),
        }
    }
    all
}

/// Who held it at a moment, until when each of them, and who came then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyOutlook {
    /// With the moment at which each stopped holding it; `None`: not within the time that is looked at.
    pub holders: Vec<(DutyHolder, Option<Timestamp>)>,
    pub next: Option<DutySpan>,
    pub source: DutySource,
}

/// How far is looked from a moment on.
pub fn looked_until(at: Timestamp, now: Timestamp) -> Timestamp {
    at.max(now).plus(AHEAD)
}

/// What the spans from a moment on say of it.
pub fn outlook_of(all: &[DutySpan]) -> DutyOutlook {
    let Some(first) = all.first() else {
        return DutyOutlook { holders: Vec::new(), next: None, source: DutySource::Computed };
    };
    let until = |contact: &str| all.iter().find(|s| !s.contacts().contains(&contact)).map(|s| s.from);
    let holders = first.holders.iter().map(|h| (h.clone(), until(&h.contact))).collect();
    let begins = all.iter().position(|s| s.contacts() != first.contacts());
    let next = begins.and_then(|at| {
        let rest = all.get(at..)?;
        let next = rest.first()?;
        // Neighbours with the same contacts are one.
        let end = rest
            .iter()
            .find(|s| s.contacts() != next.contacts())
            .map_or_else(|| rest.last().map(|s| s.until), |s| Some(s.from));
        Some(DutySpan { until: end.unwrap_or(next.until), ..next.clone() })
    });
    DutyOutlook { holders, next, source: first.source }
}

/// `holders` with until when and why, and `next`, as documents show them.
pub fn outlook_json(of: &[DutyOutlook]) -> (Value, Value) {
    let holder =
        |(h, until): &(DutyHolder, Option<Timestamp>)| json!({ "contact": h.contact, "until": until, "why": h.why });
    let holders: Vec<Value> = of.iter().flat_map(|o| &o.holders).map(holder).collect();
    let one = |s: &DutySpan| -> Vec<Value> {
        let of = |h: &DutyHolder| json!({ "contact": h.contact, "from": s.from, "until": s.until, "why": h.why });
        s.holders.iter().map(of).collect()
    };
    let next: Vec<Value> = of.iter().filter_map(|o| o.next.as_ref()).flat_map(one).collect();
    (holders.into(), next.into())
}

/// The spans of a role of a line, as documents show them.
pub fn spans_json(line: Option<&str>, role: &Role, of: &[DutySpan]) -> Vec<Value> {
    let span = |s: &DutySpan| {
        let one = |h: &DutyHolder| json!({ "contact": h.contact, "why": h.why });
        let holders: Vec<Value> = s.holders.iter().map(one).collect();
        json!({ "line": line, "role": role, "from": s.from, "until": s.until, "holders": holders, "source": s.source.as_str() })
    };
    of.iter().map(span).collect()
}
