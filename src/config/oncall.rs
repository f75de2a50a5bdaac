//! `[oncall]`: how far ahead gaps are looked for, and when they are warned of.

use std::time::Duration;

use super::forms::{DURATION_FORM, parse_duration, show_duration};
use super::read::{Reader, Section};
use crate::domain::oncall::OnCallRules;
use crate::domain::oncall::roll_call::RollCallTime;

const GAP_FORM: &str = "a duration like \"72h\"";
/// Nothing is looked for further ahead.
const LOOK_AHEAD_MAX: Duration = Duration::from_secs(366 * 86_400);

/// What is further apart is no repetition of one emergency.
const MERGE_WITHIN_MAX: Duration = Duration::from_secs(86_400);

/// Nobody answers faster, and what is answered later is no warning before the night.
const REPLY_MIN: Duration = Duration::from_secs(1);
const REPLY_MAX: Duration = Duration::from_secs(12 * 3_600);

/// Reads `[oncall]`.
pub(super) fn oncall(r: &mut Reader, root: &mut Section) -> OnCallRules {
    let mut s = r.section(root, "oncall");
    let default = OnCallRules::default();
    let look_ahead = r.duration(&mut s, "look_ahead");
    if let Some(found) = look_ahead.as_ref().filter(|f| f.value.is_zero() || f.value > LOOK_AHEAD_MAX) {
        r.wrong(found.origin.clone(), &found.key, "is none, or longer than a year", DURATION_FORM);
    }
    let gap = r.list(&mut s, "gap_warning", GAP_FORM, parse_duration, |d| show_duration(*d));
    let merge_within = r.duration(&mut s, "merge_within");
    if let Some(found) = merge_within.as_ref().filter(|f| f.value > MERGE_WITHIN_MAX) {
        r.wrong(found.origin.clone(), &found.key, "is longer than a day", DURATION_FORM);
    }
    let busy_last = r.boolean(&mut s, "busy_last");
    let time = |text: &str| {
        RollCallTime::read(text, |t| parse_duration(t).ok()).ok_or_else(|| "is no time of a roll call".to_owned())
    };
    let shown = |at: &RollCallTime| match at {
        RollCallTime::At(time) => time.strftime("%H:%M").to_string(),
        RollCallTime::Before(before) => format!("-{}", show_duration(*before)),
    };
    let roll_call = r.parsed(&mut s, "roll_call", RollCallTime::FORM, time, shown);
    let roll_call_reply = r.duration(&mut s, "roll_call_reply");
    if let Some(found) = roll_call_reply.as_ref().filter(|f| !(REPLY_MIN..=REPLY_MAX).contains(&f.value)) {
        r.wrong(found.origin.clone(), &found.key, "is under 1 s or over 12 h", DURATION_FORM);
    }
    r.finish(s);
    let mut gap_warning: Vec<Duration> =
        gap.map_or_else(|| default.gap_warning.clone(), |all| all.into_iter().map(|f| f.value).collect());
    gap_warning.sort_by(|a, b| b.cmp(a));
    gap_warning.dedup();
    OnCallRules {
        look_ahead: look_ahead.map_or(default.look_ahead, |f| f.value),
        gap_warning,
        merge_within: merge_within.map_or(default.merge_within, |f| f.value),
        busy_last: busy_last.map_or(default.busy_last, |f| f.value),
        roll_call: roll_call.map(|f| f.value),
        roll_call_reply: roll_call_reply.map_or(default.roll_call_reply, |f| f.value),
    }
}
