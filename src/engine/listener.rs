//! Hears replies that the webhook missed: reads the provider's list of inbound messages from those who were told.
//!
//! Webhooks come first; the list is read first thing after a start, and again while a call is open. Those told last are read in
//! every pass, the others in turns, so that nobody is left out and a pass is bounded. All of a turn is read before any of it is
//! applied, and in the order in which it was said: who was read first has not answered first. A text that was heard before is
//! recognised by its SID with a read, so reading costs requests and nothing else.
//!
//! Whose call left DISPATCHING a day before everybody was last read is let go; that moment is durable, so that nothing that was
//! said while no engine ran is missed, however long that was.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{debug, warn};

use crate::domain::Timestamp;
use crate::domain::event::{Event, InboundText};
use crate::domain::phone::masked;
use crate::domain::types::{Actor, MessageSid};
use crate::failpoint::Safeguard;
use crate::gateways::{GatewayError, ListFilter, MessageRecord};
use crate::store::{Listened, ListenedPlace, StoreError};

use super::{Engine, Scope};

/// People asked about in one turn; a pass takes two turns: a bound on requests.
const PEOPLE_MAX: usize = 25;
/// Messages of one person read at once.
const LIST_MAX: usize = 200;
/// The provider's times have whole seconds.
const MARGIN: Duration = Duration::from_secs(2);
/// How long somebody whose call was taken, or is over without anybody, is still listened to.
const LET_GO_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// How often it is kept that everybody was read.
const KEEP_EVERY: Duration = Duration::from_secs(600);
/// Where only our own time of a text is known: our clock may have been stepped since.
const OFFSET_MARGIN: Duration = Duration::from_secs(3_600);
/// How soon it is looked again whether what the store lost is found out; the end of that rings.
const HELD_LOOK: Duration = Duration::from_secs(5);
/// How often the list is read while a call is open and replies come by webhook.
pub const EVERY_WITH_WEBHOOK: Duration = Duration::from_secs(60);
/// Where they do not.
pub const EVERY_WITHOUT: Duration = Duration::from_secs(15);

/// The hearing side of an engine.
pub struct Listener {
    engine: Arc<Engine>,
    rest: Mutex<ReadPause>,
}

/// Where the turns of those who are not read in every pass have come to.
#[derive(Debug, Default)]
struct ReadPause {
    after: Option<ListenedPlace>,
    /// When the round began that `after` is a place of; `None`: the next turn begins one.
    began: Option<Timestamp>,
}

