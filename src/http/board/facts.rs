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

    /// What somebody wrote, as it is shown: a number in it is a number too.
    pub(super) fn words(self, text: &str) -> String {
        if self.operates() { text.to_owned() } else { masked_within(text) }
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
    /// Why nothing can be written; `None`: it can.
    pub(super) store_trouble: Option<String>,
    /// Rows of the store that cannot be read.
    pub(super) unreadable: usize,
    /// The night began then.
    pub(super) night_from: Timestamp,
    pub(super) sight: Sight,
    /// So many closed calls a page.
    pub(super) closed_max: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_only_looks_sees_the_last_digits_of_a_number_however_it_was_written() {
        for number in ["+19495550142", "(949) 555-0142", "9495550142", "949.555.0142"] {
            let shown = Sight::Read.phone(number);
            assert!(!shown.contains("555") && shown.ends_with("0142"), "{number}: {shown}");
            assert_eq!(Sight::Operate.phone(number), number);
        }
    }
}
