//! Carries a plan out: one transaction a call. After a crash the next run does what is left.

use tracing::error;

use crate::domain::change::Answer;
use crate::domain::event::Event;
use crate::domain::types::{Actor, CallId};
use crate::engine::apply::Core;
use crate::store::StoreError;

use super::RebuildPlan;

/// What was done.
#[derive(Debug, Default)]
pub struct Carried {
    /// Calls that are in the store now.
    pub imported: Vec<CallId>,
    /// Calls that somebody else put there meanwhile.
    pub left_alone: Vec<CallId>,
    /// Calls that the store refused, and why.
    pub refused: Vec<(CallId, String)>,
}

/// Imports every call of the plan. One that the store refuses does not keep the others from running.
///
/// # Errors
/// [`StoreError`] of the store as a whole; what was imported by then stays.
pub async fn carry_out(core: &Core, plan: &RebuildPlan, actor: &Actor) -> Result<Carried, StoreError> {
    let mut carried = Carried::default();
    for row in &plan.rows {
        match core.apply(Event::Import(Box::new(row.import.clone())), actor.clone()).await {
            Ok(Answer::Exists(_)) => carried.left_alone.push(row.call.clone()),
            Ok(_) => carried.imported.push(row.call.clone()),
            Err(e @ (StoreError::Refused { .. } | StoreError::Corrupt { .. })) => {
                error!(call.id = %row.call, error = %e, "a rebuilt call was refused by the store");
                carried.refused.push((row.call.clone(), e.to_string()));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(carried)
}
