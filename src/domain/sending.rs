//! The claim of an attempt, its one POST, and what became of it.

use serde_json::{Value, json};

use super::alert::{AlertKey, AlertKind};
use super::attempt::{Attempt, AttemptEvent, AttemptKind, AttemptState, Channel, Move, Priority, Recipient};
use super::breaker::{self, Route};
use super::call::CallStatus;
use super::change::{Answer, ToSend};
use super::codes::{Class, ErrorClass};
use super::count::counted;
use super::dial;
use super::event::SendOutcome;
use super::failure;
use super::ladder;
use super::log::LogKind;
use super::raise_untold;
use super::receipt::MessageStatus;
use super::resend;
use super::sequence;
use super::sids;
use super::spend::{self, Verdict};
use super::status_update;
use super::trip;
use super::types::{AttemptId, ErrorCode, MessageSid, Sender, Timestamp};
use super::voice::script::{self, TwimlSource};
use super::wording;
use super::work::{Illegal, Work};

/// How long a stand-down waits for the answer about the notice that it takes back, in seconds, each time it looks.
const UNDER_WAY_PAUSE_S: u64 = 1;
/// How long an attempt waits where no sender is configured for its line, in seconds.
const NO_SENDER_PAUSE_S: u64 = 30;
/// How long what probes nothing waits at least for a breaker whose probe is due, in seconds, each time it looks.
const DUE_PROBE_PAUSE_S: u64 = 5;

/// Checks that the attempt is still wanted, claims it for `engine` and writes the intent: the text is what will be sent.
/// `provider_after`: the newest moment of the provider's clock that is known.
pub(super) fn claim(
    w: &mut Work<'_>,
    id: AttemptId,
    engine: &str,
    provider_after: Option<Timestamp>,
) -> Result<(), Illegal> {
    w.unclaimed_under_fault_injection(id)?;
    let attempt = w.attempt(id)?.clone();
    if !attempt.state.is_waiting() || attempt.not_before > w.now() {
        return refuse(w, format!("attempt {} is {} and not waiting now", attempt.number, attempt.state));
    }
    if let Some((event, why)) = unwanted(w, id)? {
        w.drop_waiting(id, event, &why)?;
        if attempt.kind == AttemptKind::Notice && w.state.call.is_out_by(&attempt.recipient.contact, attempt.channel) {
            // It was alive until now, and may have kept the ladder from going on.
            sequence::escalate_now(w, Some(id), &attempt.recipient.contact, &why)?;
        }
        return refuse(w, why);
    }
    if attempt.kind == AttemptKind::Notice
        && !w.ctx.rules.off.claim_recheck
        && let Some(others) = ladder::passed_on(w, &attempt)
    {
        return pass_on(w, &attempt, others);
    }
    if attempt.kind == AttemptKind::Notice && !w.ctx.rules.off.claim_recheck && ladder::waits_for_last(w, &attempt) {
        let why = format!("{} has taken a call since and is asked last: others are told", attempt.recipient.name);
        w.drop_waiting(id, AttemptEvent::Skip, &why)?;
        return refuse(w, why);
    }
    if attempt.kind == AttemptKind::StandDown && is_under_way(w, &attempt) {
        // It would arrive before the text that it takes back, or take back one that never went.
        w.attempt_mut(id)?.not_before = w.now().plus(std::time::Duration::from_secs(UNDER_WAY_PAUSE_S));
        return refuse(w, "the text that it takes back is still under way".into());
    }
    if let Some(why) = dial::wait::of(w, &attempt) {
        w.attempt_mut(id)?.not_before = w.now().plus(dial::wait::PAUSE);
        return refuse(w, why.into());
    }
    if let Some(sender) = first_sender(w, &attempt)
        && ladder::takes_none(w, &attempt.recipient, attempt.channel, Some(sender.as_str()))
    {
        return opted_out_before_it_left(w, id, &sender);
    }
    if let Verdict::Kept(why) = spend::judge(w, &attempt)? {
        return refuse(w, why);
    }
    let Some(route) = trip::route_of(w, &attempt) else {
        w.attempt_mut(id)?.not_before = w.now().plus(std::time::Duration::from_secs(NO_SENDER_PAUSE_S));
        let what = match attempt.channel {
            Channel::Sms => "nothing can be sent (set twilio.from or twilio.messaging_service_sid)",
            Channel::Email => "no mail can be sent (set smtp.url and smtp.from)",
            Channel::Voice => "no phone can be rung (set voice.from)",
        };
        w.raise(AlertKind::NoSender, format!("no sender is configured: {what}"));
        return refuse(w, "no sender is configured".into());
    };
    let (sender, probes) = match route {
        Route::Send { sender, probes } => (sender, probes),
        Route::Hold { until } => {
            if attempt.kind != AttemptKind::Notice || trip::passes_over(w, &attempt) {
                // What probes nothing is looked at again when it can go, or when it is too late for it; so is what the
                // dispatcher would try by a stand-in again and again. A probe that is due may have nothing to go with for hours.
                let late = attempt.expires_at.map(|at| at.plus(std::time::Duration::from_millis(1)));
                let again = until.max(w.now().plus(std::time::Duration::from_secs(DUE_PROBE_PAUSE_S)));
                w.attempt_mut(id)?.not_before = late.into_iter().chain([again]).min().unwrap_or(again);
            }
            return refuse(w, format!("no sender works: a probe may go at {until}"));
        }
    };
    let is_of_the_next = attempt.channel == ladder::channel_of(w, w.state.call.next_step);
    if attempt.kind == AttemptKind::Notice
        && probes.is_empty()
        && is_of_the_next
        && w.state.call.deferred_from.is_some()
    {
        // The breaker has closed: what was deferred comes first, and may stand for this one.
        sequence::fire_missed(w)?;
        let now = w.attempt(id)?;
        if !now.state.is_waiting() {
            return refuse(w, format!("attempt {} is {}", now.number, now.state));
        }
    }
    trip::probed(w, &probes);
    intent(w, id, engine, sender)?;
    let a = w.attempt_mut(id)?;
    (a.provider_at, a.provider_after, a.clock_steps_ms) = (None, provider_after, 0);
    Ok(())
}

