//! Ending and redirecting a call that goes on, and what the person at the phone does at run time.
//!
//! Source: `facts/twilio-voice.md` §6. `canceled` ends a call that nobody answered and leaves an answered one alone; `completed`
//! ends any; TwiML or a URL go to a call in progress alone; a call that is over answers 21220.

use std::sync::Arc;

use serde_json::{Value, json};

use super::call::{CallLine, PhoneStatus, VoiceCall};
use super::create::{WRITE_FAULTS, under_fault};
use super::kept::CallOrder;
use super::resource::resource;
use super::script::{HangUpNow, PressNow, ScriptedKey};
use crate::clock::Clock as _;
use crate::sandbox::answer::Response;
use crate::sandbox::armed::Subject;
use crate::sandbox::faults::On;
use crate::sandbox::state::{SandboxState, Shared};
use crate::sandbox::target::Target;
use crate::sandbox::wire::{Params, TwilioRefusal, not_found, respond};

const ONCE: &[&str] = &["Status", "Url", "Method", "Twiml", "FallbackUrl", "FallbackMethod", "TimeLimit"];

/// `POST …/Calls/{Sid}.json`. Without a parameter it changes nothing and answers the call.
pub(in crate::sandbox) fn change(
    shared: &Arc<Shared>,
    path: &str,
    sid: &str,
    form: &[u8],
) -> Result<Response, TwilioRefusal> {
    let params = Params::parse(form, ONCE, &[])?;
    let fault = {
        let mut state = shared.state();
        state.counts.call_change += 1;
        let call = state.calls.get(sid).cloned();
        let (to, from) = call.as_ref().map_or((None, None), |c| (Some(c.to.as_str()), Some(c.from.as_str())));
        let subject = Subject { on: Some(On::CallChange), to, from, ..Subject::default() };
        state.faults.hit(WRITE_FAULTS, subject, &shared.ids)
    };
    under_fault(shared, fault.as_ref(), || {
        let mut state = shared.state();
        let call = state.calls.get(sid).cloned().ok_or_else(|| not_found(path))?;
        apply(shared, &mut state, &call, &params)?;
        let changed = state.calls.get(sid).cloned().unwrap_or(call);
        drop(state);
        Ok(respond(shared, 200, &resource(shared, &changed)))
    })
}

fn apply(shared: &Shared, state: &mut SandboxState, call: &VoiceCall, params: &Params) -> Result<(), TwilioRefusal> {
    let over = || TwilioRefusal::new(400, 21220, "Call is not in-progress. Cannot redirect.");
    let order = match (params.get("Twiml"), params.get("Url")) {
        (Some(_), Some(_)) => return Err(TwilioRefusal::strict("Twiml is ignored where Url is given (32019)")),
        (Some(twiml), None) if twiml.chars().count() > 4_000 => {
            return Err(TwilioRefusal::new(400, 32018, "Twiml is longer than 4000 characters"));
        }
        (Some(twiml), None) => Some(CallOrder::Twiml(twiml.to_owned())),
        (None, Some(url)) if Target::parse(url).is_err() => {
            return Err(TwilioRefusal::new(400, 21205, "Url is not a valid URL"));
        }
        (None, Some(url)) => Some(CallOrder::Url(url.to_owned())),
        (None, None) => None,
    };
    let status = params.get("Status");
    if order.is_none() && status.is_none() {
        return Ok(());
    }
    if call.status.is_final() {
        return Err(over());
    }
    if let Some(order) = order {
        if status.is_some() {
            return Err(TwilioRefusal::strict("Status goes without Url and Twiml"));
        }
        if call.status != PhoneStatus::InProgress {
            return Err(over());
        }
        state.calls.order(&call.sid, order);
        return Ok(());
    }
    let unanswered = call.status != PhoneStatus::InProgress;
    let (status, sip) = match status {
        Some("canceled") if !unanswered => return Ok(()),
        Some("canceled" | "completed") if unanswered => (PhoneStatus::Canceled, 487),
        Some("completed") => (PhoneStatus::Completed, 200),
        _ => return Err(TwilioRefusal::strict("Status is canceled or completed")),
    };
    let at = shared.clock.now();
    let line = CallLine::Moved { sid: call.sid.clone(), status, sip: Some(sip), by_account: true, at };
    if state.note_call(&line) {
        Ok(())
    } else {
        Err(TwilioRefusal::new(500, 20500, "the sandbox cannot write its ledger"))
    }
}

fn in_call(shared: &Shared, phone: &str, order: CallOrder) -> Result<Value, String> {
    let mut state = shared.state();
    let sid = state.calls.talking_to(phone).map(|c| c.sid.clone());
    let sid = sid.ok_or_else(|| "this phone is in no call".to_owned())?;
    state.calls.order(&sid, order);
    Ok(json!({ "sid": sid }))
}

/// `POST /_sandbox/key`: a key in the call that this phone is in.
///
/// # Errors
/// It is in none, or these are no keys.
pub(in crate::sandbox) fn press_now(shared: &Shared, press: PressNow) -> Result<Value, String> {
    if press.digits.is_empty() || !press.digits.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#') {
        return Err("digits are 0 to 9, * and #".into());
    }
    let key =
        ScriptedKey { after_s: 0.0, digits: press.digits, forged: press.forged, twice: press.twice, late_s: None };
    in_call(shared, &press.phone, CallOrder::Key(key))
}

/// `POST /_sandbox/hang-up`: the person at this phone hangs up.
///
/// # Errors
/// It is in no call.
pub(in crate::sandbox) fn hang_up_now(shared: &Shared, ask: &HangUpNow) -> Result<Value, String> {
    in_call(shared, &ask.phone, CallOrder::HangUp)
}
