//! `filterByFormula`: which rows stay, and which formulas are refused.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_formula_keeps_the_rows_that_it_says() {
    let b = Bench::start().await.unhurried().await;
    let mut ids = Vec::new();
    for cells in [
        json!({ "Event ID": "a", "Call ID": "it's \"q\" \\ }", "Step": 1, "Sent At": "2026-11-22T06:00:00Z", "Result": "x\ny" }),
        json!({ "Event ID": "b", "Call ID": "B", "Step": 2, "Sent At": "2026-11-22T07:00:00Z" }),
        json!({ "Event ID": "c", "Step": 0 }),
    ] {
        let (status, row) = b.airtable("POST", "Dispatch%20Events", json!({ "fields": cells })).await;
        assert_eq!(status, 200, "{row}");
        ids.push(row["id"].as_str().expect("id").to_owned());
    }
    for (formula, kept) in [
        ("", "abc"),
        ("{Event ID}='a'", "a"),
        ("{Event ID} = \"b\"", "b"),
        ("{event id}='a'", "a"),
        ("{Event ID}='A'", ""),
        ("{Event ID}!='a'", "bc"),
        ("OR({Event ID}='a',{Event ID}='c')", "ac"),
        ("AND({Event ID}='a',{Step}=1)", "a"),
        ("NOT({Event ID}='a')", "bc"),
        ("and({Step}>=1, {Step}<2)", "a"),
        ("{Call ID}='it\\'s \"q\" \\\\ }'", "a"),
        ("{Call ID}=\"it's \\\"q\\\" \\\\ }\"", "a"),
        ("{Result}='x\\ny'", "a"),
        ("{Call ID}=''", "c"),
        ("{Call ID}=BLANK()", "c"),
        ("{Call ID}", "ab"),
        ("Step", "ab"),
        ("{Step}=0", "c"),
        ("{Step}='1'", ""),
        ("{Step}+1=2", "a"),
        ("-{Step}=0-2", "b"),
        ("{Step}*2/4=1", "b"),
        ("{Step}/0", "ab"),
        ("{Event ID}&'!'='b!'", "b"),
        ("TRUE()", "abc"),
        ("FALSE()", ""),
        ("IS_AFTER({Sent At},DATETIME_PARSE('2026-11-22T06:30:00.000Z'))", "b"),
        ("IS_BEFORE({Sent At},'2026-11-22T06:30:00Z')", "a"),
        ("IS_SAME({Sent At},DATETIME_PARSE('2026-11-22T06:00:00Z'))", "a"),
        ("IS_SAME({Sent At},'2026-11-22T09:00:00Z','day')", "ab"),
        ("{Sent At}>DATETIME_PARSE('2026-11-22T06:00:00Z')", "b"),
        ("{Sent At}=BLANK()", "c"),
        ("IS_AFTER(CREATED_TIME(),DATEADD(NOW(),-1,'hours'))", "abc"),
        ("IS_AFTER(LAST_MODIFIED_TIME(),NOW())", ""),
        ("IS_AFTER(NOW(),'no time')", ""),
        ("FIND('q',{Call ID})", "a"),
        ("FIND('Q',{Call ID})=0", "abc"),
        ("SEARCH('Q',{Call ID})>0", "a"),
        ("LOWER({Call ID})='b'", "b"),
        ("UPPER({Event ID})=CONCATENATE('A','')", "a"),
        ("LEN(TRIM(' ab '))=2", "abc"),
        ("IF({Step}=1,'yes')", "a"),
        ("VALUE('2')={Step}", "b"),
        ("(({Step}))=1", "a"),
    ] {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("filterByFormula", formula).finish();
        let (status, list) = b.airtable("GET", &format!("Dispatch%20Events?{query}"), Value::Null).await;
        assert_eq!(status, 200, "{formula}: {list}");
        let mut keys: Vec<_> = list["records"].as_array().expect("list").iter().collect();
        keys.sort_by_key(|r| r["fields"]["Event ID"].to_string());
        let keys: String = keys.iter().filter_map(|r| r["fields"]["Event ID"].as_str()).collect();
        assert_eq!(keys, kept, "{formula}");
    }
    let by_id = format!("RECORD_ID()='{}'", ids[1]);
    let (_, list) = b.airtable("POST", "Dispatch%20Events/listRecords", json!({ "filterByFormula": by_id })).await;
    assert_eq!((list["records"].as_array().map(Vec::len), &list["records"][0]["id"]), (Some(1), &json!(ids[1])));
}

#[tokio::test]
async fn an_unknown_or_hostile_formula_is_refused() {
    let b = Bench::start().await.unhurried().await;
    let deep = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
    for formula in [
        "{Nope}='x'".to_owned(),
        "WAT(1)".into(),
        "{Event ID}='a".into(),
        "{Event ID".into(),
        "{Event ID}=='a'".into(),
        "AND(".into(),
        "AND()".into(),
        "NOT(1,2)".into(),
        "1 2".into(),
        "'a\\'".into(),
        "1.2.3".into(),
        "€".into(),
        "=1".into(),
        deep(5_000),
        "-".repeat(5_000),
        "NOT(".repeat(3_000),
        format!("1{}", "+1".repeat(5_000)),
    ] {
        let body = json!({ "filterByFormula": formula });
        let (status, answer) = b.airtable("POST", "Calls/listRecords", body).await;
        let error = &answer["error"];
        assert_eq!((status, &error["type"]), (422, &json!("INVALID_FILTER_BY_FORMULA")), "{formula:.40}");
        let message = error["message"].as_str().unwrap_or("");
        assert!(message.starts_with("The formula for filtering records is invalid: "), "{message}");
    }
    let unknown = json!({ "filterByFormula": "OR({Delivery X}='x',{Y}=1)" });
    let (_, answer) = b.airtable("POST", "Calls/listRecords", unknown).await;
    assert!(
        answer["error"]["message"].as_str().is_some_and(|m| m.ends_with("Unknown field names: delivery x, y")),
        "{answer}"
    );
    let fits = json!({ "filterByFormula": deep(20) });
    assert_eq!(b.airtable("POST", "Calls/listRecords", fits).await.0, 200);
}
