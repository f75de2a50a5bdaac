//! Which open calls a new one may be the same emergency as.

use std::time::Duration;

use super::call::{Call, CallData, CallStatus};
use super::phone_call::{PhoneCall, dialable, is_same};
use super::rules::Rules;
use super::types::Timestamp;

/// Calls that a new one may be the same emergency as are looked for so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Similar {
    /// The digits of the caller's number.
    pub caller: String,
    /// Accepted at this moment or later.
    pub since: Timestamp,
}

impl Similar {
    /// What to look for beside a new call; `None`: it joins no other, as one that names a contact of its own.
    pub fn to(data: &CallData, has_contact: bool, within: Duration, now: Timestamp) -> Option<Self> {
        let caller = PhoneCall::told_by(data).caller.as_deref().and_then(dialable)?;
        (!within.is_zero() && !has_contact).then(|| Self { caller, since: now.minus(within) })
    }

    /// As [`Similar::to`], by the rules.
    pub fn by(data: &CallData, has_contact: bool, rules: &Rules, now: Timestamp) -> Option<Self> {
        Self::to(data, has_contact, rules.oncall.merge_within, now)
    }

    /// Whether a call is worth to be loaded.
    pub fn may_be(&self, call: &Call) -> bool {
        let caller = PhoneCall::told_by(&call.data).caller.as_deref().and_then(dialable);
        let is_open = matches!(call.status, CallStatus::Dispatching | CallStatus::Acknowledged);
        is_open && call.accepted_at >= self.since && caller.is_some_and(|own| is_same(&own, &self.caller))
    }
}
