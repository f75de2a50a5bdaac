//! What the provider says of how many phone calls the account may place: an alert, in the change that tells of it.

use std::time::Duration;

use crate::domain::alert::AlertKind;
use crate::domain::work::Work;

/// A phone call that the provider keeps waiting for longer alarms.
const QUEUED_MAX: Duration = Duration::from_secs(30);

/// A phone call was accepted, and is expected to wait for so long before it is dialled.
pub(in crate::domain) fn queued(w: &mut Work<'_>, queued_for: Duration) {
    if queued_for <= QUEUED_MAX {
        return w.resolve(AlertKind::PhoneQueue);
    }
    let text = format!(
        "the provider queues our phone calls for {} s: more are asked for than the account may place; raise voice.per_second there and here, or ring fewer",
        queued_for.as_secs()
    );
    w.raise(AlertKind::PhoneQueue, text);
}

/// One was refused as too many are under way (10004).
pub(in crate::domain) fn too_many(w: &mut Work<'_>) {
    let text = "the provider places no further phone call while others of the account are under way (10004): it is tried again; an account without an approved business profile may have 2 at once, a trial 5: see the account's profile in its console";
    w.raise(AlertKind::PhoneLimit, text.to_owned());
}

/// One was accepted: the account may place them again.
pub(in crate::domain) fn not_too_many(w: &mut Work<'_>) {
    w.resolve(AlertKind::PhoneLimit);
}
