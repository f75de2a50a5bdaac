//! What is measured of one call: the one place that says what *told*, *taken* and *unanswered* mean. The list of a night, reports and
//! mails show it.
//!
//! Times are measured in a call's first round alone, from its acceptance.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::attempt::{Attempt, AttemptKind, AttemptState, Channel, NoticeKey};
use super::call::CallState;
use super::log::{CONTACT, LogEntry, LogKind};
use super::outgoing::HANDED_BACK;
use super::receipt::MessageStatus;
use super::team::Directory;
use super::types::{AttemptId, ContactId, Timestamp};

/// A call that nobody has taken or closed for longer was left unanswered.
pub const UNANSWERED_AFTER: Duration = Duration::from_secs(15 * 60);

/// What is known of a text that reached somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Its delivery is confirmed, or a person answered the phone by a key.
    Confirmed,
    /// Its carrier took it and confirms nothing.
    Unconfirmed,
}

/// What is measured of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// *Told*: until its first text was delivered, or was sent where nothing is confirmed. A mail tells nobody.
    pub told: Option<(Duration, Reached)>,
    /// By what.
    pub told_by: Option<Channel>,
    /// *Taken*: until somebody took it; not where it was left for the morning first.
    pub taken: Option<Duration>,
    /// When somebody took it first.
    pub taken_at: Option<Timestamp>,
    /// Until a person took or closed it.
    pub answered: Option<Duration>,
    /// Its ladder ended and nobody had taken it.
    pub is_exhausted: bool,
    /// It was left for the morning before anybody took it.
    pub is_left: bool,
    /// Its texts that the provider took, and their segments.
    pub texts: u64,
    pub segments: u64,
    /// Attempts of which it was unknown for a time whether they arrived.
    pub unknowns: u64,
    /// Texts that repeat one which arrived after all.
    pub doubles: u64,
    pub people: BTreeMap<ContactId, PersonFacts>,
}

/// What one call was for one technician, in all its rounds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonFacts {
    pub name: String,
    /// Notices of which an attempt left.
    pub notices: u64,
    /// How often they took it.
    pub taken: u64,
    /// From the first attempt at them in a round until they took it.
    pub answers: Vec<Duration>,
    /// How often they said no or handed it back.
    pub passes: u64,
    /// Attempts at them that failed.
    pub failed: u64,
}

impl CallFacts {
    /// Of a call with its log, oldest entry first.
    pub fn of(state: &CallState, log: &[&LogEntry], directory: &Directory) -> Self {
        let accepted_at = state.call.accepted_at;
        let since = |at: Timestamp| at.since(accepted_at);
        let first_round: Vec<&LogEntry> = log.iter().copied().take_while(|e| e.kind != LogKind::CallReopened).collect();
        let first = |kinds: &[LogKind]| first_round.iter().find(|e| kinds.contains(&e.kind)).map(|e| e.at);
        let taken_at = first(&[LogKind::CallAcknowledged]);
        let left_at = first(&[LogKind::CallDeferred]);
        let is_left = left_at.is_some_and(|left| taken_at.is_none_or(|taken| left <= taken));
        let of_people = [LogKind::CallAcknowledged, LogKind::CallResolved, LogKind::CallCancelled];
        let texts = || state.attempts.iter().filter(|a| a.channel == Channel::Sms && a.sid.is_some());
        let unknown: BTreeSet<AttemptId> =
            log.iter().filter(|e| e.kind == LogKind::AttemptUnknown).filter_map(|e| e.attempt).collect();
        let told = told(state, log);
        Self {
            told: told.map(|(at, how, _)| (since(at), how)),
            told_by: told.map(|(_, _, by)| by),
            taken: taken_at.filter(|_| !is_left).map(since),
            taken_at,
            answered: first(&of_people).map(since),
            is_exhausted: first(&[LogKind::CallExhausted]).is_some(),
            is_left,
            texts: count(texts()),
            segments: texts().map(|a| u64::from(a.segments)).sum(),
            unknowns: count(unknown.iter()),
            doubles: count(state.attempts.iter().filter(|a| is_double(state, a))),
            people: people(state, log, directory),
        }
    }

    /// Whether it was left unanswered: its ladder ended without anybody, or it took longer than [`UNANSWERED_AFTER`]. `None`: it is too
    /// early to say, or it was left for the morning. `age`: since it was accepted.
    pub fn is_unanswered(&self, age: Duration) -> Option<bool> {
        if self.is_left {
            return None;
        }
        match self.answered {
            _ if self.is_exhausted => Some(true),
            Some(after) => Some(after > UNANSWERED_AFTER),
            None => (age > UNANSWERED_AFTER).then_some(true),
        }
    }
}

