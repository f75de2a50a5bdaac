//! The shop's books as the outbox writes them, and what is rebuilt from them.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::MessageStatus;
use crate::domain::attempt::{Attempt, AttemptKind, Channel};
use crate::domain::call::CallState;
use crate::domain::types::{Actor, MessageSid};
use crate::engine::rebuild::{Base, BaseReader, OLDER_THAN, RebuildPlan, carry_out, plan, read};
use crate::gateways::airtable::{BaseSchema, Cell, FieldSchema, Fields, NewField, NewTable, TableSchema};
use crate::gateways::mirror::{Lane, Query, Record, RecordChange, RecordId, RecordList, Typecast, Upserted, Whoami};
use crate::gateways::{MessageBody, MessageRecord, MirrorError, MirrorGateway};
use crate::ids::Ids;
use crate::testing::fixtures::{SENDER, phone};
use crate::testing::{World, secs};

/// A base that is read; what it answers is compared again by whoever reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Books {
    pub(super) calls: Vec<Record>,
    pub(super) events: Vec<Record>,
}

fn not_asked<T>() -> Result<T, MirrorError> {
    Err(MirrorError::Retryable { why: "recovery only reads".into(), retry_after: None })
}

#[async_trait]
impl MirrorGateway for Books {
    fn in_queue(&self, _: Lane) -> Arc<dyn MirrorGateway> {
        Arc::new(self.clone())
    }
    fn requests(&self) -> u64 {
        0
    }
    fn resting_until(&self) -> Option<crate::domain::Timestamp> {
        None
    }
    async fn upsert(&self, _: &str, _: &[&str], _: &[Fields], _: Typecast) -> Result<Upserted, MirrorError> {
        not_asked()
    }
    async fn create(&self, _: &str, _: &[Fields], _: Typecast) -> Result<Vec<Record>, MirrorError> {
        not_asked()
    }
    async fn update(&self, _: &str, _: &[RecordChange], _: Typecast) -> Result<Vec<Record>, MirrorError> {
        not_asked()
    }
    async fn delete(&self, _: &str, _: &[RecordId]) -> Result<BTreeSet<RecordId>, MirrorError> {
        not_asked()
    }

    async fn list(&self, query: &Query) -> Result<RecordList, MirrorError> {
        let records = if query.table == "Calls" { &self.calls } else { &self.events };
        Ok(RecordList { records: records.clone(), complete: true })
    }
    async fn whoami(&self) -> Result<Whoami, MirrorError> {
        not_asked()
    }
    async fn bases(&self) -> Result<Vec<BaseSchema>, MirrorError> {
        not_asked()
    }
    /// As a token without the scope for it, but for the word: names stand as they are configured.
    async fn tables(&self) -> Result<Vec<TableSchema>, MirrorError> {
        Ok(Vec::new())
    }
    async fn create_field(&self, _: &str, _: &NewField) -> Result<FieldSchema, MirrorError> {
        not_asked()
    }
    async fn create_table(&self, _: &NewTable) -> Result<TableSchema, MirrorError> {
        not_asked()
    }
}

impl Books {
    /// What a mirror that kept up has of a call.
    pub(super) fn of(state: &CallState) -> Self {
        let mut books = Self::default();
        books.write(state);
        books
    }

    pub(super) fn write(&mut self, state: &CallState) {
        let c = &state.call;
        let text = |t: &Option<String>| Cell::from(t.clone());
        let call = Fields::new()
            .with("Call ID", c.id.as_str())
            .with("Status", c.status.as_str())
            .with("Caller Phone", text(&c.data.caller_phone))
            .with("Emergency Level", text(&c.data.emergency_level))
            .with("Issue Summary", text(&c.data.issue_summary))
            .with("Caller Name", text(&c.data.caller_name))
            .with("Address", text(&c.data.address))
            .with("Twilio To Number", text(&c.data.twilio_to_number))
            .with("On-Call Contact", state.attempts.last().map(|a| a.recipient.name.clone()))
            .with("Reference", c.reference.as_str())
            .with("Accepted At", c.accepted_at)
            .with("Next Follow-Up At", c.wake_at);
        self.add_call(call);
        for a in state.attempts.iter().filter(|a| a.sent_at.is_some() || a.state.is_final()) {
            let provider = a.sid.as_ref().and(a.message_status.as_ref()).map(MessageStatus::as_str);
            let event = Fields::new()
                .with("Event ID", a.id.to_string())
                .with("Call ID", c.id.as_str())
                .with("Method", if a.channel == Channel::Voice { "Voice" } else { "SMS" })
                .with("Sent At", a.sent_at)
                .with("Delivery Status", provider.unwrap_or(a.state.as_str()))
                .with("Attempt Number", a.number)
                .with("Result", sentence(a))
                .with("Message SID", a.sid.as_ref().map(|s| s.as_str().to_owned()))
                .with("Error Code", a.error_code.map(|code| code.to_string()))
                .with("To", a.recipient.email.as_ref().map_or_else(|| a.recipient.phone.e164(), |e| e.as_str()))
                .with("Contact", a.recipient.name.as_str())
                .with("Reference", a.reference(&c.reference))
                .with("Step", a.step + 1)
                .with("Round", a.round);
            self.add_event(event);
        }
    }

    pub(super) fn add_call(&mut self, fields: Fields) {
        let id = format!("recCall{:010}", self.calls.len());
        self.calls.push(Record { id: id.parse().expect("a record id"), created_at: None, fields });
    }

