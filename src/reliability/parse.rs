//! From a scenario file's text to a checked [`Scenario`]; every mistake is told with its line, its key and what is allowed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::killpoint::Orders;
use crate::sandbox::{Fault, Reply};

use super::crowd;
use super::mirror::parse as mirror;
use super::reader::{Node, Reader, ScenarioErrors, Section, Toml};
use super::scenario::{
    Action, CallThen, Condition, Dispatch, Edit, From, Given, RowThen, Scenario, Signal, Step, Then, TimeThen,
};
use super::sinks;
use super::store_trouble;

/// The longest that a single thing is waited for where a file says nothing else.
const WITHIN: Duration = Duration::from_secs(15);
/// The longest that a scenario may take where its file says nothing else.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Between two statuses of a message where a file says nothing else.
const PACE: Duration = Duration::from_millis(30);
/// The contacts of the drill's own settings.
pub(super) const PEOPLE: [(&str, &str); 3] =
    [("sam", "+19495550101"), ("ana", "+19495550102"), ("lee", "+19495550103")];

pub(super) const CALL: &str = "a call's id, like \"c1\"";
const STATES: [&str; 9] =
    ["scheduled", "sending", "submitted", "delivered", "failed", "retrying", "unknown", "skipped", "cancelled"];
const STATE: &str = "\"scheduled\", \"sending\", \"submitted\", \"delivered\", \"failed\", \"retrying\", \"unknown\", \"skipped\" or \"cancelled\"";
const STATUS: &str = "\"DISPATCHING\", \"ACKNOWLEDGED\", \"RESOLVED\", \"CANCELLED\" or \"EXHAUSTED\"";

/// Reads a scenario.
///
/// # Errors
/// Everything that is wrong, each with file, line, key and the accepted form.
pub(super) fn scenario(file: &str, text: &str) -> Result<Scenario, ScenarioErrors> {
    let (mut r, mut root) = Reader::open(file, text)?;
    let name = Path::new(file).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let title = r.needed(&mut root, "title", "one sentence that says what must hold");
    let fault = r.needed(&mut root, "fault", "a few words that name what goes wrong");
    let slow = r.boolean(&mut root, "slow").unwrap_or(false);
    let timeout = r.duration(&mut root, "timeout").unwrap_or(TIMEOUT);
    let given = given(&mut r, &mut root);
    if !root.has("when") {
        r.wrong(1, "when", "is missing", "at least one [[when]] with an action");
    }
    let when = r.sections(&mut root, "when").into_iter().filter_map(|s| step(&mut r, s, &given)).collect();
    let then = then(&mut r, &mut root, &given);
    r.finish(root);
    r.close(Scenario {
        by: file.to_owned(),
        name,
        file: file.to_owned(),
        title,
        fault,
        slow,
        timeout,
        given,
        when,
        then,
    })
}

fn given(r: &mut Reader, root: &mut Section) -> Given {
    let empty = || Section::new("given", 1, BTreeMap::new());
    let mut s = r.section(root, "given").unwrap_or_else(empty);
    let config = keys(r, &mut s, "config").unwrap_or_default();
    let mut given = Given {
        phones: phones(&config),
        config,
        pace: r.duration(&mut s, "pace").unwrap_or(PACE),
        engine: r.boolean(&mut s, "engine").unwrap_or(true),
        airtable_per_second: r.integer(&mut s, "airtable_per_second", 1..=1_000).and_then(|n| u64::try_from(n).ok()),
        listen: r.parsed(&mut s, "listen", "an address and a port, like 127.0.0.1:3999", |t| t.parse().ok()),
        env: r.words(&mut s, "env").unwrap_or_default(),
        sink: r.boolean(&mut s, "sink").unwrap_or(false),
        sinks: sinks::given(r, &mut s),
        summer_in: r.duration(&mut s, "summer_in"),
        ..Given::default()
    };
    for mut p in r.sections(&mut s, "people") {
        let who = contact(r, &mut p, "contact", &given);
        let mut script = Vec::new();
        for mut reply in r.sections(&mut p, "replies") {
            let after = r.integer(&mut reply, "after_texts", 1..=1_000).unwrap_or(1);
            let delay = r.duration(&mut reply, "delay").unwrap_or_default();
            script.push(Reply {
                after_texts: u32::try_from(after).unwrap_or(1),
                delay_ms: u64::try_from(delay.as_millis()).unwrap_or(0),
                body: r.needed(&mut reply, "body", "what they write"),
            });
            r.finish(reply);
        }
        r.finish(p);
        given.people.push((who, script));
    }
    given.faults = faults(r, &mut s, &given);
    r.finish(s);
    given
}

