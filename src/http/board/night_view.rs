//! The night until now, in figures.

use serde::Serialize;

use crate::domain::Timestamp;
use crate::domain::call::CallState;
use crate::domain::figures::{Figures, Spread, Surroundings, TechnicianFigures};
use crate::domain::log::LogEntry;
use crate::domain::night::NightCall;

use super::facts::Facts;

/// Lengths of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpreadView {
    pub(super) count: u64,
    pub(super) median_ms: u64,
    pub(super) worst_ms: u64,
}

impl SpreadView {
    /// `None`: of nothing.
    fn of(spread: &Spread) -> Option<Self> {
        let ms = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        Some(Self { count: spread.count, median_ms: ms(spread.median?), worst_ms: ms(spread.worst?) })
    }
}

/// The night until now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NightView {
    pub(super) from: Timestamp,
    pub(super) calls: u64,
    /// The figures are of so many, the newest.
    pub(super) counted: u64,
    pub(super) taken_calls: u64,
    pub(super) exhausted: u64,
    pub(super) told: Option<SpreadView>,
    pub(super) unconfirmed: u64,
    pub(super) taken: Option<SpreadView>,
    pub(super) technicians: Vec<TechnicianView>,
    pub(super) texts: u64,
    pub(super) segments: u64,
    pub(super) unknown: u64,
    pub(super) doubled: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TechnicianView {
    pub(super) name: String,
    pub(super) notices: u64,
    pub(super) taken: u64,
    pub(super) passed: u64,
    pub(super) failed: u64,
}

/// Of the newest calls that were read.
pub(super) fn night(facts: &Facts<'_>) -> NightView {
    let of = |(state, log): &(CallState, Vec<LogEntry>)| NightCall::of(state.clone(), log.iter(), facts.directory);
    let calls: Vec<NightCall> = facts.rows.night.iter().map(of).collect();
    let f = Figures::of(&calls, &Surroundings::default(), facts.now);
    let technician = |t: &TechnicianFigures| TechnicianView {
        name: t.name.clone(),
        notices: t.notices,
        taken: t.taken,
        passed: t.passes,
        failed: t.failed,
    };
    NightView {
        from: facts.night_from,
        calls: facts.rows.night_calls,
        counted: f.calls,
        taken_calls: f.taken.count,
        exhausted: f.exhausted,
        told: SpreadView::of(&f.told),
        unconfirmed: f.unconfirmed,
        taken: SpreadView::of(&f.taken),
        technicians: f.technicians.iter().map(technician).collect(),
        texts: f.texts,
        segments: f.segments,
        unknown: f.unknowns,
        doubled: f.doubles,
    }
}
