//! A run as one page that needs nothing else: no script, no network, no fonts. It follows the reader's light or dark setting,
//! prints on white, and says by words and signs whatever it says by colour.

use std::fmt::Write as _;

use super::check::Tally;
use super::documents::{list, text};
use super::outcome::{Outcome, percentile};
use super::report::{IN_AIRTABLE, Report, escaped};

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn page(report: &Report) -> String {
    let mut out = String::new();
    let held = report.held();
    let (mark, word) = if held { ("&#10003;", "All promises held") } else { ("&#10007;", "A promise broke") };
    let n = report.outcomes.len();
    let (good, skipped) = (report.count("held"), report.count("skipped"));
    let left_out = if skipped == 0 { String::new() } else { format!(" ({skipped} skipped)") };
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>dispatchctl: {word}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Reliability of dispatchctl {}</h1>\n\
         <p class=\"verdict {}\"><span aria-hidden=\"true\">{mark}</span> <strong>{word}.</strong> {good} of {n} {} held{left_out}, \
         in {:.1} s, on {}.</p>\n",
        env!("CARGO_PKG_VERSION"),
        if held { "good" } else { "bad" },
        if n == 1 { "scenario" } else { "scenarios" },
        seconds(report.took_ms),
        escaped(&report.started_at.to_string()),
    );
    let mode = match (report.mode, report.judged().texts) {
        ("live", 0) => "Live: the provider's list has no text of this run.",
        ("live", _) => "Live: real texts were sent.",
        _ => "TEST MODE: nothing left the machine.",
    };
    let _ = writeln!(out, "<p>{mode} Again: <code>{}</code> (seed {}).</p>", escaped(&report.repeat), report.seed);
    for note in &report.notes {
        let _ = writeln!(out, "<p>{}</p>", escaped(note));
    }
    broken(report, &mut out);
    promises(report, &mut out);
    baseline(report, &mut out);
    faults(report, &mut out);
    plots(report, &mut out);
    scenarios(report, &mut out);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn seconds(ms: i64) -> f64 {
    f64::from(i32::try_from(ms).unwrap_or(i32::MAX)) / 1_000.0
}

fn broken(report: &Report, out: &mut String) {
    if report.held() {
        return;
    }
    out.push_str("<h2>What broke</h2>\n");
    for o in report.outcomes.iter().filter(|o| !o.held()) {
        let _ = write!(out, "<h3>{}: {}</h3>\n<ul>\n", escaped(&o.name), escaped(&o.title));
        for wrong in o.broken() {
            let _ = writeln!(out, "<li>{}</li>", escaped(&wrong));
        }
        let _ = write!(out, "</ul>\n<p>Again: <code>{}</code></p>\n", escaped(&report.again(o)));
        if !o.log_tail.is_empty() {
            let _ = writeln!(out, "<pre>{}</pre>", escaped(&o.log_tail.join("\n")));
        }
    }
}

fn promises(report: &Report, out: &mut String) {
    out.push_str(
        "<h2>What was promised, what was seen</h2>\n<p>The provider's ledger (what it truly accepted) was held against the \
         store, and so was Airtable where it was part of it. The bound says how often it may still happen, with 95&nbsp;% confidence.</p>\n<div class=\"wide\">\n<table>\n<thead><tr><th \
         scope=\"col\">Promise</th><th scope=\"col\">Seen</th><th scope=\"col\">Of</th><th scope=\"col\">At most (95&nbsp;%)</th>\
         </tr></thead>\n<tbody>\n",
    );
    let words = [
        ("lost", "No accepted call is lost"),
        ("doubled", "Nobody is texted twice for one notice"),
        ("unexpected", "No text without an attempt"),
        (IN_AIRTABLE, "Airtable has each attempt and call once, as it is"),
    ];
    let j = report.judged();
    for b in report.bounds() {
        let promise = words.iter().find(|(w, _)| *w == b.what).map_or(b.what, |(_, p)| *p);
        let seen = match b.what {
            IN_AIRTABLE => j.rows.faults().map(|(word, n)| format!("{n} {word}")).join(", "),
            what => format!("{} {what}", b.found),
        };
        let _ = writeln!(
            out,
            "<tr class=\"{}\"><th scope=\"row\">{promise}</th><td>{seen}</td><td>{} {}</td><td>{:.2}&nbsp;%</td></tr>",
            if b.found == 0 { "" } else { "bad" },
            b.of,
            b.unit,
            b.upper * 100.0
        );
    }
    let _ = write!(
        out,
        "</tbody>\n</table>\n</div>\n<p>{} outcomes stayed unknown and were shown as such; {} were unknown and found out; the engine \
         was started again {} times.</p>\n",
        j.unknown,
        j.found_out,
        report.measures().recovery.len()
    );
}

