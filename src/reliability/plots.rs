//! The plots of a report: where their dots, lines and words stand.

use serde_json::{Value, json};

use super::outcome::{Measures, percentile};

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 150.0;
/// Room for the words of the scale, left; and below.
const LEFT: f64 = 52.0;
const BELOW: f64 = 18.0;
/// Room at the other edges.
const EDGE: f64 = 8.0;
/// The most dots of a plot: more would lie upon one another.
pub(super) const DOTS_MAX: usize = 400;

/// Figures of one kind.
type Kind = fn(&Measures) -> &Vec<i64>;
const ALWAYS: [(&str, Kind); 4] = [
    ("Send to accepted", |m| &m.accepted),
    ("Send to delivered", |m| &m.delivered),
    ("Follow-up lateness", |m| &m.late),
    ("Recovery: start to first answer", |m| &m.recovery),
];
const LAG: (&str, Kind) = ("Lag of the provider's list", |m| &m.list_lag);

/// One for each kind of figure; each names the scenario of its worst one.
pub(super) fn all(of: &[(&str, &Measures)]) -> Vec<Value> {
    let has_lag = of.iter().any(|(_, m)| !m.list_lag.is_empty());
    let kinds = ALWAYS.into_iter().chain(has_lag.then_some(LAG));
    kinds
        .map(|(title, kind)| {
            let figures: Vec<i64> = of.iter().flat_map(|(_, m)| kind(m)).copied().collect();
            let worst = of.iter().filter_map(|(name, m)| Some((*kind(m).iter().max()?, *name))).max();
            plot(title, &figures, worst.map(|(_, name)| name).unwrap_or_default())
        })
        .collect()
}

fn plot(title: &str, figures: &[i64], worst: &str) -> Value {
    let (Some(p50), Some(p95), Some(max)) =
        (percentile(figures, 50), percentile(figures, 95), percentile(figures, 100))
    else {
        return json!({ "title": title });
    };
    let float = |ms: i64| f64::from(i32::try_from(ms.max(1)).unwrap_or(i32::MAX));
    let top = float(max).log10().ceil().max(1.0);
    let (w, h) = (WIDTH - LEFT - EDGE, HEIGHT - BELOW - EDGE);
    let y = |ms: i64| EDGE + h * (1.0 - float(ms).log10() / top);
    let powers =
        std::iter::successors(Some(1_i64), |ms| ms.checked_mul(10)).take_while(|ms| float(*ms).log10() <= top + 0.01);
    let line = |ms: i64| {
        let label = if ms >= 1_000 { format!("{} s", ms / 1_000) } else { format!("{ms} ms") };
        json!({ "y": rounded(y(ms)), "label_y": rounded(y(ms) + 3.5), "label": label })
    };
    let mut sorted = figures.to_vec();
    sorted.sort_unstable();
    let count = sorted.len();
    let step = count.div_ceil(DOTS_MAX).max(1);
    let share = |i: usize| {
        let of = f64::from(u32::try_from(count.max(2) - 1).unwrap_or(1));
        f64::from(u32::try_from(i).unwrap_or(0)) / of
    };
    let dots = sorted.iter().enumerate().filter(|(i, _)| i % step == 0 || i + 1 == count);
    let words = [(0.0, "fastest", "start"), (0.5, "median", "middle"), (1.0, "slowest", "end")];
    json!({
        "title": title, "figures": count, "p50": p50, "p95": p95, "max": max, "worst": worst,
        "width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - EDGE,
        "grid": powers.take(11).map(line).collect::<Vec<_>>(),
        "dots": dots.map(|(i, ms)| json!([rounded(LEFT + w * share(i)), rounded(y(*ms))])).collect::<Vec<_>>(),
        "words": words.map(|(at, word, anchor)| json!([rounded(LEFT + w * at), word, anchor])),
    })
}

fn rounded(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}
