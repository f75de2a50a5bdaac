//! Create, fetch, list, credentials, strictness, the magic numbers, and the ledger across lives.

use std::io::Write as _;

use serde_json::Value;

use super::*;
use crate::sandbox::messages::{Status, segments};
use crate::sandbox::{Fault, FaultKind, SandboxError};

#[tokio::test]
async fn a_created_message_has_every_field_and_reaches_its_end() {
    let b = Bench::with(|c| c.pace = Duration::from_millis(60)).await;
    let (status, m) = b.create(&[("To", SAM), ("From", FROM), ("Body", "7K3Q-1 leak")]).await;
    assert_eq!(status, 201, "{m}");
    let sid = m["sid"].as_str().expect("sid").to_owned();
    assert!(sid.len() == 34 && sid.starts_with("SM"), "{sid}");
    for (field, value) in [
        ("account_sid", DEFAULT_ACCOUNT_SID),
        ("status", "queued"),
        ("to", SAM),
        ("from", FROM),
        ("body", "7K3Q-1 leak"),
        ("num_segments", "1"),
        ("num_media", "0"),
        ("direction", "outbound-api"),
        ("api_version", "2010-04-01"),
        ("price_unit", "USD"),
    ] {
        assert_eq!(m[field], value, "{field}");
    }
    for field in ["error_code", "error_message", "date_sent", "price", "messaging_service_sid"] {
        assert!(m.as_object().expect("object").get(field).is_some_and(Value::is_null), "{field}");
    }
    let created = m["date_created"].as_str().expect("date");
    assert!(created.len() == 31 && created.ends_with(" +0000"), "{created}");
    assert_eq!(m["uri"], format!("/2010-04-01/Accounts/{DEFAULT_ACCOUNT_SID}/Messages/{sid}.json"));
    until("delivered", || (b.entry(&sid).status == Status::Delivered).then_some(())).await;
    let (_, m) = b.get(&format!("/Messages/{sid}.json")).await;
    assert_eq!((&m["status"], m["date_sent"].is_string()), (&Value::from("delivered"), true));
    let (status, m) = b.get(&format!("/Messages/SM{}.json", "0".repeat(32))).await;
    assert_eq!((status, &m["code"]), (404, &Value::from(20404)));
}

#[tokio::test]
async fn a_messaging_service_accepts_first_and_chooses_its_sender_later() {
    let b = Bench::start().await;
    let service = format!("MG{}", "a1".repeat(16));
    let (status, m) = b.create(&[("To", SAM), ("MessagingServiceSid", &service), ("Body", "x")]).await;
    assert_eq!((status, &m["status"], &m["num_segments"]), (201, &"accepted".into(), &"0".into()));
    assert!(m["from"].is_null());
    let sid = m["sid"].as_str().expect("sid");
    until("delivered", || (b.entry(sid).status == Status::Delivered).then_some(())).await;
    let (_, list) = b.get("/Messages.json?From=%2B15005550006").await;
    assert_eq!(
        (&list["messages"][0]["sid"], &list["messages"][0]["messaging_service_sid"]),
        (&m["sid"], &service.into())
    );
}

