//! Signatures, the way of a status to its listener, and overrides.

use super::*;
use crate::sandbox::callbacks::sign;
use crate::sandbox::faults::OutcomeWord;
use crate::sandbox::messages::Status;
use crate::sandbox::target::Target;
use crate::sandbox::{Fault, FaultKind};

fn form(pairs: &Form<'_>) -> Vec<(String, String)> {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn signatures_are_those_of_the_official_libraries() {
    let p = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ];
    let u = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let (ac, sm) = (format!("AC{}", "a".repeat(32)), format!("SM{}", "b".repeat(32)));
    let delivered = [
        ("To", "+14155552345"),
        ("AccountSid", &ac),
        ("ApiVersion", "2010-04-01"),
        ("From", "+15557122661"),
        ("MessageSid", &sm),
        ("MessageStatus", "delivered"),
        ("RawDlrDoneDate", "2611220600"),
        ("SmsSid", &sm),
        ("SmsStatus", "delivered"),
    ];
    let own = "https://dispatch.example.com/twilio/status?attempt=01JDEXAMPLE";
    let cases: &[(&str, &str, &Form<'_>, &str)] = &[
        ("12345", u, &p, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("12345", "http://mycompany.com:1234/myapp.php?foo=1&bar=2", &p, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("12345", "https://MyCompany.com/myapp.php?foo=1&bar=2", &p, "g9IN/x4Cft2g517EjYvEvM/W7LU="),
        ("12345", u, &[], "zYQTYrRWXE7LtzbG4PfP7/bkkGo="),
        (
            "12345",
            u,
            &[("callSid", "lowercase"), ("CallSid", "uppercase"), ("CALLSID", "allcaps")],
            "jDK7WKT8wiNrwggd4ceTv4e1MJ4=",
        ),
        (
            "12345",
            u,
            &[("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")],
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
        ("0123456789abcdef0123456789abcdef", own, &delivered, "x1r+YSKpL16k7SnWyGrJaE/B7x8="),
    ];
    for (token, url, pairs, signature) in cases {
        assert_eq!(sign(token, url, &form(pairs)), *signature, "{url} {pairs:?}");
    }
}

#[test]
fn only_this_machine_is_called_and_overrides_are_checked() {
    for (url, loopback) in [
        ("http://127.0.0.1:3000/x", true),
        ("http://127.8.8.8/x", true),
        ("http://[::1]:3000/x", true),
        ("http://LOCALHOST/x", true),
        ("https://dispatch.example.com/x", false),
        ("http://localhost.example.com/", false),
        ("http://10.0.0.1/", false),
        ("http://127.0.0.1@example.com/", false),
    ] {
        assert_eq!(Target::parse(url).expect(url).is_loopback(), loopback, "{url}");
    }
    for ok in ["", "rc=5&rp=all&tt=15000", "rp=4xx,5xx,ct,rt", "ct=100&rt=15000&sni=y&e=ashburn"] {
        assert!(Target::parse(&format!("http://localhost/x#{ok}")).is_ok(), "{ok}");
    }
    for bad in ["rc=6", "tt=99", "rp=5XX", "rp=", "retries=1", "rc"] {
        assert!(Target::parse(&format!("http://localhost/x#{bad}")).is_err_and(|e| e.is_override()), "{bad}");
    }
    let target = Target::parse("http://localhost:80/a%20b?x=%27#rc=2").expect("parses");
    assert_eq!(target.signed_url(), "http://localhost:80/a%20b?x=%27");
}

#[tokio::test]
async fn each_status_is_told_in_order_signed_and_without_the_fragment() {
    let (b, hook) = (Bench::start().await, Webhook::start(&[]).await);
    let url = format!("{}/webhooks/twilio/sms-status/att_1?x=1", hook.base);
    let sid = b.text(SAM, "7K3Q-1", Some(&format!("{url}#rc=5&rp=all&tt=15000"))).await;
    let received = hook.wait_for(2).await;
    assert_eq!(hook.statuses(), ["sent", "delivered"]);
    for h in &received {
        assert_eq!(h.header("x-twilio-signature"), sign(DEFAULT_AUTH_TOKEN, &url, &h.form));
        assert_eq!(h.path_and_query, "/webhooks/twilio/sms-status/att_1?x=1");
        assert_eq!(h.header("user-agent"), "TwilioProxy/1.1");
        assert_eq!(h.header("content-type"), "application/x-www-form-urlencoded; charset=utf-8");
        assert!(!h.header("i-twilio-idempotency-token").is_empty());
        assert_eq!((h.field("MessageSid"), h.field("SmsSid")), (sid.as_str(), sid.as_str()));
        assert_eq!((h.field("From"), h.field("To"), h.field("AccountSid")), (FROM, SAM, DEFAULT_ACCOUNT_SID));
        assert_eq!(h.field("ErrorCode"), "");
    }
    assert_eq!((received[0].field("RawDlrDoneDate").len(), received[1].field("RawDlrDoneDate").len()), (0, 10));
    assert_eq!(b.entry(&sid).attempt_from_callback.as_deref(), Some("att_1"));
}

#[tokio::test]
async fn a_messaging_service_tells_queued_too_and_a_failure_tells_its_code() {
    let (b, hook) = (Bench::start().await, Webhook::start(&[]).await);
    let mut fault = Fault::new(FaultKind::Outcome);
    (fault.outcome, fault.error_code) = (Some(OutcomeWord::Undelivered), Some(30034));
    b.sandbox.add_fault(fault).expect("armed");
    let service = format!("MG{}", "a1".repeat(16));
    let url = format!("{}/s", hook.base);
    let form = [("To", SAM), ("MessagingServiceSid", &service), ("Body", "x"), ("StatusCallback", &url)];
    assert_eq!(b.create(&form).await.0, 201);
    let received = hook.wait_for(3).await;
    assert_eq!(hook.statuses(), ["queued", "sent", "undelivered"]);
    assert_eq!((received[2].field("ErrorCode"), received[2].field("MessagingServiceSid")), ("30034", service.as_str()));
    assert_eq!(received[2].field("RawDlrDoneDate"), "");
}

#[tokio::test]
async fn a_failed_callback_is_tried_again_only_as_its_overrides_ask() {
    for (label, fragment, answers, tries) in [
        ("a 503 with the override", "#rc=2&rp=5xx", vec![(503, ""), (500, "")], 3),
        ("a 503 without it", "", vec![(503, "")], 1),
        ("another class", "#rc=5&rp=4xx,ct", vec![(503, "")], 1),
        ("no retries left", "#rc=1&rp=all", vec![(404, ""), (404, "")], 2),
    ] {
        let (b, hook) = (Bench::start().await, Webhook::start(&answers).await);
        let mut stuck = Fault::new(FaultKind::Outcome);
        stuck.outcome = Some(OutcomeWord::Sent);
        b.sandbox.add_fault(stuck).expect("armed");
        b.text(SAM, "x", Some(&format!("{}/s{fragment}", hook.base))).await;
        hook.wait_for(tries).await;
        // A later message's callback comes after any further try that could still come at once.
        b.text(BO, "y", Some(&format!("{}/last", hook.base))).await;
        let received = hook.wait_for(tries + 1).await;
        assert_eq!(received.last().map(|h| h.path_and_query.as_str()), Some("/last"), "{label}");
        let tokens: std::collections::HashSet<_> =
            received.iter().take(tries).map(|h| h.header("i-twilio-idempotency-token").to_owned()).collect();
        assert_eq!(tokens.len(), 1, "{label}: one token for all tries");
    }
}

#[tokio::test]
async fn a_callback_to_elsewhere_is_accepted_and_never_made() {
    let b = Bench::start().await;
    let sid = b.text(SAM, "x", Some("https://dispatch.example.com/webhooks/att_9")).await;
    until("delivered", || (b.entry(&sid).status == Status::Delivered).then_some(())).await;
    let (_, ledger) = b.get("/_sandbox/ledger").await;
    assert_eq!(ledger["callbacks"], serde_json::json!([]));
    assert_eq!(ledger["messages"][0]["attemptFromCallback"], "att_9");
}

#[tokio::test]
async fn a_dead_listener_holds_up_no_status_and_shows_in_the_ledger() {
    let b = Bench::start().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("address");
    let sid = b.text(SAM, "x", Some(&format!("http://{closed}/s#rc=0"))).await;
    until("delivered", || (b.entry(&sid).status == Status::Delivered).then_some(())).await;
    let watch = Stopwatch::start();
    loop {
        let (_, ledger) = b.get("/_sandbox/ledger").await;
        let tried = ledger["callbacks"].as_array().map_or(0, Vec::len);
        if tried == 2 {
            assert!(ledger["callbacks"][0]["httpStatus"].is_null());
            return;
        }
        assert!(watch.passed() < Duration::from_secs(10), "{tried} tries");
    }
}
