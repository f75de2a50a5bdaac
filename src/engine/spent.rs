//! How many texts went out within an hour: what a claim is shown of it, and the alerts about it.

use std::time::Duration;

use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::event::{Event, Load};
use crate::domain::limits;
use crate::domain::rules::Rules;
use crate::domain::types::{Actor, Timestamp};
use crate::store::{AlertLine, StoreError};

use super::apply::Core;

/// Who took a call so long ago is not on that job any more, whatever they said.
const BUSY_FOR: Duration = Duration::from_secs(4 * 3600);

/// With who is on a job, and with what a claim is shown of the last hour, where the rules ask for that.
pub(super) fn with_counts(load: Load, event: &Event, rules: &Rules, now: Timestamp) -> Load {
    let load = match rules.oncall.busy_last {
        true => Load::WithBusy { of: Box::new(load), since: now.minus(BUSY_FOR) },
        false => load,
    };
    let bounds = &rules.limits;
    match event {
        Event::Claim { .. } if bounds.counts() => Load::WithSpent {
            of: Box::new(load),
            since: now.minus(limits::HOUR),
            per_contact: bounds.per_contact_per_hour,
            all: bounds.messages_per_hour,
        },
        _ => load,
    }
}

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
