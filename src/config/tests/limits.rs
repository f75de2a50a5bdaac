//! `[limits]`.

use super::*;

const PEOPLE: &str = r#"
[[contacts]]
id = "sam"
phone = "+19495550101"
role = "primary"
[[contacts]]
id = "kit"
phone = "+447700900123"
role = "backup"
"#;

fn load(text: &str) -> Bench {
    Bench::new().toml(&format!("{PEOPLE}{text}"))
}

#[test]
fn nothing_is_bounded_until_somebody_says_so() {
    let c = load("").load();
    assert_eq!(c.limits, crate::domain::limits::SpendLimits::default());
    assert!(!c.limits.counts());
    assert!(!c.warnings.iter().any(|w| w.contains("limits")), "{:?}", c.warnings);
}

#[test]
fn bounds_are_read_and_a_contact_of_another_country_is_warned_of() {
    let c = load("[limits]\nper_contact_per_hour = 6\nmessages_per_hour = 300\ncountries = [\"+1\", \"49\"]\n").load();
    assert_eq!((c.limits.per_contact_per_hour, c.limits.messages_per_hour), (6, 300));
    assert_eq!(c.limits.countries.iter().map(String::as_str).collect::<Vec<_>>(), ["1", "49"]);
    let warned: Vec<_> = c.warnings.iter().filter(|w| w.contains("limits.countries")).collect();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("contact kit has a number of +44"), "{warned:?}");
    let c = load("[limits]\ncountries = [\"+1\", \"+44\"]\n").load();
    assert!(!c.warnings.iter().any(|w| w.contains("limits")), "{:?}", c.warnings);
}

#[test]
fn what_no_bound_is_is_an_error_that_names_the_form() {
    for (text, says) in [
        ("per_contact_per_hour = -1", "limits.per_contact_per_hour"),
        ("messages_per_hour = \"many\"", "limits.messages_per_hour"),
        ("countries = [\"US\"]", "several share a calling code"),
        ("countries = [\"+999\"]", "no calling code of a country"),
        ("countries = [\"+1949\"]", "no calling code of a country"),
        ("countries = [\"\"]", "no calling code of a country"),
        ("countries = \"+1\"", "limits.countries"),
        ("per_contact = 3", "did you mean `limits.per_contact_per_hour`"),
    ] {
        let problems = load(&format!("[limits]\n{text}\n")).errors();
        assert!(problems.contains(says), "{text}: {problems}");
    }
}
