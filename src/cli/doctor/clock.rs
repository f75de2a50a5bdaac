//! The clock: against the providers' own, against itself, and the zones that people's times are shown in.

use std::error::Error as _;
use std::time::Duration;

use url::Url;

use crate::clock::Clock;
use crate::config::CallListPlace;
use crate::domain::Timestamp;
use crate::domain::alert::AlertKind;
use crate::domain::provider_clock::{Interval, OFFSET_ALARM};
use crate::engine::clocks::{Step, step_between};
use crate::gateways::http_date;
use crate::store::Views;

use super::super::app::App;
use super::finding::{CHECK_MAX, Findings, bounded, too_long};

/// Beyond this, certificates and what people are told of times go wrong; messages are looked for by the provider's own times.
const OFF_MAX: Duration = Duration::from_secs(120);
const SET: &str = "set the clock and keep it (chrony, systemd-timesyncd): `timedatectl`";

pub(super) async fn check(app: &App, store: Option<&dyn Views>) -> Findings {
    let mut f = Findings::of("clock");
    let before = (app.clock.now(), app.clock.boot());
    let twilio = app
        .config
        .twilio
        .as_ref()
        .map(|t| at(&t.base_url, &["2010-04-01", "Accounts", &format!("{}.json", t.account_sid)]));
    let airtable = app.config.airtable.as_ref().map(|a| at(&a.base_url, &["v0", "meta", "whoami"]));
    // A platform's reports are signed with its time: more than 5 min apart each of them alarms.
    let list = |source: &str| {
        let of = app.config.intake.lists.iter().find(|list| list.source() == source)?;
        match &of.place {
            CallListPlace::Retell { base_url, .. } => Some(at(base_url, &["v3", "list-calls"])),
            CallListPlace::Vapi { base_url, .. } => Some(at(base_url, &["call"])),
            CallListPlace::Twilio => None,
        }
    };
    let (twilio, airtable, retell, vapi) = tokio::join!(
        compared(app, twilio),
        compared(app, airtable),
        compared(app, list("retell")),
        compared(app, list("vapi"))
    );
    for (name, compared) in [("twilio", twilio), ("airtable", airtable)] {
        say(&mut f, name, compared);
    }
    for (name, compared) in [("retell", retell), ("vapi", vapi)] {
        if list(name).is_some() {
            say(&mut f, name, compared);
        }
    }
    let after = (app.clock.now(), app.clock.boot());
    stepped(app, store, step_between((before.0, after.0), (before.1, after.1)), &mut f).await;
    zones(app, &mut f);
    f
}

fn at(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// How a comparison came out.
enum Compared {
    /// Not configured.
    Nobody,
    /// Ours less theirs, in ms; theirs has whole seconds.
    Off(i64),
    Unknown(String),
}

/// Asks without credentials: the answer's date is all that is wanted, and no check of rights stands in its way.
async fn compared(app: &App, url: Option<Url>) -> Compared {
    let Some(url) = url else { return Compared::Nobody };
    match bounded(app, server_time(&url, app.clock.as_ref())).await {
        Some(Ok(off)) => Compared::Off(off),
        Some(Err(why)) => Compared::Unknown(why),
        None => Compared::Unknown(too_long()),
    }
}

async fn server_time(url: &Url, clock: &dyn Clock) -> Result<i64, String> {
    let mut builder = reqwest::Client::builder()
        .timeout(CHECK_MAX)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("dispatchctl/", env!("CARGO_PKG_VERSION")));
    if url.scheme() != "https" {
        // A sandbox on this machine: no certificate store is read, so none is needed.
        builder = builder.tls_certs_only([]);
    }
    let client = builder.build().map_err(|_| "no client could be made".to_owned())?;
    let asked = clock.now();
    let answer = client.get(url.clone()).send().await.map_err(|e| innermost(&e))?;
    let answered = clock.now();
    let date = answer.headers().get(reqwest::header::DATE).and_then(|d| d.to_str().ok());
    let theirs = date.and_then(http_date).ok_or("its answer has no readable date")?;
    // Counted by the wall clock itself: what a step does meanwhile is told apart below.
    let answer = Interval::of_answer(asked.as_millis(), answered.as_millis(), theirs);
    Ok(answer.offset(Timestamp::from_millis(0), 0).surely_ms())
}

/// The cause without the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.source().is_none() { "no answer".to_owned() } else { cause.to_string() }
}

fn say(f: &mut Findings, name: &str, compared: Compared) {
    let name = format!("against {name}");
    match compared {
        Compared::Nobody => f.skip(name, "not configured"),
        Compared::Unknown(why) => f.skip(
            name,
            format!("could not be compared: {why} (a clock that is off by days makes certificates look wrong, too)"),
        ),
        Compared::Off(ms) => {
            let by = Duration::from_millis(ms.unsigned_abs());
            let side = if ms >= 0 { "ahead" } else { "behind" };
            let what = format!("{} s {side}", by.as_secs());
            if by > OFF_MAX {
                f.fail(
                    name,
                    format!("{what}: times in the log are wrong by as much, and certificates may look invalid"),
                    SET,
                );
            } else if by > OFFSET_ALARM {
                f.warn(name, what, SET);
            } else {
                f.ok(name, "agrees");
            }
        }
    }
}

/// Whether the clock was set: while we looked, or in the last minutes by the running engine's word.
async fn stepped(app: &App, store: Option<&dyn Views>, now: Step, f: &mut Findings) {
    let said = match store {
        Some(store) => bounded(app, store.alerts()).await.and_then(Result::ok).unwrap_or_default(),
        None => Vec::new(),
    };
    let said = said.into_iter().filter(|a| a.key.kind() == AlertKind::Clock).map(|a| a.message).next_back();
    let seen = match now {
        Step::None => said,
        Step::Forward(by) => Some(format!("it went forward by {} s while we looked", by.as_secs())),
        Step::Back(by) => Some(format!("it was set back by {} s while we looked", by.as_secs())),
    };
    match seen {
        Some(what) => f.warn("steps", what, SET),
        None => f.ok("steps", "none against the clock that counts from the boot"),
    }
}

fn zones(app: &App, f: &mut Findings) {
    let directory = &app.config.directory;
    let lines = std::iter::once(&directory.default_line).chain(&directory.lines);
    let mut zones: Vec<&str> = lines.filter_map(|l| l.time_zone.as_deref()).collect();
    zones.sort_unstable();
    zones.dedup();
    let unknown: Vec<&str> = zones.iter().copied().filter(|z| jiff::tz::TimeZone::get(z).is_err()).collect();
    if unknown.is_empty() {
        f.ok("time zones", if zones.is_empty() { "UTC".to_owned() } else { zones.join(", ") });
    } else {
        let what = format!("not known on this machine: {}; times are shown in UTC", unknown.join(", "));
        f.warn("time zones", what, "install the time zone database (tzdata)");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_warns_over_five_seconds_and_fails_over_two_minutes() {
        for (ms, want) in
            [(0, "ok"), (5_000, "ok"), (-5_001, "warn"), (120_000, "warn"), (120_001, "fail"), (-121_000, "fail")]
        {
            let mut f = Findings::of("clock");
            say(&mut f, "twilio", Compared::Off(ms));
            assert_eq!(f.all[0].status.as_str(), want, "{ms} ms");
        }
    }
}
