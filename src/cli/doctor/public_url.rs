//! The public URL: whether a call to it reaches our own listener, and whether a signed one is let in. It is called from this
//! machine; that Twilio reaches it too is likely then, and not proven.

use std::error::Error as _;

use secrecy::ExposeSecret as _;
use url::Url;

use crate::config::{Mode, Twilio};
use crate::gateways::twilio::signature;
use crate::http::{PROBE, probe_proof};

use super::super::app::App;
use super::finding::{CHECK_MAX, Findings, bounded, too_long};

const NAME: &str = "public URL";
const PROXY: &str = "let the proxy pass everything under /webhooks/ to server.listen or server.public_listen";

/// What came back.
struct SelfCheckAnswer {
    status: u16,
    body: Vec<u8>,
}

pub(super) async fn check(app: &App, f: &mut Findings) {
    let (Some(url), Some(twilio)) = (&app.config.server.public_url, &app.config.twilio) else {
        let what = match &app.config.server.public_url {
            Some(_) => "not tried: not all of Twilio's credentials are configured",
            None if app.config.mode == Mode::Test => "`serve` takes its own address in test mode",
            None => "not tried: it is not set",
        };
        f.skip(NAME, what);
        return;
    };
    if app.holder().await.is_none_or(|h| h.role != "serve") {
        f.skip(NAME, "not tried: no `serve` runs here on this store");
        return;
    }
    let nonce = app.ids.uuid(app.clock.now()).simple().to_string();
    match bounded(app, call(url, twilio, &nonce)).await {
        Some(Ok(answer)) => judge(&answer, &probe_proof(&twilio.auth_token, &nonce), f),
        Some(Err(why)) => {
            let next = "see that its name resolves, its certificate is good and its proxy runs";
            f.fail(NAME, format!("{url} cannot be called from here: {why}"), next);
        }
        None => f.fail(NAME, format!("{url}: {}", too_long()), PROXY),
    }
}

/// As the provider calls it, at a path that records nothing.
async fn call(url: &Url, twilio: &Twilio, nonce: &str) -> Result<SelfCheckAnswer, String> {
    let mut builder = reqwest::Client::builder()
        .timeout(CHECK_MAX)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("dispatchctl/", env!("CARGO_PKG_VERSION")));
    if url.scheme() != "https" {
        builder = builder.tls_certs_only([]);
    }
    let client = builder.build().map_err(|_| "no client could be made".to_owned())?;
    let place = format!("{}{PROBE}", url.as_str().trim_end_matches('/'));
    let form = [("AccountSid", twilio.account_sid.as_str()), ("Nonce", nonce)];
    let pairs = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let signed = signature::sign(twilio.auth_token.expose_secret(), &place, &pairs);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = client
        .post(&place)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("X-Twilio-Signature", signed)
        .body(body);
    let mut answer = request.send().await.map_err(|e| innermost(&e))?;
    let (status, mut body) = (answer.status().as_u16(), Vec::new());
    while let Some(more) = answer.chunk().await.map_err(|e| innermost(&e))? {
        body.extend_from_slice(&more);
        if body.len() > 64 * 1024 {
            break;
        }
    }
    Ok(SelfCheckAnswer { status, body })
}

/// The cause without the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.source().is_none() { "no answer".to_owned() } else { cause.to_string() }
}

fn judge(answer: &SelfCheckAnswer, proof: &str, f: &mut Findings) {
    let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_ours = document["requestId"].is_string();
    match answer.status {
        200 if document["proof"].as_str() == Some(proof) => {
            f.ok(NAME, "our own listener answers there, and a signed call is let in (called from this machine)");
        }
        200..300 => f.fail(NAME, "something else answers there", PROXY),
        300..400 => f.fail(NAME, format!("it redirects ({}): a callback would be lost", answer.status), PROXY),
        403 if document["type"] == "urn:dispatchctl:problem:signature" => {
            let what = "our listener refuses a call that is signed with this auth token and public_url";
            let next = "`serve` runs with others: correct the file, and send it SIGHUP or restart it";
            f.fail(NAME, what, next);
        }
        404 if is_ours => {
            f.fail(NAME, "our listener does not know the path under which it is called", "correct server.public_url");
        }
        status => f.fail(NAME, format!("it answers {status}: a proxy, not our listener"), PROXY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_at_the_public_url_is_told_apart() {
        let problem = |kind: &str| format!(r#"{{"type":"urn:dispatchctl:problem:{kind}","requestId":"req_1"}}"#);
        for (label, status, body, want, words) in [
            ("ours", 200, r#"{"proof":"right"}"#.to_owned(), "ok", "signed call"),
            ("ours, with another token", 200, r#"{"proof":"wrong"}"#.to_owned(), "fail", "something else"),
            ("a web server", 200, "<html>".to_owned(), "fail", "something else"),
            ("a redirect", 301, String::new(), "fail", "redirects (301)"),
            ("a signature that is refused", 403, problem("signature"), "fail", "SIGHUP"),
            ("a proxy that forbids", 403, "<html>".to_owned(), "fail", "403"),
            ("a path that is not ours", 404, problem("none"), "fail", "does not know the path"),
            ("a proxy that knows no path", 404, "<html>".to_owned(), "fail", "404"),
            ("a proxy without us", 502, "<html>".to_owned(), "fail", "502"),
        ] {
            let mut f = Findings::of("twilio");
            judge(&SelfCheckAnswer { status, body: body.into_bytes() }, "right", &mut f);
            let one = f.all.remove(0);
            let text = format!("{} {}", one.what, one.next.unwrap_or_default());
            assert!(one.status.as_str() == want && text.contains(words), "{label}: {} {text}", one.status.as_str());
        }
    }
}
