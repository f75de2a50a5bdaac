//! Every dispatch event, and every call's row (`verify_calls`), against the mirror, field by field, by reading back: for people.
//!
//! What is compared is found by key, so that no page that shifts makes a row seem missing; what seems wrong is looked at once
//! more, with our own state as it is by then, before it is said. Rows of the base without an event's id are foreign: named,
//! never a fault, never touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::encode::holding;
use super::find::{Wanted, find_events};
use super::rows::{self, event_id};
use super::{Mirror, MirrorSettings};
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::domain::types::CallId;
use crate::engine::layout::{Encoded, Lack, Layout, Layouts, LinkBook, Row, Target};
use crate::gateways::airtable::{FieldDifference, Fields, Formula, differences};
use crate::gateways::mirror::{Query, ROWS_MAX, Record, RecordId, RefusalScope};
use crate::gateways::{MirrorError, MirrorGateway};
use crate::store::{EventFilter, EventLine, MirrorKey, MirrorOutbox, Store, StoreError};

/// Events compared by one request.
pub(super) const PAGE: usize = 50;
/// How often a request is repeated after the base has rested for too many of them.
pub(super) const RESTS_MAX: u32 = 5;
/// Foreign rows that are named.
const FOREIGN_MAX: usize = 1_000;
/// Before what seems wrong is looked at again.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// How often what an engine is about to write is looked at again.
pub(super) const LOOKS_MAX: usize = 5;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// The base does not have it.
    Missing,
    /// The base has it otherwise.
    Different,
    /// The base has several of it.
    Twin,
    /// It was refused for its content, and is not in the base as it should be.
    Parked,
    /// Not ours: without an event's id. No fault.
    Foreign,
}

impl DifferenceKind {
    /// The word that is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Different => "different",
            Self::Twin => "twin",
            Self::Parked => "parked",
            Self::Foreign => "foreign",
        }
    }
}

/// A row that is not as it should be, or not ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What is wrong.
    pub fault: DifferenceKind,
    /// The event's id; `None`: the row has none.
    pub event: Option<String>,
    /// Its call, as far as it is known.
    pub call: Option<String>,
    /// Its attempt's number.
    pub number: Option<u32>,
    /// Records of the base, the oldest first.
    pub records: Vec<RecordId>,
    /// What differs in the oldest of them.
    pub fields: Vec<FieldDifference>,
    /// Since when a change of it waits to be told.
    pub waits_since: Option<Timestamp>,
    /// Why it was given up.
    pub parked: Option<String>,
    /// Its place among ours.
    place: i64,
    pub(super) key: Option<MirrorKey>,
}

impl Difference {
    /// About a call's row in *Calls*.
    pub(super) fn of_call(
        fault: DifferenceKind,
        call: CallId,
        records: Vec<RecordId>,
        fields: Vec<FieldDifference>,
    ) -> Self {
        Self {
            fault,
            event: None,
            call: Some(call.to_string()),
            number: None,
            records,
            fields,
            waits_since: None,
            parked: None,
            place: 0,
            key: Some(MirrorKey::Call(call)),
        }
    }

    /// The call whose row it is about; `None`: it is about a dispatch event.
    pub fn call_id(&self) -> Option<CallId> {
        match &self.key {
            Some(MirrorKey::Call(id)) => Some(id.clone()),
            _ => None,
        }
    }

    /// Whether it makes the answer "no".
    pub fn is_fault(&self) -> bool {
        self.fault != DifferenceKind::Foreign
    }

    /// For a person; phones masked.
    pub fn said(&self) -> String {
        let mut said: Vec<String> = match self.fault {
            DifferenceKind::Missing if self.call_id().is_some() => vec!["Calls has no row of this call".into()],
            DifferenceKind::Missing => vec!["Airtable has no such row".into()],
            DifferenceKind::Twin => {
                vec![format!(
                    "{} rows: {}",
                    self.records.len(),
                    self.records.iter().map(RecordId::as_str).collect::<Vec<_>>().join(", ")
                )]
            }
            DifferenceKind::Foreign => vec!["a row without an Event ID: left alone".into()],
            DifferenceKind::Different | DifferenceKind::Parked => Vec::new(),
        };
        if self.call_id().is_some() && !self.fields.is_empty() {
            said.push("its row in Calls".into());
        }
        said.extend(self.fields.iter().map(ToString::to_string));
        said.extend(self.parked.iter().map(|why| format!("given up: {why}")));
        said.extend(self.waits_since.map(|since| format!("waits to be told since {since}")));
        said.join("; ")
    }

