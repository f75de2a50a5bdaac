//! Placing a phone call: Twilio's checks, the magic numbers, the faults, the ledger.
//!
//! Source: `facts/twilio-voice.md` §1 and §8, `facts/twilio.md` §12. What the real service takes in silence and then ignores
//! is refused with 20001 and recorded, as for messages.

use std::sync::Arc;
use std::time::Duration;

use super::call::{PhoneStatus, VoiceCall};
use super::player;
use super::resource::resource;
use crate::clock::Clock as _;
use crate::domain::PhoneNumber;
use crate::domain::phone::looks_wrong;
use crate::sandbox::answer::Response;
use crate::sandbox::armed::Subject;
use crate::sandbox::faults::{Fault, FaultKind, On, chance};
use crate::sandbox::state::Shared;
use crate::sandbox::target::Target;
use crate::sandbox::wire::{Params, TwilioRefusal, refuse, refused_by, respond};

const ONCE: &[&str] = &[
    "To",
    "From",
    "Url",
    "Method",
    "Twiml",
    "ApplicationSid",
    "FallbackUrl",
    "FallbackMethod",
    "StatusCallback",
    "StatusCallbackMethod",
    "Timeout",
    "TimeLimit",
    "MachineDetection",
    "MachineDetectionTimeout",
    "MachineDetectionSpeechThreshold",
    "MachineDetectionSpeechEndThreshold",
    "MachineDetectionSilenceTimeout",
    "AsyncAmd",
    "AsyncAmdStatusCallback",
    "AsyncAmdStatusCallbackMethod",
    "SendDigits",
];
const MANY: &[&str] = &["StatusCallbackEvent"];
const EVENTS: &[&str] = &["initiated", "ringing", "answered", "completed"];
/// The longest TwiML that a create takes.
const TWIML_MAX: usize = 4_000;
/// Ring time where none is given, and the longest, in seconds.
const TIMEOUT_S: u32 = 60;
const TIMEOUT_S_MAX: u32 = 600;
/// Twilio's own limit of a call.
const TIME_LIMIT_S: u32 = 4 * 3_600;
/// As for messages.
const LATE: Duration = Duration::from_secs(30);

/// What can happen to a request that changes something.
pub(super) const WRITE_FAULTS: &[FaultKind] = &[
    FaultKind::Away,
    FaultKind::Refuse,
    FaultKind::DropBeforeAccept,
    FaultKind::DropAfterAccept,
    FaultKind::Hidden500,
    FaultKind::AnswerLate,
    FaultKind::Delay,
];

/// Answers a create; what it accepts is in the ledger before this returns.
pub(in crate::sandbox) fn create(shared: &Arc<Shared>, form: &[u8]) -> Result<Response, TwilioRefusal> {
    let params = Params::parse(form, ONCE, MANY)?;
    for name in ["Url", "FallbackUrl", "StatusCallback"] {
        if let Some(Err(problem)) = params.get(name).map(Target::parse)
            && problem.is_override()
        {
            return Err(TwilioRefusal::strict(format!("{name}: {problem}")));
        }
    }
    let fault = {
        let mut state = shared.state();
        state.counts.call_create += 1;
        let (to, from) = (params.get("To"), params.get("From"));
        let subject = Subject { on: Some(On::CallCreate), to, from, ..Subject::default() };
        state.faults.hit(WRITE_FAULTS, subject, &shared.ids)
    };
    under_fault(shared, fault.as_ref(), || accept(shared, &params))
}

