//! The days of a rule, in order.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::rule::{Frequency, NthDay, Rule};

/// How many days may still be looked at for a whole calendar.
#[derive(Debug)]
pub(super) struct Budget(pub u64);

/// More days than [`Budget`] allows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

/// Calls `each` with the days of the rule from `start` to `last`, in order, until it says stop. `start` itself counts as the first,
/// whatever the rule says of it (RFC 5545 §3.8.5.3). Where the rule counts nothing, periods that end before `from` are skipped.
///
/// # Errors
/// More days than the budget allows.
pub(super) fn each_day(
    rule: &Rule,
    start: Date,
    from: Date,
    last: Date,
    budget: &mut Budget,
    mut each: impl FnMut(Date) -> Go,
) -> Result<(), Exhausted> {
    let pattern = Pattern::of(rule, start);
    let mut left = rule.count.unwrap_or(u64::MAX).saturating_sub(1);
    if each(start) == Go::Stop {
        return Ok(());
    }
    // One period earlier than needed costs little, and a week or month may begin before the day that is looked for.
    let skip = if rule.count.is_some() { 0 } else { (pattern.periods_before(from) - 1).max(0) };
    for period in skip.. {
        let Some(first) = pattern.first_of(period) else { return Ok(()) };
        if first > last {
            return Ok(());
        }
        for day in pattern.days_of(first) {
            budget.0 = budget.0.checked_sub(1).ok_or(Exhausted)?;
            if day <= start || day > last || !pattern.holds(day) {
                continue;
            }
            if left == 0 {
                return Ok(());
            }
            left -= 1;
            if each(day) == Go::Stop {
                return Ok(());
            }
        }
        budget.0 = budget.0.checked_sub(1).ok_or(Exhausted)?;
    }
    Ok(())
}

/// Whether there is more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Go {
    On,
    Stop,
}

/// A rule with what its start says where the rule says nothing.
struct Pattern<'a> {
    rule: &'a Rule,
    start: Date,
    days: Vec<NthDay>,
    month_days: Vec<i8>,
    months: Vec<i8>,
}

impl<'a> Pattern<'a> {
    fn of(rule: &'a Rule, start: Date) -> Self {
        let (mut days, mut month_days, mut months) = (rule.days.clone(), rule.month_days.clone(), rule.months.clone());
        if days.is_empty() && month_days.is_empty() {
            match rule.frequency {
                Frequency::Daily => {}
                Frequency::Weekly => days.push(NthDay { nth: 0, day: start.weekday() }),
                Frequency::Monthly => month_days.push(start.day()),
                Frequency::Yearly => {
                    if months.is_empty() {
                        months.push(start.month());
                    }
                    month_days.push(start.day());
                }
            }
        }
        Self { rule, start, days, month_days, months }
    }

    /// How many whole periods lie between the start and this day.
    fn periods_before(&self, day: Date) -> i64 {
        let days = i64::from(self.start.until(day).map(|span| span.get_days()).unwrap_or(0));
        let units = match self.rule.frequency {
            Frequency::Daily => days,
            Frequency::Weekly => days / 7,
            Frequency::Monthly => month_index(day) - month_index(self.start),
            Frequency::Yearly => i64::from(day.year()) - i64::from(self.start.year()),
        };
        units.max(0) / self.rule.interval
    }

    /// The first day of this period; `None` beyond the years that can be counted.
    fn first_of(&self, period: i64) -> Option<Date> {
        let units = period.checked_mul(self.rule.interval)?;
        match self.rule.frequency {
            Frequency::Daily => plus(self.start, units),
            Frequency::Weekly => {
                let into_week = self.start.weekday().since(self.rule.week_start);
                plus(self.start, units.checked_mul(7)? - i64::from(into_week))
            }
            Frequency::Monthly => month_of(month_index(self.start).checked_add(units)?),
            Frequency::Yearly => {
                Date::new(i16::try_from(i64::from(self.start.year()).checked_add(units)?).ok()?, 1, 1).ok()
            }
        }
    }

