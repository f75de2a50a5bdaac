//! The conversation: TwiML is asked for and obeyed, with its true lengths, until somebody hangs up.

use super::call::{CallLine, KeyFate, PhoneStatus, VoiceCall};
use super::kept::CallOrder;
use super::player::{Player, Woke};
use super::resource::base_form;
use super::script::ScriptedKey;
use super::twiml::{Gather, TwimlError, Verb, parse};
use crate::clock::Clock as _;
use crate::domain::Timestamp;
use crate::sandbox::armed::Subject;
use crate::sandbox::callbacks::{Posted, post_signed};
use crate::sandbox::faults::{FaultKind, On};
use crate::sandbox::state::Shared;
use crate::sandbox::target::Target;

/// Documents of one call, at most: a redirect that comes back for ever ends here.
const DOCUMENTS_MAX: u32 = 60;
/// How fast a voice speaks, in characters a second, and the breath before a text, in seconds.
const SPEED: f64 = 14.0;
const BREATH_S: f64 = 0.4;

/// How long a text is, spoken, in seconds.
pub(super) fn spoken_s(text: &str) -> f64 {
    let chars = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    f64::from(chars) / SPEED + BREATH_S
}

/// The form of a request for TwiML; with keys, that of a `<Gather>`'s action.
pub(super) fn key_form(
    shared: &Shared,
    call: &VoiceCall,
    digits: Option<&str>,
    answered_by: Option<&str>,
) -> Vec<(String, String)> {
    let mut form = base_form(shared, call);
    let mut add = |name: &str, value: &str| form.push((name.to_owned(), value.to_owned()));
    if let Some(by) = answered_by {
        add("AnsweredBy", by);
    }
    if let Some(digits) = digits {
        add("Digits", digits);
        add("msg", "Gather End");
    }
    form
}

/// What is played next.
enum NextDocument {
    /// What this URL answers; with the keys that were pressed, and whether their request is made twice.
    Ask(String, Option<(String, bool)>),
    /// This one.
    Inline(String),
}

/// What came of a verb.
enum VerbDone {
    /// The next one.
    Next,
    /// Another document.
    Goto(NextDocument),
    /// Nothing more.
    HungUp,
}

impl Player {
    /// From the pick-up to the last word.
    pub(super) async fn converse(&mut self) {
        let Some(call) = self.call() else { return };
        let mut next = match (&call.url, &call.twiml) {
            (Some(url), _) => NextDocument::Ask(url.clone(), None),
            (None, Some(twiml)) => NextDocument::Inline(twiml.clone()),
            (None, None) => return,
        };
        for _ in 0..DOCUMENTS_MAX {
            let (verbs, base) = match next {
                NextDocument::Inline(twiml) => match parse(&twiml) {
                    Ok(verbs) => (verbs, None),
                    Err(e) => {
                        self.bad_twiml(&e, "");
                        return;
                    }
                },
                NextDocument::Ask(url, keys) => match self.ask(&url, keys).await {
                    Some(verbs) => (verbs, Some(url)),
                    None => return,
                },
            };
            match self.perform(&verbs, base.as_deref()).await {
                VerbDone::Goto(document) => next = document,
                VerbDone::Next | VerbDone::HungUp => return,
            }
        }
        self.note_fault(12000, "the documents lead to each other for ever", "");
    }

    async fn perform(&mut self, verbs: &[Verb], base: Option<&str>) -> VerbDone {
        for verb in verbs {
            let done = match verb {
                Verb::Say(text) => {
                    self.say(text);
                    self.pass(spoken_s(text)).await
                }
                Verb::Pause(seconds) => self.pass(*seconds).await,
                Verb::Gather(gather) => self.gather(gather, base).await,
                Verb::Redirect(url) => VerbDone::Goto(NextDocument::Ask(absolute(base, url), None)),
                Verb::Hangup => VerbDone::HungUp,
            };
            if !matches!(done, VerbDone::Next) {
                return done;
            }
        }
        VerbDone::Next
    }

    fn say(&self, text: &str) {
        self.note(&CallLine::Said { sid: self.sid.clone(), text: text.to_owned() });
    }

    fn in_seconds(&self, seconds: f64) -> Timestamp {
        self.shared.clock.now().plus(self.span(seconds))
    }

    /// Lets time pass where no key is heard.
    async fn pass(&mut self, seconds: f64) -> VerbDone {
        let at = self.in_seconds(seconds);
        match self.until(at, false).await {
            Woke::Time | Woke::Key(_) => VerbDone::Next,
            Woke::Order(order) => redirected(order),
            Woke::Over => VerbDone::HungUp,
        }
    }

    /// Speaks and listens: any key stops the speech; without one the next verb runs.
    async fn gather(&mut self, gather: &Gather, base: Option<&str>) -> VerbDone {
        let action = gather.action.as_deref().map(|a| absolute(base, a)).or_else(|| base.map(str::to_owned));
        self.last_action.clone_from(&action);
        let (mut digits, mut twice, mut is_done) = (String::new(), false, false);
        let mut heard = |key: &ScriptedKey| {
            twice |= key.twice;
            for digit in key.digits.chars() {
                if gather.finish_on.contains(digit) {
                    is_done = true;
                    break;
                }
                digits.push(digit);
                if gather.digits.is_some_and(|n| digits.chars().count() >= n) {
                    is_done = true;
                    break;
                }
            }
            is_done
        };
        let mut listening = true;
        for verb in &gather.inside {
            let seconds = match verb {
                Verb::Say(text) => {
                    self.say(text);
                    spoken_s(text)
                }
                Verb::Pause(seconds) => *seconds,
                _ => 0.0,
            };
            let at = self.in_seconds(seconds);
            match self.until(at, true).await {
                Woke::Time => {}
                Woke::Key(key) => {
                    self.note_key(&key.digits, KeyFate::Posted);
                    listening = !heard(&key);
                    break;
                }
                Woke::Order(order) => return redirected(order),
                Woke::Over => return VerbDone::HungUp,
            }
        }
        while listening {
            let at = self.in_seconds(gather.timeout_s);
            match self.until(at, true).await {
                Woke::Time => listening = false,
                Woke::Key(key) => {
                    self.note_key(&key.digits, KeyFate::Posted);
                    listening = !heard(&key);
                }
                Woke::Order(order) => return redirected(order),
                Woke::Over => return VerbDone::HungUp,
            }
        }
        match action {
            Some(action) if !digits.is_empty() || gather.on_empty => {
                VerbDone::Goto(NextDocument::Ask(action, Some((digits, twice))))
            }
            _ => VerbDone::Next,
        }
    }

