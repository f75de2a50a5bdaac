//! Phone calls that are refused on their way. One number says something of that number; a second one within a day, of whatever call,
//! says it of ours, or of the account. Source: `facts/twilio-voice.md` §8.

use std::time::Duration;

use crate::domain::attempt::{Attempt, Channel};
use crate::domain::breaker::{Breaker, account_of, key_of};
use crate::domain::codes::{Class, ErrorClass, Special};
use crate::domain::event::BlockedPhoneCall;
use crate::domain::phone::PhoneNumber;
use crate::domain::types::{AttemptId, ErrorCode};
use crate::domain::work::{Illegal, Work};

/// What was refused longer ago says nothing of now.
const WITHIN: Duration = Duration::from_secs(24 * 3_600);
/// The provider asks for a customer profile of accounts that ring numbers of this country.
const NORTH_AMERICA: &str = "+1";

/// What the refusal of a phone call asks for: where the provider blocks a second number too, the account is not allowed to ring them.
pub(in crate::domain) fn by_provider(
    w: &Work<'_>,
    id: AttemptId,
    code: Option<ErrorCode>,
    asks: ErrorClass,
) -> Result<ErrorClass, Illegal> {
    let a = w.attempt(id)?;
    let is_there = |number: &str| number.starts_with(NORTH_AMERICA);
    let is_same = |b: &BlockedPhoneCall| b.code == code && is_there(&b.to);
    let is_account = a.channel == Channel::Voice
        && asks.special == Some(Special::Blocked)
        && is_there(a.recipient.phone.e164())
        && others(w, a, Class::Account).any(is_same);
    Ok(if is_account { ErrorClass { class: Class::Account, special: None } } else { asks })
}

/// Whether a carrier refused a phone call from the same number to another one too.
pub(super) fn by_carrier(w: &Work<'_>, id: AttemptId) -> Result<bool, Illegal> {
    let a = w.attempt(id)?;
    let from = a.sender.as_ref().map(|s| s.as_str());
    let is_same = |b: &BlockedPhoneCall| b.code.is_none() && Some(b.from.as_str()) == from;
    Ok(others(w, a, Class::Sender).any(is_same))
}

/// Those to other numbers that may say something: of the last day, and since the breaker that they would open was closed last.
fn others<'a>(w: &'a Work<'_>, a: &'a Attempt, class: Class) -> impl Iterator<Item = &'a BlockedPhoneCall> {
    let own = a.sender.as_ref().map(|s| key_of(a.channel, s.as_str()));
    let key = if class == Class::Account { account_of(a.channel).map(str::to_owned) } else { own };
    let of_key = |b: &&Breaker| Some(b.sender.as_str()) == key.as_deref();
    let closed = w.loaded.breakers.iter().find(of_key).and_then(|b| b.closed_at);
    let now = w.now();
    let is_new = move |b: &&BlockedPhoneCall| now.since(b.sent_at) < WITHIN && closed.is_none_or(|at| b.sent_at > at);
    let is_other = |b: &&BlockedPhoneCall| b.attempt != a.id && b.to != PhoneNumber::e164(&a.recipient.phone);
    w.loaded.blocked_phone_calls.iter().filter(is_new).filter(is_other)
}
