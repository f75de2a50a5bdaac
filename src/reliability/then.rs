//! What a scenario expects in the end: `[then]`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::values;

/// Airtable has all by then where it is well, and a file says nothing else.
pub(super) const MIRROR_WITHIN: Duration = Duration::from_secs(5);

/// What is expected. What is absent is not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Then {
    /// Texts by contact, made through the API.
    #[serde(deserialize_with = "values::counts")]
    pub(super) texts: Vec<(String, u64)>,
    /// Mails that the relay took, by contact.
    #[serde(deserialize_with = "values::counts")]
    pub(super) mails: Vec<(String, u64)>,
    /// Who was texted, in order.
    #[serde(deserialize_with = "values::some_many")]
    pub(super) order: Option<Vec<String>>,
    /// Texts that answered a reply at once (TwiML), by contact.
    #[serde(deserialize_with = "values::counts")]
    pub(super) answers: Vec<(String, u64)>,
    /// Phone calls by contact.
    #[serde(deserialize_with = "values::counts")]
    pub(super) phone_calls: Vec<(String, u64)>,
    /// How each phone call ended, in the provider's words, oldest first.
    #[serde(deserialize_with = "values::some_many")]
    pub(super) phone_statuses: Option<Vec<String>>,
    /// No phone was in two phone calls of ours at once.
    pub(super) one_phone_call_at_a_time: bool,
    /// Words that somebody heard on the phone.
    #[serde(deserialize_with = "values::many")]
    pub(super) spoken: Vec<String>,
    /// Requests to create a message.
    pub(super) creates: Option<u64>,
    /// The open alerts: each fits one of these patterns, and each pattern fits one.
    #[serde(deserialize_with = "values::some_many")]
    pub(super) alerts: Option<Vec<String>>,
    /// What sinks were told.
    #[serde(deserialize_with = "values::items")]
    pub(super) sinks: Vec<SinkThen>,
    /// Words in the engine's log, and words that must not be there.
    #[serde(deserialize_with = "values::many")]
    pub(super) says: Vec<String>,
    #[serde(deserialize_with = "values::many")]
    pub(super) never_says: Vec<String>,
    /// By id.
    pub(super) calls: BTreeMap<String, CallThen>,
    /// How many calls the store has.
    pub(super) call_count: Option<usize>,
    /// How many attempts stay unknown.
    pub(super) unknown: Option<usize>,
    /// See [`TimeThen`].
    #[serde(deserialize_with = "values::items")]
    pub(super) times: Vec<TimeThen>,
    /// Figures of `/health`.
    #[serde(deserialize_with = "values::counts")]
    pub(super) health: Vec<(String, u64)>,
    /// See [`RowThen`].
    #[serde(deserialize_with = "values::items")]
    pub(super) airtable: Vec<RowThen>,
    /// The shop's record is equal to the store: every attempt and every call has one row with the store's values, no event is
    /// too many, and the program has proven all that it wrote. Calls that intake gave no row need none for half a minute.
    #[serde(deserialize_with = "values::some_equal")]
    pub(super) mirror: bool,
    /// By then; [`MIRROR_WITHIN`] where a file says nothing.
    #[serde(deserialize_with = "values::some_duration")]
    pub(super) mirror_within: Option<Duration>,
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
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CallThen {
    #[serde(deserialize_with = "values::some_status")]
    pub(super) status: Option<String>,
    #[serde(deserialize_with = "values::some_text")]
    pub(super) holder: Option<String>,
    #[serde(deserialize_with = "values::some_int::<_, 1, 1_000, _>")]
    pub(super) round: Option<i64>,
    /// One a attempt: states that are fine, separated by `|`.
    #[serde(deserialize_with = "values::some_alternatives")]
    pub(super) attempts: Option<Vec<String>>,
    #[serde(deserialize_with = "values::some_many")]
    pub(super) contacts: Option<Vec<String>>,
    #[serde(deserialize_with = "values::some_many")]
    pub(super) kinds: Option<Vec<String>>,
    /// By which sender each attempt went, or waits to go.
    #[serde(deserialize_with = "values::some_many")]
    pub(super) senders: Option<Vec<String>>,
    /// Error codes, 0 for none.
    #[serde(deserialize_with = "values::some_many")]
    pub(super) codes: Option<Vec<i64>>,
    /// The provider's word for each attempt's message; empty where it has none.
    #[serde(deserialize_with = "values::some_many")]
    pub(super) statuses: Option<Vec<String>>,
    /// Entries of the log by kind.
    #[serde(deserialize_with = "values::counts")]
    pub(super) log: Vec<(String, u64)>,
    /// The reason it ended, or any other words in its log.
    #[serde(deserialize_with = "values::many")]
    pub(super) says: Vec<String>,
}

/// When a text was accepted by the provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeThen {
    #[serde(deserialize_with = "values::text")]
    pub(super) call: String,
    #[serde(default = "first")]
    pub(super) attempt: usize,
    /// Counted from the call's acceptance by the engine, from the newest start of the engine (the moment it answered), or
    /// from when it was continued.
    #[serde(default)]
    pub(super) from: From,
    #[serde(default, deserialize_with = "values::duration")]
    pub(super) after: Duration,
    #[serde(default = "second", deserialize_with = "values::duration")]
    pub(super) within: Duration,
}

/// What a time is counted from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum From {
    #[default]
    Accepted,
    Restart,
    Thaw,
    Attempt(usize),
}

impl TryFrom<String> for From {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let attempt = |text: &str| text.strip_prefix("attempt ")?.parse().ok().map(Self::Attempt);
        match text.as_str() {
            "accepted" => Ok(Self::Accepted),
            "restart" => Ok(Self::Restart),
            "thaw" => Ok(Self::Thaw),
            other => attempt(other).ok_or_else(|| {
                format!("\"{text}\" is not one; expected \"accepted\", \"restart\", \"thaw\" or \"attempt N\"")
            }),
        }
    }
}

const fn first() -> usize {
    1
}

const fn second() -> Duration {
    Duration::from_secs(1)
}

/// A row of the shop's record.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowThen {
    #[serde(deserialize_with = "values::text")]
    pub(super) call: String,
    pub(super) attempt: Option<usize>,
    #[serde(default, deserialize_with = "values::words")]
    pub(super) fields: Vec<(String, String)>,
}

/// What is expected of a crowd. What is absent is not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CrowdThen {
    /// No reminder left while a first notice had waited for so long and waited for as long again.
    #[serde(deserialize_with = "values::some_duration")]
    pub(super) reminders_wait_after: Option<Duration>,
    /// With it: so many reminders at least were overtaken by first notices that were made after them.
    pub(super) overtaken: usize,
    /// So many texts a second, with what the second before had left.
    pub(super) per_second: Option<usize>,
    /// So many outcomes at least were unknown for a while and are known now.
    pub(super) found_out: Option<usize>,
    /// So many calls at least have a first notice that was accepted.
    pub(super) told: Option<usize>,
    /// Of every call that is still open the ladder has come to each of these contacts.
    #[serde(deserialize_with = "values::many")]
    pub(super) came_to: Vec<String>,
}

/// What one sink was told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SinkThen {
    #[serde(deserialize_with = "values::sink")]
    pub(super) name: String,
    /// So many alerts, each once.
    pub(super) alerts: Option<usize>,
    /// Each so long after it was raised at most.
    #[serde(default, deserialize_with = "values::some_duration")]
    pub(super) within: Option<Duration>,
    /// So many messages in any minute at most.
    pub(super) per_minute: Option<usize>,
}
