//! What is asked of a writer, and where asking ends: a phone that answers every text by itself is not answered for ever.

use super::which::looks;
use super::wording;
use super::{Reading, Reply, Said};
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::alert_text::AlertText;
use crate::domain::answers::Prompt;
use crate::domain::attempt::AttemptKind;
use crate::domain::call::CallState;
use crate::domain::roll_call;
use crate::domain::types::Timestamp;

/// So often a phone is asked, until a word is understood or a notice goes to it.
const PROMPTS_MAX: usize = 3;
/// Asking for help is no news for anybody else.
const FOR_HELP: &[&str] = &["help", "info", "?"];

impl Reply<'_> {
    /// Asks, unless this phone was asked often enough: then it is silent, and a person hears of it once.
    pub(super) fn ask(&mut self, prompt: Prompt, meaning: &'static str, text: String) -> Said {
        if self.prompts() < PROMPTS_MAX || self.ctx.rules.off.prompts {
            return Said { meaning, answer: text, prompt: Some(prompt) };
        }
        let message = format!(
            "{} was asked {PROMPTS_MAX} times and wrote nothing that is understood: it is answered no more until it does, or gets \
             its next call; an auto-responder?",
            self.name()
        );
        let key = AlertKind::AutoResponder.about(self.contact_key());
        self.change.alerts.push(AlertChange::Raise { key, call: None, message });
        Said::silent(meaning)
    }

    /// How often it was asked since a word of it was understood, or a notice or an alert went to it.
    pub(super) fn prompts(&self) -> usize {
        let calls = self.loaded.calls.iter().flat_map(|c| &c.attempts);
        let notices = calls.filter(|a| a.kind == AttemptKind::Notice && a.recipient.phone.e164() == self.text.from);
        let told: Option<Timestamp> = notices.filter_map(|a| a.sent_at).max();
        // One that tells of what somebody wrote may come of an answer to a question: it asks for no further one.
        let asks = |t: &&AlertText| !t.is_over && t.alerts.iter().all(|a| a.key.kind() != AlertKind::UnreadReply);
        let theirs = |t: &&AlertText| t.text.phone.e164() == self.text.from;
        let alerted = self.loaded.alert_texts.iter().filter(theirs).filter(asks).filter_map(|t| t.text.sent_at).max();
        let since = told.max(alerted).max(self.understood_last());
        let asked = self.loaded.answers.iter().take_while(|a| a.prompt.is_some() && Some(a.at) > since);
        asked.count()
    }

    /// Whether the alert that it answers by itself may stand: its last answers asked so often.
    pub(super) fn was_asked_often(&self) -> bool {
        self.loaded.answers.iter().filter(|a| a.prompt.is_some()).count() >= PROMPTS_MAX
    }

    pub(super) fn ask_one_or_two(&mut self, meaning: &'static str, r: &Reading) -> Said {
        let text = self.one_or_two(r);
        self.ask(Prompt::OneOrTwo, meaning, text)
    }

    /// The code that he named is the one that he is asked with.
    fn one_or_two(&self, r: &Reading) -> String {
        if let Some(of) = self.roll_call_asked(r) {
            return roll_call::answer::one_or_two(&of);
        }
        let mut open = self.open();
        open.sort_by_key(|c| Some(&c.call.reference) != r.reference.as_ref());
        let named = open.first().filter(|c| Some(&c.call.reference) == r.reference.as_ref());
        if let Some(mine) = named.filter(|c| self.holds(c)) {
            return wording::one_or_two(&[], &[mine]);
        }
        let free: Vec<&CallState> = open.iter().copied().filter(|c| looks(c)).collect();
        let held: Vec<&CallState> = open.into_iter().filter(|c| self.holds(c)).collect();
        wording::one_or_two(&free, &held)
    }

    /// Words that are no answer: a person is shown them, and their writer is asked for 1 or 2.
    pub(super) fn other(&mut self, r: &Reading) -> Said {
        if FOR_HELP.contains(&self.text.body.trim().to_lowercase().as_str()) {
            return self.ask(Prompt::Help, "asked for help", wording::HELP.to_owned());
        }
        // It stands in the story of the call that it names.
        let named = self.open().into_iter().find(|c| Some(&c.call.reference) == r.reference.as_ref());
        self.about.extend(named.map(|c| c.call.id.clone()));
        let text = self.one_or_two(r);
        let text = if self.show_to_a_person(r) { wording::seen_by_the_office(&text) } else { text };
        self.ask(Prompt::OneOrTwo, "not understood", text)
    }

    /// A quoted text of ours is no answer: it is asked about once.
    pub(super) fn quoted(&mut self, r: &Reading) -> Said {
        let meaning = "a copy of our text";
        if self.prompts() > 0 || self.open().is_empty() {
            Said::silent(meaning)
        } else {
            self.ask_one_or_two(meaning, r)
        }
    }
}
