//! Times and lengths as the page says them: short, by one clock, and whole words.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::Timestamp;

/// `40 s`, `3 min`, `2 h 05 min`, `3 d 4 h`.
pub(super) fn length(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min", s / 60),
        3_600..86_400 => format!("{} h {:02} min", s / 3_600, s / 60 % 60),
        _ => format!("{} d {} h", s / 86_400, s / 3_600 % 24),
    }
}

/// Of figures: with the seconds that matter under ten minutes.
pub(super) fn exact(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..600 => format!("{}:{:02} min", s / 60, s % 60),
        _ => length(d),
    }
}

/// `3 min ago`, `in 1:40`, `now`.
pub(super) fn relative(at: Timestamp, now: Timestamp) -> String {
    if at <= now {
        return match now.since(at) {
            d if d.as_secs() == 0 => "now".to_owned(),
            d => format!("{} ago", length(d)),
        };
    }
    let s = at.since(now).as_secs();
    if s < 3_600 { format!("in {}:{:02}", s / 60, s % 60) } else { format!("in {}", length(at.since(now))) }
}

/// `02:04`; of another day `Fri 27 Nov 02:04`.
pub(super) fn clock(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let local = |t: Timestamp| jiff::Timestamp::from_millisecond(t.as_millis()).map(|t| t.to_zoned(zone.clone()));
    let (Ok(at_local), Ok(now_local)) = (local(at), local(now)) else { return at.rfc3339() };
    let form = if at_local.date() == now_local.date() { "%H:%M" } else { "%a %-d %b %H:%M" };
    at_local.strftime(form).to_string()
}

/// `1 call`, `2 calls`.
pub(super) fn plural(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_times_are_said_shortly() {
        let s = Duration::from_secs;
        for (d, want) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_599, "59 min"), (7_500, "2 h 05 min"), (273_600, "3 d 4 h")]
        {
            assert_eq!(length(s(d)), want);
        }
        for (d, want) in [(4, "4 s"), (61, "1:01 min"), (600, "10 min")] {
            assert_eq!(exact(s(d)), want);
        }
        let now = "2026-11-28T10:04:00Z".parse().expect("a time");
        for (at, want) in [
            ("2026-11-28T10:04:00Z", "now"),
            ("2026-11-28T10:01:00Z", "3 min ago"),
            ("2026-11-28T10:05:40Z", "in 1:40"),
            ("2026-11-28T12:04:00Z", "in 2 h 00 min"),
        ] {
            assert_eq!(relative(at.parse().expect("a time"), now), want, "{at}");
        }
        let zone = TimeZone::get("America/Los_Angeles").expect("a zone");
        for (at, want) in [("2026-11-28T10:01:00Z", "02:01"), ("2026-11-28T07:59:00Z", "Fri 27 Nov 23:59")] {
            assert_eq!(clock(at.parse().expect("a time"), now, &zone), want, "{at}");
        }
        assert_eq!((plural(1, "call", "calls"), plural(2, "call", "calls")), ("1 call".into(), "2 calls".into()));
    }
}
