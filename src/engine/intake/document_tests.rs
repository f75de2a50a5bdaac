//! What of a body is read, kept, named and left out.

use serde_json::json;

use super::*;
use crate::engine::intake::json::read;

fn over_the_api(body: Value) -> Intake {
    from_json(&Document::plain(body), Validation::Lenient).expect("read")
}

#[test]
fn a_key_that_means_nothing_is_named_with_its_place() {
    for (body, unknown) in [
        (json!({"callId": "a", "callData": {"callId": "a", "issueSummary": "No heat", "body": "x"}}), vec![]),
        (json!({"callId": "a", "issueSummary": "No heat", "contact": "sam"}), vec![]),
        (json!({"callData": null, "issueSummary": "No heat"}), vec![]),
        (json!({"callId": "a", "issueSummary": "No heat", "issue": "x", "trace": 7}), vec!["issue", "trace"]),
        (
            json!({"callData": {"issue": "No heat", "address": "x"}, "trace": 7, "contact": "sam"}),
            vec!["trace", "callData.issue"],
        ),
    ] {
        assert_eq!(unknown_keys(&body), unknown, "{body}");
    }
}

#[test]
fn a_body_whose_fields_are_empty_says_nothing_of_the_emergency_and_its_other_keys_are_named() {
    for (data, named) in [
        (json!({"issueSummary": ""}), None),
        (json!({"issueSummary": null}), None),
        (json!({"issueSummary": " "}), None),
        (json!({"issueSummary": []}), None),
        (json!({"issueSummary": "", "problem": "No heat"}), Some("callData.problem")),
    ] {
        let repaired = over_the_api(json!({ "callData": data })).repaired;
        assert!(repaired.iter().any(|r| r.contains("nothing of the emergency")), "{data}: {repaired:?}");
        assert!(named.is_none_or(|key| repaired.iter().any(|r| r.contains(key))), "{data}: {repaired:?}");
    }
}

#[test]
fn what_nobody_reads_is_kept_and_only_a_very_long_value_is_shortened() {
    // With its quotes it takes just half of the room.
    let fits = "y".repeat(EXTRA_BYTES_MAX / 2 - 2);
    let long = "ö".repeat(EXTRA_BYTES_MAX / 2);
    let taken = over_the_api(json!({"issueSummary": "No heat", "fits": fits, "lo\u{7}ng": long, "trace": 7}));
    let extra = &taken.data.extra;
    assert_eq!((extra["fits"].as_str(), &extra["trace"]), (Some(fits.as_str()), &json!(7)));
    let kept = extra["lo\u{7}ng"].as_str().unwrap_or_default();
    assert_eq!((kept.chars().count(), kept.ends_with("ö…")), (FIELD_CHARACTERS_MAX, true));
    assert_eq!(taken.repaired.len(), 1, "{:?}", taken.repaired);
    assert!(taken.repaired[0].starts_with("long has "), "{:?}", taken.repaired);
}

#[test]
fn what_nobody_reads_and_finds_no_room_is_left_out_and_the_emergency_goes_on() {
    let half = "y".repeat(EXTRA_BYTES_MAX / 2 - 2);
    let taken = over_the_api(json!({"issueSummary": "No heat", "one": half, "two": half, "trace": 7}));
    assert_eq!(taken.data.extra.keys().collect::<Vec<_>>(), ["one", "trace"]);
    assert_eq!(taken.data.issue_summary.as_deref(), Some("No heat"));
    assert!(taken.repaired.iter().any(|r| r.contains("the rest is left out")), "{:?}", taken.repaired);
}

#[test]
fn a_field_that_just_fits_is_whole_and_a_longer_one_keeps_its_beginning() {
    for (given, is_whole) in [(FIELD_CHARACTERS_MAX, true), (FIELD_CHARACTERS_MAX + 1, false)] {
        let taken = over_the_api(json!({"issueSummary": "ö".repeat(given)}));
        let text = taken.data.issue_summary.unwrap_or_default();
        assert_eq!((text.chars().count(), text.ends_with('ö')), (FIELD_CHARACTERS_MAX, is_whole), "{given}");
        assert_eq!((taken.repaired.is_empty(), taken.whole.is_none()), (is_whole, is_whole), "{given}");
    }
}

#[test]
fn a_field_that_is_given_twice_counts_as_the_last_one_and_is_named() {
    let document = read(br#"{"issueSummary":"No heat","issueSummary":"No water"}"#).expect("JSON");
    let taken = from_json(&document, Validation::Lenient).expect("read");
    assert_eq!(taken.data.issue_summary.as_deref(), Some("No water"));
    assert_eq!(taken.repaired, ["issueSummary is given twice: the last counts"]);
}
