//! One message, or one phone call, of the provider is one attempt's: what says whose it is.

use super::alert::AlertKind;
use super::attempt::{Attempt, AttemptState, Channel};
use super::types::{AttemptId, MessageSid};
use super::work::{Illegal, Work};

/// The other attempt that this message is linked to, for people: one message is never two attempts'.
pub(super) fn linked_elsewhere(w: &Work<'_>, id: AttemptId, sid: &MessageSid) -> Option<String> {
    let others = w.loaded.calls.iter().filter(|c| c.call.id != w.state.call.id);
    others.chain([&w.state]).find_map(|c| {
        let theirs = |a: &&Attempt| a.id != id && a.sid.as_ref() == Some(sid);
        let a = c.attempts.iter().find(theirs)?;
        Some(format!("attempt {} of call {}", a.reference(&c.call.reference), c.call.id))
    })
}

/// Raises the alert that the provider names one message for two attempts.
pub(super) fn raise_linked(w: &mut Work<'_>, id: AttemptId, sid: &MessageSid, whose: &str) -> Result<(), Illegal> {
    let (number, call, what) = (w.attempt(id)?.number, w.state.call.id.clone(), named(sid));
    w.raise(
        AlertKind::SecondMessage.about(sid),
        format!("call {call}: the provider names {what} {sid} for attempt {number}, and it is that of {whose}"),
    );
    Ok(())
}

/// Whether this message can be this attempt's; where it cannot, a person is told why.
pub(super) fn may_be_of(w: &mut Work<'_>, id: AttemptId, sid: &MessageSid) -> Result<bool, Illegal> {
    let a = w.attempt(id)?;
    let (number, call, was) = (a.number, w.state.call.id.clone(), a.state);
    if sid.is_of_a_phone_call() != (a.channel == Channel::Voice) {
        // Somebody put an attempt's id into the address of another kind.
        return Ok(false);
    }
    match &a.sid {
        Some(known) if known != sid => {
            let text =
                format!("call {call}: the provider knows two messages of attempt {number}: {sid} besides {known}");
            w.raise(AlertKind::SecondMessage.about(sid), text);
            return Ok(false);
        }
        Some(_) => {}
        None => {
            if let Some(whose) = linked_elsewhere(w, id, sid) {
                raise_linked(w, id, sid, &whose)?;
                return Ok(false);
            }
        }
    }
    // A skipped or cancelled attempt never left: what the provider says of it is kept, and a person should look.
    if matches!(was, AttemptState::Skipped | AttemptState::Cancelled) {
        let text = format!("call {call}: the provider has a message of attempt {number}, which is {was}");
        w.raise(AlertKind::UnexpectedMessage.about(sid), text);
        return Ok(false);
    }
    Ok(true)
}

fn named(sid: &MessageSid) -> &'static str {
    if sid.is_of_a_phone_call() { "phone call" } else { "message" }
}
