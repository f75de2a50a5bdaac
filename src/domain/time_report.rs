//! The figures of a time in words: the rows that tables, mails and pages show, a line of verdict, and the calls as CSV.
//!
//! HTML has inline styles, as programs for mail need them, and nothing from elsewhere.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::civil::{Date, ISOWeekDate, Time, Weekday};

use super::call_facts::UNANSWERED_AFTER;
use super::figures::{Figures, NightFigures, Spread, TechnicianFigures};
use super::levels::zone_named;
use super::mail::escaped;
use super::night::{self, NightCall};
use super::night_mail::{self, Written, plain};
use super::types::Timestamp;

/// When a week ends where nothing else is said: Monday morning, when the weekend is over.
pub const WEEK_ENDS: WeekEnd = WeekEnd { day: Weekday::Monday, at: Time::constant(7, 0, 0, 0) };

/// So many calls of a kind are named in a report; its table of calls has all.
const NAMED_MAX: usize = 20;

/// A day of the week and a time of it, by the clock of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeekEnd {
    pub day: Weekday,
    pub at: Time,
}

/// Seven days up to a [`WeekEnd`], named by the ISO week of the day before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Week {
    /// The day on which it ends.
    pub ends: Date,
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Week {
    fn ending(ends: Date, at: Time, zone: Option<&str>) -> Option<Self> {
        let zone = zone_named(zone);
        let begins = ends.checked_sub(jiff::Span::new().days(7)).ok()?;
        Some(Self { ends, from: night::moment(begins, at, &zone), until: night::moment(ends, at, &zone) })
    }

    /// The newest that is over.
    pub fn newest(end: WeekEnd, zone: Option<&str>, now: Timestamp) -> Option<Self> {
        let at = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?;
        let mut day = at.to_zoned(zone_named(zone)).date();
        for _ in 0..=7 {
            let week = Self::ending(day, end.at, zone).filter(|w| w.ends.weekday() == end.day && w.until <= now);
            if week.is_some() {
                return week;
            }
            day = day.yesterday().ok()?;
        }
        None
    }

    /// The one of this name, `2026-W48`.
    ///
    /// # Errors
    /// What is no week.
    pub fn named(text: &str, end: WeekEnd, zone: Option<&str>) -> Result<Self, String> {
        let wanted = || "a week like 2026-W48 is wanted".to_owned();
        let (year, week) = text.trim().split_once("-W").ok_or_else(wanted)?;
        let (year, week) = (year.parse::<i16>(), week.parse::<i8>());
        let (Ok(year), Ok(week)) = (year, week) else { return Err(wanted()) };
        let monday = ISOWeekDate::new(year, week, Weekday::Monday).map_err(|_| wanted())?.date();
        let mut day = monday;
        for _ in 0..7 {
            day = day.tomorrow().map_err(|_| wanted())?;
            if day.weekday() == end.day {
                return Self::ending(day, end.at, zone).ok_or_else(wanted);
            }
        }
        Err(wanted())
    }

    /// `2026-W48`.
    pub fn name(&self) -> String {
        let last = self.ends.yesterday().unwrap_or(self.ends).iso_week_date();
        format!("{}-W{:02}", last.year(), last.week())
    }
}

/// A length of time for people: `8 s`, `4 min 05 s`, `2 h 10 min`.
pub fn length(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3_600, s / 60 % 60),
    }
}

fn maybe(d: Option<Duration>) -> String {
    d.map_or_else(|| "-".to_owned(), length)
}

fn spread(s: &Spread) -> String {
    if s.count < 2 {
        return s.worst.map_or_else(|| "none".to_owned(), |only| format!("1 call: {}", length(only)));
    }
    format!("{} calls: median {}, 90 % within {}, worst {}", s.count, maybe(s.median), maybe(s.ninety), maybe(s.worst))
}

