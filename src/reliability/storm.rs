//! A storm: calls under load while the engine is killed and the provider misbehaves, drawn from a seed.
//!
//! Each round arms a fault of either provider, hands over its share of the calls, and kills the engine: at a named kill point,
//! the mirror's among them, at a point of the next start, or wherever it is. In the end the ledger and Airtable are held
//! against the store. The storm is written as a scenario file and played like one, so that the same seed is the
//! same storm, and what broke can be kept (`--save`), read, cut down and played again.

use std::fmt::Write as _;

use crate::ids::Ids;

/// Calls a kill where nothing else is asked for.
pub const CALLS_A_KILL: usize = 10;

/// Kinds of trouble, with how often each is drawn.
const FAULTS: &[(&str, u64)] = &[
    ("answer cut", 10),
    ("request cut", 4),
    ("reset", 8),
    ("garbage", 5),
    ("wrong length", 5),
    ("trickle", 3),
    ("half open", 3),
    ("dropped after accepting", 8),
    ("dropped before accepting", 5),
    ("hidden 500", 6),
    ("throttled", 6),
    ("delay", 6),
    ("provider away", 4),
    ("callbacks withheld", 4),
    ("callbacks duplicated", 3),
    ("callbacks reordered", 3),
    ("callbacks late", 4),
    ("list lags", 3),
    ("undelivered", 4),
    ("phone answer lost", 4),
    ("phone events withheld", 3),
    ("phone events mixed up", 3),
    ("phone list lags", 3),
    ("phone taken meanwhile", 3),
    ("reply", 7),
    ("frozen", 4),
    ("stopped", 3),
    ("Airtable away", 4),
    ("Airtable throttled", 2),
    ("Airtable 5xx", 4),
    ("Airtable's answer lost", 4),
    ("Airtable slow", 3),
];

/// Where the engine is killed, with how often each is drawn; the empty name: wherever it is.
const PLACES: &[(&str, u64)] = &[
    ("", 30),
    ("accept.before-commit", 3),
    ("accept.committed", 4),
    ("intent.before-commit", 3),
    ("intent.committed", 8),
    ("post.under-way", 8),
    ("post.answered", 8),
    ("outcome.before-commit", 6),
    ("outcome.committed", 4),
    ("receipt.before-commit", 5),
    ("receipt.committed", 4),
    ("timer.claimed", 4),
    ("timer.committed", 4),
    ("search.before-commit", 3),
    ("search.committed", 3),
    ("poll.before-commit", 2),
    ("poll.committed", 2),
    ("batch.before-commit", 3),
    ("batch.committed", 3),
    ("asked.before-commit", 2),
    ("asked.committed", 2),
    ("key.before-commit", 2),
    ("key.committed", 2),
    ("ringing.noted", 2),
    ("ringing.ended", 2),
    ("lost-call.before-commit", 2),
    ("lost-call.committed", 2),
    ("mirror.claimed", 3),
    ("mirror.written", 5),
    ("mirror.told", 3),
    ("mirror.verified", 3),
    ("lock.taken", 2),
    ("recovery.engine-row", 2),
    ("recovery.between-claims", 4),
];
/// Points that lie before the listener answers.
const AT_START: &[&str] = &["lock.taken", "recovery.engine-row", "recovery.between-claims"];

/// What a storm is made of, for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storm {
    /// The scenario file.
    pub text: String,
    /// How often each kind of fault comes.
    pub kinds: Vec<(&'static str, usize)>,
}

