use proptest::prelude::*;

use super::*;

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn fixture(name: &str) -> String {
    let path = format!("{}/fixtures/twilio/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn form(name: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(fixture(&format!("{name}.form")).as_bytes()).into_owned().collect()
}

#[test]
fn every_status_form_has_one_outcome() {
    for (name, want) in [
        ("status_delivered", Ok(("delivered", None))),
        ("status_undelivered_30034", Ok(("undelivered", Some(30034)))),
        ("status_sent_without_to", Ok(("sent", None))),
        ("status_service_sent", Ok(("sent", None))),
        ("status_unknown_word", Ok(("teleported", None))),
        ("status_new_parameter", Ok(("sent", None))),
        ("status_no_sid", Err(FormError::Missing("MessageSid"))),
        ("status_bad_sid", Err(FormError::Malformed("MessageSid"))),
        ("status_no_status", Err(FormError::Missing("MessageStatus"))),
        ("status_foreign_account", Err(FormError::ForeignAccount)),
        ("status_bad_code", Err(FormError::Malformed("ErrorCode"))),
        ("status_two_sids", Err(FormError::Repeated("MessageSid"))),
        ("status_resplit", Err(FormError::Malformed("MessageStatus"))),
    ] {
        let got = StatusCallback::parse(&form(name), ACCOUNT);
        let seen = got.as_ref().map(|c| (c.status.as_str(), c.error_code.map(|c| c.0))).map_err(|e| *e);
        assert_eq!(seen, want, "{name}");
    }
    let full = StatusCallback::parse(&form("status_delivered"), ACCOUNT).expect("parses");
    assert_eq!(full.to.as_ref().map(Party::as_str), Some("+19495550101"));
    assert_eq!(full.carrier_done.as_deref(), Some("2611220200"));
    let service = StatusCallback::parse(&form("status_service_sent"), ACCOUNT).expect("parses");
    assert_eq!(service.service, Some(format!("MG{}", "d".repeat(32))));
}

#[test]
fn every_inbound_form_has_one_outcome() {
    for (name, want) in [
        ("inbound_reply", Ok(("+19495550101", "1 7K3Q", None))),
        ("inbound_empty_text", Ok(("+19495550101", "", None))),
        ("inbound_stop", Ok(("+19495550101", "Stop", Some(OptOut::Stop)))),
        ("inbound_short_code", Ok(("55501", "Hello", None))),
        ("inbound_channel", Ok(("+19495550101", "1 7K3Q", None))),
        ("inbound_no_text", Ok(("+19495550101", "", None))),
        ("inbound_opt_out_unknown", Ok(("+19495550101", "Stop", None))),
        ("inbound_no_sender", Err(FormError::Missing("From"))),
        ("inbound_two_numbers_in_one", Err(FormError::Malformed("From"))),
        ("inbound_two_senders", Err(FormError::Repeated("From"))),
        ("inbound_foreign_account", Err(FormError::ForeignAccount)),
    ] {
        let got = InboundSms::parse(&form(name), ACCOUNT);
        let seen = got.as_ref().map(|m| (m.from.as_str(), m.body.0.as_str(), m.opt_out)).map_err(|e| *e);
        assert_eq!(seen, want, "{name}");
    }
    let odd = |name: &str| InboundSms::parse(&form(name), ACCOUNT).map(|m| m.odd);
    assert_eq!(odd("inbound_no_text"), Ok(vec!["Body"]));
    assert_eq!(odd("inbound_opt_out_unknown"), Ok(vec!["OptOutType"]));
    assert_eq!(odd("inbound_stop"), Ok(vec![]));
    let reply = InboundSms::parse(&form("inbound_reply"), ACCOUNT).expect("parses");
    assert_eq!(reply.from.as_str(), "+19495550101");
    let shown = format!("{reply:?} {}", reply.from);
    assert!(!shown.contains("5550101") && !shown.contains("7K3Q"), "{shown}");
}

#[test]
fn every_form_of_the_folder_is_in_a_table_above() {
    let here = include_str!("wire_tests.rs");
    let folder = format!("{}/fixtures/twilio", env!("CARGO_MANIFEST_DIR"));
    let names = std::fs::read_dir(folder).expect("the folder").map(|e| e.expect("an entry").file_name());
    let forms: Vec<String> = names.filter_map(|n| n.to_str()?.strip_suffix(".form").map(str::to_owned)).collect();
    assert!(forms.len() >= 23, "{}", forms.len());
    for name in forms {
        assert!(here.contains(&format!("(\"{name}\", ")), "{name} is in no table");
    }
}

#[test]
fn a_message_is_read_whatever_else_is_odd() {
    let read = |name: &str| message(fixture(name).as_bytes());
    let queued = read("create_201_queued.json").expect("a message");
    assert_eq!((queued.status.as_str(), queued.direction.as_str()), ("queued", "outbound-api"));
    assert_eq!(queued.created_at, "2026-11-22T02:00:01Z".parse().ok());
    assert_eq!(queued.from.as_deref(), Some("+15005550006"));
    let service = read("create_201_service_accepted.json").expect("a message");
    assert_eq!((service.from, service.service), (None, Some(format!("MG{}", "d".repeat(32)))));
    let odd = read("create_201_odd_types.json").expect("a message");
    assert_eq!((odd.error_code, odd.created_at, odd.direction.as_str()), (Some(ErrorCode(30007)), None, "7"));
    let late = read("fetch_200_undelivered_30034.json").expect("a message");
    assert_eq!(late.error_code, Some(ErrorCode(30034)));
    let in_a_list = r#"["SM00000000000000000000000000000001","queued"]"#;
    for bad in
        [in_a_list, "", "null", "[]", "{}", "\"SM\"", "{\"sid\":null}", "{\"sid\":{\"a\":1}}", &"[".repeat(100_000)]
    {
        assert!(message(bad.as_bytes()).is_none(), "{:.20}", bad);
    }
    assert!(message(&[0xff, 0xfe]).is_none());
}

#[test]
fn error_answers_are_read_in_both_shapes_and_numbers_in_them_masked() {
    let read = |name: &str| error(fixture(name).as_bytes()).map(|e| (e.code.0, e.message));
    assert_eq!(
        read("error_400_21211.json"),
        Some((21211, "The 'To' number +1949•••0199 is not a valid phone number.".to_owned()))
    );
    assert_eq!(read("error_400_code_as_text.json").map(|e| e.0), Some(21614));
    assert_eq!(read("error_400_newer_shape.json"), Some((20001, "ValidityPeriod is not a number".to_owned())));
    for none in ["error_400_no_code.json", "error_403_proxy.html"] {
        assert_eq!(read(none), None, "{none}");
    }
    for bad in ["{\"code\":-1}", "{\"code\":0}", "{\"code\":1.5}", "{\"code\":\"x\"}", "{\"code\":99999999999}", "[]"] {
        assert!(error(bad.as_bytes()).is_none(), "{bad}");
    }
    for (words, want) in
        [("to 19495550101, code 21211", "to +1949•••0101, code 21211"), ("a + b\u{7}\n", "a + b"), ("", "")]
    {
        assert_eq!(masked_words(words), want, "{words}");
    }
    assert_eq!(masked_words(&"x".repeat(5000)).len(), 300);
}

#[test]
fn retry_after_is_seconds_or_a_date_against_the_answers_own() {
    let now = Some("Sun, 22 Nov 2026 02:00:00 GMT");
    for (header, date, want) in [
        (Some("3"), None, Some(3)),
        (Some(" 0 "), None, Some(0)),
        (Some("Sun, 22 Nov 2026 02:00:07 GMT"), now, Some(7)),
        (Some("Sun, 22 Nov 2026 01:00:00 GMT"), now, Some(0)),
        (Some("Sun, 22 Nov 2026 02:00:07 GMT"), None, None),
        (Some("99999999999999999999999"), None, Some(3600)),
        (Some("-1"), None, None),
        (Some("soon"), now, None),
        (Some(""), now, None),
        (None, now, None),
    ] {
        assert_eq!(retry_after(header, date), want.map(Duration::from_secs), "{header:?} {date:?}");
    }
}

/// A field as the provider has it, or anything else.
fn field() -> impl Strategy<Value = Value> {
    let word = "[ -~]{0,12}";
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from),
        prop::sample::select(vec![
            "queued",
            "SM00000000000000000000000000000001",
            "+19495550101",
            "whatsapp:+19495550101"
        ])
        .prop_map(Value::from),
        Just(Value::Array(Vec::new())),
    ]
}

