//! Technicians: who replies to which text, and how a reply reaches the engine's webhook.
//!
//! A reply is an inbound message first (in the ledger and the list), then a signed POST; a `<Message>` in the TwiML
//! answer becomes a message of direction `outbound-reply`. Source: `facts/twilio.md` §8.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::armed::Subject;
use super::callbacks::{self, Posted};
use super::faults::FaultKind;
use super::messages::{Content, Direction, Message, MessageOutcome, Status, segments};
use super::person::Reply;
use super::state::{SERVICE_SENDER, Shared};
use super::target::Target;
use crate::clock::Clock as _;
use crate::domain::types::REFERENCE_ALPHABET;

/// The first reference (`7K3Q-2`) in a text: 4 to 8 of the alphabet, a hyphen, digits.
pub(super) fn reference(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').find(|word| {
        word.split_once('-').is_some_and(|(call, number)| {
            (4..=8).contains(&call.len())
                && call.bytes().all(|b| REFERENCE_ALPHABET.contains(&b))
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit())
        })
    })
}

/// Puts the references of `text` into a reply.
fn fill(body: &str, text: &str) -> String {
    let whole = reference(text).unwrap_or("");
    let call = whole.split('-').next().unwrap_or("");
    body.replace("{ref}", whole).replace("{callRef}", call)
}

/// A text has reached a handset: whoever replies to it does so in their own time.
pub(super) fn text_arrived(shared: &Arc<Shared>, text: &Message) {
    let replies: Vec<Reply> = {
        let mut state = shared.state();
        let count = state.texts.entry(text.to.clone()).or_default();
        *count = count.saturating_add(1);
        let nth = *count;
        let script = state.people.get(&text.to).map_or(&[][..], |p| p.script.as_slice());
        script.iter().filter(|r| r.after_texts == nth).cloned().collect()
    };
    for reply in replies {
        let (shared, person) = (shared.clone(), text.to.clone());
        let sender = text.from.clone().unwrap_or_else(|| SERVICE_SENDER.to_owned());
        let body = fill(&reply.body, &text.body);
        shared.runtime.clone().spawn(async move {
            shared.pause(Duration::from_millis(reply.delay_ms)).await;
            match receive(&shared, person, sender, body) {
                Ok(message) => drop(deliver(&shared, &message).await),
                Err(e) => tracing::error!(error = %e, "a reply was not written to the sandbox's ledger"),
            }
        });
    }
}

/// A reply that somebody asks for now.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ReplyNow {
    pub(super) from: String,
    pub(super) to: Option<String>,
    #[serde(default)]
    pub(super) body: String,
    /// An earlier reply to deliver once more.
    pub(super) sid: Option<String>,
}

/// Finds or makes the inbound message that is asked for; it still has to be delivered.
pub(super) fn reply_now(shared: &Shared, ask: ReplyNow) -> Result<Message, String> {
    if let Some(sid) = ask.sid {
        let state = shared.state();
        let known = state.messages.get(&sid).filter(|m| m.direction == Direction::Inbound);
        return known.cloned().ok_or_else(|| format!("no reply has the SID {sid}"));
    }
    let (sender, text) = {
        let state = shared.state();
        let newest = state.messages.newest_text_to(&ask.from);
        (newest.and_then(|m| m.from.clone()), newest.map(|m| m.body.clone()).unwrap_or_default())
    };
    let to = ask.to.or(sender).unwrap_or_else(|| SERVICE_SENDER.to_owned());
    receive(shared, ask.from, to, fill(&ask.body, &text)).map_err(|e| format!("the ledger cannot be written: {e}"))
}

/// Records a technician's text.
fn receive(shared: &Shared, person: String, to: String, body: String) -> std::io::Result<Message> {
    let message = own_message(shared, Direction::Inbound, Some(person), to, body);
    shared.accept(message.clone())?;
    Ok(message)
}

fn own_message(shared: &Shared, direction: Direction, from: Option<String>, to: String, body: String) -> Message {
    let now = shared.clock.now();
    let inbound = direction == Direction::Inbound;
    Message {
        sid: shared.sid("SM"),
        to,
        from,
        service: None,
        body,
        direction,
        status: if inbound { Status::Received } else { Status::Queued },
        error_code: None,
        created: now,
        updated: now,
        sent: inbound.then_some(now),
        callback: None,
        outcome: MessageOutcome::Delivered,
        apart_ms: shared.state().apart_ms,
        content: Content::Whole,
        listed: None,
        hidden: None,
    }
}

