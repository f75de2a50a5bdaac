//! What holds of every calendar that is read, and of every calendar that is written.

use std::collections::BTreeMap;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::feed::{FeedShift, feed};
use super::kept::{Least, accept};
use super::types::Reading;
use super::{People, Place, Window, overlay, read, shifts};
use crate::domain::properties::texts;
use crate::domain::types::Timestamp;

/// The most bytes of a line of a calendar of ours, without its end.
const LINE_MAX: usize = 75;

fn window(from: &str, until: &str) -> Window {
    Window::new(from.parse().expect("a time"), until.parse().expect("a time"))
}

fn place(zone: &str) -> Place {
    Place { zone: TimeZone::get(zone).expect("a zone"), handoff: Time::constant(8, 0, 0, 0) }
}

/// A calendar is read, the same each time, whatever its line ends and folds; what it says lies in the window, in order, and lasts. It
/// takes its own place; without its end it is none.
pub(crate) fn calendar(raw: &[u8]) {
    let place = place("America/Los_Angeles");
    let year = window("2026-10-01T00:00:00Z", "2027-10-01T00:00:00Z");
    let reading = read(raw, &place, year);
    assert_eq!(reading, read(raw, &place, year));
    for (zone, from, until) in [
        ("Pacific/Apia", "-009999-01-02T01:59:59Z", "9999-12-30T22:00:00Z"),
        ("Africa/Casablanca", "9999-12-30T00:00:00Z", "9999-12-30T22:00:00Z"),
        ("UTC", "2026-10-31T09:00:00Z", "2026-10-31T09:00:01Z"),
    ] {
        let window = window(from, until);
        if let Ok(reading) = read(raw, &self::place(zone), window) {
            lies_in(&reading, window);
        }
    }
    if !raw.contains(&b'\r') {
        let with_returns: Vec<u8> =
            raw.iter().flat_map(|b| if *b == b'\n' { vec![b'\r', b'\n'] } else { vec![*b] }).collect();
        assert_eq!(reading, read(&with_returns, &place, year), "by line ends");
    }
    assert_eq!(reading, read(&folded(raw), &place, year), "by folds");
    let Ok(reading) = reading else { return };
    lies_in(&reading, year);
    let accepted = accept(Some((raw, Least::Half)), raw, &place, year).expect("it takes its own place");
    assert_eq!(accepted.reading, reading);
    assert!(accept(Some((raw, Least::One)), raw, &place, year).is_ok());
    let text = String::from_utf8_lossy(raw);
    let end = "END:VCALENDAR";
    if text.to_ascii_uppercase().matches(end).count() == 1
        && let Some(at) = text.find(end).filter(|at| text.get(..*at).is_some_and(|before| before.ends_with('\n')))
    {
        assert!(read(text.get(..at).unwrap_or_default().as_bytes(), &place, year).is_err(), "without its end");
    }
    is_overlaid(&reading);
}

fn lies_in(reading: &Reading, window: Window) {
    for o in &reading.occurrences {
        assert!(o.from < o.until && o.until > window.from && o.from < window.until, "{o:?} in {window:?}");
        assert!(!o.about.title.chars().any(char::is_control), "{o:?}");
    }
    assert!(reading.occurrences.is_sorted_by_key(|o| (o.from, o.until)));
    for refused in &reading.refused {
        assert!(!refused.why.is_empty() && !refused.uid.is_empty(), "{refused:?}");
        let said = format!("{} {}", refused.title, refused.why);
        assert!(!said.chars().any(char::is_control), "it is shown in one line: {refused:?}");
    }
}

/// The same bytes with every line that is long enough folded once more in its middle.
fn folded(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() * 2);
    for line in raw.split_inclusive(|b| *b == b'\n') {
        let middle = line.len() / 2;
        let (first, rest) = line.split_at(if line.len() >= 12 { middle } else { 0 });
        // A return before the fold would belong to its line's end; at the front of a line a blank is a fold itself.
        if first.is_empty() || first.ends_with(b"\r") || rest.is_empty() {
            out.extend_from_slice(line);
            continue;
        }
        out.extend_from_slice(first);
        out.extend_from_slice(b"\n ");
        out.extend_from_slice(rest);
    }
    out
}

/// A calendar that is laid over itself says what it said; one over another keeps all of its own.
fn is_overlaid(reading: &Reading) {
    let (contacts, named) = (Vec::new(), BTreeMap::new());
    let people = People { contacts: &contacts, named: &named };
    let all = shifts(reading, &people);
    assert_eq!(all.all().len(), reading.occurrences.len());
    let over = overlay::overlay(&all, &all);
    assert_eq!(over.all().len(), all.all().len(), "over itself");
    let part = Reading { occurrences: reading.occurrences.iter().step_by(2).cloned().collect(), refused: Vec::new() };
    let part = shifts(&part, &people);
    let laid = overlay::overlay(&all, &part);
    for shift in part.all() {
        assert!(laid.all().contains(shift), "{shift:?} is gone");
    }
    let lasts = |shifts: &crate::domain::oncall::CalendarShifts| {
        let from = shifts.all().iter().map(|s| s.from).min();
        (from, shifts.all().iter().map(|s| s.until).max())
    };
    assert_eq!(lasts(&laid), lasts(&all), "it covers what it covered");
}

/// Whatever names say, a calendar of ours is read back as what it was made of, by ourselves, in short lines. The input: the feed's name,
/// who hands the duty on, a title, and times.
pub(crate) fn feed_of(raw: &[u8]) {
    let [name, of, title, times] = texts(raw);
    let base = 1_795_000_000_000_i64;
    let mut shifts = Vec::new();
    let mut from = base;
    for (n, step) in times.bytes().take(20).enumerate() {
        let until = from + (i64::from(step) + 1) * 60_000;
        let title = if n.is_multiple_of(2) { title.clone() } else { of.clone() };
        let moment = Timestamp::from_millis;
        shifts.push(FeedShift { of: of.clone(), from: moment(from), until: moment(until), title });
        from = until;
    }
    let text = feed(&name, &shifts, Timestamp::from_millis(base));
    assert!(text.ends_with("\r\n"));
    for line in text.split_terminator("\r\n") {
        assert!(line.len() <= LINE_MAX && !line.contains(['\r', '\n']), "{line:?}");
    }
    let back = read(text.as_bytes(), &place("UTC"), window("2026-10-01T00:00:00Z", "2027-10-01T00:00:00Z"));
    let back = back.unwrap_or_else(|e| panic!("{e}: {text}"));
    assert!(back.refused.is_empty(), "{:?}", back.refused);
    let given: Vec<_> = shifts.iter().map(|s| (s.from.as_millis(), s.until.as_millis(), shown(&s.title))).collect();
    let read = back.occurrences.iter();
    let read = read.map(|o| (o.from.as_millisecond(), o.until.as_millisecond(), o.about.title.clone()));
    assert_eq!(read.collect::<Vec<_>>(), given);
}

/// A title as it is read back: in one line.
fn shown(title: &str) -> String {
    let kept = title.chars().filter(|c| *c == '\n' || !c.is_control());
    kept.map(|c| if c == '\n' { ' ' } else { c }).collect::<String>().trim().to_owned()
}
