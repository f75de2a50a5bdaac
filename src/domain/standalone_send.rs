//! What happens to a text that belongs to no call: it is claimed, sent, answered, reported on, and looked for.
//!
//! Here is what all such texts share; what follows of it is decided by the owner of the text.

use std::time::Duration;

use super::attempt::{AttemptEvent, AttemptKind, AttemptState, Channel, Move, Priority};
use super::body;
use super::breaker::{self, Evidence, Route, RouteQuery};
use super::change::Change;
use super::codes::{self, Class, ErrorClass};
use super::event::{Loaded, StatusUpdate};
use super::outcome::SendOutcome;
use super::receipt::MessageStatus;
use super::standalone_text::{StandaloneText, StandaloneToSend};
use super::trip::{self, SenderFailure};
use super::types::{AttemptId, ErrorCode, MessageSid, Sender, Timestamp};
use super::work::{Ctx, Illegal};

/// How long after its POST an outcome is still looked for, and a message is asked about.
pub const LOOKED_FOR: Duration = Duration::from_secs(24 * 3_600);
/// The first search for an unknown outcome is so long after the POST, and each pause doubles.
const SEARCH_FIRST: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// Where no sender is configured it is looked at again so soon.
const NO_SENDER_PAUSE: Duration = Duration::from_secs(30);

/// Who claims a text, and with what.
pub struct Claim<'a> {
    pub engine: &'a str,
    pub provider_after: Option<Timestamp>,
    pub sender: Sender,
    pub body: String,
}

/// What became of a text by an answer, a receipt or a find, for whoever it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing that anybody must hear of.
    Nothing,
    /// It is known to be with the provider from now on.
    Accepted,
    /// It did not arrive.
    Failed { class: ErrorClass, evidence: Evidence },
    /// Nobody knows whether it was sent.
    Unknown,
}

/// What the provider says of a message.
type Said<'a> = (&'a MessageSid, &'a MessageStatus, Option<ErrorCode>, Option<Timestamp>);

impl StandaloneText {
    /// Applies an event of an attempt; whether it moved.
    fn moved(&mut self, event: AttemptEvent) -> Result<bool, Illegal> {
        match self.state.on(event)? {
            Move::To(to) => {
                self.state = to;
                if to != AttemptState::Sending {
                    self.claimed_by = None;
                }
                if to.is_final() {
                    self.poll_at = None;
                }
                Ok(true)
            }
            Move::Stale | Move::Conflict => Ok(false),
        }
    }

    /// Writes the intent.
    ///
    /// # Errors
    /// [`Illegal`]: our own state machine is broken.
    pub fn claim(&mut self, claim: Claim<'_>, now: Timestamp) -> Result<StandaloneToSend, Illegal> {
        self.moved(AttemptEvent::SendStarted)?;
        (self.segments, self.body) = (body::segments(&claim.body), claim.body);
        self.claimed_by = Some(claim.engine.to_owned());
        (self.sent_at, self.provider_after, self.provider_at) = (Some(now), claim.provider_after, None);
        self.sender = Some(claim.sender.clone());
        Ok(StandaloneToSend { text: self.clone(), sender: claim.sender })
    }

    /// What became of its POST.
    ///
    /// # Errors
    /// [`Illegal`]: our own state machine is broken.
    pub fn sent(&mut self, outcome: &SendOutcome, ctx: &Ctx<'_>) -> Result<Consequence, Illegal> {
        match outcome {
            SendOutcome::Accepted { sid, status, code, provider_at, .. } => {
                self.apply((sid, status, *code, *provider_at), ctx)
            }
            SendOutcome::Refused { code, why, error_class } => {
                // An answer that comes behind the evidence that settled the text says nothing new of it.
                if !self.moved(AttemptEvent::Refused)? {
                    return Ok(Consequence::Nothing);
                }
                (self.error_code, self.result) = (*code, why.clone());
                Ok(Consequence::Failed { class: *error_class, evidence: Evidence::Answer })
            }
            SendOutcome::BadCallback | SendOutcome::BadUrl => {
                if self.moved(AttemptEvent::SurelyNotSent)? {
                    self.callback = false;
                    (self.tries, self.not_before) = (self.tries.saturating_add(1), ctx.now);
                }
                Ok(Consequence::Nothing)
            }
            SendOutcome::NotSent { why, again_at } => {
                if self.moved(AttemptEvent::SurelyNotSent)? {
                    (self.tries, self.not_before, self.result) = (self.tries.saturating_add(1), *again_at, why.clone());
                }
                Ok(Consequence::Nothing)
            }
            SendOutcome::Relayed { .. } => Ok(Consequence::Nothing),
            SendOutcome::Unknown { why } => self.uncertain(why, ctx.now),
        }
    }

