//! Rotations, exceptions and gaps, as an operator meets them.

use serde_json::{Value, json};

use crate::support::Shop;

/// Sam and Ana in turn, a week each from a Monday; Olga for numbers that are not listed.
const CONFIG: &str = r#"
name = "Acme Plumbing"
time_zone = "America/Los_Angeles"
[twilio]
account_sid = "AC00000000000000000000000000000001"
auth_token = "sample-auth-token"
from = "+15005550006"
[delivery]
poll_after = "100ms"
[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
[[contacts]]
id = "ana"
name = "Ana Reyes"
phone = "+19495550102"
[[contacts]]
id = "olga"
name = "Olga Lind"
phone = "+19495550103"
role = "primary"
[last_resort]
notify = ["olga"]
[[rotations]]
id = "night"
handoff = "08:00"
every = "1w"
starts = "2026-10-05"
members = ["sam", "ana"]
[policies.normal]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1h", notify = ["primary"] } ]
[policies.high]
steps = [ { wait = "0s", notify = ["primary"] } ]
[[lines]]
number = "+18005550100"
name = "Acme Plumbing"
team = [ { rotation = "night", role = "primary" } ]
"#;
const LINE: &str = "+18005550100";

fn contacts(spans: &Value) -> Vec<(&str, &str)> {
    let spans = spans["spans"].as_array().expect("spans");
    let who = |s: &'_ Value| -> String { s["holders"][0]["contact"].as_str().unwrap_or("nobody").to_owned() };
    spans.iter().map(|s| (s["from"].as_str().expect("a time"), Box::leak(who(s).into_boxed_str()) as &str)).collect()
}

#[test]
fn on_call_says_who_until_when_who_is_next_and_why() {
    let shop = Shop::with_config(CONFIG);
    // The clock is set back on 2026-11-01: the week of Sam has 169 hours.
    let at = ["oncall", "--line", LINE, "--role", "primary", "--at", "2026-11-02T15:30:00Z"];
    let doc = shop.expect(0, &[&at[..], &["-o", "json"]].concat()).json();
    let why = "rotation night, 2026-10-26 08:00-07:00 to 2026-11-02 08:00-08:00";
    // Three turns of a list of two: the 19th is Ana's, the 26th is Ana's neighbour's.
    assert_eq!(doc["holders"][0]["why"], why, "{doc}");
    assert_eq!(doc["holders"], json!([{ "contact": "ana", "until": "2026-11-02T16:00:00.000Z", "why": why }]));
    assert_eq!(doc["next"][0]["contact"], "sam");
    let text = shop.expect(0, &at).stdout;
    assert!(text.contains("primary: ana until 2026-11-02 08:00-08:00") && text.contains("on sam"), "{text}");
    assert!(text.contains("computed"), "nothing was kept: {text}");

    let list =
        ["oncall", "--line", LINE, "--from", "2026-10-26T00:00:00Z", "--until", "2026-11-10T00:00:00Z", "-o", "json"];
    let spans = shop.expect(0, &list).json();
    let want = [
        ("2026-10-26T00:00:00.000Z", "sam"),
        ("2026-10-26T15:00:00.000Z", "ana"),
        ("2026-11-02T16:00:00.000Z", "sam"),
        ("2026-11-09T16:00:00.000Z", "ana"),
    ];
    assert_eq!(contacts(&spans), want);
    let table = shop.expect(0, &list[..list.len() - 2]).stdout;
    assert!(table.contains("2026-10-26 08:00-07:00") && table.contains("rotation night"), "{table}");
    for bad in [
        &["--from", "noon"][..],
        &["--until", "2020-01-01T00:00:00Z"],
        &["--from", "now", "--at", "2026-11-02T15:30:00Z"],
    ] {
        shop.expect(2, &[&["oncall", "--line", LINE], bad].concat());
    }
}

#[test]
fn an_exception_tells_another_person_from_then_on_and_its_withdrawal_the_first_one_again() {
    let shop = Shop::with_config(CONFIG);
    shop.expect(6, &["oncall", "override", "night", "--who", "olga", "--until", "+8h"]);
    shop.expect(0, &["send", "--call-id", "t1", "--issue", "Leak", "--to-number", LINE]);
    let holder = |shop: &Shop| {
        let doc = shop.expect(0, &["oncall", "--line", LINE, "-o", "json"]).json();
        doc["holders"][0]["contact"].as_str().expect("a holder").to_owned()
    };
    let first = holder(&shop);
    let made = shop
        .expect(
            0,
            &[
                "oncall",
                "override",
                "night",
                "--who",
                "Olga Lind",
                "--until",
                "handoff",
                "--note",
                "swap",
                "--by",
                "Kim",
                "-o",
                "json",
            ],
        )
        .json();
    let id = made["override"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        (&made["changes"][0]["before"], &made["changes"][0]["after"]),
        (&json!([first]), &json!(["olga"])),
        "{made}"
    );
    assert_eq!(made["covers"][0]["members"], json!([first]));
    assert_eq!(holder(&shop), "olga");
    shop.expect(0, &["send", "--call-id", "t2", "--issue", "Leak", "--to-number", LINE]);
    let story = shop.expect(0, &["status", "t2"]).stdout;
    assert!(story.contains("Olga Lind") && story.contains(&format!("override {id} (take)")), "{story}");
    let twice =
        ["oncall", "override", "night", "--who", "Olga Lind", "--until", "handoff", "--note", "swap", "--by", "Kim"];
    let again = shop.expect(0, &twice).stdout;
    assert!(again.contains(&id) && again.contains("by the same command: nothing was done"), "{again}");
    let list = shop.expect(0, &["oncall", "overrides"]).stdout;
    assert!(
        list.contains(&id) && list.contains("rotation night") && list.contains("swap") && list.contains("Kim"),
        "{list}"
    );
    let gone = shop.expect(0, &["oncall", "withdraw", &id]).stdout;
    assert!(gone.contains("withdrawn") && gone.contains("olga") && gone.contains(&first), "{gone}");
    assert!(shop.expect(0, &["oncall", "withdraw", &id]).stdout.contains("withdrawn already"));
    assert_eq!(holder(&shop), first);
    shop.expect(0, &["send", "--call-id", "t3", "--issue", "Leak", "--to-number", LINE]);
    let story = shop.expect(0, &["status", "t3"]).stdout;
    assert!(!story.contains("Olga Lind") && story.contains("rotation night"), "{story}");
    let log = shop.expect(0, &["log"]).stdout;
    assert!(
        log.contains(&format!("override {id} made")) && log.contains(&format!("override {id} of olga withdrawn")),
        "{log}"
    );
}

/// What was never made is none of it: no store is needed to say so.
#[test]
fn without_a_store_there_is_no_exception_and_no_feed() {
    let shop = Shop::with_config(CONFIG);
    for (list, key) in [("overrides", "overrides"), ("feed", "feeds")] {
        let run = shop.expect(0, &["oncall", list]);
        assert!(run.stderr.contains("there is no ") && run.stderr.contains("make"), "{run:?}");
        assert_eq!(shop.expect(0, &["oncall", list, "-o", "json"]).json()[key], json!([]));
    }
}

#[test]
fn who_is_away_is_passed_over_and_an_exception_that_changes_nobody_says_so() {
    let shop = Shop::with_config(CONFIG);
    shop.expect(0, &["send", "--call-id", "t1", "--issue", "Leak", "--to-number", LINE]);
    let away = shop.expect(0, &["oncall", "away", "sam", "--until", "+20d"]).stdout;
    assert!(away.contains("covers of night the shift of sam") && away.contains("ana"), "{away}");
    let doc = shop.expect(0, &["oncall", "--line", LINE, "-o", "json"]).json();
    assert_eq!(doc["holders"][0]["contact"], "ana", "{doc}");
    let again = shop.expect(0, &["oncall", "override", "night", "--who", "ana", "--until", "+1h"]);
    assert!(again.stderr.contains("nobody is told differently"), "{again:?}");
    for (code, args, says) in [
        (2, &["override", "nigth", "--who", "ana", "--until", "+1h"][..], "rotations night"),
        (2, &["override", "night", "--who", "an", "--until", "+1h"], "sam, ana, olga"),
        (2, &["override", "night", "--who", "ana", "--until", "noon"], "handoff"),
        (2, &["override", "night", "--who", "ana", "--until", "+91d"], "90 days"),
        (2, &["override", "night", "--who", "ana", "--from", "+2h", "--until", "2020-01-01T00:00:00Z"], "has passed"),
        (2, &["override", "--who", "ana", "--until", "+1h"], "no rotation and no role"),
        (2, &["override", "night", "--role", "primary", "--who", "ana", "--until", "+1h"], "both named"),
        (2, &["override", "--role", "primary", "--line", "+18005550199", "--who", "ana", "--until", "+1h"], LINE),
        (3, &["withdraw", "ovr_1"], "oncall overrides"),
        (2, &["override", "night", "--who", "ana", "--until", "+1h", "--by", "engine"], "engine"),
    ] {
        let run = shop.expect(code, &[&["oncall"], args].concat());
        assert!(run.stderr.contains(says), "{args:?}: {run:?}");
    }
}

#[test]
fn a_gap_ahead_is_found_by_the_check_and_by_doctor_until_it_is_covered() {
    let shop = Shop::with_config(CONFIG);
    let clean = shop.expect(0, &["oncall", "check", "--days", "20", "-o", "json"]).json();
    assert_eq!((&clean["gaps"], clean["handoffs"].as_array().map(Vec::len)), (&json!([]), Some(3)), "{clean}");
    shop.expect(0, &["send", "--call-id", "t1", "--issue", "Leak", "--to-number", LINE]);
    for who in ["sam", "ana"] {
        shop.expect(0, &["oncall", "away", who, "--from", "+5d", "--until", "+1d"]);
    }
    let check = shop.expect(1, &["oncall", "check"]);
    assert!(check.stdout.contains("1 gap in the next 14 days") && check.stdout.contains("primary"), "{check:?}");
    let doctor = shop.run(&["doctor"]).stdout;
    assert!(doctor.contains("nobody who can be told holds primary of +18005550100"), "{doctor}");
    shop.expect(0, &["oncall", "check", "--days", "4"]);
    shop.expect(
        0,
        &[
            "oncall", "override", "--role", "primary", "--line", LINE, "--kind", "add", "--who", "olga", "--from",
            "+4d", "--until", "+3d",
        ],
    );
    shop.expect(0, &["oncall", "check"]);
    let nobody = Shop::with_config(
        &CONFIG.replace("{ wait = \"1h\", notify = [\"primary\"] }", "{ wait = \"1h\", notify = [\"backup\"] }"),
    );
    let check = nobody.expect(1, &["oncall", "check"]);
    assert!(check.stdout.contains("2 roles of policies that nobody holds at any time"), "{check:?}");
}
