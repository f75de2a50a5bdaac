//! The breaker of a sender: after an error that is the sender's or the account's, and not the recipient's, nothing more is
//! sent by it but a probe now and then, until one shows that it works again.
//!
//! ```text
//! closed ── a failure of class S or A ──► open ── every 60 s, one notice as a probe ──► half open
//!    ▲                                                                                    │
//!    └── the probe was accepted (a refusal had opened it) · delivered · sent without error for `status_timeout` · by hand
//! ```
//! What waits is deferred, not consumed: notices keep waiting, steps that come due while a notice of the call still waits are
//! fired when the breaker closes, as after an outage.

use std::time::Duration;

use serde_json::json;

use super::MessageStatus;
use super::attempt::{Attempt, AttemptKind, Priority, words};
use super::call::CallStatus;
use super::error_class::{Class, Special};
use super::event::{AlertChange, Answer, Asks, BreakerChange, BreakerNews, Change, Loaded, LogEntry, LogKind};
use super::step::{Ctx, Illegal, Work};
use super::team::Directory;
use super::types::{AttemptId, ErrorCode, Sender, Timestamp};

/// The breaker of all senders: the account's.
pub const ACCOUNT: &str = "*";
/// The pause between two probes, in seconds.
const PROBE_EVERY_S: u64 = 60;

words! {
    /// What opened a breaker, and so what closes it.
    Evidence {
        /// The provider refused the request itself: a request that it takes proves the contrary.
        Answer = "answer",
        /// The message was accepted and failed later: only a delivery proves the contrary.
        Receipt = "receipt",
    }
}

words! {
    /// How it is found out whether it works again.
    Probe {
        /// The oldest waiting notice goes.
        Notice = "notice",
        /// The credentials were refused: a list of messages is asked for.
        List = "list",
    }
}

/// A breaker that is open, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// Whose: a sender, or [`ACCOUNT`].
    pub sender: String,
    /// When it opened last.
    pub opened_at: Timestamp,
    /// When it closed; `None`: it is open.
    pub closed_at: Option<Timestamp>,
    /// What opened it.
    pub evidence: Evidence,
    /// How it is probed.
    pub probe: Probe,
    /// The code of the failure.
    pub code: Option<ErrorCode>,
    /// For a person.
    pub why: String,
    /// When the next probe may go.
    pub probe_at: Timestamp,
    /// Probes since it opened.
    pub probes: u32,
}

impl Breaker {
    /// Nothing goes but probes.
    pub const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// Of all senders.
    pub fn is_account(&self) -> bool {
        self.sender == ACCOUNT
    }

    /// The key of its one alert.
    pub fn alert_key(&self) -> String {
        alert_key(&self.sender)
    }
}

fn alert_key(sender: &str) -> String {
    format!("breaker:{}", if sender == ACCOUNT { "account" } else { sender })
}

/// By whom an attempt goes, if by anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// By this sender. `probes`: the open breakers that this message probes.
    Send {
        /// Who.
        sender: Sender,
        /// See above.
        probes: Vec<String>,
    },
    /// By nobody before this time.
    Hold {
        /// When a probe may go.
        until: Timestamp,
    },
}

/// What is to be sent, as far as the choice of a sender depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errand {
    /// Only notices probe.
    pub kind: AttemptKind,
    /// A first notice is not risked on a probe while another sender works.
    pub priority: Priority,
}

