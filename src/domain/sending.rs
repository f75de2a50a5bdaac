//! The claim of an attempt, its one POST, and what became of it.

use serde_json::{Value, json};

use super::alert::{AlertKey, AlertKind};
use super::attempt::{Attempt, AttemptEvent, AttemptKind, AttemptState, Move, Priority};
use super::body::{self, RenderInput, TextKind};
use super::breaker::{self, Evidence, Route};
use super::call::{CallStatus, OutReason};
use super::error_class::{Class, Special};
use super::event::{Answer, Asks, LogKind, OptOutChange, SendOutcome, ToSend};
use super::news;
use super::receipt::{MessageStatus, Verdict};
use super::resend;
use super::sequence;
use super::step::{Illegal, Work};
use super::types::{Actor, AttemptId, ErrorCode, MessageSid, Sender, Timestamp};

/// How long a stand-down waits for the answer about the notice that it takes back, in seconds, each time it looks.
const UNDER_WAY_PAUSE_S: u64 = 1;
/// How long an attempt waits where no sender is configured for its line, in seconds.
const NO_SENDER_PAUSE_S: u64 = 30;

/// Checks that the attempt is still wanted, claims it for `engine` and writes the intent: the text is what will be sent.
/// `provider_after`: the newest moment of the provider's clock that is known.
pub(super) fn claim(
    w: &mut Work<'_>,
    id: AttemptId,
    engine: &str,
    provider_after: Option<Timestamp>,
) -> Result<(), Illegal> {
    w.unclaimed_in_a_drill(id)?;
    let attempt = w.attempt(id)?.clone();
    if !attempt.state.is_waiting() || attempt.not_before > w.now() {
        return refuse(w, format!("attempt {} is {} and not waiting now", attempt.number, attempt.state));
    }
    if let Some((event, why)) = unwanted(w, id)? {
        w.drop_waiting(id, event, &why)?;
        if attempt.kind == AttemptKind::Notice && w.state.call.is_out(&attempt.recipient.contact) {
            // It was alive until now, and may have kept the ladder from going on.
            sequence::escalate_now(w, Some(id), &attempt.recipient.contact, &why)?;
        }
        return refuse(w, why);
    }
    if attempt.kind == AttemptKind::StandDown && is_under_way(w, &attempt) {
        // It would arrive before the text that it takes back, or take back one that never went.
        w.attempt_mut(id)?.not_before = w.now().plus(std::time::Duration::from_secs(UNDER_WAY_PAUSE_S));
        return refuse(w, "the text that it takes back is still under way".into());
    }
    if let Some(sender) = first_sender(w, &attempt)
        && sequence::is_opted_out(w, &attempt.recipient, Some(sender.as_str()))
    {
        return opted_out_before_it_left(w, id, &sender);
    }
    let Some(route) = breaker::route_of(w, &attempt) else {
        w.attempt_mut(id)?.not_before = w.now().plus(std::time::Duration::from_secs(NO_SENDER_PAUSE_S));
        w.raise(
            AlertKind::NoSender,
            "no sender is configured: nothing can be sent (set twilio.from or twilio.messaging_service_sid)",
        );
        return refuse(w, "no sender is configured".into());
    };
    let (sender, probes) = match route {
        Route::Send { sender, probes } => (sender, probes),
        Route::Hold { until } => {
            if attempt.kind != AttemptKind::Notice || breaker::passes_over(w, &attempt) {
                // What probes nothing is looked at again when it can go, or when it is too late for it; so is what the
                // dispatcher would try by a stand-in again and again.
                let late = attempt.expires_at.map(|at| at.plus(std::time::Duration::from_millis(1)));
                w.attempt_mut(id)?.not_before = late.into_iter().chain([until]).min().unwrap_or(until);
            }
            return refuse(w, format!("no sender works: a probe may go at {until}"));
        }
    };
    if attempt.kind == AttemptKind::Notice && probes.is_empty() && w.state.call.deferred_from.is_some() {
        // The breaker has closed: what was deferred comes first, and may stand for this one.
        sequence::fire_missed(w)?;
        let now = w.attempt(id)?;
        if !now.state.is_waiting() {
            return refuse(w, format!("attempt {} is {}", now.number, now.state));
        }
    }
    breaker::probed(w, &probes);
    intent(w, id, engine, sender)?;
    let a = w.attempt_mut(id)?;
    (a.provider_at, a.provider_after, a.clock_steps_ms) = (None, provider_after, 0);
    Ok(())
}

