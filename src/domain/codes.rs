//! The provider's error codes as data: what each means for the ladder, and its name for a person.
//!
//! Source: `facts/twilio.md` §10 (Twilio's error pages and its error dictionary; the classes are ours, and so are their letters).
//! Public tables on the web mislabel 30034, 30035 and 30038: this one is not copied from there.

use super::types::ErrorCode;

use Class::{Account, Ambiguous, Informational, NumberPermanent, OurRequest, PairOrContent, Sender, Transient};

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
    /// 21205 of a phone call: the address of what is said was refused; once more with the words themselves.
    BadUrl,
    /// 10004 of a phone call: as many are under way as the account may have; alarmed, and tried again.
    TooManyAtOnce,
    /// 21216 and its kin, of a phone call: the provider blocks the number, or, where it blocks a second one too, the account.
    Blocked,
    /// 21611, 30001: the sender's queue is hours long; not repeated within the attempt.
    NotRepeated,
    /// The text was refused; once more with the built-in one.
    BadText,
    /// The credentials were refused: any request tells when they are taken again.
    Credentials,
}

/// All that a code says to the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorClass {
    pub class: Class,
    /// What it asks for beyond that.
    pub special: Option<Special>,
}

/// No code, or none that means anything here.
pub const NO_CODE: ErrorClass = ErrorClass { class: Class::UnknownCode, special: None };

/// One known code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeInfo {
    /// The number.
    pub code: u32,
    /// What kind of failure.
    pub class: Class,
    /// In a few words, for a person.
    pub name: &'static str,
    /// What this one asks for beyond its class.
    pub special: Option<Special>,
}

const fn row(code: u32, class: Class, name: &'static str) -> CodeInfo {
    CodeInfo { code, class, name, special: None }
}

const fn special(code: u32, class: Class, name: &'static str, special: Special) -> CodeInfo {
    CodeInfo { code, class, name, special: Some(special) }
}

