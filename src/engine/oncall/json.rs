//! Documents of who is on call: the shapes of the command line and the listener (SPEC §4, §5).

use serde_json::{Value, json};

use super::making::{CoveredShift, Effect};
use crate::domain::oncall::outlook::{Difference, Gap, Outlook};
use crate::domain::oncall::timeline::HeldSpan;
use crate::domain::oncall::{DutyOverride, OverrideScope};
use crate::domain::team::Directory;
use crate::domain::types::Role;

/// `holders` with until when and why, and `next`.
pub fn outlook(directory: &Directory, of: &[Outlook<'_>]) -> (Value, Value) {
    let holders: Vec<Value> = of
        .iter()
        .flat_map(|o| &o.holders)
        .map(|(h, until)| json!({ "contact": h.contact.id, "until": until, "why": h.why.describe(directory) }))
        .collect();
    let next = |span: &HeldSpan<'_>| -> Vec<Value> {
        let one = |h: &crate::domain::oncall::Holder<'_>| json!({ "contact": h.contact.id, "from": span.from, "until": span.until, "why": h.why.describe(directory) });
        span.holders.iter().map(one).collect()
    };
    let next: Vec<Value> = of.iter().filter_map(|o| o.next.as_ref()).flat_map(next).collect();
    (holders.into(), next.into())
}

/// The spans of a role of a line.
pub fn spans(directory: &Directory, line: Option<&str>, role: &Role, of: &[HeldSpan<'_>]) -> Vec<Value> {
    let span = |s: &HeldSpan<'_>| {
        let one = |h: &crate::domain::oncall::Holder<'_>| json!({ "contact": h.contact.id, "why": h.why.describe(directory) });
        let holders: Vec<Value> = s.holders.iter().map(one).collect();
        json!({ "line": line, "role": role, "from": s.from, "until": s.until, "holders": holders })
    };
    of.iter().map(span).collect()
}

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