    /// As a document.
    pub fn json(&self) -> Value {
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|f| json!({ "field": f.field, "expected": f.expected.shown(), "actual": f.actual.shown() }))
            .collect();
        json!({
            "kind": self.fault.as_str(),
            "table": if self.call_id().is_some() { "calls" } else { "events" },
            "eventId": self.event,
            "callId": self.call,
            "attemptNumber": self.number,
            "recordIds": self.records.iter().map(RecordId::as_str).collect::<Vec<_>>(),
            "fields": fields,
            "waitsSince": self.waits_since,
            "parked": self.parked,
        })
    }
}

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VerifyReport {
    /// How many events were compared.
    pub compared: u64,
    /// How many calls were.
    pub calls: u64,
    /// What is not as it should be, and what is not ours.
    pub findings: Vec<Difference>,
    /// The base has no field for our ids: events were found by their message, else by call and number.
    pub by_content: bool,
    /// Fields that the base does not have and may be without: not compared.
    pub skipped_rows: Vec<String>,
}

impl VerifyReport {
    /// Rows that are not as they should be.
    pub fn faults(&self) -> impl Iterator<Item = &Difference> {
        self.findings.iter().filter(|f| f.is_fault())
    }
}

/// Compares what we have with what the base has of it: pure. `expected`: the cells of each line.
pub fn compare(lines: &[EventLine], expected: &[Fields], found: &BTreeMap<String, Vec<Record>>) -> Vec<Difference> {
    let of = |(line, expected): (&EventLine, &Fields)| {
        let event = event_id(&line.attempt);
        let records = found.get(&event).map(Vec::as_slice).unwrap_or_default();
        let fields = records.first().map(|r| differences(expected, &r.fields)).unwrap_or_default();
        let fault = match (records, fields.is_empty(), &line.parked) {
            ([_], true, _) => return None,
            ([_, _, ..], _, _) => DifferenceKind::Twin,
            (_, _, Some(_)) => DifferenceKind::Parked,
            ([], _, None) => DifferenceKind::Missing,
            ([_], false, None) => DifferenceKind::Different,
        };
        Some(Difference {
            fault,
            event: Some(event),
            call: Some(line.attempt.call.to_string()),
            number: Some(line.attempt.number),
            records: records.iter().map(|r| r.id.clone()).collect(),
            fields,
            waits_since: line.waits_since,
            parked: line.parked.clone(),
            place: line.place,
            key: Some(MirrorKey::Attempt(line.attempt.id)),
        })
    };
    lines.iter().zip(expected).filter_map(of).collect()
}

/// Why a comparison did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    /// The base.
    #[error("Airtable cannot be read")]
    Mirror(#[from] MirrorError),
}

/// Compares a store with its mirror, and deletes twins. Writes no row: those are told again by the engine.
pub struct Checker {
    pub(super) store: Arc<dyn Store>,
    pub(super) gateway: Arc<dyn MirrorGateway>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: MirrorSettings,
    /// How rows stand in the base: read once.
    pub(super) layouts: Option<Layouts>,
    pub(super) links: LinkBook,
    skipped: BTreeSet<Lack>,
}

impl Checker {
    /// Asks nothing yet.
    pub fn new(
        store: Arc<dyn Store>,
        gateway: Arc<dyn MirrorGateway>,
        clock: Arc<dyn Clock>,
        settings: MirrorSettings,
    ) -> Self {
        Self { store, gateway, clock, settings, layouts: None, links: LinkBook::default(), skipped: BTreeSet::new() }
    }

    /// Compares all that the filter names; `seen` is told how many were compared so far.
    ///
    /// # Errors
    /// [`CheckError`]: what was found until then is lost, nothing was changed.
    pub async fn check(
        &mut self,
        filter: &EventFilter,
        mut seen: impl FnMut(u64) + Send,
    ) -> Result<VerifyReport, CheckError> {
        let mut report = VerifyReport::default();
        let mut filter = EventFilter { limit: PAGE, ..filter.clone() };
        let mut calls = BTreeSet::new();
        loop {
            let lines = self.store.mirror_events(&filter).await?;
            let Some(last) = lines.last() else { break };
            filter.after = last.place;
            calls.extend(lines.iter().map(|l| l.attempt.call.clone()));
            report.compared += u64::try_from(lines.len()).unwrap_or(0);
            report.findings.extend(Box::pin(self.compared(&lines)).await?);
            seen(report.compared);
        }
        report.findings.extend(self.foreign(filter.call.as_ref()).await?);
        let (compared, wrong) = Box::pin(self.check_calls(&filter, calls)).await?;
        report.calls = compared;
        report.findings.extend(wrong);
        let layouts = self.layouts().await?;
        // What the caller said is intake's own, and not compared.
        let of_calls = layouts.calls.lacks.iter().filter(|l| rows::is_kept(l.ours()));
        let lacks = layouts.events.lacks.iter().chain(of_calls).chain(&self.skipped);
        report.by_content = layouts.events.name("event_id").is_none();
        let said = |l: &Lack| match l {
            Lack::Field { name, .. } | Lack::Fit { name, .. } => name.clone(),
            Lack::Option { .. } | Lack::Row { .. } => l.to_string(),
        };
        let skipped: BTreeSet<String> = lacks.map(said).collect();
        report.skipped_rows = skipped.into_iter().collect();
        Ok(report)
    }

