//! One question to a voice agent's platform: a bearer key, an answer in JSON.

use std::time::Duration;

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::again;
use crate::gateways::GatewayError;
use crate::gateways::exchange::{self, Failure, clients};

const CONNECT: Duration = Duration::from_secs(5);
const REQUEST: Duration = Duration::from_secs(20);
/// A page holds up to a thousand calls; with their transcripts, where a platform lists those, fewer.
const PAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// See the module. Connects to nothing before it is asked.
pub(super) struct Api {
    pub(super) client: reqwest::Client,
    base_url: Url,
    key: SecretString,
}

impl Api {
    pub(super) fn new(base_url: Url, key: SecretString) -> Result<Self, String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        if base_url.cannot_be_a_base() {
            return Err("its base_url can hold no path".to_owned());
        }
        let made = clients(&base_url, CONNECT, REQUEST).map_err(|e| e.without_url().to_string())?;
        Ok(Self { client: made.reads, base_url, key })
    }

    /// A path below the base URL.
    pub(super) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.set_query(None);
        url.set_fragment(None);
        url
    }

    /// The whole answer.
    pub(super) async fn ask(&self, request: RequestBuilder) -> Result<Value, GatewayError> {
        let request = request.bearer_auth(self.key.expose_secret());
        let answer = exchange::exchange(request, PAGE_BYTES_MAX).await.map_err(|failure| match failure {
            Failure::Before(why) | Failure::After(why) => again(why),
            Failure::TooLong(_) => again("a page of the list is too long"),
        })?;
        let http = answer.status.as_u16();
        if answer.status.is_success() {
            return serde_json::from_slice(&answer.body).map_err(|_| again("the list could not be read"));
        }
        if !answer.status.is_client_error() || matches!(http, 408 | 425 | 429) {
            let (why, retry_after) = (format!("HTTP {http}"), answer.retry_after);
            return Err(GatewayError::Retryable { why, retry_after });
        }
        Err(GatewayError::Refused { http, code: None, message: String::new() })
    }
}
