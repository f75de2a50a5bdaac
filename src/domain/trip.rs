//! What moves a breaker (see [`super::breaker`]): failures open it, probes and deliveries close it; and what waits for one.

use serde_json::json;

use super::alert::AlertChange;
use super::attempt::{Attempt, AttemptKind, Channel};
use super::breaker::{
    Breaker, Evidence, PROBE_EVERY_S, Probe, Route, RouteQuery, account_of, key_of, next_probe, route, senders, shown,
};
use super::call::CallStatus;
use super::change::{Answer, BreakerChange, Change};
use super::codes::{Class, ErrorClass, Special};
use super::event::{BreakerEvent, Loaded};
use super::ladder::takes_none;
use super::log::{LogEntry, LogKind};
use super::mail::RELAY;
use super::types::{Actor, AttemptId, ContactId, ErrorCode, Sender, Timestamp};
use super::work::{Ctx, Illegal, Work};
use super::{MessageStatus, Verdict};

/// The breakers after these changes.
pub(crate) fn changed(mut all: Vec<Breaker>, changes: &[BreakerChange], now: Timestamp) -> Vec<Breaker> {
    for change in changes {
        match change {
            BreakerChange::Open(b) => {
                all.retain(|known| known.sender != b.sender);
                all.push(b.clone());
            }
            BreakerChange::Probed { sender, probe_at } => {
                for b in all.iter_mut().filter(|b| &b.sender == sender) {
                    (b.probe_at, b.probes) = (*probe_at, b.probes.saturating_add(1));
                }
            }
            BreakerChange::Close { sender } => {
                for b in all.iter_mut().filter(|b| &b.sender == sender) {
                    b.closed_at = Some(now);
                }
            }
        }
    }
    all
}

/// The breakers as they are after what this decision has changed already.
fn current(w: &Work<'_>) -> Vec<Breaker> {
    changed(w.loaded.breakers.clone(), &w.change.breakers, w.now())
}

/// By whom this attempt goes now. A stand-in that the recipient has opted out of is left out; who has opted out of the first
/// sender is the claim's to see.
pub(super) fn route_of(w: &Work<'_>, a: &Attempt) -> Option<Route> {
    let mut senders = senders_of(w, a);
    let first = senders.first().copied();
    senders.retain(|s| Some(*s) == first || !takes_none(w, &a.recipient, a.channel, Some(s.as_str())));
    let query = RouteQuery { kind: a.kind, priority: a.priority, channel: a.channel };
    route(&current(w), &senders, query, w.now())
}

fn senders_of<'a>(w: &'a Work<'_>, a: &'a Attempt) -> Vec<&'a Sender> {
    senders(w.ctx.directory, w.state.call.data.twilio_to_number.as_deref(), a.own_sender(), a.channel)
}

/// The breaker of what this attempt goes by, or its account's.
fn key_for(a: &Attempt, class: Class) -> String {
    key_by(a.channel, a.sender.as_ref(), class)
}

/// The breaker of this sender, or the account's, by the class of a failure.
pub(super) fn key_by(channel: Channel, sender: Option<&Sender>, class: Class) -> String {
    let of_all = account_of(channel).filter(|_| class == Class::Account);
    let own = || sender.map(|s| key_of(channel, s.as_str()));
    of_all.map(str::to_owned).or_else(own).or_else(|| account_of(channel).map(str::to_owned)).unwrap_or_default()
}

/// Whether its recipient has opted out of a stand-in: then it may have to wait where others need not.
pub(super) fn passes_over(w: &Work<'_>, a: &Attempt) -> bool {
    let mut stand_ins = w.ctx.directory.fallback.iter().filter(|_| a.channel == Channel::Sms);
    stand_ins.any(|s| takes_none(w, &a.recipient, a.channel, Some(s.as_str())))
}

/// Whether a breaker keeps the sender of this attempt from being used as before.
pub(super) fn holds(w: &Work<'_>, a: &Attempt) -> bool {
    let own = a.sender.as_ref().map(|s| key_of(a.channel, s.as_str()));
    let is_its_own = |b: &Breaker| Some(b.sender.as_str()) == account_of(a.channel) || Some(&b.sender) == own.as_ref();
    current(w).iter().any(|b| b.is_open() && is_its_own(b))
}

/// Whether nothing of this call can be sent this way: the account's breaker is open, or that of each of its senders; for mails, the
/// relay's.
pub(super) fn shut(w: &Work<'_>, channel: Channel) -> bool {
    let breakers = current(w);
    let is_open = |key: &str| breakers.iter().any(|b| b.is_open() && b.sender == key);
    if channel == Channel::Email {
        return is_open(RELAY);
    }
    let all = senders(w.ctx.directory, w.state.call.data.twilio_to_number.as_deref(), None, channel);
    account_of(channel).is_some_and(is_open)
        || (!all.is_empty() && all.iter().all(|s| is_open(&key_of(channel, s.as_str()))))
}

/// The attempt goes as a probe of these: the next one waits its time.
pub(super) fn probed(w: &mut Work<'_>, probes: &[String]) {
    let probe_at = next_probe(w.now());
    for sender in probes {
        w.change.breakers.push(BreakerChange::Probed { sender: sender.clone(), probe_at });
    }
}

