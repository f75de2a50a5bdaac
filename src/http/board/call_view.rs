//! One call as the board shows it: who was told, what comes next, what can be done.

use serde::Serialize;

use crate::domain::Timestamp;
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState};
use crate::domain::call::{Call, CallState, CallStatus, CallVersion};
use crate::domain::codes;
use crate::domain::team::Directory;
use crate::domain::types::ContactId;
use crate::domain::urgency::Urgency;
use crate::engine::next_step::{coming, who};

use super::facts::{Facts, Sight};
use super::words::{clock, relative};

/// The characters of a caller's own words that a list shows; the call's own page shows all.
const SHOWN_MAX: usize = 300;
/// So many notices of a call are in a list, the newest.
const NOTICES_MAX: usize = 8;

/// A call of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BoardCall {
    pub(super) call_id: String,
    pub(super) reference: String,
    pub(super) status: CallStatus,
    pub(super) urgency: &'static str,
    /// The urgency in the page's words.
    pub(super) word: &'static str,
    pub(super) tone: &'static str,
    pub(super) level: String,
    pub(super) line: String,
    pub(super) issue: Option<String>,
    pub(super) caller_name: Option<String>,
    /// Masked, unless whoever looks may decide.
    pub(super) caller_phone: Option<String>,
    /// What rings it, where it is a number.
    pub(super) dial: Option<String>,
    pub(super) address: Option<String>,
    pub(super) accepted_at: Timestamp,
    pub(super) held_until: Option<Timestamp>,
    pub(super) holder: Option<String>,
    /// When it left DISPATCHING last.
    pub(super) since: Option<Timestamp>,
    pub(super) told: Vec<ToldView>,
    /// Earlier notices that are not in `told`.
    pub(super) more_told: usize,
    pub(super) next: Option<NextView>,
    pub(super) version: CallVersion,
    /// What whoever looks can do: empty where they may only look.
    pub(super) actions: Vec<Action>,
}

/// Somebody who was told, or is to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToldView {
    pub(super) attempt_id: String,
    pub(super) contact: String,
    pub(super) name: String,
    pub(super) at: Timestamp,
    /// `text`, `mail`, `phone call`.
    pub(super) by: &'static str,
    pub(super) state: AttemptState,
    /// The state in the page's words.
    pub(super) word: &'static str,
    pub(super) tone: &'static str,
    pub(super) code: Option<u32>,
    /// What the code says, or why it ended so.
    pub(super) why: Option<String>,
    /// It is not known whether it was sent, and a person may say so.
    pub(super) can_settle: bool,
}

/// What the engine does next.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NextView {
    pub(super) at: Option<Timestamp>,
    pub(super) sentence: String,
    pub(super) names: Vec<String>,
    pub(super) problems: Vec<String>,
}

/// A thing that can be done with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    Take,
    TakeFor,
    Resolve,
    Reopen,
    Raise,
    Seen,
    Cancel,
}

impl Action {
    /// As its path ends.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::TakeFor => "take-for",
            Self::Resolve => "resolve",
            Self::Reopen => "reopen",
            Self::Raise => "raise",
            Self::Seen => "seen",
            Self::Cancel => "cancel",
        }
    }

    pub(super) fn read(word: &str) -> Option<Self> {
        const ALL: [Action; 7] = [
            Action::Take,
            Action::TakeFor,
            Action::Resolve,
            Action::Reopen,
            Action::Raise,
            Action::Seen,
            Action::Cancel,
        ];
        ALL.into_iter().find(|a| a.as_str() == word)
    }

    /// Of a call that is so: the transitions of `domain/call.rs`, and no other.
    pub(super) fn of(call: &Call) -> Vec<Self> {
        match call.status {
            CallStatus::Dispatching => vec![Self::Take, Self::TakeFor, Self::Resolve, Self::Cancel],
            CallStatus::Acknowledged => vec![Self::Resolve, Self::Reopen, Self::Cancel],
            CallStatus::Exhausted => vec![Self::Take, Self::TakeFor, Self::Reopen, Self::Resolve, Self::Cancel],
            CallStatus::Deferred if call.wake_at.is_some() => {
                vec![Self::Seen, Self::Take, Self::TakeFor, Self::Raise, Self::Resolve, Self::Cancel]
            }
            CallStatus::Deferred => vec![Self::Take, Self::TakeFor, Self::Raise, Self::Resolve, Self::Cancel],
            CallStatus::Resolved | CallStatus::Cancelled => Vec::new(),
        }
    }
}

impl BoardCall {
    /// As it is at this moment.
    pub(super) fn of(state: &CallState, facts: &Facts<'_>) -> Self {
        let (call, directory, sight) = (&state.call, facts.directory, facts.sight);
        let notices: Vec<&Attempt> = state.attempts.iter().filter(|a| a.kind == AttemptKind::Notice).collect();
        let class = Urgency::of(call, notices.last().map(|a| a.state));
        let (line, _) = directory.line(call.data.twilio_to_number.as_deref());
        let whole = |t: &Option<String>| t.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        // Hidden before it is cut: half a number is no number any more.
        let text = |t: &Option<String>| whole(t).map(|t| shortened(&sight.words(&t)));
        let phone = whole(&call.data.caller_phone).map(|p| shortened(&p));
        let hidden = notices.len().saturating_sub(NOTICES_MAX);
        Self {
            call_id: call.id.to_string(),
            reference: call.reference.to_string(),
            status: call.status,
            urgency: class.as_str(),
            word: if call.held().is_some() { "Held by quiet hours" } else { word(class, call.status) },
            tone: tone(class),
            level: shortened(&sight.words(&call.level)),
            line: line.name.clone(),
            issue: text(&call.data.issue_summary),
            caller_name: text(&call.data.caller_name),
            dial: phone.as_deref().filter(|_| sight.operates()).and_then(dialled),
            caller_phone: phone.map(|p| sight.phone(&p)),
            address: text(&call.data.address),
            accepted_at: call.accepted_at,
            held_until: call.held(),
            holder: holder(state, directory).map(|name| sight.words(&name)),
            since: call.closed_at,
            told: notices.iter().skip(hidden).map(|a| told(a, sight)).collect(),
            more_told: hidden,
            next: next(call, facts),
            version: CallVersion::of(call),
            actions: if sight.operates() { Action::of(call) } else { Vec::new() },
        }
    }
}

