//! The sandbox that plays the provider for a command in test mode.

use std::net::SocketAddr;

use secrecy::ExposeSecret as _;
use tracing::warn;

pub(in crate::cli) use crate::sandbox::Sandbox;
use crate::sandbox::{SandboxConfig, SandboxError, Whose, control, whose};

use super::super::app::App;
use super::super::exit::ExitStatus;
use super::super::output::Output;
use super::super::report::CliError;

impl App {
    /// In test mode the provider is the sandbox: the one that answers at the configured address, or one of our own for this
    /// command's life. Live: nothing.
    pub(crate) async fn sandbox_if_needed(&mut self, out: &Output) -> Result<Option<Sandbox>, CliError> {
        if !self.needs_sandbox() {
            return Ok(None);
        }
        let wanted = self.config.sandbox_listen;
        let ours = self.sandbox_config(wanted);
        if let Some(dir) = ours.ledger.parent() {
            let _ = std::fs::create_dir_all(dir);
        }
        match Sandbox::start(ours.clone()).await {
            Ok(sandbox) => {
                self.config.point_at_sandbox(sandbox.addr());
                out.chat(&format!("sandbox started at {}", sandbox.base_url()));
                Ok(Some(sandbox))
            }
            Err(e @ SandboxError::PortInUse { .. }) => match self.whose_sandbox(wanted, &ours).await {
                Whose::Ours => {
                    out.chat(&format!("using the sandbox at http://{wanted}"));
                    Ok(None)
                }
                // Without credentials there is nothing to know us by, and nothing that could be asked of it.
                Whose::Strangers if self.config.twilio.is_none() => Ok(None),
                Whose::Strangers => Err(strangers_sandbox(wanted, &ours.account_sid)),
                Whose::NoSandbox => Err(CliError::new(ExitStatus::Usage, "the sandbox cannot be started").cause(e).hint(
                    "something else answers there: choose another address with DISPATCHCTL_SANDBOX__LISTEN=127.0.0.1:0",
                )),
            },
            Err(e) => Err(CliError::new(ExitStatus::Usage, "the sandbox cannot be started").cause(e)),
        }
    }

    /// Says to the sandbox where its technicians' texts are posted: our own, or the one that answers at the configured address.
    /// One that cannot be told stays as it is.
    pub(crate) async fn receive_replies_at(&self, sandbox: Option<&Sandbox>, url: String) {
        let said = match sandbox {
            Some(own) => own.set_inbound_url(Some(url)).map_err(|e| e.to_string()),
            None if self.needs_sandbox() && self.config.twilio.is_some() => {
                let body = serde_json::json!({ "servedAt": url });
                control(self.config.sandbox_listen, "settings", &body).await.map(drop).map_err(|e| e.to_string())
            }
            None => Ok(()),
        };
        if let Err(why) = said {
            warn!(why, "the sandbox cannot post replies here");
        }
    }

    async fn whose_sandbox(&self, at: SocketAddr, ours: &SandboxConfig) -> Whose {
        let nonce = || self.ids.uuid(self.clock.now()).simple().to_string();
        whose(at, ours, self.config.airtable.is_some(), &(nonce() + &nonce())).await
    }

    fn sandbox_config(&self, listen: SocketAddr) -> SandboxConfig {
        let mut config = SandboxConfig::new(self.config.store.beside("sandbox.ndjson"));
        config.listen = listen;
        if let Some(t) = &self.config.twilio {
            config.account_sid.clone_from(&t.account_sid);
            config.auth_token = t.auth_token.expose_secret().to_owned();
            config.api_key = t.api_key.as_ref().map(|(sid, secret)| (sid.clone(), secret.expose_secret().to_owned()));
        }
        if let Some(a) = &self.config.airtable {
            config.airtable_token = a.token.expose_secret().to_owned();
            config.airtable_base.clone_from(&a.base_id);
        }
        config
    }
}

/// Its ledger is not ours to judge by, and its settings not ours to change.
fn strangers_sandbox(at: SocketAddr, account: &str) -> CliError {
    CliError::new(ExitStatus::Usage, format!("the sandbox at http://{at} is not this configuration's"))
        .cause(format!("it does not prove that it knows the account {account} with its secrets"))
        .hint("choose another address with DISPATCHCTL_SANDBOX__LISTEN=127.0.0.1:4011, or start that sandbox with this configuration")
}
