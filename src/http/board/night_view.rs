//! The night until now, in figures.

use serde::Serialize;

use crate::domain::Timestamp;
use crate::domain::call::CallState;
use crate::domain::log::LogEntry;
use crate::domain::night::NightCall;
use crate::domain::night_figures::{NightFigures, Share, Spread};

use super::facts::Facts;

/// Lengths of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpreadView {
    pub(super) count: usize,
    pub(super) median_ms: u64,
    pub(super) worst_ms: u64,
}

impl From<Spread> for SpreadView {
    fn from(s: Spread) -> Self {
        let ms = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        Self { count: s.count, median_ms: ms(s.median), worst_ms: ms(s.worst) }
    }
}

/// The night until now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NightView {
    pub(super) from: Timestamp,
    pub(super) calls: u64,
    /// The figures are of so many, the newest.
    pub(super) counted: usize,
    pub(super) taken_calls: usize,
    pub(super) exhausted: usize,
    pub(super) told: Option<SpreadView>,
    pub(super) unconfirmed: usize,
    pub(super) taken: Option<SpreadView>,
    pub(super) technicians: Vec<TechnicianView>,
    pub(super) texts: usize,
    pub(super) segments: u64,
    pub(super) unknown: usize,
    pub(super) doubled: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TechnicianView {
    pub(super) name: String,
    pub(super) notices: usize,
    pub(super) taken: usize,
    pub(super) passed: usize,
    pub(super) failed: usize,
}

/// Of the newest calls that were read.
pub(super) fn night(facts: &Facts<'_>) -> NightView {
    let of = |(state, log): &(CallState, Vec<LogEntry>)| NightCall::of(state.clone(), log.iter(), facts.directory);
    let calls: Vec<NightCall> = facts.rows.night.iter().map(of).collect();
    let f = NightFigures::of(&calls);
    let share = |s: &Share| TechnicianView {
        name: s.name.clone(),
        notices: s.notices,
        taken: s.taken,
        passed: s.passed,
        failed: s.failed,
    };
    NightView {
        from: facts.night_from,
        calls: facts.rows.night_calls,
        counted: f.calls,
        taken_calls: f.taken_calls,
        exhausted: f.exhausted,
        told: f.told.map(SpreadView::from),
        unconfirmed: f.unconfirmed,
        taken: f.taken.map(SpreadView::from),
        technicians: f.shares.iter().map(share).collect(),
        texts: f.texts,
        segments: f.segments,
        unknown: f.unknown,
        doubled: f.doubled,
    }
}
