//! Phone calls: what is taken and refused, how each ends, what is told of it, and what is read back.

use serde_json::json;

use super::*;
use crate::sandbox::callbacks::sign;
use crate::sandbox::voice::{CallEntry, PhoneStatus};

const EVENTS: [&str; 4] = ["initiated", "ringing", "answered", "completed"];
const MENU: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Gather input=\"dtmf\" numDigits=\"1\" finishOnKey=\"\" \
                    timeout=\"6\" action=\"/key/1#rc=3&amp;rp=all\"><Say>Job 7. K. &amp; more.</Say><Pause length=\"1\"/>\
                    <Say>Press 1 to take it.</Say></Gather><Say>No key was pressed.</Say></Response>";
const TAKEN: &str = "<Response><Say>You have the job.</Say><Hangup/></Response>";

/// A bench on which a second of a phone call takes 20 ms.
async fn bench() -> Bench {
    Bench::with(|c| c.call_second = Duration::from_millis(20)).await
}

impl Bench {
    async fn post(&self, rest: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.post(self.url(rest)).basic_auth(DEFAULT_ACCOUNT_SID, Some(DEFAULT_AUTH_TOKEN));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await.expect("answers");
        (answer.status().as_u16(), answer.json().await.expect("json"))
    }

    /// A call that must be accepted; its SID.
    async fn ring(&self, hook: &str, timeout: &str) -> String {
        self.ring_to(SAM, hook, timeout).await
    }

    async fn ring_to(&self, to: &str, hook: &str, timeout: &str) -> String {
        let (url, status) = (format!("{hook}/voice/att_1"), format!("{hook}/status/att_1#rc=3&rp=all"));
        let mut form = vec![("To", to), ("From", FROM), ("Url", &url), ("StatusCallback", &status)];
        form.push(("Timeout", timeout));
        form.extend(EVENTS.map(|e| ("StatusCallbackEvent", e)));
        let (status, answer) = self.post("/Calls.json", &form).await;
        assert_eq!((status, &answer["status"]), (201, &"queued".into()), "{answer}");
        answer["sid"].as_str().expect("sid").to_owned()
    }

    fn phone_call(&self, sid: &str) -> CallEntry {
        self.sandbox.calls().into_iter().find(|c| c.sid == sid).expect("in the ledger")
    }

    async fn ended(&self, sid: &str) -> CallEntry {
        until("the call ends", || Some(self.phone_call(sid)).filter(|c| c.status.is_final())).await
    }

    async fn picks_up(&self, calls: Value) {
        let (status, answer) = self.control("people", json!([{ "phone": SAM, "calls": calls }])).await;
        assert_eq!(status, 200, "{answer}");
    }
}

fn told(hook: &Webhook) -> Vec<(String, String)> {
    let events = hook.received().into_iter().filter(|r| r.path_and_query.starts_with("/status/"));
    events.map(|r| (r.field("CallStatus").to_owned(), r.field("SequenceNumber").to_owned())).collect()
}

#[tokio::test]
async fn a_person_presses_a_key_and_every_request_is_signed_and_whole() {
    // Status callbacks come in between: every answer is the menu until the key comes.
    let hook = Webhook::by_path(&[("/voice/", MENU), ("/key/", TAKEN)]).await;
    let b = bench().await;
    b.picks_up(json!([{ "does": "human", "ringS": 2, "keys": [{ "afterS": 1.0, "digits": "1" }] }])).await;
    let sid = b.ring(&hook.base, "20").await;
    let call = b.ended(&sid).await;
    assert_eq!(
        (call.status, call.sip_response_code, call.ended_by_account),
        (PhoneStatus::Completed, Some(200), false)
    );
    assert_eq!(call.said, ["Job 7. K. & more.", "You have the job."], "a key stops the speech");
    assert_eq!(call.keys.iter().map(|k| k.digits.as_str()).collect::<Vec<_>>(), ["1"]);
    assert_eq!(call.attempt_from_callback.as_deref(), Some("att_1"));
    until("four events", || (told(&hook).len() == 4).then_some(())).await;
    let order = ["initiated", "ringing", "in-progress", "completed"];
    let expected: Vec<_> = order.iter().zip(0..).map(|(w, n): (_, u32)| ((*w).to_owned(), n.to_string())).collect();
    assert_eq!(told(&hook), expected);
    for received in hook.received() {
        let url = format!("{}{}", hook.base, received.path_and_query);
        assert_eq!(received.header("x-twilio-signature"), sign(DEFAULT_AUTH_TOKEN, &url, &received.form), "{url}");
        assert_eq!((received.field("CallSid"), received.field("AccountSid")), (sid.as_str(), DEFAULT_ACCOUNT_SID));
        assert_eq!((received.field("To"), received.field("Called"), received.field("Caller")), (SAM, SAM, FROM));
    }
    let received = hook.received();
    let key = received.iter().find(|r| r.path_and_query == "/key/1").expect("a key");
    assert_eq!((key.field("Digits"), key.field("msg"), key.field("CallStatus")), ("1", "Gather End", "in-progress"));
    let last = received.iter().rfind(|r| r.field("CallStatus") == "completed").expect("a final one");
    assert_eq!((last.field("SipResponseCode"), last.field("Duration")), ("200", "1"));
    assert_eq!(last.field("CallbackSource"), "call-progress-events");
    assert!(last.field("Timestamp").ends_with("+0000") && !last.field("CallDuration").is_empty(), "{last:?}");
}

