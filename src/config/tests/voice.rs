//! Phones that ring: from which number, by which ladders.

use std::time::Duration;

use super::*;
use crate::domain::Timestamp;
use crate::domain::attempt::Channel;
use crate::domain::settings::{SettingsNumber, SettingsRow};
use crate::domain::types::Actor;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const SAM: &str = "[[contacts]]\nid = \"sam\"\nphone = \"+19495550101\"\nrole = \"primary\"\n";
const REACHABLE: &str = "[server]\npublic_url = \"https://dispatch.example.com\"\n[[server.tokens]]\nname = \"a\"\ntoken = \"sample-token-0000000000\"\nscope = \"operate\"\n";

#[test]
fn with_a_number_to_ring_from_the_default_ladders_ring_and_a_policy_of_ones_own_stays_as_it_is() {
    let own = "[policies.normal]\nsteps = [ { wait = \"0s\", notify = [\"primary\"] } ]\n";
    let rings = |c: &crate::config::Config, name: &str| {
        let policy = c.directory.default_line.policies.get(name).expect("a policy");
        let voice = policy.steps.iter().filter(|s| s.channel == Channel::Voice).count();
        (policy.steps.len(), voice, policy.exhaust_after)
    };
    let voice = "[voice]\nfrom = \"+15005550011\"\n";
    for (label, file, normal, high) in [
        ("no number", format!("{REACHABLE}{SAM}"), (5, 0, secs(360)), (4, 0, secs(420))),
        ("an empty one", format!("{REACHABLE}[voice]\nfrom = \" \"\n{SAM}"), (5, 0, secs(360)), (4, 0, secs(420))),
        ("a number", format!("{REACHABLE}{voice}{SAM}"), (6, 3, secs(360)), (5, 3, secs(420))),
        ("one's own", format!("{REACHABLE}{voice}{SAM}{own}"), (1, 0, secs(600)), (5, 3, secs(420))),
    ] {
        let c = Bench::new().toml(&file).load();
        assert_eq!((rings(&c, "normal"), rings(&c, "high")), (normal, high), "{label}");
        let stored = SettingsRow {
            number: SettingsNumber(3),
            document: c.documents.decides.clone(),
            places: serde_json::Value::Null,
            actor: Actor("op".into()),
            role: "serve".into(),
            at: Timestamp::from_millis(1),
        };
        let under = load_document(&Bench::new().sources, &stored).expect(label);
        assert_eq!(
            (rings(&under, "normal"), rings(&under, "high")),
            (normal, high),
            "{label}, by the settings in force"
        );
        assert_eq!(under.directory.voice_from, c.directory.voice_from, "{label}");
        assert_eq!(crate::config::completed(&stored), stored.document, "{label}: nothing differs");
    }
    // Twenty and twelve minutes, as without phones.
    let c = Bench::new().toml(&format!("{REACHABLE}{voice}{SAM}")).load();
    for (name, minutes) in [("normal", 20), ("high", 12)] {
        let policy = c.directory.default_line.policies.get(name).expect("a policy");
        let whole: std::time::Duration = policy.steps.iter().map(|s| s.wait).sum();
        assert_eq!(whole + policy.exhaust_after, secs(60 * minutes), "{name}");
    }
}

#[test]
fn a_step_that_rings_needs_a_number_and_says_where_no_key_can_reach_us() {
    let ring = "[policies.normal]\nsteps = [ { wait = \"0s\", notify = [\"primary\"], channel = \"voice\" } ]\n";
    let wrong = Bench::new().toml(&format!("{REACHABLE}{SAM}{ring}")).errors();
    assert!(wrong.contains("voice.from: is missing: a step of the policy normal rings"), "{wrong}");
    let c = Bench::new().toml(&format!("[voice]\nfrom = \"+15005550011\"\n{SAM}{ring}")).load();
    assert!(c.warnings.iter().any(|w| w.contains("no key reaches us")), "{:?}", c.warnings);
    for (lines, key) in [
        ("from = \"MG00000000000000000000000000000001\"", "voice.from"),
        ("from = \"Acme\"", "voice.from"),
        ("timeout = \"2s\"", "voice.timeout"),
        ("timeout = \"20500ms\"", "voice.timeout"),
        ("per_second = 0", "voice.per_second"),
        ("per_secnd = 1", "voice.per_secnd"),
    ] {
        let wrong = Bench::new().toml(&format!("[voice]\n{lines}\n{SAM}")).errors();
        assert!(wrong.contains(key) && wrong.lines().count() == 1, "{lines}: {wrong}");
    }
}
