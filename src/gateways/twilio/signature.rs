//! The signature on Twilio's callbacks: whether a request truly comes from the provider.
//!
//! Source: `facts/twilio.md` §7 (Twilio Security page; vectors of its official libraries). The URL is built from the
//! configured `public_url` and the raw path and query of the request line, never from what a client says its host is.
//! That exactly one signature header is there is checked by the caller.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha1::Sha1;

/// Checks `X-Twilio-Signature` against the account's auth tokens.
pub struct SignatureChecker {
    tokens: Vec<SecretString>,
}

impl std::fmt::Debug for SignatureChecker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignatureChecker({} tokens)", self.tokens.len())
    }
}

impl SignatureChecker {
    /// With the account's auth token and, while one is being rotated, the previous one. With none, nothing is ever valid.
    pub fn new(tokens: Vec<SecretString>) -> Self {
        Self { tokens: tokens.into_iter().filter(|t| !t.expose_secret().is_empty()).collect() }
    }

    /// The account's present auth token.
    pub fn first(&self) -> Option<&SecretString> {
        self.tokens.first()
    }

    #[cfg(test)]
    /// Whether the header signs a form POST (or, with no parameters, a GET) to this URL. `params` are decoded once, empty
    /// ones included, in any order. Constant time over tokens and forms of the URL.
    pub fn verify(
        &self,
        public_url: &url::Url,
        raw_path_and_query: &str,
        params: &[(String, String)],
        header: &str,
    ) -> bool {
        self.verify_spelled(public_url.as_str(), &[], raw_path_and_query, params, header)
    }

    /// The same where the public URL is kept as it was written, and its host may have been spelled otherwise where Twilio
    /// was told of it: of `spellings` (each with or without a port) those count that differ from it in capitals alone.
    pub fn verify_spelled(
        &self,
        public_url: &str,
        spellings: &[&str],
        raw_path_and_query: &str,
        params: &[(String, String)],
        header: &str,
    ) -> bool {
        let Ok(given) = STANDARD.decode(header) else { return false };
        let tail = parameters(params);
        let urls = forms(public_url, spellings, raw_path_and_query);
        let mut valid = false;
        for token in &self.tokens {
            for url in &urls {
                let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.expose_secret().as_bytes()) else { continue };
                mac.update(url.as_bytes());
                mac.update(tail.as_bytes());
                valid |= mac.verify_slice(&given).is_ok();
            }
        }
        valid
    }
}

