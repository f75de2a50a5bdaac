//! A recurrence rule: the part of RFC 5545 §3.3.10 that rotas use. A part that is not understood refuses the rule.

use jiff::civil::{Date, DateTime, Weekday};

use super::value::{self, Moment};

/// How often something is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub frequency: Frequency,
    /// At least 1.
    pub interval: i64,
    pub count: Option<u64>,
    pub until: Option<Until>,
    pub days: Vec<NthDay>,
    /// From 1, or from -1 at the end of the month.
    pub month_days: Vec<i8>,
    pub months: Vec<i8>,
    pub week_start: Weekday,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// A day of the week; with `nth` not 0 only that one of the month, counted from its end where it is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NthDay {
    pub nth: i8,
    pub day: Weekday,
}

/// The last moment at which something may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Instant(jiff::Timestamp),
    /// By the clock of the event.
    Local(DateTime),
    Day(Date),
}

impl Rule {
    /// # Errors
    /// What of the rule is not understood.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut rule = Self {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            days: Vec::new(),
            month_days: Vec::new(),
            months: Vec::new(),
            week_start: Weekday::Monday,
        };
        let mut frequency = None;
        for part in text.split(';').map(str::trim).filter(|p| !p.is_empty()) {
            let unknown = || format!("the rule's part {:?} is not understood", short(part));
            let (key, value) = part.split_once('=').ok_or_else(unknown)?;
            let read = match key.trim().to_ascii_uppercase().as_str() {
                "FREQ" => frequency_of(value).map(|f| frequency = Some(f)),
                "INTERVAL" => number(value, 1, 100_000).map(|n| rule.interval = n),
                "COUNT" => number(value, 1, i64::from(u32::MAX)).map(|n| rule.count = Some(n.unsigned_abs())),
                "UNTIL" => until(value).map(|u| rule.until = Some(u)),
                "BYDAY" => list(value, nth_day).map(|l| rule.days = l),
                "BYMONTHDAY" => list(value, month_day).map(|l| rule.month_days = l),
                "BYMONTH" => list(value, month).map(|l| rule.months = l),
                "WKST" => weekday(value).map(|d| rule.week_start = d),
                _ => None,
            };
            read.ok_or_else(unknown)?;
        }
        rule.frequency = frequency.ok_or("the rule has no FREQ")?;
        rule.check()?;
        Ok(rule)
    }

    fn check(&self) -> Result<(), String> {
        if self.count.is_some() && self.until.is_some() {
            return Err("the rule has COUNT and UNTIL".into());
        }
        let nth = self.days.iter().any(|d| d.nth != 0);
        match self.frequency {
            Frequency::Daily | Frequency::Weekly if nth => Err("a counted BYDAY needs FREQ=MONTHLY".into()),
            Frequency::Weekly if !self.month_days.is_empty() => {
                Err("BYMONTHDAY has no meaning with FREQ=WEEKLY".into())
            }
            // Counted in the year, not in the month.
            Frequency::Yearly if nth && self.months.is_empty() => {
                Err("a counted BYDAY with FREQ=YEARLY needs BYMONTH".into())
            }
            _ => Ok(()),
        }
    }
}

/// So much of a text of others as a message shows.
pub(super) fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

fn number(text: &str, least: i64, most: i64) -> Option<i64> {
    text.trim().parse().ok().filter(|n| (least..=most).contains(n))
}

fn frequency_of(text: &str) -> Option<Frequency> {
    Some(match text.trim().to_ascii_uppercase().as_str() {
        "DAILY" => Frequency::Daily,
        "WEEKLY" => Frequency::Weekly,
        "MONTHLY" => Frequency::Monthly,
        "YEARLY" => Frequency::Yearly,
        _ => return None,
    })
}

fn until(text: &str) -> Option<Until> {
    Some(match value::moment(text)? {
        Moment::Day(day) => Until::Day(day),
        Moment::Local(local) => Until::Local(local),
        Moment::Utc(at) => Until::Instant(at),
    })
}

/// Sorted, each once.
fn list<T: PartialEq>(text: &str, read: fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let one = read(part.trim())?;
        if !all.contains(&one) {
            all.push(one);
        }
    }
    Some(all)
}

fn month(text: &str) -> Option<i8> {
    text.parse().ok().filter(|m| (1..=12).contains(m))
}

fn month_day(text: &str) -> Option<i8> {
    text.parse().ok().filter(|d: &i8| *d != 0 && (-31..=31).contains(d))
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text.trim().to_ascii_uppercase().as_str() {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    })
}

fn nth_day(text: &str) -> Option<NthDay> {
    let at = text.len().checked_sub(2)?;
    let (nth, day) = text.split_at_checked(at)?;
    let day = weekday(day)?;
    if nth.is_empty() {
        return Some(NthDay { nth: 0, day });
    }
    let nth = nth.parse().ok().filter(|n: &i8| *n != 0 && (-5..=5).contains(n))?;
    Some(NthDay { nth, day })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subset_is_read_and_everything_else_is_refused_by_name() {
        let rule = Rule::read("FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=-1FR,2MO;WKST=SU").expect("a rule");
        assert_eq!((rule.interval, rule.count, rule.week_start), (2, Some(10), Weekday::Sunday));
        assert_eq!(rule.days, [NthDay { nth: -1, day: Weekday::Friday }, NthDay { nth: 2, day: Weekday::Monday }]);
        assert!(Rule::read("freq=weekly;byday=mo,tu;").is_ok());
        for (text, named) in [
            ("", "FREQ"),
            ("FREQ=HOURLY", "HOURLY"),
            ("FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO", "BYSETPOS"),
            ("FREQ=DAILY;BYHOUR=8", "BYHOUR"),
            ("FREQ=YEARLY;BYWEEKNO=3", "BYWEEKNO"),
            ("FREQ=YEARLY;BYYEARDAY=3", "BYYEARDAY"),
            ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
            ("FREQ=DAILY;COUNT=0", "COUNT"),
            ("FREQ=DAILY;COUNT=2;UNTIL=20260101", "COUNT and UNTIL"),
            ("FREQ=WEEKLY;BYDAY=MO,", "BYDAY"),
            ("FREQ=WEEKLY;BYDAY=2MO", "counted"),
            ("FREQ=YEARLY;BYDAY=2MO", "BYMONTH"),
            ("FREQ=WEEKLY;BYMONTHDAY=3", "BYMONTHDAY"),
            ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY"),
            ("FREQ=DAILY;UNTIL=soon", "UNTIL"),
            ("FREQ=DAILY;RSCALE=CHINESE", "RSCALE"),
            ("FREQ=DAILY;\u{e9}", "\u{e9}"),
        ] {
            let refused = Rule::read(text).expect_err(text);
            assert!(refused.contains(named), "{text}: {refused}");
        }
    }
}
