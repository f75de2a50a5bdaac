//! Calendars that say who is on call, and feeds of who is, as an operator meets them.

use serde_json::Value;

use crate::support::Shop;
use crate::support::http;
use crate::support::stage::{LEE, Stage, text};
use crate::support::wait::until;

/// What a line's team goes by; its own number.
const LINE: &str = "+18005550100";
const ROTATION: &str = r#"
[[rotations]]
id = "night"
time_zone = "America/Los_Angeles"
calendar = "night.ics"
calendar_people = { "Sam O" = "sam" }
[[lines]]
number = "+18005550100"
name = "Acme Plumbing"
team = [ { rotation = "night", role = "primary" }, { contact = "lee", role = "backup" }, { contact = "lee", role = "owner" } ]
"#;

/// So many events of a week each, of these people in turn, the first of which began an hour ago.
fn calendar(who: &[&str], weeks: usize) -> String {
    let week = 7 * 86_400_000_i64;
    let start = crate::support::wait::now().as_millis() - 3_600_000;
    let time = |ms: i64| {
        let text = dispatchctl::testkit::Timestamp::from_millis(ms).rfc3339();
        text.split('.').next().unwrap_or_default().replace(['-', ':'], "") + "Z"
    };
    let events = who.iter().cycle().take(weeks).zip(0_i64..).map(|(who, n)| {
        let (from, until) = (time(start + n * week), time(start + (n + 1) * week));
        format!("BEGIN:VEVENT\r\nUID:{n}\r\nSUMMARY:{who}\r\nDTSTART:{from}\r\nDTEND:{until}\r\nEND:VEVENT\r\n")
    });
    format!("BEGIN:VCALENDAR\r\n{}END:VCALENDAR\r\n", events.collect::<String>())
}

fn write(shop: &Shop, text: &str) {
    std::fs::write(shop.path("night.ics"), text).expect("written");
}

/// Who holds the line now, by a command beside whatever runs.
fn holder(shop: &Shop) -> (String, String) {
    let doc = shop.expect(0, &["oncall", "--line", LINE, "--role", "primary", "-o", "json"]).json();
    let first = &doc["holders"][0];
    (first["contact"].as_str().unwrap_or("nobody").to_owned(), first["why"].as_str().unwrap_or_default().to_owned())
}

fn until_holder(shop: &Shop, who: &str) {
    until(&format!("{who} holds it"), || (holder(shop).0 == who).then_some(()));
}

#[test]
fn a_calendar_names_the_holder_for_every_process_and_what_breaks_it_changes_nobody() {
    let stage = Stage::new(ROTATION);
    let shop = &stage.shop;
    write(shop, &calendar(&["Sam O", "ana"], 8));
    let before = shop.expect(1, &["oncall", "check"]);
    assert!(before.stderr.contains("calendar of the rotation night was not read yet"), "{before:?}");
    let serve = stage.serve();
    let (who, why) = holder(shop);
    assert!(who == "sam" && why.starts_with("calendar of night, event 0, "), "{who}: {why}");
    let check = shop.expect(0, &["oncall", "check", "-o", "json"]).json();
    assert_eq!((&check["gaps"], &check["warnings"]), (&serde_json::json!([]), &serde_json::json!([])), "{check}");
    assert_eq!(check["handoffs"][0]["members"], serde_json::json!(["ana"]), "{check}");
    assert!(check["calendars"][0]["readAt"].is_string(), "{check}");
    let list = shop.expect(0, &["oncall", "--line", LINE, "--from", "now", "--until", "+10d", "-o", "json"]).json();
    let spans: Vec<&str> = list["spans"]
        .as_array()
        .expect("spans")
        .iter()
        .filter(|s| s["role"] == "primary")
        .map(|s| text(&s["holders"][0], "contact"))
        .collect();
    assert_eq!(spans, ["sam", "ana"], "{list}");
    let made =
        shop.expect(0, &["oncall", "override", "night", "--who", "lee", "--until", "handoff", "-o", "json"]).json();
    assert_eq!(
        (&made["covers"][0]["members"], &made["override"]["until"]),
        (&serde_json::json!(["sam"]), &made["covers"][0]["until"]),
        "until that event ends: {made}"
    );
    shop.expect(0, &["oncall", "withdraw", text(&made["override"], "id")]);

    // Another calendar counts from the next reading on; a reload is one.
    write(shop, &calendar(&["ana", "Sam O"], 8));
    serve.process.signal("HUP");
    until_holder(shop, "ana");
    for broken in ["", "<html>Sign in</html>", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"] {
        write(shop, broken);
        serve.process.signal("HUP");
        until("it is said", || {
            let said = shop.run(&["oncall", "check"]).stderr;
            said.contains("what was read before stands").then_some(())
        });
        assert_eq!(holder(shop).0, "ana", "{broken:?}");
        let doctor = shop.run(&["doctor"]);
        assert!(doctor.stdout.contains("calendar of night"), "{doctor:?}");
        write(shop, &calendar(&["ana", "Sam O"], 8));
        serve.process.signal("HUP");
        until("it is well", || (shop.run(&["oncall", "check"]).code == 0).then_some(()));
    }
    // What nobody knows is a gap that names the text.
    write(shop, &calendar(&["ana", "Samm"], 8));
    serve.process.signal("HUP");
    let check = until("the gap", || Some(shop.run(&["oncall", "check"])).filter(|run| run.code == 1));
    assert!(check.stdout.contains("the calendar says \"Samm\", which is no contact"), "{check:?}");
    let doctor = shop.run(&["doctor"]);
    assert!(doctor.stdout.contains("\"Samm\" is no contact"), "{doctor:?}");
    serve.process.kill();
    std::fs::remove_file(shop.path("night.ics")).expect("removed");
    let _serve = stage.serve();
    assert_eq!(holder(shop).0, "ana", "what is kept stands without its file");
    let log = shop.expect(0, &["log"]).stdout;
    assert!(log.contains("says something else"), "{log}");
}

