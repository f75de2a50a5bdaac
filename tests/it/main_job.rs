//! The main job, over three real processes: a call comes in, the technician is told, told again, and somebody takes it.

use dispatchctl::testkit::SANDBOX_ACCOUNT_SID;
use serde_json::{Value, json};

use crate::support::stage::{ANA, LEE, SAM, SECOND_MS, Stage, attempts, emergency, entries, state, text};
use crate::support::wait::{later_ms, time, until};

/// A follow-up after 2 s, to the backup too, and one more, which nobody should get.
const BRISK: &str = r#"
[policies.brisk]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "2s", notify = ["primary", "backup"] }, { wait = "2s", notify = ["owner"] } ]
exhaust_after = "1h"
"#;

#[test]
fn a_call_is_told_followed_up_once_on_time_and_taken_by_a_reply() {
    let stage = Stage::new(BRISK);
    let serve = stage.serve();
    let answer = stage.dispatch("c1", "brisk");
    assert_eq!((&answer["created"], &answer["mode"]), (&json!(true), &json!("test")), "{answer}");
    let call = stage.delivered("c1", 1);
    let first = stage.ledger();
    let messages = first.of(&call, 1);
    assert_eq!((messages.len(), &messages[0]["to"]), (1, &json!(SAM)), "{:?}", messages);
    assert_eq!(messages[0]["sid"], call["attempts"][0]["sid"], "the store has the provider's SID");
    assert_eq!(messages[0]["attemptFromCallback"], call["attempts"][0]["attemptId"], "the id rides in the callback");

    let call = stage.delivered("c1", 3);
    let ledger = stage.ledger();
    for (number, phone) in [(2, SAM), (3, ANA)] {
        let messages = ledger.of(&call, number);
        assert_eq!((messages.len(), &messages[0]["to"]), (1, &json!(phone)), "attempt {number}");
        let late = later_ms(time(&messages[0]["createdAt"]), time(&call["acceptedAt"])) - 2 * SECOND_MS;
        assert!((0..SECOND_MS).contains(&late), "attempt {number} left {late} ms after T1");
    }
    serve.process.says("Retry attempt 2");

    let heard = stage.reply(SAM, "1");
    assert_eq!(heard["httpStatus"], 200, "{heard}");
    let call = stage.until_call("c1", "Ana is stood down", |c| state(c, 4) == "delivered");
    assert_eq!((text(&call, "status"), text(&call, "holder")), ("ACKNOWLEDGED", "sam"));
    assert_eq!((text(&call["attempts"][3], "kind"), text(&call["attempts"][3], "contact")), ("stand-down", "ana"));
    assert_eq!(call["nextFollowUpAt"], Value::Null);
    // A call whose own third step has fired shows that this one's time has passed too.
    stage.dispatch("c2", "brisk");
    stage.until_call("c2", "its third step", |c| state(c, 4) == "delivered");
    let stories = stage.judge();
    let of_c1 = stories.iter().find(|c| text(c, "callId") == "c1").expect("c1");
    assert_eq!(attempts(of_c1).len(), 4, "nothing follows an answer");
    let ledger = stage.ledger();
    assert_eq!((ledger.texts_to(SAM).len(), ledger.texts_to(ANA).len(), ledger.texts_to(LEE).len()), (4, 3, 1));
}

#[test]
fn the_same_call_again_sends_nothing_and_other_data_is_refused() {
    let stage = Stage::new("");
    let serve = stage.serve();
    stage.dispatch("c1", "normal");
    let before = stage.delivered("c1", 1);
    let again = stage.post("/api/dispatch/manual", &emergency("c1", "normal")).expect("an answer");
    assert_eq!((again.status, &again.json()["created"]), (200, &json!(false)), "{again:?}");
    assert_eq!(again.json()["attempts"][0]["attemptId"], before["attempts"][0]["attemptId"]);
    let mut other = emergency("c1", "normal");
    other["callData"]["issueSummary"] = json!("No heat");
    let refused = stage.post("/api/dispatch/manual", &other).expect("an answer");
    assert_eq!((refused.status, text(&refused.json(), "callId")), (409, "c1"), "{refused:?}");
    // What comes after both is sent, and shows that they would have been.
    stage.dispatch("c2", "normal");
    stage.delivered("c2", 1);
    assert_eq!(stage.call("c1"), before, "nothing was added to the story");
    assert_eq!(stage.ledger().creates(), 2);
    stage.judge();
    drop(serve);
}

