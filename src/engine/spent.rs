//! The alerts about how many texts went out within an hour.

use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::event::Event;
use crate::domain::limits;
use crate::domain::types::{Actor, Timestamp};
use crate::store::{AlertLine, StoreError};

use super::apply::Core;

/// Whether as many texts went out within an hour as `[limits]` says; nothing is counted where it says nothing.
pub(super) async fn watch(core: &Core, alerts: &[AlertLine], now: Timestamp) -> Result<(), StoreError> {
    let bounds = core.rules().limits;
    let mut in_force = Vec::new();
    if bounds.counts() {
        let hour = core.store.texts_since(now.minus(limits::HOUR), bounds.per_contact_per_hour).await?;
        let at_limit = hour.contacts.iter().map(|(contact, name)| {
            let message = limits::at_limit_of_contact(name, bounds.per_contact_per_hour);
            (AlertKind::ContactLimit.about(contact.as_str()), message)
        });
        in_force.extend(at_limit);
        if bounds.messages_per_hour > 0 && hour.all >= u64::from(bounds.messages_per_hour) {
            in_force.push((AlertKind::MessageLimit.into(), limits::at_limit(bounds.messages_per_hour)));
        }
    }
    let is_ours = |a: &&AlertLine| matches!(a.key.kind(), AlertKind::ContactLimit | AlertKind::MessageLimit);
    for over in alerts.iter().filter(is_ours).filter(|a| !in_force.iter().any(|(key, _)| *key == a.key)) {
        raise(core, AlertChange::Resolve { key: over.key.clone() }).await?;
    }
    for (key, message) in in_force.into_iter().filter(|(key, _)| !alerts.iter().any(|a| a.key == *key)) {
        raise(core, AlertChange::Raise { key, call: None, message }).await?;
    }
    Ok(())
}

async fn raise(core: &Core, change: AlertChange) -> Result<(), StoreError> {
    core.apply(Event::Alert(change), Actor::engine()).await.map(drop)
}
