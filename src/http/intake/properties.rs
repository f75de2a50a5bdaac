//! What holds of every report's proof.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use hmac::{Hmac, Mac as _};
use secrecy::ExposeSecret as _;
use sha2::Sha256;

use super::proof::{Proof, of, offered};
use super::way::Way;
use crate::config::properties::shop;
use crate::domain::Timestamp;

const AT: i64 = 1_795_600_000_000;

/// A body that its platform signed is let in; with another byte, another time or another key it is not.
pub(crate) fn report_proof(raw: &[u8]) {
    let sources = &shop().intake;
    let retell = sources.retell.as_ref().map_or("", |source| source.api_key.expose_secret());
    let vapi =
        sources.vapi.as_ref().and_then(|source| source.hmac_secret.as_ref()).map_or("", |key| key.expose_secret());
    let desk = sources.custom.get("desk").and_then(|source| source.hmac_secret.as_ref());
    let desk = desk.map_or("", |key| key.expose_secret());
    let (ms, seconds) = (AT.to_string(), (AT / 1000).to_string());
    let of_retell = format!("v={ms},d={}", signed(retell, &[raw, ms.as_bytes()]));
    let of_vapi = signed(vapi, &[seconds.as_bytes(), b".", raw]);
    let of_desk = signed(desk, &[raw]);
    let prefixed = format!("sha256={of_desk}");
    type Case<'a> = (Way<'a>, Vec<(&'static str, &'a str)>);
    let cases: [Case<'_>; 5] = [
        (Way::Retell, vec![("x-retell-signature", &of_retell)]),
        (Way::RetellFunction, vec![("x-retell-signature", &of_retell)]),
        (Way::Vapi, vec![("x-signature", &of_vapi), ("x-timestamp", &seconds)]),
        (Way::Custom("desk"), vec![("x-signature", &of_desk)]),
        (Way::Custom("desk"), vec![("x-signature", &prefixed)]),
    ];
    let pick = raw.iter().fold(3_usize, |sum, b| sum.wrapping_mul(31).wrapping_add(usize::from(*b)));
    let now = Timestamp::from_millis(AT);
    for (way, given) in cases {
        let headers = headers(&given);
        assert_eq!(offered(&headers, sources, way), Ok(()));
        assert_eq!(of(&headers, raw, sources, way, now), Ok(Proof::Good), "{way:?}");
        let mut other = raw.to_vec();
        if raw.is_empty() {
            other.push(b'x');
        } else if let Some(byte) = other.get_mut(pick % raw.len()) {
            *byte = byte.wrapping_add(1);
        }
        assert!(of(&headers, &other, sources, way, now).is_err(), "{way:?}: another byte");
        // A byte that changes sides between the body and the time, or to the end of the body.
        let longer = [raw, b"1"].concat();
        assert!(of(&headers, &longer, sources, way, now).is_err(), "{way:?}: a byte more");
        if let Some((_, shorter)) = raw.split_last() {
            assert!(of(&headers, shorter, sources, way, now).is_err(), "{way:?}: a byte less");
        }
        let elsewhere = match way {
            Way::Custom(_) => Way::Vapi,
            _ => Way::Custom("desk"),
        };
        assert!(of(&headers, raw, sources, elsewhere, now).is_err(), "{way:?}: another platform's");
    }
    // Whatever stands in the headers proves nothing by itself.
    let words = String::from_utf8_lossy(raw).chars().filter(char::is_ascii_graphic).take(200).collect::<String>();
    let all = ["x-retell-signature", "authorization", "x-vapi-secret", "x-signature", "x-timestamp"];
    let headers = headers(&all.map(|name| (name, words.as_str())));
    for way in [Way::Retell, Way::Vapi, Way::Custom("desk"), Way::Custom("nobody")] {
        assert!(of(&headers, raw, sources, way, now).is_err(), "{way:?}: {words:?}");
    }
}

fn signed(key: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect()
}

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    let one = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("visible characters"))
    };
    all.iter().map(one).collect()
}
