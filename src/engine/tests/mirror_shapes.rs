//! Bases of other shapes: linked ones, one that does not show its fields; and how a store is compared with its base.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::mirror;
use crate::clock::Clock;
use crate::config::{MirrorPace, Verify};
use crate::domain::Timestamp;
use crate::domain::event::Decision;
use crate::domain::types::CallId;
use crate::engine::mirror::verify::{CheckError, Checker, Difference, DifferenceKind, VerifyReport};
use crate::engine::mirror::{Mirror, MirrorSettings};
use crate::gateways::airtable::{BaseSchema, Cell, FieldSchema, Fields, NewField, NewTable, TableSchema};
use crate::gateways::mirror::{
    Lane, MirrorError, MirrorGateway, Query, Record, RecordChange, RecordId, RecordList, Refusal, RefusalScope,
    Typecast, Upserted, Whoami,
};
use crate::store::{EventFilter, LogFilter};
use crate::testing::base::{CALLS, EVENTS, Fate, ScriptedBase, maps};
use crate::testing::clock::ManualClock;
use crate::testing::{World, mins, secs};

/// The usual base, whose events are linked to their calls and have a box for who has the call; it may hide its schema.
#[derive(Clone)]
struct Linked {
    base: ScriptedBase,
    is_hidden: Arc<AtomicBool>,
}

impl Linked {
    fn new(base: &ScriptedBase) -> Self {
        Self { base: base.clone(), is_hidden: Arc::default() }
    }

    fn hides_its_schema(&self, hides: bool) {
        self.is_hidden.store(hides, Ordering::Relaxed);
    }
}

#[async_trait]
impl MirrorGateway for Linked {
    fn in_queue(&self, _: Lane) -> Arc<dyn MirrorGateway> {
        Arc::new(self.clone())
    }

    fn requests(&self) -> u64 {
        self.base.requests()
    }

    fn resting_until(&self) -> Option<Timestamp> {
        self.base.resting_until()
    }

    async fn upsert(&self, table: &str, on: &[&str], rows: &[Fields], cast: Typecast) -> Result<Upserted, MirrorError> {
        self.base.upsert(table, on, rows, cast).await
    }

    async fn create(&self, table: &str, rows: &[Fields], cast: Typecast) -> Result<Vec<Record>, MirrorError> {
        self.base.create(table, rows, cast).await
    }

    async fn update(&self, table: &str, all: &[RecordChange], cast: Typecast) -> Result<Vec<Record>, MirrorError> {
        self.base.update(table, all, cast).await
    }

    async fn delete(&self, table: &str, ids: &[RecordId]) -> Result<BTreeSet<RecordId>, MirrorError> {
        self.base.delete(table, ids).await
    }

    async fn list(&self, query: &Query) -> Result<RecordList, MirrorError> {
        self.base.list(query).await
    }

    async fn whoami(&self) -> Result<Whoami, MirrorError> {
        self.base.whoami().await
    }

    async fn bases(&self) -> Result<Vec<BaseSchema>, MirrorError> {
        self.base.bases().await
    }

    async fn tables(&self) -> Result<Vec<TableSchema>, MirrorError> {
        if self.is_hidden.load(Ordering::Relaxed) {
            let (http, kind, scope) = (Some(403), Some("NOT_AUTHORIZED".to_owned()), RefusalScope::Access);
            return Err(MirrorError::Refused(Refusal { http, kind, message: String::new(), scope }));
        }
        let mut tables = self.base.tables().await?;
        let field = |name: &str, kind: &str, options: Value| FieldSchema {
            id: format!("fld{name}"),
            name: name.to_owned(),
            kind: kind.to_owned(),
            options,
        };
        for events in tables.iter_mut().filter(|t| t.name == EVENTS) {
            events.fields.push(field("Call", "multipleRecordLinks", json!({ "linkedTableId": format!("tbl{CALLS}") })));
            events.fields.push(field("Acknowledged", "checkbox", Value::Null));
        }
        Ok(tables)
    }

    async fn create_field(&self, table_id: &str, field: &NewField) -> Result<FieldSchema, MirrorError> {
        self.base.create_field(table_id, field).await
    }

    async fn create_table(&self, table: &NewTable) -> Result<TableSchema, MirrorError> {
        self.base.create_table(table).await
    }
}

