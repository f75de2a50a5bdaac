//! Bodies of true shape from `fixtures/intake`, and what each becomes.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::reading::ANALYSIS_WAIT;
use super::*;
use crate::config::Intake as Sources;
use crate::config::intake::sample;

fn fixture(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/intake").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn by_retell(value: &Value) -> Reading {
    retell(&bytes(value), &sample().retell.expect("retell"))
}

fn by_vapi(value: &Value) -> Reading {
    vapi(&bytes(value), &sample().vapi.expect("vapi"))
}

fn call(reading: Reading) -> Reported {
    match reading {
        Reading::Call(reported) => *reported,
        other => panic!("no call: {other:?}"),
    }
}

/// Id, caller, level, issue, line, name, address.
fn fields(of: &Reported) -> Value {
    let d = &of.intake.data;
    json!([
        of.intake.call_id,
        d.caller_phone,
        d.emergency_level,
        d.issue_summary,
        d.twilio_to_number,
        d.caller_name,
        d.address
    ])
}

const RETELL_ID: &str = "retell:call_4f1c9a7be2d34c11a05f6d7e8b90c123";
const VAPI_ID: &str = "vapi:3f0c2f1e-0000-4000-8000-000000000001";

#[test]
fn retells_analysis_names_everything_and_the_end_of_the_call_what_is_there() {
    let analyzed = call(by_retell(&fixture("retell-call-analyzed.json")));
    let want = json!([
        RETELL_ID,
        "+19495550142",
        "normal",
        "Burst water heater, water on the garage floor",
        "+18005550100",
        "Dana Reyes",
        "12 Oak Street, Irvine"
    ]);
    assert_eq!(fields(&analyzed), want, "\"this number\" is the one that the phone shows");
    assert_eq!((analyzed.report.event.as_str(), analyzed.report.hold), ("call_analyzed", None));
    assert_eq!(analyzed.intake.repaired, Vec::<String>::new());
    assert_eq!(analyzed.intake.data.extra["twilioCallSid"], "CA00000000000000000000000000000142");
    assert_eq!(analyzed.intake.data.extra["callStartedAtMs"], "1795599815000");

    let ended = call(by_retell(&fixture("retell-call-ended.json")));
    assert_eq!((ended.report.event.as_str(), ended.report.hold), ("call_ended", Some(ANALYSIS_WAIT)));
    assert_eq!((&ended.intake.call_id, &ended.intake.data.emergency_level), (&analyzed.intake.call_id, &None));
    let issue = ended.intake.data.issue_summary.expect("the transcript stands for the issue");
    assert!(issue.contains("has burst") && issue.ends_with("The on-call contact is notified."), "{issue}");
}

#[test]
fn a_long_transcript_gives_its_end() {
    let mut ended = fixture("retell-call-ended.json");
    let said: String = (0..400).map(|n| format!("User: word {n}.\n")).collect();
    ended["call"]["transcript"] = said.into();
    let data = call(by_retell(&ended)).intake.data;
    let issue = data.issue_summary.expect("an issue");
    assert!(issue.chars().count() <= 500 && issue.starts_with('…') && issue.ends_with("word 399."), "{issue}");
    assert!(data.extra["transcript"].as_str().is_some_and(|t| t.chars().count() <= 4_000));
}

#[test]
fn what_is_no_phone_call_to_dispatch_is_nothing() {
    for event in ["call_started", "transcript_updated", "transfer_started", "something_new"] {
        let mut body = fixture("retell-call-ended.json");
        body["event"] = event.into();
        assert_eq!(by_retell(&body), Reading::Nothing, "{event}");
    }
    let mut web = fixture("retell-call-analyzed.json");
    web["call"]["call_type"] = "web_call".into();
    assert_eq!(by_retell(&web), Reading::Nothing);
    let mut web = fixture("vapi-end-of-call-report.json");
    web["message"]["call"]["type"] = "webCall".into();
    assert_eq!(by_vapi(&web), Reading::Nothing);
    for (kind, status) in [("status-update", "ringing"), ("transcript", ""), ("hang", "")] {
        let body = json!({"message": {"type": kind, "status": status, "call": {"id": "1"}}});
        assert_eq!(by_vapi(&body), Reading::Nothing, "{kind}");
    }
}

