//! An alert in words for people: what happened, which call, how old it is, what to do.

use std::fmt::Write as _;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::alert::{AlertKind, Severity, over, what_to_do};
use crate::gateways::{AlertMessage, AlertNotice};

/// From this age on an alert says since when it is raised.
const OLD: Duration = Duration::from_secs(60);
/// What a caller said is quoted so far.
const ISSUE_MAX: usize = 200;

/// Whose words a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextFormat {
    /// Slack's, and what takes its documents: no mention, link or markup comes of what a caller said.
    #[default]
    Slack,
    /// As it is, without what a screen or terminal would act on.
    Plain,
}

impl AlertMessage {
    pub(super) fn kind(&self) -> Option<AlertKind> {
        self.notices.first().map(|n| n.key.kind())
    }

    /// A message names alerts that all are raised, or all are over.
    pub(super) fn is_over(&self) -> bool {
        self.notices.iter().any(|n| n.resolved_at.is_some())
    }

    /// Whether somebody must wake up for it.
    pub(super) fn wakes(&self) -> bool {
        !self.is_over() && self.kind().is_some_and(|kind| kind.severity() == Severity::Page)
    }

    pub(super) fn severity(&self) -> &'static str {
        self.kind().map_or(Severity::Notice, AlertKind::severity).as_str()
    }

    /// The only alert of a message that names one.
    pub(super) fn only(&self) -> Option<&AlertNotice> {
        if let [one] = self.notices.as_slice() { Some(one) } else { None }
    }

    /// Its key, or that of its kind where it names several; numbers masked.
    pub(super) fn key(&self) -> String {
        match self.only() {
            Some(one) => one.key.masked(),
            None => format!("{}:*", self.kind().map_or("", AlertKind::word)),
        }
    }

    /// What happened, without the call.
    pub(super) fn happened(&self) -> String {
        self.only().map_or_else(|| grouped(&self.notices), said)
    }

    /// How many of its alerts, from the first, are named whole in a line that `fits`; at least one.
    pub(super) fn holds(&self, mode: &str, fits: impl Fn(&str) -> bool) -> usize {
        let is_whole = |n: &usize| {
            let first = Self { notices: self.notices.iter().take(*n).cloned().collect(), ..self.clone() };
            fits(&format!("{}{}", first.head(mode), first.happened()))
        };
        (2..=self.notices.len()).rev().find(is_whole).unwrap_or(1)
    }

    fn head(&self, mode: &str) -> String {
        let test = if mode == "test" { "TEST MODE " } else { "" };
        let word = if self.is_over() { "" } else { "ALERT: " };
        format!("{test}dispatchctl {word}")
    }

    /// All of it, in one line of at most so many bytes: what happened is cut, never the call and what to do.
    pub(super) fn line(&self, mode: &str, bytes_max: usize) -> String {
        let (head, tail) = (self.head(mode), self.only().map(|n| tail(n, self.at)));
        let tail = tail.unwrap_or_default();
        let room = bytes_max.saturating_sub(head.len() + tail.len());
        cut(&format!("{head}{}{tail}", cut(&self.happened(), room)), bytes_max)
    }

    /// A few words: what is alarming, and the reference of its call.
    pub(super) fn title(&self, mode: &str, bytes_max: usize) -> String {
        let test = if mode == "test" { "TEST MODE " } else { "" };
        let state = if self.is_over() { "over" } else { "ALERT" };
        let kind = self.kind().map(AlertKind::title).unwrap_or_default();
        let which = match (self.only(), self.notices.len()) {
            (Some(one), _) => one.reference.as_ref().map(|r| format!("{r} ")).unwrap_or_default(),
            (None, n) => format!("{n} times "),
        };
        cut(&format!("{test}{state}: {which}{kind}"), bytes_max)
    }
}

/// What happened; where it is over, that it is.
pub(super) fn said(n: &AlertNotice) -> String {
    if n.resolved_at.is_some() { over(&n.message) } else { n.message.clone() }
}

/// What a caller said of it, where the alert may carry it: one that wakes somebody.
pub(super) fn issue(n: &AlertNotice) -> Option<String> {
    let wakes = n.key.kind().severity() == Severity::Page && n.resolved_at.is_none();
    let issue = n.issue.as_deref().map(str::trim).filter(|i| wakes && !i.is_empty())?;
    Some(cut(&issue.split_whitespace().collect::<Vec<_>>().join(" "), ISSUE_MAX))
}

/// Which call, how old it is and the alert, what its caller said, what to do.
fn tail(n: &AlertNotice, at: Timestamp) -> String {
    let mut named: Vec<String> = Vec::new();
    named.extend(n.call.as_ref().map(ToString::to_string));
    named.extend(n.reference.as_ref().map(ToString::to_string));
    named.extend(n.accepted_at.map(|accepted| format!("accepted {} ago", age(at.since(accepted)))));
    let raised = at.since(n.raised_at);
    if raised >= OLD && n.resolved_at.is_none() {
        named.push(format!("raised {} ago", age(raised)));
    }
    let mut text = if named.is_empty() { String::new() } else { format!(" [{}]", named.join(", ")) };
    if let Some(issue) = issue(n) {
        let _ = write!(text, "; issue: \"{issue}\"");
    }
    if let Some(call) = n.call.as_ref().filter(|_| n.resolved_at.is_none()) {
        let _ = write!(text, "; {}", what_to_do(n.key.kind(), call));
    }
    text
}

