//! A run as one page that needs nothing else: no script, no network, no fonts. It follows the reader's light or dark setting,
//! prints on white, and says by words and signs whatever it says by colour. The page is a template; what it shows is made here.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value as Shown};
use minijinja::{AutoEscape, Environment};
use serde_json::{Value, json};

use super::check::Tally;
use super::documents::{list, text};
use super::outcome::{Measures, Outcome};
use super::plots;
use super::report::{IN_AIRTABLE, Report, escaped};
use crate::domain::codes::{info, name_of};
use crate::domain::types::ErrorCode;

const STYLE: &str = include_str!("page.css");
const PAGE: &str = include_str!("page.html");

/// The page.
///
/// # Errors
/// The template and what it is given do not fit: a bug of ours.
pub fn page(report: &Report) -> Result<String, minijinja::Error> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_syntax(SyntaxConfig::builder().trim_blocks(true).build()?);
    env.set_formatter(|out, _, value| {
        let text = value.to_string();
        let text = if value.is_safe() { text } else { escaped(&text) };
        Ok(out.write_str(&text)?)
    });
    let shown = Shown::from(Serde(shown(report)));
    env.render_str(PAGE, minijinja::context! { style => Shown::from_safe_string(STYLE.to_owned()), ..shown })
}

/// Everything that the template shows.
fn shown(report: &Report) -> Value {
    let judged = report.judged();
    let held = report.held();
    let mode = match (report.mode, judged.texts) {
        ("live", 0) => "Live: the provider's list has no text of this run.",
        ("live", _) => "Live: real texts were sent.",
        _ => "TEST MODE: nothing left the machine.",
    };
    json!({
        "word": if held { "All promises held" } else { "A promise broke" },
        "class": if held { "good" } else { "bad" },
        "mark": if held { "✓" } else { "✗" },
        "version": env!("CARGO_PKG_VERSION"),
        "held": report.count("held"),
        "skipped": report.count("skipped"),
        "seconds": seconds(report.took_ms),
        "started_at": report.started_at,
        "mode": mode,
        "repeat": report.repeat,
        "seed": report.seed,
        "notes": report.notes,
        "broken": report.outcomes.iter().filter(|o| !held && !o.held()).map(|o| broken(report, o)).collect::<Vec<_>>(),
        "promises": promises(report),
        "unknown": judged.unknown,
        "found_out": judged.found_out,
        "restarts": report.measures().recovery.len(),
        "baseline": report.baseline.as_ref().map(baseline),
        "heads": Tally::default().columns().map(|(head, _)| head),
        "faults": report.faults().iter().map(|(fault, tally)| json!({
            "fault": in_words(fault), "quiet": is_quiet(fault), "broken": tally.is_broken(), "counts": tally.columns().map(|(_, n)| n),
        })).collect::<Vec<_>>(),
        "kills": kills(report),
        "plots": plots_of(report),
        "scenarios": report.outcomes.iter().map(|o| scenario(report, o)).collect::<Vec<_>>(),
    })
}

/// Whether nothing went wrong in it but what its story is about.
fn is_quiet(fault: &str) -> bool {
    fault == "none"
}

/// How long things took where nothing went wrong, and apart from that in the drills.
fn plots_of(report: &Report) -> Vec<Value> {
    let group = |title: &str, quiet: bool| {
        let of = report.outcomes.iter().filter(|o| is_quiet(&o.fault) == quiet);
        let of: Vec<(&str, &Measures)> = of.map(|o| (o.name.as_str(), &o.measures)).collect();
        (!of.is_empty()).then(|| json!({ "title": title, "plots": plots::all(&of) }))
    };
    [group("Where nothing went wrong", true), group("In the drills", false)].into_iter().flatten().collect()
}