#[tokio::test]
async fn each_end_has_its_status_its_sip_code_and_no_duration() {
    let b = bench().await;
    let hook = Webhook::by_path(&[("/voice/", MENU)]).await;
    for (does, status, sip, events) in [
        ("busy", PhoneStatus::Busy, 486, 2),
        ("no_answer", PhoneStatus::NoAnswer, 487, 3),
        ("unreachable", PhoneStatus::NoAnswer, 480, 2),
        ("no_number", PhoneStatus::Failed, 404, 2),
        ("declined", PhoneStatus::NoAnswer, 603, 3),
    ] {
        b.picks_up(json!([{ "does": does }])).await;
        let before = told(&hook).len();
        let sid = b.ring(&hook.base, "3").await;
        let call = b.ended(&sid).await;
        assert_eq!((call.status, call.sip_response_code, call.seconds), (status, Some(sip), None), "{does}");
        until("its events", || (told(&hook).len() == before + events).then_some(())).await;
        let last = hook.received().pop().expect("the final one");
        assert_eq!(
            (last.field("CallDuration"), last.field("SipResponseCode")),
            ("0", sip.to_string().as_str()),
            "{does}"
        );
    }
}

#[tokio::test]
async fn a_mailbox_hears_all_and_presses_nothing_and_a_late_answer_is_no_answer() {
    let b = bench().await;
    let hook = Webhook::by_path(&[("/voice/", MENU)]).await;
    b.picks_up(json!([{ "call": 1, "does": "voicemail" }, { "call": 2, "does": "voicemail", "ringS": 25 }])).await;
    let mailbox = b.ring(&hook.base, "20").await;
    let call = b.ended(&mailbox).await;
    assert_eq!((call.status, call.keys.len()), (PhoneStatus::Completed, 0));
    assert_eq!(call.said.last().map(String::as_str), Some("No key was pressed."));
    assert!(call.seconds.is_some_and(|s| s >= 8), "speech, pause and the wait take their time: {:?}", call.seconds);
    let late = b.ring(&hook.base, "20").await;
    let call = b.ended(&late).await;
    assert_eq!((call.status, call.sip_response_code), (PhoneStatus::NoAnswer, Some(487)), "its box answers after 25 s");
}

#[tokio::test]
async fn a_phone_that_rings_or_talks_is_engaged_for_another_call_and_free_when_that_is_over() {
    let b = bench().await;
    let hook = Webhook::by_path(&[("/voice/", MENU)]).await;
    b.picks_up(json!([{ "does": "human", "ringS": 100, "hangUpS": 1 }])).await;
    let first = b.ring(&hook.base, "200").await;
    until("it rings", || (b.phone_call(&first).status == PhoneStatus::Ringing).then_some(())).await;
    let second = b.ring(&hook.base, "20").await;
    let call = b.ended(&second).await;
    assert_eq!((call.status, call.sip_response_code), (PhoneStatus::Busy, Some(486)));
    assert_eq!(b.ended(&first).await.status, PhoneStatus::Completed);
    let third = b.ring(&hook.base, "200").await;
    assert_eq!(b.ended(&third).await.status, PhoneStatus::Completed, "free again");
}

