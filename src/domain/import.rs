//! A call that comes whole from elsewhere: rebuilt after a lost disk from the shop's records and the provider's list.
//!
//! One transaction writes all of it or nothing, and an id that is in the store already is left alone: importing twice, or
//! after a crash in the middle of many, changes nothing that is there.

use serde_json::json;

use super::alert::AlertKind;
use super::call::{CallState, CallStatus};
use super::decide;
use super::event::{AlertChange, Answer, Change, InboundRow, Loaded, LogKind};
use super::step::{Ctx, Illegal, Work};
use super::types::CallRef;

/// One call as it was found elsewhere.
#[derive(Debug, Clone)]
pub struct Import {
    /// The call with its notices and attempts, under the ids, numbers and messages that they had.
    pub state: CallState,
    /// Whether its reference is a fresh one.
    pub reference: Reference,
    /// Replies that were heard and answered before: they are not heard a second time.
    pub heard: Vec<InboundRow>,
    /// How it was rebuilt, one sentence for a person.
    pub how: String,
    /// What could not be rebuilt, and what is not certain.
    pub lost: Vec<String>,
    /// What is odd about its paperwork: each raises an alert (kind, text).
    pub oddities: Vec<(AlertKind, String)>,
}

/// Where the reference of an imported call comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Texts that are out carry it: it stays, whatever else has it.
    Kept,
    /// Nobody has read it yet: a free one takes its place where it is taken.
    Fresh,
}

impl Import {
    /// References to choose from, the wanted one first.
    pub fn references(&self, more: impl Iterator<Item = CallRef>) -> Vec<CallRef> {
        std::iter::once(self.state.call.reference.clone()).chain(more).collect()
    }
}

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
    decide::raise_oddities(&mut w, &id, dialled.as_deref(), &import.oddities);
    if w.state.call.status != CallStatus::Dispatching {
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
    w.change.heard.clone_from(&import.heard);
    w.change.answer = Answer::Created(Box::new(w.state.clone()));
    Ok(w.into_change())
}