/// A fault as it is called, with what its codes mean.
fn in_words(fault: &str) -> String {
    if is_quiet(fault) {
        return "nothing went wrong".to_owned();
    }
    let word = |word: &str| {
        let digits = word.trim_matches(|c: char| !c.is_ascii_digit());
        let code = (digits.len() == 5).then(|| digits.parse().ok()).flatten().map(ErrorCode);
        let name = code.filter(|c| info(*c).is_some()).map(name_of);
        name.map_or_else(|| word.to_owned(), |name| word.replace(digits, &format!("{digits} ({name})")))
    };
    fault.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn seconds(ms: i64) -> String {
    format!("{:.1}", f64::from(i32::try_from(ms).unwrap_or(i32::MAX)) / 1_000.0)
}

fn broken(report: &Report, o: &Outcome) -> Value {
    json!({ "name": o.name, "title": o.title, "wrong": o.broken(), "again": report.again(o), "log": o.log_tail.join("\n") })
}

fn promises(report: &Report) -> Vec<Value> {
    let rows = report.judged().rows;
    let promise = |what: &str| match what {
        "lost" => "No accepted call is lost",
        "doubled" => "Nobody is texted twice for one notice",
        "unexpected" => "No text without an attempt",
        IN_AIRTABLE => "Airtable has each attempt and call once, as it is",
        _ => "",
    };
    let bounds = report.bounds().into_iter();
    let row = |b: super::report::Bound| {
        let seen = match b.what {
            IN_AIRTABLE => rows.faults().map(|(word, n)| format!("{n} {word}")).join(", "),
            what => format!("{} {what}", b.found),
        };
        json!({
            "promise": promise(b.what), "seen": seen, "broken": b.found > 0, "of": b.of, "unit": b.unit,
            "upper": format!("{:.2}", b.upper * 100.0),
        })
    };
    bounds.map(row).collect()
}

fn kills(report: &Report) -> Option<Value> {
    let kills = report.kills();
    let places: Vec<String> = kills.iter().map(|(drill_dir, n)| format!("{n} at {drill_dir}")).collect();
    let places = places.join(", ").replace("at SIGKILL", "at no named point");
    (!kills.is_empty()).then(|| json!({ "all": kills.values().sum::<usize>(), "places": places }))
}

/// What changed since an earlier run.
fn baseline(found: &Value) -> Value {
    let mut lines = Vec::new();
    for (what, key, class) in [
        ("broken since", "broken", "bad"),
        ("mended since", "mended", "good"),
        ("new", "new", ""),
        ("not played now", "missing", ""),
    ] {
        let names: Vec<&str> = list(found, key).iter().filter_map(Value::as_str).collect();
        if !names.is_empty() {
            lines.push(json!({ "class": class, "text": format!("{what}: {}", names.join(", ")) }));
        }
    }
    for (key, class) in [("slower", "bad"), ("faster", "good")] {
        for f in list(found, key) {
            let ms = |name: &str| f.get(name).map(ToString::to_string).unwrap_or_default();
            let (what, share, was, is) = (text(f, "what"), text(f, "share"), ms("was"), ms("is"));
            lines.push(json!({ "class": class, "text": format!("{key}: {what} {share} was {was} ms, is {is} ms") }));
        }
    }
    json!({ "at": text(found, "at"), "version": text(found, "version"), "lines": lines })
}

fn scenario(report: &Report, o: &Outcome) -> Value {
    let (mark, class) = match o.verdict() {
        "held" => ("✓", "good"),
        "broken" => ("✗", "bad"),
        _ => ("–", ""),
    };
    let line = |class: &str, text: String| json!({ "class": class, "text": text });
    let mut lines: Vec<Value> = o.skipped.iter().map(|why| line("", format!("skipped: {why}"))).collect();
    lines.extend(o.checks.iter().map(|c| match (c.held, c.seen.as_str()) {
        (true, _) => line("good", format!("held: {}", c.what)),
        (false, "") => line("bad", format!("broken: {}", c.what)),
        (false, seen) => line("bad", format!("broken: {} – seen: {seen}", c.what)),
    }));
    let wrong = o.judged.wrongs();
    if wrong.is_empty() && o.skipped.is_none() {
        lines.push(line("good", "held: nothing lost, nothing doubled, nothing unexpected".into()));
    }
    lines.extend(wrong.into_iter().map(|wrong| line("bad", format!("broken: {wrong}"))));
    json!({
        "mark": mark, "class": class, "verdict": o.verdict(), "name": o.name, "title": o.title, "fault": in_words(&o.fault),
        "seconds": seconds(o.took_ms), "calls": o.judged.calls, "attempts": o.judged.attempts, "texts": o.judged.texts,
        "time": o.time, "again": report.again(o), "lines": lines,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::check::Judgement;
    use super::super::mirror::compare::Rows;
    use super::super::outcome::Check;
    use super::*;
    use crate::domain::Timestamp;

    fn report(held: bool) -> Report {
        let outcome = Outcome {
            name: "a-b".into(),
            file: "a-b".into(),
            title: "<script>alert(1)</script>".into(),
            fault: "reset & more".into(),
            checks: vec![Check::of("x < y", held, "<img src=x>")],
            judged: Judgement {
                calls: 3,
                attempts: 4,
                texts: 4,
                rows: Rows { compared: 7, twins: usize::from(!held), ..Rows::default() },
                ..Judgement::default()
            },
            measures: Measures { accepted: (1..2_000).collect(), late: vec![0], ..Measures::default() },
            took_ms: 900,
            time: "policy",
            log_tail: vec!["</pre><b>".into()],
            skipped: None,
            faults: BTreeMap::from([("reset & more".to_owned(), Tally { ok: 2, recovered: 1, ..Tally::default() })]),
            kills: BTreeMap::from([("post.answered".to_owned(), 1)]),
            standstill_ms: None,
        };
        Report {
            suite: "sandbox",
            mode: "test",
            started_at: Timestamp::from_millis(1_795_313_040_000),
            took_ms: 2_000,
            seed: 7,
            repeat: "dispatchctl test-reliability --seed 7".into(),
            outcomes: vec![outcome],
            notes: vec!["a \"note\"".into()],
            baseline: None,
        }
    }

    #[test]
    fn an_owner_reads_the_verdict_and_the_plots_first_and_codes_in_words() {
        let mut report = report(true);
        let mut quiet = report.outcomes[0].clone();
        (quiet.name, quiet.fault) = ("all-quiet".into(), "none".into());
        quiet.measures = Measures { accepted: vec![7, 9], ..Measures::default() };
        quiet.faults = BTreeMap::from([("none".to_owned(), Tally { ok: 1, ..Tally::default() })]);
        report.outcomes[0].faults = BTreeMap::from([("30003 after accepting".to_owned(), Tally::default())]);
        report.outcomes.push(quiet);
        let page = page(&report).expect("a page");
        let at = |word: &str| page.find(word).unwrap_or_else(|| panic!("{word} is missing"));
        assert!(at("All promises held") < at("Where nothing went wrong"));
        assert!(at("Where nothing went wrong") < at("In the drills") && at("In the drills") < at("<table>"));
        assert!(
            page.contains("at most 9 ms, in all-quiet") && page.contains("ms, in a-b"),
            "each worst one is somebody's"
        );
        assert!(page.contains(&format!("30003 ({})", name_of(ErrorCode(30003)))), "{page}");
        assert!(at("nothing went wrong</th>") < at("30003 ("), "the quiet case stands first");
    }

    #[test]
    fn the_page_is_whole_needs_nothing_and_lets_nothing_in() {
        for held in [true, false] {
            let page = page(&report(held)).expect("a page");
            for want in [
                "prefers-color-scheme",
                "@media print",
                "seed 7",
                "<svg",
                "TEST MODE",
                "reset &amp; more",
                "no figures",
            ] {
                assert!(page.contains(want), "{want}: {page}");
            }
            for never in ["<script", "<img", "http://", "https://", "url(", "@import", "<link", "</pre><b>"] {
                assert!(!page.contains(never), "{never}");
            }
            for tag in ["table", "ul", "li", "details", "figure", "svg", "div", "main", "p", "tr"] {
                let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
                assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
            }
            let twins = if held { "<td>0 missing, 0 twins" } else { "<td>0 missing, 1 twins" };
            assert!(page.contains(twins) && page.contains("<td>7 rows</td>"), "{page}");
            assert_eq!(page.contains("What broke"), !held);
            assert_eq!(page.contains("A promise broke"), !held);
            assert!(page.matches("<circle").count() <= 2 * plots::DOTS_MAX, "a crowd of figures is thinned");
        }
    }
}
