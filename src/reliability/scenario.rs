//! What a scenario says: what is given, what happens when, and what must be true then.
//!
//! A file has one `title`, the `fault` that it plays (its row in the report), and three parts. `[given]`: `config` (as in
//! `dispatchctl.toml`, laid over the drill's own settings), `people` who reply by themselves, `faults` that are armed from
//! the start. `[[when]]`: one action after the other; among them `kill_at` (arms a kill point, in the engine that runs or else in
//! the next), `kill` with `at`, `start` with `dies_at`, `guards_off`, `clock` (ours), `provider_clock` (theirs), `airtable` (something done to the shop's base by
//! hand), `disk` (lost) and `settings` (the engine's own file is edited: keys that are laid over it, or a line at its end). `run` with a
//! `config` runs in another shell: a directory of its own with this file, laid over nothing; a secret is left out by a `_file` that is
//! not there. `[then]`: what is expected; `mirror = "equal"` holds all of Airtable against the store. Besides,
//! every scenario ends in the judge ([`super::check`]): nothing lost, nothing doubled, nothing unexpected.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::sandbox::{Fault, Reply};

use super::crowd::CrowdThen;
use super::reader::Node;
use super::sinks::SinkThen;
use super::store_trouble::StoreTrouble;

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

    /// Whether bytes are spoiled on their way: then a peer stands before the sandbox.
    pub(super) fn spoils_the_wire(&self) -> bool {
        let later = self.when.iter().filter_map(|s| match &s.action {
            Action::Faults(faults) => Some(faults),
            _ => None,
        });
        later.chain([&self.given.faults]).flatten().any(|f| f.kind.is_wire())
    }
}

/// Before anything happens.
#[derive(Clone, Default)]
pub(super) struct Given {
    /// Keys of `dispatchctl.toml`, laid over the drill's own.
    pub(super) config: BTreeMap<String, Node>,
    /// Between two statuses of a message.
    pub(super) pace: Duration,
    /// How many requests a second Airtable allows; 5 where a file says nothing. A restart knows nothing of the requests before
    /// it, so an engine that dies often is shut out by the true limit most of the time.
    pub(super) airtable_per_second: Option<u64>,
    /// More of the engine's environment.
    pub(super) env: Vec<(String, String)>,
    /// A fixed place for the engine's listener; a free port otherwise.
    pub(super) listen: Option<SocketAddr>,
    /// Whether an engine runs from the start.
    pub(super) engine: bool,
    /// Whether alerts are told to the sandbox.
    pub(super) sink: bool,
    /// More sinks of alerts, by what they do: see [`super::sinks`].
    pub(super) sinks: Vec<String>,
    /// Whether the clocks of the place are put forward by an hour so long after the start: its summer time begins.
    pub(super) summer_in: Option<Duration>,
    /// Who replies by themselves.
    pub(super) people: Vec<(String, Vec<Reply>)>,
    /// Armed from the start.
    pub(super) faults: Vec<Fault>,
    /// Contacts and their numbers.
    pub(super) phones: BTreeMap<String, String>,
}

/// One thing that happens.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) action: Action,
}

