//! What a history says of the promises: what was accepted is told, once, in time, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::history::{Attempt, Call, History, Millis, Text};

/// What is wrong with a history, in words: `lost`, `doubled`, `late`, `out of order`, `unexpected`.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) wrongs: Vec<(&'static str, String)>,
    calls: usize,
    texts: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, what) in &self.wrongs {
            writeln!(f, "{kind}: {what}")?;
        }
        write!(f, "{} calls, {} texts: {} wrong", self.calls, self.texts, self.wrongs.len())
    }
}

pub(crate) fn check(history: &History) -> Found {
    let mut found = Found { wrongs: Vec::new(), calls: history.calls.len(), texts: history.texts.len() };
    let calls: BTreeMap<&str, &Call> = history.calls.iter().map(|c| (c.id.as_str(), c)).collect();
    let mut first_asked: BTreeMap<&str, Millis> = BTreeMap::new();
    for asked in &history.asked {
        let first = first_asked.entry(&asked.call).or_insert(asked.at);
        *first = asked.at.min(*first);
        let accepted = asked.answer.is_some_and(|status| (200..300).contains(&status));
        if accepted && !calls.contains_key(asked.call.as_str()) {
            found.wrongs.push(("lost", format!("{} was accepted, and nobody knows it", asked.call)));
        }
    }
    let mut texts: BTreeMap<&str, Vec<&Text>> = BTreeMap::new();
    let mut sids = BTreeSet::new();
    for text in &history.texts {
        texts.entry(&text.reference).or_default().push(text);
        if !sids.insert(&text.sid) {
            found.wrongs.push(("unexpected", format!("message {} is accepted twice", text.sid)));
        }
    }
    for call in &history.calls {
        of_call(history, call, &mut texts, first_asked.get(call.id.as_str()).copied(), &mut found.wrongs);
    }
    for (reference, _) in texts {
        found.wrongs.push(("unexpected", format!("a text says {reference:?}, which is no attempt's")));
    }
    found
}

fn of_call(
    history: &History,
    call: &Call,
    texts: &mut BTreeMap<&str, Vec<&Text>>,
    asked: Option<Millis>,
    wrongs: &mut Vec<(&'static str, String)>,
) {
    let mut sent: Vec<(&Attempt, &Text)> = Vec::new();
    for attempt in &call.attempts {
        let its = texts.remove(attempt.reference.as_str()).unwrap_or_default();
        match (its.len(), attempt.state.as_str()) {
            (0, "submitted" | "delivered") => {
                wrongs.push((
                    "lost",
                    format!("{}: {} is {}, and there is no text", call.id, attempt.reference, attempt.state),
                ));
            }
            (1.., "scheduled" | "retrying" | "skipped" | "cancelled") => {
                wrongs.push((
                    "unexpected",
                    format!("{}: {} is {}, and there is a text", call.id, attempt.reference, attempt.state),
                ));
            }
            (2.., _) => wrongs.push(("doubled", format!("{}: {} has {} texts", call.id, attempt.reference, its.len()))),
            _ => {}
        }
        if let Some(text) = its.iter().find(|t| t.to != attempt.to) {
            wrongs.push((
                "unexpected",
                format!("{}: {} went to another phone: {}", call.id, attempt.reference, text.sid),
            ));
        }
        sent.extend(its.into_iter().map(|text| (attempt, text)));
    }
    let is_shown = |a: &Attempt| matches!(a.state.as_str(), "unknown" | "failed" | "skipped");
    if sent.is_empty() && call.status == "DISPATCHING" && !call.attempts.iter().any(is_shown) {
        wrongs.push(("lost", format!("{}: nobody was told, and nothing says so", call.id)));
    }
    let say = |kind, what: String| (kind, format!("{}: {what}", call.id));
    wrongs.extend(repeated(call, &sent).into_iter().map(|what| say("doubled", what)));
    wrongs.extend(late(history, call, &sent).into_iter().map(|what| say("late", what)));
    wrongs.extend(disordered(&sent, asked).into_iter().map(|what| say("out of order", what)));
}

/// One notice is one text; a further one names the attempt that it repeats, which failed or was not known.
fn repeated(call: &Call, sent: &[(&Attempt, &Text)]) -> Vec<String> {
    let mut notices: BTreeMap<&(i64, i64, String), &str> = BTreeMap::new();
    let mut wrongs = Vec::new();
    for (attempt, _) in sent.iter().filter(|(a, _)| a.kind == "notice") {
        match &attempt.repeats {
            Some(of) if !call.doubted.contains(of) => {
                wrongs.push(format!("{} repeats {of}, which neither failed nor was unknown", attempt.reference));
            }
            Some(_) => {}
            None => match notices.insert(&attempt.notice, &attempt.reference) {
                Some(first) if first != attempt.reference => {
                    wrongs.push(format!("{} tells {} again what {first} told", attempt.reference, attempt.notice.2));
                }
                _ => {}
            },
        }
    }
    wrongs
}

/// A text of a step leaves when the step is due; what the service was down does not count.
fn late(history: &History, call: &Call, sent: &[(&Attempt, &Text)]) -> Vec<String> {
    let mut wrongs = Vec::new();
    for (attempt, text) in sent.iter().filter(|(a, _)| a.kind == "notice" && a.repeats.is_none()) {
        let (round, step, _) = &attempt.notice;
        let Some(due) = call.steps.iter().find(|s| (s.round, s.step) == (*round, *step)).map(|s| s.due) else {
            continue;
        };
        let down: Millis = history.down.iter().map(|(from, to)| (text.at.min(*to) - due.max(*from)).max(0)).sum();
        let by = text.at - due - down;
        if by > history.late_after {
            wrongs.push(format!("{} left {by} ms after its time", attempt.reference));
        }
    }
    wrongs
}

/// No text comes before its call was handed over; notices to one phone leave in the order of their numbers, and what takes them back
/// after them.
fn disordered(sent: &[(&Attempt, &Text)], asked: Option<Millis>) -> Vec<String> {
    let mut wrongs = Vec::new();
    let number = |a: &Attempt| a.reference.rsplit('-').next().and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
    for (attempt, text) in sent {
        if asked.is_some_and(|asked| text.at < asked) {
            wrongs.push(format!("{} left before the call was handed over", attempt.reference));
        }
        let ordered = |kind: &str| kind == "notice" || kind == "stand-down";
        let earlier = |(a, t): &&(&Attempt, &Text)| {
            a.kind == "notice" && a.to == attempt.to && number(a) < number(attempt) && t.at > text.at
        };
        if let Some((before, _)) = sent.iter().filter(|_| ordered(&attempt.kind)).find(earlier) {
            wrongs.push(format!("{} left before {}", attempt.reference, before.reference));
        }
    }
    wrongs
}
