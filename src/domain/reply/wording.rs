//! What is answered, in plain ASCII and within one segment where that can be.
//!
//! Nothing that we write offers one of the provider's own opt-out words (`facts/twilio.md` §8). Whoever rebuilds a lost store knows
//! our own texts by how they begin: see [`asks`].

use super::Word;
use crate::domain::answers::Prompt;
use crate::domain::body;
use crate::domain::call::{CallState, CallStatus};
use crate::domain::types::CallRef;
use crate::domain::work::Work;

pub(super) const HELP: &str =
    "Reply 1 to take the call, 2 to pass, DONE when finished. With several calls add the code, like 1 7K3Q.";
pub(super) const NO_PHONE_CALLS: &str =
    "We do not ring this phone any more. Texts still come: reply 2 to pass a call, START CALLS to be rung again.";
pub(super) const PHONE_CALLS_AGAIN: &str = "We ring this phone again. NO CALLS turns it off.";
pub(super) const NO_OPEN_CALL: &str = "There is no open call for you.";
/// So many calls are named in one text.
const NAMED_MAX: usize = 6;
/// How texts of ours begin that ask, or answer about no call.
const PROMPTS: &[&str] = &[
    "Which call? ",
    "Reply 1 to take ",
    "Reply 1 and ",
    "Reply 1 if ",
    "Reply 2 ",
    "Reply DONE ",
    "The office sees what you wrote. ",
    "There is no open call for you",
    "There is no call ",
    "Noted. Nobody has ",
    "We do not ring this phone ",
    "We ring this phone again",
];

/// Whether a text of ours asks, or is about no call.
pub fn asks(text: &str) -> bool {
    PROMPTS.iter().any(|start| text.starts_with(start))
}

pub(super) fn yours(w: &Work<'_>, opening: &str) -> String {
    let d = &w.state.call.data;
    let mut parts = vec![format!("{} {opening}", w.state.call.reference)];
    parts.extend(d.address.as_deref().map(|a| format!("{}.", a.trim())));
    parts.extend(d.caller_phone.as_deref().map(|p| format!("Call {}.", p.trim())));
    parts.push("Reply DONE when finished, 2 to hand it back.".into());
    body::fold(&parts.join(" "))
}

/// Several calls are theirs at once.
pub(super) fn all_yours(taken: &[&CallState]) -> String {
    format!("Yours now: {}. Reply DONE and the code when finished.", list(taken))
}

pub(super) fn which_call(word: Word, calls: &[&CallState]) -> (Prompt, String) {
    let code = calls.first().map(|c| c.call.reference.to_string()).unwrap_or_default();
    let (prompt, how) = match word {
        Word::Take => (Prompt::WhichToTake, format!("Reply 1 and its code, like 1 {code}, or 1 ALL.")),
        Word::Pass => (Prompt::WhichToPass, format!("Reply 2 and its code, like 2 {code}.")),
        Word::Done => (Prompt::WhichIsDone, format!("Reply DONE and its code, like DONE {code}.")),
        Word::Later => (Prompt::WhichCanWait, format!("Reply 3 and its code, like 3 {code}.")),
    };
    (prompt, format!("Which call? {how} Open: {}", list(calls)))
}

pub(super) fn hand_back_which(held: &[&CallState]) -> String {
    match held {
        [one] => {
            let r = &one.call.reference;
            format!("Reply 2 {r} to hand {r} back.")
        }
        several => {
            let code = several.first().map(|c| c.call.reference.to_string()).unwrap_or_default();
            format!("Reply 2 and the code to hand a call back, like 2 {code}. Yours: {}", list(several))
        }
    }
}