/// The claim of this engine, where it was made after all.
pub(super) fn claim_again(w: &mut Work<'_>, id: AttemptId, engine: &str) -> Result<(), Illegal> {
    let attempt = w.attempt(id)?.clone();
    let is_its_own = attempt.state == AttemptState::Sending && attempt.claimed_by.as_deref() == Some(engine);
    match attempt.sender.clone().filter(|_| is_its_own) {
        Some(sender) => {
            w.change.answer = Answer::Send(Box::new(ToSend { attempt, sender }));
            Ok(())
        }
        None => refuse(w, format!("attempt {} was not claimed", attempt.number)),
    }
}

/// Who sends it as long as everything works: an opt-out from that number is one from us.
fn first_sender(w: &Work<'_>, a: &Attempt) -> Option<Sender> {
    let dialled = w.state.call.data.twilio_to_number.as_deref();
    let all = breaker::senders(w.ctx.directory, dialled, a.own_sender(), a.channel);
    all.first().copied().cloned()
}

/// The duty passed on before the notice left: those who hold it now are told under the same step.
fn pass_on(w: &mut Work<'_>, a: &Attempt, others: Vec<Recipient>) -> Result<(), Illegal> {
    let names: Vec<String> = others.iter().map(|r| r.name.clone()).collect();
    let why = format!("{} is not on call any more: {} is told", a.recipient.name, names.join(", "));
    w.drop_waiting(a.id, AttemptEvent::Skip, &why)?;
    for other in others {
        sequence::notify(w, a.step, other, a.due_at.unwrap_or(a.created_at))?;
    }
    refuse(w, why)
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
        AttemptKind::Notice if call.is_out_by(&a.recipient.contact, a.channel) => {
            Some((AttemptEvent::Skip, format!("{} passed or cannot be reached", a.recipient.name)))
        }
        // It was under way when the newer one was made.
        AttemptKind::Notice if let Some(newer) = superseding(w, a) => {
            Some((AttemptEvent::Skip, format!("superseded by attempt {newer}")))
        }
        AttemptKind::Notice if let Some(why) = resend::overtaken(w, a) => Some((AttemptEvent::Skip, why.into())),
        AttemptKind::Update if !call.status.is_open() => {
            Some((AttemptEvent::Skip, format!("the call is {}", call.status)))
        }
        AttemptKind::Update if call.is_out_by(&a.recipient.contact, a.channel) => {
            Some((AttemptEvent::Skip, format!("{} passed or cannot be reached", a.recipient.name)))
        }
        AttemptKind::Update
            if call.status == CallStatus::Acknowledged && call.holder.as_ref() != Some(&a.recipient.contact) =>
        {
            Some((AttemptEvent::Skip, "somebody else holds the call".into()))
        }
        AttemptKind::Question
            if call.status != CallStatus::Acknowledged || call.holder.as_ref() != Some(&a.recipient.contact) =>
        {
            Some((AttemptEvent::Skip, format!("{} does not hold the call any more", a.recipient.name)))
        }
        AttemptKind::Question if call.asked_at.is_none_or(|at| at > a.created_at) => {
            Some((AttemptEvent::Skip, "it is answered".into()))
        }
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
            && a.channel == old.channel
            && a.recipient.contact == old.recipient.contact
            && (a.state.is_waiting() || a.state.may_have_arrived())
    };
    w.state.attempts.iter().find(newer).map(|a| a.number)
}