    /// Asks for TwiML, then the fallback; nothing where neither can be played.
    async fn ask(&mut self, url: &str, keys: Option<(String, bool)>) -> Option<Vec<Verb>> {
        let call = self.call()?;
        let by = self.answered_by(&call);
        let digits = keys.as_ref().map(|(digits, _)| digits.as_str());
        let mut form = key_form(&self.shared, &call, digits, by.as_deref());
        let twice = keys.as_ref().is_some_and(|(_, twice)| *twice);
        let error = match self.document(url, &form, twice, digits.is_some()).await {
            Ok(verbs) => return Some(verbs),
            Err(e) => e,
        };
        self.bad_twiml(&error, url);
        let still = self.call().is_some_and(|c| c.status == PhoneStatus::InProgress);
        if let Some(fallback) = call.fallback_url.as_deref().filter(|_| still) {
            form.push(("ErrorCode".into(), error.code.to_string()));
            form.push(("ErrorUrl".into(), url.to_owned()));
            match self.document(fallback, &form, false, digits.is_some()).await {
                Ok(verbs) => return Some(verbs),
                Err(e) => self.bad_twiml(&e, fallback),
            }
        }
        self.say("We are sorry, an application error has occurred. Goodbye.");
        None
    }

    /// Posts one request for TwiML and reads what comes.
    async fn document(
        &self,
        url: &str,
        form: &[(String, String)],
        twice: bool,
        is_key: bool,
    ) -> Result<Vec<Verb>, TwimlError> {
        let failed = |code: u32, message: &str| TwimlError { code, message: message.to_owned() };
        let target = Target::parse(url).map_err(|e| failed(11100, &format!("the URL cannot be called: {e}")))?;
        if !target.is_loopback() {
            return Err(failed(11205, "the sandbox calls loopback addresses only"));
        }
        let (to, from) = self.call().map(|c| (c.to, c.from)).unwrap_or_default();
        let subject = Subject { on: Some(On::CallTwiml), to: Some(&to), from: Some(&from), ..Subject::default() };
        let (withheld, doubled, late) = {
            let mut state = self.shared.state();
            let mut hit = |kind| state.faults.hit(&[kind], subject, &self.shared.ids);
            let late = hit(FaultKind::DelayCallbacks).and_then(|f| f.delay_ms);
            (hit(FaultKind::WithholdCallbacks).is_some(), hit(FaultKind::DuplicateCallbacks).is_some(), late)
        };
        if withheld {
            return Err(failed(11200, "the request did not arrive"));
        }
        if let Some(ms) = late {
            self.shared.pause(std::time::Duration::from_millis(ms)).await;
        }
        let word = if is_key { "key" } else { "twiml" };
        if twice || doubled {
            let (shared, target, form, sid) = (self.shared.clone(), target.clone(), form.to_vec(), self.sid.clone());
            self.shared.runtime.spawn(async move {
                post_signed(&shared, &target, &form, (&sid, word), None).await;
            });
        }
        let posted = post_signed(&self.shared, &target, form, (&self.sid, word), None).await;
        read(&posted)
    }

    /// Writes down what cannot be played; what is wrong with the document itself is a violation.
    fn bad_twiml(&self, error: &TwimlError, url: &str) {
        self.note_fault(error.code, &error.message, url);
        if error.code >= 12_000 {
            self.shared.violation("voice webhook".into(), format!("{} ({})", error.message, error.code));
        }
    }
}

fn read(posted: &Posted) -> Result<Vec<Verb>, TwimlError> {
    let failed = |code: u32, message: String| Err(TwimlError { code, message });
    match posted.http_status {
        None => failed(11200, "no answer came".into()),
        Some(status) if !(200..300).contains(&status) => failed(11200, format!("the answer was HTTP {status}")),
        Some(_) if !posted.content_type.contains("xml") => failed(12300, "the answer is not text/xml".into()),
        Some(_) => parse(&posted.body),
    }
}

fn redirected(order: CallOrder) -> VerbDone {
    match order {
        CallOrder::Twiml(twiml) => VerbDone::Goto(NextDocument::Inline(twiml)),
        CallOrder::Url(url) => VerbDone::Goto(NextDocument::Ask(url, None)),
        CallOrder::Key(_) | CallOrder::HangUp => VerbDone::Next,
    }
}

/// A URL of a document, held against the one that the document came from.
fn absolute(base: Option<&str>, url: &str) -> String {
    let joined = base.and_then(|b| url::Url::parse(b).ok()).and_then(|b| b.join(url).ok());
    match url::Url::parse(url) {
        Ok(_) => url.to_owned(),
        Err(_) => joined.map_or_else(|| url.to_owned(), String::from),
    }
}