#[test]
fn a_call_in_which_nobody_was_heard_wakes_nobody_unless_the_platform_turned_it_away() {
    let silent = |event: &str, reason: &str| {
        let mut body = fixture("retell-call-analyzed.json");
        body["event"] = event.into();
        body["call"]["transcript"] = "".into();
        body["call"]["disconnection_reason"] = reason.into();
        body["call"]["call_analysis"] =
            json!({ "call_summary": "The caller hung up before saying anything.", "custom_analysis_data": {} });
        by_retell(&body)
    };
    for (reason, alarming) in
        [("user_hangup", false), ("inactivity", false), ("concurrency_limit_reached", true), ("error_asr", true)]
    {
        match silent("call_analyzed", reason) {
            Reading::Unheard(unheard) => {
                assert_eq!((unheard.id.as_str(), unheard.alarming), (RETELL_ID, alarming), "{reason}");
                assert_eq!((unheard.reason.as_str(), unheard.phone.caller.as_deref()), (reason, Some("+19495550142")));
            }
            other => panic!("{reason}: {other:?}"),
        }
    }
    assert_eq!(silent("call_ended", "user_hangup"), Reading::Nothing, "its analysis says it");
    // A shop that keeps no transcripts has the summary alone.
    let mut thin = fixture("retell-call-analyzed.json");
    thin["call"].as_object_mut().expect("a call").remove("transcript");
    thin["call"]["call_analysis"] = json!({ "call_summary": "Burst pipe in the kitchen." });
    assert_eq!(call(by_retell(&thin)).intake.data.issue_summary.as_deref(), Some("Burst pipe in the kitchen."));
}

/// A report without its content, of a phone call of so many seconds; by Retell, then by Vapi.
fn stripped(seconds: Option<i64>, outbound: bool) -> [Reading; 2] {
    let mut retell = fixture("retell-call-analyzed.json");
    let call = retell["call"].as_object_mut().expect("a call");
    for name in ["transcript", "transcript_object", "call_analysis", "duration_ms", "end_timestamp"] {
        call.remove(name);
    }
    let mut vapi = fixture("vapi-end-of-call-report.json");
    let message = vapi["message"].as_object_mut().expect("a message");
    message.retain(|name, _| !["analysis", "endedAt"].contains(&name.as_str()));
    message.insert("artifact".to_owned(), json!({ "transcript": null }));
    if let Some(seconds) = seconds {
        let start = retell["call"]["start_timestamp"].as_i64().expect("a time");
        retell["call"]["end_timestamp"] = (start + 1_000 * seconds).into();
        let start: crate::domain::Timestamp = "2026-11-25T09:43:35.000Z".parse().expect("a time");
        let end = start.plus(std::time::Duration::from_secs(seconds.unsigned_abs()));
        vapi["message"]["endedAt"] = end.rfc3339().into();
    }
    if outbound {
        retell["call"]["direction"] = "outbound".into();
        vapi["message"]["call"]["type"] = "outboundPhoneCall".into();
    }
    [by_retell(&retell), by_vapi(&vapi)]
}

#[test]
fn a_report_whose_content_is_withheld_is_a_call_to_ring_back() {
    for seconds in [None, Some(8), Some(300)] {
        for reading in stripped(seconds, false) {
            let call = call(reading).intake;
            let issue = call.data.issue_summary.unwrap_or_default();
            assert_eq!(issue, "content not delivered: ring back", "{seconds:?}");
            assert!(call.data.caller_phone.is_some(), "{seconds:?}");
        }
    }
    for (seconds, outbound) in [(Some(7), false), (Some(0), false), (Some(300), true), (None, true)] {
        for reading in stripped(seconds, outbound) {
            assert!(matches!(reading, Reading::Unheard(_)), "{seconds:?} {outbound}: {reading:?}");
        }
    }
}

#[test]
fn vapis_endings_alarm_unless_they_are_ordinary() {
    for (reason, alarming) in [
        ("customer-ended-call", false),
        ("assistant-ended-call", false),
        ("assistant-ended-call-after-message-spoken", false),
        ("assistant-said-end-call-phrase", false),
        ("silence-timed-out", false),
        ("assistant-forwarded-call", false),
        ("voicemail", false),
        ("customer-did-not-answer", false),
        ("assistant-not-found", true),
        ("assistant-join-timed-out", true),
        ("call.start.no-server-available", true),
        ("pipeline-error-openai", true),
        ("something-new", true),
    ] {
        let mut body = fixture("vapi-end-of-call-report.json");
        body["message"]["endedReason"] = reason.into();
        body["message"]["analysis"] = Value::Null;
        body["message"]["artifact"] = json!({ "transcript": "" });
        let Reading::Unheard(unheard) = by_vapi(&body) else { panic!("{reason}") };
        assert_eq!(unheard.alarming, alarming, "{reason}");
    }
}

