//! Emergency levels as intakes write them: aliases, words that raise one, and the level that wakes nobody.

use std::collections::BTreeMap;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::types::Timestamp;

/// The level that wakes nobody: the call is recorded as DEFERRED and waits for the morning.
pub const MORNING: &str = "morning";

/// The level that a keyword raises to.
pub const HIGH: &str = "high";

/// How the shop's intakes name levels, from the settings in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Levels {
    /// By the word without blanks, dashes and capitals; the level that it means.
    aliases: BTreeMap<String, String>,
    /// Words of an emergency, as [`plain`] writes them.
    keywords: Vec<String>,
}

impl Levels {
    /// Adds a word for a level; false where it means another level already.
    pub fn add(&mut self, level: &str, word: &str) -> bool {
        let known = self.aliases.entry(bare(word)).or_insert_with(|| level.to_owned());
        known == level
    }

    /// Adds a word of an emergency.
    pub fn add_keyword(&mut self, word: &str) {
        let word = plain(word);
        if !word.is_empty() && !self.keywords.contains(&word) {
            self.keywords.push(word);
        }
    }

    /// The level that this word means, however it is written: `Non-Emergency` is `non emergency`.
    pub fn meant(&self, word: &str) -> Option<&str> {
        self.aliases.get(&bare(word)).map(String::as_str)
    }

    /// The first of the shop's or the line's words of an emergency that stands in this text at the beginning of a word. "No gas
    /// smell" holds "gas smell": a false wake is accepted, and shows its reason.
    pub fn keyword_in(&self, line: &[String], text: &str) -> Option<String> {
        let text = format!(" {}", plain(text));
        let words = self.keywords.iter().cloned().chain(line.iter().map(|w| plain(w)));
        words.into_iter().find(|word| !word.is_empty() && text.contains(&format!(" {word}")))
    }
}

/// A word without what intakes write differently: capitals, blanks, dashes, underscores.
fn bare(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Small letters and digits, single blanks between words.
fn plain(text: &str) -> String {
    let spaced: String =
        text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).flat_map(char::to_lowercase).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The time zone of that name; an unknown one, or none, is UTC.
pub fn zone_named(zone: Option<&str>) -> TimeZone {
    zone.and_then(|z| TimeZone::get(z).ok()).unwrap_or(TimeZone::UTC)
}

/// When the morning after `now` begins, by the clock of this zone; an unknown zone, or none, is UTC. In the hour that a
/// summer time skips, the next moment that exists.
pub fn next_morning(now: Timestamp, morning: Time, zone: Option<&str>) -> Timestamp {
    let zone = zone_named(zone);
    let Ok(at) = jiff::Timestamp::from_millisecond(now.as_millis()) else { return now };
    let today = at.to_zoned(zone.clone()).date();
    let on = |date: jiff::civil::Date| {
        let moment = zone.to_ambiguous_zoned(date.to_datetime(morning)).compatible().ok()?;
        Some(Timestamp::from_millis(moment.timestamp().as_millisecond()))
    };
    let days = [Some(today), today.tomorrow().ok()];
    let next = days.into_iter().flatten().filter_map(on).find(|moment| *moment > now);
    next.unwrap_or_else(|| now.plus(std::time::Duration::from_secs(86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels() -> Levels {
        let mut levels = Levels::default();
        for (level, word) in [("high", "EMERGENCY"), ("morning", "non-emergency"), ("normal", "")] {
            assert!(levels.add(level, word));
        }
        levels.add_keyword("Gas smell");
        levels
    }

    #[test]
    fn a_level_is_read_however_an_intake_writes_it() {
        let levels = levels();
        for (word, want) in [
            ("Non-Emergency", Some("morning")),
            ("NON EMERGENCY", Some("morning")),
            ("non_emergency", Some("morning")),
            (" emergency ", Some("high")),
            ("", Some("normal")),
            ("soon", None),
        ] {
            assert_eq!(levels.meant(word), want, "{word:?}");
        }
    }

    #[test]
    fn a_word_means_one_level() {
        let mut levels = levels();
        assert!(levels.add("high", "Emergency"));
        assert!(!levels.add("morning", "emergency"));
        assert_eq!(levels.meant("emergency"), Some("high"));
    }

    #[test]
    fn a_keyword_stands_at_the_beginning_of_a_word() {
        let levels = levels();
        let own = ["Whirlpool".to_owned()];
        for (text, want) in [
            ("There is a GAS  smell in the hall", Some("gas smell")),
            ("no gas smell", Some("gas smell")),
            ("the whirlpool leaks", Some("whirlpool")),
            ("biogas smell", None),
            ("the tap drips", None),
        ] {
            assert_eq!(levels.keyword_in(&own, text).as_deref(), want, "{text:?}");
        }
    }

    #[test]
    fn the_morning_comes_by_the_clock_of_the_zone() {
        let at = |s: &str| s.parse::<Timestamp>().expect("a time");
        let eight = jiff::civil::time(8, 0, 0, 0);
        for (now, zone, want) in [
            ("2026-11-27T02:00:00Z", None, "2026-11-27T08:00:00Z"),
            ("2026-11-27T08:00:00Z", None, "2026-11-28T08:00:00Z"),
            ("2026-11-27T10:00:00Z", Some("America/Los_Angeles"), "2026-11-27T16:00:00Z"),
            ("2026-11-27T10:00:00Z", Some("Nowhere/At_All"), "2026-11-28T08:00:00Z"),
            // The night in which the clocks go forward has 23 hours.
            ("2026-03-08T04:00:00Z", Some("America/New_York"), "2026-03-08T12:00:00Z"),
        ] {
            assert_eq!(next_morning(at(now), eight, zone), at(want), "{now} in {zone:?}");
        }
        let skipped = jiff::civil::time(2, 30, 0, 0);
        let next = next_morning(at("2026-03-08T04:00:00Z"), skipped, Some("America/New_York"));
        assert_eq!(next, at("2026-03-08T07:30:00Z"), "03:30 summer time");
    }
}
