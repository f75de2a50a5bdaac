//! Twilio: credentials by reads that cost nothing, the account, each sender, and what stopped working already.

use url::Url;

use crate::domain::breaker::shown;
use crate::domain::types::Sender;
use crate::gateways::twilio::{AccountSeen, NumberSeen, ServiceSeen, TwilioClient};
use crate::gateways::{GatewayError, ListFilter, SmsGateway as _};
use crate::store::Views;

use super::super::app::App;
use super::finding::{Findings, bounded, too_long};

/// The code of a request that test credentials may not make (`facts/twilio.md` §12).
const TEST_CREDENTIALS: u32 = 20_008;

/// What a question came to.
pub(super) enum Probe<T> {
    Yes(T),
    /// The provider refused.
    No(GatewayError),
    /// Nobody could be asked.
    Unknown(String),
}

pub(super) async fn check(app: &App, store: Option<&dyn Views>) -> Findings {
    let mut f = Findings::of("twilio");
    if !app.config.texts {
        f.skip("credentials", "nobody is told by text: every step is by mail");
        super::public_url::check(app, &mut f).await;
        return f;
    }
    match (app.twilio(), app.twilio_by_token()) {
        (Ok(client), Ok(by_token)) => asked(app, &client, &by_token, &mut f).await,
        (Err(_), _) | (_, Err(_)) => {
            f.skip("credentials", "not all are configured: see config above");
            f.skip("senders", "not asked without credentials");
        }
    }
    breakers(app, store, &mut f).await;
    super::public_url::check(app, &mut f).await;
    f
}

async fn asked(app: &App, client: &TwilioClient, by_token: &TwilioClient, f: &mut Findings) {
    let one = ListFilter { limit: 1, ..ListFilter::default() };
    let requests = ask(app, client.list(&one)).await;
    let works = match &requests {
        Probe::Yes(_) => {
            f.ok("credentials", "accepted (the list of messages can be read)");
            true
        }
        Probe::No(e) => {
            refused(e, "credentials", f);
            false
        }
        Probe::Unknown(why) => {
            f.fail("credentials", format!("Twilio could not be asked: {why}"), REACH);
            false
        }
    };
    if is_test(&requests) {
        f.skip("account", "test credentials may not ask");
        f.skip("senders", "test credentials own none");
        return;
    }
    let key = app.config.twilio.as_ref().and_then(|t| t.api_key.as_ref()).map(|(sid, _)| sid.as_str());
    account(ask(app, by_token.account()).await, key, f);
    if !works {
        f.skip("senders", "not asked: the credentials were not accepted");
        return;
    }
    let server = &app.config.server;
    let public = server.public_url.as_ref().map(|url| Public { url, written_host: server.public_host.as_deref() });
    for (sender, role) in senders(app) {
        let name = format!("sender {}", shown(sender.as_str()));
        if sender.is_service() {
            service(ask(app, client.service(sender.as_str())).await, name, &role, public, f);
        } else if sender.as_str().starts_with('+') {
            number(ask(app, client.number(sender.as_str())).await, name, &role, public, f);
        } else if sender.as_str().bytes().all(|b| b.is_ascii_digit()) {
            f.skip(name, format!("{role}; a short code is not looked up"));
        } else {
            let next = "replies are how a technician takes a call: use a number";
            f.warn(name, format!("{role}; nobody can reply to a name"), next);
        }
    }
}

pub(super) const REACH: &str = "look at the network, its name server and twilio.base_url";
const CREDENTIALS: &str =
    "compare twilio.account_sid, auth_token and api_key with the console; another account's do not fit";

pub(super) async fn ask<T>(app: &App, question: impl Future<Output = Result<T, GatewayError>>) -> Probe<T> {
    match bounded(app, question).await {
        Some(Ok(answer)) => Probe::Yes(answer),
        Some(Err(e @ GatewayError::Refused { .. })) => Probe::No(e),
        Some(Err(GatewayError::Retryable { why, .. } | GatewayError::Unknown { why })) => Probe::Unknown(why),
        None => Probe::Unknown(too_long()),
    }
}

fn is_test<T>(said: &Probe<T>) -> bool {
    matches!(said, Probe::No(GatewayError::Refused { code: Some(c), .. }) if c.0 == TEST_CREDENTIALS)
}