/// What failed in a way that is its sender's or the account's.
pub(super) struct SenderFailure<'a> {
    /// Whose breaker it is.
    pub(super) key: String,
    pub(super) code: Option<ErrorCode>,
    pub(super) sent_at: Timestamp,
    pub(super) asks: ErrorClass,
    pub(super) evidence: Evidence,
    pub(super) text: &'a str,
}

/// What such a failure does to these breakers. What was sent before one closed last says nothing new.
enum Opened {
    Nothing,
    /// The stricter proof is asked for from now on.
    Stricter(Breaker),
    New(Breaker),
}

fn opened(breakers: Vec<Breaker>, of: &SenderFailure<'_>, now: Timestamp) -> Opened {
    let evidence = of.evidence;
    let probe = if of.asks.special == Some(Special::Credentials) { Probe::List } else { Probe::Notice };
    match breakers.into_iter().find(|b| b.sender == of.key) {
        Some(b) if b.closed_at.is_some_and(|closed| closed <= now && of.sent_at <= closed) => return Opened::Nothing,
        Some(b) if b.is_open() => {
            let is_stricter = b.evidence == Evidence::Answer && evidence == Evidence::Receipt;
            return if is_stricter { Opened::Stricter(Breaker { evidence, probe, ..b }) } else { Opened::Nothing };
        }
        _ => {}
    }
    Opened::New(Breaker {
        sender: of.key.clone(),
        opened_at: now,
        closed_at: None,
        evidence,
        probe,
        code: of.code,
        why: of.text.to_owned(),
        probe_at: next_probe(now),
        probes: 0,
    })
}

fn said_of(b: &Breaker, text: &str) -> AlertChange {
    let whose = shown(&b.sender);
    AlertChange::Raise {
        key: b.alert_key(),
        call: None,
        message: format!(
            "what goes by {whose} fails ({text}): it waits and one goes as a probe every {PROBE_EVERY_S} s; see `dispatchctl breaker list`"
        ),
    }
}

/// The same of a text that belongs to no call.
pub(super) fn open_beside(loaded: &Loaded, of: &SenderFailure<'_>, now: Timestamp, change: &mut Change) {
    match opened(changed(loaded.breakers.clone(), &change.breakers, now), of, now) {
        Opened::Nothing => {}
        Opened::Stricter(b) => change.breakers.push(BreakerChange::Open(b)),
        Opened::New(b) => {
            let message = format!("the breaker of {} opens: {}", shown(&b.sender), of.text);
            let data = json!({ "code": b.code, "evidence": b.evidence, "probe": b.probe });
            let actor = Actor::engine();
            let kind = LogKind::BreakerOpened;
            change.log.push(LogEntry { kind, at: now, call: None, attempt: None, actor, message, data });
            change.alerts.push(said_of(&b, of.text));
            change.breakers.push(BreakerChange::Open(b));
        }
    }
}

/// An attempt failed in a way that is its sender's or the account's: the breaker opens, with one alert.
pub(super) fn open(
    w: &mut Work<'_>,
    id: AttemptId,
    asks: ErrorClass,
    evidence: Evidence,
    text: &str,
) -> Result<(), Illegal> {
    let a = w.attempt(id)?;
    let (key, sent_at) = (key_for(a, asks.class), a.sent_at.unwrap_or(a.created_at));
    let of = SenderFailure { key, code: a.error_code, sent_at, asks, evidence, text };
    match opened(current(w), &of, w.now()) {
        Opened::Nothing => {}
        Opened::Stricter(b) => w.change.breakers.push(BreakerChange::Open(b)),
        Opened::New(b) => {
            let data = json!({ "code": b.code, "evidence": b.evidence, "probe": b.probe });
            w.log(LogKind::BreakerOpened, Some(id), format!("the breaker of {} opens: {text}", shown(&b.sender)), data);
            w.change.alerts.push(said_of(&b, text));
            w.change.breakers.push(BreakerChange::Open(b));
        }
    }
    Ok(())
}

/// What an attempt proves of its sender by where its message is now; closes what it probed.
pub(super) fn ingested(w: &mut Work<'_>, id: AttemptId, status: &MessageStatus) -> Result<(), Illegal> {
    let sent_at = w.attempt(id)?.sent_at;
    let proof = match status {
        MessageStatus::Delivered | MessageStatus::Read => Some("it was delivered"),
        MessageStatus::Sent if sent_at.is_some_and(|at| w.now().since(at) >= w.ctx.rules.status_timeout) => {
            Some("it was sent and no error followed")
        }
        _ => None,
    };
    let verdict = if status.verdict() == Some(Verdict::Failed) { Some(Verdict::Failed) } else { None };
    proven(w, id, proof, verdict)
}