#[test]
fn an_id_of_another_carrier_is_no_sid() {
    for id in ["v3:telnyx-1", "CA1", "CA0000000000000000000000000000014g", "SM00000000000000000000000000000143"] {
        let mut body = fixture("vapi-end-of-call-report.json");
        body["message"]["call"]["phoneCallProviderId"] = id.into();
        assert_eq!(call(by_vapi(&body)).intake.data.extra.get("twilioCallSid"), None, "{id}");
    }
}

#[test]
fn an_address_from_before_the_conversation_is_marked() {
    let address = |said: bool| {
        let (mut retell, mut vapi) = (fixture("retell-call-analyzed.json"), fixture("vapi-end-of-call-report.json"));
        retell["call"]["retell_llm_dynamic_variables"]["address"] = "1 Old Rd".into();
        vapi["message"]["artifact"]["variableValues"]["address"] = "1 Old Rd".into();
        if !said {
            retell["call"]["call_analysis"]["custom_analysis_data"]["address"] = Value::Null;
            vapi["message"]["analysis"]["structuredData"]["address"] = Value::Null;
        }
        [by_retell(&retell), by_vapi(&vapi)].map(|reading| {
            let data = call(reading).intake.data;
            (data.address.as_deref() == Some("1 Old Rd"), data.is_address_old())
        })
    };
    assert_eq!((address(true), address(false)), ([(false, false); 2], [(true, true); 2]));
}

#[test]
fn two_numbers_are_both_shown_and_a_withheld_one_is_named() {
    let with = |callback: Value, from: Value, direction: &str| {
        let mut body = fixture("retell-call-analyzed.json");
        body["call"]["call_analysis"]["custom_analysis_data"]["callback"] = callback;
        body["call"]["from_number"] = from;
        body["call"]["direction"] = direction.into();
        call(by_retell(&body)).intake
    };
    let two = with(json!("+1 949 555 0150"), json!("+19495550142"), "inbound");
    assert_eq!(two.data.caller_phone.as_deref(), Some("+1 949 555 0150"));
    assert!(two.data.issue_summary.is_some_and(|i| i.ends_with("(called from +19495550142)")));
    let number = with(json!(19_495_550_150_u64), Value::Null, "inbound");
    assert_eq!((number.data.caller_phone.as_deref(), number.repaired.len()), (Some("19495550150"), 0));
    let withheld = with(json!("this number"), json!("+266696687"), "inbound");
    assert_eq!(withheld.data.caller_phone.as_deref(), Some("anonymous"));
    assert!(withheld.repaired.iter().any(|r| r.contains("no number that can be called")), "{:?}", withheld.repaired);
    let outbound = with(Value::Null, json!("+18005550100"), "outbound");
    assert_eq!(outbound.data.caller_phone.as_deref(), Some("+18005550100"), "the fixture's line is the customer then");
}

#[test]
fn a_level_is_handed_over_as_it_came() {
    for (level, want) in
        [(json!("HIGH "), "HIGH"), (json!(true), "true"), (json!(3), "3"), (json!("urgent!"), "urgent!")]
    {
        let mut body = fixture("retell-call-analyzed.json");
        body["call"]["call_analysis"]["custom_analysis_data"]["level"] = level.clone();
        assert_eq!(call(by_retell(&body)).intake.data.emergency_level.as_deref(), Some(want), "{level}");
    }
}

#[test]
fn an_id_that_no_call_can_have_is_hashed_and_a_missing_one_is_the_bodys() {
    let with = |id: Value| {
        let mut body = fixture("retell-call-analyzed.json");
        body["call"]["call_id"] = id;
        call(by_retell(&body)).intake
    };
    for id in [json!("a b"), json!("x".repeat(200)), json!("caf\u{e9}"), json!("a\u{200b}"), json!(""), Value::Null] {
        let (one, again) = (with(id.clone()), with(id.clone()));
        assert_eq!(one.call_id, again.call_id, "{id}");
        assert!(one.call_id.as_deref().is_some_and(|c| c.starts_with("retell:") && c.is_ascii()), "{id}: {one:?}");
        assert!(one.repaired.iter().any(|r| r.contains("phone call")), "{id}: {:?}", one.repaired);
    }
    assert_eq!(with(json!(42)).call_id.as_deref(), Some("retell:42"));
}

