//! What an error code of a phone call asks for, and what its end does: as data. A landline that takes no texts can be rung, and the
//! reverse, so the codes of texts say nothing here. Source: `facts/twilio-voice.md` §8; the classes are ours, and so are their letters.

use super::status::PhoneCallStatus;
use crate::domain::codes::{self, Class, ErrorClass, NO_CODE, Special};
use crate::domain::types::ErrorCode;

use Class::{Account, Ambiguous, Informational, NumberPermanent, OurRequest, PairOrContent, Sender, Transient};

/// One known code.
struct Row {
    code: u32,
    class: Class,
    special: Option<Special>,
    name: &'static str,
}

const fn row(code: u32, class: Class, name: &'static str) -> Row {
    Row { code, class, special: None, name }
}

const fn special(code: u32, class: Class, special: Special, name: &'static str) -> Row {
    Row { code, class, special: Some(special), name }
}

/// Every code that is known, in order of its number.
const CODES: &[Row] = &[
    special(10001, Account, Special::Credentials, "account is not active"),
    row(10004, Transient, "too many phone calls at once"),
    row(10005, Account, "phone calls are disabled for the account"),
    special(11100, OurRequest, Special::BadUrl, "the address of what is said is invalid"),
    row(11200, OurRequest, "our address could not be read"),
    row(11205, OurRequest, "our address could not be reached"),
    row(11210, OurRequest, "our address could not be resolved"),
    row(11215, OurRequest, "our address redirects too often"),
    row(12100, OurRequest, "what we said cannot be read"),
    row(12200, OurRequest, "what we said is not as the schema wants"),
    row(12300, OurRequest, "what we said has the wrong type"),
    row(12400, Ambiguous, "provider's internal error"),
    row(13223, NumberPermanent, "number has an invalid form"),
    // Outages give it too: nobody is excluded for it.
    row(13224, PairOrContent, "number is invalid, or no carrier can reach it now"),
    row(13225, PairOrContent, "number is blocked by the provider"),
    row(13227, PairOrContent, "no permission to ring this region"),
    row(13247, Sender, "sender's number may not place calls"),
    row(13511, OurRequest, "what we said is empty or invalid"),
    row(13520, OurRequest, "what we said is empty"),
    row(13521, OurRequest, "what we said is too long"),
    row(15002, Informational, "a status callback was late"),
    row(15003, Informational, "a status callback was refused"),
    row(15009, Ambiguous, "provider's internal error"),
    special(20003, Account, Special::Credentials, "authentication failed"),
    special(20005, Account, Special::Credentials, "account is not active"),
    special(20006, Account, Special::Credentials, "access denied"),
    special(20008, Account, Special::Credentials, "not accessible with test credentials"),
    row(20010, Account, "phone calls are disabled for the account"),
    special(20403, Account, Special::Credentials, "forbidden"),
    special(20404, Account, Special::Credentials, "not found (on a call: wrong account SID)"),
    row(20429, Transient, "too many concurrent requests"),
    row(20500, Ambiguous, "provider's internal error"),
    row(20503, Ambiguous, "provider unavailable"),
    row(21201, OurRequest, "no recipient given"),
    row(21202, NumberPermanent, "recipient is a premium number"),
    row(21203, PairOrContent, "no permission to ring this region"),
    special(21205, OurRequest, Special::BadUrl, "the address of what is said is invalid"),
    row(21206, OurRequest, "a parameter is invalid"),
    row(21208, OurRequest, "a parameter is invalid"),
    row(21209, OurRequest, "a parameter is invalid"),
    row(21210, Sender, "sender's number is not verified"),
    row(21211, NumberPermanent, "recipient's number is invalid"),
    row(21212, Sender, "sender's number is invalid"),
    row(21213, OurRequest, "no sender given"),
    row(21214, NumberPermanent, "recipient cannot be reached"),
    row(21215, PairOrContent, "no permission to ring this region"),
    row(21216, PairOrContent, "number is blocked by the provider, or the account has no customer profile"),
    row(21217, NumberPermanent, "phone number does not appear to be valid"),
    row(21218, OurRequest, "a parameter is invalid"),
    row(21219, PairOrContent, "recipient is not verified (trial account)"),
    row(21220, Informational, "the phone call is over"),
    row(21234, OurRequest, "a parameter is out of range"),
    row(21401, NumberPermanent, "invalid phone number"),
    special(21609, OurRequest, Special::WithoutCallback, "callback URL is invalid"),
    row(22001, Transient, "waited too long in the provider's queue"),
    row(22005, Account, "the provider's queue is a day long"),
    row(32014, Informational, "nothing was heard"),
    row(32015, Informational, "the longest time was reached"),
    row(32016, Transient, "no carrier answered"),
    row(32017, Sender, "blocked by the carrier for the reputation of our number"),
    row(32018, OurRequest, "what is said is too long"),
    row(32203, PairOrContent, "number is blocked by the provider"),
    row(32205, PairOrContent, "no permission to ring this region"),
    row(32206, Sender, "sender's number may not place calls"),
    row(573_002, PairOrContent, "recipient is not verified for this sender (trial account)"),
    row(573_005, PairOrContent, "sender is not that of the trial account"),
];

fn info(code: ErrorCode) -> Option<&'static Row> {
    CODES.binary_search_by_key(&code.0, |row| row.code).ok().and_then(|at| CODES.get(at))
}

