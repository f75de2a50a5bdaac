//! The dead-man's switch: one GET of a URL that raises an alarm elsewhere when it stays away.
//!
//! The URL is a secret and is never shown. No redirects, no retries: a late "alive" is a lie, and the next one comes soon.

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use super::Heartbeat;

/// The longest that one GET takes (`facts/operations.md` §6).
const TIMEOUT: Duration = Duration::from_secs(10);

/// Fetches one URL.
pub struct HeartbeatUrl {
    client: reqwest::Client,
    url: Url,
}

impl HeartbeatUrl {
    /// Connects to nothing.
    ///
    /// # Errors
    /// Why no client can be made.
    pub fn new(url: Url) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT / 2)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .map_err(|e| e.without_url().to_string())?;
        Ok(Self { client, url })
    }
}

#[async_trait]
impl Heartbeat for HeartbeatUrl {
    async fn fetch(&self) -> Result<(), String> {
        let answer = self.client.get(self.url.clone()).send().await.map_err(|e| e.without_url().to_string())?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("it answered HTTP {}", status.as_u16())) }
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    #[tokio::test]
    async fn it_is_fetched_once_follows_nobody_and_says_no_url() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = MockServer::start().await;
        let url = |p: &str| format!("{}/{p}", server.uri()).parse::<Url>().expect("url");
        let at = |p: &'static str, answer| Mock::given(method("GET")).and(path(p)).respond_with(answer);
        at("/secret-path", ResponseTemplate::new(200)).expect(1).mount(&server).await;
        let away = ResponseTemplate::new(302).insert_header("location", "/elsewhere");
        at("/moved", away).expect(1).mount(&server).await;
        at("/elsewhere", ResponseTemplate::new(200)).expect(0).mount(&server).await;
        assert_eq!(HeartbeatUrl::new(url("secret-path")).expect("a client").fetch().await, Ok(()));
        let moved = HeartbeatUrl::new(url("moved")).expect("a client").fetch().await;
        assert_eq!(moved, Err("it answered HTTP 302".into()));
        let dead: Url = "http://127.0.0.1:9/secret-path".parse().expect("url");
        let why = HeartbeatUrl::new(dead).expect("a client").fetch().await.expect_err("nobody listens");
        assert!(!why.contains("secret-path"), "{why}");
    }
}
