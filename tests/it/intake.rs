//! A voice agent in front: what its platform posts is one call and one text, whatever it posts again.

use std::net::SocketAddr;

use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::support::http::{self, Answer};
use crate::support::stage::{SAM, Stage, attempts, entries, text};
use crate::support::wait::now;

const KEY: &str = "key_test_0123456789";
const ON: &str = "[intake.retell]\napi_key = \"key_test_0123456789\"\n";
const CALL: &str = "retell:call_4f1c9a7be2d34c11a05f6d7e8b90c123";

fn fixture(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/intake").join(name);
    std::fs::read(path).expect("a fixture")
}

fn post(at: SocketAddr, body: &[u8]) -> Answer {
    let time = now().as_millis().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("a key");
    mac.update(body);
    mac.update(time.as_bytes());
    let digest: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    let signature = format!("v={time},d={digest}");
    let headers = [("Content-Type", "application/json"), ("X-Retell-Signature", signature.as_str())];
    http::request(at, "POST", "/webhooks/retell/call-ended", &headers, body).expect("an answer")
}

#[test]
fn a_report_that_comes_twice_at_once_and_then_its_analysis_is_one_call_and_one_text() {
    let stage = Stage::new(ON);
    let _serve = stage.serve();
    let (at, ended) = (stage.at(), fixture("retell-call-ended.json"));
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let both: Vec<_> = (0..2).map(|_| scope.spawn(|| post(at, &ended))).collect();
        both.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    let created = answers.iter().filter(|a| a.json()["created"] == Value::Bool(true)).count();
    assert_eq!((created, answers.iter().filter(|a| a.status == 200).count()), (1, 2), "{answers:?}");
    assert_eq!(attempts(&stage.call(CALL)).len(), 0, "nobody is told before the analysis");

    let analyzed = fixture("retell-call-analyzed.json");
    assert_eq!(post(at, &analyzed).json()["created"], Value::Bool(false));
    stage.delivered(CALL, 1);
    assert_eq!(post(at, &analyzed).status, 200);
    let story = stage.call(CALL);
    assert_eq!((attempts(&story).len(), entries(&story, "call.reported").len()), (1, 2), "{story:#}");
    assert_eq!(text(&story["callData"], "address"), "12 Oak Street, Irvine");
    assert_eq!((stage.judge().len(), stage.ledger().texts_to(SAM).len()), (1, 1));

    let listed = stage.shop.expect(0, &["config", "show"]);
    assert!(listed.stdout.contains("intake.retell.api_key") && !listed.stdout.contains(KEY), "{listed:?}");
}
