//! Reads back whether somebody has seen a message that rings until it is acknowledged: then the alert is acknowledged too. A message
//! whose alerts are all over, or were seen elsewhere, is canceled.
//!
//! Its receipts are in the store from the delivery on, so a restart reads on. A crash between the delivery and its record leaves a
//! message of which nobody reads the receipt: it is delivered once more, and that one is read.

use std::time::Duration;

use tracing::{info, warn};

use crate::domain::alert::AlertChange;
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::gateways::ReceiptAnswer;
use crate::store::{AlertReceipt, StoreError};

use super::apply::Core;
use super::duty::Passed;
use super::sink::Sink;
use super::{Engine, Scope};

/// Receipts that one pass asks about.
const BATCH: usize = 20;
/// A receipt is asked about again after this, and a message rings no longer than this once its alerts are over; the service wants
/// 5 s at least.
const AGAIN: Duration = Duration::from_secs(10);
/// The longest that the service is left alone when it asks for that.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// Asks about the receipts of this sink that are due; returns when to look again.
///
/// # Errors
/// [`StoreError`].
pub async fn pass(engine: &Engine, sink: &Sink) -> Passed {
    if engine.scope != Scope::All {
        return Ok(None);
    }
    let core = &engine.core;
    let now = core.clock.now();
    let receipts = core.store.alert_receipts(&sink.name).await?;
    let (due, later): (Vec<&AlertReceipt>, Vec<&AlertReceipt>) = receipts.iter().partition(|r| r.look_at <= now);
    for receipt in due.iter().take(BATCH) {
        ask(core, sink, receipt).await?;
    }
    if due.len() > BATCH {
        return Ok(Some(now));
    }
    let soon = (!due.is_empty()).then(|| now.plus(AGAIN));
    Ok(later.iter().map(|r| r.look_at).chain(soon).min())
}

async fn ask(core: &Core, sink: &Sink, receipt: &AlertReceipt) -> Result<(), StoreError> {
    let now = core.clock.now();
    let done = || core.store.drop_receipt(&sink.name, &receipt.id);
    let later = |pause: Duration| core.store.put_off_receipt(&sink.name, &receipt.id, now.plus(pause));
    if receipt.expires_at <= now {
        return done().await;
    }
    let failed = if receipt.unseen.is_empty() {
        match sink.gateway.cancel_receipt(&receipt.id).await {
            Ok(()) => return done().await,
            Err(e) => e,
        }
    } else {
        match sink.gateway.read_receipt(&receipt.id).await {
            Ok(ReceiptAnswer::Waits) => return later(AGAIN).await,
            Ok(ReceiptAnswer::Expired) => return done().await,
            Ok(ReceiptAnswer::Acknowledged { device }) => {
                acknowledge(core, sink, receipt, device.as_deref()).await?;
                return done().await;
            }
            Err(e) => e,
        }
    };
    warn!(sink = sink.name, why = failed.why, "whether somebody has seen an alert cannot be read");
    if failed.for_good {
        done().await
    } else {
        later(failed.retry_after.unwrap_or(AGAIN).clamp(AGAIN, PAUSE_MAX)).await
    }
}

/// What the message tells of is seen; once is enough.
async fn acknowledge(core: &Core, sink: &Sink, receipt: &AlertReceipt, device: Option<&str>) -> Result<(), StoreError> {
    let by = Actor(device.map_or_else(|| sink.name.clone(), |device| format!("{} ({device})", sink.name)));
    for key in &receipt.unseen {
        info!(sink = sink.name, alert = key.masked(), "an alert was acknowledged on a phone");
        let change = AlertChange::Acknowledge { key: key.clone(), by: by.clone(), raised_by: None };
        core.apply(Event::Alert(change), by.clone()).await?;
    }
    Ok(())
}
