//! Who is on call now and next, and the gaps ahead, as the board shows them: computed from what is in force, off the threads that serve.

use std::time::Duration;

use serde::Serialize;

use crate::domain::Timestamp;
use crate::domain::oncall::outlook::duties;
use crate::domain::team::Directory;
use crate::domain::types::ContactId;
use crate::engine::oncall::past::{DutySpan, outlook_of, spans_of};
use crate::engine::oncall::reach::gaps_between;
use crate::store::OptOutLine;

/// More roles of lines than this are counted.
const DUTIES_MAX: usize = 24;
/// More gaps than this are counted.
const GAPS_MAX: usize = 5;

/// Who is on call.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OnCallView {
    pub(super) duties: Vec<DutyView>,
    pub(super) more_duties: usize,
    pub(super) gaps: Vec<GapView>,
    pub(super) more_gaps: usize,
    /// Whether several lines are meant, and each must be named.
    pub(super) several_lines: bool,
    /// Why it cannot be said.
    pub(super) trouble: Option<String>,
}

/// A role of a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DutyView {
    /// The number; `None`: numbers that are not listed.
    pub(super) line: Option<String>,
    pub(super) line_name: String,
    pub(super) role: String,
    pub(super) holders: Vec<HolderView>,
    pub(super) next: Vec<HolderView>,
    pub(super) next_from: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HolderView {
    pub(super) contact: String,
    pub(super) name: String,
    pub(super) until: Option<Timestamp>,
}

/// A time at which nobody who can be told holds a role.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GapView {
    /// The number; `None`: numbers that are not listed.
    pub(super) line: Option<String>,
    pub(super) line_name: String,
    pub(super) role: String,
    pub(super) from: Timestamp,
    /// `None`: beyond what is looked at.
    pub(super) until: Option<Timestamp>,
    pub(super) why: String,
    pub(super) is_now: bool,
}

impl OnCallView {
    /// As far ahead as gaps are looked for.
    pub(super) fn of(directory: &Directory, opt_outs: &[OptOutLine], now: Timestamp, ahead: Duration) -> Self {
        let until = now.plus(ahead);
        let all = duties(directory);
        let name = |contact: &str| {
            let id = contact.parse::<ContactId>().ok();
            id.and_then(|id| directory.contact(&id)).map_or_else(|| contact.to_owned(), |c| c.name.clone())
        };
        let view = |duty: &crate::domain::oncall::outlook::LineRole<'_>| {
            let look = outlook_of(&spans_of(directory, (duty.line, &duty.role), (now, until), now, &[]));
            let next = |s: &DutySpan| -> Vec<HolderView> {
                let of = s.holders.iter();
                of.map(|h| HolderView { contact: h.contact.clone(), name: name(&h.contact), until: None }).collect()
            };
            let holders = look.holders.iter().map(|(h, until)| HolderView {
                contact: h.contact.clone(),
                name: name(&h.contact),
                until: *until,
            });
            DutyView {
                line: duty.line.number.clone(),
                line_name: duty.line.name.clone(),
                role: duty.role.to_string(),
                holders: holders.collect(),
                next: look.next.as_ref().map(next).unwrap_or_default(),
                next_from: look.next.as_ref().map(|s| s.from),
            }
        };
        let gaps = gaps_between(directory, now, until, opt_outs);
        let gap = |g: &crate::domain::oncall::outlook::Gap| GapView {
            line: g.line.clone(),
            line_name: directory.line(g.line.as_deref()).0.name.clone(),
            role: g.role.to_string(),
            from: g.from,
            until: Some(g.until).filter(|end| *end < until),
            why: g.why(),
            is_now: g.from <= now,
        };
        let shown = all.iter().take(DUTIES_MAX).map(view).collect();
        Self {
            duties: shown,
            several_lines: all.windows(2).any(|pair| matches!(pair, [a, b] if a.line.number != b.line.number)),
            more_duties: all.len().saturating_sub(DUTIES_MAX),
            more_gaps: gaps.len().saturating_sub(GAPS_MAX),
            gaps: gaps.iter().take(GAPS_MAX).map(gap).collect(),
            trouble: None,
        }
    }
}
