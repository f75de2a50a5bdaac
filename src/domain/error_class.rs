//! What a provider's error means for the ladder: the class of a failure, by which the engine decides what to do next.
//!
//! The codes themselves and their source are the gateway's (`gateways::twilio::codes`); here is only what can follow
//! from one. The letters are those of `facts/twilio.md` §10.

/// What kind of failure it was, and so who is told next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// T: may pass by itself; the same number again, later.
    Transient,
    /// N: this number will not be reached; the next contact now.
    NumberPermanent,
    /// A: the account is stopped; alert, no sender can send.
    Account,
    /// S: this sender or its set-up; alert, another sender.
    Sender,
    /// P: this pair of numbers or this text; alert, the next contact, never a breaker.
    PairOrContent,
    /// X: our request is wrong; alert, it is not repeated as it is.
    OurRequest,
    /// ?: cannot be told; one resend, then the next contact and an alert.
    Ambiguous,
    /// –: says nothing of an outbound message.
    Informational,
    /// A code that nobody knows, or none: the next contact, and an alert.
    UnknownCode,
}

impl Class {
    /// The letter that the facts page uses; `!` for a code that it does not have.
    pub const fn letter(self) -> char {
        match self {
            Self::Transient => 'T',
            Self::NumberPermanent => 'N',
            Self::Account => 'A',
            Self::Sender => 'S',
            Self::PairOrContent => 'P',
            Self::OurRequest => 'X',
            Self::Ambiguous => '?',
            Self::Informational => '-',
            Self::UnknownCode => '!',
        }
    }
}

/// What a single code asks for beyond its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    /// 21610: the recipient opted out; a person must have them text START.
    OptedOut,
    /// 30410: may have arrived all the same; treated as an unknown outcome.
    UnknownOutcome,
    /// 21609: our callback URL was refused; once more without one.
    WithoutCallback,
    /// 21611, 30001: the sender's queue is hours long; not repeated within the attempt.
    NotRepeated,
    /// The text was refused; once more with the built-in one.
    BadText,
    /// The credentials were refused: any request tells when they are taken again.
    Credentials,
}

/// All that a code says to the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Classified {
    /// Its class.
    pub class: Class,
    /// What it asks for beyond that.
    pub special: Option<Special>,
}