pub(super) fn count(all: impl Iterator) -> u64 {
    u64::try_from(all.count()).unwrap_or(u64::MAX)
}

/// When the first text or phone call of the first round reached somebody, and which of them it was.
fn told(state: &CallState, log: &[&LogEntry]) -> Option<(Timestamp, Reached, Channel)> {
    let notices = || {
        let is_one = |a: &&Attempt| a.kind == AttemptKind::Notice && a.round == 1 && a.channel != Channel::Email;
        state.attempts.iter().filter(is_one)
    };
    let delivered = notices().filter(|a| a.state == AttemptState::Delivered);
    let delivered = delivered.filter_map(|a| Some((a.finished_at?, a.channel))).min_by_key(|(at, _)| *at);
    if let Some((at, by)) = delivered {
        return Some((at, Reached::Confirmed, by));
    }
    let is_sent = |a: &&Attempt| a.state == AttemptState::Submitted && a.message_status == Some(MessageStatus::Sent);
    let said_at = |a: &Attempt| {
        let says = |e: &&&LogEntry| e.attempt == Some(a.id) && e.data.get("status").is_some_and(|s| s == "sent");
        log.iter().find(says).map(|e| e.at).or(a.sent_at)
    };
    notices().filter(is_sent).filter_map(said_at).min().map(|at| (at, Reached::Unconfirmed, Channel::Sms))
}

/// Whether it repeats a text that arrived, or may have, as it did itself.
fn is_double(state: &CallState, a: &Attempt) -> bool {
    let arrived = |a: &Attempt| matches!(a.state, AttemptState::Submitted | AttemptState::Delivered);
    let repeated = a.repeats.and_then(|id| state.attempts.iter().find(|b| b.id == id));
    a.channel == Channel::Sms && arrived(a) && repeated.is_some_and(arrived)
}

fn people(state: &CallState, log: &[&LogEntry], directory: &Directory) -> BTreeMap<ContactId, PersonFacts> {
    let mut people: BTreeMap<ContactId, PersonFacts> = BTreeMap::new();
    let mut left: BTreeSet<NoticeKey> = BTreeSet::new();
    let notices = || state.attempts.iter().filter(|a| a.kind == AttemptKind::Notice);
    for a in notices() {
        let person = people.entry(a.recipient.contact.clone()).or_default();
        person.name.clone_from(&a.recipient.name);
        // What surely did not leave and was not tried again has a time at which it was tried.
        let was_given_up = matches!(a.state, AttemptState::Skipped | AttemptState::Cancelled) && a.sid.is_none();
        let has_left = a.sent_at.is_some() && !a.state.is_waiting() && !was_given_up;
        if has_left && a.notice().is_some_and(|key| left.insert(key)) {
            person.notices += 1;
        }
        person.failed += u64::from(a.state == AttemptState::Failed);
    }
    let mut holder: Option<ContactId> = None;
    let acknowledged = log.iter().filter(|e| e.kind == LogKind::CallAcknowledged).count();
    let mut seen = 0;
    for entry in log {
        let named = || entry.data.get(CONTACT).and_then(|c| c.as_str()).and_then(|c| c.parse::<ContactId>().ok());
        match entry.kind {
            LogKind::CallAcknowledged => {
                seen += 1;
                // An older version named nobody; the last of them is the call's holder.
                holder = named().or_else(|| state.call.holder.clone().filter(|_| seen == acknowledged));
                let Some(contact) = &holder else { continue };
                let theirs = || notices().filter(|a| &a.recipient.contact == contact);
                let told = || theirs().filter_map(|a| Some((a.round, a.sent_at.filter(|at| *at <= entry.at)?)));
                let round = told().map(|(round, _)| round).max();
                let asked = told().filter(|(of, _)| Some(*of) == round).map(|(_, at)| at).min();
                let person = people.entry(contact.clone()).or_default();
                person.taken += 1;
                person.answers.extend(asked.map(|at| entry.at.since(at)));
            }
            LogKind::CallReopened => {
                let handed_back = entry.data.get(HANDED_BACK).is_some();
                if let Some(contact) = holder.take().filter(|_| handed_back) {
                    people.entry(contact).or_default().passes += 1;
                }
            }
            LogKind::ContactPassed => {
                if let Some(contact) = named() {
                    people.entry(contact).or_default().passes += 1;
                }
            }
            _ => {}
        }
    }
    for (id, person) in &mut people {
        if person.name.is_empty() {
            person.name = directory.contact(id).map_or_else(|| id.to_string(), |c| c.name.clone());
        }
    }
    people
}
