//! Alert sinks: whether there are any, whether one wakes somebody without the provider of texts, and, where it is asked for,
//! whether each takes a real message.

use crate::config::{Config, Mode, SinkPlace, WAKES_NOBODY};
use crate::domain::types::ContactId;

use super::super::alerts::try_all;
use super::super::app::App;
use super::finding::{Args, Findings};

pub(super) async fn check(app: &App, args: &Args) -> Findings {
    let mut f = Findings::of("config");
    let c = &app.config;
    if c.mode == Mode::Test && c.alerts.sinks.is_empty() {
        f.skip("alerts.sinks", "test mode alerts nobody");
        return f;
    }
    if c.alerts.sinks.is_empty() {
        let next = "name an ntfy topic, a webhook or a command in [[alerts.sinks]]";
        f.warn("alerts.sinks", "none: alerts show in `dispatchctl status` and /health alone", next);
        return f;
    }
    if c.alerts.sinks.iter().any(|s| s.place.wakes()) {
        let tried = if args.alerts { "" } else { " (not tried: --alerts sends)" };
        f.ok("alerts.sinks", format!("{} configured{tried}", c.alerts.sinks.len()));
    } else {
        f.warn("alerts.sinks", WAKES_NOBODY, "add one, so that an outage of Twilio wakes somebody");
    }
    missing_commands(c, &mut f);
    owners(c, &mut f);
    if args.alerts {
        match app.sinks() {
            Ok(sinks) => {
                for tried in try_all(&sinks, "doctor", app).await {
                    let name = format!("sink {}", tried.name);
                    match tried.outcome {
                        Ok(said) => f.ok(name, format!("took a test alert: {said}; look whether it came")),
                        Err(why) => {
                            f.fail(name, why, "correct its place or its secret, and try `dispatchctl alerts test`")
                        }
                    }
                }
            }
            Err(e) => f.fail("sinks", e.what, "correct the configuration of this sink"),
        }
    }
    f
}

/// Whom texts of alerts go to.
fn owners(c: &Config, f: &mut Findings) {
    if !c.alerts.sinks.iter().any(|s| s.place == SinkPlace::Text) {
        return;
    }
    let name = "alerts.owners";
    let next = "name contacts that are there in alerts.owners";
    let known: Vec<&str> = c.directory.alert_owners().map(|owner| owner.id.as_str()).collect();
    let is_known = |id: &&ContactId| c.directory.contact(id).is_some();
    let unknown = c.directory.alert_owners.iter().find(|id| !is_known(id));
    match (known.as_slice(), unknown, c.texts) {
        (_, _, false) => {
            f.warn(name, "no text goes out: Twilio is not configured", "set [twilio], or name another kind of sink")
        }
        ([], ..) => f.fail(name, "nobody is known who is named: no alert goes out by text", next),
        (_, Some(id), _) => f.warn(name, format!("{id} is not known: no alert reaches them by text"), next),
        (known, None, _) => f.ok(name, format!("alerts go to {} by text", known.join(", "))),
    }
}

/// Programs that are named by a path at which nothing is.
fn missing_commands(c: &Config, f: &mut Findings) {
    for sink in &c.alerts.sinks {
        let SinkPlace::Command(command) = &sink.place else { continue };
        let program = command.first().map(String::as_str).unwrap_or_default();
        if program.contains('/') && !std::path::Path::new(program).is_file() {
            f.fail(format!("sink {}", sink.name), format!("{program} is no file"), "correct alerts.sinks command");
        }
    }
}
