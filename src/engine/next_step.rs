//! What the engine does with a call next, in words and names: what `status`, `follow-up` and the board say of it.

use crate::domain::Timestamp;
use crate::domain::attempt::Channel;
use crate::domain::call::{Call, CallStatus};
use crate::domain::team::Directory;
use crate::domain::types::Sender;
use crate::store::OptOutLine;

use super::json::{last_resort_is_next, next_follow_up};
use super::oncall::reach::{holders_of, is_opted_out};

/// The step that comes next: `step 2 of 4`, `step 3 of 4 by phone call`, `round 2 step 1 of 4`, `last resort`, or `exhausts`.
pub(crate) fn next_step(call: &Call, directory: &Directory) -> String {
    if last_resort_is_next(call, directory) {
        return "last resort".to_owned();
    }
    if next_follow_up(call).is_none() {
        return "exhausts".to_owned();
    }
    let round = if call.round > 1 { format!("round {} ", call.round) } else { String::new() };
    let step = usize::try_from(call.next_step).ok().and_then(|n| call.policy.step(n));
    let by = step.filter(|s| !s.channel.is_sms()).map(|s| format!(" by {}", s.channel.noun())).unwrap_or_default();
    format!("{round}step {} of {}{by}", call.next_step.saturating_add(1), call.policy.total_steps())
}

/// What comes next and when, in one sentence; `None` where nothing is to come. `when` says a time.
pub(crate) fn coming(call: &Call, directory: &Directory, when: impl Fn(Timestamp) -> String) -> Option<String> {
    if call.status == CallStatus::Deferred {
        return Some(match call.wake_at {
            Some(at) => format!("waits for the morning; alarms {}, if nobody has seen it", when(at)),
            None => "was seen; nothing is done by itself".to_owned(),
        });
    }
    if let Some(at) = call.ask_at {
        let what = if call.asked_at.is_some() {
            "its holder was asked whether it goes on; alarms"
        } else {
            "its holder is asked whether it goes on"
        };
        return Some(format!("{what} {}", when(at)));
    }
    let when = when(call.wake_at.filter(|_| call.status == CallStatus::Dispatching)?);
    Some(match next_follow_up(call) {
        Some(_) if call.held().is_some() => {
            format!("quiet hours of level {}; {} {when}", call.level, next_step(call, directory))
        }
        Some(_) => format!("{} {when}", next_step(call, directory)),
        None if last_resort_is_next(call, directory) => {
            let over = if call.muted { "follow-ups were cancelled" } else { "the ladder is over" };
            format!("{over}; the last resort is told {when}, if nobody takes it")
        }
        None if call.muted => format!("follow-ups were cancelled; EXHAUSTED {when}, if nobody takes it"),
        None => format!("the ladder is over; EXHAUSTED {when}, if nobody takes it"),
    })
}

/// Whom the next step of a call would tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) names: Vec<String>,
    pub(crate) contacts: Vec<String>,
    /// What is in the way of telling somebody.
    pub(crate) problems: Vec<String>,
}

impl Who {
    /// For a cell: the names, then what is in the way.
    pub(crate) fn text(&self) -> String {
        let names = self.names.join(", ");
        match (names.is_empty(), self.problems.is_empty()) {
            (_, true) => names,
            (true, false) => self.problems.join("; "),
            (false, false) => format!("{names} ({})", self.problems.join("; ")),
        }
    }
}

/// Whom the next step of a call would tell, looked up as the step itself will.
pub(crate) fn who(call: &Call, at: Timestamp, opt_outs: &[OptOutLine], directory: &Directory) -> Who {
    let mut who = Who::default();
    let last_resort = last_resort_is_next(call, directory);
    if next_follow_up(call).is_none() && !last_resort {
        return who;
    }
    let (line, _) = directory.line(call.data.twilio_to_number.as_deref());
    let sender = directory.sender(line).map(Sender::as_str);
    let mut named = Vec::new();
    match &call.overridden {
        _ if last_resort => named.extend(directory.last_resort().map(|c| {
            let channel = directory.last_resort_channel(line);
            (c.id.clone(), c.name.clone(), is_opted_out(&c.phone, channel, sender, opt_outs))
        })),
        Some(o) if o.only || call.next_step == 0 => {
            let out = is_opted_out(&o.recipient.phone, Channel::Sms, sender, opt_outs);
            named.push((o.recipient.contact.clone(), o.recipient.name.clone(), out));
        }
        _ => {
            let index = usize::try_from(call.next_step).unwrap_or(usize::MAX);
            let step = call.policy.step(index).map(|s| (s.notify.as_slice(), s.channel));
            let found = holders_of(directory, line, step.unwrap_or((&[], Channel::Sms)), at, opt_outs);
            who.problems.extend(found.empty_roles.iter().map(|r| format!("nobody holds {r}")));
            named.extend(found.named.into_iter().map(|n| (n.contact, n.name, n.opted_out)));
        }
    }
    for (contact, name, opted_out) in named {
        if call.is_out(&contact) {
            who.problems.push(format!("{name} passed or cannot be reached"));
        } else if opted_out {
            who.problems.push(format!("{name} opted out"));
        } else {
            who.contacts.push(contact.as_str().to_owned());
            who.names.push(name);
        }
    }
    who
}