/// What happens.
#[derive(Clone)]
pub(super) enum Action {
    /// A call is handed to the engine by its API.
    Dispatch(Dispatch),
    /// Until something is so.
    Wait(Condition, Duration),
    /// Nothing, for so long.
    Pause(Duration),
    /// Until so long after a call was accepted.
    Until { call: String, after: Duration },
    /// Somebody texts.
    Reply { from: String, body: String, again: bool, answer: Option<i64>, if_possible: bool },
    /// A signal to the engine.
    Signal(Signal),
    /// The engine is started, and answers.
    Start,
    /// A command of the program beside the engine; `config`: in a shell of its own, with this file alone.
    Run {
        args: Vec<String>,
        exit: Option<i32>,
        says: Vec<String>,
        beside: Option<String>,
        unchanged: bool,
        config: Option<BTreeMap<String, Node>>,
    },
    /// The engine's configuration file is edited; who has read it knows nothing of it yet.
    Edit(Edit),
    /// A command that was started beside ends.
    End { name: String, exit: Option<i32>, says: Vec<String> },
    /// Things go wrong from now on.
    Faults(Vec<Fault>),
    /// And no more.
    ClearFaults,
    /// A callback that the provider did not make, or not now.
    Forge { path: String, form: Vec<(String, String)>, signed: bool, signature: Option<String>, answer: Option<i64> },
    /// A request to the engine.
    Request { method: String, path: String, body: Option<String>, kind: String, answers: Vec<i64> },
    /// The engine's clocks are set apart from the machine's by so much, in milliseconds.
    Clock(i64),
    /// The provider's clock is set apart from the machine's by so much, in milliseconds.
    ProviderClock(i64),
    /// The engine dies at this point (`name` or `name:nth`): the one that runs, else the next.
    Arm(String),
    /// The engine is killed at this point, or where it is when it has not come to it in time.
    KillAt(String, Duration),
    /// The engine is started and dies at this point of its start; `sure`: else it may not come to it, and is killed.
    StartDying { point: String, sure: bool },
    /// These guards are taken away and the others put back, in the running engine and in all that follow.
    GuardsOff(Vec<String>),
    /// Something happens to the store.
    Store(StoreTrouble),
    /// Somebody does something to the shop's base by hand; `{row c1 1}`, `{attempt c1 1}` and their kin are filled in.
    ByHand(Value),
    /// The disk with the store is gone, while no engine runs.
    DiskLost,
}

/// What becomes of the engine's configuration file.
#[derive(Clone)]
pub(super) enum Edit {
    /// These keys are laid over what it says.
    Keys(BTreeMap<String, Node>),
    /// A line at its end.
    Line(String),
}

/// What the engine is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGKILL.
    Kill,
    /// SIGTERM, and its end is waited for.
    Stop,
    /// SIGSTOP.
    Freeze,
    /// SIGCONT.
    Thaw,
    /// SIGHUP.
    Reload,
}

/// A call, or many.
#[derive(Debug, Clone)]
pub(super) struct Dispatch {
    pub(super) call: String,
    pub(super) level: String,
    pub(super) data: Vec<(String, String)>,
    /// HTTP statuses that are fine; empty: 201 or 202.
    pub(super) answers: Vec<i64>,
    /// Without waiting for the answer.
    pub(super) beside: bool,
    /// How many: `c` becomes `c1`, `c2`...; 1: `c` itself.
    pub(super) times: usize,
    /// At once by so many clients.
    pub(super) clients: usize,
    /// What goes wrong around them, where a file says it call by call: their row in the report.
    pub(super) under: Option<String>,
}

/// What is waited for.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// An attempt of a call is in one of these states.
    Attempt { call: String, attempt: usize, states: Vec<String> },
    /// Every attempt of every call is in one of these states, and there are so many calls.
    AllAttempts { calls: usize, states: Vec<String> },
    /// A call has this status.
    Status { call: String, status: String },
    /// A call's log has this many entries of a kind.
    Log { call: String, kind: String, times: usize },
    /// The provider was asked to create so many messages, refused ones too.
    Creates(u64),
    /// The provider has accepted so many texts.
    Texts(usize),
    /// The engine, or what was started beside, says this.
    Says { who: Option<String>, words: String },
    /// An alert whose key fits is open.
    Alert(String),
    /// No alert whose key fits is open.
    NoAlert(String),
    /// A callback of this status was answered.
    Callback { status: String, times: usize },
    /// A page of the engine is answered with this status.
    Page { path: String, answer: i64 },
    /// The sandbox was told this alert, as a sink of the engine's.
    Told { key: String, state: String, by: Option<String>, times: usize },
    /// The engine has ended.
    Ended,
    /// The engine has died at this kill point.
    DiedAt(String),
    /// Nothing is under way, and what is unknown is not with the provider either.
    Rest,
    /// See [`MirrorThen`].
    Mirror,
    /// The row of an attempt, or of a call, says this; `none`: there is no row.
    Row { call: String, attempt: Option<usize>, word: String },
}