/// A clock on which a pause is over at once.
struct Hasty(Arc<ManualClock>);

#[async_trait]
impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn boot(&self) -> Duration {
        self.0.boot()
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.0.pass(at.since(self.0.now()));
    }
}

/// As the base is by default.
fn plain() -> MirrorSettings {
    MirrorSettings { maps: maps(), pace: MirrorPace::Realtime, verify: Verify::All }
}

/// With the links and the box.
fn linked() -> MirrorSettings {
    let mut settings = plain();
    settings.maps.events.call = "Call".into();
    settings.maps.events.acknowledged = "Acknowledged".into();
    settings
}

struct Shop {
    w: World,
    base: ScriptedBase,
    gateway: Linked,
    settings: MirrorSettings,
    mirror: Mirror,
}

impl Shop {
    async fn with(settings: MirrorSettings) -> Self {
        let w = World::new().await;
        let base = ScriptedBase::new(w.clock.clone());
        let gateway = Linked::new(&base);
        let mirror = Mirror::new(w.process.core.clone(), Arc::new(gateway.clone()), settings.clone());
        Self { w, base, gateway, settings, mirror }
    }

    /// The engine dies, another one starts.
    async fn restart(&mut self) {
        self.w.restart().await;
        let (core, gateway) = (self.w.process.core.clone(), Arc::new(self.gateway.clone()));
        self.mirror = Mirror::new(core, gateway, self.settings.clone());
    }

    /// Time passes; the engine and the mirror work through it.
    async fn runs(&self, d: Duration) {
        mirror::work_through(&self.w, &self.mirror, d).await;
    }

    /// The key of a call's attempt.
    async fn event_of(&self, call: &CallId, number: u32) -> String {
        let state = self.w.call(call).await;
        let found = state.attempts.iter().find(|a| a.number == number);
        found.expect("there is such an attempt").id.to_string()
    }

    /// The row of a call's attempt.
    async fn event(&self, call: &CallId, number: u32) -> Option<Record> {
        let id = self.event_of(call, number).await;
        self.base.row(EVENTS, "Event ID", &id)
    }

    /// Whether the row of the last call's attempt says that its reader has the call.
    async fn is_acknowledged(&self, number: u32) -> bool {
        let row = self.event(&self.w.id(), number).await.expect("a row");
        !row.fields.get("Acknowledged").is_empty()
    }

    fn checker(&self) -> Checker {
        let (store, clock) = (self.w.process.store.clone(), Arc::new(Hasty(self.w.clock.clone())));
        Checker::new(store, Arc::new(self.gateway.clone()), clock, self.settings.clone())
    }

    async fn compared(&self) -> Result<VerifyReport, CheckError> {
        self.checker().check(&EventFilter::default(), |_| {}).await
    }

    /// What a comparison finds wrong or foreign.
    async fn findings(&self) -> Vec<Difference> {
        self.compared().await.expect("the base answers").findings
    }