#[tokio::test]
async fn keys_are_forged_doubled_late_lost_and_pressed_at_run_time() {
    let b = bench().await;
    let hook = Webhook::by_path(&[("/voice/", MENU), ("/key/", TAKEN)]).await;
    let keys = json!([
        { "afterS": 0.5, "digits": "2", "forged": true },
        { "afterS": 2.0, "digits": "1", "twice": true },
        { "afterS": 0.0, "digits": "1", "lateS": 1.0 },
    ]);
    b.picks_up(json!([{ "does": "human", "keys": keys }])).await;
    let sid = b.ring(&hook.base, "20").await;
    let keys = until("four requests", || {
        let keys: Vec<_> = hook.received().into_iter().filter(|r| r.path_and_query == "/key/1").collect();
        (keys.len() == 4).then_some(keys)
    })
    .await;
    let url = format!("{}/key/1", hook.base);
    let is_true: Vec<bool> =
        keys.iter().map(|k| k.header("x-twilio-signature") == sign(DEFAULT_AUTH_TOKEN, &url, &k.form)).collect();
    assert_eq!(is_true, [false, true, true, true]);
    assert_eq!(keys[3].field("CallStatus"), "completed", "after the end");
    until("the late one is in the ledger", || (b.phone_call(&sid).keys.len() == 3).then_some(())).await;
    let (status, _) = b.control("key", json!({ "phone": SAM, "digits": "1" })).await;
    assert_eq!(status, 409, "there is no call");
    b.picks_up(json!([{ "does": "human" }])).await;
    let sid = b.ring(&hook.base, "20").await;
    until("picked up", || (!b.phone_call(&sid).said.is_empty()).then_some(())).await;
    let (status, pressed) = b.control("key", json!({ "phone": SAM, "digits": "1" })).await;
    assert_eq!((status, &pressed["sid"]), (200, &sid.clone().into()));
    assert_eq!(b.ended(&sid).await.said.last().map(String::as_str), Some("You have the job."));
    b.picks_up(json!([{ "does": "human" }])).await;
    let sid = b.ring(&hook.base, "20").await;
    until("picked up", || (!b.phone_call(&sid).said.is_empty()).then_some(())).await;
    assert_eq!(b.control("hang-up", json!({ "phone": SAM })).await.0, 200);
    assert!(b.ended(&sid).await.keys.is_empty());
}

#[tokio::test]
async fn the_account_ends_a_ringing_call_redirects_one_in_progress_and_is_told_when_it_is_over() {
    let b = bench().await;
    let hook = Webhook::by_path(&[("/voice/", MENU)]).await;
    let ringing = b.ring(&hook.base, "600").await;
    until("rings", || (b.phone_call(&ringing).status == PhoneStatus::Ringing).then_some(())).await;
    let change = format!("/Calls/{ringing}.json");
    assert_eq!(b.post(&change, &[("Twiml", TAKEN)]).await.1["code"], 21220, "it is not in progress");
    let (status, ended) = b.post(&change, &[("Status", "canceled")]).await;
    assert_eq!((status, &ended["status"]), (200, &"canceled".into()));
    assert!(b.phone_call(&ringing).ended_by_account);
    assert_eq!(b.post(&change, &[("Status", "canceled")]).await.1["code"], 21220);
    until("told", || told(&hook).iter().any(|(w, _)| w == "canceled").then_some(())).await;
    let ana = "+19495550102";
    b.control("people", json!([{ "phone": ana, "calls": [{ "does": "human" }] }])).await;
    let talking = b.ring_to(ana, &hook.base, "20").await;
    until("picked up", || (!b.phone_call(&talking).said.is_empty()).then_some(())).await;
    let change = format!("/Calls/{talking}.json");
    let (status, left_alone) = b.post(&change, &[("Status", "canceled")]).await;
    assert_eq!((status, &left_alone["status"]), (200, &"in-progress".into()));
    assert_eq!(b.post(&change, &[]).await.0, 200, "an empty one changes nothing");
    let twiml = "<Response><Say>Bo has it already.</Say><Hangup/></Response>";
    assert_eq!(b.post(&change, &[("Twiml", twiml)]).await.0, 200);
    assert_eq!(b.ended(&talking).await.said.last().map(String::as_str), Some("Bo has it already."));
    b.picks_up(json!([{ "does": "human" }])).await;
    let cut = b.ring(&hook.base, "20").await;
    until("picked up", || (!b.phone_call(&cut).said.is_empty()).then_some(())).await;
    assert_eq!(b.post(&format!("/Calls/{cut}.json"), &[("Status", "completed")]).await.1["status"], "completed");
}

