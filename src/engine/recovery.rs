//! What recovery would do, as a plan: pure over a snapshot, so that it can be printed before it is carried out and tested with
//! odd cases. Carrying it out is nothing but the engine's ordinary work, so it is idempotent and safe beside a running one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::attempt::{Attempt, AttemptState};
use crate::domain::call::{Call, CallState, CallStatus};
use crate::domain::event::{Event, Source, StatusUpdate};
use crate::domain::missed_steps;
use crate::domain::types::{Actor, CallId};
use crate::store::{HistoryDoubt, OutboxLine, StoreError, Unreadable};

use super::apply::Core;
use super::others_go_on;

/// Calls that one plan covers; the next one, or the engine, takes the rest.
const CALLS_MAX: usize = 10_000;
/// Unreadable rows that one plan names.
const UNREADABLE_MAX: usize = 100;
/// A DISPATCHING call without a sign of life for this long is stranded.
const QUIET: Duration = Duration::from_secs(300);
/// A row that has waited for another system for this long is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// What recovery looks at.
#[derive(Debug, Default)]
pub struct StoreSnapshot {
    /// Why the story may lack what was written last.
    pub doubt: Option<HistoryDoubt>,
    /// DISPATCHING calls whose time is past, and calls with an attempt whose outcome is open or whose message is to be asked
    /// about, each once.
    pub calls: Vec<CallState>,
    /// Calls that nothing would look at again.
    pub stranded: Vec<CallId>,
    /// Receipts that were kept for nobody and are a call's now.
    pub kept: Vec<(CallId, StatusUpdate)>,
    /// What another system has not been told for long.
    pub stuck: Vec<OutboxLine>,
    /// What cannot be read, whether it is due or not.
    pub unreadable: Vec<Unreadable>,
    /// Whether the file is damaged where the lists of work are: nobody knows what would have to be done, so nothing is.
    pub damaged: bool,
    /// Whether an engine runs: claims are its own then, not a dead one's.
    pub engine_runs: bool,
    /// No final status for this long is too long.
    pub status_timeout: Duration,
}

impl StoreSnapshot {
    /// The store as it is now; of a file that is damaged where the lists of work are, what is damaged and nothing else.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(core: &Core, engine_runs: bool) -> Result<Self, StoreError> {
        match Self::of_all(core, engine_runs).await {
            Err(e @ StoreError::Corrupt { .. }) => {
                let unreadable = core.store.unreadable(UNREADABLE_MAX).await?;
                // Nothing that would be named: the error itself says more.
                if unreadable.is_empty() { Err(e) } else { Ok(Self { unreadable, damaged: true, ..Self::default() }) }
            }
            taken => taken,
        }
    }

    async fn of_all(core: &Core, engine_runs: bool) -> Result<Self, StoreError> {
        let (store, now) = (&core.store, core.clock.now());
        let mut ids = store.due(now, CALLS_MAX).await?;
        ids.extend(store.sendable_of_all(now, CALLS_MAX).await?.into_iter().map(|s| s.call));
        ids.extend(store.open_outcomes(CALLS_MAX).await?);
        for silent in store.pollable(now, CALLS_MAX).await? {
            ids.extend(store.call_by_sid(&silent.sid).await?);
        }
        ids.sort();
        ids.dedup();
        let mut calls = Vec::new();
        for id in ids {
            // What cannot be read is found by the walk through all of them.
            calls.extend(others_go_on(store.call(&id).await)?);
        }
        Ok(Self {
            doubt: store.history_doubt().await?,
            calls,
            stranded: store.stranded(now.minus(QUIET), CALLS_MAX).await?,
            unreadable: store.unreadable(UNREADABLE_MAX).await?,
            kept: store.kept_receipts(CALLS_MAX).await?,
            stuck: store.stuck_outbox(now.minus(STUCK)).await?,
            damaged: false,
            engine_runs,
            status_timeout: core.rules().status_timeout,
        })
    }
}