    /// Compares the events and calls of these findings anew, as they are by now.
    ///
    /// # Errors
    /// [`CheckError`].
    pub async fn again(&mut self, findings: &[Difference]) -> Result<Vec<Difference>, CheckError> {
        let mut lines = Vec::new();
        for f in findings.iter().filter(|f| f.is_fault() && f.call_id().is_none()) {
            let one = EventFilter { after: f.place - 1, limit: 1, ..EventFilter::default() };
            lines.extend(self.store.mirror_events(&one).await?);
        }
        let mut left = Vec::new();
        for some in lines.chunks(PAGE) {
            left.extend(Box::pin(self.compared_once(some)).await?);
        }
        let calls: Vec<CallId> = findings.iter().filter_map(Difference::call_id).collect();
        for some in calls.chunks(PAGE) {
            left.extend(Box::pin(self.compared_calls(some)).await?);
        }
        Ok(left)
    }

    /// What is wrong with these, each looked at twice.
    async fn compared(&mut self, lines: &[EventLine]) -> Result<Vec<Difference>, CheckError> {
        let mut wrong = self.compared_once(lines).await?;
        for _ in 0..LOOKS_MAX {
            if wrong.is_empty() {
                break;
            }
            self.clock.sleep_until(self.clock.now().plus(PAUSE)).await;
            wrong = self.again(&wrong).await?;
            if wrong.iter().all(|f| f.waits_since.is_none()) {
                break;
            }
        }
        Ok(wrong)
    }

    async fn compared_once(&mut self, lines: &[EventLine]) -> Result<Vec<Difference>, CheckError> {
        let mut tries = 0;
        loop {
            let layouts = self.layouts().await?;
            let holding = holding(&*self.store, &layouts, lines.iter().map(|l| &l.attempt)).await?;
            let row = |l: &EventLine| rows::event(&l.attempt, &l.reference, holding.contains(&l.attempt.id));
            let read = match self.encoded(&layouts, &layouts.events, lines.iter().map(row).collect()).await {
                Ok(expected) => self.found(&layouts, lines).await.map(|found| (expected, found)),
                Err(e) => Err(e),
            };
            match read {
                Ok((expected, found)) => return Ok(compare(lines, &expected, &found)),
                Err(error) => self.learn(error, &mut tries)?,
            }
        }
    }