#[test]
fn a_calendar_that_shrank_is_accepted_by_a_person_and_not_before() {
    let stage = Stage::new(ROTATION);
    let shop = &stage.shop;
    write(shop, &calendar(&["Sam O"], 10));
    let serve = stage.serve();
    assert_eq!(holder(shop).0, "sam");
    shop.expect(1, &["oncall", "accept-calendar", "night"]);
    shop.expect(2, &["oncall", "accept-calendar", "day"]);
    write(shop, &calendar(&["ana"], 2));
    serve.process.signal("HUP");
    let said = until("it waits", || {
        let said = shop.run(&["oncall", "check"]).stderr;
        said.contains("accept-calendar night").then_some(said)
    });
    assert!(said.contains("2 coming shifts where it had 10"), "{said}");
    assert_eq!(holder(shop).0, "sam");
    serve.process.kill();
    let done = shop.expect(0, &["oncall", "accept-calendar", "Night", "--by", "Kim"]).stdout;
    assert!(done.contains("counts from now on"), "{done}");
    assert_eq!(holder(shop).0, "ana", "without an engine");
    shop.expect(1, &["oncall", "accept-calendar", "night"]);
    let _serve = stage.serve();
    assert_eq!(holder(shop).0, "ana");
    let log = shop.expect(0, &["log"]).stdout;
    assert!(log.contains("is accepted") && log.contains("Kim"), "{log}");
}

#[test]
fn a_feed_is_read_by_its_address_and_an_old_address_shows_nothing() {
    let stage = Stage::new(ROTATION);
    let shop = &stage.shop;
    write(shop, &calendar(&["Sam O", "ana"], 8));
    let serve = stage.serve();
    let made = |args: &[&str]| {
        let doc = shop.expect(0, &[&["oncall", "feed"], args, &["-o", "json"]].concat()).json();
        let url = text(&doc, "url").to_owned();
        url.split_once("/oncall/").map(|(_, file)| format!("/oncall/{file}")).expect("a path")
    };
    let read = |path: &str| http::request(stage.at(), "GET", path, &[], "").expect("an answer");
    let night = made(&["night"]);
    assert_eq!(made(&["night"]), night, "the same until it is renewed");
    let feed = read(&night);
    assert_eq!(feed.status, 200, "{feed:?}");
    assert_eq!(feed.body.matches("BEGIN:VEVENT").count(), 8, "{}", feed.body);
    assert!(
        feed.body.contains("SUMMARY:Sam") && !feed.body.contains("+1949") && !feed.body.contains(&LEE[2..]),
        "{}",
        feed.body
    );
    let sam = read(&made(&["sam"]));
    assert_eq!(
        sam.body.matches("SUMMARY:On call: primary\\, Acme Plumbing").count(),
        5,
        "four weeks, and numbers that are not listed: {}",
        sam.body
    );
    let renewed = made(&["night", "--renew"]);
    assert_eq!((read(&night).status, read(&renewed).status), (404, 200));
    shop.expect(2, &["oncall", "feed", "nobody"]);
    let list = shop.expect(0, &["oncall", "feed", "-o", "json"]).json();
    assert_eq!(list["feeds"].as_array().map(Vec::len), Some(2), "{list}");
    let said: Value = shop.expect(0, &["log", "-o", "json"]).json();
    let secret = renewed.trim_start_matches("/oncall/").trim_end_matches(".ics");
    assert!(!said.to_string().contains(secret), "no secret in the log");
    assert!(!serve.process.stderr().contains(secret), "nor in what the engine says");
}
