//! The Airtable base: records, types, upserts, lists, schema, rights, pace, and the base across lives.

use serde_json::json;

use super::*;

const EVENTS: &str = "Dispatch%20Events";

async fn bench() -> Bench {
    Bench::start().await.unhurried().await
}

fn kind(answer: &(u16, Value)) -> (u16, &str) {
    let error = &answer.1["error"];
    (answer.0, error["type"].as_str().or(error.as_str()).unwrap_or(""))
}

fn ids(answer: &Value) -> Vec<String> {
    let rows = answer["records"].as_array().map_or(&[][..], Vec::as_slice);
    rows.iter().filter_map(|r| r["id"].as_str()).map(str::to_owned).collect()
}

/// Rows with these keys; their ids.
async fn rows(b: &Bench, keys: &[&str]) -> Vec<String> {
    let mut made = Vec::new();
    for ten in keys.chunks(10) {
        let records: Vec<Value> = ten.iter().map(|k| json!({ "fields": { "Event ID": k } })).collect();
        let (status, answer) = b.airtable("POST", EVENTS, json!({ "records": records })).await;
        assert_eq!(status, 200, "{answer}");
        made.extend(ids(&answer));
    }
    made
}

fn keys(b: &Bench) -> Vec<String> {
    let rows = b.sandbox.airtable_rows("Dispatch Events");
    rows.iter().map(|r| r.fields["Event ID"].as_str().unwrap_or("").to_owned()).collect()
}

#[test]
fn the_fixed_credentials_are_the_configurations() {
    assert_eq!(DEFAULT_AIRTABLE_TOKEN, crate::config::SANDBOX_AIRTABLE_TOKEN);
    assert_eq!(DEFAULT_AIRTABLE_BASE, crate::config::SANDBOX_AIRTABLE_BASE_ID);
}

