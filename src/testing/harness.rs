//! The pure core alone, with its state in memory: for tables and orders that are too many for a file.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::fixtures;
use super::story;
use super::world::START;
use crate::domain::alert::{AlertChange, AlertKey};
use crate::domain::answers::{AnsweredBefore, PastAnswer};
use crate::domain::attempt::{Attempt, AttemptState, Channel};
use crate::domain::breaker::Breaker;
use crate::domain::call::CallState;
use crate::domain::change::{Answer, BreakerChange, Change, OptOutChange, PhoneCallChange, ReceiptRow};
use crate::domain::codes::classify;
use crate::domain::event::{
    BlockedPhoneCall, Event, InboundRow, InboundText, Loaded, NewCall, OpenPhoneCall, PhoneTurn, SendOutcome, Source,
    StatusUpdate,
};
use crate::domain::log::LogEntry;
use crate::domain::phone_call::PhoneCall;
use crate::domain::rules::Rules;
use crate::domain::settings::Basis;
use crate::domain::step::step;
use crate::domain::team::Directory;
use crate::domain::trip;
use crate::domain::types::{Actor, AttemptId, CallId, ErrorCode, MessageSid};
use crate::domain::work::{Ctx, Illegal};
use crate::domain::{MessageStatus, Settlement, Timestamp};
use crate::engine::intake::{self, Validation};
use crate::ids::Ids;

/// See the module.
#[derive(Clone)]
pub(crate) struct CoreHarness {
    pub(crate) calls: Vec<CallState>,
    pub(crate) alerts: BTreeMap<AlertKey, String>,
    pub(crate) log: Vec<LogEntry>,
    pub(crate) now: Timestamp,
    pub(crate) directory: Directory,
    pub(crate) rules: Rules,
    about: BTreeMap<AlertKey, Option<CallId>>,
    opted_out: BTreeSet<(String, String)>,
    orphans: Vec<StatusUpdate>,
    /// Every row that was kept.
    pub(crate) receipts: Vec<ReceiptRow>,
    pub(crate) breakers: Vec<Breaker>,
    /// Every word on a phone call.
    pub(crate) phone_calls: Vec<PhoneCallChange>,
    answered: BTreeMap<String, AnsweredBefore>,
    answers: Vec<(String, PastAnswer)>,
    /// Every text that was kept, as it was decided.
    pub(crate) inbound: Vec<InboundRow>,
    ids: Cell<u128>,
}

