//! One request and its whole answer, or how far it came: what every provider's client shares.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};
use url::Url;

use super::permit::PermitLayer;
use super::twilio::wire::retry_after;
use crate::clock::Permit;

/// A provider's two clients: what is written must not meet a stale connection, of which nobody could say what became of it.
pub(super) struct Clients {
    /// A connection for each request.
    pub(super) writes: reqwest::Client,
    /// Connections are kept.
    pub(super) reads: reqwest::Client,
}

/// Makes both.
///
/// # Errors
/// What the library cannot do with these settings.
pub(super) fn clients(base_url: &Url, connect: Duration, request: Duration) -> Result<Clients, reqwest::Error> {
    clients_within(base_url, connect, request, Permit::endless())
}

/// The same, where no write begins after the permit has ended: it is looked at last of all, on the open connection, before the first
/// byte of the request.
///
/// # Errors
/// As [`clients`].
pub(super) fn clients_within(
    base_url: &Url,
    connect: Duration,
    request: Duration,
    permit: Permit,
) -> Result<Clients, reqwest::Error> {
    let writes = builder(base_url, connect, request).pool_max_idle_per_host(0).connector_layer(PermitLayer(permit));
    // Bytes that nobody has acknowledged are not delivered later than their answer is waited for.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let writes = writes.tcp_user_timeout(request);
    let writes = writes.build()?;
    Ok(Clients { writes, reads: builder(base_url, connect, request).build()? })
}

/// No retry, no redirect (it would carry the credentials elsewhere), and no proxy from the environment, which could answer in
/// the provider's place and would turn a refused connection, surely not sent, into an answer of its own.
fn builder(base_url: &Url, connect: Duration, request: Duration) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("dispatchctl/", env!("CARGO_PKG_VERSION")))
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .http1_only()
        .connect_timeout(connect.min(request))
        .timeout(request);
    if base_url.scheme() == "https" {
        builder.https_only(true)
    } else {
        // A sandbox on this machine: no certificate store is read, so none is needed.
        builder.tls_certs_only([])
    }
}

/// An answer that came whole.
pub(in crate::gateways) struct HttpAnswer {
    pub(in crate::gateways) status: StatusCode,
    pub(in crate::gateways) headers: HeaderMap,
    pub(in crate::gateways) retry_after: Option<Duration>,
    pub(in crate::gateways) body: Vec<u8>,
}

/// No whole answer came. What is said holds no URL, as one holds keys and filters.
#[derive(Debug)]
pub(in crate::gateways) enum Failure {
    /// Before a byte of the request left: surely not done.
    Before(String),
    /// Later, or nobody knows.
    After(String),
    /// The answer began, and is longer than we read.
    TooLong(StatusCode),
}

/// One request and its whole answer, within the client's timeouts and these bytes.
pub(in crate::gateways) async fn exchange(request: RequestBuilder, bytes_max: usize) -> Result<HttpAnswer, Failure> {
    let response = request.send().await.map_err(|error| failure(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let retry_after = retry_after(header(RETRY_AFTER.as_str()), header(DATE.as_str()));
    let body = body(response, bytes_max).await?;
    Ok(HttpAnswer { status, headers, retry_after, body })
}

async fn body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(Failure::TooLong(status));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Says when an exchange failed. reqwest's `is_connect` is true only for failures of its connector, which ends before any
/// byte of the request is written: DNS, TCP, TLS, and the connect timeout around them. A request that could not be built was
/// not written either.
fn failure(error: &reqwest::Error) -> Failure {
    let before = error.is_connect() || error.is_builder();
    let what = match (before, error.is_timeout()) {
        (true, true) => "no connection in time",
        (true, false) => "no connection",
        (false, true) => "no answer in time",
        (false, false) => "the connection broke before the whole answer came",
    };
    // The error's own text names the URL, which holds numbers or filters; the innermost cause does not.
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let why = if error.source().is_none() { what.to_owned() } else { format!("{what}: {cause}") };
    if before { Failure::Before(why) } else { Failure::After(why) }
}
