//! From a scenario file's text to a checked [`Scenario`]; every mistake is told with its line, its key and what is allowed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::sandbox::Fault;

use super::action::{ACTIONS, Action};
use super::condition::{self, CONDITIONS};
use super::file::{File, ScenarioErrors};
use super::scenario::{Given, Scenario, Step};
use super::then::Then;
use super::values::near;

/// The longest that a scenario may take where its file says nothing else.
const TIMEOUT: Duration = Duration::from_secs(90);
/// The contacts of the drill's own settings.
pub(super) const PEOPLE: [(&str, &str); 3] =
    [("sam", "+19495550101"), ("ana", "+19495550102"), ("lee", "+19495550103")];

/// The keys of a file. What is wrong in one action leaves none in its place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    fault: Option<String>,
    #[serde(default)]
    slow: bool,
    #[serde(default = "timeout", deserialize_with = "super::values::duration")]
    timeout: Duration,
    #[serde(default)]
    given: Given,
    #[serde(default)]
    when: Vec<Option<Action>>,
    #[serde(default)]
    then: Then,
}

const fn timeout() -> Duration {
    TIMEOUT
}

/// Reads a scenario.
///
/// # Errors
/// Everything that is wrong, each with file, line, key and the accepted form.
pub(super) fn scenario(file: &str, text: &str) -> Result<Scenario, ScenarioErrors> {
    let (mut f, mut root) = File::open(file, text)?;
    for (key, form) in [
        ("title", "one sentence that says what must hold"),
        ("fault", "a few words that name what goes wrong"),
        ("when", "at least one [[when]] with an action"),
    ] {
        if root.get(key).is_none_or(|v| v.as_str().is_some_and(|s| s.trim().is_empty())) {
            f.wrong(key, &format!("is missing; expected {form}"));
        }
    }
    let names_mirror = root.get("then").is_some_and(|then| then.get("mirror").is_some());
    name_actions(&mut f, &mut root);
    let keys: Option<Keys> = f.read(root);
    let scenario = keys.map(|mut keys| {
        checked(&mut f, &mut keys);
        if names_mirror && !keys.given.config.contains_key("airtable") {
            f.wrong("then.mirror", "is expected, and no base is given; expected a [given.config.airtable]");
        }
        if keys.then.mirror_within.is_some() && !names_mirror {
            f.wrong("then.mirror_within", "goes with mirror");
        }
        let line = |i: usize| f.lines.find(&format!("when[{i}]")).unwrap_or(1);
        let steps = keys.when.into_iter().enumerate();
        Scenario {
            by: file.to_owned(),
            name: Path::new(file).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default(),
            file: file.to_owned(),
            title: keys.title.unwrap_or_default(),
            fault: keys.fault.unwrap_or_default(),
            slow: keys.slow,
            timeout: keys.timeout,
            given: keys.given,
            when: steps.filter_map(|(i, action)| Some(Step { line: line(i), action: action? })).collect(),
            then: keys.then,
            lines: f.lines.clone(),
        }
    });
    f.close(scenario)
}

/// Puts each `[[when]]`, and each `wait` in it, under the key that names it, as an enum is read.
fn name_actions(f: &mut File, root: &mut Map<String, Value>) {
    let Some(Value::Array(steps)) = root.get_mut("when") else { return };
    for (i, step) in steps.iter_mut().enumerate() {
        let Value::Object(keys) = step else { continue };
        let named: Vec<&str> = ACTIONS.iter().copied().filter(|a| keys.contains_key(*a)).collect();
        let &[name] = named.as_slice() else {
            let what =
                if named.is_empty() { "has no action".to_owned() } else { format!("has {}", named.join(" and ")) };
            f.wrong(&format!("when[{i}]"), &format!("{what}; expected exactly one of {}", ACTIONS.join(", ")));
            *step = Value::Null;
            continue;
        };
        if let Some(Value::Object(wait)) = keys.get_mut("wait") {
            let Some(condition) = condition::named(wait) else {
                f.wrong(&format!("when[{i}].wait"), &format!("names nothing to wait for; expected {CONDITIONS}"));
                *step = Value::Null;
                continue;
            };
            under(wait, condition);
        }
        under(keys, name);
    }
}

fn under(keys: &mut Map<String, Value>, name: &str) {
    let inner = std::mem::take(keys);
    keys.insert(name.to_owned(), Value::Object(inner));
}

