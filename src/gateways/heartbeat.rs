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
    /// Where trouble is said; `None`: by silence alone.
    fail_url: Option<Url>,
}

impl HeartbeatUrl {
    /// Connects to nothing.
    ///
    /// # Errors
    /// Why no client can be made.
    pub fn new(url: Url, fail_url: Option<Url>) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT / 2)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .map_err(|e| e.without_url().to_string())?;
        Ok(Self { client, url, fail_url })
    }
}

#[async_trait]
impl Heartbeat for HeartbeatUrl {
    async fn fetch(&self) -> Result<(), String> {
        told(self.client.get(self.url.clone())).await
    }

    async fn fail(&self, why: &str) -> Result<(), String> {
        let Some(url) = &self.fail_url else { return Ok(()) };
        told(self.client.post(url.clone()).body(why.to_owned())).await
    }
}

async fn told(request: reqwest::RequestBuilder) -> Result<(), String> {
    let answer = request.send().await.map_err(|e| e.without_url().to_string())?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answered HTTP {}", status.as_u16())) }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_string, method, path};
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
        assert_eq!(HeartbeatUrl::new(url("secret-path"), None).expect("a client").fetch().await, Ok(()));
        let moved = HeartbeatUrl::new(url("moved"), None).expect("a client").fetch().await;
        assert_eq!(moved, Err("it answered HTTP 302".into()));
        let dead: Url = "http://127.0.0.1:9/secret-path".parse().expect("url");
        let why = HeartbeatUrl::new(dead, None).expect("a client").fetch().await.expect_err("nobody listens");
        assert!(!why.contains("secret-path"), "{why}");
        let trouble = Mock::given(method("POST")).and(path("/secret-path/fail")).and(body_string("it stands still"));
        trouble.respond_with(ResponseTemplate::new(200)).expect(1).mount(&server).await;
        let told = HeartbeatUrl::new(url("secret-path"), Some(url("secret-path/fail"))).expect("a client");
        assert_eq!(told.fail("it stands still").await, Ok(()));
        let silent = HeartbeatUrl::new(url("secret-path"), None).expect("a client");
        assert_eq!(silent.fail("it stands still").await, Ok(()), "and nobody is asked");
    }
}
