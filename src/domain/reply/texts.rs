//! The texts of ours that a phone got, of whatever call, and whether a reply was written after one.
//!
//! A reply that comes by webhook was written by now; nobody says when. One that is read from the provider, from its list or by its
//! SID, has the provider's time, in whole seconds.

use std::time::Duration;

use crate::domain::alert_text::AlertText;
use crate::domain::answers::Prompt;
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use crate::domain::call::CallState;
use crate::domain::event::{InboundText, Loaded};
use crate::domain::oncall::roll_call::RollCallId;
use crate::domain::standalone_text::{StandaloneKind, StandaloneText};
use crate::domain::types::{CallId, Timestamp};

/// The provider's times have whole seconds.
const SECOND_MS: i64 = 999;
/// How far the measured offset of two clocks may be wrong, the whole seconds of both included.
pub(super) const OFFSET_SLACK: Duration = Duration::from_secs(3);
const OFFSET_SLACK_MS: i64 = 3_000;

/// What a text of ours is, for whoever answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextKind {
    /// It tells of a call.
    Notice,
    /// It says that a call needs nobody, or answers a word without asking anything.
    Statement,
    /// It asks.
    ErrorClass(Prompt),
    /// It asks whoever took a call whether that goes on.
    Question,
    /// It asks whether its reader is on call.
    RollCall,
    /// It tells of an alert, or that somebody else has not confirmed being on call.
    Alert,
}

/// One text of ours to the phone.
#[derive(Debug, Clone, Copy)]
pub(super) struct OurText<'a> {
    /// When it left, by our clock.
    pub(super) at: Timestamp,
    /// The call that it is about.
    pub(super) call: Option<&'a CallId>,
    pub(super) what: TextKind,
    /// Who sent it.
    pub(super) sender: Option<&'a str>,
    /// The provider accepted it, and it has not failed.
    pub(super) is_certain: bool,
    /// The roll call that it is of.
    pub(super) roll_call: Option<&'a RollCallId>,
    /// What it tells an owner of.
    pub(super) alert: Option<&'a AlertText>,
    times: Option<SentTimes>,
}

impl OurText<'_> {
    /// Whether it leaves open what was meant before it: our questions, and what was answered about no call.
    pub(super) fn is_aside(&self) -> bool {
        match self.what {
            TextKind::ErrorClass(_) => true,
            TextKind::Statement => self.call.is_none(),
            TextKind::Notice | TextKind::Question | TextKind::RollCall | TextKind::Alert => false,
        }
    }
}

/// When a text left, by our clock and by the provider's, as far as that is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct SentTimes {
    sent: Option<Timestamp>,
    sent_now: Option<Timestamp>,
    provider_at: Option<Timestamp>,
    provider_after: Option<Timestamp>,
}

impl SentTimes {
    pub(super) fn of(a: &Attempt) -> Self {
        Self {
            sent: a.sent_at,
            sent_now: a.sent_at_now(),
            provider_at: a.provider_at,
            provider_after: a.provider_after,
        }
    }

    pub(super) fn of_no_call(t: &StandaloneText) -> Self {
        Self { sent: t.sent_at, sent_now: t.sent_at, provider_at: t.provider_at, provider_after: t.provider_after }
    }
}

/// The texts that reached this phone or may have, newest first.
pub(super) fn texts_to<'a>(loaded: &'a Loaded, phone: &str) -> Vec<OurText<'a>> {
    let attempts = loaded.calls.iter().flat_map(|c| &c.attempts);
    let is_text = |a: &&Attempt| a.channel == Channel::Sms && a.state.may_have_arrived();
    let theirs = attempts.filter(|a| a.recipient.phone.e164() == phone).filter(is_text);
    let by_attempt = theirs.filter_map(|a| {
        let asks = loaded.answers.iter().find(|p| p.by == Some(a.id)).and_then(|p| p.prompt);
        let what = match (a.kind, asks) {
            (AttemptKind::Notice | AttemptKind::Update, _) => TextKind::Notice,
            (AttemptKind::Question, None) => TextKind::Question,
            (_, Some(prompt)) => TextKind::ErrorClass(prompt),
            (AttemptKind::StandDown | AttemptKind::Answer, None) => TextKind::Statement,
        };
        Some(OurText {
            at: a.sent_at_now()?,
            call: Some(&a.call).filter(|_| !matches!(what, TextKind::ErrorClass(_))),
            what,
            sender: a.sender.as_ref().map(crate::domain::types::Sender::as_str),
            is_certain: matches!(a.state, AttemptState::Submitted | AttemptState::Delivered),
            roll_call: None,
            alert: None,
            times: Some(SentTimes::of(a)),
        })
    });
    let by_roll_call = loaded.roll_calls.iter().flat_map(|r| r.texts.iter().map(move |t| (r, t)));
    let by_roll_call = by_roll_call.filter(|(_, t)| t.phone.e164() == phone && t.state.may_have_arrived());
    let by_roll_call = by_roll_call.filter_map(|(r, t)| {
        Some(OurText {
            at: t.sent_at?,
            call: None,
            what: if t.kind == StandaloneKind::Ask { TextKind::RollCall } else { TextKind::Alert },
            sender: t.sender.as_ref().map(crate::domain::types::Sender::as_str),
            is_certain: matches!(t.state, AttemptState::Submitted | AttemptState::Delivered),
            roll_call: Some(&r.id),
            alert: None,
            times: Some(SentTimes::of_no_call(t)),
        })
    });
    let of_alerts =
        loaded.alert_texts.iter().filter(|a| a.text.phone.e164() == phone && a.text.state.may_have_arrived());
    let by_alert = of_alerts.filter_map(|a| {
        Some(OurText {
            at: a.text.sent_at?,
            call: a.call.as_ref(),
            what: TextKind::Alert,
            sender: a.text.sender.as_ref().map(crate::domain::types::Sender::as_str),
            is_certain: matches!(a.text.state, AttemptState::Submitted | AttemptState::Delivered),
            roll_call: None,
            alert: Some(a),
            times: Some(SentTimes::of_no_call(&a.text)),
        })
    });
    let by_webhook = loaded.answers.iter().filter(|p| p.by.is_none()).map(|p| OurText {
        at: p.at,
        call: p.call.as_ref().filter(|_| p.prompt.is_none()),
        what: p.prompt.map_or(TextKind::Statement, TextKind::ErrorClass),
        sender: Some(&p.sender),
        is_certain: true,
        roll_call: None,
        alert: None,
        times: None,
    });
    let mut all: Vec<OurText<'a>> = by_attempt.chain(by_webhook).chain(by_roll_call).chain(by_alert).collect();
    all.sort_by_key(|t| std::cmp::Reverse(t.at));
    all
}

