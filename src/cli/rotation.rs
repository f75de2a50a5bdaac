//! New secrets are tried before they count: one that the other side refuses changes nothing, and the old one goes on.
//!
//! Nothing is kept: a secret that was taken over and is lost with the process is read again from its file by the next start.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Config, Twilio};
use crate::gateways::mirror::MirrorError;
use crate::gateways::twilio::client::{Auth, TwilioClient};
use crate::gateways::{GatewayError, ListFilter, MirrorGateway, SmsGateway as _};

use super::app::App;
use super::credentials::auth_of;

const NEW_BASE_TOKEN: &str = "the new airtable.token";

/// What a new secret was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tried {
    /// Every one that is new is taken by its other side.
    Taken,
    /// One is refused: which, and in whose words.
    Refused(String),
    /// Nobody can say now; to be tried again.
    Unanswered(String),
}

/// New secrets, each with a client of its own, and the clients that this process works with know none of them. Who runs it holds
/// nothing that others wait for: the other side may hang.
#[derive(Default)]
pub(super) struct Trial {
    provider: Vec<(TwilioClient, &'static str)>,
    base: Option<Arc<dyn MirrorGateway>>,
}

impl Trial {
    /// Of each secret of `new`, which is as this process would use it ([`as_used`]), that `app` does not use yet.
    ///
    /// # Errors
    /// [`Tried::Refused`]: no client can be made with one of them.
    pub(super) fn of(app: &App, new: &Config) -> Result<Self, Tried> {
        let (old, mut trial) = (&app.config, Self::default());
        if let (Some(was), Some(is)) = (&old.twilio, &new.twilio)
            && !is_elsewhere(was, is)
        {
            let mut add = |auth: Auth, what: &'static str| {
                let client = app.twilio_tried(is, auth).map_err(|e| Tried::Refused(format!("{what}: {}", e.what)))?;
                trial.provider.push((client, what));
                Ok(())
            };
            if !same_auth(&auth_of(was), &auth_of(is)) {
                add(auth_of(is), "the new secret of [twilio]")?;
            }
            // Beside an API key the token signs webhooks alone; a wrong one would refuse every receipt and every reply.
            if is.api_key.is_some() && !same(&was.auth_token, &is.auth_token) {
                add(Auth::Token(is.auth_token.clone()), "the new twilio.auth_token")?;
            }
        }
        if has_other_base_token(old, new) {
            let base = app.mirror_of(new).map_err(|e| Tried::Refused(format!("{NEW_BASE_TOKEN}: {}", e.what)))?;
            trial.base = base;
        }
        Ok(trial)
    }

    /// Whether no secret is new.
    pub(super) fn is_empty(&self) -> bool {
        self.provider.is_empty() && self.base.is_none()
    }

    /// Asks the other sides, one after the other.
    pub(super) async fn run(self) -> Tried {
        for (client, what) in self.provider {
            match twilio(&client, what).await {
                Tried::Taken => {}
                other => return other,
            }
        }
        match self.base {
            Some(base) => airtable(&*base).await,
            None => Tried::Taken,
        }
    }
}

/// `new` with the secrets that this process uses, where they are for the same other sides: its settings count before its secrets do.
pub(super) fn with_secrets_of(used: &Config, mut new: Config) -> Config {
    if let (Some(was), Some(is)) = (&used.twilio, &mut new.twilio) {
        // One from before is only accepted, and asked of nobody: beside the same token it counts at once, or is gone at once.
        if !same(&was.auth_token, &is.auth_token) {
            is.auth_token_previous.clone_from(&was.auth_token_previous);
        }
        is.auth_token.clone_from(&was.auth_token);
        is.api_key.clone_from(&was.api_key);
    }
    if let (Some(was), Some(is)) = (&used.airtable, &mut new.airtable) {
        is.token.clone_from(&was.token);
    }
    new
}

/// `new` as this process uses it: the account and its address are those of its start, and with another account's secrets requests to
/// this one would be refused. So is the address by which others call it, which in test mode no file names.
pub(super) fn as_used(used: &Config, mut new: Config) -> Config {
    new.server.public_url.clone_from(&used.server.public_url);
    new.server.public_host.clone_from(&used.server.public_host);
    if let (Some(was), Some(is)) = (&used.twilio, &mut new.twilio)
        && is_elsewhere(was, is)
    {
        is.account_sid.clone_from(&was.account_sid);
        is.base_url.clone_from(&was.base_url);
        is.auth_token.clone_from(&was.auth_token);
        is.auth_token_previous.clone_from(&was.auth_token_previous);
        is.api_key.clone_from(&was.api_key);
    }
    new
}

/// Whether its secrets are for another account, or another address, than those that this process has.
pub(super) fn is_elsewhere(was: &Twilio, is: &Twilio) -> bool {
    was.account_sid != is.account_sid || was.base_url != is.base_url
}

/// Whether the base's token is another one.
pub(super) fn has_other_base_token(was: &Config, is: &Config) -> bool {
    matches!((&was.airtable, &is.airtable), (Some(was), Some(is)) if !same(&was.token, &is.token))
}

fn same(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}

fn same_auth(a: &Auth, b: &Auth) -> bool {
    match (a, b) {
        (Auth::Token(a), Auth::Token(b)) => same(a, b),
        (Auth::ApiKey { sid: a, secret: x }, Auth::ApiKey { sid: b, secret: y }) => a == b && same(x, y),
        _ => false,
    }
}

