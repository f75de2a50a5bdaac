//! The judge: what the provider truly accepted (the sandbox's ledger) against what the store says of every call.
//!
//! *Lost*: an accepted call that the store does not have or that tells of nobody, or a text that the store believes accepted
//! and the ledger does not have. *Doubled*: two messages for one attempt, or a second attempt at a notice that repeats
//! nothing which failed or stayed unknown, or that repeats one which the provider's list had in time ([`super::spared`]). *Unexpected*: a message without an attempt, or of one that never left.
//! Phone calls are judged by the same rules against the attempts that ring: a text never stands for a phone call, nor the reverse.
//! *Recovered*: outcomes that were unknown and were found out, and steps that fired after a time without an engine.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::documents::{list, mails, phone_calls, phone_calls_of, text, texts};
use super::mirror::compare::Rows;
use super::spared;
use crate::domain::phone::PRUNED;

/// What came of one call; of several, the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// As promised, and every outcome was known.
    Ok,
    /// An outcome was unknown and was found out.
    Recovered,
    /// An outcome stays unknown, and is shown as such.
    Unknown,
    /// See [`Judgement::unexpected`].
    Unexpected,
    /// See [`Judgement::doubled`].
    Doubled,
    /// See [`Judgement::lost`].
    Lost,
}

/// Calls by what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// See [`Came`]; in its order.
    pub ok: usize,
    /// Found out after a fault.
    pub recovered: usize,
    /// Visibly unknown.
    pub unknown: usize,
    /// Messages without an attempt among them.
    pub unexpected: usize,
    /// Told twice.
    pub doubled: usize,
    /// Not told, and nobody knows.
    pub lost: usize,
}

impl Tally {
    /// Counts one call.
    pub fn count(&mut self, came: Came) {
        *match came {
            Came::Ok => &mut self.ok,
            Came::Recovered => &mut self.recovered,
            Came::Unknown => &mut self.unknown,
            Came::Unexpected => &mut self.unexpected,
            Came::Doubled => &mut self.doubled,
            Came::Lost => &mut self.lost,
        } += 1;
    }

    /// Adds another's calls.
    pub fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.recovered += other.recovered;
        self.unknown += other.unknown;
        self.unexpected += other.unexpected;
        self.doubled += other.doubled;
        self.lost += other.lost;
    }

    /// The heads of a table and what stands under them.
    pub fn columns(&self) -> [(&'static str, usize); 6] {
        [
            ("ok", self.ok),
            ("recovered", self.recovered),
            ("unknown", self.unknown),
            ("lost", self.lost),
            ("doubled", self.doubled),
            ("unexpected", self.unexpected),
        ]
    }

    /// Whether a promise broke.
    pub fn is_broken(&self) -> bool {
        self.lost + self.doubled + self.unexpected > 0
    }
}

/// What the judge found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// One sentence each.
    pub lost: Vec<String>,
    /// One sentence each.
    pub doubled: Vec<String>,
    /// One sentence each.
    pub unexpected: Vec<String>,
    /// Requests that the real provider would have misunderstood in silence.
    pub violations: Vec<String>,
    /// Calls that were accepted.
    pub calls: usize,
    /// Attempts of all calls.
    pub attempts: usize,
    /// Texts that the provider accepted through its API.
    pub texts: usize,
    /// Phone calls that it accepted.
    pub phone_calls: usize,
    /// Attempts whose outcome is visibly unknown.
    pub unknown: usize,
    /// Outcomes that were unknown and were found out.
    pub found_out: usize,
    /// The shop's rows against the store, where a scenario has them compared.
    pub rows: Rows,
    /// What came of each call, by its id; a message that belongs to no call stands for one without an id.
    pub came: Vec<(String, Came)>,
}

impl Judgement {
    /// Everything that is wrong; empty where all promises hold.
    pub fn wrongs(&self) -> Vec<String> {
        let named = [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("unexpected", &self.unexpected),
            ("not a request that is known", &self.violations),
        ];
        named.iter().flat_map(|(word, list)| list.iter().map(move |w| format!("{word}: {w}"))).collect()
    }

