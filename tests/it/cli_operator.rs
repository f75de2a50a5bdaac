//! What operators do from a shell: dispatch, look, take, follow up, read the log, and what they are told when it cannot be.

use serde_json::{Value, json};

use crate::support::Shop;

fn texts<'a>(v: &'a Value, list: &str, field: &str) -> Vec<&'a str> {
    v[list].as_array().expect("a list").iter().map(|e| e[field].as_str().unwrap_or("null")).collect()
}

#[test]
fn a_call_is_dispatched_seen_taken_and_read_afterwards() {
    let shop = Shop::new();
    let sent = shop.send("t1", &["--wait", "delivered", "--address", "12 Elm St", "-o", "json"]).json();
    assert_eq!((&sent["mode"], &sent["status"]), (&json!("test"), &json!("DISPATCHING")));
    assert_eq!(sent["channels"]["sms"]["attemptState"], "delivered");

    let overview = shop.expect(0, &["status"]).stdout;
    for words in ["TEST MODE", "no engine runs", "open calls 1", "t1", "step 2 of 2", "Ana Reyes"] {
        assert!(overview.contains(words), "{words}: {overview}");
    }
    assert_eq!(overview.matches("TEST MODE").count(), 1, "{overview}");
    let doc = shop.expect(0, &["status", "-o", "json"]).json();
    assert_eq!((&doc["mode"], &doc["engine"], &doc["figures"]["openCalls"]), (&json!("test"), &Value::Null, &json!(1)));
    assert_eq!(texts(&doc, "calls", "callId"), ["t1"]);
    assert_eq!(doc["due"][0]["who"], json!(["ana"]));

    let story = shop.expect(0, &["status", "t1", "--utc"]).stdout;
    for words in ["12 Elm St", "+19495550150", "Acme Plumbing", "+0.0s", "Attempt 1: first notice to Sam Ortiz", "in 5"]
    {
        assert!(story.contains(words), "{words}: {story}");
    }
    assert!(!story.contains("+19495550101"), "a contact's number is masked: {story}");

    let ack = shop.expect(0, &["ack", "t1", "--for", "ana", "--note", "by phone"]);
    assert!(ack.stdout.contains("is ACKNOWLEDGED, Ana Reyes has it"), "{ack:?}");
    assert!(ack.stdout.contains("Sam Ortiz") && ack.stdout.contains("stood down"), "{ack:?}");
    assert!(ack.stderr.contains("no engine runs"), "{ack:?}");
    let again = shop.expect(0, &["ack", "t1", "--for", "+19495550102", "-o", "json"]).json();
    assert_eq!((&again["changed"], &again["holder"]), (&json!(false), &json!("ana")));

    let log = shop.expect(0, &["log", "--call", "t1", "-o", "json"]).json();
    let last = log["entries"].as_array().expect("a list").iter().find(|e| e["kind"] == "call.acknowledged");
    assert_eq!(last.map(|e| (&e["actor"], &e["data"]["note"])), Some((&json!("dana"), &json!("by phone"))));
}

#[test]
fn a_call_is_found_by_its_id_its_message_or_its_reference_in_any_case() {
    let shop = Shop::new();
    let sent = shop.send("t1", &["-o", "json"]).json();
    let reference = sent["reference"].as_str().expect("a reference");
    let attempt = format!("{}-1", reference.to_lowercase());
    for name in ["t1", sent["channels"]["sms"]["sid"].as_str().expect("a SID"), reference, &attempt] {
        let found = shop.expect(0, &["status", name, "-o", "json"]).json();
        assert_eq!(found["callId"], "t1", "{name}");
    }
}

