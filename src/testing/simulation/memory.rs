//! The smallest ledger that keeps the store's contract for one write at a time: what a decision is shown, and what is kept of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::alert::{AlertChange, AlertKey};
use crate::domain::answers::{AnsweredBefore, PastAnswer, PastReply};
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Priority};
use crate::domain::breaker::Breaker;
use crate::domain::call::{CallState, CallStatus};
use crate::domain::change::{Answer, BreakerChange, Change, OptOutChange, ReceiptRow};
use crate::domain::event::{Event, InboundRow, InboundText, Loaded, SendOutcome, Source, StatusUpdate};
use crate::domain::limits::{HOUR, SpendLimits, Spent};
use crate::domain::reply;
use crate::domain::types::{AttemptId, CallId, MessageSid};
use crate::domain::{Settlement, Timestamp, trip};

/// Closed calls that a reply is shown besides those that were closed lately.
const CLOSED_MAX: usize = 4;
const PAST_MAX: usize = 12;
const NOT_SAID: [&str; 4] = ["not understood", "a copy of our text", "unknown number", "answered by the provider"];

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) calls: Vec<CallState>,
    pub(crate) alerts: BTreeMap<AlertKey, Option<CallId>>,
    /// Every alert that was ever raised.
    pub(crate) alarmed: BTreeSet<AlertKey>,
    pub(crate) breakers: Vec<Breaker>,
    pub(crate) opted_out: BTreeSet<(String, String)>,
    pub(crate) inbound: Vec<InboundRow>,
    receipts: Vec<ReceiptRow>,
    orphans: Vec<StatusUpdate>,
}

impl Memory {
    pub(crate) fn call(&self, id: &CallId) -> Option<&CallState> {
        self.calls.iter().find(|c| &c.call.id == id)
    }

    pub(crate) fn attempts(&self) -> impl Iterator<Item = (&CallState, &Attempt)> {
        self.calls.iter().flat_map(|c| c.attempts.iter().map(move |a| (c, a)))
    }

    pub(crate) fn attempt(&self, id: AttemptId) -> Option<(&CallState, &Attempt)> {
        self.attempts().find(|(_, a)| a.id == id)
    }

    pub(crate) fn by_sid(&self, sid: &MessageSid) -> Option<(&CallState, &Attempt)> {
        self.attempts().find(|(_, a)| a.sid.as_ref() == Some(sid))
    }

    pub(crate) fn is_heard(&self, sid: &MessageSid) -> bool {
        self.inbound.iter().any(|row| &row.text.sid == sid)
    }

    pub(crate) fn load(&self, event: &Event, limits: &SpendLimits, now: Timestamp) -> Loaded {
        let mut loaded = Loaded {
            breakers: self.breakers.clone(),
            opted_out: self.opted_out.clone(),
            free_reference: Some(format!("7K3{}", self.calls.len() + 2).parse().expect("a reference")),
            ..Loaded::default()
        };
        match event {
            Event::Accept(new) => loaded.calls.extend(self.call(&new.id).cloned()),
            Event::Wake { call } | Event::Decide { call, .. } | Event::Unnotified { call } => {
                loaded.calls.extend(self.call(call).cloned());
            }
            Event::Sent { attempt, outcome: SendOutcome::Accepted { sid, .. }, .. }
            | Event::Settle { attempt, how: Settlement::Sent(sid), .. } => {
                self.message(&mut loaded, Some(*attempt), Some(sid));
            }
            Event::StatusUpdate(n) => {
                self.message(&mut loaded, n.attempt, Some(&n.sid));
                loaded.replayed = n.source == Source::Receipt && self.receipts.iter().any(|kept| is_replay(kept, n));
            }
            Event::Inbound(text) => self.reply(&mut loaded, text, now),
            Event::Claim { attempt, .. }
            | Event::ClaimAgain { attempt, .. }
            | Event::Settle { attempt, .. }
            | Event::Sent { attempt, .. }
            | Event::EngineGone { attempt, .. }
            | Event::Searched { attempt, .. }
            | Event::Gone { attempt }
            | Event::Polled { attempt, .. } => self.message(&mut loaded, Some(*attempt), None),
            _ => {}
        }
        if let Event::Claim { attempt, .. } = event
            && let Some((_, a)) = self.attempt(*attempt)
            && a.kind == AttemptKind::Notice
            && a.priority != Priority::First
        {
            let theirs =
                |b: &Attempt| (&b.recipient.phone, &b.recipient.contact) == (&a.recipient.phone, &a.recipient.contact);
            loaded.spent = Spent {
                contact: self.oldest_of(limits.per_contact_per_hour, now, theirs),
                all: self.oldest_of(limits.messages_per_hour, now, |_| true),
            };
        }
        loaded
    }

