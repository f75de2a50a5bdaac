//! One call, and a decision about it with all that it is shown: for rules that a whole story meets only by chance.

use std::cell::Cell;
use std::time::Duration;

use crate::domain::alert::{AlertChange, AlertKey};
use crate::domain::attempt::{Attempt, AttemptState, Channel};
use crate::domain::breaker::{Breaker, Evidence, Probe};
use crate::domain::call::CallState;
use crate::domain::change::Change;
use crate::domain::event::{Event, Loaded};
use crate::domain::policy::Policy;
use crate::domain::rules::Rules;
use crate::domain::step::step;
use crate::domain::team::Directory;
use crate::domain::types::{Actor, CallId, ContactId, Timestamp};
use crate::domain::work::{Ctx, Work};
use crate::testing::harness::{deciding, sid};
use crate::testing::{fixtures, secs};

/// See the module.
pub(super) struct OneCall {
    pub(super) state: CallState,
    pub(super) directory: Directory,
    pub(super) rules: Rules,
    /// What a decision is shown beside the call.
    pub(super) loaded: Loaded,
    pub(super) now: Timestamp,
    ids: Cell<u128>,
}

impl OneCall {
    /// A call with this ladder, accepted now, of which nobody has been told.
    pub(super) fn new(policy: Policy) -> Self {
        let mut state = fixtures::call_state("c");
        let now = state.call.accepted_at;
        (state.notices, state.attempts) = (Vec::new(), Vec::new());
        state.call.policy = policy.into();
        (state.call.next_step, state.call.attempts, state.call.wake_at) = (0, 0, Some(now));
        let (directory, rules) = (fixtures::directory(), fixtures::rules());
        Self { state, directory, rules, loaded: Loaded::default(), now, ids: Cell::new(1_000) }
    }

    /// A notice of this step to this contact, made when the call was accepted, and sent then where it has left.
    pub(super) fn notice(&mut self, step: u32, who: &str, state: AttemptState) -> &mut Attempt {
        let known = self.directory.contacts.iter().find(|c| c.id.as_str() == who);
        let recipient = known.expect("a contact").recipient();
        let number = self.state.call.attempts + 1;
        self.state.call.attempts = number;
        let mut a = fixtures::attempt("c", number);
        (a.round, a.step, a.recipient, a.state) = (self.state.call.round, step, recipient, state);
        if state.may_have_arrived() || state == AttemptState::Failed {
            (a.sender, a.sent_at) = (fixtures::SENDER.parse().ok(), Some(a.created_at));
        }
        a.claimed_by = (state == AttemptState::Sending).then(|| "e".to_owned());
        a.sid = matches!(state, AttemptState::Submitted | AttemptState::Delivered).then(|| sid(number));
        a.finished_at = state.is_final().then_some(a.created_at);
        let key = a.notice().expect("a notice");
        if !self.state.notices.contains(&key) {
            self.state.notices.push(key);
        }
        self.state.attempts.push(a);
        self.state.attempts.last_mut().expect("just made")
    }

    /// The same by this channel; a mail has no message.
    pub(super) fn notice_by(&mut self, channel: Channel, step: u32, who: &str, state: AttemptState) -> &mut Attempt {
        let a = self.notice(step, who, state);
        (a.channel, a.recipient.channel) = (channel, channel);
        if channel == Channel::Email {
            a.sid = None;
        }
        a
    }

    pub(super) fn id(&self) -> CallId {
        self.state.call.id.clone()
    }

    pub(super) fn attempt(&self, number: u32) -> &Attempt {
        self.state.attempts.iter().find(|a| a.number == number).expect("an attempt")
    }

    /// Whom the attempts behind this number go to, by name.
    pub(super) fn told_after(&self, number: u32) -> Vec<&str> {
        let later = self.state.attempts.iter().filter(|a| a.number > number);
        let mut who: Vec<&str> = later.map(|a| a.recipient.contact.as_str()).collect();
        who.sort_unstable();
        who
    }

    fn with<T>(&self, decide: impl FnOnce(&Ctx<'_>) -> T) -> T {
        deciding((self.now, &self.directory, &self.rules), &self.ids, Actor::engine(), decide)
    }

    /// A part of a decision about the call as it is; nothing of it is kept.
    pub(super) fn work<T>(&self, decide: impl FnOnce(&mut Work<'_>) -> T) -> T {
        self.with(|ctx| {
            let mut w = Work::new(ctx, &self.loaded, self.state.clone());
            decide(&mut w)
        })
    }

    /// Decides, and keeps the call as it is then.
    pub(super) fn apply(&mut self, event: &Event) -> Change {
        let loaded = Loaded { calls: vec![self.state.clone()], ..self.loaded.clone() };
        let change = self.with(|ctx| step(&loaded, event, ctx)).expect("a decision");
        if let Some(state) = change.calls.first() {
            self.state = state.clone();
        }
        change
    }

    /// The engine looks at the call.
    pub(super) fn wake(&mut self) -> Change {
        let call = self.id();
        self.apply(&Event::Wake { call })
    }
}

pub(super) fn contact(who: &str) -> ContactId {
    who.parse().expect("a contact's id")
}

/// A ladder that tells the primary by each of these channels, each so many seconds after the one before.
pub(super) fn ladder_by(steps: &[(Channel, u64)]) -> Policy {
    const PRIMARY: &[&str] = &["primary"];
    let waits: Vec<(Duration, &[&str])> = steps.iter().map(|(_, wait)| (secs(*wait), PRIMARY)).collect();
    let mut policy = fixtures::policy("by-channels", &waits);
    for (step, (channel, _)) in policy.steps.iter_mut().zip(steps) {
        step.channel = *channel;
    }
    policy
}

/// An open breaker; a notice may go as its probe from `probe_at` on.
pub(super) fn open_breaker(sender: &str, opened_at: Timestamp, probe_at: Timestamp) -> Breaker {
    Breaker {
        sender: sender.to_owned(),
        opened_at,
        closed_at: None,
        evidence: Evidence::Answer,
        probe: Probe::Notice,
        code: None,
        why: "refused".to_owned(),
        probe_at,
        probes: 0,
    }
}

/// The alerts that are raised, with their words.
pub(super) fn raised(alerts: &[AlertChange]) -> Vec<(AlertKey, String)> {
    let mut found = Vec::new();
    for alert in alerts {
        if let AlertChange::Raise { key, message, .. } = alert {
            found.push((key.clone(), message.clone()));
        }
    }
    found
}