#[test]
fn what_cannot_be_done_says_why_with_its_own_exit_code() {
    let shop = Shop::new();
    let table: &[(i32, &[&str], &[&str])] = &[
        (6, &["status"], &["there is no store", "hint"]),
        (6, &["ack", "t1"], &["there is no store"]),
        (2, &["send", "--level", "purple"], &["brisk, high, normal"]),
        (2, &["send", "--contact", "bo"], &["sam, ana"]),
        (2, &["send", "--contact", "+9991949555"], &["country code"]),
        (2, &["oncall", "--level", "purple"], &["brisk, high, normal"]),
        (2, &["oncall", "--at", "noon"], &["2026-11-22T02:04:00Z"]),
    ];
    for (code, args, says) in table {
        let run = shop.expect(*code, args);
        assert!(says.iter().all(|s| run.stderr.contains(s)), "{args:?}: {run:?}");
    }
    shop.send("t1", &[]);
    shop.expect(0, &["resolve", "t1"]);
    let table: &[(i32, &[&str], &[&str])] = &[
        (3, &["status", "nobody"], &["no call, message or reference", "dispatchctl status"]),
        (3, &["ack", "SM00000000000000000000000000000000"], &["no call"]),
        (3, &["log", "--call", "t2"], &["no call"]),
        (3, &["follow-up", "run", "--call", "t2"], &["no call"]),
        (3, &["contacts", "clear", "bo"], &["sam, ana"]),
        (2, &["ack", "t1", "--for", "bo"], &["sam, ana"]),
        (2, &["log", "--since", "yesterday"], &["90s", "2026-11-22T02:04:00Z"]),
        (2, &["status", "--since", "90"], &["90s"]),
        (2, &["status", "--limit", "0"], &["from 1 on"]),
        (2, &["log", "--limit", "0"], &["from 1 on"]),
        (2, &["follow-up", "list", "--limit", "0"], &["from 1 on"]),
        (2, &["oncall", "--line", "nonsense"], &["no number", "--line", "+18005550100 (Acme Lifts)"]),
        (2, &["send", "--issue", "x", "--to-number", "nonsense"], &["no number", "--to-number", "Acme Lifts"]),
        (0, &["oncall", "--line", "+18005550177"], &["no configured line", "+18005550100 (Acme Lifts)"]),
        (2, &["status", "--state", "done"], &["DISPATCHING", "all"]),
        (2, &["status", "--refresh"], &["CALL"]),
        (2, &["follow-up", "run"], &["--all-due"]),
        (1, &["ack", "t1"], &["RESOLVED", "final"]),
        (1, &["reopen", "t1"], &["RESOLVED", "final"]),
        (1, &["follow-up", "run", "--call", "t1"], &["RESOLVED"]),
        (1, &["follow-up", "cancel", "--call", "t1"], &["RESOLVED"]),
        (0, &["resolve", "t1"], &[]),
    ];
    for (code, args, says) in table {
        let run = shop.expect(*code, args);
        assert!(says.iter().all(|s| run.stderr.contains(s)), "{args:?}: {run:?}");
    }
    let problem = shop.expect(1, &["cancel", "t1", "-o", "json"]).json();
    assert_eq!(
        (&problem["exit"], &problem["callStatus"], &problem["mode"]),
        (&json!(1), &json!("RESOLVED"), &json!("test"))
    );
}

#[test]
fn a_stand_down_that_has_not_left_is_none_of_a_reopened_call_and_an_alert_that_is_over_says_so() {
    let shop = Shop::new();
    shop.append_config(
        "[policies.swift]\nsteps = [ { wait = \"0s\", notify = [\"primary\"] } ]\nexhaust_after = \"1s\"\n",
    );
    shop.send("t1", &["--level", "swift", "--stay"]);
    let taken = shop.expect(0, &["ack", "t1", "--for", "ana"]);
    assert!(taken.stdout.contains("Sam Ortiz") && taken.stdout.contains("will be stood down"), "{taken:?}");
    let log = shop.expect(0, &["log", "--call", "t1"]).stdout;
    let over = log.lines().filter(|l| l.contains("over: call t1 is EXHAUSTED"));
    assert_eq!(over.count(), 1, "{log}");
    assert_eq!(log.matches("call t1 is EXHAUSTED").count(), 2, "raised, and over: {log}");
    let again = shop.expect(0, &["reopen", "t1"]);
    assert!(!again.stdout.contains("stood down"), "{again:?}");
    let story = shop.expect(0, &["status", "t1", "-o", "json"]).json();
    assert_eq!(story["attempts"][1]["attemptState"], "skipped", "{story}");
}