    /// When the oldest of so many texts within an hour was sent; what is under way counts, and what failed after it was accepted.
    fn oldest_of(&self, bound: u32, now: Timestamp, which: impl Fn(&Attempt) -> bool) -> Option<Timestamp> {
        let is_out = |a: &Attempt| match a.state {
            AttemptState::Submitted | AttemptState::Delivered | AttemptState::Sending => true,
            AttemptState::Unknown => a.decided_at.is_none(),
            AttemptState::Failed => a.sid.is_some(),
            _ => false,
        };
        let all = self.attempts().map(|(_, a)| a).filter(|a| is_out(a) && which(a)).filter_map(|a| a.sent_at);
        let mut within: Vec<Timestamp> = all.filter(|at| *at > now.minus(HOUR) && *at <= now).collect();
        within.sort_unstable();
        within.len().checked_sub(bound.max(1) as usize).filter(|_| bound > 0).map(|oldest| within[oldest])
    }

    fn message(&self, loaded: &mut Loaded, named: Option<AttemptId>, sid: Option<&MessageSid>) {
        let by_name = named.and_then(|id| self.attempt(id));
        let owner = sid.and_then(|sid| self.by_sid(sid));
        loaded.calls.extend(by_name.or(owner).map(|(c, _)| c.clone()));
        if let (Some((call, a)), Some((other, _))) = (by_name, owner)
            && a.sid.as_ref() != sid
            && other.call.id != call.call.id
        {
            loaded.calls.push(other.clone());
        }
        let sid = sid.or(by_name.and_then(|(_, a)| a.sid.as_ref()));
        let its = |n: &&StatusUpdate| Some(&n.sid) == sid || (named.is_some() && n.attempt == named);
        loaded.orphans.extend(self.orphans.iter().filter(its).cloned());
    }

    fn reply(&self, loaded: &mut Loaded, text: &InboundText, now: Timestamp) {
        let theirs = |a: &&Attempt| a.recipient.phone.e164() == text.from;
        let last = |c: &CallState| c.attempts.iter().filter(theirs).filter_map(|a| a.sent_at).max();
        let mut told: Vec<(&CallState, Timestamp)> = self.calls.iter().filter_map(|c| Some((c, last(c)?))).collect();
        told.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
        let is_taken = |c: &CallState| c.call.status == CallStatus::Acknowledged;
        let open = || told.iter().map(|(c, _)| *c).filter(|c| c.call.status.is_open());
        let mut calls: Vec<&CallState> =
            open().filter(|c| !is_taken(c)).chain(open().filter(|c| is_taken(c))).collect();
        let (since, before) = (now.minus(reply::CLOSED_SINCE), calls.len());
        for (c, _) in told.iter().filter(|(c, _)| !c.call.status.is_open()) {
            if c.call.closed_at >= Some(since) || calls.len() < before + CLOSED_MAX {
                calls.push(c);
            }
        }
        for reference in reply::references(&text.body) {
            let named = self.calls.iter().filter(|c| c.call.reference == reference).max_by_key(|c| c.call.accepted_at);
            calls
                .extend(named.filter(|n| calls.iter().all(|c| c.call.id != n.call.id)).into_iter().collect::<Vec<_>>());
        }
        loaded.calls = calls.into_iter().cloned().collect();
        let rows = || self.inbound.iter().rev().filter(|row| row.text.from == text.from);
        loaded.answered_before = (self.inbound.iter().find(|row| row.text.sid == text.sid))
            .map(|row| AnsweredBefore { answer: row.answer.clone(), waits: row.waits });
        let answered = |row: &&InboundRow| !row.answer.is_empty();
        loaded.answers = rows().filter(answered).take(PAST_MAX).map(past_answer).collect();
        let says =
            |row: &&InboundRow| row.waits || row.prompt.is_some() || !NOT_SAID.contains(&row.understood.as_str());
        loaded.said = rows().filter(says).take(50).map(past_reply).collect();
    }