    /// Adds what another judgement found.
    pub fn add(&mut self, other: &Self) {
        self.lost.extend(other.lost.iter().cloned());
        self.doubled.extend(other.doubled.iter().cloned());
        self.unexpected.extend(other.unexpected.iter().cloned());
        self.violations.extend(other.violations.iter().cloned());
        self.calls += other.calls;
        self.attempts += other.attempts;
        self.texts += other.texts;
        self.phone_calls += other.phone_calls;
        self.unknown += other.unknown;
        self.found_out += other.found_out;
        self.rows.add(&other.rows);
        self.came.extend(other.came.iter().cloned());
    }

    fn counts(&self) -> [usize; 5] {
        [self.lost.len(), self.doubled.len(), self.unexpected.len(), self.unknown, self.found_out]
    }

    /// The worst of what was found since.
    fn since(&self, before: [usize; 5]) -> Came {
        let worst_first = [Came::Lost, Came::Doubled, Came::Unexpected, Came::Unknown, Came::Recovered];
        let now = self.counts().into_iter().zip(before);
        now.zip(worst_first).find(|((now, before), _)| now > before).map_or(Came::Ok, |(_, came)| came)
    }

    /// As in the report.
    pub fn json(&self) -> Value {
        json!({
            "calls": self.calls, "attempts": self.attempts, "texts": self.texts, "phoneCalls": self.phone_calls, "lost": self.lost.len(),
            "doubled": self.doubled.len(), "unexpected": self.unexpected.len(), "unknown": self.unknown,
            "foundOut": self.found_out, "wrong": self.wrongs(), "airtable": self.rows.json(),
        })
    }
}

/// Holds the ledger (as `GET /_sandbox/ledger` gives it) against the stories of all calls (as `GET /api/calls/{id}` gives
/// them). `accepted`: the calls whose acceptance was answered with success.
pub fn judge<'a>(ledger: &Value, stories: &[Value], accepted: impl IntoIterator<Item = &'a str>) -> Judgement {
    let mut found = Judgement { texts: texts(ledger).count(), calls: stories.len(), ..Judgement::default() };
    found.phone_calls = phone_calls(ledger).len();
    found.violations = list(ledger, "violations").iter().map(Value::to_string).collect();
    let mut by_reference: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for m in texts(ledger) {
        by_reference.entry(text(m, "body").split(' ').next().unwrap_or_default()).or_default().push(m);
    }
    for m in mails(ledger) {
        by_reference.entry(text(m, "subject").split(' ').next().unwrap_or_default()).or_default().push(m);
    }
    let known: BTreeSet<&str> = stories.iter().map(|s| text(s, "callId")).collect();
    for id in accepted.into_iter().filter(|id| !known.contains(id)) {
        found.lost.push(format!("{id} was accepted and is not in the store"));
        found.came.push((id.to_owned(), Came::Lost));
    }
    for story in stories {
        let before = found.counts();
        call(ledger, story, &mut by_reference, &mut found);
        let came = found.since(before);
        found.came.push((text(story, "callId").to_owned(), came));
    }
    for (reference, messages) in by_reference {
        found.unexpected.push(format!("{reference}: {} without an attempt", several(messages.len())));
        found.came.push((String::new(), Came::Unexpected));
    }
    strangers(ledger, stories, &mut found);
    found
}

/// Phone calls that no attempt made.
fn strangers(ledger: &Value, stories: &[Value], found: &mut Judgement) {
    let attempts = || stories.iter().flat_map(|s| list(s, "attempts")).filter(|a| is_voice(a));
    let known: BTreeSet<&str> = attempts().flat_map(|a| phone_calls_of(ledger, a)).map(|c| text(c, "sid")).collect();
    for call in phone_calls(ledger).iter().filter(|c| !known.contains(text(c, "sid"))) {
        found.unexpected.push(format!("a phone call without an attempt, {}", text(call, "status")));
        found.came.push((String::new(), Came::Unexpected));
    }
}

/// Whether an attempt rings a phone.
fn is_voice(attempt: &Value) -> bool {
    text(attempt, "channel") == "voice"
}

fn several(n: usize) -> String {
    if n == 1 { "a message".into() } else { format!("{n} messages") }
}

