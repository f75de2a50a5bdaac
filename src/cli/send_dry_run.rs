//! `send --dry-run`: who would be told what, how and when, with the segments of texts. Nothing is written or sent.

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::attempt::{Channel, Recipient};
use crate::domain::body::{self, TextKind};
use crate::domain::change::SpokenJob;
use crate::domain::dial::job;
use crate::domain::event::NewCall;
use crate::domain::mail::{self, MailInput};
use crate::domain::quiet;
use crate::domain::team::Line;
use crate::domain::types::{ContactId, Sender};

use super::app::App;
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::recipient::address;
use super::report::CliError;

/// A call has no code before it is accepted: this one stands for it.
const CODE: &str = "2222";

/// One notice as it would go.
struct Planned {
    step: usize,
    due: Timestamp,
    recipient: Recipient,
    words: body::Rendered,
}

/// What is known of a call that is not accepted, and who was told in the plan so far.
struct Plan<'a> {
    new: &'a NewCall,
    line: &'a Line,
    app: &'a App,
    told: Vec<ContactId>,
    all: Vec<Planned>,
}

/// Prints the steps of a call that is not accepted.
pub(super) fn dry_run(new: &NewCall, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let directory = &app.config.directory;
    let (line, _) = directory.line(new.data.twilio_to_number.as_deref());
    let now = app.clock.now();
    let held = Some(told_at(new, now, app)).filter(|until| *until > now && !new.deferred);
    let mut due = now;
    let mut plan = Plan { new, line, app, told: Vec::new(), all: Vec::new() };
    for step in 0..new.policy.total_steps() {
        due = told_at(new, due.plus(new.policy.wait_before(step)), app);
        let channel = new.policy.step(step).map_or(Channel::Sms, |s| s.channel);
        for r in crate::engine::intake::recipients(new, directory, line, step, due) {
            plan.add(step + 1, due, r, channel, out);
        }
    }
    let after = new.policy.wait_before(new.policy.total_steps());
    let mut exhausts = told_at(new, due.plus(after), app);
    let resort = new.policy.total_steps() + 1;
    if !directory.last_resort.is_empty() {
        for c in directory.last_resort() {
            plan.add(resort, exhausts, c.recipient(), directory.last_resort_channel(line), out);
        }
        exhausts = told_at(new, exhausts.plus(after), app);
    }
    show(&plan, resort, (exhausts, held), out);
    Ok(ExitStatus::Done)
}

/// When what is due at `at` happens, by the quiet hours of the call's level.
fn told_at(new: &NewCall, at: Timestamp, app: &App) -> Timestamp {
    if new.data.emergency_level.as_deref().is_none_or(|level| level.trim().is_empty()) {
        return at;
    }
    let dialled = new.data.twilio_to_number.as_deref();
    quiet::ends(&app.config.directory, dialled, &new.level, at).unwrap_or(at)
}

