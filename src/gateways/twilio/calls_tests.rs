use wiremock::matchers::{any, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::domain::types::AttemptId;
use crate::domain::voice::script;
use crate::gateways::twilio::client::{Auth, TwilioSettings};

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const AT: &str = "https://dispatch.example.com/pre/webhooks/twilio";
const ID: &str = "att_00000000000000000000000000000007";

fn client(base: &str, public_url: Option<&str>) -> TwilioClient {
    TwilioClient::new(TwilioSettings {
        account_sid: ACCOUNT.to_owned(),
        auth: Auth::Token("0123456789abcdef0123456789abcdef".into()).into(),
        base_url: base.parse().expect("a URL"),
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(20),
        public_url: public_url.map(|url| url.parse().expect("a URL")),
        permit: crate::clock::Permit::endless(),
    })
    .expect("a client")
}

fn linked(base: &str) -> TwilioClient {
    client(base, Some("https://dispatch.example.com/pre/"))
}

fn request(script: TwimlSource) -> PhoneCallRequest {
    PhoneCallRequest {
        attempt: AttemptId::from_uuid(uuid::Uuid::from_u128(7)),
        to: "+19495550101".parse().expect("a number"),
        from: "+15005550006".parse().expect("a number"),
        script,
        ring_for: Duration::from_secs(20),
        callback: Callback::Wanted,
    }
}

fn sid(digit: char) -> MessageSid {
    format!("CA{}", digit.to_string().repeat(32)).parse().expect("a SID")
}

fn item(digit: char, created: &str) -> Value {
    serde_json::json!({
        "sid": sid(digit).as_str(), "status": "queued", "to": "+19495550101", "from": "+15005550006",
        "direction": "outbound-api", "date_created": created, "start_time": null, "duration": null, "queue_time": "1500",
    })
}

fn word<T>(outcome: Result<T, GatewayError>) -> String {
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(GatewayError::Refused { http, code, .. }) => format!("refused {http} {}", code.map_or(0, |c| c.0)),
        Err(GatewayError::Retryable { .. }) => "retryable".to_owned(),
        Err(GatewayError::Unknown { .. }) => "unknown".to_owned(),
    }
}

#[tokio::test]
async fn a_phone_call_is_placed_with_the_parameters_that_the_api_lists_and_no_other() {
    let common = [("To", "+19495550101"), ("From", "+15005550006"), ("Timeout", "20"), ("TimeLimit", "180")];
    let url = format!("{AT}/voice/{ID}/1#rc=3&rp=all&tt=15000");
    let status = format!("{AT}/voice-status/{ID}#rc=3&rp=all&tt=15000");
    let asked = [("Url", url.as_str()), ("Method", "POST"), ("FallbackUrl", &url), ("FallbackMethod", "POST")].to_vec();
    let told = [
        ("StatusCallback", status.as_str()),
        ("StatusCallbackMethod", "POST"),
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "ringing"),
        ("StatusCallbackEvent", "answered"),
        ("StatusCallbackEvent", "completed"),
    ];
    let words = script::rung_back();
    let twiml = ("Twiml", words.as_str());
    let spoken = TwimlSource::Spoken(words.clone());
    let quiet = PhoneCallRequest { callback: Callback::Without, ..request(TwimlSource::Asked) };
    let long = PhoneCallRequest { ring_for: Duration::from_secs(9_000), ..request(spoken.clone()) };
    for (label, public_url, call, want) in [
        ("our words are asked for", Some(AT), request(TwimlSource::Asked), [asked.clone(), told.to_vec()].concat()),
        ("without callbacks", Some(AT), quiet, asked),
        ("frozen words", Some(AT), request(spoken.clone()), [vec![twiml], told.to_vec()].concat()),
        ("without a public URL", None, request(spoken), vec![twiml]),
        ("too long", None, long, vec![twiml, ("Timeout", "600")]),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(201).set_body_json(item('1', "Sun, 22 Nov 2026 02:00:00 +0000"));
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let client = client(&server.uri(), public_url.map(|_| "https://dispatch.example.com/pre/"));
        let record = client.place(&call).await.expect(label);
        assert_eq!((record.sid, record.status), (sid('1'), PhoneCallStatus::Queued), "{label}");
        assert_eq!(record.queue_time, Some(Duration::from_millis(1_500)), "{label}");
        let requests = server.received_requests().await.expect("recorded");
        let [request] = requests.as_slice() else { panic!("{label}: {} requests", requests.len()) };
        assert_eq!(request.url.path(), format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json"), "{label}");
        let mut form: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
        let given = |name: &str| want.iter().any(|(n, _)| *n == name);
        let usual = common.iter().filter(|(name, _)| !given(name));
        let mut expected: Vec<(String, String)> =
            want.iter().chain(usual).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        form.sort();
        expected.sort();
        assert_eq!(form, expected, "{label}");
    }
}

