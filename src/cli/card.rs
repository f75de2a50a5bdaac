//! `contacts card`: the numbers that we text and call from, as a card for the phones of those who are told.
//!
//! A phone that does not know a number screens it, silences it at night, or hides it among unknown senders; one setting of a saved
//! contact lets it through. The card is a vCard 3.0, which every phone reads. Source: RFC 2426; `facts/twilio-voice.md` §5.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::domain::team::Directory;
use crate::domain::types::Sender;

use super::app::App;
use super::exit::ExitStatus;
use super::output::Output;
use super::report::CliError;

/// A line of a card is folded behind so many octets.
const LINE_MAX: usize = 75;
const ON_THE_PHONE: &str = "Save the card as a contact on each technician's phone. Then, so that it rings at night:
  iPhone: Contacts > the card > Edit > Ringtone > Emergency Bypass on; the same under Text Tone
  Android: star the contact; Settings > Do Not Disturb > allow calls and messages of starred contacts";

/// Where the card goes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write it into this file [default: print it]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let directory = &app.config.directory;
    let (numbers, others) = senders(directory);
    if numbers.is_empty() {
        return Err(CliError::new(ExitStatus::Usage, "there is no number that texts or phone calls come from")
            .hint("set twilio.from or voice.from; the numbers of a messaging service are not known here"));
    }
    let name = format!("{} dispatch", directory.default_line.name);
    let card = vcard(&name, &directory.default_line.name, &numbers);
    if let Some(path) = &args.out {
        create(path, &card)?;
    }
    if out.is_json() {
        let file = args.out.as_ref().map(|p| p.display().to_string());
        out.document(&json!({
            "name": name, "numbers": numbers, "notOnIt": others, "card": card, "file": file, "mode": out.mode(),
        }));
        return Ok(ExitStatus::Done);
    }
    match &args.out {
        Some(path) => out.line(&format!("{} has {}", path.display(), numbers.join(", "))),
        None => out.line(card.trim_end()),
    }
    for other in others {
        out.note(&format!("{other} is not on the card: it is no number that a phone can save"));
    }
    out.chat(ON_THE_PHONE);
    Ok(ExitStatus::Done)
}

/// Every number that we may text or call from, once, in the order in which they are used; and the senders that are none.
fn senders(directory: &Directory) -> (Vec<&str>, Vec<&str>) {
    let lines = directory.lines.iter().filter_map(|l| l.from.as_ref());
    let all = directory.from.iter().chain(&directory.voice_from).chain(lines).chain(&directory.fallback);
    let (mut numbers, mut others) = (Vec::new(), Vec::new());
    for sender in all.map(Sender::as_str) {
        let digits = sender.strip_prefix('+').unwrap_or(sender);
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let list = if is_number { &mut numbers } else { &mut others };
        if !list.contains(&sender) {
            list.push(sender);
        }
    }
    (numbers, others)
}

fn vcard(name: &str, organisation: &str, numbers: &[&str]) -> String {
    let (name, organisation) = (escaped(name), escaped(organisation));
    let mut lines = vec![
        "BEGIN:VCARD".to_owned(),
        "VERSION:3.0".to_owned(),
        format!("N:{name};;;;"),
        format!("FN:{name}"),
        format!("ORG:{organisation}"),
    ];
    lines.extend(numbers.iter().map(|number| format!("TEL;TYPE=WORK,VOICE,MSG:{number}")));
    lines.push("END:VCARD".to_owned());
    lines.iter().map(|line| folded(line)).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | ',' | ';' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A line with its end; a long one goes on behind a blank in the next.
fn folded(line: &str) -> String {
    let (mut out, mut octets) = (String::new(), 0);
    for c in line.chars() {
        if octets + c.len_utf8() > LINE_MAX {
            out.push_str("\r\n ");
            octets = 1;
        }
        out.push(c);
        octets += c.len_utf8();
    }
    out + "\r\n"
}

fn create(path: &Path, card: &str) -> Result<(), CliError> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    match made.and_then(|mut file| file.write_all(card.as_bytes())) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            let what = format!("{} is there already and was not touched", path.display());
            Err(CliError::new(ExitStatus::Usage, what).hint("name another place with --out, or move it away"))
        }
        Err(e) => Err(CliError::new(ExitStatus::Usage, format!("{} cannot be written", path.display())).cause(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures;

    #[test]
    fn the_card_has_every_number_that_we_text_or_call_from_once_and_no_pool() {
        let sender = |s: &str| s.parse::<Sender>().ok();
        let mut directory = fixtures::directory();
        directory.from = sender("MG00000000000000000000000000000001");
        directory.voice_from = sender("+15005550011");
        directory.fallback = ["+15005550006", "+15005550011", "Acme"].into_iter().filter_map(sender).collect();
        let (numbers, others) = senders(&directory);
        assert_eq!(numbers, ["+15005550011", "+15005550006"]);
        assert_eq!(others, ["MG00000000000000000000000000000001", "Acme"]);
        let card = vcard("Bo, Sons; \\ dispatch", "Bo", &numbers);
        assert!(card.starts_with("BEGIN:VCARD\r\nVERSION:3.0\r\nN:Bo\\, Sons\\; \\\\ dispatch;;;;\r\n"), "{card}");
        assert!(card.contains("TEL;TYPE=WORK,VOICE,MSG:+15005550011\r\n") && card.ends_with("END:VCARD\r\n"), "{card}");
    }

    #[test]
    fn a_long_line_is_folded_between_characters() {
        let card = vcard(&"é".repeat(100), "x", &["+15005550006"]);
        assert!(card.lines().all(|line| line.len() <= LINE_MAX), "{card}");
        assert!(card.replace("\r\n ", "").contains(&"é".repeat(100)));
    }
}
