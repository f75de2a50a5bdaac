//! `report`: the list of a night, those that wait to be rung back first, and the figures of a night, a week or any time. Read from the
//! store alone.

use std::time::Duration;

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::config::Mode;
use crate::domain::Timestamp;
use crate::domain::figures::{Figures, NightFigures, Spread, TechnicianFigures};
use crate::domain::night::{self, NightCall, Standing, ToldBy};
use crate::domain::night_mail;
use crate::domain::time_report::{self, WEEK_ENDS, Week};
use crate::engine::figures::{self, TimeReport};
use crate::engine::night::Period;

use super::app::{App, NoStore};
use super::durations::span;
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::parse::Since;
use super::report::CliError;

/// Which calls to list.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The list of the night of this evening, 17:00 to 17:00 by the line's clock [default: the night that it is]
    #[arg(long, value_name = "DATE", num_args = 0..=1, default_missing_value = "", value_parser = evening)]
    night: Option<Evening>,
    /// Calls accepted from then on instead: a duration (12h) ago, or an RFC 3339 time
    #[arg(long, value_name = "DURATION|TIME", value_parser = super::parse::since, conflicts_with = "night")]
    from: Option<Since>,
    /// And before then [default: now]
    #[arg(long, visible_alias = "to", value_name = "DURATION|TIME", value_parser = super::parse::since, requires = "from")]
    until: Option<Since>,
    /// The figures of this week, seven days up to `report.weekly` (Monday 07:00 where that is not set) [default: the newest that is over]
    #[arg(long, value_name = "WEEK", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["night", "from"])]
    week: Option<String>,
    /// One row a technician instead of one a call
    #[arg(long)]
    technicians: bool,
}

/// An evening; `None`: that of the night that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Evening(Option<Date>);

fn evening(text: &str) -> Result<Evening, String> {
    if text.is_empty() {
        return Ok(Evening(None));
    }
    text.parse().map(|date| Evening(Some(date))).map_err(|_| "a date like 2026-11-27 is wanted".to_owned())
}

const HEADERS: [&str; 15] = [
    "STATE",
    "CALL",
    "REFERENCE",
    "LINE",
    "LEVEL",
    "ACCEPTED",
    "CALLER",
    "NAME",
    "ADDRESS",
    "ISSUE",
    "LEFT BY",
    "TOLD AFTER",
    "TOLD BY",
    "TAKEN AFTER",
    "TAKEN BY",
];

/// Columns of technicians that a narrow terminal has no room for, the least worth first.
const EXPENDABLE: [&str; 3] = ["WORST ANSWER", "SHIFTS", "PASSES"];

/// What a report is about.
struct About {
    period: Period,
    title: String,
    /// Of a week, its name: then the figures come first, and its calls are left to the other forms.
    week: Option<String>,
}

impl About {
    /// From when until when.
    fn between(&self, zone: Option<&str>) -> (Timestamp, Timestamp) {
        match self.period {
            Period::Night(evening) => night::night_of(evening, zone),
            Period::Between(from, until) => (from, until),
        }
    }
}

fn about(args: &Args, app: &App, out: &Output, now: Timestamp) -> Result<About, CliError> {
    let directory = &app.config.directory;
    let zone = directory.zone(&directory.default_line);
    if let Some(asked) = &args.week {
        let end = app.config.week_ends.unwrap_or(WEEK_ENDS);
        let wrong = |why: String| CliError::new(ExitStatus::Usage, format!("--week {asked}: {why}"));
        let week = match asked.as_str() {
            "" => Week::newest(end, zone, now).ok_or_else(|| wrong("no week is over".to_owned())),
            named => Week::named(named, end, zone).map_err(wrong),
        }?;
        let title = format!("Week {}, {} to {}", week.name(), out.time(week.from), out.time(week.until));
        return Ok(About { period: Period::Between(week.from, week.until), title, week: Some(week.name()) });
    }
    let (period, title) = match (&args.from, args.night) {
        (Some(from), _) => {
            let (from, until) = (from.moment(now), args.until.as_ref().map_or(now, |u| u.moment(now)));
            (Period::Between(from, until), format!("Calls from {} to {}", out.time(from), out.time(until)))
        }
        (None, asked) => {
            let asked = asked.and_then(|e| e.0);
            let evening = asked.unwrap_or_else(|| night::evening_of(now, zone));
            (Period::Night(evening), format!("Night of {evening}"))
        }
    };
    Ok(About { period, title, week: None })
}

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let now = app.clock.now();
    let directory = &app.config.directory;
    let of = about(&args, app, out, now)?;
    let report = figures::of_period(store.as_ref(), directory, of.period, now).await?;
    if out.is_json() {
        let zone = directory.zone(&directory.default_line);
        out.document(&document(&of, zone, &report));
    } else if out.is_html() {
        out.raw(&page(&of, app, &report));
    } else if args.technicians {
        let mut table = Table::new(&time_report::TECHNICIAN).may_leave_out(&EXPENDABLE);
        table.rows = report.figures.technicians.iter().map(time_report::technician_row).collect();
        out.table(&table);
    } else if out.is_csv() {
        out.table(&list(&report.calls, out));
    } else {
        in_words(&of, &report, out);
    }
    Ok(ExitStatus::Done)
}

