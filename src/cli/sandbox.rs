//! `sandbox`: the fake Twilio on a port of your choice, for your own integration tests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::sandbox::{Sandbox, SandboxConfig, SandboxError};
use crate::telemetry;

use super::args::{Global, LogFormat};
use super::output::Output;
use super::report::{CliError, ExitStatus};
use super::signals;

/// How the sandbox runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where it listens; loopback only, port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4010")]
    listen: SocketAddr,
    /// What it accepted, one JSON object a line; kept over restarts
    #[arg(long, value_name = "FILE", default_value = "dispatchctl-sandbox.ndjson")]
    ledger: PathBuf,
    /// Time between two statuses of a message
    #[arg(long, value_name = "MS", default_value_t = 50)]
    pace_ms: u64,
    /// Where technicians' replies are posted, e.g. http://127.0.0.1:3000/webhooks/twilio/sms-inbound
    #[arg(long, value_name = "URL")]
    inbound_url: Option<String>,
    /// Repeats chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(args: &Args, global: &Global, out: &mut Output) -> Result<ExitStatus, CliError> {
    telemetry::start(telemetry::Usual::Info, global.verbose, global.log_format == LogFormat::Json);
    out.set_mode("test");
    let mut config = SandboxConfig::new(&args.ledger);
    config.listen = args.listen;
    config.pace = Duration::from_millis(args.pace_ms);
    config.inbound_url.clone_from(&args.inbound_url);
    config.seed = args.seed;
    let credentials = crate::config::sandbox_credentials();
    config.account_sid.clone_from(&credentials.account_sid);
    config.auth_token.clone_from(&credentials.auth_token);
    let sandbox = Sandbox::start(config).await.map_err(|e| match e {
        SandboxError::PortInUse { .. } => CliError::new(ExitStatus::Usage, "the sandbox cannot be started")
            .cause(e)
            .hint("choose another address with --listen"),
        e => CliError::new(ExitStatus::Usage, "the sandbox cannot be started").cause(e),
    })?;
    let url = sandbox.base_url();
    if out.is_json() {
        out.object_line(&json!({ "baseUrl": url, "accountSid": credentials.account_sid, "authToken": credentials.shown_token, "ledger": args.ledger }));
    } else {
        out.line(&format!("sandbox at {url}"));
        out.line(&format!("  TWILIO_ACCOUNT_SID={}", credentials.account_sid));
        out.line(&format!("  TWILIO_AUTH_TOKEN={}", credentials.shown_token));
        out.line(&format!("  DISPATCHCTL_TWILIO__BASE_URL={url}"));
        out.line(&format!("  ledger: {} and {url}/_sandbox/ledger", args.ledger.display()));
    }
    signals::stop_asked().await;
    sandbox.shutdown().await;
    Ok(ExitStatus::Done)
}
