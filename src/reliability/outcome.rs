//! What came of a scenario, and of a whole run; and the figures that were measured on the way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::check::{Came, Judgement, Tally};
use super::documents::{list, text, time};
use crate::domain::Timestamp;

/// One expectation, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was expected.
    pub what: String,
    pub held: bool,
    /// What was seen, where it was not.
    pub seen: String,
}

impl Check {
    /// An expectation that compares.
    pub(super) fn of(what: impl Into<String>, held: bool, seen: impl Into<String>) -> Self {
        Self { what: what.into(), held, seen: seen.into() }
    }
}

/// What came of one scenario.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub name: String,
    /// By which it is played again: its name, or its file.
    pub file: String,
    /// What it shows.
    pub title: String,
    /// What goes wrong in it.
    pub fault: String,
    /// What was expected, in order.
    pub checks: Vec<Check>,
    /// The judge's word.
    pub judged: Judgement,
    /// What was measured.
    pub measures: Measures,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// What made time pass: `policy` (short waits) or `policy and clock` (the engine's clock was set apart).
    pub time: &'static str,
    /// The end of the engine's log, where something broke.
    pub log_tail: Vec<String>,
    /// Why it was not played, or proves nothing; neither held nor broken then.
    pub skipped: Option<String>,
    /// What came of the calls, by the fault that hit them. A call that several hit is counted under each.
    pub faults: BTreeMap<String, Tally>,
    /// Kills by their place: a kill point, or `SIGKILL` where the engine was.
    pub kills: BTreeMap<String, usize>,
    /// It was played before this, and its bounds were missed while the machine stood still for so many milliseconds.
    pub standstill_ms: Option<i64>,
}

/// Counts each call under what hit it, or under the scenario's own fault where its file says nothing else.
pub(super) fn by_fault(
    came: &[(String, Came)],
    fault: &str,
    faults_hit: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeMap<String, Tally> {
    let mut rows: BTreeMap<String, Tally> = BTreeMap::new();
    for (call, came) in came {
        match faults_hit.get(call) {
            Some(all) => all.iter().for_each(|f| rows.entry(f.clone()).or_default().count(*came)),
            None => rows.entry(fault.to_owned()).or_default().count(*came),
        }
    }
    rows
}

impl Outcome {
    /// Whether everything was as expected, and the judge found nothing.
    pub fn held(&self) -> bool {
        self.checks.iter().all(|c| c.held) && self.judged.wrongs().is_empty()
    }

    /// In one word: `held`, `broken` or `skipped`.
    pub fn verdict(&self) -> &'static str {
        match (self.held(), &self.skipped) {
            (false, _) => "broken",
            (true, Some(_)) => "skipped",
            (true, None) => "held",
        }
    }

    /// What broke, one sentence each.
    pub fn broken(&self) -> Vec<String> {
        let checks = self.checks.iter().filter(|c| !c.held);
        let told =
            checks.map(|c| if c.seen.is_empty() { c.what.clone() } else { format!("{}; seen: {}", c.what, c.seen) });
        told.chain(self.judged.wrongs()).collect()
    }
}

/// Figures in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Measures {
    /// From an attempt's making to the provider's acceptance, waits that the provider caused included; repeats apart.
    pub accepted: Vec<i64>,
    /// From an attempt's making to its delivery.
    pub delivered: Vec<i64>,
    /// How late a follow-up fired whose time came while an engine ran.
    pub late: Vec<i64>,
    /// From the start of a process after a kill or a stop to its first answer.
    pub recovery: Vec<i64>,
    /// From a create's answer until the provider's list has the message; measured live alone.
    pub list_lag: Vec<i64>,
}

impl Measures {
    /// Adds another's figures.
    pub fn add(&mut self, other: &Self) {
        self.accepted.extend(&other.accepted);
        self.delivered.extend(&other.delivered);
        self.late.extend(&other.late);
        self.recovery.extend(&other.recovery);
        self.list_lag.extend(&other.list_lag);
    }

    /// Reads them from the ledger and the stories. `down`: times without a working engine.
    pub(super) fn of(ledger: &Value, stories: &[Value], down: &[(Timestamp, Timestamp)], recovery: &[i64]) -> Self {
        let mut m = Self { recovery: recovery.to_vec(), ..Self::default() };
        let was_down = |from: Timestamp, to: Timestamp| down.iter().any(|(a, b)| from <= *b && to >= *a);
        for story in stories {
            for a in list(story, "attempts") {
                let (Some(made), None) = (time(a, "createdAt"), a.get("repeats").and_then(Value::as_str)) else {
                    continue;
                };
                let message = super::documents::texts(ledger).find(|m| text(m, "sid") == text(a, "sid"));
                if let Some(at) = message.and_then(|m| time(m, "createdAt")).filter(|at| !was_down(made, *at)) {
                    m.accepted.push(at.as_millis() - made.as_millis());
                }
                if text(a, "attemptState") == "delivered"
                    && let Some(at) = time(a, "finishedAt").filter(|at| !was_down(made, *at))
                {
                    m.delivered.push(at.as_millis() - made.as_millis());
                }
            }
            let mut due: Option<Timestamp> = None;
            for fired in list(story, "log").iter().filter(|e| text(e, "kind") == "step.fired") {
                let data = fired.get("data").unwrap_or(&Value::Null);
                if let (Some(due), Some(at)) = (due, time(fired, "at")) {
                    let late = at.as_millis() - due.as_millis();
                    // One that fired before its time was called by hand or by a failure.
                    if late >= 0 && !was_down(due, at) {
                        m.late.push(late);
                    }
                }
                due = time(data, "nextDue");
            }
        }
        m
    }

