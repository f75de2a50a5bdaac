//! What the official and the common clients send, byte for byte, replayed: `fixtures/clients`.
//!
//! Recorded with twilio-python 9.13.0, twilio (Node) 6.2.0, pyairtable 3.5.0 and airtable.js 0.12.2 in front of the
//! sandbox. A line is a request and the status that its client went on with. `<rec:2>` and the like stand for the second
//! id of that kind that a write made, `<offset>` and `<next>` for what the answer before gave; a list of over a thousand
//! ids in a formula was cut to three, and the date of a filter set to one in the past.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::config::{SANDBOX_ACCOUNT_SID, SANDBOX_AUTH_TOKEN};
use crate::sandbox::messages::Status;

#[derive(Deserialize)]
struct Recorded {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    status: u16,
}

/// Fills in what only a run knows.
#[derive(Default)]
struct Names {
    ids: HashMap<String, Vec<String>>,
    offset: String,
    next: String,
}

impl Names {
    fn fill(&self, text: &str) -> String {
        let mut text = text.replace("<offset>", &self.offset).replace("<next>", &self.next);
        for (kind, ids) in &self.ids {
            for (i, id) in ids.iter().enumerate() {
                text = text.replace(&format!("<{kind}:{}>", i + 1), id);
            }
        }
        text
    }

    /// Learns the ids that a write made, in the order in which its answer names them.
    fn learn(&mut self, answer: &Value, writes: bool) {
        self.offset = answer["offset"].as_str().unwrap_or("").replace('/', "%2F");
        self.next = answer["next_page_uri"].as_str().unwrap_or("").to_owned();
        if !writes {
            return;
        }
        let rows = answer["records"].as_array().map_or(&[][..], Vec::as_slice);
        for id in rows.iter().chain([answer]).flat_map(|r| [&r["id"], &r["sid"]]).filter_map(Value::as_str) {
            let kind = ["SM", "CA"].into_iter().find(|kind| id.starts_with(kind)).unwrap_or(id.get(..3).unwrap_or(""));
            let known = self.ids.entry(kind.to_owned()).or_default();
            if !known.iter().any(|k| k == id) {
                known.push(id.to_owned());
            }
        }
    }
}