    async fn alerts(&self) -> Vec<String> {
        let open = self.w.process.store.alerts().await.expect("read");
        let ours = open.into_iter().filter(|a| a.key.kind().is_mirror()).map(|a| a.key.to_string());
        ours.collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// How often an alert was raised or told again.
    async fn tellings(&self, key: &str) -> usize {
        let log = self.w.process.store.log(&LogFilter { limit: 10_000, ..LogFilter::default() }).await.expect("read");
        log.iter().filter(|l| l.entry.kind.as_str() == "alert.raised" && l.entry.data["key"] == key).count()
    }

    /// Everything is told and proven.
    async fn is_whole(&self) {
        let f = self.w.process.store.mirror_figures().await.expect("read");
        assert_eq!((f.waiting, f.unverified, f.parked), (0, 0, 0), "{f:?}");
    }
}

#[tokio::test]
async fn the_event_of_who_has_a_call_says_so_and_no_longer_once_the_call_is_handed_back() {
    let mut s = Shop::with(linked()).await;
    s.w.dispatch("normal").await;
    s.runs(secs(40)).await;
    assert!(!s.is_acknowledged(1).await);
    s.w.decide(Decision::Acknowledge { holder: Some("sam".parse().expect("a contact")) }).await;
    s.runs(secs(5)).await;
    assert!(s.is_acknowledged(1).await);
    s.w.decide(Decision::Reopen).await;
    s.runs(secs(8)).await;
    assert!(!s.is_acknowledged(1).await, "he does not have it any more");
    s.is_whole().await;
}

#[tokio::test]
async fn a_call_that_was_handed_back_while_no_mirror_ran_is_nobodys_in_the_base_too() {
    let mut s = Shop::with(linked()).await;
    s.w.dispatch("normal").await;
    s.w.decide(Decision::Acknowledge { holder: Some("sam".parse().expect("a contact")) }).await;
    s.runs(secs(40)).await;
    assert!(s.is_acknowledged(1).await);
    s.w.decide(Decision::Reopen).await;
    s.restart().await;
    s.runs(secs(8)).await;
    assert!(!s.is_acknowledged(1).await, "a restart forgets who had it");
    s.is_whole().await;
}

#[tokio::test]
async fn an_event_is_linked_to_its_call_once_that_has_a_row_though_the_engine_died_between() {
    for dies in [false, true] {
        let mut s = Shop::with(linked()).await;
        let call = s.w.dispatch("normal").await;
        s.runs(secs(10)).await;
        let row = s.event(&call, 1).await.expect("a row");
        assert!(row.fields.get("Call").is_empty(), "the call has no row to be linked to yet");
        if dies {
            s.restart().await;
        }
        s.runs(secs(35)).await;
        let of_call = s.base.row(CALLS, "Call ID", call.as_str()).expect("made by us");
        let row = s.event(&call, 1).await.expect("a row");
        assert_eq!(*row.fields.get("Call"), Cell::Other(json!([of_call.id.as_str()])), "{dies}");
        s.is_whole().await;
    }
}

#[tokio::test]
async fn where_links_are_configured_and_the_schema_is_hidden_rows_wait_and_somebody_is_told() {
    let mut s = Shop::with(linked()).await;
    s.gateway.hides_its_schema(true);
    s.w.dispatch("normal").await;
    s.runs(secs(10)).await;
    assert_eq!((s.base.rows(EVENTS).len(), s.base.rows(CALLS).len()), (0, 0), "nothing is guessed");
    assert_eq!(s.alerts().await, ["mirror:access:calls", "mirror:access:events"]);
    let open = s.w.process.store.alerts().await.expect("read");
    assert!(open.iter().any(|a| a.message.contains("schema.bases:read")), "{open:?}");
    s.runs(secs(20)).await;
    assert_eq!(s.tellings("mirror:access:events").await, 1, "and told once");
    s.gateway.hides_its_schema(false);
    s.runs(mins(1)).await;
    assert_eq!((s.base.rows(EVENTS).len(), s.base.rows(CALLS).len()), (1, 1));
    assert_eq!(s.alerts().await, [""; 0]);
    s.is_whole().await;
}

#[tokio::test]
async fn where_nothing_but_names_is_configured_a_hidden_schema_is_learned_from_refusals() {
    let mut s = Shop::with(plain()).await;
    s.gateway.hides_its_schema(true);
    s.base.absent(&["To", "Step"]);
    let call = s.w.dispatch("normal").await;
    s.runs(secs(10)).await;
    let row = s.event(&call, 1).await.expect("written without them");
    assert_eq!((row.fields.get("Contact").as_text(), row.fields.get("To").is_empty()), (Some("Sam Ortiz"), true));
    s.runs(secs(35)).await;
    assert_eq!((s.alerts().await, s.base.rows(CALLS).len()), (vec![], 1), "these harm nobody");
    s.is_whole().await;
    let report = s.compared().await.expect("the base answers");
    assert_eq!((report.findings.len(), report.compared, report.calls), (0, 1, 1), "{:?}", report.findings);
    assert!(report.skipped_rows.contains(&"To".to_owned()), "{:?}", report.skipped_rows);

    s.base.absent(&["To", "Step", "Result"]);
    s.w.receipt(1, "delivered", None).await;
    s.runs(secs(10)).await;
    let row = s.event(&call, 1).await.expect("a row");
    assert_eq!(row.fields.get("Delivery Status").as_text(), Some("delivered"), "no row waits for a field");
    assert_eq!(s.tellings("mirror:field:events").await, 1, "this one is missed");
    s.runs(mins(1)).await;
    assert_eq!(s.alerts().await, ["mirror:field:events"], "nothing says that it is back");
}

#[tokio::test]
async fn a_comparison_names_each_row_that_is_wrong_and_a_repair_mends_all_but_what_is_not_ours() {
    let mut s = Shop::with(plain()).await;
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(s.w.dispatch("normal").await);
    }
    s.runs(secs(45)).await;
    s.is_whole().await;
    let none = s.findings().await;
    assert!(none.is_empty(), "all is as it should be: {none:?}");

