//! Finds out what became of phone calls whose answer was lost, in the provider's list of calls.
//!
//! A phone call has no text by which it could be known. One number rings another once at a time, so the one that the list has from
//! the time of the intent on, and that is no other attempt's, is it (`facts/twilio-voice.md` §7). Times are the provider's own.

use std::time::Duration;

use tracing::{debug, warn};

use crate::domain::Timestamp;
use crate::domain::event::{Event, Source, StatusUpdate};
use crate::domain::types::Actor;
use crate::failpoint::{self, Safeguard};
use crate::gateways::{GatewayError, PhoneCallFilter, PhoneCallListing, PhoneCallRecord};
use crate::store::{Searchable, StoreError};

use super::reconciler::{ProviderReach, Reconciler};
use super::{others_go_on, ringing};

/// How much older than our intent the phone call may be by the provider's clock, beside what the offset of the clocks explains.
const OLDER: Duration = Duration::from_secs(120);
/// How much younger it may be: by then the request is over, whatever became of it, and nothing was sent again yet.
const YOUNGER: Duration = Duration::from_secs(45);
/// The most phone calls that one search reads.
const LIST_MAX: usize = 200;

impl Reconciler {
    /// As [`Reconciler::search`], for phone calls from one number to another.
    pub(super) async fn search_phone_calls(
        &self,
        group: Vec<Searchable>,
        provider: ProviderReach,
    ) -> Result<ProviderReach, StoreError> {
        let core = &self.engine.core;
        let Some(first) = group.first() else { return Ok(provider) };
        let began_at = core.clock.now();
        let filter = PhoneCallFilter {
            to: first.to.e164().to_owned(),
            from: first.sender.as_str().to_owned(),
            not_before: group.iter().map(|s| self.theirs(s)).min().flatten().map(|at| at.minus(OLDER)),
            limit: LIST_MAX,
        };
        let (listing, provider) = self.read_phone_calls(&filter, provider).await;
        for s in &group {
            let found = self.find_phone_call(s, &group, &listing.phone_calls).await?;
            failpoint::hit("lost-call.before-commit");
            let event = match found {
                Some(record) => {
                    debug!(attempt.id = %s.attempt, message.sid = %record.sid, "a lost answer was found in the list of calls");
                    let update = StatusUpdate { source: Source::List, ..ringing::update(s.attempt, record.clone()) };
                    Event::StatusUpdate(update)
                }
                None => Event::Searched { attempt: s.attempt, complete: listing.complete, began_at },
            };
            let by = if found.is_some() { Actor::provider() } else { Actor::engine() };
            others_go_on(core.apply(event, by).await.map(drop))?;
            failpoint::hit("lost-call.committed");
        }
        Ok(provider)
    }

    /// When the intent was committed, by the provider's clock; `None`: how the clocks differ is not known.
    fn theirs(&self, s: &Searchable) -> Option<Timestamp> {
        self.engine.provider_offset().map(|offset| offset.to_theirs(s.sent_at))
    }

    async fn read_phone_calls(
        &self,
        filter: &PhoneCallFilter,
        provider: ProviderReach,
    ) -> (PhoneCallListing, ProviderReach) {
        let unread = PhoneCallListing { phone_calls: Vec::new(), complete: false };
        if Safeguard::LookBeforeResend.is_off() {
            return (PhoneCallListing { complete: true, ..unread }, provider);
        }
        let Some(voice) = self.engine.voice().filter(|_| provider == ProviderReach::Answers) else {
            return (unread, provider);
        };
        match voice.list(filter).await {
            Ok(listing) => (listing, ProviderReach::Answers),
            Err(GatewayError::Refused { http, code, .. }) => {
                warn!(http, ?code, "the list of calls is refused: unknown outcomes cannot be looked for");
                (unread, ProviderReach::Answers)
            }
            Err(GatewayError::Retryable { why, .. } | GatewayError::Unknown { why }) => {
                debug!(why, "the list of calls cannot be read; again later");
                (unread, ProviderReach::Away)
            }
        }
    }

