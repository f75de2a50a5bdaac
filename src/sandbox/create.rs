//! Creating a message: Twilio's checks in order, the magic numbers, the faults, the ledger.
//!
//! Source: `facts/twilio.md` §2 (parameters, codes), §12 (magic numbers).

use std::sync::Arc;
use std::time::Duration;

use super::answer::Response;
use super::armed::Subject;
use super::callbacks;
use super::faults::{FaultKind, On, chance};
use super::messages::{Content, Direction, Message, MessageOutcome, Status};
use super::state::{SERVICE_SENDER, Shared};
use super::target::Target;
use super::wire::{Params, TwilioRefusal, refuse, refused_by, resource, respond};
use crate::clock::Clock as _;
use crate::domain::PhoneNumber;
use crate::domain::phone::looks_wrong;
use crate::domain::types::Sender;

const ONCE: &[&str] = &[
    "To",
    "From",
    "MessagingServiceSid",
    "Body",
    "StatusCallback",
    "ApplicationSid",
    "ContentSid",
    "ContentVariables",
    "ValidityPeriod",
    "ScheduleType",
    "SendAt",
    "RiskCheck",
    "ProvideFeedback",
    "Attempt",
    "ShortenUrls",
    "SmartEncoded",
    "ContentRetention",
    "AddressRetention",
    "MaxPrice",
    "ForceDelivery",
    "TrafficType",
    "SendAsMms",
    "FallbackFrom",
];
const MANY: &[&str] = &["MediaUrl", "PersistentAction"];

/// Late answers without a delay of their own come after this: later than any sensible client waits.
const LATE: Duration = Duration::from_secs(30);

/// Answers a create; what it accepts is in the ledger before this returns.
pub(super) fn create(shared: &Arc<Shared>, form: &[u8]) -> Result<Response, TwilioRefusal> {
    let params = Params::parse(form, ONCE, MANY)?;
    let overrides = params.get("StatusCallback").map(Target::parse);
    if let Some(Err(problem)) = &overrides
        && problem.is_override()
    {
        return Err(TwilioRefusal::strict(format!("StatusCallback: {problem}")));
    }
    const KINDS: &[FaultKind] = &[
        FaultKind::Away,
        FaultKind::Refuse,
        FaultKind::DropBeforeAccept,
        FaultKind::DropAfterAccept,
        FaultKind::Hidden500,
        FaultKind::AnswerLate,
        FaultKind::Delay,
    ];
    let sender = params.get("From").or(params.get("MessagingServiceSid"));
    let subject =
        Subject { on: Some(On::Create), to: params.get("To"), from: sender, status: None, ..Subject::default() };
    let fault = {
        let mut state = shared.state();
        state.counts.create += 1;
        state.faults.hit(KINDS, subject, &shared.ids)
    };
    let Some(fault) = fault else { return accept(shared, &params).map(Response::Send) };
    let wait = fault.delay_ms.map(Duration::from_millis);
    match fault.kind {
        FaultKind::Refuse => Ok(Response::Send(refused_by(shared, &fault))),
        FaultKind::DropAfterAccept => {
            // What it would have answered, a refusal too, is what nobody learns.
            let _ = accept(shared, &params);
            Ok(Response::Drop)
        }
        FaultKind::Hidden500 => {
            if chance(fault.coin.unwrap_or(0.5), &shared.ids) {
                let _ = accept(shared, &params);
            }
            let refusal = TwilioRefusal::new(500, 20500, "An internal server error has occurred");
            Ok(Response::Send(refuse(shared, &refusal)))
        }
        FaultKind::AnswerLate | FaultKind::Delay => {
            let answer = accept(shared, &params).unwrap_or_else(|refusal| refuse(shared, &refusal));
            Ok(Response::Send(answer.set_delay(wait.unwrap_or(LATE))))
        }
        _ => Ok(Response::Drop),
    }
}

fn accept(shared: &Arc<Shared>, params: &Params) -> Result<wiremock::ResponseTemplate, TwilioRefusal> {
    check(params)?;
    let (to, from) = (params.get("To").unwrap_or(""), params.get("From"));
    let service = params.get("MessagingServiceSid");
    let sender = from.or(service);
    let now = shared.clock.now();
    let opted_out = is_opted_out(shared, to, from.unwrap_or(SERVICE_SENDER));
    if opted_out && service.is_none() {
        return Err(TwilioRefusal::new(400, 21610, "Attempt to send to unsubscribed recipient"));
    }
    let outcome = if opted_out {
        MessageOutcome::Failed(21610)
    } else {
        let subject = Subject { on: None, to: Some(to), from: sender, status: None, ..Subject::default() };
        let fault = shared.state().faults.hit(&[FaultKind::Outcome], subject, &shared.ids);
        fault.map_or(MessageOutcome::Delivered, |f| f.ends_in())
    };
    let status = match (params.get("SendAt"), service) {
        (Some(_), _) => Status::Scheduled,
        (None, Some(_)) => Status::Accepted,
        (None, None) => Status::Queued,
    };
    let message = Message {
        sid: shared.sid("SM"),
        to: to.to_owned(),
        from: from.filter(|_| service.is_none()).map(str::to_owned),
        service: service.map(str::to_owned),
        body: params.get("Body").unwrap_or("").to_owned(),
        direction: Direction::OutboundApi,
        status,
        error_code: None,
        created: now,
        updated: now,
        sent: None,
        callback: params.get("StatusCallback").map(str::to_owned),
        outcome,
        apart_ms: shared.state().apart_ms,
        content: Content::Whole,
        listed: None,
        hidden: None,
    };
    let body = resource(shared, &message);
    let sid = message.sid.clone();
    shared.accept(message).map_err(|e| {
        tracing::error!(error = %e, "the sandbox's ledger cannot be written: the message was not accepted");
        TwilioRefusal::new(500, 20500, "the sandbox cannot write its ledger")
    })?;
    callbacks::run(shared, sid);
    Ok(respond(shared, 201, &body))
}

