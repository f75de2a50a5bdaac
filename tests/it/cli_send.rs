//! What `send` does where its words reach nobody, and what its exit code says when a ladder is over.

use serde_json::json;

use crate::support::Shop;
use crate::support::stage::Stage;

#[test]
fn a_call_goes_out_also_when_nothing_can_be_written_to_stderr() {
    let shop = Shop::new();
    // With -vv the log is written there as well.
    assert_eq!(
        shop.run_unheard(&["-vv", "send", "--call-id", "t1", "--issue", "Burst pipe", "--level", "normal"]),
        Some(0)
    );
    let story = shop.expect(0, &["status", "t1", "-o", "json"]).json();
    assert_eq!(story["attempts"][0]["success"], true, "{story}");
}

#[test]
fn a_result_that_cannot_be_written_is_said_and_fails_only_what_was_to_be_shown() {
    let shop = Shop::new();
    let lost = "the result could not be written to stdout";
    let (code, said) = shop.run_unread(&["send", "--call-id", "t1", "--issue", "Burst pipe", "--level", "normal"]);
    assert!(code == Some(0) && said.contains(lost), "the text is out, and whoever reads 1 would send another: {said}");
    assert_eq!(shop.expect(0, &["status", "t1", "-o", "json"]).json()["attempts"][0]["success"], true);
    for shows in
        [&["status"][..], &["status", "--watch"], &["log", "--follow"], &["oncall", "-o", "json"], &["config", "show"]]
    {
        let (code, said) = shop.run_unread(shows);
        assert!(code == Some(1) && said.contains(lost), "{shows:?}: {code:?} {said}");
    }
    assert_eq!(shop.run_unread(&["--help"]).0, Some(1));
}

#[test]
fn a_line_that_is_not_understood_is_a_problem_object_where_json_is_asked_for() {
    let shop = Shop::new();
    for args in [
        &["-o", "json", "status", "--no-such-flag"][..],
        &["status", "--limit", "many", "--output=json"],
        &["-ojson", "no-such-command"],
    ] {
        let run = shop.expect(2, args);
        let problem = run.json();
        assert_eq!(
            (&problem["exit"], &problem["mode"]),
            (&serde_json::json!(2), &serde_json::json!("test")),
            "{run:?}"
        );
        let title = problem["title"].as_str().expect("a title");
        assert!(run.stderr.contains(title) && !title.is_empty() && !title.starts_with("error"), "{run:?}");
    }
    assert_eq!(shop.expect(2, &["status", "--no-such-flag"]).stdout, "");
    assert_eq!(shop.expect(2, &["status", "--no-such-flag", "--", "-o", "json"]).stdout, "", "that is no flag");
}

