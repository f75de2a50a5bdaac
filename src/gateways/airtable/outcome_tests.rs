//! What each answer of `fixtures/airtable` means to each kind of request, and that every row of the table is one of them.

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::errors::{TABLE, meaning};
use super::tests::{TOKEN, client, fixture, rec, row};
use super::*;

fn word<T>(outcome: Result<T, MirrorError>, answer: impl FnOnce(T) -> String) -> String {
    let seconds = |d: Option<Duration>| d.map_or(0, |d| d.as_secs());
    match outcome {
        Ok(value) => answer(value),
        Err(MirrorError::Refused(refusal)) => match refusal.scope {
            RefusalScope::Row => "row".to_owned(),
            RefusalScope::Request => "request".to_owned(),
            RefusalScope::Field(name) => format!("field {}", name.unwrap_or_default()),
            RefusalScope::Access => "access".to_owned(),
            RefusalScope::Auth => "auth".to_owned(),
            RefusalScope::AlreadyThere => "there".to_owned(),
        },
        Err(MirrorError::RateLimited { .. }) => "rest".to_owned(),
        Err(MirrorError::Billing { .. }) => "billing".to_owned(),
        Err(MirrorError::Retryable { retry_after, .. }) => format!("again {}", seconds(retry_after)),
        Err(MirrorError::Unknown { retry_after, .. }) => format!("unknown {}", seconds(retry_after)),
        Err(MirrorError::TooBig) => "too big".to_owned(),
        Err(MirrorError::IteratorGone) => "iterator".to_owned(),
        Err(MirrorError::NotFound { .. }) => "not found".to_owned(),
    }
}

/// The sample; then what it means to a list, a get, an update, and an upsert (a create and the meta API's makers alike).
const SAMPLES: &[(&str, [&str; 3])] = &[
    ("error_400_bad_request.json", ["request"; 3]),
    ("error_401_authentication_required.json", ["auth"; 3]),
    ("error_402_quota.json", ["billing"; 3]),
    ("error_403_permissions.json", ["access"; 3]),
    ("error_403_permissions_or_model.json", ["access"; 3]),
    ("error_403_proxy.html", ["access"; 3]),
    ("error_404_model.json", ["row", "not found", "row"]),
    ("error_404_proxy.html", ["access"; 3]),
    ("error_404_table.json", ["access"; 3]),
    ("error_404_text.json", ["access", "not found", "access"]),
    ("error_408_proxy.html", ["again 2", "unknown 2", "unknown 2"]),
    ("error_413_too_big.json", ["too big"; 3]),
    ("error_418_new_status.json", ["request"; 3]),
    ("error_422_choice.json", ["row"; 3]),
    ("error_422_duplicate_field.json", ["there"; 3]),
    ("error_422_formula.json", ["request"; 3]),
    ("error_422_iterator.json", ["iterator"; 3]),
    ("error_422_missing_fields.json", ["request"; 3]),
    ("error_422_new_type.json", ["request"; 3]),
    ("error_422_no_error.json", ["request"; 3]),
    ("error_422_offset.json", ["iterator"; 3]),
    ("error_422_records.json", ["request"; 3]),
    ("error_422_request_unknown.json", ["request"; 3]),
    ("error_422_row.json", ["row", "not found", "row"]),
    ("error_422_sentence.json", ["request"; 3]),
    ("error_422_unknown_field.json", ["field Delivery Status", "field Delivery Status", "field Delivery Status"]),
    ("error_422_unknown_field_not_ours.json", ["field "; 3]),
    ("error_422_value.json", ["row"; 3]),
    ("error_429_billing.json", ["billing"; 3]),
    ("error_429_billing_object.json", ["billing"; 3]),
    ("error_429_proxy.html", ["rest"; 3]),
    ("error_429_rate_limit.json", ["rest"; 3]),
    ("error_500_proxy.html", ["again 2", "unknown 2", "unknown 2"]),
    ("error_500_server.json", ["again 2", "unknown 2", "unknown 2"]),
    ("error_502_proxy.html", ["again 2", "again 2", "unknown 2"]),
    ("error_503_bare.json", ["again 2", "again 2", "unknown 2"]),
    ("error_503_proxy.html", ["again 2", "again 2", "unknown 2"]),
    ("error_503_retriable.json", ["again 2"; 3]),
    ("error_504_proxy.html", ["again 2", "unknown 2", "unknown 2"]),
    ("error_302_proxy.html", ["again 2", "unknown 2", "unknown 2"]),
    // Answers of the right status and another request.
    ("bases_200_page_0.json", ["again 0", "unknown 0", "unknown 0"]),
    ("bases_200_page_1.json", ["again 0", "unknown 0", "unknown 0"]),
    ("create_200_two.json", ["2 true", "2", "2"]),
    ("delete_200_two.json", ["0 false", "unknown 0", "unknown 0"]),
    ("field_200_made.json", ["again 0", "unknown 0", "unknown 0"]),
    ("get_200_record.json", ["again 0", "unknown 0", "unknown 0"]),
    ("list_200_empty.json", ["0 true", "unknown 0", "unknown 0"]),
    ("list_200_no_list.json", ["again 0", "unknown 0", "unknown 0"]),
    ("list_200_odd_items.json", ["1 false", "unknown 0", "unknown 0"]),
    ("list_200_odd_offset.json", ["again 0", "unknown 0", "unknown 0"]),
    ("list_200_page.html", ["again 0", "unknown 0", "unknown 0"]),
    // The same page again and again: its place is no place.
    ("list_200_page_0.json", ["iterator", "2", "2"]),
    ("list_200_page_1.json", ["2 true", "unknown 0", "2"]),
    ("list_200_truncated.txt", ["again 0", "unknown 0", "unknown 0"]),
    ("tables_200.json", ["again 0", "unknown 0", "unknown 0"]),
    ("upsert_200_made_and_changed.json", ["2 true", "2", "2"]),
    ("whoami_200.json", ["again 0", "unknown 0", "unknown 0"]),
];

