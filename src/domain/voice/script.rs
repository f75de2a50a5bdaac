//! What is spoken in a phone call, as TwiML: pure. Source: `facts/twilio-voice.md` §4, §11.
//!
//! Company and purpose stand in the first sentence, for whoever screens the call; a code is spelt, so that any voice reads it; the keys
//! come last, inside the same `Gather`, which hears a key at any moment. What customers said is text: escaped, without control
//! characters, cut to what one document may hold.

use std::fmt::Write as _;

use crate::domain::change::{Speech, SpokenJob};

/// The most characters of a document that is sent with the request (code 32018); those that are fetched keep to it too.
const DOCUMENT_MAX: usize = 4_000;
/// What a customer said is cut to so many characters, and to less where a document would be too long.
const CUTS: [usize; 5] = [600, 300, 150, 60, 0];
/// So long a key is waited for after the words, in seconds.
const KEY_TIMEOUT_S: u32 = 6;
/// Asks the provider to repeat a request that failed: three times, on any failure (`facts/twilio-voice.md` §3).
const OVERRIDES: &str = "#rc=3&rp=all";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const KEYS: &str = "Press 1 to take it. 2 to pass. 3 if it can wait. 9 to repeat.";

/// A document that the provider reads aloud. Only this file makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twiml(String);

impl Twiml {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where the words of a phone call come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TwimlSource {
    /// The provider asks us when it is picked up.
    Asked,
    /// They go along with the request: the provider cannot ask us, and no key can answer them.
    Spoken(Twiml),
}

impl TwimlSource {
    /// That of an attempt, by the text that it keeps: a document of ours, or the words for people.
    pub fn of(kept: &str) -> Self {
        if kept.starts_with(HEAD) { Self::Spoken(Twiml(kept.to_owned())) } else { Self::Asked }
    }

    pub const fn is_asked(&self) -> bool {
        matches!(self, Self::Asked)
    }
}

/// Where the provider asks next, but for the turn: `https://…/voice/att_1/`, `https://…/voice-key/att_1/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// What is to be said in this turn.
    pub next: String,
    /// A key was pressed in this turn.
    pub key: String,
}

/// What is said now. Without addresses no key can reach us: the job is read, and how it is answered otherwise.
pub fn say(speech: &Speech, addresses: Option<&Addresses>) -> Twiml {
    let said = |words: &str| document(&format!("{}<Hangup/>", spoken(words)));
    match (speech, addresses) {
        (Speech::Job { turn, job }, Some(to)) => read("", *turn, job, to),
        (Speech::MayNotWait { turn, job }, Some(to)) => read("This one cannot wait.", *turn, job, to),
        (Speech::Job { job, .. } | Speech::MayNotWait { job, .. }, None) => without_keys(job),
        (Speech::Confirm { turn }, Some(to)) => document(&format!(
            "{}{}<Hangup/>",
            gather(*turn, to, &spoken("Press 1 once more to take the job.")),
            spoken(NO_KEY)
        )),
        (Speech::Confirm { .. } | Speech::NoKey { has_texts: true }, _) => said(NO_KEY),
        (Speech::NoKey { has_texts: false }, _) => said("No key was pressed. Ring the office."),
        (Speech::NotKnown, _) => said("This phone call cannot be answered. Answer the text, or ring the office."),
        (Speech::Yours(None), _) => said("You have the job. Details are in your texts."),
        (Speech::Yours(Some(job)), _) => fitted(|cut| {
            let words = whole(job, cut);
            let once = format!("{}{}", spoken(&words), "<Pause length=\"1\"/>");
            format!("{}{once}{}<Hangup/>", spoken("You have the job."), spoken(&format!("Again. {words}")))
        }),
        (Speech::Taken(name), _) => {
            let who = name.as_deref().map_or_else(|| "Somebody".to_owned(), |n| plain(n, 80));
            said(&format!("{who} has it already. Thank you."))
        }
        (Speech::Passed, _) => said("Passed on. Thank you."),
        (Speech::CanWait, _) => said("It waits until morning. Thank you."),
        (Speech::Over, _) => said("This job needs nobody any more. Thank you."),
    }
}

