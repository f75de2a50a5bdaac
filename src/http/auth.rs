//! Who may use `/api`: bearer tokens with scopes, or, where none is configured, this machine alone.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use crate::config::{Token, TokenScope};
use crate::domain::types::Actor;

use super::problem::Problem;

/// What proxies in front add, beside everything that begins with one of [`FORWARDED_PREFIXES`]. Where no token is configured,
/// a request that came through one came from elsewhere.
const FORWARDED: [&str; 12] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-request-start",
    "x-scheme",
    "true-client-ip",
    "fastly-client-ip",
    "front-end-https",
    "cdn-loop",
    "proxy-connection",
];
const FORWARDED_PREFIXES: [&str; 8] =
    ["x-forwarded", "x-original-", "x-envoy-", "x-amzn-", "x-appengine-", "x-azure-", "cf-", "tailscale-"];

/// The other end of the connection, as the listener saw it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

struct Entry {
    name: String,
    digest: [u8; 32],
    scope: TokenScope,
}

/// The tokens in force, by their hashes.
pub(super) struct TokenBook(RwLock<Arc<Vec<Entry>>>);

impl TokenBook {
    pub(super) fn new(tokens: &[Token]) -> Self {
        Self(RwLock::new(Arc::new(entries(tokens))))
    }

    pub(super) fn replace(&self, tokens: &[Token]) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(entries(tokens));
    }

    /// Whether none is configured: this machine alone is let in.
    pub(super) fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The token that this secret is.
    pub(super) fn known(&self, secret: &[u8]) -> Option<KnownToken> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        found(&entries, secret).map(KnownToken::of)
    }

    /// The token of this name.
    pub(super) fn named(&self, name: &str) -> Option<KnownToken> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        entries.iter().find(|e| e.name == name).map(KnownToken::of)
    }

    /// Whether a person's name is one that the log gives to the engine, the provider or a token.
    pub(super) fn is_reserved(&self, by: &str) -> bool {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        Actor::is_reserved(by, entries.iter().map(|e| e.name.as_str()))
    }

    /// Who asks, if they may.
    ///
    /// # Errors
    /// 401 without a valid token, or where none is configured and the request is not plainly from this machine; 403 where the
    /// token may not do this.
    pub(super) fn check(&self, parts: &Parts, needed: TokenScope) -> Result<Caller, Problem> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        if entries.is_empty() {
            return on_this_machine(parts);
        }
        let given = bearer(&parts.headers).ok_or_else(|| unauthorized("A bearer token is needed."))?;
        let entry = found(&entries, given).ok_or_else(|| unauthorized("This bearer token is not known."))?;
        if entry.scope < needed {
            let wanted = word(needed);
            let detail = format!("This token may not do that: its scope is {}, {wanted} is needed.", word(entry.scope));
            return Err(Problem::new(StatusCode::FORBIDDEN, detail).kind("scope", "The token's scope is too small"));
        }
        Ok(Caller { token: Some(entry.name.clone()), scope: entry.scope })
    }
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownToken {
    pub(super) name: String,
    pub(super) scope: TokenScope,
    /// The first bytes of its hash: another secret under the same name has others.
    pub(super) mark: [u8; 8],
}

impl KnownToken {
    fn of(entry: &Entry) -> Self {
        let mut mark = [0; 8];
        mark.iter_mut().zip(entry.digest).for_each(|(to, byte)| *to = byte);
        Self { name: entry.name.clone(), scope: entry.scope, mark }
    }

    /// Whoever came in by it.
    pub(super) fn caller(&self) -> Caller {
        Caller { token: Some(self.name.clone()), scope: self.scope }
    }
}

/// Every token is compared, whichever fits: the time taken tells nothing.
fn found<'a>(entries: &'a [Entry], secret: &[u8]) -> Option<&'a Entry> {
    let digest: [u8; 32] = Sha256::digest(secret).into();
    let mut found: Option<&Entry> = None;
    for entry in entries {
        if same(&entry.digest, &digest) && found.is_none_or(|f| f.scope < entry.scope) {
            found = Some(entry);
        }
    }
    found
}

/// Whoever asks from this machine, directly, where no token is configured; see [`TokenBook::check`].
///
/// # Errors
/// 401 that says what to configure.
pub(super) fn on_this_machine(parts: &Parts) -> Result<Caller, Problem> {
    local(parts).map(|()| Caller { token: None, scope: TokenScope::Operate })
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    token: Option<String>,
    scope: TokenScope,
}