fn status(name: &str) -> u16 {
    name.split(['_', '.']).find_map(|part| part.parse().ok().filter(|n| *n >= 200)).expect("a status in the name")
}

#[tokio::test]
async fn every_sample_of_the_folder_means_one_thing_to_each_request() {
    for (name, want) in SAMPLES {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status(name))
            .set_body_bytes(fixture(name))
            .insert_header("Retry-After", "2")
            .insert_header("Location", server.uri().as_str());
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let rows = [row(1).with("Delivery Status", "Sam Ortiz, +1 949 555 0101"), row(2)];
        let changes = [1, 2].map(|n| RecordChange { id: rec(n), fields: rows[n - 1].clone() });
        let filter = super::super::Formula::equals("Delivery Status", "it's +19495550101");
        let query = Query::of("Dispatch Events").filter(filter).fields(["Event ID", "Delivery Status"]);

        // One client each, so that none rests for another's 429.
        let made = [(); 3].map(|()| client(&server.uri()));
        let listed = made[0].list(&query).await;
        let updated = made[1].update("Dispatch Events", &changes, Typecast::Off).await;
        let upserted = made[2].upsert("Dispatch Events", &["Event ID"], &rows, Typecast::Off).await;

        let errors = [listed.as_ref().err(), updated.as_ref().err(), upserted.as_ref().err()];
        let shown: Vec<String> =
            errors.into_iter().flatten().flat_map(|e| [format!("{e}"), format!("{e:?}")]).collect();
        for secret in [TOKEN, "5550101", "555 0101", "Sam Ortiz", "it's"] {
            assert!(shown.iter().all(|s| !s.contains(secret)), "{name}: {secret} in {shown:?}");
        }
        let found = [
            word(listed, |l| format!("{} {}", l.records.len(), l.complete)),
            word(updated, |r| r.len().to_string()),
            word(upserted, |u| u.records.len().to_string()),
        ];
        assert_eq!(found, *want, "{name}");
        let asked = server.received_requests().await.expect("recorded").len();
        let lists = if want[0] == "iterator" && status(name) == 200 {
            2 * LISTS_MAX
        } else if want[0] == "iterator" {
            LISTS_MAX
        } else {
            1
        };
        assert_eq!(asked, lists + 2, "{name}: nothing is retried or redirected but a lost list");
        let counted: u64 = made.iter().map(|c| c.requests()).sum();
        assert_eq!(counted, asked as u64, "{name}: each request is counted");
        assert_eq!(made[2].resting_until().is_some(), want[2] == "rest", "{name}");
    }
    let folder = format!("{}/fixtures/airtable", env!("CARGO_MANIFEST_DIR"));
    let names = std::fs::read_dir(folder).expect("the folder").map(|e| e.expect("an entry").file_name());
    // Rows of the system that is replaced are records, not answers to be told apart.
    for name in names.filter_map(|n| n.into_string().ok()).filter(|n| !n.starts_with("old_system_")) {
        assert!(SAMPLES.iter().any(|(sample, ..)| *sample == name), "{name} is in no table");
    }
}

#[test]
fn every_row_of_the_table_has_a_sample_and_is_found() {
    let samples: Vec<(u16, Option<String>)> =
        SAMPLES.iter().map(|(name, _)| (status(name), wire::error(&fixture(name)).kind)).collect();
    for (n, (http, kind, want)) in TABLE.iter().enumerate() {
        assert_eq!(meaning(*http, *kind), *want, "{http} {kind:?}");
        assert!(TABLE.iter().skip(n + 1).all(|(h, k, _)| (h, k) != (http, kind)), "{http} {kind:?} is there twice");
        assert!(TABLE.iter().any(|(h, k, _)| h == http && k.is_none()), "{http} has no row for an unknown type");
        let has_sample = samples.iter().any(|(h, k)| h == http && (kind.is_none() || k.as_deref() == *kind));
        // 425 and 499 are as 408.
        assert!(has_sample || matches!(http, 425 | 499), "{http} {kind:?} has no sample");
    }
    for (http, kind) in [(429, "INVALID_VALUE_FOR_COLUMN"), (500, "NOT_FOUND"), (403, "A_TYPE_OF_TOMORROW")] {
        assert_eq!(meaning(http, Some(kind)), meaning(http, None), "a type counts under its own status alone");
    }
}

#[tokio::test]
async fn a_429_rests_the_base_for_what_is_asked_and_never_for_less_than_the_documented_time() {
    for (asked, at_least) in [("2", 30), ("90", 90), ("soon", 30)] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(429)
            .set_body_bytes(fixture("error_429_rate_limit.json"))
            .insert_header("Retry-After", asked);
        Mock::given(any()).respond_with(answer).up_to_n_times(1).mount(&server).await;
        let answer = ResponseTemplate::new(200).set_body_bytes(fixture("whoami_200.json"));
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let (client, clock) = super::tests::client_and_clock(&server.uri());
        let before = clock.now();
        let Err(MirrorError::RateLimited { until }) = client.whoami().await else { panic!("{asked}: no 429") };
        let rest = until.since(before);
        assert!((at_least..at_least + 4).contains(&rest.as_secs()), "{asked}: {rest:?}");
        assert_eq!(client.with_queue(Lane::Bulk).resting_until(), Some(until), "{asked}: all clones rest");
        client.with_queue(Lane::Bulk).whoami().await.expect("answered");
        assert!(clock.now() >= until, "{asked}: the next request waited by itself");
    }
}
