//! What has happened since this process began, counted from the log: also what other processes did, and nothing twice.
//!
//! A restart begins at nothing, as counters may. On a store with several replicas each counts the same.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::domain::attempt::{AttemptKind, AttemptState, ResendReason};
use crate::domain::codes;
use crate::domain::log::{self, LogKind, TWIN};
use crate::domain::team::Directory;
use crate::domain::types::{ErrorCode, Timestamp};
use crate::store::{CountedEntry, StoreError, Views};

use super::oncall::{label_of, labels};
use super::text::{Histogram, OTHER};

/// Entries of one read.
const PAGE: usize = 2_000;
/// Seconds from the acceptance of a call.
const TOLD: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0];
const TAKEN: &[f64] = &[30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0];
/// Seconds from the due time of a step.
const LATE: &[f64] = &[0.005, 0.01, 0.05, 0.25, 1.0, 5.0, 30.0];

/// See the module.
#[derive(Debug)]
pub(in crate::http) struct Counters {
    /// The last entry that was counted; `None`: counting has not begun.
    after: Option<i64>,
    /// By line and level.
    pub(super) accepted: BTreeMap<(String, String), u64>,
    /// By kind and state.
    pub(super) attempts: BTreeMap<(&'static str, &'static str), u64>,
    /// By class and code.
    pub(super) failures: BTreeMap<(char, String), u64>,
    /// By why.
    pub(super) resends: BTreeMap<&'static str, u64>,
    /// Texts that were found out after they had been decided.
    pub(super) late: u64,
    /// Calls that were pruned before every receiver of event webhooks was told of them.
    pub(super) pruned_untold: u64,
    /// Reminders that waited because too many texts went out.
    pub(super) held: u64,
    pub(super) told: Histogram,
    pub(super) taken: Histogram,
    pub(super) lateness: Histogram,
    /// Notices that came twice.
    pub(super) doubled: u64,
}

impl Counters {
    pub(in crate::http) fn new() -> Self {
        let pairs =
            AttemptKind::ALL.iter().flat_map(|kind| AttemptState::ALL.iter().map(move |s| (kind.as_str(), s.as_str())));
        let codes = codes::CODES.iter().map(|info| (info.class.letter(), info.code.to_string()));
        let unnamed = std::iter::once((codes::Class::UnknownCode.letter(), OTHER.to_owned()));
        Self {
            after: None,
            accepted: BTreeMap::new(),
            attempts: pairs.map(|pair| (pair, 0)).collect(),
            failures: codes.chain(unnamed).map(|pair| (pair, 0)).collect(),
            resends: ResendReason::ALL.iter().map(|why| (why.as_str(), 0)).collect(),
            late: 0,
            held: 0,
            pruned_untold: 0,
            told: Histogram::new(TOLD),
            taken: Histogram::new(TAKEN),
            lateness: Histogram::new(LATE),
            doubled: 0,
        }
    }

    /// From here on is counted; once.
    pub(super) async fn begin(&mut self, store: &(impl Views + ?Sized)) -> Result<(), StoreError> {
        if self.after.is_none() {
            self.after = Some(store.log_end().await?);
        }
        Ok(())
    }

    /// Counts what has been written since the last time.
    ///
    /// # Errors
    /// [`StoreError`]: what was read is counted, the rest next time.
    pub(super) async fn read(
        &mut self,
        store: &(impl Views + ?Sized),
        directory: &Directory,
    ) -> Result<(), StoreError> {
        self.begin(store).await?;
        loop {
            let entries = store.counted_entries(self.after.unwrap_or_default(), PAGE).await?;
            for entry in &entries {
                self.count(entry, directory);
                self.after = Some(entry.seq);
            }
            if entries.len() < PAGE {
                return Ok(());
            }
        }
    }