#[test]
fn retells_function_dispatches_at_once_and_a_status_one_asks() {
    let source = sample().retell.expect("retell");
    let read = |body: &Value| match retell_function(&bytes(body), &source) {
        Reading::Tools(mut tools) => tools.remove(0),
        other => panic!("{other:?}"),
    };
    let mut body = fixture("retell-function.json");
    let Wants::Dispatch(reported) = read(&body).wants else { panic!("a dispatch") };
    let want = json!([
        RETELL_ID,
        "+19495550142",
        "normal",
        "Burst water heater",
        "+18005550100",
        "Dana Reyes",
        "12 Oak Street, Irvine"
    ]);
    assert_eq!((fields(&reported), reported.report.hold), (want, None));
    body["name"] = "dispatch_status".into();
    let Wants::State(id, phone) = read(&body).wants else { panic!("how it stands") };
    assert_eq!((id.as_str(), phone.caller.as_deref()), (RETELL_ID, Some("+19495550142")));
    assert!(phone.started_at.is_some() && phone.line.is_some(), "{phone:?}");
    // With args_at_root there is no call to name.
    let Wants::Dispatch(bare) = read(&json!({"issue": "Gas smell", "level": "high"})).wants else {
        panic!("a dispatch")
    };
    assert_eq!(bare.intake.data.issue_summary.as_deref(), Some("Gas smell"));
    assert!(bare.intake.repaired.iter().any(|r| r.contains("names no phone call")), "{:?}", bare.intake.repaired);
}

#[test]
fn vapis_report_is_read_by_its_paths() {
    let report = call(by_vapi(&fixture("vapi-end-of-call-report.json")));
    let want = json!([
        VAPI_ID,
        "+19495550144",
        "normal",
        "No heat, infant at home (called from +19495550143)",
        "+18005550100",
        "Lee Park",
        "4 Elm Ct, Tustin"
    ]);
    assert_eq!(fields(&report), want);
    assert_eq!((report.report.event.as_str(), report.report.hold), ("end-of-call-report", None));
    assert_eq!(report.intake.data.extra["twilioCallSid"], "CA00000000000000000000000000000143");
    let mut ended = fixture("vapi-end-of-call-report.json");
    ended["message"]["type"] = "status-update".into();
    ended["message"]["status"] = "ended".into();
    assert_eq!(call(by_vapi(&ended)).report.hold, Some(ANALYSIS_WAIT));
    ended["message"]["analysis"] = Value::Null;
    ended["message"]["artifact"] = Value::Null;
    assert_eq!(by_vapi(&ended), Reading::Nothing, "there is nothing to say yet");
}

#[test]
fn vapis_tools_are_found_in_every_shape() {
    let body = |call: Value| {
        let mut body = fixture("vapi-tool-calls.json");
        body["message"]["toolCallList"] = json!([call]);
        body
    };
    let arguments = json!({"level": "high", "issue": "Gas smell"});
    for shape in [
        json!({"id": "t1", "type": "function", "function": {"name": "dispatch", "arguments": arguments}}),
        json!({"id": "t1", "function": {"name": "dispatch", "arguments": arguments.to_string()}}),
        json!({"id": "t1", "name": "dispatch", "arguments": arguments}),
        json!({"id": "t1", "name": "dispatch", "parameters": arguments}),
    ] {
        let Reading::Tools(tools) = by_vapi(&body(shape.clone())) else { panic!("{shape}") };
        assert_eq!((tools[0].id.as_str(), tools[0].name.as_str()), ("t1", "dispatch"), "{shape}");
        let Wants::Dispatch(reported) = &tools[0].wants else { panic!("{shape}") };
        let d = &reported.intake.data;
        assert_eq!((d.emergency_level.as_deref(), d.issue_summary.as_deref()), (Some("high"), Some("Gas smell")));
        assert_eq!(
            (reported.intake.call_id.as_deref(), d.caller_phone.as_deref()),
            (Some(VAPI_ID), Some("+19495550143"))
        );
    }
    // The text of the arguments, cut short by a limit of tokens.
    let cut = json!({"id": "t1", "name": "dispatch", "arguments": "{\"level\":\"high\",\"issue\":\"Gas sm"});
    let Reading::Tools(tools) = by_vapi(&body(cut)) else { panic!("tools") };
    let Wants::Dispatch(reported) = &tools[0].wants else { panic!("a dispatch") };
    assert!(reported.intake.data.issue_summary.as_deref().is_some_and(|i| i.contains("Gas sm")));
    // Where the configuration names them, others are none of ours.
    let named = VapiSource { tools: vec!["dispatch".into()], ..sample().vapi.expect("vapi") };
    let other = body(json!({"id": "t2", "name": "book_appointment", "arguments": {}}));
    let Reading::Tools(tools) = vapi(&bytes(&other), &named) else { panic!("tools") };
    assert_eq!(tools[0].wants, Wants::Other);
}

