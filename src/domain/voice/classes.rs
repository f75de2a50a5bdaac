//! Stand-in.

use super::status::PhoneCallStatus;
use crate::domain::codes::{self, Class, ErrorClass};
use crate::domain::types::ErrorCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipCode(pub u32);

impl From<ErrorCode> for SipCode {
    fn from(code: ErrorCode) -> Self {
        Self(code.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    Decided,
    NotTold,
    Again,
    Number,
    Blocked,
    Carrier,
    Ended,
}

pub fn class_of_end(end: PhoneCallStatus, sip: Option<SipCode>, key: bool) -> CallEnd {
    use PhoneCallStatus as S;
    match (end, sip.map(|s| s.0)) {
        (S::Completed, _) if key => CallEnd::Decided,
        (S::Canceled, _) => CallEnd::Ended,
        (_, Some(403 | 603 | 607 | 608)) => CallEnd::Blocked,
        (S::Completed, _) => CallEnd::NotTold,
        (S::NoAnswer | S::Busy, _) | (S::Failed, Some(480)) => CallEnd::Again,
        (S::Failed, Some(404 | 410 | 484 | 604)) => CallEnd::Number,
        _ => CallEnd::Carrier,
    }
}

pub fn class_of_code(code: Option<ErrorCode>) -> ErrorClass {
    match code.map(|c| c.0) {
        Some(10004) => ErrorClass { class: Class::Transient, special: None },
        _ => codes::classify(code),
    }
}

pub fn name_of(code: ErrorCode) -> &'static str {
    codes::name_of(code)
}
