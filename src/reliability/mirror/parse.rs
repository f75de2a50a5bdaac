//! What a scenario file says of the shop's record.

use std::time::Duration;

use serde_json::Value;

use crate::sandbox::StaffAction;

use super::super::reader::{Reader, Section};
use super::super::scenario::{Action, Condition, Given, MirrorThen};

/// What is promised where Airtable is well, and a file says nothing else.
const WITHIN: Duration = Duration::from_secs(5);
const EQUAL: &str = "\"equal\": Airtable has every attempt and call once, as the store has it";

/// `mirror = "equal"`, the one thing that can be expected of all rows.
pub(in super::super) fn equal(r: &mut Reader, s: &mut Section) -> Option<()> {
    r.parsed(s, "mirror", EQUAL, |t| (t == "equal").then_some(()))
}

/// `mirror = "equal"` of `[then]`, with `mirror_within` where Airtable was not well.
pub(in super::super) fn whole(r: &mut Reader, s: &mut Section, given: &Given) -> Option<MirrorThen> {
    let line = s.line;
    if !s.has("mirror") {
        if s.has("mirror_within") {
            r.wrong(line, "then.mirror_within", "goes with mirror", EQUAL);
            let _ = r.duration(s, "mirror_within");
        }
        return None;
    }
    if !given.config.contains_key("airtable") {
        r.wrong(line, "then.mirror", "is expected, and no base is given", "a [given.config.airtable]");
    }
    let within = r.duration(s, "mirror_within").unwrap_or(WITHIN);
    equal(r, s).map(|()| MirrorThen { within })
}

/// `{ call, attempt, row }`: what an attempt's row, or where no attempt is named the call's, says it stands at.
pub(in super::super) fn row(r: &mut Reader, w: &mut Section, call: String) -> Condition {
    let word = r.text(w, "row", "the row's status, like \"delivered\"; \"none\": there is no row");
    let word = word.unwrap_or_default();
    Condition::Row { call, attempt: r.count(w, "attempt"), word }
}

/// `airtable = { do = "edit_record", ... }`: as `POST /_sandbox/airtable` takes it.
pub(in super::super) fn by_hand(r: &mut Reader, s: &mut Section) -> Option<Action> {
    let path = s.path.clone();
    let node = r.any(s, "airtable")?;
    let action: Value = node.json();
    match serde_json::from_value::<StaffAction>(action.clone()) {
        Ok(_) => Some(Action::ByHand(action)),
        Err(e) => {
            r.wrong(node.line, &format!("{path}.airtable"), &e.to_string(), "");
            None
        }
    }
}

/// `disk = "lost"`.
pub(in super::super) fn disk(r: &mut Reader, s: &mut Section) -> Option<Action> {
    r.parsed(s, "disk", "\"lost\"", |t| (t == "lost").then_some(Action::DiskLost))
}
