//! Alerts at the command line: listed, seen by a person, and tried through each sink.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Shop;
use crate::support::fault_injection::{FAILPOINT, Sink, died_at, my_turn};
use crate::support::stage::{Stage, text};
use crate::support::wait::until;

const SHORT: &str = r#"
[policies.short]
steps = [ { wait = "0s", notify = ["primary"] } ]
exhaust_after = "1s"
"#;

#[test]
fn an_alert_is_listed_with_how_each_sink_does_and_seen_once_by_a_person() {
    let mut stage = Stage::new(SHORT);
    let sink = Sink::start();
    stage.shop.set("DISPATCHCTL_DRILL_SINK", format!("well={} dead=http://127.0.0.1:9/", sink.url));
    let _serve = stage.serve();
    stage.dispatch("ends", "short");
    until("the sink is told", || sink.heard().contains("exhausted:ends").then_some(()));
    let document = until("it is counted", || {
        let document = stage.shop.expect(0, &["alerts", "-o", "json"]).json();
        let delivered = document["sinks"].as_array()?.iter().any(|s| text(s, "name") == "well" && s["delivered"] == 1);
        let failed = document["sinks"].as_array()?.iter().any(|s| text(s, "name") == "dead" && s["failed"] != 0);
        (delivered && failed).then_some(document)
    });
    let alert = &document["alerts"][0];
    assert_eq!((text(alert, "key"), text(alert, "severity")), ("exhausted:ends", "page"), "{document}");
    assert!(text(alert, "whatToDo").contains("dispatchctl ack ends") && alert["acknowledgedAt"].is_null());
    let status = stage.shop.expect(0, &["status", "-o", "json"]).json();
    assert_eq!(status["sinks"].as_array().map(Vec::len), Some(2), "{status}");
    let shown = stage.shop.expect(0, &["status"]).stdout;
    assert!(shown.contains("sinks of alerts") && shown.contains("dead") && shown.contains("fails since"), "{shown}");
    let metrics = crate::support::http::json(stage.at(), "GET", "/metrics", None).expect("an answer").body;
    let want = "dispatchctl_alert_deliveries_total{sink=\"well\",result=\"delivered\"} 1";
    assert!(metrics.contains(want), "{metrics}");

    let seen = stage.shop.expect(0, &["alerts", "ack", "exhausted:ends", "--by", "Pat"]);
    assert!(seen.stdout.contains("no sink is told of it again"), "{seen:?}");
    let again = stage.shop.expect(0, &["alerts", "ack", "exhausted:ends"]);
    assert!(again.stdout.contains("Pat") && again.stdout.contains("nothing was done"), "{again:?}");
    let document = stage.shop.expect(0, &["alerts", "list", "-o", "json"]).json();
    assert!(text(&document["alerts"][0], "acknowledgedBy").starts_with("Pat"), "{document}");
    let missing = stage.shop.expect(3, &["alerts", "ack", "exhausted:other"]);
    assert!(missing.stderr.contains("no alert exhausted:other is in force"), "{missing:?}");
    let log = stage.shop.expect(0, &["log", "--call", "ends"]).stdout;
    assert!(log.contains("the alert exhausted:ends is seen"), "{log}");

    stage.shop.expect(0, &["ack", "ends", "--for", "sam"]);
    let over = until("it is over", || {
        let document = stage.shop.expect(0, &["alerts", "-o", "json"]).json();
        (document["alerts"] == json!([])).then_some(document)
    });
    assert!(over["sinks"].is_array());
}

