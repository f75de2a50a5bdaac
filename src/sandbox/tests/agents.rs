//! Voice agents' platforms: what they sign, what they list and refuse. The clients that read the lists are tried against them.

use serde_json::json;

use super::*;
use crate::sandbox::agents::hmac;

#[test]
fn reports_are_signed_as_the_platforms_sign_them() {
    // The vectors of the facts page: Retell's body and time, Vapi's time, dot and body.
    let retell = r#"{"event":"call_analyzed","call":{"call_id":"call_4f1c","from_number":"+19495550142","note":"Wasser läuft – 2 °C"}}"#;
    let vapi = r#"{"message":{"type":"end-of-call-report","call":{"id":"3f0c2f1e-0000-4000-8000-000000000001"}}}"#;
    for (key, parts, want) in [
        (
            "test-api-key",
            [r#"{"event":"call_ended"}"#, "1700000000000", ""],
            "07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e",
        ),
        (
            "key_test_0123456789",
            [retell, "1795600000000", ""],
            "03898b8fe1ca4d71aad142ec9ce49418083fa221e17e36812e8df31f225b7af1",
        ),
        ("vapi-secret", ["1795600000", ".", vapi], "068078f3f8e0a74be8329b67d7de0e6ecc37d71f1369f1dc014984287a9f28fa"),
    ] {
        assert_eq!(hmac(key, &parts.map(str::as_bytes)), want, "{key}");
    }
}

impl Bench {
    async fn lists(&self, platform: &str, id: &str, ago: u64) {
        let call = json!({ "id": id, "from": SAM, "to": FROM, "agoSeconds": ago, "seconds": 5 });
        let (status, said) = self.control("agents", json!({ "do": "list", "platform": platform, "call": call })).await;
        assert_eq!(status, 200, "{said}");
    }

    async fn retell(&self, more: Value) -> (u16, Value) {
        let mut body = json!({ "filter_criteria": { "start_timestamp": {
            "type": "range", "op": "bt", "value": [0, 9_999_999_999_999_i64] } } });
        if let (Some(map), Value::Object(more)) = (body.as_object_mut(), more) {
            map.extend(more);
        }
        let url = format!("{}/v3/list-calls", self.sandbox.base_url());
        let answer = self.client.post(url).bearer_auth("key").body(body.to_string()).send().await.expect("answers");
        (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.expect("body")).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn retells_list_is_paged_strict_and_refuses_on_demand() {
    let bench = Bench::start().await;
    for (id, ago) in [("b", 20), ("a", 30), ("c", 10)] {
        bench.lists("retell", id, ago).await;
    }
    let (_, first) = bench.retell(json!({ "limit": 2 })).await;
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("a list").iter();
        items.map(|i| i["call_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!((ids(&first), &first["has_more"]), (vec!["a".to_owned(), "b".to_owned()], &json!(true)));
    let (_, rest) = bench.retell(json!({ "limit": 2, "pagination_key": first["pagination_key"] })).await;
    assert_eq!((ids(&rest), &rest["has_more"]), (vec!["c".to_owned()], &json!(false)));
    for wrong in [json!({ "skip": 1 }), json!({ "limit": 1001 }), json!({ "filter_criteria": {} })] {
        assert_eq!(bench.retell(wrong.clone()).await.0, 400, "{wrong}");
    }
    let refuse = json!({ "do": "refuse", "platform": "retell", "status": 429, "retryAfter": 7, "times": 1 });
    assert_eq!(bench.control("agents", refuse).await.0, 200);
    assert_eq!((bench.retell(json!({})).await.0, bench.retell(json!({})).await.0), (429, 200));
    let url = format!("{}/v3/list-calls", bench.sandbox.base_url());
    assert_eq!(bench.client.post(url).body("{}").send().await.expect("answers").status().as_u16(), 401);
}

#[tokio::test]
async fn vapis_and_twilios_lists_show_the_newest_first() {
    let bench = Bench::start().await;
    for (platform, id, ago) in [("vapi", "v1", 30), ("vapi", "v2", 20), ("twilio", "CA1", 30), ("twilio", "CA2", 20)] {
        bench.lists(platform, id, ago).await;
    }
    let url = format!("{}/call?limit=100", bench.sandbox.base_url());
    let answer = bench.client.get(&url).bearer_auth("key").send().await.expect("answers");
    let all: Value = answer.json().await.expect("json");
    assert_eq!((all[0]["id"].as_str(), all[1]["id"].as_str()), (Some("v2"), Some("v1")));
    let odd = bench.client.get(format!("{url}&cursor=1")).bearer_auth("key").send().await.expect("answers");
    assert_eq!(odd.status().as_u16(), 400);
    let (status, calls) = bench.get(&format!("/Calls.json?To=%2B{}&StartTime%3E=2026-01-01", &FROM[1..])).await;
    let sids: Vec<_> = calls["calls"].as_array().expect("a list").iter().map(|c| c["sid"].clone()).collect();
    assert_eq!((status, sids), (200, vec![json!("CA2"), json!("CA1")]));
    assert_eq!(bench.get("/Calls.json?Direction=inbound").await.0, 400, "there is no such filter");
    for wrong in [
        json!({ "do": "list", "platform": "acme", "call": { "id": "x" } }),
        json!({ "do": "report", "platform": "retell", "at": "http://192.0.2.1", "event": "call_ended", "call": { "id": "x" } }),
        json!({ "do": "report", "platform": "retell", "at": "http://127.0.0.1:9", "event": "call_ended" }),
        json!({ "do": "refuse", "platform": "vapi", "status": 99 }),
        json!({ "do": "dance" }),
    ] {
        assert_eq!(bench.control("agents", wrong.clone()).await.0, 400, "{wrong}");
    }
}