/// Does what was asked, and answers as the fault has it.
pub(super) fn under_fault(
    shared: &Arc<Shared>,
    fault: Option<&Fault>,
    accept: impl Fn() -> Result<wiremock::ResponseTemplate, TwilioRefusal>,
) -> Result<Response, TwilioRefusal> {
    let Some(fault) = fault else { return accept().map(Response::Send) };
    match fault.kind {
        FaultKind::Refuse => Ok(Response::Send(refused_by(shared, fault))),
        FaultKind::DropAfterAccept => {
            // What it would have answered, a refusal too, is what nobody learns.
            let _ = accept();
            Ok(Response::Drop)
        }
        FaultKind::Hidden500 => {
            if chance(fault.coin.unwrap_or(0.5), &shared.ids) {
                let _ = accept();
            }
            let refusal = TwilioRefusal::new(500, 20500, "An internal server error has occurred");
            Ok(Response::Send(refuse(shared, &refusal)))
        }
        FaultKind::AnswerLate | FaultKind::Delay => {
            let answer = accept().unwrap_or_else(|refusal| refuse(shared, &refusal));
            Ok(Response::Send(answer.set_delay(fault.delay_ms.map_or(LATE, Duration::from_millis))))
        }
        _ => Ok(Response::Drop),
    }
}

fn accept(shared: &Arc<Shared>, params: &Params) -> Result<wiremock::ResponseTemplate, TwilioRefusal> {
    let (timeout_s, time_limit_s) = check(params)?;
    let now = shared.clock.now();
    let events: Vec<String> = params.all("StatusCallbackEvent").map(str::to_owned).collect();
    let url = params.get("Url").map(str::to_owned);
    let mut state = shared.state();
    let per_second = state.calls_per_second;
    let queue_ms = state.calls.queued_for(now, per_second);
    let call = VoiceCall {
        sid: shared.sid("CA"),
        to: params.get("To").unwrap_or("").to_owned(),
        from: params.get("From").unwrap_or("").to_owned(),
        twiml: params.get("Twiml").map(str::to_owned),
        url,
        fallback_url: params.get("FallbackUrl").map(str::to_owned),
        callback: params.get("StatusCallback").map(str::to_owned),
        events: if events.is_empty() { vec!["completed".to_owned()] } else { events },
        timeout_s,
        time_limit_s,
        detection: params.has("MachineDetection") && params.get("AsyncAmd") != Some("true"),
        status: PhoneStatus::Queued,
        created: now,
        updated: now,
        initiated: None,
        answered: None,
        ended: None,
        sip: None,
        by_account: false,
        apart_ms: state.apart_ms,
        queue_ms,
        second_ms: u64::try_from(state.call_second.as_millis()).unwrap_or(u64::MAX),
        keys: Vec::new(),
        said: Vec::new(),
        faults: Vec::new(),
        listed: None,
        hidden: None,
    };
    let (body, sid) = (resource(shared, &call), call.sid.clone());
    state.accept_call(call).map_err(|e| {
        tracing::error!(error = %e, "the sandbox's ledger cannot be written: the call was not accepted");
        TwilioRefusal::new(500, 20500, "the sandbox cannot write its ledger")
    })?;
    drop(state);
    player::run(shared, sid);
    Ok(respond(shared, 201, &body))
}

/// Twilio's checks; ring time and longest call, in seconds.
fn check(params: &Params) -> Result<(u32, u32), TwilioRefusal> {
    let refused = |code: u32, message: &str| Err(TwilioRefusal::new(400, code, message));
    let (Some(to), Some(from)) = (params.get("To"), params.get("From")) else {
        return match params.get("To") {
            None => refused(21201, "No 'To' number is specified"),
            Some(_) => refused(21213, "No 'From' number is specified"),
        };
    };
    check_from(from)?;
    check_to(to, from)?;
    check_words(params)?;
    let url = |name: &str| params.get(name).map(Target::parse);
    if matches!(url("StatusCallback"), Some(Err(_))) {
        return refused(21609, "The 'StatusCallback' URL is not a valid URL.");
    }
    if [url("Url"), url("FallbackUrl")].iter().any(|u| matches!(u, Some(Err(_)))) {
        return refused(21205, "Url is not a valid URL");
    }
    let number = |name: &str, usual: u32, most: u32| match params.get(name) {
        None => Ok(usual),
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (1..=most).contains(n))
            .ok_or_else(|| TwilioRefusal::new(400, 21208, format!("Invalid {name}: 1 to {most}"))),
    };
    Ok((number("Timeout", TIMEOUT_S, TIMEOUT_S_MAX)?, number("TimeLimit", TIME_LIMIT_S, TIME_LIMIT_S)?))
}

