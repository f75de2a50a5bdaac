//! What a night was like, in figures: how fast people were told, how fast somebody took it, and who did.
//!
//! *Told*: the first text of a call that was delivered, less its acceptance; a text that was sent and that nobody confirms is counted
//! apart. *Taken*: the first acknowledgement, less the acceptance. Both are of a call, whatever its rounds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use super::call::{CallStatus, ExclusionReason};
use super::night::NightCall;
use super::types::ContactId;

/// The middle and the worst of some lengths of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Of so many.
    pub count: usize,
    pub median: Duration,
    pub worst: Duration,
}

impl Spread {
    /// `None`: of nothing.
    pub fn of(mut all: Vec<Duration>) -> Option<Self> {
        all.sort_unstable();
        let (median, worst) = (all.get(all.len().saturating_sub(1) / 2)?, all.last()?);
        Some(Self { count: all.len(), median: *median, worst: *worst })
    }
}

/// What a technician had of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Share {
    pub name: String,
    /// Notices that were accepted, or may have been.
    pub notices: usize,
    /// Calls that they took.
    pub taken: usize,
    pub passed: usize,
    /// Notices that did not arrive.
    pub failed: usize,
}

/// The figures of some calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NightFigures {
    pub calls: usize,
    /// Taken at some time.
    pub taken_calls: usize,
    /// Nobody took them, and the ladder is over.
    pub exhausted: usize,
    pub told: Option<Spread>,
    /// Told by a text that its carrier does not confirm, and by no other.
    pub unconfirmed: usize,
    pub taken: Option<Spread>,
    /// By how many they took, then by name.
    pub shares: Vec<Share>,
    pub texts: usize,
    pub segments: u64,
    /// Outcomes that are still unknown.
    pub unknown: usize,
    /// Notices that arrived twice, as a repeat and its first.
    pub doubled: usize,
}

impl NightFigures {
    pub fn of(calls: &[NightCall]) -> Self {
        let attempts = || calls.iter().flat_map(|c| &c.state.attempts);
        let taken: Vec<Duration> = calls.iter().filter_map(taken_after).collect();
        let told: Vec<Duration> = calls.iter().filter_map(told_after).collect();
        let unconfirmed = calls.iter().filter(|c| told_after(c).is_none() && c.state.call.notified_at.is_some());
        let sent = |a: &&Attempt| a.channel == Channel::Sms && a.sid.is_some();
        Self {
            calls: calls.len(),
            taken_calls: taken.len(),
            exhausted: calls.iter().filter(|c| c.state.call.status == CallStatus::Exhausted).count(),
            told: Spread::of(told),
            unconfirmed: unconfirmed.count(),
            taken: Spread::of(taken),
            shares: shares(calls),
            texts: attempts().filter(sent).count(),
            segments: attempts().filter(sent).map(|a| u64::from(a.segments)).sum(),
            unknown: attempts().filter(|a| a.state == AttemptState::Unknown).count(),
            doubled: calls.iter().map(doubled).sum(),
        }
    }
}

/// How long after its acceptance a text of it was first delivered, or a phone call answered.
pub fn told_after(call: &NightCall) -> Option<Duration> {
    let delivered = |a: &&Attempt| a.kind == AttemptKind::Notice && a.state == AttemptState::Delivered;
    let first = call.state.attempts.iter().filter(delivered).filter_map(|a| a.finished_at).min()?;
    Some(first.since(call.state.call.accepted_at))
}

/// How long after its acceptance somebody took it first.
pub fn taken_after(call: &NightCall) -> Option<Duration> {
    call.taken_at.map(|at| at.since(call.state.call.accepted_at))
}

fn doubled(call: &NightCall) -> usize {
    let arrived = |a: &Attempt| matches!(a.state, AttemptState::Submitted | AttemptState::Delivered);
    let first = |a: &Attempt| a.repeats.and_then(|of| call.state.attempt(of)).is_some_and(arrived);
    call.state.attempts.iter().filter(|a| arrived(a) && first(a)).count()
}

fn shares(calls: &[NightCall]) -> Vec<Share> {
    let mut all: BTreeMap<ContactId, Share> = BTreeMap::new();
    for call in calls {
        let notices = call.state.attempts.iter().filter(|a| a.kind == AttemptKind::Notice);
        for a in notices {
            let share = all.entry(a.recipient.contact.clone()).or_default();
            share.name.clone_from(&a.recipient.name);
            share.notices += usize::from(a.state.may_have_arrived());
            share.failed += usize::from(a.state == AttemptState::Failed);
        }
        for out in call.state.call.excluded.iter().filter(|o| o.why == ExclusionReason::Passed) {
            all.entry(out.contact.clone()).or_default().passed += 1;
        }
        if let (Some(holder), true) = (&call.state.call.holder, call.taken_at.is_some()) {
            let share = all.entry(holder.clone()).or_default();
            share.taken += 1;
            if let Some(name) = call.taken_by.as_ref().filter(|_| share.name.is_empty()) {
                share.name.clone_from(name);
            }
        }
    }
    let named = |(id, share): (ContactId, Share)| match share.name.is_empty() {
        true => Share { name: id.to_string(), ..share },
        false => share,
    };
    let mut all: Vec<Share> = all.into_iter().map(named).collect();
    all.sort_by(|a, b| b.taken.cmp(&a.taken).then_with(|| a.name.cmp(&b.name)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_middle_is_the_lower_one_of_an_even_number() {
        assert_eq!(Spread::of(Vec::new()), None);
        for (all, median, worst) in
            [(vec![5], 5, 5), (vec![9, 1], 1, 9), (vec![7, 1, 3], 3, 7), (vec![4, 1, 2, 8], 2, 8)]
        {
            let spread = Spread::of(all.iter().map(|n| s(*n)).collect()).expect("some");
            assert_eq!((spread.median, spread.worst, spread.count), (s(median), s(worst), all.len()));
        }
    }

    #[test]
    fn a_night_of_two_calls_one_told_and_taken_and_one_that_nobody_took() {
        let directory = fixtures::directory();
        let mut held = fixtures::call_state("held");
        let accepted = held.call.accepted_at;
        let mut first = fixtures::attempt("held", 1);
        (first.state, first.finished_at, first.segments) = (AttemptState::Delivered, Some(accepted.plus(s(4))), 2);
        first.sid = "SM00000000000000000000000000000001".parse().ok();
        held.call.status = CallStatus::Acknowledged;
        held.call.holder = Some(first.recipient.contact.clone());
        held.attempts = vec![first.clone()];
        let mut nobody = fixtures::call_state("nobody");
        let mut failed = fixtures::attempt("nobody", 1);
        (failed.state, failed.sid) = (AttemptState::Failed, None);
        nobody.call.status = CallStatus::Exhausted;
        nobody.attempts = vec![failed];
        let mut calls = vec![NightCall::of(held, [].iter(), &directory), NightCall::of(nobody, [].iter(), &directory)];
        calls[0].taken_at = Some(accepted.plus(s(61)));
        let f = NightFigures::of(&calls);
        assert_eq!((f.calls, f.taken_calls, f.exhausted, f.texts, f.segments, f.unconfirmed), (2, 1, 1, 1, 2, 0));
        assert_eq!(f.told.map(|t| t.median), Some(s(4)));
        assert_eq!(f.taken.map(|t| t.worst), Some(s(61)));
        let share = &f.shares[0];
        assert_eq!((share.notices, share.taken, share.failed), (1, 1, 1), "{share:?}");
        assert_eq!(f.doubled, 0);
    }
}
