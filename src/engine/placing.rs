//! Places one phone call: one POST, whose every failure has one meaning. Called with the intent on disk.

use std::time::Duration;

use tracing::debug;

use crate::domain::alert::AlertChange;
use crate::domain::change::ToSend;
use crate::domain::codes::{Class, ErrorClass, NO_CODE, Special};
use crate::domain::event::{Event, SendOutcome};
use crate::domain::types::{Actor, Timestamp};
use crate::domain::voice::classes;
use crate::domain::voice::script::PhoneScript;
use crate::domain::{AlertKind, MessageStatus};
use crate::gateways::{Callback, GatewayError, PhoneCallRequest};

use super::Engine;
use super::dispatcher::shortened;

/// A phone call that the provider keeps waiting for longer alarms.
const QUEUED_MAX: Duration = Duration::from_secs(30);

/// `again_at`: when a POST that surely did not happen is made again, with what the provider asked for.
pub(super) async fn place(engine: &Engine, send: &ToSend, again_at: impl Fn(Duration) -> Timestamp) -> SendOutcome {
    let a = &send.attempt;
    let of_class = |class, why: &str| SendOutcome::Refused {
        code: None,
        error_class: ErrorClass { class, special: None },
        why: why.to_owned(),
    };
    let Some(provider) = engine.voice() else {
        return of_class(Class::Sender, "no provider of phone calls is configured here (voice.from)");
    };
    let Ok(from) = send.sender.as_str().parse() else {
        return of_class(Class::Sender, "the number that phone calls come from is no number (voice.from)");
    };
    let call = PhoneCallRequest {
        attempt: a.id,
        to: a.recipient.phone.clone(),
        from,
        script: PhoneScript::of(&a.body),
        ring_for: engine.bounds().ring_for,
        callback: if a.callback { Callback::Wanted } else { Callback::Without },
    };
    match provider.place(&call).await {
        Ok(record) => {
            queued(engine, record.queue_time.unwrap_or_default()).await;
            SendOutcome::Accepted {
                sid: record.sid,
                status: MessageStatus::from_word(record.status.as_str()),
                code: None,
                error_class: NO_CODE,
                provider_at: record.created_at,
            }
        }
        Err(GatewayError::Refused { code, message, http }) => {
            let error_class = classes::class_of_code(code);
            let why = match code {
                Some(code) => format!("refused: {}", classes::name_of(code)),
                None => format!("refused with HTTP {http}: {}", shortened(&message)),
            };
            match error_class.special {
                Some(Special::WithoutCallback) => SendOutcome::BadCallback,
                Some(Special::BadUrl) => SendOutcome::BadUrl,
                _ => SendOutcome::Refused { code, error_class, why },
            }
        }
        Err(GatewayError::Retryable { why, retry_after }) => {
            SendOutcome::NotSent { why, again_at: again_at(retry_after.unwrap_or_default()) }
        }
        Err(GatewayError::Unknown { why }) => SendOutcome::Unknown { why },
    }
}

/// How long the provider says that a phone call waits before it is dialled: more are asked for than the account may place.
async fn queued(engine: &Engine, for_time: Duration) {
    let alarming = for_time > QUEUED_MAX;
    // Mostly there is nothing to say, and nothing is written.
    if !alarming
        && !matches!(engine.core.store.alerts().await, Ok(all) if all.iter().any(|a| a.key.kind() == AlertKind::PhoneQueue))
    {
        return;
    }
    let key = AlertKind::PhoneQueue.into();
    let change = if alarming {
        let message = format!(
            "the provider queues our phone calls for {} s: more are asked for than the account may place; raise voice.per_second there and here, or ring fewer",
            for_time.as_secs()
        );
        AlertChange::Raise { key, call: None, message }
    } else {
        AlertChange::Resolve { key }
    };
    if let Err(e) = engine.core.apply(Event::Alert(change), Actor::engine()).await {
        debug!(error = %e, "the alert about the provider's queue could not be recorded");
    }
}