/// Who sends it as long as everything works: an opt-out from that number is one from us.
fn first_sender(w: &Work<'_>, a: &Attempt) -> Option<Sender> {
    let own = a.sender.as_ref().filter(|_| a.kind == AttemptKind::Answer);
    let all = breaker::senders(w.ctx.directory, w.state.call.data.twilio_to_number.as_deref(), own);
    all.first().copied().cloned()
}

fn refuse(w: &mut Work<'_>, why: String) -> Result<(), Illegal> {
    w.change.answer = Answer::NotSent(why);
    Ok(())
}

/// Why an attempt that waits is not wanted any more.
fn unwanted(w: &Work<'_>, id: AttemptId) -> Result<Option<(AttemptEvent, String)>, Illegal> {
    let (call, a) = (&w.state.call, w.attempt(id)?);
    Ok(match a.kind {
        _ if w.ctx.rules.off.claim_recheck => None,
        AttemptKind::Notice if call.status != CallStatus::Dispatching => {
            Some((AttemptEvent::Cancel, format!("the call is {}", call.status)))
        }
        AttemptKind::Notice if a.round != call.round => Some((AttemptEvent::Skip, "a new round has begun".into())),
        AttemptKind::Notice if call.is_out(&a.recipient.contact) => {
            Some((AttemptEvent::Skip, format!("{} passed or cannot be reached", a.recipient.name)))
        }
        // It was under way when the newer one was made.
        AttemptKind::Notice if let Some(newer) = superseding(w, a) => {
            Some((AttemptEvent::Skip, format!("superseded by attempt {newer}")))
        }
        AttemptKind::Notice if let Some(why) = resend::overtaken(w, a) => Some((AttemptEvent::Skip, why.into())),
        AttemptKind::StandDown if matches!(call.status, CallStatus::Dispatching | CallStatus::Exhausted) => {
            Some((AttemptEvent::Skip, sequence::LOOKS_AGAIN.into()))
        }
        AttemptKind::StandDown
            if call.status == CallStatus::Acknowledged && call.holder.as_ref() == Some(&a.recipient.contact) =>
        {
            Some((AttemptEvent::Skip, format!("{} holds the call", a.recipient.name)))
        }
        AttemptKind::StandDown if !was_reached(w, a) => {
            Some((AttemptEvent::Skip, format!("no text of the call reached {}", a.recipient.name)))
        }
        _ if a.expires_at.is_some_and(|at| at < w.now()) => {
            Some((AttemptEvent::Skip, "too late to be worth sending".into()))
        }
        _ => None,
    })
}

/// The number of a newer notice to the same contact that stands for this one.
fn superseding(w: &Work<'_>, old: &Attempt) -> Option<u32> {
    let newer = |a: &&Attempt| {
        a.kind == AttemptKind::Notice
            && a.number > old.number
            && a.recipient.contact == old.recipient.contact
            && (a.state.is_waiting() || a.state.may_have_arrived())
    };
    w.state.attempts.iter().find(newer).map(|a| a.number)
}

/// Whether a notice that this stand-down takes back may have arrived: the one that was under way when the call was taken may
/// have failed since.
fn was_reached(w: &Work<'_>, stand_down: &Attempt) -> bool {
    let theirs = |a: &&Attempt| a.kind == AttemptKind::Notice && a.recipient.contact == stand_down.recipient.contact;
    w.state.attempts.iter().filter(theirs).any(|a| a.state.may_have_arrived())
}

/// Whether a notice that this stand-down takes back is being posted: its outcome comes, or a restart makes it unknown.
fn is_under_way(w: &Work<'_>, stand_down: &Attempt) -> bool {
    let theirs = |a: &&Attempt| a.kind == AttemptKind::Notice && a.recipient.contact == stand_down.recipient.contact;
    w.state.attempts.iter().filter(theirs).any(|a| a.state == AttemptState::Sending)
}

fn opted_out_before_it_left(w: &mut Work<'_>, id: AttemptId, sender: &Sender) -> Result<(), Illegal> {
    let a = w.attempt(id)?.clone();
    let why = format!("{} has opted out of texts from {sender}", a.recipient.name);
    w.drop_waiting(id, AttemptEvent::Skip, &why)?;
    if a.kind == AttemptKind::Notice {
        w.raise(
            AlertKind::OptedOut.about(a.recipient.contact.as_str()),
            format!("{} opted out: they must text START to {sender} before they can be told", a.recipient.name),
        );
        w.state.call.put_out(&a.recipient.contact, OutReason::Failed);
        sequence::escalate_now(w, Some(id), &a.recipient.contact, &why)?;
    }
    refuse(w, why)
}