#[tokio::test]
async fn a_failure_to_place_means_no_more_than_is_known_and_nothing_is_repeated() {
    let refusal = |code: u32| serde_json::json!({ "code": code, "message": "no", "status": 400 });
    for (label, status, body, placed, ended) in [
        ("placed", 201, item('1', ""), "ok", "ok"),
        ("the SID of a message", 201, serde_json::json!({ "sid": format!("SM{}", "1".repeat(32)) }), "unknown", "ok"),
        ("another document", 201, serde_json::json!([1]), "unknown", "ok"),
        ("a number that is none", 400, refusal(21_211), "refused 400 21211", "refused 400 21211"),
        ("over", 400, refusal(21_220), "refused 400 21220", "ok"),
        ("too many at once", 429, refusal(20_429), "retryable", "retryable"),
        ("a gateway's 429", 429, Value::Null, "unknown", "retryable"),
        ("a server's error", 500, refusal(20_500), "unknown", "retryable"),
        ("elsewhere", 302, Value::Null, "unknown", "retryable"),
        ("unauthorised", 401, refusal(20_003), "refused 401 20003", "refused 401 20003"),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_json(body).insert_header("Location", server.uri().as_str());
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let client = linked(&server.uri());
        assert_eq!(word(client.place(&request(TwimlSource::Asked)).await), placed, "{label}");
        assert_eq!(word(client.end(&sid('1'), &EndPhoneCall::Cancel).await), ended, "{label}, ended");
        assert_eq!(server.received_requests().await.expect("recorded").len(), 2, "{label}");
    }
    let gone = client("http://127.0.0.1:9", None);
    assert_eq!(
        word(gone.place(&request(TwimlSource::Asked)).await),
        "refused 400 21205",
        "nobody could ask for our words"
    );
    assert_eq!(word(gone.place(&request(TwimlSource::Spoken(script::rung_back()))).await), "retryable");
}

#[tokio::test]
async fn a_phone_call_is_ended_by_what_it_is() {
    let words = script::rung_back();
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let client = linked(&server.uri());
    for (how, want) in [
        (EndPhoneCall::Cancel, ("Status", "canceled")),
        (EndPhoneCall::Redirect(words.clone()), ("Twiml", words.as_str())),
    ] {
        client.end(&sid('2'), &how).await.expect("ended");
        let requests = server.received_requests().await.expect("recorded");
        let last = requests.last().expect("a request");
        assert_eq!(last.url.path(), format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{}.json", sid('2')));
        let form: Vec<(String, String)> = form_urlencoded::parse(&last.body).into_owned().collect();
        assert_eq!(form, [(want.0.to_owned(), want.1.to_owned())]);
    }
}

#[tokio::test]
async fn a_fetch_takes_its_own_phone_call_alone() {
    for (answer, want) in [(item('1', ""), "ok"), (item('2', ""), "retryable"), (Value::Null, "retryable")] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
        assert_eq!(word(linked(&server.uri()).fetch(&sid('1')).await), want);
    }
}