/// A list of one message: it costs nothing and needs what a send needs.
async fn twilio(client: &TwilioClient, what: &str) -> Tried {
    match client.list(&ListFilter { limit: 1, ..ListFilter::default() }).await {
        Ok(_) => Tried::Taken,
        Err(GatewayError::Refused { code, message, .. }) => {
            let code = code.map_or_else(String::new, |c| format!(" (code {})", c.0));
            Tried::Refused(format!("{what}: the provider refuses it{code}: {message}"))
        }
        Err(e) => Tried::Unanswered(format!("{what}: {e}")),
    }
}

async fn airtable(base: &dyn MirrorGateway) -> Tried {
    match base.whoami().await {
        Ok(_) => Tried::Taken,
        Err(e @ MirrorError::Refused(_)) => Tried::Refused(format!("{NEW_BASE_TOKEN}: Airtable refuses it: {e}")),
        Err(e) => Tried::Unanswered(format!("{NEW_BASE_TOKEN}: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Sources};

    /// An empty directory, the file that is read in it, and where else settings come from: nowhere.
    fn config_dir() -> (tempfile::TempDir, std::path::PathBuf, Sources) {
        let dir = tempfile::tempdir().expect("temp dir");
        let file = dir.path().join("dispatchctl.toml");
        let sources = Sources {
            flag_config: Some(file.clone()),
            cwd: dir.path().to_path_buf(),
            env: vec![("HOME".into(), dir.path().display().to_string())],
            ..Sources::default()
        };
        (dir, file, sources)
    }

    #[test]
    fn secrets_of_another_account_wait_for_a_restart_with_it() {
        let (dir, file, sources) = config_dir();
        let (one, two) = (format!("AC{}", "1".repeat(32)), format!("AC{}", "2".repeat(32)));
        let read = |sid: &str, base: &str, token: &str| {
            std::fs::write(dir.path().join("token"), token).expect("written");
            let text = format!(
                "[store]\nurl = \"x.db\"\n[twilio]\naccount_sid = \"{sid}\"\nbase_url = \"{base}\"\nauth_token_file = \"token\"\nfrom = \"+15005550006\"\n"
            );
            std::fs::write(&file, text).expect("written");
            config::load(&sources).expect("a configuration")
        };
        let here = "https://api.twilio.com";
        let started = read(&one, here, "canary-1");
        for (label, new, sid, token) in [
            ("a new token", read(&one, here, "canary-2"), &one, "canary-2"),
            ("another account", read(&two, here, "canary-2"), &one, "canary-1"),
            ("another address", read(&one, "https://api.example.com", "canary-2"), &one, "canary-1"),
        ] {
            let used = as_used(&started, new).twilio.expect("a provider");
            assert_eq!((&used.account_sid, used.auth_token.expose_secret()), (sid, token), "{label}");
            assert_eq!(used.base_url.host_str(), Some("api.twilio.com"), "{label}");
        }
        let settings_alone = with_secrets_of(&started, read(&one, here, "canary-2")).twilio.expect("a provider");
        assert_eq!(settings_alone.auth_token.expose_secret(), "canary-1", "a secret that nobody has tried");
    }

    #[test]
    fn a_process_is_called_at_the_address_that_it_began_with() {
        let (_dir, file, sources) = config_dir();
        let read = |url: &str| {
            std::fs::write(&file, format!("[store]\nurl = \"x.db\"\n{url}")).expect("written");
            config::load(&sources).expect("a configuration")
        };
        let mut started = read("");
        started.server.public_url = "http://127.0.0.1:3000".parse().ok();
        for (label, new) in [("none", ""), ("another", "[server]\npublic_url = \"http://127.0.0.1:4000\"\n")] {
            let used = as_used(&started, read(new)).server.public_url.expect("an address");
            assert_eq!(used.as_str(), "http://127.0.0.1:3000/", "{label}");
        }
    }

    #[test]
    fn settings_count_under_the_secrets_of_before() {
        let (_dir, file, sources) = config_dir();
        let (account, key) = (format!("AC{}", "1".repeat(32)), format!("SK{}", "2".repeat(32)));
        let read = |token: &str, previous: &str, secret: &str, base: &str| {
            let text = format!(
                "[store]\nurl = \"x.db\"\n[twilio]\naccount_sid = \"{account}\"\nauth_token = \"{token}\"\n{previous}api_key = \"{key}\"\napi_secret = \"{secret}\"\nfrom = \"+15005550006\"\n[airtable]\ntoken = \"{base}\"\nbase_id = \"app00000000000000\"\n"
            );
            std::fs::write(&file, text).expect("written");
            config::load(&sources).expect("a configuration")
        };
        let secrets = |c: &Config| {
            let (twilio, base) = (c.twilio.as_ref().expect("a provider"), c.airtable.as_ref().expect("a base"));
            let shown = |s: &SecretString| s.expose_secret().to_owned();
            let previous = twilio.auth_token_previous.as_ref().map(shown);
            (shown(&twilio.auth_token), previous, twilio.api_key.as_ref().map(|(_, s)| shown(s)), shown(&base.token))
        };
        let previous = |token: &str| format!("auth_token_previous = \"{token}\"\n");
        let started = read("token-1", "", "secret-1", "pat-1");
        let used = with_secrets_of(&started, read("token-2", &previous("token-1"), "secret-2", "pat-2"));
        assert_eq!(secrets(&used), secrets(&started), "secrets that nobody has tried");
        // One from before is asked of nobody.
        let used = with_secrets_of(&started, read("token-1", &previous("token-0"), "secret-1", "pat-1"));
        assert_eq!(secrets(&used).1.as_deref(), Some("token-0"));
    }
}
