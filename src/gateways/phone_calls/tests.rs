//! What each list is asked, and what its answers mean.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::{body_partial_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::gateways::twilio::client::{Auth, TwilioClient, TwilioSettings};

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const SID: &str = "CA00000000000000000000000000000001";
const LINE: &str = "+18005550100";
const FROM: Timestamp = Timestamp::from_millis(1_795_312_800_000);

fn to() -> Timestamp {
    FROM.plus(Duration::from_secs(3_600))
}

fn url(server: &MockServer) -> Url {
    server.uri().parse().expect("a URL")
}

fn retell(server: &MockServer) -> RetellCalls {
    RetellCalls::new(url(server), "key_test_0123456789".into()).expect("a client")
}

fn vapi(server: &MockServer) -> VapiCalls {
    VapiCalls::new(url(server), "invented-vapi-key".into()).expect("a client")
}

fn twilio(server: &MockServer) -> TwilioCalls {
    let client = TwilioClient::new(TwilioSettings {
        account_sid: ACCOUNT.to_owned(),
        auth: Auth::Token("0123456789abcdef0123456789abcdef".into()).into(),
        base_url: url(server),
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(20),
        public_url: None,
        permit: crate::clock::Permit::endless(),
    });
    TwilioCalls::new(client.expect("a client"), std::sync::Arc::new(|| vec![LINE.to_owned()]))
}

fn ids(listing: &ListedPhoneCalls) -> Vec<&str> {
    listing.calls.iter().map(|c| c.call.id.as_str()).collect()
}

#[tokio::test]
async fn retells_list_is_asked_for_inbound_calls_page_by_page() {
    let server = MockServer::start().await;
    let span = json!({ "filter_criteria": { "direction": { "value": ["inbound"] }, "start_timestamp": {
        "op": "bt", "value": [1_795_312_800_000_i64, 1_795_316_400_000_i64] } } });
    let one = json!({
        "call_id": "call_1", "call_type": "phone_call", "direction": "inbound", "call_status": "ended",
        "from_number": "+19495550142", "to_number": LINE, "start_timestamp": 1_795_312_860_000_i64,
        "end_timestamp": 1_795_312_920_000_i64, "disconnection_reason": "user_hangup",
        "telephony_identifier": { "twilio_call_sid": SID }, "transcript_object": [{ "words": [] }],
    });
    let goes_on = json!({ "call_id": "call_2", "call_status": "ongoing", "direction": "inbound" });
    let others = [
        json!({ "call_id": "call_3", "call_type": "web_call" }),
        json!({ "call_id": "call_4", "direction": "outbound" }),
        json!({ "no": "id" }),
    ];
    let first = json!({ "items": [&one, goes_on], "has_more": true, "pagination_key": "next" });
    let rest: Vec<Value> = std::iter::once(one.clone()).chain(others).collect();
    let second = json!({ "items": rest, "has_more": false });
    let at = || {
        Mock::given(method("POST"))
            .and(path("/v3/list-calls"))
            .and(header("authorization", "Bearer key_test_0123456789"))
    };
    at().and(body_partial_json(json!({ "pagination_key": "next" })))
        .respond_with(ResponseTemplate::new(200).set_body_json(second))
        .with_priority(1)
        .expect(1)
        .mount(&server)
        .await;
    at().and(body_partial_json(span))
        .respond_with(ResponseTemplate::new(200).set_body_json(first))
        .expect(1)
        .mount(&server)
        .await;
    let listing = retell(&server).between(FROM, to()).await.expect("listed");
    assert_eq!((ids(&listing), listing.unread), (vec!["call_1", "call_2"], 1));
    let found = &listing.calls[0];
    let want = PhoneCall {
        id: "call_1".into(),
        sid: Some(SID.into()),
        line: Some(LINE.into()),
        caller: Some("+19495550142".into()),
        started_at: Some(FROM.plus(Duration::from_secs(60))),
        ended_at: Some(FROM.plus(Duration::from_secs(120))),
    };
    assert_eq!((&found.call, found.is_over, found.reason.as_str()), (&want, true, "user_hangup"));
    assert!(found.document.get("transcript_object").is_none(), "what is long is not kept");
    assert!(!listing.calls[1].is_over);
}

