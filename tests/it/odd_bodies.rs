//! An emergency is not refused over its paperwork: bodies as intakes, automations and broken agents send them, on the real program.

use serde_json::{Value, json};

use crate::support::http;
use crate::support::process::report;
use crate::support::stage::{Stage, text};

const LINE: &str = r#"
[[lines]]
number = "+18005550100"
name = "Acme Lifts"
team = [ { contact = "ana", role = "primary" } ]
"#;

/// A body, who is told of it, and the kind of its one alert; none where nothing is odd but the spelling.
struct Case {
    label: &'static str,
    body: Vec<u8>,
    told: &'static str,
    alert: Option<&'static str>,
}

fn case(
    label: &'static str,
    body: impl Into<Vec<u8>>,
    told: &'static str,
    alert: impl Into<Option<&'static str>>,
) -> Case {
    Case { label, body: body.into(), told, alert: alert.into() }
}

fn cases() -> Vec<Case> {
    let odd = "paperwork";
    let long = |n: usize| json!({ "callData": { "issueSummary": "x".repeat(n) } }).to_string();
    let deep =
        format!(r#"{{"callData":{{"issueSummary":"No heat","trace":{}1{}}}}}"#, "[".repeat(300), "]".repeat(300));
    let utf16: Vec<u8> = "\u{feff}{\"issueSummary\":\"No heat\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        case(
            "a number for the caller",
            r#"{"callData":{"callerPhone":9495550150,"issueSummary":"No heat"}}"#,
            "sam",
            odd,
        ),
        case("true for the level", r#"{"callData":{"emergencyLevel":true,"issueSummary":"No heat"}}"#, "sam", odd),
        case("an object as address", r#"{"callData":{"address":{"street":"12 Oak St","city":"Irvine"}}}"#, "sam", odd),
        case("a list of issues", r#"{"callData":{"issueSummary":["No heat","no water"]}}"#, "sam", odd),
        case("a transcript of 10,000 characters", long(10_000), "sam", odd),
        case("half a surrogate pair", r#"{"callData":{"issueSummary":"No heat \ud83d"}}"#, "sam", odd),
        case("a byte-order mark", "\u{feff}{\"callData\":{\"issueSummary\":\"No heat\"}}", "sam", odd),
        case("bytes of Latin-1", b"{\"callData\":{\"issueSummary\":\"caf\xe9 flooded\"}}".to_vec(), "sam", odd),
        case("UTF-16", utf16, "sam", odd),
        case("a key twice", r#"{"callData":{"issueSummary":"a","issueSummary":"No heat"}}"#, "sam", odd),
        case("a bare line break in a text", "{\"callData\":{\"issueSummary\":\"No heat\nno water\"}}", "sam", odd),
        case("an escape that JSON has not", r#"{"callData":{"issueSummary":"don\'t know"}}"#, "sam", odd),
        case("nested deeper than anybody reads", deep, "sam", odd),
        case("callData as a text", r#"{"callData":"water through the ceiling"}"#, "sam", odd),
        case("callData encoded twice", r#"{"callData":"{\"issueSummary\":\"No heat\"}"}"#, "sam", odd),
        case("nothing at all", "{}", "sam", odd),
        case("an unknown level", r#"{"callData":{"emergencyLevel":"purple"}}"#, "sam", "unknown-level"),
        case("a contact that cannot be texted", r#"{"callData":{"contact":"+9995550101"}}"#, "sam", "unknown-contact"),
        case(
            "everything at once",
            r#"{"emergencyLevel":5,"contact":["x"],"twilioToNumber":"fax","issueSummary":7}"#,
            "sam",
            odd,
        ),
        case("a line that nobody listed", r#"{"twilioToNumber":"(800) 555-0177"}"#, "sam", "unlisted-line"),
        case("flat", r#"{"issueSummary":"No heat","callerPhone":"withheld"}"#, "sam", odd),
        case("a contact by its digits", r#"{"callData":{"contact":"949 555 0103"}}"#, "lee", None),
        case("a contact by its name", r#"{"callData":{"contact":"LEE PARK"}}"#, "lee", None),
        case("a line without its plus", r#"{"twilioToNumber":"18005550100"}"#, "ana", None),
        case("a line with brackets", r#"{"twilioToNumber":"(800) 555-0100"}"#, "ana", None),
        case("a line as an address", r#"{"twilioToNumber":"tel:+1-800-555-0100 "}"#, "ana", None),
        case("a line as a number", r#"{"twilioToNumber":18005550100}"#, "ana", odd),
    ]
}

/// The keys of the open alerts.
fn alerts(stage: &Stage) -> Vec<String> {
    let status = stage.shop.expect(0, &["status", "-o", "json"]).json();
    let all = status["alerts"].as_array().expect("a list");
    all.iter().map(|a| text(a, "key").to_owned()).collect()
}

#[test]
fn an_emergency_with_odd_paperwork_is_taken_told_and_alarms_once() {
    let stage = Stage::new(LINE);
    let serve = stage.serve();
    let post = |key: &str, body: &[u8]| {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        http::request(stage.at(), "POST", "/api/dispatch/manual", &headers, body).expect("an answer")
    };
    for (i, c) in cases().into_iter().enumerate() {
        let before = alerts(&stage);
        let answer = post(&format!("k{i}"), &c.body);
        assert!(matches!(answer.status, 201 | 202), "{}: {answer:?}", c.label);
        let call = text(&answer.json(), "callId").to_owned();
        let story = stage.delivered(&call, 1);
        assert_eq!(text(&story["attempts"][0], "contact"), c.told, "{}", c.label);
        let new: Vec<String> = alerts(&stage).into_iter().filter(|a| !before.contains(a)).collect();
        let kinds: Vec<&str> = new.iter().filter_map(|a| a.split(':').next()).collect();
        assert_eq!(kinds, c.alert.into_iter().collect::<Vec<_>>(), "{}: {new:?}", c.label);
        let again = post(&format!("k{i}"), &c.body);
        assert_eq!((again.status, text(&again.json(), "callId")), (200, call.as_str()), "{}: the same again", c.label);
        let other = post(&format!("k{i}"), br#"{"callData":{"issueSummary":"another emergency"}}"#);
        assert_eq!(other.status, 409, "{}: other data", c.label);
        report(&format!("{:<34} {} told {} alert {}", c.label, answer.status, c.told, c.alert.unwrap_or("-")));
    }
    let stories = stage.judge();
    assert_eq!(stories.len(), cases().len());
    let said = stage.shop.expect(0, &["status", "-o", "json"]).json();
    let all: Vec<&Value> = said["alerts"].as_array().expect("a list").iter().collect();
    assert!(all.iter().any(|a| text(a, "message").contains("10000 characters")), "{all:#?}");
    assert!(!serve.process.stderr().contains("panicked"), "{}", serve.process.stderr());
}

#[test]
fn an_id_that_nobody_sees_is_refused_and_says_how_to_go_on() {
    let stage = Stage::new("");
    let _serve = stage.serve();
    for id in [json!(7), json!("a b"), json!("\u{202e}a"), json!("a\u{200b}"), json!(""), json!(["a"])] {
        let body = json!({ "callId": id, "callData": { "issueSummary": "No heat" } });
        let answer = stage.post("/api/dispatch/manual", &body).expect("an answer");
        assert_eq!(answer.status, 400, "{id}: {answer:?}");
        let detail = text(&answer.json(), "detail").to_owned();
        assert!(detail.contains("leave callId out") && detail.contains("Idempotency-Key"), "{id}: {detail}");
    }
    assert_eq!(stage.judge().len(), 0, "none of them left a call");
}
