//! The text of an attempt: which words it uses, and what it tells of the call.

use super::alert::{AlertKey, AlertKind};
use super::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use super::body::{self, RenderInput, TextKind};
use super::call::CallStatus;
use super::dial::job;
use super::mail::{self, MailInput};
use super::types::AttemptId;
use super::work::{Illegal, Work, holder_name};

/// Gives an attempt its text. A template that cannot be used is alerted, and the built-in words go out instead.
pub(super) fn write(w: &mut Work<'_>, id: AttemptId) -> Result<(), Illegal> {
    if w.attempt(id)?.channel == Channel::Email {
        let body = mail(w, id)?;
        let a = w.attempt_mut(id)?;
        (a.body, a.segments) = (body, 1);
        return Ok(());
    }
    if w.attempt(id)?.channel == Channel::Voice {
        let body = job::kept(&job::job(w));
        let a = w.attempt_mut(id)?;
        (a.body, a.segments) = (body, 1);
        return Ok(());
    }
    let words = wording(w, w.attempt(id)?);
    let rendered = render(w, id, words, WordingSource::Configured)?;
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
enum WordingSource {
    /// The caller's own or the operator's template, where there are any.
    Configured,
    /// Ours.
    BuiltIn,
}

/// The text of this attempt in the built-in words.
pub(super) fn built_in(w: &Work<'_>, id: AttemptId) -> Result<body::Rendered, Illegal> {
    render(w, id, wording(w, w.attempt(id)?), WordingSource::BuiltIn)
}

/// A mail, as it is kept.
fn mail(w: &Work<'_>, id: AttemptId) -> Result<String, Illegal> {
    let (call, a) = (&w.state.call, w.attempt(id)?);
    let (line, _) = w.ctx.directory.line(call.data.twilio_to_number.as_deref());
    let holder = holder_name(w);
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let own = call.data.body.clone().filter(|b| !b.trim().is_empty());
    let link = (w.ctx.link)(id);
    let number = w.ctx.directory.sender(line).filter(|s| s.as_str().starts_with('+'));
    Ok(mail::text(&MailInput {
        kind: kind_of(w, a, wording(w, a), &holder),
        reference: &a.reference(&call.reference),
        business: &line.name,
        level: &call.level,
        issue: &own.unwrap_or_else(|| text(&call.data.issue_summary)),
        address: &text(&call.data.address),
        caller_name: &text(&call.data.caller_name),
        caller_phone: &text(&call.data.caller_phone),
        link: link.as_deref(),
        text_to: number.map(super::types::Sender::as_str),
        test_mode: w.ctx.rules.test_mode,
    }))
}

/// Which text an attempt is.
fn kind_of<'a>(w: &Work<'_>, a: &'a Attempt, words: Wording, holder: &'a str) -> TextKind<'a> {
    match (a.kind, w.state.call.status) {
        (AttemptKind::Notice, _) if words == Wording::First => TextKind::First,
        (AttemptKind::Notice, _) => TextKind::Reminder,
        (AttemptKind::StandDown, CallStatus::Cancelled) => TextKind::StandDown { why: body::StandDown::Cancelled },
        (AttemptKind::StandDown, CallStatus::Acknowledged) => {
            TextKind::StandDown { why: body::StandDown::Taken { by: holder } }
        }
        (AttemptKind::StandDown, CallStatus::Deferred) => TextKind::StandDown { why: body::StandDown::Deferred },
        (AttemptKind::StandDown, _) => TextKind::StandDown { why: body::StandDown::Resolved },
        (AttemptKind::Answer | AttemptKind::Update | AttemptKind::Question, _) => TextKind::Answer { text: &a.result },
    }
}

fn render(w: &Work<'_>, id: AttemptId, words: Wording, source: WordingSource) -> Result<body::Rendered, Illegal> {
    let (call, a) = (&w.state.call, w.attempt(id)?);
    let (line, _) = w.ctx.directory.line(call.data.twilio_to_number.as_deref());
    let directory = w.ctx.directory;
    let template = match words {
        Wording::First => directory.notice_template(line),
        Wording::Reminder => directory.reminder_template(line),
    };
    let configured = source == WordingSource::Configured;
    let holder = holder_name(w);
    let kind = kind_of(w, a, words, &holder);
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let reference = a.reference(&call.reference);
    let repeat_of = marked_as_repeat_of(w, a);
    let link = (w.ctx.link)(id);
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
        link: link.as_deref().unwrap_or_default(),
        test_mode: w.ctx.rules.test_mode,
    })
    .map_err(|_| Illegal::Missing("a reference that can be searched for"))
}
