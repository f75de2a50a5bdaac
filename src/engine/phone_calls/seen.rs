//! What no call was made of and alarms: a person has looked into it.

use serde_json::json;

use crate::domain::alert::{AlertKey, AlertKind};
use crate::domain::event::{Event, Note};
use crate::domain::log::LogKind;
use crate::domain::types::{Actor, CallId};
use crate::engine::apply::Core;
use crate::store::StoreError;

/// Alerts that nothing but a person ends. Subject: the id of a phone call, or the hash of a report.
const KINDS: [AlertKind; 4] =
    [AlertKind::CallMissed, AlertKind::Unheard, AlertKind::ReportUnread, AlertKind::KeyNotKnown];

/// Ends the alert about the phone call, or the report, of this id; who did it stands in the log. `None`: nothing of that id alarms.
///
/// # Errors
/// [`StoreError`]: nothing was changed.
pub async fn seen(core: &Core, id: &str, by: Actor, note: Option<String>) -> Result<Option<AlertKey>, StoreError> {
    let open = core.store.alerts().await?;
    let key = open.into_iter().map(|a| a.key).find(|key| KINDS.contains(&key.kind()) && key.subject() == id);
    let Some(key) = key else { return Ok(None) };
    let what = if key.kind() == AlertKind::ReportUnread { "the report" } else { "the phone call" };
    let said = Note {
        call: id.parse::<CallId>().ok().filter(|_| key.kind() != AlertKind::ReportUnread),
        kind: LogKind::AlertSeen,
        message: format!("{what} {id} was seen by {}", by.0),
        data: json!({ "alert": key.to_string(), "note": note }),
        alert: None,
        phone: None,
        over: Some(key.clone()),
    };
    core.apply(Event::Note(Box::new(said)), by).await?;
    Ok(Some(key))
}