#[test]
fn a_ladder_that_nobody_answered_was_not_refused_by_the_provider() {
    let shop = Shop::new();
    shop.append_config(
        "[policies.swift]\nsteps = [ { wait = \"0s\", notify = [\"primary\"] } ]\nexhaust_after = \"1s\"\n",
    );
    let swift = |call: &str, more: &[&str]| {
        [&["send", "--call-id", call, "--issue", "Burst pipe", "--level", "swift", "--stay"], more]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for (label, call, more, code) in [
        ("the text was accepted, which was waited for", "t1", &[][..], 0),
        ("nobody took it", "t2", &["--wait", "acknowledged"][..], 1),
        ("the number cannot be texted", "t3", &["--contact", "+15005550001", "--only"][..], 4),
    ] {
        let args = swift(call, more);
        let run = shop.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(run.code, code, "{label}: {run:?}");
        assert_eq!(run.stderr.contains("refused for good"), code == 4, "{label}: {run:?}");
    }
}

#[test]
fn a_call_that_is_taken_is_not_shown_as_closed() {
    let shop = Shop::new();
    shop.send("t1", &[]);
    shop.expect(0, &["ack", "t1"]);
    let shows = |words: &str| shop.expect(0, &["status", "t1"]).stdout.lines().any(|l| l.starts_with(words));
    assert!(shows("since ") && !shows("closed "));
    shop.expect(0, &["resolve", "t1"]);
    assert!(shows("closed "));
}

#[test]
fn a_wrong_configuration_is_told_in_the_mode_that_was_asked_for() {
    let shop = Shop::new();
    shop.append_config("[nonsense]\nkey = 1\n");
    let run = shop.expect(2, &["status", "-o", "json"]);
    assert_eq!(run.json()["mode"], "test", "{run:?}");
    assert!(run.stderr.contains("TEST MODE"), "{run:?}");
}

#[test]
fn who_has_not_been_told_and_what_to_do_is_said_where_nothing_goes_on_by_itself() {
    let stage = Stage::new("");
    stage.fault(&json!({ "kind": "refuse", "status": 400, "code": 21606 }));
    let send = |call: &'static str| ["send", "--issue", "Burst pipe", "--level", "normal", "--call-id", call];
    let held = stage.shop.expect(8, &send("held"));
    let away = stage.shop.expect(8, &[&send("away")[..], &["--timeout", "1s"]].concat());
    for (label, run) in [("its breaker opened", held), ("it was open", away)] {
        for words in [
            "Sam Ortiz has not been told",
            "until texts from its sender go again",
            "do not run it again",
            "phone Sam Ortiz now",
            "breaker close +15005550006",
            "start `dispatchctl serve`",
        ] {
            assert!(run.stderr.contains(words), "{label}: {words}: {run:?}");
        }
        assert!(!run.stderr.contains("still going"), "{label}: {run:?}");
    }
    let doc = stage.shop.expect(8, &[&send("doc")[..], &["--timeout", "1s", "-o", "json"]].concat()).json();
    assert_eq!(doc["notTold"][0]["contact"], "sam", "{doc}");
    let told = Shop::new().send("t1", &["-o", "json"]).json();
    assert_eq!(told["notTold"], json!([]), "{told}");
}

#[test]
fn a_send_that_says_nothing_texts_nobody_and_a_misspelt_key_is_named() {
    let shop = Shop::new();
    for args in [&["send"][..], &["send", "--caller", "+19495550150"], &["send", "--issue", " "]] {
        let run = shop.expect(2, args);
        assert!(run.stderr.contains("nothing says what is wrong") && run.stderr.contains("--issue"), "{run:?}");
    }
    for (body, named) in [
        (json!({ "callId": "q", "callData": { "isueSummary": "x" } }), "callData.isueSummary"),
        (json!({ "callId": "q", "callData": { "issueSummary": "x" }, "level": "high" }), "level is no key"),
        (json!({ "callId": "q", "issueSummary": "x", "adress": "12 Elm St" }), "adress is no key"),
    ] {
        std::fs::write(shop.path("call.json"), body.to_string()).expect("written");
        let run = shop.expect(2, &["send", "--json", "call.json"]);
        assert!(run.stderr.contains(named) && run.stderr.contains("issueSummary"), "{run:?}");
    }
    assert_eq!(shop.run(&["status"]).code, 6, "nothing was recorded");
}

#[test]
fn a_call_that_states_no_level_runs_by_hand_at_the_one_that_the_api_gives_it() {
    let stage = Stage::new("");
    let body = |call: &str| json!({ "callId": call, "callData": { "issueSummary": "No heat" } });
    let why = "it runs at level high: none was given, it says \"no heat\"";
    std::fs::write(stage.shop.path("call.json"), body("document").to_string()).expect("written");
    for args in [
        &["send", "--dry-run", "--issue", "No heat"][..],
        &["send", "--call-id", "flags", "--issue", "No heat"],
        &["send", "--json", "call.json"],
    ] {
        let run = stage.shop.expect(0, args);
        assert!(run.stderr.contains(why), "{args:?}: {run:?}");
    }
    for more in [&["--level", "normal"][..], &[]] {
        let issue = if more.is_empty() { "A tap drips" } else { "No heat" };
        let run = stage.shop.expect(0, &[&["send", "--dry-run", "--issue", issue], more].concat());
        assert!(run.stdout.contains("level normal") && !run.stderr.contains("it runs at"), "{more:?}: {run:?}");
    }
    let _serve = stage.serve();
    stage.post("/api/dispatch/manual", &body("api")).expect("an answer");
    for call in ["flags", "document", "api"] {
        assert_eq!(stage.call(call)["level"], "high", "{call}");
    }
}
