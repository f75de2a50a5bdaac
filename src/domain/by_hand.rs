//! Steps that an operator fires before their time, one transaction each. What was fired is not fired again.

use super::ladder::{step_data, step_name, total, wait_before};
use super::ladder_end::last_resort_now;
use super::log::LogKind;
use super::sequence::{fire, fire_missed, missed_steps, notified_since};
use super::work::{Illegal, Work};

/// Fires the next step at once, due or not (an operator's word); what follows counts from now.
pub(super) fn fire_now(w: &mut Work<'_>) -> Result<bool, Illegal> {
    if w.state.call.deferred_from.is_some() || w.state.call.wake_at.is_some_and(|at| at <= w.now()) {
        fire_missed(w)?;
        return Ok(true);
    }
    let index = w.state.call.next_step;
    if index >= total(w) {
        return last_resort_now(w, "an operator asked for it");
    }
    let (now, next_due) = (w.now(), w.now().plus(wait_before(w, index + 1)));
    fire(w, &[index], index, next_due, now, &[])?;
    Ok(true)
}

/// Fires this step of the round at once, due or not; what follows counts from now. Steps before it that are due are fired with it,
/// each contact told once; those that are not due are skipped. Why not, where it cannot be fired.
pub(super) fn fire_step(w: &mut Work<'_>, step: u32) -> Result<Option<String>, Illegal> {
    let (call, now, total) = (&w.state.call, w.now(), total(w));
    if step >= total {
        return Ok(Some(format!("it has no step {}: its ladder has {total}", u64::from(step) + 1)));
    }
    let next = call.next_step;
    if call.muted {
        return Ok(Some("its follow-ups were cancelled".to_owned()));
    }
    if step < next {
        return Ok(Some(format!("{} was fired or skipped already", step_name(w, step))));
    }
    let deferred = call.deferred_from;
    let due = deferred.or(call.wake_at).map_or(now, |at| at.min(now));
    let mut fired: Vec<u32> = missed_steps(call, now).into_iter().filter(|i| *i < step).collect();
    let round = call.round;
    for index in (next..step).filter(|i| !fired.contains(i)) {
        let text = format!("{} skipped: {} was run by hand before it was due", step_name(w, index), step_name(w, step));
        w.log(LogKind::StepSkipped, None, text, step_data(round, index));
    }
    fired.push(step);
    let notified = deferred.map(|since| notified_since(w, since)).unwrap_or_default();
    fire(w, &fired, step, now.plus(wait_before(w, step + 1)), due, &notified)?;
    Ok(None)
}