const NO_KEY: &str = "No key was pressed. Answer the text instead.";

/// What is read where no key can reach us.
pub fn without_keys(job: &SpokenJob) -> Twiml {
    let how = if job.has_texts {
        "This phone call cannot be answered: answer the text."
    } else {
        "This phone call cannot be answered: ring the office."
    };
    fitted(|cut| {
        let (opening, words) = (opening(job), words(job, cut));
        let again = spoken(&format!("Again. {words} {how}"));
        format!("{}{}<Pause length=\"1\"/>{again}<Hangup/>", spoken(&opening), spoken(&format!("{words} {how}")))
    })
}

/// What whoever rings one of our numbers hears.
pub fn rung_back() -> Twiml {
    let words = "You missed a call of the dispatch. This number cannot be answered by phone: answer the text, or ring the office.";
    document(&format!("{}<Hangup/>", spoken(words)))
}

fn read(before: &str, turn: u32, job: &SpokenJob, to: &Addresses) -> Twiml {
    fitted(|cut| {
        let words = words(job, cut);
        let inside = format!(
            "{}{}{}<Pause length=\"1\"/>{}{}",
            spoken(before),
            spoken(&opening(job)),
            spoken(&words),
            spoken(&format!("Again. {words}")),
            spoken(KEYS)
        );
        let next = turn.saturating_add(1);
        format!(
            "{}<Redirect method=\"POST\">{}{next}{}</Redirect>",
            gather(turn, to, &inside),
            escaped(&to.next),
            escaped(OVERRIDES)
        )
    })
}

fn gather(turn: u32, to: &Addresses, inside: &str) -> String {
    format!(
        "<Gather input=\"dtmf\" numDigits=\"1\" finishOnKey=\"\" timeout=\"{KEY_TIMEOUT_S}\" method=\"POST\" \
         action=\"{}{turn}{}\">{inside}</Gather>",
        escaped(&to.key),
        escaped(OVERRIDES)
    )
}

fn opening(job: &SpokenJob) -> String {
    let test = if job.test_mode { "Test mode. " } else { "" };
    let who = plain(&job.business, 80);
    let who = if who.is_empty() { "This is the dispatch".to_owned() } else { format!("{who} dispatch") };
    let level = plain(&job.level, 30);
    let level =
        if level.is_empty() || level.eq_ignore_ascii_case("normal") { String::new() } else { format!(", {level}") };
    format!("{test}{who}, emergency job{level}.")
}

/// The job: its code, what it is, where.
fn words(job: &SpokenJob, cut: usize) -> String {
    let parts = [plain(&job.issue, cut), plain(&job.address, cut.min(200))];
    let said: Vec<String> =
        parts.into_iter().filter(|p| !p.is_empty()).map(|p| format!("{}.", p.trim_end_matches('.'))).collect();
    format!("Job {} {}", spelt(&job.reference), said.join(" ")).trim().to_owned()
}

fn whole(job: &SpokenJob, cut: usize) -> String {
    format!("{} {}", opening(job), words(job, cut))
}

/// Each letter by itself: `7. K. 3. Q.`
fn spelt(code: &str) -> String {
    code.chars().filter(|c| c.is_alphanumeric()).map(|c| format!("{c}.")).collect::<Vec<_>>().join(" ")
}

/// The document with as much of what a customer said as it may hold.
fn fitted(make: impl Fn(usize) -> String) -> Twiml {
    let made = |cut: &usize| document(&make(*cut));
    let fits = |d: &Twiml| d.as_str().chars().count() <= DOCUMENT_MAX;
    CUTS.iter().map(made).find(fits).unwrap_or_else(|| document("<Hangup/>"))
}

fn document(inside: &str) -> Twiml {
    Twiml(format!("{HEAD}<Response>{inside}</Response>"))
}

/// An empty `Say` fails the document (13520): nothing is said where there is nothing to say.
fn spoken(words: &str) -> String {
    if words.trim().is_empty() { String::new() } else { format!("<Say>{}</Say>", escaped(words)) }
}