fn call(ledger: &Value, story: &Value, by_reference: &mut BTreeMap<&str, Vec<&Value>>, found: &mut Judgement) {
    let id = text(story, "callId");
    let attempts = list(story, "attempts");
    found.attempts += attempts.len();
    if attempts.is_empty() && !is_visible(story) {
        found.lost.push(format!("{id} is lost: nobody was to be told"));
    }
    let unknown_once = list(story, "log").iter().filter(|e| text(e, "kind") == "attempt.unknown");
    let unknown_once: BTreeSet<&str> = unknown_once.map(|e| text(e, "attemptId")).collect();
    let failed_once = list(story, "log").iter().filter(|e| text(e, "kind") == "attempt.failed");
    let failed_once: BTreeSet<&str> = failed_once.map(|e| text(e, "attemptId")).collect();
    let is_imported = list(story, "log").iter().any(|e| text(e, "kind") == "call.imported");
    let may_repeat: BTreeSet<&str> = failed_once.union(&unknown_once).copied().collect();
    let mut firsts: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut notices: BTreeMap<String, &str> = BTreeMap::new();
    for a in attempts {
        let (reference, state) = (text(a, "reference"), text(a, "attemptState"));
        let messages =
            if is_voice(a) { phone_calls_of(ledger, a) } else { by_reference.remove(reference).unwrap_or_default() };
        match (state, messages.len()) {
            ("submitted" | "delivered", 0) => {
                found.lost.push(format!("{id}: attempt {reference} is {state} and the provider has no message of it"));
            }
            ("scheduled" | "retrying" | "skipped" | "cancelled", n) if n > 0 => {
                found.unexpected.push(format!("{id}: attempt {reference} is {state} and has {}", several(n)));
            }
            (_, n) if n > 1 => found.doubled.push(format!("{id}: attempt {reference} has {n} messages")),
            _ => {}
        }
        // What a store lost is found by its reference, and is an attempt of another id.
        let is_found = |sid: &str| {
            list(story, "log")
                .iter()
                .any(|e| e.get("data").is_some_and(|data| text(data, "found") == sid && !sid.is_empty()))
        };
        // A base without a field for them has no ids to rebuild an attempt with: then its message is known by its SID alone.
        let is_known = |id: &str| attempts.iter().any(|a| text(a, "attemptId") == id);
        let is_rebuilt = |m: &&&Value| {
            (is_imported || is_found(text(m, "sid")))
                && text(m, "sid") == text(a, "sid")
                && !is_known(text(m, "attemptFromCallback"))
        };
        let named = messages.iter().filter(|m| !is_rebuilt(m)).map(|m| text(m, "attemptFromCallback"));
        let (own, theirs) = (text(a, "attemptId"), named);
        for other in theirs.filter(|t| t.starts_with("att_") && *t != own) {
            found.unexpected.push(format!("{id}: the message of attempt {reference} names attempt {other}"));
        }
        // Of what was pruned nobody knows any more where it went.
        if text(a, "to") != PRUNED && messages.iter().any(|m| text(m, "to") != text(a, "to")) {
            found.unexpected.push(format!("{id}: the message of attempt {reference} went to another number"));
        }
        found.unknown += usize::from(state == "unknown");
        found.found_out += usize::from(unknown_once.contains(own) && matches!(state, "submitted" | "delivered"));
        repeats(id, a, (attempts, &may_repeat), &mut notices, found);
        let of = a.get("repeats").and_then(Value::as_str).filter(|of| !failed_once.contains(of));
        let of = of.filter(|_| !is_voice(a));
        let pair = of.and_then(|of| firsts.get(of)).zip(messages.first());
        if let Some(why) = pair.and_then(|(first, second)| spared::needless(ledger, first, second)) {
            found.doubled.push(format!("{id}: attempt {reference} repeats one that could be found: {why}"));
        }
        firsts.extend(messages.first().map(|m| (own, *m)));
    }
}

/// A call that tells of nobody must say so where a person looks: it is over, or there is an entry that alarms.
fn is_visible(story: &Value) -> bool {
    text(story, "status") != "DISPATCHING" || list(story, "log").iter().any(|e| text(e, "kind") == "step.skipped")
}

