//! What holds of every mail, whatever the words in it: its headers are ours, its text is what was written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::smtp::SmtpRelay;
use super::{AttachedTable, Mail};
use crate::domain::body::{StandDown, TextKind};
use crate::domain::mail::{self, MailInput};
use crate::domain::properties::texts;

/// The headers of a mail of ours; each is there once at most.
const HEADERS: &[&str] = &[
    "Auto-Submitted",
    "Content-Type",
    "Date",
    "From",
    "In-Reply-To",
    "MIME-Version",
    "Message-ID",
    "References",
    "Subject",
    "To",
];
/// The headers of a part of one.
const PART_HEADERS: &[&str] = &["Content-Disposition", "Content-Transfer-Encoding", "Content-Type"];
/// The longest line of a mail (RFC 5322 §2.1.1).
const LINE_MAX: usize = 998;
const SUBJECT_MAX: usize = 120;
/// What a page of ours is made of, but for its link.
const TAGS: &[&str] = &["!doctype html", "html", "head", "meta", "title", "body", "p", "a", "b"];
const LINK: &str = "https://dispatch.example.com/l/abc";

/// Nothing that a customer or a name says makes a header, a line, a tag or a link of a mail. The input: the business, the level, the issue,
/// the address, the caller's name, the caller's phone, who took the call.
pub(crate) fn mail(raw: &[u8]) {
    let [business, level, issue, address, caller_name, caller_phone, by] = texts(raw);
    let relay = "smtp://127.0.0.1:25".parse().expect("a URL");
    let relay = SmtpRelay::new(&relay, "dispatch@example.com".parse().expect("an address")).expect("a relay");
    let kinds = [
        TextKind::First,
        TextKind::Reminder,
        TextKind::StandDown { why: StandDown::Taken { by: &by } },
        TextKind::StandDown { why: StandDown::Deferred },
        TextKind::Answer { text: &by },
    ];
    for (kind, link) in kinds.into_iter().flat_map(|kind| [(kind, None), (kind, Some(LINK))]) {
        let kept = mail::text(&MailInput {
            kind,
            reference: "7K3Q-2",
            business: &business,
            level: &level,
            issue: &issue,
            address: &address,
            caller_name: &caller_name,
            caller_phone: &caller_phone,
            link,
            text_to: Some("+15005550006").filter(|_| issue.len().is_multiple_of(2)),
            test_mode: level.is_empty(),
        });
        let (subject, text) = mail::parts(&kept);
        assert!(subject.starts_with("7K3Q-2 ") && subject.chars().count() <= SUBJECT_MAX, "{subject:?}");
        assert!(!subject.chars().any(char::is_control), "{subject:?}");
        assert!(text.lines().all(|line| !line.chars().any(char::is_control)), "{text:?}");
        let is_notice = matches!(kind, TextKind::First | TextKind::Reminder);
        let page = mail::html(&kept);
        is_page(&page, &kept, link.filter(|_| is_notice));
        let message = Mail {
            id: "att_7".to_owned(),
            to: "sam@example.com".parse().expect("an address"),
            from_name: link.map(|_| "dispatchctl".to_owned()),
            subject: subject.to_owned(),
            text: text.to_owned(),
            html: page,
            thread: link.map(|_| "thread_7".to_owned()),
            attached: None,
        };
        is_written(&relay, &message, true);
    }
    // Harsher than any caller of the relay: what it is given is not one line.
    let table = AttachedTable { name: "calls.csv".to_owned(), csv: address };
    let rough = Mail {
        id: "report_7".to_owned(),
        to: "sam@example.com".parse().expect("an address"),
        from_name: Some("dispatchctl".to_owned()),
        subject: issue,
        text: caller_name,
        html: caller_phone,
        thread: None,
        attached: Some(table),
    };
    is_written(&relay, &rough, false);
}

/// A mail as the relay gets it. `kept`: of words that were made fit for one.
fn is_written(relay: &SmtpRelay, mail: &Mail, kept: bool) {
    let Ok((_, _, bytes)) = relay.message(mail) else {
        assert!(!kept, "a mail that was kept cannot be written");
        return;
    };
    let whole = std::str::from_utf8(&bytes).expect("a mail is ASCII");
    assert!(whole.is_ascii() && !whole.contains('\0'), "{whole:?}");
    let (headers, body) = headers(whole, HEADERS);
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let of_each = ["Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"];
    assert!(of_each.iter().all(|name| header(name).is_some()), "{headers:?}");
    assert_eq!(header("To"), Some(mail.to.as_str()));
    let from = header("From").unwrap_or_default();
    assert!(from == "dispatch@example.com" || from == "dispatchctl <dispatch@example.com>", "{from:?}");
    assert_eq!(header("References").is_some(), mail.thread.is_some());
    // What looks like an encoded word is read as one, by whoever wrote it.
    if !mail.subject.contains("=?") {
        let read = decoded(header("Subject").unwrap_or_default());
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(plain(&read), plain(&mail.subject), "the subject");
    }
    let mut texts = Vec::new();
    parts(header("Content-Type").unwrap_or_default(), body, &mut texts);
    let of = |kind: &str| texts.iter().find(|(k, _)| k.starts_with(kind)).map(|(_, text)| text.as_str());
    assert_eq!(texts.len(), if mail.attached.is_some() { 3 } else { 2 }, "parts");
    if kept {
        assert!(whole.split("\r\n").all(|line| line.len() <= LINE_MAX), "a line is too long");
        assert_eq!(of("text/plain").map(|t| t.replace("\r\n", "\n")).as_deref(), Some(mail.text.as_str()));
        assert_eq!(of("text/html").map(|t| t.replace("\r\n", "\n")).as_deref(), Some(mail.html.as_str()));
    }
    for (kind, text) in &texts {
        let bare = text.replace("\r\n", "").chars().find(|c| c.is_control() && *c != '\t');
        assert_eq!(bare, None, "{kind}: {text:?}");
    }
}

