//! All phone calls, and those that go on.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;

use super::call::{CallLine, PhoneStatus, VoiceCall};
use super::script::ScriptedKey;
use crate::domain::Timestamp;

/// What the account or the person at the phone has done to a call that goes on.
#[derive(Debug, Clone)]
pub(super) enum CallOrder {
    /// Go on with this TwiML.
    Twiml(String),
    /// Go on with what this URL answers.
    Url(String),
    /// Whoever picked up presses a key.
    Key(ScriptedKey),
    /// Whoever picked up hangs up.
    HangUp,
}

/// A call that goes on: woken by what is done to it.
#[derive(Default)]
pub(super) struct LiveCall {
    pub(super) changed: Arc<Notify>,
    pub(super) orders: Vec<CallOrder>,
}

/// All calls, in the order in which they were accepted.
#[derive(Default)]
pub(in crate::sandbox) struct VoiceCalls {
    list: Vec<VoiceCall>,
    by_sid: HashMap<String, usize>,
    pub(super) live: HashMap<String, LiveCall>,
    /// Calls that were dialled, by phone.
    pub(super) dialled: HashMap<String, u32>,
    /// When the next call leaves the queue.
    pub(super) next_slot: Option<Timestamp>,
}

impl VoiceCalls {
    /// Adds one; its SID is new.
    pub(in crate::sandbox) fn add(&mut self, call: VoiceCall) {
        self.by_sid.insert(call.sid.clone(), self.list.len());
        self.list.push(call);
    }

    pub(in crate::sandbox) fn get(&self, sid: &str) -> Option<&VoiceCall> {
        self.by_sid.get(sid).and_then(|i| self.list.get(*i))
    }

    /// Takes a line of the ledger into its call.
    pub(in crate::sandbox) fn take(&mut self, line: &CallLine) {
        if let Some(call) = self.by_sid.get(line.sid()).and_then(|i| self.list.get_mut(*i)) {
            call.take(line);
            let over = call.status.is_final().then(|| self.live.remove(line.sid())).flatten();
            if let Some(live) = over {
                live.changed.notify_one();
            }
        }
    }

    /// After the ledger was read: how often each phone was called.
    pub(in crate::sandbox) fn count_dialled(&mut self) {
        for call in self.list.iter().filter(|c| c.initiated.is_some()) {
            *self.dialled.entry(call.to.clone()).or_default() += 1;
        }
    }

    /// How long a call that comes now waits in the account's queue, in milliseconds; its place is taken.
    pub(super) fn queued_for(&mut self, now: Timestamp, per_second: u32) -> u64 {
        if per_second == 0 {
            return 0;
        }
        let slot = self.next_slot.filter(|at| *at > now).unwrap_or(now);
        self.next_slot = Some(slot.plus(std::time::Duration::from_millis(1_000 / u64::from(per_second))));
        u64::try_from(slot.since(now).as_millis()).unwrap_or(u64::MAX)
    }

    /// The newest call that this phone is in, picked up and not over.
    pub(super) fn talking_to(&self, phone: &str) -> Option<&VoiceCall> {
        self.list.iter().rev().find(|c| c.to == phone && c.status == PhoneStatus::InProgress)
    }

    /// Whether another call than this one rings this phone, or is in progress with it.
    pub(super) fn is_engaged(&self, phone: &str, but: &str) -> bool {
        let rings = |c: &&VoiceCall| matches!(c.status, PhoneStatus::Ringing | PhoneStatus::InProgress);
        self.list.iter().rev().filter(rings).any(|c| c.to == phone && c.sid != but)
    }

    /// A list that was answered at this moment had it, or left it out because it lags.
    pub(super) fn note_listed(&mut self, sid: &str, at: Timestamp, had_it: bool) {
        if let Some(call) = self.by_sid.get(sid).and_then(|i| self.list.get_mut(*i)) {
            if had_it {
                call.listed = call.listed.or(Some(at));
            } else {
                call.hidden = Some(at);
            }
        }
    }

    /// SIDs of the calls that have not ended.
    pub(super) fn under_way(&self) -> Vec<String> {
        self.list.iter().filter(|c| !c.status.is_final()).map(|c| c.sid.clone()).collect()
    }

    /// All, oldest first.
    pub(in crate::sandbox) fn iter(&self) -> impl DoubleEndedIterator<Item = &VoiceCall> {
        self.list.iter()
    }

    /// Does something to a call that goes on.
    pub(super) fn order(&mut self, sid: &str, order: CallOrder) {
        let live = self.live.entry(sid.to_owned()).or_default();
        live.orders.push(order);
        live.changed.notify_one();
    }

    /// What was done to it since the last look.
    pub(super) fn orders(&mut self, sid: &str) -> Vec<CallOrder> {
        self.live.get_mut(sid).map(|l| std::mem::take(&mut l.orders)).unwrap_or_default()
    }
}
