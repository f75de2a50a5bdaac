//! Rows as they stand in the base: with the records that their links mean, and with what the base cannot hold left out.

use std::collections::BTreeSet;

use super::Mirror;
use super::rows::{self, Business};
use super::state::MirrorTable;
use crate::domain::attempt::Attempt;
use crate::domain::call::CallState;
use crate::domain::types::{AttemptId, CallId, CallRef};
use crate::engine::layout::{Encoded, Layouts, Row, Target};
use crate::gateways::MirrorError;
use crate::store::{Ledger, StoreError};

/// Why rows could not be made ready.
#[derive(Debug)]
pub(super) enum EncodeError {
    Store(StoreError),
    /// The base does not say which record a link means.
    Mirror(MirrorError),
}

impl From<StoreError> for EncodeError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<MirrorError> for EncodeError {
    fn from(e: MirrorError) -> Self {
        Self::Mirror(e)
    }
}

/// The texts by which these calls are held, where the base asks for it.
///
/// # Errors
/// [`StoreError`] of the store as a whole; a call that cannot be read is nobody's.
pub(super) async fn holding(
    store: &(impl Ledger + ?Sized),
    layouts: &Layouts,
    attempts: impl Iterator<Item = &Attempt>,
) -> Result<BTreeSet<AttemptId>, StoreError> {
    let mut found = BTreeSet::new();
    if layouts.events.name("acknowledged").is_none() {
        return Ok(found);
    }
    let calls: BTreeSet<&CallId> = attempts.map(|a| &a.call).collect();
    for call in calls {
        match store.call(call).await {
            Ok(state) => found.extend(state.as_ref().and_then(rows::acknowledged)),
            Err(e) if e.is_of_one_call() => {}
            Err(e) => return Err(e),
        }
    }
    Ok(found)
}

impl Mirror {
    /// Dispatch events, in their order.
    pub(super) async fn encode_events(
        &self,
        layouts: &Layouts,
        events: &[(&Attempt, &CallRef)],
    ) -> Result<Vec<Encoded>, EncodeError> {
        let holding = holding(&*self.core.store, layouts, events.iter().map(|(a, _)| *a)).await?;
        let rows: Vec<Row> = events.iter().map(|(a, r)| rows::event(a, r, holding.contains(&a.id))).collect();
        let encoded = self.encode(MirrorTable::Events, layouts, &rows).await?;
        let unlinked = events.iter().zip(&encoded).filter(|(_, e)| e.is_unlinked).map(|((a, _), _)| a.call.clone());
        self.state().unlinked.extend(unlinked);
        Ok(encoded)
    }

    /// The whole rows of calls, or what of them is kept current.
    pub(super) async fn encode_calls(
        &self,
        layouts: &Layouts,
        states: &[(&CallState, Part)],
    ) -> Result<Vec<Encoded>, EncodeError> {
        let directory = self.core.directory();
        let row = |(state, part): &(&CallState, Part)| match part {
            Part::Kept => rows::call(state),
            Part::Whole => {
                let dialled = state.call.data.twilio_to_number.as_deref();
                let line = directory.line(dialled).0;
                let number = line.number.as_deref().or(dialled).unwrap_or_default().to_owned();
                rows::new_call(state, &Business { name: line.name.clone(), number })
            }
        };
        let rows: Vec<Row> = states.iter().map(row).collect();
        self.encode(MirrorTable::Calls, layouts, &rows).await
    }

    async fn encode(&self, table: MirrorTable, layouts: &Layouts, rows: &[Row]) -> Result<Vec<Encoded>, EncodeError> {
        let layout = match table {
            MirrorTable::Events => &layouts.events,
            MirrorTable::Calls => &layouts.calls,
        };
        let targets: BTreeSet<Target> = rows.iter().flat_map(Row::targets).cloned().collect();
        let encoded: Vec<Encoded> = {
            let mut links = self.links.lock().await;
            links.learn(&*self.gateway, &layouts.links, &targets, self.now()).await?;
            rows.iter().map(|row| layout.encode(row, &links)).collect()
        };
        let lacks = encoded.iter().flat_map(|e| e.lacks.iter().cloned()).collect();
        self.note_lacks(table, &lacks).await?;
        Ok(encoded)
    }

    /// Who holds these calls has changed since their events were told: those are told again. Idempotent.
    pub(super) async fn tell_holders(&self, states: &[&CallState]) -> Result<(), StoreError> {
        const KNOWN_MAX: usize = 5_000;
        let mut again: Vec<AttemptId> = Vec::new();
        {
            let mut state = self.state();
            if state.holders.len() > KNOWN_MAX {
                state.holders.clear();
            }
            for of in states {
                let now = rows::acknowledged(of);
                let before = state.holders.insert(of.call.id.clone(), now);
                // A restart forgets who had it before somebody handed it back.
                let unknown = before.is_none() && of.call.round > 1;
                let before = before.flatten();
                if before != now || unknown {
                    again.extend(before.into_iter().chain(now));
                    again.extend(of.attempts.iter().filter(|_| unknown).map(|a| a.id));
                }
            }
        }
        if again.is_empty() {
            return Ok(());
        }
        let keys = again.into_iter().map(crate::store::MirrorKey::Attempt).collect();
        self.core.store.mirror_again(keys, self.now()).await
    }
}

/// How much of a call's row is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Intake has made it.
    Kept,
    /// Nobody has.
    Whole,
}
