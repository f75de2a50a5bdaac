//! Lists of phone calls: what a platform says that has come in, whether or not it reported it.
//!
//! Each list is asked for what began in a span of time, page by page, and is whole or an error: a page that is missing may hold the
//! call that nobody reported. Nothing is kept and nothing is retried here. Source: `facts/intake.md` §2, §4, §5.

mod api;
mod items;
#[cfg(feature = "drills")]
pub(crate) mod properties;
mod retell;
#[cfg(test)]
mod tests;
mod twilio;
mod vapi;

use async_trait::async_trait;
use serde_json::Value;

use super::GatewayError;
use crate::domain::Timestamp;
use crate::domain::phone_call::PhoneCall;

pub use retell::RetellCalls;
pub use twilio::{ListedNumbers, TwilioCalls};
pub use vapi::VapiCalls;

/// A phone call as a list shows it.
#[derive(Debug, Clone)]
pub struct ListedPhoneCall {
    pub call: PhoneCall,
    /// Whether it has ended; its end may be unknown all the same.
    pub is_over: bool,
    /// Why, in the platform's words; empty where it does not say.
    pub reason: String,
    /// As it came, without what is long.
    pub document: Value,
}

/// The phone calls of a span of time.
#[derive(Debug, Clone, Default)]
pub struct ListedPhoneCalls {
    /// The inbound ones, each once.
    pub calls: Vec<ListedPhoneCall>,
    /// Items that nobody could read.
    pub unread: usize,
}

/// Where phone calls are listed.
#[async_trait]
pub trait PhoneCallList: Send + Sync {
    /// The inbound phone calls that began between these moments, by the platform's clock.
    ///
    /// # Errors
    /// [`GatewayError::Refused`] where the credentials or the request are not taken, else [`GatewayError::Retryable`].
    async fn between(&self, from: Timestamp, to: Timestamp) -> Result<ListedPhoneCalls, GatewayError>;
}

/// More pages of one answer are not read: the list is then an error, as what follows is not known.
const PAGES_MAX: usize = 100;

fn again(why: impl Into<String>) -> GatewayError {
    GatewayError::Retryable { why: why.into(), retry_after: None }
}

fn too_many() -> GatewayError {
    again(format!("the list goes on after {PAGES_MAX} pages"))
}
