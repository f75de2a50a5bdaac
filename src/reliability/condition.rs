//! What a scenario waits for. The key that names it stands among those that say more of it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::values;

/// What is waited for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Condition {
    /// An attempt of a call is in one of these states.
    Attempt {
        #[serde(deserialize_with = "values::text")]
        call: String,
        #[serde(default = "one")]
        attempt: usize,
        #[serde(rename = "is", deserialize_with = "values::states")]
        states: Vec<String>,
    },
    /// Every attempt of every call is in one of these states, and there are so many calls.
    AllAttempts {
        #[serde(default = "one")]
        calls: usize,
        #[serde(rename = "all_attempts", deserialize_with = "values::states")]
        states: Vec<String>,
    },
    /// A call has this status.
    Status {
        #[serde(deserialize_with = "values::text")]
        call: String,
        #[serde(deserialize_with = "values::status")]
        status: String,
    },
    /// A call's log has this many entries of a kind.
    Log {
        #[serde(deserialize_with = "values::text")]
        call: String,
        #[serde(rename = "log", deserialize_with = "values::text")]
        kind: String,
        #[serde(default = "one")]
        times: usize,
    },
    /// The provider was asked to create so many messages, refused ones too.
    Creates { creates: u64 },
    /// The provider has accepted so many texts.
    Texts { texts: usize },
    /// The newest phone call to somebody has one of these statuses.
    Phone {
        #[serde(deserialize_with = "values::text")]
        phone: String,
        #[serde(rename = "is", deserialize_with = "values::many")]
        states: Vec<String>,
        /// So many there were to them.
        #[serde(default = "one")]
        times: usize,
    },
    /// The engine, or what was started beside, says this.
    Says {
        #[serde(default, deserialize_with = "values::some_text")]
        who: Option<String>,
        #[serde(rename = "says", deserialize_with = "values::text")]
        words: String,
    },
    /// An alert whose key fits is open; `*` in it stands for anything.
    Alert {
        #[serde(deserialize_with = "values::text")]
        alert: String,
    },
    /// No alert whose key fits is open.
    NoAlert {
        #[serde(rename = "no_alert", deserialize_with = "values::text")]
        alert: String,
    },
    /// A callback of this status was answered.
    Callback {
        #[serde(rename = "callback", deserialize_with = "values::text")]
        status: String,
        #[serde(default = "one")]
        times: usize,
    },
    /// A page of the engine is answered with this status.
    Page {
        #[serde(rename = "page", deserialize_with = "values::path")]
        path: String,
        #[serde(default = "ok", deserialize_with = "values::int::<_, 200, 599, _>")]
        answer: i64,
    },
    /// The sandbox was told this alert, as a sink of the engine's.
    Told {
        #[serde(rename = "told", deserialize_with = "values::text")]
        key: String,
        #[serde(rename = "is", deserialize_with = "values::told")]
        state: String,
        #[serde(default, deserialize_with = "values::some_sink")]
        by: Option<String>,
        #[serde(default = "one")]
        times: usize,
    },
    /// The engine has ended.
    Ended {
        #[serde(rename = "ended")]
        _yes: bool,
    },
    /// The engine has died at this kill point.
    DiedAt {
        #[serde(rename = "died_at", deserialize_with = "values::point")]
        point: String,
    },
    /// Nothing is under way, and what is unknown is not with the provider either.
    Rest {
        #[serde(rename = "rest")]
        _yes: bool,
    },
    /// The shop's record is equal to the store.
    Mirror {
        #[serde(rename = "mirror", deserialize_with = "values::equal")]
        _equal: (),
    },
    /// The row of an attempt, or of a call, says this; `none`: there is no row.
    Row {
        #[serde(deserialize_with = "values::text")]
        call: String,
        attempt: Option<usize>,
        #[serde(rename = "row", deserialize_with = "values::text")]
        word: String,
    },
}

/// What can be waited for, as a file says it.
pub(super) const CONDITIONS: &str = "call with attempt and is, call with status, call with log, creates, texts, phone with is, says, alert, no_alert, callback, all_attempts, page, told, rest, died_at, ended or mirror, or a call's row";
/// What is waited for of a call, where it is no attempt.
const OF_A_CALL: [&str; 3] = ["status", "log", "row"];
/// What else is waited for.
const OTHERS: [&str; 14] = [
    "all_attempts",
    "creates",
    "texts",
    "phone",
    "says",
    "alert",
    "no_alert",
    "callback",
    "page",
    "told",
    "rest",
    "died_at",
    "mirror",
    "ended",
];

/// What the keys of a `wait` name.
pub(super) fn named(keys: &Map<String, Value>) -> Option<&'static str> {
    let first = |names: &[&'static str]| names.iter().copied().find(|name| keys.contains_key(*name));
    if keys.contains_key("call") {
        return Some(first(&OF_A_CALL).unwrap_or("attempt"));
    }
    first(&OTHERS)
}

const fn one() -> usize {
    1
}

const fn ok() -> i64 {
    200
}
