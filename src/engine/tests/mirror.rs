//! The mirror holds what happened, whatever the base does, and calls go on all the same.

use std::time::Duration;

use crate::config::{MirrorPace, Verify};
use crate::domain::event::{Decision, Event};
use crate::domain::types::CallId;
use crate::engine::mirror::{Mirror, MirrorSettings};
use crate::gateways::airtable::Fields;
use crate::store::{LogFilter, MirrorFigures};
use crate::testing::base::{CALLS, EVENTS, Fate, ScriptedBase, maps};
use crate::testing::{World, mins, secs};

fn settings() -> MirrorSettings {
    MirrorSettings { maps: maps(), pace: MirrorPace::Realtime, verify: Verify::All }
}

/// A shop with a base.
struct Shop {
    w: World,
    base: ScriptedBase,
    mirror: Mirror,
}

/// Time passes; the engine and the mirror work through it.
pub(super) async fn work_through(w: &World, mirror: &Mirror, d: Duration) {
    let end = w.now().plus(d);
    loop {
        let mut next = w.settle().await;
        next = next.into_iter().chain(mirror.pass().await.expect("store")).min();
        let now = w.now();
        if now >= end {
            return;
        }
        let until = next.unwrap_or(end).clamp(now.plus(Duration::from_millis(1)), end);
        w.clock.pass(until.min(now.plus(secs(20))).since(now));
    }
}

impl Shop {
    async fn new() -> Self {
        Self::with(settings()).await
    }

    async fn with(settings: MirrorSettings) -> Self {
        let w = World::new().await;
        let base = ScriptedBase::new(w.clock.clone());
        let mirror = Mirror::new(w.process.core.clone(), std::sync::Arc::new(base.clone()), settings);
        Self { w, base, mirror }
    }

    /// The engine dies, another one starts.
    async fn restart(&mut self) {
        self.w.restart().await;
        self.mirror = Mirror::new(self.w.process.core.clone(), std::sync::Arc::new(self.base.clone()), settings());
    }

    /// Time passes; the engine and the mirror work through it.
    async fn runs(&self, d: Duration) {
        work_through(&self.w, &self.mirror, d).await;
    }

    async fn figures(&self) -> MirrorFigures {
        self.w.process.store.mirror_figures().await.expect("read")
    }

    async fn alerts(&self) -> Vec<String> {
        let open = self.w.process.store.alerts().await.expect("read");
        open.into_iter().filter(|a| a.key.kind().is_mirror()).map(|a| a.key.to_string()).collect()
    }

    /// How often an alert was raised or told again.
    async fn deliveries(&self, key: &str) -> usize {
        let log = self.w.process.store.log(&LogFilter { limit: 10_000, ..LogFilter::default() }).await.expect("read");
        log.iter().filter(|l| l.entry.kind.as_str() == "alert.raised" && l.entry.data["key"] == key).count()
    }

    /// A cell of the dispatch event of the last call's attempt.
    async fn cell(&self, number: u32, field: &str) -> Option<String> {
        let id = self.w.attempt(number).await.id.to_string();
        self.base.row(EVENTS, "Event ID", &id)?.fields.get(field).as_text().map(str::to_owned)
    }

    async fn id(&self, number: u32) -> String {
        self.w.attempt(number).await.id.to_string()
    }

    /// Everything is told and proven.
    async fn is_whole(&self) {
        let f = self.figures().await;
        assert_eq!((f.waiting, f.unverified, f.parked), (0, 0, 0), "{f:?}");
    }
}

#[tokio::test]
async fn a_dispatch_is_in_the_base_and_proven_within_five_seconds_and_kept_current() {
    let mut s = Shop::new().await;
    s.w.dispatch("normal").await;
    s.runs(secs(5)).await;
    assert_eq!(s.cell(1, "Delivery Status").await.as_deref(), Some("queued"));
    let f = s.figures().await;
    assert_eq!((f.unverified, f.parked), (0, 0));
    s.w.receipt(1, "delivered", None).await;
    s.runs(secs(5)).await;
    assert_eq!(s.cell(1, "Delivery Status").await.as_deref(), Some("delivered"));
    assert_eq!(s.figures().await.unverified, 0);
    s.runs(mins(3)).await;
    assert_eq!(s.base.rows(EVENTS).len(), 2, "the follow-up has its own row");
    s.is_whole().await;
    assert_eq!(s.alerts().await, [""; 0]);
}

