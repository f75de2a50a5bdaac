//! `[smtp]`: the relay that mails go by, and from whom they come.

use std::net::SocketAddr;

use secrecy::ExposeSecret as _;
use url::Url;

use super::known::why;
use super::people::MAIL_FORM;
use super::read::{Found, Reader, Section};
use super::secret_url::SecretUrl;
use super::secrets::need;
use super::test_mode::TestMode;
use super::types::Part;
use crate::domain::mail::{MailAddress, is_this_machine};

const URL_FORM: &str =
    "smtps://user:password@host, or smtp://user:password@host with STARTTLS (without TLS on this machine alone)";
/// What `[smtp]` says.
pub(super) struct SmtpSection {
    /// A secret in itself; `None`: not given, or not readable here.
    pub(super) url: Option<SecretUrl>,
    /// It decides whether there are mails at all.
    pub(super) from: Option<MailAddress>,
}

/// Reads `[smtp]`; in test mode the sandbox's relay stands in.
pub(super) fn smtp(r: &mut Reader, root: &mut Section, test: &mut TestMode, sandbox: SocketAddr) -> SmtpSection {
    let mut s = r.section(root, "smtp");
    let at = s.origin.clone().filter(|_| s.is_given());
    let given = r.secret(&mut s, "url", Part::Mail);
    let url = given.and_then(|found| relay_url(r, found));
    let parse = |s: &str| s.parse::<MailAddress>().map_err(why);
    let from = r.parsed(&mut s, "from", MAIL_FORM, parse, ToString::to_string).map(|f| f.value);
    r.finish(s);
    let instead =
        SecretUrl::sandbox_relay(sandbox).filter(|_| from.is_some()).map(|url| (url.clone(), url.0.to_string()));
    let url = test.local(r, "smtp.url", url, |u| u.0.host_str().is_some_and(is_this_machine), instead);
    if from.is_some() && url.is_none() {
        need(r, Part::Mail, at.clone(), "smtp.url", URL_FORM);
    }
    if let (Some(url), None) = (&url, &from) {
        let what = "is missing: without it no mail is sent";
        r.wrong(url.origin.clone(), "smtp.from", what, MAIL_FORM);
    }
    SmtpSection { url: url.map(|f| f.value), from }
}

fn relay_url(r: &mut Reader, found: Found<secrecy::SecretString>) -> Option<Found<SecretUrl>> {
    let parsed = Url::parse(found.value.expose_secret()).map_err(|_| "is no URL");
    let checked = parsed.and_then(|url| match (url.scheme(), url.host_str()) {
        ("smtps", Some(host)) if !host.is_empty() => Ok(url),
        ("smtp", Some(host)) if !host.is_empty() => Ok(url),
        ("smtp" | "smtps", _) => Err("names no host"),
        _ => Err("is neither smtps:// nor smtp://"),
    });
    match checked {
        Ok(url) => {
            let value = SecretUrl(url);
            r.show("smtp.url", value.to_string(), &found.origin);
            Some(Found { value, key: found.key, origin: found.origin, layer: found.layer })
        }
        Err(what) => {
            r.wrong(found.origin, &found.key, what, URL_FORM);
            None
        }
    }
}