#[tokio::test]
async fn a_cell_is_read_back_as_its_type_says() {
    let b = bench().await;
    b.base_admin(json!({ "do": "add_table", "name": "Types", "fields": [
        { "name": "Text", "type": "singleLineText" },
        { "name": "Number", "type": "number", "options": { "precision": 2 } },
        { "name": "Moment", "type": "dateTime" },
        { "name": "Day", "type": "date" },
        { "name": "Check", "type": "checkbox" },
        { "name": "Select", "type": "singleSelect", "options": { "choices": [{ "name": "low" }] } },
        { "name": "Selects", "type": "multipleSelects", "options": { "choices": [{ "name": "x" }, { "name": "y" }] } },
        { "name": "Made", "type": "createdTime" },
        { "name": "Auto", "type": "autoNumber" },
    ] }));
    let refused = || Err("INVALID_VALUE_FOR_COLUMN");
    for (field, written, expected) in [
        ("Text", json!("a\nb "), Ok(json!("a\nb "))),
        ("Text", json!(""), Ok(Value::Null)),
        ("Text", json!(7), refused()),
        ("Number", json!(1.005), Ok(json!(1))),
        ("Number", json!(2.345), Ok(json!(2.35))),
        ("Number", json!(-0.126), Ok(json!(-0.13))),
        ("Number", json!(0), Ok(json!(0))),
        ("Number", json!("7"), refused()),
        ("Moment", json!("2026-11-22T06:00:00Z"), Ok(json!("2026-11-22T06:00:00.000Z"))),
        ("Moment", json!("2026-11-22T08:00:00.1234+02:00"), Ok(json!("2026-11-22T06:00:00.123Z"))),
        ("Moment", json!("2026-11-22"), Ok(json!("2026-11-22T00:00:00.000Z"))),
        ("Moment", json!("tomorrow"), refused()),
        ("Moment", json!(1_795_313_040), refused()),
        ("Day", json!("2026-11-22"), Ok(json!("2026-11-22"))),
        ("Day", json!("22.11.2026"), refused()),
        ("Check", json!(true), Ok(json!(true))),
        ("Check", json!(false), Ok(Value::Null)),
        ("Check", json!("yes"), refused()),
        ("Select", json!("low"), Ok(json!("low"))),
        ("Select", json!("high"), Err("INVALID_MULTIPLE_CHOICE_OPTIONS")),
        ("Selects", json!(["y", "x"]), Ok(json!(["y", "x"]))),
        ("Selects", json!([]), Ok(Value::Null)),
        ("Selects", json!(["z"]), Err("INVALID_MULTIPLE_CHOICE_OPTIONS")),
        ("Made", json!("2026-11-22T06:00:00Z"), refused()),
        ("Auto", json!(1), refused()),
        ("Nope", json!("x"), Err("UNKNOWN_FIELD_NAME")),
        ("text", json!("x"), Err("UNKNOWN_FIELD_NAME")),
    ] {
        let answer = b.airtable("POST", "Types", json!({ "fields": { field: written } })).await;
        match expected {
            Ok(value) => {
                assert_eq!((answer.0, &answer.1["fields"][field]), (200, &value), "{field} {written}");
                let absent = answer.1["fields"].as_object().is_some_and(|f| !f.contains_key(field));
                assert_eq!(absent, value.is_null(), "an empty cell has no key: {field} {written}");
            }
            Err(word) => assert_eq!(kind(&answer), (422, word), "{field} {written}"),
        }
    }
    let cast = json!({ "fields": { "Text": 7, "Number": "7.126", "Select": "urgent" }, "typecast": true });
    let (status, answer) = b.airtable("POST", "Types", cast).await;
    assert_eq!((status, &answer["fields"]["Select"]), (200, &json!("urgent")));
    assert_eq!((&answer["fields"]["Text"], &answer["fields"]["Number"]), (&json!("7"), &json!(7.13)));
    let again = b.airtable("POST", "Types", json!({ "fields": { "Select": "urgent" } })).await;
    assert_eq!(again.0, 200, "typecast has added the choice: {}", again.1);
    let created = answer["createdTime"].as_str().expect("a time");
    assert_eq!(answer["fields"]["Made"], created, "computed");
    assert!(created.len() == 24 && created.ends_with('Z'), "{created}");
}

#[tokio::test]
async fn one_bad_record_refuses_all_and_ten_is_the_most() {
    let b = bench().await;
    rows(&b, &["kept"]).await;
    let records = json!([{ "fields": { "Event ID": "new" } }, { "fields": { "Event ID": "bad", "Step": "two" } }]);
    let answer = b.airtable("POST", EVENTS, json!({ "records": records })).await;
    assert_eq!(kind(&answer), (422, "INVALID_VALUE_FOR_COLUMN"));
    let eleven = vec![json!({ "fields": { "Event ID": "x" } }); 11];
    for (method, body) in [
        ("POST", json!({ "records": eleven })),
        ("POST", json!({ "records": [] })),
        ("PATCH", json!({ "records": eleven, "performUpsert": { "fieldsToMergeOn": ["Event ID"] } })),
        ("PATCH", json!({ "records": [{ "fields": { "Event ID": "no id" } }] })),
    ] {
        assert_eq!(kind(&b.airtable(method, EVENTS, body).await), (422, "INVALID_RECORDS"), "{method}");
    }
    assert_eq!(kind(&b.airtable("POST", EVENTS, json!({})).await), (422, "INVALID_REQUEST_MISSING_FIELDS"));
    assert_eq!(keys(&b), ["kept"], "nothing of a refused request is written");
    rows(&b, &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]).await;
}

