//! The forms that values are written in: durations and URLs.

use std::net::Ipv4Addr;
use std::time::Duration;

use url::Url;

/// What a duration looks like.
pub(super) const DURATION_FORM: &str = "a duration like \"90s\", \"2m\" or \"1h30m\"";
/// The longest duration that any key takes.
const DURATION_MAX: Duration = Duration::from_secs(366 * 86_400);

/// `90s`, `2m`, `1h30m`, `0s`, `500ms`: whole numbers with units from large to small, each unit at most once.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let wrong = || format!("{} is not a duration", quoted(text));
    let mut rest = text.trim();
    let mut units = UNITS.iter();
    let mut total_ms: u64 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, unit_ms) = units.find(|(u, _)| *u == unit).ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total_ms = number.checked_mul(*unit_ms).and_then(|ms| total_ms.checked_add(ms)).ok_or_else(wrong)?;
        rest = tail;
    }
    let total = Duration::from_millis(total_ms);
    if total > DURATION_MAX { Err(format!("{} is longer than a year", quoted(text))) } else { Ok(total) }
}

/// A duration as every setting writes it, for flags.
///
/// # Errors
/// A sentence that names the accepted form.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
}

/// The shortest text that [`parse_duration`] reads back.
pub(super) fn show_duration(d: Duration) -> String {
    let ms = d.as_millis();
    let (s, ms) = (ms / 1000, ms % 1000);
    let mut out = String::new();
    for (n, unit) in [(s / 3600, "h"), (s / 60 % 60, "m"), (s % 60, "s"), (ms, "ms")] {
        if n > 0 {
            out.push_str(&format!("{n}{unit}"));
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// What a plain URL looks like.
pub(super) const URL_FORM: &str =
    "an https:// URL without credentials, query or fragment (http:// only on this machine)";

/// Whether a URL's host is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// An http or https URL with a host; http only on this machine. The error never echoes the text.
pub(super) fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|e| format!("is not a URL: {e}"))?;
    match url.scheme() {
        _ if url.host().is_none() => Err("has no host".into()),
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("is not encrypted".into()),
        _ => Err("is neither http nor https".into()),
    }
}

/// Why a provider cannot call this URL over the internet, as far as its host's own form says.
pub(super) fn why_unreachable(url: &Url) -> Option<&'static str> {
    let (v4, v6) = match url.host()? {
        url::Host::Ipv4(ip) => (Some(ip), None),
        url::Host::Ipv6(ip) => (ip.to_ipv4_mapped(), Some(ip)),
        url::Host::Domain(name) => return why_unreachable_name(name.trim_end_matches('.')),
    };
    let is_shared = |ip: Ipv4Addr| ip.octets()[0] == 100 && (ip.octets()[1] & 0b1100_0000) == 64;
    let local_v4 = v4.is_some_and(|ip| {
        ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || is_shared(ip)
    });
    let local_v6 = v6.is_some_and(|ip| {
        ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
    });
    (local_v4 || local_v6).then_some("is an address of this machine or of a private network")
}

fn why_unreachable_name(name: &str) -> Option<&'static str> {
    const LOCAL: [&str; 7] = ["localhost", "local", "internal", "lan", "home.arpa", "test", "invalid"];
    let ends_in = |end: &&str| name == *end || name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
    if name.contains('_') {
        Some("has an underscore in its host, which Twilio refuses (21609)")
    } else if LOCAL.iter().any(ends_in) || !name.contains('.') {
        Some("is a name of this machine or of a private network")
    } else {
        None
    }
}

/// The host of a URL as it was written, where its capitals are not the parsed one's.
pub(super) fn written_host(text: &str, url: &Url) -> Option<String> {
    let (_, rest) = text.trim().split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let parsed = url.host_str()?;
    let written = authority.get(..parsed.len())?;
    (written != parsed && written.eq_ignore_ascii_case(parsed)).then(|| written.to_owned())
}

