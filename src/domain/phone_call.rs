//! A phone call as its platform tells of it, and whether a call of ours is of it.
//!
//! One phone call may come by several ways: a report, a function used during it, a list. Two tellings are of one phone call by the
//! platform's id, by Twilio's SID of it, else by line, caller and start. A withheld caller is nobody's number and never joins.
//! Source: `facts/intake.md` §5, §7.

use std::time::Duration;

use super::call::{Call, CallData};
use super::phone::spelling::Spelling;
use super::types::{AttemptId, ErrorCode, Timestamp};

/// Two tellings of one phone call name starts that are at most this far apart.
pub const START_APART: Duration = Duration::from_secs(90);
/// A call that names no start of its phone call was accepted at most so long after its end.
const ACCEPTED_AFTER: Duration = Duration::from_secs(180);
/// Of two clocks that tell of one moment, one is at most so far ahead.
const CLOCKS_APART: Duration = Duration::from_secs(2);
/// Fewer digits are no number of a person.
const DIGITS_MIN: usize = 7;
/// What carriers put in place of a withheld number: the word on a keypad. Source: Twilio's changelog, and the keypad.
const WITHHELD: &[(&str, &str)] = &[
    ("266696687", "anonymous"),
    ("7378742833", "restricted"),
    ("2562533", "blocked"),
    ("8656696", "unknown"),
    ("86282452253", "unavailable"),
];

/// One phone call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhoneCall {
    /// The platform's own id.
    pub id: String,
    /// Twilio's SID of it, where the platform knows one.
    pub sid: Option<String>,
    /// The number that was dialled, as written.
    pub line: Option<String>,
    /// The number that the phone shows, as written.
    pub caller: Option<String>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl PhoneCall {
    /// As what is known of a call tells of it.
    pub fn told_by(data: &CallData) -> Self {
        let text = |name: &str| data.extra.get(name).and_then(|v| v.as_str()).map(str::to_owned);
        Self {
            id: text("platformCallId").unwrap_or_default(),
            sid: text("twilioCallSid").filter(|sid| is_sid(sid)),
            line: data.twilio_to_number.clone(),
            caller: text("callerId").or_else(|| data.caller_phone.clone()),
            started_at: moment(data, "callStartedAt"),
            ended_at: moment(data, "callEndedAt"),
        }
    }

    /// Whether both tell of one phone call: by the SID where both name one, else by line, caller and start. One that had ended
    /// when the other began is another one.
    pub fn is_same(&self, other: &Self) -> bool {
        if let (Some(own), Some(other)) = (self.known_sid(), other.known_sid()) {
            return own == other;
        }
        let is_near = self.starts_apart(other).is_some_and(|apart| apart <= START_APART);
        is_near && self.is_between_the_same(other) && !self.ended_before(other) && !other.ended_before(self)
    }

    /// How far apart both began, where both say so.
    pub fn starts_apart(&self, other: &Self) -> Option<Duration> {
        self.started_at.zip(other.started_at).map(|(a, b)| apart(a, b))
    }

    /// Whether it began later than the other by more than two clocks differ.
    pub fn began_after(&self, other: &Self) -> bool {
        let starts = self.started_at.zip(other.started_at);
        starts.is_some_and(|(own, other)| own > other.plus(CLOCKS_APART))
    }

    fn ended_before(&self, other: &Self) -> bool {
        self.ended_at.zip(other.started_at).is_some_and(|(end, start)| end < start)
    }

    fn known_sid(&self) -> Option<&str> {
        self.sid.as_deref().filter(|sid| is_sid(sid))
    }

    /// Whether this call was made of it.
    pub fn is_of(&self, call: &Call) -> bool {
        let told = Self::told_by(&call.data);
        if call.id.as_str() == self.id || (!told.id.is_empty() && told.id == self.id) {
            return true;
        }
        if told.started_at.is_some() || (self.known_sid().is_some() && told.sid.is_some()) {
            return self.is_same(&told);
        }
        // It names no start: it was accepted during the phone call, or soon after.
        let accepted = self.accepted_within().is_some_and(|(from, to)| (from..=to).contains(&call.accepted_at));
        accepted && self.is_between_the_same(&told)
    }

    /// When a call that names no start of its phone call was accepted, if it is of this one.
    pub fn accepted_within(&self) -> Option<(Timestamp, Timestamp)> {
        let start = self.started_at?;
        let end = self.ended_at.unwrap_or(start).max(start);
        Some((start.minus(START_APART), end.plus(ACCEPTED_AFTER)))
    }

    /// Line and caller; a withheld one is nobody's.
    fn is_between_the_same(&self, other: &Self) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| {
            let digits = |text: &Option<String>| text.as_deref().and_then(dialable);
            digits(a).zip(digits(b)).is_some_and(|(a, b)| is_same(&a, &b))
        };
        same(&self.line, &other.line) && same(&self.caller, &other.caller)
    }
}

/// Whether it is Twilio's SID of a phone call; the id of another carrier is none. Source: `facts/twilio-voice.md`.
pub fn is_sid(text: &str) -> bool {
    let digits = text.strip_prefix("CA").unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether these ids name two phone calls: one source gives each of its phone calls one id. Ids without a source are of the API.
pub fn are_two(a: &str, b: &str) -> bool {
    let source = |id: &'_ str| id.split_once(':').map(|(source, _)| source.to_owned());
    a != b && source(a) == source(b)
}

/// A moment of the phone call, where a report names it.
fn moment(data: &CallData, name: &str) -> Option<Timestamp> {
    let text = |name: &str| data.extra.get(name).and_then(|v| v.as_str());
    let ms = text(&format!("{name}Ms")).and_then(|t| t.parse().ok()).map(Timestamp::from_millis);
    ms.or_else(|| text(name)?.parse().ok())
}

fn apart(a: Timestamp, b: Timestamp) -> Duration {
    a.since(b).max(b.since(a))
}

/// The word for a number that carriers show in place of a withheld one.
pub fn withheld(text: &str) -> Option<&'static str> {
    let digits = digits(text)?;
    let plain = digits.strip_prefix('1').unwrap_or(&digits);
    WITHHELD.iter().find(|(d, _)| *d == digits || *d == plain).map(|(_, word)| *word)
}

