//! The engine's settings in a drill: the drill's own, with what the scenario's file says laid over them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use crate::config::{self, Config, Sources};
use crate::domain::Timestamp;

use super::reader::{Node, Reader, Toml};
use super::scenario::{Edit, Given, Scenario};
use super::sinks;
use super::world::STORE;

/// Who is told in a drill, and a ladder whose second step is far away. No limit on the rate: what is looked at is the engine.
pub const PEOPLE: &str = r#"
name = "Acme Plumbing"
[twilio]
messages_per_second = 0
[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
role = "primary"
[[contacts]]
id = "ana"
name = "Ana Reyes"
phone = "+19495550102"
role = "backup"
[[contacts]]
id = "lee"
name = "Lee Park"
phone = "+19495550103"
role = "owner"
[policies.normal]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
"#;

/// The configuration file in a shell's directory.
pub(super) const FILE: &str = "dispatchctl.toml";

/// The settings of a scenario as the engine will read them.
///
/// # Errors
/// What is wrong in the file's `[given.config]`, with its line where it is known.
pub(super) fn settings_of(scenario: &Scenario, dir: &Path) -> Result<Config, Vec<String>> {
    let file = dir.join(FILE);
    let text = laid_over(&scenario.given.config).map_err(|e| vec![e])?;
    std::fs::write(&file, text).map_err(|e| vec![format!("cannot write {}: {e}", file.display())])?;
    let sources = Sources {
        flag_config: Some(file),
        flag_store: Some(format!("sqlite:{}", dir.join(STORE).display())),
        flag_test_mode: true,
        cwd: dir.to_path_buf(),
        ..Sources::default()
    };
    config::load(&sources).map_err(|errors| errors.0.iter().map(|p| place_of(scenario, p)).collect())
}

/// What the scenario adds to the environment of all that is started. `zone`: that of its place, see [`zone_with_summer_in`].
pub(super) fn environment(given: &Given, sandbox: SocketAddr, zone: Option<&str>) -> Vec<(&'static str, String)> {
    let own = given.sink.then(|| format!("http://{sandbox}/_sandbox/alerts"));
    let sinks: Vec<String> = own.into_iter().chain(given.sinks.iter().map(|s| sinks::place(s, sandbox))).collect();
    let sink = (!sinks.is_empty()).then(|| ("DISPATCHCTL_DRILL_SINK", sinks.join(" ")));
    sink.into_iter().chain(zone.map(|z| ("TZ", z.to_owned()))).collect()
}

/// A place whose summer time begins at this moment: its clocks go on by an hour. In winter they are those of UTC.
pub(super) fn zone_with_summer_at(at: Timestamp) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
    // Days are counted from 0 here, and leap days with them; it ends half a year later.
    let day = i32::from(at.day_of_year()) - 1;
    let end = (day + 180) % 365;
    Some(format!("WINTER0SUMMER,{day}/{:02}:{:02}:{:02},{end}/00:00:00", at.hour(), at.minute(), at.second()))
}

/// Tells a problem of the settings by its place in the scenario's own file.
fn place_of(scenario: &Scenario, problem: &config::Problem) -> String {
    let line = line(&scenario.given.config, &problem.key);
    let told = config::Problem { at: None, key: format!("given.config.{}", problem.key), ..problem.clone() };
    match line {
        Some(line) => format!("{}:{line}: {told}", scenario.file),
        None => format!("{}: {told}", scenario.file),
    }
}

/// The text of the configuration file.
fn laid_over(given: &BTreeMap<String, Node>) -> Result<String, String> {
    let (mut reader, mut root) = Reader::open("the drill's own settings", PEOPLE).map_err(|e| e.to_string())?;
    let mut all = BTreeMap::new();
    for name in ["name", "twilio", "contacts", "policies"] {
        if let Some(node) = reader.any(&mut root, name) {
            all.insert(name.to_owned(), node);
        }
    }
    lay(&mut all, given);
    Ok(written(&all))
}

fn written(keys: &BTreeMap<String, Node>) -> String {
    let lines: Vec<String> = keys.iter().map(|(k, n)| format!("{} = {}", quoted(k), shown(n))).collect();
    lines.join("\n") + "\n"
}

