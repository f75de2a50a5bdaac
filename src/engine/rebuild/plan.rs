//! What will be done about every call that runs elsewhere or ran here: pure, so that it can be printed before it is carried
//! out and tested with odd snapshots.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::alert::AlertKind;
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use crate::domain::call::{Call, CallData, CallState, CallStatus, ExclusionReason, Out, Override};
use crate::domain::codes::Class;
use crate::domain::event::{Import, NewCall, Reference};
use crate::domain::levels::MORNING;
use crate::domain::missed_steps;
use crate::domain::phone::masked;
use crate::domain::quiet;
use crate::domain::team::Directory;
use crate::domain::types::{Actor, CallId, CallRef, ContactId};
use crate::engine::intake::{self, Intake, IntakeError, Validation};
use crate::ids::Ids;

use super::attempts::{AttemptDraft, Mark, Taken, draft};
use super::evidence::{Claim, Evidence, PASSED, weigh};
use super::problem::RowProblem;
use super::rowless;
use super::rows::{CallRow, DEFERRED, DISPATCHING, EventRow};
use super::snapshot::BaseSnapshot;

/// What is lost with the row.
const ROWLESS: &str = "it has no row in Calls yet: who called and how urgent it is are not known; its first text stands for what \
     was said, and it goes on as a normal call";
/// A follow-up's time in the row that is this much before what the ladder says is a stale one.
const STALE: Duration = Duration::from_secs(120);
/// One that is this much after it was not ours.
const FAR: Duration = Duration::from_secs(3_600);

/// All that will be done.
#[derive(Debug, Default)]
pub struct RebuildPlan {
    /// One line a call that is taken over.
    pub rows: Vec<PlanRow>,
    /// Calls that the store has already.
    pub left_alone: Vec<CallId>,
    /// Rows that a person must mend.
    pub problems: Vec<RowProblem>,
    /// What holds for all of it.
    pub notes: Vec<String>,
}

/// What was found of a call, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedCall {
    /// Dispatch events of ours.
    pub events: usize,
    /// Dispatch events of another system.
    pub old_events: usize,
    /// Its messages in the provider's list.
    pub messages: usize,
    /// Replies that concern it.
    pub replies: usize,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlannedAction {
    /// Its ladder goes on.
    GoesOn,
    /// Its ladder is over: its end is next.
    Ends,
    /// It waits for the morning, and nobody is woken.
    Waits,
    /// Somebody has it.
    Acknowledged,
    /// It is done.
    Resolved,
    /// It was called off.
    Cancelled,
}

