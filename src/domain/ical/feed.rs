//! A calendar of ours: who is on call when, for the calendars of people (`facts/oncall.md` §5 *Feed*).
//!
//! Times are UTC, so that no reader needs our zones; lines are folded by bytes and end with CRLF. The same shift has the same UID
//! in every reading, so that a reader moves it and never doubles it. No phone number is in it.

use sha2::{Digest as _, Sha256};

use crate::domain::types::Timestamp;

/// The most bytes of a line without its end.
const LINE_MAX: usize = 75;

/// One shift of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedShift {
    /// What hands the duty on, with `from`: the shift's identity.
    pub of: String,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Names, and whose duty it is.
    pub title: String,
}

/// The text of a feed of this name, as it is at `now`.
pub fn feed(name: &str, shifts: &[FeedShift], now: Timestamp) -> String {
    let mut text = String::new();
    for line in ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//dispatchctl//on call//EN", "METHOD:PUBLISH"] {
        push(&mut text, line);
    }
    push(&mut text, &format!("X-WR-CALNAME:{}", escaped(name)));
    push(&mut text, "REFRESH-INTERVAL;VALUE=DURATION:PT1H");
    push(&mut text, "X-PUBLISHED-TTL:PT1H");
    for shift in shifts {
        push(&mut text, "BEGIN:VEVENT");
        push(&mut text, &format!("UID:{}-{}@dispatchctl", identity(&shift.of), utc(shift.from)));
        push(&mut text, &format!("DTSTAMP:{}", utc(now)));
        push(&mut text, &format!("DTSTART:{}", utc(shift.from)));
        push(&mut text, &format!("DTEND:{}", utc(shift.until)));
        push(&mut text, &format!("SUMMARY:{}", escaped(&shift.title)));
        push(&mut text, "TRANSP:TRANSPARENT");
        push(&mut text, "END:VEVENT");
    }
    push(&mut text, "END:VCALENDAR");
    text
}

fn utc(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(at) => at.strftime("%Y%m%dT%H%M%SZ").to_string(),
        Err(_) => "19700101T000000Z".to_owned(),
    }
}

/// A TEXT value (RFC 5545 §3.3.11).
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Two that hand the duty on at one moment never share it: what a UID may hold of the name, phone numbers left out, and a hash of
/// the whole name.
fn identity(of: &str) -> String {
    let words = of.split(' ').filter(|word| !word.starts_with('+'));
    let plain: String = words
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .take(40)
        .collect();
    let hash: String = Sha256::digest(of).iter().take(6).map(|b| format!("{b:02x}")).collect();
    format!("{plain}.{hash}")
}

/// A line, folded between letters.
fn push(text: &mut String, line: &str) {
    let mut room = LINE_MAX;
    for c in line.chars() {
        if c.len_utf8() > room {
            text.push_str("\r\n ");
            room = LINE_MAX - 1;
        }
        text.push(c);
        room -= c.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::super::reading::read;
    use super::super::types::{Place, Window};
    use super::*;

    #[test]
    fn a_feed_says_what_it_was_given_to_whoever_reads_calendars() {
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let title = "J\u{fc}rgen Wei\u{df}, Ana; on call: night of the Acme Plumbing and Heating Company, \\ and so on \u{1f527}";
        let shift = |from: &str, until: &str| FeedShift {
            of: "night".into(),
            from: at(from),
            until: at(until),
            title: title.into(),
        };
        let shifts = [
            shift("2026-10-26T15:00:00Z", "2026-11-02T16:00:00Z"),
            shift("2026-11-02T16:00:00Z", "2026-11-09T16:00:00Z"),
        ];
        let text = feed("Night, Acme", &shifts, at("2026-10-20T00:00:00Z"));
        assert!(text.contains("\r\nUID:night.176473d73133-20261026T150000Z@dispatchctl\r\n"), "{text}");
        assert!(text.contains("\r\nX-WR-CALNAME:Night\\, Acme\r\n") && text.contains("\r\nMETHOD:PUBLISH\r\n"));
        assert_eq!(text.matches("TRANSP:TRANSPARENT").count(), 2);
        for line in text.split_terminator("\r\n") {
            assert!(line.len() <= LINE_MAX && !line.contains(['\r', '\n']), "{line}");
        }
        assert!(!identity("contact sam +18005550199 primary").contains("8005550199"), "no phone numbers");
        let place = Place { zone: jiff::tz::TimeZone::UTC, handoff: jiff::civil::Time::midnight() };
        let time = |text: &str| -> jiff::Timestamp { text.parse().expect("a time") };
        let window = Window::new(time("2026-10-01T00:00:00Z"), time("2027-01-01T00:00:00Z"));
        let back = read(text.as_bytes(), &place, window).expect("a calendar");
        assert_eq!(back.refused, []);
        let read: Vec<_> = back.occurrences.iter().map(|o| (o.from.to_string(), o.until.to_string())).collect();
        let given = |s: &FeedShift| (s.from.rfc3339().replace(".000Z", "Z"), s.until.rfc3339().replace(".000Z", "Z"));
        assert_eq!(read, shifts.each_ref().map(given));
        assert!(back.occurrences.iter().all(|o| o.about.title == title));
    }

    #[test]
    fn two_that_hand_over_at_one_moment_are_two_events() {
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let shift = |of: &str| FeedShift {
            of: of.into(),
            from: at("2026-10-26T15:00:00Z"),
            until: at("2026-11-02T16:00:00Z"),
            title: "Sam".into(),
        };
        let text =
            feed("Sam", &["night a", "night_a", "n\u{e4}cht", "n\u{f6}cht"].map(shift), at("2026-10-20T00:00:00Z"));
        let uids: std::collections::BTreeSet<&str> = text.lines().filter(|l| l.starts_with("UID:")).collect();
        assert_eq!(uids.len(), 4, "{text}");
    }
}
