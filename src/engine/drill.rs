//! Drills on a test store: what they ask of a running engine, and guards taken away at their places in it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tracing::warn;

use crate::clock;
use crate::domain::change::{Answer, ToSend};
use crate::domain::event::{Event, Loaded};
use crate::domain::guards::GuardsOff;
use crate::domain::rules::Rules;
use crate::domain::step::step;
use crate::domain::types::{Actor, AttemptId};
use crate::domain::work::Ctx;
use crate::killpoint::{self, DrillError, Guard, Orders};
use crate::store::StoreError;

use super::apply::{Core, phones_of};

/// The furthest that a drill steps the clock.
const OFFSET_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// The rules, with what a drill has taken away of the guards.
pub(super) fn rules_in_force(rules: &Rules) -> Rules {
    let off = GuardsOff {
        claim_check: Guard::ClaimCheck.is_off(),
        claim_recheck: Guard::ClaimRecheck.is_off(),
        monotone_receipts: Guard::MonotoneReceipts.is_off(),
        reply_dedup: Guard::ReplyDedup.is_off(),
        last_text: Guard::LastText.is_off(),
        reply_time: Guard::ReplyTime.is_off(),
        prompts: Guard::Prompts.is_off(),
        provider_times: Guard::ProviderTimes.is_off(),
        last_resort: Guard::LastResort.is_off(),
    };
    Rules { off, ..rules.clone() }
}

/// What a `drill` request is answered: `{"kill": "NAME[:NTH]", "guardsOff": ["NAME"…], "clockOffsetMs": N}`, any of them, on a
/// test store. Arms nothing yet.
pub(super) fn answer(payload: &Value) -> Value {
    let allowed = || if killpoint::is_allowed() { Ok(()) } else { Err(DrillError::Live.to_string()) };
    match checked(payload).and_then(|_| allowed()) {
        Ok(()) => json!({ "armed": true }),
        Err(why) => json!({ "error": why }),
    }
}

/// Arms what [`answer`] has promised. After the answer is stored: a request that killed its engine must not arm the next.
pub(super) fn arm(payload: &Value) {
    let armed = checked(payload).and_then(|(orders, offset)| {
        killpoint::arm(orders).map_err(|e| e.to_string())?;
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
    let guards = match map.get("guardsOff") {
        None => None,
        Some(Value::Array(all)) => Some(all.iter().map(text).collect::<Result<Vec<_>, _>>()?),
        Some(other) => return Err(format!("guardsOff is a list of names: {other}")),
    };
    let guards = guards.as_ref().map(|all| all.iter().map(String::as_str));
    let orders = Orders::parse(kill.as_deref(), guards).map_err(|e| e.to_string())?;
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
        let now = self.clock.now();
        let (directory, event) =
            (self.directory(), Event::Claim { attempt: id, engine: engine.to_owned(), provider_after: None });
        let (load, phones) = (self.load_for(&event, now), phones_of(&event, &directory));
        let seen: Arc<Mutex<Option<ToSend>>> = Arc::default();
        let decide = {
            let (ids, rules, seen) = (self.ids.clone(), rules_in_force(&self.rules()), seen.clone());
            move |loaded: &Loaded| {
                let new_id = || AttemptId::from_uuid(ids.uuid(now));
                let actor = Actor::engine();
                let ctx = Ctx { now, directory: &directory, rules: &rules, new_id: &new_id, actor };
                let change = step(loaded, &event, &ctx).map_err(|e| e.to_string())?;
                if let Answer::Send(send) = change.answer {
                    *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(*send);
                }
                Err("a drill stores no intent".to_owned())
            }
        };
        let kept: Result<_, StoreError> = self.store.transact(load, phones, Arc::new(decide)).await;
        debug_assert!(kept.is_err(), "nothing is stored");
        seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (orders.kill, orders.guards_off, offset),
            (Some(("intent.committed", 2)), Some(vec![]), Some(-30_000))
        );
    }
}