#[test]
fn what_a_list_leaves_out_an_unknown_time_zone_and_a_user_without_a_name_are_said() {
    let mut shop = Shop::new();
    shop.set("USER", "");
    for call in ["t1", "t2", "t3"] {
        shop.send(call, &[]);
    }
    let all = shop.expect(0, &["status"]).stdout;
    assert!(!all.contains(" shown"), "{all}");
    let some = shop.expect(0, &["status", "--limit", "2"]).stdout;
    assert!(some.contains("and 1 more: --limit 3 shows all") && some.contains("t3"), "{some}");
    let some = shop.expect(0, &["status", "--limit", "2", "--state", "all"]).stdout;
    assert!(some.contains("and at least 1 more: --limit shows them"), "{some}");
    let doc = shop.expect(0, &["status", "--limit", "2", "-o", "json"]).json();
    assert_eq!((&doc["moreCalls"], texts(&doc, "calls", "callId")), (&json!(true), vec!["t1", "t2"]));
    let list = shop.expect(0, &["follow-up", "list", "--limit", "2"]);
    assert!(list.stderr.contains("the first 2 are shown, there are more"), "{list:?}");
    let by = shop.expect(0, &["status", "t1", "-o", "json"]).json()["createdBy"].clone();
    assert!(by.is_string() && by != "operator", "the system's list of users, or the number: {by}");
    shop.set("TZ", "Mars/Base");
    let run = shop.expect(0, &["status"]);
    assert!(run.stderr.contains("TZ \"Mars/Base\" is no time zone"), "{run:?}");
    assert!(!shop.expect(0, &["status", "--utc"]).stderr.contains("time zone"));
    for known in ["America/Los_Angeles", "UTC", "CET-1CEST,M3.5.0,M10.5.0/3", ""] {
        shop.set("TZ", known);
        assert!(!shop.expect(0, &["status"]).stderr.contains("time zone"), "{known}");
    }
}

#[test]
fn what_is_open_to_a_call_is_named_when_something_else_was_asked() {
    let shop = Shop::new();
    shop.send("t1", &[]);
    shop.expect(0, &["ack", "t1", "--for", "sam"]);
    let run = shop.expect(1, &["ack", "t1", "--for", "ana"]);
    for words in ["taken by Sam Ortiz", "dispatchctl resolve t1", "dispatchctl reopen t1"] {
        assert!(run.stderr.contains(words), "{words}: {run:?}");
    }
    let reopened = shop.expect(0, &["reopen", "t1", "--by", "Pat", "--note", "he is stuck"]);
    assert!(!reopened.stdout.contains("stood down"), "{reopened:?}");
    let log = shop.expect(0, &["log", "--call", "t1"]).stdout;
    assert!(log.contains("reopened by Pat (dana)") && log.contains("he is stuck"), "{log}");
    shop.expect(0, &["cancel", "t1"]);
}

#[test]
fn the_same_call_again_sends_nothing_and_other_data_is_a_conflict() {
    let shop = Shop::new();
    let first = shop.send("t1", &["-o", "json"]).json();
    let again = shop.send("t1", &["-o", "json"]).json();
    assert_eq!(first["attempts"][0]["attemptId"], again["attempts"][0]["attemptId"]);
    assert_eq!((&first["created"], &again["created"]), (&json!(true), &json!(false)));
    assert_eq!(again["attempts"].as_array().map(Vec::len), Some(1));
    let other = shop.expect(9, &["send", "--call-id", "t1", "--issue", "No heat"]);
    assert!(other.stderr.contains("dispatchctl status t1"), "{other:?}");
}