#[tokio::test]
async fn lists_are_newest_first_filtered_and_paged() {
    let b = Bench::start().await;
    let mut sids = Vec::new();
    for i in 0..7 {
        sids.push(b.text(if i % 3 == 0 { BO } else { SAM }, &format!("text {i}"), None).await);
    }
    let (_, all) = b.get("/Messages.json").await;
    let listed: Vec<_> = all["messages"].as_array().expect("list").iter().map(|m| m["sid"].clone()).collect();
    let newest_first: Vec<_> = sids.iter().rev().map(|s| Value::from(s.as_str())).collect();
    assert_eq!(listed, newest_first);
    assert!(all["next_page_uri"].is_null() && all["previous_page_uri"].is_null());

    let (mut path, mut seen) = ("/Messages.json?To=%2B19495550101&PageSize=3".to_owned(), Vec::new());
    for _ in 0..5 {
        let (status, page) = b.get(&path).await;
        assert_eq!((status, &page["page_size"]), (200, &3.into()), "{page}");
        seen.extend(page["messages"].as_array().expect("list").iter().map(|m| m["body"].clone()));
        // What comes in between must not shift the pages.
        b.text(SAM, "between", None).await;
        match page["next_page_uri"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["text 5", "text 4", "text 2", "text 1"]);

    until("all sent", || b.sandbox.ledger().iter().all(|e| e.status == Status::Delivered).then_some(())).await;
    for (query, some) in [
        ("From=%2B15005550006", true),
        ("From=%2B15005550007", false),
        ("DateSent%3E=2020-01-01", true),
        ("DateSent%3C=2020-01-01", false),
        ("DateSent=2020-01-01", false),
        ("DateSent%3E=2020-01-01T00:00:00Z&DateSent%3C=2999-12-31", true),
        ("Page=1&PageSize=2", true),
    ] {
        let (status, list) = b.get(&format!("/Messages.json?{query}")).await;
        let found = list["messages"].as_array().is_some_and(|m| !m.is_empty());
        assert_eq!((status, found), (200, some), "{query}: {list}");
    }
}

#[tokio::test]
async fn only_the_account_and_its_key_may_ask() {
    let b = Bench::with(|c| c.api_key = Some(("SKkey".into(), "secret".into()))).await;
    for (user, password, status, code) in [
        (DEFAULT_ACCOUNT_SID, DEFAULT_AUTH_TOKEN, 200, None),
        ("SKkey", "secret", 200, None),
        ("SKkey", "wrong", 401, Some(20003)),
        (DEFAULT_ACCOUNT_SID, "", 401, Some(20003)),
        ("", "", 401, Some(20003)),
    ] {
        let request = b.client.get(b.url("/Messages.json")).basic_auth(user, Some(password));
        let answer = request.send().await.expect("answers");
        assert_eq!(answer.status(), status, "{user}:{password}");
        let body: Value = answer.json().await.expect("json");
        assert_eq!(body["code"].as_u64(), code, "{user}:{password}");
        assert_eq!(body["detail"].is_string(), status == 401);
    }
    let other = format!("/2010-04-01/Accounts/AC{}/Messages.json", "1".repeat(32));
    let (status, body) = b.get(&other).await;
    assert_eq!((status, &body["code"]), (404, &20404.into()));
    assert_eq!(body["message"], format!("The requested resource {other} was not found"));
}

#[tokio::test]
async fn what_the_real_service_ignores_is_refused_and_recorded() {
    let b = Bench::start().await;
    let good = [("To", SAM), ("From", FROM), ("Body", "x")];
    for (label, extra) in
        [("a typo", ("StatusCallbak", "http://localhost/")), ("given twice", ("Body", "y")), ("case", ("to", SAM))]
    {
        let (status, body) = b.create(&[&good[..], &[extra]].concat()).await;
        assert_eq!((status, &body["code"]), (400, &20001.into()), "{label}");
        assert!(body["message"].as_str().is_some_and(|m| m.contains(extra.0)), "{label}: {body}");
    }
    let (status, _) = b.create(&[&good[..], &[("StatusCallback", "http://localhost/x#rc=9")]].concat()).await;
    assert_eq!(status, 400, "an override out of its range");
    for query in ["to=x", "PageSize=0", "PageSize=1001", "DateSent=soon", "PageToken=x", "To=a&To=b"] {
        let (status, body) = b.get(&format!("/Messages.json?{query}")).await;
        assert_eq!((status, &body["code"]), (400, &20001.into()), "{query}");
    }
    let auth = |r: reqwest::RequestBuilder| r.basic_auth(DEFAULT_ACCOUNT_SID, Some(DEFAULT_AUTH_TOKEN));
    for (label, request) in [
        ("content type", b.client.post(b.url("/Messages.json")).header("content-type", "application/json").body("{}")),
        ("method", b.client.delete(b.url("/Messages.json"))),
        ("no suffix", b.client.get(b.url("/Messages"))),
        ("path", b.client.get(b.url("/2010-04-01/Nonsense"))),
    ] {
        assert_eq!(auth(request).send().await.expect("answers").status(), 400, "{label}");
    }
    let (_, ledger) = b.get("/_sandbox/ledger").await;
    assert_eq!(ledger["violations"].as_array().map(Vec::len), Some(14), "{}", ledger["violations"]);
    assert_eq!(ledger["messages"], serde_json::json!([]));
    assert!(ledger["violations"][0]["problem"].as_str().is_some_and(|p| p.contains("StatusCallbak")));
}

#[tokio::test]
async fn wrong_values_and_magic_numbers_are_refused_with_their_codes() {
    let b = Bench::start().await;
    let long = "x".repeat(1601);
    let long_url = format!("https://a.example.com/{}", "y".repeat(4000));
    let cases: &[(&str, &Form<'_>, u16, u32)] = &[
        ("no To", &[("From", FROM), ("Body", "x")], 400, 21604),
        ("bad To", &[("To", "123"), ("From", FROM), ("Body", "x")], 400, 21211),
        ("To is From", &[("To", FROM), ("From", FROM), ("Body", "x")], 400, 21211),
        ("no sender", &[("To", SAM), ("Body", "x")], 400, 21603),
        ("bad sender", &[("To", SAM), ("From", "+0"), ("Body", "x")], 400, 21212),
        ("bad service", &[("To", SAM), ("MessagingServiceSid", "MG1"), ("Body", "x")], 400, 21705),
        ("no body", &[("To", SAM), ("From", FROM)], 400, 21602),
        ("empty body", &[("To", SAM), ("From", FROM), ("Body", "")], 400, 21602),
        ("long body", &[("To", SAM), ("From", FROM), ("Body", &long)], 400, 21617),
        ("validity", &[("To", SAM), ("From", FROM), ("Body", "x"), ("ValidityPeriod", "0")], 400, 21624),
        ("validity", &[("To", SAM), ("From", FROM), ("Body", "x"), ("ValidityPeriod", "36001")], 400, 21624),
        ("callback", &[("To", SAM), ("From", FROM), ("Body", "x"), ("StatusCallback", "/x")], 400, 21609),
        ("callback", &[("To", SAM), ("From", FROM), ("Body", "x"), ("StatusCallback", "ftp://h/x")], 400, 21609),
        (
            "callback",
            &[("To", SAM), ("From", FROM), ("Body", "x"), ("StatusCallback", "http://a_b.example.com/")],
            400,
            21609,
        ),
        ("callback", &[("To", SAM), ("From", FROM), ("Body", "x"), ("StatusCallback", &long_url)], 400, 21609),
        ("magic From 1", &[("To", SAM), ("From", "+15005550001"), ("Body", "x")], 400, 21212),
        ("magic From 7", &[("To", SAM), ("From", "+15005550007"), ("Body", "x")], 400, 21606),
        ("magic From 8", &[("To", SAM), ("From", "+15005550008"), ("Body", "x")], 429, 21611),
        ("magic To 1", &[("To", "+15005550001"), ("From", FROM), ("Body", "x")], 400, 21211),
        ("magic To 2", &[("To", "+15005550002"), ("From", FROM), ("Body", "x")], 400, 21612),
        ("magic To 3", &[("To", "+15005550003"), ("From", FROM), ("Body", "x")], 400, 21408),
        ("magic To 4", &[("To", "+15005550004"), ("From", FROM), ("Body", "x")], 400, 21610),
        ("magic To 9", &[("To", "+15005550009"), ("From", FROM), ("Body", "x")], 400, 21614),
    ];
    for (label, form, status, code) in cases {
        let (got, body) = b.create(form).await;
        assert_eq!(
            (got, &body["code"], &body["status"]),
            (*status, &(*code).into(), &(*status).into()),
            "{label}: {body}"
        );
        assert_eq!(body["more_info"], format!("https://www.twilio.com/docs/errors/{code}"), "{label}");
    }
    assert!(b.sandbox.ledger().is_empty());
    let (_, ledger) = b.get("/_sandbox/ledger").await;
    assert_eq!(
        (ledger["violations"].as_array().map(Vec::len), &ledger["requests"]["create"]),
        (Some(0), &cases.len().into())
    );
    for from in ["+18005550100", "12345", "AcmePlumb"] {
        let (status, body) = b.create(&[("To", SAM), ("From", from), ("Body", "x")]).await;
        assert_eq!(status, 201, "{from}: {body}");
    }
}

#[tokio::test]
async fn the_ledger_outlives_the_sandbox_and_what_was_under_way_goes_on() {
    let mut b = Bench::with(|c| c.pace = Duration::from_secs(3600)).await;
    let stuck = b.text(SAM, "7K3Q-1", Some("http://127.0.0.1:9/webhooks/att_1")).await;
    b.create(&[("Nonsense", "1")]).await;
    let mut config = SandboxConfig::new(b.dir.path().join("ledger.ndjson"));
    let addr = b.sandbox.addr();
    config.listen = addr;
    assert!(matches!(Sandbox::start(config.clone()).await, Err(SandboxError::PortInUse { addr: a }) if a == addr));
    config.listen.set_port(0);
    assert!(matches!(Sandbox::start(config.clone()).await, Err(SandboxError::LedgerInUse { .. })));
    b.sandbox.shutdown().await;

    let mut file = std::fs::File::options().append(true).open(&config.ledger).expect("opens");
    file.write_all(b"{\"kind\":\"message\",\"sid\":\"SMtorn").expect("writes");
    drop(file);
    config.listen = addr;
    config.pace = Duration::from_millis(5);
    b.sandbox = Sandbox::start(config.clone()).await.expect("starts again on the same port, past the torn line");
    until("delivered", || (b.entry(&stuck).status == Status::Delivered).then_some(())).await;
    let entry = b.entry(&stuck);
    assert_eq!((entry.to.as_str(), entry.attempt_from_callback.as_deref()), (SAM, Some("att_1")));
    let second = b.text(SAM, "7K3Q-2", None).await;
    assert_ne!(stuck, second, "the same seed makes no SID twice");
    until("delivered", || (b.entry(&second).status == Status::Delivered).then_some(())).await;
    b.sandbox.shutdown().await;

    b.sandbox = Sandbox::start(config.clone()).await.expect("starts");
    let (_, m) = b.get(&format!("/Messages/{second}.json")).await;
    assert_eq!((&m["status"], &m["body"]), (&"delivered".into(), &"7K3Q-2".into()));
    let (_, ledger) = b.get("/_sandbox/ledger").await;
    assert_eq!((ledger["messages"].as_array().map(Vec::len), &ledger["violationsTotal"]), (Some(2), &1.into()));
    b.sandbox.shutdown().await;

    let text = std::fs::read_to_string(&config.ledger).expect("reads");
    std::fs::write(&config.ledger, text.replacen("\"kind\"", "\"knid\"", 1)).expect("writes");
    assert!(matches!(Sandbox::start(config).await, Err(SandboxError::LedgerDamaged { line: 1, .. })));
}

#[tokio::test]
async fn thousands_of_requests_find_a_mounted_server() {
    let b = std::sync::Arc::new(Bench::with(|c| c.pace = Duration::from_secs(3600)).await);
    let clients = (0..8).map(|c| {
        let b = b.clone();
        tokio::spawn(async move {
            for i in 0..600 {
                b.text(SAM, &format!("{c}/{i}"), None).await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("every create is accepted while the mocks are mounted anew");
    }
    assert_eq!(b.sandbox.ledger().len(), 4_800);
}

#[test]
fn segments_count_as_the_carrier_does() {
    for (label, text, n) in [
        ("empty", String::new(), 1),
        ("one", "a".repeat(160), 1),
        ("two", "a".repeat(161), 2),
        ("two full", "a".repeat(306), 2),
        ("three", "a".repeat(307), 3),
        ("extended", "€".repeat(80), 1),
        ("extended", "€".repeat(81), 2),
        ("wide", "á".repeat(70), 1),
        ("wide", "á".repeat(71), 2),
        ("emoji", "😀".repeat(35), 1),
        ("emoji", "😀".repeat(36), 2),
        ("a pair is not split", format!("{}€{}", "a".repeat(152), "a".repeat(152)), 3),
    ] {
        assert_eq!(segments(&text), n, "{label}");
    }
}

#[tokio::test]
async fn a_fault_that_cannot_work_is_named() {
    let b = Bench::start().await;
    let mut fault = Fault::new(FaultKind::Refuse);
    fault.status = Some(99);
    assert!(matches!(b.sandbox.add_fault(fault), Err(SandboxError::Config(e)) if e.contains("status")));
    for (what, body) in [
        ("faults", serde_json::json!({ "kind": "nonsense" })),
        ("faults", serde_json::json!({ "kind": "refuse", "stauts": 500 })),
        ("faults", serde_json::json!({ "kind": "delay" })),
        ("people", serde_json::json!({ "phone": SAM, "scirpt": [] })),
        ("settings", serde_json::json!({ "inboundUrl": "nowhere" })),
        ("reply", serde_json::json!({ "from": SAM, "sid": "SM1" })),
        ("forge", serde_json::json!({ "url": "https://example.com/", "form": {} })),
    ] {
        let (status, answer) = b.control(what, body.clone()).await;
        assert_eq!((status, answer["error"].is_string()), (400, true), "{what} {body}");
    }
    assert_eq!(b.control("nonsense", Value::Null).await.0, 404);
    assert_eq!(b.get("/_sandbox/health").await.0, 200);
}

#[tokio::test]
async fn the_account_its_senders_and_services_can_be_looked_up() {
    let b = Bench::start().await;
    let (status, account) = b.get(".json").await;
    assert_eq!((status, &account["status"], &account["type"]), (200, &"active".into(), &"Full".into()));
    let (status, list) = b.get("/IncomingPhoneNumbers.json?PhoneNumber=%2B15005550006&PageSize=1").await;
    let number = &list["incoming_phone_numbers"][0];
    assert_eq!((status, &number["phone_number"], &number["capabilities"]["sms"]), (200, &FROM.into(), &true.into()));
    let (_, none) = b.get("/IncomingPhoneNumbers.json?PhoneNumber=%2B15005550007").await;
    assert_eq!(none["incoming_phone_numbers"], Value::Array(Vec::new()), "it is refused as a sender, too");
    let (status, refused) = b.get("/IncomingPhoneNumbers.json?Number=1").await;
    assert_eq!((status, &refused["code"]), (400, &20001.into()), "a name that nobody knows");
}

#[tokio::test]
async fn what_it_is_told_as_an_alert_sink_is_kept_up_to_a_bound() {
    let b = Bench::start().await;
    assert_eq!(b.control("alerts", serde_json::json!("no JSON object, and kept as it came")).await.0, 200);
    for n in 0..1_000 {
        let (status, answer) =
            b.control("alerts", serde_json::json!({ "key": format!("k{n}"), "state": "raised" })).await;
        assert_eq!((status, answer["heard"].as_u64()), (200, Some((n + 2).min(1_000))));
    }
    let kept = b.get("/_sandbox/alerts").await.1["alerts"].as_array().cloned().unwrap_or_default();
    assert_eq!(
        (kept.len(), &kept[0]["key"], &kept[999]["key"]),
        (1_000, &serde_json::json!("k0"), &serde_json::json!("k999"))
    );
}

#[tokio::test]
async fn a_message_is_redacted_and_deleted_once_it_is_complete_and_stays_so_across_lives() {
    let b = Bench::with(|c| c.pace = Duration::from_millis(150)).await;
    let (_, m) = b.create(&[("To", SAM), ("From", FROM), ("Body", "7K3Q-1 leak")]).await;
    let sid = m["sid"].as_str().expect("sid").to_owned();
    let at = b.url(&format!("/Messages/{sid}.json"));
    let auth = |r: reqwest::RequestBuilder| r.basic_auth(DEFAULT_ACCOUNT_SID, Some(DEFAULT_AUTH_TOKEN));
    let delete = || async { auth(b.client.delete(&at)).send().await.expect("answers").status().as_u16() };
    let update = |form: &'static str| {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let request = auth(b.client.post(&at)).header(kind.0, kind.1).body(form);
        async move {
            let answer = request.send().await.expect("answers");
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or(Value::Null))
        }
    };
    let (early, refused) = update("Body=").await;
    assert_eq!((early, &refused["code"], delete().await), (409, &Value::from(20009), 409), "{refused}");
    until("delivered", || (b.entry(&sid).status == Status::Delivered).then_some(())).await;
    for (form, status, code) in
        [("Body=other", 400, 30400), ("", 400, 30400), ("Status=canceled", 400, 30409), ("Bdy=", 400, 20001)]
    {
        let (found, said) = update(form).await;
        assert_eq!((found, &said["code"]), (status, &Value::from(code)), "{form}: {said}");
    }
    let (status, redacted) = update("Body=").await;
    assert_eq!((status, &redacted["body"], &redacted["sid"]), (200, &Value::from(""), &Value::from(sid.as_str())));
    let (_, listed) = b.get("/Messages.json").await;
    assert_eq!(
        (listed["messages"].as_array().map(Vec::len), &listed["messages"][0]["body"]),
        (Some(1), &Value::from(""))
    );
    assert_eq!(delete().await, 204);
    let (_, listed) = b.get("/Messages.json").await;
    assert_eq!((delete().await, b.get(&format!("/Messages/{sid}.json")).await.0), (404, 404));
    assert_eq!(listed["messages"].as_array().map(Vec::len), Some(0));
    let Bench { sandbox, dir, client } = b;
    sandbox.shutdown().await;
    let sandbox = Sandbox::start(SandboxConfig::new(dir.path().join("ledger.ndjson"))).await.expect("starts");
    let b = Bench { sandbox, client, dir };
    assert_eq!(b.get(&format!("/Messages/{sid}.json")).await.0, 404);
    assert_eq!(b.entry(&sid).body, "7K3Q-1 leak", "the judge still sees it");
}

#[tokio::test]
async fn the_providers_clock_can_be_set_apart_and_all_that_it_says_is_by_that_clock() {
    let b = Bench::start().await;
    for apart in [-93_600_000, 300_000] {
        let (status, _) = b.control("settings", serde_json::json!({ "clockApartMs": apart })).await;
        assert_eq!(status, 200);
        let (_, m) = b.create(&[("To", SAM), ("From", FROM), ("Body", "7K3Q-1 leak")]).await;
        let by_then = SystemClock::new().now().as_millis() + apart;
        let sid = m["sid"].as_str().expect("sid").to_owned();
        until("delivered", || (b.entry(&sid).status == Status::Delivered).then_some(())).await;
        let at = b.url(&format!("/Messages/{sid}.json"));
        let answer = b.client.get(at).basic_auth(DEFAULT_ACCOUNT_SID, Some(DEFAULT_AUTH_TOKEN)).send().await;
        let answer = answer.expect("answers");
        let dates: Vec<String> =
            answer.headers().get_all("date").iter().map(|d| d.to_str().expect("text").into()).collect();
        assert_eq!(dates.len(), 1, "{dates:?}");
        let m: Value = answer.json().await.expect("JSON");
        let stated =
            [dates[0].as_str(), m["date_created"].as_str().expect("a date"), m["date_sent"].as_str().expect("a date")];
        for date in stated {
            let at = jiff::fmt::rfc2822::parse(date).expect("a date").timestamp().as_millisecond();
            assert!((at - by_then).abs() < 5_000, "{apart}: {date}");
        }
        let true_time = b.entry(&sid).created_at.as_millis() + apart;
        assert!((true_time - by_then).abs() < 5_000, "the ledger's times are the machine's");
    }
    assert_eq!(b.control("settings", serde_json::json!({ "clockApartMs": i64::MAX })).await.0, 400);
}