/// One notice is told once; a further attempt at it names the one that it repeats, and that one failed or was not known.
fn repeats<'a>(
    id: &str,
    a: &'a Value,
    (all, may_repeat): (&'a [Value], &BTreeSet<&str>),
    notices: &mut BTreeMap<String, &'a str>,
    found: &mut Judgement,
) {
    if text(a, "kind") != "notice" {
        return;
    }
    let reference = text(a, "reference");
    let whole = |key: &str| a.get(key).and_then(Value::as_i64).unwrap_or(-1);
    let notice = format!("{}/{}/{}", whole("round"), whole("step"), text(a, "contact"));
    let repeated = a.get("repeats").and_then(Value::as_str);
    match (repeated, notices.insert(notice, reference)) {
        (None, Some(first)) => {
            found.doubled.push(format!("{id}: attempt {reference} is a second one at the notice of {first}"));
        }
        (Some(of), _) => {
            let state = all.iter().find(|b| text(b, "attemptId") == of).map_or("", |b| text(b, "attemptState"));
            // An unknown one may be found out after its repeat has left: that is the stated rest.
            let left = !matches!(text(a, "attemptState"), "scheduled" | "skipped" | "cancelled");
            let reason = matches!(state, "failed" | "unknown")
                || (matches!(state, "submitted" | "delivered") && may_repeat.contains(of));
            if left && !reason {
                found.doubled.push(format!("{id}: attempt {reference} repeats one that is {state:?}"));
            }
        }
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(reference: &str) -> Value {
        json!({ "direction": "outbound-api", "body": format!("{reference} Acme: leak"), "to": "+19495550101" })
    }

    fn attempt(number: u32, state: &str) -> Value {
        json!({ "reference": format!("7K3Q-{number}"), "attemptState": state, "kind": "notice", "round": 1, "step": number,
            "contact": "sam", "to": "+19495550101", "attemptId": format!("att_{number}") })
    }

    fn with(mut a: Value, key: &str, value: Value) -> Value {
        a[key] = value;
        a
    }

    fn call(attempts: &[Value]) -> Value {
        json!({ "callId": "c1", "status": "DISPATCHING", "attempts": attempts, "log": [] })
    }

    #[test]
    fn the_judge_finds_each_kind_of_wrong() {
        let delivered = attempt(1, "delivered");
        let second = with(attempt(2, "delivered"), "step", json!(1));
        let repeat = with(second.clone(), "repeats", json!("att_1"));
        let elsewhere = with(message("7K3Q-1"), "to", json!("+19495550102"));
        let misnamed = with(message("7K3Q-1"), "attemptFromCallback", json!("att_9"));
        let one = || vec![message("7K3Q-1")];
        let two = || vec![message("7K3Q-1"), message("7K3Q-2")];
        let cases: Vec<(&str, Vec<Value>, Vec<Value>, &str)> = vec![
            ("well", one(), vec![delivered.clone()], ""),
            ("unknown, and it is there", one(), vec![attempt(1, "unknown")], ""),
            ("unknown, and it is not", vec![], vec![attempt(1, "unknown")], ""),
            ("a logged resend of one that failed", two(), vec![attempt(1, "failed"), repeat.clone()], ""),
            (
                "a repeat of one that was never in doubt",
                two(),
                vec![delivered.clone(), repeat.clone()],
                "doubled: c1: attempt 7K3Q-2 repeats one that is",
            ),
            ("lost", vec![], vec![attempt(1, "submitted")], "lost: c1: attempt 7K3Q-1 is submitted"),
            ("nobody told", vec![], vec![], "lost: c1 is lost"),
            (
                "doubled",
                vec![message("7K3Q-1"), message("7K3Q-1")],
                vec![attempt(1, "unknown")],
                "doubled: c1: attempt 7K3Q-1 has 2",
            ),
            ("a notice twice", two(), vec![delivered.clone(), second], "doubled: c1: attempt 7K3Q-2 is a second one"),
            (
                "a repeat of one that waits",
                vec![message("7K3Q-2")],
                vec![attempt(1, "scheduled"), repeat],
                "doubled: c1: attempt 7K3Q-2 repeats",
            ),
            (
                "never sent, and it is there",
                one(),
                vec![attempt(1, "cancelled")],
                "unexpected: c1: attempt 7K3Q-1 is cancelled",
            ),
            ("without an attempt", two(), vec![delivered.clone()], "unexpected: 7K3Q-2: a message without"),
            (
                "to another number",
                vec![elsewhere],
                vec![delivered.clone()],
                "unexpected: c1: the message of attempt 7K3Q-1 went",
            ),
            (
                "of another attempt",
                vec![misnamed],
                vec![delivered],
                "unexpected: c1: the message of attempt 7K3Q-1 names",
            ),
        ];
        for (label, messages, attempts, want) in cases {
            let wrong = judge(&json!({ "messages": messages }), &[call(&attempts)], ["c1"]).wrongs();
            assert_eq!(wrong.len(), usize::from(!want.is_empty()), "{label}: {wrong:?}");
            assert!(wrong.iter().all(|w| w.starts_with(want)), "{label}: {wrong:?}");
            let judged = judge(&json!({ "messages": messages }), &[call(&attempts)], ["c1"]);
            let mut tally = Tally::default();
            judged.came.iter().for_each(|(_, came)| tally.count(*came));
            let [_, _, _, (_, lost), (_, doubled), (_, unexpected)] = tally.columns();
            let is = |word: &str| usize::from(want.starts_with(word) && !want.is_empty());
            assert_eq!((lost, doubled, unexpected), (is("lost"), is("doubled"), is("unexpected")), "{label}");
        }
        let rings = |state: &str| with(attempt(1, state), "channel", json!("voice"));
        let ring = json!({ "sid": "CA1", "to": "+19495550101", "attemptFromCallback": "att_1", "status": "completed" });
        let unnamed = json!({ "sid": "CA1", "to": "+19495550101", "status": "no-answer" });
        for (label, texts, calls, attempt, want) in [
            ("rang, and was answered", vec![], vec![ring.clone()], rings("delivered"), ""),
            ("rang in vain", vec![], vec![ring.clone()], rings("failed"), ""),
            ("known by its SID alone", vec![], vec![unnamed.clone()], with(rings("failed"), "sid", json!("CA1")), ""),
            ("lost", one(), vec![], rings("submitted"), "lost"),
            ("twice", vec![], vec![ring.clone(), ring.clone()], rings("unknown"), "doubled"),
            ("never left", vec![], vec![ring.clone()], rings("skipped"), "unexpected"),
            ("without an attempt", one(), vec![ring.clone()], attempt(1, "delivered"), "unexpected"),
        ] {
            let wrong = judge(&json!({ "messages": texts, "calls": calls }), &[call(&[attempt])], ["c1"]).wrongs();
            assert_eq!(wrong.is_empty(), want.is_empty(), "{label}: {wrong:?}");
            assert!(want.is_empty() || wrong.iter().any(|w| w.starts_with(want)), "{label}: {wrong:?}");
        }
        let ledger = json!({ "messages": [], "violations": [{ "problem": "unknown parameter" }] });
        assert_eq!(judge(&ledger, &[], []).wrongs().len(), 1);
        assert_eq!(judge(&json!({}), &[], ["c9"]).wrongs(), ["lost: c9 was accepted and is not in the store"]);
        // A call that ended with an alert because nobody could be told is no lost one.
        let over = json!({ "callId": "c1", "status": "EXHAUSTED", "attempts": [], "log": [] });
        assert_eq!(judge(&json!({}), &[over], ["c1"]).wrongs(), Vec::<String>::new());
    }

    #[test]
    fn a_repeat_of_one_that_was_in_doubt_is_the_stated_rest() {
        let repeat = with(with(attempt(2, "delivered"), "repeats", json!("att_1")), "step", json!(1));
        for kind in ["attempt.unknown", "attempt.failed"] {
            let story = call(&[attempt(1, "delivered"), repeat.clone()]);
            let story = with(story, "log", json!([{ "kind": kind, "attemptId": "att_1" }]));
            let ledger = json!({ "messages": [message("7K3Q-1"), message("7K3Q-2")] });
            assert_eq!(judge(&ledger, &[story], ["c1"]).wrongs(), [""; 0], "{kind}");
        }
    }

    #[test]
    fn what_was_found_out_is_counted() {
        let log = json!([{ "kind": "attempt.unknown", "attemptId": "att_1" }]);
        let story = with(call(&[attempt(1, "delivered"), attempt(2, "unknown")]), "log", log);
        let found = judge(&json!({ "messages": [message("7K3Q-1")] }), &[story], ["c1"]);
        assert_eq!((found.found_out, found.unknown, found.texts, found.wrongs()), (1, 1, 1, Vec::new()));
        assert_eq!(found.came, [("c1".to_owned(), Came::Unknown)], "of several, the worst");
    }
}
