//! Quiet hours of a level: a call that can wait for the morning wakes nobody by its ladder.
//!
//! A step that would fire within them fires at their end, and what follows counts from there. The settings in force decide when
//! it fires, not those of the call's acceptance. The wait is the call's wake time: a restart forgets nothing. Who was told before
//! they began may answer, and a text that failed is sent again as always.

use serde_json::json;

use super::call::{Call, CallStatus};
use super::ladder::{step_data, step_name, total};
use super::levels::{HIGH, zone_named};
use super::log::LogKind;
use super::team::Directory;
use super::types::Timestamp;
use super::work::Work;

/// Edges of hours that follow one another without a gap, at most; more are no quiet hours but silence.
const EDGES_MAX: usize = 8;

/// The field of a call's data that says: nobody knows whether its level was stated, so that quiet hours do not hold it.
pub const LEVEL_UNSAID: &str = "levelUnsaid";

/// When a step of this call fires that is due at `at`: then, or at the end of the quiet hours of its level. A call whose level
/// nobody stated, one of level `high`, and one that was handed back, raised or opened again is never held.
pub fn due(directory: &Directory, call: &Call, at: Timestamp) -> Timestamp {
    if call.round > 1 {
        // A person opened this round, or whoever had the job has it no more: somebody waits for it now.
        return at;
    }
    let stated = call.data.emergency_level.as_deref().is_some_and(|level| !level.trim().is_empty());
    if !stated || call.data.extra.contains_key(LEVEL_UNSAID) {
        return at;
    }
    ends(directory, call.data.twilio_to_number.as_deref(), &call.level, at).unwrap_or(at)
}

/// When the quiet hours of this level on this line end that contain this moment.
pub fn ends(directory: &Directory, dialled: Option<&str>, level: &str, at: Timestamp) -> Option<Timestamp> {
    let (line, _) = directory.line(dialled);
    let policy = directory.policy(line, level).filter(|p| p.name != HIGH)?;
    let (hours, zone) = (policy.quiet.as_ref()?, zone_named(directory.zone(line)));
    let mut end = at;
    for _ in 0..EDGES_MAX {
        if !hours.contain(end, &zone) {
            return (end > at).then_some(end);
        }
        end = hours.next_edge(end, &zone)?;
    }
    None
}

/// Whether the quiet hours of the call's level are on.
pub(super) fn is_on(w: &Work<'_>) -> bool {
    due(w.ctx.directory, &w.state.call, w.now()) > w.now()
}

/// Puts off what would fire within quiet hours to their end. Done twice changes nothing.
pub(super) fn put_off(w: &mut Work<'_>) {
    let call = &w.state.call;
    let Some(wake) = call.wake_at.filter(|_| call.status == CallStatus::Dispatching) else { return };
    // A call that waits for a better report may run as another level by then.
    if call.waits_for_report() && wake > w.now() {
        return;
    }
    let until = due(w.ctx.directory, call, wake.max(w.now()));
    if until == wake || until <= w.now() {
        return;
    }
    let (round, index) = (call.round, call.next_step);
    let what = if index < total(w) { step_name(w, index) } else { "the end of the ladder".to_owned() };
    w.state.call.wake_at = Some(until);
    w.state.call.deferred_from = None;
    if w.state.notices.is_empty() {
        w.state.call.held_until = Some(until);
    }
    let mut data = step_data(round, index);
    if let Some(map) = data.as_object_mut() {
        map.insert("until".into(), json!(until));
    }
    let text = format!("{what} waits until {until}: quiet hours of level {}", w.state.call.level);
    w.log(LogKind::StepDeferred, None, text, data);
}
