//! What a scenario says: what is given, what happens when, and what must be true then.
//!
//! A file has one `title`, the `fault` that it plays (its row in the report), and three parts. `[given]`: `config` (as in
//! `dispatchctl.toml`, laid over the drill's own settings), `people` who reply and pick up by themselves, `faults` that are armed from
//! the start. `[[when]]`: one action after the other; among them `kill_at` (arms a kill point, in the engine that runs or else in
//! the next), `kill` with `at`, `start` with `dies_at`, `guards_off`, `clock` (ours), `provider_clock` (theirs), `airtable` (something done to the shop's base by
//! hand), `disk` (lost) and `settings` (the engine's own file is edited: keys that are laid over it, or a line at its end). `run` with a
//! `config` runs in another shell: a directory of its own with this file, laid over nothing; a secret is left out by a `_file` that is
//! not there. `[then]`: what is expected; `mirror = "equal"` holds all of Airtable against the store. Besides,
//! every scenario ends in the judge ([`super::check`]): nothing lost, nothing doubled, nothing unexpected.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::sandbox::{Fault, PhoneScript, Reply};

use super::action::Action;
use super::lines::Lines;
use super::then::Then;
use super::values;

/// A scenario, read and checked.
#[derive(Clone)]
pub struct Scenario {
    /// The file's stem.
    pub name: String,
    /// The file, for messages.
    pub(super) file: String,
    /// By which it is found again: its name where it is compiled in, else its file.
    pub(super) by: String,
    /// What it shows, in one sentence.
    pub title: String,
    /// What goes wrong in it: its row in the report.
    pub fault: String,
    /// It takes long and is started first.
    pub slow: bool,
    /// The longest that it may take in all.
    pub timeout: Duration,
    /// See [`Given`].
    pub(super) given: Given,
    /// One after the other.
    pub(super) when: Vec<Step>,
    /// See [`Then`].
    pub(super) then: Then,
    /// Where each key of the file stands.
    pub(super) lines: Lines,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).field("file", &self.file).finish_non_exhaustive()
    }
}

impl Scenario {
    /// How many calls it dispatches.
    pub(super) fn calls(&self) -> usize {
        let times = |s: &Step| if let Action::Dispatch(d) = &s.action { d.times } else { 0 };
        self.when.iter().map(times).sum()
    }

    /// Whether bytes are corrupted on their way: then a peer stands before the sandbox.
    pub(super) fn corrupts_the_wire(&self) -> bool {
        let later = self.when.iter().filter_map(|s| match &s.action {
            Action::Faults { faults } => Some(faults),
            _ => None,
        });
        later.chain([&self.given.faults]).flatten().any(|f| f.kind.is_wire())
    }
}

/// Before anything happens.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Given {
    /// Keys of `dispatchctl.toml`, laid over the drill's own.
    pub(super) config: Map<String, Value>,
    /// Between two statuses of a message.
    #[serde(deserialize_with = "values::duration")]
    pub(super) pace: Duration,
    /// How long a second of a phone call takes.
    #[serde(deserialize_with = "values::duration")]
    pub(super) call_second: Duration,
    /// How many requests a second Airtable allows; 5 where a file says nothing. A restart knows nothing of the requests before
    /// it, so an engine that dies often is shut out by the true limit most of the time.
    #[serde(deserialize_with = "values::some_int::<_, 1, 1_000, _>")]
    pub(super) airtable_per_second: Option<u64>,
    /// More of the engine's environment.
    #[serde(deserialize_with = "values::words")]
    pub(super) env: Vec<(String, String)>,
    /// A fixed place for the engine's listener; a free port otherwise.
    pub(super) listen: Option<SocketAddr>,
    /// Whether an engine runs from the start.
    pub(super) engine: bool,
    /// Why it is about a store in a file alone, and skipped where stores are on a server.
    #[serde(deserialize_with = "values::some_text")]
    pub(super) of_a_file: Option<String>,
    /// Whether a TCP peer stands before the sandbox where no fault corrupts bytes either: it sees which answers nobody took.
    pub(super) tcp_peer: bool,
    /// Whether alerts are told to the sandbox.
    pub(super) sink: bool,
    /// More sinks of alerts, by what they do: see [`super::sinks`].
    #[serde(deserialize_with = "values::sinks")]
    pub(super) sinks: Vec<String>,
    /// Whether the clocks of the place are put forward by an hour so long after the start: its summer time begins.
    #[serde(deserialize_with = "values::some_duration")]
    pub(super) summer_in: Option<Duration>,
    /// Who replies by themselves.
    pub(super) people: Vec<Person>,
    /// Armed from the start.
    #[serde(deserialize_with = "values::items")]
    pub(super) faults: Vec<Fault>,
    /// Contacts and their numbers.
    #[serde(skip)]
    pub(super) phones: BTreeMap<String, String>,
}

/// Between two statuses of a message where a file says nothing else.
const PACE: Duration = Duration::from_millis(30);

/// A second of a phone call where a file says nothing else: a ring time of 20 s passes in one.
const CALL_SECOND: Duration = Duration::from_millis(50);

impl Default for Given {
    fn default() -> Self {
        Self {
            config: Map::new(),
            pace: PACE,
            call_second: CALL_SECOND,
            airtable_per_second: None,
            env: Vec::new(),
            listen: None,
            engine: true,
            of_a_file: None,
            tcp_peer: false,
            sink: false,
            sinks: Vec::new(),
            summer_in: None,
            people: Vec::new(),
            faults: Vec::new(),
            phones: BTreeMap::new(),
        }
    }
}

/// Somebody who replies by themselves.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    /// Their name, or their number; the number once the file is read.
    #[serde(rename = "contact", deserialize_with = "values::text")]
    pub(super) phone: String,
    #[serde(default)]
    pub(super) replies: Vec<Script>,
    /// Who or what picks up their phone, in the sandbox's own keys.
    #[serde(default, deserialize_with = "values::items")]
    pub(super) calls: Vec<PhoneScript>,
}

/// A reply to a text of so many.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    #[serde(default = "first", deserialize_with = "values::int::<_, 1, 1_000, _>")]
    pub(super) after_texts: u32,
    #[serde(default, deserialize_with = "values::duration")]
    pub(super) delay: Duration,
    #[serde(deserialize_with = "values::text")]
    pub(super) body: String,
}

impl Script {
    /// As the sandbox takes it.
    pub(super) fn reply(&self) -> Reply {
        let delay_ms = u64::try_from(self.delay.as_millis()).unwrap_or(u64::MAX);
        Reply { after_texts: self.after_texts, delay_ms, body: self.body.clone() }
    }
}

const fn first() -> u32 {
    1
}

/// One thing that happens.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) action: Action,
}
