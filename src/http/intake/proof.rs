//! Whether a report comes from its platform: signatures over the raw bytes, bearer tokens. All compared in constant time.
//!
//! A good signature that is old proves who wrote it, and not when it was sent. It is let in and said: the id makes a second one
//! harmless, and our own clock may be wrong. Source: `facts/intake.md` §1, §3.

use std::hint::black_box;

use axum::http::{HeaderMap, HeaderValue, header};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::way::Way;
use crate::config::{CustomSource, Intake as Sources, VapiSource};
use crate::domain::Timestamp;
use crate::http::refusals::WebhookRefusal;

const RETELL: &str = "x-retell-signature";
const VAPI_SECRET: &str = "x-vapi-secret";
const VAPI_SIGNATURE: &str = "x-signature";
const VAPI_TIMESTAMP: &str = "x-timestamp";
/// How far a signature's time may be from ours.
const OFF_MAX_MS: i64 = 5 * 60 * 1000;
/// Of milliseconds since 1970, until the year 2286.
const MILLISECONDS_DIGITS: usize = 13;
/// Seconds since 1970 have at most so many digits, milliseconds have more.
const SECONDS_DIGITS: usize = 11;

/// A report comes from its platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Good,
    /// Its signature is good and this far from our time, in milliseconds.
    Off(i64),
}

impl Proof {
    /// In seconds, where it is too far off.
    pub(super) fn off_by(self) -> Option<i64> {
        match self {
            Self::Good => None,
            Self::Off(ms) => Some(ms / 1000),
        }
    }

    fn at(signed_ms: i64, now: Timestamp) -> Self {
        let off = now.as_millis().saturating_sub(signed_ms);
        if (-OFF_MAX_MS..=OFF_MAX_MS).contains(&off) { Self::Good } else { Self::Off(off) }
    }
}

/// Whether a proof is there at all, before the body is read.
pub(super) fn offered(headers: &HeaderMap, sources: &Sources, way: Way<'_>) -> Result<(), WebhookRefusal> {
    let there = |name: &str| one(headers, name).is_some();
    let found = match way {
        Way::Retell | Way::RetellFunction => there(RETELL),
        Way::Vapi => there("authorization") || there(VAPI_SECRET) || there(VAPI_SIGNATURE),
        Way::Custom(name) => {
            there("authorization") || sources.custom.get(name).is_some_and(|source| there(&source.hmac_header))
        }
    };
    found.then_some(()).ok_or(WebhookRefusal::NoSignature)
}

/// What the headers prove of the body.
pub(super) fn of(
    headers: &HeaderMap,
    raw: &[u8],
    sources: &Sources,
    way: Way<'_>,
    now: Timestamp,
) -> Result<Proof, WebhookRefusal> {
    let proof = match way {
        Way::Retell | Way::RetellFunction => {
            let signature = one(headers, RETELL).ok_or(WebhookRefusal::NoSignature)?;
            sources.retell.as_ref().and_then(|source| retell(signature, raw, &source.api_key, now))
        }
        Way::Vapi => sources.vapi.as_ref().and_then(|source| vapi(headers, raw, source, now)),
        Way::Custom(name) => sources.custom.get(name).and_then(|source| custom(headers, raw, source)),
    };
    proof.ok_or(WebhookRefusal::WrongSignature)
}

/// `v={unix ms},d={hex}`, nothing before it and nothing behind it; d signs the body and the decimal time.
fn retell(header: &str, raw: &[u8], key: &SecretString, now: Timestamp) -> Option<Proof> {
    let (time, digest) = header.strip_prefix("v=")?.split_once(",d=")?;
    // Nothing stands between body and time: were its length free, digits could change sides.
    let is_time = time.len() == MILLISECONDS_DIGITS && time.bytes().all(|b| b.is_ascii_digit());
    let signed_ms: i64 = time.parse().ok().filter(|_| is_time)?;
    signs(key, &[raw, time.as_bytes()], digest).then(|| Proof::at(signed_ms, now))
}

/// A bearer token, the older `X-Vapi-Secret`, or an HMAC over the time, a dot and the body.
fn vapi(headers: &HeaderMap, raw: &[u8], source: &VapiSource, now: Timestamp) -> Option<Proof> {
    if let Some(secret) = &source.secret {
        let given = [bearer(headers), one(headers, VAPI_SECRET)];
        if given.into_iter().flatten().any(|given| same(given, secret)) {
            return Some(Proof::Good);
        }
    }
    let (key, signature) = (source.hmac_secret.as_ref()?, one(headers, VAPI_SIGNATURE)?);
    let time = one(headers, VAPI_TIMESTAMP)?;
    if !signs(key, &[time.as_bytes(), b".", raw], hex_of(signature)) {
        return None;
    }
    // What it is a time of, nobody says for sure: seconds and milliseconds are told by their length.
    let unit = if time.len() <= SECONDS_DIGITS { 1000 } else { 1 };
    Some(time.parse().map_or(Proof::Off(0), |t: i64| Proof::at(t.saturating_mul(unit), now)))
}