#[test]
fn a_store_of_the_other_mode_and_a_wrong_key_are_refused() {
    let shop = Shop::new();
    shop.send("t1", &[]);
    let store = format!("sqlite:{}", shop.path("shop.db").display());
    let live = shop.run_as_is(&["--store", &store, "status"]);
    assert_eq!(live.code, 6, "{live:?}");
    assert!(live.stderr.contains("stamped test"), "{live:?}");
    shop.prepend_config("nmae = \"Acme\"\n");
    let wrong = shop.expect(2, &["status"]);
    assert!(wrong.stderr.contains("nmae") && wrong.stderr.contains("dispatchctl.toml"), "{wrong:?}");
}

#[test]
fn settings_are_shown_without_secrets() {
    let shop = Shop::new();
    for args in [&["config", "show"][..], &["config", "show", "-o", "json"], &["config", "show", "-o", "csv"]] {
        let run = shop.run_as_is(args);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.stdout.contains("auth_token") && run.stdout.contains("****"), "{args:?}: {run:?}");
        assert!(!format!("{run:?}").contains("sample-auth-token"), "{args:?}");
    }
}

#[test]
fn tables_are_csv_where_that_is_asked_for() {
    let shop = Shop::new();
    shop.send("t1", &["--level", "brisk"]);
    for (args, header, rows) in [
        (&["status"][..], "REF", 1),
        (&["follow-up", "list"], "CALL", 1),
        (&["contacts", "list"], "ID", 2),
        (&["oncall"], "STEP", 2),
    ] {
        let run = shop.expect(0, &[args, &["-o", "csv"]].concat());
        let mut csv = csv::Reader::from_reader(run.stdout.as_bytes());
        assert_eq!(csv.headers().expect("a header").get(0), Some(header), "{args:?}");
        let found = csv.records().collect::<Result<Vec<_>, _>>().expect("rows");
        assert_eq!(found.len(), rows, "{args:?}: {}", run.stdout);
    }
    for args in [&["log"][..], &["log", "--call", "t1"], &["status", "t1"]] {
        let run = shop.expect(0, &[args, &["-o", "csv"]].concat());
        let mut csv = csv::Reader::from_reader(run.stdout.as_bytes());
        let kinds: Vec<String> = csv.records().map(|r| r.expect("a row")[3].to_owned()).collect();
        assert!(kinds.contains(&"call.accepted".to_owned()), "{args:?}: {kinds:?}");
    }
}

#[test]
fn a_follow_up_is_listed_fired_by_hand_once_and_stopped() {
    let shop = Shop::new();
    shop.send("t1", &[]);
    let list = shop.expect(0, &["follow-up", "list"]).stdout;
    assert!(list.contains("step 2 of 2") && list.contains("Ana Reyes"), "{list}");
    let none = shop.expect(0, &["follow-up", "run", "--all-due"]);
    assert!(none.stdout.contains("nothing is due"), "{none:?}");
    let fired = shop.expect(0, &["follow-up", "run", "--call", "t1"]);
    assert!(fired.stdout.contains("Ana Reyes (attempt 2)") && fired.stderr.contains("no engine runs"), "{fired:?}");
    let none = shop.expect(3, &["follow-up", "run", "--call", "t1"]);
    assert!(none.stderr.contains("no follow-up"), "{none:?}");
    shop.send("t2", &[]);
    let cancelled = shop.expect(0, &["follow-up", "cancel", "--call", "t2", "--note", "customer called"]);
    assert!(
        cancelled.stdout.contains("EXHAUSTED at") && cancelled.stdout.contains("dispatchctl ack t2"),
        "{cancelled:?}"
    );
    assert!(shop.expect(0, &["follow-up", "cancel", "--call", "t2"]).stdout.contains("already"));
    let list = shop.expect(0, &["follow-up", "list", "-o", "json"]).json();
    let lines = list["followUps"].as_array().expect("a list");
    assert!(lines.len() == 2 && lines.iter().all(|l| l["exhausts"] == true), "{list}");
    let figures = shop.expect(0, &["status", "-o", "json"]).json()["figures"].clone();
    assert_eq!((&figures["followUpsToCome"], &figures["activeRetries"]), (&json!(2), &json!(0)), "as are listed");
    for call in ["t1", "t2"] {
        shop.expect(0, &["ack", call, "--for", "ana"]);
    }
    let none = shop.expect(0, &["follow-up", "list"]).stdout;
    assert!(none.contains("no follow-up is to come") && !none.contains("LATE BY"), "a sentence: {none}");
    let none = shop.expect(0, &["breaker", "list"]).stdout;
    assert!(none.contains("no breaker of any sender was ever open") && !none.contains("PROBES"), "a sentence: {none}");
}