#[tokio::test]
async fn an_hour_without_the_base_holds_up_nobody_and_ends_with_everything_written_once() {
    let mut s = Shop::new().await;
    s.base.otherwise(Some(Fate::Away));
    s.w.dispatch("normal").await;
    s.runs(mins(60)).await;
    let asked = s.base.asked("any").len();
    assert!((10..120).contains(&asked), "{asked} requests in an hour");
    assert_eq!(s.w.state().await.attempts.len(), 5, "the ladder went on: {:?}", s.w.attempts().await);
    assert_eq!(s.alerts().await, ["mirror:late"]);
    assert!(s.mirror.mirror_health().trouble.is_some_and(|t| t.contains("away")));
    s.base.otherwise(None);
    s.runs(mins(6)).await;
    s.is_whole().await;
    assert_eq!(s.base.rows(EVENTS).len(), 5);
    assert_eq!((s.alerts().await, s.deliveries("mirror:late").await), (vec![], 1), "it is over, and was told once");
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_before_it_is_written_again() {
    let mut s = Shop::new().await;
    // What a dead engine may have left is looked for at the start, so that the upsert is the second request.
    s.base.script([Fate::Well, Fate::LostAfter]);
    s.w.dispatch("normal").await;
    s.runs(secs(20)).await;
    assert_eq!(s.base.asked("upsert").len(), 1, "it was found as it should be");
    assert_eq!(s.base.rows(EVENTS).len(), 1);
    assert_eq!(s.figures().await.unverified, 0);

    s.base.script([Fate::LostBefore]);
    s.w.receipt(1, "delivered", None).await;
    s.runs(secs(20)).await;
    assert_eq!(s.cell(1, "Delivery Status").await.as_deref(), Some("delivered"), "it was not there, so it is written");
    assert_eq!(s.figures().await.unverified, 0);
}

#[tokio::test]
async fn a_restart_between_the_write_and_its_note_makes_no_second_row() {
    let mut s = Shop::new().await;
    s.base.script([Fate::Well, Fate::LostAfter]);
    s.w.dispatch("normal").await;
    s.runs(secs(1)).await;
    assert_eq!(s.base.rows(EVENTS).len(), 1, "it is written");
    s.restart().await;
    s.runs(secs(10)).await;
    assert_eq!((s.base.rows(EVENTS).len(), s.base.asked("upsert").len()), (1, 1));
    assert_eq!(s.figures().await.unverified, 0);
}

#[tokio::test]
async fn throttling_pauses_the_base_and_a_used_up_month_is_asked_hourly_and_alerts_once() {
    let mut s = Shop::new().await;
    s.base.script([Fate::Throttled(secs(30)), Fate::Throttled(secs(30)), Fate::Throttled(secs(30))]);
    s.w.dispatch("normal").await;
    s.runs(secs(80)).await;
    assert_eq!(s.base.asked("any").len(), 3, "nothing is asked while it rests");
    assert!(s.mirror.mirror_health().resting_until.is_some());
    s.runs(secs(15)).await;
    assert_eq!(s.base.rows(EVENTS).len(), 1);
    assert_eq!(s.alerts().await, [""; 0], "nothing was lost, nobody need look");

    s.base.otherwise(Some(Fate::Billing));
    let before = s.base.asked("any").len();
    s.runs(mins(5 * 60)).await;
    let asked = s.base.asked("any").len() - before;
    assert!((4..=6).contains(&asked), "{asked} requests in five hours");
    assert_eq!(s.deliveries("mirror:billing").await, 1);
    s.base.otherwise(None);
    s.runs(mins(70)).await;
    s.is_whole().await;
    assert_eq!(s.alerts().await, [""; 0]);
}

#[tokio::test]
async fn one_poisoned_row_in_ten_is_parked_and_the_others_go() {
    let mut s = Shop::new().await;
    for _ in 0..10 {
        s.w.dispatch("normal").await;
    }
    let poisoned = s.id(1).await;
    s.base.poison(&poisoned);
    s.runs(secs(10)).await;
    assert_eq!(s.base.rows(EVENTS).len(), 9);
    assert_eq!(s.figures().await.parked, 1);
    assert_eq!(s.alerts().await, ["mirror:parked"]);
    let parked = s.w.process.store.mirror_parked(9).await.expect("read").remove(0);
    assert!(parked.key.to_string().ends_with(&poisoned) && parked.why.contains("422"), "{parked:?}");
    let upserts = s.base.asked("upsert").len();
    s.runs(secs(60)).await;
    assert_eq!(s.base.asked("upsert").len(), upserts, "it is not tried again as it is");
    s.base.cure();
    s.w.receipt(1, "delivered", None).await;
    s.runs(secs(10)).await;
    assert_eq!(s.cell(1, "Delivery Status").await.as_deref(), Some("delivered"), "its next state is");
    assert_eq!((s.base.rows(EVENTS).len(), s.alerts().await), (10, vec![]));
}

#[tokio::test]
async fn a_field_that_is_missed_is_left_out_and_said_once_and_made_up_for_once_it_is_back() {
    let mut s = Shop::new().await;
    s.base.absent(&["To", "Step"]);
    s.w.dispatch("normal").await;
    s.runs(secs(5)).await;
    assert_eq!((s.cell(1, "Contact").await.as_deref(), s.cell(1, "To").await), (Some("Sam Ortiz"), None));
    assert_eq!((s.figures().await.unverified, s.alerts().await), (0, vec![]), "these harm nobody");

    s.base.absent(&["To", "Step", "Result"]);
    s.w.receipt(1, "delivered", None).await;
    s.runs(mins(3)).await;
    assert_eq!(s.cell(1, "Delivery Status").await.as_deref(), Some("delivered"), "the row goes on without it");
    assert_eq!(
        (s.alerts().await, s.deliveries("mirror:field:events").await),
        (vec!["mirror:field:events".to_owned()], 1)
    );
    let open = s.w.process.store.alerts().await.expect("read");
    assert!(open.iter().any(|a| a.message.contains("`Result`") && !a.message.contains("`To`")), "{open:?}");
    assert_eq!((s.figures().await.parked, s.figures().await.unverified), (0, 0), "what was written is proven");
    assert!(s.mirror.mirror_health().trouble.is_some_and(|t| t.contains("`Result`")));
    s.base.absent(&["To", "Step"]);
    s.runs(mins(6)).await;
    assert_eq!(s.cell(1, "Result").await.as_deref(), Some("Delivered to Sam Ortiz."), "it is told again");
    s.is_whole().await;
    assert_eq!(s.alerts().await, [""; 0]);
}

#[tokio::test]
async fn what_came_back_while_no_engine_ran_is_made_up_for_too() {
    let mut s = Shop::new().await;
    s.base.absent(&["Result"]);
    s.w.dispatch("normal").await;
    s.runs(secs(5)).await;
    assert_eq!((s.alerts().await.len(), s.cell(1, "Result").await), (1, None));
    s.base.absent(&[]);
    s.restart().await;
    s.w.receipt(1, "delivered", None).await;
    s.w.dispatch("normal").await;
    s.runs(mins(1)).await;
    assert!(s.base.rows(EVENTS).iter().all(|r| !r.fields.get("Result").is_empty()), "{:?}", s.base.rows(EVENTS));
    assert_eq!(s.alerts().await, [""; 0]);
}

#[tokio::test]
async fn a_base_without_a_field_for_our_ids_gets_each_row_once_and_one_that_is_given_it_no_twin() {
    let mut s = Shop::new().await;
    s.base.absent(&["Event ID"]);
    // The answer to the create is lost, and once more a restart forgets what was written.
    s.base.script([Fate::Well, Fate::LostAfter]);
    s.w.dispatch("normal").await;
    s.runs(secs(20)).await;
    assert_eq!((s.base.rows(EVENTS).len(), s.base.asked("upsert").len()), (1, 0));
    s.restart().await;
    s.w.receipt(1, "delivered", None).await;
    s.runs(mins(3)).await;
    assert_eq!(s.base.rows(EVENTS).len(), 2, "the reminder's too: {:?}", s.base.rows(EVENTS));
    assert!(s.base.rows(EVENTS).iter().any(|r| r.fields.get("Delivery Status").as_text() == Some("delivered")));
    assert_eq!((s.figures().await.unverified, s.alerts().await), (0, vec![]));

    s.base.absent(&[]);
    s.runs(mins(61)).await;
    let rows = s.base.rows(EVENTS).len();
    assert!(s.base.rows(EVENTS).iter().all(|r| !r.fields.get("Event ID").is_empty()), "each has its id by now");
    s.w.receipt(2, "delivered", None).await;
    s.runs(secs(10)).await;
    assert_eq!(s.base.rows(EVENTS).len(), rows, "written by its record, not made again");
    assert!(s.cell(2, "Delivery Status").await.as_deref() == Some("delivered"), "and it has its id from then on");
    s.is_whole().await;
}

#[tokio::test]
async fn fields_that_go_one_after_the_other_are_found_though_no_refusal_names_them() {
    let mut s = Shop::new().await;
    s.base.names_no_field();
    s.base.absent(&["To"]);
    s.w.dispatch("normal").await;
    s.runs(secs(5)).await;
    assert_eq!((s.cell(1, "Contact").await.as_deref(), s.cell(1, "To").await), (Some("Sam Ortiz"), None));
    s.base.absent(&["To", "Step"]);
    s.w.receipt(1, "delivered", None).await;
    s.runs(secs(10)).await;
    assert_eq!(s.cell(1, "Delivery Status").await.as_deref(), Some("delivered"), "the second is left out as well");
    assert_eq!((s.figures().await.unverified, s.alerts().await), (0, vec![]));
    s.base.absent(&["To", "Step", "Result"]);
    s.w.receipt(1, "undelivered", Some(30_003)).await;
    s.runs(mins(3)).await;
    let open = s.w.process.store.alerts().await.expect("read");
    assert!(open.iter().any(|a| a.message.contains("`Result`") && !a.message.contains("`To`")), "{open:?}");
}

#[tokio::test]
async fn what_the_base_does_not_keep_is_written_again_and_then_given_up() {
    let mut s = Shop::new().await;
    // Looked for, dropped; what it was is seen to be gone, and it is written again.
    s.base.script([Fate::Well, Fate::Dropped]);
    s.w.dispatch("normal").await;
    s.runs(secs(15)).await;
    assert_eq!((s.cell(1, "Delivery Status").await.as_deref(), s.base.asked("upsert").len()), (Some("queued"), 2));
    assert_eq!((s.figures().await.unverified, s.alerts().await), (0, vec![]));

    s.base.otherwise(Some(Fate::Altered("Result", "somebody's rule")));
    s.w.receipt(1, "delivered", None).await;
    s.runs(secs(50)).await;
    assert_eq!(s.alerts().await, ["mirror:parked"]);
    let parked = s.w.process.store.mirror_parked(9).await.expect("read");
    assert!(parked.iter().any(|p| p.why.contains("does not keep") && p.why.contains("Result")), "{parked:?}");
    let upserts = s.base.asked("upsert").len();
    assert!((4..=8).contains(&upserts), "{upserts} writes: bounded");
    s.runs(secs(20)).await;
    assert_eq!(s.base.asked("upsert").len(), upserts);
}

#[tokio::test]
async fn twins_are_left_to_a_repair_and_hold_up_nobody() {
    let mut s = Shop::new().await;
    s.w.dispatch("normal").await;
    s.runs(secs(5)).await;
    s.base.add(EVENTS, Fields::new().with("Event ID", s.id(1).await));
    s.w.receipt(1, "delivered", None).await;
    s.w.dispatch("normal").await;
    s.runs(secs(10)).await;
    assert_eq!(s.base.rows(EVENTS).len(), 3, "the other call's row is there, no twin is touched");
    let parked = s.w.process.store.mirror_parked(9).await.expect("read").remove(0);
    assert!(parked.why.contains("2 records") && parked.why.contains("--repair"), "{parked:?}");
}

#[tokio::test]
async fn an_older_state_is_never_written_over_a_newer_one() {
    let mut s = Shop::new().await;
    s.w.dispatch("normal").await;
    for (n, word) in ["sent", "delivered"].into_iter().enumerate() {
        s.base.script([Fate::LostAfter, Fate::Away, Fate::LostBefore].into_iter().skip(n));
        s.w.receipt(1, word, None).await;
        s.runs(secs(1)).await;
    }
    s.runs(secs(60)).await;
    let words = s.base.words(&s.id(1).await);
    let rank = |w: &str| ["queued", "sent", "delivered"].iter().position(|x| *x == w).expect("a known word");
    assert!(words.windows(2).all(|w| rank(&w[0]) <= rank(&w[1])), "{words:?}");
    assert_eq!(words.last().map(String::as_str), Some("delivered"));
}

#[tokio::test]
async fn a_calls_row_is_intakes_where_it_comes_in_time_and_else_ours_once() {
    let mut s = Shop::new().await;
    let first: CallId = s.w.dispatch("normal").await;
    s.runs(secs(5)).await;
    assert_eq!(s.base.rows(CALLS).len(), 0, "intake's row is waited for");
    let by_hand = s.base.add(CALLS, Fields::new().with("Call ID", first.as_str()).with("Issue Summary", "as typed"));
    s.runs(secs(40)).await;
    let row = s.base.row(CALLS, "Call ID", first.as_str()).expect("there");
    assert_eq!((row.id, s.base.asked("create").len()), (by_hand, 0));
    assert_eq!(row.fields.get("Status").as_text(), Some("DISPATCHING"));
    assert_eq!(row.fields.get("Issue Summary").as_text(), Some("as typed"), "what intake wrote stays");

    let second: CallId = s.w.dispatch("normal").await;
    s.base.otherwise(None);
    s.runs(secs(45)).await;
    let row = s.base.row(CALLS, "Call ID", second.as_str()).expect("made");
    assert_eq!(row.fields.get("Issue Summary").as_text(), Some("Burst pipe"));
    assert_eq!(s.base.asked("create").len(), 1);
    s.w.decide(Decision::Resolve).await;
    s.runs(secs(5)).await;
    let row = s.base.row(CALLS, "Call ID", second.as_str()).expect("there");
    assert_eq!(row.fields.get("Status").as_text(), Some("RESOLVED"));
    assert!(row.fields.get("Next Follow-Up At").is_empty());

    s.base.remove(CALLS, &row.id);
    let cancel =
        Event::Decide { call: first, what: Decision::Cancel, by: crate::domain::types::Actor("jo".into()), note: None };
    s.w.apply(cancel, "jo").await;
    s.runs(secs(5)).await;
    assert_eq!(s.base.rows(CALLS).len(), 1, "a row that was deleted by hand is no hindrance to others");
    s.is_whole().await;
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_looked_for_before_another() {
    let mut s = Shop::new().await;
    let call = s.w.dispatch("normal").await;
    s.runs(secs(29)).await;
    s.base.script([Fate::Well, Fate::LostAfter]);
    s.runs(secs(20)).await;
    assert!(s.base.row(CALLS, "Call ID", call.as_str()).is_some());
    assert_eq!((s.base.asked("create").len(), s.figures().await.unverified), (1, 0));
}

#[tokio::test]
async fn batches_gather_what_changes_and_are_due_by_the_oldest() {
    let s = MirrorSettings { pace: MirrorPace::Batched(mins(15)), verify: Verify::First, ..settings() };
    let mut s = Shop::with(s).await;
    s.w.dispatch("normal").await;
    s.runs(mins(14)).await;
    assert_eq!(s.base.asked("any").len(), 0);
    s.runs(mins(2)).await;
    assert!(s.base.rows(EVENTS).len() >= 3 && s.base.rows(CALLS).len() == 1, "{:?}", s.base.rows(EVENTS));
    assert!(s.base.asked("any").len() <= 10, "{} requests", s.base.asked("any").len());
    s.is_whole().await;
    assert_eq!(s.alerts().await, [""; 0]);
}
