//! What a decision is shown beside its call, where the rules ask for that.

use std::time::Duration;

use crate::domain::event::{Event, Load};
use crate::domain::limits;
use crate::domain::rules::Rules;
use crate::domain::types::Timestamp;

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
