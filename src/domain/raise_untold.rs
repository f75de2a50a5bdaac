//! Whoever has a call is texted that its level was raised, or asked whether it goes on; where that text may not have arrived, a
//! person must ring them.

use super::alert::AlertKind;
use super::attempt::{Attempt, AttemptKind, Priority};
use super::call::CallStatus;
use super::work::Work;

/// Pages where `a` is the text of a raise or a question, and whoever it was for still has the call.
pub(super) fn page(w: &mut Work<'_>, a: &Attempt, why: &str) {
    let call = &w.state.call;
    let has_it = call.status == CallStatus::Acknowledged && call.holder.as_ref() == Some(&a.recipient.contact);
    if a.kind == AttemptKind::Question && has_it && call.asked_at.is_some() {
        let (id, name) = (call.id.clone(), a.recipient.name.clone());
        let message = format!(
            "{name}, who took call {id}, could not be asked whether it goes on: attempt {} {why}. Ring them",
            a.number
        );
        w.raise(AlertKind::TakenSilent.about(&id), message);
        return;
    }
    // Other updates go as reminders.
    if a.kind != AttemptKind::Update || a.priority != Priority::First || !has_it {
        return;
    }
    let (id, name) = (call.id.clone(), a.recipient.name.clone());
    let message = format!(
        "call {id} is {} now, and {name}, who has it, may not know: attempt {} {why}. Ring them",
        call.level.to_uppercase(),
        a.number
    );
    w.raise(AlertKind::RaiseUntold.about(&id), message);
}
