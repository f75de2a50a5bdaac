//! `calendar_overrides`: a second calendar whose events win where they overlap those of the first.

use crate::domain::oncall::{CalendarShift, CalendarShifts};
use crate::domain::types::Timestamp;

/// What both say together: the first without the times that an event of the second takes, and all of the second. What is left of
/// an event of the first keeps its UID.
pub fn overlay(first: &CalendarShifts, second: &CalendarShifts) -> CalendarShifts {
    let taken = union(second.all());
    let mut all: Vec<CalendarShift> = second.all().to_vec();
    for shift in first.all() {
        let mut from = shift.from;
        // The first time taken that may reach into it.
        let at = taken.partition_point(|(_, until)| *until <= shift.from);
        for (begin, end) in taken.iter().skip(at).take_while(|(begin, _)| *begin < shift.until) {
            if from < *begin {
                all.push(CalendarShift { from, until: *begin, ..shift.clone() });
            }
            from = from.max(*end);
        }
        if from < shift.until {
            all.push(CalendarShift { from, ..shift.clone() });
        }
    }
    CalendarShifts::new(all)
}

/// The times of these, by their begin, put together where they meet.
fn union(shifts: &[CalendarShift]) -> Vec<(Timestamp, Timestamp)> {
    let mut all: Vec<(Timestamp, Timestamp)> = Vec::new();
    for shift in shifts {
        match all.last_mut() {
            Some((_, until)) if shift.from <= *until => *until = (*until).max(shift.until),
            _ => all.push((shift.from, shift.until)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sam 0-10`, in hours.
    fn shifts(of: &[(&str, i64, i64)]) -> CalendarShifts {
        let at = |hour: i64| Timestamp::from_millis(hour * 3_600_000);
        let one = |(who, from, until): &(&str, i64, i64)| CalendarShift {
            from: at(*from),
            until: at(*until),
            who: who.parse().map(|id| vec![id]).map_err(|_| (*who).to_owned()),
            event: format!("{who}-{from}"),
        };
        CalendarShifts::new(of.iter().map(one).collect())
    }

    fn shown(of: &CalendarShifts) -> String {
        let hour = |at: Timestamp| at.as_millis() / 3_600_000;
        let one = |s: &CalendarShift| format!("{} {}-{}", s.event, hour(s.from), hour(s.until));
        of.all().iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn an_override_takes_its_time_and_leaves_the_rest() {
        let week = shifts(&[("sam", 0, 10), ("ana", 10, 20), ("lee", 8, 12)]);
        for (over, want) in [
            (shifts(&[]), "sam-0 0-10, lee-8 8-12, ana-10 10-20"),
            (shifts(&[("bo", 3, 5)]), "sam-0 0-3, bo-3 3-5, sam-0 5-10, lee-8 8-12, ana-10 10-20"),
            (shifts(&[("bo", 9, 11)]), "sam-0 0-9, lee-8 8-9, bo-9 9-11, lee-8 11-12, ana-10 11-20"),
            (shifts(&[("bo", 0, 20)]), "bo-0 0-20"),
            (shifts(&[("bo", 20, 30)]), "sam-0 0-10, lee-8 8-12, ana-10 10-20, bo-20 20-30"),
            (
                shifts(&[("bo", 2, 4), ("kim", 3, 6), ("bo", 6, 7)]),
                "sam-0 0-2, bo-2 2-4, kim-3 3-6, bo-6 6-7, sam-0 7-10, lee-8 8-12, ana-10 10-20",
            ),
        ] {
            assert_eq!(shown(&overlay(&week, &over)), want);
        }
    }

    #[test]
    fn what_lies_between_two_overrides_stays_and_a_short_one_in_a_long_one_frees_nothing() {
        for (first, over, want) in [
            (("sam", 0, 10), [("bo", 2, 3), ("kim", 5, 6)], "sam-0 0-2, bo-2 2-3, sam-0 3-5, kim-5 5-6, sam-0 6-10"),
            (("lee", 5, 10), [("bo", 2, 8), ("kim", 3, 4)], "bo-2 2-8, kim-3 3-4, lee-5 8-10"),
        ] {
            assert_eq!(shown(&overlay(&shifts(&[first]), &shifts(&over))), want);
        }
    }
}
