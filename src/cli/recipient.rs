//! Whom an attempt is for, in words: a phone call, a mail and a text are told apart.

use crate::domain::attempt::{Channel, Recipient};

/// Who is written to or rung, and where.
pub(super) fn to(r: &Recipient) -> String {
    format!("{} {}", r.name, address(r))
}

/// The number that is texted or rung, or the mail address.
pub(super) fn address(r: &Recipient) -> String {
    r.email.as_ref().map_or_else(|| r.phone.to_string(), |email| email.as_str().to_owned())
}

/// What will happen to whoever a notice is for.
pub(super) const fn will_be(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "will be told",
        Channel::Email => "will be mailed",
        Channel::Voice => "will be rung",
    }
}
