//! Intake: whether each list of phone calls can be read, and what nobody sees without one.

use std::sync::Arc;
use std::time::Duration;

use crate::gateways::GatewayError;
use crate::gateways::phone_calls::ListedNumbers;

use super::super::app::App;
use super::super::call_lists::{CallList, numbers};
use super::finding::{Findings, bounded, too_long};

/// So far back a list is asked.
const ASKED: Duration = Duration::from_secs(600);

pub(super) async fn check(app: &App) -> Findings {
    let mut f = Findings::of("intake");
    let intake = &app.config.intake;
    sources(app, &mut f);
    if intake.lists.is_empty() {
        let what = "none is compared: a phone call that its platform does not report is seen by nobody";
        if intake.retell.is_some() || intake.vapi.is_some() || !intake.custom.is_empty() {
            f.warn("call lists", what, "set intake.retell.list, intake.vapi.list or intake.twilio.list to true");
        } else {
            f.skip("call lists", what);
        }
        return f;
    }
    let numbers = numbers(&app.config.directory);
    let listed = numbers.clone();
    match app.call_lists(&(Arc::new(move || listed.clone()) as ListedNumbers)) {
        Ok(lists) => {
            for list in futures_util::future::join_all(lists.iter().map(|list| one(app, list, &numbers))).await {
                f.all.extend(list.all);
            }
        }
        Err(e) => f.fail("call lists", e.what, "correct [intake] and [twilio]"),
    }
    f
}

/// Who is let in, and by what.
fn sources(app: &App, f: &mut Findings) {
    let intake = &app.config.intake;
    let at = app.config.server.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
    let at = at.unwrap_or_else(|| format!("http://{}", app.config.server.listen));
    if intake.retell.is_some() {
        f.ok("retell", format!("reports are taken at {at}/webhooks/retell/call-ended, signed by its api_key"));
    }
    if let Some(vapi) = &intake.vapi {
        let by = match (&vapi.secret, &vapi.hmac_secret) {
            (Some(_), Some(_)) => "by its secret or hmac_secret",
            (Some(_), None) => "by its secret",
            _ => "by its hmac_secret",
        };
        f.ok("vapi", format!("messages are taken at {at}/webhooks/vapi, {by}"));
    }
    for name in intake.custom.keys() {
        f.ok(name.as_str(), format!("reports are taken at {at}/webhooks/intake/{name}"));
    }
    if intake.retell.is_none() && intake.vapi.is_none() && intake.custom.is_empty() {
        f.skip("platforms", "none: what comes in comes by the API alone");
    }
}

async fn one(app: &App, (source, list): &CallList, numbers: &[String]) -> Findings {
    let mut f = Findings::of("intake");
    let (name, now) = (format!("calls of {}", source.source()), app.clock.now());
    let key = format!("intake.{}", source.source());
    if source.source() == "twilio" && numbers.is_empty() {
        f.fail(name, "no line has a number", "give [[lines]] their numbers, or turn intake.twilio.list off");
        return f;
    }
    let every = source.every.as_secs();
    match bounded(app, list.between(now.minus(ASKED), now)).await {
        None => f.warn(name, too_long(), format!("see that {key}.base_url can be reached")),
        Some(Ok(found)) if found.unread > 0 => {
            let what = format!("{} calls of the list cannot be read", found.unread);
            f.warn(name, what, "report it: the platform has changed its list");
        }
        Some(Ok(found)) => {
            let minutes = ASKED.as_secs() / 60;
            f.ok(name, format!("read, every {every} s; {} in the last {minutes} min", found.calls.len()));
        }
        Some(Err(GatewayError::Refused { http: 401 | 403, .. })) => {
            f.fail(name, "the key is refused", format!("give the key that may list calls ({key}.api_key)"));
        }
        Some(Err(e)) => f.fail(name, e.to_string(), format!("see that {key}.base_url can be reached")),
    }
    f
}