#[test]
fn what_was_missed_while_no_engine_ran_is_fired_by_hand_once() {
    let shop = Shop::new();
    shop.send("t1", &["--level", "brisk"]);
    let fired = (0..2_000)
        .map(|_| shop.expect(0, &["follow-up", "run", "--missed", "-o", "json"]).json())
        .find(|doc| doc["fired"] != 0)
        .expect("it comes due");
    assert_eq!((&fired["fired"], &fired["calls"][0]["callId"]), (&json!(1), &json!("t1")));
    assert_eq!(fired["calls"][0]["attempts"][1]["contact"], "ana");
    assert_eq!(shop.expect(0, &["follow-up", "run", "--missed", "-o", "json"]).json()["fired"], 0);
}

#[test]
fn on_call_names_people_per_step_and_gaps() {
    let shop = Shop::new();
    let normal = shop.expect(0, &["oncall"]).stdout;
    assert!(
        normal.contains("Sam Ortiz") && normal.contains("+1h00m00s") && normal.contains("+1949•••0102"),
        "{normal}"
    );
    let lifts = shop.expect(0, &["oncall", "--line", "+18005550100", "-o", "json"]).json();
    assert_eq!((&lifts["lineName"], &lifts["steps"][0]["who"][0]["contact"]), (&json!("Acme Lifts"), &json!("ana")));
    let gap = shop.expect(1, &["oncall", "--level", "HIGH", "--at", "2026-11-22T02:04:00Z"]);
    assert!(gap.stdout.contains("nobody holds owner") && gap.stderr.contains("step 2 finds nobody"), "{gap:?}");
    let unlisted = shop.expect(0, &["oncall", "--line", "+18005550198"]);
    assert!(unlisted.stderr.contains("no configured line"), "{unlisted:?}");
}

#[test]
fn contacts_are_listed_with_their_roles_and_clearing_what_is_not_set_says_so() {
    let shop = Shop::new();
    let list = shop.expect(0, &["contacts", "list"]).stdout;
    assert!(list.contains("primary; backup on Acme Lifts"), "{list}");
    assert!(!list.contains("+19495550101"), "{list}");
    shop.send("t1", &[]);
    let clear = shop.expect(0, &["contacts", "clear", "sam"]);
    assert!(clear.stdout.contains("has not opted out"), "{clear:?}");
}

#[test]
fn a_running_engine_sees_a_decision_and_is_asked_to_refresh() {
    let shop = Shop::new();
    let mut engine =
        shop.start(&["send", "--call-id", "t1", "--issue", "pipe", "--wait", "acknowledged", "--timeout", "60s"]);
    engine.wait_for_stderr("this command sends");
    let doc = shop.expect(0, &["status", "-o", "json"]).json();
    assert_eq!(doc["engine"]["role"], "send", "{doc}");
    let refreshed = shop.expect(0, &["status", "t1", "--refresh"]);
    assert!(refreshed.stdout.contains("DISPATCHING"), "{refreshed:?}");
    let mut watch = shop.start(&["status", "t1", "--watch"]);
    let mut lines = watch.stdout_lines();
    assert!(lines.any(|l| l.contains("DISPATCHING")));
    let ack = shop.expect(0, &["ack", "t1"]);
    assert!(!ack.stderr.contains("no engine runs"), "{ack:?}");
    let rest: Vec<String> = lines.collect();
    assert_eq!(rest.iter().filter(|l| l.contains("acknowledged: dana has it")).count(), 1, "{rest:?}");
    assert_eq!((watch.wait(), engine.wait()), (Some(0), Some(0)));
}

