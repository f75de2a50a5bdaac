//! The session of whoever signed in: a cookie that says who, since when and until when, signed with a key of the store.
//!
//! It names its token by the first bytes of the token's hash: where the token is gone or another, the session is over. Nothing is kept
//! here, and nothing is lost at a restart.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::domain::Timestamp;

use super::super::auth::KnownToken;

/// How long a session lasts without a request.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(12 * 3_600);
/// How long it lasts at most.
const LASTS_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// It is made longer when this much of [`IDLE_MAX`] is over: not with every request.
const RENEWED_AFTER: Duration = Duration::from_secs(600);
/// What is signed besides, so that a signature means this alone.
const MEANING: &[u8] = b"dispatchctl board session 1";
/// With what every browser refuses that did not come over a secure connection for the whole host.
const SECURE_NAME: &str = "__Host-dispatchctl";
/// On this machine itself, over plain HTTP.
const LOCAL_NAME: &str = "dispatchctl-local";
/// The longest cookie that is looked at.
const COOKIE_MAX: usize = 1_024;

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) name: String,
    pub(super) began: i64,
    pub(super) until: i64,
    mark: [u8; 8],
}

impl Session {
    /// That begins now.
    pub(super) fn begin(token: &KnownToken, now: Timestamp) -> Self {
        let (began, until) = (now.as_millis(), now.plus(IDLE_MAX).as_millis());
        Self { name: token.name.clone(), began, until, mark: token.mark }
    }

    /// Whether it is of this very token, and not over.
    pub(super) fn holds(&self, token: &KnownToken, now: Timestamp) -> bool {
        let last = Timestamp::from_millis(self.began).plus(LASTS_MAX);
        token.name == self.name && token.mark == self.mark && now.as_millis() < self.until && now < last
    }

    /// The same, made longer, where it is time for that.
    pub(super) fn renewed(&self, now: Timestamp) -> Option<Self> {
        let fresh = now.plus(IDLE_MAX).as_millis();
        let due = fresh.saturating_sub(self.until) >= i64::try_from(RENEWED_AFTER.as_millis()).unwrap_or(i64::MAX);
        due.then(|| Self { until: fresh, ..self.clone() })
    }

    /// As the cookie's value.
    pub(super) fn sealed(&self, key: &[u8; 32]) -> String {
        let content = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default());
        let signature = URL_SAFE_NO_PAD.encode(mac(key, &content).finalize().into_bytes());
        format!("{content}.{signature}")
    }

    /// Of a cookie's value; `None`: we did not make it.
    pub(super) fn opened(value: &str, key: &[u8; 32]) -> Option<Self> {
        let (content, signature) = value.split_once('.').filter(|_| value.len() <= COOKIE_MAX)?;
        mac(key, content).verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(content).ok()?).ok()
    }
}

fn mac(key: &[u8; 32], content: &str) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(MEANING);
    mac.update(content.as_bytes());
    mac
}

/// Whether a request came straight from this machine: browsers keep no secure cookie of such a page, but Chromium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Local,
    Secure,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Local => LOCAL_NAME,
            Self::Secure => SECURE_NAME,
        }
    }
}

/// The session that a request brings.
pub(super) fn brought(headers: &HeaderMap, way: Way, key: &[u8; 32]) -> Option<Session> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut named = pairs.filter(|(name, _)| *name == way.name()).map(|(_, value)| value);
    named.find_map(|value| Session::opened(value, key))
}

/// The header that keeps a session; with none, the one that forgets it.
pub(super) fn set_cookie(session: Option<&Session>, way: Way, key: &[u8; 32]) -> String {
    let secure = if way == Way::Secure { "; Secure" } else { "" };
    let (value, age) = match session {
        Some(session) => (session.sealed(key), IDLE_MAX.as_secs()),
        None => (String::new(), 0),
    };
    format!("{}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}", way.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenScope;
    use crate::testing::world::START;

    fn token(name: &str, mark: u8) -> KnownToken {
        KnownToken { name: name.into(), scope: TokenScope::Operate, mark: [mark; 8] }
    }

    #[test]
    fn a_session_holds_for_its_token_its_time_and_its_key() {
        let (key, desk) = ([7; 32], token("desk", 1));
        let session = Session::begin(&desk, START);
        let sealed = session.sealed(&key);
        assert_eq!(Session::opened(&sealed, &key), Some(session.clone()));
        assert_eq!(Session::opened(&sealed, &[8; 32]), None, "another store's key");
        for bad in ["", ".", "a.b", &sealed[1..], &format!("{sealed}A"), &sealed.replace('.', ""), &"x".repeat(5_000)] {
            assert_eq!(Session::opened(bad, &key), None, "{bad}");
        }
        assert!(session.holds(&desk, START));
        assert!(!session.holds(&token("desk", 2), START), "its token has another secret now");
        assert!(!session.holds(&token("other", 1), START));
        assert!(!session.holds(&desk, START.plus(IDLE_MAX)), "it was not used for too long");
        assert_eq!(session.renewed(START.plus(Duration::from_secs(60))), None);
        let mut later = session;
        let mut at = START;
        for _ in 0..20 {
            at = at.plus(Duration::from_secs(11 * 3_600));
            later = later.renewed(at).expect("it is time");
        }
        assert!(!later.holds(&desk, at), "a week is the most");
    }

    #[test]
    fn a_cookie_is_found_among_others_and_its_name_says_the_way() {
        let key = [7; 32];
        let session = Session::begin(&token("desk", 1), START);
        let set = set_cookie(Some(&session), Way::Secure, &key);
        assert!(set.starts_with("__Host-dispatchctl=") && set.contains("Path=/;") && set.ends_with("Secure"), "{set}");
        assert!(set.contains("HttpOnly; SameSite=Lax"), "{set}");
        let mut headers = HeaderMap::new();
        let value = format!("a=b; __Host-dispatchctl=old.one; __Host-dispatchctl={}; c=d", session.sealed(&key));
        headers.insert(header::COOKIE, value.parse().expect("a header"));
        assert_eq!(brought(&headers, Way::Secure, &key), Some(session));
        assert_eq!(brought(&headers, Way::Local, &key), None);
        assert!(set_cookie(None, Way::Local, &key).starts_with("dispatchctl-local=; Path=/; Max-Age=0"));
    }
}