impl PlannedAction {
    /// In a word or two.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GoesOn => "goes on",
            Self::Ends => "ladder over",
            Self::Waits => "deferred",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One call that is taken over.
#[derive(Debug)]
pub struct PlanRow {
    pub call: CallId,
    pub reference: CallRef,
    /// See [`PlannedCall`].
    pub found: PlannedCall,
    /// What becomes of it.
    pub what: PlannedAction,
    /// When its ladder goes on; `None` where it does not.
    pub at: Option<Timestamp>,
    /// What will be done, and why so.
    pub action: String,
    /// What could not be rebuilt, or is not certain.
    pub lost: Vec<String>,
    /// What carries it out.
    pub import: Import,
}

impl PlanRow {
    /// As a JSON document.
    pub fn json(&self) -> Value {
        json!({
            "callId": self.call,
            "reference": self.reference,
            "found": {
                "dispatchEvents": self.found.events,
                "oldSystemEvents": self.found.old_events,
                "messages": self.found.messages,
                "replies": self.found.replies,
            },
            "outcome": self.what.as_str(),
            "at": self.at,
            "action": self.action,
            "notRebuilt": self.lost,
        })
    }
}

impl RowProblem {
    /// As a JSON document.
    pub fn json(&self) -> Value {
        json!({ "record": self.record, "callId": self.call, "what": self.what, "help": self.help })
    }
}

/// The plan. `ids` gives ids to what has none.
pub fn plan(snapshot: &BaseSnapshot, ids: &Ids) -> RebuildPlan {
    let mut plan = RebuildPlan::default();
    let mut taken = Taken::default();
    let mut drafts: Vec<AttemptDraft> = Vec::new();
    let mut seen: BTreeSet<&CallId> = BTreeSet::new();
    for row in &snapshot.calls {
        let id = match &row.id {
            Ok(id) => id,
            Err(why) => {
                plan.problems.push(RowProblem {
                    record: row.record.to_string(),
                    call: None,
                    what: format!("a {DISPATCHING} row cannot be taken over: {why}"),
                    help: "give it an id of 1 to 128 visible characters without spaces, or dispatch it by hand".into(),
                });
                continue;
            }
        };
        if snapshot.known.contains(id) {
            if seen.insert(id) {
                plan.left_alone.push(id.clone());
            }
            continue;
        }
        if !seen.insert(id) {
            plan.problems.push(RowProblem {
                record: row.record.to_string(),
                call: Some(id.clone()),
                what: format!("a second row says that call {id} is {DISPATCHING}: the oldest counts"),
                help: "delete the row that is too many".into(),
            });
            continue;
        }
        if let Some(problem) = row.is_missing.then(|| rowless::too_old(snapshot, row, id)).flatten() {
            plan.problems.push(problem);
            continue;
        }
        let row = &if row.is_missing { rowless::with_text(snapshot, row, id) } else { row.clone() };
        match new_call(snapshot, &snapshot.directory, row, id, ids) {
            Ok(new) => {
                let mut draft = draft(snapshot, row, new, ids, &mut taken);
                if row.is_missing {
                    draft.lost.push(ROWLESS.to_owned());
                }
                drafts.push(draft);
            }
            Err(e) => plan.problems.push(RowProblem {
                record: row.record.to_string(),
                call: Some(id.clone()),
                what: format!("call {id} cannot be taken over: {e}"),
                help: "mend the row or the configuration and run this again, or dispatch it by hand".into(),
            }),
        }
    }
    let evidence: Vec<Evidence> = drafts.iter().map(|d| weigh(d, &drafts, snapshot)).collect();
    let mut ingested = BTreeSet::new();
    for (draft, mut evidence) in drafts.into_iter().zip(evidence) {
        // One text may be about several calls of its writer: it is kept once.
        evidence.ingested.retain(|h| ingested.insert(h.text.sid.clone()));
        plan.rows.push(row(snapshot, draft, evidence));
    }
    plan.problems.extend(strays(snapshot, &plan));
    plan.notes = notes(snapshot, &plan);
    plan
}

/// Texts of calls that nobody knows of; not those that a call of this plan has.
fn strays(snapshot: &BaseSnapshot, plan: &RebuildPlan) -> Vec<RowProblem> {
    let own = |sid: &str| {
        plan.rows
            .iter()
            .any(|r| r.import.state.attempts.iter().any(|a| a.sid.as_ref().is_some_and(|s| s.as_str() == sid)))
    };
    rowless::strays(snapshot).into_iter().filter(|p| !own(&p.record)).collect()
}

fn notes(snapshot: &BaseSnapshot, plan: &RebuildPlan) -> Vec<String> {
    let mut notes = snapshot.notes.clone();
    if plan.rows.is_empty() {
        return notes;
    }
    notes.extend([
        "what an operator decided (ack, cancel, follow-up cancel) and never reached Airtable cannot be known: such a call goes on"
            .to_owned(),
    ]);
    if !snapshot.cut_short.is_empty() {
        let whose = snapshot.cut_short.join(", ");
        notes.push(format!("not all messages of {whose} could be listed: older replies of theirs are not known"));
    }
    notes
}

/// The paperwork, as leniently as over the API.
///
/// # Errors
/// [`IntakeError`].
pub(crate) fn new_call(
    snapshot: &BaseSnapshot,
    directory: &Directory,
    row: &CallRow,
    id: &CallId,
    ids: &Ids,
) -> Result<NewCall, IntakeError> {
    let was_sent = snapshot.events.get(id).is_some_and(|rows| rows.iter().any(EventRow::is_ours));
    let mut odd = Vec::new();
    // In a row that we keep it is whom we told last, no wish of the caller's.
    let ours = was_sent || row.reference.is_some();
    let contact = if ours { None } else { row.contact.as_deref().and_then(|c| named(snapshot, c, &mut odd)) };
    let intake = Intake {
        call_id: Some(id.to_string()),
        idempotency_key: None,
        data: CallData {
            caller_phone: row.caller_phone.clone(),
            emergency_level: row.level.clone(),
            issue_summary: row.issue.clone(),
            twilio_to_number: row.dialled.clone(),
            caller_name: row.caller_name.clone(),
            address: row.address.clone(),
            contact,
            ..CallData::default()
        },
        read_back: true,
        ..Intake::default()
    };
    let mut new = intake::new_call(intake, directory, Validation::Lenient, ids, snapshot.now)?;
    // Our rows show a level whether or not one was stated: only a call that was to be told at the end of its quiet hours surely was.
    let moment = row.next_follow_up_at.map(|at| at.minus(Duration::from_millis(1)));
    let was_held = moment.is_some_and(|at| {
        let end = quiet::ends(directory, new.data.twilio_to_number.as_deref(), &new.level, at);
        end.is_some() && end == row.next_follow_up_at
    });
    let (line, _) = directory.line(new.data.twilio_to_number.as_deref());
    let has_hours = directory.policy(line, &new.level).is_some_and(|p| p.quiet.is_some());
    if row.reference.is_some() && has_hours && !was_held {
        new.data.extra.insert(quiet::LEVEL_UNSAID.to_owned(), true.into());
    }
    new.warnings.extend(odd);
    Ok(new)
}

/// The contact that a row names by id, name or number. A number that cannot be texted is said, and the ladder runs as it is.
fn named(snapshot: &BaseSnapshot, cell: &str, odd: &mut Vec<(AlertKind, String)>) -> Option<String> {
    if let Some(c) = snapshot.directory.contact_named(cell) {
        return Some(c.id.as_str().to_owned());
    }
    let like_a_number = cell.starts_with('+') || cell.bytes().next().is_some_and(|b| b.is_ascii_digit());
    if like_a_number && cell.parse::<crate::domain::PhoneNumber>().is_err() {
        let shown = masked(cell);
        odd.push((
            AlertKind::UnknownContact,
            format!("the contact {shown:?} is no number that can be texted: the ladder runs as it is"),
        ));
        return None;
    }
    Some(cell.to_owned())
}

fn row(snapshot: &BaseSnapshot, draft: AttemptDraft, evidence: Evidence) -> PlanRow {
    let now = snapshot.now;
    let ladder = Ladder::of(&draft, &evidence, snapshot);
    let status = match evidence.standing {
        Claim::Free if draft.row.status == DEFERRED && draft.number_max == 0 && draft.old.is_empty() => {
            CallStatus::Deferred
        }
        Claim::Free => CallStatus::Dispatching,
        Claim::Held(_) => CallStatus::Acknowledged,
        Claim::Resolved => CallStatus::Resolved,
        Claim::Cancelled => CallStatus::Cancelled,
    };
    let runs = status == CallStatus::Dispatching;
    let what = match status {
        CallStatus::Acknowledged => PlannedAction::Acknowledged,
        CallStatus::Resolved => PlannedAction::Resolved,
        CallStatus::Cancelled => PlannedAction::Cancelled,
        CallStatus::Deferred => PlannedAction::Waits,
        _ if ladder.next >= ladder.total => PlannedAction::Ends,
        _ => PlannedAction::GoesOn,
    };
    let holder = match &evidence.standing {
        Claim::Held(holder) => holder.clone(),
        _ => None,
    };
    let found = PlannedCall {
        events: draft.events,
        old_events: draft.old.len(),
        messages: draft.messages,
        replies: evidence.replies,
    };
    let mut lost = draft.lost.clone();
    lost.extend(evidence.unsure.iter().cloned());
    lost.extend(draft.new.warnings.iter().map(|(_, text)| text.clone()));
    lost.extend(ladder.note.clone());
    let (call, reference) = (draft.id.clone(), draft.reference.clone());
    let kept = if draft.reference_is_out { Reference::Kept } else { Reference::Fresh };
    let warnings = draft.new.warnings.clone();
    let closed_at = evidence.why.as_ref().map(|(_, at)| *at).filter(|_| !runs);
    // Whether somebody has seen a deferred one is not known: it alarms soon.
    let at = match status {
        CallStatus::Deferred => Some(now),
        _ => runs.then_some(ladder.wake_at),
    };
    let told_by_others = draft.old.len();
    let state = CallState {
        call: Call {
            id: draft.id.clone(),
            reference: reference.clone(),
            status,
            round: ladder.round,
            level: if status == CallStatus::Deferred { MORNING.to_owned() } else { draft.new.level.clone() },
            policy: draft.new.policy.clone(),
            overridden: overridden(&draft),
            data: draft.new.data.clone(),
            fingerprint: draft.new.fingerprint.clone(),
            idempotency_key: None,
            created_by: Actor("airtable".into()),
            accepted_at: accepted_at(&draft, now),
            next_step: ladder.next,
            wake_at: at,
            deferred_from: None,
            attempts: draft.number_max,
            holder,
            excluded: excluded(&draft, &evidence, ladder.round),
            notified_at: notified_at(&draft),
            closed_at: closed_at.or((!runs).then_some(now)),
            muted: false,
            held_until: None,
            ask_at: None,
            asked_at: None,
            settings: None,
        },
        notices: draft.notices,
        attempts: draft.attempts,
    };
    let missed = missed_steps(&state.call, now);
    let action = action(what, &ladder, &missed, told_by_others, &evidence, now);
    let how = format!("rebuilt from {}: {action}", sources(found));
    let import = Import { state, reference: kept, ingested: evidence.ingested, how, lost: lost.clone(), warnings };
    PlanRow { call, reference, found, what, at, action, lost, import }
}

fn action(
    what: PlannedAction,
    ladder: &Ladder,
    missed: &[u32],
    told_by_others: usize,
    evidence: &Evidence,
    now: Timestamp,
) -> String {
    let why = evidence.why.as_ref().map(|(why, at)| format!("{why} at {at}")).unwrap_or_default();
    let when = if ladder.wake_at <= now { "now".to_owned() } else { format!("at {}", ladder.wake_at) };
    let last = match (ladder.last, told_by_others) {
        (Some(m), _) => format!("step {} was the last", m.step + 1),
        (None, 0) => "nobody was told yet".to_owned(),
        (None, _) => "another system told somebody".to_owned(),
    };
    match (what, missed) {
        (PlannedAction::GoesOn, [first, .., latest]) => format!(
            "steps {} to {} of {} were missed: everyone whom they name is told once, now; {last}",
            first + 1,
            latest + 1,
            ladder.total
        ),
        (PlannedAction::GoesOn, _) => format!("step {} of {} fires {when}; {last}", ladder.next + 1, ladder.total),
        (PlannedAction::Ends, _) => format!("EXHAUSTED with an alert {when}, unless an answer is found first; {last}"),
        (PlannedAction::Waits, _) => {
            "imported as DEFERRED: nobody is woken, and the alarm comes if nobody sees it".to_owned()
        }
        (PlannedAction::Acknowledged, _) => format!("imported as ACKNOWLEDGED, nobody is told: {why}"),
        (PlannedAction::Resolved, _) => format!("imported as RESOLVED, nobody is told: {why}"),
        (PlannedAction::Cancelled, _) => format!("imported as CANCELLED, nobody is told: {why}"),
    }
}

fn sources(found: PlannedCall) -> String {
    let mut parts = vec!["its row of Airtable".to_owned()];
    let mut add = |n: usize, one: &str| match n {
        0 => {}
        1 => parts.push(format!("1 {one}")),
        n => parts.push(format!("{n} {one}s")),
    };
    add(found.events, "dispatch event");
    add(found.old_events, "old-system event");
    add(found.messages, "listed message");
    if found.replies == 1 {
        parts.push("1 reply".into());
    } else if found.replies > 1 {
        parts.push(format!("{} replies", found.replies));
    }
    parts.join(", ")
}

fn accepted_at(draft: &AttemptDraft, now: Timestamp) -> Timestamp {
    let first = draft.attempts.iter().map(|a| a.created_at).chain(draft.old.iter().copied()).min();
    // Where the base made the record later than its first text left, that text is the older witness.
    draft.row.accepted_at.into_iter().chain(first).min().unwrap_or(now).min(now)
}

fn notified_at(draft: &AttemptDraft) -> Option<Timestamp> {
    let was_sent = |s: AttemptState| matches!(s, AttemptState::Submitted | AttemptState::Delivered);
    let notices = draft.attempts.iter().filter(|a| a.kind == AttemptKind::Notice && was_sent(a.state));
    notices.filter_map(|a| a.sent_at).min()
}

/// Who is told in place of the ladder's roles: whom the row names; or a number that is not configured, where it was told in
/// later steps too, as then nobody else was meant.
fn overridden(draft: &AttemptDraft) -> Option<Override> {
    if let Some(o) = &draft.new.overridden {
        return Some(o.clone());
    }
    let notices = || draft.attempts.iter().filter(|a| a.kind == AttemptKind::Notice);
    let first = notices().next()?;
    let by_hand = first.recipient.contact.as_str() == first.recipient.phone.e164();
    let alone = notices().all(|a| a.recipient.contact == first.recipient.contact);
    let several = notices().any(|a| (a.round, a.step) != (first.round, first.step));
    (by_hand && alone).then(|| Override { recipient: first.recipient.clone(), only: several })
}

/// Who said no since this round began, and whose number failed for good in it. A reopening forgets what was before.
fn excluded(draft: &AttemptDraft, evidence: &Evidence, round: u32) -> Vec<Out> {
    let mut excluded: Vec<Out> = Vec::new();
    let mut add = |contact: &ContactId, why: ExclusionReason, channel: Option<Channel>| {
        if !excluded.iter().any(|o| &o.contact == contact && (o.channel.is_none() || o.channel == channel)) {
            excluded.push(Out { contact: contact.clone(), why, channel });
        }
    };
    for contact in &evidence.passed {
        add(contact, PASSED, None);
    }
    let failed = |a: &&Attempt| a.kind == AttemptKind::Notice && a.state == AttemptState::Failed && a.round == round;
    for a in draft.attempts.iter().filter(failed).filter(|a| a.class == Some(Class::NumberPermanent)) {
        add(&a.recipient.contact, ExclusionReason::Failed, Some(a.channel));
    }
    excluded
}

/// Where the ladder goes on, and when.
struct Ladder {
    round: u32,
    next: u32,
    total: u32,
    wake_at: Timestamp,
    /// The step that fired last.
    last: Option<Mark>,
    note: Option<String>,
}

impl Ladder {
    fn of(draft: &AttemptDraft, evidence: &Evidence, snapshot: &BaseSnapshot) -> Self {
        let now = snapshot.now;
        let policy = &draft.new.policy;
        let total = u32::try_from(policy.total_steps()).unwrap_or(u32::MAX);
        let wait = |index: u32| policy.wait_before(usize::try_from(index).unwrap_or(usize::MAX));
        let round = draft.marks.iter().map(|m| m.round).max().unwrap_or(1);
        let last_step = draft.marks.iter().filter(|m| m.round == round).map(|m| m.step).max();
        let of_last = draft.marks.iter().filter(|m| m.round == round && Some(m.step) == last_step);
        // A row from the future must not keep a call from ever going on.
        let last = of_last.min_by_key(|m| m.at).map(|m| Mark { at: m.at.min(now), ..*m });
        let newest_old = draft.old.iter().max().map(|at| (*at).min(now));
        let mut note = None;
        // The provider's times have whole seconds; nobody is texted while somebody has the call.
        let in_its_round = |m: &Mark, at: Timestamp| m.round > 1 && m.at.plus(Duration::from_secs(2)) >= at;
        let handed_back = evidence.handed_back_at.filter(|at| !draft.marks.iter().any(|m| in_its_round(m, *at)));
        let (round, next, due) = match (handed_back, last, newest_old) {
            (Some(at), ..) => (round + 1, 0, at.plus(wait(0))),
            (None, Some(m), _) => {
                // Behind the last step stands the last resort, and behind that the end; a step further on is no ladder's.
                let next = if m.step == total { total + 1 } else { (m.step + 1).min(total) };
                (round, next, m.at.plus(wait(next)))
            }
            (None, None, Some(at)) => {
                // Texts of another system: as many steps as it sent, but somebody is told by us at least once.
                let steps = draft.number_max.min(total.saturating_sub(1));
                let texts =
                    if draft.old.len() == 1 { "1 text".to_owned() } else { format!("{} texts", draft.old.len()) };
                note = Some(format!(
                    "another system sent {texts} of it, nobody can tell to whom: step {} is next",
                    steps + 1
                ));
                (round, steps, at.plus(wait(steps)))
            }
            (None, None, None) => (round, 0, accepted_at(draft, now).plus(wait(0))),
        };
        // What the row says is the engine's own arithmetic, unless it is older than the last step or not ours.
        let of_row = draft.row.next_follow_up_at.filter(|at| handed_back.is_none() && last.is_some_and(|m| *at > m.at));
        let due = of_row.filter(|at| at.plus(STALE) >= due && *at <= due.plus(FAR)).unwrap_or(due);
        let last_event = draft.last_event.or(draft.row.accepted_at).unwrap_or(now);
        let old_enough = last_event.plus(snapshot.older_than);
        let old_enough = old_enough.min(now.plus(snapshot.older_than));
        let wake_at = if old_enough <= now { due } else { due.max(old_enough) };
        Self { round, next, total, wake_at, last, note }
    }
}