#[tokio::test]
async fn a_patch_keeps_what_it_does_not_name_and_a_put_empties_it() {
    let b = bench().await;
    let cells = json!({ "Event ID": "e1", "Contact": "Sam", "Step": 2 });
    let (_, made) = b.airtable("POST", EVENTS, json!({ "fields": cells })).await;
    let one = format!("{EVENTS}/{}", made["id"].as_str().expect("id"));
    let (_, patched) = b.airtable("PATCH", &one, json!({ "fields": { "Step": null, "Result": "ok" } })).await;
    assert_eq!(patched["fields"], json!({ "Event ID": "e1", "Result": "ok", "Contact": "Sam" }));
    let (_, put) = b.airtable("PUT", &one, json!({ "fields": { "Event ID": "e1" } })).await;
    assert_eq!(put["fields"], json!({ "Event ID": "e1" }));
    assert_eq!(put["createdTime"], made["createdTime"]);
    let gone = "Dispatch%20Events/recAAAAAAAAAAAAAA";
    for (method, word) in [("GET", "NOT_FOUND"), ("PATCH", "MODEL_ID_NOT_FOUND"), ("DELETE", "MODEL_ID_NOT_FOUND")] {
        let body = if method == "PATCH" { json!({ "fields": {} }) } else { Value::Null };
        assert_eq!(kind(&b.airtable(method, gone, body).await), (404, word), "{method}");
    }
    let unknown = json!({ "records": [{ "id": made["id"], "fields": { "Contact": "Bo" } },
        { "id": "recAAAAAAAAAAAAAA", "fields": {} }] });
    assert_eq!(kind(&b.airtable("PATCH", EVENTS, unknown).await), (422, "ROW_DOES_NOT_EXIST"));
    assert_eq!(b.airtable("GET", &one, Value::Null).await.1["fields"], json!({ "Event ID": "e1" }), "nothing of it");
    let twice = json!({ "records": [{ "id": made["id"], "fields": {} }, { "id": made["id"], "fields": {} }] });
    assert_eq!(kind(&b.airtable("PATCH", EVENTS, twice).await), (422, "INVALID_RECORDS"));
    let (_, deleted) = b.airtable("DELETE", &one, Value::Null).await;
    assert_eq!(deleted, json!({ "id": made["id"], "deleted": true }));
    assert!(keys(&b).is_empty());
}

#[tokio::test]
async fn an_upsert_creates_updates_or_refuses_by_the_number_of_matches() {
    let b = bench().await;
    let upsert = |rows: Value| json!({ "performUpsert": { "fieldsToMergeOn": ["Event ID"] }, "records": rows });
    let old = rows(&b, &["e1", "twin", "twin"]).await;
    let both = upsert(json!([{ "fields": { "Event ID": "e1", "Step": 1 } }, { "fields": { "Event ID": "e2" } }]));
    let (status, answer) = b.airtable("PATCH", EVENTS, both).await;
    assert_eq!(status, 200, "{answer}");
    let made = ids(&answer);
    assert_eq!(made[0], old[0]);
    assert_eq!(answer["updatedRecords"], json!([old[0]]));
    assert_eq!(answer["createdRecords"], json!([made[1]]));
    let field = b.sandbox.airtable_rows("Dispatch Events")[0].fields["Step"].clone();
    assert_eq!(field, 1);

    for (rows, what) in [
        (json!([{ "fields": { "Event ID": "new" } }, { "fields": { "Event ID": "twin" } }]), "two matches"),
        (json!([{ "fields": { "Event ID": "new" } }, { "fields": { "Call ID": "c" } }]), "no key"),
        (json!([{ "fields": { "Event ID": "new" } }, { "id": "recAAAAAAAAAAAAAA", "fields": {} }]), "unknown id"),
    ] {
        assert_eq!(b.airtable("PATCH", EVENTS, upsert(rows)).await.0, 422, "{what}");
    }
    for merge_on in [json!([]), json!(["Sent At"]), json!(["a", "b", "c", "d"]), json!(["Nope"])] {
        let body = json!({ "performUpsert": { "fieldsToMergeOn": merge_on }, "records": [{ "fields": { "Event ID": "new" } }] });
        assert_eq!(b.airtable("PATCH", EVENTS, body).await.0, 422, "{merge_on}");
    }
    assert!(!keys(&b).contains(&"new".to_owned()), "a refused upsert writes nothing: {:?}", keys(&b));

    // Text is compared to the letter, and two rows of one request do not see each other.
    let same = upsert(json!([{ "fields": { "Event ID": "E1" } }, { "fields": { "Event ID": "E1" } }]));
    assert_eq!(b.airtable("PATCH", EVENTS, same).await.1["createdRecords"].as_array().map(Vec::len), Some(2));
    let replaced = b.airtable("PUT", EVENTS, upsert(json!([{ "fields": { "Event ID": "e1" } }]))).await;
    assert_eq!(replaced.1["records"][0]["fields"], json!({ "Event ID": "e1" }), "PUT empties the rest");
}