impl Listener {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, rest: Mutex::default() }
    }

    /// Reads what those wrote whose replies count; returns when to read again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pass(&self) -> Result<Option<Timestamp>, StoreError> {
        let core = &self.engine.core;
        if self.engine.history.is_in_doubt() {
            // What people wrote is heard in its place among what was lost, and then again here.
            return Ok(Some(core.clock.now().plus(HELD_LOOK)));
        }
        let begun = self.engine.first_read.begin();
        if self.engine.scope == Scope::All {
            if !self.engine.first_read.is_done() {
                // What an engine that is gone has left waiting may stop the clock, as what the list says may.
                super::waiting::pass(&self.engine).await?;
            }
            self.read_some().await?;
        }
        // Also where the list could not be read: the clock must not wait for a provider that is away.
        self.engine.first_read.set(begun);
        core.wake.notify(super::wake::WakeSignal::Due);
        core.wake.notify(super::wake::WakeSignal::Send);
        Ok(Some(core.clock.now().plus(self.engine.bounds().listen_every)))
    }

    /// Those told last, and one turn of the others.
    async fn read_some(&self) -> Result<(), StoreError> {
        let store = &self.engine.core.store;
        let now = self.engine.core.clock.now();
        let kept = store.replies_read().await?;
        // Before the first time, whoever has an open call is read.
        let since = kept.map_or(Timestamp::from_millis(i64::MIN), |at| at.min(now).minus(LET_GO_AFTER));
        let newest = store.listened(since, None, PEOPLE_MAX).await?;
        if !self.read_turn(&newest).await? {
            return Ok(());
        }
        let (after, began) = {
            let mut rest = self.rest();
            let began = *rest.began.get_or_insert(now);
            // Who was told since is among the newest: the turns go on behind those.
            let last = newest.last().map(Listened::place);
            (rest.after.take().into_iter().chain(last).min(), began)
        };
        let turn = match &after {
            Some(after) if newest.len() >= PEOPLE_MAX => store.listened(since, Some(after), PEOPLE_MAX).await?,
            _ => Vec::new(),
        };
        if !self.read_turn(&turn).await? {
            self.rest().after = after;
            return Ok(());
        }
        if turn.len() >= PEOPLE_MAX {
            self.rest().after = turn.last().map(Listened::place);
            return Ok(());
        }
        self.rest().began = None;
        let due = kept.is_none_or(|at| at > began || began.since(at) >= KEEP_EVERY);
        if due { store.keep_replies_read(began).await } else { Ok(()) }
    }

    fn rest(&self) -> MutexGuard<'_, ReadPause> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads these people's texts, then applies what is new, in the order in which it was said. Says whether the list could be
    /// read; what was read until it could not is applied all the same.
    async fn read_turn(&self, people: &[Listened]) -> Result<bool, StoreError> {
        let (mut said, mut complete) = (Vec::new(), true);
        for who in people {
            let Some(texts) = self.read(who).await else {
                complete = false;
                break;
            };
            said.extend(texts);
        }
        let sids: Vec<MessageSid> = said.iter().map(|m| m.sid.clone()).collect();
        let heard = if sids.is_empty() { Vec::new() } else { self.engine.core.store.known_messages(&sids).await? };
        // An older word is known by the provider's times: what its writer was heard to say by webhook has none yet.
        let speaks = |m: &MessageRecord| said.iter().any(|n| n.from == m.from && !heard.contains(&n.sid));
        let of_them = said.iter().filter(|m| heard.contains(&m.sid) && speaks(m));
        let times: Vec<_> = of_them.filter_map(|m| Some((m.sid.clone(), m.created_at?))).collect();
        if !times.is_empty() {
            self.engine.core.store.date_replies(&times).await?;
        }
        said.retain(|m| !heard.contains(&m.sid));
        // Stable: within one second the provider's own order stands.
        said.sort_by_key(|m| m.created_at);
        for m in &said {
            ingest(&self.engine, m).await?;
        }
        Ok(complete)
    }

    /// What this person wrote, oldest first; `None` where the list could not be read.
    async fn read(&self, who: &Listened) -> Option<Vec<MessageRecord>> {
        let filter = ListFilter {
            to: None,
            from: Some(who.phone.e164().to_owned()),
            not_before: self.since(who),
            limit: LIST_MAX,
        };
        let listing = match self.engine.sms.list(&filter).await {
            Ok(listing) => listing,
            Err(GatewayError::Refused { http, code, .. }) => {
                warn!(http, ?code, "the list of replies is refused");
                return None;
            }
            Err(e) => {
                debug!(error = %e, "the list of replies cannot be read now");
                return None;
            }
        };
        let theirs = |m: &MessageRecord| m.direction == "inbound" && m.from.as_deref() == Some(who.phone.e164());
        let mut texts: Vec<MessageRecord> = listing.messages.into_iter().filter(theirs).collect();
        texts.reverse();
        Some(texts)
    }

    /// From when on their texts are read, by the provider's own clock; `None`: the newest [`LIST_MAX`].
    fn since(&self, who: &Listened) -> Option<Timestamp> {
        if Safeguard::ProviderTimes.is_off() {
            return Some(who.sent_since.minus(MARGIN));
        }
        let by_offset = || {
            let theirs = self.engine.provider_offset()?.to_theirs(who.sent_since);
            Some(theirs.minus(OFFSET_MARGIN))
        };
        who.provider_since.map(|at| at.minus(MARGIN)).or_else(by_offset)
    }
}

/// Applies a text that the provider lists; one that was heard before changes nothing.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn ingest(engine: &Engine, m: &MessageRecord) -> Result<(), StoreError> {
    let from = m.from.clone().unwrap_or_default();
    let writer = Actor(masked(&from));
    let text = InboundText {
        sid: m.sid.clone(),
        from,
        to: m.service.clone().unwrap_or_else(|| m.to.clone()),
        body: m.body.0.clone(),
        provider_replied: false,
        at: m.created_at,
        at_ours: m.created_at.zip(engine.provider_offset()).map(|(at, offset)| offset.to_ours(at)),
        listed: true,
        waited_since: None,
    };
    engine.core.apply(Event::Inbound(text), writer).await?;
    Ok(())
}
