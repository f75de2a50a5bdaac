//! Words that make an answer depend on something.

/// It comes later, perhaps, or only if.
const CONDITIONS: &[&str] = &[
    "after",
    "afternoon",
    "assuming",
    "before",
    "could",
    "dawn",
    "day",
    "days",
    "depending",
    "depends",
    "else",
    "evening",
    "eventually",
    "first",
    "friday",
    "guess",
    "hold",
    "hopefully",
    "if",
    "later",
    "lets",
    "maybe",
    "midnight",
    "might",
    "monday",
    "morning",
    "noon",
    "once",
    "only",
    "or",
    "perhaps",
    "possible",
    "possibly",
    "probably",
    "provided",
    "saturday",
    "should",
    "someone",
    "somebody",
    "sunday",
    "think",
    "thursday",
    "till",
    "tmr",
    "tmrw",
    "tmw",
    "tommorow",
    "tomorow",
    "tomorrow",
    "try",
    "trying",
    "tuesday",
    "unless",
    "unsure",
    "until",
    "wait",
    "waiting",
    "wednesday",
    "week",
    "weekend",
    "when",
    "whenever",
    "whether",
    "would",
];

/// Whether this word makes whatever stands beside it depend on something.
pub(super) fn is_condition(word: &str) -> bool {
    CONDITIONS.contains(&word)
}

/// Every word that makes an answer depend on something.
#[cfg(test)]
pub(super) fn conditions() -> impl Iterator<Item = &'static str> {
    CONDITIONS.iter().copied()
}
