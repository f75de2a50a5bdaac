//! Where the shop's records are, and why they cannot be read.

use std::sync::Arc;

use crate::config::BaseMaps;
use crate::domain::types::CallId;
use crate::gateways::{GatewayError, MirrorError, MirrorGateway};
use crate::store::{Ledger, StoreError};

/// Where the shop's records are.
#[derive(Clone)]
pub struct Base {
    /// The base.
    pub mirror: Arc<dyn MirrorGateway>,
    /// How our names and words stand in it.
    pub maps: Arc<BaseMaps>,
}

/// Why there is no snapshot. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The base.
    #[error("the shop's base cannot be read")]
    Mirror(#[from] MirrorError),
    /// A list of the base came in part: what is not in it may be there.
    #[error("the table {table} could not be read whole")]
    Incomplete { table: String },
    /// A field that calls are found by.
    #[error("the table {table} has no field {field} that can be read")]
    NoField { table: String, field: String },
    /// The provider's list.
    #[error("the provider's list of messages cannot be read")]
    Sms(#[from] GatewayError),
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
}

/// Whether the store has this call.
pub(super) async fn is_known(store: Option<&dyn Ledger>, id: &CallId) -> Result<bool, ReadError> {
    let Some(store) = store else { return Ok(false) };
    match store.call(id).await {
        Ok(found) => Ok(found.is_some()),
        // One that cannot be read is there, too.
        Err(e) if e.is_of_one_call() => Ok(true),
        Err(e) => Err(e.into()),
    }
}