/// Does the store's own part of a plan: joins receipts that were kept, and has what is stuck tried again at once. Whoever is
/// the engine does the rest. Again: nothing.
///
/// # Errors
/// [`StoreError`]; what was done by then stays.
pub async fn settle_store(core: &Core, snapshot: &StoreSnapshot, actor: &Actor) -> Result<(), StoreError> {
    for (_, update) in &snapshot.kept {
        // It came long ago: now it is found in our own books.
        let found = StatusUpdate { source: Source::List, ..update.clone() };
        core.apply(Event::StatusUpdate(found), actor.clone()).await?;
    }
    if snapshot.stuck.is_empty() { Ok(()) } else { core.store.retry_outbox_now(core.clock.now()).await }
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryAction {
    /// What was written last may be lost.
    HistoryInDoubt,
    /// Its first notice was never made.
    NeverNotified,
    /// Follow-ups came due and did not fire.
    Overdue,
    /// Its ladder is over and its time has passed.
    EndOverdue,
    /// A text waits to be sent.
    Unsent,
    /// An engine claimed a text and is gone.
    ClaimOfDeadEngine,
    /// It is not known whether a text was accepted.
    UnknownOutcome,
    /// A message has no final status for too long, and its question is overdue.
    Silent,
    /// A receipt was kept for nobody and is this call's.
    KeptReceipt,
    /// Another system was not told.
    StuckOutbox,
    /// Nothing would look at it again.
    Stranded,
    /// It cannot be read.
    Unreadable,
}

impl RecoveryAction {
    /// In a few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HistoryInDoubt => "history in doubt",
            Self::NeverNotified => "never told",
            Self::Overdue => "overdue follow-up",
            Self::EndOverdue => "end of the ladder",
            Self::Unsent => "text not sent yet",
            Self::ClaimOfDeadEngine => "send cut off by a crash",
            Self::UnknownOutcome => "outcome unknown",
            Self::Silent => "no final status",
            Self::KeptReceipt => "receipt not joined",
            Self::StuckOutbox => "another system not told",
            Self::Stranded => "nothing would look at it",
            Self::Unreadable => "cannot be read",
        }
    }

    /// Whether the engine's ordinary work does not mend it.
    pub const fn is_for_a_person(self) -> bool {
        matches!(self, Self::Stranded | Self::Unreadable)
    }
}

/// One line of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryRow {
    /// Which call; `None`: it is about all, or about none that has a readable id.
    pub call: Option<CallId>,
    /// What is wrong.
    pub finding: RecoveryAction,
    pub since: Option<Timestamp>,
    /// How many steps were missed.
    pub missed: usize,
    /// What will be done, and why so.
    pub action: String,
}

/// The plan, worst first as far as a caller would notice: who was never told, what is overdue, what is not known.
pub fn plan(snapshot: &StoreSnapshot, now: Timestamp) -> Vec<RecoveryRow> {
    let mut rows: Vec<RecoveryRow> = Vec::new();
    rows.extend(snapshot.doubt.iter().map(|doubt| RecoveryRow {
        call: None,
        finding: RecoveryAction::HistoryInDoubt,
        since: Some(doubt.newest),
        missed: 0,
        action: format!("the provider's list is read before anything from before is sent: {}", doubt.why),
    }));
    for state in &snapshot.calls {
        rows.extend(of_ladder(state, now));
        rows.extend(state.attempts.iter().filter_map(|a| of_attempt(&state.call, a, snapshot, now)));
    }
    rows.extend(
        snapshot
            .stranded
            .iter()
            .map(|call| RecoveryRow::of(call, RecoveryAction::Stranded, None, "a person must look: take it by hand")),
    );
    rows.extend(snapshot.kept.iter().map(|(call, update)| {
        let action = format!("\"{}\" of message {} is joined to its attempt", update.status, update.sid);
        RecoveryRow::of(call, RecoveryAction::KeptReceipt, None, action)
    }));
    rows.extend(snapshot.stuck.iter().map(|line| RecoveryRow {
        call: None,
        finding: RecoveryAction::StuckOutbox,
        since: Some(line.since),
        missed: 0,
        action: match line.rows {
            1 => format!("1 row for {} is tried again now", system(&line.sink)),
            n => format!("{n} rows for {} are tried again now", system(&line.sink)),
        },
    }));
    rows.extend(snapshot.unreadable.iter().map(|u| RecoveryRow {
        call: u.call.clone(),
        finding: RecoveryAction::Unreadable,
        since: None,
        missed: 0,
        action: format!("a person must look, nothing is sent for it: {}: {}", u.row, u.why),
    }));
    rows.sort_by_key(|r| r.finding as u8);
    rows
}