    /// How rows stand in the base.
    pub(super) async fn layouts(&mut self) -> Result<Layouts, MirrorError> {
        if let Some(known) = &self.layouts {
            return Ok(known.clone());
        }
        let mut rests = 0;
        loop {
            match Layouts::read(&*self.gateway, &self.settings.maps).await {
                Err(MirrorError::RateLimited { .. }) if rests < RESTS_MAX => rests += 1,
                Ok(layouts) => return Ok(self.layouts.insert(layouts).clone()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The cells of rows, without what the base cannot hold.
    pub(super) async fn encoded(
        &mut self,
        layouts: &Layouts,
        layout: &Layout,
        rows: Vec<Row>,
    ) -> Result<Vec<Fields>, MirrorError> {
        let targets: BTreeSet<Target> = rows.iter().flat_map(Row::targets).cloned().collect();
        self.links.learn(&*self.gateway, &layouts.links, &targets, self.clock.now()).await?;
        let encoded: Vec<Encoded> = rows.iter().map(|row| layout.encode(row, &self.links)).collect();
        self.skipped.extend(encoded.iter().flat_map(|e| e.lacks.iter().cloned()));
        Ok(encoded.into_iter().map(|e| e.fields).collect())
    }

    /// The base's records of these events.
    async fn found(
        &self,
        layouts: &Layouts,
        lines: &[EventLine],
    ) -> Result<BTreeMap<String, Vec<Record>>, MirrorError> {
        let layout = &layouts.events;
        let Some(key) = layout.name("event_id") else {
            let wanted: Vec<Wanted<'_>> =
                lines.iter().map(|l| Wanted { attempt: &l.attempt, reference: &l.reference }).collect();
            return find_events(&*self.gateway, layouts, &self.links, &wanted).await;
        };
        let ids: Vec<String> = lines.iter().map(|l| event_id(&l.attempt)).collect();
        let fields: Vec<&str> = layout.names().map(|(_, name)| name).collect();
        self.gateway.by_key(&layout.table, key, &ids, &fields).await
    }

    /// Whether it is worth another try: the base rested, or it said of a field that it does not have it, which no schema could
    /// tell. Else the failure is given back.
    pub(super) fn learn(&mut self, error: MirrorError, tries: &mut u32) -> Result<(), MirrorError> {
        *tries += 1;
        match &error {
            // The next request waits for the end of the rest by itself.
            MirrorError::RateLimited { .. } if *tries <= RESTS_MAX => return Ok(()),
            MirrorError::Refused(refusal) => {
                if let (RefusalScope::Field(Some(name)), Some(layouts)) = (&refusal.scope, &mut self.layouts)
                    && !layouts.is_read
                    && (layouts.events.drop_field(name) || layouts.calls.drop_field(name))
                {
                    *tries = 0;
                    return Ok(());
                }
            }
            _ => {}
        }
        Err(error)
    }

    /// Rows without an event's id.
    async fn foreign(&mut self, call: Option<&CallId>) -> Result<Vec<Difference>, MirrorError> {
        let layout = self.layouts().await?.events;
        // Without that field nobody can say whose a row is.
        let Some(event_id) = layout.name("event_id") else { return Ok(Vec::new()) };
        let mut filter = vec![Formula::is_blank(event_id)];
        let of_call = layout.name("call_id");
        filter.extend(call.zip(of_call).map(|(c, of)| Formula::equals(of, c.as_str())));
        let query = Query::of(&layout.table)
            .filter(Formula::all(filter))
            .fields(std::iter::once(event_id).chain(of_call))
            .at_most(FOREIGN_MAX);
        let mut listed = self.gateway.list(&query).await;
        for _ in 0..RESTS_MAX {
            if !matches!(listed, Err(MirrorError::RateLimited { .. })) {
                break;
            }
            listed = self.gateway.list(&query).await;
        }
        let records = listed?.records;
        let without_id = records.into_iter().filter(|r| r.fields.get(event_id).is_empty());
        Ok(without_id
            .map(|r| Difference {
                fault: DifferenceKind::Foreign,
                event: None,
                call: layout.text(&r, "call_id"),
                number: None,
                records: vec![r.id],
                fields: Vec::new(),
                waits_since: None,
                parked: None,
                place: 0,
                key: None,
            })
            .collect())
    }

    /// Deletes all but the oldest of each twin, and has every faulty row told again by whoever is the engine; their keys.
    ///
    /// # Errors
    /// [`CheckError`]: what was deleted stays so, and a repair may be run again.
    pub async fn repair(&self, findings: &[Difference]) -> Result<Vec<MirrorKey>, CheckError> {
        let table = self.layouts.as_ref().map_or(&self.settings.maps.tables.events, |l| &l.events.table);
        for twins in findings.iter().filter(|f| f.fault == DifferenceKind::Twin) {
            let others: Vec<RecordId> = twins.records.iter().skip(1).cloned().collect();
            for some in others.chunks(ROWS_MAX) {
                let mut deleted = self.gateway.delete(table, some).await;
                for _ in 0..RESTS_MAX {
                    if !matches!(deleted, Err(MirrorError::RateLimited { .. })) {
                        break;
                    }
                    deleted = self.gateway.delete(table, some).await;
                }
                deleted?;
            }
        }
        let keys: Vec<MirrorKey> = findings.iter().filter_map(|f| f.key.clone()).collect();
        for some in keys.chunks(1_000) {
            self.store.mirror_again(some.to_vec(), self.clock.now()).await?;
        }
        Ok(keys)
    }
}

impl Mirror {
    /// Whether anything is still to be told or proven of these.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_busy_with(store: &dyn MirrorOutbox, keys: &[MirrorKey]) -> Result<bool, StoreError> {
        for some in keys.chunks(1_000) {
            if store.mirror_is_busy_with(some.to_vec()).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
