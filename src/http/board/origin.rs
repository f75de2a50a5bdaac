//! Whether a form was sent by a page of ours. No token is in a form: the browser says from where it comes.
//!
//! `Sec-Fetch-Site` decides where it is sent; a browser that does not send it (plain HTTP, an old one) sends `Origin` with every form.
//! What has neither is no browser: programs use `/api`.

use axum::http::{HeaderMap, HeaderValue, header};
use url::Url;

/// Whether a page of ours, or the person themselves, sent it.
pub(super) fn is_own(headers: &HeaderMap, public_url: Option<&Url>) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    match (sites.next().map(HeaderValue::to_str), sites.next()) {
        (Some(Ok("same-origin" | "none")), None) => return true,
        (None, None) => {}
        _ => return false,
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(Ok(origin)), None) = (origins.next().map(HeaderValue::to_str), origins.next()) else { return false };
    let Some((scheme, authority)) = origin.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
    else {
        return false;
    };
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next().map(HeaderValue::to_str), hosts.next()) {
        (Some(Ok(host)), None) => host,
        _ => return false,
    };
    let is_public = public_url.is_some_and(|url| url.origin().ascii_serialization().eq_ignore_ascii_case(origin));
    // A proxy that ends TLS tells us plain HTTP, and may leave a usual port out.
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let plain = |a: &str| a.strip_suffix(usual).unwrap_or(a).to_ascii_lowercase();
    is_public || (!authority.is_empty() && plain(authority) == plain(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_pages_are_told_from_ours() {
        let public = Url::parse("https://dispatch.example.com/").expect("a URL");
        for (headers, want) in [
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")][..], true),
            (&[("sec-fetch-site", "none")], true),
            (
                &[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:3000"), ("host", "localhost:3000")],
                false,
            ),
            (&[("sec-fetch-site", "same-site"), ("host", "localhost:3000")], false),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
            (&[("origin", "http://localhost:3000"), ("host", "localhost:3000")], true),
            (&[("origin", "http://LOCALHOST:3000"), ("host", "localhost:3000")], true),
            (&[("origin", "http://localhost:3001"), ("host", "localhost:3000")], false),
            (&[("origin", "https://board.example.com"), ("host", "board.example.com:443")], true),
            (&[("origin", "http://board.example.com"), ("host", "board.example.com:443")], false),
            (&[("origin", "https://dispatch.example.com"), ("host", "127.0.0.1:3000")], true),
            (&[("origin", "http://dispatch.example.com"), ("host", "127.0.0.1:3000")], false),
            (&[("origin", "null"), ("host", "localhost:3000")], false),
            (&[("origin", "http://"), ("host", "")], false),
            (&[("origin", "http://localhost:3000")], false),
            (&[("host", "localhost:3000")], false),
            (&[], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().expect("a header"));
            }
            assert_eq!(is_own(&map, Some(&public)), want, "{headers:?}");
        }
    }
}
