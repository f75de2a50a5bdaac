//! A call and everything that the engine knows of it: the aggregate that one transaction loads, changes and saves.
//!
//! ```text
//! new → DISPATCHING · DEFERRED
//! DISPATCHING  → ACKNOWLEDGED · RESOLVED · CANCELLED · EXHAUSTED · DEFERRED
//! DEFERRED     → ACKNOWLEDGED · RESOLVED · CANCELLED · DISPATCHING (raised)
//! ACKNOWLEDGED → RESOLVED · CANCELLED · DISPATCHING (handed back, reopened)
//! EXHAUSTED    → ACKNOWLEDGED · RESOLVED · CANCELLED · DISPATCHING (reopened)
//! ```
//! `RESOLVED` and `CANCELLED` are final.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::attempt::{Attempt, AttemptKind, AttemptState, Channel, NoticeKey, Recipient, words};
use super::policy::Policy;
use super::settings::SettingsNumber;
use super::types::{Actor, CallId, CallRef, ContactId, Timestamp};

words! {
    CallStatus {
        /// Somebody is still to be found.
        Dispatching = "DISPATCHING",
        /// A contact took it.
        Acknowledged = "ACKNOWLEDGED",
        /// Done.
        Resolved = "RESOLVED",
        /// Withdrawn.
        Cancelled = "CANCELLED",
        /// The ladder is over and nobody took it.
        Exhausted = "EXHAUSTED",
        /// It can wait: nobody is woken, and a person sees it in the morning.
        Deferred = "DEFERRED",
    }
}

impl CallStatus {
    /// The transition table.
    pub const fn may_become(self, to: Self) -> bool {
        use CallStatus as S;
        matches!(
            (self, to),
            (S::Dispatching, S::Acknowledged | S::Resolved | S::Cancelled | S::Exhausted | S::Deferred)
                | (S::Deferred, S::Acknowledged | S::Resolved | S::Cancelled | S::Dispatching)
                | (S::Acknowledged, S::Resolved | S::Cancelled | S::Dispatching)
                | (S::Exhausted, S::Acknowledged | S::Resolved | S::Cancelled | S::Dispatching)
        )
    }

    /// Neither RESOLVED nor CANCELLED.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Resolved | Self::Cancelled)
    }
}

/// The field of a call's data that says: its address was known before the conversation, nobody said it.
pub const ADDRESS_KNOWN_BEFORE: &str = "addressKnownBefore";

/// What the caller said: kept as given, shown to people, never trusted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CallData {
    /// The customer's number as given: withheld numbers and extensions are kept, not refused.
    pub caller_phone: Option<String>,
    /// As given; see [`Call::level`] for what it runs as.
    pub emergency_level: Option<String>,
    /// What is wrong.
    pub issue_summary: Option<String>,
    /// The number that the customer dialled: picks the line.
    pub twilio_to_number: Option<String>,
    /// The customer.
    pub caller_name: Option<String>,
    /// Where to go.
    pub address: Option<String>,
    /// A contact's id or an E.164 number that replaces the first step.
    pub contact: Option<String>,
    /// A person's own words for the text, in place of the template.
    pub body: Option<String>,
    /// Fields that we do not know: kept, ignored.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl CallData {
    /// Whether its address was known before the conversation: whoever calls may have moved since.
    pub fn is_address_old(&self) -> bool {
        self.extra.contains_key(ADDRESS_KNOWN_BEFORE)
    }
}

/// Why a contact gets no further notice of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExclusionReason {
    /// Said no, or handed it back.
    Passed,
    /// Their number or address cannot be reached for good.
    Failed,
}

/// A contact who is out of this call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Out {
    pub contact: ContactId,
    pub why: ExclusionReason,
    /// By which channel alone; `None`: by all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

/// Who is told in place of the ladder's roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The one who is told.
    pub recipient: Recipient,
    /// True: in every step; false: in the first only.
    pub only: bool,
}

