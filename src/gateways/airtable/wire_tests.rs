use proptest::prelude::*;

use super::*;

#[test]
fn the_three_shapes_of_an_error_and_what_is_none() {
    for (body, kind, message) in [
        (r#"{"error":{"type":"INVALID_RECORDS","message":"no"}}"#, Some("INVALID_RECORDS"), "no"),
        (
            r#"{"error":{"type":"LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}"#,
            Some("LIST_RECORDS_ITERATOR_NOT_AVAILABLE"),
            "",
        ),
        (r#"{"error":"NOT_FOUND"}"#, Some("NOT_FOUND"), ""),
        (r#"{"errors":[{"error":"RATE_LIMIT_REACHED","message":"slow"}]}"#, Some("RATE_LIMIT_REACHED"), "slow"),
        (r#"{"errors":[{"type":"RATE_LIMIT_REACHED"}]}"#, Some("RATE_LIMIT_REACHED"), ""),
        (r#"{"error":"Something is wrong"}"#, None, "Something is wrong"),
        (r#"{"error":{"type":7,"message":"odd"}}"#, None, "odd"),
        (r#"{"error":null,"errors":[]}"#, None, ""),
        (r#"{"errors":{"0":1}}"#, None, ""),
        ("[1]", None, ""),
        ("<html>NOT_FOUND</html>", None, ""),
        ("", None, ""),
    ] {
        let want = ErrorWire { kind: kind.map(str::to_owned), message: message.to_owned() };
        assert_eq!(error(body.as_bytes()), want, "{body}");
    }
}

/// Any JSON, to a depth.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "(rec|tbl|fld|itr)?[A-Za-z0-9:. -]{0,16}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let name = prop_oneof![
            Just("records"),
            Just("id"),
            Just("fields"),
            Just("createdTime"),
            Just("offset"),
            Just("error"),
            Just("errors"),
            Just("type"),
            Just("message"),
            Just("tables"),
            Just("deleted"),
            Just("createdRecords"),
            Just("scopes"),
            Just("x"),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name.prop_map(str::to_owned), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Nothing that comes panics, and what is read is never more than what is there.
    #[test]
    fn no_answer_is_too_odd(document in json(), cut in 0.0..1.0_f64, noise in proptest::collection::vec(any::<u8>(), 0..64)) {
        let whole = document.to_string().into_bytes();
        let cut = whole.iter().copied().take((whole.len() as f64 * cut) as usize).collect::<Vec<u8>>();
        for body in [whole, cut, noise] {
            error(&body);
            written(&body, 1);
            deleted(&body);
            whoami(&body);
            listed::<crate::gateways::airtable::TableSchema>(&body, "tables");
            if let Some(page) = page(&body) {
                let items = serde_json::from_slice::<Value>(&body).ok().and_then(|d| d["records"].as_array().map(Vec::len));
                prop_assert_eq!(items, Some(page.odd + page.records.len()));
            }
        }
    }
}
