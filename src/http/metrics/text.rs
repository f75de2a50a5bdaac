//! Metrics as text, in the format 0.0.4 of Prometheus: each family once, its help and its type before its samples.
//! Source: prometheus/docs, `content/docs/instrumenting/exposition_formats.md`.

use std::fmt::Write as _;

use crate::domain::Timestamp;

/// The media type of the format.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// A line, a level, a code or a sender that is not ours to name: labels stay few.
pub(super) const OTHER: &str = "other";
/// What every name begins with.
const PREFIX: &str = "dispatchctl_";

/// What a family counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum FamilyType {
    /// It never falls while the process lives; its name ends in `_total`.
    Counter,
    /// It is what it is now.
    Gauge,
}

/// Names and values.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// A distribution: counts of what is at most a bound, their number and their sum.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    bounds: &'static [f64],
    counts: Vec<u64>,
    count: u64,
    sum: f64,
}

impl Histogram {
    /// `bounds` rise.
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len()], count: 0, sum: 0.0 }
    }

    /// What was counted elsewhere: `counts` of what is at most each bound.
    pub(super) fn of(bounds: &'static [f64], counts: Vec<u64>, count: u64, sum: f64) -> Self {
        Self { bounds, counts, count, sum }
    }

    pub(super) fn observe(&mut self, value: f64) {
        for (bound, count) in self.bounds.iter().zip(&mut self.counts) {
            *count += u64::from(value <= *bound);
        }
        self.count += 1;
        self.sum += value;
    }
}

/// The text as it grows.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
}

impl Exposition {
    /// A family with all of its samples; `name` without our prefix.
    pub(super) fn family<'a>(
        &mut self,
        name: &str,
        kind: FamilyType,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'a str, String)>, f64)>,
    ) {
        let word = match kind {
            FamilyType::Counter => "counter",
            FamilyType::Gauge => "gauge",
        };
        self.head(&format!("{PREFIX}{name}"), word, help);
        for (labels, value) in samples {
            let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            self.sample(&format!("{PREFIX}{name}"), &labels, value);
        }
    }

    /// A family of one sample without labels.
    pub(super) fn single(&mut self, name: &str, kind: FamilyType, help: &str, value: f64) {
        self.family(name, kind, help, [(Vec::new(), value)]);
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, h: &Histogram) {
        let name = format!("{PREFIX}{name}");
        self.head(&name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, count) in h.bounds.iter().zip(&h.counts) {
            self.sample(&bucket, &[("le", &bound.to_string())], as_f64(*count));
        }
        self.sample(&bucket, &[("le", "+Inf")], as_f64(h.count));
        self.sample(&format!("{name}_sum"), &[], h.sum);
        self.sample(&format!("{name}_count"), &[], as_f64(h.count));
    }

    /// One that every process has, under its own name.
    pub(super) fn of_process(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, "gauge", help);
        self.sample(name, &[], value);
    }

    pub(super) fn text(self) -> String {
        self.text
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: f64) {
        self.text.push_str(name);
        for (i, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{}{label}=\"{value}\"", if i == 0 { '{' } else { ',' });
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// A count as the format has it: exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "no count of ours comes near to 2^53")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// A moment in seconds since 1970; 0: there was none.
pub(super) fn moment(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| millis(at.as_millis()))
}

/// Milliseconds since 1970 as the format has them.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in a double for ages")]
pub(super) fn millis(at: i64) -> f64 {
    at as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_its_head_once_and_labels_are_escaped() {
        let mut e = Exposition::default();
        e.family(
            "calls_open",
            FamilyType::Gauge,
            "Two\nlines.",
            [(vec![("line", "A \"B\" \\ C\nD".to_owned()), ("level", "high".to_owned())], 2.0), (Vec::new(), 0.5)],
        );
        let want = "# HELP dispatchctl_calls_open Two\\nlines.\n# TYPE dispatchctl_calls_open gauge\n\
                    dispatchctl_calls_open{line=\"A \\\"B\\\" \\\\ C\\nD\",level=\"high\"} 2\ndispatchctl_calls_open 0.5\n";
        assert_eq!(e.text(), want);
    }

    #[test]
    fn a_histogram_counts_what_is_at_most_a_bound() {
        let mut h = Histogram::new(&[1.0, 2.5]);
        for value in [0.5, 1.0, 2.0, 9.0] {
            h.observe(value);
        }
        let mut e = Exposition::default();
        e.histogram("x_seconds", "X.", &h);
        let want = "# HELP dispatchctl_x_seconds X.\n# TYPE dispatchctl_x_seconds histogram\n\
                    dispatchctl_x_seconds_bucket{le=\"1\"} 2\ndispatchctl_x_seconds_bucket{le=\"2.5\"} 3\n\
                    dispatchctl_x_seconds_bucket{le=\"+Inf\"} 4\ndispatchctl_x_seconds_sum 12.5\ndispatchctl_x_seconds_count 4\n";
        assert_eq!(e.text(), want);
    }
}