/// Whether a notice that this stand-down takes back may have arrived: the one that was under way when the call was taken may
/// have failed since. A notice that an earlier stand-down took back does not count.
fn was_reached(w: &Work<'_>, stand_down: &Attempt) -> bool {
    let theirs = |a: &&Attempt| a.recipient.contact == stand_down.recipient.contact && a.id != stand_down.id;
    let of_kind = |kind| w.state.attempts.iter().filter(theirs).filter(move |a| a.kind == kind);
    let is_there = |a: &&Attempt| matches!(a.state, AttemptState::Submitted | AttemptState::Delivered);
    let taken_back = of_kind(AttemptKind::StandDown).filter(is_there).map(|a| a.number).max();
    let counts = |a: &Attempt| a.may_have_told() || !a.replied.is_empty();
    of_kind(AttemptKind::Notice).any(|a| counts(a) && Some(a.number) > taken_back)
}

/// Whether a notice that this stand-down takes back is being posted: its outcome comes, or a restart makes it unknown.
fn is_under_way(w: &Work<'_>, stand_down: &Attempt) -> bool {
    let theirs = |a: &&Attempt| a.kind == AttemptKind::Notice && a.recipient.contact == stand_down.recipient.contact;
    // Of a phone call too, where no text was sent: its text would come before the ring.
    w.state.attempts.iter().filter(theirs).any(|a| a.state == AttemptState::Sending)
}

fn opted_out_before_it_left(w: &mut Work<'_>, id: AttemptId, sender: &Sender) -> Result<(), Illegal> {
    let a = w.attempt(id)?.clone();
    let (what, how) = match a.channel {
        Channel::Voice => ("phone calls".to_owned(), "START CALLS before their phone can be rung".to_owned()),
        Channel::Sms | Channel::Email => {
            (format!("texts from {sender}"), format!("START to {sender} before they can be told"))
        }
    };
    let why = format!("{} has opted out of {what}", a.recipient.name);
    w.drop_waiting(id, AttemptEvent::Skip, &why)?;
    raise_untold::page(w, &a, &format!("was not sent: {why}"));
    if a.kind == AttemptKind::Notice {
        let contact = a.recipient.contact.as_str();
        let key = if a.channel == Channel::Voice {
            AlertKey::of_no_phone_calls(contact)
        } else {
            AlertKind::OptedOut.about(contact)
        };
        w.raise(key, format!("{} opted out: they must text {how}", a.recipient.name));
        w.state.call.exclude_failed(&a.recipient.contact, a.channel);
        sequence::escalate_now(w, Some(id), &a.recipient.contact, &why)?;
    }
    refuse(w, why)
}