/// What one key says is held against what another says, and contacts become numbers.
fn checked(f: &mut File, keys: &mut Keys) {
    let phones = phones(&keys.given.config);
    for (i, person) in keys.given.people.iter_mut().enumerate() {
        resolve(f, &format!("given.people[{i}].contact"), &mut person.phone, &phones);
    }
    numbered(&mut keys.given.faults, &phones);
    for (i, action) in keys.when.iter_mut().enumerate() {
        match action {
            Some(Action::Reply { from, .. }) => resolve(f, &format!("when[{i}].from"), from, &phones),
            Some(Action::Press { from, .. }) => resolve(f, &format!("when[{i}].from"), from, &phones),
            Some(Action::HangUp { who }) => resolve(f, &format!("when[{i}].hang_up"), who, &phones),
            Some(Action::Wait { wait: condition::Condition::Phone { phone, .. }, .. }) => {
                resolve(f, &format!("when[{i}].wait.phone"), phone, &phones);
            }
            Some(Action::Faults { faults }) => numbered(faults, &phones),
            Some(Action::Store { trouble, call }) if trouble.is_of_a_phone_call() != call.is_some() => {
                let what = if call.is_some() { "goes with no call" } else { "needs a call" };
                f.wrong(&format!("when[{i}].store"), &format!("\"{}\" {what}", trouble.word()));
            }
            _ => {}
        }
    }
    let then = &keys.then;
    for (name, counts) in [("texts", &then.texts), ("answers", &then.answers), ("phone_calls", &then.phone_calls)] {
        for (who, _) in counts.iter().filter(|(who, _)| !phones.contains_key(who)) {
            f.wrong(
                &format!("then.{name}.{who}"),
                &format!("is no contact; expected one of {}", names(&phones).join(", ")),
            );
        }
    }
    keys.given.phones = phones;
}

fn names(phones: &BTreeMap<String, String>) -> Vec<&str> {
    phones.keys().map(String::as_str).collect()
}

/// The contacts that the file brings, else the drill's own.
fn phones(config: &Map<String, Value>) -> BTreeMap<String, String> {
    let own = || PEOPLE.iter().map(|(id, phone)| ((*id).to_owned(), (*phone).to_owned())).collect();
    let Some(Value::Array(list)) = config.get("contacts") else { return own() };
    let text = |contact: &Value, key: &str| contact.get(key).and_then(Value::as_str).map(str::to_owned);
    list.iter().filter_map(|contact| Some((text(contact, "id")?, text(contact, "phone")?))).collect()
}

/// The number of a contact, or a number as it is.
fn resolve(f: &mut File, key: &str, who: &mut String, phones: &BTreeMap<String, String>) {
    if let Some(phone) = phones.get(who) {
        who.clone_from(phone);
    } else if !who.starts_with('+') {
        let known = names(phones);
        let near = near(known.iter().copied(), who).map(|n| format!("; did you mean \"{n}\"?")).unwrap_or_default();
        let known: Vec<String> = known.iter().map(|n| format!("\"{n}\"")).collect();
        f.wrong(key, &format!("\"{who}\" is not one{near}; expected a contact ({}) or a number", known.join(", ")));
    }
}

