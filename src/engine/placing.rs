//! Places one phone call: one POST, whose every failure has one meaning. Called with the intent on disk.

use std::time::Duration;

use crate::domain::MessageStatus;
use crate::domain::change::ToSend;
use crate::domain::codes::{Class, ErrorClass, NO_CODE, Special};
use crate::domain::event::SendOutcome;
use crate::domain::types::Timestamp;
use crate::domain::voice::classes;
use crate::domain::voice::script::TwimlSource;
use crate::gateways::{Callback, GatewayError, PhoneCallRequest};

use super::Engine;
use super::submit::shortened;

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
        script: TwimlSource::of(&a.body),
        ring_for: engine.bounds().ring_for,
        callback: if a.callback { Callback::Wanted } else { Callback::Without },
    };
    match provider.place(&call).await {
        Ok(record) => SendOutcome::Accepted {
            sid: record.sid,
            status: MessageStatus::from_word(record.status.as_str()),
            code: None,
            error_class: NO_CODE,
            provider_at: record.created_at,
            queued_for: record.queue_time.unwrap_or_default(),
        },
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
