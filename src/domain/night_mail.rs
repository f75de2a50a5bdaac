//! The morning's list as a mail: what is to be done first, as text and as HTML with inline styles, nothing from elsewhere.

use std::fmt::Write as _;

use jiff::civil::Date;

use super::levels::zone_named;
use super::mail::escaped;
use super::night::{NightCall, Standing, ToldBy, in_words};
use super::types::Timestamp;

/// A mail, written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// So much of what a caller said is quoted.
const QUOTED_MAX: usize = 300;

/// The list of the morning of this date; `verdict`: its figures in one line, or nothing; `board`: the office's page.
pub fn write(
    shop: &str,
    date: Date,
    calls: &[NightCall],
    (verdict, board): (&str, Option<&str>),
    test_mode: bool,
) -> Written {
    let test = if test_mode { "TEST MODE " } else { "" };
    let shop = if shop.trim().is_empty() { String::new() } else { format!("{}: ", plain(shop)) };
    let subject = format!("{test}{shop}the night to {date}: {}", in_words(calls));
    let mut text = String::new();
    let mut html = head(&subject, &subject);
    let mut standing = None;
    for call in calls {
        if standing != Some(call.standing) {
            standing = Some(call.standing);
            heading(&mut text, &mut html, heading_of(call.standing));
        }
        entry(&mut text, &mut html, call);
    }
    if calls.iter().any(|c| c.standing == Standing::RingBack) {
        let how = "`dispatchctl seen CALL` ticks a call off, `dispatchctl raise CALL` wakes somebody for it.";
        let _ = writeln!(text, "\n{how}");
        let _ = writeln!(html, "<p>{}</p>", escaped(how));
    }
    if !verdict.is_empty() {
        let _ = writeln!(text, "\n{verdict}");
        let _ = writeln!(html, "<p>{}</p>", escaped(verdict));
    }
    link(&mut text, &mut html, board);
    html.push_str("</body></html>\n");
    Written { subject, text, html }
}

/// How every mail of figures and lists begins. It names no colour but where it names the ground too, so that a program that shows mails
/// on a dark ground can.
pub(super) fn head(title: &str, heading: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{}</title></head>\n<body style=\"font-family:sans-serif;font-size:15px;line-height:1.4\">\
         <h1 style=\"font-size:18px;margin:8px 0\">{}</h1>\n",
        escaped(title),
        escaped(heading)
    )
}

/// A heading in both forms.
pub(super) fn heading(text: &mut String, html: &mut String, name: &str) {
    let _ = writeln!(text, "{}{name}", if text.is_empty() { "" } else { "\n" });
    let _ = writeln!(html, "<h2 style=\"font-size:16px;margin:18px 0 4px\">{}</h2>", escaped(name));
}

/// One call in both forms.
pub(super) fn entry(text: &mut String, html: &mut String, call: &NightCall) {
    let lines = lines(call);
    let _ = writeln!(text, "- {}", lines.join("\n  "));
    let lines: Vec<String> = lines.iter().map(|l| escaped(l)).collect();
    let _ = writeln!(
        html,
        "<p style=\"margin:6px 0;padding:4px 8px;border-left:4px solid #999\">{}</p>",
        lines.join("<br>")
    );
}

/// Where the rest is seen, in both forms.
pub(super) fn link(text: &mut String, html: &mut String, board: Option<&str>) {
    let Some(board) = board else { return };
    let _ = writeln!(text, "\nThe board: {board}");
    let _ = writeln!(html, "<p>The board: <a href=\"{0}\">{0}</a></p>", escaped(board));
}

const fn heading_of(standing: Standing) -> &'static str {
    match standing {
        Standing::RingBack => "To ring back: nobody was woken, nobody has seen them",
        Standing::Exhausted => "Nobody took them",
        Standing::Open => "Still open: nobody has them yet",
        Standing::Taken => "Taken",
        Standing::Seen => "Left for the morning and seen",
        Standing::Resolved => "Resolved",
        Standing::Cancelled => "Called off",
    }
}