/// Writes the intent. From here on the POST may have happened.
fn intent(w: &mut Work<'_>, id: AttemptId, engine: &str, sender: Sender) -> Result<(), Illegal> {
    let a = w.attempt(id)?;
    let first = !w.state.was_told(&a.recipient.contact, Some(id));
    if a.body.is_empty() {
        let words = wording(w, a);
        let rendered = render(w, id, words, Source::Configured)?;
        let key = template_key(w, words);
        match rendered.fell_back {
            Some(why) => {
                w.raise(key, format!("a template cannot be used, the built-in text goes out instead: {why}"));
            }
            None if a_notice_by_template(w, id)? => w.resolve(key),
            None => {}
        }
        let a = w.attempt_mut(id)?;
        (a.body, a.segments) = (rendered.body, rendered.segments);
    }
    w.resolve(AlertKind::NoSender);
    sequence::judge_lateness(w, id)?;
    w.attempt_on(id, AttemptEvent::SendStarted)?;
    let now = w.now();
    let a = w.attempt_mut(id)?;
    if a.kind == AttemptKind::Notice {
        a.priority = if first { Priority::First } else { Priority::Reminder };
    }
    a.sender = Some(sender.clone());
    a.claimed_by = Some(engine.to_owned());
    a.sent_at = Some(now);
    let attempt = a.clone();
    w.log(
        LogKind::AttemptSending,
        Some(id),
        format!(
            "attempt {} to {}: intent stored, sending {} segment(s)",
            attempt.number, attempt.recipient.name, attempt.segments
        ),
        json!({ "try": attempt.tries + 1, "segments": attempt.segments, "priority": attempt.priority }),
    );
    w.change.answer = Answer::Send(Box::new(ToSend { attempt, sender }));
    Ok(())
}

/// How a notice reads to its contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wording {
    /// As the first that they read of the call.
    First,
    /// As what they know already.
    Reminder,
}

/// By what reached the contact, never by the step: a text that failed was read by nobody.
fn wording(w: &Work<'_>, a: &Attempt) -> Wording {
    if w.state.was_reached(&a.recipient.contact, Some(a.id)) { Wording::Reminder } else { Wording::First }
}

/// The reference of the attempt that this one repeats, where that one may have been read: a text that surely failed was not,
/// and no text after it is marked as a repeat. What a person settled without any evidence may have arrived all the same.
fn marked_as_repeat_of(w: &Work<'_>, a: &Attempt) -> Option<String> {
    let repeated = a.repeats.and_then(|r| w.state.attempt(r))?;
    let surely_failed = repeated.state == AttemptState::Failed && repeated.class.is_some();
    (!surely_failed).then(|| repeated.reference(&w.state.call.reference))
}

/// One alert a line and template: that another line's is well says nothing of this one's.
fn template_key(w: &Work<'_>, words: Wording) -> AlertKey {
    let (line, _) = w.ctx.directory.line(w.state.call.data.twilio_to_number.as_deref());
    let line = line.number.as_deref().unwrap_or("default");
    let template = match words {
        Wording::First => "notice",
        Wording::Reminder => "reminder",
    };
    AlertKind::Template.about(format_args!("{line}:{template}"))
}

/// Whether this text is made by the configured template, or by the built-in one where there is none any more.
fn a_notice_by_template(w: &Work<'_>, id: AttemptId) -> Result<bool, Illegal> {
    Ok(w.attempt(id)?.kind == AttemptKind::Notice && w.state.call.data.body.is_none())
}

/// Whose words a text uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The caller's own or the operator's template, where there are any.
    Configured,
    /// Ours.
    BuiltIn,
}

/// The text of this attempt in the built-in words.
pub(super) fn built_in(w: &Work<'_>, id: AttemptId) -> Result<body::Rendered, Illegal> {
    render(w, id, wording(w, w.attempt(id)?), Source::BuiltIn)
}

