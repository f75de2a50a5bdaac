//! A base whose tables are in memory and whose answers are the test's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;

use super::clock::ManualClock;
use crate::clock::Clock as _;
use crate::config::{AirtableTables, BaseMaps, BusinessFields, CallFields, ContactFields, EventFields};
use crate::domain::Timestamp;
use crate::engine::layout::{Holds, holds};
use crate::gateways::airtable::{BaseSchema, Cell, FieldSchema, Fields, NewField, NewTable, TableSchema};
use crate::gateways::mirror::{
    Lane, MirrorError, MirrorGateway, Query, Record, RecordChange, RecordId, RecordList, Refusal, RefusalScope,
    Typecast, Upserted, Whoami,
};

pub(crate) const EVENTS: &str = "Dispatch Events";
pub(crate) const CALLS: &str = "Calls";

/// Our names as they are by default.
pub(crate) fn maps() -> BaseMaps {
    BaseMaps {
        tables: AirtableTables {
            events: EVENTS.into(),
            calls: CALLS.into(),
            contacts: None,
            businesses: None,
            overrides: None,
        },
        events: EventFields::default(),
        calls: CallFields::default(),
        contacts: ContactFields::default(),
        businesses: BusinessFields::default(),
        values: Default::default(),
        may_lack: BTreeSet::new(),
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fate {
    /// Surely not done.
    Away,
    /// Done, and the answer is lost; a read is not answered.
    LostAfter,
    /// Not done, and nobody can tell.
    LostBefore,
    Throttled(Duration),
    /// The month is used up.
    Billing,
    /// Taken, and this cell is kept otherwise.
    Altered(&'static str, &'static str),
    /// Taken, and nothing is kept.
    Dropped,
    /// As it should be.
    Well,
}

#[derive(Default)]
struct State {
    tables: BTreeMap<String, Vec<Record>>,
    script: VecDeque<Fate>,
    otherwise: Option<Fate>,
    absent: BTreeSet<String>,
    /// A refusal does not say which field is absent.
    nameless: bool,
    poison: BTreeSet<String>,
    resting: Option<Timestamp>,
    made: u64,
    asked: Vec<(Timestamp, &'static str)>,
    /// Every value of `Delivery Status` that was written, by event.
    words: BTreeMap<String, Vec<String>>,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct ScriptedBase {
    clock: Arc<ManualClock>,
    state: Arc<Mutex<State>>,
}

impl ScriptedBase {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panicked in here")
    }

    /// What becomes of the next requests, one each.
    pub(crate) fn script(&self, fates: impl IntoIterator<Item = Fate>) {
        self.state().script.extend(fates);
    }

    /// What becomes of all others.
    pub(crate) fn otherwise(&self, fate: Option<Fate>) {
        self.state().otherwise = fate;
    }

    /// The base does not have these fields.
    pub(crate) fn absent(&self, fields: &[&str]) {
        self.state().absent = fields.iter().map(|f| (*f).to_owned()).collect();
    }

    /// Nor does it say which, from now on.
    pub(crate) fn names_no_field(&self) {
        self.state().nameless = true;
    }

    /// A write with this text in any cell is refused whole.
    pub(crate) fn poison(&self, text: &str) {
        self.state().poison.insert(text.to_owned());
    }

    pub(crate) fn cure(&self) {
        self.state().poison.clear();
    }

    pub(crate) fn rows(&self, table: &str) -> Vec<Record> {
        self.state().tables.get(table).cloned().unwrap_or_default()
    }

    /// The one row whose field is this.
    pub(crate) fn row(&self, table: &str, field: &str, value: &str) -> Option<Record> {
        let mut found = self.rows(table).into_iter().filter(|r| r.fields.get(field).as_text() == Some(value));
        let one = found.next();
        assert!(found.next().is_none(), "{value} is there twice");
        one
    }

    /// Makes a row by hand.
    pub(crate) fn add(&self, table: &str, fields: Fields) -> RecordId {
        let at = self.clock.now();
        let mut state = self.state();
        let record = make(&mut state, at, fields);
        let id = record.id.clone();
        state.tables.entry(table.to_owned()).or_default().push(record);
        id
    }

    /// Deletes a row by hand.
    pub(crate) fn remove(&self, table: &str, id: &RecordId) {
        if let Some(rows) = self.state().tables.get_mut(table) {
            rows.retain(|r| r.id != *id);
        }
    }

    /// Requests of this kind, in order.
    pub(crate) fn asked(&self, what: &str) -> Vec<Timestamp> {
        self.state().asked.iter().filter(|(_, w)| *w == what || what == "any").map(|(at, _)| *at).collect()
    }

    /// What an event's delivery status was written as, in order.
    pub(crate) fn words(&self, event: &str) -> Vec<String> {
        self.state().words.get(event).cloned().unwrap_or_default()
    }

    /// Counts the request and says what becomes of it.
    fn fate(&self, what: &'static str) -> Result<Fate, MirrorError> {
        let now = self.clock.now();
        let mut state = self.state();
        state.asked.push((now, what));
        let fate = state.script.pop_front().or(state.otherwise.clone()).unwrap_or(Fate::Well);
        match fate {
            Fate::Away => Err(MirrorError::Retryable { why: "away".into(), retry_after: None }),
            Fate::LostBefore => Err(lost()),
            Fate::Throttled(rest) => {
                let until = now.plus(rest);
                state.resting = Some(until);
                Err(MirrorError::RateLimited { until })
            }
            Fate::Billing => Err(MirrorError::Billing { http: 429 }),
            other => Ok(other),
        }
    }

    fn check<'a>(&self, rows: impl Iterator<Item = &'a Fields>) -> Result<(), MirrorError> {
        let state = self.state();
        for (field, cell) in rows.flat_map(Fields::iter) {
            if state.absent.contains(field) {
                let name = Some(field.to_owned()).filter(|_| !state.nameless);
                return Err(refused("UNKNOWN_FIELD_NAME", RefusalScope::Field(name)));
            }
            if cell.as_text().is_some_and(|t| state.poison.contains(t)) {
                return Err(refused("INVALID_VALUE_FOR_COLUMN", RefusalScope::Row));
            }
        }
        Ok(())
    }

    fn note(&self, rows: &[Fields]) {
        let mut state = self.state();
        for row in rows {
            if let (Some(event), Some(word)) = (row.get("Event ID").as_text(), row.get("Delivery Status").as_text()) {
                state.words.entry(event.to_owned()).or_default().push(word.to_owned());
            }
        }
    }
}

fn lost() -> MirrorError {
    MirrorError::Unknown { why: "no answer".into(), retry_after: None }
}

fn refused(kind: &str, scope: RefusalScope) -> MirrorError {
    MirrorError::Refused(Refusal { http: Some(422), kind: Some(kind.into()), message: String::new(), scope })
}

fn make(state: &mut State, at: Timestamp, fields: Fields) -> Record {
    state.made += 1;
    Record { id: format!("rec{:014}", state.made).parse().expect("record id"), created_at: Some(at), fields }
}

/// As a base keeps a row: texts for moments.
fn kept(old: &Fields, new: &Fields, fate: &Fate) -> Fields {
    let mut all = old.clone();
    for (field, cell) in new.iter() {
        all.set(field, cell.as_time().map_or_else(|| cell.clone(), |at| Cell::text(at.rfc3339())));
    }
    if let Fate::Altered(field, value) = fate {
        all.set(*field, *value);
    }
    all
}

#[async_trait]
impl MirrorGateway for ScriptedBase {
    fn in_queue(&self, _lane: Lane) -> Arc<dyn MirrorGateway> {
        Arc::new(self.clone())
    }

    fn requests(&self) -> u64 {
        u64::try_from(self.state().asked.len()).expect("few")
    }

    fn resting_until(&self) -> Option<Timestamp> {
        self.state().resting.filter(|until| *until > self.clock.now())
    }

    async fn upsert(
        &self,
        table: &str,
        merge_on: &[&str],
        rows: &[Fields],
        _: Typecast,
    ) -> Result<Upserted, MirrorError> {
        let fate = self.fate("upsert")?;
        self.check(rows.iter())?;
        self.note(rows);
        let (at, key) = (self.clock.now(), merge_on[0]);
        let mut state = self.state();
        let mut done = Upserted { records: Vec::new(), created: BTreeSet::new(), updated: BTreeSet::new() };
        for row in rows {
            let is = |r: &Record| r.fields.get(key).as_text() == row.get(key).as_text();
            let all = state.tables.entry(table.to_owned()).or_default();
            let places: Vec<usize> = all.iter().enumerate().filter(|(_, r)| is(r)).map(|(n, _)| n).collect();
            match places.as_slice() {
                [] => {
                    let record = make(&mut state, at, kept(&Fields::new(), row, &fate));
                    done.created.insert(record.id.clone());
                    done.records.push(record.clone());
                    if fate != Fate::Dropped {
                        state.tables.entry(table.to_owned()).or_default().push(record);
                    }
                }
                [place] => {
                    let one = &mut all[*place];
                    if fate != Fate::Dropped {
                        one.fields = kept(&one.fields, row, &fate);
                    }
                    done.updated.insert(one.id.clone());
                    done.records.push(one.clone());
                }
                _ => return Err(refused("INVALID_RECORDS", RefusalScope::Request)),
            }
        }
        if fate == Fate::LostAfter { Err(lost()) } else { Ok(done) }
    }

    async fn create(&self, table: &str, rows: &[Fields], _: Typecast) -> Result<Vec<Record>, MirrorError> {
        let fate = self.fate("create")?;
        self.check(rows.iter())?;
        let at = self.clock.now();
        let mut state = self.state();
        let mut made = Vec::new();
        for row in rows {
            let record = make(&mut state, at, kept(&Fields::new(), row, &fate));
            state.tables.entry(table.to_owned()).or_default().push(record.clone());
            made.push(record);
        }
        if fate == Fate::LostAfter { Err(lost()) } else { Ok(made) }
    }

    async fn update(&self, table: &str, changes: &[RecordChange], _: Typecast) -> Result<Vec<Record>, MirrorError> {
        let fate = self.fate("update")?;
        self.check(changes.iter().map(|c| &c.fields))?;
        let mut state = self.state();
        let rows = state.tables.entry(table.to_owned()).or_default();
        if changes.iter().any(|c| rows.iter().all(|r| r.id != c.id)) {
            return Err(MirrorError::NotFound { kind: None });
        }
        let mut done = Vec::new();
        for c in changes {
            if let Some(one) = rows.iter_mut().find(|r| r.id == c.id) {
                one.fields = kept(&one.fields, &c.fields, &fate);
                done.push(one.clone());
            }
        }
        if fate == Fate::LostAfter { Err(lost()) } else { Ok(done) }
    }

    async fn delete(&self, table: &str, ids: &[RecordId]) -> Result<BTreeSet<RecordId>, MirrorError> {
        self.fate("delete")?;
        ids.iter().for_each(|id| self.remove(table, id));
        Ok(ids.iter().cloned().collect())
    }

    /// The double reads no formula: all of the table, which callers compare again.
    async fn list(&self, query: &Query) -> Result<RecordList, MirrorError> {
        if self.fate("list")? == Fate::LostAfter {
            return Err(MirrorError::Retryable { why: "no answer".into(), retry_after: None });
        }
        let absent = self.state().absent.clone();
        let nameless = self.state().nameless;
        if let Some(field) = query.fields.iter().find(|f| absent.contains(*f)) {
            return Err(refused("UNKNOWN_FIELD_NAME", RefusalScope::Field(Some(field.clone()).filter(|_| !nameless))));
        }
        Ok(RecordList { records: self.rows(&query.table), complete: true })
    }

    async fn whoami(&self) -> Result<Whoami, MirrorError> {
        Ok(Whoami { user_id: "usr1".into(), scopes: Vec::new() })
    }

    async fn bases(&self) -> Result<Vec<BaseSchema>, MirrorError> {
        Ok(Vec::new())
    }

    async fn tables(&self) -> Result<Vec<TableSchema>, MirrorError> {
        let absent = self.state().absent.clone();
        let kind = |ours: &str| match holds(ours) {
            Holds::Whole => "number",
            Holds::Moment => "dateTime",
            _ => "multilineText",
        };
        let field = |(ours, name): (&'static str, &str)| FieldSchema {
            id: format!("fld{name}"),
            name: name.to_owned(),
            kind: kind(ours).into(),
            options: serde_json::Value::Null,
        };
        let table = |name: &str, pairs: Vec<(&'static str, &str)>| TableSchema {
            id: format!("tbl{name}"),
            name: name.to_owned(),
            primary_field_id: String::new(),
            fields: pairs.into_iter().filter(|(_, n)| !absent.contains(*n)).map(field).collect(),
        };
        let (events, calls) = (EventFields::default(), CallFields::default());
        Ok(vec![table(EVENTS, events.pairs()), table(CALLS, calls.pairs())])
    }

    async fn create_field(&self, _: &str, _: &NewField) -> Result<FieldSchema, MirrorError> {
        Err(lost())
    }

    async fn create_table(&self, _: &NewTable) -> Result<TableSchema, MirrorError> {
        Err(lost())
    }
}
