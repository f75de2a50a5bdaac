//! Roll calls: who is asked and when ([`plan`]), and what becomes of each ([`decide`], [`send`], [`answer`]).
//!
//! A roll call belongs to no call: its texts are rows of its own, with an attempt's states and the same rules (intent before the
//! POST, a reference in the text, an unknown outcome that is found out before anything else is said of it). After a crash the rows
//! say what is to be done: asking is one row a holder and shift, so nobody is asked twice for one.

pub(crate) mod answer;
pub(crate) mod decide;
pub(crate) mod event;
pub(crate) mod plan;
pub(crate) mod send;
#[cfg(test)]
mod tests;
mod wording;

pub use wording::is_of_a_roll_call;

use serde_json::json;

use super::alert::{AlertChange, AlertKey, AlertKind};
use super::change::Change;
use super::log::{LogEntry, LogKind};
use super::oncall::roll_call::{RollCall, RollCallState};
use super::standalone_text::{Reader, StandaloneKind, StandaloneText};
use super::types::{Actor, Timestamp};
use super::work::Ctx;

/// The key of the one alert about it.
fn alert_key(of: &RollCall) -> AlertKey {
    AlertKind::RollCall.about(&of.id)
}

/// One entry of the log.
fn entry(of: &RollCall, kind: LogKind, by: &Actor, at: Timestamp, message: String) -> LogEntry {
    let data = json!({ "rollCall": of.id, "rotation": of.rotation, "contact": of.contact, "state": of.state,
        "from": of.from, "until": of.until, "reference": of.reference });
    LogEntry { kind, at, call: None, attempt: None, actor: by.clone(), message, data }
}

/// A further text, that waits to be sent.
fn add_text(of: &mut RollCall, ctx: &Ctx<'_>, kind: StandaloneKind, to: Reader) {
    let number = u32::try_from(of.texts.len()).unwrap_or(u32::MAX).saturating_add(1);
    of.texts.push(StandaloneText::new((ctx.new_id)(), number, kind, to, ctx.now));
}

/// Nobody knows whether the duty is held: the alert, and a text to the owner and the backup, once.
fn trouble(of: &mut RollCall, ctx: &Ctx<'_>, state: RollCallState, why: &str, by: &Actor, change: &mut Change) {
    let was = of.state;
    (of.state, of.wake_at, of.decided_at) = (state, None, Some(ctx.now));
    why.clone_into(&mut of.why);
    // What still waits asks for nothing any more.
    for text in of.texts.iter_mut().filter(|t| t.kind == StandaloneKind::Ask && t.state.is_waiting()) {
        text.skip("the roll call is decided");
    }
    let message = wording::alert(of, ctx.directory, why);
    change.log.push(entry(of, LogKind::RollCall, by, ctx.now, message.clone()));
    let raise = if was.is_trouble() {
        AlertChange::Again { key: alert_key(of), message }
    } else {
        AlertChange::Raise { key: alert_key(of), call: None, message }
    };
    change.alerts.push(raise);
    let is_told = of.texts.iter().any(|t| t.kind == StandaloneKind::Alert);
    if is_told {
        return;
    }
    for other in plan::others(ctx.directory, of, ctx.now) {
        add_text(of, ctx, StandaloneKind::Alert, other);
    }
}
