//! What happens in a scenario: one `[[when]]` each. The key that names the action stands among those that say more of it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::sandbox::Fault;

use super::condition::Condition;
use super::store_words::StoreTrouble;
use super::values;

/// The longest that a single thing is waited for where a file says nothing else.
const WITHIN: Duration = Duration::from_secs(15);

/// What happens.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Action {
    /// A call is handed to the engine by its API.
    Dispatch(Dispatch),
    /// Until something is so.
    Wait {
        wait: Condition,
        #[serde(default = "within", deserialize_with = "values::duration")]
        within: Duration,
    },
    /// Nothing, for so long.
    Pause {
        #[serde(deserialize_with = "values::duration")]
        pause: Duration,
    },
    /// Until so long after a call was accepted.
    Until { until: UntilState },
    /// Somebody texts; `from` is their number once the file is read.
    Reply {
        #[serde(rename = "reply", deserialize_with = "values::text")]
        body: String,
        #[serde(deserialize_with = "values::text")]
        from: String,
        #[serde(default)]
        again: bool,
        #[serde(default, deserialize_with = "values::some_int::<_, 200, 599, _>")]
        answer: Option<i64>,
        #[serde(default)]
        if_possible: bool,
    },
    /// The engine is killed: at this point, or where it is when it has not come to it in time.
    Kill {
        #[serde(rename = "kill", deserialize_with = "values::engine")]
        _engine: (),
        #[serde(default, deserialize_with = "values::some_point")]
        at: Option<String>,
        #[serde(default = "within", deserialize_with = "values::duration")]
        within: Duration,
    },
    /// SIGTERM, and its end is waited for.
    Stop {
        #[serde(rename = "stop", deserialize_with = "values::engine")]
        _engine: (),
    },
    /// SIGSTOP.
    Freeze {
        #[serde(rename = "freeze", deserialize_with = "values::engine")]
        _engine: (),
    },
    /// SIGCONT.
    Thaw {
        #[serde(rename = "thaw", deserialize_with = "values::engine")]
        _engine: (),
    },
    /// SIGHUP.
    Reload {
        #[serde(rename = "reload", deserialize_with = "values::engine")]
        _engine: (),
    },
    /// The engine is started, and answers; or dies at this point of its start, to which it may not come where that is said.
    Start {
        #[serde(rename = "start", deserialize_with = "values::engine")]
        _engine: (),
        #[serde(default, deserialize_with = "values::some_point")]
        dies_at: Option<String>,
        #[serde(default)]
        if_possible: bool,
    },
    /// A command of the program beside the engine; `config`: in a shell of its own, with this file alone.
    Run {
        #[serde(rename = "run", deserialize_with = "values::many")]
        args: Vec<String>,
        #[serde(default, deserialize_with = "values::some_int::<_, -1, 255, _>")]
        exit: Option<i32>,
        #[serde(default, deserialize_with = "values::many")]
        says: Vec<String>,
        #[serde(default, deserialize_with = "values::some_text")]
        beside: Option<String>,
        #[serde(default)]
        unchanged: bool,
        config: Option<Map<String, Value>>,
    },
    /// A command that was started beside ends.
    End {
        #[serde(rename = "end", deserialize_with = "values::text")]
        name: String,
        #[serde(default, deserialize_with = "values::some_int::<_, -1, 255, _>")]
        exit: Option<i32>,
        #[serde(default, deserialize_with = "values::many")]
        says: Vec<String>,
    },
    /// Things go wrong from now on.
    Faults {
        #[serde(deserialize_with = "values::items")]
        faults: Vec<Fault>,
    },
    /// What the relay of mails does with the next so many, or with all from now on.
    Relay {
        #[serde(rename = "relay", deserialize_with = "values::text")]
        does: String,
        #[serde(default, deserialize_with = "values::some_int::<_, 1, 1_000, _>")]
        times: Option<u64>,
    },
    /// The link of the newest mail to somebody is opened, or its button is pressed.
    Link {
        #[serde(rename = "link", deserialize_with = "values::text")]
        method: String,
        #[serde(deserialize_with = "values::text")]
        of: String,
        #[serde(default, deserialize_with = "values::some_int::<_, 200, 599, _>")]
        answer: Option<i64>,
        #[serde(default, deserialize_with = "values::many")]
        says: Vec<String>,
    },
    /// A key is pressed in the phone call that somebody is in.
    Press {
        #[serde(rename = "press", deserialize_with = "values::text")]
        digits: String,
        #[serde(deserialize_with = "values::text")]
        from: String,
        #[serde(default)]
        forged: bool,
        #[serde(default)]
        twice: bool,
    },
    /// Somebody hangs up.
    HangUp {
        #[serde(rename = "hang_up", deserialize_with = "values::text")]
        who: String,
    },
    /// And no more.
    ClearFaults {
        #[serde(rename = "clear_faults")]
        _yes: bool,
    },
    /// A callback that the provider did not make, or not now.
    Forge {
        #[serde(rename = "forge", deserialize_with = "values::path")]
        path: String,
        #[serde(default, deserialize_with = "values::words")]
        form: Vec<(String, String)>,
        #[serde(default)]
        signed: bool,
        #[serde(default, deserialize_with = "values::some_text")]
        signature: Option<String>,
        #[serde(default, deserialize_with = "values::some_int::<_, 200, 599, _>")]
        answer: Option<i64>,
    },
    /// A request to the engine.
    Request {
        #[serde(rename = "request", deserialize_with = "values::path")]
        path: String,
        #[serde(default = "get", deserialize_with = "values::text")]
        method: String,
        #[serde(default, deserialize_with = "values::some_text")]
        body: Option<String>,
        #[serde(default = "json", rename = "type", deserialize_with = "values::text")]
        kind: String,
        #[serde(default, rename = "answer", deserialize_with = "values::many")]
        answers: Vec<i64>,
    },
    /// The engine's clocks are set apart from the machine's by so much, in milliseconds.
    Clock {
        #[serde(rename = "clock", deserialize_with = "values::apart")]
        ms: i64,
    },
    /// The provider's clock is set apart from the machine's by so much, in milliseconds.
    ProviderClock {
        #[serde(rename = "provider_clock", deserialize_with = "values::apart")]
        ms: i64,
    },
    /// The engine dies at this point (`name` or `name:nth`): the one that runs, else the next.
    KillAt {
        #[serde(rename = "kill_at", deserialize_with = "values::point")]
        point: String,
    },
    /// These guards are taken away and the others put back, in the running engine and in all that follow.
    GuardsOff {
        #[serde(rename = "guards_off", deserialize_with = "values::guards")]
        guards: Vec<String>,
    },
    /// Something happens to the store, or to what it has of a call.
    Store {
        #[serde(rename = "store")]
        trouble: StoreTrouble,
        #[serde(default, deserialize_with = "values::some_text")]
        call: Option<String>,
    },
    /// Somebody does something to the shop's base by hand; `{row c1 1}`, `{attempt c1 1}` and their kin are filled in.
    Airtable {
        #[serde(rename = "airtable", deserialize_with = "values::by_hand")]
        action: Value,
    },
    /// A voice agents' platform posts a report, or lists a phone call, or refuses its list: see [`crate::sandbox`].
    Agent {
        #[serde(rename = "agent")]
        what: Map<String, Value>,
        /// HTTP statuses of the answers that are fine; empty: 200 to 299.
        #[serde(default, rename = "answer", deserialize_with = "values::many")]
        answers: Vec<i64>,
    },
    /// The disk with the store is gone, while no engine runs.
    Disk {
        #[serde(rename = "disk", deserialize_with = "values::lost")]
        _lost: (),
    },
    /// The engine's configuration file is edited; who has read it knows nothing of it yet.
    Settings {
        #[serde(rename = "settings")]
        edit: Edit,
    },
}