/// Posts a technician's text to the webhook and does what its TwiML says. Without a webhook, or where a fault withholds
/// it, the text is only listed.
pub(super) async fn deliver(shared: &Arc<Shared>, message: &Message) -> Posted {
    let target = {
        let mut state = shared.state();
        let subject = Subject {
            on: None,
            to: Some(&message.to),
            from: message.from.as_deref(),
            status: Some(Status::Received),
            ..Subject::default()
        };
        let withheld = state.faults.hit(&[FaultKind::WithholdCallbacks], subject, &shared.ids).is_some();
        state.inbound_url.as_deref().filter(|_| !withheld).and_then(|u| Target::parse(u).ok())
    };
    let Some(target) = target.filter(Target::is_loopback) else { return Posted::default() };
    let form = inbound_form(&shared.account_sid, message);
    let posted = callbacks::post_signed(shared, &target, &form, (&message.sid, Status::Received.as_str()), None).await;
    if posted.http_status.is_some_and(|s| (200..300).contains(&s)) && !posted.body.trim().is_empty() {
        obey(shared, message, &posted);
    }
    posted
}

/// The form of an inbound message.
pub(super) fn inbound_form(account_sid: &str, m: &Message) -> Vec<(String, String)> {
    [
        ("SmsMessageSid", m.sid.as_str()),
        ("NumMedia", "0"),
        ("SmsSid", &m.sid),
        ("SmsStatus", "received"),
        ("Body", &m.body),
        ("To", &m.to),
        ("NumSegments", &segments(&m.body).to_string()),
        ("MessageSid", &m.sid),
        ("AccountSid", account_sid),
        ("From", m.from.as_deref().unwrap_or("")),
        ("ApiVersion", "2010-04-01"),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()))
    .into()
}

/// Sends what the TwiML answer says; an answer that Twilio could not read is a violation (its errors 12100, 12300).
fn obey(shared: &Arc<Shared>, inbound: &Message, posted: &Posted) {
    if !posted.content_type.contains("xml") {
        shared.violation("inbound webhook".into(), "the answer is not text/xml (12300)".into());
        return;
    }
    let Some(texts) = twiml_messages(&posted.body) else {
        shared.violation("inbound webhook".into(), "the answer is not TwiML (12100)".into());
        return;
    };
    for text in texts {
        let to = inbound.from.clone().unwrap_or_default();
        let message = own_message(shared, Direction::OutboundReply, Some(inbound.to.clone()), to, text);
        let sid = message.sid.clone();
        match shared.accept(message) {
            Ok(()) => callbacks::run(shared, sid),
            Err(e) => tracing::error!(error = %e, "a TwiML reply was not written to the sandbox's ledger"),
        }
    }
}

/// The texts of the `<Message>` verbs; `None` where it is no `<Response>` document.
pub(crate) fn twiml_messages(xml: &str) -> Option<Vec<String>> {
    let (_, mut rest) = xml.split_once("<Response")?;
    let mut texts = Vec::new();
    if !rest.contains("</Response>") {
        let (inside, _) = rest.split_once("/>")?;
        return inside.trim().is_empty().then_some(texts);
    }
    while let Some((_, verb)) = rest.split_once("<Message") {
        let (attributes, after) = verb.split_once('>')?;
        rest = after;
        if attributes.ends_with('/') {
            continue;
        }
        let (content, after) = rest.split_once("</Message>")?;
        rest = after;
        let content = match content.split_once("<Body>") {
            Some((_, body)) => body.split_once("</Body>")?.0,
            None => content,
        };
        texts.push(unescape(content.trim())?);
    }
    Some(texts)
}

/// Character data of XML; `None` where it holds markup or an unknown entity.
fn unescape(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, after) = after.split_once(';')?;
        out.push_str(before);
        out.push(entity(name)?);
        rest = after;
    }
    out.push_str(rest);
    (!text.contains('<')).then_some(out)
}

/// The character that an entity of XML stands for.
pub(super) fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}
