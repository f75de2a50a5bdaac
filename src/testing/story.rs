//! What tests say about the world: somebody calls, reads, answers, decides; what is seen afterwards.

use super::gateway::Accepted;
use super::world::World;
use super::{fixtures, secs};
use crate::domain::MessageStatus;
use crate::domain::attempt::Attempt;
use crate::domain::call::{CallData, CallState, CallStatus};
use crate::domain::change::Answer;
use crate::domain::codes::classify;
use crate::domain::event::{Decision, Event, InboundText, Source, StatusUpdate};
use crate::domain::types::{Actor, CallId, ErrorCode, MessageSid};
use crate::engine::intake::{self, Intake, Validation};
use crate::store::LogFilter;

/// What a caller hands over in most stories.
pub(crate) fn intake(id: &str, level: &str) -> Intake {
    Intake {
        call_id: Some(id.to_owned()),
        data: CallData {
            caller_phone: Some("+19495550150".into()),
            emergency_level: Some(level.to_owned()),
            issue_summary: Some("Burst pipe".into()),
            address: Some("1 Elm St".into()),
            ..CallData::default()
        },
        ..Intake::default()
    }
}

/// One of the people, reading.
pub(crate) struct Tech<'a> {
    world: &'a World,
    who: &'a str,
}

impl World {
    pub(crate) async fn apply(&self, event: Event, actor: &str) -> Answer {
        self.process.core.apply(event, Actor(actor.to_owned())).await.expect("applied")
    }

    /// Hands a call over; what was answered.
    pub(crate) async fn accept(&self, intake: Intake) -> Answer {
        let core = &self.process.core;
        let new = intake::new_call(intake, &core.directory(), Validation::Lenient, &core.ids, self.now());
        self.apply(Event::Accept(Box::new(new.expect("a call"))), "intake").await
    }

    /// A customer calls; the engine does what is to be done at once.
    pub(crate) async fn dispatch(&mut self, level: &str) -> CallId {
        let id = self.begin(level).await;
        self.settle().await;
        id
    }

    /// A customer calls; nothing is sent yet.
    pub(crate) async fn begin(&mut self, level: &str) -> CallId {
        self.calls += 1;
        let id = format!("call_{}", self.calls);
        let answer = self.accept(intake(&id, level)).await;
        assert!(matches!(answer, Answer::Created(_)), "{answer:?}");
        let id: CallId = id.parse().expect("an id");
        self.last = Some(id.clone());
        id
    }

    /// The call that was dispatched last.
    pub(crate) fn id(&self) -> CallId {
        self.last.clone().expect("a call was dispatched")
    }

    pub(crate) async fn call(&self, id: &CallId) -> CallState {
        self.process.store.call(id).await.expect("read").expect("there is such a call")
    }

    /// The last call, and its status.
    pub(crate) async fn state(&self) -> CallState {
        self.call(&self.id()).await
    }

    pub(crate) async fn status(&self) -> CallStatus {
        self.state().await.call.status
    }

    /// When the engine looks at the last call again, in seconds from `START`.
    pub(crate) async fn wakes_at(&self) -> Option<u64> {
        self.state().await.call.wake_at.map(|at| at.since(super::world::START).as_secs())
    }

    /// The last call's attempts: `1 sam submitted`.
    pub(crate) async fn attempts(&self) -> Vec<String> {
        self.state().await.attempts.iter().map(shown).collect()
    }

    pub(crate) async fn attempt(&self, number: u32) -> Attempt {
        let state = self.state().await;
        state.attempts.into_iter().find(|a| a.number == number).expect("there is such an attempt")
    }

    /// The last call's log, a line an entry.
    pub(crate) async fn log_text(&self) -> String {
        self.log_of(Some(self.id())).await
    }

    pub(crate) async fn log_of(&self, call: Option<CallId>) -> String {
        let filter = LogFilter { call, limit: 10_000, ..LogFilter::default() };
        let lines = self.process.store.log(&filter).await.expect("read");
        lines.iter().map(|l| format!("{} {}\n", l.entry.kind, l.entry.message)).collect()
    }

    /// Keys of open alerts.
    pub(crate) async fn alerts(&self) -> Vec<String> {
        self.process.store.alerts().await.expect("read").into_iter().map(|a| a.key.to_string()).collect()
    }

    pub(crate) async fn has_alert(&self, start: &str) -> bool {
        self.alerts().await.iter().any(|a| a.starts_with(start))
    }

    /// The provider reports on the message of the last call's attempt, on the attempt's own URL; the engine does what follows.
    pub(crate) async fn receipt(&self, number: u32, word: &str, code: Option<u32>) {
        let a = self.attempt(number).await;
        let sent = self.sms.ledger().into_iter().find(|m| m.attempt == a.id);
        let sid = a.sid.clone().or(sent.map(|m| m.sid)).expect("the provider has a message of it");
        self.update(Some(number), &sid, word, code).await;
        self.settle().await;
    }