const KEYS: &str = "keys as in dispatchctl.toml";

/// Keys of a configuration file.
fn keys(r: &mut Reader, s: &mut Section, name: &str) -> Option<BTreeMap<String, Node>> {
    match r.any(s, name)? {
        Node { value: Toml::Table(t), .. } => Some(t),
        n => {
            r.wrong(n.line, &format!("{}.{name}", s.path), "is no table", KEYS);
            None
        }
    }
}

fn edit(r: &mut Reader, s: &mut Section) -> Option<Action> {
    match r.any(s, "settings")? {
        Node { value: Toml::Table(t), .. } => Some(Action::Edit(Edit::Keys(t))),
        Node { value: Toml::Text(line), .. } => Some(Action::Edit(Edit::Line(line))),
        n => {
            r.wrong(
                n.line,
                &format!("{}.settings", s.path),
                "is neither a table nor a text",
                &format!("{KEYS}, or a line"),
            );
            None
        }
    }
}

/// The contacts that the file brings, else the drill's own.
fn phones(config: &BTreeMap<String, Node>) -> BTreeMap<String, String> {
    let own = || PEOPLE.iter().map(|(id, phone)| ((*id).to_owned(), (*phone).to_owned())).collect();
    let Some(Node { value: Toml::List(list), .. }) = config.get("contacts") else { return own() };
    let text = |n: &Node, key: &str| n.json().get(key).and_then(Value::as_str).map(str::to_owned);
    list.iter().filter_map(|n| Some((text(n, "id")?, text(n, "phone")?))).collect()
}

/// The number of a contact, or a number as it is.
fn contact(r: &mut Reader, s: &mut Section, name: &str, given: &Given) -> String {
    let known: Vec<String> = given.phones.keys().map(|k| format!("\"{k}\"")).collect();
    let form = format!("a contact ({}) or a number", known.join(", "));
    if !s.has(name) {
        return r.needed(s, name, &form);
    }
    let find = |t: &str| given.phones.get(t).cloned().or_else(|| t.starts_with('+').then(|| t.to_owned()));
    r.parsed(s, name, &form, find).unwrap_or_default()
}

/// Faults as `POST /_sandbox/faults` takes them, where a contact's name may stand for their number.
fn faults(r: &mut Reader, s: &mut Section, given: &Given) -> Vec<Fault> {
    let path = s.path.clone();
    let Some(node) = r.any(s, "faults") else { return Vec::new() };
    let Toml::List(items) = node.value else {
        r.wrong(node.line, &format!("{path}.faults"), "is no list", "[ { kind = \"refuse\", ... } ]");
        return Vec::new();
    };
    let mut out = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let mut fault = item.json();
        if let Some(to) = fault.get_mut("to") {
            let phone = to.as_str().and_then(|t| given.phones.get(t)).cloned();
            if let Some(phone) = phone {
                *to = Value::from(phone);
            }
        }
        match serde_json::from_value::<Fault>(fault) {
            Ok(fault) => out.push(fault),
            Err(e) => r.wrong(item.line, &format!("{path}.faults[{i}]"), &e.to_string(), ""),
        }
    }
    out
}

/// The keys of which each `[[when]]` has exactly one.
const ACTIONS: [&str; 25] = [
    "dispatch",
    "wait",
    "pause",
    "until",
    "reply",
    "kill",
    "stop",
    "freeze",
    "thaw",
    "reload",
    "start",
    "run",
    "end",
    "faults",
    "clear_faults",
    "forge",
    "request",
    "clock",
    "provider_clock",
    "kill_at",
    "guards_off",
    "store",
    "airtable",
    "disk",
    "settings",
];

