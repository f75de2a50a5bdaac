//! What a record of the base says, by our names.

use super::table::Layout;
use crate::domain::body::find_references;
use crate::domain::types::CallRef;
use crate::gateways::airtable::Cell;
use crate::gateways::mirror::Record;

/// The most characters of one cell that are used: more is no emergency's paperwork.
const CELL_CHARACTERS_MAX: usize = 4_000;

impl Layout {
    /// A text, trimmed, bounded; a number is one too, as shops make such fields.
    pub fn text(&self, record: &Record, ours: &str) -> Option<String> {
        let found = match self.cell_of(record, ours) {
            Cell::Number(n) => n.to_string(),
            other => other.as_text()?.to_owned(),
        };
        let found: String = found.trim().chars().take(CELL_CHARACTERS_MAX).collect();
        Some(found).filter(|t| !t.is_empty())
    }

    /// A whole number of ours.
    pub fn whole(&self, record: &Record, ours: &str) -> Option<u32> {
        self.cell_of(record, ours).as_whole().and_then(|n| u32::try_from(n).ok())
    }

    /// The reference of an event's text: in a field of its own, else behind its sentence.
    pub fn tag(&self, record: &Record) -> Option<(CallRef, Option<u32>)> {
        let own = self.text(record, "reference").and_then(|cell| reference(&cell));
        own.or_else(|| reference(tagged(self.cell_of(record, "result").as_text()?)?.1))
    }

    /// An event's sentence, without the reference behind it.
    pub fn sentence(&self, record: &Record) -> String {
        let text = self.text(record, "result").unwrap_or_default();
        tagged(&text).map_or_else(|| text.clone(), |(sentence, _)| sentence.to_owned())
    }
}

/// `7K3Q-2`, or a call's own `7K3Q`, also one without a digit.
fn reference(cell: &str) -> Option<(CallRef, Option<u32>)> {
    find_references(cell).into_iter().next().or_else(|| cell.parse().ok().map(|r| (r, None)))
}

/// A sentence and the attempt's reference in brackets behind it; people may have written on behind that.
fn tagged(text: &str) -> Option<(&str, &str)> {
    text.rmatch_indices(" [").find_map(|(at, open)| {
        let (tag, _) = text.get(at + open.len()..)?.split_once(']')?;
        let is_attempts = tag.len() <= 12 && matches!(reference(tag), Some((_, Some(_))));
        is_attempts.then_some((text.get(..at)?, tag))
    })
}
