//! Sinks of alerts, one file a kind: each turns one message into its own request, asks once, and says what came of it.
//!
//! At least once: what was asked and not answered is asked again under the same id, by which a receiver knows it. URLs, tokens
//! and topics are secrets and are never shown. No retries here: the outbox keeps what was not delivered. Requests, fields and
//! limits: `facts/operations.md` §3.

mod chat;
pub(crate) mod command;
pub(crate) mod mail;
pub(crate) mod ntfy;
mod pagerduty;
pub(crate) mod pushover;
pub(crate) mod text;
pub(crate) mod webhook;
mod words;

use std::time::Duration;

use reqwest::RequestBuilder;

use super::SinkError;
use super::exchange::{self, Failure, HttpAnswer};

/// The longest that one request takes.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The part of an answer that is read.
const ANSWER_MAX: usize = 64 * 1024;

/// One request; its answer where that is 2xx. `None`: it was 2xx and longer than we read.
async fn ask(request: RequestBuilder) -> Result<Option<HttpAnswer>, SinkError> {
    let (status, retry_after, answer) = match exchange::exchange(request, ANSWER_MAX).await {
        Ok(answer) => (answer.status, answer.retry_after, Some(answer)),
        // It answered, and at length: what it says is its own affair.
        Err(Failure::TooLong(status)) => (status, None, None),
        Err(Failure::Before(why)) => return Err(SinkError { why, surely: true, for_good: false, retry_after: None }),
        Err(Failure::After(why)) => return Err(SinkError { why, surely: false, for_good: false, retry_after: None }),
    };
    if status.is_success() {
        return Ok(answer);
    }
    let why = format!("it answered HTTP {}", status.as_u16());
    let asks_for_patience = matches!(status.as_u16(), 408 | 425 | 429);
    let surely = status.is_client_error();
    Err(SinkError { why, surely, for_good: surely && !asks_for_patience, retry_after })
}

/// What a 2xx says, for a person.
fn status_of(answer: Option<&HttpAnswer>) -> String {
    answer.map_or_else(|| "HTTP 2xx".to_owned(), |a| format!("HTTP {}", a.status.as_u16()))
}
