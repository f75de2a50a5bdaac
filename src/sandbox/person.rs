//! A technician of the sandbox: who they are, what they reply, and the words that the provider itself obeys.

use serde::{Deserialize, Serialize};

use super::voice::PhoneScript;
use crate::domain::phone::masked;

/// A technician and what they do with their texts.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Person {
    /// Their number, E.164.
    pub phone: String,
    /// Replies, in any order.
    #[serde(default)]
    pub script: Vec<Reply>,
    /// Who or what picks up when this phone is called; nobody, where no entry says so.
    #[serde(default)]
    pub calls: Vec<PhoneScript>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Person({}, {} replies)", masked(&self.phone), self.script.len())
    }
}

/// A reply to the n-th text that a technician gets.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reply {
    /// To which text, counted from 1; a text counts when it reaches the handset.
    pub after_texts: u32,
    /// How long they take.
    #[serde(default)]
    pub delay_ms: u64,
    /// What they write. `{ref}` becomes the reference in that text (`7K3Q-2`), `{callRef}` its first half (`7K3Q`).
    pub body: String,
}

/// The words at which Twilio itself stops texting a phone.
pub(super) fn is_opt_out(body: &str) -> bool {
    const WORDS: [&str; 8] = ["STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"];
    WORDS.iter().any(|w| body.trim().eq_ignore_ascii_case(w))
}

/// The words that lift it.
pub(super) fn is_opt_in(body: &str) -> bool {
    ["START", "YES", "UNSTOP"].iter().any(|w| body.trim().eq_ignore_ascii_case(w))
}