/// Chooses among the senders of a line, in their order. `None` where there is none.
///
/// A sender whose breaker is open is passed over for the next; only where none is left, a notice goes as a probe. A reminder
/// probes the first sender even where another one works: otherwise it would never be used again.
pub fn route(breakers: &[Breaker], senders: &[&Sender], errand: Errand, now: Timestamp) -> Option<Route> {
    let open = |key: &str| breakers.iter().find(|b| b.sender == key && b.is_open());
    let may_probe = |b: &Breaker| errand.kind == AttemptKind::Notice && b.probe == Probe::Notice && b.probe_at <= now;
    let account = open(ACCOUNT);
    if let Some(a) = account.filter(|a| !may_probe(a)) {
        return Some(Route::Hold { until: a.probe_at });
    }
    let probes = |own: Option<&Breaker>| account.into_iter().chain(own).map(|b| b.sender.clone()).collect();
    let send = |s: &&Sender, own| Route::Send { sender: (*s).clone(), probes: probes(own) };
    let first = senders.first()?;
    let working = senders.iter().find(|s| open(s.as_str()).is_none());
    if let Some(b) = open(first.as_str())
        && may_probe(b)
        && (working.is_none() || errand.priority != Priority::First)
    {
        return Some(send(first, Some(b)));
    }
    if let Some(s) = working {
        return Some(send(s, None));
    }
    let of_all = senders.iter().filter_map(|s| open(s.as_str()).map(|b| (s, b)));
    if let Some((s, b)) = of_all.clone().find(|(_, b)| may_probe(b)) {
        return Some(send(s, Some(b)));
    }
    of_all.map(|(_, b)| b.probe_at).min().map(|until| Route::Hold { until })
}

/// The senders that an attempt to this line may go by, best first. `own`: the one that it has already, from an earlier try or
/// because it answers what was written to that number.
pub fn senders<'a>(directory: &'a Directory, dialled: Option<&str>, own: Option<&'a Sender>) -> Vec<&'a Sender> {
    let (line, _) = directory.line(dialled);
    let first = own.or_else(|| directory.sender(line));
    first.into_iter().chain(directory.fallback.iter().filter(|f| Some(*f) != first)).collect()
}

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

/// By whom this attempt goes now.
pub(super) fn route_of(w: &Work<'_>, a: &Attempt) -> Option<Route> {
    let senders = senders(w.ctx.directory, w.state.call.data.twilio_to_number.as_deref(), a.sender.as_ref());
    route(&current(w), &senders, Errand { kind: a.kind, priority: a.priority }, w.now())
}

/// The sender that a step of this call would use: where all are shut, the first.
pub(super) fn sender_of<'a>(w: &'a Work<'_>) -> Option<&'a Sender> {
    let all = senders(w.ctx.directory, w.state.call.data.twilio_to_number.as_deref(), None);
    let breakers = current(w);
    let shut = |s: &&&Sender| breakers.iter().any(|b| b.is_open() && b.sender == s.as_str());
    all.iter().find(|s| !shut(s)).or(all.first()).copied()
}

/// Whether nothing of this call can be sent: the account's breaker is open, or that of each of its senders.
pub(super) fn shut(w: &Work<'_>) -> bool {
    let breakers = current(w);
    let is_open = |key: &str| breakers.iter().any(|b| b.is_open() && b.sender == key);
    let all = senders(w.ctx.directory, w.state.call.data.twilio_to_number.as_deref(), None);
    is_open(ACCOUNT) || (!all.is_empty() && all.iter().all(|s| is_open(s.as_str())))
}

/// When the next probe may go after one now; a deferred step is looked at again by then too, should nothing close its breaker
/// before.
pub fn next_probe(now: Timestamp) -> Timestamp {
    now.plus(Duration::from_secs(PROBE_EVERY_S))
}

/// The attempt goes as a probe of these: the next one waits its time.
pub(super) fn probed(w: &mut Work<'_>, probes: &[String]) {
    let probe_at = next_probe(w.now());
    for sender in probes {
        w.change.breakers.push(BreakerChange::Probed { sender: sender.clone(), probe_at });
    }
}