fn step(r: &mut Reader, mut s: Section, given: &Given) -> Option<Step> {
    let line = s.line;
    let named: Vec<&str> = ACTIONS.iter().copied().filter(|a| s.has(a)).collect();
    let &[name] = named.as_slice() else {
        let what = if named.is_empty() { "has no action".to_owned() } else { format!("has {}", named.join(" and ")) };
        r.wrong(line, &s.path, &what, &format!("exactly one of {}", ACTIONS.join(", ")));
        return None;
    };
    let action = match name {
        "dispatch" => Some(dispatch(r, &mut s)),
        "wait" => wait(r, &mut s),
        "pause" => r.duration(&mut s, "pause").map(Action::Pause),
        "until" => until(r, &mut s),
        "reply" => Some(Action::Reply {
            body: r.needed(
                &mut s,
                "reply",
                "what they write; {ref} is the reference in their newest text, {reference c1 1} that of an attempt",
            ),
            from: contact(r, &mut s, "from", given),
            again: r.boolean(&mut s, "again").unwrap_or(false),
            if_possible: r.boolean(&mut s, "if_possible").unwrap_or(false),
            answer: r.integer(&mut s, "answer", 200..=599),
        }),
        "kill" => kill(r, &mut s),
        "stop" => engine(r, &mut s, name, Action::Signal(Signal::Stop)),
        "freeze" => engine(r, &mut s, name, Action::Signal(Signal::Freeze)),
        "thaw" => engine(r, &mut s, name, Action::Signal(Signal::Thaw)),
        "reload" => engine(r, &mut s, name, Action::Signal(Signal::Reload)),
        "start" => start(r, &mut s),
        "run" => Some(Action::Run {
            args: r.texts(&mut s, "run", "the program's arguments, like [\"ack\", \"c1\"]").unwrap_or_default(),
            exit: exit(r, &mut s),
            says: r.texts(&mut s, "says", "words that it prints").unwrap_or_default(),
            beside: r.text(&mut s, "beside", "a name, by which `end` waits for it"),
            unchanged: r.boolean(&mut s, "unchanged").unwrap_or(false),
            config: keys(r, &mut s, "config"),
        }),
        "end" => Some(Action::End {
            name: r.needed(&mut s, "end", "the name of what was started beside"),
            exit: exit(r, &mut s),
            says: r.texts(&mut s, "says", "words that it printed").unwrap_or_default(),
        }),
        "faults" => Some(Action::Faults(faults(r, &mut s, given))),
        "clear_faults" => r.boolean(&mut s, "clear_faults").map(|_| Action::ClearFaults),
        "forge" => Some(Action::Forge {
            path: path(r, &mut s, "forge", "a path of the engine; {attempt c1 1} and {sid c1 1} are filled in"),
            form: r.words(&mut s, "form").unwrap_or_default(),
            signed: r.boolean(&mut s, "signed").unwrap_or(false),
            signature: r.text(&mut s, "signature", "the header as it is sent"),
            answer: r.integer(&mut s, "answer", 200..=599),
        }),
        "request" => Some(Action::Request {
            path: path(r, &mut s, "request", "a path of the engine, like \"/health\""),
            method: r.text(&mut s, "method", "\"GET\" or \"POST\"").unwrap_or_else(|| "GET".into()),
            body: r.text(&mut s, "body", "what is sent"),
            kind: r.text(&mut s, "type", "a content type").unwrap_or_else(|| "application/json".into()),
            answers: r.integers(&mut s, "answer", "HTTP statuses").unwrap_or_default(),
        }),
        "clock" => apart(r, &mut s, name).map(Action::Clock),
        "provider_clock" => apart(r, &mut s, name).map(Action::ProviderClock),
        "kill_at" => point(r, &mut s, name).map(Action::Arm),
        "guards_off" => guards(r, &mut s).map(Action::GuardsOff),
        "airtable" => mirror::by_hand(r, &mut s),
        "disk" => mirror::disk(r, &mut s),
        "settings" => edit(r, &mut s),
        _ => store_trouble::read(r, &mut s).map(Action::Store),
    };
    r.finish(s);
    action.map(|action| Step { line, action })
}

/// How far a clock is set apart from the machine's, in milliseconds.
fn apart(r: &mut Reader, s: &mut Section, name: &str) -> Option<i64> {
    const FORM: &str = "a step like \"+90s\" or \"-1h\", counted from the true time; \"0s\" ends it";
    r.parsed(s, name, FORM, |t| {
        let (sign, rest) = t.strip_prefix('-').map_or((1, t.strip_prefix('+').unwrap_or(t)), |r| (-1, r));
        let ms = i64::try_from(crate::config::duration(rest).ok()?.as_millis()).ok()?;
        Some(sign * ms)
    })
}