/// How to answer, by what its writer was told of and what he holds.
pub(super) fn one_or_two(free: &[&CallState], held: &[&CallState]) -> String {
    match (free, held) {
        ([one], _) if one.call.status == CallStatus::Dispatching && one.call.policy.may_be_deferred() => {
            format!("Reply 1 to take {}, 2 to pass, 3 if it can wait.", one.call.reference)
        }
        ([one], _) => format!("Reply 1 to take {}, 2 to pass.", one.call.reference),
        ([first, ..], _) => {
            format!("Reply 1 and the code to take a call, like 1 {}, or 2 and the code to pass.", first.call.reference)
        }
        ([], [one, ..]) if one.call.asked_at.is_some() => {
            let r = &one.call.reference;
            format!("Reply 1 if {r} goes on, DONE {r} when finished, 2 {r} to hand it back.")
        }
        ([], [one, ..]) => {
            let r = &one.call.reference;
            format!("Reply DONE {r} when finished, 2 {r} to hand it back.")
        }
        ([], []) => HELP.to_owned(),
    }
}

/// He wrote before he was told of this one.
pub(super) fn came_after(reference: &CallRef) -> String {
    format!("Reply 1 to take {reference}: it came after your text.")
}

/// Whose level may not be left for the morning by a reply.
pub(super) fn others_decide(reference: &CallRef) -> String {
    format!("You passed on {reference}: others are asked. 1 {reference} takes it all the same.")
}

pub(super) fn may_not_wait(reference: &CallRef) -> String {
    format!("Reply 1 to take {reference}, 2 to pass: a call of this level cannot wait.")
}

pub(super) fn seen_by_the_office(then: &str) -> String {
    format!("The office sees what you wrote. {then}")
}

pub(super) fn no_such_call(reference: &CallRef) -> String {
    format!("There is no call {reference} for you.")
}

pub(super) fn not_theirs(reference: &CallRef) -> String {
    format!("There is no call {reference} for you: the office sees what you wrote.")
}

fn list(calls: &[&CallState]) -> String {
    let named: Vec<String> = calls.iter().take(NAMED_MAX).map(|c| short(c)).collect();
    match calls.len().saturating_sub(NAMED_MAX) {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}

fn short(c: &CallState) -> String {
    let what = c.call.data.address.as_deref().or(c.call.data.issue_summary.as_deref()).unwrap_or("no details");
    let cut: String = what.chars().take(30).collect();
    body::fold(&format!("{} {cut}", c.call.reference))
}

#[cfg(test)]
mod tests {
    use super::super::lexicon::is_the_providers;
    use super::*;
    use crate::testing::fixtures;

    fn calls(n: usize) -> Vec<CallState> {
        (0..n).map(|n| fixtures::call_state(&format!("c{n}"))).collect()
    }

    #[test]
    fn no_prompt_offers_a_word_that_opts_out_and_each_is_known_as_one() {
        let all = calls(8);
        let some: Vec<&CallState> = all.iter().collect();
        let mut texts = vec![HELP.to_owned(), NO_OPEN_CALL.to_owned()];
        texts.push(may_not_wait(&all[0].call.reference));
        for word in [Word::Take, Word::Pass, Word::Done, Word::Later] {
            texts.push(which_call(word, &some).1);
        }
        for n in 0..3 {
            texts.extend([one_or_two(&some[..n], &[]), one_or_two(&[], &some[..n]), seen_by_the_office(HELP)]);
            texts.push(hand_back_which(&some[..=n]));
        }
        texts.extend([no_such_call(&all[0].call.reference), not_theirs(&all[0].call.reference)]);
        for text in texts {
            assert!(asks(&text), "{text}");
            for word in text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_lowercase) {
                assert!(!is_the_providers(&word), "{text}: {word}");
            }
        }
    }

    #[test]
    fn a_list_of_more_than_six_says_how_many_more() {
        for (n, says) in [(6, "7K3Q no details"), (7, "; and 1 more"), (30, "; and 24 more")] {
            let all = calls(n);
            let text = which_call(Word::Take, &all.iter().collect::<Vec<_>>()).1;
            assert!(text.ends_with(says), "{n}: {text}");
            assert_eq!(text.contains("more"), n > 6);
        }
    }
}