fn custom(headers: &HeaderMap, raw: &[u8], source: &CustomSource) -> Option<Proof> {
    let by_token = source.token.as_ref().is_some_and(|token| bearer(headers).is_some_and(|given| same(given, token)));
    let by_hmac = || {
        let signature = one(headers, &source.hmac_header)?;
        source.hmac_secret.as_ref().map(|key| signs(key, &[raw], hex_of(signature)))
    };
    (by_token || by_hmac() == Some(true)).then_some(Proof::Good)
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let (Some(one), None) = (all.next(), all.next()) else { return None };
    HeaderValue::to_str(one).ok()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = one(headers, header::AUTHORIZATION.as_str())?.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case("bearer ").then(|| token.trim())
}

fn hex_of(signature: &str) -> &str {
    let signature = signature.trim();
    signature.strip_prefix("sha256=").unwrap_or(signature)
}

/// By their hashes, so that the time taken tells nothing of where they differ.
fn same(given: &str, secret: &SecretString) -> bool {
    let (a, b) = (Sha256::digest(given), Sha256::digest(secret.expose_secret()));
    black_box(a.iter().zip(b.iter()).fold(0, |seen, (x, y)| seen | (x ^ y))) == 0
}

/// Whether the hex digest is the HMAC-SHA256 of the parts.
fn signs(key: &SecretString, parts: &[&[u8]], digest: &str) -> bool {
    let Some(digest) = bytes_of(digest) else { return false };
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()) else { return false };
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(&digest).is_ok()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = hex.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FieldPaths, RetellSource};

    const BODY: &str = "{\"event\":\"call_analyzed\",\"call\":{\"call_id\":\"call_4f1c\",\"from_number\":\"+19495550142\",\"note\":\"Wasser läuft – 2 °C\"}}";
    const DIGEST: &str = "03898b8fe1ca4d71aad142ec9ce49418083fa221e17e36812e8df31f225b7af1";
    const AT: i64 = 1_795_600_000_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn headers(all: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(name.parse::<header::HeaderName>().expect("a name"), value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn retells_vectors_are_valid_and_whatever_differs_is_not() {
        let key = SecretString::from("test-api-key");
        let vector = "v=1700000000000,d=07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e";
        let found = retell(vector, br#"{"event":"call_ended"}"#, &key, at(1_700_000_000_000));
        assert_eq!(found, Some(Proof::Good));

        let key = SecretString::from("key_test_0123456789");
        let good = format!("v={AT},d={DIGEST}");
        assert_eq!(BODY.len(), 118);
        let check = |header: &str, body: &str, key: &SecretString, now| retell(header, body.as_bytes(), key, at(now));
        assert_eq!(check(&good, BODY, &key, AT), Some(Proof::Good));
        for (label, header, body) in [
            ("another body", good.clone(), BODY.replace("2 °C", "3 °C")),
            ("the body as a proxy writes it anew", good.clone(), BODY.replace(":", ": ")),
            ("its letters escaped", good.clone(), BODY.replace('ä', "\\u00e4")),
            ("a line end more", good.clone(), format!("{BODY}\n")),
            ("another time", format!("v={},d={DIGEST}", AT + 1), BODY.to_owned()),
            ("a digit of the time in the body", format!("v=795600000000,d={DIGEST}"), format!("{BODY}1")),
            ("text before it", format!("x{good}"), BODY.to_owned()),
            ("text behind it", format!("{good},"), BODY.to_owned()),
            ("blanks", format!("v={AT}, d={DIGEST}"), BODY.to_owned()),
            ("half a digest", good.get(..60).expect("long").to_owned(), BODY.to_owned()),
            ("an odd digit", good.get(..good.len() - 1).expect("long").to_owned(), BODY.to_owned()),
            ("no digest", format!("v={AT},d="), BODY.to_owned()),
            ("the digest alone", DIGEST.to_owned(), BODY.to_owned()),
            ("a sign before the time", format!("v=+{AT},d={DIGEST}"), BODY.to_owned()),
            ("nothing", String::new(), BODY.to_owned()),
        ] {
            assert_eq!(check(&header, &body, &key, AT), None, "{label}");
        }
        assert_eq!(check(&good, BODY, &"key_test_0123456780".into(), AT), None, "another key");
        for (off, want) in [
            (299_999, Proof::Good),
            (300_000, Proof::Good),
            (300_001, Proof::Off(300_001)),
            (-300_001, Proof::Off(-300_001)),
            (86_400_000, Proof::Off(86_400_000)),
        ] {
            assert_eq!(check(&good, BODY, &key, AT + off), Some(want), "{off}");
        }
    }

    #[test]
    fn two_signatures_are_none() {
        let sources = Sources {
            retell: Some(RetellSource { api_key: "key_test_0123456789".into(), fields: FieldPaths::default() }),
            ..Sources::default()
        };
        let good = format!("v={AT},d={DIGEST}");
        let check = |all: &[(&str, &str)]| {
            let headers = headers(all);
            offered(&headers, &sources, Way::Retell)?;
            of(&headers, BODY.as_bytes(), &sources, Way::Retell, at(AT))
        };
        assert_eq!(check(&[("X-Retell-Signature", &good)]), Ok(Proof::Good));
        assert_eq!(check(&[]), Err(WebhookRefusal::NoSignature));
        assert_eq!(check(&[(RETELL, &good), (RETELL, &good)]), Err(WebhookRefusal::NoSignature));
        assert_eq!(check(&[(RETELL, "v=1,d=00")]), Err(WebhookRefusal::WrongSignature));
    }

    #[test]
    fn vapi_proves_itself_in_three_ways() {
        let source = |secret: Option<&str>, hmac: Option<&str>| VapiSource {
            secret: secret.map(Into::into),
            hmac_secret: hmac.map(Into::into),
            tools: Vec::new(),
            fields: FieldPaths::default(),
        };
        let body = br#"{"message":{"type":"end-of-call-report","call":{"id":"3f0c2f1e-0000-4000-8000-000000000001"}}}"#;
        let digest = "068078f3f8e0a74be8329b67d7de0e6ecc37d71f1369f1dc014984287a9f28fa";
        let now = 1_795_600_000_000;
        let (token, hmac) = (source(Some("vapi-token"), None), source(None, Some("vapi-secret")));
        let (time, prefixed) = (("x-timestamp", "1795600000"), format!("sha256={digest}"));
        type Case<'a> = (&'a str, &'a VapiSource, &'a [(&'a str, &'a str)], i64, Option<Proof>);
        let cases: &[Case<'_>] = &[
            ("bearer", &token, &[("authorization", "Bearer vapi-token")], now, Some(Proof::Good)),
            ("legacy", &token, &[("x-vapi-secret", "vapi-token")], now, Some(Proof::Good)),
            ("wrong bearer", &token, &[("authorization", "Bearer vapi-tokem")], now, None),
            ("bare", &token, &[], now, None),
            ("empty", &token, &[("authorization", "Bearer ")], now, None),
            ("a token where a signature is asked for", &hmac, &[("authorization", "Bearer vapi-secret")], now, None),
            ("signed", &hmac, &[time, ("x-signature", digest)], now, Some(Proof::Good)),
            ("prefixed", &hmac, &[time, ("x-signature", &prefixed)], now, Some(Proof::Good)),
            ("no time", &hmac, &[("x-signature", digest)], now, None),
            ("other time", &hmac, &[("x-timestamp", "1795600001"), ("x-signature", digest)], now, None),
            ("yesterday", &hmac, &[time, ("x-signature", digest)], now + 86_400_000, Some(Proof::Off(86_400_000))),
        ];
        for (label, source, all, now, want) in cases {
            assert_eq!(vapi(&headers(all), body, source, at(*now)), *want, "{label}");
        }
    }

    #[test]
    fn any_other_platform_has_a_token_or_signs_the_body() {
        let source = CustomSource {
            token: Some("a-token".into()),
            hmac_secret: Some("test-api-key".into()),
            hmac_header: "x-webhook-signature".into(),
            call_id: Vec::new(),
            fields: FieldPaths::default(),
        };
        // Of Retell's first vector: its body and its time, as one body.
        let digest = "07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e";
        let body = br#"{"event":"call_ended"}1700000000000"#;
        for (label, all, want) in [
            ("signed", vec![("x-webhook-signature", digest)], true),
            ("token", vec![("authorization", "bearer a-token")], true),
            ("neither", vec![("authorization", "Bearer b")], false),
            ("in another header", vec![("x-signature", digest)], false),
            ("broken", vec![("x-webhook-signature", "zz")], false),
        ] {
            assert_eq!(custom(&headers(&all), body, &source).is_some(), want, "{label}");
        }
    }
}