/// A decision by this time, these people and these bounds; fresh ids count on from `ids`.
pub(crate) fn deciding<T>(
    (now, directory, rules): (Timestamp, &Directory, &Rules),
    ids: &Cell<u128>,
    actor: Actor,
    decide: impl FnOnce(&Ctx<'_>) -> T,
) -> T {
    let new_id = || {
        ids.set(ids.get() + 1);
        AttemptId::from_uuid(Uuid::from_u128(ids.get()))
    };
    decide(&Ctx { now, directory, rules, new_id: &new_id, link: &|_| None, actor })
}

/// What this number writes to us, as a webhook brings it.
pub(crate) fn inbound(message: u32, from: &str, body: &str) -> InboundText {
    InboundText {
        sid: sid(message),
        from: from.to_owned(),
        to: fixtures::SENDER.to_owned(),
        body: body.to_owned(),
        provider_replied: false,
        at: None,
        at_ours: None,
        listed: false,
        waited_since: None,
    }
}

/// The SID of the message with that number.
pub(crate) fn sid(n: u32) -> MessageSid {
    format!("SM{n:032x}").parse().expect("a SID")
}

/// Whether this receipt is kept and joined already.
fn is_replay(kept: &ReceiptRow, n: &StatusUpdate) -> bool {
    let same = (&kept.update.sid, &kept.update.status, kept.update.code) == (&n.sid, &n.status, n.code);
    same && kept.joined.is_some() && n.source == Source::Receipt && kept.update.source == Source::Receipt
}

/// A report of the provider.
pub(crate) fn update(
    attempt: Option<AttemptId>,
    message: u32,
    word: &str,
    code: Option<u32>,
    source: Source,
) -> StatusUpdate {
    let code = code.map(ErrorCode);
    StatusUpdate {
        attempt,
        sid: sid(message),
        status: MessageStatus::from_word(word),
        code,
        error_class: classify(code),
        source,
        provider_at: None,
    }
}

/// The answer of a create that made this message.
pub(crate) fn accepted(message: u32, word: &str, code: Option<u32>) -> SendOutcome {
    let code = code.map(ErrorCode);
    let status = MessageStatus::from_word(word);
    SendOutcome::Accepted {
        sid: sid(message),
        status,
        code,
        error_class: classify(code),
        provider_at: None,
        queued_for: std::time::Duration::ZERO,
    }
}

impl CoreHarness {
    pub(crate) fn new() -> Self {
        Self {
            calls: Vec::new(),
            alerts: BTreeMap::new(),
            log: Vec::new(),
            now: START,
            directory: fixtures::directory(),
            rules: fixtures::rules(),
            about: BTreeMap::new(),
            opted_out: BTreeSet::new(),
            orphans: Vec::new(),
            receipts: Vec::new(),
            breakers: Vec::new(),
            phone_calls: Vec::new(),
            answered: BTreeMap::new(),
            answers: Vec::new(),
            inbound: Vec::new(),
            ids: Cell::new(1),
        }
    }

    /// Decides and keeps the change.
    pub(crate) fn try_apply(&mut self, event: Event) -> Result<Answer, Illegal> {
        let loaded = self.load(&event);
        let by = (self.now, &self.directory, &self.rules);
        let change = deciding(by, &self.ids, Actor("mia".into()), |ctx| step(&loaded, &event, ctx))?;
        Ok(self.keep(change))
    }

    pub(crate) fn apply(&mut self, event: Event) -> Answer {
        self.try_apply(event).expect("a decision")
    }

    /// A call is accepted; its first steps fire where they wait for nothing.
    pub(crate) fn dispatch(&mut self, id: &str, level: &str) -> CallId {
        let new = intake::new_call(
            story::intake(id, level),
            &self.directory,
            Validation::Strict,
            &Ids::seeded(self.calls.len() as u64),
            self.now,
        );
        let answer = self.apply(Event::Accept(Box::new(new.expect("a call"))));
        assert!(matches!(answer, Answer::Created(_)), "{answer:?}");
        id.parse().expect("an id")
    }

    /// The only call, or the first.
    pub(crate) fn call(&self) -> &CallState {
        self.calls.first().expect("a call")
    }

    pub(crate) fn attempt(&self, number: u32) -> &Attempt {
        self.call().attempts.iter().find(|a| a.number == number).expect("an attempt")
    }

    /// Claims what waits and has it accepted; message numbers are attempt numbers.
    pub(crate) fn send_all(&mut self) {
        let waiting: Vec<(AttemptId, u32)> = self
            .calls
            .iter()
            .flat_map(|c| &c.attempts)
            .filter(|a| a.state.is_waiting())
            .map(|a| (a.id, a.number))
            .collect();
        for (attempt, number) in waiting {
            if let Answer::Send(_) = self.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None }) {
                let outcome = accepted(number, "queued", None);
                self.apply(Event::Sent { attempt, by: None, outcome });
            }
        }
    }

    pub(crate) fn reply(&mut self, message: u32, who: &str, text: &str) -> String {
        let text = inbound(0xbeef_0000 + message, fixtures::phone(who), text);
        match self.apply(Event::Inbound(text)) {
            Answer::Reply(said) => said,
            other => panic!("a text is answered with a text: {other:?}"),
        }
    }

    /// The call of that id, or of the same phone call.
    fn of_phone_call(&self, new: &NewCall) -> Vec<CallState> {
        let phone = PhoneCall::told_by(&new.data);
        let told = self.phone_calls.iter().find_map(|change| match change {
            PhoneCallChange::Told { id, phone: other, call } => {
                call.clone().filter(|_| *id == new.id || phone.is_same(other))
            }
            PhoneCallChange::Waits { .. } => None,
        });
        let own = |c: &&CallState| c.call.id == new.id;
        let joined = |c: &&CallState| Some(&c.call.id) == told.as_ref();
        self.calls.iter().find(own).or_else(|| self.calls.iter().find(joined)).cloned().into_iter().collect()
    }

    /// Those to the number that a claim is for.
    fn open_phone_calls(&self, event: &Event) -> Vec<OpenPhoneCall> {
        let Event::Claim { attempt, .. } = event else { return Vec::new() };
        let all = || self.calls.iter().flat_map(|c| &c.attempts);
        let Some(claimed) = all().find(|a| a.id == *attempt) else { return Vec::new() };
        let open = all().filter(|a| a.is_open_phone_call() && a.id != *attempt);
        open.filter(|a| a.recipient.phone == claimed.recipient.phone)
            .filter_map(|a| {
                Some(OpenPhoneCall {
                    attempt: a.id,
                    to: a.recipient.phone.e164().to_owned(),
                    from: a.sender.as_ref()?.as_str().to_owned(),
                    sent_at: a.sent_at?,
                })
            })
            .collect()
    }

    fn blocked_phone_calls(&self) -> Vec<BlockedPhoneCall> {
        let is_blocked = |a: &&Attempt| {
            let by_carrier = a.trace.sip.is_some_and(|sip| [403, 603, 607, 608].contains(&sip.0));
            let by_provider = a.error_code.is_some_and(|code| [13225, 21216, 32203].contains(&code.0));
            a.channel == Channel::Voice && a.state == AttemptState::Failed && (by_carrier || by_provider)
        };
        let all = self.calls.iter().flat_map(|c| &c.attempts).filter(is_blocked);
        all.filter_map(|a| {
            Some(BlockedPhoneCall {
                attempt: a.id,
                to: a.recipient.phone.e164().to_owned(),
                from: a.sender.as_ref()?.as_str().to_owned(),
                sent_at: a.sent_at?,
                code: a.error_code,
            })
        })
        .collect()
    }

    fn load(&self, event: &Event) -> Loaded {
        let of = |id: &AttemptId| self.calls.iter().filter(|c| c.attempt(*id).is_some()).cloned().collect();
        let named = |id: &CallId| self.calls.iter().filter(|c| &c.call.id == id).cloned().collect();
        let calls: Vec<CallState> = match event {
            Event::Accept(new) | Event::Report(new, _) => self.of_phone_call(new),
            Event::Import(import) => named(&import.state.call.id),
            Event::Wake { call }
            | Event::Decide { call, .. }
            | Event::Unnotified { call }
            | Event::Unanswered { call } => named(call),
            Event::Found(text) => named(&text.call),
            Event::Claim { attempt, .. }
            | Event::EndPhoneCall { attempt }
            | Event::Asked(PhoneTurn { attempt, .. })
            | Event::Key { turn: PhoneTurn { attempt, .. }, .. }
            | Event::Settle { attempt, .. }
            | Event::Sent { attempt, .. }
            | Event::EngineGone { attempt, .. }
            | Event::ClaimAgain { attempt, .. }
            | Event::Searched { attempt, .. }
            | Event::Gone { attempt }
            | Event::Polled { attempt, .. } => of(attempt),
            Event::StatusUpdate(n) => n.attempt.as_ref().map(of).unwrap_or_default(),
            Event::Inbound(_) => self.calls.iter().rev().cloned().collect(),
            Event::ClearOptOut { .. }
            | Event::Alert(_)
            | Event::Note(_)
            | Event::PhoneCallEnded(_)
            | Event::PhoneCall(_)
            | Event::RollCall(_)
            | Event::AlertText(_)
            | Event::Breaker { .. } => Vec::new(),
        };
        let sid_of = match event {
            Event::Sent { outcome: SendOutcome::Accepted { sid, .. }, .. } => Some(sid),
            Event::StatusUpdate(n) => Some(&n.sid),
            Event::Settle { how: Settlement::Sent(sid), .. } => Some(sid),
            _ => None,
        };
        let linked = |c: &&CallState| c.attempts.iter().any(|a| sid_of.is_some() && a.sid.as_ref() == sid_of);
        let owners: Vec<CallState> = self.calls.iter().filter(linked).cloned().collect();
        let new = |o: &CallState| calls.iter().all(|c| c.call.id != o.call.id);
        let owners: Vec<CallState> = owners.into_iter().filter(new).collect();
        Loaded {
            busy: std::collections::BTreeSet::new(),
            spent: crate::domain::limits::Spent::default(),
            similar: Vec::new(),
            roll_calls: Vec::new(),
            alert_texts: Vec::new(),
            settled_alerts: std::collections::BTreeSet::new(),
            basis: Basis::default(),
            breakers: self.breakers.clone(),
            replayed: matches!(event, Event::StatusUpdate(n) if self.receipts.iter().any(|r| is_replay(r, n))),
            calls: calls.into_iter().chain(owners).collect(),
            free_reference: Some(format!("7K3{}", self.calls.len() + 2).parse().expect("a reference")),
            opted_out: self.opted_out.clone(),
            answered_before: match event {
                Event::Inbound(t) => self.answered.get(t.sid.as_str()).cloned(),
                _ => None,
            },
            answers: match event {
                Event::Inbound(t) => {
                    let theirs = self.answers.iter().rev().filter(|(from, _)| *from == t.from);
                    theirs.map(|(_, answer)| answer.clone()).take(12).collect()
                }
                _ => Vec::new(),
            },
            said: Vec::new(),
            phone_calls: self.open_phone_calls(event),
            blocked_phone_calls: self.blocked_phone_calls(),
            orphans: self.orphans.iter().filter(|n| Some(&n.sid) == sid_of).cloned().collect(),
        }
    }

    fn keep(&mut self, change: Change) -> Answer {
        for state in change.calls {
            let known: BTreeSet<_> = state.attempts.iter().filter_map(|a| a.sid.clone()).collect();
            self.orphans.retain(|n| !known.contains(&n.sid));
            match self.calls.iter_mut().find(|c| c.call.id == state.call.id) {
                Some(there) => *there = state,
                None => self.calls.push(state),
            }
        }
        self.phone_calls.extend(change.phone_calls);
        self.receipts.extend(change.receipts.clone());
        self.orphans.extend(change.receipts.into_iter().filter(|r| r.joined.is_none()).map(|r| r.update));
        for alert in change.alerts {
            match alert {
                AlertChange::Raise { key, message, call } => {
                    drop(self.about.insert(key.clone(), call));
                    self.alerts.entry(key).or_insert(message);
                }
                AlertChange::Acknowledge { .. } | AlertChange::Untold { .. } => {}
                AlertChange::Again { key, message } => drop(self.alerts.get_mut(&key).map(|m| *m = message)),
                AlertChange::ResolveAll { call, at } => self
                    .alerts
                    .retain(|key, _| key.kind().until() > at || self.about.get(key) != Some(&Some(call.clone()))),
                AlertChange::Resolve { key } => drop(self.alerts.remove(&key)),
            }
        }
        self.breakers = trip::changed(std::mem::take(&mut self.breakers), &change.breakers, self.now);
        if change.breakers.iter().any(|b| matches!(b, BreakerChange::Close { .. })) {
            for c in self.calls.iter_mut().filter(|c| c.call.deferred_from.is_some()) {
                c.call.wake_at = c.call.wake_at.map(|at| at.min(self.now));
            }
        }
        for o in change.opt_outs {
            match o {
                OptOutChange::Out { phone, sender } => drop(self.opted_out.insert((phone, sender))),
                OptOutChange::In { phone, sender } => {
                    self.opted_out
                        .retain(|(p, s)| *p != phone || sender.as_ref().is_some_and(|w| w != s && !s.is_empty()));
                }
            }
        }
        if let Some(row) = change.inbound {
            self.inbound.push(row.clone());
            let kept = AnsweredBefore { answer: row.answer.clone(), waits: row.waits };
            self.answered.insert(row.text.sid.as_str().to_owned(), kept);
            if !row.answer.is_empty() {
                let (at, sender, call) = (row.at, row.text.to, row.call);
                let answer = PastAnswer { at, sender, call, prompt: row.prompt, by: row.answered_by };
                self.answers.push((row.text.from, answer));
            }
        }
        self.log.extend(change.log);
        change.answer
    }
}
