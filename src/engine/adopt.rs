//! Takes over calls that another system puts into *Calls* as DISPATCHING: each once, as a new call through the ordinary intake.
//!
//! Off unless `airtable.adopt_every` says how often to look. One that another system has already texted about goes on where
//! that left off, and only once its last text is old enough that the other system cannot be at it any more. A row with our
//! own dispatch events whose call is not in this store is a lost disk's: a person is told, and `recover --from-airtable` takes
//! it over. Faults of the base only put it off. After a crash: what was accepted is in the store, what was not is still a row.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::{Actor, CallId};
use crate::gateways::mirror::Lane;
use crate::store::StoreError;

use super::apply::Core;
use super::in_force::InForce;
use super::rebuild::rows::DEFERRED;
use super::rebuild::{self, Base, BaseReader, BaseSnapshot, CallRow, EventRow, OLDER_THAN, ReadError};

/// A row that nobody was told of for this long is not texted about any more without a person's word.
const STALE: Duration = Duration::from_secs(24 * 3_600);

/// Looks for calls of other systems.
pub struct Adopter {
    core: Arc<Core>,
    base: Base,
    every: Duration,
}

impl Adopter {
    /// Over this base, in its bulk lane.
    pub fn new(core: Arc<Core>, base: Base, every: Duration) -> Self {
        let base = Base { mirror: base.mirror.in_queue(Lane::Bulk), ..base };
        // What it accepts has happened to nobody: by a table that was read before others became the engine, a call may be told again
        // that is over.
        Self { core: core.deciding(), base, every }
    }

    pub fn every(&self) -> Duration {
        self.every
    }

    /// Looks once; returns when to look again.
    ///
    /// # Errors
    /// [`StoreError`]; what was taken over by then stays.
    pub async fn pass(&self) -> Result<Option<Timestamp>, StoreError> {
        let again = |core: &Core| Some(core.clock.now().plus(self.every));
        let reader = BaseReader {
            store: Some(&*self.core.store),
            directory: self.core.directory(),
            lexicon: self.core.rules().lexicon,
            now: self.core.clock.now(),
            older_than: OLDER_THAN,
        };
        let snapshot = match rebuild::read_rows(reader, &self.base).await {
            Ok(snapshot) => snapshot,
            Err(ReadError::Store(e)) => return Err(e),
            Err(e) => {
                let why = std::error::Error::source(&e).map(ToString::to_string).unwrap_or_default();
                warn!(why, "{e}: calls of other systems are looked for again later");
                return Ok(again(&self.core));
            }
        };
        let mut odd: BTreeMap<AlertKey, (Option<CallId>, String)> = BTreeMap::new();
        let mut others = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for row in &snapshot.calls {
            match self.look(&snapshot, row, !seen.insert(row.id.clone())).await? {
                Looked::Fine => {}
                Looked::Texted => others.push(row.clone()),
                Looked::Odd(why) => {
                    odd.insert(AlertKind::NotAdopted.about(&row.record), (row.id.clone().ok(), why));
                }
            }
        }
        self.go_on(BaseSnapshot { calls: others, ..snapshot }, &mut odd).await?;
        self.raise_alerts(odd).await?;
        Ok(again(&self.core))
    }

