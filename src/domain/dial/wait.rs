//! When an attempt waits for a phone call: one number rings another once at a time, and whoever is listening to us is not texted.
//!
//! A phone call has no text by which it could be told from another in the provider's list: as long as there is one at a time from one
//! number to another, what is found there is that one (`facts/twilio-voice.md` §7).

use std::time::Duration;

use crate::domain::attempt::{Attempt, AttemptKind, Channel, Priority};
use crate::domain::types::Timestamp;
use crate::domain::work::Work;

/// How long an attempt waits each time it is looked at.
pub(in crate::domain) const PAUSE: Duration = Duration::from_secs(2);
/// No phone call of ours is longer, queued, rung and spoken (`TimeLimit` 180 s): one whose end nobody told bars nothing for ever.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// So long after it was placed a phone call is over, whatever its last word says: rung, and spoken for `TimeLimit`.
const LISTENS: Duration = Duration::from_secs(4 * 60);

/// Why this attempt waits.
pub(in crate::domain) fn of(w: &Work<'_>, a: &Attempt) -> Option<&'static str> {
    if a.channel == Channel::Voice && !w.ctx.rules.off.one_phone_call && is_ringing(w, a) {
        return Some("a phone call to this number is under way");
    }
    let theirs = |b: &&Attempt| b.recipient.phone == a.recipient.phone && b.is_being_spoken();
    let listens = || w.state.attempts.iter().filter(theirs).any(|b| is_within(w, b.sent_at, LISTENS));
    let may_wait = a.kind == AttemptKind::Notice && a.channel == Channel::Sms && a.priority != Priority::First;
    (may_wait && listens()).then_some("its reader is on the phone with us about it")
}

/// Whether a phone call from the same number to the same number is open, of whatever call.
fn is_ringing(w: &Work<'_>, a: &Attempt) -> bool {
    let Some(from) = &w.ctx.directory.voice_from else { return false };
    w.loaded.phone_calls.iter().any(|open| {
        open.attempt != a.id
            && open.to == a.recipient.phone.e164()
            && open.from == from.as_str()
            && is_within(w, Some(open.sent_at), LONGEST)
    })
}

fn is_within(w: &Work<'_>, sent_at: Option<Timestamp>, longest: Duration) -> bool {
    sent_at.is_some_and(|at| w.now().since(at) < longest)
}
