//! The bases that shops have: what they refuse, a client must not send.

use serde_json::json;

use super::*;

const EVENTS: &str = "Dispatch%20Events";

async fn on(base: &str) -> Bench {
    let b = Bench::start().await.unhurried().await;
    b.base_admin(json!({ "do": "use_base", "base": base }));
    b
}

async fn write(b: &Bench, table: &str, rows: Value) -> (u16, Value) {
    b.airtable("POST", table, json!({ "records": rows })).await
}

#[tokio::test]
async fn a_batch_with_one_wrong_cell_is_refused_whole() {
    for (base, good, unknown) in [("P", "SENT", "sent"), ("X", "Sent", "SENT")] {
        let b = on(base).await;
        for (wrong, kind) in [
            (json!({ "Delivery Status": unknown }), "INVALID_MULTIPLE_CHOICE_OPTIONS"),
            (json!({ "Call": "c1" }), "INVALID_VALUE_FOR_COLUMN"),
            (json!({ "Call": ["recAAAAAAAAAAAAAA"] }), "ROW_DOES_NOT_EXIST"),
            (json!({ "Acknowledged": "yes" }), "INVALID_VALUE_FOR_COLUMN"),
            (json!({ "No.": 7 }), "INVALID_VALUE_FOR_COLUMN"),
            (json!({ "Step": 1 }), "UNKNOWN_FIELD_NAME"),
        ] {
            let rows = json!([{ "fields": { "Delivery Status": good } }, { "fields": wrong }]);
            let (status, answer) = write(&b, EVENTS, rows).await;
            assert_eq!((status, answer["error"]["type"].as_str()), (422, Some(kind)), "{base}: {wrong}");
        }
        assert_eq!(b.sandbox.airtable_rows("Dispatch Events").len(), 0, "nothing of it is written");
    }
}

#[tokio::test]
async fn links_take_records_that_are_there_and_lose_those_that_go() {
    let b = on("X").await;
    let (_, call) = write(&b, "Calls", json!([{ "fields": { "Call ID": "c1", "Status": "New" } }])).await;
    let call = call["records"][0]["id"].as_str().expect("made").to_owned();
    let row = json!([{ "fields": { "Call": [call], "Acknowledged": true, "Delivery Status": "Sent" } }]);
    let (status, answer) = write(&b, EVENTS, row).await;
    assert_eq!((status, &answer["records"][0]["fields"]["Call"]), (200, &json!([call])));
    b.base_admin(json!({ "do": "delete_record", "table": "Calls", "id": call }));
    let rows = b.sandbox.airtable_rows("Dispatch Events");
    assert!(!rows[0].fields.contains_key("Call"), "{:?}", rows[0]);
    assert_eq!(rows[0].fields["Acknowledged"], json!(true));
}
