//! `[followthrough]`: calls that somebody took and says nothing more of.

use std::time::Duration;

use super::forms::{DURATION_FORM, parse_duration, show_duration};
use super::read::{Reader, Section};
use crate::domain::rules::{FollowthroughRules, SilentHolder};

const ASK_FORM: &str = "a duration like \"45m\", or \"\" for never";
/// Nobody reads faster, and what is asked later is no matter of a night.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(86_400);

/// Reads `[followthrough]`.
pub(super) fn followthrough(r: &mut Reader, root: &mut Section) -> FollowthroughRules {
    let mut s = r.section(root, "followthrough");
    let default = FollowthroughRules::default();
    let ask_after = r.parsed(&mut s, "ask_after", ASK_FORM, parse_duration, |d| show_duration(*d));
    let reopen_after = r.duration(&mut s, "reopen_after");
    for found in [ask_after.as_ref(), reopen_after.as_ref()].into_iter().flatten() {
        if !(SHORTEST..=LONGEST).contains(&found.value) {
            r.wrong(found.origin.clone(), &found.key, "is under 1 s or over a day", DURATION_FORM);
        }
    }
    let reopen = r.boolean(&mut s, "reopen");
    r.finish(s);
    FollowthroughRules {
        ask_after: ask_after.map(|f| f.value),
        reopen_after: reopen_after.map_or(default.reopen_after, |f| f.value),
        silent: match reopen.is_some_and(|f| f.value) {
            true => SilentHolder::Loses,
            false => SilentHolder::Keeps,
        },
    }
}
