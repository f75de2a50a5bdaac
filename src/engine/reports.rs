//! Reports by mail, one mail a reader: the morning's list once a day and the figures of the week once a week, by the shop's clock.
//! Durable: a report is made and kept before it is sent, so a restart sends none twice and forgets none; after an outage the newest
//! is sent late.
//!
//! A report of which the relay's answer was lost is sent again under the same Message-ID, three times at most; after that a person is
//! told, and `dispatchctl report` shows it.

use std::time::Duration;

use jiff::civil::Time;

use crate::config::MailedReports;
use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::event::Event;
use crate::domain::levels;
use crate::domain::mail::MailAddress;
use crate::domain::night;
use crate::domain::night_mail::{self, Written};
use crate::domain::time_report::{self, Week};
use crate::domain::types::Actor;
use crate::gateways::{AttachedTable, Mail, MailError};
use crate::store::{ReportMail, ReportState, StoreError};

use super::Engine;
use super::duty::Passed;
use super::figures;
use super::night::Period;

/// How late a list may be.
pub const EVERY: Duration = Duration::from_secs(20);
const BATCH: usize = 20;
/// The first and the longest pause before a relay that did not take a list is asked again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1_800));

/// After so many tries a list of which the answer is lost is not sent again.
const SENT_AT_MOST: u32 = 3;

/// What is mailed, before it is written to one reader.
struct Made {
    /// Of the report: the reader's address follows it.
    key: String,
    state: ReportState,
    written: Written,
    csv: String,
}

/// One look.
///
/// # Errors
/// [`StoreError`]: the rest is done in the next pass.
pub async fn pass(engine: &Engine, mailed: &MailedReports) -> Passed {
    let core = &engine.core;
    let now = core.clock.now();
    make_daily(engine, mailed, now).await?;
    make_weekly(engine, mailed, now).await?;
    for report in core.store.open_reports(now, BATCH).await? {
        send(engine, report).await?;
    }
    Ok(Some(now.plus(EVERY)))
}

/// Makes the newest list that is due, where it was not made.
async fn make_daily(engine: &Engine, mailed: &MailedReports, now: Timestamp) -> Result<(), StoreError> {
    let core = &engine.core;
    let directory = core.directory();
    let zone = directory.zone(&directory.default_line);
    let Some((date, from, until)) = mailed.daily.and_then(|at| due(at, zone, now)) else { return Ok(()) };
    let key = format!("night:{date}");
    let missing = missing(engine, &key, mailed).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let of = figures::of_period(&*core.store, &directory, Period::Between(from, until), now).await?;
    let shop = directory.default_line.name.as_str();
    let verdict = time_report::verdict(&of.figures);
    let with = (verdict.as_str(), mailed.board.as_deref());
    let written = night_mail::write(shop, date, &of.calls, with, core.rules().test_mode);
    let state = if of.calls.is_empty() { ReportState::Empty } else { ReportState::Waiting };
    keep(engine, &missing, Made { key, state, written, csv: time_report::csv(&of.calls) }, now).await
}

/// Makes the figures of the newest week that is over, where they were not made.
async fn make_weekly(engine: &Engine, mailed: &MailedReports, now: Timestamp) -> Result<(), StoreError> {
    let core = &engine.core;
    let directory = core.directory();
    let zone = directory.zone(&directory.default_line);
    let Some(week) = mailed.weekly.and_then(|end| Week::newest(end, zone, now)) else { return Ok(()) };
    let key = format!("report:{}", week.name());
    let missing = missing(engine, &key, mailed).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let of = figures::of_period(&*core.store, &directory, Period::Between(week.from, week.until), now).await?;
    let shop = directory.default_line.name.as_str();
    let about = format!("week {}", week.name());
    let written = time_report::write(&time_report::Report {
        shop,
        about: &about,
        stretch: &time_report::stretch(week.from, week.until, zone),
        figures: &of.figures,
        calls: &of.calls,
        now,
        link: mailed.board.as_deref(),
        test_mode: core.rules().test_mode,
    });
    keep(engine, &missing, Made { key, state: ReportState::Waiting, written, csv: time_report::csv(&of.calls) }, now)
        .await
}

fn key_to(key: &str, to: &MailAddress) -> String {
    format!("{key} {}", to.as_str())
}

/// The readers for whom this report was not made yet.
async fn missing<'a>(
    engine: &Engine,
    key: &str,
    mailed: &'a MailedReports,
) -> Result<Vec<&'a MailAddress>, StoreError> {
    let mut missing = Vec::new();
    for to in &mailed.to {
        if !engine.core.store.has_report(&key_to(key, to)).await? {
            missing.push(to);
        }
    }
    Ok(missing)
}

async fn keep(engine: &Engine, to: &[&MailAddress], made: Made, now: Timestamp) -> Result<(), StoreError> {
    for to in to {
        let report = ReportMail {
            key: key_to(&made.key, to),
            address: to.as_str().to_owned(),
            subject: made.written.subject.clone(),
            body: made.written.text.clone(),
            html: made.written.html.clone(),
            csv: Some(made.csv.clone()),
            state: made.state,
            tries: 0,
            next_at: now,
            said: String::new(),
        };
        engine.core.store.keep_report(&report).await?;
    }
    Ok(())
}