    /// The days of the period that begins on this one, without months that the rule does not name.
    fn days_of(&self, first: Date) -> impl Iterator<Item = Date> {
        let months: Vec<Date> = match self.rule.frequency {
            Frequency::Daily | Frequency::Weekly => Vec::new(),
            Frequency::Monthly => vec![first],
            Frequency::Yearly => (1..=12).filter_map(|month| Date::new(first.year(), month, 1).ok()).collect(),
        };
        let single = match self.rule.frequency {
            Frequency::Daily => 1,
            Frequency::Weekly => 7,
            Frequency::Monthly | Frequency::Yearly => 0,
        };
        let in_months = months.into_iter().filter(|m| self.has_month(*m)).flat_map(|month| {
            (1..=month.days_in_month()).filter_map(move |day| Date::new(month.year(), month.month(), day).ok())
        });
        (0..single).filter_map(move |n| plus(first, n)).chain(in_months)
    }

    fn has_month(&self, day: Date) -> bool {
        self.months.is_empty() || self.months.contains(&day.month())
    }

    fn holds(&self, day: Date) -> bool {
        let from_end = day.day() - day.days_in_month() - 1;
        let month_day = self.month_days.is_empty()
            || self.month_days.iter().any(|wanted| *wanted == day.day() || *wanted == from_end);
        let weekday = self.days.is_empty() || self.days.iter().any(|wanted| is_nth(*wanted, day, from_end));
        self.has_month(day) && month_day && weekday
    }
}

fn is_nth(wanted: NthDay, day: Date, from_end: i8) -> bool {
    let nth = match wanted.nth {
        0 => true,
        nth if nth > 0 => (day.day() - 1) / 7 + 1 == nth,
        nth => (-from_end - 1) / 7 + 1 == -nth,
    };
    nth && wanted.day == day.weekday()
}

fn month_index(day: Date) -> i64 {
    i64::from(day.year()) * 12 + i64::from(day.month()) - 1
}

fn month_of(index: i64) -> Option<Date> {
    let year = i16::try_from(index.div_euclid(12)).ok()?;
    let month = i8::try_from(index.rem_euclid(12) + 1).ok()?;
    Date::new(year, month, 1).ok()
}