    pub(crate) fn keep(&mut self, change: Change, now: Timestamp) -> Answer {
        for state in change.calls {
            match self.calls.iter_mut().find(|c| c.call.id == state.call.id) {
                Some(there) => *there = state,
                None => self.calls.push(state),
            }
        }
        self.orphans.extend(change.receipts.iter().filter(|r| r.joined.is_none()).map(|r| r.update.clone()));
        self.receipts.extend(change.receipts);
        let calls = &self.calls;
        let is_known = |sid: &MessageSid| calls.iter().flat_map(|c| &c.attempts).any(|a| a.sid.as_ref() == Some(sid));
        self.orphans.retain(|n| !is_known(&n.sid));
        for alert in change.alerts {
            match alert {
                AlertChange::Raise { key, call, .. } => {
                    self.alarmed.insert(key.clone());
                    self.alerts.insert(key, call);
                }
                AlertChange::Resolve { key } => drop(self.alerts.remove(&key)),
                AlertChange::ResolveAll { call, at } => {
                    self.alerts.retain(|key, about| key.kind().until() > at || about.as_ref() != Some(&call));
                }
                AlertChange::Acknowledge { .. } | AlertChange::Again { .. } | AlertChange::Untold { .. } => {}
            }
        }
        self.breakers = trip::changed(std::mem::take(&mut self.breakers), &change.breakers, now);
        if change.breakers.iter().any(|b| matches!(b, BreakerChange::Close { .. })) {
            for c in self.calls.iter_mut().filter(|c| c.call.deferred_from.is_some()) {
                c.call.wake_at = c.call.wake_at.map(|at| at.min(now));
            }
        }
        for o in change.opt_outs {
            match o {
                OptOutChange::Out { phone, sender } => drop(self.opted_out.insert((phone, sender))),
                OptOutChange::In { phone, sender } => {
                    self.opted_out.retain(|(p, s)| *p != phone || sender.as_ref().is_some_and(|w| w != s));
                }
            }
        }
        if let Some(row) = change.inbound {
            match self.inbound.iter_mut().find(|kept| kept.text.sid == row.text.sid) {
                None => self.inbound.push(row),
                Some(kept) if kept.waits => *kept = InboundRow { at: kept.at, ..row },
                Some(_) => {}
            }
        }
        change.answer
    }
}

/// Whether this receipt is kept and joined already.
fn is_replay(kept: &ReceiptRow, n: &StatusUpdate) -> bool {
    let same = (&kept.update.sid, &kept.update.status, kept.update.code) == (&n.sid, &n.status, n.code);
    same && kept.joined.is_some() && kept.update.source == Source::Receipt
}

fn past_answer(row: &InboundRow) -> PastAnswer {
    PastAnswer {
        at: row.at,
        sender: row.text.to.clone(),
        call: row.call.clone(),
        prompt: row.prompt,
        by: row.answered_by,
    }
}

fn past_reply(row: &InboundRow) -> PastReply {
    PastReply {
        sid: row.text.sid.clone(),
        at: row.at,
        written: row.text.at,
        call: row.call.clone(),
        understood: row.understood.clone(),
        prompt: row.prompt,
        waits: row.waits,
    }
}