/// The newest list that is due: its date, and the day that it covers.
fn due(at: Time, zone: Option<&str>, now: Timestamp) -> Option<(jiff::civil::Date, Timestamp, Timestamp)> {
    let zone = levels::zone_named(zone);
    let local = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?.to_zoned(zone.clone()).date();
    let today = night::moment(local, at, &zone);
    let date = if today <= now { local } else { local.yesterday().ok()? };
    let until = night::moment(date, at, &zone);
    Some((date, night::moment(date.yesterday().ok()?, at, &zone), until))
}

async fn send(engine: &Engine, report: ReportMail) -> Result<(), StoreError> {
    let core = &engine.core;
    let now = core.clock.now();
    let moved = |state, said: &str, next_at| ReportMail { state, said: said.to_owned(), next_at, ..report.clone() };
    if report.state == ReportState::Sending {
        // Its engine ended before the answer was stored. Under the same Message-ID a mailbox can tell the second from the first.
        if report.tries < SENT_AT_MOST {
            let again = moved(ReportState::Waiting, "the engine ended before its answer; it is sent again", now);
            return core.store.move_report(&report, &again).await.map(drop);
        }
        core.store
            .move_report(&report, &moved(ReportState::Unknown, "the engine ended before its answer", now))
            .await?;
        return say(engine, &report, "nobody knows whether it arrived").await;
    }
    let Some(relay) = engine.mail() else {
        return say(engine, &report, "no mail relay is configured (smtp.url)").await;
    };
    let claimed = ReportMail { state: ReportState::Sending, tries: report.tries + 1, ..report.clone() };
    if !core.store.move_report(&report, &claimed).await? {
        return Ok(());
    }
    let Ok(to) = report.address.parse() else { return Ok(()) };
    let message = Mail {
        id: mail_id(&report.key),
        to,
        from_name: None,
        subject: report.subject.clone(),
        text: report.body.clone(),
        html: report.html.clone(),
        thread: None,
        attached: report.csv.clone().map(|csv| AttachedTable { name: file_name(&report.key), csv }),
    };
    let (state, said, next_at) = match relay.submit(&message).await {
        Ok(said) => (ReportState::Sent, said, now),
        Err(MailError::NotSent { why } | MailError::Later { why }) => {
            let pause = AGAIN.0.saturating_mul(1 << report.tries.min(8)).min(AGAIN.1);
            (ReportState::Waiting, why, now.plus(pause))
        }
        Err(e @ MailError::NotTheEngine) => (ReportState::Waiting, e.to_string(), now),
        Err(MailError::Refused { why, .. }) => (ReportState::Failed, why, now),
        Err(MailError::Unknown { why }) if claimed.tries < SENT_AT_MOST => {
            (ReportState::Waiting, why, now.plus(AGAIN.0))
        }
        Err(MailError::Unknown { why }) => (ReportState::Unknown, why, now),
    };
    let done = ReportMail { state, said: said.clone(), next_at, ..claimed.clone() };
    core.store.move_report(&claimed, &done).await?;
    match state {
        ReportState::Sent => {
            let over = AlertChange::Resolve { key: AlertKind::ReportMail.about(&report.address) };
            core.apply(Event::Alert(over), Actor::engine()).await.map(drop)
        }
        ReportState::Unknown => say(engine, &report, "nobody knows whether it arrived").await,
        _ => say(engine, &report, &said).await,
    }
}

/// A list that did not arrive is a person's to read elsewhere.
async fn say(engine: &Engine, report: &ReportMail, why: &str) -> Result<(), StoreError> {
    let to = shown(report);
    let (what, how) = match report.key.split_once(' ').unwrap_or_default().0.split_once(':') {
        Some(("report", week)) => (format!("the report of week {week}"), format!("report --week {week}")),
        _ => ("the morning's list".to_owned(), "report --night".to_owned()),
    };
    let message = format!("{what} did not go to {to}: {why}; `dispatchctl {how}` shows it");
    let raised = AlertChange::Raise { key: AlertKind::ReportMail.about(&report.address), call: None, message };
    engine.core.apply(Event::Alert(raised), Actor::engine()).await.map(drop)
}

/// Its reader's address, masked.
fn shown(report: &ReportMail) -> String {
    report.address.parse::<MailAddress>().map(|a| a.to_string()).unwrap_or_default()
}

/// One a list and reader, in the form of a Message-ID.
fn mail_id(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// `report-2026-W48.csv`: of the key without its reader.
fn file_name(key: &str) -> String {
    format!("{}.csv", mail_id(key.split(' ').next().unwrap_or(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_list_that_is_due_covers_the_day_before_it() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let seven = Time::constant(7, 0, 0, 0);
        let zone = Some("America/Los_Angeles");
        for (now, date) in [("2026-11-28T14:59:59Z", "2026-11-27"), ("2026-11-28T15:00:00Z", "2026-11-28")] {
            let (found, from, until) = due(seven, zone, at(now)).expect("a list");
            assert_eq!((found.to_string().as_str(), until.since(from).as_secs()), (date, 86_400), "{now}");
        }
        let (_, from, until) = due(seven, zone, at("2026-11-01T20:00:00Z")).expect("a list");
        assert_eq!(until.since(from).as_secs(), 25 * 3_600, "the clocks went back");
        assert_eq!(mail_id("night:2026-11-28 a@b.c"), "night-2026-11-28-a-b-c");
        assert_eq!(file_name("report:2026-W48 a@b.c"), "report-2026-W48.csv");
    }
}
