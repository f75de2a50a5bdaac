//! `sandbox reply WHO TEXT`: a technician of the sandbox answers, as by hand on their phone.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::config::{self, Config, Sources};
use crate::domain::PhoneNumber;
use crate::domain::phone::masked;
use crate::sandbox::{ControlError, control, twiml_messages};

use super::super::exit::ExitStatus;
use super::super::global::Global;
use super::super::output::Output;
use super::super::report::CliError;

/// Who answers, and with which words.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A contact's id, name or number, or any number in E.164
    #[arg(value_name = "WHO")]
    who: String,
    /// What they write
    #[arg(required = true, num_args = 1.., value_name = "TEXT")]
    text: Vec<String>,
    /// The number of ours that they write to [default: the one that texted them last]
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,
    /// Where the sandbox listens [default: sandbox.listen of the configuration]
    #[arg(long, value_name = "ADDR")]
    at: Option<SocketAddr>,
}

/// Usual place of a sandbox, where no configuration says another.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4010);

pub(super) async fn run(args: &Args, global: &Global, out: &mut Output) -> Result<ExitStatus, CliError> {
    out.set_mode("test");
    let loaded = config::load(&Sources::from_process(global.config.clone(), None, true, Vec::new()));
    let config = match loaded {
        Ok(config) => Some(config),
        Err(e) if global.config.is_some() => return Err(e.into()),
        // One that was only found does not keep anybody from naming a number.
        Err(_) => None,
    };
    let (phone, name) = writer(&args.who, config.as_ref())?;
    let at = args.at.or(config.map(|c| c.sandbox_listen)).unwrap_or(USUAL);
    let text = args.text.join(" ");
    let asked = json!({ "from": phone.e164(), "to": args.to, "body": text });
    let done = control(at, "reply", &asked).await.map_err(|e| not_done(e, at))?;
    let status = done["httpStatus"].as_u64();
    let answers = done["body"].as_str().and_then(twiml_messages).unwrap_or_default();
    let is_taken = status.is_some_and(|s| (200..300).contains(&s));
    if out.is_json() {
        out.document(&json!({
            "sid": done["sid"], "from": phone.e164(), "text": done["sent"], "httpStatus": status, "answers": answers,
            "mode": "test",
        }));
    } else {
        say(out, &name, &done, &answers);
    }
    match status {
        None if !out.is_json() => {
            out.note("no webhook took it: it is in the sandbox's list alone, which `serve` reads while a call is open");
        }
        Some(status) if !is_taken => {
            out.note(&format!("the webhook answered {status}: see the log of `serve`"));
        }
        _ => {}
    }
    Ok(if is_taken { ExitStatus::Done } else { ExitStatus::No })
}

fn say(out: &mut Output, name: &str, done: &Value, answers: &[String]) {
    out.mode_line();
    out.line(&format!("{name} wrote: {}", done["sent"].as_str().unwrap_or_default()));
    if answers.is_empty() {
        out.line("and was answered with no text at once");
    }
    for answer in answers {
        out.line(&format!("and was answered: {answer}"));
    }
}

/// Whose phone it is.
fn writer(who: &str, config: Option<&Config>) -> Result<(PhoneNumber, String), CliError> {
    let known = config.and_then(|c| c.directory.contact_named(who));
    if let Some(contact) = known {
        return Ok((contact.phone.clone(), contact.name.clone()));
    }
    if let Ok(phone) = who.parse::<PhoneNumber>() {
        let name = masked(phone.e164());
        return Ok((phone, name));
    }
    let names: Vec<&str> =
        config.map(|c| c.directory.contacts.iter().map(|c| c.id.as_str()).collect()).unwrap_or_default();
    let hint = match names.as_slice() {
        [] => "no contact is configured here: write a number like +19495550101".to_owned(),
        all => format!("there are {}; or write a number like +19495550101", all.join(", ")),
    };
    Err(CliError::new(ExitStatus::NotFound, format!("there is no contact {who}")).hint(hint))
}

fn not_done(e: ControlError, at: SocketAddr) -> CliError {
    let (status, hint) = match &e {
        ControlError::Away { .. } => {
            let hint = format!("start `dispatchctl sandbox --listen {at}`, or `dispatchctl --test-mode serve`");
            (ExitStatus::Unreachable, hint)
        }
        ControlError::Refused { .. } => (ExitStatus::No, "see its controls under /_sandbox/".to_owned()),
    };
    CliError::new(status, "the reply was not given").cause(e).hint(hint)
}
