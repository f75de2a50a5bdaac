//! What a failure of the mirror obliges the outbox to do.

use std::fmt;
use std::time::Duration;

use crate::domain::types::Timestamp;

/// What a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalScope {
    /// A value of one row: send the rows one by one, park the one that is refused, go on with the others.
    Row,
    /// The request as such, or an upsert that found twins of its key. Send the rows one by one; for a single row look for
    /// twins by key ([`by_key`](super::MirrorGateway::by_key)), else park it and alert.
    Request,
    /// A field that the table does not have (any more): all rows with it are refused alike, so park none, alert with the
    /// name, read the schema again. The name is one of those sent; `None` where the answer names none of them.
    Field(Option<String>),
    /// The table, base or record is not there, or the token may not: deliberately one answer. Alert, pause, keep the outbox.
    Access,
    /// The token is missing, wrong or revoked: alert, pause, keep the outbox.
    Auth,
    /// What was to be made is there already: read the schema again and take it as done.
    AlreadyThere,
}

/// A request that the provider refused, or that was never sent because it could only be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status; `None`: not even sent.
    pub http: Option<u16>,
    /// The provider's word, such as `INVALID_VALUE_FOR_COLUMN`.
    pub kind: Option<String>,
    /// For a person; without cell contents.
    pub message: String,
    /// What it is about.
    pub scope: RefusalScope,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.http, &self.kind) {
            (Some(http), Some(kind)) => write!(f, "HTTP {http}, {kind}")?,
            (Some(http), None) => write!(f, "HTTP {http}")?,
            (None, _) => f.write_str("not sent")?,
        }
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

/// Why a request to the mirror did not succeed: each variant is one thing to do. Never holds the token or a cell's contents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// Not done and never will be: see [`RefusalScope`].
    #[error("the mirror refused the request ({0})")]
    Refused(Refusal),
    /// Not done; the whole base rests until then. Just ask again: every request waits for it by itself.
    #[error("the mirror's rate limit is reached: all requests wait until {until}")]
    RateLimited {
        /// 30 s and some jitter from the answer.
        until: Timestamp,
    },
    /// Not done; the month's requests are used up. One alert, try hourly or by hand, keep the outbox: no retry loop.
    #[error("the mirror's requests of this month are used up (HTTP {http})")]
    Billing {
        /// The HTTP status.
        http: u16,
    },
    /// Surely not done, or (a read, a change by record id) harmless to repeat as it stands: again after a backoff.
    #[error("the mirror could not be asked: {why}")]
    Retryable {
        why: String,
        /// How long the provider asked us to wait.
        retry_after: Option<Duration>,
    },
    /// May be done or not: read by key before it is repeated, or two records may stand for one row.
    #[error("the mirror's outcome is unknown: {why}")]
    Unknown {
        why: String,
        /// How long the provider asked us to wait.
        retry_after: Option<Duration>,
    },
    /// Not done; more than one request may hold: split it; a single row: park it.
    #[error("the mirror says that the request is too big (HTTP 413)")]
    TooBig,
    /// A list lost its place again and again, also from the start: list later, or with a narrower filter.
    #[error("the mirror lost the list's place each time")]
    IteratorGone,
    /// A record named by id is not there: forget the id and upsert by key. Of a batch, others may be there.
    #[error("the mirror has no such record{}", kind.as_ref().map(|k| format!(" ({k})")).unwrap_or_default())]
    NotFound {
        /// The provider's word.
        kind: Option<String>,
    },
}

impl MirrorError {
    /// A request that was not sent because it could only be refused.
    pub(in crate::gateways) fn not_sent(message: impl Into<String>) -> Self {
        Self::Refused(Refusal { http: None, kind: None, message: message.into(), scope: RefusalScope::Request })
    }
}