/// An attempt failed in a way that is its sender's or the account's: the breaker opens, with one alert. What was sent before it
/// closed last says nothing new.
pub(super) fn open(w: &mut Work<'_>, id: AttemptId, asks: Asks, evidence: Evidence, text: &str) -> Result<(), Illegal> {
    let a = w.attempt(id)?;
    let own = a.sender.as_ref().map_or(ACCOUNT, Sender::as_str);
    let sender = if asks.class == Class::Account { ACCOUNT } else { own }.to_owned();
    let (code, sent_at) = (a.error_code, a.sent_at.unwrap_or(a.created_at));
    let known = current(w).into_iter().find(|b| b.sender == sender);
    let probe = if asks.special == Some(Special::Credentials) { Probe::List } else { Probe::Notice };
    match known {
        Some(b) if b.closed_at.is_some_and(|closed| sent_at <= closed) => return Ok(()),
        Some(b) if b.is_open() => {
            // The stricter proof is asked for from now on.
            if b.evidence == Evidence::Answer && evidence == Evidence::Receipt {
                let stricter = Breaker { evidence, probe, ..b };
                w.change.breakers.push(BreakerChange::Open(stricter));
            }
            return Ok(());
        }
        _ => {}
    }
    let now = w.now();
    let breaker = Breaker {
        sender,
        opened_at: now,
        closed_at: None,
        evidence,
        probe,
        code,
        why: text.to_owned(),
        probe_at: next_probe(now),
        probes: 0,
    };
    let whose = shown(&breaker.sender);
    let data = json!({ "code": code, "evidence": evidence, "probe": probe });
    w.log(LogKind::BreakerOpened, Some(id), format!("the breaker of {whose} opens: {text}"), data);
    w.change.alerts.push(AlertChange::Raise {
        key: breaker.alert_key(),
        call: None,
        message: format!(
            "texts from {whose} fail ({text}): they wait and one goes as a probe every {PROBE_EVERY_S} s; see `dispatchctl breaker list`"
        ),
    });
    w.change.breakers.push(BreakerChange::Open(breaker));
    Ok(())
}

/// The sender as people may read it in a log.
pub fn shown(sender: &str) -> String {
    if sender == ACCOUNT { "the whole account".to_owned() } else { super::phone::masked(sender) }
}

/// What an attempt proves of its sender by where its message is now; closes what it probed.
pub(super) fn heard(w: &mut Work<'_>, id: AttemptId, status: &MessageStatus) -> Result<(), Illegal> {
    let breakers = current(w);
    if !breakers.iter().any(Breaker::is_open) {
        return Ok(());
    }
    let a = w.attempt(id)?;
    let (Some(sender), Some(sent_at)) = (a.sender.clone(), a.sent_at) else { return Ok(()) };
    let proof = match status {
        MessageStatus::Delivered | MessageStatus::Read => Some("it was delivered"),
        MessageStatus::Sent if w.now().since(sent_at) >= w.ctx.rules.status_timeout => {
            Some("it was sent and no error followed")
        }
        _ => None,
    };
    let failed = status.verdict() == Some(super::Verdict::Failed);
    let number = a.number;
    let closes = |b: &&Breaker| {
        let its_own = b.sender == sender.as_str() || b.is_account();
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
pub(super) fn news(loaded: &Loaded, sender: &str, what: &BreakerNews, ctx: &Ctx<'_>) -> Change {
    let Some(b) = loaded.breakers.iter().find(|b| b.sender == sender && b.is_open()) else {
        return Change { answer: Answer::NotFound, ..Change::default() };
    };
    let why = match what {
        BreakerNews::ClosedByHand => "a person closed it",
        BreakerNews::Listed => "the provider takes the credentials again",
        BreakerNews::ListRefused => {
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

/// Whether this call's notices wait for a breaker: some notice of the round has not left, and none of its senders works.
pub(super) fn defers(w: &Work<'_>) -> bool {
    let call = &w.state.call;
    let waits = |a: &Attempt| a.kind == AttemptKind::Notice && a.round == call.round && a.state.is_waiting();
    call.status == CallStatus::Dispatching && shut(w) && w.state.attempts.iter().any(waits)
}
