//! `test-reliability --live`: the plan, the question, and the run against the real provider.

use std::io::{BufRead as _, IsTerminal as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Mode, Part};
use crate::gateways::airtable::{AirtableClient, AirtableSettings};
use crate::gateways::{GatewayError, ListFilter, MirrorGateway, SmsGateway};
use crate::reliability::DrillDir;
use crate::reliability::live::{self, Live, LivePlan, LiveRefusal, MirrorSide, MirrorTarget, Wishes};
use crate::reliability::report::Report;
use crate::telemetry::Usual;

use super::super::app::App;
use super::super::exit::ExitStatus;
use super::super::global::{ConfigNeed, Global};
use super::super::output::{Output, spinner};
use super::super::report::CliError;
use super::terminal;
use super::test_reliability::Results;

/// How a live test is played.
#[derive(Debug, clap::Args)]
pub(super) struct LiveArgs {
    /// Against the real provider, with real texts to [test] numbers alone: shows what it will send and cost, and asks
    #[arg(long, conflicts_with_all = ["list", "scenario", "storm", "save", "seed", "jobs"])]
    pub(super) live: bool,
    /// Send without asking
    #[arg(long, requires = "live")]
    yes: bool,
    /// The follow-up's wait [default: that of the policy `normal`]
    #[arg(long, value_name = "DURATION", requires = "live", value_parser = super::super::parse::duration)]
    t1: Option<Duration>,
    /// Refuse a plan of more texts [default: 10]
    #[arg(long, value_name = "N", requires = "live")]
    max_messages: Option<u32>,
    /// Listen here, where server.public_url leads; without it statuses are asked for
    #[arg(long, value_name = "ADDR", requires = "live")]
    listen: Option<SocketAddr>,
    /// What a segment costs, in US dollars, for the estimate
    #[arg(long, value_name = "USD", requires = "live", value_parser = price)]
    price_per_segment: Option<f64>,
    /// Ring the test numbers too
    #[arg(long, requires = "live")]
    voice: bool,
    /// What a started minute of a phone call costs, in US dollars, for the estimate
    #[arg(long, value_name = "USD", requires = "voice", value_parser = price)]
    price_per_minute: Option<f64>,
}

/// Twilio's word to a request that test credentials may not make (`facts/twilio.md` §12).
const TEST_CREDENTIALS: u32 = 20_008;

fn price(text: &str) -> Result<f64, String> {
    let wrong = || "a price in US dollars from 0 to 10, like 0.0083, is wanted".to_owned();
    let price: f64 = text.parse().map_err(|_| wrong())?;
    if (0.0..=10.0).contains(&price) { Ok(price) } else { Err(wrong()) }
}

pub(super) async fn run(
    args: &LiveArgs,
    results: &Results,
    keep: bool,
    global: &Global,
    out: &mut Output,
) -> Result<ExitStatus, CliError> {
    let app = App::load(global, Usual::Warn, Vec::new(), ConfigNeed::Own, out).await?;
    if app.config.mode == Mode::Live {
        app.config.check(&[Part::Twilio, Part::Airtable])?;
    }
    let wishes = Wishes {
        t1: args.t1,
        messages_max: args.max_messages,
        listen: args.listen,
        price: args.price_per_segment,
        voice: args.voice,
        price_per_minute: args.price_per_minute,
    };
    let plan = LivePlan::of(&app.config, &wishes).map_err(refused)?;
    let earlier = results.prepare()?;
    let provider = app.gateway()?;
    let plan =
        if are_test_credentials(&*provider).await? { plan.with_test_credentials().map_err(refused)? } else { plan };
    for line in plan.lines() {
        out.note(&line);
    }
    let may_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !args.yes && !may_ask {
        return Err(CliError::new(
            ExitStatus::Usage,
            "real texts are sent only after a yes, and nobody can be asked here",
        )
        .hint("say --yes where no terminal is at hand; nothing was sent"));
    }
    if !args.yes && !agreed(out).await? {
        return Err(CliError::new(ExitStatus::No, "not agreed to: nothing was sent"));
    }
    let (started_at, began) = (app.clock.now(), app.clock.boot());
    let live = set_up(&app, plan, provider, keep, out)?;
    let bar = spinner(out, "live test");
    let played = Box::pin(live::run(live, terminal::stop_asked(), |step| {
        if bar.is_hidden() {
            out.chat(step);
        } else {
            bar.set_message(step.to_owned());
        }
    }))
    .await;
    bar.finish_and_clear();
    let played = played.map_err(|e| CliError::new(ExitStatus::Usage, "the live test cannot be played").cause(e))?;
    if played.interrupted {
        return Err(interrupted(&played.sent));
    }
    let report = Report {
        suite: "live",
        mode: "live",
        started_at,
        took_ms: i64::try_from((app.clock.boot() - began).as_millis()).unwrap_or(0),
        seed: 0,
        repeat: repeat_command(args),
        outcomes: played.outcomes,
        notes: played.notes,
        baseline: None,
    };
    results.deliver(report, earlier.as_ref(), out)
}