    /// The engine that had claimed it is gone: sent or not, nobody knows.
    ///
    /// # Errors
    /// [`Illegal`]: our own state machine is broken.
    pub fn engine_gone(&mut self, now: Timestamp) -> Result<Consequence, Illegal> {
        if self.state != AttemptState::Sending {
            return Ok(Consequence::Nothing);
        }
        self.uncertain("the engine ended while it was sent", now)
    }

    fn uncertain(&mut self, why: &str, now: Timestamp) -> Result<Consequence, Illegal> {
        if !self.moved(AttemptEvent::OutcomeUnknown)? {
            return Ok(Consequence::Nothing);
        }
        why.clone_into(&mut self.result);
        (self.poll_at, self.polls) = (Some(now.plus(SEARCH_FIRST)), 0);
        Ok(Consequence::Unknown)
    }

    /// The provider was asked about it, or its list was searched for it, in vain: when that is done again. Whether anything changed.
    pub fn asked_in_vain(&mut self, ctx: &Ctx<'_>) -> bool {
        if self.poll_at.is_none() {
            return false;
        }
        let first = ctx.rules.poll_after.min(PAUSE_MAX);
        self.polls = self.polls.saturating_add(1);
        let base = if self.state == AttemptState::Unknown { SEARCH_FIRST } else { first };
        let pause = base.saturating_mul(1_u32 << self.polls.min(11)).min(PAUSE_MAX);
        let is_over = self.sent_at.is_none_or(|sent| ctx.now.since(sent) > LOOKED_FOR);
        self.poll_at = (!is_over && !self.state.is_final()).then(|| ctx.now.plus(pause));
        true
    }

    /// The provider reported on its message.
    ///
    /// # Errors
    /// [`Illegal`]: our own state machine is broken.
    pub fn updated(&mut self, update: &StatusUpdate, ctx: &Ctx<'_>) -> Result<Consequence, Illegal> {
        self.apply((&update.sid, &update.status, update.code, update.provider_at), ctx)
    }

    /// One rule for answers, receipts, polls and finds: nothing moves a status back, and a second message of one text moves nothing.
    fn apply(&mut self, said: Said<'_>, ctx: &Ctx<'_>) -> Result<Consequence, Illegal> {
        let (sid, status, code, provider_at) = said;
        if self.sid.as_ref().is_some_and(|known| known != sid) {
            return Ok(Consequence::Nothing);
        }
        let was_unknown = self.sid.is_none();
        if was_unknown {
            self.sid = Some(sid.clone());
            (self.poll_at, self.polls) = (Some(ctx.now.plus(ctx.rules.poll_after)), 0);
        }
        self.provider_at = self.provider_at.or(provider_at);
        let old = self.message_status.as_ref().and_then(MessageStatus::rank);
        if status.rank().is_some_and(|new| old.is_none_or(|old| new > old)) {
            self.message_status = Some(status.clone());
        }
        let event = status.verdict().map_or(AttemptEvent::ProviderHasIt, AttemptEvent::ProviderSaid);
        if self.moved(event)? && self.state == AttemptState::Failed {
            self.error_code = code;
            let name = code.map(codes::name_of).unwrap_or_default();
            self.result =
                if name.is_empty() { format!("the message is {status}") } else { format!("{status}: {name}") };
            return Ok(Consequence::Failed { class: codes::classify(code), evidence: Evidence::Receipt });
        }
        let is_accepted = was_unknown && self.state != AttemptState::Failed;
        Ok(if is_accepted { Consequence::Accepted } else { Consequence::Nothing })
    }

    /// Whether its reader takes no texts of this sender, or of any.
    pub fn is_opted_out(&self, loaded: &Loaded, sender: Option<&Sender>) -> bool {
        let sender = sender.map(Sender::as_str);
        let takes_none =
            |(p, s): &(String, String)| *p == self.phone.e164() && (s.is_empty() || Some(s.as_str()) == sender);
        loaded.opted_out.iter().any(takes_none)
    }