/// The digits of a number of somebody: neither a word, nor too short, nor a withheld one.
pub fn dialable(text: &str) -> Option<String> {
    digits(text).filter(|_| withheld(text).is_none())
}

/// The digits of a text that is a number.
pub fn digits(text: &str) -> Option<String> {
    let plain = Spelling::read(text)?.plain();
    let digits = plain.trim_start_matches('+').to_owned();
    (digits.len() >= DIGITS_MIN).then_some(digits)
}

/// Without a country the end of a number is all that people give.
pub fn is_same(a: &str, b: &str) -> bool {
    a.ends_with(b) || b.ends_with(a)
}

/// A phone call that may be under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPhoneCall {
    pub attempt: AttemptId,
    /// The number that rings.
    pub to: String,
    /// The number that it comes from.
    pub from: String,
    /// When its intent was committed.
    pub sent_at: Timestamp,
}

/// A phone call that was refused on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedPhoneCall {
    pub attempt: AttemptId,
    pub to: String,
    pub from: String,
    /// When its intent was committed.
    pub sent_at: Timestamp,
    /// The provider's code; `None`: refused by a carrier, a phone or its owner.
    pub code: Option<ErrorCode>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::harness::CoreHarness;

    const LINE: &str = "+18005550100";
    const CALLER: &str = "+19495550142";

    fn call(more: &[(&str, &str)]) -> Call {
        let mut core = CoreHarness::new();
        core.dispatch("c1", "high");
        let mut call = core.call().call.clone();
        call.data.twilio_to_number = Some(LINE.to_owned());
        call.data.caller_phone = Some("(949) 555-0142".to_owned());
        call.data.extra = more.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        call
    }

    fn phone_call(call: &Call, started_s: i64, ended_s: i64) -> PhoneCall {
        let at = |s: i64| Some(Timestamp::from_millis(call.accepted_at.as_millis() + 1_000 * s));
        PhoneCall {
            id: "call_4f1c".to_owned(),
            sid: None,
            line: Some("+1 800 555 0100".to_owned()),
            caller: Some(CALLER.to_owned()),
            started_at: at(started_s),
            ended_at: at(ended_s),
        }
    }

    #[test]
    fn a_call_is_of_a_phone_call_by_its_id_then_by_its_sid() {
        for (label, more, sid, want) in [
            (
                "the platform's id",
                vec![("platformCallId", "call_4f1c"), ("twilioCallSid", "CA00000000000000000000000000000002")],
                Some("CA00000000000000000000000000000001"),
                true,
            ),
            (
                "the same SID",
                vec![("twilioCallSid", "CA00000000000000000000000000000001")],
                Some("CA00000000000000000000000000000001"),
                true,
            ),
            (
                "another SID",
                vec![("twilioCallSid", "CA00000000000000000000000000000002")],
                Some("CA00000000000000000000000000000001"),
                false,
            ),
        ] {
            let call = call(&more);
            let far = PhoneCall { sid: sid.map(str::to_owned), ..phone_call(&call, -90_000, -80_000) };
            assert_eq!(far.is_of(&call), want, "{label}");
            let near = PhoneCall { sid: sid.map(str::to_owned), ..phone_call(&call, -60, -5) };
            assert_eq!(near.is_of(&call), want, "{label}, at the same time");
        }
    }

    #[test]
    fn else_by_line_caller_and_start_and_never_by_a_withheld_caller() {
        let plain = call(&[]);
        for (label, started, ended, want) in [
            ("during it", -60, 30, true),
            ("90 s before it", 90, 120, true),
            ("earlier", 91, 120, false),
            ("3 min after its end", -600, -180, true),
            ("later", -600, -181, false),
        ] {
            assert_eq!(phone_call(&plain, started, ended).is_of(&plain), want, "{label}");
        }
        let at = (plain.accepted_at.as_millis() - 60_000).to_string();
        let known = call(&[("callStartedAtMs", at.as_str())]);
        assert!(phone_call(&known, -150, -10).is_of(&known) && phone_call(&known, 30, 90).is_of(&known));
        assert!(!phone_call(&known, -151, -10).is_of(&known) && !phone_call(&known, 31, 90).is_of(&known));
        let other = |f: fn(&mut PhoneCall)| {
            let mut p = phone_call(&plain, -60, -5);
            f(&mut p);
            p.is_of(&plain)
        };
        assert!(!other(|p| p.caller = Some("+19495550143".to_owned())));
        assert!(!other(|p| p.line = Some("+18005550101".to_owned())));
        assert!(!other(|p| p.line = None) && !other(|p| p.caller = None) && !other(|p| p.started_at = None));
        for word in ["anonymous", "+266696687", "+17378742833"] {
            let mut hidden = call(&[]);
            hidden.data.caller_phone = Some(word.to_owned());
            let p = PhoneCall { caller: Some(word.to_owned()), ..phone_call(&hidden, -60, -5) };
            assert!(!p.is_of(&hidden), "{word}");
        }
        let mut back = call(&[("callerId", CALLER)]);
        back.data.caller_phone = Some("+19495550150".to_owned());
        assert!(
            phone_call(&back, -60, -5).is_of(&back),
            "the number that the phone showed counts, not the one to call"
        );
    }
}
