//! Every text stands in the story of the calls that it may be about, with its words: in the log's data, never in a line of the
//! process's own log.

use serde_json::json;

use super::{Reading, Reply, Said};
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::call::CallState;
use crate::domain::change::{Answer, Change};
use crate::domain::event::InboundRow;
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::phone::masked;
use crate::domain::types::CallId;
use crate::domain::work::Illegal;

/// So much of what somebody wrote stands in an alert, and in the shop's base.
const WORDS_MAX: usize = 320;
/// All that is shown of one reader in the base; the newest stays.
const REPLIED_MAX: usize = 1_000;

/// A text as it is quoted to people: on one line, cut short.
pub(super) fn quoted(text: &str) -> String {
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_MAX).collect();
    let cut = if text.trim().chars().count() > WORDS_MAX { "..." } else { "" };
    if line.is_empty() { "(no text)".to_owned() } else { format!("\"{}{cut}\"", line.trim_end()) }
}

impl Reply<'_> {
    /// Raises the alert that a person should read this; `false` where it is about no open call.
    pub(super) fn show_to_a_person(&mut self, r: &Reading) -> bool {
        let open = self.open();
        let about = |id: &CallId| open.iter().copied().find(|c| &c.call.id == id);
        let named = || open.iter().copied().find(|c| Some(&c.call.reference) == r.reference.as_ref());
        let last = || self.texts.iter().find_map(|t| about(t.call?));
        let meant = self.about.first().cloned();
        let meant = meant.or_else(|| named().or_else(last).or(open.first().copied()).map(|c| c.call.id.clone()));
        let Some(call) = meant else { return false };
        let message =
            format!("{} wrote about call {call}: {}; a person should read it", self.name(), quoted(&self.text.body));
        let key = AlertKind::UnreadReply.about(format_args!("{call}:{}", self.contact_key()));
        self.change.alerts.push(AlertChange::Raise { key, call: Some(call), message });
        true
    }

    /// One of whom we know nothing: recorded, not answered. A customer may have texted the line.
    pub(super) fn stranger(mut self, says_nothing: bool) -> Result<Change, Illegal> {
        if !says_nothing {
            let who = masked(&self.text.from);
            let message = format!(
                "an unknown number ({who}) wrote: {}; a customer may have texted the line: `dispatchctl log -o json` has the number",
                quoted(&self.text.body)
            );
            let key = AlertKind::UnknownWriter.about(&self.text.from);
            self.change.alerts.push(AlertChange::Raise { key, call: None, message });
        }
        self.finish(Some(Said::silent("unknown number")))
    }

    /// Writes down what was said and what is answered; `None`: it waits.
    pub(super) fn finish(mut self, said: Option<Said>) -> Result<Change, Illegal> {
        let waits = said.is_none();
        let mut said = said.unwrap_or_else(|| Said::silent("waits for the time at which it was written"));
        if self.text.provider_replied {
            (said.answer, said.prompt) = (String::new(), None);
        }
        let is_understood = !said.answer.is_empty() || matches!(said.meaning, "a polite word" | "opt-in" | "opt-out");
        if !waits && said.prompt.is_none() && is_understood && self.was_asked_often() {
            let key = AlertKind::AutoResponder.about(self.contact_key());
            self.change.alerts.push(AlertChange::Resolve { key });
        }
        let open: Vec<CallId> = self.open().iter().map(|c| c.call.id.clone()).collect();
        let answered_by = if self.text.is_answered_by_text() { self.answer_by_text(&said, &open)? } else { None };
        if !waits {
            self.enter(&said, &open);
        }
        self.change.inbound = Some(InboundRow {
            text: self.text.clone(),
            call: self.about.first().cloned(),
            understood: said.meaning.to_owned(),
            answer: said.answer.clone(),
            prompt: said.prompt,
            answered_by,
            waits,
            at: self.ctx.now,
        })
        // It is there already where a drill lets a reply count twice.
        .filter(|_| self.loaded.answered_before.is_none() || self.text.waited_since.is_some());
        self.change.answer = Answer::Reply(said.answer);
        Ok(self.change)
    }

    /// One entry in the story of each call that is meant; where none is, of each that its writer was told of.
    fn enter(&mut self, said: &Said, open: &[CallId]) {
        let mut entries = Vec::new();
        let meant = if self.about.is_empty() { open.to_vec() } else { self.about.clone() };
        for id in &meant {
            entries.push(self.entry(Some(id.clone()), said));
        }
        if entries.is_empty() {
            entries.push(self.entry(None, said));
        }
        entries.append(&mut self.change.log);
        self.change.log = entries;
        for id in meant {
            self.show_in_the_base(&id);
        }
    }

    fn entry(&self, call: Option<CallId>, said: &Said) -> LogEntry {
        let contact = self.ctx.directory.by_phone(&self.text.from).map(|c| c.id.to_string());
        let data = json!({
            "sid": self.text.sid,
            "from": self.text.from,
            "contact": contact,
            "contactName": self.name(),
            "text": self.text.body,
            "understood": said.meaning,
            "answer": said.answer,
        });
        LogEntry {
            kind: LogKind::ReplyReceived,
            at: self.ctx.now,
            call,
            attempt: None,
            actor: self.actor(),
            message: format!("{} replied: {}", self.name(), said.meaning),
            data,
        }
    }

    /// The words, with the latest text to their writer: the row of its dispatch event shows them.
    fn show_in_the_base(&mut self, call: &CallId) {
        let known = self.change.calls.iter().find(|c| &c.call.id == call);
        let Some(state) = known.or_else(|| self.loaded.calls.iter().find(|c| &c.call.id == call)) else { return };
        let mut state: CallState = state.clone();
        let theirs = |a: &&mut crate::domain::attempt::Attempt| {
            a.recipient.phone.e164() == self.text.from && (a.sent_at.is_some() || a.state.is_final())
        };
        let Some(latest) = state.attempts.iter_mut().rev().find(theirs) else { return };
        let words = quoted(&self.text.body);
        let all = if latest.replied.is_empty() { words } else { format!("{}, {words}", latest.replied) };
        let from = all.chars().count().saturating_sub(REPLIED_MAX);
        latest.replied = all.chars().skip(from).collect();
        match self.change.calls.iter_mut().find(|c| c.call.id == state.call.id) {
            Some(there) => *there = state,
            None => self.change.calls.push(state),
        }
    }
}
