//! From bytes to occurrences.

use super::types::{BYTES_MAX, Place, Reading, Unreadable, Window};
use super::{components, event, expand, lines, zones};

/// What this calendar says within the window, for this rotation. Pure, and bounded whatever the bytes are.
///
/// # Errors
/// What is no calendar, is cut off, or is larger than the bounds.
pub fn read(bytes: &[u8], place: &Place, window: Window) -> Result<Reading, Unreadable> {
    if bytes.len() > BYTES_MAX {
        return Err(Unreadable::TooLarge);
    }
    let text = lines::unfold(bytes);
    let parts = components::parts(&text).map_err(|e| if e == Unreadable::NotACalendar { seen_as(&text) } else { e })?;
    let floating = parts.zone.as_deref().and_then(zones::known).unwrap_or_else(|| place.zone.clone());
    let (first, last) = window.days();
    let mut reader = event::Reader { zones: zones::Zones::new(parts.zones, last), place, floating };
    let events = parts.events.iter().zip(1..).map(|(raw, number)| {
        reader.read(raw, number).map_err(|refused| {
            // What is long over is nobody's trouble any more.
            let is_over = event::over_by(raw).is_some_and(|day| day < first);
            if is_over { expand::Left::Over(refused) } else { expand::Left::Said(refused) }
        })
    });
    let expand::Expanded { occurrences, refused } = expand::expand(events.collect(), place, window)?;
    Ok(Reading { occurrences, refused })
}

/// What stands there in place of a calendar.
fn seen_as(text: &str) -> Unreadable {
    let start = text.trim_start();
    if start.is_empty() {
        Unreadable::Empty
    } else if start.starts_with('<') {
        Unreadable::WebPage
    } else {
        Unreadable::NotACalendar
    }
}
