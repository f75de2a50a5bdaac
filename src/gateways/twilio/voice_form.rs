//! The forms that the provider posts in a phone call of ours. Source: `facts/twilio-voice.md` §3.

use super::wire::{Form, FormError};
use crate::domain::types::{ErrorCode, MessageSid};

/// What a form says, whichever of the three it is; what is not needed is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceForm {
    pub sid: MessageSid,
    /// The provider's word for where the phone call is.
    pub status: String,
    /// Why a phone call that could not be connected was not, by its carrier.
    pub sip: Option<ErrorCode>,
    /// The keys that were pressed.
    pub digits: Option<String>,
    /// The provider took whoever picked up for a machine.
    pub by_machine: bool,
}

const KNOWN: [&str; 13] = [
    "CallSid",
    "CallStatus",
    "AccountSid",
    "From",
    "To",
    "Direction",
    "ApiVersion",
    "Digits",
    "AnsweredBy",
    "SipResponseCode",
    "CallDuration",
    "Timestamp",
    "SequenceNumber",
];
/// More keys than any menu asks for.
const DIGITS_MAX: usize = 32;

impl VoiceForm {
    /// Reads the decoded form. Unknown names are allowed and ignored.
    ///
    /// # Errors
    /// Where the SID or the status is missing or not one, a known name comes twice, or the account is not ours.
    pub fn parse(pairs: &[(String, String)], account_sid: &str) -> Result<Self, FormError> {
        let form = Form::read(pairs, &KNOWN, account_sid)?;
        let sid = form.required("CallSid")?.parse().ok();
        let answered_by = form.optional("AnsweredBy").unwrap_or_default();
        Ok(Self {
            sid: sid.filter(|sid: &MessageSid| sid.is_of_a_phone_call()).ok_or(FormError::Malformed("CallSid"))?,
            status: form.required("CallStatus")?.to_owned(),
            sip: form.optional("SipResponseCode").and_then(|c| c.parse().ok()).map(ErrorCode),
            digits: form.optional("Digits").map(|d| d.trim().chars().take(DIGITS_MAX).collect()),
            by_machine: answered_by.starts_with("machine") || answered_by == "fax",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const SID: &str = "CA00000000000000000000000000000001";

    fn parse(more: &[(&str, &str)]) -> Result<VoiceForm, FormError> {
        let usual =
            [("CallSid", SID), ("AccountSid", ACCOUNT), ("CallStatus", "in-progress"), ("From", "+15557122661")];
        let kept = usual.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
        let all: Vec<(String, String)> =
            kept.chain(more).filter(|(_, v)| *v != "-").map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        VoiceForm::parse(&all, ACCOUNT)
    }

    #[test]
    fn a_form_says_what_it_says_and_nothing_else_is_one() {
        let key = parse(&[("Digits", "1"), ("msg", "Gather End"), ("AnsweredBy", "machine_start")]).expect("a form");
        assert_eq!((key.digits.as_deref(), key.by_machine, key.status.as_str()), (Some("1"), true, "in-progress"));
        let end =
            parse(&[("CallStatus", "no-answer"), ("SipResponseCode", "487"), ("CallDuration", "0")]).expect("a form");
        assert_eq!((end.sip, end.digits, end.by_machine), (Some(ErrorCode(487)), None, false));
        assert!(!parse(&[("AnsweredBy", "human")]).expect("a form").by_machine);
        for (pair, want) in [
            (("CallSid", "-"), FormError::Missing("CallSid")),
            (("CallSid", "SM00000000000000000000000000000001"), FormError::Malformed("CallSid")),
            (("CallStatus", "-"), FormError::Missing("CallStatus")),
            (("AccountSid", "ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"), FormError::ForeignAccount),
        ] {
            assert_eq!(parse(&[pair]), Err(want), "{pair:?}");
        }
    }
}
