//! One POST of a text and what its answer means: for attempts of calls and for texts of roll calls alike. Nothing is stored here.

use std::time::Duration;

use super::Engine;
use crate::domain::attempt::Priority;
use crate::domain::codes::{self, classify};
use crate::domain::event::SendOutcome;
use crate::domain::{Special, Timestamp};
use crate::gateways::{GatewayError, Submission};

/// The longest pause that a provider's `Retry-After` is honoured for: a first notice waits no longer than this for anybody.
const RETRY_AFTER_FIRST_MAX: Duration = Duration::from_secs(30);
/// The same for reminders and what comes after them.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// When a try that surely did not happen is made again; `asked`: how long the provider asked us to wait.
pub(super) fn again_at(engine: &Engine, tries: u32, priority: Priority, asked: Duration) -> Timestamp {
    let core = &engine.core;
    let own = BACKOFF_FIRST.saturating_mul(1 << tries.min(8)).min(BACKOFF_MAX);
    core.clock.now().plus(core.ids.jittered(own).max(asked.min(believed(priority))))
}

/// One POST of a text, and what its answer means.
pub(super) async fn submitted(
    engine: &Engine,
    message: &Submission,
    again_at: impl Fn(Duration) -> Timestamp + Send,
) -> SendOutcome {
    match engine.sms.submit(message).await {
        Ok(record) => SendOutcome::Accepted {
            sid: record.sid,
            status: record.status,
            code: record.error_code,
            error_class: classify(record.error_code),
            provider_at: record.created_at,
            queued_for: Duration::ZERO,
        },
        Err(GatewayError::Refused { code, message, http }) => {
            let error_class = classify(code);
            let name = code.map(codes::name_of).unwrap_or_default();
            let why = if name.is_empty() {
                format!("refused with HTTP {http}: {}", shortened(&message))
            } else {
                format!("refused: {name}")
            };
            match error_class.special {
                Some(Special::WithoutCallback) => SendOutcome::BadCallback,
                Some(Special::UnknownOutcome) => SendOutcome::Unknown { why },
                _ => SendOutcome::Refused { code, error_class, why },
            }
        }
        Err(GatewayError::Retryable { why, retry_after }) => {
            SendOutcome::NotSent { why, again_at: again_at(retry_after.unwrap_or_default()) }
        }
        Err(GatewayError::Unknown { why }) => SendOutcome::Unknown { why },
    }
}

/// How long the provider's word for "later" is believed.
const fn believed(priority: Priority) -> Duration {
    match priority {
        Priority::First => RETRY_AFTER_FIRST_MAX,
        Priority::Reminder | Priority::StandDown => RETRY_AFTER_MAX,
    }
}

/// A provider's words may quote a number: only the first part is kept, digits masked.
pub(super) fn shortened(message: &str) -> String {
    message.chars().take(120).map(|c| if c.is_ascii_digit() { '•' } else { c }).collect()
}

/// The lease may have ended between the claim and its send: nothing has left.
pub fn not_within_the_term(now: Timestamp) -> SendOutcome {
    SendOutcome::NotSent { why: "this process may not be the engine any more".into(), again_at: now }
}