/// What is expected. What is absent is not looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Then {
    /// Texts by contact, made through the API.
    pub(super) texts: Vec<(String, u64)>,
    /// Who was texted, in order.
    pub(super) order: Option<Vec<String>>,
    /// Texts that answered a reply at once (TwiML), by contact.
    pub(super) answers: Vec<(String, u64)>,
    /// Requests to create a message.
    pub(super) creates: Option<u64>,
    /// The open alerts: each fits one of these patterns, and each pattern fits one.
    pub(super) alerts: Option<Vec<String>>,
    /// What sinks were told.
    pub(super) sinks: Vec<SinkThen>,
    /// Words in the engine's log, and words that must not be there.
    pub(super) says: Vec<String>,
    pub(super) never_says: Vec<String>,
    /// By id.
    pub(super) calls: Vec<(String, CallThen)>,
    /// How many calls the store has.
    pub(super) call_count: Option<usize>,
    /// How many attempts stay unknown.
    pub(super) unknown: Option<usize>,
    /// See [`TimeThen`].
    pub(super) times: Vec<TimeThen>,
    /// Figures of `/health`.
    pub(super) health: Vec<(String, u64)>,
    /// See [`RowThen`].
    pub(super) airtable: Vec<RowThen>,
    /// See [`MirrorThen`].
    pub(super) mirror: Option<MirrorThen>,
    /// Airtable said 429 so often at most: who keeps asking is never let in.
    pub(super) airtable_429s_max: Option<usize>,
    /// No outcome is unknown whose message the provider has.
    pub(super) found_out: bool,
    /// The attempts need not have come to rest.
    pub(super) restless: bool,
    /// Every fault of the wire with a `step` has come to the end of a message.
    pub(super) swept: bool,
    /// See [`CrowdThen`].
    pub(super) crowd: Option<CrowdThen>,
}

/// What is expected of one call.
#[derive(Debug, Clone, Default)]
pub(super) struct CallThen {
    pub(super) status: Option<String>,
    pub(super) holder: Option<String>,
    pub(super) round: Option<i64>,
    /// One a attempt: states that are fine, separated by `|`.
    pub(super) attempts: Option<Vec<String>>,
    pub(super) contacts: Option<Vec<String>>,
    pub(super) kinds: Option<Vec<String>>,
    /// By which sender each attempt went, or waits to go.
    pub(super) senders: Option<Vec<String>>,
    /// Error codes, 0 for none.
    pub(super) codes: Option<Vec<i64>>,
    /// The provider's word for each attempt's message; empty where it has none.
    pub(super) statuses: Option<Vec<String>>,
    /// Entries of the log by kind.
    pub(super) log: Vec<(String, u64)>,
    /// The reason it ended, or any other words in its log.
    pub(super) says: Vec<String>,
}

/// When a text was accepted by the provider.
#[derive(Debug, Clone)]
pub(super) struct TimeThen {
    pub(super) call: String,
    pub(super) attempt: usize,
    /// Counted from the call's acceptance by the engine, from the newest start of the engine (the moment it answered), or
    /// from when it was continued.
    pub(super) from: From,
    pub(super) after: Duration,
    pub(super) within: Duration,
}

/// What a time is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Accepted,
    Restart,
    Thaw,
    Attempt(usize),
}

/// A row of the shop's record.
#[derive(Debug, Clone)]
pub(super) struct RowThen {
    pub(super) call: String,
    pub(super) attempt: Option<usize>,
    pub(super) fields: BTreeMap<String, Value>,
}

/// The shop's record is equal to the store: every attempt and every call has one row with the store's values, no event is
/// too many, and the program has proven all that it wrote. Calls that intake gave no row need none for half a minute.
#[derive(Debug, Clone)]
pub(super) struct MirrorThen {
    /// By then.
    pub(super) within: Duration,
}