/// When a reply was written, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Now,
    /// By this moment of our clock.
    By(Timestamp),
    /// At this second of the provider's clock, and what is known of that by ours.
    Said(Timestamp, Ours),
}

/// A moment of the provider's clock by our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ours {
    /// As far as the measured offset goes.
    At(Timestamp),
    /// Nobody has measured the offset: the reply came at this moment, and was written by then.
    By(Timestamp),
}

impl When {
    pub(super) fn of(text: &InboundText, now: Timestamp) -> Self {
        match (text.at, text.waited_since) {
            (Some(at), since) => Self::Said(at, text.at_ours.map_or(Ours::By(since.unwrap_or(now)), Ours::At)),
            (None, Some(since)) => Self::By(since),
            (None, None) => Self::Now,
        }
    }

    /// Whether the reply was written after a text that left then: by the provider's own times. Where the text's is not known (its
    /// outcome is not), its intent and the reply are compared by our clock. `by_ours`: a drill compares what must not be compared.
    pub(super) fn follows(self, times: SentTimes, by_ours: bool) -> bool {
        let Some(sent) = times.sent else { return false };
        let (at, ours) = match self {
            Self::Now => return true,
            Self::By(moment) => return times.sent_now.unwrap_or(sent) <= moment,
            Self::Said(at, ours) => (at, ours),
        };
        if by_ours {
            return by_then(sent, at, SECOND_MS);
        }
        let known_after = || times.provider_after.filter(|after| !by_then(*after, at, SECOND_MS));
        match (times.provider_at.or_else(known_after), ours) {
            (Some(made), _) => by_then(made, at, SECOND_MS),
            (None, Ours::At(ours)) => by_then(times.sent_now.unwrap_or(sent), ours, OFFSET_SLACK_MS),
            (None, Ours::By(arrived)) => times.sent_now.unwrap_or(sent) <= arrived,
        }
    }

    /// Whether it was written after this text.
    pub(super) fn follows_text(self, text: &OurText<'_>, by_ours: bool) -> bool {
        match (text.times, self) {
            (Some(times), _) => self.follows(times, by_ours),
            (None, Self::Now) => true,
            (None, Self::By(moment) | Self::Said(_, Ours::By(moment))) => text.at <= moment,
            (None, Self::Said(_, Ours::At(ours))) => by_then(text.at, ours, OFFSET_SLACK_MS),
        }
    }

    /// Whether it may have been written before a text that it seems to follow: both are of one second.
    pub(super) fn may_precede(self, text: &OurText<'_>) -> bool {
        let second = |at: Timestamp| at.as_millis().div_euclid(1_000);
        let made = text.times.and_then(|t| t.provider_at);
        matches!((self, made), (Self::Said(at, _), Some(made)) if second(made) >= second(at))
    }

    /// Whether this call looked for somebody, or was held, when it was written, and left that since.
    pub(super) fn precedes_the_end_of(self, c: &CallState) -> bool {
        let ours = match self {
            Self::Now => None,
            Self::By(moment) => Some(moment),
            Self::Said(_, Ours::At(moment) | Ours::By(moment)) => Some(moment),
        };
        c.call.closed_at.zip(ours).is_some_and(|(end, written)| written < end)
    }
}

fn by_then(moment: Timestamp, at: Timestamp, slack_ms: i64) -> bool {
    moment.as_millis() <= at.as_millis().saturating_add(slack_ms)
}
