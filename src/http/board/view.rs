//! What the board shows, as a value: a pure function of one read of the store and of who is on call. `GET /api/board` is its JSON, and
//! the page is a template over it, so that both say the same.

use serde::Serialize;

use crate::domain::Timestamp;
use crate::domain::alert::{AlertKind, Severity, Until, what_to_do};
use crate::domain::call::CallStatus;
use crate::domain::masking::masked;
use crate::domain::team::Directory;
use crate::store::{AlertLine, CallLine};

use super::call_view::{BoardCall, shortened};
use super::duties::OnCallView;
use super::facts::{Facts, Sight};
use super::night_view::{NightView, night};
use super::verdict::{Verdict, verdict};

/// Everything that the board shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BoardView {
    pub(super) mode: &'static str,
    pub(super) at: Timestamp,
    /// By whose clock the page shows times.
    pub(super) zone: String,
    pub(super) verdict: Verdict,
    pub(super) engine: EngineView,
    pub(super) store: StoreView,
    pub(super) breakers: Vec<BreakerView>,
    pub(super) on_call: OnCallView,
    pub(super) alerts: Vec<AlertView>,
    pub(super) more_alerts: u64,
    pub(super) open: Vec<BoardCall>,
    pub(super) more_open: u64,
    pub(super) deferred: Vec<BoardCall>,
    pub(super) more_deferred: u64,
    pub(super) night: NightView,
    pub(super) closed: Vec<ClosedView>,
    /// What the next page of closed calls begins after.
    pub(super) closed_next: Option<String>,
    pub(super) unreadable: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EngineView {
    pub(super) works: bool,
    pub(super) trouble: Option<String>,
}

/// Whether what is decided can be kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoreView {
    pub(super) takes_writes: bool,
    pub(super) trouble: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BreakerView {
    pub(super) sender: String,
    pub(super) since: Timestamp,
    pub(super) why: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlertView {
    pub(super) key: String,
    pub(super) severity: &'static str,
    pub(super) since: Timestamp,
    pub(super) title: &'static str,
    pub(super) message: String,
    pub(super) call_id: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) to_do: Option<String>,
    /// It is over when somebody takes the call.
    pub(super) wants_taker: bool,
    pub(super) seen_by: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClosedView {
    pub(super) call_id: String,
    pub(super) reference: String,
    pub(super) status: CallStatus,
    pub(super) line: String,
    pub(super) issue: Option<String>,
    pub(super) accepted_at: Timestamp,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) holder: Option<String>,
}

impl BoardView {
    /// Of one moment.
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let rows = facts.rows;
        let directory = facts.directory;
        let call = |state| BoardCall::of(state, facts);
        let of = |status| rows.figures.open_by_status.iter().find(|(s, _)| *s == status).map_or(0, |(_, n)| *n);
        let deferred = of(CallStatus::Deferred);
        let open = rows.figures.open_calls.saturating_sub(deferred);
        let night = night(facts);
        let closed: Vec<ClosedView> =
            rows.closed.iter().take(facts.closed_max).map(|line| closed(line, directory, facts.sight)).collect();
        let closed_next =
            (rows.closed.len() > facts.closed_max).then(|| closed.last().map(|c| c.call_id.clone())).flatten();
        let mut alerts: Vec<&AlertLine> = rows.alerts.iter().collect();
        alerts.sort_by_key(|a| (std::cmp::Reverse(a.key.kind().severity()), a.raised_at));
        let more = |all: u64, shown: usize| all.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
        Self {
            mode: facts.mode,
            at: facts.now,
            zone: directory.zone(&directory.default_line).unwrap_or("UTC").to_owned(),
            verdict: verdict(facts, &night),
            engine: EngineView { works: facts.engine_trouble.is_none(), trouble: facts.engine_trouble.clone() },
            store: StoreView { takes_writes: facts.store_trouble.is_none(), trouble: facts.store_trouble.clone() },
            breakers: rows.breakers.iter().filter(|b| b.is_open()).map(|b| breaker(b, facts.sight)).collect(),
            on_call: facts.oncall.clone(),
            more_alerts: more(rows.figures.alerts, alerts.len()),
            alerts: alerts.into_iter().map(|a| alert(a, facts.sight)).collect(),
            more_open: more(open, rows.open.len()),
            open: rows.open.iter().map(call).collect(),
            more_deferred: more(deferred, rows.deferred.len()),
            deferred: rows.deferred.iter().map(call).collect(),
            night,
            closed,
            closed_next,
            unreadable: facts.unreadable,
        }
    }
}

fn breaker(b: &crate::domain::breaker::Breaker, sight: Sight) -> BreakerView {
    BreakerView { sender: masked(&b.sender), since: b.opened_at, why: sight.words(&b.why) }
}

fn alert(line: &AlertLine, sight: Sight) -> AlertView {
    let kind = line.key.kind();
    // Whose words it quotes may be told to whoever may decide.
    let hidden = kind.quotes_a_person() && !sight.operates();
    let to_do = match (&line.call, kind.severity()) {
        (Some(call), _) => Some(what_to_do(kind, call)),
        (None, _) => None,
    };
    AlertView {
        key: line.key.masked(),
        severity: kind.severity().as_str(),
        since: line.raised_at,
        title: kind.title(),
        message: if hidden { kind.title().to_owned() } else { sight.words(&line.message) },
        call_id: line.call.as_ref().map(ToString::to_string),
        reference: line.reference.as_ref().map(ToString::to_string),
        to_do,
        wants_taker: line.call.is_some()
            && kind.severity() == Severity::Page
            && kind.until() == Until::Taken
            && kind != AlertKind::NotSeen,
        seen_by: line.acknowledged.as_ref().map(|(_, by)| by.0.clone()),
    }
}

fn closed(line: &CallLine, directory: &Directory, sight: Sight) -> ClosedView {
    let call = &line.call;
    let (of, _) = directory.line(call.data.twilio_to_number.as_deref());
    let name = |id| directory.contact(id).map_or_else(|| id.to_string(), |c| c.name.clone());
    ClosedView {
        call_id: call.id.to_string(),
        reference: call.reference.to_string(),
        status: call.status,
        line: of.name.clone(),
        issue: call
            .data
            .issue_summary
            .as_deref()
            .map(|text| shortened(&sight.words(text.trim())))
            .filter(|t| !t.is_empty()),
        accepted_at: call.accepted_at,
        closed_at: call.closed_at,
        holder: call.holder.as_ref().map(name).map(|name| sight.words(&name)),
    }
}
