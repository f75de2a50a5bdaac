//! What a ladder says: how many steps there are, how long is waited before each, and whom each names now.

use serde_json::{Value, json};

use super::attempt::{Attempt, AttemptKind, AttemptState, Channel, NoticeKey, Recipient};
use super::oncall::{Holder, HoldersInOrder};
use super::types::{ContactId, Role, Timestamp};
use super::voice::NO_PHONE_CALLS;
use super::work::Work;

/// Whom a step names, and why not more.
#[derive(Default)]
pub(super) struct LadderStep {
    pub(super) recipients: Vec<Recipient>,
    empty_roles: Vec<String>,
    unknown: Vec<String>,
    opted_out: Vec<String>,
    /// Without a mail address, where a mail was to go.
    unmailed: Vec<String>,
    out: Vec<String>,
    /// On a job, and asked last.
    asked_last: Vec<String>,
}

/// Why somebody is told by the last step whose role it does not name.
const ASKED_LAST: &str = "was on a job, so asked last";

impl LadderStep {
    pub(super) fn add(&mut self, other: Self) {
        for r in other.recipients {
            // A mail and a text to one contact are two notices.
            if !self.recipients.iter().any(|t| t.contact == r.contact && t.channel == r.channel) {
                self.recipients.push(r);
            }
        }
        self.empty_roles.extend(other.empty_roles);
        self.unknown.extend(other.unknown);
        self.opted_out.extend(other.opted_out);
        self.unmailed.extend(other.unmailed);
        self.out.extend(other.out);
        self.asked_last.extend(other.asked_last);
    }

