//! Twilio's words and ours: JSON answers, error answers, and the forms that its callbacks post.
//!
//! Answers are read leniently: of a message only the SID must be readable, as the message exists whatever else the
//! answer says. Callbacks are read strictly: a signature has no delimiters, so a form that was cut up differently must
//! fail here. Source: `facts/twilio.md` §2, §3, §6, §8.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::domain::types::{ErrorCode, MessageSid, Timestamp};
use crate::domain::{MessageStatus, phone};
use crate::gateways::{MessageBody, MessageRecord};

/// A message as a create answer, a fetch or a list item shows it; numbers come as numbers or as text.
#[derive(Deserialize)]
pub(super) struct MessageWire {
    #[serde(default, deserialize_with = "text")]
    sid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    status: Option<String>,
    #[serde(default, deserialize_with = "text")]
    to: Option<String>,
    #[serde(default, deserialize_with = "text")]
    from: Option<String>,
    #[serde(default, deserialize_with = "text")]
    messaging_service_sid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    body: Option<String>,
    #[serde(default, deserialize_with = "text")]
    direction: Option<String>,
    #[serde(default, deserialize_with = "text")]
    error_code: Option<String>,
    #[serde(default, deserialize_with = "text")]
    date_created: Option<String>,
}

impl MessageWire {
    /// `None` where the SID is not one; every other field may be missing or odd.
    pub(super) fn into_record(self) -> Option<MessageRecord> {
        Some(MessageRecord {
            sid: self.sid?.parse().ok().filter(|sid: &MessageSid| !sid.is_of_a_phone_call())?,
            status: MessageStatus::from_word(&self.status.unwrap_or_default()),
            error_code: self.error_code.as_deref().and_then(error_code),
            to: self.to.map(|s| plain_number(&s).to_owned()).unwrap_or_default(),
            from: self.from.filter(|s| !s.is_empty()).map(|s| plain_number(&s).to_owned()),
            service: self.messaging_service_sid.filter(|s| !s.is_empty()),
            body: MessageBody(self.body.unwrap_or_default()),
            direction: self.direction.unwrap_or_default(),
            created_at: self.date_created.as_deref().and_then(time),
        })
    }
}

/// A page of the list of calls; its items as they came.
#[derive(Deserialize)]
pub(super) struct CallsPageWire {
    pub(super) calls: Vec<Value>,
    #[serde(default, deserialize_with = "text")]
    pub(super) next_page_uri: Option<String>,
}

/// A number without the channel that the provider writes before it: whoever writes by WhatsApp or RCS is whom we know by number.
fn plain_number(text: &str) -> &str {
    const CHANNELS: [&str; 3] = ["whatsapp:", "sms:", "rcs:"];
    CHANNELS.into_iter().find_map(|channel| text.strip_prefix(channel)).unwrap_or(text)
}

/// Reads a message out of an answer's body.
pub(super) fn message(body: &[u8]) -> Option<MessageRecord> {
    document::<MessageWire>(body)?.into_record()
}

/// Reads an answer's body.
pub(super) fn document<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    object(serde_json::from_slice(body).ok()?)
}

/// Reads what is an object: a list is none, though its items may stand in the order of the fields.
pub(super) fn object<T: DeserializeOwned>(value: Value) -> Option<T> {
    if value.is_object() { serde_json::from_value(value).ok() } else { None }
}

/// One page of a list: its items, those that cannot be read as `None`, and where the next page is.
pub(super) trait Page: DeserializeOwned {
    type Record;
    fn into_items(self) -> (Vec<Option<Self::Record>>, Option<String>);
    /// By the provider's clock.
    fn made_at(record: &Self::Record) -> Option<Timestamp>;
}

impl Page for PageWire {
    type Record = MessageRecord;

    fn into_items(self) -> (Vec<Option<MessageRecord>>, Option<String>) {
        let one = |item| object::<MessageWire>(item)?.into_record();
        (self.messages.into_iter().map(one).collect(), self.next_page_uri)
    }

    fn made_at(record: &MessageRecord) -> Option<Timestamp> {
        record.created_at
    }
}

/// One page of the list of messages.
#[derive(Deserialize)]
pub(super) struct PageWire {
    /// Required: an answer without it is no list, which is not the same as an empty one.
    pub(super) messages: Vec<Value>,
    #[serde(default, deserialize_with = "text")]
    pub(super) next_page_uri: Option<String>,
}

/// Twilio's error answer, in the old shape (`code`, `message`) or the newer one (`code`, `title`, `detail`).
pub(super) struct ErrorWire {
    pub(super) code: ErrorCode,
    /// For a person; numbers in it are masked.
    pub(super) message: String,
}

/// Reads an error answer; `None` where it holds no code, as a page made by something in front of Twilio.
pub(super) fn error(body: &[u8]) -> Option<ErrorWire> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let code = error_code(&plain(value.get("code")?)?)?;
    let words = ["message", "detail", "title"].into_iter().find_map(|name| value.get(name)?.as_str());
    Some(ErrorWire { code, message: masked_words(words.unwrap_or_default()) })
}