fn refused(r: LiveRefusal) -> CliError {
    CliError::new(ExitStatus::Usage, r.what).hint(r.hint)
}

fn interrupted(sent: &[String]) -> CliError {
    let what = match sent.len() {
        0 => "interrupted: no text was sent".to_owned(),
        1 => "interrupted: 1 text was sent".to_owned(),
        n => format!("interrupted: {n} texts were sent"),
    };
    let what = format!("{what}; the calls are withdrawn and nothing is left running");
    let mut error = CliError::new(ExitStatus::Interrupted, what);
    error.causes = sent.to_vec();
    error
}

/// Reads one message of the list, which costs nothing: whose credentials these are, and whether they are taken at all.
async fn are_test_credentials(provider: &dyn SmsGateway) -> Result<bool, CliError> {
    match provider.list(&ListFilter { limit: 1, ..ListFilter::default() }).await {
        Ok(_) => Ok(false),
        Err(GatewayError::Refused { code: Some(code), .. }) if code.0 == TEST_CREDENTIALS => Ok(true),
        Err(e @ GatewayError::Refused { .. }) => {
            let what = "the provider refuses these credentials; nothing was sent";
            Err(CliError::new(ExitStatus::Refused, what)
                .cause(e)
                .hint("see them, masked, with `dispatchctl config show`"))
        }
        Err(e) => {
            Err(CliError::new(ExitStatus::Unreachable, "the provider cannot be asked; nothing was sent").cause(e))
        }
    }
}

/// Asks the person in front of it; anything but a yes is a no.
async fn agreed(out: &Output) -> Result<bool, CliError> {
    out.note("send these texts? [y/N]");
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        answer = answer => {
            let line = answer.ok().and_then(Result::ok).unwrap_or_default();
            Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
        }
        () = terminal::stop_asked() => Err(CliError::new(ExitStatus::Interrupted, "interrupted: no text was sent")),
    }
}

fn set_up(
    app: &App,
    plan: LivePlan,
    provider: Arc<dyn SmsGateway>,
    keep: bool,
    out: &Output,
) -> Result<Live, CliError> {
    let program = std::env::current_exe()
        .map_err(|e| CliError::new(ExitStatus::Bug, "this program does not find itself").cause(e))?;
    let run_id = app.ids.uuid(app.clock.now()).simple().to_string();
    let mut drill_dir = DrillDir::new(&std::env::temp_dir(), &format!("dispatchctl-live-{run_id}")).map_err(|e| {
        CliError::new(ExitStatus::Usage, "the live test has no place to write")
            .cause(e)
            .hint("name a directory that you may write with TMPDIR=/path")
    })?;
    if keep {
        drill_dir.keep();
        out.note(&format!("kept: {}", drill_dir.path().display()));
    }
    let mirror = match &app.config.airtable {
        Some(names) if plan.mirror == MirrorTarget::Looked => {
            let (rate, base) = (names.requests_per_second, names.base_url.clone());
            let settings = AirtableSettings::new(names.token.clone(), names.base_id.clone(), base, rate);
            let client = AirtableClient::new(settings, app.clock.clone(), app.ids.clone())
                .map_err(|e| CliError::new(ExitStatus::Usage, "the client for Airtable cannot be made").cause(e))?;
            let gateway: Arc<dyn MirrorGateway> = Arc::new(client);
            Some(MirrorSide { gateway, names: names.clone() })
        }
        _ => None,
    };
    // Where this machine keeps its certificates and its time zone is the child's too.
    let shared = ["SSL_CERT_FILE", "SSL_CERT_DIR", "TZ"];
    let env = app.sources.env.iter().filter(|(name, _)| shared.contains(&name.as_str())).cloned().collect();
    let token = format!("{}{}", app.ids.uuid(app.clock.now()).simple(), app.ids.uuid(app.clock.now()).simple());
    let phones = if plan.voice.is_some() { app.phones()? } else { None };
    let config = app.config.clone();
    Ok(Live { plan, config, program, drill_dir, provider, phones, mirror, env, run_id, token })
}

fn repeat_command(args: &LiveArgs) -> String {
    let mut out = "dispatchctl test-reliability --live".to_owned();
    if let Some(t1) = args.t1 {
        out.push_str(&format!(" --t1 {}ms", t1.as_millis()));
    }
    if let Some(n) = args.max_messages {
        out.push_str(&format!(" --max-messages {n}"));
    }
    if let Some(at) = args.listen {
        out.push_str(&format!(" --listen {at}"));
    }
    if let Some(p) = args.price_per_segment {
        out.push_str(&format!(" --price-per-segment {p}"));
    }
    if args.voice {
        out.push_str(" --voice");
    }
    if let Some(p) = args.price_per_minute {
        out.push_str(&format!(" --price-per-minute {p}"));
    }
    out
}