fn refused(e: &GatewayError, name: &str, f: &mut Findings) {
    let GatewayError::Refused { http, code, message } = e else { return };
    if code.is_some_and(|c| c.0 == TEST_CREDENTIALS) {
        let next = "take the account's live credentials; to try things out, use --test-mode";
        f.fail(name, "these are Twilio's test credentials: nothing is sent to anybody", next);
        return;
    }
    let words = if message.is_empty() { String::new() } else { format!(": {message}") };
    let next = match http {
        401 | 403 => CREDENTIALS,
        404 => "twilio.account_sid is not this account's",
        _ => "look the code up at twilio.com/docs/api/errors",
    };
    f.fail(name, format!("{e}{words}"), next);
}

/// `key`: the API key that requests are made with, where there is one.
fn account(said: Probe<AccountSeen>, key: Option<&str>, f: &mut Findings) {
    match said {
        Probe::Yes(seen) if !matches!(seen.status.as_str(), "active" | "") => {
            f.fail("account", format!("is {}", seen.status), "see the console: nothing is sent from such an account");
        }
        Probe::Yes(seen) if seen.kind == "Trial" => f.warn(
            "account",
            "is a trial: only verified numbers are texted, and each text begins with Twilio's own words",
            "upgrade it before it is relied on",
        ),
        Probe::Yes(_) => f.ok("account", "active; the auth token that signs webhooks is its own"),
        Probe::No(_) if key.is_some() => {
            let what =
                "twilio.auth_token was not accepted: requests work by the API key, but every webhook would be refused";
            f.fail("account", what, CREDENTIALS);
        }
        Probe::No(e) => refused(&e, "account", f),
        Probe::Unknown(why) => f.skip("account", format!("could not be asked: {why}")),
    }
}

/// Every sender that may be used, once, and what for.
fn senders(app: &App) -> Vec<(&Sender, String)> {
    let d = &app.config.directory;
    let mut all: Vec<(&Sender, String)> = Vec::new();
    let lines = d.lines.iter().filter_map(|l| Some((l.from.as_ref()?, format!("of the line {}", l.name))));
    let first = d.from.iter().map(|s| (s, "the default".to_owned()));
    let fallback = d.fallback.iter().enumerate().map(|(i, s)| (s, format!("fallback {}", i + 1)));
    for (sender, role) in first.chain(lines).chain(fallback) {
        match all.iter_mut().find(|(s, _)| *s == sender) {
            Some((_, roles)) => *roles = format!("{roles}, {role}"),
            None => all.push((sender, role)),
        }
    }
    all
}

fn number(said: Probe<Option<NumberSeen>>, name: String, role: &str, public: Option<Public<'_>>, f: &mut Findings) {
    match said {
        Probe::Yes(None) => {
            let next = "buy it, port it, or set another in twilio.from, fallback_from or the line's from";
            f.fail(name, format!("{role}; is no number of this account"), next);
        }
        Probe::Yes(Some(n)) if n.sms == Some(false) => {
            f.fail(name, format!("{role}; cannot send texts"), "use a number with the SMS capability");
        }
        Probe::Yes(Some(n)) if n.has_application && public.is_some() => {
            let what =
                format!("{role}; can send texts, but replies go where its application (sms_application_sid) says");
            let next = "take the application off the number, or set its message URL to ours (POST)";
            f.warn(name, what, next);
        }
        Probe::Yes(Some(n)) => {
            let hook = Hook { url: &n.inbound_url, method: &n.inbound_method };
            inbound(hook, name, &format!("{role}; can send texts"), public, f);
        }
        Probe::No(GatewayError::Refused { http: 401 | 403, .. }) => {
            f.skip(name, format!("{role}; this API key may not list the account's numbers"));
        }
        Probe::No(e) => f.skip(name, format!("{role}; could not be looked up: {e}")),
        Probe::Unknown(why) => f.skip(name, format!("{role}; could not be looked up: {why}")),
    }
}

