//! What `init` writes beside a configuration: a unit, a container's file, rules and a dashboard; judged by those who read them.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use crate::support::http;
use crate::support::process::report;
use crate::support::stage::Stage;

const ALL: &[&str] = &["dispatchctl.service", "Containerfile", "dispatchctl.rules.yml", "dispatchctl.dashboard.json"];

/// `None`, said aloud: that program is not here.
fn asked(program: &str, args: &[&str]) -> Option<Output> {
    let done = Command::new(program).args(args).output();
    if done.is_err() {
        report(&format!("left out: {program} is not installed"));
    }
    done.ok()
}

fn stage() -> Stage {
    let stage = Stage::new("");
    std::fs::remove_file(stage.shop.path("dispatchctl.toml")).expect("removed");
    stage
}

fn written(stage: &Stage, name: &str) -> String {
    std::fs::read_to_string(stage.shop.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn all_of_it_is_written_once_and_nothing_is_overwritten() {
    let stage = stage();
    let made = stage.shop.expect(0, &["init", "--systemd", "--container", "--prometheus", "-o", "json"]).json();
    assert_eq!(made["extras"].as_array().map(Vec::len), Some(ALL.len()), "{made}");
    let before: Vec<String> = ALL.iter().map(|name| written(&stage, name)).collect();
    let again = stage.shop.expect(2, &["init", "--systemd"]);
    assert!(again.stderr.contains("dispatchctl.service") && again.stderr.contains("was not touched"), "{again:?}");
    assert_eq!(ALL.iter().map(|name| written(&stage, name)).collect::<Vec<_>>(), before);
    // Beside a configuration that is there already, which stays.
    let config = written(&stage, "dispatchctl.toml");
    std::fs::remove_file(stage.shop.path("Containerfile")).expect("removed");
    let later = stage.shop.expect(0, &["init", "--container"]);
    assert!(later.stdout.contains("Wrote Containerfile") && later.stderr.contains("dispatchctl.toml"), "{later:?}");
    assert_eq!(written(&stage, "dispatchctl.toml"), config);
    stage.shop.expect(2, &["init"]);
    // One of several that is there keeps all of them from being written.
    std::fs::remove_file(stage.shop.path("dispatchctl.rules.yml")).expect("removed");
    stage.shop.expect(2, &["init", "--prometheus"]);
    assert!(!stage.shop.path("dispatchctl.rules.yml").exists());
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_calls_safe() {
    let stage = stage();
    stage.shop.expect(0, &["init", "--systemd"]);
    let unit = stage.shop.path("dispatchctl.service").display().to_string();
    let text = written(&stage, "dispatchctl.service");
    for line in ["Type=notify", "WatchdogSec=30", "[Install]", "User=dispatchctl", "StateDirectory=dispatchctl"] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    let Some(verified) = asked("systemd-analyze", &["verify", "--man=no", "--generators=no", &unit]) else { return };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // Other units of this machine may be wrong.
    assert!(!said.lines().any(|l| l.contains("dispatchctl")), "{said}");
    let safe = asked("systemd-analyze", &["security", "--offline=true", "--threshold=25", &unit]).expect("it is here");
    assert!(safe.status.success(), "{}", String::from_utf8_lossy(&safe.stdout));
}

#[test]
fn every_rule_and_panel_asks_for_a_metric_that_is_there() {
    let stage = stage();
    stage.shop.expect(0, &["init", "--prometheus"]);
    let (rules, board) = (written(&stage, "dispatchctl.rules.yml"), written(&stage, "dispatchctl.dashboard.json"));
    let rules_path = stage.shop.path("dispatchctl.rules.yml").display().to_string();
    if let Some(checked) = asked("promtool", &["check", "rules", &rules_path]) {
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
    let metrics = {
        let other = Stage::new("");
        let serve = other.serve();
        let answer = http::json(other.at(), "GET", "/metrics", None).expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        serve.process.kill();
        answer.body
    };
    let known: BTreeSet<&str> = metrics.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let mut asked_for = BTreeSet::new();
    for text in [&rules, &board] {
        for rest in text.split("dispatchctl_").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let of = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            asked_for.insert(format!("dispatchctl_{of}"));
        }
    }
    assert!(asked_for.len() > 12, "{asked_for:?}");
    let strange: Vec<&String> = asked_for.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert!(strange.is_empty(), "{strange:?} are not among {known:?}");
    // A kind of alert that a rule names is one of ours.
    for kind in rules.split("alert=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(metrics.contains(&format!("alert=\"{kind}\"")), "{kind}");
    }
}
