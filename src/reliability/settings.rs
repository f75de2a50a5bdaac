//! The engine's settings in a drill: the drill's own, with what the scenario's file says laid over them.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Map, Value};

use crate::config::{self, Config, Sources};
use crate::domain::Timestamp;

use super::action::Edit;
use super::scenario::{Given, Scenario};

/// Who is told in a drill, and a ladder whose second step is far away. No limit on the rate: what is looked at is the engine.
pub const PEOPLE: &str = r#"
name = "Acme Plumbing"
[twilio]
messages_per_second = 0
[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
email = "sam@example.com"
role = "primary"
[[contacts]]
id = "ana"
name = "Ana Reyes"
phone = "+19495550102"
email = "ana@example.com"
role = "backup"
[[contacts]]
id = "lee"
name = "Lee Park"
phone = "+19495550103"
email = "lee@example.com"
role = "owner"
[policies.normal]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
"#;

/// The store's file in a scenario's directory.
pub(super) const STORE: &str = "drill.db";
/// A port of the system's own, where nobody listens.
const DEAD: &str = "http://127.0.0.1:1/";
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
    let sinks: Vec<String> = own.into_iter().chain(given.sinks.iter().map(|s| sink(s, sandbox))).collect();
    let sink = (!sinks.is_empty()).then(|| ("DISPATCHCTL_DRILL_SINK", sinks.join(" ")));
    sink.into_iter().chain(zone.map(|z| ("TZ", z.to_owned()))).collect()
}

/// A sink as the engine's environment names it.
fn sink(name: &str, sandbox: SocketAddr) -> String {
    if name == "dead" { format!("dead={DEAD}") } else { format!("{name}=http://{sandbox}/_sandbox/alerts/{name}") }
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
fn place_of(scenario: &Scenario, problem: &config::ConfigProblem) -> String {
    let key = format!("given.config.{}", problem.key);
    let line = scenario.lines.find(&key);
    let told = config::ConfigProblem { at: None, key, ..problem.clone() };
    match line {
        Some(line) => format!("{}:{line}: {told}", scenario.file),
        None => format!("{}: {told}", scenario.file),
    }
}

/// The text of the configuration file.
fn laid_over(given: &Map<String, Value>) -> Result<String, String> {
    let mut all: Map<String, Value> = toml_edit::de::from_str(PEOPLE).map_err(|e| e.to_string())?;
    lay(&mut all, given);
    written(&all)
}

fn written(keys: &Map<String, Value>) -> Result<String, String> {
    toml_edit::ser::to_string(keys).map_err(|e| e.to_string())
}

/// Edits the engine's file in this directory. `given`: the keys that the scenario has given it so far.
///
/// # Errors
/// The system's word.
pub(super) fn edit(edit: &Edit, given: &mut Map<String, Value>, dir: &Path) -> Result<(), String> {
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
pub(super) fn shell(keys: &Map<String, Value>, dir: &Path) -> Result<(), String> {
    let text = written(keys)?;
    let made = std::fs::create_dir(dir).and_then(|()| std::fs::write(dir.join(FILE), text));
    made.map_err(|e| format!("{} cannot be made: {e}", dir.display()))
}

/// Tables are merged; everything else is replaced.
fn lay(under: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (name, value) in over {
        match (under.get_mut(name), value) {
            // A policy is one thing: half of an old one under a new one would be neither.
            (Some(Value::Object(old)), Value::Object(new)) if !new.contains_key("steps") => lay(old, new),
            _ => {
                under.insert(name.clone(), value.clone());
            }
        }
    }
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    // JSON's escapes are among TOML's; DEL alone must be escaped in TOML and need not in JSON.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenarios_settings_are_laid_over_the_drills_own() {
        let given =
            "[delivery]\nsettle = \"45s\"\n[policies.brisk]\nsteps = [ { wait = \"0s\", notify = [\"a\\nb\"] } ]\n";
        let text = laid_over(&toml_edit::de::from_str(given).expect("TOML")).expect("text");
        let back: Value = toml_edit::de::from_str(&text).expect("it can be read back");
        assert_eq!(back["delivery"]["settle"], "45s");
        assert_eq!(back["policies"]["brisk"]["steps"][0]["notify"][0], "a\nb");
        assert_eq!(back["policies"]["normal"]["exhaust_after"], "1h");
        assert_eq!(back["contacts"][2]["phone"], "+19495550103");
    }
}
