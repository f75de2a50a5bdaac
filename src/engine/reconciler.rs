//! Finds out what became of sends whose answer was lost: looks for their reference in the provider's list.
//!
//! A message that is found is news like any other. One that is not is the policy's to decide, in the domain; the search goes
//! on after it, more rarely. Searching sends nothing, so a crash in the middle costs a search.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use crate::domain::Timestamp;
use crate::domain::attempt::{Attempt, AttemptState, Channel};
use crate::domain::body::contains_reference;
use crate::domain::codes::classify;
use crate::domain::event::{Event, Source, StatusUpdate};
use crate::domain::types::{Actor, CallId};
use crate::failpoint::{self, Safeguard};
use crate::gateways::{GatewayError, ListFilter, Listing, MessageRecord};
use crate::store::{Searchable, StoreError};

use super::clocks::{Step, step_between};
use super::{Engine, Scope, others_go_on};

/// Unknown outcomes looked for in one pass.
const BATCH: usize = 64;
/// Messages of one provider are made by many machines, whose clocks differ by less than this.
const MARGIN: Duration = Duration::from_secs(3_600);
/// A reference rests for 30 days: what is older is another call's. Counted by the provider's own clock, with a day to spare.
const REFERENCE_RESTS: Duration = Duration::from_secs(31 * 24 * 3_600);
/// In a drill that compares the provider's times with ours, how much older than our intent a message may be.
const DRILL_MARGIN: Duration = Duration::from_secs(120);
/// The most messages that one search reads.
const LIST_MAX: usize = 2_000;

/// Whether the provider can be asked at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProviderReach {
    Answers,
    Away,
}

/// The searching side of an engine.
pub struct Reconciler {
    pub(super) engine: Arc<Engine>,
}