/// On one line, without control characters, at most so long.
fn plain(text: &str, max: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    clean.chars().take(max).collect::<String>().trim().to_owned()
}

/// As XML holds it; what it cannot hold in any form is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {
                let _ = out.write_char(' ');
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> SpokenJob {
        SpokenJob {
            business: "Acme Plumbing".into(),
            level: "normal".into(),
            reference: "7K3Q".into(),
            issue: "Burst pipe & <flood>\u{7}.".into(),
            address: "12 Oak Street".into(),
            has_texts: true,
            test_mode: false,
        }
    }

    fn addresses() -> Addresses {
        let base = "https://dispatch.example.com/webhooks/twilio";
        Addresses { next: format!("{base}/voice/att_1/"), key: format!("{base}/voice-key/att_1/") }
    }

    #[test]
    fn the_first_turn_reads_the_job_twice_and_asks_for_a_key_at_any_moment() {
        let Twiml(said) = say(&Speech::Job { turn: 1, job: job() }, Some(&addresses()));
        let words = "Job 7. K. 3. Q. Burst pipe &amp; &lt;flood&gt; . 12 Oak Street.";
        assert_eq!(
            said,
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Gather input=\"dtmf\" numDigits=\"1\" finishOnKey=\"\" \
                 timeout=\"6\" method=\"POST\" \
                 action=\"https://dispatch.example.com/webhooks/twilio/voice-key/att_1/1#rc=3&amp;rp=all\">\
                 <Say>Acme Plumbing dispatch, emergency job.</Say><Say>{words}</Say><Pause length=\"1\"/>\
                 <Say>Again. {words}</Say><Say>Press 1 to take it. 2 to pass. 3 if it can wait. 9 to repeat.</Say></Gather>\
                 <Redirect method=\"POST\">https://dispatch.example.com/webhooks/twilio/voice/att_1/2#rc=3&amp;rp=all</Redirect>\
                 </Response>"
            )
        );
    }

    #[test]
    fn every_answer_says_what_it_means_and_ends_the_phone_call() {
        for (speech, says) in [
            (Speech::Yours(None), "You have the job. Details are in your texts."),
            (Speech::Taken(Some("Sam <Ortiz>".into())), "Sam &lt;Ortiz&gt; has it already. Thank you."),
            (Speech::Taken(None), "Somebody has it already. Thank you."),
            (Speech::Passed, "Passed on."),
            (Speech::CanWait, "It waits until morning."),
            (Speech::NoKey { has_texts: true }, "No key was pressed. Answer the text"),
            (Speech::NoKey { has_texts: false }, "No key was pressed. Ring the office."),
            (Speech::NotKnown, "cannot be answered. Answer the text, or ring the office."),
            (Speech::Over, "needs nobody any more"),
            (Speech::Yours(Some(job())), "Again. Acme Plumbing dispatch, emergency job. Job 7. K. 3. Q."),
        ] {
            let Twiml(said) = say(&speech, Some(&addresses()));
            assert!(said.contains(says) && said.ends_with("<Hangup/></Response>"), "{said}");
            assert!(!said.contains("<Gather"), "{said}");
        }
        let Twiml(confirm) = say(&Speech::Confirm { turn: 101 }, Some(&addresses()));
        assert!(confirm.contains("voice-key/att_1/101#") && confirm.contains("once more"), "{confirm}");
        let high = SpokenJob { level: "high".into(), test_mode: true, ..job() };
        let Twiml(said) = say(&Speech::MayNotWait { turn: 2, job: high }, Some(&addresses()));
        assert!(
            said.contains("This one cannot wait.")
                && said.contains("Test mode. Acme Plumbing dispatch, emergency job, high."),
            "{said}"
        );
        assert!(rung_back().as_str().contains("answer the text"));
    }

    #[test]
    fn a_document_is_never_too_long_nor_empty_whatever_a_customer_said() {
        for issue in [
            "\"&<>".repeat(3_000),
            "x".repeat(20_000),
            "\u{0}\u{fffe}\r\n\t".into(),
            String::new(),
            "é🚰".repeat(2_000),
        ] {
            let odd = SpokenJob { issue: issue.clone(), address: issue.clone(), business: issue, ..job() };
            for speech in [Speech::Job { turn: 3, job: odd.clone() }, Speech::Yours(Some(odd.clone()))] {
                for to in [None, Some(&addresses())] {
                    let Twiml(said) = say(&speech, to);
                    assert!(said.chars().count() <= DOCUMENT_MAX && said.contains("7. K. 3. Q."), "{said}");
                    assert!(
                        !said.contains("<Say></Say>") && !said.chars().any(|c| c.is_control() && c != '\n'),
                        "{said}"
                    );
                }
            }
        }
    }

    #[test]
    fn where_no_key_can_reach_us_it_is_said() {
        let Twiml(said) = say(&Speech::Job { turn: 1, job: job() }, None);
        assert!(said.contains("answer the text") && !said.contains("Press 1") && !said.contains("<Gather"), "{said}");
        let twiml = without_keys(&SpokenJob { has_texts: false, ..job() });
        assert!(twiml.as_str().contains("ring the office"), "{twiml:?}");
        assert_eq!(
            TwimlSource::of(twiml.as_str()),
            TwimlSource::Spoken(twiml),
            "kept with its attempt, it is read as itself"
        );
        let kept = crate::domain::dial::job::kept(&job());
        assert_eq!(TwimlSource::of(&kept), TwimlSource::Asked, "the words for people are none");
    }

    /// What is wrong with a document, as a reader of XML sees it: tags that are ours alone and close each other, no stray sign.
    fn ill_formed(document: &str) -> Option<String> {
        const TAGS: [&str; 6] = ["Response", "Say", "Gather", "Pause", "Redirect", "Hangup"];
        let mut rest = document.strip_prefix(HEAD)?;
        let mut open: Vec<&str> = Vec::new();
        while let Some(at) = rest.find(['<', '&']) {
            if rest[at..].starts_with('&') {
                let known = ["&amp;", "&lt;", "&gt;", "&quot;"].iter().any(|e| rest[at..].starts_with(e));
                if !known {
                    return Some(format!("a stray & before {:?}", &rest[at..]));
                }
                rest = &rest[at + 1..];
                continue;
            }
            let Some(end) = rest[at..].find('>') else { return Some("a tag without an end".into()) };
            let tag = &rest[at + 1..at + end];
            let name = tag.trim_matches('/').split(' ').next().unwrap_or_default();
            if !TAGS.contains(&name) {
                return Some(format!("a tag <{tag}>"));
            }
            match (tag.starts_with('/'), tag.ends_with('/')) {
                (true, _) if open.pop() != Some(name) => return Some(format!("</{name}> closes nothing")),
                (false, false) => open.push(name),
                _ => {}
            }
            rest = &rest[at + end + 1..];
        }
        (!open.is_empty()).then(|| format!("{open:?} are left open"))
    }

    proptest::proptest! {
        /// Whatever a customer said is read aloud, and is no tag, no address and no second document.
        #[test]
        fn whatever_is_said_the_document_is_well_formed(issue in "\\PC{0,900}", address in "[<>&\"'/a-z \u{0}-\u{1f}]{0,300}", business in "\\PC{0,120}", turn in 0..9_u32, has_texts: bool) {
            let odd = SpokenJob { issue, address, business, has_texts, ..job() };
            for speech in [Speech::Job { turn, job: odd.clone() }, Speech::MayNotWait { turn, job: odd.clone() }, Speech::Yours(Some(odd.clone())), Speech::Taken(Some(odd.business.clone()))] {
                for to in [None, Some(&addresses())] {
                    let Twiml(said) = say(&speech, to);
                    proptest::prop_assert_eq!(ill_formed(&said), None, "{}", said);
                    proptest::prop_assert!(said.chars().count() <= DOCUMENT_MAX && !said.chars().any(|c| c.is_control() && c != '\n'), "{}", said);
                }
            }
        }
    }
}