/// Every code that is known, in order of its number.
pub const CODES: &[CodeInfo] = &[
    special(10001, Account, "account is not active", Special::Credentials),
    row(20001, OurRequest, "unknown parameter"),
    special(20003, Account, "authentication failed", Special::Credentials),
    special(20005, Account, "account is not active", Special::Credentials),
    special(20006, Account, "access denied", Special::Credentials),
    special(20008, Account, "not accessible with test credentials", Special::Credentials),
    special(20403, Account, "forbidden", Special::Credentials),
    special(20404, Account, "not found (on a send: wrong account SID)", Special::Credentials),
    row(20429, Transient, "too many concurrent requests"),
    row(20500, Ambiguous, "provider's internal error"),
    row(20503, Ambiguous, "provider unavailable"),
    row(21201, OurRequest, "no recipient given"),
    row(21210, PairOrContent, "caller number is not verified"),
    row(21211, NumberPermanent, "recipient's number is invalid"),
    row(21212, Sender, "sender's number is invalid"),
    row(21214, NumberPermanent, "recipient cannot be reached"),
    row(21215, PairOrContent, "no permission for this region (voice)"),
    row(21217, NumberPermanent, "phone number does not appear to be valid"),
    row(21219, PairOrContent, "recipient is not verified (trial account)"),
    row(21401, NumberPermanent, "invalid phone number"),
    row(21408, PairOrContent, "no permission for this region (SMS)"),
    row(21601, Sender, "sender's number cannot send SMS"),
    special(21602, OurRequest, "text is missing", Special::BadText),
    row(21603, OurRequest, "sender is missing"),
    row(21604, OurRequest, "recipient is missing"),
    special(21605, OurRequest, "text is too long", Special::BadText),
    row(21606, Sender, "sender is not a number of this account that can send SMS"),
    row(21607, Sender, "sender must be a number of this account"),
    row(21608, PairOrContent, "recipient is not verified (trial account)"),
    special(21609, OurRequest, "callback URL is invalid", Special::WithoutCallback),
    special(21610, NumberPermanent, "recipient opted out", Special::OptedOut),
    special(21611, Sender, "sender's queue is full", Special::NotRepeated),
    row(21612, PairOrContent, "recipient cannot be reached from this sender"),
    row(21614, NumberPermanent, "recipient is not a mobile number"),
    row(21616, Sender, "sender matches more than one account's number"),
    special(21617, OurRequest, "text is longer than 1600 characters", Special::BadText),
    special(21618, OurRequest, "text cannot be sent", Special::BadText),
    special(21619, OurRequest, "text or media is required", Special::BadText),
    row(21620, OurRequest, "media URL is invalid"),
    row(21623, OurRequest, "too many media files"),
    row(21624, OurRequest, "validity period is invalid"),
    row(21635, NumberPermanent, "recipient is a landline"),
    row(21701, Sender, "messaging service does not exist"),
    row(21703, Sender, "messaging service has no number free for this recipient"),
    row(21704, Sender, "messaging service has no numbers"),
    row(21705, Sender, "messaging service is invalid"),
    special(30001, Sender, "sender's queue overflowed", Special::NotRepeated),
    row(30002, Account, "account suspended"),
    row(30003, Transient, "handset unreachable (off or out of range)"),
    row(30004, NumberPermanent, "blocked by the carrier or the recipient"),
    row(30005, NumberPermanent, "unknown handset"),
    row(30006, NumberPermanent, "landline or unreachable carrier"),
    row(30007, PairOrContent, "filtered by the carrier"),
    row(30008, Ambiguous, "unknown error"),
    row(30009, Informational, "inbound segment is missing"),
    row(30010, OurRequest, "price is over the maximum"),
    row(30011, OurRequest, "MMS is not supported there"),
    row(30017, Transient, "carrier is congested"),
    row(30018, Sender, "carrier requires the sender to be registered"),
    row(30019, OurRequest, "content is larger than the carrier takes"),
    row(30020, Transient, "internal failure"),
    row(30021, Transient, "internal failure"),
    row(30022, Transient, "A2P rate exceeded"),
    row(30023, Sender, "A2P daily cap reached"),
    row(30024, Sender, "sender is not provisioned at the carrier"),
    row(30025, Informational, "half of T-Mobile's daily cap is used"),
    row(30026, Informational, "70% of T-Mobile's daily cap is used"),
    row(30027, Sender, "T-Mobile's daily cap reached"),
    row(30032, Sender, "toll-free number is not verified"),
    row(30033, Account, "A2P campaign suspended"),
    row(30034, Sender, "sender is not registered for A2P 10DLC"),
    row(30035, Sender, "A2P number is still being configured"),
    row(30036, Transient, "validity period is over"),
    row(30037, Account, "outbound messaging is disabled"),
    row(30038, Informational, "inbound one-time password was filtered"),
    row(30040, Sender, "carrier requires the sender to be registered"),
    row(30041, Sender, "carrier requires the sender to be registered"),
    row(30400, OurRequest, "bad parameters"),
    row(30404, OurRequest, "not found"),
    row(30409, OurRequest, "cannot be cancelled any more"),
    special(30410, Ambiguous, "carrier did not answer in time: may have arrived", Special::UnknownOutcome),
    row(30450, PairOrContent, "blocked by SMS pumping protection (minutes)"),
    row(30453, PairOrContent, "blocked by SMS pumping protection (hours)"),
    row(30454, Account, "trial account's limit reached"),
    row(30485, Ambiguous, "could not be delivered"),
    row(30500, Transient, "internal error"),
    row(35114, OurRequest, "scheduled too soon"),
    row(35115, OurRequest, "scheduled too far ahead"),
    row(35117, OurRequest, "schedule is invalid"),
    row(35118, OurRequest, "scheduling needs a messaging service"),
    row(35125, OurRequest, "too many scheduled messages"),
    row(63038, Account, "account's daily limit reached"),
];

/// What is known of a code; `None` where nothing is.
pub fn info(code: ErrorCode) -> Option<&'static CodeInfo> {
    CODES.binary_search_by_key(&code.0, |row| row.code).ok().and_then(|at| CODES.get(at))
}

