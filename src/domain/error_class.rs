//! What a provider's error code asks for.

/// The letters of `facts/twilio.md` §10, spelled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// T: the same number later.
    Transient,
    /// N: permanent for this number; the next contact now.
    NumberPermanent,
    /// N, and the contact has opted out: a person must text START.
    OptedOut,
    /// A: the account; alert and stop sending.
    Account,
    /// S: this sender or our set-up; alert, another sender.
    Sender,
    /// P: this pair or this content; alert, next contact.
    PairOrContent,
    /// X: our request is wrong; alert, do not retry.
    OurRequest,
    /// X, and the callback URL is what is wrong (21609): once more without it.
    BadCallback,
    /// ?: may or may not help to send again.
    Ambiguous,
    /// ?, and it may have arrived (30410): to be treated as an unknown outcome.
    MayHaveArrived,
    /// A code without consequence for an outbound message.
    Informational,
    /// A code that nobody knows, or none at all.
    UnknownCode,
}
