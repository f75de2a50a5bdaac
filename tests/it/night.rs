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

#[test]
fn figures_of_a_week_are_tables_csv_json_and_a_page() {
    let shop = Shop::new();
    shop.expect(0, &["send", "--call-id", "told", "--issue", "no <b>heat</b>", "--caller", "+19495550150"]);
    shop.expect(0, &["ack", "told", "--for", "sam"]);
    let doc = shop.expect(0, &["report", "--from", "1h", "--to", "2150-01-05T00:00:00Z", "-o", "json"]).json();
    let f = &doc["figures"];
    assert_eq!((&f["calls"], &f["taken"]["count"], &f["unanswered"]), (&json!(1), &json!(1), &json!(0)), "{doc}");
    let sam = f["technicians"].as_array().expect("a list").iter().find(|t| t["contact"] == "sam").expect("sam");
    assert_eq!((&sam["name"], &sam["notices"], &sam["taken"]), (&json!("Sam Ortiz"), &json!(1), &json!(1)), "{doc}");
    let csv = shop.expect(0, &["report", "--from", "1h", "--technicians", "-o", "csv"]).stdout;
    assert!(csv.starts_with("TECHNICIAN,SHIFTS") && csv.contains("Sam Ortiz,"), "{csv}");
    let page = shop.expect(0, &["report", "--night", "-o", "html"]).stdout;
    assert!(
        page.starts_with("<!doctype html>") && page.contains("no &lt;b&gt;heat") && page.contains("1 call,"),
        "{page}"
    );

    let past = shop.expect(0, &["report", "--week", "2020-W05", "-o", "json"]).json();
    assert_eq!((&past["week"], &past["figures"]["calls"]), (&json!("2020-W05"), &json!(0)), "{past}");
    let words = shop.expect(0, &["report", "--week"]).stdout;
    assert!(words.contains("no calls") && words.contains("FIGURE") && words.contains("nights with a gap"), "{words}");
    let page = shop.expect(0, &["report", "--week", "-o", "html"]).stdout;
    assert!(page.contains("<table") && !page.contains("http"), "{page}");
    for bad in [&["report", "--week", "2020-05"][..], &["report", "--week", "--night"], &["status", "-o", "html"]] {
        shop.expect(2, bad);
    }
}