fn service(said: Probe<Option<ServiceSeen>>, name: String, role: &str, public: Option<Public<'_>>, f: &mut Findings) {
    match said {
        Probe::Yes(None) => {
            f.fail(
                name,
                format!("{role}; is no messaging service of this account"),
                "correct its SID, MG and 32 hex digits",
            );
        }
        Probe::Yes(Some(ServiceSeen { inbound_url: Some(url), inbound_method })) => {
            let hook = Hook { url: &url, method: &inbound_method };
            inbound(hook, name, &format!("{role}; a messaging service"), public, f);
        }
        Probe::Yes(Some(_)) => f.ok(name, format!("{role}; a messaging service; replies go where each number says")),
        Probe::No(e) => f.skip(name, format!("{role}; could not be looked up: {e}")),
        Probe::Unknown(why) => f.skip(name, format!("{role}; could not be looked up: {why}")),
    }
}

/// What the provider calls, as we know it.
#[derive(Clone, Copy)]
struct Public<'a> {
    url: &'a Url,
    written_host: Option<&'a str>,
}

/// Where the provider brings replies, as its console has it.
#[derive(Clone, Copy)]
struct Hook<'a> {
    url: &'a str,
    method: &'a str,
}

/// How such a place is one of ours.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    Ours,
    /// It is, but for capitals in its host that our configuration does not show: they are signed.
    Capitals,
    Elsewhere,
    Nowhere,
}

fn fit(seen: &str, public: Public<'_>) -> Fit {
    if seen.trim().is_empty() {
        return Fit::Nowhere;
    }
    let Ok(url) = Url::parse(seen.trim()) else { return Fit::Elsewhere };
    let wanted = format!("{}{INBOUND}", public.url.path().trim_end_matches('/'));
    let path = url.path().strip_suffix('/').unwrap_or(url.path());
    if url.origin() != public.url.origin() || path != wanted {
        return Fit::Elsewhere;
    }
    let host = url.host_str().unwrap_or_default();
    let spelled = [Some(host), public.written_host].into_iter().flatten().any(|h| seen.contains(&format!("://{h}")));
    if spelled { Fit::Ours } else { Fit::Capitals }
}

const INBOUND: &str = "/webhooks/twilio/sms-inbound";

/// Whether replies to a sender come to us; without the webhook they are read by asking, later.
fn inbound(seen: Hook<'_>, name: String, what: &str, public: Option<Public<'_>>, f: &mut Findings) {
    let Some(public) = public else {
        f.ok(name, what);
        return;
    };
    let wanted = format!("{}{INBOUND}", public.url.as_str().trim_end_matches('/'));
    let next = format!("set its inbound webhook to {wanted} (POST)");
    let is_post = seen.method.is_empty() || seen.method.eq_ignore_ascii_case("POST");
    match fit(seen.url, public) {
        Fit::Ours | Fit::Capitals if !is_post => {
            let what = format!(
                "{what}, but its webhook is called by {}, which we refuse: replies are heard late",
                seen.method
            );
            f.warn(name, what, next);
        }
        Fit::Ours => f.ok(name, format!("{what}, and replies come here")),
        Fit::Capitals => {
            let what = format!("{what}, and replies come here, if the proxy tells us the host as Twilio writes it");
            f.warn(name, what, "write the host alike in Twilio's console and in server.public_url");
        }
        Fit::Elsewhere => {
            f.warn(name, format!("{what}, but replies go elsewhere: they are heard late, by asking"), next);
        }
        Fit::Nowhere => f.warn(name, format!("{what}, but replies go nowhere: they are heard late, by asking"), next),
    }
}

