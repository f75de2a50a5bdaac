//! A roll call begins, is asked again, and ends.

use std::time::Duration;

use super::plan::{self, NewRollCall};
use super::{add_text, alert_key, entry, trouble};
use crate::domain::alert::AlertChange;
use crate::domain::change::Change;
use crate::domain::event::Loaded;
use crate::domain::log::LogKind;
use crate::domain::oncall::roll_call::{RollCall, RollCallId, RollCallState};
use crate::domain::standalone_text::{Reader, StandaloneKind, StandaloneText};
use crate::domain::team::Directory;
use crate::domain::types::{Actor, Timestamp};
use crate::domain::work::Ctx;

/// How often the holder is asked.
const ASKS: usize = 2;
/// Where no texts can be sent, a roll call is looked at again so soon.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Somebody is to be asked. Whoever was asked for this shift already, or for one that lasts longer than its begin, is not asked a
/// second time: a shift that a reload has moved is the same one. One that was over, as another held it meanwhile, begins anew.
pub fn make(loaded: &Loaded, new: &NewRollCall, id: &RollCallId, ctx: &Ctx<'_>) -> Change {
    let same = |r: &&RollCall| r.rotation == new.rotation && r.contact == new.contact && r.until > new.from;
    let Some(reference) = loaded.free_reference.clone() else { return Change::default() };
    if loaded.roll_calls.iter().any(|r| same(&r) && r.state != RollCallState::Over) {
        return Change::default();
    }
    if let Some(over) = loaded.roll_calls.iter().find(|r| same(r) && r.from == new.from) {
        return again(over.clone(), new, ctx);
    }
    let mut made = RollCall {
        id: id.clone(),
        rotation: new.rotation.clone(),
        line: new.line.clone(),
        role: new.role.clone(),
        contact: new.contact.clone(),
        name: new.name.clone(),
        phone: new.phone.clone(),
        from: new.from,
        until: new.until,
        reference,
        state: RollCallState::Asked,
        made_at: ctx.now,
        wake_at: Some(ctx.now.plus(ctx.rules.oncall.roll_call_reply)),
        decided_at: None,
        why: String::new(),
        texts: Vec::new(),
    };
    ask(&mut made, ctx);
    let message = format!("roll call of {} for {} begins", made.name, made.rotation);
    let log = vec![entry(&made, LogKind::RollCall, &ctx.actor, ctx.now, message)];
    Change { roll_calls: vec![made], log, ..Change::default() }
}

/// It was over, as another held the duty; now its holder has it again.
fn again(over: RollCall, new: &NewRollCall, ctx: &Ctx<'_>) -> Change {
    let mut of = RollCall {
        line: new.line.clone(),
        role: new.role.clone(),
        name: new.name.clone(),
        phone: new.phone.clone(),
        until: new.until,
        state: RollCallState::Asked,
        made_at: ctx.now,
        wake_at: Some(ctx.now.plus(ctx.rules.oncall.roll_call_reply)),
        decided_at: None,
        why: String::new(),
        ..over
    };
    ask(&mut of, ctx);
    let message = format!("roll call of {} for {} begins anew: they hold it again", of.name, of.rotation);
    let log = vec![entry(&of, LogKind::RollCall, &ctx.actor, ctx.now, message)];
    Change { roll_calls: vec![of], log, ..Change::default() }
}

fn ask(of: &mut RollCall, ctx: &Ctx<'_>) {
    let to = Reader { contact: of.contact.clone(), name: of.name.clone(), phone: of.phone.clone() };
    add_text(of, ctx, StandaloneKind::Ask, to);
}

/// Its time has come: it is asked again, given up, or over.
pub fn due(loaded: &Loaded, id: &RollCallId, ctx: &Ctx<'_>) -> Change {
    let Some(found) = loaded.roll_calls.iter().find(|r| &r.id == id) else { return Change::default() };
    let mut of = found.clone();
    let mut change = Change::default();
    if is_over(&of, ctx.directory, ctx.now) {
        end(&mut of, ctx, &mut change);
    } else if of.state != RollCallState::Asked || of.wake_at.is_none_or(|at| at > ctx.now) {
        return change;
    } else if of.asks_now().count() < ASKS && !of.asks_now().any(|t| t.state.is_waiting()) {
        ask(&mut of, ctx);
        of.wake_at = Some(ctx.now.plus(ctx.rules.oncall.roll_call_reply));
        let message = format!("no answer of {} to the roll call for {}: asked again", of.name, of.rotation);
        change.log.push(entry(&of, LogKind::RollCall, &ctx.actor, ctx.now, message));
    } else if !of.asks_now().any(StandaloneText::may_have_arrived) {
        let since = of.made_at.plus(ctx.rules.oncall.roll_call_reply.saturating_mul(2));
        if ctx.now < since {
            of.wake_at = Some(since.min(ctx.now.plus(LOOK_AGAIN)));
        } else {
            trouble(&mut of, ctx, RollCallState::Failed, "no text could be sent", &Actor::engine(), &mut change);
        }
    } else {
        trouble(&mut of, ctx, RollCallState::Silent, "no answer to two texts", &Actor::engine(), &mut change);
    }
    change.roll_calls.push(of);
    change
}

/// Whether nobody has to answer for it any more: the shift has ended, or the holder does not have the duty at the next moment of it
/// at which it is held.
pub fn is_over(of: &RollCall, directory: &Directory, now: Timestamp) -> bool {
    let rotation = directory.rotation(&of.rotation);
    let holds = || rotation.is_some_and(|r| plan::still_holds(directory, r, &of.contact, (of.from, of.until), now));
    of.until <= now || !holds()
}

/// Nobody has to answer it any more: the shift is over, or another holds it.
fn end(of: &mut RollCall, ctx: &Ctx<'_>, change: &mut Change) {
    if of.state == RollCallState::Over {
        return;
    }
    let was = of.state;
    for text in of.texts.iter_mut().filter(|t| t.state.is_waiting()) {
        text.skip("the shift is over, or another holds it");
    }
    of.wake_at = None;
    if was == RollCallState::Confirmed {
        return;
    }
    (of.state, of.decided_at) = (RollCallState::Over, Some(ctx.now));
    let message =
        format!("the roll call of {} for {} is over: another holds it, or the shift has ended", of.name, of.rotation);
    change.log.push(entry(of, LogKind::RollCall, &ctx.actor, ctx.now, message));
    change.alerts.push(AlertChange::Resolve { key: alert_key(of) });
}