/// An attempt proves this of its sender, where it proves anything, or was accepted at least and has not failed; closes what it
/// probed.
pub(super) fn proven(
    w: &mut Work<'_>,
    id: AttemptId,
    proof: Option<&'static str>,
    verdict: Option<Verdict>,
) -> Result<(), Illegal> {
    let breakers = current(w);
    if !breakers.iter().any(Breaker::is_open) {
        return Ok(());
    }
    let a = w.attempt(id)?;
    let (Some(sender), Some(sent_at)) = (a.sender.as_ref(), a.sent_at) else { return Ok(()) };
    let failed = verdict == Some(Verdict::Failed);
    let (number, own, account) = (a.number, key_of(a.channel, sender.as_str()), account_of(a.channel));
    let closes = |b: &&Breaker| {
        let its_own = b.sender == own || Some(b.sender.as_str()) == account;
        // While it is open only probes go: whatever was sent after it opened is one.
        its_own && b.is_open() && sent_at > b.opened_at && b.probe == Probe::Notice
    };
    for b in breakers.iter().filter(closes) {
        let proof = match (b.evidence, proof) {
            (_, Some(proof)) => proof,
            (Evidence::Answer, None) if !failed => "it was accepted",
            (_, None) => continue,
        };
        let why = format!("attempt {number} went as a probe and {proof}");
        let text = format!("the breaker of {} closes: {why}", shown(&b.sender));
        w.log(LogKind::BreakerClosed, Some(id), text, json!({ "probes": b.probes }));
        w.change.alerts.push(AlertChange::Resolve { key: b.alert_key() });
        w.change.breakers.push(BreakerChange::Close { sender: b.sender.clone() });
    }
    Ok(())
}

/// What happened to a breaker outside of any call.
pub(super) fn update(loaded: &Loaded, sender: &str, what: &BreakerEvent, ctx: &Ctx<'_>) -> Change {
    let Some(b) = loaded.breakers.iter().find(|b| b.sender == sender && b.is_open()) else {
        return Change { answer: Answer::NotFound, ..Change::default() };
    };
    let why = match what {
        BreakerEvent::ClosedByPerson => "a person closed it",
        BreakerEvent::Unused => "nothing is sent by it any more",
        BreakerEvent::Listed => {
            // Credentials that may list need not be good for sending: the next notice shows it, at once.
            let asks = Breaker { probe: Probe::Notice, probe_at: ctx.now, ..b.clone() };
            return Change { breakers: vec![BreakerChange::Open(asks)], ..Change::default() };
        }
        BreakerEvent::ListRefused => {
            let probe_at = next_probe(ctx.now);
            let probed = BreakerChange::Probed { sender: sender.to_owned(), probe_at };
            return Change { breakers: vec![probed], ..Change::default() };
        }
    };
    let entry = LogEntry {
        kind: LogKind::BreakerClosed,
        at: ctx.now,
        call: None,
        attempt: None,
        actor: ctx.actor.clone(),
        message: format!("the breaker of {} closes: {why}", shown(sender)),
        data: json!({ "probes": b.probes }),
    };
    Change {
        log: vec![entry],
        alerts: vec![AlertChange::Resolve { key: b.alert_key() }],
        breakers: vec![BreakerChange::Close { sender: sender.to_owned() }],
        ..Change::default()
    }
}

/// Since when this attempt could go that was due then: until the end of a breaker all its senders were held. One that goes as a
/// probe is held still.
pub(super) fn held_until(w: &Work<'_>, a: &Attempt, due: Timestamp) -> Timestamp {
    let breakers = current(w);
    let end = |key: &str| {
        let own = breakers.iter().find(|b| b.sender == key);
        own.map(|b| b.closed_at.unwrap_or(w.now())).filter(|end| *end > due)
    };
    let of_all = senders_of(w, a).iter().map(|s| end(&key_of(a.channel, s.as_str()))).min().flatten();
    let account = account_of(a.channel).and_then(end);
    [account, of_all].into_iter().flatten().fold(due, Timestamp::max)
}

/// Notices of this call by this channel that wait while nothing goes that way: to whom, and whether each of them was tried as a
/// probe and failed. `None`: none waits for a breaker.
pub(super) fn held(w: &Work<'_>, channel: Channel) -> Option<(Vec<ContactId>, Tried)> {
    let call = &w.state.call;
    if call.status != CallStatus::Dispatching || !shut(w, channel) {
        return None;
    }
    let of_channel = |b: &&Breaker| b.is_open() && b.channel() == channel;
    let opened = current(w).iter().filter(of_channel).map(|b| b.opened_at).min();
    let was_probe = |a: &Attempt| {
        let repeated = a.repeats.and_then(|r| w.state.attempt(r));
        repeated.is_some_and(|r| matches!(r.class, Some(Class::Sender | Class::Account)) && r.sent_at > opened)
    };
    let waits = |a: &&Attempt| {
        a.kind == AttemptKind::Notice && a.round == call.round && a.channel == channel && a.state.is_waiting()
    };
    let waiting: Vec<&Attempt> = w.state.attempts.iter().filter(waits).collect();
    let tried = if waiting.iter().all(|a| was_probe(a)) { Tried::All } else { Tried::NotAll };
    (!waiting.is_empty()).then(|| (waiting.iter().map(|a| a.recipient.contact.clone()).collect(), tried))
}

/// Whether what waits was tried as a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// All of it, in vain: the failure may be the recipients' doing.
    All,
    NotAll,
}
