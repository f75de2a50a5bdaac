//! Due steps become events. Sleeps until the next one; what is due is asked of the store, so that a restart, another
//! process's commit and a clock that jumped all take the same path.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tracing::error;

use crate::domain::Timestamp;
use crate::domain::call::CallStatus;
use crate::domain::event::Event;
use crate::domain::types::{Actor, CallId};
use crate::failpoint;
use crate::store::StoreError;

use super::doubt::Holds;
use super::{Engine, Scope, others_go_on};

const BATCH: usize = 512;
/// How often a start looks whether the replies were read.
const FIRST_READ_LOOK: Duration = Duration::from_millis(100);
/// A call whose step cannot be decided (our bug) is set aside for this long; the others go on.
const SET_QUARANTINED: Duration = Duration::from_secs(30);

/// The waiting side of an engine.
pub struct Scheduler {
    engine: Arc<Engine>,
    quarantined: Mutex<HashMap<CallId, Timestamp>>,
}

impl Scheduler {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, quarantined: Mutex::default() }
    }

    /// Fires what is due; returns when the next one is.
    ///
    /// # Errors
    /// [`StoreError`] where the store could not be read, or cannot be written by anybody.
    pub async fn pass(&self) -> Result<Option<Timestamp>, StoreError> {
        let core = &self.engine.core;
        let now = core.clock.now();
        if let Scope::Only(call) = &self.engine.scope {
            return self.only(call, now).await;
        }
        let quarantined = self.still_quarantined(now);
        let due = core.store.due(now, BATCH + quarantined.len()).await?;
        let full = due.len() >= BATCH;
        let calls: Vec<CallId> = due.into_iter().filter(|c| !quarantined.contains_key(c)).collect();
        let (waits, holds) = (self.engine.missed_replies_wait(), self.engine.holds());
        let calls = if waits { self.first_steps(calls).await? } else { calls };
        let (calls, held) = self.not_held(calls, holds).await?;
        let fired = calls.len();
        join_all(calls.into_iter().map(|c| self.fire(c))).await.into_iter().collect::<Result<Vec<()>, _>>()?;
        if full && fired > 0 {
            return Ok(Some(now));
        }
        if waits || held {
            // The end of the first read rings; this is for where it does not end.
            return Ok(Some(now.plus(FIRST_READ_LOOK)));
        }
        // What is due and was not fired is set aside, or cannot be read: it must not be slept to.
        let set_aside = self.still_quarantined(now).into_values().min();
        let next = core.store.next_wake(now).await?;
        Ok(next.into_iter().chain(set_aside).min())
    }

    async fn only(&self, call: &CallId, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let core = &self.engine.core;
        let wake = |s: Option<crate::domain::call::CallState>| {
            s.filter(|s| s.call.status == CallStatus::Dispatching).and_then(|s| s.call.wake_at)
        };
        if let Some(until) = self.still_quarantined(now).get(call) {
            return Ok(Some(*until));
        }
        let state = core.store.call(call).await?;
        if state.as_ref().is_some_and(|s| self.engine.holds().holds_back(s.call.accepted_at)) {
            return Ok(Some(now.plus(FIRST_READ_LOOK)));
        }
        let due = wake(state);
        if due.is_some_and(|at| at <= now) {
            self.fire(call.clone()).await?;
            return Ok(wake(core.store.call(call).await?));
        }
        Ok(due)
    }

    /// Those whose story nobody doubts; whether others were left out.
    async fn not_held(&self, calls: Vec<CallId>, holds: Holds) -> Result<(Vec<CallId>, bool), StoreError> {
        if !matches!(holds, Holds::Before(_)) {
            return Ok((calls, false));
        }
        let (mut go, mut held) = (Vec::new(), false);
        for call in calls {
            match others_go_on(self.engine.core.store.call(&call).await)? {
                Some(state) if !holds.holds_back(state.call.accepted_at) => go.push(call),
                _ => held = true,
            }
        }
        Ok((go, held))
    }

    /// Those whose first step is due: they never wait.
    async fn first_steps(&self, calls: Vec<CallId>) -> Result<Vec<CallId>, StoreError> {
        let mut first = Vec::new();
        for call in calls {
            let state = others_go_on(self.engine.core.store.call(&call).await)?;
            if state.is_some_and(|s| s.attempts.is_empty()) {
                first.push(call);
            }
        }
        Ok(first)
    }

    async fn fire(&self, call: CallId) -> Result<(), StoreError> {
        let core = &self.engine.core;
        failpoint::hit("timer.claimed");
        let fired = core.apply(Event::Wake { call: call.clone() }, Actor::engine()).await;
        self.engine.heartbeats.moved("scheduler", core.clock.boot());
        match fired {
            Ok(_) => {
                failpoint::hit("timer.committed");
                Ok(())
            }
            Err(
                e @ (StoreError::Full { .. }
                | StoreError::Denied { .. }
                | StoreError::Broken { .. }
                | StoreError::Closed
                | StoreError::Busy
                | StoreError::Unreachable { .. }
                | StoreError::ReadOnly { .. }
                | StoreError::Unsure { .. }),
            ) => Err(e),
            Err(e) => {
                if !e.is_of_one_call() {
                    error!(call.id = %call, error = %e, "a due step cannot be fired; set aside, the others go on");
                }
                let until = core.clock.now().plus(SET_QUARANTINED);
                self.quarantined.lock().unwrap_or_else(PoisonError::into_inner).insert(call, until);
                Ok(())
            }
        }
    }

    fn still_quarantined(&self, now: Timestamp) -> HashMap<CallId, Timestamp> {
        let mut quarantined = self.quarantined.lock().unwrap_or_else(PoisonError::into_inner);
        quarantined.retain(|_, until| *until > now);
        quarantined.clone()
    }
}