fn is_opted_out(shared: &Shared, to: &str, sender: &str) -> bool {
    let state = shared.state();
    !state.opted_out.is_empty() && state.opted_out.contains(&(to.to_owned(), sender.to_owned()))
}

/// Twilio's checks, in its order.
fn check(params: &Params) -> Result<(), TwilioRefusal> {
    let refused = |code: u32, message: String| Err(TwilioRefusal::new(400, code, message));
    let Some(to) = params.get("To") else {
        return refused(21604, "A 'To' phone number is required.".into());
    };
    let (from, service) = (params.get("From"), params.get("MessagingServiceSid"));
    if from.is_none() && service.is_none() {
        return refused(21603, "A 'From' phone number is required.".into());
    }
    if !["Body", "MediaUrl", "ContentSid"].iter().any(|n| params.get(n).is_some()) {
        return refused(21602, "Message body is required.".into());
    }
    if params.get("Body").is_some_and(|b| b.chars().count() > 1600) {
        return refused(21617, "The concatenated message body exceeds the 1600 character limit.".into());
    }
    if service.is_some_and(|s| !s.parse::<Sender>().is_ok_and(|s| s.is_service())) {
        return refused(21705, "The Messaging Service Sid is invalid.".into());
    }
    if params.get("SendAt").is_some() && service.is_none() {
        return refused(35118, "MessagingServiceSid is required to schedule a message".into());
    }
    check_from(from)?;
    check_to(to, from)?;
    let seconds = params.get("ValidityPeriod");
    if seconds.is_some_and(|s| !s.parse::<u32>().is_ok_and(|s| (1..=36_000).contains(&s))) {
        return refused(21624, "The ValidityPeriod value provided is invalid.".into());
    }
    if let Some(url) = params.get("StatusCallback")
        && let Err(problem) = Target::parse(url)
    {
        return refused(21609, format!("The 'StatusCallback' URL is not a valid URL: {problem}"));
    }
    Ok(())
}

fn check_from(from: Option<&str>) -> Result<(), TwilioRefusal> {
    let Some(from) = from else { return Ok(()) };
    let invalid = |f: &str| {
        TwilioRefusal::new(
            400,
            21212,
            format!("The 'From' number {f} is not a valid phone number, shortcode, or alphanumeric sender ID."),
        )
    };
    match from {
        "+15005550001" => Err(invalid(from)),
        "+15005550007" => Err(TwilioRefusal::new(
            400,
            21606,
            format!(
                "The From phone number {from} is not a valid, SMS-capable inbound phone number or short code for your account."
            ),
        )),
        "+15005550008" => Err(TwilioRefusal::new(429, 21611, "SMS queue is full.")),
        _ if !from.parse::<Sender>().is_ok_and(|s| !s.is_service()) => Err(invalid(from)),
        _ => Ok(()),
    }
}

fn check_to(to: &str, from: Option<&str>) -> Result<(), TwilioRefusal> {
    let invalid = || TwilioRefusal::new(400, 21211, format!("The 'To' number {to} is not a valid phone number."));
    match to {
        "+15005550001" => return Err(invalid()),
        "+15005550002" => {
            return Err(TwilioRefusal::new(
                400,
                21612,
                format!(
                    "The 'To' phone number: {to}, is not currently reachable using the 'From' phone number via SMS."
                ),
            ));
        }
        "+15005550003" => {
            return Err(TwilioRefusal::new(
                400,
                21408,
                format!(
                    "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}."
                ),
            ));
        }
        "+15005550004" => return Err(TwilioRefusal::new(400, 21610, "Attempt to send to unsubscribed recipient")),
        "+15005550009" => {
            return Err(TwilioRefusal::new(400, 21614, format!("To number: {to}, is not a mobile number")));
        }
        _ => {}
    }
    let valid = to.parse::<PhoneNumber>().is_ok_and(|phone| looks_wrong(&phone).is_none());
    if !valid || from == Some(to) { Err(invalid()) } else { Ok(()) }
}