/// As a person says it: whole minutes up to two hours, then hours, then days.
fn age(age: Duration) -> String {
    match age.as_secs() {
        s @ 0..=59 => format!("{s} s"),
        s @ 60..=7199 => format!("{} min", s / 60),
        s @ 7200..=172_799 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

/// Many of one kind: how many of what, and each by its call and reference.
fn grouped(notices: &[AlertNotice]) -> String {
    let each = notices.iter().map(|n| match (&n.call, &n.reference) {
        (Some(call), Some(reference)) => format!("{call} ({reference})"),
        (Some(call), None) => call.to_string(),
        (None, _) => n.key.masked(),
    });
    let title = notices.first().map(|n| n.key.kind().title()).unwrap_or_default();
    let text = format!("{} times: {title}: {}", notices.len(), each.collect::<Vec<_>>().join(", "));
    if notices.iter().any(|n| n.resolved_at.is_some()) {
        over(&text)
    } else {
        format!("{text}; see `dispatchctl status`")
    }
}

/// At most so many bytes of UTF-8, whole characters; what was cut ends in dots.
pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    const DOTS: &str = "...";
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub(DOTS.len()));
    let mut out = text.get(..end).unwrap_or_default().to_owned();
    out.push_str(DOTS.get(..bytes_max.min(DOTS.len())).unwrap_or_default());
    out
}

impl TextFormat {
    /// The text as its receiver may read it: caller's words are words there, whatever they hold.
    pub fn escape(self, text: &str) -> String {
        let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_format(*c));
        if self == Self::Plain {
            return clean.collect();
        }
        let mut out = String::with_capacity(text.len());
        for c in clean {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                // Nothing is mentioned, and no address becomes a link: both are broken by a space of no width.
                '@' => out.push_str("@\u{200b}"),
                '/' if out.ends_with('/') => out.push_str("\u{200b}/"),
                '.' if out.to_ascii_lowercase().ends_with("www") => out.push_str("\u{200b}."),
                c => out.push(c),
            }
        }
        out
    }
}

/// Characters that turn or hide text: bidirectional controls, and those of no width.
const fn is_format(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::sinks::webhook::sample;

    #[test]
    fn what_a_caller_said_is_neither_a_mention_nor_a_link_nor_markup() {
        let hostile = "level \"<!channel> <https://evil.example|click> & @here http://evil.example www.evil.example\"";
        let slack = TextFormat::Slack.escape(hostile);
        for never in ["<", ">", "@here", "://", "www.", "& "] {
            assert!(!slack.contains(never), "{never}: {slack}");
        }
        assert!(slack.contains("&lt;!channel&gt;") && slack.contains("&amp; "), "{slack}");
        let turned = "a\u{202e}b\u{7}c\nd\u{2066}e\u{200b}f\u{1b}[31m";
        assert_eq!(TextFormat::Plain.escape(turned), "ab c def [31m");
        assert_eq!(TextFormat::Plain.escape("<b> & @x // http://a.example"), "<b> & @x // http://a.example");
        assert_eq!(
            TextFormat::Slack.escape("set `twilio.from`, 6.5 s"),
            "set `twilio.from`, 6.5 s",
            "our own words stay"
        );
    }

    #[test]
    fn an_alert_says_its_age_and_what_to_do_and_only_one_that_wakes_says_the_issue() {
        let mut message = sample();
        let one = &mut message.notices[0];
        one.key = AlertKind::Exhausted.about("test_123");
        (one.issue, one.accepted_at) = (Some(" water\n through the ceiling ".into()), Some(one.raised_at));
        message.at = message.notices[0].raised_at.plus(Duration::from_secs(31 * 60));
        let line = message.line("live", 4_000);
        assert_eq!(
            line,
            "dispatchctl ALERT: nobody has been told [test_123, 7K3Q, accepted 31 min ago, raised 31 min ago]; \
             issue: \"water through the ceiling\"; `dispatchctl status test_123` tells its story, `dispatchctl ack test_123` takes it"
        );
        assert_eq!(message.title("live", 250), "ALERT: 7K3Q The ladder is over and nobody took the call");
        message.notices[0].key = AlertKind::Failed.about("test_123:sam");
        assert!(!message.line("live", 4_000).contains("water"), "a notice quotes no caller");
        assert!(!message.wakes());
    }

    #[test]
    fn a_group_is_as_large_as_a_line_that_names_each_whole() {
        let mut message = sample();
        message.notices = (0..50)
            .map(|n| AlertNotice { call: format!("{n:0128}").parse().ok(), ..message.notices[0].clone() })
            .collect();
        for (mode, bytes_max) in [("live", 1_000), ("test", 2_000), ("live", 20_000)] {
            let held = message.holds(mode, |line| line.len() <= bytes_max);
            let mut part = message.clone();
            part.notices.truncate(held);
            let line = part.line(mode, bytes_max);
            assert!(part.notices.iter().all(|n| n.call.as_ref().is_some_and(|c| line.contains(c.as_str()))), "{line}");
            assert!(!line.contains("..."), "{line}");
            assert_eq!(held, ((bytes_max - 100) / 137).min(50), "{mode} {bytes_max}: as many as fit");
        }
        assert_eq!(message.holds("live", |_| false), 1, "one is cut, and told");
    }

    #[test]
    fn what_is_too_long_loses_words_and_never_the_call_or_what_to_do() {
        let mut message = sample();
        message.notices[0].message = "ä".repeat(5_000);
        let line = message.line("test", 300);
        assert!(line.len() <= 300 && line.starts_with("TEST MODE dispatchctl ALERT: ä"), "{line}");
        assert!(
            line.ends_with("...[test_123, 7K3Q]; see `dispatchctl status test_123`")
                || line.contains("... [test_123, 7K3Q]; see"),
            "{line}"
        );
        for (text, max, want) in [("short", 5, "short"), ("longer", 5, "lo..."), ("ääää", 6, "ä..."), ("abc", 2, "..")]
        {
            assert_eq!(cut(text, max), want);
        }
    }
}
