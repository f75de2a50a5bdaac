//! The breaker of a sender: after an error that is the sender's or the account's, and not the recipient's, nothing more is
//! sent by it but a probe now and then, until one shows that it works again.
//!
//! ```text
//! closed ── a failure of class S or A ──► open ── every 60 s, one notice as a probe ──► half open
//!    ▲                                                                                    │
//!    └── the probe was accepted (a refusal had opened it) · delivered · sent without error for `status_timeout` · by hand
//! ```
//! Here is what a breaker is, and whom it lets send; what moves one is in `trip.rs`. What waits is deferred, not consumed: notices keep waiting, steps that come due while a notice of the call still waits are
//! fired when the breaker closes, as after an outage.

use std::time::Duration;

use super::alert::{AlertKey, AlertKind};
use super::attempt::{AttemptKind, Channel, Priority, words};
use super::mail::RELAY;
use super::team::Directory;
use super::types::{ErrorCode, Sender, Timestamp};

/// The breaker of all senders of texts: the account's.
pub const ACCOUNT: &str = "*";
/// The breaker of all phone calls of the account: a text that is barred is no bar to a phone call, nor the reverse.
pub const VOICE_ACCOUNT: &str = "voice:*";
/// What the breaker of a number begins with that phone calls come from.
const VOICE: &str = "voice:";
/// The pause between two probes, in seconds.
pub(super) const PROBE_EVERY_S: u64 = 60;

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

    /// Of all senders of its channel.
    pub fn is_account(&self) -> bool {
        [ACCOUNT, VOICE_ACCOUNT].contains(&self.sender.as_str())
    }

    /// What it holds.
    pub fn channel(&self) -> Channel {
        match self.sender.as_str() {
            RELAY => Channel::Email,
            sender if sender.starts_with(VOICE) => Channel::Voice,
            _ => Channel::Sms,
        }
    }

    /// The key of its one alert.
    pub fn alert_key(&self) -> AlertKey {
        alert_key(&self.sender)
    }
}

fn alert_key(sender: &str) -> AlertKey {
    AlertKind::Breaker.about(if sender == ACCOUNT { "account" } else { sender })
}

/// The breaker of a sender: one number has one for texts and one for phone calls.
pub fn key_of(channel: Channel, sender: &str) -> String {
    match channel {
        Channel::Voice => format!("{VOICE}{sender}"),
        Channel::Sms | Channel::Email => sender.to_owned(),
    }
}

/// The breaker of the account, of this channel; a relay of mails has no account.
pub const fn account_of(channel: Channel) -> Option<&'static str> {
    match channel {
        Channel::Sms => Some(ACCOUNT),
        Channel::Voice => Some(VOICE_ACCOUNT),
        Channel::Email => None,
    }
}

/// By whom an attempt goes, if by anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// By this sender. `probes`: the open breakers that this message probes.
    Send {
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
pub struct RouteQuery {
    /// Only notices probe.
    pub kind: AttemptKind,
    /// A first notice is not risked on a probe while another sender works.
    pub priority: Priority,
    /// Each has its own breakers.
    pub channel: Channel,
}

/// Chooses among the senders of a line, in their order. `None` where there is none.
///
/// A sender whose breaker is open is passed over for the next; only where none is left, a notice goes as a probe. A reminder
/// probes one even where another works: otherwise it would never be used again.
pub fn route(breakers: &[Breaker], senders: &[&Sender], query: RouteQuery, now: Timestamp) -> Option<Route> {
    let find = |key: &str| breakers.iter().find(|b| b.sender == key && b.is_open());
    let open = |sender: &str| find(&key_of(query.channel, sender));
    let may_probe = |b: &Breaker| query.kind == AttemptKind::Notice && b.probe == Probe::Notice && b.probe_at <= now;
    let account = account_of(query.channel).and_then(find);
    if let Some(a) = account.filter(|a| !may_probe(a)) {
        return Some(Route::Hold { until: a.probe_at });
    }
    let probes = |own: Option<&Breaker>| account.into_iter().chain(own).map(|b| b.sender.clone()).collect();
    let send = |s: &&Sender, own| Route::Send { sender: (*s).clone(), probes: probes(own) };
    senders.first()?;
    let working = senders.iter().find(|s| open(s.as_str()).is_none());
    let of_all = senders.iter().filter_map(|s| open(s.as_str()).map(|b| (s, b)));
    if (working.is_none() || query.priority != Priority::First)
        && let Some((s, b)) = of_all.clone().find(|(_, b)| may_probe(b))
    {
        return Some(send(s, Some(b)));
    }
    if let Some(s) = working {
        return Some(send(s, None));
    }
    of_all.map(|(_, b)| b.probe_at).min().map(|until| Route::Hold { until })
}

/// The senders that an attempt to this line may go by, best first. `own`: that of an answer, which goes by the number that was
/// written to if it can; of a mail, the relay.
pub fn senders<'a>(
    directory: &'a Directory,
    dialled: Option<&str>,
    own: Option<&'a Sender>,
    channel: Channel,
) -> Vec<&'a Sender> {
    match channel {
        Channel::Email => return own.filter(|_| directory.mail_from.is_some()).into_iter().collect(),
        Channel::Voice => return directory.voice_from.iter().collect(),
        Channel::Sms => {}
    }
    let (line, _) = directory.line(dialled);
    let mut all: Vec<&Sender> = Vec::new();
    for s in own.into_iter().chain(directory.sender(line)).chain(&directory.fallback) {
        if !all.contains(&s) {
            all.push(s);
        }
    }
    all
}

/// When the next probe may go after one now; a deferred step is looked at again by then too, should nothing close its breaker
/// before.
pub fn next_probe(now: Timestamp) -> Timestamp {
    now.plus(Duration::from_secs(PROBE_EVERY_S))
}

/// The sender as people may read it in a log.
pub fn shown(sender: &str) -> String {
    match sender {
        ACCOUNT => "the whole account".to_owned(),
        VOICE_ACCOUNT => "all phone calls of the account".to_owned(),
        RELAY => "the mail relay".to_owned(),
        sender => match sender.strip_prefix(VOICE) {
            Some(number) => format!("phone calls from {}", super::phone::masked(number)),
            None => super::phone::masked(sender),
        },
    }
}

/// Open breakers of senders that nothing is configured to use.
pub fn unused<'a>(breakers: &'a [Breaker], directory: &Directory) -> Vec<&'a Breaker> {
    let lines = directory.lines.iter().chain([&directory.default_line]).filter_map(|l| l.from.as_ref());
    let used: Vec<&str> = lines.chain(&directory.from).chain(&directory.fallback).map(Sender::as_str).collect();
    let is_used = |b: &Breaker| match b.channel() {
        _ if b.is_account() => true,
        Channel::Sms => used.contains(&b.sender.as_str()),
        Channel::Email => directory.mail_from.is_some(),
        Channel::Voice => directory.voice_from.as_ref().is_some_and(|s| key_of(Channel::Voice, s.as_str()) == b.sender),
    };
    breakers.iter().filter(|b| b.is_open() && !is_used(b)).collect()
}
