//! Ends phone calls that need nobody any more: a phone that rings stops, whoever listens is told who has the job.
//!
//! That a phone call is to end is part of the change that made it so, and stays in the store until it is over: a restart, and an answer
//! that was lost, cost a repetition. The provider is asked after each request how the phone call is; what it says is an update like
//! any other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tracing::{debug, warn};

use crate::domain::MessageStatus;
use crate::domain::Timestamp;
use crate::domain::change::{Answer, HowToEnd};
use crate::domain::codes::NO_CODE;
use crate::domain::event::{Event, Source, StatusUpdate};
use crate::domain::types::{Actor, AttemptId, MessageSid};
use crate::domain::voice::script;
use crate::failpoint;
use crate::gateways::{EndPhoneCall, GatewayError, PhoneCallRecord, VoiceGateway};

use super::duty::Passed;
use super::{Engine, others_go_on};

/// How often the store is asked, and how soon a phone call is told again to end that has not ended.
pub const EVERY: Duration = Duration::from_secs(2);
/// Whoever is told who has the job hears it to its end.
const SPOKEN_IN: Duration = Duration::from_secs(15);
/// No phone call of ours is longer: what has not ended by then is over, or is not known to the provider.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// A provider that does not end one is asked again after this at the earliest.
const REFUSED: Duration = Duration::from_secs(30);
const BATCH: usize = 32;

/// The ending side of an engine.
pub struct Ringing {
    engine: Arc<Engine>,
    /// Phone calls that were told to end by this process, and when they are looked at again.
    told: Mutex<HashMap<AttemptId, Timestamp>>,
}

impl Ringing {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, told: Mutex::default() }
    }

    /// Ends what is to end now; when to look again.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub async fn pass(&self) -> Passed {
        let (core, now) = (&self.engine.core, self.engine.core.clock.now());
        let Some(provider) = self.engine.voice() else { return Ok(None) };
        let stale = now.minus(core.rules().validity);
        let all = core.store.phone_calls_to_end(stale, now.minus(LONGEST), BATCH).await?;
        self.lock().retain(|id, _| all.contains(id));
        let due: Vec<AttemptId> =
            all.iter().copied().filter(|id| self.lock().get(id).is_none_or(|at| *at <= now)).collect();
        for done in join_all(due.iter().map(|id| self.end(*id, provider.as_ref()))).await {
            others_go_on(done)?;
        }
        let every = now.plus(EVERY);
        let soonest = self.lock().values().min().map_or(every, |at| every.min(*at));
        Ok((!all.is_empty()).then_some(soonest))
    }

    /// When it is looked again where nothing is to end now.
    pub fn look_again(&self) -> Timestamp {
        self.engine.core.clock.now().plus(EVERY)
    }

    async fn end(&self, id: AttemptId, provider: &dyn VoiceGateway) -> Result<(), crate::store::StoreError> {
        let core = &self.engine.core;
        let Answer::End { sid, how } = core.apply(Event::EndPhoneCall { attempt: id }, Actor::engine()).await? else {
            return Ok(());
        };
        failpoint::hit("ringing.noted");
        let (request, pause) = match how {
            HowToEnd::Cancel => (EndPhoneCall::Cancel, EVERY),
            HowToEnd::Say(speech) => (EndPhoneCall::Redirect(script::say(&speech, None)), SPOKEN_IN),
        };
        let done = provider.end(&sid, &request).await;
        failpoint::hit("ringing.ended");
        let pause = match &done {
            Ok(()) => pause,
            Err(GatewayError::Refused { .. }) => REFUSED,
            Err(_) => EVERY,
        };
        self.lock().insert(id, core.clock.now().plus(pause));
        match done {
            Ok(()) => {}
            Err(GatewayError::Refused { http, code, .. }) => {
                warn!(attempt.id = %id, http, ?code, "the provider does not end a phone call")
            }
            Err(e) => debug!(attempt.id = %id, error = %e, "a phone call is told again to end"),
        }
        self.ask(id, &sid, provider).await
    }

    /// How the phone call is now: it is over, or was picked up meanwhile.
    async fn ask(
        &self,
        id: AttemptId,
        sid: &MessageSid,
        provider: &dyn VoiceGateway,
    ) -> Result<(), crate::store::StoreError> {
        match provider.fetch(sid).await {
            Ok(record) => {
                self.engine.core.apply(Event::StatusUpdate(update(id, record)), Actor::provider()).await.map(drop)
            }
            Err(e) => {
                debug!(attempt.id = %id, error = %e, "how a phone call is cannot be asked now");
                Ok(())
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<AttemptId, Timestamp>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the provider says of this attempt's phone call, asked for.
pub(super) fn update(attempt: AttemptId, record: PhoneCallRecord) -> StatusUpdate {
    StatusUpdate {
        attempt: Some(attempt),
        sid: record.sid,
        status: MessageStatus::from_word(record.status.as_str()),
        code: None,
        error_class: NO_CODE,
        source: Source::Fetch,
        provider_at: record.created_at,
    }
}