fn of_ladder(state: &CallState, now: Timestamp) -> Option<RecoveryRow> {
    let call = &state.call;
    let wake = call.wake_at.filter(|at| call.status == CallStatus::Dispatching && *at <= now)?;
    let missed = missed_steps(call, now);
    let row = |finding, since, action: String| RecoveryRow {
        missed: missed.len(),
        ..RecoveryRow::of(&call.id, finding, Some(since), action)
    };
    Some(match missed.as_slice() {
        [] => row(RecoveryAction::EndOverdue, wake, "EXHAUSTED with an alert, unless an answer is found first".into()),
        [..] if state.attempts.is_empty() => {
            row(RecoveryAction::NeverNotified, call.accepted_at, "the first notice goes out now".into())
        }
        [step] => row(RecoveryAction::Overdue, wake, format!("step {} fires now, once", step + 1)),
        [.., last] => {
            let text = format!(
                "everyone whom the missed steps name is told once, under step {}; what follows counts from now",
                last + 1
            );
            row(RecoveryAction::Overdue, wake, text)
        }
    })
}

fn of_attempt(call: &Call, a: &Attempt, snapshot: &StoreSnapshot, now: Timestamp) -> Option<RecoveryRow> {
    let (number, name) = (a.number, &a.recipient.name);
    let silent = |sent: Timestamp| now.since(sent) >= snapshot.status_timeout && a.poll_at.is_some_and(|at| at <= now);
    let (finding, since, action) = match a.state {
        AttemptState::Sending if !snapshot.engine_runs => (
            RecoveryAction::ClaimOfDeadEngine,
            a.sent_at,
            format!("attempt {number} becomes an unknown outcome and is looked for in the provider's list"),
        ),
        AttemptState::Unknown if a.decided_at.is_none() => (
            RecoveryAction::UnknownOutcome,
            a.sent_at,
            format!("attempt {number} is looked for in the provider's list; not sent again before its policy decides"),
        ),
        AttemptState::Scheduled | AttemptState::Retrying if a.not_before <= now => (
            RecoveryAction::Unsent,
            Some(a.created_at),
            format!("attempt {number} to {name} is sent now if it is still wanted"),
        ),
        AttemptState::Submitted if a.sent_at.is_some_and(silent) => (
            RecoveryAction::Silent,
            a.sent_at,
            format!("the provider is asked what became of attempt {number} to {name}"),
        ),
        _ => return None,
    };
    Some(RecoveryRow::of(&call.id, finding, since, action))
}

impl RecoveryRow {
    fn of(call: &CallId, finding: RecoveryAction, since: Option<Timestamp>, action: impl Into<String>) -> Self {
        Self { call: Some(call.clone()), finding, since, missed: 0, action: action.into() }
    }

    /// As a JSON document.
    pub fn json(&self) -> Value {
        json!({ "callId": self.call, "finding": self.finding.as_str(), "since": self.since, "missedSteps": self.missed, "action": self.action })
    }
}

