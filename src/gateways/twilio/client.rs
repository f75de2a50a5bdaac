//! The Twilio client: one POST that may make a message, and the reads that find out what became of one.
//!
//! It promises that a failure's meaning is never better than what is known (`facts/twilio.md` §4). A create takes no
//! idempotency key, so no failure after the connection opened is taken for "not done" unless Twilio itself says so. It
//! retries nothing, follows no redirect and never sends over a pooled connection that may be stale: all of that could
//! repeat a message behind the engine's back. It keeps no state: after a crash the engine's stored intent is what counts.
//! Called by the holder of the engine lock alone.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use tracing::debug;
use url::Url;

use super::wire;
use crate::clock::Permit;
use crate::domain::ProviderClock;
use crate::domain::types::{AttemptId, ErrorCode, MessageSid, Timestamp};
use crate::failpoint;
use crate::gateways::exchange::{self, Clients, Failure, HttpAnswer, clients_within};
use crate::gateways::{
    Callback, ClockWatcher, GatewayError, ListFilter, Listing, MessageRecord, SmsGateway, Submission,
};

/// An answer about one message is a few KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// A list page holds up to 200 messages.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
const PAGE_SIZE_MAX: usize = 200;
/// A call is listed in some 1.5 KiB.
const CALLS_PAGE_SIZE: usize = 1000;
/// A list that goes on for longer is cut short and said to be incomplete.
const PAGES_MAX: usize = 100;
/// Twilio's own bounds of `ValidityPeriod`, in seconds.
const VALIDITY_SECONDS: (u64, u64) = (1, 36_000);
/// Asks Twilio to repeat a failed callback: 3 retries on any failure, 15 s in all (`facts/twilio.md` §6).
const CALLBACK_OVERRIDES: &str = "rc=3&rp=all&tt=15000";
const REQUEST_ID: &str = "twilio-request-id";

/// How requests are authenticated. The webhook signature's key is always the auth token, also beside an API key.
#[derive(Debug, Clone)]
pub enum Auth {
    /// The account's auth token.
    Token(SecretString),
    /// An API key, recommended for production.
    ApiKey {
        /// `SK…`.
        sid: String,
        secret: SecretString,
    },
}

/// How the clients of one process authenticate now: a secret that is rotated counts for all of them at once, and no request under way
/// is disturbed.
#[derive(Debug, Clone)]
pub struct Credentials(Arc<RwLock<Auth>>);