/// A path, and nothing that would lead to another host.
fn path(r: &mut Reader, s: &mut Section, name: &str, form: &str) -> String {
    r.parsed(s, name, form, |t| t.starts_with('/').then(|| t.to_owned())).unwrap_or_default()
}

const POINT: &str = "a kill point, as name or name:nth, like \"intent.committed\"";

fn point(r: &mut Reader, s: &mut Section, name: &str) -> Option<String> {
    const NO_GUARDS: Option<[&str; 0]> = None;
    let (line, key) = (s.line, format!("{}.{name}", s.path));
    let text = r.text(s, name, POINT)?;
    match Orders::parse(Some(&text), NO_GUARDS) {
        Ok(_) => Some(text),
        Err(e) => {
            r.wrong(line, &key, &e.to_string(), "");
            None
        }
    }
}

fn guards(r: &mut Reader, s: &mut Section) -> Option<Vec<String>> {
    let (line, key) = (s.line, format!("{}.guards_off", s.path));
    let all = r.texts(s, "guards_off", "names of guards, [] to put all back")?;
    if let Err(e) = Orders::parse(None, Some(all.iter().map(String::as_str))) {
        r.wrong(line, &key, &e.to_string(), "");
        return None;
    }
    Some(all)
}

fn kill(r: &mut Reader, s: &mut Section) -> Option<Action> {
    if !s.has("at") {
        return engine(r, s, "kill", Action::Signal(Signal::Kill));
    }
    let at = point(r, s, "at");
    let within = r.duration(s, "within").unwrap_or(WITHIN);
    engine(r, s, "kill", Action::KillAt(at?, within))
}

fn start(r: &mut Reader, s: &mut Section) -> Option<Action> {
    if !s.has("dies_at") {
        return engine(r, s, "start", Action::Start);
    }
    let sure = !r.boolean(s, "if_possible").unwrap_or(false);
    let point = point(r, s, "dies_at");
    engine(r, s, "start", Action::StartDying { point: point?, sure })
}

/// There is one engine; what else runs was started beside.
fn engine(r: &mut Reader, s: &mut Section, name: &str, action: Action) -> Option<Action> {
    r.parsed(s, name, "\"engine\"", |t| (t == "engine").then_some(action))
}

fn exit(r: &mut Reader, s: &mut Section) -> Option<i32> {
    r.integer(s, "exit", -1..=255).and_then(|i| i32::try_from(i).ok())
}

fn dispatch(r: &mut Reader, s: &mut Section) -> Action {
    Action::Dispatch(Dispatch {
        call: r.needed(s, "dispatch", CALL),
        level: r.text(s, "level", "a policy's name").unwrap_or_else(|| "normal".into()),
        data: r.words(s, "data").unwrap_or_default(),
        answers: r.integers(s, "answer", "HTTP statuses, like [201, 202]").unwrap_or_default(),
        beside: r.boolean(s, "beside").unwrap_or(false),
        times: r.integer(s, "times", 1..=10_000).and_then(|n| usize::try_from(n).ok()).unwrap_or(1),
        clients: r.integer(s, "clients", 1..=64).and_then(|n| usize::try_from(n).ok()).unwrap_or(1),
        under: r.text(s, "under", "what goes wrong around them: their row in the report"),
    })
}

fn until(r: &mut Reader, s: &mut Section) -> Option<Action> {
    let mut u = r.section(s, "until")?;
    let action =
        Action::Until { call: r.needed(&mut u, "call", CALL), after: r.duration(&mut u, "after").unwrap_or_default() };
    r.finish(u);
    Some(action)
}

fn states(r: &mut Reader, s: &mut Section, name: &str) -> Vec<String> {
    let (line, path) = (s.line, s.path.clone());
    let list = r.texts(s, name, STATE).unwrap_or_default();
    for state in list.iter().filter(|t| !STATES.contains(&t.as_str())) {
        r.wrong(line, &format!("{path}.{name}"), &format!("\"{state}\" is no state of an attempt"), STATE);
    }
    list
}

const CONDITIONS: &str = "call with attempt and is, call with status, call with log, creates, texts, says, alert, no_alert, callback, all_attempts, page, told, rest, died_at, ended or mirror, or a call's row";