/// Draws a storm of so many kills, a fault with each, over so many calls. The same arguments give the same text.
pub fn storm(kills: usize, calls: usize, seed: u64) -> Storm {
    let ids = Ids::seeded(seed);
    let mut text = String::new();
    let mut kinds: Vec<(&'static str, usize)> = FAULTS.iter().map(|(k, _)| (*k, 0)).collect();
    let _ = write!(
        text,
        "# Drawn by `dispatchctl test-reliability --storm {kills} --dispatches {calls} --seed {seed}`.\n\
         title = \"{kills} kills and as many faults under {calls} calls: nothing lost, nothing doubled\"\n\
         fault = \"storm of {kills}, seed {seed}\"\n\
         slow = true\n\
         timeout = \"{timeout}s\"\n\n\
         [given.config.twilio]\nconnect_timeout = \"2s\"\nrequest_timeout = \"2s\"\n\
         [given.config.delivery]\nsettle = \"20s\"\nresend_pause = \"500ms\"\npoll_after = \"1s\"\n\
         [given.config.policies.storm]\n\
         steps = [ {{ wait = \"0s\", notify = [\"primary\"] }}, {{ wait = \"2s\", notify = [\"primary\"] }}, {{ wait = \"2s\", notify = [\"backup\"] }} ]\n\
         exhaust_after = \"1h\"\n\
         [given.config.voice]\nfrom = \"+15005550010\"\nper_second = 30\n\
         [given.config.policies.rings]\n\
         steps = [ {{ wait = \"0s\", notify = [\"primary\"], channel = \"voice\" }}, {{ wait = \"2s\", notify = [\"backup\"], channel = \"voice\" }} ]\n\
         exhaust_after = \"1h\"\n\
         [[given.people]]\ncontact = \"sam\"\n\
         calls = [ {{ does = \"human\", ringS = 2, keys = [ {{ afterS = 8, digits = \"1\" }} ] }} ]\n\
         [[given.people]]\ncontact = \"ana\"\ncalls = [ {{ does = \"voicemail\" }} ]\n\
         [given.config.airtable]\nrequests_per_second = 15\n\
         # 429 comes as a fault: by the true limit every restart is one request too many, and thousands of rows take minutes.\n\
         [given]\ntcp_peer = true\nairtable_per_second = 100\ncall_second = \"20ms\"\n",
        timeout = 180 + kills * 15 + calls / 10,
    );
    for n in 1..=kills {
        let share = calls * n / kills - calls * (n - 1) / kills;
        let kind = draw(FAULTS, &ids);
        if let Some(counted) = kinds.iter_mut().find(|(k, _)| *k == kind) {
            counted.1 += 1;
        }
        let _ = writeln!(text, "\n# {n}: {kind}");
        let mut trouble = String::new();
        fault(kind, n, &ids, &mut trouble);
        // What happens to the engine must find the calls there.
        let first = !matches!(kind, "frozen" | "stopped" | "reply" | "phone taken meanwhile");
        text.push_str(if first { trouble.as_str() } else { "" });
        if kind.starts_with("phone ") {
            let _ =
                write!(text, "[[when]]\ndispatch = \"p{n}\"\nlevel = \"rings\"\nbeside = true\nunder = \"{kind}\"\n");
        }
        if share > 0 {
            let _ = write!(
                text,
                "[[when]]\ndispatch = \"s{n}-\"\nlevel = \"storm\"\ntimes = {}\nclients = 4\nbeside = true\nunder = \"{kind}\"\n",
                share.max(2)
            );
        }
        text.push_str(if first { "" } else { trouble.as_str() });
        death(draw(PLACES, &ids), &ids, &mut text);
    }
    let _ = write!(
        text,
        "\n# The storm is over: what is not known is found out where the provider has it, and everybody is told.\n\
         [[when]]\nclear_faults = true\n[[when]]\nwait = {{ rest = true }}\nwithin = \"120s\"\n\
         # What nobody found is decided by its policy, and each call is old enough for a row that intake did not make.\n\
         [[when]]\npause = \"36s\"\n[[when]]\nwait = {{ rest = true }}\nwithin = \"60s\"\n\n[then]\nfound_out = true\n\
         # Ten rows a request, each written, read back, and the row of its call found first.\n\
         mirror = \"equal\"\nmirror_within = \"{mirror}s\"\n\
         # Most are told and every ladder goes on: a storm in which nothing is sent proves nothing.\n\
         [then.crowd]\ntold = {told}\ncame_to = [\"sam\", \"ana\"]\n",
        mirror = 90 + calls / 5,
        told = calls * 3 / 4,
    );
    kinds.retain(|(_, n)| *n > 0);
    Storm { text, kinds }
}

fn draw(from: &'static [(&'static str, u64)], ids: &Ids) -> &'static str {
    let all: u64 = from.iter().map(|(_, w)| w).sum();
    let mut at = ids.below(all);
    for (kind, weight) in from {
        if at < *weight {
            return kind;
        }
        at -= weight;
    }
    ""
}