/// One emergency to dispatch.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The caller's own id.
    pub id: CallId,
    /// Its short code.
    pub reference: CallRef,
    pub status: CallStatus,
    /// Counts from 1; hand-back and reopen open a new one.
    pub round: u32,
    /// What it runs as: a policy's name.
    pub level: String,
    /// The ladder, copied when the call was accepted.
    pub policy: Arc<Policy>,
    /// What the caller said.
    pub data: CallData,
    /// Hash of the normalised known fields: the same id with another one is a conflict.
    pub fingerprint: String,
    /// Given in place of an id.
    pub idempotency_key: Option<String>,
    /// Replaces roles.
    pub overridden: Option<Override>,
    /// Who handed it to us.
    pub created_by: Actor,
    pub accepted_at: Timestamp,
    /// The step of this round that fires next (index in the flattened ladder); as many as it has: the last resort is next, if there
    /// is one, and one more: it was told, and exhaustion is next.
    pub next_step: u32,
    /// When the engine looks at it again. Present while DISPATCHING, and while DEFERRED until a person has seen it.
    pub wake_at: Option<Timestamp>,
    /// Its next step came due at this time and waits for the breaker of its sender; `wake_at` is then when that is looked at again.
    pub deferred_from: Option<Timestamp>,
    /// Nobody is told of it before this time: quiet hours of its level. Kept once it is past; `None`: its first notice waited for none.
    pub held_until: Option<Timestamp>,
    /// When its holder is asked whether it goes on, or has been silent for too long; only while ACKNOWLEDGED.
    pub ask_at: Option<Timestamp>,
    /// When its holder was asked what they have not answered; only while ACKNOWLEDGED.
    pub asked_at: Option<Timestamp>,
    /// The last attempt's number.
    pub attempts: u32,
    /// Who took it; present exactly while ACKNOWLEDGED, kept when resolved.
    pub holder: Option<ContactId>,
    /// Who gets no further notice.
    pub excluded: Vec<Out>,
    /// When a text of it was first accepted by the provider or its delivery proven.
    pub notified_at: Option<Timestamp>,
    /// When it left DISPATCHING last.
    pub closed_at: Option<Timestamp>,
    /// An operator stopped its follow-ups: the clock goes on, and only the last resort is told before the call is given up.
    pub muted: bool,
    /// The settings that its ladder was taken from; `None`: a process's own, or a version before there were any.
    pub settings: Option<SettingsNumber>,
}

impl Call {
    /// Whether its first step waits for a better report: nobody is told, and it is later than the ladder itself has it.
    pub fn waits_for_report(&self) -> bool {
        let first = self.accepted_at.plus(self.policy.wait_before(0));
        let is_put_off = self.deferred_from.is_some() || self.held_until.is_some();
        let untouched = self.round == 1 && self.next_step == 0 && self.attempts == 0 && !is_put_off;
        self.status == CallStatus::Dispatching && untouched && self.wake_at.is_some_and(|at| at > first)
    }

    /// Until when nobody is told of it, because of quiet hours.
    pub fn held(&self) -> Option<Timestamp> {
        let waits = self.status == CallStatus::Dispatching && self.wake_at == self.held_until;
        self.held_until.filter(|_| waits)
    }

    /// Whether this contact passed, or cannot be reached by any channel that the ladder has.
    pub fn is_out(&self, contact: &ContactId) -> bool {
        let others = [Channel::Email, Channel::Voice].into_iter().filter(|c| self.policy.has(*c));
        [Channel::Sms].into_iter().chain(others).all(|c| self.is_out_by(contact, c))
    }

    /// Whether this contact passed, or cannot be reached by this channel.
    pub fn is_out_by(&self, contact: &ContactId, channel: Channel) -> bool {
        self.excluded.iter().any(|o| &o.contact == contact && o.channel.is_none_or(|c| c == channel))
    }

    /// Whether this contact said no.
    pub fn has_passed(&self, contact: &ContactId) -> bool {
        self.excluded.iter().any(|o| &o.contact == contact && o.why == ExclusionReason::Passed)
    }

    /// Who passed gets nothing more of this call, by whatever channel. A pass replaces what failed for them before.
    pub fn exclude_passed(&mut self, contact: &ContactId) {
        if !self.has_passed(contact) {
            self.excluded.retain(|o| &o.contact != contact);
            self.excluded.push(Out { contact: contact.clone(), why: ExclusionReason::Passed, channel: None });
        }
    }

    /// Who cannot be reached by a channel may be by another.
    pub fn exclude_failed(&mut self, contact: &ContactId, channel: Channel) {
        if !self.is_out_by(contact, channel) {
            let why = ExclusionReason::Failed;
            self.excluded.push(Out { contact: contact.clone(), why, channel: Some(channel) });
        }
    }
}

/// What a person's decision about a call depends on: its round, its state, who holds it. A call never has the same twice, as every way
/// back to a state opens a new round. Delivery of its texts changes nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallVersion(String);

impl CallVersion {
    /// Of the call as it is.
    pub fn of(call: &Call) -> Self {
        let holder = call.holder.as_ref().map_or("", |h| h.as_str());
        let seen = if call.status == CallStatus::Deferred && call.wake_at.is_none() { "seen" } else { "" };
        Self(format!("{}-{}-{holder}{seen}", call.round, call.status))
    }

