//! Whether a calendar that was just read takes the place of the one that is kept.
//!
//! A calendar that lost most of its coming shifts from one reading to the next was damaged more often than meant: what is kept
//! stays, and a person is told (`facts/oncall.md` §5).

use super::reading::read;
use super::types::{Place, Reading, Unreadable, Window};

/// A calendar that takes the place of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub reading: Reading,
}

/// Why what is kept stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Kept {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(
        "it has {now} coming shifts where it had {before}: the one from before is kept until it has at least half of them"
    )]
    Shrunk { before: usize, now: usize },
    #[error("it is of another place and has no coming shifts where the one from before has {before}: that is kept")]
    None { before: usize },
}

/// How many of the coming shifts of the one before it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Least {
    /// It is the same calendar.
    Half,
    /// It is another: any number but none.
    One,
}

/// Reads `new` and weighs it against the text that is kept, where there is one. Both are read for the same place and window, so that time
/// alone makes no difference.
///
/// # Errors
/// Why the text from before stays.
pub fn accept(before: Option<(&[u8], Least)>, new: &[u8], place: &Place, window: Window) -> Result<Accepted, Kept> {
    let reading = read(new, place, window)?;
    // What can no longer be read, after a change of the program, is worth less than anything that can.
    let had = before.and_then(|(text, _)| read(text, place, window).ok()).map_or(0, |r| r.occurrences.len());
    let has = reading.occurrences.len();
    match before.map(|(_, least)| least) {
        Some(Least::Half) if has.saturating_mul(2) < had => Err(Kept::Shrunk { before: had, now: has }),
        Some(Least::One) if has == 0 && had > 0 => Err(Kept::None { before: had }),
        _ => Ok(Accepted { reading }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(days: std::ops::Range<u32>) -> Vec<u8> {
        let events = days.map(|day| {
            format!("BEGIN:VEVENT\nUID:{day}\nSUMMARY:Sam\nDTSTART;VALUE=DATE:202611{day:02}\nEND:VEVENT\n")
        });
        format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", events.collect::<String>()).into_bytes()
    }

    #[test]
    fn a_calendar_replaces_the_one_before_only_while_half_of_the_coming_shifts_are_there() {
        let place = Place { zone: jiff::tz::TimeZone::UTC, handoff: jiff::civil::Time::midnight() };
        let time = |text: &str| -> jiff::Timestamp { text.parse().expect("a time") };
        let window = Window::new(time("2026-11-11T00:00:00Z"), time("2027-01-01T00:00:00Z"));
        let accept = |before: Option<&[u8]>, new: &[u8]| {
            super::accept(before.map(|before| (before, Least::Half)), new, &place, window)
                .map(|accepted| accepted.reading.occurrences.len())
        };
        let kept = calendar(1..21);
        assert_eq!(accept(None, &kept), Ok(10), "the coming ones alone");
        assert_eq!(accept(Some(&kept), &calendar(11..16)), Ok(5));
        assert_eq!(accept(Some(&kept), &calendar(1..15)), Err(Kept::Shrunk { before: 10, now: 4 }));
        assert_eq!(accept(Some(&kept), &calendar(1..1)), Err(Kept::Shrunk { before: 10, now: 0 }), "200, and empty");
        assert_eq!(accept(Some(&calendar(1..11)), &calendar(1..1)), Ok(0), "nothing was to come");
        for (text, why) in [
            ("", Unreadable::Empty),
            ("<html>Sign in</html>", Unreadable::WebPage),
            ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", Unreadable::CutOff),
        ] {
            assert_eq!(accept(Some(&kept), text.as_bytes()), Err(Kept::Unreadable(why)), "{text:?}");
            assert_eq!(accept(None, text.as_bytes()), Err(Kept::Unreadable(why)), "{text:?}");
        }
        assert_eq!(accept(Some(b"no calendar"), &calendar(12..13)), Ok(1));
        let of_another_place = |new: &[u8]| {
            super::accept(Some((&kept, Least::One)), new, &place, window)
                .map(|accepted| accepted.reading.occurrences.len())
        };
        assert_eq!(of_another_place(&calendar(12..13)), Ok(1));
        assert_eq!(of_another_place(&calendar(1..1)), Err(Kept::None { before: 10 }), "200, and empty");
    }
}
