//! Mail as a notice channel: the address of a contact, and what a mail says.
//!
//! A mail is kept as one text: its subject, an empty line, and its lines. What a mail program shows as HTML is made from that text,
//! so that a restart sends the same words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::body::{StandDown, TextKind};
use super::types::{ParseError, Sender};

/// The breaker of the mail relay, and the sender of every mail: there is one relay.
pub const RELAY: &str = "smtp";

/// A subject is cut to this many characters.
const SUBJECT_MAX: usize = 120;
/// So is what a caller said.
const VALUE_MAX: usize = 2_000;
/// The line with the link begins so.
const LINK: &str = "Take this call: ";

/// Whether this sender is the mail relay.
pub fn is_relay(sender: &Sender) -> bool {
    sender.as_str() == RELAY
}

/// Whether a host as a URL names it is this machine: such a relay needs no TLS.
pub fn is_this_machine(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Where a mail goes. Shown masked; [`MailAddress::as_str`] is the whole of it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

impl MailAddress {
    /// The whole address: for the envelope and for the shop's own books, never for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind its `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for MailAddress {
    type Err = ParseError;

    /// One `@`, ASCII without blanks, at most 254 characters: a relay need not speak SMTPUTF8.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let plain = |c: char| {
            c.is_ascii_graphic() && !matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | ':' | '"' | '\\' | '[' | ']')
        };
        let is_one = text.split_once('@').is_some_and(|(local, domain)| {
            let labels = || domain.split('.');
            let is_label = |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            !local.is_empty()
                && local.len() <= 64
                && local.split('.').all(|part| !part.is_empty())
                && labels().all(is_label)
        });
        if is_one && text.len() <= 254 && text.chars().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new("mail address", "is no mail address like sam@example.com"))
        }
    }
}

impl TryFrom<String> for MailAddress {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}•••@{}", self.0.chars().next().unwrap_or('•'), self.domain())
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a notice by mail is made of; every part is data.
#[derive(Debug, Clone, Copy)]
pub struct MailInput<'a> {
    pub kind: TextKind<'a>,
    /// The attempt's reference, like `7K3Q-2`.
    pub reference: &'a str,
    /// The line's name.
    pub business: &'a str,
    pub level: &'a str,
    pub issue: &'a str,
    pub address: &'a str,
    pub caller_name: &'a str,
    pub caller_phone: &'a str,
    /// The page with the one button; without a public URL there is none.
    pub link: Option<&'a str>,
    /// The number to which an answer may be texted, where there is one.
    pub text_to: Option<&'a str>,
    pub test_mode: bool,
}

/// A mail as it is kept.
pub fn text(m: &MailInput<'_>) -> String {
    let test = if m.test_mode { "TEST MODE " } else { "" };
    let level = if m.level.eq_ignore_ascii_case("normal") { String::new() } else { m.level.to_uppercase() };
    let who: Vec<&str> = [m.business, level.as_str()].into_iter().filter(|p| !p.trim().is_empty()).collect();
    let who = who.join(" ");
    let again = if m.kind == TextKind::Reminder { "still open: " } else { "" };
    let what = match m.kind {
        TextKind::First | TextKind::Reminder if m.issue.trim().is_empty() => "emergency call".to_owned(),
        TextKind::First | TextKind::Reminder => m.issue.to_owned(),
        TextKind::StandDown { why } => stood_down(why),
        TextKind::Answer { text } => text.to_owned(),
    };
    let head = if who.is_empty() { String::new() } else { format!("{who}: ") };
    let subject = cut(&format!("{} {test}{again}{head}{what}", m.reference), SUBJECT_MAX);
    let mut lines = vec![subject, String::new()];
    if matches!(m.kind, TextKind::First | TextKind::Reminder) {
        let caller = format!("{} {}", m.caller_name, m.caller_phone);
        let reference = m.reference.split('-').next().unwrap_or_default();
        let values =
            [("Issue", m.issue), ("Address", m.address), ("Caller", caller.as_str()), ("Reference", reference)];
        for (name, value) in values.into_iter().map(|(n, v)| (n, cut(v, VALUE_MAX))).filter(|(_, v)| !v.is_empty()) {
            lines.push(format!("{name}: {value}"));
        }
        lines.push(String::new());
        lines.extend(m.link.map(|link| format!("{LINK}{link}")));
        lines.extend(m.text_to.map(|to| format!("Or text 1 {reference} to {to}; 2 {reference} passes.")));
        if m.link.is_none() && m.text_to.is_none() {
            lines.push("Ring the office to take it: this mail cannot be answered.".to_owned());
        }
    } else {
        lines.push(format!("{}.", cut(&what, VALUE_MAX)));
        let address = cut(m.address, VALUE_MAX);
        lines.extend(Some(address).filter(|a| !a.is_empty()).map(|address| format!("Address: {address}")));
    }
    lines.join("\n")
}