    /// As somebody gives it back. Nobody else's text is a version of the call that it is compared with.
    pub fn given(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A call with all its notices and attempts: what a decision sees and returns.
#[derive(Debug, Clone, PartialEq)]
pub struct CallState {
    pub call: Call,
    /// Every notice ever made of it, oldest first.
    pub notices: Vec<NoticeKey>,
    /// Every attempt, by number.
    pub attempts: Vec<Attempt>,
}

impl CallState {
    /// By what somebody was first told of it: a text that was accepted and has not failed, or a phone call that was answered with a
    /// key; [`Channel::Email`] where all that is known is that a relay took a mail. A phone that only rang told nobody.
    pub fn told_by(&self) -> Option<Channel> {
        let notices = || self.attempts.iter().filter(|a| a.kind == AttemptKind::Notice);
        let told = notices().find(|a| match a.channel {
            Channel::Sms => matches!(a.state, AttemptState::Submitted | AttemptState::Delivered),
            Channel::Voice => a.state == AttemptState::Delivered,
            Channel::Email => false,
        });
        let mailed = || notices().find(|a| a.channel == Channel::Email && a.was_taken());
        told.or_else(mailed).map(|a| a.channel)
    }

    /// Whether all that is known to have been taken of it are mails, of which nobody knows whether one was read.
    pub fn told_by_mail_alone(&self) -> bool {
        self.told_by() == Some(Channel::Email)
    }

    /// The attempt with this id.
    pub fn attempt(&self, id: super::types::AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|a| a.id == id)
    }

    /// The attempt with this id, to be changed.
    pub fn attempt_mut(&mut self, id: super::types::AttemptId) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|a| a.id == id)
    }

    /// Whether an answer of this contact can be about this call: they have not passed, and a text of it may have reached them.
    pub fn counts_answer_of(&self, contact: &ContactId) -> bool {
        let reached =
            |a: &Attempt| a.kind == AttemptKind::Notice && &a.recipient.contact == contact && a.may_have_told();
        !self.call.has_passed(contact) && (!self.call.is_out(contact) || self.attempts.iter().any(reached))
    }

    /// Whether an earlier notice to this contact by this channel was accepted or is unknown: a further one is a reminder.
    pub fn was_notified(&self, contact: &ContactId, channel: Channel, but: Option<super::types::AttemptId>) -> bool {
        self.attempts.iter().any(|a| {
            a.kind == AttemptKind::Notice
                && Some(a.id) != but
                && a.channel == channel
                && &a.recipient.contact == contact
                && (a.state.may_have_arrived() || a.sid.is_some())
        })
    }

    /// Whether a text reached this contact, or may still: an earlier notice was delivered, or accepted and has not failed.
    /// The words of the next text go by it: what is the first that they read is no reminder.
    pub fn was_reached(&self, contact: &ContactId, but: Option<super::types::AttemptId>) -> bool {
        self.attempts.iter().any(|a| {
            a.kind == AttemptKind::Notice
                && Some(a.id) != but
                && &a.recipient.contact == contact
                && match a.channel {
                    Channel::Voice => a.state == AttemptState::Delivered,
                    Channel::Sms | Channel::Email => {
                        matches!(a.state, AttemptState::Submitted | AttemptState::Delivered)
                    }
                }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_that_only_rang_told_nobody_and_a_mail_only_where_nothing_else_did() {
        use Channel::{Email, Sms, Voice};
        let of = |attempts: &[(Channel, AttemptState)]| {
            let mut state = crate::testing::fixtures::call_state("told");
            state.attempts = (1..)
                .zip(attempts)
                .map(|(n, (channel, to))| {
                    let mut a = crate::testing::fixtures::attempt("told", n);
                    (a.channel, a.state) = (*channel, *to);
                    a
                })
                .collect();
            state.told_by()
        };
        let (accepted, delivered, failed) = (AttemptState::Submitted, AttemptState::Delivered, AttemptState::Failed);
        for (attempts, by) in [
            (&[][..], None),
            (&[(Voice, accepted)], None),
            (&[(Voice, failed)], None),
            (&[(Voice, delivered)], Some(Voice)),
            (&[(Sms, failed), (Voice, accepted)], None),
            (&[(Email, accepted)], Some(Email)),
            (&[(Email, accepted), (Voice, accepted)], Some(Email)),
            (&[(Email, accepted), (Sms, failed)], Some(Email)),
            (&[(Email, accepted), (Voice, delivered)], Some(Voice)),
            (&[(Sms, accepted), (Voice, delivered)], Some(Sms)),
        ] {
            assert_eq!(of(attempts), by, "{attempts:?}");
        }
    }

    #[test]
    fn calls_move_only_as_the_table_says() {
        use CallStatus as S;
        let table: &[(S, &[S])] = &[
            (S::Dispatching, &[S::Acknowledged, S::Resolved, S::Cancelled, S::Exhausted, S::Deferred]),
            (S::Deferred, &[S::Acknowledged, S::Resolved, S::Cancelled, S::Dispatching]),
            (S::Acknowledged, &[S::Resolved, S::Cancelled, S::Dispatching]),
            (S::Exhausted, &[S::Acknowledged, S::Resolved, S::Cancelled, S::Dispatching]),
            (S::Resolved, &[]),
            (S::Cancelled, &[]),
        ];
        for (from, allowed) in table {
            for to in S::ALL {
                assert_eq!(from.may_become(*to), allowed.contains(to), "{from} → {to}");
            }
        }
    }
}
