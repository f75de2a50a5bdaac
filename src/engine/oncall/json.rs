//! Documents of who is on call: the shapes of the command line and the listener (SPEC §4, §5).

use serde_json::{Value, json};

use super::making::{CoveredShift, Effect};
use crate::domain::oncall::outlook::{Difference, Gap};
use crate::domain::oncall::roll_call::RollCall;
use crate::domain::oncall::{DutyOverride, OverrideScope};
use crate::domain::standalone_text::StandaloneText;

pub fn gap(gap: &Gap) -> Value {
    json!({ "line": gap.line, "role": gap.role, "from": gap.from, "until": gap.until, "why": gap.why() })
}

/// An exception, as it is kept.
pub fn exception(o: &DutyOverride) -> Value {
    let (rotation, line, role) = match &o.scope {
        OverrideScope::Rotation(id) => (Some(id.as_str()), None, None),
        OverrideScope::Role { line, role } => (None, line.as_deref(), Some(role.as_str())),
        OverrideScope::Everywhere => (None, None, None),
    };
    json!({ "id": o.id, "rotation": rotation, "line": line, "role": role, "kind": o.kind, "contact": o.contact,
        "from": o.from, "until": o.until, "note": o.note, "by": o.by, "madeAt": o.made_at,
        "withdrawnAt": o.withdrawn.as_ref().map(|w| w.0), "withdrawnBy": o.withdrawn.as_ref().map(|w| w.1.as_str()) })
}

/// An exception with what it comes to.
pub fn made(o: &DutyOverride, is_new: bool, effect: &Effect) -> Value {
    let shift =
        |s: &CoveredShift| json!({ "rotation": s.rotation, "from": s.from, "until": s.until, "members": s.members });
    let covers: Vec<Value> = effect.covers.iter().map(shift).collect();
    let changes: Vec<Value> = effect.changes.iter().map(difference).collect();
    json!({ "override": exception(o), "changed": is_new, "covers": covers, "changes": changes })
}

pub fn difference(d: &Difference) -> Value {
    json!({ "line": d.line, "role": d.role, "from": d.from, "until": d.until, "before": d.before, "after": d.after })
}

/// A roll call with its texts.
pub fn roll_call(r: &RollCall) -> Value {
    let text = |t: &StandaloneText| {
        json!({ "attemptId": t.id, "reference": r.reference.attempt(t.number), "attemptState": t.state, "kind": t.kind,
            "contact": t.contact, "to": t.phone, "sid": t.sid, "status": t.message_status, "sentAt": t.sent_at, "result": t.result })
    };
    let texts: Vec<Value> = r.texts.iter().map(text).collect();
    json!({ "id": r.id, "rotation": r.rotation, "line": r.line, "role": r.role, "contact": r.contact, "contactName": r.name,
        "from": r.from, "until": r.until, "reference": r.reference, "state": r.state, "madeAt": r.made_at,
        "decidedAt": r.decided_at, "why": r.why, "attempts": texts })
}