    /// The phone call of this attempt, where the list has it and it is no other attempt's. One that was made nearer to the intent of
    /// another attempt is that one's.
    async fn find_phone_call<'a>(
        &self,
        s: &Searchable,
        group: &[Searchable],
        calls: &'a [PhoneCallRecord],
    ) -> Result<Option<&'a PhoneCallRecord>, StoreError> {
        let intent = self.theirs(s);
        let apart = |c: &PhoneCallRecord, of: &Searchable| {
            let (at, made) = (self.theirs(of)?, c.created_at?);
            Some(at.since(made).max(made.since(at)))
        };
        let in_time = |c: &PhoneCallRecord| match (intent, c.created_at) {
            (Some(at), Some(made)) => made >= at.minus(OLDER) && made <= at.plus(YOUNGER),
            // Any older phone call would do: nothing is taken for it.
            (Some(_), None) => false,
            // The list's own answer has told of the provider's clock, unless it has none.
            (None, _) => true,
        };
        let is_nearest = |c: &PhoneCallRecord| {
            let mine = apart(c, s);
            group.iter().filter(|o| o.attempt != s.attempt).all(|o| mine.is_none() || apart(c, o) >= mine)
        };
        let fits = |c: &&PhoneCallRecord| {
            c.direction == "outbound-api"
                && c.to == s.to.e164()
                && c.from == s.sender.as_str()
                && in_time(c)
                && is_nearest(c)
        };
        let mut all: Vec<&PhoneCallRecord> = calls.iter().filter(fits).collect();
        all.sort_by_key(|c| apart(c, s));
        for c in all {
            if self.engine.core.store.call_by_sid(&c.sid).await?.is_none() {
                return Ok(Some(c));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attempt::Channel;
    use crate::domain::types::AttemptId;
    use crate::domain::voice::status::PhoneCallStatus;
    use crate::testing::{World, fixtures, secs};

    /// A phone call to Sam whose answer was lost.
    fn intent(number: u32, sent_at: Timestamp) -> Searchable {
        Searchable {
            attempt: AttemptId::from_uuid(uuid::Uuid::from_u128(u128::from(number))),
            reference: "7K3Q".parse().expect("a reference"),
            number,
            to: fixtures::phone("sam").parse().expect("a phone"),
            sender: fixtures::VOICE_SENDER.parse().expect("a sender"),
            channel: Channel::Voice,
            sent_at,
            provider_after: None,
        }
    }

    /// One that the list shows, from our number to Sam's.
    fn placed(at: Timestamp) -> PhoneCallRecord {
        PhoneCallRecord {
            sid: format!("CA{:032x}", 7).parse().expect("a SID"),
            status: PhoneCallStatus::Queued,
            to: fixtures::phone("sam").into(),
            from: fixtures::VOICE_SENDER.into(),
            direction: "outbound-api".into(),
            created_at: Some(at),
            queue_time: None,
        }
    }

    /// A provider that has answered before: how far its clock is from ours is known.
    async fn world() -> World {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w
    }

    async fn is_found(w: &World, s: &Searchable, group: &[Searchable], call: &PhoneCallRecord) -> bool {
        let calls = std::slice::from_ref(call);
        w.process.reconciler.find_phone_call(s, group, calls).await.expect("read").is_some()
    }

    #[tokio::test]
    async fn a_phone_call_that_may_be_anothers_is_not_taken_for_it() {
        type Change = fn(&mut PhoneCallRecord);
        let all: [(&str, Change, bool); 9] = [
            ("made at its time", |_| {}, true),
            ("100 s before", |c| c.created_at = c.created_at.map(|at| at.minus(secs(100))), true),
            ("3 minutes before", |c| c.created_at = c.created_at.map(|at| at.minus(secs(180))), false),
            ("40 s after", |c| c.created_at = c.created_at.map(|at| at.plus(secs(40))), true),
            ("a minute after", |c| c.created_at = c.created_at.map(|at| at.plus(secs(60))), false),
            ("nobody knows when", |c| c.created_at = None, false),
            ("a caller's", |c| c.direction = "inbound".into(), false),
            ("to another phone", |c| c.to = fixtures::phone("ana").into(), false),
            ("from another number", |c| c.from = fixtures::SENDER.into(), false),
        ];
        let w = world().await;
        let group = [intent(1, w.now())];
        for (label, change, want) in all {
            let mut call = placed(w.now());
            change(&mut call);
            assert_eq!(is_found(&w, &group[0], &group, &call).await, want, "{label}");
        }
    }

    #[tokio::test]
    async fn a_phone_call_is_that_of_the_attempt_whose_intent_was_nearest() {
        let w = world().await;
        let group = [intent(1, w.now()), intent(2, w.now().plus(secs(60)))];
        for (made_after, whose) in [(5, 0), (40, 1), (70, 1)] {
            let call = placed(w.now().plus(secs(made_after)));
            for (n, s) in group.iter().enumerate() {
                assert_eq!(is_found(&w, s, &group, &call).await, n == whose, "{made_after} s: attempt {}", s.number);
            }
        }
    }
}