fn stood_down(why: StandDown<'_>) -> String {
    let what = match why {
        StandDown::Taken { by } if !by.trim().is_empty() => format!("{by} has taken this call"),
        StandDown::Taken { .. } => "This call has been taken".to_owned(),
        StandDown::Cancelled => "This call was called off".to_owned(),
        StandDown::Resolved => "This call is resolved".to_owned(),
        StandDown::Deferred => "This call waits for the morning".to_owned(),
    };
    format!("{what}, you need not go")
}

/// On one line, without control characters, at most so long.
fn cut(text: &str, max: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if clean.chars().count() <= max {
        clean
    } else {
        clean.chars().take(max.saturating_sub(3)).chain("...".chars()).collect()
    }
}

/// The subject of a mail that is kept, and its lines.
pub fn parts(kept: &str) -> (&str, &str) {
    kept.split_once("\n\n").unwrap_or((kept, ""))
}

/// The lines of a mail for programs that show HTML: plain, with inline styles, nothing from elsewhere.
pub fn html(kept: &str) -> String {
    let (subject, lines) = parts(kept);
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title></head>\
         <body style=\"font-family:sans-serif;font-size:16px;line-height:1.4;color:#111;background:#fff\">\
         <p style=\"font-size:18px;font-weight:bold\">{0}</p>\n",
        escaped(subject)
    );
    let mut is_ours = false;
    for line in lines.lines() {
        // What others said stands before the empty line; a link is one of ours behind it.
        if line.trim().is_empty() {
            is_ours = true;
            continue;
        }
        match (line.strip_prefix(LINK).filter(|_| is_ours), line.split_once(": ")) {
            (Some(link), _) => out.push_str(&format!(
                "<p><a href=\"{}\" style=\"display:inline-block;padding:14px 28px;background:#0b5;color:#fff;\
                 font-weight:bold;text-decoration:none;border-radius:6px\">Take this call</a></p>\n",
                escaped(link)
            )),
            (None, Some((name, value))) => {
                out.push_str(&format!("<p style=\"margin:4px 0\"><b>{}:</b> {}</p>\n", escaped(name), escaped(value)));
            }
            (None, None) => out.push_str(&format!("<p>{}</p>\n", escaped(line))),
        }
    }
    out.push_str("</body></html>\n");
    out
}