impl Credentials {
    /// From now on.
    pub fn put(&self, auth: Auth) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = auth;
    }

    fn now(&self) -> Auth {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl From<Auth> for Credentials {
    fn from(auth: Auth) -> Self {
        Self(Arc::new(RwLock::new(auth)))
    }
}

/// What a client needs to know; checked by config.
#[derive(Debug, Clone)]
pub struct TwilioSettings {
    /// `AC…`; in every URL, also with an API key.
    pub account_sid: String,
    /// How requests are authenticated.
    pub auth: Credentials,
    /// `https://api.twilio.com`, or a sandbox's address. A path in it is kept.
    pub base_url: Url,
    /// For DNS, TCP and TLS together. Taken as at most `request_timeout`.
    pub connect_timeout: Duration,
    /// For a whole request, its answer's body included.
    pub request_timeout: Duration,
    /// What Twilio calls; without it messages carry no callback.
    pub public_url: Option<Url>,
    /// No message and no phone call is begun after it.
    pub permit: Permit,
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Paths cannot be put behind this URL.
    #[error("{what} is not an http or https URL with a host")]
    Url {
        /// Which setting.
        what: &'static str,
    },
    /// The HTTP client or its TLS could not be set up.
    #[error("the HTTP client could not be set up")]
    Http(#[source] reqwest::Error),
}

/// A client for one account. Cheap to clone.
#[derive(Clone)]
pub struct TwilioClient {
    settings: Arc<TwilioSettings>,
    /// Opens a connection for each request: none is ever found dead by a send.
    sends: reqwest::Client,
    /// Keeps connections: a read may be repeated, so a dead one costs nothing.
    reads: reqwest::Client,
    clock: Arc<ClockWatcher>,
}

impl std::fmt::Debug for TwilioClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TwilioClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl TwilioClient {
    /// Sets up both HTTP clients; connects to nothing.
    ///
    /// # Errors
    /// Where a URL cannot carry a path, or the machine's certificate store cannot be read.
    pub fn new(settings: TwilioSettings) -> Result<Self, ClientError> {
        // An error says that a provider is installed already, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        check_url(&settings.base_url, "base_url")?;
        if let Some(url) = &settings.public_url {
            check_url(url, "public_url")?;
        }
        let Clients { writes: sends, reads } = clients_within(
            &settings.base_url,
            settings.connect_timeout,
            settings.request_timeout,
            settings.permit.clone(),
        )
        .map_err(ClientError::Http)?;
        Ok(Self { settings: Arc::new(settings), sends, reads, clock: Arc::default() })
    }

    /// The URL that a message's callbacks go to; `None` where there is no public URL.
    fn callback_url(&self, attempt: AttemptId) -> Option<Url> {
        self.webhook(&["sms-status", &attempt.to_string()])
    }

    /// Where Twilio asks us; `None` where there is no public URL.
    pub(super) fn webhook(&self, tail: &[&str]) -> Option<Url> {
        let mut url = self.settings.public_url.clone()?;
        url.path_segments_mut().ok()?.pop_if_empty().extend(["webhooks", "twilio"]).extend(tail);
        url.set_query(None);
        url.set_fragment(Some(CALLBACK_OVERRIDES));
        Some(url)
    }

    /// One document, read as it comes.
    pub(super) async fn document(&self, url: Url) -> Result<serde_json::Value, GatewayError> {
        self.read(url, |body| serde_json::from_slice(body).ok()).await
    }

    /// One read, and what it means.
    pub(super) async fn read<T>(&self, url: Url, read: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, GatewayError> {
        let answer = self.exchange(self.reads.get(url), ANSWER_BYTES_MAX).await.map_err(read_failure)?;
        if !answer.status.is_success() {
            return Err(read_refusal(&answer));
        }
        read(&answer.body).ok_or_else(|| again("the answer could not be read", None))
    }

    /// The one POST that may make something.
    pub(super) async fn create<T>(
        &self,
        tail: &[&str],
        form: &[(&'static str, String)],
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, GatewayError> {
        let request = self.sends.post(self.url(tail)).form(form);
        let exchanged = self.exchange(request, ANSWER_BYTES_MAX);
        let answered = failpoint::hit_during("post.under-way", exchanged).await;
        failpoint::hit("post.answered");
        match answered {
            Ok(answer) => create_outcome(&answer, read),
            Err(failure) => Err(create_failure(failure)),
        }
    }

    /// A POST that may be made again: it changes what is there, to what it is meant to be.
    pub(super) async fn change(&self, tail: &[&str], form: &[(&'static str, String)]) -> Result<(), GatewayError> {
        let request = self.sends.post(self.url(tail)).form(form);
        let answer = self.exchange(request, ANSWER_BYTES_MAX).await.map_err(read_failure)?;
        if answer.status.is_success() { Ok(()) } else { Err(read_refusal(&answer)) }
    }

    /// When the provider says that it made something: its clock is known by it.
    pub(super) fn made(&self, at: Option<Timestamp>) {
        self.clock.made(at);
    }

    /// What is on the pages from this one on: at most `limit`, and none that was made before `bound`; and whether that is all.
    pub(super) async fn pages<P: wire::Page>(
        &self,
        first: Url,
        bound: Option<Timestamp>,
        limit: usize,
    ) -> Result<(Vec<P::Record>, bool), GatewayError> {
        let (mut found, mut complete, mut next) = (Vec::new(), true, Some(first));
        for _ in 0..PAGES_MAX {
            let Some(url) = next else { return Ok((found, complete)) };
            let page: P = self.read_page(url).await?;
            let (items, uri) = page.into_items();
            next = self.next_page(uri)?;
            for item in items {
                // An item without a readable SID may be the one that is looked for.
                let Some(record) = item else {
                    complete = false;
                    continue;
                };
                let made_at = P::made_at(&record);
                self.clock.made(made_at);
                if is_older(made_at, bound) {
                    // The rest of this page is still looked at: that the newest come first is nowhere promised.
                    next = None;
                } else if found.len() < limit {
                    found.push(record);
                } else {
                    return Ok((found, false));
                }
            }
        }
        Ok((found, complete && next.is_none()))
    }

    /// Where the API is.
    pub(super) fn base_url(&self) -> &Url {
        &self.settings.base_url
    }

    /// `{base_url}/2010-04-01/Accounts/{account}/{…}`.
    pub(super) fn url(&self, tail: &[&str]) -> Url {
        let mut url = self.settings.base_url.clone();
        // `new` has checked that a path can be put behind it.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["2010-04-01", "Accounts", &self.settings.account_sid]).extend(tail);
        }
        url.set_query(None);
        url.set_fragment(None);
        url
    }

    /// One request with our credentials and its whole answer, within the client's timeouts.
    async fn exchange(&self, request: RequestBuilder, bytes_max: usize) -> Result<HttpAnswer, Failure> {
        let asked = self.clock.asked();
        let answer = exchange::exchange(self.with_auth(request), bytes_max).await.inspect(log_answer)?;
        self.clock.answered(asked, &answer.headers);
        Ok(answer)
    }

    fn with_auth(&self, request: RequestBuilder) -> RequestBuilder {
        match self.settings.auth.now() {
            Auth::Token(token) => request.basic_auth(&self.settings.account_sid, Some(token.expose_secret())),
            Auth::ApiKey { sid, secret } => request.basic_auth(sid, Some(secret.expose_secret())),
        }
    }

    fn form(&self, message: &Submission) -> Vec<(&'static str, String)> {
        let sender = if message.from.is_service() { "MessagingServiceSid" } else { "From" };
        let (least, most) = VALIDITY_SECONDS;
        let mut form = vec![
            ("To", message.to.e164().to_owned()),
            (sender, message.from.as_str().to_owned()),
            ("Body", message.body.0.clone()),
            ("ValidityPeriod", message.validity.as_secs().clamp(least, most).to_string()),
        ];
        let callback = match message.callback {
            Callback::Wanted => self.callback_url(message.attempt),
            Callback::Without => None,
        };
        form.extend(callback.map(|url| ("StatusCallback", url.into())));
        form
    }

    /// One page, read and checked.
    async fn read_page<T: serde::de::DeserializeOwned>(&self, url: Url) -> Result<T, GatewayError> {
        let answer = self.exchange(self.reads.get(url), PAGE_BYTES_MAX).await.map_err(read_failure)?;
        if answer.status.is_success() {
            wire::document(&answer.body).ok_or_else(|| again("the list could not be read", None))
        } else {
            Err(read_refusal(&answer))
        }
    }

    /// The next page's URL: as the provider gave it, but never on another host, as our credentials go with it.
    fn next_page(&self, uri: Option<String>) -> Result<Option<Url>, GatewayError> {
        let Some(uri) = uri.filter(|u| !u.is_empty()) else { return Ok(None) };
        let base = &self.settings.base_url;
        match base.join(&uri) {
            Ok(url) if url.origin() == base.origin() => Ok(Some(url)),
            _ => Err(again("the list's next page is on another host", None)),
        }
    }
}

#[async_trait]
impl SmsGateway for TwilioClient {
    async fn submit(&self, message: &Submission) -> Result<MessageRecord, GatewayError> {
        let outcome = self.create(&["Messages.json"], &self.form(message), wire::message).await;
        match &outcome {
            Ok(record) => {
                self.clock.made(record.created_at);
                debug!(attempt.id = %message.attempt, message.sid = %record.sid, "message created");
            }
            Err(error) => {
                debug!(attempt.id = %message.attempt, outcome = %error, "message not created, as far as is known")
            }
        }
        outcome
    }

    async fn fetch(&self, sid: &MessageSid) -> Result<MessageRecord, GatewayError> {
        let url = self.url(&["Messages", &format!("{sid}.json")]);
        let record = self.read(url, |body| wire::message(body).filter(|record| record.sid == *sid)).await?;
        self.clock.made(record.created_at);
        Ok(record)
    }

    fn clock(&self) -> ProviderClock {
        self.clock.read()
    }

    /// At most `limit` messages; with a limit of 0 nothing is asked and nothing is complete.
    async fn list(&self, filter: &ListFilter) -> Result<Listing, GatewayError> {
        if filter.limit == 0 {
            return Ok(Listing { messages: Vec::new(), complete: false });
        }
        let (messages, complete) =
            self.pages::<wire::PageWire>(self.list_url(filter), filter.not_before, filter.limit).await?;
        Ok(Listing { messages, complete })
    }
}

impl TwilioClient {
    /// Every call to this number since that day (`YYYY-MM-DD`), as the account lists it, in whatever direction.
    ///
    /// # Errors
    /// As [`SmsGateway::fetch`]; also where the list does not end.
    pub async fn calls(&self, to: &str, since_day: &str) -> Result<Vec<serde_json::Value>, GatewayError> {
        let mut url = self.url(&["Calls.json"]);
        let size = CALLS_PAGE_SIZE.to_string();
        url.query_pairs_mut().append_pair("To", to).append_pair("StartTime>", since_day).append_pair("PageSize", &size);
        let (mut all, mut next) = (Vec::new(), Some(url));
        for _ in 0..PAGES_MAX {
            let Some(url) = next else { return Ok(all) };
            let page: wire::CallsPageWire = self.read_page(url).await?;
            all.extend(page.calls);
            next = self.next_page(page.next_page_uri)?;
        }
        if next.is_none() { Ok(all) } else { Err(again("the list of calls does not end", None)) }
    }

    fn list_url(&self, filter: &ListFilter) -> Url {
        let mut url = self.url(&["Messages.json"]);
        {
            let mut query = url.query_pairs_mut();
            if let Some(to) = &filter.to {
                query.append_pair("To", to);
            }
            if let Some(from) = &filter.from {
                query.append_pair("From", from);
            }
            query.append_pair("PageSize", &filter.limit.min(PAGE_SIZE_MAX).to_string());
        }
        url
    }
}

/// Times in lists have whole seconds, so the bound is taken to the second too.
fn is_older(made_at: Option<Timestamp>, bound: Option<Timestamp>) -> bool {
    let second = |t: Timestamp| t.as_millis().div_euclid(1000);
    made_at.zip(bound).is_some_and(|(made, bound)| second(made) < second(bound))
}

fn check_url(url: &Url, what: &'static str) -> Result<(), ClientError> {
    let ok = matches!(url.scheme(), "http" | "https") && url.has_host() && !url.cannot_be_a_base();
    if ok { Ok(()) } else { Err(ClientError::Url { what }) }
}

/// What an answer says of itself goes to the log: the provider's support asks for it.
fn log_answer(answer: &HttpAnswer) {
    let id = answer.headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let id: String = id.chars().take(64).collect();
    debug!(http.status = answer.status.as_u16(), twilio.request_id = %id, "the provider answered");
}

/// Why no whole answer came, and whether the request had left by then.
fn why(failure: Failure) -> (Sent, String) {
    match failure {
        Failure::Before(why) => (Sent::Before, why),
        Failure::After(why) => (Sent::After, why),
        Failure::TooLong(status) => (Sent::After, format!("the answer (HTTP {}) is too long", status.as_u16())),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Before,
    After,
}

fn create_failure(failure: Failure) -> GatewayError {
    match why(failure) {
        (Sent::Before, why) => again(why, None),
        (Sent::After, why) => GatewayError::Unknown { why },
    }
}

/// What an answer to a create means: the outcome table of `facts/twilio.md` §4, the code before the HTTP status.
pub(super) fn create_outcome<T>(answer: &HttpAnswer, read: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, GatewayError> {
    let http = answer.status.as_u16();
    let unknown = |why: String| Err(GatewayError::Unknown { why });
    if answer.status.is_success() {
        return match read(&answer.body) {
            Some(record) => Ok(record),
            None => unknown(format!("HTTP {http} with an answer that could not be read")),
        };
    }
    if !answer.status.is_client_error() {
        return unknown(format!("HTTP {http}"));
    }
    match wire::error(&answer.body) {
        Some(error) if http == 429 && error.code == TOO_MANY_REQUESTS => {
            Err(again("too many concurrent requests (429, code 20429)", answer.retry_after))
        }
        Some(error) => Err(GatewayError::Refused { http, code: Some(error.code), message: error.message }),
        // Not Twilio's words but those of something in front of it, which may have passed the request on: these say that
        // an answer was waited for (408, 499) or that some request was too many (429; only 20429 is "never processed").
        None if matches!(http, 408 | 429 | 499) => unknown(format!("HTTP {http} without a code")),
        None => Err(GatewayError::Refused { http, code: None, message: String::new() }),
    }
}

/// Twilio promises that a request with this code was not processed (`facts/twilio.md` §4).
const TOO_MANY_REQUESTS: ErrorCode = ErrorCode(20429);

/// A read that failed can simply be made again: nothing about it is ambiguous.
fn read_failure(failure: Failure) -> GatewayError {
    again(why(failure).1, None)
}

pub(super) fn read_refusal(answer: &HttpAnswer) -> GatewayError {
    let http = answer.status.as_u16();
    if !answer.status.is_client_error() || matches!(http, 408 | 425 | 429) {
        return again(format!("HTTP {http}"), answer.retry_after);
    }
    let error = wire::error(&answer.body);
    let (code, message) = error.map_or((None, String::new()), |e| (Some(e.code), e.message));
    GatewayError::Refused { http, code, message }
}

fn again(why: impl Into<String>, retry_after: Option<Duration>) -> GatewayError {
    GatewayError::Retryable { why: why.into(), retry_after }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