/// What `X-Twilio-Signature` says for a form POST to `url`, as the provider computes it.
pub fn sign(token: &str, url: &str, params: &[(String, String)]) -> String {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.as_bytes()) else { return String::new() };
    mac.update(url.as_bytes());
    mac.update(parameters(params).as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Name and value of each parameter, sorted by name in byte order; the values of a repeated name sorted and each once, as
/// Twilio's Node and Python libraries do.
fn parameters(params: &[(String, String)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in params {
        sorted.entry(name).or_default().insert(value);
    }
    let pairs = sorted.iter().flat_map(|(name, values)| values.iter().map(move |value| [*name, *value]));
    pairs.flatten().collect()
}

/// What the provider may have signed for one request: the URL as written, with the standard port added, and without any port
/// (all are accepted by Twilio's own libraries); with the slash at the path's end and without it, as a proxy adds or drops
/// one; where the public URL has a path, with that path before the request's (a proxy took it off) or as it came.
fn forms(public_url: &str, spellings: &[&str], raw_path_and_query: &str) -> Vec<String> {
    let base = public_url.split(['#', '?']).next().unwrap_or(public_url).trim_end_matches('/');
    let path = raw_path_and_query.split('#').next().unwrap_or(raw_path_and_query);
    let (scheme, rest) = base.split_once("://").unwrap_or(("", base));
    let (authority, prefix) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let origins = if scheme.is_empty() { vec![authority.to_owned()] } else { origins(scheme, authority, spellings) };
    let mut forms = Vec::new();
    for path in slash_kept_and_toggled(path) {
        for origin in &origins {
            forms.push(format!("{origin}{prefix}{path}"));
            if !prefix.is_empty() && path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/')) {
                forms.push(format!("{origin}{path}"));
            }
        }
    }
    forms
}

/// The path and query as they came, and with the slash at the path's end taken off or put there.
fn slash_kept_and_toggled(path_and_query: &str) -> [String; 2] {
    let (path, query) = path_and_query.find('?').map_or((path_and_query, ""), |at| path_and_query.split_at(at));
    let toggled = match path.strip_suffix('/') {
        Some(without) => format!("{without}{query}"),
        None => format!("{path}/{query}"),
    };
    [path_and_query.to_owned(), toggled]
}

/// Scheme and authority in each of their forms.
fn origins(scheme: &str, authority: &str, spellings: &[&str]) -> Vec<String> {
    let (host, port) = split_port(authority);
    let standard = if scheme.eq_ignore_ascii_case("http") { ":80" } else { ":443" };
    let mut hosts = vec![host];
    for spelled in spellings.iter().map(|s| split_port(s).0) {
        if spelled.eq_ignore_ascii_case(host) && !hosts.contains(&spelled) {
            hosts.push(spelled);
        }
    }
    let ports = if port.is_empty() { ["", standard] } else { [port, ""] };
    hosts.iter().flat_map(|host| ports.map(|port| format!("{scheme}://{host}{port}"))).collect()
}

/// The host, and the port with its colon. The colon is the last one, unless that stands inside an IPv6 address.
fn split_port(authority: &str) -> (&str, &str) {
    let at = authority.rfind(':').filter(|at| authority.rfind(']').is_none_or(|bracket| bracket < *at));
    at.map_or((authority, ""), |at| authority.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    const P: Pairs<'_> = &[
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ];
    const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";

    fn owned(pairs: Pairs<'_>) -> Vec<(String, String)> {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    fn plus<'a>(more: Pairs<'a>) -> Vec<(&'a str, &'a str)> {
        P.iter().chain(more).copied().collect()
    }

    fn split(url: &str) -> (&str, &str) {
        let host = url.find("://").expect("absolute") + 3;
        let path = url[host..].find('/').expect("a path") + host;
        url.split_at(path)
    }

    fn checker(tokens: &[&str]) -> SignatureChecker {
        SignatureChecker::new(tokens.iter().map(|t| SecretString::from(*t)).collect())
    }

    #[test]
    fn every_vector_of_the_official_libraries_holds() {
        let other = [("Caller", "+14158675310"), ("From", "+14158675310"), P[0], P[2], P[4]];
        let ended = plus(&[("ReasonConferenceEnded", "test"), ("Reason", "Participant")]);
        let hard =
            [("Message", "Hello & goodbye! @#$%^*()"), ("From", "+1 (415) 867-5309"), ("Special", "unicode: ñáéíóú")];
        let repeated =
            [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")];
        let vectors: &[(&str, Pairs<'_>, &str)] = &[
            (U, P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            ("https://mycompany.com:443/myapp.php?foo=1&bar=2", P, "kvajT1Ptam85bY51eRf/AJRuM3w="),
            ("http://mycompany.com:80/myapp.php?foo=1&bar=2", P, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
            ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", P, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
            ("https://mycompany.com:1234/myapp.php?foo=1&bar=2", P, "CYn1h0gLBdNxDGkKJg6hYohgeD8="),
            ("https://MyCompany.com/myapp.php?foo=1&bar=2", P, "g9IN/x4Cft2g517EjYvEvM/W7LU="),
            ("https://mycompany.com/myapp.php", P, "1xaxFBvyzXYvWplzNOSs28HWO94="),
            ("https://mycompany.com/myapp.php?foo=hello%20world&bar=test%2Bvalue", P, "er2tvAP1Wx+iuTTE2BPgvEaN1cs="),
            ("https://mycompany.com/myapp.php?foo=1&bar=2&Body=It%27s+amazing", P, "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
            (U, &[], "zYQTYrRWXE7LtzbG4PfP7/bkkGo="),
            (
                U,
                &[("Digits", ""), ("CallSid", "CA1234567890ABCDE"), ("EmptyParam", "")],
                "9HHp/OqQMEwdrVebHDdA/+tqjX8=",
            ),
            (
                U,
                &[("Zebra", "last"), ("Alpha", "first"), ("Beta", "second"), ("Gamma", "third")],
                "enveUe73ZTVLAekHxez3Qx6JuuQ=",
            ),
            (
                U,
                &[("callSid", "lowercase"), ("CallSid", "uppercase"), ("CALLSID", "allcaps")],
                "jDK7WKT8wiNrwggd4ceTv4e1MJ4=",
            ),
            (U, &ended, "vOEb5UThFn24KEfnOFLQY2AE5FY="),
            (U, &hard, "dCPiR4WtQ6QFN6pJh81CtlCcWLQ="),
            (U, &repeated, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
            ("https://example.com/myapp.php?foo=1&bar=2", &other, "L/OH5YylLD5NRKLltdqwSvS0BnU="),
        ];
        for (url, params, signature) in vectors {
            let (base, path) = split(url);
            let check = |token: &str, path: &str, params: &[(String, String)], header: &str| {
                checker(&[token]).verify_spelled(base, &[], path, params, header)
            };
            let params = owned(params);
            assert!(check("12345", path, &params, signature), "{url} {params:?}");
            assert_eq!(sign("12345", url, &params), *signature, "{url}");
            assert!(!check("12346", path, &params, signature), "another token: {url}");
            assert!(!check("12345", &format!("{path}x"), &params, signature), "another path: {url}");
            let mut forged = params.clone();
            forged.push(("Extra".to_owned(), "1".to_owned()));
            assert!(!check("12345", path, &forged, signature), "another parameter: {url}");
        }
    }

    #[test]
    fn callbacks_as_they_come_are_valid() {
        let (ac, sm, inbound) = ("a".repeat(32), "b".repeat(32), "c".repeat(32));
        let (ac, sm, inbound) = (format!("AC{ac}"), format!("SM{sm}"), format!("SM{inbound}"));
        let status = |word: &'static str| {
            owned(&[
                ("AccountSid", &ac),
                ("ApiVersion", "2010-04-01"),
                ("From", "+15557122661"),
                ("MessageSid", &sm),
                ("MessageStatus", word),
                ("RawDlrDoneDate", "2611220600"),
                ("SmsSid", &sm),
                ("SmsStatus", word),
                ("To", "+14155552345"),
            ])
        };
        let mut failed = status("undelivered");
        failed.extend(owned(&[("ErrorCode", "30003"), ("ErrorMessage", "")]));
        let reply = owned(&[
            ("AccountSid", &ac),
            ("ApiVersion", "2010-04-01"),
            ("Body", "1 ACK"),
            ("From", "+14155552345"),
            ("MessageSid", &inbound),
            ("SmsMessageSid", &inbound),
            ("SmsSid", &inbound),
            ("NumMedia", "0"),
            ("NumSegments", "1"),
            ("SmsStatus", "received"),
            ("To", "+15557122661"),
            ("ToCountry", "US"),
        ]);
        let path = "/twilio/status?attempt=01JDEXAMPLE";
        let public: url::Url = "https://dispatch.example.com".parse().expect("a URL");
        let both = checker(&["a token that was rotated away", "0123456789abcdef0123456789abcdef"]);
        for (label, path, params, signature) in [
            ("delivered", path, status("delivered"), "x1r+YSKpL16k7SnWyGrJaE/B7x8="),
            ("signed with the port", path, status("delivered"), "XeFk36fYRM6ErDuBd0gCNFyrYUw="),
            ("undelivered", path, failed, "L9g5eP9/1+c9RZHc+AS0+tK78BU="),
            ("inbound", "/twilio/inbound", reply, "/rRZATaaJ0ojUCn2KgdHJuKjF+Y="),
        ] {
            assert!(both.verify(&public, path, &params, signature), "{label}");
            assert!(!both.verify(&public, "/other", &params, signature), "{label}: another path");
            for bad in ["", "=", "AAAA", &signature[1..], &format!("{signature} "), "é"] {
                assert!(!both.verify(&public, path, &params, bad), "{label}: {bad:?}");
            }
            assert!(!checker(&[]).verify(&public, path, &params, signature), "no token: nothing is valid");
        }
    }

    #[test]
    fn every_form_that_the_provider_may_have_signed_is_tried_and_no_other() {
        let cases: &[(&str, &[&str], &str, &[&str])] = &[
            (
                "https://h.example",
                &[],
                "/a",
                &["https://h.example/a", "https://h.example:443/a", "https://h.example/a/", "https://h.example:443/a/"],
            ),
            (
                "http://h.example/",
                &[],
                "/a/?b=1#c",
                &[
                    "http://h.example/a/?b=1",
                    "http://h.example:80/a/?b=1",
                    "http://h.example/a?b=1",
                    "http://h.example:80/a?b=1",
                ],
            ),
            (
                "https://h.example:8443/pre/",
                &[],
                "/a",
                &[
                    "https://h.example:8443/pre/a",
                    "https://h.example/pre/a",
                    "https://h.example:8443/pre/a/",
                    "https://h.example/pre/a/",
                ],
            ),
            (
                "http://[::1]:80",
                &["[::1]:99"],
                "/a",
                &["http://[::1]:80/a", "http://[::1]/a", "http://[::1]:80/a/", "http://[::1]/a/"],
            ),
            ("nonsense", &[], "/a", &["nonsense/a", "nonsense/a/"]),
        ];
        for (base, spellings, path, want) in cases {
            assert_eq!(forms(base, spellings, path), *want, "{base} {path}");
        }
    }

    #[test]
    fn a_prefix_counts_whether_or_not_the_proxy_took_it_off() {
        let tried = |path: &str| forms("https://h.example/pre", &[], path);
        for (path, signed, yes) in [
            ("/a", "https://h.example/pre/a", true),
            ("/pre/a", "https://h.example/pre/a", true),
            ("/pre/a", "https://h.example/pre/pre/a", true),
            ("/a", "https://h.example/a", false),
            ("/prefix/a", "https://h.example/prefix/a", false),
        ] {
            assert_eq!(tried(path).iter().any(|form| form == signed), yes, "{path} {signed}");
        }
    }

    #[test]
    fn a_host_counts_in_the_spellings_that_differ_in_capitals_alone() {
        let tried = forms("https://h.example", &["H.Example:443", "H.Example", "evil.example", "h.example"], "/a");
        let hosts: BTreeSet<&str> = tried.iter().filter_map(|f| f.split([':', '/']).nth(3)).collect();
        assert_eq!(hosts.into_iter().collect::<Vec<_>>(), ["H.Example", "h.example"]);
        // The vector of the C# library, for a URL with capitals.
        let check = checker(&["12345"]);
        let (written, shown) = ("https://mycompany.com", "MyCompany.com");
        let path = "/myapp.php?foo=1&bar=2";
        let signature = "g9IN/x4Cft2g517EjYvEvM/W7LU=";
        assert!(check.verify_spelled(written, &[shown], path, &owned(P), signature));
        assert!(!check.verify_spelled(written, &["MYCOMPANY.com"], path, &owned(P), signature));
    }
}
