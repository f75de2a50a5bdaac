//! Whose replies are read from the provider's list, and which were heard before.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::event::InboundText;
use crate::domain::types::MessageSid;
use crate::domain::{PhoneNumber, Timestamp};

/// Somebody whose replies count.
#[derive(Debug, Clone, PartialEq)]
pub struct Listened {
    /// Who.
    pub phone: PhoneNumber,
    /// When the first text to them of a call that still counts left, by our clock.
    pub sent_since: Timestamp,
    /// A moment of the provider's clock that no such text is older than; `None` where that is not known of one.
    pub provider_since: Option<Timestamp>,
    /// When they were told last: with the phone, the place in the list.
    pub told_last: Timestamp,
}

impl Listened {
    /// Where to read on behind this one.
    pub fn place(&self) -> ListenedPlace {
        (self.told_last, self.phone.clone())
    }
}

/// A place in the list of those whose replies count: when somebody was told last, and who.
pub type ListenedPlace = (Timestamp, PhoneNumber);

/// What the listener asks of a store.
#[async_trait]
pub trait Replies {
    /// Those with a text of a call that is DISPATCHING, or that left DISPATCHING at `since` or later and is still open; told last
    /// first, from behind `after` on.
    async fn listened(
        &self,
        since: Timestamp,
        after: Option<&ListenedPlace>,
        limit: usize,
    ) -> Result<Vec<Listened>, StoreError>;
    /// Those of these inbound messages that were heard already.
    async fn heard(&self, messages: &[MessageSid]) -> Result<Vec<MessageSid>, StoreError>;
    /// Keeps when these replies, heard before, were written, by the provider's clock; what is known stays.
    async fn date_replies(&self, times: &[(MessageSid, Timestamp)]) -> Result<(), StoreError>;
    /// Replies that wait for the time at which they were written, those that came first first; `waited_since` says when.
    async fn waiting_replies(&self, limit: usize) -> Result<Vec<InboundText>, StoreError>;
    /// Everything that was said until then was read from everybody whose replies counted; `None`: never yet.
    async fn replies_read(&self) -> Result<Option<Timestamp>, StoreError>;
    /// Keeps that moment.
    async fn keep_replies_read(&self, until: Timestamp) -> Result<(), StoreError>;
}