/// Faults name numbers; a contact's name may stand for theirs.
fn numbered(faults: &mut [Fault], phones: &BTreeMap<String, String>) {
    for to in faults.iter_mut().filter_map(|fault| fault.to.as_mut()) {
        if let Some(phone) = phones.get(to) {
            to.clone_from(phone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<String> {
        scenario("x.toml", text).expect_err("something is wrong").0
    }

    const WELL: &str = "title = \"x\"\nfault = \"x\"\n[[when]]\ndispatch = \"c1\"\n";

    #[test]
    fn every_mistake_is_told_at_once_in_the_order_of_its_lines() {
        let text = r#"
titel = "x"
fault = 3
timeout = "soon"
[given]
pase = "30ms"
airtable_per_second = 0
sinks = ["well", "ill"]
env = { A = true }
listen = "nowhere"
faults = [ { kind = "refuze" }, { kind = "refuse", satus = 500 } ]
people = [ { contact = "smam" }, { contact = "sam", replies = [ { after_texts = 0, body = "1" }, { delay = 3 } ] } ]
[[when]]
wait = { call = "c1", attempt = "1", is = ["sent", "delivered"], within = "2s" }
[[when]]
wait = { calls = 3 }
[[when]]
kill_at = "nowhere"
[[when]]
guards_off = ["intent-comit"]
[[when]]
store = "stranded"
[[when]]
clock = "90"
[[when]]
settings = 3
[[when]]
forge = "https://elsewhere"
[[when]]
[then]
times = [ { attempt = 2, from = "later" } ]
crowd = { per_secnd = 1 }
"#;
        let want = [
            "x.toml:1: title: is missing; expected one sentence that says what must hold",
            "x.toml:2: titel: is not known here; did you mean `title`?; expected one of fault, given, slow, then, timeout, title, when",
            "x.toml:3: fault: is an integer; expected a text",
            "x.toml:4: timeout: \"soon\" is not one; expected a duration like \"300ms\", \"2s\" or \"1h30m\"",
            "x.toml:6: given.pase: is not known here; did you mean `pace`?; expected one of airtable_per_second, call_second, config,",
            "x.toml:7: given.airtable_per_second: 0 is out of range; expected an integer from 1 to 1000",
            "x.toml:8: given.sinks: \"ill\" is no sink; expected \"well\", \"dead\", \"hanging\" or \"slow\"",
            "x.toml:9: given.env: A is neither a text nor an integer",
            "x.toml:10: given.listen: invalid socket address syntax",
            "x.toml:11: given.faults[0].kind: \"refuze\" is not one; did you mean \"refuse\"?; expected one of \"refuse\",",
            "x.toml:11: given.faults[1].satus: is not known here; did you mean `status`?; expected one of at,",
            "x.toml:12: given.people[1].replies[0].after_texts: 0 is out of range; expected an integer from 1 to 1000",
            "x.toml:12: given.people[1].replies[1].delay: is an integer; expected a duration like",
            "x.toml:12: given.people[1].replies[1].body: is missing; expected what they write",
            "x.toml:12: given.people[0].contact: \"smam\" is not one; did you mean \"sam\"?; expected a contact (\"ana\", \"lee\", \"sam\")",
            "x.toml:14: when[0].wait.attempt: is a text; expected an integer from 0",
            "x.toml:14: when[0].wait.is: \"sent\" is no state of an attempt; expected \"scheduled\",",
            "x.toml:14: when[0].wait.within: is not known here; expected one of attempt, call, is",
            "x.toml:16: when[1].wait: names nothing to wait for; expected call with attempt and is,",
            "x.toml:18: when[2].kill_at: there is no kill point \"nowhere\"; there are: accept.before-commit,",
            "x.toml:20: when[3].guards_off: there is no guard \"intent-comit\"; there are: intent-commit,",
            "x.toml:22: when[4].store: \"stranded\" needs a call",
            "x.toml:24: when[5].clock: \"90\" is not one; did you mean \"+90s\"?; expected a step like \"+90s\" or \"-1h\"",
            "x.toml:26: when[6].settings: is neither keys as in dispatchctl.toml nor a line",
            "x.toml:28: when[7].forge: \"https://elsewhere\" is not one; expected a path of the engine",
            "x.toml:29: when[8]: has no action; expected exactly one of dispatch, wait,",
            "x.toml:31: then.times[0].from: \"later\" is not one; expected \"accepted\", \"restart\", \"thaw\" or \"attempt N\"",
            "x.toml:31: then.times[0].call: is missing; expected a call's id, like \"c1\"",
            "x.toml:32: then.crowd.per_secnd: is not known here; did you mean `per_second`?; expected one of came_to,",
        ];
        let found = wrong(text);
        for (i, want) in want.iter().enumerate() {
            let is = found.get(i).map_or("", String::as_str);
            assert!(is.starts_with(want), "wanted {want}\nfound  {is}\nof {found:#?}");
        }
        assert_eq!(found.len(), want.len(), "{found:#?}");
    }

    #[test]
    fn what_one_key_says_is_held_against_another() {
        for (text, want) in [
            ("[then]\ntexts = { bob = 1 }\n", "x.toml:6: then.texts.bob: is no contact; expected one of ana, lee, sam"),
            ("[then]\nmirror = \"equal\"\n", "x.toml:6: then.mirror: is expected, and no base is given"),
            ("[then]\nmirror_within = \"1s\"\n", "x.toml:6: then.mirror_within: goes with mirror"),
            ("[[when]]\nstore = \"newer\"\ncall = \"c1\"\n", "x.toml:6: when[1].store: \"newer\" goes with no call"),
            ("[[when]]\ndispatch = \" \"\n", "x.toml:6: when[1].dispatch: is empty"),
            ("[[when]]\nreply = \"1\"\n", "x.toml:5: when[1].from: is missing; expected a contact, or a number"),
            ("[[when]]\nrun = [\"a\", 3]\n", "x.toml:6: when[1].run[1]: is an integer; expected a text"),
            (
                "[[when]]\ndispatch = \"c1\"\nanswer = \"201\"\n",
                "x.toml:7: when[1].answer: is a text; expected an integer",
            ),
            ("[then.texts]\nsam = -1\n", "x.toml:6: then.texts.sam: is -1; expected an integer from 0"),
            ("[given]\nconfig = 3\n", "x.toml:6: given.config: is an integer; expected a table of keys"),
            ("[then]\nalerts = [\"a\", [\"b\"]]\n", "x.toml:6: then.alerts[1]: is a list; expected a text"),
            ("[when]\n", "x.toml:5: not valid TOML: "),
        ] {
            let found = wrong(&format!("{WELL}{text}"));
            assert!(matches!(found.as_slice(), [one] if one.starts_with(want)), "{text}: {found:#?}");
        }
        assert!(
            wrong("title = \"x\"\nfault = \"x\"\n")[0].starts_with("x.toml:1: when: is missing; expected at least one")
        );
    }

    #[test]
    fn names_stand_for_numbers() {
        let text = "[given]\nfaults = [ { kind = \"refuse\", to = \"sam\" } ]\n[[given.people]]\ncontact = \"ana\"\n[[when]]\nreply = \"1\"\nfrom = \"+19495550100\"\n";
        let read = scenario("x.toml", &format!("{WELL}{text}")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(read.given.faults[0].to.as_deref(), Some("+19495550101"));
        assert_eq!(read.given.people[0].phone, "+19495550102");
        assert!(matches!(&read.when[1].action, Action::Reply { from, .. } if from == "+19495550100"));
        assert_eq!(read.when[1].line, 9);
    }
}