/// Sends the request as it was recorded.
async fn send(b: &Bench, recorded: &Recorded, names: &Names) -> (u16, Value) {
    let (target, body) = (names.fill(&recorded.target), names.fill(&recorded.body));
    let addr = b.sandbox.addr();
    let mut request = format!("{} {target} HTTP/1.1\r\n", recorded.method);
    for (name, value) in &recorded.headers {
        let value = value.replace("<host>", &addr.to_string()).replace("<length>", &body.len().to_string());
        // One request a connection, so that its end is the answer's.
        let value = if name.eq_ignore_ascii_case("connection") { "close".to_owned() } else { value };
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("\r\n{body}"));
    let read = move || {
        let mut stream = std::net::TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(request.as_bytes())?;
        let mut got = String::new();
        stream.read_to_string(&mut got).map(|_| got)
    };
    let got = tokio::task::spawn_blocking(read).await.expect("runs").expect("answers");
    let (head, body) = got.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Replays a recording; every answer.
async fn replay(b: &Bench, recording: &str) -> Vec<Value> {
    replay_with(b, Names::default(), recording).await
}

/// The same, where these ids are known before.
async fn replay_with(b: &Bench, mut names: Names, recording: &str) -> Vec<Value> {
    let mut answers = Vec::new();
    for line in recording.lines() {
        let recorded: Recorded = serde_json::from_str(line).expect("a request");
        let (status, answer) = send(b, &recorded, &names).await;
        assert_eq!(status, recorded.status, "{} {} {}: {answer}", recorded.method, recorded.target, recorded.body);
        names.learn(&answer, recorded.method != "GET" && !recorded.target.contains("listRecords"));
        answers.push(answer);
    }
    answers
}

/// With and without the peer in front.
async fn benches() -> [Bench; 2] {
    let start = async |tcp_faults: bool| {
        let bench = Bench::with(|c| {
            c.account_sid = SANDBOX_ACCOUNT_SID.to_owned();
            c.auth_token = SANDBOX_AUTH_TOKEN.to_owned();
            c.tcp_faults = tcp_faults;
        });
        bench.await.unhurried().await
    };
    [start(false).await, start(true).await]
}

#[tokio::test]
async fn twilios_clients_create_fetch_and_list() {
    for b in benches().await {
        let python = replay(&b, include_str!("../../../fixtures/clients/twilio-python.ndjson")).await;
        assert_eq!(python[0]["sid"], python[1]["sid"], "fetched");
        let pages = [&python[5], &python[6]].map(|p| p["messages"].as_array().map(Vec::len));
        assert_eq!(pages, [Some(2), Some(2)], "the second by the first one's link");
        let node = replay(&b, include_str!("../../../fixtures/clients/twilio-node.ndjson")).await;
        assert_eq!((&node[1]["body"], &node[3]["code"]), (&json!("hi ünï"), &json!(21211)));
        assert_eq!(b.sandbox.ledger().len(), 5);
    }
}

#[tokio::test]
async fn twilios_client_redacts_and_deletes_a_message_that_is_complete() {
    for b in benches().await {
        let python = replay(&b, include_str!("../../../fixtures/clients/twilio-python.ndjson")).await;
        let sid = python[0]["sid"].as_str().expect("a SID").to_owned();
        until("delivered", || (b.entry(&sid).status == Status::Delivered).then_some(())).await;
        let names = Names { ids: HashMap::from([("SM".to_owned(), vec![sid.clone()])]), ..Names::default() };
        let recording = include_str!("../../../fixtures/clients/twilio-python-changes.ndjson");
        let changed = replay_with(&b, names, recording).await;
        assert_eq!((&changed[0]["body"], &changed[0]["status"]), (&json!(""), &json!("delivered")));
        assert_eq!((&changed[1]["body"], &changed[2], &changed[3]["code"]), (&json!(""), &Value::Null, &json!(20404)));
        assert_eq!(b.entry(&sid).body, python[0]["body"].as_str().expect("a text"), "evidence stays");
    }
}

#[tokio::test]
async fn twilios_clients_place_fetch_list_and_end_phone_calls() {
    for b in benches().await {
        let python = replay(&b, include_str!("../../../fixtures/clients/twilio-python-calls.ndjson")).await;
        assert_eq!((&python[2]["sid"], &python[2]["direction"]), (&python[0]["sid"], &json!("outbound-api")));
        assert_eq!(python[3]["calls"][0]["sid"], python[1]["sid"], "by whom it rings and by whose number");
        let pages = [&python[4], &python[5]].map(|page| page["calls"][0]["sid"].clone());
        assert_eq!(pages, [&python[1], &python[0]].map(|call| call["sid"].clone()), "newest first, a page each");
        assert_eq!((&python[7]["status"], &python[8]["code"]), (&json!("canceled"), &json!(21220)));
        assert_eq!(python[9]["code"], 21217);
        // However busy the machine is, what follows is not dialled before it is listed.
        assert_eq!(b.control("settings", json!({ "paceMs": 3_600_000 })).await.0, 200);
        let node = replay(&b, include_str!("../../../fixtures/clients/twilio-node-calls.ndjson")).await;
        assert_eq!((&node[1]["sid"], &node[2]["calls"]), (&node[0]["sid"], &json!([])), "not dialled yet: no start");
        assert_eq!((&node[5]["status"], &node[6]["code"]), (&json!("canceled"), &json!(21220)));
        assert_eq!(b.get("/_sandbox/ledger").await.1["violations"], json!([]), "as the API lists it");
    }
}

#[tokio::test]
async fn airtables_clients_write_read_and_change_the_schema() {
    for b in benches().await {
        let answers = replay(&b, include_str!("../../../fixtures/clients/airtable-js.ndjson")).await;
        let sorted: Vec<_> = answers[2]["records"].as_array().expect("a list").iter().collect();
        assert_eq!(sorted.iter().map(|r| &r["fields"]["Event ID"]).collect::<Vec<_>>(), ["j3", "j2", "j1"]);
        assert_eq!(answers[3]["createdRecords"].as_array().map(Vec::len), Some(1));
        assert_eq!(answers[5]["fields"], json!({ "Event ID": "j3b" }));
        b.base_admin(json!({ "do": "reset" }));
        let answers = replay(&b, include_str!("../../../fixtures/clients/pyairtable.ndjson")).await;
        assert_eq!(answers[3]["fields"]["Sent At"], "2026-11-22T06:00:00.000Z");
        let row = b.sandbox.airtable_rows("Dispatch Events");
        assert_eq!(row.last().map(|r| r.fields["Priority"].clone()), Some(json!("low")), "by typecast");
        assert!(row.iter().any(|r| r.fields.get("Kontakt") == Some(&json!("Sam"))), "renamed by the client: {row:?}");
    }
}
