//! Alert sinks: whether there are any, whether one wakes somebody without the provider of texts, and, where it is asked for,
//! whether each takes a real message.

use crate::config::{Config, Mode, SinkPlace, WAKES_NOBODY};

use super::super::alerts::try_all;
use super::super::app::App;
use super::finding::{Args, Findings};

pub(super) async fn check(app: &App, args: &Args) -> Findings {
    let mut f = Findings::of("config");
    let c = &app.config;
    if c.mode == Mode::Test {
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
