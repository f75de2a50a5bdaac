//! Replies that wait in the store for the time at which they were written: asks the provider, then decides.
//!
//! A webhook does not say when a text was written, and its handler calls no provider. Where that time matters the text is committed as
//! waiting; here the message is fetched by its SID, once, and the reply is decided and answered by a text of its own. A crash at any point leaves it
//! waiting, and the next engine asks again; decided twice, it changes nothing the second time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tracing::{debug, error};

use crate::domain::alert::AlertChange;
use crate::domain::event::{Event, InboundText};
use crate::domain::phone::masked;
use crate::domain::types::{Actor, MessageSid};
use crate::domain::{AlertKind, Timestamp};
use crate::failpoint;
use crate::gateways::{GatewayError, MessageRecord};
use crate::store::StoreError;

use super::{Engine, Scope};

/// Replies decided in one pass; each costs a request.
const BATCH: usize = 16;
/// How long the provider may take to say when one was written.
const ASKED_FOR: Duration = Duration::from_secs(5);
/// How often the store is looked at without a signal: for what an engine that is gone has left.
pub const EVERY: Duration = Duration::from_secs(10);

/// Characters of a reply that its alert shows.
const WORDS_MAX: usize = 300;

/// Decides what waits; returns when to look again. A reply that cannot be decided pages once, and rests while the others go on.
///
/// # Errors
/// [`StoreError`]: what could not be stored waits on.
pub async fn pass(engine: &Arc<Engine>) -> Result<Option<Timestamp>, StoreError> {
    if engine.scope != Scope::All {
        return Ok(None);
    }
    let core = &engine.core;
    let now = core.clock.boot();
    let mut waiting = core.store.waiting_replies(BATCH + engine.undecided.count()).await?;
    let is_some_left = !waiting.is_empty();
    waiting.retain(|text| !engine.undecided.rests(&text.sid, now));
    waiting.truncate(BATCH);
    let is_full = waiting.len() >= BATCH;
    // Each by itself: a provider that does not answer holds nobody up for longer than one request. Then one by one, as they came.
    let mut read = join_all(waiting.into_iter().map(|text| dated(engine, text))).await;
    if read.iter().all(|text| text.at.is_some()) {
        // Stable: within one second they stand as they came.
        read.sort_by_key(|text| text.at);
    }
    for text in read {
        let writer = Actor(masked(&text.from));
        failpoint::hit("reply-time.before-commit");
        match core.apply(Event::Inbound(text.clone()), writer).await {
            Err(e @ (StoreError::Refused { .. } | StoreError::Corrupt { .. })) => rest(engine, text, &e).await?,
            Err(e) => return Err(e),
            Ok(_) => decided(engine, &text.sid).await?,
        }
        failpoint::hit("reply-time.committed");
    }
    let next = is_some_left.then(|| core.clock.now().plus(EVERY));
    Ok(if is_full { Some(core.clock.now()) } else { next })
}

/// It may have paged under an engine that is gone.
async fn decided(engine: &Engine, sid: &MessageSid) -> Result<(), StoreError> {
    engine.undecided.decided(sid);
    let key = AlertKind::UndecidedReply.about(sid.as_str());
    engine.core.apply(Event::Alert(AlertChange::Resolve { key }), Actor::engine()).await.map(drop)
}

async fn rest(engine: &Engine, text: InboundText, why: &StoreError) -> Result<(), StoreError> {
    error!(message.sid = %text.sid, error = %why, "a reply that waits cannot be decided");
    if !engine.undecided.not_decided(text.sid.clone(), engine.core.clock.boot()) {
        return Ok(());
    }
    let (who, words) = (masked(&text.from), text.body.chars().take(WORDS_MAX).collect::<String>());
    let message =
        format!("a reply of {who} cannot be decided ({why}): {words:?}; a person should read it and act for them");
    let key = AlertKind::UndecidedReply.about(text.sid.as_str());
    engine.core.apply(Event::Alert(AlertChange::Raise { key, call: None, message }), Actor::engine()).await.map(drop)
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