fn render(w: &Work<'_>, id: AttemptId, words: Wording, source: Source) -> Result<body::Rendered, Illegal> {
    let (call, a) = (&w.state.call, w.attempt(id)?);
    let (line, _) = w.ctx.directory.line(call.data.twilio_to_number.as_deref());
    let directory = w.ctx.directory;
    let template = match words {
        Wording::First => directory.notice_template(line),
        Wording::Reminder => directory.reminder_template(line),
    };
    let configured = source == Source::Configured;
    let holder = holder_name(w);
    let kind = match (a.kind, call.status) {
        (AttemptKind::Notice, _) if words == Wording::First => TextKind::First,
        (AttemptKind::Notice, _) => TextKind::Reminder,
        (AttemptKind::StandDown, CallStatus::Cancelled) => TextKind::StandDown { why: body::StandDown::Cancelled },
        (AttemptKind::StandDown, CallStatus::Acknowledged) => {
            TextKind::StandDown { why: body::StandDown::Taken { by: &holder } }
        }
        (AttemptKind::StandDown, _) => TextKind::StandDown { why: body::StandDown::Resolved },
        (AttemptKind::Answer, _) => TextKind::Answer { text: &a.result },
    };
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let reference = a.reference(&call.reference);
    let repeat_of = marked_as_repeat_of(w, a);
    body::render(&RenderInput {
        template: template.filter(|_| configured),
        own_words: call.data.body.as_deref().filter(|_| configured),
        kind,
        reference: &reference,
        repeat_of: repeat_of.as_deref(),
        business: &line.name,
        contact_name: &a.recipient.name,
        issue: &text(&call.data.issue_summary),
        address: &text(&call.data.address),
        caller_name: &text(&call.data.caller_name),
        caller_phone: &text(&call.data.caller_phone),
        level: &call.level,
        test_mode: w.ctx.rules.test_mode,
    })
    .map_err(|_| Illegal::Missing("a reference that can be searched for"))
}

/// The holder as people say it.
pub(super) fn holder_name(w: &Work<'_>) -> String {
    let Some(holder) = w.state.call.holder.as_ref() else { return "the office".into() };
    w.state
        .attempts
        .iter()
        .find(|a| &a.recipient.contact == holder)
        .map(|a| a.recipient.name.clone())
        .or_else(|| w.ctx.directory.contact(holder).map(|c| c.name.clone()))
        .unwrap_or_else(|| holder.to_string())
}

/// What became of a POST. News that came before the answer stands; the answer of a claim that is gone is recorded all the same.
pub(super) fn sent(w: &mut Work<'_>, id: AttemptId, outcome: &SendOutcome) -> Result<(), Illegal> {
    let number = w.attempt(id)?.number;
    match outcome {
        SendOutcome::Accepted { sid, status, code, asks, provider_at } => {
            accepted(w, id, sid, (status, *code, *asks))?;
            news::made_at(w, id, sid, *provider_at)?;
        }
        SendOutcome::Refused { code, asks, why } => refused(w, id, *code, *asks, why)?,
        SendOutcome::BadCallback if !w.attempt(id)?.callback => {
            refused(
                w,
                id,
                Some(ErrorCode(21609)),
                Asks { class: Class::OurRequest, special: None },
                "the provider refused the callback URL, and the message without one",
            )?;
        }
        SendOutcome::BadCallback => {
            if w.attempt(id)?.state != AttemptState::Sending {
                return Ok(());
            }
            w.raise(AlertKind::CallbackUrl, "the provider refused our callback URL (21609): messages go without one and are polled; check server.public_url");
            w.attempt_on(id, AttemptEvent::SurelyNotSent)?;
            let now = w.now();
            let a = w.attempt_mut(id)?;
            (a.callback, a.not_before) = (false, now);
            w.log(
                LogKind::AttemptRetrying,
                Some(id),
                format!("attempt {number}: callback URL refused, once more without one"),
                Value::Null,
            );
        }
        SendOutcome::NotSent { why, again_at } => {
            if w.attempt(id)?.state != AttemptState::Sending {
                return Ok(());
            }
            w.attempt_on(id, AttemptEvent::SurelyNotSent)?;
            let a = w.attempt_mut(id)?;
            a.tries += 1;
            a.not_before = *again_at;
            a.result = why.clone();
            let data = json!({ "tries": a.tries, "againAt": again_at });
            w.log(
                LogKind::AttemptRetrying,
                Some(id),
                format!("attempt {number} was surely not sent: {why}; trying again"),
                data,
            );
        }
        SendOutcome::Unknown { why } => unknown(w, id, why)?,
    }
    Ok(())
}