/// A caller's own words, without end in no list.
pub(super) fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(SHOWN_MAX).collect();
    format!("{}…", kept.trim_end())
}

/// What a phone dials: digits alone, behind a plus where there is one.
pub(super) fn dialled(number: &str) -> Option<String> {
    let number = number.trim();
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/');
    let is_number = number.chars().all(plain) && (3..=15).contains(&digits.len());
    is_number.then(|| if number.starts_with('+') { format!("+{digits}") } else { digits })
}

/// The name of whoever has it, or had it last.
pub(super) fn holder(state: &CallState, directory: &Directory) -> Option<String> {
    let of = |id: &ContactId| {
        let told = state.attempts.iter().find(|a| &a.recipient.contact == id).map(|a| a.recipient.name.clone());
        directory.contact(id).map(|c| c.name.clone()).or(told).unwrap_or_else(|| id.to_string())
    };
    let office = || (state.call.status == CallStatus::Acknowledged).then(|| "the office".to_owned());
    state.call.holder.as_ref().map(of).or_else(office)
}

/// What the page calls a class.
pub(super) const fn word(class: Urgency, status: CallStatus) -> &'static str {
    match class {
        Urgency::NobodyTold => "Nobody told",
        Urgency::Exhausted => "Nobody took it",
        Urgency::Unknown => "Unknown whether sent",
        Urgency::Failed => "Failed, escalating",
        Urgency::Dispatching => "Looking for somebody",
        Urgency::Taken => "Taken",
        Urgency::Deferred => "Waits for the morning",
        Urgency::Over if matches!(status, CallStatus::Cancelled) => "Cancelled",
        Urgency::Over => "Resolved",
    }
}

/// One notice as lists show it.
pub(super) fn told(a: &Attempt, sight: Sight) -> ToldView {
    let (word, tone) = state_in_words(a);
    let by_code = a.error_code.map(|code| codes::name_of(code).to_owned());
    let ended_badly = matches!(a.state, AttemptState::Failed | AttemptState::Skipped | AttemptState::Cancelled);
    let result = Some(a.result.clone()).filter(|r| ended_badly && !r.is_empty());
    ToldView {
        attempt_id: a.id.to_string(),
        contact: sight.words(a.recipient.contact.as_str()),
        name: sight.words(&a.recipient.name),
        at: a.sent_at.unwrap_or(a.created_at),
        by: a.channel.noun(),
        state: a.state,
        word,
        tone,
        code: a.error_code.map(|c| c.0),
        why: by_code.or(result).map(|why| sight.words(&why)),
        can_settle: sight.operates() && a.state == AttemptState::Unknown,
    }
}

/// A state as the page says it.
pub(super) fn state_in_words(a: &Attempt) -> (&'static str, &'static str) {
    match a.state {
        AttemptState::Scheduled => ("waits to be sent", "busy"),
        AttemptState::Sending => ("is being sent", "busy"),
        AttemptState::Retrying => ("not sent yet, tried again", "warn"),
        AttemptState::Unknown => ("unknown: neither sent nor not", "warn"),
        AttemptState::Submitted if a.is_being_spoken() => ("picked up", "busy"),
        AttemptState::Submitted => ("sent, not confirmed", "busy"),
        AttemptState::Delivered => ("delivered", "good"),
        AttemptState::Failed => ("failed", "bad"),
        AttemptState::Skipped => ("skipped", "quiet"),
        AttemptState::Cancelled => ("not sent: the call ended", "quiet"),
    }
}

fn next(call: &Call, facts: &Facts<'_>) -> Option<NextView> {
    let (now, directory) = (facts.now, facts.directory);
    let zone = crate::domain::levels::zone_named(directory.zone(&directory.default_line));
    let when = |at| format!("{} ({})", relative(at, now), clock(at, now, &zone));
    let sentence = coming(call, directory, when)?;
    let at = call.ask_at.or(call.wake_at);
    let who = who(call, at.unwrap_or(now).max(now), &facts.rows.opt_outs, directory);
    let shown = |all: Vec<String>| all.iter().map(|text| facts.sight.words(text)).collect();
    Some(NextView { at, sentence, names: shown(who.names), problems: shown(who.problems) })
}

/// How bad something is, as a word that styles go by.
const fn tone(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::NobodyTold | Urgency::Exhausted => "bad",
        Urgency::Unknown | Urgency::Failed | Urgency::Deferred => "warn",
        Urgency::Dispatching => "busy",
        Urgency::Taken => "good",
        Urgency::Over => "quiet",
    }
}