    async fn look(&self, snapshot: &BaseSnapshot, row: &CallRow, is_second: bool) -> Result<Looked, StoreError> {
        let id = match &row.id {
            Ok(id) => id,
            Err(why) => {
                let text = format!(
                    "row {} of Calls is DISPATCHING and cannot be taken over: {why}; mend it, or dispatch it by hand",
                    row.record
                );
                return Ok(Looked::Odd(text));
            }
        };
        if snapshot.known.contains(id) {
            return Ok(Looked::Fine);
        }
        if is_second || snapshot.twins.contains_key(id) {
            let text = format!("call {id} has several rows in Calls: only one may stay before it is taken over");
            // The first of several that are all DISPATCHING was taken over already.
            return Ok(if is_second && !snapshot.twins.contains_key(id) { Looked::Fine } else { Looked::Odd(text) });
        }
        let events = snapshot.events.get(id).map(Vec::as_slice).unwrap_or_default();
        if row.also.contains(&"ACKNOWLEDGED") {
            // Another system's word, which may mean that somebody has it.
            return Ok(Looked::Fine);
        }
        if events.iter().any(EventRow::is_ours) {
            let text = format!(
                "call {id} is DISPATCHING in Airtable with dispatch events of ours and is not in this store: see `dispatchctl recover --from-airtable --dry-run`"
            );
            return Ok(Looked::Odd(text));
        }
        let age = row.accepted_at.map(|at| snapshot.now.since(at)).unwrap_or_default();
        if row.status == DEFERRED && (!events.is_empty() || age > STALE) {
            return Ok(Looked::Fine);
        }
        if events.is_empty() && age > STALE {
            let text = format!(
                "call {id} is DISPATCHING in Airtable for more than a day and nobody was told of it: dispatch it by hand or close it"
            );
            return Ok(Looked::Odd(text));
        }
        if !events.is_empty() {
            let last = events.iter().filter_map(|e| e.sent_at).max().unwrap_or(snapshot.now);
            if snapshot.now.since(last) > STALE {
                let text = format!(
                    "call {id} is DISPATCHING in Airtable and its last text is more than a day old: dispatch it by hand or close it"
                );
                return Ok(Looked::Odd(text));
            }
            let old_enough = snapshot.now.since(last) >= snapshot.older_than;
            return Ok(if old_enough { Looked::Texted } else { Looked::Fine });
        }
        let make = |held: &InForce| rebuild::new_call(snapshot, &held.directory, row, id, &self.core.ids);
        match self.core.accept(make, actor()).await {
            Err(StoreError::Refused { what }) => Ok(Looked::Odd(format!("call {id} was refused: {what}"))),
            Err(e) => Err(e),
            Ok(Ok(_)) => {
                info!(call.id = %id, "a call of another system is taken over from Airtable");
                Ok(Looked::Fine)
            }
            Ok(Err(e)) => {
                Ok(Looked::Odd(format!("call {id} of Airtable cannot be taken over: {e}; dispatch it by hand")))
            }
        }
    }

    /// Those that another system has texted about go on.
    async fn go_on(
        &self,
        snapshot: BaseSnapshot,
        odd: &mut BTreeMap<AlertKey, (Option<CallId>, String)>,
    ) -> Result<(), StoreError> {
        if snapshot.calls.is_empty() {
            return Ok(());
        }
        let plan = rebuild::plan(&snapshot, &self.core.ids);
        for p in &plan.problems {
            odd.insert(AlertKind::NotAdopted.about(&p.record), (p.call.clone(), format!("{}; {}", p.what, p.help)));
        }
        let carried = rebuild::carry_out(&self.core, &plan, &actor()).await?;
        for (call, why) in carried.refused {
            odd.insert(
                AlertKind::NotAdopted.about(&call),
                (Some(call.clone()), format!("call {call} was refused: {why}")),
            );
        }
        Ok(())
    }

    /// One alert a row, over once the row is mended or gone.
    async fn raise_alerts(&self, odd: BTreeMap<AlertKey, (Option<CallId>, String)>) -> Result<(), StoreError> {
        let raised: Vec<AlertKey> = self.core.store.alerts().await?.into_iter().map(|a| a.key).collect();
        for key in raised.iter().filter(|k| k.kind() == AlertKind::NotAdopted && !odd.contains_key(*k)) {
            self.core.apply(Event::Alert(AlertChange::Resolve { key: key.clone() }), actor()).await?;
        }
        for (key, (call, message)) in odd {
            if !raised.contains(&key) {
                self.core.apply(Event::Alert(AlertChange::Raise { key, call, message }), actor()).await?;
            }
        }
        Ok(())
    }
}

/// What one row is.
enum Looked {
    /// Ours, taken over, or not yet.
    Fine,
    /// Another system has texted about it, long enough ago.
    Texted,
    /// A person must look.
    Odd(String),
}

/// In whose name calls are taken over.
fn actor() -> Actor {
    Actor("airtable".into())
}