impl Reconciler {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Looks for what is to be looked for now; returns when the next search is. One list a recipient and sender serves all of
    /// their unknown outcomes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pass(&self) -> Result<Option<Timestamp>, StoreError> {
        let core = &self.engine.core;
        let now = core.clock.now();
        let due = match &self.engine.scope {
            Scope::All => core.store.searchable(now, BATCH).await?,
            Scope::Only(call) => {
                self.of_call(call).await?.into_iter().filter(|(at, _)| *at <= now).map(|(_, s)| s).collect()
            }
        };
        let full = due.len() >= BATCH;
        let mut groups: BTreeMap<(Channel, String, String), Vec<Searchable>> = BTreeMap::new();
        for s in due {
            groups.entry((s.channel, s.to.e164().to_owned(), s.sender.as_str().to_owned())).or_default().push(s);
        }
        let mut provider = ProviderReach::Answers;
        for ((channel, ..), group) in groups {
            provider = match channel {
                Channel::Voice => self.search_phone_calls(group, provider).await?,
                Channel::Sms | Channel::Email => self.search(group, provider).await?,
            };
        }
        match &self.engine.scope {
            Scope::All if full => Ok(Some(now)),
            Scope::All => core.store.next_search(now).await,
            Scope::Only(call) => Ok(self.of_call(call).await?.into_iter().map(|(at, _)| at).min()),
        }
    }

    /// The unknown outcomes of one call, and when each is searched for: however many others wait, they are another engine's.
    async fn of_call(&self, call: &CallId) -> Result<Vec<(Timestamp, Searchable)>, StoreError> {
        let Some(state) = self.engine.core.store.call(call).await? else { return Ok(Vec::new()) };
        let wanted = |a: &&Attempt| a.state == AttemptState::Unknown && a.sid.is_none();
        let one = |a: &Attempt| {
            let search = Searchable {
                attempt: a.id,
                reference: state.call.reference.clone(),
                number: a.number,
                to: a.recipient.phone.clone(),
                sender: a.sender.clone()?,
                channel: a.channel,
                sent_at: a.sent_at?,
                provider_after: a.provider_after,
            };
            Some((a.poll_at?, search))
        };
        Ok(state.attempts.iter().filter(wanted).filter_map(one).collect())
    }

    /// Where the provider is away, the rest of the pass is not asked for: each question could last a whole timeout, and the
    /// policy's time must not be slept through for all of them.
    async fn search(&self, group: Vec<Searchable>, provider: ProviderReach) -> Result<ProviderReach, StoreError> {
        let core = &self.engine.core;
        let Some(first) = group.first() else { return Ok(provider) };
        let began_at = core.clock.now();
        let booted_at = core.clock.boot();
        let filter = ListFilter {
            to: Some(first.to.e164().to_owned()),
            // With a messaging service the number is chosen later, and is not ours to know.
            from: (!first.sender.is_service()).then(|| first.sender.as_str().to_owned()),
            not_before: self.oldest(&group),
            limit: LIST_MAX,
        };
        let (listing, provider) = self.read(&filter, provider).await;
        let stood = step_between((began_at, core.clock.now()), (booted_at, core.clock.boot()));
        for s in group {
            let found = self.find(&s, &listing.messages).await?;
            failpoint::hit("search.before-commit");
            match found {
                Some(found) => self.found(&s, found).await?,
                // The clock was stepped meanwhile: how long this one has been out is known when the step is.
                None if stood != Step::None => {}
                None => {
                    let event = Event::Searched { attempt: s.attempt, complete: listing.complete, began_at };
                    others_go_on(core.apply(event, Actor::engine()).await.map(drop))?;
                }
            }
            failpoint::hit("search.committed");
        }
        Ok(provider)
    }

    /// How far back these are looked for, by the provider's own clock: to the newest moment of it that was known before the
    /// first of them left, else as long as a reference rests.
    fn oldest(&self, group: &[Searchable]) -> Option<Timestamp> {
        if Safeguard::ProviderTimes.is_off() {
            return group.iter().map(|s| s.sent_at.minus(DRILL_MARGIN)).min();
        }
        let known: Option<Vec<Timestamp>> = group.iter().map(|s| s.provider_after).collect();
        if let Some(first) = known.and_then(|all| all.into_iter().min()) {
            return Some(first.minus(MARGIN));
        }
        let clock = self.engine.sms.clock();
        let theirs = clock.offset.map(|o| o.to_theirs(self.engine.core.clock.now())).or(clock.newest_message)?;
        Some(theirs.minus(REFERENCE_RESTS))
    }

    async fn read(&self, filter: &ListFilter, provider: ProviderReach) -> (Listing, ProviderReach) {
        let unread = Listing { messages: Vec::new(), complete: false };
        if Safeguard::LookBeforeResend.is_off() {
            return (Listing { complete: true, ..unread }, provider);
        }
        if provider == ProviderReach::Away {
            return (unread, provider);
        }
        match self.engine.sms.list(filter).await {
            Ok(listing) => (listing, ProviderReach::Answers),
            Err(GatewayError::Refused { http, code, .. }) => {
                warn!(http, ?code, "the provider's list is refused: unknown outcomes cannot be looked for");
                (unread, ProviderReach::Answers)
            }
            Err(GatewayError::Retryable { why, .. } | GatewayError::Unknown { why }) => {
                debug!(why, "the provider's list cannot be read; again later");
                (unread, ProviderReach::Away)
            }
        }
    }

    /// The message of this attempt, where the list has it: to the same number, by the same sender, with
    /// the attempt's own reference as a whole token, and not known as another attempt's.
    async fn find<'a>(
        &self,
        s: &Searchable,
        messages: &'a [MessageRecord],
    ) -> Result<Option<&'a MessageRecord>, StoreError> {
        let reference = s.reference.attempt(s.number);
        let since = Safeguard::ProviderTimes.is_off().then(|| s.sent_at.minus(DRILL_MARGIN));
        for m in messages {
            let by_sender =
                m.service.as_deref() == Some(s.sender.as_str()) || m.from.as_deref() == Some(s.sender.as_str());
            let fits = m.direction == "outbound-api"
                && m.to == s.to.e164()
                && by_sender
                && since.is_none_or(|since| m.created_at.is_none_or(|at| at >= since))
                && contains_reference(&m.body.0, &reference);
            if fits && self.engine.core.store.call_by_sid(&m.sid).await?.is_none() {
                return Ok(Some(m));
            }
        }
        Ok(None)
    }

    async fn found(&self, s: &Searchable, m: &MessageRecord) -> Result<(), StoreError> {
        debug!(attempt.id = %s.attempt, message.sid = %m.sid, "a lost answer was found in the provider's list");
        let update = StatusUpdate {
            attempt: Some(s.attempt),
            sid: m.sid.clone(),
            status: m.status.clone(),
            code: m.error_code,
            error_class: classify(m.error_code),
            source: Source::List,
            provider_at: m.created_at,
        };
        others_go_on(self.engine.core.apply(Event::StatusUpdate(update), Actor::provider()).await.map(drop))
    }
}