/// The provider answered with a message. One that is another attempt's cannot be this one's: what became of this POST is then
/// not known.
fn accepted(
    w: &mut Work<'_>,
    id: AttemptId,
    sid: &MessageSid,
    (status, code, asks): (&MessageStatus, Option<ErrorCode>, Asks),
) -> Result<(), Illegal> {
    if let Some(whose) = news::linked_elsewhere(w, id, sid) {
        news::raise_linked(w, id, sid, &whose)?;
        return unknown(w, id, &format!("the answer names message {sid}, which is that of {whose}"));
    }
    news::join(w, id, sid, status, code, asks, "response")?;
    if w.attempt(id)?.callback {
        w.resolve(AlertKind::CallbackUrl);
    }
    let orphans: Vec<_> = w.loaded.orphans.iter().filter(|n| &n.sid == sid).cloned().collect();
    orphans.iter().try_for_each(|orphan| news::apply(w, id, orphan).map(drop))
}

fn unknown(w: &mut Work<'_>, id: AttemptId, why: &str) -> Result<(), Illegal> {
    if w.attempt_on(id, AttemptEvent::OutcomeUnknown)? != Move::To(AttemptState::Unknown) {
        return Ok(());
    }
    let search_at = resend::first_search(w.now());
    let a = w.attempt_mut(id)?;
    (a.poll_at, a.polls) = (Some(search_at), 0);
    a.result = format!("outcome unknown: {why}");
    let text = format!("attempt {}: outcome unknown ({why}); not sent again until it is found out", a.number);
    w.log(LogKind::AttemptUnknown, Some(id), text, Value::Null);
    Ok(())
}

fn refused(w: &mut Work<'_>, id: AttemptId, code: Option<ErrorCode>, asks: Asks, why: &str) -> Result<(), Illegal> {
    if w.attempt_on(id, AttemptEvent::Refused)? != Move::To(AttemptState::Failed) {
        return Ok(());
    }
    let a = w.attempt_mut(id)?;
    a.error_code = code;
    a.result = why.to_owned();
    failed(w, id, asks, Accepted::Never)
}

/// Whether the provider had accepted a message before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    Never,
    Before,
}

/// An attempt has failed for good: log, alerts, and what its class asks of the ladder.
pub(super) fn failed(w: &mut Work<'_>, id: AttemptId, asks: Asks, accepted: Accepted) -> Result<(), Illegal> {
    let a = w.attempt(id)?.clone();
    let code = a.error_code.map(|c| format!(" ({c})")).unwrap_or_default();
    let text = format!("attempt {} to {} failed{code}: {}", a.number, a.recipient.name, a.result);
    w.log(
        LogKind::AttemptFailed,
        Some(id),
        text.clone(),
        json!({ "code": a.error_code, "class": asks.class.letter().to_string() }),
    );
    w.attempt_mut(id)?.class = Some(asks.class);
    let of_sender = matches!(asks.class, Class::Account | Class::Sender);
    if of_sender && !resend::reached_since(w, &a).any(|b| asks.class == Class::Account || b.sender == a.sender) {
        let evidence = if accepted == Accepted::Before { Evidence::Receipt } else { Evidence::Answer };
        breaker::open(w, id, asks, evidence, &text)?;
    }
    if a.kind != AttemptKind::Notice {
        return Ok(());
    }
    let later = resend::reached_since(w, &a).map(|b| b.number).next();
    if let Some(later) = later {
        // Later than its news: whatever it says of the contact or the text no longer holds.
        let text = format!("attempt {} changes nothing: attempt {later} reached {}", a.number, a.recipient.name);
        w.log(LogKind::AttemptFailed, Some(id), text, json!({ "dropped": "a later text to them was delivered" }));
        return Ok(());
    }
    let (call, contact) = (w.state.call.id.clone(), a.recipient.contact.clone());
    // The breaker's one alert stands for all that its sender fails.
    if accepted == Accepted::Before && !of_sender {
        w.raise(
            AlertKind::Failed.about(format_args!("{call}:{}", contact.as_str())),
            format!("call {call}: {text}, after the provider had accepted it"),
        );
    }
    by_class(w, &a, asks, &text)
}