#[test]
fn an_engine_that_dies_before_it_records_tells_once_more_under_the_same_id() {
    let _turn = my_turn();
    let mut stage = Stage::new(SHORT);
    let sink = Sink::start();
    stage.shop.set("DISPATCHCTL_DRILL_SINK", format!("well={}", sink.url));
    let mut process = stage.start_armed(&[(FAILPOINT, "alert.told")]);
    assert!(stage.ready_or_dead(&mut process), "{}", process.stderr());
    stage.dispatch("ends", "short");
    assert!(died_at(&mut process, "alert.told", Duration::from_secs(60)));
    assert_eq!(sink.ids().len(), 1, "it was told");
    let _serve = stage.serve();
    let ids = until("it is told once more", || Some(sink.ids()).filter(|ids| ids.len() > 1));
    assert!(ids[0].starts_with("alert_") && ids[0] == ids[1], "{ids:?}");
    until("it is recorded", || {
        let document = stage.shop.expect(0, &["alerts", "-o", "json"]).json();
        (document["sinks"][0]["delivered"] == 1).then_some(())
    });
    assert_eq!(sink.ids().len(), 2);
}

#[test]
fn every_sink_is_tried_for_real_and_one_that_fails_says_why() {
    let (sink, shop) = (Sink::start(), Shop::with_config(""));
    let kept = shop.path("kept");
    let config = format!(
        "[[alerts.sinks]]\nname = \"office\"\nkind = \"webhook\"\nformat = \"plain\"\nurl = \"{}\"\n\
         [[alerts.sinks]]\nname = \"horn\"\nkind = \"command\"\ncommand = [\"/bin/sh\", \"-c\", \"echo $DISPATCHCTL_ALERT_TEXT > {}\"]\n\
         [[alerts.sinks]]\nname = \"push\"\nkind = \"ntfy\"\nurl = \"http://127.0.0.1:9/hush-topic\"\n\
         [[alerts.sinks]]\nkind = \"command\"\ncommand = [\"/no/such/horn\"]\n",
        sink.url,
        kept.display()
    );
    shop.write_config(&config);
    let store = shop.store();
    let live = |args: &[&str]| shop.run_as_is(&[&["--store", &store], args].concat());
    let tried = live(&["alerts", "test", "--by", "Pat", "-o", "json"]);
    assert_eq!(tried.code, 1, "{tried:?}");
    let document = tried.json();
    let of = |name: &str| -> Value {
        let all = document["sinks"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|s| text(s, "name") == name).unwrap_or_default()
    };
    assert_eq!((&of("office")["delivered"], &of("horn")["delivered"]), (&json!(true), &json!(true)), "{document}");
    assert!(text(&of("push"), "why").contains("no connection"), "{document}");
    assert!(text(&of("command horn"), "why").contains("cannot be run"), "{document}");
    assert!(!document.to_string().contains("hush-topic"), "{document}");
    assert!(sink.heard().contains("test"), "as a real alert");
    let said = std::fs::read_to_string(kept).expect("the command wrote it");
    assert!(said.contains("Pat") && said.contains("tries whether alerts arrive"), "{said}");
    let one = live(&["alerts", "test", "horn"]);
    assert!(one.code == 0 && one.stdout.contains("taken"), "{one:?}");
    assert_eq!(live(&["alerts", "test", "siren"]).code, 3);
    let doctor = live(&["doctor", "-o", "json"]).json();
    let found = doctor["checks"].as_array().expect("checks").iter().find(|c| text(c, "name") == "sink command horn");
    assert_eq!(found.map(|c| text(c, "status")), Some("fail"), "{doctor}");
}

#[test]
fn where_nothing_wakes_without_twilio_the_start_and_doctor_say_so() {
    let shop = Shop::with_config(
        "[smtp]\nurl = \"smtp://127.0.0.1:9\"\nfrom = \"dispatch@example.com\"\n\
         [[alerts.sinks]]\nkind = \"smtp\"\nto = [\"owner@example.com\"]\n",
    );
    let store = shop.store();
    let report = shop.run_as_is(&["--store", &store, "doctor", "-o", "json"]).json();
    let found = report["checks"].as_array().expect("checks").iter().find(|c| text(c, "name") == "alerts.sinks");
    let found = found.expect("it is said");
    assert!(text(found, "status") == "warn" && text(found, "what").contains("without Twilio"), "{found}");
    let shown = shop.run_as_is(&["--store", &store, "config", "show", "-o", "json"]);
    assert!(shown.stdout.contains("wakes somebody without Twilio"), "{shown:?}");
}
