//! The form by which Twilio tells of a phone call to one of our numbers. Source: `facts/twilio-voice.md`, `facts/shop-base.md` §4.

use std::time::Duration;

use super::wire::{self, Form, FormError};
use crate::domain::phone_call::{PhoneCall, is_sid};

/// What a form tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCallback {
    pub phone: PhoneCall,
    /// It came in, and it was answered and is over.
    pub is_completed_inbound: bool,
    /// How long it took.
    pub took: Option<Duration>,
    /// What was transcribed of it.
    pub words: Option<String>,
}

const KNOWN: [&str; 12] = [
    "CallSid",
    "CallStatus",
    "AccountSid",
    "From",
    "To",
    "Direction",
    "CallDuration",
    "Duration",
    "Timestamp",
    "ApiVersion",
    "TranscriptionText",
    "SequenceNumber",
];

impl CallCallback {
    /// Reads the decoded form. Unknown names are allowed and ignored; a call without a direction is taken for one that came in.
    ///
    /// # Errors
    /// Where the SID or the status is missing or not one, a known name comes twice, or the account is not ours.
    pub fn parse(pairs: &[(String, String)], account_sid: &str) -> Result<Self, FormError> {
        let form = Form::read(pairs, &KNOWN, account_sid)?;
        let sid = form.required("CallSid")?;
        if !is_sid(sid) {
            return Err(FormError::Malformed("CallSid"));
        }
        let status = form.required("CallStatus")?;
        let inbound = form.optional("Direction").is_none_or(|d| matches!(d, "inbound" | "trunking-originating"));
        let took = form.optional("CallDuration").and_then(|s| s.parse().ok()).map(Duration::from_secs);
        let ended_at = form.optional("Timestamp").and_then(wire::time);
        let text = |name| form.optional(name).map(str::to_owned);
        Ok(Self {
            phone: PhoneCall {
                id: sid.to_owned(),
                sid: Some(sid.to_owned()),
                line: text("To"),
                caller: text("From"),
                started_at: ended_at.map(|at| at.minus(took.unwrap_or_default())),
                ended_at,
            },
            is_completed_inbound: inbound && status == "completed",
            took,
            words: text("TranscriptionText").map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const SID: &str = "CA00000000000000000000000000000001";

    fn parse(more: &[(&str, &str)]) -> Result<CallCallback, FormError> {
        let usual = [("CallSid", SID), ("AccountSid", ACCOUNT), ("CallStatus", "completed"), ("From", "+19495550142")];
        let kept = usual.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
        let all: Vec<(String, String)> =
            kept.chain(more).filter(|(_, v)| *v != "-").map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        CallCallback::parse(&all, ACCOUNT)
    }

    #[test]
    fn the_end_of_an_inbound_call_names_its_times_and_what_is_none_says_why() {
        let more = [
            ("Direction", "inbound"),
            ("To", "+18005550100"),
            ("CallDuration", "62"),
            ("Duration", "2"),
            ("Timestamp", "Sun, 22 Nov 2026 02:01:02 +0000"),
            ("TranscriptionText", " the pipe has burst "),
            ("CallbackSource", "call-progress-events"),
        ];
        let read = parse(&more).expect("a form");
        let end = Timestamp::from_millis(1_795_312_862_000);
        assert_eq!((read.phone.ended_at, read.phone.started_at), (Some(end), Some(end.minus(Duration::from_secs(62)))));
        assert_eq!((read.phone.sid.as_deref(), read.words.as_deref()), (Some(SID), Some("the pipe has burst")));
        assert!(read.is_completed_inbound && parse(&[]).expect("a form").is_completed_inbound);
        for other in [("Direction", "outbound-api"), ("CallStatus", "busy"), ("CallStatus", "in-progress")] {
            assert!(!parse(&[other]).expect("a form").is_completed_inbound, "{other:?}");
        }
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