/// What a code of a phone call asks for; without one, or with one that nobody knows, [`Class::UnknownCode`].
pub fn class_of_code(code: Option<ErrorCode>) -> ErrorClass {
    code.and_then(info).map_or(NO_CODE, |row| ErrorClass { class: row.class, special: row.special })
}

/// The code's name for a person.
pub fn name_of(code: ErrorCode) -> &'static str {
    info(code).map_or_else(|| codes::name_of(code), |row| row.name)
}

/// The code by which a carrier says why a phone call ended as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipCode(pub u32);

impl From<ErrorCode> for SipCode {
    fn from(code: ErrorCode) -> Self {
        Self(code.0)
    }
}

/// What the end of a phone call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// A key was pressed.
    Decided,
    /// T: something picked up and no key was pressed: nobody is told. Once more, and the ladder's clock goes on.
    NotTold,
    /// T: engaged, not answered, off: once more.
    Again,
    /// N: there is no such number.
    Number,
    /// Refused on its way: one number, once more; two, our own number is blocked.
    Blocked,
    /// ?: the carrier failed: once more, then the next contact and an alert.
    Carrier,
    /// It was ended, by us or by the provider after a day in its queue.
    Ended,
}

/// What this final status does; `key`: one was pressed that decided.
pub fn class_of_end(end: PhoneCallStatus, sip: Option<SipCode>, key: bool) -> CallEnd {
    use PhoneCallStatus as S;
    match (end, sip.map(|s| s.0)) {
        _ if key => CallEnd::Decided,
        (S::Canceled, _) => CallEnd::Ended,
        (_, Some(603 | 607 | 608)) | (S::Failed, Some(403)) => CallEnd::Blocked,
        (S::Completed, _) => CallEnd::NotTold,
        (S::NoAnswer | S::Busy, _) | (S::Failed, Some(480)) => CallEnd::Again,
        (S::Failed, Some(404 | 410 | 484 | 604)) => CallEnd::Number,
        _ => CallEnd::Carrier,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the facts page, as it groups them; what stands there with a star is not remembered.
    const FACTS: &[(char, &[u32])] = &[
        ('A', &[20003, 20005, 20006, 10001, 20403, 20008, 20404]),
        ('A', &[10005, 20010, 22005]),
        ('T', &[10004, 20429, 22001, 32016]),
        ('?', &[20500, 20503, 15009, 12400]),
        ('X', &[21201, 21213, 21206, 21208, 21209, 21218, 21234, 32018, 21205, 11100, 21609]),
        ('N', &[21211, 21217, 21401, 13223, 21202, 21214]),
        ('P', &[13224, 21203, 21215, 13227, 32205, 21216, 13225, 32203, 21219, 573_002, 573_005]),
        ('S', &[21210, 21212, 13247, 32206, 32017]),
        ('-', &[32014, 32015, 15002, 15003, 21220]),
        ('X', &[11200, 11205, 11210, 11215, 12100, 12200, 12300, 13511, 13520, 13521]),
    ];

    #[test]
    fn the_table_is_the_facts_page_row_by_row() {
        let mut counted = 0;
        for (letter, codes) in FACTS {
            for code in *codes {
                assert_eq!(class_of_code(Some(ErrorCode(*code))).class.letter(), *letter, "{code}");
                counted += 1;
            }
        }
        assert_eq!(CODES.len(), counted, "no row too many");
        assert!(CODES.is_sorted_by(|a, b| a.code < b.code), "sorted, each once: it is searched by halving");
        for code in
            [None, Some(ErrorCode(0)), Some(ErrorCode(30_007)), Some(ErrorCode(21_614)), Some(ErrorCode(u32::MAX))]
        {
            assert_eq!(class_of_code(code), NO_CODE, "{code:?}: what texts fail of is no phone call's");
        }
        assert_eq!(name_of(ErrorCode(10004)), "too many phone calls at once");
    }

    #[test]
    fn every_end_has_one_meaning_and_only_a_key_decides() {
        use PhoneCallStatus as S;
        for (end, sip, want) in [
            (S::Completed, Some(200), CallEnd::NotTold),
            (S::Completed, None, CallEnd::NotTold),
            (S::NoAnswer, Some(487), CallEnd::Again),
            (S::NoAnswer, Some(480), CallEnd::Again),
            (S::Failed, Some(480), CallEnd::Again),
            (S::Busy, Some(486), CallEnd::Again),
            (S::Busy, Some(600), CallEnd::Again),
            (S::Busy, Some(603), CallEnd::Blocked),
            (S::Failed, Some(404), CallEnd::Number),
            (S::Failed, Some(604), CallEnd::Number),
            (S::Failed, Some(403), CallEnd::Blocked),
            (S::Failed, Some(607), CallEnd::Blocked),
            (S::NoAnswer, Some(608), CallEnd::Blocked),
            (S::Failed, Some(503), CallEnd::Carrier),
            (S::Failed, Some(408), CallEnd::Carrier),
            (S::Failed, None, CallEnd::Carrier),
            (S::Canceled, Some(487), CallEnd::Ended),
        ] {
            assert_eq!(class_of_end(end, sip.map(SipCode), false), want, "{end} {sip:?}");
            assert_eq!(class_of_end(end, sip.map(SipCode), true), CallEnd::Decided, "{end} {sip:?}");
        }
    }
}
