//! `[report]`: when the morning is, and the list of the night by mail.

use jiff::civil::Time;

use super::known::why;
use super::people::MAIL_FORM;
use super::read::{Reader, Section};
use super::report_types::DailyList;
use crate::domain::mail::MailAddress;

const TIME_FORM: &str = "a time of day, like \"08:00\"";

/// What `[report]` says.
pub(super) struct ReportSection {
    /// When deferred calls must have been seen, by the clock of their line.
    pub(super) morning: Time,
    /// The list by mail, where there is one.
    pub(super) daily: Option<DailyList>,
}

fn time(text: &str) -> Result<Time, String> {
    Time::strptime("%H:%M", text.trim()).map_err(|_| "is no time of day".to_owned())
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
    let address = |text: &str| text.parse::<MailAddress>().map_err(why);
    let to = r.list(&mut s, "to", MAIL_FORM, address, ToString::to_string).unwrap_or_default();
    r.finish(s);
    let to: Vec<MailAddress> = to.into_iter().map(|f| f.value).collect();
    let at = daily.as_ref().and_then(|f| f.value).filter(|_| !to.is_empty());
    if let (Some(found), true, false) = (&daily, at.is_some(), mails) {
        r.wrong(found.origin.clone(), "smtp.from", "is missing: the morning's list is mailed", MAIL_FORM);
    }
    ReportSection { morning: morning.map_or(Time::midnight(), |f| f.value), daily: at.map(|at| DailyList { at, to }) }
}
