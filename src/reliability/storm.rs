//! A storm: calls under load while the engine is killed and the provider misbehaves, drawn from a seed.
//!
//! It is written as a scenario file and played like one, so that the same seed is the same storm, and what broke can be kept
//! (`--save`), read, cut down and played again.

use std::fmt::Write as _;

use crate::ids::Ids;

/// Kinds of trouble, with how often each is drawn.
const KINDS: &[(&str, u64)] = &[
    ("kill", 40),
    ("stop", 5),
    ("freeze", 8),
    ("drop_after_accept", 8),
    ("drop_before_accept", 5),
    ("hidden_500", 6),
    ("throttle", 6),
    ("delay", 6),
    ("away", 4),
    ("callbacks", 8),
    ("list_lag", 3),
    ("undelivered", 4),
    ("reply", 7),
];

/// What a storm is made of, for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storm {
    /// The scenario file.
    pub text: String,
    /// How often each kind of trouble comes.
    pub kinds: Vec<(&'static str, usize)>,
}

/// Draws a storm of so many kills and faults. The same arguments give the same text.
pub fn storm(troubles: usize, seed: u64) -> Storm {
    let ids = Ids::seeded(seed);
    let mut text = String::new();
    let mut kinds: Vec<(&'static str, usize)> = KINDS.iter().map(|(k, _)| (*k, 0)).collect();
    let _ = write!(
        text,
        "# Drawn by `dispatchctl test-reliability --storm {troubles} --seed {seed}`.\n\
         title = \"{troubles} kills and faults under load: nothing lost, nothing doubled\"\n\
         fault = \"storm of {troubles}, seed {seed}\"\n\
         slow = true\n\
         timeout = \"{timeout}s\"\n\n\
         [given.config.delivery]\nresend_pause = \"500ms\"\npoll_after = \"1s\"\n\
         [given.config.policies.storm]\n\
         steps = [ {{ wait = \"0s\", notify = [\"primary\"] }}, {{ wait = \"2s\", notify = [\"primary\"] }}, {{ wait = \"2s\", notify = [\"backup\"] }} ]\n\
         exhaust_after = \"1h\"\n",
        timeout = 180 + troubles * 15,
    );
    let mut calls = 0;
    for n in 1..=troubles {
        // A crowd at the beginning, then as many as a bad night brings.
        let times = if n == 1 { 8 } else { 1 + ids.below(4) };
        calls += 1;
        let _ = write!(
            text,
            "\n# {n}\n[[when]]\ndispatch = \"s{calls}-\"\nlevel = \"storm\"\ntimes = {times}\nclients = 4\nbeside = true\n[[when]]\npause = \"{}ms\"\n",
            5 + ids.below(300)
        );
        let kind = draw(&ids);
        if let Some(counted) = kinds.iter_mut().find(|(k, _)| *k == kind) {
            counted.1 += 1;
        }
        trouble(kind, calls, &ids, &mut text);
    }
    let _ = write!(
        text,
        "\n# The storm is over: what is not known is found out where the provider has it, and everybody is told.\n\
         [[when]]\nclear_faults = true\n[[when]]\nwait = {{ rest = true }}\nwithin = \"90s\"\n\n[then]\nfound_out = true\n"
    );
    kinds.retain(|(_, n)| *n > 0);
    Storm { text, kinds }
}

fn draw(ids: &Ids) -> &'static str {
    let all: u64 = KINDS.iter().map(|(_, w)| w).sum();
    let mut at = ids.below(all);
    for (kind, weight) in KINDS {
        if at < *weight {
            return kind;
        }
        at -= weight;
    }
    "kill"
}

fn trouble(kind: &str, calls: u64, ids: &Ids, text: &mut String) {
    let times = 1 + ids.below(4);
    let one = |fault: String| format!("[[when]]\nfaults = [ {{ {fault} }} ]\n");
    let added = match kind {
        "kill" | "stop" => {
            let down = ids.below(700);
            format!("[[when]]\n{kind} = \"engine\"\n[[when]]\npause = \"{down}ms\"\n[[when]]\nstart = \"engine\"\n")
        }
        "freeze" => {
            let still = 200 + ids.below(2_000);
            format!("[[when]]\nfreeze = \"engine\"\n[[when]]\npause = \"{still}ms\"\n[[when]]\nthaw = \"engine\"\n")
        }
        "throttle" => one(format!("kind = \"refuse\", status = 429, code = 20429, retryAfter = 1, times = {times}")),
        "delay" => one(format!("kind = \"delay\", delayMs = {}, times = {times}", 50 + ids.below(900))),
        "away" => one(format!("kind = \"away\", delayMs = {}", 100 + ids.below(1_200))),
        "list_lag" => one(format!("kind = \"list_lag\", delayMs = {}, times = {}", 500 + ids.below(4_000), times * 5)),
        "undelivered" => {
            one(format!("kind = \"outcome\", outcome = \"undelivered\", errorCode = 30003, times = {times}"))
        }
        "callbacks" => {
            let what = match ids.below(4) {
                0 => "kind = \"withhold_callbacks\"".to_owned(),
                1 => "kind = \"duplicate_callbacks\"".to_owned(),
                2 => "kind = \"reorder_callbacks\", messageStatus = \"sent\"".to_owned(),
                _ => format!("kind = \"delay_callbacks\", delayMs = {}", 200 + ids.below(3_000)),
            };
            one(format!("{what}, times = {}", times * 3))
        }
        "reply" => {
            let word = match ids.below(3) {
                0 => "2",
                1 => "what?",
                _ => "1",
            };
            let call = 1 + ids.below(calls);
            format!("[[when]]\nreply = \"{word} {{reference s{call}-1 1}}\"\nfrom = \"sam\"\nif_possible = true\n")
        }
        kind => one(format!("kind = \"{kind}\", times = {times}")),
    };
    text.push_str(&added);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_storm_and_can_be_played() {
        let a = storm(60, 7);
        assert_eq!(a, storm(60, 7));
        assert_ne!(a.text, storm(60, 8).text);
        assert_eq!(a.kinds.iter().map(|(_, n)| n).sum::<usize>(), 60);
        assert!(a.kinds.iter().any(|(k, n)| *k == "kill" && *n > 10), "{:?}", a.kinds);
        // Whatever is drawn is a scenario: each kind comes in some of these.
        for seed in 0..20 {
            let made = storm(40, seed).text;
            crate::reliability::parse::scenario("storm.toml", &made).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
    }
}