/// Another system as people say it.
fn system(sink: &str) -> String {
    sink.strip_prefix("sink:").map_or_else(|| sink.to_owned(), |name| format!("the alert sink {name}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::attempt::AttemptState;
    use crate::domain::change::{Change, ReceiptRow};
    use crate::domain::event::Load;
    use crate::domain::types::{AttemptId, MessageSid};
    use crate::testing::world::{START, Setup};
    use crate::testing::{Reaction, World, fixtures, harness, mins, secs};

    /// What the plan finds; the tests' mirror is told of nothing, ever, and is left out.
    async fn found(w: &World, engine_runs: bool) -> Vec<(RecoveryAction, usize)> {
        let snapshot = StoreSnapshot::take(&w.process.core, engine_runs).await.expect("read");
        let rows = plan(&snapshot, w.now()).into_iter().filter(|r| r.finding != RecoveryAction::StuckOutbox);
        rows.map(|r| (r.finding, r.missed)).collect()
    }

    /// The store's part, and then the engine's ordinary work.
    async fn carry_out(w: &World) {
        let snapshot = StoreSnapshot::take(&w.process.core, false).await.expect("read");
        settle_store(&w.process.core, &snapshot, &Actor("mia".into())).await.expect("done");
        w.settle().await;
    }

    /// A ladder whose second step is an hour away.
    fn slow() -> Setup {
        let steps: &[_] = &[(secs(0), &["primary"][..]), (mins(60), &["backup"])];
        Setup { directory: fixtures::directory_with(fixtures::policy("slow", steps)), ..Setup::default() }
    }

    #[tokio::test]
    async fn the_plan_names_what_is_wrong_and_nothing_else() {
        let mut w = World::new().await;
        w.begin("normal").await;
        assert_eq!(found(&w, true).await, [(RecoveryAction::Unsent, 0)], "accepted, not sent yet");
        w.settle().await;
        assert_eq!(found(&w, true).await, [], "nothing is wrong");
        w.receipt(1, "delivered", None).await;
        w.away(secs(150));
        assert_eq!(found(&w, false).await, [(RecoveryAction::Overdue, 1)], "one step");
        w.away(secs(600));
        assert_eq!(found(&w, false).await, [(RecoveryAction::Overdue, 2)], "several steps");
        w.away(secs(36_000));
        assert_eq!(found(&w, false).await, [(RecoveryAction::Overdue, 3)], "the whole ladder");
        w.settle().await;
        assert_eq!(found(&w, false).await, [], "carried out by the engine's ordinary work");
    }

    #[tokio::test]
    async fn a_call_that_never_got_its_first_text_is_named_however_much_was_missed() {
        let late = fixtures::policy("late", &[(secs(10), &["primary"]), (mins(2), &["backup"])]);
        for (away, missed) in [(10, 1), (600, 2)] {
            let mut w =
                World::with(Setup { directory: fixtures::directory_with(late.clone()), ..Setup::default() }).await;
            w.begin("late").await;
            assert_eq!(found(&w, false).await, [], "its time has not come");
            w.away(secs(away));
            assert_eq!(found(&w, false).await, [(RecoveryAction::NeverNotified, missed)]);
            carry_out(&w).await;
            assert_eq!(found(&w, false).await, []);
            assert_eq!(w.attempts().await.len(), missed);
        }
    }

    #[tokio::test]
    async fn the_end_of_a_ladder_that_passed_unseen_is_named_and_carried_out() {
        let one = fixtures::policy("one", &[(secs(0), &["primary"])]);
        let mut w = World::with(Setup { directory: fixtures::directory_with(one), ..Setup::default() }).await;
        w.dispatch("one").await;
        w.receipt(1, "delivered", None).await;
        w.away(mins(10));
        assert_eq!(found(&w, false).await, [(RecoveryAction::EndOverdue, 0)]);
        carry_out(&w).await;
        assert_eq!(found(&w, false).await, []);
        assert!(w.has_alert("exhausted:").await);
    }

    #[tokio::test]
    async fn a_claim_of_a_dead_engine_becomes_an_unknown_outcome_and_that_is_settled() {
        let mut w = World::with(slow()).await;
        w.begin("slow").await;
        let attempt = w.attempt(1).await.id;
        w.apply(Event::Claim { attempt, engine: "engine-0".into(), provider_after: None }, "engine").await;
        assert_eq!(found(&w, true).await, [], "a running engine's own claim is no finding");
        assert_eq!(found(&w, false).await, [(RecoveryAction::ClaimOfDeadEngine, 0)]);
        w.restart().await;
        assert_eq!(found(&w, false).await, [(RecoveryAction::UnknownOutcome, 0)]);
        w.advance(secs(60)).await;
        assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam submitted"]);
        assert_eq!(found(&w, false).await, [], "its policy has decided");
    }

    #[tokio::test]
    async fn a_silent_message_is_asked_about_once_its_question_is_overdue() {
        let mut w = World::with(slow()).await;
        w.dispatch("slow").await;
        w.away(mins(5) - secs(1));
        assert_eq!(found(&w, false).await, [], "it may still come");
        w.away(secs(1));
        assert_eq!(found(&w, false).await, [(RecoveryAction::Silent, 0)]);
        carry_out(&w).await;
        assert_eq!((found(&w, false).await, w.sms.fetches()), (vec![], 1), "asked; the next question has its time");
    }

    async fn keep(w: &World, attempt: Option<AttemptId>, sid: &MessageSid) {
        let mut update = harness::update(attempt, 1, "delivered", None, Source::Receipt);
        update.sid.clone_from(sid);
        let row = ReceiptRow { update, joined: None, effect: "orphan", at: w.now() };
        let change = Arc::new(move |_: &_| Ok(Change { receipts: vec![row.clone()], ..Change::default() }));
        w.process.store.transact(Load::Nothing, Vec::new(), change).await.expect("kept");
    }

    #[tokio::test]
    async fn receipts_that_were_kept_are_joined_once_they_are_somebodys_and_strangers_are_left() {
        for named in [false, true] {
            let mut w = World::with(slow()).await;
            w.dispatch("slow").await;
            let (id, sid) = (w.attempt(1).await.id, w.sms.ledger()[0].sid.clone());
            keep(&w, None, &harness::sid(0xdead)).await;
            assert_eq!(found(&w, false).await, [], "a stranger's");
            keep(&w, named.then_some(id), &sid).await;
            assert_eq!(found(&w, true).await, [(RecoveryAction::KeptReceipt, 0)], "named: {named}");
            carry_out(&w).await;
            assert_eq!(w.attempt(1).await.state, AttemptState::Delivered, "named: {named}");
            assert_eq!(found(&w, true).await, [], "named: {named}");
        }
    }

    #[tokio::test]
    async fn of_a_file_that_is_damaged_where_the_lists_are_the_damage_is_the_plan() {
        let mut w = World::with(slow()).await;
        w.dispatch("slow").await;
        keep(&w, None, &w.sms.ledger()[0].sid.clone()).await;
        let (from, size) = crate::store::corrupt::page_of(&w.path(), "receipts").expect("a page");
        let mut file = std::fs::read(w.path()).expect("read");
        file[from as usize..(from + size) as usize].fill(0x5a);
        std::fs::write(w.path(), file).expect("written");
        w.restart().await;
        let snapshot = StoreSnapshot::take(&w.process.core, false).await.expect("what is damaged");
        assert!(snapshot.damaged && snapshot.calls.is_empty() && snapshot.kept.is_empty());
        let rows = plan(&snapshot, w.now());
        assert!(rows.iter().all(|r| r.finding == RecoveryAction::Unreadable), "{rows:?}");
        assert!(rows.iter().any(|r| r.action.contains("table receipts")), "{rows:?}");
    }

    #[tokio::test]
    async fn carrying_a_plan_out_twice_sends_nothing_twice() {
        let mut w = World::new().await;
        w.sms.next(Reaction::UnknownButAccepted);
        w.dispatch("normal").await;
        w.begin("normal").await;
        w.away(mins(8));
        let before = found(&w, false).await;
        assert_eq!(before.len(), 4, "{before:?}");
        carry_out(&w).await;
        let sent = w.sms.posts().len();
        assert_eq!(found(&w, false).await, []);
        carry_out(&w).await;
        assert_eq!((found(&w, false).await, w.sms.posts().len()), (vec![], sent));
    }

    #[tokio::test]
    async fn what_another_system_was_not_told_is_named_by_system() {
        let w = World::new().await;
        w.apply(
            Event::Alert(crate::domain::alert::AlertChange::Raise {
                key: crate::domain::AlertKind::Store.into(),
                call: None,
                message: "m".into(),
            }),
            "engine",
        )
        .await;
        let rows = async || {
            let snapshot = StoreSnapshot::take(&w.process.core, true).await.expect("read");
            plan(&snapshot, w.now()).into_iter().map(|r| (r.call, r.finding, r.action)).collect::<Vec<_>>()
        };
        w.away(secs(59));
        assert_eq!(rows().await, []);
        w.away(secs(1));
        let action = "1 row for the alert sink office is tried again now".to_owned();
        assert_eq!(rows().await, [(None, RecoveryAction::StuckOutbox, action)]);
    }

    #[test]
    fn an_empty_snapshot_is_an_empty_plan_and_a_stranded_call_is_for_a_person() {
        assert_eq!(plan(&StoreSnapshot::default(), Timestamp::default()), []);
        let snapshot = StoreSnapshot { stranded: vec!["a".parse().expect("id")], ..StoreSnapshot::default() };
        let rows = plan(&snapshot, Timestamp::default());
        assert!(matches!(rows.as_slice(), [r] if r.finding.is_for_a_person() && r.action.contains("person")));
    }

    #[test]
    fn what_an_attempt_needs_goes_by_its_state_its_time_and_what_was_decided_of_it() {
        type Case = (&'static str, fn(&mut Attempt), Option<RecoveryAction>);
        let cases: [Case; 6] = [
            ("its time has come", |_| {}, Some(RecoveryAction::Unsent)),
            ("its time is to come", |a| a.not_before = a.not_before.plus(secs(1)), None),
            ("a retry", |a| a.state = AttemptState::Retrying, Some(RecoveryAction::Unsent)),
            ("a later retry", |a| (a.state, a.not_before) = (AttemptState::Retrying, a.not_before.plus(secs(1))), None),
            ("unknown", |a| a.state = AttemptState::Unknown, Some(RecoveryAction::UnknownOutcome)),
            ("decided", |a| (a.state, a.decided_at) = (AttemptState::Unknown, Some(a.created_at)), None),
        ];
        for (label, change, want) in cases {
            let mut state = fixtures::call_state("a");
            state.attempts.iter_mut().for_each(change);
            let snapshot = StoreSnapshot { calls: vec![state], ..StoreSnapshot::default() };
            let found: Vec<RecoveryAction> = plan(&snapshot, START).into_iter().map(|r| r.finding).collect();
            assert_eq!(found, want.into_iter().collect::<Vec<_>>(), "{label}");
        }
    }

    #[test]
    fn a_line_of_the_plan_is_a_document_that_names_the_call_what_is_wrong_and_what_is_done() {
        let call: CallId = "a".parse().expect("id");
        let action = "step 2 fires now, once";
        let row = RecoveryRow { missed: 1, ..RecoveryRow::of(&call, RecoveryAction::Overdue, Some(START), action) };
        let want = json!({
            "callId": "a",
            "finding": "overdue follow-up",
            "since": START,
            "missedSteps": 1,
            "action": "step 2 fires now, once",
        });
        assert_eq!(row.json(), want);
    }
}