#[tokio::test]
async fn names_and_ids_mean_the_same() {
    let b = bench().await;
    let (_, schema) = {
        let url = b.url(&format!("/v0/meta/bases/{DEFAULT_AIRTABLE_BASE}/tables"));
        let (status, body) = b.raw_airtable("GET", &url, &Value::Null).await.expect("answers");
        (status, serde_json::from_slice::<Value>(&body).expect("json"))
    };
    let table = &schema["tables"][0];
    assert_eq!((&table["name"], &table["primaryFieldId"]), (&json!("Dispatch Events"), &table["fields"][0]["id"]));
    assert_eq!(table["fields"].as_array().map(Vec::len), Some(14));
    assert!(table["views"][0]["visibleFieldIds"].is_null(), "only where it is asked for");
    let (id, event_id) = (table["id"].as_str().expect("id"), table["fields"][0]["id"].as_str().expect("id"));
    let body = json!({ "fields": { event_id: "e1" }, "returnFieldsByFieldId": true });
    let (status, made) = b.airtable("POST", id, body).await;
    assert_eq!((status, &made["fields"][event_id]), (200, &json!("e1")));
    let filter = format!("{EVENTS}?filterByFormula=%7B{event_id}%7D%3D'e1'&fields%5B%5D={event_id}");
    assert_eq!(b.airtable("GET", &filter, Value::Null).await.1["records"][0]["fields"], json!({ "Event ID": "e1" }));
    let unknown = b.airtable("GET", "Nope", Value::Null).await;
    assert_eq!(kind(&unknown), (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"));
    let other = b.raw_airtable("GET", &b.url("/v0/appAAAAAAAAAAAAAA/Calls"), &Value::Null).await.expect("answers");
    assert_eq!(other.0, 403);
}

#[tokio::test]
async fn a_list_is_unordered_until_it_is_sorted_and_pages_by_offsets_that_expire() {
    let b = bench().await;
    let names: Vec<String> = (10..40).map(|i| format!("e{i}")).collect();
    let made = rows(&b, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (_, all) = b.airtable("GET", EVENTS, Value::Null).await;
    let listed = ids(&all);
    assert_ne!(listed, made, "the order is nobody's");
    assert_eq!(listed, ids(&b.airtable("GET", EVENTS, Value::Null).await.1), "and repeats itself");
    assert!(all["offset"].is_null());
    let sorted = format!("{EVENTS}?sort%5B0%5D%5Bfield%5D=Event+ID&sort%5B0%5D%5Bdirection%5D=desc");
    let down: Vec<String> = made.iter().rev().cloned().collect();
    assert_eq!(ids(&b.airtable("GET", &sorted, Value::Null).await.1), down);
    let viewed = format!("{EVENTS}?view=Grid%20view");
    assert_eq!(ids(&b.airtable("GET", &viewed, Value::Null).await.1), made, "a view has an order");

    let (mut path, mut seen, mut pages) = (format!("{EVENTS}?pageSize=12&maxRecords=27"), Vec::new(), 0);
    let first = path.clone();
    loop {
        let (status, page) = b.airtable("GET", &path, Value::Null).await;
        assert_eq!(status, 200, "{page}");
        seen.extend(ids(&page));
        pages += 1;
        let Some(offset) = page["offset"].as_str() else { break };
        assert!(offset.starts_with("itr") && offset.contains("/rec"), "{offset}");
        path = format!("{first}&offset={offset}");
    }
    assert_eq!((pages, seen.as_slice()), (3, &listed[..27]));

    let (_, page) = b.airtable("GET", &first, Value::Null).await;
    let offset = page["offset"].as_str().expect("more").to_owned();
    let other = format!("Calls?offset={offset}");
    for (path, word) in
        [(&other, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"), (&format!("{EVENTS}?offset=x"), "INVALID_OFFSET_VALUE")]
    {
        assert_eq!(kind(&b.airtable("GET", path, Value::Null).await), (422, word));
    }
    b.base_admin(json!({ "do": "expire_offsets" }));
    let stale = b.airtable("GET", &format!("{first}&offset={offset}"), Value::Null).await;
    assert_eq!(kind(&stale), (422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"));
    assert!(stale.1["error"]["message"].is_null());
    for wrong in ["pageSize=0", "pageSize=101", "maxRecords=0", "pagesize=3", "view=None", "fields%5B%5D=Nope"] {
        assert_eq!(b.airtable("GET", &format!("{EVENTS}?{wrong}"), Value::Null).await.0, 422, "{wrong}");
    }
}

#[tokio::test]
async fn the_token_opens_it_and_rights_and_scopes_bound_it() {
    let b = bench().await;
    let url = b.url("/v0/meta/whoami");
    for token in ["", "patWrong.x"] {
        let answer = b.client.get(&url).bearer_auth(token).send().await.expect("answers");
        assert_eq!(answer.status(), 401);
        let body: Value = answer.json().await.expect("json");
        assert_eq!(body["error"]["type"], "AUTHENTICATION_REQUIRED");
    }
    let tables = b.url(&format!("/v0/meta/bases/{DEFAULT_AIRTABLE_BASE}/tables"));
    let row = json!({ "fields": { "Event ID": "x" } });
    for (level, read, write) in [("read", 200, 403), ("none", 403, 403), ("edit", 200, 200)] {
        b.base_admin(json!({ "do": "permission", "level": level }));
        assert_eq!(b.airtable("GET", EVENTS, Value::Null).await.0, read, "{level}");
        let written = b.airtable("POST", EVENTS, row.clone()).await;
        assert_eq!(written.0, write, "{level}");
        if level == "read" {
            assert_eq!(kind(&written), (403, "INVALID_PERMISSIONS"));
        }
        let made = b.raw_airtable("POST", &tables, &json!({ "name": "T", "fields": [] })).await.expect("answers");
        assert_eq!(made.0, 403, "{level} does not change the schema");
    }
    b.base_admin(json!({ "do": "scopes", "scopes": ["data.records:read"] }));
    assert_eq!(b.airtable("GET", EVENTS, Value::Null).await.0, 200);
    assert_eq!(b.airtable("POST", EVENTS, row).await.0, 403);
    assert_eq!(b.raw_airtable("GET", &tables, &Value::Null).await.expect("answers").0, 403);
    assert_eq!(b.raw_airtable("GET", &url, &Value::Null).await.expect("answers").0, 200, "needs no scope");
}

#[tokio::test]
async fn the_meta_api_makes_and_renames_and_the_staff_does_the_rest() {
    let b = bench().await;
    let meta = |rest: &str| b.url(&format!("/v0/meta/bases/{DEFAULT_AIRTABLE_BASE}/tables{rest}"));
    let send = async |method: &str, rest: &str, body: Value| {
        let (status, answer) = b.raw_airtable(method, &meta(rest), &body).await.expect("answers");
        (status, serde_json::from_slice::<Value>(&answer).expect("json"))
    };
    let fields = json!([{ "name": "Name", "type": "singleLineText" }, { "name": "N", "type": "number", "options": { "precision": 0 } }]);
    let (status, table) = send("POST", "", json!({ "name": "Extra", "fields": fields })).await;
    assert_eq!(status, 200, "{table}");
    let id = format!("/{}", table["id"].as_str().expect("id"));
    for (body, word) in [
        (json!({ "name": "name ", "type": "singleLineText" }), "DUPLICATE_OR_EMPTY_FIELD_NAME"),
        (json!({ "name": "A", "type": "autoNumber" }), "UNSUPPORTED_FIELD_TYPE_FOR_CREATE"),
        (json!({ "name": "A", "type": "number" }), "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"),
        (
            json!({ "name": "A", "type": "dateTime", "options": { "timeZone": "UTC", "dateFormat": { "name": "iso" }, "timeFormat": { "name": "24hour" } } }),
            "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE",
        ),
    ] {
        assert_eq!(kind(&send("POST", &format!("{id}/fields"), body.clone()).await), (422, word), "{body}");
    }
    let (_, field) = send(
        "POST",
        &format!("{id}/fields"),
        json!({ "name": "A", "type": "checkbox", "options": { "icon": "check", "color": "greenBright" } }),
    )
    .await;
    let field = format!("{id}/fields/{}", field["id"].as_str().expect("id"));
    assert_eq!(send("PATCH", &field, json!({ "name": "Active" })).await.1["name"], "Active");
    let (_, wide) = send("GET", "?include=visibleFieldIds", Value::Null).await;
    assert_eq!(wide["tables"][3]["views"][0]["visibleFieldIds"].as_array().map(Vec::len), Some(3));

    // A field that people rename keeps its cells; one that they drop takes them along.
    rows(&b, &["e1"]).await;
    b.base_admin(json!({ "do": "rename_field", "table": "Dispatch Events", "field": "Event ID", "name": "Key" }));
    let row = json!({ "fields": { "Event ID": "e2" } });
    let answer = b.airtable("POST", EVENTS, row).await;
    assert_eq!(
        (kind(&answer), &answer.1["error"]["message"]),
        ((422, "UNKNOWN_FIELD_NAME"), &json!("Unknown field name: \"Event ID\""))
    );
    assert_eq!(b.sandbox.airtable_rows("Dispatch Events")[0].fields["Key"], "e1");
    b.base_admin(json!({ "do": "drop_field", "table": "Dispatch Events", "field": "Contact" }));
    assert_eq!(
        kind(&b.airtable("POST", EVENTS, json!({ "fields": { "Contact": "x" } })).await).1,
        "UNKNOWN_FIELD_NAME"
    );
    b.base_admin(json!({ "do": "change_field", "table": "Calls", "field": "Status", "type": "singleSelect",
        "options": { "choices": [{ "name": "DISPATCHING" }] } }));
    for (status, code) in [("DISPATCHING", 200), ("RESOLVED", 422)] {
        assert_eq!(b.airtable("POST", "Calls", json!({ "fields": { "Status": status } })).await.0, code, "{status}");
    }
    // A record that people double, edit and delete.
    let id = b.sandbox.airtable_rows("Dispatch Events")[0].id.clone();
    let twin = b.base_admin(json!({ "do": "duplicate_record", "table": "Dispatch Events", "id": id }));
    b.base_admin(json!({ "do": "edit_record", "table": "Dispatch Events", "id": id, "fields": { "Key": "mine" } }));
    let both = b.sandbox.airtable_rows("Dispatch Events");
    assert_eq!(both.iter().map(|r| r.fields["Key"].clone()).collect::<Vec<_>>(), ["mine", "e1"]);
    b.base_admin(json!({ "do": "delete_record", "table": "Dispatch Events", "id": twin["id"] }));
    assert_eq!(b.sandbox.airtable_rows("Dispatch Events").len(), 1);
    let (status, told) = b.control("airtable", json!([{ "do": "drop_table", "table": "Nope" }])).await;
    assert_eq!((status, told["error"].is_string()), (400, true), "{told}");
    b.base_admin(json!({ "do": "reset" }));
    assert!(b.sandbox.airtable_rows("Dispatch Events").is_empty());
    rows(&b, &["again"]).await;
}

#[tokio::test]
async fn six_in_a_second_close_the_base_for_the_pause_and_all_are_counted() {
    let b = Bench::with(|c| c.airtable_pause = Duration::from_millis(3_000)).await;
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(b.airtable("GET", "Calls", Value::Null).await.0);
    }
    assert_eq!(seen, [200, 200, 200, 200, 200, 429, 429]);
    let refused = b.airtable("GET", "Calls", Value::Null).await.1;
    assert_eq!(refused["errors"][0]["error"], "RATE_LIMIT_REACHED");
    let whoami = b.raw_airtable("GET", &b.url("/v0/meta/whoami"), &Value::Null).await.expect("answers");
    assert_eq!(whoami.0, 200, "belongs to no base");
    let requests = b.sandbox.airtable_requests();
    assert_eq!((requests.total, requests.too_many, requests.max_per_second), (9, 3, 8));
    assert_eq!(requests.newest.back().map(|r| (r.path.as_str(), r.status)), Some(("/v0/meta/whoami", Some(200))));
    let clock = SystemClock::new();
    let watch = Stopwatch::start();
    while watch.passed() < Duration::from_millis(1_100) {
        clock.sleep_until(clock.now().plus(Duration::from_millis(20))).await;
    }
    assert_eq!(b.airtable("GET", "Calls", Value::Null).await.0, 429, "a second is over, the pause is not");
    b.base_admin(json!({ "do": "end_pause" }));
    assert_eq!(b.airtable("GET", "Calls", Value::Null).await.0, 200);
    let (_, told) = b.get("/_sandbox/airtable").await;
    assert_eq!(told["requests"]["total"], 11);
}

#[tokio::test]
async fn a_base_outlives_its_sandbox() {
    let dir = tempfile::tempdir().expect("temp dir");
    let config = || SandboxConfig::new(dir.path().join("ledger.ndjson"));
    let start = async || {
        let sandbox = Sandbox::start(config()).await.expect("starts");
        let client = super::super::target::client().expect("client");
        Bench { sandbox, client, dir: tempfile::tempdir().expect("temp dir") }.unhurried().await
    };
    let b = start().await;
    let made = rows(&b, &["e1", "e2", "e3"]).await;
    b.airtable("DELETE", &format!("{EVENTS}/{}", made[1]), Value::Null).await;
    b.airtable("PATCH", &format!("{EVENTS}/{}", made[2]), json!({ "fields": { "Step": 7 } })).await;
    b.base_admin(json!({ "do": "add_field", "table": "Calls", "field": { "name": "Extra", "type": "number" } }));
    b.text(SAM, "a text in between", None).await;
    let (before, shown) = (b.sandbox.airtable_rows("Dispatch Events"), b.get("/_sandbox/airtable").await.1);
    b.sandbox.shutdown().await;
    // Killed while it wrote: the torn line was never answered.
    let mut file = std::fs::File::options().append(true).open(dir.path().join("ledger.ndjson")).expect("opens");
    std::io::Write::write_all(&mut file, b"{\"kind\":\"airtable\",\"table\":\"tbl").expect("writes");
    drop(file);
    let b = start().await;
    assert_eq!(b.sandbox.airtable_rows("Dispatch Events"), before);
    assert_eq!(b.get("/_sandbox/airtable").await.1["schema"], shown["schema"]);
    assert_eq!(b.sandbox.ledger().len(), 1);
    let new = rows(&b, &["e4"]).await;
    assert!(!made.contains(&new[0]), "a restart with the same seed makes no id twice");
}
