//! What holds of every document that is read aloud, whatever a customer said.

use super::script::{self, Addresses};
use crate::domain::change::{Speech, SpokenJob};
use crate::domain::properties::{XmlPart, is_of_xml, shape, texts, xml};

/// The most characters of a document.
const DOCUMENT_MAX: usize = 4_000;
/// The most characters of the text of a `Say`.
const SAY_MAX: usize = 4_096;
/// A longer address of ours leaves a document no room.
const PUBLIC_URL_MAX: usize = 200;

/// What a customer said changes no element of a document; it is read as text, on one line. The input: the business, the level, the
/// issue, the address, a holder's name, the public URL.
pub(crate) fn phone_words(raw: &[u8]) {
    let [business, level, issue, address, holder, public_url] = texts(raw);
    for has_texts in [true, false] {
        let job = |business: &str, level: &str, issue: &str, address: &str| SpokenJob {
            business: business.to_owned(),
            level: level.to_owned(),
            reference: "7K3Q".to_owned(),
            issue: issue.to_owned(),
            address: address.to_owned(),
            has_texts,
            test_mode: issue.len().is_multiple_of(2),
        };
        let given = job(&business, &level, &issue, &address);
        let usual = job("Acme Plumbing", "high", "No heat", "12 Oak Street");
        let base = public_url.parse::<url::Url>().ok().map(String::from).filter(|url| url.len() <= PUBLIC_URL_MAX);
        let base = base.unwrap_or_else(|| "https://a.example".to_owned());
        let addresses = Addresses { next: format!("{base}/voice/att_1/"), key: format!("{base}/voice-key/att_1/") };
        let speeches = |job: &SpokenJob, holder: &str| {
            [
                Speech::Job { turn: 1, job: job.clone() },
                Speech::MayNotWait { turn: u32::MAX, job: job.clone() },
                Speech::Yours(Some(job.clone())),
                Speech::Taken(Some(holder.to_owned())),
                Speech::Confirm { turn: 7 },
                Speech::NoKey { has_texts },
            ]
        };
        for (said, plain) in speeches(&given, &holder).iter().zip(&speeches(&usual, "Sam Ortiz")) {
            for to in [None, Some(&addresses)] {
                let document = script::say(said, to);
                let parts = is_document(document.as_str());
                let expected = xml(script::say(plain, to).as_str());
                assert_eq!(shape(&parts), shape(&expected), "another document: {}", document.as_str());
                is_addressed(&parts, to);
                let kept = script::TwimlSource::of(document.as_str());
                assert!(!kept.is_asked(), "kept with its attempt it is read as itself");
                if let Speech::Job { .. } | Speech::Yours(Some(_)) = said {
                    is_spoken(&parts, &business, 80, "the business");
                }
                if let Speech::Taken(_) = said {
                    is_spoken(&parts, &holder, 80, "the holder");
                }
            }
        }
    }
}

/// A document as the provider takes it.
fn is_document(document: &str) -> Vec<XmlPart> {
    assert!(document.chars().count() <= DOCUMENT_MAX, "{} characters", document.chars().count());
    let parts = xml(document);
    let mut inside = Vec::new();
    for (part, next) in parts.iter().zip(parts.iter().skip(1)) {
        match part {
            XmlPart::Open(name, _) => {
                if name == "Say" {
                    assert!(matches!(next, XmlPart::Text(_)), "an empty Say fails the document: {document}");
                }
                inside.push(name.as_str());
            }
            XmlPart::Close => drop(inside.pop()),
            XmlPart::Text(text) => {
                let at = inside.last().copied();
                assert!(matches!(at, Some("Say" | "Redirect")) || text.trim().is_empty(), "{text:?} in {document}");
                assert!(at != Some("Say") || !text.trim().is_empty(), "blank words: {document}");
                assert!(at != Some("Say") || !text.contains(['\n', '\r', '\t']), "one line: {document}");
                assert!(text.chars().count() <= SAY_MAX);
            }
        }
    }
    parts
}

/// The provider asks next at our addresses, and at no other.
fn is_addressed(parts: &[XmlPart], to: Option<&Addresses>) {
    for (part, next) in parts.iter().zip(parts.iter().skip(1)) {
        let XmlPart::Open(name, attributes) = part else { continue };
        let action = attributes.iter().find(|(name, _)| name == "action").map(|(_, value)| value);
        match (name.as_str(), to) {
            ("Gather", Some(to)) => assert!(action.is_some_and(|a| a.starts_with(to.key.as_str())), "{action:?}"),
            ("Redirect", Some(to)) => {
                let at = if let XmlPart::Text(text) = next { text.as_str() } else { "" };
                assert!(at.starts_with(to.next.as_str()), "{at:?}");
            }
            ("Gather" | "Redirect", None) => panic!("asks at an address that is not there"),
            _ => assert_eq!(action, None),
        }
    }
}

/// The text is read as it was given, but for what no voice and no XML has.
fn is_spoken(parts: &[XmlPart], given: &str, characters: usize, what: &str) {
    let spaced: String = given.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(characters).filter(|c| is_of_xml(*c)).collect();
    let said = |part: &XmlPart| matches!(part, XmlPart::Text(text) if text.contains(line.trim()));
    assert!(parts.iter().any(said), "{what} {given:?} is not read: {parts:?}");
}