/// The engine's death and its next start.
fn death(drill_dir: &str, ids: &Ids, text: &mut String) {
    let (wait, down) = (ids.below(250), ids.below(250));
    let start = "[[when]]\nstart = \"engine\"\n";
    let kill = match drill_dir {
        "" => format!("[[when]]\npause = \"{wait}ms\"\n[[when]]\nkill = \"engine\"\n"),
        point if AT_START.contains(&point) => format!(
            "[[when]]\npause = \"{wait}ms\"\n[[when]]\nstop = \"engine\"\n[[when]]\n\
             start = \"engine\"\ndies_at = \"{point}\"\nif_possible = true\n"
        ),
        // The mirror works at its own pace, some times a second at most.
        point if point.starts_with("mirror.") => {
            format!("[[when]]\nkill = \"engine\"\nat = \"{point}\"\nwithin = \"{}ms\"\n", 700 + wait)
        }
        point => {
            let nth = 1 + ids.below(4);
            format!("[[when]]\nkill = \"engine\"\nat = \"{point}:{nth}\"\nwithin = \"{}ms\"\n", 150 + wait)
        }
    };
    let _ = write!(text, "{kill}[[when]]\npause = \"{down}ms\"\n{start}");
}

fn fault(kind: &str, round: usize, ids: &Ids, text: &mut String) {
    const WIRE: &str = "method = \"POST\", path = \"/2010-04-01/\"";
    let times = 1 + ids.below(4);
    let one = |fault: String| format!("[[when]]\nfaults = [ {{ {fault} }} ]\n");
    let added = match kind {
        "frozen" => {
            let still = 200 + ids.below(600);
            format!("[[when]]\nfreeze = \"engine\"\n[[when]]\npause = \"{still}ms\"\n[[when]]\nthaw = \"engine\"\n")
        }
        "stopped" => "[[when]]\nstop = \"engine\"\n[[when]]\nstart = \"engine\"\n".to_owned(),
        "reply" => {
            let word = match ids.below(3) {
                0 => "2",
                1 => "what?",
                _ => "1",
            };
            let call = 1 + ids.below(u64::try_from(round.saturating_sub(1).max(1)).unwrap_or(1));
            format!("[[when]]\nreply = \"{word} {{reference s{call}-1 1}}\"\nfrom = \"sam\"\nif_possible = true\n")
        }
        // An answer has some 300 bytes of head and 700 of body: every part of it is cut.
        "answer cut" => one(format!("kind = \"cut\", at = {}, {WIRE}, times = {times}", ids.below(1_100))),
        "request cut" => {
            one(format!("kind = \"cut\", at = {}, forward = false, {WIRE}, times = {times}", ids.below(700)))
        }
        "reset" => one(format!("kind = \"reset\", at = {}, {WIRE}, times = {times}", ids.below(1_100))),
        "garbage" => one(format!("kind = \"garbage\", at = {}, {WIRE}, times = {times}", 1 + ids.below(900))),
        "wrong length" => {
            let by = i64::try_from(ids.below(60)).unwrap_or(0) - 30;
            one(format!("kind = \"wrong_length\", by = {by}, {WIRE}, times = {times}"))
        }
        "trickle" => {
            one(format!("kind = \"trickle\", at = {}, delayMs = 5, {WIRE}, times = {times}", 10 + ids.below(90)))
        }
        "half open" => one(format!("kind = \"half_open\", {WIRE}, times = {times}")),
        "dropped after accepting" => one(format!("kind = \"drop_after_accept\", times = {times}")),
        "dropped before accepting" => one(format!("kind = \"drop_before_accept\", times = {times}")),
        "hidden 500" => one(format!("kind = \"hidden_500\", times = {times}")),
        "throttled" => one(format!("kind = \"refuse\", status = 429, code = 20429, retryAfter = 1, times = {times}")),
        "delay" => one(format!("kind = \"delay\", delayMs = {}, times = {times}", 50 + ids.below(900))),
        "provider away" => one(format!("kind = \"away\", delayMs = {}", 100 + ids.below(900))),
        "list lags" => one(format!("kind = \"list_lag\", delayMs = {}, times = {}", 500 + ids.below(2_500), times * 5)),
        "undelivered" => {
            one(format!("kind = \"outcome\", outcome = \"undelivered\", errorCode = 30003, times = {times}"))
        }
        "Airtable away" => one(format!("kind = \"away\", on = \"airtable\", delayMs = {}", 300 + ids.below(2_700))),
        "Airtable throttled" => one("kind = \"refuse\", on = \"airtable\", status = 429, times = 1".to_owned()),
        "Airtable 5xx" => one(format!("kind = \"hidden_500\", on = \"airtable_write\", times = {times}")),
        "Airtable's answer lost" => {
            one(format!("kind = \"drop_after_accept\", on = \"airtable_write\", times = {times}"))
        }
        "Airtable slow" => {
            one(format!("kind = \"delay\", on = \"airtable\", delayMs = {}, times = {times}", 200 + ids.below(1_800)))
        }
        "phone answer lost" => one("kind = \"drop_after_accept\", on = \"call_create\", times = 1".to_owned()),
        "phone events withheld" => {
            one(format!("kind = \"withhold_callbacks\", on = \"call_event\", times = {}", times * 2))
        }
        "phone events mixed up" => {
            let both = one("kind = \"reorder_callbacks\", on = \"call_event\", times = 2".to_owned());
            both + &one(format!("kind = \"duplicate_callbacks\", on = \"call\", times = {}", times * 2))
        }
        "phone list lags" => {
            let lost = one("kind = \"drop_after_accept\", on = \"call_create\", times = 1".to_owned());
            let lag = 500 + ids.below(2_500);
            lost + &one(format!("kind = \"list_lag\", on = \"call_list\", delayMs = {lag}, times = {}", times * 5))
        }
        "phone taken meanwhile" => {
            format!("[[when]]\nreply = \"1 {{reference p{round} 1}}\"\nfrom = \"ana\"\nif_possible = true\n")
        }
        "callbacks withheld" => one(format!("kind = \"withhold_callbacks\", times = {}", times * 3)),
        "callbacks duplicated" => one(format!("kind = \"duplicate_callbacks\", times = {}", times * 3)),
        "callbacks reordered" => {
            one(format!("kind = \"reorder_callbacks\", messageStatus = \"sent\", times = {}", times * 3))
        }
        _ => one(format!("kind = \"delay_callbacks\", delayMs = {}, times = {}", 200 + ids.below(3_000), times * 3)),
    };
    text.push_str(&added);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::failpoint::POINTS;

    #[test]
    fn the_same_seed_is_the_same_storm_and_can_be_played() {
        let a = storm(60, 600, 7);
        assert_eq!(a, storm(60, 600, 7));
        assert_ne!(a.text, storm(60, 600, 8).text);
        assert_eq!(a.kinds.iter().map(|(_, n)| n).sum::<usize>(), 60);
        let deaths = a.text.matches("kill = \"engine\"").count() + a.text.matches("dies_at = ").count();
        assert_eq!(deaths, 60, "so many kills as were asked for");
        let times = a.text.lines().filter_map(|l| l.strip_prefix("times = ")?.parse::<usize>().ok());
        assert_eq!(times.sum::<usize>(), 600, "and so many calls");
        let named = a.text.matches("\nat = \"").count();
        assert!((20..60).contains(&named), "{named} of them at named points");
        // Whatever is drawn is a scenario: each kind comes in some of these.
        let mut drawn = BTreeSet::new();
        for seed in 0..20 {
            let made = storm(40, 400, seed);
            crate::reliability::parse::scenario("storm.toml", &made.text)
                .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            drawn.extend(made.kinds.into_iter().map(|(k, _)| k));
        }
        assert_eq!(drawn.len(), FAULTS.len(), "{drawn:?}");
    }

    #[test]
    fn every_place_is_a_kill_point() {
        for (drill_dir, _) in PLACES.iter().skip(1) {
            assert!(POINTS.iter().any(|(p, _)| p == drill_dir), "{drill_dir}");
        }
    }
}
