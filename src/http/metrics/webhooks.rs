//! How what others post to us was answered: by the kind of the path, never by the path itself, which anybody may invent.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

/// What a path under `/webhooks` is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Endpoint {
    SmsStatus,
    SmsInbound,
    CallStatus,
    Voice,
    Retell,
    Vapi,
    Intake,
    Probe,
    /// Nothing of ours is there.
    Other,
}

impl Endpoint {
    const ALL: [Self; 9] = [
        Self::SmsStatus,
        Self::SmsInbound,
        Self::CallStatus,
        Self::Voice,
        Self::Retell,
        Self::Vapi,
        Self::Intake,
        Self::Probe,
        Self::Other,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::SmsStatus => "sms-status",
            Self::SmsInbound => "sms-inbound",
            Self::CallStatus => "status-callback",
            Self::Voice => "voice",
            Self::Retell => "retell",
            Self::Vapi => "vapi",
            Self::Intake => "intake",
            Self::Probe => "probe",
            Self::Other => "other",
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It was taken, and is durable.
    Taken,
    /// It will be refused again as it is.
    Refused,
    /// Too large, or too slow to come.
    Cut,
    /// It could not be made durable: whoever posts it tries again.
    Unavailable,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Taken, Self::Refused, Self::Cut, Self::Unavailable];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Refused => "refused",
            Self::Cut => "cut",
            Self::Unavailable => "unavailable",
        }
    }

    fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE => Self::Cut,
            s if s.is_server_error() => Self::Unavailable,
            s if s.is_client_error() => Self::Refused,
            _ => Self::Taken,
        }
    }
}

/// The counts of one process.
#[derive(Debug, Default)]
pub(in crate::http) struct WebhookCounts([[AtomicU64; Outcome::ALL.len()]; Endpoint::ALL.len()]);

impl WebhookCounts {
    /// A request was answered so.
    pub(in crate::http) fn answered(&self, at: Endpoint, status: StatusCode) {
        let outcome = Outcome::of(status);
        let row = Endpoint::ALL.iter().zip(&self.0).find(|(e, _)| **e == at);
        let count = row.and_then(|(_, row)| Outcome::ALL.iter().zip(row).find(|(o, _)| **o == outcome));
        if let Some((_, count)) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every endpoint with every outcome.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        Endpoint::ALL.iter().zip(&self.0).flat_map(|(at, row)| {
            let outcomes = Outcome::ALL.iter().zip(row);
            outcomes.map(|(outcome, count)| (at.as_str(), outcome.as_str(), count.load(Ordering::Relaxed)))
        })
    }
}