/// The keys of which each `[[when]]` has exactly one.
pub(super) const ACTIONS: [&str; 30] = [
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
    "relay",
    "link",
    "press",
    "hang_up",
    "clear_faults",
    "forge",
    "request",
    "clock",
    "provider_clock",
    "kill_at",
    "guards_off",
    "store",
    "airtable",
    "agent",
    "disk",
    "settings",
];

/// What becomes of the engine's configuration file.
#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "is neither keys as in dispatchctl.toml nor a line")]
pub(super) enum Edit {
    /// These keys are laid over what it says.
    Keys(Map<String, Value>),
    /// A line at its end.
    Line(String),
}

/// A time of a call.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UntilState {
    #[serde(deserialize_with = "values::text")]
    pub(super) call: String,
    #[serde(default, deserialize_with = "values::duration")]
    pub(super) after: Duration,
}

/// A call, or many.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dispatch {
    #[serde(rename = "dispatch", deserialize_with = "values::text")]
    pub(super) call: String,
    #[serde(default = "normal", deserialize_with = "values::text")]
    pub(super) level: String,
    #[serde(default, deserialize_with = "values::words")]
    pub(super) data: Vec<(String, String)>,
    /// HTTP statuses that are fine; empty: 201 or 202.
    #[serde(default, rename = "answer", deserialize_with = "values::many")]
    pub(super) answers: Vec<i64>,
    /// Without waiting for the answer.
    #[serde(default)]
    pub(super) beside: bool,
    /// How many: `c` becomes `c1`, `c2`...; 1: `c` itself.
    #[serde(default = "one", deserialize_with = "values::int::<_, 1, 10_000, _>")]
    pub(super) times: usize,
    /// At once by so many clients.
    #[serde(default = "one", deserialize_with = "values::int::<_, 1, 64, _>")]
    pub(super) clients: usize,
    /// What goes wrong around them, where a file says it call by call: their row in the report.
    #[serde(default, deserialize_with = "values::some_text")]
    pub(super) under: Option<String>,
}

const fn within() -> Duration {
    WITHIN
}

const fn one() -> usize {
    1
}

fn normal() -> String {
    "normal".to_owned()
}

fn get() -> String {
    "GET".to_owned()
}

fn json() -> String {
    "application/json".to_owned()
}
