//! How far a provider's clock is from ours, out of the dates of its answers. Pure: the gateway brings the dates.
//!
//! A date has whole seconds and was written somewhere between asking and answering, so an answer gives an interval and no
//! point. The newest answers vote: what most of them allow is taken, so that one odd date (a cache's, a proxy's) moves nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::types::Timestamp;

/// A difference from which on a person is told: signatures, certificates and people's own watches go by the true time.
pub const OFFSET_ALARM: Duration = Duration::from_secs(5);
/// How many of the newest answers vote. Three that agree outvote what was believed before.
pub const VOTERS: usize = 5;

/// What one answer allows, in milliseconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    least: i64,
    most: i64,
}

impl Interval {
    /// The provider's clock less another clock of ours, by an answer whose request left at `asked` and which was here at
    /// `answered` by that clock of ours, in milliseconds.
    pub fn of_answer(asked_ms: i64, answered_ms: i64, date: Timestamp) -> Self {
        let date = date.as_millis();
        Self {
            least: date.saturating_sub(answered_ms.max(asked_ms)),
            most: date.saturating_add(999).saturating_sub(asked_ms),
        }
    }

    fn holds(self, point: i64) -> bool {
        (self.least..=self.most).contains(&point)
    }

    /// Ours less the provider's, where the other clock shows `other_ms` at the moment at which ours shows `ours`.
    pub fn offset(self, ours: Timestamp, other_ms: i64) -> ClockOffset {
        let apart = ours.as_millis().saturating_sub(other_ms);
        ClockOffset { least_ms: apart.saturating_sub(self.most), most_ms: apart.saturating_sub(self.least) }
    }
}

/// What most of these allow, oldest first; where two parties are as large, the newest answer's counts. `None` where there are
/// none.
pub fn agreed(all: &[Interval]) -> Option<Interval> {
    let newest = all.last()?;
    let votes = |point: i64| all.iter().filter(|i| i.holds(point)).count();
    // The region that most intervals share begins where one of them begins.
    let point = all.iter().map(|i| i.least).max_by_key(|p| (votes(*p), newest.holds(*p)))?;
    let party = all.iter().filter(|i| i.holds(point));
    party.copied().reduce(|a, b| Interval { least: a.least.max(b.least), most: a.most.min(b.most) })
}

/// Our clock less the provider's, as far as it is known: somewhere between the two. Positive: ours is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockOffset {
    /// At least this much, in milliseconds.
    pub least_ms: i64,
    /// At most this much.
    pub most_ms: i64,
}

impl ClockOffset {
    /// The middle.
    pub const fn ms(self) -> i64 {
        self.least_ms.saturating_add(self.most_ms.saturating_sub(self.least_ms) / 2)
    }

    /// The least difference that explains what was seen; 0 where the clocks may agree.
    pub const fn surely_ms(self) -> i64 {
        if self.least_ms > 0 {
            self.least_ms
        } else if self.most_ms < 0 {
            self.most_ms
        } else {
            0
        }
    }

    /// Whether the clocks are surely further apart than that.
    pub fn is_over(self, limit: Duration) -> bool {
        u128::from(self.surely_ms().unsigned_abs()) > limit.as_millis()
    }

    /// Whether they are surely not.
    pub fn is_within(self, limit: Duration) -> bool {
        let far = self.least_ms.unsigned_abs().max(self.most_ms.unsigned_abs());
        u128::from(far) <= limit.as_millis()
    }

    /// A moment of the provider's clock by ours.
    pub fn to_ours(self, theirs: Timestamp) -> Timestamp {
        Timestamp::from_millis(theirs.as_millis().saturating_add(self.ms()))
    }

    /// A moment of our clock by the provider's.
    pub fn to_theirs(self, ours: Timestamp) -> Timestamp {
        Timestamp::from_millis(ours.as_millis().saturating_sub(self.ms()))
    }

    /// For a person: `12.3 s ahead of the provider's`.
    pub fn shown(self) -> String {
        let ms = self.surely_ms();
        let side = if ms < 0 { "behind" } else { "ahead of" };
        format!("{:.1} s {side} the provider's", Duration::from_millis(ms.unsigned_abs()).as_secs_f64())
    }
}

/// What is known of a provider's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProviderClock {
    /// How far ours is ahead of it.
    pub offset: Option<ClockOffset>,
    /// The newest moment of that clock that one of its messages names: what is made later is not older.
    pub newest_message: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    /// An answer with no way to go, at this moment of our clock, of a provider whose clock is `ahead` of it.
    fn answer(ours: i64, ahead: i64) -> Interval {
        let theirs = (ours + ahead).div_euclid(1000) * 1000;
        Interval::of_answer(ours, ours, at(theirs))
    }

    #[test]
    fn an_answer_allows_what_no_second_and_no_travel_time_explains() {
        for (asked, answered, theirs, want) in [
            (10_000, 10_100, 10_000, 0),
            (10_900, 11_000, 10_000, 0),
            (9_500, 10_050, 10_000, 0),
            (17_000, 17_100, 10_000, 6_001),
            (3_900, 4_000, 10_000, -6_000),
            (1_000, 20_000, 10_000, 0),
        ] {
            // Counted by the wall clock itself: then both clocks of ours are one.
            let offset = Interval::of_answer(asked, answered, at(theirs)).offset(at(0), 0);
            assert_eq!(offset.surely_ms(), want, "{asked} {answered} {theirs}");
        }
    }

    #[test]
    fn several_answers_know_it_to_less_than_a_second_and_one_odd_date_moves_nothing() {
        let ours: Vec<Interval> = [0, 10_210, 20_430, 30_650].iter().map(|t| answer(*t, -7_300)).collect();
        let found = agreed(&ours).expect("answers").offset(at(0), 0);
        assert!(found.least_ms <= 7_300 && 7_300 <= found.most_ms, "{found:?}");
        assert!(found.most_ms - found.least_ms < 500, "{found:?}");
        for odd in 0..5 {
            let mut all = ours.clone();
            all.insert(odd.min(4), answer(40_000, 86_400_000));
            assert_eq!(agreed(&all).map(|i| i.offset(at(0), 0)), Some(found), "at place {odd}");
        }
    }

    #[test]
    fn the_newest_counts_between_parties_of_one_size_and_three_outvote_two() {
        let (old, new) = (answer(1_000, 0), answer(2_000, 60_000));
        assert_eq!(agreed(&[old, new]), Some(new));
        assert_eq!(agreed(&[old, old, new, new, new]).map(|i| i.holds(60_000)), Some(true));
        assert_eq!(agreed(&[]), None);
    }

    #[test]
    fn a_step_of_our_own_clock_shows_without_a_new_answer() {
        // By the boot clock, which nobody steps: 1,000 s up, and the wall clock has been set on by five minutes since.
        let seen = Interval::of_answer(1_000_000, 1_000_010, at(1_795_312_800_000));
        let before = seen.offset(at(1_795_312_800_500), 1_000_005);
        let after = seen.offset(at(1_795_313_110_500), 1_010_005);
        assert_eq!((before.surely_ms(), after.ms() - before.ms()), (0, 300_000));
        assert!(after.is_over(OFFSET_ALARM) && !before.is_over(OFFSET_ALARM) && before.is_within(OFFSET_ALARM));
        assert_eq!(after.to_theirs(after.to_ours(at(5))), at(5));
        assert!(after.shown().ends_with(" s ahead of the provider's"), "{}", after.shown());
    }
}