/// Edits the engine's file in this directory. `given`: the keys that the scenario has given it so far.
///
/// # Errors
/// The system's word.
pub(super) fn edit(edit: &Edit, given: &mut BTreeMap<String, Node>, dir: &Path) -> Result<(), String> {
    let file = dir.join(FILE);
    let text = match edit {
        Edit::Keys(keys) => {
            lay(given, keys);
            laid_over(given)?
        }
        Edit::Line(line) => {
            let before = std::fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
            format!("{before}{line}\n")
        }
    };
    std::fs::write(&file, text).map_err(|e| format!("cannot write {}: {e}", file.display()))
}

/// Another shell: a new directory with a file of these keys alone.
///
/// # Errors
/// The system's word.
pub(super) fn shell(keys: &BTreeMap<String, Node>, dir: &Path) -> Result<(), String> {
    let made = std::fs::create_dir(dir).and_then(|()| std::fs::write(dir.join(FILE), written(keys)));
    made.map_err(|e| format!("{} cannot be made: {e}", dir.display()))
}

/// Tables are merged; everything else is replaced.
fn lay(under: &mut BTreeMap<String, Node>, over: &BTreeMap<String, Node>) {
    for (name, node) in over {
        match (under.get_mut(name).map(|n| &mut n.value), &node.value) {
            // A policy is one thing: half of an old one under a new one would be neither.
            (Some(Toml::Table(old)), Toml::Table(new)) if !new.contains_key("steps") => lay(old, new),
            _ => {
                under.insert(name.clone(), node.clone());
            }
        }
    }
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    // JSON's escapes are among TOML's; DEL alone must be escaped in TOML and need not in JSON.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A value on one line.
fn shown(node: &Node) -> String {
    match &node.value {
        Toml::Text(s) => quoted(s),
        Toml::Integer(i) => i.to_string(),
        Toml::Number(f) => format!("{f:?}"),
        Toml::Bool(b) => b.to_string(),
        Toml::List(items) => format!("[ {} ]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Toml::Table(t) => {
            let pairs: Vec<String> = t.iter().map(|(k, n)| format!("{} = {}", quoted(k), shown(n))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Toml::Date => "\"\"".into(),
    }
}

/// The line of a dotted key (`contacts[0].phone`), or of the nearest table above it that the file has.
fn line(given: &BTreeMap<String, Node>, key: &str) -> Option<usize> {
    let mut found: Option<&Node> = None;
    let mut table = Some(given);
    for part in key.split('.') {
        let (name, index) =
            part.split_once('[').map_or((part, None), |(n, i)| (n, i.trim_end_matches(']').parse().ok()));
        let Some(mut node) = table.and_then(|t| t.get(name)) else { break };
        if let (Some(i), Toml::List(items)) = (index, &node.value) {
            let i: usize = i;
            match items.get(i) {
                Some(item) => node = item,
                None => break,
            }
        }
        found = Some(node);
        table = match &node.value {
            Toml::Table(t) => Some(t),
            _ => None,
        };
    }
    found.map(|n| n.line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> BTreeMap<String, Node> {
        let (mut r, mut root) = Reader::open("x.toml", text).expect("TOML");
        match r.any(&mut root, "config") {
            Some(Node { value: Toml::Table(t), .. }) => t,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_scenarios_settings_are_laid_over_the_drills_own_and_keep_their_lines() {
        let given = given(
            "[config.delivery]\nsettle = \"45s\"\n[config.policies.brisk]\nsteps = [ { wait = \"0s\", notify = [\"a\\nb\"] } ]\n",
        );
        let text = laid_over(&given).expect("text");
        for want in ["\"delivery\" = { \"settle\" = \"45s\" }", "a\\nb", "\"normal\"", "+19495550103"] {
            assert!(text.contains(want), "{want}: {text}");
        }
        assert!(Reader::open("made", &text).is_ok(), "it can be read back: {text}");
        assert_eq!((line(&given, "delivery.settle"), line(&given, "policies.brisk.steps[0].wait")), (Some(2), Some(4)));
        assert_eq!((line(&given, "delivery.nothing"), line(&given, "lines")), (Some(1), None));
    }
}
