//! Technicians who reply, TwiML that answers them, opt-outs, and forged callbacks.

use serde_json::json;

use super::*;
use crate::sandbox::callbacks::sign;
use crate::sandbox::messages::Status;
use crate::sandbox::people::{reference, twiml_messages};
use crate::sandbox::{Direction, Person, Reply};

#[tokio::test]
async fn a_technician_replies_to_the_nth_text_and_twiml_answers_back() {
    let hook =
        Webhook::start(&[(200, "<?xml version=\"1.0\"?><Response><Message>Yours &amp; thanks</Message></Response>")])
            .await;
    let url = format!("{}/webhooks/twilio/sms-inbound", hook.base);
    let b = Bench::with(|c| {
        c.inbound_url = Some(url.clone());
        let script = vec![Reply { after_texts: 2, delay_ms: 1, body: "1 {ref} {callRef}".into() }];
        c.people = vec![Person { phone: SAM.into(), script, calls: Vec::new() }];
    })
    .await;
    let first = b.text(SAM, "7K3Q-1 leak", None).await;
    until("delivered", || (b.entry(&first).status == Status::Delivered).then_some(())).await;
    assert!(hook.received().is_empty(), "the first text is left unanswered");
    b.text(SAM, "Acme: 7K3Q-2. leak", None).await;
    let received = hook.wait_for(1).await.remove(0);
    assert_eq!(received.header("x-twilio-signature"), sign(DEFAULT_AUTH_TOKEN, &url, &received.form));
    for (name, value) in [
        ("Body", "1 7K3Q-2 7K3Q"),
        ("From", SAM),
        ("To", FROM),
        ("SmsStatus", "received"),
        ("NumMedia", "0"),
        ("NumSegments", "1"),
        ("AccountSid", DEFAULT_ACCOUNT_SID),
        ("ApiVersion", "2010-04-01"),
    ] {
        assert_eq!(received.field(name), value, "{name}");
    }
    let sid = received.field("MessageSid");
    assert_eq!((received.field("SmsSid"), received.field("SmsMessageSid")), (sid, sid));
    let back = until("the TwiML reply is delivered", || {
        let back = b.sandbox.ledger().into_iter().find(|e| e.direction == Direction::OutboundReply)?;
        (back.status == Status::Delivered).then_some(back)
    })
    .await;
    assert_eq!((back.body.as_str(), back.to.as_str(), back.from.as_deref()), ("Yours & thanks", SAM, Some(FROM)));
    let (_, inbound) = b.get("/Messages.json?From=%2B19495550101").await;
    let m = &inbound["messages"][0];
    assert_eq!((&m["sid"], &m["direction"], &m["status"]), (&sid.into(), &"inbound".into(), &"received".into()));
}

#[tokio::test]
async fn a_reply_on_demand_returns_the_webhooks_answer_and_can_be_repeated() {
    let hook = Webhook::start(&[(200, "<Response/>"), (403, "no"), (200, "<Response></Response>")]).await;
    let b = Bench::start().await;
    let (_, unheard) = b.control("reply", json!({ "from": SAM, "body": "1" })).await;
    assert!(unheard["httpStatus"].is_null(), "there is no webhook yet: {unheard}");
    b.text(SAM, "7K3Q-4", None).await;
    b.control("settings", json!({ "inboundUrl": format!("{}/in", hook.base) })).await;
    let (status, first) = b.control("reply", json!({ "from": SAM, "body": "1 {ref}" })).await;
    assert_eq!((status, &first["httpStatus"], &first["body"]), (200, &200.into(), &"<Response/>".into()));
    let (_, again) = b.control("reply", json!({ "from": SAM, "sid": first["sid"] })).await;
    assert_eq!((&again["httpStatus"], &again["sid"], &again["body"]), (&403.into(), &first["sid"], &"no".into()));
    let received = hook.wait_for(2).await;
    assert_eq!(received[0].form, received[1].form, "the same message, delivered twice");
    assert_eq!((received[0].field("Body"), received[0].field("To")), ("1 7K3Q-4", FROM));
    let inbound = b.sandbox.ledger().into_iter().filter(|e| e.direction == Direction::Inbound).count();
    assert_eq!(inbound, 2, "a repeat is not a new message");
    b.control("faults", json!({ "kind": "withhold_callbacks", "messageStatus": "received" })).await;
    let (_, withheld) = b.control("reply", json!({ "from": SAM, "body": "2" })).await;
    assert!(withheld["httpStatus"].is_null());
    assert_eq!(hook.received().len(), 2);
}