impl Caller {
    /// Whose calls alone they may read; `None`: everybody's. Who may only hand calls over reads what they handed over.
    pub(super) fn reads_only(&self) -> Option<Actor> {
        (self.scope == TokenScope::Dispatch).then(|| self.actor(None))
    }

    pub(super) const fn scope(&self) -> TokenScope {
        self.scope
    }

    /// For the log: the token's name, with the person that it speaks for.
    pub(super) fn actor(&self, by: Option<&str>) -> Actor {
        Actor(match (&self.token, by) {
            (Some(token), Some(by)) => format!("{token} ({by})"),
            (Some(token), None) => token.clone(),
            (None, Some(by)) => by.to_owned(),
            (None, None) => "api".to_owned(),
        })
    }
}

fn entries(tokens: &[Token]) -> Vec<Entry> {
    let digest = |t: &Token| Sha256::digest(t.token.expose_secret()).into();
    tokens.iter().map(|t| Entry { name: t.name.clone(), digest: digest(t), scope: t.scope }).collect()
}

fn word(scope: TokenScope) -> &'static str {
    match scope {
        TokenScope::Read => "read",
        TokenScope::Dispatch => "dispatch",
        TokenScope::Operate => "operate",
    }
}

fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    black_box(a.iter().zip(b).fold(0, |seen, (x, y)| seen | (x ^ y))) == 0
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"dispatchctl\""))
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = one.as_bytes().split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

/// A browser that was lured to a name that now points here (DNS rebinding), a page of another origin, or a proxy that brings
/// the world along: none of them is this machine's own doing. A proxy that adds no header of its own still shows by HTTP/1.0.
fn local(parts: &Parts) -> Result<(), Problem> {
    let refused = |why: &str| {
        let detail = format!(
            "No token is configured, so only this machine may use the API, and directly: {why} \
             Configure one in [[server.tokens]] (name, token or token_file, scope) and send it as `Authorization: Bearer TOKEN`."
        );
        Err(unauthorized(&detail).kind("not-local", "Only this machine is let in without a token"))
    };
    let is_here = |peer: &Peer| peer.0.to_canonical().is_loopback();
    if !parts.extensions.get::<Peer>().is_some_and(is_here) {
        return refused("this request comes from another machine.");
    }
    let headers = &parts.headers;
    let is_proxys = |name: &str| FORWARDED.contains(&name) || FORWARDED_PREFIXES.iter().any(|p| name.starts_with(p));
    if headers.keys().any(|k| is_proxys(k.as_str())) {
        return refused("this request came through a proxy.");
    }
    if parts.version != Version::HTTP_11 {
        return refused("this request is not HTTP/1.1, as a proxy's is.");
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(Ok(host)), None) = (hosts.next().map(HeaderValue::to_str), hosts.next()) else {
        return refused("it needs one Host header.");
    };
    if !is_loopback(host) || parts.uri.authority().is_some_and(|a| !is_loopback(a.as_str())) {
        return refused("its Host is not a loopback one.");
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let of_host = |o: &HeaderValue| {
        o.to_str().is_ok_and(|o| o.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)))
    };
    if !origins.all(of_host) {
        return refused("it comes from a page of another origin.");
    }
    Ok(())
}

/// `localhost`, 127.0.0.0/8 or `[::1]`, with any port.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let v6 = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || v6.is_some_and(|h| h.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_are_told_from_those_that_look_like_it() {
        for (host, want) in [
            ("localhost", true),
            ("LocalHost:3000", true),
            ("127.0.0.1:3000", true),
            ("127.8.9.1", true),
            ("[::1]:3000", true),
            ("[::1]", true),
            ("localhost.example.com", false),
            ("127.0.0.1.example.com", false),
            ("example.com:127", false),
            ("127.0.0.1@example.com", false),
            ("localhost@127.0.0.1", false),
            ("0.0.0.0", false),
            ("[::]", false),
            ("::1", false),
            ("2130706433", false),
            ("127.1", false),
            ("", false),
            (":3000", false),
        ] {
            assert_eq!(is_loopback(host), want, "{host:?}");
        }
    }
}
