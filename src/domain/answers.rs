//! What a phone was answered before: what a reply is held against.

use super::attempt::words;
use super::types::{AttemptId, CallId, MessageSid, Timestamp};

words! {
    /// What an answer of ours asks of whoever wrote.
    Prompt {
        /// How to answer at all.
        Help = "help",
        /// Which call is taken.
        WhichToTake = "which call: 1",
        /// Which call is passed or handed back.
        WhichToPass = "which call: 2",
        /// Which call is done.
        WhichIsDone = "which call: done",
        /// Which call can wait.
        WhichCanWait = "which call: 3",
        /// Whether it is taken or passed.
        OneOrTwo = "1 or 2",
    }
}

/// An answer of ours to an earlier text of the same phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAnswer {
    /// When the text came that it answers; its TwiML left then.
    pub at: Timestamp,
    /// The number or service that was written to.
    pub sender: String,
    /// The call that it is about.
    pub call: Option<CallId>,
    /// What it asks.
    pub prompt: Option<Prompt>,
    /// The attempt that carries it; `None`: the webhook's TwiML.
    pub by: Option<AttemptId>,
}

/// A reply of a phone that came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastReply {
    pub sid: MessageSid,
    /// When it came, by our clock.
    pub at: Timestamp,
    /// When it was written, by the provider's clock, where that was read.
    pub written: Option<Timestamp>,
    /// The call that it was about.
    pub call: Option<CallId>,
    pub understood: String,
    /// What its answer asked.
    pub prompt: Option<Prompt>,
    /// It is not decided yet.
    pub waits: bool,
}

/// What became of a text that comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredBefore {
    /// Empty for silence.
    pub answer: String,
    /// It waits for the time at which it was written.
    pub waits: bool,
}