#[test]
fn without_an_engine_a_refresh_asks_the_provider_itself() {
    let shop = Shop::new();
    shop.send("t1", &["--wait", "delivered"]);
    let run = shop.expect(0, &["status", "t1", "--refresh"]);
    assert!(run.stderr.contains("asked twilio about 1"), "{run:?}");
    assert_eq!(shop.expect(0, &["status", "-o", "json"]).json()["engine"], Value::Null);
}

#[test]
fn a_followed_log_tells_each_entry_once_until_it_is_interrupted() {
    let shop = Shop::new();
    shop.send("t1", &[]);
    let mut follow = shop.start(&["log", "--follow", "-o", "json"]);
    let mut lines = follow.stdout_lines().map(|l| serde_json::from_str::<Value>(&l).expect("an object a line"));
    let mut seen: Vec<Value> = Vec::new();
    let mut until = |kind: &str, seen: &mut Vec<Value>| {
        seen.extend(lines.by_ref().take_while(|l| l["kind"] != kind));
    };
    until("attempt.submitted", &mut seen);
    shop.expect(0, &["ack", "t1"]);
    until("call.acknowledged", &mut seen);
    shop.expect(0, &["resolve", "t1"]);
    until("call.resolved", &mut seen);
    follow.interrupt();
    assert_eq!(follow.wait(), Some(130));
    let seqs: Vec<i64> = seen.iter().filter_map(|l| l["seq"].as_i64()).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    let all = shop.expect(0, &["log", "-o", "json"]).json();
    let kinds = texts(&all, "entries", "kind");
    let at = kinds.iter().position(|k| *k == "call.resolved").expect("resolved");
    // The three that ended a part are not among what was kept.
    assert_eq!(seen.len() + 3, at + 1, "{kinds:?}");
    let newest = shop.expect(0, &["log", "--limit", "1", "-o", "json"]).json();
    assert_eq!(newest["entries"][0]["seq"], all["entries"].as_array().and_then(|e| e.last()).expect("entries")["seq"]);
}

#[test]
fn an_opt_out_is_shown_with_the_failure_that_told_of_it_and_cleared_once() {
    let shop = Shop::new();
    // The provider's magic number of somebody who texted STOP.
    shop.send("t1", &["--contact", "+15005550004"]);
    let doc = shop.expect(0, &["status", "-o", "json"]).json();
    assert_eq!((&doc["failures"][0]["code"], &doc["failures"][0]["count"]), (&json!(21610), &json!(1)), "{doc}");
    let overview = shop.expect(0, &["status"]).stdout;
    assert!(overview.contains("21610") && !overview.contains("+15005550004"), "{overview}");
    let list = shop.expect(0, &["contacts", "list"]).stdout;
    assert!(list.contains("no contact") && list.contains("+1500•••0004") && list.contains("since"), "{list}");
    let cleared = shop.expect(0, &["contacts", "clear", "+15005550004", "--by", "Pat"]);
    assert!(cleared.stdout.contains("is cleared") && cleared.stderr.contains("START"), "{cleared:?}");
    assert!(!shop.expect(0, &["contacts", "list"]).stdout.contains("no contact"));
    shop.expect(3, &["contacts", "clear", "+15005550004"]);
}

