//! The provider of a shop that tells nobody by text: it takes nothing, and nobody has written.

use async_trait::async_trait;

use super::{GatewayError, ListFilter, Listing, MessageRecord, SmsGateway, Submission};
use crate::domain::types::MessageSid;

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTexts;

fn refused() -> GatewayError {
    GatewayError::Refused { http: 0, code: None, message: "no provider of texts is configured ([twilio])".to_owned() }
}

#[async_trait]
impl SmsGateway for NoTexts {
    async fn submit(&self, _: &Submission) -> Result<MessageRecord, GatewayError> {
        Err(refused())
    }

    async fn fetch(&self, _: &MessageSid) -> Result<MessageRecord, GatewayError> {
        Err(refused())
    }

    async fn list(&self, _: &ListFilter) -> Result<Listing, GatewayError> {
        Ok(Listing { messages: Vec::new(), complete: true })
    }
}