    /// Who is left out for now, being on a job, though the step names them.
    pub(super) fn asked_last(&self) -> Option<String> {
        let mut names: Vec<&str> = self.asked_last.iter().map(String::as_str).collect();
        names.retain(|name| !self.recipients.iter().any(|r| r.name == *name));
        names.dedup();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Who is left out for want of a mail address.
    pub(super) fn unmailed(&self) -> String {
        self.unmailed.join(", ")
    }

    pub(super) fn is_a_fault(&self) -> bool {
        !self.empty_roles.is_empty()
            || !self.unknown.is_empty()
            || !self.opted_out.is_empty()
            || !self.unmailed.is_empty()
    }

    pub(super) fn why_nobody(&self) -> String {
        let mut parts = Vec::new();
        if !self.empty_roles.is_empty() {
            parts.push(format!("nobody holds {}", self.empty_roles.join(", ")));
        }
        if !self.unknown.is_empty() {
            parts.push(format!("there is no contact {}", self.unknown.join(", ")));
        }
        if !self.opted_out.is_empty() {
            parts.push(format!("{} opted out", self.opted_out.join(", ")));
        }
        if !self.unmailed.is_empty() {
            parts.push(format!("{} has no mail address", self.unmailed.join(", ")));
        }
        if !self.out.is_empty() {
            parts.push(format!("{} passed or cannot be reached", self.out.join(", ")));
        }
        parts.join("; ")
    }
}

/// Whom a step names; behind the last one, the last resort.
pub(super) fn who(w: &Work<'_>, index: u32) -> LadderStep {
    let call = &w.state.call;
    let (line, _) = w.ctx.directory.line(call.data.twilio_to_number.as_deref());
    let mut found = LadderStep::default();
    let (mut named, mut busy): (Vec<Recipient>, Vec<Recipient>) = (Vec::new(), Vec::new());
    match &call.overridden {
        _ if index >= total(w) => {
            for id in &w.ctx.directory.last_resort {
                match w.ctx.directory.contact(id) {
                    Some(c) => named.push(c.recipient()),
                    None => found.unknown.push(id.to_string()),
                }
            }
        }
        Some(o) if o.only || index == 0 => named.push(o.recipient.clone()),
        _ => {
            for role in roles_of(w, index) {
                let HoldersInOrder { first, last } =
                    w.ctx.directory.holders_in_order(line, role, w.now(), &w.loaded.busy);
                if first.is_empty() {
                    found.empty_roles.push(role.to_string());
                }
                let recipient = |h: Holder<'_>| h.recipient(w.ctx.directory);
                named.extend(first.into_iter().map(recipient));
                busy.extend(last.into_iter().map(recipient));
            }
            if index + 1 == total(w) {
                busy.extend(left_out_before(w, index));
            }
        }
    }
    choose(w, index, named, &mut found);
    if found.recipients.is_empty() || index + 1 >= total(w) {
        let others_are_told = !found.recipients.is_empty();
        let why = |r: Recipient| match others_are_told {
            true => Recipient { why: Some(ASKED_LAST.to_owned()), ..r },
            false => r,
        };
        choose(w, index, busy.into_iter().map(why).collect(), &mut found);
    } else {
        found.asked_last.extend(busy.into_iter().map(|r| r.name));
    }
    found
}

/// Of these, who was told, by the same channel, under every step of these that names them: a text that the story lacked was found with
/// its provider.
pub(super) fn told_under(w: &Work<'_>, missed: &[u32], recipients: &[Recipient]) -> Vec<(ContactId, Channel)> {
    let round = w.state.call.round;
    if !w.state.notices.iter().any(|n| n.round == round && missed.contains(&n.step)) {
        return Vec::new();
    }
    let has_notice =
        |step: u32, contact: &ContactId| w.state.notices.contains(&NoticeKey { round, step, contact: contact.clone() });
    let named: Vec<(u32, Vec<Recipient>)> = missed.iter().map(|i| (*i, who(w, *i).recipients)).collect();
    let is_told = |r: &&Recipient| {
        let is_them = |o: &Recipient| o.contact == r.contact && o.channel == r.channel;
        let theirs = |(_, people): &&(u32, Vec<Recipient>)| people.iter().any(is_them);
        named.iter().filter(theirs).all(|(step, _)| has_notice(*step, &r.contact))
    };
    recipients.iter().filter(is_told).map(|r| (r.contact.clone(), r.channel)).collect()
}

/// Whose notice of this round left after the latest of these steps that names them was due, the first of them at `first_due`: a text
/// that had waited while no engine ran stands for those steps, as they would have stood for it had they fired first. One of which nobody
/// knows whether it arrived stands for nothing: a due step fires all the same.
pub(super) fn told_past_due(w: &Work<'_>, missed: &[u32], first_due: Timestamp) -> Vec<(ContactId, Channel)> {
    let mut due = first_due;
    let mut named: Vec<(Recipient, Timestamp)> = Vec::new();
    for index in missed {
        if Some(index) != missed.first() {
            due = due.plus(wait_before(w, *index));
        }
        for r in who(w, *index).recipients {
            named.retain(|(known, _)| known.contact != r.contact || known.channel != r.channel);
            named.push((r, due));
        }
    }
    let has_left = |(r, due): &(Recipient, Timestamp)| {
        w.state.attempts.iter().any(|a| {
            a.kind == AttemptKind::Notice
                && a.round == w.state.call.round
                && (&a.recipient.contact, a.channel) == (&r.contact, r.channel)
                && matches!(a.state, AttemptState::Sending | AttemptState::Submitted | AttemptState::Delivered)
                // One later than now is of a clock that was set back since: it says nothing.
                && a.sent_at.is_some_and(|at| (*due..=w.now()).contains(&at))
        })
    };
    named.into_iter().filter(has_left).map(|(r, _)| (r.contact, r.channel)).collect()
}

fn roles_of<'a>(w: &'a Work<'_>, index: u32) -> &'a [Role] {
    w.state.call.policy.step(at(index)).map(|s| s.notify.as_slice()).unwrap_or_default()
}

/// Those whom the steps before this last one name and who were told by none of them, being on a job then: nobody is left out of a
/// whole round.
fn left_out_before(w: &Work<'_>, last: u32) -> Vec<Recipient> {
    if !w.ctx.rules.oncall.busy_last {
        return Vec::new();
    }
    let (call, directory) = (&w.state.call, w.ctx.directory);
    let (line, _) = directory.line(call.data.twilio_to_number.as_deref());
    let roles = (0..last).flat_map(|index| roles_of(w, index));
    let named = roles.flat_map(|role| directory.holders(line, role, w.now()));
    named.map(|h| h.recipient(directory)).filter(|r| !is_told(w, r)).collect()
}

/// Whether a notice that has not left waits for the last step: whoever it is for has taken another call since, and others are told.
pub(super) fn waits_for_last(w: &Work<'_>, a: &Attempt) -> bool {
    if !w.loaded.busy.contains(&a.recipient.contact) || a.repeats.is_some() {
        return false;
    }
    let found = who(w, a.step);
    found.asked_last.contains(&a.recipient.name)
        && !found.recipients.iter().any(|r| r.contact == a.recipient.contact)
        && found.recipients.iter().any(|r| is_told(w, r))
}

/// Whether this contact is told in this round: one whose notice was dropped before it left is not.
fn is_told(w: &Work<'_>, r: &Recipient) -> bool {
    let of_theirs = |a: &&Attempt| {
        a.kind == AttemptKind::Notice && a.round == w.state.call.round && a.recipient.contact == r.contact
    };
    let dropped = |a: &Attempt| matches!(a.state, AttemptState::Skipped | AttemptState::Cancelled);
    w.state.attempts.iter().filter(of_theirs).any(|a| !dropped(a))
}

/// Of those who are named, whoever can be told by the step's channel.
fn choose(w: &Work<'_>, index: u32, named: Vec<Recipient>, found: &mut LadderStep) {
    let call = &w.state.call;
    let (line, _) = w.ctx.directory.line(call.data.twilio_to_number.as_deref());
    let sender = w.ctx.directory.sender(line).map(|s| s.as_str());
    let channel = channel_of(w, index);
    for r in named {
        if found.recipients.iter().any(|t| t.contact == r.contact) {
            continue;
        }
        if call.is_out_by(&r.contact, channel) {
            found.out.push(r.name);
            continue;
        }
        let r = match by_channel(w, r, channel) {
            Ok(r) => r,
            Err(name) => {
                found.unmailed.push(name);
                continue;
            }
        };
        // A number that was given by hand is told by text in a step of mails.
        if call.is_out_by(&r.contact, r.channel) {
            found.out.push(r.name);
            continue;
        }
        if takes_none(w, &r, r.channel, sender) {
            found.opted_out.push(r.name);
        } else {
            found.recipients.push(r);
        }
    }
}

/// To whom a notice goes that has not left, where its contact holds no role of its steps any more: those who hold what they held
/// when it was made. `None`: it stays theirs, also where nobody else holds it now.
pub(super) fn passed_on(w: &Work<'_>, a: &Attempt) -> Option<Vec<Recipient>> {
    let (call, directory) = (&w.state.call, w.ctx.directory);
    let by_hand = call.overridden.as_ref().is_some_and(|o| o.only || a.step == 0);
    if a.repeats.is_some() || a.step >= total(w) || by_hand {
        return None;
    }
    let (line, _) = directory.line(call.data.twilio_to_number.as_deref());
    let steps = (0..=a.step).filter_map(|index| call.policy.step(at(index)));
    let roles: Vec<&Role> = steps.flat_map(|s| &s.notify).collect();
    let held = |role: &Role, when| directory.holders(line, role, when);
    let is_theirs = |role: &Role, when| held(role, when).iter().any(|h| h.contact.id == a.recipient.contact);
    if roles.iter().any(|role| is_theirs(role, w.now())) {
        return None;
    }
    let mut theirs: Vec<&Role> = roles.into_iter().filter(|role| is_theirs(role, a.created_at)).collect();
    if theirs.is_empty() && a.recipient.why.is_some() {
        // What named them then is gone: an exception that was withdrawn.
        theirs = call.policy.step(at(a.step)).map(|s| s.notify.iter().collect()).unwrap_or_default();
    }
    let now = theirs.into_iter().flat_map(|role| held(role, w.now()));
    let sender = directory.sender(line).map(|s| s.as_str());
    let mut found: Vec<Recipient> = Vec::new();
    for r in now.filter_map(|h| by_channel(w, h.recipient(directory), a.channel).ok()) {
        let is_told = found.iter().any(|f| f.contact == r.contact);
        let takes_none = takes_none(w, &r, r.channel, sender);
        if !is_told && !takes_none && !call.is_out_by(&r.contact, r.channel) {
            found.push(r);
        }
    }
    (!found.is_empty()).then_some(found)
}

/// How this step tells its people.
pub(super) fn channel_of(w: &Work<'_>, index: u32) -> Channel {
    let directory = w.ctx.directory;
    if index < total(w) {
        return w.state.call.policy.step(at(index)).map_or(Channel::Sms, |s| s.channel);
    }
    let (line, _) = directory.line(w.state.call.data.twilio_to_number.as_deref());
    directory.last_resort_channel(line)
}

/// As this channel tells them; the name of one who has no mail address. A number that was given by hand is told by text.
fn by_channel(w: &Work<'_>, r: Recipient, channel: Channel) -> Result<Recipient, String> {
    if channel != Channel::Email {
        return Ok(Recipient { channel, email: None, ..r });
    }
    let Some(contact) = w.ctx.directory.contact(&r.contact) else { return Ok(r.told_by_text()) };
    match &contact.email {
        Some(email) => Ok(Recipient { channel, email: Some(email.clone()), ..r }),
        None => Err(r.name),
    }
}

/// Whether this contact wants nothing by this channel: a text from that sender, or any phone call. Each counts for itself alone.
pub(super) fn takes_none(w: &Work<'_>, r: &Recipient, channel: Channel, sender: Option<&str>) -> bool {
    match channel {
        Channel::Sms => is_opted_out(w, r, sender),
        Channel::Voice => w.loaded.opted_out.contains(&(r.phone.e164().to_owned(), NO_PHONE_CALLS.to_owned())),
        Channel::Email => false,
    }
}

/// Whether this contact takes no texts from this sender.
pub(super) fn is_opted_out(w: &Work<'_>, r: &Recipient, sender: Option<&str>) -> bool {
    let pairs = &w.loaded.opted_out;
    let is = |s: &str| pairs.contains(&(r.phone.e164().to_owned(), s.to_owned()));
    is("") || sender.is_some_and(is)
}

/// How a step is named to people.
pub(super) fn step_name(w: &Work<'_>, index: u32) -> String {
    let round = w.state.call.round;
    match index < total(w) {
        true => nth_step(round, index),
        false if round > 1 => format!("the last resort of round {round}"),
        false => "the last resort".to_owned(),
    }
}

/// How many steps there are with the last resort.
pub(super) fn end(w: &Work<'_>) -> u32 {
    total(w).saturating_add(u32::from(!w.ctx.directory.last_resort.is_empty()))
}

/// How many steps the ladder has, repeats included.
pub(super) fn total(w: &Work<'_>) -> u32 {
    u32::try_from(w.state.call.policy.total_steps()).unwrap_or(u32::MAX)
}

pub(super) fn at(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// The wait before this step; past the end, before the call is exhausted.
pub(super) fn wait_before(w: &Work<'_>, index: u32) -> std::time::Duration {
    w.state.call.policy.wait_before(at(index))
}

/// How a step is named to people: its place in the ladder, from 1, with the round where it is not the first.
pub(super) fn nth_step(round: u32, step: u32) -> String {
    if round > 1 { format!("round {round} step {}", step + 1) } else { format!("step {}", step + 1) }
}

/// The fields of a step for queries.
pub(super) fn step_data(round: u32, step: u32) -> Value {
    json!({ "round": round, "step": step + 1 })
}