fn list(calls: &[NightCall], out: &Output) -> Table {
    let mut table = Table::new(&HEADERS);
    table.rows = calls.iter().map(|c| cells(c, out)).collect();
    table
}

fn page(of: &About, app: &App, report: &TimeReport) -> String {
    let shop = app.config.directory.default_line.name.as_str();
    let test_mode = app.config.mode == Mode::Test;
    let verdict = time_report::verdict(&report.figures);
    let (zone, board) = (app.config.directory.zone(&app.config.directory.default_line), app.config.board_url());
    match (&of.week, of.period) {
        (None, Period::Night(evening)) => {
            let morning = evening.tomorrow().unwrap_or(evening);
            night_mail::write(shop, morning, &report.calls, (&verdict, board.as_deref()), test_mode).html
        }
        (week, _) => {
            let about = week.as_ref().map_or_else(|| "calls".to_owned(), |week| format!("week {week}"));
            let (from, until) = of.between(zone);
            let written = time_report::write(&time_report::Report {
                shop,
                about: &about,
                stretch: &time_report::stretch(from, until, zone),
                figures: &report.figures,
                calls: &report.calls,
                now: app.clock.now(),
                link: board.as_deref(),
                test_mode,
            });
            written.html
        }
    }
}

fn in_words(of: &About, report: &TimeReport, out: &mut Output) {
    let (calls, f) = (&report.calls, &report.figures);
    out.mode_line();
    if of.week.is_some() {
        out.paragraph(&format!("{}: {}", of.title, time_report::verdict(f)));
        figure_tables(f, out);
        return;
    }
    out.paragraph(&format!("{}: {}", of.title, night::in_words(calls)));
    if !calls.is_empty() {
        out.part(&list(calls, out));
        out.paragraph(&time_report::verdict(f));
    }
    if calls.iter().any(|c| c.standing == Standing::RingBack) {
        out.chat(
            "ring these callers back; `dispatchctl seen CALL` ticks one off, `dispatchctl raise CALL` wakes somebody",
        );
    }
}

fn figure_tables(f: &Figures, out: &mut Output) {
    let mut figures = Table::new(&["FIGURE", "VALUE"]);
    figures.rows = time_report::rows(f).into_iter().map(Vec::from).collect();
    out.part(&figures);
    let mut technicians = Table::new(&time_report::TECHNICIAN).may_leave_out(&EXPENDABLE);
    technicians.rows = f.technicians.iter().map(time_report::technician_row).collect();
    let mut nights = Table::new(&time_report::NIGHT);
    nights.rows = f.nights.iter().map(time_report::night_row).collect();
    for table in [technicians, nights].iter().filter(|t| !t.rows.is_empty()) {
        out.part(table);
    }
}

fn after(call: &NightCall, at: Option<Timestamp>) -> Option<Duration> {
    at.map(|at| at.since(call.state.call.accepted_at))
}

fn cells(c: &NightCall, out: &Output) -> Vec<String> {
    let (call, data) = (&c.state.call, &c.state.call.data);
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let length = |at| after(c, at).map(span).unwrap_or_default();
    vec![
        c.standing.as_str().to_owned(),
        call.id.to_string(),
        call.reference.to_string(),
        c.line.clone(),
        call.level.clone(),
        out.time(call.accepted_at),
        text(&data.caller_phone),
        text(&data.caller_name),
        text(&data.address),
        text(&data.issue_summary),
        text(&c.deferred_by),
        length(c.told.map(|(at, _)| at)),
        c.told.map(|(_, by)| by.noun().to_owned()).unwrap_or_default(),
        length(c.taken_at),
        text(&c.taken_by),
    ]
}

fn document(of: &About, zone: Option<&str>, report: &TimeReport) -> Value {
    let (from, until) = of.between(zone);
    let night = match of.period {
        Period::Night(evening) => Some(evening.to_string()),
        Period::Between(..) => None,
    };
    json!({
        "night": night,
        "week": of.week,
        "from": from,
        "until": until,
        "figures": figures_json(&report.figures),
        "calls": report.calls.iter().map(row).collect::<Vec<_>>(),
    })
}