fn lines(c: &NightCall) -> Vec<String> {
    let (call, data) = (&c.state.call, &c.state.call.data);
    let zone = c.zone.as_deref();
    let time = |at: Timestamp| {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok();
        at.map(|at| at.to_zoned(zone_named(zone)).strftime("%a %H:%M").to_string()).unwrap_or_default()
    };
    let value = |v: &Option<String>| v.as_deref().map(plain).filter(|v| !v.is_empty());
    let caller: Vec<String> = [value(&data.caller_phone), value(&data.caller_name)].into_iter().flatten().collect();
    let mut lines =
        vec![format!("{} {} {}", time(call.accepted_at), call.reference, caller.join(", ")).trim().to_owned()];
    let what: Vec<String> = [value(&data.issue_summary), value(&data.address)].into_iter().flatten().collect();
    lines.extend(Some(what.join(", ")).filter(|w| !w.is_empty()));
    lines.extend(call.held().map(|at| format!("held by quiet hours until {}", time(at))));
    lines.extend(c.deferred_by.as_ref().map(|by| format!("left for the morning by {}", plain(by))));
    let after = |at: Option<Timestamp>| at.map(|at| minutes(at.since(call.accepted_at).as_secs()));
    let told = c.told.and_then(|(at, by)| {
        let t = after(Some(at))?;
        Some(match by {
            ToldBy::Text => format!("told after {t}"),
            ToldBy::TextUnconfirmed => format!("texted after {t}, delivery not confirmed"),
            ToldBy::PhoneCall => format!("reached by phone after {t}"),
            ToldBy::Mail => format!("mailed after {t}"),
        })
    });
    let taken = after(c.taken_at).map(|t| format!("taken after {t}"));
    let by = c.taken_by.as_ref().filter(|_| c.taken_at.is_some()).map(|by| format!("by {}", plain(by)));
    let times: Vec<String> = [told, taken, by].into_iter().flatten().collect();
    lines.extend(Some(times.join(", ")).filter(|t| !t.is_empty()));
    lines.push(format!("call {} at {}", plain(call.id.as_str()), plain(&c.line)));
    lines
}

fn minutes(s: u64) -> String {
    if s < 60 { format!("{s} s") } else { format!("{} min", s / 60) }
}

/// On one line, without control characters, not too long.
pub(super) fn plain(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTED_MAX).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attempt::{AttemptState, Channel};
    use crate::domain::call::CallStatus;
    use crate::testing::fixtures;

    #[test]
    fn whoever_got_a_text_or_a_mail_of_which_no_more_is_known_is_not_said_to_be_told() {
        let (taken, told) = (AttemptState::Submitted, AttemptState::Delivered);
        for (channel, is, words) in [
            (Channel::Sms, taken, "texted after 5 s, delivery not confirmed"),
            (Channel::Sms, told, "told after 9 s"),
            (Channel::Voice, told, "reached by phone after 9 s"),
            (Channel::Email, taken, "mailed after 5 s"),
        ] {
            let mut state = fixtures::call_state("c");
            let after = |s| Some(state.call.accepted_at.plus(std::time::Duration::from_secs(s)));
            let (taken_at, delivered_at) = (after(5), after(9));
            state.call.notified_at = taken_at;
            for a in &mut state.attempts {
                (a.channel, a.state) = (channel, is);
                a.finished_at = delivered_at.filter(|_| is == told);
                a.sid = (channel == Channel::Sms).then(|| format!("SM{}", "1".repeat(32)).parse().expect("a SID"));
            }
            let call = NightCall::of(state, std::iter::empty(), &fixtures::directory());
            let written = write("Acme", "2026-11-28".parse().expect("a date"), &[call], ("", None), false);
            assert!(written.text.contains(words), "{}", written.text);
        }
    }

    #[test]
    fn a_call_that_quiet_hours_hold_says_until_when() {
        let mut state = fixtures::call_state("c");
        let until = "2026-11-28T16:00:00Z".parse().ok();
        (state.call.wake_at, state.call.held_until) = (until, until);
        let call = NightCall::of(state, std::iter::empty(), &fixtures::directory());
        let written = write("Acme", "2026-11-28".parse().expect("a date"), &[call], ("", None), false);
        assert!(written.text.contains("held by quiet hours until Sat "), "{}", written.text);
        assert!(!written.text.contains("looking for"), "{}", written.text);
    }

    #[test]
    fn what_is_to_be_done_comes_first_and_what_a_caller_said_is_text() {
        let mut drip = fixtures::call_state("drip");
        drip.call.status = CallStatus::Deferred;
        drip.call.data.issue_summary = Some("A tap <b>drips</b>\r\nBcc: x@y.z".into());
        drip.call.data.caller_phone = Some("+19495550150".into());
        let mut done = fixtures::call_state("done");
        done.call.status = CallStatus::Resolved;
        let directory = fixtures::directory();
        let mut calls: Vec<NightCall> =
            [done, drip].into_iter().map(|s| NightCall::of(s, std::iter::empty(), &directory)).collect();
        super::super::night::sort(&mut calls);
        let written =
            write("Acme", "2026-11-28".parse().expect("a date"), &calls, ("2 calls, none left unanswered", None), true);
        assert_eq!(written.subject, "TEST MODE Acme: the night to 2026-11-28: 1 to ring back, 1 resolved");
        let at = |words: &str| written.text.find(words).unwrap_or_else(|| panic!("{words}: {}", written.text));
        assert!(at("To ring back") < at("+19495550150") && at("+19495550150") < at("Resolved"));
        assert!(written.text.contains("A tap <b>drips</b> Bcc: x@y.z"), "{}", written.text);
        assert!(written.html.contains("&lt;b&gt;drips") && !written.html.contains("<b>drips"), "{}", written.html);
        assert!(!written.html.contains("http"), "nothing from elsewhere");
        assert!(written.text.trim_end().ends_with("2 calls, none left unanswered"), "{}", written.text);
    }
}
