//! `sandbox`: the fake Twilio and Airtable on a port of your choice, for your own integration tests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::config::{
    self, Config, Part, SANDBOX_ACCOUNT_SID, SANDBOX_AIRTABLE_BASE_ID, SANDBOX_AIRTABLE_TOKEN, SANDBOX_AUTH_TOKEN,
    Sources,
};
use crate::sandbox::{BaseShape, Sandbox, SandboxConfig, SandboxError};
use crate::telemetry;

use super::super::exit::ExitStatus;
use super::super::global::{Global, LogFormat};
use super::super::output::Output;
use super::super::report::CliError;
use super::super::signals;

/// What mails of an engine that uses its relay come from; nothing is delivered anywhere.
const MAIL_FROM: &str = "dispatch@example.com";

/// How the sandbox runs.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<SandboxCommand>,
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
    /// How long Airtable refuses everything after more than 5 requests in a second
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    airtable_pause_ms: u64,
    /// Which base Airtable shows: own (texts alone, as `doctor --fix` makes it), or one that shops have, P or X
    #[arg(long, value_name = "SHAPE", default_value = "own")]
    airtable_base: BaseShape,
    /// Put a TCP peer in front, for faults of the wire: cut, trickle, reset, half_open, garbage, wrong_length
    #[arg(long)]
    tcp_faults: bool,
    /// Repeats chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, clap::Subcommand)]
enum SandboxCommand {
    /// Let a technician of the running sandbox answer, and show what they are told
    Reply(super::reply::Args),
}

pub(crate) async fn run(args: &Args, global: &Global, out: &mut Output) -> Result<ExitStatus, CliError> {
    if let Some(SandboxCommand::Reply(args)) = &args.what {
        telemetry::start(telemetry::Usual::Warn, global.verbose, global.log_format == LogFormat::Json);
        return super::reply::run(args, global, out).await;
    }
    telemetry::start(telemetry::Usual::Info, global.verbose, global.log_format == LogFormat::Json);
    out.set_mode("test");
    let mut config = SandboxConfig::new(&args.ledger);
    config.listen = args.listen;
    config.pace = Duration::from_millis(args.pace_ms);
    config.inbound_url.clone_from(&args.inbound_url);
    config.seed = args.seed;
    config.airtable_pause = Duration::from_millis(args.airtable_pause_ms);
    config.tcp_faults = args.tcp_faults;
    config.airtable_shape = args.airtable_base;
    let accepted = accepted(global, out)?;
    let shown = |token: &str, fixed: &'static str| if token == fixed { fixed } else { "**** (as configured)" };
    let shown_token = shown(&accepted.auth_token, SANDBOX_AUTH_TOKEN);
    let shown_airtable = shown(&accepted.airtable_token, SANDBOX_AIRTABLE_TOKEN);
    config.airtable_token = accepted.airtable_token;
    config.airtable_base.clone_from(&accepted.airtable_base);
    config.account_sid.clone_from(&accepted.account_sid);
    config.auth_token = accepted.auth_token;
    config.api_key = accepted.api_key;
    let sandbox = Sandbox::start(config).await.map_err(|e| match e {
        SandboxError::PortInUse { .. } => CliError::new(ExitStatus::Usage, "the sandbox cannot be started")
            .cause(e)
            .hint("choose another address with --listen"),
        e => CliError::new(ExitStatus::Usage, "the sandbox cannot be started").cause(e),
    })?;
    let url = sandbox.base_url();
    if out.is_json() {
        out.object_line(&json!({
            "baseUrl": url,
            "accountSid": accepted.account_sid,
            "authToken": shown_token,
            "airtableToken": shown_airtable,
            "airtableBase": accepted.airtable_base,
            "smtpUrl": sandbox.relay_addr().map(|at| format!("smtp://{at}")),
            "smtpFrom": sandbox.relay_addr().map(|_| MAIL_FROM),
            "ledger": args.ledger,
        }));
    } else {
        out.line(&format!("sandbox at {url}"));
        out.line(&format!("  TWILIO_ACCOUNT_SID={}", accepted.account_sid));
        out.line(&format!("  TWILIO_AUTH_TOKEN={shown_token}"));
        out.line(&format!("  DISPATCHCTL_TWILIO__BASE_URL={url}"));
        out.line(&format!("  AIRTABLE_API_KEY={shown_airtable}"));
        out.line(&format!("  AIRTABLE_BASE_ID={}", accepted.airtable_base));
        out.line(&format!("  DISPATCHCTL_AIRTABLE__BASE_URL={url}"));
        if let Some(relay) = sandbox.relay_addr() {
            out.line(&format!("  DISPATCHCTL_SMTP__URL=smtp://{relay}"));
            // An URL alone is refused: no mail leaves without a sender.
            out.line(&format!("  DISPATCHCTL_SMTP__FROM={MAIL_FROM}"));
        }
        out.line(&format!("  ledger: {} and {url}/_sandbox/ledger", args.ledger.display()));
    }
    signals::stop_asked().await;
    sandbox.shutdown().await;
    Ok(ExitStatus::Done)
}

/// What the sandbox takes as credentials.
struct Accepted {
    account_sid: String,
    auth_token: String,
    api_key: Option<(String, String)>,
    airtable_token: String,
    airtable_base: String,
}

/// The configured credentials, as a `serve` in test mode with the same configuration uses them; else fixed ones. A
/// configuration that was named must be right; one that was only found does not keep a sandbox from starting.
fn accepted(global: &Global, out: &Output) -> Result<Accepted, CliError> {
    let sources = Sources::from_process(global.config.clone(), None, true, Vec::new());
    let loaded = config::load(&sources);
    // What a `serve` with the same configuration cannot use, the sandbox has no fixed secrets for.
    let readable = |config: Config| config.check(&[Part::Twilio, Part::Airtable]).map(|()| config);
    let (twilio, airtable) = match loaded.and_then(readable) {
        Ok(config) => (config.twilio, config.airtable),
        Err(e) if global.config.is_some() => return Err(e.into()),
        Err(e) => {
            out.chat(&format!("the configuration is not used, the sandbox takes its own credentials: {e}"));
            (None, None)
        }
    };
    let open = |s: &secrecy::SecretString| s.expose_secret().to_owned();
    let mut accepted = Accepted {
        account_sid: SANDBOX_ACCOUNT_SID.into(),
        auth_token: SANDBOX_AUTH_TOKEN.into(),
        api_key: None,
        airtable_token: SANDBOX_AIRTABLE_TOKEN.into(),
        airtable_base: SANDBOX_AIRTABLE_BASE_ID.into(),
    };
    if let Some(t) = twilio {
        accepted.account_sid = t.account_sid;
        accepted.auth_token = open(&t.auth_token);
        accepted.api_key = t.api_key.map(|(sid, secret)| (sid, open(&secret)));
    }
    if let Some(a) = airtable {
        accepted.airtable_token = open(&a.token);
        accepted.airtable_base = a.base_id;
    }
    Ok(accepted)
}