    let lost = s.event(&calls[0], 1).await.expect("a row");
    s.base.remove(EVENTS, &lost.id);
    let twin = s.event(&calls[1], 1).await.expect("a row");
    s.base.add(EVENTS, Fields::new().with("Event ID", s.event_of(&calls[1], 1).await));
    let foreign = s.base.add(EVENTS, Fields::new().with("Call ID", "made by hand"));
    let lost = s.base.row(CALLS, "Call ID", calls[2].as_str()).expect("a row");
    s.base.remove(CALLS, &lost.id);
    let report = s.compared().await.expect("the base answers");
    let kinds: Vec<(DifferenceKind, Option<&str>)> =
        report.findings.iter().map(|f| (f.fault, f.call.as_deref())).collect();
    assert_eq!(
        kinds,
        [
            (DifferenceKind::Missing, Some(calls[0].as_str())),
            (DifferenceKind::Twin, Some(calls[1].as_str())),
            (DifferenceKind::Foreign, Some("made by hand")),
            (DifferenceKind::Missing, Some(calls[2].as_str())),
        ]
    );
    assert_eq!((report.compared, report.calls, report.faults().count()), (4, 4, 3));
    let said: Vec<String> = report.findings.iter().map(|f| f.said()).collect();
    assert_eq!((said[0].as_str(), said[3].as_str()), ("Airtable has no such row", "Calls has no row of this call"));
    let table = |n: usize| report.findings[n].json()["table"].clone();
    assert_eq!((table(0), table(3)), (json!("events"), json!("calls")));

    let told = s.checker().repair(&report.findings).await.expect("mended");
    assert_eq!(told.len(), 3, "what is not ours is left alone");
    assert!(Mirror::is_busy_with(&*s.w.process.store, &told).await.expect("read"));
    s.runs(secs(30)).await;
    assert!(!Mirror::is_busy_with(&*s.w.process.store, &told).await.expect("read"));
    let left = s.findings().await;
    assert_eq!(left.iter().map(|f| f.records.clone()).collect::<Vec<_>>(), [vec![foreign]]);
    assert_eq!(s.event(&calls[1], 1).await.map(|r| r.id), Some(twin.id), "the oldest of twins stays");
}

#[tokio::test]
async fn a_calls_row_that_intake_or_we_may_still_make_is_not_missing_and_later_it_is() {
    let mut s = Shop::with(plain()).await;
    s.w.dispatch("normal").await;
    s.runs(secs(5)).await;
    assert_eq!(s.base.rows(CALLS).len(), 0, "intake's row is waited for");
    let none = s.findings().await;
    assert!(none.is_empty(), "{none:?}");
    s.w.clock.pass(secs(31));
    let wrong = s.findings().await;
    let kinds: Vec<(DifferenceKind, bool)> = wrong.iter().map(|f| (f.fault, f.call_id().is_some())).collect();
    assert_eq!(kinds, [(DifferenceKind::Missing, true)], "nobody has made it");
}

#[tokio::test]
async fn a_comparison_waits_out_some_rests_of_the_base_and_not_all() {
    let mut s = Shop::with(plain()).await;
    s.w.dispatch("normal").await;
    s.runs(secs(45)).await;
    let before = s.base.asked("any").len();
    s.base.script(vec![Fate::Throttled(secs(1)); 5]);
    let none = s.findings().await;
    assert!(none.is_empty(), "{none:?}");
    assert_eq!(s.base.asked("any").len() - before, 8, "each request again, and those of foreign rows and of calls");
    s.base.otherwise(Some(Fate::Throttled(secs(1))));
    let end = s.compared().await;
    assert!(matches!(end, Err(CheckError::Mirror(MirrorError::RateLimited { .. }))), "{end:?}");
}