fn wait(r: &mut Reader, s: &mut Section) -> Option<Action> {
    let within = r.duration(s, "within").unwrap_or(WITHIN);
    let mut w = r.section(s, "wait")?;
    let line = w.line;
    let condition = if w.has("call") {
        let call = r.needed(&mut w, "call", CALL);
        if w.has("status") {
            let status = r.parsed(&mut w, "status", STATUS, |t| STATUS.contains(t).then(|| t.to_owned()));
            Some(Condition::Status { call, status: status.unwrap_or_default() })
        } else if w.has("log") {
            let kind = r.needed(&mut w, "log", "a kind of log entry, like \"attempt.unknown\"");
            Some(Condition::Log { call, kind, times: r.count(&mut w, "times").unwrap_or(1) })
        } else if w.has("row") {
            Some(mirror::row(r, &mut w, call))
        } else {
            let attempt = r.count(&mut w, "attempt").unwrap_or(1);
            let states = states(r, &mut w, "is");
            (!states.is_empty()).then_some(Condition::Attempt { call, attempt, states })
        }
    } else if w.has("all_attempts") {
        let states = states(r, &mut w, "all_attempts");
        Some(Condition::AllAttempts { states, calls: r.count(&mut w, "calls").unwrap_or(1) })
    } else if w.has("creates") {
        r.count(&mut w, "creates").map(|n| Condition::Creates(u64::try_from(n).unwrap_or(0)))
    } else if w.has("texts") {
        r.count(&mut w, "texts").map(Condition::Texts)
    } else if w.has("says") {
        let who = r.text(&mut w, "who", "the name of what was started beside");
        Some(Condition::Says { words: r.needed(&mut w, "says", "words in its log"), who })
    } else if w.has("alert") {
        r.text(&mut w, "alert", "an alert's key; * stands for anything").map(Condition::Alert)
    } else if w.has("no_alert") {
        r.text(&mut w, "no_alert", "an alert's key; * stands for anything").map(Condition::NoAlert)
    } else if w.has("callback") {
        let status = r.needed(&mut w, "callback", "a message's status, like \"delivered\"");
        Some(Condition::Callback { status, times: r.count(&mut w, "times").unwrap_or(1) })
    } else if w.has("page") {
        let path = r.needed(&mut w, "page", "a path of the engine, like \"/health\"");
        Some(Condition::Page { path, answer: r.integer(&mut w, "answer", 200..=599).unwrap_or(200) })
    } else if w.has("told") {
        let key = r.needed(&mut w, "told", "an alert's key; * stands for anything");
        let state = r.parsed(&mut w, "is", "\"raised\" or \"resolved\"", |t| {
            ["raised", "resolved"].contains(&t).then(|| t.to_owned())
        });
        let by = sinks::name(r, &mut w, "by");
        let times = r.count(&mut w, "times").unwrap_or(1);
        Some(Condition::Told { key, state: state.unwrap_or_default(), by, times })
    } else if w.has("rest") {
        r.boolean(&mut w, "rest").map(|_| Condition::Rest)
    } else if w.has("died_at") {
        point(r, &mut w, "died_at").map(Condition::DiedAt)
    } else if w.has("mirror") {
        mirror::equal(r, &mut w).map(|()| Condition::Mirror)
    } else if w.has("ended") {
        r.boolean(&mut w, "ended").map(|_| Condition::Ended)
    } else {
        None
    };
    if condition.is_none() {
        r.wrong(line, &w.path, "names nothing to wait for", CONDITIONS);
        return None;
    }
    r.finish(w);
    condition.map(|c| Action::Wait(c, within))
}