#[test]
fn any_other_platform_is_read_by_its_own_paths_or_the_usual_names() {
    let sources = sample();
    let desk = custom(&bytes(&fixture("answering-service.json")), "desk", &sources.custom["desk"]);
    let want = json!([
        "desk:TK-2026-0142",
        "19495550145",
        "true",
        "Sewage in the basement",
        "(800) 555-0100",
        "Jo Marsh",
        "9 Pine Rd, Irvine"
    ]);
    assert_eq!(fields(&call(desk)), want);
    let flat = json!({"call_id": "7", "callData": {"callback_number": "this number", "from": "+19495550146",
        "urgency": "HIGH", "issue": "", "transcript": "User: no water", "to_number": "+18005550100"}});
    let plain = call(custom(&bytes(&flat), "plain", &sources.custom["plain"]));
    let want = json!(["plain:7", "+19495550146", "HIGH", "User: no water", "+18005550100", null, null]);
    assert_eq!(fields(&plain), want);
}

#[test]
fn what_cannot_be_read_says_why() {
    let retell = |raw: &[u8]| retell(raw, &sample().retell.expect("retell"));
    for (raw, says) in [
        (&b"{\"event\":\"call_analyzed\",\"call\":{\"call_id\":\"c"[..], "not JSON"),
        (b"event=call_analyzed", "not JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "no event"),
        (b"{\"event\":\"call_analyzed\"}", "no call"),
        (b"", "not JSON"),
    ] {
        let Reading::Unread(why) = retell(raw) else { panic!("{says}") };
        assert!(why.contains(says), "{why}");
    }
    for (body, says) in [
        (json!({"event": "call_analyzed"}), "no message"),
        (json!({"message": {}}), "no type"),
        (json!({"message": {"type": "tool-calls", "toolCallList": {}}}), "no list"),
    ] {
        let Reading::Unread(why) = by_vapi(&body) else { panic!("{body}") };
        assert!(why.contains(says), "{body}: {why}");
    }
}

#[test]
fn two_reports_without_an_id_are_two_calls_and_a_hashed_id_stays_the_same() {
    let id = |id: Value, from: &str| {
        let mut body = fixture("retell-call-analyzed.json");
        body["call"]["call_id"] = id;
        body["call"]["from_number"] = from.into();
        call(by_retell(&body)).intake.call_id
    };
    let (one, other) = ("+19495550142", "+19495550143");
    assert_ne!(id(Value::Null, one), id(Value::Null, other));
    assert_ne!(id(json!("a b"), one), id(json!("a c"), one));
    assert_eq!(id(json!("a b"), one), id(json!("a b"), other), "a later report of it");
}

#[test]
fn a_function_without_arguments_names_its_phone_call_and_one_without_a_call_its_arguments() {
    let source = sample().retell.expect("retell");
    let read = |body: &Value| match retell_function(&bytes(body), &source) {
        Reading::Tools(mut tools) => match tools.remove(0).wants {
            Wants::Dispatch(reported) => reported.intake,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let mut body = fixture("retell-function.json");
    body.as_object_mut().expect("an object").remove("args");
    let bare = read(&body);
    assert_eq!((bare.call_id.as_deref(), bare.data.caller_phone.as_deref()), (Some(RETELL_ID), Some("+19495550142")));
    let alone = read(&json!({"name": "dispatch", "args": {"issue": "Gas smell", "level": "high"}})).data;
    assert_eq!((alone.issue_summary.as_deref(), alone.emergency_level.as_deref()), (Some("Gas smell"), Some("high")));
}

/// A report of what the agent named and what was said, with a summary; by Retell, then by Vapi.
fn summed_up(named: &Value, transcript: &Value) -> [Reading; 2] {
    let summary = "The caller hung up before saying anything.";
    let (mut retell, mut vapi) = (fixture("retell-call-analyzed.json"), fixture("vapi-end-of-call-report.json"));
    retell["call"]["transcript"] = transcript.clone();
    retell["call"]["call_analysis"] = json!({ "call_summary": summary, "custom_analysis_data": named });
    vapi["message"]["artifact"] = json!({ "transcript": transcript });
    vapi["message"]["analysis"] = json!({ "summary": summary, "structuredData": named });
    [by_retell(&retell), by_vapi(&vapi)]
}

#[test]
fn what_was_named_or_said_is_dispatched_and_the_summary_of_a_silence_is_not() {
    for (named, transcript, is_call) in [
        (json!({}), json!(""), false),
        (json!({}), json!(" \n"), false),
        (json!({ "issue": "Burst pipe" }), json!(""), true),
        (json!({ "level": "high" }), json!(""), true),
        (json!({}), json!("User: the pipe has burst"), true),
        // Where no transcript is kept the summary is all there is.
        (json!({}), Value::Null, true),
    ] {
        for reading in summed_up(&named, &transcript) {
            let is_right =
                if is_call { matches!(reading, Reading::Call(_)) } else { matches!(reading, Reading::Unheard(_)) };
            assert!(is_right, "{named} {transcript}: {reading:?}");
        }
    }
}

#[test]
fn a_status_of_vapi_before_the_end_dispatches_nothing_whatever_it_holds() {
    for status in ["in-progress", "forwarding", ""] {
        let mut body = fixture("vapi-end-of-call-report.json");
        body["message"]["type"] = "status-update".into();
        body["message"]["status"] = status.into();
        assert_eq!(by_vapi(&body), Reading::Nothing, "{status}");
    }
}

#[test]
fn a_tool_of_vapi_that_asks_for_the_state_dispatches_only_where_the_configuration_names_it() {
    let body = bytes(&fixture("vapi-tool-calls.json"));
    for (tools, want) in [
        (vec![], ["dispatch", "state"]),
        (vec!["dispatch_technician".to_owned()], ["dispatch", "state"]),
        (vec!["dispatch_status".to_owned()], ["other", "dispatch"]),
    ] {
        let named = VapiSource { tools, ..sample().vapi.expect("vapi") };
        let Reading::Tools(used) = vapi(&body, &named) else { panic!("tools") };
        let wants = |tool: &Tool| match &tool.wants {
            Wants::Dispatch(_) => "dispatch",
            Wants::State(..) => "state",
            Wants::Other => "other",
        };
        assert_eq!(used.iter().map(wants).collect::<Vec<_>>(), want, "{:?}", named.tools);
    }
}

#[test]
fn a_path_finds_a_key_however_it_is_written_and_an_item_of_a_list_by_its_number() {
    let body = json!({
        "Caller Info": {"call_back": " ", "Phone": 19_495_550_142_u64},
        "messages": [{"text": "first"}, {"text": "second"}],
    });
    for (path, want) in [
        ("callerInfo.phone", Some("19495550142")),
        ("caller_info.callback|phone", Some("19495550142")),
        ("callerInfo.callBack", None),
        ("messages.1.text", Some("second")),
        ("messages.2.text", None),
        ("messages.text", None),
        ("messages", Some("first, second")),
    ] {
        assert_eq!(text_at(&body, path).as_deref(), want, "{path}");
    }
}

fn all(raw: &[u8], sources: &Sources) {
    let (retell_source, vapi_source) = (sources.retell.as_ref().expect("on"), sources.vapi.as_ref().expect("on"));
    let _ = (retell(raw, retell_source), retell_function(raw, retell_source), vapi(raw, vapi_source));
    for (name, source) in &sources.custom {
        let _ = custom(raw, name, source);
    }
}

/// Any JSON, with the keys that matter here among its keys.
fn any_json() -> impl Strategy<Value = Value> {
    let keys = "call|message|event|type|args|analysis|artifact|transcript|toolCallList|function|arguments|id|call_id|name|status";
    let key = proptest::sample::select(keys.split('|').collect::<Vec<_>>());
    let words = ["call_analyzed", "call_ended", "tool-calls", "end-of-call-report", "", "\u{202e}x", "+19495550142"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|all| Value::Object(all.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_comes_nothing_panics(raw in proptest::collection::vec(any::<u8>(), 0..200), value in any_json()) {
        let sources = sample();
        all(&raw, &sources);
        all(&bytes(&value), &sources);
    }
}