    pub(super) fn add_event(&mut self, fields: Fields) {
        let id = format!("recEvent{:09}", self.events.len());
        self.events.push(Record { id: id.parse().expect("a record id"), created_at: None, fields });
    }

    /// One cell of every event.
    pub(super) fn without(&mut self, field: &str) {
        for r in &mut self.events {
            r.fields.set(field, Cell::Empty);
        }
    }

    /// One cell of the event of this number.
    pub(super) fn set(&mut self, number: u32, field: &str, cell: impl Into<Cell>) {
        let of = |r: &&mut Record| r.fields.get("Attempt Number").as_whole() == Some(i64::from(number));
        self.events.iter_mut().find(of).expect("there is such an event").fields.set(field, cell);
    }

    /// One cell of the call.
    pub(super) fn set_call(&mut self, field: &str, cell: impl Into<Cell>) {
        self.calls.first_mut().expect("a call").fields.set(field, cell);
    }

    pub(super) fn as_base(&self) -> Base {
        Base { mirror: Arc::new(self.clone()), maps: Arc::new(crate::testing::base::maps()) }
    }
}

/// One sentence for a person.
fn sentence(a: &Attempt) -> String {
    let kind = match a.kind {
        AttemptKind::Notice => "",
        AttemptKind::StandDown => "Stand-down: ",
        AttemptKind::Answer => "Answer: ",
        AttemptKind::Update => "Update: ",
        AttemptKind::Question => "Question: ",
    };
    if a.channel == Channel::Voice {
        return crate::engine::mirror::result_of_phone_call(a);
    }
    let why = a.result.trim().trim_end_matches('.');
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    format!("{kind}{} to {}{why}.", a.state, a.recipient.name)
}

/// A row of JSON, as Airtable lists it.
pub(super) fn fields(row: &Value) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in row.as_object().expect("an object") {
        let cell = match value {
            Value::String(t) => Cell::text(t.clone()),
            Value::Number(n) => Cell::number(n.clone()),
            Value::Bool(b) => Cell::from(*b),
            Value::Null => Cell::Empty,
            other => Cell::Other(other.clone()),
        };
        fields.set(name, cell);
    }
    fields
}

/// A text from a person that is in the provider's list, with the answer to it where it came.
pub(super) fn listed(w: &mut World, who: &str, text: &str, answer: Option<&str>) {
    w.inbound += 1;
    let (now, n) = (w.now(), w.inbound);
    plant(w, n, "inbound", phone(who), SENDER, text, now);
    if let Some(answer) = answer {
        plant(w, n + 0x1000, "outbound-reply", SENDER, phone(who), answer, now.plus(secs(1)));
    }
}

/// The engine hears a text by its webhook; what it answers is listed.
pub(super) async fn ingested(w: &mut World, who: &str, text: &str) {
    let answer = w.reply(who, text).await;
    let (now, n) = (w.now(), w.inbound);
    plant(w, n, "inbound", phone(who), SENDER, text, now);
    if !answer.is_empty() {
        plant(w, n + 0x1000, "outbound-reply", SENDER, phone(who), &answer, now.plus(secs(1)));
    }
}

pub(super) fn inbound_sid(n: u32) -> MessageSid {
    format!("SM{:032x}", 0xbeef_0000_u64 + u64::from(n)).parse().expect("a SID")
}

fn plant(w: &World, n: u32, direction: &str, from: &str, to: &str, body: &str, at: crate::domain::Timestamp) {
    w.sms.plant(MessageRecord {
        sid: inbound_sid(n),
        status: MessageStatus::from_word(if direction == "inbound" { "received" } else { "delivered" }),
        error_code: None,
        to: to.to_owned(),
        from: Some(from.to_owned()),
        service: None,
        body: MessageBody(body.to_owned()),
        direction: direction.to_owned(),
        created_at: Some(crate::domain::Timestamp::from_millis(at.as_millis() / 1_000 * 1_000)),
    });
}

/// The plan over these books, as `recover --from-airtable` makes it.
pub(super) async fn planned(w: &World, books: &Books) -> RebuildPlan {
    let reader = BaseReader {
        store: Some(&*w.process.store),
        directory: w.process.core.directory(),
        lexicon: w.process.core.rules().lexicon,
        now: w.now(),
        older_than: OLDER_THAN,
    };
    let snapshot = read(reader, &books.as_base(), &*w.sms).await.expect("read");
    plan(&snapshot, &Ids::seeded(99))
}

/// The plan, carried out; a second one finds nothing to do.
pub(super) async fn rebuilt(w: &World, books: &Books) -> RebuildPlan {
    let plan = planned(w, books).await;
    let carried = carry_out(&w.process.core, &plan, &Actor("mia".into())).await.expect("carried out");
    assert_eq!(carried.refused, [], "the store takes what was rebuilt");
    assert_eq!(carried.imported.len(), plan.rows.len());
    let again = planned(w, books).await;
    assert!(again.rows.is_empty(), "a second run has nothing to do: {:?}", again.rows);
    plan
}

/// The disk is lost with a mirror that kept up; what is rebuilt.
pub(super) async fn lost_and_rebuilt(w: &mut World) -> RebuildPlan {
    let books = Books::of(&w.state().await);
    w.lose_the_disk().await;
    rebuilt(w, &books).await
}

/// Whether the store has this reply as heard.
pub(super) async fn hears_nothing_new(w: &World) -> bool {
    let posts = w.sms.posts().len();
    crate::engine::listener::Listener::new(w.process.engine.clone()).pass().await.expect("read");
    w.settle().await;
    w.sms.posts().len() == posts
}