/// The whole time in one line.
pub fn verdict(f: &Figures) -> String {
    if f.calls == 0 {
        let gaps =
            if f.nights_with_gaps == 0 { String::new() } else { format!(", {} nights with a gap", f.nights_with_gaps) };
        return format!("no calls{gaps}");
    }
    let calls = if f.calls == 1 { "1 call".to_owned() } else { format!("{} calls", f.calls) };
    let answered = match f.unanswered {
        0 => "none left unanswered".to_owned(),
        n => format!("{n} left unanswered"),
    };
    let taken = f.taken.median.map(|m| format!(", taken in {} (median)", length(m))).unwrap_or_default();
    let gaps = match f.nights_with_gaps {
        0 => String::new(),
        n => format!(", {n} nights with a gap"),
    };
    format!("{calls}, {answered}{taken}{gaps}")
}

/// Every figure, with what it means.
pub fn rows(f: &Figures) -> Vec<[String; 2]> {
    let late = length(UNANSWERED_AFTER);
    let row = |name: &str, value: String| [name.to_owned(), value];
    vec![
        row("calls", format!("{} ({} still open, {} left for the morning)", f.calls, f.open, f.left)),
        row("told", spread(&f.told)),
        row("told, not confirmed by the carrier", f.unconfirmed.to_string()),
        row("taken", spread(&f.taken)),
        row("unanswered", format!("{} (nobody in {late}, or exhausted: {})", f.unanswered, f.exhausted)),
        row("texts", format!("{} of {} segments", f.texts, f.segments)),
        row("outcomes unknown for a time", f.unknowns.to_string()),
        row("texts that came twice", f.doubles.to_string()),
        row("alerts", f.alerts.to_string()),
        row("nights with a gap", f.nights_with_gaps.to_string()),
    ]
}

/// The columns of [`technician_row`].
pub const TECHNICIAN: [&str; 9] =
    ["TECHNICIAN", "SHIFTS", "ON CALL", "NOTICES", "TAKEN", "MEDIAN ANSWER", "WORST ANSWER", "PASSES", "FAILED"];

/// One technician.
pub fn technician_row(t: &TechnicianFigures) -> Vec<String> {
    vec![
        t.name.clone(),
        t.shifts.to_string(),
        length(t.on_call),
        t.notices.to_string(),
        t.taken.to_string(),
        maybe(t.answer.median),
        maybe(t.answer.worst),
        t.passes.to_string(),
        t.failed.to_string(),
    ]
}

/// The columns of [`night_row`].
pub const NIGHT: [&str; 5] = ["NIGHT OF", "CALLS", "TAKEN", "UNANSWERED", "GAP"];

/// One night.
pub fn night_row(n: &NightFigures) -> Vec<String> {
    vec![
        n.evening.strftime("%a %Y-%m-%d").to_string(),
        n.calls.to_string(),
        n.taken.to_string(),
        n.unanswered.to_string(),
        if n.has_gap { "gap" } else { "" }.to_owned(),
    ]
}

/// From when until when, by whose clock: `Mon 8 Mar 2027 07:00 to Mon 15 Mar 2027 07:00, America/Los_Angeles`.
pub fn stretch(from: Timestamp, until: Timestamp, zone: Option<&str>) -> String {
    let zone = zone_named(zone);
    let local = |at: Timestamp| {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).map(|at| at.to_zoned(zone.clone()));
        at.map_or_else(|_| String::new(), |at| at.strftime("%a %-d %b %Y %H:%M").to_string())
    };
    format!("{} to {}, {}", local(from), local(until), zone.iana_name().unwrap_or("UTC"))
}

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    pub shop: &'a str,
    /// `week 2026-W48`.
    pub about: &'a str,
    /// From when until when, as people read it: see [`stretch`].
    pub stretch: &'a str,
    pub figures: &'a Figures,
    /// The calls of the time: those that nobody answered, and those that are still open, are named.
    pub calls: &'a [NightCall],
    pub now: Timestamp,
    /// The office's page.
    pub link: Option<&'a str>,
    pub test_mode: bool,
}