/// The class of a failure; without a code, or with one that nobody knows, [`Class::UnknownCode`].
pub fn class_of(code: Option<ErrorCode>) -> Class {
    classify(code).class
}

/// The class of a failure and what its code asks for beyond that.
pub fn classify(code: Option<ErrorCode>) -> ErrorClass {
    match code.and_then(info) {
        Some(row) => ErrorClass { class: row.class, special: row.special },
        None => NO_CODE,
    }
}

/// The code's name for a person.
pub fn name_of(code: ErrorCode) -> &'static str {
    info(code).map_or("a code that is not known here", |row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the facts page, as it groups them.
    const FACTS: &[(char, &[u32])] = &[
        ('A', &[20003, 20005, 20006, 10001]),
        ('A', &[20008, 20403]),
        ('A', &[20404]),
        ('T', &[20429]),
        ('?', &[20500, 20503]),
        ('X', &[21201, 21604, 21602, 21603, 21605, 21617, 21619]),
        ('X', &[21609, 21624, 21620, 21623, 20001]),
        ('N', &[21211, 21401, 21217]),
        ('N', &[21214, 21614, 21635]),
        ('N', &[21610]),
        ('P', &[21408, 21215]),
        ('P', &[21612]),
        ('S', &[21212, 21606, 21601, 21616, 21607]),
        ('P', &[21608, 21219, 21210]),
        ('S', &[21611]),
        ('X', &[21618]),
        ('S', &[21701, 21703, 21704, 21705]),
        ('S', &[30001]),
        ('A', &[30002, 30037]),
        ('T', &[30003]),
        ('N', &[30004]),
        ('N', &[30005, 30006]),
        ('P', &[30007]),
        ('?', &[30008]),
        ('-', &[30009]),
        ('X', &[30010]),
        ('X', &[30011, 30019]),
        ('T', &[30017, 30020, 30021]),
        ('S', &[30018, 30040, 30041]),
        ('T', &[30022]),
        ('S', &[30023, 30027]),
        ('S', &[30024]),
        ('-', &[30025, 30026]),
        ('S', &[30032]),
        ('A', &[30033]),
        ('S', &[30034]),
        ('S', &[30035]),
        ('T', &[30036]),
        ('-', &[30038]),
        ('X', &[30400, 30404, 30409]),
        ('?', &[30410]),
        ('P', &[30450, 30453]),
        ('A', &[30454, 63038]),
        ('?', &[30485]),
        ('T', &[30500]),
        ('X', &[35114, 35115, 35117, 35118, 35125]),
    ];

    #[test]
    fn the_table_is_the_facts_page_row_by_row() {
        let mut counted = 0;
        for (letter, codes) in FACTS {
            for code in *codes {
                let got = class_of(Some(ErrorCode(*code)));
                assert_eq!(got.letter(), *letter, "{code}");
                counted += 1;
            }
        }
        assert_eq!(CODES.len(), counted, "no row too many");
        assert!(CODES.is_sorted_by(|a, b| a.code < b.code), "sorted, each once: it is searched by halving");
        assert!(CODES.iter().all(|row| !row.name.is_empty()));
    }

    #[test]
    fn what_is_not_known_is_said_to_be() {
        for code in [None, Some(ErrorCode(0)), Some(ErrorCode(29_999)), Some(ErrorCode(u32::MAX))] {
            assert_eq!(classify(code), ErrorClass { class: Class::UnknownCode, special: None }, "{code:?}");
        }
        assert_eq!(name_of(ErrorCode(1)), "a code that is not known here");
    }

    #[test]
    fn single_codes_ask_for_more_than_their_class() {
        for (code, want) in [
            (21610, Some(Special::OptedOut)),
            (30410, Some(Special::UnknownOutcome)),
            (21609, Some(Special::WithoutCallback)),
            (21611, Some(Special::NotRepeated)),
            (21617, Some(Special::BadText)),
            (21618, Some(Special::BadText)),
            (30034, None),
            (20429, None),
        ] {
            assert_eq!(classify(Some(ErrorCode(code))).special, want, "{code}");
        }
    }
}
