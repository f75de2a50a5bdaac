//! What a holder answers to a roll call.

use super::{alert_key, entry, trouble, wording};
use crate::domain::alert::AlertChange;
use crate::domain::change::Change;
use crate::domain::log::LogKind;
use crate::domain::oncall::roll_call::{RollCall, RollCallState};
use crate::domain::types::Actor;
use crate::domain::work::Ctx;

/// Whether this roll call can be answered: its shift is not over.
pub fn is_answerable(of: &RollCall, ctx: &Ctx<'_>) -> bool {
    of.until > ctx.now && of.state != RollCallState::Over
}

/// `1`: the duty is held. Said again it changes nothing; said late, the alert is over. What is answered.
pub fn confirm(of: &mut RollCall, by: &Actor, ctx: &Ctx<'_>, change: &mut Change) -> String {
    if is_answerable(of, ctx) && of.state != RollCallState::Confirmed {
        let was_trouble = of.state.is_trouble();
        (of.state, of.wake_at, of.decided_at) = (RollCallState::Confirmed, None, Some(ctx.now));
        of.why.clear();
        // Neither the second question nor the word to the others is needed any more.
        for text in of.texts.iter_mut().filter(|t| t.state.is_waiting()) {
            text.skip("the roll call was answered");
        }
        let message = format!("{} confirmed being on call for {}", of.name, of.rotation);
        change.log.push(entry(of, LogKind::RollCallAnswered, by, ctx.now, message));
        if was_trouble {
            change.alerts.push(AlertChange::Resolve { key: alert_key(of) });
        }
    }
    wording::answer(of, ctx.directory)
}

/// `2`: they cannot. It changes no holder: the office must. What is answered.
pub fn refuse(of: &mut RollCall, why: &str, by: &Actor, ctx: &Ctx<'_>, change: &mut Change) -> String {
    if is_answerable(of, ctx) && of.state != RollCallState::Refused {
        let message = format!("{} cannot be on call for {}: {why}", of.name, of.rotation);
        change.log.push(entry(of, LogKind::RollCallAnswered, by, ctx.now, message));
        trouble(of, ctx, RollCallState::Refused, why, by, change);
    }
    wording::answer(of, ctx.directory)
}

/// What somebody is asked whose words are no answer.
pub fn one_or_two(of: &RollCall) -> String {
    wording::one_or_two(of)
}
