//! Hears replies that the webhook missed: reads the provider's list of inbound messages from those who were told.
//!
//! Webhooks come first; the list is read first thing after a start, and again while a call is open. A text that was heard
//! before is recognised by its SID and changes nothing, so reading costs requests and nothing else.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{debug, warn};

use crate::domain::Timestamp;
use crate::domain::event::{Event, InboundText};
use crate::domain::phone::masked;
use crate::domain::types::{Actor, MessageSid};
use crate::gateways::{GatewayError, ListFilter, MessageRecord};
use crate::store::{Listened, StoreError};

use super::{Engine, Scope};

/// People asked about in one pass, those told last first: a bound on requests.
const PEOPLE_MAX: usize = 50;
/// Messages of one person read at once.
const LIST_MAX: usize = 200;
/// Texts remembered as heard; more are asked of the store again, which knows them too.
const REMEMBERED_MAX: usize = 10_000;
/// The provider's times have whole seconds.
const MARGIN: Duration = Duration::from_secs(2);
/// How often the list is read while a call is open and replies come by webhook.
pub const EVERY_WITH_WEBHOOK: Duration = Duration::from_secs(60);
/// Where they do not.
pub const EVERY_WITHOUT: Duration = Duration::from_secs(15);

/// The hearing side of an engine.
pub struct Listener {
    engine: Arc<Engine>,
    heard: Mutex<HashSet<MessageSid>>,
}

impl Listener {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, heard: Mutex::default() }
    }

    /// Reads what those wrote who were told of an open call; returns when to read again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pass(&self) -> Result<Option<Timestamp>, StoreError> {
        let core = &self.engine.core;
        let begun = self.engine.first_read.begin();
        if self.engine.scope == Scope::All {
            for who in core.store.listened(PEOPLE_MAX).await? {
                if !self.read(&who).await? {
                    break;
                }
            }
        }
        // Also where the list could not be read: the clock must not wait for a provider that is away.
        self.engine.first_read.set(begun);
        core.wake.ring(super::wake::Bell::Due);
        core.wake.ring(super::wake::Bell::Send);
        Ok(Some(core.clock.now().plus(self.engine.bounds.listen_every)))
    }

    /// Whether the list could be read.
    async fn read(&self, who: &Listened) -> Result<bool, StoreError> {
        let filter = ListFilter {
            to: None,
            from: Some(who.phone.e164().to_owned()),
            not_before: Some(who.told_since.minus(MARGIN)),
            limit: LIST_MAX,
        };
        let listing = match self.engine.sms.list(&filter).await {
            Ok(listing) => listing,
            Err(GatewayError::Refused { http, code, .. }) => {
                warn!(http, ?code, "the list of replies is refused");
                return Ok(false);
            }
            Err(e) => {
                debug!(error = %e, "the list of replies cannot be read now");
                return Ok(false);
            }
        };
        // Oldest first: that is the order in which they were said.
        for m in listing.messages.iter().rev() {
            if m.direction == "inbound" && m.from.as_deref() == Some(who.phone.e164()) && !self.was_heard(&m.sid) {
                self.hear(m).await?;
            }
        }
        Ok(true)
    }

    async fn hear(&self, m: &MessageRecord) -> Result<(), StoreError> {
        let from = m.from.clone().unwrap_or_default();
        let writer = Actor(masked(&from));
        let text = InboundText {
            sid: m.sid.clone(),
            from,
            to: m.service.clone().unwrap_or_else(|| m.to.clone()),
            body: m.body.0.clone(),
            provider_replied: false,
            at: m.created_at,
            listed: true,
        };
        self.engine.core.apply(Event::Inbound(text), writer).await?;
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() >= REMEMBERED_MAX {
            heard.clear();
        }
        heard.insert(m.sid.clone());
        Ok(())
    }

    fn was_heard(&self, sid: &MessageSid) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).contains(sid)
    }
}