/// A provider's sentence made fit to be shown: long digit strings are masked, control characters dropped, length bounded.
fn masked_words(words: &str) -> String {
    let (mut out, mut digits) = (String::new(), String::new());
    let flush = |digits: &mut String, out: &mut String| {
        let long = digits.bytes().filter(u8::is_ascii_digit).count() >= 7;
        let number = if digits.starts_with('+') { digits.clone() } else { format!("+{digits}") };
        out.push_str(if long { phone::masked(&number) } else { digits.clone() }.as_str());
        digits.clear();
    };
    for c in words.chars().take(300).filter(|c| !c.is_control()) {
        if c.is_ascii_digit() || (c == '+' && digits.is_empty()) {
            digits.push(c);
        } else {
            flush(&mut digits, &mut out);
            out.push(c);
        }
    }
    flush(&mut digits, &mut out);
    out
}

/// A text, or a number or boolean as text; anything else is as if it were not there.
pub(super) fn text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    Ok(plain(&Value::deserialize(d)?))
}

pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

/// Digits only; 0 and what does not fit mean no code.
fn error_code(text: &str) -> Option<ErrorCode> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| digits && *n > 0).map(ErrorCode)
}

/// RFC 2822 as this API writes it; RFC 3339 as newer ones do.
pub(in crate::gateways) fn time(text: &str) -> Option<Timestamp> {
    match jiff::fmt::rfc2822::parse(text) {
        Ok(zoned) => Some(Timestamp::from_millis(zoned.timestamp().as_millisecond())),
        Err(_) => text.parse().ok(),
    }
}

/// The longest pause that is taken from a `Retry-After`; what is asked beyond it is not believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Reads `Retry-After`: whole seconds, or an HTTP date, which is counted from the answer's own `Date` so that our clock
/// does not matter.
pub(in crate::gateways) fn retry_after(header: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let header = header?.trim();
    if !header.is_empty() && header.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = header.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs);
        return Some(seconds.min(RETRY_AFTER_MAX));
    }
    // HTTP dates end in `GMT`, which RFC 2822 reads as an obsolete zone.
    let (at, now) = (time(header)?, time(date?.trim())?);
    Some(at.since(now).min(RETRY_AFTER_MAX))
}

/// Why a callback's form is not one: what to answer 400 with. Never holds a value from the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A required parameter is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A known parameter is there more than once.
    #[error("{0} is given more than once")]
    Repeated(&'static str),
    /// A parameter does not have its form.
    #[error("{0} does not have its form")]
    Malformed(&'static str),
    /// It speaks of another account.
    #[error("AccountSid is not ours")]
    ForeignAccount,
}

/// A sender or recipient as Twilio writes it in a callback; masked when shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Party(String);

impl Party {
    /// In full: not for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A number, short code or sender's name, with a channel before it or not (`whatsapp:+1949…`). A plus can only be
    /// first, so two numbers run together are none.
    fn read(name: &'static str, text: &str) -> Result<Self, FormError> {
        let rest = text
            .split_once(':')
            .map_or(text, |(channel, rest)| if channel.bytes().all(|b| b.is_ascii_lowercase()) { rest } else { "" });
        let rest = rest.strip_prefix('+').unwrap_or(rest);
        let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-' | '@' | '&');
        let ok = (1..=64).contains(&rest.chars().count()) && rest.chars().all(plain);
        if ok { Ok(Self(plain_number(text).to_owned())) } else { Err(FormError::Malformed(name)) }
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&phone::masked(&self.0))
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&phone::masked(&self.0))
    }
}

/// A form whose known names are each there at most once.
pub(super) struct Form<'a>(&'a [(String, String)]);