#[test]
fn a_forged_callback_is_refused_and_changes_nothing() {
    let stage = Stage::new("");
    let _serve = stage.serve();
    stage.dispatch("c1", "normal");
    let before = stage.delivered("c1", 1);
    let (attempt, sid) = (text(&before["attempts"][0], "attemptId"), text(&before["attempts"][0], "sid"));
    let url = format!("http://{}/webhooks/twilio/sms-status/{attempt}", stage.at());
    let form = json!({ "MessageSid": sid, "MessageStatus": "undelivered", "ErrorCode": "30005" });
    for signature in [Value::Null, json!("AAAAAAAAAAAAAAAAAAAAAAAAAAA="), json!("")] {
        let forged = json!({ "url": url, "form": form, "signature": signature });
        assert_eq!(stage.control("POST", "forge", &forged)["httpStatus"], 403, "{signature}");
    }
    // A true signature of another form, and one of another path: a replay that was bent.
    let reply = format!("http://{}/webhooks/twilio/sms-inbound", stage.at());
    let taken = json!({ "From": SAM, "To": "+15005550006", "Body": "1", "MessageSid": sid });
    assert_eq!(
        stage.control("POST", "forge", &json!({ "url": reply, "form": taken, "signature": "x" }))["httpStatus"],
        403
    );
    assert_eq!(stage.call("c1"), before, "the story is as it was");
    let health = until("health has counted them", || {
        Some(stage.get("/health")).filter(|h| h["metrics"]["refusedCallbacks"] == 4)
    });
    assert_eq!(health["metrics"]["activeRetries"], 1, "{health}");
    // The very same words count once they are signed, so it was the signature that was refused.
    stage.control(
        "POST",
        "forge",
        &json!({ "url": reply, "sign": true, "form": { "From": SAM, "To": "+15005550006",
        "Body": "1", "MessageSid": "SM00000000000000000000000000000001", "AccountSid": SANDBOX_ACCOUNT_SID } }),
    );
    stage.until_call("c1", "the signed reply takes it", |c| text(c, "status") == "ACKNOWLEDGED");
    stage.judge();
}

#[test]
fn duplicate_and_reordered_callbacks_end_delivered() {
    let stage = Stage::new("");
    let _serve = stage.serve();
    stage.fault(&json!([
        { "kind": "duplicate_callbacks" },
        { "kind": "reorder_callbacks", "messageStatus": "sent" },
    ]));
    for call in ["c1", "c2", "c3"] {
        stage.dispatch(call, "normal");
    }
    for call in ["c1", "c2", "c3"] {
        let story = stage.delivered(call, 1);
        let sid = text(&story["attempts"][0], "sid").to_owned();
        // `sent` comes last, after `delivered`, and what is not held back comes twice.
        let told = until("the late callback was answered", || {
            let ledger = stage.ledger().0;
            let all = ledger["callbacks"].as_array().expect("a list");
            let of: Vec<_> = all.iter().filter(|c| c["sid"] == json!(sid)).cloned().collect();
            of.iter().any(|c| c["status"] == "sent").then_some(of)
        });
        assert!(told.iter().all(|c| c["httpStatus"] == 204), "each is taken, a late one too: {told:?}");
        assert_eq!(told.iter().filter(|c| c["status"] == "delivered").count(), 2, "{told:?}");
        let story = stage.call(call);
        assert_eq!((state(&story, 1), &story["attempts"][0]["status"]), ("delivered", &json!("delivered")), "{call}");
        assert_eq!(entries(&story, "attempt.delivered").len(), 1, "told once in the log: {call}");
    }
    let stories = stage.judge();
    assert_eq!(stories.len(), 3);
}

#[test]
fn a_sandbox_and_a_serve_of_one_configuration_know_the_same_account() {
    let shop = crate::support::Shop::with_config(concat!(
        "[twilio]\naccount_sid = \"AC00000000000000000000000000000001\"\n",
        "auth_token_file = \"token\"\nfrom = \"+15005550006\"\n",
        "[[contacts]]\nid = \"sam\"\nname = \"Sam Ortiz\"\nphone = \"+19495550101\"\nrole = \"primary\"\n",
    ));
    std::fs::write(shop.path("token"), "a-token-in-a-file").expect("written");
    let mut sandbox = shop.start(&["-o", "json", "sandbox", "--listen", "127.0.0.1:0", "--ledger", "l.ndjson"]);
    let said = sandbox.stdout_lines().next().expect("it says where it is");
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["accountSid"], "AC00000000000000000000000000000001", "{said}");
    let mut shop = shop;
    let at = said["baseUrl"].as_str().and_then(|u| u.strip_prefix("http://")).expect("an address").to_owned();
    shop.set("DISPATCHCTL_SANDBOX__LISTEN", at);
    let run = shop.expect(0, &["send", "--call-id", "t1", "--issue", "leak", "-o", "json"]);
    assert_eq!(run.json()["channels"]["sms"]["success"], true, "{run:?}");
}

#[test]
fn a_strangers_sandbox_is_not_used_and_hears_no_secret() {
    let stranger = crate::support::Shop::with_config(concat!(
        "[twilio]\naccount_sid = \"AC00000000000000000000000000000002\"\n",
        "auth_token = \"another-shops-token\"\nfrom = \"+15005550006\"\n",
    ));
    let ledger = stranger.path("l.ndjson").display().to_string();
    let mut sandbox = stranger.start(&["-o", "json", "sandbox", "--listen", "127.0.0.1:0", "--ledger", &ledger]);
    let said = sandbox.stdout_lines().next().expect("it says where it is");
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let at = said["baseUrl"].as_str().and_then(|u| u.strip_prefix("http://")).expect("an address").to_owned();
    let mut shop = crate::support::Shop::new();
    shop.set("DISPATCHCTL_SANDBOX__LISTEN", &at);
    for args in [&["send", "--issue", "leak"][..], &["serve", "--listen", "127.0.0.1:0"], &["doctor"]] {
        let run = shop.run(args);
        assert_eq!(run.code, 2, "{args:?}: {run:?}");
        for words in [at.as_str(), "AC00000000000000000000000000000001", "DISPATCHCTL_SANDBOX__LISTEN"] {
            assert!(run.stderr.contains(words), "{args:?}: {words} in {run:?}");
        }
        assert!(!run.stderr.contains("sample-auth-token"), "{args:?}: {run:?}");
    }
    assert_eq!(std::fs::read_to_string(&ledger).unwrap_or_default(), "", "it was asked for no text");
}
