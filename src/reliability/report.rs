//! A run as a document: JSON for programs and for a later comparison.
//!
//! The JSON document:
//!
//! ```json
//! { "suite": "sandbox", "verdict": "held", "version": "0.1.0", "mode": "test", "startedAt": "…Z", "tookMs": 41000,
//!   "seed": 1, "repeat": "dispatchctl test-reliability …",
//!   "counts": { "scenarios": 45, "held": 45, "broken": 0, "skipped": 0, "calls": 80, "attempts": 130, "texts": 120, "lost": 0,
//!               "doubled": 0, "unexpected": 0, "unknown": 4, "foundOut": 6, "restarts": 12,
//!               "airtable": { "rows": 90, "missing": 0, "twins": 0, "differing": 0, "unexpected": 0, "foreign": 1 } },
//!   "bounds": [ { "what": "lost", "found": 0, "of": 80, "unit": "calls", "upper95": 0.0367 } ],
//!   "measures": { "sendToAcceptedMs": { "n": 120, "p50": 9, "p95": 40, "p99": 90, "max": 120 }, "sendToDeliveredMs": {},
//!                 "followUpLateMs": {}, "recoveryMs": {}, "listLagMs": {} },
//!   "faults": [ { "fault": "cut", "ok": 9, "recovered": 3, "unknown": 0, "lost": 0, "doubled": 0, "unexpected": 0 } ],
//!   "kills": { "SIGKILL": 4, "post.answered": 2 },
//!   "scenarios": [ { "name": "…", "title": "…", "fault": "…", "verdict": "held", "tookMs": 900, "time": "policy",
//!                    "checks": [ { "what": "…", "held": true, "seen": "…" } ], "judged": { "lost": 0, "wrong": [] },
//!                    "repeat": "dispatchctl test-reliability --scenario …", "standstillMs": null } ],
//!   "notes": [ "…" ], "baseline": { "slower": [], "broken": [], "mended": [], "missing": [], "new": [] } }
//! ```
//!
//! `verdict` is `held` or `broken`; of a scenario also `skipped`, with the reason in `skipped`. `time` says what made time pass: `policy` (short waits), or `policy and clock` (the
//! engine's clock was set apart). `upper95` is the upper end of the one-sided 95 % bound (Clopper-Pearson).
//! `airtable` holds the shop's rows against the store, where scenarios have them compared (`bounds` has it then too, as `wrong in
//! Airtable`); rows that are none of ours are `foreign`, and no fault. `faults` counts calls by the fault that faults_hit them (a storm's calls under each fault and each kill of their moment). `kills`
//! counts kills by kill point, `SIGKILL` where it came at no point. `standstillMs`: the scenario was played before, and missed its bounds
//! of time while the machine stood still for so long.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::check::{Judgement, Tally};
use super::documents::{list, text};
use super::outcome::{Measures, Outcome, upper_95};
use crate::domain::Timestamp;

/// A whole run.
#[derive(Debug, Clone)]
pub struct Report {
    /// `sandbox`, `storm` or `live`.
    pub suite: &'static str,
    /// `test` or `live`.
    pub mode: &'static str,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// Decides every chance.
    pub seed: u64,
    /// The command that runs the same again.
    pub repeat: String,
    /// In order.
    pub outcomes: Vec<Outcome>,
    /// What a reader must know besides.
    pub notes: Vec<String>,
    /// The comparison with an earlier run.
    pub baseline: Option<Value>,
}

/// A rate that was found, with its bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// What was counted.
    pub what: &'static str,
    pub found: usize,
    pub of: usize,
    pub unit: &'static str,
    /// The upper end of the one-sided 95 % bound on the rate.
    pub upper: f64,
}

/// What the fourth promise counts.
pub const IN_AIRTABLE: &str = "wrong in Airtable";

impl Report {
    /// Whether everything held.
    pub fn held(&self) -> bool {
        self.outcomes.iter().all(Outcome::held) && self.count("held") > 0
    }