    /// As in the report.
    pub fn json(&self) -> Value {
        json!({
            "sendToAcceptedMs": summary(&self.accepted), "sendToDeliveredMs": summary(&self.delivered),
            "followUpLateMs": summary(&self.late), "recoveryMs": summary(&self.recovery),
            "listLagMs": summary(&self.list_lag),
        })
    }
}

/// The value below which this share of the figures lies; `None` where there are none.
pub fn percentile(figures: &[i64], share_percent: usize) -> Option<i64> {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * share_percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied()
}

fn summary(figures: &[i64]) -> Value {
    json!({
        "n": figures.len(), "p50": percentile(figures, 50), "p95": percentile(figures, 95), "p99": percentile(figures, 99),
        "max": figures.iter().max(),
    })
}

/// The upper end of the 95 % bound on a rate when `found` were found in `of` independent trials (Clopper-Pearson, one-sided;
/// for none found it is close to the rule of three, 3/n). 1 where nothing was tried.
pub fn upper_95(found: usize, of: usize) -> f64 {
    if of == 0 || found >= of {
        return 1.0;
    }
    // The largest p for which so few are still found with a probability of 5 %: the binomial's lower tail falls with p.
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..60 {
        let p = f64::midpoint(low, high);
        if tail(found, of, p) > 0.05 {
            low = p;
        } else {
            high = p;
        }
    }
    high
}

/// The probability of at most `found` in `of` trials with probability `p`; in logarithms, as `of` may be large.
fn tail(found: usize, of: usize, p: f64) -> f64 {
    let float = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let mut log_choose = 0.0_f64;
    let mut sum = 0.0_f64;
    for k in 0..=found {
        if k > 0 {
            log_choose += (float(of - k + 1) / float(k)).ln();
        }
        sum += (log_choose + float(k) * p.ln() + float(of - k) * (1.0 - p).ln()).exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_that_of_clopper_and_pearson() {
        // Exact values: 1 - 0.05^(1/n) for none found; R's binom.test(x, n, alternative = "less") for the others.
        let cases = [(0, 10, 0.2589), (0, 100, 0.02951), (0, 1_000, 0.002991), (1, 100, 0.04656), (5, 50, 0.1994)];
        for (found, of, want) in cases {
            let bound = upper_95(found, of);
            assert!((bound - want).abs() < want * 0.01, "{found} of {of}: {bound}");
        }
        assert!((upper_95(0, 0) - 1.0).abs() < f64::EPSILON && (upper_95(3, 3) - 1.0).abs() < f64::EPSILON);
        assert!((upper_95(0, 3_000) - 0.001).abs() < 0.000_01, "the rule of three");
    }

    #[test]
    fn a_call_is_counted_under_all_that_befell_it() {
        let came = [("c1".to_owned(), Came::Recovered), ("c2".into(), Came::Lost), (String::new(), Came::Unexpected)];
        let both = BTreeSet::from(["cut".to_owned(), "SIGKILL".to_owned()]);
        let rows = by_fault(&came, "storm", &BTreeMap::from([("c1".to_owned(), both)]));
        let names: Vec<&str> = rows.keys().map(String::as_str).collect();
        assert_eq!(names, ["SIGKILL", "cut", "storm"]);
        assert_eq!((rows["cut"].recovered, rows["SIGKILL"].recovered, rows["cut"].is_broken()), (1, 1, false));
        assert_eq!((rows["storm"].lost, rows["storm"].unexpected, rows["storm"].is_broken()), (1, 1, true));
    }

    #[test]
    fn percentiles_are_of_the_figures_themselves() {
        let figures: Vec<i64> = (1..=100).rev().collect();
        assert_eq!([50, 95, 99, 100].map(|p| percentile(&figures, p)), [Some(50), Some(95), Some(99), Some(100)]);
        assert_eq!((percentile(&[], 50), percentile(&[7], 99)), (None, Some(7)));
    }

    #[test]
    fn lateness_counts_where_an_engine_ran() {
        let fired = |at: &str, next: &str| json!({ "kind": "step.fired", "at": at, "data": { "nextDue": next } });
        let story = json!({ "attempts": [], "log": [
            fired("2026-11-22T02:00:00.000Z", "2026-11-22T02:00:02.000Z"),
            fired("2026-11-22T02:00:02.015Z", "2026-11-22T02:00:04.000Z"),
            fired("2026-11-22T02:00:06.000Z", "2026-11-22T02:00:07.000Z"),
        ] });
        let at = |t: &str| t.parse::<Timestamp>().expect("a time");
        let down = [(at("2026-11-22T02:00:03.000Z"), at("2026-11-22T02:00:05.900Z"))];
        assert_eq!(Measures::of(&json!({}), &[story], &down, &[]).late, [15]);
    }
}
