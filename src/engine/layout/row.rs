//! A row by our names, before anybody knows what the base makes of it.

use crate::gateways::airtable::Cell;

use super::links::Target;

/// What one of our names holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// The same in every base.
    Cell(Cell),
    /// A word: in a base with its own words the first of `words` that it has one for, else `plain`.
    Word {
        /// From the most to the least specific, in lower case.
        words: Vec<String>,
        /// As it stands where the base has no words of its own.
        plain: String,
    },
    /// A row of another table: a link to it, or a text where the base has no link.
    Linked { target: Option<Target>, text: Cell },
}

impl Given {
    /// The words from the most to the least specific, and how the last is written.
    pub fn words<'a>(words: impl IntoIterator<Item = &'a str>, plain: &str) -> Self {
        Self::Word { words: words.into_iter().map(str::to_lowercase).collect(), plain: plain.to_owned() }
    }
}

impl<C: Into<Cell>> From<C> for Given {
    fn from(cell: C) -> Self {
        Self::Cell(cell.into())
    }
}

/// A row of ours.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    pub cells: Vec<(&'static str, Given)>,
    /// What the row is known by to a person, `7K3Q-2`: told in the sentence where the base has no field for it.
    pub tag: Option<String>,
}

impl Row {
    /// The rows of other tables that it names.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.cells.iter().filter_map(|(_, given)| match given {
            Given::Linked { target, .. } => target.as_ref(),
            _ => None,
        })
    }
}