/// A report as a mail or a page: its title is the shop's name, what it is about and the verdict.
pub fn write(report: &Report<'_>) -> Written {
    let f = report.figures;
    let test = if report.test_mode { "TEST MODE " } else { "" };
    let shop = if report.shop.trim().is_empty() { String::new() } else { format!("{}: ", plain(report.shop)) };
    let verdict = verdict(f);
    let subject = format!("{test}{shop}{}: {verdict}", report.about);
    let mut text = format!("{test}{verdict}\n{}\n", report.stretch);
    let mut html = night_mail::head(&subject, &format!("{test}{shop}{}", report.about));
    let _ = writeln!(
        html,
        "<p style=\"font-size:17px;margin:4px 0\"><b>{}</b></p>\n<p style=\"margin:4px 0\">{}</p>",
        escaped(&verdict),
        escaped(report.stretch)
    );
    let is_unanswered = |c: &NightCall| c.facts.is_unanswered(report.now.since(c.state.call.accepted_at)) == Some(true);
    let is_open = |c: &NightCall| c.state.call.status.is_open() && !is_unanswered(c);
    name_calls(&mut text, &mut html, "Left unanswered", report.calls.iter().filter(|c| is_unanswered(c)));
    name_calls(&mut text, &mut html, "Still open", report.calls.iter().filter(|c| is_open(c)));
    let figures: Vec<Vec<String>> = rows(f).into_iter().map(Vec::from).collect();
    section(&mut text, &mut html, "Figures", None, &figures);
    technicians(&mut text, &mut html, &f.technicians);
    let nights: Vec<Vec<String>> = f.nights.iter().map(night_row).collect();
    section(&mut text, &mut html, "Nights", Some(&NIGHT), &nights);
    night_mail::link(&mut text, &mut html, report.link);
    html.push_str("</body></html>\n");
    Written { subject, text, html }
}

/// Each by name in a few words: nine columns are too many for a phone.
fn technicians(text: &mut String, html: &mut String, all: &[TechnicianFigures]) {
    if all.is_empty() {
        return;
    }
    night_mail::heading(text, html, "Technicians");
    for t in all {
        let answers = match (t.answer.median, t.answer.worst) {
            (Some(median), Some(worst)) if t.answer.count > 1 => {
                format!(", median answer {}, worst {}", length(median), length(worst))
            }
            (Some(only), _) => format!(", answered in {}", length(only)),
            _ => String::new(),
        };
        let shifts = if t.shifts == 1 { "1 shift".to_owned() } else { format!("{} shifts", t.shifts) };
        let work = format!("{} notices, took {}{answers}", t.notices, t.taken);
        let rest = format!("on call {} in {shifts}, passed {}, failed {}", length(t.on_call), t.passes, t.failed);
        let name = plain(&t.name);
        let _ = writeln!(text, "- {name}: {work}\n  {rest}");
        let _ = writeln!(
            html,
            "<p style=\"margin:6px 0;padding:4px 8px;border-left:4px solid #999\"><b>{}</b><br>{work}<br>{rest}</p>",
            escaped(&name)
        );
    }
}

/// Calls under a heading, in both forms; none where there is none.
fn name_calls<'a>(text: &mut String, html: &mut String, heading: &str, calls: impl Iterator<Item = &'a NightCall>) {
    let mut calls: Vec<&NightCall> = calls.collect();
    calls.sort_by_key(|c| c.state.call.accepted_at);
    if calls.is_empty() {
        return;
    }
    night_mail::heading(text, html, heading);
    for call in calls.iter().take(NAMED_MAX) {
        night_mail::entry(text, html, call);
    }
    if let Some(more) = calls.len().checked_sub(NAMED_MAX).filter(|n| *n > 0) {
        let _ = writeln!(text, "- and {more} more");
        let _ = writeln!(html, "<p>and {more} more</p>");
    }
}

