//! The list of a night, as a command shows it: from the store alone, beside an engine and without one.

use serde_json::{Value, json};

use crate::support::Shop;

fn ids(doc: &Value) -> Vec<&str> {
    let calls = doc["calls"].as_array().expect("calls");
    calls.iter().map(|c| c["callId"].as_str().expect("an id")).collect()
}

#[test]
fn the_list_of_a_night_names_those_to_be_rung_back_first_until_a_person_has_seen_them() {
    let shop = Shop::new();
    shop.send("told", &[]);
    let drip = ["--level", "Non-Emergency", "--issue", "A tap drips, \"slowly\"", "--address", "1 Elm St", "--caller"];
    for (id, phone) in [("drip", "+19495550150"), ("drop", "+19495550151")] {
        shop.expect(0, &[&["send", "--call-id", id][..], &drip, &[phone]].concat());
    }
    shop.expect(0, &["ack", "told", "--for", "sam"]);
    shop.expect(0, &["seen", "drop"]);

    let doc = shop.expect(0, &["report", "--night", "-o", "json"]).json();
    assert_eq!(ids(&doc), ["drip", "told", "drop"], "{doc}");
    assert!(doc["night"].is_string(), "{doc}");
    let first = &doc["calls"][0];
    assert_eq!(
        [&first["state"], &first["callerPhone"], &first["address"], &first["deferredBy"]],
        [&json!("ring back"), &json!("+19495550150"), &json!("1 Elm St"), &json!("level morning")]
    );
    let told = &doc["calls"][1];
    assert_eq!((&told["state"], &told["takenBy"]), (&json!("taken"), &json!("Sam Ortiz")), "{told}");
    assert!(told["toldAfterMs"].is_u64() && told["takenAfterMs"].is_u64(), "{told}");

    let text = shop.expect(0, &["report"]);
    assert!(text.stdout.contains("1 to ring back, 1 taken, 1 seen"), "{text:?}");
    assert!(text.stdout.contains("+19495550150") && text.stderr.contains("dispatchctl seen CALL"), "{text:?}");
    let csv = shop.expect(0, &["report", "--night", "-o", "csv"]).stdout;
    let mut read = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<csv::StringRecord> = read.records().map(|r| r.expect("a row")).collect();
    assert_eq!((rows.len(), &rows[0][9]), (3, "A tap drips, \"slowly\""), "{csv}");

    // A night of another year has nothing but what still waits from before its end.
    let past = shop.expect(0, &["report", "--night", "2020-01-05", "-o", "json"]).json();
    assert_eq!((ids(&past), &past["night"]), (Vec::new(), &json!("2020-01-05")));
    let later = shop.expect(0, &["report", "--night", "2150-01-05", "-o", "json"]).json();
    assert_eq!(ids(&later), ["drip"], "it still waits");
    let hour = shop.expect(0, &["report", "--from", "1h", "-o", "json"]).json();
    assert_eq!((ids(&hour).len(), &hour["night"]), (3, &Value::Null));
    for bad in [&["--night", "yesterday"][..], &["--until", "1h"], &["--night", "--from", "1h"]] {
        shop.expect(2, &[&["report"][..], bad].concat());
    }
    shop.expect(0, &["resolve", "drip"]);
    assert!(shop.expect(0, &["report"]).stdout.contains("1 resolved"));
}
