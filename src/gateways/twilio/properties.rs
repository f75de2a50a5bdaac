//! What holds of every answer of Twilio's.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::calls::{PhoneCallPage, record};
use super::client::{create_outcome, read_refusal};
use super::wire::{self, Page, PageWire};
use crate::gateways::GatewayError;
use crate::gateways::exchange::HttpAnswer;

/// A pause that is believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// A provider's sentence is shown so far; masks make it longer.
const SHOWN_CHARS_MAX: usize = 600;
/// So many digits in a row may be a number of a person.
const DIGITS_MAX: usize = 6;
/// Statuses that the outcome of a create is looked at for.
const STATUSES: [u16; 16] = [200, 201, 204, 302, 400, 401, 403, 404, 408, 425, 429, 499, 500, 502, 503, 504];

/// An answer is a message, a page, an error or nothing of ours; what it means is never better than what is known. The first line is
/// what stands in `Retry-After` and `Date`, with a bar between; the rest is the body.
pub(crate) fn answer(raw: &[u8]) {
    let at = raw.iter().position(|b| *b == b'\n').unwrap_or(raw.len());
    let (head, body) = raw.split_at(at);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let head = String::from_utf8_lossy(head);
    let (retry_after, date) = head.split_once('|').unwrap_or((&head, ""));
    pause(retry_after, date);
    is_read(body);
    let code = wire::error(body).map(|e| e.code.0);
    for status in STATUSES {
        let http = || HttpAnswer {
            status: StatusCode::from_u16(status).unwrap_or_default(),
            headers: HeaderMap::new(),
            retry_after: wire::retry_after(Some(retry_after), Some(date)),
            body: body.to_owned(),
        };
        match create_outcome(&http(), wire::message) {
            Ok(message) => {
                assert!((200..300).contains(&status), "HTTP {status} made something");
                assert_eq!(message.sid.as_str().len(), 34);
            }
            Err(GatewayError::Unknown { .. }) => {
                assert!(!(400..500).contains(&status) || code.is_none(), "HTTP {status} with a code refuses for good");
            }
            // Not done, and again: only where Twilio itself says that it was not processed.
            Err(GatewayError::Retryable { retry_after, .. }) => {
                assert_eq!((status, code), (429, Some(20_429)), "repeated without a promise");
                assert!(retry_after.is_none_or(|wait| wait <= RETRY_AFTER_MAX));
            }
            Err(GatewayError::Refused { http, message, .. }) => {
                assert!((400..500).contains(&status) && http == status, "HTTP {status} refused nothing");
                is_shown(&message);
            }
        }
        if let GatewayError::Refused { message, .. } = read_refusal(&http()) {
            assert!((400..500).contains(&status), "a read that failed with HTTP {status} may be made again");
            is_shown(&message);
        }
    }
}

fn pause(retry_after: &str, date: &str) {
    let wait = wire::retry_after(Some(retry_after), Some(date));
    assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX), "{wait:?}");
    let digits = retry_after.trim();
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        let asked = digits.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs);
        assert_eq!(wait, Some(asked.min(RETRY_AFTER_MAX)), "{retry_after:?}");
    }
}

fn is_read(body: &[u8]) {
    let document = serde_json::from_slice::<Value>(body).ok();
    let text = |name: &str| document.as_ref().and_then(|d| d.get(name)?.as_str());
    if let Some(message) = wire::message(body) {
        assert_eq!(Some(message.sid.as_str()), text("sid"), "another message");
        assert!(!message.sid.is_of_a_phone_call() && message.sid.as_str().len() == 34);
        assert_eq!(message.body.0, document.as_ref().and_then(|d| wire::plain(d.get("body")?)).unwrap_or_default());
        assert!(message.error_code.is_none_or(|code| code.0 > 0));
    }
    if let Some(phone_call) = record(body) {
        assert_eq!(Some(phone_call.sid.as_str()), text("sid"), "another phone call");
        assert!(phone_call.sid.is_of_a_phone_call());
    }
    if let Some(error) = wire::error(body) {
        assert!(error.code.0 > 0);
        is_shown(&error.message);
    }
    let items = |name: &str| document.as_ref().and_then(|d| Some(d.get(name)?.as_array()?.len()));
    if let Some(page) = wire::document::<PageWire>(body) {
        let (messages, next) = page.into_items();
        assert_eq!(Some(messages.len()), items("messages"), "an item is overlooked");
        assert_eq!(next, document.as_ref().and_then(|d| wire::plain(d.get("next_page_uri")?)));
    }
    if let Some(page) = wire::document::<PhoneCallPage>(body) {
        assert_eq!(Some(page.into_items().0.len()), items("calls"), "an item is overlooked");
    }
}

/// A sentence for a person: no control character, no number of a person, bounded.
fn is_shown(sentence: &str) {
    assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
    assert!(sentence.chars().count() <= SHOWN_CHARS_MAX, "{sentence:?}");
    let mut run = 0;
    for c in sentence.chars() {
        run = if c.is_ascii_digit() { run + 1 } else { 0 };
        assert!(run <= DIGITS_MAX, "a number is shown: {sentence:?}");
    }
}
