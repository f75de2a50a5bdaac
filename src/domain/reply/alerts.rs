//! Answers to a text that tells of an alert: its own reference, at any time. Where the alert is about a call, the call is meant
//! (`super::act`); else that somebody has seen it.

use super::{Reading, Reply, Said, Word};
use crate::domain::alert::AlertChange;
use crate::domain::alert_text::AlertText;
use crate::domain::types::CallRef;

impl Reply<'_> {
    /// The alert of this reference, where its writer got it by text.
    pub(super) fn alert_named(&self, reference: &CallRef) -> Option<AlertText> {
        let theirs = |t: &&AlertText| &t.reference == reference && t.text.phone.e164() == self.text.from;
        self.loaded.alert_texts.iter().find(theirs).cloned()
    }

    /// A word about an alert that is no call's: it was seen, and is not repeated.
    pub(super) fn on_alert(&mut self, of: &AlertText, word: Word, r: &Reading) -> Said {
        if word != Word::Take {
            return self.ask_one_or_two("not understood", r);
        }
        let by = self.actor();
        for key in &of.alerts {
            self.change.alerts.push(AlertChange::Acknowledge { key: key.clone(), by: by.clone() });
        }
        Said::new("has seen an alert", format!("Noted: {} is not repeated.", of.reference))
    }
}
