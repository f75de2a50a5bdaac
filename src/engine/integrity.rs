//! Looks through the whole store for what cannot be read, once a day and whenever damage was met, and alerts once of each such
//! row. A duty of its own: one look may take a while, and nobody waits for it.

use std::time::Duration;

use crate::domain::AlertKind;
use crate::domain::alert::{AlertChange, AlertKey};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::store::{AlertLine, StoreError, Unreadable};

use super::apply::Core;
use super::duty::Passed;
use super::{Engine, others_go_on};

/// Alerts about unreadable rows at most: the log names the rest.
const UNREADABLE_MAX: usize = 50;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How often to look whether it is time.
pub const EVERY: Duration = Duration::from_secs(5);

/// Looks where it is time, and says what was met meanwhile.
///
/// # Errors
/// [`StoreError`].
pub async fn pass(engine: &Engine) -> Passed {
    let core = &engine.core;
    unreadable(core).await?;
    // What was met meanwhile is said in the next pass.
    Ok(None)
}

/// Of what cannot be read somebody must know, once; a call that can be read again needs nobody.
async fn unreadable(core: &Core) -> Result<(), StoreError> {
    let whole = core.store.integrity_scan(DAY).await?;
    let alerts = core.store.alerts().await?;
    let of_rows: Vec<&AlertLine> = alerts.iter().filter(|a| a.key.kind() == AlertKind::Unreadable).collect();
    for row in core.store.skipped_rows().into_iter().take(UNREADABLE_MAX) {
        let key = AlertKind::Unreadable.about(&row.row);
        let message = message(&row);
        let alert = match of_rows.iter().find(|a| a.key == key) {
            None => AlertChange::Raise { key, call: row.call, message },
            // What was to be done about it is done.
            Some(a) if row.repaired && a.message != message => AlertChange::Again { key, message },
            Some(_) => continue,
        };
        core.apply(Event::Alert(alert), Actor::engine()).await?;
    }
    for a in of_rows {
        let over = match &a.call {
            Some(call) => others_go_on(core.store.call(call).await)?.is_some(),
            // Nothing of the file itself is damaged any more.
            None => whole && is_of_file(&a.key) && !core.store.skipped_rows().iter().any(|row| is_about(&a.key, row)),
        };
        if over {
            core.apply(Event::Alert(AlertChange::Resolve { key: a.key.clone() }), Actor::engine()).await?;
        }
    }
    Ok(())
}

fn message(row: &Unreadable) -> String {
    let look = "a person must look: `dispatchctl recover --dry-run`";
    if row.repaired {
        format!("{}: {}", row.row, row.why)
    } else if row.row.starts_with("the ") {
        format!("{} is damaged: {}; what can be read is served; {look}", row.row, row.why)
    } else {
        format!("{} cannot be read, so nothing is done about it: {}; {look}", row.row, row.why)
    }
}

/// Whether an alert is about the file or a part of it, and not about a row.
fn is_of_file(key: &AlertKey) -> bool {
    key.to_string().starts_with(&AlertKind::Unreadable.about("the ").to_string())
}

fn is_about(key: &AlertKey, row: &Unreadable) -> bool {
    *key == AlertKind::Unreadable.about(&row.row)
}