/// Name and value of each header, unfolded, and what follows them.
fn headers<'a>(whole: &'a str, known: &[&str]) -> (Vec<(String, String)>, &'a str) {
    let (head, body) = whole.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no end of the headers: {whole:?}"));
    let mut all: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n") {
        assert!(!line.contains(['\r', '\n']), "a line break in a header: {line:?}");
        if line.starts_with([' ', '\t']) {
            let (_, value) = all.last_mut().unwrap_or_else(|| panic!("folds nothing: {line:?}"));
            value.push_str(line);
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
        assert!(known.contains(&name), "a header that nobody set: {line:?}");
        assert!(all.iter().all(|(n, _)| n != name), "{name} twice");
        all.push((name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()));
    }
    (all, body)
}

/// Every part that is a text, with its kind.
fn parts(kind: &str, body: &str, found: &mut Vec<(String, String)>) {
    let Some((_, boundary)) = kind.split_once("boundary=\"") else { panic!("no parts: {kind:?}") };
    let boundary = boundary.split('"').next().unwrap_or_default();
    let (_, rest) = body.split_once(&format!("--{boundary}\r\n")).expect("a first part");
    let (inside, behind) = rest.split_once(&format!("\r\n--{boundary}--")).expect("the end of the parts");
    assert!(behind.trim().is_empty(), "behind the parts: {behind:?}");
    for part in inside.split(&format!("\r\n--{boundary}\r\n")) {
        let (headers, body) = headers(part, PART_HEADERS);
        let header = |name: &str| headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
        let kind = header("Content-Type");
        if kind.starts_with("multipart/") {
            parts(kind, body, found);
        } else {
            found.push((kind.to_owned(), unencoded(header("Content-Transfer-Encoding"), body)));
        }
    }
}

fn unencoded(encoding: &str, body: &str) -> String {
    let bytes = match encoding {
        "7bit" => body.as_bytes().to_vec(),
        "base64" => {
            let plain: String = body.split("\r\n").collect();
            STANDARD.decode(plain).expect("base64")
        }
        "quoted-printable" => {
            let (mut out, mut rest) = (Vec::new(), body.replace("=\r\n", "").into_bytes().into_iter());
            while let Some(byte) = rest.next() {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).expect("an escape");
                out.push(if byte == b'=' {
                    u8::try_from(digit(rest.next()) * 16 + digit(rest.next())).expect("two digits")
                } else {
                    byte
                });
            }
            out
        }
        other => panic!("a relay need not take {other:?}"),
    };
    String::from_utf8(bytes).expect("UTF-8")
}

/// A header's text as people read it (RFC 2047): encoded words one after the other are one.
fn decoded(value: &str) -> String {
    let (mut out, mut rest) = (String::new(), value);
    let mut bytes: Vec<u8> = Vec::new();
    while let Some((before, after)) = rest.split_once("=?utf-8?b?") {
        let (word, behind) = after.split_once("?=").expect("the end of an encoded word");
        if bytes.is_empty() || !before.trim().is_empty() {
            out.push_str(&String::from_utf8(std::mem::take(&mut bytes)).expect("UTF-8"));
            out.push_str(before);
        }
        bytes.extend(STANDARD.decode(word).expect("base64"));
        rest = behind;
    }
    out.push_str(&String::from_utf8(bytes).expect("UTF-8"));
    out + rest
}

/// A page of ours: no tag of somebody else's, one link where there is one, and every line as it was written.
fn is_page(page: &str, kept: &str, link: Option<&str>) {
    let (mut text, mut links) = (String::new(), Vec::new());
    for piece in page.split_inclusive('>') {
        let (before, tag) = piece.split_once('<').unwrap_or((piece, ""));
        text.push_str(before);
        let Some(tag) = tag.strip_suffix('>') else { continue };
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        assert!(TAGS.contains(&tag) || TAGS.contains(&name), "a tag that nobody set: <{tag}>");
        links.extend(tag.split_once("href=\"").and_then(|(_, rest)| Some(rest.split_once('"')?.0.to_owned())));
    }
    assert_eq!(links.iter().map(String::as_str).collect::<Vec<_>>(), link.into_iter().collect::<Vec<_>>(), "{page}");
    let text = ["&lt;<", "&gt;>", "&quot;\"", "&#39;'", "&amp;&"].iter().fold(text, |text, pair| {
        let (escape, sign) = pair.split_at(pair.len() - 1);
        text.replace(escape, sign)
    });
    let (subject, lines) = mail::parts(kept);
    assert!(text.contains(subject), "{subject:?} is not on the page: {text:?}");
    for line in lines.lines().filter(|line| link.is_none_or(|link| !line.ends_with(link))) {
        assert!(text.contains(line.trim()), "{line:?} is not on the page: {text:?}");
    }
}