fn then(r: &mut Reader, root: &mut Section, given: &Given) -> Then {
    let Some(mut s) = r.section(root, "then") else { return Then::default() };
    let by_contact = |r: &mut Reader, s: &mut Section, name: &str| {
        let counts = r.counts(s, name).unwrap_or_default();
        for (who, _) in counts.iter().filter(|(who, _)| !given.phones.contains_key(who)) {
            let known: Vec<&str> = given.phones.keys().map(String::as_str).collect();
            r.wrong(s.line, &format!("then.{name}.{who}"), "is no contact", &format!("one of {}", known.join(", ")));
        }
        counts
    };
    let mut then = Then {
        texts: by_contact(r, &mut s, "texts"),
        answers: by_contact(r, &mut s, "answers"),
        order: r.texts(&mut s, "order", "contacts, like [\"sam\", \"ana\"]"),
        creates: r.count(&mut s, "creates").and_then(|n| u64::try_from(n).ok()),
        alerts: r.texts(&mut s, "alerts", "keys of alerts, where * stands for anything"),
        says: r.texts(&mut s, "says", "words in the engine's log").unwrap_or_default(),
        never_says: r.texts(&mut s, "never_says", "words that are not in the engine's log").unwrap_or_default(),
        call_count: r.count(&mut s, "call_count"),
        unknown: r.count(&mut s, "unknown"),
        health: r.counts(&mut s, "health").unwrap_or_default(),
        mirror: mirror::whole(r, &mut s, given),
        airtable_429s_max: r.count(&mut s, "airtable_429s_max"),
        found_out: r.boolean(&mut s, "found_out").unwrap_or(false),
        restless: r.boolean(&mut s, "restless").unwrap_or(false),
        swept: r.boolean(&mut s, "swept").unwrap_or(false),
        crowd: crowd::read(r, &mut s),
        ..Then::default()
    };
    for (id, mut c) in r.named_sections(&mut s, "calls") {
        then.calls.push((id, call_then(r, &mut c)));
        r.finish(c);
    }
    for mut t in r.sections(&mut s, "sinks") {
        then.sinks.push(sinks::then(r, &mut t));
        r.finish(t);
    }
    for mut t in r.sections(&mut s, "times") {
        then.times.push(time_then(r, &mut t));
        r.finish(t);
    }
    for mut a in r.sections(&mut s, "airtable") {
        let fields = r.words(&mut a, "fields").unwrap_or_default();
        then.airtable.push(RowThen {
            call: r.needed(&mut a, "call", CALL),
            attempt: r.count(&mut a, "attempt"),
            fields: fields.into_iter().map(|(k, v)| (k, Value::from(v))).collect(),
        });
        r.finish(a);
    }
    r.finish(s);
    then
}

fn call_then(r: &mut Reader, c: &mut Section) -> CallThen {
    let (line, path) = (c.line, c.path.clone());
    let attempts = r.texts(c, "attempts", "states, one an attempt; a|b allows either");
    for state in attempts.iter().flatten().flat_map(|t| t.split('|')).filter(|t| !STATES.contains(t)) {
        r.wrong(line, &format!("{path}.attempts"), &format!("\"{state}\" is no state of an attempt"), STATE);
    }
    CallThen {
        status: r.parsed(c, "status", STATUS, |t| STATUS.contains(t).then(|| t.to_owned())),
        holder: r.text(c, "holder", "a contact"),
        round: r.integer(c, "round", 1..=1_000),
        attempts,
        contacts: r.texts(c, "contacts", "contacts, one an attempt"),
        kinds: r.texts(c, "kinds", "\"notice\", \"stand-down\" or \"answer\", one an attempt"),
        senders: r.texts(c, "senders", "senders, one an attempt"),
        codes: r.integers(c, "codes", "error codes, one an attempt; 0 for none"),
        statuses: r.texts(c, "statuses", "the provider's words, one an attempt"),
        log: r.counts(c, "log").unwrap_or_default(),
        says: r.texts(c, "says", "words in the call's log").unwrap_or_default(),
    }
}

fn time_then(r: &mut Reader, t: &mut Section) -> TimeThen {
    let form = "\"accepted\", \"restart\", \"thaw\" or \"attempt N\"";
    let from = |text: &str| match text {
        "accepted" => Some(From::Accepted),
        "restart" => Some(From::Restart),
        "thaw" => Some(From::Thaw),
        _ => text.strip_prefix("attempt ").and_then(|n| n.parse().ok()).map(From::Attempt),
    };
    TimeThen {
        call: r.needed(t, "call", CALL),
        attempt: r.count(t, "attempt").unwrap_or(1),
        from: if t.has("from") { r.parsed(t, "from", form, from).unwrap_or(From::Accepted) } else { From::Accepted },
        after: r.duration(t, "after").unwrap_or_default(),
        within: r.duration(t, "within").unwrap_or(Duration::from_secs(1)),
    }
}