    /// A receipt as it comes in, and nothing that follows.
    pub(crate) async fn update(&self, number: Option<u32>, sid: &MessageSid, word: &str, code: Option<u32>) -> Answer {
        let status = MessageStatus::from_word(word);
        let code = code.map(ErrorCode);
        let attempt = match number {
            Some(n) => Some(self.attempt(n).await.id),
            None => None,
        };
        if let Some(m) = self.sms.ledger().into_iter().find(|m| &m.sid == sid)
            && status.rank() >= m.status.rank()
        {
            self.sms.set_status(m.attempt, &status, code);
        }
        let update = StatusUpdate {
            attempt,
            sid: sid.clone(),
            status,
            code,
            error_class: classify(code),
            source: Source::Receipt,
            provider_at: None,
        };
        self.apply(Event::StatusUpdate(update), "twilio").await
    }

    /// The provider reports on this message, on its attempt's own URL; nothing that follows.
    pub(crate) async fn update_of(&self, m: &Accepted, word: &str, code: Option<u32>) -> Answer {
        let (status, code) = (MessageStatus::from_word(word), code.map(ErrorCode));
        self.sms.set_status(m.attempt, &status, code);
        let update = StatusUpdate {
            attempt: Some(m.attempt),
            sid: m.sid.clone(),
            status,
            code,
            error_class: classify(code),
            source: Source::Receipt,
            provider_at: None,
        };
        self.apply(Event::StatusUpdate(update), "twilio").await
    }

    /// Somebody texts; what they are answered. The engine does what follows.
    pub(crate) async fn reply(&mut self, who: &str, text: &str) -> String {
        self.inbound += 1;
        let sid = format!("SM{:032x}", 0xbeef_0000_u64 + u64::from(self.inbound));
        let said = self.reply_as(&sid, who, text).await;
        self.settle().await;
        said
    }

    /// A text with that SID.
    pub(crate) async fn reply_as(&self, sid: &str, who: &str, text: &str) -> String {
        let text = InboundText {
            listed: false,
            waited_since: None,
            sid: sid.parse().expect("a SID"),
            from: fixtures::phone(who).to_owned(),
            to: fixtures::SENDER.to_owned(),
            body: text.to_owned(),
            provider_replied: false,
            at: None,
            at_ours: None,
        };
        match self.apply(Event::Inbound(text), "twilio").await {
            Answer::Reply(said) => said,
            other => panic!("a text is answered with a text: {other:?}"),
        }
    }

    /// An operator decides about the last call; the engine does what follows.
    pub(crate) async fn decide(&self, what: Decision) -> Answer {
        let event = Event::Decide { call: self.id(), what, by: Actor("mia".into()), note: None };
        let answer = self.apply(event, "mia").await;
        self.settle().await;
        answer
    }

    /// One of the people.
    pub(crate) const fn tech<'a>(&'a self, who: &'a str) -> Tech<'a> {
        Tech { world: self, who }
    }

    /// Nobody has a text that they have not read.
    pub(crate) fn expect_silence(&self) {
        for who in ["sam", "ana", "olga"] {
            self.tech(who).expect_nothing();
        }
    }

    /// The provider cannot be reached for that long.
    pub(crate) async fn outage(&self, d: std::time::Duration) {
        self.sms.otherwise(super::Reaction::away());
        self.advance(d).await;
        self.sms.otherwise(super::Reaction::Accept);
        // The longest pause between two tries.
        self.advance(secs(31)).await;
    }
}

/// `1 sam submitted`; what is no notice says what it is.
pub(crate) fn shown(a: &Attempt) -> String {
    use crate::domain::attempt::AttemptKind;
    let kind = if a.kind == AttemptKind::Notice { String::new() } else { format!("{} ", a.kind) };
    format!("{} {kind}{} {}", a.number, a.recipient.contact.as_str(), a.state)
}

impl Tech<'_> {
    fn unread(&self) -> Vec<String> {
        let phone = fixtures::phone(self.who);
        let all: Vec<String> = self.world.sms.ledger().into_iter().filter(|m| m.to == phone).map(|m| m.body).collect();
        let read = self.world.read.lock().expect("not poisoned").get(phone).copied().unwrap_or(0);
        all.into_iter().skip(read).collect()
    }

    /// The next text that they have not read says this.
    pub(crate) fn expect_sms(&self, says: &str) -> String {
        let text = self.unread().into_iter().next();
        let text = text.unwrap_or_else(|| panic!("{} has no text, wanted {says:?}", self.who));
        assert!(text.contains(says), "{} reads {text:?}, wanted {says:?}", self.who);
        *self.world.read.lock().expect("not poisoned").entry(fixtures::phone(self.who).to_owned()).or_default() += 1;
        text
    }

    /// They have read all there is.
    pub(crate) fn expect_nothing(&self) {
        assert_eq!(self.unread(), Vec::<String>::new(), "{} has texts", self.who);
    }
}