/// This day and so many days later, or earlier.
pub(super) fn plus(day: Date, days: i64) -> Option<Date> {
    let days = i32::try_from(days).ok().filter(|d| d.abs() < 4_000_000)?;
    day.checked_add(days.days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(rule: &str, start: &str, from: &str, last: &str) -> Vec<String> {
        let rule = Rule::read(rule).expect(rule);
        let day = |text: &str| -> Date { text.parse().expect("a date") };
        let mut found = Vec::new();
        let mut budget = Budget(100_000);
        each_day(&rule, day(start), day(from), day(last), &mut budget, |d| {
            if d >= day(from) {
                found.push(d.strftime("%m-%d").to_string());
            }
            Go::On
        })
        .expect("within the budget");
        found
    }

    /// Examples of RFC 5545 §3.8.5.3 and what they say.
    #[test]
    fn rules_say_what_the_standard_says() {
        for (rule, start, last, want) in [
            ("FREQ=DAILY;INTERVAL=10;COUNT=3", "1997-09-02", "1998-01-01", "09-02 09-12 09-22"),
            (
                "FREQ=WEEKLY;INTERVAL=2;COUNT=4;WKST=SU;BYDAY=TU,TH",
                "1997-09-02",
                "1998-01-01",
                "09-02 09-04 09-16 09-18",
            ),
            (
                "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
                "1997-08-05",
                "1998-01-01",
                "08-05 08-10 08-19 08-24",
            ),
            (
                "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
                "1997-08-05",
                "1998-01-01",
                "08-05 08-17 08-19 08-31",
            ),
            ("FREQ=MONTHLY;COUNT=3;BYDAY=1FR", "1997-09-05", "1998-01-01", "09-05 10-03 11-07"),
            ("FREQ=MONTHLY;COUNT=3;BYDAY=-2MO", "1997-09-22", "1998-01-01", "09-22 10-20 11-17"),
            ("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28", "1997-11-30", "09-28 10-29 11-28"),
            ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=3", "1998-02-13", "1999-01-01", "02-13 03-13 11-13"),
            ("FREQ=MONTHLY;COUNT=4", "2026-01-31", "2027-01-01", "01-31 03-31 05-31 07-31"),
            ("FREQ=YEARLY;COUNT=3;BYMONTH=6,7", "1997-06-10", "1999-01-01", "06-10 07-10 06-10"),
            ("FREQ=YEARLY;COUNT=2", "2024-02-29", "2030-01-01", "02-29 02-29"),
            ("FREQ=YEARLY;BYMONTH=3;BYDAY=2SU", "2026-03-08", "2028-12-31", "03-08 03-14 03-12"),
            ("FREQ=DAILY;BYMONTH=1;BYDAY=SA,SU", "2026-01-03", "2026-01-12", "01-03 01-04 01-10 01-11"),
            // A start beside the rule is the first all the same.
            ("FREQ=WEEKLY;BYDAY=MO;COUNT=3", "2026-10-06", "2027-01-01", "10-06 10-12 10-19"),
        ] {
            assert_eq!(days(rule, start, start, last).join(" "), want, "{rule}");
        }
    }

    #[test]
    fn what_is_skipped_changes_no_later_day() {
        for rule in [
            "FREQ=DAILY;INTERVAL=3",
            "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,SU;WKST=SU",
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU",
            "FREQ=MONTHLY;INTERVAL=5;BYDAY=-1FR",
            "FREQ=MONTHLY;BYMONTHDAY=31",
            "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=-1",
        ] {
            let all = days(rule, "2019-03-05", "2019-03-05", "2027-12-31");
            let mut late = 0;
            for from in ["2026-01-01", "2026-03-30", "2026-12-31"] {
                let later = days(rule, "2019-03-05", from, "2027-12-31");
                assert_eq!(all.get(all.len() - later.len()..), Some(later.as_slice()), "{rule} from {from}");
                late += later.len();
            }
            assert!(late > 0, "{rule}");
        }
    }

    #[test]
    fn a_rule_that_costs_too_much_ends() {
        let rule = Rule::read("FREQ=DAILY;COUNT=4000000000").expect("a rule");
        let (start, last) = (Date::constant(1900, 1, 1), Date::constant(2026, 1, 1));
        assert_eq!(each_day(&rule, start, start, last, &mut Budget(1_000), |_| Go::On), Err(Exhausted));
        let never = Rule::read("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30").expect("a rule");
        let mut seen = 0;
        each_day(&never, start, last, last, &mut Budget(1_000), |_| {
            seen += 1;
            Go::On
        })
        .expect("skips what is long ago");
        assert_eq!(seen, 1, "the start alone");
    }

    #[test]
    fn a_rule_goes_to_its_last_day_inclusive_and_counts_months_from_that_of_its_start() {
        for (rule, start, last, want) in [
            ("FREQ=DAILY", "2026-10-05", "2026-10-07", "10-05 10-06 10-07"),
            ("FREQ=WEEKLY;BYDAY=MO,WE,FR", "2026-10-05", "2026-10-07", "10-05 10-07"),
            ("FREQ=MONTHLY;COUNT=4;BYDAY=1MO,3MO", "2026-10-05", "2027-01-01", "10-05 10-19 11-02 11-16"),
            ("FREQ=MONTHLY;INTERVAL=3;COUNT=3", "2026-01-15", "2027-01-01", "01-15 04-15 07-15"),
            ("FREQ=MONTHLY;INTERVAL=3;COUNT=3", "2026-12-15", "2028-01-01", "12-15 03-15 06-15"),
        ] {
            assert_eq!(days(rule, start, start, last).join(" "), want, "{rule}");
        }
    }
}