/// A message, or what looks like one.
fn document() -> impl Strategy<Value = Value> {
    let names = [
        "sid",
        "status",
        "to",
        "from",
        "body",
        "direction",
        "date_created",
        "error_code",
        "messaging_service_sid",
        "code",
        "message",
    ];
    proptest::collection::vec((prop::sample::select(names.to_vec()), field()), 0..9)
        .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
}

proptest! {
    /// Nothing that is answered panics; what is read as a message has a SID, and what is read as an error shows no number.
    #[test]
    fn no_answer_of_the_provider_is_too_odd(one in document(), cut in 0.0..1.0_f64, noise in proptest::collection::vec(any::<u8>(), 0..64)) {
        let whole = one.to_string().into_bytes();
        let short = whole.iter().copied().take((whole.len() as f64 * cut) as usize).collect::<Vec<u8>>();
        for body in [whole, short, noise] {
            if let Some(read) = message(&body) {
                prop_assert_eq!(read.sid.as_str().len(), 34);
            }
            if let Some(e) = error(&body) {
                prop_assert!(!e.message.contains("9495550101") && !e.message.chars().any(char::is_control), "{}", e.message);
            }
            drop(super::document::<PageWire>(&body).map(Page::into_items));
        }
    }

    /// Nothing that is posted panics; what a person wrote is read as it was written.
    #[test]
    fn no_form_is_too_odd(pairs in proptest::collection::vec((prop::sample::select(vec!["MessageSid", "SmsSid", "From", "To", "Body", "MessageStatus", "ErrorCode", "OptOutType", "AccountSid", "Other"]), "\\PC{0,20}"), 0..8), body in "\\PC{0,40}") {
        let any: Vec<(String, String)> = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        drop(StatusCallback::parse(&any, ACCOUNT));
        drop(InboundSms::parse(&any, ACCOUNT));
        let known = [("MessageSid", "SM00000000000000000000000000000001"), ("AccountSid", ACCOUNT), ("From", "+19495550101"), ("To", "+15005550006"), ("Body", &body)];
        let form: Vec<(String, String)> = known.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let read = InboundSms::parse(&form, ACCOUNT);
        prop_assert_eq!(read.map(|m| m.body.0), Ok(body));
    }
}