impl<'a> Form<'a> {
    pub(super) fn read(
        pairs: &'a [(String, String)],
        known: &[&'static str],
        account_sid: &str,
    ) -> Result<Self, FormError> {
        for name in known {
            if pairs.iter().filter(|(n, _)| n == name).count() > 1 {
                return Err(FormError::Repeated(name));
            }
        }
        let form = Self(pairs);
        match form.get("AccountSid") {
            Some(sid) if sid != account_sid => Err(FormError::ForeignAccount),
            _ => Ok(form),
        }
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&'a str, FormError> {
        self.get(name).ok_or(FormError::Missing(name))
    }

    /// One that may be missing or empty.
    pub(super) fn optional(&self, name: &'static str) -> Option<&'a str> {
        self.get(name).filter(|v| !v.is_empty())
    }

    fn party(&self, name: &'static str) -> Result<Option<Party>, FormError> {
        self.optional(name).map(|v| Party::read(name, v)).transpose()
    }

    fn sid(&self) -> Result<MessageSid, FormError> {
        let sid = self.required("MessageSid")?.parse().ok();
        sid.filter(|sid: &MessageSid| !sid.is_of_a_phone_call()).ok_or(FormError::Malformed("MessageSid"))
    }

    fn service(&self) -> Result<Option<String>, FormError> {
        let name = "MessagingServiceSid";
        let ok = |v: &str| v.len() == 34 && v.starts_with("MG") && v.bytes().skip(2).all(|b| b.is_ascii_hexdigit());
        self.optional(name).map(|v| if ok(v) { Ok(v.to_owned()) } else { Err(FormError::Malformed(name)) }).transpose()
    }
}

/// A delivery receipt: one status that the provider reports for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCallback {
    /// Which message.
    pub sid: MessageSid,
    /// Twilio's word; an unknown one is kept.
    pub status: MessageStatus,
    /// With `failed` and `undelivered`.
    pub error_code: Option<ErrorCode>,
    /// The recipient; a documented sample lacks it.
    pub to: Option<Party>,
    /// The sender.
    pub from: Option<Party>,
    /// The messaging service, where one was used.
    pub service: Option<String>,
    /// The carrier's own time (`YYMMDDhhmm`, zone unstated): to be shown, never compared.
    pub carrier_done: Option<String>,
}

impl StatusCallback {
    const KNOWN: [&'static str; 12] = [
        "MessageSid",
        "MessageStatus",
        "SmsSid",
        "SmsStatus",
        "AccountSid",
        "From",
        "To",
        "ApiVersion",
        "MessagingServiceSid",
        "ErrorCode",
        "ErrorMessage",
        "RawDlrDoneDate",
    ];

    /// Reads a status callback's decoded form. Unknown names are allowed and ignored.
    ///
    /// # Errors
    /// Where the SID or the status is missing or not one, a known name comes twice, or the account is not ours.
    pub fn parse(pairs: &[(String, String)], account_sid: &str) -> Result<Self, FormError> {
        let form = Form::read(pairs, &Self::KNOWN, account_sid)?;
        let sid = form.sid()?;
        let word = form.required("MessageStatus")?;
        let is_word =
            (1..=32).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphabetic() || b"_-".contains(&b));
        if !is_word {
            return Err(FormError::Malformed("MessageStatus"));
        }
        let code = form.optional("ErrorCode");
        if code.is_some_and(|text| !text.bytes().all(|b| b.is_ascii_digit())) {
            return Err(FormError::Malformed("ErrorCode"));
        }
        let done = form.optional("RawDlrDoneDate");
        Ok(Self {
            sid,
            status: MessageStatus::from_word(word),
            error_code: code.and_then(error_code),
            to: form.party("To")?,
            from: form.party("From")?,
            service: form.service()?,
            carrier_done: done.filter(|d| d.len() <= 16 && d.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned),
        })
    }
}

/// What Twilio did of itself with an inbound message (only with its Advanced Opt-Out; the words are read besides).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptOut {
    /// The sender opted out.
    Stop,
    /// The sender opted in again.
    Start,
    /// Twilio sent its help text.
    Help,
}

/// A message from a person to one of our numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundSms {
    /// Which message; the same one may come twice.
    pub sid: MessageSid,
    /// Who wrote.
    pub from: Party,
    /// Which of our numbers.
    pub to: Party,
    /// What they wrote; may be empty.
    pub body: MessageBody,
    /// The messaging service, where one is used.
    pub service: Option<String>,
    /// What Twilio has answered already.
    pub opt_out: Option<OptOut>,
    /// Parameters that were missing or held a word that nobody knows: the message counts all the same.
    pub odd: Vec<&'static str>,
}

impl InboundSms {
    const KNOWN: [&'static str; 13] = [
        "MessageSid",
        "SmsSid",
        "SmsMessageSid",
        "AccountSid",
        "From",
        "To",
        "Body",
        "ApiVersion",
        "SmsStatus",
        "MessagingServiceSid",
        "NumMedia",
        "NumSegments",
        "OptOutType",
    ];

    /// Reads an inbound message's decoded form. Unknown names are allowed and ignored.
    ///
    /// # Errors
    /// Where SID, sender or recipient are missing or not such, a known name comes twice, or the account is not ours. A person has
    /// written: a text that is missing is an empty one, and a type of opt-out that nobody knows is left to the words.
    pub fn parse(pairs: &[(String, String)], account_sid: &str) -> Result<Self, FormError> {
        let form = Form::read(pairs, &Self::KNOWN, account_sid)?;
        let mut odd = Vec::new();
        let opt_out = match form.optional("OptOutType").map(str::to_ascii_uppercase).as_deref() {
            None => None,
            Some("STOP") => Some(OptOut::Stop),
            Some("START") => Some(OptOut::Start),
            Some("HELP") => Some(OptOut::Help),
            Some(_) => {
                odd.push("OptOutType");
                None
            }
        };
        let body = form.get("Body").unwrap_or_else(|| {
            odd.push("Body");
            ""
        });
        Ok(Self {
            sid: form.sid()?,
            from: form.party("From")?.ok_or(FormError::Missing("From"))?,
            to: form.party("To")?.ok_or(FormError::Missing("To"))?,
            body: MessageBody(body.to_owned()),
            service: form.service()?,
            opt_out,
            odd,
        })
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