impl Plan<'_> {
    /// As the engine would: a step by mail passes over those without an address, and a number that was given by hand is texted in it.
    fn add(&mut self, step: usize, due: Timestamp, r: Recipient, channel: Channel, out: &Output) {
        let directory = &self.app.config.directory;
        let recipient = match (channel, directory.contact(&r.contact)) {
            (Channel::Sms | Channel::Voice, _) => Recipient { channel, email: None, ..r },
            (Channel::Email, None) => r.told_by_text(),
            (Channel::Email, Some(c)) => match &c.email {
                Some(email) => Recipient { channel, email: Some(email.clone()), ..r },
                None => return out.note(&format!("warning: {} has no mail address (step {step})", r.name)),
            },
        };
        let words = self.words(&recipient);
        // A phone that rang is not told: the next text is the first that they read.
        if recipient.channel != Channel::Voice && !self.told.contains(&recipient.contact) {
            self.told.push(recipient.contact.clone());
        }
        self.all.push(Planned { step, due, recipient, words });
    }

    fn words(&self, r: &Recipient) -> body::Rendered {
        let first = !self.told.contains(&r.contact);
        let body = match r.channel {
            Channel::Sms => return self.text(r, first),
            Channel::Email => self.mail(first),
            Channel::Voice => self.spoken(),
        };
        body::Rendered { body, segments: 0, fell_back: None }
    }

    fn reference(&self) -> String {
        format!("{CODE}-{}", self.all.len() + 1)
    }

    fn test_mode(&self) -> bool {
        self.app.config.mode == crate::config::Mode::Test
    }

    fn spoken(&self) -> String {
        job::kept(&SpokenJob {
            business: self.line.name.clone(),
            level: self.new.level.clone(),
            reference: CODE.to_owned(),
            issue: job::issue(&self.new.data),
            address: self.new.data.address.clone().unwrap_or_default(),
            has_texts: self.new.policy.has_texts(),
            test_mode: self.test_mode(),
        })
    }

    fn mail(&self, first: bool) -> String {
        let data = &self.new.data;
        let number = self.app.config.directory.sender(self.line).filter(|s| s.as_str().starts_with('+'));
        mail::text(&MailInput {
            kind: if first { TextKind::First } else { TextKind::Reminder },
            reference: &self.reference(),
            business: &self.line.name,
            level: &self.new.level,
            issue: &job::issue(data),
            address: data.address.as_deref().unwrap_or_default(),
            caller_name: data.caller_name.as_deref().unwrap_or_default(),
            caller_phone: data.caller_phone.as_deref().unwrap_or_default(),
            link: None,
            text_to: number.map(Sender::as_str),
            test_mode: self.test_mode(),
        })
    }

    fn text(&self, r: &Recipient, first: bool) -> body::Rendered {
        let (data, directory) = (&self.new.data, &self.app.config.directory);
        let template =
            if first { directory.notice_template(self.line) } else { directory.reminder_template(self.line) };
        let input = body::RenderInput {
            template,
            own_words: data.body.as_deref(),
            kind: if first { TextKind::First } else { TextKind::Reminder },
            reference: &self.reference(),
            repeat_of: None,
            business: &self.line.name,
            contact_name: &r.name,
            issue: data.issue_summary.as_deref().unwrap_or_default(),
            address: data.address.as_deref().unwrap_or_default(),
            caller_name: data.caller_name.as_deref().unwrap_or_default(),
            caller_phone: data.caller_phone.as_deref().unwrap_or_default(),
            level: &self.new.level,
            link: "",
            test_mode: self.test_mode(),
        };
        body::render(&input).unwrap_or(body::Rendered { body: String::new(), segments: 0, fell_back: None })
    }
}

fn show(plan: &Plan<'_>, resort: usize, (exhausts, held): (Timestamp, Option<Timestamp>), out: &mut Output) {
    let level = &plan.new.level;
    if out.is_json() {
        let steps: Vec<Value> = plan.all.iter().map(|p| document(p, resort)).collect();
        out.document(
            &json!({ "dryRun": true, "level": level, "steps": steps, "exhaustsAt": exhausts, "heldUntil": held }),
        );
        return;
    }
    let mut t = Table::new(&["STEP", "WHEN", "BY", "WHO", "TO", "SEGMENTS", "WORDS"]);
    for p in &plan.all {
        let step = if p.step == resort { "last resort".to_owned() } else { p.step.to_string() };
        let is_text = p.recipient.channel.is_sms();
        let segments = if is_text { p.words.segments.to_string() } else { String::new() };
        // Of a mail its subject.
        let words = if p.recipient.channel == Channel::Email { mail::parts(&p.words.body).0 } else { &p.words.body };
        let by = p.recipient.channel.noun().to_owned();
        let (who, to) = (p.recipient.name.clone(), address(&p.recipient));
        t.row([step, out.time(p.due), by, who, to, segments, words.to_owned()]);
    }
    out.table(&t);
    if !out.is_csv() {
        if let Some(until) = held {
            out.paragraph(&format!("quiet hours of level {level}: nobody is told before {}", out.time(until)));
        }
        let at = out.time(exhausts);
        out.paragraph(&format!("level {level}; without an answer EXHAUSTED at {at}; nothing was sent"));
    }
}

fn document(p: &Planned, resort: usize) -> Value {
    let r = &p.recipient;
    let to = r.email.as_ref().map_or_else(|| r.phone.e164(), |e| e.as_str());
    json!({
        "step": p.step, "lastResort": p.step == resort, "dueAt": p.due, "channel": r.channel, "contact": r.contact.as_str(),
        "to": to, "segments": p.words.segments, "body": p.words.body,
    })
}