/// Text as HTML shows it.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> MailInput<'static> {
        MailInput {
            kind: TextKind::First,
            reference: "7K3Q-2",
            business: "Acme Plumbing",
            level: "high",
            issue: "Water <b>through</b>\r\nBcc: x@example.com",
            address: "12 Oak Street",
            caller_name: "Jo Park",
            caller_phone: "+18005550100",
            link: Some("https://dispatch.example.com/l/abc"),
            text_to: Some("+15005550006"),
            test_mode: false,
        }
    }

    #[test]
    fn a_notice_names_everything_once_and_its_subject_is_one_line() {
        let kept = text(&input());
        let (subject, lines) = parts(&kept);
        assert_eq!(subject, "7K3Q-2 Acme Plumbing HIGH: Water <b>through</b> Bcc: x@example.com");
        assert_eq!(
            lines,
            "Issue: Water <b>through</b> Bcc: x@example.com\nAddress: 12 Oak Street\nCaller: Jo Park +18005550100\n\
             Reference: 7K3Q\n\nTake this call: https://dispatch.example.com/l/abc\n\
             Or text 1 7K3Q to +15005550006; 2 7K3Q passes."
        );
        let page = html(&kept);
        assert!(page.contains("href=\"https://dispatch.example.com/l/abc\"") && page.contains("Take this call"));
        assert!(!page.contains("<b>through"), "what a caller said is text: {page}");
        assert_eq!(page.matches("<a ").count(), 1, "one button");
    }

    #[test]
    fn a_button_leads_to_our_page_alone_whatever_others_said() {
        let odd = "Take this call: https://elsewhere.example/";
        for kind in [
            TextKind::First,
            TextKind::StandDown { why: StandDown::Cancelled },
            TextKind::StandDown { why: StandDown::Taken { by: odd } },
            TextKind::Answer { text: odd },
        ] {
            let kept = text(&MailInput { kind, address: odd, issue: odd, link: None, ..input() });
            assert!(!html(&kept).contains("<a "), "{kept}");
            assert!(!html(&format!("7K3Q-2 of an older version\n\nThis call was called off.\n{odd}")).contains("<a "));
        }
        let kept = text(&MailInput { address: odd, issue: odd, ..input() });
        let page = html(&kept);
        assert!(
            page.contains("<a href=\"https://dispatch.example.com/l/abc\"") && page.matches("<a ").count() == 1,
            "{page}"
        );
    }

    #[test]
    fn each_kind_has_its_own_words() {
        for (kind, says) in [
            (TextKind::Reminder, "7K3Q-2 still open: Acme Plumbing HIGH: "),
            (
                TextKind::StandDown { why: StandDown::Taken { by: "Ana Reyes" } },
                "Ana Reyes has taken this call, you need not go",
            ),
            (TextKind::StandDown { why: StandDown::Deferred }, "This call waits for the morning, you need not go"),
            (TextKind::Answer { text: "7K3Q is yours." }, "7K3Q is yours."),
        ] {
            let kept = text(&MailInput { kind, ..input() });
            assert!(parts(&kept).0.contains(says), "{kept}");
            assert_eq!(kept.contains(LINK), kind == TextKind::Reminder, "{kept}");
        }
        let bare = text(&MailInput { link: None, text_to: None, business: "", issue: "", test_mode: true, ..input() });
        assert!(
            bare.starts_with("7K3Q-2 TEST MODE HIGH: emergency call\n\n") && bare.contains("Ring the office"),
            "{bare}"
        );
        let long = text(&MailInput { issue: &"x".repeat(9_000), ..input() });
        assert!(long.len() < 3_000 && parts(&long).0.chars().count() == SUBJECT_MAX);
    }

    #[test]
    fn an_address_has_its_form_and_is_shown_masked() {
        for ok in ["sam@example.com", "s.o+night@mail.example.co", "a@b"] {
            let address: MailAddress = ok.parse().expect(ok);
            assert_eq!(address.as_str(), ok);
        }
        for bad in [
            "",
            "sam",
            "@example.com",
            "sam@",
            "a b@c.d",
            "a@b@c",
            "a@b..c",
            "<a@b.c>",
            "a@b.c\r\nX: y",
            "é@b.c",
            ".a@b.c",
        ] {
            assert!(bad.parse::<MailAddress>().is_err(), "{bad:?}");
        }
        let address: MailAddress = "sam@example.com".parse().expect("an address");
        assert_eq!(format!("{address} {address:?}"), "s•••@example.com s•••@example.com");
    }
}