    fn count(&mut self, entry: &CountedEntry, directory: &Directory) {
        if let Some(((kind, _), state)) = entry.attempt.zip(state_of(entry.kind)) {
            *self.attempts.entry((kind.as_str(), state.as_str())).or_default() += 1;
        }
        self.doubled += u64::from(entry.data.get(TWIN).is_some());
        if matches!(entry.kind, LogKind::AttemptSubmitted | LogKind::AttemptDelivered) {
            self.late += u64::from(entry.data.get(log::LATE).and_then(Value::as_bool).unwrap_or_default());
        }
        match entry.kind {
            LogKind::AttemptScheduled => {
                let why = entry.data.get(log::RESEND).and_then(Value::as_str).and_then(ResendReason::from_word);
                if let Some(why) = why {
                    *self.resends.entry(why.as_str()).or_default() += 1;
                }
            }
            LogKind::CallAccepted => {
                let Some(call) = &entry.call else { return };
                let (line, unlisted) = directory.line(call.number.as_deref());
                let known =
                    line.policies.keys().chain(directory.default_line.policies.keys()).any(|l| *l == call.level);
                let line = match unlisted {
                    true => OTHER.to_owned(),
                    false => label_of(&labels(directory), line.number.as_deref()),
                };
                let level = if known { call.level.clone() } else { OTHER.to_owned() };
                *self.accepted.entry((line, level)).or_default() += 1;
            }
            // Of each call the first that told somebody.
            LogKind::AttemptSubmitted => {
                if let Some(call) = entry.call.as_ref().filter(|call| call.told_at == Some(entry.at)) {
                    self.told.observe(seconds(entry.at, call.accepted_at));
                }
            }
            LogKind::CallAcknowledged => {
                if let Some(call) = &entry.call {
                    self.taken.observe(seconds(entry.at, call.accepted_at));
                }
            }
            LogKind::AttemptFailed => {
                let (Some(class), code) = (entry.data.get("class").and_then(|c| c.as_str()), entry.data.get("code"))
                else {
                    return;
                };
                let Some(class) = class.chars().next() else { return };
                let code = code.and_then(|c| c.as_u64()).and_then(|c| u32::try_from(c).ok());
                let code = code.filter(|c| codes::info(ErrorCode(*c)).is_some());
                let code = code.map_or_else(|| OTHER.to_owned(), |c| c.to_string());
                *self.failures.entry((class, code)).or_default() += 1;
            }
            LogKind::AttemptHeld => self.held += 1,
            LogKind::StorePruned => {
                self.pruned_untold += entry.data.get(log::UNTOLD).and_then(Value::as_u64).unwrap_or_default();
            }
            LogKind::StepFired => {
                let due = entry.data.get("due").and_then(|d| d.as_str()).and_then(|d| d.parse::<Timestamp>().ok());
                // The first step of a call is due when it is accepted: it says nothing of the scheduler.
                let follow_up = entry.data.get("step").and_then(|s| s.as_u64()).is_some_and(|step| step > 1);
                if let Some(due) = due.filter(|_| follow_up) {
                    self.lateness.observe(seconds(entry.at, due));
                }
            }
            _ => {}
        }
    }
}

/// Which state an attempt came to by an entry.
fn state_of(kind: LogKind) -> Option<AttemptState> {
    Some(match kind {
        LogKind::AttemptScheduled => AttemptState::Scheduled,
        LogKind::AttemptSending => AttemptState::Sending,
        LogKind::AttemptRetrying => AttemptState::Retrying,
        LogKind::AttemptUnknown => AttemptState::Unknown,
        LogKind::AttemptSubmitted => AttemptState::Submitted,
        LogKind::AttemptDelivered => AttemptState::Delivered,
        LogKind::AttemptFailed => AttemptState::Failed,
        LogKind::AttemptSkipped => AttemptState::Skipped,
        LogKind::AttemptCancelled => AttemptState::Cancelled,
        _ => return None,
    })
}

fn seconds(at: Timestamp, since: Timestamp) -> f64 {
    // Rounded to what times are kept in.
    Duration::from_millis(u64::try_from(at.since(since).as_millis()).unwrap_or(u64::MAX)).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attempt::Channel;

    #[test]
    fn a_notice_that_came_twice_is_counted_once() {
        let entry = |kind, data| CountedEntry {
            seq: 1,
            kind,
            at: Timestamp::from_millis(0),
            data,
            attempt: Some((AttemptKind::Notice, Channel::Sms)),
            call: None,
        };
        let (mut counters, directory) = (Counters::new(), crate::testing::fixtures::directory());
        for (kind, data, doubled) in [
            (LogKind::AttemptSubmitted, serde_json::json!({ "sid": "SM1" }), 0),
            (LogKind::AttemptDelivered, serde_json::json!({ "sid": "SM1", TWIN: 2 }), 1),
            (LogKind::AttemptDelivered, serde_json::json!({ "sid": "SM2" }), 1),
        ] {
            counters.count(&entry(kind, data), &directory);
            assert_eq!(counters.doubled, doubled);
        }
    }
}