/// A table under its name, in both forms; none where it has no row.
fn section(text: &mut String, html: &mut String, name: &str, headers: Option<&[&str]>, rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    night_mail::heading(text, html, name);
    for row in rows {
        let cells: Vec<String> = match headers {
            None => row.iter().map(|c| plain(c)).collect(),
            Some(headers) => {
                let named = |(h, c): (&&str, &String)| format!("{} {}", h.to_lowercase(), plain(c));
                let rest = headers.iter().zip(row).skip(1).filter(|(_, c)| !c.is_empty()).map(named);
                row.first().map(|c| plain(c)).into_iter().chain([rest.collect::<Vec<_>>().join(", ")]).collect()
            }
        };
        let _ = writeln!(text, "- {}", cells.join(": "));
    }
    let _ = writeln!(html, "<table style=\"border-collapse:collapse\">");
    const CELL: &str = "style=\"text-align:left;padding:4px 10px 4px 0;border-bottom:1px solid #ccc\"";
    if let Some(headers) = headers {
        let cells: String = headers.iter().map(|h| format!("<th {CELL}>{}</th>", escaped(&h.to_lowercase()))).collect();
        let _ = writeln!(html, "<tr>{cells}</tr>");
    }
    for row in rows {
        let style = |n: usize| {
            if n == 0 && headers.is_some() {
                CELL.replace("padding", "white-space:nowrap;padding")
            } else {
                CELL.to_owned()
            }
        };
        let cells = row.iter().enumerate().map(|(n, c)| format!("<td {}>{}</td>", style(n), escaped(&plain(c))));
        let cells: String = cells.collect();
        let _ = writeln!(html, "<tr>{cells}</tr>");
    }
    let _ = writeln!(html, "</table>");
}

/// The calls of a time, one row each, for a table program: what somebody wrote begins no formula there.
pub fn csv(calls: &[NightCall]) -> String {
    const HEADERS: [&str; 14] = [
        "call",
        "reference",
        "line",
        "level",
        "state",
        "accepted_at",
        "caller",
        "name",
        "address",
        "issue",
        "told_after_s",
        "taken_after_s",
        "taken_by",
        "texts",
    ];
    let mut out = HEADERS.join(",");
    out.push_str("\r\n");
    for c in calls {
        let (call, data) = (&c.state.call, &c.state.call.data);
        let text = |t: &Option<String>| t.as_deref().map(plain).unwrap_or_default();
        let seconds = |d: Option<Duration>| d.map(|d| format!("{:.1}", d.as_secs_f64())).unwrap_or_default();
        let cells = [
            call.id.to_string(),
            call.reference.to_string(),
            c.line.clone(),
            call.level.clone(),
            c.standing.as_str().to_owned(),
            call.accepted_at.rfc3339(),
            text(&data.caller_phone),
            text(&data.caller_name),
            text(&data.address),
            text(&data.issue_summary),
            seconds(c.facts.told.map(|(after, _)| after)),
            seconds(c.facts.taken),
            c.taken_by.clone().filter(|_| c.facts.taken_at.is_some()).unwrap_or_default(),
            c.facts.texts.to_string(),
        ];
        out.push_str(&cells.map(|cell| quoted(&cell)).join(","));
        out.push_str("\r\n");
    }
    out
}