    /// How many scenarios ended like this: `held`, `broken`, `skipped`.
    pub fn count(&self, verdict: &str) -> usize {
        self.outcomes.iter().filter(|o| o.verdict() == verdict).count()
    }

    /// What the judge found in all.
    pub fn judged(&self) -> Judgement {
        let mut all = Judgement::default();
        for o in &self.outcomes {
            all.add(&o.judged);
        }
        all
    }

    /// What was measured in all.
    pub fn measures(&self) -> Measures {
        let mut all = Measures::default();
        for o in &self.outcomes {
            all.add(&o.measures);
        }
        all
    }

    /// What came of the calls, by the fault that hit them.
    pub fn faults(&self) -> BTreeMap<String, Tally> {
        let mut all: BTreeMap<String, Tally> = BTreeMap::new();
        for (fault, tally) in self.outcomes.iter().flat_map(|o| &o.faults) {
            all.entry(fault.clone()).or_default().add(tally);
        }
        all
    }

    /// Kills by their place.
    pub fn kills(&self) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for (drill_dir, n) in self.outcomes.iter().flat_map(|o| &o.kills) {
            *all.entry(drill_dir.clone()).or_default() += n;
        }
        all
    }

    /// The promises as rates: three, and a fourth where Airtable's rows were compared.
    pub fn bounds(&self) -> Vec<Bound> {
        let j = self.judged();
        let bound = |what, found: usize, of: usize, unit| Bound { what, found, of, unit, upper: upper_95(found, of) };
        let mut all = vec![
            bound("lost", j.lost.len(), j.calls, "calls"),
            bound("doubled", j.doubled.len(), j.attempts, "attempts"),
            bound("unexpected", j.unexpected.len(), j.texts, "texts"),
        ];
        if j.rows.compared > 0 {
            all.push(bound(IN_AIRTABLE, j.rows.wrong(), j.rows.compared, "rows"));
        }
        all
    }

    /// The one command that plays this again.
    pub fn again(&self, o: &Outcome) -> String {
        match self.suite {
            "sandbox" => format!("dispatchctl test-reliability --seed {} --scenario {}", self.seed, o.file),
            _ => self.repeat.clone(),
        }
    }

    /// See the module.
    pub fn json(&self) -> Value {
        let j = self.judged();
        let bound = |b: Bound| json!({ "what": b.what, "found": b.found, "of": b.of, "unit": b.unit, "upper95": rounded(b.upper) });
        let bounds: Vec<Value> = self.bounds().into_iter().map(bound).collect();
        json!({
            "suite": self.suite,
            "verdict": verdict(self.held()),
            "version": env!("CARGO_PKG_VERSION"),
            "mode": self.mode,
            "startedAt": self.started_at,
            "tookMs": self.took_ms,
            "seed": self.seed,
            "repeat": self.repeat,
            "counts": {
                "scenarios": self.outcomes.len(), "held": self.count("held"), "broken": self.count("broken"),
                "skipped": self.count("skipped"), "calls": j.calls,
                "attempts": j.attempts, "texts": j.texts, "lost": j.lost.len(), "doubled": j.doubled.len(),
                "unexpected": j.unexpected.len(), "unknown": j.unknown, "foundOut": j.found_out,
                "restarts": self.measures().recovery.len(), "airtable": j.rows.json(),
            },
            "bounds": bounds,
            "measures": self.measures().json(),
            "faults": self.faults().iter().map(|(fault, t)| fault_row(fault, t)).collect::<Vec<_>>(),
            "kills": self.kills(),
            "scenarios": self.outcomes.iter().map(|o| scenario(o, &self.again(o))).collect::<Vec<_>>(),
            "notes": self.notes,
            "baseline": self.baseline,
        })
    }
}

/// One word.
pub fn verdict(held: bool) -> &'static str {
    if held { "held" } else { "broken" }
}

fn rounded(x: f64) -> f64 {
    (x * 1e6).round() / 1e6
}