fn faults(report: &Report, out: &mut String) {
    out.push_str(
        "<h2>Faults and what came of them</h2>\n<p>Calls, by the fault that befell them. <em>Recovered</em>: an outcome was \
         unknown and was found out. <em>Unknown</em>: it stays so, and is shown as such. In a storm a call counts under each \
         fault and each kill of its moment.</p>\n<div class=\"wide\">\n<table>\n<thead><tr><th scope=\"col\">Fault</th>",
    );
    for (head, _) in Tally::default().columns() {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (fault, tally) in report.faults() {
        let (class, mark) = if tally.is_broken() { (" class=\"bad\"", "&#10007; ") } else { ("", "") };
        let _ = write!(out, "<tr{class}><th scope=\"row\">{mark}{}</th>", escaped(&fault));
        for (_, n) in tally.columns() {
            let none = if n == 0 { " class=\"none\"" } else { "" };
            let _ = write!(out, "<td{none}>{n}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
    let kills: Vec<String> = report.kills().iter().map(|(place, n)| format!("{n} at {}", escaped(place))).collect();
    if !kills.is_empty() {
        let all: usize = report.kills().values().sum();
        let places = kills.join(", ").replace("at SIGKILL", "at no named point");
        let _ = writeln!(out, "<p>The engine was killed {all} times: {places}.</p>");
    }
}

/// What changed since an earlier run.
fn baseline(report: &Report, out: &mut String) {
    let Some(found) = &report.baseline else { return };
    let _ = write!(
        out,
        "<h2>Compared with an earlier run</h2>\n<p>That of {} (version {}).</p>\n<ul>\n",
        escaped(text(found, "at")),
        escaped(text(found, "version"))
    );
    let mut said = false;
    for (what, key, class) in [
        ("broken since", "broken", "bad"),
        ("mended since", "mended", "good"),
        ("new", "new", ""),
        ("not played now", "missing", ""),
    ] {
        let names: Vec<String> = list(found, key).iter().filter_map(|n| n.as_str()).map(escaped).collect();
        if !names.is_empty() {
            said = true;
            let _ = writeln!(out, "<li class=\"{class}\">{what}: {}</li>", names.join(", "));
        }
    }
    for (key, class) in [("slower", "bad"), ("faster", "good")] {
        for f in list(found, key) {
            said = true;
            let ms = |name: &str| f.get(name).map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(
                out,
                "<li class=\"{class}\">{key}: {} {} was {} ms, is {} ms</li>",
                escaped(text(f, "what")),
                escaped(text(f, "share")),
                escaped(&ms("was")),
                escaped(&ms("is"))
            );
        }
    }
    if !said {
        out.push_str("<li class=\"good\">the same verdicts, and no figure is clearly slower or faster</li>\n");
    }
    out.push_str("</ul>\n");
}

fn plots(report: &Report, out: &mut String) {
    let m = report.measures();
    out.push_str(
        "<h2>How long it took</h2>\n<p>Each dot is one figure, from left to right in order of size: half of them lie left of \
         the middle. The scale is logarithmic.</p>\n<div class=\"plots\">\n",
    );
    for (title, figures) in [
        ("Send to accepted", &m.accepted),
        ("Send to delivered", &m.delivered),
        ("Follow-up lateness", &m.late),
        ("Recovery: start to first answer", &m.recovery),
    ] {
        plot(title, figures, out);
    }
    if !m.list_lag.is_empty() {
        plot("Lag of the provider's list", &m.list_lag, out);
    }
    out.push_str("</div>\n");
}

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 150.0;
/// Room for the words of the scale, left; and below.
const LEFT: f64 = 52.0;
const BELOW: f64 = 18.0;
/// The most dots of a plot: more would lie upon one another.
const DOTS_MAX: usize = 400;

fn plot(title: &str, figures: &[i64], out: &mut String) {
    let _ = write!(out, "<figure>\n<figcaption>{title}: ");
    let (Some(p50), Some(p95), Some(max)) =
        (percentile(figures, 50), percentile(figures, 95), percentile(figures, 100))
    else {
        out.push_str("no figures</figcaption>\n</figure>\n");
        return;
    };
    let _ = writeln!(
        out,
        "median {p50} ms, 95&nbsp;% within {p95} ms, at most {max} ms ({} figures)</figcaption>",
        figures.len()
    );
    let mut sorted = figures.to_vec();
    sorted.sort_unstable();
    let float = |ms: i64| f64::from(i32::try_from(ms.max(1)).unwrap_or(i32::MAX));
    let top = float(max).log10().ceil().max(1.0);
    let (w, h) = (WIDTH - LEFT - 8.0, HEIGHT - BELOW - 8.0);
    let y = |ms: i64| 8.0 + h * (1.0 - float(ms).log10() / top);
    let _ = writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}: median {p50} ms, 95 % within {p95} ms, at most {max} ms\">"
    );
    let mut power = 1_i64;
    for _ in 0..=10 {
        if float(power).log10() > top + 0.01 {
            break;
        }
        let (line, label) =
            (y(power), if power >= 1_000 { format!("{} s", power / 1_000) } else { format!("{power} ms") });
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{line:.1}\" y2=\"{line:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            WIDTH - 8.0,
            LEFT - 5.0,
            line + 3.5
        );
        power = power.saturating_mul(10);
    }
    let count = sorted.len();
    let step = count.div_ceil(DOTS_MAX).max(1);
    let share = |i: usize| {
        let of = f64::from(u32::try_from(count.max(2) - 1).unwrap_or(1));
        f64::from(u32::try_from(i).unwrap_or(0)) / of
    };
    for (i, ms) in sorted.iter().enumerate().filter(|(i, _)| i % step == 0 || i + 1 == count) {
        let _ = write!(out, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2\"/>", LEFT + w * share(i), y(*ms));
    }
    for (at, word, anchor) in [(0.0, "fastest", "start"), (0.5, "median", "middle"), (1.0, "slowest", "end")] {
        let _ = write!(
            out,
            "\n<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{word}</text>",
            LEFT + w * at,
            HEIGHT - 4.0
        );
    }
    out.push_str("\n</svg>\n</figure>\n");
}

fn scenarios(report: &Report, out: &mut String) {
    out.push_str("<h2>Scenarios</h2>\n");
    for o in &report.outcomes {
        scenario(o, report, out);
    }
}

fn scenario(o: &Outcome, report: &Report, out: &mut String) {
    let (mark, open) = match o.verdict() {
        "held" => ("&#10003;", ""),
        "broken" => ("&#10007;", " open"),
        _ => ("&#8211;", ""),
    };
    let _ = write!(
        out,
        "<details{open}>\n<summary class=\"{}\"><span aria-hidden=\"true\">{mark}</span> <strong>{}</strong> {}: {} <small>({}, {:.1} s)</small></summary>\n",
        match o.verdict() {
            "held" => "good",
            "broken" => "bad",
            _ => "",
        },
        escaped(&o.name),
        o.verdict(),
        escaped(&o.title),
        escaped(&o.fault),
        seconds(o.took_ms)
    );
    let _ = write!(
        out,
        "<p>{} calls, {} attempts, {} texts; time passed by {}. Again: <code>{}</code></p>\n<ul>\n",
        o.judged.calls,
        o.judged.attempts,
        o.judged.texts,
        o.time,
        escaped(&report.again(o))
    );
    if let Some(why) = &o.skipped {
        let _ = writeln!(out, "<li>skipped: {}</li>", escaped(why));
    }
    for c in &o.checks {
        let seen =
            if c.held || c.seen.is_empty() { String::new() } else { format!(" &ndash; seen: {}", escaped(&c.seen)) };
        let word = if c.held { "held" } else { "broken" };
        let _ = writeln!(
            out,
            "<li class=\"{}\">{word}: {}{seen}</li>",
            if c.held { "good" } else { "bad" },
            escaped(&c.what)
        );
    }
    for wrong in o.judged.wrongs() {
        let _ = writeln!(out, "<li class=\"bad\">broken: {}</li>", escaped(&wrong));
    }
    if o.judged.wrongs().is_empty() && o.skipped.is_none() {
        out.push_str("<li class=\"good\">held: nothing lost, nothing doubled, nothing unexpected</li>\n");
    }
    out.push_str("</ul>\n</details>\n");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::check::Judgement;
    use super::super::mirror::compare::Rows;
    use super::super::outcome::{Check, Measures};
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
    fn the_page_is_whole_needs_nothing_and_lets_nothing_in() {
        for held in [true, false] {
            let page = page(&report(held));
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
            assert!(page.matches("<circle").count() <= 2 * DOTS_MAX, "a crowd of figures is thinned");
        }
    }
}