async fn breakers(app: &App, store: Option<&dyn Views>, f: &mut Findings) {
    let Some(store) = store else {
        f.skip("breakers", "no store, none");
        return;
    };
    match bounded(app, store.breakers()).await {
        Some(Ok(all)) => {
            let open: Vec<_> = all.into_iter().filter(crate::domain::breaker::Breaker::is_open).collect();
            for b in &open {
                let what = format!("{} is not used since {}: {}", shown(&b.sender), b.opened_at, b.why);
                f.fail("breakers", what, "mend the cause; it is tried every minute, or `dispatchctl breaker close`");
            }
            if open.is_empty() {
                f.ok("breakers", "none is open");
            }
        }
        Some(Err(e)) => f.skip("breakers", e.to_string()),
        None => f.skip("breakers", too_long()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::types::ErrorCode;

    fn said(check: impl FnOnce(&mut Findings)) -> (String, String) {
        let mut f = Findings::of("twilio");
        check(&mut f);
        assert_eq!(f.all.len(), 1, "{:?}", f.all);
        let one = f.all.remove(0);
        (one.status.as_str().to_owned(), format!("{} {}", one.what, one.next.unwrap_or_default()))
    }

    fn refusal(http: u16, code: u32) -> GatewayError {
        GatewayError::Refused { http, code: Some(ErrorCode(code)), message: "Authenticate".into() }
    }

    #[test]
    fn an_account_is_judged_by_its_state_and_by_whose_token_it_is() {
        let seen = |status: &str, kind: &str| Probe::Yes(AccountSeen { status: status.into(), kind: kind.into() });
        for (label, said_of, key, status, words) in [
            ("active", seen("active", "Full"), None, "ok", "signs webhooks"),
            ("trial", seen("active", "Trial"), None, "warn", "verified numbers"),
            ("suspended", seen("suspended", "Full"), None, "fail", "suspended"),
            ("wrong token", Probe::No(refusal(401, 20003)), None, "fail", "auth_token"),
            ("wrong token beside a key", Probe::No(refusal(401, 20003)), Some("SK1"), "fail", "every webhook"),
            ("away", Probe::Unknown("no connection".into()), None, "skip", "no connection"),
        ] {
            let (got, text) = said(|f| account(said_of, key, f));
            assert!(got == status && text.contains(words), "{label}: {got} {text}");
        }
    }

    #[test]
    fn a_sender_is_judged_by_whose_it_is_what_it_can_and_where_replies_go() {
        let url: Url = "https://dispatch.example.com/".parse().expect("a URL");
        let here = Public { url: &url, written_host: None };
        let hook = "https://dispatch.example.com/webhooks/twilio/sms-inbound";
        let by = |sms, url: &str, method: &str| {
            let (inbound_url, inbound_method) = (url.to_owned(), method.to_owned());
            Probe::Yes(Some(NumberSeen { sms, inbound_url, inbound_method, ..NumberSeen::default() }))
        };
        let seen = |sms, url: &str| by(sms, url, "POST");
        let application =
            Probe::Yes(Some(NumberSeen { inbound_url: hook.into(), has_application: true, ..NumberSeen::default() }));
        for (label, said_of, status, words) in [
            ("ours", seen(Some(true), hook), "ok", "replies come here"),
            ("not said", seen(None, hook), "ok", "replies come here"),
            ("no texts", seen(Some(false), hook), "fail", "SMS capability"),
            ("a slash at the end", seen(None, &format!("{hook}/")), "ok", "replies come here"),
            ("called by GET", by(None, hook, "GET"), "warn", "by GET, which we refuse"),
            ("capitals", seen(None, &hook.replace("dispatch", "Dispatch")), "warn", "write the host alike"),
            ("an application's", application, "warn", "sms_application_sid"),
            ("another path", seen(None, "https://dispatch.example.com/sms"), "warn", hook),
            ("another scheme", seen(None, &hook.replace("https", "http")), "warn", hook),
            ("replies elsewhere", seen(Some(true), "https://other.example.com"), "warn", hook),
            ("replies nowhere", seen(Some(true), ""), "warn", "nowhere"),
            ("not ours", Probe::Yes(None), "fail", "no number of this account"),
            ("a key that may not ask", Probe::No(refusal(401, 20003)), "skip", "may not list"),
            ("away", Probe::Unknown("no connection".into()), "skip", "no connection"),
        ] {
            let (got, text) = said(|f| number(said_of, "s".into(), "the default", Some(here), f));
            assert!(got == status && text.contains(words), "{label}: {got} {text}");
        }
        let of_numbers = || Probe::Yes(Some(ServiceSeen { inbound_url: None, inbound_method: String::new() }));
        assert_eq!(said(|f| service(of_numbers(), "s".into(), "the default", Some(here), f)).0, "ok");
        assert_eq!(said(|f| service(Probe::Yes(None), "s".into(), "the default", None, f)).0, "fail");
        assert_eq!(
            said(|f| number(seen(Some(true), ""), "s".into(), "the default", None, f)).0,
            "ok",
            "no webhook, none missed"
        );
    }
}
