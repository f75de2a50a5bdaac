//! What each error answer means, as data (`facts/airtable.md` §6): by status and type, else by status alone.

use std::time::Duration;

use super::wire::ErrorWire;
use super::words;
use crate::gateways::mirror::{MirrorError, Refusal, RefusalScope};

/// What kind of request was answered: the same answer does not leave the same doubt to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// Changes nothing: any doubt ends in asking again.
    Read,
    /// Changes or deletes what is named by id: harmless to repeat.
    Change,
    /// Makes something, or may: a repeat beside one that is still under way makes two.
    Make,
}

/// What an answer means, whatever was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A row's value.
    Row,
    Request,
    /// A field's name.
    Field,
    /// Table, base or rights.
    Access,
    /// The token.
    Auth,
    AlreadyThere,
    /// What the URL names: a record where one is named, else the table.
    Path,
    /// A record, named in the URL or in the body.
    Record,
    TooBig,
    /// The list's place.
    Iterator,
    /// Too fast.
    RateLimited,
    /// The month's requests.
    Billing,
    /// The provider says that it did nothing.
    NotDone,
    /// The provider says that a repeat is safe; whether it was done it does not say.
    Again,
    /// Nobody knows.
    Unknown,
}

/// Status, type (`None`: any other, or none), meaning. A type is looked for under its status alone.
pub(super) const TABLE: &[(u16, Option<&str>, Meaning)] = &[
    (400, None, Meaning::Request),
    (401, None, Meaning::Auth),
    // Not in the facts: the documented status of a used-up quota, beside the 429 that is really seen.
    (402, None, Meaning::Billing),
    (403, None, Meaning::Access),
    (403, Some("INVALID_PERMISSIONS"), Meaning::Access),
    (403, Some("INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"), Meaning::Access),
    (404, None, Meaning::Access),
    (404, Some("NOT_FOUND"), Meaning::Path),
    (404, Some("MODEL_ID_NOT_FOUND"), Meaning::Record),
    (404, Some("TABLE_NOT_FOUND"), Meaning::Access),
    // Something in front gave up waiting, or would not yet.
    (408, None, Meaning::Unknown),
    (413, None, Meaning::TooBig),
    (422, None, Meaning::Request),
    (422, Some("UNKNOWN_FIELD_NAME"), Meaning::Field),
    (422, Some("INVALID_VALUE_FOR_COLUMN"), Meaning::Row),
    (422, Some("INVALID_MULTIPLE_CHOICE_OPTIONS"), Meaning::Row),
    (422, Some("INVALID_RECORDS"), Meaning::Request),
    (422, Some("INVALID_REQUEST_UNKNOWN"), Meaning::Request),
    (422, Some("INVALID_REQUEST_MISSING_FIELDS"), Meaning::Request),
    (422, Some("ROW_DOES_NOT_EXIST"), Meaning::Record),
    (422, Some("INVALID_FILTER_BY_FORMULA"), Meaning::Request),
    (422, Some("LIST_RECORDS_ITERATOR_NOT_AVAILABLE"), Meaning::Iterator),
    (422, Some("INVALID_OFFSET_VALUE"), Meaning::Iterator),
    (422, Some("DUPLICATE_OR_EMPTY_FIELD_NAME"), Meaning::AlreadyThere),
    (425, None, Meaning::Unknown),
    (429, None, Meaning::RateLimited),
    (429, Some("RATE_LIMIT_REACHED"), Meaning::RateLimited),
    (429, Some("PUBLIC_API_BILLING_LIMIT_EXCEEDED"), Meaning::Billing),
    (499, None, Meaning::Unknown),
    (500, None, Meaning::Unknown),
    (502, None, Meaning::Again),
    (503, None, Meaning::Again),
    (503, Some("RETRIABLE_ERROR"), Meaning::NotDone),
];

/// A status that is in no row: a refusal where it says that the client is at fault, else nobody knows.
pub(super) fn meaning(http: u16, kind: Option<&str>) -> Meaning {
    let row = |wanted: Option<&str>| TABLE.iter().find(|(status, kind, _)| *status == http && *kind == wanted);
    let found = kind.and_then(|kind| row(Some(kind))).or_else(|| row(None));
    match found {
        Some((.., meaning)) => *meaning,
        None if (400..500).contains(&http) => Meaning::Request,
        None => Meaning::Unknown,
    }
}

/// A request as its error's message may speak of it.
#[derive(Debug, Default)]
pub(super) struct ErrorBody<'a> {
    /// Tables and fields: may be shown.
    pub(super) names: Vec<&'a str>,
    /// Texts of cells: may not.
    pub(super) contents: Vec<String>,
}

/// What came of a request that was answered with an error. `rest` starts the base's rest and says until when.
pub(super) fn refusal(
    op: Op,
    http: u16,
    error: &ErrorWire,
    retry_after: Option<Duration>,
    said: &ErrorBody<'_>,
    rest: impl FnOnce(Option<Duration>) -> crate::domain::Timestamp,
) -> MirrorError {
    let kind = error.kind.clone();
    let refused = |scope: RefusalScope| {
        let message = words::safe(&error.message, &said.names, &said.contents);
        MirrorError::Refused(Refusal { http: Some(http), kind: kind.clone(), message, scope })
    };
    let why = || format!("HTTP {http}{}", kind.as_ref().map(|k| format!(", {k}")).unwrap_or_default());
    match (meaning(http, kind.as_deref()), op) {
        (Meaning::Path | Meaning::Record, Op::Change) => MirrorError::NotFound { kind },
        (Meaning::Path, Op::Read | Op::Make) => refused(RefusalScope::Access),
        (Meaning::Record | Meaning::Row, _) => refused(RefusalScope::Row),
        (Meaning::Request, _) => refused(RefusalScope::Request),
        (Meaning::Field, _) => refused(RefusalScope::Field(words::quoted_name(&error.message, &said.names))),
        (Meaning::Access, _) => refused(RefusalScope::Access),
        (Meaning::Auth, _) => refused(RefusalScope::Auth),
        (Meaning::AlreadyThere, _) => refused(RefusalScope::AlreadyThere),
        (Meaning::TooBig, _) => MirrorError::TooBig,
        (Meaning::Iterator, _) => MirrorError::IteratorGone,
        (Meaning::RateLimited, _) => MirrorError::RateLimited { until: rest(retry_after) },
        (Meaning::Billing, _) => MirrorError::Billing { http },
        (Meaning::NotDone, _) | (Meaning::Again, Op::Read | Op::Change) | (Meaning::Unknown, Op::Read) => {
            MirrorError::Retryable { why: why(), retry_after }
        }
        (Meaning::Again, Op::Make) | (Meaning::Unknown, Op::Change | Op::Make) => {
            MirrorError::Unknown { why: why(), retry_after }
        }
    }
}
