//! Replies that wait in the store for the time at which they were written: asks the provider, then decides.
//!
//! A webhook does not say when a text was written, and its handler calls no provider. Where that time matters the text is committed as
//! waiting; here the message is fetched by its SID, once, and the reply is decided and answered by a text of its own. A crash at any point leaves it
//! waiting, and the next engine asks again; decided twice, it changes nothing the second time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tracing::{debug, error};

use crate::domain::Timestamp;
use crate::domain::event::{Event, InboundText};
use crate::domain::phone::masked;
use crate::domain::types::Actor;
use crate::gateways::{GatewayError, MessageRecord};
use crate::killpoint;
use crate::store::StoreError;

use super::{Engine, Scope, others_go_on};

/// Replies decided in one pass; each costs a request.
const BATCH: usize = 16;
/// How long the provider may take to say when one was written.
const ASKED_FOR: Duration = Duration::from_secs(5);
/// How often the store is looked at without a signal: for what an engine that is gone has left.
pub const EVERY: Duration = Duration::from_secs(10);

/// Decides what waits; returns when to look again.
///
/// # Errors
/// [`StoreError`]: what could not be stored waits on.
pub async fn pass(engine: &Arc<Engine>) -> Result<Option<Timestamp>, StoreError> {
    if engine.scope != Scope::All {
        return Ok(None);
    }
    let core = &engine.core;
    let waiting = core.store.waiting_replies(BATCH).await?;
    let is_full = waiting.len() >= BATCH;
    // Each by itself: a provider that does not answer holds nobody up for longer than one request. Then one by one, as they came.
    let mut read = join_all(waiting.into_iter().map(|text| dated(engine, text))).await;
    if read.iter().all(|text| text.at.is_some()) {
        // Stable: within one second they stand as they came.
        read.sort_by_key(|text| text.at);
    }
    let mut undecided = 0;
    for text in read {
        let writer = Actor(masked(&text.from));
        killpoint::hit("reply-time.before-commit");
        let sid = text.sid.clone();
        match core.apply(Event::Inbound(text), writer).await {
            // One that cannot be decided holds nobody up; it is tried again with the next look.
            Err(e @ (StoreError::Refused { .. } | StoreError::Corrupt { .. })) => {
                error!(message.sid = %sid, error = %e, "a reply that waits cannot be decided");
                undecided += 1;
            }
            done => others_go_on(done.map(drop))?,
        }
        killpoint::hit("reply-time.committed");
    }
    Ok((is_full && undecided < BATCH).then(|| core.clock.now()))
}

/// The text with the time that the provider has of it; without one where that cannot be read.
async fn dated(engine: &Engine, text: InboundText) -> InboundText {
    let asked = tokio::time::timeout(ASKED_FOR, engine.sms.fetch(&text.sid)).await;
    let answer = asked.unwrap_or_else(|_| Err(GatewayError::Unknown { why: "no answer in 5 s".to_owned() }));
    let at = match answer {
        Ok(MessageRecord { created_at, .. }) => created_at.or(text.at),
        Err(e) => {
            debug!(message.sid = %text.sid, error = %e, "nobody can say when a reply was written");
            text.at
        }
    };
    let at_ours = at.zip(engine.provider_offset()).map(|(at, offset)| offset.to_ours(at));
    InboundText { at, at_ours, ..text }
}
