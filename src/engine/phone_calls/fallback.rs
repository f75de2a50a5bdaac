//! Phone calls of which Twilio itself says that they ended: dispatched where nobody reports them.
//!
//! Each waits on disk for a report of its platform. When its time has come it is joined to what was told of it meanwhile, else it
//! is dispatched. A crash leaves it waiting; done twice, it is the same call. Source: `facts/intake.md` §7, `facts/shop-base.md` §4.

use std::time::Duration;

use tracing::{error, info};

use crate::domain::Timestamp;
use crate::domain::call::Call;
use crate::domain::change::PhoneCallChange;
use crate::domain::event::Event;
use crate::domain::phone_call::{START_APART, are_two};
use crate::domain::types::{Actor, CallId};
use crate::engine::apply::Core;
use crate::engine::in_force::InForce;
use crate::engine::intake::reports::{self, Reported};
use crate::engine::intake::{self, Validation};
use crate::store::{CallFilter, StoreError, WaitingPhoneCall};

/// How often it is looked at without a signal.
pub const EVERY: Duration = Duration::from_secs(5);
const BATCH: usize = 32;
/// Calls that are looked through for one that is of a phone call.
const CALLS_MAX: usize = 20_000;

/// Decides what is due; returns when to look again.
///
/// # Errors
/// [`StoreError`]: what could not be stored waits on.
pub async fn pass(core: &Core) -> Result<Option<Timestamp>, StoreError> {
    let now = core.clock.now();
    let due = core.store.phone_calls_due(now, BATCH).await?;
    let is_full = due.len() >= BATCH;
    for waiting in due {
        decide(core, waiting).await?;
    }
    let next = core.store.next_phone_call().await?;
    Ok(if is_full { Some(now) } else { next })
}

async fn decide(core: &Core, waiting: WaitingPhoneCall) -> Result<(), StoreError> {
    if let Some(call) = told_of(core, &waiting).await? {
        let told = PhoneCallChange::Told { id: waiting.id, phone: waiting.phone, call };
        return core.apply(Event::PhoneCall(Box::new(told)), Actor::engine()).await.map(drop);
    }
    let Some(Reported { intake, report }) = reports::unreported(&waiting.id, &waiting.phone, waiting.words.as_deref())
    else {
        let told = PhoneCallChange::Told { id: waiting.id, phone: waiting.phone, call: None };
        return core.apply(Event::PhoneCall(Box::new(told)), Actor::engine()).await.map(drop);
    };
    let make = |held: &InForce| {
        intake::new_call(intake.clone(), &held.directory, Validation::Lenient, &core.ids, core.clock.now())
    };
    match core.report(make, report, Actor::engine()).await? {
        Ok(_) => info!(call.id = %waiting.id, "a phone call that nobody reported is dispatched"),
        Err(e) => {
            // Its id is Twilio's own: this is our bug. It must not be tried for ever.
            error!(call.id = %waiting.id, "a phone call that nobody reported cannot be dispatched: {e}");
            let told = PhoneCallChange::Told { id: waiting.id, phone: waiting.phone, call: None };
            core.apply(Event::PhoneCall(Box::new(told)), Actor::engine()).await?;
        }
    }
    Ok(())
}

/// Whether it was told of by another way; inside, the call that is of it.
async fn told_of(core: &Core, waiting: &WaitingPhoneCall) -> Result<Option<Option<CallId>>, StoreError> {
    if let Some(told) = core.store.told_of(&waiting.id, &waiting.phone).await? {
        return Ok(Some(told));
    }
    let since = waiting.phone.started_at.map(|at| at.minus(START_APART));
    let Some(since) = since else { return Ok(None) };
    let calls = CallFilter { since: Some(since), limit: CALLS_MAX, ..CallFilter::default() };
    let calls = core.store.calls(&calls).await?;
    let is_it = |call: &Call| !are_two(waiting.id.as_str(), call.id.as_str()) && waiting.phone.is_of(call);
    Ok(calls.into_iter().find(|line| is_it(&line.call)).map(|line| Some(line.call.id)))
}