#[tokio::test]
async fn stop_stops_that_sender_until_start_and_survives_a_restart() {
    let mut b = Bench::start().await;
    let good = [("To", SAM), ("From", FROM), ("Body", "x")];
    b.control("reply", json!({ "from": SAM, "to": FROM, "body": " stop " })).await;
    assert_eq!(b.create(&good).await.1["code"], 21610);
    assert_eq!(b.create(&[("To", SAM), ("From", "+18005550100"), ("Body", "x")]).await.0, 201, "another sender");
    let config =
        SandboxConfig { pace: Duration::from_millis(5), ..SandboxConfig::new(b.dir.path().join("ledger.ndjson")) };
    b.sandbox.shutdown().await;
    b.sandbox = Sandbox::start(config).await.expect("starts");
    assert_eq!(b.create(&good).await.1["code"], 21610);
    let service = format!("MG{}", "a1".repeat(16));
    let (status, m) = b.create(&[("To", SAM), ("MessagingServiceSid", &service), ("Body", "x")]).await;
    assert_eq!(status, 201, "a service says it later: {m}");
    let sid = m["sid"].as_str().expect("sid");
    until("failed", || (b.entry(sid).status == Status::Failed).then_some(())).await;
    assert_eq!(b.entry(sid).error_code, Some(21610));
    b.control("reply", json!({ "from": SAM, "to": FROM, "body": "START" })).await;
    assert_eq!(b.create(&good).await.0, 201);
}

#[tokio::test]
async fn a_forged_callback_is_unsigned_wrongly_signed_or_truly_signed() {
    let (b, hook) = (Bench::start().await, Webhook::start(&[(403, "")]).await);
    let url = format!("{}/s/att_1", hook.base);
    let form = json!({ "MessageSid": "SM1", "MessageStatus": "delivered" });
    let (_, answer) = b.control("forge", json!({ "url": url, "form": form })).await;
    assert_eq!(answer["httpStatus"], 403);
    b.control("forge", json!({ "url": url, "form": form, "signature": "bm9uc2Vuc2U=" })).await;
    b.control("forge", json!({ "url": url, "form": form, "sign": true })).await;
    let received = hook.wait_for(3).await;
    let signatures: Vec<_> = received.iter().map(|h| h.header("x-twilio-signature")).collect();
    assert_eq!(signatures, ["", "bm9uc2Vuc2U=", &sign(DEFAULT_AUTH_TOKEN, &url, &received[2].form)]);
    assert_eq!(received[0].field("MessageStatus"), "delivered");
}

#[tokio::test]
async fn an_answer_that_twilio_could_not_read_is_a_violation() {
    let hook = Webhook::start(&[(200, "Thanks!"), (200, "<Response><Message>a</Response>")]).await;
    let b = Bench::with(|c| c.inbound_url = Some(hook.base.clone())).await;
    for _ in 0..2 {
        b.control("reply", json!({ "from": SAM, "body": "1" })).await;
    }
    let (_, ledger) = b.get("/_sandbox/ledger").await;
    assert_eq!(ledger["violationsTotal"], 2, "{}", ledger["violations"]);
}

#[tokio::test]
async fn a_script_set_at_run_time_counts() {
    let hook = Webhook::start(&[]).await;
    let b = Bench::with(|c| c.inbound_url = Some(hook.base.clone())).await;
    let script = json!([{ "afterTexts": 1, "body": "2" }]);
    let (status, answer) = b.control("people", json!([{ "phone": SAM, "script": script }])).await;
    assert_eq!((status, &answer["people"]), (200, &1.into()));
    b.control("faults", json!({ "kind": "outcome", "outcome": "undelivered", "times": 1 })).await;
    b.text(SAM, "this one does not arrive", None).await;
    b.text(SAM, "this one does", None).await;
    let received = hook.wait_for(1).await;
    assert_eq!(received[0].field("Body"), "2");
}

#[test]
fn references_and_twiml_are_found_and_nothing_else() {
    for (text, found) in [
        ("Acme 7K3Q-12: leak", Some("7K3Q-12")),
        ("7K3QXX22-1", Some("7K3QXX22-1")),
        ("call 555-0101 now, 7K3-1, 7K3O-1, 7K3Q-x, 7k3q-1", None),
        ("", None),
    ] {
        assert_eq!(reference(text), found, "{text}");
    }
    for (xml, texts) in [
        ("<Response/>", Some(vec![])),
        ("<?xml version=\"1.0\"?><Response></Response>", Some(vec![])),
        (
            "<Response><Message>a &lt; b &#39;c&#x27;</Message><Message to=\"x\"><Body>d</Body></Message></Response>",
            Some(vec!["a < b 'c'", "d"]),
        ),
        ("<Response><Message>a</Response>", None),
        ("<Response><Message>a & b</Message></Response>", None),
        ("ok", None),
    ] {
        assert_eq!(twiml_messages(xml), texts.map(|t: Vec<&str>| t.into_iter().map(str::to_owned).collect()), "{xml}");
    }
}
