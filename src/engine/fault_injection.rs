//! Drills on a test store: what they ask of a running engine, and guards taken away at their places in it.

use std::time::Duration;

use serde_json::{Value, json};
use tracing::warn;

use crate::clock;
use crate::domain::change::{Answer, ToSend};
use crate::domain::event::Event;
use crate::domain::types::{Actor, AttemptId};
use crate::failpoint::{self, FaultInjectionError, Orders};

use super::apply::Core;

/// The furthest that a drill steps the clock.
const OFFSET_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a `fault_injection` request is answered: `{"kill": "NAME[:NTH]", "guardsOff": ["NAME"…], "clockOffsetMs": N}`, any of them, on a
/// test store. Arms nothing yet.
pub(super) fn answer(payload: &Value) -> Value {
    let allowed = || if failpoint::is_allowed() { Ok(()) } else { Err(FaultInjectionError::Live.to_string()) };
    match checked(payload).and_then(|_| allowed()) {
        Ok(()) => json!({ "armed": true }),
        Err(why) => json!({ "error": why }),
    }
}

/// Arms what [`answer`] has promised. After the answer is stored: a request that killed its engine must not arm the next.
pub(super) fn arm(payload: &Value) {
    let armed = checked(payload).and_then(|(orders, offset)| {
        failpoint::arm(orders).map_err(|e| e.to_string())?;
        offset.map_or(Ok(()), |ms| clock::set_offset(ms).map_err(|e| e.to_string()))
    });
    if let Err(why) = armed {
        warn!(why, "a drill cannot be armed");
    }
}

fn checked(payload: &Value) -> Result<(Orders, Option<i64>), String> {
    let Some(map) = payload.as_object().filter(|m| !m.is_empty()) else {
        return Err("a drill asks for nothing".into());
    };
    if let Some(other) = map.keys().find(|k| !matches!(k.as_str(), "kill" | "guardsOff" | "clockOffsetMs")) {
        return Err(format!("a drill has no {other:?}; it has kill, guardsOff and clockOffsetMs"));
    }
    let text = |v: &Value| v.as_str().map(str::to_owned).ok_or_else(|| format!("{v} is not a name"));
    let kill = map.get("kill").map(text).transpose()?;
    let safeguards = match map.get("guardsOff") {
        None => None,
        Some(Value::Array(all)) => Some(all.iter().map(text).collect::<Result<Vec<_>, _>>()?),
        Some(other) => return Err(format!("guardsOff is a list of names: {other}")),
    };
    let safeguards = safeguards.as_ref().map(|all| all.iter().map(String::as_str));
    let orders = Orders::parse(kill.as_deref(), safeguards).map_err(|e| e.to_string())?;
    let offset = match map.get("clockOffsetMs") {
        None => None,
        Some(v) => {
            Some(v.as_i64().filter(|ms| u128::from(ms.unsigned_abs()) <= OFFSET_MAX.as_millis()).ok_or_else(|| {
                format!("clockOffsetMs is a number of milliseconds, at most {} either way", OFFSET_MAX.as_millis())
            })?)
        }
    };
    Ok((orders, offset))
}

impl Core {
    /// What a claim would allow, with nothing stored: the guard that the intent comes first is away.
    pub(super) async fn claim_unstored(&self, id: AttemptId, engine: &str) -> Option<ToSend> {
        let claim = Event::Claim { attempt: id, engine: engine.to_owned(), provider_after: None };
        match self.answer_unstored(claim, Actor::engine()).await? {
            Answer::Send(send) => Some(*send),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failpoint::AtPoint;

    #[test]
    fn a_drill_is_checked_whole_before_any_of_it_is_armed() {
        for (payload, says) in [
            (json!({}), "asks for nothing"),
            (json!([]), "asks for nothing"),
            (json!({ "kil": "intent.committed" }), "has no \"kil\""),
            (json!({ "kill": 3 }), "not a name"),
            (json!({ "kill": "nowhere" }), "no kill point"),
            (json!({ "guardsOff": "signature" }), "a list of names"),
            (json!({ "guardsOff": ["signatur"] }), "no guard"),
            (json!({ "clockOffsetMs": "1" }), "milliseconds"),
            (json!({ "clockOffsetMs": i64::MIN }), "milliseconds"),
        ] {
            let said = checked(&payload).expect_err("not a drill");
            assert!(said.contains(says), "{payload}: {said}");
        }
        let all = json!({ "kill": "intent.committed:2", "guardsOff": [], "clockOffsetMs": -30_000 });
        let (orders, offset) = checked(&all).expect("a drill");
        assert_eq!(
            (orders.kill, orders.safeguards_off, offset),
            (Some(("intent.committed", 2, AtPoint::Dies)), Some(vec![]), Some(-30_000))
        );
    }
}