#[tokio::test]
async fn what_a_call_may_not_be_is_refused_with_its_code() {
    let b = bench().await;
    let long = format!("<Response><Say>{}</Say></Response>", "a".repeat(4_000));
    let good = [("To", SAM), ("From", FROM), ("Url", "http://127.0.0.1:9/x")];
    for (changed, code) in [
        (vec![("To", "")], 21201),
        (vec![("From", "")], 21213),
        (vec![("To", "12")], 21211),
        (vec![("From", "Acme")], 21212),
        (vec![("Url", "")], 21205),
        (vec![("Url", "not a url")], 21205),
        (vec![("Url", ""), ("Twiml", long.as_str())], 32018),
        (vec![("Twiml", TAKEN)], 20001),
        (vec![("Timeout", "601")], 21208),
        (vec![("TimeLimit", "0")], 21208),
        (vec![("Method", "PUT")], 21209),
        (vec![("StatusCallback", "http://a_b.example/x")], 21609),
        (vec![("StatusCallback", "http://127.0.0.1:9/x#rc=9")], 20001),
        (vec![("StatusCallbackEvent", "initiated ringing")], 20001),
        (vec![("MessagingServiceSid", "MG1")], 20001),
        (vec![("ValidityPeriod", "600")], 20001),
        (vec![("ApplicationSid", "AP1")], 20001),
        (vec![("SendDigits", "hello")], 21206),
        (vec![("To", "+15005550001")], 21217),
        (vec![("To", "+15005550003")], 21215),
        (vec![("From", "+15005550007")], 21210),
    ] {
        let mut form: Vec<_> = good.iter().filter(|(n, _)| changed.iter().all(|(c, _)| c != n)).copied().collect();
        form.extend(changed.iter().copied());
        let (status, answer) = b.post("/Calls.json", &form).await;
        assert_eq!((status, &answer["code"]), (400, &code.into()), "{changed:?}: {answer}");
    }
    assert!(b.sandbox.calls().is_empty());
    assert_eq!(b.get(&format!("/Calls/CA{}.json", "0".repeat(32))).await.1["code"], 20404);
}

#[tokio::test]
async fn a_list_has_filters_and_pages_lags_and_a_lost_answer_is_found_in_it() {
    let b = bench().await;
    let hook = Webhook::by_path(&[]).await;
    let mut sids = Vec::new();
    for _ in 0..3 {
        sids.push(b.ring(&hook.base, "600").await);
    }
    b.control("faults", json!({ "kind": "drop_after_accept", "on": "call_create", "times": 1 })).await;
    let form = [("To", BO), ("From", FROM), ("Twiml", TAKEN)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = b.client.post(b.url("/Calls.json")).basic_auth(DEFAULT_ACCOUNT_SID, Some(DEFAULT_AUTH_TOKEN));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body);
    assert!(request.send().await.is_err(), "no answer");
    let (_, first) = b.get("/Calls.json?PageSize=3").await;
    assert_eq!((&first["calls"][0]["to"], first["calls"].as_array().map(Vec::len)), (&BO.into(), Some(3)));
    assert_eq!(first["calls"][0]["direction"], "outbound-api");
    let (_, second) = b.get(first["next_page_uri"].as_str().expect("a second page")).await;
    assert_eq!((&second["calls"][0]["sid"], &second["next_page_uri"]), (&sids[0].clone().into(), &Value::Null));
    let (_, sams) = b.get("/Calls.json?To=%2B19495550101&From=%2B15005550006&Status=in-progress").await;
    assert_eq!(sams["calls"], json!([]));
    b.control("faults", json!({ "kind": "list_lag", "on": "call_list", "delayMs": 60_000, "to": BO })).await;
    assert_eq!(b.get("/Calls.json?To=%2B19495550102").await.1["calls"], json!([]));
    assert!(b.sandbox.calls()[3].hidden_at.is_some());
    assert_eq!(b.get("/Calls.json?Direction=inbound").await.0, 400, "there is no such filter");
}