#[tokio::test]
async fn vapis_list_is_paged_by_time_and_each_call_is_taken_once() {
    let server = MockServer::start().await;
    let call = |n: usize, at: &str| {
        json!({
            "id": format!("v{n}"), "type": "inboundPhoneCall", "status": "ended", "createdAt": at, "startedAt": at,
            "endedAt": "2026-11-22T02:30:00.000Z", "endedReason": "customer-ended-call", "phoneCallProviderId": SID,
            "customer": { "number": "+19495550142" }, "phoneNumber": { "number": LINE }, "messages": [],
        })
    };
    let page: Vec<Value> = (0..100)
        .map(|n| call(n, if n == 99 { "2026-11-22T02:10:00.000Z" } else { "2026-11-22T02:20:00.000Z" }))
        .collect();
    let mut rest =
        vec![call(99, "2026-11-22T02:10:00.000Z"), call(100, "2026-11-22T02:05:00.000Z"), json!({ "status": "ended" })];
    rest.push(json!({ "id": "w1", "type": "webCall" }));
    rest.push(json!({ "id": "o1", "type": "outboundPhoneCall" }));
    let at =
        || Mock::given(method("GET")).and(path("/call")).and(query_param("createdAtGe", "2026-11-22T02:00:00.000Z"));
    at().and(query_param("createdAtLe", "2026-11-22T03:00:00.000Z"))
        .respond_with(ResponseTemplate::new(200).set_body_json(page))
        .expect(1)
        .mount(&server)
        .await;
    at().and(query_param("createdAtLe", "2026-11-22T02:10:00.000Z"))
        .respond_with(ResponseTemplate::new(200).set_body_json(rest))
        .expect(1)
        .mount(&server)
        .await;
    let listing = vapi(&server).between(FROM, to()).await.expect("listed");
    assert_eq!((listing.calls.len(), listing.unread), (101, 1));
    let last = listing.calls.last().expect("one");
    assert_eq!(
        (last.call.id.as_str(), last.call.sid.as_deref(), last.call.line.as_deref()),
        ("v100", Some(SID), Some(LINE))
    );
    assert_eq!(last.call.ended_at, Some(FROM.plus(Duration::from_secs(1_800))));
    assert!(last.document.get("messages").is_none());
}

#[tokio::test]
async fn a_full_page_that_brings_nothing_new_is_no_whole_list() {
    let server = MockServer::start().await;
    let page: Vec<Value> =
        (0..100).map(|n| json!({ "id": format!("v{n}"), "createdAt": "2026-11-22T02:20:00.000Z" })).collect();
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200).set_body_json(page)).mount(&server).await;
    assert!(matches!(vapi(&server).between(FROM, to()).await, Err(GatewayError::Retryable { .. })));
}

#[tokio::test]
async fn twilios_list_is_asked_by_day_and_line_and_cut_by_time_and_direction() {
    let server = MockServer::start().await;
    let at = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let call = |sid: &str, direction: &str, start: &str| {
        json!({
            "sid": sid, "direction": direction, "status": "completed", "from": "+19495550142", "to": LINE,
            "start_time": start, "end_time": "Sun, 22 Nov 2026 02:31:00 +0000", "duration": "60",
        })
    };
    let inside = "Sun, 22 Nov 2026 02:30:00 +0000";
    let first = json!({ "calls": [call("CA1", "inbound", inside), call("CA2", "outbound-api", inside)], "next_page_uri": format!("{at}?Page=1") });
    let second = json!({ "calls": [call("CA3", "trunking-originating", inside), call("CA4", "inbound", "Sun, 22 Nov 2026 01:59:59 +0000"), { "direction": "inbound" }], "next_page_uri": null });
    Mock::given(method("GET"))
        .and(path(&at))
        .and(query_param("Page", "1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(second))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path(&at))
        .and(query_param("To", LINE))
        .and(query_param("StartTime>", "2026-11-21"))
        .respond_with(ResponseTemplate::new(200).set_body_json(first))
        .expect(1)
        .mount(&server)
        .await;
    let listing = twilio(&server).between(FROM, to()).await.expect("listed");
    assert_eq!((ids(&listing), listing.unread), (vec!["CA1", "CA3"], 1));
    let found = &listing.calls[0];
    assert_eq!((found.call.sid.as_deref(), found.is_over, found.reason.as_str()), (Some("CA1"), true, "completed"));
    assert_eq!(found.call.started_at, Some(FROM.plus(Duration::from_secs(1_800))));
}

#[tokio::test]
async fn what_is_no_list_is_an_error_and_says_which() {
    let answers: &[(u16, &str, Option<&str>, bool)] = &[
        (429, "{}", Some("30"), false),
        (500, "oops", None, false),
        (503, "<html>", None, false),
        (200, "<html>", None, false),
        (200, "{}", None, false),
        (200, "\"text\"", None, false),
        (200, "{\"items\": 7, \"calls\": 7}", None, false),
        (401, "{}", None, true),
        (404, "{}", None, true),
    ];
    for (status, body, retry_after, refused) in answers {
        let server = MockServer::start().await;
        let mut answer = ResponseTemplate::new(*status).set_body_string(*body);
        if let Some(seconds) = retry_after {
            answer = answer.insert_header("retry-after", *seconds);
        }
        Mock::given(|_: &Request| true).respond_with(answer).mount(&server).await;
        let lists: [Box<dyn PhoneCallList>; 3] =
            [Box::new(retell(&server)), Box::new(vapi(&server)), Box::new(twilio(&server))];
        for (n, list) in lists.iter().enumerate() {
            let error = list.between(FROM, to()).await.expect_err("no list");
            match error {
                GatewayError::Refused { http, .. } => assert!(*refused && http == *status, "{n} {status} {body}"),
                GatewayError::Retryable { retry_after: asked, .. } => {
                    assert_eq!(asked, retry_after.map(|_| Duration::from_secs(30)), "{n} {status} {body}");
                    assert!(!refused, "{n} {status} {body}");
                }
                GatewayError::Unknown { .. } => panic!("a question is never unknown: {n} {status}"),
            }
        }
    }
}