#[test]
fn beside_serve_the_commands_ask_and_serve_does_the_work() {
    let shop = Shop::new();
    let mut serve = shop.start(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(serve.stdout_lines().any(|l| l.contains("listening on")));
    let sent = shop.send("t1", &["--wait", "delivered"]);
    assert!(!sent.stderr.contains("no engine runs"), "{sent:?}");
    let doc = shop.expect(0, &["status", "-o", "json"]).json();
    assert_eq!(doc["engine"]["role"], "serve", "{doc}");
    assert!(doc["engine"]["listen"].as_str().is_some_and(|l| l.starts_with("http://127.0.0.1:")), "{doc}");
    let refreshed = shop.expect(0, &["status", "t1", "--refresh"]);
    assert!(refreshed.stderr.contains("asked twilio about 1"), "{refreshed:?}");
    shop.expect(0, &["follow-up", "run", "--call", "t1"]);
    shop.expect(0, &["ack", "t1", "--for", "ana"]);
    let story = (0..2_000)
        .map(|_| shop.expect(0, &["status", "t1", "-o", "json"]).json())
        .find(|s| {
            s["attempts"]
                .as_array()
                .is_some_and(|a| a.iter().any(|a| a["kind"] == "stand-down" && a["success"] == true))
        })
        .expect("Sam is stood down by the engine");
    assert_eq!(story["holder"], "ana");
    serve.interrupt();
    assert_eq!(serve.wait(), Some(0));
    assert_eq!(shop.expect(0, &["status", "-o", "json"]).json()["engine"], Value::Null);
}

#[test]
fn a_command_that_knows_no_contacts_fires_nothing() {
    let shop = Shop::new();
    shop.send("t1", &[]);
    shop.write_config("name = \"Elsewhere\"\n");
    for args in
        [&["follow-up", "run", "--call", "t1"][..], &["follow-up", "run", "--all-due"], &["send", "--call-id", "t2"]]
    {
        let run = shop.expect(2, args);
        assert!(
            run.stderr.contains("no contacts are configured") && run.stderr.contains("--config"),
            "{args:?}: {run:?}"
        );
    }
    assert_eq!(shop.expect(0, &["status", "t1", "-o", "json"]).json()["status"], "DISPATCHING");
    shop.expect(3, &["status", "t2"]);
}

#[test]
fn a_call_that_can_wait_wakes_nobody_until_it_is_raised() {
    let shop = Shop::new();
    let sent = shop.expect(0, &["send", "--call-id", "drip", "--level", "Non-Emergency", "--issue", "A tap drips"]);
    assert!(sent.stdout.contains("DEFERRED") && sent.stdout.contains("waits for the morning"), "{sent:?}");
    let doc = shop.expect(0, &["status", "drip", "-o", "json"]).json();
    assert_eq!((&doc["status"], &doc["level"], &doc["attempts"]), (&json!("DEFERRED"), &json!("morning"), &json!([])));
    let story = shop.expect(0, &["status", "drip"]).stdout;
    assert!(story.contains("waits for the morning; alarms"), "{story}");
    assert_eq!(texts(&shop.expect(0, &["status", "-o", "json"]).json(), "calls", "callId"), ["drip"], "it is open");

    let seen = shop.expect(0, &["seen", "drip", "--note", "rang back"]);
    assert!(seen.stdout.contains("is DEFERRED"), "{seen:?}");
    assert!(shop.expect(0, &["seen", "drip"]).stdout.contains("already"));
    let e = shop.expect(1, &["raise", "drip", "--level", "soon"]).stderr;
    assert!(e.contains("no level of this line"), "{e}");
    let raised = shop.expect(0, &["raise", "drip", "--level", "high", "-o", "json"]).json();
    assert_eq!((&raised["status"], &raised["level"]), (&json!("DISPATCHING"), &json!("high")));
    let e = shop.expect(1, &["seen", "drip"]).stderr;
    assert!(e.contains("cannot be ticked off"), "{e}");
    let log = shop.expect(0, &["log", "--call", "drip", "-o", "json"]).json();
    let kinds: Vec<&str> = texts(&log, "entries", "kind");
    for kind in ["call.accepted", "call.deferred", "call.seen", "call.raised"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
}
