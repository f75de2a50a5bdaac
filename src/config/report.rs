//! `[report]`: when the morning is, and the reports by mail.

use jiff::civil::{Time, Weekday};

use super::known::why;
use super::people::MAIL_FORM;
use super::read::{Reader, Section};
use super::report_types::MailedReports;
use crate::domain::mail::MailAddress;
use crate::domain::time_report::WeekEnd;

const TIME_FORM: &str = "a time of day, like \"08:00\"";
const WEEK_FORM: &str = "a day and a time of day, like \"mon 07:00\"";
/// As the configuration writes them; longer names begin so.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// What `[report]` says.
pub(super) struct ReportSection {
    /// When deferred calls must have been seen, by the clock of their line.
    pub(super) morning: Time,
    /// What is mailed, where anything is.
    pub(super) mailed: Option<MailedReports>,
    /// When a week ends, where that is said.
    pub(super) week_ends: Option<WeekEnd>,
}

fn time(text: &str) -> Result<Time, String> {
    Time::strptime("%H:%M", text.trim()).map_err(|_| "is no time of day".to_owned())
}

fn week_end(text: &str) -> Result<WeekEnd, String> {
    let (day, at) = text.trim().split_once(char::is_whitespace).ok_or("is no day with a time")?;
    let day = day.to_lowercase();
    let found = DAYS.iter().find(|(short, full)| {
        let full = format!("{full:?}").to_lowercase();
        day == *short || day == full
    });
    let (_, day) = found.ok_or("names no day of the week")?;
    Ok(WeekEnd { day: *day, at: time(at)? })
}

fn week_shown(end: &WeekEnd) -> String {
    let day = DAYS.iter().find(|(_, day)| *day == end.day).map_or("", |(word, _)| word);
    format!("{day} {}", shown(&end.at))
}

fn shown(t: &Time) -> String {
    t.strftime("%H:%M").to_string()
}

/// Reads `[report]`; `mails`: whether mails are sent at all.
pub(super) fn report(r: &mut Reader, root: &mut Section, mails: bool) -> ReportSection {
    let mut s = r.section(root, "report");
    let morning = r.parsed(&mut s, "morning", TIME_FORM, time, shown);
    let or_off = |text: &str| if text.trim().is_empty() { Ok(None) } else { time(text).map(Some) };
    let daily =
        r.parsed(&mut s, "daily", TIME_FORM, or_off, |t: &Option<Time>| t.as_ref().map(shown).unwrap_or_default());
    let or_never = |text: &str| if text.trim().is_empty() { Ok(None) } else { week_end(text).map(Some) };
    let weekly = r.parsed(&mut s, "weekly", WEEK_FORM, or_never, |w: &Option<WeekEnd>| {
        w.as_ref().map(week_shown).unwrap_or_default()
    });
    let address = |text: &str| text.parse::<MailAddress>().map_err(why);
    let to = r.list(&mut s, "to", MAIL_FORM, address, ToString::to_string).unwrap_or_default();
    r.finish(s);
    let to: Vec<MailAddress> = to.into_iter().map(|f| f.value).collect();
    let origins = [
        daily.as_ref().filter(|f| f.value.is_some()).map(|f| &f.origin),
        weekly.as_ref().filter(|f| f.value.is_some()).map(|f| &f.origin),
    ];
    if let (Some(origin), false, false) = (origins.into_iter().flatten().next(), to.is_empty(), mails) {
        r.wrong(origin.clone(), "smtp.from", "is missing: reports are mailed", MAIL_FORM);
    }
    let (daily, weekly) = (daily.and_then(|f| f.value), weekly.and_then(|f| f.value));
    let is_mailed = !to.is_empty() && (daily.is_some() || weekly.is_some());
    ReportSection {
        morning: morning.map_or(Time::midnight(), |f| f.value),
        mailed: is_mailed.then_some(MailedReports { daily, weekly, to, board: None }),
        week_ends: weekly,
    }
}
