//! What a text is made of, and why none can be made.

/// The most characters that the provider takes in one message (`facts/twilio.md` §2).
pub const BODY_CHARACTERS_MAX: usize = 1600;

/// All that a text is made of. Every part is data: line ends and control characters in it become spaces.
#[derive(Clone, Copy)]
pub struct RenderInput<'a> {
    /// The operator's template for notices; `None` for the built-in text.
    pub template: Option<&'a str>,
    /// A person's own words for this call, taken as they are in place of a template. How to answer is added.
    pub own_words: Option<&'a str>,
    /// Which text this is.
    pub kind: TextKind<'a>,
    /// The attempt's reference, like `7K3Q-2`.
    pub reference: &'a str,
    /// The reference of the attempt that this one repeats; the text is then marked as a repeat.
    pub repeat_of: Option<&'a str>,
    /// The line's name.
    pub business: &'a str,
    /// Who is told.
    pub contact_name: &'a str,
    /// What is wrong, in the caller's words; the only part that is shortened in ordinary use.
    pub issue: &'a str,
    /// Where; empty where unknown.
    pub address: &'a str,
    /// Who called; empty where unknown.
    pub caller_name: &'a str,
    /// The number to call back, as given; empty where withheld.
    pub caller_phone: &'a str,
    /// The emergency level; `normal` is not mentioned.
    pub level: &'a str,
    /// The page by which its reader takes the call; empty where there is none.
    pub link: &'a str,
    /// Whether the text must say that it is a test.
    pub test_mode: bool,
}

/// Which text is wanted. Wording follows whether this contact was told before, not the step number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind<'a> {
    /// The first text to this contact for this call.
    First,
    /// A further notice.
    Reminder,
    /// Nothing is left to do.
    StandDown { why: StandDown<'a> },
    /// An answer to a contact's reply.
    Answer {
        /// What to say.
        text: &'a str,
    },
}

/// Why a contact need not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandDown<'a> {
    /// Somebody else took the call.
    Taken {
        /// Their name.
        by: &'a str,
    },
    /// The call was cancelled.
    Cancelled,
    /// The call was resolved.
    Resolved,
    /// It waits for the morning.
    Deferred,
}

/// Why no text can be made, or why a template is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The reference is not one: a message with it could not be found again.
    #[error("{reference:?} is not a reference like 7K3Q-2")]
    Reference {
        /// What was given.
        reference: String,
    },
    /// The template cannot be read.
    #[error("line {line}: {why}")]
    Syntax {
        /// Counted from 1; 0 where unknown.
        line: usize,
        /// What the template language says.
        why: String,
    },
    /// The template uses a name that does not exist.
    #[error("there is no variable {name:?}; a template may use {}", VARIABLES.join(", "))]
    UnknownVariable { name: String },
    /// The template tells people to answer with a word that opts them out of all later texts, or means something to the provider.
    #[error("asks for the reply {word:?}, which the provider takes for itself; use 1, 2, ACK, PASS or DONE")]
    ReservedReply { word: String },
    /// The template's text cannot be sent.
    #[error("{why}")]
    Unsendable { why: String },
}

/// What stands between the reference and the rest: marks that no template can leave out.
pub(super) fn opening(input: &RenderInput<'_>) -> String {
    let test = if input.test_mode { "TEST MODE " } else { "" };
    // The repeated attempt's reference itself must not stand here: its message is looked for by it.
    let repeat = if input.repeat_of.is_some() { "(repeat) " } else { "" };
    format!("{} {test}{repeat}", input.reference)
}

/// Cuts to `max` characters, at a space where one is near the end, and shows the cut by `...`.
pub(super) fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(3)).collect();
    let at_word = kept.rfind(' ').filter(|at| kept.len() - at <= 12).and_then(|at| kept.get(..at)).unwrap_or(&kept);
    let dots: String = "...".chars().take(max).collect();
    format!("{}{dots}", at_word.trim_end_matches([' ', ',', ';', ':', '-', '.']))
}

/// What a template may use. `reminder` is true or false; the reference is set by the engine, not by the template.
pub const VARIABLES: [&str; 9] =
    ["business", "contact", "issue", "address", "caller", "callback", "level", "link", "reminder"];