/// The code of a failure came after the word that it failed: it is kept, and what it says of the contact's number or of the
/// sender is acted on. The ladder went on already. Says whether there was one to keep.
pub(super) fn keep_late_code(
    w: &mut Work<'_>,
    id: AttemptId,
    verdict: Option<Verdict>,
    code: Option<ErrorCode>,
    asks: Asks,
) -> Result<bool, Illegal> {
    let a = w.attempt(id)?;
    let (Some(code), Some(Verdict::Failed), AttemptState::Failed, None) = (code, verdict, a.state, a.error_code) else {
        return Ok(false);
    };
    let (number, name) = (a.number, a.recipient.name.clone());
    let kept = w.attempt_mut(id)?;
    (kept.error_code, kept.class) = (Some(code), Some(asks.class));
    let a = kept.clone();
    let text = format!("attempt {number} to {name} failed ({code}): the code came later");
    let data = json!({ "code": code, "class": asks.class.letter().to_string() });
    w.log_as(Actor::provider(), LogKind::AttemptFailed, Some(id), text.clone(), data);
    let reached: Vec<Option<Sender>> = resend::reached_since(w, &a).map(|b| b.sender.clone()).collect();
    match asks.class {
        Class::NumberPermanent if a.kind == AttemptKind::Notice && reached.is_empty() => {
            by_class(w, &a, asks, &text)?;
        }
        Class::Account | Class::Sender if !reached.iter().any(|s| asks.class == Class::Account || *s == a.sender) => {
            breaker::open(w, id, asks, Evidence::Receipt, &text)?;
        }
        _ => {}
    }
    Ok(true)
}

/// What the class of its error asks of the ladder for a notice that failed.
fn by_class(w: &mut Work<'_>, a: &Attempt, asks: Asks, text: &str) -> Result<(), Illegal> {
    let (id, call, contact) = (a.id, w.state.call.id.clone(), a.recipient.contact.clone());
    let refused = AlertKind::Refused.about(format_args!("{call}:{}", contact.as_str()));
    match asks.class {
        Class::NumberPermanent => {
            if asks.special == Some(Special::OptedOut) {
                let sender = a.sender.as_ref().map(|s| s.as_str().to_owned()).unwrap_or_default();
                w.raise(
                    AlertKind::OptedOut.about(contact.as_str()),
                    format!("{} opted out: they must text START before they can be told", a.recipient.name),
                );
                w.change.opt_outs.push(OptOutChange::Out { phone: a.recipient.phone.e164().to_owned(), sender });
            }
            w.state.call.put_out(&contact, OutReason::Failed);
            sequence::escalate_now(w, Some(id), &contact, text)
        }
        Class::OurRequest if asks.special == Some(Special::BadText) => {
            w.raise(refused, format!("call {call}: {text}"));
            if resend::with_built_in_text(w, id)? {
                return Ok(());
            }
            sequence::escalate_now(w, Some(id), &contact, text)
        }
        Class::PairOrContent | Class::OurRequest | Class::UnknownCode => {
            w.raise(refused, format!("call {call}: {text}"));
            sequence::escalate_now(w, Some(id), &contact, text)
        }
        Class::Account | Class::Sender => resend::after_its_sender_failed(w, id),
        Class::Transient => {
            if resend::after_failure(w, id, w.ctx.rules.resend_limit)? {
                return Ok(());
            }
            // This contact keeps their later steps; somebody else is told now.
            sequence::escalate_past(w, id, &contact, text)
        }
        Class::Ambiguous if asks.special == Some(Special::UnknownOutcome) => {
            resend::by_policy(w, id, "the carrier did not answer in time")
        }
        Class::Ambiguous => {
            if resend::after_failure(w, id, w.ctx.rules.resend_limit.min(1))? {
                return Ok(());
            }
            w.raise(refused, format!("call {call}: {text}"));
            sequence::escalate_now(w, Some(id), &contact, text)
        }
        // Says nothing of an outbound message: the clock goes on.
        Class::Informational => Ok(()),
    }
}

/// The claim of an engine that is gone: sent or not, nobody knows.
pub(super) fn engine_gone(w: &mut Work<'_>, id: AttemptId, engine: &str) -> Result<(), Illegal> {
    let a = w.attempt(id)?;
    if a.state != AttemptState::Sending || a.claimed_by.as_deref() == Some(engine) {
        return Ok(());
    }
    unknown(w, id, "the engine that sent it ended before its answer was stored")
}