/// Writes the intent. From here on the POST may have happened.
fn intent(w: &mut Work<'_>, id: AttemptId, engine: &str, sender: Sender) -> Result<(), Illegal> {
    let a = w.attempt(id)?;
    let first = !w.state.was_notified(&a.recipient.contact, a.channel, Some(id));
    if a.body.is_empty() {
        wording::write(w, id)?;
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
    let what = match attempt.channel {
        Channel::Sms => format!("sending {}", counted(attempt.segments.into(), "segment")),
        Channel::Email => "sending a mail".to_owned(),
        Channel::Voice => "ringing".to_owned(),
    };
    w.log(
        LogKind::AttemptSending,
        Some(id),
        format!("attempt {} to {}: intent stored, {what}", attempt.number, attempt.recipient.name),
        json!({ "try": attempt.tries + 1, "segments": attempt.segments, "priority": attempt.priority }),
    );
    w.change.answer = Answer::Send(Box::new(ToSend { attempt, sender }));
    Ok(())
}

/// What became of a POST. News that came before the answer stands; the answer of a claim that is gone is recorded all the same.
pub(super) fn sent(w: &mut Work<'_>, id: AttemptId, by: Option<&str>, outcome: &SendOutcome) -> Result<(), Illegal> {
    let claimed_by = w.attempt(id)?.claimed_by.as_deref();
    if outcome.is_tried_again() && by.is_some() && claimed_by.is_some() && claimed_by != by {
        // It comes again, after another engine has claimed the attempt: that one's POST may be under way.
        return Ok(());
    }
    let number = w.attempt(id)?.number;
    match outcome {
        SendOutcome::Accepted { sid, status, code, error_class, provider_at, queued_for } => {
            accepted(w, id, sid, (status, *code, *error_class))?;
            if w.attempt(id)?.channel == Channel::Voice {
                dial::limits::queued(w, *queued_for);
            }
            status_update::made_at(w, id, sid, *provider_at)?;
        }
        SendOutcome::Refused { code, error_class, why } => {
            let error_class = dial::blocked::by_provider(w, id, *code, *error_class)?;
            failure::refused(w, id, *code, error_class, why)?;
        }
        SendOutcome::BadCallback if !w.attempt(id)?.callback => {
            failure::refused(
                w,
                id,
                Some(ErrorCode(21609)),
                ErrorClass { class: Class::OurRequest, special: None },
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
        SendOutcome::BadUrl => bad_url(w, id)?,
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
        SendOutcome::Relayed { said } => relayed(w, id, said)?,
        SendOutcome::Unknown { why } => unknown(w, id, why)?,
    }
    Ok(())
}

/// The provider cannot ask us what is to be said: the words go with the request, and no key can answer them.
fn bad_url(w: &mut Work<'_>, id: AttemptId) -> Result<(), Illegal> {
    let a = w.attempt(id)?;
    if !TwimlSource::of(&a.body).is_asked() {
        let class = ErrorClass { class: Class::OurRequest, special: None };
        return failure::refused(
            w,
            id,
            Some(ErrorCode(21205)),
            class,
            "the provider refused the address of what is said",
        );
    }
    if a.state != AttemptState::Sending {
        return Ok(());
    }
    let number = a.number;
    w.raise(AlertKind::CallbackUrl.about("voice"), "phone calls cannot ask us what to say, so no key answers them: they only say to answer the text; set or check server.public_url");
    w.attempt_on(id, AttemptEvent::SurelyNotSent)?;
    let (now, body) = (w.now(), script::without_keys(&dial::job::job(w)));
    let a = w.attempt_mut(id)?;
    (a.body, a.not_before) = (body.as_str().to_owned(), now);
    let text =
        format!("attempt {number}: the address of what is said was refused, once more with the words themselves");
    w.log(LogKind::AttemptRetrying, Some(id), text, Value::Null);
    Ok(())
}

/// The relay has the mail. Nobody can be asked whether it arrived: its reader was tried, and is not told.
fn relayed(w: &mut Work<'_>, id: AttemptId, said: &str) -> Result<(), Illegal> {
    let was = w.attempt(id)?.state;
    if w.attempt_on(id, AttemptEvent::ProviderHasIt)? != Move::To(AttemptState::Submitted) {
        return Ok(());
    }
    let a = w.attempt_mut(id)?;
    a.poll_at = None;
    a.result = format!("the relay took it ({said}); whether it was read, nobody says");
    let text = format!("attempt {}: the relay took the mail to {}", a.number, a.recipient.name);
    w.log(LogKind::AttemptSubmitted, Some(id), text, json!({ "said": said }));
    if was == AttemptState::Unknown {
        w.resolve(resend::unknown_key(id));
    }
    resend::resolve_earlier(w, id)?;
    trip::ingested(w, id, &MessageStatus::Accepted)
}

/// The provider answered with a message. One that is another attempt's cannot be this one's: what became of this POST is then
/// not known.
fn accepted(
    w: &mut Work<'_>,
    id: AttemptId,
    sid: &MessageSid,
    (status, code, error_class): (&MessageStatus, Option<ErrorCode>, ErrorClass),
) -> Result<(), Illegal> {
    if let Some(whose) = sids::linked_elsewhere(w, id, sid) {
        sids::raise_linked(w, id, sid, &whose)?;
        return unknown(w, id, &format!("the answer names message {sid}, which is that of {whose}"));
    }
    status_update::join(w, id, sid, status, code, error_class, "response")?;
    if w.attempt(id)?.callback && TwimlSource::of(&w.attempt(id)?.body).is_asked() {
        let is_voice = w.attempt(id)?.channel == Channel::Voice;
        let key = if is_voice { AlertKind::CallbackUrl.about("voice") } else { AlertKind::CallbackUrl.into() };
        w.resolve(key);
    }
    let orphans: Vec<_> = w.loaded.orphans.iter().filter(|n| &n.sid == sid).cloned().collect();
    orphans.iter().try_for_each(|orphan| status_update::apply(w, id, orphan).map(drop))
}

fn unknown(w: &mut Work<'_>, id: AttemptId, why: &str) -> Result<(), Illegal> {
    if w.attempt_on(id, AttemptEvent::OutcomeUnknown)? != Move::To(AttemptState::Unknown) {
        return Ok(());
    }
    if w.attempt(id)?.channel == Channel::Email {
        let a = w.attempt_mut(id)?;
        a.result = format!("outcome unknown: {why}");
        let text = format!(
            "attempt {}: outcome unknown ({why}); no relay can be asked: it is held, and the ladder goes on",
            a.number
        );
        w.log(LogKind::AttemptUnknown, Some(id), text, Value::Null);
        return resend::by_policy(w, id, "no relay can be asked");
    }
    let search_at = resend::first_search(w.now());
    let a = w.attempt_mut(id)?;
    (a.poll_at, a.polls) = (Some(search_at), 0);
    a.result = format!("outcome unknown: {why}");
    let text = format!("attempt {}: outcome unknown ({why}); not sent again until it is found out", a.number);
    w.log(LogKind::AttemptUnknown, Some(id), text, Value::Null);
    Ok(())
}

/// The claim of an engine that is gone: sent or not, nobody knows.
pub(super) fn engine_gone(w: &mut Work<'_>, id: AttemptId, engine: &str) -> Result<(), Illegal> {
    let a = w.attempt(id)?;
    if a.state != AttemptState::Sending || a.claimed_by.as_deref() == Some(engine) {
        return Ok(());
    }
    unknown(w, id, "the engine that sent it ended before its answer was stored")
}
