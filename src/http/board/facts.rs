//! What a view is made of: one read of the store, who is on call, and who looks.

use crate::domain::Timestamp;
use crate::domain::masking::{masked, masked_within};
use crate::domain::team::Directory;
use crate::store::BoardRows;

use super::duties::OnCallView;

/// Whether whoever looks may decide, and see whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Sight {
    /// Numbers are masked, nothing is decided.
    Read,
    Operate,
}

impl Sight {
    pub(super) const fn operates(self) -> bool {
        matches!(self, Self::Operate)
    }

    /// A phone as it is shown.
    pub(super) fn phone(self, number: &str) -> String {
        if self.operates() { number.to_owned() } else { masked_within(&masked(number)) }
    }
}

/// What a view is made of.
pub(super) struct Facts<'a> {
    pub(super) now: Timestamp,
    pub(super) mode: &'static str,
    pub(super) directory: &'a Directory,
    pub(super) rows: &'a BoardRows,
    pub(super) oncall: &'a OnCallView,
    /// Why nothing follows up now; `None`: the engine works.
    pub(super) engine_trouble: Option<String>,
    /// Rows of the store that cannot be read.
    pub(super) unreadable: usize,
    /// The night began then.
    pub(super) night_from: Timestamp,
    pub(super) sight: Sight,
    /// So many closed calls a page.
    pub(super) closed_max: usize,
}