fn scenario(o: &Outcome, repeat: &str) -> Value {
    let checks: Vec<Value> =
        o.checks.iter().map(|c| json!({ "what": c.what, "held": c.held, "seen": c.seen })).collect();
    json!({
        "name": o.name, "title": o.title, "fault": o.fault, "verdict": o.verdict(), "skipped": o.skipped, "tookMs": o.took_ms,
        "time": o.time, "checks": checks, "judged": o.judged.json(), "measures": o.measures.json(),
        "logTail": o.log_tail, "repeat": repeat, "standstillMs": o.standstill_ms,
    })
}

fn fault_row(fault: &str, tally: &Tally) -> Value {
    let mut row = serde_json::Map::from_iter([("fault".to_owned(), Value::from(fault))]);
    row.extend(tally.columns().map(|(name, n)| (name.to_owned(), Value::from(n))));
    Value::Object(row)
}

/// Text in HTML; what steers a terminal becomes a question mark.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

/// A figure that grew by this factor, and by more than [`SLACK_MS`], is slower.
const FACTOR: f64 = 1.5;
/// Less than this is the machine's own noise, in milliseconds.
const SLACK_MS: f64 = 50.0;

/// Compares this run with the document of an earlier one.
///
/// # Errors
/// The document is none of ours.
pub fn compare(earlier: &Value, now: &Value) -> Result<Value, String> {
    if list(earlier, "scenarios").is_empty() || earlier.get("measures").is_none() {
        return Err("it is no report of test-reliability (-o json)".into());
    }
    let of = |doc: &Value, name: &str| {
        let all = list(doc, "scenarios");
        all.iter().find(|s| text(s, "name") == name).map(|s| text(s, "verdict").to_owned())
    };
    let names = |doc: &Value| list(doc, "scenarios").iter().map(|s| text(s, "name").to_owned()).collect::<Vec<_>>();
    let pick = |was: &str, is: &str| {
        let fits = |n: &String| of(earlier, n).as_deref() == Some(was) && of(now, n).as_deref() == Some(is);
        names(now).into_iter().filter(fits).collect::<Vec<_>>()
    };
    let mut slower = Vec::new();
    let mut faster = Vec::new();
    for figure in ["sendToAcceptedMs", "sendToDeliveredMs", "followUpLateMs", "recoveryMs"] {
        for share in ["p50", "p95"] {
            let value = |doc: &Value| {
                doc.get("measures").and_then(|m| m.get(figure)).and_then(|m| m.get(share)).and_then(Value::as_f64)
            };
            let (Some(was), Some(is)) = (value(earlier), value(now)) else { continue };
            let told = json!({ "what": figure, "share": share, "was": was, "is": is });
            if is > was * FACTOR && is - was > SLACK_MS {
                slower.push(told);
            } else if was > is * FACTOR && was - is > SLACK_MS {
                faster.push(told);
            }
        }
    }
    Ok(json!({
        "at": earlier.get("startedAt"), "version": earlier.get("version"),
        "broken": pick("held", "broken"), "mended": pick("broken", "held"),
        "new": names(now).into_iter().filter(|n| of(earlier, n).is_none()).collect::<Vec<_>>(),
        "missing": names(earlier).into_iter().filter(|n| of(now, n).is_none()).collect::<Vec<_>>(),
        "slower": slower, "faster": faster,
    }))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::mirror::compare::Rows;
    use super::super::outcome::Check;
    use super::*;

    pub(in super::super) fn report(held: bool) -> Report {
        let mut o = Outcome {
            name: "a-b".into(),
            file: "a-b".into(),
            title: "A < B & \"C\"".into(),
            fault: "none".into(),
            checks: vec![Check::of("x < y", held, "\u{1b}[31mno & <never>")],
            judged: Judgement { calls: 100, attempts: 200, texts: 200, ..Judgement::default() },
            measures: Measures { accepted: vec![5, 7], late: vec![3], ..Measures::default() },
            took_ms: 1_234,
            time: "policy",
            log_tail: vec!["last <words>".into()],
            skipped: None,
            faults: BTreeMap::from([("reset".to_owned(), Tally { ok: 99, recovered: 1, ..Tally::default() })]),
            kills: BTreeMap::from([("SIGKILL".to_owned(), 2)]),
            standstill_ms: None,
        };
        if held {
            o.log_tail.clear();
        }
        Report {
            suite: "sandbox",
            mode: "test",
            started_at: Timestamp::from_millis(1_795_313_040_000),
            took_ms: 2_000,
            seed: 7,
            repeat: "dispatchctl test-reliability --seed 7".into(),
            outcomes: vec![o],
            notes: Vec::new(),
            baseline: None,
        }
    }

    #[test]
    fn rows_of_airtable_are_a_promise_where_they_were_compared() {
        let mut report = report(true);
        for o in &mut report.outcomes {
            o.judged.rows = Rows { compared: 100, missing: 1, twins: 2, foreign: 3, ..Rows::default() };
        }
        let doc = report.json();
        assert_eq!(
            (&doc["bounds"][3]["what"], &doc["bounds"][3]["found"], &doc["bounds"][3]["of"]),
            (&json!("wrong in Airtable"), &json!(3), &json!(100))
        );
        let rows = json!({ "rows": 100, "missing": 1, "twins": 2, "differing": 0, "unexpected": 0, "foreign": 3 });
        assert_eq!((&doc["counts"]["airtable"], &doc["scenarios"][0]["judged"]["airtable"]), (&rows, &rows));
    }

    #[test]
    fn the_documents_say_what_held_and_what_did_not() {
        let good = report(true).json();
        assert_eq!((text(&good, "verdict"), &good["counts"]["broken"]), ("held", &json!(0)));
        assert_eq!(
            good["bounds"][0],
            json!({ "what": "lost", "found": 0, "of": 100, "unit": "calls", "upper95": 0.029513 })
        );
        let row = json!({ "fault": "reset", "ok": 99, "recovered": 1, "unknown": 0, "lost": 0, "doubled": 0, "unexpected": 0 });
        assert_eq!((&good["faults"], &good["kills"]), (&json!([row]), &json!({ "SIGKILL": 2 })));
        let bad = report(false);
        assert_eq!((text(&bad.json(), "verdict"), bad.held()), ("broken", false));
        assert_eq!(bad.json()["scenarios"][0]["repeat"], "dispatchctl test-reliability --seed 7 --scenario a-b");
        assert_eq!(
            (good["bounds"].as_array().map(Vec::len), good["counts"]["airtable"]["rows"].as_u64()),
            (Some(3), Some(0))
        );
        let nothing = Report { outcomes: Vec::new(), ..report(true) };
        assert!(!nothing.held(), "a run of nothing proves nothing");
        let mut skipped = report(true);
        skipped.outcomes.iter_mut().for_each(|o| o.skipped = Some("no <reason>".into()));
        assert!(!skipped.held(), "nor does one of which nothing was played");
        let doc = skipped.json();
        assert_eq!((&doc["counts"]["skipped"], &doc["counts"]["held"]), (&json!(1), &json!(0)));
        assert_eq!(doc["scenarios"][0]["verdict"], "skipped");
    }

    #[test]
    fn a_comparison_names_what_broke_and_what_became_slower() {
        let mut earlier = report(true).json();
        let now = report(false).json();
        earlier["measures"]["followUpLateMs"]["p50"] = json!(400);
        let found = compare(&earlier, &now).expect("a comparison");
        assert_eq!((&found["broken"], &found["mended"]), (&json!(["a-b"]), &json!([])));
        assert_eq!(found["faster"][0]["what"], "followUpLateMs");
        let found = compare(&now, &earlier).expect("a comparison");
        assert_eq!((&found["mended"], &found["slower"][0]["is"]), (&json!(["a-b"]), &json!(400.0)));
        assert!(compare(&json!({ "mode": "test" }), &now).is_err());
    }
}