#[tokio::test]
async fn events_are_left_out_doubled_and_told_out_of_order() {
    let b = bench().await;
    for (fault, expected) in [
        (json!({ "kind": "withhold_callbacks", "callStatus": "initiated" }), "ringing no-answer"),
        (json!({ "kind": "duplicate_callbacks", "callStatus": "ringing" }), "initiated ringing ringing no-answer"),
        (json!({ "kind": "reorder_callbacks", "callStatus": "initiated" }), "ringing initiated no-answer"),
        (
            json!({ "kind": "delay_callbacks", "callStatus": "initiated", "delayMs": 300 }),
            "ringing no-answer initiated",
        ),
    ] {
        let hook = Webhook::by_path(&[]).await;
        b.client.delete(b.url("/_sandbox/faults")).send().await.expect("cleared");
        let mut fault = fault;
        fault["on"] = json!("call_event");
        assert_eq!(b.control("faults", fault).await.0, 201);
        b.ring(&hook.base, "3").await;
        let wanted: Vec<_> = expected.split(' ').collect();
        let told = until("its events", || Some(told(&hook)).filter(|t| t.len() == wanted.len())).await;
        assert_eq!(told.iter().map(|(w, _)| w.as_str()).collect::<Vec<_>>(), wanted);
    }
    let (status, problem) = b.control("faults", json!({ "kind": "withhold_callbacks", "callStatus": "ringing" })).await;
    assert_eq!(status, 400, "{problem}");
}

#[tokio::test]
async fn twiml_that_cannot_be_played_falls_back_and_is_a_violation() {
    let b = bench().await;
    let hook = Webhook::by_path(&[("/voice/", "<Response><Dial>1</Dial></Response>"), ("/again/", TAKEN)]).await;
    b.picks_up(json!([{ "does": "human" }])).await;
    let (url, fallback) = (format!("{}/voice/a", hook.base), format!("{}/again/a", hook.base));
    let form = [("To", SAM), ("From", FROM), ("Url", url.as_str()), ("FallbackUrl", &fallback)];
    let (_, call) = b.post("/Calls.json", &form).await;
    let sid = call["sid"].as_str().expect("a SID");
    let call = b.ended(sid).await;
    assert_eq!((call.faults[0].code, call.said.as_slice()), (12200, &["You have the job.".to_owned()][..]));
    let received = hook.received();
    let again = received.iter().find(|r| r.path_and_query == "/again/a").expect("asked");
    assert_eq!((again.field("ErrorCode"), again.field("ErrorUrl")), ("12200", url.as_str()));
    let (_, notes) = b.get(&format!("/Calls/{sid}/Notifications.json")).await;
    assert_eq!(notes["notifications"][0]["error_code"], "12200");
    assert_eq!(b.get("/_sandbox/ledger").await.1["violationsTotal"], 1);
}

#[tokio::test]
async fn a_killed_sandbox_rings_on_and_hangs_up_what_was_picked_up() {
    let mut b = bench().await;
    let hook = Webhook::by_path(&[("/voice/", MENU)]).await;
    let ringing = b.ring(&hook.base, "600").await;
    until("rings", || (b.phone_call(&ringing).status == PhoneStatus::Ringing).then_some(())).await;
    let ana = "+19495550102";
    b.control("people", json!([{ "phone": ana, "calls": [{ "does": "human" }] }])).await;
    let talking = b.ring_to(ana, &hook.base, "20").await;
    until("picked up", || (!b.phone_call(&talking).said.is_empty()).then_some(())).await;
    let mut config = SandboxConfig::new(b.dir.path().join("ledger.ndjson"));
    config.call_second = Duration::from_millis(20);
    b.sandbox.shutdown().await;
    b.sandbox = Sandbox::start(config).await.expect("starts");
    assert_eq!(b.ended(&talking).await.status, PhoneStatus::Completed);
    assert_eq!(b.phone_call(&ringing).status, PhoneStatus::Ringing);
    let kept = b.phone_call(&talking).said;
    assert_eq!(kept.first().map(String::as_str), Some("Job 7. K. & more."));
}
