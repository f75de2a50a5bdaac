//! Where callbacks go, how stubbornly, and the client that posts them.

use std::time::Duration;

/// The longest callback URL.
const URL_MAX: usize = 4_000;

/// Why a URL cannot be called back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TargetError {
    /// The real service refuses it too.
    #[error("{0}")]
    Url(&'static str),
    /// The real service would ignore the override in silence.
    #[error("connection override '{0}' is unknown or out of its range")]
    Override(String),
}

impl TargetError {
    /// Whether the URL itself is fine.
    pub(super) fn is_override(&self) -> bool {
        matches!(self, Self::Override(_))
    }
}

/// Where a callback goes, and how stubbornly.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// As given, without the fragment: this is signed.
    pub(super) signed: String,
    pub(super) url: url::Url,
    pub(super) retries: u32,
    pub(super) on_4xx: bool,
    pub(super) on_5xx: bool,
    pub(super) on_connect: bool,
    pub(super) on_read: bool,
    pub(super) read_timeout: Duration,
    pub(super) total: Duration,
}

impl Target {
    /// Reads a callback URL and the connection overrides in its fragment.
    pub(super) fn parse(given: &str) -> Result<Self, TargetError> {
        if given.len() > URL_MAX {
            return Err(TargetError::Url("it is longer than 4000 characters"));
        }
        let url = url::Url::parse(given).map_err(|_| TargetError::Url("it is not an absolute URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::Url("it is neither http nor https"));
        }
        if url.host_str().is_none_or(|h| h.is_empty() || h.contains('_')) {
            return Err(TargetError::Url("its host is missing or holds an underscore"));
        }
        let (signed, fragment) = given.split_once('#').unwrap_or((given, ""));
        let mut target = Self {
            signed: signed.to_owned(),
            url,
            retries: 1,
            on_4xx: false,
            on_5xx: false,
            on_connect: true,
            on_read: false,
            read_timeout: Duration::from_secs(15),
            total: Duration::from_secs(15),
        };
        target.url.set_fragment(None);
        for pair in fragment.split('&').filter(|p| !p.is_empty()) {
            target.set(pair).ok_or_else(|| TargetError::Override(pair.chars().take(32).collect()))?;
        }
        Ok(target)
    }

    fn set(&mut self, pair: &str) -> Option<()> {
        let (key, value) = pair.split_once('=')?;
        let ms = |most: u64| value.parse().ok().filter(|v| (100..=most).contains(v)).map(Duration::from_millis);
        match key {
            "rc" => self.retries = value.parse().ok().filter(|v| *v <= 5)?,
            "tt" => self.total = ms(15_000)?,
            "rt" => self.read_timeout = ms(15_000)?,
            // A loopback connect answers at once, and there are no edges or certificates: checked, then without effect.
            "ct" => drop(ms(10_000)?),
            "sni" if matches!(value, "y" | "n") => {}
            "e" if !value.is_empty() => {}
            "rp" => self.set_policy(value)?,
            _ => return None,
        }
        Some(())
    }

    fn set_policy(&mut self, list: &str) -> Option<()> {
        (self.on_4xx, self.on_5xx, self.on_connect, self.on_read) = (false, false, false, false);
        for word in list.split(',') {
            match word {
                "4xx" => self.on_4xx = true,
                "5xx" => self.on_5xx = true,
                "ct" => self.on_connect = true,
                "rt" => self.on_read = true,
                "all" => (self.on_4xx, self.on_5xx, self.on_connect, self.on_read) = (true, true, true, true),
                _ => return None,
            }
        }
        Some(())
    }

    /// Whether it is on this machine: nothing else is ever called.
    pub(super) fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            None => false,
        }
    }

    pub(super) fn signed_url(&self) -> &str {
        &self.signed
    }
}

/// The last segment of a URL's path: where a callback names its attempt.
pub(super) fn last_segment(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    url.path_segments()?.next_back().filter(|s| !s.is_empty()).map(str::to_owned)
}

/// The client for callbacks: no redirects, no proxy, and a fresh connection each time, so that an idle one which the
/// other side has just closed is never taken for a lost callback.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .pool_max_idle_per_host(0)
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(15))
        .user_agent("TwilioProxy/1.1")
        .build()
}
