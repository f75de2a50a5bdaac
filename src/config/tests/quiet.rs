//! Quiet hours of levels.

use super::*;

const SAM: &str = "[[contacts]]\nid = \"sam\"\nphone = \"+19495550101\"\nrole = \"primary\"\n";

fn policy(name: &str, quiet: &str) -> String {
    format!("{SAM}[policies.{name}]\nquiet = {quiet}\nsteps = [ {{ wait = \"0s\", notify = [\"primary\"] }} ]\n")
}

#[test]
fn a_level_has_quiet_hours_of_the_day_and_none_without_the_key() {
    for (quiet, want) in
        [("\"22:00-07:00\"", Some("22:00-07:00")), ("\"9:00-17:30\"", Some("09:00-17:30")), ("\"\"", None)]
    {
        let c = Bench::new().toml(&policy("low", quiet)).load();
        let found = c.directory.default_line.policies["low"].quiet.as_ref().map(ToString::to_string);
        assert_eq!(found.as_deref(), want, "{quiet}");
    }
}

#[test]
fn level_high_has_none_and_what_is_no_span_of_the_day_is_refused_with_its_key() {
    for (name, quiet, why) in [
        ("high", "\"22:00-07:00\"", "policies.high.quiet"),
        ("HIGH", "\"22:00-07:00\"", "level high has no quiet hours"),
        ("low", "\"22:00\"", "policies.low.quiet"),
        ("low", "\"22:00-22:00\"", "the whole day"),
        ("low", "\"sat 22:00-07:00\"", "is no time span"),
        ("low", "true", "policies.low.quiet"),
    ] {
        let said = Bench::new().toml(&policy(name, quiet)).errors();
        assert!(said.contains(why), "{name} {quiet}: {said}");
    }
}