    /// A failure that is its sender's or the account's opens the breaker, as that of a notice does. `what`: the text, for a sentence.
    pub fn trips(
        &self,
        loaded: &Loaded,
        what: &str,
        (asks, evidence): (ErrorClass, Evidence),
        now: Timestamp,
        change: &mut Change,
    ) {
        if !matches!(asks.class, Class::Sender | Class::Account) {
            return;
        }
        let failure = SenderFailure {
            key: trip::key_by(Channel::Sms, self.sender.as_ref(), asks.class),
            code: self.error_code,
            sent_at: self.sent_at.unwrap_or(self.created_at),
            asks,
            evidence,
            text: &format!("{what} failed: {}", self.result),
        };
        trip::open_beside(loaded, &failure, now, change);
    }
}

/// Who can send it now; else when to look again, and why not now. What is no notice probes nothing: an open breaker holds it.
///
/// # Errors
/// Until when it waits, and for what.
pub fn route(loaded: &Loaded, senders: &[&Sender], now: Timestamp) -> Result<Sender, (Timestamp, &'static str)> {
    let query = RouteQuery { kind: AttemptKind::Answer, priority: Priority::StandDown, channel: Channel::Sms };
    match breaker::route(&loaded.breakers, senders, query, now) {
        Some(Route::Send { sender, .. }) => Ok(sender),
        Some(Route::Hold { until }) => Err((until.max(now.plus(Duration::from_secs(1))), NO_SENDER_WORKS)),
        None => Err((now.plus(NO_SENDER_PAUSE), NO_SENDER)),
    }
}

/// The breaker of each sender is open.
pub const NO_SENDER_WORKS: &str = "no sender works";
/// Nothing is configured that texts are sent from.
pub const NO_SENDER: &str = "no sender is configured";

/// The text of these that a report is about: the one that it names, else that of its message.
pub fn reported<'a>(
    texts: impl Iterator<Item = &'a StandaloneText> + Clone,
    update: &StatusUpdate,
) -> Option<AttemptId> {
    let named = update.attempt.and_then(|id| texts.clone().find(|t| t.id == id));
    let mut texts = texts;
    named.or_else(|| texts.find(|t| t.sid.as_ref() == Some(&update.sid))).map(|t| t.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::standalone_text::{Reader, StandaloneKind};
    use crate::domain::types::Actor;
    use crate::testing::fixtures;

    fn text() -> StandaloneText {
        let directory = fixtures::directory();
        let olga = directory.contact(&"olga".parse().expect("id")).expect("a contact");
        let id = AttemptId::from_uuid(uuid::Uuid::from_u128(1));
        StandaloneText::new(id, 1, StandaloneKind::Alert, Reader::of(olga), Timestamp::default())
    }

    #[test]
    fn an_answer_behind_the_evidence_that_settled_a_text_changes_nothing() {
        let (directory, rules) = (fixtures::directory(), fixtures::rules());
        let ctx = Ctx {
            now: Timestamp::from_millis(9_000),
            directory: &directory,
            rules: &rules,
            new_id: &|| AttemptId::from_uuid(uuid::Uuid::from_u128(2)),
            link: &|_| None,
            actor: Actor("engine".into()),
        };
        let late = [
            SendOutcome::Refused {
                code: Some(ErrorCode(21_211)),
                why: "late".into(),
                error_class: codes::classify(Some(ErrorCode(21_211))),
            },
            SendOutcome::NotSent { why: "late".into(), again_at: Timestamp::from_millis(99_000) },
            SendOutcome::BadCallback,
            SendOutcome::Unknown { why: "late".into() },
        ];
        for outcome in late {
            let mut settled = text();
            let claim = Claim {
                engine: "engine-1",
                provider_after: None,
                sender: fixtures::SENDER.parse().expect("a sender"),
                body: "9XQT-01 ALERT: x".into(),
            };
            settled.claim(claim, Timestamp::from_millis(1_000)).expect("it waits");
            settled.state = AttemptState::Delivered;
            settled.claimed_by = None;
            let before = settled.clone();
            assert_eq!(settled.sent(&outcome, &ctx), Ok(Consequence::Nothing), "{outcome:?}");
            assert_eq!(settled, before, "{outcome:?}");
        }
    }
}