#[tokio::test]
async fn a_list_has_no_time_filter_and_an_item_that_cannot_be_read_leaves_it_incomplete() {
    let server = MockServer::start().await;
    let at = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let next = format!("{at}?Page=1&PageToken=x");
    let first = serde_json::json!({
        "calls": [item('3', "Sun, 22 Nov 2026 02:03:00 +0000")], "next_page_uri": next,
    });
    let second = serde_json::json!({
        "calls": [item('2', "Sun, 22 Nov 2026 02:02:00 +0000"), item('1', "Sun, 22 Nov 2026 02:01:00 +0000")],
        "next_page_uri": null,
    });
    let page =
        Mock::given(path(at.clone())).and(query_param("To", "+19495550101")).and(query_param("From", "+15005550006"));
    page.and(query_param_is_missing("PageToken"))
        .respond_with(ResponseTemplate::new(200).set_body_json(first))
        .mount(&server)
        .await;
    Mock::given(path(at.clone()))
        .and(query_param("PageToken", "x"))
        .respond_with(ResponseTemplate::new(200).set_body_json(second))
        .mount(&server)
        .await;
    let client = linked(&server.uri());
    let time = |text: &str| Some(text.parse::<Timestamp>().expect("a time"));
    for (label, limit, not_before, want, complete) in [
        ("all", 50, None, "321", true),
        ("cut", 2, None, "32", false),
        ("bounded", 50, time("2026-11-22T02:02:00.9Z"), "32", true),
        ("nothing asked", 0, None, "", false),
    ] {
        let filter = PhoneCallFilter { to: "+19495550101".into(), from: "+15005550006".into(), not_before, limit };
        let listing = client.list(&filter).await.expect(label);
        let found: String = listing.phone_calls.iter().filter_map(|c| c.sid.as_str().chars().last()).collect();
        assert_eq!((found.as_str(), listing.complete), (want, complete), "{label}");
    }
    let requests = server.received_requests().await.expect("recorded");
    assert!(requests.iter().all(|r| !r.url.query().unwrap_or_default().contains("StartTime")));
    let odd = MockServer::start().await;
    let body = serde_json::json!({ "calls": [item('1', ""), { "sid": "CAnone" }, 7] });
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(body)).mount(&odd).await;
    let filter = PhoneCallFilter { to: String::new(), from: String::new(), not_before: None, limit: 9 };
    let listing = linked(&odd.uri()).list(&filter).await.expect("a list");
    assert_eq!((listing.phone_calls.len(), listing.complete), (1, false));
}

/// What each request may carry, as the facts page lists it.
const LISTED: &[(&str, &str, &[&str])] = &[
    (
        "POST",
        "Calls.json",
        &[
            "To",
            "From",
            "Url",
            "Method",
            "Twiml",
            "FallbackUrl",
            "FallbackMethod",
            "StatusCallback",
            "StatusCallbackMethod",
            "StatusCallbackEvent",
            "Timeout",
            "TimeLimit",
        ],
    ),
    ("GET", "Calls.json", &["To", "From", "Status", "ParentCallSid", "PageSize"]),
    ("GET", "CA11111111111111111111111111111111.json", &[]),
    ("POST", "CA11111111111111111111111111111111.json", &["Status", "Twiml", "Url"]),
];

#[tokio::test]
async fn no_request_carries_what_the_api_does_not_list_or_what_cannot_go_together() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(item('1', ""))).mount(&server).await;
    for client in [linked(&server.uri()), client(&server.uri(), None)] {
        for script in [TwimlSource::Asked, TwimlSource::Spoken(script::rung_back())] {
            for callback in [Callback::Wanted, Callback::Without] {
                drop(client.place(&PhoneCallRequest { callback, ..request(script.clone()) }).await);
            }
        }
        drop(client.fetch(&sid('1')).await);
        let filter =
            PhoneCallFilter { to: "a".into(), from: "b".into(), not_before: Some(Timestamp::from_millis(0)), limit: 9 };
        drop(client.list(&filter).await);
        for how in [EndPhoneCall::Cancel, EndPhoneCall::Redirect(script::rung_back())] {
            drop(client.end(&sid('1'), &how).await);
        }
    }
    let requests = server.received_requests().await.expect("recorded");
    assert_eq!(requests.len(), 14, "both clients, but for the two that have no address to be asked at");
    for r in &requests {
        let last = r.url.path_segments().and_then(|mut s| s.next_back()).unwrap_or_default().to_owned();
        let of = |(method, path, _): &&(&str, &str, &[&str])| r.method.as_str() == *method && *path == last;
        let (_, _, listed) = LISTED.iter().find(of).unwrap_or_else(|| panic!("{} {last}", r.method));
        let query: Vec<(String, String)> = r.url.query_pairs().into_owned().collect();
        let form: Vec<(String, String)> = form_urlencoded::parse(&r.body).into_owned().collect();
        assert!(r.method.as_str() == "GET" || query.is_empty(), "{}", r.url);
        let names: Vec<&str> = query.iter().chain(&form).map(|(name, _)| name.as_str()).collect();
        assert!(names.iter().all(|name| listed.contains(name)), "{names:?}");
        let both = |a: &str, b: &str| names.contains(&a) && names.contains(&b);
        assert!(!both("Url", "Twiml") && !both("Status", "Twiml"), "{names:?}");
        let repeated =
            names.iter().filter(|n| **n != "StatusCallbackEvent" && names.iter().filter(|m| m == n).count() > 1);
        assert_eq!(repeated.count(), 0, "{names:?}");
    }
}