fn ms(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

fn spread_json(s: &Spread) -> Value {
    json!({
        "count": s.count,
        "medianMs": s.median.map(ms),
        "ninetyPercentMs": s.ninety.map(ms),
        "worstMs": s.worst.map(ms),
    })
}

fn figures_json(f: &Figures) -> Value {
    let technician = |t: &TechnicianFigures| {
        json!({
            "contact": t.contact,
            "name": t.name,
            "shifts": t.shifts,
            "onCallMs": ms(t.on_call),
            "notices": t.notices,
            "taken": t.taken,
            "answer": spread_json(&t.answer),
            "passes": t.passes,
            "failed": t.failed,
        })
    };
    let night = |n: &NightFigures| {
        json!({
            "night": n.evening.to_string(),
            "calls": n.calls,
            "taken": n.taken,
            "unanswered": n.unanswered,
            "gap": n.has_gap,
        })
    };
    json!({
        "calls": f.calls,
        "told": spread_json(&f.told),
        "toldUnconfirmed": f.unconfirmed,
        "taken": spread_json(&f.taken),
        "unanswered": f.unanswered,
        "exhausted": f.exhausted,
        "leftForTheMorning": f.left,
        "open": f.open,
        "texts": f.texts,
        "segments": f.segments,
        "unknowns": f.unknowns,
        "doubles": f.doubles,
        "alerts": f.alerts,
        "nightsWithGaps": f.nights_with_gaps,
        "nights": f.nights.iter().map(night).collect::<Vec<_>>(),
        "technicians": f.technicians.iter().map(technician).collect::<Vec<_>>(),
    })
}

fn row(c: &NightCall) -> Value {
    let (call, data) = (&c.state.call, &c.state.call.data);
    let ms = |at| after(c, at).map(ms);
    json!({
        "state": c.standing.as_str(),
        "callId": call.id,
        "reference": call.reference,
        "status": call.status,
        "line": c.line,
        "level": call.level,
        "acceptedAt": call.accepted_at,
        "callerPhone": data.caller_phone,
        "callerName": data.caller_name,
        "address": data.address,
        "issueSummary": data.issue_summary,
        "deferredBy": c.deferred_by,
        "toldAfterMs": ms(c.told.map(|(at, _)| at)),
        "toldBy": c.told.map(|(_, by)| by.channel()),
        "toldConfirmed": c.told.map(|(_, by)| matches!(by, ToldBy::Text | ToldBy::PhoneCall)),
        "takenAfterMs": ms(c.taken_at),
        "takenBy": c.taken_by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::report_week::{ByHand, seeded};

    #[tokio::test]
    async fn the_document_of_a_week_with_a_short_night_says_what_queries_by_hand_say() {
        let w = seeded().await;
        let directory = w.process.core.directory();
        let zone = directory.zone(&directory.default_line);
        let week = Week::newest(WEEK_ENDS, zone, w.now()).expect("a week");
        let period = Period::Between(week.from, week.until);
        let report = figures::of_period(&*w.process.store, &directory, period, w.now()).await.expect("read");
        let of = About { period, title: String::new(), week: Some(week.name()) };
        let document = document(&of, zone, &report);
        let q = ByHand::new(&w.file());
        assert_eq!(document["week"], "2027-W10");
        assert_eq!((&document["from"], &document["until"]), (&json!(week.from), &json!(week.until)));
        let f = &document["figures"];
        for (key, sql) in [
            ("calls", "SELECT count(*) FROM week"),
            ("open", "SELECT count(*) FROM week WHERE status NOT IN ('RESOLVED', 'CANCELLED')"),
            ("leftForTheMorning", "SELECT count(*) FROM week WHERE status = 'DEFERRED'"),
            ("exhausted", "SELECT count(DISTINCT call_id) FROM story WHERE kind = 'call.exhausted'"),
            ("texts", "SELECT count(*) FROM tries WHERE channel = 'sms' AND sid IS NOT NULL"),
            ("segments", "SELECT sum(segments) FROM tries WHERE channel = 'sms' AND sid IS NOT NULL"),
        ] {
            assert_eq!(f[key], q.number(sql), "{key}: {f:#}");
        }
        let taken = "SELECT min(at) - accepted_at FROM story WHERE kind = 'call.acknowledged' GROUP BY call_id";
        let taken = q.numbers(taken);
        assert_eq!(
            f["taken"],
            json!({ "count": 4, "medianMs": taken[1], "ninetyPercentMs": taken[3], "worstMs": taken[3] })
        );
        let mut calls = document["calls"].as_array().expect("calls").clone();
        calls.sort_by_key(|c| c["acceptedAt"].as_str().map(str::to_owned));
        let ids: Vec<&str> = calls.iter().filter_map(|c| c["callId"].as_str()).collect();
        assert_eq!(ids, q.strings("SELECT id FROM week ORDER BY accepted_at"));
        let after: Vec<String> =
            calls.iter().map(|c| c["takenAfterMs"].as_u64().map(|ms| ms.to_string()).unwrap_or_default()).collect();
        let first =
            "SELECT coalesce((SELECT min(at) FROM story WHERE story.call_id = week.id AND kind = 'call.acknowledged')
             - accepted_at, '') FROM week ORDER BY accepted_at";
        assert_eq!(after, q.strings(first));
        let nights: Vec<(&str, u64)> = f["nights"]
            .as_array()
            .expect("nights")
            .iter()
            .filter_map(|n| Some((n["night"].as_str()?, n["calls"].as_u64()?)))
            .collect();
        // The short night is one night: the calls of 01:50 and 03:40, and of the early morning, are its.
        assert_eq!(nights[3], ("2027-03-13", 3));
    }
}
