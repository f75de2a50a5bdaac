//! A run as JUnit, for build servers.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::outcome::Outcome;
use super::report::Report;

/// The document.
///
/// # Errors
/// It cannot be written down: a bug of ours.
pub fn document(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(report.suite);
    suite.set_time(ms(report.took_ms));
    suite.timestamp = report.started_at.to_string().parse().ok();
    suite.add_property(Property::new("seed", report.seed.to_string()));
    let rows = report.judged().rows;
    if rows.compared > 0 {
        suite.add_property(Property::new("airtable.rows", rows.compared.to_string()));
        suite.add_properties(rows.faults().map(|(name, n)| Property::new(format!("airtable.{name}"), n.to_string())));
    }
    suite.add_test_cases(report.outcomes.iter().map(|o| case(report.suite, o)));
    let mut whole = quick_junit::Report::new("dispatchctl");
    whole.set_time(ms(report.took_ms));
    whole.add_test_suite(suite);
    whole.to_string()
}

fn case(suite: &str, o: &Outcome) -> TestCase {
    let wrong = o.broken();
    let status = match (wrong.first(), &o.skipped) {
        (Some(first), _) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(first.as_str()).set_description(wrong.join("\n"));
            status
        }
        (None, Some(why)) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(why.as_str());
            status
        }
        (None, None) => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(o.name.as_str(), status);
    case.set_classname(format!("reliability.{suite}")).set_time(ms(o.took_ms));
    if !wrong.is_empty() && !o.log_tail.is_empty() {
        case.set_system_err(o.log_tail.join("\n"));
    }
    case
}

fn ms(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::mirror::compare::Rows;
    use super::super::report::tests::report;
    use super::*;

    fn junit(report: &Report) -> String {
        document(report).expect("a document")
    }

    #[test]
    fn junit_is_well_formed_whatever_was_seen() {
        let xml = junit(&report(false));
        assert!(
            xml.contains("failures=\"1\"")
                && xml.contains("<failure message=\"x &lt; y; seen: no &amp; &lt;never&gt;\">")
        );
        assert!(xml.contains("last &lt;words&gt;"), "{xml}");
        // Every tag that is opened is closed, and nothing steers a terminal.
        for tag in ["testsuites", "testsuite", "testcase", "failure", "system-err"] {
            let opened = xml.matches(&format!("<{tag} ")).count() + xml.matches(&format!("<{tag}>")).count();
            assert_eq!(opened, xml.matches(&format!("</{tag}>")).count(), "{tag}: {xml}");
        }
        assert!(!xml.contains('\u{1b}'));
        let xml = junit(&report(true));
        assert!(xml.contains("failures=\"0\"") && !xml.contains("<failure"), "{xml}");
    }

    #[test]
    fn what_was_skipped_and_what_was_compared_is_told() {
        let mut told = report(true);
        assert!(!junit(&told).contains("airtable"));
        for o in &mut told.outcomes {
            o.judged.rows = Rows { compared: 100, missing: 1, twins: 2, foreign: 3, ..Rows::default() };
        }
        let xml = junit(&told);
        for want in ["name=\"airtable.rows\" value=\"100\"", "name=\"airtable.twins\" value=\"2\"", "name=\"seed\""] {
            assert!(xml.contains(want), "{want}: {xml}");
        }
        told.outcomes.iter_mut().for_each(|o| o.skipped = Some("no <reason>".into()));
        let xml = junit(&told);
        assert!(xml.contains("skipped=\"1\"") && xml.contains("<skipped message=\"no &lt;reason&gt;\"/>"), "{xml}");
        assert!(xml.contains("timestamp=\"2026-11-22T02:04:00.000+00:00\""), "{xml}");
    }
}