/// The same without credentials, query and fragment.
pub(super) fn parse_plain_url(text: &str) -> Result<Url, String> {
    let url = parse_url(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds credentials".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment".into());
    }
    Ok(url)
}

/// A wrong word for an error message: short, one line, phone numbers masked.
pub(super) fn quoted(text: &str) -> String {
    let short: String = crate::domain::phone::masked(text).chars().take(24).flat_map(char::escape_debug).collect();
    let more = if text.chars().count() > 24 { "…" } else { "" };
    format!("\"{short}{more}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, ms, shown) in [
            ("0s", 0, "0s"),
            ("90s", 90_000, "1m30s"),
            ("2m", 120_000, "2m"),
            ("1h30m", 5_400_000, "1h30m"),
            (" 500ms ", 500, "500ms"),
            ("1d", 86_400_000, "24h"),
            ("1h0m1s", 3_601_000, "1h1s"),
        ] {
            let d = parse_duration(text).expect(text);
            assert_eq!((d.as_millis(), show_duration(d).as_str()), (ms, shown), "{text}");
            assert_eq!(parse_duration(&show_duration(d)), Ok(d), "{text}");
        }
        for bad in [
            "",
            " ",
            "5",
            "s",
            "-1s",
            "1.5h",
            "5 minutes",
            "1m1h",
            "1s1s",
            "1ms1s",
            "2 m",
            "99999999999999999999s",
            "400d",
            "18446744073709551615h",
            "１s",
            "1h30",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_host_that_nobody_outside_can_call_is_known_by_its_form() {
        for (url, unreachable) in [
            ("https://dispatch.example.com/pre", false),
            ("https://dispatch.example.com.", false),
            ("https://203.0.113.9", false),
            ("https://[2001:db8::1]", false),
            ("https://100.63.0.1", false),
            ("https://localhost.example.com", false),
            ("https://10.1.2.3", true),
            ("https://172.16.0.1:8443", true),
            ("https://192.168.1.5", true),
            ("https://169.254.1.1", true),
            ("https://100.64.0.1", true),
            ("https://0.0.0.0", true),
            ("http://127.0.0.1", true),
            ("https://[::1]", true),
            ("https://[fd00::1]", true),
            ("https://[fe80::1]", true),
            ("https://[::ffff:10.0.0.1]", true),
            ("https://dispatch_box.example.com", true),
            ("https://dispatch", true),
            ("https://nas.local", true),
            ("https://vm.corp.internal", true),
            ("https://router.home.arpa", true),
        ] {
            let parsed = Url::parse(url).expect(url);
            assert_eq!(why_unreachable(&parsed).is_some(), unreachable, "{url}");
        }
    }

    #[test]
    fn a_host_is_kept_as_written_where_its_capitals_say_something() {
        for (text, want) in [
            ("https://Dispatch.Example.com:8443/pre", Some("Dispatch.Example.com")),
            (" HTTPS://Dispatch.Example.com ", Some("Dispatch.Example.com")),
            ("https://dispatch.example.com/Pre", None),
            ("https://[::1]/X", None),
            ("https://bücher.example", None),
        ] {
            let parsed = Url::parse(text.trim()).expect(text);
            assert_eq!(written_host(text, &parsed).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn urls_leave_the_machine_only_encrypted_and_without_credentials() {
        for ok in
            ["https://a.example", "http://127.0.0.1:1", "http://[::1]:1/x", "http://localhost", "http://127.9.9.9"]
        {
            assert!(parse_plain_url(ok).is_ok(), "{ok}");
        }
        for bad in [
            "",
            "a.example",
            "http://a.example",
            "http://localhost.example.com",
            "http://0.0.0.0:1",
            "ftp://127.0.0.1",
            "https://user:pw@a.example",
            "https://a.example/?x=1",
            "https://a.example/#x",
            "data:text/plain,x",
        ] {
            let got = parse_plain_url(bad);
            assert!(got.as_ref().is_err_and(|e| !e.contains("pw")), "{bad}: {got:?}");
        }
    }
}
