//! A call that comes whole from elsewhere: rebuilt after a lost disk from the shop's records and the provider's list.
//!
//! One transaction writes all of it or nothing, and an id that is in the store already is left alone: importing twice, or
//! after a crash in the middle of many, changes nothing that is there.

use serde_json::json;

use super::alert::{AlertChange, AlertKind};
use super::call::CallStatus;
use super::change::{Answer, Change};
use super::decide;
use super::event::{Import, Loaded, Reference};
use super::followthrough;
use super::log::LogKind;
use super::quiet;
use super::work::{Ctx, Illegal, Work};

/// Writes it where its id is free; else says what is there and changes nothing.
pub(super) fn import(loaded: &Loaded, import: &Import, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    if let Some(existing) = loaded.calls.first() {
        return Ok(Change { answer: Answer::Exists(Box::new(existing.clone())), ..Change::default() });
    }
    let mut w = Work::new(ctx, loaded, import.state.clone());
    let wanted = w.state.call.reference.clone();
    let free = loaded.free_reference.as_ref() == Some(&wanted);
    let mut lost = import.lost.clone();
    match import.reference {
        Reference::Fresh => {
            w.state.call.reference = loaded.free_reference.clone().ok_or(Illegal::Missing("a free reference"))?;
        }
        Reference::Kept if !free => {
            lost.push(format!("the reference {wanted} is another call's too: a reply with it means the newer one"));
        }
        Reference::Kept => {}
    }
    let (id, dialled) = (w.state.call.id.clone(), w.state.call.data.twilio_to_number.clone());
    let data = json!({
        "level": w.state.call.level,
        "reference": w.state.call.reference,
        "status": w.state.call.status,
        "attempts": w.state.attempts.len(),
        "notRebuilt": lost,
    });
    w.log(LogKind::CallImported, None, format!("Recovering lost retry: {}", import.how), data);
    decide::raise_warnings(&mut w, &id, dialled.as_deref(), &import.warnings);
    if !matches!(w.state.call.status, CallStatus::Dispatching | CallStatus::Deferred) {
        let text = format!(
            "call {id} was rebuilt as {}: {}; nobody is told any more. If that is wrong: dispatchctl reopen {id}",
            w.state.call.status, import.how
        );
        // What is final cannot be reopened, and nobody need look at it.
        if w.state.call.status.is_open() {
            w.change.alerts.push(AlertChange::Raise {
                key: AlertKind::Rebuilt.about(&id),
                call: Some(id),
                message: text,
            });
        }
    }
    quiet::put_off(&mut w);
    if w.state.call.status == CallStatus::Acknowledged {
        // Whoever has it was perhaps asked before; nobody knows, so their time begins anew.
        followthrough::begin(&mut w);
    }
    w.change.ingested.clone_from(&import.ingested);
    w.change.answer = Answer::Created(Box::new(w.state.clone()));
    Ok(w.into_change())
}