/// What is said and heard, and the words that the other parameters take.
fn check_words(params: &Params) -> Result<(), TwilioRefusal> {
    if params.has("ApplicationSid") {
        return Err(TwilioRefusal::strict("with ApplicationSid every URL here would be ignored"));
    }
    match (params.get("Url"), params.get("Twiml")) {
        (None, None) => return Err(TwilioRefusal::new(400, 21205, "Url parameter is required.")),
        (Some(_), Some(_)) => return Err(TwilioRefusal::strict("Twiml is ignored where Url is given (32019)")),
        (None, Some(twiml)) if twiml.chars().count() > TWIML_MAX => {
            return Err(TwilioRefusal::new(400, 32018, "Twiml is longer than 4000 characters"));
        }
        _ => {}
    }
    for name in ["Method", "FallbackMethod", "StatusCallbackMethod", "AsyncAmdStatusCallbackMethod"] {
        match params.get(name) {
            None | Some("POST") => {}
            Some("GET") => return Err(TwilioRefusal::strict(format!("{name}: GET is not played here"))),
            Some(_) => return Err(TwilioRefusal::new(400, 21209, format!("Invalid {name}"))),
        }
    }
    if let Some(event) = params.all("StatusCallbackEvent").find(|e| !EVENTS.contains(e)) {
        return Err(TwilioRefusal::strict(format!("StatusCallbackEvent: '{event}' is none; one event a parameter")));
    }
    let key = |c: char| c.is_ascii_digit() || "ABCD#*wW".contains(c);
    if params.get("SendDigits").is_some_and(|d| d.chars().count() > 32 || !d.chars().all(key)) {
        return Err(TwilioRefusal::new(400, 21206, "Invalid SendDigits"));
    }
    if params.get("MachineDetection").is_some_and(|d| !matches!(d, "Enable" | "DetectMessageEnd")) {
        return Err(TwilioRefusal::strict("MachineDetection is Enable or DetectMessageEnd"));
    }
    if params.get("AsyncAmd") == Some("true") && params.get("AsyncAmdStatusCallback").is_none() {
        return Err(TwilioRefusal::new(400, 21262, "AsyncAmdStatusCallback is required"));
    }
    Ok(())
}

fn check_from(from: &str) -> Result<(), TwilioRefusal> {
    if from == "+15005550007" {
        let message = format!("The source phone number provided, {from}, is not yet verified for your account.");
        return Err(TwilioRefusal::new(400, 21210, message));
    }
    if from == "+15005550001" || from.parse::<PhoneNumber>().is_err() {
        return Err(TwilioRefusal::new(400, 21212, format!("The 'From' number {from} is not a valid phone number.")));
    }
    Ok(())
}

fn check_to(to: &str, from: &str) -> Result<(), TwilioRefusal> {
    let refused = |code: u32, message: String| Err(TwilioRefusal::new(400, code, message));
    match to {
        "+15005550001" => return refused(21217, format!("Phone number {to} does not appear to be valid")),
        "+15005550002" => return refused(21214, format!("The phone number {to} cannot be reached")),
        "+15005550003" => return refused(21215, format!("Account not authorized to call {to}")),
        "+15005550004" => return refused(21216, format!("Account not allowed to call {to}")),
        _ => {}
    }
    let valid = to.parse::<PhoneNumber>().is_ok_and(|phone| looks_wrong(&phone).is_none());
    if !valid || to == from {
        return refused(21211, format!("The 'To' number {to} is not a valid phone number."));
    }
    Ok(())
}