fn quoted(cell: &str) -> String {
    let is_number = cell.strip_prefix('+').unwrap_or(cell).chars().all(|c| c.is_ascii_digit());
    let begins_a_formula = !is_number && cell.starts_with(['=', '+', '-', '@']);
    let cell = if begins_a_formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::CallStatus;
    use crate::testing::fixtures;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_week_is_the_seven_days_before_it_is_due_and_has_the_name_of_the_one_that_it_ends() {
        let zone = Some("America/Los_Angeles");
        for (now, name, hours) in [
            ("2026-11-30T14:59:59Z", "2026-W47", 168),
            ("2026-11-30T15:00:00Z", "2026-W48", 168),
            ("2026-12-03T00:00:00Z", "2026-W48", 168),
            ("2026-11-02T15:00:00Z", "2026-W44", 169),
            ("2026-03-09T14:00:00Z", "2026-W10", 167),
            ("2027-01-04T15:00:00Z", "2026-W53", 168),
        ] {
            let week = Week::newest(WEEK_ENDS, zone, at(now)).expect("a week");
            assert_eq!((week.name().as_str(), week.until.since(week.from).as_secs() / 3_600), (name, hours), "{now}");
            assert_eq!(Week::named(name, WEEK_ENDS, zone), Ok(week), "{now}");
        }
        let friday = WeekEnd { day: Weekday::Friday, at: Time::constant(12, 0, 0, 0) };
        let week = Week::newest(friday, None, at("2026-11-28T00:00:00Z")).expect("a week");
        assert_eq!((week.until, week.name()), (at("2026-11-27T12:00:00Z"), "2026-W48".to_owned()));
        assert_eq!(Week::named("2026-W48", friday, None), Ok(week));
        for bad in ["2026-48", "2026-W54", "W48", "2026-Wx", ""] {
            assert!(Week::named(bad, WEEK_ENDS, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_read_in_a_table_program_begins_no_formula() {
        for (cell, want) in [
            ("+19495550101", "+19495550101"),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("-1+1", "'-1+1"),
            ("a, b", "\"a, b\""),
            ("", ""),
        ] {
            assert_eq!(quoted(cell), want);
        }
        assert_eq!(csv(&[]).lines().count(), 1);
    }

    #[test]
    fn a_report_says_the_verdict_first_and_holds_what_somebody_wrote_as_text() {
        let technician = TechnicianFigures { name: "<b>Ana</b>".into(), taken: 2, ..TechnicianFigures::default() };
        let f = Figures { calls: 2, unanswered: 1, technicians: vec![technician], ..Figures::default() };
        let report = Report {
            shop: "Acme",
            about: "week 2026-W48",
            stretch: &stretch(at("2026-10-26T14:00:00Z"), at("2026-11-02T15:00:00Z"), Some("America/Los_Angeles")),
            figures: &f,
            calls: &[],
            now: at("2026-11-02T15:00:00Z"),
            link: None,
            test_mode: true,
        };
        let written = write(&report);
        assert_eq!(written.subject, "TEST MODE Acme: week 2026-W48: 2 calls, 1 left unanswered");
        let begins = "TEST MODE 2 calls, 1 left unanswered\nMon 26 Oct 2026 07:00 to Mon 2 Nov 2026 07:00, America/Los_Angeles\n\nFigures\n- calls: 2";
        assert!(written.text.starts_with(begins), "{}", written.text);
        let linked = write(&Report { link: Some("https://acme.example/a?b&c"), ..report });
        assert!(linked.text.ends_with("\nThe board: https://acme.example/a?b&c\n"), "{}", linked.text);
        assert!(linked.html.contains("<a href=\"https://acme.example/a?b&amp;c\""), "{}", linked.html);
        assert!(
            written.text.contains("- <b>Ana</b>: 0 notices, took 2\n  on call 0 s in 0 shifts"),
            "{}",
            written.text
        );
        assert!(written.html.contains("&lt;b&gt;Ana") && !written.html.contains("http"), "{}", written.html);
        assert_eq!(verdict(&Figures::default()), "no calls");
        assert_eq!([5, 245, 7_800].map(|s| length(Duration::from_secs(s))), ["5 s", "4 min 05 s", "2 h 10 min"]);
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// The report of these.
    fn written(figures: &Figures, calls: &[NightCall], now: Timestamp) -> Written {
        let (shop, about, stretch) = ("Acme", "Thursday", "the morning");
        write(&Report { shop, about, stretch, figures, calls, now, link: None, test_mode: false })
    }

    #[test]
    fn of_one_call_its_time_is_told_and_of_several_how_their_times_are_spread() {
        for (times, want) in [
            (Vec::new(), "none"),
            (vec![secs(65)], "1 call: 1 min 05 s"),
            (vec![secs(9), secs(5)], "2 calls: median 5 s, 90 % within 9 s, worst 9 s"),
            (vec![secs(9), secs(5), secs(7)], "3 calls: median 7 s, 90 % within 9 s, worst 9 s"),
        ] {
            assert_eq!(spread(&Spread::of(times)), want);
        }
    }

    #[test]
    fn every_cell_of_a_technician_and_of_a_night_stands_under_its_name() {
        let technician = TechnicianFigures {
            contact: "ana".into(),
            name: "Ana Reyes".into(),
            shifts: 2,
            on_call: secs(7_800),
            notices: 5,
            taken: 3,
            answer: Spread::of(vec![secs(20), secs(65)]),
            passes: 1,
            failed: 4,
        };
        let named: Vec<(&str, String)> = TECHNICIAN.into_iter().zip(technician_row(&technician)).collect();
        let want = ["Ana Reyes", "2", "2 h 10 min", "5", "3", "20 s", "1 min 05 s", "1", "4"];
        assert_eq!(named, TECHNICIAN.into_iter().zip(want.map(str::to_owned)).collect::<Vec<_>>());
        let evening = "2026-11-27".parse().expect("a date");
        let night = NightFigures { evening, calls: 4, taken: 3, unanswered: 1, has_gap: true };
        assert_eq!(night_row(&night), ["Fri 2026-11-27", "4", "3", "1", "gap"]);
        assert_eq!(night_row(&NightFigures { has_gap: false, ..night })[4], "");
    }

    #[test]
    fn a_report_says_how_fast_each_answered_and_of_each_night_what_there_is_to_say() {
        let one = |name: &str, times: Vec<Duration>| TechnicianFigures {
            name: name.into(),
            answer: Spread::of(times),
            ..TechnicianFigures::default()
        };
        let technicians = vec![one("Ana", vec![secs(5), secs(9)]), one("Bo", vec![secs(7)]), one("Cy", Vec::new())];
        let evening = "2026-11-27".parse().expect("a date");
        let quiet = NightFigures { evening, calls: 2, taken: 1, unanswered: 1, has_gap: false };
        let gap = NightFigures { has_gap: true, ..quiet };
        let figures = Figures { calls: 2, technicians, nights: vec![quiet, gap], ..Figures::default() };
        let written = written(&figures, &[], at("2026-11-28T12:00:00Z"));
        for says in [
            "- Ana: 0 notices, took 0, median answer 5 s, worst 9 s\n",
            "- Bo: 0 notices, took 0, answered in 7 s\n",
            "- Cy: 0 notices, took 0\n",
            "- Fri 2026-11-27: calls 2, taken 1, unanswered 1\n",
            "- Fri 2026-11-27: calls 2, taken 1, unanswered 1, gap gap\n",
        ] {
            assert!(written.text.contains(says), "{says}: {}", written.text);
        }
        let unbroken = written.html.matches("white-space:nowrap").count();
        assert_eq!(unbroken, 2, "the names of the two nights alone are not broken");
    }

    fn call(id: &str, status: CallStatus, accepted_at: Timestamp) -> NightCall {
        let mut state = fixtures::call_state(id);
        (state.call.status, state.call.accepted_at) = (status, accepted_at);
        NightCall::of(state, std::iter::empty(), &fixtures::directory())
    }

    #[test]
    fn a_report_names_what_nobody_answered_and_beside_it_what_is_still_open_and_may_yet_be() {
        let now = at("2026-11-28T12:00:00Z");
        let (early, late) = (now.minus(secs(3_600)), now.minus(secs(60)));
        let calls = [
            call("late", CallStatus::Dispatching, late),
            call("early", CallStatus::Dispatching, early),
            call("done", CallStatus::Resolved, late),
        ];
        let text = written(&Figures::default(), &calls, now).text;
        let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
        let order = ["Left unanswered", "call early at", "Still open", "call late at", "Figures"].map(place);
        assert!(order.is_sorted(), "{order:?}: {text}");
        let named = text.matches("\n  call ").count();
        assert_eq!(named, 2, "each once, and nothing of what is done: {text}");
    }

    #[test]
    fn a_report_names_twenty_calls_of_a_kind_and_says_how_many_more_there_are() {
        let now = at("2026-11-28T12:00:00Z");
        for (calls, named, more) in
            [(1, 1, None), (20, 20, None), (21, 20, Some("- and 1 more\n")), (25, 20, Some("- and 5 more\n"))]
        {
            let id = |n: u32| call(&format!("c{n}"), CallStatus::Dispatching, now.minus(secs(3_600)));
            let calls: Vec<NightCall> = (0..calls).map(id).collect();
            let text = written(&Figures::default(), &calls, now).text;
            assert_eq!(text.matches("\n  call c").count(), named, "{text}");
            assert_eq!(text.contains("- and "), more.is_some(), "{text}");
            assert!(more.is_none_or(|more| text.contains(more)), "{text}");
        }
    }
}
